"""Delta tables on disk, and how a micro-batch changes them: merged, kept as history, or appended.

Every change may be applied twice: a run that was killed between a table's commit and the checkpoint's applies
its last batch again. A table remembers which batch it has, so that one that was set back is noticed. What its
owner adds to it (columns, a description) stays.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import CommitProperties, DeltaTable, Schema, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError
from deltalake.table import TableMerger

START, END = "__START_AT", "__END_AT"
# The table's property that says how it is kept. Version 0.1.0 wrote that into the description.
KEPT = "aha.kept"
# What a commit says of itself: which batch of which checkpoint it completes.
RUN, BATCH = "aha_run", "aha_batch"
# Another writer beside us (OPTIMIZE, a backup) may win so many times in a row.
ATTEMPTS = 10
# Files are put together where there are more, up to so many bytes: each change rewrites those it touches.
MOST_FILES, FILE_BYTES = 16, 32 * 2**20
# Batches whose files stay, for readers that have begun, and to set a table back.
KEPT_BATCHES = 4


class LakehouseError(Exception):
    """A table stands there that a run cannot go on with; says why, and what to do."""


@dataclass(frozen=True)
class Batch:
    """Which micro-batch a change is: its number in a checkpoint, and the checkpoint's own id."""

    run: str
    number: int

    @property
    def mark(self) -> CommitProperties:
        """What the commit that completes it says of itself."""
        told = {RUN: self.run, BATCH: str(self.number)}
        return CommitProperties(custom_metadata=told, app_transactions=[Transaction(self.run, self.number)])


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
        table = DeltaTable(str(self.path))
        if self.scd_type == "SCD_TYPE_2":
            return int(found_in(table, [END], ds.field(END).is_null()).num_rows)
        rows: int = table.to_pyarrow_dataset().count_rows()
        return rows

    def head(self, rows: int) -> list[dict[str, Any]]:
        """Some of the rows."""
        found: list[dict[str, Any]] = DeltaTable(str(self.path)).to_pyarrow_dataset().head(rows).to_pylist()
        return found

    @property
    def kept(self) -> str:
        """How the table is kept, as is stored with it."""
        order = f", ordered by {self.sequence}" if self.sequence else ""
        return f"{self.origin}, {self.scd_type} by {', '.join(self.keys)}{order}"

    @property
    def found(self) -> str | None:
        """How the table that is there is kept; None where there is none, or one that never held anything."""
        if not self.exists() or self.is_untouched:
            return None
        metadata = DeltaTable(str(self.path)).metadata()
        return str(metadata.configuration.get(KEPT, metadata.description))

    def require(self, schema: pa.Schema) -> None:
        """Refuse a table that is there and was made another way, before anything is read. Columns that it
        lacks are added to it; those that it has beside are its owner's.

        Raises:
            LakehouseError: it is kept differently, or a column has another type.
        """
        kept = self.found
        if kept is None:
            return
        table = DeltaTable(str(self.path))
        retyped = find_retyped(
            columns_of(table.schema()), columns_of(Schema.from_arrow(self._stored(schema)))
        )
        if kept == self.kept and not retyped:
            return
        other = f"with another type of {', '.join(f'`{name}`' for name in retyped)}" if retyped else self.kept
        raise LakehouseError(
            f"The table in {self.path} was ingested as: {kept}. That is not what is asked for now: {other}. "
            "To keep it, ingest into another --destination, or give the table another name. --full-refresh "
            "makes it anew, with what is read now: a history begins again."
        )

    @property
    def is_untouched(self) -> bool:
        """Whether a run made it and never brought anything: its account could not be read, say."""
        if not self.exists():
            return False
        table = DeltaTable(str(self.path))
        return table.version() == 0 and KEPT in table.metadata().configuration and not table.file_uris()

    @property
    def is_of_0_1_0(self) -> bool:
        """Whether version 0.1.0 wrote it last, which did not write down which batch a table has."""
        return self.exists() and KEPT not in DeltaTable(str(self.path)).metadata().configuration

    def reached(self, run: str) -> int | None:
        """The last batch of a checkpoint that the table holds; None if it holds none.

        A table that was set back to an earlier version holds what that version held.
        """
        last: int | None = None
        for commit in DeltaTable(str(self.path)).history():
            if last is not None and commit["version"] > last:
                continue
            if commit["operation"] == "RESTORE":
                last = self._restored(commit)
            elif commit.get(RUN) == run:
                return int(commit[BATCH])
        return None

    def _restored(self, commit: dict[str, Any]) -> int:
        """The version that a RESTORE went back to."""
        told = commit["operationParameters"]
        if told.get("version") is not None:
            return int(told["version"])
        # By time: delta-rs and Spark write it in different words.
        table = DeltaTable(str(self.path))
        moment = next((str(told[name]) for name in ("datetime", "timestamp") if told.get(name)), "")
        table.load_as_version(datetime.fromtimestamp(int(moment) / 1000, UTC) if moment.isdigit() else moment)
        return table.version()

    def mark(self, batch: Batch) -> None:
        """Note that the table holds all of a batch."""
        table = DeltaTable(str(self.path))
        nothing = pa.schema(table.schema().to_arrow()).empty_table()
        write_deltalake(str(self.path), nothing, mode="append", commit_properties=batch.mark)

    def _stored(self, schema: pa.Schema) -> pa.Schema:
        """The columns of the table that holds rows of `schema`."""
        if self.scd_type == "SCD_TYPE_2":
            kind = schema.field(self.sequence).type
            return schema.append(pa.field(START, kind)).append(pa.field(END, kind))
        return schema

    def create(self, schema: pa.Schema) -> None:
        """Make the table if it is not there, and the columns that it lacks."""
        stored = self._stored(schema)
        if not self.exists():
            kept = {KEPT: self.kept}
            DeltaTable.create(
                str(self.path), schema=stored, configuration=kept, raise_if_key_not_exists=False
            )
            return
        table = DeltaTable(str(self.path))
        if KEPT not in table.metadata().configuration:
            table.alter.set_table_properties({KEPT: self.kept}, raise_if_not_exists=False)
        if lacks(columns_of(table.schema()), columns_of(Schema.from_arrow(stored))):
            # Its rows have none of them: they are null there.
            nothing = pa.schema([field.with_nullable(True) for field in stored]).empty_table()
            write_deltalake(str(self.path), nothing, mode="append", schema_mode="merge")

    def apply(self, rows: ds.Dataset, batch: Batch) -> None:
        """Apply a micro-batch."""
        ways = {"APPEND_ONLY": self._append, "SCD_TYPE_2": self._keep_history}
        self._change(ways.get(self.scd_type, self._merge), rows, batch)

    def delete(self, tombstones: ds.Dataset, batch: Batch) -> None:
        """Take out rows that were deleted after their last change; of a history, end them."""
        self._change(self._take_out, tombstones, batch)

    def _change(self, change: Callable[[ds.Dataset], None], rows: ds.Dataset, batch: Batch) -> None:
        if rows.count_rows():
            insist(lambda: change(rows))
        insist(lambda: self.mark(batch))

    def _take_out(self, tombstones: ds.Dataset) -> None:
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
        """Let the table hold exactly these rows. Columns that its owner added keep what they hold."""
        insist(lambda: self._replace(rows))

    def _replace(self, rows: ds.Dataset) -> None:
        merging = self._merging(DeltaTable(str(self.path)), rows, self._same())
        inserting = merging.when_matched_update_all().when_not_matched_insert_all()
        inserting.when_not_matched_by_source_delete().execute()

    def tidy(self) -> None:
        """Put small files together, and remove what no late version of the table needs, where that weighs
        more than the table: each change rewrites files and leaves the old ones behind."""
        insist(self._tidy)

    def _tidy(self) -> None:
        table = DeltaTable(str(self.path))
        if len(table.file_uris()) > MOST_FILES:
            table.optimize.compact(target_size=FILE_BYTES)
            table = DeltaTable(str(self.path))
        kept = self._late_versions(table)
        # Only what the table's own log calls removed: a file that another writer has not yet committed stays.
        vacuum = partial(table.vacuum, 0, enforce_retention_duration=False, keep_versions=kept)
        dead = [self.path / name for name in vacuum(dry_run=True)]
        living = [Path(unquote(uri)) for uri in table.file_uris()]
        if weigh(dead) > weigh(living):
            vacuum(dry_run=False)

    def _late_versions(self, table: DeltaTable) -> list[int]:
        """The versions since the end of some batches ago."""
        kept, batches = [], 0
        for commit in table.history():
            kept.append(int(commit["version"]))
            # A snapshot has no batches: each of its merges is one.
            batches += BATCH in commit or (not self.sequence and commit["operation"] == "MERGE")
            if batches > KEPT_BATCHES:
                break
        return kept

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
        lives = found_in(table, [*keys, END], ds.field(END).is_null()).select(keys)
        back = ours.join(lives, keys=keys, join_type="left anti")
        if back.num_rows:
            same = f"{self._same()} AND t.{START} = s.{self.sequence}"
            self._merging(table, ds.dataset(back), same).when_matched_update({END: "NULL"}).execute()

    def _append(self, rows: ds.Dataset) -> None:
        news = self._without_what_is_there(DeltaTable(str(self.path)), rows)
        if news.count_rows():
            write_deltalake(str(self.path), news.scanner().to_reader(), mode="append", schema_mode="merge")

    def _without_what_is_there(self, table: DeltaTable, rows: ds.Dataset) -> ds.Dataset:
        """Rows that no row of the table is equal to: what hangs below a record is read again whenever that
        changes, and most of it did not."""
        found = rows.to_table()
        key = self.keys[0]
        same = ds.field(key).isin(found.column(key).combine_chunks())
        there = found_in(table, None, same)
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


def insist(change: Callable[[], None]) -> None:
    """Make a change again where another writer came first."""
    for attempt in range(ATTEMPTS):
        try:
            return change()
        except CommitFailedError:
            if attempt == ATTEMPTS - 1:
                raise
    return None


def found_in(table: DeltaTable, columns: list[str] | None, condition: ds.Expression) -> pa.Table:
    """Rows of a table. Filtered batch by batch: a filter on the whole compares statistics of files, whose
    types differ where another writer wrote them."""
    dataset = table.to_pyarrow_dataset()
    found = (
        pa.Table.from_batches([batch]).filter(condition) for batch in dataset.to_batches(columns=columns)
    )
    names = columns or dataset.schema.names
    return pa.concat_tables([dataset.schema.empty_table().select(names), *found])


Columns = dict[str, Any]


def columns_of(schema: Schema) -> Columns:
    """Name → type, as Delta writes types in JSON."""
    return {field["name"]: field["type"] for field in json.loads(schema.to_json())["fields"]}


def find_retyped(there: Columns, wanted: Columns, path: str = "") -> list[str]:
    """Paths of what is there and wanted, of another type."""
    found = []
    for name in there.keys() & wanted.keys():
        one, other, here = there[name], wanted[name], f"{path}{name}"
        while nesting(one) == nesting(other) == "array":
            one, other = one["elementType"], other["elementType"]
        if nesting(one) == nesting(other) == "struct":
            found += find_retyped(fields_of(one), fields_of(other), f"{here}.")
        elif one != other:
            found.append(here)
    return sorted(found)


def lacks(there: Columns, wanted: Columns) -> bool:
    """Whether something is wanted that is not there, at any depth."""
    for name, other in wanted.items():
        if name not in there:
            return True
        one = there[name]
        while nesting(one) == nesting(other) == "array":
            one, other = one["elementType"], other["elementType"]
        if nesting(one) == nesting(other) == "struct" and lacks(fields_of(one), fields_of(other)):
            return True
    return False


def nesting(kind: Any) -> str:
    return str(kind["type"]) if isinstance(kind, dict) else ""


def fields_of(struct: dict[str, Any]) -> Columns:
    return {field["name"]: field["type"] for field in struct["fields"]}


def weigh(files: Sequence[Path]) -> int:
    """Bytes on disk."""
    return sum(file.stat().st_size for file in files if file.exists())


def not_older(one: str, other: str) -> str:
    """SQL: whether a version is not older than another, also where one does not say when it was."""
    return f"({one} >= {other} OR {one} IS NULL OR {other} IS NULL)"


def written(row: dict[str, Any]) -> str:
    """A row as a text that is equal where the rows are."""
    return json.dumps(row, sort_keys=True, default=str)
