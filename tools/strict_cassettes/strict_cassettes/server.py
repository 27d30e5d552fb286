"""Cassettes over loopback HTTP, for clients in other processes: Spark's workers, or a person with curl."""

import asyncio
import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from strict_cassettes.bodies import listed
from strict_cassettes.cassettes import body_of, load_interactions, matching_key, request_of, uri_of
from strict_cassettes.network import ReplayError
from strict_cassettes.rules import ADDRESSES


class PortError(Exception):
    """A port that cannot be listened on."""


@dataclass
class Replay:
    """A running replay server. Requests are answered one at a time, so any number of threads may ask.

    Attributes:
        url: `http://127.0.0.1:port`.
        requests: `METHOD path` of every request, in order.
        unmatched: those that no recorded interaction answers.
        unplayed: path and query of recorded interactions that nobody asked for.
    """

    url: str = ""
    requests: list[str] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)
    _recorded: dict[Any, list[dict[str, Any]]] = field(default_factory=dict)
    _played: dict[Any, int] = field(default_factory=dict)

    @property
    def unplayed(self) -> list[str]:
        """Each copy counts: what was recorded twice must be asked for twice."""
        return [
            uri_of(entry["request"] | {"origin": ""})
            for key, entries in self._recorded.items()
            for entry in entries[self._played.get(key, 0) :]
        ]

    def faults(self) -> list[str]:
        """Why the replay was not strict, as sentences; empty if it was."""
        out = [f"No recorded interaction answers {request}." for request in self.unmatched]
        out += [] if self.requests else ["Nothing was played."]
        return out + [f"Nobody asked for GET {address}." for address in self.unplayed]

    def load(self, cassettes: Iterable[Path]) -> None:
        for path in cassettes:
            for entry in load_interactions(path):
                key = matching_key(entry["request"])
                self._recorded.setdefault(key, []).append(entry)

    async def answer(self, request: web.Request) -> web.Response:
        """The recorded answer; asked again, the next one recorded for the same request, then the last."""
        self.requests.append(f"{request.method} {request.path}")
        key = matching_key(request_of(request.method, str(request.rel_url), await request.read()))
        answers = self._recorded.get(key)
        if not answers:
            self.unmatched.append(f"{request.method} {request.rel_url}")
            message = (
                "No recorded interaction answers this request, so the cassettes do not fit this client. "
                f"Record them again: nox -s record -- --sandbox. Asked: {request.method} {request.rel_url}"
            )
            return web.json_response({"error": message}, status=501)
        asked = self._played.get(key, 0)
        self._played[key] = asked + 1
        entry = answers[min(asked, len(answers) - 1)]
        response, origin = entry["response"], entry["request"]["origin"]
        return web.Response(
            status=response["status"],
            reason=response["reason"],
            headers=[
                # What an answer leads to is served here as well.
                (name, value.replace(origin, self.url) if name in ADDRESSES else value)
                for name, values in response["headers"].items()
                for value in listed(values)
            ],
            body=body_of(response),
        )


@contextmanager
def serving(cassettes: Iterable[Path], port: int = 0) -> Iterator[Replay]:
    """Serve cassettes on loopback for the length of a `with`."""
    replay = Replay()
    replay.load(cassettes)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", replay.answer)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="replay", daemon=True)
    thread.start()

    async def start() -> web.AppRunner:
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
        except OSError as error:
            raise PortError(error.strerror or str(error)) from None
        return runner

    try:
        runner = asyncio.run_coroutine_threadsafe(start(), loop).result()
        replay.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield replay
        finally:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def serving_strictly(cassettes: Iterable[Path]) -> Iterator[Replay]:
    """Serve cassettes, and insist at the end that each interaction was played and nothing else was asked for.

    Raises:
        ReplayError: with everything that was not so, whatever the client made of it.
    """
    with serving(cassettes) as replay:
        yield replay
    if faults := replay.faults():
        raise ReplayError(" ".join(faults))


def describe(replay: Replay) -> str:
    """One line of JSON for whoever started the server: where it is, and what it answers."""
    return json.dumps({"url": replay.url, "answers": [replay.url + path for path in replay.unplayed]})
