"""Recording: all scenarios aside first; those that are worth it, leak nothing and replay come into place."""

import getpass
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import filelock

from strict_cassettes.provenance import FILE, other_keys, read_provenance, write_provenance
from strict_cassettes.recording import NEW_KEY, Account, RecordError, Recording, Report
from strict_cassettes.scenarios import Fit, Matrix, Scenario, SurveyError, load_survey
from strict_cassettes.swap import recover, swap_directory
from strict_cassettes.taking import NoWatcher, Spending, TooMuchError, Watcher, quietly, watched
from strict_cassettes.tape import in_turn


def look_at(
    account: Account, matrix: Matrix, scenarios: Sequence[Scenario], watcher: Watcher, spending: Spending
) -> Mapping[str, Fit]:
    """How each scenario is to be recorded on this account.

    Raises:
        RecordError: the account cannot be read at all; says why, without its words.
    """
    survey = load_survey(matrix)
    watcher.begin("a first look")
    try:
        with in_turn(watched(watcher, spending, None)), quietly():
            return survey(account.connection, scenarios)
    except TooMuchError as error:
        raise RecordError(f"The first look at the account: {error}.") from None
    except SurveyError as error:
        raise RecordError(str(error)) from None
    except Exception as error:  # noqa: BLE001 - whatever an account answers, it is one sentence
        raise RecordError(
            f"The first look was answered with something that it does not know ({type(error).__name__} in "
            f"{place_of(error)}). Tell us, please: it should have recorded what can be recorded."
        ) from None


def record(
    account: Account,
    matrix: Matrix,
    scenarios: Iterable[Scenario],
    root: Path,
    watcher: Watcher | None = None,
    *,
    fits: Mapping[str, Fit] | None = None,
    spending: Spending | None = None,
    strict: bool = False,
) -> Report:
    """Record `scenarios` into the account's set below `root`.

    All is made in a directory beside the set, which then takes its place in one step. A scenario that fails
    keeps its old cassette; one that the account cannot show has none. Without all of the matrix, other
    scenarios' cassettes are kept; with all of it, what belongs to no scenario goes.

    Args:
        fits: how each scenario is recorded; by default the account is looked at first.
        spending: requests so far, and their limits.
        strict: whether one failing scenario is enough to change nothing.

    Raises:
        RecordError: nothing could be recorded, or what was would not fit to what is there.
    """
    scenarios, watcher, place = list(scenarios), watcher or NoWatcher(), (root / account.origin).resolve()
    spending = spending or spending_of(matrix)
    check_place(place)
    with _alone(place, matrix.shown(place)):
        recover(place)
        known = read_provenance(place)
        chosen = {scenario.name for scenario in scenarios}
        others = [name for name in known.cassettes if name not in chosen and name in matrix.scenarios]
        if other := other_keys(known, others, account.scrubber.pseudonyms.fingerprint):
            raise RecordError(NEW_KEY.format(count=len(other), place=matrix.shown(place), first=other[0]))
        if fits is None:
            fits = look_at(account, matrix, scenarios, watcher, spending)
            watcher.planned(fits, spending.sent)
        recording = Recording(account, matrix, root.resolve(), fits, watcher, spending)
        aside = place.with_name(f".{place.name}.new")
        shutil.rmtree(aside, ignore_errors=True)
        try:
            aside.mkdir(parents=True)
            recording.keep_all(recording.take_all(scenarios), aside)
            recording.keep_small(aside, known, others)
            report = recording.report
            report.requests = spending.sent
            if report.failed and (strict or not (report.recorded or report.lacking)):
                return report
            write_provenance(aside, recording.compose(aside, known, others))
            report.bytes = sum(path.stat().st_size for path in aside.glob("*/*.json"))
            swap_directory(aside, place)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return report


def place_of(error: BaseException) -> str:
    """The function that raised an error, for who is told of it."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return (
        trace.tb_frame.f_code.co_qualname if trace and hasattr(trace.tb_frame.f_code, "co_qualname") else "it"
    )


def spending_of(matrix: Matrix) -> Spending:
    """The limits that a matrix sets."""
    return Spending(matrix.limits.get("max_requests"), matrix.limits.get("max_scenario_requests"))


def check_place(place: Path) -> None:
    """Refuse a place whose files a recording would take away.

    Raises:
        RecordError: it holds something else than cassettes.
    """
    if place.exists() and not place.is_dir():
        raise RecordError(f"{place.name} is no directory.")
    files = [path.relative_to(place) for path in place.rglob("*") if path.is_file()]
    other = [path for path in files if str(path) != FILE and (path.suffix != ".json" or len(path.parts) != 2)]
    if other or (files and Path(FILE) not in files):
        found = str(other[0]) if other else f"no {FILE}"
        raise RecordError(f"{place.name}/ is no directory of cassettes ({found}). Name one, or a new one.")


@contextmanager
def _alone(place: Path, shown: str) -> Iterator[None]:
    """One recording at a time: two would take each other's files. The lock lies where no project is."""
    place.parent.mkdir(parents=True, exist_ok=True)
    who = hashlib.sha256(json.dumps([getpass.getuser(), str(place)]).encode()).hexdigest()[:16]
    try:
        with filelock.FileLock(Path(tempfile.gettempdir()) / f"cassettes-{who}.lock", timeout=0):
            yield
    except filelock.Timeout:
        raise RecordError(f"Another recording into {shown}/ is under way.") from None
