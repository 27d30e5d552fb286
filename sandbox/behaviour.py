"""Where Aha!'s behaviour is not documented, it is a switch here: with what a probe found as default, else
with the likelier value."""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

# What a probe found and `nox -s probe -- --adopt` kept.
ADOPTED = Path(__file__).resolve().parents[1] / "configs" / "behaviour.json"
UPDATED_SINCE = ("exclusive", "inclusive", "seconds")
RATE_LIMITS = ("retry_after", "reset", "message")
REFUSALS = ("html", "json")
OVER_200 = ("clamp", "refuse")
GRAPHQL = ("answers", "forbidden", "unknown", "errors")
PORTAL_COUNTS = ("right", "zero", "some_zero", "null", "some_null")
COMMENTS_COUNTED = {
    "internal": ("comment",),
    "portal": ("idea_comment",),
    "both": ("comment", "idea_comment"),
}
# What may move an idea's `updated_at` beside a change of the idea itself.
EVENTS = tuple(
    f"{kind}_{what}"
    for kind in ("vote", "comment", "idea_comment")
    for what in ("create", "update", "destroy")
)


CHOICES: dict[str, Iterable[str]] = {
    "updated_since": UPDATED_SINCE,
    "rate_limit": RATE_LIMITS,
    "refusal": REFUSALS,
    "per_page_over_200": OVER_200,
    "comments_counted": COMMENTS_COUNTED,
    "graphql": GRAPHQL,
    "portal_counts": PORTAL_COUNTS,
    "audits_name_ideas": ("as documented", "otherwise", "never"),
}


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
        refusal: whether a 401 is HTML without a body, as documented once, or JSON.
        comments_counted: which stream `comments_count` of an idea counts.
        per_page_over_200: whether a `per_page` above 200 counts as 200, or is answered 400.
        workspace_comments: whether a workspace's comments include those on its ideas.
        graphql: whether the endpoint answers, is refused with 403 or 404, or answers errors.
        portal_counts: what it says of portal comments: how many there are, 0, or nothing; for all ideas, or
            for some.
        graphql_per: rows that it gives to a page, at most.
        audits_name_ideas: whether audits of comments and votes name their idea as is documented.
        commit_lag: seconds after which a change becomes visible, at most.
        latency: seconds that every answer takes longer.
    """

    updated_since: str = "exclusive"
    moves_idea: tuple[str, ...] = EVENTS
    rate_limit: str = "retry_after"
    refusal: str = "html"
    comments_counted: str = "internal"
    per_page_over_200: str = "clamp"
    workspace_comments: bool = True
    graphql: str = "answers"
    portal_counts: str = "right"
    graphql_per: int = 200
    audits_name_ideas: str = "as documented"
    commit_lag: float = 0.0
    latency: float = 0.0

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise BehaviourError(f"{name} is one of {', '.join(choices)}")
        if set(self.moves_idea) - set(EVENTS):
            raise BehaviourError(f"moves_idea holds some of {', '.join(EVENTS)}")
        if type(self.workspace_comments) is not bool:
            raise BehaviourError("workspace_comments is true or false")
        if type(self.graphql_per) is not int or not 10 <= self.graphql_per <= 200:
            raise BehaviourError("graphql_per is a whole number from 10 to 200")
        if not all(type(value) in (int, float) for value in (self.commit_lag, self.latency)):
            raise BehaviourError("commit_lag and latency are seconds, 0 or more")
        # Not `x < 0`: that lets through what is no number.
        if not (0 <= self.commit_lag < math.inf and 0 <= self.latency < math.inf):
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


@cache
def adopted(path: Path = ADOPTED) -> Behaviour:
    """The switches as a probe found them; the others, or all where nothing was adopted, at their defaults.

    Raises:
        BehaviourError: the file cannot be read, or sets what is no switch.
    """
    if not path.exists():
        return Behaviour()
    try:
        return Behaviour().changed(dict(json.loads(path.read_text(encoding="utf-8"))["switches"]))
    except (OSError, RecursionError, ValueError, KeyError, TypeError) as error:
        raise BehaviourError(
            f"{path.parent.name}/{path.name} cannot be used ({error}). Delete it, or adopt a probe's answers "
            "again: nox -s probe -- --adopt"
        ) from None
