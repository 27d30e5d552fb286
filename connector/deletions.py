"""Deletions, read from Aha!'s audits: which rows were destroyed since an offset."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from connector.audits import AuditList, Audits, number_in, spelling_of
from connector.client import AhaClient
from connector.errors import AhaNotFoundError, AhaPermissionError
from connector.listing import Listing, Row
from connector.offsets import Seen, digest, read_offset, scope_of, write_offset
from connector.options import Settings
from connector.servertime import as_documented, readable
from connector.tables.declaration import Table, letters
from connector.walk import Walk


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
    late = timedelta(seconds=settings.lookback_seconds)
    audits = AuditList(client, settings.page_size, late, (("audit_action", "destroy"),))
    try:
        found = audits.after(offset.after_id)
    except (AhaPermissionError, AhaNotFoundError) as error:
        raise AhaPermissionError(
            f"`track_deletes` of table `{table.name}` reads Aha!'s audits, and this key may not ({error}) "
            "Use the key of a user who may, or set `sync_mode=snapshot`, which needs no audits.",
            error.status,
        ) from None
    tombstones = {
        identity: _tombstone(audit, table, found.read_at)
        for identity, audit in found.entries.items()
        if spelling_of(audit) in table.spellings
    }
    settled = found.settled or offset.after_id
    contents = {str(identity): digest(row) for identity, row in tombstones.items()}
    news = offset.seen.news(contents)
    fresh = {identity: row for identity, row in tombstones.items() if str(identity) in news}
    restored = _find_restored(client, settings, table, {one: found.entries[one] for one in fresh}, found)
    out = [row for _, row in sorted(fresh.items()) if row["id"] not in restored]
    if start and not news:
        return iter(()), offset.to_json()
    overlap = {name: content for name, content in contents.items() if int(name) > (settled or 0)}
    end = DeletionOffset(scope, settled, Seen.of(overlap))
    return iter([out] if out else []), end.to_json()


def _find_restored(
    client: AhaClient, settings: Settings, table: Table, told: Mapping[int, Row], found: Audits
) -> set[str]:
    """Rows that were deleted with their idea, and are there again because it was taken back.

    Costs a call for each deleted idea, and one more for each that is back.
    """
    spelled = frozenset(map(letters, ("ideas/idea", "idea")))
    deleted = {
        str(audit.get("auditable_id")) for audit in found.entries.values() if spelling_of(audit) in spelled
    }
    of_ideas = table.spellings & spelled
    named = "auditable_id" if of_ideas else "associated_id"
    concerned = sorted({str(audit.get(named)) for audit in told.values()} & deleted)
    back = [idea for idea in concerned if _is_there(client, idea)]
    if of_ideas:
        return set(back)
    source = table.narrowed or table.source
    living: set[str] = set()
    for idea in back:
        listing = Listing(source.route.path, source.route.root, (), settings.page_size).below(idea)
        walk = Walk(
            partial(listing.fetch, client), listing.size, timedelta(seconds=settings.lookback_seconds)
        )
        living |= {str(row["id"]) for page in walk for row in page}
    return living


def _is_there(client: AhaClient, idea: str) -> bool:
    try:
        return isinstance(client.get(f"/ideas/{idea}", {"fields": "id"}).body.get("idea"), dict)
    except AhaNotFoundError as error:
        if error.own:
            return False
        raise


def _tombstone(audit: Row, table: Table, read_at: str) -> Row:
    """A tombstone; where the audit does not say when that was, of the time of the read."""
    created = readable(audit.get("created_at")) or as_documented(read_at)
    identity = str(number_in(audit, "auditable_id"))
    return {"id": identity, "updated_at": created, table.cursor_field: created}
