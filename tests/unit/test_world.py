"""The sandbox under change: lists stay exact, filters mean what their switch says."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sandbox.account import load_documents
from sandbox.behaviour import EVENTS, UPDATED_SINCE, Behaviour, BehaviourError
from sandbox.clock import SandboxClock, timestamp
from sandbox.filters import parse_time
from sandbox.kinds import AUDIT_TYPES, PARENT_KINDS
from sandbox.server import Sandbox, open_world, running
from sandbox.store import Condition, Record
from sandbox.world import World, WorldError

START = datetime(2025, 11, 1, 12, 0, 0, 250_000, tzinfo=UTC)
CHILD_LISTS = {"comment": "comments", "idea_comment": "idea_comments", "vote": "endorsements"}
EDITS: dict[str, dict[str, Any]] = {
    "vote": {"weight": 2},
    "comment": {"body": "edited"},
    "idea_comment": {"body": "edited"},
}
ROOTS = {"comment": "comments", "idea_comment": "idea_comments", "vote": "idea_endorsements"}


def rows_of(box: Sandbox, session: requests.Session, path: str, root: str, **params: str) -> list[Any]:
    """All rows of a list, page by page."""
    rows: list[Any] = []
    page, pages = 1, 1
    while page <= pages:
        query = params | {"page": str(page), "per_page": "3"}
        body = session.get(f"{box.url}/api/v1{path}", params=query, timeout=5).json()
        rows += body[root]
        pages = body["pagination"]["total_pages"]
        page += 1
    return rows


class Histories(RuleBasedStateMachine):
    """Random histories over the control surface's operations, and a model of what must be listed."""

    def __init__(self) -> None:
        super().__init__()
        self.world = open_world(ideas=0, clock=SandboxClock(START))
        self.running = running(self.world)
        self.box = self.running.__enter__()
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {self.box.api_key}"
        self.shown: dict[int, str] = {}
        self.hidden: set[int] = set()
        self.merged: set[int] = set()
        self.children: dict[str, dict[int, int]] = {kind: {} for kind in CHILD_LISTS}

    def teardown(self) -> None:
        self.session.close()
        self.running.__exit__(None, None, None)
        self.world.close()

    @initialize(switch=st.sampled_from(UPDATED_SINCE))
    def choose_switch(self, switch: str) -> None:
        self.world.behaviour = Behaviour(updated_since=switch)

    @rule(milliseconds=st.sampled_from([0, 1, 400, 60_000]))
    def let_time_pass(self, milliseconds: int) -> None:
        self.world.clock.advance(milliseconds / 1000)

    @rule()
    def create_idea(self) -> None:
        idea = self.world.create("idea")
        self.shown[idea.id] = idea.body["updated_at"]

    @precondition(lambda self: self.shown)
    @rule(data=st.data(), kind=st.sampled_from(sorted(CHILD_LISTS)))
    def create_child(self, data: st.DataObject, kind: str) -> None:
        idea = data.draw(st.sampled_from(sorted(self.shown)))
        self.children[kind][self.world.create(kind, idea).id] = idea
        self.shown[idea] = timestamp(self.world.clock.now())

    @precondition(lambda self: self.shown)
    @rule(data=st.data())
    def change_idea(self, data: st.DataObject) -> None:
        idea = data.draw(st.sampled_from(sorted(self.shown)))
        self.shown[idea] = self.world.change("idea", idea, name="another name").body["updated_at"]

    @precondition(lambda self: self.shown)
    @rule(data=st.data())
    def delete_idea(self, data: st.DataObject) -> None:
        idea = data.draw(st.sampled_from(sorted(self.shown)))
        self.world.delete("idea", idea)
        del self.shown[idea]
        for below in self.children.values():
            for child in [child for child, parent in below.items() if parent == idea]:
                del below[child]

    @precondition(lambda self: self.shown)
    @rule(data=st.data())
    def hide_idea(self, data: st.DataObject) -> None:
        idea = data.draw(st.sampled_from(sorted(self.shown)))
        self.world.mark_spam("idea", idea)
        del self.shown[idea]
        self.hidden.add(idea)

    @precondition(lambda self: self.hidden)
    @rule(data=st.data())
    def show_idea(self, data: st.DataObject) -> None:
        idea = data.draw(st.sampled_from(sorted(self.hidden)))
        self.world.mark_spam("idea", idea, spam=False)
        self.hidden.discard(idea)
        self.shown[idea] = timestamp(self.world.clock.now())

    @precondition(lambda self: len(self.shown) > 1)
    @rule(data=st.data())
    def merge_idea(self, data: st.DataObject) -> None:
        ideas = st.sampled_from(sorted(self.shown))
        idea, survivor = data.draw(st.lists(ideas, min_size=2, max_size=2, unique=True))
        if {idea, survivor} & self.merged:
            return
        self.merged.add(idea)
        self.world.merge(idea, survivor)
        votes = self.children["vote"]
        votes |= {vote: survivor for vote, parent in votes.items() if parent == idea}
        self.shown |= dict.fromkeys((idea, survivor), timestamp(self.world.clock.now()))

    @invariant()
    def walking_a_list_gives_each_current_row_once(self) -> None:
        ids = [int(row["id"]) for row in rows_of(self.box, self.session, "/ideas", "ideas")]
        assert ids == sorted(self.shown)
        votes = rows_of(self.box, self.session, "/ideas/endorsements", "idea_endorsements")
        assert [int(row["id"]) for row in votes] == sorted(self.children["vote"])
        for kind, below in self.children.items():
            for idea in self.shown:
                rows = rows_of(self.box, self.session, f"/ideas/{idea}/{CHILD_LISTS[kind]}", ROOTS[kind])
                assert [int(row["id"]) for row in rows] == sorted(c for c, p in below.items() if p == idea)

    @precondition(lambda self: self.shown)
    @rule(data=st.data(), offset=st.sampled_from([-1000, -1, 0, 1, 1000]))
    def updated_since_gives_exactly_what_its_switch_says(self, data: st.DataObject, offset: int) -> None:
        moment = parse_time(data.draw(st.sampled_from(sorted(self.shown.values()))))
        assert moment is not None
        since = timestamp(moment + timedelta(milliseconds=offset))
        rows = rows_of(self.box, self.session, "/ideas", "ideas", updated_since=since)
        wanted = {
            "exclusive": {idea for idea, updated in self.shown.items() if updated > since},
            "inclusive": {idea for idea, updated in self.shown.items() if updated >= since},
            "seconds": {idea for idea, updated in self.shown.items() if updated[:19] > since[:19]},
        }
        assert [int(row["id"]) for row in rows] == sorted(wanted[self.world.behaviour.updated_since])


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=30, stateful_step_count=12)


@pytest.fixture
def world() -> Iterator[World]:
    world = open_world(ideas=3, clock=SandboxClock(START))
    yield world
    world.close()


def idea_of(world: World, number: int = 1) -> int:
    record = world.store.find("idea", f"DEMO-I-{number}")
    assert record is not None
    return record.id


@pytest.mark.parametrize("event", EVENTS)
def test_a_child_moves_its_ideas_time_exactly_where_the_switch_says(event: str, world: World) -> None:
    kind, _, what = event.rpartition("_")
    for moving in (True, False):
        world.behaviour = Behaviour(moves_idea=(event,) if moving else ())
        child = world.create(kind, idea_of(world))
        world.clock.advance(5)
        before = world.store.find("idea", idea_of(world))
        if what == "create":
            world.create(kind, idea_of(world))
        elif what == "update":
            world.change(kind, child.id, **EDITS[kind])
        else:
            world.delete(kind, child.id)
        after = world.store.find("idea", idea_of(world))
        assert before is not None
        assert after is not None
        assert (before.body["updated_at"] != after.body["updated_at"]) is moving


def test_a_late_change_shows_after_the_lag_and_not_before(world: World) -> None:
    world.behaviour = Behaviour(commit_lag=30)
    made = world.create("idea")
    world.change("idea", made.id, name="second version")
    world.settle()
    assert world.store.find("idea", made.id) is None
    world.clock.advance(31)
    world.settle()
    found = world.store.find("idea", made.id)
    assert found is not None
    assert found.body["name"] == "second version"
    assert found.body["updated_at"] == timestamp(START)


def test_what_an_operation_changes_shows_at_one_moment_however_late(world: World) -> None:
    idea = idea_of(world)
    world.create("comment", idea)
    comments = [Condition("kind = 'comment' AND parent = ?", (idea,))]
    destroyed = [Condition("kind = 'audit' AND json_extract(body, '$.audit_action') = 'destroy'")]
    before, audits = world.store.count(comments), world.store.count(destroyed)
    world.behaviour = Behaviour(commit_lag=30)
    world.delete("idea", idea)
    seen = set()
    for _ in range(31):
        found = (world.store.find("idea", idea) is None, world.store.count(comments) == 0)
        seen.add(
            (*found, world.store.count(destroyed) == audits + before + world.store.count(votes_of(idea)) + 1)
        )
        world.clock.advance(1)
        world.settle()
    assert {entry[:2] for entry in seen} == {(False, False), (True, True)}
    assert (True, True, True) in seen


def votes_of(idea: int) -> list[Condition]:
    return [Condition("kind = 'vote' AND parent = ?", (idea,))]


def test_what_is_still_late_when_the_sandbox_closes_is_kept(tmp_path: Path) -> None:
    path = str(tmp_path / "account.db")
    world = open_world(ideas=1, path=path, clock=SandboxClock(START), behaviour=Behaviour(commit_lag=30))
    made = world.create("idea")
    world.close()
    again = open_world(path=path, clock=SandboxClock(START))
    assert again.store.find("idea", made.id) is not None
    assert again.create("idea").id == made.id + 1
    again.close()


def test_a_refused_operation_changes_nothing(world: World) -> None:
    idea = idea_of(world)
    before = world.store.find("idea", idea)
    with pytest.raises(WorldError, match="there is no idea 1"):
        world.merge(idea, 1)
    with pytest.raises(WorldError, match=r"'nmae' is no field of a idea that can be set; there are .*name"):
        world.change("idea", idea, nmae="x")
    with pytest.raises(WorldError, match="'id' is no field"):
        world.create("vote", idea, id="1")
    assert world.store.find("idea", idea) == before


def test_a_merged_idea_stays_listed_and_its_votes_move(world: World) -> None:
    vote = world.create("vote", idea_of(world, 1))
    world.merge(idea_of(world, 1), idea_of(world, 2))
    merged, moved = world.store.find("idea", idea_of(world, 1)), world.store.find("vote", vote.id)
    assert merged is not None
    assert moved is not None
    assert (merged.survivor, merged.hidden) == (idea_of(world, 2), False)
    assert moved.parent == idea_of(world, 2)


def test_a_deletion_is_in_the_audits_and_in_the_recycle_bin(world: World) -> None:
    identity = idea_of(world)
    world.create("comment", identity)
    world.delete("idea", identity)
    with running(world) as box:
        headers = {"Authorization": f"Bearer {box.api_key}"}
        audits = requests.get(f"{box.url}/api/v1/audits?audit_action=destroy", headers=headers, timeout=5)
        bin_ = requests.get(f"{box.url}/api/v1/deletions", headers=headers, timeout=5)
        last = audits.json()["audits"][-1]
        after = requests.get(f"{box.url}/api/v1/audits?after_id={last['id']}", headers=headers, timeout=5)
    assert (last["auditable_type"], last["auditable_id"]) == ("ideas/idea", str(identity))
    assert "comment" in {row["auditable_type"] for row in audits.json()["audits"]}
    assert bin_.json()["deletions"][-1]["record"]["reference_num"] == "DEMO-I-1"
    assert after.json()["audits"] == []


def test_changes_that_make_no_sense_are_refused(world: World) -> None:
    with pytest.raises(WorldError, match="there are idea, vote"):
        world.create("fixture")
    with pytest.raises(WorldError, match="there is no feature 1"):
        world.create("requirement", 1)
    with pytest.raises(WorldError, match="there is no idea 1"):
        world.create("vote", 1)
    with pytest.raises(WorldError, match="there is no idea 1"):
        world.change("idea", 1, name="x")
    with pytest.raises(WorldError, match="there is no comment 1"):
        world.delete("comment", 1)
    with pytest.raises(WorldError, match="into itself"):
        world.merge(idea_of(world), idea_of(world))
    world.merge(idea_of(world, 1), idea_of(world, 2))
    with pytest.raises(WorldError, match="was merged already"):
        world.merge(idea_of(world, 2), idea_of(world, 1))
    with pytest.raises(WorldError, match="cannot be changed"):
        world.change("counters", 0, idea=5)
    with pytest.raises(WorldError, match="cannot be marked as spam"):
        world.mark_spam("vote", 1)
    with pytest.raises(WorldError, match="'initial_votes' must be like 0, not 'x'"):
        world.create("idea", initial_votes="x")
    with pytest.raises(WorldError, match="there are New"):
        world.set_status(idea_of(world), "Shiped")


@pytest.mark.parametrize(
    "switches",
    [{"updated_since": "maybe"}, {"rate_limit": "x"}, {"moves_idea": ["x"]}, {"commit_lag": -1}, {"lag": 1}],
)
def test_a_switch_that_does_not_exist_is_refused_with_those_that_do(switches: dict[str, Any]) -> None:
    with pytest.raises(BehaviourError, match=r"one of|some of|seconds|there are"):
        Behaviour().changed(switches)


def test_the_id_of_a_deleted_idea_is_never_given_again(world: World) -> None:
    first = world.create("idea")
    world.delete("idea", first.id)
    assert world.create("idea").id > first.id


KINDS = [
    kind
    for kind, entries in load_documents().items()
    if "id" in entries[0]["body"] and kind not in ("me", "comment")
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_of_any_kind_can_be_made_changed_hidden_and_deleted(kind: str, world: World) -> None:
    made = world.create(kind)
    assert made.parent is None or world.store.find(PARENT_KINDS[kind], made.parent)
    again = world.create(kind, made.parent)
    assert again.id > made.id
    world.clock.advance(60)
    changed = world.change(kind, made.id)
    assert changed.body.get("updated_at", "x") != made.body.get("updated_at")
    since = world.store.updated(kind, made.id)
    world.hide(kind, made.id)
    assert world.store.updated(kind, made.id) == since
    assert made.id not in {found.id for found in shown(world, kind)}
    world.hide(kind, made.id, hidden=False)
    assert made.id in {found.id for found in shown(world, kind)}
    world.delete(kind, made.id)
    assert world.store.find(kind, made.id) is None
    destroyed = world.store.page([Condition("kind = 'audit' AND body LIKE '%destroy%'")])
    told = str(made.id) in {found.body["auditable_id"] for found in destroyed}
    assert told is (kind in AUDIT_TYPES)


def shown(world: World, kind: str) -> list[Record]:
    return world.store.page([Condition("kind = ? AND hidden = 0", (kind,))])


def test_what_hangs_below_a_deleted_record_goes_with_it(world: World) -> None:
    feature = world.create("feature")
    requirement = world.create("requirement", feature.id)
    world.delete("product", feature.parent or 0)
    assert world.store.find("feature", feature.id) is None
    assert world.store.find("requirement", requirement.id) is None


def test_no_child_shows_before_its_idea(world: World) -> None:
    world.behaviour = Behaviour(commit_lag=60, moves_idea=())
    idea = world.create("idea")
    vote = world.create("vote", idea.id)
    for _ in range(61):
        assert world.store.find("idea", idea.id) or not world.store.find("vote", vote.id)
        world.clock.advance(1)
        world.settle()
    assert world.store.find("vote", vote.id)


def test_a_change_that_cannot_be_written_is_refused_at_once_and_takes_none_with_it(world: World) -> None:
    world.behaviour = Behaviour(commit_lag=5)
    good = world.create("idea")
    with pytest.raises(TypeError):
        world.create("idea", score=10**30)
    world.clock.advance(10)
    world.settle()
    assert world.store.find("idea", good.id)


def test_a_status_that_is_set_ends_the_one_before_it(world: World) -> None:
    world.set_status(idea_of(world), "Shipped")
    found = world.store.find("idea", idea_of(world))
    assert found is not None
    *_, before, now = found.body["workflow_status_times"]
    assert (before["ended_at"], now["status_name"], now["ended_at"]) == (timestamp(START), "Shipped", None)


def test_every_change_has_an_audit(world: World) -> None:
    idea = world.create("idea").id
    world.change("idea", idea, name="x")
    world.delete("idea", idea)
    condition = Condition("kind = 'audit' AND json_extract(body, '$.auditable_id') = ?", (str(idea),))
    actions = [record.body["audit_action"] for record in world.store.page([condition])]
    assert actions == ["create", "update", "destroy"]


def test_the_seed_holds_what_makes_reading_hard() -> None:
    world = open_world(ideas=120)
    shared = Counter(
        record.body["updated_at"] for record in world.store.page([Condition("kind = 'idea'")])
    ).most_common(1)
    assert shared[0][1] > 1
    rare = {
        "an id that is older than its neighbours": "SELECT 1 FROM records a, records b WHERE a.kind = 'idea' "
        "AND b.kind = 'idea' AND a.id < b.id "
        "AND json_extract(a.body, '$.created_at') > json_extract(b.body, '$.created_at')",
        "a small id as a number": "SELECT 1 FROM records WHERE kind = 'idea_comment' "
        "AND json_type(body, '$.parent_idea_comment_id') = 'integer'",
        "a hidden portal comment": "SELECT 1 FROM records WHERE kind = 'idea_comment' AND hidden",
        "a plain vote by a user": "SELECT 1 FROM records WHERE kind = 'vote' AND NOT proxy "
        "AND json_extract(body, '$.endorsed_by_user') IS NOT NULL",
        "a merged idea": "SELECT 1 FROM records WHERE kind = 'idea' AND survivor IS NOT NULL",
    }
    missing = [name for name, query in rare.items() if not world.store._db.execute(query).fetchone()]
    world.close()
    assert missing == []


def test_a_reply_answers_a_comment_of_its_own_idea() -> None:
    world = open_world(ideas=300)
    astray = world.store._db.execute(
        "SELECT COUNT(*) FROM records reply WHERE kind = 'idea_comment' "
        "AND json_extract(body, '$.parent_idea_comment_id') IS NOT NULL "
        "AND NOT EXISTS (SELECT 1 FROM records first "
        "WHERE first.kind = 'idea_comment' AND first.parent = reply.parent "
        "AND first.id = CAST(json_extract(reply.body, '$.parent_idea_comment_id') AS INTEGER))"
    ).fetchone()[0]
    world.close()
    assert astray == 0
