"""The sync engine: from an offset to rows and the next offset.

One algorithm for every table. Lists are walked (a table's own, one below each workspace, that of the ideas
that have comments), each of their rows stands for records (itself, its parts, what hangs below it), and the
offset says up to which moment, by Aha!'s clock, all rows were delivered. Each sync reads again what changed
since that moment; rows of that overlap that were delivered already are known by their digests and not
delivered twice.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from connector.client import AhaClient
from connector.options import Settings
from connector.plan import plan_table
from connector.reading import Reading
from connector.split import Window
from connector.tables.declaration import Table
from connector.units import Records


class Sync:
    """Reads tables of one account through one client."""

    def __init__(self, client: AhaClient, settings: Settings) -> None:
        self._client = client
        self._settings = settings

    def read(self, table: Table, start: dict[str, Any] | None) -> tuple[Iterator[Records], dict[str, Any]]:
        """What changed since `start`, and the offset that stands after it.

        Returns pages of records as Aha! sent them, and a JSON object. The same offset with no records
        means that there was nothing new. A snapshot is everything each time, and its offset is `{}`.

        Raises:
            AhaError: the offset cannot be used, or a request failed; `start` stays valid.
        """
        return Reading(self._client, self._settings, plan_table(table, self._settings)).read(start)

    def reread(
        self, table: Table, start: dict[str, Any] | None, end: dict[str, Any] | None = None
    ) -> Iterator[Records]:
        """All that a micro-batch from `start` to `end` held, and that is still there; all that changed since
        `start`, where no `end` is given, or none that bounds it.

        Spark asks again for a batch that it had planned and may not have written.
        """
        reading = self._unlimited(table)
        reading.until = reading.bound(start, end)
        return reading.read(start)[0]

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
        plan = replace(plan_table(table, self._settings), limit=None, cut=False)
        plan = replace(plan, listing=plan.listing.with_params(*window.params))
        return Reading(self._client.sharing(window.share), self._settings, plan).stream(window)

    def _unlimited(self, table: Table) -> "Reading":
        plan = replace(plan_table(table, self._settings), limit=None, cut=False)
        return Reading(self._client, self._settings, plan)
