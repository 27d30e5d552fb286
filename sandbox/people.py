"""The account's people and organizations: invented, all at example.com.

Descriptions are shared between the records that embed them: make a new one to change one.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from sandbox.clock import timestamp

Document = dict[str, Any]

EPOCH = datetime(2025, 1, 6, 9, 0, tzinfo=UTC)
HOST = "https://company.aha.io"
API = f"{HOST}/api/v1"
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
ORGANIZATIONS = ("Acme Example Corp", "Globex Example Ltd", "Initech Example GmbH", "Umbrella Example SA")
USERS, PORTAL_USERS = 6, 40
PORTAL = "7300000000000015001"
FIRST_IDS = {
    "user": 7300000000000000101,
    "portal_user": 7300000000000002001,
    "idea_user": 7300000000000002101,
    "idea_organization": 7300000000000003001,
}


@cache
def user(number: int) -> Document:
    """A user of Aha! as records embed it."""
    return {
        "id": _id("user", number),
        **_person(number),
        "created_at": timestamp(EPOCH - timedelta(days=400 + number)),
        "updated_at": timestamp(EPOCH - timedelta(days=number, milliseconds=17)),
    }


@cache
def portal_user(number: int) -> Document:
    created = timestamp(EPOCH - timedelta(days=200 + number))
    return {"id": _id("portal_user", number), **_person(number), "created_at": created}


@cache
def idea_user(number: int) -> Document:
    title = None if number % 3 else "VP Operations"
    return portal_user(number) | {"id": _id("idea_user", number), "title": title}


@cache
def contact(number: int) -> Document:
    """A person named on a proxy vote; some have no name."""
    first, last = _person(number)["name"].split()
    known = number % 4 > 0
    return {
        "id": _id("idea_user", number),
        "first_name": first if known else None,
        "last_name": last if known else None,
        "email": _person(number)["email"],
    }


@cache
def organization(number: int) -> Document:
    identity = _id("idea_organization", number)
    return {
        "id": identity,
        "name": ORGANIZATIONS[number],
        "created_at": timestamp(EPOCH - timedelta(days=300 + number)),
        "url": f"{HOST}/ideas/idea_organizations/{identity}",
        "resource": f"{API}/idea_organizations/{identity}",
    }


def portal_member(number: int) -> Document:
    """What a portal's list of users says of a person."""
    first, last = _person(number)["name"].split()
    shown = portal_user(number)
    return {
        "id": shown["id"],
        "email": shown["email"],
        "first_name": first,
        "last_name": last,
        "idea_user_id": _id("idea_user", number),
        "created_at": shown["created_at"],
    }


def known_person(number: int) -> Document:
    """What the list of idea users says of a person, with what it says only when asked by name."""
    portal = {"id": _id("portal_user", number), "idea_portal_id": PORTAL}
    return idea_user(number) | {"phone": None, "portal_users": [portal]}


# kind → (how many, what each says of itself)
PEOPLE: dict[str, tuple[int, Callable[[int], Document]]] = {
    "user": (USERS, user),
    "portal_user": (PORTAL_USERS, portal_member),
    "idea_user": (PORTAL_USERS, known_person),
    "idea_organization": (len(ORGANIZATIONS), organization),
}


def _id(kind: str, number: int) -> str:
    return str(FIRST_IDS[kind] + number)


def _person(number: int) -> Document:
    name = f"{FIRST[number % len(FIRST)]} {LAST[(number // len(FIRST) + number) % len(LAST)]}"
    return {"name": name, "email": f"person{number}@example.com"}
