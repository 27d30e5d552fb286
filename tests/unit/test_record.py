"""Recording: what is worth keeping takes its place in one step, and nothing else is touched."""

import difflib
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from strict_cassettes.accounts import RECORDED_DATE, SANDBOX_PSEUDONYM_KEY, sandbox_account
from strict_cassettes.credentials import ONLY
from strict_cassettes.provenance import is_still_true, read_provenance
from strict_cassettes.record import record
from strict_cassettes.recording import Account, RecordError
from strict_cassettes.scenarios import Fit, MatrixError, Scenario, load_matrix
from strict_cassettes.scrub import Scrubber
from strict_cassettes.sets import SANDBOX, recorded_as
from strict_cassettes.taking import NoWatcher

from sandbox.clock import SandboxClock
from sandbox.faults import Scheduled
from sandbox.server import Sandbox, open_world, running
from sandbox.store import Condition
from tests.places import ROOT, SANDBOX_SET
from tests.scripted import scripted

MATRIX = load_matrix()
ONE_PAGE = MATRIX.select(("ideas/one_page",))


def account_at(url: str, key: str = "key", origin: str = SANDBOX, date: str | None = None) -> Account:
    connection = {"api_key": "sandbox-key", "subdomain": "acme", "base_url": url}
    scrubber = Scrubber(MATRIX.rules, key, ("sandbox-key",), date)
    return Account(origin, connection | {"requests_per_minute": "600000"}, scrubber)


def contents(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def run_record(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness", "record", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def failing(name: str, **options: str) -> list[Scenario]:
    """All of a table's scenarios, one of which cannot be recorded."""
    return [
        replace(found, options={**found.options, **options}, error="AhaAuthError")
        if found.name == name
        else found
        for found in MATRIX.select((name.partition("/")[0],))
    ]


def test_recording_without_credentials_exits_2_and_names_both_ways_and_the_sandbox() -> None:
    done = run_record("ideas/empty")
    assert done.returncode == 2
    for way in ("AHA_API_KEY and AHA_SUBDOMAIN", "dev_config.json", "--sandbox"):
        assert way in done.stderr


def test_an_account_on_this_machine_is_not_to_be_committed_as_a_live_one(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"api_key": sandbox.api_key, "subdomain": "company", "base_url": sandbox.url}
    (tmp_path / "dev_config.json").write_text(json.dumps(given | {"requests_per_minute": "60000"}))
    monkeypatch.setenv(ONLY, str(tmp_path))
    done = run_record("--plan", "ideas/empty")
    assert done.returncode == 0, done.stderr
    assert "on this machine. What it says is no live account's: do not commit cassettes/live/." in done.stdout


def test_an_unknown_scenario_exits_2_and_names_the_known_ones() -> None:
    done = run_record("--sandbox", "ideas/of_march")
    assert done.returncode == 2
    assert "ideas/of_march" in done.stderr
    assert "ideas/several_pages" in done.stderr


def test_recording_the_sandbox_again_gives_the_committed_cassettes_byte_for_byte(tmp_path: Path) -> None:
    with ExitStack() as stack:
        record(sandbox_account(MATRIX, stack), MATRIX, MATRIX.select(()), tmp_path)
    made, committed = contents(tmp_path / SANDBOX), contents(SANDBOX_SET)
    del made["provenance.json"], committed["provenance.json"]
    assert made == committed


def test_a_scenario_that_fails_keeps_its_old_cassette_and_all_others_take_their_place(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    record(account_at(sandbox.url), MATRIX, MATRIX.select(("ideas",)), tmp_path / "cassettes")
    before = contents(tmp_path / "cassettes")
    filtered = before["sandbox/ideas/filtered.json"]
    report = record(account_at(sandbox.url), MATRIX, failing("ideas/filtered"), tmp_path / "cassettes")
    assert list(report.failed) == ["ideas/filtered"]
    assert "was to end in AhaAuthError, and did not" in report.failed["ideas/filtered"]
    after = contents(tmp_path / "cassettes")
    assert after["sandbox/ideas/filtered.json"] == filtered
    assert set(after) == set(before)
    assert len(report.recorded) == len(MATRIX.select(("ideas",))) - 1


def test_strictly_one_scenario_that_fails_leaves_every_cassette_as_it_was(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    record(account_at(sandbox.url), MATRIX, ONE_PAGE, tmp_path / "cassettes")
    before = contents(tmp_path / "cassettes")
    scenarios = failing("ideas/filtered")
    report = record(account_at(sandbox.url), MATRIX, scenarios, tmp_path / "cassettes", strict=True)
    assert list(report.failed) == ["ideas/filtered"]
    assert contents(tmp_path / "cassettes") == before


def test_an_outage_leaves_every_cassette_as_it_was(tmp_path: Path) -> None:
    cassettes = tmp_path / "cassettes"
    shutil.copytree(SANDBOX_SET, cassettes / SANDBOX)
    before = contents(cassettes)
    fits = {"ideas/one_page": Fit()}
    with scripted((404, {}, "")) as script:
        report = record(account_at(script.url, SANDBOX_PSEUDONYM_KEY), MATRIX, ONE_PAGE, cassettes, fits=fits)
    assert report.failed["ideas/one_page"].startswith(
        "AhaNotFoundError after GET /api/v1/ideas answered 404."
    )
    assert contents(cassettes) == before


SAID = '{"ideas": "Ada Lovelace, +44 20 7946 0000", "pagination": null}'


def test_what_an_account_says_stands_in_a_file_that_git_ignores_and_in_no_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with scripted((200, {"Date": RECORDED_DATE}, SAID)) as script:
        account = account_at(script.url)
        report = record(account, MATRIX, ONE_PAGE, tmp_path / "c", fits={"ideas/one_page": Fit()})
    told = report.failed["ideas/one_page"] + "".join(capfd.readouterr())
    assert "AhaResponseError after GET /api/v1/ideas answered 200" in told
    assert "Lovelace" not in told
    assert "7946" not in told
    assert "Ada Lovelace" in (tmp_path / "build" / "refused" / "ideas.one_page.txt").read_text()
    assert "build/" in (ROOT / ".gitignore").read_text().splitlines()


@pytest.mark.parametrize("after", [1, 12, 40])
def test_a_kill_at_any_point_leaves_every_cassette_as_it_was(after: int, tmp_path: Path) -> None:
    cassettes = tmp_path / "cassettes"
    shutil.copytree(SANDBOX_SET, cassettes / SANDBOX)
    empty = cassettes / SANDBOX / "ideas" / "empty.json"
    empty.write_text("a good recording")
    before = contents(cassettes)
    command = [sys.executable, "-m", "harness", "record", "--sandbox", "--cassettes", str(cassettes)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(after + 1):
            process.stdout.readline()
        process.kill()
    assert contents(cassettes) == before
    subprocess.run([*command, "ideas"], cwd=ROOT, check=True, capture_output=True)
    assert empty.read_bytes() == (SANDBOX_SET / "ideas" / "empty.json").read_bytes()
    assert list(tmp_path.iterdir()) == [cassettes]


def names_of(sandbox: Sandbox) -> set[str]:
    return {record.body["name"] for record in sandbox.world.store.page([Condition("kind = 'idea'")])}


def test_a_leak_refuses_the_scenario_names_place_and_rule_and_keeps_what_was_refused_aside(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    record(account_at(sandbox.url), MATRIX, ONE_PAGE, tmp_path / "cassettes")
    before = contents(tmp_path / "cassettes")
    account = account_at(sandbox.url)
    account.scrubber.pseudonyms.name = lambda value: value  # type: ignore[method-assign]
    account.scrubber.pseudonyms._by_rule["name"] = lambda value: value
    report = record(account, MATRIX, ONE_PAGE, tmp_path / "cassettes")
    told = report.failed["ideas/one_page"]
    assert "would leak: a value that was not replaced at .ideas.name (rule `name`) and" in told
    assert "under [paths] in configs/scrub_rules.toml" in told
    assert not [name for name in names_of(sandbox) if name in told]
    assert contents(tmp_path / "cassettes") == before
    refused = tmp_path / "build" / "refused" / "ideas.one_page.json"
    assert any(
        name in json.dumps(json.loads(refused.read_text()), ensure_ascii=False) for name in names_of(sandbox)
    )


@pytest.fixture
def twelve() -> Iterator[Sandbox]:
    clock = SandboxClock(datetime(2025, 11, 1, tzinfo=UTC))
    with closing(open_world(ideas=12, clock=clock)) as world, running(world) as box:
        yield box


def test_recording_again_changes_no_line_and_one_changed_field_three_at_most(
    twelve: Sandbox, tmp_path: Path
) -> None:
    place = tmp_path / "cassettes" / SANDBOX
    file = place / "ideas" / "one_page.json"
    texts, known = [], []
    idea = twelve.world.store.page([Condition("kind = 'idea' AND hidden = 0")])[5]
    scenarios = MATRIX.select(("ideas",))
    for name in (None, None, "Another name"):
        if name:
            twelve.world.store.put([replace(idea, body=idea.body | {"name": name})])
        record(account_at(twelve.url), MATRIX, scenarios, tmp_path / "cassettes")
        texts.append(file.read_text().splitlines())
        known.append((place / "provenance.json").read_bytes())
    assert texts[0] == texts[1]
    # A cassette that is as it was keeps its entry.
    assert known[0] == known[1] != known[2]
    changed = [line for line in difflib.ndiff(texts[1], texts[2]) if line[0] in "+-"]
    assert 1 < len(changed) <= 3
    before, after = (json.loads(text)["cassettes"] for text in known[1:])
    assert before["ideas/wrong_key"] == after["ideas/wrong_key"]


def test_an_unchanged_cassette_is_dated_anew_before_it_is_too_old() -> None:
    made = {"content": "x", "recorded_at": "2026-06-30T00:00:00Z", "commit": "b"}
    known = made | {"recorded_at": "2026-06-01T00:00:00Z", "commit": "a"}
    assert is_still_true(known, made, None)
    assert is_still_true(known, made, 180)
    assert not is_still_true(known, made, 50)
    assert not is_still_true(known | {"content": "y"}, made, None)


def test_live_recordings_of_the_same_data_are_the_same_whatever_the_time(
    twelve: Sandbox, tmp_path: Path
) -> None:
    made = []
    for _ in range(2):
        account = account_at(twelve.url, date=RECORDED_DATE)
        record(account, MATRIX, MATRIX.select(("first_sync",)), tmp_path / "cassettes")
        made.append({name: text for name, text in contents(tmp_path).items() if "provenance" not in name})
        twelve.clock.advance(86_400)
    assert made[0] == made[1]
    assert len(made[0]) == len(MATRIX.select(("first_sync",)))


def join(root: Path) -> int:
    """Votes whose idea is among the ideas."""

    def bodies(name: str) -> list[Any]:
        found = recorded_as(MATRIX, name, root).path
        return [entry["response"]["body"] for entry in json.loads(found.read_text())["interactions"]]

    ideas = {idea["id"] for body in bodies("ideas/one_page") for idea in body["ideas"]}
    votes = [vote for body in bodies("idea_proxy_votes/one_page") for vote in body["idea_endorsements"]]
    return sum(vote["idea_id"] in ideas for vote in votes)


def test_a_new_api_key_changes_no_pseudonym_and_another_pseudonym_key_is_refused_unless_it_is_everywhere(
    twelve: Sandbox, tmp_path: Path
) -> None:
    root, scenarios = tmp_path / "cassettes", MATRIX.select(("one_page",))
    record(account_at(twelve.url), MATRIX, scenarios, root)
    before, joined = contents(root), join(root)
    assert joined
    rotated = account_at(twelve.url)
    rotated.scrubber.secrets = frozenset(("another-api-key",))
    record(rotated, MATRIX, MATRIX.select(("ideas/one_page",)), root)
    assert contents(root) == before
    other = account_at(twelve.url, "another key")
    with pytest.raises(
        RecordError, match=rf"{len(scenarios) - 1} cassettes of .* were made with another pseudonym key"
    ):
        record(other, MATRIX, MATRIX.select(("ideas/one_page",)), root)
    assert contents(root) == before
    record(other, MATRIX, scenarios, root)
    assert contents(root) != before
    assert join(root) == joined


def test_a_scenario_that_fails_under_a_new_pseudonym_key_is_no_mixture(
    twelve: Sandbox, tmp_path: Path
) -> None:
    root = tmp_path / "cassettes"
    record(account_at(twelve.url), MATRIX, MATRIX.select(("ideas",)), root)
    before = contents(root)
    with pytest.raises(RecordError, match=r"1 cassettes of .*ideas/filtered"):
        record(account_at(twelve.url, "another key"), MATRIX, failing("ideas/filtered"), root)
    assert contents(root) == before


def test_a_scenario_that_takes_too_many_requests_is_lacking_and_sends_no_more(
    twelve: Sandbox, tmp_path: Path
) -> None:
    small = replace(MATRIX, limits=MATRIX.limits | {"max_scenario_requests": 5, "max_requests": 60})
    scenarios = small.select(("idea_portal_comments/one_page", "ideas/one_page"))
    fits = {scenario.name: Fit() for scenario in scenarios}
    report = record(account_at(twelve.url), small, scenarios, tmp_path / "cassettes", fits=fits)
    assert list(report.recorded) == ["ideas/one_page"]
    assert report.lacking == {"idea_portal_comments/one_page": "takes more than 5 requests on this account"}
    assert len(twelve.traffic.log) == report.requests == 6


def test_a_set_stays_within_its_size_and_what_does_not_fit_is_named(twelve: Sandbox, tmp_path: Path) -> None:
    small = replace(MATRIX, limits=MATRIX.limits | {"max_bytes": 40_000})
    report = record(account_at(twelve.url), small, small.select(("ideas",)), tmp_path / "cassettes")
    assert report.bytes <= 40_000
    assert any("bytes would be too many for the set" in reason for reason in report.lacking.values())
    assert report.recorded


LONG = "7" * 45


@pytest.mark.parametrize(
    "value", [LONG, "1e50", f'"{"9" * 41}"', "-0.0", "1e400", '"1e50"', f"-{LONG}", "5e-324"]
)
def test_a_number_of_any_size_is_recorded_as_another_and_replays(value: str, tmp_path: Path) -> None:
    field = f'{{"id": "1", "type": "number", "value": {value}}}'
    idea = (
        f'{{"id": "7310000000000000001", "updated_at": "2025-01-01T00:00:00Z", "custom_fields": [{field}]}}'
    )
    pagination = '{"total_records": 1, "total_pages": 1, "current_page": 1}'
    body = f'{{"ideas": [{idea}], "pagination": {pagination}}}'
    with scripted((200, {"Date": RECORDED_DATE, "Content-Type": "application/json"}, body)) as script:
        fits = {"ideas/one_page": Fit()}
        report = record(account_at(script.url), MATRIX, ONE_PAGE, tmp_path / "cassettes", fits=fits)
    assert report.failed == {}
    text = (tmp_path / "cassettes" / SANDBOX / "ideas" / "one_page.json").read_text()
    assert '"body": null' not in text
    assert LONG not in text
    assert "9" * 41 not in text


def test_a_recording_that_does_not_replay_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    account = account_at(sandbox.url)
    account.scrubber.body = lambda body: b""  # type: ignore[method-assign]
    report = record(account, MATRIX, MATRIX.select(("ideas/empty",)), tmp_path / "cassettes")
    assert "was recorded and does not replay" in report.failed["ideas/empty"]
    assert not (tmp_path / "cassettes").exists() or not contents(tmp_path / "cassettes")


def test_answers_that_were_asked_again_are_not_kept_and_a_429_is_waited_out_while_recording(
    twelve: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    twelve.traffic.faults.extend(
        Scheduled(fault, "^/ideas$", times=1) for fault in ("429_reset", "503", "reset", "429_message")
    )
    account = account_at(twelve.url, date=RECORDED_DATE)
    fits = {"ideas/one_page": Fit()}
    report = record(account, MATRIX, ONE_PAGE, tmp_path / "cassettes", fits=fits)
    assert report.failed == {}
    assert report.recorded == {"ideas/one_page": 1}
    # By the account's own clock, though the cassette tells another.
    assert len([wait for wait in waited if wait > 3]) >= 2


def test_a_summary_says_what_was_recorded_and_replaced(tmp_path: Path) -> None:
    done = run_record("--sandbox", "--cassettes", str(tmp_path / "made"), "ideas/one_page")
    assert done.returncode == 0, done.stderr
    assert re.search(r"1 scenarios to record, 0 lacking", done.stdout)
    assert re.search(r"1 scenarios \(0 unchanged\), 1 interactions, [\d,]+ bytes, \d+ requests;", done.stdout)
    assert re.search(r"values replaced: \d+ email, ", done.stdout)
    assert f"{len(MATRIX.scenarios) - 1} scenarios are not recorded yet" in done.stdout


def test_a_plan_sends_the_first_look_and_writes_nothing(tmp_path: Path) -> None:
    done = run_record("--sandbox", "--plan", "--cassettes", str(tmp_path / "made"))
    assert done.returncode == 0, done.stderr
    assert f"{len(MATRIX.scenarios)} scenarios to record, 0 lacking" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["notes.txt", "ideas/deep/er.json", "ideas/empty.json"])
def test_a_directory_that_holds_something_else_is_refused_and_left_alone(name: str, tmp_path: Path) -> None:
    place = tmp_path / "precious" / SANDBOX
    (place / name).parent.mkdir(parents=True)
    (place / name).write_text("precious")
    done = run_record("--sandbox", "--cassettes", str(place.parent))
    assert done.returncode == 1
    assert "is no directory of cassettes" in done.stderr
    assert contents(tmp_path) == {f"precious/sandbox/{name}": hashlib.sha256(b"precious").hexdigest()}


def test_two_recordings_at_once_do_not_take_each_others_files(sandbox: Sandbox, tmp_path: Path) -> None:
    class Second(NoWatcher):
        """While the first records, a second begins."""

        said = ""

        def begin(self, name: str) -> None:
            if not self.said:
                with pytest.raises(RecordError) as caught:
                    record(account_at(sandbox.url), MATRIX, ONE_PAGE, tmp_path / "cassettes")
                self.said = str(caught.value)

    second = Second()
    record(account_at(sandbox.url), MATRIX, ONE_PAGE, tmp_path / "cassettes", second)
    assert re.fullmatch(r"Another recording into .*cassettes/sandbox/ is under way\.", second.said)
    assert [path.name for path in tmp_path.iterdir()] == ["cassettes"]
    assert [path.name for path in (tmp_path / "cassettes").iterdir()] == [SANDBOX]


def test_every_committed_cassette_says_which_set_it_belongs_to() -> None:
    known = read_provenance(SANDBOX_SET)
    assert set(known.cassettes) == set(MATRIX.scenarios)
    assert {entry["recorded_from"] for entry in known.cassettes.values()} == {SANDBOX}
    assert known.lacking == {}


def test_every_cassette_belongs_to_a_scenario() -> None:
    files = {path for path in contents(SANDBOX_SET) if path != "provenance.json"}
    assert files == {scenario.cassette for scenario in MATRIX.scenarios.values()}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[scenario", "cannot be read"),
        ("tables = []", "lacks 'scenario'"),
        ("tables = ['a']\n[scenario.x]\nsteps = ['first']\nunknown = 1", "unknown key `unknown`"),
        ("tables = ['a']\n[scenario.x]\nsteps = ['frist']", "`steps` are"),
        ("tables = ['a']\n[scenario.x]\nsteps = []", "`steps` are"),
        ("tables = ['a']\n[scenario.x]\nsteps = ['first']\nrows = 'sum'", "`rows` is"),
        ("tables = ['a']\n[scenario.'../../evil']\nsteps = ['first']", "'../../evil' names a file"),
        ("tables = ['a/b']\n[scenario.x]\nsteps = ['first']", "'a/b' names a file"),
        ("tables = ['a']\n[scenario.'A b']\nsteps = ['first']", "'A b' names a file"),
    ],
)
def test_an_unusable_matrix_is_named_with_the_line_to_change(text: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "scenarios.toml"
    file.write_text(text)
    with pytest.raises(MatrixError, match=r"scenarios\.toml") as caught:
        load_matrix(file)
    assert says in str(caught.value)


def test_what_a_connector_logs_of_an_account_reaches_no_terminal(
    twelve: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    twelve.traffic.faults.extend(Scheduled(fault, times=2) for fault in ("500", "429_message"))
    with caplog.at_level("DEBUG"):
        report = record(account_at(twelve.url), MATRIX, MATRIX.select(("ideas",)), tmp_path / "cassettes")
    assert report.failed == {}
    assert "aha_lakeflow" not in {found.name for found in caplog.records}


def test_a_part_of_a_path_that_no_rule_publishes_stands_in_no_message(tmp_path: Path) -> None:
    page = '{"total_records": 1, "total_pages": 1, "current_page": 1}'
    ideas = f'{{"ideas": [{{"id": "zanzibar_h", "comments_count": 1}}], "pagination": {page}}}'
    with scripted((200, {"Date": RECORDED_DATE}, ideas), (403, {}, '{"error": "Ada \\ud83d"}')) as script:
        scenarios = MATRIX.select(("idea_comments/one_page",))
        fits = {"idea_comments/one_page": Fit()}
        report = record(account_at(script.url), MATRIX, scenarios, tmp_path / "cassettes", fits=fits)
    told = report.failed["idea_comments/one_page"]
    assert "AhaPermissionError after GET /api/v1/ideas/:id/comments answered 403" in told
    assert "zanzibar" not in told


@pytest.mark.parametrize(("fault", "kind"), [("403", "lacking"), ("500", "failed"), ("login_page", "failed")])
def test_one_route_that_answers_with_an_error_leaves_all_other_scenarios_alone(
    fault: str, kind: str, twelve: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    twelve.traffic.faults.append(Scheduled(fault, "^/audits", times=10**6))
    report = record(account_at(twelve.url), MATRIX, MATRIX.select(("ideas",)), tmp_path / "cassettes")
    assert list(getattr(report, kind)) == ["ideas/deletions"]
    assert "the audits" in getattr(report, kind)["ideas/deletions"]
    assert len(report.recorded) == len(MATRIX.select(("ideas",))) - 1


def test_a_refused_key_that_is_told_in_another_way_is_lacking(twelve: Sandbox, tmp_path: Path) -> None:
    scenarios = [replace(found, error="AhaPermissionError") for found in MATRIX.select(("ideas/wrong_key",))]
    report = record(account_at(twelve.url), MATRIX, scenarios, tmp_path / "cassettes")
    assert report.failed == {}
    assert report.lacking["ideas/wrong_key"].startswith(
        "ends in AhaAuthError after GET /api/v1/ideas answered 401"
    )


ODD = {"id": "1", "workflow_status": "Zanzibar", "name": 7, "comments_count": "3", "updated_at": "yesterday"}


def test_an_idea_of_another_form_than_documented_ends_in_no_traceback(tmp_path: Path) -> None:
    pagination = {"total_records": 1, "total_pages": 1, "current_page": 1}
    body = json.dumps({"ideas": [ODD], "pagination": pagination})
    with scripted((200, {"Date": RECORDED_DATE}, body)) as script:
        report = record(account_at(script.url), MATRIX, MATRIX.select(("ideas",)), tmp_path / "cassettes")
    assert "ideas/one_page" in {**report.recorded, **report.lacking, **report.failed}


def test_cassettes_that_stay_count_for_the_size_of_the_set(twelve: Sandbox, tmp_path: Path) -> None:
    root = tmp_path / "cassettes"
    record(account_at(twelve.url), MATRIX, MATRIX.select(("ideas",)), root)
    size = sum(path.stat().st_size for path in root.glob("*/*/*.json"))
    small = replace(MATRIX, limits=MATRIX.limits | {"max_bytes": size})
    twelve.world.store.put(
        replace(found, body=found.body | {"tags": ["x"] * 300})
        for found in twelve.world.store.page([Condition("kind = 'idea'")])
    )
    report = record(account_at(twelve.url), small, failing("ideas/first_sync"), root)
    assert "ideas/first_sync" in report.failed
    assert sum(path.stat().st_size for path in root.glob("*/*/*.json")) <= size
    assert report.lacking


def test_a_recording_that_would_be_refused_is_refused_before_the_first_request(
    twelve: Sandbox, tmp_path: Path
) -> None:
    root = tmp_path / "cassettes"
    record(account_at(twelve.url), MATRIX, MATRIX.select(("ideas",)), root)
    twelve.traffic.log.clear()
    with pytest.raises(RecordError, match="another pseudonym key"):
        record(account_at(twelve.url, "another key"), MATRIX, ONE_PAGE, root)
    assert twelve.traffic.log == []
