"""How a table is read under given settings: which lists are walked, and what hangs below their rows."""

from dataclasses import dataclass, replace

from connector.errors import AhaOptionError
from connector.listing import Listing, Row
from connector.offsets import scope_of
from connector.options import Settings
from connector.tables import TABLES
from connector.tables.declaration import AFTER_ID, Detail, Parents, Route, Source, Table

# A feed is read in micro-batches of so many rows where no option says otherwise.
FEED_ROWS = 6000
WORKSPACES = TABLES["products"]


@dataclass(frozen=True)
class Below:
    """A list below each row of another one.

    Attributes:
        listing: its path has `{parent}`.
        column: that holds the parent's id.
        count: the parent's field that says how many there are; None where none does, or none is trusted.
        digest: the fields of GraphQL that do; None likewise.
        detail: where the parent itself stands: asked whether it is still there.
    """

    listing: Listing
    column: str
    count: str | None = None
    digest: tuple[str, str] | None = None
    detail: Detail | None = None

    @property
    def is_counted(self) -> bool:
        return bool(self.count or self.digest)


@dataclass(frozen=True)
class Plan:
    """How a table is read.

    Attributes:
        table: whose rows come out.
        listing: the list that is walked; below `parents`, its path has `{parent}`.
        since: the filter by which it tells only what is new, or None.
        time: the field that says when one of its rows changed, or None.
        needs: fields without which its rows are asked for one by one.
        parents: the records below each of which it stands, or None for a single list.
        keys: what `{key}` in its path stands for, in turn.
        below: what stands below each of its rows; None where the row itself is the record.
        created: whether it can be narrowed by time of creation.
        workspaces: whose rows are taken, of rows that say whose they are; empty for all.
        limit: rows per micro-batch, or None.
        cut: whether a read ends where it would take too long, and another one goes on from there.
        filtered: whether the list is narrowed, so that an old row may come in when it changes.
        snapshot: whether each read is everything.
        scope: of the offset.
    """

    table: Table
    listing: Listing
    since: str | None
    time: str | None
    needs: tuple[str, ...]
    parents: Parents | None
    keys: tuple[str, ...]
    below: Below | None
    created: bool
    workspaces: frozenset[str]
    limit: int | None
    cut: bool
    filtered: bool
    snapshot: bool
    scope: str

    @property
    def is_whole(self) -> bool:
        """Whether its lists are walked whole each time, and so show which rows came into sight."""
        return self.since is None and not (self.parents and self.parents.stubs) and self.can_be_whole

    @property
    def can_be_whole(self) -> bool:
        """Whether its lists may be walked whole, and old rows be delivered again: not where rows are only
        ever added."""
        return not (self.snapshot or self.table.append)

    @property
    def moving(self) -> str:
        """The column that names what a row hangs below, and that may change; "" for none."""
        narrowed = self.table.narrowed
        return narrowed.parents.column if narrowed and narrowed.parents and not self.below else ""

    @property
    def is_feed(self) -> bool:
        """Whether its rows are told apart by ids that only grow."""
        return self.since == AFTER_ID


def plan_table(table: Table, settings: Settings) -> Plan:
    """Choose the list that serves with the fewest calls.

    Raises:
        AhaOptionError: the table needs an option that is not given.
    """
    snapshot = table.is_snapshot or (settings.sync_mode == "snapshot" and not table.append)
    # "Exact" must not rest on a count that nobody has confirmed.
    trusting = settings.trust_counts and not snapshot
    filters = _filters(settings) if table.of_ideas else ()
    narrowed = bool(filters or settings.workspaces)
    source = table.narrowed if table.narrowed and narrowed else table.source
    scope = scope_of(
        settings.subdomain,
        table.name,
        (
            *filters,
            ("sync_mode", "snapshot" if snapshot and not table.is_snapshot else None),
            ("trust_counts", None if trusting or table.is_snapshot else "false"),
            ("workspaces", ",".join(sorted(settings.workspaces))),
            ("custom_object_keys", ",".join(settings.custom_object_keys) if "{key}" in _path(source) else ""),
        ),
    )
    limit = None if snapshot else _limit(table, settings)
    size = settings.page_size
    if limit:
        # Micro-batches are whole pages, so that each goes on where the last one stopped.
        size = max(1, limit // -(-limit // size))
    parents = source.parents
    if parents and parents.changed:
        plan = _plan_list(table, TABLES[parents.table].source, settings, size, _named(parents))
        below = Below(
            _listing(table, source.route, size=settings.page_size),
            parents.column,
            detail=TABLES[parents.table].detail,
        )
        if trusting:
            digest = parents.digest if settings.graphql == "auto" else None
            below = replace(below, count=parents.count, digest=digest)
        # Of a parent, the list's filter alone tells that it changed.
        plan = replace(plan, below=below, time=TABLES[parents.table].time, needs=())
    else:
        plan = _plan_list(table, source, settings, size)
    return replace(plan, limit=limit, snapshot=snapshot, scope=scope)


def plan_parents(parents: Parents, settings: Settings) -> Plan:
    """How all records are read that lists stand below."""
    table = TABLES[parents.table]
    plan = _plan_list(table, table.source, settings, settings.page_size, _named(parents))
    return replace(plan, since=None, needs=())


def _plan_list(
    table: Table, source: Source, settings: Settings, size: int, names: tuple[str, ...] = ()
) -> Plan:
    """The plan of a list, or of one below each of some records. `names`: the fields to ask for."""
    route, filters = source.route, _filters(settings) if source.route.ideas else ()
    parents = source.parents
    if parents is None and settings.workspaces and route.workspace:
        route, parents = replace(route, path=route.workspace), Parents(WORKSPACES.name)
    needs = [table.part] if table.part else []
    if table.detail and route.since and table.time:
        needs.append(table.time)
    return Plan(
        table,
        _listing(table, route, size, names).with_params(*filters),
        route.since,
        table.time,
        tuple(needs),
        parents,
        _keys(route, settings),
        None,
        route.created and parents is None,
        settings.workspaces if table.workspace and parents is None else frozenset(),
        None,
        True,
        bool(filters or route.params),
        True,
        "",
    )


def _keys(route: Route, settings: Settings) -> tuple[str, ...]:
    if "{key}" not in route.path:
        return ("",)
    if settings.custom_object_keys:
        return settings.custom_object_keys
    raise AhaOptionError(
        "Option `custom_object_keys` is missing. It names the custom tables to read, by their API keys, "
        "separated by commas."
    )


def _named(parents: Parents) -> tuple[str, ...]:
    """What must be known of a parent."""
    table = TABLES[parents.table]
    where = parents.where[0] if parents.where else None
    prefix = "reference_prefix" if table is WORKSPACES else None
    wanted = ("id", "created_at", table.time, prefix, where, parents.count, parents.stubs)
    return tuple(dict.fromkeys(name for name in wanted if name))


def _listing(table: Table, route: Route, size: int, names: tuple[str, ...] = ()) -> Listing:
    fields = (("fields", ",".join(names or table.asked_fields)),) if route.fields else ()
    return Listing(route.path, route.root, (*route.params, *fields), size, route.paged)


def _filters(settings: Settings) -> tuple[tuple[str, str], ...]:
    """The parameters by which options narrow the ideas."""
    name_matches = settings.q or settings.ideas_q
    given = (("q", name_matches), ("workflow_status", settings.ideas_workflow_status))
    return tuple((name, value) for name, value in given if value)


def _limit(table: Table, settings: Settings) -> int | None:
    """Rows per micro-batch, or None."""
    given = [settings.max_records_per_batch, settings.max_ideas if table.of_ideas else None]
    least = min((limit for limit in given if limit), default=None)
    return least or (FEED_ROWS if table.source.route.since == AFTER_ID else None)


def _path(source: Source) -> str:
    return source.route.path


def is_among(row: Row, names: frozenset[str]) -> bool:
    """Whether a workspace, or a short form of one, is named by its id or its prefix."""
    return str(row.get("id")) in names or str(row.get("reference_prefix")).upper() in names
