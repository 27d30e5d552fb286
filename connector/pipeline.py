"""The pipeline: a spec's tables as datasets and flows of Spark Declarative Pipelines.

Runs where the pipeline is planned, and only declares: nothing is read, and no request is sent.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from connector.errors import AhaOptionError
from connector.options import parse_options
from connector.spec import TableSpec, parse_pipeline_spec

try:
    from pyspark import pipelines as sdp
except ImportError:
    sdp = None  # type: ignore[assignment]

FORMAT = "lakeflow_connect"
PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Tells tombstones from rows within one flow, and is in no table.
DELETED = "_deleted"
# Newest name first; Databricks documents the same signatures for all names of a thing.
CDC_FLOW = ("create_auto_cdc_flow", "apply_changes")
SNAPSHOT_FLOW = ("create_auto_cdc_from_snapshot_flow", "apply_changes_from_snapshot")
VIEW = ("temporary_view", "view")


@dataclass(frozen=True)
class Dataset:
    """One table of the pipeline, ready to be declared.

    Attributes:
        spark: the pipeline's session.
        table: what the spec says of it.
        connection: the options that reach the source beside the table's own.
    """

    spark: SparkSession
    table: TableSpec
    connection: Mapping[str, str]

    @property
    def target(self) -> str:
        """The destination as SQL writes it."""
        return ".".join(
            part if PLAIN_NAME.fullmatch(part) else "`" + part.replace("`", "``") + "`"
            for part in self.table.parts
        )

    @property
    def options(self) -> dict[str, str]:
        return {**self.connection, **self.table.options, "tableName": self.table.source}

    def rows(self) -> DataFrame:
        return self.spark.read.format(FORMAT).options(**self.options).load()

    def changes(self) -> DataFrame:
        return self.spark.readStream.format(FORMAT).options(**self.options).load()

    def tombstones(self) -> DataFrame:
        return (
            self.spark.readStream.format(FORMAT).options(**self.options).option("isDeleteFlow", "true").load()
        )

    def changes_and_tombstones(self) -> DataFrame:
        """Both in one flow: open-source Spark takes a single AUTO CDC flow into a table."""
        changes = self.changes().withColumn(DELETED, F.lit(False))
        return changes.unionByName(self.tombstones().withColumn(DELETED, F.lit(True)))

    def create(self) -> None:
        """Declare the streaming table that flows write to."""
        sdp.create_streaming_table(name=self.target, **self.layout)

    @property
    def layout(self) -> dict[str, Any]:
        return {"cluster_by": list(self.table.cluster_by)} if self.table.cluster_by else {}

    @property
    def merging(self) -> dict[str, Any]:
        """How AUTO CDC keeps the table."""
        scd_type = "2" if self.table.scd_type == "SCD_TYPE_2" else "1"
        return {"target": self.target, "keys": list(self.table.keys), "stored_as_scd_type": scd_type}


def declare_changes(data: Dataset) -> None:
    """A table into which changed rows are merged."""
    view = data.table.label("changes")
    _find(VIEW)(name=view)(data.changes)
    data.create()
    _find(CDC_FLOW)(source=view, sequence_by=data.table.sequence, **data.merging)


def declare_changes_with_deletes(data: Dataset) -> None:
    """A table into which changed rows are merged and from which deleted ones are taken."""
    view = data.table.label("changes_and_deletes")
    _find(VIEW)(name=view)(data.changes_and_tombstones)
    data.create()
    _find(CDC_FLOW)(
        name=f"{view}_flow",
        source=view,
        sequence_by=data.table.sequence,
        apply_as_deletes=DELETED,
        except_column_list=[DELETED],
        **data.merging,
    )


def declare_appends(data: Dataset) -> None:
    """A table that keeps every version of a row as it was read."""
    data.create()
    sdp.append_flow(name=data.table.label("flow"), target=data.target)(data.changes)


def declare_snapshot(data: Dataset) -> None:
    """A table that is what the source holds now, or that keeps a history of it."""
    if _find(SNAPSHOT_FLOW) is None:
        sdp.materialized_view(name=data.target, **data.layout)(data.rows)
        return
    view = data.table.label("snapshot")
    _find(VIEW)(name=view)(data.rows)
    data.create()
    _find(SNAPSHOT_FLOW)(source=view, **data.merging)


DECLARATIONS: dict[str, Callable[[Dataset], None]] = {
    "cdc": declare_changes,
    "cdc_with_deletes": declare_changes_with_deletes,
    "append": declare_appends,
    "snapshot": declare_snapshot,
}


def ingest(spark: SparkSession, pipeline_spec: Any, connection: Mapping[str, str] | None = None) -> None:
    """Declare all tables of a pipeline spec, to be read by the data source of `register_lakeflow_source`.

    Args:
        spark: the session of the pipeline that is being planned.
        pipeline_spec: a JSON object or its text; README, "Deploy", describes it.
        connection: connection options, where no Unity Catalog connection brings them.

    Raises:
        AhaOptionError: the spec, or this Spark, cannot do it; nothing was declared then.
    """
    spec = parse_pipeline_spec(pipeline_spec)
    if sdp is None:
        raise AhaOptionError("This Spark has no declarative pipelines: Spark 4.1 or Databricks is needed.")
    for table in spec.tables:
        if connection is not None:
            parse_options(connection, table.options)
        _require_flow(table)
    given = {"databricks.connection": spec.connection_name} if connection is None else connection
    datasets = [Dataset(spark, table, given) for table in spec.tables]
    for data in datasets:
        DECLARATIONS[data.table.ingestion_type](data)


def _require_flow(table: TableSpec) -> None:
    """Refuse what this engine has no flow for."""
    if table.ingestion_type.startswith("cdc"):
        missing = _find(CDC_FLOW) is None
    else:
        history = table.ingestion_type == "snapshot" and table.scd_type == "SCD_TYPE_2"
        missing = history and _find(SNAPSHOT_FLOW) is None
    if missing:
        raise AhaOptionError(
            f"Table `{table.name}` is `{table.ingestion_type}` with {table.scd_type}, and this Spark has no "
            "flow for that: AUTO CDC needs Spark 4.2, its history of snapshots Databricks."
        )


def _find(names: tuple[str, ...]) -> Any:
    """The first of the `names` that this engine has, or None."""
    return next((getattr(sdp, name) for name in names if hasattr(sdp, name)), None)
