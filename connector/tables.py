"""The tables, declared once, as data: where their rows come from and what a row looks like.

Field names and types follow Aha!'s published reference. Ids are strings everywhere, because Aha!
sends an id as a number when it is small and as a string when it is large. Timestamps stay ISO 8601
strings. Objects that Aha! leaves out are null.
"""

from dataclasses import dataclass

from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DoubleType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from connector.options import Settings

TEXT = StringType()
COUNT = LongType()
NUMBER = DoubleType()
FLAG = BooleanType()
# Fields whose JSON type varies are kept as JSON text: a custom field's value is a string, a number, a list
# or an object, by the kind of field. All record types carry custom fields in the same way.
JSON_TEXT_PATHS = frozenset({"custom_fields.value"})


def struct(**fields: DataType) -> StructType:
    """A struct of nullable fields in the given order."""
    return StructType([StructField(name, kind) for name, kind in fields.items()])


def listing(element: DataType) -> ArrayType:
    return ArrayType(element)


def table_schema(**fields: DataType) -> StructType:
    """A struct whose `id` is never null: a row without one cannot be merged."""
    return StructType([StructField(name, kind, name != "id") for name, kind in fields.items()])


ATTACHMENT = struct(
    id=TEXT,
    download_url=TEXT,
    created_at=TEXT,
    updated_at=TEXT,
    original_file_size=COUNT,
    content_type=TEXT,
    file_name=TEXT,
    file_size=COUNT,
)
NOTE = struct(
    id=TEXT,
    body=TEXT,
    editor_version=COUNT,
    created_at=TEXT,
    updated_at=TEXT,
    attachments=listing(ATTACHMENT),
)
USER = struct(id=TEXT, name=TEXT, email=TEXT, created_at=TEXT, updated_at=TEXT)
PORTAL_USER = struct(id=TEXT, name=TEXT, email=TEXT, created_at=TEXT)
IDEA_USER = struct(id=TEXT, name=TEXT, email=TEXT, created_at=TEXT, title=TEXT)
WORKFLOW_STATUS = struct(id=TEXT, name=TEXT, position=COUNT, complete=FLAG, color=TEXT)
SCORE_FACT = struct(id=TEXT, value=NUMBER, name=TEXT)
ORGANIZATION = struct(id=TEXT, name=TEXT, created_at=TEXT, url=TEXT, resource=TEXT)
INTEGRATION_FIELD = struct(
    id=TEXT, name=TEXT, value=TEXT, integration_id=TEXT, service_name=TEXT, created_at=TEXT
)
CUSTOM_FIELD = struct(
    id=TEXT,
    key=TEXT,
    name=TEXT,
    updatedAt=TEXT,
    type=TEXT,
    value=TEXT,
    body=TEXT,
    editor_version=COUNT,
    created_at=TEXT,
    updated_at=TEXT,
    attachments=listing(ATTACHMENT),
    score_facts=listing(SCORE_FACT),
)
IDEA_STUB = struct(
    id=TEXT,
    reference_num=TEXT,
    name=TEXT,
    created_at=TEXT,
    updated_at=TEXT,
    workflow_status=WORKFLOW_STATUS,
    description=NOTE,
    url=TEXT,
    resource=TEXT,
)

IDEA = table_schema(
    id=TEXT,
    reference_num=TEXT,
    name=TEXT,
    created_at=TEXT,
    updated_at=TEXT,
    product_id=TEXT,
    score=NUMBER,
    votes=COUNT,
    initial_votes=COUNT,
    endorsements_count=COUNT,
    comments_count=COUNT,
    status_changed_at=TEXT,
    visibility=TEXT,
    workflow_status=WORKFLOW_STATUS,
    description=NOTE,
    admin_response=StructType([*NOTE.fields, StructField("responded_by_user", USER)]),
    url=TEXT,
    resource=TEXT,
    product=struct(
        id=TEXT,
        reference_prefix=TEXT,
        name=TEXT,
        product_line=FLAG,
        created_at=TEXT,
        workspace_type=TEXT,
        url=TEXT,
    ),
    created_by_user=USER,
    created_by_portal_user=PORTAL_USER,
    created_by_idea_user=IDEA_USER,
    assigned_to_user=struct(
        id=TEXT, name=TEXT, email=TEXT, created_at=TEXT, updated_at=TEXT, default_assignee=FLAG
    ),
    feature=struct(
        id=TEXT, reference_num=TEXT, name=TEXT, created_at=TEXT, url=TEXT, resource=TEXT, product_id=TEXT
    ),
    duplicates=listing(IDEA_STUB),
    duplicate_of=IDEA_STUB,
    score_facts=listing(SCORE_FACT),
    tags=listing(TEXT),
    full_tags=listing(struct(id=TEXT, name=TEXT, color=TEXT)),
    categories=listing(struct(id=TEXT, name=TEXT, parent_id=TEXT, project_id=TEXT, created_at=TEXT)),
    custom_fields=listing(CUSTOM_FIELD),
    custom_object_links=listing(struct(key=TEXT, name=TEXT, record_type=TEXT, record_ids=listing(TEXT))),
    workflow_status_times=listing(struct(status_id=TEXT, status_name=TEXT, started_at=TEXT, ended_at=TEXT)),
    submitted_idea_portal_record_url=TEXT,
    integration_fields=listing(INTEGRATION_FIELD),
)

IDEA_PROXY_VOTE = table_schema(
    id=TEXT,
    idea_id=TEXT,
    created_at=TEXT,
    updated_at=TEXT,
    value=TEXT,
    link=TEXT,
    weight=NUMBER,
    endorsed_by_user=USER,
    endorsed_by_portal_user=PORTAL_USER,
    endorsed_by_idea_user=IDEA_USER,
    idea_organization=ORGANIZATION,
    idea_users=listing(struct(id=TEXT, first_name=TEXT, last_name=TEXT, email=TEXT)),
    associated_idea_organizations=listing(ORGANIZATION),
    description=NOTE,
    integration_fields=listing(INTEGRATION_FIELD),
    custom_fields=listing(CUSTOM_FIELD),
)

IDEA_COMMENT = table_schema(
    id=TEXT,
    idea_id=TEXT,
    body=TEXT,
    created_at=TEXT,
    updated_at=TEXT,
    user=USER,
    attachments=listing(ATTACHMENT),
    url=TEXT,
    resource=TEXT,
    commentable=struct(type=TEXT, id=TEXT, product_id=TEXT, url=TEXT, resource=TEXT),
)

IDEA_PORTAL_COMMENT = table_schema(
    id=TEXT,
    idea_id=TEXT,
    body=TEXT,
    created_at=TEXT,
    updated_at=TEXT,
    spam=FLAG,
    visibility=TEXT,
    parent_idea_comment_id=TEXT,
    idea_commenter_user=USER,
    idea_commenter_portal_user=PORTAL_USER,
    idea_commenter_idea_user=PORTAL_USER,
    attachments=listing(ATTACHMENT),
)


@dataclass(frozen=True)
class FanOut:
    """Rows that are read idea by idea, for the ideas that changed.

    Attributes:
        path: the child route; `{id}` stands for the idea's id.
        count_field: the idea's field that is 0 where there is nothing to fetch; None where none says so.
        send_fields: whether the route documents the `fields` parameter.
    """

    path: str
    count_field: str | None
    send_fields: bool


@dataclass(frozen=True)
class Table:
    """One table: a declaration, no code.

    Attributes:
        name: the table's name in Databricks.
        root: the key of the list in Aha!'s answers.
        schema: the row.
        path: the account-wide list route, or None where Aha! has none.
        params: parameters that every request of this table carries.
        fan_out: how rows are read idea by idea; without a `path` always, with one only when an option
            narrows the ideas, because account-wide routes cannot be narrowed.
        audited_as: how audits may spell this kind of record; Aha! documents the spelling of votes alone.
        primary_keys, cursor_field, ingestion_type: what Lakeflow is told.
        note: what a reader of the table must know.
    """

    name: str
    root: str
    schema: StructType
    path: str | None = None
    params: tuple[tuple[str, str], ...] = ()
    fan_out: FanOut | None = None
    audited_as: tuple[str, ...] = ()
    primary_keys: tuple[str, ...] = ("id",)
    cursor_field: str = "updated_at"
    ingestion_type: str = "cdc"
    note: str = ""

    @property
    def spellings(self) -> frozenset[str]:
        """`audited_as` as `letters`."""
        return frozenset(map(letters, self.audited_as))


TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            name="ideas",
            root="ideas",
            schema=IDEA,
            path="/ideas",
            audited_as=("idea", "ideas/idea"),
            note="Every idea the key may see, spam left out, merged ideas included (see `duplicate_of`).",
        ),
        Table(
            name="idea_proxy_votes",
            root="idea_endorsements",
            schema=IDEA_PROXY_VOTE,
            path="/ideas/endorsements",
            params=(("proxy", "true"),),
            fan_out=FanOut("/ideas/{id}/endorsements", count_field="endorsements_count", send_fields=True),
            audited_as=("ideas/idea_endorsement", "idea_endorsement", "ideas/idea_vote", "idea_vote"),
            note="Votes cast on behalf of an organization.",
        ),
        Table(
            name="idea_comments",
            root="comments",
            schema=IDEA_COMMENT,
            fan_out=FanOut("/ideas/{id}/comments", count_field="comments_count", send_fields=False),
            audited_as=("comment", "ideas/comment"),
            note="Internal comments. Aha! has no list of them, so they are read for the ideas whose "
            "`updated_at` moved; a change that does not move it is not seen.",
        ),
        Table(
            name="idea_portal_comments",
            root="idea_comments",
            schema=IDEA_PORTAL_COMMENT,
            # `comments_count` counts internal comments only.
            fan_out=FanOut("/ideas/{id}/idea_comments", count_field=None, send_fields=True),
            audited_as=("ideas/idea_comment", "idea_comment", "ideas/portal_comment"),
            note="Comments in ideas portals, spam left out. Read as internal comments are, for every idea "
            "that changed, because no field says whether an idea has any.",
        ),
    )
}


def ingestion_type(table: Table, settings: Settings) -> str:
    """What a pipeline is told: the table's own type, unless an option says otherwise."""
    if settings.sync_mode == "snapshot":
        return "snapshot"
    return "cdc_with_deletes" if settings.track_deletes else table.ingestion_type


def with_native_times(schema: StructType) -> StructType:
    """A schema whose times are timestamps: fields named `*_at`, and `updatedAt` of custom fields."""
    return StructType(
        [StructField(field.name, _native(field.name, field.dataType), field.nullable) for field in schema]
    )


def _native(name: str, kind: DataType) -> DataType:
    if isinstance(kind, StructType):
        return with_native_times(kind)
    if isinstance(kind, ArrayType):
        return ArrayType(_native(name, kind.elementType), kind.containsNull)
    return TimestampType() if name.endswith("_at") or name == "updatedAt" else kind


def field_names(schema: DataType) -> list[str]:
    """All field names of a schema at every level, each once, in order of appearance.

    Aha!'s `fields` parameter applies one list of names at every nesting level.
    """
    names: dict[str, None] = {}
    pending: list[DataType] = [schema]
    while pending:
        kind = pending.pop(0)
        if isinstance(kind, ArrayType):
            pending.append(kind.elementType)
        elif isinstance(kind, StructType):
            for field in kind.fields:
                names[field.name] = None
                pending.append(field.dataType)
    return list(names)


def letters(text: str) -> str:
    """A type's letters: `Ideas::IdeaComment` and `ideas/idea_comment` are the same."""
    return "".join(char for char in text.lower() if char.isalpha())
