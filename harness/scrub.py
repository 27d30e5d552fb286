"""Scrubbing: of every interaction only what the rules keep, and pseudonyms for the rest.

vcrpy calls these hooks when it loads and at every match, and the recorder before it writes, so what was
scrubbed stays as it is: a request that goes to the rules' origin, and a response that carries this process's
mark.
"""

import json
import math
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from harness.drawing import WORD
from harness.pseudonyms import Pseudonyms
from harness.rules import Rules

# In memory only, and different in each process: no server can send it, and no cassette holds it.
MARK = ("x-scrubbed", secrets.token_hex(16))


class Scrubber:
    """Rewrites requests and responses.

    Args:
        rules: what is kept, and what stands for the rest.
        key: what pseudonyms are keyed with; a secret for live data.
        secrets: texts that must not come out anywhere, beside what is replaced.
        date: the `Date` of every answer, so that recordings of the same data are the same; None keeps it.

    Attributes:
        pseudonyms: what stands for what.
        replaced: rule → original values that were replaced, for the summary.
        names: pseudonym → field name that no rule knows.
    """

    def __init__(
        self, rules: Rules, key: str, secrets: tuple[str, ...] = (), date: str | None = None
    ) -> None:
        self.rules = rules
        self.date = date
        self.secrets = frozenset(secret for secret in secrets if secret)
        self.pseudonyms = Pseudonyms(key, rules)
        self.replaced: dict[str, set[str]] = defaultdict(set)
        self.names: dict[str, str] = {}

    def learn(self, requests: Iterable[Any], bodies: Iterable[bytes | str]) -> None:
        """Every word of what is to be scrubbed: no pseudonym will be one of them."""
        known = self.pseudonyms.originals
        for request in requests:
            for _, value in parse_qsl(urlsplit(request.uri).query):
                known.update(WORD.findall(value))
            for text in _texts(parse_body(request.body or "")):
                known.update(WORD.findall(text))
        for content in bodies:
            for text in _texts(parse_body(content)):
                known.update(WORD.findall(text))

    def request(self, request: Any) -> Any:
        """vcrpy's `before_record_request`: one that goes to the rules' origin was scrubbed."""
        parts = urlsplit(request.uri)
        return request if f"{parts.scheme}://{parts.netloc}" == self.rules.origin else self.rewrite(request)

    def rewrite(self, request: Any) -> Any:
        """A request as a cassette may show it, wherever it went."""
        request.headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() in self.rules.request_headers
        }
        parts, origin = urlsplit(request.uri), urlsplit(self.rules.origin)
        asked = [
            (self.pseudonyms.parameter(name), self.asked(name, value))
            for name, value in parse_qsl(parts.query, keep_blank_values=True)
        ]
        path, query = self.pseudonyms.path(parts.path), urlencode(asked, safe="@", errors="replace")
        request.uri = urlunsplit((origin.scheme, origin.netloc, path, query, ""))
        if request.body:
            request.body = self.body(request.body)
        return request

    def asked(self, name: str, value: str) -> str:
        """The value of a parameter, an option or an offset's field, as a cassette may show it."""
        if not value or self.rules.keeps_asked(name, value):
            return value
        like = self.rules.asked_like.get(name)
        return self._text(value, like) if like else self.pseudonyms.segment(value)

    def all_asked(self, given: Mapping[str, str]) -> dict[str, str]:
        """Options or an offset's fields, as `asked`."""
        return {name: self.asked(name, value) for name, value in given.items()}

    def response(self, response: dict[str, Any]) -> dict[str, Any]:
        """vcrpy's `before_record_response`."""
        name, value = MARK
        if response["headers"].get(name) == [value]:
            return response
        status = response["status"]["code"]
        kept = {
            header.lower(): [value for value in values if self.rules.keeps_header(header, value)]
            for header, values in response["headers"].items()
        }
        # What is left of a rate limit changes with every answer, and counts only where it is used up.
        headers = {
            header: values
            for header, values in kept.items()
            if values and (status == HTTPStatus.TOO_MANY_REQUESTS or not header.startswith("x-ratelimit"))
        }
        if self.date:
            headers["date"] = [self.date]
        return {
            "status": {"code": status, "message": reason_of(status)},
            "headers": headers | {name: [value]},
            "body": {"string": self.body(response["body"]["string"])},
        }

    def body(self, content: bytes | str) -> bytes:
        """A JSON body with only what may be kept; nothing of one that is not JSON."""
        data = parse_body(content)
        if data is None:
            return b""
        return json.dumps(self.value(data), ensure_ascii=False).encode(errors="replace")

    def value(self, value: Any, path: tuple[str, ...] = ()) -> Any:
        """A JSON value that stands at `path`, its keys from the root, as a cassette may show it."""
        if isinstance(value, dict):
            made: dict[str, Any] = {}
            for name, item in value.items():
                made[self._own_key(name, made)] = self.value(item, (*path, name))
            return made
        if isinstance(value, list):
            return [self.value(item, path) for item in value]
        if value is None or isinstance(value, bool) or value == "":
            return value
        if isinstance(value, str):
            return self._text(value, path)
        return self._number(value, path)

    def _number(self, value: int | float, path: tuple[str, ...]) -> int | float | str:
        if not math.isfinite(value):
            return self._replace("text", str(value))
        text = format(Decimal(repr(value)), "f")
        if value == 0:
            self.pseudonyms.issue(str(value))
            return value
        if self.rules.keeps(self.rules.rule_of(path), path, text):
            return value
        made = self._replace("id" if isinstance(value, int) and value > 0 else "number", text)
        number = type(value)(made)
        # The largest numbers of as many digits are too large for a float.
        number = number if math.isfinite(number) else type(value)(made[:-1])
        # The smallest floats have so few neighbours that other digits may be the same number.
        number = number if number != value or isinstance(value, int) else value + value
        self.pseudonyms.issue(str(number))
        return number

    def _text(self, value: str, path: tuple[str, ...]) -> str:
        rule = self.rules.rule_of(path)
        return value if self.rules.keeps(rule, path, value) else self._replace(rule, value)

    def _own_key(self, name: str, others: Mapping[str, Any]) -> str:
        """A name that none of the `others` has: two may not become one."""
        made = self._key(name)
        while made in others:
            made = self.pseudonyms.spell("twin", f"{made} {name}", 8)
            self.names[made] = name
        return made

    def _key(self, name: str) -> str:
        if self.rules.keeps_key(name):
            return name
        if name.isdecimal():
            return self._replace("id", name)
        # A name that nobody has listed may be data. Its pseudonym is a field's name again.
        made = self._replace("text", name).replace(" ", "_")
        self.names[made] = name
        return made

    def _replace(self, rule: str, value: str) -> str:
        made = self.pseudonyms.of(rule, value)
        if made != value:
            self.replaced[rule].add(value)
        return made


def parse_body(content: bytes | str) -> Any:
    """The JSON of a body, or None where it is none. What JSON has not (NaN) is read as a text."""
    try:
        return json.loads(content, parse_constant=str)
    except (ValueError, RecursionError):
        return None


def _texts(value: Any) -> Iterator[str]:
    """All texts and names of fields in a JSON value."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            yield from item
            pending += item.values()
        elif isinstance(item, list):
            pending += item
        elif isinstance(item, str):
            yield item


def reason_of(status: int) -> str:
    """The standard's own phrase: a server's may say more."""
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
