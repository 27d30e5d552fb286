"""What Spark and its Python workers write, a file for each run; and what of it a reader should be told."""

import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from scripts.lakehouse.delta import LakehouseError
from scripts.merge.generated import ROOT

LOGS = ROOT / "build" / "logs"
KEPT_RUNS = 5
# How the connector's warnings begin (`connector.log`).
WARNING = "aha_lakeflow: "
MOST_WARNINGS = 10
# Retries are counted where they pass.
RETRIED = " failed in attempt "


def new_log(directory: Path = LOGS) -> Path:
    """The file of a run that begins now; of earlier ones, the last few stay.

    Raises:
        LakehouseError: nothing can be written there.
    """
    began = datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H-%M-%S")
    path = directory / f"{began}-{os.getpid()}.log"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        path.touch()
        for old in sorted(directory.glob("*.log"))[:-KEPT_RUNS]:
            old.unlink(missing_ok=True)
    except OSError as error:
        raise LakehouseError(
            f"{directory} cannot be written to ({error.strerror}), and Spark writes its log there. Let "
            "this user write into the clone's build/, or use a clone of your own."
        ) from None
    return path


@contextmanager
def errors_into(path: Path) -> Iterator[None]:
    """Standard error of processes started meanwhile, which Python's own `sys.stderr` does not reach."""
    kept = os.dup(2)
    with path.open("a") as log:
        os.dup2(log.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def find_warnings(path: Path) -> list[str]:
    """What the connector warned of, each once: warnings that differ in numbers alone are the same."""
    texts: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith(WARNING) and RETRIED not in line:
            text = line.removeprefix(WARNING)
            kind = re.sub(r"\d+", "0", text)
            texts.setdefault(kind, text)
            counts[kind] += 1
    told = [text if counts[kind] == 1 else f"{text} ({counts[kind]:,} times)" for kind, text in texts.items()]
    more = len(told) - MOST_WARNINGS
    return told[:MOST_WARNINGS] + ([f"{more} more warnings are in {path}."] if more > 0 else [])
