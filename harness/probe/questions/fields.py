"""Fields: what a list brings where `fields` names it, and what kind of number stands there."""

from collections.abc import Callable
from typing import Any

from connector.listing import Row
from harness.probe.facts import BAD, TRIED, ideas_reply, some, votes_reply, workspaces
from harness.probe.look import Look
from harness.probe.question import Answer, Question
from harness.probe.words import AMBIGUOUS, NOTHING, UnshownError

# Fields that no default list of ideas has, and on which a plan rests.
IDEA_COUNTS = ("votes", "endorsements_count", "comments_count", "custom_fields", "updated_at", "product_id")
VOTE_DETAILS = ("updated_at", "description", "custom_fields", "integration_fields")
UNKNOWN_FIELD = "no_such_field_is_known"


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


FIELDS: tuple[Question, ...] = (
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
