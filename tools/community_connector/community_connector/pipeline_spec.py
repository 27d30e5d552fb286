"""The pipeline spec: its form as a JSON schema, made from what the connector declares.

What only the connector knows (columns, the values of options) the pipeline checks itself, before it declares
a single table.
"""

from typing import Any

from community_connector.connector_spec import ConnectorSpec
from community_connector.errors import InputError
from community_connector.inputs import check_form

TEXT = {"type": "string", "minLength": 1}
NAME = {"type": "string", "pattern": r"^[^./\\\s\x00-\x1f\x7f]{1,255}$"}
COLUMNS = {"type": "array", "items": TEXT, "minItems": 1}
VALUE = {"type": ["string", "number", "boolean"]}
PIPELINE_KEYS = {
    "scd_type": {"enum": ["SCD_TYPE_1", "SCD_TYPE_2", "APPEND_ONLY"]},
    "primary_keys": COLUMNS,
    "sequence_by": TEXT,
    "cluster_by": {"anyOf": [TEXT, COLUMNS]},
}


def schema_of(spec: ConnectorSpec) -> dict[str, Any]:
    """The JSON schema of a pipeline over this connector."""
    table = {
        "source_table": {"enum": spec.tables} if spec.tables else TEXT,
        **{f"destination_{part}": NAME for part in ("catalog", "schema", "table")},
        "table_configuration": closed_object(PIPELINE_KEYS | dict.fromkeys(spec.table_options, VALUE)),
    }
    entry = closed_object({"table": closed_object(table, "source_table")}, "table")
    objects = {"type": "array", "minItems": 1, "items": entry}
    return closed_object({"connection_name": TEXT, "objects": objects}, "connection_name", "objects")


def closed_object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    closed = {"type": "object", "additionalProperties": False}
    return {**closed, "properties": properties, "required": list(required)}


def make_pipeline_spec(
    spec: ConnectorSpec, connection: str | None, given: dict[str, Any] | None
) -> dict[str, Any]:
    """The given pipeline spec, checked; without one, all tables of the connector. Raises InputError."""
    if given is None and not spec.tables:
        raise InputError(f"{spec.place} lists no tables: say with --pipeline-spec what to ingest.")
    everything = {"objects": [{"table": {"source_table": table}} for table in spec.tables]}
    made = {"connection_name": connection} | (everything if given is None else given)
    if connection and made["connection_name"] != connection:
        raise InputError(f"--connection-name is `{connection}`; the spec says `{made['connection_name']}`.")
    check_form("The pipeline spec cannot be used.", schema_of(spec), made)
    return made
