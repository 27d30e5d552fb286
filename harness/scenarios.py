"""The record matrix: which scenarios exist, and how one is played against a connector."""

import importlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.rules import Rules, RulesError, load_rules

ROOT = Path(__file__).resolve().parent.parent
MATRIX = ROOT / "configs" / "scenarios.toml"
CASSETTES = ROOT / "cassettes"

STEPS = ("first", "next", "deletions")

Row = dict[str, Any]
Step = str | dict[str, str]


class MatrixError(Exception):
    """The matrix cannot be used, or names no such scenario."""


@dataclass(frozen=True)
class Scenario:
    """One scenario of one table.

    Attributes:
        table, title: together they name it, `table/title`.
        options: added to the connection's options.
        steps: see the matrix.
        rows: `some`, `none`, or None where either will do.
        pages: pages that one list must have at least, or None.
        error: the class name of the error that it ends in, or None.
    """

    table: str
    title: str
    steps: tuple[Step, ...]
    options: Mapping[str, str] = field(default_factory=dict)
    rows: str | None = None
    pages: int | None = None
    error: str | None = None

    @property
    def name(self) -> str:
        return f"{self.table}/{self.title}"

    @property
    def cassette(self) -> str:
        """Path of its cassette, below the cassette directory."""
        return f"{self.name}.json"


@dataclass(frozen=True)
class Matrix:
    """The matrix file.

    Attributes:
        source: `module:class` of the data source that holds the connector.
        tables: of the connector.
        scenarios: by name.
        rules: the scrubbing rules.
        replay: the connection options for replay.
        live: `variables` (option → environment variable), `secrets` among them, and `origin` of an account.
        sandbox: `start`, a `module:function` that gives connection options for a `with`, and its
            arguments; empty where there is none.
        coverage: `routes` that must be exercised, `scenarios` that each table must have, and the
            directory of the `tests` that play them.
        limits: `max_bytes` of all cassettes, `max_age_days` by where they were recorded.
        faults: name → what may happen to an answer, see `harness.faults`.
    """

    source: str
    tables: tuple[str, ...]
    scenarios: dict[str, Scenario]
    rules: Rules
    replay: dict[str, str]
    live: dict[str, Any] = field(default_factory=dict)
    sandbox: dict[str, Any] = field(default_factory=dict)
    coverage: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, dict[str, Any]] = field(default_factory=dict)

    def select(self, names: tuple[str, ...]) -> list[Scenario]:
        """All scenarios, or those named: `table/title`, a table, or a title.

        Raises:
            MatrixError: a name fits nothing.
        """
        for name in names:
            if not any(name in (found.name, found.table, found.title) for found in self.scenarios.values()):
                known = "\n  ".join(self.scenarios)
                raise MatrixError(f"No scenario, table or title is called {name!r}. There are:\n  {known}")
        return [
            found
            for found in self.scenarios.values()
            if not names or {found.name, found.table, found.title} & set(names)
        ]


@dataclass
class Played:
    """What a connector did with a scenario.

    Attributes:
        reads: the rows of each step.
        offsets: the offset after each step.
        error: what it raised, or None.
    """

    reads: list[list[Row]] = field(default_factory=list)
    offsets: list[dict[str, Any]] = field(default_factory=list)
    error: Exception | None = None


def load_matrix(path: Path = MATRIX) -> Matrix:
    """Read the matrix.

    Raises:
        MatrixError: it is not valid TOML, or a scenario has an unknown key.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MatrixError(f"{path.name} cannot be read: {error}") from None
    try:
        scenarios = [
            _scenario(table, title, entry)
            for title, entry in data["scenario"].items()
            for table in entry.get("tables", data["tables"])
        ]
        if not scenarios:
            raise MatrixError("it names no scenario.")  # noqa: TRY301
        rest = {name: data.get(name, {}) for name in ("live", "sandbox", "coverage", "limits")}
        return Matrix(
            data["source"],
            tuple(data["tables"]),
            {scenario.name: scenario for scenario in scenarios},
            load_rules(path.parent / data["rules"]),
            data["replay"],
            faults=data.get("fault", {}),
            **rest,
        )
    except KeyError as error:
        raise MatrixError(f"{path.name} lacks {error}.") from None
    except (MatrixError, RulesError, TypeError, AttributeError) as error:
        raise MatrixError(f"{path.name}: {error}") from None


def _scenario(table: str, title: str, entry: dict[str, Any]) -> Scenario:
    where = f"[scenario.{title}]"
    unknown = set(entry) - {"tables", "steps", "options", "rows", "pages", "error"}
    if unknown:
        raise MatrixError(f"{where} has an unknown key `{sorted(unknown)[0]}`.")
    steps = entry["steps"]
    if not steps or not all(step in STEPS or set(step) == {"cursor"} for step in steps):
        raise MatrixError(f"{where} `steps` are {', '.join(STEPS)} or {{ cursor = ... }}, not {steps}.")
    if entry.get("rows", "some") not in ("some", "none"):
        raise MatrixError(f'{where} `rows` is "some" or "none", not {entry["rows"]!r}.')
    rest = {name: value for name, value in entry.items() if name not in ("tables", "steps")}
    return Scenario(table, title, tuple(steps), **rest)


def load_source(matrix: Matrix) -> Callable[[dict[str, str]], Any]:
    """The data source's class.

    Raises:
        MatrixError: there is none of that name.
    """
    source: Callable[[dict[str, str]], Any] = load_object(matrix.source, "source")
    return source


def load_object(name: str, what: str) -> Any:
    """What stands at `module:name`.

    Raises:
        MatrixError: nothing does.
    """
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise MatrixError(f"The matrix's {what} {name!r} cannot be loaded: {error}") from None


def play(
    scenario: Scenario, source: Callable[[dict[str, str]], Any], connection: Mapping[str, str]
) -> Played:
    """Read the scenario's table step by step. An error that the scenario announces is part of the result."""
    options = {"tableName": scenario.table, **connection, **scenario.options}
    connector = source(options).lakeflow_connect
    played = Played()
    offset: dict[str, Any] | None = None
    for step in scenario.steps:
        if step in ("first", "deletions"):
            offset = None
        elif isinstance(step, dict):
            offset = {"version": 1, **step}
        read = connector.read_table_deletes if step == "deletions" else connector.read_table
        try:
            rows, offset = read(scenario.table, offset, options)
            played.reads.append(list(rows))
            played.offsets.append(dict(offset or {}))
        except Exception as error:
            # The matrix names the one it means: the harness does not know a connector's classes.
            if type(error).__name__ != scenario.error:
                raise
            played.error = error
            return played
    return played
