"""Where Aha!'s behaviour is not documented, it is a switch here, with the likelier value as default."""

from dataclasses import dataclass, fields, replace
from typing import Any

UPDATED_SINCE = ("exclusive", "inclusive", "seconds")
RATE_LIMITS = ("retry_after", "reset", "message")
# What may move an idea's `updated_at` beside a change of the idea itself.
EVENTS = tuple(
    f"{kind}_{what}"
    for kind in ("vote", "comment", "idea_comment")
    for what in ("create", "update", "destroy")
)


class BehaviourError(ValueError):
    """A switch that does not exist, or a value that it does not have."""


@dataclass(frozen=True)
class Behaviour:
    """The switches.

    Attributes:
        updated_since: whether the filter's own moment is left out (`exclusive`), taken in (`inclusive`),
            or both sides are cut to whole seconds (`seconds`).
        moves_idea: events that move the idea's `updated_at`.
        rate_limit: what a 429 tells about when to come back.
        commit_lag: seconds after which a change becomes visible, at most.
        latency: seconds that every answer takes longer.
    """

    updated_since: str = "exclusive"
    moves_idea: tuple[str, ...] = EVENTS
    rate_limit: str = "retry_after"
    commit_lag: float = 0.0
    latency: float = 0.0

    def __post_init__(self) -> None:
        if self.updated_since not in UPDATED_SINCE:
            raise BehaviourError(f"updated_since is one of {', '.join(UPDATED_SINCE)}")
        if self.rate_limit not in RATE_LIMITS:
            raise BehaviourError(f"rate_limit is one of {', '.join(RATE_LIMITS)}")
        if set(self.moves_idea) - set(EVENTS):
            raise BehaviourError(f"moves_idea holds some of {', '.join(EVENTS)}")
        if self.commit_lag < 0 or self.latency < 0:
            raise BehaviourError("commit_lag and latency are seconds, 0 or more")

    def changed(self, switches: dict[str, Any]) -> "Behaviour":
        """This behaviour with some switches set.

        Raises:
            BehaviourError: a switch that does not exist, or a value that it does not have.
        """
        names = [field.name for field in fields(self)]
        unknown = set(switches) - set(names)
        if unknown:
            raise BehaviourError(f"no switch {sorted(unknown)[0]!r}; there are {', '.join(names)}")
        if "moves_idea" in switches:
            switches = switches | {"moves_idea": tuple(switches["moves_idea"])}
        try:
            return replace(self, **switches)
        except TypeError as error:
            raise BehaviourError(str(error)) from None
