"""The inventory as one self-contained page: coverage, ages, faults, changes since the last commit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from os.path import relpath
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from strict_cassettes.changes import Change, GitError, find_changes
from strict_cassettes.inventory import Inventory
from strict_cassettes.paging import PAGES
from strict_cassettes.scenarios import Matrix

TEMPLATE = "page.html"
# What a cell of the coverage says.
SHOWN, LACKING, MISSING, NONE = "shown", "lacking", "missing", ""


@dataclass(frozen=True)
class Coverage:
    """Which scenario and which page each table shows. `rows`: table → a state for each column."""

    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]


def write_page(
    path: Path,
    matrix: Matrix,
    cassettes: Path,
    inventories: list[Inventory],
    faults: list[str],
    made_at: datetime,
) -> None:
    """Write the page; it loads nothing from anywhere."""
    environment = Environment(
        loader=PackageLoader("strict_cassettes", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    changes: list[Change] = []
    unknown = ""
    try:
        changes = find_changes(cassettes, matrix.rules)
    except GitError as error:
        unknown = str(error)
    content: dict[str, Any] = {
        "made_at": made_at.strftime("%Y-%m-%d %H:%M UTC"),
        "faults": faults,
        "sets": [(inventory, cover(matrix, inventory)) for inventory in inventories],
        "link": lambda inventory, line: relpath(inventory.place / f"{line.scenario}.json", path.parent),
        "changes": changes,
        "unknown": unknown,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(environment.get_template(TEMPLATE).render(content), encoding="utf-8")


def cover(matrix: Matrix, inventory: Inventory) -> Coverage:
    """What is shown, what the account lacks, and what is missing."""
    columns = [*dict.fromkeys(found.title for found in matrix.scenarios.values()), *PAGES]
    rows = []
    for table in matrix.tables:
        lines = [line for line in inventory.lines if line.scenario.startswith(f"{table}/")]
        shown = {line.scenario.partition("/")[2] for line in lines}
        shown |= {page for line in lines for page in line.pages}
        own = [found for found in matrix.scenarios.values() if found.table == table]
        wanted = {found.title for found in own} | set(PAGES if any(found.pages for found in own) else ())
        states = []
        for name in columns:
            lacking = f"{table}/{name}" in inventory.lacking
            states.append(
                NONE if name not in wanted else SHOWN if name in shown else LACKING if lacking else MISSING
            )
        rows.append((table, states))
    return Coverage(columns, rows)
