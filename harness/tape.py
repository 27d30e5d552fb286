"""vcrpy, set up for recording and for strict replay."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn
from unittest.mock import patch

import requests
import vcr
from requests.adapters import HTTPAdapter

from harness.cassettes import JsonSerializer
from harness.scrub import Scrubber

# pytest-recording makes a file's suffix from this name.
SERIALIZER = "json"
MATCH_ON = ("method", "scheme", "host", "port", "path", "query")

LOOK_UPS = (
    "create_connection",
    "getaddrinfo",
    "gethostbyaddr",
    "gethostbyname",
    "gethostbyname_ex",
    "getfqdn",
    "getnameinfo",
)

Send = Callable[..., requests.Response]


class ReplayError(AssertionError):
    """A replay that was not strict: something went out, did not match, or was not played."""


def configuration(scrubber: Scrubber) -> dict[str, Any]:
    """Keyword arguments of `VCR`, but for the record mode: given here, it would beat the command line."""
    return {
        "serializer": SERIALIZER,
        "match_on": MATCH_ON,
        "decode_compressed_response": True,
        "before_record_request": scrubber.request,
        "before_record_response": scrubber.response,
    }


def register(tape: vcr.VCR) -> None:
    """Make our cassette format known to a VCR."""
    tape.register_serializer(SERIALIZER, JsonSerializer)


def recorder(scrubber: Scrubber) -> vcr.VCR:
    """A VCR that records everything anew."""
    return _tape(scrubber, vcr.mode.ALL)


def player(scrubber: Scrubber) -> vcr.VCR:
    """A VCR that replays, records nothing and writes nothing."""
    return _tape(scrubber, vcr.mode.NONE)


def _tape(scrubber: Scrubber, mode: vcr.mode) -> vcr.VCR:
    tape = vcr.VCR(record_mode=mode, **configuration(scrubber))
    register(tape)
    return tape


@contextmanager
def in_turn(around: Callable[[Send], Send] = lambda send: send) -> Iterator[None]:
    """Let threads send one after the other, for the length of a `with`.

    vcrpy swaps classes of urllib3 for all threads, and takes them back for a moment while one of them opens
    a connection: meanwhile the others would reach the live server, and be answered.

    Args:
        around: wraps what sends one prepared request.
    """
    lock = threading.RLock()
    original = HTTPAdapter.send

    def send(adapter: HTTPAdapter, request: requests.PreparedRequest, **named: Any) -> requests.Response:
        with lock:
            return around(lambda asked: original(adapter, asked, **named))(request)

    with patch.object(HTTPAdapter, "send", send):
        yield


@dataclass
class Tally:
    """What happened in a strict replay.

    Attributes:
        unmatched: requests that no recorded interaction answers, swallowed or not.
        sockets: attempts to reach anything, swallowed or not.
    """

    unmatched: list[str] = field(default_factory=list)
    sockets: list[str] = field(default_factory=list)

    def faults(self, cassette: Any) -> list[str]:
        """Why the replay was not strict, as sentences."""
        out = [f"No recorded interaction answers {request}." for request in self.unmatched]
        out += [f"It reached for the network: {attempt}." for attempt in self.sockets]
        if not cassette.play_count:
            out.append("Nothing was played.")
        unplayed = [
            f"{request.method} {request.uri}"
            for number, request in enumerate(cassette.requests)
            if not cassette.play_counts[number]
        ]
        return out + [f"Nobody asked for {request}." for request in unplayed]


@contextmanager
def strictly(cassette: Any) -> Iterator[Tally]:
    """Replay a vcrpy cassette strictly: no socket, nothing unmatched, nothing unplayed, something played.

    Raises:
        ReplayError: at the end, with everything that was not so, whatever the code inside swallowed.
    """
    tally = Tally()
    can_play = cassette.can_play_response_for

    def noting(request: Any) -> bool:
        playable = bool(can_play(request))
        if not playable:
            tally.unmatched.append(f"{request.method} {request.uri}")
        return playable

    # Whatever client vcrpy patches asks here.
    with patch.object(cassette, "can_play_response_for", noting), in_turn(), no_sockets(tally.sockets):
        yield tally
    if faults := tally.faults(cassette):
        raise ReplayError(" ".join(faults))


@contextmanager
def no_sockets(attempts: list[str]) -> Iterator[None]:
    """Refuse connections by name or address, loopback too, and name look-ups; note each attempt."""

    def refuse(what: str) -> Callable[..., NoReturn]:
        def refused(*arguments: Any, **_: Any) -> NoReturn:
            asked = next((repr(value) for value in arguments if isinstance(value, str | tuple)), "?")
            attempts.append(f"{what} {asked}")
            raise ReplayError(f"a replay reached for the network: {what} {asked}")

        return refused

    with ExitStack() as stack:
        for name in ("connect", "connect_ex", "sendto", "sendmsg"):
            stack.enter_context(patch.object(socket.socket, name, refuse(name)))
        for name in LOOK_UPS:
            stack.enter_context(patch.object(socket, name, refuse(name)))
        yield
