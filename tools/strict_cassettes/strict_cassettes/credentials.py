"""Where the connection options of a live account come from, and the key of its pseudonyms."""

import json
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from strict_cassettes.scenarios import Matrix, load_source

PLACEHOLDER = "put-your-"
SHORTEST_KEY = 32
FILE, KEY_FILE = "dev_config.json", "pseudonym_key"
# Names the one directory in which credentials are looked for; variables are not looked at then.
ONLY = "HARNESS_CREDENTIALS"


class CredentialsError(Exception):
    """Credentials that cannot be used."""


class MissingCredentialsError(CredentialsError):
    """There are no credentials."""


def find_credentials(matrix: Matrix, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Connection options of a live account: the environment's, over those of the file beside the matrix.

    Raises:
        MissingCredentialsError: there are none.
        CredentialsError: some cannot be used, or the two sources name different accounts.
    """
    variables: Mapping[str, str] = matrix.live["variables"]
    only = environment.get(ONLY)
    given = {option: "" if only else environment.get(name, "") for option, name in variables.items()}
    if any(given.values()) and not all(given.values()):
        missing = ", ".join(name for option, name in variables.items() if not given[option])
        raise CredentialsError(f"{missing} is not set, and another variable is. Set all, or none.")
    path = Path(only or matrix.home) / FILE
    shown = str(path) if only else f"{path.parent.name}/{path.name}"
    found = _read(path, shown) if path.exists() else {}
    if not all(given.values()):
        if not path.exists():
            raise MissingCredentialsError(
                f"No credentials. Set {' and '.join(variables.values())}, or copy "
                f"{Path(matrix.home).name}/dev_config.example.json to {shown} and fill it in; or record from "
                "the local server: nox -s record -- --sandbox"
            )
        for option in variables:
            if not found.get(option) or found[option].startswith(PLACEHOLDER):
                raise CredentialsError(f"{shown} has no `{option}` yet. Fill it in.")
        return found
    public = [option for option in variables if option not in matrix.live["secrets"]]
    if any(found.get(option, given[option]) != given[option] for option in public) and set(found) - set(
        given
    ):
        names = " and ".join(variables[option] for option in public)
        raise CredentialsError(
            f"{names} and {shown} name different accounts, and {shown} has further options "
            f"({', '.join(sorted(set(found) - set(given)))}). Unset the variables, or move the file away."
        )
    return found | given


def _read(path: Path, shown: str) -> dict[str, str]:
    try:
        # Some editors begin a file with a mark of its encoding.
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise CredentialsError(f"{shown} cannot be read as JSON: {error}") from None
    if not isinstance(found, dict) or not all(isinstance(one, str | int | float) for one in found.values()):
        raise CredentialsError(
            f"{shown} must hold one JSON object of texts, as dev_config.example.json does."
        )
    # Options are texts: numbers, true and false are written as such.
    return {name: one if isinstance(one, str) else json.dumps(one) for name, one in found.items()}


def find_pseudonym_key(
    matrix: Matrix, known: Iterable[str], environment: Mapping[str, str] = os.environ, *, keep: bool = True
) -> tuple[str, str]:
    """The key of a live set's pseudonyms, and what there is to say of it.

    It is made once and kept beside the credentials, so that a new API key changes no pseudonym.

    Args:
        known: fingerprints of the keys of what was recorded before, for the message where the key is new.
        keep: whether a new key is written down; else it is good for this once.
    """
    path = Path(environment.get(ONLY) or matrix.home) / KEY_FILE
    shown = f"{path.parent.name}/{path.name}"
    if path.exists():
        try:
            key = path.read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            key = ""
        if len(key) < SHORTEST_KEY:
            raise CredentialsError(
                f"{shown} holds no key of 32 characters or more. Restore it, or delete it."
            )
        return key, ""
    key = secrets.token_hex(32)
    if not keep:
        return key, ""
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{key}\n")
    told = f"Made {shown}, the key of this account's pseudonyms: keep it, and keep it to yourself."
    if any(known):
        told += " The cassettes that are there were made with another; see docs/recording.md."
    return key, told


def check_connection(matrix: Matrix, connection: Mapping[str, str]) -> None:
    """Refuse options that the connector refuses, before anything is recorded.

    Raises:
        CredentialsError: with the connector's own words.
    """
    try:
        load_source(matrix)({"tableName": next(iter(matrix.scenarios.values())).table, **connection})
    except ValueError as error:
        raise CredentialsError(str(error)) from None
