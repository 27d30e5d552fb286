"""Recording: all or nothing, with credentials or a clear word."""

import difflib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.__main__ import RECORDED_DATE, sandbox_account
from harness.credentials import CredentialsError, find_credentials
from harness.record import Account, RecordError, record
from harness.scenarios import CASSETTES, ROOT, MatrixError, Scenario, load_matrix
from harness.scrub import Scrubber
from sandbox.clock import SandboxClock
from sandbox.server import Sandbox, open_world, running
from sandbox.store import Condition
from tests.scripted import scripted

MATRIX = load_matrix()
VARIABLES = MATRIX.live["variables"]


def account_at(url: str) -> Account:
    connection = {"api_key": "sandbox-key", "subdomain": "company", "base_url": url}
    return Account("sandbox", connection | {"requests_per_minute": "600000"}, Scrubber(MATRIX.rules, "key"))


def contents(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def run_record(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AHA_")}
    command = [sys.executable, "-m", "harness", "record", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_recording_without_credentials_exits_2_and_names_both_ways_and_the_sandbox() -> None:
    done = run_record("ideas/empty")
    assert done.returncode == 2
    for way in ("AHA_API_KEY and AHA_SUBDOMAIN", "configs/dev_config.json", "--sandbox"):
        assert way in done.stderr


def test_an_unknown_scenario_exits_2_and_names_the_known_ones() -> None:
    done = run_record("--sandbox", "ideas/of_march")
    assert done.returncode == 2
    assert "ideas/of_march" in done.stderr
    assert "ideas/several_pages" in done.stderr


def test_recording_the_sandbox_again_gives_the_committed_cassettes_byte_for_byte(tmp_path: Path) -> None:
    with ExitStack() as stack:
        account = sandbox_account(MATRIX, stack)
        record(account, MATRIX, MATRIX.select(()), tmp_path)
    made, committed = contents(tmp_path), contents(CASSETTES)
    del made["provenance.json"], committed["provenance.json"]
    assert made == committed


def test_a_scenario_that_fails_half_way_leaves_every_cassette_as_it_was(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    scenarios = MATRIX.select(("ideas",))
    record(account_at(sandbox.url), MATRIX, scenarios, tmp_path)
    before = contents(tmp_path)
    filtered = MATRIX.scenarios["ideas/filtered"]
    wrong = replace(filtered, options={"ideas_workflow_status": "a status that no idea has"})
    scenarios = [wrong if found is filtered else found for found in scenarios]
    with pytest.raises(RecordError, match=r"ideas/filtered.*read some rows"):
        record(account_at(sandbox.url), MATRIX, scenarios, tmp_path)
    assert contents(tmp_path) == before


def test_an_outage_leaves_every_cassette_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "ideas").mkdir()
    (tmp_path / "ideas" / "empty.json").write_text("good")
    (tmp_path / "provenance.json").write_text("{}")
    before = contents(tmp_path)
    with scripted((404, {}, "")) as script, pytest.raises(RecordError, match="ideas/empty: AhaNotFoundError"):
        record(account_at(script.url), MATRIX, MATRIX.select(("ideas/empty",)), tmp_path)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("after", [1, 3, 5])
def test_a_kill_at_any_point_leaves_every_cassette_as_it_was(after: int, tmp_path: Path) -> None:
    cassettes = tmp_path / "cassettes"
    shutil.copytree(CASSETTES, cassettes)
    (cassettes / "ideas" / "empty.json").write_text("a good recording")
    before = contents(cassettes)
    command = [sys.executable, "-m", "harness", "record", "--sandbox", "--cassettes", str(cassettes), "ideas"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(after + 1):
            process.stdout.readline()
        process.kill()
    assert contents(cassettes) == before
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    assert contents(cassettes)["ideas/empty.json"] == contents(CASSETTES)["ideas/empty.json"]
    assert list(tmp_path.iterdir()) == [cassettes]


def test_a_leak_refuses_the_recording_names_scenario_and_place_and_leaves_all_as_it_was(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    scenarios = MATRIX.select(("ideas/one_page",))
    record(account_at(sandbox.url), MATRIX, scenarios, tmp_path / "cassettes")
    before = contents(tmp_path)
    # A scrubber that replaces nothing, though it knows what it was to replace.
    account = account_at(sandbox.url)
    account.scrubber.value = lambda value, path=(): value  # type: ignore[method-assign]
    account.scrubber.replaced["name"].update(names_of(sandbox))
    with pytest.raises(
        RecordError, match=r"ideas/one_page: a value that was to be replaced still stands at \.inter"
    ):
        record(account, MATRIX, scenarios, tmp_path / "cassettes")
    assert contents(tmp_path) == before


def names_of(sandbox: Sandbox) -> set[str]:
    return {record.body["name"] for record in sandbox.world.store.page([Condition("kind = 'idea'")])}


def test_recording_again_changes_nothing_and_one_changed_field_three_lines_at_most(tmp_path: Path) -> None:
    with (
        closing(open_world(ideas=12, clock=SandboxClock(datetime(2025, 11, 1, tzinfo=UTC)))) as world,
        running(world) as box,
    ):
        scenarios = MATRIX.select(("ideas/one_page",))
        file = tmp_path / "cassettes" / "ideas" / "one_page.json"
        texts = []
        idea = box.world.store.page([Condition("kind = 'idea' AND hidden = 0")])[5]
        for name in (None, None, "Another name"):
            if name:
                box.world.store.put([replace(idea, body=idea.body | {"name": name})])
            record(account_at(box.url), MATRIX, scenarios, tmp_path / "cassettes")
            texts.append(file.read_text().splitlines())
    assert texts[0] == texts[1]
    changed = [line for line in difflib.ndiff(texts[1], texts[2]) if line[0] in "+-"]
    assert 1 < len(changed) <= 3


def test_live_recordings_of_the_same_data_are_the_same_whatever_the_time(tmp_path: Path) -> None:
    clock = SandboxClock(datetime(2025, 11, 1, tzinfo=UTC))
    with closing(open_world(ideas=12, clock=clock)) as world, running(world) as box:
        made = []
        for _ in range(2):
            scrubber = Scrubber(MATRIX.rules, "key", (), RECORDED_DATE)
            account = replace(account_at(box.url), scrubber=scrubber)
            record(account, MATRIX, MATRIX.select(("first_sync",)), tmp_path / "cassettes")
            made.append({name: text for name, text in contents(tmp_path).items() if "provenance" not in name})
            clock.advance(86_400)
    assert made[0] == made[1]
    assert len(made[0]) == 4


def test_a_summary_says_what_was_recorded_and_replaced(tmp_path: Path) -> None:
    done = run_record("--sandbox", "--cassettes", str(tmp_path / "made"), "ideas/one_page")
    assert done.returncode == 0, done.stderr
    assert re.search(r"1 scenarios, 1 interactions, [\d,]+ bytes; values replaced: \d+ email, ", done.stdout)


@pytest.mark.parametrize("name", ["notes.txt", "ideas/deep/er.json", "ideas/empty.json"])
def test_a_directory_that_holds_something_else_is_refused_and_left_alone(name: str, tmp_path: Path) -> None:
    place = tmp_path / "precious"
    (place / name).parent.mkdir(parents=True)
    (place / name).write_text("precious")
    done = run_record("--sandbox", "--cassettes", str(place))
    assert done.returncode == 1
    assert "is no directory of cassettes" in done.stderr
    assert contents(tmp_path) == {f"precious/{name}": hashlib.sha256(b"precious").hexdigest()}


def test_two_recordings_at_once_do_not_take_each_others_files(sandbox: Sandbox, tmp_path: Path) -> None:
    class Second:
        """While the first records, a second begins."""

        said = ""

        def begin(self, scenario: Scenario) -> None:
            with pytest.raises(RecordError) as caught:
                record(account_at(sandbox.url), MATRIX, [scenario], tmp_path / "cassettes")
            self.said = str(caught.value)

        def sent(self) -> None: ...

        def end(self, scenario: Scenario, interactions: int) -> None: ...

    second = Second()
    record(
        account_at(sandbox.url), MATRIX, MATRIX.select(("ideas/one_page",)), tmp_path / "cassettes", second
    )
    assert second.said == "Another recording into cassettes/ is under way."
    assert [path.name for path in tmp_path.iterdir()] == ["cassettes"]


def test_an_account_whose_name_is_the_pseudonym_is_refused() -> None:
    environment = os.environ | {"AHA_API_KEY": "s3cret-key", "AHA_SUBDOMAIN": "company"}
    command = [sys.executable, "-m", "harness", "record"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert "Choose another `origin`" in done.stderr


def test_every_committed_cassette_says_that_it_came_from_the_sandbox() -> None:
    provenance = json.loads((CASSETTES / "provenance.json").read_text())
    assert set(provenance) == set(MATRIX.scenarios)
    assert {entry["recorded_from"] for entry in provenance.values()} == {"sandbox"}


def test_every_cassette_belongs_to_a_scenario() -> None:
    files = {path for path in contents(CASSETTES) if path != "provenance.json"}
    assert files == {scenario.cassette for scenario in MATRIX.scenarios.values()}


def test_credentials_come_from_the_environment_or_the_configuration_file(tmp_path: Path) -> None:
    file = tmp_path / "dev_config.json"
    environment = {"AHA_API_KEY": "k", "AHA_SUBDOMAIN": "one"}
    assert find_credentials(VARIABLES, environment, file) == {"api_key": "k", "subdomain": "one"}
    file.write_text('{"api_key": "f", "subdomain": "two"}')
    assert find_credentials(VARIABLES, {}, file) == {"api_key": "f", "subdomain": "two"}
    assert find_credentials(VARIABLES, environment, file)["subdomain"] == "one"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"api_key": "k"}',
        '{"api_key": null, "subdomain": "x"}',
        '{"api_key": 1, "subdomain": "x"}',
    ],
)
def test_an_unusable_configuration_file_is_named(text: str, tmp_path: Path) -> None:
    file = tmp_path / "dev_config.json"
    file.write_text(text)
    with pytest.raises(CredentialsError, match=r"dev_config\.json (cannot be read|must hold|has no)"):
        find_credentials(VARIABLES, {}, file)


def test_the_examples_placeholder_is_never_sent() -> None:
    with pytest.raises(CredentialsError, match="has no `api_key` yet"):
        find_credentials(VARIABLES, {}, ROOT / "configs" / "dev_config.example.json")


@pytest.mark.parametrize("name", ["AHA_API_KEY", "AHA_SUBDOMAIN"])
def test_half_set_credentials_are_an_error_and_not_the_cassettes(name: str, tmp_path: Path) -> None:
    other = {"AHA_API_KEY": "AHA_SUBDOMAIN", "AHA_SUBDOMAIN": "AHA_API_KEY"}[name]
    with pytest.raises(CredentialsError, match=f"{other} is not set"):
        find_credentials(VARIABLES, {name: "x", other: ""}, tmp_path / "none.json")


def test_options_that_the_connector_refuses_are_refused_before_recording() -> None:
    environment = os.environ | {"AHA_API_KEY": "s3cret-key", "AHA_SUBDOMAIN": "my company"}
    command = [sys.executable, "-m", "harness", "record"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert "Option `subdomain`" in done.stderr
    assert "Recording" not in done.stdout
    assert "s3cret-key" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[scenario", "cannot be read"),
        ("tables = []", "lacks 'scenario'"),
        ("tables = ['a']\n[scenario.x]\nsteps = ['first']\nunknown = 1", "unknown key `unknown`"),
        ("tables = ['a']\n[scenario.x]\nsteps = ['frist']", "`steps` are"),
        ("tables = ['a']\n[scenario.x]\nsteps = []", "`steps` are"),
        ("tables = ['a']\n[scenario.x]\nsteps = ['first']\nrows = 'sum'", "`rows` is"),
    ],
)
def test_an_unusable_matrix_is_named_with_the_line_to_change(text: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "scenarios.toml"
    file.write_text(text)
    with pytest.raises(MatrixError, match=r"scenarios\.toml") as caught:
        load_matrix(file)
    assert says in str(caught.value)
