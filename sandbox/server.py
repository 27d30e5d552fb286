"""Starting and stopping the sandbox, as a process or beside a test."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from sandbox.answers import CLOCK
from sandbox.behaviour import Behaviour
from sandbox.clock import SandboxClock
from sandbox.control import Control
from sandbox.graphql import GraphQL
from sandbox.limits import limit_rate, require_key
from sandbox.routes import Api
from sandbox.seed import seed
from sandbox.store import Store, StoreError
from sandbox.traffic import Traffic
from sandbox.world import World

API_KEY = "sandbox-key"  # synthetic, printed at start and of no use elsewhere


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox.

    Attributes:
        url: `http://host:port`.
        api_key: the key it accepts.
        world: its account, to be changed from the same process.
        traffic: its requests and faults.
    """

    url: str
    api_key: str
    world: World
    traffic: Traffic

    @property
    def clock(self) -> SandboxClock:
        return self.world.clock


def open_world(
    *,
    ideas: int = 25,
    seed_number: int = 1,
    path: str = ":memory:",
    clock: SandboxClock | None = None,
    behaviour: Behaviour | None = None,
) -> World:
    """An account: an existing file's, else made up from `seed_number`.

    Raises:
        StoreError: the file cannot be used.
    """
    store = Store(path)
    try:
        if not store.is_whole():
            store.clear()
            seed(store, ideas=ideas, seed=seed_number)
        return World(store, clock or SandboxClock(), behaviour)
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be used as a database: {error}.") from None


def make_app(traffic: Traffic, api_key: str, *, rate_limit: bool, control: bool) -> web.Application:
    world = traffic.world
    limits = [limit_rate(world)] if rate_limit else []
    app = web.Application(
        middlewares=[traffic.stamp, traffic.note, require_key(world, api_key), *limits, traffic.disturb]
    )
    app[CLOCK] = world.clock
    app.add_routes(Api(world).routes())
    app.add_routes(GraphQL(world).routes())
    if control:
        app.add_routes(Control(traffic).routes())
    return app


async def listen(app: web.Application, host: str, port: int) -> tuple[web.AppRunner, int]:
    """Serve `app`; returns its runner and the port it got.

    Raises:
        OSError: the address cannot be used.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner, runner.addresses[0][1]


@contextmanager
def running(
    world: World | None = None,
    *,
    ideas: int = 25,
    seed_number: int = 1,
    api_key: str = API_KEY,
    rate_limit: bool = False,
    control: bool = False,
) -> Iterator[Sandbox]:
    """A sandbox in a thread of this process, on a free loopback port, for the length of a `with`."""
    traffic = Traffic(world or open_world(ideas=ideas, seed_number=seed_number))
    app = make_app(traffic, api_key, rate_limit=rate_limit, control=control)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="sandbox", daemon=True)
    thread.start()
    try:
        runner, port = asyncio.run_coroutine_threadsafe(listen(app, "127.0.0.1", 0), loop).result()
        try:
            yield Sandbox(f"http://127.0.0.1:{port}", api_key, traffic.world, traffic)
        finally:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        if world is None:
            traffic.world.close()


@contextmanager
def recorded_account(*, ideas: int, seed: int, clock: str) -> Iterator[dict[str, str]]:
    """Connection options of a sandbox whose clock stands still, for the length of a `with`."""
    fixed = SandboxClock(datetime.fromisoformat(clock))
    world = open_world(ideas=ideas, seed_number=seed, clock=fixed)
    with running(world) as box:
        yield {"api_key": box.api_key, "base_url": box.url}
    world.close()
