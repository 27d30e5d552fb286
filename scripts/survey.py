"""A first look at an Aha! account: how each scenario is recorded on it, so that it shows what it must and
stays small, from five ideas to a hundred thousand.

A small account is read whole. On a larger one, scenarios read the ideas that a status or a word of a name
narrows the list to (which one does is counted, not guessed), or else one small micro-batch.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property

from connector.client import AhaClient
from connector.errors import STATUS_ERRORS, AhaConnectionError, AhaError, AhaStatusError
from connector.listing import Listing, Page, Row
from connector.options import parse_options
from connector.servertime import shift
from connector.tables import TABLES, Table, letters
from harness.scenarios import Fit, Scenario, SurveyError

# Ideas of an account that is read whole, and of one that is narrowed.
SMALL, FEW = 25, 12
SAMPLE = 100
# Of how many ideas it is asked what stands below them, and of how many their names are tried.
ASKED, TRIED = 12, 3
PAGES = 3
# Calls of one scenario.
MOST_CALLS = 75
# Rows below one idea that are few enough to be read one a page.
SINGLE = 30
# Of the audits, the newest.
AUDITS = 60
IDEA_FIELDS = "id,name,created_at,updated_at,workflow_status,endorsements_count,comments_count"
# Rows that changed within this of the cursor would be asked for, and left out.
GAP = timedelta(seconds=5)
REFUSED = (403, 404)
PARAMETERS = {"ideas_workflow_status": "workflow_status", "ideas_q": "q"}
COUNTS = ("comments_count", "endorsements_count")
VOTES = TABLES["idea_proxy_votes"]


class LackingError(Exception):
    """The account cannot show a scenario; the message says why, and nothing of what it holds."""


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


def survey_account(connection: Mapping[str, str], scenarios: Sequence[Scenario]) -> dict[str, Fit]:
    """Look at an account, in about 100 calls at most.

    Raises:
        SurveyError: it cannot be read.
    """
    look = Look(AhaClient(parse_options(connection)))
    fits: dict[str, Fit] = {}
    try:
        for scenario in scenarios:
            try:
                fits[scenario.name] = look.fit(scenario)
            except LackingError as error:
                fits[scenario.name] = Fit(lacking=str(error))
    except AhaStatusError as error:
        advice = STATUS_ERRORS.get(error.status, (None, "Try again later."))[1]
        raise SurveyError(f"Aha! answered {error.status} to the first look. {advice}") from None
    except AhaConnectionError as error:
        raise SurveyError(str(error)) from None
    except AhaError as error:
        raise SurveyError(
            f"The first look was answered with something else than a list ({type(error).__name__}). "
            "Check `subdomain`: a login page looks like this."
        ) from None
    return fits


@dataclass
class Look:
    """What was seen of an account; each thing is asked for once."""

    client: AhaClient
    _counts: dict[tuple[tuple[str, str], ...], int] = field(default_factory=dict)
    _below: dict[tuple[str, str], int] = field(default_factory=dict)
    _bearing: dict[str, dict[str, int] | str] = field(default_factory=dict)
    _narrowed: dict[str, Narrowed | str] = field(default_factory=dict)

    def fit(self, scenario: Scenario) -> Fit:
        """How to record one scenario.

        Raises:
            LackingError: the account cannot show it.
        """
        table = TABLES[scenario.table]
        if scenario.error:
            return Fit(requests=1)
        if scenario.rows == "none":
            return self._fit_nothing(scenario)
        if "deletions" in scenario.steps:
            return self._fit_deletions(table)
        if scenario.pages:
            return self._fit_pages(table)
        few = self._narrow(table)
        if scenario.chosen:
            few = self._narrow_by_status(table, few)
        start = {}
        if "changed" in scenario.steps:
            start = {"cursor": cursor_before(self._changes(table, few), all_of_them=few.cut)}
        return Fit(few.options, start, self._calls(table, few, 200) + scenario.steps.count("next"))

    def _fit_nothing(self, scenario: Scenario) -> Fit:
        found = self._count(q=scenario.options["ideas_q"])
        if found:
            raise LackingError(f"{found} ideas match a word that none should")
        return Fit(requests=len(scenario.steps))

    def _fit_pages(self, table: Table) -> Fit:
        """A list of three pages: the ideas', the votes', or one idea's comments."""
        few = self._narrow(table)
        listed = self._votes.total if table.path == VOTES.path else self.sample.total
        if table.path and listed < PAGES:
            raise LackingError(f"it has {listed} rows, and three pages take three")
        if table.path and (few.options or listed > SMALL):
            return Fit({"page_size": str(PAGES), "max_ideas": str(PAGES * PAGES)}, requests=PAGES)
        length = listed if table.path else len(few.ideas)
        sizes = [size for size in range(1, length) if -(-length // size) >= PAGES]
        if not sizes and any(PAGES <= count <= SINGLE for count in few.bearing.values()):
            sizes = [1]
        calls = self._calls(table, few, max(sizes, default=1))
        if not sizes or calls > MOST_CALLS:
            raise LackingError("no list of three pages was found that is small")
        return Fit({**few.options, "page_size": str(max(sizes))}, requests=calls)

    def _fit_deletions(self, table: Table) -> Fit:
        listing = Listing("/audits", "audits", (("audit_action", "destroy"),), SAMPLE)
        first = self._page(listing, 1, "the audits")
        rows = list(first.rows)
        if not first.last:
            # Whichever end of the list is the newer one.
            rows += self._page(listing, -(-first.total // SAMPLE), "the audits").rows
        ids = sorted({int(row["id"]) for row in rows if str(row["id"]).isdecimal()})
        wanted = [
            int(row["id"]) for row in rows if letters(str(row.get("auditable_type"))) in table.spellings
        ]
        if not wanted:
            raise LackingError(
                "no deletion of one is in the audits that were looked at (Aha! keeps 12 months)"
            )
        if first.last and first.total <= AUDITS:
            return Fit(requests=1)
        newest = ids[-AUDITS:]
        if max(wanted) <= newest[0] or len(str(newest[0])) != len(str(2**62)):
            raise LackingError(f"none is among the newest {AUDITS} deletions")
        return Fit(start={"after_id": str(newest[0])}, requests=1)

    @cached_property
    def sample(self) -> Page:
        """The first ideas of the list; all of them in a small account."""
        return Listing("/ideas", "ideas", (("fields", IDEA_FIELDS),), SAMPLE).fetch(self.client, 1)

    @property
    def _is_small(self) -> bool:
        return self.sample.total <= SMALL

    @cached_property
    def _votes(self) -> Page:
        fields = ("fields", "id,idea_id,created_at,updated_at")
        listing = Listing(str(VOTES.path), VOTES.root, (*VOTES.params, fields), SAMPLE)
        return self._page(listing, 1, "proxy votes")

    def _page(self, listing: Listing, number: int, what: str) -> Page:
        try:
            return listing.fetch(self.client, number)
        except AhaStatusError as error:
            if error.status not in REFUSED:
                raise
            raise LackingError(f"the key may not read {what} (GET {listing.path}: {error.status})") from None

    def _count(self, **filters: str) -> int:
        key = tuple(sorted(filters.items()))
        if key not in self._counts:
            listing = Listing("/ideas", "ideas", (*key, ("fields", "id")), 1)
            self._counts[key] = listing.fetch(self.client, 1).total
        return self._counts[key]

    def _rows_below(self, table: Table, idea: str) -> int:
        """How many rows of a table stand below one idea."""
        if table.fan_out is None:
            return 1
        if (table.name, idea) not in self._below:
            path = table.fan_out.path.format(id=idea)
            try:
                found = Listing(path, table.root, table.params, 1).fetch(self.client, 1).total
            except AhaStatusError as error:
                if error.status != 404:
                    what = table.name.replace("_", " ")
                    raise LackingError(f"the key may not read {what} ({error.status})") from None
                found = 0
            self._below[table.name, idea] = found
        return self._below[table.name, idea]

    def _bearing_ideas(self, table: Table) -> dict[str, int]:
        """Ideas that have rows of a table, and how many; not all of them in a large account.

        Raises:
            LackingError: none was found.
        """
        if table.name not in self._bearing:
            try:
                self._bearing[table.name] = self._find_bearing(table)
            except LackingError as error:
                self._bearing[table.name] = str(error)
        found = self._bearing[table.name]
        if isinstance(found, str):
            raise LackingError(found)
        return found

    def _find_bearing(self, table: Table) -> dict[str, int]:
        if not self.sample.total:
            raise LackingError("the account shows no idea")
        if table.fan_out is None:
            return {str(idea["id"]): 1 for idea in self.sample.rows}
        if table.path:
            found = dict(Counter(str(vote.get("idea_id")) for vote in self._votes.rows))
            if not found:
                raise LackingError("it shows no proxy vote")
            return found
        count_field = table.fan_out.count_field
        ideas = [idea for idea in self.sample.rows if not count_field or idea.get(count_field) != 0]
        # What people talk about has comments of either kind.
        ideas.sort(
            key=lambda idea: -(idea.get("comments_count") or 0) - (idea.get("endorsements_count") or 0)
        )
        asked = ideas if self._is_small else ideas[:ASKED]
        counts = {str(idea["id"]): self._rows_below(table, str(idea["id"])) for idea in asked}
        found = {idea: count for idea, count in counts.items() if count}
        if not found:
            raise LackingError(f"none of the {len(asked)} ideas that were looked at has any")
        return found

    def _narrow(self, table: Table) -> Narrowed:
        """A few ideas, some of which have rows of the table.

        Raises:
            LackingError: none has, or nothing narrows the list to so few.
        """
        if table.name not in self._narrowed:
            try:
                self._narrowed[table.name] = self._find_narrowed(table)
            except LackingError as error:
                self._narrowed[table.name] = str(error)
        found = self._narrowed[table.name]
        if isinstance(found, str):
            raise LackingError(found)
        return found

    def _find_narrowed(self, table: Table) -> Narrowed:
        bearing = self._bearing_ideas(table)
        if self._is_small and (table.path != VOTES.path or self._votes.total <= SMALL):
            return Narrowed({}, self.sample.rows, bearing)
        best = self._known_narrowed(bearing)
        for idea in self._candidates(bearing):
            for options in ways_to(idea):
                filters = {PARAMETERS[option]: value for option, value in options.items()}
                if (best and len(best.ideas) >= PAGES) or not 1 <= self._count(**filters) <= FEW:
                    continue
                params = (*sorted(filters.items()), ("fields", IDEA_FIELDS))
                ideas = Listing("/ideas", "ideas", params, FEW).fetch(self.client, 1).rows
                inside = {str(found["id"]) for found in ideas}
                if str(idea["id"]) in inside and (best is None or len(ideas) > len(best.ideas)):
                    shown = {found: count for found, count in bearing.items() if found in inside}
                    best = Narrowed(options, ideas, shown)
        return best or self._cut(table, bearing, {})

    def _cut(self, table: Table, bearing: Mapping[str, int], options: Mapping[str, str]) -> Narrowed:
        """The first ideas of a long list, up to one that has rows, as a micro-batch.

        Raises:
            LackingError: there is none among those that fit into one.
        """
        filters = {PARAMETERS[option]: value for option, value in options.items()}
        params = (*sorted(filters.items()), ("fields", IDEA_FIELDS))
        ideas = Listing("/ideas", "ideas", params, MOST_CALLS).fetch(self.client, 1).rows
        first = next((place for place, idea in enumerate(ideas) if str(idea["id"]) in bearing), None)
        if table.path and not options:
            # What is cut there is a list of all rows, wherever they stand.
            first = 0
        if first is None:
            raise LackingError(f"none of the first {MOST_CALLS} ideas has any, and nothing narrows the list")
        size = max(first + 1, PAGES * PAGES)
        shown = ideas[:size]
        inside = {str(idea["id"]) for idea in shown} & set(bearing)
        limits = {"page_size": str(size), "max_ideas": str(size)}
        return Narrowed({**options, **limits}, shown, {idea: bearing[idea] for idea in inside}, cut=True)

    def _known_narrowed(self, bearing: Mapping[str, int]) -> Narrowed | None:
        """What narrows the list for another table, if it leaves an idea that has rows of this one."""
        for found in self._narrowed.values():
            if isinstance(found, Narrowed) and found.options and not found.cut:
                inside = {str(idea["id"]) for idea in found.ideas} & set(bearing)
                if inside:
                    return replace(found, bearing={idea: bearing[idea] for idea in inside})
        return None

    def _candidates(self, bearing: Mapping[str, int]) -> Iterator[Row]:
        """Ideas that have rows, first those with a few."""
        known = {str(idea["id"]): idea for idea in self.sample.rows}
        ordered = sorted(bearing, key=lambda idea: (not PAGES <= bearing[idea] <= SINGLE, bearing[idea]))
        for identity in ordered[:TRIED]:
            if identity in known:
                yield known[identity]
            elif identity.isdecimal():
                answer = self.client.get(f"/ideas/{identity}", {"fields": IDEA_FIELDS}).body.get("idea")
                if isinstance(answer, dict):
                    yield answer

    def _narrow_by_status(self, table: Table, few: Narrowed) -> Narrowed:
        """As `few`, by the status of one that has rows; of those, the one that the fewest ideas have."""
        bearing = self._bearing_ideas(table)
        shown = self.sample.rows if few.cut else few.ideas
        inside = [idea for idea in shown if table.fan_out is None or str(idea["id"]) in bearing]
        statuses = Counter(name for idea in few.ideas if (name := status_of(idea)))
        names = {name for idea in inside if (name := status_of(idea))}
        if not names:
            raise LackingError("no idea that was looked at has a workflow status")
        name = min(sorted(names), key=lambda found: statuses[found])
        if few.cut:
            return self._cut(table, self._bearing_ideas(table), {"ideas_workflow_status": name})
        ideas = [idea for idea in few.ideas if status_of(idea) == name]
        return Narrowed({**few.options, "ideas_workflow_status": name}, ideas, few.bearing)

    def _changes(self, table: Table, few: Narrowed) -> list[tuple[str, bool]]:
        """When what the scenario's list shows changed, and whether that brings a row."""
        if table.path == VOTES.path and (few.cut or not few.options):
            return [(str(vote.get("updated_at")), True) for vote in self._votes.rows]
        return [
            (str(idea.get("updated_at")), table.fan_out is None or str(idea["id"]) in few.bearing)
            for idea in few.ideas
        ]

    def _calls(self, table: Table, few: Narrowed, size: int) -> int:
        """About how many calls a read of a few ideas takes."""
        pages = -(-len(few.ideas) // size)
        if table.fan_out is None or (table.path and not few.options):
            return pages
        unknown = len(few.ideas) - len(few.bearing) if not table.fan_out.count_field else 0
        return pages + unknown + sum(-(-count // size) for count in few.bearing.values())


def status_of(idea: Row) -> str | None:
    status = idea.get("workflow_status")
    name = status.get("name") if isinstance(status, dict) else None
    return name if isinstance(name, str) and name else None


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


def cursor_before(changes: Iterable[tuple[str, bool]], *, all_of_them: bool = False) -> str:
    """A moment after which a few of the rows changed, or all of them; at least one of them with something to
    show, and none about that moment.

    Raises:
        LackingError: no row says when it changed.
    """
    known = sorted(change for change in changes if re.match(r"\d{4}-", change[0]))
    if not any(bears for _, bears in known):
        raise LackingError("no row says when it changed")
    times = [time for time, _ in known]
    last = max(place for place, (_, bears) in enumerate(known) if bears)
    for place in range(0 if all_of_them else min(last, max(0, len(known) - PAGES)), 0, -1):
        if times[place - 1] < shift(times[place], -2 * GAP):
            return shift(times[place], -GAP)
    return shift(times[0], -GAP)
