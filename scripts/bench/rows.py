"""Rows a second into Spark: Arrow batches beside plain tuples and `Row` objects, and a worker's memory.

All three ways get the same pages of JSON, as the sandbox serves them, in the same run. The `Row` way does
what connectors do that convert value by value: look at the declared type, convert, build a `Row`.
"""

import itertools
import json
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import requests
from pyspark.sql import Row, SparkSession
from pyspark.sql.datasource import DataSource, DataSourceReader, DataSourceStreamReader, InputPartition
from pyspark.sql.types import ArrayType, DataType, DoubleType, LongType, StringType, StructType
from rich.console import Console

from connector.records import to_batches
from connector.tables import TABLES
from connector.tables.types import JSON_TEXT_PATHS
from sandbox.server import open_world, running
from scripts.lakehouse.spark import start_session

TABLE = TABLES["idea_proxy_votes"]
ROWS, FEWER, PAGE, PARTITIONS, RUNS = 200_000, 20_000, 200, 2, 3
# What the Arrow way owes to the `Row` way.
LEAST = {"batch": 6, "partitioned stream": 3}
MEGABYTE = 1024


def as_tuple(value: Any, kind: DataType, path: str = "") -> Any:
    """A JSON value as Spark takes it, with no look at its type."""
    if value is None:
        return None
    if path in JSON_TEXT_PATHS:
        return json.dumps(value, ensure_ascii=False)
    if isinstance(kind, StructType):
        return tuple(
            as_tuple(value.get(field.name), field.dataType, f"{path}.{field.name}".lstrip("."))
            for field in kind.fields
        )
    if isinstance(kind, ArrayType):
        return [as_tuple(item, kind.elementType, path) for item in value]
    return value


def as_row(value: Any, kind: DataType, path: str = "") -> Any:
    """A JSON value converted by its declared type, objects as `Row`."""
    if value is None:
        return None
    if path in JSON_TEXT_PATHS:
        return json.dumps(value, ensure_ascii=False)
    if isinstance(kind, StructType):
        if not isinstance(value, dict):
            raise TypeError(path)
        fields = {
            field.name: as_row(value.get(field.name), field.dataType, f"{path}.{field.name}".lstrip("."))
            for field in kind.fields
        }
        return Row(**fields)
    if isinstance(kind, ArrayType):
        if not isinstance(value, list):
            raise TypeError(path)
        return [as_row(item, kind.elementType, path) for item in value]
    for leaf, convert in CONVERSIONS.items():
        if isinstance(kind, leaf):
            return convert(value)
    return value


CONVERSIONS: dict[type[DataType], Callable[[Any], Any]] = {StringType: str, LongType: int, DoubleType: float}
Page = list[dict[str, Any]]
# Name → what becomes of pages of records.
WAYS: dict[str, Callable[[Iterator[Page]], Iterator[Any]]] = {
    "Arrow batches": lambda pages: to_batches(TABLE, pages),
    "plain tuples": lambda pages: (as_tuple(record, TABLE.schema) for page in pages for record in page),
    "Row objects": lambda pages: (as_row(record, TABLE.schema) for page in pages for record in page),
}


class Pages:
    """The same rows for a batch read and for a stream."""

    def __init__(self, options: dict[str, str]) -> None:
        self._way, self._pages = options["way"], Path(options["pages"])
        self._rows, self._parts = int(options["rows"]), int(options["parts"])

    def partitions(self, *_: Any) -> list[InputPartition]:
        return [InputPartition(part) for part in range(self._parts)]

    def read(self, partition: InputPartition) -> Iterator[Any]:
        pages = json.loads(self._pages.read_text())
        count = self._rows // self._parts // PAGE
        yield from WAYS[self._way](itertools.islice(itertools.cycle(pages), count))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self._pages.with_suffix(f".{self._rows}.{partition.value}").write_text(str(peak))


class BatchReader(Pages, DataSourceReader):
    pass


class StreamReader(Pages, DataSourceStreamReader):
    """Ends after one micro-batch."""

    def initialOffset(self) -> dict[str, int]:
        return {"rows": 0}

    def latestOffset(self, *_: Any) -> dict[str, int]:
        return {"rows": self._rows}


class BenchSource(DataSource):
    """Recorded pages again and again, in one of the `WAYS`."""

    @classmethod
    def name(cls) -> str:
        return "bench_rows"

    def schema(self) -> StructType:
        return TABLE.schema

    def reader(self, schema: StructType) -> BatchReader:  # noqa: ARG002
        return BatchReader(dict(self.options))

    def streamReader(self, schema: StructType) -> StreamReader:  # noqa: ARG002
        return StreamReader(dict(self.options))


def measure(console: Console) -> bool:
    """Time all ways in batch and in a stream; tell whether Arrow is as fast as it must be."""
    with tempfile.TemporaryDirectory() as folder:
        pages = Path(folder) / "pages"
        pages.write_text(json.dumps(record_pages()))
        fields = sum(1 for _ in TABLE.schema)
        console.print(
            f"{ROWS:,} rows of {TABLE.name} ({fields} columns, most of them nested), median of {RUNS} runs"
        )
        spark = start_session("aha-bench")
        try:
            spark.dataSource.register(BenchSource)
            fast = [compare(console, spark, pages, kind) for kind in LEAST]
        finally:
            spark.stop()
        peaks = [worker_peak(pages, rows) for rows in (FEWER, ROWS)]
        console.print(
            f"  a worker's peak: {peaks[0]:.0f} MB with {FEWER:,} rows, {peaks[1]:.0f} MB with {ROWS:,}"
        )
    return all(fast) and peaks[1] < peaks[0] * 1.1


def record_pages() -> list[Page]:
    """Full pages of records, as the sandbox answers them. Parsing is the same for all ways and not timed."""
    with closing(open_world(ideas=2000)) as world, running(world) as box:
        params = {"per_page": str(PAGE), "fields": "*", **dict(TABLE.source.route.params)}
        headers = {"Authorization": f"Bearer {box.api_key}"}
        answers = [
            requests.get(
                f"{box.url}/api/v1{TABLE.source.route.path}",
                params | {"page": page},
                headers=headers,
                timeout=30,
            )
            for page in (1, 2)
        ]
    return [answer.json()[TABLE.source.route.root] for answer in answers]


def compare(console: Console, spark: SparkSession, pages: Path, kind: str) -> bool:
    read = read_batch if kind == "batch" else read_stream
    for way in WAYS:
        # The JVM compiles what is hot, and all rows make the road of their way hot.
        read(spark, pages, way, FEWER)
        read(spark, pages, way, ROWS)
    seconds = {way: statistics.median([read(spark, pages, way, ROWS) for _ in range(RUNS)]) for way in WAYS}
    slowest = seconds["Row objects"]
    told = ", ".join(
        f"{way} {ROWS / took:,.0f} rows/s ({slowest / took:.1f}x)" for way, took in seconds.items()
    )
    ratio = slowest / seconds["Arrow batches"]
    console.print(
        f"  {kind}: {told}; at least {LEAST[kind]}x is asked for: {'yes' if ratio >= LEAST[kind] else 'NO'}"
    )
    return ratio >= LEAST[kind]


def options(pages: Path, way: str, rows: int, parts: int = PARTITIONS) -> dict[str, str]:
    return {"way": way, "pages": str(pages), "rows": str(rows), "parts": str(parts)}


def read_batch(spark: SparkSession, pages: Path, way: str, rows: int, parts: int = PARTITIONS) -> float:
    frame = spark.read.format("bench_rows").options(**options(pages, way, rows, parts)).load()
    before = time.monotonic()
    frame.write.format("noop").mode("overwrite").save()
    took = time.monotonic() - before
    if rows == FEWER and frame.count() != rows:
        raise RuntimeError(f"{way}: not all rows arrived")
    return took


def read_stream(spark: SparkSession, pages: Path, way: str, rows: int) -> float:
    frame = spark.readStream.format("bench_rows").options(**options(pages, way, rows)).load()
    with tempfile.TemporaryDirectory() as checkpoint:
        before = time.monotonic()
        stream = frame.writeStream.format("noop").option("checkpointLocation", checkpoint)
        stream.trigger(availableNow=True).start().awaitTermination()
        return time.monotonic() - before


def worker_peak(pages: Path, rows: int) -> float:
    """The most memory, in MB, of a fresh worker that reads all rows."""
    spark = start_session("aha-bench-memory")
    try:
        spark.dataSource.register(BenchSource)
        read_batch(spark, pages, "Arrow batches", rows, parts=1)
    finally:
        spark.stop()
    return int(pages.with_suffix(f".{rows}.0").read_text()) / MEGABYTE
