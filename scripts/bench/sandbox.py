"""What a large sandbox costs: seconds until it is ready, milliseconds for a full page."""

import statistics
import time

import requests
from rich.console import Console

from sandbox.server import open_world, running

IDEAS, PAGES = 100_000, 20
PAGE = "/api/v1/ideas?fields=*&per_page=200&page="


def measure(console: Console) -> None:
    """Make up a large account and read full pages from all over it."""
    console.print(f"A sandbox with {IDEAS:,} ideas")
    before = time.perf_counter()
    world = open_world(ideas=IDEAS)
    console.print(f"  is ready after {time.perf_counter() - before:.1f} s")
    with running(world) as box, requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {box.api_key}"
        taken = []
        for page in range(1, IDEAS // 200, IDEAS // 200 // PAGES):
            before = time.perf_counter()
            session.get(f"{box.url}{PAGE}{page}", timeout=60).raise_for_status()
            taken.append((time.perf_counter() - before) * 1000)
    world.close()
    console.print(
        f"  answers a page of 200 ideas in full in {statistics.median(taken):.0f} ms "
        f"(median of {len(taken)}, at most {max(taken):.0f} ms)"
    )
