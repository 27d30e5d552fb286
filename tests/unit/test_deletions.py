"""The delete flow: tombstones from Aha!'s audits."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.aha import AhaLakeflowConnect
from connector.errors import AhaError, AhaOptionError, AhaPermissionError, AhaResponseError
from connector.tables import TABLES
from connector.tables.declaration import letters
from sandbox.behaviour import Behaviour
from sandbox.clock import SandboxClock
from sandbox.server import Sandbox, open_world, running
from tests.conftest import FakeClock, Source
from tests.scripted import scripted

START = datetime(2025, 11, 1, 12, 0, tzinfo=UTC)
KINDS = {
    "ideas": "idea",
    "idea_proxy_votes": "vote",
    "idea_comments": "comment",
    "idea_portal_comments": "idea_comment",
}
TRACKED = {"track_deletes": "true"}


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with closing(open_world(ideas=12, clock=SandboxClock(START))) as world, running(world) as sandbox:
        yield sandbox


def connector_to(url: str, **options: str) -> AhaLakeflowConnect:
    connection = {"api_key": "sandbox-key", "subdomain": "company", "base_url": url}
    connection["requests_per_minute"] = "600000"
    return AhaLakeflowConnect(connection | options, clock=FakeClock())


def deletes(
    connector: AhaLakeflowConnect, table: str, start: dict[str, Any] | None = None
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    rows, end = connector.read_table_deletes(table, start, TRACKED)
    return list(rows), end


def audit(identity: int, record: int = 5, **fields: Any) -> dict[str, Any]:
    body = {
        "id": str(identity),
        "audit_action": "destroy",
        "created_at": "2025-11-01T10:00:00.000Z",
        "auditable_type": "ideas/idea",
        "auditable_id": str(record),
    }
    return body | fields


def answer(*audits: dict[str, Any], status: int = 200) -> tuple[int, dict[str, str], str]:
    pagination = {"total_records": len(audits), "total_pages": 1, "current_page": 1}
    headers = {"Date": "Sat, 01 Nov 2025 12:00:00 GMT"}
    return status, headers, json.dumps({"audits": audits, "pagination": pagination})


@pytest.mark.parametrize("table", KINDS)
def test_a_deleted_row_of_every_table_is_told_once_with_its_key_and_time(table: str, box: Sandbox) -> None:
    connector = connector_to(box.url)
    world, kind = box.world, KINDS[table]
    before, offset = deletes(connector, table)
    idea = world.create("idea")
    record = world.create(kind, idea.id) if kind != "idea" else idea
    box.clock.advance(3600)
    world.delete(kind, record.id)
    rows, offset = deletes(connector, table, offset)
    assert [(row["id"], row["updated_at"]) for row in rows] == [(str(record.id), "2025-11-01T13:00:00.000Z")]
    assert set(rows[0]) == set(connector.get_table_schema(table, {}).names)
    told = {name for name, value in rows[0].items() if value is not None}
    assert told == {"id", "updated_at", TABLES[table].cursor_field}
    assert deletes(connector, table, offset) == ([], offset)
    assert str(record.id) not in {row["id"] for row in before}


def test_a_second_read_asks_for_what_came_after_the_first(box: Sandbox) -> None:
    connector = connector_to(box.url)
    box.clock.advance(3600)
    _, offset = deletes(connector, "ideas")
    deletes(connector, "ideas", offset)
    first, second = (entry["query"] for entry in box.traffic.log if entry["path"] == "/audits")
    assert first == {"audit_action": "destroy", "page": "1", "per_page": "200"}
    assert second == first | {"after_id": offset["after_id"]}


def test_an_audit_that_becomes_visible_late_is_not_missed(box: Sandbox) -> None:
    connector = connector_to(box.url)
    ideas = [box.world.create("idea").id for _ in range(30)]
    _, offset = deletes(connector, "ideas")
    box.world.behaviour = Behaviour(commit_lag=50)
    found: list[str] = []
    for idea in ideas:
        box.world.delete("idea", idea)
        box.clock.advance(7)
        rows, offset = deletes(connector, "ideas", offset)
        found += [row["id"] for row in rows]
    box.clock.advance(60)
    found += [row["id"] for row in deletes(connector, "ideas", offset)[0]]
    assert sorted(found) == sorted(map(str, ideas))


def test_1000_deletions_are_told_once_and_remembered_in_under_16_kib() -> None:
    with closing(open_world(ideas=1000, clock=SandboxClock(START))) as world, running(world) as box:
        connector = connector_to(box.url)
        _, offset = deletes(connector, "ideas")
        ideas = [int(row["id"]) for row in connector.read_table("ideas", None, {})[0]]
        for idea in ideas:
            box.world.delete("idea", idea)
        rows, offset = deletes(connector, "ideas", offset)
        assert {int(row["id"]) for row in rows} == set(ideas)
        assert len(json.dumps(offset)) < 16 * 1024
        assert deletes(connector, "ideas", json.loads(json.dumps(offset))) == ([], offset)


@given(st.sampled_from([name for name, table in TABLES.items() if table.audited_as]), st.data())
def test_every_spelling_of_a_type_is_understood(table: str, data: st.DataObject) -> None:
    spelling = data.draw(st.sampled_from(TABLES[table].audited_as))
    words = [part.split("_") for part in spelling.split("/")]
    as_class = "::".join("".join(word.capitalize() for word in part) for part in words)
    root = TABLES[table].source.route.root
    # Two tables of comments, and two of votes, are audited alike.
    others = {
        name for other in TABLES.values() if other.source.route.root != root for name in other.spellings
    }
    for text in (spelling, spelling.upper(), as_class):
        assert letters(text) in TABLES[table].spellings
        assert letters(text) not in others


def test_audits_in_any_order_are_all_read() -> None:
    with scripted(answer(audit(9, 3), audit(7, 2), audit(8, 1))) as script:
        rows, offset = deletes(connector_to(script.url), "ideas")
    assert [row["id"] for row in rows] == ["2", "1", "3"]
    assert offset["after_id"] == "9"


def test_a_key_that_may_not_read_audits_gets_one_clear_error() -> None:
    with scripted(answer(status=403)) as script:
        connector = connector_to(script.url)
        with pytest.raises(
            AhaPermissionError, match="`track_deletes` of table `ideas` reads Aha!'s audits"
        ) as found:
            deletes(connector, "ideas")
    assert "sync_mode=snapshot" in str(found.value)


def test_an_audit_that_does_not_say_when_it_was_made_tells_of_a_deletion_all_the_same() -> None:
    told = [audit(1), audit(2, 6) | {"created_at": None}, audit(3, 7), audit(4, 8) | {"created_at": ["odd"]}]
    with scripted(answer(*told)) as script:
        rows, offset = deletes(connector_to(script.url), "ideas")
    assert {row["id"] for row in rows} == {"5", "6", "7", "8"}
    assert all(row["updated_at"] for row in rows)
    # As old as the one after it; what none comes after is read again.
    assert offset["after_id"] == "3"


@pytest.mark.parametrize(
    ("audits", "says"),
    [
        ([audit(1, auditable_type=None)], "an `auditable_type` for each audit"),
        ([audit(1, auditable_id="x")], "a number as `auditable_id`"),
        ([audit(1) | {"id": "x"}], "a number as `id`"),
    ],
)
def test_an_audit_that_cannot_be_judged_is_an_error_and_no_silent_gap(
    audits: list[dict[str, Any]], says: str
) -> None:
    with scripted(answer(*audits)) as script, pytest.raises(AhaResponseError, match=says):
        deletes(connector_to(script.url), "ideas")


def test_a_server_that_ignores_after_id_is_found_out() -> None:
    with scripted(answer(audit(7))) as script:
        connector = connector_to(script.url)
        _, offset = deletes(connector, "ideas")
        with pytest.raises(AhaResponseError, match="only audits after 7, but also 7"):
            deletes(connector, "ideas", offset)


def test_without_the_option_there_is_no_delete_flow_and_nothing_is_asked(box: Sandbox) -> None:
    connector = connector_to(box.url)
    with pytest.raises(AhaOptionError, match="Set its option `track_deletes` to true"):
        connector.read_table_deletes("ideas", None, {})
    with pytest.raises(AhaOptionError, match="Leave out one of the two"):
        connector.read_table_deletes("ideas", None, TRACKED | {"sync_mode": "snapshot"})
    assert box.traffic.log == []


@pytest.mark.parametrize("offset", [{"version": 2}, {"version": 1}, {"version": 1, "after_id": "x"}])
def test_an_offset_that_is_none_is_refused(offset: dict[str, Any], box: Sandbox) -> None:
    with pytest.raises(AhaError, match="full refresh"):
        deletes(connector_to(box.url), "ideas", offset)


def test_the_options_change_what_a_pipeline_is_told(source: Source, box: Sandbox) -> None:
    connector = source({"api_key": "k", "subdomain": "company", "tableName": "ideas"}).lakeflow_connect
    told = [
        connector.read_table_metadata("ideas", options)["ingestion_type"]
        for options in ({}, TRACKED, {"sync_mode": "snapshot"})
    ]
    assert told == ["cdc", "cdc_with_deletes", "snapshot"]
    assert box.traffic.log == []


def test_a_stream_in_delete_flow_reads_tombstones_and_nothing_else(source: Source, box: Sandbox) -> None:
    box.world.delete("idea", box.world.create("idea").id)
    options = {"api_key": box.api_key, "subdomain": "company", "base_url": box.url, "tableName": "ideas"}
    stream = source(options | TRACKED | {"isDeleteFlow": "true"}).simpleStreamReader(None)
    batches, end = stream.read(stream.initialOffset())
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert {name for row in rows for name, value in row.items() if value is not None} == {"id", "updated_at"}
    assert rows == [row for batch in stream.readBetweenOffsets({}, end) for row in batch.to_pylist()]
    # Beside the audits, each deleted idea is asked for: it may be back.
    assert {entry["route"] for entry in box.traffic.log} == {"/audits", "/ideas/{id}"}


def test_nothing_before_an_audit_that_is_still_young_counts_as_settled() -> None:
    young = audit(7, 2, created_at="2025-11-01T11:59:59.000Z")
    with scripted(answer(audit(5, 1), young, audit(9, 3)), answer(young, audit(9, 3), audit(6, 4))) as script:
        connector = connector_to(script.url)
        _, offset = deletes(connector, "ideas")
        rows, _ = deletes(connector, "ideas", offset)
    assert offset["after_id"] == "5"
    assert [row["id"] for row in rows] == ["4"]


@pytest.mark.parametrize("moving", [True, False])
@pytest.mark.parametrize("table", ["ideas", "idea_votes", "idea_comments", "idea_portal_comments"])
def test_what_is_back_with_its_idea_is_not_told_as_deleted(table: str, moving: bool, box: Sandbox) -> None:
    world, kinds = box.world, {"ideas": "idea", "idea_votes": "vote", "idea_comments": "comment"}
    kind = kinds.get(table, "idea_comment")
    connector = connector_to(box.url)
    back, gone = (world.create("idea").id for _ in range(2))
    records = {
        idea: [idea] if kind == "idea" else [world.create(kind, idea).id for _ in range(2)]
        for idea in (back, gone)
    }
    _, start = deletes(connector, table)
    for idea in (back, gone):
        if kind != "idea":
            # This one does not come back: it was deleted before its idea.
            records[gone].append(world.create(kind, idea).id)
            world.delete(kind, records[gone][-1])
        world.delete("idea", idea)
    world.restore("idea", back, moving=moving)
    box.clock.advance(3600)
    rows, _ = deletes(connector, table, start)
    assert {row["id"] for row in rows} == {str(record) for record in records[gone]}
