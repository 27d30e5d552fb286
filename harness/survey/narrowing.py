"""Narrowing: which options leave a few ideas of an account, with something of a table below them."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from connector.listing import Row
from connector.tables.declaration import Table
from harness.survey.view import SMALL, LackingError, View, below_ideas, is_listed, status_of

# Ideas of a list that is narrowed.
FEW = 12
# Of how many ideas the status and the name are tried.
TRIED = 3
PAGES = 3
# Rows below one idea that are few enough to be read one a page.
SINGLE = 30
# Calls of one scenario.
MOST_CALLS = 75
PARAMETERS = {"ideas_workflow_status": "workflow_status", "ideas_q": "q"}


@dataclass(frozen=True)
class Narrowed:
    """A few ideas.

    Attributes:
        options: that narrow the list to them; none where these are all.
        ideas: they.
        bearing: id → rows of the table below it, as far as known.
        cut: whether these are the first of many, in a micro-batch of their own.
    """

    options: Mapping[str, str]
    ideas: Sequence[Row]
    bearing: Mapping[str, int]
    cut: bool = False

    def calls(self, table: Table, size: int) -> int:
        """About how many calls a read of them takes, with `size` rows a page."""
        pages = -(-len(self.ideas) // size)
        below = below_ideas(table)
        if below is None or below.parents is None or (table.narrowed and not self.options):
            return pages
        unknown = len(self.ideas) - len(self.bearing) if not below.parents.count else 0
        return pages + unknown + sum(-(-count // size) for count in self.bearing.values())


@dataclass
class Narrowing:
    """Finds a few ideas for each table, with as few questions as it can."""

    view: View
    _found: dict[str, Narrowed] = field(default_factory=dict)

    def few(self, table: Table) -> Narrowed:
        """A few ideas, some of which have rows of the table.

        Raises:
            LackingError: none has, or none among those that fit into a micro-batch.
        """

        def find() -> Narrowed:
            self._found[table.name] = found = self._find(table)
            return found

        return self.view.once(("few", table.name), find)

    def _find(self, table: Table) -> Narrowed:
        bearing = self.view.bearing(table)
        if self.view.is_small and (not table.narrowed or self.view.votes(table).total <= SMALL):
            return Narrowed({}, self.view.sample.rows, bearing)
        best = self._known(bearing)
        for idea in self._candidates(bearing):
            for options in ways_to(idea):
                if best and len(best.ideas) >= PAGES:
                    return best
                best = self._better(idea, options, bearing, best)
        return best or self._cut(table, bearing, {})

    def _better(
        self, idea: Row, options: Mapping[str, str], bearing: Mapping[str, int], best: Narrowed | None
    ) -> Narrowed | None:
        """What `options` leave, if it is a few, `idea` among them, and more than the best so far."""
        filters = {PARAMETERS[option]: value for option, value in options.items()}
        if not 1 <= self.view.count(filters) <= FEW:
            return best
        ideas = self.view.ideas(filters, FEW)
        inside = {str(found["id"]) for found in ideas}
        if str(idea["id"]) not in inside or (best and len(ideas) <= len(best.ideas)):
            return best
        return Narrowed(options, ideas, {found: bearing[found] for found in bearing if found in inside})

    def _known(self, bearing: Mapping[str, int]) -> Narrowed | None:
        """What narrows the list for another table, if it leaves an idea that has rows of this one."""
        for found in self._found.values():
            inside = {str(idea["id"]) for idea in found.ideas} & set(bearing)
            if found.options and not found.cut and inside:
                return replace(found, bearing={idea: bearing[idea] for idea in sorted(inside)})
        return None

    def _candidates(self, bearing: Mapping[str, int]) -> Iterator[Row]:
        """Ideas that have rows, first those with a few."""
        ordered = sorted(bearing, key=lambda idea: (not PAGES <= bearing[idea] <= SINGLE, bearing[idea]))
        for identity in ordered[:TRIED]:
            if idea := self.view.idea(identity):
                yield idea

    def _cut(self, table: Table, bearing: Mapping[str, int], options: Mapping[str, str]) -> Narrowed:
        """The first ideas of a long list, up to one that has rows, as a micro-batch.

        Raises:
            LackingError: there is none among those that fit into one.
        """
        ideas = self.view.ideas({PARAMETERS[option]: value for option, value in options.items()}, MOST_CALLS)
        first = next((place for place, idea in enumerate(ideas) if str(idea["id"]) in bearing), None)
        if is_listed(table) and not options:
            # What is cut there is a list of all rows, wherever they stand.
            first = 0
        if first is None:
            raise LackingError(f"none of the first {MOST_CALLS} ideas has any, and nothing narrows the list")
        size = max(first + 1, PAGES * PAGES)
        shown = {str(idea["id"]): idea for idea in ideas[:size]}
        inside = {idea: count for idea, count in bearing.items() if idea in shown}
        limits = {"page_size": str(size), "max_ideas": str(size)}
        return Narrowed({**options, **limits}, list(shown.values()), inside, cut=True)

    def by_status(self, table: Table) -> Narrowed:
        """As `few`, by the status of an idea that has rows; of those, the one that the fewest ideas have.

        Raises:
            LackingError: no idea has a status.
        """
        few, bearing = self.few(table), self.view.bearing(table)
        shown = self.view.sample.rows if few.cut else few.ideas
        statuses = Counter(name for idea in shown if (name := status_of(idea)))
        inside = [idea for idea in shown if below_ideas(table) is None or str(idea["id"]) in bearing]
        names = sorted({name for idea in inside if (name := status_of(idea))})
        if not inside:
            raise LackingError("by its own count, no idea that was looked at has any")
        if not names:
            raise LackingError("no idea that was looked at has a workflow status")
        name = min(names, key=lambda found: statuses[found])
        if few.cut:
            return self._cut(table, bearing, {"ideas_workflow_status": name})
        ideas = [idea for idea in few.ideas if status_of(idea) == name]
        return Narrowed({**few.options, "ideas_workflow_status": name}, ideas, few.bearing)


def ways_to(idea: Row) -> Iterator[dict[str, str]]:
    """Options that narrow the list to ideas like this one: its status, words of its name, both."""
    status = status_of(idea)
    by_status = {"ideas_workflow_status": status} if status else {}
    name = str(idea.get("name") or "").strip()
    words = sorted(set(re.findall(r"\w{4,}", name)), key=lambda word: (-len(word), word))
    by_name = [{"ideas_q": text} for text in dict.fromkeys((*words[:2], name)) if text]
    yield from [by_status] * bool(by_status)
    yield from by_name
    yield from ({**by_status, **options} for options in by_name if by_status)
