"""A few calls at the same time: a sync is then bound by the request budget and not by latency."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any


class Pool:
    """A few threads for the length of a `with`; no thread before the first piece of work.

    Args:
        threads: how many calls overlap, at most.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._executor: ThreadPoolExecutor | None = None

    def __enter__(self) -> "Pool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._executor:
            self._executor.shutdown(cancel_futures=True)
            self._executor = None

    def map(self, work: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """The results of `work`, in the order of `items`. The first error ends it.

        Work is begun no further ahead than every thread needs, so that no more results wait than that.
        """
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self._threads, thread_name_prefix="aha")
        pending: deque[Future[Any]] = deque()
        for item in items:
            pending.append(self._executor.submit(work, item))
            if len(pending) > self._threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
