"""Access: limits, refusals, what the key may read, and how fast it is answered."""

from collections.abc import Callable

from harness.probe.facts import PAGE, ideas_reply
from harness.probe.look import Look, Reply
from harness.probe.question import Answer, Question
from harness.probe.words import NO_ERROR, NOTHING, REFUSED, UNANSWERED, UNASKED, UNREADABLE, UnshownError

LIMIT_HEADERS = (
    *("retry-after", "retry_after", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"),
    *("ratelimit", "ratelimit-policy", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"),
)
# (below so many seconds, in words)
SPEEDS = ((0.3, "under 0.3 s"), (1.0, "0.3 to 1 s"), (5.0, "1 to 5 s"), (60.0, "5 to 60 s"))
SLOWEST = "over 60 s"


def with_status(look: Look, status: int) -> list[Reply]:
    """Answers of that status that came by themselves; of the good ones, those that hold what was asked for.

    Raises:
        UnshownError: none did.
    """
    found = [reply for reply in look.replies if reply.status == status and (reply.body or status != 200)]
    if not found:
        raise UnshownError(NO_ERROR)
    return found


def judge_limit(look: Look) -> Answer:
    """How a 429 tells when to come back; none is ever provoked."""
    found = with_status(look, 429)
    ways = {reply.told or "nothing" for reply in found}
    headers = tuple(name for name in LIMIT_HEADERS if any(name in reply.headers for reply in found))
    return Answer(ways.pop() if len(ways) == 1 else "several", cases=len(found), names=headers)


def judge_limit_headers(look: Look) -> Answer:
    found = with_status(look, 200)
    names = tuple(name for name in LIMIT_HEADERS if any(name in reply.headers for reply in found))
    return Answer("yes" if names else "no", cases=len(found), names=names)


def judge_refusal(look: Look) -> Answer:
    """How a request without a key is refused."""
    reply = look.ask_nameless()
    if reply.status != 401:
        raise UnshownError(NOTHING if reply.status < 500 else UNANSWERED)
    form = "html" if reply.form == "empty" and "html" in reply.headers.get("content-type", "") else reply.form
    return Answer(form, cases=1)


def judge_forbidden(look: Look) -> Answer:
    found = with_status(look, 403)
    forms = {reply.form for reply in found}
    return Answer(forms.pop() if len(forms) == 1 else "several", cases=len(found))


def judge_speed(look: Look) -> Answer:
    reply = ideas_reply(look)
    rows = len(reply.rows("ideas"))
    if rows < PAGE // 2:
        raise UnshownError(NOTHING)
    return Answer(next((word for below, word in SPEEDS if reply.seconds < below), SLOWEST), cases=1)


def judge_unseen(_: Look) -> Answer:
    raise UnshownError(UNASKED)


def judge_v3(look: Look) -> Answer:
    reply = look.get_outside("/api/v3/ideas")
    if reply.status == 404:
        return Answer("no", cases=1)
    if reply.status in (401, 403):
        raise UnshownError(REFUSED)
    if reply.status != 200 or reply.body is None:
        raise UnshownError(UNANSWERED if reply.status >= 500 else UNREADABLE)
    return Answer("yes", cases=1)


def readable(path: str, root: str) -> Callable[[Look], Answer]:
    """Whether the key may read a list."""

    def judge(look: Look) -> Answer:
        reply = look.get(path, page="1", per_page="1")
        if reply.status in (401, 403, 404):
            return Answer("no", cases=1)
        reply.rows(root)
        return Answer("yes", cases=1)

    return judge


def advise_refused(table: str) -> Callable[[Answer, Look], str | None]:
    def advise(answer: Answer, _: Look) -> str | None:
        if answer.value != "no":
            return None
        return f"Your key may not read {table}: leave the table out, or ask an Aha! administrator for access."

    return advise


def of_permission(table: str) -> Question:
    return Question(
        f"{table}_readable",
        f"May this key read `{table}`?",
        readable(f"/{table}", table),
        {"yes": "nothing", "no": f"leave `{table}` out, or ask for access"},
        "It depends on the role and the plan.",
        f"the table `{table}`",
        "the table is refused",
        "the error names the table and what may be missing; other tables go on",
        advise=advise_refused(table),
    )


ACCESS: tuple[Question, ...] = (
    of_permission("users"),
    of_permission("idea_users"),
    of_permission("idea_organizations"),
    Question(
        "v3_ideas",
        "Does Aha!'s API v3 have ideas?",
        judge_v3,
        {"yes": "nothing yet: it could replace v1", "no": "nothing"},
        "It does not.",
        "reading ideas by v1",
        "nothing",
        "v1 is documented for ideas",
    ),
    Question(
        "limit_headers",
        "Do ordinary answers tell how much of the rate limit is left?",
        judge_limit_headers,
        {"yes": "nothing yet: other jobs of the account could be seen", "no": "nothing"},
        "They do not.",
        "pacing by the client's own count",
        "nothing",
        "`requests_per_minute`, and waiting at a 429",
        names=LIMIT_HEADERS,
        option="requests_per_minute",
    ),
    Question(
        "rate_limit",
        "How does a 429 tell when to come back?",
        judge_limit,
        {
            "retry_after": "nothing: it is obeyed",
            "reset": "nothing: it is obeyed",
            "message": "nothing: it is obeyed",
            "nothing": "a 429 is waited out for a minute",
            "several": "nothing: what can be read of them is obeyed",
        },
        "By `Retry-After`, by `X-Ratelimit-Reset`, or in its message.",
        "how long a read waits",
        "a minute is waited",
        "without any of them it waits 60 seconds; of a longer wait, two minutes, and then asks again",
        names=LIMIT_HEADERS,
        switch="rate_limit",
        sets={name: name for name in ("retry_after", "reset", "message")},
        option="requests_per_minute",
    ),
    Question(
        "refusal",
        "In which form is a request without a key refused?",
        judge_refusal,
        {
            "html": "nothing",
            "json": "nothing",
            "empty": "nothing",
            "other": "nothing",
        },
        "In any.",
        "the message for a key that is wrong",
        "nothing",
        "only the status counts; a text is quoted where there is one",
        switch="refusal",
        sets={"html": "html", "json": "json"},
    ),
    Question(
        "forbidden",
        "In which form is what the key may not read refused?",
        judge_forbidden,
        dict.fromkeys(("html", "json", "empty", "other", "several"), "nothing"),
        "In any.",
        "the message for a table that is refused",
        "nothing",
        "only the status counts; a text is quoted where there is one",
    ),
    Question(
        "latency",
        "How long does a page of 200 whole ideas take?",
        judge_speed,
        {
            **{word: "nothing: the rate limit is slower" for _, word in SPEEDS[:2]},
            SPEEDS[2][1]: "a sync takes longer than its calls and the rate limit say",
            SPEEDS[3][1]: "a sync takes much longer than its calls say; ask Aha! why",
            SLOWEST: "a slower answer times out: set a smaller `page_size`",
        },
        "Less than a minute.",
        "the time-outs: 60 s without a byte, 180 s for an answer",
        "the request is tried again, and then the read ends in an error",
        "`page_size` makes answers smaller",
        # The sandbox keeps its own: no test waits for it.
        switch="latency",
        option="page_size",
    ),
    Question(
        "commit_lag",
        "How long after a change is it seen in lists?",
        judge_unseen,
        {},
        "Less than `lookback_seconds`, 60.",
        "where an incremental sync begins",
        "a row that appears later than that is left out until the next reconciliation",
        "each sync goes back by `lookback_seconds`, and each reconciliation reads lists whole",
        # Reading once shows no change on its way; the sandbox keeps its own.
        switch="commit_lag",
        option="lookback_seconds",
    ),
)
