"""Where each cassette comes from: kept beside them, because it changes with every recording."""

import hashlib
import json
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from harness.cassettes import FORMAT, CassetteError
from harness.rules import Rules
from harness.scenarios import Scenario

FILE = "provenance.json"
HARNESS_VERSION = "2"
FIELDS = ("recorded_from", "recorded_at", "commit", "rules", "harness", "content")

Provenance = dict[str, dict[str, str]]


def read_provenance(cassettes: Path) -> Provenance:
    """Scenario → `recorded_from` (`live` or `sandbox`), `recorded_at` (UTC), `commit`, `rules`, `harness` and
    `content`, a digest of the cassette.

    Raises:
        CassetteError: the file is damaged.
    """
    path = cassettes / FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        for entry in found.values():
            if datetime.fromisoformat(entry["recorded_at"]).tzinfo is None or not all(map(entry.get, FIELDS)):
                raise ValueError(f"an entry without {', '.join(FIELDS)}")  # noqa: TRY301
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CassetteError(
            f"{FILE} is damaged ({error}). Restore it with git, or record all again."
        ) from None
    return dict(found)


def write_provenance(
    cassettes: Path, known: Provenance, scenarios: Iterable[Scenario], origin: str, rules: Rules, root: Path
) -> None:
    """Say of `scenarios` that they were recorded now, and keep what is `known` of others."""
    entry = {
        "recorded_from": origin,
        "recorded_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "commit": current_commit(root),
        "rules": f"{rules.version} {rules.fingerprint}",
        "harness": f"{HARNESS_VERSION}, format {FORMAT}",
    }
    made = {found.name: entry | {"content": content_of(cassettes / found.cassette)} for found in scenarios}
    put_provenance(cassettes, known | made)


def put_provenance(cassettes: Path, known: Provenance) -> None:
    text = json.dumps(known, indent=1, sort_keys=True)
    (cassettes / FILE).write_text(text + "\n", encoding="utf-8")


def content_of(path: Path) -> str:
    """A digest of a cassette: nobody changes it by hand without being told."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def current_commit(root: Path) -> str:
    command = ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError:
        return "unknown"
    return done.stdout.strip() or "unknown"
