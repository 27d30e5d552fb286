"""`python -m harness`: record cassettes, serve them, look after them, compare them with what is live."""

import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from strict_cassettes.accounts import is_local, live_account, name_of, sandbox_account
from strict_cassettes.cassettes import CassetteError, migrate
from strict_cassettes.credentials import CredentialsError
from strict_cassettes.drift import compare, names_known, shapes_of_account, shapes_of_set
from strict_cassettes.inventory import find_faults, find_unplayed, take_inventory
from strict_cassettes.page import write_page
from strict_cassettes.progress import Display
from strict_cassettes.provenance import content_of, now_utc, read_provenance, write_provenance
from strict_cassettes.record import look_at, record, spending_of
from strict_cassettes.recording import Account, RecordError, Report
from strict_cassettes.scenarios import MATRIX, Matrix, MatrixError, load_matrix, load_source
from strict_cassettes.server import PortError, describe, serving
from strict_cassettes.sets import LIVE, ORIGINS, SANDBOX, sets_in

PAGE = Path("build") / "cassettes.html"
CASSETTES = "cassettes"
LOCAL = "That address is on this machine."

sandbox_option = click.option("--sandbox", is_flag=True, help="The local sandbox instead of a live account.")
names_argument = click.argument("names", nargs=-1, metavar="[SCENARIO]...")
matrix_option = click.option(
    "--matrix",
    "matrix_path",
    type=click.Path(path_type=Path),
    help=f"Another record matrix than {MATRIX} of the project where this runs.",
)
into_option = click.option(
    "--cassettes",
    "given",
    type=click.Path(path_type=Path),
    help=f"Another directory of sets than the project's {CASSETTES}/ (it holds sandbox/ and live/).",
)


def open_project(path: Path | None) -> Matrix:
    """The matrix of the project where this runs, whose modules can be loaded from here on.

    Raises:
        MatrixError: there is none, or it cannot be used.
    """
    matrix = load_matrix(path)
    # A console script has the directory of no project on its path.
    sys.path.insert(0, str(matrix.root))
    return matrix


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
    except KeyboardInterrupt:
        click.echo("Stopped. Nothing was changed.", err=True)
        sys.exit(130)


@main.command("record")
@sandbox_option
@click.option("--strict", is_flag=True, help="All or nothing: one scenario that fails changes nothing.")
@click.option(
    "--keep-going",
    is_flag=True,
    help="The default: a scenario that fails keeps its old cassette, the others are put into place.",
)
@click.option(
    "--plan", "plan_only", is_flag=True, help="Look at the account, say what it will cost, and end."
)
@matrix_option
@into_option
@names_argument
def record_command(
    sandbox: bool,
    strict: bool,
    keep_going: bool,
    plan_only: bool,
    matrix_path: Path | None,
    given: Path | None,
    names: tuple[str, ...],
) -> None:
    """Record all scenarios, or those named (`table/title`, a table, or a title).

    Looks at the account first, with a few requests, and says what it will record, at which cost, and what
    the account cannot show. Exit codes: 0, 1 if a scenario failed, 2 for bad input.

    \b
    Examples:
      nox -s record -- --sandbox
      nox -s record -- --plan
      AHA_API_KEY=... AHA_SUBDOMAIN=company nox -s record -- ideas/several_pages
    """
    console = Console(highlight=False)
    with one_sentence(), ExitStack() as stack:
        if strict and keep_going:
            raise MatrixError("Give --strict or --keep-going, not both.")
        matrix = open_project(matrix_path)
        cassettes = given or matrix.root / CASSETTES
        scenarios = matrix.select(names)
        account = choose_account(console, matrix, cassettes, stack, sandbox=sandbox, keep_key=not plan_only)
        display = stack.enter_context(Display(console, scenarios, account.connection))
        if plan_only:
            spending = spending_of(matrix)
            display.planned(look_at(account, matrix, scenarios, display, spending), spending.sent)
            return
        report = record(account, matrix, scenarios, cassettes, display, strict=strict)
        display.stop()
        tell(console, report, matrix, cassettes / account.origin, strict=strict)
    sys.exit(1 if report.failed else 0)


def choose_account(
    console: Console,
    matrix: Matrix,
    cassettes: Path,
    stack: ExitStack,
    *,
    sandbox: bool,
    keep_key: bool = False,
) -> Account:
    """The account that is asked, named to the person who asks."""
    if sandbox:
        account = sandbox_account(matrix, stack)
        console.print("Asking the local sandbox.")
        return account
    account, told = live_account(matrix, cassettes, keep_key=keep_key)
    console.print(f"Asking the live account: {name_of(matrix, account.connection)}.", soft_wrap=True)
    if is_local(account.connection):
        told = [*told, f"{LOCAL} What it says is no live account's: do not commit {cassettes.name}/{LIVE}/."]
    for sentence in told:
        console.print(sentence, soft_wrap=True)
    return account


def tell(console: Console, report: Report, matrix: Matrix, place: Path, *, strict: bool) -> None:
    """What became of a recording, and what to do about the rest."""
    kept = not (report.failed and (strict or not (report.recorded or report.lacking)))
    console.print(f"{report}" if kept else "Nothing was changed.", soft_wrap=True)
    for name, reason in report.lacking.items():
        console.print(f"[yellow]lacking[/yellow] {name}: {escape(reason)}", soft_wrap=True)
    for name, reason in report.failed.items():
        console.print(f"[red]failed[/red] {name}: {escape(reason)}", soft_wrap=True)
    if not kept:
        return
    shown = matrix.shown(place)
    known = read_provenance(place)
    rest = [name for name in matrix.scenarios if name not in known.cassettes and name not in known.lacking]
    if len(rest) > len(report.failed):
        console.print(
            f"{len(rest)} scenarios are not recorded yet, and the gates will ask for them: nox -s record",
            soft_wrap=True,
        )
    # Without the first, git shows nothing of files that it does not know yet.
    look = f"git add -N {shown} && git diff {shown}"
    console.print(f"Written to {shown}/. Look at them before you commit: {look}", soft_wrap=True)


@main.command("serve")
@click.argument("names", nargs=-1, required=True, metavar="SCENARIO...")
@click.option(
    "--port", default=0, type=click.IntRange(0, 65535), help="Port on 127.0.0.1; 0 takes a free one."
)
@click.option(
    "--set", "origin", type=click.Choice(ORIGINS), default=SANDBOX, show_default=True, help="Which set."
)
@matrix_option
@into_option
def serve_command(
    names: tuple[str, ...], port: int, origin: str, matrix_path: Path | None, given: Path | None
) -> None:
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
            matrix = open_project(matrix_path)
            cassettes, scenarios = given or matrix.root / CASSETTES, matrix.select(names)
            with serving([cassettes / origin / scenario.cassette for scenario in scenarios], port) as replay:
                click.echo(describe(replay))
                stop.wait()
    except PortError as error:
        click.echo(f"Cannot listen on port {port}: {error}. Choose another --port.", err=True)
        sys.exit(2)


@main.command("cassettes")
@click.option("--html", is_flag=True, help=f"Also write one page, {PAGE}.")
@click.option("--migrate", "migrating", is_flag=True, help="Bring cassettes of an older format to today's.")
@matrix_option
@into_option
def cassettes_command(html: bool, migrating: bool, matrix_path: Path | None, given: Path | None) -> None:
    """List the cassettes, and fail if one is missing, stale, unused, too large or leaks.

    \b
    Example:
      nox -s cassettes -- --html
    """
    console = Console(highlight=False, width=max(Console().width, 120))
    with one_sentence():
        matrix = open_project(matrix_path)
        cassettes = given or matrix.root / CASSETTES
        if migrating:
            migrate_all(console, cassettes)
        inventories = [take_inventory(matrix, cassettes, origin, now_utc()) for origin in sets_in(cassettes)]
    faults = find_faults(matrix, cassettes, inventories)
    if tests := matrix.coverage.get("tests"):
        faults += find_unplayed(matrix, matrix.root / str(tests))
    for inventory in inventories:
        console.print(inventory.table())
        for route, count in inventory.routes():
            # Never folded: a route that is broken inside a word is no route.
            console.print(f"  {count:>4} {route}", soft_wrap=True, markup=False)
        for name, reason in sorted(inventory.lacking.items()):
            console.print(f"  lacking {name}: {reason}", soft_wrap=True, markup=False)
    if html:
        with one_sentence():
            write_page(matrix.root / PAGE, matrix, cassettes, inventories, faults, now_utc())
        console.print(f"Written: {PAGE}")
    for fault in faults:
        console.print(f"[red]✗[/red] {escape(fault)}", soft_wrap=True)
    console.print(f"{sum(len(found.lines) for found in inventories)} cassettes, {len(faults)} fault(s)")
    sys.exit(1 if faults else 0)


def migrate_all(console: Console, cassettes: Path) -> None:
    """Rewrite cassettes of an older format.

    Raises:
        CassetteError: a file is no cassette.
    """
    for origin in sets_in(cassettes):
        place = cassettes / origin
        known = read_provenance(place)
        for path in sorted(place.glob("*/*.json")):
            try:
                text = migrate(path.read_text(encoding="utf-8"))
            except ValueError as error:
                raise CassetteError(
                    f"{origin}/{path.parent.name}/{path.name} cannot be migrated: {error}."
                ) from None
            if text is not None:
                beside = path.with_suffix(".new")
                beside.write_text(text, encoding="utf-8")
                beside.replace(path)
                name = f"{path.parent.name}/{path.stem}"
                if name in known.cassettes:
                    known.cassettes[name]["content"] = content_of(path)
                console.print(f"migrated {origin}/{name}")
        if known.cassettes:
            write_provenance(place, known)


@main.command("drift")
@sandbox_option
@matrix_option
@into_option
@names_argument
def drift_command(
    sandbox: bool, matrix_path: Path | None, given: Path | None, names: tuple[str, ...]
) -> None:
    """Compare the shapes of an account's answers with the cassettes; write nothing, and fail if they differ.

    A live account is compared with cassettes/live/, or, where there are none, with cassettes/sandbox/.

    \b
    Example:
      nox -s drift -- --sandbox
    """
    console = Console(highlight=False)
    with one_sentence(), ExitStack() as stack:
        matrix = open_project(matrix_path)
        cassettes = given or matrix.root / CASSETTES
        scenarios = matrix.select(names)
        account = choose_account(console, matrix, cassettes, stack, sandbox=sandbox)
        origin = SANDBOX if sandbox or LIVE not in sets_in(cassettes) else LIVE
        console.print(f"Comparing it with {cassettes.name}/{origin}/: {len(scenarios)} scenario(s)")
        known = read_provenance(cassettes / origin).cassettes
        absent = [scenario.name for scenario in scenarios if scenario.name not in known]
        scenarios = [scenario for scenario in scenarios if scenario.name in known]
        display = stack.enter_context(Display(console, scenarios, account.connection))
        now = shapes_of_account(account, matrix, scenarios, display)
        display.stop()
        played = [scenario for scenario in scenarios if scenario.name not in now.missed]
        before = shapes_of_set(cassettes / origin, played, matrix.rules.words)
        unlisted = names_known(cassettes / origin, account)
        drifts = compare(matrix, before, now, load_source(matrix), unlisted)
    for drift in drifts:
        console.print(str(drift), soft_wrap=True)
    for name, reason in {**dict.fromkeys(absent, f"not in {origin}/"), **now.missed}.items():
        console.print(f"not compared: {name} ({reason})", soft_wrap=True)
    console.print(f"{len(drifts)} difference(s) in shape")
    sys.exit(1 if drifts else 0)


if __name__ == "__main__":
    main()
