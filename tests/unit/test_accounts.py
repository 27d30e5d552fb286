"""Any account is recorded: what it shows is kept, replays and leaks nothing; what it cannot show is named."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from strict_cassettes.accounts import RECORDED_DATE
from strict_cassettes.credentials import ONLY
from strict_cassettes.inventory import find_faults, take_inventory
from strict_cassettes.provenance import now_utc
from strict_cassettes.record import record
from strict_cassettes.recording import Account, Report
from strict_cassettes.scenarios import Scenario, load_matrix, play
from strict_cassettes.scrub import Scrubber
from strict_cassettes.sets import LIVE, recorded_in
from strict_cassettes.tape import player, strictly

from sandbox.server import Sandbox
from tests.accounts import ACCOUNTS, ALIKE, LARGE, SECRETS, Kind, account
from tests.conftest import SOURCES
from tests.places import ROOT

MATRIX = load_matrix()
KEY = "the pseudonym key of a live account"


def live(box: Sandbox) -> Account:
    """The sandbox as a live account."""
    connection = {"api_key": box.api_key, "subdomain": "sandbox-account", "base_url": box.url}
    scrubber = Scrubber(MATRIX.rules, KEY, (box.api_key, KEY), RECORDED_DATE)
    return Account(LIVE, connection | {"requests_per_minute": "600000"}, scrubber)


def scenarios_of(kind: Kind) -> list[Scenario]:
    """The scenarios of what a kind of account is about; of all, where it names no table."""
    return MATRIX.select(kind.tables)


def record_all(kind: Kind, root: Path) -> tuple[Report, int]:
    """The report, and how many requests the account saw."""
    with account(kind) as box:
        report = record(live(box), MATRIX, scenarios_of(kind), root)
        return report, len(box.traffic.log)


def check(kind: Kind, root: Path) -> None:
    report, requests = record_all(kind, root)
    assert report.failed == {}
    unexplained = {
        name: reason
        for name, reason in report.lacking.items()
        if not any(part in name for part in kind.lacking)
    }
    assert unexplained == {}
    assert set(report.recorded) | set(report.lacking) == {found.name for found in scenarios_of(kind)}
    assert requests == report.requests <= MATRIX.limits["max_requests"]
    assert report.bytes <= MATRIX.limits["max_bytes"]
    inventory = take_inventory(MATRIX, root, LIVE, now_utc())
    matrix = replace(
        MATRIX,
        tables=kind.tables or MATRIX.tables,
        scenarios={found.name: found for found in scenarios_of(kind)},
    )
    assert find_faults(matrix, root, [replace(inventory, missing=[])]) == []
    for recorded in recorded_in(MATRIX, root):
        for source in SOURCES.values():
            tape = player(Scrubber(MATRIX.rules, "replay"))
            with tape.use_cassette(str(recorded.path)) as cassette, strictly(cassette):
                play(recorded.scenario, source(), MATRIX.replay)
    text = "".join(path.read_text() for path in root.rglob("*.json"))
    assert [secret for secret in (*SECRETS, "Zanzibar", KEY, "sandbox-key") if stands_in(secret, text)] == []


def stands_in(secret: str, text: str) -> bool:
    """Whether a text holds a secret; a number, not as a part of another one."""
    if not secret.isascii() or not secret.isdecimal():
        return secret in text
    return re.search(rf"(?<![0-9]){secret}(?![0-9])", text) is not None


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits of the connector, which take no time."""
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.alike] * (name in ALIKE)) for name in ACCOUNTS]
)
def test_an_account_is_recorded_passes_the_gates_and_replays_over_both_forms(
    name: str, tmp_path: Path, waits: list[float]
) -> None:
    check(ACCOUNTS[name], tmp_path / "cassettes")
    # A 429 is waited out by the account's own clock, while it is recorded; and never again.
    wanted = 4 if "limited" in name else 0
    assert len([wait for wait in waits if wait >= 5]) == wanted


@pytest.mark.alike
@pytest.mark.parametrize("name", LARGE)
def test_a_large_account_costs_no_more(name: str, tmp_path: Path) -> None:
    check(LARGE[name], tmp_path / "cassettes")


def run_tests(place: Path, environment: dict[str, str], *arguments: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", *arguments]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.alike
@pytest.mark.parametrize("name", ["of hostile words", "of three thousand ideas"])
def test_every_replay_fault_and_spark_test_runs_over_a_live_set_too(name: str, tmp_path: Path) -> None:
    record_all((ACCOUNTS | LARGE)[name], tmp_path / "cassettes")
    spark = (
        "tests/spark/test_merged_file_in_spark.py::test_spark_reads_exactly_the_rows_that_the_connector_reads"
    )
    others = ("tests/replay", "tests/unit/test_recorded_faults.py")
    run_tests(ROOT, dict(os.environ), "--cassettes", str(tmp_path / "cassettes"), *others, spark)


# Tests that start commands, and those that replay.
COMMANDS = ("record", "credentials", "drift", "inventory", "ingest", "server", "second_api", "cassettes")


@pytest.mark.alike
def test_with_credentials_lying_about_the_suite_sends_no_request_and_changes_no_file(tmp_path: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    with account(Kind(24)) as box:
        options = {"api_key": box.api_key, "subdomain": "acme", "base_url": box.url}
        (tmp_path / "configs" / "dev_config.json").write_text(json.dumps(options))
        before = {name: (tmp_path / name).read_bytes() for name in files}
        lying = {"AHA_API_KEY": box.api_key, "AHA_SUBDOMAIN": "acme", ONLY: ""}
        tests = [f"tests/unit/test_{name}.py" for name in COMMANDS]
        run_tests(tmp_path, os.environ | lying, *tests, "tests/replay", "tests/deploy")
        assert box.traffic.log == []
        assert {name: (tmp_path / name).read_bytes() for name in files} == before
