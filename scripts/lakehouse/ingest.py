"""One run: all tables from where their rows are into the lakehouse, a few at a time."""

import shutil
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from deltalake.exceptions import DeltaError
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from rich.console import Console
from strict_cassettes.progress import heartbeat

from connector.client import AhaClient, RetryPolicy
from connector.options import parse_options
from connector.pacing import SystemClock
from connector.spec import TableSpec
from scripts.lakehouse.accounts import CASSETTES, Account, replaying
from scripts.lakehouse.answers import Answers
from scripts.lakehouse.checkpoints import Checkpoint
from scripts.lakehouse.delta import LakehouseError, Target
from scripts.lakehouse.estimate import Estimator
from scripts.lakehouse.faults import explain, is_passing
from scripts.lakehouse.logs import find_warnings, new_log
from scripts.lakehouse.progress import (
    DONE,
    FAILED,
    QUIET_SECONDS,
    READING,
    Board,
    Display,
    Progress,
    plan_table,
    traffic_warnings,
)
from scripts.lakehouse.relay import Relay, relaying
from scripts.lakehouse.spark import load_merged_file, start_session
from scripts.lakehouse.stopping import listen
from scripts.lakehouse.streams import CHECKPOINTS, ROWS, Run, remove, target_of

# Tables that are read at the same time; one where the account allows so few calls a minute that those of four
# would wait for each other longer than a reader waits for an answer.
STREAMS, LEAST_FOR_STREAMS = 4, 60
LOOK_SECONDS = 0.25
# Kept beside the tables; no table has such a name.
ANSWERS = ".answers"
# Of a table whose fault was this machine's haste.
ATTEMPTS = 3
# A first look: a wrong name or key should not take the minute that an outage is given.
FIRST_LOOK = RetryPolicy(attempts=3)


class SparkEndedError(Exception):
    """Spark's JVM is not there, or no longer."""


@dataclass(frozen=True)
class Result:
    """What came of a run.

    Attributes:
        board: each table.
        warnings: what its user should know, in sentences.
        log: where Spark's own report is.
    """

    board: Board
    warnings: Sequence[str]
    log: Path

    @property
    def failed(self) -> list[Progress]:
        return [table for table in self.board.tables if table.state == FAILED]


def ingest(
    tables: Sequence[TableSpec],
    destination: Path,
    console: Console,
    account: Account | None,
    *,
    full_refresh: bool,
) -> Result:
    """Bring all tables up to date, a few at a time; one that fails stops no other.

    Args:
        account: whose; None for the recorded cassettes.

    Raises:
        AhaError: the account cannot be read at all.
        CassetteError: there is nothing to read from.
        LakehouseError: this machine does not let Spark run.
        SparkEndedError: Spark's JVM ended before the tables did.
    """
    with ExitStack() as stack:
        if account:
            console.print(f"Reading the account at {account.name}", markup=False)
            accounts = dict.fromkeys((table.name for table in tables), account)
        else:
            console.print("Reading the recorded cassettes over loopback: no credentials, no network.")
            accounts = stack.enter_context(replaying(tables))
        log = new_log()
        recordings = find_recordings(tables, accounts, destination, full_refresh=full_refresh)
        per_minute = min(found.settings.requests_per_minute for found in accounts.values())
        relay = stack.enter_context(relaying(per_minute))
        board = Board([Progress(table.name) for table in tables], per_minute)
        if account:
            estimator = Estimator(AhaClient(account.settings, policy=FIRST_LOOK))
            estimator.require_account()
            for recording in recordings:
                remove(recording.path)
            if recordings:
                console.print(f"{len(recordings)} tables of the cassettes make room for the account's.")
            plan(estimator, account, tables, board, destination, full_refresh=full_refresh)
            console.print(plan_table(board))
        console.print("Starting Spark")
        with heartbeat(lambda: console.print("Spark is starting"), QUIET_SECONDS):
            spark = begin(stack, log)
        run = Run(spark, {}, destination)

        def bring(table: TableSpec, progress: Progress) -> None:
            bring_one(run, relay, table, accounts[table.name], progress, full_refresh=full_refresh)

        pool = ThreadPoolExecutor(min(STREAMS if per_minute >= LEAST_FOR_STREAMS else 1, len(tables)))
        pending: set[Future[None]] = {
            pool.submit(bring, table, progress) for table, progress in zip(tables, board.tables, strict=True)
        }
        with Display(console, board, SystemClock()) as display:
            while pending:
                done, pending = wait(pending, LOOK_SECONDS, FIRST_COMPLETED)
                for future in done:
                    future.result()
                for progress in board.tables:
                    progress.rows = run.changed.get(progress.name, 0)
                display.update()
        pool.shutdown()
        return Result(board, [*run.notices, *traffic_warnings(board), *find_warnings(log)], log)


def find_recordings(
    tables: Sequence[TableSpec], accounts: Mapping[str, Account], destination: Path, *, full_refresh: bool
) -> list[Target]:
    """Tables of the cassettes where those of an account are to be: what they hold is made up.

    Raises:
        LakehouseError: all tables that are there are something else: it is the wrong destination.
    """
    places = [
        target_of(table, destination, accounts[table.name].name, accounts[table.name].connection)
        for table in tables
    ]
    of_cassettes = f" of {CASSETTES}"
    recorded = [
        place for place in places if of_cassettes in (place.found or "") and of_cassettes not in place.kept
    ]
    others = [place for place in places if place not in recorded and place.found not in (None, place.kept)]
    if len(others) == len(places) > 1 and not full_refresh:
        one = others[0]
        raise LakehouseError(
            f"All {len(places)} tables in {destination} were ingested as something else, {one.path.name} as: "
            f"{one.found}. Now it is to be: {one.kept}. Name another --destination; or --full-refresh makes "
            "them anew, with what is read now."
        )
    return recorded


def begin(stack: ExitStack, log: Path) -> SparkSession:
    """Spark with the data source, for the length of the stack.

    Raises:
        SparkEndedError: its JVM does not run.
    """
    try:
        spark = start_session("aha-ingest", log)
        # Spark has put its own answer to Ctrl-C in the place of ours.
        listen()

        def stop() -> None:
            # Where the JVM is gone there is nothing to stop.
            with suppress(Py4JError, OSError):
                spark.stop()

        stack.callback(stop)
        load_merged_file()(spark)
    except (Py4JError, OSError, PySparkException) as error:
        raise SparkEndedError(f"Spark does not start: {explain(error)} Its own report is in {log}.") from None
    return spark


def plan(
    estimator: Estimator,
    account: Account,
    tables: Sequence[TableSpec],
    board: Board,
    destination: Path,
    *,
    full_refresh: bool,
) -> None:
    """Ask the lists of tables whose first sync is not done how long they are."""
    for table, progress in zip(tables, board.tables, strict=True):
        checkpoint = Checkpoint(destination / CHECKPOINTS / table.name / ROWS)
        streamed = table.ingestion_type != "snapshot"
        first = not (destination / table.name).exists() or (streamed and checkpoint.is_in_a_first_sync)
        if full_refresh or first:
            progress.estimate = estimator.estimate(
                table.source, parse_options(account.connection, table.options)
            )


def answers_of(run: Run, table: TableSpec) -> Answers | None:
    """What a stopped run was told of a first sync; None where none is going on, or will be."""
    checkpoint = Checkpoint(run.checkpoint(table) / ROWS)
    place = run.lakehouse / ANSWERS / table.name
    if table.ingestion_type == "snapshot" or not checkpoint.is_in_a_first_sync:
        shutil.rmtree(place, ignore_errors=True)
        return None
    return Answers(place, checkpoint.done)


def bring_one(
    run: Run, relay: Relay, table: TableSpec, account: Account, progress: Progress, *, full_refresh: bool
) -> None:
    """Bring one table up to date, and note what came of it."""
    progress.state, started = READING, time.monotonic()
    answers = None if full_refresh or not account.is_live else answers_of(run, table)
    address = relay.open(account.settings, progress.traffic, answers)
    connection = {**account.connection, "base_url": address}
    own = replace(run, connection=connection, account=account.name)
    if answers:
        own = replace(own, applied=answers.forget)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            progress.total = own.ingest(table, full_refresh=full_refresh).count()
            break
        except (DeltaError, LakehouseError, OSError, Py4JError, PySparkException) as error:
            if attempt == ATTEMPTS or not is_passing(error):
                progress.fault = explain(error, {address: account.settings.origin})
                break
    progress.rows = run.changed.get(table.name, 0)
    progress.seconds = time.monotonic() - started
    progress.state = FAILED if progress.fault else DONE
