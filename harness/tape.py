"""vcrpy, set up for recording and for strict replay."""

from typing import Any

import vcr

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


def register(tape: vcr.VCR) -> None:
    """Make our cassette format known to a VCR."""
    tape.register_serializer(SERIALIZER, JsonSerializer)


def recorder(scrubber: Scrubber) -> vcr.VCR:
    """A VCR that records everything anew."""
    tape = vcr.VCR(record_mode=vcr.mode.ALL, **configuration(scrubber))
    register(tape)
    return tape
