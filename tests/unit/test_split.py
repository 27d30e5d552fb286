"""Splitting a full read: every row in exactly one part, whatever happens between planning and reading."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.pacing import Budget
from connector.split import MOST_WINDOWS, Window, make_windows
from sandbox.clock import SandboxClock, timestamp
from sandbox.server import Sandbox, open_world, running
from sandbox.store import Condition
from tests.conftest import SPARK_4_2, FakeClock
from tests.unit.test_sync_promises import ideas, source_of

SPLIT_STREAMS = pytest.mark.skipif(
    not SPARK_4_2, reason="before Spark 4.2 a stream is read where it is driven"
)

START = datetime(2025, 11, 1, 12, 0, tzinfo=UTC)
MOMENTS = st.integers(0, 40).map(lambda step: timestamp(START + timedelta(milliseconds=step)))
KINDS = {
    "ideas": "idea",
    "idea_proxy_votes": "vote",
    "idea_comments": "comment",
    "idea_portal_comments": "idea_comment",
}


@given(st.lists(MOMENTS, min_size=1, max_size=60), st.integers(1, 30))
def test_every_row_is_in_exactly_one_window(moments: list[str], rows: int) -> None:
    windows = make_windows(len(moments), rows, lambda position: moments[position - 1])
    assert len(windows) <= MOST_WINDOWS
    assert {window.share for window in windows} == {len(windows)}
    for created in moments:
        holding = [window for window in windows if window.holds({"id": "1", "created_at": created})]
        assert len(holding) == 1
        [window] = holding
        asked = dict(window.params)
        assert asked.get("created_since", "") < created < asked.get("created_before", "3")


def test_a_small_list_is_one_window_without_any_filter() -> None:
    assert make_windows(5, 5, lambda _: "never asked") == [Window()]
    assert Window().params == ()


@pytest.mark.parametrize("told", [None, "", "yesterday", 7, ["2025-01-01"]])
def test_a_row_that_does_not_say_when_it_was_made_is_left_out_of_no_window_that_shows_it(told: Any) -> None:
    row = {"id": "7", "created_at": told}
    assert Window(since="2025-01-01T00:00:00Z").holds(row)
    assert Window(before="2025-01-01T00:00:00Z").holds(row)


def test_windows_share_one_budget() -> None:
    clock = FakeClock()
    budget = Budget(300, clock, share=4)
    for _ in range(76):
        budget.take()
    assert clock.now > 60
    clock = FakeClock()
    budget = Budget(300, clock, share=4)
    for _ in range(6):
        budget.take()
    assert clock.now > 1


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with closing(open_world(ideas=40, clock=SandboxClock(START))) as world, running(world) as sandbox:
        yield sandbox


def read_all(source: Any, parts: list[dict[str, Any]]) -> list[str]:
    connector = source.lakeflow_connect
    return [
        row["id"] for part in parts for row in connector.read_partition(source.table, part, source.settings)
    ]


def expected(box: Sandbox, table: str) -> set[str]:
    where = "kind = ? AND hidden = 0 AND (kind <> 'vote' OR proxy = 1)"
    if "comments" in table:
        where += " AND parent IN (SELECT id FROM records WHERE kind = 'idea' AND hidden = 0)"
    records = box.world.store.page([Condition(where, (KINDS[table],))])
    return {str(record.id) for record in records}


@pytest.mark.parametrize("table", KINDS)
def test_the_parts_of_every_table_hold_each_row_once(table: str, box: Sandbox) -> None:
    source = source_of(box, table, partition_rows="6", page_size="5")
    parts = source.lakeflow_connect.get_partitions(table, source.settings)
    assert len(parts) > 1
    ids = read_all(source, parts)
    assert len(ids) == len(set(ids))
    assert set(ids) == expected(box, table)


def test_what_changes_between_planning_and_reading_loses_no_row(box: Sandbox) -> None:
    source = source_of(box, "ideas", partition_rows="6", page_size="5")
    world = box.world
    parts = source.lakeflow_connect.get_partitions("ideas", source.settings)
    gone = ideas(world)[::3]
    found: list[str] = []
    for part in parts:
        for idea in gone[:2]:
            world.delete("idea", idea)
        del gone[:2]
        world.create("idea")
        found += read_all(source, [part])
    # What was made after the last part was begun is the next sync's.
    newest = max(ideas(world))
    assert expected(box, "ideas") - {str(newest)} <= set(found)


@SPLIT_STREAMS
@pytest.mark.parametrize("changes", [0, 3])
def test_a_stream_that_begins_split_goes_on_from_where_its_parts_ended(changes: int, box: Sandbox) -> None:
    source: Any = source_of(box, "ideas", partition_rows="6")
    reader: Any = source.streamReader(None)
    end = reader.latestOffset({}, None)
    mirror: dict[str, Any] = {}
    for part in reader.partitions({}, end):
        for idea in ideas(box.world)[:changes]:
            box.world.change("idea", idea, name="changed while parts were read")
        mirror |= {row["id"]: row for batch in reader.read(part) for row in batch.to_pylist()}
    reader.commit(end)
    for _ in range(3):
        start, end = end, reader.latestOffset(end, None)
        if start == end:
            break
        for part in reader.partitions(start, end):
            mirror |= {row["id"]: row for batch in reader.read(part) for row in batch.to_pylist()}
    else:
        raise AssertionError("the stream never ended")
    for record in box.world.store.page([Condition("kind = 'idea' AND hidden = 0")]):
        assert mirror[str(record.id)]["name"] == record.body["name"]


@SPLIT_STREAMS
def test_after_a_restart_a_planned_batch_is_read_again(box: Sandbox) -> None:
    source: Any = source_of(box, "ideas")
    reader: Any = source.streamReader(None)
    end = reader.latestOffset({}, None)
    first = rows_of(reader, {}, end)
    fresh: Any = source_of(box, "ideas")
    again: Any = fresh.streamReader(None)
    assert rows_of(again, {}, end) == first
    box.clock.advance(3600)
    box.world.change("idea", ideas(box.world)[0], name="later")
    after = again.latestOffset(end, None)
    third: Any = fresh.streamReader(None)
    assert rows_of(third, end, after) == rows_of(again, end, after) == {str(ideas(box.world)[0])}


def rows_of(reader: Any, start: dict[str, Any], end: dict[str, Any]) -> set[str]:
    parts = reader.partitions(start, end)
    return {row["id"] for part in parts for batch in reader.read(part) for row in batch.to_pylist()}


@SPLIT_STREAMS
def test_an_available_now_run_reads_what_was_there_and_stops_though_changes_go_on(box: Sandbox) -> None:
    source: Any = source_of(box, "ideas", max_ideas="10")
    reader = source.streamReader(None)
    reader.prepareForTriggerAvailableNow()
    offset: dict[str, Any] = {}
    batches = 0
    while True:
        box.clock.advance(5)
        box.world.change("idea", ideas(box.world)[0], name=f"version {batches}")
        end = reader.latestOffset(offset, None)
        if end == offset:
            break
        rows_of(reader, offset, end)
        reader.commit(end)
        offset, batches = end, batches + 1
        assert batches < 10
    assert batches >= 4


def test_times_are_timestamps_where_the_option_asks_for_them(box: Sandbox) -> None:
    source: Any = source_of(box, "ideas", timestamps="native")
    rows, _ = source.lakeflow_connect.read_table("ideas", None, source.settings)
    row = next(iter(rows))
    assert row["created_at"].tzinfo is not None
    assert source.schema()["created_at"].dataType.simpleString() == "timestamp"
    assert source.schema()["description"].dataType["updated_at"].dataType.simpleString() == "timestamp"
    assert source.schema()["name"].dataType.simpleString() == "string"
    text = next(iter(source_of(box, "ideas").lakeflow_connect.read_table("ideas", None, {})[0]))
    assert timestamp(row["created_at"]) == text["created_at"]
