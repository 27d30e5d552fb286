"""Aha!'s clock, by which a sync goes: the `Date` of its answers, and its rows' times."""

from datetime import UTC, datetime, timedelta

from connector.errors import AhaResponseError
from connector.listing import Row

# `Date` is cut to seconds, and may be stamped after the rows were looked up.
CLOCK_MARGIN = timedelta(seconds=2)


def require_clock(started: str, path: str) -> str:
    """`started`, unless it is empty.

    Raises:
        AhaResponseError: Aha! did not say what time it is.
    """
    if not started:
        raise AhaResponseError(
            f"GET {path} answered without a readable `Date` header, the sync's only clock. "
            "A proxy between here and Aha! may have removed it."
        )
    return started


def format_time(moment: datetime) -> str:
    """Whole seconds, UTC: `2025-09-02T10:00:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def shift(time: str, by: timedelta) -> str:
    return format_time(datetime.fromisoformat(time) + by)


def changed_before(row: Row, time: str, *fields: str) -> bool:
    """Whether a row's last change lies in a second before `time`; a row that does not say does not.

    The first of `fields` that the row has tells, by default `updated_at`.
    """
    changed = next((row[name] for name in fields or ("updated_at",) if row.get(name)), None)
    if not isinstance(changed, str):
        return False
    if not changed.endswith("Z"):
        try:
            changed = format_time(datetime.fromisoformat(changed))
        except ValueError:
            return False
    return changed[:19] < time[:19]
