"""The sync engine: from an offset to rows and the next offset.

One algorithm for every table. Lists are walked (a table's own, one below each workspace, that of the ideas
that have comments), each of their rows stands for records (itself, its parts, what hangs below it), and the
offset says up to which moment, by Aha!'s clock, all rows were delivered. Each sync reads again what changed
since that moment; rows of that overlap that were delivered already are known by their digests and not
delivered twice.
"""

import itertools
import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from connector.client import AhaClient
from connector.course import Course, Place, order_of
from connector.errors import (
    AhaNotFoundError,
    AhaOptionError,
    AhaPermissionError,
    refusal_of,
)
from connector.listing import Listing, Page, Row
from connector.offsets import Offset, Position, Roll, digest
from connector.options import Settings
from connector.parallel import Pool
from connector.plan import WORKSPACES, Plan, is_among, plan_parents, plan_table
from connector.servertime import CLOCK_MARGIN, changed_before, format_time, require_clock, shift
from connector.split import Window, make_windows, moment
from connector.tables.declaration import Parents, Table
from connector.units import Records, Unit, Units, is_empty
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


@dataclass
class Held:
    """Pages of records kept until it is known which of them are news; compressed, since few are.

    Attributes:
        contents: unit's name → digest of its records, as last met.
        sizes: unit's name → how many records it stands for.
    """

    contents: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    _pages: list[bytes] = field(default_factory=list)

    def add(self, units: list[Unit]) -> None:
        kept = []
        for unit in units:
            self.contents[unit.name] = content = digest(unit.records)
            self.sizes[unit.name] = len(unit.records)
            kept.append((unit.name, content, unit.records))
        self._pages.append(zlib.compress(json.dumps(kept).encode()))

    def count(self, names: set[str]) -> int:
        """How many records some units stand for."""
        return sum(self.sizes[name] for name in names)

    def records(self, news: set[str]) -> Iterator[Records]:
        """The records of the units in `news`, each as it was last met, a page at a time."""
        for page in self._pages:
            out: Records = []
            for name, content, records in json.loads(zlib.decompress(page)):
                if name in news and self.contents[name] == content:
                    out += records
            if out:
                yield out


class Sync:
    """Reads tables of one account through one client."""

    def __init__(self, client: AhaClient, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._lookback = timedelta(seconds=settings.lookback_seconds)

    def read(self, table: Table, start: dict[str, Any] | None) -> tuple[Iterator[Records], dict[str, Any]]:
        """What changed since `start`, and the offset that stands after it.

        Returns pages of records as Aha! sent them, and a JSON object. The same offset with no records
        means that there was nothing new. A snapshot is everything each time, and its offset is `{}`.

        Raises:
            AhaError: the offset cannot be used, or a request failed; `start` stays valid.
        """
        return Reading(self._client, self._settings, plan_table(table, self._settings)).read(start)

    def reread(self, table: Table, start: dict[str, Any] | None) -> Iterator[Records]:
        """All that changed since `start`, past any limit of a micro-batch.

        Spark asks again for a batch that it had planned and may not have written. By now other rows may
        stand where that batch ended, so only everything is sure to hold it.
        """
        return self._unlimited(table).read(start)[0]

    def split(self, table: Table) -> list[Window]:
        """Windows that hold all rows of a table between them: a single one where the table is small."""
        return self._unlimited(table).windows()

    def begin(self, table: Table) -> tuple[list[Window], Iterator[Records], dict[str, Any]]:
        """A first read: the windows that it is split into, or, if it is not split, the records; and the
        offset that stands after it. A table that is read in micro-batches is not split.
        """
        reading = Reading(self._client, self._settings, plan_table(table, self._settings))
        windows = [] if reading.plan.limit else reading.windows()
        if len(windows) < 2:
            return [], *reading.read(None)
        return windows, iter(()), reading.end_of_windows()

    def read_window(self, table: Table, window: Window) -> Iterator[Records]:
        """The records of one window, page by page."""
        plan = replace(plan_table(table, self._settings), limit=None)
        plan = replace(plan, listing=plan.listing.with_params(*window.params))
        return Reading(self._client.sharing(window.share), self._settings, plan).stream(window)

    def _unlimited(self, table: Table) -> "Reading":
        plan = replace(plan_table(table, self._settings), limit=None)
        return Reading(self._client, self._settings, plan)


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
            held, recent = Held(), set[str]()
            after_id = self._hold(course, offset, held, recent)
            if course.whole or self.plan.limit:
                end = self._end(course, offset, held, recent, after_id)
                pages = held.records(offset.seen.news(held.contents))
                return self._finished(course, pages), end.to_json()
            # Too many rows to be held: they are handed on while the walk goes on.
            ended.pop_all()
            end = Offset(self.plan.scope, self._cursor_after(course.started), roll=course.roll)
            pages = self._finished(course, held.records(set(held.contents)))
            return itertools.chain(pages, self._rest(course)), end.to_json()

    def _hold(self, course: Course, start: Offset, held: Held, recent: set[str]) -> str | None:
        """Hold what is due, up to the end of the course, of a micro-batch, or of what can be held.

        Fills `held`, and `recent` with the names of units that the next read will meet again. Returns the id
        of a feed up to which nothing can come any more.
        """
        plan, ids = self.plan, FeedIds()
        # Where the rows of the overlap are not told apart, only all of it can be compared: no cut then.
        limit = plan.limit if start.seen.exact else None
        room = HELD_PARENTS if plan.below else HELD_ROWS
        for place, rows in self._pages(course):
            cursor = self._cursor_after(course.started)
            units = list(self._units.make(place, rows, start))
            # Where rows do not tell when they changed, a first read cannot know which it will meet again.
            if plan.time or start.cursor:
                recent |= {unit.name for unit in units if not self._is_before(unit.row, cursor)}
            held.add(units)
            if plan.is_feed:
                ids.add((str(row["id"]), self._is_before(row, cursor)) for row in rows)
            if limit and held.count(start.seen.news(held.contents)) + plan.listing.size > limit:
                break
            if start.cursor is None and not plan.limit and len(held.contents) > room:
                break
        return ids.settled

    def _end(
        self, course: Course, start: Offset, held: Held, recent: set[str], after_id: str | None
    ) -> Offset:
        """The offset after what was held."""
        delivered = {name: content for name, content in held.contents.items() if name in recent}
        roll = start.coming_roll if start.position and start.coming_roll else course.roll
        roll = roll.without(course.gone) if roll else None
        coming = start.coming.and_also(delivered)
        if not course.whole:
            return replace(start, position=course.position, coming=coming, coming_roll=roll)
        idle = not start.seen.news(held.contents) and start.cursor and not start.position
        if idle and (recent or not held.contents) and roll == start.roll:
            return start
        cursor = self._cursor_after(course.started)
        return Offset(start.scope, cursor, coming, roll=roll, after_id=after_id or start.after_id)

    def _open(self, start: Offset) -> Course:
        """The lists of the plan, from where `start` stands."""
        plan, roll, started = self.plan, None, ""
        if plan.parents:
            rows, started = self._parents(plan.parents)
            places, roll = self._places_below(rows, plan.parents, start)
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
            roll=roll,
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

    def _places_below(self, rows: list[Row], declared: Parents, start: Offset) -> tuple[list[Place], Roll]:
        """A list for each parent that may have something to read, and the roll of all of them."""
        places = []
        named = [
            (row, key, f"{row['id']}/{key}" if key else str(row["id"]))
            for row in rows
            for key in self.plan.keys
        ]
        roll = Roll.of(name for _, _, name in named)
        fresh: set[str] = set()
        if start.cursor:
            fresh = (start.roll or Roll()).strangers(name for _, _, name in named)
        trusting = self._settings.trust_counts and not self.plan.snapshot
        for row, key, name in named:
            new = name in fresh
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
        return places, roll

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
        made = ("created_at", "updated_at")
        changed = (self.plan.time or "updated_at",)
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

    def _rest(self, course: Course, window: Window | None = None) -> Iterator[Records]:
        """The records of all pages that are left."""
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

    def _finished(self, course: Course, pages: Iterator[Records]) -> Iterator[Records]:
        return (self._units.finish(page, course.started) for page in pages)

    def _cursor_after(self, started: str) -> str:
        """Up to when all is delivered by a read that began at `started`."""
        return shift(require_clock(started, self.plan.listing.path), -self._late)

    def _is_before(self, row: Row, cursor: str) -> bool:
        return bool(self.plan.time) and changed_before(row, cursor, str(self.plan.time))


@dataclass
class FeedIds:
    """Ids of a feed, and up to which of them nothing can come any more: what is made late may become visible
    after a row with a larger id."""

    old: list[int] = field(default_factory=list)
    young: list[int] = field(default_factory=list)
    known: bool = True

    def add(self, rows: Iterable[tuple[str, bool]]) -> None:
        """Note ids, each with whether its row is old."""
        for identity, is_old in rows:
            if identity.isdecimal():
                (self.old if is_old else self.young).append(int(identity))
            else:
                self.known = False

    @property
    def settled(self) -> str | None:
        """The last id of what is old, if nothing younger came before it; else None."""
        last = max(self.old, default=None)
        if not self.known or last is None or last > min(self.young, default=last):
            return None
        return str(last)


def has_moved(row: Row, stubs: str, cursor: str) -> bool:
    """Whether one of the stubs in a row says that it changed since; also where there are none to look at."""
    found = row.get(stubs)
    if not isinstance(found, list):
        return True
    return any(not (isinstance(stub, dict) and changed_before(stub, cursor)) for stub in found)
