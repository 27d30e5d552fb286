"""Drift: how the shapes of an API's answers differ from those of the cassettes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.cassettes import Entry, load_interactions
from harness.scenarios import Matrix, Scenario
from harness.shapes import optional_in, shape_of


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


def compare(
    matrix: Matrix, scenarios: Iterable[Scenario], recorded: Path, made: Path, source: Callable[..., Any]
) -> list[Drift]:
    """Differences between two directories of cassettes, route by route, over all scenarios together."""
    before: dict[tuple[str, str], list[Any]] = {}
    now: dict[tuple[str, str], list[Any]] = {}
    tables: dict[tuple[str, str], set[str]] = {}
    for scenario in scenarios:
        for bodies, directory in ((before, recorded), (now, made)):
            for entry in load_interactions(directory / scenario.cassette):
                # Answers to the same question: what is asked for decides what is there.
                status = entry["response"]["status"]
                asked = "" if status == 200 else f" {status}"
                group = (route_of(entry) + asked, str(entry["request"]["query"].get("fields", "")))
                bodies.setdefault(group, []).append(entry["response"]["body"])
                tables.setdefault(group, set()).add(scenario.table)
    connector = source(matrix.replay | {"tableName": matrix.tables[0]}).lakeflow_connect
    fields = {table: _names(connector.get_table_schema(table, {}).jsonValue()) for table in matrix.tables}
    out: list[Drift] = []
    for group in sorted(before | now):
        route = group[0]
        for path, what in _changes(before.get(group, []), now.get(group, [])):
            name = path.rpartition(".")[2].removesuffix("[]")
            lacking = (
                sorted(table for table in tables[group] if name and name not in fields[table])
                if what == "added"
                else []
            )
            out.append(Drift(route, path, what, tuple(lacking)))
    return out


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


def route_of(entry: Entry) -> str:
    """The template of a request's path: ids as `:id`."""
    parts = entry["request"]["path"].split("/")
    return "/".join(":id" if part.isdecimal() else part for part in parts)


def _names(kind: Any) -> set[str]:
    """All field names of a schema, as Spark writes it in JSON."""
    if not isinstance(kind, dict):
        return set()
    out = _names(kind.get("elementType"))
    for field in kind.get("fields", ()):
        out |= {field["name"]} | _names(field["type"])
    return out
