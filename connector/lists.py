"""The lists of a plan: which there are now, narrowed to what is new or whole, and the walk over them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from connector.census import Census
from connector.client import AhaClient
from connector.counts import Counts
from connector.course import Course, Place
from connector.errors import AhaNotFoundError, AhaOptionError, AhaPermissionError, refusal_of
from connector.listing import Listing, Page, Row
from connector.offsets import Offset, Position, Roll, bucket_of, order_of
from connector.options import Settings
from connector.parallel import Pool
from connector.plan import WORKSPACES, Plan, is_among, plan_parents
from connector.servertime import changed_before, format_time, require_clock, shift
from connector.tables.declaration import Parents, Table
from connector.units import Units, is_empty
from connector.walk import Walk

SINCE_MARGIN = timedelta(seconds=1)


@dataclass
class Lists:
    """The lists of a plan.

    Args:
        asked: the table that they are read for, where that is another than the plan's.
        late: how late a change may become visible.
        pool: where calls for different lists overlap.

    Attributes:
        ahead: the first page of the plan's own list, where it was asked for already.
    """

    client: AhaClient
    settings: Settings
    plan: Plan
    asked: Table
    late: timedelta
    pool: Pool
    ahead: Page | None = None
    _looked: set[str] | None = None

    def open(self, start: Offset, counts: Counts | None) -> tuple[Course, Census | None]:
        """The lists, from where `start` stands; and a count of their rows, where they are read whole."""
        plan, names, started = self.plan, None, ""
        if plan.parents:
            rows, started = self._parents(plan.parents)
            census = self._begin_census(start, counts, started)
            places, names = self._places_below(rows, plan.parents, start, whole=census is not None)
        else:
            census = self._begin_census(start, counts, self._look(start))
            listing = plan.listing if census else self._since(plan.listing, start)
            places = [Place(listing, whole=listing is plan.listing)]
        if census and counts and not start.taking:
            counts.doubt()
        first, self.ahead = self.ahead, None
        course = Course(
            places,
            self._walk,
            lambda place: first or self._first_page(place),
            self.pool,
            started=start.position.started if start.position else started,
            position=start.position,
            ahead=not plan.limit,
            names=names,
        )
        return course, census

    def _look(self, start: Offset) -> str:
        """What time it is, where that decides whether a reconciliation is due: the answer's page is used if
        it is not."""
        if not (self._may_reconcile(start) and self.settings.reconcile_hours and start.reconciled):
            return ""
        self.ahead = self.fetch(self._since(self.plan.listing, start), 1)
        now = format_time(self.ahead.date) if self.ahead.date else ""
        if self._is_late(start, now):
            self.ahead = None
        return now

    def _may_reconcile(self, start: Offset) -> bool:
        """Whether the time decides: not at the beginning, and not within a walk or between two."""
        return bool(
            self.plan.can_be_whole
            and not self.plan.is_whole
            and start.cursor
            and not (start.position or start.strange)
        )

    def _is_late(self, start: Offset, now: str) -> bool:
        hours = timedelta(hours=self.settings.reconcile_hours)
        return start.reconciled is None or self.cursor_after(now) >= shift(start.reconciled, hours)

    def _begin_census(self, start: Offset, counts: Counts | None, now: str) -> Census | None:
        """A count of all rows, where the lists are read whole; by `now` that may be due."""
        plan = self.plan
        if not plan.can_be_whole:
            return None
        whole = plan.is_whole or start.cursor is None or bool(start.strange)
        if start.position and start.cursor and not plan.is_whole:
            whole = start.taking is not None
        elif not whole:
            whole = bool(self.settings.reconcile_hours) and self._is_late(start, now)
        return Census(start, counts) if whole else None

    def _parents(self, parents: Parents) -> tuple[list[Row], str]:
        """All records that lists stand below, and when they were asked for."""
        plan = plan_parents(parents, self.settings)
        lists = Lists(self.client, self.settings, plan, self.asked, self.late, self.pool)
        units = Units(self.client, plan, self.late, self.settings.page_size, self.pool)
        kept = ("id", "reference_prefix", parents.count, parents.stubs)
        named = {name for name in (*kept, *(parents.where or ())[:1]) if name}
        course, _ = lists.open(Offset(""), None)
        found = [
            {name: row[name] for name in named if name in row}
            for place, rows in lists.pages(course)
            for row in units.due(course.once(place, rows), None)
        ]
        if plan.table is WORKSPACES and self.settings.workspaces:
            found = self._chosen(found)
        if parents.where:
            name, text = parents.where
            found = [row for row in found if text in str(row.get(name))]
        return sorted(found, key=lambda row: order_of(str(row["id"]))), course.started

    def _chosen(self, found: list[Row]) -> list[Row]:
        """The workspaces that the option names.

        Raises:
            AhaOptionError: there is none of a name.
        """
        for name in sorted(self.settings.workspaces):
            if not any(is_among(row, frozenset({name})) for row in found):
                there = ", ".join(sorted(str(row.get("reference_prefix")) for row in found)) or "none"
                raise AhaOptionError(
                    f"Option `workspaces` names {name!r}, and the key sees no such workspace, but {there}."
                )
        return [row for row in found if is_among(row, self.settings.workspaces)]

    def _places_below(
        self, rows: list[Row], declared: Parents, start: Offset, *, whole: bool
    ) -> tuple[list[Place], list[str]]:
        """A list for each parent that may have something to read, and the names of all lists there are."""
        places = []
        named = [
            (row, key, f"{row['id']}/{key}" if key else str(row["id"]))
            for row in rows
            for key in self.plan.keys
        ]
        names = [name for _, _, name in named]
        changed = (start.parents or Roll()).changed(Roll.of(names)) if start.cursor else frozenset()
        trusting = self.settings.trust_counts and not self.plan.snapshot
        for row, key, name in named:
            new = bucket_of(name) in changed
            if trusting and is_empty(row, declared.count):
                continue
            if (
                declared.stubs
                and start.cursor
                and not (new or whole)
                and not has_moved(row, declared.stubs, start.cursor)
            ):
                continue
            listing = self.plan.listing.below(str(row["id"]), key)
            narrowed = listing if new or whole else self._since(listing, start)
            places.append(
                Place(
                    narrowed, str(row["id"]), declared.column, fresh=new, key=key, whole=narrowed is listing
                )
            )
        return places, names

    def _since(self, listing: Listing, start: Offset) -> Listing:
        """A list, narrowed to what is new where it can be."""
        if self.plan.is_feed:
            return listing.with_params(("after_id", start.after_id)) if start.after_id else listing
        if not (self.plan.since and start.cursor):
            return listing
        # Whether the filter includes its own moment, or looks at milliseconds, is not documented: a second
        # earlier is right in every case, and what is too old is dropped.
        return listing.with_params((self.plan.since, shift(start.cursor, -SINCE_MARGIN)))

    def _walk(self, place: Place, first: Page | None, position: Position | None) -> Walk:
        fetched = [first] if first else []
        changed = (self.plan.time or "updated_at",)
        made = ("created_at", *changed)
        return Walk(
            lambda number: fetched.pop() if fetched else self.fetch(place.listing, number),
            place.listing.size,
            self.late,
            came_in=made if self.plan.is_feed or (place.whole and not self.plan.filtered) else changed,
            position=position,
        )

    def _first_page(self, place: Place) -> Page | None:
        """A list's first page; None if the record that it stood below is gone, or has no such list: then the
        next read asks again. A snapshot would let its rows go, so there it must be gone."""
        try:
            return self.fetch(place.listing, 1)
        except AhaNotFoundError as error:
            if not (place.parent and error.own):
                raise
            if self.plan.snapshot and not place.key and place.parent in self._fresh_parents():
                raise
            return None

    def _fresh_parents(self) -> set[str]:
        """The records that lists stand below, looked at once more."""
        if self._looked is None and self.plan.parents:
            self._looked = {str(row["id"]) for row in self._parents(self.plan.parents)[0]}
        return self._looked or set()

    def fetch(self, listing: Listing, number: int) -> Page:
        """A page of a list; an error says which table cannot be read."""
        try:
            return listing.fetch(self.client, number)
        except (AhaPermissionError, AhaNotFoundError) as error:
            raise refusal_of(self.asked.name, self.plan.table.requires, error) from None

    def cursor_after(self, started: str) -> str:
        """Up to when all is delivered by a read that began at `started`."""
        return shift(require_clock(started, self.plan.listing.path), -self.late)

    def pages(self, course: Course) -> Iterator[tuple[Place, list[Row]]]:
        """The pages of a course.

        Raises:
            AhaNotFoundError: none of its lists is there.
        """
        yield from course
        if course.gone and len(course.gone) == len(course.places):
            path = self.plan.listing.below(":id", ":key").path
            refused = AhaNotFoundError(
                f"GET {path} answered 404 for each of {len(course.gone)} records.", 404
            )
            raise refusal_of(self.asked.name, self.plan.table.requires, refused)


def has_moved(row: Row, stubs: str, cursor: str) -> bool:
    """Whether one of the stubs in a row says that it changed since; also where there are none to look at."""
    found = row.get(stubs)
    if not isinstance(found, list):
        return True
    return any(not (isinstance(stub, dict) and changed_before(stub, cursor)) for stub in found)
