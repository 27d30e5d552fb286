"""The command `ingest`: what is given to it, and what it says."""

import json
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click
import filelock
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from strict_cassettes.cassettes import CassetteError
from strict_cassettes.credentials import CredentialsError
from strict_cassettes.scenarios import MatrixError

from connector.errors import AhaError, AhaOptionError, printable
from connector.spec import SCD_TYPES, TableSpec, parse_pipeline_spec
from connector.tables import TABLES
from scripts.lakehouse.accounts import find_live
from scripts.lakehouse.delta import LakehouseError, Target
from scripts.lakehouse.ingest import Result, SparkEndedError, ingest
from scripts.lakehouse.java import find_java_fault
from scripts.lakehouse.places import find_place, require_name
from scripts.lakehouse.progress import DONE, result_json, result_table
from scripts.lakehouse.spark import MERGED_FILE
from scripts.lakehouse.stopping import SAID, StoppedError, end, end_with_nox
from scripts.lakehouse.streams import STAGING
from scripts.merge.generated import ROOT, find_fault
from scripts.merge.mergeable import MergeError
from scripts.merge.merging import COMMAND, build

LAKEHOUSE = ROOT / "build" / "lakehouse"
LOCK = ".lock"
HELD: list[filelock.BaseFileLock] = []
SHOWN_ROWS, SHOWN_CHARACTERS = 5, 40
TEXT, JSON = "text", "json"


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
    "--full-refresh",
    is_flag=True,
    help="Begin again: read each table anew beside the one that is there, and replace that when whole.",
)
@click.option("--show", metavar="TABLE", help="Print the first rows of an ingested table, and nothing else.")
@click.option(
    "--output",
    type=click.Choice([TEXT, JSON]),
    default=TEXT,
    help="`json`: the result as one JSON object on standard output, progress on standard error.",
)
def main(
    spec: Path | None,
    destination: str,
    live: bool,
    cassettes: bool,
    full_refresh: bool,
    show: str | None,
    output: str,
) -> None:
    """Bring Delta tables below build/lakehouse/ up to date, through the merged file in Spark.

    Reads a live account if AHA_API_KEY and AHA_SUBDOMAIN, or configs/dev_config.json, are there; else the
    recorded cassettes, with no credentials and no network. A second run reads only what changed.

    Exit codes: 0; 1 a table failed, or the account cannot be read; 2 bad input, and nothing was changed; 130,
    143 and 129 stopped.

    \b
    Examples:
      nox -s ingest
      nox -s ingest -- --show ideas
      nox -s ingest -- --spec pipeline.json --destination /data/aha --live --output json
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal in another encoding shows what it can, and fails at nothing.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        end_with_nox()
        place = find_place(destination)
        if show is not None:
            if output == JSON:
                refuse("--show prints text: leave out --output json.", 2, output)
            sys.exit(show_table(place, show))
        both = "Give --live or --cassettes, not both." if live and cassettes else None
        fault = both or find_java_fault() or _artifact_fault()
        if fault:
            refuse(fault, 2, output)
        tables = read_spec(spec)
        account = None if cassettes else find_live(required=live)
        require_directory(place)
        console = Console(highlight=False, stderr=output == JSON)
        result = ingest(tables, place, console, account, full_refresh=full_refresh)
        if output == JSON:
            click.echo(json.dumps(result_json(result.board, str(place), result.warnings)))
        report(console, result, place)
        sys.exit(1 if result.failed else 0)
    except (AhaOptionError, CassetteError, CredentialsError, LakehouseError, MatrixError) as error:
        refuse(str(error), 2, output)
    except (AhaError, SparkEndedError) as error:
        refuse(str(error), 1, output)
    except StoppedError as stopped:
        if output == JSON:
            click.echo(json.dumps({"error": SAID}))
        end(stopped)


def refuse(why: str, code: int, output: str) -> NoReturn:
    """End with a sentence; for scripts, with an object as well, so that their input is never empty."""
    if output == JSON:
        click.echo(json.dumps({"error": why}))
    click.echo(why, err=True)
    sys.exit(code)


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
    if destination.exists() and not destination.is_dir():
        raise LakehouseError(f"--destination: {destination} is a file. Name a directory.")
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


def report(console: Console, result: Result, destination: Path) -> None:
    """What came of a run, for a person."""
    done = [table for table in result.board.tables if table.state == DONE]
    if done:
        console.print(result_table(result.board))
    for table in result.failed:
        console.print(f"[red]{escape(table.name)} failed:[/red]", escape(table.fault), soft_wrap=True)
    for warning in result.warnings:
        console.print(f"[yellow]Warning:[/yellow] {escape(printable(warning))}", soft_wrap=True)
    if result.failed:
        report = f"What was finished stays. Spark's own report is in {shown(result.log)}."
        console.print(report, markup=False, soft_wrap=True)
    if done:
        look = f"nox -s ingest -- --show {done[0].name}{elsewhere(destination)}"
        console.print(
            f"Delta tables in {shown(destination)}/. Look at one: {look}", markup=False, soft_wrap=True
        )


def elsewhere(destination: Path) -> str:
    """The option that names a destination, as a shell takes it; "" for the usual one."""
    return "" if destination == LAKEHOUSE else f" --destination {shlex.quote(shown(destination))}"


def shown(path: Path) -> str:
    """A path as a reader would write it in the clone."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def _artifact_fault() -> str | None:
    try:
        fault = find_fault(MERGED_FILE, build(), COMMAND)
    except MergeError as error:
        return f"The merged file cannot be made. {error}"
    return fault.splitlines()[0] if fault else None


def show_table(destination: Path, name: str) -> int:
    """Print the first rows of a table."""
    target = Target(destination / name, ("id",), "updated_at")
    there = sorted(path.name for path in destination.glob("[!.]*")) if destination.exists() else []
    if name not in there or not target.exists():
        listed = ", ".join(there) or "none yet"
        click.echo(f"No table {name!r} stands in {shown(destination)}/. Tables: {listed}.", err=True)
        return 2
    console = Console(highlight=False)
    rows = target.head(SHOWN_ROWS)
    if not rows:
        click.echo(f"{name} has no rows yet.")
    for number, row in enumerate(rows, 1):
        table = Table("column", "value", title=escape(f"{name}, row {number}"), title_justify="left")
        for column, value in row.items():
            text = "" if value is None else printable(str(value))
            cut = text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
            table.add_row(escape(printable(column)), escape(cut))
        console.print(table)
    return 0
