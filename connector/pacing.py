"""Time: one injectable clock, and the request budget that it paces."""

import sys
import threading
import time
from collections import deque
from datetime import UTC, datetime
from types import ModuleType
from typing import Protocol

# Aha! allows 20 requests in any second beside the budget per minute.
REQUESTS_PER_SECOND = 20
# Windows are held a little longer than Aha! counts them, since requests travel with jitter.
WINDOW_MARGIN = 1.02


class Clock(Protocol):
    """Where waits go. Never a source of data time: only Aha!'s own clock says when a row changed, and this
    machine's only that one of its answers may lie in the future."""

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...

    def wall_time(self) -> datetime:
        """The moment, with its zone."""
        ...


class SystemClock:
    """The real clock."""

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def wall_time(self) -> datetime:
        return datetime.fromtimestamp(time.time(), UTC)


class Budget:
    """At most `per_minute` requests in any minute and 20 in any second, for all threads that share it.

    A `per_minute` above 1,200 lifts the limit per second in proportion: whoever sets it does not read
    from Aha! itself. Of `share` processes that read at the same time, each takes its part. Where a minute has
    `parts`, each has its part of the requests, so that nobody waits for a whole minute.
    """

    def __init__(self, per_minute: int, clock: Clock, share: int = 1, parts: int = 1) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        per_second = max(REQUESTS_PER_SECOND, per_minute // 60)
        self._windows = (
            (60.0 / parts * WINDOW_MARGIN, max(1, per_minute // (share * parts)), deque[float]()),
            (1.0 * WINDOW_MARGIN, max(1, per_second // share), deque[float]()),
        )

    def take(self) -> None:
        """Wait until one more request is within the budget, and count it."""
        while (wait := self._try_take()) > 0:
            self._clock.sleep(wait)

    def _try_take(self) -> float:
        with self._lock:
            now = self._clock.monotonic()
            waits = []
            for length, limit, sent in self._windows:
                while sent and sent[0] <= now - length:
                    sent.popleft()
                if len(sent) >= limit:
                    waits.append(sent[0] + length - now)
            if waits:
                # A hair more than computed: a wait that rounding swallows would be repeated for ever.
                return max(waits) + 0.001
            for _, _, sent in self._windows:
                sent.append(now)
            return 0.0


def shared_budget(account: str, per_minute: int, clock: Clock, share: int = 1) -> Budget:
    """The budget of an account in this process, for all connectors, threads and partitions that read it.

    Spark unpickles this code anew for each task, so that no variable of it is shared within a process; the
    table of loaded modules is. A clock that is not the system's paces only whoever brought it.
    """
    if not isinstance(clock, SystemClock):
        return Budget(per_minute, clock, share)
    name = "_aha_lakeflow_budgets"
    budgets: dict[str, Budget] = sys.modules.setdefault(name, ModuleType(name)).__dict__
    # `setdefault` on a dict is atomic: two threads get the same budget.
    return budgets.setdefault(f"{account} {per_minute} {share}", Budget(per_minute, clock, share))
