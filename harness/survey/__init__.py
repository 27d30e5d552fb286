"""A first look at an Aha! account: how each scenario is recorded on it, so that it shows what it must and
stays small, from five ideas to a hundred thousand.

A small account is read whole. On a larger one, scenarios read the ideas that a status or a word of a name
narrows the list to (which one does is counted, not guessed), or else one small micro-batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from strict_cassettes.scenarios import Fit, Scenario, SurveyError

from connector.client import AhaClient
from connector.errors import STATUS_ERRORS, AhaConnectionError, AhaError, AhaStatusError
from connector.listing import Listing
from connector.options import parse_options
from connector.tables import TABLES
from connector.tables.declaration import Table, letters
from harness.survey.narrowing import MOST_CALLS, PAGES, SINGLE, Narrowed, Narrowing
from harness.survey.others import Others, cursor_before
from harness.survey.view import SAMPLE, SMALL, LackingError, UnseenError, View, below_ideas, is_listed

# Of the audits, the newest.
AUDITS = 60
# Digits of ids whose pseudonyms keep their order.
ORDERED_DIGITS = 19


def survey_account(connection: Mapping[str, str], scenarios: Sequence[Scenario]) -> dict[str, Fit]:
    """Look at an account, in about 100 calls at most.

    Raises:
        SurveyError: it cannot be read.
    """
    view = View(AhaClient(parse_options(connection)))
    look = Look(Narrowing(view), Others(view, connection))
    fits: dict[str, Fit] = {}
    try:
        for scenario in scenarios:
            try:
                fits[scenario.name] = look.fit(scenario)
            except LackingError as error:
                fits[scenario.name] = Fit(lacking=str(error))
            except UnseenError as error:
                fits[scenario.name] = Fit(fault=str(error))
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


@dataclass(frozen=True)
class Look:
    """Decides how scenarios are recorded."""

    narrowing: Narrowing
    others: Others

    @property
    def view(self) -> View:
        return self.narrowing.view

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
        if not (table.name == "ideas" or (below_ideas(table) and not table.opt_in)):
            return self.others.fit(scenario, table)
        if scenario.pages:
            return self._fit_pages(table)
        few = self.narrowing.few(table)
        if scenario.chosen:
            few = self.narrowing.by_status(table)
        start = {}
        if "changed" in scenario.steps:
            start = {"cursor": cursor_before(self._changes(table, few), all_of_them=few.cut)}
        return Fit(few.options, start, few.calls(table, 200) + scenario.steps.count("next"))

    def _fit_nothing(self, scenario: Scenario) -> Fit:
        found = self.view.count({"q": scenario.options["ideas_q"]})
        if found:
            raise LackingError(f"{found} ideas match a word that none should")
        return Fit(requests=len(scenario.steps))

    def _fit_pages(self, table: Table) -> Fit:
        """A list of three pages: the ideas', the votes', or one idea's comments."""
        few = self.narrowing.few(table)
        listed = self.view.votes(table).total if table.narrowed else self.view.sample.total
        if is_listed(table) and listed < PAGES:
            raise LackingError(f"it has {listed} rows, and three pages take three")
        if is_listed(table) and (few.options or listed > SMALL):
            return Fit({"page_size": str(PAGES), "max_ideas": str(PAGES * PAGES)}, requests=PAGES)
        length = listed if is_listed(table) else len(few.ideas)
        sizes = [size for size in range(1, length) if -(-length // size) >= PAGES]
        if not sizes and any(PAGES <= count <= SINGLE for count in few.bearing.values()):
            sizes = [1]
        calls = few.calls(table, max(sizes, default=1))
        if not sizes or calls > MOST_CALLS:
            raise LackingError("no list of three pages was found that is small")
        return Fit({**few.options, "page_size": str(max(sizes))}, requests=calls)

    def _fit_deletions(self, table: Table) -> Fit:
        listing = Listing("/audits", "audits", (("audit_action", "destroy"),), SAMPLE)
        first = self.view.page(listing, 1, "the audits")
        rows = list(first.rows)
        if not first.last:
            # Whichever end of the list is the newer one.
            rows += self.view.page(listing, -(-first.total // SAMPLE), "the audits").rows
        ids = sorted({int(row["id"]) for row in rows if str(row["id"]).isdecimal()})
        wanted = [
            int(row["id"])
            for row in rows
            if letters(str(row.get("auditable_type"))) in table.spellings and str(row["id"]).isdecimal()
        ]
        if not wanted:
            raise LackingError(
                "no deletion of one is in the audits that were looked at (Aha! keeps 12 months)"
            )
        if first.last and first.total <= AUDITS:
            return Fit(requests=1)
        newest = ids[-AUDITS:]
        if max(wanted) <= newest[0] or len(str(newest[0])) != ORDERED_DIGITS:
            raise LackingError(f"none is among the newest {AUDITS} deletions")
        return Fit(start={"after_id": str(newest[0])}, requests=1)

    def _changes(self, table: Table, few: Narrowed) -> list[tuple[str, bool]]:
        """When what the scenario's list shows changed, and whether that brings a row."""
        if table.narrowed and (few.cut or not few.options):
            return [(str(vote.get("updated_at")), True) for vote in self.view.votes(table).rows]
        return [
            (str(idea.get("updated_at")), below_ideas(table) is None or str(idea["id"]) in few.bearing)
            for idea in few.ideas
        ]
