"""What users give: JSON inline, from a file, from standard input or from a variable; YAML; and its form."""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from community_connector.errors import InputError

FORMS = "JSON, @FILE, - (standard input) or env:NAME"


def read_json_object(option: str, given: str) -> dict[str, Any]:
    """The JSON object behind an option's value. Messages quote nothing of it, because it may hold a key.

    Raises:
        InputError: it is not there, or no JSON object, or one that says a thing twice or infinitely.
    """
    try:
        found = json.loads(_read(option, given), object_pairs_hook=_unique)
        json.dumps(found, allow_nan=False)
    except (ValueError, RecursionError) as error:
        at = (
            f" at line {error.lineno}, column {error.colno}"
            if isinstance(error, json.JSONDecodeError)
            else ""
        )
        raise InputError(f"{option}: no JSON that can be used{at}. Give {FORMS}.") from None
    if not isinstance(found, dict):
        raise InputError(f"{option}: expected a JSON object.")
    return found


class UniqueLoader(yaml.SafeLoader):
    """YAML in which nothing is said twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [self.construct_object(key, deep=True) for key, _ in node.value]
        if len({str(name) for name in names}) < len(names):
            raise ValueError("a name stands there twice")
        return super().construct_mapping(node, deep=deep)


def read_spec_object(option: str, given: str) -> dict[str, Any]:
    """The object behind an option's value, in YAML (which JSON is, too).

    Raises:
        InputError: as `read_json_object`; also for what JSON has not: dates, infinity.
    """
    try:
        found = yaml.load(_read(option, given), UniqueLoader)  # noqa: S506 - a safe loader
        json.dumps(found, allow_nan=False)
    except TypeError:
        raise InputError(f"{option}: it holds a date, or something else that is no JSON: quote it.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        at = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise InputError(f"{option}: no YAML or JSON that can be used{at}.") from None
    if not isinstance(found, dict):
        raise InputError(f"{option}: expected an object, in YAML or JSON.")
    return found


def is_inline(given: str) -> bool:
    """Whether the value itself stands on the command line, where other users of the machine can see it."""
    return given != "-" and not given.startswith(("@", "env:"))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name stands there twice")
    return dict(pairs)


def _read(option: str, given: str) -> str:
    if given == "-":
        if sys.stdin is None:
            raise InputError(f"{option}: there is no standard input.")
        return sys.stdin.buffer.read().decode()
    if given.startswith("@"):
        return read_text(option, Path(given[1:]))
    name = given.removeprefix("env:")
    if name != given and name not in os.environ:
        raise InputError(f"{option}: there is no environment variable {shown(name)}.")
    return given if name == given else os.environ[name]


def read_text(option: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no UTF-8 text"
        raise InputError(f"{option}: {shown(str(path))} cannot be read: {reason}.") from None


def shown(name: str, longest: int = 120) -> str:
    """A name for a message, unless it looks like a value that was put in its place by mistake."""
    return (
        f"`{name}`"
        if re.fullmatch(r"[\w./ ~-]+", name) and len(name) <= longest
        else "of the name that was given"
    )


def parse_yaml(place: str, text: str, schema: dict[str, Any]) -> dict[str, Any]:
    """YAML of a given form.

    Raises:
        InputError: it is none, or has another form.
    """
    try:
        found: dict[str, Any] = yaml.load(text, UniqueLoader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{place} is no YAML ({str(error).splitlines()[0]}).") from None
    check_form(f"{place} cannot be used:", schema, found)
    return found


def check_form(what: str, schema: dict[str, Any], value: Any) -> None:
    """Raises:
    InputError: with every place where `value` does not have the form of `schema`.
    """
    errors = sorted(Draft202012Validator(schema).iter_errors(value), key=lambda error: error.json_path)
    if errors:
        paths = [(error.json_path.removeprefix("$").lstrip(".") or "spec", error.message) for error in errors]
        raise InputError("\n  ".join([what, *(f"{path}: {message}." for path, message in paths)]))


def text_of(value: Any) -> str:
    """An option's value as the source gets it: all are texts there."""
    return str(value).lower() if isinstance(value, bool) else str(value)
