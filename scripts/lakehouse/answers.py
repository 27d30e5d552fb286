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
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Older ones are asked for again: what a run brings should not be much older than the run.
MOST_SECONDS = 900


@dataclass(frozen=True)
class Kept:
    """An answer: its headers and its body, unpacked. Its status is 200."""

    headers: Mapping[str, str]
    body: bytes


class Answers:
    """The answers of one table's batch, in a directory of files that only their owner reads.

    Args:
        place: of the table.
        batch: the last one that is done; None before the first.
    """

    def __init__(self, place: Path, batch: int | None) -> None:
        self._place, self._lock = place, threading.Lock()
        self._asked: Counter[str] = Counter()
        self._given: set[Path] = set()
        self._here = place / str(batch)
        for other in place.glob("*"):
            if other != self._here:
                shutil.rmtree(other, ignore_errors=True)
        times = [path.stat().st_mtime for path in self._here.glob("*")]
        # The first ones are read first: where they are too old, so is what was read after them.
        self._is_over = not times or min(times) < time.time() - MOST_SECONDS
        if self._is_over:
            shutil.rmtree(self._here, ignore_errors=True)

    def recall(self, call: str) -> Kept | None:
        """The answer to a call that the stopped run made, too; None from the first one on that it did not."""
        with self._lock:
            if self._is_over:
                return None
            try:
                head, _, body = self._file(call).read_bytes().partition(b"\n")
                kept = Kept(json.loads(head), body)
            except (OSError, ValueError):
                self._end()
                return None
            self._given.add(self._file(call))
            self._asked[call] += 1
            return kept

    def _end(self) -> None:
        """From here on all is asked anew: what stands behind it is older than that."""
        self._is_over = True
        for path in self._here.glob("*"):
            if path not in self._given:
                path.unlink(missing_ok=True)

    def keep(self, call: str, kept: Kept) -> None:
        """Write an answer down. A disk that has no room for it holds nothing up."""
        with self._lock:
            path = self._file(call)
            self._asked[call] += 1
            try:
                self._here.mkdir(mode=0o700, parents=True, exist_ok=True)
                half = path.with_suffix(".half")
                half.write_bytes(json.dumps(dict(kept.headers)).encode() + b"\n" + kept.body)
                half.replace(path)
            except OSError:
                self._is_over = True

    def forget(self, batch: int) -> None:
        """A batch is in its table: the next one's answers come."""
        with self._lock:
            self._asked.clear()
            self._is_over = True
            shutil.rmtree(self._place, ignore_errors=True)
            self._here = self._place / str(batch)

    def _file(self, call: str) -> Path:
        return self._here / f"{hashlib.sha256(call.encode()).hexdigest()}-{self._asked[call]}"
