"""The pipeline spec: which tables go where, and how. Checked whole before anything is created."""

import difflib
import json
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql.types import ArrayType, StructType

from connector.errors import AhaOptionError
from connector.options import OPTIONS, parse_table_options
from connector.tables import TABLES, find_mode_fault, ingestion_type
from connector.tables.declaration import Table

SCD_TYPES = ("SCD_TYPE_1", "SCD_TYPE_2", "APPEND_ONLY")
SPEC_KEYS = ("connection_name", "objects")
TABLE_KEYS = (
    "source_table",
    "destination_catalog",
    "destination_schema",
    "destination_table",
    "table_configuration",
)
# What of a table's configuration is the pipeline's, and never reaches the source.
PIPELINE_KEYS = ("scd_type", "primary_keys", "sequence_by", "cluster_by")
# Columns by which versions can be ordered, beside a table's own.
NEVER_NULL = ("id", "created_at", "updated_at")
# What views and flows are named after, beside their table.
LABELS = ("changes", "changes_and_deletes", "changes_and_deletes_flow", "flow", "snapshot")
# What Unity Catalog takes as a name; it also keeps a table from naming another directory.
OBJECT_NAME = re.compile(r"[^./\\\s\x00-\x1f\x7f]{1,255}")


@dataclass(frozen=True)
class TableSpec:
    """One table of a pipeline.

    Attributes:
        source: the connector's table.
        destination: the table's name there; `catalog` and `schema` are None for the pipeline's own.
        scd_type: one of `SCD_TYPES`.
        primary_keys, sequence_by, cluster_by: what the user said, or nothing.
        options: the source's table options, as texts.
    """

    source: str
    destination: str
    catalog: str | None = None
    schema: str | None = None
    scd_type: str = SCD_TYPES[0]
    primary_keys: tuple[str, ...] = ()
    sequence_by: str | None = None
    cluster_by: tuple[str, ...] = ()
    options: dict[str, str] = field(default_factory=dict)

    @property
    def parts(self) -> tuple[str, ...]:
        """The destination's name, from the outermost part that was given."""
        return tuple(part for part in (self.catalog, self.schema, self.destination) if part)

    @property
    def name(self) -> str:
        return ".".join(self.parts)

    def label(self, kind: str) -> str:
        """The name of one of its views or flows. Checkpoints hang on it, so it never changes."""
        plain = re.sub(r"[^A-Za-z0-9_]", "_", self.name)
        # Two names that differ only in what was replaced must not share a label.
        return (
            f"{plain}_{kind}"
            if plain == self.name
            else f"{plain}_{zlib.crc32(self.name.encode()):08x}_{kind}"
        )

    @property
    def keys(self) -> tuple[str, ...]:
        return self.primary_keys or TABLES[self.source].primary_keys

    @property
    def sequence(self) -> str:
        """The column that tells which of two versions of a row is newer; "" where a read is everything."""
        table = TABLES[self.source]
        return self.sequence_by or ("" if table.is_snapshot else table.cursor_field)

    @property
    def ingestion_type(self) -> str:
        """How it is read: as the source says, unless the user wants every version appended."""
        if self.scd_type == "APPEND_ONLY":
            return "append"
        return ingestion_type(TABLES[self.source], parse_table_options(self.options))


@dataclass(frozen=True)
class PipelineSpec:
    """A whole pipeline."""

    connection_name: str
    tables: tuple[TableSpec, ...]


class SpecFaults:
    """The faults found so far, each with its path in the spec."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def add(self, path: str, what: str) -> None:
        self.found.append(f"{path}: {what}")

    def close(self, path: str, what: str, name: str, known: Iterable[str]) -> None:
        """Note that there is no `name`, and which of the `known` may be meant."""
        near = difflib.get_close_matches(name, list(known), n=1)
        self.add(
            path, f"{what}. " + (f"Did you mean `{near[0]}`?" if near else f"There are {', '.join(known)}.")
        )

    def unknown(self, path: str, given: Mapping[str, Any], known: Iterable[str]) -> None:
        """Note every key of `given` that is not among `known`."""
        for key in given:
            if key not in known:
                self.close(f"{path}.{key}" if path else key, "no such key", key, known)

    def text(self, path: str, value: Any) -> str | None:
        """`value` if it is a text that says something; a fault else, but for None."""
        if value is None or (isinstance(value, str) and value.strip()):
            return value
        self.add(path, f"expected a text, not {json.dumps(value, default=str)}.")
        return None

    def object_name(self, path: str, value: Any) -> str | None:
        name = self.text(path, value)
        if name and not OBJECT_NAME.fullmatch(name):
            self.add(path, f"{name!r} is no name of a table, schema or catalog: no spaces, dots or slashes.")
            return None
        return name

    def columns(self, path: str, value: Any, table: Table | None) -> tuple[str, ...]:
        """Names of columns of `table`, which is None where nobody knows it."""
        if value is None:
            return ()
        if not (isinstance(value, list) and value and all(isinstance(item, str) for item in value)):
            self.add(path, f"expected a list of columns, not {json.dumps(value, default=str)}.")
            return ()
        for name in value:
            if table and name not in table.schema.names:
                self.close(path, f"`{table.name}` has no column `{name}`", name, table.schema.names)
            elif table and isinstance(table.schema[name].dataType, ArrayType | StructType):
                self.add(path, f"`{name}` holds lists or objects, which have no order.")
        if len(set(value)) < len(value):
            self.add(path, "names a column twice.")
        return tuple(value)


def parse_pipeline_spec(given: Any) -> PipelineSpec:
    """Check a whole spec, a JSON object or its text.

    Raises:
        AhaOptionError: with every fault, each with its path in the spec.
    """
    if isinstance(given, str):
        try:
            given = json.loads(given, object_pairs_hook=_unique)
        except (ValueError, RecursionError) as error:
            raise AhaOptionError(f"The pipeline spec is no JSON: {error}.") from None
    if not isinstance(given, Mapping):
        raise AhaOptionError("The pipeline spec is no JSON object.")
    faults = SpecFaults()
    faults.unknown("", given, SPEC_KEYS)
    if given.get("connection_name") is None:
        faults.add("connection_name", "is missing.")
    name = faults.text("connection_name", given.get("connection_name"))
    tables = _table_specs(faults, given.get("objects"))
    if faults.found:
        raise AhaOptionError("\n  ".join(["The pipeline spec cannot be used:", *faults.found]))
    return PipelineSpec(name or "", tables)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"`{name}` stands there twice")
    return dict(pairs)


def _table_specs(faults: SpecFaults, objects: Any) -> tuple[TableSpec, ...]:
    if not isinstance(objects, list) or not objects:
        faults.add("objects", "expected a list with at least one table.")
        return ()
    found: list[TableSpec] = []
    for number, entry in enumerate(objects):
        table = _table_spec(faults, f"objects[{number}]", entry)
        if table and table.name.lower() in (other.name.lower() for other in found):
            faults.add(
                f"objects[{number}].table",
                f"`{table.name}` is the destination of another table too. Set its destination_table.",
            )
        found += [table] if table else []
    labels = {table.label(kind).lower() for table in found for kind in LABELS}
    for table in found:
        if table.name.lower() in labels:
            faults.add(
                "objects", f"`{table.name}` is the pipeline's own name of a view or flow: rename that table."
            )
    return tuple(found)


def _table_spec(faults: SpecFaults, path: str, entry: Any) -> TableSpec | None:
    if not isinstance(entry, Mapping) or set(entry) != {"table"} or not isinstance(entry["table"], Mapping):
        faults.add(path, "expected an object `{table: {...}}`.")
        return None
    path, given = f"{path}.table", entry["table"]
    faults.unknown(path, given, TABLE_KEYS)
    if given.get("source_table") is None:
        faults.add(f"{path}.source_table", "is missing.")
    source = faults.text(f"{path}.source_table", given.get("source_table"))
    if source is None:
        return None
    table = TABLES.get(source)
    if table is None:
        faults.close(f"{path}.source_table", f"there is no table `{source}`", source, TABLES)
    catalog, schema, destination = (
        faults.object_name(f"{path}.destination_{part}", given.get(f"destination_{part}"))
        for part in ("catalog", "schema", "table")
    )
    if catalog and not schema:
        faults.add(f"{path}.destination_catalog", "needs a destination_schema beside it.")
    here, config = f"{path}.table_configuration", given.get("table_configuration")
    config = {} if config is None else config
    if not isinstance(config, Mapping):
        faults.add(here, "expected an object.")
        return None
    if not isinstance(config.get("sequence_by", ""), str):
        faults.add(f"{here}.sequence_by", "expected one column.")
        return None
    sequence, cluster = (
        [config[key]] if isinstance(config.get(key), str) else config.get(key)
        for key in ("sequence_by", "cluster_by")
    )
    return TableSpec(
        source,
        destination or source,
        catalog,
        schema,
        _scd_type(faults, here, config),
        faults.columns(f"{here}.primary_keys", config.get("primary_keys"), table),
        _sequence(faults, f"{here}.sequence_by", sequence, table),
        faults.columns(f"{here}.cluster_by", cluster, table),
        _options(faults, here, config, table),
    )


def _sequence(faults: SpecFaults, path: str, given: Any, table: Table | None) -> str | None:
    """The column that versions are ordered by: one that is in every row."""
    name = next(iter(faults.columns(path, given, table)), None)
    if table and name in table.schema.names and name not in (table.cursor_field, *NEVER_NULL):
        faults.add(
            path,
            f"`{name}` may be null, and a row whose sequence value is null is merged once and never again. "
            f"Leave it out, for `{table.cursor_field}`.",
        )
    return name


def _scd_type(faults: SpecFaults, path: str, config: Mapping[str, Any]) -> str:
    scd_type = config.get("scd_type", SCD_TYPES[0])
    if scd_type not in SCD_TYPES:
        faults.add(f"{path}.scd_type", f"{scd_type!r} is none of {', '.join(SCD_TYPES)}.")
    return str(scd_type)


def _options(faults: SpecFaults, path: str, config: Mapping[str, Any], table: Table | None) -> dict[str, str]:
    """The source's options, as texts, as Spark passes them on."""
    known = [option.name for option in OPTIONS if option.table]
    faults.unknown(path, config, (*PIPELINE_KEYS, *known))
    before = len(faults.found)
    for key in known:
        if not isinstance(config.get(key, ""), str | int | float):
            faults.add(f"{path}.{key}", "expected a text, a number, true or false.")
    options = {
        key: json.dumps(value) if isinstance(value, bool) else str(value)
        for key, value in config.items()
        if key in known
    }
    for key, text in options.items():
        try:
            parse_table_options({key: text})
        except AhaOptionError as error:
            faults.add(f"{path}.{key}", str(error))
    if len(faults.found) == before:
        try:
            settings = parse_table_options(options)
        except AhaOptionError as error:
            faults.add(path, str(error))
            return options
        if table and (fault := find_mode_fault(table, settings)):
            faults.add(path, fault)
        order = table.cursor_field if table else "updated_at"
        told = (config.get("primary_keys", ["id"]), config.get("sequence_by", order))
        if settings.track_deletes and told != (["id"], order):
            faults.add(
                f"{path}.track_deletes",
                f"a deletion tells `id` and `{order}` alone: no other `primary_keys` or `sequence_by`.",
            )
        snapshot = settings.sync_mode == "snapshot" or (table is not None and table.is_snapshot)
        if config.get("scd_type") == "APPEND_ONLY" and (settings.track_deletes or snapshot):
            faults.add(
                f"{path}.scd_type",
                "APPEND_ONLY keeps every version of a row: not of a snapshot, and without `track_deletes`.",
            )
    return options
