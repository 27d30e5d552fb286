"""Tables that have nothing to do with ideas: which options leave a few rows, and what changed lately.

Each is read once as it would be recorded, in one small micro-batch where it can be cut; of a table that
stands below workspaces, the one of a few workspaces that has most rows.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from strict_cassettes.scenarios import Fit, Scenario

from connector.errors import AhaError, AhaOptionError, AhaStatusError
from connector.listing import Listing, Row
from connector.options import parse_options
from connector.plan import WORKSPACES, plan_table
from connector.reading import Reading
from connector.servertime import shift
from connector.tables import TABLES
from connector.tables.declaration import Source, Table
from harness.survey.view import REFUSED, SMALL, LackingError, UnseenError, View, spoken

# Rows of a table that is read whole.
WHOLE = 60
# Workspaces of which one is chosen.
LOOKED = 6
# Rows of a micro-batch, and lists that one may take.
BATCH, PAGES = 9, 3
# Rows that changed within this of the cursor would be asked for, and left out.
GAP = timedelta(seconds=5)


@dataclass(frozen=True)
class Seen:
    """What a table shows.

    Attributes:
        options: that leave a few rows.
        rows: they.
        length: of the longest list that is walked.
        calls: about how many a read takes.
        cut: whether these are the first of many.
    """

    options: Mapping[str, str]
    rows: Sequence[Row]
    length: int
    calls: int
    cut: bool = False


@dataclass
class Others:
    """Fits scenarios of such tables."""

    view: View
    connection: Mapping[str, str]
    _seen: dict[str, Seen] = field(default_factory=dict)

    def fit(self, scenario: Scenario, table: Table) -> Fit:
        """How to record one scenario.

        Raises:
            LackingError: the account cannot show it.
        """
        seen = self.view.once(("other", table.name), lambda: self._see(table, scenario.options))
        if not seen.rows:
            raise LackingError(f"it shows no {spoken(table)}")
        if scenario.pages:
            if seen.length < PAGES:
                raise LackingError(f"its longest list has {seen.length} rows, and three pages take three")
            if seen.cut:
                return Fit(
                    {**seen.options, "page_size": str(PAGES), "max_records_per_batch": str(BATCH)},
                    requests=seen.calls + PAGES,
                )
            size = max(size for size in range(1, seen.length) if -(-seen.length // size) >= PAGES)
            return Fit({**seen.options, "page_size": str(size)}, requests=seen.calls + PAGES)
        start = {}
        if "changed" in scenario.steps:
            changes = [(str(row.get(table.time or "created_at")), True) for row in seen.rows]
            start = {"cursor": cursor_before(changes, all_of_them=seen.cut)}
        return Fit(seen.options, start, seen.calls * len(scenario.steps))

    def _see(self, table: Table, given: Mapping[str, str]) -> Seen:
        """Raises LackingError where the account shows nothing of the table, or too much."""
        try:
            return self._read(table, self._narrow(table, given))
        except AhaOptionError as error:
            raise UnseenError(str(error)) from None
        except AhaStatusError as error:
            if error.status not in REFUSED:
                raise UnseenError(f"{spoken(table)} answered {error.status} to the first look") from None
            raise LackingError(f"the key may not read {spoken(table)} ({error.status})") from None
        except AhaError as error:
            raise UnseenError(f"{spoken(table)}: {type(error).__name__} at the first look") from None

    def _narrow(self, table: Table, given: Mapping[str, str]) -> dict[str, str]:
        """The options that leave one workspace, where the account has many."""
        parents = table.source.parents
        if parents is None or parents.table != WORKSPACES.name or "{key}" in table.source.route.path:
            return dict(given)
        listing = Listing("/products", "products", (("fields", "id"),), 100)
        rows = self.view.page(listing, 1, "workspaces").rows
        if len(rows) < 2:
            return dict(given)
        counts = {str(row["id"]): self._count(table.source, str(row["id"])) for row in rows[:LOOKED]}
        return {**given, "workspaces": max(counts, key=lambda found: min(counts[found], WHOLE))}

    def _count(self, source: Source, parent: str) -> int:
        """Rows of one list; 0 where there is none."""
        route = source.route
        listing = Listing(route.path, route.root, route.params, 1, route.paged).below(parent)
        try:
            return self.view.page(listing, 1, "a workspace").total
        except LackingError:
            return 0

    def _read(self, table: Table, options: Mapping[str, str]) -> Seen:
        """Read a table in one small micro-batch, or whole where it is small."""
        # As the scenarios read it, but for the number of rows.
        limits = {"page_size": str(BATCH), "max_records_per_batch": str(BATCH)}
        plan = plan_table(table, parse_options(self.connection, {**options, **limits}))
        settings = parse_options(self.connection, options)
        # An option that narrows to a workspace gives every list one parent.
        above = table.source.parents
        if above and above.table == WORKSPACES.name and "workspaces" in options:
            length, calls = self._count(table.source, options["workspaces"]), 2
        else:
            length = self._length(TABLES[above.table].source if above else table.source)
            calls = 1 + (length if above else 0)
            if above and length > SMALL:
                raise LackingError(f"it has {length} {above.table}, and a call is needed for each")
        if length <= WHOLE:
            whole = Reading(self.view.client, settings, replace(plan_table(table, settings), limit=None))
            rows = [row for page in whole.read(None)[0] for row in page]
            if len(rows) > 4 * WHOLE:
                raise LackingError(f"it has {len(rows)} rows, too many to be recorded")
            # The list of the parents is walked too.
            lists = (length, len(rows), self._length(TABLES[above.table].source) if above else 0)
            return Seen(options, rows, max(lists), calls)
        if plan.snapshot:
            raise LackingError(f"it has {length} rows, and is always read whole")
        cut = Reading(self.view.client, parse_options(self.connection, {**options, **limits}), plan)
        rows = [row for page in cut.read(None)[0] for row in page]
        return Seen({**options, **limits}, rows, length, calls, cut=True)

    def _length(self, source: Source) -> int:
        route = source.route
        return self.view.page(Listing(route.path, route.root, route.params, 1, route.paged), 1, "it").total


def is_time(text: str) -> bool:
    """Whether a text is a time as Aha! writes them."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return bool(re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T", text))


def cursor_before(changes: Iterable[tuple[str, bool]], *, all_of_them: bool = False) -> str:
    """A moment after which a few of the rows changed, or all of them; at least one of them with something to
    show, and none about that moment.

    Raises:
        LackingError: no row says when it changed.
    """
    known = sorted(change for change in changes if is_time(change[0]))
    if not any(bears for _, bears in known):
        raise LackingError("no row says when it changed")
    times = [time for time, _ in known]
    last = max(place for place, (_, bears) in enumerate(known) if bears)
    for place in range(0 if all_of_them else min(last, max(0, len(known) - PAGES)), 0, -1):
        if times[place - 1] < shift(times[place], -2 * GAP):
            return shift(times[place], -GAP)
    return shift(times[0], -GAP)
