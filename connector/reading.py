"""One read of one table: lists are walked, what is due is held until it is known to be news."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from connector.census import Census, Resident, made_before
from connector.client import AhaClient
from connector.counts import REFUTED, Counts, CountsRefutedError, Told, tell_by_field
from connector.course import Course, Place
from connector.digests import Digests
from connector.errors import refusal_of
from connector.following import Heard, follow_audits
from connector.held import Held
from connector.listing import Row
from connector.lists import Lists
from connector.log import warn
from connector.offsets import Offset, Position, Roll, bucket_of, digest, end_of_batch
from connector.options import Settings
from connector.parallel import Pool
from connector.plan import Plan
from connector.servertime import CLOCK_MARGIN, changed_before, format_time, parse_time
from connector.split import Window, made_at, make_windows
from connector.tables.declaration import Table
from connector.units import Records, Unit, Units

# A micro-batch is at most so many rows, or characters of them, or calls for what hangs below them, and up to
# a page more: what is lost with it is less than a minute, and memory is bounded.
MOST_ROWS = 6000
MOST_CHARACTERS = 64 * 2**20
MOST_ASKED = 50
# Of rows below which is asked, so many are delivered again without another walk.
MOST_AGAIN = 1000
# So many records may refuse to show what hangs below them, and it is their own fault; not if they are all.
MOST_TROUBLED, ALL = 20, 3
# Calls for different records that overlap: four cover the budget of 5 a second up to 0.8 s of latency.
THREADS = 4
# Records that are handed on together, at least.
CHUNK = 1000


class Reading:
    """One read, as a plan says.

    Args:
        asked: the table that it is for, where that is another than the plan's.

    Attributes:
        until: where a batch ended that is read again; None to read as the plan says.
    """

    def __init__(self, client: AhaClient, settings: Settings, plan: Plan, asked: Table | None = None) -> None:
        self.plan = plan
        self._client, self._settings, self._asked = client, settings, asked or plan.table
        self.until: Position | None = None
        self._pool = Pool(THREADS)
        self._late = timedelta(seconds=max(settings.lookback_seconds, plan.table.late)) + CLOCK_MARGIN
        self._lists = Lists(client, settings, plan, self._asked, self._late, self._pool)
        self._units = Units(client, plan, self._late, settings.page_size, self._pool)
        # The count of all rows, where the lists are read whole; and what is said to hang below rows.
        self._census: Census | None = None
        self._told: dict[str, Told] = {}
        self._is_first = False
        self._heard = Heard(None, "")

    def windows(self) -> list[Window]:
        """Windows that hold all rows; a single one where there are few, or where Aha! cannot narrow them."""
        if not self.plan.created:
            return [Window()]
        self._lists.ahead = self._lists.fetch(self.plan.listing, 1)
        single = replace(self.plan.listing, size=1)

        def created_at(position: int) -> str | None:
            rows = single.fetch(self._client, position).rows
            made = made_at(rows[0]) if rows else None
            return made.isoformat(timespec="milliseconds") if made else None

        return make_windows(self._lists.ahead.total, self._settings.partition_rows, created_at)

    def bound(self, start: dict[str, Any] | None, end: dict[str, Any] | None) -> Position | None:
        """Where to stop when a batch is read again; see `connector.offsets.end_of_batch`."""
        # Of a feed, ids say what was read, and not pages.
        if not end or self.plan.snapshot or self.plan.is_feed:
            return None
        found = end_of_batch(*(Offset.from_json(offset, self.plan.scope) for offset in (start, end)))
        return found if found and found.size == self.plan.listing.size else None

    def end_of_windows(self) -> dict[str, Any]:
        """The offset that stands after all windows."""
        if self.plan.snapshot:
            return {}
        date = self._lists.ahead.date if self._lists.ahead else None
        cursor = self._lists.cursor_after(format_time(date) if date else "")
        # Nobody counted the rows of the windows: the first reconciliation delivers them all.
        return Offset(self.plan.scope, cursor, reconciled=cursor).to_json()

    def stream(self, window: Window | None = None) -> Iterator[Records]:
        """All records, or those of a window, page by page."""
        start = Offset(self.plan.scope)
        self._units.counts = self._count(start)
        course, _ = self._lists.open(start, self._units.counts)
        yield from self._rest(course, window)

    def read(self, start: dict[str, Any] | None) -> tuple[Iterator[Records], dict[str, Any]]:
        """As `Sync.read`."""
        if self.plan.snapshot:
            return self.stream(), {}
        offset = self._in_the_past(Offset.from_json(start, self.plan.scope))
        try:
            return self._read(offset)
        except CountsRefutedError:
            # Rows were left out for it, nobody knows which.
            again = Reading(self._client, self._settings, self.plan, self._asked)
            return again._read(Offset(self.plan.scope, counts=REFUTED))

    def _in_the_past(self, start: Offset) -> Offset:
        """An offset; the beginning, where its cursor lies in the future: nobody knows what it skipped."""
        if start.cursor is None or parse_time(start.cursor) <= self._client.latest:
            return start
        warn(
            "Table %s was read up to %s, which is in the future by this machine's clock: it is read from the "
            "beginning. If this machine's clock is late, set it.",
            self._asked.name,
            start.cursor,
        )
        return Offset(self.plan.scope)

    def _read(self, start: Offset) -> tuple[Iterator[Records], dict[str, Any]]:
        self._is_first = start.cursor is None
        self._heard = follow_audits(self._client, self._settings, self.plan, start)
        if start.again and not start.position:
            # Whether they change meanwhile or not.
            ideas = dict.fromkeys(start.again, False) | self._heard.ideas
            self._heard = replace(self._heard, ideas=ideas)
        with self._pool:
            self._units.counts = self._count(start)
            course, self._census = self._lists.open(start, self._units.counts)
            held = self._hold(course, start)
            strange = self._find_strangers(course, start, held)
            self._judge_troubles(start)
        end = self._end(course, start, held, strange)
        pages = held.records(start.seen.news(held.contents))
        return self._finished(course, pages), end.to_json()

    def _count(self, start: Offset) -> Counts | None:
        """What is said to hang below rows, where something says so."""
        below = self.plan.below
        if below and below.digest:
            digests = Digests(self._client, *below.digest)
            return Counts(digests, start.counts, f"GraphQL's `{below.digest[0]}`")
        if below and below.count:
            return Counts(tell_by_field(below.count), start.counts, f"`{below.count}` of ideas")
        return None

    def _hold(self, course: Course, start: Offset) -> Held:
        """What is due, up to the end of the course, of a micro-batch, or of what can be held."""
        plan, held, census = self.plan, Held(), self._census
        heard = self._heard
        self._add_heard(held, heard)
        for place, rows in self._lists.pages(course):
            fresh = [row for row in course.once(place, rows) if str(row["id"]) not in heard.ideas]
            due = self._due(place, fresh, start)
            if heard.is_all and not census and self._settings.reconcile_hours:
                # No comment changed below those of which no audit tells: they moved for something else.
                held.add([Unit(row, []) for row in due if made_before(row, start.cursor or "")])
                due = [row for row in due if not made_before(row, start.cursor or "")]
            told = self._tell(rows if census else due)
            if census:
                due = _distinct([*due, *self._counted(held, course, place, fresh, told)])
            self._add(held, course, place, due, told)
            if census:
                if course.anew:
                    census.begin_anew()
                census.meet(self._residents(place, rows, told), self._lists.cursor_after(course.started))
            if plan.is_feed:
                cursor = self._lists.cursor_after(course.started)
                held.feed.add((str(row["id"]), self._is_before(row, cursor)) for row in rows)
            if self._is_enough(held, start, course):
                break
        return held

    def _counted(
        self, held: Held, course: Course, place: Place, rows: list[Row], told: dict[str, Told]
    ) -> list[Row]:
        """Rows of a list that is read whole, or their parts, that are due however old they are; the others
        are kept until all are counted."""
        census = self._census
        if census is None:
            return []
        # The ideas of the sample are all asked for.
        all_of_them = self._is_sample(course)
        due = [row for row in rows if all_of_them or census.is_due(self._units.residents(place, row, told))]
        ids = {str(row["id"]) for row in due}
        held.keep(place, [row for row in rows if str(row["id"]) not in ids])
        # Of a row's parts, where it shows them, only those that are due themselves.
        parts = self._units.due([row for row in due if self._units.shows_parts(row)], None)
        others = self._units.due([row for row in due if not self._units.shows_parts(row)], None)
        return [part for part in parts if census.is_due(self._units.residents(place, part, told))] + others

    def _add_heard(self, held: Held, heard: Heard) -> None:
        """Add what hangs below the ideas that audits name."""
        rows: list[Row] = [{"id": idea} for idea in heard.ideas]
        units = list(self._units.make(Place(self.plan.listing), rows, {}))
        held.add(units)
        held.recent |= {unit.name for unit in units if heard.ideas[unit.name]}

    def _judge_troubles(self, start: Offset) -> None:
        """Go on without the rows below which Aha! did not let look, where they are few and others are not.

        Raises:
            AhaStatusError: nothing can be read, or too much cannot.
        """
        troubles, answered = self._units.troubled, self._units.answered
        if not troubles:
            return
        first, error = next(iter(troubles.items()))
        remembered = len(troubles) + (len(start.again) if start.position else 0)
        all_of_them = not answered and (self._is_first or len(troubles) >= ALL)
        if remembered > MOST_TROUBLED or all_of_them:
            raise refusal_of(self._asked.name, self.plan.table.requires, error)
        warn(
            "Table %s: what hangs below %d records could not be read, %s the first of them (%s). The others "
            "are read; these are asked for again next time, and nothing of theirs counts as deleted.",
            self._asked.name,
            len(troubles),
            first,
            error,
        )

    def _is_enough(self, held: Held, start: Offset, course: Course) -> bool:
        """Whether a micro-batch is full, or is read again up to its end."""
        if self.until and course.position:
            return course.position.is_beyond(self.until)
        # Where the rows of the overlap are not told apart, only all of it can be compared: no cut then.
        if not start.seen.exact:
            return False
        limit = self.plan.limit
        if limit and held.count(start.seen.news(held.contents)) + self.plan.listing.size > limit:
            return True
        full = len(held.contents) >= MOST_ROWS or held.characters >= MOST_CHARACTERS
        return self.plan.cut and (full or self._units.asked >= MOST_ASKED)

    def _due(self, place: Place, rows: list[Row], start: Offset) -> list[Row]:
        return self._units.due(rows, None if place.fresh else start.cursor)

    def _tell(self, rows: list[Row]) -> dict[str, Told]:
        told = self._units.counts.tell(rows) if self._units.counts else {}
        self._told |= told
        return told

    def _residents(self, place: Place, rows: list[Row], told: dict[str, Told]) -> list[Resident]:
        """Those on a page that are there; not those that were gone when they were asked for."""
        absent = self._units.gone | self._units.troubled.keys()
        there = [row for row in rows if str(row["id"]) not in absent]
        return [resident for row in there for resident in self._units.residents(place, row, told)]

    def _add(self, held: Held, course: Course, place: Place, due: list[Row], told: dict[str, Told]) -> None:
        cursor = self._lists.cursor_after(course.started)
        sampled = self._is_sampled(course)
        units = list(self._units.make(place, due, told, sampled=sampled, cursor=cursor))
        held.add(units)
        # Where rows do not tell when they changed, a first read cannot know which it will meet again.
        if self.plan.time or not self._is_first:
            held.recent |= {unit.name for unit in units if not self._is_before(unit.row, cursor)}

    def _is_sample(self, course: Course) -> bool:
        """Whether a page is to prove counts that are in doubt."""
        counts = self._units.counts
        return counts is not None and counts.is_doubted and self._is_sampled(course)

    def _is_sampled(self, course: Course) -> bool:
        """Whether a page is of those by which counts are proven anew: another one at each reconciliation."""
        at, since = course.position, self._census.since if self._census else ""
        if at is None or not since:
            return True
        pages = max(1, -(-at.total // at.size))
        return at.page - 1 >= 1 + digest(since) % pages or course.whole

    def _find_strangers(self, course: Course, start: Offset, held: Held) -> frozenset[int]:
        """Add the old rows that were not there, or say in which buckets the next reads find them."""
        census = self._census
        if census is None or not course.whole:
            return frozenset()
        strange = census.strange()
        if start.position and strange:
            # What this walk met before it was cut is no longer held.
            return strange
        found = []
        for place, rows in held.rest() if strange else ():
            chosen = [row for row in rows if self._is_strange(place, row, strange)]
            found += [(place, chosen)] if chosen else []
        number = sum(len(rows) for _, rows in found)
        if self.plan.cut and number > self._room(start, held):
            return strange
        for place, rows in found:
            self._add(held, course, place, self._units.due(rows, None), self._told)
            absent = self._units.gone | self._units.troubled.keys()
            gone = [row for row in rows if str(row["id"]) in absent]
            census.forget(
                resident.name for row in gone for resident in self._units.residents(place, row, self._told)
            )
        if number:
            logging.getLogger("aha_lakeflow").info(
                "Table %s: %d rows are delivered again, because one of them at least was not there at the "
                "last reconciliation.",
                self._asked.name,
                number,
            )
        return frozenset()

    def _is_strange(self, place: Place, row: Row, strange: frozenset[int]) -> bool:
        residents = self._units.residents(place, row, self._told)
        return any(bucket_of(resident.name) in strange for resident in residents)

    def _room(self, start: Offset, held: Held) -> int:
        """How many rows a micro-batch takes on."""
        if self.plan.limit is None:
            return MOST_AGAIN if self.plan.below else MOST_ROWS
        if self.plan.below:
            return 0
        return self.plan.limit - held.count(start.seen.news(held.contents))

    def _end(self, course: Course, start: Offset, held: Held, strange: frozenset[int]) -> Offset:
        """The offset after what was held."""
        census, counts = self._census, self._units.counts
        delivered = {name: content for name, content in held.contents.items() if name in held.recent}
        coming = start.coming.and_also(delivered)
        state = counts.state if counts else start.counts
        again = self._to_be_asked_again(start)
        parents = None
        if course.names is not None:
            parents = (start.coming_parents or Roll()).and_also(Roll.of(course.done))
        if not course.whole:
            return replace(
                start,
                position=course.position,
                coming=coming,
                coming_parents=parents,
                taking=census.taking if census else None,
                counts=state,
                after_audit=self._heard.after,
                audits=self._heard.state,
                again=again,
            )
        cursor = self._lists.cursor_after(course.started)
        tally = census.taking.now if census else start.tally
        end = Offset(
            start.scope,
            cursor,
            coming,
            parents=parents,
            reconciled=cursor if census else start.reconciled,
            tally=tally,
            strange=strange,
            counts=state,
            after_id=held.feed.settled or start.after_id,
            after_audit=self._heard.after,
            audits=self._heard.state,
            again=again,
        )
        quiet = start.cursor and not (start.position or start.strange or strange)
        if quiet and not start.seen.news(held.contents) and (held.recent or not held.contents):
            # Nothing came, and nothing is known that was not.
            known = replace(
                start,
                parents=parents,
                counts=state,
                after_audit=end.after_audit,
                audits=end.audits,
                again=again,
            )
            if known == start and (census is None or (self.plan.is_whole and tally == start.tally)):
                return start
        return end

    def _to_be_asked_again(self, start: Offset) -> tuple[str, ...]:
        """The records that the next read asks for, whether they change or not: those in trouble, and those
        that are gone for the first time, since a 404 may pass like any other answer."""
        asked = set() if start.position else set(start.again)
        gone = sorted(self._units.gone - asked)[:MOST_TROUBLED]
        return tuple(sorted({*(start.again if start.position else ()), *self._units.troubled, *gone}))

    def _rest(self, course: Course, window: Window | None = None) -> Iterator[Records]:
        """The records of all pages that are left."""
        with self._pool:
            for place, rows in self._lists.pages(course):
                chunk: Records = []
                inside = [row for row in rows if window is None or window.holds(row)]
                due = self._units.due(course.once(place, inside), None)
                cursor = self._lists.cursor_after(course.started)
                for unit in self._units.make(place, due, self._tell(due), cursor=cursor):
                    chunk += unit.records
                    if self.plan.below and len(chunk) >= CHUNK:
                        yield self._units.finish(chunk, course.started)
                        chunk = []
                # What is handed on at once must be everything.
                for error in self._units.troubled.values():
                    raise refusal_of(self._asked.name, self.plan.table.requires, error)
                if chunk:
                    yield self._units.finish(chunk, course.started)

    def _finished(self, course: Course, pages: Iterator[Records]) -> Iterator[Records]:
        return (self._units.finish(page, course.started) for page in pages)

    def _is_before(self, row: Row, cursor: str) -> bool:
        return bool(self.plan.time) and changed_before(row, cursor, str(self.plan.time))


def _distinct(rows: list[Row]) -> list[Row]:
    """Each row once."""
    return list({str(row["id"]): row for row in rows}.values())
