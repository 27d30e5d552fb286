"""The shape of JSON: which paths there are, and which JSON types stand there."""

from collections.abc import Iterable
from typing import Any

Shape = dict[str, set[str]]


def shape_of(bodies: Iterable[Any]) -> Shape:
    """Path → JSON types, over all `bodies`.

    List items share the path `name[]`; keys that are ids share `:id`. An id is of type `id` whether it is a
    string or a number, because Aha! sends small ones as numbers.
    """
    shape: Shape = {}
    for body in bodies:
        _add(shape, body, "", "")
    return shape


def _add(shape: Shape, value: Any, path: str, key: str) -> None:
    shape.setdefault(path, set()).add(_type(value, key))
    if isinstance(value, dict):
        for name, item in value.items():
            name = ":id" if name.isdecimal() else name
            _add(shape, item, f"{path}.{name}", name)
    elif isinstance(value, list):
        for item in value:
            _add(shape, item, f"{path}[]", key)


def optional_in(bodies: Iterable[Any]) -> set[str]:
    """Paths that some objects have and others of the same path have not."""
    objects: dict[str, int] = {}
    present: dict[str, int] = {}
    for body in bodies:
        _count(body, "", objects, present)
    return {path for path, count in present.items() if count < objects[path.rpartition(".")[0]]}


def _count(value: Any, path: str, objects: dict[str, int], present: dict[str, int]) -> None:
    if isinstance(value, dict):
        objects[path] = objects.get(path, 0) + 1
        for name, item in value.items():
            below = f"{path}.{':id' if name.isdecimal() else name}"
            present[below] = present.get(below, 0) + 1
            _count(item, below, objects, present)
    elif isinstance(value, list):
        for item in value:
            _count(item, f"{path}[]", objects, present)


def _type(value: Any, key: str) -> str:
    looks_like_id = type(value) is int or (isinstance(value, str) and value.isdecimal())
    if looks_like_id and (key == "id" or key.endswith(("_id", "_ids"))):
        return "id"
    for kind, name in (
        (bool, "bool"),
        (int | float, "number"),
        (str, "string"),
        (list, "list"),
        (dict, "object"),
    ):
        if isinstance(value, kind):
            return name
    return "null"


def differences(wanted: Shape, found: Shape) -> dict[str, str]:
    """Path → how `found` differs from `wanted`; a path below a missing one is not told."""
    out: dict[str, str] = {}
    for path in sorted(set(wanted) | set(found)):
        if any(path.startswith((f"{other}.", f"{other}[")) for other in out):
            continue
        if path not in found:
            out[path] = "missing"
        elif path not in wanted:
            out[path] = "not in the example"
        elif wanted[path] != found[path]:
            out[path] = f"{sorted(found[path])} instead of {sorted(wanted[path])}"
    return out
