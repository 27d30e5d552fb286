"""`python -m harness`: record cassettes, or serve them."""

import signal
import sys
import threading
from contextlib import ExitStack
from datetime import datetime

import click
from rich.console import Console

from harness.cassettes import CassetteError
from harness.record import Account, CredentialsError, RecordError, check_connection, find_credentials, record
from harness.scenarios import CASSETTES, Matrix, MatrixError, Scenario, load_matrix
from harness.scrub import Scrubber
from harness.server import describe, serving

# Published on purpose: the sandbox's data is made up, so anybody may reproduce its cassettes.
SANDBOX_PSEUDONYM_KEY = "sandbox recordings hold no real data"


@click.group()
def main() -> None:
    """Recorded cassettes: recording and serving."""


@main.command("record")
@click.option("--sandbox", is_flag=True, help="Record from the local sandbox instead of a live account.")
@click.argument("names", nargs=-1, metavar="[SCENARIO]...")
def record_command(sandbox: bool, names: tuple[str, ...]) -> None:
    """Record all scenarios, or those named (`table/title`, a table, or a title).

    \b
    Examples:
      nox -s record -- --sandbox
      AHA_API_KEY=... AHA_SUBDOMAIN=company nox -s record -- ideas/several_pages
    """
    console = Console()
    try:
        matrix = load_matrix()
        scenarios = matrix.select(names)
        with ExitStack() as stack:
            account = _sandbox_account(matrix, stack) if sandbox else _live_account(matrix)

            def report(scenario: Scenario, count: int) -> None:
                console.print(f"  {scenario.name}: {count} interactions", highlight=False)

            console.print(f"Recording from {account.origin}: {len(scenarios)} scenario(s)")
            total = record(account, matrix, scenarios, report)
    except (CredentialsError, MatrixError) as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    except RecordError as error:
        click.echo(f"Nothing was changed. {error}", err=True)
        sys.exit(1)
    console.print(f"{len(scenarios)} cassette(s) with {total} interactions written to {CASSETTES.name}/")


def _live_account(matrix: Matrix) -> Account:
    connection = find_credentials()
    check_connection(matrix, connection)
    secrets = (connection["api_key"],)
    return Account("live", connection, Scrubber(connection["api_key"], secrets))


def _sandbox_account(matrix: Matrix, stack: ExitStack) -> Account:
    from sandbox.clock import SandboxClock
    from sandbox.server import open_world, running

    settings = matrix.sandbox
    clock = SandboxClock(datetime.fromisoformat(settings["clock"]))
    world = open_world(ideas=settings["ideas"], seed_number=settings["seed"], clock=clock)
    box = stack.enter_context(running(world))
    # No rate limit stands behind a sandbox, so none is kept to.
    connection = {
        **matrix.replay,
        "api_key": box.api_key,
        "base_url": box.url,
        "requests_per_minute": "60000",
    }
    return Account("sandbox", connection, Scrubber(SANDBOX_PSEUDONYM_KEY, (box.api_key,)))


@main.command("serve")
@click.argument("names", nargs=-1, required=True, metavar="SCENARIO...")
@click.option(
    "--port", default=0, type=click.IntRange(0, 65535), help="Port on 127.0.0.1; 0 takes a free one."
)
def serve_command(names: tuple[str, ...], port: int) -> None:
    """Serve recorded scenarios on loopback until stopped.

    Prints one line of JSON: its url, and the requests that it answers.

    \b
    Example:
      python -m harness serve ideas/several_pages --port 8080
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        scenarios = load_matrix().select(names)
        with serving([CASSETTES / scenario.cassette for scenario in scenarios], port) as replay:
            click.echo(describe(replay))
            stop.wait()
    except (MatrixError, CassetteError) as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    except OSError as error:
        click.echo(f"Cannot listen on port {port}: {error.strerror}. Choose another --port.", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
