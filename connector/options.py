"""The connector's options, declared once.

Parsing, error messages, `connector_spec.yaml` and the README's table are all made from `OPTIONS`.
"""

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.errors import AhaOptionError

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")
# Nine digits: no option means more.
MOST = 999_999_999
NAME_LIST = r"[A-Za-z0-9_-]{1,100}( *, *[A-Za-z0-9_-]{1,100}){0,99}"
DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def parse_text(value: str) -> str:
    return value


def parse_flag(value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise ValueError("expected true or false")
    return value.lower() == "true"


def parse_api_key(value: str) -> str:
    # A header value that requests would refuse must not appear in requests' own error message.
    if not re.fullmatch(r"[\x21-\x7e]+", value):
        raise ValueError("expected the key alone: printable ASCII without spaces")
    if value.startswith("put-your-"):
        raise ValueError("this is the example's placeholder: put your key in its place")
    return value


def parse_subdomain(value: str) -> str:
    """`company`, `company.aha.io` and `https://company.aha.io/` all mean `company`."""
    label = value.lower().removeprefix("https://").removesuffix("/").removesuffix(".aha.io")
    if not DNS_LABEL.fullmatch(label):
        raise ValueError("expected the first part of https://<subdomain>.aha.io")
    return label


def parse_names(value: str) -> tuple[str, ...]:
    """Names, separated by commas, each once."""
    return tuple(dict.fromkeys(name.strip() for name in value.split(",")))


def parse_workspaces(value: str) -> frozenset[str]:
    """Prefixes, in capitals, and ids."""
    return frozenset(name.upper() for name in parse_names(value))


def parse_base_url(value: str) -> str:
    """Only Aha! itself or this machine: the key is sent to whatever stands here.

    The address is put together again from its parts, so that no other parser can read it differently.
    """
    wanted = "expected https://<subdomain>.aha.io, or a loopback address like http://127.0.0.1:8080"
    found = re.fullmatch(r"(https?)://(\[[0-9a-f:]+\]|[a-z0-9.-]+)(?::([0-9]{1,5}))?/?", value, re.IGNORECASE)
    if not found:
        raise ValueError(f"{wanted}, with no path")
    scheme, host, port = found[1].lower(), found[2].lower(), found[3]
    if host in LOOPBACK_HOSTS and (port is None or int(port) < 65536):
        return f"{scheme}://{host}" + (f":{port}" if port else "")
    label = host.removesuffix(".aha.io")
    if scheme == "https" and label != host and DNS_LABEL.fullmatch(label) and port is None:
        return f"https://{host}"
    raise ValueError(wanted)


@dataclass(frozen=True)
class Option:
    """One option as users write it.

    Attributes:
        name: lower_snake_case, because Spark lower-cases option keys.
        description: one sentence for the README and the spec.
        kind: the type that `connector_spec.yaml` states: string, integer or boolean.
        least, most: of an integer. choices: of a string, all that there are.
        pattern: of a string, a regular expression that it matches as a whole.
        form: text → value of a string; raises ValueError with what was expected.
        connection, table: where it may be given.
        required, quoted: whether it must be given, and whether a message may quote it.
        secret: whether it is a credential, of which a connection has one.
        default: the value when the option is absent or empty.
    """

    name: str
    description: str
    kind: str = "string"
    least: int = 1
    most: int = MOST
    choices: tuple[str, ...] = ()
    pattern: str = ""
    form: Callable[[str], Any] = parse_text
    connection: bool = False
    table: bool = False
    required: bool = False
    quoted: bool = True
    secret: bool = False
    default: Any = None

    def parse(self, text: str) -> Any:
        """The value of a text; raises ValueError with what was expected."""
        if self.kind == "integer":
            return self._parse_number(text)
        if self.kind == "boolean":
            return parse_flag(text)
        if self.choices and text not in self.choices:
            raise ValueError(f"expected {' or '.join(self.choices)}")
        if self.pattern and not re.fullmatch(self.pattern, text):
            raise ValueError("expected names separated by commas, of letters, digits, _ and - only")
        return self.form(text)

    def _parse_number(self, text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not self.least <= int(text) <= self.most:
            limits = f"from {self.least} to {self.most}" if self.most < MOST else f"of at least {self.least}"
            raise ValueError(f"expected a whole number {limits}")
        return int(text)


OPTIONS: tuple[Option, ...] = (
    Option(
        "api_key",
        "API key of an Aha! user; the connector sees what that user sees.",
        form=parse_api_key,
        connection=True,
        quoted=False,
        secret=True,
    ),
    Option(
        "access_token",
        "Instead of `api_key`: the token of a connection that uses OAuth. Unity Catalog brings it.",
        form=parse_api_key,
        connection=True,
        quoted=False,
        secret=True,
    ),
    Option(
        "subdomain",
        "First part of your account's address: `company` for https://company.aha.io.",
        form=parse_subdomain,
        connection=True,
        required=True,
        quoted=False,
    ),
    Option(
        "base_url",
        "Where to send requests instead of https://<subdomain>.aha.io; only another aha.io host or a "
        "loopback address is accepted.",
        form=parse_base_url,
        connection=True,
        quoted=False,
    ),
    Option(
        "requests_per_minute",
        "Most requests sent in any minute; Aha! allows 300 for all jobs of one address together.",
        kind="integer",
        connection=True,
        default=300,
    ),
    Option(
        "lookback_seconds",
        "How far each sync re-reads before the last one's start, for rows that appear late.",
        kind="integer",
        least=0,
        most=999_999,
        connection=True,
        default=60,
    ),
    Option(
        "page_size",
        "Rows per request, 1 to 200; a smaller value only makes more requests (recordings use it).",
        kind="integer",
        most=200,
        connection=True,
        default=200,
    ),
    Option(
        "ideas_workflow_status",
        "Only ideas with this workflow status (name or id), and only their votes and comments.",
        connection=True,
        table=True,
    ),
    Option(
        "workspaces",
        "Only these workspaces: prefixes or ids, separated by commas. `docs/tables.md` says which tables "
        "know a workspace; others are read whole.",
        pattern=NAME_LIST,
        form=parse_workspaces,
        connection=True,
        table=True,
        default=frozenset(),
    ),
    Option(
        "custom_object_keys",
        "API keys of custom tables, separated by commas: what `custom_object_records` reads.",
        pattern=NAME_LIST,
        form=parse_names,
        table=True,
        default=(),
    ),
    Option(
        "max_ideas",
        "Most ideas, or rows of what hangs below them, per micro-batch; the next one goes on from there.",
        kind="integer",
        connection=True,
        table=True,
    ),
    Option(
        "max_records_per_batch",
        "Most rows per micro-batch, of every table that is not a snapshot; where both are given, the smaller "
        "counts.",
        kind="integer",
        table=True,
    ),
    Option(
        "ideas_q", "Only ideas whose name matches this text, and only their votes and comments.", table=True
    ),
    Option("q", "The same as `ideas_q`; where both are given, this one counts.", table=True),
    Option(
        "on_bad_value",
        "A value of a type that its column does not take: `rescue` keeps it in the column `_rescued_data` "
        "and goes on, `fail` ends the read with an error.",
        choices=("rescue", "fail"),
        connection=True,
        table=True,
        default="rescue",
    ),
    Option(
        "sync_mode",
        "`cdc` reads what changed; `snapshot` reads the exact current rows each time, so deletions show.",
        choices=("cdc", "snapshot"),
        table=True,
        default="cdc",
    ),
    Option(
        "track_deletes",
        "`true` offers a delete flow, read from Aha!'s audits; the key must be allowed to read them.",
        kind="boolean",
        table=True,
        default=False,
    ),
    Option(
        "trust_counts",
        "`false` asks also below records whose own count says that nothing is there.",
        kind="boolean",
        table=True,
        default=True,
    ),
    Option(
        "reconcile_hours",
        "At most once in so many hours a sync reads its lists whole, and delivers what came into sight "
        "without a change; 0 for never.",
        kind="integer",
        least=0,
        most=9999,
        connection=True,
        table=True,
        default=24,
    ),
    Option(
        "graphql",
        "`auto` asks Aha!'s GraphQL endpoint which ideas have portal comments, 200 in a call; `off` asks for "
        "the comments of each idea.",
        choices=("auto", "off"),
        connection=True,
        default="auto",
    ),
    Option(
        "timestamps",
        "`iso` keeps times as Aha! writes them, as texts; `native` makes them timestamps.",
        choices=("iso", "native"),
        table=True,
        default="iso",
    ),
    Option(
        "partition_rows",
        "A full read of more ideas (or votes) than this is split, into at most 8 parts read at once.",
        kind="integer",
        table=True,
        default=10_000,
    ),
)


@dataclass(frozen=True)
class Settings:
    """Parsed options of one connection and one table. Its repr shows no secret."""

    subdomain: str
    api_key: str | None = field(default=None, repr=False)
    access_token: str | None = field(default=None, repr=False)
    base_url: str | None = None
    requests_per_minute: int = 300
    lookback_seconds: int = 60
    page_size: int = 200
    ideas_workflow_status: str | None = None
    workspaces: frozenset[str] = frozenset()
    custom_object_keys: tuple[str, ...] = ()
    max_ideas: int | None = None
    max_records_per_batch: int | None = None
    ideas_q: str | None = None
    q: str | None = None
    on_bad_value: str = "rescue"
    sync_mode: str = "cdc"
    track_deletes: bool = False
    trust_counts: bool = True
    reconcile_hours: int = 24
    graphql: str = "auto"
    timestamps: str = "iso"
    partition_rows: int = 10_000
    # No option: of how many processes that read at once this is one.
    budget_share: int = 1

    @property
    def credential(self) -> str:
        """What a request is authorized with: the key, or the token of OAuth."""
        return self.api_key or self.access_token or ""

    @property
    def is_local(self) -> bool:
        """Whether requests stay on this machine."""
        return re.sub(r":[0-9]+$", "", self.origin.partition("://")[2]) in LOOPBACK_HOSTS

    @property
    def origin(self) -> str:
        """`scheme://host[:port]` that requests go to."""
        return self.base_url or f"https://{self.subdomain}.aha.io"


def parse_options(connection: Mapping[str, str], table: Mapping[str, str] | None = None) -> Settings:
    """Check the options of a connection and, over them, of a table.

    Keys are read without regard to case. Keys that are no option of this connector are tolerated,
    because Spark and Unity Catalog add their own; a near miss of one of ours is refused.

    Raises:
        AhaOptionError: an option is missing, misspelt or malformed. The message never quotes a secret.
    """
    values: dict[str, Any] = {}
    for given, scope in ((connection, "connection"), (table or {}, "table")):
        values.update(_parse_scope(given, scope))
    _require_one(values, [option for option in OPTIONS if option.secret])
    for option in OPTIONS:
        if option.required and option.name not in values:
            raise AhaOptionError(f"Option `{option.name}` is missing. {option.description}")
        values.setdefault(option.name, option.default)
    settings = Settings(**values)
    if settings.track_deletes and settings.sync_mode == "snapshot":
        raise AhaOptionError(
            "Option `track_deletes` is true and `sync_mode` is `snapshot`, which shows deletions by itself. "
            "Leave out one of the two."
        )
    return settings


def _require_one(values: Mapping[str, Any], secrets: list[Option]) -> None:
    """One credential, and not two of which nobody knows the stronger."""
    names = [option.name for option in secrets]
    given = [name for name in names if name in values]
    if not given:
        raise AhaOptionError(
            f"Option `{names[0]}` is missing. {secrets[0].description} A connection with OAuth brings "
            f"`{names[1]}` instead. In a pipeline, look whether its ingest.py sets "
            "spark.databricks.unityCatalog.connectionDfOptionInjection.enabled."
        )
    if len(given) > 1:
        raise AhaOptionError(f"Options `{names[0]}` and `{names[1]}` are both given: leave out one of them.")


def parse_table_options(given: Mapping[str, str]) -> Settings:
    """Check table options alone, while no connection is known.

    Raises:
        AhaOptionError: as `parse_options`.
    """
    return parse_options({"api_key": "unknown", "subdomain": "unknown"}, given)


def _parse_scope(given: Mapping[str, str], scope: str) -> dict[str, Any]:
    declared = {option.name: option for option in OPTIONS}
    values = {}
    for key, raw in given.items():
        option = declared.get(str(key).lower())
        if option is None:
            _refuse_near_miss(str(key))
            continue
        # Spark hands a reader the connection's options and the table's in one dict, as both.
        if scope == "table" and not option.table:
            continue
        text = str(raw).strip()
        if not text:
            continue
        try:
            values[option.name] = option.parse(text)
        except ValueError as error:
            # What was meant for another option, a key perhaps, must not be quoted.
            shown = f" is {text!r}:" if option.quoted else ":"
            raise AhaOptionError(f"Option `{option.name}`{shown} {error}.") from None
    return values


def _refuse_near_miss(key: str) -> None:
    near = difflib.get_close_matches(key.lower(), [option.name for option in OPTIONS], n=1, cutoff=0.8)
    if near:
        raise AhaOptionError(f"There is no option `{key}`. Did you mean `{near[0]}`?")
