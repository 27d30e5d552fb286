"""Accounts that are unlike the sandbox's own: what recording must survive, each a line in `ACCOUNTS`."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sandbox.clock import SandboxClock
from sandbox.faults import Scheduled
from sandbox.server import Sandbox, open_world, running
from sandbox.store import Condition, Record

ALWAYS = 10**9
# Long after everything.
LATER = datetime(2027, 3, 1, tzinfo=UTC)
# Words that stand inside published ones, are published ones, or look like pseudonyms.
INNOCENT = (
    *(
        "idea",
        "project",
        "feature",
        "comment",
        "attachment",
        "http",
        "table",
        "strong",
        "name",
        "key",
        "type",
    ),
    *(
        "gdpr",
        "html",
        "sftp",
        "grpc",
        "12.5",
        "1234",
        "2025",
        "true",
        "null",
        "company",
        "example.com",
        "page",
    ),
    *("<p></p>", "<p>&nbsp;</p>", "<br>", "<p>-</p>", "<table><tr><td></td></tr></table>", "<p>\u00a0</p>"),
    *("https://acme.aha.io/ideas/ideas/ZA-I-1?page=3", "https://x.test/u/ada@x.test?email=ada@x.test"),
    *("bcdfghj", "Bcdfgh Jklmnpq", "GET", "OK", "https", "v1", "api", "2025-01-11", "#ff0000"),
)
HOSTILE = (
    "<p>Please write to ada@customer.test for details</p>",
    "<p>See https://customer.test for details</p>",
    "<p>It stands at https://sandbox-account.aha.io/ideas/ideas/ADA-I-7?token=a1b2c3d4e5f6, see there</p>",
    "(https://crm.customer.test:18443/tickets/8642?q=8642&token=zanzibar99)",
    "٠٥٥١٢٣٤٥٦٧",
    "९८७६५४३२१०",
    "Zoë & “Söhne” 😀 zanzibar",
    "data:image/png;base64,emFuemliYXI=",
    "x" * 3000,
    "ADA-ZOE-12 and ADA-I-12",
    "mailto:ada@customer.test",
    "https://user:zanzibar@customer.test/?a=%F0%9F%98%80#zanzibar",
    "<script>zanzibar()</script><img src='https://customer.test/zanzibar.png' alt='zanzibar'>",
)
# What no cassette of a hostile account may hold, in whatever form.
SECRETS = ("zanzibar", "customer.test", "emFuemliYXI", "٠٥٥", "९८७", "8642", "18443", "a1b2c3d4e5f6", "Söhne")

FIELDS: tuple[tuple[str, Any], ...] = (
    ("string", "zanzibar"),
    ("string", ""),
    ("array", ["zanzibar", "gdpr", "idea"]),
    ("date", "1984-02-29"),
    ("number", "300.0"),
    ("number", "12.5"),
    ("number", "0.00"),
    ("number", "-4711.25"),
    ("number", "9" * 41),
    ("number", 1e50),
    ("number", 1.5e-7),
    ("url", "https://customer.test/zanzibar?page=8642"),
    ("note", "<p>zanzibar</p>"),
    ("scorecard", 17),
    (
        "equation_sheet",
        {"values": {"721000001": {"value": 8642.5, "name": "zanzibar", "display_value": "8642"}}},
    ),
    ("attachment", None),
    ("of_months", {f"{month:02d}": month for month in range(1, 13)}),
    ("of_references", {"reference_num": "A" * 3100}),
    (
        "of_tomorrow",
        {"zanzibar_contract_count": 8642, "birth_date": "1984-02-29", "seats_count": "4917712345"},
    ),
)

# Most kinds are about ideas and what hangs below them.
OF_IDEAS = ("ideas", "idea_votes", "idea_proxy_votes", "idea_comments", "idea_portal_comments")

Prepare = Callable[[Sandbox], object]


@dataclass(frozen=True)
class Kind:
    """One kind of account.

    Attributes:
        ideas: how many there are.
        prepare: what is done to it.
        lacking: parts of the names of scenarios that it cannot show; all others must be recorded.
        clock: its time.
        tables: which are recorded; what a kind is about.
    """

    ideas: int = 40
    prepare: Prepare = lambda _: None
    lacking: tuple[str, ...] = ()
    clock: datetime = datetime(2025, 11, 1, tzinfo=UTC)
    tables: tuple[str, ...] = OF_IDEAS


def records(box: Sandbox, kind: str) -> list[Record]:
    return box.world.store.page([Condition("kind = ?", (kind,))])


def remove(*kinds: str, where: Callable[[Record], bool] = lambda _: True) -> Prepare:
    """An account without records of some kinds."""

    def prepare(box: Sandbox) -> None:
        box.world.store.put((), [found for kind in kinds for found in records(box, kind) if where(found)])

    return prepare


def refuse(*routes: str) -> Prepare:
    """An account whose key may not read some routes."""
    return lambda box: box.traffic.faults.extend(Scheduled("403", route, ALWAYS) for route in routes)


def limit(variant: str) -> Prepare:
    """An account where every few requests are too many."""
    return lambda box: box.traffic.faults.extend(
        Scheduled(f"429_{variant}", times=1, after=after) for after in (3, 20, 50, 90)
    )


def change(kind: str, make: Callable[[int, dict[str, Any]], dict[str, Any]]) -> Prepare:
    """An account where every record of a kind has other fields."""

    def prepare(box: Sandbox) -> None:
        found = records(box, kind)
        box.world.store.put(
            replace(record, body=record.body | make(number, record.body))
            for number, record in enumerate(found)
        )

    return prepare


def populate(box: Sandbox) -> None:
    """Three votes and comments of each kind, below two ideas."""
    for idea in records(box, "idea")[:2]:
        for kind in ("vote", "comment", "idea_comment") * 3:
            box.world.create(kind, idea.id)


def enlarge(box: Sandbox) -> None:
    """Sixty more workspaces, one of them with hundreds of records of every kind."""
    world = box.world
    for _ in range(60):
        busy = world.create("product").id
    for _ in range(80):
        goal = world.create("goal", busy).id
        world.create("key_result", goal)
        for kind in ("release", "epic", "initiative", "idea_category", "persona", "page", "idea_portal"):
            world.create(kind, busy)
        feature = world.create("feature", busy).id
        world.create("requirement", feature)
        world.create("record_link", feature)
    for kind in ("task", "user", "team", "idea_organization", "custom_field_definition"):
        for _ in range(80):
            world.create(kind)


def without_audit_numbers(number: int, body: dict[str, Any]) -> dict[str, Any]:
    return {"id": f"b0c1-{number}"}


def no_time(number: int, body: dict[str, Any]) -> dict[str, Any]:
    return {"updated_at": "2025-13-45T00:00:00Z"}


def every(*steps: Prepare) -> Prepare:
    def prepare(box: Sandbox) -> None:
        for step in steps:
            step(box)

    return prepare


def another_status(number: int, body: dict[str, Any]) -> dict[str, Any]:
    name = ("Waiting for Zanzibar", "idea", "Überfällig", "In review (gdpr)")[number % 4]
    return {"workflow_status": body["workflow_status"] | {"name": name}}


def texts(words: tuple[str, ...]) -> Prepare:
    """An account that writes these words wherever one can write."""

    def word(number: int) -> str:
        return words[number % len(words)]

    def idea(number: int, body: dict[str, Any]) -> dict[str, Any]:
        field = {
            "id": "721",
            "key": word(number),
            "name": word(number + 1),
            "updatedAt": "2025-01-11T03:14:15Z",
        }
        return {
            "name": f"{word(number)} {number}",
            "description": body["description"] | {"body": word(number + 2)},
            "tags": [word(number + 3), word(number + 4)],
            "custom_fields": [field | {"type": "number", "value": word(number + step)} for step in range(4)],
        }

    return every(
        change("idea", idea),
        change("comment", lambda number, _: {"body": f"<p>{word(number)}</p>"}),
        change("idea_comment", lambda number, _: {"body": f"{word(number)}, {word(number + 1)}."}),
        change("vote", lambda number, _: {"value": word(number), "link": word(number + 1)}),
    )


def custom_fields(number: int, _: dict[str, Any]) -> dict[str, Any]:
    def field(at: int) -> dict[str, Any]:
        kind, value = FIELDS[at % len(FIELDS)]
        shared = {"id": 4711 + at, "key": f"zanzibar_{at}", "name": "Zanzibar", "type": kind}
        return shared | {"updatedAt": "2025-01-11T03:14:15Z", "value": value}

    return {"custom_fields": [field(number * 5 + step) for step in range(6)], "score": 12.5}


ACCOUNTS: dict[str, Kind] = {
    "empty": Kind(
        prepare=remove("idea", "vote", "comment", "idea_comment", "audit"),
        lacking=("first_sync", "several_pages", "one_page", "incremental", "filtered", "deletions"),
    ),
    "of one idea": Kind(
        prepare=remove("idea", where=lambda found: found.id != 7310000000000000001),
        lacking=(
            "several_pages",
            "idea_votes/",
            "idea_proxy_votes/",
            "idea_comments/",
            "idea_portal_comments/",
        ),
    ),
    "of five ideas": Kind(5, populate),
    "of eleven ideas": Kind(11, lacking=("_comments/", "idea_proxy_votes/several_pages")),
    "without votes": Kind(24, remove("vote"), ("votes/",)),
    "without proxy votes": Kind(24, remove("vote", where=lambda found: found.proxy), ("idea_proxy_votes/",)),
    "without comments": Kind(24, remove("comment", "idea_comment"), ("_comments/",)),
    "that may not read audits": Kind(24, refuse("^/audits"), ("deletions",)),
    "that may not read votes": Kind(24, refuse("/endorsements"), ("votes/",)),
    "that may not read comments": Kind(24, refuse("comments$"), ("_comments/",)),
    "with nothing deleted": Kind(24, remove("audit"), ("deletions",)),
    "with statuses of its own": Kind(24, change("idea", another_status)),
    "without any status": Kind(24, change("idea", lambda *_: {"workflow_status": None}), ("filtered",)),
    "with nothing changed for a year": Kind(24, clock=LATER),
    "with everything changed at once": Kind(
        60, change("idea", lambda *_: {"updated_at": "2025-06-01T00:00:00.000Z"}), ("_comments/several",)
    ),
    "of innocent words": Kind(40, texts(INNOCENT)),
    "of hostile words": Kind(40, texts(HOSTILE)),
    "with every type of custom field": Kind(24, change("idea", custom_fields)),
    "whose audits have no numbers": Kind(24, change("audit", without_audit_numbers), ("deletions",)),
    "whose times are none": Kind(
        24, change("idea", lambda *_: {"updated_at": "2025-13-45T00:00:00Z"}), ("incremental",)
    ),
    "that is limited by a header": Kind(24, limit("retry_after")),
    "that is limited until a moment": Kind(24, limit("reset")),
    "that is limited by a message": Kind(24, limit("message")),
    "of two hundred ideas": Kind(200, lacking=("_comments/several",)),
    "of a plan for ideas alone": Kind(
        24,
        refuse(
            *("^/features", "^/epics", "^/goals", "^/initiatives", "^/release", "/releases$", "^/strategy"),
            *("/personas$", "/competitors$", "^/team", "^/integrations", "^/audits", "/records$", "^/users"),
        ),
        (
            *("features", "epics", "goals", "initiatives", "release", "strategy", "personas", "competitors"),
            *("team", "integrations", "audits", "deletions", "custom_object", "requirements", "record_links"),
            *("key_results", "users/"),
        ),
        tables=(),
    ),
}
# Kinds that are much like another one: `nox -s soak` tries them.
ALIKE = frozenset(
    (
        "that is limited until a moment",
        "that is limited by a message",
        "of two hundred ideas",
        "with nothing changed for a year",
        "whose times are none",
        "without any status",
        "with nothing deleted",
        "that may not read votes",
        "that may not read comments",
        "of five ideas",
        "without proxy votes",
        "with statuses of its own",
        "of eleven ideas",
        "that may not read audits",
        "whose audits have no numbers",
        "without votes",
        "without comments",
        "of innocent words",
        "with everything changed at once",
    )
)
# The sandbox's ideas have a few hundred names between them: of a hundred thousand, none narrows to a few.
LARGE: dict[str, Kind] = {
    "of three thousand ideas": Kind(3000),
    "of a hundred thousand ideas": Kind(100_000),
    "of many workspaces, with hundreds of records in one": Kind(
        12,
        enlarge,
        (
            *("_comments/several", "idea_proxy_votes/several", "key_results/", "portal_users/"),
            *("idea_subscriptions/", "record_links/", "idea_portals/", "idea_categories/", "personas/"),
            *("pages/", "custom_field_", "teams/", "keyed"),
        ),
        tables=(),
    ),
}


@contextmanager
def account(kind: Kind) -> Iterator[Sandbox]:
    """A sandbox that is such an account, for the length of a `with`."""
    clock = SandboxClock(kind.clock)
    with closing(open_world(ideas=kind.ideas, seed_number=2, clock=clock)) as world, running(world) as box:
        kind.prepare(box)
        yield box
