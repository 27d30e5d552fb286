"""Aha!'s JSON to Arrow, column by column.

Tolerant where Aha!'s JSON varies: a number where an id is a string, an object left out, a field nobody
declared. Strict where a value would be corrupted: nothing is cut, guessed or nulled. Arrow's own
conversion of nested lists is neither (it cuts 1.5 to 1 and splits a string into letters), so only whole
leaf columns are handed to it, after a look at the types in them.
"""

import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DoubleType,
    LongType,
    StringType,
    StructType,
    TimestampType,
)

from connector.errors import AhaDataError
from connector.tables import JSON_TEXT_PATHS, Table

MISSING = type(None)


def to_batch(table: Table, records: Sequence[dict[str, Any]]) -> pa.RecordBatch:
    """Records as one Arrow batch with the table's schema.

    Raises:
        AhaDataError: a value does not fit its column; names table, row id, path and the value's type.
    """
    try:
        return _to_batch(table, records)
    except AhaDataError:
        # Columns do not know their rows: look for the first row that fails alone.
        for record in records:
            try:
                _to_batch(table, [record])
            except AhaDataError as error:
                raise AhaDataError(f"Table `{table.name}`, row {record.get('id')!r}: {error}") from None
        raise


def to_rows(table: Table, records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Records as dicts of the table's columns, converted as `to_batch` converts them."""
    rows: list[dict[str, Any]] = to_batch(table, records).to_pylist()
    return rows


def arrow_schema(schema: StructType) -> pa.Schema:
    """The Arrow schema that Spark expects of batches with `schema`."""
    return pa.schema([pa.field(field.name, arrow_type(field.dataType), field.nullable) for field in schema])


def arrow_type(kind: DataType) -> pa.DataType:
    if isinstance(kind, StructType):
        return pa.struct(list(arrow_schema(kind)))
    if isinstance(kind, ArrayType):
        return pa.list_(pa.field("element", arrow_type(kind.elementType), kind.containsNull))
    return LEAF_TYPES[type(kind)][0]


def _to_batch(table: Table, records: Sequence[dict[str, Any]]) -> pa.RecordBatch:
    schema = arrow_schema(table.schema)
    columns = [
        _column([record.get(field.name) for record in records], field.dataType, field.name)
        for field in table.schema
    ]
    for field, column in zip(table.schema, columns, strict=True):
        if not field.nullable and column.null_count:
            raise AhaDataError(f"`{field.name}` is missing, and a row cannot be stored without it.")
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _column(values: list[Any], kind: DataType, path: str) -> pa.Array:
    if path in JSON_TEXT_PATHS:
        values = [None if value is None else json.dumps(value, ensure_ascii=False) for value in values]
    if isinstance(kind, StructType):
        return _struct_column(values, kind, path)
    if isinstance(kind, ArrayType):
        return _list_column(values, kind, path)
    arrow, accepted, repair = LEAF_TYPES[type(kind)]
    if not set(map(type, values)) <= accepted:
        values = [
            value if type(value) in accepted else _repaired(value, repair, kind, path) for value in values
        ]
    try:
        return pa.array(values, type=arrow)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError) as error:
        raise AhaDataError(
            f"`{path}` holds a value out of range for {kind.simpleString()} ({error})."
        ) from None


def _struct_column(values: list[Any], kind: StructType, path: str) -> pa.Array:
    _require(values, dict, kind, path)
    children = [
        _column(
            [None if value is None else value.get(field.name) for value in values],
            field.dataType,
            f"{path}.{field.name}",
        )
        for field in kind.fields
    ]
    mask = pa.array([value is None for value in values], type=pa.bool_())
    return pa.StructArray.from_arrays(children, fields=list(arrow_schema(kind)), mask=mask)


def _list_column(values: list[Any], kind: ArrayType, path: str) -> pa.Array:
    _require(values, list, kind, path)
    offsets: list[int | None] = []
    items: list[Any] = []
    for value in values:
        offsets.append(None if value is None else len(items))
        items += value or ()
    offsets.append(len(items))
    elements = _column(items, kind.elementType, path)
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), elements, type=arrow_type(kind))


def _require(values: list[Any], wanted: type, kind: DataType, path: str) -> None:
    for value_type in set(map(type, values)) - {wanted, MISSING}:
        raise _unfit(value_type, kind, path)


def _repaired(value: Any, repair: Callable[[Any], Any], kind: DataType, path: str) -> Any:
    try:
        return repair(value)
    except (TypeError, ValueError):
        raise _unfit(type(value), kind, path) from None


def _unfit(value_type: type, kind: DataType, path: str) -> AhaDataError:
    wanted = kind.simpleString()
    wanted = wanted if len(wanted) < 40 else wanted[: wanted.index("<")]
    return AhaDataError(
        f"`{path}` holds a value of JSON type {value_type.__name__}, where {wanted} is declared."
    )


def _text(value: Any) -> str:
    # Whole numbers are ids; beyond 2**53 a float no longer knows its last digits.
    if type(value) is int or (type(value) is float and abs(value) < 2**53):
        return repr(value)
    raise TypeError


def _whole(value: Any) -> int:
    if type(value) is float and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value):
        return int(value)
    raise TypeError


def _number(value: Any) -> float:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,15})?", value):
        return float(value)
    raise TypeError


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment


def _refuse(_: Any) -> None:
    raise TypeError


# Spark type → (Arrow type, JSON types it takes as they are, what is tried with any other)
LEAF_TYPES: dict[type[DataType], tuple[pa.DataType, set[type], Callable[[Any], Any]]] = {
    StringType: (pa.string(), {str, MISSING}, _text),
    LongType: (pa.int64(), {int, MISSING}, _whole),
    DoubleType: (pa.float64(), {int, float, MISSING}, _number),
    TimestampType: (pa.timestamp("us", tz="UTC"), {MISSING}, _moment),
    BooleanType: (pa.bool_(), {bool, MISSING}, _refuse),
}
