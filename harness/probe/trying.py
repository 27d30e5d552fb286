"""An account of the sandbox in which something of everything happened: what a probe is tried on."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sandbox.behaviour import EVENTS, Behaviour
from sandbox.clock import SandboxClock
from sandbox.server import Sandbox, open_world, running
from sandbox.store import Condition
from sandbox.world import World

# More than a page, so that the limits of pages show.
IDEAS = 230
NOW = datetime(2025, 11, 1, 9, 0, 0, tzinfo=UTC)
# Ideas that people talk about in portals, and vote for.
TALKED = 16
# Seconds between two events: audits may be late by minutes, and changes by the switch's lag.
APART = 7207.123
REPEATED = 4


@contextmanager
def trying(behaviour: Behaviour | None = None) -> Iterator[Sandbox]:
    """Such an account, for the length of a `with`; of the sandbox's defaults, or of a behaviour."""
    clock = SandboxClock(NOW)
    world = open_world(ideas=IDEAS, clock=clock, behaviour=behaviour)
    happen(world)
    with running(world) as box:
        yield box
    world.close()


def happen(world: World) -> None:
    """Let each kind of event happen to some ideas of its own, and people talk about some more."""
    clock = world.clock
    ideas = [record.id for record in world.store.page([Condition("kind = 'idea' AND hidden = 0")], IDEAS)]
    free = iter(reversed(ideas))

    def after_a_while() -> None:
        clock.advance(APART + world.behaviour.commit_lag)
        world.settle()

    for number, idea in enumerate(ideas[1 : TALKED + 1]):
        for kind, times in (("vote", 9), ("idea_comment", 1 + number % 3), ("comment", (number + 1) % 3)):
            for _ in range(times):
                world.create(kind, idea)
                after_a_while()
    for _ in range(REPEATED):
        world.change("idea", next(free), score=7)
        after_a_while()
        world.create("vote", next(free), proxy=False)
        after_a_while()
    for event in EVENTS:
        kind, _, action = event.rpartition("_")
        for _ in range(REPEATED):
            idea = next(free)
            made = world.create(kind, idea)
            after_a_while()
            if action == "update":
                world.change(
                    kind, made.id, **({"weight": 2} if kind == "vote" else {"body": "<p>Edited</p>"})
                )
            elif action == "destroy":
                world.delete(kind, made.id)
            after_a_while()
