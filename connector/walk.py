"""Reading one list page by page until no row can have slipped through.

Aha!'s lists are read by page number. A row that leaves the list (deleted, hidden) moves all later rows
forward, so the first row of the next page slips onto the page just read and is skipped. A pass over the
list is therefore judged by the list's length, which every page tells, and repeated until one is whole.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from connector.errors import AhaUnstableListError
from connector.listing import Page, Row
from connector.offsets import Position, digest
from connector.servertime import changed_before, format_time, shift

LONGEST_WALK = 6  # passes within one read
TAIL = 4  # rows


@dataclass
class Pass:
    """What is known of a pass beyond its position: lost when a walk goes on elsewhere.

    Attributes:
        met: digests of the ids met in this pass.
        before: those of the pass before, or None where it is not known.
        base: the list's length from which growth is counted: at this pass's first page, or at the last page
            of the pass before where that is known.
    """

    met: set[int]
    before: set[int] | None = None
    base: int | None = None


class Walk:
    """All rows of one list, with a proof that none slipped through.

    A row slips when others leave the list before it. That makes the list shorter, unless as many rows come
    in at the same time; and a row that comes in on a page already read pushes a row back, which is then met
    twice. So a pass is whole if the list never became shorter, no row was met twice, and the rows that may
    have come in do not outnumber the growth that was seen. Rows that may have come in are, in the first
    pass, those changed after it began less `lookback`; in a later one, those that the pass before did not
    meet.

    Args:
        fetch: page number → page.
        size: rows per page.
        lookback: how late a change may become visible.
        came_in: the fields that say when a row came in, the first that it has: `created_at` for a whole list,
            `updated_at` for one that is filtered by it.
        position: where an earlier walk stopped.

    Attributes:
        position: where the walk stands, small and JSON-able, so that it can go on elsewhere.
        whole: whether the walk has ended.
    """

    def __init__(
        self,
        fetch: Callable[[int], Page],
        size: int,
        lookback: timedelta,
        *,
        came_in: tuple[str, ...] = ("updated_at",),
        position: Position | None = None,
    ) -> None:
        self._fetch = fetch
        self._lookback = lookback
        self._came_in = came_in
        self.position = position if position and position.size == size else Position(size=size)
        self.whole = False
        self._pass = Pass(set())
        self._given: set[int] = set()  # versions, of all passes
        self._passes = 1

    def __iter__(self) -> Iterator[list[Row]]:
        """Pages of rows. From the second pass on, only rows that were not met in the same version."""
        while not self.whole:
            yield self.next_page()

    def next_page(self) -> list[Row]:
        """The next page's rows; sets `whole` when it was the last.

        Raises:
            AhaError: as `Listing.fetch`; AhaUnstableListError after six passes, none of them whole.
        """
        page = self._fetch(self.position.page)
        self._account(page)
        news = []
        for row in page.rows:
            version = hash((str(row["id"]), str(row.get("updated_at"))))
            if version not in self._given:
                self._given.add(version)
                news.append(row)
        if page.last:
            self._end_pass()
        return news

    def _account(self, page: Page) -> None:
        was, known = self.position, self._pass
        told = format_time(page.date) if page.date else ""
        if was.page == 1:
            was = replace(was, started=was.started or told, began=told, first=page.total, total=page.total)
        elif told:
            # Time does not go back: where it seems to, an earlier answer was dated ahead.
            was = replace(was, started=min(was.started, told), began=min(was.began, told))
        ids = [digest(str(row["id"])) for row in page.rows]
        fresh = set(ids) - known.met
        again = len(fresh) < len(ids) or bool(set(ids) & set(was.tail))
        horizon = shift(was.began, -self._lookback) if was.began else ""
        late = sum(
            number in fresh and self._may_have_come_in(row, number, horizon)
            for row, number in zip(page.rows, ids, strict=True)
        )
        known.met |= fresh
        self.position = replace(
            was,
            page=was.page + 1,
            total=page.total,
            fell=was.fell or again or page.total < was.total,
            late=was.late + late,
            rows=was.rows + len(fresh),
            ids=(was.ids + sum(fresh)) % 2**64,
            tail=ids[-TAIL:] or was.tail,
        )

    def _may_have_come_in(self, row: Row, number: int, horizon: str) -> bool:
        if self._pass.before is not None:
            return number not in self._pass.before
        # What stands on the first page was in the list when the pass began.
        return self.position.page > 1 and not changed_before(row, horizon, *self._came_in)

    def _end_pass(self) -> None:
        was = self.position
        single = was.page == 2
        base = was.first if self._pass.base is None else self._pass.base
        told = was.late <= was.total - base or was.ids == was.before
        if single or (not was.fell and was.rows >= was.first and told):
            self.whole = True
            return
        if self._passes == LONGEST_WALK:
            raise AhaUnstableListError(
                f"The list changed in each of {self._passes} attempts to read it, which may have moved "
                "rows past the reader. Nothing was lost: run again when fewer rows are being deleted."
            )
        self._passes += 1
        # What was met is all of the pass only if the pass began here.
        complete = len(self._pass.met) == was.rows
        self._pass = Pass(set(), self._pass.met, was.total) if complete else Pass(set())
        self.position = Position(
            was.size,
            started=was.started,
            before=None if was.fell else was.ids,
            parent=was.parent,
            turn=max(0, was.turn) + 1,
        )
