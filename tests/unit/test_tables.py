"""Every table as it is declared: what it costs, what it needs, and what happens where Aha! is not so kind."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pyspark.sql.types import StructType

from connector.aha import AhaLakeflowConnect
from connector.datasource import FlowReader, LakeflowSource, SimpleFlowReader
from connector.errors import AhaNotFoundError, AhaOptionError, AhaPermissionError
from connector.tables import TABLES, knows_workspace
from connector.tables.declaration import UPDATED_SINCE, Parents, Source, Table
from connector.tables.declaration import Route as AhaRoute
from connector.tables.types import COUNT, TEXT, table_schema
from sandbox.clock import SandboxClock, timestamp
from sandbox.delivery import DELIVERY
from sandbox.faults import Scheduled
from sandbox.filters import updated_after
from sandbox.forms import Form, show
from sandbox.resources import Resource, Route
from sandbox.server import Sandbox, open_world, running
from sandbox.store import Condition, Record
from scripts.lakehouse.spark import MERGED_FILE, load_merged_module
from tests.conftest import FakeClock, merged_source
from tests.effort import times_the_work
from tests.plans import INCREMENTAL, NEEDED, PLANS

START = datetime(2025, 11, 1, 12, 0, tzinfo=UTC)
DETAILED = [name for name, table in TABLES.items() if table.detail and not table.opt_in]


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with closing(open_world(ideas=12, clock=SandboxClock(START))) as world, running(world) as sandbox:
        yield sandbox


def connector_to(box: Sandbox, **options: str) -> AhaLakeflowConnect:
    connection = {"api_key": box.api_key, "subdomain": "company", "base_url": box.url}
    return AhaLakeflowConnect(connection | {"requests_per_minute": "600000"} | options, clock=FakeClock())


def read(
    box: Sandbox, table: str, offset: dict[str, Any] | None = None, **options: str
) -> tuple[list[dict[str, Any]], dict[str, Any], list[str]]:
    """Rows, the offset after them, and the requests that were sent."""
    box.traffic.log.clear()
    needed = NEEDED.get(table, {})
    rows, end = connector_to(box).read_table(table, offset, {**needed, **options})
    return list(rows), end, [str(entry["path"]) for entry in box.traffic.log]


def test_a_table_like_another_is_a_declaration_and_no_other_line_of_code(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_up = Resource(
        "gadget",
        "gadgets",
        "gadget",
        (Route("/gadgets"), Route("/products/{parent}/gadgets", "product")),
        (Route("/gadgets/{id}"),),
        Form(("id", "name")),
        {"updated_since": updated_after},
    )
    monkeypatch.setattr("sandbox.routes.DELIVERY", (*DELIVERY, made_up))
    listed = AhaRoute("/gadgets", "gadgets", since=UPDATED_SINCE, fields=True)
    below = AhaRoute("/products/{parent}/gadgets", "gadgets", since=UPDATED_SINCE, fields=True)
    schema = table_schema(id=TEXT, name=TEXT, size=COUNT, created_at=TEXT, updated_at=TEXT)
    for table in (
        Table("gadgets", schema, Source(listed)),
        Table("gadgets_by_workspace", schema, Source(below, Parents("products"))),
    ):
        monkeypatch.setitem(TABLES, table.name, table)
    product = box.world.store.page([Condition("kind = 'product'")], 1, 1)[0].id

    def put(number: int, size: int) -> None:
        now = timestamp(box.world.clock.now())
        body = {"id": str(number), "name": f"gadget {number}", "size": size}
        body |= {"created_at": now, "updated_at": now}
        box.world.store.put([Record("gadget", number, body, product)])

    with running(box.world) as other:
        for number in range(1, 6):
            put(number, 1)
        offsets = {}
        for name in ("gadgets", "gadgets_by_workspace"):
            rows, offsets[name], _ = read(other, name)
            assert [row["size"] for row in rows] == [1] * 5
        box.world.clock.advance(3600)
        put(3, 2)
        for name, offset in offsets.items():
            rows, end, _ = read(other, name, offset)
            assert [(row["id"], row["size"]) for row in rows] == [("3", 2)]
            assert read(other, name, end)[:2] == ([], end)


# Table → calls of a first sync and of an idle one, in a sandbox of W workspaces.
W = 5
CALLS: dict[str, tuple[int, int]] = {
    "idea_organizations": (1, 1),
    "idea_users": (1, 1),
    "releases": (1 + W, 1 + W),
    "release_phases": (1, 1),
    "epics": (1, 1),
    "features": (1, 1),
    "requirements": (1, 1),
    "tasks": (1, 1),
    "record_comments": (1 + W, 1 + W),
    "record_links": (1 + 7, 1),
    "initiatives": (1, 1),
    "goals": (1, 1),
    # One of the goals has key results.
    "key_results": (1 + 1, 1),
    "strategy_visions": (1, 1),
    "users": (1, 1),
    "products": (1, 1),
    "audits": (1, 1),
    "deletions": (1, 1),
    "custom_object_records": (1 + W, 1 + W),
    "ideas": (1, 1),
    "idea_votes": (1, 1),
    "idea_proxy_votes": (1, 1),
    # The ideas of the first page are all asked for: they prove the counts, of which GraphQL tells some.
    "idea_comments": (1 + 12, 1),
    "idea_portal_comments": (1 + 1 + 12, 1),
}


def test_every_incremental_table_has_its_least_number_of_calls_here() -> None:
    assert set(CALLS) == set(INCREMENTAL)


@pytest.mark.parametrize("table", CALLS)
def test_a_first_sync_and_an_idle_one_take_no_call_more_than_their_lists_need(
    table: str, box: Sandbox
) -> None:
    first, idle = CALLS[table]
    rows, end, sent = read(box, table)
    assert rows
    assert len(sent) == first
    box.clock.advance(3600)
    again, same, sent = read(box, table, end)
    assert again == []
    assert len(sent) == idle
    assert read(box, table, same)[:2] == ([], same)


@pytest.mark.parametrize("table", [name for name, table in TABLES.items() if table.is_snapshot])
def test_a_table_without_times_is_a_snapshot_that_is_everything_each_time(table: str, box: Sandbox) -> None:
    rows, end, _ = read(box, table)
    assert rows
    assert end == {}
    assert len({row["id"] for row in rows}) == len(rows)
    assert read(box, table, end)[0] == rows
    metadata = connector_to(box).read_table_metadata(table, {})
    assert (metadata["ingestion_type"], metadata["cursor_field"]) == ("snapshot", None)


@pytest.mark.parametrize("table", DETAILED)
def test_a_list_that_leaves_out_what_a_table_needs_is_completed_row_by_row_and_says_so_once(
    table: str, box: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wanted, _, _ = read(box, table)
    declared, lacking = TABLES[table], TABLES[table].part or "updated_at"

    def without(row: dict[str, Any], form: Form, fields: str | None, *, listed: bool) -> dict[str, Any]:
        shown = show(row, form, fields, listed=listed)
        return {name: value for name, value in shown.items() if not (listed and name == lacking)}

    monkeypatch.setattr("sandbox.routes.show", without)
    rows, end, sent = read(box, table)
    assert sorted(row["id"] for row in rows) == sorted(row["id"] for row in wanted)
    assert all(row["updated_at"] for row in rows)
    assert [record.message for record in caplog.records if f"does not tell `{lacking}`" in record.message]
    assert len(caplog.records) == 1
    box.clock.advance(3600)
    kind = {"ideas": "idea", "idea_organizations": "idea_organization"}.get(table, table[:-1])
    changed = box.world.store.page([Condition("kind = ? AND hidden = 0", (kind,))])[0]
    if declared.part:
        # Of a list that does not tell its parts, the whole must move.
        box.world.change("feature", changed.parent or 0)
    box.world.change(kind, changed.id, name="changed")
    rows, _, sent = read(box, table, end)
    assert str(changed.id) in {row["id"] for row in rows}
    lists = 1 + W if declared.source.parents else 1
    assert len(sent) == lists + 1


@pytest.mark.parametrize("status", ["403", "404"])
@pytest.mark.parametrize("table", PLANS)
def test_a_table_that_is_refused_says_which_and_what_may_be_missing_and_leaves_the_others_alone(
    table: str, status: str, box: Sandbox
) -> None:
    source = TABLES[table].source
    outer = TABLES[source.parents.table].source.route.path if source.parents else source.route.path
    box.traffic.faults[:] = [Scheduled(status, f"^{outer}$", 10**9)]
    with pytest.raises(AhaPermissionError if status == "403" else AhaNotFoundError) as caught:
        read(box, table)
    assert f"Table `{table}` cannot be read: GET {outer} answered {status}" in str(caught.value)
    assert "The account's plan may lack it, or the key's user the role" in str(caught.value)
    other = "users" if outer != "/users" else "teams"
    assert read(box, other)[0]


def test_a_list_that_is_gone_for_each_parent_is_an_error_and_not_an_empty_table(box: Sandbox) -> None:
    box.traffic.faults[:] = [Scheduled("404", "/releases$", 10**9)]
    with pytest.raises(AhaNotFoundError, match=rf"answered 404 for each of {W} records"):
        read(box, "releases")
    # A snapshot would let the rows of that workspace go.
    box.traffic.faults[:] = [Scheduled("404", "/workflows$")]
    with pytest.raises(AhaNotFoundError, match=r"`workflows` cannot be read: GET /products/\d+/workflows"):
        read(box, "workflows")
    box.traffic.faults[:] = [Scheduled("404", "/releases$", W - 1)]
    assert read(box, "releases")[1]


@pytest.mark.parametrize("table", [name for name, table in TABLES.items() if knows_workspace(table)])
@pytest.mark.parametrize("names", ["LINE", "line , 7300000000000001002"])
def test_workspaces_leave_the_rows_of_those_workspaces_by_prefix_or_id(
    table: str, names: str, box: Sandbox
) -> None:
    for kind in ("feature", "epic", "initiative", "release", "goal", "idea_portal", "page", "persona"):
        box.world.create(kind, 7300000000000001002)
    everything, _, _ = read(box, table)
    rows, _, sent = read(box, table, workspaces=names)
    assert {row["id"] for row in rows} <= {row["id"] for row in everything}
    path = TABLES[table].source.route.workspace or TABLES[table].source.route.path
    if "{parent}" in path and path.startswith("/products/"):
        asked = path.format(parent="7300000000000001002", key="accounts")
        assert [request for request in sent if request.startswith("/products/")] == [asked]
    for row in rows:
        named = row if table == "products" else row.get("project")
        if named:
            assert named["reference_prefix"] == "LINE" or named["id"] == "7300000000000001002"
    if table in ("features", "epics", "releases", "goals", "products", "pages"):
        assert 0 < len(rows) < len(everything)


def test_a_workspace_that_the_key_does_not_see_is_refused_with_those_that_it_sees(box: Sandbox) -> None:
    with pytest.raises(AhaOptionError, match=r"names 'DMEO', and the key sees no such workspace, but .*DEMO"):
        read(box, "features", workspaces="DEMO,DMEO")


def test_other_workspaces_are_another_table_to_an_offset(box: Sandbox) -> None:
    _, end, _ = read(box, "features", workspaces="LINE")
    rows, _, _ = read(box, "features", end)
    assert len(rows) == len(read(box, "features")[0])


@pytest.mark.parametrize("table", [name for name in INCREMENTAL if name not in NEEDED])
def test_a_bound_cuts_every_incremental_table_into_micro_batches_that_hold_everything_once(
    table: str, box: Sandbox
) -> None:
    everything, _, _ = read(box, table)
    batches, offset = [], None
    for _ in range(100):
        rows, end, _ = read(box, table, offset, max_records_per_batch="2")
        if end == offset:
            break
        batches.append(rows)
        offset = end
    ids = [row["id"] for rows in batches for row in rows]
    assert sorted(ids) == sorted(row["id"] for row in everything)
    below = TABLES[table].source.parents
    if not (below and below.changed):
        # A parent's rows stay together.
        assert max(map(len, batches)) <= 2 or TABLES[table].part


@pytest.mark.parametrize("options", [{}, {"sync_mode": "snapshot"}])
def test_a_link_that_two_features_tell_is_one_row(options: dict[str, str], box: Sandbox) -> None:
    features = box.world.store.page([Condition("kind = 'feature'")], 2)
    links = [box.world.create("record_link", feature.id) for feature in features]
    # The second feature tells the first one's link, too.
    box.world.store.put([replace(links[1], body=links[0].body)])
    rows, _, _ = read(box, "record_links", None, **options)
    ids = [row["id"] for row in rows]
    assert ids.count(str(links[0].id)) == 1
    assert len(ids) == len(set(ids))


def test_the_merged_file_is_loaded_in_little_more_time_than_it_takes_to_compile_it() -> None:
    text = MERGED_FILE.read_text()
    assert times_the_work(load_merged_module, lambda: compile(text, "merged", "exec")) < 3


def test_the_merged_file_offers_the_same_tables() -> None:
    source = merged_source()
    connector = source({"api_key": "key", "subdomain": "company"}).lakeflow_connect
    assert connector.list_tables() == list(TABLES)
    for name, table in TABLES.items():
        assert connector.get_table_schema(name, {}) == table.schema


def test_custom_tables_must_be_named(box: Sandbox) -> None:
    with pytest.raises(AhaOptionError, match="Option `custom_object_keys` is missing"):
        connector_to(box).read_table("custom_object_records", None, {})
    with pytest.raises(AhaNotFoundError, match="answered 404 for each"):
        list(connector_to(box).read_table("custom_object_records", None, {"custom_object_keys": "none"})[0])


def test_a_feed_goes_on_after_the_last_audit_that_nothing_can_come_before(box: Sandbox) -> None:
    rows, end, _ = read(box, "audits")
    assert end["after_id"] == max(row["id"] for row in rows)
    box.world.create("idea")
    box.clock.advance(3600)
    rows, end, _ = read(box, "audits", end)
    assert len(rows) == 1
    assert end["after_id"] == rows[0]["id"]
    asked: Any = box.traffic.log[0]["query"]
    assert asked["after_id"] < rows[0]["id"]


def test_an_edited_portal_comment_is_newer_also_where_aha_does_not_say_when_it_changed(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without(row: dict[str, Any], form: Form, fields: str | None, *, listed: bool) -> dict[str, Any]:
        shown = show(row, form, fields, listed=listed)
        return {k: v for k, v in shown.items() if k != "updated_at" or "spam" not in form.extras}

    monkeypatch.setattr("sandbox.routes.show", without)
    idea = box.world.store.page([Condition("kind = 'idea'")], 1)[0]
    comment = box.world.create("idea_comment", idea.id)
    before, end, _ = read(box, "idea_portal_comments")
    assert {row["updated_at"] for row in before} == {None}
    box.clock.advance(60)
    box.world.change("idea_comment", comment.id, body="<p>edited</p>")
    after, _, _ = read(box, "idea_portal_comments", end)
    [old], [new] = ([row for row in rows if row["id"] == str(comment.id)] for rows in (before, after))
    assert new["body"] == "<p>edited</p>"
    assert old["changed_at"] < new["changed_at"]


def source_of(box: Sandbox, table: str, **options: str) -> LakeflowSource:
    connection = {"api_key": box.api_key, "subdomain": "company", "base_url": box.url}
    return LakeflowSource(connection | {"requests_per_minute": "600000", "tableName": table} | options)


@pytest.mark.parametrize("table", ["ideas", "releases", "key_results", "users", "audits", "deletions"])
def test_before_spark_4_2_a_bounded_read_brings_all_that_is_there_at_once(table: str, box: Sandbox) -> None:
    stream: Any = source_of(box, table, max_records_per_batch="2").simpleStreamReader(StructType())
    batches, end = stream.read(stream.initialOffset())
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert sorted(row["id"] for row in rows) == sorted(row["id"] for row in read(box, table)[0])
    assert list(stream.read(end)[0]) == []


@pytest.mark.parametrize("kind", ["simple", "partitioned"])
@pytest.mark.parametrize("options", [{}, {"sync_mode": "snapshot"}])
def test_a_streamed_snapshot_brings_everything_each_time_and_its_offset_moves(
    kind: str, options: dict[str, str], box: Sandbox
) -> None:
    table = "users" if options else "teams"
    flow = source_of(box, table, **options).flow
    wanted = sorted(row["id"] for row in read(box, table)[0])
    offset: dict[str, Any] = {}
    seen = [offset]
    for _ in range(3):
        if kind == "simple":
            batches, offset = SimpleFlowReader(flow).read(offset)
            found = list(batches)
        else:
            reader = FlowReader(flow)
            start, offset = offset, reader.latestOffset(offset, None)
            parts = reader.partitions(start, offset)
            found = [batch for part in parts for batch in reader.read(part)]
        assert sorted(row["id"] for batch in found for row in batch.to_pylist()) == wanted
        assert offset not in seen
        seen.append(offset)


def test_a_stream_that_reads_what_is_available_goes_on_until_rows_that_came_into_sight_are_read(
    box: Sandbox,
) -> None:
    flow = source_of(box, "users").flow
    world = box.world
    user = world.store.page([Condition("kind = 'user'")], 1)[0].id
    world.hide("user", user)
    _, offset = flow.read({})
    box.clock.advance(3600)
    world.hide("user", user, hidden=False)
    reader = FlowReader(flow)
    reader.prepareForTriggerAvailableNow()
    rows: list[str] = []
    while (end := reader.latestOffset(offset, None)) != offset:
        parts = reader.partitions(offset, end)
        rows += [row["id"] for part in parts for batch in reader.read(part) for row in batch.to_pylist()]
        offset = end
    assert str(user) in rows
