"""The one way out of a run: each request of each reader passes here, is counted, and waits for its turn.

Readers are processes of Spark's, each with its own idea of the rate limit, and they may outlive the run. So
they are given an address on this machine, whose answers are the account's: one budget counts for all of them,
and when the run has ended, however it ended, nothing of theirs reaches the account.
"""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import requests
from aiohttp import web

from connector.client import reason_of
from connector.options import Settings
from connector.pacing import Budget, Clock, SystemClock
from scripts.lakehouse.answers import Answers, Kept

# A minute's requests are spread over it: a machine that stalls would put two bursts into one second, and a
# reader that waits for the next minute gives its answer up.
TURNS = 60
# Of requests at the same time: four tables, four calls each, and a few more.
THREADS = 24
TIMEOUT = (10.0, 60.0)
# Method, path and query, headers, body.
Call = tuple[str, str, dict[str, str], bytes]
# What belongs to a connection and not to an answer (RFC 9110, 7.6.1); requests has unpacked the body.
OF_THE_CONNECTION = {
    "connection",
    "content-encoding",
    "content-length",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}


@dataclass
class Traffic:
    """What passed for one table.

    Attributes:
        sent: requests.
        waiting: requests that wait for their turn.
        failed: answers by status, of those that are errors; 0 where none came.
        pages: of each list, how many pages it has beyond the last one that was asked for.
        paged: answers that were one page of several.
    """

    sent: int = 0
    waiting: int = 0
    failed: Counter[int] = field(default_factory=Counter)
    pages: dict[str, int] = field(default_factory=dict)
    paged: int = 0

    @property
    def to_come(self) -> int:
        """Calls that are expected for the pages that are known to come: as many a page as so far."""
        return self.pages_left * max(1, self.sent // self.paged) if self.paged else self.pages_left

    @property
    def pages_left(self) -> int:
        """Pages that are known to come."""
        return sum(self.pages.values())

    def note(self, path: str, status: int, body: bytes) -> None:
        if status >= 400 or not status:
            self.failed[status] += 1
            return
        try:
            pagination = json.loads(body)["pagination"]
            pages, current = int(pagination["total_pages"]), int(pagination["current_page"])
        except (KeyError, TypeError, ValueError):
            return
        self.paged += pages > 1
        self.pages.pop(path, None)
        if pages > current:
            self.pages[path] = pages - current


class Relay:
    """Passes requests on, within one budget."""

    def __init__(self, per_minute: int, clock: Clock | None = None) -> None:
        self._budget = Budget(per_minute, clock or SystemClock(), parts=turns_of(per_minute))
        self._local = threading.local()
        self._closed = threading.Event()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="relay")
        self._loop = asyncio.new_event_loop()
        self._runners: list[web.AppRunner] = []

    def open(self, account: Settings, traffic: Traffic, answers: Answers | None = None) -> str:
        """A new address, `http://127.0.0.1:port`, that stands for an account's; `traffic` counts its use.
        What `answers` hold of a stopped run is not asked for again.
        """

        async def answer(request: web.Request) -> web.Response:
            body = await request.read()
            kept = [(name, text) for name, text in request.headers.items() if is_kept(name)]
            send = (request.method, request.raw_path, dict(kept), body)
            return await self._loop.run_in_executor(
                self._threads, self._answer, account, traffic, answers, send
            )

        async def start() -> str:
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", answer)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self._runners.append(runner)
            return f"http://127.0.0.1:{runner.addresses[0][1]}"

        return asyncio.run_coroutine_threadsafe(start(), self._loop).result()

    def _answer(
        self, account: Settings, traffic: Traffic, answers: Answers | None, send: Call
    ) -> web.Response:
        if answers is None:
            return self._pass(account, traffic, *send)
        method, path, headers, body = send
        call = json.dumps(
            [method, account.origin, path, headers.get("Authorization"), body.decode("latin-1")]
        )
        if kept := answers.recall(call):
            traffic.note(path.partition("?")[0], 200, kept.body)
            return web.Response(headers=kept.headers, body=kept.body)
        response = self._pass(account, traffic, *send)
        if response.status == 200 and isinstance(response.body, bytes):
            answers.keep(call, Kept(dict(response.headers), response.body))
        return response

    def _pass(
        self,
        account: Settings,
        traffic: Traffic,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
    ) -> web.Response:
        traffic.waiting += 1
        try:
            self._budget.take()
        finally:
            traffic.waiting -= 1
        if self._closed.is_set():
            return unanswered("The run has ended.")
        traffic.sent += 1
        try:
            answer = self._session(account).request(
                method,
                account.origin + path,
                headers=headers,
                data=body,
                # Given, because requests would put a `~/.netrc` entry before the reader's own header.
                auth=lambda request: request,
                allow_redirects=False,
                timeout=TIMEOUT,
            )
        except requests.RequestException as error:
            traffic.failed[0] += 1
            return unanswered(f"{account.origin} gave no answer ({reason_of(error)})")
        traffic.note(path.partition("?")[0], answer.status_code, answer.content)
        kept = [(name, text) for name, text in answer.headers.items() if is_kept(name)]
        return web.Response(
            status=answer.status_code, reason=answer.reason, headers=kept, body=answer.content
        )

    def _session(self, account: Settings) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            # As the connector has it: no proxy of the environment's for this machine.
            self._local.session.trust_env = not account.is_local
            self._local.session.headers.clear()
        session: requests.Session = self._local.session
        return session

    def close(self) -> None:
        """Send nothing more, from now on."""
        self._closed.set()


def turns_of(per_minute: int) -> int:
    """Parts of a minute that have as many requests each, and together nearly all."""
    return per_minute // -(-per_minute // TURNS)


def is_kept(header: str) -> bool:
    return header.lower() not in OF_THE_CONNECTION


def unanswered(why: str) -> web.Response:
    """An answer of our own, in Aha!'s form, which a reader asks again for."""
    return web.json_response({"error": why}, status=502)


@contextmanager
def relaying(per_minute: int, clock: Clock | None = None) -> Iterator[Relay]:
    """A relay for the length of a `with`."""
    relay = Relay(per_minute, clock)
    thread = threading.Thread(target=relay._loop.run_forever, name="relay", daemon=True)
    thread.start()

    async def stop() -> None:
        for runner in relay._runners:
            await runner.cleanup()

    try:
        yield relay
    finally:
        relay.close()
        asyncio.run_coroutine_threadsafe(stop(), relay._loop).result()
        relay._loop.call_soon_threadsafe(relay._loop.stop)
        thread.join()
        relay._loop.close()
        relay._threads.shutdown(wait=False, cancel_futures=True)
