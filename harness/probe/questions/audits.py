"""Audits and the recycle bin: what they tell of deletions and changes, and how."""

from connector.audits import idea_named, stands_elsewhere
from connector.listing import Row
from harness.probe.facts import SPELLINGS, deletions_told, kind_of, recent_audits, some
from harness.probe.look import Look
from harness.probe.question import Answer, Question
from harness.probe.words import AMBIGUOUS, NOTHING, UnshownError

# Kinds of audits → the class by which a request names them.
CLASSES = {"vote": "Ideas::IdeaEndorsement", "comment": "Comment", "idea_comment": "Ideas::IdeaComment"}
# What the recycle bin is known to hold, by class.
BINNED = ("Ideas::Idea", "Feature", "Epic", "Initiative", "Release", "Requirement", "Page", "Project")
# Comments whose audits are alike before that is said of all.
ENOUGH_RECORDS = 2
SHAPE = ("id", "deleted_at", "status", "record", "deleted_by")
RECORD_ID = "record.id"


def judge_readable(look: Look) -> Answer:
    reply = look.get("/audits", page="1", per_page="200")
    if reply.status in (401, 403, 404):
        return Answer("no", cases=1)
    return Answer("yes", cases=max(1, len(reply.rows("audits"))))


def judge_spelling(look: Look) -> Answer:
    """Which kinds are spelled as the connector knows them; others look like what is not of ideas."""
    kinds = [kind for audit in recent_audits(look) if (kind := kind_of(audit))]
    found = tuple(kind for kind in SPELLINGS if kind in kinds)
    if not found:
        raise UnshownError(NOTHING)
    return Answer("all" if len(found) == len(SPELLINGS) else "some", cases=len(kinds), names=found)


def judge_names(look: Look) -> Answer:
    """Whether audits of comments, which the connector follows, name their idea."""
    of_comments = [row for row in recent_audits(look) if kind_of(row) in ("comment", "idea_comment")]
    told = some([row for row in of_comments if not stands_elsewhere(row)])
    if len({str(row.get("auditable_id")) for row in told}) < ENOUGH_RECORDS:
        raise UnshownError(AMBIGUOUS)
    ways = {way_of(audit) for audit in told}
    return Answer(ways.pop() if len(ways) == 1 else "some", cases=len(told))


def way_of(audit: Row) -> str:
    if idea_named(audit):
        return "as documented"
    return "otherwise" if audit.get("associated_type") else "never"


def judge_filter(look: Look) -> Answer:
    """Whether a class in a request brings audits of that kind."""
    fits = 0
    for kind, name in CLASSES.items():
        rows = look.get("/audits", auditable_type=name, page="1", per_page="20").rows("audits")
        if any(kind_of(row) != kind for row in rows):
            return Answer("no", cases=len(rows))
        fits += bool(rows)
    if not fits:
        raise UnshownError(NOTHING)
    return Answer("yes", cases=fits)


def judge_destroyed(look: Look) -> Answer:
    rows = some([row for row in deletions_told(look) if row.get("audit_action") == "destroy"])
    found = tuple(kind for kind in SPELLINGS if any(kind_of(row) == kind for row in rows))
    if not found:
        raise UnshownError(NOTHING)
    return Answer("all" if len(found) == len(SPELLINGS) else "some", cases=len(rows), names=found)


def judge_bin(look: Look) -> Answer:
    reply = look.get("/deletions", page="1", per_page="200")
    if reply.status in (401, 403, 404):
        return Answer("refused", cases=1)
    rows = some(reply.rows("deletions"))
    if any(name not in row for row in rows for name in SHAPE):
        return Answer("another", cases=len(rows))
    kinds = {str(record.get("type")) for row in rows if isinstance(record := row["record"], dict)}
    with_id = any(isinstance(row["record"], dict) and "id" in row["record"] for row in rows)
    names = tuple(name for name in BINNED if name in kinds) + ((RECORD_ID,) if with_id else ())
    return Answer("as expected", cases=len(rows), names=names)


def advise_audits(answer: Answer, _: Look) -> str | None:
    if answer.value == "no":
        return (
            "Your key may not read audits: deletions show only in snapshots (`sync_mode=snapshot`), and the "
            "table `audits` cannot be read."
        )
    return "Your key reads audits: `track_deletes=true` finds deletions." if answer.value else None


AUDITS: tuple[Question, ...] = (
    Question(
        "audits_readable",
        "May this key read audits?",
        judge_readable,
        {"yes": "`track_deletes=true` finds deletions", "no": "deletions show only in snapshots"},
        "Perhaps not.",
        "`track_deletes`, the table `audits`",
        "the delete flow ends in an error",
        "`track_deletes` is off by default, and the error says what is missing",
        option="track_deletes",
        advise=advise_audits,
    ),
    Question(
        "audit_spelling",
        "Do audits spell votes and both kinds of comments as is expected?",
        judge_spelling,
        {"all": "nothing", "some": "of the kinds not named here nothing is known"},
        "As paths (`ideas/idea_endorsement`), or as classes.",
        "the delete flows, and which ideas are read again with `track_deletes`",
        "deletions are not found",
        "letters alone are compared, and several spellings are known; snapshots find what audits do not tell",
        names=tuple(SPELLINGS),
        option="track_deletes",
    ),
    Question(
        "audits_name_ideas",
        "Do audits of comments name their idea?",
        judge_names,
        {
            "as documented": "with `track_deletes`, changes are found though their idea did not move",
            "otherwise": "comments are read for ideas that moved, and at each reconciliation",
            "never": "comments are read for ideas that moved, and at each reconciliation",
            "some": "comments are read for ideas that moved, and at each reconciliation",
        },
        "As `associated_type` `ideas/idea`.",
        "which ideas are read again with `track_deletes`",
        "comments of ideas that do not move come at the next reconciliation",
        "one audit that names none, and audits are not followed any more; the log says so",
        switch="audits_name_ideas",
        sets={name: name for name in ("as documented", "otherwise", "never")},
        option="track_deletes",
    ),
    Question(
        "audits_filtered_by_class",
        "Does `auditable_type` in a request take the names of classes?",
        judge_filter,
        {"yes": "nothing yet: fewer pages could be read", "no": "nothing"},
        "It may; it is not used.",
        "nothing",
        "nothing",
        "audits are told apart by what they say",
    ),
    Question(
        "audits_of_deletions",
        "Of what are there audits of deletions: votes, internal comments, portal comments?",
        judge_destroyed,
        {
            "all": "`track_deletes=true` finds them all",
            "some": "of the kinds not named here nothing is known",
        },
        "Of all three.",
        "the delete flows",
        "deletions are not found",
        "snapshots find what audits do not tell",
        names=tuple(SPELLINGS),
        option="track_deletes",
    ),
    Question(
        "recycle_bin",
        "What does the recycle bin (`/deletions`) show?",
        judge_bin,
        {
            "as expected": "nothing",
            "another": "columns of `deletions` stay null",
            "refused": "the table `deletions` cannot be read",
        },
        "`id`, `deleted_at`, `status`, `record`, `deleted_by`; a reference, and no id, of the record.",
        "the table `deletions`",
        "columns are null",
        "what has no column is kept in `_rescued_data`",
        names=(*BINNED, RECORD_ID),
    ),
)
