"""Where the connection options of a live account come from."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.scenarios import ROOT, Matrix, load_source

PLACEHOLDER = "put-your-"
CREDENTIALS = ROOT / "configs" / "dev_config.json"


class CredentialsError(Exception):
    """Credentials that cannot be used."""


class MissingCredentialsError(CredentialsError):
    """There are no credentials."""


def find_credentials(
    variables: Mapping[str, str], environment: Mapping[str, str] = os.environ, path: Path = CREDENTIALS
) -> dict[str, str]:
    """Connection options of a live account: the environment's, else the configuration file's.

    Args:
        variables: option → environment variable.
        environment, path: where to look.

    Raises:
        MissingCredentialsError: there are none.
        CredentialsError: the file cannot be used.
    """
    given = {option: environment.get(name, "") for option, name in variables.items()}
    if all(given.values()):
        return given
    if any(given.values()):
        missing = ", ".join(name for option, name in variables.items() if not given[option])
        raise CredentialsError(f"{missing} is not set, and another variable is. Set all, or none.")
    if path.exists():
        return _read_credentials(path, variables)
    raise MissingCredentialsError(
        f"No credentials. Set {' and '.join(variables.values())}, or copy configs/dev_config.example.json to "
        "configs/dev_config.json and fill it in; or record from the local server: nox -s record -- --sandbox"
    )


def _read_credentials(path: Path, variables: Iterable[str]) -> dict[str, str]:
    name = f"{path.parent.name}/{path.name}"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CredentialsError(f"{name} cannot be read as JSON: {error}") from None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise CredentialsError(f"{name} must hold one JSON object of texts, as dev_config.example.json does.")
    for option in variables:
        if not found.get(option) or found[option].startswith(PLACEHOLDER):
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
