"""The Spark Python Data Source `lakeflow_connect`.

Spark runs these methods in worker processes, one for planning and others for reading, so nothing here
opens a connection or keeps state between calls.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition, SimpleDataSourceStreamReader
from pyspark.sql.types import ArrayType, StringType, StructField, StructType

from connector.aha import AhaLakeflowConnect
from connector.errors import AhaOptionError
from connector.interface import StoredOffset
from connector.options import parse_flag

METADATA_TABLE = "_lakeflow_metadata"
METADATA_SCHEMA = StructType(
    [
        StructField("tableName", StringType(), False),
        StructField("primary_keys", ArrayType(StringType())),
        StructField("cursor_field", StringType()),
        StructField("ingestion_type", StringType()),
    ]
)


class LakeflowSource(DataSource):
    """`spark.read.format("lakeflow_connect")`, batch and streaming."""

    def __init__(self, options: dict[str, str]) -> None:
        super().__init__(options)
        # A plain dict with lower-case keys: Spark passes a case-insensitive one in batch only.
        self.settings = {key.lower(): value for key, value in options.items()}
        self.lakeflow_connect = AhaLakeflowConnect(self.settings)

    @classmethod
    def name(cls) -> str:
        return "lakeflow_connect"

    def schema(self) -> StructType:
        if self.table == METADATA_TABLE:
            return METADATA_SCHEMA
        return self.lakeflow_connect.get_table_schema(self.table, self.settings)

    def reader(self, schema: StructType) -> DataSourceReader:  # noqa: ARG002
        if self.table == METADATA_TABLE:
            return MetadataReader(self.lakeflow_connect, self.settings)
        return TableReader(self.lakeflow_connect, self.table, self.settings)

    def simpleStreamReader(self, schema: StructType) -> SimpleDataSourceStreamReader:  # noqa: ARG002
        if parse_flag(self.settings.get("isdeleteflow") or "false"):
            return DeletionStreamReader(self.lakeflow_connect, self.table, self.settings)
        return TableStreamReader(self.lakeflow_connect, self.table, self.settings)

    @property
    def table(self) -> str:
        """The option `tableName`."""
        name = self.settings.get("tablename")
        if not name:
            raise AhaOptionError("Option `tableName` is missing. It names the table to read.")
        return name


class TableReader(DataSourceReader):
    """All rows of a table, in one partition."""

    def __init__(self, connector: AhaLakeflowConnect, table: str, settings: Mapping[str, str]) -> None:
        self._connector, self._table, self._settings = connector, table, settings

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:  # noqa: ARG002
        # A batch read is asked once and its offset is dropped: it must hold everything.
        return self._connector.replay_batches(self._table, None, self._settings)


class MetadataReader(DataSourceReader):
    """One row per asked-for table: what a pipeline must know to create it."""

    def __init__(self, connector: AhaLakeflowConnect, settings: Mapping[str, str]) -> None:
        self._connector, self._settings = connector, settings

    def read(self, partition: InputPartition) -> Iterator[tuple[Any, ...]]:  # noqa: ARG002
        names = [name.strip() for name in self._settings.get("tablenamelist", "").split(",") if name.strip()]
        configs = json.loads(self._settings.get("tableconfigs") or "{}")
        for name in names or self._connector.list_tables():
            metadata = self._connector.read_table_metadata(name, configs.get(name, {}))
            yield (name, metadata["primary_keys"], metadata["cursor_field"], metadata["ingestion_type"])


class TableStreamReader(SimpleDataSourceStreamReader):
    """What changed in a table since the stream's last offset."""

    def __init__(self, connector: AhaLakeflowConnect, table: str, settings: Mapping[str, str]) -> None:
        self._connector, self._table, self._settings = connector, table, settings

    def initialOffset(self) -> StoredOffset:
        return {}

    def read(self, start: StoredOffset) -> tuple[Iterator[pa.RecordBatch], StoredOffset]:
        batches, end = self._connector.read_batches(self._table, start, self._settings)
        # Spark pickles the iterator, and a generator cannot be pickled.
        return iter(list(batches)), end

    def readBetweenOffsets(self, start: StoredOffset, end: StoredOffset) -> Iterator[pa.RecordBatch]:  # noqa: ARG002
        return iter(list(self._connector.replay_batches(self._table, start, self._settings)))


class DeletionStreamReader(SimpleDataSourceStreamReader):
    """Tombstones of what was deleted from a table since the stream's last offset."""

    def __init__(self, connector: AhaLakeflowConnect, table: str, settings: Mapping[str, str]) -> None:
        self._connector, self._table, self._settings = connector, table, settings

    def initialOffset(self) -> StoredOffset:
        return {}

    def read(self, start: StoredOffset) -> tuple[Iterator[pa.RecordBatch], StoredOffset]:
        batches, end = self._connector.read_delete_batches(self._table, start, self._settings)
        return iter(list(batches)), end

    def readBetweenOffsets(self, start: StoredOffset, end: StoredOffset) -> Iterator[pa.RecordBatch]:  # noqa: ARG002
        # A deletion told twice is harmless.
        return self.read(start)[0]


def register_lakeflow_source(spark: SparkSession) -> None:
    """Make the source known to a Spark session."""
    spark.dataSource.register(LakeflowSource)
