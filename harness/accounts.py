"""Which account is recorded: a live one by its credentials, or a sandbox."""

from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from harness.credentials import CredentialsError, check_connection, find_credentials, find_pseudonym_key
from harness.provenance import read_provenance
from harness.recording import Account
from harness.scenarios import Matrix, load_object
from harness.scrub import Scrubber
from harness.sets import LIVE, SANDBOX

# Published on purpose: the sandbox's data is made up, so anybody may reproduce its cassettes.
SANDBOX_PSEUDONYM_KEY = "sandbox recordings hold no real data"
# The time that every answer of a live recording tells: later than all rows, and never another.
RECORDED_DATE = "Fri, 01 Jan 2100 00:00:00 GMT"


def live_account(matrix: Matrix, root: Path) -> tuple[Account, str]:
    """The account that credentials name, and what there is to say of its pseudonyms.

    Raises:
        CredentialsError: there are none, or they cannot be used.
    """
    connection = find_credentials(matrix)
    check_connection(matrix, connection)
    host = origin_of(matrix, connection)
    if urlsplit(host.lower()).hostname == urlsplit(matrix.rules.origin).hostname:
        raise CredentialsError(
            f"The account is at {host}, and there cassettes send what was scrubbed: its answers would pass "
            "as scrubbed. Choose another `origin` in the scrubbing rules."
        )
    known = {entry["pseudonyms"] for entry in read_provenance(root / LIVE).cassettes.values()}
    key, told = find_pseudonym_key(matrix, known)
    secrets = (key, *(connection[name] for name in matrix.live["secrets"]))
    return Account(LIVE, connection, Scrubber(matrix.rules, key, secrets, RECORDED_DATE)), told


def origin_of(matrix: Matrix, connection: dict[str, str]) -> str:
    """Where requests to a live account go."""
    return connection.get("base_url") or str(matrix.live["origin"]).format(**connection)


def sandbox_account(matrix: Matrix, stack: ExitStack) -> Account:
    """A sandbox as the matrix wants it, running until `stack` is closed.

    Raises:
        MatrixError: the matrix names none.
    """
    settings = dict(matrix.sandbox)
    start = load_object(settings.pop("start", ""), "sandbox")
    connection = {**matrix.replay, **stack.enter_context(start(**settings))}
    secrets = tuple(connection[name] for name in matrix.live["secrets"])
    return Account(SANDBOX, connection, Scrubber(matrix.rules, SANDBOX_PSEUDONYM_KEY, secrets))
