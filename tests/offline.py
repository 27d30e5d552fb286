"""No test reaches an account, whatever lies in the working tree or in the environment.

Not by each test's care: from here on, this process has no credentials, every process that it starts is told
to look for them where there are none, and the interpreter refuses a connection that leaves this machine.
"""

import os
import socket
import subprocess
import sys
from typing import Any

from strict_cassettes.credentials import ONLY
from strict_cassettes.network import no_network

from tests.places import ROOT

# A directory that nobody makes.
NOWHERE = str(ROOT / "build" / "no-credentials")
PREFIXES = ("AHA_", "DATABRICKS_")
HERE = {"localhost", "127.0.0.1", "::1", "", socket.gethostname(), None}


class ReachedOutError(AssertionError):
    """A test reached for another machine."""


def go_offline() -> None:
    """Keep this process, and all that it starts, away from accounts. Call it once."""
    for name in [name for name in os.environ if name.startswith(PREFIXES)]:
        del os.environ[name]
    os.environ[ONLY] = NOWHERE
    begin: Any = subprocess.Popen.__init__

    def begin_offline(self: Any, *arguments: Any, env: Any = None, **named: Any) -> None:
        begin(self, *arguments, env={ONLY: NOWHERE, **(os.environ if env is None else env)}, **named)

    subprocess.Popen.__init__ = begin_offline  # type: ignore[method-assign]
    # The first hook that is added is asked first: a strict replay notes its attempts before this one refuses.
    with no_network([]):
        pass
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    elif event == "socket.getaddrinfo":
        host = arguments[0].decode() if isinstance(arguments[0], bytes) else arguments[0]
    else:
        return
    if host not in HERE and not str(host).startswith("127."):
        raise ReachedOutError(f"a test reached for {host!r}: tests talk to this machine only")
