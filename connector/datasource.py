"""The Spark Python Data Source `lakeflow_connect`, for both generations of pipelines.

Spark runs these methods in worker processes: one that plans, one that drives a stream, others that read. So
nothing here opens a connection before it is asked for rows, and only a stream's reader keeps anything.
"""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql.datasource import (
    DataSource,
    DataSourceReader,
    DataSourceStreamReader,
    InputPartition,
    SimpleDataSourceStreamReader,
)
from pyspark.sql.types import ArrayType, StringType, StructField, StructType

from connector.aha import AhaLakeflowConnect
from connector.errors import AhaOptionError
from connector.interface import StoredOffset
from connector.offsets import is_unfinished
from connector.options import parse_flag

try:
    # Since Spark 4.2; without it a stream's `latestOffset` does not know where the stream stands.
    from pyspark.sql.streaming import datasource as admission
except ImportError:
    admission = None  # type: ignore[assignment]

NAMES = ArrayType(StringType())
METADATA_SCHEMA = StructType(
    [
        StructField("tableName", StringType(), False),
        StructField("primary_keys", NAMES),
        StructField("cursor_field", StringType()),
        StructField("ingestion_type", StringType()),
    ]
)
# Tables about the tables; the first two are the same for two generations of pipelines.
VIRTUAL_TABLES = {
    "_lakeflow_metadata": METADATA_SCHEMA,
    "_community_table_metadata": METADATA_SCHEMA,
    "_community_tables": StructType(
        [StructField("namespace", NAMES, False), StructField("tableName", StringType(), False)]
    ),
    "_community_namespaces": StructType([StructField("namespace", NAMES, False)]),
}
MOST_PARTITIONS = 8
# In a stream's offset, how many snapshots it has read.
SNAPSHOTS = "snapshots"


class LakeflowSource(DataSource):
    """`spark.read.format("lakeflow_connect")`, batch and streaming."""

    connector_class = AhaLakeflowConnect

    def __init__(self, options: dict[str, str]) -> None:
        super().__init__(options)
        # A plain dict with lower-case keys: Spark passes a case-insensitive one in batch only.
        self.settings = {key.lower(): value for key, value in options.items()}
        self.lakeflow_connect = self.connector_class(self.settings)

    @classmethod
    def name(cls) -> str:
        return "lakeflow_connect"

    def schema(self) -> StructType:
        if self.table.startswith(("_community_", "_lakeflow_")):
            if self.table not in VIRTUAL_TABLES:
                raise AhaOptionError(
                    f"There is no table `{self.table}`. Tables about tables: {', '.join(VIRTUAL_TABLES)}."
                )
            return VIRTUAL_TABLES[self.table]
        # Read here so that a flag nobody understands is refused before a query runs.
        _ = self.deletes
        return self.lakeflow_connect.get_table_schema(self.table, self.settings)

    def reader(self, schema: StructType) -> DataSourceReader:  # noqa: ARG002
        if self.table in VIRTUAL_TABLES:
            return VirtualTableReader(self.lakeflow_connect, self.table, self.settings)
        if self.deletes:
            raise AhaOptionError("A delete flow is a stream: use `readStream`, or leave out `isDeleteFlow`.")
        return TableReader(self.lakeflow_connect, self.table, self.settings)

    def streamReader(self, schema: StructType) -> DataSourceStreamReader:
        if admission is None:
            # Spark then asks for the simple reader.
            return super().streamReader(schema)
        return make_stream_reader(self.flow)

    def simpleStreamReader(self, schema: StructType) -> SimpleDataSourceStreamReader:  # noqa: ARG002
        return SimpleFlowReader(self.flow)

    @property
    def table(self) -> str:
        """The option `tableName`."""
        name = self.settings.get("tablename")
        if not name:
            raise AhaOptionError("Option `tableName` is missing. It names the table to read.")
        return name

    @property
    def flow(self) -> "Flow":
        """What a stream reads: a table's rows, or its deletions."""
        return Flow(self.lakeflow_connect, self.table, self.settings, deletes=self.deletes)

    @property
    def deletes(self) -> bool:
        """The option `isDeleteFlow`."""
        given = self.settings.get("isdeleteflow") or "false"
        try:
            return parse_flag(given)
        except ValueError as error:
            raise AhaOptionError(f"Option `isDeleteFlow` is {given!r}: {error}.") from None


class TableReader(DataSourceReader):
    """All rows of a table; of a large one, in parts."""

    def __init__(self, connector: AhaLakeflowConnect, table: str, settings: Mapping[str, str]) -> None:
        self._connector, self._table, self._settings = connector, table, settings

    def partitions(self) -> Sequence[InputPartition]:
        parts = self._connector.get_partitions(self._table, self._settings)
        return [InputPartition(json.dumps(part)) for part in parts]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        # A batch read is asked once and its offset is dropped: it must hold everything.
        part = json.loads(partition.value)
        return self._connector.read_partition_batches(self._table, part, self._settings)


class VirtualTableReader(DataSourceReader):
    """What a pipeline must know before it reads: which tables there are, and how they are keyed."""

    def __init__(self, connector: AhaLakeflowConnect, table: str, settings: Mapping[str, str]) -> None:
        self._connector, self._table, self._settings = connector, table, settings

    def read(self, partition: InputPartition) -> Iterator[tuple[Any, ...]]:  # noqa: ARG002
        if self._table == "_community_namespaces":
            return iter(())
        if self._table == "_community_tables":
            return iter([([], name) for name in sorted(self._connector.list_tables())])
        return iter([self._metadata(name) for name in self._names() or self._connector.list_tables()])

    def _metadata(self, name: str) -> tuple[Any, ...]:
        configs = self._json("tableconfigs", dict)
        metadata = self._connector.read_table_metadata(name, configs.get(name, {}))
        return (name, metadata["primary_keys"], metadata["cursor_field"], metadata["ingestion_type"])

    def _names(self) -> list[str]:
        """`tableNameList`: JSON in the newer generation, separated by commas in the older."""
        given = self._settings.get("tablenamelist", "").strip()
        if given.startswith("["):
            return [str(name) for name in self._json("tablenamelist", list)]
        return [name.strip() for name in given.split(",") if name.strip()]

    def _json(self, option: str, kind: type) -> Any:
        given = self._settings.get(option) or json.dumps(kind())
        try:
            found = json.loads(given)
        except ValueError:
            found = None
        if not isinstance(found, kind):
            wanted = "object of options by table" if kind is dict else "list of names"
            raise AhaOptionError(f"Option `{option}` is {given!r}: expected a JSON {wanted}.")
        return found


class Flow:
    """What a stream reads of one table: changed rows, or tombstones."""

    def __init__(
        self, connector: AhaLakeflowConnect, table: str, settings: Mapping[str, str], *, deletes: bool
    ) -> None:
        self._connector, self._table, self._settings = connector, table, settings
        self._deletes = deletes

    def read(self, start: StoredOffset) -> tuple[Iterator[pa.RecordBatch], StoredOffset]:
        """What changed since `start`, and the offset after it."""
        read = self._connector.read_delete_batches if self._deletes else self._connector.read_batches
        batches, end = read(self._table, start, self._settings)
        return batches, end or count_snapshot(start)

    def read_all(self, start: StoredOffset) -> tuple[Iterator[pa.RecordBatch], StoredOffset]:
        """As `read`, past the ends of micro-batches."""
        found, end = self.read(start)
        parts = [found]
        # The end of a walk that an earlier run began does not hold what changed since it began.
        again = is_unfinished(start)
        while is_unfinished(end) or again:
            again = again and is_unfinished(end)
            found, end = self.read(end)
            parts.append(found)
        return itertools.chain.from_iterable(parts), end

    def begin(self) -> tuple[list[dict[str, Any]], Iterator[pa.RecordBatch], StoredOffset]:
        """A first read: its parts where it is split, else its rows; and the offset after it."""
        if self._deletes:
            return [], *self.read({})
        parts, batches, end = self._connector.begin(self._table, self._settings)
        return parts, batches, end or count_snapshot({})

    def parts_between(self, start: StoredOffset, end: StoredOffset) -> list[dict[str, Any]]:
        """Parts that hold at least what a batch planned from `start` to `end` held."""
        if self._deletes:
            return [{"since": start}]
        return self._connector.get_partitions(self._table, self._settings, start, end)

    def read_part(self, part: Mapping[str, Any]) -> Iterator[pa.RecordBatch]:
        if self._deletes:
            # A deletion told twice is harmless.
            return self.read(part["since"])[0]
        return self._connector.read_partition_batches(self._table, part, self._settings)


def count_snapshot(start: StoredOffset) -> StoredOffset:
    """The offset after one more snapshot: a stream stands still where offsets do."""
    return {SNAPSHOTS: int(start.get(SNAPSHOTS, 0)) + 1}


class SimpleFlowReader(SimpleDataSourceStreamReader):
    """A flow, read where the stream is driven: for Spark before 4.2."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    def initialOffset(self) -> StoredOffset:
        return {}

    def read(self, start: StoredOffset) -> tuple[Iterator[pa.RecordBatch], StoredOffset]:
        # A run that is to read all that is there asks once.
        batches, end = self._flow.read_all(start)
        return PackedBatches(batches), end

    def readBetweenOffsets(self, start: StoredOffset, end: StoredOffset) -> Iterator[pa.RecordBatch]:
        parts = self._flow.parts_between(start, end)
        return (batch for part in parts for batch in self._flow.read_part(part))


class FlowReader(DataSourceStreamReader):
    """A flow whose first read of a large table is split among executors.

    What changed since an offset is read where the stream is driven, because only reading it tells the next
    offset, and travels to the executors as compressed Arrow. After a restart Spark asks for a batch that it
    had planned: that is read again, in the executors.
    """

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._planned: tuple[StoredOffset, StoredOffset, list[InputPartition]] | None = None
        self._once = False
        self._reached = False
        self._begun = False

    def initialOffset(self) -> StoredOffset:
        return {}

    def getDefaultReadLimit(self) -> Any:
        return admission.ReadAllAvailable()

    def prepareForTriggerAvailableNow(self) -> None:
        self._once, self._reached, self._begun = True, False, False

    def latestOffset(self, start: StoredOffset, limit: Any) -> StoredOffset:  # noqa: ARG002
        if self._once and self._reached:
            return start
        parts, batches, end = ([], *self._flow.read(start)) if start else self._flow.begin()
        self._planned = (start, end, [InputPartition(json.dumps(part)) for part in parts] or share(batches))
        # What is unfinished goes on; the rest is all that was there when this run began, but for a walk that
        # an earlier run had begun.
        self._begun = self._begun or not is_unfinished(start)
        self._reached = self._begun and not is_unfinished(end)
        return end

    def partitions(self, start: StoredOffset, end: StoredOffset) -> Sequence[InputPartition]:
        if self._planned and self._planned[:2] == (start, end):
            return self._planned[2]
        return [InputPartition(json.dumps(part)) for part in self._flow.parts_between(start, end)]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        if isinstance(partition.value, list):
            return map(unpack, partition.value)
        return self._flow.read_part(json.loads(partition.value))

    def commit(self, end: StoredOffset) -> None:
        # After a restart Spark commits the last run's batch when the next one is planned already.
        if self._planned and self._planned[1] == end:
            self._planned = None


def make_stream_reader(flow: Flow) -> DataSourceStreamReader:
    """A `FlowReader` that stops when everything is read, where this Spark has a word for that."""
    kind = type("AvailableFlowReader", (FlowReader, admission.SupportsTriggerAvailableNow), {})
    reader: DataSourceStreamReader = kind(flow)
    return reader


class PackedBatches(Iterator[pa.RecordBatch]):
    """Batches kept as compressed Arrow, each unpacked when it is asked for.

    Spark keeps a simple reader's iterator and reads copies of it, so a copy must go on by itself, as a
    generator and a `map` do not.
    """

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._parts = [pack(batch) for batch in batches]
        self._position = 0

    def __next__(self) -> pa.RecordBatch:
        if self._position == len(self._parts):
            raise StopIteration
        self._position += 1
        return unpack(self._parts[self._position - 1])


def share(batches: Iterator[pa.RecordBatch]) -> list[InputPartition]:
    """Batches as partitions of packed batches; none for no rows."""
    groups: list[list[bytes]] = [[] for _ in range(MOST_PARTITIONS)]
    for number, batch in enumerate(batches):
        groups[number % MOST_PARTITIONS].append(pack(batch))
    return [InputPartition(group) for group in groups if group]


def pack(batch: pa.RecordBatch) -> bytes:
    """A batch as a compressed Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as out:
        out.write_batch(batch)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def unpack(packed: bytes) -> pa.RecordBatch:
    with pa.ipc.open_stream(packed) as stream:
        return stream.read_next_batch()


def register_lakeflow_source(spark: SparkSession) -> None:
    """Make the source known to a Spark session."""
    spark.dataSource.register(LakeflowSource)
