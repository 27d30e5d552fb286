"""vcrpy, set up for recording and for strict replay."""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import requests
import vcr
import zstandard
from requests.adapters import HTTPAdapter
from vcr.persisters.filesystem import CassetteNotFoundError

from strict_cassettes.bodies import FORM
from strict_cassettes.cassettes import JsonSerializer, request_of
from strict_cassettes.network import ReplayError, no_network
from strict_cassettes.scrub import Scrubber

# pytest-recording makes a file's suffix from this name.
SERIALIZER = "json"
MATCH_ON = ("method", "scheme", "host", "port", "path", "query", "body")

# How what is packed as zstd begins (RFC 8878).
ZSTD = b"\x28\xb5\x2f\xfd"

# What clocks say while something is recorded or replayed: later than any `Date` of an answer, so that none
# seems to come from the future.
LATER = datetime(2101, 1, 1, tzinfo=UTC).timestamp()

Send = Callable[..., requests.Response]


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


def player(scrubber: Scrubber) -> vcr.VCR:
    """A VCR that replays, records nothing and writes nothing."""
    tape = vcr.VCR(record_mode=vcr.mode.NONE, **configuration(scrubber))
    register(tape)
    return tape


def unpacked(response: dict[str, Any]) -> dict[str, Any]:
    """A response whose body vcrpy left packed; it unpacks all but zstd."""
    packed = [name for name in response["headers"] if name.lower() == "content-encoding"]
    if not packed or response["headers"][packed[0]] != ["zstd"]:
        return response
    content = response["body"]["string"]
    # Some clients have unpacked it by now.
    if content.startswith(ZSTD):
        content = zstandard.ZstdDecompressor().decompressobj().decompress(content)
    headers = {name: values for name, values in response["headers"].items() if name not in packed}
    return response | {"headers": headers, "body": {"string": content}}


class Reel:
    """vcrpy's persister interface: what was recorded stays in memory, as it came.

    Attributes:
        taken: requests and responses in the order in which they were answered.
    """

    def __init__(self) -> None:
        self.taken: list[tuple[Any, dict[str, Any]]] = []

    def load_cassette(self, path: str, serializer: Any) -> Any:  # noqa: ARG002 - vcrpy's interface
        raise CassetteNotFoundError

    def save_cassette(self, path: str, cassette: dict[str, Any], serializer: Any) -> None:  # noqa: ARG002
        self.taken = list(zip(cassette["requests"], map(unpacked, cassette["responses"]), strict=True))


@contextmanager
def recording(around: Callable[[Send], Send]) -> Iterator[Reel]:
    """Let everything out, and keep what is answered, for the length of a `with`.

    The reel is filled at its end, also where that is an exception.
    """
    reel = Reel()
    tape = vcr.VCR(record_mode=vcr.mode.ALL, match_on=MATCH_ON, decode_compressed_response=True)
    tape.register_persister(reel)
    with (
        in_turn(around),
        tape.use_cassette("in memory") as cassette,
        patch.object(time, "time", lambda: LATER),
        # vcrpy would compare every request with all that were recorded before.
        patch.object(cassette, "can_play_response_for", lambda _: False),
    ):
        yield reel


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

    Waits take no time, whatever a recorded answer asks for.

    Raises:
        ReplayError: at the end, with everything that was not so, whatever the code inside swallowed.
    """
    tally = Tally()
    find = _index(cassette)
    can_play = cassette.can_play_response_for

    def noting(request: Any) -> bool:
        playable = bool(can_play(request))
        if not playable:
            tally.unmatched.append(f"{request.method} {request.uri}")
        return playable

    with (
        patch.object(cassette, "_responses", find),
        # Whatever client vcrpy patches asks here.
        patch.object(cassette, "can_play_response_for", noting),
        patch.object(time, "sleep", lambda _: None),
        patch.object(time, "time", lambda: LATER),
        in_turn(),
        no_network(tally.sockets),
    ):
        yield tally
    if faults := tally.faults(cassette):
        raise ReplayError(" ".join(faults))


def _index(cassette: Any) -> Callable[[Any], Iterator[tuple[int, Any]]]:
    """vcrpy's own look-up by a key, where it would compare a request with every recorded one."""
    by_key: dict[Any, list[tuple[int, Any]]] = defaultdict(list)
    for number, (request, response) in enumerate(cassette.data):
        by_key[_key(request)].append((number, response))
    return lambda request: iter(by_key.get(_key(cassette.filter_request(request)), ()))


def _key(request: Any) -> tuple[Any, ...]:
    asked = request_of(request.method, "", request.body)
    body = [asked.get("body"), asked.get(FORM)]
    # Parameters in any order, and a body as what it says.
    said = {"query": tuple(sorted(request.query)), "body": json.dumps(body, sort_keys=True)}
    return tuple(said[name] if name in said else getattr(request, name) for name in MATCH_ON)
