"""What a sync promises, one test a promise, where the histories do not name it."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from connector.datasource import LakeflowSource
from sandbox.clock import SandboxClock
from sandbox.server import Sandbox, open_world, running
from sandbox.store import Condition
from sandbox.world import World

START = datetime(2025, 11, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with closing(open_world(ideas=12, clock=SandboxClock(START))) as world, running(world) as sandbox:
        yield sandbox


def source_of(box: Sandbox, table: str, **options: str) -> LakeflowSource:
    connection = {"api_key": box.api_key, "subdomain": "company", "base_url": box.url}
    return LakeflowSource(connection | {"requests_per_minute": "600000", "tableName": table} | options)


def read(
    source: LakeflowSource, offset: dict[str, Any] | None
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    rows, end = source.lakeflow_connect.read_table(source.table, offset, source.settings)
    return list(rows), end


def ideas(world: World) -> list[int]:
    return [record.id for record in world.store.page([Condition("kind = 'idea' AND hidden = 0")])]


@pytest.mark.soak
def test_a_bulk_change_of_5000_rows_is_delivered_once_and_remembered_in_under_16_kib() -> None:
    with closing(open_world(ideas=5000, clock=SandboxClock(START))) as world, running(world) as box:
        source = source_of(box, "ideas")
        _, offset = read(source, None)
        box.clock.advance(3600)
        for idea in ideas(box.world):
            box.world.change("idea", idea, score=1)
        rows, offset = read(source, offset)
        assert len(rows) == len(ideas(box.world)) > 4800
        assert len(json.dumps(offset)) < 16 * 1024
        assert read(source, offset) == ([], offset)
        box.world.change("idea", ideas(box.world)[0], score=2)
        again, _ = read(source, offset)
        assert 1 <= len(again) < 60


def test_an_overlap_that_is_read_again_delivers_only_what_changed(box: Sandbox) -> None:
    source = source_of(box, "ideas")
    _, offset = read(source, None)
    first, second = ideas(box.world)[:2]
    box.world.change("idea", first, name="one")
    rows, offset = read(source, offset)
    assert [row["id"] for row in rows] == [str(first)]
    box.world.change("idea", second, name="two")
    rows, offset = read(source, offset)
    assert [row["id"] for row in rows] == [str(second)]
    assert read(source, offset) == ([], offset)


def test_two_changes_within_one_millisecond_are_both_seen(box: Sandbox) -> None:
    source = source_of(box, "ideas")
    _, offset = read(source, None)
    idea = ideas(box.world)[0]
    for name in ("one", "two"):
        box.world.change("idea", idea, name=name)
        rows, offset = read(source, offset)
        assert [row["name"] for row in rows] == [name]


@pytest.mark.parametrize("table", ["ideas", "idea_proxy_votes", "idea_comments", "idea_portal_comments"])
@pytest.mark.parametrize("moving", [0, 5, 3600])
def test_with_no_further_change_reading_ends_within_two_calls(table: str, moving: int, box: Sandbox) -> None:
    source = source_of(box, table)
    _, offset = read(source, None)
    for kind in ("vote", "comment", "idea_comment"):
        box.world.create(kind, ideas(box.world)[3])
    rows, offset = read(source, offset)
    assert rows
    ends = []
    for _ in range(2):
        box.clock.advance(moving)
        rows, offset = read(source, offset)
        assert rows == []
        ends.append(offset)
    box.clock.advance(moving)
    assert read(source, ends[-1]) == ([], ends[-1])


@pytest.mark.parametrize("limit", ["", "3"])
def test_a_batch_that_spark_asks_for_again_after_a_crash_loses_nothing(limit: str, box: Sandbox) -> None:
    stream: Any = source_of(box, "ideas", max_ideas=limit).simpleStreamReader
    world = box.world
    mirror: dict[str, dict[str, Any]] = {}
    _, start = stream(None).read({})
    changed = ideas(world)
    box.clock.advance(3600)
    for idea in changed:
        world.change("idea", idea, name="before the crash")
    _, end = stream(None).read(start)
    # The crash: nothing of the batch was written. The account goes on.
    world.delete("idea", changed[0])
    world.change("idea", changed[5], name="after the crash")
    batches = list(stream(None).readBetweenOffsets(start, end))
    while True:
        mirror |= {row["id"]: row for batch in batches for row in batch.to_pylist()}
        batches, after = stream(None).read(end)
        batches = list(batches)
        if after == end:
            break
        end = after
    for record in world.store.page([Condition("kind = 'idea' AND hidden = 0")]):
        if str(record.id) in mirror or record.id in changed:
            assert mirror[str(record.id)]["name"] == record.body["name"]


@pytest.mark.parametrize("options", [{"max_ideas": "3"}, {"partition_rows": "4"}, {}])
def test_a_spark_batch_read_holds_everything_once(options: dict[str, str], box: Sandbox) -> None:
    source: Any = source_of(box, "ideas", **options)
    reader = source.reader(None)
    partitions = reader.partitions()
    ids = [row["id"] for part in partitions for batch in reader.read(part) for row in batch.to_pylist()]
    assert sorted(ids) == sorted(map(str, ideas(box.world)))
    assert (len(partitions) > 1) is ("partition_rows" in options)


def test_changes_that_bring_no_rows_move_the_cursor_and_are_not_read_again(box: Sandbox) -> None:
    source = source_of(box, "idea_comments")
    quiet = [int(row["id"]) for row in read(source_of(box, "ideas"), None)[0] if row["comments_count"] == 0]
    _, offset = read(source, None)
    box.clock.advance(3600)
    for idea in quiet:
        box.world.change("idea", idea, name="changed")
    box.clock.advance(3600)
    rows, moved = read(source, offset)
    assert rows == []
    assert moved["cursor"] > offset["cursor"]
