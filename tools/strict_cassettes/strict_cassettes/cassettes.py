"""Cassette files: canonical JSON with parsed bodies, so that a change in the data is a change of its lines.

Keys are sorted, and so are the interactions: by path and parameters, since threads send in no fixed order;
equal requests keep theirs. What changes with every recording stands in a file of its own, see `provenance`.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from strict_cassettes.bodies import FORM, JSON, TEXT, Body, UnkeptError, gather, listed, read_body
from strict_cassettes.scrub import MARK

FORMAT = 2
# Of a response: what its body is, where that is no JSON.
KIND = "kind"

Entry = dict[str, Any]


class CassetteError(Exception):
    """A cassette that cannot be used; says which and what to do."""


class JsonSerializer:
    """vcrpy's serializer interface."""

    @staticmethod
    def serialize(cassette: dict[str, Any]) -> str:
        return dump(map(_entry, cassette["interactions"]))

    @staticmethod
    def deserialize(text: str) -> dict[str, Any]:
        return {"version": 1, "interactions": [_interaction(entry) for entry in parse(text)]}


def dump(entries: Any) -> str:
    """The text of a cassette, in its canonical form."""
    ordered = sorted(entries, key=lambda entry: matching_key(entry["request"]))
    text = json.dumps(
        {"format": FORMAT, "interactions": ordered}, indent=1, ensure_ascii=False, sort_keys=True
    )
    return text + "\n"


def parse(text: str) -> list[Entry]:
    """The entries of a cassette's text.

    Raises:
        ValueError: it is no cassette of this format; says what to run.
    """
    data = json.loads(text)
    if not isinstance(data, dict) or not isinstance(data.get("interactions"), list):
        raise ValueError("no object with `interactions`")  # noqa: TRY004 - one error for all that is no cassette
    if data.get("format") in MIGRATIONS:
        raise ValueError(f"format {data['format']}, older than {FORMAT}; run: nox -s cassettes -- --migrate")
    if data.get("format") != FORMAT:
        raise ValueError(
            f"format {data.get('format')!r}, not {FORMAT}; this checkout may be older than the cassette"
        )
    for entry in data["interactions"]:
        try:
            matching_key(entry["request"])
            _interaction(entry)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"an interaction without {error}") from None
    entries: list[Entry] = data["interactions"]
    return entries


def load_interactions(path: Path) -> list[Entry]:
    """A cassette's interactions as they stand in the file: `request` (method, path, query) and `response`
    (status, reason, headers, body).

    Raises:
        CassetteError: there is no such file, or it is no cassette.
    """
    scenario = f"{path.parent.name}/{path.stem}"
    sandbox = "" if path.parent.parent.name == "live" else "--sandbox "
    remedy = f"Record it again: nox -s record -- {sandbox}{scenario}"
    try:
        return parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CassetteError(f"There is no cassette of {scenario}. {remedy}") from None
    except ValueError as error:
        raise CassetteError(f"The cassette of {scenario} is damaged ({error}). {remedy}") from None


def matching_key(request: Entry) -> tuple[str, str, tuple[tuple[str, str], ...], str]:
    """What a request is matched by: path, method, parameters in any order, and the JSON of its body."""
    pairs = [(name, value) for name, values in request["query"].items() for value in listed(values)]
    said = {name: request[name] for name in (FORM, "body") if name in request}
    body = json.dumps(said, sort_keys=True) if said else ""
    return request["path"], request["method"].upper(), tuple(sorted(pairs)), body


def request_of(method: str, uri: str, content: bytes | str | None = None) -> Entry:
    """A request as a cassette holds it; `body`, or `form`, only where it has one.

    A body that cannot be taken apart is held as a text: no cassette has one, so nothing answers it.
    """
    parts = urlsplit(uri)
    query = gather(parse_qsl(parts.query, keep_blank_values=True))
    origin = f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
    request = {"method": method.upper(), "origin": origin, "path": parts.path, "query": query}
    try:
        body = read_body(content)
    except UnkeptError:
        return request | {"body": str(content)}
    if body is None:
        return request
    return request | {FORM if body.kind == FORM else "body": body.value}


def uri_of(request: Entry) -> str:
    """The address of a request, parameters in alphabetical order."""
    query = urlencode(
        [(name, value) for name, values in sorted(request["query"].items()) for value in listed(values)]
    )
    return f"{request['origin']}{request['path']}" + (f"?{query}" if query else "")


def body_of(response: Entry) -> bytes:
    """A response's body as it was sent, but for what was scrubbed."""
    if response["body"] is None and KIND not in response:
        return b""
    return Body(response.get(KIND, JSON), response["body"]).write()


def entry_of(request: Any, response: dict[str, Any]) -> Entry:
    """An interaction as a cassette holds it, from vcrpy's request and response, both scrubbed."""
    asked = {"method": request.method, "uri": request.uri, "body": request.body}
    return _entry({"request": asked, "response": response})


def _entry(interaction: dict[str, Any]) -> Entry:
    request, response = interaction["request"], interaction["response"]
    headers = {name: _one(values) for name, values in response["headers"].items() if name != MARK[0]}
    body = read_body(response["body"]["string"], str(headers.get("content-type", "")))
    return {
        "request": request_of(request["method"], request["uri"], request.get("body")),
        "response": {
            "status": response["status"]["code"],
            "reason": response["status"]["message"],
            "headers": headers,
            "body": body.value if body else None,
            **_kind_of(body),
        },
    }


def _kind_of(body: Body | None) -> Entry:
    """What a body is, where it is no JSON, or the one JSON that looks like no body."""
    plain = body is None or (body.kind == JSON and body.value is not None)
    return {} if plain or body is None else {KIND: body.kind}


def _one(values: Any) -> Any:
    return values[0] if isinstance(values, list) and len(values) == 1 else values


def _interaction(entry: Entry) -> dict[str, Any]:
    request, response = entry["request"], entry["response"]
    headers = {name: listed(values) for name, values in response["headers"].items()}
    asked = Body(FORM, request[FORM]).write() if FORM in request else None
    if "body" in request:
        asked = Body(TEXT if isinstance(request["body"], str) else JSON, request["body"]).write()
    return {
        "request": {
            "method": request["method"],
            "uri": uri_of(request),
            "body": asked,
            "headers": {},
        },
        "response": {
            "status": {"code": response["status"], "message": response["reason"]},
            # What a cassette holds was scrubbed: the hooks leave it as it is.
            "headers": headers | {MARK[0]: [MARK[1]]},
            "body": {"string": body_of(response)},
        },
    }


def _from_1(data: dict[str, Any]) -> dict[str, Any]:
    """Format 1 held addresses as one text, and every header as a list."""
    entries = [
        {
            "request": request_of(entry["request"]["method"], entry["request"]["uri"]),
            "response": entry["response"]
            | {"headers": {name: _one(values) for name, values in entry["response"]["headers"].items()}},
        }
        for entry in data["interactions"]
    ]
    return {"format": 2, "interactions": entries}


# An older format → how to make the next one of it.
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _from_1}


def migrate(text: str) -> str | None:
    """The text of an older cassette in today's format; None if it has it already.

    Raises:
        ValueError: it is no cassette.
    """
    data = json.loads(text)
    if not isinstance(data, dict) or data.get("format") not in (*MIGRATIONS, FORMAT):
        raise ValueError("it is no cassette of a known format")
    if data["format"] == FORMAT:
        return None
    while data["format"] in MIGRATIONS:
        data = MIGRATIONS[data["format"]](data)
    return dump(data["interactions"])
