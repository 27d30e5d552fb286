"""How much of Aha!'s rate limit a first sync uses, where every answer takes 200 ms."""

import time

from rich.console import Console

from connector.aha import AhaLakeflowConnect
from sandbox.behaviour import Behaviour
from sandbox.server import open_world, running

IDEAS, LATENCY, TABLE = 1000, 0.2, "idea_portal_comments"
PER_MINUTE, PER_SECOND = 300, 20


def measure(console: Console) -> None:
    """Read one call an idea from a sandbox that limits the rate, and count its refusals."""
    world = open_world(ideas=IDEAS, behaviour=Behaviour(latency=LATENCY))
    console.print(
        f"First sync of {TABLE}: about {IDEAS:,} calls, {LATENCY * 1000:.0f} ms each; takes minutes"
    )
    with running(world, rate_limit=True) as box:
        connection = {"api_key": box.api_key, "subdomain": "company", "base_url": box.url, "graphql": "off"}
        before = time.monotonic()
        rows, _ = AhaLakeflowConnect(connection).read_table(TABLE, None, {})
        count = sum(1 for _ in rows)
        seconds = time.monotonic() - before
        statuses = [entry["status"] for entry in box.traffic.log]
    world.close()
    calls = len(statuses)
    # The fastest that the limits allow: 300 calls, 20 a second, and the next 300 a minute after the first.
    fastest = (calls - 1) // PER_MINUTE * 60 + (calls - 1) % PER_MINUTE / PER_SECOND
    console.print(
        f"  {count:,} rows, {calls:,} calls in {seconds:.0f} s, where the limits allow {fastest:.0f} s: "
        f"{fastest / seconds:.0%} of the allowed rate; {statuses.count(429)} answered 429"
    )
