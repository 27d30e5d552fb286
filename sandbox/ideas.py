"""Makes up ideas, votes and comments, the same for the same seed, with realistic skew.

Most ideas have no comments and a few have many; texts hold HTML and more than ASCII; some ideas share their
time of change to the millisecond, some are merged, some are spam, one is from the days of small ids.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

from sandbox.account import Documents
from sandbox.clock import timestamp
from sandbox.delivery import FEATURE_STUB, PRODUCT_STUB
from sandbox.parts import Parts
from sandbox.people import (
    API,
    EPOCH,
    HOST,
    ORGANIZATIONS,
    PORTAL_USERS,
    USERS,
    contact,
    idea_user,
    organization,
    portal_user,
    user,
)
from sandbox.store import COUNTERS, Document, Record
from sandbox.vocabulary import (
    CATEGORY_IDS,
    COLORS,
    CUSTOM_FIELDS,
    EMPTY_NOTE,
    END,
    FIRST_IDS,
    HIDDEN,
    PLACES,
    PRIVATE,
    STATUSES,
    SUBJECTS,
    VISIBLE,
)

OLD_COMMENT = 6220


@cache
def status(number: int) -> Document:
    return {
        "id": str(7300000000000000201 + number),
        "name": STATUSES[number],
        "position": number + 1,
        "complete": number >= 3,
        "color": COLORS[number],
    }


class Maker(Parts):
    """Makes records one after the other; ids count up in the order of making."""

    def __init__(self, rng: random.Random, documents: Documents) -> None:
        super().__init__(rng)
        product, feature = documents["product"][0]["body"], documents["feature"][0]["body"]
        self.product: Document = {name: product[name] for name in PRODUCT_STUB}
        self._feature: Document = {name: feature[name] for name in FEATURE_STUB}
        self._legacy: Document = documents["legacy_idea"][0]["body"]
        self._subscription: Document = documents["subscription"][0]["body"]

    def idea(self, number: int, *, last: bool) -> Iterator[Record]:
        """An idea with its votes, comments and subscriptions."""
        rng = self.rng
        product = int(self.product["id"])
        self.next["idea"] = number
        if last and number > 9:
            yield from self._old_idea()
            return
        identity = FIRST_IDS["idea"] + number
        created = _created(number)
        # Every fifth idea shares its last change, to the millisecond, with the one before it.
        shared = number + (number % 5 == 4)
        updated = (
            _created(shared) + (END - timedelta(hours=2) - _created(shared)) * random.Random(shared).random()
        )
        if number % 23 == 7:
            # Imported from elsewhere: older than its id.
            created -= timedelta(days=300)
        merged = number % 29 == 3
        body = self.idea_body(identity, f"DEMO-I-{number}", number, created, updated)
        survivor = identity - 1 if merged else None
        yield Record("idea", identity, body, product, hidden=number % 37 == 0, survivor=survivor)
        for _ in range(0 if merged else min(int(rng.paretovariate(1.7)) - 1, 300)):
            yield self.vote(identity, self._between(created, updated))
        for _ in range(self._comment_count()):
            yield self.comment(body, self._between(created, updated))
        answered = None
        for _ in range(self._comment_count()):
            portal = self.idea_comment(identity, self._between(created, updated), answered)
            answered = portal.body["id"]
            spam = portal.id % 41 == 0
            yield replace(portal, body=portal.body | {"spam": spam}, hidden=spam)
        if number == 1:
            subscription = self._subscription | {"idea_id": str(identity)}
            yield Record("subscription", int(subscription["id"]), subscription, identity)

    def _old_idea(self) -> Iterator[Record]:
        """An idea from the days of small ids, with a comment from then and a reply to it."""
        idea = int(self._legacy["id"])
        yield Record("idea", idea, self._legacy, int(self._legacy["product_id"]))
        made = datetime.fromisoformat(self._legacy["created_at"])
        first = self.idea_comment(idea, made + timedelta(days=1))
        yield replace(first, id=OLD_COMMENT, body=first.body | {"id": str(OLD_COMMENT)})
        reply = self.idea_comment(idea, made + timedelta(days=2))
        # Small ids are numbers wherever they are not a record's own.
        yield replace(reply, body=reply.body | {"parent_idea_comment_id": OLD_COMMENT})

    def idea_body(
        self, identity: int, key: str, number: int, created: datetime, updated: datetime
    ) -> Document:
        """An idea's own fields; counts and duplicates follow from other records."""
        rng = self.rng
        now, author = rng.randrange(len(STATUSES)), rng.randrange(PORTAL_USERS)
        middle = created + (updated - created) / 2
        body: Document = {
            "id": str(identity),
            "name": f"{rng.choice(SUBJECTS)} {rng.choice(PLACES)}",
            "reference_num": key,
            "score": rng.randrange(30),
            "created_at": timestamp(created),
            "updated_at": timestamp(updated),
            "product_id": self.product["id"],
            "initial_votes": int(rng.random() < 0.1),
            "status_changed_at": timestamp(middle) if now else None,
            "workflow_status": status(now),
            "description": self.note(created, attached=number % 7 == 1, empty=number % 9 == 0),
            "visibility": (VISIBLE, PRIVATE, VISIBLE, HIDDEN)[number % 4],
            "url": f"{HOST}/ideas/ideas/{key}",
            "resource": f"{API}/ideas/{key}",
            "product": self.product,
            "assigned_to_user": (user(1) | {"default_assignee": False}) if number % 5 == 1 else None,
            "score_facts": [],
            "tags": [],
            "full_tags": [],
            "categories": [],
            "custom_fields": self.custom_fields(number % (len(CUSTOM_FIELDS) + 1), updated),
            "integration_fields": [],
            "watchers": [user(number % USERS)],
        }
        body |= self._author("created_by", author)
        if author >= USERS and number % 2:
            body["submitted_idea_portal_record_url"] = f"https://ideas.example.com/ideas/{key}"
        if number % 6 == 0:
            body["admin_response"] = self.note(created) | {"responded_by_user": user(2)}
        if number % 3 == 0:
            body |= self._classification()
        if number % 10 == 2:
            body["feature"] = self._feature
        if number % 11 == 3:
            link = {"key": "customers", "name": "Customers", "record_type": "CustomObjectRecord"}
            body["custom_object_links"] = [link | {"record_ids": ["7300000000000007401"]}]
        if number % 8 != 3:
            body["workflow_status_times"] = _status_times(now, created, middle)
        return body

    def vote(self, idea: int, cast: datetime, *, proxy: bool | None = None) -> Record:
        rng = self.rng
        identity, voter = int(self.new_id("vote")), rng.randrange(PORTAL_USERS)
        proxy = rng.random() < 0.4 if proxy is None else proxy
        body: Document = {
            "id": str(identity),
            "idea_id": str(idea),
            "created_at": timestamp(cast),
            "updated_at": timestamp(cast),
            "value": f"{rng.randrange(1, 90000) / 100}" if proxy and rng.random() < 0.7 else None,
            "link": f"https://crm.example.com/opportunity/{identity % 1000}"
            if proxy and rng.random() < 0.6
            else None,
            "weight": rng.choice((1, 1, 1, 3)),
        }
        if rng.random() < (0.5 if proxy else 0.1):
            body["endorsed_by_user"] = user(voter % USERS)
        else:
            body |= {"endorsed_by_portal_user": portal_user(voter)} if voter % 8 else {}
            body["endorsed_by_idea_user"] = idea_user(voter)
        if proxy:
            body["idea_organization"] = organization(rng.randrange(len(ORGANIZATIONS)))
            body["associated_idea_organizations"] = [body["idea_organization"]]
            body |= {"idea_users": [contact(voter), contact(voter + 1)]} if rng.random() < 0.6 else {}
        body["description"] = self.note(cast) if proxy else EMPTY_NOTE
        body["integration_fields"] = [self.integration_field(cast)] if proxy and voter % 3 == 0 else []
        body["custom_fields"] = self.custom_fields(1, cast) if proxy and voter % 3 == 1 else []
        return Record("vote", identity, body, parent=idea, proxy=proxy)

    def comment(self, idea: Document, written: datetime) -> Record:
        """An internal comment."""
        identity = int(self.new_id("comment"))
        body = {
            "id": str(identity),
            "body": self.html(),
            "created_at": timestamp(written),
            "updated_at": timestamp(written),
            "user": user(self.rng.randrange(USERS)),
            "attachments": [self.attachment(written)] if identity % 3 == 1 else [],
            "url": f"{HOST}/comments/{identity}",
            "resource": f"{API}/comments/{identity}",
            "commentable": {
                "type": "Ideas::Idea",
                "id": idea["id"],
                "product_id": idea["product_id"],
                "url": idea["url"],
                "resource": f"{API}/ideas/ideas/{idea['reference_num']}",
            },
            "parent_comment_id": None,
            "reactions": [],
        }
        return Record("comment", identity, body, parent=int(idea["id"]))

    def idea_comment(self, idea: int, written: datetime, answered: str | None = None) -> Record:
        """A portal comment, some of them a reply to `answered`."""
        rng = self.rng
        identity = int(self.new_id("idea_comment"))
        body: Document = {
            "id": str(identity),
            "idea_id": str(idea),
            "body": self.html(),
            "spam": False,
            "updated_at": timestamp(written),
            "created_at": timestamp(written),
            "visibility": VISIBLE if identity % 4 else PRIVATE,
            "parent_idea_comment_id": answered if identity % 3 == 2 else None,
        }
        body |= self._author("idea_commenter", rng.randrange(PORTAL_USERS))
        if "idea_commenter_idea_user" in body:
            named = body["idea_commenter_idea_user"]
            body["idea_commenter_idea_user"] = {key: named[key] for key in named if key != "title"}
        body["attachments"] = [self.attachment(written)] if identity % 6 == 1 else []
        return Record("idea_comment", identity, body, parent=idea)

    def counters(self) -> Record:
        """The counts of ids given, to be kept with the records: no id is ever given again."""
        return Record(COUNTERS, 0, dict(self.next))

    def _author(self, role: str, number: int) -> Document:
        if number < USERS:
            return {f"{role}_user": user(number)}
        return {f"{role}_portal_user": portal_user(number), f"{role}_idea_user": idea_user(number)}

    def _classification(self) -> Document:
        facts = [
            {"id": self.new_id("misc"), "value": self.rng.randrange(10), "name": n}
            for n in ("Effort", "Benefit")
        ]
        created = timestamp(EPOCH)
        names = (("User interface", None), ("Appearance", CATEGORY_IDS[0]))
        return {
            "score_facts": facts,
            "tags": ["quick win"],
            "full_tags": [{"id": "7300000000000006102", "name": "quick win", "color": "#e09052"}],
            "categories": [
                {"id": identity, "name": name, "parent_id": parent, "project_id": self.product["id"]}
                | {"created_at": created}
                for identity, (name, parent) in zip(CATEGORY_IDS, names, strict=True)
            ],
        }

    def _comment_count(self) -> int:
        return 0 if self.rng.random() < 0.85 else min(int(self.rng.paretovariate(1.3)), 300)

    def _between(self, start: datetime, end: datetime) -> datetime:
        return start + (end - start) * self.rng.random()


def _created(number: int) -> datetime:
    """Ideas come in faster and faster."""
    return EPOCH + (END - EPOCH) * (number / (number + 400)) * 0.7 + timedelta(milliseconds=number % 7)


def _status_times(now: int, created: datetime, middle: datetime) -> list[Document]:
    """The way from the first status to the present one."""

    def step(number: int, start: datetime, end: datetime | None) -> Document:
        return {
            "status_id": status(number)["id"],
            "status_name": STATUSES[number],
            "started_at": timestamp(start),
            "ended_at": timestamp(end) if end else None,
        }

    return [step(0, created, middle), step(now, middle, None)] if now else [step(0, created, None)]
