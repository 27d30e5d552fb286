"""Keeping a stretch of code off the network, and off other processes that could reach it.

The interpreter itself tells of each attempt (audit events), so it does not matter which class or function
makes it, nor in which thread or fixture.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

EVENTS = {
    "socket.connect": "connect",
    "socket.sendto": "sendto",
    "socket.sendmsg": "sendmsg",
    "socket.getaddrinfo": "getaddrinfo",
    "socket.gethostbyname": "gethostbyname",
    "socket.gethostbyaddr": "gethostbyaddr",
    "socket.getnameinfo": "getnameinfo",
    "subprocess.Popen": "a process",
    "os.system": "a process",
    "os.exec": "a process",
    "os.posix_spawn": "a process",
}

# The innermost `with` comes last. A hook cannot be taken away, so one serves all.
_open: list[list[str]] = []


class ReplayError(AssertionError):
    """A replay that was not strict: something went out, did not match, or was not played."""


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if not _open or event not in EVENTS:
        return
    told = [value for value in arguments if isinstance(value, str | tuple)]
    attempt = f"{EVENTS[event]} {told[0]!r}" if told else EVENTS[event]
    _open[-1].append(attempt)
    raise ReplayError(f"a replay reached for the network: {attempt}")


_installed: list[bool] = []


@contextmanager
def no_network(attempts: list[str]) -> Iterator[None]:
    """Refuse connections, to this machine too, name look-ups and new processes; note each attempt.

    Code outside of Python's own modules (a JVM, a library in Rust) is not seen.
    """
    if not _installed:
        sys.addaudithook(_refuse)
        _installed.append(True)
    mine = len(_open)
    _open.append(attempts)
    try:
        yield
    finally:
        del _open[mine:]
