"""JSON to Arrow: tolerant where Aha! varies, strict where data would be corrupted."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from inspect import signature
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import ArrayType, DataType, LongType, StringType, StructType

from connector.errors import AhaDataError
from connector.records import BATCH_CHARACTERS, BATCH_ROWS, arrow_schema, to_batches, to_rows
from connector.tables import TABLES
from connector.tables.declaration import Table
from connector.tables.types import JSON_TEXT_PATHS, RESCUED, with_native_times
from tests.places import SANDBOX_SET
from tests.plans import NEEDED

WHEN = "2025-10-06T09:00:00.000Z"


def rows_of(table: Table, records: list[dict[str, Any]], *, rescuing: bool = True) -> list[dict[str, Any]]:
    return list(to_rows(table, [records], rescuing=rescuing))


def refuse(table: Table, records: list[dict[str, Any]]) -> str:
    """What is said of records that are not rescued."""
    with pytest.raises(AhaDataError) as caught:
        rows_of(table, records, rescuing=False)
    return str(caught.value)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_a_batch_has_exactly_the_schema_that_spark_expects(table: Table) -> None:
    # Older Sparks know no other zone.
    zone: dict[str, Any] = {"timezone": "UTC"} if "timezone" in signature(to_arrow_schema).parameters else {}
    assert arrow_schema(table.schema) == to_arrow_schema(table.schema, **zone)
    row = {"id": "1", "changed_at": "2025-10-06T09:00:00.000Z"}
    (batch,) = to_batches(table, [[row]])
    assert batch.schema == arrow_schema(table.schema)


def test_a_number_for_an_id_becomes_its_digits() -> None:
    category = {"id": "1", "parent_id": 5529, "project_id": 1314}
    row = rows_of(TABLES["ideas"], [{"id": 58056, "full_tags": [{"id": 7755}], "categories": [category]}])[0]
    assert row["id"] == "58056"
    assert row["full_tags"][0]["id"] == "7755"
    assert (row["categories"][0]["parent_id"], row["categories"][0]["project_id"]) == ("5529", "1314")


def test_what_is_left_out_is_null_and_what_nobody_declared_is_dropped() -> None:
    row = rows_of(TABLES["ideas"], [{"id": "1", "workflow_status": {}, "new_field": [1, 2]}])[0]
    assert row["description"] is None
    assert row["workflow_status"] == dict.fromkeys(("id", "name", "position", "complete", "color"))
    assert "new_field" not in row


@pytest.mark.parametrize(
    "value", ["High", ["web"], 11, {"values": {"1": {"value": 6.0}}}, None, "日本語", 1.5]
)
def test_a_custom_fields_value_is_kept_as_json_text(value: Any) -> None:
    row = rows_of(TABLES["ideas"], [{"id": "1", "custom_fields": [{"key": "k", "value": value}]}])[0]
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
    told = refuse(TABLES["ideas"], rows)
    assert all(part in told for part in ("`ideas`", "'8'", path, kind))


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1])
def test_a_number_out_of_range_is_an_error_and_not_a_wrong_number(value: int) -> None:
    assert "out of range" in refuse(TABLES["ideas"], [{"id": "1", "votes": value}])


def test_a_row_without_an_id_is_an_error() -> None:
    assert "`id` is missing" in refuse(TABLES["ideas"], [{"name": "no id"}])
    with pytest.raises(AhaDataError, match="row None: `id` is missing"):
        rows_of(TABLES["ideas"], [{"name": "no id", "votes": "many"}])


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
            f.name: values_of(f.dataType)
            for f in VOTE.schema
            if f.name not in ("id", "updated_at", "custom_fields", RESCUED)
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
def test_every_value_of_a_declared_type_comes_out_as_it_went_in(rows: list[dict[str, Any]]) -> None:
    assert rows_of(VOTE, rows, rescuing=False) == [conformed(row, VOTE.schema) for row in rows]


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
    together = pa.Table.from_batches(to_batches(table, [rows], rescuing=False))
    apart = pa.Table.from_batches(
        batch for row in rows for batch in to_batches(table, [[row]], rescuing=False)
    )
    assert together == apart.combine_chunks()


WHOLE = {"id": "1", "changed_at": "2025-10-06T09:00:00.000Z", "name": "kept", "created_at": WHEN}
# A value of each JSON type, and of each form that a type can have and a column may not take.
ODD: tuple[Any, ...] = (
    "",
    "odd",
    7,
    1.5,
    1e300,
    2**70,
    True,
    [],
    ["a", 1],
    {},
    {"a": [1]},
    "\ud800",
    ["\ud800"],
)


def leaves(kind: DataType, path: str = "") -> Iterator[tuple[str, DataType]]:
    """Every path of a schema, structs and lists included; `[]` stands for one element of a list."""
    if path:
        yield path, kind
    if isinstance(kind, StructType):
        for field in kind:
            if field.name != RESCUED:
                yield from leaves(field.dataType, f"{path}.{field.name}".lstrip("."))
    if isinstance(kind, ArrayType):
        yield from leaves(kind.elementType, f"{path}[]")


def holding(path: str, value: Any) -> Any:
    """The smallest value that has another at a path."""
    if not path:
        return value
    if path.startswith("[]"):
        return [holding(path[2:].lstrip("."), value)]
    name, rest = re.match(r"([^.\[]+)\.?(.*)", path).groups()  # type: ignore[union-attr]
    return {name: holding(rest, value)}


def at(path: str, value: Any) -> Any:
    """What stands at a path."""
    for part in re.findall(r"\[\]|[^.\[\]]+", path):
        if value is None:
            return None
        value = value[0] if part == "[]" else value[part]
    return value


@pytest.mark.parametrize("native", [False, True], ids=["iso", "native"])
@pytest.mark.parametrize("name", TABLES)
def test_a_value_of_any_type_in_any_column_is_there_or_rescued_and_costs_no_other_value(
    name: str, native: bool
) -> None:
    table = TABLES[name]
    table = replace(table, schema=with_native_times(table.schema)) if native else table
    sure = {field.name for field in table.schema if not field.nullable}
    texts = JSON_TEXT_PATHS.union(table.json_text)
    records: list[dict[str, Any]] = []
    wanted = []
    for path, _ in leaves(table.schema):
        for value in ODD:
            if path.partition(".")[0].rstrip("[]") not in sure:
                records.append(WHOLE | holding(path, value) | {"id": str(len(records))})
                wanted.append((path, value))
    rows = rows_of(table, [WHOLE, *records])
    assert rows[0][RESCUED] is None
    assert len(rows) == len(records) + 1
    for row, (path, value), record in zip(rows[1:], wanted, records, strict=True):
        assert row["id"] == record["id"]
        rescued = json.loads(row[RESCUED] or "{}")
        place = path.replace("[]", "[0]")
        whole = json.loads(json.dumps(value).replace("\\ud800", "\ufffd"))
        if place in rescued:
            assert at(path, row) is None
            assert rescued == {place: whole}
        elif path.replace("[]", "") in texts:
            assert json.loads(at(path, row)) == whole
        elif not isinstance(value, list | dict):
            kept = at(path, row)
            assert str(kept) == str(whole) or kept == whole or (whole == "" and kept is None)
        if path.partition(".")[0] != "name" and "name" in row:
            assert row["name"] == "kept"


def test_what_was_rescued_is_counted_by_path_in_the_log_once_a_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    odd = {"score": "", "integration_fields": [{"value": ["a"]}, {"value": {}}, {"value": "fine"}]}
    pages = [[{"id": f"{page}{number}"} | odd for number in range(10)] for page in range(200)]
    rows = list(to_rows(TABLES["ideas"], pages))
    assert json.loads(rows[0][RESCUED]) == {
        "score": "",
        "integration_fields[0].value": ["a"],
        "integration_fields[1].value": {},
    }
    (told,) = caplog.messages
    assert "`integration_fields.value` 4000, `score` 2000." in told


def test_half_a_character_is_replaced_and_that_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    odd = [{"id": f"{number}\ud800", "name": "half \ud83d"} for number in range(3)]
    rows = rows_of(TABLES["ideas"], odd)
    assert {row["name"] for row in rows} == {"half \ufffd"}
    assert [row["id"] for row in rows] == ["0\ufffd", "1\ufffd", "2\ufffd"]
    assert {row[RESCUED] for row in rows} == {None}
    (told,) = caplog.messages
    assert "6 texts hold half of a character" in told


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2026-01-01T01:20:00.000Z", "2026-01-01T01:20:00.000Z"),
        ("2026-01-01T01:20:00Z", "2026-01-01T01:20:00.000Z"),
        ("2026-01-01 01:20:00Z", "2026-01-01T01:20:00.000Z"),
        ("2026-01-01T10:20:00+09:00", "2026-01-01T01:20:00.000Z"),
        ("2026-01-01T01:20:00.123456Z", "2026-01-01T01:20:00.123456Z"),
        ("2026-01-01", "2026-01-01T00:00:00.000Z"),
        ("", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("2026-06-30T23:59:60Z", None),
        ("yesterday", None),
    ],
)
def test_the_texts_by_which_versions_are_ordered_sort_as_their_times_do(given: str, kept: str | None) -> None:
    (row,) = rows_of(TABLES["ideas"], [{"id": "1", "updated_at": given}])
    assert row["updated_at"] == kept
    assert (row[RESCUED] is None) is (kept is not None or not given)


@pytest.mark.parametrize("weight", [10, 1000, BATCH_CHARACTERS // 4, 2 * BATCH_CHARACTERS])
def test_a_batch_is_bounded_by_rows_and_by_characters(weight: int) -> None:
    texts = [f"{number:06}" + "x" * weight for number in range(2500 if weight < 10_000 else 9)]
    pages = ([{"id": text[:6], "description": {"body": text}}] for text in texts)
    batches = list(to_batches(TABLES["ideas"], pages))
    assert [row["description"]["body"] for batch in batches for row in batch.to_pylist()] == texts
    assert all(batch.num_rows <= BATCH_ROWS for batch in batches)
    assert all(batch.num_rows == 1 or batch.nbytes < 2 * BATCH_CHARACTERS for batch in batches)
    if weight < 10_000:
        assert len(batches) == 3


def test_a_value_that_is_nested_deeper_than_any_column_is_rescued_whole() -> None:
    deep: Any = "bottom"
    for _ in range(400):
        deep = [deep]
    (row,) = rows_of(TABLES["ideas"], [{"id": "1", "score": deep}])
    assert json.loads(row[RESCUED]) == {"score": deep}
