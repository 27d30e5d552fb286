"""Events: which of them move the `updated_at` of the idea that they happen to.

An idea that stands earlier than something that happened to it was not moved by it. One that stands at the
same moment was, unless something else happened to it then. One that stands later says nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.listing import Row
from connector.tables.declaration import letters
from harness.probe.facts import (
    IDEA,
    IDEA_TIMES,
    idea_of,
    ideas,
    kind_of,
    moment_of,
    recent,
    recent_audits,
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
# Ideas that must have moved with an event before it is said to move them: one may be chance.
ENOUGH = 2
ACTIONS = ("create", "update", "destroy")
KINDS = {"vote": "vote", "comment": "internal comment", "idea_comment": "portal comment"}
DONE = {"create": "new", "update": "changed", "destroy": "deleted"}
# Votes once more, by what they are: the sandbox does not tell them apart.
PLAIN, PROXY, OWN = "plain_vote", "proxy_vote", "idea"
SAME = {PLAIN: "vote", PROXY: "vote"}


@dataclass(frozen=True)
class Event:
    """Something that happened to an idea.

    Attributes:
        kind, action: what it was.
        idea: its id.
        moment: when.
        late: by how much that may be too late.
    """

    kind: str
    action: str
    idea: str
    moment: datetime
    late: timedelta = timedelta(0)

    def is_beside(self, other: "Event", moment: datetime) -> bool:
        """Whether this, and not `other`, happened to the same idea at a moment."""
        same = (SAME.get(self.kind, self.kind), self.action) == (
            SAME.get(other.kind, other.kind),
            other.action,
        )
        return not same and self.happened_to(other.idea, moment)

    def happened_to(self, idea: str, moment: datetime) -> bool:
        return self.idea == idea and abs(self.moment - moment) <= ONE_MOMENT


def events(look: Look) -> list[Event]:
    """What is known to have happened to ideas."""
    return [*_audited(look), *_listed(look)]


def _audited(look: Look) -> Iterator[Event]:
    try:
        rows = recent_audits(look)
    except UnshownError:
        return
    for audit in rows:
        own = letters(str(audit.get("auditable_type"))) in IDEA
        kind, idea = (OWN, str(audit.get("auditable_id"))) if own else (kind_of(audit), idea_of(audit))
        action, moment = str(audit.get("audit_action")), moment_of(audit.get("created_at"))
        if kind and moment and idea.isdecimal() and action in ACTIONS:
            yield Event(kind, action, idea, moment, LATE)


def _listed(look: Look) -> Iterator[Event]:
    """What votes and comments say themselves."""
    for kind, root in (("comment", "comments"), ("idea_comment", "idea_comments"), ("vote", "")):
        try:
            found = list(rows_below(look, root)) if root else votes(look)
            rows = [(idea, row) for idea, row in found if idea.isdecimal()]
        except UnshownError:
            continue
        for idea, row in rows:
            made, changed = moment_of(row.get("created_at")), moment_of(row.get("updated_at"))
            if made and kind == "vote":
                yield Event(PROXY if row.get("idea_organization") else PLAIN, "create", idea, made)
            if made:
                yield Event(kind, "create", idea, made)
            if made and changed and changed > made:
                yield Event(kind, "update", idea, changed)


def votes(look: Look) -> list[tuple[str, Row]]:
    """Idea and vote, of the first votes and those that changed lately."""
    path, root = "/ideas/endorsements", "idea_endorsements"
    fields = "id,idea_id,created_at,updated_at,idea_organization"
    rows = votes_reply(look).rows(root) + recent(look, path, root, fields)
    return [(str(row.get("idea_id")), row) for row in rows]


def times_of(look: Look, idea: str) -> tuple[datetime, datetime] | None:
    """When an idea was made, and when it last changed; None where it is gone, or was merged with another one:
    then it changed together with votes that came or went."""
    row = next((row for row in (*ideas(look), *recent_ideas(look)) if str(row["id"]) == idea), None)
    if row is None:
        found = (look.get(f"/ideas/{idea}", fields=IDEA_TIMES).body or {}).get("idea")
        row = found if isinstance(found, dict) else {}
    made, changed = moment_of(row.get("created_at")), moment_of(row.get("updated_at"))
    merged = row.get("duplicates") or row.get("duplicate_of")
    return (made, changed) if made and changed and not merged else None


def judge(look: Look, kind: str, action: str) -> Answer:
    """Whether such an event moves the idea."""
    happened = events(look)
    known = {str(row["id"]) for row in (*ideas(look), *recent_ideas(look))}
    latest: dict[str, datetime] = {}
    for event in happened:
        latest[event.idea] = max(event.moment, latest.get(event.idea, event.moment))
    # First where nothing is known to have happened later: there the idea's own time says most.
    found = [event for event in happened if (event.kind, event.action) == (kind, action)]
    found.sort(key=lambda event: (latest[event.idea] - event.moment, -event.moment.timestamp()))
    asked: set[str] = set()
    moved, still = set[str](), set[str]()
    for event in found:
        if event.idea not in known | asked and len(asked) >= ASKED:
            continue
        asked |= {event.idea} - known
        times = times_of(look, event.idea)
        if times is None or abs(times[0] - event.moment) <= ONE_MOMENT:
            continue
        if times[1] < event.moment - event.late - ONE_MOMENT:
            still.add(event.idea)
        elif event.happened_to(event.idea, times[1]) and not any(
            other.is_beside(event, times[1]) for other in happened
        ):
            moved.add(event.idea)
    if not still and len(moved) < ENOUGH:
        raise UnshownError(AMBIGUOUS if moved else NOTHING)
    if moved and still:
        return Answer("sometimes", cases=len(moved | still))
    return Answer("yes" if moved else "no", cases=len(moved | still))


def question_of(kind: str, action: str, what: str, *, switched: bool = True) -> Question:
    of_comments = kind in ("comment", "idea_comment")
    early = "an incremental sync finds it" if of_comments else "nothing"
    late = "it is found at each reconciliation, or with `track_deletes=true`"
    found = late if of_comments else "nothing: votes have a list of their own"
    return Question(
        f"moves_idea_{kind}_{action}",
        f"Does {what} move the idea's `updated_at`?",
        lambda look: judge(look, kind, action),
        {
            "yes": early,
            "no": found,
            "sometimes": found,
        },
        "It does, or does not; neither is relied on.",
        "when a sync finds it" if of_comments else "counts in `ideas`; votes of narrowed reads",
        "it comes with the next reconciliation (`reconcile_hours`, 24), and not before",
        "each reconciliation compares counts and reads lists whole; `track_deletes` follows audits",
        switch="moves_idea" if switched else "",
        part=f"{kind}_{action}" if switched else "",
        sets={"yes": True, "no": False} if switched else {},
        option="reconcile_hours",
    )


WAITS = "a change of an idea may come with the next reconciliation only"
EVENTS: tuple[Question, ...] = (
    *(question_of(kind, action, f"a {DONE[action]} {KINDS[kind]}") for kind in KINDS for action in ACTIONS),
    question_of(PLAIN, "create", "a new plain vote", switched=False),
    question_of(PROXY, "create", "a new proxy vote", switched=False),
    Question(
        "moves_idea_itself",
        "Does every change of an idea itself (tags, a merge, a promotion, ...) move its `updated_at`?",
        lambda look: judge(look, OWN, "update"),
        {"yes": "an incremental sync finds them", "no": WAITS, "sometimes": WAITS},
        "It does.",
        "when a sync finds it",
        "it comes with the next reconciliation (`reconcile_hours`, 24), and not before",
        "each reconciliation reads the list whole",
        option="reconcile_hours",
    ),
)
