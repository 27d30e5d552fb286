"""Spark's logs: a file a run, and what the connector warned of in it."""

from pathlib import Path

import pytest

from connector.log import warn
from scripts.lakehouse.delta import LakehouseError
from scripts.lakehouse.logs import KEPT_RUNS, find_warnings, new_log


def test_the_last_runs_logs_stay_and_older_ones_go(tmp_path: Path) -> None:
    for day in range(10, 20):
        (tmp_path / f"2025-01-{day}T00-00-00-1.log").touch()
    now = new_log(tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == KEPT_RUNS
    assert names[-1] == now.name
    assert names[0] == "2025-01-16T00-00-00-1.log"


def test_a_place_that_cannot_be_written_to_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "build").touch()
    with pytest.raises(
        LakehouseError, match=r"cannot be written to \(Not a directory\).*use a clone of your own"
    ):
        new_log(tmp_path / "build" / "logs")


def test_what_the_connector_warns_of_is_found_among_what_spark_says(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in (1, 2):
        warn("Table %s: what hangs below %d records could not be read", "idea_votes", number)
    warn("A warning\nof two lines")
    warn("GET /ideas failed in attempt 1 of 6, next in 1 s")
    log = tmp_path / "spark.log"
    log.write_text("\n".join(["WARN Spark is here", *caplog.messages, "Traceback ..."]))
    assert find_warnings(log) == [
        "Table idea_votes: what hangs below 1 records could not be read (2 times)",
        "A warning of two lines",
    ]


def test_many_warnings_are_cut_and_counted(tmp_path: Path) -> None:
    log = tmp_path / "spark.log"
    log.write_text("".join(f"aha_lakeflow: warning {'x' * number}\n" for number in range(14)))
    told = find_warnings(log)
    assert len(told) == 11
    assert told[-1] == f"4 more warnings are in {log}."
