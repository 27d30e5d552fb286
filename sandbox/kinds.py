"""What the kinds of records are to each other, and to audits and the recycle bin; as data."""

from sandbox.delivery import PRODUCT_STUB
from sandbox.store import Document

# Under which kind of record a record stands. Of those that are not named, under none.
PARENT_KINDS = {
    "vote": "idea",
    "comment": "idea",
    "idea_comment": "idea",
    "subscription": "idea",
    "feature": "product",
    "epic": "product",
    "initiative": "product",
    "release": "product",
    "goal": "product",
    "idea_portal": "product",
    "idea_category": "product",
    "workflow": "product",
    "persona": "product",
    "competitor": "product",
    "page": "product",
    "custom_object_record": "product",
    "requirement": "feature",
    "record_link": "feature",
    "key_result": "goal",
    "release_phase": "release",
    "portal_user": "idea_portal",
    "custom_field_option": "custom_field_definition",
}
# The fields by which a record names the one that it stands under.
PARENT_FIELDS = {
    "feature": ("product_id",),
    "epic": ("product_id",),
    "initiative": ("product_id",),
    "release": ("product_id",),
    "goal": ("product_id",),
    "page": ("product_id",),
    "custom_object_record": ("product_id",),
    "idea_category": ("project_id",),
    "release_phase": ("release_id",),
    "record_link": ("parent_record_id",),
}
# As audits spell them in answers; of others, nothing is audited.
AUDIT_TYPES = {
    "idea": "ideas/idea",
    "vote": "ideas/idea_endorsement",
    "comment": "comment",
    "idea_comment": "ideas/idea_comment",
    "idea_organization": "ideas/idea_organization",
    "product": "project",
    "goal": "strategic_imperative",
} | {
    kind: kind
    for kind in (
        *("feature", "epic", "initiative", "release", "release_phase", "requirement", "key_result"),
        *("task", "record_link", "custom_object_record"),
    )
}
# Kinds that go to the recycle bin, and the names of their classes.
BINNED = {
    "idea": "Ideas::Idea",
    "feature": "Feature",
    "epic": "Epic",
    "initiative": "Initiative",
    "release": "Release",
    "requirement": "Requirement",
}
# A record that also moves the time of the one that it stands under.
TOUCHING = ("record_link",)


def children_of(kind: str) -> list[str]:
    """The kinds that stand under one, and go with it."""
    return [child for child, parent in PARENT_KINDS.items() if parent == kind]


def with_parent(kind: str, body: Document, parent: int | None, above: Document) -> Document:
    """A document that names the record it stands under; `above` is that record's own document."""
    if parent is None:
        return body
    body = body | {name: str(parent) for name in PARENT_FIELDS.get(kind, ()) if name in body}
    if "project" in body and PARENT_KINDS.get(kind) == "product":
        body |= {"project": {name: above[name] for name in PRODUCT_STUB}}
    if kind == "requirement" and str(body["feature"]["id"]) != str(parent):
        body |= {"feature": body["feature"] | {"id": str(parent)}}
    return body
