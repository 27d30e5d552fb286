"""Delta tables on disk, and how a micro-batch changes them: merged, kept as history, or appended.

Every change may be applied twice: a run that was killed between a table's commit and the checkpoint's applies
its last batch again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import CommitProperties, DeltaTable, Schema, Transaction, write_deltalake
from deltalake.table import TableMerger

START, END = "__START_AT", "__END_AT"


class LakehouseError(Exception):
    """A table stands there that a run cannot go on with; says why, and what to do."""


@dataclass(frozen=True)
class Target:
    """One Delta table.

    Attributes:
        path: its directory.
        keys: primary keys.
        sequence: the column that says which version of a row is newer; "" where a read is everything.
        scd_type: `SCD_TYPE_1`, `SCD_TYPE_2` or `APPEND_ONLY`.
        origin: what the rows are: which table of which account, under which filters.
    """

    path: Path
    keys: Sequence[str]
    sequence: str
    scd_type: str = "SCD_TYPE_1"
    origin: str = "rows"

    def exists(self) -> bool:
        return DeltaTable.is_deltatable(str(self.path))

    def count(self) -> int:
        """Rows; of a history, those that are current."""
        if not self.exists():
            return 0
        current = ds.field(END).is_null() if self.scd_type == "SCD_TYPE_2" else None
        rows: int = DeltaTable(str(self.path)).to_pyarrow_dataset().count_rows(filter=current)
        return rows

    def head(self, rows: int) -> list[dict[str, Any]]:
        """Some of the rows."""
        found: list[dict[str, Any]] = DeltaTable(str(self.path)).to_pyarrow_dataset().head(rows).to_pylist()
        return found

    @property
    def description(self) -> str:
        """How the table is kept, as Delta stores it with the table."""
        order = f", ordered by {self.sequence}" if self.sequence else ""
        return f"{self.origin}, {self.scd_type} by {', '.join(self.keys)}{order}"

    def require(self, schema: pa.Schema) -> None:
        """Refuse a table that is there and was made another way, before anything is read.

        Raises:
            LakehouseError: it is kept differently, or has other columns than `schema`.
        """
        if not self.exists():
            return
        table = DeltaTable(str(self.path))
        kept, wanted = table.metadata().description, Schema.from_arrow(self._stored(schema))
        same = {field.name: field.type for field in table.schema().fields} == {
            field.name: field.type for field in wanted.fields
        }
        if kept == self.description and same:
            return
        other = "" if same else ", with other columns"
        raise LakehouseError(
            f"The table in {self.path} was ingested as: {kept}. That is not what is asked for now: "
            f"{self.description}{other}. Run with --full-refresh to make it anew, or into another "
            "--destination."
        )

    def _stored(self, schema: pa.Schema) -> pa.Schema:
        """The columns of the table that holds rows of `schema`."""
        if self.scd_type == "SCD_TYPE_2":
            kind = schema.field(self.sequence).type
            return schema.append(pa.field(START, kind)).append(pa.field(END, kind))
        return schema

    def create(self, schema: pa.Schema) -> None:
        """Make the table, if it is not there."""
        stored = self._stored(schema)
        DeltaTable.create(str(self.path), schema=stored, mode="ignore", description=self.description)

    def apply(self, rows: ds.Dataset, batch: int, run: str) -> None:
        """Apply a micro-batch. `run` and `batch` name it: appended rows are appended once."""
        if self.scd_type == "APPEND_ONLY":
            self._append(rows, batch, run)
        elif self.scd_type == "SCD_TYPE_2":
            self._keep_history(rows)
        else:
            self._merge(rows)

    def delete(self, tombstones: ds.Dataset) -> None:
        """Take out rows that were deleted after their last change; of a history, end them."""
        table = DeltaTable(str(self.path))
        if self.scd_type == "SCD_TYPE_2":
            self._merging(table, tombstones, f"{self._same()} AND t.{END} IS NULL").when_matched_update(
                {END: f"s.{self.sequence}"}, predicate=not_older(f"s.{self.sequence}", f"t.{START}")
            ).execute()
            return
        self._merging(table, tombstones, self._same()).when_matched_delete(
            predicate=not_older(f"s.{self.sequence}", f"t.{self.sequence}")
        ).execute()

    def replace(self, rows: ds.Dataset) -> None:
        """Let the table hold exactly these rows."""
        write_deltalake(str(self.path), rows.scanner().to_reader(), mode="overwrite", schema_mode="overwrite")

    def _merge(self, rows: ds.Dataset) -> None:
        table = DeltaTable(str(self.path))
        self._merging(table, rows, self._same()).when_matched_update_all(
            predicate=not_older(f"s.{self.sequence}", f"t.{self.sequence}")
        ).when_not_matched_insert_all().execute()

    def _keep_history(self, rows: ds.Dataset) -> None:
        table, values = DeltaTable(str(self.path)), {name: f"s.{name}" for name in rows.schema.names}
        # First the new versions, then the ends of those before them: what is killed between is never a gap.
        # A version that is there already is not put in again, and none is put in before a newer one. A row
        # that does not say when it changed is its key's current version.
        start, told = f"t.{START}", f"s.{self.sequence}"
        there = f"({start} >= {told} OR ({told} IS NULL AND t.{END} IS NULL))"
        changed = {name: value for name, value in values.items() if name not in self.keys}
        self._merging(table, rows, f"{self._same()} AND {there}").when_matched_update(
            changed, predicate=f"({start} = {told} OR {told} IS NULL)"
        ).when_not_matched_insert(values | {START: told, END: "NULL"}).execute()
        self._merging(table, rows, f"{self._same()} AND t.{END} IS NULL").when_matched_update(
            {END: told}, predicate=f"({told} > {start} OR ({start} IS NULL AND {told} IS NOT NULL))"
        ).execute()
        self._reopen(table, rows)

    def _reopen(self, table: DeltaTable, rows: ds.Dataset) -> None:
        """Let what came back in the version that a tombstone ended be current again."""
        table.update_incremental()
        keys = list(self.keys)
        ours = rows.to_table(columns=[*keys, self.sequence])
        lives = table.to_pyarrow_dataset().to_table(columns=keys, filter=ds.field(END).is_null())
        back = ours.join(lives, keys=keys, join_type="left anti")
        if back.num_rows:
            same = f"{self._same()} AND t.{START} = s.{self.sequence}"
            self._merging(table, ds.dataset(back), same).when_matched_update({END: "NULL"}).execute()

    def _append(self, rows: ds.Dataset, batch: int, run: str) -> None:
        table = DeltaTable(str(self.path))
        done = table.transaction_version(run)
        if done is not None and done >= batch:
            return
        news = self._without_what_is_there(table, rows)
        properties = CommitProperties(app_transactions=[Transaction(run, batch)])
        reader = news.scanner().to_reader()
        write_deltalake(str(self.path), reader, mode="append", commit_properties=properties)

    def _without_what_is_there(self, table: DeltaTable, rows: ds.Dataset) -> ds.Dataset:
        """Rows that no row of the table is equal to: what hangs below a record is read again whenever that
        changes, and most of it did not."""
        found = rows.to_table()
        key = self.keys[0]
        same = ds.field(key).isin(found.column(key).combine_chunks())
        there = table.to_pyarrow_dataset().to_table(filter=same)
        known = {written(row) for row in there.select(found.column_names).to_pylist()}
        if not known:
            return rows
        news = [written(row) not in known for row in found.to_pylist()]
        return ds.dataset(found.filter(pa.array(news, pa.bool_())))

    def _merging(self, table: DeltaTable, rows: ds.Dataset, predicate: str) -> TableMerger:
        reader = rows.scanner().to_reader()
        return table.merge(reader, predicate, source_alias="s", target_alias="t")

    def _same(self) -> str:
        return " AND ".join(f"t.{key} = s.{key}" for key in self.keys)


def not_older(one: str, other: str) -> str:
    """SQL: whether a version is not older than another, also where one does not say when it was."""
    return f"({one} >= {other} OR {one} IS NULL OR {other} IS NULL)"


def written(row: dict[str, Any]) -> str:
    """A row as a text that is equal where the rows are."""
    return json.dumps(row, sort_keys=True, default=str)
