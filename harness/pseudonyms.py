"""Pseudonyms: keyed, one-way, the same for the same value everywhere, and of the same form.

What stands for a text is written with consonants only: it cannot spell a word of anybody's by chance.
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from harness.rules import Rules

LETTERS = "bcdfghjklmnpqrst"
LONGEST_TEXT, LONGEST_NUMBER = 2048, 40
# 19 digits are Aha!'s ids, 63-bit numbers: the room above them is what their pseudonyms are spread over.
ORDERED_DIGITS = 19
ORDERED_FROM, ORDERED_TO, ORDERED_ROOM = 10**18, 2**63, 10**19 - 2**63
ROUNDS = 8

EMAIL = re.compile(r"[^@\s<>\"'()]+@[^@\s<>\"'()]+\.[^@\s<>\"'(),;]+")
WEB = re.compile(r"https?://[^\s<>\"']+")
REFERENCE = re.compile(r"[A-Z][A-Z0-9]{0,15}(-[A-Z]{1,3})?-\d{1,9}(-[A-Z]{1,3})?(-\d{1,9})?")
LONG_ID = re.compile(r"(?<!\d)\d{19}(?!\d)")
TOKEN = re.compile(
    "|".join(f"(?:{pattern.pattern})" for pattern in (WEB, EMAIL))
    + rf"|\b{REFERENCE.pattern}\b|{LONG_ID.pattern}"
)
TAGS = "a|b|blockquote|br|code|div|em|h[1-6]|hr|i|img|li|ol|p|pre|s|span|strong|table|t[dhr]|tbody|thead|u|ul"
MARKUP = re.compile(
    rf"<(?P<close>/?)(?P<tag>{TAGS})(?P<rest>[\s/][^<>]*)?>|&(?:amp|lt|gt|quot|nbsp|#39);", re.IGNORECASE
)
ADDRESS = re.compile(r"(href|src)\s*=\s*[\"']([^\"']*)[\"']", re.IGNORECASE)


class Pseudonyms:
    """The pseudonyms of one key.

    Args:
        key: a secret for real data. Who has it can tell whether a guess is right.
        rules: which hosts and words of paths are published.
    """

    def __init__(self, key: str, rules: Rules) -> None:
        self._key = hashlib.sha256(key.encode()).digest()
        self._rules = rules
        self.replaced: dict[str, set[str]] = {"part": set()}
        self.identity = lru_cache(maxsize=100_000)(self._identity)
        self._by_rule: dict[str, Callable[[str], str]] = {
            "id": self.identity,
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
        return self._spell("text", value, size * 3 // 4)

    def name(self, value: str) -> str:
        """Two capitalised words."""
        return f"{self._spell('name', value, 6).title()} {self._spell('surname', value, 7).title()}"

    def email(self, value: str) -> str:
        return f"{self._spell('email', value.lower(), 10)}@example.com" if "@" in value else self.text(value)

    def number(self, value: str) -> str:
        """A decimal with as many digits; other texts as texts."""
        if not re.fullmatch(r"-?\d+(\.\d+)?", value):
            return (
                self.html(value)
                if "<" in value
                else self.url(value)
                if WEB.fullmatch(value)
                else self.text(value)
            )
        digits = iter(str(self._number("number", value) % 10**40).zfill(40))
        # No leading zero comes in and none goes: "0.5" stays below 1.
        first = re.search(r"[1-9]", value)
        start = first.start() if first else len(value)
        return "".join(
            char if not char.isdigit() or place < start else str(int(next(digits)) % 9 + 1)
            for place, char in enumerate(value)
        )

    def reference(self, value: str) -> str:
        """`DEMO-I-12`: a prefix of as many letters, the same kind, as many digits."""
        prefix, *rest = value.split("-")
        if not re.fullmatch(r"[A-Z][A-Z0-9]*", prefix) or not all(
            re.fullmatch(r"[A-Z]{1,3}|\d{1,9}", part) for part in rest
        ):
            return self.text(value)
        parts = [part if part.isalpha() else self.identity(part) for part in rest]
        return "-".join([self._prefix(prefix), *parts])

    def _prefix(self, prefix: str) -> str:
        """As many letters, and another for every other prefix: a permutation of the numbers they spell."""
        number = sum(
            26**place * (ord(char) - ord("A"))
            for place, char in enumerate(reversed(prefix))
            if char.isalpha()
        )
        if not prefix.isalpha():
            return self._spell("prefix", prefix, len(prefix)).upper()
        high = 10 ** len(str(26 ** len(prefix)))
        while (number := self._permute(number, high)) >= 26 ** len(prefix):
            pass
        letters = ""
        for _ in prefix:
            number, letter = divmod(number, 26)
            letters = chr(ord("A") + letter) + letters
        return letters

    def url(self, value: str) -> str:
        """An address of the same form: published words stay, ids and references are mapped."""
        if value.startswith("mailto:"):
            return f"mailto:{self.email(value.removeprefix('mailto:'))}"
        try:
            parts = urlsplit(value)
            port = parts.port
        except ValueError:
            return self.text(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return self.text(value)
        own = (
            self._rules.is_account(parts.hostname) or parts.hostname == urlsplit(self._rules.origin).hostname
        )
        host = self._rules.host if own else f"{self._spell('host', parts.hostname, 8)}.example.com"
        place = host if own or not port else f"{host}:{port}"
        fragment = self._spell("fragment", parts.fragment, 6) if parts.fragment else ""
        return urlunsplit((parts.scheme, place, self.path(parts.path), self.query(parts.query), fragment))

    def path(self, path: str) -> str:
        return "/".join(quote(self._segment(unquote(segment))) for segment in path.split("/"))

    def query(self, query: str, *, own: bool = False) -> str:
        """Parameters: kept, mapped as ids, or replaced, name and value.

        What the rules keep is kept in requests of `own`, which a scenario makes; elsewhere only numbers are.
        """
        out = []
        for name, value in parse_qsl(query, keep_blank_values=True):
            if name in self._rules.query_kept and (own or re.fullmatch(r"\d{1,4}|true|false", value)):
                out.append((name, value))
            elif name in self._rules.query_ids:
                out.append((name, self.identity(value)))
            else:
                known = name in self._rules.published
                out.append((name if known else self._spell("parameter", name, 6), self._segment(value)))
        return urlencode(out, errors="replace")

    def html(self, value: str) -> str:
        """The same tags around other text; addresses, e-mails, references and long ids in it are mapped."""
        out, end = [], 0
        for found in MARKUP.finditer(value):
            out += [self._prose(value[end : found.start()]), self._tag(found)]
            end = found.end()
        return "".join([*out, self._prose(value[end:])])

    def _tag(self, found: re.Match[str]) -> str:
        if not found["tag"]:
            return found[0]
        kept = "".join(
            f' {name.lower()}="{self.url(address)}"' for name, address in ADDRESS.findall(found["rest"] or "")
        )
        return f"<{found['close']}{found['tag'].lower()}{kept}>"

    def _prose(self, value: str) -> str:
        out, end = [], 0
        for found in TOKEN.finditer(value):
            out += [self._plain(value[end : found.start()]), self._known(found[0])]
            end = found.end()
        return "".join([*out, self._plain(value[end:])])

    def _plain(self, value: str) -> str:
        if not value.strip():
            return value
        self.replaced["part"].add(value.strip())
        return self.text(value)

    def _known(self, token: str) -> str:
        # A sentence's end is not the address's.
        end = len(token.rstrip(".,;:!?)"))
        return self._token(token[:end]) + token[end:]

    def _token(self, token: str) -> str:
        self.replaced["part"].add(token)
        if WEB.fullmatch(token):
            return self.url(token)
        if EMAIL.fullmatch(token):
            return self.email(token)
        return self.identity(token) if token.isdigit() else self.reference(token)

    def _segment(self, segment: str) -> str:
        if not segment or segment in self._rules.words:
            return segment
        self.replaced["part"].add(segment)
        if segment.isdecimal() and segment.isascii():
            return self.identity(segment)
        if EMAIL.fullmatch(segment):
            return self.email(segment)
        return self.reference(segment) if REFERENCE.fullmatch(segment) else self._spell("segment", segment, 8)

    def _identity(self, value: str) -> str:
        """As many digits. 19 digits keep their order; fewer are permuted."""
        if not re.fullmatch(r"[1-9][0-9]*", value):
            return value if value == "0" else self.text(value)
        if len(value) > LONGEST_NUMBER:
            return self.text(value)
        number, length = int(value), len(value)
        if length == ORDERED_DIGITS and number < ORDERED_TO:
            return str(number + self._shift(number))
        low, high = 10 ** (length - 1), 10**length
        # Cycle-walking: a permutation of a larger range, until it falls into ours.
        while True:
            number = self._permute(number, high)
            if number >= low:
                return str(number)

    def _shift(self, number: int) -> int:
        """How far an ordered id moves: never less than a smaller one, so that no two meet.

        The room is divided between the halves of the range by a keyed number, and so on within each half.
        """
        low, high, shift, room = ORDERED_FROM, ORDERED_TO, 0, ORDERED_ROOM
        while high - low > 1 and room:
            middle = (low + high) // 2
            left = self._number("room", f"{low} {high}") % (room + 1)
            if number < middle:
                high, room = middle, left
            else:
                low, shift, room = middle, shift + left, room - left
        return shift

    def _permute(self, number: int, size: int) -> int:
        """A keyed permutation of the numbers below `size`, which is a power of ten: a Feistel network."""
        digits = len(str(size - 1))
        right_size = 10 ** (digits // 2)
        left_size = size // right_size
        left, right = divmod(number, right_size)
        for step in range(ROUNDS):
            if step % 2:
                right = (right + self._number("feistel", f"{digits} {step} {left}")) % right_size
            else:
                left = (left + self._number("feistel", f"{digits} {step} {right}")) % left_size
        return int(left * right_size + right)

    def _number(self, use: str, value: str) -> int:
        return int.from_bytes(self._digest(use, value))

    def _digest(self, use: str, value: str) -> bytes:
        return hmac.new(self._key, f"{use}:{value}".encode(errors="surrogatepass"), hashlib.sha256).digest()

    def _spell(self, use: str, value: str, length: int) -> str:
        """`length` characters: words of seven letters in a text, one word elsewhere."""
        out, block = "", 0
        while len(out) < length:
            digest = self._digest(use, f"{block}:{value}")
            out += "".join(LETTERS[byte >> 4] + LETTERS[byte & 15] for byte in digest)
            block += 1
        if use == "text":
            out = " ".join(out[start : start + 7] for start in range(0, len(out), 7))
        return out[: length - 1] + out[length - 1].replace(" ", "b")
