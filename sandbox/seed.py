"""A made-up account, the same for the same seed: people, ideas, votes and comments with realistic skew.

All people are invented and live at example.com; most ideas have no comments and a few have many.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.clock import timestamp
from sandbox.store import Document, Record, Store

EPOCH = datetime(2025, 1, 6, 9, 0, tzinfo=UTC)
# Everything happened before this moment, so that a sandbox can be run with its clock set here.
END = datetime(2025, 10, 6, 9, 0, tzinfo=UTC)
IDS = {
    "user": 7300000000000000100,
    "portal_user": 7300000000000002000,
    "idea_user": 7300000000000003000,
    "organization": 7300000000000004000,
    "status": 7300000000000000200,
    "idea": 7310000000000000000,
    "note": 7320000000000000000,
    "vote": 7330000000000000000,
    "comment": 7340000000000000000,
    "idea_comment": 7350000000000000000,
    "misc": 7360000000000000000,
}
FIRST = ("Ada", "Ben", "Cara", "Dev", "Élodie", "Farid", "Grace", "Hiro", "Ines", "Jürgen", "Kaï", "Lena")
LAST = (
    "Bell",
    "Cole",
    "Diaz",
    "Patel",
    "Martin",
    "Haddad",
    "Okafor",
    "Satō",
    "Nuñez",
    "Weiß",
    "Lund",
    "Moss",
)
SUBJECTS = (
    "Dark theme",
    "Date filter",
    "Bulk export",
    "Single sign-on",
    "Slack digest",
    "Audit log",
    "API keys",
)
PLACES = ("in the portal", "for admins", "on mobile", "in reports", "per workspace", "für Teams", "日本語で")
SENTENCES = (
    "We lose an hour a week without this.",
    "Our customers ask for it in <b>every</b> review.",
    "Works today with a workaround &amp; a lot of patience.",
    "Blocked by the rollout in Q3 — naïve users give up.",
    'See <a href="https://example.com/spec">the draft</a> 🎉',
    "<ul><li>fast</li><li>simple</li></ul>",
)
STATUSES = ("New", "Under review", "Planned", "Shipped", "Will not implement")
COLORS = ("#dce7c6", "#ecdd8f", "#64b80b", "#b0d66e", "#c0c0c0")
ORGANIZATIONS = ("Acme Example Corp", "Globex Example Ltd", "Initech Example GmbH", "Umbrella Example SA")
PRODUCT = 7300000000000001001
HOST = "https://company.aha.io"
API = f"{HOST}/api/v1"


def seed(store: Store, *, ideas: int, seed: int) -> None:
    """Fill an empty store with `ideas` ideas and what belongs to them."""
    make = _Maker(random.Random(seed))
    store.put(record for number in range(1, ideas + 1) for record in make.idea(number))


def user(number: int) -> Document:
    return {
        "id": str(IDS["user"] + number),
        **_person(number),
        "created_at": timestamp(EPOCH - timedelta(days=400 + number)),
        "updated_at": timestamp(EPOCH - timedelta(days=number, milliseconds=17)),
    }


def portal_user(number: int) -> Document:
    created = timestamp(EPOCH - timedelta(days=200 + number))
    return {"id": str(IDS["portal_user"] + number), **_person(number), "created_at": created}


def idea_user(number: int) -> Document:
    return portal_user(number) | {
        "id": str(IDS["idea_user"] + number),
        "title": None if number % 3 else "VP Operations",
    }


def organization(number: int) -> Document:
    identity = str(IDS["organization"] + number)
    return {
        "id": identity,
        "name": ORGANIZATIONS[number],
        "created_at": timestamp(EPOCH - timedelta(days=300 + number)),
        "url": f"{HOST}/ideas/idea_organizations/{identity}",
        "resource": f"{API}/idea_organizations/{identity}",
    }


def status(number: int) -> Document:
    return {
        "id": str(IDS["status"] + number),
        "name": STATUSES[number],
        "position": number + 1,
        "complete": number >= 3,
        "color": COLORS[number],
    }


def product() -> Document:
    return {
        "id": str(PRODUCT),
        "reference_prefix": "DEMO",
        "name": "Demo workspace",
        "product_line": False,
        "created_at": timestamp(EPOCH - timedelta(days=500)),
        "workspace_type": "product_workspace",
        "url": f"{HOST}/projects/DEMO",
    }


def _person(number: int) -> Document:
    name = f"{FIRST[number % len(FIRST)]} {LAST[(number // len(FIRST) + number) % len(LAST)]}"
    return {"name": name, "email": f"person{number}@example.com"}


class _Maker:
    """Makes records one after the other; ids count up in the order of making."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._next = dict.fromkeys(IDS, 0)

    def idea(self, number: int) -> Iterator[Record]:
        """An idea with its votes and comments."""
        rng = self._rng
        identity = IDS["idea"] + number
        created = EPOCH + (END - EPOCH) * (number / (number + 400)) * 0.7 + timedelta(milliseconds=number % 7)
        # Every fifth idea shares its last change, to the millisecond, with the one before it.
        moments = random.Random(number - (number % 5 == 0))
        updated = created + (END - timedelta(hours=2) - created) * moments.random()
        body = self._idea_body(identity, number, created, updated)
        yield Record("idea", identity, body, parent=PRODUCT, hidden=number % 37 == 0)
        for _ in range(min(int(rng.paretovariate(1.1)) - 1, 300)):
            yield self._vote(identity, created, updated)
        for _ in range(self._comment_count()):
            yield self._comment(identity, number, created, updated)
        for _ in range(self._comment_count()):
            yield self._idea_comment(identity, created, updated)

    def _comment_count(self) -> int:
        rng = self._rng
        return 0 if rng.random() < 0.7 else min(int(rng.paretovariate(1.2)), 300)

    def _idea_body(self, identity: int, number: int, created: datetime, updated: datetime) -> Document:
        rng = self._rng
        key = f"DEMO-I-{number}"
        now = rng.randrange(len(STATUSES))
        author = rng.randrange(40)
        body = {
            "id": str(identity),
            "name": f"{rng.choice(SUBJECTS)} {rng.choice(PLACES)}",
            "reference_num": key,
            "score": rng.randrange(30),
            "created_at": timestamp(created),
            "updated_at": timestamp(updated),
            "product_id": str(PRODUCT),
            "initial_votes": int(rng.random() < 0.1),
            "status_changed_at": timestamp(created + (updated - created) / 2) if now else None,
            "workflow_status": status(now),
            "description": self._note(created, empty=number % 9 == 0),
            "visibility": "Visible to all ideas portal users"
            if number % 4
            else "Visible to creator and employees",
            "url": f"{HOST}/ideas/ideas/{key}",
            "resource": f"{API}/ideas/{key}",
            "product": product(),
            "assigned_to_user": (user(1) | {"default_assignee": False}) if number % 5 == 1 else None,
            "score_facts": [],
            "tags": [],
            "full_tags": [],
            "categories": [],
            "custom_fields": self._custom_fields(number, updated),
            "integration_fields": [],
        }
        if author < 6:
            body["created_by_user"] = user(author)
        else:
            body["created_by_portal_user"] = portal_user(author)
            body["created_by_idea_user"] = idea_user(author)
        if number % 6 == 0:
            responder = {"responded_by_user": user(2)}
            body["admin_response"] = self._note(created) | responder
        if number % 3 == 0:
            facts = (("Effort", rng.randrange(10)), ("Benefit", rng.randrange(10)))
            body["score_facts"] = [
                {"id": self._id("misc"), "value": value, "name": name} for name, value in facts
            ]
            body["tags"] = ["quick win"]
            body["full_tags"] = [{"id": 7755, "name": "quick win", "color": "#e09052"}]
            body["categories"] = [
                {
                    "id": "7300000000000006001",
                    "name": "User interface",
                    "parent_id": None,
                    "project_id": str(PRODUCT),
                    "created_at": timestamp(EPOCH),
                }
            ]
        if now:
            body["workflow_status_times"] = [
                {
                    "status_id": str(IDS["status"] + now),
                    "status_name": STATUSES[now],
                    "started_at": timestamp(created + (updated - created) / 2),
                    "ended_at": None,
                }
            ]
        return body

    def _vote(self, idea: int, created: datetime, updated: datetime) -> Record:
        rng = self._rng
        identity, cast = int(self._id("vote")), self._between(created, updated)
        proxy, voter = rng.random() < 0.4, rng.randrange(40)
        body: Document = {
            "id": str(identity),
            "idea_id": str(idea),
            "created_at": timestamp(cast),
            "updated_at": timestamp(cast),
            "value": f"{rng.randrange(1, 90000) / 100}" if proxy and rng.random() < 0.7 else None,
            "link": f"https://crm.example.com/opportunity/{identity % 1000}" if proxy else None,
            "weight": rng.choice((1, 1, 1, 3)),
        }
        if proxy and rng.random() < 0.5:
            body["endorsed_by_user"] = user(voter % 6)
        elif voter % 8:
            body["endorsed_by_portal_user"] = portal_user(voter)
            body["endorsed_by_idea_user"] = idea_user(voter)
        else:
            body["endorsed_by_idea_user"] = idea_user(voter)
        if proxy:
            body["idea_organization"] = organization(rng.randrange(len(ORGANIZATIONS)))
            body["associated_idea_organizations"] = [body["idea_organization"]]
            if rng.random() < 0.5:
                body["idea_users"] = [self._contact(voter)]
        body["description"] = self._note(cast) if proxy else EMPTY_NOTE
        body["integration_fields"] = []
        body["custom_fields"] = []
        return Record("vote", identity, body, parent=idea, proxy=proxy)

    def _comment(self, idea: int, number: int, created: datetime, updated: datetime) -> Record:
        identity, written = int(self._id("comment")), self._between(created, updated)
        key = f"DEMO-I-{number}"
        body = {
            "id": str(identity),
            "body": self._html(),
            "created_at": timestamp(written),
            "updated_at": timestamp(written),
            "user": user(self._rng.randrange(6)),
            "attachments": [],
            "url": f"{HOST}/comments/{identity}",
            "resource": f"{API}/comments/{identity}",
            "commentable": {
                "type": "Ideas::Idea",
                "id": str(idea),
                "product_id": str(PRODUCT),
                "url": f"{HOST}/ideas/ideas/{key}",
                "resource": f"{API}/ideas/ideas/{key}",
            },
        }
        return Record("comment", identity, body, parent=idea)

    def _idea_comment(self, idea: int, created: datetime, updated: datetime) -> Record:
        rng = self._rng
        identity, written, author = (
            int(self._id("idea_comment")),
            self._between(created, updated),
            rng.randrange(40),
        )
        body: Document = {
            "id": str(identity),
            "idea_id": str(idea),
            "body": self._html(),
            "spam": False,
            "updated_at": timestamp(written),
            "created_at": timestamp(written),
            "visibility": "Visible to all ideas portal users",
            "parent_idea_comment_id": None,
        }
        if author < 6:
            body["idea_commenter_user"] = user(author)
        else:
            body["idea_commenter_portal_user"] = portal_user(author)
            body["idea_commenter_idea_user"] = portal_user(author) | {"id": str(IDS["idea_user"] + author)}
        return Record("idea_comment", identity, body | {"attachments": []}, parent=idea)

    def _custom_fields(self, number: int, updated: datetime) -> list[Document]:
        changed = updated.strftime("%Y-%m-%dT%H:%M:%SZ")
        values: tuple[tuple[str, str, Any], ...] = (
            ("priority", "string", "High"),
            ("components", "array", ["web", "mobile"]),
            ("arr_at_risk", "number", "300.0"),
        )
        return [
            {
                "id": 5853 + index,
                "key": key,
                "name": key.replace("_", " ").capitalize(),
                "updatedAt": changed,
                "value": value,
                "type": kind,
            }
            for index, (key, kind, value) in enumerate(values[: number % 4])
        ]

    def _note(self, moment: datetime, *, empty: bool = False) -> Document:
        return {
            "id": self._id("note"),
            "body": "" if empty else self._html(),
            "editor_version": 2,
            "created_at": timestamp(moment),
            "updated_at": timestamp(moment),
            "attachments": [],
        }

    def _html(self) -> str:
        return f"<p>{' '.join(self._rng.sample(SENTENCES, 2))}</p>"

    def _contact(self, number: int) -> Document:
        return {
            "id": str(IDS["idea_user"] + number),
            "first_name": FIRST[number % len(FIRST)],
            "last_name": None if number % 4 == 0 else LAST[number % len(LAST)],
            "email": f"person{number}@example.com",
        }

    def _between(self, start: datetime, end: datetime) -> datetime:
        return start + (end - start) * self._rng.random()

    def _id(self, kind: str) -> str:
        self._next[kind] += 1
        return str(IDS[kind] + self._next[kind])


EMPTY_NOTE: Document = {
    "id": "",
    "body": "",
    "editor_version": 2,
    "created_at": None,
    "updated_at": None,
    "attachments": [],
}
