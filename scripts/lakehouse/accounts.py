"""Where the rows of each table come from: one live account, or the recorded cassettes."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from strict_cassettes.credentials import MissingCredentialsError, find_credentials
from strict_cassettes.scenarios import MATRIX, load_matrix
from strict_cassettes.server import serving
from strict_cassettes.sets import recorded_as

from connector.options import Settings, parse_options
from connector.spec import TableSpec
from scripts.merge.generated import ROOT

# What of a table is read where there is no account.
SCENARIOS = ("first_sync", "keyed")
CASSETTES = "the cassettes"


@dataclass(frozen=True)
class Account:
    """Where one table's rows come from.

    Attributes:
        name: whose they are.
        connection: connection options, and those that a recording was made with.
    """

    name: str
    connection: Mapping[str, str]

    @property
    def settings(self) -> Settings:
        return parse_options(self.connection)

    @property
    def is_live(self) -> bool:
        return self.name != CASSETTES


def find_live(*, required: bool) -> Account | None:
    """The live account, where there are credentials.

    Raises:
        CredentialsError: they cannot be used; or there are none, and they are `required`.
        AhaOptionError: an option beside them cannot be used.
    """
    try:
        connection = find_credentials(load_matrix(ROOT / MATRIX))
    except MissingCredentialsError:
        if required:
            raise
        return None
    return Account(parse_options(connection).origin, connection)


@contextmanager
def replaying(tables: Sequence[TableSpec]) -> Iterator[dict[str, Account]]:
    """What was recorded of each table, served for the length of a `with`; by destination.

    Raises:
        CassetteError: a cassette is missing or damaged.
    """
    matrix = load_matrix(ROOT / MATRIX)
    with ExitStack() as stack:
        accounts = {}
        for table in tables:
            title = next(name for name in SCENARIOS if f"{table.source}/{name}" in matrix.scenarios)
            recorded = recorded_as(matrix, f"{table.source}/{title}", ROOT / "cassettes")
            replay = stack.enter_context(serving([recorded.path]))
            options = {**matrix.replay, "base_url": replay.url, **recorded.scenario.options}
            accounts[table.name] = Account(CASSETTES, options)
        yield accounts
