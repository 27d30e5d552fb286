"""Which fields of a document an answer shows: stub, full, or those that `fields` names."""

from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]

# Nested objects lose these unless `fields` names them (seen in the reference's examples).
PRUNED = frozenset({"created_at", "updated_at", "url", "resource", "attachments", "editor_version"})


@dataclass(frozen=True)
class Form:
    """How one kind of record is shown.

    Attributes:
        stub: fields of the default list; None where lists show the full form.
        always: fields that come back whatever `fields` says.
        extras: fields that are never part of the full form and must be named.
    """

    stub: tuple[str, ...] | None = None
    always: tuple[str, ...] = ("id",)
    extras: frozenset[str] = frozenset()


def show(document: Document, form: Form, fields: str | None, *, listed: bool) -> Document:
    """A document as a list (`listed`) or a detail route answers it."""
    if fields is None:
        if listed and form.stub is not None:
            return {name: document[name] for name in form.stub if name in document}
        return {name: value for name, value in document.items() if name not in form.extras}
    names = {name.strip() for name in fields.split(",")}
    if "*" in names:
        return {name: value for name, value in document.items() if name not in form.extras or name in names}
    wanted = names | set(form.always)
    return {name: _prune(value, names) for name, value in document.items() if name in wanted}


def _prune(value: Any, names: set[str]) -> Any:
    if isinstance(value, list):
        return [_prune(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _prune(item, names) for key, item in value.items() if key not in PRUNED or key in names}
