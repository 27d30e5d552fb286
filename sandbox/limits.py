"""Who may ask, and how often."""

from collections import deque

from aiohttp import web

from sandbox.clock import SandboxClock
from sandbox.routes import Handler

# (seconds, requests): Aha!'s documented limits.
LIMITS = ((60.0, 300), (1.0, 20))


def require_key(api_key: str) -> object:
    """Middleware: 401 without the key. The documented 401 is HTML without a body."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {api_key}":
            return web.Response(status=401, content_type="text/html")
        return await handler(request)

    return check


def limit_rate(clock: SandboxClock) -> object:
    """Middleware: 429 beyond the documented limits."""
    sent: deque[float] = deque()

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        now = clock.monotonic()
        while sent and sent[0] <= now - LIMITS[0][0]:
            sent.popleft()
        for seconds, most in LIMITS:
            within = [moment for moment in sent if moment > now - seconds]
            if len(within) >= most:
                return _too_many(seconds - (now - within[0]))
        sent.append(now)
        return await handler(request)

    return check


def _too_many(wait: float) -> web.Response:
    seconds = max(1, round(wait + 0.5))
    message = f"Rate limit exceeded. Try again in {seconds} seconds."
    return web.json_response(
        {"errors": [{"message": message}]}, status=429, headers={"Retry-After": str(seconds)}
    )
