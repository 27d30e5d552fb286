"""GraphQL: whether it answers, and whether what it counts is so."""

from connector.digests import PASSING
from harness.probe.facts import (
    DIGEST,
    PAGE,
    counted_below,
    digest,
    digest_page,
    digests,
    ideas_total,
    known_ids,
    moment_of,
    shown_ideas,
    some,
    with_a_sample,
)
from harness.probe.look import Look
from harness.probe.question import Answer, Question
from harness.probe.words import AMBIGUOUS, NOTHING, UNANSWERED, UNREADABLE, UnshownError

LEAST_PER, MOST_PER = 10, 200
COUNT, LATEST = DIGEST
# Ideas with portal comments of which a count must be right, or wrong, before it is said of all.
ENOUGH_COUNTS = 8


def judge_graphql(look: Look) -> Answer:
    reply = digest(look, known_ids(look))
    if reply.status in (401, 403):
        return Answer("forbidden", cases=1)
    if reply.status == 404:
        return Answer("unknown", cases=1)
    if reply.status != 200 or reply.body is None:
        raise UnshownError(UNANSWERED if reply.status >= 500 else UNREADABLE)
    errors = reply.body.get("errors")
    if errors and PASSING in str(errors):
        raise UnshownError(UNANSWERED)
    if errors and not shown_ideas(look):
        # Perhaps because no idea was asked for.
        raise UnshownError(NOTHING)
    if errors:
        return Answer("errors", cases=1)
    digest_page(look, known_ids(look))
    return Answer("answers", cases=1)


def judge_per(look: Look) -> Answer:
    """How many ideas come in one page, where more are asked for than come."""
    ids = known_ids(look)
    if len(ids) >= PAGE:
        more = look.get("/ideas", fields="id", page="2", per_page=str(PAGE)).rows("ideas")
        ids += tuple(str(row["id"]) for row in more[:1] if str(row.get("id")).isdecimal())
    nodes, last = digest_page(look, ids)
    if last or len(nodes) >= len(ids):
        raise UnshownError(NOTHING)
    if not LEAST_PER <= len(nodes) <= MOST_PER:
        raise UnshownError(UNREADABLE)
    return Answer(str(len(nodes)), cases=1)


def judge_counts(look: Look) -> Answer:
    """Compare what GraphQL counts with what REST lists.

    "Right" is said of all ideas where it is so of `ENOUGH_COUNTS`: the count of half of all ideas could be
    wrong, and fewer would hide it by chance.
    """
    real = counted_below(look, "idea_comments")
    told = {str(node.get("id")): node.get(COUNT) for node in digests(look, tuple(sorted(real)))}
    pairs = [(told[idea], number) for idea, number in steady(look, real, told) if idea in told]
    nulls, at_some = sum(1 for count, _ in pairs if count is None), [pair for pair in pairs if pair[1]]
    silent = sum(1 for count, _ in at_some if count is None)
    wrong = sum(1 for count, _ in at_some if count == 0)
    right = sum(1 for count, number in at_some if count == number)
    odd = sum(1 for count, number in pairs if count not in (None, 0, number) or count is True)
    if odd or (silent and wrong):
        return Answer("another", cases=odd or wrong)
    if silent and nulls < len(pairs):
        return Answer("some_null", cases=silent)
    if wrong and right:
        return Answer("some_zero", cases=wrong)
    if len(at_some) < ENOUGH_COUNTS:
        raise UnshownError(AMBIGUOUS if at_some else NOTHING)
    if silent:
        return Answer("null", cases=silent)
    if wrong:
        return Answer("zero", cases=wrong)
    return Answer("null for none" if nulls else "right", cases=right)


def steady(look: Look, real: dict[str, int], told: dict[str, object]) -> list[tuple[str, int]]:
    """Counts as they are listed, but for those where somebody commented meanwhile."""
    found = []
    for idea, number in real.items():
        changed = told.get(idea) not in (None, number) and below_now(look, idea) != number
        if not changed:
            found.append((idea, number))
    return found


def below_now(look: Look, idea: str) -> int:
    path = f"/ideas/{idea}/idea_comments"
    return look.get(path, fields="id", page="1", per_page="1").total("idea_comments")


def judge_times(look: Look) -> Answer:
    nodes, _ = digest_page(look, known_ids(look))
    times = some([str(time) for node in nodes if moment_of(time := node.get(LATEST))])
    exact = sum(1 for time in times if "." in time)
    if 0 < exact < len(times):
        raise UnshownError(AMBIGUOUS)
    return Answer("milliseconds" if exact else "seconds", cases=len(times))


def advise_portal(answer: Answer, look: Look) -> str | None:
    """What comments in portals cost."""
    total = ideas_total(look) if shown_ideas(look) else 0
    if not total:
        return None
    pages = -(-total // PAGE)
    full = f"{pages + total:,}"
    if answer.value != "answers":
        return f"Portal comments: about {full} calls at the first sync, one for each idea, without GraphQL."
    try:
        counts = judge_counts(look).value
    except UnshownError:
        # The connector tries them, too.
        counts = "right"
    if counts not in ("right", "null for none"):
        return f"Portal comments: about {full} calls at the first sync: what GraphQL counts is not so."
    nodes, _ = digest_page(look, known_ids(look))
    share = sum(1 for node in nodes if node.get(COUNT) != 0) / max(1, len(nodes))
    calls = 2 * pages + with_a_sample(total, share)
    if calls >= pages + total:
        return f"Portal comments: about {calls:,} calls; GraphQL saves calls beyond {PAGE} ideas."
    return f"GraphQL answered: portal comments will take about {calls:,} calls instead of {full}."


GRAPHQL: tuple[Question, ...] = (
    Question(
        "graphql",
        "Does the GraphQL endpoint answer this key?",
        judge_graphql,
        {
            "answers": "`graphql=auto` saves calls for portal comments",
            "forbidden": "a call for each idea; `graphql=off` spares the try",
            "unknown": "a call for each idea; `graphql=off` spares the try",
            "errors": "a call for each idea; `graphql=off` spares the try",
        },
        "It may answer; nothing but a saving rests on it.",
        "`idea_portal_comments`: no call for an idea without any",
        "each idea is asked for: N calls instead of N/200",
        "within a read, from the first refusal on it is not asked again, and the log says so",
        switch="graphql",
        sets={name: name for name in ("answers", "forbidden", "unknown", "errors")},
        option="graphql",
        advise=advise_portal,
    ),
    Question(
        "portal_counts",
        "Is what it counts as portal comments so?",
        judge_counts,
        {
            "right": "`graphql=auto` saves calls and loses nothing",
            "zero": "set `graphql=off`",
            "some_zero": "set `graphql=off`",
            "null": "`graphql=off` spares a call for 200 ideas",
            "some_null": "nothing: ideas without a count are asked for",
            "null for none": "nothing: ideas without a count are asked for",
            "another": "set `graphql=off`",
        },
        "A count is not believed before it agreed with REST.",
        "`idea_portal_comments`: no call for an idea whose count is 0",
        "comments below a wrong 0 would be missing",
        "counts are compared with the lists of the first ideas, and again at each reconciliation; one wrong "
        "0, and all ideas are asked",
        switch="portal_counts",
        sets={name: name for name in ("right", "zero", "some_zero", "null", "some_null")},
        option="graphql",
    ),
    Question(
        "graphql_per",
        "How many ideas does GraphQL put on a page, where 200 are asked for?",
        judge_per,
        {str(number): "nothing: all pages are read" for number in range(LEAST_PER, MOST_PER + 1)},
        "As many as it says; pages are read until the last.",
        "the number of calls for portal comments",
        "more calls",
        "pages are read until `isLastPage`, and never more of them than ideas were asked for",
        switch="graphql_per",
        sets={str(number): number for number in range(LEAST_PER, MOST_PER + 1)},
    ),
    Question(
        "graphql_times",
        "In which form does GraphQL give times?",
        judge_times,
        {
            "milliseconds": "nothing",
            "seconds": "nothing: two comments in a second are told apart by their count",
        },
        "In either; they are compared as texts, with the count.",
        "which ideas have news since the last sync",
        "nothing",
        "the count is compared too",
    ),
)
