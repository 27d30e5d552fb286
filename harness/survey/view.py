"""What is seen of an Aha! account at a first look; each thing is asked for once."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from connector.client import AhaClient
from connector.errors import AhaError, AhaNotFoundError, AhaStatusError
from connector.listing import Listing, Page, Row
from connector.tables.declaration import Source, Table

# Ideas of an account that is read whole.
SMALL = 25
SAMPLE = 100
# Of how many ideas it is asked what stands below them.
ASKED = 12
IDEA_FIELDS = "id,name,created_at,updated_at,workflow_status,endorsements_count,comments_count"
COUNTS = ("comments_count", "endorsements_count")
REFUSED = (401, 403, 404)

Found = TypeVar("Found")


class LackingError(Exception):
    """The account cannot show a scenario; the message says why, and nothing of what it holds."""


class UnseenError(Exception):
    """What a scenario needs could not be looked at now; the message says why."""


@dataclass
class View:
    """Questions to one account, and their answers."""

    client: AhaClient
    _known: dict[Any, Any] = field(default_factory=dict)

    def once(self, key: Any, ask: Callable[[], Found]) -> Found:
        """The answer of before, also where that is a lack.

        Raises:
            LackingError, UnseenError: the answer is that.
        """
        if key not in self._known:
            try:
                self._known[key] = ask()
            except (LackingError, UnseenError) as error:
                self._known[key] = error
        found: Found | LackingError | UnseenError = self._known[key]
        if isinstance(found, LackingError | UnseenError):
            raise found
        return found

    @cached_property
    def sample(self) -> Page:
        """The first ideas of the list; all of them in a small account."""
        return self._list({}, SAMPLE)

    @property
    def is_small(self) -> bool:
        return self.sample.total <= SMALL

    def votes(self, table: Table) -> Page:
        """The first votes of a table of them.

        Raises:
            LackingError: the key may not read them.
        """
        route = table.source.route
        fields = ("fields", "id,idea_id,created_at,updated_at")
        listing = Listing(route.path, route.root, (*route.params, fields), SAMPLE)
        return self.page(listing, 1, spoken(table))

    def page(self, listing: Listing, number: int, what: str) -> Page:
        """A page of a list that the key may not be allowed to read.

        Raises:
            LackingError: it may not.
            UnseenError: another fault.
        """

        def ask() -> Page:
            try:
                return listing.fetch(self.client, number)
            except AhaStatusError as error:
                if error.status not in REFUSED:
                    raise UnseenError(f"{what} answered {error.status} to the first look") from None
                raise LackingError(f"the key may not read {what} ({error.status})") from None
            except AhaError as error:
                raise UnseenError(f"{what}: {type(error).__name__} at the first look") from None

        return self.once((listing, number), ask)

    def ideas(self, filters: Mapping[str, str], size: int) -> Sequence[Row]:
        """The first ideas that pass `filters`."""
        return self._list(filters, size).rows

    def count(self, filters: Mapping[str, str]) -> int:
        """How many ideas pass `filters`."""
        key = tuple(sorted(filters.items()))
        return self.once(key, lambda: self._list(filters, 1, "id").total)

    def _list(self, filters: Mapping[str, str], size: int, fields: str = IDEA_FIELDS) -> Page:
        params = (*sorted(filters.items()), ("fields", fields))
        return Listing("/ideas", "ideas", params, size).fetch(self.client, 1)

    def idea(self, identity: str) -> Row | None:
        """One idea; None if there is none."""
        known = next((idea for idea in self.sample.rows if str(idea["id"]) == identity), None)
        if known or not identity.isdecimal():
            return known
        try:
            found = self.client.get(f"/ideas/{identity}", {"fields": IDEA_FIELDS}).body.get("idea")
        except AhaNotFoundError:
            return None
        return found if isinstance(found, dict) else None

    def rows_below(self, table: Table, idea: str) -> int:
        """How many rows of a table stand below one idea.

        Raises:
            LackingError: the key may not read them.
        """
        below = below_ideas(table)
        if below is None:
            return 1
        listing = Listing(below.route.path, below.route.root, below.route.params, 1).below(idea)
        try:
            return self.page(listing, 1, spoken(table)).total
        except LackingError as error:
            # 404: the idea is gone, and its list with it.
            if str(error).endswith("(404)"):
                return 0
            raise

    def bearing(self, table: Table) -> Mapping[str, int]:
        """Ideas that have rows of a table, and how many; not all of them in a large account.

        Raises:
            LackingError: none was found.
        """
        return self.once(table.name, lambda: self._find_bearing(table))

    def _find_bearing(self, table: Table) -> Mapping[str, int]:
        if not self.sample.total:
            raise LackingError("the account shows no idea")
        below = below_ideas(table)
        if below is None or below.parents is None:
            return {str(idea["id"]): 1 for idea in self.sample.rows}
        if table.narrowed:
            found = dict(Counter(str(vote.get("idea_id")) for vote in self.votes(table).rows))
            if not found:
                raise LackingError(f"it shows no {spoken(table).removesuffix('s')}")
            # Below an idea whose own count is 0, the connector does not look.
            silent = {str(idea["id"]) for idea in self.sample.rows if idea.get(COUNTS[1]) == 0}
            return {idea: count for idea, count in found.items() if idea not in silent}
        count_field = below.parents.count
        ideas = [idea for idea in self.sample.rows if not count_field or idea.get(count_field) != 0]
        # What people talk about has comments of either kind.
        ideas.sort(key=lambda idea: -sum(count for name in COUNTS if type(count := idea.get(name)) is int))
        asked = ideas if self.is_small else ideas[:ASKED]
        counts = {str(idea["id"]): self.rows_below(table, str(idea["id"])) for idea in asked}
        found = {idea: count for idea, count in counts.items() if count}
        if not found:
            raise LackingError(f"none of the {len(asked)} ideas that were looked at has any")
        return found


def below_ideas(table: Table) -> Source | None:
    """The list of a table that stands below each idea, or None."""
    for source in (table.source, table.narrowed):
        if source and source.parents and source.parents.table == "ideas":
            return source
    return None


def is_listed(table: Table) -> bool:
    """Whether its rows have one list for the whole account."""
    return table.source.parents is None


def spoken(table: Table) -> str:
    """The table's rows, in words."""
    return table.name.replace("_", " ").removeprefix("idea ")


def status_of(idea: Row) -> str | None:
    """The name of an idea's workflow status, if it has one."""
    status = idea.get("workflow_status")
    name = status.get("name") if isinstance(status, dict) else None
    return name if isinstance(name, str) and name else None
