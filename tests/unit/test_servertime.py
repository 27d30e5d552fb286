"""Times: read in UTC wherever the machine stands, and never old because of their spelling."""

import subprocess
import sys
from pathlib import Path

import pytest

from connector.servertime import changed_before

CURSOR = "2026-01-01T01:00:00Z"
# A time as it may be spelled → whether it is surely older than the cursor.
SPELLINGS = {
    "2026-01-01T00:59:59.999Z": True,
    "2026-01-01T01:00:00.000Z": False,
    "2026-01-01T01:20:00.000Z": False,
    "2026-01-01 01:20:00Z": False,
    "2026-01-01 00:20:00Z": True,
    "2026-01-01T01:20:00": False,
    "2026-01-01T00:20:00": True,
    "2026-01-01T10:20:00+09:00": False,
    "2026-01-01T09:20:00+09:00": True,
    "2026-01-01T01:59:60Z": False,
    "2026-01-01": False,
    "2025-06-01": False,
    "0001-01-01T00:00:00+09:00": False,
    "9999-12-31T23:59:59-09:00": False,
    "yesterday": False,
    "": False,
}


@pytest.mark.parametrize("text", SPELLINGS)
def test_a_time_is_old_only_where_it_says_so_to_the_second(text: str) -> None:
    assert changed_before({"updated_at": text}, CURSOR) is SPELLINGS[text]


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles", "UTC"])
def test_a_time_without_a_zone_is_utc_on_every_machine(zone: str) -> None:
    code = (
        "from connector.servertime import changed_before as c;"
        "times = ('2026-01-01T00:59:00', '2026-01-01T01:01:00');"
        f"print([c({{'updated_at': time}}, {CURSOR!r}) for time in times])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], env={"TZ": zone}, cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[True, False]"
