"""What a body is: JSON, or a form that is taken apart, scrubbed piece by piece and written again."""

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

JSON, NDJSON, CSV, FORM, TEXT = "json", "ndjson", "csv", "form", "text"

LINES = re.compile(r"application/(x-)?(ndjson|jsonl?|json-?lines|stream\+json)")
FORM_TYPE = "application/x-www-form-urlencoded"
CHARSET = re.compile(r"charset=\"?([A-Za-z0-9_.:-]+)", re.IGNORECASE)
# Of a request nobody keeps the type: so does a form look.
PAIRS = re.compile(r"[^\s=&{}\[\]<>\"]+=[^\s=&<>\"]*(&[^\s=&]+=[^\s=&]*)*")


class UnkeptError(Exception):
    """A body that cannot be judged, and so is not kept; says what it is."""


@dataclass(frozen=True)
class Body:
    """A body, taken apart.

    Attributes:
        kind: one of this module's names.
        value: what it says, JSON-able: of `csv` an object of `columns`, `rows` and `delimiter`, each row an
            object by column; of `form` an object, name → value or values; of `text` a text.
    """

    kind: str
    value: Any

    @property
    def plain(self) -> Any:
        """What it says as JSON would say it, for those who look at values by path."""
        return self.value["rows"] if self.kind == CSV else self.value

    def write(self) -> str:
        return WRITERS[self.kind](self.value)


def read_body(content: bytes | str | None, content_type: str = "") -> Body | None:
    """A body taken apart; None for none at all.

    Raises:
        UnkeptError: it is of a form that cannot be taken apart.
    """
    if not content:
        return None
    text = _decode(content, content_type)
    kind = content_type.partition(";")[0].strip().lower()
    value = parse_json(text)
    if value is not None or text.strip() == "null":
        return Body(JSON, value)
    if LINES.fullmatch(kind):
        return _lines(text)
    if kind == "text/csv":
        return _table(text)
    if kind == FORM_TYPE or (not kind and PAIRS.fullmatch(text)):
        return Body(FORM, gather(parse_qsl(text, keep_blank_values=True)))
    if kind.endswith("xml"):
        raise UnkeptError(f"XML ({kind})")
    if not kind.startswith("text/") and kind not in ("", "application/json"):
        raise UnkeptError(f"of type {kind}")
    return Body(TEXT, text)


def parse_json(text: bytes | str) -> Any:
    """The JSON of a text, or None where it is none. What JSON has not (NaN) is read as a text."""
    try:
        return json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return None


def gather(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Name → value, or list of values where it stands there more than once."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        found[name] = [*listed(found[name]), value] if name in found else value
    return found


def listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def _decode(content: bytes | str, content_type: str) -> str:
    if isinstance(content, str):
        return content
    named = CHARSET.search(content_type)
    for charset in ("utf-8", *(named.groups() if named else ())):
        try:
            return content.decode(charset)
        except (UnicodeDecodeError, LookupError):
            continue
    raise UnkeptError(f"{len(content)} bytes of no text")


def _lines(text: str) -> Body:
    values = [parse_json(line) for line in text.splitlines() if line.strip()]
    if None in values:
        raise UnkeptError("lines of which one is no JSON")
    return Body(NDJSON, values)


def _table(text: str) -> Body:
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    try:
        columns, *rows = list(csv.reader(io.StringIO(text), delimiter=delimiter, strict=True))
    except (csv.Error, ValueError) as error:
        raise UnkeptError(f"CSV that cannot be read ({error})") from None
    if len(set(columns)) < len(columns) or any(len(row) != len(columns) for row in rows):
        raise UnkeptError("CSV whose rows are not all of its columns")
    made = [dict(zip(columns, row, strict=True)) for row in rows]
    return Body(CSV, {"columns": columns, "rows": made, "delimiter": delimiter})


def _write_table(value: dict[str, Any]) -> str:
    out = io.StringIO()
    written = csv.DictWriter(out, value["columns"], delimiter=value["delimiter"], lineterminator="\r\n")
    written.writeheader()
    written.writerows(value["rows"])
    return out.getvalue()


def _write_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _write_pairs(value: dict[str, Any]) -> str:
    return urlencode([(name, one) for name, values in value.items() for one in listed(values)], safe="@")


WRITERS: dict[str, Callable[[Any], str]] = {
    JSON: _write_json,
    NDJSON: lambda values: "".join(f"{_write_json(value)}\n" for value in values),
    CSV: _write_table,
    FORM: _write_pairs,
    TEXT: str,
}
