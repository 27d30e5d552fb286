"""Faults made from recordings: what a scenario's answers would have been on a bad day.

A fault is data (see `[fault.*]` in the matrix): `status` and `headers` replace the recorded ones, `body` the
body; `cut` leaves half of the recorded body, `html` wraps it in a page, `raises` names an exception.
"""

import html
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from unittest.mock import patch

import requests
from requests.adapters import HTTPAdapter

from strict_cassettes.cassettes import Entry, body_of, matching_key, request_of
from strict_cassettes.tape import LATER

KEYS = ("status", "headers", "body", "cut", "html", "raises")


class FaultyReplayError(AssertionError):
    """A request that no recorded interaction answers."""


@dataclass
class Faulty:
    """Recorded answers, and a fault at some of them.

    Attributes:
        entries: the interactions of a cassette.
        fault: what happens.
        at: the number of the request at which it happens first, counted from 0.
        times: how often it happens.
        sent: requests so far.
        hit: how often the fault happened.
        struck: the last request that it happened to: method and path.
    """

    entries: list[Entry]
    fault: Mapping[str, Any]
    at: int = 0
    times: int = 1
    sent: int = 0
    hit: int = 0
    struck: str = ""
    _recorded: dict[Any, list[Entry]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = set(self.fault) - set(KEYS)
        if unknown:
            raise ValueError(f"a fault has no `{sorted(unknown)[0]}`; there are {', '.join(KEYS)}")
        for entry in self.entries:
            self._recorded.setdefault(matching_key(entry["request"]), []).append(entry)

    def answer(self, request: requests.PreparedRequest) -> requests.Response:
        """The recorded answer, or what the fault makes of it. A request that failed may be sent again."""
        asked = request_of(request.method or "GET", request.url or "", request.body)
        answers = self._recorded.get(matching_key(asked))
        if not answers:
            raise FaultyReplayError(f"No recorded interaction answers {request.method} {request.url}.")
        number, self.sent = self.sent, self.sent + 1
        if self.at <= number < self.at + self.times:
            self.hit += 1
            self.struck = f"{request.method} {request.path_url}"
            if "raises" in self.fault:
                raise getattr(requests.exceptions, self.fault["raises"])(
                    f"{self.fault['raises']} at request {number}"
                )
            return _response(request, _spoilt(answers[0]["response"], self.fault))
        return _response(request, (answers.pop(0) if len(answers) > 1 else answers[0])["response"])


def _spoilt(recorded: Entry, fault: Mapping[str, Any]) -> Entry:
    body = body_of(recorded).decode(errors="replace")
    headers = recorded["headers"] | fault.get("headers", {})
    if fault.get("cut"):
        body = body[: len(body) // 2]
    if fault.get("html"):
        body = f"<html><body><pre>{html.escape(body)}</pre></body></html>"
        headers = headers | {"content-type": "text/html"}
    return {
        "status": fault.get("status", recorded["status"]),
        "reason": "" if "status" in fault else recorded["reason"],
        "headers": headers,
        "body": fault.get("body", body),
    }


def _response(request: requests.PreparedRequest, recorded: Entry) -> requests.Response:
    body = recorded["body"].encode() if isinstance(recorded["body"], str) else body_of(recorded)
    response = requests.Response()
    response.status_code, response.reason = recorded["status"], recorded["reason"]
    response.headers.update(recorded["headers"])
    response.url, response.request = request.url or "", request
    response.raw = BytesIO(body)
    return response


@contextmanager
def failing(faulty: Faulty) -> Iterator[None]:
    """Answer every request of this process from `faulty`, on a virtual clock, for the length of a `with`."""

    def send(_: HTTPAdapter, request: requests.PreparedRequest, **__: Any) -> requests.Response:
        return faulty.answer(request)

    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    with (
        patch.object(HTTPAdapter, "send", send),
        patch.object(time, "time", lambda: LATER),
        patch.object(time, "sleep", sleep),
        patch.object(time, "monotonic", lambda: now[0]),
    ):
        yield
