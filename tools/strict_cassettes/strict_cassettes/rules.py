"""The scrubbing rules: data from one file, and which rule a value falls under."""

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from strict_cassettes.bodies import LENGTH, SEED, XML_MARKS

# Without `re.ASCII`, `\d` takes digits of every script.
KEPT = {
    "time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII),
    "date": re.compile(r"\d{4}-\d\d-\d\d", re.ASCII),
    "color": re.compile(r"#[0-9a-f]{6}"),
    "flag": re.compile(r"true|false"),
    "count": re.compile(r"-?\d{1,9}", re.ASCII),
}
REPLACED = ("id", "reference", "email", "name", "url", "html", "number", "text")
KINDS = (*KEPT, "choice", *REPLACED)

# The cassette's own.
CASSETTE_NAMES = frozenset(
    ("format", "interactions", "request", "response", "method", "origin", "path", "query", "status", "reason")
) | {"headers", "body", "form", "kind", "columns", "rows", "delimiter", *XML_MARKS, LENGTH, SEED}
# What addresses and pseudonyms are made of.
ADDRESS_WORDS = ("http", "https", "mailto", "example", "com", "href", "src")
REASONS = frozenset(status.phrase for status in HTTPStatus)
NUMBER = re.compile(r"[0-9]{1,12}")
HTTP_DATE = r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"
HEADER_FORMS = {
    "content-type": re.compile(r"[a-z]+/[a-z0-9.+-]+(; ?charset=[A-Za-z0-9-]+)?"),
    "date": re.compile(HTTP_DATE, re.ASCII),
    "retry-after": re.compile(rf"\d{{1,9}}|{HTTP_DATE}", re.ASCII),
    "x-ratelimit-limit": NUMBER,
    "x-ratelimit-remaining": NUMBER,
    "x-ratelimit-reset": NUMBER,
}


# Headers that hold addresses, shown as requests to them are; and those that hold what a server made up.
ADDRESSES = frozenset(("link", "location", "content-location"))
TOKENS = frozenset(("etag",))
RELATIONS = ("rel", "next", "prev", "previous", "first", "last", "self")


class RulesError(Exception):
    """The rules cannot be used; says which line to change."""


@dataclass(frozen=True, eq=False)
class Rules:
    """One rule set.

    Attributes:
        version: raised with every change.
        origin: `scheme://host` of every request in a cassette.
        account_hosts: hosts that become the origin's; `*` stands for a label.
        request_headers, response_headers: those that are kept, lower-case.
        header_forms: response header → the form in which it is kept.
        asked_kept: parameters, options and offset fields whose values a scenario makes itself: kept.
        asked_dropped: those that no cassette shows and no request is matched by: a key in the address, say.
        asked_like: those that hold what stands at a path of an answer, and are scrubbed as it is.
        address_counts: parameters of the account's own addresses in answers whose small numbers are kept.
        paths: end of a path, as keys, and its rule.
        choices: key → patterns that are kept.
        words: of paths.
        names: fields whose name is kept though their value has no rule of its own.
        text: the parsed file as canonical JSON, from which the fingerprint is made.
    """

    version: int
    origin: str
    account_hosts: tuple[str, ...] = ()
    request_headers: frozenset[str] = frozenset()
    response_headers: frozenset[str] = frozenset()
    header_forms: Mapping[str, re.Pattern[str]] = field(default_factory=lambda: HEADER_FORMS)
    asked_kept: frozenset[str] = frozenset()
    asked_dropped: frozenset[str] = frozenset()
    asked_like: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    address_counts: frozenset[str] = frozenset()
    paths: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    choices: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    words: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    text: str = ""

    @property
    def host(self) -> str:
        return urlsplit(self.origin).netloc

    @property
    def fingerprint(self) -> str:
        """Changes with every change of a rule."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    def is_account(self, host: str) -> bool:
        """Whether a host is the recorded account's."""
        return any(
            re.fullmatch(name.replace(".", r"\.").replace("*", "[^.]+"), host) for name in self.account_hosts
        )

    def rule_of(self, path: tuple[str, ...]) -> str:
        """The rule of the value that stands at `path`, its keys from the root."""
        path = tuple(key for key in path if key not in XML_MARKS)
        for length in range(min(len(path), self._longest), 0, -1):
            end = path[-length:]
            found = self.paths.get(end) or next(
                (rule for pattern, rule in self._starred if len(pattern) == length and _fits(pattern, end)),
                None,
            )
            if found:
                return found
        return "text"

    def keeps(self, rule: str, path: tuple[str, ...], value: str) -> bool:
        """Whether a value has the form that its rule keeps."""
        if rule == "choice":
            pattern = self.choices.get(next((key for key in reversed(path) if key not in XML_MARKS), ""))
            return bool(pattern and pattern.fullmatch(value))
        return rule in KEPT and bool(KEPT[rule].fullmatch(value))

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self.paths), default=0)

    @cached_property
    def _starred(self) -> list[tuple[tuple[str, ...], str]]:
        return [(pattern, rule) for pattern, rule in self.paths.items() if any("*" in key for key in pattern)]

    def keeps_key(self, name: str) -> bool:
        """Whether a JSON key is the name of a field that the rules, or the code below, know."""
        return name in self.published

    def keeps_in_cassette(self, path: tuple[str, ...], value: str) -> bool:
        """Whether a value of a finished cassette, at `path` from the file's root, is one that was kept.

        The body by its rule; of the request and the headers, what `scrub` lets through.
        """
        place = path[1:] if path[:1] == ("interactions",) else path
        if place in (("response", "kind"), ("response", "body", "delimiter"), ("response", "body", LENGTH)):
            return True
        if place[:2] == ("request", "body") and len(place) == 3 and self.keeps_asked(place[2], value):
            return True
        if place[:2] in (("response", "body"), ("request", "body")):
            return self.keeps(self.rule_of(place[2:]), place[2:], value) if len(place) > 2 else False
        if place[:2] in (("request", "query"), ("request", "form")):
            return len(place) > 2 and self.keeps_asked(place[2], value)
        if place[:2] == ("response", "headers"):
            return len(place) > 2 and self.keeps_header(place[2], value)
        if place in (("request", "origin"), ("request", "method")):
            return value in (self.origin, "GET", "HEAD", "POST")

        return place in (("response", "status"), ("format",)) or (
            place == ("response", "reason") and value in REASONS
        )

    def keeps_asked(self, name: str, value: str) -> bool:
        """Whether the value of a parameter, an option or an offset's field is kept."""
        like = self.asked_like.get(name)
        return name in self.asked_kept or bool(like and self.keeps(self.rule_of(like), like, value))

    def keeps_header(self, name: str, value: str) -> bool:
        """Whether a response header is kept: by its name, and only in the form that it is documented with."""
        form = self.header_forms.get(name.lower())
        return name.lower() in self.response_headers and bool(form and form.fullmatch(value))

    @cached_property
    def published(self) -> frozenset[str]:
        """Words that the rules publish: they say nothing about anybody."""
        names = {name for pattern in self.paths for name in pattern if not name.startswith("*")}
        return frozenset(
            {*names, *self.names, *self.words, *self.asked_kept, *self.asked_like, *self.address_counts}
            | {
                *self.host.split("."),
                *ADDRESS_WORDS,
                *(RELATIONS if ADDRESSES & self.response_headers else ()),
            }
        )


def _header_forms(headers: dict[str, Any]) -> dict[str, re.Pattern[str]]:
    """Header → form, the documented ones and the rules' own.

    Raises:
        RulesError: a header is to be kept, and nobody knows how.
    """
    own = {name.lower(): re.compile(form) for name, form in headers.get("forms", {}).items()}
    forms = {**HEADER_FORMS, **own}
    for name in headers["response"]:
        if name not in (*forms, *ADDRESSES, *TOKENS):
            raise RulesError(
                f"[headers] response names `{name}`, of which no form is known: give one under "
                f"[headers.forms], `{name} = '[0-9]{{1,9}}'`, say."
            )
    return forms


def _fits(pattern: tuple[str, ...], end: tuple[str, ...]) -> bool:
    return all(
        key.endswith(name[1:]) and key != name[1:] if name.startswith("*") else key == name
        for name, key in zip(pattern, end, strict=True)
    )


def load_rules(path: Path) -> Rules:
    """Read a rule set.

    Raises:
        RulesError: it is not valid TOML, lacks something, or names a rule that does not exist.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RulesError(f"{path.name} cannot be read: {error}") from None
    try:
        return _parse(data)
    except KeyError as error:
        raise RulesError(f"{path.name} lacks {error}.") from None
    except (RulesError, TypeError, AttributeError, re.error) as error:
        raise RulesError(f"{path.name}: {error}") from None


def _parse(data: dict[str, Any]) -> Rules:
    for name, rule in data["paths"].items():
        if rule not in KINDS:
            raise RulesError(f"[paths] {name} = {rule!r} is no rule; there are {', '.join(KINDS)}.")
        if rule == "choice" and name.rpartition(".")[2] not in data["choices"]:
            raise RulesError(f"[paths] {name} is a choice, and [choices] does not say of what.")
        if "*" in name and rule not in REPLACED:
            raise RulesError(
                f"[paths] {name} = {rule!r} would keep what a field of tomorrow holds: a rule that keeps "
                "values names its field in full."
            )
    return Rules(
        version=int(data["version"]),
        origin=str(data["origin"]),
        account_hosts=tuple(data.get("account_hosts", ())),
        request_headers=frozenset(data["headers"]["request"]),
        response_headers=frozenset(data["headers"]["response"]),
        header_forms=_header_forms(data["headers"]),
        asked_kept=frozenset(data["asked"]["keep"]),
        asked_dropped=frozenset(data["asked"].get("drop", ())),
        asked_like={name: tuple(path.split(".")) for name, path in data["asked"].get("like", {}).items()},
        address_counts=frozenset(data.get("addresses", {}).get("counts", ())),
        paths={tuple(name.split(".")): rule for name, rule in data["paths"].items()},
        choices={
            name: re.compile("|".join(f"(?:{one})" for one in some)) for name, some in data["choices"].items()
        },
        words=frozenset(data["routes"]["words"]),
        names=frozenset(data.get("names", {}).get("keep", ())) | CASSETTE_NAMES,
        text=json.dumps(data, sort_keys=True),
    )
