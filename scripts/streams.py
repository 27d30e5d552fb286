"""One table from the data source into the lakehouse: a stream with a checkpoint, batch by batch."""

import json
import shutil
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow.dataset as ds
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery

from connector.records import arrow_schema
from connector.spec import TableSpec
from scripts.lakehouse import Target

FORMAT = "lakeflow_connect"
POLL_SECONDS = 0.2
FILTERS = ("custom_object_keys", "ideas_q", "ideas_workflow_status", "q", "workspaces")
# Kept beside the tables; names that no table can have.
CHECKPOINTS, STAGING, REFRESH = ".checkpoints", ".staging", ".refresh"

Report = Callable[[str], None]


@dataclass
class Run:
    """One run over some tables.

    Attributes:
        spark: with the data source registered.
        connection: connection options.
        lakehouse: the directory of tables and checkpoints.
        account: whose rows these are; a table takes those of one account.
        report: told how many rows a table has got so far.
        changed: rows that this run has brought, by destination.
    """

    spark: SparkSession
    connection: Mapping[str, str]
    lakehouse: Path
    account: str = "an account"
    report: Report = lambda _: None
    changed: dict[str, int] = field(default_factory=dict)

    def ingest(self, table: TableSpec, *, full_refresh: bool = False) -> Target:
        """Bring a table up to date: changed rows, then deletions where the source tracks them.

        A full refresh is read beside the table and takes its place when it is whole: a failure loses nothing.

        Raises:
            LakehouseError: the table that is there was ingested in another way.
        """
        self._finish_refresh(table)
        if full_refresh:
            beside = replace(self, lakehouse=self.lakehouse / REFRESH)
            shutil.rmtree(beside.lakehouse / table.name, ignore_errors=True)
            shutil.rmtree(beside.checkpoint(table), ignore_errors=True)
            beside.ingest(table)
            self._marker(table).parent.mkdir(exist_ok=True)
            self._marker(table).touch()
            self._finish_refresh(table)
            return self.target(table)
        options = {"tableName": table.source, **self.connection, **table.options}
        target = self.target(table)
        self.changed[table.name] = 0
        snapshot = table.ingestion_type == "snapshot"
        reader = self.spark.read if snapshot else self.spark.readStream
        frame = reader.format(FORMAT).options(**options).load()
        schema = arrow_schema(frame.schema)
        target.require(schema)
        if not target.exists():
            # A checkpoint without its table would bring only what changed since.
            shutil.rmtree(self.checkpoint(table), ignore_errors=True)
        target.create(schema)
        if snapshot:
            self._count(table, self._staged(frame, target, target.replace))
            return target
        self._stream(table, target, frame)
        if table.ingestion_type == "cdc_with_deletes":
            told = self.spark.readStream.format(FORMAT).options(**options).option("isDeleteFlow", "true")
            self._stream(table, target, told.load(), deletes=True)
        return target

    def target(self, table: TableSpec) -> Target:
        filters = {name: text for name, text in sorted(table.options.items()) if name in FILTERS}
        only = f" where {filters}" if filters else ""
        origin = f"{table.source} of {self.account}{only}"
        return Target(self.lakehouse / table.name, table.keys, table.sequence, table.scd_type, origin)

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
            fresh, place = self.lakehouse / REFRESH / part, self.lakehouse / part
            if fresh.exists():
                shutil.rmtree(place, ignore_errors=True)
                place.parent.mkdir(exist_ok=True)
                fresh.rename(place)
        self._marker(table).unlink()

    def _stream(self, table: TableSpec, target: Target, changes: DataFrame, *, deletes: bool = False) -> None:
        name = f"{table.name}{' (deletions)' if deletes else ''}"
        place = self.checkpoint(table) / ("deletions" if deletes else "rows")

        def write(frame: DataFrame, batch: int) -> None:
            def apply(rows: ds.Dataset) -> None:
                if not rows.count_rows():
                    return
                if deletes:
                    target.delete(rows)
                else:
                    # Batches are counted anew with a new checkpoint: its id tells them apart.
                    target.apply(rows, batch, json.loads((place / "metadata").read_text())["id"])

            self._count(table, self._staged(frame, target, apply))

        query: StreamingQuery = (
            changes.writeStream.foreachBatch(write)
            .option("checkpointLocation", str(place))
            .trigger(availableNow=True)
            .start()
        )
        while not query.awaitTermination(POLL_SECONDS):  # type: ignore[arg-type]
            self.report(f"{name}: {self.changed[table.name]:,} rows, {time.strftime('%H:%M:%S')}")

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


def has_twice(rows: ds.Dataset, keys: Sequence[str]) -> bool:
    """Whether two rows have the same key; of the rows, only the keys are read."""
    found = rows.to_table(columns=list(keys))
    distinct: int = found.group_by(list(keys)).aggregate([]).num_rows
    return bool(distinct < found.num_rows)
