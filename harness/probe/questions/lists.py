"""Lists: what `fields` brings, pages, order, and `updated_since`."""

from collections.abc import Callable

from connector.listing import Row
from harness.probe.facts import (
    ideas,
    ideas_reply,
    ideas_total,
    milliseconds_later,
    moment_of,
    some,
    votes_reply,
    workspaces,
)
from harness.probe.look import Look, Reply
from harness.probe.question import Answer, Question
from harness.probe.words import AMBIGUOUS, MOVING, NOTHING, UnshownError

MOST_PER_PAGE = 200
# Fields that no default list of ideas has, and on which a plan rests.
IDEA_COUNTS = ("votes", "endorsements_count", "comments_count", "custom_fields", "updated_at", "product_id")
VOTE_DETAILS = ("updated_at", "description", "custom_fields", "integration_fields")
UNKNOWN_FIELD = "no_such_field_is_known"
# Times and workspaces that are tried; milliseconds by which a time is apart from whole seconds.
TRIED, MILLISECONDS = 3, range(2, 998)


def all_have(rows: list[Row], names: tuple[str, ...]) -> Answer:
    """Whether every row has all of some fields; else which are missing on some."""
    missing = tuple(name for name in names if any(name not in row for row in some(rows)))
    return Answer("some" if missing else "all", cases=len(rows), names=missing)


def judge_ideas_fields(look: Look) -> Answer:
    return all_have(ideas_reply(look).rows("ideas"), IDEA_COUNTS)


def judge_ideas_star(look: Look) -> Answer:
    return all_have(look.get("/ideas", fields="*", per_page="20").rows("ideas"), IDEA_COUNTS)


def judge_votes_fields(look: Look) -> Answer:
    return all_have(votes_reply(look).rows("idea_endorsements"), VOTE_DETAILS)


def judge_nested(look: Look) -> Answer:
    rows = look.get("/ideas", fields="id,name,description", per_page="20").rows("ideas")
    notes = [note for row in rows if isinstance(note := row.get("description"), dict) and note.get("id")]
    times = ["created_at" in note for note in some(notes)]
    if any(times) and not all(times):
        raise UnshownError(AMBIGUOUS)
    return Answer("kept" if all(times) else "left out", cases=len(notes))


def judge_unknown_field(look: Look) -> Answer:
    reply = look.get("/ideas", fields=f"id,{UNKNOWN_FIELD}", per_page="1")
    if 400 <= reply.status < 500 and reply.status not in (401, 403, 404):
        return Answer("refused", cases=1)
    reply.rows("ideas")
    return Answer("ignored", cases=1)


def judge_per_page(look: Look) -> Answer:
    asked = str(MOST_PER_PAGE + 1)
    lists = (
        ("/ideas", "ideas", ideas_reply),
        ("/ideas/endorsements", "idea_endorsements", votes_reply),
        ("/audits", "audits", lambda look: look.get("/audits", page="1", per_page=str(MOST_PER_PAGE))),
    )
    path, root = next(
        ((path, root) for path, root, ask in lists if length_of(ask(look), root) > MOST_PER_PAGE),
        ("/ideas", "ideas"),
    )
    reply = look.get(path, fields="id", page="1", per_page=asked)
    if reply.status in (400, 422):
        return Answer("refuse", cases=1)
    rows, total = len(reply.rows(root)), reply.total(root)
    if total <= MOST_PER_PAGE:
        raise UnshownError(NOTHING)
    if rows > MOST_PER_PAGE:
        return Answer("more", cases=1)
    if rows == MOST_PER_PAGE:
        return Answer("clamp", cases=1)
    return Answer("fewer", cases=1)


def length_of(reply: Reply, root: str) -> int:
    """Rows of a whole list; 0 where it cannot be read."""
    try:
        return reply.total(root)
    except UnshownError:
        return 0


def judge_page_beyond(look: Look) -> Answer:
    pages = -(-ideas_total(look) // MOST_PER_PAGE)
    reply = look.get("/ideas", fields="id", page=str(pages + 5), per_page=str(MOST_PER_PAGE))
    if reply.status in (400, 404, 422):
        return Answer("refused", cases=1)
    return Answer("rows" if reply.rows("ideas") else "empty", cases=1)


def in_order_of_ids(rows: list[Row]) -> Answer:
    ids = [int(row["id"]) for row in rows if str(row.get("id")).isdecimal()]
    if len(ids) < 3:
        raise UnshownError(NOTHING)
    return Answer("ids" if ids == sorted(ids) else "another", cases=len(ids))


def judge_order(look: Look) -> Answer:
    return in_order_of_ids(ideas_reply(look).rows("ideas"))


def judge_order_since(look: Look) -> Answer:
    params = {"fields": "id,updated_at", "updated_since": "2000-01-01T00:00:00Z", "per_page": "200"}
    return in_order_of_ids(look.get("/ideas", **params).rows("ideas"))


def judge_updated_since(look: Look) -> Answer:
    """By how many ideas changed since a known idea's own time, and since a millisecond before and after."""
    times = sorted({str(row.get("updated_at")) for row in ideas(look) if moment_of(row.get("updated_at"))})
    fit = [time for time in times if (known := moment_of(time)) and known.microsecond // 1000 in MILLISECONDS]
    if not fit:
        raise UnshownError(NOTHING)
    why = NOTHING
    # The oldest: what happens meanwhile is later.
    for time in fit[:TRIED]:
        before, at, after, second = (
            counted(look, moved)
            for moved in (
                milliseconds_later(time, -1),
                time,
                milliseconds_later(time, 1),
                milliseconds_later(time[:19] + "Z", -1),
            )
        )
        again = look.again("/ideas", **since(milliseconds_later(time, -1))).total("ideas")
        if again != before:
            why = MOVING
            continue
        if before == at > after:
            return Answer("inclusive", cases=1)
        if before > at == after:
            return Answer("exclusive", cases=1)
        if second > before == at == after:
            return Answer("seconds", cases=1)
        why = AMBIGUOUS
    raise UnshownError(why)


def since(time: str) -> dict[str, str]:
    return {"fields": "id", "updated_since": time, "page": "1", "per_page": "1"}


def counted(look: Look, time: str) -> int:
    return look.get("/ideas", **since(time)).total("ideas")


def judge_forms(look: Look) -> Answer:
    """Whether a time in microseconds with a small `z` counts as the same one does in Aha!'s own form."""
    times = sorted({str(row["updated_at"]) for row in ideas(look) if moment_of(row.get("updated_at"))})
    if not times:
        raise UnshownError(NOTHING)
    middle = milliseconds_later(times[len(times) // 2], -1)
    usual, other = counted(look, middle), look.get("/ideas", **since(f"{middle[:-1]}000z"))
    if 400 <= other.status < 500:
        return Answer("refused", cases=1)
    if usual == ideas_total(look):
        # As many as there are without a filter: it would not be seen that it is ignored.
        raise UnshownError(NOTHING)
    return Answer("the same" if other.total("ideas") == usual else "another", cases=1)


def judge_malformed(look: Look) -> Answer:
    reply, total = look.get("/ideas", **since("no-time")), ideas_total(look)
    if reply.status in (400, 422):
        return Answer("refused", cases=1)
    found = reply.total("ideas")
    if not total:
        raise UnshownError(NOTHING)
    if found not in (0, total):
        raise UnshownError(MOVING)
    return Answer("ignored" if found else "nothing", cases=1)


def judge_decimals(look: Look) -> Answer:
    """Whether a vote's weight, or an idea's score, is ever no whole number."""
    found: list[object] = []
    for ask, name in ((votes_reply, "weight"), (ideas_reply, "score")):
        try:
            root = "idea_endorsements" if name == "weight" else "ideas"
            found += [row[name] for row in ask(look).rows(root) if row.get(name) is not None]
        except UnshownError:
            continue
    if not found:
        raise UnshownError(NOTHING)
    fractions = sum(
        1 for value in found if not (type(value) is int or (type(value) is float and value % 1 == 0))
    )
    return Answer("fractions" if fractions else "whole", cases=fractions or len(found))


def has_time(path: str, root: str, extra: str = "") -> Callable[[Look], Answer]:
    """Whether a list that lacks `updated_at` by default brings it where it is named."""

    def judge(look: Look) -> Answer:
        places = [path.format(workspace=one) for one in workspaces(look)[:TRIED]] if "{" in path else [path]
        lists = (
            look.get(place, fields=f"id,updated_at{extra}", per_page="20").rows(root) for place in places
        )
        rows = some(next(filter(None, lists), []))
        wanted = ["updated_at", *filter(None, extra.split(","))]
        missing = tuple(name for name in wanted if any(name not in row for row in rows))
        return Answer("no" if missing else "yes", cases=len(rows), names=missing)

    return judge


def of_time(table: str, path: str, root: str, extra: str = "") -> Question:
    """The question whether a list brings `updated_at`."""
    what = f"`updated_at`{' and `requirements`' if extra else ''}"
    return Question(
        f"{table}_updated_at",
        f"Does the list of {table.replace('_', ' ')} bring {what}, where `fields` names it?",
        has_time(path, root, extra),
        {
            "yes": "syncs are incremental",
            "no": "each changed row is asked for by itself: a call more for each",
        },
        f"`{path.format(workspace=':id')}?fields=updated_at` brings it.",
        f"the cursor of `{table}`",
        "rows without it are asked for one by one, which costs calls",
        "the connector looks for the field in each row, and reads the record itself where it is missing",
        names=("updated_at", "requirements"),
    )


LISTS: tuple[Question, ...] = (
    Question(
        "ideas_fields",
        "Does the list of ideas bring counts and custom fields, where `fields` names them?",
        judge_ideas_fields,
        {
            "all": "one call for 200 whole ideas",
            "some": "columns of `ideas` stay null; see which",
        },
        "`GET /ideas?fields=` brings every field of an idea's own page.",
        "`ideas` in one call for 200; `comments_count` and `endorsements_count`, which save calls",
        "columns are null, and every idea is asked for comments and votes",
        "a count that is missing is not believed: the call is made",
        names=IDEA_COUNTS,
    ),
    Question(
        "ideas_fields_star",
        "Does `fields=*` bring the same?",
        judge_ideas_star,
        {"all": "nothing: the connector names its fields", "some": "nothing: the connector names its fields"},
        "Names are safer than `*`, which leaves some out.",
        "nothing; peers use it",
        "nothing",
        "fields are named, one by one",
        names=IDEA_COUNTS,
    ),
    Question(
        "votes_fields",
        "Does the account's list of votes bring the form of a vote's own page?",
        judge_votes_fields,
        {"all": "one call for 200 whole votes", "some": "columns of votes stay null; see which"},
        "`GET /ideas/endorsements?fields=` brings what a vote's own page shows.",
        "`idea_votes` and `idea_proxy_votes` in one call for 200",
        "columns are null",
        "none: a column that is null for all rows is to be seen in the table",
        names=VOTE_DETAILS,
    ),
    Question(
        "nested_fields",
        "Are objects within a row cut to the named fields too?",
        judge_nested,
        {"left out": "all names are asked for, at every depth", "kept": "nothing"},
        "The names count at every depth.",
        "which names are asked for",
        "nothing: more is asked for than needed",
        "the names of all depths are in the one list",
    ),
    Question(
        "unknown_fields",
        "What happens where `fields` names one that does not exist?",
        judge_unknown_field,
        {"ignored": "nothing", "refused": "a column that Aha! gives up would end the reading of its table"},
        "It is ignored.",
        "that a field which an account lacks does no harm",
        "the table ends with the status that Aha! answers",
        "the error names the table; other tables go on",
    ),
    Question(
        "per_page_over_200",
        "What happens where more than 200 rows a page are asked for?",
        judge_per_page,
        {
            "clamp": "nothing",
            "refuse": "nothing: never more than 200 are asked for",
            "more": "pages could be larger than 200: fewer calls",
            "fewer": "pages are smaller than 200: more calls",
        },
        "200 is the most.",
        "the size of pages",
        "more calls than needed, or a page that is not full",
        "a page that is not full is followed by the next, until `pagination` says that it is the last",
        switch="per_page_over_200",
        sets={"clamp": "clamp", "refuse": "refuse"},
        option="page_size",
    ),
    Question(
        "page_beyond_the_last",
        "What is on a page beyond the last?",
        judge_page_beyond,
        {
            "empty": "nothing",
            "refused": "nothing: it is never asked for",
            "rows": "nothing: `pagination` ends a walk",
        },
        "Nothing; it is never asked for, but where rows left the list meanwhile.",
        "walks that shrink while they are read",
        "the read ends in an error, and the next one begins anew",
        "a walk is read again where its total fell",
    ),
    Question(
        "order_of_ideas",
        "In which order are ideas listed?",
        judge_order,
        {"ids": "nothing", "another": "lists that change while they are read cost a second walk"},
        "By id.",
        "walks in pages: a new record comes at the end, so that no page shifts",
        "rows may shift between pages while they are read",
        "a walk whose total or seams do not fit is read again",
    ),
    Question(
        "order_since",
        "In which order, where `updated_since` narrows the list?",
        judge_order_since,
        {"ids": "nothing", "another": "nothing: the cursor is the time at which the walk began"},
        "By id, too; never by time.",
        "that the cursor moves only when a walk is whole",
        "nothing",
        "the cursor is Aha!'s own clock at the beginning of a walk",
    ),
    Question(
        "updated_since",
        "Does `updated_since` leave out its own moment?",
        judge_updated_since,
        {
            "exclusive": "nothing: each sync goes back by `lookback_seconds`",
            "inclusive": "nothing: rows that come twice are merged by id",
            "seconds": "keep `lookback_seconds` at 2 or more",
        },
        "It may do either, or cut both sides to seconds.",
        "where an incremental sync begins",
        "rows of one millisecond, or of one second, would be left out",
        "each sync goes back by `lookback_seconds` (60), and rows are merged by id",
        switch="updated_since",
        sets={"exclusive": "exclusive", "inclusive": "inclusive", "seconds": "seconds"},
        option="lookback_seconds",
    ),
    Question(
        "updated_since_forms",
        "Is a time with microseconds and a small `z` taken for the same?",
        judge_forms,
        {
            "the same": "nothing",
            "another": "nothing: whole seconds are sent",
            "refused": "nothing: whole seconds are sent",
        },
        "Whole seconds with `Z` are taken.",
        "nothing: this form is not sent",
        "nothing",
        "times are sent as `2025-09-02T10:00:00Z`",
    ),
    Question(
        "updated_since_malformed",
        "What happens to an `updated_since` that is no time?",
        judge_malformed,
        {
            "ignored": "a wrong cursor would read everything again, and lose nothing",
            "refused": "a wrong cursor would end in an error",
            "nothing": "a wrong cursor would find nothing, without a word",
        },
        "A cursor is checked before it is sent.",
        "nothing: it is not sent",
        "nothing",
        "an offset whose time cannot be read is refused before the first request",
    ),
    Question(
        "decimals",
        "Are a vote's weight and an idea's score ever fractions?",
        judge_decimals,
        {"whole": "nothing", "fractions": "nothing: both columns take fractions"},
        "They may be.",
        "the columns' type, DOUBLE",
        "nothing",
        "whole numbers fit into a DOUBLE, too",
    ),
    of_time("features", "/features", "features", ",requirements"),
    of_time("epics", "/epics", "epics"),
    of_time("tasks", "/tasks", "tasks"),
    of_time("releases", "/products/{workspace}/releases", "releases"),
)
