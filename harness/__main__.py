"""`python -m harness`: record cassettes, serve them, look after them, compare them with what is live."""

import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import click
from rich.console import Console

from harness.cassettes import CassetteError, migrate
from harness.credentials import CredentialsError, check_connection, find_credentials
from harness.drift import compare
from harness.inventory import find_faults, find_unplayed, take_inventory
from harness.page import write_page
from harness.progress import Display
from harness.provenance import content_of, put_provenance, read_provenance
from harness.record import Account, RecordError, record
from harness.scenarios import (
    CASSETTES,
    MATRIX,
    ROOT,
    Matrix,
    MatrixError,
    load_matrix,
    load_object,
    load_source,
)
from harness.scrub import Scrubber
from harness.server import PortError, describe, serving

# Published on purpose: the sandbox's data is made up, so anybody may reproduce its cassettes.
SANDBOX_PSEUDONYM_KEY = "sandbox recordings hold no real data"
# The time that every answer of a live recording tells: later than all rows, and never another.
RECORDED_DATE = "Fri, 01 Jan 2100 00:00:00 GMT"
PAGE = ROOT / "build" / "cassettes.html"

sandbox_option = click.option("--sandbox", is_flag=True, help="The local sandbox instead of a live account.")
names_argument = click.argument("names", nargs=-1, metavar="[SCENARIO]...")
matrix_option = click.option(
    "--matrix", "matrix_path", type=click.Path(path_type=Path), default=MATRIX, help="Another record matrix."
)
into_option = click.option(
    "--cassettes", type=click.Path(path_type=Path), default=CASSETTES, help="Another directory of cassettes."
)


@click.group()
def main() -> None:
    """Recorded cassettes: recording, serving, inventory, drift."""


@contextmanager
def one_sentence() -> Iterator[None]:
    """A user's mistake is one sentence and exit code 2; a recording that fails, exit code 1."""
    try:
        yield
    except (CredentialsError, MatrixError, CassetteError) as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    except RecordError as error:
        click.echo(f"Nothing was changed. {error}", err=True)
        sys.exit(1)
    except (OSError, shutil.Error) as error:
        click.echo(f"Nothing was changed. The files cannot be read or written: {error}", err=True)
        sys.exit(2)


@main.command("record")
@sandbox_option
@matrix_option
@into_option
@names_argument
def record_command(sandbox: bool, matrix_path: Path, cassettes: Path, names: tuple[str, ...]) -> None:
    """Record all scenarios, or those named (`table/title`, a table, or a title).

    \b
    Examples:
      nox -s record -- --sandbox
      AHA_API_KEY=... AHA_SUBDOMAIN=company nox -s record -- ideas/several_pages
    """
    console = Console(highlight=False)
    with one_sentence(), ExitStack() as stack:
        matrix = load_matrix(matrix_path)
        scenarios = matrix.select(names)
        account = sandbox_account(matrix, stack) if sandbox else live_account(matrix)
        console.print(f"Recording from {account.origin}: {len(scenarios)} scenario(s)")
        display = stack.enter_context(Display(console, len(scenarios)))
        summary = record(account, matrix, scenarios, cassettes, display)
        display.stop()
        console.print(f"{summary}\nWritten to {cassettes.name}/", soft_wrap=True)


def live_account(matrix: Matrix) -> Account:
    """The account that credentials name.

    Raises:
        CredentialsError: there are none, or they cannot be used.
    """
    connection = find_credentials(matrix.live["variables"])
    check_connection(matrix, connection)
    host = connection.get("base_url") or matrix.live["origin"].format(**connection)
    if urlsplit(host.lower()).hostname == urlsplit(matrix.rules.origin).hostname:
        raise CredentialsError(
            f"The account is at {host}, and there cassettes send what was scrubbed: its answers would pass "
            "as scrubbed. Choose another `origin` in the scrubbing rules."
        )
    secrets = tuple(connection[name] for name in matrix.live["secrets"])
    return Account("live", connection, Scrubber(matrix.rules, "".join(secrets), secrets, RECORDED_DATE))


def sandbox_account(matrix: Matrix, stack: ExitStack) -> Account:
    """A sandbox as the matrix wants it, running until `stack` is closed.

    Raises:
        MatrixError: the matrix names none.
    """
    settings = dict(matrix.sandbox)
    start = load_object(settings.pop("start", ""), "sandbox")
    connection = {**matrix.replay, **stack.enter_context(start(**settings))}
    secrets = tuple(connection[name] for name in matrix.live["secrets"])
    return Account("sandbox", connection, Scrubber(matrix.rules, SANDBOX_PSEUDONYM_KEY, secrets))


@main.command("serve")
@click.argument("names", nargs=-1, required=True, metavar="SCENARIO...")
@click.option(
    "--port", default=0, type=click.IntRange(0, 65535), help="Port on 127.0.0.1; 0 takes a free one."
)
@matrix_option
@into_option
def serve_command(names: tuple[str, ...], port: int, matrix_path: Path, cassettes: Path) -> None:
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
        with one_sentence():
            scenarios = load_matrix(matrix_path).select(names)
            with serving([cassettes / scenario.cassette for scenario in scenarios], port) as replay:
                click.echo(describe(replay))
                stop.wait()
    except PortError as error:
        click.echo(f"Cannot listen on port {port}: {error}. Choose another --port.", err=True)
        sys.exit(2)


@main.command("cassettes")
@click.option("--html", is_flag=True, help=f"Also write one page, {PAGE.relative_to(ROOT)}.")
@click.option("--migrate", "migrating", is_flag=True, help="Bring cassettes of an older format to today's.")
@matrix_option
@into_option
def cassettes_command(html: bool, migrating: bool, matrix_path: Path, cassettes: Path) -> None:
    """List the cassettes, and fail if one is missing, stale, unused, too large or leaks.

    \b
    Example:
      nox -s cassettes -- --html
    """
    console = Console(highlight=False, width=max(Console().width, 120))
    with one_sentence():
        matrix = load_matrix(matrix_path)
        if migrating:
            migrate_all(console, cassettes)
        inventory = take_inventory(matrix, cassettes, datetime.now(UTC))
    faults = find_faults(matrix, cassettes, inventory)
    if tests := matrix.coverage.get("tests"):
        faults += find_unplayed(matrix, ROOT / str(tests))
    console.print(inventory.table())
    if html:
        write_page(PAGE, matrix, cassettes, inventory, faults)
        console.print(f"Written: {PAGE.relative_to(ROOT)}")
    for fault in faults:
        console.print(f"[red]✗[/red] {fault}", soft_wrap=True)
    console.print(f"{len(inventory.lines)} cassettes, {len(faults)} fault(s)")
    sys.exit(1 if faults else 0)


def migrate_all(console: Console, cassettes: Path) -> None:
    """Rewrite cassettes of an older format.

    Raises:
        CassetteError: a file is no cassette.
    """
    known = read_provenance(cassettes)
    for path in sorted(cassettes.glob("*/*.json")):
        try:
            text = migrate(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise CassetteError(f"{path.parent.name}/{path.name} cannot be migrated: {error}.") from None
        if text is not None:
            beside = path.with_suffix(".new")
            beside.write_text(text, encoding="utf-8")
            beside.replace(path)
            name = f"{path.parent.name}/{path.stem}"
            if name in known:
                known[name] |= {"content": content_of(path)}
            console.print(f"migrated {name}")
    if known:
        put_provenance(cassettes, known)


@main.command("drift")
@sandbox_option
@matrix_option
@into_option
@names_argument
def drift_command(sandbox: bool, matrix_path: Path, cassettes: Path, names: tuple[str, ...]) -> None:
    """Compare the shapes of live answers with the cassettes; write nothing, and fail if they differ.

    \b
    Example:
      nox -s drift -- --sandbox
    """
    console = Console(highlight=False)
    with one_sentence(), ExitStack() as stack:
        matrix = load_matrix(matrix_path)
        scenarios = matrix.select(names)
        account = sandbox_account(matrix, stack) if sandbox else live_account(matrix)
        account.scrubber.all_names = True
        made = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="drift-"))) / "cassettes"
        console.print(f"Comparing {account.origin} with {cassettes.name}/: {len(scenarios)} scenario(s)")
        display = stack.enter_context(Display(console, len(scenarios)))
        if len(scenarios) < len(matrix.scenarios):
            shutil.copytree(cassettes, made)
        record(account, matrix, scenarios, made, display)
        display.stop()
        drifts = compare(matrix, scenarios, cassettes, made, load_source(matrix))
    for drift in drifts:
        console.print(str(drift), soft_wrap=True)
    console.print(f"{len(drifts)} difference(s) in shape")
    sys.exit(1 if drifts else 0)


if __name__ == "__main__":
    main()
