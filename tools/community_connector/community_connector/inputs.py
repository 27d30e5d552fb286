"""JSON as users give it: inline, from a file, from standard input or from a variable."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from community_connector.errors import InputError

FORMS = "JSON, @FILE, - (standard input) or env:NAME"


def read_json_object(option: str, given: str) -> dict[str, Any]:
    """The JSON object behind an option's value. Messages quote nothing of it, because it may hold a key.

    Raises:
        InputError: it is not there, or no JSON object.
    """
    try:
        found = json.loads(_read(option, given))
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"{option}: no JSON at {place}. Give {FORMS}.") from None
    if not isinstance(found, dict):
        raise InputError(f"{option}: expected a JSON object.")
    return found


def is_inline(given: str) -> bool:
    """Whether the value itself stands on the command line, where other users of the machine can see it."""
    return given != "-" and not given.startswith(("@", "env:"))


def _read(option: str, given: str) -> str:
    if given == "-":
        return sys.stdin.read()
    if given.startswith("@"):
        return read_text(option, Path(given[1:]))
    name = given.removeprefix("env:")
    if name != given and name not in os.environ:
        raise InputError(f"{option}: there is no environment variable `{name}`.")
    return given if name == given else os.environ[name]


def read_text(option: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no UTF-8 text"
        raise InputError(f"{option}: {path} cannot be read: {reason}.") from None
