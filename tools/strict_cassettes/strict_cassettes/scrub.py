"""Scrubbing: of every interaction only what the rules keep, and pseudonyms for the rest.

vcrpy calls these hooks when it loads and at every match, and the recorder before it writes, so what was
scrubbed stays as it is: a request that goes to the rules' origin, and a response that carries this process's
mark.
"""

import math
import re
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from strict_cassettes.bodies import (
    BINARY,
    CHARSET,
    CSV,
    DIGEST,
    FORM,
    LENGTH,
    SEED,
    Body,
    UnkeptError,
    gather,
    listed,
    read_body,
)
from strict_cassettes.drawing import WORD
from strict_cassettes.pseudonyms import Pseudonyms
from strict_cassettes.rules import ADDRESSES, TOKENS, Rules

# In memory only, and different in each process: no server can send it, and no cassette holds it.
MARK = ("x-scrubbed", secrets.token_hex(16))
SEED_LETTERS = 12
# Where recordings are made, an address on this machine is the account's.
LOOPBACK = ("127.0.0.1", "localhost", "::1")
LINK = re.compile(r'<(?P<address>[^>]*)>(?:\s*;\s*rel="?(?P<relation>[a-z]+)"?)?[^,<]*')


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

    def learn(self, pairs: Iterable[tuple[Any, dict[str, Any]]]) -> None:
        """Every word of what is to be scrubbed, requests and responses: no pseudonym will be one of them."""
        known = self.pseudonyms.originals
        for request, response in pairs:
            for _, value in parse_qsl(urlsplit(request.uri).query):
                known.update(WORD.findall(value))
            for body in (asked_body(request), answered_body(response)):
                for text in _texts(body.plain if body else None):
                    known.update(WORD.findall(text))

    def request(self, request: Any) -> Any:
        """vcrpy's `before_record_request`: one that goes to the rules' origin was scrubbed."""
        parts = urlsplit(request.uri)
        if f"{parts.scheme}://{parts.netloc}" != self.rules.origin:
            return self.rewrite(request)
        if any(name in self.rules.asked_dropped for name, _ in parse_qsl(parts.query)):
            request.uri = urlunsplit(parts._replace(query=urlencode(self._shown(parts.query))))
        return request

    def _shown(self, query: str) -> list[tuple[str, str]]:
        """Parameters, but for those that no cassette shows."""
        pairs = parse_qsl(query, keep_blank_values=True)
        return [(name, value) for name, value in pairs if name not in self.rules.asked_dropped]

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
            for name, value in self._shown(parts.query)
        ]
        path, query = self.pseudonyms.path(parts.path), urlencode(asked, safe="@", errors="replace")
        request.uri = urlunsplit((origin.scheme, origin.netloc, path, query, ""))
        body = asked_body(request)
        request.body = self._question(body) if body else None
        return request

    def _question(self, body: Body) -> bytes:
        """The text of a request's body: what a scenario asks with is shown as its parameters are."""
        if body.kind == FORM:
            return self._form(body.value)
        if body.kind in (BINARY, CSV):
            return self.body(body)
        made = self.value(body.value)
        if isinstance(body.value, dict):
            own = {*self.rules.asked_kept, *self.rules.asked_like}
            texts = {name: one for name, one in body.value.items() if name in own and isinstance(one, str)}
            made |= self.all_asked(texts)
        return Body(body.kind, made).write()

    def _form(self, value: dict[str, Any]) -> bytes:
        pairs = [(name, one) for name, values in value.items() for one in listed(values)]
        asked = [(self.pseudonyms.parameter(name), self.asked(name, one)) for name, one in pairs]
        return Body(FORM, gather(asked)).write()

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
            header.lower(): [made for given in values if (made := self.header(header, given)) is not None]
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
            "body": {"string": self.body(answered_body(response))},
        }

    def header(self, name: str, value: str) -> str | None:
        """A response header's value as a cassette may show it; None where it may not be shown."""
        rules = self.rules
        if name.lower() not in rules.response_headers:
            return None
        if name.lower() == "content-type":
            # Text is written as UTF-8, whatever it was.
            charset = CHARSET.search(value)
            utf8 = charset is None or charset[1].lower() == "utf-8"
            return value if utf8 and rules.keeps_header(name, value) else plain_type(value)
        if rules.keeps_header(name, value):
            return value
        if name.lower() in TOKENS:
            return f'"{self.pseudonyms.key_of(value)}"'
        return self.links(value) if name.lower() in ADDRESSES else None

    def links(self, value: str) -> str:
        """The addresses of a header, each as a request to it would be shown, and their relations."""
        if not value.startswith("<"):
            return self.address(value)
        found = [
            f"<{self.address(link['address'])}>" + (f'; rel="{link["relation"]}"' if link["relation"] else "")
            for link in LINK.finditer(value)
        ]
        return ", ".join(found)

    def address(self, uri: str) -> str:
        """An address as a request to it would be shown; of another host, a pseudonym."""
        parts, origin = urlsplit(uri), urlsplit(self.rules.origin)
        own = not parts.netloc or self.rules.is_account(parts.netloc) or parts.netloc == origin.netloc
        if not (own or parts.hostname in LOOPBACK):
            return self.pseudonyms.url(uri)
        pairs = self._shown(parts.query)
        asked = [(self.pseudonyms.parameter(name), self.asked(name, value)) for name, value in pairs]
        scheme, netloc = (origin.scheme, origin.netloc) if parts.netloc else ("", "")
        query = urlencode(asked, safe="@", errors="replace")
        return urlunsplit((scheme, netloc, self.pseudonyms.path(parts.path), query, ""))

    def body(self, body: Body | None) -> bytes:
        """A body with only what may be kept."""
        if body is None:
            return b""
        if body.kind == BINARY:
            seed = body.value.get(SEED) or self.pseudonyms.spell(BINARY, body.value[DIGEST], SEED_LETTERS)
            return Body(BINARY, {LENGTH: body.value[LENGTH], SEED: seed}).write()

        if body.kind == CSV:
            columns = list(self.value(dict.fromkeys(body.value["columns"])))
            rows = self.value(body.value["rows"])
            return Body(CSV, body.value | {"columns": columns, "rows": rows}).write()
        return Body(body.kind, self.value(body.value)).write()

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


def asked_body(request: Any) -> Body | None:
    """What a request says; None also of what cannot be taken apart."""
    try:
        return read_body(request.body, _type_in(request.headers))
    except UnkeptError:
        return None


def answered_body(response: dict[str, Any]) -> Body | None:
    """What a response says; None also of what cannot be taken apart."""
    try:
        return read_body(response["body"]["string"], _type_in(response["headers"]))
    except UnkeptError:
        return None


def find_lost(request: Any, response: dict[str, Any], scrubber: Scrubber) -> str | None:
    """What of an interaction no cassette would show, so that it could not be replayed as it was; or None."""
    packed = _header_in(response["headers"], "content-encoding")
    if packed and response["body"]["string"]:
        return f"the body of the answer is packed as `{packed}`, which nothing here unpacks: ask for gzip"
    for what, content, headers in (
        ("the request", request.body, request.headers),
        ("the answer", response["body"]["string"], response["headers"]),
    ):
        try:
            read_body(content, _type_in(headers))
        except UnkeptError as error:
            return f"the body of {what} is {error}, which cannot be judged and is not kept"
    for name, values in response["headers"].items():
        if name.lower() in scrubber.rules.response_headers:
            lost = [value for value in values if scrubber.header(name, value) is None]
            if lost:
                return (
                    f"the header `{name.lower()}` has not the form in which it is kept: give it one under "
                    "[headers.forms], or leave it out of [headers] response"
                )
    return None


def plain_type(value: str) -> str | None:
    """A media type without the parameters that nobody needs; text is written as UTF-8."""
    kind = value.partition(";")[0].strip().lower()
    return f"{kind}; charset=utf-8" if re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", kind) else None


def _type_in(headers: Mapping[str, Any]) -> str:
    return _header_in(headers, "content-type")


def _header_in(headers: Mapping[str, Any], wanted: str) -> str:
    return next((str(listed(value)[0]) for name, value in headers.items() if name.lower() == wanted), "")


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
