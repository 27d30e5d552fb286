"""The pipeline spec: its form as a JSON schema, made from what the connector declares in its spec.

The pipeline checks the same before it declares a table; a test holds the two to one judgement.
"""

from typing import Any

from community_connector.connector_spec import ConnectorSpec
from community_connector.errors import InputError
from community_connector.inputs import check_form

Json = dict[str, Any]
TEXT: Json = {"type": "string", "pattern": r"\S"}
NAME: Json = {"type": "string", "pattern": r"^[^./\\\s\x00-\x1f\x7f]{1,255}$"}
SCD_TYPES = ("SCD_TYPE_1", "SCD_TYPE_2", "APPEND_ONLY")
DEFAULTS = {"primary_keys": {"const": ["id"]}, "sequence_by": {"enum": ["updated_at", ["updated_at"]]}}


def schema_of(spec: ConnectorSpec) -> Json:
    """The JSON schema of a pipeline over this connector."""
    tables = spec.tables or [""]
    entries = [closed_object({"table": _table(spec, table)}, "table") for table in tables]
    named: Json = {
        "type": "object",
        "required": ["table"],
        "properties": {
            "table": {
                "type": "object",
                "required": ["source_table"],
                "properties": {"source_table": {"enum": spec.tables} if spec.tables else TEXT},
            }
        },
        "additionalProperties": False,
    }
    # The table's own columns count where its name is known; else the name is what is wrong.
    chosen = [
        {"if": {"properties": {"table": {"properties": {"source_table": {"const": table}}}}}, "then": entry}
        for table, entry in zip(tables, entries, strict=True)
        if table
    ]
    item = named | {"allOf": chosen} if spec.tables else entries[0]
    objects = {"type": "array", "minItems": 1, "items": item}
    return closed_object({"connection_name": TEXT, "objects": objects}, "connection_name", "objects")


def _table(spec: ConnectorSpec, table: str) -> Json:
    columns: Json = {"enum": spec.columns[table]} if table in spec.columns else TEXT
    several = {"type": "array", "items": columns, "minItems": 1, "uniqueItems": True}
    options = {name: value_of(limits) for name, limits in spec.table_options.items()}
    configuration = closed_object(
        {
            "scd_type": {"enum": list(SCD_TYPES)},
            "primary_keys": several,
            "sequence_by": columns,
            "cluster_by": {"anyOf": [columns, several]},
            **options,
        }
    )
    parts = {f"destination_{part}": NAME for part in ("catalog", "schema", "table")}
    known = {"source_table": {"const": table} if table else TEXT, **parts}
    form = closed_object({**known, "table_configuration": configuration | _together(options)}, "source_table")
    return form | {"dependentRequired": {"destination_catalog": ["destination_schema"]}}


def _together(options: Json) -> Json:
    """What does not go together in one table."""
    rules: list[Json] = []
    if "track_deletes" in options:
        tracks = _has(track_deletes={"enum": [True, "true", "TRUE", "True"]})
        others: list[Json] = [{"not": _has(scd_type={"const": "APPEND_ONLY"})}, {"properties": DEFAULTS}]
        others += [{"not": _has(sync_mode={"const": "snapshot"})}] if "sync_mode" in options else []
        rules.append({"if": tracks, "then": {"allOf": others}})
    if "sync_mode" in options:
        snapshot = _has(sync_mode={"const": "snapshot"})
        rules.append({"if": snapshot, "then": {"not": _has(scd_type={"const": "APPEND_ONLY"})}})
    return {"allOf": rules} if rules else {}


def _has(**properties: Json) -> Json:
    """A JSON object that has these properties, each of its form."""
    return {"type": "object", "required": list(properties), "properties": properties}


def value_of(limits: Json) -> Json:
    """An option's value: of its type, or the text that Spark would pass on."""
    kind = limits.get("type", "string")
    if kind == "integer":
        number = {"type": "integer"} | {key: limits[key] for key in ("minimum", "maximum") if key in limits}
        return {"anyOf": [number, {"type": "string", "pattern": r"^\s*[0-9]{1,9}\s*$"}, {"const": ""}]}
    if kind == "boolean":
        return {
            "anyOf": [
                {"type": "boolean"},
                {"type": "string", "pattern": r"^\s*([Tt]rue|[Ff]alse|TRUE|FALSE)?\s*$"},
            ]
        }
    if "enum" in limits:
        return {"enum": [*limits["enum"], ""]}
    return {"type": ["string", "number", "boolean"]}


def closed_object(properties: Json, *required: str) -> Json:
    closed = {"type": "object", "additionalProperties": False}
    return {**closed, "properties": properties, "required": list(required)}


def make_pipeline_spec(spec: ConnectorSpec, connection: str | None, given: Json | None) -> Json:
    """The given pipeline spec, checked; without one, all tables of the connector. Raises InputError."""
    if given is None and not spec.tables:
        raise InputError(f"{spec.place} lists no tables: say with --pipeline-spec what to ingest.")
    everything: Json = {"objects": [{"table": {"source_table": table}} for table in spec.tables]}
    made: Json = {"connection_name": connection} | (everything if given is None else given)
    if made["connection_name"] is None:
        raise InputError("Which connection? Give --connection-name, or a pipeline spec that names it.")
    if connection and made["connection_name"] != connection:
        raise InputError(f"--connection-name is `{connection}`; the spec says `{made['connection_name']}`.")
    check_form("The pipeline spec cannot be used.", schema_of(spec), made)
    _require_own_destinations(made["objects"])
    return made


def _require_own_destinations(objects: list[Json]) -> None:
    """Raises InputError where two tables would be written into one."""
    seen: dict[str, int] = {}
    for number, entry in enumerate(objects):
        table = entry["table"]
        parts = [table.get(f"destination_{part}") for part in ("catalog", "schema")]
        name = ".".join(
            part for part in (*parts, table.get("destination_table") or table["source_table"]) if part
        )
        if name.lower() in seen:
            raise InputError(
                f"objects[{number}].table: `{name}` is where objects[{seen[name.lower()]}] goes too. Set "
                "its destination_table."
            )
        seen[name.lower()] = number
