"""Why a table failed, in words that say what to do: out of the reports of Spark, Delta and this machine."""

import re
from collections.abc import Mapping

from connector.errors import printable
from scripts.lakehouse.delta import LakehouseError
from scripts.lakehouse.spark import MERGED_FILE

# Of a machine that is busy: Spark gives its Python workers ten seconds to begin.
PASSING = re.compile(r"Python worker failed to connect back|Python worker exited unexpectedly")
# What this machine refuses, however a library puts it → what to do.
MACHINE_FAULTS = {
    r"No space left on device|os error 28\b": (
        "The disk is full. The table holds what its last whole batch brought: free some space and run again."
    ),
    r"Disk quota exceeded|os error 122\b": (
        "The disk quota is used up. The table holds what its last whole batch brought: free some space and "
        "run again."
    ),
    r"Read-only file system|os error 30\b": (
        "The disk can only be read. Choose another --destination, or mount it so that it can be written to."
    ),
    r"Permission denied|os error 13\b": (
        "This user may not write there. Give the rights to the directory, or choose another --destination."
    ),
    r"OutOfMemoryError|Java heap space": (
        "Spark ran out of memory. Nothing is lost. Set a smaller `page_size` (20, say): a page is held as a "
        "whole; and close what else runs."
    ),
    r"Java side is empty|Error while (sending|receiving)|Java server|^\[Errno 111\]|GATEWAY_EXITED": (
        "Spark's JVM ended: this machine may have run out of memory, or somebody killed it. Nothing is lost: "
        "run again, and close what else runs."
    ),
    PASSING.pattern: (
        "This machine was too busy to start Spark's Python workers in ten seconds. Nothing is lost: run "
        "again, and close what else runs."
    ),
    r"answered 501 Not Implemented": (
        "The cassettes do not hold what these options ask for. Read an account instead: --live, or the local "
        'sandbox (README, "Your own account").'
    ),
}


def is_passing(error: Exception) -> bool:
    """Whether the same may succeed at once."""
    return PASSING.search(str(error)) is not None


def explain(error: Exception, addresses: Mapping[str, str] | None = None) -> str:
    """One printable sentence or two.

    Args:
        addresses: on this machine → what stands behind it, and is what a reader knows.
    """
    text = str(error)
    known = (words for pattern, words in MACHINE_FAULTS.items() if re.search(pattern, text, re.IGNORECASE))
    told = next(known, text if isinstance(error, LakehouseError) else _reason(error))
    for here, behind in (addresses or {}).items():
        told = told.replace(here, behind)
    return printable(told)


def _reason(error: Exception) -> str:
    """The connector's own message out of Spark's report, which quotes a worker's traceback."""
    lines = [
        line.strip() for line in str(error).splitlines() if re.match(r"\S*\bAha\w+Error: ", line.strip())
    ]
    if lines:
        return lines[-1].rpartition(MERGED_FILE.stem + ".")[2]
    # What a batch function raised stands at the end of a traceback, and of Java's report, what began it.
    others = [
        line.strip().removeprefix("Caused by: ")
        for line in str(error).splitlines()
        if re.match(r"(Caused by: )?\S*(Error|Exception): ", line.strip())
    ]
    return others[-1] if others else (str(error).splitlines() or [type(error).__name__])[0]
