"""The leak gate: a cassette holds what the rules publish, what a rule keeps, pseudonyms, and nothing else.

It does not search for originals, which some innocent word always resembles. It asks of every word that stands
in a cassette what it is doing there. So it refuses nothing by coincidence, and what was encoded, shortened or
glued to something else is as strange to it as what was forgotten. A finding names the place, never the value.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from strict_cassettes.bodies import listed
from strict_cassettes.drawing import LETTERS, WORD
from strict_cassettes.pseudonyms import MARKUP, REFERENCE
from strict_cassettes.rules import ADDRESSES, Rules

# Shorter secrets are looked for as whole words: "key" stands in many a field's name.
LONG_SECRET = 12
# Of fewer digits, an id may be its own pseudonym by chance, and says nothing by itself.
SHORTEST_ID = 10

HEADERS = ("response", "headers")
SMALL, CAPITAL = f"[{LETTERS}]", f"[{LETTERS.upper()}]"
# A pseudonym's form, for who does not know what was issued: a word of consonants, or digits.
PSEUDONYM = re.compile(rf"{SMALL}{{6,}}|{CAPITAL}{SMALL}{{5,}}|[0-9]+e?")
PREFIX = re.compile(r"[A-Z][A-Z0-9]*(-[A-Z0-9]+)*")
CONTROL = re.compile(r"[^\x20-\x7e\s]")
NOTHING = re.compile(r"[-\s.,;:!?()\[\]\"'0]*")


@dataclass(frozen=True)
class Finding:
    """Something that may not stand in a cassette.

    Attributes:
        place: where it stands, from the file's root.
        rule: the rule that was to replace it.
        what: what is wrong with it, without it.
    """

    place: str
    rule: str
    what: str

    def __str__(self) -> str:
        return f"{self.what} at {self.place} (rule `{self.rule}`)"


class Gate:
    """Judges cassettes.

    Args:
        rules: what is published, and what may be kept.
        issued: the pseudonyms of a recording; None where nobody knows them, as in committed cassettes: then
            whatever has a pseudonym's form passes for one.
        secrets: what must not be found whatever it is, and wherever.
    """

    def __init__(
        self, rules: Rules, issued: Iterable[str] | None = None, secrets: Iterable[str] = ()
    ) -> None:
        self._rules = rules
        self._issued = None if issued is None else frozenset(issued)
        self._secrets = [secret for secret in secrets if secret]
        self._is_clean = lru_cache(maxsize=100_000)(self._holds_nothing_else)

    def find(self, content: bytes) -> list[Finding]:
        """What does not belong into a cassette file; empty if it is clean."""
        text = content.decode(errors="replace")
        try:
            data = json.loads(text)
        except ValueError:
            return [Finding("the file", "none", "something else than JSON")]
        found = []
        for place, path, value, kept in strings(data, self._rules):
            rule = self._rules.rule_of(path)
            if any(_holds_secret(value, secret, kept=kept) for secret in self._secrets):
                found.append(Finding(place, rule, "a secret"))
            elif not kept and not self._is_clean(value, rule):
                found.append(Finding(place, rule, "what is neither published nor a pseudonym"))
        return list(dict.fromkeys(found))

    def _holds_nothing_else(self, value: str, rule: str) -> bool:
        bare = without_markup(value)
        if CONTROL.search(bare):
            return False
        if self._issued is None:
            # Capitals stand for something only in references.
            bare = REFERENCE.sub(" ", bare)
            if rule == "reference" and PREFIX.fullmatch(bare):
                return True
        return all(self._belongs(word) for word in re.findall(r"\w+", bare))

    def _belongs(self, word: str) -> bool:
        return word in self._rules.published or all(map(self._stands_for_something, WORD.findall(word)))

    def _stands_for_something(self, word: str) -> bool:
        if word in self._rules.published:
            return True
        return bool(PSEUDONYM.fullmatch(word)) if self._issued is None else word in self._issued


def _holds_secret(value: str, secret: str, *, kept: bool) -> bool:
    if len(secret) >= LONG_SECRET:
        return secret in value
    return not kept and bool(re.search(rf"(?<!\w){re.escape(secret)}(?!\w)", value))


def strings(
    value: Any, rules: Rules, place: str = "", path: tuple[str, ...] = ()
) -> Iterator[tuple[str, tuple[str, ...], str, bool]]:
    """Each text and number of a cassette: where it stands, by which keys, what it is, and whether a rule
    keeps it. Field names are texts too; kept are those that the rules name.
    """
    if isinstance(value, dict):
        for name, item in value.items():
            known = (
                rules.keeps_key(name)
                or path == ()
                or (path[1:] == HEADERS and name in rules.response_headers)
            )
            yield f"{place}.{name}", (*path, name), name, known
            if path[1:] == HEADERS and name in ADDRESSES:
                yield from _addresses(item, rules, f"{place}.{name}", (*path, name))
            else:
                yield from strings(item, rules, f"{place}.{name}", (*path, name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from strings(item, rules, f"{place}[{number}]", path)
    elif value is not None and not isinstance(value, bool):
        yield place, path, str(value), rules.keeps_in_cassette(path, str(value))


def _addresses(
    value: Any, rules: Rules, place: str, path: tuple[str, ...]
) -> Iterator[tuple[str, tuple[str, ...], str, bool]]:
    """The pieces of a header's addresses: what is asked with there is kept as it is in a request."""
    for text in listed(value):
        for piece in re.split(r"[<>,]", text):
            parts = urlsplit(piece.strip())
            yield place, path, f"{parts.scheme} {parts.netloc} {unquote(parts.path)}", False
            for name, asked in parse_qsl(parts.query, keep_blank_values=True):
                yield place, path, name, rules.keeps_key(name)
                yield place, path, asked, rules.keeps_asked(name, asked)


def find_unreplaced(raw: Any, made: Any, rules: Rules, path: tuple[str, ...] = ()) -> Iterator[Finding]:
    """Values of an answer that stand in its scrubbed form as they were, though no rule keeps them.

    Raises:
        ValueError: the two are not of the same form.
    """
    if isinstance(raw, dict):
        for (name, item), (made_name, made_item) in zip(raw.items(), made.items(), strict=True):
            if name == made_name and not rules.keeps_key(name) and _says_something(name, rules):
                yield _unreplaced(path, "name of a field", rules)
            yield from find_unreplaced(item, made_item, rules, (*path, name))
    elif isinstance(raw, list):
        for item, made_item in zip(raw, made, strict=True):
            yield from find_unreplaced(item, made_item, rules, path)
    elif raw == made and raw is not None and not isinstance(raw, bool):
        text = str(raw)
        if _says_something(text, rules) and not rules.keeps(rules.rule_of(path), path, text):
            yield _unreplaced(path, "value", rules)


def _says_something(text: str, rules: Rules) -> bool:
    """Whether a value may identify anybody: it is no short number, no punctuation, and not all published."""
    bare = without_markup(text)
    if (bare.isdecimal() and len(bare) < SHORTEST_ID) or NOTHING.fullmatch(bare):
        return False
    return bool(CONTROL.search(bare)) or not rules.published.issuperset(WORD.findall(bare))


def without_markup(text: str) -> str:
    """A text without the tags that anybody may use; what stands in them stays."""
    return MARKUP.sub(lambda found: found["rest"] or " ", text)


def _unreplaced(path: tuple[str, ...], what: str, rules: Rules) -> Finding:
    known = ".".join(name if rules.keeps_key(name) else "(a name)" for name in path)
    return Finding(f".{known}", rules.rule_of(path), f"a {what} that was not replaced")


def find_strangers(paths: Iterable[Path], rules: Rules) -> list[str]:
    """What committed cassettes show that no cassette may, without knowing any original.

    Each finding is a sentence with file and place. No file at all is a finding too: a gate that looked at
    nothing has seen nothing.
    """
    gate, found, files = Gate(rules), [], 0
    for path in paths:
        files += 1
        found += [f"{path.parent.name}/{path.stem}: {finding}" for finding in gate.find(path.read_bytes())]
    return found if files else ["No cassette was scanned: is the directory right?"]
