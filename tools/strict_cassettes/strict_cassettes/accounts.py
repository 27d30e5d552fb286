"""Which account is recorded: a live one by its credentials, or a sandbox."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from strict_cassettes.credentials import check_connection, find_credentials, find_pseudonym_key
from strict_cassettes.provenance import read_provenance
from strict_cassettes.recording import Account
from strict_cassettes.scenarios import Matrix, load_object
from strict_cassettes.scrub import Scrubber
from strict_cassettes.sets import LIVE, SANDBOX

# Published on purpose: the sandbox's data is made up, so anybody may reproduce its cassettes.
SANDBOX_PSEUDONYM_KEY = "sandbox recordings hold no real data"
# The time that every answer of a live recording tells: later than all rows, and never another.
RECORDED_DATE = "Fri, 01 Jan 2100 00:00:00 GMT"


def live_account(matrix: Matrix, root: Path, *, keep_key: bool) -> tuple[Account, list[str]]:
    """The account that credentials name, and what there is to say of it.

    Args:
        root: the directory of sets.
        keep_key: whether a pseudonym key that is made is kept: where something is recorded with it.

    Raises:
        CredentialsError: there are none, or they cannot be used.
    """
    found = find_credentials(matrix)
    check_connection(matrix, found)
    wanted = {*matrix.live["variables"], *matrix.live.get("options", found)}
    connection = {name: value for name, value in found.items() if name in wanted}
    told = [
        f"`{name}` of the credentials does not count in recordings." for name in sorted(set(found) - wanted)
    ]
    known = {entry["pseudonyms"] for entry in read_provenance(root / LIVE).cassettes.values()}
    key, new = find_pseudonym_key(matrix, known, keep=keep_key)
    secrets = (key, *(connection[name] for name in matrix.live["secrets"]))
    scrubber = Scrubber(matrix.rules, key, secrets, RECORDED_DATE)
    scrubber.pseudonyms.stand_ins.update(stand_ins(matrix, connection))
    return Account(LIVE, connection, scrubber), [*told, new] if new else told


def stand_ins(matrix: Matrix, connection: Mapping[str, str]) -> dict[str, str]:
    """The values of options that stand in addresses (`[live] addressed`), and those that a replay has."""
    return {connection[name]: matrix.replay[name] for name in matrix.live.get("addressed", ())}


def name_of(matrix: Matrix, connection: Mapping[str, str]) -> str:
    """What tells the person who asks which account it is, without its secrets."""
    shown = [name for name in connection if name not in matrix.live["secrets"]]
    return ", ".join(f"{name} {connection[name]}" for name in shown)


def is_local(connection: Mapping[str, str]) -> bool:
    """Whether an option names an address of this machine."""
    hosts = (urlsplit(value).hostname or "" for value in connection.values() if "://" in value)
    return any(host == "localhost" or host == "::1" or host.startswith("127.") for host in hosts)


def sandbox_account(matrix: Matrix, stack: ExitStack) -> Account:
    """A sandbox as the matrix wants it, running until `stack` is closed.

    Raises:
        MatrixError: the matrix names none.
    """
    settings = dict(matrix.sandbox)
    start = load_object(settings.pop("start", ""), "sandbox")
    connection = {**matrix.replay, **stack.enter_context(start(**settings))}
    secrets = tuple(connection[name] for name in matrix.live["secrets"])
    scrubber = Scrubber(matrix.rules, SANDBOX_PSEUDONYM_KEY, secrets)
    scrubber.pseudonyms.stand_ins.update(stand_ins(matrix, connection))
    return Account(SANDBOX, connection, scrubber)
