"""Drift: how the shapes of an account's answers differ from those of the cassettes.

Names of fields that no rule knows may be data, and cassettes hold pseudonyms for them. With the key that made
them, a name of today is found again under its pseudonym; without it, unknown names are one.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from strict_cassettes.cassettes import Entry, load_interactions
from strict_cassettes.provenance import read_provenance
from strict_cassettes.record import look_at, spending_of
from strict_cassettes.recording import Account
from strict_cassettes.rules import Rules
from strict_cassettes.scenarios import Fit, Matrix, Scenario, connector_of, load_source
from strict_cassettes.shapes import optional_in, shape_of
from strict_cassettes.taking import TakeError, TooMuchError, Watcher, take, watched

# What stands for every name that no rule knows, where nobody can tell one from another.
UNKNOWN = "(unlisted)"

# Route, and the names of fields that were asked for.
Group = tuple[str, str]


@dataclass
class Answers:
    """Bodies by what was asked: what is asked for decides what is there.

    Attributes:
        bodies: group → bodies, scrubbed.
        tables: group → the tables that ask so.
        missed: scenarios that could not be played.
    """

    bodies: dict[Group, list[Any]] = field(default_factory=dict)
    tables: dict[Group, set[str]] = field(default_factory=dict)
    missed: dict[str, str] = field(default_factory=dict)

    def add(self, table: str, entries: Iterable[Entry], words: Container[str]) -> None:
        for entry in entries:
            status = entry["response"]["status"]
            asked = "" if status == 200 else f" {status}"
            group = (route_of(entry, words) + asked, str(entry["request"]["query"].get("fields", "")))
            self.bodies.setdefault(group, []).append(entry["response"]["body"])
            self.tables.setdefault(group, set()).add(table)


@dataclass(frozen=True)
class Drift:
    """One difference.

    Attributes:
        route: the route that answers so.
        path: where in the answer.
        what: `added`, `removed`, or how its types changed.
        lacking: tables whose schema does not have the field.
    """

    route: str
    path: str
    what: str
    lacking: tuple[str, ...] = ()

    def __str__(self) -> str:
        lacking = f"; not in the schema of {', '.join(self.lacking)}" if self.lacking else ""
        return f"{self.route} {self.path}: {self.what}{lacking}"


def shapes_of_account(
    account: Account, matrix: Matrix, scenarios: Sequence[Scenario], watcher: Watcher
) -> Answers:
    """What an account answers to the scenarios that it can show. Nothing is written."""
    spending, source, found = spending_of(matrix), load_source(matrix), Answers()
    fits = look_at(account, matrix, scenarios, watcher, spending)
    around = watched(watcher, spending, account.scrubber.date)
    for scenario in scenarios:
        fit = fits.get(scenario.name, Fit())
        if fit.lacking or fit.fault:
            found.missed[scenario.name] = fit.lacking or fit.fault
            continue
        watcher.begin(scenario.name)
        spending.begin()
        try:
            took = take(
                scenario.fitted(fit.options, fit.start),
                source,
                account.connection,
                around,
                matrix.rules.words,
            )
        except (TakeError, TooMuchError) as error:
            found.missed[scenario.name] = str(error)
            continue
        found.add(scenario.table, took.scrubbed(account.scrubber), matrix.rules.words)
        watcher.end(scenario.name, f"{len(took.taken)} requests")
    return found


def shapes_of_set(place: Path, scenarios: Iterable[Scenario], words: Container[str]) -> Answers:
    """What the cassettes of a set answer, as far as they are there."""
    found, known = Answers(), read_provenance(place).cassettes
    for scenario in scenarios:
        if scenario.name in known:
            found.add(scenario.table, load_interactions(place / scenario.cassette), words)
        else:
            found.missed[scenario.name] = f"not in {place.name}/"
    return found


def names_known(place: Path, account: Account) -> Mapping[str, str] | None:
    """Pseudonym → name of fields that no rule knows; None where the cassettes' key is another."""
    keys = {entry["pseudonyms"] for entry in read_provenance(place).cassettes.values()}
    return account.scrubber.names if keys == {account.scrubber.pseudonyms.fingerprint} else None


def compare(
    matrix: Matrix,
    before: Answers,
    now: Answers,
    source: Callable[..., Any],
    names: Mapping[str, str] | None = None,
) -> list[Drift]:
    """Differences, route by route, over all scenarios together.

    Args:
        names: see `names_known`.
    """
    connector = connector_of(source, matrix.replay | {"tableName": matrix.tables[0]})
    # Without a schema, nobody knows which fields a table would take.
    schema_of = getattr(connector, "get_table_schema", None)
    fields = {table: _names(schema_of(table, {}).jsonValue()) for table in matrix.tables} if schema_of else {}
    out: list[Drift] = []
    for group in sorted(before.bodies | now.bodies):
        was, found = before.bodies.get(group, []), now.bodies.get(group, [])
        if names is None:
            was, found = _without_unlisted(was, matrix.rules), _without_unlisted(found, matrix.rules)
        tables = (before.tables | now.tables)[group]
        for path, what in _changes(was, found):
            shown = ".".join((names or {}).get(part, part) for part in path.split("."))
            name = shown.rpartition(".")[2].removesuffix("[]")
            lacking = sorted(table for table in tables if name and name not in fields.get(table, (name,)))
            out.append(Drift(group[0], shown, what, tuple(lacking) if what == "added" else ()))
    return out


def _without_unlisted(value: Any, rules: Rules) -> Any:
    """A body with one name for all that no rule knows: names that cannot be told apart."""
    if isinstance(value, list):
        return [_without_unlisted(item, rules) for item in value]
    if not isinstance(value, dict):
        return value
    known = {name: _without_unlisted(item, rules) for name, item in value.items() if rules.keeps_key(name)}
    return known if len(known) == len(value) else known | {UNKNOWN: None}


def _changes(before: list[Any], now: list[Any]) -> Iterable[tuple[str, str]]:
    was, found = shape_of(before), shape_of(now)
    optional, optional_now = optional_in(before), optional_in(now)
    for path in sorted(was | found):
        if path not in was:
            yield path, "added"
        elif path not in found:
            yield path, "removed"
        elif was[path] != found[path]:
            yield path, f"{_types(was[path])} became {_types(found[path])}"
        elif (path in optional) != (path in optional_now):
            yield path, "became optional" if path in optional_now else "is always there now"


def _types(types: set[str]) -> str:
    return " or ".join(sorted(types))


def route_of(entry: Entry, words: Container[str]) -> str:
    """The template of a request's path: what is no published word is an `:id`."""
    parts = entry["request"]["path"].split("/")
    return "/".join(part if not part or part in words else ":id" for part in parts)


def _names(kind: Any) -> set[str]:
    """All field names of a schema, as Spark writes it in JSON."""
    if not isinstance(kind, dict):
        return set()
    out = _names(kind.get("elementType"))
    for found in kind.get("fields", ()):
        out |= {found["name"]} | _names(found["type"])
    return out
