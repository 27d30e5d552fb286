"""The gates of the inventory: each is tested by planting what it must catch."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connector.tables import TABLES
from harness.cassettes import CassetteError, dump, parse
from harness.inventory import find_faults, find_unplayed, take_inventory
from harness.page import write_page
from harness.scenarios import CASSETTES, ROOT, Matrix, load_matrix

MATRIX = load_matrix()
NOW = datetime.now(UTC)


@pytest.fixture
def cassettes(tmp_path: Path) -> Path:
    """A copy of the committed cassettes."""
    shutil.copytree(CASSETTES, tmp_path / "cassettes")
    return tmp_path / "cassettes"


def faults(cassettes: Path, matrix: Matrix = MATRIX) -> list[str]:
    return find_faults(matrix, cassettes, take_inventory(matrix, cassettes, NOW))


def test_the_committed_cassettes_pass_every_gate() -> None:
    assert faults(CASSETTES) == []


def edit(path: Path, change: Callable[[str], str]) -> None:
    path.write_text(change(path.read_text()))


def provenance(cassettes: Path, **fields: str) -> None:
    file = cassettes / "provenance.json"
    known = json.loads(file.read_text())
    known["ideas/one_page"] |= fields
    file.write_text(json.dumps(known))


def without_last(text: str) -> str:
    return dump(parse(text)[:-1])


def ago(days: int) -> str:
    return (NOW - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


PLANTED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a secret": (
        lambda place: edit(
            place / "ideas" / "one_page.json", lambda text: text.replace('"color"', '"ada@customer.test"', 1)
        ),
        "ideas/one_page: an e-mail address outside example.com",
    ),
    "a removed cassette": (
        lambda place: (place / "ideas" / "empty.json").unlink(),
        "ideas/empty has no cassette",
    ),
    "an orphan": (
        lambda place: shutil.copy(place / "ideas" / "empty.json", place / "ideas" / "of_march.json"),
        "ideas/of_march.json belongs to no scenario",
    ),
    "a stray file": (lambda place: (place / "notes.txt").write_text("x"), "notes.txt belongs to no scenario"),
    "an old live recording": (
        lambda place: provenance(place, recorded_from="live", recorded_at=ago(181)),
        "ideas/one_page is 181 days old",
    ),
    "an older rule set": (
        lambda place: provenance(place, rules="1 abc"),
        "was made by rule set 1, and ",
    ),
    "other rules of the same version": (
        lambda place: provenance(place, rules=f"{MATRIX.rules.version} abc"),
        "raise `version` in the rules",
    ),
    "no provenance": (lambda place: (place / "provenance.json").unlink(), "has no provenance"),
    "a removed interaction": (
        lambda place: edit(place / "idea_comments" / "first_sync.json", without_last),
        "idea_comments/first_sync is not what was recorded: somebody changed it",
    ),
    "an emptied cassette": (
        lambda place: (place / "ideas" / "deletions.json").write_text(dump([])),
        "ideas/deletions holds no interaction",
    ),
    "an error scenario without an error": (
        lambda place: shutil.copy(place / "ideas" / "one_page.json", place / "ideas" / "wrong_key.json"),
        "ideas/wrong_key was to end in an error, and holds none",
    ),
    "a form that no recording writes": (
        lambda place: edit(place / "ideas" / "empty.json", lambda text: json.dumps(json.loads(text))),
        "ideas/empty has not the form that a recording writes",
    ),
    "an unknown origin": (lambda place: provenance(place, recorded_from="Live"), "was recorded from 'Live'"),
    "a recording from the future": (
        lambda place: provenance(place, recorded_at=ago(-90)),
        "which is yet to come",
    ),
    "a forgotten scenario": (
        lambda place: edit(
            place / "provenance.json", lambda text: text.replace("ideas/one_page", "ideas/of_march")
        ),
        "ideas/of_march is in provenance.json and is no scenario",
    ),
    "a damaged cassette": (
        lambda place: edit(place / "ideas" / "empty.json", lambda text: text[:-20]),
        "The cassette of ideas/empty is damaged",
    ),
}


@pytest.mark.parametrize("what", PLANTED)
def test_what_is_planted_is_told(what: str, cassettes: Path) -> None:
    plant, says = PLANTED[what]
    plant(cassettes)
    assert any(says in fault for fault in faults(cassettes))


def test_a_live_recording_within_its_days_and_an_old_sandbox_recording_pass(cassettes: Path) -> None:
    provenance(cassettes, recorded_from="live", recorded_at=ago(179))
    assert faults(cassettes) == []
    provenance(cassettes, recorded_from="sandbox", recorded_at=ago(900))
    assert faults(cassettes) == []


def test_a_size_budget_is_kept(cassettes: Path) -> None:
    small = replace(MATRIX, limits=MATRIX.limits | {"max_bytes": 1000})
    [fault] = faults(cassettes, small)
    assert re.fullmatch(
        r"All cassettes have [\d,]+ bytes, and `max_bytes` is 1,000: lower a page_size\.", fault
    )


@pytest.mark.parametrize("title", MATRIX.coverage["scenarios"])
def test_a_scenario_that_a_table_must_have_is_missed(title: str, cassettes: Path) -> None:
    without = replace(
        MATRIX, scenarios={name: found for name, found in MATRIX.scenarios.items() if found.title != title}
    )
    for path in cassettes.glob(f"*/{title}.json"):
        path.unlink()
    told = faults(cassettes, without)
    assert f"Table ideas has no scenario {title}: record again: nox -s record" in told


def test_a_table_without_a_middle_page_is_told(cassettes: Path) -> None:
    edit(
        cassettes / "ideas" / "several_pages.json",
        lambda text: re.sub(r'"current_page": [2-7]', '"current_page": 1', text),
    )
    assert "Table ideas has no middle page: record again: nox -s record" in faults(cassettes)


def test_a_route_that_nothing_exercises_is_told_and_so_is_one_that_is_not_named(cassettes: Path) -> None:
    routes = [*MATRIX.coverage["routes"][1:], "/api/v1/goals"]
    other = replace(MATRIX, coverage=MATRIX.coverage | {"routes": routes})
    told = faults(cassettes, other)
    assert "Route /api/v1/goals is in no cassette: record again: nox -s record" in told
    assert (
        "Route /api/v1/ideas is recorded, and not named under [coverage]: record again: nox -s record" in told
    )


def test_the_named_routes_are_those_of_the_connector() -> None:
    paths = {table.path for table in TABLES.values()} | {
        table.fan_out.path.replace("{id}", ":id") for table in TABLES.values() if table.fan_out
    }
    assert {f"/api/v1{path}" for path in paths - {None}} | {"/api/v1/audits"} == set(
        MATRIX.coverage["routes"]
    )
    assert set(MATRIX.tables) == set(TABLES)


def test_the_command_prints_the_table_and_exits_1_on_a_fault(cassettes: Path) -> None:
    command = [sys.executable, "-m", "harness", "cassettes", "--cassettes", str(cassettes)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "0 fault(s)" in done.stdout
    (cassettes / "ideas" / "empty.json").unlink()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "ideas/empty has no cassette" in done.stdout


@pytest.fixture
def page(tmp_path: Path) -> Path:
    inventory = take_inventory(MATRIX, CASSETTES, NOW)
    write_page(tmp_path / "page.html", MATRIX, CASSETTES, inventory, ["a <fault> & more"])
    return tmp_path / "page.html"


def test_the_page_loads_nothing_and_shows_coverage_ages_and_faults(page: Path) -> None:
    text = page.read_text()
    assert not re.findall(r"(?:src|href)=|@import|url\(", text)
    assert text.count("✓") == len(MATRIX.tables) * (len(MATRIX.coverage["scenarios"]) + 3)
    assert "a &lt;fault&gt; &amp; more" in text
    assert all(name in text for name in MATRIX.scenarios)


def test_a_real_browser_shows_the_page(page: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={page.parent}/profile"]
    command = [browser, *flags, "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.count('class="yes"') == len(MATRIX.tables) * (len(MATRIX.coverage["scenarios"]) + 3)
    assert "a &lt;fault&gt; &amp; more" in done.stdout


@pytest.mark.parametrize(
    "text", ["", "[]", '{"ideas/one_page": {}}', '{"ideas/one_page": {"recorded_at": "yesterday"}}']
)
def test_a_damaged_provenance_is_one_clear_error(text: str, cassettes: Path) -> None:
    (cassettes / "provenance.json").write_text(text)
    with pytest.raises(CassetteError, match=r"provenance\.json is damaged"):
        faults(cassettes)


def test_a_scenario_that_no_test_plays_is_told(tmp_path: Path) -> None:
    assert find_unplayed(MATRIX, ROOT / "tests" / "replay") == []
    (tmp_path / "test_one.py").write_text(
        "import pytest\n\n"
        "@pytest.mark.parametrize('name', ['ideas/one_page'])\ndef test_it(name):\n    pass\n"
    )
    told = find_unplayed(MATRIX, tmp_path)
    assert len(told) == len(MATRIX.scenarios) - 1
    assert any(fault.startswith("ideas/empty is played by no test") for fault in told)
