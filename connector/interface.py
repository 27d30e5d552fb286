"""What a Lakeflow community connector offers, whatever it connects to."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

from pyspark.sql.types import StructType

StoredOffset = dict[str, Any]


class LakeflowConnect(ABC):
    """The contract between a connector and the pipeline that drives it.

    Option values are strings. Nothing here but `read_*` touches the network.
    """

    @abstractmethod
    def list_tables(self) -> list[str]:
        """Names of all tables."""

    @abstractmethod
    def get_table_schema(self, table_name: str, table_options: Mapping[str, str]) -> StructType:
        """The row of a table."""

    @abstractmethod
    def read_table_metadata(self, table_name: str, table_options: Mapping[str, str]) -> dict[str, Any]:
        """`primary_keys` (list), `cursor_field` (text) and `ingestion_type`: `snapshot`, `cdc`,
        `cdc_with_deletes` or `append`."""

    @abstractmethod
    def read_table(
        self, table_name: str, start_offset: StoredOffset | None, table_options: Mapping[str, str]
    ) -> tuple[Iterator[dict[str, Any]], StoredOffset]:
        """Rows that changed since `start_offset` (None or `{}`: all), and the offset that stands after
        them. The same offset with no rows is the end of the data."""

    @abstractmethod
    def read_table_deletes(
        self, table_name: str, start_offset: StoredOffset | None, table_options: Mapping[str, str]
    ) -> tuple[Iterator[dict[str, Any]], StoredOffset]:
        """Tombstones of rows deleted since `start_offset`: the primary keys and the cursor, the rest null."""

    @abstractmethod
    def get_partitions(
        self,
        table_name: str,
        table_options: Mapping[str, str],
        start_offset: StoredOffset | None = None,
        end_offset: StoredOffset | None = None,
    ) -> list[dict[str, Any]]:
        """Parts, as JSON objects, that hold all rows since `start_offset` between them."""

    @abstractmethod
    def read_partition(
        self, table_name: str, partition: Mapping[str, Any], table_options: Mapping[str, str]
    ) -> Iterator[dict[str, Any]]:
        """The rows of one part."""
