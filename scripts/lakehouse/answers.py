"""What was answered within a micro-batch that is not in its table yet: a stopped run did not ask in vain.

The next run is given the same answers to the same calls, so long as it asks as the stopped one did; at the
first call that was not made then, all are asked anew. To the connector that is a walk that took a while: an
answer's `Date` comes with it, and whatever changed since is later than the cursor that is made of it.
"""

import hashlib
import json
import shutil
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# Older ones are asked for again: what a run brings should not be much older than the run.
MOST_SECONDS = 900
# Calls that a reader makes at the same time come in any order.
TOGETHER = 8


@dataclass(frozen=True)
class Kept:
    """An answer: its headers and its body, unpacked. Its status is 200."""

    headers: Mapping[str, str]
    body: bytes


class Answers:
    """The answers of one table's batch, in a directory of files that only their owner reads, in their order.

    Args:
        place: of the table.
        batch: the last one that is done; None before the first.
        together: calls that may come in another order than before.
    """

    def __init__(self, place: Path, batch: int | None, together: int = TOGETHER) -> None:
        self._place, self._together, self._lock = place, together, threading.Lock()
        self._here = place / str(batch)
        for other in place.glob("*"):
            if other != self._here:
                shutil.rmtree(other, ignore_errors=True)
        self._left = sorted(self._here.glob("*.answer"))
        self._next = 1 + max((int(path.name[:8]) for path in self._left), default=-1)
        # The first ones are given first: where they are too old, so is what came after them.
        if any(path.stat().st_mtime < time.time() - MOST_SECONDS for path in self._left):
            self._drop()

    def recall(self, call: str) -> Kept | None:
        """The answer to a call that the stopped run made, too; None from the first one on that it did not."""
        with self._lock:
            for path in self._left[: self._together]:
                if path.stem.partition("-")[2] == digest(call):
                    self._left.remove(path)
                    try:
                        head, _, body = path.read_bytes().partition(b"\n")
                        return Kept(json.loads(head), body)
                    except (OSError, ValueError):
                        break
            self._drop()
            return None

    def keep(self, call: str, kept: Kept) -> None:
        """Write an answer down. A disk that has no room for it holds nothing up."""
        with self._lock:
            path = self._here / f"{self._next:08d}-{digest(call)}.answer"
            self._next += 1
            with suppress(OSError):
                for directory in (self._place.parent, self._place, self._here):
                    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                half = path.with_suffix(".half")
                half.write_bytes(json.dumps(dict(kept.headers)).encode() + b"\n" + kept.body)
                half.replace(path)

    def forget(self, batch: int) -> None:
        """A batch is in its table: the next one's answers come."""
        with self._lock:
            self._left, self._next = [], 0
            shutil.rmtree(self._place, ignore_errors=True)
            self._here = self._place / str(batch)

    def _drop(self) -> None:
        """Ask for all that is left anew: it is older than what is asked for now."""
        for path in self._left:
            path.unlink(missing_ok=True)
        self._left = []


def digest(call: str) -> str:
    return hashlib.sha256(call.encode()).hexdigest()
