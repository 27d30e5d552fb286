"""Deletions, read from Aha!'s audits: which rows were destroyed since an offset.

Audits only grow, and `after_id` gives those with a larger id: all pages after one id are read, and the next
read goes on after the last id that nothing can come before any more. What is younger than `lookback_seconds`
is read again, because an audit may become visible after one with a larger id.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from connector.client import AhaClient
from connector.errors import AhaNotFoundError, AhaPermissionError, AhaResponseError
from connector.listing import Listing, Page, Row
from connector.offsets import Seen, digest, read_offset, scope_of, write_offset
from connector.options import Settings
from connector.servertime import CLOCK_MARGIN, changed_before, format_time, require_clock, shift
from connector.tables.declaration import Table, letters


@dataclass(frozen=True)
class DeletionOffset:
    """How far the audits were read.

    Attributes:
        scope: fingerprint of the account and the table.
        after_id: the audit up to which all deletions were delivered; None before there was one.
        seen: later ones that were delivered too.
    """

    scope: str
    after_id: int | None = None
    seen: Seen = field(default_factory=Seen)

    def to_json(self) -> dict[str, Any]:
        """The JSON object that Spark stores; under 16 KiB."""
        after_id = None if self.after_id is None else str(self.after_id)
        return write_offset(self.scope, {"after_id": after_id}, {"seen": self.seen})

    @classmethod
    def from_json(cls, given: Mapping[str, Any] | None, scope: str) -> "DeletionOffset":
        """Read an offset back, as `Offset.from_json` does."""

        def parse(found: Mapping[str, Any]) -> DeletionOffset:
            after_id = found["after_id"]
            return cls(scope, None if after_id is None else int(after_id), Seen.from_json(found.get("seen")))

        return read_offset(given, scope, parse) or cls(scope)


def read_deletions(
    client: AhaClient, settings: Settings, table: Table, start: Mapping[str, Any] | None
) -> tuple[Iterator[list[Row]], dict[str, Any]]:
    """Tombstones of the rows of `table` that were destroyed since `start`, and the offset after them.

    Without a start, all that the audits hold: Aha! keeps 12 months (documented). A tombstone has the row's
    `id`, and the time of its deletion as `updated_at` and in the column that rows are ordered by.

    Raises:
        AhaError: the offset cannot be used, or a request failed; `start` stays valid.
        AhaPermissionError: the key may not read the audits.
    """
    scope = scope_of(settings.subdomain, f"{table.name}/deletions", ())
    offset = DeletionOffset.from_json(start, scope)
    after = (("after_id", str(offset.after_id)),) if offset.after_id is not None else ()
    params = (("audit_action", "destroy"), *after)
    listing = Listing("/audits", "audits", params, settings.page_size)
    page = _fetch_audits(client, listing, table, 1)
    now = require_clock(format_time(page.date) if page.date else "", listing.path)
    horizon = shift(now, -timedelta(seconds=settings.lookback_seconds) - CLOCK_MARGIN)
    old: set[int] = {offset.after_id or 0}
    young: set[int] = set()
    tombstones: dict[int, Row] = {}
    number = 1
    while True:
        for audit in page.rows:
            identity = _id_in(audit["id"], "id", listing)
            if offset.after_id is not None and identity <= offset.after_id:
                raise _unexpected_audits(listing, f"only audits after {offset.after_id}, but also {identity}")
            (old if changed_before(audit, horizon, "created_at") else young).add(identity)
            if _spelled(audit.get("auditable_type"), listing) in table.spellings:
                tombstones[identity] = _tombstone(audit, listing, table)
        if page.last:
            break
        number += 1
        page = _fetch_audits(client, listing, table, number)
    settled = max(identity for identity in old if not young or identity < min(young))
    contents = {str(identity): digest(row) for identity, row in tombstones.items()}
    news = offset.seen.news(contents)
    out = [row for identity, row in sorted(tombstones.items()) if str(identity) in news]
    if start and not news:
        return iter(()), offset.to_json()
    overlap = {name: content for name, content in contents.items() if int(name) > settled}
    end = DeletionOffset(scope, settled or None, Seen.of(overlap))
    return iter([out] if out else []), end.to_json()


def _fetch_audits(client: AhaClient, listing: Listing, table: Table, number: int) -> Page:
    try:
        return listing.fetch(client, number)
    except (AhaPermissionError, AhaNotFoundError) as error:
        raise AhaPermissionError(
            f"`track_deletes` of table `{table.name}` reads Aha!'s audits, and this key may not ({error}) "
            "Use the key of a user who may, or set `sync_mode=snapshot`, which needs no audits.",
            error.status,
        ) from None


def _tombstone(audit: Row, listing: Listing, table: Table) -> Row:
    created = audit.get("created_at")
    if not isinstance(created, str):
        raise _unexpected_audits(listing, f"audit {audit['id']} with the time it was made")
    identity = str(_id_in(audit.get("auditable_id"), "auditable_id", listing))
    return {"id": identity, "updated_at": created, table.cursor_field: created}


def _id_in(value: Any, name: str, listing: Listing) -> int:
    if not str(value).isdecimal():
        raise _unexpected_audits(listing, f"a number as `{name}` of each audit, not {type(value).__name__}")
    return int(value)


def _spelled(value: Any, listing: Listing) -> str:
    if not isinstance(value, str):
        raise _unexpected_audits(listing, "an `auditable_type` for each audit")
    return letters(value)


def _unexpected_audits(listing: Listing, wanted: str) -> AhaResponseError:
    return AhaResponseError(
        f"GET {listing.path} was to answer with {wanted}. Nothing was lost; if it stays so, Aha!'s API has "
        "changed and this connector needs an update."
    )
