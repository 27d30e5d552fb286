"""A bound for what has none: an answer that drips keeps every timeout of a socket from running out."""

import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


class SlowAnswerError(Exception):
    """Work that did not end in time."""


def call_within(seconds: float, work: Callable[[], Result]) -> Result:
    """The result of `work`, or its error; it is left alone where it takes longer.

    Raises:
        SlowAnswerError: it did not end within `seconds`.
    """
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            errors.append(error)

    # A daemon: a process may end while one drips.
    thread = threading.Thread(target=run, name="aha-answer", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise SlowAnswerError(f"not whole after {seconds:g} s")
    return results[0]
