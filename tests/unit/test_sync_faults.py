"""Every fault of the sandbox, at every position of a sync: the right rows, or a clear error."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from connector.aha import AhaLakeflowConnect
from connector.client import RetryPolicy
from connector.errors import AhaError
from sandbox.clock import SandboxClock
from sandbox.faults import FAULTS, Scheduled
from sandbox.server import Sandbox, open_world, running
from tests.conftest import FakeClock

TABLES = ("ideas", "idea_comments")
# Answers that no retry can mend: they are refused with what was received. The others pass.
REFUSED = {
    "403",
    "wrong_shape",
    "no_root",
    "not_an_object",
    "login_page",
    "redirect",
    "410",
    "422",
    "graphql_errors",
    "graphql_timeout",
    "duplicated_rows",
    "shrinking_pages",
}


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    clock = SandboxClock(datetime(2025, 11, 1, tzinfo=UTC))
    with closing(open_world(ideas=14, seed_number=651, clock=clock)) as world, running(world) as sandbox:
        yield sandbox


def connector_to(box: Sandbox, page_size: str = "5") -> AhaLakeflowConnect:
    options = {
        "api_key": box.api_key,
        "subdomain": "company",
        "base_url": box.url,
        "requests_per_minute": "600000",
        "page_size": page_size,
    }
    return AhaLakeflowConnect(options, clock=FakeClock())


def read(box: Sandbox, table: str) -> list[dict[str, Any]]:
    """All rows; of ideas that were to be asked again, those of the next read."""
    rows, end = connector_to(box).read_table(table, None, {})
    found = list(rows)
    if "again" in end:
        found += connector_to(box).read_table(table, end, {})[0]
    return sorted(found, key=lambda row: int(row["id"]))


@pytest.mark.parametrize("table", TABLES)
# A 404 says that a record is gone: it has tests of its own.
@pytest.mark.parametrize("fault", sorted(set(FAULTS) - {"404", "slow_drip"}))
def test_a_fault_anywhere_in_a_sync_gives_the_right_rows_or_a_clear_error(
    fault: str, table: str, box: Sandbox
) -> None:
    box.traffic.log.clear()
    wanted = read(box, table)
    requests = len(box.traffic.log)
    assert requests > 2
    for position in range(requests):
        box.traffic.faults[:] = [Scheduled(fault, after=position)]
        try:
            rows = read(box, table)
        except AhaError as error:
            told = str(error)
            assert "GET /" in told
            assert fault in REFUSED
        else:
            assert rows == wanted, f"{fault} at request {position}"
        assert not box.traffic.faults[0].times, "the fault never happened"
        assert read(box, table) == wanted


def test_a_fault_that_stays_ends_in_an_error_and_a_later_read_is_whole(box: Sandbox) -> None:
    wanted = read(box, "ideas")
    box.traffic.faults[:] = [Scheduled("503", times=RetryPolicy().attempts)]
    with pytest.raises(AhaError, match="GET /ideas answered 503"):
        read(box, "ideas")
    assert read(box, "ideas") == wanted


def test_an_idea_that_vanishes_while_its_comments_are_read_stops_no_other(box: Sandbox) -> None:
    world = box.world
    idea = world.create("idea")
    world.create("idea_comment", idea.id)
    wanted = {row["id"] for row in read(box, "idea_portal_comments") if row["idea_id"] != str(idea.id)}
    box.traffic.log.clear()
    # All ideas stand on the first page, this one last: it is gone before its comments are asked for.
    box.traffic.between[:] = [None, lambda: world.delete("idea", idea.id)]
    rows = list(connector_to(box, page_size="200").read_table("idea_portal_comments", None, {})[0])
    assert {row["id"] for row in rows} == wanted
    assert [entry["status"] for entry in box.traffic.log if str(idea.id) in str(entry["path"])] == [404] * 2


def test_the_local_clock_has_no_part_in_what_is_read(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, end = connector_to(box).read_table("ideas", None, {})
    monkeypatch.setattr("time.time", lambda: 0.0)
    again, same = connector_to(box).read_table("ideas", None, {})
    assert (list(again), same) == (list(rows), end)
    assert end["cursor"] == "2025-10-31T23:58:58Z"
