"""Drift: a field that appears, goes or changes its type is told, with the schemas that lack it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connector.datasource import LakeflowSource
from harness.drift import compare
from harness.scenarios import CASSETTES, ROOT, load_matrix

MATRIX = load_matrix()
SCENARIOS = MATRIX.select(("ideas/one_page",))

Change = Callable[[dict[str, Any]], object]
CHANGES: dict[str, tuple[Change, str]] = {
    "a new field": (
        lambda idea: idea.update(mood="text"),
        "/api/v1/ideas .ideas[].mood: added; not in the schema of ideas",
    ),
    "a field that a schema has": (
        lambda idea: idea["workflow_status"].update(tags=["x"]),
        "/api/v1/ideas .ideas[].workflow_status.tags: added",
    ),
    "a removed field": (lambda idea: idea.pop("votes"), "/api/v1/ideas .ideas[].votes: removed"),
    "a retyped field": (
        lambda idea: idea.update(votes=str(idea["votes"])),
        "/api/v1/ideas .ideas[].votes: number became string",
    ),
}


def change_all(directory: Path, change: Change, rows: slice = slice(None)) -> Path:
    file = directory / "ideas" / "one_page.json"
    data = json.loads(file.read_text())
    for entry in data["interactions"]:
        for idea in entry["response"]["body"]["ideas"][rows]:
            change(idea)
    file.write_text(json.dumps(data))
    return directory


@pytest.fixture
def made(tmp_path: Path) -> Path:
    shutil.copytree(CASSETTES, tmp_path / "made")
    return tmp_path / "made"


@pytest.mark.parametrize("what", CHANGES)
def test_a_difference_in_shape_is_told_with_its_route_and_path(what: str, made: Path) -> None:
    change, says = CHANGES[what]
    found = compare(MATRIX, SCENARIOS, CASSETTES, change_all(made, change), LakeflowSource)
    assert says in [str(drift) for drift in found]


def test_a_field_that_is_missing_here_and_there_became_optional(made: Path) -> None:
    change_all(made, lambda idea: idea.pop("votes"), slice(0, 1))
    [drift] = compare(MATRIX, SCENARIOS, CASSETTES, made, LakeflowSource)
    assert str(drift) == "/api/v1/ideas .ideas[].votes: became optional"


def test_an_error_that_says_something_else_is_drift(made: Path) -> None:
    file = made / "ideas" / "wrong_key.json"
    data = json.loads(file.read_text())
    data["interactions"][0]["response"] |= {"status": 403, "body": {"error": "text"}}
    file.write_text(json.dumps(data))
    found = compare(MATRIX, MATRIX.select(("ideas/wrong_key",)), CASSETTES, made, LakeflowSource)
    assert {str(drift) for drift in found} == {
        "/api/v1/ideas 401 : removed",
        "/api/v1/ideas 403 : added",
        "/api/v1/ideas 403 .error: added; not in the schema of ideas",
    }


def test_other_values_are_no_drift(made: Path) -> None:
    change_all(made, lambda idea: idea.update(name="another", votes=99))
    assert compare(MATRIX, SCENARIOS, CASSETTES, made, LakeflowSource) == []


def test_the_sandbox_has_not_drifted_and_nothing_is_written(made: Path) -> None:
    files = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    command = [sys.executable, "-m", "harness", "drift", "--sandbox", "--cassettes", str(made)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 difference(s) in shape" in done.stdout
    change_all(made, CHANGES["a new field"][0])
    files |= {made / "ideas" / "one_page.json": (made / "ideas" / "one_page.json").read_bytes()}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "/api/v1/ideas .ideas[].mood: removed" in done.stdout
    assert {path: path.read_bytes() for path in made.rglob("*") if path.is_file()} == files
