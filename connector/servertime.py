"""Aha!'s clock, by which a sync goes: the `Date` of its answers, and its rows' times."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from connector.errors import AhaResponseError
from connector.listing import Row

# `Date` is cut to seconds, and may be stamped after the rows were looked up.
CLOCK_MARGIN = timedelta(seconds=2)
AS_SORTED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
AS_DOCUMENTED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


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


def parse_time(text: str) -> datetime:
    """A moment; of a text that names no zone, in UTC.

    Raises:
        ValueError, OverflowError: it is none.
    """
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def as_documented(text: str) -> str:
    """A time as Aha! writes it: `2025-09-02T10:00:00.000Z`, so that texts sort as times do.

    Raises:
        ValueError, OverflowError: it is none.
    """
    if AS_SORTED.fullmatch(text):
        return text
    moment = parse_time(text).astimezone(UTC)
    precision = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return moment.isoformat(timespec=precision).removesuffix("+00:00") + "Z"


def readable(text: Any) -> str | None:
    """A time as Aha! writes it; None of what is none."""
    try:
        return as_documented(text) if isinstance(text, str) else None
    except (ValueError, OverflowError):
        return None


def shift(time: str, by: timedelta) -> str:
    return format_time(datetime.fromisoformat(time) + by)


def changed_before(row: Row, time: str, *fields: str) -> bool:
    """Whether a row's last change lies in a second before `time`; a row that does not say so, to the second,
    does not: what cannot be read is new.

    The first of `fields` that the row has tells, by default `updated_at`.
    """
    changed = next((row[name] for name in fields or ("updated_at",) if row.get(name)), None)
    if not isinstance(changed, str):
        return False
    if not AS_DOCUMENTED.fullmatch(changed):
        if len(changed) <= len("2025-09-02"):
            return False
        try:
            changed = format_time(parse_time(changed))
        except (ValueError, OverflowError):
            return False
    return changed[:19] < time[:19]
