"""What a declaration of a table may say."""

from dataclasses import dataclass

from pyspark.sql.types import StructType

from connector.tables.types import RESCUED, field_names

# The filters by which a list tells only what is new: by time of change, by time of making, by id.
UPDATED_SINCE, AFTER_ID = "updated_since", "after_id"
# The connector's own column, for tables whose rows do not always say when they changed.
CHANGED_AT = "changed_at"


@dataclass(frozen=True)
class Route:
    """A list of Aha!'s API.

    Attributes:
        path: below /api/v1; `{parent}` stands for a parent's id, `{key}` for one of `custom_object_keys`.
        root: the key of the list in the answers.
        params: sent with every request.
        since: the filter by which it tells only what is new, or None where it has none.
        fields: whether the columns are asked for by name, because the list would leave some out.
        created: whether it can be narrowed by time of creation, so that a full read can be split.
        ideas: whether it can be narrowed by the options that are about ideas.
        paged: whether its answers have pages.
        workspace: the same list of one workspace, `{parent}`, where there is one.
    """

    path: str
    root: str
    params: tuple[tuple[str, str], ...] = ()
    since: str | None = None
    fields: bool = False
    created: bool = False
    ideas: bool = False
    paged: bool = True
    workspace: str | None = None


@dataclass(frozen=True)
class Parents:
    """Records of another table, below each of which a list stands.

    Attributes:
        table: whose.
        column: the column that holds the parent's id; "" where rows say it themselves.
        changed: whether only parents that changed are read, each with all of its rows; otherwise all are,
            and of their rows those that changed.
        count: the parent's field that is 0, or an empty list, where there is nothing to read.
        digest: the fields of GraphQL that say so of an idea, and when the last one came, where REST does not.
        stubs: the parent's field that lists its rows with their times: it is read where one of them moved.
        where: a field of the parent and the text that it must hold for there to be a list.
        shared: whether a row may stand below several of them: one read brings it once.
    """

    table: str
    column: str = ""
    changed: bool = False
    count: str | None = None
    digest: tuple[str, str] | None = None
    stubs: str | None = None
    where: tuple[str, str] | None = None
    shared: bool = False


@dataclass(frozen=True)
class Source:
    """Where rows come from: one list, or one below each of some parents."""

    route: Route
    parents: Parents | None = None


@dataclass(frozen=True)
class Detail:
    """Where one whole record stands: `{id}` in the path is its own."""

    path: str
    root: str


@dataclass(frozen=True)
class Table:
    """One table: a declaration, no code.

    Attributes:
        name: in Databricks.
        schema: the row.
        source: where rows come from.
        narrowed: where they come from when an option narrows the ideas, and `source` cannot be narrowed.
        time: the field that says when a row changed; None where none does.
        part: the field of a listed record that holds the rows, where the rows are parts of it.
        detail: where a record stands whole, if its list may leave out what the table needs.
        always_detailed: whether the list always does, so that every row costs a call.
        json_text: columns whose JSON type varies, or is not published: they are kept as JSON text.
        flags: (column, field): the column tells whether the row has that field.
        workspace: the field that names a row's workspace, `self` for the row itself; None where none does.
        late: seconds after which a row appears, at most, where that is longer than for other tables.
        append: whether rows never change.
        audited_as: how audits may spell this kind of record; Aha! documents the spelling of votes alone.
        primary_keys, cursor_field: what Lakeflow is told.
        opt_in: whether it is read only where it is named, because of what it costs.
        requires: the plan or role that Aha! asks for, as far as it is known.
        note: what a reader of the table must know.
    """

    name: str
    schema: StructType
    source: Source
    narrowed: Source | None = None
    time: str | None = "updated_at"
    part: str | None = None
    detail: Detail | None = None
    always_detailed: bool = False
    json_text: tuple[str, ...] = ()
    flags: tuple[tuple[str, str], ...] = ()
    workspace: str | None = None
    late: int = 0
    append: bool = False
    audited_as: tuple[str, ...] = ()
    primary_keys: tuple[str, ...] = ("id",)
    cursor_field: str = "updated_at"
    opt_in: bool = False
    requires: str = ""
    note: str = ""

    @property
    def is_snapshot(self) -> bool:
        """Whether nothing says what changed, so that each read is everything."""
        return self.time is None and self.source.route.since is None

    @property
    def ingestion_type(self) -> str:
        if self.append:
            return "append"
        return "snapshot" if self.is_snapshot else "cdc"

    @property
    def tracks_deletes(self) -> bool:
        """Whether audits tell which of its rows were deleted."""
        return bool(self.audited_as) and self.ingestion_type == "cdc"

    @property
    def of_ideas(self) -> bool:
        """Whether its rows are ideas, or hang below them."""
        sources = (self.source, self.narrowed)
        return any(
            found.route.ideas or (found.parents and found.parents.table == "ideas")
            for found in sources
            if found
        )

    @property
    def spellings(self) -> frozenset[str]:
        """`audited_as` as `letters`."""
        return frozenset(map(letters, self.audited_as))

    @property
    def asked_fields(self) -> list[str]:
        """The names of what Aha! is asked for: all but what the connector itself adds."""
        own = {CHANGED_AT, RESCUED, *(column for column, _ in self.flags)}
        given = [field for field in self.schema if field.name not in own]
        names = field_names(StructType(given))
        return [*names, self.part] if self.part else names


def letters(text: str) -> str:
    """A type's letters: `Ideas::IdeaComment` and `ideas/idea_comment` are the same."""
    return "".join(char for char in text.lower() if char.isalpha())
