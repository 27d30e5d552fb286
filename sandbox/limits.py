"""Who may ask, and how often."""

from collections import deque

from aiohttp import web
from aiohttp.typedefs import Middleware

from sandbox.answers import monotonic, too_many, unauthorized
from sandbox.routes import APIS, Handler
from sandbox.world import World

# (seconds, requests): Aha!'s documented limits.
LIMITS = ((60.0, 300), (1.0, 20))


def require_key(world: World, api_key: str) -> Middleware:
    """401 without the key."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(APIS) and request.headers.get("Authorization") != f"Bearer {api_key}":
            return unauthorized(world.behaviour.refusal)
        return await handler(request)

    return check


def limit_rate(world: World) -> Middleware:
    """429 beyond the documented limits."""
    sent: deque[float] = deque()

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith(APIS):
            return await handler(request)
        now = monotonic()
        while sent and sent[0] <= now - LIMITS[0][0]:
            sent.popleft()
        for seconds, most in LIMITS:
            within = [moment for moment in sent if moment > now - seconds]
            if len(within) >= most:
                wait = seconds - (now - within[0])
                return too_many(max(1, round(wait + 0.5)), world.behaviour.rate_limit, world.clock.now())
        sent.append(now)
        return await handler(request)

    return check
