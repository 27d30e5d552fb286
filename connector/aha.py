"""The connector: Aha! behind the Lakeflow contract."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa
from pyspark.sql.types import StructType

from connector.client import AhaClient
from connector.deletions import read_deletions
from connector.errors import AhaOptionError
from connector.interface import LakeflowConnect, StoredOffset
from connector.offsets import is_unfinished
from connector.options import parse_options
from connector.pacing import Clock
from connector.records import to_batches, to_rows
from connector.split import Window
from connector.sync import Sync
from connector.tables import TABLES, find_mode_fault, ingestion_type
from connector.tables.declaration import Table
from connector.tables.types import with_native_times
from connector.units import Records


class AhaLakeflowConnect(LakeflowConnect):
    """Reads an Aha! account.

    Args:
        options: the connection's options, all strings; see `connector.options`.
        clock: where waits go; tests give one that does not sleep.

    Raises:
        AhaOptionError: from the constructor, if an option is missing or malformed.
    """

    def __init__(self, options: Mapping[str, str], *, clock: Clock | None = None) -> None:
        self._options = dict(options)
        self._client = AhaClient(parse_options(options), clock=clock)

    def __repr__(self) -> str:
        return f"AhaLakeflowConnect({self._client.origin!r})"

    def list_tables(self) -> list[str]:
        return list(TABLES)

    def get_table_schema(self, table_name: str, table_options: Mapping[str, str]) -> StructType:
        return self._table(table_name, table_options).schema

    def read_table_metadata(self, table_name: str, table_options: Mapping[str, str]) -> dict[str, Any]:
        table = self._table(table_name, table_options)
        settings = parse_options(self._options, table_options)
        return {
            "primary_keys": list(table.primary_keys),
            "cursor_field": None if table.is_snapshot else table.cursor_field,
            "ingestion_type": ingestion_type(table, settings),
            "description": table.note,
        }

    def read_table(
        self, table_name: str, start_offset: StoredOffset | None, table_options: Mapping[str, str]
    ) -> tuple[Iterator[dict[str, Any]], StoredOffset]:
        table = self._table(table_name, table_options)
        pages, end = self._sync(table_options).read(table, start_offset)
        return to_rows(table, pages, rescuing=self._is_rescuing(table_options)), end

    def read_batches(
        self, table_name: str, start_offset: StoredOffset | None, table_options: Mapping[str, str]
    ) -> tuple[Iterator[pa.RecordBatch], StoredOffset]:
        """As `read_table`, with the rows as Arrow batches of the table's schema."""
        table = self._table(table_name, table_options)
        pages, end = self._sync(table_options).read(table, start_offset)
        return to_batches(table, pages, rescuing=self._is_rescuing(table_options)), end

    def read_table_deletes(
        self, table_name: str, start_offset: StoredOffset | None, table_options: Mapping[str, str]
    ) -> tuple[Iterator[dict[str, Any]], StoredOffset]:
        table = self._table(table_name, table_options)
        pages, end = self._deletions(table, start_offset, table_options)
        return to_rows(table, pages, rescuing=self._is_rescuing(table_options)), end

    def read_delete_batches(
        self, table_name: str, start_offset: StoredOffset | None, table_options: Mapping[str, str]
    ) -> tuple[Iterator[pa.RecordBatch], StoredOffset]:
        """As `read_table_deletes`, with the tombstones as Arrow batches of the table's schema."""
        table = self._table(table_name, table_options)
        pages, end = self._deletions(table, start_offset, table_options)
        return to_batches(table, pages, rescuing=self._is_rescuing(table_options)), end

    def get_partitions(
        self,
        table_name: str,
        table_options: Mapping[str, str],
        start_offset: StoredOffset | None = None,
        end_offset: StoredOffset | None = None,
    ) -> list[dict[str, Any]]:
        table = self._table(table_name, table_options)
        if start_offset or is_unfinished(end_offset or {}):
            return [{"since": start_offset or {}, "until": end_offset or {}}]
        return [window.to_json() for window in self._sync(table_options).split(table)]

    def read_partition(
        self, table_name: str, partition: Mapping[str, Any], table_options: Mapping[str, str]
    ) -> Iterator[dict[str, Any]]:
        table = self._table(table_name, table_options)
        pages = self._partition(table, partition, table_options)
        return to_rows(table, pages, rescuing=self._is_rescuing(table_options))

    def read_partition_batches(
        self, table_name: str, partition: Mapping[str, Any], table_options: Mapping[str, str]
    ) -> Iterator[pa.RecordBatch]:
        """As `read_partition`, with the rows as Arrow batches of the table's schema."""
        table = self._table(table_name, table_options)
        pages = self._partition(table, partition, table_options)
        return to_batches(table, pages, rescuing=self._is_rescuing(table_options))

    def begin(
        self, table_name: str, table_options: Mapping[str, str]
    ) -> tuple[list[dict[str, Any]], Iterator[pa.RecordBatch], StoredOffset]:
        """A first read: its partitions where it is split, else its rows; and the offset after it."""
        table = self._table(table_name, table_options)
        windows, pages, end = self._sync(table_options).begin(table)
        batches = to_batches(table, pages, rescuing=self._is_rescuing(table_options))
        return [window.to_json() for window in windows], batches, end

    def _partition(
        self, table: Table, partition: Mapping[str, Any], table_options: Mapping[str, str]
    ) -> Iterator[Records]:
        sync = self._sync(table_options)
        if isinstance(partition["since"], Mapping):
            return sync.reread(table, dict(partition["since"]), dict(partition.get("until") or {}))
        window = Window(**partition)
        return sync.reread(table, None) if window == Window() else sync.read_window(table, window)

    def _deletions(
        self, table: Table, start_offset: StoredOffset | None, table_options: Mapping[str, str]
    ) -> tuple[Iterator[Records], StoredOffset]:
        settings = parse_options(self._options, table_options)
        if not settings.track_deletes:
            raise AhaOptionError(
                f"Table `{table.name}` has ingestion type `{ingestion_type(table, settings)}`: it has no "
                "delete flow. Set its option `track_deletes` to true."
            )
        return read_deletions(self._client, settings, table, start_offset)

    def _sync(self, table_options: Mapping[str, str]) -> Sync:
        return Sync(self._client, parse_options(self._options, table_options))

    def _is_rescuing(self, table_options: Mapping[str, str]) -> bool:
        return parse_options(self._options, table_options).on_bad_value == "rescue"

    def _table(self, name: str, table_options: Mapping[str, str]) -> Table:
        settings = parse_options(self._options, table_options)
        if name in TABLES:
            table = TABLES[name]
            if fault := find_mode_fault(table, settings):
                raise AhaOptionError(fault)
            native = settings.timestamps == "native"
            return replace(table, schema=with_native_times(table.schema)) if native else table
        near = difflib.get_close_matches(name, TABLES, n=1)
        meant = f" Did you mean `{near[0]}`?" if near else ""
        raise AhaOptionError(f"There is no table `{name}`.{meant} Tables: {', '.join(TABLES)}.")
