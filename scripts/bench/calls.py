"""What syncs cost, in API calls, beside the arithmetic minimum."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from connector.aha import AhaLakeflowConnect
from connector.offsets import is_unfinished
from connector.tables import TABLES
from sandbox.clock import SandboxClock
from sandbox.server import Sandbox, open_world, running
from sandbox.store import Condition
from sandbox.world import World

PAGE = 200
NOW = datetime(2025, 11, 1, 12, 0, tzinfo=UTC)
OPTIONS = {"custom_object_records": {"custom_object_keys": "accounts"}}
# Tables with one list of their own, and the kind of their rows.
LISTED = {
    "idea_organizations": "idea_organization",
    "idea_users": "idea_user",
    "release_phases": "release_phase",
    "epics": "epic",
    "features": "feature",
    "tasks": "task",
    "initiatives": "initiative",
    "goals": "goal",
    "strategy_visions": "strategy_vision",
    "users": "user",
    "products": "product",
    "audits": "audit",
    "deletions": "deletion",
}
# Of these, lists without a filter.
WHOLE = ("release_phases", "goals", "strategy_visions", "users", "deletions")
KINDS = (*LISTED.values(), "release", "requirement", "key_result", "record_link", "custom_object_record")


class Account:
    """A sandbox, its size, and a connector that reads it."""

    def __init__(self, box: Sandbox) -> None:
        self._box = box

    @property
    def world(self) -> World:
        return self._box.world

    def count(self, where: str) -> int:
        return self._box.world.store.count([Condition(f"hidden = 0 AND {where}")])

    def sync(
        self, table: str, offset: dict[str, Any] | None, options: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """A sync, in as many micro-batches as it is cut into. Returns the calls, and the offset after it."""
        self._box.traffic.log.clear()
        end: dict[str, Any] = offset or {}
        while True:
            rows, end = self._connector(options or {}).read_table(
                table, end, OPTIONS.get(table, {}) | (options or {})
            )
            for _ in rows:
                pass
            if not is_unfinished(end):
                return len(self._box.traffic.log), end

    def _connector(self, options: dict[str, str]) -> AhaLakeflowConnect:
        return AhaLakeflowConnect(
            {
                "api_key": self._box.api_key,
                "subdomain": "company",
                "base_url": self._box.url,
                "requests_per_minute": "60000000",
            }
            | options
        )

    def rename(self, ideas: int) -> None:
        """An hour later, some ideas change, and nothing that hangs below them."""
        self._box.world.clock.advance(3600)
        for record in self._box.world.store.page([Condition("kind = 'idea' AND hidden = 0")], ideas, 500):
            self._box.world.change("idea", record.id, name="renamed")
        self._box.world.clock.advance(3600)

    def change(self, records: int) -> None:
        """An hour later, some ideas get a comment, a proxy vote and a portal comment, and some records of
        every other kind change."""
        world = self._box.world
        world.clock.advance(3600)
        for record in world.store.page([Condition("kind = 'idea' AND hidden = 0")], records, 100):
            world.create("comment", record.id)
            world.create("idea_comment", record.id)
            world.create("vote", record.id)
        for kind in KINDS:
            for record in world.store.page([Condition("kind = ? AND hidden = 0", (kind,))], records):
                world.change(kind, record.id)
        world.clock.advance(3600)


def populate(world: World, workspaces: int, records: int) -> None:
    """More workspaces, with some records of every kind in each."""
    for _ in range(workspaces):
        product = world.create("product").id
        for kind in ("epic", "initiative", "release", "custom_object_record"):
            world.create(kind, product)
        for _ in range(records):
            world.create("requirement", world.create("feature", product).id)
        world.create("key_result", world.create("goal", product).id)


def minima(account: Account, changed: int, box: Sandbox) -> dict[str, tuple[int, int, int]]:
    """The calls that the lists of each table need: at first, when nothing changed, and after changes."""

    def pages(where: str) -> int:
        return max(1, math.ceil(account.count(where) / PAGE))

    ideas, features, goals = pages("kind = 'idea'"), pages("kind = 'feature'"), pages("kind = 'goal'")
    product = "kind = 'product' AND json_extract(body, '$.workspace_type') <> 'team'"
    workspaces = account.count(product)
    below = pages(product) + workspaces
    linked = account.count("kind = 'feature'")
    moved = "SELECT DISTINCT parent FROM records WHERE kind = 'key_result' ORDER BY id LIMIT"
    found = account.count(f"kind = 'goal' AND id IN ({moved} -1)")
    listed = {name: pages(f"kind = '{kind}'") for name, kind in LISTED.items()}
    out = {name: (number, 1, max(1, math.ceil(changed / PAGE))) for name, number in listed.items()}
    out |= {name: (number,) * 3 for name, number in listed.items() if name in WHOLE}
    out["ideas"] = (ideas, 1, 1)
    out["idea_votes"] = (pages("kind = 'vote'"), 1, 1)
    out["idea_proxy_votes"] = (pages("kind = 'vote' AND proxy = 1"), 1, 1)
    # The ideas of the first page are all asked for, which proves the counts; GraphQL tells some of them.
    internal, portal = _child_pages(box, "comment"), _child_pages(box, "idea_comment")
    out["idea_comments"] = (ideas + _silent(box, "comment") + internal, 1, 1 + changed)
    out["idea_portal_comments"] = (2 * ideas + _silent(box, "idea_comment") + portal, 1, 2 + changed)
    out["requirements"] = (features,) * 3
    out["record_links"] = (features + linked, 1, 1 + min(changed, linked))
    out["key_results"] = (goals + found, goals, goals + min(changed, found))
    # Comments on ideas are among those of a workspace.
    comments = max(1, math.ceil(account.count("kind = 'comment'") / PAGE)) - 1
    out["record_comments"] = (below + comments,) * 3
    for name in ("releases", "custom_object_records"):
        out[name] = (below,) * 3
    return out


def measure(console: Console, ideas: int = 10_000, changed: int = 50, workspaces: int = 60) -> None:
    """Count the API calls of a first sync, of an idle one, and of one after some records changed."""
    console.print(f"Making up {ideas:,} ideas and {workspaces} workspaces")
    world = open_world(ideas=ideas, clock=SandboxClock(NOW))
    populate(world, workspaces, 10)
    world.clock.advance(3600)
    with running(world) as box:
        account = Account(box)
        shown = account.count("kind = 'idea'")
        names = [name for name, table in TABLES.items() if not table.is_snapshot]
        least = minima(account, changed, box)
        offsets, calls = {}, {}
        for name in names:
            console.print(f"First sync of {name}")
            first, offsets[name] = account.sync(name, None)
            idle, offsets[name] = account.sync(name, offsets[name])
            calls[name] = [first, idle]
        audits = account.count("kind = 'audit'")
        account.change(changed)
        new = account.count("kind = 'audit'") - audits
        least["audits"] = (*least["audits"][:2], math.ceil(new / PAGE))
        for name in names:
            calls[name].append(account.sync(name, offsets[name])[0])
        console.print(compare_ways(account, console, changed))
    title = f"API calls: {shown:,} ideas, {workspaces} more workspaces, then {changed} of each changed"
    report = Table(title=title)
    for column in ("table", "first", "minimum", "idle", "minimum", "then", "minimum"):
        report.add_column(column, justify="left" if column == "table" else "right")
    for name in names:
        pairs = zip(calls[name], least[name], strict=True)
        report.add_row(name, *(f"{number:,}" for pair in pairs for number in pair))
    console.print(report)
    over = [
        name
        for name in names
        if any(made > needed * 1.05 + 2 for made, needed in zip(calls[name], least[name], strict=True))
    ]
    if over:
        raise SystemExit(f"More than 5 % and 2 calls above the minimum: {', '.join(over)}")


# How comments can be read, and what each way is called.
WAYS: dict[str, dict[str, str]] = {
    "as it is": {},
    "audits followed": {"track_deletes": "true"},
    "`graphql=off`": {"graphql": "off"},
    "`trust_counts=false`": {"trust_counts": "false"},
}


def compare_ways(account: Account, console: Console, changed: int) -> Table:
    """The calls that comments take, by each way to read them."""
    report = Table(title=f"API calls of comments, by ways to read them; {changed} ideas changed")
    names = ("table", "way", "first", "idle", "renamed", "commented", "a day later")
    for column in names:
        report.add_column(column, justify="left" if column in names[:2] else "right")
    offsets: dict[tuple[str, str], dict[str, Any]] = {}
    calls: dict[tuple[str, str], list[int]] = {}
    steps: tuple[Callable[[], object], ...] = (
        lambda: None,
        lambda: None,
        lambda: account.rename(changed),
        lambda: account.change(changed),
        lambda: account.world.clock.advance(86_400),
    )
    for name, step in zip(names[2:], steps, strict=True):
        console.print(f"Comments, {name}")
        step()
        for table in ("idea_comments", "idea_portal_comments"):
            for way, options in WAYS.items():
                key = (table, way)
                made, offsets[key] = account.sync(table, offsets.get(key), options)
                calls.setdefault(key, []).append(made)
    for (table, way), counts in calls.items():
        report.add_row(table, way, *(f"{number:,}" for number in counts))
    return report


def _silent(box: Sandbox, kind: str) -> int:
    """Ideas on the first page that have nothing of a kind."""
    first = box.world.store.page([Condition("kind = 'idea' AND hidden = 0")], PAGE)
    counts = box.world.store.counts_by_parent((kind,), [record.id for record in first])
    return len(first) - len(counts)


def _child_pages(box: Sandbox, kind: str) -> int:
    """Pages of all children of visible ideas; none for an idea without."""
    store = box.world.store
    ids = [record.id for record in store.page([Condition("kind = 'idea' AND hidden = 0")])]
    pages = 0
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        counts = store.counts_by_parent((kind,), part)
        pages += sum(math.ceil(counts.get(identity, 0) / PAGE) for identity in part)
    return pages
