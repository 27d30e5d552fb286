"""Changes to the account and what follows from them: the idea's time, audits, the recycle bin."""

import random
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import wraps
from typing import Any

from sandbox.account import load_documents
from sandbox.behaviour import Behaviour, adopted
from sandbox.clock import SandboxClock, timestamp
from sandbox.copies import make_copy
from sandbox.ideas import Maker, status
from sandbox.journal import Journal
from sandbox.kinds import AUDIT_TYPES, BINNED, PARENT_KINDS, TOUCHING, children_of, with_parent
from sandbox.people import user
from sandbox.store import REVOKED, SPAM, Condition, Document, Record, Store
from sandbox.vocabulary import FIRST_IDS, STATUSES

CHILDREN = ("vote", "comment", "idea_comment")
# Which record it is, and what follows from other records.
FIXED = frozenset(("id", "idea_id", "product_id", "endorsements_count", "votes", "comments_count"))
NULLABLE = frozenset(("assigned_to_user", "status_changed_at", "link", "value", "parent_idea_comment_id"))
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
PAST = {"create": "created", "update": "updated", "destroy": "deleted"}
# Fields that a record has only when they are set.
OPTIONAL = {
    "idea": ("admin_response", "feature", "custom_object_links", "workflow_status_times"),
    "vote": ("endorsed_by_user", "endorsed_by_portal_user", "idea_organization", "idea_users"),
}


class WorldError(ValueError):
    """A change that cannot be made."""


def whole(operation: Callable[..., Any]) -> Callable[..., Any]:
    """Let all that an operation changes become visible at one moment."""

    @wraps(operation)
    def run(world: "World", *arguments: Any, **named: Any) -> Any:
        with world.journal.operation(world.behaviour.commit_lag):
            try:
                return operation(world, *arguments, **named)
            finally:
                world.keep_counters()

    return run


class World:
    """One account: its records, its time, its switches."""

    def __init__(self, store: Store, clock: SandboxClock, behaviour: Behaviour | None = None) -> None:
        self.store = store
        self.clock = clock
        self.behaviour = behaviour or adopted()
        self.journal = Journal(store, clock)
        documents = load_documents()
        self._maker = Maker(random.Random(0), documents)
        # What can be made, changed and deleted; ideas and what hangs below them have makers of their own.
        self._templates: dict[str, Document] = {kind: {} for kind in ("idea", *CHILDREN)}
        for kind, entries in documents.items():
            if "id" in entries[0]["body"]:
                self._templates.setdefault(kind, entries[0]["body"])
        self._maker.next |= store.counters()
        # What was deleted, and went with it: it can be taken back while this world is open.
        self._recycled: dict[tuple[str, int], list[Record]] = {}

    def settle(self) -> None:
        """Make visible what has become visible by now."""
        self.journal.settle()

    def close(self) -> None:
        """Let what is late become visible, and close the store."""
        self.journal.close()

    def keep_counters(self) -> None:
        """Keep the count of ids given so far: none is ever given again."""
        self.store.put([self._maker.counters()])

    @whole
    def create(self, kind: str, parent: int | None = None, *, proxy: bool = True, **fields: Any) -> Record:
        """A new record of any kind, below the record `parent` where it stands below one."""
        now = self.clock.now()
        if kind == "idea":
            number = int(self._maker.new_id("idea")) - FIRST_IDS["idea"]
            body = self._maker.idea_body(FIRST_IDS["idea"] + number, f"DEMO-I-{number}", number, now, now)
            record = Record("idea", int(body["id"]), body, int(self._maker.product["id"]))
            if parent:
                record = _moved(record, self._find("product", parent))
            record = replace(record, body=body | _known(record, fields))
        elif kind in CHILDREN:
            idea = self._find("idea", parent or 0)
            made: dict[str, Callable[[], Record]] = {
                "vote": lambda: self._maker.vote(idea.id, now, proxy=proxy),
                "comment": lambda: self._maker.comment(idea.body, now),
                "idea_comment": lambda: self._maker.idea_comment(idea.id, now),
            }
            record = made[kind]()
            record = replace(record, body=record.body | _known(record, fields))
        else:
            record = self._copy(kind, parent)
            record = replace(record, body=record.body | _known(record, fields))
        self.journal.note(record)
        self._audit("create", record)
        self._touch_idea(record, "create")
        return record

    @whole
    def change(self, kind: str, identity: int, **fields: Any) -> Record:
        """Set fields of a record. Its `updated_at` moves unless it is one of them."""
        _allow(kind, self._templates, "changed")
        record, now = self._find(kind, identity), self._now()
        moved = {"updated_at": now} if "updated_at" in record.body else {}
        changed = replace(record, body=record.body | moved | _known(record, fields), updated=now)
        self.journal.note(changed)
        self._audit("update", changed)
        self._touch_idea(changed, "update")
        return changed

    @whole
    def delete(self, kind: str, identity: int) -> None:
        """Destroy a record, and what stands under it, with an audit of each."""
        _allow(kind, self._templates, "deleted")
        record = self._find(kind, identity)
        self._recycled[kind, identity] = []
        self._destroy(record, self._recycled[kind, identity])
        self._touch_idea(record, "destroy")

    @property
    def recycled(self) -> list[tuple[str, int]]:
        """What can be restored."""
        return list(self._recycled)

    def contents(self, kind: str, identity: int) -> set[str]:
        """The ids of a deleted record and of what went with it."""
        return {str(record.id) for record in self._recycled[kind, identity]}

    @whole
    def restore(self, kind: str, identity: int, *, moving: bool = True) -> None:
        """Take a deleted record back, with what went with it; with its `updated_at` moved, or as it was."""
        if (kind, identity) not in self._recycled:
            raise WorldError(f"no {kind} {identity} was deleted here")
        for record in self._recycled.pop((kind, identity)):
            moved = {"updated_at": self._now()} if moving and record.id == identity else {}
            self.journal.note(replace(record, body=record.body | moved))

    @whole
    def mark_spam(self, kind: str, identity: int, *, spam: bool = True, moving: bool = True) -> None:
        """Hide an idea or a portal comment from default lists, or show it again; moving its time, or not."""
        _allow(kind, ("idea", "idea_comment"), "marked as spam")
        record = self._find(kind, identity)
        body = record.body | ({"updated_at": self._now()} if moving else {})
        body |= {"spam": spam} if kind == "idea_comment" else {}
        self.journal.note(replace(record, body=body, hidden=SPAM if spam else 0))
        if moving:
            self._touch_idea(record, "update")

    @whole
    def revoke(self, product: int) -> None:
        """Take a workspace from the key's sight, with all that stands in it; nothing of it changes."""
        for record in self._standing_in(product):
            if not record.hidden:
                self.journal.note(replace(record, hidden=REVOKED, updated=self._filtered_by(record)))

    @whole
    def grant(self, product: int) -> None:
        """Give a revoked workspace back."""
        for record in self._standing_in(product):
            if record.hidden == REVOKED:
                self.journal.note(replace(record, hidden=0, updated=self._filtered_by(record)))

    @whole
    def merge(self, identity: int, survivor: int, *, moving: bool = True) -> None:
        """Merge an idea into another, to which its votes move; with `updated_at` moved, or as it was."""
        idea, other = self._find("idea", identity), self._find("idea", survivor)
        if idea.id == other.id:
            raise WorldError("an idea cannot be merged into itself")
        for merged in (idea, other):
            if merged.survivor:
                raise WorldError(f"idea {merged.id} was merged already, into {merged.survivor}")
        now = {"updated_at": self._now()} if moving else {}
        for vote in self.journal.below("vote", identity):
            moved = vote.body | {"idea_id": str(survivor)} | now
            self.journal.note(replace(vote, body=moved, parent=survivor))
        self.journal.note(replace(idea, body=idea.body | now, survivor=survivor))
        self.journal.note(replace(other, body=other.body | now))

    @whole
    def set_status(self, identity: int, name: str) -> None:
        """Move an idea to another workflow status."""
        if name not in STATUSES:
            raise WorldError(f"no status {name!r}; there are {', '.join(STATUSES)}")
        idea, now, reached = self._find("idea", identity), self._now(), status(STATUSES.index(name))
        body = idea.body | {"workflow_status": reached, "status_changed_at": now, "updated_at": now}
        if times := body.get("workflow_status_times"):
            step = {"status_id": reached["id"], "status_name": name, "started_at": now, "ended_at": None}
            body["workflow_status_times"] = [*times[:-1], times[-1] | {"ended_at": now}, step]
        self.journal.note(replace(idea, body=body))
        self._audit("update", idea)

    @whole
    def hide(self, kind: str, identity: int, *, hidden: bool = True) -> None:
        """Take a record from the key's sight, or give it back; nothing of it changes."""
        _allow(kind, self._templates, "hidden")
        record = self._find(kind, identity)
        self.journal.note(replace(record, hidden=SPAM if hidden else 0, updated=self._filtered_by(record)))

    def _standing_in(self, product: int) -> Iterator[Record]:
        """A workspace and everything below it."""
        pending = [self._find("product", product)]
        while pending:
            record = pending.pop()
            yield record
            for child in (*children_of(record.kind), *(["idea"] if record.kind == "product" else [])):
                pending += self.journal.below(child, record.id)

    def _filtered_by(self, record: Record) -> str | None:
        """The time that `updated_since` goes by, of a record that does not change."""
        return self.store.updated(record.kind, record.id)

    def _copy(self, kind: str, parent: int | None) -> Record:
        """A new record of any kind, like the first of its kind, below `parent` or the first of those."""
        _allow(kind, self._templates, "made")
        above = PARENT_KINDS.get(kind)
        if above:
            parent = parent or self.store.page([Condition("kind = ?", (above,))], 1)[0].id
        identity, now = self._maker.new_id("record"), self.clock.now()
        number = int(identity) - FIRST_IDS["record"]
        made = make_copy(self._templates[kind], identity, number, now)
        body = with_parent(kind, made, parent, self._find(above, parent or 0).body if above else {})
        return Record(kind, int(identity), body, parent, updated=self._now())

    def _now(self) -> str:
        return timestamp(self.clock.now())

    def _find(self, kind: str, identity: int) -> Record:
        record = self.journal.find(kind, identity)
        if record is None:
            raise WorldError(f"there is no {kind} {identity}")
        return record

    def _touch_idea(self, record: Record, what: str) -> None:
        """Let a record's parent move, where a change of such a record moves it."""
        parent = PARENT_KINDS.get(record.kind, "")
        switched = f"{record.kind}_{what}" in self.behaviour.moves_idea
        above = self.journal.find(parent, record.parent or 0) if switched or record.kind in TOUCHING else None
        if above:
            self.journal.note(replace(above, body=above.body | {"updated_at": self._now()}))

    def _destroy(self, record: Record, kept: list[Record]) -> None:
        for child in children_of(record.kind):
            for below in self.journal.below(child, record.id):
                self._destroy(below, kept)
        kept.append(record)
        self.journal.note(record, gone=True)
        self._audit("destroy", record)
        if record.kind in BINNED:
            self._bin(record)

    def _audit(self, action: str, record: Record) -> None:
        if record.kind not in AUDIT_TYPES:
            return
        identity, who = int(self._maker.new_id("audit")), user(1)
        body: Document = {
            "id": str(identity),
            "audit_action": action,
            "created_at": self._now(),
            "interesting": True,
            "user": who,
            "contributors": [{"user": who}],
            "auditable_type": AUDIT_TYPES[record.kind],
            "auditable_id": str(record.id),
            "associated_type": AUDIT_TYPES.get(PARENT_KINDS.get(record.kind, "product"), "project"),
            "associated_id": str(record.parent),
            "description": f"{PAST[action]} {record.kind} {record.body.get('reference_num', record.id)}",
            "auditable_url": record.body.get("url", ""),
            "changes": [],
        }
        self.journal.note(Record("audit", identity, body))

    def _bin(self, record: Record) -> None:
        who = user(1)
        identity = int(self._maker.new_id("deletion"))
        body: Document = {
            "status": None,
            "record": {
                "name": record.body["name"],
                "type": BINNED[record.kind],
                "reference_num": record.body["reference_num"],
            },
            "deleted_by": {name: who[name] for name in ("id", "name", "email")},
            "id": str(identity),
            "deleted_at": self._now(),
        }
        self.journal.note(Record("deletion", identity, body))


def _moved(idea: Record, product: Record) -> Record:
    """An idea in another workspace."""
    named = {name: product.body[name] for name in idea.body["product"] if name in product.body}
    body = idea.body | {"product_id": str(product.id), "product": named}
    return replace(idea, parent=product.id, body=body)


def _allow(kind: str, kinds: Iterable[str], what: str) -> None:
    if kind not in kinds:
        raise WorldError(f"{kind!r} cannot be {what}; there are {', '.join(kinds)}")


def _known(record: Record, fields: Document) -> Document:
    """Fields that this kind of record has, as JSON of the kind that stands there.

    Raises:
        WorldError: one that it has not, that says which record it is, or that is something else.
    """
    allowed = {*record.body, *OPTIONAL.get(record.kind, ())} - FIXED
    for name, value in fields.items():
        if name not in allowed:
            raise WorldError(f"{name!r} is no field of a {record.kind} that can be set; {_listed(allowed)}")
        _check_alike(name, value, record.body.get(name))
    return fields


def _check_alike(name: str, value: Any, present: Any) -> None:
    if present is None or (value is None and name in NULLABLE):
        return
    if isinstance(present, dict) and isinstance(value, dict):
        if set(value) != set(present):
            raise WorldError(f"{name!r} must have the fields {', '.join(sorted(present))}")
        for key, item in value.items():
            _check_alike(f"{name}.{key}", item, present[key])
        return
    kind = type(present)
    if type(value) is not kind or (name.endswith("_at") and not TIMESTAMP.fullmatch(value)):
        raise WorldError(f"{name!r} must be like {present!r}, not {value!r}")


def _listed(names: set[str]) -> str:
    return f"there are {', '.join(sorted(names))}"
