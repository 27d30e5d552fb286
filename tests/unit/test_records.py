"""JSON to Arrow: tolerant where Aha! varies, strict where data would be corrupted."""

import json
from inspect import signature
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import ArrayType, DataType, LongType, StringType, StructType

from connector.errors import AhaDataError
from connector.records import arrow_schema, to_batch, to_rows
from connector.tables import TABLES
from connector.tables.declaration import Table
from harness.sets import SANDBOX_SET
from tests.plans import NEEDED


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_a_batch_has_exactly_the_schema_that_spark_expects(table: Table) -> None:
    # Older Sparks know no other zone.
    zone: dict[str, Any] = {"timezone": "UTC"} if "timezone" in signature(to_arrow_schema).parameters else {}
    assert arrow_schema(table.schema) == to_arrow_schema(table.schema, **zone)
    assert to_batch(table, []).schema == arrow_schema(table.schema)


def test_a_number_for_an_id_becomes_its_digits() -> None:
    category = {"id": "1", "parent_id": 5529, "project_id": 1314}
    row = to_rows(TABLES["ideas"], [{"id": 58056, "full_tags": [{"id": 7755}], "categories": [category]}])[0]
    assert row["id"] == "58056"
    assert row["full_tags"][0]["id"] == "7755"
    assert (row["categories"][0]["parent_id"], row["categories"][0]["project_id"]) == ("5529", "1314")


def test_what_is_left_out_is_null_and_what_nobody_declared_is_dropped() -> None:
    row = to_rows(TABLES["ideas"], [{"id": "1", "workflow_status": {}, "new_field": [1, 2]}])[0]
    assert row["description"] is None
    assert row["workflow_status"] == dict.fromkeys(("id", "name", "position", "complete", "color"))
    assert "new_field" not in row


@pytest.mark.parametrize(
    "value", ["High", ["web"], 11, {"values": {"1": {"value": 6.0}}}, None, "日本語", 1.5]
)
def test_a_custom_fields_value_is_kept_as_json_text(value: Any) -> None:
    row = to_rows(TABLES["ideas"], [{"id": "1", "custom_fields": [{"key": "k", "value": value}]}])[0]
    kept = row["custom_fields"][0]["value"]
    assert kept is None if value is None else json.loads(kept) == value


@pytest.mark.parametrize(
    ("field", "value", "path", "kind"),
    [
        ("votes", 1.5, "`votes`", "float"),
        ("votes", True, "`votes`", "bool"),
        ("votes", "many", "`votes`", "str"),
        ("votes", "1_000", "`votes`", "str"),
        ("score", "nan", "`score`", "str"),
        ("product_id", 7.3e18, "`product_id`", "float"),
        ("score", True, "`score`", "bool"),
        ("name", ["a"], "`name`", "list"),
        ("name", True, "`name`", "bool"),
        ("tags", "abc", "`tags`", "str"),
        ("tags", {"a": 1}, "`tags`", "dict"),
        ("workflow_status", [], "`workflow_status`", "list"),
        ("workflow_status", {"complete": 1}, "`workflow_status.complete`", "int"),
        ("categories", [{"id": {}}], "`categories.id`", "dict"),
    ],
)
def test_a_value_that_does_not_fit_names_table_row_path_and_type(
    field: str, value: Any, path: str, kind: str
) -> None:
    rows = [{"id": "7"}, {"id": "8", field: value}, {"id": "9"}]
    with pytest.raises(AhaDataError) as caught:
        to_batch(TABLES["ideas"], rows)
    assert all(part in str(caught.value) for part in ("`ideas`", "'8'", path, kind))


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1])
def test_a_number_out_of_range_is_an_error_and_not_a_wrong_number(value: int) -> None:
    with pytest.raises(AhaDataError, match="out of range"):
        to_batch(TABLES["ideas"], [{"id": "1", "votes": value}])


def test_a_row_without_an_id_is_an_error() -> None:
    with pytest.raises(AhaDataError, match="`id` is missing"):
        to_batch(TABLES["ideas"], [{"name": "no id"}])


def values_of(kind: DataType) -> st.SearchStrategy[Any]:
    if isinstance(kind, StructType):
        fields = {field.name: values_of(field.dataType) for field in kind.fields}
        return st.none() | st.fixed_dictionaries({}, optional=fields)
    if isinstance(kind, ArrayType):
        return st.none() | st.lists(values_of(kind.elementType), max_size=2)
    if isinstance(kind, StringType):
        return st.none() | st.text(st.characters(codec="utf-8"), max_size=5)
    if isinstance(kind, LongType):
        return st.none() | st.integers(-(2**63), 2**63 - 1)
    return st.none() | (st.booleans() if kind.simpleString() == "boolean" else st.floats(allow_nan=False))


VOTE = TABLES["idea_proxy_votes"]
VOTES = st.lists(
    st.fixed_dictionaries(
        {"id": st.text(st.characters(codec="ascii"), min_size=1)},
        optional={
            f.name: values_of(f.dataType) for f in VOTE.schema if f.name not in ("id", "custom_fields")
        },
    ),
    max_size=4,
)


def conformed(value: Any, kind: DataType) -> Any:
    """What a reader may expect: the declared fields, null where nothing was given."""
    if isinstance(kind, StructType) and value is not None:
        return {field.name: conformed(value.get(field.name), field.dataType) for field in kind.fields}
    if isinstance(kind, ArrayType) and value is not None:
        return [conformed(item, kind.elementType) for item in value]
    return value


@given(VOTES)
@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine draws these wide rows slowly
def test_every_value_of_a_declared_type_comes_out_as_it_went_in(rows: list[dict[str, Any]]) -> None:
    assert to_rows(VOTE, rows) == [conformed(row, VOTE.schema) for row in rows]


@pytest.mark.parametrize("name", TABLES)
def test_converting_rows_one_by_one_or_together_is_the_same(name: str) -> None:
    table = TABLES[name]
    cassette = SANDBOX_SET / name / ("keyed.json" if name in NEEDED else "first_sync.json")
    bodies = [entry["response"]["body"] for entry in json.loads(cassette.read_text())["interactions"]]
    rows = [row for body in bodies for row in body.get(table.source.route.root, [])]
    if table.part:
        rows = [part for row in rows for part in row[table.part]]
    rows = [{"changed_at": "2025-10-06T09:00:00.000Z"} | row for row in rows]
    assert rows
    together = to_batch(table, rows)
    apart = pa.Table.from_batches([to_batch(table, [row]) for row in rows]).combine_chunks()
    assert together == apart.to_batches()[0]
