"""Following the audits: which ideas had comments made, changed or deleted, whether the ideas moved or not."""

from dataclasses import dataclass, field
from datetime import timedelta

from connector.audits import AuditList, ideas_named
from connector.client import AhaClient
from connector.errors import AhaNotFoundError, AhaPermissionError, AhaResponseError
from connector.log import warn
from connector.offsets import Offset
from connector.options import Settings
from connector.plan import Plan
from connector.tables import TABLES

# An audit named an idea as is documented; one did not.
AGREED_AUDITS, ODD_AUDITS = "agreed", "odd"


@dataclass(frozen=True)
class Heard:
    """What audits told.

    Attributes:
        after: the audit up to which all are heeded, then.
        state: whether audits are followed.
        ideas: to be read again, each with whether the next read is told of it too.
    """

    after: str | None
    state: str
    ideas: dict[str, bool] = field(default_factory=dict)

    @property
    def is_all(self) -> bool:
        """Whether audits tell of every change: known once one told of any."""
        return self.state == AGREED_AUDITS


def follow_audits(client: AhaClient, settings: Settings, plan: Plan, start: Offset) -> Heard:
    """What happened to the rows of `plan` since `start`; nothing where audits are not to be followed.

    They are where `track_deletes` says that the key may read them, of rows below ideas that are not narrowed
    by options: an audit does not say whether those hold.

    Raises:
        AhaError: a request failed.
    """
    quiet = Heard(start.after_audit, start.audits)
    followed = settings.track_deletes and plan.below and plan.table.spellings and not plan.filtered
    narrowed = plan.parents or plan.workspaces
    if not followed or narrowed or start.position or start.audits == ODD_AUDITS:
        return quiet
    # A change of a text shows up to five minutes late.
    late = timedelta(seconds=max(settings.lookback_seconds, TABLES["audits"].late))
    audits = AuditList(client, settings.page_size, late)
    try:
        if start.after_audit is None:
            newest = audits.newest()
            return Heard(None if newest is None else str(newest), start.audits)
        found = audits.after(int(start.after_audit))
    except (AhaPermissionError, AhaNotFoundError, AhaResponseError) as error:
        _warn(plan, str(error))
        return Heard(start.after_audit, "")
    ideas = ideas_named(found, plan.table.spellings)
    if ideas is None:
        _warn(plan, "an audit does not name its idea.")
        return Heard(start.after_audit, ODD_AUDITS)
    after = str(found.settled) if found.settled else start.after_audit
    return Heard(after, AGREED_AUDITS if ideas else start.audits, ideas)


def _warn(plan: Plan, why: str) -> None:
    warn(
        "Table %s does not follow the audits, and reads what hangs below each changed idea: %s",
        plan.table.name,
        why,
    )
