"""Scrubbing: of every interaction only what the rules keep, and pseudonyms for the rest.

vcrpy calls these hooks when it records, when it loads and at every match, so what was scrubbed stays as it
is: a request that goes to the rules' origin, and a response that carries this process's mark.
"""

import json
import secrets
from collections import defaultdict
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from harness.pseudonyms import Pseudonyms
from harness.rules import FIELD_NAME, Rules

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
        all_names: whether field names that no rule knows are kept: where nothing is written down.
        replaced: rule → original values that were replaced, for the leak gate and the summary.
    """

    def __init__(
        self, rules: Rules, key: str, secrets: tuple[str, ...] = (), date: str | None = None
    ) -> None:
        self.rules = rules
        self.all_names = False
        self.date = date
        self._pseudonyms = Pseudonyms(key, rules)
        self.replaced: dict[str, set[str]] = defaultdict(set)
        self.replaced["secret"] = {secret for secret in secrets if secret}

    def request(self, request: Any) -> Any:
        """vcrpy's `before_record_request`."""
        request.headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() in self.rules.request_headers
        }
        parts = urlsplit(request.uri)
        if f"{parts.scheme}://{parts.netloc}" != self.rules.origin:
            origin = urlsplit(self.rules.origin)
            path, query = self._pseudonyms.path(parts.path), self._pseudonyms.query(parts.query, own=True)
            request.uri = urlunsplit((origin.scheme, origin.netloc, path, query, ""))
            self._note_replaced()
        return request

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
        body = self.body(response["body"]["string"])
        return {
            "status": {"code": status, "message": reason_of(status)},
            "headers": headers | {name: [value]},
            "body": {"string": body},
        }

    def body(self, content: bytes | str) -> bytes:
        """A JSON body with only what may be kept; nothing of one that is not JSON."""
        try:
            data = json.loads(content, parse_constant=str)
            scrubbed = json.dumps(self.value(data), ensure_ascii=False)
        except (ValueError, RecursionError):
            return b""
        self._note_replaced()
        return scrubbed.encode(errors="replace")

    def value(self, value: Any, path: tuple[str, ...] = ()) -> Any:
        """A JSON value that stands at `path`, its keys from the root, as a cassette may show it."""
        if isinstance(value, dict):
            return {self._key(name): self.value(item, (*path, name)) for name, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, path) for item in value]
        if value is None or isinstance(value, bool) or value == "":
            return value
        if isinstance(value, str):
            return self._text(value, path)
        text = format(Decimal(repr(value)), "f")
        if value == 0 or self.rules.keeps(self.rules.rule_of(path), path, text):
            return value
        return type(value)(self._replace("id" if isinstance(value, int) and value > 0 else "number", text))

    def _text(self, value: str, path: tuple[str, ...]) -> str:
        rule = self.rules.rule_of(path)
        return value if self.rules.keeps(rule, path, value) else self._replace(rule, value)

    def _key(self, name: str) -> str:
        if self.rules.keeps_key(name) or (self.all_names and FIELD_NAME.fullmatch(name)):
            return name
        if name.isdecimal():
            return self._replace("id", name)
        # A name that nobody has listed may be data. Its pseudonym is a field's name again.
        return self._replace("text", name).replace(" ", "_")

    def _replace(self, rule: str, value: str) -> str:
        made = self._pseudonyms.of(rule, value)
        if made != value:
            self.replaced[rule].add(value)
        return made

    def _note_replaced(self) -> None:
        """Also the parts of what was replaced: what stood in an address, in a text, in a request."""
        for rule, values in self._pseudonyms.replaced.items():
            self.replaced[rule] |= values


def reason_of(status: int) -> str:
    """The standard's own phrase: a server's may say more."""
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
