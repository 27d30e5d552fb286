"""vcrpy, set up for recording and for strict replay."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import requests
import vcr
from requests.adapters import HTTPAdapter

from harness.cassettes import JsonSerializer
from harness.scrub import Scrubber

# pytest-recording makes a file's suffix from this name.
SERIALIZER = "json"
MATCH_ON = ("method", "scheme", "host", "port", "path", "query")
# Replay never sees an original: any key will do, because pseudonyms are left as they are.
REPLAY_SCRUBBER = Scrubber("replay")


def configuration(scrubber: Scrubber) -> dict[str, Any]:
    """Keyword arguments of `VCR`, but for the record mode: given here, it would beat the command line."""
    return {
        "serializer": SERIALIZER,
        "match_on": MATCH_ON,
        "decode_compressed_response": True,
        "before_record_request": scrubber.request,
        "before_record_response": scrubber.response,
    }


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let threads send one after the other.

    vcrpy swaps classes of urllib3 for all threads, and takes them back for a moment while one of them opens
    a connection: meanwhile the others would reach the live server, and be answered.
    """
    lock = threading.RLock()
    send = HTTPAdapter.send

    def send_alone(adapter: HTTPAdapter, *arguments: Any, **named: Any) -> requests.Response:
        with lock:
            return send(adapter, *arguments, **named)

    with patch.object(HTTPAdapter, "send", send_alone):
        yield


def register(tape: vcr.VCR) -> None:
    """Make our cassette format known to a VCR."""
    tape.register_serializer(SERIALIZER, JsonSerializer)


def recorder(scrubber: Scrubber) -> vcr.VCR:
    """A VCR that records everything anew."""
    tape = vcr.VCR(record_mode=vcr.mode.ALL, **configuration(scrubber))
    register(tape)
    return tape
