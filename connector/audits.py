"""Aha!'s audits: what happened since one of them, and to which records.

Audits only grow, and `after_id` gives those with a larger id: all pages after one id are read, and the next
read goes on after the last id that nothing can come before any more. What is younger is read again, because
an audit may become visible after one with a larger id.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from connector.client import AhaClient
from connector.errors import AhaResponseError
from connector.listing import Listing, Page, Row
from connector.servertime import CLOCK_MARGIN, changed_before, format_time, readable, require_clock, shift
from connector.tables.declaration import letters

# How an audit may spell the idea that a comment or a vote belongs to, and what else a comment may stand at,
# as `letters`: the audits of all internal comments are spelled alike.
IDEAS = frozenset(map(letters, ("ideas/idea", "idea")))
ELSEWHERE = frozenset(
    (
        *("annotation", "competitor", "epic", "feature", "goal", "initiative", "keyresult", "masterfeature"),
        *("page", "persona", "project", "release", "releasephase", "requirement", "strategicimperative"),
        "task",
    )
)


@dataclass
class Audits:
    """Some audits.

    Attributes:
        entries: id → audit.
        young: ids of those before which others may still become visible.
        untold: ids of those that do not say when they were made: as old as the next one that does.
        read_at: server time of the read.
    """

    entries: dict[int, Row] = field(default_factory=dict)
    young: set[int] = field(default_factory=set)
    untold: set[int] = field(default_factory=set)
    read_at: str = ""

    @property
    def settled(self) -> int | None:
        """The last id that nothing can come before any more; None where there is none."""
        old = max(self.entries.keys() - self.young - self.untold, default=-1)
        first = min((*self.young, *(one for one in self.untold if one > old)), default=None)
        return max((one for one in self.entries if first is None or one < first), default=None)


@dataclass(frozen=True)
class AuditList:
    """The audits of an account.

    Args:
        size: audits per page.
        late: how long an audit may take to become visible.
        params: that narrow them.
    """

    client: AhaClient
    size: int
    late: timedelta
    params: tuple[tuple[str, str], ...] = ()

    def after(self, identity: int | None) -> Audits:
        """All audits with a larger id; all there are after None: Aha! keeps 12 months (documented).

        Raises:
            AhaError: a request failed, or an answer is not as documented.
        """
        listing = self._listing(*((("after_id", str(identity)),) if identity is not None else ()))
        found = Audits()
        horizon, number = "", 1
        while True:
            page = listing.fetch(self.client, number)
            horizon = horizon or self._horizon(page, listing)
            if page.date and not found.read_at:
                found.read_at = format_time(page.date)
            for one, audit in _numbered(page):
                if identity is not None and one <= identity:
                    raise unexpected_audits(f"only audits after {identity}, but also {one}")
                found.entries[one] = audit
                if readable(audit.get("created_at")) is None:
                    found.untold.add(one)
                elif not changed_before(audit, horizon, "created_at"):
                    found.young.add(one)
            if page.last:
                return found
            number += 1

    def newest(self) -> int | None:
        """The last id that nothing can come before any more, in two calls; None where there is no audit."""
        listing = self._listing()
        first = listing.fetch(self.client, 1)
        horizon = self._horizon(first, listing)
        pages = [first]
        if not first.last:
            pages.append(listing.fetch(self.client, -(-first.total // self.size)))
        found = {one: audit for page in pages for one, audit in _numbered(page)}
        young = [one for one, audit in found.items() if not changed_before(audit, horizon, "created_at")]
        return min(young) - 1 if young else max(found, default=None)

    def _listing(self, *params: tuple[str, str]) -> Listing:
        return Listing("/audits", "audits", (*self.params, *params), self.size)

    def _horizon(self, page: Page, listing: Listing) -> str:
        now = require_clock(format_time(page.date) if page.date else "", listing.path)
        return shift(now, -self.late - CLOCK_MARGIN)


def ideas_named(audits: Audits, spellings: frozenset[str]) -> dict[str, bool] | None:
    """The ideas of whose comments (or votes) some audits tell, and whether they may be told of again.

    None where an audit does not name the idea as is documented.
    """
    settled, out = audits.settled or 0, dict[str, bool]()
    for one, audit in audits.entries.items():
        if spelling_of(audit) not in spellings or stands_elsewhere(audit):
            continue
        idea = idea_named(audit)
        if idea is None:
            return None
        out[idea] = out.get(idea, False) or one > settled
    return out


def idea_named(audit: Row) -> str | None:
    """The id of the idea that an audit of a comment or a vote names; None where it names none."""
    kind, idea = audit.get("associated_type"), str(audit.get("associated_id"))
    return idea if isinstance(kind, str) and letters(kind) in IDEAS and idea.isdecimal() else None


def stands_elsewhere(audit: Row) -> bool:
    """Whether an audit names another record that comments stand at."""
    kind = audit.get("associated_type")
    return isinstance(kind, str) and letters(kind) in ELSEWHERE


def spelling_of(audit: Row) -> str:
    """What an audit is of, as `letters`.

    Raises:
        AhaResponseError: it does not say.
    """
    kind = audit.get("auditable_type")
    if not isinstance(kind, str):
        raise unexpected_audits("an `auditable_type` for each audit")
    return letters(kind)


def number_in(audit: Row, name: str) -> int:
    """An id in an audit. Raises AhaResponseError where it is none."""
    value = audit.get(name)
    if not str(value).isdecimal():
        raise unexpected_audits(f"a number as `{name}` of each audit, not {type(value).__name__}")
    return int(str(value))


def unexpected_audits(wanted: str) -> AhaResponseError:
    return AhaResponseError(
        f"GET /audits was to answer with {wanted}. Nothing was lost; if it stays so, Aha!'s API has changed "
        "and this connector needs an update."
    )


def _numbered(page: Page) -> Iterator[tuple[int, Row]]:
    return ((number_in(audit, "id"), audit) for audit in page.rows)
