"""`connector_spec.yaml`: what a connection of a source needs, and its tables and table options."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from community_connector.errors import InputError
from community_connector.inputs import read_text

FILE = "connector_spec.yaml"
# What the pipeline itself passes to the source.
ALWAYS_ALLOWED = ("isDeleteFlow", "tableConfigs", "tableName", "tableNameList")
ADDED = ("externalOptionsAllowList", "sourceName")
TIMEOUT_SECONDS, LARGEST = 15, 1_000_000
TYPES = {"integer": r"-?[0-9]+", "boolean": r"true|false"}
Parameters = dict[str, Mapping[str, Any]]


@dataclass(frozen=True)
class ConnectorSpec:
    """A loaded spec.

    Attributes:
        place: where it was found.
        source: the connector it describes; None if it does not say.
        ways: parameters by name, once for each way to authenticate.
        tables: names of all tables; empty if it does not say.
        table_options: names of the options that a table may have.
    """

    place: str
    source: str | None
    ways: list[Parameters]
    tables: list[str]
    table_options: list[str]

    @property
    def allow_list(self) -> str:
        return ",".join(sorted({*self.table_options, *ALWAYS_ALLOWED}))

    def check_options(self, given: Mapping[str, Any]) -> dict[str, str]:
        """Connection options as texts, complete and of the declared types.

        Raises:
            InputError: with every fault; quotes names, never values.
        """
        texts = {key: _text(value) for key, value in given.items() if value is not None}
        # Of several ways to authenticate, the one that fits best is meant.
        faults = min((list(_faults(way, texts)) for way in self.ways), key=len)
        if faults:
            raise InputError(f"The options do not fit {self.place}. " + " ".join(faults))
        return texts


def _faults(way: Parameters, texts: Mapping[str, str]) -> Iterable[str]:
    for name, parameter in way.items():
        if parameter.get("required") and not texts.get(name, "").strip():
            yield f"`{name}` is missing: {parameter.get('description', 'it is required.')}"
    for name, text in texts.items():
        kind = str(way.get(name, {}).get("type", "string"))
        if name not in way and name not in ADDED:
            near = difflib.get_close_matches(name, way, n=1)
            yield f"There is no option `{name}`. " + (
                f"Did you mean `{near[0]}`?" if near else f"Options: {', '.join(way)}."
            )
        elif not re.fullmatch(TYPES.get(kind, ".*"), text, re.DOTALL):
            yield f"`{name}` is not of type {kind}."


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def load_connector_spec(source: str, given: str | None) -> ConnectorSpec:
    """The spec at a path or URL, or that of the clone that this command runs in.

    Raises:
        InputError: there is none, or it is none, or it describes another source.
    """
    place = given or FILE
    if re.match(r"[a-z]+://", place):
        place = spec_url(place)
        text = _fetch(place)
    elif given is None and not Path(FILE).exists():
        raise InputError(
            f"There is no {FILE} here. Run this in a clone of the connector, or name it: --spec."
        )
    else:
        text = read_text("--spec", Path(place))
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"{place} is no YAML: {str(error).splitlines()[0]}.") from None
    spec = _parse(place, found)
    if spec.source not in (None, source):
        raise InputError(f"{place} describes the source `{spec.source}`, not `{source}`.")
    return spec


def _parse(place: str, found: Any) -> ConnectorSpec:
    connection = found.get("connection") if isinstance(found, dict) else None
    if not isinstance(connection, dict):
        raise InputError(f"{place} is no connector spec: it has no `connection`.")
    shared = _parameters(place, connection.get("parameters") or [])
    methods = connection.get("auth_methods") or [{}]
    ways = [
        shared | _parameters(place, method.get("parameters") or [] if isinstance(method, dict) else method)
        for method in methods
    ]
    listed = str(found.get("external_options_allowlist") or "")
    options = [name.strip() for name in listed.split(",") if name.strip()]
    return ConnectorSpec(place, found.get("source"), ways, list(found.get("tables") or []), options)


def _parameters(place: str, listed: Any) -> Parameters:
    try:
        return {str(entry["name"]): dict(entry) for entry in listed}
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{place} is no connector spec: a parameter is an object with a `name`.") from None


def spec_url(url: str) -> str:
    """The address of the spec's text: `url` itself, or the file at the root of a repository."""
    repository = re.fullmatch(r"https://(github\.com|gitlab\.com)/([^/]+/[^/]+?)(\.git)?/?", url)
    if repository and repository[1] == "github.com":
        return f"https://raw.githubusercontent.com/{repository[2]}/HEAD/{FILE}"
    if repository:
        return f"https://gitlab.com/{repository[2]}/-/raw/HEAD/{FILE}"
    if re.fullmatch(r"(https://\S+|http://(127\.0\.0\.1|localhost)(:\d+)?/\S*)\.ya?ml", url):
        return url
    raise InputError(
        f"--spec: {url} is no repository at github.com or gitlab.com, and no https address of YAML."
    )


def _fetch(url: str) -> str:
    try:
        answer = requests.get(url, timeout=TIMEOUT_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        raise InputError(f"--spec: {url} does not answer ({type(error).__name__}).") from None
    if answer.status_code != 200:
        raise InputError(f"--spec: {url} answered {answer.status_code}, and no spec. Is it public?")
    if len(answer.content) > LARGEST:
        raise InputError(f"--spec: {url} is too large to be a spec.")
    return answer.content.decode("utf-8", errors="replace")
