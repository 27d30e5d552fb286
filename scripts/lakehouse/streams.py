"""One table from the data source into the lakehouse: a stream with a checkpoint, batch by batch."""

import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow.dataset as ds
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from connector.records import arrow_schema
from connector.spec import TableSpec
from scripts.lakehouse.checkpoints import Checkpoint
from scripts.lakehouse.delta import Batch, LakehouseError, Target

FORMAT = "lakeflow_connect"
FILTERS = ("custom_object_keys", "ideas_q", "ideas_workflow_status", "q", "workspaces")
# Kept beside the tables; names that no table can have.
CHECKPOINTS, STAGING, REFRESH = ".checkpoints", ".staging", ".refresh"
# What a table is streamed by: each has a checkpoint of its own.
ROWS, DELETIONS = "rows", "deletions"


@dataclass
class Run:
    """One run over some tables.

    Attributes:
        spark: with the data source registered.
        connection: connection options.
        lakehouse: the directory of tables and checkpoints.
        account: whose rows these are; a table takes those of one account.
        applied: told of each batch of rows that is in its table.
        changed: rows that this run has brought, by destination.
        notices: what its user should know of it, in sentences.
    """

    spark: SparkSession
    connection: Mapping[str, str]
    lakehouse: Path
    account: str = "an account"
    applied: Callable[[int], None] = lambda _: None
    changed: dict[str, int] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)

    def ingest(self, table: TableSpec, *, full_refresh: bool = False) -> Target:
        """Bring a table up to date: changed rows, then deletions where the source tracks them.

        A full refresh is read beside the table and takes its place when it is whole: a failure loses nothing.

        Raises:
            LakehouseError: the table that is there was ingested in another way.
        """
        self._finish_refresh(table)
        if full_refresh:
            beside = replace(self, lakehouse=self.lakehouse / REFRESH)
            remove(beside.lakehouse / table.name)
            remove(beside.checkpoint(table))
            real = self.target(table).path.resolve()
            if real.parent != self.lakehouse.resolve():
                # A link: what takes the table's place must be made on the same disk.
                fresh = real.with_name(f".{real.name}.refresh")
                remove(fresh)
                fresh.mkdir()
                beside.lakehouse.mkdir(parents=True, exist_ok=True)
                (beside.lakehouse / table.name).symlink_to(fresh)
            beside.ingest(table)
            self._marker(table).parent.mkdir(exist_ok=True)
            self._marker(table).touch()
            self._finish_refresh(table)
            return self.target(table)
        options = {"tableName": table.source, **self.connection, **table.options}
        target = self.target(table)
        self.changed.setdefault(table.name, 0)
        snapshot = table.ingestion_type == "snapshot"
        reader = self.spark.read if snapshot else self.spark.readStream
        frame = reader.format(FORMAT).options(**options).load()
        schema = arrow_schema(frame.schema)
        target.require(schema)
        if target.is_untouched:
            remove(target.path)
        if not target.exists():
            # A checkpoint without its table would bring only what changed since.
            remove(self.checkpoint(table))
        unmarked = target.is_of_0_1_0
        target.path.resolve().mkdir(parents=True, exist_ok=True)
        target.create(schema)
        if snapshot:
            self._count(table, self._staged(frame, target, target.replace))
        else:
            self._go_back(table, target, ROWS, unmarked=unmarked)
            self._stream(table, target, frame, ROWS)
        if table.ingestion_type == "cdc_with_deletes":
            told = self.spark.readStream.format(FORMAT).options(**options).option("isDeleteFlow", "true")
            self._go_back(table, target, DELETIONS, unmarked=unmarked)
            self._stream(table, target, told.load(), DELETIONS)
        target.tidy()
        return target

    def target(self, table: TableSpec) -> Target:
        return target_of(table, self.lakehouse, self.account, self.connection)

    def checkpoint(self, table: TableSpec) -> Path:
        return self.lakehouse / CHECKPOINTS / table.name

    def _marker(self, table: TableSpec) -> Path:
        """Stands there while a whole refresh takes the table's place."""
        return self.lakehouse / REFRESH / ".whole" / table.name

    def _finish_refresh(self, table: TableSpec) -> None:
        """Let a whole refresh take the table's place, also one whose run was killed in the middle of that."""
        if not self._marker(table).exists():
            return
        for part in (table.name, f"{CHECKPOINTS}/{table.name}"):
            fresh, place = self.lakehouse / REFRESH / part, (self.lakehouse / part).resolve()
            if fresh.exists():
                shutil.rmtree(place, ignore_errors=True)
                place.parent.mkdir(exist_ok=True)
                fresh.resolve().rename(place)
            fresh.unlink(missing_ok=True)
        self._marker(table).unlink()

    def _go_back(self, table: TableSpec, target: Target, flow: str, *, unmarked: bool) -> None:
        """Let a checkpoint be no further than it is whole, and no further than its table is."""
        checkpoint = Checkpoint(self.checkpoint(table) / flow)
        if damaged := checkpoint.mend():
            self.notices.append(
                f"{table.name}: its checkpoint was damaged ({damaged} in {checkpoint.path}). Nothing is "
                "lost: what came since the last whole batch was read again."
            )
        run, done = checkpoint.run, checkpoint.done
        if run is None or done is None:
            return
        if unmarked:
            target.mark(Batch(run, done))
        reached = target.reached(run)
        if reached is None or reached < done:
            checkpoint.set_back(reached)
            held = "none of them" if reached is None else f"those up to {reached}"
            self.notices.append(
                f"{table.name}: the table was set back, or lost a commit: its checkpoint was at batch "
                f"{done}, and it holds {held}. What came since was read again."
            )

    def _stream(self, table: TableSpec, target: Target, changes: DataFrame, flow: str) -> None:
        checkpoint = Checkpoint(self.checkpoint(table) / flow)
        change = target.delete if flow == DELETIONS else target.apply

        def write(frame: DataFrame, number: int) -> None:
            batch = Batch(checkpoint.run or "", number)
            try:
                self._count(table, self._staged(frame, target, lambda rows: change(rows, batch)))
                if flow == ROWS:
                    self.applied(number)
            except Exception:
                raise
            except BaseException as panic:  # noqa: BLE001
                # A panic of delta-rs is no Exception: Spark would wait for ever for this thread.
                raise LakehouseError(f"Delta failed: {panic}") from None

        query = (
            changes.writeStream.foreachBatch(write)
            .option("checkpointLocation", str(checkpoint.path))
            .trigger(availableNow=True)
            .start()
        )
        query.awaitTermination()

    def _staged(self, frame: DataFrame, target: Target, apply: Callable[[ds.Dataset], None]) -> int:
        """Write a batch aside from the executors, and apply it from there: no process holds all of it."""
        place = self.lakehouse / STAGING / uuid.uuid4().hex
        try:
            dataset = self._written(frame, place)
            if target.scd_type != "APPEND_ONLY" and has_twice(dataset, target.keys):
                # A walk that was repeated tells a row again where it changed meanwhile: the newest counts.
                order = F.col(target.sequence).desc() if target.sequence else F.lit(1)
                newest = F.row_number().over(Window.partitionBy(*target.keys).orderBy(order))
                rows = self.spark.read.schema(frame.schema).parquet(str(place))
                once = rows.withColumn("_n", newest).where("_n = 1").drop("_n")
                dataset = self._written(once, place.with_suffix(".once"))
            count: int = dataset.count_rows()
            apply(dataset)
            return count
        finally:
            for made in (place, place.with_suffix(".once")):
                shutil.rmtree(made, ignore_errors=True)

    def _written(self, frame: DataFrame, place: Path) -> ds.Dataset:
        frame.write.mode("overwrite").parquet(str(place))
        schema = arrow_schema(frame.schema)
        return ds.dataset(str(place), schema=schema, format="parquet", exclude_invalid_files=False)

    def _count(self, table: TableSpec, rows: int) -> None:
        self.changed[table.name] += rows


def target_of(table: TableSpec, lakehouse: Path, account: str, connection: Mapping[str, str]) -> Target:
    """The Delta table that a table's rows go to."""
    given = {name.lower(): text for name, text in {**connection, **table.options}.items()}
    filters = {name: text for name, text in sorted(given.items()) if name in FILTERS}
    only = f" where {filters}" if filters else ""
    origin = f"{table.source} of {account}{only}"
    return Target(lakehouse / table.name, table.keys, table.sequence, table.scd_type, origin)


def remove(path: Path) -> None:
    """Remove a directory, and what it is a link to."""
    shutil.rmtree(path.resolve(), ignore_errors=True)
    if path.is_symlink():
        path.unlink()


def has_twice(rows: ds.Dataset, keys: Sequence[str]) -> bool:
    """Whether two rows have the same key; of the rows, only the keys are read."""
    found = rows.to_table(columns=list(keys))
    distinct: int = found.group_by(list(keys)).aggregate([]).num_rows
    return bool(distinct < found.num_rows)
