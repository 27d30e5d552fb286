"""The pipeline spec: which tables go where, and how. Checked whole before anything is created."""

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.errors import AhaOptionError
from connector.options import OPTIONS, parse_options

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


@dataclass(frozen=True)
class TableSpec:
    """One table of a pipeline.

    Attributes:
        source: the connector's table.
        destination: the table's name there; `catalog` and `schema` are None for the pipeline's own.
        scd_type: one of `SCD_TYPES`.
        primary_keys, sequence_by, cluster_by: what the user said, or nothing.
        options: the source's table options.
    """

    source: str
    destination: str
    catalog: str | None = None
    schema: str | None = None
    scd_type: str = "SCD_TYPE_1"
    primary_keys: tuple[str, ...] = ()
    sequence_by: str | None = None
    cluster_by: tuple[str, ...] = ()
    options: dict[str, str] = field(default_factory=dict)


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

    def unknown(self, path: str, given: Mapping[str, Any], known: Iterable[str]) -> None:
        """Note every key of `given` that is not among `known`."""
        for key in given:
            if key not in known:
                near = difflib.get_close_matches(key, list(known), n=1)
                meant = f" Did you mean `{near[0]}`?" if near else f" There are {', '.join(known)}."
                self.add(f"{path}.{key}" if path else key, f"no such key.{meant}")

    def text(self, path: str, value: Any) -> str | None:
        """`value` if it is a text that says something; a fault else, but for None."""
        if value is None or (isinstance(value, str) and value.strip()):
            return value
        self.add(path, f"expected a text, not {json.dumps(value, default=str)}.")
        return None

    def texts(self, path: str, value: Any) -> tuple[str, ...]:
        if value is None:
            return ()
        if isinstance(value, list) and value and all(isinstance(item, str) and item for item in value):
            return tuple(value)
        self.add(path, f"expected a list of texts, not {json.dumps(value, default=str)}.")
        return ()


def parse_pipeline_spec(given: Any, tables: Iterable[str]) -> PipelineSpec:
    """Check a spec, a JSON object or its text, against the connector's `tables`.

    Raises:
        AhaOptionError: with every fault, each with its path in the spec.
    """
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError as error:
            raise AhaOptionError(f"The pipeline spec is no JSON: {error}.") from None
    if not isinstance(given, Mapping):
        raise AhaOptionError("The pipeline spec is no JSON object.")
    faults, known = SpecFaults(), list(tables)
    faults.unknown("", given, SPEC_KEYS)
    name = faults.text("connection_name", given.get("connection_name"))
    if name is None and "connection_name: " not in "".join(faults.found):
        faults.add("connection_name", "is missing.")
    objects = given.get("objects")
    found: list[TableSpec] = []
    if not isinstance(objects, list) or not objects:
        faults.add("objects", "expected a list with at least one table.")
    else:
        parsed = [
            _table_spec(faults, f"objects[{number}]", entry, known) for number, entry in enumerate(objects)
        ]
        found = [table for table in parsed if table]
    places = [(table.catalog, table.schema, table.destination) for table in found]
    for number, place in enumerate(places):
        if place in places[:number]:
            faults.add(f"objects[{number}].table", f"`{place[2]}` is the destination of another table too.")
    if faults.found:
        raise AhaOptionError("The pipeline spec cannot be used. " + " ".join(faults.found))
    return PipelineSpec(name or "", tuple(found))


def _table_spec(faults: SpecFaults, path: str, entry: Any, tables: list[str]) -> TableSpec | None:
    if not isinstance(entry, Mapping) or set(entry) != {"table"} or not isinstance(entry["table"], Mapping):
        faults.add(path, "expected an object `{table: {...}}`.")
        return None
    path, table = f"{path}.table", entry["table"]
    faults.unknown(path, table, TABLE_KEYS)
    source = faults.text(f"{path}.source_table", table.get("source_table"))
    if source is None:
        faults.add(f"{path}.source_table", "is missing.")
        return None
    if source not in tables:
        near = difflib.get_close_matches(source, tables, n=1)
        faults.add(
            f"{path}.source_table",
            f"there is no table `{source}`."
            + (f" Did you mean `{near[0]}`?" if near else f" Tables: {', '.join(tables)}."),
        )
    config = table.get("table_configuration") or {}
    if not isinstance(config, Mapping):
        faults.add(f"{path}.table_configuration", "expected an object.")
        config = {}
    here = f"{path}.table_configuration"
    scd_type = config.get("scd_type", SCD_TYPES[0])
    if scd_type not in SCD_TYPES:
        faults.add(f"{here}.scd_type", f"{scd_type!r} is none of {', '.join(SCD_TYPES)}.")
    cluster = config.get("cluster_by")
    return TableSpec(
        source,
        faults.text(f"{path}.destination_table", table.get("destination_table")) or source,
        faults.text(f"{path}.destination_catalog", table.get("destination_catalog")),
        faults.text(f"{path}.destination_schema", table.get("destination_schema")),
        str(scd_type),
        faults.texts(f"{here}.primary_keys", config.get("primary_keys")),
        faults.text(f"{here}.sequence_by", config.get("sequence_by")),
        faults.texts(f"{here}.cluster_by", [cluster] if isinstance(cluster, str) else cluster),
        _options(faults, here, config),
    )


def _options(faults: SpecFaults, path: str, config: Mapping[str, Any]) -> dict[str, str]:
    """The source's options, as texts, as Spark passes them on."""
    known = [option.name for option in OPTIONS if option.table]
    given = {key: value for key, value in config.items() if key not in PIPELINE_KEYS}
    faults.unknown(path, given, (*PIPELINE_KEYS, *known))
    options = {}
    for key, value in given.items():
        if key in known:
            text = json.dumps(value) if isinstance(value, bool) else str(value)
            try:
                parse_options({"api_key": "x", "subdomain": "x"}, {key: text})
                options[key] = text
            except AhaOptionError as error:
                faults.add(f"{path}.{key}", str(error))
    return options
