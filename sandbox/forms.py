"""Which fields of a document an answer shows: stub, full, or those that `fields` names."""

import re
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]

# Nested objects lose these unless `fields` names them (inferred from the reference's examples); custom fields
# stay whole.
PRUNED = frozenset({"created_at", "updated_at", "url", "resource", "attachments", "editor_version"})


@dataclass(frozen=True)
class Form:
    """How one kind of record is shown.

    Attributes:
        stub: fields of the default list; None where lists show the full form.
        always: fields that come back whatever `fields` says.
        extras: fields that are never part of the full form and must be named.
        left_out, detail_left_out: fields of the full form that a default list, or a detail, lacks.
    """

    stub: tuple[str, ...] | None = None
    always: tuple[str, ...] = ("id",)
    extras: frozenset[str] = frozenset()
    left_out: frozenset[str] = frozenset()
    detail_left_out: frozenset[str] = frozenset()


def show(document: Document, form: Form, fields: str | None, *, listed: bool) -> Document:
    """A document as a list (`listed`) or a detail route answers it."""
    if fields is None:
        if listed and form.stub is not None:
            return {name: document[name] for name in form.stub if name in document}
        hidden = form.extras | (form.left_out if listed else form.detail_left_out)
        return {name: value for name, value in document.items() if name not in hidden}
    names = {name.strip() for name in fields.split(",")}
    if "*" in names:
        hidden = form.extras - names
        return {name: value for name, value in document.items() if name not in hidden}
    wanted = names | set(form.always)
    return {name: _prune(name, value, names) for name, value in document.items() if name in wanted}


def _prune(name: str, value: Any, names: set[str]) -> Any:
    if name == "custom_fields":
        return value
    if isinstance(value, list):
        return [_prune(name, item, names) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _prune(key, item, names) for key, item in value.items() if key in names or key not in PRUNED}
    if "plain_text_body" in names and "body" in kept:
        kept["plain_text_body"] = re.sub(r"<[^>]+>", "", value["body"])
    return kept
