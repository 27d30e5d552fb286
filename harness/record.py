"""Recording: all scenarios aside first, then, if every one is worth keeping, into place."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.cassettes import load_interactions
from harness.scenarios import CASSETTES, ROOT, Matrix, Played, Scenario, load_source, play
from harness.scrub import Scrubber
from harness.tape import one_at_a_time, recorder

PROVENANCE = "provenance.json"
# option → environment variable
VARIABLES = {"api_key": "AHA_API_KEY", "subdomain": "AHA_SUBDOMAIN"}
PLACEHOLDER = "put-your-aha-api-key-here"
CREDENTIALS = ROOT / "configs" / "dev_config.json"


class RecordError(Exception):
    """A recording that is not worth keeping. Every committed cassette is as it was."""


class CredentialsError(Exception):
    """Credentials that cannot be used."""


class MissingCredentialsError(CredentialsError):
    """There are no credentials."""


@dataclass(frozen=True)
class Account:
    """What is recorded.

    Attributes:
        origin: `live` or `sandbox`.
        connection: the connector's connection options.
        scrubber: for what it answers.
    """

    origin: str
    connection: Mapping[str, str]
    scrubber: Scrubber


def find_credentials(environment: Mapping[str, str] = os.environ, path: Path = CREDENTIALS) -> dict[str, str]:
    """Connection options of a live account: the environment's, else the configuration file's.

    Raises:
        MissingCredentialsError: there are none.
        CredentialsError: the file cannot be used.
    """
    given = {option: environment.get(name, "") for option, name in VARIABLES.items()}
    if all(given.values()):
        return given
    if any(given.values()):
        [missing] = [name for option, name in VARIABLES.items() if not given[option]]
        raise CredentialsError(f"{missing} is not set, and the other variable is. Set both, or neither.")
    if path.exists():
        return _read_credentials(path)
    raise MissingCredentialsError(
        "No Aha! credentials. Set AHA_API_KEY and AHA_SUBDOMAIN, or copy configs/dev_config.example.json to "
        "configs/dev_config.json and fill it in; or record from the local server: nox -s record -- --sandbox"
    )


def _read_credentials(path: Path) -> dict[str, str]:
    name = f"{path.parent.name}/{path.name}"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CredentialsError(f"{name} cannot be read as JSON: {error}") from None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise CredentialsError(f"{name} must hold one JSON object of texts, as dev_config.example.json does.")
    for option in VARIABLES:
        if not found.get(option) or found[option] == PLACEHOLDER:
            raise CredentialsError(f"{name} has no `{option}` yet. Fill it in.")
    return found


def check_connection(matrix: Matrix, connection: Mapping[str, str]) -> None:
    """Refuse options that the connector refuses, before anything is recorded.

    Raises:
        CredentialsError: with the connector's own words.
    """
    try:
        load_source(matrix)({"tableName": next(iter(matrix.scenarios.values())).table, **connection})
    except ValueError as error:
        raise CredentialsError(str(error)) from None


def record(
    account: Account,
    matrix: Matrix,
    scenarios: Iterable[Scenario],
    report: Callable[[Scenario, int], None],
    cassettes: Path = CASSETTES,
) -> int:
    """Record `scenarios` and put their cassettes into place. Returns the number of interactions.

    Raises:
        RecordError: a scenario failed or is not worth keeping; nothing was changed.
    """
    source = load_source(matrix)
    scenarios = list(scenarios)
    total = 0
    with tempfile.TemporaryDirectory(prefix="recording-") as directory:
        aside = Path(directory)
        for scenario in scenarios:
            count = record_scenario(account, scenario, source, aside / scenario.cassette)
            report(scenario, count)
            total += count
        for scenario in scenarios:
            put(aside / scenario.cassette, cassettes / scenario.cassette)
    note_provenance(cassettes / PROVENANCE, scenarios, account.origin)
    return total


def record_scenario(
    account: Account, scenario: Scenario, source: Callable[[dict[str, str]], Any], path: Path
) -> int:
    """Record one scenario to `path`. Returns the number of interactions."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with one_at_a_time(), recorder(account.scrubber).use_cassette(str(path)):
            played = play(scenario, source, account.connection)
    except Exception as error:  # noqa: BLE001 - whatever a connector raises, the recording is refused
        raise RecordError(f"{scenario.name}: {type(error).__name__}: {error}") from None
    interactions = load_interactions(path) if path.exists() else []
    fault = find_fault(scenario, played, interactions)
    if fault:
        raise RecordError(f"{scenario.name}: {fault}")
    return len(interactions)


def find_fault(scenario: Scenario, played: Played, interactions: list[dict[str, Any]]) -> str | None:
    """Why a recording does not show what its scenario announces, or None."""
    if not interactions:
        return "sent no request."
    if scenario.error and played.error is None:
        return f"was to end in {scenario.error}, and did not."
    rows = sum(len(read) for read in played.reads)
    if scenario.rows == "some" and not rows:
        return "was to read some rows, and read none: does the account have any?"
    if scenario.rows == "none" and rows:
        return f"was to read no row, and read {rows}."
    pages = max(_pages(entry) for entry in interactions)
    if scenario.pages and pages < scenario.pages:
        return (
            f"was to read a list of {scenario.pages} pages, and the longest has {pages}: lower its page_size."
        )
    return None


def _pages(entry: dict[str, Any]) -> int:
    body = entry["response"]["body"]
    pages: int = body.get("pagination", {}).get("total_pages", 0) if isinstance(body, dict) else 0
    return pages


def put(made: Path, place: Path) -> None:
    """Move a file into place in one step, across file systems too."""
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = place.with_suffix(".new")
    shutil.copyfile(made, beside)
    beside.replace(place)


def note_provenance(path: Path, scenarios: Iterable[Scenario], origin: str) -> None:
    """Say of each recorded cassette where it comes from. Apart from them: it changes with every recording."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    entry = {"recorded_from": origin, "recorded_at": now, "commit": current_commit()}
    known |= {scenario.name: entry for scenario in scenarios}
    path.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def current_commit() -> str:
    command = ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError:
        return "unknown"
    return done.stdout.strip() or "unknown"
