"""A live run that is stopped, however and whenever: nothing is asked any more, and nothing is lost."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest
from deltalake import DeltaTable

from sandbox.behaviour import Behaviour
from sandbox.faults import Scheduled
from sandbox.server import Sandbox, open_world, running
from sandbox.store import Condition
from scripts.lakehouse.stopping import SAID
from tests.places import ROOT

pytestmark = [pytest.mark.spark, pytest.mark.soak]

TABLES = ("ideas", "idea_comments", "idea_portal_comments")
IDEAS = 600


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with (
        closing(open_world(ideas=IDEAS, behaviour=Behaviour(latency=0.05))) as world,
        running(world) as found,
    ):
        yield found


@contextmanager
def a_run(box: Sandbox, place: Path) -> Iterator[subprocess.Popen[str]]:
    """`ingest` of the sandbox, as an operator starts it."""
    place.mkdir(exist_ok=True)
    connection = {"api_key": box.api_key, "subdomain": "company", "base_url": box.url}
    (place / "dev_config.json").write_text(json.dumps(connection | {"requests_per_minute": "6000"}))
    spec = {"connection_name": "aha", "objects": [{"table": {"source_table": name}} for name in TABLES]}
    (place / "pipeline.json").write_text(json.dumps(spec))
    command = [sys.executable, "-m", "scripts.ingest", "--live", "--spec", str(place / "pipeline.json")]
    with subprocess.Popen(
        [*command, "--destination", str(place / "lake"), "--output", "json"],
        cwd=ROOT,
        env=os.environ | {"HARNESS_CREDENTIALS": str(place)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def until_there_are(box: Sandbox, calls: int, process: subprocess.Popen[str]) -> None:
    while len(box.traffic.log) < calls:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.05)


def until_java_starts(process: subprocess.Popen[str]) -> None:
    while not psutil.Process(process.pid).children():
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)


def stop(process: subprocess.Popen[str], number: signal.Signals) -> tuple[str, list[psutil.Process]]:
    """Send a signal; what was said, and the processes that were the run's."""
    started = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    said = process.communicate(timeout=60)[1]
    return said, started


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.alike),
        pytest.param(signal.SIGKILL, marks=pytest.mark.alike),
    ],
)
def test_a_run_that_is_stopped_asks_nothing_more_and_the_next_one_ends_in_the_right_tables(
    number: signal.Signals, box: Sandbox, tmp_path: Path
) -> None:
    with a_run(box, tmp_path) as process:
        until_there_are(box, 150, process)
        said, started = stop(process, number)
        asked = len(box.traffic.log)
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    if number != signal.SIGKILL:
        assert said.splitlines()[-1] == SAID
        assert "Traceback" not in said
    # Of a run that had no time to end them, the children end by themselves.
    _, alive = psutil.wait_procs(started, timeout=60)
    assert alive == []
    assert len(box.traffic.log) == asked
    with a_run(box, tmp_path) as process:
        told = json.loads(process.communicate(timeout=280)[0])
    assert [table["error"] for table in told["tables"]] == [None] * len(TABLES)
    assert process.returncode == 0
    assert sum(table["requests"] for table in told["tables"]) <= len(box.traffic.log) - asked
    for name in TABLES:
        rows = DeltaTable(str(tmp_path / "lake" / name)).to_pyarrow_table(columns=["id"])["id"].to_pylist()
        assert sorted(rows) == sorted(record for record in shown(box, name))


def shown(box: Sandbox, table: str) -> list[str]:
    """The ids that a table must hold."""
    ideas = {record.id for record in box.world.store.page([Condition("kind = 'idea' AND hidden = 0")])}
    if table == "ideas":
        return [str(number) for number in ideas]
    kind = {"idea_comments": "comment", "idea_portal_comments": "idea_comment"}[table]
    found = box.world.store.page([Condition("kind = ? AND hidden = 0", (kind,))])
    return [str(record.id) for record in found if record.parent in ideas]


def test_a_plan_without_one_feature_costs_one_table_and_says_so(box: Sandbox, tmp_path: Path) -> None:
    forbidden = {"status": 403, "body": '{"error": "Your plan has no portals"}'}
    box.traffic.faults.append(Scheduled("answer", "/idea_comments", times=10**9, details=forbidden))
    with a_run(box, tmp_path) as process:
        out, said = process.communicate(timeout=280)
    assert process.returncode == 1
    told = {table["table"]: table for table in json.loads(out)["tables"]}
    assert {name: told[name]["state"] for name in TABLES} == {
        "ideas": "done",
        "idea_comments": "done",
        "idea_portal_comments": "failed",
    }
    assert "answered 403 Forbidden (Your plan has no portals)" in told["idea_portal_comments"]["error"]
    assert "idea_portal_comments failed:" in said
    assert f"--show ideas --destination {shlex.quote(str(tmp_path / 'lake'))}" in said
    # What each first sync will cost was said before, and the address is the account's own.
    assert "calls: 1 minute at 6,000 a minute." in " ".join(said.split())
    assert f"Reading the account at {box.url}" in said


@pytest.mark.alike
def test_a_jvm_that_is_killed_is_one_sentence_a_table_and_no_traceback(box: Sandbox, tmp_path: Path) -> None:
    with a_run(box, tmp_path) as process:
        until_there_are(box, 100, process)
        for child in psutil.Process(process.pid).children():
            child.kill()
        out, said = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "Traceback" not in said
    assert {table["error"].partition(":")[0] for table in json.loads(out)["tables"]} == {"Spark's JVM ended"}


@pytest.mark.alike
def test_a_run_that_is_stopped_while_java_starts_leaves_no_java(box: Sandbox, tmp_path: Path) -> None:
    with a_run(box, tmp_path) as process:
        until_java_starts(process)
        said, started = stop(process, signal.SIGINT)
        assert process.returncode == 130
    assert said.splitlines()[-1] == SAID
    _, alive = psutil.wait_procs(started, timeout=60)
    assert alive == []
