"""The command: ask, show, write, adopt."""

import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import click
from rich.console import Console
from strict_cassettes.__main__ import CASSETTES, one_sentence, open_project
from strict_cassettes.accounts import name_of, sandbox_account
from strict_cassettes.credentials import check_connection, find_credentials
from strict_cassettes.record import record
from strict_cassettes.recording import RecordError
from strict_cassettes.scenarios import Matrix
from strict_cassettes.sets import LIVE, SANDBOX
from strict_cassettes.taking import quietly

from connector.options import parse_options
from connector.pacing import Clock, SystemClock
from harness.probe.asking import advices, ask_all
from harness.probe.findings import Findings, FindingsError, adopt, check, read, today, write
from harness.probe.look import Look
from harness.probe.report import WIDTH, Display, print_answers, told
from harness.probe.trying import trying
from harness.probe.words import KEY_REFUSED, LIMITED, UNANSWERED, UNREADABLE
from sandbox.behaviour import ADOPTED, BehaviourError, adopted

# A try on the sandbox takes no live account's place.
PROBE, TRIED = Path("build") / "probe.json", Path("build") / "probe.sandbox.json"
# Where nothing else could be asked: what to do about it.
SHUT = {
    KEY_REFUSED: "Aha! answered 401: the key is wrong or was revoked, or `subdomain` is another account's.",
    UNANSWERED: "The account gave no answer. Check the network and `subdomain`, then run again.",
    UNREADABLE: "The address answers, and not as Aha! does: a login page looks like this. Check `subdomain`.",
    LIMITED: "The rate limit did not let go, so the rest was not asked. Other jobs may use it up: try later.",
}


@click.command("probe")
@click.option("--sandbox", is_flag=True, help="The local sandbox instead of a live account.")
@click.option("--adopt", "adopting", is_flag=True, help="Keep what the last probe found; asks nothing.")
@click.option(
    "--file",
    "given",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"Where the answers are written, and read from by --adopt, instead of {PROBE} (--sandbox: {TRIED}).",
)
def probe(*, sandbox: bool, adopting: bool, given: Path | None) -> None:
    """Ask a live account what is unverified about Aha!'s API, with at most 120 requests that only read.

    Prints every question with its answer, and what follows from it. build/probe.json holds the answers, and
    nothing of the account: send it to whoever maintains this. --adopt makes them the sandbox's defaults.
    Exit codes: 0, 1 if the account could not be asked, 2 for bad input.

    \b
    Examples:
      AHA_API_KEY=... AHA_SUBDOMAIN=company nox -s probe
      nox -s probe -- --sandbox
      nox -s probe -- --adopt
      nox -s probe -- --sandbox --adopt
    """
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    with one_sentence():
        matrix = open_project(None)
        try:
            file = given or matrix.root / (TRIED if sandbox else PROBE)
            code = keep(console, matrix, file) if adopting else ask(console, matrix, file, sandbox=sandbox)
        except (FindingsError, BehaviourError) as error:
            click.echo(str(error), err=True)
            sys.exit(2)
    sys.exit(code)


def ask(console: Console, matrix: Matrix, file: Path, *, sandbox: bool, clock: Clock | None = None) -> int:
    """Ask all questions, show the answers and write them. Returns the exit code."""
    # Before anything is asked in vain.
    file.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(file.parent, os.W_OK):
        raise FindingsError(f"{matrix.shown(file)} cannot be written there. Name another --file.")
    with ExitStack() as stack:
        connection = choose(console, matrix, stack, sandbox=sandbox)
        secrets = [connection[name] for name in matrix.live["secrets"] if name in connection]
        with Display(console) as display:
            look = Look(parse_options(connection), clock or SystemClock(), display.tell)
            answers = ask_all(look, display.begin)
        print_answers(console, answers)
        origin = SANDBOX if sandbox or look.settings.is_local else LIVE
        findings = Findings(origin, today(look.clock.wall_time()), answers)
        counted = f"{told(findings)}, with {look.sent} requests."
        if look.shut:
            # What an earlier probe found is worth more.
            console.print(f"{counted} Nothing was written.", soft_wrap=True)
            click.echo(SHUT[look.shut], err=True)
            return 1
        write(file, check(findings.document(), matrix.rules, secrets))
        console.print(f"{counted} Written: {matrix.shown(file)}", soft_wrap=True, markup=False)
        for sentence in advices(look, answers):
            console.print(f"- {sentence}", soft_wrap=True)
    option = " --sandbox" if sandbox else ""
    console.print(f"Keep the answers for the sandbox: nox -s probe --{option} --adopt")
    return 0


def choose(console: Console, matrix: Matrix, stack: ExitStack, *, sandbox: bool) -> Mapping[str, str]:
    """The connection options of the account that is asked.

    Raises:
        CredentialsError: there are no credentials, or they cannot be used.
    """
    if sandbox:
        box = stack.enter_context(trying())
        console.print("Asking the local sandbox.")
        return {**matrix.replay, "api_key": box.api_key, "base_url": box.url}
    connection = find_credentials(matrix)
    check_connection(matrix, connection)
    which = "an account on this machine" if parse_options(connection).is_local else "the live account"
    console.print(f"Asking {which}: {name_of(matrix, connection)}.", soft_wrap=True)
    return connection


def keep(console: Console, matrix: Matrix, file: Path) -> int:
    """Make what the last probe found the sandbox's defaults, and say which cassettes are no longer like it.
    Returns the exit code.

    Raises:
        FindingsError: no probe was run, or its file is not this version's.
    """
    findings = read(file, matrix.shown(file))
    if (
        findings.origin == SANDBOX
        and ADOPTED.exists()
        and read(ADOPTED, matrix.shown(ADOPTED)).origin == LIVE
    ):
        raise FindingsError(
            f"{matrix.shown(ADOPTED)} holds what a live account showed, and {matrix.shown(file)} what the "
            "sandbox did. Delete the first, if that is to go."
        )
    kept = adopt(findings)
    write(ADOPTED, check(kept, matrix.rules))
    console.print(
        f"{told(findings)} ({findings.origin}, {findings.when}). Written: {matrix.shown(ADOPTED)}, the "
        "sandbox's defaults from now on.",
        soft_wrap=True,
    )
    for name, value in kept["switches"].items():
        console.print(
            f"  {name}: {value if not isinstance(value, list) else ', '.join(value)}", soft_wrap=True
        )
    adopted.cache_clear()
    console.print("Recording the sandbox's cassettes aside, to see which are still so.")
    try:
        with quietly():
            changed = changed_cassettes(matrix)
    except (KeyboardInterrupt, RecordError, OSError):
        click.echo(
            f"Stopped before that was known. {matrix.shown(ADOPTED)} is written; nox -s record -- --sandbox "
            "shows what it changes.",
            err=True,
        )
        return 1
    for name in changed:
        console.print(f"  changed: {name}", soft_wrap=True)
    if changed:
        console.print(f"{len(changed)} cassette(s) must be recorded again: nox -s record -- --sandbox")
    else:
        console.print("All committed cassettes of the sandbox are as it would record them now.")
    console.print("docs/assumptions.md says what was confirmed, once it is made anew: nox -s build_artifact")
    return 0


def changed_cassettes(matrix: Matrix) -> list[str]:
    """Cassettes of the sandbox that it would record otherwise now; by recording all of them elsewhere."""
    committed = matrix.root / CASSETTES / SANDBOX
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        account = sandbox_account(matrix, stack)
        record(account, matrix, list(matrix.scenarios.values()), Path(place))
        made, were = (
            {str(path.relative_to(at).with_suffix("")): path.read_bytes() for path in at.glob("*/*.json")}
            for at in (Path(place) / SANDBOX, committed)
        )
        return sorted(name for name in {*made, *were} if made.get(name) != were.get(name))
