"""What surrounds the ideas: a workspace with features, releases, people and the like.

`account.json` holds one or two full documents a kind; people are multiplied from them.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from sandbox.clock import timestamp
from sandbox.copies import COPIES, STEP, make_copy
from sandbox.kinds import PARENT_KINDS, with_parent
from sandbox.people import EPOCH, PEOPLE
from sandbox.store import Record

Documents = dict[str, list[dict[str, Any]]]

FILE = Path(__file__).with_name("account.json")
# Their lists are not in id order, or their rows have no id: they keep the file's order.
IN_FILE_ORDER = ("project_user", "option", "historical_audit_index")
# Placed by the seed, under ideas.
SPECIAL = ("legacy_idea", "subscription")


def load_documents() -> Documents:
    documents: Documents = json.loads(FILE.read_text(encoding="utf-8"))
    return documents


def account_records(documents: Documents) -> Iterator[Record]:
    """All records but ideas and what stands under them."""
    products = documents["product"]
    for kind, entries in documents.items():
        if kind in SPECIAL:
            continue
        if kind in PEOPLE:
            yield from _people(kind, entries)
            continue
        for number in range(max(len(entries), COPIES.get(kind, 0))):
            entry = entries[number % len(entries)]
            body, parent = entry["body"], _number(entry.get("parent"))
            if number >= len(entries):
                body = make_copy(body, str(int(body["id"]) + STEP * number), number)
                # Copies of what hangs below several records hang below these in turn.
                parents = entries_of(documents, PARENT_KINDS.get(kind, ""))
                parent = parents[number % len(parents)] if parents else parent
            identity = number + 1 if kind in IN_FILE_ORDER else int(body["id"])
            above = next((e["body"] for e in products if e["body"]["id"] == str(parent)), products[0]["body"])
            yield Record(kind, identity, with_parent(kind, body, parent, above), parent)


def entries_of(documents: Documents, kind: str) -> list[int]:
    """The ids of two records of a kind."""
    return [int(entry["body"]["id"]) for entry in documents.get(kind, [])[:2]]


def _people(kind: str, entries: list[dict[str, Any]]) -> Iterator[Record]:
    count, describe = PEOPLE[kind]
    for number in range(count):
        entry = entries[number % len(entries)]
        body = entry["body"] | describe(number)
        # Idea users are filtered by a time of change that they do not show.
        changed = timestamp(EPOCH + timedelta(days=number))
        yield Record(kind, int(body["id"]), body, _number(entry.get("parent")), updated=changed)


def _number(text: str | None) -> int | None:
    return int(text) if text else None
