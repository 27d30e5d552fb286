"""The record matrix: which scenarios exist, and how one is played against a connector."""

import importlib
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from strict_cassettes.rules import Rules, RulesError, load_rules

CONFIGS = "configs"
MATRIX = Path(CONFIGS) / "scenarios.toml"

STEPS = ("first", "next", "changed", "deletions")
# A title is a file's name, and part of a test's.
TITLE = re.compile(r"[a-z][a-z0-9_]*")

Row = dict[str, Any]


class MatrixError(Exception):
    """The matrix cannot be used, or names no such scenario."""


class SurveyError(Exception):
    """An account that cannot be looked at; says why in words that are not the account's."""


@dataclass(frozen=True)
class Scenario:
    """One scenario of one table.

    Attributes:
        table, title: together they name it, `table/title`.
        steps: see the matrix.
        options: added to the connection's options.
        start: fields of the offset that `changed` and `deletions` begin from; an account has its own.
        offset: further fields of it, the same for every scenario.
        chosen: the option whose value is the account's own, or None.
        rows: `some`, `none`, or None where either will do.
        pages: pages that one list must have at least, or None.
        error: the class name of the error that it ends in, or None.
    """

    table: str
    title: str
    steps: tuple[str, ...]
    options: Mapping[str, str] = field(default_factory=dict)
    start: Mapping[str, str] = field(default_factory=dict)
    offset: Mapping[str, Any] = field(default_factory=dict)
    chosen: str | None = None
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

    def fitted(self, options: Mapping[str, str], start: Mapping[str, str]) -> "Scenario":
        """This scenario as one account shows it."""
        return replace(self, options={**self.options, **options}, start=dict(start))


@dataclass(frozen=True)
class Fit:
    """How a scenario is recorded on one account, so that it shows what it must and stays small.

    Attributes:
        options: beside the scenario's own.
        start: see `Scenario`.
        requests: about how many it will take; None where nobody knows.
        lacking: why the account cannot show it, or "".
        fault: why it could not be told now, which may pass, or "".
    """

    options: Mapping[str, str] = field(default_factory=dict)
    start: Mapping[str, str] = field(default_factory=dict)
    requests: int | None = None
    lacking: str = ""
    fault: str = ""


# Connection options and scenarios → how each is recorded, by the scenario's name.
Survey = Callable[[Mapping[str, str], Sequence[Scenario]], Mapping[str, Fit]]


@dataclass(frozen=True)
class Matrix:
    """The matrix file.

    Attributes:
        source: `module:name` of what is played: a data source's class that holds a connector, a connector's
            class with `read_table`, or a function from options to rows.
        tables: of the connector.
        scenarios: by name.
        rules: the scrubbing rules.
        home: the directory of the matrix; credentials lie beside it.
        survey: `module:function` that looks at an account before it is recorded, or "".
        replay: the connection options for replay.
        live: `variables` (option → environment variable), `secrets` among them, and `origin` of an account;
            `addressed`, options whose values stand in addresses: there a cassette has those of `replay`.
        sandbox: `start`, a `module:function` that gives connection options for a `with`, and its
            arguments; empty where there is none.
        coverage: `routes` that must be exercised, and the directory of the `tests` that play them.
        limits: `max_bytes` of a set, `max_requests` of a recording and `max_scenario_requests` of a scenario,
            `max_age_days` by where they were recorded.
        faults: name → what may happen to an answer, see `strict_cassettes.faults`.
    """

    source: str
    tables: tuple[str, ...]
    scenarios: dict[str, Scenario]
    rules: Rules
    home: Path
    replay: dict[str, str]
    survey: str = ""
    live: dict[str, Any] = field(default_factory=dict)
    sandbox: dict[str, Any] = field(default_factory=dict)
    coverage: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """The project's directory."""
        return self.home.parent if self.home.name == CONFIGS else self.home

    def shown(self, path: Path) -> str:
        """A path as a person in the project would write it."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)

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


def find_matrix(start: Path | None = None) -> Path:
    """The matrix of the project that a directory is in; by default the one where the command runs.

    Nothing is ever looked for where the harness itself lies: its own project's credentials are not yours.

    Raises:
        MatrixError: there is none there, nor above.
    """
    here = (start or Path.cwd()).resolve()
    found = [folder / MATRIX for folder in (here, *here.parents) if (folder / MATRIX).is_file()]
    if not found:
        raise MatrixError(f"There is no {MATRIX} in {here} or above it. Run this in a project, or name one.")
    return found[0]


def load_matrix(path: Path | None = None) -> Matrix:
    """Read a matrix, by default that of the project where the command runs.

    Raises:
        MatrixError: there is none, it is not valid TOML, or a scenario has an unknown key.
    """
    path = path or find_matrix()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MatrixError(f"{path.name} cannot be read: {error}") from None
    try:
        scenarios = [
            replace(_scenario(table, title, entry), offset=data.get("offset", {}))
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
            path.resolve().parent,
            data["replay"],
            survey=data.get("survey", ""),
            faults=data.get("fault", {}),
            **rest,
        )
    except KeyError as error:
        raise MatrixError(f"{path.name} lacks {error}.") from None
    except (MatrixError, RulesError, TypeError, AttributeError) as error:
        raise MatrixError(f"{path.name}: {error}") from None


def _scenario(table: str, title: str, entry: dict[str, Any]) -> Scenario:
    where = f"[scenario.{title}]"
    unknown = set(entry) - {"tables", "steps", "options", "chosen", "rows", "pages", "error"}
    if unknown:
        raise MatrixError(f"{where} has an unknown key `{sorted(unknown)[0]}`.")
    for name in (table, title):
        if not TITLE.fullmatch(name):
            raise MatrixError(f"{where}: {name!r} names a file, so it is written a-z, 0-9 and _ only.")
    steps = entry["steps"]
    if not steps or not all(step in STEPS for step in steps):
        raise MatrixError(f"{where} `steps` are {', '.join(STEPS)}, not {steps}.")
    if entry.get("rows", "some") not in ("some", "none"):
        raise MatrixError(f'{where} `rows` is "some" or "none", not {entry["rows"]!r}.')
    rest = {name: value for name, value in entry.items() if name not in ("tables", "steps")}
    return Scenario(table, title, tuple(steps), **rest)


def load_survey(matrix: Matrix) -> Survey:
    """What looks at an account before it is recorded; without one, every scenario is recorded as it stands.

    Raises:
        MatrixError: there is none of that name.
    """
    if not matrix.survey:
        return lambda _, scenarios: {scenario.name: Fit() for scenario in scenarios}
    survey: Survey = load_object(matrix.survey, "survey")
    return survey


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
    except (ImportError, AttributeError, SyntaxError, ValueError) as error:
        raise MatrixError(f"The matrix's {what} {name!r} cannot be loaded: {error}") from None


class Rows:
    """A connector that is a function: options → rows. It knows no offsets."""

    def __init__(self, read: Callable[[dict[str, str]], Iterable[Row]]) -> None:
        self._read = read

    def read_table(
        self,
        table: str,
        offset: Any,  # noqa: ARG002 - a connector's interface
        options: dict[str, str],
    ) -> tuple[Iterator[Row], None]:
        """All rows, each time."""
        return iter(self._read({**options, "tableName": table})), None


def connector_of(source: Callable[[dict[str, str]], Any], options: dict[str, str]) -> Any:
    """What reads: of a class, what it holds as `lakeflow_connect`, or itself; else a function of rows."""
    if not isinstance(source, type):
        return Rows(source)
    made = source(options)
    return getattr(made, "lakeflow_connect", made)


def play(
    scenario: Scenario, source: Callable[[dict[str, str]], Any], connection: Mapping[str, str]
) -> Played:
    """Read the scenario's table step by step. An error that the scenario announces is part of the result."""
    options = {"tableName": scenario.table, **connection, **scenario.options}
    connector = connector_of(source, options)
    played = Played()
    offset: dict[str, Any] | None = None
    for step in scenario.steps:
        if step != "next":
            begun = scenario.start and step != "first"
            offset = {**scenario.offset, **scenario.start} if begun else None
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
