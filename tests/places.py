"""Where things of this project lie, for its tests."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CASSETTES = ROOT / "cassettes"
# The set that is always there, and complete.
SANDBOX_SET = CASSETTES / "sandbox"
