"""The leak gate: no secret and no replaced value stands in a cassette, plain or encoded.

Everything is decoded as far as it goes (JSON escapes, percent, HTML, base64 at any alignment, hex, gzip) and
searched in each stage. A finding names the place, never the value.
"""

import base64
import binascii
import gzip
import html
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from harness.rules import KEPT, Rules

SHORTEST = 4
# A shorter number is some other number's pseudonym, or a count, sooner or later: it says nothing by itself.
SHORTEST_NUMBER = 10
DEPTH = 3
BASE64 = re.compile(r"[A-Za-z0-9+/_-]{6,}")
HEXADECIMAL = re.compile(r"(?:[0-9a-fA-F]{2}){4,}")
# JSON's and Python's escapes, of an escaped text too.
ESCAPE = re.compile(r"\\+(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([\"/]))")
WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
CLOSED = re.compile("|".join(rf"(?<![\w-]){KEPT[name].pattern}(?![\w-])" for name in ("time", "date")))

# What a committed cassette must not hold, whoever recorded it.
EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
HOST = re.compile(r"https?://([^/\s\"'<>?#\\]+)")
TOKENS = {
    "a bearer token": re.compile(r"(?i)\bbearer\s+[\w.~+/-]{8,}"),
    "a JSON web token": re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}"),
    "a hexadecimal key": re.compile(r"\b[0-9a-f]{64}\b", re.IGNORECASE),
}


class Gate:
    """Searches for original values.

    Args:
        rules: whose published words are no finding.
        originals: what must not be found; texts of at least four characters, numbers of at least ten digits.
        published: more words that are no finding: a cassette's own field names, a scenario's own options.
    """

    def __init__(self, rules: Rules, originals: Iterable[str], published: Iterable[str] = ()) -> None:
        self._words = set(rules.vocabulary)
        for text in published:
            self._words |= set(WORD.findall(text))
        self._choices = rules.choices.values()
        self._by_start: dict[str, list[str]] = {}
        for original in originals:
            if len(original) >= (SHORTEST_NUMBER if original.isdecimal() else SHORTEST):
                self._by_start.setdefault(original[:SHORTEST], []).append(original)
        self._clean: set[str] = set()

    def find(self, content: bytes) -> list[str]:
        """The places in a cassette file where an original stands; empty if there is none."""
        text = content.decode(errors="replace")
        try:
            places = list(_strings(json.loads(text), ""))
        except ValueError:
            places = []
        found = [place for place, value in places if self._leaks(value)]
        # What stands between the values, and whatever a parser passes over.
        if not found and self._leaks_plainly(text):
            found = ["the file's text"]
        return list(dict.fromkeys(found))

    def _leaks(self, value: str) -> bool:
        if value in self._clean or any(choice.fullmatch(value) for choice in self._choices):
            return False
        if any(map(self._leaks_plainly, stages(value))):
            return True
        self._clean.add(value)
        return False

    def _leaks_plainly(self, text: str) -> bool:
        masked = WORD.sub(lambda word: "\0" if word[0] in self._words else word[0], CLOSED.sub("\0", text))
        return any(
            self._stands(original, masked, start)
            for start in range(len(masked) - SHORTEST + 1)
            for original in self._by_start.get(masked[start : start + SHORTEST], ())
        )

    def _stands(self, original: str, text: str, start: int) -> bool:
        if not text.startswith(original, start):
            return False
        # A number within a longer number is another number.
        end = start + len(original)
        return not (
            original.isdecimal() and (text[start - 1 : start].isdecimal() or text[end : end + 1].isdecimal())
        )


def stages(value: str, depth: int = DEPTH) -> Iterator[str]:
    """A text, and all that decoding makes of it or of parts of it."""
    yield value
    if not depth:
        return
    decoded = {unquote_plus(value), html.unescape(value), ESCAPE.sub(_unescaped, value)} - {value}
    for run in BASE64.findall(value):
        decoded |= set(_base64(run))
    for run in HEXADECIMAL.findall(value):
        decoded |= {_text(bytes.fromhex(run))}
    for text in decoded:
        if len(text) >= SHORTEST:
            yield from stages(text, depth - 1)


def _unescaped(found: re.Match[str]) -> str:
    return found[3] or chr(int(found[1] or found[2], 16))


def _base64(run: str) -> Iterator[str]:
    plain = run.replace("-", "+").replace("_", "/")
    for start in range(4):
        part = plain[start:]
        usable = part[: len(part) - (len(part) % 4 == 1)]
        try:
            yield _text(base64.b64decode(usable + "=" * (-len(usable) % 4)))
        except binascii.Error:
            continue


def _text(content: bytes) -> str:
    """Bytes as text: unpacked, if they are packed."""
    try:
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        elif content[:1] == b"\x78":
            content = zlib.decompress(content)
    except (OSError, EOFError, zlib.error):
        pass
    return content.decode(errors="replace")


def _strings(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """Each text of a JSON value and where it stands, keys included."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield f"{place}.{name}", name
            yield from _strings(item, f"{place}.{name}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _strings(item, f"{place}[{number}]")
    elif isinstance(value, str):
        yield place, value
    elif value is not None and not isinstance(value, bool):
        yield place, str(value)


def find_telltales(paths: Iterable[Path], rules: Rules) -> list[str]:
    """What committed cassettes show that no cassette may, without knowing any original.

    Each finding is a sentence with file and place. No file at all is a finding too: a gate that looked at
    nothing has seen nothing.
    """
    found, files = [], 0
    for path in paths:
        files += 1
        for place, value in _strings(json.loads(path.read_text(encoding="utf-8")), ""):
            found += [
                f"{path.parent.name}/{path.stem}: {what} at {place}" for what in _telltales(value, rules)
            ]
    return list(dict.fromkeys(found)) if files else ["No cassette was scanned: is the directory right?"]


def _telltales(value: str, rules: Rules) -> Iterator[str]:
    for text in stages(value):
        if any(not _is_example(email.rpartition("@")[2]) for email in EMAIL.findall(text)):
            yield "an e-mail address outside example.com"
        if any(host != rules.host and not _is_example(host.partition(":")[0]) for host in HOST.findall(text)):
            yield "a host that is neither the rules' own nor at example.com"
        for what, pattern in TOKENS.items():
            if pattern.search(text):
                yield what


def _is_example(host: str) -> bool:
    return host == "example.com" or host.endswith(".example.com")
