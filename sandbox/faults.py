"""Faults that can be scheduled for the next requests, as data: what to do instead of, or to, the answer."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from aiohttp import web

from sandbox.answers import CLOCK, json_answer, too_many
from sandbox.clock import http_date
from sandbox.routes import REPEAT_ROW, ROW_REPEATED

LOGIN_PAGE = "<!DOCTYPE html><html><body><form action='/session'>Log in to Aha!</form></body></html>"
NOT_THERE = "<html><head><title>404 Not Found</title></head><body>404 Not Found</body></html>"
BAD_GATEWAY = "<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"
DRIP_PIECES, DRIP_BYTES, DRIP_SECONDS = 50, 64, 0.05

Inner = Callable[[], Awaitable[web.Response]]
Fault = Callable[[web.Request, Inner], Awaitable[web.StreamResponse]]


class FaultError(ValueError):
    """A fault that does not exist, or a route that is no regular expression."""


@dataclass
class Scheduled:
    """A fault for some of the next requests.

    Attributes:
        fault: its name.
        route: a regular expression that the path, below /api/v1, must contain.
        times: how many requests it hits.
        after: how many matching requests it lets through first.
        details: of `answer`, its `status`, `headers` and `body`, a text or JSON; of `odd_value`, the `field`
            of each row, dots in it for what is nested, and the `value` that stands there.
    """

    fault: str
    route: str = ""
    times: int = 1
    after: int = 0
    details: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.fault not in (*FAULTS, *DETAILS):
            raise FaultError(f"no fault {self.fault!r}; there are {', '.join((*FAULTS, *DETAILS))}")
        try:
            re.compile(self.route)
        except re.error as error:
            raise FaultError(f"route {self.route!r} is no regular expression: {error}") from None
        if type(self.times) is not int or type(self.after) is not int or self.times < 1 or self.after < 0:
            raise FaultError("times is a whole number of 1 or more, after one of 0 or more")
        known = DETAILS.get(self.fault, {})
        if not isinstance(self.details, dict) or set(self.details) - set(known):
            raise FaultError(f"details of {self.fault!r} are {', '.join(known) or 'none'}")
        self.details = known | self.details
        if (
            type(self.details.get("status", 200)) is not int
            or not 200 <= self.details.get("status", 200) < 600
        ):
            raise FaultError("status is a whole number from 200 to 599")

    async def play(self, request: web.Request, inner: Inner) -> web.StreamResponse:
        """Answer a request that is hit; `inner` gives the true answer."""
        if self.fault == "answer":
            return _written(**self.details)
        if self.fault == "odd_value":
            return _with_odd_value(await inner(), **self.details)
        return await FAULTS[self.fault](request, inner)

    def hits(self, path: str) -> bool:
        """Whether this request is hit; counts it."""
        if not self.times or not re.search(self.route, path):
            return False
        if self.after:
            self.after -= 1
            return False
        self.times -= 1
        return True


def answering(status: int, text: str, content_type: str, headers: dict[str, str] | None = None) -> Fault:
    """A fault that is a fixed answer."""

    async def fault(_: web.Request, __: Inner) -> web.StreamResponse:
        return web.Response(status=status, text=text, content_type=content_type, headers=headers)

    return fault


def limiting(variant: str) -> Fault:
    async def fault(request: web.Request, _: Inner) -> web.StreamResponse:
        return too_many(7, variant, request.app[CLOCK].now())

    return fault


def rewriting(change: Callable[[dict[str, object]], object]) -> Fault:
    """A fault that changes the true answer's JSON."""

    async def fault(_: web.Request, inner: Inner) -> web.StreamResponse:
        response = await inner()
        if response.content_type != "application/json":
            return response
        return json_answer(change(json.loads(response.text or "{}")), status=response.status)

    return fault


async def reset(request: web.Request, _: Inner) -> web.StreamResponse:
    """The connection drops before any header."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def truncate(request: web.Request, inner: Inner) -> web.StreamResponse:
    """Half of the body, then the connection drops."""
    if request.method == "HEAD":
        return await inner()
    response, content = await _begun(request, await inner())
    await response.write(content[: len(content) // 2])
    if request.transport is not None:
        request.transport.abort()
    return response


async def dated_ahead(request: web.Request, inner: Inner) -> web.StreamResponse:
    """The true answer, by a server whose clock is a day ahead."""
    response, content = await _begun(request, await inner(), timedelta(days=1))
    await response.write(content)
    return response


async def broken_json(_: web.Request, inner: Inner) -> web.StreamResponse:
    """Half of the JSON, as if it were all."""
    true = await inner()
    content = true.body if isinstance(true.body, bytes) else b""
    return web.Response(status=true.status, body=content[: len(content) // 2], content_type=true.content_type)


async def drip(request: web.Request, inner: Inner) -> web.StreamResponse:
    """The true answer, a few bytes at a time."""
    if request.method == "HEAD":
        return await inner()
    response, content = await _begun(request, await inner())
    size = max(DRIP_BYTES, len(content) // DRIP_PIECES)
    for start in range(0, len(content), size):
        await response.write(content[start : start + size])
        await asyncio.sleep(DRIP_SECONDS)
    return response


async def _begun(
    request: web.Request, true: web.Response, ahead: timedelta = timedelta()
) -> tuple[web.StreamResponse, bytes]:
    """The true answer's headers, sent, and its body, not sent."""
    content = true.body if isinstance(true.body, bytes) else b""
    headers = {"Content-Length": str(len(content)), "Content-Type": true.content_type}
    headers["Date"] = http_date(request.app[CLOCK].now() + ahead)
    response = web.StreamResponse(status=true.status, headers=headers)
    await response.prepare(request)
    return response, content


async def redirect(_: web.Request, __: Inner) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": "https://login.example.com/"})


def _root(body: dict[str, object]) -> tuple[str, object]:
    """The key that an answer is about, and what stands there."""
    names = ["rows"] if "rows" in body else [name for name in body if name != "pagination"]
    return (names[0], body[names[0]]) if names else ("rows", [])


async def duplicate(request: web.Request, inner: Inner) -> web.StreamResponse:
    """A page begins with the last row of the one before; the first page ends with its own last row twice."""
    request[REPEAT_ROW] = True
    response = await inner()
    if response.content_type != "application/json" or request.get(ROW_REPEATED):
        return response
    body = json.loads(response.text or "{}")
    name, rows = _root(body)
    changed = {name: [*rows, *rows[-1:]]} if isinstance(rows, list) else {}
    return json_answer(body | changed, status=response.status)


def _shrink(body: dict[str, object]) -> dict[str, object]:
    pagination = body.get("pagination")
    if not isinstance(pagination, dict):
        return body
    pages = max(int(pagination["total_pages"]) - 1, 0)
    return body | {"pagination": pagination | {"total_pages": pages}}


def _misshape(body: dict[str, object]) -> dict[str, object]:
    """Valid JSON of another shape: a list is an object, an object a list."""
    name, root = _root(body)
    return body | {name: {"rows": root} if isinstance(root, list) else [root]}


FAULTS: dict[str, Fault] = {
    "403": answering(403, '{"error": "Forbidden"}', "application/json"),
    "404": answering(404, '{"error": "Record not found."}', "application/json"),
    "404_html": answering(404, NOT_THERE, "text/html"),
    "408": answering(408, "", "text/plain"),
    "410": answering(410, '{"error": "Gone"}', "application/json"),
    "422": answering(422, '{"error": "Unprocessable"}', "application/json"),
    "522": answering(522, BAD_GATEWAY, "text/html"),
    "500": answering(500, '{"error": "Internal server error"}', "application/json"),
    "502_html": answering(502, BAD_GATEWAY, "text/html"),
    "503": answering(503, "", "text/plain"),
    "429_retry_after": limiting("retry_after"),
    "429_reset": limiting("reset"),
    "429_message": limiting("message"),
    "429_at_once": answering(429, "", "text/plain", {"Retry-After": "0"}),
    "dated_ahead": dated_ahead,
    "broken_json": broken_json,
    "reset": reset,
    "truncated": truncate,
    "wrong_shape": rewriting(_misshape),
    "no_root": rewriting(lambda body: {"pagination": body.get("pagination")}),
    "not_an_object": rewriting(lambda body: [body]),
    "login_page": answering(200, LOGIN_PAGE, "text/html"),
    "empty_body": answering(200, "", "application/json"),
    "slow_drip": drip,
    "graphql_timeout": answering(
        200, '{"errors": [{"message": "Timeout on validation of query"}]}', "application/json"
    ),
    "graphql_errors": answering(
        200, '{"data": null, "errors": [{"message": "Something went wrong"}]}', "application/json"
    ),
    "redirect": redirect,
    "duplicated_rows": duplicate,
    "shrinking_pages": rewriting(_shrink),
}


# Faults that are told what to do, each with what it does by default.
DETAILS: dict[str, dict[str, Any]] = {
    "answer": {"status": 500, "headers": {}, "body": ""},
    "odd_value": {"field": "name", "value": ["of another type"]},
}


def _written(status: int, headers: dict[str, str], body: Any) -> web.StreamResponse:
    """An answer as it is told; JSON where `body` is no text."""
    given = {str(name): str(value) for name, value in headers.items()}
    text = body if isinstance(body, str) else json.dumps(body)
    kind = "text/html" if text.startswith("<") else "application/json"
    empty = status in (204, 304)
    response = web.Response(status=status, body=b"" if empty else text.encode(errors="replace"))
    response.headers.update({"Content-Type": kind} | given)
    return response


def _with_odd_value(true: web.Response, field: str, value: Any) -> web.Response:
    if true.content_type != "application/json":
        return true
    body = json.loads(true.text or "{}")
    _put(_root(body)[1], field.split("."), value)
    # Escaped, since half a character has no other form.
    return web.Response(status=true.status, text=json.dumps(body), content_type=true.content_type)


def _put(row: Any, path: list[str], value: Any) -> None:
    """Put a value where a path leads, in each element of lists on the way."""
    if isinstance(row, list):
        for item in row:
            _put(item, path, value)
    elif isinstance(row, dict) and path[1:]:
        _put(row.get(path[0]), path[1:], value)
    elif isinstance(row, dict):
        row[path[0]] = value
