"""What the rows of a list stand for: themselves, their parts, or what hangs below them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from connector.census import Resident, name_of
from connector.client import AhaClient
from connector.counts import NOTHING, Counts, Told
from connector.course import Place
from connector.errors import (
    AhaAuthError,
    AhaNotFoundError,
    AhaRateLimitError,
    AhaResponseError,
    AhaStatusError,
)
from connector.listing import Row, is_row
from connector.log import warn
from connector.parallel import Pool
from connector.plan import Plan, is_among
from connector.servertime import changed_before, readable
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

    Attributes:
        counts: of what hangs below a row, where it is counted.
        asked: for how many rows it was asked what hangs below them.
        gone: rows that were gone by then.
        troubled: rows below which Aha! did not let look, each with its error.
        answered: below how many it did.
    """

    def __init__(self, client: AhaClient, plan: Plan, lookback: timedelta, size: int, pool: Pool) -> None:
        self._client, self._plan, self._pool = client, plan, pool
        self._lookback, self._size = lookback, size
        self._warned = False
        self._given: set[str] = set()
        self.counts: Counts | None = None
        self.asked = 0
        self.gone: set[str] = set()
        self.troubled: dict[str, AhaStatusError] = {}
        self.answered = 0

    def due(self, rows: list[Row], since: str | None) -> list[Row]:
        """Rows, or their parts, that changed since; all of them since None."""
        plan = self._plan
        rows = self._parts(self._completed(rows, since))
        if plan.workspaces:
            rows = [row for row in rows if self._is_inside(row)]
        return [row for row in rows if not (since and plan.time and changed_before(row, since, plan.time))]

    def residents(self, place: Place, row: Row, told: Mapping[str, Told]) -> list[Resident]:
        """What a row is counted as: itself, or its parts where it shows them."""
        plan = self._plan
        inside = [row] if plan.table.part and plan.table.part not in row else self._parts([row])
        return [
            Resident(name_of(place, found, plan.moving), found, told.get(str(found["id"]), NOTHING).mark)
            for found in inside
            if not plan.workspaces or self._is_inside(found)
        ]

    def make(
        self,
        place: Place,
        due: list[Row],
        told: Mapping[str, Told],
        *,
        sampled: bool = True,
        cursor: str = "",
    ) -> Iterator[Unit]:
        """The units of rows that are due.

        Args:
            told: what is said to hang below them.
            sampled: whether they are of the sample that proves what is said.
            cursor: rows below that were made since prove nothing; "" where nothing is to be proven.

        Raises:
            CountsRefutedError: what was believed of other rows is wrong.
        """
        if self._plan.below is None:
            yield from (Unit(row, [_with_parent(row, place.column, place.parent)]) for row in due)
            return
        believed = self.counts is not None and self.counts.is_believed(sampled=sampled)
        empty = {name for name, said in told.items() if believed and said.count == 0}
        yield from (Unit(row, []) for row in due if str(row["id"]) in empty)
        asked = [row for row in due if str(row["id"]) not in empty]
        self.asked += len(asked)
        answers = []
        for row, records in zip(asked, self._pool.map(self._children, asked), strict=True):
            if records is None:
                self.gone.add(str(row["id"]))
                continue
            if isinstance(records, AhaStatusError):
                self.troubled[str(row["id"])] = records
                continue
            self.answered += 1
            answers.append((told.get(str(row["id"]), NOTHING), records))
            yield Unit(row, records)
        if self.counts and cursor:
            self.counts.compare(answers, cursor)

    def shows_parts(self, row: Row) -> bool:
        """Whether a row stands for parts, and holds them."""
        return self._plan.table.part is not None and self._plan.table.part in row

    def _parts(self, rows: list[Row]) -> list[Row]:
        """Rows, or the rows that are their parts."""
        name = self._plan.table.part
        return [part for row in rows for part in self._parts_of(row, name)] if name else rows

    def finish(self, records: Records, read_at: str) -> Records:
        """Records with the columns that the connector adds. `read_at`: server time, whole seconds."""
        table = self._plan.table
        if table.source.parents and table.source.parents.shared:
            records = [record for record in records if self._is_first(str(record["id"]))]
        if table.cursor_field == CHANGED_AT:
            # As Aha! writes times, so that texts compare as times do.
            moment = read_at.removesuffix("Z") + ".000Z"
            records = [
                record | {CHANGED_AT: readable(record.get("updated_at")) or moment} for record in records
            ]
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
            warn(
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
        except AhaNotFoundError as error:
            if error.own:
                return None
            raise
        found = answer.body.get(detail.root)
        if not isinstance(found, dict) or not is_row(found):
            raise _unexpected(path, f"an object with an `id` under `{detail.root}`", answer.shown)
        return row | found

    def _parts_of(self, row: Row, name: str) -> list[Row]:
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

    def _children(self, row: Row) -> Records | AhaStatusError | None:
        """All records below one row; None if it was deleted, merged or hidden after the list named it; an
        error that may be this row's own."""
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
        except AhaNotFoundError as error:
            return None if error.own and self._is_gone(parent) else error
        except (AhaAuthError, AhaRateLimitError):
            raise
        except AhaStatusError as error:
            return error

    def _is_gone(self, parent: str) -> bool:
        """Whether Aha! knows no such record any more: its list alone may be missing for another reason."""
        below = self._plan.below
        if below is None or below.detail is None:
            return True
        try:
            self._client.get(below.detail.path.format(id=parent), {"fields": "id"})
        except AhaNotFoundError as error:
            return error.own
        return False


def is_empty(row: Row, count: str | None) -> bool:
    """Whether a row says itself that nothing hangs below it: by a number, or by a list."""
    said = row.get(count or "")
    return said == [] or (type(said) is int and said == 0)


def _with_parent(row: Row, column: str, parent: str) -> Row:
    return {column: parent} | row if column else row


def _unexpected(path: str, wanted: str, shown: str) -> AhaResponseError:
    return AhaResponseError(
        f"GET {path} answered without {wanted}. Received: {shown}. Nothing was lost; if it stays so, Aha!'s "
        "API has changed and this connector needs an update."
    )
