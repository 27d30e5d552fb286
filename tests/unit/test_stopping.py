"""A run that is stopped: one sentence, the exit code of the signal, and nothing of it lives on."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from scripts.lakehouse.stopping import NOX, SAID
from tests.places import ROOT

# A run as `ingest` is one: it starts a child, as Spark's JVM is started, and that one of its own; then waits,
# in the main thread for threads that wait for ever. All write into one pipe, whose end tells theirs.
RUN = """
import logging, subprocess, sys, threading
from scripts.lakehouse.stopping import StoppedError, end, end_with_nox, listen

def talk(child):
    # As py4j does when Spark is gone in the middle of a word.
    child.wait()
    logging.getLogger().error("Exception while sending command.")
    raise ConnectionResetError

listen()
end_with_nox()
deaf = "import signal; [signal.signal(s, signal.SIG_IGN) for s in (signal.SIGINT, signal.SIGTERM)]; "
inner = f"{deaf}print('ready', flush=True); signal.pause()"
outer = f"{deaf}import subprocess, sys; subprocess.Popen([sys.executable, '-c', {inner!r}]); signal.pause()"
try:
    child = subprocess.Popen([sys.executable, "-c", outer])
    threading.Thread(target=talk, args=(child,)).start()
    threading.Thread(target=threading.Event().wait).start()
    threading.Event().wait(600)
except StoppedError as stopped:
    end(stopped)
"""


@pytest.fixture
def run(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", RUN]
    with (tmp_path / "errors").open("w") as errors:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True)
        with process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_run_with_all_that_it_started(
    number: signal.Signals, run: subprocess.Popen[str], tmp_path: Path
) -> None:
    started = psutil.Process(run.pid).children(recursive=True)
    assert len(started) == 2
    run.send_signal(number)
    assert run.wait(30) == 128 + number
    # The pipe's end: nobody is left that could write into it.
    assert run.stdout is not None
    assert run.stdout.read() == ""
    assert (tmp_path / "errors").read_text() == f"{SAID}\n"


def test_a_second_signal_does_not_disturb_the_end(run: subprocess.Popen[str], tmp_path: Path) -> None:
    run.send_signal(signal.SIGINT)
    run.send_signal(signal.SIGINT)
    assert run.wait(30) == 130
    assert (tmp_path / "errors").read_text() == f"{SAID}\n"


# As nox does: it starts the run, and may be killed itself.
NOX_ENDS = """
import os, subprocess, sys
subprocess.Popen([sys.executable, "-c", sys.argv[1]])
sys.stdin.read()
os.kill(os.getpid(), 9)
"""


def test_a_run_ends_when_the_nox_that_started_it_is_killed() -> None:
    command = [sys.executable, "-c", NOX_ENDS, RUN]
    environment = os.environ | {NOX: "ingest"}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "ready\n"
        process.stdin.close()
        # Until nobody is left that has this pipe.
        assert process.stdout.read() == ""
    assert process.returncode == -signal.SIGKILL


def test_what_a_shell_said_to_ignore_is_ignored() -> None:
    script = (
        "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from scripts.lakehouse.stopping import listen; listen()\n"
        "assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
