"""Events: which of them move the `updated_at` of the idea that they happen to.

An idea that stands earlier than something that happened to it was not moved by it. One that stands at the
same moment was, unless something else happened to it then. One that stands later says nothing.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from connector.listing import Row
from harness.probe.facts import (
    audited,
    ideas,
    moment_of,
    recent,
    recent_ideas,
    rows_below,
    votes_reply,
)
from harness.probe.look import Look
from harness.probe.question import Answer, Question
from harness.probe.words import AMBIGUOUS, NOTHING, UnshownError

# Within this two moments are one.
ONE_MOMENT = timedelta(seconds=2)
# By so much an audit may be later than what it tells of (documented for texts: five minutes).
LATE = timedelta(minutes=10)
# Ideas that are asked for one by one, of those that events of one kind happened to.
ASKED = 4
# Events that an idea must have moved with before they are said to move it: one may be chance.
ENOUGH = 2
ACTIONS = ("create", "update", "destroy")
KINDS = {"vote": "vote", "comment": "internal comment", "idea_comment": "portal comment"}
DONE = {"create": "new", "update": "changed", "destroy": "deleted"}


def events(look: Look) -> dict[tuple[str, str], list[tuple[str, datetime, timedelta]]]:
    """Kind and action → idea, time, and by how much that may be late, of what happened; the newest first."""
    found: dict[tuple[str, str], list[tuple[str, datetime, timedelta]]] = {}
    for kind, action, idea, time, late in (*_audited(look), *_listed(look)):
        if (moment := moment_of(time)) and action in ACTIONS:
            found.setdefault((kind, action), []).append((idea, moment, late))
    for known in found.values():
        known.sort(key=lambda event: event[1], reverse=True)
    return found


def _audited(look: Look) -> Iterator[tuple[str, str, str, str, timedelta]]:
    try:
        for kind, action, idea, time in audited(look):
            yield kind, action, idea, time, LATE
    except UnshownError:
        return


def _listed(look: Look) -> Iterator[tuple[str, str, str, str, timedelta]]:
    """What votes and comments say themselves."""
    for kind, root in (("comment", "comments"), ("idea_comment", "idea_comments"), ("vote", "")):
        try:
            rows = (
                list(rows_below(look, root))
                if root
                else [(str(vote.get("idea_id")), vote) for vote in votes(look)]
            )
        except UnshownError:
            continue
        for idea, row in rows:
            made, changed = str(row.get("created_at")), str(row.get("updated_at"))
            yield kind, "create", idea, made, timedelta(0)
            if changed > made:
                yield kind, "update", idea, changed, timedelta(0)


def votes(look: Look) -> list[Row]:
    """The first votes, and those that changed lately."""
    path, root = "/ideas/endorsements", "idea_endorsements"
    return votes_reply(look).rows(root) + recent(look, path, root, "id,idea_id,created_at,updated_at")


def times_of(look: Look, idea: str) -> tuple[datetime, datetime] | None:
    """When an idea was made, and when it last changed; None where it is gone."""
    row = next((row for row in (*ideas(look), *recent_ideas(look)) if str(row["id"]) == idea), None)
    if row is None:
        body = look.get(f"/ideas/{idea}", fields="id,created_at,updated_at").body or {}
        found = body.get("idea")
        row = found if isinstance(found, dict) else {}
    made, changed = moment_of(row.get("created_at")), moment_of(row.get("updated_at"))
    return (made, changed) if made and changed else None


def judge(look: Look, kind: str, action: str) -> Answer:
    """Whether such an event moves the idea."""
    happened = events(look)
    known = {str(row["id"]) for row in (*ideas(look), *recent_ideas(look))}
    latest: dict[str, datetime] = {}
    for some in happened.values():
        for idea, moment, _ in some:
            latest[idea] = max(moment, latest.get(idea, moment))
    # First where nothing is known to have happened later: there the idea's own time says most.
    found = sorted(happened.get((kind, action), []), key=lambda event: latest[event[0]] - event[1])
    asked: set[str] = set()
    moved = still = 0
    for idea, moment, late in found:
        if not idea.isdecimal() or (idea not in known | asked and len(asked) >= ASKED):
            continue
        asked |= {idea} - known
        times = times_of(look, idea)
        if times is None or abs(times[0] - moment) <= ONE_MOMENT:
            continue
        if times[1] < moment - late - ONE_MOMENT:
            still += 1
        elif abs(times[1] - moment) <= ONE_MOMENT and not _beside(happened, kind, action, idea, times[1]):
            moved += 1
    if not still and moved < ENOUGH:
        raise UnshownError(AMBIGUOUS if moved else NOTHING)
    if moved and still:
        return Answer("sometimes", cases=moved + still)
    return Answer("yes" if moved else "no", cases=moved + still)


def _beside(
    happened: dict[tuple[str, str], list[tuple[str, datetime, timedelta]]],
    kind: str,
    action: str,
    idea: str,
    moment: datetime,
) -> bool:
    """Whether something else happened to the idea at that moment."""
    return any(
        what != (kind, action) and one == idea and abs(time - moment) <= ONE_MOMENT
        for what, some in happened.items()
        for one, time, _ in some
    )


def question_of(kind: str, action: str) -> Question:
    of_votes = kind == "vote"
    return Question(
        f"moves_idea_{kind}_{action}",
        f"Does a {DONE[action]} {KINDS[kind]} move the idea's `updated_at`?",
        lambda look: judge(look, kind, action),
        {
            "yes": "nothing" if of_votes else "an incremental sync finds it",
            "no": "nothing: votes have a list of their own"
            if of_votes
            else "it is found at each reconciliation, or with `track_deletes=true`",
            "sometimes": "nothing: votes have a list of their own"
            if of_votes
            else "it is found at each reconciliation, or with `track_deletes=true`",
        },
        "It does, or does not; neither is relied on.",
        "counts in `ideas`; votes of narrowed reads" if of_votes else "when a sync finds it",
        "it comes with the next reconciliation (`reconcile_hours`, 24), and not before",
        "each reconciliation compares counts and reads lists whole; `track_deletes` follows audits",
        switch="moves_idea",
        part=f"{kind}_{action}",
        sets={"yes": True, "no": False},
        option="reconcile_hours",
    )


EVENTS: tuple[Question, ...] = tuple(question_of(kind, action) for kind in KINDS for action in ACTIONS)
