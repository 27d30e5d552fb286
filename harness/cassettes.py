"""Cassette files: JSON with parsed bodies, so that a change in the data is a change of its lines."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

FORMAT = 1


class CassetteError(Exception):
    """A cassette that cannot be used; says which and what to do."""


class JsonSerializer:
    """vcrpy's serializer interface."""

    @staticmethod
    def serialize(cassette: dict[str, Any]) -> str:
        # Threads send in no fixed order. Equal requests keep theirs.
        interactions = sorted(map(_dump, cassette["interactions"]), key=_order)
        return (
            json.dumps({"format": FORMAT, "interactions": interactions}, indent=1, ensure_ascii=False) + "\n"
        )

    @staticmethod
    def deserialize(text: str) -> dict[str, Any]:
        data = json.loads(text)
        if data.get("format") != FORMAT:
            raise CassetteError(
                f"This cassette has format {data.get('format')!r}, not {FORMAT}: record it again."
            )
        return {"version": 1, "interactions": [_load(entry) for entry in data["interactions"]]}


def _order(entry: dict[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    parts = urlsplit(entry["request"]["uri"])
    return parts.path, sorted(parse_qsl(parts.query))


def _dump(interaction: dict[str, Any]) -> dict[str, Any]:
    request, response = interaction["request"], interaction["response"]
    content = response["body"]["string"]
    content = content.encode() if isinstance(content, str) else content
    return {
        "request": {"method": request["method"], "uri": request["uri"]},
        "response": {
            "status": response["status"]["code"],
            "reason": response["status"]["message"],
            "headers": dict(sorted(response["headers"].items())),
            "body": json.loads(content) if content else None,
        },
    }


def _load(entry: dict[str, Any]) -> dict[str, Any]:
    request, response = entry["request"], entry["response"]
    return {
        "request": {"method": request["method"], "uri": request["uri"], "body": None, "headers": {}},
        "response": {
            "status": {"code": response["status"], "message": response["reason"]},
            "headers": response["headers"],
            "body": {"string": encode_body(response["body"])},
        },
    }


def encode_body(body: Any) -> str:
    return "" if body is None else json.dumps(body, ensure_ascii=False)


def load_interactions(path: Path) -> list[dict[str, Any]]:
    """A cassette's interactions as they stand in the file.

    Raises:
        CassetteError: there is no such file, or it is no cassette.
    """
    scenario = f"{path.parent.name}/{path.stem}"
    remedy = f"Record it again: nox -s record -- --sandbox {scenario}"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            raise ValueError(f"format {data['format']!r}, not {FORMAT}")  # noqa: TRY301
        interactions: list[dict[str, Any]] = data["interactions"]
        for entry in interactions:
            matching_key(entry["request"]["method"], entry["request"]["uri"])
            _load(entry)
    except FileNotFoundError:
        raise CassetteError(f"There is no cassette of {scenario}. {remedy}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CassetteError(f"The cassette of {scenario} is damaged ({error!r}). {remedy}") from None
    return interactions


def matching_key(method: str, uri: str) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    """What a request is matched by: method, path, and parameters in any order."""
    url = urlsplit(uri)
    return method.upper(), url.path, tuple(sorted(parse_qsl(url.query, keep_blank_values=True)))
