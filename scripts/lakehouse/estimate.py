"""What a first sync costs, before it begins: what its lists say of their length, a call a list."""

import math
from dataclasses import dataclass, replace

from connector.client import AhaClient
from connector.counts import NOTHING, tell_by_field
from connector.digests import Digests
from connector.errors import (
    AhaAuthError,
    AhaConnectionError,
    AhaOptionError,
    AhaResponseError,
    AhaStatusError,
)
from connector.listing import Listing
from connector.options import Settings
from connector.plan import Below, Plan, plan_parents, plan_table
from connector.tables import TABLES


@dataclass(frozen=True)
class Estimate:
    """Calls of a first sync.

    Attributes:
        calls: about how many; None where nothing tells.
        most: at most so many, where records that nothing hangs below are not asked for, and only the first
            page of them was looked at; else None.
    """

    calls: int | None
    most: int | None = None

    def __str__(self) -> str:
        if self.calls is None:
            return "?"
        return f"{self.calls:,}" if self.most is None else f"about {self.calls:,}, at most {self.most:,}"


class Estimator:
    """Asks each list once, and the first page of one below whose rows is asked."""

    def __init__(self, client: AhaClient) -> None:
        self._client = client
        self._totals: dict[Listing, int | None] = {}

    def require_account(self) -> None:
        """Ask for the workspaces, which every key may read.

        Raises:
            AhaError: the account cannot be read with these credentials.
        """
        self._client.get("/products", {"per_page": "1"})

    def estimate(self, table: str, settings: Settings) -> Estimate:
        """The calls of a first sync of a table.

        Raises:
            AhaAuthError: the key is refused.
            AhaConnectionError: no answer came.
            AhaResponseError: what answers is not Aha!.
        """
        try:
            plan = plan_table(TABLES[table], settings)
        except AhaOptionError:
            return Estimate(None)
        rows, calls = self._measure(plan, settings)
        if rows is None or calls is None or not plan.below:
            return Estimate(calls)
        told = calls if plan.below.digest else 0
        most = calls + told + rows
        if not plan.below.is_counted:
            return Estimate(most)
        first, asked = self._look(plan.listing, plan.below)
        return Estimate(calls + told + first + math.ceil((rows - first) * asked), most)

    def _look(self, listing: Listing, below: Below) -> tuple[int, float]:
        """Rows of the first page, which are all asked for; and below what share of them something is."""
        rows = listing.fetch(self._client, 1).rows
        ask = Digests(self._client, *below.digest) if below.digest else tell_by_field(below.count or "")
        told = ask(rows)
        asked = [row for row in rows if told.get(str(row["id"]), NOTHING).count != 0]
        return len(rows), len(asked) / max(1, len(rows))

    def _measure(self, plan: Plan, settings: Settings) -> tuple[int | None, int | None]:
        """Rows of a plan's lists, where one list tells them; and the calls that these take."""
        if plan.parents is None:
            if not plan.listing.paged or "{key}" in plan.listing.path:
                return None, max(1, len(plan.keys))
            total = self._total(plan.listing)
            return total, None if total is None else max(1, math.ceil(total / plan.listing.size))
        parents, calls = self._measure(plan_parents(plan.parents, settings), settings)
        return None, None if parents is None or calls is None else calls + parents * len(plan.keys)

    def _total(self, listing: Listing) -> int | None:
        one = replace(listing, size=1, params=tuple(pair for pair in listing.params if pair[0] != "fields"))
        if one not in self._totals:
            self._totals[one] = self._ask(one)
        return self._totals[one]

    def _ask(self, one: Listing) -> int | None:
        try:
            return one.fetch(self._client, 1).total
        except (AhaAuthError, AhaConnectionError, AhaResponseError):
            raise
        except AhaStatusError:
            # Not shown to this key, or refused in this form: the table's own read says so.
            return None
