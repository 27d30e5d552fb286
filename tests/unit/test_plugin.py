"""The pytest plugin, in mini-projects that know nothing of this one: it is installed, and that is all."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import ROOT
from tests.unit.test_second_api import CONNECTOR, MATRIX, RULES

REPLAYS = """
import pytest
from strict_cassettes.scenarios import load_matrix, load_source, play

MATRIX = load_matrix()

@pytest.mark.vcr
@pytest.mark.recorded(title="all")
def test_moons(recorded):
    [rows] = play(recorded.scenario, load_source(MATRIX), MATRIX.replay).reads
    assert [row["id"] for row in rows] == [1, 2, 3, 9]
"""
HALF = """
import pytest
import requests

@pytest.mark.vcr
def test_half(recorded):
    requests.get("https://sky.example.com/sky/moons?page=1", timeout=1)
"""
OTHER = """
import pytest
import requests
from contextlib import suppress

@pytest.mark.vcr
def test_another_request(recorded):
    with suppress(BaseException):
        requests.get("https://sky.example.com/comets", timeout=1)
"""
SHARED = """
import socket
import pytest

@pytest.fixture(scope="class")
def shared():
    try:
        socket.create_connection(("127.0.0.1", 9), 1)
    except BaseException:
        pass

class TestIt:
    def test_it(self, shared):
        pass
"""


def run(place: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A command in a project that this repository's root is on no path of; the package is as if installed."""
    installed = str(ROOT / "tools" / "strict_cassettes")
    environment = {"PYTHONPATH": f"{place}:{installed}", "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=place, env=environment, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def recorded_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another team's project, its cassettes recorded."""
    place = tmp_path_factory.mktemp("moons")
    (place / "configs").mkdir()
    for name, text in (
        ("moons.py", CONNECTOR),
        ("configs/scenarios.toml", MATRIX),
        ("configs/rules.toml", RULES),
        ("pytest.ini", "[pytest]\nstrict_cassettes_offline = tests\n"),
    ):
        (place / name).write_text(text)
    done = run(place, "strict_cassettes", "record", "--sandbox")
    assert done.returncode == 0, done.stdout + done.stderr
    return place


def try_in(project: Path, place: Path, test: str, *options: str) -> subprocess.CompletedProcess[str]:
    shutil.copytree(project, place, dirs_exist_ok=True)
    (place / "tests").mkdir()
    (place / "tests" / "test_moons.py").write_text(test)
    return run(place, "pytest", "-q", "-p", "no:cacheprovider", *options)


def test_every_recorded_scenario_of_another_project_is_replayed_strictly(
    recorded_project: Path, tmp_path: Path
) -> None:
    done = try_in(recorded_project, tmp_path, REPLAYS, "-vv")
    assert done.returncode == 0, done.stdout
    assert "test_moons[sandbox/moons/all]" in done.stdout


@pytest.mark.parametrize(
    ("test", "says"),
    [
        (HALF, "Nobody asked for GET https://sky.example.com/sky/moons?page=2"),
        (OTHER, "No recorded interaction answers GET https://sky.example.com/comets"),
        (SHARED, "It reached for the network outside of the replay"),
    ],
    ids=["unplayed", "unmatched and swallowed", "a shared fixture"],
)
def test_a_replay_that_is_not_strict_fails_whatever_the_test_swallows(
    test: str, says: str, recorded_project: Path, tmp_path: Path
) -> None:
    done = try_in(recorded_project, tmp_path, test)
    assert done.returncode == 1
    assert says in done.stdout


def test_recording_from_within_pytest_is_refused(recorded_project: Path, tmp_path: Path) -> None:
    done = try_in(recorded_project, tmp_path, REPLAYS, "--record-mode=all")
    assert done.returncode != 0
    assert "These tests only replay" in done.stdout + done.stderr


def test_in_a_project_without_a_matrix_the_plugin_does_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text("def test_own():\n    pass\n")
    done = run(tmp_path, "pytest", "-q", "-p", "no:cacheprovider")
    assert (done.returncode, "1 passed" in done.stdout) == (0, True)


HIDDEN = """
import builtins
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name == "fcntl":
            raise ImportError("this system has no fcntl")

sys.modules.pop("fcntl", None)
sys.meta_path.insert(0, Hidden())
import pytest
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider"]))
"""


def test_a_system_without_fcntl_replays_too(recorded_project: Path, tmp_path: Path) -> None:
    shutil.copytree(recorded_project, tmp_path, dirs_exist_ok=True)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_moons.py").write_text(REPLAYS)
    (tmp_path / "hidden.py").write_text(HIDDEN)
    done = run(tmp_path, "hidden")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
