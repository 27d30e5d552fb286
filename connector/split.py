"""Splitting a full read into windows that different processes read at the same time.

By time of creation, which never changes, and not by page number: a row that leaves the list moves the others
from page to page, but none from one window to another. Each window is walked whole, with the walk's proof.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from connector.listing import Row
from connector.servertime import parse_time, readable, shift

# Two requests a second remain for each of eight, of the 20 that Aha! allows.
MOST_WINDOWS = 8
# Whether the filters include their own moment is not documented: more is asked for, and the rest dropped.
CREATED_MARGIN = timedelta(seconds=1)


@dataclass(frozen=True)
class Window:
    """Rows by time of creation.

    Attributes:
        since: the first moment that is in it; None from the beginning.
        before: the first moment that no longer is; None to the end.
        share: windows among which the request budget is divided.
    """

    since: str | None = None
    before: str | None = None
    share: int = 1

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def params(self) -> tuple[tuple[str, str], ...]:
        """The request's filters: a little wider than the window."""
        since = (("created_since", shift(self.since, -CREATED_MARGIN)),) if self.since else ()
        before = (("created_before", shift(self.before, 2 * CREATED_MARGIN)),) if self.before else ()
        return (*since, *before)

    def holds(self, row: Row) -> bool:
        """Whether a row is in this window, and so in no other; one that does not say when it was made is in
        each that shows it."""
        created = made_at(row)
        if created is None:
            return True
        return (not self.since or created >= parse_time(self.since)) and (
            not self.before or created < parse_time(self.before)
        )


def make_windows(total: int, rows: int, created_at: Callable[[int], str | None]) -> list[Window]:
    """Windows of about `rows` of `total` rows each.

    `created_at` tells when the row at a position was made, or None if no row stands there any more.

    A single window for a list that is not larger.
    """
    parts = min(MOST_WINDOWS, math.ceil(total / rows))
    if parts < 2:
        return [Window()]
    found = (created_at(total * part // parts + 1) for part in range(1, parts))
    edges = [None, *sorted({bound for bound in found if bound}, key=parse_time), None]
    return [Window(since, before, len(edges) - 1) for since, before in itertools.pairwise(edges)]


def made_at(row: Row) -> datetime | None:
    """When a row was made; None if it does not say so."""
    created = readable(row.get("created_at"))
    return parse_time(created) if created else None
