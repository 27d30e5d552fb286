"""What happens to every request on its way: time, log, late changes, faults."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from sandbox.answers import unknown_route
from sandbox.clock import http_date
from sandbox.faults import Scheduled
from sandbox.routes import API, APIS, Handler
from sandbox.world import World

ENTRY = web.RequestKey("entry", dict[str, object])  # a request's line in the log


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
        response = await answered(request, handler)
        if not response.prepared and "Date" not in response.headers:
            response.headers["Date"] = http_date(self.world.clock.now())
        return response

    @web.middleware
    async def note(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Log API requests, those that are refused included."""
        if not request.path.startswith(APIS):
            return await handler(request)
        path = request.path.removeprefix(API)
        resource = request.match_info.route.resource
        route = resource.canonical.removeprefix(API) if resource else path
        entry: dict[str, object] = {"route": route, "path": path, "query": dict(request.query), "fault": None}
        self.log.append(entry)
        request[ENTRY] = entry
        response = await answered(request, handler)
        entry["status"] = response.status
        return response

    @web.middleware
    async def disturb(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Show what became visible, and let a scheduled fault have its way."""
        if not request.path.startswith(APIS):
            return await handler(request)
        entry = request[ENTRY]
        fault = next((fault for fault in self.faults if fault.hits(str(entry["path"]))), None)
        entry["fault"] = fault.fault if fault else None
        if self.world.behaviour.latency:
            await asyncio.sleep(self.world.behaviour.latency)
        change = self.between.pop(0) if self.between else None
        if change:
            change()
        self.world.settle()

        async def answer() -> web.Response:
            response = await answered(request, handler)
            if not isinstance(response, web.Response):
                raise TypeError("only whole answers can be changed")
            return response

        return await (fault.play(request, answer) if fault else handler(request))


async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The answer, where aiohttp raises one too."""
    try:
        return await handler(request)
    except web.HTTPNotFound:
        return unknown_route()
    except web.HTTPMethodNotAllowed as error:
        return web.Response(status=error.status, headers={"Allow": error.headers["Allow"]})
