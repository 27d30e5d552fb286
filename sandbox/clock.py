"""The sandbox's time: every timestamp and every `Date` header comes from here."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache


class SandboxClock:
    """The real time, or a time that stands still until it is moved."""

    def __init__(self, fixed: datetime | None = None) -> None:
        self._fixed = fixed

    def now(self) -> datetime:
        return self._fixed or datetime.now(UTC)

    def set(self, moment: datetime) -> None:
        """Stop the clock at `moment`.

        Raises:
            ValueError: it is before 1970 or after 2999.
        """
        if not 1970 <= moment.year < 3000:
            raise ValueError("the clock goes from 1970 to 2999")
        self._fixed = moment.astimezone(UTC)

    def advance(self, seconds: float) -> None:
        """Move the clock forward and leave it standing there."""
        self.set(self.now() + timedelta(seconds=seconds))


@lru_cache(maxsize=256)
def timestamp(moment: datetime) -> str:
    """As Aha! writes it: UTC with three decimals."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def http_date(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)
