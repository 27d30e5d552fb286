"""The sandbox's state: one SQLite table of records, each a JSON document in its full form."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

Document = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    kind TEXT NOT NULL,
    id INTEGER NOT NULL,
    parent INTEGER,
    reference TEXT,
    hidden INTEGER NOT NULL DEFAULT 0,
    proxy INTEGER NOT NULL DEFAULT 0,
    survivor INTEGER,
    updated TEXT,
    body TEXT NOT NULL
);
"""
# Made after seeding: filling a table without indexes is several times faster.
INDEXES = """
CREATE UNIQUE INDEX IF NOT EXISTS by_key ON records (kind, id);
CREATE INDEX IF NOT EXISTS by_kind ON records (kind, hidden, id);
CREATE INDEX IF NOT EXISTS by_proxy ON records (kind, hidden, proxy, id);
CREATE INDEX IF NOT EXISTS by_parent ON records (kind, parent, hidden, id);
CREATE INDEX IF NOT EXISTS by_update ON records (kind, updated);
CREATE INDEX IF NOT EXISTS by_reference ON records (kind, reference) WHERE reference IS NOT NULL;
CREATE INDEX IF NOT EXISTS by_survivor ON records (survivor) WHERE survivor IS NOT NULL;
ANALYZE;
"""
APPLICATION = 0x41686121  # "Aha!", in the file's header
COUNTERS = "counters"
# How a record is hidden: marked as spam, or because the key may no longer see its workspace.
SPAM, REVOKED = 1, 2
COLUMNS = "kind, id, parent, hidden, proxy, survivor, body"


class StoreError(Exception):
    """The database file cannot be used."""


@dataclass(frozen=True)
class Record:
    """A document and what lists look it up by.

    Attributes:
        kind: what it is.
        id: its id as a number; lists are in this order.
        body: its full form, without what follows from other records.
        parent: the id of the record it stands under.
        hidden: whether it is out of the key's sight: as spam, or with all that stands near it (`REVOKED`).
        proxy: for a vote, whether it was cast for an organization.
        survivor: for a merged idea, the idea it was merged into.
        updated: the time that `updated_since` goes by, where the document does not show it.
    """

    kind: str
    id: int
    body: Document
    parent: int | None = None
    hidden: int = 0
    proxy: bool = False
    survivor: int | None = None
    updated: str | None = None

    def as_row(self) -> tuple[Any, ...]:
        return (
            self.kind,
            self.id,
            self.parent,
            self.body.get("reference_num") or self.body.get("reference_prefix"),
            self.hidden,
            self.proxy,
            self.survivor,
            self.body.get("updated_at", self.updated),
            orjson.dumps(self.body).decode(),
        )


@dataclass(frozen=True)
class Condition:
    """A piece of a WHERE clause with its values."""

    sql: str
    values: tuple[Any, ...] = ()


class Store:
    """Records in SQLite, in memory or in a file.

    Raises:
        StoreError: the file is no database, or cannot be read or written.
    """

    def __init__(self, path: str = ":memory:") -> None:
        try:
            self._db = sqlite3.connect(path, timeout=1, check_same_thread=False)
            owner = self._db.execute("PRAGMA application_id").fetchone()[0]
            tables = self._db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
            if tables and owner != APPLICATION:
                raise StoreError(f"{path} is a database of another program: name another file, or none.")
            # Kept for as long as it is open: two sandboxes in one file would give the same ids twice.
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute(f"PRAGMA application_id = {APPLICATION}")
            self._db.executescript(SCHEMA)
        except sqlite3.Error as error:
            advice = " Another process has it open." if "locked" in str(error) else ""
            raise StoreError(f"{path} cannot be used as a database: {error}.{advice}") from None

    def make_fast(self) -> None:
        """Index what is there, once it is there."""
        self._db.executescript(INDEXES)

    def close(self) -> None:
        self._db.close()

    def put(self, records: Iterable[Record], gone: Iterable[Record] = ()) -> None:
        """Insert records or replace them, and remove those that are gone: all at once."""
        with self._db:
            self._db.executemany(
                "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (record.as_row() for record in records),
            )
            self._db.executemany(
                "DELETE FROM records WHERE kind = ? AND id = ?", ((record.kind, record.id) for record in gone)
            )

    def is_whole(self) -> bool:
        """Whether a seed was finished here: the counters are what it writes last."""
        return self.count([Condition("kind = ?", (COUNTERS,))]) == 1

    def clear(self) -> None:
        """Drop what an interrupted seed left."""
        with self._db:
            self._db.execute("DELETE FROM records")

    def count(self, conditions: Sequence[Condition]) -> int:
        where, values = _where(conditions)
        count: int = self._db.execute(f"SELECT COUNT(*) FROM records WHERE {where}", values).fetchone()[0]
        return count

    def page(
        self, conditions: Sequence[Condition], limit: int = -1, offset: int = 0, rank: str | None = None
    ) -> list[Record]:
        """Records in ascending id order, or those first that `rank`, an SQL expression, puts highest."""
        where, values = _where(conditions)
        order = "rank DESC, id" if rank else "id"
        # The inner query runs on an index alone: stepping over thousands of documents would be slow.
        rows = self._db.execute(
            f"SELECT {COLUMNS} FROM (SELECT kind, id, {rank or 'id'} AS rank FROM records "
            f"WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?) "
            f"JOIN records USING (kind, id) ORDER BY {order}",
            (*values, limit, offset),
        )
        return [_record(row) for row in rows]

    def find(self, kind: str, key: str | int) -> Record | None:
        """One record by id or by reference."""
        key = str(key)
        numeric = key.isascii() and key.isdecimal() and len(key) < 19 + (key < "9223372036854775808")
        row = self._db.execute(
            f"SELECT {COLUMNS} FROM records WHERE kind = ? AND {'id' if numeric else 'reference'} = ?",
            (kind, int(key) if numeric else key),
        ).fetchone()
        return _record(row) if row else None

    def updated(self, kind: str, identity: int) -> str | None:
        """The time that `updated_since` goes by."""
        row = self._db.execute(
            "SELECT updated FROM records WHERE kind = ? AND id = ?", (kind, identity)
        ).fetchone()
        return row[0] if row else None

    def counters(self) -> dict[str, int]:
        """How many ids of each kind were ever given."""
        [record] = self.page([Condition("kind = ?", (COUNTERS,))])
        return record.body

    def counts_by_parent(self, kinds: Sequence[str], parents: Sequence[int]) -> dict[int, int]:
        """How many visible records of some kinds stand below each parent."""
        asked, marks = ",".join("?" * len(kinds)), ",".join("?" * len(parents))
        return dict(
            self._db.execute(
                f"SELECT parent, COUNT(*) FROM records WHERE kind IN ({asked}) AND hidden = 0 "
                f"AND parent IN ({marks}) GROUP BY parent",
                (*kinds, *parents),
            ).fetchall()
        )

    def merged_into(self, survivors: Sequence[int]) -> list[Record]:
        marks = ",".join("?" * len(survivors))
        rows = self._db.execute(
            f"SELECT {COLUMNS} FROM records WHERE survivor IN ({marks})", tuple(survivors)
        )
        return [_record(row) for row in rows]


def _record(row: tuple[Any, ...]) -> Record:
    kind, identity, parent, hidden, proxy, survivor, body = row
    return Record(kind, identity, orjson.loads(body), parent, hidden, bool(proxy), survivor)


def _where(conditions: Sequence[Condition]) -> tuple[str, tuple[Any, ...]]:
    sql = " AND ".join(condition.sql for condition in conditions)
    return sql, tuple(value for condition in conditions for value in condition.values)
