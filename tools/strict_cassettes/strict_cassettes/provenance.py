"""Where each cassette of a set comes from: kept beside them, because it changes with every recording."""

import hashlib
import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from strict_cassettes.cassettes import FORMAT, CassetteError
from strict_cassettes.rules import Rules

FILE = "provenance.json"
HARNESS_VERSION = "3"
FIELDS = ("recorded_from", "recorded_at", "commit", "rules", "harness", "pseudonyms", "content")

Entry = dict[str, Any]


@dataclass(frozen=True)
class Provenance:
    """What is known of a set.

    Attributes:
        cassettes: scenario → `recorded_from` (`live` or `sandbox`), `recorded_at` (UTC), `commit`, `rules`,
            `harness`, `pseudonyms` (the fingerprint of their key), `content` (a digest of the cassette), and,
            where the account had its own, `options` and `start`, scrubbed.
        lacking: scenario → why the account cannot show it.
    """

    cassettes: dict[str, Entry] = field(default_factory=dict)
    lacking: dict[str, str] = field(default_factory=dict)


def read_provenance(cassettes: Path) -> Provenance:
    """What is known of the set in a directory; nothing where there is none.

    Raises:
        CassetteError: the file is damaged.
    """
    path = cassettes / FILE
    if not path.exists():
        return Provenance()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        known = Provenance(dict(found["cassettes"]), dict(found["lacking"]))
        for entry in known.cassettes.values():
            if datetime.fromisoformat(entry["recorded_at"]).tzinfo is None or not all(map(entry.get, FIELDS)):
                raise ValueError(f"an entry without {', '.join(FIELDS)}")  # noqa: TRY301
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CassetteError(
            f"{FILE} is damaged ({error}). Restore it with git, or record all again."
        ) from None
    return known


def write_provenance(cassettes: Path, known: Provenance) -> None:
    """Write what is known of a set."""
    text = json.dumps({"cassettes": known.cassettes, "lacking": known.lacking}, indent=1, sort_keys=True)
    (cassettes / FILE).write_text(text + "\n", encoding="utf-8")


def describe_recording(origin: str, rules: Rules, pseudonyms: str, root: Path, now: datetime) -> Entry:
    """What all cassettes of one recording have in common."""
    return {
        "recorded_from": origin,
        "recorded_at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "commit": current_commit(root),
        "rules": f"{rules.version} {rules.fingerprint}",
        "harness": f"{HARNESS_VERSION}, format {FORMAT}",
        "pseudonyms": pseudonyms,
    }


def is_still_true(known: Entry, made: Entry, most_days: int | None) -> bool:
    """Whether an entry of before says all that there is to say: the same cassette, made in the same way.

    One that has gone half of the way to its greatest age is written anew.
    """
    ignored = ("recorded_at", "commit")
    if {name: value for name, value in known.items() if name not in ignored} != {
        name: value for name, value in made.items() if name not in ignored
    }:
        return False
    age = datetime.fromisoformat(made["recorded_at"]) - datetime.fromisoformat(known["recorded_at"])
    return most_days is None or age.days * 2 < most_days


def other_keys(known: Provenance, names: Iterable[str], pseudonyms: str) -> list[str]:
    """Of the named scenarios, those whose pseudonyms were made with another key."""
    return [
        name
        for name in names
        if name in known.cassettes and known.cassettes[name]["pseudonyms"] != pseudonyms
    ]


def content_of(path: Path) -> str:
    """A digest of a cassette: nobody changes it by hand without being told."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def now_utc() -> datetime:
    return datetime.now(UTC)


def current_commit(root: Path) -> str:
    command = ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "unknown"
    return done.stdout.strip() or "unknown"
