"""What several questions look at: some ideas, what hangs below them, and what the audits tell."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import chain, zip_longest
from typing import TypeVar

from connector.audits import idea_named
from connector.digests import QUERY, DigestError, parse_digests
from connector.listing import Row
from connector.servertime import format_time, parse_time, readable
from connector.tables import TABLES
from connector.tables.declaration import letters
from harness.probe.look import Look, Reply
from harness.probe.words import NOTHING, REFUSED, UNREADABLE, UnshownError

Found = TypeVar("Found")
PAGE = 200
# Statuses of a request that is wrong.
BAD = (400, 422)
# Of several that would do (workspaces, ideas' times), so many are tried.
TRIED = 3
# Of how many ideas it is asked what hangs below them, at most.
MOST_ASKED = {"comments": 14, "idea_comments": 22}
MOST_TOLD = 12
# What is younger when the probe begins may change again, or may not show all that follows from it yet.
SETTLED = timedelta(minutes=1)
# A row that changes sooner after it was made was not edited by anybody.
EDITED = timedelta(minutes=1)
# Audits of so many days are looked at.
RECENT = timedelta(days=30)
DIGEST = ("portalCommentsCount", "lastPortalCommentAt")
NO_IDEA = "0"
# Pages of digests.
MOST_DIGESTS = 5
# When an idea changed, and whether votes came to it, or went, with another one.
IDEA_TIMES = "id,created_at,updated_at,duplicates,duplicate_of"
COMMENT_FIELDS = "id,created_at,updated_at,parent_comment_id"
PORTAL_FIELDS = "id,created_at,updated_at,spam"
VOTE_FIELDS = TABLES["idea_votes"].asked_fields


def ideas_reply(look: Look) -> Reply:
    """The first 200 ideas, with all fields that the connector asks for."""
    return look.get("/ideas", fields=",".join(TABLES["ideas"].asked_fields), page="1", per_page=str(PAGE))


def ideas(look: Look) -> list[Row]:
    """Those of the first 200 ideas that have an id of digits.

    Raises:
        UnshownError: the account shows none.
    """
    rows = [row for row in ideas_reply(look).rows("ideas") if str(row.get("id")).isdecimal()]
    if not rows:
        raise UnshownError(NOTHING)
    return rows


def ideas_total(look: Look) -> int:
    return ideas_reply(look).total("ideas")


def votes_reply(look: Look) -> Reply:
    """The first 200 votes, with all fields that the connector asks for."""
    return look.get("/ideas/endorsements", fields=",".join(VOTE_FIELDS), page="1", per_page=str(PAGE))


def recent(look: Look, path: str, root: str, fields: str) -> list[Row]:
    """Rows of a list that changed in the last days: its first and its last page."""
    params = {"fields": fields, "updated_since": format_time(now_at(look) - RECENT), "per_page": str(PAGE)}
    return both_ends(look, path, root, params)


def both_ends(look: Look, path: str, root: str, params: Mapping[str, str]) -> list[Row]:
    """The first and the last page of a list: which end is the newer one is not known.

    Raises:
        UnshownError: the key may not read it.
    """
    first = look.get(path, page="1", **params)
    rows, last = first.rows(root), -(-first.total(root) // PAGE)
    return rows + look.get(path, page=str(last), **params).rows(root) if last > 1 else rows


def recent_ideas(look: Look) -> list[Row]:
    """Ideas that changed in the last days, the newest change first; none where they cannot be read."""
    try:
        rows = recent(look, "/ideas", "ideas", IDEA_TIMES)
    except UnshownError:
        return []
    known = [row for row in rows if str(row.get("id")).isdecimal() and moment_of(row.get("updated_at"))]
    return sorted(known, key=lambda row: str(row["updated_at"]), reverse=True)


def some(rows: list[Found]) -> list[Found]:
    """The rows themselves.

    Raises:
        UnshownError: there are none.
    """
    if not rows:
        raise UnshownError(NOTHING)
    return rows


def workspaces(look: Look) -> list[str]:
    """Ids of some workspaces, those of ideas first.

    Raises:
        UnshownError: the key sees none.
    """
    found = [str(row.get("product_id")) for row in shown_ideas(look)]
    found += [
        str(row.get("id")) for row in look.get("/products", fields="id", per_page="20").rows("products")
    ]
    known = [identity for identity in dict.fromkeys(found) if identity.isdecimal()]
    if not known:
        raise UnshownError(NOTHING)
    return known


def shown_ideas(look: Look) -> list[Row]:
    """As `ideas`, and none where the account shows none."""
    try:
        return ideas(look)
    except UnshownError:
        return []


def count_of(row: Row, name: str) -> int:
    """A count in a row; 0 where it is none."""
    value = row.get(name)
    return value if type(value) is int else 0


def with_a_sample(total: int, share: float) -> int:
    """Ideas that a first sync asks for comments, of which a share has any: all of a page, to see that counts
    are right, and of the others those."""
    first = min(PAGE, total)
    return first + round(share * (total - first))


def busy_ideas(look: Look, kind: str) -> list[str]:
    """Ids of ideas below which comments of a kind may hang: some of which audits tell; those that changed
    lately, with most internal comments, and with most votes, in turn. What GraphQL says of them does not
    count: where it is wrong, the ideas that show it would be left out."""
    rows = ideas(look)
    by_comments = sorted(rows, key=lambda row: -count_of(row, "comments_count"))
    by_votes = sorted(rows, key=lambda row: -count_of(row, "endorsements_count"))
    try:
        told = [idea for found, idea in audited(look) if COMMENT_KINDS.get(found) == kind]
    except UnshownError:
        told = []
    orders = (
        [str(row["id"]) for row in recent_ideas(look)],
        [str(row["id"]) for row in by_comments if count_of(row, "comments_count")],
        [str(row["id"]) for row in by_votes],
    )
    in_turn = chain.from_iterable(zip_longest(*orders))
    return list(dict.fromkeys(one for one in (*told[:MOST_TOLD], *in_turn, *told) if one))


def below(look: Look, idea: str, kind: str) -> Reply:
    """Comments of one idea: `comments`, the internal ones, or `idea_comments`, those of portals."""
    fields = COMMENT_FIELDS if kind == "comments" else PORTAL_FIELDS
    return look.get(f"/ideas/{idea}/{kind}", fields=fields, page="1", per_page=str(PAGE))


def counted_below(look: Look, kind: str) -> dict[str, int]:
    """Idea → how many comments of a kind REST lists below it, of some ideas.

    Raises:
        UnshownError: the account shows no idea, or the key may not read these lists.
    """
    counts: dict[str, int] = {}
    for idea in busy_ideas(look, kind)[: MOST_ASKED[kind]]:
        try:
            counts[idea] = below(look, idea, kind).total(kind)
        except UnshownError as error:
            # One idea may be gone by now; where it is refused, so are all.
            if error.why != REFUSED:
                raise
    if not counts:
        raise UnshownError(REFUSED)
    return counts


def rows_below(look: Look, kind: str) -> Iterator[tuple[str, Row]]:
    """Idea and comment, of those that `counted_below` asked for."""
    for idea in counted_below(look, kind):
        for row in below(look, idea, kind).rows(kind):
            yield idea, row


def digest(look: Look, ids: tuple[str, ...], page: int = 1) -> Reply:
    """What GraphQL says of ideas, in the connector's own words."""
    query = QUERY.replace("FIELDS", " ".join(DIGEST))
    return look.query(query, {"ids": list(ids), "page": page})


def digests(look: Look, ids: tuple[str, ...]) -> list[Row]:
    """The nodes of all pages.

    Raises:
        UnshownError: it is refused, or answers something else.
    """
    found: list[Row] = []
    for page in range(1, MOST_DIGESTS + 1):
        nodes, last = digest_page(look, ids, page)
        found += nodes
        if last:
            break
    return found


def digest_page(look: Look, ids: tuple[str, ...], number: int = 1) -> tuple[list[Row], bool]:
    """Its nodes, and whether no page follows.

    Raises:
        UnshownError: it is refused, or answers something else.
    """
    reply = digest(look, ids, number)
    if reply.status != 200:
        raise UnshownError(REFUSED)
    if reply.body is None or reply.body.get("errors"):
        raise UnshownError(UNREADABLE)
    try:
        return parse_digests(reply.body)
    except DigestError:
        raise UnshownError(UNREADABLE) from None


def known_ids(look: Look) -> tuple[str, ...]:
    """Ids of some ideas, at most 200; one that no idea has, where the account shows none."""
    return tuple(str(row["id"]) for row in shown_ideas(look)[:PAGE]) or (NO_IDEA,)


def deletions_told(look: Look) -> list[Row]:
    """Audits of deletions, whatever their age.

    Raises:
        UnshownError: the key may not read them.
    """
    return both_ends(look, "/audits", "audits", {"per_page": str(PAGE), "audit_action": "destroy"})


def recent_audits(look: Look) -> list[Row]:
    """Audits of the last days, of a long list its two ends.

    Raises:
        UnshownError: the key may not read them.
    """
    return [audit for page in recent_pages(look) for audit in page]


def recent_pages(look: Look) -> list[list[Row]]:
    """As `recent_audits`, by page; and the two pages as one, where there is nothing between them."""
    params = {"per_page": str(PAGE), "created_since": format_time(now_at(look) - RECENT)}
    rows = both_ends(look, "/audits", "audits", params)
    total = look.get("/audits", page="1", **params).total("audits")
    return [rows] if len(rows) >= total else [rows[:PAGE], rows[PAGE:]]


def now_at(look: Look) -> datetime:
    """Aha!'s clock when it first answered; this machine's where it does not say."""
    return next((reply.date for reply in look.replies if reply.date), look.clock.wall_time())


# As the connector tells audits apart: kind → its spellings.
SPELLINGS: Mapping[str, frozenset[str]] = {
    "vote": TABLES["idea_votes"].spellings,
    "comment": TABLES["idea_comments"].spellings,
    "idea_comment": TABLES["idea_portal_comments"].spellings,
}
# Kinds of audits → the list below an idea that shows such records.
COMMENT_KINDS = {"comment": "comments", "idea_comment": "idea_comments"}


def kind_of(audit: Row) -> str:
    """What an audit is of: `vote`, `comment`, `idea_comment`, or ""."""
    spelled = letters(str(audit.get("auditable_type")))
    return next((kind for kind, spellings in SPELLINGS.items() if spelled in spellings), "")


def audited(look: Look) -> list[tuple[str, str]]:
    """Kind and idea of each recent audit of what was made or changed, if it names one; the newest first."""
    made = [audit for audit in recent_audits(look) if audit.get("audit_action") in ("create", "update")]
    rows = sorted(made, key=lambda audit: str(audit.get("created_at")), reverse=True)
    found = ((kind_of(audit), idea_named(audit)) for audit in rows)
    return list(dict.fromkeys((kind, idea) for kind, idea in found if kind and idea))


def moment_of(text: object) -> datetime | None:
    """A time as Aha! writes it; None of what is none."""
    known = readable(text)
    moment = parse_time(known) if known else None
    return moment if moment and 1990 <= moment.year <= 2999 else None


def milliseconds_later(text: str, by: int) -> str:
    """A time as Aha! writes it, some milliseconds later; earlier, where they are negative."""
    moved = parse_time(text) + timedelta(milliseconds=by)
    return moved.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
