"""What syncs cost, in API calls: beside the arithmetic minimum and beside one call an idea."""

import math
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from connector.aha import AhaLakeflowConnect
from connector.tables import TABLES
from sandbox.clock import SandboxClock
from sandbox.server import Sandbox, open_world, running
from sandbox.store import Condition

PAGE = 200
NOW = datetime(2025, 11, 1, 12, 0, tzinfo=UTC)


class Account:
    """A sandbox, its size, and a connector that reads it."""

    def __init__(self, box: Sandbox) -> None:
        self._box = box
        self.connector = AhaLakeflowConnect(
            {
                "api_key": box.api_key,
                "subdomain": "company",
                "base_url": box.url,
                "requests_per_minute": "60000000",
            }
        )

    def count(self, where: str) -> int:
        return self._box.world.store.count([Condition(f"hidden = 0 AND {where}")])

    def sync(self, table: str, offset: dict[str, object] | None) -> tuple[int, dict[str, object]]:
        """One read. Returns the calls it took, and the offset after it."""
        self._box.traffic.log.clear()
        rows, end = self.connector.read_table(table, offset, {})
        for _ in rows:
            pass
        return len(self._box.traffic.log), end

    def change(self, ideas: int) -> None:
        """An hour later, some ideas get a comment and a proxy vote."""
        world = self._box.world
        world.clock.advance(3600)
        for record in world.store.page([Condition("kind = 'idea' AND hidden = 0")], ideas, 100):
            world.create("comment", record.id)
            world.create("idea_comment", record.id)
            world.create("vote", record.id)
        world.clock.advance(3600)


def measure(console: Console, ideas: int = 10_000, changed: int = 50) -> None:
    """Count the API calls of a first sync and of a sync after some ideas changed."""
    console.print(f"Making up {ideas:,} ideas")
    world = open_world(ideas=ideas, clock=SandboxClock(NOW))
    with running(world) as box:
        account = Account(box)
        shown = account.count("kind = 'idea'")
        walk = math.ceil(shown / PAGE)
        pages, unread = _child_pages(box, "comment"), _child_pages(box, "idea_comment", at_least=1)
        minimum = {
            "ideas": walk,
            "idea_proxy_votes": math.ceil(account.count("kind = 'vote' AND proxy = 1") / PAGE),
            "idea_comments": walk + pages,
            "idea_portal_comments": walk + unread,
        }
        again = {
            "ideas": 1,
            "idea_proxy_votes": 1,
            "idea_comments": 1 + changed,
            "idea_portal_comments": 1 + changed,
        }
        offsets, first = {}, {}
        for name in TABLES:
            console.print(f"First sync of {name}")
            first[name], offsets[name] = account.sync(name, None)
        account.change(changed)
        second = {name: account.sync(name, offsets[name])[0] for name in TABLES}
    report = Table(title=f"API calls: {shown:,} ideas, then {changed} of them changed")
    for column in ("table", "first", "minimum", "a call an idea", "then", "minimum", "a call an idea"):
        report.add_column(column, justify="left" if column == "table" else "right")
    for name in TABLES:
        naive = (walk + shown, 1 + changed)
        report.add_row(
            name,
            *(f"{number:,}" for number in (first[name], minimum[name], naive[0])),
            *(f"{number:,}" for number in (second[name], again[name], naive[1])),
        )
    console.print(report)


def _child_pages(box: Sandbox, kind: str, *, at_least: int = 0) -> int:
    """Pages of all children of visible ideas: none for an idea without, or one where nothing says so."""
    store = box.world.store
    ids = [record.id for record in store.page([Condition("kind = 'idea' AND hidden = 0")])]
    pages = 0
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        counts = store.counts_by_parent((kind,), part)
        pages += sum(max(at_least, math.ceil(counts.get(identity, 0) / PAGE)) for identity in part)
    return pages
