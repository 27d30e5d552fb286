"""Comments: what is counted, and what their lists bring."""

from connector.audits import IDEAS
from connector.listing import Row
from connector.tables.declaration import letters
from harness.probe.facts import (
    EDITED,
    PAGE,
    below,
    counted_below,
    ideas,
    ideas_total,
    moment_of,
    rows_below,
    some,
    with_a_sample,
)
from harness.probe.look import Look
from harness.probe.question import Answer, Question
from harness.probe.words import AMBIGUOUS, NOTHING, UnshownError

# Pages of a workspace's comments that are looked through.
PAGES = 5
# Ideas that must have counted something.
ENOUGH_COUNTED = 2
REPLY, SPAM, CHANGED = "parent_comment_id", "spam", "updated_at"


def judge_counted(look: Look) -> Answer:
    """What `comments_count` counts: the one of three explanations that fits every idea looked at."""
    told = {str(row["id"]): row.get("comments_count") for row in ideas(look)}
    left, cases, counted = {"internal", "portal", "both"}, 0, 0
    for idea in counted_below(look, "comments"):
        count = told.get(idea)
        if type(count) is not int:
            continue
        internal, portal = (below(look, idea, kind).total(kind) for kind in ("comments", "idea_comments"))
        fits = {"internal": internal, "portal": portal, "both": internal + portal}
        narrowed = {name for name in left if fits[name] == count}
        # Somebody may have commented meanwhile.
        if narrowed != left and count_now(look, idea) != count:
            continue
        cases += narrowed != left or len(set(fits.values())) > 1
        counted += count > 0
        left = narrowed
    if not left:
        return Answer("another", cases=cases)
    if len(left) > 1 or counted < ENOUGH_COUNTED:
        raise UnshownError(AMBIGUOUS if cases else NOTHING)
    return Answer(left.pop(), cases=cases)


def count_now(look: Look, idea: str) -> object:
    """What an idea says now."""
    found = (look.get(f"/ideas/{idea}", fields="id,comments_count").body or {}).get("idea")
    return found.get("comments_count") if isinstance(found, dict) else None


def judge_workspace_comments(look: Look) -> Answer:
    """Whether a workspace's comments hold those of an idea that has some."""
    counts = counted_below(look, "comments")
    homes = {str(row["id"]): str(row.get("product_id")) for row in ideas(look)}
    talked = [homes[idea] for idea, count in counts.items() if count and homes.get(idea, "").isdecimal()]
    if not talked:
        raise UnshownError(NOTHING)
    known = {str(row.get("id")) for _, row in rows_below(look, "comments")}
    path, seen = f"/products/{talked[0]}/comments", 0
    for page in range(1, PAGES + 1):
        reply = look.get(path, page=str(page), per_page=str(PAGE))
        rows, total = reply.rows("comments"), reply.total("comments")
        on_ideas = [row for row in rows if str(row.get("id")) in known or stands_at_idea(row)]
        if on_ideas:
            return Answer("yes", cases=len(on_ideas))
        seen += len(rows)
        if seen >= total:
            return Answer("no", cases=total)
    raise UnshownError(AMBIGUOUS)


def stands_at_idea(comment: Row) -> bool:
    of = comment.get("commentable")
    return isinstance(of, dict) and letters(str(of.get("type"))) in IDEAS


def judge_portal_fields(look: Look) -> Answer:
    rows = some([row for _, row in rows_below(look, "idea_comments")])
    missing = tuple(name for name in (CHANGED, SPAM) if any(name not in row for row in rows))
    return Answer("no" if missing else "yes", cases=len(rows), names=missing)


def judge_portal_edits(look: Look) -> Answer:
    times = [
        (moment_of(row.get("created_at")), moment_of(row.get(CHANGED)))
        for _, row in rows_below(look, "idea_comments")
    ]
    known = [(made, changed) for made, changed in times if made and changed]
    later = [1 for made, changed in known if changed - made >= EDITED]
    if not later:
        # Perhaps nobody edited any.
        raise UnshownError(NOTHING)
    return Answer("yes", cases=len(later))


def judge_replies(look: Look) -> Answer:
    rows = some([row for _, row in rows_below(look, "comments")])
    with_it = sum(1 for row in rows if REPLY in row)
    if 0 < with_it < len(rows):
        raise UnshownError(AMBIGUOUS)
    return Answer("yes" if with_it else "no", cases=len(rows))


def judge_rest_portal_count(look: Look) -> Answer:
    rows = look.get("/ideas", fields="id,comments_count,portal_comments_count", per_page="20").rows("ideas")
    with_it = sum(1 for row in some(rows) if "portal_comments_count" in row)
    return Answer("yes" if with_it == len(rows) else "no", cases=len(rows))


def advise_internal(answer: Answer, look: Look) -> str | None:
    """What internal comments cost."""
    try:
        rows, total = ideas(look), ideas_total(look)
    except UnshownError:
        return None
    pages = -(-total // PAGE)
    if not answer.value:
        return None
    if answer.value not in ("internal", "both"):
        return f"Internal comments: about {pages + total:,} calls at the first sync, one for each idea."
    share = sum(1 for row in rows if row.get("comments_count")) / len(rows)
    calls = pages + with_a_sample(total, share)
    return (
        f"Internal comments: about {calls:,} calls at the first sync instead of {pages + total:,}: "
        "`comments_count` tells which ideas have any, once it agreed with the lists of the first page."
    )


COMMENTS: tuple[Question, ...] = (
    Question(
        "comments_counted",
        "Which comments does `comments_count` of an idea count?",
        judge_counted,
        {
            "internal": "`idea_comments` asks only ideas that have some",
            "portal": "set `trust_counts=false` for `idea_comments`",
            "both": "`idea_comments` asks some ideas in vain",
            "another": "set `trust_counts=false` for `idea_comments`",
        },
        "Internal comments only.",
        "`idea_comments`: no call for an idea whose count is 0",
        "comments of ideas whose count is a wrong 0 would be missing",
        "counts are compared with the lists of the first ideas, and again at each reconciliation; one wrong "
        "0, and all ideas are asked",
        switch="comments_counted",
        sets={"internal": "internal", "portal": "portal", "both": "both"},
        option="trust_counts",
        advise=advise_internal,
    ),
    Question(
        "workspace_comments",
        "Do a workspace's comments include those on its ideas?",
        judge_workspace_comments,
        {"yes": "nothing yet: one list could replace a call for each idea", "no": "nothing"},
        "They may; comments on ideas are read idea by idea all the same.",
        "whether `record_comments` has comments on ideas beside those of `idea_comments`",
        "nothing: `idea_comments` has them whichever holds",
        "`commentable.type` says what a comment stands at",
        switch="workspace_comments",
        sets={"yes": True, "no": False},
    ),
    Question(
        "portal_comment_fields",
        "Do portal comments bring `updated_at` and `spam`, where `fields` names them?",
        judge_portal_fields,
        {"yes": "nothing", "no": "without `updated_at`, `changed_at` is the time of the read; see which"},
        "They do.",
        "`changed_at` of `idea_portal_comments`, by which edits are newer",
        "`changed_at` is the moment of the read",
        "an edit is always newer, by Aha!'s own clock",
        names=(CHANGED, SPAM),
    ),
    Question(
        "portal_comment_edits",
        "Does `updated_at` of a portal comment move when it is edited?",
        judge_portal_edits,
        {"yes": "nothing"},
        "It does.",
        "which of two versions of a comment is the newer one",
        "an edit has the `changed_at` of the text before, and which of the two stays is not certain",
        "none; `sync_mode=snapshot` is exact",
    ),
    Question(
        "comment_replies",
        "Do internal comments bring `parent_comment_id`, where `fields` names it?",
        judge_replies,
        {"yes": "nothing", "no": "`parent_comment_id` stays null"},
        "They do.",
        "the column `parent_comment_id`",
        "the column is null",
        "none: it is to be seen in the table",
    ),
    Question(
        "portal_count_in_rest",
        "Does REST tell how many portal comments an idea has, as `portal_comments_count`?",
        judge_rest_portal_count,
        {"yes": "nothing yet: GraphQL would not be needed", "no": "nothing"},
        "It does not.",
        "asking GraphQL for it",
        "a call for 200 ideas more than needed",
        "none is needed",
    ),
)
