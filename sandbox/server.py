"""Starting and stopping the sandbox, as a process or beside a test."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sandbox.clock import SandboxClock
from sandbox.limits import limit_rate, require_key
from sandbox.routes import Api
from sandbox.seed import seed
from sandbox.store import Store

API_KEY = "sandbox-key"  # synthetic, printed at start and of no use elsewhere


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox.

    Attributes:
        url: `http://host:port`.
        api_key: the key it accepts.
        clock: its time.
    """

    url: str
    api_key: str
    clock: SandboxClock


def make_app(store: Store, clock: SandboxClock, api_key: str, *, rate_limit: bool) -> web.Application:
    api = Api(store, clock)
    middlewares: list[Any] = [api.stamp, require_key(api_key)]
    if rate_limit:
        middlewares.append(limit_rate(clock))
    app = web.Application(middlewares=middlewares)
    app.add_routes(api.routes())
    return app


def open_store(*, ideas: int, seed_number: int, path: str = ":memory:") -> Store:
    """A store with data: an existing file's, else made up from `seed_number`."""
    store = Store(path)
    if store.is_empty():
        seed(store, ideas=ideas, seed=seed_number)
    return store


async def listen(app: web.Application, host: str, port: int) -> tuple[web.AppRunner, int]:
    """Serve `app`; returns its runner and the port it got.

    Raises:
        OSError: the address cannot be used.
    """
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner, runner.addresses[0][1]


@contextmanager
def running(
    *,
    ideas: int = 25,
    seed_number: int = 1,
    api_key: str = API_KEY,
    clock: SandboxClock | None = None,
    rate_limit: bool = False,
) -> Iterator[Sandbox]:
    """A sandbox in a thread of this process, on a free loopback port, for the length of a `with`."""
    clock = clock or SandboxClock()
    store = open_store(ideas=ideas, seed_number=seed_number)
    app = make_app(store, clock, api_key, rate_limit=rate_limit)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="sandbox", daemon=True)
    thread.start()
    try:
        runner, port = asyncio.run_coroutine_threadsafe(listen(app, "127.0.0.1", 0), loop).result()
        try:
            yield Sandbox(f"http://127.0.0.1:{port}", api_key, clock)
        finally:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        store.close()
