"""Changes to the account and what follows from them: the idea's time, audits, the recycle bin.

A change may become visible later than it happened (`commit_lag`): it waits here until the clock has passed.
"""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sandbox.account import load_documents
from sandbox.behaviour import Behaviour
from sandbox.clock import SandboxClock, timestamp
from sandbox.ideas import Maker, status
from sandbox.people import user
from sandbox.store import Condition, Document, Record, Store
from sandbox.vocabulary import FIRST_IDS, STATUSES

CHILDREN = ("vote", "comment", "idea_comment")
# As audits spell them in answers.
AUDIT_TYPES = {
    "idea": "ideas/idea",
    "vote": "ideas/idea_endorsement",
    "comment": "comment",
    "idea_comment": "ideas/idea_comment",
}


class WorldError(ValueError):
    """A change that cannot be made."""


class World:
    """One account: its records, its time, its switches."""

    def __init__(self, store: Store, clock: SandboxClock, behaviour: Behaviour | None = None) -> None:
        self.store = store
        self.clock = clock
        self.behaviour = behaviour or Behaviour()
        self._maker = Maker(random.Random(0), load_documents())
        self._maker.continue_from(store)
        self._late: list[tuple[datetime, str, int, Record | None]] = []
        self._rng = random.Random(0)

    def settle(self) -> None:
        """Make visible what has become visible by now."""
        now = self.clock.now()
        due = [entry for entry in self._late if entry[0] <= now]
        self._late = [entry for entry in self._late if entry[0] > now]
        for _, kind, identity, record in due:
            self._write(kind, identity, record)

    def create(self, kind: str, parent: int | None = None, *, proxy: bool = True, **fields: Any) -> Record:
        """A new idea, or a new vote or comment under the idea `parent`."""
        now = self.clock.now()
        if kind == "idea":
            number = self._next_number()
            body = self._maker.idea_body(FIRST_IDS["idea"] + number, f"DEMO-I-{number}", number, now, now)
            record = Record("idea", int(body["id"]), body | fields, int(self._maker.product["id"]))
        elif kind in CHILDREN:
            idea = self._find("idea", parent or 0)
            made: dict[str, Callable[[], Record]] = {
                "vote": lambda: self._maker.vote(idea.id, now, proxy=proxy),
                "comment": lambda: self._maker.comment(idea.body, now),
                "idea_comment": lambda: self._maker.idea_comment(idea.id, now),
            }
            record = made[kind]()
            record = replace(record, body=record.body | fields)
        else:
            raise WorldError(f"{kind!r} cannot be made; there are idea, {', '.join(CHILDREN)}")
        self._commit(record)
        self._touch_idea(record, "create")
        return record

    def change(self, kind: str, identity: int, **fields: Any) -> Record:
        """Set fields of a record. Its `updated_at` moves unless it is one of them."""
        record = self._find(kind, identity)
        changed = replace(record, body=record.body | {"updated_at": self._now()} | fields)
        self._commit(changed)
        self._touch_idea(changed, "update")
        return changed

    def delete(self, kind: str, identity: int) -> None:
        """Destroy an idea, vote or comment, and what stands under it, with an audit of each."""
        if kind not in AUDIT_TYPES:
            raise WorldError(f"{kind!r} cannot be deleted; there are {', '.join(AUDIT_TYPES)}")
        record = self._find(kind, identity)
        if kind == "idea":
            for child in CHILDREN:
                for below in self._below(child, identity):
                    self._destroy(below)
        self._destroy(record)
        self._touch_idea(record, "destroy")

    def mark_spam(self, kind: str, identity: int, *, spam: bool = True) -> None:
        """Hide an idea or a portal comment from default lists, or show it again."""
        record = self._find(kind, identity)
        body = record.body | {"updated_at": self._now()}
        body |= {"spam": spam} if kind == "idea_comment" else {}
        self._commit(replace(record, body=body, hidden=spam))
        self._touch_idea(record, "update")

    def merge(self, identity: int, survivor: int) -> None:
        """Merge an idea into another, to which its votes move."""
        idea, other = self._find("idea", identity), self._find("idea", survivor)
        if idea.id == other.id:
            raise WorldError("an idea cannot be merged into itself")
        for vote in self._below("vote", identity):
            moved = vote.body | {"idea_id": str(survivor), "updated_at": self._now()}
            self._commit(replace(vote, body=moved, parent=survivor))
        now = {"updated_at": self._now()}
        self._commit(replace(idea, body=idea.body | now, survivor=survivor))
        self._commit(replace(other, body=other.body | now))

    def set_status(self, identity: int, name: str) -> None:
        """Move an idea to another workflow status."""
        if name not in STATUSES:
            raise WorldError(f"no status {name!r}; there are {', '.join(STATUSES)}")
        changed = {"workflow_status": status(STATUSES.index(name)), "status_changed_at": self._now()}
        self.change("idea", identity, **changed)

    def _now(self) -> str:
        return timestamp(self.clock.now())

    def _next_number(self) -> int:
        """Never one that was used before: the audits remember what was deleted."""
        late = [identity for _, kind, identity, _ in self._late if kind == "idea"]
        known = [self.store.largest_id("idea"), self.store.largest_audited("ideas/idea"), FIRST_IDS["idea"]]
        return max(*known, *late) - FIRST_IDS["idea"] + 1

    def _find(self, kind: str, identity: int) -> Record:
        """A record as its writers see it: late changes included."""
        for _, late_kind, late_id, late in reversed(self._late):
            if (late_kind, late_id) == (kind, identity):
                record = late
                break
        else:
            record = self.store.find(kind, identity)
        if record is None:
            raise WorldError(f"there is no {kind} {identity}")
        return record

    def _below(self, kind: str, parent: int) -> list[Record]:
        found = self.store.page([Condition("kind = ? AND parent = ?", (kind, parent))])
        late = [
            entry[3] for entry in self._late if entry[1] == kind and entry[3] and entry[3].parent == parent
        ]
        by_id = {record.id: record for record in [*found, *late]}
        gone = {entry[2] for entry in self._late if entry[1] == kind and entry[3] is None}
        return [record for identity, record in by_id.items() if identity not in gone]

    def _touch_idea(self, record: Record, what: str) -> None:
        if record.kind == "idea" or f"{record.kind}_{what}" not in self.behaviour.moves_idea:
            return
        idea = self._find("idea", record.parent or 0)
        self._commit(replace(idea, body=idea.body | {"updated_at": self._now()}))

    def _destroy(self, record: Record) -> None:
        self._commit(record, gone=True)
        who = user(1)
        identity = self.store.largest_id("audit") + 1
        body: Document = {
            "id": str(identity),
            "audit_action": "destroy",
            "created_at": self._now(),
            "interesting": True,
            "user": who,
            "contributors": [{"user": who}],
            "auditable_type": AUDIT_TYPES[record.kind],
            "auditable_id": str(record.id),
            "associated_type": "project" if record.kind == "idea" else "ideas/idea",
            "associated_id": str(record.parent),
            "description": f"deleted {record.kind} {record.body.get('reference_num', record.id)}",
            "auditable_url": record.body.get("url", ""),
            "changes": [],
        }
        self.store.put([Record("audit", identity, body)])
        if record.kind == "idea":
            self._bin(record, who)

    def _bin(self, record: Record, who: Document) -> None:
        identity = self.store.largest_id("deletion") + 1
        body: Document = {
            "status": None,
            "record": {
                "name": record.body["name"],
                "type": "Ideas::Idea",
                "reference_num": record.body["reference_num"],
            },
            "deleted_by": {name: who[name] for name in ("id", "name", "email")},
            "id": str(identity),
            "deleted_at": self._now(),
        }
        self.store.put([Record("deletion", identity, body)])

    def _commit(self, record: Record, *, gone: bool = False) -> None:
        made = None if gone else record
        lag = self.behaviour.commit_lag
        earlier = [at for at, kind, identity, _ in self._late if (kind, identity) == (record.kind, record.id)]
        if not lag and not earlier:
            self._write(record.kind, record.id, made)
            return
        visible = self.clock.now() + timedelta(seconds=self._rng.uniform(0, lag) if lag else 0)
        # Changes of one record become visible in the order in which they were made.
        self._late.append((max([visible, *earlier]), record.kind, record.id, made))
        self._late.sort(key=lambda entry: entry[0])

    def _write(self, kind: str, identity: int, record: Record | None) -> None:
        if record is None:
            self.store.remove(kind, identity)
        else:
            self.store.put([record])
