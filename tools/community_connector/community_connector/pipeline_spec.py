"""The pipeline spec: its form as a JSON schema, and what goes together, from what the connector declares.

The pipeline checks the same before it declares a table; a test holds the two to one judgement.
"""

import re
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from community_connector.connector_spec import ConnectorSpec
from community_connector.errors import InputError
from community_connector.inputs import check_form, text_of

Json = dict[str, Any]
TEXT: Json = {"type": "string", "pattern": r"\S"}
NAME: Json = {"type": "string", "pattern": r"^[^./\\\s\x00-\x1f\x7f]{1,255}\Z"}
# Left empty in YAML, it says nothing.
MAYBE_NAME: Json = NAME | {"type": ["string", "null"]}
SCD_TYPES = ("SCD_TYPE_1", "SCD_TYPE_2", "APPEND_ONLY")


def schema_of(spec: ConnectorSpec) -> Json:
    """The JSON schema of a pipeline over this connector."""
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
        {
            "if": {"properties": {"table": {"properties": {"source_table": {"const": table}}}}},
            "then": closed_object({"table": _table(spec, table)}, "table"),
        }
        for table in spec.tables
    ]
    item = named | {"allOf": chosen} if chosen else closed_object({"table": _table(spec, "")}, "table")
    objects = {"type": "array", "minItems": 1, "items": item}
    return closed_object({"connection_name": NAME, "objects": objects}, "connection_name", "objects")


def _table(spec: ConnectorSpec, table: str) -> Json:
    columns: Json = {"enum": spec.columns[table]} if table in spec.columns else TEXT
    several: Json = {"type": "array", "items": columns, "minItems": 1, "uniqueItems": True}
    configuration = closed_object(
        {
            "scd_type": {"enum": list(SCD_TYPES)},
            "primary_keys": {"anyOf": [several, {"type": "null"}]},
            "sequence_by": columns,
            "cluster_by": {"anyOf": [columns, several, {"type": "null"}]},
            **{name: {"type": ["string", "number", "boolean"]} for name in spec.table_options},
        }
    )
    known: Json = {"source_table": {"const": table} if table else TEXT}
    known |= {f"destination_{part}": MAYBE_NAME for part in ("catalog", "schema", "table")}
    known["table_configuration"] = configuration | {"type": ["object", "null"]}
    return closed_object(known, "source_table")


def closed_object(properties: Json, *required: str) -> Json:
    closed = {"type": "object", "additionalProperties": False}
    return {**closed, "properties": properties, "required": list(required)}


def make_pipeline_spec(
    spec: ConnectorSpec, connection: str | None, given: Json | None, where: tuple[str, str] | None = None
) -> Json:
    """The given pipeline spec, checked; without one, all tables of the connector.

    Args:
        where: catalog and schema of tables that name none, where they are known.

    Raises:
        InputError: with every fault, each with its place.
    """
    if given is None and not spec.tables:
        raise InputError(f"{spec.place} lists no tables: say with --pipeline-spec what to ingest.")
    plain = [table for table in spec.tables if not spec.modes.get(table, {}).get("opt_in")]
    everything: Json = {"objects": [{"table": {"source_table": table}} for table in plain]}
    made: Json = {"connection_name": connection} | (everything if given is None else given)
    if made["connection_name"] is None:
        raise InputError("Which connection? Give --connection-name, or a pipeline spec that names it.")
    if connection and made["connection_name"] != connection:
        raise InputError(f"--connection-name is `{connection}`; the spec says `{made['connection_name']}`.")
    check_form("The pipeline spec cannot be used:", schema_of(spec), made)
    tables = [entry["table"] for entry in made["objects"]]
    faults = [
        f"objects[{number}].table{fault}"
        for number, table in enumerate(tables)
        for fault in _faults(table, spec.table_options, spec.modes.get(table["source_table"], {}))
    ]
    faults += _clashes(tables, spec.labels, where)
    if faults:
        raise InputError("\n  ".join(["The pipeline spec cannot be used:", *faults]))
    return made


def _faults(table: Json, options: Mapping[str, Json], mode: Json) -> Iterator[str]:
    """What is wrong with one table, beyond its form. `mode`: how it is read, as far as that is known."""
    if table.get("destination_catalog") and not table.get("destination_schema"):
        yield ".destination_catalog: needs a destination_schema beside it."
    config = table.get("table_configuration") or {}
    texts = {name: text_of(config[name]) for name in options if name in config}
    for name, text in texts.items():
        if fault := value_fault(options[name], text.strip()):
            yield f".table_configuration.{name}: {fault}."
    tracks = texts.get("track_deletes", "").strip().lower() == "true"
    snapshot = texts.get("sync_mode", "").strip() == "snapshot"
    if tracks and snapshot:
        yield ".table_configuration: `track_deletes` and `sync_mode` snapshot: leave out one of the two."
    if tracks and not mode.get("tracks_deletes", True):
        yield ".table_configuration.track_deletes: nothing tells deletions of this table: leave it out."
    if snapshot and mode.get("type") == "append":
        yield ".table_configuration.sync_mode: rows of this table are only ever added: leave it out."
    order = mode.get("order", "updated_at")
    told = (config.get("primary_keys", ["id"]), config.get("sequence_by", order))
    if tracks and told != (["id"], order):
        yield (
            f".table_configuration.track_deletes: a deletion tells `id` and `{order}` alone: no other "
            "`primary_keys` or `sequence_by`."
        )
    snapshot = snapshot or mode.get("type") == "snapshot"
    if config.get("scd_type") == "APPEND_ONLY" and (tracks or snapshot):
        yield ".table_configuration.scd_type: APPEND_ONLY goes with neither `track_deletes` nor a snapshot."


def value_fault(limits: Mapping[str, Any], text: str) -> str | None:
    """What is wrong with an option's value, as a text; nothing with an empty one, which is the default."""
    kind = limits.get("type", "string")
    if not text:
        return None
    if kind == "integer":
        least, most = limits.get("minimum", 0), limits.get("maximum", 10**9 - 1)
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            return f"expected a whole number from {least} to {most}"
    if kind == "boolean" and text.lower() not in ("true", "false"):
        return "expected true or false"
    if "enum" in limits and text not in limits["enum"]:
        return f"expected {' or '.join(limits['enum'])}"
    if "pattern" in limits and not re.fullmatch(limits["pattern"], text):
        return f"has not the form {limits['pattern']}"
    return None


def _clashes(tables: list[Json], labels: list[str], where: tuple[str, str] | None) -> Iterator[str]:
    """Tables that would be written into one, and names that the pipeline needs itself."""
    seen: dict[str, int] = {}
    for number, table in enumerate(tables):
        name = full_name(table, where).lower()
        if name in seen:
            first = f"objects[{seen[name]}]"
            yield f"objects[{number}].table: it is where {first} goes. Set its destination_table."
        seen.setdefault(name, number)
    plain = {full_name(table, None) for table in tables}
    own = {label_of(name, kind).lower() for name in plain for kind in labels}
    for name in sorted(plain):
        if name.lower() in own:
            yield f"`{name}` is the pipeline's own name of a view or flow: rename that table."


def full_name(table: Json, where: tuple[str, str] | None) -> str:
    catalog, schema = where or (None, None)
    own = table.get("destination_schema")
    parts = (table.get("destination_catalog") or catalog, own or schema)
    return ".".join(
        part for part in (*parts, table.get("destination_table") or table["source_table"]) if part
    )


def label_of(name: str, kind: str) -> str:
    """What the pipeline calls a view or flow of a table."""
    plain = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return f"{plain}_{kind}" if plain == name else f"{plain}_{zlib.crc32(name.encode()):08x}_{kind}"
