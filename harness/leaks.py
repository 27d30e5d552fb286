"""The leak gate: no secret and no replaced value stands in a cassette, plain or encoded.

Everything is decoded as far as it goes (JSON escapes, percent, HTML, base64 at any alignment, hex, gzip) and
searched in each stage. A finding names the place, never the value.
"""

import base64
import binascii
import html
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from harness.pseudonyms import TAGS
from harness.rules import Rules

SHORTEST = 4
DEPTH = 3
BASE64 = re.compile(r"[A-Za-z0-9+/_-]{6,}")
BROKEN_LINES = re.compile(r"(?<=[A-Za-z0-9+/=])\r?\n(?=[A-Za-z0-9+/=])")
HEXADECIMAL = re.compile(r"[0-9a-fA-F]{8,}")
# JSON's and Python's escapes; of a text that was escaped twice, another stage undoes the second.
ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([\"/\\bfnrt]))")
CONTROLS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
GZIP = b"\x1f\x8b\x08"
SAYS_SOMETHING = re.compile(r"\w")

# What a committed cassette must not hold, whoever recorded it.
EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
HOST = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//([\w-]+(?:\.[\w-]+)+(?::\d+)?)")
NAME = re.compile(r"[\w-]+(?:\.[\w-]+)+")
TOKENS = {
    "a bearer token": re.compile(r"(?i)\b(?:bearer|basic|token|api[_-]?key)\b[\s:=]+[\w.~+/-]{8,}"),
    "a JSON web token": re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}"),
    "a hexadecimal key": re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])", re.IGNORECASE),
}


class Gate:
    """Searches for original values.

    Args:
        rules: what may be kept. A value that its rule keeps is no finding, whatever else it was elsewhere.
        originals: what must not be found, of at least four characters that say something.
        secrets: what must not be found whatever it is, and wherever.
    """

    def __init__(self, rules: Rules, originals: Iterable[str], secrets: Iterable[str] = ()) -> None:
        self._rules = rules
        self._secrets = [secret for secret in secrets if secret]
        self._by_start: dict[str, list[str]] = {}
        for original in originals:
            if len(original) >= SHORTEST and SAYS_SOMETHING.search(original):
                self._by_start.setdefault(original[:SHORTEST], []).append(original)
        self._clean: set[str] = set()

    def find(self, content: bytes) -> list[str]:
        """The places in a cassette file where an original stands; empty if there is none."""
        text = content.decode(errors="replace")
        try:
            data = json.loads(text)
        except ValueError:
            return ["the file's text"] if self._leaks(text) else []
        found = [
            place for place, value, kept in strings(data, self._rules) if not kept and self._leaks(value)
        ]
        if not found and (
            any(secret in text for secret in self._secrets) or self._leaks(_between_values(text))
        ):
            found = ["the file's text"]
        return list(dict.fromkeys(found))

    def _leaks(self, value: str) -> bool:
        if value in self._clean:
            return False
        if any(map(self._leaks_plainly, stages(value))):
            return True
        self._clean.add(value)
        return False

    def _leaks_plainly(self, text: str) -> bool:
        return any(secret in text for secret in self._secrets) or any(
            self._stands(original, text, start)
            for start in range(len(text) - SHORTEST + 1)
            for original in self._by_start.get(text[start : start + SHORTEST], ())
        )

    def _stands(self, original: str, text: str, start: int) -> bool:
        if not text.startswith(original, start):
            return False
        # A number within a longer number is another number; a published word, another word.
        end = start + len(original)
        before, after = text[start - 1 : start], text[end : end + 1]
        if original.isdecimal():
            return not (before.isdecimal() or after.isdecimal())
        if before in ("<", "/") and after in (">", " ", "/") and re.fullmatch(TAGS, original, re.IGNORECASE):
            return False
        return not (original in self._rules.published and not before.isalnum() and not after.isalnum())


def _between_values(text: str) -> str:
    """A JSON file without what its parser gives: nothing but punctuation, if all is well."""
    return re.sub(r'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[\s{}\[\]:,]+', "", text)


def stages(value: str, depth: int = DEPTH) -> Iterator[str]:
    """A text, and all that decoding makes of it or of parts of it."""
    yield value
    if not depth:
        return
    decoded = {unquote_plus(value), html.unescape(value), _unescaped(value), BROKEN_LINES.sub("", value)}
    for run in BASE64.findall(value):
        decoded |= set(_base64(run))
    for run in HEXADECIMAL.findall(value):
        decoded |= {_text(bytes.fromhex(part[: len(part) // 2 * 2])) for part in (run, run[1:])}
    for text in decoded - {value}:
        if len(text) >= SHORTEST:
            yield from stages(text, depth - 1)


def _unescaped(value: str) -> str:
    def plain(found: re.Match[str]) -> str:
        code = found[1] or found[2]
        return chr(int(code, 16)) if code else CONTROLS.get(found[3], found[3])

    # Characters beyond the first plane are escaped as two halves.
    halves = ESCAPE.sub(plain, value).encode("utf-16", "surrogatepass")
    return halves.decode("utf-16", "replace")


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
    """Bytes as text: unpacked, if they are packed or hold something packed."""
    start = content.find(GZIP)
    packed, bits = (content[start:], zlib.MAX_WBITS | 16) if start >= 0 else (content, zlib.MAX_WBITS)
    if start >= 0 or content[:1] == b"\x78":
        with suppress(zlib.error):
            content = zlib.decompressobj(bits).decompress(packed)
    return content.decode(errors="replace")


def strings(
    value: Any, rules: Rules, place: str = "", path: tuple[str, ...] = ()
) -> Iterator[tuple[str, str, bool]]:
    """Each text and number of a cassette: where it stands, what it is, and whether a rule keeps it.

    Field names are texts too; kept are those that the rules name.
    """
    if isinstance(value, dict):
        for name, item in value.items():
            yield f"{place}.{name}", name, rules.keeps_key(name) or path == ()
            yield from strings(item, rules, f"{place}.{name}", (*path, name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from strings(item, rules, f"{place}[{number}]", path)
    elif value is not None and not isinstance(value, bool):
        yield place, str(value), rules.keeps_in_cassette(path, str(value))


def find_telltales(paths: Iterable[Path], rules: Rules) -> list[str]:
    """What committed cassettes show that no cassette may, without knowing any original.

    Each finding is a sentence with file and place. No file at all is a finding too: a gate that looked at
    nothing has seen nothing.
    """
    found, files = [], 0
    for path in paths:
        files += 1
        for place, value, _ in strings(json.loads(path.read_text(encoding="utf-8")), rules):
            found += [
                f"{path.parent.name}/{path.stem}: {what} at {place}" for what in _telltales(value, rules)
            ]
    return list(dict.fromkeys(found)) if files else ["No cassette was scanned: is the directory right?"]


@lru_cache(maxsize=50_000)
def _telltales(value: str, rules: Rules) -> tuple[str, ...]:
    """What a value tells; cassettes say the same things over and over."""
    return tuple(dict.fromkeys(what for text in stages(value) for what in _told(text, rules)))


def _told(text: str, rules: Rules) -> Iterator[str]:
    if any(not _is_example(email.rpartition("@")[2]) for email in EMAIL.findall(text)):
        yield "an e-mail address outside example.com"
    if any(host != rules.host and not _is_example(host.partition(":")[0]) for host in HOST.findall(text)):
        yield "a host that is neither the rules' own nor at example.com"
    if any(rules.is_account(host) and host != rules.host for host in NAME.findall(text)):
        yield "another account's host"
    for what, pattern in TOKENS.items():
        if pattern.search(text):
            yield what


def _is_example(host: str) -> bool:
    return host == "example.com" or host.endswith(".example.com")
