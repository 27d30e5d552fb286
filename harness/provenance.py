"""Where each cassette comes from: kept beside them, because it changes with every recording."""

import json
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from harness.cassettes import FORMAT
from harness.rules import Rules

FILE = "provenance.json"
HARNESS_VERSION = "2"

Provenance = dict[str, dict[str, str]]


def read_provenance(cassettes: Path) -> Provenance:
    """Scenario → `recorded_from` (`live` or `sandbox`), `recorded_at` (UTC), `commit`, `rules`, `harness`."""
    path = cassettes / FILE
    found: Provenance = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def write_provenance(
    cassettes: Path, known: Provenance, names: Iterable[str], origin: str, rules: Rules, root: Path
) -> None:
    """Say of the scenarios `names` that they were recorded now, and keep what is `known` of others."""
    entry = {
        "recorded_from": origin,
        "recorded_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "commit": current_commit(root),
        "rules": f"{rules.version} {rules.fingerprint}",
        "harness": f"{HARNESS_VERSION}, format {FORMAT}",
    }
    text = json.dumps(known | dict.fromkeys(names, entry), indent=1, sort_keys=True)
    (cassettes / FILE).write_text(text + "\n", encoding="utf-8")


def current_commit(root: Path) -> str:
    command = ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError:
        return "unknown"
    return done.stdout.strip() or "unknown"
