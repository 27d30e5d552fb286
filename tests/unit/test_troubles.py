"""One record's trouble is not the table's, and what nobody may say is no deletion."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.errors import AhaError
from sandbox.clock import SandboxClock
from sandbox.faults import Scheduled
from sandbox.server import Sandbox, open_world, running
from tests.conftest import FakeClock
from tests.unit.test_reconciliation import COMMENTS, KINDS, Follower, shown, with_comments

START = datetime(2025, 11, 1, 12, 0, tzinfo=UTC)
ROUTES = {"idea_comments": "comments", "idea_portal_comments": "idea_comments"}
ALWAYS = 10**6
OWN_TROUBLE = ("403", "404", "410", "422", "500", "404_html")
# Each trouble below one of the two kinds of comments, in turn.
TROUBLES = [(fault, COMMENTS[number % 2]) for number, fault in enumerate(OWN_TROUBLE)]
PASSING = [
    (fault, COMMENTS[number % 2])
    for number, fault in enumerate(("404_html", "404", "408", "522", "broken_json", "429_at_once"))
]


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with closing(open_world(ideas=60, clock=SandboxClock(START))) as world, running(world) as sandbox:
        yield sandbox


def below(table: str, idea: int | None = None) -> str:
    return f"^/ideas/{idea or '[0-9]+'}/{ROUTES[table]}$"


@pytest.mark.parametrize(("fault", "table"), TROUBLES)
def test_an_idea_that_shows_nothing_stops_no_other_and_is_asked_again_until_it_does(
    fault: str, table: str, box: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    kind = KINDS[table]
    troubled = min(idea for idea in with_comments(box, kind) if idea)
    its = {str(record.id) for record in shown(box, kind) if record.parent == troubled}
    wanted = {str(record.id) for record in shown(box, kind)}
    box.traffic.faults[:] = [Scheduled(fault, below(table, troubled), ALWAYS)]
    comments = Follower(box, table)
    comments.sync()
    assert set(comments.rows) == wanted - its
    assert f"{troubled} the first of them" in caplog.text
    assert box.api_key not in caplog.text
    box.clock.advance(3600)
    assert comments.sync() == []
    box.traffic.faults.clear()
    assert set(comments.sync()) == its
    assert comments.sync() == []
    assert "again" not in comments.offset


@pytest.mark.parametrize(("fault", "table"), TROUBLES)
def test_a_list_that_no_idea_shows_is_an_error_from_which_the_next_run_goes_on(
    fault: str, table: str, box: Sandbox
) -> None:
    comments = Follower(box, table)
    box.traffic.faults[:] = [Scheduled(fault, below(table), ALWAYS)]
    with pytest.raises(AhaError, match=f"`{table}` cannot be read"):
        comments.sync()
    assert comments.offset == {}
    box.traffic.faults.clear()
    assert set(comments.sync()) == {str(record.id) for record in shown(box, KINDS[table])}
    made = {str(box.world.create(KINDS[table], idea.id).id) for idea in shown(box, "idea")[5:15]}
    box.clock.advance(3600)
    before = comments.offset
    box.traffic.faults[:] = [Scheduled(fault, below(table), ALWAYS)]
    with pytest.raises(AhaError, match=f"`{table}` cannot be read"):
        comments.sync()
    assert comments.offset == before
    box.traffic.faults.clear()
    assert set(comments.sync()) >= made


@pytest.mark.parametrize(("fault", "table"), PASSING)
def test_what_passes_leaves_no_gap(fault: str, table: str, box: Sandbox) -> None:
    comments = Follower(box, table)
    box.traffic.faults[:] = [Scheduled(fault, below(table), 2, after=3)]
    comments.sync()
    box.clock.advance(60)
    comments.sync()
    assert set(comments.rows) == {str(record.id) for record in shown(box, KINDS[table])}


@pytest.mark.parametrize("fault", ["404", "422"])
def test_a_snapshot_is_whole_or_an_error(fault: str, box: Sandbox) -> None:
    troubled = min(idea for idea in with_comments(box, "comment") if idea)
    box.traffic.faults[:] = [Scheduled(fault, below("idea_comments", troubled), ALWAYS)]
    with pytest.raises(AhaError, match="`idea_comments` cannot be read"):
        Follower(box, "idea_comments", sync_mode="snapshot").sync()


def test_an_idea_that_is_gone_by_then_is_no_trouble(box: Sandbox) -> None:
    comments = Follower(box, "idea_comments", sync_mode="snapshot")
    idea = min(idea for idea in with_comments(box, "comment") if idea)
    box.traffic.between[:] = [None, None, None, lambda: box.world.delete("idea", idea)]
    assert set(comments.sync()) >= {str(record.id) for record in shown(box, "comment")}


class Today(FakeClock):
    """This machine's clock, in time with the sandbox's."""

    moment = START

    def wall_time(self) -> datetime:
        return self.moment


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("size", ["20", "200"])
def test_an_answer_that_is_dated_ahead_skips_nothing_that_happens_until_then(
    position: int, size: str, box: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tests.unit.test_reconciliation.FakeClock", Today)
    ideas = Follower(box, "ideas", page_size=size)
    box.traffic.faults[:] = [Scheduled("dated_ahead", after=position)]
    ideas.sync()
    assert ideas.offset["cursor"] <= "2025-11-01T12:00:00Z"
    box.clock.advance(3600)
    monkeypatch.setattr(Today, "moment", START + timedelta(hours=1))
    changed = shown(box, "idea")[4].id
    box.world.change("idea", changed, name="meanwhile")
    assert str(changed) in ideas.sync()
    if size == "20" or position == 0:
        assert caplog.text.count("the earlier counts") == 1


def test_of_the_dates_of_a_walk_the_earliest_counts_where_the_machines_clock_is_ahead_too(
    box: Sandbox,
) -> None:
    ideas = Follower(box, "ideas")
    box.traffic.faults[:] = [Scheduled("dated_ahead")]
    ideas.sync()
    assert ideas.offset["cursor"] < "2025-11-01T12:00:00Z"


def test_a_cursor_that_lies_in_the_future_heals(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tests.unit.test_reconciliation.FakeClock", Today)
    ideas = Follower(box, "ideas")
    ideas.sync()
    skipped: dict[str, Any] = ideas.offset | {"cursor": "2025-11-02T12:00:00Z"}
    box.world.change("idea", shown(box, "idea")[4].id, name="meanwhile")
    ideas.offset = skipped
    assert set(ideas.sync()) == {str(record.id) for record in shown(box, "idea")}
    assert "is in the future" in caplog.text
    assert ideas.sync() == []
