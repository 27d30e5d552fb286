"""Putting a finished directory into the place of another, whole or not at all."""

import ctypes
import os
import shutil
import sys
from pathlib import Path

AT_FDCWD, RENAME_EXCHANGE = -100, 2


def swap_directory(made: Path, place: Path) -> None:
    """Let `made`, a directory beside `place`, become `place`. What stood there is removed.

    On Linux the two are exchanged in one step of the kernel. Elsewhere they are renamed one after the other,
    and `recover` undoes what was interrupted between the two.
    """
    if not place.exists():
        made.rename(place)
        return
    if _exchange(made, place):
        shutil.rmtree(made)
        return
    old = _old(place)
    place.rename(old)
    try:
        made.rename(place)
    except BaseException:
        old.rename(place)
        raise
    shutil.rmtree(old)


def recover(place: Path) -> None:
    """Finish or undo an interrupted swap."""
    old = _old(place)
    if old.exists() and not place.exists():
        old.rename(place)
    elif old.exists():
        shutil.rmtree(old)


def _old(place: Path) -> Path:
    return place.with_name(f".{place.name}.old")


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two directories at once; False where the system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    done = rename(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE)
    return bool(done == 0)
