"""What a body is: JSON, or a form that is taken apart, scrubbed piece by piece and written again."""

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree as ET

JSON, NDJSON, CSV, FORM, XML, TEXT, BINARY = "json", "ndjson", "csv", "form", "xml", "text", "binary"
# Of an element of XML: its attributes, its text, what follows it, what stands in it.
ATTRIBUTES, OWN_TEXT, TAIL, CHILDREN = XML_MARKS = ("@", "#", "~", "*")
# Bytes that stand for bytes: told by how they begin, and made again from that.
SEEDED = re.compile(rb"\x00([a-z]{12})\x00", re.DOTALL)
LENGTH, SEED, DIGEST = "binary_length", "seed", "digest"

LINES = re.compile(r"application/(x-)?(ndjson|jsonl?|json-?lines|stream\+json)")
FORM_TYPE = "application/x-www-form-urlencoded"
CHARSET = re.compile(r"charset=\"?([A-Za-z0-9_.:-]+)", re.IGNORECASE)
# Of a request nobody keeps the type: so does a form look.
PAIRS = re.compile(r"[^\s=&{}\[\]<>\"]+=[^\s=&<>\"]*(&[^\s=&]+=[^\s=&]*)*")


Writer = Callable[[Any], str | bytes]


class UnkeptError(Exception):
    """A body that cannot be judged, and so is not kept; says what it is."""


@dataclass(frozen=True)
class Body:
    """A body, taken apart.

    Attributes:
        kind: one of this module's names.
        value: what it says, JSON-able: of `csv` an object of `columns`, `rows` and `delimiter`, each row an
            object by column; of `form` an object, name → value or values; of `text` a text; of `xml` an
            object, tag → its parts; of `binary` its length, and what it is known by.
    """

    kind: str
    value: Any

    @property
    def plain(self) -> Any:
        """What it says as JSON would say it, for those who look at values by path."""
        if self.kind == BINARY:
            return None
        return self.value["rows"] if self.kind == CSV else self.value

    def write(self) -> bytes:
        made = WRITERS[self.kind](self.value)
        return made if isinstance(made, bytes) else made.encode(errors="replace")


def read_body(content: bytes | str | None, content_type: str = "") -> Body | None:
    """A body taken apart; None for none at all.

    Raises:
        UnkeptError: it is of a form that cannot be taken apart.
    """
    if not content:
        return None
    kind = content_type.partition(";")[0].strip().lower()
    text = _decode(content, content_type, kind)
    if text is None:
        return _binary(content if isinstance(content, bytes) else content.encode())
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
        return _tree(text)
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


def _decode(content: bytes | str, content_type: str, kind: str) -> str | None:
    """A text; None of what is none."""
    readable = kind.startswith("text/") or kind in ("", FORM_TYPE) or re.search("json|xml|javascript", kind)
    if isinstance(content, bytes) and (SEEDED.match(content) or not readable):
        return None
    if isinstance(content, str):
        return content
    named = CHARSET.search(content_type)
    for charset in ("utf-8", *(named.groups() if named else ())):
        try:
            return content.decode(charset)
        except (UnicodeDecodeError, LookupError):
            continue
    return None


def _binary(content: bytes) -> Body:
    found = SEEDED.match(content)
    known = {SEED: found[1].decode()} if found else {DIGEST: hashlib.sha256(content).hexdigest()}
    return Body(BINARY, {LENGTH: len(content), **known})


def _write_binary(value: dict[str, Any]) -> bytes:
    """As many bytes, made from the seed alone: nothing of what they stand for."""
    seed, length = str(value[SEED]).encode(), int(value[LENGTH])
    made, number = b"\x00" + seed + b"\x00", 0
    while len(made) < length:
        made += hashlib.sha256(seed + number.to_bytes(8, "big")).digest()
        number += 1
    return made[: max(length, len(seed) + 2)]


def _tree(text: str) -> Body:
    if "<!DOCTYPE" in text:
        raise UnkeptError("XML with a DOCTYPE, whose entities nobody can judge")
    try:
        root = ET.fromstring(text)  # noqa: S314 - without a DOCTYPE there is nothing to expand
    except ET.ParseError as error:
        raise UnkeptError(f"XML that cannot be read ({error})") from None
    return Body(XML, _element(root))


def _element(element: ET.Element) -> dict[str, Any]:
    """An element as an object, tag → its parts, of which those that say nothing are left out."""
    parts = {
        ATTRIBUTES: dict(element.attrib),
        OWN_TEXT: (element.text or "").strip() and element.text,
        TAIL: (element.tail or "").strip() and element.tail,
        CHILDREN: [_element(child) for child in element],
    }
    return {element.tag: {mark: part for mark, part in parts.items() if part}}


def _built(value: dict[str, Any]) -> ET.Element:
    [(tag, parts)] = value.items()
    made = ET.Element(tag, parts.get(ATTRIBUTES, {}))
    made.text, made.tail = parts.get(OWN_TEXT), parts.get(TAIL)
    made.extend([_built(child) for child in parts.get(CHILDREN, ())])
    return made


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


WRITERS: dict[str, Writer] = {
    JSON: _write_json,
    NDJSON: lambda values: "".join(f"{_write_json(value)}\n" for value in values),
    CSV: _write_table,
    FORM: _write_pairs,
    XML: lambda value: ET.tostring(_built(value), encoding="unicode"),
    TEXT: str,
    BINARY: _write_binary,
}
