"""The example: another connector, recorded, judged and replayed over the wheel, with a page of glue."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.places import ROOT

EXAMPLE = ROOT / "examples" / "tracker"
GLUE = ("configs/scenarios.toml", "configs/rules.toml", "tests/test_replay.py", "pytest.ini")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked as an installation would."""
    place = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)]
    subprocess.run(build, cwd=ROOT / "tools" / "strict_cassettes", check=True, capture_output=True)
    [wheel] = place.glob("strict_cassettes-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place / "site")
    return place / "site"


def run(place: Path, site: Path, *command: str) -> str:
    environment = {"PYTHONPATH": str(site), "PATH": os.defpath}
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=place, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_another_connector_takes_at_most_60_lines_of_glue() -> None:
    lines = [line.strip() for name in GLUE for line in (EXAMPLE / name).read_text().splitlines()]
    assert sum(bool(line) and not line.startswith("#") for line in lines) <= 60


def test_another_connector_is_recorded_judged_and_replayed_over_the_wheel_alone(
    site: Path, tmp_path: Path
) -> None:
    place = tmp_path / "tracker"
    shutil.copytree(EXAMPLE, place, ignore=shutil.ignore_patterns("cassettes", "__pycache__"))
    assert "5 scenarios (0 unchanged), 8 interactions" in run(
        place, site, "strict_cassettes", "record", "--sandbox"
    )
    assert "5 cassettes, 0 fault(s)" in run(place, site, "strict_cassettes", "cassettes")
    assert "5 passed" in run(place, site, "pytest", "-q", "-p", "no:cacheprovider")
    assert "0 difference(s)" in run(place, site, "strict_cassettes", "drift", "--sandbox")
    where = "import strict_cassettes, pathlib; print(pathlib.Path(strict_cassettes.__file__).parents[1])"
    (place / "where.py").write_text(where)
    assert run(place, site, "where").strip() == str(site)
    # What is committed is what is recorded.
    for file in (EXAMPLE / "cassettes").rglob("*/*/*.json"):
        assert (place / file.relative_to(EXAMPLE)).read_bytes() == file.read_bytes()
    shown = "".join(file.read_text() for file in (place / "cassettes").rglob("*/*/*.json"))
    assert not [word for word in ("Ada", "Bob", "creaks", "a-token") if word in shown]
