"""Aha!'s JSON to Arrow, column by column.

Tolerant where Aha!'s JSON varies: a number where an id is a string, an object left out, a field nobody
declared. Strict where a value would be corrupted: nothing is cut or guessed, and what fits no column is kept
aside (see `connector.rescue`). Arrow's own conversion of nested lists is neither (it cuts 1.5 to 1 and splits
a string into letters), so only whole leaf columns are handed to it, after a look at the types in them.
"""

import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
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
from connector.listing import Row
from connector.rescue import Rescue
from connector.servertime import as_documented, parse_time
from connector.tables.declaration import Table
from connector.tables.types import JSON_TEXT_PATHS

MISSING = type(None)
# A batch costs Arrow and Spark a fixed time for each column; so many rows share it, but no more characters:
# beyond 2 GiB Arrow has no column, and long before that a process has no room for copies.
BATCH_ROWS = 1000
BATCH_CHARACTERS = 8 * 2**20


def to_batches(
    table: Table, pages: Iterable[Sequence[Row]], *, rescuing: bool = True
) -> Iterator[pa.RecordBatch]:
    """Pages of records as Arrow batches with the table's schema, of at most `BATCH_ROWS`, and of at most
    `BATCH_CHARACTERS` where that is more than one row.

    Args:
        rescuing: whether a value that fits no column is kept in the column `_rescued_data`, and told in the
            log when all is read.

    Raises:
        AhaDataError: a value does not fit, and it is not rescued; names table, row id, path and the value's
            type.
    """
    schema = arrow_schema(table.schema)
    rescue = Rescue(table, _texts(table), partial(_require_fit, table)) if rescuing else None
    for records in _portions(pages):
        yield _checked(table, schema, records, rescue)
    if rescue:
        rescue.tell()


def to_rows(table: Table, pages: Iterable[Sequence[Row]], *, rescuing: bool = True) -> Iterator[Row]:
    """Records as dicts of the table's columns; args and errors as of `to_batches`."""
    for batch in to_batches(table, pages, rescuing=rescuing):
        yield from batch.to_pylist()


def _portions(pages: Iterable[Sequence[Row]]) -> Iterator[list[Row]]:
    """Records as many at a time as share a batch."""
    waiting: list[Row] = []
    weight = 0
    for record in itertools.chain.from_iterable(pages):
        own = _characters(record)
        if waiting and (len(waiting) == BATCH_ROWS or weight + own > BATCH_CHARACTERS):
            yield waiting
            waiting, weight = [], 0
        waiting.append(record)
        weight += own
    if waiting:
        yield waiting


def _characters(value: Any) -> int:
    """How many characters the texts of a value have, however deep they stand."""
    found, pending = 0, [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            found += len(item)
        elif isinstance(item, dict):
            pending += item.values()
        elif isinstance(item, list):
            pending += item
    return found


def arrow_schema(schema: StructType) -> pa.Schema:
    """The Arrow schema that Spark expects of batches with `schema`."""
    return pa.schema([pa.field(field.name, arrow_type(field.dataType), field.nullable) for field in schema])


def arrow_type(kind: DataType) -> pa.DataType:
    if isinstance(kind, StructType):
        return pa.struct(list(arrow_schema(kind)))
    if isinstance(kind, ArrayType):
        return pa.list_(pa.field("element", arrow_type(kind.elementType), kind.containsNull))
    return LEAF_TYPES[type(kind)][0]


def _checked(
    table: Table, schema: pa.Schema, records: Sequence[Row], rescue: Rescue | None
) -> pa.RecordBatch:
    try:
        return _batch(table, schema, records)
    except AhaDataError:
        # Columns do not know their rows: look at each row by itself.
        fitting = []
        for record in records:
            try:
                fitting.append(rescue.mend(record) if rescue else record)
                _batch(table, schema, fitting[-1:])
            except AhaDataError as error:
                raise AhaDataError(f"Table `{table.name}`, row {record.get('id')!r}: {error}") from None
        return _batch(table, schema, fitting)


def _batch(table: Table, schema: pa.Schema, records: Sequence[Row]) -> pa.RecordBatch:
    texts = _texts(table)
    columns = []
    for field, arrow in zip(table.schema, schema, strict=True):
        values = [record.get(field.name) for record in records]
        if field.name == table.cursor_field and isinstance(field.dataType, StringType):
            values = [_sortable(value, field.name) for value in values]
        columns.append(_column(values, field.dataType, arrow.type, field.name, texts))
        if not field.nullable and columns[-1].null_count:
            raise AhaDataError(f"`{field.name}` is missing, and a row cannot be stored without it.")
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _texts(table: Table) -> frozenset[str]:
    """Paths whose values are kept as JSON text."""
    return JSON_TEXT_PATHS.union(table.json_text)


def _require_fit(table: Table, value: Any, kind: DataType, path: str) -> None:
    """Raise AhaDataError if a column does not take a value."""
    if path == table.cursor_field and isinstance(kind, StringType):
        value = _sortable(value, path)
    _column([value], kind, arrow_type(kind), path, frozenset())


def _sortable(value: Any, path: str) -> Any:
    """A time as Aha! documents its texts, so that of two versions the text of the later one is greater."""
    if not isinstance(value, str | None):
        raise _unfit(type(value), StringType(), path)
    try:
        return as_documented(value) if value else None
    except (ValueError, OverflowError):
        raise AhaDataError(f"`{path}` holds a text that is no time.") from None


def _column(
    values: list[Any], kind: DataType, arrow: pa.DataType, path: str, texts: frozenset[str]
) -> pa.Array:
    if values.count(None) == len(values):
        return pa.nulls(len(values), arrow)
    if path in texts:
        values = [None if value is None else _json_text(value, path) for value in values]
    if isinstance(kind, StructType):
        return _struct_column(values, kind, arrow, path, texts)
    if isinstance(kind, ArrayType):
        return _list_column(values, kind, arrow, path, texts)
    _, accepted, repair = LEAF_TYPES[type(kind)]
    if not set(map(type, values)) <= accepted:
        values = [
            value if type(value) in accepted else _repaired(value, repair, kind, path) for value in values
        ]
    try:
        return pa.array(values, type=arrow)
    except (pa.ArrowException, OverflowError, ValueError) as error:
        raise AhaDataError(
            f"`{path}` holds a value out of range for {kind.simpleString()} ({error})."
        ) from None


def _json_text(value: Any, path: str) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError) as error:
        raise AhaDataError(f"`{path}` holds a value that cannot be written as JSON ({error}).") from None


def _struct_column(
    values: list[Any], kind: StructType, arrow: pa.DataType, path: str, texts: frozenset[str]
) -> pa.Array:
    _require(values, dict, kind, path)
    # Most objects are left out of most rows: their fields are looked at where they are, then spread.
    present = [value for value in values if value is not None]
    children = [
        _column([value.get(name) for value in present], field.dataType, inner.type, f"{path}.{name}", texts)
        for field, inner in zip(kind.fields, arrow, strict=True)
        for name in (field.name,)
    ]
    found = pa.StructArray.from_arrays(children, fields=list(arrow))
    if len(present) == len(values):
        return found
    places = itertools.count()
    return found.take(pa.array([None if value is None else next(places) for value in values], pa.int32()))


def _list_column(
    values: list[Any], kind: ArrayType, arrow: pa.DataType, path: str, texts: frozenset[str]
) -> pa.Array:
    _require(values, list, kind, path)
    offsets: list[int | None] = []
    items: list[Any] = []
    for value in values:
        offsets.append(None if value is None else len(items))
        items += value or ()
    offsets.append(len(items))
    elements = _column(items, kind.elementType, arrow.value_type, path, texts)
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), elements, type=arrow)


def _require(values: list[Any], wanted: type, kind: DataType, path: str) -> None:
    for value_type in set(map(type, values)) - {wanted, MISSING}:
        raise _unfit(value_type, kind, path)


def _repaired(value: Any, repair: Callable[[Any], Any], kind: DataType, path: str) -> Any:
    try:
        return repair(value)
    except (TypeError, ValueError, OverflowError):
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
        return repr(int(value) if value == int(value) else value)
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


def _moment(value: Any) -> datetime | None:
    # An empty text tells no time.
    return parse_time(value) if value else None


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
