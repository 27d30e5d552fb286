"""Lists: what `fields` brings, pages, order, and `updated_since`."""

from collections.abc import Callable
from typing import Any

from connector.listing import Row
from harness.probe.facts import (
    SETTLED,
    ideas,
    ideas_reply,
    ideas_total,
    milliseconds_later,
    moment_of,
    now_at,
    recent_ideas,
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
# Statuses of a request that is wrong.
BAD = (400, 422)
# Rows of which an order can be told.
FEWEST = 10
# Whether an idea is listed since its own time, a millisecond later, a millisecond earlier, and since the
# second before → what the filter does.
INCLUSIVE = (True, False, True, True)
SINCE = {
    INCLUSIVE: "inclusive",
    (False, False, True, True): "exclusive",
    (False, False, False, True): "seconds",
    (True, True, True, True): "floor",
}
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
    ideas_reply(look).rows("ideas")
    if reply.status in BAD:
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
    # That it answers at all where no more is asked for.
    look.get(path, fields="id", page="1", per_page=str(MOST_PER_PAGE)).rows(root)
    if reply.status in BAD:
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
    if reply.status in (*BAD, 404):
        return Answer("refused", cases=1)
    return Answer("rows" if reply.rows("ideas") else "empty", cases=1)


def in_order_of_ids(rows: list[Row]) -> Answer:
    """Whether rows are in the order of their ids; of few, or of those that changed in the same order, it
    cannot be told."""
    ids = [int(row["id"]) for row in rows if str(row.get("id")).isdecimal()]
    times = [str(row.get("updated_at")) for row in rows]
    if len(ids) < FEWEST:
        raise UnshownError(NOTHING)
    if ids == sorted(ids) and times == sorted(times):
        raise UnshownError(AMBIGUOUS)
    return Answer("ids" if ids == sorted(ids) else "another", cases=len(ids))


def judge_order(look: Look) -> Answer:
    return in_order_of_ids(ideas_reply(look).rows("ideas"))


def judge_order_since(look: Look) -> Answer:
    params = {"fields": "id,updated_at", "updated_since": "2000-01-01T00:00:00Z", "per_page": "200"}
    return in_order_of_ids(look.get("/ideas", **params).rows("ideas"))


def judge_updated_since(look: Look) -> Answer:
    """Whether an idea is among those that changed since its own time, a millisecond later or earlier, and
    since the second before."""
    until = now_at(look) - SETTLED
    rows = {str(row["id"]): row for row in (*ideas(look), *recent_ideas(look))}
    times = {name: moment for name, row in rows.items() if (moment := moment_of(row.get("updated_at")))}
    fit = [
        name
        for name, moment in times.items()
        if moment < until and moment.microsecond // 1000 in MILLISECONDS and not moment.microsecond % 1000
    ]
    # The newest: of those that changed since, there are few.
    fit.sort(key=lambda name: times[name], reverse=True)
    if not fit:
        raise UnshownError(NOTHING)
    for name in fit[:TRIED]:
        time = milliseconds_later(str(rows[name]["updated_at"]), 0)
        moments = [milliseconds_later(time, by) for by in (0, 1, -1)]
        moments.append(milliseconds_later(f"{time[:19]}Z", -1))
        seen = tuple(is_since(look, moment, name, time) for moment in moments)
        if seen == INCLUSIVE and is_since(look, f"{time[:-1]}001Z", name, time) is not False:
            # Its own time may have more digits than are shown, and so be later.
            continue
        if seen in SINCE:
            return Answer(SINCE[seen], cases=1)
    raise UnshownError(AMBIGUOUS)


def is_since(look: Look, since_when: str, idea: str, time: str) -> bool | None:
    """Whether an idea is among those that changed since a moment; None where that cannot be told: it changed
    again, or there are too many."""
    asked = {"fields": "id,updated_at", "updated_since": since_when, "page": "1", "per_page": "200"}
    reply = look.get("/ideas", **asked)
    found = next((row for row in reply.rows("ideas") if str(row.get("id")) == idea), None)
    if found is not None:
        return True if moment_of(found.get("updated_at")) == moment_of(time) else None
    return False if reply.total("ideas") <= MOST_PER_PAGE else None


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
    if other.status in BAD:
        return Answer("refused", cases=1)
    if usual == ideas_total(look):
        # As many as there are without a filter: it would not be seen that it is ignored.
        raise UnshownError(NOTHING)
    return Answer("the same" if other.total("ideas") == usual else "another", cases=1)


def judge_malformed(look: Look) -> Answer:
    reply, total = look.get("/ideas", **since("no-time")), ideas_total(look)
    if reply.status in BAD:
        return Answer("refused", cases=1)
    found = reply.total("ideas")
    if not total:
        raise UnshownError(NOTHING)
    if found not in (0, total):
        raise UnshownError(MOVING)
    return Answer("ignored" if found else "nothing", cases=1)


def judge_decimals(look: Look) -> Answer:
    """Whether a vote's weight, or an idea's score, is ever no whole number."""
    found: list[float] = []
    for ask, root, name in ((votes_reply, "idea_endorsements", "weight"), (ideas_reply, "ideas", "score")):
        try:
            values: list[Any] = [row.get(name) for row in ask(look).rows(root)]
        except UnshownError:
            continue
        found += [float(value) for value in values if type(value) in (int, float)]
    if not found:
        raise UnshownError(NOTHING)
    fractions = sum(1 for value in found if value % 1)
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
        "each changed record is asked for by itself, which costs calls",
        "where no row of a page has the field, the records themselves are read",
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
        "the error names the route; other tables go on",
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
            "floor": "nothing: rows that come twice are merged by id",
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
