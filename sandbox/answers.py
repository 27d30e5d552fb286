"""Aha!'s ways of saying no."""

import time
from datetime import datetime
from typing import Any

import orjson
from aiohttp import web

from sandbox.clock import SandboxClock

JSON_TYPE = "application/json; charset=utf-8"
CLOCK = web.AppKey("clock", SandboxClock)
UNKNOWN_ROUTE = "<!DOCTYPE html><html><head><title>Page not found</title></head><body>404</body></html>"


def json_answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A JSON answer with Aha!'s content type."""
    return web.Response(
        body=orjson.dumps(body), status=status, headers={"Content-Type": JSON_TYPE} | (headers or {})
    )


def not_found() -> web.Response:
    """404 for a record on a known route."""
    return json_answer({"error": "Record not found."}, status=404)


def unknown_route() -> web.Response:
    return web.Response(status=404, text=UNKNOWN_ROUTE, content_type="text/html")


def unauthorized(form: str) -> web.Response:
    """401. The only documented one is HTML without a body."""
    if form == "json":
        return json_answer({"error": "Unauthorized"}, status=401)
    return web.Response(status=401, content_type="text/html")


def too_many(seconds: int, variant: str, now: datetime) -> web.Response:
    """429. Where it tells how long to wait is not confirmed, so it comes in variants."""
    wait = f"Try again in {seconds} seconds." if variant == "message" else ""
    reset = str(int(now.timestamp()) + seconds)
    headers = {
        "retry_after": {"Retry-After": str(seconds)},
        "reset": {"X-Ratelimit-Limit": "300", "X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": reset},
        "message": {},
    }[variant]
    body = {"errors": [{"message": f"Rate limit exceeded. {wait}".strip()}]}
    return json_answer(body, status=429, headers=headers)


def monotonic() -> float:
    """Real seconds, for the rate limit: it protects the server, whatever time it plays."""
    return time.monotonic()
