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
from strict_cassettes.cassettes import CassetteError, dump, parse
from strict_cassettes.changes import find_changes
from strict_cassettes.inventory import find_faults, find_unplayed, take_inventory
from strict_cassettes.page import write_page
from strict_cassettes.scenarios import Matrix, load_matrix
from strict_cassettes.sets import LIVE, SANDBOX, sets_in

from connector.client import GRAPHQL
from connector.tables import TABLES
from tests.places import CASSETTES, ROOT

MATRIX = load_matrix()
NOW = datetime.now(UTC)


# What is planted into a set of a few tables is judged as in one of all.
TABLES_OF_A_FEW = ("ideas", "idea_proxy_votes", "idea_comments", "audits", "custom_object_records")


def few() -> Matrix:
    scenarios = {name: found for name, found in MATRIX.scenarios.items() if found.table in TABLES_OF_A_FEW}
    matrix = replace(MATRIX, tables=TABLES_OF_A_FEW, scenarios=scenarios)
    lines = take_inventory(matrix, CASSETTES, SANDBOX, NOW).lines
    shown = {route for line in lines for route in line.routes}
    routes = [route for route in MATRIX.coverage["routes"] if route in shown]
    return replace(matrix, coverage=MATRIX.coverage | {"routes": routes})


FEW = few()


@pytest.fixture
def cassettes(tmp_path: Path) -> Path:
    """A copy of a few tables of the sandbox's set."""
    place = tmp_path / "cassettes" / SANDBOX
    for table in TABLES_OF_A_FEW:
        shutil.copytree(CASSETTES / SANDBOX / table, place / table)
    known = json.loads((CASSETTES / SANDBOX / "provenance.json").read_text())
    known["cassettes"] = {name: found for name, found in known["cassettes"].items() if name in FEW.scenarios}
    (place / "provenance.json").write_text(json.dumps(known))
    return place


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A copy of the sandbox's set."""
    shutil.copytree(CASSETTES / SANDBOX, tmp_path / "cassettes" / SANDBOX)
    return tmp_path / "cassettes" / SANDBOX


def faults(place: Path, matrix: Matrix = FEW) -> list[str]:
    inventory = take_inventory(matrix, place.parent, place.name, NOW)
    return [fault.removeprefix(f"{place.name}/") for fault in find_faults(matrix, place.parent, [inventory])]


@pytest.mark.parametrize("origin", sets_in(CASSETTES))
def test_the_committed_cassettes_pass_every_gate(origin: str) -> None:
    assert faults(CASSETTES / origin, MATRIX) == []


def edit(path: Path, change: Callable[[str], str]) -> None:
    path.write_text(change(path.read_text()))


def provenance(cassettes: Path, **fields: str) -> None:
    file = cassettes / "provenance.json"
    known = json.loads(file.read_text())
    known["cassettes"]["ideas/one_page"] |= fields
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
        "ideas/one_page: what is neither published nor a pseudonym at .interactions[0].response.body",
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
    "a cassette of the other set": (
        lambda place: provenance(place, recorded_from="live"),
        "ideas/one_page was recorded from 'live', and sets do not mix",
    ),
    "a file beside the sets": (
        lambda place: (place.parent / "ideas").mkdir(),
        "ideas belongs to no set (sandbox, live): delete it.",
    ),
    "another pseudonym key": (
        lambda place: provenance(place, pseudonyms="0123456789abcdef"),
        "made with different pseudonym keys",
    ),
    "an answer that is asked for again": (
        lambda place: edit(
            place / "ideas" / "one_page.json", lambda text: text.replace('"status": 200', '"status": 429', 1)
        ),
        "ideas/one_page holds an answer that a client waits for and asks again",
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
            place / "provenance.json", lambda text: text.replace('"ideas/one_page"', '"ideas/of_march"')
        ),
        "ideas/of_march is in provenance.json and is no scenario",
    ),
    "a damaged cassette": (
        lambda place: edit(place / "ideas" / "empty.json", lambda text: text[:-20]),
        "The cassette of ideas/empty is damaged",
    ),
}


def test_what_a_kill_left_beside_the_sets_is_no_fault(cassettes: Path) -> None:
    shutil.copytree(cassettes, cassettes.with_name(".live.new"))
    assert faults(cassettes) == []


@pytest.mark.parametrize("what", PLANTED)
def test_what_is_planted_is_told(what: str, cassettes: Path) -> None:
    plant, says = PLANTED[what]
    plant(cassettes)
    assert any(says in fault for fault in faults(cassettes))


def test_a_live_recording_ages_and_a_sandbox_recording_does_not(cassettes: Path) -> None:
    provenance(cassettes, recorded_at=ago(900))
    assert faults(cassettes) == []
    live = cassettes.rename(cassettes.with_name(LIVE))
    edit(live / "provenance.json", lambda text: text.replace('"sandbox"', '"live"'))
    provenance(live, recorded_at=ago(179))
    assert faults(live) == []
    provenance(live, recorded_at=ago(181))
    [fault] = faults(live)
    assert fault.startswith("ideas/one_page is 181 days old, and 180 is the limit for live")


def test_a_live_set_is_asked_for_what_its_account_can_show_and_the_sandboxs_for_everything(
    cassettes: Path,
) -> None:
    (cassettes / "idea_comments" / "filtered.json").unlink()
    known = json.loads((cassettes / "provenance.json").read_text())
    del known["cassettes"]["idea_comments/filtered"]
    known["lacking"]["idea_comments/filtered"] = "it has no comments"
    (cassettes / "provenance.json").write_text(json.dumps(known).replace('"sandbox"', '"live"'))
    live = Path(shutil.copytree(cassettes, cassettes.with_name(LIVE)))
    assert faults(live) == []
    (cassettes / "provenance.json").write_text(json.dumps(known))
    told = faults(cassettes)
    assert any("idea_comments/filtered is lacking (it has no comments)" in fault for fault in told)
    del known["lacking"]["idea_comments/filtered"]
    (live / "provenance.json").write_text(json.dumps(known).replace('"sandbox"', '"live"'))
    told = faults(live)
    assert (
        "idea_comments/filtered has no cassette: record again: nox -s record -- idea_comments/filtered"
        in told
    )


def test_a_size_budget_is_kept(cassettes: Path) -> None:
    small = replace(FEW, limits=MATRIX.limits | {"max_bytes": 1000})
    [fault] = faults(cassettes, small)
    assert re.fullmatch(
        r"all its cassettes have [\d,]+ bytes, and `max_bytes` is 1,000: record again: .*", fault
    )


@pytest.mark.parametrize("table", ["ideas", "audits", "custom_object_records"])
def test_a_table_without_any_scenario_is_missed(table: str, cassettes: Path) -> None:
    without = replace(
        FEW, scenarios={name: found for name, found in FEW.scenarios.items() if found.table != table}
    )
    shutil.rmtree(cassettes / table)
    told = faults(cassettes, without)
    assert f"Table {table} has no scenario: record again: nox -s record -- --sandbox" in told


def test_a_table_without_a_middle_page_is_told(cassettes: Path) -> None:
    edit(
        cassettes / "ideas" / "several_pages.json",
        lambda text: re.sub(r'"current_page": [2-7]', '"current_page": 1', text),
    )
    told = faults(cassettes)
    assert "Table ideas has no middle page: record again: nox -s record -- --sandbox" in told


def test_a_route_that_nothing_exercises_is_told_and_so_is_one_that_is_not_named(cassettes: Path) -> None:
    routes = [*FEW.coverage["routes"][1:], "/api/v1/roadmaps"]
    other = replace(FEW, coverage=FEW.coverage | {"routes": routes})
    told = faults(cassettes, other)
    again = "record again: nox -s record -- --sandbox"
    assert f"Route /api/v1/roadmaps is in no cassette: {again}" in told
    assert f"Route /api/v1/ideas is recorded, and not named under [coverage]: {again}" in told


def test_the_named_routes_are_those_of_the_connector() -> None:
    sources = [source for table in TABLES.values() for source in (table.source, table.narrowed) if source]
    paths = {source.route.path.format(parent=":id", key="accounts") for source in sources}
    paths |= {
        table.detail.path.format(id=":id")
        for table in TABLES.values()
        if table.detail and table.always_detailed
    }
    # Which ideas have portal comments, and whether a deleted one is back.
    named = {*(f"/api/v1{path}" for path in paths), "/api/v1/ideas/:id", GRAPHQL}
    assert named == set(MATRIX.coverage["routes"])
    assert set(MATRIX.tables) == set(TABLES)


def test_the_command_prints_the_table_and_exits_1_on_a_fault(whole: Path) -> None:
    command = [sys.executable, "-m", "harness", "cassettes", "--cassettes", str(whole.parent)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "0 fault(s)" in done.stdout
    (whole / "ideas" / "empty.json").unlink()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "ideas/empty has no cassette" in done.stdout


PAGED = {scenario.table for scenario in MATRIX.scenarios.values() if scenario.pages}


@pytest.fixture
def page(tmp_path: Path) -> Path:
    inventory = take_inventory(MATRIX, CASSETTES, SANDBOX, NOW)
    write_page(tmp_path / "page.html", MATRIX, CASSETTES, [inventory], ["a <fault> & more"], NOW)
    return tmp_path / "page.html"


def test_the_page_loads_nothing_and_shows_coverage_ages_and_faults(page: Path) -> None:
    text = page.read_text()
    assert not re.findall(r"src=|@import|url\(|href=\"\w+:", text)
    assert text.count("✓") == len(MATRIX.scenarios) + 3 * len(PAGED) + 1  # the legend
    assert text.count("✗") == 1
    assert f"Made {NOW:%Y-%m-%d %H:%M} UTC." in text
    assert "a &lt;fault&gt; &amp; more" in text
    assert all(name in text for name in MATRIX.scenarios)


@pytest.fixture
def browse(tmp_path: Path) -> Callable[[Path], str]:
    """Debian's browser, which CI installs: a file's document, once its scripts have run."""
    found = [
        path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))
    ]
    if not found:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
    ]
    own = [f"--user-data-dir={tmp_path}/profile", "--allow-file-access-from-files"]

    def dump(path: Path) -> str:
        command = [found[0], *flags, *own, "--virtual-time-budget=10000", "--dump-dom", path.as_uri()]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    return dump


def test_a_real_browser_shows_the_page(page: Path, browse: Callable[[Path], str]) -> None:
    shown = browse(page)
    assert shown.count('class="shown"') == len(MATRIX.scenarios) + 3 * len(PAGED) + 1
    assert "a &lt;fault&gt; &amp; more" in shown


# In frames, because a browser's own window is not let be narrower than 500 pixels.
FRAMES = """<script>
onload = () => {
  const told = [...document.querySelectorAll("iframe")].map(frame => {
    const page = frame.contentDocument, filter = page.getElementById("filter");
    filter.value = "idea_votes/";
    filter.dispatchEvent(new frame.contentWindow.Event("input"));
    const left = [...page.querySelectorAll(".cassettes tr[data-text]")].filter(row => !row.hidden).length;
    return [frame.width, page.documentElement.scrollWidth, left].join(" ");
  });
  document.title = told.join(",");
};
</script>"""


def test_the_page_fits_three_widths_and_its_filter_leaves_what_is_asked_for(
    page: Path, browse: Callable[[Path], str]
) -> None:
    frames = [
        f"<iframe src='{page.as_uri()}' width='{width}' height='800'></iframe>" for width in (400, 768, 1280)
    ]
    (page.parent / "frames.html").write_text("".join([FRAMES, *frames]))
    title = re.search(r"<title>(.*?)</title>", browse(page.parent / "frames.html"))
    assert title is not None
    votes = sum(name.startswith("idea_votes/") for name in MATRIX.scenarios)
    for told in title[1].split(","):
        width, needed, left = map(int, told.split())
        assert needed <= width
        assert left == votes


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A checkout of two cassettes."""
    for name in ("one_page", "empty"):
        (tmp_path / "cassettes" / SANDBOX / "ideas").mkdir(parents=True, exist_ok=True)
        shutil.copy(
            CASSETTES / SANDBOX / "ideas" / f"{name}.json", tmp_path / "cassettes" / SANDBOX / "ideas"
        )
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=x", "-c", "user.email=x@example.com"]):
        more = ["commit", "-q", "-m", "x"] if command[0] == "-c" else []
        subprocess.run(["git", *command, *more], cwd=tmp_path, check=True)
    return tmp_path / "cassettes"


def test_changes_show_each_new_deleted_and_changed_cassette_with_what_was_replaced_marked(
    clone: Path,
) -> None:
    ideas = clone / SANDBOX / "ideas"
    assert find_changes(clone, MATRIX.rules) == []
    (clone / "live" / "ideas").mkdir(parents=True)
    shutil.copy(ideas / "one_page.json", clone / "live" / "ideas" / "new.json")
    (ideas / "empty.json").unlink()
    data = json.loads((ideas / "one_page.json").read_text())
    first = data["interactions"][0]["response"]["body"]["ideas"][0]
    first["name"], first["comments_count"] = "Bcdfgh", 4711
    (ideas / "one_page.json").write_text(json.dumps(data))
    found = {change.path.removeprefix("cassettes/"): change for change in find_changes(clone, MATRIX.rules)}
    assert {path: change.kind for path, change in found.items()} == {
        "live/ideas/new.json": "new",
        "sandbox/ideas/empty.json": "deleted",
        "sandbox/ideas/one_page.json": "changed",
    }
    (exchange,) = found["sandbox/ideas/one_page.json"].exchanges
    assert exchange.title.startswith("GET ")
    now = {part.text: part.replaced for line in exchange.lines if line.sign == "+" for part in line.parts}
    assert now['"Bcdfgh"'] is True
    assert now["4711"] is False
    assert sum(line.sign == "-" for line in exchange.lines) == 2
    (whole,) = found["live/ideas/new.json"].exchanges
    assert {line.sign for line in whole.lines} == {"+"}


def test_where_git_cannot_tell_what_changed_the_page_says_so(tmp_path: Path, page: Path) -> None:
    shutil.copytree(CASSETTES / SANDBOX / "ideas", tmp_path / "cassettes" / SANDBOX / "ideas")
    inventory = take_inventory(MATRIX, CASSETTES, SANDBOX, NOW)
    write_page(page, MATRIX, tmp_path / "cassettes", [inventory], [], NOW)
    assert "git cannot tell what changed: fatal: not a git repository" in page.read_text()


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"cassettes": {}}', '{"cassettes": {"a": {"recorded_at": "yesterday"}}, "lacking": {}}'],
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
