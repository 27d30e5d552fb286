"""`updated_since`: which moments it takes in, and which forms of a time."""

from harness.probe.facts import (
    BAD,
    PAGE,
    SETTLED,
    TRIED,
    ideas,
    ideas_total,
    milliseconds_later,
    moment_of,
    now_at,
    recent_ideas,
)
from harness.probe.look import Look
from harness.probe.question import Answer, Question
from harness.probe.words import AMBIGUOUS, MOVING, NOTHING, UnshownError

# Whether an idea is listed since its own time, a millisecond later, a millisecond earlier, and since the
# second before → what the filter does.
INCLUSIVE = (True, False, True, True)
SINCE = {
    INCLUSIVE: "inclusive",
    (False, False, True, True): "exclusive",
    (False, False, False, True): "seconds",
    (True, True, True, True): "floor",
}
# By so many milliseconds a time is apart from whole seconds.
MILLISECONDS = range(2, 998)


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
    return False if reply.total("ideas") <= PAGE else None


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


UPDATED_SINCE: tuple[Question, ...] = (
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
)
