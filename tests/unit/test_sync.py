"""Syncs against the sandbox: package and merged file."""

from pathlib import Path
from typing import Any

import pytest

from connector.tables import TABLES as DECLARED
from sandbox.server import Sandbox
from tests.conftest import Source

TABLES = ("ideas", "idea_proxy_votes", "idea_comments", "idea_portal_comments")


def drain(
    connector: Any, table: str, options: dict[str, str], offset: dict[str, Any] | None = None
) -> tuple[list[dict[str, Any]], dict[str, Any], int]:
    """Read until the offset stands still. Returns all rows, the last offset and the number of reads."""
    rows: list[dict[str, Any]] = []
    for reads in range(1, 200):
        news, end = connector.read_table(table, offset, options)
        news = list(news)
        rows += news
        if end == offset:
            assert news == []
            return rows, end, reads
        offset = end
    raise AssertionError("reading never ended")


@pytest.mark.parametrize("table", TABLES)
def test_a_first_sync_reads_every_row_once_and_then_ends(
    table: str, source: Source, connection: dict[str, str]
) -> None:
    connector = source(connection).lakeflow_connect
    whole = list(connector.read_table(table, None, {})[0])
    rows, _, reads = drain(connector, table, {})
    assert rows == whole
    assert len({row["id"] for row in rows}) == len(rows) > 10
    assert reads == 2


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("limit", [1, 7, 50])
def test_max_ideas_cuts_a_sync_into_micro_batches_that_miss_nothing(
    table: str, limit: int, source: Source, connection: dict[str, str]
) -> None:
    connector = source(connection).lakeflow_connect
    whole = list(connector.read_table(table, None, {})[0])
    rows, _, _ = drain(connector, table, {"max_ideas": str(limit)})
    assert sorted(row["id"] for row in rows) == sorted(row["id"] for row in whole)
    first = list(connector.read_table(table, {}, {"max_ideas": str(limit)})[0])
    assert len({row["idea_id"] if "idea_id" in row else row["id"] for row in first}) <= limit


def test_a_filter_reaches_every_table(source: Source, connection: dict[str, str]) -> None:
    connector = source(connection).lakeflow_connect
    options = {"ideas_workflow_status": "Shipped"}
    ideas = {row["id"] for row in connector.read_table("ideas", None, options)[0]}
    assert 0 < len(ideas) < 100
    for table in TABLES[1:]:
        rows = list(connector.read_table(table, None, options)[0])
        everything = list(connector.read_table(table, None, {})[0])
        assert sorted(row["id"] for row in rows) == sorted(
            row["id"] for row in everything if row["idea_id"] in ideas
        )


def test_a_name_filter_means_the_same_under_both_its_names(
    source: Source, connection: dict[str, str]
) -> None:
    connector = source(connection).lakeflow_connect
    read = [list(connector.read_table("ideas", None, {name: "export"})[0]) for name in ("q", "ideas_q")]
    assert read[0] == read[1]
    assert read[0]
    assert all("export" in row["name"] for row in read[0])


def test_a_changed_filter_starts_over_instead_of_skipping_rows(
    source: Source, connection: dict[str, str]
) -> None:
    connector = source(connection).lakeflow_connect
    _, offset, _ = drain(connector, "ideas", {"q": "export"})
    rows, _ = connector.read_table("ideas", offset, {})
    assert sorted(row["id"] for row in rows) == sorted(
        row["id"] for row in connector.read_table("ideas", None, {})[0]
    )


def test_an_unknown_table_is_refused_with_the_nearest_name(
    source: Source, connection: dict[str, str]
) -> None:
    connector = source(connection).lakeflow_connect
    for method, arguments in (
        (connector.get_table_schema, ({},)),
        (connector.read_table_metadata, ({},)),
        (connector.read_table, (None, {})),
    ):
        with pytest.raises(ValueError, match=r"no table `idea_vote`.*Did you mean `idea_\w+`\?"):
            method("idea_vote", *arguments)


def test_nothing_touches_the_network_before_a_read(source: Source) -> None:
    options = {"api_key": "k", "subdomain": "company", "base_url": "http://127.0.0.1:9"}
    connector = source(options | {"tableName": "ideas"}).lakeflow_connect
    for table in connector.list_tables():
        assert connector.get_table_schema(table, {}).fieldNames()[0] == "id"
        assert connector.read_table_metadata(table, {}) == {
            "primary_keys": ["id"],
            "cursor_field": None if DECLARED[table].is_snapshot else DECLARED[table].cursor_field,
            "ingestion_type": DECLARED[table].ingestion_type,
            "description": DECLARED[table].note,
        }


def test_a_table_without_deletes_says_that_it_has_no_delete_flow(
    source: Source, connection: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match="no delete flow"):
        source(connection).lakeflow_connect.read_table_deletes("ideas", None, {})


def test_the_shared_sandbox_has_hidden_ideas_that_no_table_shows(
    sandbox: Sandbox, source: Source, connection: dict[str, str]
) -> None:
    rows = list(source(connection).lakeflow_connect.read_table("ideas", None, {})[0])
    assert "DEMO-I-37" not in {row["reference_num"] for row in rows}


@pytest.mark.parametrize("table", TABLES)
def test_a_snapshot_is_the_exact_current_set_each_time_also_where_its_offset_was_stored(
    table: str, source: Source, connection: dict[str, str]
) -> None:
    connector = source(connection).lakeflow_connect
    options = {"sync_mode": "snapshot", "max_ideas": "3"}
    assert connector.read_table_metadata(table, options)["ingestion_type"] == "snapshot"
    rows, end = connector.read_table(table, None, options)
    rows = list(rows)
    assert rows == list(connector.read_table(table, None, {})[0])
    assert not end
    again, same = connector.read_table(table, end, options)
    assert (list(again), same) == (rows, end)


def test_a_snapshots_offset_is_not_taken_for_a_cursor(source: Source, connection: dict[str, str]) -> None:
    connector = source(connection).lakeflow_connect
    _, end = connector.read_table("ideas", None, {"sync_mode": "snapshot"})
    rows, _ = connector.read_table("ideas", end, {})
    assert len(list(rows)) == len(list(connector.read_table("ideas", None, {})[0]))


def test_an_ideas_count_of_0_saves_a_call_unless_it_is_not_trusted(
    sandbox: Sandbox, source: Source, connection: dict[str, str]
) -> None:
    # The first page with a comment is the sample: its ideas are all asked for.
    connector = source(connection | {"page_size": "20"}).lakeflow_connect
    calls = {}
    for trust in ("true", "false"):
        sandbox.traffic.log.clear()
        rows, _, _ = drain(connector, "idea_comments", {"trust_counts": trust})
        calls[trust] = len(sandbox.traffic.log)
        assert rows
    ideas = len(list(connector.read_table("ideas", None, {})[0]))
    assert calls["false"] > ideas > 2 * calls["true"]
    _, trusted, _ = drain(connector, "idea_comments", {})
    again, _, _ = drain(connector, "idea_comments", {"trust_counts": "false"}, trusted)
    assert len(again) == len(rows)


def test_the_readme_names_every_table_and_the_docs_describe_it() -> None:
    root = Path(__file__).parents[2]
    readme, tables = (root / "README.md").read_text(), (root / "docs" / "tables.md").read_text()
    for name in DECLARED:
        assert f"`{name}`" in readme
        assert f"\n## {name}\n" in tables
