"""Nothing stays hidden, counts are believed only after they agreed, and audits tell what no idea does."""

import json
import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connector.aha import AhaLakeflowConnect
from connector.offsets import (
    BUCKETS,
    EXACT_ROWS,
    ROLL_BUCKETS,
    Offset,
    Position,
    Roll,
    Seen,
    Taking,
    Tally,
    is_unfinished,
)
from sandbox.behaviour import Behaviour
from sandbox.clock import SandboxClock
from sandbox.faults import Scheduled
from sandbox.server import Sandbox, open_world, running
from sandbox.store import Condition, Record
from tests.conftest import FakeClock

START = datetime(2025, 11, 1, 12, 0, tzinfo=UTC)
DAY = 86_400
COMMENTS = ("idea_comments", "idea_portal_comments")
KINDS = {"idea_comments": "comment", "idea_portal_comments": "idea_comment"}


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with closing(open_world(ideas=60, clock=SandboxClock(START))) as world, running(world) as sandbox:
        yield sandbox


class Follower:
    """A table that is read sync by sync."""

    def __init__(self, box: Sandbox, table: str, **options: str) -> None:
        connection = {"api_key": box.api_key, "subdomain": "company", "base_url": box.url}
        connection |= {"requests_per_minute": "600000", "page_size": "20"} | options
        self._connector = AhaLakeflowConnect(connection, clock=FakeClock())
        self._box, self._table, self._options = box, table, options
        self.rows: dict[str, dict[str, Any]] = {}
        self.offset: dict[str, Any] = {}
        self.calls: list[str] = []

    def sync(self) -> list[str]:
        """The ids of the rows that a sync delivers, in as many micro-batches as it takes."""
        self._box.traffic.log.clear()
        delivered: list[str] = []
        while True:
            rows, self.offset = self._connector.read_table(self._table, self.offset, self._options)
            for row in rows:
                self.rows[row["id"]] = row
                delivered.append(row["id"])
            if not is_unfinished(self.offset):
                self.calls = [str(entry["route"]) for entry in self._box.traffic.log]
                return delivered


def shown(box: Sandbox, kind: str) -> list[Record]:
    where = "kind = ? AND hidden = 0"
    if kind in KINDS.values():
        where += " AND parent IN (SELECT id FROM records WHERE kind = 'idea' AND hidden = 0)"
    return box.world.store.page([Condition(where, (kind,))])


def with_comments(box: Sandbox, kind: str) -> set[int | None]:
    return {record.parent for record in shown(box, kind)}


@pytest.mark.parametrize(("table", "kind"), [("ideas", "idea"), ("idea_votes", "vote"), *KINDS.items()])
def test_what_a_granted_workspace_holds_is_in_the_table_reconcile_hours_later(
    table: str, kind: str, box: Sandbox
) -> None:
    workspace = max(shown(box, "idea"), key=lambda record: record.id).parent
    assert workspace is not None
    box.world.revoke(workspace)
    box.world.create("idea", box.world.create("product").id)
    patient, never = Follower(box, table), Follower(box, table, reconcile_hours="0")
    patient.sync()
    never.sync()
    box.clock.advance(3600)
    box.world.grant(workspace)
    patient.sync()
    box.clock.advance(DAY)
    patient.sync()
    never.sync()
    assert set(patient.rows) >= {str(record.id) for record in shown(box, kind)}
    # Without reconciliation nobody says that they are there.
    assert len(never.rows) < len(patient.rows)


def test_a_reconciliation_comes_once_in_reconcile_hours_and_takes_the_calls_of_a_first_sync(
    box: Sandbox,
) -> None:
    ideas = Follower(box, "ideas", reconcile_hours="10")
    ideas.sync()
    first = len(ideas.calls)
    assert first == 3
    calls = []
    for _ in range(12):
        box.clock.advance(2 * 3600)
        assert ideas.sync() == []
        calls.append(len(ideas.calls))
    # One call shows what time it is.
    assert calls == [1, 1, 1, 1, first + 1] * 2 + [1, 1]


def test_of_many_rows_only_a_few_are_delivered_again_where_one_comes_into_sight(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with closing(open_world(ideas=3000, clock=SandboxClock(START))) as world, running(world) as box:
        idea = shown(box, "idea")[1500].id
        world.hide("idea", idea)
        ideas = Follower(box, "ideas", page_size="200")
        ideas.sync()
        world.hide("idea", idea, hidden=False)
        box.clock.advance(DAY + 100)
        with caplog.at_level(logging.INFO, "aha_lakeflow"):
            delivered = ideas.sync()
        assert str(idea) in delivered
        assert len(delivered) < 40
        assert f"{len(delivered)} rows are delivered again" in caplog.text


@pytest.mark.parametrize("limit", ["", "7"])
@pytest.mark.parametrize("table", COMMENTS)
def test_a_comment_that_does_not_move_its_idea_is_found_by_the_count_at_the_next_reconciliation(
    table: str, limit: str, box: Sandbox
) -> None:
    box.world.behaviour = Behaviour(moves_idea=())
    comments = Follower(box, table, max_ideas=limit)
    comments.sync()
    quiet = next(idea for idea in shown(box, "idea")[30:] if idea.id not in with_comments(box, KINDS[table]))
    made = box.world.create(KINDS[table], quiet.id)
    box.clock.advance(3600)
    assert comments.sync() == []
    box.clock.advance(DAY)
    assert str(made.id) in comments.sync()


def test_a_first_sync_of_portal_comments_asks_for_the_sample_and_for_the_ideas_that_have_any() -> None:
    with closing(open_world(ideas=1000, clock=SandboxClock(START))) as world, running(world) as box:
        comments = Follower(box, "idea_portal_comments", page_size="100")
        comments.sync()
        having = len(with_comments(box, "idea_comment"))
        pages = -(-len(shown(box, "idea")) // 100)
        assert set(comments.rows) == {str(record.id) for record in shown(box, "idea_comment")}
        assert len(comments.calls) <= 2 * pages + 100 + 1.05 * having < 400
        box.clock.advance(3600)
        changed = shown(box, "idea")[200:250]
        for record in changed:
            world.create("idea_comment", record.id)
        comments.sync()
        assert len(comments.calls) == 2 + len(changed)


@pytest.mark.soak
def test_portal_comments_of_10000_ideas_cost_their_pages_twice_a_sample_and_a_call_for_each_with_any() -> (
    None
):
    with closing(open_world(ideas=10_000, clock=SandboxClock(START))) as world, running(world) as box:
        bearing = sorted(idea for idea in with_comments(box, "idea_comment") if idea)
        kept = set(bearing[: len(shown(box, "idea")) // 20])
        spare = [record for record in shown(box, "idea_comment") if record.parent not in kept]
        world.store.put([], gone=spare)
        comments = Follower(box, "idea_portal_comments", page_size="200")
        comments.sync()
        assert set(comments.rows) == {str(record.id) for record in shown(box, "idea_comment")}
        assert len(comments.calls) <= 49 + 49 + 200 + 1.05 * len(kept)
        box.clock.advance(3600)
        changed = shown(box, "idea")[2000:2050]
        for number, record in enumerate(changed):
            world.change("idea", record.id, name="renamed")
            if number % 2:
                world.create("idea_comment", record.id)
        comments.sync()
        asked = set(with_comments(box, "idea_comment")) & {record.id for record in changed}
        assert len(comments.calls) <= 2 + len(asked)


# What is wrong with GraphQL, and what is said of it: each as switches, or as faults.
WRONG: dict[str, tuple[dict[str, Any], list[Scheduled], str]] = {
    "a wrong 0": ({"portal_counts": "zero"}, [], "it is not used again"),
    "a wrong 0 for some": ({"portal_counts": "some_zero"}, [], "it is not used again"),
    "null": ({"portal_counts": "null"}, [], ""),
    "null for some": ({"portal_counts": "some_null"}, [], ""),
    "few to a page": ({"graphql_per": 10}, [], ""),
    "403": ({"graphql": "forbidden"}, [], "each idea is asked for"),
    "404": ({"graphql": "unknown"}, [], "each idea is asked for"),
    "errors": ({"graphql": "errors"}, [], "each idea is asked for"),
    "an error once": ({}, [Scheduled("graphql_errors", "graphql")], ""),
    "a timeout once": ({}, [Scheduled("graphql_timeout", "graphql")], "Timeout on validation"),
    "a timeout of whole pages": ({}, [Scheduled("graphql_timeout", "graphql", 6)], "Timeout on validation"),
    "timeouts": ({}, [Scheduled("graphql_timeout", "graphql", 999)], "each idea is asked for"),
    "500": ({}, [Scheduled("500", "graphql", 999)], "each idea is asked for"),
    "HTML": ({}, [Scheduled("login_page", "graphql", 999)], "each idea is asked for"),
    "no connection": ({}, [Scheduled("reset", "graphql", 999)], "each idea is asked for"),
    "another shape": ({}, [Scheduled("wrong_shape", "graphql", 999)], "each idea is asked for"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_whatever_graphql_does_the_rows_are_those_without_it(
    wrong: str, box: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    switches, faults, said = WRONG[wrong]
    box.world.behaviour = Behaviour(**switches)
    box.traffic.faults[:] = faults
    comments = Follower(box, "idea_portal_comments")
    comments.sync()
    assert set(comments.rows) == {str(record.id) for record in shown(box, "idea_comment")}
    assert said in caplog.text
    assert caplog.text.count("it is not used again") + caplog.text.count("each idea is asked for") <= 1
    assert box.api_key not in caplog.text
    # What agreed at first, and is wrong at the next reconciliation.
    box.traffic.faults.clear()
    box.clock.advance(DAY + 100)
    comments.sync()
    box.traffic.faults[:] = faults
    idea = shown(box, "idea")[7].id
    made = box.world.create("idea_comment", idea)
    box.clock.advance(100)
    assert str(made.id) in comments.sync()


def test_a_count_that_turns_wrong_is_found_out_and_everything_is_read_again(box: Sandbox) -> None:
    comments = Follower(box, "idea_portal_comments")
    comments.sync()
    assert comments.offset["counts"] == "agreed"
    box.world.behaviour = Behaviour(portal_counts="zero")
    # It says nothing of this one, and is believed.
    made = box.world.create("idea_comment", shown(box, "idea")[50].id)
    box.clock.advance(3600)
    assert comments.sync() == []
    box.clock.advance(DAY)
    delivered = set(comments.sync())
    assert delivered == {str(record.id) for record in shown(box, "idea_comment")}
    assert str(made.id) in delivered
    assert comments.offset["counts"] == "refuted"
    box.clock.advance(3600)
    comments.sync()
    assert "/api/v2/graphql" not in comments.calls


@pytest.mark.parametrize("table", ["idea_comments"])
def test_a_sample_without_any_row_proves_nothing(table: str, box: Sandbox) -> None:
    for record in shown(box, "comment"):
        box.world.delete("comment", record.id)
    comments = Follower(box, table)
    comments.sync()
    assert len(comments.calls) == 3 + len(shown(box, "idea"))
    assert "counts" not in comments.offset


@pytest.mark.parametrize("table", COMMENTS)
def test_audits_tell_of_every_change_of_a_comment_whether_its_idea_moved_or_not(
    table: str, box: Sandbox
) -> None:
    box.world.behaviour = Behaviour(moves_idea=())
    kind = KINDS[table]
    comments = Follower(box, table, track_deletes="true")
    comments.sync()
    old = shown(box, kind)[3]
    box.clock.advance(3600)
    new = box.world.create(kind, shown(box, "idea")[11].id)
    box.world.change(kind, old.id, body="changed")
    box.clock.advance(3600)
    assert {str(old.id), str(new.id)} <= set(comments.sync())
    assert comments.rows[str(old.id)]["body"] == "changed"
    for idea in shown(box, "idea")[20:40]:
        box.world.change("idea", idea.id, name="renamed")
    box.clock.advance(3600)
    # What moved for something else is not read: audits are known to tell.
    assert comments.sync() == []
    assert {call for call in comments.calls if ":" in call or "{" in call} == set()
    assert comments.sync() == []


def test_comments_on_other_records_do_not_end_the_following_of_those_on_ideas(
    box: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    box.world.behaviour = Behaviour(moves_idea=())
    comments = Follower(box, "idea_comments", track_deletes="true")
    comments.sync()
    elsewhere = {"associated_type": "strategic_imperative", "associated_id": "7"}
    for _ in range(2):
        made = box.world.create("comment", shown(box, "idea")[11].id)
        box.world.create("comment", shown(box, "idea")[12].id)
        last = box.world.store.page([Condition("kind = 'audit'")])[-1]
        box.world.store.put([replace(last, body=last.body | elsewhere)])
        box.clock.advance(3600)
        assert str(made.id) in comments.sync()
    assert "does not follow the audits" not in caplog.text


@pytest.mark.parametrize("how", ["otherwise", "never"])
def test_audits_that_do_not_name_the_idea_are_not_followed_and_it_says_so_once(
    how: str, box: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    box.world.behaviour = Behaviour(audits_name_ideas=how)
    comments = Follower(box, "idea_portal_comments", track_deletes="true")
    comments.sync()
    for _ in range(2):
        made = box.world.create("idea_comment", shown(box, "idea")[11].id)
        box.clock.advance(3600)
        assert str(made.id) in comments.sync()
    assert caplog.text.count("does not follow the audits") == 1


def test_a_key_that_may_not_read_audits_reads_comments_as_before(box: Sandbox) -> None:
    box.traffic.faults[:] = [Scheduled("403", "audits", 999)]
    comments = Follower(box, "idea_comments", track_deletes="true")
    comments.sync()
    made = box.world.create("comment", shown(box, "idea")[11].id)
    box.clock.advance(3600)
    assert str(made.id) in comments.sync()


FULL = Roll(tuple(2**32 - 1 - number for number in range(ROLL_BUCKETS)))
TALLIES = {"nothing": Tally(), "names": Tally(FULL), "names and counts": Tally(FULL, FULL)}
SEEN = {
    "single rows": Seen(True, {f"{2**64 - 1 - number:x}": f"{2**64 - 1:x}" for number in range(EXACT_ROWS)}),
    "buckets": Seen(False, {f"{number:x}": f"{2**64 - 1 - number:x}" for number in range(BUCKETS)}),
}


@pytest.mark.parametrize("seen", SEEN)
@pytest.mark.parametrize("tally", TALLIES)
@pytest.mark.parametrize("strange", [0, ROLL_BUCKETS])
def test_an_offset_stays_under_16_kib_whatever_it_remembers_and_is_read_back_as_it_was(
    seen: str, tally: str, strange: int
) -> None:
    position = Position(
        200,
        99_999,
        "2025-11-01T12:00:00Z",
        "2025-11-01T12:00:00Z",
        10**7,
        10**7,
        rows=10**7,
        ids=2**64 - 1,
        before=2**64 - 1,
        tail=[2**64 - 1] * 4,
        parent="7300000000000000000",
    )
    offset = Offset(
        "idea_portal_comments:0123456789abcdef",
        "2025-11-01T12:00:00Z",
        SEEN[seen],
        position,
        SEEN[seen],
        reconciled="2025-11-01T12:00:00Z",
        tally=TALLIES[tally],
        taking=Taking(TALLIES[tally], TALLIES[tally]),
        strange=frozenset(range(strange)),
        counts="agreed",
        after_audit="7300000000000000000",
        audits="agreed",
    )
    text = json.dumps(offset.to_json())
    assert len(text) < 16 * 1024
    assert Offset.from_json(json.loads(text), offset.scope) == offset


def test_an_earlier_versions_offset_goes_on_and_everything_is_delivered_once_more(box: Sandbox) -> None:
    ideas = Follower(box, "ideas")
    ideas.offset = {
        "version": 1,
        "scope": "",
        "cursor": "2025-11-01T11:00:00Z",
        "seen": {"exact": True, "entries": {"4b": "a3"}},
        "roll": "0" * 1024,
    }
    del ideas.offset["scope"]
    assert set(ideas.sync()) == {str(record.id) for record in shown(box, "idea")}


def test_while_the_clock_stands_still_the_old_parts_of_a_record_with_a_new_one_are_not_told_again(
    box: Sandbox,
) -> None:
    requirements = Follower(box, "requirements")
    requirements.sync()
    box.clock.advance(3600)
    feature = next(record.parent for record in shown(box, "requirement"))
    made = {str(box.world.create("requirement", feature).id) for _ in range(2)}
    assert set(requirements.sync()) == made
    before = requirements.offset
    assert requirements.sync() == []
    assert requirements.offset == before
