"""Lists: pages and their order."""

from connector.listing import Row
from harness.probe.facts import BAD, PAGE, ideas_reply, ideas_total, votes_reply
from harness.probe.look import Look, Reply
from harness.probe.question import Answer, Question
from harness.probe.words import AMBIGUOUS, NOTHING, UnshownError

# Rows of which an order can be told.
FEWEST = 10


def judge_per_page(look: Look) -> Answer:
    asked = str(PAGE + 1)
    lists = (
        ("/ideas", "ideas", ideas_reply),
        ("/ideas/endorsements", "idea_endorsements", votes_reply),
        ("/audits", "audits", lambda look: look.get("/audits", page="1", per_page=str(PAGE))),
    )
    path, root = next(
        ((path, root) for path, root, ask in lists if length_of(ask(look), root) > PAGE),
        ("/ideas", "ideas"),
    )
    reply = look.get(path, fields="id", page="1", per_page=asked)
    # That it answers at all where no more is asked for.
    look.get(path, fields="id", page="1", per_page=str(PAGE)).rows(root)
    if reply.status in BAD:
        return Answer("refuse", cases=1)
    rows, total = len(reply.rows(root)), reply.total(root)
    if total <= PAGE:
        raise UnshownError(NOTHING)
    if rows > PAGE:
        return Answer("more", cases=1)
    if rows == PAGE:
        return Answer("clamp", cases=1)
    return Answer("fewer", cases=1)


def length_of(reply: Reply, root: str) -> int:
    """Rows of a whole list; 0 where it cannot be read."""
    try:
        return reply.total(root)
    except UnshownError:
        return 0


def judge_page_beyond(look: Look) -> Answer:
    pages = -(-ideas_total(look) // PAGE)
    reply = look.get("/ideas", fields="id", page=str(pages + 5), per_page=str(PAGE))
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


LISTS: tuple[Question, ...] = (
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
)
