"""Who was there: the rows of a whole list, compared with those of the last time it was counted.

A row that comes into sight without a new `updated_at` (a workspace is granted, spam is lifted, a record is
restored) tells nobody. So a list is read whole now and then, and its rows' names are compared with what was
remembered of them, in buckets: a bucket that differs counts as strange, and its old rows are delivered again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from connector.counts import Counts
from connector.course import Place
from connector.listing import Row
from connector.offsets import Offset, Roll, Taking, Tally, bucket_of
from connector.servertime import changed_before, readable


@dataclass(frozen=True)
class Resident:
    """One that is counted.

    Attributes:
        name: that tells it from all others of the table; another one where it moved.
        row: it, which may say when it was made.
        mark: what is said to hang below it; "" where nothing is said.
    """

    name: str
    row: Row
    mark: str = ""


@dataclass
class Census:
    """A count that is under way.

    Args:
        start: what the last count left, and a walk that was cut.
        counts: what is said to hang below the rows.

    Attributes:
        since: the moment of the last count; those that were made later are known by that.
        last: it.
    """

    start: Offset
    counts: Counts | None = None
    _carried: bool = True
    _before: dict[str, str] = field(default_factory=dict)
    _now: dict[str, str] = field(default_factory=dict)

    @property
    def since(self) -> str:
        return self.start.reconciled or ""

    @property
    def last(self) -> Tally | None:
        return self.start.tally

    @property
    def counted(self) -> bool:
        """Whether anything is said of what hangs below."""
        return self.counts is not None and self.counts.is_told

    @property
    def lacks_counts(self) -> bool:
        """Whether nothing was known last time of what hangs below, and something is now."""
        return self.counted and self.last is not None and self.last.counts is None

    def is_due(self, residents: Iterable[Resident]) -> bool:
        """Whether one is due without a look at the others: strange already, or made since the last count."""
        if self.last is None:
            return True
        return any(
            bucket_of(resident.name) in self.start.strange
            or (self.since and "created_at" in resident.row and not made_before(resident.row, self.since))
            or (self.lacks_counts and not resident.mark.startswith("0"))
            for resident in residents
        )

    def meet(self, residents: Iterable[Resident], cursor: str) -> None:
        """Count some. `cursor`: the moment from which on new ones are known by when they were made."""
        for resident in residents:
            if made_before(resident.row, cursor):
                self._now[resident.name] = resident.mark
            if made_before(resident.row, self.since):
                self._before[resident.name] = resident.mark

    def begin_anew(self) -> None:
        """Forget what an earlier read counted: a list is walked once more, from its beginning."""
        self._carried = False

    def forget(self, names: Iterable[str]) -> None:
        """Take some back, as if they had not been there."""
        for name in names:
            self._now.pop(name, None)
            self._before.pop(name, None)

    @property
    def taking(self) -> Taking:
        """What was counted so far, by the whole walk."""
        before, now = self._tally(self._before), self._tally(self._now)
        if self.start.taking and self._carried:
            before = self.start.taking.before.and_also(before)
            now = self.start.taking.now.and_also(now)
        return Taking(before, now)

    def strange(self) -> frozenset[int]:
        """The buckets that are not as they were."""
        return self.last.changed(self.taking.before) if self.last else frozenset()

    def _tally(self, marks: dict[str, str]) -> Tally:
        counts = Roll.of_marked(marks) if self.counted else None
        return Tally(Roll.of(marks), counts)


def made_before(row: Row, moment: str) -> bool:
    """Whether a row was made before a moment; also where it does not say, but not before no moment."""
    told = readable(row.get("created_at"))
    return bool(moment) and (told is None or changed_before(row, moment, "created_at"))


def name_of(place: Place, row: Row, column: str) -> str:
    """What a row is counted as: another one, where it moved from one parent to another."""
    parent = place.name or str(row.get(column) or "")
    return f"{parent}/{row['id']}" if parent else str(row["id"])
