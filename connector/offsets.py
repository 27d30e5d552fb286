"""What a sync remembers: a small JSON object that Spark keeps in its checkpoint."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from connector.counts import REFUTED
from connector.errors import AhaOptionError

VERSION = 1
# Fingerprints of single rows up to this many, of buckets of rows beyond: an offset stays under 16 KiB.
EXACT_ROWS = 150
BUCKETS = 256
ROLL_BUCKETS = 256


def digest(value: Any) -> int:
    """A 64-bit digest of a JSON value, the same in every process."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


@dataclass(frozen=True)
class Seen:
    """Which rows of the re-read overlap were delivered, in bounded space.

    A row is known by a digest of its content. Up to `EXACT_ROWS` rows are told apart singly; more are
    put into buckets by id, and a bucket counts as delivered only if all its rows are unchanged. So a
    row may be delivered twice, and never be taken for delivered when it was not.

    Attributes:
        exact: whether each entry stands for one row.
        entries: row or bucket → digest, both in hexadecimal.
    """

    exact: bool = True
    entries: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Mapping[str, int], *, exact: bool | None = None) -> "Seen":
        """The record of `rows`, a mapping from row id to the digest of what was delivered for it."""
        found = cls(
            True, {f"{digest(row):x}": f"{digest([row, content]):x}" for row, content in rows.items()}
        )
        if exact is None:
            exact = len(found.entries) <= EXACT_ROWS
        return found if exact else found.in_buckets()

    @classmethod
    def from_json(cls, given: Any) -> "Seen":
        """Read one back from an offset. Raises KeyError, TypeError or ValueError where it is none."""
        if given is None:
            return cls()
        if isinstance(given["entries"], str):
            numbers = unpack_numbers(given["entries"], 8)
            if not given["exact"]:
                # A bucket whose sum is 0 counts as none: its rows are delivered once more.
                sums = {f"{place:x}": f"{total:x}" for place, total in enumerate(numbers) if total}
                return cls(False, sums)
            pairs = zip(numbers[::2], numbers[1::2], strict=True)
            return cls(True, {f"{key:x}": f"{content:x}" for key, content in pairs})
        # As earlier versions wrote them.
        for pair in given["entries"].items():
            for text in pair:
                int(text, 16)
        return cls(bool(given["exact"]), dict(given["entries"]))

    def to_json(self) -> dict[str, Any]:
        numbers = [int(text, 16) for pair in self.entries.items() for text in pair]
        if not self.exact:
            numbers = [int(self.entries.get(f"{bucket:x}", "0"), 16) for bucket in range(BUCKETS)]
        return {"exact": self.exact, "entries": pack_numbers(numbers, 8)}

    def in_buckets(self) -> "Seen":
        """The same rows, no longer told apart."""
        if not self.exact:
            return self
        sums: dict[str, int] = {}
        for row, content in self.entries.items():
            bucket = f"{int(row, 16) % BUCKETS:x}"
            sums[bucket] = (sums.get(bucket, 0) + int(content, 16)) % 2**64
        return Seen(False, {bucket: f"{total:x}" for bucket, total in sums.items()})

    def and_also(self, rows: Mapping[str, int]) -> "Seen":
        """This record and `rows`. Bounded: beyond `EXACT_ROWS` in buckets."""
        more = Seen.of(rows, exact=True)
        if self.exact and len(self.entries.keys() | more.entries.keys()) <= EXACT_ROWS:
            return Seen(True, {**self.entries, **more.entries})
        sums = dict(self.in_buckets().entries)
        for bucket, content in more.in_buckets().entries.items():
            sums[bucket] = f"{(int(sums.get(bucket, '0'), 16) + int(content, 16)) % 2**64:x}"
        return Seen(False, sums)

    def news(self, rows: Mapping[str, int]) -> set[str]:
        """The ids among `rows` that may not have been delivered as they are now.

        Where rows are told apart, `rows` may be a part of the overlap; else it must be all of it.
        """
        now = Seen.of(rows, exact=self.exact).entries
        return {row for row in rows if now[key := self._key(row)] != self.entries.get(key)}

    def _key(self, row: str) -> str:
        number = digest(row)
        return f"{number:x}" if self.exact else f"{number % BUCKETS:x}"


@dataclass(frozen=True)
class Roll:
    """Which names there were, in bounded space: sums of their digests, in buckets.

    A name that was not there is never taken for one that was; but for one that comes or goes, the others of
    its bucket count as strangers too.

    Attributes:
        sums: one for each bucket, modulo 2**32.
    """

    sums: tuple[int, ...] = (0,) * ROLL_BUCKETS

    @classmethod
    def of(cls, names: Iterable[str]) -> "Roll":
        return cls._of((number, number) for number in map(digest, names))

    @classmethod
    def of_marked(cls, marks: Mapping[str, str]) -> "Roll":
        """A roll of names with their marks, in the buckets of the names."""
        return cls._of((digest(name), digest([name, mark])) for name, mark in marks.items())

    @classmethod
    def _of(cls, numbers: Iterable[tuple[int, int]]) -> "Roll":
        sums = [0] * ROLL_BUCKETS
        for place, number in numbers:
            sums[place % ROLL_BUCKETS] = (sums[place % ROLL_BUCKETS] + (number >> 16)) % 2**32
        return cls(tuple(sums))

    @classmethod
    def from_json(cls, given: Any) -> "Roll | None":
        """Read one back from an offset. Raises ValueError or TypeError where it is none."""
        if given is None:
            return None
        if len(given) == 1024:
            # An earlier version's, with other buckets: as if none had been called.
            return None
        sums = unpack_numbers(given, 4)
        if len(sums) != ROLL_BUCKETS:
            raise ValueError("a roll of another length")
        return cls(tuple(sums))

    def to_json(self) -> str:
        return pack_numbers(self.sums, 4)

    def and_also(self, other: "Roll") -> "Roll":
        """The records of both rolls."""
        return Roll(tuple((one + two) % 2**32 for one, two in zip(self.sums, other.sums, strict=True)))

    def changed(self, now: "Roll") -> frozenset[int]:
        """The buckets whose records may not all have been there."""
        pairs = enumerate(zip(self.sums, now.sums, strict=True))
        return frozenset(bucket for bucket, (one, other) in pairs if one != other)


def bucket_of(identity: str) -> int:
    """The bucket of a roll that a record is in."""
    return digest(identity) % ROLL_BUCKETS


def pack_numbers(numbers: Iterable[int], size: int) -> str:
    """Numbers of `size` bytes each, as one text."""
    return base64.b64encode(b"".join(number.to_bytes(size) for number in numbers)).decode()


def unpack_numbers(text: str, size: int) -> list[int]:
    """What `pack_numbers` packed. Raises ValueError where it did not."""
    content = base64.b64decode(text, validate=True)
    if len(content) % size:
        raise ValueError("numbers of another size")
    return [int.from_bytes(content[place : place + size]) for place in range(0, len(content), size)]


@dataclass(frozen=True)
class Tally:
    """Which records a list held, and how many were said to hang below each.

    Attributes:
        names: a roll of the records.
        counts: a roll of records with their counts; None where no count is known.
    """

    names: Roll = field(default_factory=Roll)
    counts: Roll | None = None

    def and_also(self, other: "Tally") -> "Tally":
        """The records of both."""
        counted = self.counts is not None and other.counts is not None
        counts = self.counts.and_also(other.counts) if counted else None  # type: ignore[union-attr, arg-type]
        return Tally(self.names.and_also(other.names), counts)

    def changed(self, now: "Tally") -> frozenset[int]:
        """The buckets of which a record may be new, or have another count."""
        counted = self.counts is not None and now.counts is not None
        counts = self.counts.changed(now.counts) if counted else frozenset()  # type: ignore[union-attr, arg-type]
        return self.names.changed(now.names) | counts

    def to_json(self) -> list[str]:
        return [roll.to_json() for roll in (self.names, self.counts) if roll is not None]

    @classmethod
    def from_json(cls, given: Any) -> "Tally | None":
        """Read one back from an offset. Raises ValueError or TypeError where it is none."""
        rolls = [Roll.from_json(text) for text in given or ()]
        if not rolls or rolls[0] is None:
            return None
        return cls(rolls[0], rolls[1] if len(rolls) > 1 else None)


@dataclass(frozen=True)
class Taking:
    """A tally that is being taken, by a walk that was cut.

    Attributes:
        before: of the records that were made before the last tally's moment.
        now: of those that were made before this one's.
    """

    before: Tally
    now: Tally


@dataclass(frozen=True)
class Position:
    """Where a walk over a list stands; see `connector.walk`.

    Attributes:
        size: rows per page; another size would mean another position.
        page: the next page.
        started: server time of the walk's first page; the next cursor is made from it.
        began: server time of this pass's first page.
        first, total: the list's length on this pass's first page, and on the last one read.
        fell: whether rows are known to have moved during this pass: the list became shorter, or a row was
            met twice.
        late: rows of later pages that may have come in during this pass.
        rows: distinct rows met in this pass.
        ids: a digest of these rows' ids, whatever their order.
        before: that of the pass before, unless rows moved in it.
        tail: digests of the ids of the last rows read.
        parent: below which record the list stands; "" where it stands below none.
        turn: how many passes over the list came before this one; -1 where nobody counted them.
    """

    size: int
    page: int = 1
    started: str = ""
    began: str = ""
    first: int = 0
    total: int = 0
    fell: bool = False
    late: int = 0
    rows: int = 0
    ids: int = 0
    before: int | None = None
    tail: list[int] = field(default_factory=list)
    parent: str = ""
    turn: int = 0

    def is_beyond(self, other: "Position") -> bool:
        """Whether a course that stands here has read all that it had read where `other` stands."""
        here, there = order_of(self.parent), order_of(other.parent)
        return here > there or (here == there and self.turn == other.turn and self.page >= other.page)


def order_of(name: str) -> tuple[int, str, str]:
    """Names of lists in the order of their parents' numbers."""
    parent, _, key = name.partition("/")
    return len(parent), parent, key


@dataclass(frozen=True)
class Offset:
    """How far one table was read.

    Attributes:
        scope: fingerprint of the account, the table and its filters; another filter's cursor is not reused.
        cursor: server time, whole seconds, `...Z`. All rows that changed before it were delivered.
            None before the first sync.
        seen: the rows from the cursor on that were delivered.
        position: inside a walk that was cut; else None.
        coming: inside such a walk, the rows that will be `seen` after it.
        parents: the records there were that lists stand below; None where all was never read below them.
        coming_parents: inside such a walk, those that were done with.
        reconciled: the moment of the last reconciliation, by server time.
        tally: the records made before that moment that the list held then; None where nobody counted.
        taking: inside a walk over the whole list that was cut, what was counted so far.
        strange: buckets of the list whose old rows the next read delivers again, because some of them were
            not there before.
        counts: whether counts of what hangs below a row are believed; see `connector.counts`.
        after_id: of a feed, a row up to which all were delivered.
        after_audit: of a table that follows the audits, one up to which all were heeded.
        audits: whether they are followed; see `connector.following`.
        again: rows below which Aha! did not let look: the next read asks again.
    """

    scope: str
    cursor: str | None = None
    seen: Seen = field(default_factory=Seen)
    position: Position | None = None
    coming: Seen = field(default_factory=Seen)
    parents: Roll | None = None
    coming_parents: Roll | None = None
    reconciled: str | None = None
    tally: Tally | None = None
    taking: Taking | None = None
    strange: frozenset[int] = frozenset()
    counts: str = ""
    after_id: str | None = None
    after_audit: str | None = None
    audits: str = ""
    again: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The JSON object that Spark stores; under 16 KiB."""
        out = write_offset(self.scope, {"cursor": self.cursor}, {"seen": self.seen, "coming": self.coming})
        if self.position:
            out["position"] = asdict(self.position)
        for name in ("parents", "coming_parents", "tally"):
            if (kept := getattr(self, name)) is not None:
                out[name] = kept.to_json()
        if self.taking:
            out["taking"] = [self.taking.before.to_json(), self.taking.now.to_json()]
        if self.strange:
            out["strange"] = f"{sum(1 << bucket for bucket in self.strange):x}"
        if self.again:
            out["again"] = list(self.again)
        for name in ("reconciled", "counts", "after_id", "after_audit", "audits"):
            if text := getattr(self, name):
                out[name] = text
        return out

    @classmethod
    def from_json(cls, given: Mapping[str, Any] | None, scope: str) -> "Offset":
        """Read an offset back. Nothing given, or another scope's offset, is the beginning.

        Raises:
            AhaOptionError: it is no offset of this connector, or a newer version's.
        """

        def parse(found: Mapping[str, Any]) -> "Offset":
            position = found.get("position")
            return cls(
                scope,
                _time_from(found["cursor"]),
                Seen.from_json(found.get("seen")),
                _position_from(position) if position else None,
                Seen.from_json(found.get("coming")),
                Roll.from_json(found.get("parents")),
                Roll.from_json(found.get("coming_parents")),
                _time_from(found.get("reconciled")),
                Tally.from_json(found.get("tally")),
                _taking_from(found.get("taking")),
                _buckets_from(found.get("strange")),
                str(found.get("counts", "")),
                _id_from(found.get("after_id")),
                _id_from(found.get("after_audit")),
                str(found.get("audits", "")),
                tuple(map(str, found.get("again", ()))),
            )

        return read_offset(given, scope, parse) or cls(scope)


def is_unfinished(offset: Mapping[str, Any]) -> bool:
    """Whether the next read brings more of what was there: a walk goes on, or rows came into sight."""
    return "position" in offset or "strange" in offset


def write_offset(scope: str, fields: Mapping[str, Any], seens: Mapping[str, Seen]) -> dict[str, Any]:
    """The JSON object of an offset: its version and scope, `fields`, and what was seen, if anything."""
    kept = {name: seen.to_json() for name, seen in seens.items() if seen.entries}
    return {"version": VERSION, "scope": scope, **fields, **kept}


def read_offset(
    given: Mapping[str, Any] | None, scope: str, parse: Callable[[Mapping[str, Any]], Any]
) -> Any:
    """What `parse` makes of an offset; None where nothing is given, or another scope's.

    Raises:
        AhaOptionError: it is no offset of this connector, or a newer version's.
    """
    if not given:
        return None
    if given.get("version") != VERSION:
        raise AhaOptionError(
            f"The offset has version {given.get('version')!r}, and this connector reads {VERSION}. "
            "Deploy the connector that wrote it, or start over with a full refresh."
        )
    if given.get("scope", scope) != scope:
        return None
    try:
        return parse(given)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AhaOptionError(
            f"The offset is damaged ({error!r}; found {sorted(given)}). Start over with a full refresh."
        ) from None


def _time_from(given: Any) -> str | None:
    if given is not None:
        datetime.fromisoformat(given)
    return None if given is None else str(given)


def _buckets_from(given: Any) -> frozenset[int]:
    """Buckets, as the bits of a number; an earlier version listed others."""
    bits = int(given, 16) if isinstance(given, str) else 0
    return frozenset(bucket for bucket in range(ROLL_BUCKETS) if bits >> bucket & 1)


def _taking_from(given: Any) -> Taking | None:
    if given is None:
        return None
    before, now = map(Tally.from_json, given)
    return Taking(before, now) if before and now else None


def _id_from(given: Any) -> str | None:
    return None if given is None else str(int(given))


def end_of_batch(start: Offset, end: Offset) -> Position | None:
    """Where a micro-batch from `start` to `end` ended, if who reads from `start` to there reads all that it
    held; None where only who reads on to the last row does.

    A row that has meanwhile moved before `start` left a gap behind it: the walk that goes on at `end` sees
    that, and begins again. But a batch that began from another cursor, or at the first row because counts
    were wrong, does not lie between the two.
    """
    ended = end.position
    if ended is None or ended.turn < 0 or (end.cursor, end.strange) != (start.cursor, start.strange):
        return None
    return None if end.counts == REFUTED != start.counts else ended


def _position_from(given: Any) -> Position:
    position = Position(**{"turn": -1} | given)
    for name, value in asdict(position).items():
        wanted = type(getattr(Position(1), name))
        if not isinstance(value, wanted) and not (name == "before" and type(value) is int):
            raise TypeError(f"position.{name} is {value!r}")
    return position


def scope_of(account: str, table: str, filters: Iterable[tuple[str, str | None]]) -> str:
    """The scope of a table read with `filters`, as `table:fingerprint`."""
    narrowed = sorted((name, value) for name, value in filters if value)
    return f"{table}:{digest([account, narrowed]):016x}"
