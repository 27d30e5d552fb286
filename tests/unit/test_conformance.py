"""What the community connectors' own suite expects of a source, over both forms: so that it would pass there.

The expectations are those of its published tests (offsets, metadata, schemas, termination, deletes); none of
its code is here.
"""

from typing import Any

import pytest
from pyspark.sql.types import ArrayType, ByteType, DataType, FloatType, IntegerType, ShortType, StructType

from connector.tables import TABLES
from connector.tables.declaration import Table
from tests.conftest import Source
from tests.plans import NEEDED

KINDS = {"snapshot", "cdc", "cdc_with_deletes", "append"}
# Whoever reads until nothing comes must come to an end.
MOST_READS = 10

Options = dict[str, str]


@pytest.fixture
def connector(source: Source, connection: Options) -> Any:
    return source(connection | {"tableName": "ideas"}).lakeflow_connect


def types_in(kind: DataType) -> list[DataType]:
    if isinstance(kind, StructType):
        return [found for field in kind for found in types_in(field.dataType)]
    return types_in(kind.elementType) if isinstance(kind, ArrayType) else [kind]


def test_the_tables_are_named_once_each(connector: Any) -> None:
    names = connector.list_tables()
    assert names
    assert all(isinstance(name, str) and name for name in names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("ask", ["get_table_schema", "read_table_metadata"])
def test_a_table_that_is_none_is_a_value_error(ask: str, connector: Any) -> None:
    with pytest.raises(ValueError, match="There is no table `nothing`"):
        getattr(connector, ask)("nothing", {})


@pytest.mark.parametrize("table", TABLES)
def test_a_schema_has_columns_once_each_and_no_number_that_overflows(table: str, connector: Any) -> None:
    schema = connector.get_table_schema(table, {})
    assert isinstance(schema, StructType)
    assert len(set(schema.names)) == len(schema.names) > 0
    narrow = (IntegerType, ShortType, ByteType, FloatType)
    assert not [kind for kind in types_in(schema) if isinstance(kind, narrow)]


MODES: dict[str, Options] = {
    "cdc": {},
    "snapshot": {"sync_mode": "snapshot"},
    "cdc_with_deletes": {"track_deletes": "true"},
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("table", TABLES)
def test_metadata_name_columns_of_the_schema_and_a_known_kind(table: str, mode: str, connector: Any) -> None:
    declared = TABLES[table]
    if not kinds_of(declared)[mode]:
        with pytest.raises(ValueError, match="Option `"):
            connector.read_table_metadata(table, MODES[mode])
        return
    found, schema = (
        ask(table, MODES[mode]) for ask in (connector.read_table_metadata, connector.get_table_schema)
    )
    assert found["ingestion_type"] == (mode if mode != "cdc" else declared.ingestion_type)
    assert found["ingestion_type"] in KINDS
    assert found["primary_keys"]
    assert set(found["primary_keys"]) <= set(schema.names)
    assert found["cursor_field"] in schema.names or declared.is_snapshot


def kinds_of(table: Table) -> dict[str, bool]:
    """Which of the modes a table has."""
    return {"cdc": True, "snapshot": not table.append, "cdc_with_deletes": table.tracks_deletes}


@pytest.mark.parametrize("table", TABLES)
def test_reading_until_the_offset_stays_gives_every_row_and_ends(table: str, connector: Any) -> None:
    schema = connector.get_table_schema(table, {})
    key, needed = connector.read_table_metadata(table, {})["primary_keys"][0], NEEDED.get(table, {})
    rows: list[dict[str, Any]] = []
    offset: Any = {}
    for _ in range(MOST_READS):
        records, after = connector.read_table(table, offset, {"max_records_per_batch": "50", **needed})
        assert not isinstance(records, dict)
        news = list(records)
        rows += news if not (TABLES[table].is_snapshot and offset == after == {} and rows) else []
        if after == offset:
            break
        assert isinstance(after, dict)
        offset = after
    else:
        pytest.fail("the offset never stayed as it was")
    assert rows
    assert all(set(row) <= set(schema.names) for row in rows)
    assert all(row[key] is not None for row in rows)
    everything = {row[key] for row in connector.read_table(table, None, needed)[0]}
    assert {row[key] for row in rows} == everything


@pytest.mark.parametrize("start", [None, {}])
def test_nothing_given_is_the_beginning(start: Any, connector: Any) -> None:
    whole = {row["id"] for row in connector.read_table("ideas", None, {})[0]}
    assert {row["id"] for row in connector.read_table("ideas", start, {})[0]} == whole


@pytest.mark.parametrize("table", [name for name, table in TABLES.items() if table.tracks_deletes])
def test_a_delete_flow_gives_keys_and_the_cursor_and_ends(table: str, connector: Any) -> None:
    options = MODES["cdc_with_deletes"]
    known = connector.read_table_metadata(table, options)
    offset: Any = {}
    for _ in range(MOST_READS):
        records, after = connector.read_table_deletes(table, offset, options)
        for row in records:
            assert all(row[name] is not None for name in (*known["primary_keys"], known["cursor_field"]))
        if after == offset:
            break
        offset = after
    else:
        pytest.fail("the offset never stayed as it was")
