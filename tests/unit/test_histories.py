"""Nothing lost, nothing stale: the connector against an account that changes while it is read.

Random histories of changes, additions, deletions, syncs, crashes and restarts; changes also happen between
two pages of a walk. Workspaces are revoked and granted, spam is set and lifted, ideas are merged, deleted and
restored, each with a new `updated_at` and without. After a quiet sync, `reconcile_hours` later at the latest,
the mirror (an upsert by id) must hold every row of the source in its latest version.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.aha import AhaLakeflowConnect
from sandbox.behaviour import GRAPHQL, PORTAL_COUNTS, UPDATED_SINCE, Behaviour
from sandbox.clock import SandboxClock
from sandbox.server import Sandbox, open_world, running
from sandbox.store import Condition, Record
from sandbox.world import World, WorldError
from tests.conftest import FakeClock

START = datetime(2025, 11, 1, 12, 0, 0, 250_000, tzinfo=UTC)
KINDS = {
    "ideas": "idea",
    "idea_votes": "vote",
    "idea_proxy_votes": "vote",
    "idea_comments": "comment",
    "idea_portal_comments": "idea_comment",
}
LAG = 30
# `nox -s soak` asks for more.
HISTORIES = int(os.environ.get("HISTORIES", "80"))
# Printed at the end of a run, see conftest.py.
FIGURES = dict.fromkeys(
    ("histories", "changes", "crashes", "kills", "rows lost", "rows stale", "deletions missed"), 0
)

OPENLY = ("idea", "vote", "comment", "idea_comment", "edit", "edit", "edit_child", "delete", "delete_child")
EITHER = ("merge", "spam", "restore")
SILENTLY = (*(f"silent_{what}" for what in EITHER), "revoke", "grant")
# A change is (what, a number that picks the record, a number that picks something more).
CHANGES = st.tuples(st.sampled_from((*OPENLY, *EITHER, *SILENTLY)), st.integers(0, 50), st.integers(0, 50))
# What happens before each of the next requests is answered.
BETWEEN = st.lists(st.none() | CHANGES, max_size=6)
STEPS = st.one_of(
    st.tuples(st.just("change"), st.lists(CHANGES, min_size=1, max_size=8)),
    st.tuples(st.just("wait"), st.sampled_from([0, 1, 10, 20, 3600])),
    st.tuples(st.just("sync"), BETWEEN),
    st.tuples(st.just("sync"), BETWEEN),
    st.tuples(st.just("crash"), BETWEEN),
    st.tuples(st.just("kill"), BETWEEN),
    st.tuples(st.just("restart"), st.none()),
)


class Mirror:
    """A table kept by syncs, and the offset that was committed with it."""

    def __init__(self, box: Sandbox, table: str, options: dict[str, str]) -> None:
        self._connection = {
            "api_key": box.api_key,
            "subdomain": "company",
            "base_url": box.url,
            "requests_per_minute": "600000",
            "page_size": "3",
        }
        self._table, self._options = table, options
        self.rows: dict[str, dict[str, Any]] = {}
        self.offset: dict[str, Any] = {}
        self.deleted: set[str] = set()
        self.deletions: dict[str, Any] = {}
        self.restart()

    def restart(self) -> None:
        self._connector = AhaLakeflowConnect(self._connection, clock=FakeClock())

    def sync(self, *, crash: bool = False) -> bool:
        """One read; returns whether the offset moved. A crash loses the offset, the rows may have arrived."""
        rows, end = self._connector.read_table(self._table, self.offset, self._options)
        news = list(rows)
        for row in news[: len(news) // 2] if crash else news:
            self.rows[row["id"]] = row
        if crash:
            return True
        moved = end != self.offset
        assert moved or not news, "rows came with an offset that did not move"
        self.offset = end
        return moved

    def replay(self, later: Callable[[], object], written: float = 0.5) -> None:
        """A run that is killed when a batch is planned, and maybe half written; and Spark's next run, which
        asks for that batch again before it goes on where it ended."""
        start = self.offset
        rows, end = self._connector.read_table(self._table, start, self._options)
        planned = list(rows)
        for row in planned[: int(len(planned) * written)]:
            self.rows[row["id"]] = row
        later()
        self.restart()
        for part in self._connector.get_partitions(self._table, self._options, start, end):
            for row in self._connector.read_partition(self._table, part, self._options):
                self.rows[row["id"]] = row
        self.offset = end

    def sync_deletions(self, *, crash: bool = False) -> bool:
        """One read of the delete flow; returns whether its offset moved."""
        rows, end = self._connector.read_table_deletes(self._table, self.deletions, self._options)
        news = [row["id"] for row in rows]
        self.deleted |= set(news[: len(news) // 2] if crash else news)
        if crash:
            return True
        moved = end != self.deletions
        assert moved or not news, "tombstones came with an offset that did not move"
        self.deletions = end
        return moved


def shown(world: World, kind: str) -> list[Record]:
    """What a key may read: votes all over the account, comments below the ideas that are listed."""
    where = "kind = ? AND hidden = 0"
    if kind in ("comment", "idea_comment"):
        where += " AND parent IN (SELECT id FROM records WHERE kind = 'idea' AND hidden = 0)"
    return world.store.page([Condition(where, (kind,))])


def pick(world: World, kind: str, number: int) -> int | None:
    found = shown(world, kind)
    return found[number % len(found)].id if found else None


def make_change(world: World, change: tuple[str, int, int], restored: set[str]) -> None:
    """Apply a change as far as there is something to apply it to; note what was taken back."""
    FIGURES["changes"] += 1
    world.settle()
    # What still shows may be deleted already.
    with suppress(WorldError):
        if "restore" in change[0] and world.recycled:
            restored |= world.contents(*world.recycled[change[1] % len(world.recycled)])
        _change(world, *change)


def _change(world: World, what: str, first: int, second: int) -> None:
    idea = pick(world, "idea", first)
    child_kind = ("vote", "comment", "idea_comment")[second % 3]
    child = pick(world, child_kind, first)
    silently = what.startswith("silent_")
    what = what.removeprefix("silent_")
    workspaces = world.store.page([Condition("kind = 'product'")])
    workspace = workspaces[second % len(workspaces)].id
    if what == "idea":
        world.create("idea", workspace)
    elif what == "revoke":
        world.revoke(workspace)
    elif what == "grant":
        world.grant(workspace)
    elif what == "restore" and world.recycled:
        kind, identity = world.recycled[first % len(world.recycled)]
        world.restore(kind, identity, moving=not silently)
    elif what in ("vote", "comment", "idea_comment") and idea:
        world.create(what, idea)
    elif what == "edit" and idea:
        world.change("idea", idea, name=f"name {second}")
    elif what == "edit_child" and child:
        field = "link" if child_kind == "vote" else "body"
        world.change(child_kind, child, **{field: f"https://example.com/{second}"})
    elif what == "delete" and idea:
        world.delete("idea", idea)
    elif what == "delete_child" and child:
        world.delete(child_kind, child)
    elif what == "spam":
        _turn_spam(world, first, "idea_comment" if second % 2 else "idea", moving=not silently)
    elif what == "merge" and idea:
        other = pick(world, "idea", second)
        if other and other != idea:
            world.merge(idea, other, moving=not silently)


def _turn_spam(world: World, number: int, kind: str, *, moving: bool) -> None:
    """Hide one of a kind, or show again what is hidden."""
    hidden = world.store.page([Condition("kind = ? AND hidden = 1", (kind,))])
    if hidden and number % 2:
        world.mark_spam(kind, hidden[number % len(hidden)].id, spam=False, moving=moving)
    elif chosen := pick(world, kind, number):
        world.mark_spam(kind, chosen, moving=moving)


def missing_or_stale(world: World, table: str, mirror: Mirror) -> dict[str, str]:
    """Rows of the source that the mirror lacks, or holds in an older version."""
    kind = KINDS[table]
    out = {}
    for record in shown(world, kind):
        if table == "idea_proxy_votes" and not record.proxy:
            continue
        row = mirror.rows.get(str(record.body["id"]))
        if row is None:
            out[str(record.id)] = "missing"
        elif any(
            row[name] != record.body[name]
            for name in ("updated_at", "name", "body", "link", "idea_id")
            if name in row and name in record.body
        ):
            out[str(record.id)] = f"stale: {row['updated_at']} instead of {record.body['updated_at']}"
    return out


# What must not matter: how counts are told, and whether audits are followed.
WAYS = st.fixed_dictionaries(
    {
        "graphql": st.sampled_from(["auto", "auto", "off"]),
        "trust_counts": st.sampled_from(["true", "true", "false"]),
        "track_deletes": st.sampled_from(["true", "false"]),
    }
)
SWITCHES = st.fixed_dictionaries(
    {
        "updated_since": st.sampled_from(UPDATED_SINCE),
        "commit_lag": st.sampled_from([0, LAG]),
        "graphql": st.sampled_from(["answers", "answers", *GRAPHQL]),
        # A sample of three ideas may miss what is wrong for some.
        "portal_counts": st.sampled_from(["right", "right", *sorted(set(PORTAL_COUNTS) - {"some_zero"})]),
        "audits_name_ideas": st.sampled_from(["as documented", "as documented", "otherwise", "never"]),
    }
)
HOURS = 24


@settings(max_examples=HISTORIES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    table=st.sampled_from(sorted(KINDS)),
    switches=SWITCHES,
    ways=WAYS,
    limit=st.sampled_from(["", "2", "5"]),
    ideas=st.sampled_from([0, 4, 9, 14]),
    steps=st.lists(STEPS, min_size=1, max_size=12),
)
def test_after_any_history_one_quiet_sync_leaves_no_row_missing_none_stale_and_no_deletion_missed(
    table: str,
    switches: dict[str, Any],
    ways: dict[str, str],
    limit: str,
    ideas: int,
    steps: list[tuple[str, Any]],
) -> None:
    FIGURES["histories"] += 1
    world = open_world(ideas=ideas, clock=SandboxClock(START), behaviour=Behaviour(**switches))
    tracked = ways["track_deletes"] == "true"
    restored: set[str] = set()
    with running(world) as box:
        mirror = Mirror(box, table, {"max_ideas": limit, "reconcile_hours": str(HOURS), **ways})
        for what, detail in steps:
            if what == "change":
                for change in detail:
                    make_change(world, change, restored)
            elif what == "wait":
                world.clock.advance(detail)
            elif what == "restart":
                mirror.restart()
            elif what == "kill":
                FIGURES["kills"] += 1
                first, second = detail[: len(detail) // 2], detail[len(detail) // 2 :]
                box.traffic.between[:] = [_later(world, change, restored) for change in first]

                def later(changes: list[tuple[str, int, int] | None] = second) -> None:
                    # All at once after the kill, or between the calls of the next run.
                    box.traffic.between[:] = [_later(world, change, restored) for change in changes[1:]]
                    for change in filter(None, changes[:1]):
                        make_change(world, change, restored)

                mirror.replay(later)
                box.traffic.between.clear()
            else:
                box.traffic.between[:] = [_later(world, change, restored) for change in detail]
                FIGURES["crashes"] += what == "crash"
                mirror.sync(crash=what == "crash")
                if tracked:
                    mirror.sync_deletions(crash=what == "crash")
                box.traffic.between.clear()
        world.clock.advance(HOURS * 3600 + LAG + 90)
        world.settle()
        for _ in range(200):
            if not mirror.sync():
                break
        else:
            raise AssertionError("reading never ended")
        found = missing_or_stale(world, table, mirror)
        FIGURES["rows lost"] += sum(fault == "missing" for fault in found.values())
        FIGURES["rows stale"] += sum(fault != "missing" for fault in found.values())
        assert found == {}
        if tracked:
            assert mirror.sync_deletions() is False or mirror.sync_deletions() is False
            destroyed = {row for row in mirror.rows if world.store.find(KINDS[table], row) is None}
            FIGURES["deletions missed"] += len(destroyed - mirror.deleted)
            assert destroyed <= mirror.deleted
            assert not {row for row in mirror.deleted - restored if world.store.find(KINDS[table], row)}
    world.close()


@settings(max_examples=HISTORIES // 2, suppress_health_check=list(HealthCheck))
@given(
    table=st.sampled_from(["ideas", "idea_comments"]),
    limit=st.sampled_from(["1", "2", "5"]),
    ideas=st.integers(3, 9),
    batches=st.lists(
        st.lists(
            st.none() | st.tuples(st.sampled_from(["delete", "idea", "spam"]), *[st.integers(0, 50)] * 2)
        ),
        max_size=12,
    ),
)
def test_a_run_that_is_killed_at_every_batch_loses_nothing(
    table: str, limit: str, ideas: int, batches: list[list[tuple[str, int, int] | None]]
) -> None:
    world = open_world(ideas=ideas, clock=SandboxClock(START))
    with running(world) as box:
        mirror = Mirror(box, table, {"max_ideas": limit, "reconcile_hours": "0"})
        for changes in batches:
            FIGURES["kills"] += 1
            at = len(changes) // 2
            box.traffic.between[:] = [_later(world, change, set()) for change in changes[:at]]

            def later(rest: list[tuple[str, int, int] | None] = changes[at:]) -> None:
                box.traffic.between[:] = [_later(world, change, set()) for change in rest]

            mirror.replay(later, written=0)
            box.traffic.between.clear()
        world.clock.advance(90)
        for _ in range(200):
            if not mirror.sync():
                break
        assert missing_or_stale(world, table, mirror) == {}
    world.close()


def _later(
    world: World, change: tuple[str, int, int] | None, restored: set[str]
) -> Callable[[], object] | None:
    return (lambda: make_change(world, change, restored)) if change else None
