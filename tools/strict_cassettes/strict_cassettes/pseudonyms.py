"""Pseudonyms: one-way, the same for the same value everywhere, and of the same form."""

import re
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from strict_cassettes.drawing import Drawing
from strict_cassettes.rules import Rules

LONGEST_TEXT = 2048
# What stands for a text with tags ends after this many characters; nobody reads on.
LONGEST_HTML = 4096
# A number of more digits is read by no program as a number.
LONGEST_NUMBER = 300

# Bounded, as addresses are: a megabyte without white space is looked through once.
EMAIL = re.compile(r"[^@\s<>\"'()]{1,64}@[^@\s<>\"'()]{1,190}\.[^@\s<>\"'(),;]{1,63}")
WEB = re.compile(r"https?://[^\s<>\"']+")
REFERENCE = re.compile(r"[A-Z][A-Z0-9]{0,15}(-[A-Z]{1,3})?-[0-9]{1,9}(-[A-Z]{1,3})?(-[0-9]{1,9})?")
LONG_ID = re.compile(r"(?<!\d)[0-9]{19}(?!\d)")
DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")
TOKEN = re.compile(
    "|".join(f"(?:{pattern.pattern})" for pattern in (WEB, EMAIL))
    + rf"|\b{REFERENCE.pattern}\b|{LONG_ID.pattern}"
)
TAGS = "a|b|blockquote|br|code|div|em|h[1-6]|hr|i|img|li|ol|p|pre|s|span|strong|table|t[dhr]|tbody|thead|u|ul"
MARKUP = re.compile(
    rf"<(?P<close>/?)(?P<tag>{TAGS})(?P<rest>[\s/][^<>]*)?>|&(?:amp|lt|gt|quot|nbsp|#39);", re.IGNORECASE
)
ADDRESS = re.compile(r"(href|src)\s*=\s*[\"']([^\"']*)[\"']", re.IGNORECASE)
# A run of text, and what may stand around it and says nothing.
AROUND = r"[\s.,;:!?()\[\]\"'-]*"
RUN = re.compile(rf"(?P<before>{AROUND})(?P<run>.*?)(?P<after>{AROUND})", re.DOTALL)


class Pseudonyms(Drawing):
    """The pseudonyms of one key.

    Args:
        key: see `Drawing`.
        rules: which hosts and words of paths are published.
    """

    def __init__(self, key: str, rules: Rules) -> None:
        super().__init__(key)
        self._rules = rules
        # Parts of addresses that name the account, and what a replay asks for instead.
        self.stand_ins: dict[str, str] = {}
        self._known = lru_cache(maxsize=100_000)(self._identity)
        self._by_rule: dict[str, Callable[[str], str]] = {
            "id": self._known,
            "reference": self.reference,
            "email": self.email,
            "name": self.name,
            "url": self.url,
            "html": self.html,
            "number": self.number,
        }

    def of(self, rule: str, value: str) -> str:
        """What stands for `value`; a text where it has not the form that its rule expects."""
        return self._by_rule.get(rule, self.text)(value)

    def text(self, value: str) -> str:
        """A text of the same class of length: up to 8, 16, 32, ... characters."""
        size = 8
        while size < min(len(value), LONGEST_TEXT):
            size *= 2
        return self.spell("text", value, size * 3 // 4)

    def name(self, value: str) -> str:
        """Two capitalised words."""
        words = self.spell("name", value, 6), self.spell("surname", value, 7)
        return self.issue(" ".join(words).title())

    def email(self, value: str) -> str:
        return f"{self.spell('email', value.lower(), 10)}@example.com" if "@" in value else self.text(value)

    def number(self, value: str) -> str:
        """Another decimal with as many digits; other texts as texts."""
        if DECIMAL.fullmatch(value):
            return self.decimal(value)
        if "<" in value:
            return self.html(value)
        return self.url(value) if WEB.fullmatch(value) else self.text(value)

    def identity(self, value: str) -> str:
        """An id of as many digits; what is no number is a word."""
        return self._known(value)

    def _identity(self, value: str) -> str:
        if not DECIMAL.fullmatch(value):
            return self.key_of(value)
        found = re.fullmatch(r"(0*)([0-9]*)", value)
        if not found or len(value) > LONGEST_NUMBER:
            return self.decimal(value)
        zeros, number = found.groups()
        # Nobody is told from another by zeros alone.
        return self.issue(zeros + self.integer(number) if number else zeros)

    def reference(self, value: str) -> str:
        """`DEMO-I-12`: a prefix of as many letters, the same kind, as many digits."""
        prefix, *rest = value.split("-")
        if not re.fullmatch(r"[A-Z][A-Z0-9]{0,15}", prefix) or not all(
            re.fullmatch(r"[A-Z]{1,3}|[0-9]{1,9}", part) for part in rest
        ):
            return self.text(value)
        return "-".join([self._prefix(prefix), *map(self._part, rest)])

    def _prefix(self, prefix: str) -> str:
        if prefix.isalpha():
            return self.prefix(prefix)
        return self.issue(self.spell("prefix", prefix, len(prefix)).upper())

    def _part(self, part: str) -> str:
        if part.isdecimal():
            return self.identity(part)
        # One letter is a kind of record; more may be anything.
        return self.issue(part) if len(part) == 1 else self.prefix(part)

    def url(self, value: str) -> str:
        """An address of the same form: published words stay, ids and references are mapped."""
        if value.startswith("mailto:"):
            return f"mailto:{self.email(value.removeprefix('mailto:'))}"
        try:
            parts = urlsplit(value)
        except ValueError:
            return self.text(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return self.text(value)
        own = (
            self._rules.is_account(parts.hostname) or parts.hostname == urlsplit(self._rules.origin).hostname
        )
        host = self._rules.host if own else f"{self.spell('host', parts.hostname, 8)}.example.com"
        fragment = self.spell("fragment", parts.fragment, 6) if parts.fragment else ""
        query = self._query(parts.query, own=own)
        return urlunsplit((parts.scheme, host, self.path(parts.path), query, fragment))

    def path(self, path: str) -> str:
        return "/".join(quote(self.segment(unquote(segment)), safe="@") for segment in path.split("/"))

    def _query(self, query: str, *, own: bool) -> str:
        """Parameters of an address in an answer: numbers of the account's own pages stay, nothing else."""
        out = []
        for name, value in parse_qsl(query, keep_blank_values=True):
            if own and name in self._rules.address_counts and re.fullmatch(r"[0-9]{1,4}", value):
                out.append((name, self.issue(value)))
            else:
                out.append((self.parameter(name), self.segment(value)))
        return urlencode(out, safe="@", errors="replace")

    def parameter(self, name: str) -> str:
        """The name of a parameter: published, or replaced."""
        return name if name in self._rules.published else self.spell("parameter", name, 6)

    def segment(self, segment: str) -> str:
        """A part of a path, or a parameter's value: a published word, an id, an address, or a word."""
        if not segment or segment in self._rules.words:
            return segment
        if segment in self.stand_ins:
            return self.issue(self.stand_ins[segment])
        if re.fullmatch(r"[0-9]+", segment):
            return self.identity(segment)
        if EMAIL.fullmatch(segment):
            return self.email(segment)
        return self.key_of(segment)

    def key_of(self, value: str) -> str:
        """What a record is known by where that is no number: the same in a path and in a field."""
        return self.reference(value) if REFERENCE.fullmatch(value) else self.spell("key", value, 8)

    def html(self, value: str) -> str:
        """The same tags around other text; addresses, e-mails, references and long ids in it are mapped."""
        out, end, length = [], 0, 0
        for found in MARKUP.finditer(value):
            out += [self._prose(value[end : found.start()]), self._tag(found)]
            end, length = found.end(), length + len(out[-2]) + len(out[-1])
            if length > LONGEST_HTML:
                return "".join(out)
        return "".join([*out, self._prose(value[end:])])

    def _tag(self, found: re.Match[str]) -> str:
        if not found["tag"]:
            return found[0]
        kept = "".join(
            f' {name.lower()}="{self.url(address)}"' for name, address in ADDRESS.findall(found["rest"] or "")
        )
        return f"<{found['close']}{found['tag'].lower()}{kept}>"

    def _prose(self, value: str) -> str:
        out, end = "", 0
        for found in TOKEN.finditer(value):
            out = _apart(_apart(out, self._plain(value[end : found.start()])), self._token(found[0]))
            end = found.end()
        return _apart(out, self._plain(value[end:]))

    def _plain(self, value: str) -> str:
        """A run of text without anything known in it; white space and points around it stay."""
        found = RUN.fullmatch(value)
        if found is None or not found["run"]:
            return value
        return f"{found['before']}{self.text(found['run'])}{found['after']}"

    def _token(self, token: str) -> str:
        # A sentence's end is not the address's.
        end = len(token.rstrip(".,;:!?)"))
        token, rest = token[:end], token[end:]
        if WEB.fullmatch(token):
            return self.url(token) + rest
        if EMAIL.fullmatch(token):
            return self.email(token) + rest
        return (self.identity(token) if token.isdigit() else self.reference(token)) + rest


def _apart(before: str, after: str) -> str:
    """Two pieces one after the other, and a space where they would become one word."""
    return f"{before} {after}" if before[-1:].isalnum() and after[:1].isalnum() else before + after
