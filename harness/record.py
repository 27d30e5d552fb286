"""Recording: all scenarios aside first, then, if every one is worth keeping and leaks nothing, into place."""

import fcntl
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import requests

from harness.cassettes import Entry, load_interactions
from harness.leaks import Gate
from harness.provenance import FILE, Provenance, read_provenance, write_provenance
from harness.scenarios import ROOT, Matrix, Played, Scenario, load_source, play
from harness.scrub import Scrubber
from harness.swap import recover, swap_directory
from harness.tape import Send, in_turn, recorder

SHORTEST_ID = 10


class RecordError(Exception):
    """A recording that is not worth keeping. Every committed cassette is as it was."""


@dataclass(frozen=True)
class Account:
    """What is recorded.

    Attributes:
        origin: `live` or `sandbox`.
        connection: the connector's connection options.
        scrubber: for what it answers.
    """

    origin: str
    connection: Mapping[str, str]
    scrubber: Scrubber


class Watcher(Protocol):
    """Who is told how a recording goes on."""

    def begin(self, scenario: Scenario) -> None: ...

    def sent(self) -> None:
        """A request was answered."""

    def end(self, scenario: Scenario, interactions: int) -> None: ...


class NoWatcher:
    """Nobody."""

    def begin(self, scenario: Scenario) -> None: ...

    def sent(self) -> None: ...

    def end(self, scenario: Scenario, interactions: int) -> None: ...


@dataclass
class Summary:
    """What a recording amounts to.

    Attributes:
        scenarios, interactions, bytes: counts.
        replaced: rule → distinct values that were replaced.
    """

    scenarios: int = 0
    interactions: int = 0
    bytes: int = 0
    replaced: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        values = ", ".join(f"{count} {rule}" for rule, count in sorted(self.replaced.items()) if count)
        return (
            f"{self.scenarios} scenarios, {self.interactions} interactions, {self.bytes:,} bytes; "
            f"values replaced: {values or 'none'}"
        )


def record(
    account: Account,
    matrix: Matrix,
    scenarios: Iterable[Scenario],
    cassettes: Path,
    watcher: Watcher | None = None,
) -> Summary:
    """Record `scenarios` and put their cassettes into place.

    All is made in a directory beside `cassettes`, which then takes its place in one step. Without all of the
    matrix, other scenarios' cassettes are kept; with all of it, what belongs to no scenario goes.

    Raises:
        RecordError: a scenario failed, is not worth keeping or leaks; nothing was changed.
    """
    scenarios, watcher, cassettes = list(scenarios), watcher or NoWatcher(), cassettes.resolve()
    source = load_source(matrix)
    check_place(cassettes)
    with _alone(cassettes):
        recover(cassettes)
        aside = cassettes.with_name(f".{cassettes.name}.new")
        shutil.rmtree(aside, ignore_errors=True)
        try:
            known: Provenance = {}
            if cassettes.exists() and len(scenarios) < len(matrix.scenarios):
                shutil.copytree(cassettes, aside)
                known = read_provenance(aside)
            else:
                aside.mkdir(parents=True)
            summary = Summary(len(scenarios))
            for scenario in scenarios:
                watcher.begin(scenario)
                count = record_scenario(account, scenario, source, aside / scenario.cassette, watcher)
                watcher.end(scenario, count)
                summary.interactions += count
            refuse_leaks(account.scrubber, scenarios, aside)
            write_provenance(aside, known, scenarios, account.origin, matrix.rules, ROOT)
            summary.bytes = sum(path.stat().st_size for path in aside.glob("*/*.json"))
            summary.replaced.update({rule: len(found) for rule, found in account.scrubber.replaced.items()})
            swap_directory(aside, cassettes)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return summary


def check_place(cassettes: Path) -> None:
    """Refuse a place whose files a recording would take away.

    Raises:
        RecordError: it holds something else than cassettes.
    """
    if cassettes.exists() and not cassettes.is_dir():
        raise RecordError(f"{cassettes.name} is no directory.")
    files = [path.relative_to(cassettes) for path in cassettes.rglob("*") if path.is_file()]
    other = [path for path in files if str(path) != FILE and (path.suffix != ".json" or len(path.parts) != 2)]
    if other or (files and Path(FILE) not in files):
        found = str(other[0]) if other else f"no {FILE}"
        raise RecordError(
            f"{cassettes.name}/ is no directory of cassettes ({found}). Name one, or a new one."
        )


@contextmanager
def _alone(cassettes: Path) -> Iterator[None]:
    """One recording at a time: two would take each other's files."""
    cassettes.parent.mkdir(parents=True, exist_ok=True)
    lock = cassettes.with_name(f".{cassettes.name}.lock")
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RecordError(f"Another recording into {cassettes.name}/ is under way.") from None
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def record_scenario(
    account: Account,
    scenario: Scenario,
    source: Callable[[dict[str, str]], Any],
    path: Path,
    watcher: Watcher,
) -> int:
    """Record one scenario to `path`. Returns the number of interactions."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    date = account.scrubber.date

    def watched(send: Send) -> Send:
        def send_watched(request: requests.PreparedRequest) -> requests.Response:
            response = send(request)
            if date:
                # The connector goes by the time that the cassette will tell it.
                response.headers["Date"] = date
            watcher.sent()
            return response

        return send_watched

    try:
        with in_turn(watched), recorder(account.scrubber).use_cassette(str(path)):
            played = play(scenario, source, account.connection)
    except Exception as error:  # noqa: BLE001 - whatever a connector raises, the recording is refused
        raise RecordError(f"{scenario.name}: {type(error).__name__}: {error}") from None
    interactions = load_interactions(path) if path.exists() else []
    fault = find_fault(scenario, played, interactions)
    if fault:
        raise RecordError(f"{scenario.name}: {fault}")
    return len(interactions)


def refuse_leaks(scrubber: Scrubber, scenarios: Iterable[Scenario], directory: Path) -> None:
    """Search the files that are about to be committed for every value that was replaced.

    Raises:
        RecordError: one stands there, in whatever form.
    """
    secrets = scrubber.replaced["secret"]
    # An id of a few digits is some other's pseudonym by chance: it says nothing by itself.
    originals = {
        value
        for rule, values in scrubber.replaced.items()
        for value in values
        if rule != "secret"
        and not (value.isdecimal() and len(value) < SHORTEST_ID and rule in ("id", "part"))
    }
    gate = Gate(scrubber.rules, originals, secrets)
    for scenario in scenarios:
        path = directory / scenario.cassette
        places = gate.find(path.read_bytes())
        if places:
            raise RecordError(
                f"{scenario.name}: a value that was to be replaced still stands at {places[0]}"
                f"{f' and {len(places) - 1} other places' if places[1:] else ''}. Correct the rules for it."
            )


def find_fault(scenario: Scenario, played: Played, interactions: list[Entry]) -> str | None:
    """Why a recording does not show what its scenario announces, or None."""
    if not interactions:
        return "sent no request."
    if scenario.error and played.error is None:
        return f"was to end in {scenario.error}, and did not."
    rows = sum(len(read) for read in played.reads)
    if scenario.rows == "some" and not rows:
        return "was to read some rows, and read none: does the account have any?"
    if scenario.rows == "none" and rows:
        return f"was to read no row, and read {rows}."
    pages = max(map(pages_of, interactions))
    if scenario.pages and pages < scenario.pages:
        return (
            f"was to read a list of {scenario.pages} pages, and the longest has {pages}: lower its page_size."
        )
    return None


def pages_of(entry: Entry) -> int:
    """How many pages the list of an answer has, as far as it says so."""
    body = entry["response"]["body"]
    pagination = body.get("pagination") if isinstance(body, dict) else None
    pages = pagination.get("total_pages") if isinstance(pagination, dict) else None
    return pages if isinstance(pages, int) else 0
