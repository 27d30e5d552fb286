"""The cassettes as a whole: what there is, where it comes from, and whether anything is missing or stale."""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.table import Table

from strict_cassettes.cassettes import CassetteError, dump, load_interactions
from strict_cassettes.drift import route_of
from strict_cassettes.leaks import find_strangers
from strict_cassettes.paging import PAGES, pages_shown
from strict_cassettes.provenance import FILE, Provenance, content_of, read_provenance
from strict_cassettes.scenarios import Matrix
from strict_cassettes.sets import ORIGINS, SANDBOX
from strict_cassettes.taking import is_retried

KILOBYTE = 1024
NUMBERS = ("interactions", "KiB", "days", "rules")


@dataclass(frozen=True)
class Line:
    """One cassette.

    Attributes:
        scenario: its name.
        routes: templates, ids as `:id`.
        interactions, bytes: counts.
        age_days: since it was recorded.
        provenance: as kept beside the cassettes.
        pages: of `PAGES`, those that it shows.
        refusals: answers with an error status.
        retried: answers that a client asks again for, and waits.
        content: a digest of the file.
        canonical: whether the file has the form that a recording writes.
    """

    scenario: str
    routes: tuple[str, ...]
    interactions: int
    bytes: int
    age_days: int
    provenance: dict[str, str]
    pages: frozenset[str]
    refusals: int
    retried: int
    content: str
    canonical: bool


@dataclass(frozen=True)
class Inventory:
    """All cassettes of one set, and what else there is.

    Attributes:
        origin: which set.
        place: where it is.
        lines: one a cassette.
        lacking: scenario → why its account cannot show it.
        missing: other scenarios without a cassette.
        orphans: files that belong to no scenario.
        damaged: what is wrong with cassettes that cannot be read.
        forgotten: scenarios that only the provenance knows.
    """

    origin: str
    place: Path
    lines: list[Line]
    lacking: dict[str, str]
    missing: list[str]
    orphans: list[str]
    damaged: list[str]
    forgotten: list[str]

    def routes(self) -> list[tuple[str, int]]:
        """Each route, and how many cassettes have it."""
        return sorted(Counter(route for line in self.lines for route in line.routes).items())

    def table(self) -> Table:
        """For a terminal."""
        table = Table(title=f"{self.place.parent.name}/{self.origin}/")
        table.add_column("scenario", no_wrap=True)
        for name in ("interactions", "KiB", "days", "from", "commit", "rules"):
            table.add_column(name, overflow="fold", justify="right" if name in NUMBERS else "left")
        for line in self.lines:
            known = line.provenance
            table.add_row(
                line.scenario,
                str(line.interactions),
                f"{line.bytes / KILOBYTE:.0f}",
                str(line.age_days),
                known.get("recorded_from", "?"),
                known.get("commit", "?"),
                known.get("rules", "?").partition(" ")[0],
            )

        return table


def take_inventory(matrix: Matrix, root: Path, origin: str, now: datetime) -> Inventory:
    """Look at every file of a set.

    Raises:
        CassetteError: its provenance is damaged.
    """
    cassettes = root / origin
    provenance: Provenance = read_provenance(cassettes)
    files = {
        str(path.relative_to(cassettes)): path for path in sorted(cassettes.rglob("*")) if path.is_file()
    }
    files.pop(FILE, None)
    lines, missing, damaged = [], [], []
    for scenario in matrix.scenarios.values():
        path = files.pop(scenario.cassette, None)
        if path is None:
            missing += [scenario.name] if scenario.name not in provenance.lacking else []
            continue
        try:
            entries = load_interactions(path)
        except CassetteError as error:
            damaged.append(str(error))
            continue
        known = provenance.cassettes.get(scenario.name, {})
        lines.append(
            Line(
                scenario.name,
                tuple(sorted({route_of(entry, matrix.rules.words) for entry in entries})),
                len(entries),
                path.stat().st_size,
                (now - datetime.fromisoformat(known["recorded_at"])).days if "recorded_at" in known else 0,
                known,
                pages_shown(entries),
                sum(entry["response"]["status"] >= 400 for entry in entries),
                sum(is_retried(entry["response"]["status"]) for entry in entries),
                content_of(path),
                dump(entries) == path.read_text(encoding="utf-8"),
            )
        )
    forgotten = sorted({*provenance.cassettes, *provenance.lacking} - set(matrix.scenarios))
    return Inventory(
        origin, cassettes, lines, dict(provenance.lacking), missing, sorted(files), damaged, forgotten
    )


def find_faults(matrix: Matrix, root: Path, inventories: list[Inventory]) -> list[str]:
    """What is wrong, as sentences that say what to do; empty if nothing is."""
    # A name with a dot is a recording under way, or what a kill left of one: the next one takes it away.
    found = [path.name for path in root.iterdir()] if root.is_dir() else []
    strays = sorted(name for name in found if name not in ORIGINS and not name.startswith("."))
    faults = [f"{name} belongs to no set ({', '.join(ORIGINS)}): delete it." for name in strays]
    if not inventories:
        faults.append("There is no set of cassettes: is the directory right?")
    for inventory in inventories:
        faults += [f"{inventory.origin}/{fault}" for fault in _faults_of(matrix, inventory)]
    return faults


def _faults_of(matrix: Matrix, inventory: Inventory) -> list[str]:
    sandbox = " -- --sandbox" if inventory.origin == SANDBOX else ""
    again = f"record again: nox -s record{sandbox}"
    one = f"{again} " if sandbox else f"{again} -- "
    faults = [f"{name} has no cassette: {one}{name}" for name in inventory.missing]
    faults += [f"{name} belongs to no scenario: delete it, or add a scenario." for name in inventory.orphans]
    faults += inventory.damaged
    faults += [f"{name} is in {FILE} and is no scenario: record all again." for name in inventory.forgotten]
    for line in inventory.lines:
        faults += [f"{line.scenario} {what}" for what in _stale(matrix, inventory, line)]
    faults += [f"{what}: {again}" for what in uncovered(matrix, inventory)]
    total = sum(line.bytes for line in inventory.lines)
    budget = matrix.limits.get("max_bytes", total)
    if total > budget:
        faults.append(f"all its cassettes have {total:,} bytes, and `max_bytes` is {budget:,}: {again}")
    keys = {line.provenance.get("pseudonyms") for line in inventory.lines if line.provenance}
    if len(keys) > 1:
        faults.append(
            "its cassettes were made with different pseudonym keys, and do not join: record all again."
        )
    if not inventory.damaged and inventory.lines:
        faults += find_strangers(sorted(inventory.place.glob("*/*.json")), matrix.rules)
    return faults


def _stale(matrix: Matrix, inventory: Inventory, line: Line) -> Iterator[str]:
    known = line.provenance
    if not line.interactions:
        yield "holds no interaction: record it again."
    if matrix.scenarios[line.scenario].error and not line.refusals:
        yield "was to end in an error, and holds none: record it again."
    elif line.retried and not matrix.scenarios[line.scenario].error:
        yield "holds an answer that a client waits for and asks again: record it again."
    if not line.canonical:
        yield "has not the form that a recording writes: record it again."
    if not known:
        yield "has no provenance: record it again."
        return
    if known["content"] != line.content:
        yield "is not what was recorded: somebody changed it. Record it again."
    if line.age_days < -1:
        yield f"was recorded at {known['recorded_at']}, which is yet to come: record it again."
    if known["recorded_from"] != inventory.origin:
        yield f"was recorded from {known['recorded_from']!r}, and sets do not mix: record it again."
    version = known.get("rules", "none").partition(" ")[0]
    if not version.isdecimal() or int(version) < matrix.rules.version:
        yield f"was made by rule set {version}, and {matrix.rules.version} is current: record it again."
    elif known["rules"].partition(" ")[2] != matrix.rules.fingerprint:
        yield "was made by other rules of this version: raise `version` in the rules, and record it again."
    origin = known.get("recorded_from", "")
    most = matrix.limits.get("max_age_days", {}).get(origin)
    if most is not None and line.age_days > most:
        yield f"is {line.age_days} days old, and {most} is the limit for {origin}: record it again."


def uncovered(matrix: Matrix, inventory: Inventory) -> Iterator[str]:
    """What the matrix wants to see and no cassette shows; of a live set, what its account can show."""
    names = {line.scenario for line in inventory.lines}
    for table in matrix.tables:
        if not any(name.startswith(f"{table}/") for name in names | set(inventory.lacking)):
            yield f"Table {table} has no scenario"
        shown = {
            page for line in inventory.lines if line.scenario.startswith(f"{table}/") for page in line.pages
        }
        several = any(found.pages for found in matrix.scenarios.values() if found.table == table)
        for page in PAGES if several else ():
            if matrix.coverage and page not in shown and inventory.origin == SANDBOX:
                yield f"Table {table} has no {page}"
    routes = {route for line in inventory.lines for route in line.routes}
    for route in matrix.coverage.get("routes", ()):
        if route not in routes and inventory.origin == SANDBOX:
            yield f"Route {route} is in no cassette"
    for route in sorted(routes - set(matrix.coverage.get("routes", routes))):
        yield f"Route {route} is recorded, and not named under [coverage]"
    if inventory.origin == SANDBOX:
        for name, reason in inventory.lacking.items():
            yield f"{name} is lacking ({reason}), and the sandbox shows everything"


def find_unplayed(matrix: Matrix, tests: Path) -> list[str]:
    """Scenarios that no test plays: none of the ids of tests that pytest finds names them."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", str(tests)]
    done = subprocess.run(command, cwd=matrix.root, capture_output=True, text=True, check=False)
    names = {
        found
        for line in done.stdout.splitlines()
        for found in re.findall(r"\[(?:[^\]]*-)?(?:\w+/)??(\w+/\w+)\]", line)
    }
    return [
        f"{name} is played by no test below {tests.name}/: add one, or delete the scenario."
        for name in matrix.scenarios
        if name not in names
    ]
