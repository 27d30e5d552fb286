"""What the sandbox serves, as data: how a kind of record is declared."""

from dataclasses import dataclass, field

from sandbox.filters import Filter, at_time, name_matches, updated_after
from sandbox.forms import Form


@dataclass(frozen=True)
class Route:
    """A list route.

    Attributes:
        path: below /api/v1; `{parent}` stands for the id or key of a record of `parent_kind`.
        parent_kind: whose record the route stands under, or None for the whole account.
        where: how rows belong to that record: a JSON path to its id, `[]` for any of a list, or None for the
            row's own parent.
        filters: the parameters that this route takes, where they are fewer than the resource's.
        rank: SQL by which the highest row comes first, where the order is not that of ids.
    """

    path: str
    parent_kind: str | None = None
    where: str | None = None
    filters: frozenset[str] | None = None
    rank: str | None = None


@dataclass(frozen=True)
class Resource:
    """One kind of record and the routes that show it.

    Attributes:
        kind: in the store.
        root, singular: keys of lists and of details.
        lists, details: the routes; in details, `{id}` stands for an id or key.
        form: which fields are shown.
        filters: parameter → condition.
        defaults: filters that hold unless their parameter is given.
        paged: whether lists have pages and say so.
        sorts: value of `sort` → SQL by which the highest row comes first.
    """

    kind: str
    root: str
    singular: str = ""
    lists: tuple[Route, ...] = ()
    details: tuple[Route, ...] = ()
    form: Form = field(default_factory=Form)
    filters: dict[str, Filter] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)
    paged: bool = True
    sorts: dict[str, str] = field(default_factory=dict)


CREATED = {"created_since": at_time("$.created_at", ">"), "created_before": at_time("$.created_at", "<")}
CHANGED: dict[str, Filter] = {"updated_since": updated_after}
SEARCH: dict[str, Filter] = {"q": name_matches}
