"""`connector_spec.yaml`: what a connection of a source needs, and its tables and table options."""

import difflib
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from community_connector.errors import InputError
from community_connector.inputs import parse_yaml, read_text, shown

FILE = "connector_spec.yaml"
# What the pipeline itself passes to the source.
ALWAYS_ALLOWED = ("isDeleteFlow", "tableConfigs", "tableName", "tableNameList")
ADDED = ("externalOptionsAllowList", "sourceName")
TIMEOUT_SECONDS, LARGEST = 15, 1_000_000
TYPES = {"integer": r"-?[0-9]+", "boolean": r"true|false", "number": r"-?[0-9]+([.][0-9]+)?"}
TEXT = {"type": "string"}
PARAMETER = {"type": "object", "required": ["name"], "properties": {"name": TEXT, "type": TEXT}}
PARAMETERS = {"properties": {"parameters": {"type": "array", "items": PARAMETER}}}
METHODS = {"type": "array", "minItems": 1, "items": {"type": "object", **PARAMETERS}}
SCHEMA = {
    "type": "object",
    "required": ["connection"],
    "properties": {
        "source": TEXT,
        "tables": {"type": "array", "items": TEXT},
        "external_options_allowlist": TEXT,
        "connection": {"type": "object", "properties": {**PARAMETERS["properties"], "auth_methods": METHODS}},
    },
}
Parameters = dict[str, Mapping[str, Any]]


@dataclass(frozen=True)
class ConnectorSpec:
    """A loaded spec: where it was found, parameters of each way to authenticate, tables, table options."""

    place: str
    ways: list[Parameters]
    tables: list[str]
    table_options: list[str]

    def complete(self, source: str, given: Mapping[str, Any]) -> dict[str, str]:
        """Checked options as texts, and what every connection carries; raises InputError with every fault."""
        # Of several ways to authenticate, the one that fits best is meant.
        faults = min((list(_faults(way, given)) for way in self.ways), key=len)
        if faults:
            raise InputError(f"The options do not fit {self.place}. " + " ".join(faults))
        allowed = {"externalOptionsAllowList": ",".join(sorted({*self.table_options, *ALWAYS_ALLOWED}))}
        return allowed | {name: _text(value) for name, value in given.items()} | {"sourceName": source}

    def secrets(self, options: Mapping[str, str]) -> set[str]:
        """Names of the options whose values no output may show: all but those that are no texts."""
        plain = {name for way in self.ways for name in way if way[name].get("type", "string") in TYPES}
        return {*options} - {*plain, *ADDED}


def _faults(way: Parameters, given: Mapping[str, Any]) -> Iterable[str]:
    for name, parameter in way.items():
        if parameter.get("required") and not _text(given.get(name, "")).strip():
            yield f"`{name}` is missing: {parameter.get('description', 'it is required.')}"
    for name, value in given.items():
        kind = str(way.get(name, {}).get("type", "string"))
        if name not in way and name not in ADDED:
            near = difflib.get_close_matches(name.lower(), way, n=1)
            meant = f"Did you mean `{near[0]}`?" if near else f"Options: {', '.join(way)}."
            yield f"There is no option {shown(name, 30)}. {meant}"
        elif not isinstance(value, str | int | float):
            yield f"`{name}` must be a text, a number or a boolean."
        elif not re.fullmatch(TYPES.get(kind, ".*"), _text(value), re.DOTALL):
            yield f"`{name}` is not of type {kind}."


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def load_connector_spec(source: str, given: str | None) -> ConnectorSpec:
    """The spec at a path or URL, or of the clone that this runs in; raises InputError if it is another's."""
    if given and "://" in given:
        place = spec_url(given)
        text = _fetch(place)
    else:
        here = [folder / FILE for folder in (Path.cwd(), *Path.cwd().parents) if (folder / FILE).exists()]
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
    options = [name.strip() for name in allowed if name.strip()]
    return ConnectorSpec(place, ways, found.get("tables", []), options)


def spec_url(url: str) -> str:
    """The address of the spec's text: `url` itself, or the file at the root of a repository."""
    repository = re.fullmatch(r"https://(github\.com|gitlab\.com)/([\w.-]+/[\w.-]+?)(\.git)?/?", url)
    if repository and repository[1] == "github.com":
        return f"https://raw.githubusercontent.com/{repository[2]}/HEAD/{FILE}"
    if repository:
        return f"https://gitlab.com/{repository[2]}/-/raw/HEAD/{FILE}"
    if re.fullmatch(r"(https://[\w.-]+(:\d+)?|http://(127\.0\.0\.1|localhost)(:\d+)?)/[\w./~-]*\.ya?ml", url):
        return url
    raise InputError("--spec: expected a repository at github.com or gitlab.com, or a https address of YAML.")


def _fetch(url: str) -> str:
    content, deadline = b"", time.monotonic() + TIMEOUT_SECONDS
    try:
        with requests.get(url, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True) as answer:
            for chunk in answer.iter_content(8192):
                content += chunk
                if len(content) > LARGEST or time.monotonic() > deadline:
                    raise InputError(f"--spec: {url} is too large, or too slow, to be a spec.")
    except requests.RequestException as error:
        raise InputError(f"--spec: {url} does not answer ({type(error).__name__}).") from None
    if answer.status_code != 200:
        raise InputError(f"--spec: {url} answered {answer.status_code}, and no spec. Is it public?")
    return content.decode(errors="replace")
