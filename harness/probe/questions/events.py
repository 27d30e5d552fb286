"""Events: which of them move the `updated_at` of the idea that they happen to.

An idea that stands earlier than something that happened to it was not moved by it. One that stands at the
same moment was, unless something else happened to it then: which only audits can rule out. One that stands
later says nothing. Neither says anything by itself: an answer takes some ideas of one kind, and none of the
other, or some of both.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from connector.audits import IDEAS, idea_named
from connector.listing import Row
from connector.tables.declaration import letters
from harness.probe.facts import (
    EDITED,
    IDEA_TIMES,
    RECENT,
    SETTLED,
    deletions_told,
    ideas,
    kind_of,
    moment_of,
    now_at,
    recent,
    recent_ideas,
    recent_pages,
    rows_below,
    votes_reply,
)
from harness.probe.look import Look
from harness.probe.question import Answer, Question
from harness.probe.words import AMBIGUOUS, NOTHING, UnshownError

# Within this two moments are one.
ONE_MOMENT = timedelta(seconds=2)
# By so much an audit may be later than what it tells of: minutes are documented for texts, and a busy server
# may take longer.
LATE = timedelta(hours=1)
# So many ideas within so many seconds: a job's work, and nobody's.
BULK_IDEAS, BULK_SECONDS = 2, 10
# Ideas that are asked for one by one, of those that events of one kind happened to.
ASKED = 4
# Ideas that an answer takes: one may be chance.
ENOUGH_IDEAS = 2
ACTIONS = ("create", "update", "destroy")
KINDS = {"vote": "vote", "comment": "internal comment", "idea_comment": "portal comment"}
DONE = {"create": "new", "update": "changed", "destroy": "deleted"}
# Votes once more, by what they are: the sandbox does not tell them apart.
PLAIN, PROXY, OWN, OTHER = "plain_vote", "proxy_vote", "idea", "something else"
SAME = {PLAIN: "vote", PROXY: "vote"}


@dataclass(frozen=True)
class Event:
    """Something that happened to an idea.

    Attributes:
        kind, action: what it was.
        idea: its id.
        moment: when, or later than that by `late` at most.
        record: the id of what was made, changed or deleted.
    """

    kind: str
    action: str
    idea: str
    moment: datetime
    late: timedelta = timedelta(0)
    record: str = ""

    def may_be_at(self, moment: datetime) -> bool:
        """Whether this may have happened at a moment."""
        return self.moment - self.late - ONE_MOMENT <= moment <= self.moment + ONE_MOMENT

    def is_other_than(self, event: "Event") -> bool:
        kinds = (SAME.get(self.kind, self.kind), SAME.get(event.kind, event.kind))
        return kinds[0] != kinds[1] or self.action != event.action


@dataclass(frozen=True)
class Past:
    """What is known to have happened to ideas.

    Attributes:
        until: what is later than this is no evidence.
        told: by audits; None where the key may not read them.
        listed: by votes and comments themselves, which still are there.
        edited: kinds and ids of records of which audits say that they were changed.
        spans: from when to when all audits are known.
    """

    until: datetime
    told: list[Event] | None
    listed: list[Event]
    edited: frozenset[tuple[str, str]] = frozenset()
    spans: tuple[tuple[datetime, datetime], ...] = ()

    def of(self, kind: str, action: str) -> list[Event]:
        """Events of one kind: what votes and comments that are there say themselves (audits tell of spam too,
        which no list shows), else what audits tell."""
        by_audits = action == "destroy" or kind == OWN
        found = [
            event
            for event in (self.told or [] if by_audits else self.listed)
            if (event.kind, event.action) == (kind, action)
            and event.moment < self.until
            # A row's time moves for other reasons than an edit, too.
            and (by_audits or action != "update" or (kind, event.record) in self.edited)
        ]
        return without_bulk(found)

    def has_another(self, event: Event, moment: datetime) -> bool:
        """Whether something else may have happened to an event's idea at a moment; always, where not all
        audits of then are known."""
        if self.told is None or not any(
            start <= moment - ONE_MOMENT and moment + LATE <= end for start, end in self.spans
        ):
            return True
        return any(
            other.idea == event.idea and other.is_other_than(event) and other.may_be_at(moment)
            for other in (*self.told, *self.listed)
        )

    def is_last(self, event: Event) -> bool:
        """Whether nothing is known to have happened to the event's idea since."""
        return not any(
            other.idea == event.idea and other.moment > event.moment
            for other in (*(self.told or ()), *self.listed)
        )


def without_bulk(events: Iterable[Event]) -> list[Event]:
    """Events, but for those of a job that did the same to several ideas at once."""
    events, ideas_at = list(events), dict[int, set[str]]()
    for event in events:
        ideas_at.setdefault(int(event.moment.timestamp()) // BULK_SECONDS, set()).add(event.idea)

    def together(event: Event) -> int:
        at = int(event.moment.timestamp()) // BULK_SECONDS
        return len(set().union(*(ideas_at.get(at + step, ()) for step in (-1, 0, 1))))

    return [event for event in events if together(event) < BULK_IDEAS]


def past_of(look: Look) -> Past:
    """What happened before the probe began, and what audits tell of since."""
    now = now_at(look)
    until = now - SETTLED
    listed = list(_listed(look))
    try:
        pages = recent_pages(look)
        told = list(_told((*chain(*pages), *deletions_told(look))))
    except UnshownError:
        return Past(until, None, listed)
    edited = {
        (kind, str(audit.get("auditable_id")))
        for audit in chain(*pages)
        if audit.get("audit_action") == "update" and (kind := kind_of(audit))
    }
    return Past(until, told, listed, frozenset(edited), tuple(_spans(pages, now)))


def _spans(pages: list[list[Row]], now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """From when to when the audits of some pages tell all; the newest of them until now, and later."""
    times = [sorted(filter(None, (moment_of(audit.get("created_at")) for audit in page))) for page in pages]
    newest = max((page[-1] for page in times if page), default=now)
    for page in filter(None, times):
        whole = len(pages) == 1
        yield (now - RECENT if whole else page[0]), (now + LATE if page[-1] == newest else page[-1])


def _told(audits: Iterable[Row]) -> Iterator[Event]:
    for audit in audits:
        own = letters(str(audit.get("auditable_type"))) in IDEAS
        kind = OWN if own else kind_of(audit) or OTHER
        idea = str(audit.get("auditable_id")) if own else idea_named(audit)
        action, moment = str(audit.get("audit_action")), moment_of(audit.get("created_at"))
        if idea and idea.isdecimal() and moment:
            yield Event(kind, action, idea, moment, LATE, str(audit.get("auditable_id")))


def _listed(look: Look) -> Iterator[Event]:
    for kind, root in (("comment", "comments"), ("idea_comment", "idea_comments"), ("vote", "")):
        try:
            found = list(rows_below(look, root)) if root else votes(look)
            rows = [(idea, row) for idea, row in found if idea.isdecimal()]
        except UnshownError:
            continue
        for idea, row in rows:
            made, changed = moment_of(row.get("created_at")), moment_of(row.get("updated_at"))
            if made:
                voted = PROXY if row.get("idea_organization") else PLAIN
                yield Event(voted if kind == "vote" else kind, "create", idea, made)
            if made and changed and changed - made >= EDITED:
                yield Event(kind, "update", idea, changed, record=str(row.get("id")))


def votes(look: Look) -> list[tuple[str, Row]]:
    """Idea and vote, of the first votes and those that changed lately."""
    path, root = "/ideas/endorsements", "idea_endorsements"
    fields = "id,idea_id,created_at,updated_at,idea_organization"
    rows = votes_reply(look).rows(root) + recent(look, path, root, fields)
    return [(str(row.get("idea_id")), row) for row in {str(row.get("id")): row for row in rows}.values()]


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
    past = past_of(look)
    known = {str(row["id"]) for row in (*ideas(look), *recent_ideas(look))}
    # First where nothing is known to have happened later: there the idea's own time says most.
    found = sorted(past.of(kind, action), key=lambda event: event.moment, reverse=True)
    found.sort(key=lambda event: not past.is_last(event))
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
        elif abs(times[1] - event.moment) <= ONE_MOMENT and not past.has_another(event, times[1]):
            moved.add(event.idea)
    if (kind, action) == ("idea_comment", "destroy") and not moved:
        # What is deleted in portals is spam, mostly, and audits do not say whether it was.
        still.clear()
    if not found:
        raise UnshownError(NOTHING)
    if (moved and len(moved) < ENOUGH_IDEAS) or (still and len(still) < ENOUGH_IDEAS) or not (moved or still):
        raise UnshownError(AMBIGUOUS)
    if moved and still:
        return Answer("sometimes", cases=len(moved | still))
    return Answer("yes" if moved else "no", cases=len(moved | still))


def judge_votes(look: Look) -> Answer:
    """Whether a new vote moves the idea, plain or proxy: where both were seen, and do the same."""
    plain, proxy = (judge(look, kind, "create") for kind in (PLAIN, PROXY))
    if plain.value != proxy.value:
        return Answer("sometimes", cases=plain.cases + proxy.cases)
    return Answer(plain.value, cases=plain.cases + proxy.cases)


@dataclass(frozen=True)
class Texts:
    """What there is to say of events of one kind: what follows where they move ideas, and where not; what
    rests on it, what happens where it is false, and the guard."""

    moves: str
    stays: str
    rests: str
    fails: str
    guard: str


VOTES = Texts(
    "nothing",
    "`votes` and `endorsements_count` of `ideas` are as of the idea's last change; a snapshot is exact",
    "`votes` and `endorsements_count` in `ideas`; votes of reads that are narrowed to some ideas",
    "those counts are as of the idea's last change; a narrowed read finds a vote at the next reconciliation",
    "`idea_votes` and `idea_proxy_votes` have a list of their own; `sync_mode=snapshot` is exact",
)
NEW_COMMENTS = Texts(
    "an incremental sync finds it",
    "it is found at the next reconciliation, by its idea's count, or with `track_deletes=true`",
    "when a sync finds it",
    "it comes with the next reconciliation (`reconcile_hours`, 24)",
    "each reconciliation compares counts; with `track_deletes` the audits are followed",
)
EDITED_COMMENTS = Texts(
    "an incremental sync finds it",
    "it is seen with `track_deletes=true`, where audits name the idea, and in snapshots",
    "whether a sync sees an edit",
    "the row keeps its old text until the idea moves",
    "with `track_deletes` the audits are followed; `sync_mode=snapshot` is exact",
)
GONE_COMMENTS = Texts(
    "nothing: deletions come by `track_deletes=true`, or in snapshots",
    "nothing: deletions come by `track_deletes=true`, or in snapshots",
    "nothing: a deleted row is told by audits, or is not in a snapshot",
    "nothing",
    "`track_deletes`, `sync_mode=snapshot`",
)
TEXTS = {"create": NEW_COMMENTS, "update": EDITED_COMMENTS, "destroy": GONE_COMMENTS}


def question_of(kind: str, action: str, what: str, *, switched: bool = True) -> Question:
    texts = TEXTS[action] if kind in ("comment", "idea_comment") else VOTES
    return Question(
        f"moves_idea_{kind}_{action}",
        f"Does {what} move the idea's `updated_at`?",
        judge_votes if (kind, action) == ("vote", "create") else lambda look: judge(look, kind, action),
        {"yes": texts.moves, "no": texts.stays, "sometimes": texts.stays},
        "It does, or does not; neither is relied on.",
        texts.rests,
        texts.fails,
        texts.guard,
        switch="moves_idea" if switched else "",
        part=f"{kind}_{action}" if switched else "",
        sets={"yes": True, "no": False} if switched else {},
        option="sync_mode" if texts is VOTES else "track_deletes",
    )


UNSEEN = "such a change is not seen before the idea moves; `sync_mode=snapshot` is exact"
EVENTS: tuple[Question, ...] = (
    *(question_of(kind, action, f"a {DONE[action]} {KINDS[kind]}") for kind in KINDS for action in ACTIONS),
    question_of(PLAIN, "create", "a new plain vote", switched=False),
    question_of(PROXY, "create", "a new proxy vote", switched=False),
    Question(
        "moves_idea_itself",
        "Does every change of an idea itself (tags, a merge, a promotion, ...) move its `updated_at`?",
        lambda look: judge(look, OWN, "update"),
        {"yes": "an incremental sync finds them", "no": UNSEEN, "sometimes": UNSEEN},
        "It does.",
        "whether a sync sees a change of an idea",
        "the row keeps its old values until the idea moves",
        "`sync_mode=snapshot` is exact",
        option="sync_mode",
    ),
)
