"""What a sync remembers: a small JSON object that Spark keeps in its checkpoint."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from connector.errors import AhaOptionError

VERSION = 1
# Fingerprints of single rows up to this many, of buckets of rows beyond: an offset stays under 16 KiB.
EXACT_ROWS = 300
BUCKETS = 256


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
        if exact is None:
            exact = len(rows) <= EXACT_ROWS
        sums: dict[str, int] = {}
        for row_id, content in rows.items():
            key = cls._key(row_id, exact)
            sums[key] = (sums.get(key, 0) + digest([row_id, content])) % 2**64
        return cls(exact, {key: f"{total:x}" for key, total in sums.items()})

    def news(self, rows: Mapping[str, int]) -> set[str]:
        """The ids among `rows` (all of the overlap) that may not have been delivered as they are now."""
        now = Seen.of(rows, exact=self.exact).entries
        return {
            row_id for row_id in rows if now[key := self._key(row_id, self.exact)] != self.entries.get(key)
        }

    def updated(self, rows: Mapping[str, int]) -> "Seen":
        """This record and `rows`, told apart singly, the latest `EXACT_ROWS` of them."""
        entries = dict(self.entries) if self.exact else {}
        for key, content in Seen.of(rows, exact=True).entries.items():
            entries.pop(key, None)
            entries[key] = content
        return Seen(True, dict(list(entries.items())[-EXACT_ROWS:]))

    @staticmethod
    def _key(row_id: str, exact: bool) -> str:
        number = digest(row_id)
        return f"{number:x}" if exact else f"{number % BUCKETS:x}"


@dataclass(frozen=True)
class Position:
    """Where a walk over a list stands; see `connector.walk`.

    Attributes:
        size: rows per page; another size would mean another position.
        page: the next page.
        started: server time of the walk's first page; the next cursor is made from it.
        began: server time of this pass's first page.
        first, total: the list's length on this pass's first page, and on the last one read.
        fell: whether the length ever fell during this pass.
        late: rows of later pages that may have come in during this pass.
        rows: distinct rows met in this pass.
        ids: a digest of these rows' ids, whatever their order.
        before: the digest of the pass before, if its length never fell.
        passes: this pass's number.
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
    passes: int = 1


@dataclass(frozen=True)
class Offset:
    """How far one table was read.

    Attributes:
        scope: fingerprint of the table and its filters; another filter's cursor is never reused.
        cursor: server time, whole seconds, `...Z`. All rows that changed before it were delivered.
            None before the first sync.
        seen: the rows from the cursor on that were delivered.
        position: inside a walk that was cut by `max_ideas`; else None.
    """

    scope: str
    cursor: str | None = None
    seen: Seen = field(default_factory=Seen)
    position: Position | None = None

    def to_json(self) -> dict[str, Any]:
        """The JSON object that Spark stores; under 16 KiB."""
        out: dict[str, Any] = {"version": VERSION, "scope": self.scope, "cursor": self.cursor}
        if self.seen.entries:
            out["seen"] = {"exact": self.seen.exact, "entries": dict(self.seen.entries)}
        if self.position:
            out["position"] = asdict(self.position)
        return out

    @classmethod
    def from_json(cls, given: Mapping[str, Any] | None, scope: str) -> "Offset":
        """Read an offset back. Nothing given, or another scope's offset, is the beginning.

        Raises:
            AhaOptionError: it is no offset of this connector, or a newer version's.
        """
        if not given:
            return cls(scope)
        if given.get("version") != VERSION:
            raise AhaOptionError(
                f"The offset has version {given.get('version')!r}, and this connector reads {VERSION}. "
                "Deploy the connector that wrote it, or start over with a full refresh."
            )
        if given.get("scope", scope) != scope:
            return cls(scope)
        try:
            seen, position = given.get("seen"), given.get("position")
            return cls(
                scope,
                given["cursor"],
                Seen(bool(seen["exact"]), dict(seen["entries"])) if seen else Seen(),
                Position(**position) if position else None,
            )
        except (KeyError, TypeError) as error:
            raise AhaOptionError(
                f"The offset is damaged ({error}; found {sorted(given)}). Start over with a full refresh."
            ) from None


def scope_of(table: str, filters: Iterable[tuple[str, str | None]]) -> str:
    """The scope of a table read with `filters`, as `table:fingerprint`."""
    return f"{table}:{digest(sorted((name, value) for name, value in filters if value)):016x}"
