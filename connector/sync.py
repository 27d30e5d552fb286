"""The sync engine: from an offset to rows and the next offset.

One algorithm for every table. A list is walked (ideas, votes, or the ideas that have comments), each of
its rows stands for records (itself, or its comments), and the offset says up to which moment, by Aha!'s
clock, all rows were delivered. Each sync reads again what changed since that moment; rows of that overlap
that were delivered already are known by their digests and not delivered twice.
"""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from connector.client import AhaClient
from connector.errors import AhaNotFoundError
from connector.listing import Listing, Page, Row
from connector.offsets import Offset, digest, scope_of
from connector.options import Settings
from connector.parallel import Pool
from connector.servertime import CLOCK_MARGIN, changed_before, format_time, require_clock, shift
from connector.split import Window, make_windows, moment
from connector.tables import FanOut, Table, field_names
from connector.walk import Walk

Records = list[Row]
# A first sync of more rows than this streams page by page, and leaves it to the next sync to tell which
# rows of the overlap were delivered; below, rows are held until that is known.
HELD_ROWS = 6000
HELD_PARENTS = 200
SINCE_MARGIN = timedelta(seconds=1)
# Calls for different ideas that overlap: four cover the budget of 5 a second up to 0.8 s of latency.
THREADS = 4
# Records that are handed on together, at least.
CHUNK = 1000


@dataclass(frozen=True)
class Plan:
    """How a table is read under given settings.

    Attributes:
        listing: the list that is walked.
        fan_out: how a row of it becomes records; None where the row is the record.
        table: whose rows come out.
        limit: rows of the list per micro-batch, or None.
        filtered: whether the list is narrowed, so that an old row may come in when it changes.
        snapshot: whether each read is everything, and nothing follows it.
        scope: of the offset.
    """

    table: Table
    listing: Listing
    fan_out: FanOut | None
    limit: int | None
    filtered: bool
    snapshot: bool
    scope: str


def plan_table(table: Table, settings: Settings) -> Plan:
    """Choose the account-wide route where it can serve, else fan out over the ideas."""
    name_matches = settings.q or settings.ideas_q
    filters = (("q", name_matches), ("workflow_status", settings.ideas_workflow_status))
    given = tuple((name, value) for name, value in filters if value)
    snapshot = settings.sync_mode == "snapshot"
    # "Exact" must not rest on a count that nobody has confirmed.
    trusting = settings.trust_counts and not snapshot
    modes = (("sync_mode", "snapshot" if snapshot else None), ("trust_counts", None if trusting else "false"))
    scope = scope_of(settings.subdomain, table.name, (*filters, *modes))
    # A part is no snapshot.
    limit = None if snapshot else settings.limit
    size = settings.page_size
    if limit:
        # Micro-batches are whole pages, so that each goes on where the last one stopped.
        size = max(1, limit // -(-limit // size))
    if table.path and (table.fan_out is None or not given):
        fields = ("fields", ",".join(field_names(table.schema)))
        listing = Listing(table.path, table.root, (*table.params, *given, fields), size)
        return Plan(table, listing, None, limit, bool(given or table.params), snapshot, scope)
    if table.fan_out is None:
        raise ValueError(f"table `{table.name}` declares neither a list nor a fan-out")
    fan_out = table.fan_out if trusting else replace(table.fan_out, count_field=None)
    wanted = ("id", "created_at", "updated_at", fan_out.count_field)
    fields = ("fields", ",".join(name for name in wanted if name))
    listing = Listing("/ideas", "ideas", (*given, fields), size)
    return Plan(table, listing, fan_out, limit, bool(given), snapshot, scope)


class Held:
    """Pages of records kept until it is known which of them are news; compressed, since few are.

    Attributes:
        contents: row id → digest of its records, as last met.
        empty: ids of rows without records.
    """

    def __init__(self) -> None:
        self._pages: list[bytes] = []
        self.contents: dict[str, int] = {}
        self.empty: set[str] = set()

    def add(self, page: list[tuple[str, Records]]) -> None:
        kept = []
        for row_id, records in page:
            self.contents[row_id] = content = digest(records)
            (self.empty.discard if records else self.empty.add)(row_id)
            kept.append((row_id, content, records))
        self._pages.append(zlib.compress(json.dumps(kept).encode()))

    def records(self, news: set[str]) -> Iterator[Records]:
        """The records of the rows in `news`, each row as it was last met, a page at a time."""
        for page in self._pages:
            out: Records = []
            for row_id, content, records in json.loads(zlib.decompress(page)):
                if row_id in news and self.contents[row_id] == content:
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
        means that there was nothing new.

        Raises:
            AhaError: the offset cannot be used, or a request failed; `start` stays valid.
        """
        return self._read(plan_table(table, self._settings), start)

    def reread(self, table: Table, start: dict[str, Any] | None) -> Iterator[Records]:
        """All that changed since `start`, past any `max_ideas`.

        Spark asks again for a batch that it had planned and may not have written. By now other rows may
        stand where that batch ended, so only everything is sure to hold it.
        """
        return self._read(replace(plan_table(table, self._settings), limit=None), start)[0]

    def split(self, table: Table) -> list[Window]:
        """Windows that hold all rows of a table between them: a single one where the table is small."""
        plan = replace(plan_table(table, self._settings), limit=None)
        return self._windows(plan, plan.listing.fetch(self._client, 1))

    def begin(self, table: Table) -> tuple[list[Window], Iterator[Records], dict[str, Any]]:
        """A first read: the windows that it is split into, or, if it is not split, the records; and the
        offset that stands after it. A table that is read in micro-batches (`max_ideas`) is not split.
        """
        plan = plan_table(table, self._settings)
        page = plan.listing.fetch(self._client, 1)
        windows = [] if plan.limit else self._windows(plan, page)
        if len(windows) < 2:
            return [], *self._read(plan, None, page)
        started = require_clock(format_time(page.date) if page.date else "", plan.listing.path)
        return windows, iter(()), self._after(plan, started).to_json()

    def _windows(self, plan: Plan, page: Page) -> list[Window]:
        single = replace(plan.listing, size=1)

        def created_at(position: int) -> str | None:
            rows = single.fetch(self._client, position).rows
            return moment(rows[0]).isoformat(timespec="milliseconds") if rows else None

        return make_windows(page.total, self._settings.partition_rows, created_at)

    def _after(self, plan: Plan, started: str) -> Offset:
        """The offset of a read that began at `started` and of which no row is remembered."""
        return Offset(plan.scope, shift(started, -self._lookback - CLOCK_MARGIN))

    def read_window(self, table: Table, window: Window) -> Iterator[Records]:
        """The records of one window, page by page."""
        plan = replace(plan_table(table, self._settings), limit=None)
        listing = replace(plan.listing, params=(*plan.listing.params, *window.params))
        part = Sync(self._client.sharing(window.share), self._settings)
        walk = part._walk(replace(plan, listing=listing), Offset(plan.scope))
        return part._stream(plan, walk, walk.next_page(), window)

    def _read(
        self, plan: Plan, start: dict[str, Any] | None, page: Page | None = None
    ) -> tuple[Iterator[Records], dict[str, Any]]:
        """As `read`; `page` is the list's first page, where it was fetched already."""
        offset = Offset.from_json(start, plan.scope)
        if plan.snapshot and offset.cursor:
            return iter(()), offset.to_json()
        walk = self._walk(plan, offset, page)
        first = walk.next_page()
        started = require_clock(walk.position.started, plan.listing.path)
        after = self._after(plan, started)
        room = HELD_PARENTS if plan.fan_out else HELD_ROWS
        if plan.snapshot or (offset.cursor is None and not plan.limit and walk.position.total > room):
            return self._stream(plan, walk, first), after.to_json()
        return self._hold(plan, walk, first, offset, str(after.cursor))

    def _walk(self, plan: Plan, offset: Offset, first: Page | None = None) -> Walk:
        listing = plan.listing
        if offset.cursor:
            # Whether `updated_since` includes its own moment, or looks at milliseconds, is not documented:
            # a second earlier is right in every case, and what is too old is dropped here.
            since = ("updated_since", shift(offset.cursor, -SINCE_MARGIN))
            listing = Listing(listing.path, listing.root, (*listing.params, since), listing.size)
        fetched = [first] if first else []
        return Walk(
            lambda number: fetched.pop() if fetched else listing.fetch(self._client, number),
            listing.size,
            self._lookback + CLOCK_MARGIN,
            came_in="created_at" if offset.cursor is None and not plan.filtered else "updated_at",
            position=offset.position,
        )

    def _stream(
        self, plan: Plan, walk: Walk, rows: list[Row], window: Window | None = None
    ) -> Iterator[Records]:
        with Pool(THREADS) as pool:
            while True:
                chunk: Records = []
                inside = [row for row in rows if window is None or window.holds(row)]
                for _, records in self._expand(plan, inside, pool):
                    chunk += records
                    if plan.fan_out and len(chunk) >= CHUNK:
                        yield chunk
                        chunk = []
                if chunk:
                    yield chunk
                if walk.whole:
                    return
                rows = walk.next_page()

    def _hold(
        self, plan: Plan, walk: Walk, rows: list[Row], start: Offset, cursor: str
    ) -> tuple[Iterator[Records], dict[str, Any]]:
        held, recent = Held(), set()
        # Where the rows of the overlap are not told apart, only all of it can be compared: no cut then.
        limit = plan.limit if start.seen.exact else None
        with Pool(THREADS) as pool:
            while True:
                window = [row for row in rows if not (start.cursor and changed_before(row, start.cursor))]
                recent |= {str(row["id"]) for row in window if not changed_before(row, cursor)}
                held.add(list(self._expand(plan, window, pool)))
                if walk.whole:
                    break
                if limit and len(start.seen.news(held.contents) - held.empty) + plan.listing.size > limit:
                    break
                rows = walk.next_page()
        news = start.seen.news(held.contents)
        delivered = {row_id: content for row_id, content in held.contents.items() if row_id in recent}
        if not walk.whole:
            coming = start.coming.and_also(delivered)
            end = Offset(plan.scope, start.cursor, start.seen, walk.position, coming)
        elif not news and start.cursor and not start.position and (recent or not held.contents):
            end = start
        else:
            end = Offset(plan.scope, cursor, start.coming.and_also(delivered))
        return held.records(news), end.to_json()

    def _expand(self, plan: Plan, rows: list[Row], pool: Pool) -> Iterator[tuple[str, Records]]:
        """Each row's id and all its records: the row itself, or what stands below it."""
        if plan.fan_out is None:
            yield from ((str(row["id"]), [row]) for row in rows)
            return
        count_field = plan.fan_out.count_field
        asked = [str(row["id"]) for row in rows if not count_field or row.get(count_field) != 0]
        yield from ((str(row["id"]), []) for row in rows if count_field and row.get(count_field) == 0)
        yield from zip(asked, pool.map(lambda idea_id: self._children(plan, idea_id), asked), strict=True)

    def _children(self, plan: Plan, idea_id: str) -> Records:
        """All records below one idea; none if it was deleted, merged or hidden after the list named it."""
        if plan.fan_out is None:
            raise ValueError(f"table `{plan.table.name}` has no fan-out")
        fields = (("fields", ",".join(field_names(plan.table.schema))),) if plan.fan_out.send_fields else ()
        path = plan.fan_out.path.format(id=idea_id)
        params = (*plan.table.params, *fields)
        listing = Listing(path, plan.table.root, params, self._settings.page_size)
        try:
            walk = Walk(lambda number: listing.fetch(self._client, number), listing.size, self._lookback)
            return [{"idea_id": idea_id} | record for page in walk for record in page]
        except AhaNotFoundError:
            return []
