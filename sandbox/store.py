"""The sandbox's state: one SQLite table of records, each a JSON document in its full form."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    kind TEXT NOT NULL,
    id INTEGER NOT NULL,
    parent INTEGER,
    reference TEXT,
    hidden INTEGER NOT NULL DEFAULT 0,
    proxy INTEGER NOT NULL DEFAULT 0,
    updated TEXT,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_kind ON records (kind, hidden, proxy, id);
CREATE INDEX IF NOT EXISTS by_parent ON records (kind, parent, hidden, proxy, id);
CREATE INDEX IF NOT EXISTS by_update ON records (kind, updated);
CREATE INDEX IF NOT EXISTS by_reference ON records (kind, reference);
"""


@dataclass(frozen=True)
class Record:
    """A document and what lists look it up by."""

    kind: str
    id: int
    body: Document
    parent: int | None = None
    hidden: bool = False
    proxy: bool = False

    def as_row(self) -> tuple[Any, ...]:
        body = self.body
        return (
            self.kind,
            self.id,
            self.parent,
            body.get("reference_num") or body.get("reference_prefix"),
            self.hidden,
            self.proxy,
            body.get("updated_at"),
            json.dumps(body, ensure_ascii=False),
        )


@dataclass(frozen=True)
class Condition:
    """A piece of a WHERE clause with its values."""

    sql: str
    values: tuple[Any, ...] = ()


class Store:
    """Records in SQLite, in memory or in a file."""

    def __init__(self, path: str = ":memory:") -> None:
        self._db = sqlite3.connect(path, check_same_thread=False)
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        self._db.close()

    def put(self, records: Iterable[Record]) -> None:
        """Insert records or replace them."""
        with self._db:
            self._db.executemany(
                "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (record.as_row() for record in records),
            )

    def is_empty(self) -> bool:
        return not self._db.execute("SELECT EXISTS (SELECT 1 FROM records)").fetchone()[0]

    def count(self, conditions: Sequence[Condition]) -> int:
        where, values = _where(conditions)
        count: int = self._db.execute(f"SELECT COUNT(*) FROM records WHERE {where}", values).fetchone()[0]
        return count

    def page(self, conditions: Sequence[Condition], limit: int, offset: int) -> list[Document]:
        """Documents in ascending id order."""
        where, values = _where(conditions)
        # The inner query runs on an index alone: stepping over thousands of documents would be slow.
        rows = self._db.execute(
            "SELECT body FROM records WHERE (kind, id) IN "
            f"(SELECT kind, id FROM records WHERE {where} ORDER BY id LIMIT ? OFFSET ?) ORDER BY id",
            (*values, limit, offset),
        )
        return [json.loads(body) for (body,) in rows]

    def find(self, kind: str, key: str) -> Document | None:
        """One document by id or by reference."""
        row = self._db.execute(
            "SELECT body FROM records WHERE kind = ? AND (id = ? OR reference = ?)",
            (kind, int(key) if key.isdecimal() and len(key) < 20 else -1, key),
        ).fetchone()
        return json.loads(row[0]) if row else None

    def counts_by_parent(self, kind: str, parents: Sequence[int]) -> dict[int, int]:
        """How many visible records of `kind` stand below each parent."""
        marks = ",".join("?" * len(parents))
        return dict(
            self._db.execute(
                f"SELECT parent, COUNT(*) FROM records WHERE kind = ? AND hidden = 0 AND parent IN ({marks}) "
                "GROUP BY parent",
                (kind, *parents),
            ).fetchall()
        )


def _where(conditions: Sequence[Condition]) -> tuple[str, tuple[Any, ...]]:
    sql = " AND ".join(condition.sql for condition in conditions)
    return sql, tuple(value for condition in conditions for value in condition.values)
