"""What the sandbox serves, as data: routes, root keys, forms and filters."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.forms import Form
from sandbox.store import Condition

Filter = Callable[[str], Condition]


def at_json(path: str, operator: str = "=") -> Filter:
    return lambda value: Condition(f"json_extract(body, '{path}') {operator} ?", (value,))


def name_matches(value: str) -> Condition:
    pattern = "".join(f"\\{char}" if char in "\\%_" else char for char in value)
    return Condition("json_extract(body, '$.name') LIKE ? ESCAPE '\\'", (f"%{pattern}%",))


def status_is(value: str) -> Condition:
    path = "json_extract(body, '$.workflow_status.{}') = ?"
    return Condition(f"({path.format('id')} OR {path.format('name')})", (value, value))


def updated_after(value: str) -> Condition:
    # Exclusive, to the millisecond: the reference says "updated or created later than".
    return Condition("updated > ?", (normal_time(value),))


def only_proxy(value: str) -> Condition:
    return Condition("proxy = 1") if value == "true" else Condition("1")


def with_spam(value: str) -> Condition:
    return Condition("hidden = 1") if value == "true" else Condition("hidden = 0")


def normal_time(value: str) -> str:
    """A request's time in the form the store compares: three decimals and `Z`."""
    whole, _, decimals = value.upper().removesuffix("Z").partition(".")
    return f"{whole}.{decimals[:3]:0<3}Z"


@dataclass(frozen=True)
class Resource:
    """One kind of record and the routes that show it.

    Attributes:
        kind: in the store.
        root, singular: keys of lists and of details.
        lists: list routes; `{parent}` stands for the id or key of a record of `parent_kind`.
        details: detail routes; `{id}` stands for an id or key.
        form: which fields are shown.
        filters: parameter → condition.
        defaults: filters that hold unless their parameter is given.
    """

    kind: str
    root: str
    singular: str
    lists: tuple[str, ...]
    details: tuple[str, ...] = ()
    parent_kind: str = "idea"
    form: Form = field(default_factory=Form)
    filters: dict[str, Filter] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)


IDEA_STUB = (
    "id",
    "reference_num",
    "name",
    "created_at",
    "updated_at",
    "workflow_status",
    "description",
    "url",
    "resource",
)
VOTE_STUB = (
    "id",
    "idea_id",
    "created_at",
    "updated_at",
    "value",
    "link",
    "weight",
    "endorsed_by_user",
    "endorsed_by_portal_user",
    "endorsed_by_idea_user",
    "idea_organization",
)

RESOURCES = (
    # Votes first: `/ideas/endorsements` is no idea's detail.
    Resource(
        kind="vote",
        root="idea_endorsements",
        singular="idea_endorsement",
        lists=("/ideas/endorsements", "/ideas/{parent}/endorsements"),
        details=("/ideas/{parent}/endorsements/{id}",),
        form=Form(VOTE_STUB, ("id", "idea_id"), frozenset({"associated_idea_organizations"})),
        filters={
            "proxy": only_proxy,
            "updated_since": updated_after,
            "created_since": at_json("$.created_at", ">"),
            "created_before": at_json("$.created_at", "<"),
        },
    ),
    Resource(
        kind="comment",
        root="comments",
        singular="comment",
        lists=("/ideas/{parent}/comments",),
        details=("/comments/{id}",),
    ),
    Resource(
        kind="idea_comment",
        root="idea_comments",
        singular="idea_comment",
        lists=("/ideas/{parent}/idea_comments",),
        form=Form(always=("id", "idea_id"), extras=frozenset({"updated_at", "spam"})),
        filters={"spam": with_spam},
        defaults={"spam": "false"},
    ),
    Resource(
        kind="idea",
        root="ideas",
        singular="idea",
        lists=("/ideas",),
        details=("/ideas/{id}",),
        form=Form(IDEA_STUB, ("id", "product_id")),
        filters={
            "q": name_matches,
            "workflow_status": status_is,
            "spam": with_spam,
            "updated_since": updated_after,
            "created_since": at_json("$.created_at", ">"),
            "created_before": at_json("$.created_at", "<"),
        },
        defaults={"spam": "false"},
    ),
)
