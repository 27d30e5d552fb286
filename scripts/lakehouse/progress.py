"""What a person sees of a run: what it will cost, how far it is, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from connector.errors import printable
from connector.pacing import Clock
from scripts.lakehouse.estimate import Estimate
from scripts.lakehouse.relay import Traffic

# Where nobody's terminal is, so often a line.
QUIET_SECONDS = 25.0
WAITING, READING, DONE, FAILED = "waiting", "reading", "done", "failed"


@dataclass
class Progress:
    """How far one table is.

    Attributes:
        name: its destination.
        estimate: the calls of its first sync; None where it goes on from a checkpoint.
        state: one of four.
        rows: that this run brought.
        total: rows of the table; None until it is done.
        seconds: that it took.
        fault: why it failed.
    """

    name: str
    estimate: Estimate | None = None
    traffic: Traffic = field(default_factory=Traffic)
    state: str = WAITING
    rows: int = 0
    total: int | None = None
    seconds: float = 0.0
    fault: str = ""

    @property
    def to_go(self) -> int:
        """Calls that are expected yet, about."""
        if self.state not in (WAITING, READING):
            return 0
        expected = self.estimate.calls if self.estimate else None
        if expected is None:
            return self.traffic.to_come
        left = max(0, expected - self.traffic.sent)
        # Of a first sync that goes on, the pages that are left tell what is done already.
        return max(self.traffic.pages_left, min(left, self.traffic.to_come)) if self.traffic.paged else left

    def __str__(self) -> str:
        told = f"{self.name} {counted(self.rows, 'row')}, {counted(self.traffic.sent, 'call')}"
        return f"{told}, about {self.to_go:,} to go" if self.to_go else told


@dataclass(frozen=True)
class Board:
    """All tables of a run. `per_minute`: calls that the account allows."""

    tables: Sequence[Progress]
    per_minute: int

    def summary(self) -> str:
        """How far the run is as a whole."""
        done = sum(table.state in (DONE, FAILED) for table in self.tables)
        sent = sum(table.traffic.sent for table in self.tables)
        to_go = sum(table.to_go for table in self.tables)
        left = f", about {minutes(to_go, self.per_minute)} left" if to_go else ""
        waiting = any(table.traffic.waiting for table in self.tables)
        held = f"; waiting for the limit of {self.per_minute:,} calls a minute" if waiting else ""
        return f"{done} of {len(self.tables)} tables, {counted(sent, 'call')}{left}{held}"

    def lines(self) -> list[str]:
        """The run as a whole, and the tables that are being read."""
        return [self.summary(), *(str(table) for table in self.tables if table.state == READING)]


class Display:
    """The board: kept up to date on a terminal, a line every half minute elsewhere."""

    def __init__(self, console: Console, board: Board, clock: Clock) -> None:
        self._console, self._board, self._clock = console, board, clock
        self._live = Live(console=console, transient=True, auto_refresh=False)
        self._said = clock.monotonic()

    def __enter__(self) -> "Display":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def update(self) -> None:
        lines = self._board.lines()
        if self._console.is_terminal:
            self._live.update(Group(*map(escape, lines)), refresh=True)
        elif self._clock.monotonic() - self._said >= QUIET_SECONDS:
            self._said = self._clock.monotonic()
            self._console.print("; ".join(lines), soft_wrap=True, markup=False)


def plan_table(board: Board) -> Group | str:
    """What the run will cost, as far as that can be known before it."""
    first = [table for table in board.tables if table.estimate]
    others = len(board.tables) - len(first)
    goes_on = f"{counted(others, 'table')} will go on from a checkpoint, and ask for what changed."
    if not first:
        return goes_on
    calls = sum((table.estimate and table.estimate.calls) or 0 for table in first)

    length = minutes(calls, board.per_minute)
    cost = f"About {counted(calls, 'call')}: {length} at {board.per_minute:,} a minute."
    report = Table("table", "calls")
    report.columns[1].justify = "right"
    for table in first:
        report.add_row(escape(table.name), str(table.estimate))
    # Not as the table's own title and caption, which are no wider than it is.
    return Group(
        f"First syncs: {counted(len(first), 'table')}", report, f"{cost} {goes_on}" if others else cost
    )


def result_table(board: Board) -> Table:
    """What came of each table that did not fail."""
    report = Table(
        "table", "rows", "changed", "requests", "seconds", title="Ingested through the merged file"
    )
    for column in report.columns[1:]:
        column.justify = "right"
    for table in board.tables:
        if table.state == DONE:
            numbers = (
                f"{table.total or 0}",
                f"{table.rows}",
                f"{table.traffic.sent}",
                f"{table.seconds:.1f}",
            )
            report.add_row(escape(table.name), *numbers)
    return report


def result_json(board: Board, destination: str, warnings: Sequence[str]) -> dict[str, object]:
    """The same, for scripts."""
    return {
        "destination": destination,
        "tables": [
            {
                "table": table.name,
                "state": table.state,
                "rows": table.total,
                "changed": table.rows,
                "requests": table.traffic.sent,
                "seconds": round(table.seconds, 1),
                "error": table.fault or None,
            }
            for table in board.tables
        ],
        "warnings": [printable(text) for text in warnings],
    }


def traffic_warnings(board: Board) -> list[str]:
    """What the account refused, in sentences."""
    limited = sum(table.traffic.failed[429] for table in board.tables)
    silent = sum(table.traffic.failed[0] for table in board.tables)
    failed = sum(
        count for table in board.tables for status, count in table.traffic.failed.items() if status >= 500
    )
    told = []
    if limited:
        told.append(
            f"{limited:,} calls were answered 429 (rate limited) and made again: other jobs use the account, "
            "too. A smaller `requests_per_minute` leaves them room."
        )
    if failed:
        told.append(f"{failed:,} calls were answered 5xx and made again.")
    if silent:
        told.append(f"{silent:,} calls got no answer and were made again.")
    return told


def minutes(calls: int, per_minute: int) -> str:
    return counted(-(-calls // per_minute), "minute")


def counted(number: int, what: str) -> str:
    """A number and its noun."""
    return f"{number:,} {what}{'s' if number != 1 else ''}"
