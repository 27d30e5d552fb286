"""The end of a run that is stopped: its children end with it, and one sentence is said."""

import logging
import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

import psutil

# Ctrl-C, `kill`, a terminal that is closed.
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
SAID = "Stopped, and nothing is asked of Aha! any more. Run again: it goes on from the last finished batch."
# Set by nox in what it runs.
NOX = "NOX_CURRENT_SESSION"
LOOK_SECONDS = 0.5


class StoppedError(BaseException):
    """A signal came. Like KeyboardInterrupt, nothing on the way should take it for a failure.

    Attributes:
        code: the exit code that a shell expects then.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number


def listen() -> None:
    """Raise StoppedError in the main thread at a signal, but for those that are ignored (`nohup`).

    To be called again after Spark has started, which puts a handler of its own in place.
    """
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)


def end_with_nox() -> None:
    """Stop this process when the nox that started it is gone: a signal to nox alone does not reach it."""
    if NOX not in os.environ:
        return
    parent, ended = os.getppid(), threading.Event()

    def watch() -> None:
        while not ended.wait(LOOK_SECONDS):
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGTERM)
                return

    threading.Thread(target=watch, name="nox", daemon=True).start()


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as `signal` calls it
    # What is stopped already is not to be stopped in the middle of that.
    for other in SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    be_quiet()
    raise StoppedError(number)


def be_quiet() -> None:
    """Say nothing of what breaks from here on: threads that talk to Spark lose it in the middle of a word,
    and py4j logs each by the root logger, with a traceback."""
    logging.disable(logging.CRITICAL)
    threading.excepthook = lambda _: None


def end(stopped: StoppedError) -> NoReturn:
    """End this process and all that it started, now: threads that wait for Spark would wait for ever."""
    end_children()
    sys.stdout.flush()
    print(SAID, file=sys.stderr, flush=True)
    os._exit(stopped.code)


def end_children() -> None:
    """Kill what this process started, and what that started meanwhile: Spark's JVM and its Python workers."""
    while children := psutil.Process().children(recursive=True):
        for child in children:
            try:
                child.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(children, timeout=1)
        if all(child.status() == psutil.STATUS_ZOMBIE for child in children if child.is_running()):
            return
