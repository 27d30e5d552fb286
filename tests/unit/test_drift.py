"""Drift: a field that appears, goes or changes its type is told, with the schemas that lack it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from strict_cassettes.accounts import RECORDED_DATE
from strict_cassettes.drift import Drift, compare, names_known, shapes_of_account, shapes_of_set
from strict_cassettes.provenance import read_provenance
from strict_cassettes.record import record
from strict_cassettes.recording import Account
from strict_cassettes.scenarios import load_matrix
from strict_cassettes.scrub import Scrubber
from strict_cassettes.sets import LIVE
from strict_cassettes.taking import NoWatcher

from connector.datasource import LakeflowSource
from sandbox.faults import Scheduled
from sandbox.store import Condition
from tests.accounts import ACCOUNTS, account
from tests.places import ROOT, SANDBOX_SET

MATRIX = load_matrix()


def drifts(made: Path, name: str = "ideas/one_page") -> list[str]:
    """How a changed copy of the sandbox's set differs from it."""
    scenarios = MATRIX.select((name,))
    before, now = (shapes_of_set(place, scenarios, MATRIX.rules.words) for place in (SANDBOX_SET, made))
    return [str(drift) for drift in compare(MATRIX, before, now, LakeflowSource, {})]


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
    shutil.copytree(SANDBOX_SET, tmp_path / "made" / "sandbox")
    return tmp_path / "made" / "sandbox"


@pytest.mark.parametrize("what", CHANGES)
def test_a_difference_in_shape_is_told_with_its_route_and_path(what: str, made: Path) -> None:
    change, says = CHANGES[what]
    assert says in drifts(change_all(made, change))


def test_a_field_that_is_missing_here_and_there_became_optional(made: Path) -> None:
    change_all(made, lambda idea: idea.pop("votes"), slice(0, 1))
    assert drifts(made) == ["/api/v1/ideas .ideas[].votes: became optional"]


def test_an_error_that_says_something_else_is_drift(made: Path) -> None:
    file = made / "ideas" / "wrong_key.json"
    data = json.loads(file.read_text())
    data["interactions"][0]["response"] |= {"status": 403, "body": {"error": "text"}}
    file.write_text(json.dumps(data))
    assert set(drifts(made, "ideas/wrong_key")) == {
        "/api/v1/ideas 401 : removed",
        "/api/v1/ideas 403 : added",
        "/api/v1/ideas 403 .error: added; not in the schema of ideas",
    }


def test_other_values_are_no_drift(made: Path) -> None:
    change_all(made, lambda idea: idea.update(name="another", votes=99))
    assert drifts(made) == []


def test_the_sandbox_has_not_drifted_and_nothing_is_written(made: Path) -> None:
    files = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    command = [sys.executable, "-m", "harness", "drift", "--sandbox", "--cassettes", str(made.parent)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 difference(s) in shape" in done.stdout
    change_all(made, CHANGES["a new field"][0])
    files |= {made / "ideas" / "one_page.json": (made / "ideas" / "one_page.json").read_bytes()}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "/api/v1/ideas .ideas[].mood: removed" in done.stdout
    assert {path: path.read_bytes() for path in made.rglob("*") if path.is_file()} == files


def compare_live(box: Any, root: Path, key: str) -> list[Drift]:
    connection = {"api_key": box.api_key, "subdomain": "acme", "base_url": box.url}
    scrubber = Scrubber(MATRIX.rules, key, (), RECORDED_DATE)
    live = Account(LIVE, connection | {"requests_per_minute": "600000"}, scrubber)
    scenarios = MATRIX.select(("ideas",))
    if not (root / LIVE).exists():
        record(live, MATRIX, scenarios, root)
    files = {path: path.read_bytes() for path in root.rglob("*.json")}
    now = shapes_of_account(live, MATRIX, scenarios, NoWatcher())
    played = [found for found in scenarios if found.name not in now.missed]
    before = shapes_of_set(root / LIVE, played, MATRIX.rules.words)
    names = names_known(root / LIVE, live)
    assert files == {path: path.read_bytes() for path in root.rglob("*.json")}
    return compare(MATRIX, before, now, LakeflowSource, names)


def test_an_account_with_names_that_no_rule_knows_has_not_drifted_a_second_after_it_was_recorded(
    tmp_path: Path,
) -> None:
    with account(ACCOUNTS["with every type of custom field"]) as box:
        for key in ("one key", "one key", "the key of somebody else"):
            assert [str(drift) for drift in compare_live(box, tmp_path, key)] == []
        assert read_provenance(tmp_path / LIVE).cassettes


def test_a_new_field_of_an_account_is_told_by_its_own_name_where_the_key_is_known(tmp_path: Path) -> None:
    with account(ACCOUNTS["with every type of custom field"]) as box:
        assert compare_live(box, tmp_path, "one key") == []
        for record_ in box.world.store.page([Condition("kind = 'idea'")]):
            description = record_.body["description"] | {"mood_of_tomorrow": "angry"}
            box.world.store.put([replace(record_, body=record_.body | {"description": description})])
        told = {str(drift) for drift in compare_live(box, tmp_path, "one key")}
        assert (
            "/api/v1/ideas .ideas[].description.mood_of_tomorrow: added; not in the schema of ideas" in told
        )


def test_drift_compares_what_can_be_played_and_names_the_rest(tmp_path: Path) -> None:
    with account(ACCOUNTS["that may not read audits"]) as box:
        assert compare_live(box, tmp_path, "one key") == []
        box.traffic.faults.insert(0, Scheduled("login_page", "^/ideas$", times=1, after=10))
        assert compare_live(box, tmp_path, "one key") == []
