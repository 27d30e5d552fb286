"""What each plan promises, over the tables that have nothing to do with ideas.

Random histories of an account: records of any kind are made, changed, deleted, taken from sight and given
back, also between two pages of a walk; syncs crash and are repeated. After quiet syncs the mirror holds every
row that the key can see, in its latest version.
"""

import json
import os
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from connector.aha import AhaLakeflowConnect
from connector.errors import AhaError
from sandbox.behaviour import UPDATED_SINCE, Behaviour
from sandbox.clock import SandboxClock
from sandbox.kinds import PARENT_KINDS
from sandbox.server import Sandbox, open_world, running
from sandbox.store import Condition, Record
from sandbox.world import World, WorldError
from tests.conftest import FakeClock
from tests.plans import NEEDED

START = datetime(2025, 11, 1, 12, 0, 0, 250_000, tzinfo=UTC)
LAG = 30
# After so many hours the default reconciles.
HOURS = 24
# A counterexample is short already, and each try takes a while.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
HISTORIES = int(os.environ.get("HISTORIES", "80"))
# Table → the kind of its rows, and a field that can be changed.
KINDS = {
    "idea_organizations": ("idea_organization", "name"),
    "idea_users": ("idea_user", "name"),
    "idea_portals": ("idea_portal", "title"),
    "portal_users": ("portal_user", "first_name"),
    "idea_categories": ("idea_category", "name"),
    "releases": ("release", "name"),
    "release_phases": ("release_phase", "name"),
    "epics": ("epic", "name"),
    "features": ("feature", "name"),
    "requirements": ("requirement", "name"),
    "tasks": ("task", "name"),
    "record_comments": ("comment", "body"),
    "record_links": ("record_link", "link_type"),
    "initiatives": ("initiative", "name"),
    "goals": ("goal", "name"),
    "key_results": ("key_result", "name"),
    "strategy_visions": ("strategy_vision", "name"),
    "users": ("user", "name"),
    "products": ("product", "name"),
    "workflows": ("workflow", "name"),
    "custom_field_options": ("custom_field_option", "value"),
    "audits": ("audit", None),
    "deletions": ("deletion", None),
    "pages": ("page", "name"),
    "custom_object_records": ("custom_object_record", None),
}
# Of these, not the records themselves come into sight without a change, but those that they stand below.
HIDDEN = {
    "releases": "product",
    "custom_object_records": "product",
    "portal_users": "idea_portal",
    "key_results": "goal",
    "workflows": "product",
}
CHANGES = st.tuples(
    st.sampled_from(("make", "make", "edit", "edit", "delete", "hide", "show", "parent")),
    st.integers(0, 30),
    st.integers(0, 30),
)
BETWEEN = st.lists(st.none() | CHANGES, max_size=5)
STEPS = st.one_of(
    st.tuples(st.just("change"), st.lists(CHANGES, min_size=1, max_size=6)),
    st.tuples(st.just("wait"), st.sampled_from([0, 1, 20, 700, 3600])),
    st.tuples(st.just("sync"), BETWEEN),
    st.tuples(st.just("sync"), BETWEEN),
    st.tuples(st.just("crash"), BETWEEN),
)


class Mirror:
    """A table kept by syncs, and the offset that was committed with it."""

    def __init__(self, box: Sandbox, table: str, options: dict[str, str]) -> None:
        connection = {"api_key": box.api_key, "subdomain": "company", "base_url": box.url}
        connection |= {"requests_per_minute": "600000", "page_size": "3"}
        self._connector = AhaLakeflowConnect(connection, clock=FakeClock())
        self._table, self._options = table, options
        self.rows: dict[str, dict[str, Any]] = {}
        self.offset: dict[str, Any] = {}

    def sync(self, *, crash: bool = False) -> bool:
        """One read; whether the next one may bring more."""
        rows, end = self._connector.read_table(self._table, self.offset, self._options)
        news = list(rows)
        if not end:
            self.rows = {row["id"]: row for row in news}
            return False
        self.rows |= {row["id"]: row for row in (news[: len(news) // 2] if crash else news)}
        if crash:
            return True
        moved = end != self.offset
        assert moved or not news, "rows came with an offset that did not move"
        assert len(json.dumps(end)) < 16 * 1024
        self.offset = end
        return moved


def shown(world: World, kind: str) -> list[Record]:
    """What the key may see: nothing below a record that it may not see, where lists are read below those."""
    found = world.store.page([Condition("kind = ? AND hidden = 0", (kind,))])
    above = PARENT_KINDS.get(kind)
    if kind == "product":
        # Teams are listed only where they are asked for.
        found = [record for record in found if record.body["workspace_type"] != "team"]
    if kind in ("epic", "feature", "initiative", "goal", "release_phase") or above is None:
        return found
    if kind == "comment":
        products = {str(record.id) for record in shown(world, "product")}
        return [record for record in found if record.body["commentable"].get("product_id") in products]
    parents = {
        record.id
        for record in shown(world, above)
        if kind != "custom_field_option" or "Select" in record.body["type"]
    }
    return [record for record in found if record.parent in parents]


def make_change(world: World, table: str, change: tuple[str, int, int]) -> None:
    """Apply a change as far as there is something to apply it to."""
    what, first, second = change
    kind, field = KINDS[table]
    above = PARENT_KINDS.get(kind, "")
    world.settle()
    with suppress(WorldError):
        if kind in ("audit", "deletion"):
            _change(world, "feature", "name", above, what, first, second)
        elif kind == "comment":
            _change(world, kind, field, "idea", what, first, second)
        else:
            hidden = kind if first % 2 else HIDDEN.get(table, kind)
            _change(world, kind, field, above, what, first, second, hidden)


def _change(
    world: World,
    kind: str,
    field: str | None,
    above: str,
    what: str,
    first: int,
    second: int,
    hidden: str | None = None,
) -> None:
    found = world.store.page([Condition("kind = ?", (kind,))])
    parents = world.store.page([Condition("kind = ? AND hidden = 0", (above,))])
    if what == "make":
        world.create(kind, parents[first % len(parents)].id if parents else None)
    elif what == "parent" and above:
        world.create(kind, world.create(above).id)
    elif what == "edit" and found and field:
        world.change(kind, found[first % len(found)].id, **{field: f"changed {second}"})
    elif what == "delete" and len(found) > 1:
        world.delete(kind, found[first % len(found)].id)
    elif what in ("hide", "show") and hidden:
        some = world.store.page([Condition("kind = ?", (hidden,))])
        world.hide(hidden, some[first % len(some)].id, hidden=what == "hide")


def faults(world: World, table: str, mirror: Mirror) -> dict[str, str]:
    """Rows of the source that the mirror lacks, or holds in another version."""
    kind, field = KINDS[table]
    out = {}
    for record in shown(world, kind):
        row = mirror.rows.get(str(record.id))
        if row is None:
            out[str(record.id)] = "missing"
        elif field and row[field] != record.body[field]:
            out[str(record.id)] = f"stale: {row[field]} instead of {record.body[field]}"
    return out


@settings(max_examples=HISTORIES, deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES)
@given(
    table=st.sampled_from(sorted(KINDS)),
    switch=st.sampled_from(UPDATED_SINCE),
    lag=st.sampled_from([0, LAG]),
    limit=st.sampled_from(["", "", "2", "5"]),
    steps=st.lists(STEPS, min_size=1, max_size=10),
)
def test_after_any_history_quiet_syncs_leave_no_row_missing_and_none_stale_in_any_table(
    table: str, switch: str, lag: float, limit: str, steps: list[tuple[str, Any]]
) -> None:
    world = open_world(ideas=4, clock=SandboxClock(START), behaviour=Behaviour(switch, commit_lag=lag))
    with closing(world), running(world) as box:
        mirror = Mirror(box, table, {"max_records_per_batch": limit, **NEEDED.get(table, {})})
        for what, detail in steps:
            if what == "change":
                for change in detail:
                    make_change(world, table, change)
            elif what == "wait":
                world.clock.advance(detail)
            else:
                box.traffic.between[:] = [_later(world, table, change) for change in detail]
                with suppress(AhaError):
                    # A record that goes while it alone is read is an error, and nothing is lost.
                    mirror.sync(crash=what == "crash")
                box.traffic.between.clear()
        world.clock.advance(HOURS * 3600 + LAG + 90)
        world.settle()
        for _ in range(200):
            if not mirror.sync():
                break
        else:
            raise AssertionError("reading never ended")
        assert faults(world, table, mirror) == {}


def _later(world: World, table: str, change: tuple[str, int, int] | None) -> Callable[[], object] | None:
    return (lambda: make_change(world, table, change)) if change else None
