"""What happens to every request on its way: time, log, late changes, faults."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from sandbox.answers import unknown_route
from sandbox.clock import http_date
from sandbox.faults import FAULTS, Scheduled
from sandbox.routes import API, Handler
from sandbox.world import World


@dataclass
class Traffic:
    """The requests to one account.

    Attributes:
        log: one entry a request, in order: `path`, `query`, `status`, `fault`; and `page`, if asked for.
        faults: scheduled ones, in order; the first that hits a request is taken.
        between: changes to make before the next requests are answered, one a request; from this process only.
    """

    world: World
    log: list[dict[str, object]] = field(default_factory=list)
    faults: list[Scheduled] = field(default_factory=list)
    between: list[Callable[[], object] | None] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """Requests per route, ids as `:id`."""
        return dict(Counter(str(entry["route"]) for entry in self.log))

    @web.middleware
    async def stamp(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Put the sandbox's time on every answer."""
        try:
            response = await handler(request)
        except web.HTTPNotFound:
            response = unknown_route()
        if not response.prepared:
            response.headers["Date"] = http_date(self.world.clock.now())
        return response

    @web.middleware
    async def observe(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Log API requests, show what became visible, and let a scheduled fault have its way."""
        if not request.path.startswith(API):
            return await handler(request)
        path = request.path.removeprefix(API)
        resource = request.match_info.route.resource
        route = resource.canonical.removeprefix(API) if resource else path
        fault = next((entry for entry in self.faults if entry.hits(path)), None)
        entry: dict[str, object] = {"route": route, "path": path, "query": dict(request.query)}
        entry["fault"] = fault.fault if fault else None
        self.log.append(entry)
        if self.world.behaviour.latency:
            await asyncio.sleep(self.world.behaviour.latency)
        change = self.between.pop(0) if self.between else None
        if change:
            change()
        self.world.settle()

        async def answer() -> web.Response:
            response = await handler(request)
            if not isinstance(response, web.Response):
                raise TypeError("only whole answers can be changed")
            return response

        response = await (FAULTS[fault.fault](request, answer) if fault else handler(request))
        entry["status"] = response.status
        return response
