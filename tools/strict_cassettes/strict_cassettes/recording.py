"""One recording, from what was taken to what may take its place: judged, replayed, and kept small."""

import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from strict_cassettes.bodies import FORM
from strict_cassettes.cassettes import Entry, dump
from strict_cassettes.leaks import Gate, find_unreplaced
from strict_cassettes.provenance import (
    Provenance,
    content_of,
    describe_recording,
    is_still_true,
    now_utc,
    other_keys,
)
from strict_cassettes.scenarios import Fit, Matrix, Scenario, load_source, play
from strict_cassettes.scrub import Scrubber, answered_body, asked_body, find_lost
from strict_cassettes.taking import (
    Source,
    Spending,
    Take,
    TakeError,
    TooMuchError,
    Watcher,
    find_fault,
    route_shown,
    take,
    watched,
)
from strict_cassettes.tape import player, strictly

REFUSED = Path("build") / "refused"
NEW_KEY = (
    "{count} cassettes of {place}/ that would stay were made with another pseudonym key, and would not join "
    "with the new ones ({first}). Put the key that made them beside the credentials, or record all scenarios "
    "of an account that shows them, or delete {place}/ first."
)


class RecordError(Exception):
    """A recording that cannot be kept. Every committed cassette is as it was."""


@dataclass(frozen=True)
class Account:
    """What is recorded.

    Attributes:
        origin: `live` or `sandbox`, the set that it is recorded into.
        connection: the connector's connection options.
        scrubber: for what it answers.
    """

    origin: str
    connection: Mapping[str, str]
    scrubber: Scrubber


@dataclass
class Report:
    """What became of a recording.

    Attributes:
        recorded: scenario → interactions.
        unchanged: those of them whose cassettes are as they were.
        failed: scenario → why it was not recorded; its old cassette, if there was one, stays.
        lacking: scenario → why the account cannot show it.
        bytes: of the whole set.
        requests: sent.
        replaced: rule → distinct values that were replaced.
    """

    recorded: dict[str, int] = field(default_factory=dict)
    unchanged: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    lacking: dict[str, str] = field(default_factory=dict)
    bytes: int = 0
    requests: int = 0
    replaced: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        values = ", ".join(f"{count} {rule}" for rule, count in sorted(self.replaced.items()) if count)
        return (
            f"{len(self.recorded)} scenarios ({len(self.unchanged)} unchanged), "
            f"{sum(self.recorded.values())} interactions, {self.bytes:,} bytes, {self.requests} requests; "
            f"values replaced: {values or 'none'}"
        )


class Recording:
    """One recording, from what was taken to what is put into place.

    Args:
        account, matrix: what is recorded, and how.
        root: the directory of sets.
        fits: see `look_at`.
        watcher: who is told how it goes on.
        spending: requests so far, and their limits.
    """

    def __init__(
        self,
        account: Account,
        matrix: Matrix,
        root: Path,
        fits: Mapping[str, Fit],
        watcher: Watcher,
        spending: Spending,
    ) -> None:
        self.report = Report()
        self._account, self._matrix, self._fits = account, matrix, fits
        self._source: Source = load_source(matrix)
        self._watcher, self._spending = watcher, spending
        self._place = root / account.origin
        self._refused = root.parent / REFUSED
        self._shown: dict[str, Scenario] = {}

    def take_all(self, scenarios: Iterable[Scenario]) -> list[Take]:
        """Play every scenario that the account can show."""
        takes = []
        around = watched(self._watcher, self._spending, self._account.scrubber.date)
        words = self._account.scrubber.rules.words
        for scenario in scenarios:
            fit = self._fits.get(scenario.name, Fit())
            if fit.lacking:
                self.report.lacking[scenario.name] = fit.lacking
                continue
            if fit.fault:
                self.report.failed[scenario.name] = fit.fault
                continue
            self._watcher.begin(scenario.name)
            self._spending.begin()
            fitted = scenario.fitted(fit.options, fit.start)
            try:
                found = take(fitted, self._source, self._account.connection, around, words)
            except TooMuchError as error:
                self.report.lacking[scenario.name] = str(error)
                self._watcher.end(scenario.name, f"lacking: {error}")
            except TakeError as error:
                if scenario.error:
                    # It ends in an error here too, only in another.
                    self.report.lacking[scenario.name] = f"ends in {error}, and not in {scenario.error}"
                    self._watcher.end(scenario.name, "lacking")
                else:
                    self._fail(scenario.name, str(error), error.details)
            else:
                takes.append(found)
                self._watcher.end(scenario.name, f"{len(found.taken)} requests")
        return takes

    def _fail(self, name: str, reason: str, details: str) -> None:
        file = self._refused / f"{name.replace('/', '.')}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{details}\n", encoding="utf-8", errors="backslashreplace")
        self.report.failed[name] = (
            f"{reason}. The whole message, which may quote the account: {self._matrix.shown(file)}"
        )
        self._watcher.end(name, f"failed: {reason}")

    def keep_all(self, takes: list[Take], aside: Path) -> None:
        """Write the cassettes of all takes into `aside`, but for those that are not worth keeping."""
        scrubber = self._account.scrubber
        settled = [pair for found in takes for pair in found.settled()]
        scrubber.learn(settled)
        made = [(found, found.settled(), found.scrubbed(scrubber)) for found in takes]
        gate = Gate(scrubber.rules, scrubber.pseudonyms.issued, scrubber.secrets)
        for found, raw, entries in made:
            scenario = found.scenario
            path = aside / scenario.cassette
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dump(entries), encoding="utf-8")
            self._shown[scenario.name] = self._as_shown(scenario)
            fault = self._judge(found, raw, entries, gate, path)
            if fault:
                self._refuse(scenario.name, path, fault)
            else:
                self.report.recorded[scenario.name] = len(entries)
        self.report.replaced.update({rule: len(found) for rule, found in scrubber.replaced.items()})

    def _judge(
        self, found: Take, raw: list[tuple[Any, dict[str, Any]]], entries: list[Entry], gate: Gate, path: Path
    ) -> str | None:
        """Why a cassette is not worth keeping, or None."""
        try:
            return (
                next(filter(None, (self._find_loss(*pair) for pair in raw)), None)
                or find_fault(found.scenario, found.played, entries)
                or self._find_leak(gate, raw, path)
                or self._find_replay_fault(found, path)
            )
        except ValueError as error:
            # One cassette that cannot be judged is one scenario lost, and not all.
            return f"cannot be compared with what was answered ({type(error).__name__})"

    def _as_shown(self, scenario: Scenario) -> Scenario:
        """The scenario with its values as the cassette shows them."""
        scrubber, plain = self._account.scrubber, self._matrix.scenarios[scenario.name].options
        # What the matrix says is public; of that, only what stands in a request looks different there.
        options = {
            name: value
            if plain.get(name) == value and name not in scrubber.rules.asked_like
            else scrubber.asked(name, value)
            for name, value in scenario.options.items()
        }
        return scenario.fitted(options, scrubber.all_asked(scenario.start))

    def _find_loss(self, request: Any, response: dict[str, Any]) -> str | None:
        """Why an interaction could not be replayed as it was, or None."""
        lost = find_lost(request, response, self._account.scrubber)
        words = self._account.scrubber.rules.words
        return f"cannot be replayed: of {route_shown(request, words)}, {lost}" if lost else None

    def _find_leak(self, gate: Gate, raw: list[tuple[Any, dict[str, Any]]], path: Path) -> str | None:
        rules = self._account.scrubber.rules
        findings = [
            finding
            for request, response in raw
            for body in (asked_body(request), answered_body(response))
            # What is asked with is kept or replaced by its name.
            if body is not None and body.kind != FORM
            for finding in find_unreplaced(body.plain, self._account.scrubber.value(body.plain), rules)
        ] or gate.find(path.read_bytes())
        if not findings:
            return None
        more = f" and {len(findings) - 1} more" if findings[1:] else ""
        return (
            f"would leak: {findings[0]}{more}. Give its field another rule under [paths] in "
            "configs/scrub_rules.toml (`text` suits everything), raise `version`, and record again"
        )

    def _find_replay_fault(self, found: Take, path: Path) -> str | None:
        """What goes wrong where the cassette is replayed, strictly and in full."""
        tape = player(Scrubber(self._matrix.rules, "replay"))
        scenario = self._shown[found.scenario.name]
        try:
            with tape.use_cassette(str(path)) as cassette, strictly(cassette):
                played = play(scenario, self._source, self._matrix.replay)
        except Exception as error:  # noqa: BLE001 - whatever it raises, it does not replay
            return f"was recorded and does not replay: {type(error).__name__}: {error}"
        counts = [[len(read) for read in one.reads] for one in (found.played, played)]
        if counts[0] != counts[1]:
            return f"was recorded with {counts[0]} rows a step, and replays with {counts[1]}"
        return None

    def _refuse(self, name: str, path: Path, fault: str) -> None:
        file = self._refused / f"{name.replace('/', '.')}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        path.replace(file)
        self.report.failed[name] = f"{fault.rstrip('.')}. The refused cassette: {self._matrix.shown(file)}"

    def keep_small(self, aside: Path, known: Provenance, others: Iterable[str]) -> None:
        """Leave out the largest new cassettes until the set, with all that stays, is within its limit."""
        most = self._matrix.limits.get("max_bytes")
        kept = sum(
            (self._place / f"{name}.json").stat().st_size
            for name in (*others, *self.report.failed)
            if name in known.cassettes and (self._place / f"{name}.json").exists()
        )
        sizes = {name: (aside / f"{name}.json").stat().st_size for name in self.report.recorded}
        while most is not None and sizes and kept + sum(sizes.values()) > most:
            name = max(sizes, key=lambda found: sizes[found])
            self.report.lacking[name] = f"its {sizes.pop(name):,} bytes would be too many for the set"
            del self.report.recorded[name]
            (aside / f"{name}.json").unlink()

    def compose(self, aside: Path, known: Provenance, others: Iterable[str]) -> Provenance:
        """Add to `aside` what stays as it was, and say of everything where it comes from."""
        pseudonyms = self._account.scrubber.pseudonyms.fingerprint
        stay = [name for name in (*others, *self.report.failed) if name in known.cassettes]
        if other := other_keys(known, stay, pseudonyms):
            raise RecordError(
                NEW_KEY.format(count=len(other), place=self._matrix.shown(self._place), first=other[0])
            )
        cassettes = {name: known.cassettes[name] for name in stay if (self._place / f"{name}.json").exists()}
        for name in cassettes:
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._place / f"{name}.json", aside / f"{name}.json")
        made = describe_recording(
            self._account.origin, self._matrix.rules, pseudonyms, self._matrix.home.parent, now_utc()
        )
        most_days = self._matrix.limits.get("max_age_days", {}).get(self._account.origin)
        for name in self.report.recorded:
            entry = made | self._own_values(name) | {"content": content_of(aside / f"{name}.json")}
            old = known.cassettes.get(name, {})
            if old.get("content") == entry["content"]:
                self.report.unchanged.add(name)
            still = bool(old) and is_still_true(old, entry, most_days)
            cassettes[name] = old if still else entry
        lacking = {name: reason for name, reason in known.lacking.items() if name not in cassettes}
        lacking |= self.report.lacking
        return Provenance(
            cassettes,
            {name: reason for name, reason in lacking.items() if name in self._matrix.scenarios},
        )

    def _own_values(self, name: str) -> Entry:
        """The options and the start that the matrix does not have."""
        seen, plain = self._shown[name], self._matrix.scenarios[name]
        options = {
            option: value for option, value in seen.options.items() if plain.options.get(option) != value
        }
        own = {"options": options, "start": dict(seen.start)}
        return {kind: values for kind, values in own.items() if values}
