"""Reading one list page by page until no row can have slipped through.

Aha!'s lists are read by page number. A row that leaves the list (deleted, hidden) moves all later rows
forward, so the first row of the next page slips onto the page just read and is skipped. A pass over the
list is therefore judged by the list's length, which every page tells, and repeated until one is whole.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from connector.client import AhaClient, Answer
from connector.errors import AhaResponseError, AhaUnstableListError
from connector.offsets import Position, digest

Row = dict[str, Any]
LONGEST_WALK = 6  # passes


@dataclass(frozen=True)
class Page:
    """One page of a list.

    Attributes:
        rows: its JSON objects, each with an `id`.
        total: rows in the whole list when the page was made.
        last: whether no page follows.
        date: Aha!'s clock when it answered, whole seconds; None where it did not say.
    """

    rows: list[Row]
    total: int
    last: bool
    date: datetime | None


@dataclass(frozen=True)
class Listing:
    """A list route and how it is asked for.

    Attributes:
        path: below /api/v1.
        root: the key of the list in the answer.
        params: sent with every page.
        size: rows per page.
    """

    path: str
    root: str
    params: tuple[tuple[str, str], ...]
    size: int

    def fetch(self, client: AhaClient, number: int) -> Page:
        """Page `number`, counted from 1.

        Raises:
            AhaError: as `AhaClient.get`; AhaResponseError also where the answer contradicts itself.
        """
        params = dict(self.params) | {"page": str(number), "per_page": str(self.size)}
        return self._check(client.get(self.path, params), number)

    def _check(self, answer: Answer, number: int) -> Page:
        rows, pagination = answer.body.get(self.root), answer.body.get("pagination")
        if not isinstance(rows, list) or not all(isinstance(row, dict) and row.get("id") for row in rows):
            raise self._unexpected(f"a list of objects with an `id` under `{self.root}`", answer)
        names = ("total_records", "total_pages", "current_page")
        numbers: list[Any] = [pagination.get(name) for name in names] if isinstance(pagination, dict) else []
        if len(numbers) != 3 or not all(type(value) is int and value >= 0 for value in numbers):
            raise self._unexpected("`pagination` with the counts " + ", ".join(names), answer)
        total, pages, current = numbers
        needed = math.ceil(total / self.size)
        if current != number or pages < needed or pages > total or len(rows) > total:
            raise self._unexpected(
                f"page {number} and room for {total} rows, {self.size} to a page, in `pagination`", answer
            )
        if not rows and number <= pages:
            raise self._unexpected(f"rows on page {number} of {pages}", answer)
        return Page(rows, total, number >= pages, answer.date)

    def _unexpected(self, wanted: str, answer: Answer) -> AhaResponseError:
        return AhaResponseError(
            f"GET {self.path} answered without {wanted}. Received: {str(answer.body)[:200]}. "
            "Nothing was lost; if it stays so, Aha!'s API has changed and this connector needs an update."
        )


class Walk:
    """All rows of one list, with a proof that none slipped through.

    A pass is whole if no row can have left the list during it. A fall of the list's length shows that
    one did. A fall can be hidden by a row that came in at the same time, but a row that comes in was
    changed just now: as long as the rows that may have come in, those changed after the pass began less
    `lookback`, do not outnumber the growth that was seen, nothing is hidden. Where that cannot be told, a
    second pass that meets the very rows of the first is whole as well: nothing came in, so nothing hid.

    Attributes:
        position: where the walk stands, small and JSON-able, so that a walk can go on elsewhere.
        whole: whether the walk has ended.
    """

    def __init__(
        self, fetch: Callable[[int], Page], size: int, lookback: timedelta, position: Position | None = None
    ) -> None:
        self._fetch = fetch
        self._lookback = lookback
        self.position = position if position and position.size == size else Position(size=size)
        self.whole = False
        self._met: set[int] = set()  # of this pass
        self._given: set[int] = set()  # of all passes

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
            version = hash((row["id"], row.get("updated_at")))
            if version not in self._given:
                self._given.add(version)
                news.append(row)
        if page.last:
            self._end_pass()
        return news

    def _account(self, page: Page) -> None:
        was = self.position
        if was.page == 1:
            began = format_time(page.date) if page.date else ""
            was = replace(was, started=was.started or began, began=began, first=page.total, total=page.total)
        fresh = {number: row for row in page.rows if (number := digest(str(row["id"]))) not in self._met}
        self._met.update(fresh)
        horizon = shift(was.began, -self._lookback) if was.began else ""
        late = sum(was.page > 1 and not changed_before(row, horizon) for row in fresh.values())
        self.position = replace(
            was,
            page=was.page + 1,
            total=page.total,
            fell=was.fell or page.total < was.total,
            late=was.late + late,
            rows=was.rows + len(fresh),
            ids=(was.ids + sum(fresh)) % 2**64,
        )

    def _end_pass(self) -> None:
        was = self.position
        steady = not was.fell and was.rows >= was.first
        if steady and (was.first + was.late <= was.total or was.page == 2 or was.ids == was.before):
            self.whole = True
            return
        if was.passes == LONGEST_WALK:
            raise AhaUnstableListError(
                f"Rows left the list in each of {was.passes} attempts to read it, so it is not known to be "
                "complete. Nothing was lost: run again when fewer rows are being deleted."
            )
        self._met = set()
        self.position = Position(
            size=was.size,
            started=was.started,
            passes=was.passes + 1,
            before=was.ids if not was.fell else None,
        )


def format_time(moment: datetime) -> str:
    """Whole seconds, UTC: `2025-09-02T10:00:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def shift(time: str, by: timedelta) -> str:
    return format_time(datetime.fromisoformat(time) + by)


def changed_before(row: Row, time: str) -> bool:
    """Whether a row's last change lies in a second before `time`; a row that does not say does not."""
    changed = row.get("updated_at") or row.get("created_at")
    return isinstance(changed, str) and changed[:19] < time[:19]
