"""The main job: the merged file, inside Spark, brings Aha!'s tables into Delta tables on this machine."""

import re
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import click
import filelock
from deltalake.exceptions import DeltaError
from pyspark.errors import PySparkException
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from strict_cassettes.cassettes import CassetteError
from strict_cassettes.credentials import CredentialsError, MissingCredentialsError, find_credentials
from strict_cassettes.scenarios import MATRIX, MatrixError, load_matrix
from strict_cassettes.server import Replay, serving
from strict_cassettes.sets import recorded_as

from connector.errors import AhaOptionError, printable
from connector.options import parse_options
from connector.spec import SCD_TYPES, TableSpec, parse_pipeline_spec
from connector.tables import TABLES
from scripts.lakehouse.delta import LakehouseError, Target
from scripts.lakehouse.java import find_java_fault
from scripts.lakehouse.places import find_place, require_name
from scripts.lakehouse.spark import LOG, MERGED_FILE, load_merged_file, start_session
from scripts.lakehouse.streams import STAGING, Run
from scripts.merge.generated import ROOT, find_fault
from scripts.merge.mergeable import MergeError
from scripts.merge.merging import COMMAND, build

LAKEHOUSE = ROOT / "build" / "lakehouse"
# What of a table is read where there is no account.
SCENARIOS = ("first_sync", "keyed")
# Tables that are read at the same time.
STREAMS = 4
LOCK = ".lock"
HELD: list[filelock.BaseFileLock] = []
SHOWN_ROWS, SHOWN_CHARACTERS = 5, 40
# What this machine refuses, however a library puts it → what to do.
MACHINE_FAULTS = {
    r"No space left on device|os error 28\b": (
        "The disk is full. The table holds what its last whole batch brought: free some space and run again."
    ),
    r"Disk quota exceeded|os error 122\b": (
        "The disk quota is used up. The table holds what its last whole batch brought: free some space and "
        "run again."
    ),
    r"Read-only file system|os error 30\b": (
        "The disk can only be read. Choose another --destination, or mount it so that it can be written to."
    ),
    r"Permission denied|os error 13\b": (
        "This user may not write there. Give the rights to the directory, or choose another --destination."
    ),
    r"OutOfMemoryError|Java heap space": (
        "Spark ran out of memory. Nothing is lost. Set a smaller `page_size` (20, say): a page is held as a "
        "whole; and close what else runs."
    ),
}

Count = Callable[[], int | None]


@click.command()
@click.option(
    "--spec", type=click.Path(path_type=Path), help="A pipeline spec (JSON); without one, all tables."
)
@click.option(
    "--destination", metavar="DIRECTORY", default=str(LAKEHOUSE), help="Directory of the Delta tables."
)
@click.option("--live", is_flag=True, help="Read a live account, and fail if there are no credentials.")
@click.option("--cassettes", is_flag=True, help="Read the cassettes even where credentials are present.")
@click.option(
    "--full-refresh", is_flag=True, help="Begin again: drop the tables and their checkpoints first."
)
@click.option("--show", metavar="TABLE", help="Print the first rows of an ingested table, and nothing else.")
def main(
    spec: Path | None, destination: str, live: bool, cassettes: bool, full_refresh: bool, show: str | None
) -> None:
    """Bring Delta tables below build/lakehouse/ up to date, through the merged file in Spark.

    Reads a live account if AHA_API_KEY and AHA_SUBDOMAIN, or configs/dev_config.json, are there; else the
    recorded cassettes, with no credentials and no network. A second run reads only what changed.

    \b
    Examples:
      nox -s ingest
      nox -s ingest -- --show ideas
      nox -s ingest -- --spec pipeline.json --destination /data/aha --live
    """
    try:
        place = find_place(destination)
        if show is not None:
            sys.exit(show_table(place, show))
        both = "Give --live or --cassettes, not both." if live and cassettes else None
        fault = both or find_java_fault() or _artifact_fault()
        if fault:
            click.echo(fault, err=True)
            sys.exit(2)
        tables = read_spec(spec)
        require_directory(place)
        sys.exit(ingest(tables, place, live=live, cassettes=cassettes, full_refresh=full_refresh))
    except (AhaOptionError, CassetteError, CredentialsError, LakehouseError, MatrixError) as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        click.echo("Stopped. Run again: it goes on from the last finished batch.", err=True)
        sys.exit(130)


def read_spec(path: Path | None) -> Sequence[TableSpec]:
    """The tables of a pipeline spec, or all of the connector's.

    Raises:
        AhaOptionError: the spec cannot be used.
    """
    if path is None:
        return [TableSpec(name, name) for name, table in TABLES.items() if not table.opt_in]
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise AhaOptionError(f"{path} cannot be read: {reason}.") from None
    tables = parse_pipeline_spec(text).tables
    for table in tables:
        require_name(table.name)
        if table.ingestion_type == "snapshot" and table.scd_type != SCD_TYPES[0]:
            raise AhaOptionError(
                f"Table `{table.name}`: a history of snapshots ({table.scd_type}) is kept on Databricks "
                f"only. Here, choose {SCD_TYPES[0]}, or `sync_mode` cdc."
            )
    return tables


def require_directory(destination: Path) -> None:
    """Make the destination, where no other run is at work.

    Raises:
        LakehouseError: it cannot be a directory that is written to, or another run has it.
    """
    try:
        destination.mkdir(parents=True, exist_ok=True)
        # Held by the process until it ends, however it ends.
        HELD.append(lock := filelock.FileLock(destination / LOCK, timeout=0))
        lock.acquire()
        # What a run that was killed had not yet put into a table.
        shutil.rmtree(destination / STAGING, ignore_errors=True)
    except filelock.Timeout:
        raise LakehouseError(f"Another run is at work in {destination}. Wait until it has ended.") from None
    except OSError as error:
        raise LakehouseError(f"--destination: {destination} cannot be used: {error.strerror}.") from None


@dataclass(frozen=True)
class Account:
    """Where one table's rows come from.

    Attributes:
        name: whose they are.
        connection: connection options, and those that a recording was made with.
        count: how many requests were sent, where that can be known.
    """

    name: str
    connection: Mapping[str, str]
    count: Count = lambda: None


@dataclass
class Outcome:
    """What became of one table: its line of the report, or why it failed."""

    table: TableSpec
    line: tuple[str, ...] = ()
    fault: str = ""


def ingest(
    tables: Sequence[TableSpec], destination: Path, *, live: bool, cassettes: bool, full_refresh: bool
) -> int:
    """Bring all tables up to date, a few at a time; one that fails stops no other."""
    console = Console(highlight=False)
    with ExitStack() as stack:
        accounts = _accounts(stack, console, tables, live=live, cassettes=cassettes)
        spark = start_session("aha-ingest")
        stack.callback(spark.stop)
        load_merged_file()(spark)
        status = stack.enter_context(console.status(""))
        run = Run(spark, {}, destination, report=lambda text: status.update(text))

        def bring(table: TableSpec) -> Outcome:
            return _ingest_one(run, table, accounts[table.name], full_refresh=full_refresh)

        pool = stack.enter_context(ThreadPoolExecutor(min(STREAMS, len(tables))))
        outcomes = list(pool.map(bring, tables))
    _report(console, outcomes, run.notices, destination)
    return 1 if any(outcome.fault for outcome in outcomes) else 0


def _ingest_one(run: Run, table: TableSpec, account: Account, *, full_refresh: bool) -> Outcome:
    before, started = account.count(), time.monotonic()
    own = replace(run, connection=account.connection, account=account.name)
    try:
        target = own.ingest(table, full_refresh=full_refresh)
    except (DeltaError, LakehouseError, OSError, PySparkException) as error:
        return Outcome(table, fault=explain(error))
    sent = "-" if before is None else str((account.count() or 0) - before)
    seconds = f"{time.monotonic() - started:.1f}"
    return Outcome(table, (str(target.count()), str(run.changed[table.name]), sent, seconds))


def _report(console: Console, outcomes: Sequence[Outcome], notices: Sequence[str], destination: Path) -> None:
    report = Table(
        "table", "rows", "changed", "requests", "seconds", title="Ingested through the merged file"
    )
    for column in report.columns[1:]:
        column.justify = "right"
    done = [outcome for outcome in outcomes if not outcome.fault]
    for outcome in done:
        report.add_row(escape(outcome.table.name), *outcome.line)
    if done:
        console.print(report)
    for outcome in outcomes:
        if outcome.fault:
            console.print(
                f"[red]{escape(outcome.table.name)} failed:[/red]", escape(outcome.fault), soft_wrap=True
            )
    for notice in notices:
        console.print(f"[yellow]{escape(printable(notice))}[/yellow]", soft_wrap=True)
    if len(done) < len(outcomes):
        console.print(f"What was finished stays. Spark's own report is in {LOG.relative_to(ROOT)}.")
    if done:
        place = destination.relative_to(ROOT) if destination.is_relative_to(ROOT) else destination
        shown = f"Delta tables in {place}/. Look at one: nox -s ingest -- --show {done[0].table.name}"
        console.print(shown, markup=False)


def _artifact_fault() -> str | None:
    try:
        fault = find_fault(MERGED_FILE, build(), COMMAND)
    except MergeError as error:
        return f"The merged file cannot be made. {error}"
    return fault.splitlines()[0] if fault else None


def _accounts(
    stack: ExitStack, console: Console, tables: Sequence[TableSpec], *, live: bool, cassettes: bool
) -> dict[str, Account]:
    """Where each table's rows come from, by its name."""
    connection = None if cassettes else _live_connection(required=live)
    if connection:
        settings = parse_options(connection)
        console.print(f"Reading the account at {settings.origin}")
        # Streams are processes of their own, and count for themselves.
        share = max(1, settings.requests_per_minute // min(STREAMS, len(tables)))
        account = Account(settings.origin, {**connection, "requests_per_minute": str(share)})
        return {table.name: account for table in tables}
    matrix = load_matrix(ROOT / MATRIX)
    console.print("Reading the recorded cassettes over loopback: no credentials, no network.")
    accounts = {}
    for table in tables:
        title = next(name for name in SCENARIOS if f"{table.source}/{name}" in matrix.scenarios)
        recorded = recorded_as(matrix, f"{table.source}/{title}", ROOT / "cassettes")
        replay = stack.enter_context(serving([recorded.path]))
        options = {**matrix.replay, "base_url": replay.url, **recorded.scenario.options}
        accounts[table.name] = Account("the cassettes", options, counter_of(replay))
    return accounts


def counter_of(replay: Replay) -> Count:
    """How many requests a replay has answered."""
    return lambda: len(replay.requests)


def _live_connection(*, required: bool) -> dict[str, str] | None:
    try:
        connection = find_credentials(load_matrix(ROOT / MATRIX))
    except MissingCredentialsError:
        if required:
            raise
        return None
    parse_options(connection)
    return connection


def show_table(destination: Path, name: str) -> int:
    """Print the first rows of a table."""
    target = Target(destination / name, ("id",), "updated_at")
    there = sorted(path.name for path in destination.glob("[!.]*")) if destination.exists() else []
    if name not in there or not target.exists():
        listed = ", ".join(there) or "none yet"
        click.echo(f"No table {name!r} was ingested. Tables: {listed}. Ingest them: nox -s ingest", err=True)
        return 2
    console = Console(highlight=False)
    for number, row in enumerate(target.head(SHOWN_ROWS), 1):
        report = Table("column", "value", title=escape(f"{name}, row {number}"), title_justify="left")
        for column, value in row.items():
            text = "" if value is None else printable(str(value))
            cut = text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
            report.add_row(escape(printable(column)), escape(cut))
        console.print(report)
    return 0


def _reason(error: Exception) -> str:
    """The connector's own message out of Spark's report, which quotes a worker's traceback."""
    lines = [
        line.strip() for line in str(error).splitlines() if re.match(r"\S*\bAha\w+Error: ", line.strip())
    ]
    if lines:
        return lines[-1].rpartition(MERGED_FILE.stem + ".")[2]
    # What a batch function raised stands at the end of a traceback.
    others = [
        line.strip() for line in str(error).splitlines() if re.match(r"\S*(Error|Exception): ", line.strip())
    ]
    return others[-1] if others else str(error).splitlines()[0]


def explain(error: Exception) -> str:
    """Why a table failed, in words that say what to do."""
    text = str(error)
    known = (words for pattern, words in MACHINE_FAULTS.items() if re.search(pattern, text, re.IGNORECASE))
    return printable(next(known, text if isinstance(error, LakehouseError) else _reason(error)))


if __name__ == "__main__":
    main()
