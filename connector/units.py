"""What the rows of a list stand for: themselves, their parts, or what hangs below them."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from connector.client import AhaClient
from connector.course import Place
from connector.errors import AhaNotFoundError, AhaResponseError
from connector.listing import Row, is_row
from connector.offsets import Offset, bucket_of
from connector.parallel import Pool
from connector.plan import Plan, is_among
from connector.servertime import changed_before
from connector.tables.declaration import CHANGED_AT, Detail
from connector.walk import Walk

Records = list[Row]


@dataclass(frozen=True)
class Unit:
    """A row of a list and the records that it stands for.

    Attributes:
        row: it tells when something changed.
        records: itself, or all that hangs below it.
    """

    row: Row
    records: Records

    @property
    def name(self) -> str:
        return str(self.row["id"])


class Units:
    """Makes units of rows, as a plan says.

    Args:
        lookback: how late a change may become visible.
        size: rows per page of what hangs below a row.
        pool: where calls for different rows overlap.
    """

    def __init__(self, client: AhaClient, plan: Plan, lookback: timedelta, size: int, pool: Pool) -> None:
        self._client, self._plan, self._pool = client, plan, pool
        self._lookback, self._size = lookback, size
        self._warned = False
        self._given: set[str] = set()

    def make(self, place: Place, rows: list[Row], start: Offset) -> Iterator[Unit]:
        """The units of a page that are due: not those that were delivered by `start`, for sure."""
        plan = self._plan
        since = None if place.fresh else start.cursor
        # Of lists that are walked whole, rows that came into sight are due, however old.
        strange = [row for row in rows if start.strange and bucket_of(str(row["id"])) in start.strange]
        rows = [
            *self._due(self._completed(rows, since), since),
            *self._due(self._completed(strange, None), None),
        ]
        if strange:
            rows = list({str(row["id"]): row for row in rows}.values())
        if plan.workspaces:
            rows = [row for row in rows if self._is_inside(row)]
        if plan.below is None:
            yield from (Unit(row, [_with_parent(row, place.column, place.parent)]) for row in rows)
            return
        count = plan.below.count
        yield from (Unit(row, []) for row in rows if is_empty(row, count))
        asked = [row for row in rows if not is_empty(row, count)]
        for row, records in zip(asked, self._pool.map(self._children, asked), strict=True):
            yield Unit(row, records)

    def _due(self, rows: list[Row], since: str | None) -> list[Row]:
        """Rows, or their parts, that changed since."""
        plan = self._plan
        if plan.table.part:
            rows = [part for row in rows for part in self._parts(row, plan.table.part)]
        return [row for row in rows if not (since and plan.time and changed_before(row, since, plan.time))]

    def finish(self, records: Records, read_at: str) -> Records:
        """Records with the columns that the connector adds. `read_at`: server time, whole seconds."""
        table = self._plan.table
        if table.source.parents and table.source.parents.shared:
            records = [record for record in records if self._is_first(str(record["id"]))]
        if table.cursor_field == CHANGED_AT:
            # As Aha! writes times, so that texts compare as times do.
            moment = read_at.removesuffix("Z") + ".000Z"
            records = [record | {CHANGED_AT: record.get("updated_at") or moment} for record in records]
        for column, field in table.flags:
            records = [record | {column: bool(record.get(field))} for record in records]
        return records

    def _is_first(self, identity: str) -> bool:
        """Whether this read brings a record for the first time."""
        if identity in self._given:
            return False
        self._given.add(identity)
        return True

    def _completed(self, rows: list[Row], since: str | None) -> list[Row]:
        """Rows with all that the table needs: as the list tells them, or each asked for by itself."""
        plan, detail = self._plan, self._plan.table.detail
        if detail is None or not rows:
            return rows
        lacking = [name for name in plan.needs if not any(name in row for row in rows)]
        if not (lacking or plan.table.always_detailed):
            return rows
        if lacking and not self._warned:
            self._warned = True
            logging.getLogger("aha_lakeflow").warning(
                "GET %s does not tell `%s`, which table `%s` needs: each row that it returns is asked for by "
                "itself, a call each.",
                plan.listing.path,
                lacking[0],
                plan.table.name,
            )
        if plan.table.part and since:
            # Without the parts, only the whole's own time says which of them may have changed.
            rows = [row for row in rows if not changed_before(row, since)]
        found = self._pool.map(lambda row: self._detailed(row, detail), rows)
        return [row for row in found if row is not None]

    def _detailed(self, row: Row, detail: Detail) -> Row | None:
        """A row with all that its own route tells; None if it is gone."""
        path = detail.path.format(id=row["id"])
        params = dict(param for param in self._plan.listing.params if param[0] == "fields")
        try:
            answer = self._client.get(path, params)
        except AhaNotFoundError:
            return None
        found = answer.body.get(detail.root)
        if not isinstance(found, dict) or not is_row(found):
            raise _unexpected(path, f"an object with an `id` under `{detail.root}`", answer.shown)
        return row | found

    def _parts(self, row: Row, name: str) -> list[Row]:
        parts = row.get(name) or []
        if not isinstance(parts, list) or not all(map(is_row, parts)):
            path = self._plan.listing.path
            raise _unexpected(
                path, f"a list of objects with an `id` as `{name}` of each row", f"row {row['id']}"
            )
        return parts

    def _is_inside(self, row: Row) -> bool:
        where = self._plan.table.workspace
        named: Any = row if where == "self" else row.get(where or "")
        return isinstance(named, dict) and is_among(named, self._plan.workspaces)

    def _children(self, row: Row) -> Records:
        """All records below one row; none if it was deleted, merged or hidden after the list named it."""
        below, parent = self._plan.below, str(row["id"])
        if below is None:
            raise ValueError(f"nothing hangs below a row of table `{self._plan.table.name}`")
        listing = replace(below.listing.below(parent), size=self._size)
        came_in = ("created_at", "updated_at")
        try:
            walk = Walk(
                lambda number: listing.fetch(self._client, number),
                listing.size,
                self._lookback,
                came_in=came_in,
            )
            return [_with_parent(record, below.column, parent) for page in walk for record in page]
        except AhaNotFoundError:
            return []


def is_empty(row: Row, count: str | None) -> bool:
    """Whether a row says itself that nothing hangs below it: by a number, or by a list."""
    return count is not None and row.get(count) in (0, [])


def _with_parent(row: Row, column: str, parent: str) -> Row:
    return {column: parent} | row if column else row


def _unexpected(path: str, wanted: str, shown: str) -> AhaResponseError:
    return AhaResponseError(
        f"GET {path} answered without {wanted}. Received: {shown}. Nothing was lost; if it stays so, Aha!'s "
        "API has changed and this connector needs an update."
    )
