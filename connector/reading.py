"""One read of one table: lists are walked, what is due is held until it is known to be news."""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

from connector.client import AhaClient
from connector.course import Course, Place, order_of
from connector.errors import (
    AhaNotFoundError,
    AhaOptionError,
    AhaPermissionError,
    AhaUnstableListError,
    refusal_of,
)
from connector.held import Held
from connector.listing import Listing, Page, Row
from connector.offsets import Offset, Position, Roll, bucket_of
from connector.options import Settings
from connector.parallel import Pool
from connector.plan import WORKSPACES, Plan, is_among, plan_parents
from connector.servertime import CLOCK_MARGIN, changed_before, format_time, require_clock, shift
from connector.split import Window, make_windows, moment
from connector.tables.declaration import Parents, Table
from connector.units import Records, Units, is_empty
from connector.walk import Walk

# A first sync of more rows than this streams page by page, and leaves it to the next sync to tell which
# rows of the overlap were delivered; below, rows are held until that is known.
HELD_ROWS = 6000
HELD_PARENTS = 200
SINCE_MARGIN = timedelta(seconds=1)
# Calls for different records that overlap: four cover the budget of 5 a second up to 0.8 s of latency.
THREADS = 4
# Records that are handed on together, at least.
CHUNK = 1000


class Reading:
    """One read, as a plan says.

    Args:
        asked: the table that it is for, where that is another than the plan's.
    """

    def __init__(self, client: AhaClient, settings: Settings, plan: Plan, asked: Table | None = None) -> None:
        self.plan = plan
        self._client, self._settings, self._asked = client, settings, asked or plan.table
        self._pool = Pool(THREADS)
        self._late = timedelta(seconds=max(settings.lookback_seconds, plan.table.late)) + CLOCK_MARGIN
        self._units = Units(client, plan, self._late, settings.page_size, self._pool)
        # The list's first page, where it was asked for ahead.
        self._first: Page | None = None

    def windows(self) -> list[Window]:
        """Windows that hold all rows; a single one where there are few, or where Aha! cannot narrow them."""
        if not self.plan.created:
            return [Window()]
        self._first = self._fetch(self.plan.listing, 1)
        single = replace(self.plan.listing, size=1)

        def created_at(position: int) -> str | None:
            rows = single.fetch(self._client, position).rows
            return moment(rows[0]).isoformat(timespec="milliseconds") if rows else None

        return make_windows(self._first.total, self._settings.partition_rows, created_at)

    def end_of_windows(self) -> dict[str, Any]:
        """The offset that stands after all windows."""
        if self.plan.snapshot:
            return {}
        date = self._first.date if self._first else None
        return Offset(self.plan.scope, self._cursor_after(format_time(date) if date else "")).to_json()

    def stream(self, window: Window | None = None) -> Iterator[Records]:
        """All records, or those of a window, page by page."""
        yield from self._rest(self._open(Offset(self.plan.scope)), window)

    def read(self, start: dict[str, Any] | None) -> tuple[Iterator[Records], dict[str, Any]]:
        """As `Sync.read`."""
        if self.plan.snapshot:
            return self.stream(), {}
        offset = Offset.from_json(start, self.plan.scope)
        with ExitStack() as ended:
            ended.enter_context(self._pool)
            course = self._open(offset)
            held = self._hold(course, offset)
            if course.whole or self.plan.limit:
                end = self._end(course, offset, held)
                pages = held.records(offset.seen.news(held.contents))
                return self._finished(course, pages), end.to_json()
            # Too many rows to be held: they are handed on while the walk goes on.
            ended.pop_all()
            gone = frozenset(course.gone)
            roll = Roll.of(name for name in course.names if name not in gone) if course.names else None
            end = Offset(self.plan.scope, self._cursor_after(course.started), roll=roll)
            pages = self._finished(course, held.records(set(held.contents)))
            return itertools.chain(pages, self._rest(course, promised=gone)), end.to_json()

    def _hold(self, course: Course, start: Offset) -> Held:
        """What is due, up to the end of the course, of a micro-batch, or of what can be held."""
        plan, held = self.plan, Held()
        # Where the rows of the overlap are not told apart, only all of it can be compared: no cut then.
        limit = plan.limit if start.seen.exact else None
        room = HELD_PARENTS if plan.below else HELD_ROWS
        for place, rows in self._pages(course):
            cursor = self._cursor_after(course.started)
            units = list(self._units.make(place, rows, start))
            held.add(units)
            # Where rows do not tell when they changed, a first read cannot know which it will meet again.
            if plan.time or start.cursor:
                held.recent |= {unit.name for unit in units if not self._is_before(unit.row, cursor)}
            if plan.is_feed:
                held.feed.add((str(row["id"]), self._is_before(row, cursor)) for row in rows)
            if plan.calls_roll:
                held.now |= made_before(rows, cursor)
                held.before |= made_before(rows, start.cursor or "")
            if limit and held.count(start.seen.news(held.contents)) + plan.listing.size > limit:
                break
            if start.cursor is None and not plan.limit and len(held.contents) > room:
                break
        return held

    def _end(self, course: Course, start: Offset, held: Held) -> Offset:
        """The offset after what was held."""
        delivered = {name: content for name, content in held.contents.items() if name in held.recent}
        coming = start.coming.and_also(delivered)
        roll, strange = None, frozenset[int]()
        if course.names is not None:
            roll = (start.coming_roll or Roll()).and_also(course.done)
        elif self.plan.calls_roll and not start.position:
            # Of a walk that was cut, nobody knows all that were there.
            roll = Roll.of(held.now)
            strange = start.roll.changed(Roll.of(held.before)) if start.roll else strange
        if not course.whole:
            coming_roll = roll if course.names is not None else None
            return replace(start, position=course.position, coming=coming, coming_roll=coming_roll)
        idle = not start.seen.news(held.contents) and start.cursor and not (start.position or start.strange)
        if idle and (held.recent or not held.contents) and roll == start.roll and not strange:
            return start
        cursor = self._cursor_after(course.started)
        after_id = held.feed.settled or start.after_id
        return Offset(start.scope, cursor, coming, roll=roll, strange=strange, after_id=after_id)

    def _open(self, start: Offset) -> Course:
        """The lists of the plan, from where `start` stands."""
        plan, names, started = self.plan, None, ""
        if plan.parents:
            rows, started = self._parents(plan.parents)
            places, names = self._places_below(rows, plan.parents, start)
        else:
            listing = self._since(plan.listing, start)
            places = [Place(listing, whole=listing is plan.listing)]
        first, self._first = self._first, None
        return Course(
            places,
            self._walk,
            lambda place: first or self._first_page(place),
            self._pool,
            started=start.position.started if start.position else started,
            position=start.position,
            ahead=not plan.limit,
            names=names,
        )

    def _parents(self, parents: Parents) -> tuple[list[Row], str]:
        """All records that lists stand below, and when they were asked for."""
        plan = plan_parents(parents, self._settings)
        reading = Reading(self._client, self._settings, plan, self._asked)
        kept = ("id", "reference_prefix", parents.count, parents.stubs)
        named = {name for name in (*kept, *(parents.where or ())[:1]) if name}
        with reading._pool:
            course = reading._open(Offset(""))
            found = [
                {name: row[name] for name in named if name in row}
                for place, rows in reading._pages(course)
                for row in (unit.row for unit in reading._units.make(place, rows, Offset("")))
            ]
        if plan.table is WORKSPACES and self._settings.workspaces:
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
        for name in sorted(self._settings.workspaces):
            if not any(is_among(row, frozenset({name})) for row in found):
                there = ", ".join(sorted(str(row.get("reference_prefix")) for row in found)) or "none"
                raise AhaOptionError(
                    f"Option `workspaces` names {name!r}, and the key sees no such workspace, but {there}."
                )
        return [row for row in found if is_among(row, self._settings.workspaces)]

    def _places_below(
        self, rows: list[Row], declared: Parents, start: Offset
    ) -> tuple[list[Place], list[str]]:
        """A list for each parent that may have something to read, and the names of all lists there are."""
        places = []
        named = [
            (row, key, f"{row['id']}/{key}" if key else str(row["id"]))
            for row in rows
            for key in self.plan.keys
        ]
        names = [name for _, _, name in named]
        changed = (start.roll or Roll()).changed(Roll.of(names)) if start.cursor else frozenset()
        trusting = self._settings.trust_counts and not self.plan.snapshot
        for row, key, name in named:
            new = bucket_of(name) in changed
            if trusting and is_empty(row, declared.count):
                continue
            if (
                declared.stubs
                and start.cursor
                and not new
                and not has_moved(row, declared.stubs, start.cursor)
            ):
                continue
            listing = self.plan.listing.below(str(row["id"]), key)
            narrowed = listing if new else self._since(listing, start)
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
            lambda number: fetched.pop() if fetched else self._fetch(place.listing, number),
            place.listing.size,
            self._late,
            came_in=made if self.plan.is_feed or (place.whole and not self.plan.filtered) else changed,
            position=position,
        )

    def _first_page(self, place: Place) -> Page | None:
        """A list's first page; None if the record that it stood below is gone."""
        try:
            return self._fetch(place.listing, 1)
        except AhaNotFoundError:
            if not place.parent:
                raise
            return None

    def _fetch(self, listing: Listing, number: int) -> Page:
        try:
            return listing.fetch(self._client, number)
        except (AhaPermissionError, AhaNotFoundError) as error:
            raise refusal_of(self._asked.name, self.plan.table.requires, error) from None

    def _pages(self, course: Course) -> Iterator[tuple[Place, list[Row]]]:
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
            raise refusal_of(self._asked.name, self.plan.table.requires, refused)

    def _rest(
        self, course: Course, window: Window | None = None, promised: frozenset[str] | None = None
    ) -> Iterator[Records]:
        """The records of all pages that are left.

        Raises:
            AhaUnstableListError: a list is gone whose rows an offset promises; it leaves out those `promised`
                to be gone.
        """
        nothing = Offset(self.plan.scope)
        with self._pool:
            for place, rows in self._pages(course):
                chunk: Records = []
                inside = [row for row in rows if window is None or window.holds(row)]
                for unit in self._units.make(place, inside, nothing):
                    chunk += unit.records
                    if self.plan.below and len(chunk) >= CHUNK:
                        yield self._units.finish(chunk, course.started)
                        chunk = []
                if chunk:
                    yield self._units.finish(chunk, course.started)
        if promised is not None and promised != frozenset(course.gone):
            raise AhaUnstableListError(
                f"A record went from sight while what stands below it was read for `{self._asked.name}`. "
                "Nothing was lost: run again."
            )

    def _finished(self, course: Course, pages: Iterator[Records]) -> Iterator[Records]:
        return (self._units.finish(page, course.started) for page in pages)

    def _cursor_after(self, started: str) -> str:
        """Up to when all is delivered by a read that began at `started`."""
        return shift(require_clock(started, self.plan.listing.path), -self._late)

    def _is_before(self, row: Row, cursor: str) -> bool:
        return bool(self.plan.time) and changed_before(row, cursor, str(self.plan.time))


def has_moved(row: Row, stubs: str, cursor: str) -> bool:
    """Whether one of the stubs in a row says that it changed since; also where there are none to look at."""
    found = row.get(stubs)
    if not isinstance(found, list):
        return True
    return any(not (isinstance(stub, dict) and changed_before(stub, cursor)) for stub in found)


def made_before(rows: list[Row], cursor: str) -> set[str]:
    """The ids of rows that were made before a moment; of none before no moment."""
    return {str(row["id"]) for row in rows if cursor and changed_before(row, cursor, "created_at")}
