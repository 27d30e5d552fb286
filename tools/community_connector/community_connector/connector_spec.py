"""`connector_spec.yaml`: what a connection of a source needs, and its tables and table options."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from community_connector.errors import InputError
from community_connector.fetching import fetch, spec_url
from community_connector.inputs import parse_yaml, read_text, text_of

FILE = "connector_spec.yaml"
# What the pipeline itself passes to the source.
ALWAYS_ALLOWED = ("isDeleteFlow", "tableConfigs", "tableName", "tableNameList")
ADDED = ("externalOptionsAllowList", "sourceName")
# Values that examples have in the place of a secret.
PLACEHOLDER = re.compile(r"put-your-.*|<.*>|x{4,}|changeme", re.IGNORECASE)
TYPES = {"integer": r"-?[0-9]+", "boolean": r"true|false", "number": r"-?[0-9]+([.][0-9]+)?"}
TEXT = {"type": "string"}
LIMITS = {
    "type": TEXT,
    "minimum": {"type": "integer"},
    "maximum": {"type": "integer"},
    "enum": {"type": "array", "items": TEXT},
    "pattern": {"type": "string", "format": "regex"},
}
MODE = {
    "type": "object",
    "properties": {
        "type": {"enum": ["snapshot", "cdc", "append"]},
        "order": TEXT,
        "tracks_deletes": {"type": "boolean"},
        "opt_in": {"type": "boolean"},
    },
}
PARAMETER = {"type": "object", "required": ["name"], "properties": {"name": TEXT, **LIMITS}}
PARAMETERS = {"properties": {"parameters": {"type": "array", "items": PARAMETER}}}
METHODS = {"type": "array", "minItems": 1, "items": {"type": "object", **PARAMETERS}}
OAUTH = {
    "type": "object",
    "required": ["flow", "authorization_url", "token_url"],
    "properties": {"flow": TEXT, "authorization_url": TEXT, "token_url": TEXT, "scopes": TEXT},
}
SCHEMA = {
    "type": "object",
    "required": ["connection"],
    "properties": {
        "source": TEXT,
        "display_name": TEXT,
        "tables": {"type": "array", "items": TEXT},
        "external_options_allowlist": TEXT,
        "connection": {
            "type": "object",
            "properties": {**PARAMETERS["properties"], "auth_methods": METHODS, "oauth": OAUTH},
        },
        "pipeline": {
            "type": "object",
            "properties": {
                "options": {
                    "type": "object",
                    "additionalProperties": {"type": "object", "properties": LIMITS},
                },
                "labels": {"type": "array", "items": TEXT},
                "columns": {"type": "object", "additionalProperties": {"type": "array", "items": TEXT}},
                "modes": {"type": "object", "additionalProperties": MODE},
            },
        },
    },
}
Parameters = dict[str, Mapping[str, Any]]


@dataclass(frozen=True)
class ConnectorSpec:
    """A loaded spec.

    Attributes:
        place: where it was found. text: what stands there, parsed.
        ways: the parameters of each way to authenticate.
        tables: of the source, in its own order. columns: table → columns that have an order.
        labels: what the pipeline's own views and flows are named after, beside a table.
        table_options: name → what its values may be. oauth: its block, or None.
        modes: table → how it is read, and the column that its rows are ordered by.
    """

    place: str
    ways: list[Parameters]
    tables: list[str]
    table_options: dict[str, Any]
    columns: dict[str, list[str]] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)
    modes: dict[str, dict[str, Any]] = field(default_factory=dict)
    oauth: dict[str, Any] | None = None
    text: dict[str, Any] = field(default_factory=dict)

    def complete(self, source: str, given: Mapping[str, Any], *, oauth: bool | None = None) -> dict[str, str]:
        """Checked options as texts, and what every connection carries; raises InputError with every fault."""
        # Of several ways to authenticate, the one that fits best is meant.
        faults = min((list(_faults(way, given, oauth=oauth)) for way in self.ways), key=len)
        if faults:
            raise InputError(f"The options do not fit {self.place}. " + " ".join(faults))
        allowed = {"externalOptionsAllowList": ",".join(sorted({*self.table_options, *ALWAYS_ALLOWED}))}
        return allowed | {name: text_of(value) for name, value in given.items()} | {"sourceName": source}

    def secrets(self, options: Mapping[str, str]) -> set[str]:
        """Names of the options whose values no output may show: all but those that are no texts."""
        plain = {name for way in self.ways for name in way if way[name].get("type", "string") in TYPES}
        return {*options} - {*plain, *ADDED}


def _faults(way: Parameters, given: Mapping[str, Any], *, oauth: bool | None) -> Iterable[str]:
    """What is wrong with the options; `oauth` is None where the command has no other way than a key."""
    secrets = [name for name, parameter in way.items() if parameter.get("secret")]
    for name, parameter in way.items():
        needed = parameter.get("required") or (secrets == [name] and not oauth)
        if needed and not text_of(given.get(name, "")).strip():
            more = " (or --auth oauth)" if oauth is False and secrets == [name] else ""
            yield f"`{name}` is missing{more}: {parameter.get('description', 'it is required.')}"
    for name, value in given.items():
        if name not in way and name not in ADDED:
            near = difflib.get_close_matches(name.lower(), way, n=1)
            meant = f"Did you mean `{near[0]}`?" if near else f"Options: {', '.join(way)}."
            # A name with digits or dashes may be a key that was put in its place.
            told = f"`{name}`" if re.fullmatch(r"[A-Za-z_]{1,30}", name) else "of the name that was given"
            yield f"There is no option {told}. {meant}"
        elif oauth and name in secrets:
            yield f"`{name}` goes with a connection without OAuth: leave it out, or --auth oauth."
        elif not isinstance(value, str | int | float):
            yield f"`{name}` must be a text, a number or a boolean."
        else:
            yield from _value_faults(name, way.get(name, {}), text_of(value).strip())


def _value_faults(name: str, parameter: Mapping[str, Any], text: str) -> Iterable[str]:
    """What is wrong with a value; it is not quoted, for it may be a key."""
    kind = str(parameter.get("type", "string"))
    if not text:
        return
    if not re.fullmatch(TYPES.get(kind, ".*"), text, re.DOTALL):
        yield f"`{name}` is not of type {kind}."
    elif kind == "integer" and "minimum" in parameter:
        least, most = parameter["minimum"], parameter.get("maximum")
        if len(text) > 18 or int(text) < least or (most is not None and int(text) > most):
            yield f"`{name}` is a whole number from {least} to {most}."
    elif "enum" in parameter and text not in parameter["enum"]:
        yield f"`{name}` is one of {', '.join(parameter['enum'])}."
    elif "pattern" in parameter and not re.fullmatch(parameter["pattern"], text):
        yield f"`{name}` has not the form {parameter['pattern']}"
    elif parameter.get("secret") and PLACEHOLDER.fullmatch(text):
        yield f"`{name}` is an example's placeholder: put your own in its place."


def load_connector_spec(source: str, given: str | None) -> ConnectorSpec:
    """The spec at a path or URL, or of the clone that this runs in; raises InputError if it is another's."""
    if given and "://" in given:
        place = spec_url(given, FILE)
        text = fetch(place)
    else:
        # At the top, or where upstream's repository has it.
        names = (FILE, f"src/databricks/labs/community_connector/sources/{source}/{FILE}")
        folders = (Path.cwd(), *Path.cwd().parents)
        here = [folder / name for folder in folders for name in names if (folder / name).exists()]
        if not given and not here:
            raise InputError(
                f"There is no {FILE} here. Run this in a clone of the connector, or give --spec."
            )
        place = given or FILE
        text = read_text("--spec", Path(given) if given else here[0])
    found = parse_yaml(place, text, SCHEMA)
    if found.get("source", source) != source:
        raise InputError(f"{place} describes the source `{found['source']}`, not `{source}`.")
    connection = found["connection"]
    methods = connection.get("auth_methods", [{}])
    listed = [connection.get("parameters", []) + method.get("parameters", []) for method in methods]
    ways = [{parameter["name"]: parameter for parameter in parameters} for parameters in listed]
    allowed = found.get("external_options_allowlist", "").split(",")
    pipeline = found.get("pipeline", {})
    options = {
        name.strip(): pipeline.get("options", {}).get(name.strip(), {}) for name in allowed if name.strip()
    }
    tables, oauth = found.get("tables", []), connection.get("oauth")
    return ConnectorSpec(
        place,
        ways,
        tables,
        options,
        pipeline.get("columns", {}),
        pipeline.get("labels", []),
        pipeline.get("modes", {}),
        oauth,
        found,
    )
