"""One page of one list, checked before anybody reads it."""

import math
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from connector.client import AhaClient, Answer
from connector.errors import AhaResponseError

Row = dict[str, Any]


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
        paged: whether an answer without `pagination` is a fault; otherwise such an answer is the whole list.
    """

    path: str
    root: str
    params: tuple[tuple[str, str], ...]
    size: int
    paged: bool = True

    def below(self, parent: str, key: str = "") -> "Listing":
        """The list of one parent, for a path with `{parent}`, and perhaps `{key}`."""
        return replace(self, path=self.path.format(parent=parent, key=key))

    def with_params(self, *params: tuple[str, str]) -> "Listing":
        """The list narrowed by more parameters."""
        return replace(self, params=(*self.params, *params))

    def fetch(self, client: AhaClient, number: int) -> Page:
        """Page `number`, counted from 1.

        Raises:
            AhaError: as `AhaClient.get`; AhaResponseError also where the answer contradicts itself.
        """
        params = dict(self.params) | {"page": str(number), "per_page": str(self.size)}
        return self._check(client.get(self.path, params), number)

    def _check(self, answer: Answer, number: int) -> Page:
        rows, pagination = answer.body.get(self.root), answer.body.get("pagination")
        if not isinstance(rows, list) or not all(map(is_row, rows)):
            raise self._unexpected(f"a list of objects with an `id` under `{self.root}`", answer)
        if len({str(row["id"]) for row in rows}) < len(rows):
            raise self._unexpected(f"each row of page {number} once", answer)
        if pagination is None and not self.paged and number == 1:
            return Page(rows, len(rows), True, answer.date)
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
        # A server that gives fewer rows a page than asked for says more pages than needed.
        due = min(self.size, max(0, total - (number - 1) * self.size)) if pages == needed else min(1, total)
        if number <= pages and len(rows) < due:
            raise self._unexpected(f"{due} rows on page {number} of {pages}", answer)
        return Page(rows, total, number >= pages, answer.date)

    def _unexpected(self, wanted: str, answer: Answer) -> AhaResponseError:
        return AhaResponseError(
            f"GET {self.path} answered without {wanted}. Received: {answer.shown}. "
            "Nothing was lost; if it stays so, Aha!'s API has changed and this connector needs an update."
        )


def is_row(row: Any) -> bool:
    """Whether a JSON value is a row: an object with an `id`."""
    return isinstance(row, dict) and type(row.get("id")) in (str, int) and row["id"] != ""
