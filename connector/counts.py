"""How many records are said to hang below a row, and whether that is believed.

Where a row says 0, a call is saved, and a wrong 0 would lose rows without a word. Nobody has confirmed what
Aha! counts. So counts are believed only after they agreed with the lists: those of the first rows are all
asked for and compared, until one was there; and again at each reconciliation.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from connector.listing import Row
from connector.log import warn
from connector.servertime import changed_before

UNPROVEN, AGREED, DOUBTED, REFUTED = "", "agreed", "doubted", "refuted"


class CountsRefutedError(Exception):
    """A count that was believed is wrong: rows were left out because of it."""


@dataclass(frozen=True)
class Told:
    """What is said to hang below a row.

    Attributes:
        count: how many records; None where nothing is said.
        mark: differs where something may have changed; "" where nothing is said.
    """

    count: int | None = None
    mark: str = ""


NOTHING = Told()
Teller = Callable[[list[Row]], dict[str, Told]]


class Counts:
    """What is said, and what of it is believed.

    Args:
        ask: rows → what is said of each, by id.
        state: what is known of it: nothing; that it agreed; that it agreed and is to be tried again; that it
            was wrong.
        what: its name, for the log.

    Attributes:
        state: as given, and as it became.
    """

    def __init__(self, ask: Teller, state: str, what: str) -> None:
        self._ask = ask
        self._what = what
        self.state = state if state in (AGREED, DOUBTED, REFUTED) else UNPROVEN
        self._silent = False

    @property
    def is_told(self) -> bool:
        """Whether anything is said that may be believed."""
        return self.state != REFUTED and not self._silent

    @property
    def is_doubted(self) -> bool:
        """Whether what agreed once is to be tried again."""
        return self.state == DOUBTED and self.is_told

    def tell(self, rows: list[Row]) -> dict[str, Told]:
        """What is said of rows, by their ids."""
        if not (rows and self.is_told):
            return {}
        told = self._ask(rows)
        self._silent = not told
        return told

    def doubt(self) -> None:
        """Believe no longer, until it agreed again."""
        if self.state == AGREED:
            self.state = DOUBTED

    def is_believed(self, *, sampled: bool) -> bool:
        """Whether a 0 saves a call. `sampled`: for a row of the sample, should there be need of one."""
        return self.state == AGREED or (self.state == DOUBTED and not sampled)

    def compare(self, found: Iterable[tuple[Told, list[Row]]], cursor: str) -> None:
        """Learn from rows that were asked for. What was made since `cursor` proves nothing.

        Raises:
            CountsRefutedError: what was believed before is wrong.
        """
        if self.state == REFUTED:
            return
        proofs = [
            told.count
            for told, records in found
            if told.count is not None
            and any(changed_before(record, cursor, "created_at") for record in records)
        ]
        if 0 in proofs:
            warn("%s says that nothing is there where something is: it is not used again.", self._what)
            believed, self.state = self.state in (AGREED, DOUBTED), REFUTED
            if believed:
                raise CountsRefutedError
        elif proofs and self.state != AGREED:
            self.state = AGREED


def tell_by_field(field: str) -> Teller:
    """What rows say themselves, in one of their fields."""

    def tell(rows: list[Row]) -> dict[str, Told]:
        return {str(row["id"]): told_of(row.get(field)) for row in rows}

    return tell


def told_of(value: object, more: object = None) -> Told:
    """A count, and what else tells that something changed; nothing, where it is none."""
    if type(value) is not int or value < 0:
        return NOTHING
    return Told(value, f"{value}" if more is None else f"{value} {more}")
