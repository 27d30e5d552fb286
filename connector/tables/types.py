"""The types that rows are made of, and the objects that many kinds of records share.

Field names and types follow Aha!'s published reference. Ids are strings everywhere, because Aha!
sends an id as a number when it is small and as a string when it is large. Timestamps stay ISO 8601
strings, and dates `YYYY-MM-DD`. Objects that Aha! leaves out are null.
"""

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

TEXT = StringType()
COUNT = LongType()
NUMBER = DoubleType()
FLAG = BooleanType()
# Fields whose JSON type varies are kept as JSON text: a custom field's value is a string, a number, a list
# or an object, by the kind of field. All record types carry custom fields in the same way.
JSON_TEXT_PATHS = frozenset({"custom_fields.value"})
# The column for values that fit none, named as Databricks' own readers name it.
RESCUED = "_rescued_data"


def struct(**fields: DataType) -> StructType:
    """A struct of nullable fields in the given order."""
    return StructType([StructField(name, kind) for name, kind in fields.items()])


def listing(element: DataType) -> ArrayType:
    return ArrayType(element)


def table_schema(**fields: DataType) -> StructType:
    """A struct whose `id` is never null: a row without one cannot be merged. Nor is `changed_at`, which the
    connector itself writes. Its last column takes what fits no other."""
    sure = ("id", "changed_at")
    columns = {**fields, RESCUED: TEXT}
    return StructType([StructField(name, kind, name not in sure) for name, kind in columns.items()])


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
ASSIGNEE = struct(id=TEXT, name=TEXT, email=TEXT, created_at=TEXT, updated_at=TEXT, default_assignee=FLAG)
PORTAL_USER = struct(id=TEXT, name=TEXT, email=TEXT, created_at=TEXT)
IDEA_USER = struct(id=TEXT, name=TEXT, email=TEXT, created_at=TEXT, title=TEXT)
WORKFLOW_STATUS = struct(id=TEXT, name=TEXT, position=COUNT, complete=FLAG, color=TEXT)
STATUS_TIME = struct(status_id=TEXT, status_name=TEXT, started_at=TEXT, ended_at=TEXT)
SCORE_FACT = struct(id=TEXT, value=NUMBER, name=TEXT)
TAG = struct(id=TEXT, name=TEXT, color=TEXT)
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
CUSTOM_OBJECT_LINK = struct(key=TEXT, name=TEXT, record_type=TEXT, record_ids=listing(TEXT))
WORKSPACE = struct(
    id=TEXT,
    reference_prefix=TEXT,
    name=TEXT,
    product_line=FLAG,
    created_at=TEXT,
    workspace_type=TEXT,
    url=TEXT,
)
# How another record is named inside one.
STUB = struct(
    id=TEXT, reference_num=TEXT, name=TEXT, created_at=TEXT, url=TEXT, resource=TEXT, product_id=TEXT
)
DESCRIBED_STUB = struct(
    id=TEXT,
    reference_num=TEXT,
    name=TEXT,
    url=TEXT,
    resource=TEXT,
    created_at=TEXT,
    description=NOTE,
)
RELEASE_STUB = struct(
    id=TEXT,
    reference_num=TEXT,
    name=TEXT,
    start_date=TEXT,
    release_date=TEXT,
    parking_lot=FLAG,
    created_at=TEXT,
    product_id=TEXT,
    url=TEXT,
    resource=TEXT,
    owner=USER,
    project=WORKSPACE,
)
TIME_FRAME = struct(id=TEXT, name=TEXT)
TRACKED_TIME = struct(id=TEXT, user=USER, occurred_on=TEXT, work_done=NUMBER, work_units=COUNT)
