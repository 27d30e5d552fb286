"""The main job: the merged file, inside Spark, reads every table and writes it below `build/lakehouse/`."""

import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from rich.console import Console
from rich.table import Table

from connector.errors import AhaOptionError
from connector.options import parse_options
from harness.cassettes import CassetteError
from harness.credentials import CredentialsError, MissingCredentialsError, find_credentials
from harness.scenarios import CASSETTES, MatrixError, load_matrix
from harness.server import serving
from scripts.generated import ROOT, find_fault
from scripts.java import find_java_fault
from scripts.merge_python_source import COMMAND, MergeError, build
from scripts.spark import LOG, MERGED_FILE, load_merged_file, start_session

LAKEHOUSE = ROOT / "build" / "lakehouse"
SCENARIO = "first_sync"

Count = Callable[[], int | None]


@click.command()
@click.option("--cassettes", is_flag=True, help="Read the cassettes even where credentials are present.")
@click.option("--show", metavar="TABLE", help="Print the first rows of an ingested table, and nothing else.")
def main(cassettes: bool, show: str | None) -> None:
    """Read every Aha! table through the merged file in Spark, into Parquet below build/lakehouse/.

    Reads a live account if AHA_API_KEY and AHA_SUBDOMAIN, or configs/dev_config.json, are there; else the
    recorded cassettes, with no credentials and no network.

    \b
    Examples:
      nox -s ingest
      nox -s ingest -- --show ideas
    """
    fault = find_java_fault() or _artifact_fault()
    if fault:
        click.echo(fault, err=True)
        sys.exit(2)
    try:
        sys.exit(_ingest(cassettes) if show is None else _show(show))
    except (AhaOptionError, CassetteError, CredentialsError, MatrixError) as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        click.echo("Stopped. Tables that were finished are in place, the others are as they were.", err=True)
        sys.exit(130)


def _artifact_fault() -> str | None:
    try:
        fault = find_fault(MERGED_FILE, build(), COMMAND)
    except MergeError as error:
        return f"The merged file cannot be made. {error}"
    return fault.splitlines()[0] if fault else None


def _ingest(cassettes: bool) -> int:
    console = Console(highlight=False)
    report = Table("table", "rows", "requests", "seconds", title="Ingested through the merged file")
    for column in report.columns[1:]:
        column.justify = "right"
    with _account(console, cassettes=cassettes) as (connection, count):
        spark = start_session("aha-ingest")
        load_merged_file()(spark)
        name = "the list of tables"
        try:
            for name in _table_names(spark, connection):
                before, started = count(), time.monotonic()
                rows = _ingest_table(spark, name, connection)
                sent = "-" if before is None else str((count() or 0) - before)
                report.add_row(name, str(rows), sent, f"{time.monotonic() - started:.1f}")
        except PySparkException as error:
            console.print(f"[red]{name} failed:[/red]", _reason(error), soft_wrap=True)
            console.print(f"Spark's own report is in {LOG.relative_to(ROOT)}.")
            return 1
        finally:
            spark.stop()
    console.print(report)
    console.print(
        f"Parquet files in {LAKEHOUSE.relative_to(ROOT)}/. Look at one: nox -s ingest -- --show ideas"
    )
    return 0


@contextmanager
def _account(console: Console, *, cassettes: bool) -> Iterator[tuple[dict[str, str], Count]]:
    """Connection options, and how many requests were sent so far where that can be known."""
    live = None if cassettes else _live_connection()
    if live:
        console.print(f"Reading the account at {parse_options(live).origin}")
        yield live, lambda: None
        return
    matrix = load_matrix()
    paths = [CASSETTES / scenario.cassette for scenario in matrix.select((SCENARIO,))]
    console.print("Reading the recorded cassettes over loopback: no credentials, no network.")
    with serving(paths) as replay:
        connection = {**matrix.replay, "base_url": replay.url, "requests_per_minute": "60000"}
        yield connection, lambda: len(replay.requests)


def _live_connection() -> dict[str, str] | None:
    try:
        live = find_credentials(load_matrix().live["variables"])
    except MissingCredentialsError:
        return None
    parse_options(live)
    return live


def _table_names(spark: SparkSession, connection: dict[str, str]) -> list[str]:
    """As a pipeline asks for them."""
    metadata = (
        spark.read.format("lakeflow_connect").options(tableName="_lakeflow_metadata", **connection).load()
    )
    return [row["tableName"] for row in metadata.collect()]


def _ingest_table(spark: SparkSession, name: str, connection: dict[str, str]) -> int:
    """Write one table. Returns its number of rows. Until all are read, the table of the last run stays."""
    place, aside = LAKEHOUSE / name, LAKEHOUSE / f".{name}.new"
    rows = spark.read.format("lakeflow_connect").options(tableName=name, **connection).load()
    rows.write.mode("overwrite").parquet(str(aside))
    count = spark.read.parquet(str(aside)).count()
    shutil.rmtree(place, ignore_errors=True)
    aside.rename(place)
    return count


def _show(name: str) -> int:
    place = LAKEHOUSE / name
    tables = sorted(path.name for path in LAKEHOUSE.glob("[!.]*"))
    if name not in tables:
        there = ", ".join(tables) or "none yet"
        click.echo(f"No table {name!r} was ingested. Tables: {there}. Ingest them: nox -s ingest", err=True)
        return 2
    spark = start_session("aha-show")
    spark.read.parquet(str(place)).show(5, truncate=40, vertical=True)
    spark.stop()
    return 0


def _reason(error: PySparkException) -> str:
    """The connector's own message out of Spark's report, which quotes a worker's traceback."""
    lines = [
        line.strip() for line in str(error).splitlines() if re.match(r"\S*\bAha\w+Error: ", line.strip())
    ]
    return lines[-1].rpartition(MERGED_FILE.stem + ".")[2] if lines else str(error).splitlines()[0]


if __name__ == "__main__":
    main()
