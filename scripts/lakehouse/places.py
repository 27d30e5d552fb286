"""Where tables may stand on this machine: one rule, checked before anything is made."""

import codecs
import re
import sys
from pathlib import Path

from scripts.lakehouse.delta import LakehouseError

# Of ASCII's signs, those that Spark, Hadoop and delta-rs all take as they are: others are patterns, escapes
# or parts of addresses to one of them.
SIGNS = "!#$&'()+,-./;=@_~ "
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):.*", re.DOTALL)


def find_place(text: str) -> Path:
    """The directory that a text names, absolute.

    Raises:
        LakehouseError: no tables can stand there.
    """
    if not text.strip():
        raise LakehouseError("--destination is empty. Name a directory.")
    if found := SCHEME.fullmatch(text):
        raise LakehouseError(
            f"--destination: {text!r} is no directory of this machine (`{found[1]}:`). `ingest` writes local "
            "Delta tables; where tables belong into a workspace or a cloud's storage, deploy a pipeline."
        )
    place = Path(text).expanduser().absolute()
    _require("--destination", str(place))
    if not str(place).isascii() and codecs.lookup(sys.getfilesystemencoding()).name != "utf-8":
        raise LakehouseError(
            f"--destination: {text!r} holds letters beyond ASCII, and this locale is not of UTF-8: Spark "
            "would write another name than Python. Set LC_ALL=C.UTF-8, or name another directory."
        )
    return place


def require_name(name: str) -> None:
    """Raises LakehouseError unless a table's directory can have this name."""
    _require(f"Table {name!r}: its destination", name)
    if "/" in name:
        raise LakehouseError(f"Table {name!r}: a name has no slash.")


def _require(what: str, text: str) -> None:
    wrong = sorted({sign for sign in text if not _is_plain(sign)})
    if wrong:
        raise LakehouseError(
            f"{what}: {text!r} holds {' and '.join(map(repr, wrong))}, which Spark or Delta read as "
            f"something else than a name. Use letters, digits and {SIGNS.strip()} or spaces."
        )


def _is_plain(sign: str) -> bool:
    return sign in SIGNS or (sign.isalnum() if sign.isascii() else sign.isprintable())
