"""The Aha! connector as one file, generated: do not edit.

Made by scripts/merge_python_source.py from
    connector/deadline.py
    connector/errors.py
    connector/log.py
    connector/options.py
    connector/pacing.py
    connector/client.py
    connector/listing.py
    connector/servertime.py
    connector/tables/types.py
    connector/tables/declaration.py
    connector/audits.py
    connector/counts.py
    connector/offsets.py
    connector/walk.py
    connector/deletions.py
    connector/interface.py
    connector/rescue.py
    connector/records.py
    connector/split.py
    connector/tables/account.py
    connector/tables/feedback.py
    connector/tables/delivery.py
    connector/tables/people.py
    connector/tables/strategy.py
    connector/tables/__init__.py
    connector/plan.py
    connector/parallel.py
    connector/course.py
    connector/census.py
    connector/digests.py
    connector/following.py
    connector/units.py
    connector/held.py
    connector/lists.py
    connector/reading.py
    connector/sync.py
    connector/aha.py
    connector/datasource.py
    connector/spec.py
    connector/pipeline.py
Change those and run: nox -s build_artifact

SHA-256 of these files and of the script: b53b8bf8d5f2527c4e818cb32102087d4df6898bf300490d6d45655bba522de1
"""

import base64
import difflib
import hashlib
import itertools
import json
import logging
import math
import os
import re
import sys
import threading
import time
import zlib
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from types import ModuleType, TracebackType
from typing import Any, Protocol, TypeVar

import pyarrow as pa
import requests
from pyspark.sql import DataFrame, SparkSession, functions as F
from pyspark.sql.datasource import (
    DataSource,
    DataSourceReader,
    DataSourceStreamReader,
    InputPartition,
    SimpleDataSourceStreamReader,
)
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DoubleType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

try:
    # Since Spark 4.2; without it a stream's `latestOffset` does not know where the stream stands.
    from pyspark.sql.streaming import datasource as admission
except ImportError:
    admission = None  # type: ignore[assignment]

try:
    from pyspark import pipelines as sdp
except ImportError:
    sdp = None  # type: ignore[assignment]


def register_lakeflow_source(spark):
    """Make the data source known to a Spark session."""

    # -------------------- connector/deadline.py --------------------
    # A bound for what has none: an answer that drips keeps every timeout of a socket from running out.

    Result = TypeVar("Result")


    class SlowAnswerError(Exception):
        """Work that did not end in time."""


    def call_within(seconds: float, work: Callable[[], Result]) -> Result:
        """The result of `work`, or its error; it is left alone where it takes longer.

    Raises:
        SlowAnswerError: it did not end within `seconds`.
    """
        results: list[Result] = []
        errors: list[BaseException] = []

        def run() -> None:
            try:
                results.append(work())
            except BaseException as error:  # noqa: BLE001 - handed to whoever waits
                errors.append(error)

        # A daemon: a process may end while one drips.
        thread = threading.Thread(target=run, name="aha-answer", daemon=True)
        thread.start()
        thread.join(seconds)
        if errors:
            raise errors[0]
        if not results:
            raise SlowAnswerError(f"not whole after {seconds:g} s")
        return results[0]


    # -------------------- connector/errors.py --------------------
    # The errors this connector raises.
    #
    # AhaError
    # ├── AhaOptionError        an option, table name or offset that cannot be used (no request was sent)
    # ├── AhaConnectionError    no usable answer arrived: refused, reset, timed out
    # ├── AhaStatusError        Aha! answered with an error status
    # │   ├── AhaAuthError          401
    # │   ├── AhaPermissionError    403
    # │   ├── AhaNotFoundError      404
    # │   ├── AhaRateLimitError     429
    # │   └── AhaServerError        408, 425, 5xx
    # ├── AhaResponseError      the answer is not what the API documents
    # ├── AhaUnstableListError  a list kept changing while it was read
    # └── AhaDataError          a value that cannot be converted without corrupting it

    class AhaError(Exception):
        """Base of every error here. Messages say what was wrong, where, and what to do; never the key, and what
    they quote of a server is printable."""

        def __str__(self) -> str:
            return printable(str(self.args[0])) if self.args else ""


    class AhaOptionError(AhaError, ValueError):
        """An option, a table name or an offset cannot be used. Raised before any request, but for names of
    workspaces, which only Aha! knows."""


    class AhaConnectionError(AhaError):
        """No complete answer arrived, after all attempts."""


    class AhaOrphanedError(AhaError):
        """What drives this read is gone: nobody waits for its rows."""


    class AhaStatusError(AhaError):
        """Aha! answered with an error status.

    Attributes:
        status: the HTTP status code.
    """

        def __init__(self, message: str, status: int) -> None:
            super().__init__(message, status)
            self.status = status


    class AhaAuthError(AhaStatusError):
        """401: the key is wrong or was revoked."""


    class AhaPermissionError(AhaStatusError):
        """403: the key's user may not read this."""


    class AhaNotFoundError(AhaStatusError):
        """404: the record does not exist, or the key may not see it.

    Attributes:
        own: whether Aha! itself says so, in its own form; a proxy or a router may say it too.
    """

        own: bool = True


    class AhaRateLimitError(AhaStatusError):
        """429, still after all attempts."""


    class AhaServerError(AhaStatusError):
        """408, 425 or 5xx, still after all attempts."""


    class AhaResponseError(AhaError):
        """A successful answer whose body is not what the API documents."""


    class AhaUnstableListError(AhaError):
        """Rows left a list in every attempt to read it, so that no attempt is known to be complete."""


    class AhaDataError(AhaError):
        """A value cannot be converted to its column's type without corrupting it."""


    # Passing faults: the same request may succeed later. 520 to 530 are a CDN's words for a server that it did
    # not reach.
    RETRIED_STATUSES = frozenset((408, 425, 429, 500, 502, 503, 504, *range(520, 531)))
    # status → (class, what to do about it)
    STATUS_ERRORS: dict[int, tuple[type[AhaStatusError], str]] = {
        401: (
            AhaAuthError,
            "The API key (or token) was refused. Check `api_key`, and that `subdomain` names its account.",
        ),
        403: (
            AhaPermissionError,
            "The API key's user may not read this. Ask an Aha! administrator for access, or leave the table out.",
        ),
        404: (
            AhaNotFoundError,
            "There is no such record or route, or the key may not see it. Check `subdomain`.",
        ),
        429: (
            AhaRateLimitError,
            "Still rate limited after all attempts. Lower `requests_per_minute`: Aha! counts all jobs together.",
        ),
    }


    def printable(text: str) -> str:
        """A text without signs that a terminal obeys: each is written as its escape, but for ends of lines."""
        return "".join(sign if sign.isprintable() or sign == "\n" else repr(sign)[1:-1] for sign in text)


    def status_error(status: int, message: str) -> AhaStatusError:
        """The error for an HTTP `status`; `message` says where it happened, advice is added here."""
        if status in RETRIED_STATUSES and status != 429:
            return AhaServerError(f"{message} Aha! kept failing; nothing was lost, run again later.", status)
        error, advice = STATUS_ERRORS.get(status, (AhaStatusError, "This status is not expected of a read."))
        return error(f"{message} {advice}", status)


    def refusal_of(table: str, requires: str, error: AhaStatusError) -> AhaStatusError:
        """The same error, saying which table cannot be read, and what may be missing."""
        missing = f" ({requires})" if requires else ""
        told = type(error)(
            f"Table `{table}` cannot be read: {error} The account's plan may lack it, or the key's user the "
            f"role{missing}. Other tables are not affected.",
            error.status,
        )
        told.__dict__.update(error.__dict__)
        return told


    # -------------------- connector/log.py --------------------
    # What an operator should know of a read that went well.

    def warn(message: str, *told: object) -> None:
        """Write a warning, of one line, into the log of the process that reads.

    It begins with `aha_lakeflow: `, because a worker's log has lines of many and names nobody: so it is found
    in a driver's log, and by `nox -s ingest`, which shows it at the end.
    """
        logging.getLogger("aha_lakeflow").warning("aha_lakeflow: %s", " ".join((message % told).split()))


    # -------------------- connector/options.py --------------------
    # The connector's options, declared once.
    #
    # Parsing, error messages, `connector_spec.yaml` and the README's table are all made from `OPTIONS`.

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


    # -------------------- connector/pacing.py --------------------
    # Time: one injectable clock, and the request budget that it paces.

    # Aha! allows 20 requests in any second beside the budget per minute.
    REQUESTS_PER_SECOND = 20
    # Windows are held a little longer than Aha! counts them, since requests travel with jitter.
    WINDOW_MARGIN = 1.02


    class Clock(Protocol):
        """Where waits go. Never a source of data time: only Aha!'s own clock says when a row changed, and this
    machine's only that one of its answers may lie in the future."""

        def monotonic(self) -> float: ...

        def sleep(self, seconds: float) -> None: ...

        def wall_time(self) -> datetime:
            """The moment, with its zone."""
            ...


    class SystemClock:
        """The real clock."""

        def monotonic(self) -> float:
            return time.monotonic()

        def sleep(self, seconds: float) -> None:
            time.sleep(seconds)

        def wall_time(self) -> datetime:
            return datetime.fromtimestamp(time.time(), UTC)


    class Budget:
        """At most `per_minute` requests in any minute and 20 in any second, for all threads that share it.

    A `per_minute` above 1,200 lifts the limit per second in proportion: whoever sets it does not read
    from Aha! itself. Of `share` processes that read at the same time, each takes its part. Where a minute has
    `parts`, each has its part of the requests, so that nobody waits for a whole minute.
    """

        def __init__(self, per_minute: int, clock: Clock, share: int = 1, parts: int = 1) -> None:
            self._clock = clock
            self._lock = threading.Lock()
            per_second = max(REQUESTS_PER_SECOND, per_minute // 60)
            self._windows = (
                (60.0 / parts * WINDOW_MARGIN, max(1, per_minute // (share * parts)), deque[float]()),
                (1.0 * WINDOW_MARGIN, max(1, per_second // share), deque[float]()),
            )

        def take(self) -> None:
            """Wait until one more request is within the budget, and count it."""
            while (wait := self._try_take()) > 0:
                self._clock.sleep(wait)

        def _try_take(self) -> float:
            with self._lock:
                now = self._clock.monotonic()
                waits = []
                for length, limit, sent in self._windows:
                    while sent and sent[0] <= now - length:
                        sent.popleft()
                    if len(sent) >= limit:
                        waits.append(sent[0] + length - now)
                if waits:
                    # A hair more than computed: a wait that rounding swallows would be repeated for ever.
                    return max(waits) + 0.001
                for _, _, sent in self._windows:
                    sent.append(now)
                return 0.0


    def shared_budget(account: str, per_minute: int, clock: Clock, share: int = 1) -> Budget:
        """The budget of an account in this process, for all connectors, threads and partitions that read it.

    Spark unpickles this code anew for each task, so that no variable of it is shared within a process; the
    table of loaded modules is. A clock that is not the system's paces only whoever brought it.
    """
        if not isinstance(clock, SystemClock):
            return Budget(per_minute, clock, share)
        name = "_aha_lakeflow_budgets"
        budgets: dict[str, Budget] = sys.modules.setdefault(name, ModuleType(name)).__dict__
        # `setdefault` on a dict is atomic: two threads get the same budget.
        return budgets.setdefault(f"{account} {per_minute} {share}", Budget(per_minute, clock, share))


    # -------------------- connector/client.py --------------------
    # HTTP to Aha!: one request at a time, retried within bounds, checked before anybody reads it.

    API, GRAPHQL = "/api/v1", "/api/v2/graphql"
    USER_AGENT = "aha-lakeflow-connector (https://www.databricks.com; Lakeflow community connector)"
    SHOWN_CHARACTERS = 200
    CHUNK_BYTES = 65536
    # More than two clocks that are kept in time differ.
    CLOCKS_DIFFER = timedelta(minutes=5)
    # A smaller reset of a rate limit is a length of time and no moment.
    LEAST_MOMENT = 10**8


    @dataclass(frozen=True)
    class RetryPolicy:
        """How long to try. Seconds throughout.

    Attributes:
        attempts: requests sent for one answer, at most.
        connect_timeout, read_timeout: of one request.
        answer_timeout: of one answer as a whole, from the first byte sent to the last one received.
        first_wait: before the second attempt; doubled each time, up to `longest_wait`.
        longest_wait: also the most that one `Retry-After` is obeyed.
        total_wait: of all waits for one answer together.
    """

        attempts: int = 6
        connect_timeout: float = 10.0
        read_timeout: float = 60.0
        answer_timeout: float = 180.0
        first_wait: float = 1.0
        longest_wait: float = 120.0
        total_wait: float = 300.0


    class BearerAuth(requests.auth.AuthBase):
        """Puts the key, or the token, on a request, and keeps it out of reprs.

    Given as `auth`, because requests would otherwise prefer a `~/.netrc` entry to our header.
    """

        def __init__(self, credential: str) -> None:
            self._credential = credential

        def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
            request.headers["Authorization"] = f"Bearer {self._credential}"
            return request

        def __repr__(self) -> str:
            return "BearerAuth(...)"


    class Session(requests.Session):
        """A session that does not look where a redirect leads: it could carry the key to another host, and an
    address that is none would end in an error which quotes it."""

        def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002 - requests' interface
            return None


    @dataclass(frozen=True)
    class Answer:
        """A JSON object and when Aha! sent it.

    Attributes:
        body: the parsed JSON object.
        date: the answer's `Date`, whole seconds, UTC; None where it is missing or unreadable.
        shown: its first 200 characters for a message, without the key.
    """

        body: dict[str, Any]
        date: datetime | None
        shown: str = ""


    @dataclass(frozen=True)
    class Asked:
        """A request that only reads.

    Attributes:
        method, path, params, content: of the request.
        route: what a message calls it.
        passing: words of an error in a good answer that passes; "" for none.
    """

        method: str
        path: str
        route: str
        params: Mapping[str, str]
        content: str | None = None
        passing: str = ""


    class AhaClient:
        """Requests to one Aha! account, from any number of threads.

    Nothing is opened before the first request, and a client can be pickled: without what it opened.
    """

        def __init__(
            self, settings: Settings, *, clock: Clock | None = None, policy: RetryPolicy | None = None
        ) -> None:
            self._settings = settings
            self._clock = clock or SystemClock()
            self._policy = policy or RetryPolicy()
            self._prepare()

        def _prepare(self) -> None:
            # A session for each thread: requests does not promise that threads can share one.
            self._local = threading.local()
            self._warned = False
            self._parent: int | None = None
            self._budget = shared_budget(
                self.origin, self._settings.requests_per_minute, self._clock, self._settings.budget_share
            )

        def sharing(self, share: int) -> "AhaClient":
            """A client for the same account with one of `share` equal parts of the budget."""
            return AhaClient(replace(self._settings, budget_share=share), clock=self._clock, policy=self._policy)

        @property
        def latest(self) -> datetime:
            """The latest moment that it may be by this machine's clock."""
            return self._clock.wall_time() + CLOCKS_DIFFER

        @property
        def origin(self) -> str:
            """`scheme://host[:port]` of the account."""
            return self._settings.origin

        def __getstate__(self) -> dict[str, Any]:
            return {name: value for name, value in self.__dict__.items() if name not in ("_local", "_budget")}

        def __setstate__(self, state: dict[str, Any]) -> None:
            self.__dict__.update(state)
            self._prepare()

        def get(self, path: str, params: Mapping[str, str]) -> Answer:
            """GET `path` (below /api/v1) and return its JSON object.

        Retried: connection faults, 429 and 5xx, with a back-off that doubles and is bounded. Each retry is
        logged as a warning.

        Raises:
            AhaConnectionError: no complete answer after all attempts.
            AhaStatusError: an error status, by status (see `connector.errors`).
            AhaResponseError: the answer is not a JSON object, or is a redirect.
        """
            return self._ask(Asked("GET", API + path, f"GET {path}", params))

        def query(self, query: str, variables: Mapping[str, Any], *, passing: str) -> Answer:
            """POST a GraphQL query and return its JSON object, `errors` and all.

        Args:
            passing: the words of an error that comes with 200 and passes: retried like a 5xx.

        Raises:
            AhaError: as `get`; AhaServerError also where the passing error stayed.
        """
            content = json.dumps({"query": query, "variables": variables})
            return self._ask(Asked("POST", GRAPHQL, "POST /graphql", {}, content, passing))

        def _ask(self, asked: Asked) -> Answer:
            waited = 0.0
            for attempt in range(1, self._policy.attempts + 1):
                wait = self._policy.first_wait * float(2 ** (attempt - 1))
                try:
                    response, content = self._send(asked)
                except (requests.RequestException, SlowAnswerError) as error:
                    why = self._show(reason_of(error))
                    failure: AhaError = AhaConnectionError(
                        f"{asked.route} got no answer from {self._settings.origin} ({why}). "
                        "Check the network and `subdomain`, then run again; nothing was lost."
                    )
                else:
                    if response.status_code == 200 and is_broken_off(content):
                        failure = AhaConnectionError(
                            f"{asked.route} answered JSON that breaks off after {len(content)} bytes, each time. "
                            "A proxy between here and Aha! may cut answers. Run again; nothing was lost."
                        )
                    elif response.status_code == 200:
                        answer = self._parse(asked.route, response, content)
                        if not (asked.passing and asked.passing in json.dumps(answer.body.get("errors"))):
                            return answer
                        failure = AhaServerError(f"{asked.route} answered: {asked.passing}.", 200)
                    else:
                        failure = self._refusal(asked.route, response, content)
                        if not (response.status_code in RETRIED_STATUSES or is_of_the_wire(failure, asked)):
                            raise failure
                    if response.status_code == 429:
                        # Whatever a refusal says: all waits together let a minute's window pass.
                        wait = max(2 * wait, rate_limit_wait(response.headers, content))
                wait = min(wait, self._policy.longest_wait)
                if attempt == self._policy.attempts or waited + wait > self._policy.total_wait:
                    # `from None`: the library's exception holds the request, and with it the key.
                    raise failure from None
                warn(
                    "%s failed in attempt %d of %d, next in %.0f s: %s",
                    asked.route,
                    attempt,
                    self._policy.attempts,
                    wait,
                    failure,
                )
                waited += wait
                self._clock.sleep(wait)
            raise AssertionError("unreachable: the last attempt returns or raises")

        def _send(self, asked: Asked) -> tuple[requests.Response, bytes]:
            if not hasattr(self._local, "session"):
                self._local.session = self._open_session()
            self._budget.take()
            self._require_parent()
            session = self._local.session

            def receive() -> tuple[requests.Response, bytes]:
                with session.request(
                    asked.method,
                    f"{self._settings.origin}{asked.path}",
                    params=asked.params,
                    data=asked.content,
                    timeout=(self._policy.connect_timeout, self._policy.read_timeout),
                    allow_redirects=False,
                    stream=True,
                ) as response:
                    return response, b"".join(response.iter_content(CHUNK_BYTES))

            try:
                return call_within(self._policy.answer_timeout, receive)
            except SlowAnswerError:
                # What still drips into it must not come before the next answer.
                del self._local.session
                raise

        def _require_parent(self) -> None:
            """Refuse to go on for nobody: Spark's Python workers outlive a driver that was killed."""
            parent = os.getppid()
            self._parent = self._parent or parent
            if parent != self._parent:
                raise AhaOrphanedError(
                    "The process that began this read has ended, so no more requests are sent. Nothing was lost: "
                    "the next run reads from the last finished batch."
                )

        def _open_session(self) -> requests.Session:
            session = Session()
            session.auth = BearerAuth(self._settings.credential)
            session.headers.update(
                {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": USER_AGENT}
            )
            # An environment's proxy must not see what is meant for this machine.
            session.trust_env = not self._settings.is_local
            return session

        def _refusal(self, route: str, response: requests.Response, content: bytes) -> AhaError:
            if 300 <= response.status_code < 400:
                return AhaResponseError(
                    f"{route} was redirected ({response.status_code}), which is not followed, so that the key "
                    "stays with one host. Check `subdomain` and `base_url`."
                )
            said = self._show(error_text(content))
            reason = self._show(response.reason or "")
            told = " ".join(part for part in (str(response.status_code), reason, said and f"({said})") if part)
            error = status_error(response.status_code, f"{route} answered {told}.")
            if isinstance(error, AhaNotFoundError):
                error.own = isinstance(parse_json(content), dict)
            return error

        def _parse(self, route: str, response: requests.Response, content: bytes) -> Answer:
            body = parse_json(content)
            shown = self._show(content.decode(errors="replace"))
            if not isinstance(body, dict):
                kind = self._show(response.headers.get("Content-Type", "no content type"))
                raise AhaResponseError(
                    f"{route} answered 200 with something else than a JSON object ({kind}). "
                    f"Received: {shown!r}. Check `subdomain`: a login page looks like this."
                )
            return Answer(body, self._plausible(parse_date(response.headers.get("Date"))), shown)

        def _plausible(self, date: datetime | None) -> datetime | None:
            """A `Date`, or this machine's time where that is earlier by more than clocks differ: a cursor that
        lies in the future would skip what happens until then, and an early one only reads again."""
            now = self._clock.wall_time()
            if date is None or date <= now + CLOCKS_DIFFER:
                return date
            if not self._warned:
                self._warned = True
                warn(
                    "An answer of %s is dated %s, and this machine's clock says %s: the earlier counts. If this "
                    "machine's clock is late, set it.",
                    self._settings.origin,
                    date.isoformat(),
                    now.isoformat(timespec="seconds"),
                )
            return now

        def _show(self, text: str) -> str:
            """The only way of a server's words into a message: without the key, and then cut."""
            return text.replace(self._settings.credential, "[api key]")[:SHOWN_CHARACTERS]


    def reason_of(error: Exception) -> str:
        """Why no answer came, without the address, whose parameters fill a page."""
        noise = r"Max retries exceeded with url: \S+|<[^>]*object at 0x\w+>:?|HTTPS?Connection(Pool)?\([^()]*\):"
        text = re.sub(noise, "", str(error))
        return f"{type(error).__name__}: {' '.join(text.split())}"


    def is_of_the_wire(failure: AhaError, asked: Asked) -> bool:
        """Whether a list is not found by the words of another than Aha!."""
        return isinstance(failure, AhaNotFoundError) and not failure.own and asked.method == "GET"


    def is_broken_off(content: bytes) -> bool:
        """Whether an answer began as JSON, or not at all, and is none."""
        return content.lstrip()[:1] in (b"", b"{", b"[") and not _is_json(content)


    def _is_json(content: bytes) -> bool:
        try:
            json.loads(content)
        except RecursionError:
            return True
        except ValueError as error:
            # Python's own bound for numbers is no end of a text.
            return "Exceeds the limit" in str(error)
        return True


    def parse_json(content: bytes) -> Any:
        """JSON as UTF-8, whatever a header says; None where it is not JSON, or holds what JSON has not (NaN)."""

        def refuse(name: str) -> None:
            raise ValueError(name)

        try:
            return json.loads(content, parse_constant=refuse)
        except (ValueError, RecursionError):
            return None


    def parse_date(value: str | None) -> datetime | None:
        """An HTTP `Date` in UTC, or None."""
        try:
            date = parsedate_to_datetime(value or "")
            # HTTP dates are in GMT, also where they do not say so.
            return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            return None


    def rate_limit_wait(headers: Mapping[str, str], content: bytes) -> float:
        """Seconds to wait after a 429."""
        return rate_limit_told(headers, content)[1]


    def rate_limit_told(headers: Mapping[str, str], content: bytes) -> tuple[str, float]:
        """What a 429 tells about when to come back, and the seconds to wait.

    `Retry-After` (`retry_after`), else until `X-Ratelimit-Reset` by Aha!'s own clock (`reset`), else the
    seconds that the message names (`message`), else 60 (""). Which of these Aha! sends is not confirmed, so
    all are read.
    """
        after = headers.get("Retry-After") or headers.get("retry_after") or ""
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", after):
            return "retry_after", float(after)
        date = parse_date(headers.get("Date"))
        until, way = parse_date(after), "retry_after"
        reset = headers.get("X-Ratelimit-Reset", "")
        if until is None and re.fullmatch(r"[0-9]{1,11}", reset):
            way = "reset"
            if int(reset) < LEAST_MOMENT:
                return way, float(reset)
            until = datetime.fromtimestamp(int(reset), UTC)
        if until is not None and date is not None:
            # `Date` is cut to whole seconds, so the moment itself may be up to a second later.
            return way, max((until - date).total_seconds(), 0.0) + 1.0
        named = re.search(r"(\d{1,9})\s*seconds?", error_text(content))
        return ("message", float(named.group(1))) if named else ("", 60.0)


    def error_text(content: bytes) -> str:
        """What an error body says: Aha! uses several shapes, HTML among them."""
        body = parse_json(content)
        if body is None:
            text = content.decode(errors="replace").strip()
            return "" if text.startswith("<") else text
        if not isinstance(body, dict):
            return ""
        errors = body.get("errors")
        first = errors[0] if isinstance(errors, list) and errors else errors
        message = first.get("message") if isinstance(first, dict) else first
        for candidate in (message, body.get("error"), body.get("message")):
            if isinstance(candidate, str) and candidate:
                return candidate
        return ""


    # -------------------- connector/listing.py --------------------
    # One page of one list, checked before anybody reads it.

    Row = dict[str, Any]


    @dataclass(frozen=True)
    class Page:
        """One page of a list.

    Attributes:
        rows: its JSON objects, each with an `id`.
        total: rows in the whole list when the page was made.
        last: whether no page follows.
        date: Aha!'s clock when it answered, whole seconds; None where it did not say.
    """

        rows: list[Row]
        total: int
        last: bool
        date: datetime | None


    @dataclass(frozen=True)
    class Listing:
        """A list route and how it is asked for.

    Attributes:
        path: below /api/v1.
        root: the key of the list in the answer.
        params: sent with every page.
        size: rows per page.
        paged: whether an answer without `pagination` is a fault; otherwise such an answer is the whole list.
    """

        path: str
        root: str
        params: tuple[tuple[str, str], ...]
        size: int
        paged: bool = True

        def below(self, parent: str, key: str = "") -> "Listing":
            """The list of one parent, for a path with `{parent}`, and perhaps `{key}`."""
            return replace(self, path=self.path.format(parent=parent, key=key))

        def with_params(self, *params: tuple[str, str]) -> "Listing":
            """The list narrowed by more parameters."""
            return replace(self, params=(*self.params, *params))

        def fetch(self, client: AhaClient, number: int) -> Page:
            """Page `number`, counted from 1.

        Raises:
            AhaError: as `AhaClient.get`; AhaResponseError also where the answer contradicts itself.
        """
            params = dict(self.params) | {"page": str(number), "per_page": str(self.size)}
            return self._check(client.get(self.path, params), number)

        def _check(self, answer: Answer, number: int) -> Page:
            rows, pagination = answer.body.get(self.root), answer.body.get("pagination")
            if not isinstance(rows, list) or not all(map(is_row, rows)):
                raise self._unexpected(f"a list of objects with an `id` under `{self.root}`", answer)
            if len({str(row["id"]) for row in rows}) < len(rows):
                raise self._unexpected(f"each row of page {number} once", answer)
            if pagination is None and not self.paged and number == 1:
                return Page(rows, len(rows), True, answer.date)
            names = ("total_records", "total_pages", "current_page")
            numbers: list[Any] = [pagination.get(name) for name in names] if isinstance(pagination, dict) else []
            if len(numbers) != 3 or not all(type(value) is int and value >= 0 for value in numbers):
                raise self._unexpected("`pagination` with the counts " + ", ".join(names), answer)
            total, pages, current = numbers
            needed = math.ceil(total / self.size)
            if current != number or pages < needed or pages > total or len(rows) > total:
                raise self._unexpected(
                    f"page {number} and room for {total} rows, {self.size} to a page, in `pagination`", answer
                )
            # A server that gives fewer rows a page than asked for says more pages than needed.
            due = min(self.size, max(0, total - (number - 1) * self.size)) if pages == needed else min(1, total)
            if number <= pages and len(rows) < due:
                raise self._unexpected(f"{due} rows on page {number} of {pages}", answer)
            return Page(rows, total, number >= pages, answer.date)

        def _unexpected(self, wanted: str, answer: Answer) -> AhaResponseError:
            return AhaResponseError(
                f"GET {self.path} answered without {wanted}. Received: {answer.shown}. "
                "Nothing was lost; if it stays so, Aha!'s API has changed and this connector needs an update."
            )


    def is_row(row: Any) -> bool:
        """Whether a JSON value is a row: an object with an `id`."""
        return isinstance(row, dict) and type(row.get("id")) in (str, int) and row["id"] != ""


    # -------------------- connector/servertime.py --------------------
    # Aha!'s clock, by which a sync goes: the `Date` of its answers, and its rows' times.

    # `Date` is cut to seconds, and may be stamped after the rows were looked up.
    CLOCK_MARGIN = timedelta(seconds=2)
    AS_SORTED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
    AS_DOCUMENTED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


    def require_clock(started: str, path: str) -> str:
        """`started`, unless it is empty.

    Raises:
        AhaResponseError: Aha! did not say what time it is.
    """
        if not started:
            raise AhaResponseError(
                f"GET {path} answered without a readable `Date` header, the sync's only clock. "
                "A proxy between here and Aha! may have removed it."
            )
        return started


    def format_time(moment: datetime) -> str:
        """Whole seconds, UTC: `2025-09-02T10:00:00Z`."""
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


    def parse_time(text: str) -> datetime:
        """A moment; of a text that names no zone, in UTC.

    Raises:
        ValueError, OverflowError: it is none.
    """
        found = datetime.fromisoformat(text)
        return found if found.tzinfo else found.replace(tzinfo=UTC)


    def as_documented(text: str) -> str:
        """A time as Aha! writes it: `2025-09-02T10:00:00.000Z`, so that texts sort as times do.

    Raises:
        ValueError, OverflowError: it is none.
    """
        if AS_SORTED.fullmatch(text):
            return text
        moment = parse_time(text).astimezone(UTC)
        precision = "microseconds" if moment.microsecond % 1000 else "milliseconds"
        return moment.isoformat(timespec=precision).removesuffix("+00:00") + "Z"


    def readable(text: Any) -> str | None:
        """A time as Aha! writes it; None of what is none."""
        try:
            return as_documented(text) if isinstance(text, str) else None
        except (ValueError, OverflowError):
            return None


    def shift(time: str, by: timedelta) -> str:
        return format_time(datetime.fromisoformat(time) + by)


    def changed_before(row: Row, time: str, *fields: str) -> bool:
        """Whether a row's last change lies in a second before `time`; a row that does not say so, to the second,
    does not: what cannot be read is new.

    The first of `fields` that the row has tells, by default `updated_at`.
    """
        changed = next((row[name] for name in fields or ("updated_at",) if row.get(name)), None)
        if not isinstance(changed, str):
            return False
        if not AS_DOCUMENTED.fullmatch(changed):
            if len(changed) <= len("2025-09-02"):
                return False
            try:
                changed = format_time(parse_time(changed))
            except (ValueError, OverflowError):
                return False
        return changed[:19] < time[:19]


    # -------------------- connector/tables/types.py --------------------
    # The types that rows are made of, and the objects that many kinds of records share.
    #
    # Field names and types follow Aha!'s published reference. Ids are strings everywhere, because Aha!
    # sends an id as a number when it is small and as a string when it is large. Timestamps stay ISO 8601
    # strings, and dates `YYYY-MM-DD`. Objects that Aha! leaves out are null.

    TEXT = StringType()
    COUNT = LongType()
    NUMBER = DoubleType()
    FLAG = BooleanType()
    # Fields whose JSON type varies are kept as JSON text: a custom field's value is a string, a number, a list
    # or an object, by the kind of field. All record types carry custom fields in the same way.
    JSON_TEXT_PATHS = frozenset({"custom_fields.value"})
    # The column for values that fit none, named as Databricks' own readers name it.
    RESCUED = "_rescued_data"


    def struct(**fields: DataType) -> StructType:
        """A struct of nullable fields in the given order."""
        return StructType([StructField(name, kind) for name, kind in fields.items()])


    def listing(element: DataType) -> ArrayType:
        return ArrayType(element)


    def table_schema(**fields: DataType) -> StructType:
        """A struct whose `id` is never null: a row without one cannot be merged. Nor is `changed_at`, which the
    connector itself writes. Its last column takes what fits no other."""
        sure = ("id", "changed_at")
        columns = {**fields, RESCUED: TEXT}
        return StructType([StructField(name, kind, name not in sure) for name, kind in columns.items()])


    def with_native_times(schema: StructType) -> StructType:
        """A schema whose times are timestamps: fields named `*_at`, and `updatedAt` of custom fields."""
        return StructType(
            [StructField(field.name, _native(field.name, field.dataType), field.nullable) for field in schema]
        )


    def _native(name: str, kind: DataType) -> DataType:
        if isinstance(kind, StructType):
            return with_native_times(kind)
        if isinstance(kind, ArrayType):
            return ArrayType(_native(name, kind.elementType), kind.containsNull)
        return TimestampType() if name.endswith("_at") or name == "updatedAt" else kind


    def field_names(schema: DataType) -> list[str]:
        """All field names of a schema at every level, each once, in order of appearance.

    Aha!'s `fields` parameter applies one list of names at every nesting level.
    """
        names: dict[str, None] = {}
        pending: list[DataType] = [schema]
        while pending:
            kind = pending.pop(0)
            if isinstance(kind, ArrayType):
                pending.append(kind.elementType)
            elif isinstance(kind, StructType):
                for field in kind.fields:
                    names[field.name] = None
                    pending.append(field.dataType)
        return list(names)


    ATTACHMENT = struct(
        id=TEXT,
        download_url=TEXT,
        created_at=TEXT,
        updated_at=TEXT,
        original_file_size=COUNT,
        content_type=TEXT,
        file_name=TEXT,
        file_size=COUNT,
    )
    NOTE = struct(
        id=TEXT,
        body=TEXT,
        editor_version=COUNT,
        created_at=TEXT,
        updated_at=TEXT,
        attachments=listing(ATTACHMENT),
    )
    USER = struct(id=TEXT, name=TEXT, email=TEXT, created_at=TEXT, updated_at=TEXT)
    ASSIGNEE = struct(id=TEXT, name=TEXT, email=TEXT, created_at=TEXT, updated_at=TEXT, default_assignee=FLAG)
    PORTAL_USER = struct(id=TEXT, name=TEXT, email=TEXT, created_at=TEXT)
    IDEA_USER = struct(id=TEXT, name=TEXT, email=TEXT, created_at=TEXT, title=TEXT)
    WORKFLOW_STATUS = struct(id=TEXT, name=TEXT, position=COUNT, complete=FLAG, color=TEXT)
    STATUS_TIME = struct(status_id=TEXT, status_name=TEXT, started_at=TEXT, ended_at=TEXT)
    SCORE_FACT = struct(id=TEXT, value=NUMBER, name=TEXT)
    TAG = struct(id=TEXT, name=TEXT, color=TEXT)
    ORGANIZATION = struct(id=TEXT, name=TEXT, created_at=TEXT, url=TEXT, resource=TEXT)
    INTEGRATION_FIELD = struct(
        id=TEXT, name=TEXT, value=TEXT, integration_id=TEXT, service_name=TEXT, created_at=TEXT
    )
    CUSTOM_FIELD = struct(
        id=TEXT,
        key=TEXT,
        name=TEXT,
        updatedAt=TEXT,
        type=TEXT,
        value=TEXT,
        body=TEXT,
        editor_version=COUNT,
        created_at=TEXT,
        updated_at=TEXT,
        attachments=listing(ATTACHMENT),
        score_facts=listing(SCORE_FACT),
    )
    CUSTOM_OBJECT_LINK = struct(key=TEXT, name=TEXT, record_type=TEXT, record_ids=listing(TEXT))
    WORKSPACE = struct(
        id=TEXT,
        reference_prefix=TEXT,
        name=TEXT,
        product_line=FLAG,
        created_at=TEXT,
        workspace_type=TEXT,
        url=TEXT,
    )
    # How another record is named inside one.
    STUB = struct(
        id=TEXT, reference_num=TEXT, name=TEXT, created_at=TEXT, url=TEXT, resource=TEXT, product_id=TEXT
    )
    DESCRIBED_STUB = struct(
        id=TEXT,
        reference_num=TEXT,
        name=TEXT,
        url=TEXT,
        resource=TEXT,
        created_at=TEXT,
        description=NOTE,
    )
    RELEASE_STUB = struct(
        id=TEXT,
        reference_num=TEXT,
        name=TEXT,
        start_date=TEXT,
        release_date=TEXT,
        parking_lot=FLAG,
        created_at=TEXT,
        product_id=TEXT,
        url=TEXT,
        resource=TEXT,
        owner=USER,
        project=WORKSPACE,
    )
    TIME_FRAME = struct(id=TEXT, name=TEXT)
    TRACKED_TIME = struct(id=TEXT, user=USER, occurred_on=TEXT, work_done=NUMBER, work_units=COUNT)


    # -------------------- connector/tables/declaration.py --------------------
    # What a declaration of a table may say.

    # The filters by which a list tells only what is new: by time of change, by time of making, by id.
    UPDATED_SINCE, AFTER_ID = "updated_since", "after_id"
    # The connector's own column, for tables whose rows do not always say when they changed.
    CHANGED_AT = "changed_at"


    @dataclass(frozen=True)
    class Route:
        """A list of Aha!'s API.

    Attributes:
        path: below /api/v1; `{parent}` stands for a parent's id, `{key}` for one of `custom_object_keys`.
        root: the key of the list in the answers.
        params: sent with every request.
        since: the filter by which it tells only what is new, or None where it has none.
        fields: whether the columns are asked for by name, because the list would leave some out.
        created: whether it can be narrowed by time of creation, so that a full read can be split.
        ideas: whether it can be narrowed by the options that are about ideas.
        paged: whether its answers have pages.
        workspace: the same list of one workspace, `{parent}`, where there is one.
    """

        path: str
        root: str
        params: tuple[tuple[str, str], ...] = ()
        since: str | None = None
        fields: bool = False
        created: bool = False
        ideas: bool = False
        paged: bool = True
        workspace: str | None = None


    @dataclass(frozen=True)
    class Parents:
        """Records of another table, below each of which a list stands.

    Attributes:
        table: whose.
        column: the column that holds the parent's id; "" where rows say it themselves.
        changed: whether only parents that changed are read, each with all of its rows; otherwise all are,
            and of their rows those that changed.
        count: the parent's field that is 0, or an empty list, where there is nothing to read.
        digest: the fields of GraphQL that say so of an idea, and when the last one came, where REST does not.
        stubs: the parent's field that lists its rows with their times: it is read where one of them moved.
        where: a field of the parent and the text that it must hold for there to be a list.
        shared: whether a row may stand below several of them: one read brings it once.
    """

        table: str
        column: str = ""
        changed: bool = False
        count: str | None = None
        digest: tuple[str, str] | None = None
        stubs: str | None = None
        where: tuple[str, str] | None = None
        shared: bool = False


    @dataclass(frozen=True)
    class Source:
        """Where rows come from: one list, or one below each of some parents."""

        route: Route
        parents: Parents | None = None


    @dataclass(frozen=True)
    class Detail:
        """Where one whole record stands: `{id}` in the path is its own."""

        path: str
        root: str


    @dataclass(frozen=True)
    class Table:
        """One table: a declaration, no code.

    Attributes:
        name: in Databricks.
        schema: the row.
        source: where rows come from.
        narrowed: where they come from when an option narrows the ideas, and `source` cannot be narrowed.
        time: the field that says when a row changed; None where none does.
        part: the field of a listed record that holds the rows, where the rows are parts of it.
        detail: where a record stands whole, if its list may leave out what the table needs.
        always_detailed: whether the list always does, so that every row costs a call.
        json_text: columns whose JSON type varies, or is not published: they are kept as JSON text.
        flags: (column, field): the column tells whether the row has that field.
        workspace: the field that names a row's workspace, `self` for the row itself; None where none does.
        late: seconds after which a row appears, at most, where that is longer than for other tables.
        append: whether rows never change.
        audited_as: how audits may spell this kind of record; Aha! documents the spelling of votes alone.
        primary_keys, cursor_field: what Lakeflow is told.
        opt_in: whether it is read only where it is named, because of what it costs.
        requires: the plan or role that Aha! asks for, as far as it is known.
        note: what a reader of the table must know.
    """

        name: str
        schema: StructType
        source: Source
        narrowed: Source | None = None
        time: str | None = "updated_at"
        part: str | None = None
        detail: Detail | None = None
        always_detailed: bool = False
        json_text: tuple[str, ...] = ()
        flags: tuple[tuple[str, str], ...] = ()
        workspace: str | None = None
        late: int = 0
        append: bool = False
        audited_as: tuple[str, ...] = ()
        primary_keys: tuple[str, ...] = ("id",)
        cursor_field: str = "updated_at"
        opt_in: bool = False
        requires: str = ""
        note: str = ""

        @property
        def is_snapshot(self) -> bool:
            """Whether nothing says what changed, so that each read is everything."""
            return self.time is None and self.source.route.since is None

        @property
        def ingestion_type(self) -> str:
            if self.append:
                return "append"
            return "snapshot" if self.is_snapshot else "cdc"

        @property
        def tracks_deletes(self) -> bool:
            """Whether audits tell which of its rows were deleted."""
            return bool(self.audited_as) and self.ingestion_type == "cdc"

        @property
        def of_ideas(self) -> bool:
            """Whether its rows are ideas, or hang below them."""
            sources = (self.source, self.narrowed)
            return any(
                found.route.ideas or (found.parents and found.parents.table == "ideas")
                for found in sources
                if found
            )

        @property
        def spellings(self) -> frozenset[str]:
            """`audited_as` as `letters`."""
            return frozenset(map(letters, self.audited_as))

        @property
        def asked_fields(self) -> list[str]:
            """The names of what Aha! is asked for: all but what the connector itself adds."""
            own = {CHANGED_AT, RESCUED, *(column for column, _ in self.flags)}
            given = [field for field in self.schema if field.name not in own]
            names = field_names(StructType(given))
            return [*names, self.part] if self.part else names


    def letters(text: str) -> str:
        """A type's letters: `Ideas::IdeaComment` and `ideas/idea_comment` are the same."""
        return "".join(char for char in text.lower() if char.isalpha())


    # -------------------- connector/audits.py --------------------
    # Aha!'s audits: what happened since one of them, and to which records.
    #
    # Audits only grow, and `after_id` gives those with a larger id: all pages after one id are read, and the next
    # read goes on after the last id that nothing can come before any more. What is younger is read again, because
    # an audit may become visible after one with a larger id.

    # How an audit may spell the idea that a comment or a vote belongs to, and what else a comment may stand at,
    # as `letters`: the audits of all internal comments are spelled alike.
    IDEAS = frozenset(map(letters, ("ideas/idea", "idea")))
    ELSEWHERE = frozenset(
        (
            *("annotation", "competitor", "epic", "feature", "goal", "initiative", "keyresult", "masterfeature"),
            *("page", "persona", "project", "release", "releasephase", "requirement", "strategicimperative"),
            "task",
        )
    )


    @dataclass
    class Audits:
        """Some audits.

    Attributes:
        entries: id → audit.
        young: ids of those before which others may still become visible.
        untold: ids of those that do not say when they were made: as old as the next one that does.
        read_at: server time of the read.
    """

        entries: dict[int, Row] = field(default_factory=dict)
        young: set[int] = field(default_factory=set)
        untold: set[int] = field(default_factory=set)
        read_at: str = ""

        @property
        def settled(self) -> int | None:
            """The last id that nothing can come before any more; None where there is none."""
            old = max(self.entries.keys() - self.young - self.untold, default=-1)
            first = min((*self.young, *(one for one in self.untold if one > old)), default=None)
            return max((one for one in self.entries if first is None or one < first), default=None)


    @dataclass(frozen=True)
    class AuditList:
        """The audits of an account.

    Args:
        size: audits per page.
        late: how long an audit may take to become visible.
        params: that narrow them.
    """

        client: AhaClient
        size: int
        late: timedelta
        params: tuple[tuple[str, str], ...] = ()

        def after(self, identity: int | None) -> Audits:
            """All audits with a larger id; all there are after None: Aha! keeps 12 months (documented).

        Raises:
            AhaError: a request failed, or an answer is not as documented.
        """
            listing = self._listing(*((("after_id", str(identity)),) if identity is not None else ()))
            found = Audits()
            horizon, number = "", 1
            while True:
                page = listing.fetch(self.client, number)
                horizon = horizon or self._horizon(page, listing)
                if page.date and not found.read_at:
                    found.read_at = format_time(page.date)
                for one, audit in _numbered(page):
                    if identity is not None and one <= identity:
                        raise unexpected_audits(f"only audits after {identity}, but also {one}")
                    found.entries[one] = audit
                    if readable(audit.get("created_at")) is None:
                        found.untold.add(one)
                    elif not changed_before(audit, horizon, "created_at"):
                        found.young.add(one)
                if page.last:
                    return found
                number += 1

        def newest(self) -> int | None:
            """The last id that nothing can come before any more, in two calls; None where there is no audit."""
            listing = self._listing()
            first = listing.fetch(self.client, 1)
            horizon = self._horizon(first, listing)
            pages = [first]
            if not first.last:
                pages.append(listing.fetch(self.client, -(-first.total // self.size)))
            found = {one: audit for page in pages for one, audit in _numbered(page)}
            young = [one for one, audit in found.items() if not changed_before(audit, horizon, "created_at")]
            return min(young) - 1 if young else max(found, default=None)

        def _listing(self, *params: tuple[str, str]) -> Listing:
            return Listing("/audits", "audits", (*self.params, *params), self.size)

        def _horizon(self, page: Page, listing: Listing) -> str:
            now = require_clock(format_time(page.date) if page.date else "", listing.path)
            return shift(now, -self.late - CLOCK_MARGIN)


    def ideas_named(audits: Audits, spellings: frozenset[str]) -> dict[str, bool] | None:
        """The ideas of whose comments (or votes) some audits tell, and whether they may be told of again.

    None where an audit does not name the idea as is documented.
    """
        settled, out = audits.settled or 0, dict[str, bool]()
        for one, audit in audits.entries.items():
            if spelling_of(audit) not in spellings or stands_elsewhere(audit):
                continue
            idea = idea_named(audit)
            if idea is None:
                return None
            out[idea] = out.get(idea, False) or one > settled
        return out


    def idea_named(audit: Row) -> str | None:
        """The id of the idea that an audit of a comment or a vote names; None where it names none."""
        kind, idea = audit.get("associated_type"), str(audit.get("associated_id"))
        return idea if isinstance(kind, str) and letters(kind) in IDEAS and idea.isdecimal() else None


    def stands_elsewhere(audit: Row) -> bool:
        """Whether an audit names another record that comments stand at."""
        kind = audit.get("associated_type")
        return isinstance(kind, str) and letters(kind) in ELSEWHERE


    def spelling_of(audit: Row) -> str:
        """What an audit is of, as `letters`.

    Raises:
        AhaResponseError: it does not say.
    """
        kind = audit.get("auditable_type")
        if not isinstance(kind, str):
            raise unexpected_audits("an `auditable_type` for each audit")
        return letters(kind)


    def number_in(audit: Row, name: str) -> int:
        """An id in an audit. Raises AhaResponseError where it is none."""
        value = audit.get(name)
        if not str(value).isdecimal():
            raise unexpected_audits(f"a number as `{name}` of each audit, not {type(value).__name__}")
        return int(str(value))


    def unexpected_audits(wanted: str) -> AhaResponseError:
        return AhaResponseError(
            f"GET /audits was to answer with {wanted}. Nothing was lost; if it stays so, Aha!'s API has changed "
            "and this connector needs an update."
        )


    def _numbered(page: Page) -> Iterator[tuple[int, Row]]:
        return ((number_in(audit, "id"), audit) for audit in page.rows)


    # -------------------- connector/counts.py --------------------
    # How many records are said to hang below a row, and whether that is believed.
    #
    # Where a row says 0, a call is saved, and a wrong 0 would lose rows without a word. Nobody has confirmed what
    # Aha! counts. So counts are believed only after they agreed with the lists: those of the first rows are all
    # asked for and compared, until one was there; and again at each reconciliation.

    UNPROVEN, AGREED, DOUBTED, REFUTED = "", "agreed", "doubted", "refuted"


    class CountsRefutedError(Exception):
        """A count that was believed is wrong: rows were left out because of it."""


    @dataclass(frozen=True)
    class Told:
        """What is said to hang below a row.

    Attributes:
        count: how many records; None where nothing is said.
        mark: differs where something may have changed; "" where nothing is said.
    """

        count: int | None = None
        mark: str = ""


    NOTHING = Told()
    Teller = Callable[[list[Row]], dict[str, Told]]


    class Counts:
        """What is said, and what of it is believed.

    Args:
        ask: rows → what is said of each, by id.
        state: what is known of it: nothing; that it agreed; that it agreed and is to be tried again; that it
            was wrong.
        what: its name, for the log.

    Attributes:
        state: as given, and as it became.
    """

        def __init__(self, ask: Teller, state: str, what: str) -> None:
            self._ask = ask
            self._what = what
            self.state = state if state in (AGREED, DOUBTED, REFUTED) else UNPROVEN
            self._silent = False

        @property
        def is_told(self) -> bool:
            """Whether anything is said that may be believed."""
            return self.state != REFUTED and not self._silent

        @property
        def is_doubted(self) -> bool:
            """Whether what agreed once is to be tried again."""
            return self.state == DOUBTED and self.is_told

        def tell(self, rows: list[Row]) -> dict[str, Told]:
            """What is said of rows, by their ids."""
            if not (rows and self.is_told):
                return {}
            told = self._ask(rows)
            self._silent = not told
            return told

        def doubt(self) -> None:
            """Believe no longer, until it agreed again."""
            if self.state == AGREED:
                self.state = DOUBTED

        def is_believed(self, *, sampled: bool) -> bool:
            """Whether a 0 saves a call. `sampled`: for a row of the sample, should there be need of one."""
            return self.state == AGREED or (self.state == DOUBTED and not sampled)

        def compare(self, found: Iterable[tuple[Told, list[Row]]], cursor: str) -> None:
            """Learn from rows that were asked for. What was made since `cursor` proves nothing.

        Raises:
            CountsRefutedError: what was believed before is wrong.
        """
            if self.state == REFUTED:
                return
            proofs = [
                told.count
                for told, records in found
                if told.count is not None
                and any(changed_before(record, cursor, "created_at") for record in records)
            ]
            if 0 in proofs:
                warn("%s says that nothing is there where something is: it is not used again.", self._what)
                believed, self.state = self.state in (AGREED, DOUBTED), REFUTED
                if believed:
                    raise CountsRefutedError
            elif proofs and self.state != AGREED:
                self.state = AGREED


    def tell_by_field(field: str) -> Teller:
        """What rows say themselves, in one of their fields."""

        def tell(rows: list[Row]) -> dict[str, Told]:
            return {str(row["id"]): told_of(row.get(field)) for row in rows}

        return tell


    def told_of(value: object, more: object = None) -> Told:
        """A count, and what else tells that something changed; nothing, where it is none."""
        if type(value) is not int or value < 0:
            return NOTHING
        return Told(value, f"{value}" if more is None else f"{value} {more}")


    # -------------------- connector/offsets.py --------------------
    # What a sync remembers: a small JSON object that Spark keeps in its checkpoint.

    VERSION = 1
    # Fingerprints of single rows up to this many, of buckets of rows beyond: an offset stays under 16 KiB.
    EXACT_ROWS = 150
    BUCKETS = 256
    ROLL_BUCKETS = 256


    def digest(value: Any) -> int:
        """A 64-bit digest of a JSON value, the same in every process."""
        text = json.dumps(value, sort_keys=True, separators=(",", ":"))
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


    @dataclass(frozen=True)
    class Seen:
        """Which rows of the re-read overlap were delivered, in bounded space.

    A row is known by a digest of its content. Up to `EXACT_ROWS` rows are told apart singly; more are
    put into buckets by id, and a bucket counts as delivered only if all its rows are unchanged. So a
    row may be delivered twice, and never be taken for delivered when it was not.

    Attributes:
        exact: whether each entry stands for one row.
        entries: row or bucket → digest, both in hexadecimal.
    """

        exact: bool = True
        entries: Mapping[str, str] = field(default_factory=dict)

        @classmethod
        def of(cls, rows: Mapping[str, int], *, exact: bool | None = None) -> "Seen":
            """The record of `rows`, a mapping from row id to the digest of what was delivered for it."""
            found = cls(
                True, {f"{digest(row):x}": f"{digest([row, content]):x}" for row, content in rows.items()}
            )
            if exact is None:
                exact = len(found.entries) <= EXACT_ROWS
            return found if exact else found.in_buckets()

        @classmethod
        def from_json(cls, given: Any) -> "Seen":
            """Read one back from an offset. Raises KeyError, TypeError or ValueError where it is none."""
            if given is None:
                return cls()
            if isinstance(given["entries"], str):
                numbers = unpack_numbers(given["entries"], 8)
                if not given["exact"]:
                    # A bucket whose sum is 0 counts as none: its rows are delivered once more.
                    sums = {f"{place:x}": f"{total:x}" for place, total in enumerate(numbers) if total}
                    return cls(False, sums)
                pairs = zip(numbers[::2], numbers[1::2], strict=True)
                return cls(True, {f"{key:x}": f"{content:x}" for key, content in pairs})
            # As earlier versions wrote them.
            for pair in given["entries"].items():
                for text in pair:
                    int(text, 16)
            return cls(bool(given["exact"]), dict(given["entries"]))

        def to_json(self) -> dict[str, Any]:
            numbers = [int(text, 16) for pair in self.entries.items() for text in pair]
            if not self.exact:
                numbers = [int(self.entries.get(f"{bucket:x}", "0"), 16) for bucket in range(BUCKETS)]
            return {"exact": self.exact, "entries": pack_numbers(numbers, 8)}

        def in_buckets(self) -> "Seen":
            """The same rows, no longer told apart."""
            if not self.exact:
                return self
            sums: dict[str, int] = {}
            for row, content in self.entries.items():
                bucket = f"{int(row, 16) % BUCKETS:x}"
                sums[bucket] = (sums.get(bucket, 0) + int(content, 16)) % 2**64
            return Seen(False, {bucket: f"{total:x}" for bucket, total in sums.items()})

        def and_also(self, rows: Mapping[str, int]) -> "Seen":
            """This record and `rows`. Bounded: beyond `EXACT_ROWS` in buckets."""
            more = Seen.of(rows, exact=True)
            if self.exact and len(self.entries.keys() | more.entries.keys()) <= EXACT_ROWS:
                return Seen(True, {**self.entries, **more.entries})
            sums = dict(self.in_buckets().entries)
            for bucket, content in more.in_buckets().entries.items():
                sums[bucket] = f"{(int(sums.get(bucket, '0'), 16) + int(content, 16)) % 2**64:x}"
            return Seen(False, sums)

        def news(self, rows: Mapping[str, int]) -> set[str]:
            """The ids among `rows` that may not have been delivered as they are now.

        Where rows are told apart, `rows` may be a part of the overlap; else it must be all of it.
        """
            now = Seen.of(rows, exact=self.exact).entries
            return {row for row in rows if now[key := self._key(row)] != self.entries.get(key)}

        def _key(self, row: str) -> str:
            number = digest(row)
            return f"{number:x}" if self.exact else f"{number % BUCKETS:x}"


    @dataclass(frozen=True)
    class Roll:
        """Which names there were, in bounded space: sums of their digests, in buckets.

    A name that was not there is never taken for one that was; but for one that comes or goes, the others of
    its bucket count as strangers too.

    Attributes:
        sums: one for each bucket, modulo 2**32.
    """

        sums: tuple[int, ...] = (0,) * ROLL_BUCKETS

        @classmethod
        def of(cls, names: Iterable[str]) -> "Roll":
            return cls._of((number, number) for number in map(digest, names))

        @classmethod
        def of_marked(cls, marks: Mapping[str, str]) -> "Roll":
            """A roll of names with their marks, in the buckets of the names."""
            return cls._of((digest(name), digest([name, mark])) for name, mark in marks.items())

        @classmethod
        def _of(cls, numbers: Iterable[tuple[int, int]]) -> "Roll":
            sums = [0] * ROLL_BUCKETS
            for place, number in numbers:
                sums[place % ROLL_BUCKETS] = (sums[place % ROLL_BUCKETS] + (number >> 16)) % 2**32
            return cls(tuple(sums))

        @classmethod
        def from_json(cls, given: Any) -> "Roll | None":
            """Read one back from an offset. Raises ValueError or TypeError where it is none."""
            if given is None:
                return None
            if len(given) == 1024:
                # An earlier version's, with other buckets: as if none had been called.
                return None
            sums = unpack_numbers(given, 4)
            if len(sums) != ROLL_BUCKETS:
                raise ValueError("a roll of another length")
            return cls(tuple(sums))

        def to_json(self) -> str:
            return pack_numbers(self.sums, 4)

        def and_also(self, other: "Roll") -> "Roll":
            """The records of both rolls."""
            return Roll(tuple((one + two) % 2**32 for one, two in zip(self.sums, other.sums, strict=True)))

        def changed(self, now: "Roll") -> frozenset[int]:
            """The buckets whose records may not all have been there."""
            pairs = enumerate(zip(self.sums, now.sums, strict=True))
            return frozenset(bucket for bucket, (one, other) in pairs if one != other)


    def bucket_of(identity: str) -> int:
        """The bucket of a roll that a record is in."""
        return digest(identity) % ROLL_BUCKETS


    def pack_numbers(numbers: Iterable[int], size: int) -> str:
        """Numbers of `size` bytes each, as one text."""
        return base64.b64encode(b"".join(number.to_bytes(size) for number in numbers)).decode()


    def unpack_numbers(text: str, size: int) -> list[int]:
        """What `pack_numbers` packed. Raises ValueError where it did not."""
        content = base64.b64decode(text, validate=True)
        if len(content) % size:
            raise ValueError("numbers of another size")
        return [int.from_bytes(content[place : place + size]) for place in range(0, len(content), size)]


    @dataclass(frozen=True)
    class Tally:
        """Which records a list held, and how many were said to hang below each.

    Attributes:
        names: a roll of the records.
        counts: a roll of records with their counts; None where no count is known.
    """

        names: Roll = field(default_factory=Roll)
        counts: Roll | None = None

        def and_also(self, other: "Tally") -> "Tally":
            """The records of both."""
            counted = self.counts is not None and other.counts is not None
            counts = self.counts.and_also(other.counts) if counted else None  # type: ignore[union-attr, arg-type]
            return Tally(self.names.and_also(other.names), counts)

        def changed(self, now: "Tally") -> frozenset[int]:
            """The buckets of which a record may be new, or have another count."""
            counted = self.counts is not None and now.counts is not None
            counts = self.counts.changed(now.counts) if counted else frozenset()  # type: ignore[union-attr, arg-type]
            return self.names.changed(now.names) | counts

        def to_json(self) -> list[str]:
            return [roll.to_json() for roll in (self.names, self.counts) if roll is not None]

        @classmethod
        def from_json(cls, given: Any) -> "Tally | None":
            """Read one back from an offset. Raises ValueError or TypeError where it is none."""
            rolls = [Roll.from_json(text) for text in given or ()]
            if not rolls or rolls[0] is None:
                return None
            return cls(rolls[0], rolls[1] if len(rolls) > 1 else None)


    @dataclass(frozen=True)
    class Taking:
        """A tally that is being taken, by a walk that was cut.

    Attributes:
        before: of the records that were made before the last tally's moment.
        now: of those that were made before this one's.
    """

        before: Tally
        now: Tally


    @dataclass(frozen=True)
    class Position:
        """Where a walk over a list stands; see `connector.walk`.

    Attributes:
        size: rows per page; another size would mean another position.
        page: the next page.
        started: server time of the walk's first page; the next cursor is made from it.
        began: server time of this pass's first page.
        first, total: the list's length on this pass's first page, and on the last one read.
        fell: whether rows are known to have moved during this pass: the list became shorter, or a row was
            met twice.
        late: rows of later pages that may have come in during this pass.
        rows: distinct rows met in this pass.
        ids: a digest of these rows' ids, whatever their order.
        before: that of the pass before, unless rows moved in it.
        tail: digests of the ids of the last rows read.
        parent: below which record the list stands; "" where it stands below none.
        turn: how many passes over the list came before this one; -1 where nobody counted them.
    """

        size: int
        page: int = 1
        started: str = ""
        began: str = ""
        first: int = 0
        total: int = 0
        fell: bool = False
        late: int = 0
        rows: int = 0
        ids: int = 0
        before: int | None = None
        tail: list[int] = field(default_factory=list)
        parent: str = ""
        turn: int = 0

        def is_beyond(self, other: "Position") -> bool:
            """Whether a course that stands here has read all that it had read where `other` stands."""
            here, there = order_of(self.parent), order_of(other.parent)
            return here > there or (here == there and self.turn == other.turn and self.page >= other.page)


    def order_of(name: str) -> tuple[int, str, str]:
        """Names of lists in the order of their parents' numbers."""
        parent, _, key = name.partition("/")
        return len(parent), parent, key


    @dataclass(frozen=True)
    class Offset:
        """How far one table was read.

    Attributes:
        scope: fingerprint of the account, the table and its filters; another filter's cursor is not reused.
        cursor: server time, whole seconds, `...Z`. All rows that changed before it were delivered.
            None before the first sync.
        seen: the rows from the cursor on that were delivered.
        position: inside a walk that was cut; else None.
        coming: inside such a walk, the rows that will be `seen` after it.
        parents: the records there were that lists stand below; None where all was never read below them.
        coming_parents: inside such a walk, those that were done with.
        reconciled: the moment of the last reconciliation, by server time.
        tally: the records made before that moment that the list held then; None where nobody counted.
        taking: inside a walk over the whole list that was cut, what was counted so far.
        strange: buckets of the list whose old rows the next read delivers again, because some of them were
            not there before.
        counts: whether counts of what hangs below a row are believed; see `connector.counts`.
        after_id: of a feed, a row up to which all were delivered.
        after_audit: of a table that follows the audits, one up to which all were heeded.
        audits: whether they are followed; see `connector.following`.
        again: rows below which Aha! did not let look: the next read asks again.
    """

        scope: str
        cursor: str | None = None
        seen: Seen = field(default_factory=Seen)
        position: Position | None = None
        coming: Seen = field(default_factory=Seen)
        parents: Roll | None = None
        coming_parents: Roll | None = None
        reconciled: str | None = None
        tally: Tally | None = None
        taking: Taking | None = None
        strange: frozenset[int] = frozenset()
        counts: str = ""
        after_id: str | None = None
        after_audit: str | None = None
        audits: str = ""
        again: tuple[str, ...] = ()

        def to_json(self) -> dict[str, Any]:
            """The JSON object that Spark stores; under 16 KiB."""
            out = write_offset(self.scope, {"cursor": self.cursor}, {"seen": self.seen, "coming": self.coming})
            if self.position:
                out["position"] = asdict(self.position)
            for name in ("parents", "coming_parents", "tally"):
                if (kept := getattr(self, name)) is not None:
                    out[name] = kept.to_json()
            if self.taking:
                out["taking"] = [self.taking.before.to_json(), self.taking.now.to_json()]
            if self.strange:
                out["strange"] = f"{sum(1 << bucket for bucket in self.strange):x}"
            if self.again:
                out["again"] = list(self.again)
            for name in ("reconciled", "counts", "after_id", "after_audit", "audits"):
                if text := getattr(self, name):
                    out[name] = text
            return out

        @classmethod
        def from_json(cls, given: Mapping[str, Any] | None, scope: str) -> "Offset":
            """Read an offset back. Nothing given, or another scope's offset, is the beginning.

        Raises:
            AhaOptionError: it is no offset of this connector, or a newer version's.
        """

            def parse(found: Mapping[str, Any]) -> "Offset":
                position = found.get("position")
                return cls(
                    scope,
                    _time_from(found["cursor"]),
                    Seen.from_json(found.get("seen")),
                    _position_from(position) if position else None,
                    Seen.from_json(found.get("coming")),
                    Roll.from_json(found.get("parents")),
                    Roll.from_json(found.get("coming_parents")),
                    _time_from(found.get("reconciled")),
                    Tally.from_json(found.get("tally")),
                    _taking_from(found.get("taking")),
                    _buckets_from(found.get("strange")),
                    str(found.get("counts", "")),
                    _id_from(found.get("after_id")),
                    _id_from(found.get("after_audit")),
                    str(found.get("audits", "")),
                    tuple(map(str, found.get("again", ()))),
                )

            return read_offset(given, scope, parse) or cls(scope)


    def is_unfinished(offset: Mapping[str, Any]) -> bool:
        """Whether the next read brings more of what was there: a walk goes on, or rows came into sight."""
        return "position" in offset or "strange" in offset


    def write_offset(scope: str, fields: Mapping[str, Any], seens: Mapping[str, Seen]) -> dict[str, Any]:
        """The JSON object of an offset: its version and scope, `fields`, and what was seen, if anything."""
        kept = {name: seen.to_json() for name, seen in seens.items() if seen.entries}
        return {"version": VERSION, "scope": scope, **fields, **kept}


    def read_offset(
        given: Mapping[str, Any] | None, scope: str, parse: Callable[[Mapping[str, Any]], Any]
    ) -> Any:
        """What `parse` makes of an offset; None where nothing is given, or another scope's.

    Raises:
        AhaOptionError: it is no offset of this connector, or a newer version's.
    """
        if not given:
            return None
        if given.get("version") != VERSION:
            raise AhaOptionError(
                f"The offset has version {given.get('version')!r}, and this connector reads {VERSION}. "
                "Deploy the connector that wrote it, or start over with a full refresh."
            )
        if given.get("scope", scope) != scope:
            return None
        try:
            return parse(given)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise AhaOptionError(
                f"The offset is damaged ({error!r}; found {sorted(given)}). Start over with a full refresh."
            ) from None


    def _time_from(given: Any) -> str | None:
        if given is not None:
            datetime.fromisoformat(given)
        return None if given is None else str(given)


    def _buckets_from(given: Any) -> frozenset[int]:
        """Buckets, as the bits of a number; an earlier version listed others."""
        bits = int(given, 16) if isinstance(given, str) else 0
        return frozenset(bucket for bucket in range(ROLL_BUCKETS) if bits >> bucket & 1)


    def _taking_from(given: Any) -> Taking | None:
        if given is None:
            return None
        before, now = map(Tally.from_json, given)
        return Taking(before, now) if before and now else None


    def _id_from(given: Any) -> str | None:
        return None if given is None else str(int(given))


    def end_of_batch(start: Offset, end: Offset) -> Position | None:
        """Where a micro-batch from `start` to `end` ended, if who reads from `start` to there reads all that it
    held; None where only who reads on to the last row does.

    A row that has meanwhile moved before `start` left a gap behind it: the walk that goes on at `end` sees
    that, and begins again. But a batch that began from another cursor, or at the first row because counts
    were wrong, does not lie between the two.
    """
        ended = end.position
        if ended is None or ended.turn < 0 or (end.cursor, end.strange) != (start.cursor, start.strange):
            return None
        return None if end.counts == REFUTED != start.counts else ended


    def _position_from(given: Any) -> Position:
        position = Position(**{"turn": -1} | given)
        for name, value in asdict(position).items():
            wanted = type(getattr(Position(1), name))
            if not isinstance(value, wanted) and not (name == "before" and type(value) is int):
                raise TypeError(f"position.{name} is {value!r}")
        return position


    def scope_of(account: str, table: str, filters: Iterable[tuple[str, str | None]]) -> str:
        """The scope of a table read with `filters`, as `table:fingerprint`."""
        narrowed = sorted((name, value) for name, value in filters if value)
        return f"{table}:{digest([account, narrowed]):016x}"


    # -------------------- connector/walk.py --------------------
    # Reading one list page by page until no row can have slipped through.
    #
    # Aha!'s lists are read by page number. A row that leaves the list (deleted, hidden) moves all later rows
    # forward, so the first row of the next page slips onto the page just read and is skipped. A pass over the
    # list is therefore judged by the list's length, which every page tells, and repeated until one is whole.

    LONGEST_WALK = 6  # passes within one read
    TAIL = 4  # rows


    @dataclass
    class Pass:
        """What is known of a pass beyond its position: lost when a walk goes on elsewhere.

    Attributes:
        met: digests of the ids met in this pass.
        before: those of the pass before, or None where it is not known.
        base: the list's length from which growth is counted: at this pass's first page, or at the last page
            of the pass before where that is known.
    """

        met: set[int]
        before: set[int] | None = None
        base: int | None = None


    class Walk:
        """All rows of one list, with a proof that none slipped through.

    A row slips when others leave the list before it. That makes the list shorter, unless as many rows come
    in at the same time; and a row that comes in on a page already read pushes a row back, which is then met
    twice. So a pass is whole if the list never became shorter, no row was met twice, and the rows that may
    have come in do not outnumber the growth that was seen. Rows that may have come in are, in the first
    pass, those changed after it began less `lookback`; in a later one, those that the pass before did not
    meet.

    Args:
        fetch: page number → page.
        size: rows per page.
        lookback: how late a change may become visible.
        came_in: the fields that say when a row came in, the first that it has: `created_at` for a whole list,
            `updated_at` for one that is filtered by it.
        position: where an earlier walk stopped.

    Attributes:
        position: where the walk stands, small and JSON-able, so that it can go on elsewhere.
        whole: whether the walk has ended.
    """

        def __init__(
            self,
            fetch: Callable[[int], Page],
            size: int,
            lookback: timedelta,
            *,
            came_in: tuple[str, ...] = ("updated_at",),
            position: Position | None = None,
        ) -> None:
            self._fetch = fetch
            self._lookback = lookback
            self._came_in = came_in
            self.position = position if position and position.size == size else Position(size=size)
            self.whole = False
            self._pass = Pass(set())
            self._given: set[int] = set()  # versions, of all passes
            self._passes = 1

        def __iter__(self) -> Iterator[list[Row]]:
            """Pages of rows. From the second pass on, only rows that were not met in the same version."""
            while not self.whole:
                yield self.next_page()

        def next_page(self) -> list[Row]:
            """The next page's rows; sets `whole` when it was the last.

        Raises:
            AhaError: as `Listing.fetch`; AhaUnstableListError after six passes, none of them whole.
        """
            page = self._fetch(self.position.page)
            self._account(page)
            news = []
            for row in page.rows:
                version = hash((str(row["id"]), str(row.get("updated_at"))))
                if version not in self._given:
                    self._given.add(version)
                    news.append(row)
            if page.last:
                self._end_pass()
            return news

        def _account(self, page: Page) -> None:
            was, known = self.position, self._pass
            told = format_time(page.date) if page.date else ""
            if was.page == 1:
                was = replace(was, started=was.started or told, began=told, first=page.total, total=page.total)
            elif told:
                # Time does not go back: where it seems to, an earlier answer was dated ahead.
                was = replace(was, started=min(was.started, told), began=min(was.began, told))
            ids = [digest(str(row["id"])) for row in page.rows]
            fresh = set(ids) - known.met
            again = len(fresh) < len(ids) or bool(set(ids) & set(was.tail))
            horizon = shift(was.began, -self._lookback) if was.began else ""
            late = sum(
                number in fresh and self._may_have_come_in(row, number, horizon)
                for row, number in zip(page.rows, ids, strict=True)
            )
            known.met |= fresh
            self.position = replace(
                was,
                page=was.page + 1,
                total=page.total,
                fell=was.fell or again or page.total < was.total,
                late=was.late + late,
                rows=was.rows + len(fresh),
                ids=(was.ids + sum(fresh)) % 2**64,
                tail=ids[-TAIL:] or was.tail,
            )

        def _may_have_come_in(self, row: Row, number: int, horizon: str) -> bool:
            if self._pass.before is not None:
                return number not in self._pass.before
            # What stands on the first page was in the list when the pass began.
            return self.position.page > 1 and not changed_before(row, horizon, *self._came_in)

        def _end_pass(self) -> None:
            was = self.position
            single = was.page == 2
            base = was.first if self._pass.base is None else self._pass.base
            told = was.late <= was.total - base or was.ids == was.before
            if single or (not was.fell and was.rows >= was.first and told):
                self.whole = True
                return
            if self._passes == LONGEST_WALK:
                raise AhaUnstableListError(
                    f"The list changed in each of {self._passes} attempts to read it, which may have moved "
                    "rows past the reader. Nothing was lost: run again when fewer rows are being deleted."
                )
            self._passes += 1
            # What was met is all of the pass only if the pass began here.
            complete = len(self._pass.met) == was.rows
            self._pass = Pass(set(), self._pass.met, was.total) if complete else Pass(set())
            self.position = Position(
                was.size,
                started=was.started,
                before=None if was.fell else was.ids,
                parent=was.parent,
                turn=max(0, was.turn) + 1,
            )


    # -------------------- connector/deletions.py --------------------
    # Deletions, read from Aha!'s audits: which rows were destroyed since an offset.

    @dataclass(frozen=True)
    class DeletionOffset:
        """How far the audits were read.

    Attributes:
        scope: fingerprint of the account and the table.
        after_id: the audit up to which all deletions were delivered; None before there was one.
        seen: later ones that were delivered too.
    """

        scope: str
        after_id: int | None = None
        seen: Seen = field(default_factory=Seen)

        def to_json(self) -> dict[str, Any]:
            """The JSON object that Spark stores; under 16 KiB."""
            after_id = None if self.after_id is None else str(self.after_id)
            return write_offset(self.scope, {"after_id": after_id}, {"seen": self.seen})

        @classmethod
        def from_json(cls, given: Mapping[str, Any] | None, scope: str) -> "DeletionOffset":
            """Read an offset back, as `Offset.from_json` does."""

            def parse(found: Mapping[str, Any]) -> DeletionOffset:
                after_id = found["after_id"]
                return cls(scope, None if after_id is None else int(after_id), Seen.from_json(found.get("seen")))

            return read_offset(given, scope, parse) or cls(scope)


    def read_deletions(
        client: AhaClient, settings: Settings, table: Table, start: Mapping[str, Any] | None
    ) -> tuple[Iterator[list[Row]], dict[str, Any]]:
        """Tombstones of the rows of `table` that were destroyed since `start`, and the offset after them.

    Without a start, all that the audits hold: Aha! keeps 12 months (documented). A tombstone has the row's
    `id`, and the time of its deletion as `updated_at` and in the column that rows are ordered by.

    Raises:
        AhaError: the offset cannot be used, or a request failed; `start` stays valid.
        AhaPermissionError: the key may not read the audits.
    """
        scope = scope_of(settings.subdomain, f"{table.name}/deletions", ())
        offset = DeletionOffset.from_json(start, scope)
        late = timedelta(seconds=settings.lookback_seconds)
        audits = AuditList(client, settings.page_size, late, (("audit_action", "destroy"),))
        try:
            found = audits.after(offset.after_id)
        except (AhaPermissionError, AhaNotFoundError) as error:
            raise AhaPermissionError(
                f"`track_deletes` of table `{table.name}` reads Aha!'s audits, and this key may not ({error}) "
                "Use the key of a user who may, or set `sync_mode=snapshot`, which needs no audits.",
                error.status,
            ) from None
        tombstones = {
            identity: _tombstone(audit, table, found.read_at)
            for identity, audit in found.entries.items()
            if spelling_of(audit) in table.spellings
        }
        settled = found.settled or offset.after_id
        contents = {str(identity): digest(row) for identity, row in tombstones.items()}
        news = offset.seen.news(contents)
        fresh = {identity: row for identity, row in tombstones.items() if str(identity) in news}
        restored = _find_restored(client, settings, table, {one: found.entries[one] for one in fresh}, found)
        out = [row for _, row in sorted(fresh.items()) if row["id"] not in restored]
        if start and not news:
            return iter(()), offset.to_json()
        overlap = {name: content for name, content in contents.items() if int(name) > (settled or 0)}
        end = DeletionOffset(scope, settled, Seen.of(overlap))
        return iter([out] if out else []), end.to_json()


    def _find_restored(
        client: AhaClient, settings: Settings, table: Table, told: Mapping[int, Row], found: Audits
    ) -> set[str]:
        """Rows that were deleted with their idea, and are there again because it was taken back.

    Costs a call for each deleted idea, and one more for each that is back.
    """
        spelled = frozenset(map(letters, ("ideas/idea", "idea")))
        deleted = {
            str(audit.get("auditable_id")) for audit in found.entries.values() if spelling_of(audit) in spelled
        }
        of_ideas = table.spellings & spelled
        named = "auditable_id" if of_ideas else "associated_id"
        concerned = sorted({str(audit.get(named)) for audit in told.values()} & deleted)
        back = [idea for idea in concerned if _is_there(client, idea)]
        if of_ideas:
            return set(back)
        source = table.narrowed or table.source
        living: set[str] = set()
        for idea in back:
            listing = Listing(source.route.path, source.route.root, (), settings.page_size).below(idea)
            walk = Walk(
                partial(listing.fetch, client), listing.size, timedelta(seconds=settings.lookback_seconds)
            )
            living |= {str(row["id"]) for page in walk for row in page}
        return living


    def _is_there(client: AhaClient, idea: str) -> bool:
        try:
            return isinstance(client.get(f"/ideas/{idea}", {"fields": "id"}).body.get("idea"), dict)
        except AhaNotFoundError as error:
            if error.own:
                return False
            raise


    def _tombstone(audit: Row, table: Table, read_at: str) -> Row:
        """A tombstone; where the audit does not say when that was, of the time of the read."""
        created = readable(audit.get("created_at")) or as_documented(read_at)
        identity = str(number_in(audit, "auditable_id"))
        return {"id": identity, "updated_at": created, table.cursor_field: created}


    # -------------------- connector/interface.py --------------------
    # What a Lakeflow community connector offers, whatever it connects to.

    StoredOffset = dict[str, Any]


    class LakeflowConnect(ABC):
        """The contract between a connector and the pipeline that drives it.

    Option values are strings. Nothing here but `read_*` touches the network.
    """

        @abstractmethod
        def list_tables(self) -> list[str]:
            """Names of all tables."""

        @abstractmethod
        def get_table_schema(self, table_name: str, table_options: Mapping[str, str]) -> StructType:
            """The row of a table."""

        @abstractmethod
        def read_table_metadata(self, table_name: str, table_options: Mapping[str, str]) -> dict[str, Any]:
            """`primary_keys` (list), `cursor_field` (text) and `ingestion_type`: `snapshot`, `cdc`,
        `cdc_with_deletes` or `append`."""

        @abstractmethod
        def read_table(
            self, table_name: str, start_offset: StoredOffset | None, table_options: Mapping[str, str]
        ) -> tuple[Iterator[dict[str, Any]], StoredOffset]:
            """Rows that changed since `start_offset` (None or `{}`: all), and the offset that stands after
        them. The same offset with no rows is the end of the data."""

        @abstractmethod
        def read_table_deletes(
            self, table_name: str, start_offset: StoredOffset | None, table_options: Mapping[str, str]
        ) -> tuple[Iterator[dict[str, Any]], StoredOffset]:
            """Tombstones of rows deleted since `start_offset`: the primary keys and the cursor, the rest null."""

        @abstractmethod
        def get_partitions(
            self,
            table_name: str,
            table_options: Mapping[str, str],
            start_offset: StoredOffset | None = None,
            end_offset: StoredOffset | None = None,
        ) -> list[dict[str, Any]]:
            """Parts, as JSON objects, that hold all rows since `start_offset` between them."""

        @abstractmethod
        def read_partition(
            self, table_name: str, partition: Mapping[str, Any], table_options: Mapping[str, str]
        ) -> Iterator[dict[str, Any]]:
            """The rows of one part."""


    # -------------------- connector/rescue.py --------------------
    # What of a record fits no column: set aside as JSON text, so that it costs no other value or row.

    # (value, type, path): raises AhaDataError if a column of that type does not take the value.
    Require = Callable[[Any, DataType, str], None]

    HALF_CHARACTER = re.compile("[\ud800-\udfff]")
    REPLACEMENT = "\ufffd"
    SHOWN_PATHS = 5


    class Rescue:
        """Sets aside what fits no column, and counts it by path.

    A value is kept as it came, in the column `_rescued_data`: a JSON object, path → value, as Databricks' own
    readers keep it. Half of a surrogate pair is no character: it becomes U+FFFD.

    Args:
        texts: paths that are kept as JSON text, whatever they hold.
        require_fit: refuses what a column does not take.
    """

        def __init__(self, table: Table, texts: frozenset[str], require_fit: Require) -> None:
            self._table, self._texts, self._require_fit = table, texts, require_fit
            self.counts: Counter[str] = Counter()
            self.mended: Counter[str] = Counter()

        def mend(self, record: Row) -> Row:
            """A record whose values all fit, but for those that a row cannot be without; with the others that
        did not beside them."""
            aside: dict[str, Any] = {}
            fitting: Row = {}
            for field in self._table.schema:
                value = record.get(field.name)
                if field.nullable:
                    value = self._fit(value, field.dataType, field.name, field.name, aside)
                elif isinstance(value, str):
                    value = self._mended(value, field.name)
                fitting[field.name] = value
            fitting[RESCUED] = None
            if aside:
                fitting[RESCUED] = whole_characters(json.dumps(aside, ensure_ascii=False))
            return fitting

        def tell(self) -> None:
            """Say in the log what was set aside since this was last told, by path."""
            if self.counts:
                warn(
                    "Table %s: %d values are of a type that their columns do not take, and were kept in `%s` "
                    "instead: %s. No other value was touched.",
                    self._table.name,
                    self.counts.total(),
                    RESCUED,
                    shown(self.counts),
                )
            if self.mended:
                warn(
                    "Table %s: %d texts hold half of a character, which was replaced by U+FFFD: %s.",
                    self._table.name,
                    self.mended.total(),
                    shown(self.mended),
                )
            self.counts.clear()
            self.mended.clear()

        def _fit(self, value: Any, kind: DataType, path: str, place: str, aside: dict[str, Any]) -> Any:
            """A value as its column takes it, or null. `place` is its path with positions in lists."""
            if value is None:
                return None
            if path in self._texts:
                return self._mended(value, path)
            if isinstance(kind, StructType) and isinstance(value, dict):
                return {
                    field.name: self._fit(
                        value.get(field.name),
                        field.dataType,
                        f"{path}.{field.name}",
                        f"{place}.{field.name}",
                        aside,
                    )
                    for field in kind
                }
            if isinstance(kind, ArrayType) and isinstance(value, list):
                return [
                    self._fit(item, kind.elementType, path, f"{place}[{number}]", aside)
                    for number, item in enumerate(value)
                ]
            if isinstance(value, str):
                value = self._mended(value, path)
            try:
                self._require_fit(value, kind, path)
            except AhaDataError:
                aside[place] = value
                self.counts[path] += 1
                return None
            return value

        def _mended(self, value: Any, path: str) -> Any:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            if not HALF_CHARACTER.search(text):
                return value
            self.mended[path] += 1
            whole = whole_characters(text)
            return whole if isinstance(value, str) else json.loads(whole)


    def whole_characters(text: str) -> str:
        return HALF_CHARACTER.sub(REPLACEMENT, text)


    def shown(counts: Counter[str]) -> str:
        """The most frequent paths, each with its count."""
        told = ", ".join(f"`{path}` {count}" for path, count in counts.most_common(SHOWN_PATHS))
        return told if len(counts) <= SHOWN_PATHS else f"{told} and {len(counts) - SHOWN_PATHS} more paths"


    # -------------------- connector/records.py --------------------
    # Aha!'s JSON to Arrow, column by column.
    #
    # Tolerant where Aha!'s JSON varies: a number where an id is a string, an object left out, a field nobody
    # declared. Strict where a value would be corrupted: nothing is cut or guessed, and what fits no column is kept
    # aside (see `connector.rescue`). Arrow's own conversion of nested lists is neither (it cuts 1.5 to 1 and splits
    # a string into letters), so only whole leaf columns are handed to it, after a look at the types in them.

    MISSING = type(None)
    # A batch costs Arrow and Spark a fixed time for each column; so many rows share it, but no more characters:
    # beyond 2 GiB Arrow has no column, and long before that a process has no room for copies.
    BATCH_ROWS = 1000
    BATCH_CHARACTERS = 8 * 2**20


    def to_batches(
        table: Table, pages: Iterable[Sequence[Row]], *, rescuing: bool = True
    ) -> Iterator[pa.RecordBatch]:
        """Pages of records as Arrow batches with the table's schema, of at most `BATCH_ROWS`, and of at most
    `BATCH_CHARACTERS` where that is more than one row.

    Args:
        rescuing: whether a value that fits no column is kept in the column `_rescued_data`, and told in the
            log when all is read.

    Raises:
        AhaDataError: a value does not fit, and it is not rescued; names table, row id, path and the value's
            type.
    """
        schema = arrow_schema(table.schema)
        rescue = Rescue(table, _texts(table), partial(_require_fit, table)) if rescuing else None
        for records in _portions(pages):
            yield _checked(table, schema, records, rescue)
        if rescue:
            rescue.tell()


    def to_rows(table: Table, pages: Iterable[Sequence[Row]], *, rescuing: bool = True) -> Iterator[Row]:
        """Records as dicts of the table's columns; args and errors as of `to_batches`."""
        for batch in to_batches(table, pages, rescuing=rescuing):
            yield from batch.to_pylist()


    def _portions(pages: Iterable[Sequence[Row]]) -> Iterator[list[Row]]:
        """Records as many at a time as share a batch."""
        waiting: list[Row] = []
        weight = 0
        for record in itertools.chain.from_iterable(pages):
            own = _characters(record)
            if waiting and (len(waiting) == BATCH_ROWS or weight + own > BATCH_CHARACTERS):
                yield waiting
                waiting, weight = [], 0
            waiting.append(record)
            weight += own
        if waiting:
            yield waiting


    def _characters(value: Any) -> int:
        """How many characters the texts of a value have, however deep they stand."""
        found, pending = 0, [value]
        while pending:
            item = pending.pop()
            if isinstance(item, str):
                found += len(item)
            elif isinstance(item, dict):
                pending += item.values()
            elif isinstance(item, list):
                pending += item
        return found


    def arrow_schema(schema: StructType) -> pa.Schema:
        """The Arrow schema that Spark expects of batches with `schema`."""
        return pa.schema([pa.field(field.name, arrow_type(field.dataType), field.nullable) for field in schema])


    def arrow_type(kind: DataType) -> pa.DataType:
        if isinstance(kind, StructType):
            return pa.struct(list(arrow_schema(kind)))
        if isinstance(kind, ArrayType):
            return pa.list_(pa.field("element", arrow_type(kind.elementType), kind.containsNull))
        return LEAF_TYPES[type(kind)][0]


    def _checked(
        table: Table, schema: pa.Schema, records: Sequence[Row], rescue: Rescue | None
    ) -> pa.RecordBatch:
        try:
            return _batch(table, schema, records)
        except AhaDataError:
            # Columns do not know their rows: look at each row by itself.
            fitting = []
            for record in records:
                try:
                    fitting.append(rescue.mend(record) if rescue else record)
                    _batch(table, schema, fitting[-1:])
                except AhaDataError as error:
                    raise AhaDataError(f"Table `{table.name}`, row {record.get('id')!r}: {error}") from None
            return _batch(table, schema, fitting)


    def _batch(table: Table, schema: pa.Schema, records: Sequence[Row]) -> pa.RecordBatch:
        texts = _texts(table)
        columns = []
        for field, arrow in zip(table.schema, schema, strict=True):
            values = [record.get(field.name) for record in records]
            if field.name == table.cursor_field and isinstance(field.dataType, StringType):
                values = [_sortable(value, field.name) for value in values]
            columns.append(_column(values, field.dataType, arrow.type, field.name, texts))
            if not field.nullable and columns[-1].null_count:
                raise AhaDataError(f"`{field.name}` is missing, and a row cannot be stored without it.")
        return pa.RecordBatch.from_arrays(columns, schema=schema)


    def _texts(table: Table) -> frozenset[str]:
        """Paths whose values are kept as JSON text."""
        return JSON_TEXT_PATHS.union(table.json_text)


    def _require_fit(table: Table, value: Any, kind: DataType, path: str) -> None:
        """Raise AhaDataError if a column does not take a value."""
        if path == table.cursor_field and isinstance(kind, StringType):
            value = _sortable(value, path)
        _column([value], kind, arrow_type(kind), path, frozenset())


    def _sortable(value: Any, path: str) -> Any:
        """A time as Aha! documents its texts, so that of two versions the text of the later one is greater."""
        if not isinstance(value, str | None):
            raise _unfit(type(value), StringType(), path)
        try:
            return as_documented(value) if value else None
        except (ValueError, OverflowError):
            raise AhaDataError(f"`{path}` holds a text that is no time.") from None


    def _column(
        values: list[Any], kind: DataType, arrow: pa.DataType, path: str, texts: frozenset[str]
    ) -> pa.Array:
        if values.count(None) == len(values):
            return pa.nulls(len(values), arrow)
        if path in texts:
            values = [None if value is None else _json_text(value, path) for value in values]
        if isinstance(kind, StructType):
            return _struct_column(values, kind, arrow, path, texts)
        if isinstance(kind, ArrayType):
            return _list_column(values, kind, arrow, path, texts)
        _, accepted, repair = LEAF_TYPES[type(kind)]
        if not set(map(type, values)) <= accepted:
            values = [
                value if type(value) in accepted else _repaired(value, repair, kind, path) for value in values
            ]
        try:
            return pa.array(values, type=arrow)
        except (pa.ArrowException, OverflowError, ValueError) as error:
            raise AhaDataError(
                f"`{path}` holds a value out of range for {kind.simpleString()} ({error})."
            ) from None


    def _json_text(value: Any, path: str) -> str:
        try:
            return json.dumps(value, ensure_ascii=False)
        except (ValueError, RecursionError) as error:
            raise AhaDataError(f"`{path}` holds a value that cannot be written as JSON ({error}).") from None


    def _struct_column(
        values: list[Any], kind: StructType, arrow: pa.DataType, path: str, texts: frozenset[str]
    ) -> pa.Array:
        _require(values, dict, kind, path)
        # Most objects are left out of most rows: their fields are looked at where they are, then spread.
        present = [value for value in values if value is not None]
        children = [
            _column([value.get(name) for value in present], field.dataType, inner.type, f"{path}.{name}", texts)
            for field, inner in zip(kind.fields, arrow, strict=True)
            for name in (field.name,)
        ]
        found = pa.StructArray.from_arrays(children, fields=list(arrow))
        if len(present) == len(values):
            return found
        places = itertools.count()
        return found.take(pa.array([None if value is None else next(places) for value in values], pa.int32()))


    def _list_column(
        values: list[Any], kind: ArrayType, arrow: pa.DataType, path: str, texts: frozenset[str]
    ) -> pa.Array:
        _require(values, list, kind, path)
        offsets: list[int | None] = []
        items: list[Any] = []
        for value in values:
            offsets.append(None if value is None else len(items))
            items += value or ()
        offsets.append(len(items))
        elements = _column(items, kind.elementType, arrow.value_type, path, texts)
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), elements, type=arrow)


    def _require(values: list[Any], wanted: type, kind: DataType, path: str) -> None:
        for value_type in set(map(type, values)) - {wanted, MISSING}:
            raise _unfit(value_type, kind, path)


    def _repaired(value: Any, repair: Callable[[Any], Any], kind: DataType, path: str) -> Any:
        try:
            return repair(value)
        except (TypeError, ValueError, OverflowError):
            raise _unfit(type(value), kind, path) from None


    def _unfit(value_type: type, kind: DataType, path: str) -> AhaDataError:
        wanted = kind.simpleString()
        wanted = wanted if len(wanted) < 40 else wanted[: wanted.index("<")]
        return AhaDataError(
            f"`{path}` holds a value of JSON type {value_type.__name__}, where {wanted} is declared."
        )


    def _text(value: Any) -> str:
        # Whole numbers are ids; beyond 2**53 a float no longer knows its last digits.
        if type(value) is int or (type(value) is float and abs(value) < 2**53):
            return repr(int(value) if value == int(value) else value)
        raise TypeError


    def _whole(value: Any) -> int:
        if type(value) is float and value.is_integer() and abs(value) < 2**53:
            return int(value)
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value):
            return int(value)
        raise TypeError


    def _number(value: Any) -> float:
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,15})?", value):
            return float(value)
        raise TypeError


    def _moment(value: Any) -> datetime | None:
        # An empty text tells no time.
        return parse_time(value) if value else None


    def _refuse(_: Any) -> None:
        raise TypeError


    # Spark type → (Arrow type, JSON types it takes as they are, what is tried with any other)
    LEAF_TYPES: dict[type[DataType], tuple[pa.DataType, set[type], Callable[[Any], Any]]] = {
        StringType: (pa.string(), {str, MISSING}, _text),
        LongType: (pa.int64(), {int, MISSING}, _whole),
        DoubleType: (pa.float64(), {int, float, MISSING}, _number),
        TimestampType: (pa.timestamp("us", tz="UTC"), {MISSING}, _moment),
        BooleanType: (pa.bool_(), {bool, MISSING}, _refuse),
    }


    # -------------------- connector/split.py --------------------
    # Splitting a full read into windows that different processes read at the same time.
    #
    # By time of creation, which never changes, and not by page number: a row that leaves the list moves the others
    # from page to page, but none from one window to another. Each window is walked whole, with the walk's proof.

    # Two requests a second remain for each of eight, of the 20 that Aha! allows.
    MOST_WINDOWS = 8
    # Whether the filters include their own moment is not documented: more is asked for, and the rest dropped.
    CREATED_MARGIN = timedelta(seconds=1)


    @dataclass(frozen=True)
    class Window:
        """Rows by time of creation.

    Attributes:
        since: the first moment that is in it; None from the beginning.
        before: the first moment that no longer is; None to the end.
        share: windows among which the request budget is divided.
    """

        since: str | None = None
        before: str | None = None
        share: int = 1

        def to_json(self) -> dict[str, Any]:
            return asdict(self)

        @property
        def params(self) -> tuple[tuple[str, str], ...]:
            """The request's filters: a little wider than the window."""
            since = (("created_since", shift(self.since, -CREATED_MARGIN)),) if self.since else ()
            before = (("created_before", shift(self.before, 2 * CREATED_MARGIN)),) if self.before else ()
            return (*since, *before)

        def holds(self, row: Row) -> bool:
            """Whether a row is in this window, and so in no other; one that does not say when it was made is in
        each that shows it."""
            created = made_at(row)
            if created is None:
                return True
            return (not self.since or created >= parse_time(self.since)) and (
                not self.before or created < parse_time(self.before)
            )


    def make_windows(total: int, rows: int, created_at: Callable[[int], str | None]) -> list[Window]:
        """Windows of about `rows` of `total` rows each.

    `created_at` tells when the row at a position was made, or None if no row stands there any more.

    A single window for a list that is not larger.
    """
        parts = min(MOST_WINDOWS, math.ceil(total / rows))
        if parts < 2:
            return [Window()]
        found = (created_at(total * part // parts + 1) for part in range(1, parts))
        edges = [None, *sorted({bound for bound in found if bound}, key=parse_time), None]
        return [Window(since, before, len(edges) - 1) for since, before in itertools.pairwise(edges)]


    def made_at(row: Row) -> datetime | None:
        """When a row was made; None if it does not say so."""
        created = readable(row.get("created_at"))
        return parse_time(created) if created else None


    # -------------------- connector/tables/account.py --------------------
    # The account itself: workspaces, how they are configured, and what happened.

    WORKFLOW = struct(id=TEXT, name=TEXT, statusable_type=TEXT, workflow_type=TEXT)

    ACCOUNT = (
        Table(
            "products",
            table_schema(
                id=TEXT,
                reference_prefix=TEXT,
                name=TEXT,
                product_line=FLAG,
                product_line_type=TEXT,
                created_at=TEXT,
                updated_at=TEXT,
                description=NOTE,
                url=TEXT,
                resource=TEXT,
                children=listing(
                    struct(
                        id=TEXT,
                        reference_prefix=TEXT,
                        name=TEXT,
                        product_line=FLAG,
                        created_at=TEXT,
                        workspace_type=TEXT,
                        url=TEXT,
                    )
                ),
                custom_fields=listing(CUSTOM_FIELD),
                has_ideas=FLAG,
                has_epics=FLAG,
                idea_workflow=WORKFLOW,
                feature_workflow=WORKFLOW,
                requirement_workflow=WORKFLOW,
                epic_workflow=WORKFLOW,
                release_workflow=WORKFLOW,
                initiative_workflow=WORKFLOW,
                strategic_imperative_workflow=WORKFLOW,
                key_result_workflow=WORKFLOW,
                page_workflow=WORKFLOW,
                capacity_planning_enabled=FLAG,
                default_capacity_units=COUNT,
                enhanced_capacity_planning_enabled=FLAG,
                workspace_type=TEXT,
            ),
            Source(Route("/products", "products", since=UPDATED_SINCE, fields=True)),
            detail=Detail("/products/{id}", "product"),
            workspace="self",
            audited_as=("project", "product"),
            note="Workspaces and product lines (`product_line`), with the workflows that they use.",
        ),
        Table(
            "workflows",
            table_schema(
                id=TEXT,
                name=TEXT,
                statusable_type=TEXT,
                transitions_only=FLAG,
                workflow_statuses=listing(WORKFLOW_STATUS),
                workflow_kinds=listing(struct(id=TEXT, name=TEXT)),
            ),
            Source(Route("/products/{parent}/workflows", "workflows", paged=False), Parents("products")),
            time=None,
            note="Workflows with their statuses, each once, however many workspaces use it.",
        ),
        Table(
            "custom_field_definitions",
            table_schema(id=TEXT, key=TEXT, name=TEXT, type=TEXT, custom_fieldable_type=TEXT, internal_name=TEXT),
            Source(Route("/custom_field_definitions", "custom_field_definitions", paged=False)),
            time=None,
            note="Custom fields of all record types.",
        ),
        Table(
            "custom_field_options",
            table_schema(id=TEXT, custom_field_definition_id=TEXT, value=TEXT, color=COUNT, hidden=FLAG),
            Source(
                Route(
                    "/custom_field_definitions/{parent}/custom_field_options", "custom_field_options", paged=False
                ),
                Parents("custom_field_definitions", "custom_field_definition_id", where=("type", "Select")),
            ),
            time=None,
            note="What may be chosen in custom fields whose type is one of choices.",
        ),
        Table(
            "integrations",
            table_schema(id=TEXT, name=TEXT, service_name=TEXT, created_at=TEXT),
            Source(Route("/integrations", "integrations")),
            time=None,
            requires="a user who may configure integrations",
            note="Integrations with other systems, without their settings.",
        ),
        Table(
            "audits",
            table_schema(
                id=TEXT,
                audit_action=TEXT,
                created_at=TEXT,
                interesting=FLAG,
                user=USER,
                contributors=listing(struct(user=USER)),
                auditable_type=TEXT,
                auditable_id=TEXT,
                associated_type=TEXT,
                associated_id=TEXT,
                description=TEXT,
                auditable_url=TEXT,
                changes=listing(struct(field_name=TEXT, value=TEXT)),
            ),
            Source(Route("/audits", "audits", since=AFTER_ID)),
            time="created_at",
            late=600,
            append=True,
            cursor_field="created_at",
            requires="a user who may read the account's activity",
            note="Who changed what, the last 12 months. Many: give `max_records_per_batch`.",
        ),
        Table(
            "deletions",
            table_schema(
                id=TEXT,
                deleted_at=TEXT,
                status=TEXT,
                record=struct(name=TEXT, type=TEXT, reference_num=TEXT),
                deleted_by=struct(id=TEXT, name=TEXT, email=TEXT),
            ),
            Source(Route("/deletions", "deletions")),
            time="deleted_at",
            append=True,
            cursor_field="deleted_at",
            requires="a user who may see the recycle bin",
            note="The recycle bin, whose rows stay for 7 days: run it at least as often. It names what was "
            "deleted by its reference, not by its id.",
        ),
        Table(
            "pages",
            table_schema(
                id=TEXT,
                product_id=TEXT,
                name=TEXT,
                title=TEXT,
                document_title=TEXT,
                reference_num=TEXT,
                created_at=TEXT,
                updated_at=TEXT,
                emoji_value=TEXT,
                document_type=COUNT,
                document_type_name=TEXT,
                type_name=TEXT,
                editor_width=TEXT,
                position=COUNT,
                location=TEXT,
                edit_locked=FLAG,
                url=TEXT,
                resource=TEXT,
                description=NOTE,
                parent_id=TEXT,
                tags=listing(TEXT),
                full_tags=listing(TAG),
                comments_count=COUNT,
                custom_fields=listing(CUSTOM_FIELD),
                workflow_status=WORKFLOW_STATUS,
            ),
            Source(Route("/products/{parent}/pages", "pages"), Parents("products", "product_id")),
            time=None,
            detail=Detail("/pages/{id}", "page"),
            always_detailed=True,
            opt_in=True,
            note="Notes and documents with their bodies: a call for each, each time.",
        ),
        Table(
            "custom_object_records",
            table_schema(
                id=TEXT,
                product_id=TEXT,
                key=TEXT,
                created_at=TEXT,
                updated_at=TEXT,
                custom_fields=listing(CUSTOM_FIELD),
                custom_object_links=listing(CUSTOM_OBJECT_LINK),
                linked_records=listing(struct(key=TEXT, name=TEXT, record_type=TEXT, record_id=TEXT)),
                created_by_user=USER,
            ),
            Source(
                Route(
                    "/products/{parent}/custom_objects/{key}/records",
                    "custom_object_records",
                    since=UPDATED_SINCE,
                ),
                Parents("products", "product_id"),
            ),
            audited_as=("custom_object_record",),
            opt_in=True,
            requires="Enterprise+ with custom tables",
            note="Records of the custom tables that the option `custom_object_keys` names: no route lists them. "
            "A call for each workspace and key, each time.",
        ),
    )


    # -------------------- connector/tables/feedback.py --------------------
    # Ideas, the votes and comments below them, and where they come from.

    IDEA_STUB = struct(
        id=TEXT,
        reference_num=TEXT,
        name=TEXT,
        created_at=TEXT,
        updated_at=TEXT,
        workflow_status=WORKFLOW_STATUS,
        description=NOTE,
        url=TEXT,
        resource=TEXT,
    )
    IDEA = table_schema(
        id=TEXT,
        reference_num=TEXT,
        name=TEXT,
        created_at=TEXT,
        updated_at=TEXT,
        product_id=TEXT,
        score=NUMBER,
        votes=COUNT,
        initial_votes=COUNT,
        endorsements_count=COUNT,
        comments_count=COUNT,
        status_changed_at=TEXT,
        visibility=TEXT,
        workflow_status=WORKFLOW_STATUS,
        description=NOTE,
        admin_response=StructType([*NOTE.fields, StructField("responded_by_user", USER)]),
        url=TEXT,
        resource=TEXT,
        product=WORKSPACE,
        created_by_user=USER,
        created_by_portal_user=PORTAL_USER,
        created_by_idea_user=IDEA_USER,
        assigned_to_user=ASSIGNEE,
        feature=STUB,
        duplicates=listing(IDEA_STUB),
        duplicate_of=IDEA_STUB,
        score_facts=listing(SCORE_FACT),
        tags=listing(TEXT),
        full_tags=listing(TAG),
        categories=listing(struct(id=TEXT, name=TEXT, parent_id=TEXT, project_id=TEXT, created_at=TEXT)),
        custom_fields=listing(CUSTOM_FIELD),
        custom_object_links=listing(CUSTOM_OBJECT_LINK),
        workflow_status_times=listing(STATUS_TIME),
        submitted_idea_portal_record_url=TEXT,
        integration_fields=listing(INTEGRATION_FIELD),
    )
    VOTE = {
        "id": TEXT,
        "idea_id": TEXT,
        "created_at": TEXT,
        "updated_at": TEXT,
        "value": TEXT,
        "link": TEXT,
        "weight": NUMBER,
        "endorsed_by_user": USER,
        "endorsed_by_portal_user": PORTAL_USER,
        "endorsed_by_idea_user": IDEA_USER,
        "idea_organization": ORGANIZATION,
        "idea_users": listing(struct(id=TEXT, first_name=TEXT, last_name=TEXT, email=TEXT)),
        "associated_idea_organizations": listing(ORGANIZATION),
        "description": NOTE,
        "integration_fields": listing(INTEGRATION_FIELD),
        "custom_fields": listing(CUSTOM_FIELD),
    }
    COMMENT = {
        "id": TEXT,
        "body": TEXT,
        "created_at": TEXT,
        "updated_at": TEXT,
        "user": USER,
        "attachments": listing(ATTACHMENT),
        "url": TEXT,
        "resource": TEXT,
        "commentable": struct(type=TEXT, id=TEXT, product_id=TEXT, url=TEXT, resource=TEXT),
        "parent_comment_id": TEXT,
        "reactions": TEXT,
    }
    IDEA_COMMENT = table_schema(**{"id": TEXT, "idea_id": TEXT} | COMMENT)
    IDEA_PORTAL_COMMENT = table_schema(
        id=TEXT,
        idea_id=TEXT,
        body=TEXT,
        created_at=TEXT,
        updated_at=TEXT,
        changed_at=TEXT,
        spam=FLAG,
        visibility=TEXT,
        parent_idea_comment_id=TEXT,
        idea_commenter_user=USER,
        idea_commenter_portal_user=PORTAL_USER,
        idea_commenter_idea_user=PORTAL_USER,
        attachments=listing(ATTACHMENT),
    )

    VOTES = Route("/ideas/endorsements", "idea_endorsements", (), UPDATED_SINCE, fields=True, created=True)
    PROXY_VOTES = Route(VOTES.path, VOTES.root, (("proxy", "true"),), UPDATED_SINCE, fields=True, created=True)
    VOTED = Parents("ideas", "idea_id", changed=True, count="endorsements_count")
    AUDITED_VOTES = ("ideas/idea_endorsement", "idea_endorsement", "ideas/idea_vote", "idea_vote")

    FEEDBACK = (
        Table(
            "ideas",
            IDEA,
            Source(
                Route(
                    "/ideas",
                    "ideas",
                    since=UPDATED_SINCE,
                    fields=True,
                    created=True,
                    ideas=True,
                    workspace="/products/{parent}/ideas",
                )
            ),
            detail=Detail("/ideas/{id}", "idea"),
            audited_as=("idea", "ideas/idea"),
            note="Every idea the key may see, spam left out, merged ideas included (see `duplicate_of`).",
        ),
        Table(
            "idea_votes",
            table_schema(**VOTE | {"proxy": FLAG}),
            Source(VOTES),
            narrowed=Source(Route("/ideas/{parent}/endorsements", VOTES.root, fields=True), VOTED),
            flags=(("proxy", "idea_organization"),),
            audited_as=AUDITED_VOTES,
            note="All votes, those of portals and those cast on behalf of an organization (`proxy`).",
        ),
        Table(
            "idea_proxy_votes",
            table_schema(**VOTE),
            Source(PROXY_VOTES),
            narrowed=Source(
                Route("/ideas/{parent}/endorsements", VOTES.root, PROXY_VOTES.params, fields=True), VOTED
            ),
            audited_as=AUDITED_VOTES,
            note="Votes cast on behalf of an organization.",
        ),
        Table(
            "idea_comments",
            IDEA_COMMENT,
            Source(
                Route("/ideas/{parent}/comments", "comments", fields=True),
                Parents("ideas", "idea_id", changed=True, count="comments_count"),
            ),
            json_text=("reactions",),
            audited_as=("comment", "ideas/comment"),
            note="Internal comments. Aha! has no list of them, so they are read for the ideas whose "
            "`updated_at` moved, at each reconciliation for those whose `comments_count` changed, and with "
            "`track_deletes` for those that the audits name.",
        ),
        Table(
            "idea_portal_comments",
            IDEA_PORTAL_COMMENT,
            # `comments_count` counts internal comments only.
            Source(
                Route("/ideas/{parent}/idea_comments", "idea_comments", fields=True),
                Parents("ideas", "idea_id", changed=True, digest=("portalCommentsCount", "lastPortalCommentAt")),
            ),
            cursor_field=CHANGED_AT,
            audited_as=("ideas/idea_comment", "idea_comment", "ideas/portal_comment"),
            note="Comments in ideas portals, spam left out. Read as internal comments are; how many an idea has "
            "is told by GraphQL, for 200 ideas in a call (`graphql=off` asks for all). `changed_at` is "
            "`updated_at`, or where Aha! does not tell it the moment of the read, by Aha!'s clock: never null, "
            "so an edit is always newer.",
        ),
        Table(
            "idea_organizations",
            table_schema(
                id=TEXT,
                name=TEXT,
                created_at=TEXT,
                updated_at=TEXT,
                url=TEXT,
                resource=TEXT,
                description=NOTE,
                created_by_user=USER,
                endorsements_count=COUNT,
                email_domains=TEXT,
                revenue=TEXT,
                custom_fields=listing(CUSTOM_FIELD),
                integration_fields=listing(INTEGRATION_FIELD),
            ),
            Source(Route("/idea_organizations", "idea_organizations", since=UPDATED_SINCE, fields=True)),
            detail=Detail("/idea_organizations/{id}", "idea_organization"),
            audited_as=("ideas/idea_organization", "idea_organization"),
            requires="Ideas Advanced",
            note="Organizations that ideas are asked for by.",
        ),
        Table(
            "idea_users",
            table_schema(
                id=TEXT,
                name=TEXT,
                email=TEXT,
                created_at=TEXT,
                changed_at=TEXT,
                title=TEXT,
                phone=TEXT,
                discovery_interview_count=COUNT,
                discovery_last_invite=TEXT,
                discovery_last_interview=TEXT,
                discovery_next_interview=TEXT,
                idea_organizations=listing(ORGANIZATION),
                portal_users=listing(struct(id=TEXT, idea_portal_id=TEXT)),
                custom_fields=listing(CUSTOM_FIELD),
                integration_fields=listing(INTEGRATION_FIELD),
            ),
            Source(Route("/idea_users", "idea_users", since=UPDATED_SINCE, fields=True)),
            time=None,
            cursor_field=CHANGED_AT,
            note="Contacts behind ideas and votes. Aha! filters them by a time of change that it does not show: "
            "`changed_at` is the moment of the read, by Aha!'s clock.",
        ),
        Table(
            "idea_portals",
            table_schema(
                id=TEXT,
                title=TEXT,
                portal_enabled=FLAG,
                access_type=TEXT,
                external_url=TEXT,
                created_at=TEXT,
            ),
            Source(Route("/idea_portals", "idea_portals", workspace="/products/{parent}/idea_portals")),
            time=None,
            note="Ideas portals.",
        ),
        Table(
            "portal_users",
            table_schema(
                id=TEXT,
                idea_portal_id=TEXT,
                email=TEXT,
                first_name=TEXT,
                last_name=TEXT,
                enabled=FLAG,
                verified=FLAG,
                employee=FLAG,
                max_endorsements_override=COUNT,
                idea_user_id=TEXT,
                created_at=TEXT,
                unsubscribed=FLAG,
                unsubscribed_from_weekly_emails=FLAG,
            ),
            Source(
                Route("/idea_portals/{parent}/portal_users", "portal_users"),
                Parents("idea_portals", "idea_portal_id"),
            ),
            time=None,
            note="Who may sign in to an ideas portal.",
        ),
        Table(
            "idea_categories",
            table_schema(id=TEXT, name=TEXT, parent_id=TEXT, project_id=TEXT, created_at=TEXT),
            Source(Route("/products/{parent}/idea_categories", "idea_categories"), Parents("products")),
            time=None,
            note="Categories of ideas, a tree in each workspace (`parent_id`).",
        ),
        Table(
            "idea_themes",
            table_schema(
                id=TEXT, reference_num=TEXT, name=TEXT, description=TEXT, created_at=TEXT, updated_at=TEXT
            ),
            Source(Route("/idea_themes", "idea_themes")),
            time=None,
            json_text=("description",),
            requires="Ideas Advanced",
            note="Themes of ideas. Aha! published no body of them: what one holds beside `id` is expected, not "
            "known.",
        ),
        Table(
            "idea_subscriptions",
            table_schema(id=TEXT, idea_id=TEXT, created_at=TEXT, portal_user=PORTAL_USER, user=USER),
            Source(Route("/ideas/{parent}/subscriptions", "idea_subscriptions"), Parents("ideas", "idea_id")),
            time=None,
            opt_in=True,
            note="Who follows an idea. A call for each idea, each time: nothing says which ideas have any.",
        ),
    )


    # -------------------- connector/tables/delivery.py --------------------
    # The work that ideas lead to: releases, epics, features, requirements, to-dos, and what is said of them.

    KEY_RESULT_STUB = struct(
        id=TEXT,
        name=TEXT,
        reference_num=TEXT,
        url=TEXT,
        position=COUNT,
        created_at=TEXT,
        updated_at=TEXT,
        progress=NUMBER,
        target_metric=TEXT,
        starting_metric=TEXT,
        current_metric=TEXT,
    )
    LINK_STUB = struct(link_type=TEXT, link_type_id=COUNT, created_at=TEXT, parent_record=STUB, child_record=STUB)
    PHASE = {
        "id": TEXT,
        "name": TEXT,
        "start_on": TEXT,
        "end_on": TEXT,
        "type": TEXT,
        "release_id": TEXT,
        "created_at": TEXT,
        "updated_at": TEXT,
        "progress": NUMBER,
        "progress_source": TEXT,
        "duration_source": TEXT,
        "description": NOTE,
    }
    LINKED_RECORD = struct(
        record_type=TEXT,
        id=TEXT,
        reference_num=TEXT,
        name=TEXT,
        created_at=TEXT,
        url=TEXT,
        resource=TEXT,
        product_id=TEXT,
    )
    # Tables whose rows Aha! keeps for the plans that plan delivery.
    ROADMAPS = "Aha! Roadmaps"

    DELIVERY = (
        Table(
            "releases",
            table_schema(
                id=TEXT,
                product_id=TEXT,
                reference_num=TEXT,
                name=TEXT,
                start_date=TEXT,
                end_date=TEXT,
                development_started_on=TEXT,
                release_date=TEXT,
                external_release_date=TEXT,
                external_release_date_description=TEXT,
                external_date_resolution=TEXT,
                released=FLAG,
                parking_lot=FLAG,
                master_release=FLAG,
                released_on=TEXT,
                created_at=TEXT,
                updated_at=TEXT,
                position=COUNT,
                progress=NUMBER,
                progress_source=TEXT,
                duration_source=TEXT,
                status_changed_on=TEXT,
                theme=NOTE,
                url=TEXT,
                resource=TEXT,
                integration_fields=listing(INTEGRATION_FIELD),
                custom_fields=listing(CUSTOM_FIELD),
                comments_count=COUNT,
                workflow_status=WORKFLOW_STATUS,
                owner=USER,
                project=WORKSPACE,
                parent=RELEASE_STUB,
                goals=listing(DESCRIBED_STUB),
                key_results=listing(KEY_RESULT_STUB),
                initiatives=listing(DESCRIBED_STUB),
                workflow_status_times=listing(STATUS_TIME),
            ),
            Source(
                Route("/products/{parent}/releases", "releases", since=UPDATED_SINCE, fields=True),
                Parents("products"),
            ),
            detail=Detail("/releases/{id}", "release"),
            audited_as=("release",),
            requires=ROADMAPS,
            note="Releases, parking lots and roll-ups (`master_release`). Aha! lists them by workspace: a call "
            "for each, each time.",
        ),
        Table(
            "release_phases",
            table_schema(**PHASE),
            Source(Route("/release_phases", "release_phases")),
            audited_as=("release_phase",),
            requires=ROADMAPS,
            note="Phases and milestones of releases.",
        ),
        Table(
            "epics",
            table_schema(
                id=TEXT,
                name=TEXT,
                reference_num=TEXT,
                initiative_reference_num=TEXT,
                release_reference_num=TEXT,
                position=COUNT,
                score=NUMBER,
                created_at=TEXT,
                updated_at=TEXT,
                start_date=TEXT,
                due_date=TEXT,
                product_id=TEXT,
                progress=NUMBER,
                progress_source=TEXT,
                duration_source=TEXT,
                status_changed_on=TEXT,
                created_by_user=USER,
                workflow_kind=struct(id=TEXT, name=TEXT),
                workflow_status=WORKFLOW_STATUS,
                project=WORKSPACE,
                description=NOTE,
                attachments=listing(ATTACHMENT),
                integration_fields=listing(INTEGRATION_FIELD),
                url=TEXT,
                resource=TEXT,
                release=RELEASE_STUB,
                assigned_to_user=ASSIGNEE,
                features=listing(STUB),
                initiative=DESCRIBED_STUB,
                goals=listing(DESCRIBED_STUB),
                key_results=listing(KEY_RESULT_STUB),
                comments_count=COUNT,
                score_facts=listing(SCORE_FACT),
                tags=listing(TEXT),
                full_tags=listing(TAG),
                custom_fields=listing(CUSTOM_FIELD),
                custom_object_links=listing(CUSTOM_OBJECT_LINK),
                workflow_status_times=listing(STATUS_TIME),
                epic_links=listing(LINK_STUB),
                epic_only_original_estimate=NUMBER,
                epic_only_remaining_estimate=NUMBER,
                epic_only_work_done=NUMBER,
            ),
            Source(
                Route("/epics", "epics", since=UPDATED_SINCE, fields=True, workspace="/products/{parent}/epics")
            ),
            detail=Detail("/epics/{id}", "epic"),
            audited_as=("epic", "master_feature"),
            requires=ROADMAPS,
            note="Epics, which Aha! once called master features.",
        ),
        Table(
            "features",
            table_schema(
                id=TEXT,
                name=TEXT,
                reference_num=TEXT,
                initiative_reference_num=TEXT,
                release_reference_num=TEXT,
                epic_reference_num=TEXT,
                position=COUNT,
                score=NUMBER,
                created_at=TEXT,
                updated_at=TEXT,
                start_date=TEXT,
                due_date=TEXT,
                product_id=TEXT,
                progress=NUMBER,
                progress_source=TEXT,
                duration_source=TEXT,
                status_changed_on=TEXT,
                created_by_user=USER,
                workflow_kind=struct(id=TEXT, name=TEXT),
                workflow_status=WORKFLOW_STATUS,
                project=WORKSPACE,
                original_estimate=NUMBER,
                remaining_estimate=NUMBER,
                initial_estimate=NUMBER,
                work_done=NUMBER,
                work_units=COUNT,
                use_requirements_estimates=FLAG,
                description=NOTE,
                attachments=listing(ATTACHMENT),
                integration_fields=listing(INTEGRATION_FIELD),
                url=TEXT,
                resource=TEXT,
                release=RELEASE_STUB,
                belongs_to_release_phase=struct(**PHASE),
                epic=STUB,
                assigned_to_user=ASSIGNEE,
                initiative=DESCRIBED_STUB,
                goals=listing(DESCRIBED_STUB),
                key_results=listing(KEY_RESULT_STUB),
                comments_count=COUNT,
                score_facts=listing(SCORE_FACT),
                tags=listing(TEXT),
                full_tags=listing(TAG),
                custom_fields=listing(CUSTOM_FIELD),
                custom_object_links=listing(CUSTOM_OBJECT_LINK),
                time_tracking_events=listing(TRACKED_TIME),
                feature_links=listing(LINK_STUB),
                workflow_status_times=listing(STATUS_TIME),
                feature_only_original_estimate=NUMBER,
                feature_only_remaining_estimate=NUMBER,
                feature_only_work_done=NUMBER,
            ),
            Source(
                Route(
                    "/features",
                    "features",
                    since=UPDATED_SINCE,
                    fields=True,
                    workspace="/products/{parent}/features",
                )
            ),
            detail=Detail("/features/{id}", "feature"),
            audited_as=("feature",),
            requires=ROADMAPS,
            note="Features, with their estimates and tracked time; their requirements are a table of their own.",
        ),
        Table(
            "requirements",
            table_schema(
                id=TEXT,
                name=TEXT,
                reference_num=TEXT,
                position=COUNT,
                created_at=TEXT,
                updated_at=TEXT,
                release_id=TEXT,
                created_by_user=USER,
                original_estimate=NUMBER,
                remaining_estimate=NUMBER,
                initial_estimate=NUMBER,
                work_done=NUMBER,
                work_units=COUNT,
                workflow_status=WORKFLOW_STATUS,
                url=TEXT,
                resource=TEXT,
                description=NOTE,
                feature=STUB,
                assigned_to_user=ASSIGNEE,
                attachments=listing(ATTACHMENT),
                tags=listing(TEXT),
                full_tags=listing(TAG),
                custom_fields=listing(CUSTOM_FIELD),
                integration_fields=listing(INTEGRATION_FIELD),
                comments_count=COUNT,
                time_tracking_events=listing(TRACKED_TIME),
                workflow_status_times=listing(STATUS_TIME),
            ),
            # Whether an edit of a requirement moves its feature is not documented: all features are looked at.
            Source(Route("/features", "features", fields=True, workspace="/products/{parent}/features")),
            part="requirements",
            detail=Detail("/features/{id}", "feature"),
            audited_as=("requirement",),
            requires=ROADMAPS,
            note="Requirements, read as parts of all features: exact also where an edit does not move the "
            "feature. Where Aha!'s list does not tell them, they are read for the features that changed.",
        ),
        Table(
            "tasks",
            table_schema(
                id=TEXT,
                name=TEXT,
                body=TEXT,
                due_date=TEXT,
                status=TEXT,
                position=COUNT,
                created_at=TEXT,
                updated_at=TEXT,
                product_id=TEXT,
                assigned_to_users=listing(struct(id=TEXT, status=TEXT, completed_date=TEXT, user=USER)),
                created_by_user=USER,
                attachments=listing(ATTACHMENT),
                url=TEXT,
                resource=TEXT,
                taskable=struct(type=TEXT, id=TEXT, reference_num=TEXT, name=TEXT, url=TEXT, resource=TEXT),
                comments_count=COUNT,
            ),
            Source(
                Route("/tasks", "tasks", since=UPDATED_SINCE, fields=True, workspace="/products/{parent}/tasks")
            ),
            detail=Detail("/tasks/{id}", "task"),
            audited_as=("task",),
            note="To-dos and approvals, with who they are for.",
        ),
        Table(
            "record_comments",
            table_schema(**COMMENT),
            Source(Route("/products/{parent}/comments", "comments", fields=True), Parents("products")),
            json_text=("reactions",),
            audited_as=("comment",),
            note="Comments on the records of a workspace, whatever they are (`commentable`); whether comments on "
            "ideas are among them is not documented. Read whole in each workspace, each time: the list has no "
            "filter.",
        ),
        Table(
            "record_links",
            table_schema(
                id=TEXT,
                feature_id=TEXT,
                link_type=TEXT,
                link_type_id=COUNT,
                created_at=TEXT,
                changed_at=TEXT,
                parent_record_type=TEXT,
                parent_record_id=TEXT,
                child_record_type=TEXT,
                child_record_id=TEXT,
                parent=FLAG,
                parent_record=LINKED_RECORD,
                child_record=LINKED_RECORD,
            ),
            Source(
                Route("/features/{parent}/record_links", "record_links", paged=False),
                Parents("features", "feature_id", changed=True, shared=True),
            ),
            time="created_at",
            cursor_field="changed_at",
            audited_as=("record_link",),
            requires=ROADMAPS,
            note="Links of features to other records, read for the features that changed. A link between two "
            "features is told by both and is one row, of either. A link does not say when it "
            "changed: `changed_at` is the moment of the read, by Aha!'s clock.",
        ),
    )


    # -------------------- connector/tables/people.py --------------------
    # Who works in the account.

    PEOPLE = (
        Table(
            "users",
            table_schema(
                id=TEXT,
                name=TEXT,
                email=TEXT,
                timezone=TEXT,
                created_at=TEXT,
                updated_at=TEXT,
                accessed_at=TEXT,
                product_roles=listing(
                    struct(role=COUNT, role_description=TEXT, product_id=TEXT, product_name=TEXT)
                ),
                user_roles=listing(struct(id=TEXT, name=TEXT)),
                enabled=FLAG,
                paid_seat=FLAG,
                roadmaps_seat=FLAG,
                develop_seat=FLAG,
                teamwork_seat=FLAG,
                administrator=FLAG,
                administrator_roles=struct(
                    administer_account=FLAG, administer_billing=FLAG, administer_configuration=FLAG
                ),
                identity_provider=struct(type=TEXT, id=TEXT, name=TEXT),
                paid_seat_group=struct(id=TEXT, name=TEXT),
            ),
            Source(Route("/users", "users")),
            requires="a user who may administer the account",
            note="Users with their seats, and their role in each workspace. Whether signing in (`accessed_at`) "
            "moves `updated_at` is not documented: take `sync_mode=snapshot` where that matters.",
        ),
        Table(
            "teams",
            table_schema(
                id=TEXT,
                name=TEXT,
                team_members_count=COUNT,
                automatically_calculate_team_members_count=FLAG,
                capacity=TEXT,
                hourly_rate=TEXT,
                color=TEXT,
                start_date=TEXT,
                end_date=TEXT,
                project=WORKSPACE,
                schedule=struct(id=TEXT, name=TEXT, hours_per_day=TEXT, story_points_per_day=TEXT, velocity=TEXT),
                custom_fields=listing(CUSTOM_FIELD),
                team_members=TEXT,
            ),
            Source(Route("/teams", "teams", fields=True)),
            time=None,
            json_text=("team_members",),
            workspace="project",
            requires="Enterprise+ with capacity planning",
            note="Teams of capacity planning. `team_members` is JSON text: Aha! answers an object, where one "
            "expects a list.",
        ),
        Table(
            "team_members",
            table_schema(id=TEXT, name=TEXT, email=TEXT, user_id=TEXT, virtual=FLAG),
            Source(Route("/team_members", "team_members")),
            time=None,
            requires="Enterprise+ with capacity planning",
            note="Members of teams, virtual ones included.",
        ),
    )


    # -------------------- connector/tables/strategy.py --------------------
    # Why the work is done: initiatives, goals and their key results, models, markets.

    MODEL = {
        "id": TEXT,
        "name": TEXT,
        "kind": TEXT,
        "components": listing(struct(id=TEXT, name=TEXT, description=TEXT)),
        "url": TEXT,
        "resource": TEXT,
        "project": WORKSPACE,
    }
    MARKET = {
        "id": TEXT,
        "product_id": TEXT,
        "reference_num": TEXT,
        "name": TEXT,
        "color": COUNT,
        "created_at": TEXT,
        "updated_at": TEXT,
        "url": TEXT,
        "resource": TEXT,
        "custom_fields": listing(CUSTOM_FIELD),
        "comments_count": COUNT,
    }

    STRATEGY = (
        Table(
            "initiatives",
            table_schema(
                id=TEXT,
                name=TEXT,
                reference_num=TEXT,
                status=TEXT,
                effort=NUMBER,
                value=NUMBER,
                presented=FLAG,
                color=TEXT,
                start_date=TEXT,
                end_date=TEXT,
                position=COUNT,
                score=NUMBER,
                created_at=TEXT,
                updated_at=TEXT,
                product_id=TEXT,
                progress=NUMBER,
                progress_source=TEXT,
                duration_source=TEXT,
                url=TEXT,
                resource=TEXT,
                project=WORKSPACE,
                workflow_status=WORKFLOW_STATUS,
                description=NOTE,
                attachments=listing(ATTACHMENT),
                assigned_to_user=ASSIGNEE,
                time_frame=TIME_FRAME,
                comments_count=COUNT,
                goals=listing(DESCRIBED_STUB),
                key_results=listing(KEY_RESULT_STUB),
                score_facts=listing(SCORE_FACT),
                workflow_status_times=listing(STATUS_TIME),
                features=listing(STUB),
                epic=listing(STUB),
                releases=listing(RELEASE_STUB),
                integration_fields=listing(INTEGRATION_FIELD),
                custom_fields=listing(CUSTOM_FIELD),
                created_by_user=USER,
            ),
            Source(
                Route(
                    "/initiatives",
                    "initiatives",
                    since=UPDATED_SINCE,
                    fields=True,
                    workspace="/products/{parent}/initiatives",
                )
            ),
            detail=Detail("/initiatives/{id}", "initiative"),
            audited_as=("initiative",),
            requires=ROADMAPS,
            note="Initiatives. `epic` is Aha!'s name for the list of their epics.",
        ),
        Table(
            "goals",
            table_schema(
                id=TEXT,
                name=TEXT,
                reference_num=TEXT,
                effort=NUMBER,
                value=NUMBER,
                color=TEXT,
                position=COUNT,
                created_at=TEXT,
                updated_at=TEXT,
                product_id=TEXT,
                progress=NUMBER,
                progress_source=TEXT,
                url=TEXT,
                resource=TEXT,
                description=NOTE,
                success_metric=struct(
                    name=TEXT,
                    description=NOTE,
                    workflow_status=WORKFLOW_STATUS,
                    workflow_status_times=listing(STATUS_TIME),
                ),
                project=WORKSPACE,
                time_frame=TIME_FRAME,
                parent=DESCRIBED_STUB,
                parents=listing(DESCRIBED_STUB),
                initiatives=listing(DESCRIBED_STUB),
                key_results=listing(KEY_RESULT_STUB),
                comments_count=COUNT,
                features=listing(STUB),
                releases=listing(RELEASE_STUB),
                custom_fields=listing(CUSTOM_FIELD),
            ),
            Source(Route("/goals", "goals", workspace="/products/{parent}/goals")),
            audited_as=("goal", "strategic_imperative"),
            requires=ROADMAPS,
            note="Goals, with short forms of their key results. A goal's status is that of its success metric.",
        ),
        Table(
            "key_results",
            table_schema(
                id=TEXT,
                goal_id=TEXT,
                name=TEXT,
                reference_num=TEXT,
                position=COUNT,
                created_at=TEXT,
                updated_at=TEXT,
                progress=NUMBER,
                target_metric=TEXT,
                starting_metric=TEXT,
                current_metric=TEXT,
                description=NOTE,
                assigned_to_user=ASSIGNEE,
                workflow_status=WORKFLOW_STATUS,
                custom_fields=listing(CUSTOM_FIELD),
            ),
            Source(
                Route("/goals/{parent}/key_results", "key_results"),
                Parents("goals", "goal_id", count="key_results", stubs="key_results"),
            ),
            audited_as=("key_result",),
            requires=ROADMAPS,
            note="Key results of goals, read where the goal's list says that one of them moved.",
        ),
        Table(
            "strategy_models",
            table_schema(**MODEL),
            Source(Route("/strategy_models", "strategy_models")),
            time=None,
            workspace="project",
            requires=ROADMAPS,
            note="Strategic models.",
        ),
        Table(
            "strategy_positions",
            table_schema(**MODEL),
            Source(Route("/strategy_positions", "strategy_positions")),
            time=None,
            workspace="project",
            requires=ROADMAPS,
            note="Positionings.",
        ),
        Table(
            "strategy_visions",
            table_schema(
                id=TEXT,
                name=TEXT,
                created_at=TEXT,
                updated_at=TEXT,
                description=TEXT,
                strategy_vision_components=listing(struct(id=TEXT, name=TEXT, title=TEXT)),
                url=TEXT,
                resource=TEXT,
                project=WORKSPACE,
            ),
            Source(Route("/strategy_visions", "strategy_visions")),
            json_text=("description",),
            workspace="project",
            requires=ROADMAPS,
            note="Visions.",
        ),
        Table(
            "personas",
            table_schema(**MARKET | {"occupation": TEXT, "quote": TEXT}),
            Source(
                Route("/products/{parent}/personas", "personas", fields=True), Parents("products", "product_id")
            ),
            time=None,
            requires=ROADMAPS,
            note="Personas of a workspace.",
        ),
        Table(
            "competitors",
            table_schema(**MARKET | {"subtitle": TEXT}),
            Source(
                Route("/products/{parent}/competitors", "competitors", fields=True),
                Parents("products", "product_id"),
            ),
            time=None,
            requires=ROADMAPS,
            note="Competitors of a workspace.",
        ),
    )


    # -------------------- connector/tables/__init__.py --------------------
    # The tables, declared as data: where their rows come from, and what a row looks like.
    #
    # One module a domain; `types` has what rows are made of, and `declaration` what a declaration may say.

    TABLES: dict[str, Table] = {
        table.name: table
        for opt_in in (False, True)
        for domain in (FEEDBACK, DELIVERY, STRATEGY, PEOPLE, ACCOUNT)
        for table in domain
        if table.opt_in is opt_in
    }


    def knows_workspace(table: Table) -> bool:
        """Whether the option `workspaces` narrows a table."""
        parents = table.source.parents
        if parents and parents.table == "products":
            return True
        listed = table.workspace or table.source.route.workspace or table.narrowed
        return bool(listed) or (parents is not None and knows_workspace(TABLES[parents.table]))


    def ingestion_type(table: Table, settings: Settings) -> str:
        """What a pipeline is told: the table's own type, unless an option says otherwise.

    Raises:
        AhaOptionError: see `find_mode_fault`.
    """
        if fault := find_mode_fault(table, settings):
            raise AhaOptionError(fault)
        if settings.sync_mode == "snapshot":
            return "snapshot"
        return "cdc_with_deletes" if settings.track_deletes else table.ingestion_type


    def find_mode_fault(table: Table, settings: Settings) -> str | None:
        """Why a table cannot be read as options ask, or None."""
        if settings.sync_mode == "snapshot" and table.append:
            return (
                f"Option `sync_mode` is `snapshot`, and rows of `{table.name}` are only ever added. Leave it out."
            )
        if settings.track_deletes and not table.tracks_deletes:
            return (
                f"Option `track_deletes` is true, and nothing tells deletions of `{table.name}` (it is read as "
                f"{table.ingestion_type}). Leave it out; `sync_mode=snapshot` shows them where rows change."
            )
        return None


    # -------------------- connector/plan.py --------------------
    # How a table is read under given settings: which lists are walked, and what hangs below their rows.

    # A feed is read in micro-batches of so many rows where no option says otherwise.
    FEED_ROWS = 6000
    WORKSPACES = TABLES["products"]


    @dataclass(frozen=True)
    class Below:
        """A list below each row of another one.

    Attributes:
        listing: its path has `{parent}`.
        column: that holds the parent's id.
        count: the parent's field that says how many there are; None where none does, or none is trusted.
        digest: the fields of GraphQL that do; None likewise.
        detail: where the parent itself stands: asked whether it is still there.
    """

        listing: Listing
        column: str
        count: str | None = None
        digest: tuple[str, str] | None = None
        detail: Detail | None = None

        @property
        def is_counted(self) -> bool:
            return bool(self.count or self.digest)


    @dataclass(frozen=True)
    class Plan:
        """How a table is read.

    Attributes:
        table: whose rows come out.
        listing: the list that is walked; below `parents`, its path has `{parent}`.
        since: the filter by which it tells only what is new, or None.
        time: the field that says when one of its rows changed, or None.
        needs: fields without which its rows are asked for one by one.
        parents: the records below each of which it stands, or None for a single list.
        keys: what `{key}` in its path stands for, in turn.
        below: what stands below each of its rows; None where the row itself is the record.
        created: whether it can be narrowed by time of creation.
        workspaces: whose rows are taken, of rows that say whose they are; empty for all.
        limit: rows per micro-batch, or None.
        cut: whether a read ends where it would take too long, and another one goes on from there.
        filtered: whether the list is narrowed, so that an old row may come in when it changes.
        snapshot: whether each read is everything.
        scope: of the offset.
    """

        table: Table
        listing: Listing
        since: str | None
        time: str | None
        needs: tuple[str, ...]
        parents: Parents | None
        keys: tuple[str, ...]
        below: Below | None
        created: bool
        workspaces: frozenset[str]
        limit: int | None
        cut: bool
        filtered: bool
        snapshot: bool
        scope: str

        @property
        def is_whole(self) -> bool:
            """Whether its lists are walked whole each time, and so show which rows came into sight."""
            return self.since is None and not (self.parents and self.parents.stubs) and self.can_be_whole

        @property
        def can_be_whole(self) -> bool:
            """Whether its lists may be walked whole, and old rows be delivered again: not where rows are only
        ever added."""
            return not (self.snapshot or self.table.append)

        @property
        def moving(self) -> str:
            """The column that names what a row hangs below, and that may change; "" for none."""
            narrowed = self.table.narrowed
            return narrowed.parents.column if narrowed and narrowed.parents and not self.below else ""

        @property
        def is_feed(self) -> bool:
            """Whether its rows are told apart by ids that only grow."""
            return self.since == AFTER_ID


    def plan_table(table: Table, settings: Settings) -> Plan:
        """Choose the list that serves with the fewest calls.

    Raises:
        AhaOptionError: the table needs an option that is not given.
    """
        snapshot = table.is_snapshot or (settings.sync_mode == "snapshot" and not table.append)
        # "Exact" must not rest on a count that nobody has confirmed.
        trusting = settings.trust_counts and not snapshot
        filters = _filters(settings) if table.of_ideas else ()
        narrowed = bool(filters or settings.workspaces)
        source = table.narrowed if table.narrowed and narrowed else table.source
        scope = scope_of(
            settings.subdomain,
            table.name,
            (
                *filters,
                ("sync_mode", "snapshot" if snapshot and not table.is_snapshot else None),
                ("trust_counts", None if trusting or table.is_snapshot else "false"),
                ("workspaces", ",".join(sorted(settings.workspaces))),
                ("custom_object_keys", ",".join(settings.custom_object_keys) if "{key}" in _path(source) else ""),
            ),
        )
        limit = None if snapshot else _limit(table, settings)
        size = settings.page_size
        if limit:
            # Micro-batches are whole pages, so that each goes on where the last one stopped.
            size = max(1, limit // -(-limit // size))
        parents = source.parents
        if parents and parents.changed:
            plan = _plan_list(table, TABLES[parents.table].source, settings, size, _named(parents))
            below = Below(
                _listing(table, source.route, size=settings.page_size),
                parents.column,
                detail=TABLES[parents.table].detail,
            )
            if trusting:
                digest = parents.digest if settings.graphql == "auto" else None
                below = replace(below, count=parents.count, digest=digest)
            # Of a parent, the list's filter alone tells that it changed.
            plan = replace(plan, below=below, time=TABLES[parents.table].time, needs=())
        else:
            plan = _plan_list(table, source, settings, size)
        return replace(plan, limit=limit, snapshot=snapshot, scope=scope)


    def plan_parents(parents: Parents, settings: Settings) -> Plan:
        """How all records are read that lists stand below."""
        table = TABLES[parents.table]
        plan = _plan_list(table, table.source, settings, settings.page_size, _named(parents))
        return replace(plan, since=None, needs=())


    def _plan_list(
        table: Table, source: Source, settings: Settings, size: int, names: tuple[str, ...] = ()
    ) -> Plan:
        """The plan of a list, or of one below each of some records. `names`: the fields to ask for."""
        route, filters = source.route, _filters(settings) if source.route.ideas else ()
        parents = source.parents
        if parents is None and settings.workspaces and route.workspace:
            route, parents = replace(route, path=route.workspace), Parents(WORKSPACES.name)
        needs = [table.part] if table.part else []
        if table.detail and route.since and table.time:
            needs.append(table.time)
        return Plan(
            table,
            _listing(table, route, size, names).with_params(*filters),
            route.since,
            table.time,
            tuple(needs),
            parents,
            _keys(route, settings),
            None,
            route.created and parents is None,
            settings.workspaces if table.workspace and parents is None else frozenset(),
            None,
            True,
            bool(filters or route.params),
            True,
            "",
        )


    def _keys(route: Route, settings: Settings) -> tuple[str, ...]:
        if "{key}" not in route.path:
            return ("",)
        if settings.custom_object_keys:
            return settings.custom_object_keys
        raise AhaOptionError(
            "Option `custom_object_keys` is missing. It names the custom tables to read, by their API keys, "
            "separated by commas."
        )


    def _named(parents: Parents) -> tuple[str, ...]:
        """What must be known of a parent."""
        table = TABLES[parents.table]
        where = parents.where[0] if parents.where else None
        prefix = "reference_prefix" if table is WORKSPACES else None
        wanted = ("id", "created_at", table.time, prefix, where, parents.count, parents.stubs)
        return tuple(dict.fromkeys(name for name in wanted if name))


    def _listing(table: Table, route: Route, size: int, names: tuple[str, ...] = ()) -> Listing:
        fields = (("fields", ",".join(names or table.asked_fields)),) if route.fields else ()
        return Listing(route.path, route.root, (*route.params, *fields), size, route.paged)


    def _filters(settings: Settings) -> tuple[tuple[str, str], ...]:
        """The parameters by which options narrow the ideas."""
        name_matches = settings.q or settings.ideas_q
        given = (("q", name_matches), ("workflow_status", settings.ideas_workflow_status))
        return tuple((name, value) for name, value in given if value)


    def _limit(table: Table, settings: Settings) -> int | None:
        """Rows per micro-batch, or None."""
        given = [settings.max_records_per_batch, settings.max_ideas if table.of_ideas else None]
        least = min((limit for limit in given if limit), default=None)
        return least or (FEED_ROWS if table.source.route.since == AFTER_ID else None)


    def _path(source: Source) -> str:
        return source.route.path


    def is_among(row: Row, names: frozenset[str]) -> bool:
        """Whether a workspace, or a short form of one, is named by its id or its prefix."""
        return str(row.get("id")) in names or str(row.get("reference_prefix")).upper() in names


    # -------------------- connector/parallel.py --------------------
    # A few calls at the same time: a sync is then bound by the request budget and not by latency.

    class Pool:
        """A few threads for the length of a `with`; no thread before the first piece of work.

    Args:
        threads: how many calls overlap, at most.
    """

        def __init__(self, threads: int) -> None:
            self._threads = threads
            self._executor: ThreadPoolExecutor | None = None

        def __enter__(self) -> "Pool":
            return self

        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None:
            if self._executor:
                self._executor.shutdown(cancel_futures=True)
                self._executor = None

        def map(self, work: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
            """The results of `work`, in the order of `items`. The first error ends it.

        Work is begun no further ahead than every thread needs, so that no more results wait than that.
        """
            if self._executor is None:
                self._executor = ThreadPoolExecutor(self._threads, thread_name_prefix="aha")
            pending: deque[Future[Any]] = deque()
            for item in items:
                pending.append(self._executor.submit(work, item))
                if len(pending) > self._threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()


    # -------------------- connector/course.py --------------------
    # A course: the walk over one list, or over one list below each of some records, as if it were one.

    @dataclass(frozen=True)
    class Place:
        """One of the lists.

    Attributes:
        listing: the list.
        parent: the id of the record that it stands below; "" for none.
        column: of its rows that holds that id; "" for none.
        fresh: whether the record was not there before, so that all of its rows are news.
        key: what tells lists below the same record apart.
        whole: whether it is asked for all that it has, and not for what is new.
    """

        listing: Listing
        parent: str = ""
        column: str = ""
        fresh: bool = False
        key: str = ""
        whole: bool = True

        @property
        def name(self) -> str:
            return f"{self.parent}/{self.key}" if self.key else self.parent

        @property
        def order(self) -> tuple[int, str, str]:
            """Ids in the order of their numbers."""
            return order_of(self.name)


    @dataclass
    class Course:
        """Walks over lists, one after the other.

    A list that is gone by the time it is asked for has no rows.

    Args:
        places: the lists, in their order.
        open_walk: list, its first page if it was fetched already, where to begin → the walk over it.
        first_page: list → its first page; None if it is gone.
        started: server time of the beginning, where that is known already.
        position: where an earlier course stopped.
        ahead: whether first pages are fetched ahead, a few at a time.
        names: of all lists there are, those without anything to read included; None of a single one.

    Attributes:
        gone: names of those that were gone.
        anew: whether a single list was begun again, from its first page.
    """

        places: Sequence[Place]
        open_walk: Callable[[Place, Page | None, Position | None], Walk]
        first_page: Callable[[Place], Page | None]
        pool: Pool
        started: str = ""
        position: Position | None = None
        ahead: bool = True
        names: Sequence[str] | None = None
        gone: list[str] = field(default_factory=list)
        anew: bool = False
        _walk: Walk | None = None
        _place: Place = field(default_factory=lambda: Place(Listing("", "", (), 1)))
        _met: dict[int, str] = field(default_factory=dict)
        _coming: Iterator[tuple[Place, Page | None]] | None = None
        _left: int = 0

        def __post_init__(self) -> None:
            if self.position and self.position.parent:
                begin = order_of(self.position.parent)
                self.places = [place for place in self.places if place.order >= begin]
                self.names = [name for name in self.names or () if order_of(name) >= begin]
            self._left = len(self.places)
            self.anew = bool(len(self.places) == 1 and self.position and self.position.page == 1)

        @property
        def done(self) -> list[str]:
            """Names of the lists that nothing is left to read of."""
            end = None if self.whole or self.position is None else order_of(self.position.parent)
            passed = [name for name in self.names or () if end is None or order_of(name) < end]
            return [name for name in passed if name not in self.gone]

        @property
        def whole(self) -> bool:
            """Whether all lists were walked."""
            return not self._left and (self._walk is None or self._walk.whole)

        def __iter__(self) -> Iterator[tuple[Place, list[Row]]]:
            """Pages, each with its list."""
            while (found := self.next_page()) is not None:
                yield found

        def next_page(self) -> tuple[Place, list[Row]] | None:
            """The next page's rows and their list; None if there is none any more. See `once`.

        Raises:
            AhaError: as `Walk.next_page`.
        """
            while self._walk is None or self._walk.whole:
                if not self._left:
                    return None
                self._open_next()
            rows = self._walk.next_page()
            if len(self.places) == 1 and self._walk.position.page == 1:
                self.anew = True
            told = self._walk.position.started
            self.started = min(self.started, told) if self.started and told else self.started or told
            self.position = replace(self._walk.position, parent=self._place.name, started=self.started)
            if self._walk.whole and self._left:
                # Where another course would go on: at the beginning of the next list.
                following = self.places[len(self.places) - self._left]
                self.position = Position(self.position.size, started=self.started, parent=following.name)
            return self._place, rows

        def _open_next(self) -> None:
            if self._coming is None:
                self._coming = self._fetch_ahead()
            place, page = next(self._coming)
            self._left -= 1
            begun = self._is_begun(place)
            if page is None and not (begun and self._is_within(place)):
                self.gone.append(place.name)
                self._walk = None
                return
            start = Position(place.listing.size, started=self.started, parent=place.name)
            self._walk, self._place = self.open_walk(place, page, self.position if begun else start), place

        def _fetch_ahead(self) -> Iterator[tuple[Place, Page | None]]:
            """Each list with its first page; without, where the course goes on within it."""
            rest = list(self.places)
            if rest and self._is_within(rest[0]):
                yield rest.pop(0), None
            fetch = self.pool.map if self.ahead and len(rest) > 1 else map
            yield from zip(rest, fetch(self.first_page, rest), strict=True)

        def _is_begun(self, place: Place) -> bool:
            """Whether the course goes on in this list, at the beginning of a pass or within one."""
            at = self.position
            return bool(at and at.parent == place.name and at.size == place.listing.size)

        def _is_within(self, place: Place) -> bool:
            return self._is_begun(place) and self.position is not None and self.position.page > 1

        def once(self, place: Place, rows: list[Row]) -> list[Row]:
            """Rows but for those that another list has shown."""
            if len(self.places) == 1:
                return rows
            return [row for row in rows if self._met.setdefault(digest(str(row["id"])), place.name) == place.name]


    # -------------------- connector/census.py --------------------
    # Who was there: the rows of a whole list, compared with those of the last time it was counted.
    #
    # A row that comes into sight without a new `updated_at` (a workspace is granted, spam is lifted, a record is
    # restored) tells nobody. So a list is read whole now and then, and its rows' names are compared with what was
    # remembered of them, in buckets: a bucket that differs counts as strange, and its old rows are delivered again.

    @dataclass(frozen=True)
    class Resident:
        """One that is counted.

    Attributes:
        name: that tells it from all others of the table; another one where it moved.
        row: it, which may say when it was made.
        mark: what is said to hang below it; "" where nothing is said.
    """

        name: str
        row: Row
        mark: str = ""


    @dataclass
    class Census:
        """A count that is under way.

    Args:
        start: what the last count left, and a walk that was cut.
        counts: what is said to hang below the rows.

    Attributes:
        since: the moment of the last count; those that were made later are known by that.
        last: it.
    """

        start: Offset
        counts: Counts | None = None
        _carried: bool = True
        _before: dict[str, str] = field(default_factory=dict)
        _now: dict[str, str] = field(default_factory=dict)

        @property
        def since(self) -> str:
            return self.start.reconciled or ""

        @property
        def last(self) -> Tally | None:
            return self.start.tally

        @property
        def counted(self) -> bool:
            """Whether anything is said of what hangs below."""
            return self.counts is not None and self.counts.is_told

        @property
        def lacks_counts(self) -> bool:
            """Whether nothing was known last time of what hangs below, and something is now."""
            return self.counted and self.last is not None and self.last.counts is None

        def is_due(self, residents: Iterable[Resident]) -> bool:
            """Whether one is due without a look at the others: strange already, or made since the last count."""
            if self.last is None:
                return True
            return any(
                bucket_of(resident.name) in self.start.strange
                or (self.since and "created_at" in resident.row and not made_before(resident.row, self.since))
                or (self.lacks_counts and not resident.mark.startswith("0"))
                for resident in residents
            )

        def meet(self, residents: Iterable[Resident], cursor: str) -> None:
            """Count some. `cursor`: the moment from which on new ones are known by when they were made."""
            for resident in residents:
                if made_before(resident.row, cursor):
                    self._now[resident.name] = resident.mark
                if made_before(resident.row, self.since):
                    self._before[resident.name] = resident.mark

        def begin_anew(self) -> None:
            """Forget what an earlier read counted: a list is walked once more, from its beginning."""
            self._carried = False

        def forget(self, names: Iterable[str]) -> None:
            """Take some back, as if they had not been there."""
            for name in names:
                self._now.pop(name, None)
                self._before.pop(name, None)

        @property
        def taking(self) -> Taking:
            """What was counted so far, by the whole walk."""
            before, now = self._tally(self._before), self._tally(self._now)
            if self.start.taking and self._carried:
                before = self.start.taking.before.and_also(before)
                now = self.start.taking.now.and_also(now)
            return Taking(before, now)

        def strange(self) -> frozenset[int]:
            """The buckets that are not as they were."""
            return self.last.changed(self.taking.before) if self.last else frozenset()

        def _tally(self, marks: dict[str, str]) -> Tally:
            counts = Roll.of_marked(marks) if self.counted else None
            return Tally(Roll.of(marks), counts)


    def made_before(row: Row, moment: str) -> bool:
        """Whether a row was made before a moment; also where it does not say, but not before no moment."""
        told = readable(row.get("created_at"))
        return bool(moment) and (told is None or changed_before(row, moment, "created_at"))


    def name_of(place: Place, row: Row, column: str) -> str:
        """What a row is counted as: another one, where it moved from one parent to another."""
        parent = place.name or str(row.get(column) or "")
        return f"{parent}/{row['id']}" if parent else str(row["id"])


    # -------------------- connector/digests.py --------------------
    # Counts that only Aha!'s GraphQL endpoint tells: for 200 ideas in one call.
    #
    # Nothing is read here but counts: rows come from REST. Whatever is wrong with the endpoint (refused, another
    # schema, no answer), nothing is told, and every idea is asked for.

    # Lists were seen to give 200 at most, and no limit of the ids that are asked for.
    PER_CALL = 200
    # In the error that comes with 200, now and then, from a server that did not find the time.
    PASSING = "Timeout on validation"
    QUERY = """query($ids: [ID!], $page: Int) {
  ideas(filters: {id: $ids}, page: $page, per: 200) {
    nodes { id FIELDS }
    isLastPage
  }
}"""


    class DigestError(Exception):
        """The endpoint's answer is not as documented; the message quotes nothing of it but error texts."""


    class Digests:
        """What GraphQL says of ideas; nothing, from the first refusal on.

    Args:
        count: the field that counts.
        latest: the field that says when the last one came.
    """

        def __init__(self, client: AhaClient, count: str, latest: str) -> None:
            self._client, self._count, self._latest = client, count, latest
            self._query = QUERY.replace("FIELDS", f"{count} {latest}")
            self.is_off = False

        def __call__(self, rows: list[Row]) -> dict[str, Told]:
            """What is said of some ideas, by their ids."""
            ids = [str(row["id"]) for row in rows]
            told: dict[str, Told] = {}
            for start in range(0, len(ids), PER_CALL):
                if not self.is_off:
                    told |= self._try(ids[start : start + PER_CALL])
            return {} if self.is_off else told

        def _try(self, ids: list[str]) -> dict[str, Told]:
            try:
                try:
                    return self._tell(ids)
                except AhaServerError:
                    half = len(ids) // 2
                    if not half:
                        raise
                    return self._tell(ids[:half]) | self._tell(ids[half:])
            except AhaRateLimitError:
                raise
            except (AhaError, DigestError) as error:
                self.is_off = True
                warn("GraphQL does not tell which ideas have comments, so each idea is asked for: %s", error)
                return {}

        def _tell(self, ids: list[str]) -> dict[str, Told]:
            told, number = {}, 1
            while True:
                nodes, last = self._read_page({"ids": ids, "page": number})
                for node in nodes:
                    told[node["id"]] = told_of(node.get(self._count), node.get(self._latest))
                # More pages than ids: the server gives fewer to a page than asked for.
                if last or number >= len(ids):
                    return told
                number += 1

        def _read_page(self, variables: dict[str, Any]) -> tuple[list[Any], bool]:
            """One page; asked for twice where the first answer holds errors."""
            for attempt in (1, 2):
                body = self._client.query(self._query, variables, passing=PASSING).body
                if not body.get("errors"):
                    return parse_digests(body)
                if attempt == 2:
                    break
            raise DigestError("POST /graphql answered errors, twice.")


    def parse_digests(body: dict[str, Any]) -> tuple[list[Any], bool]:
        """The ideas of a page, and whether it is the last.

    Raises:
        DigestError: it is no page of ideas.
    """
        data = body.get("data")
        page = data.get("ideas") if isinstance(data, dict) else None
        nodes = page.get("nodes") if isinstance(page, dict) else None
        last = page.get("isLastPage") if isinstance(page, dict) else None
        whole = isinstance(nodes, list) and all(
            isinstance(node, dict) and isinstance(node.get("id"), str) for node in nodes
        )
        if not (whole and isinstance(nodes, list) and isinstance(last, bool)):
            raise DigestError("POST /graphql answered without a page of ideas, each with its id.")
        return nodes, last


    # -------------------- connector/following.py --------------------
    # Following the audits: which ideas had comments made, changed or deleted, whether the ideas moved or not.

    # An audit named an idea as is documented; one did not.
    AGREED_AUDITS, ODD_AUDITS = "agreed", "odd"


    @dataclass(frozen=True)
    class Heard:
        """What audits told.

    Attributes:
        after: the audit up to which all are heeded, then.
        state: whether audits are followed.
        ideas: to be read again, each with whether the next read is told of it too.
    """

        after: str | None
        state: str
        ideas: dict[str, bool] = field(default_factory=dict)

        @property
        def is_all(self) -> bool:
            """Whether audits tell of every change: known once one told of any."""
            return self.state == AGREED_AUDITS


    def follow_audits(client: AhaClient, settings: Settings, plan: Plan, start: Offset) -> Heard:
        """What happened to the rows of `plan` since `start`; nothing where audits are not to be followed.

    They are where `track_deletes` says that the key may read them, of rows below ideas that are not narrowed
    by options: an audit does not say whether those hold.

    Raises:
        AhaError: a request failed.
    """
        quiet = Heard(start.after_audit, start.audits)
        followed = settings.track_deletes and plan.below and plan.table.spellings and not plan.filtered
        narrowed = plan.parents or plan.workspaces
        if not followed or narrowed or start.position or start.audits == ODD_AUDITS:
            return quiet
        # A change of a text shows up to five minutes late.
        late = timedelta(seconds=max(settings.lookback_seconds, TABLES["audits"].late))
        audits = AuditList(client, settings.page_size, late)
        try:
            if start.after_audit is None:
                newest = audits.newest()
                return Heard(None if newest is None else str(newest), start.audits)
            found = audits.after(int(start.after_audit))
        except (AhaPermissionError, AhaNotFoundError, AhaResponseError) as error:
            _warn(plan, str(error))
            return Heard(start.after_audit, "")
        ideas = ideas_named(found, plan.table.spellings)
        if ideas is None:
            _warn(plan, "an audit does not name its idea.")
            return Heard(start.after_audit, ODD_AUDITS)
        after = str(found.settled) if found.settled else start.after_audit
        return Heard(after, AGREED_AUDITS if ideas else start.audits, ideas)


    def _warn(plan: Plan, why: str) -> None:
        warn(
            "Table %s does not follow the audits, and reads what hangs below each changed idea: %s",
            plan.table.name,
            why,
        )


    # -------------------- connector/units.py --------------------
    # What the rows of a list stand for: themselves, their parts, or what hangs below them.

    Records = list[Row]


    @dataclass(frozen=True)
    class Unit:
        """A row of a list and the records that it stands for.

    Attributes:
        row: it tells when something changed.
        records: itself, or all that hangs below it.
    """

        row: Row
        records: Records

        @property
        def name(self) -> str:
            return str(self.row["id"])


    class Units:
        """Makes units of rows, as a plan says.

    Args:
        lookback: how late a change may become visible.
        size: rows per page of what hangs below a row.
        pool: where calls for different rows overlap.

    Attributes:
        counts: of what hangs below a row, where it is counted.
        asked: for how many rows it was asked what hangs below them.
        gone: rows that were gone by then.
        troubled: rows below which Aha! did not let look, each with its error.
        answered: below how many it did.
    """

        def __init__(self, client: AhaClient, plan: Plan, lookback: timedelta, size: int, pool: Pool) -> None:
            self._client, self._plan, self._pool = client, plan, pool
            self._lookback, self._size = lookback, size
            self._warned = False
            self._given: set[str] = set()
            self.counts: Counts | None = None
            self.asked = 0
            self.gone: set[str] = set()
            self.troubled: dict[str, AhaStatusError] = {}
            self.answered = 0

        def due(self, rows: list[Row], since: str | None) -> list[Row]:
            """Rows, or their parts, that changed since; all of them since None."""
            plan = self._plan
            rows = self._parts(self._completed(rows, since))
            if plan.workspaces:
                rows = [row for row in rows if self._is_inside(row)]
            return [row for row in rows if not (since and plan.time and changed_before(row, since, plan.time))]

        def residents(self, place: Place, row: Row, told: Mapping[str, Told]) -> list[Resident]:
            """What a row is counted as: itself, or its parts where it shows them."""
            plan = self._plan
            inside = [row] if plan.table.part and plan.table.part not in row else self._parts([row])
            return [
                Resident(name_of(place, found, plan.moving), found, told.get(str(found["id"]), NOTHING).mark)
                for found in inside
                if not plan.workspaces or self._is_inside(found)
            ]

        def make(
            self,
            place: Place,
            due: list[Row],
            told: Mapping[str, Told],
            *,
            sampled: bool = True,
            cursor: str = "",
        ) -> Iterator[Unit]:
            """The units of rows that are due.

        Args:
            told: what is said to hang below them.
            sampled: whether they are of the sample that proves what is said.
            cursor: rows below that were made since prove nothing; "" where nothing is to be proven.

        Raises:
            CountsRefutedError: what was believed of other rows is wrong.
        """
            if self._plan.below is None:
                yield from (Unit(row, [_with_parent(row, place.column, place.parent)]) for row in due)
                return
            believed = self.counts is not None and self.counts.is_believed(sampled=sampled)
            empty = {name for name, said in told.items() if believed and said.count == 0}
            yield from (Unit(row, []) for row in due if str(row["id"]) in empty)
            asked = [row for row in due if str(row["id"]) not in empty]
            self.asked += len(asked)
            answers = []
            for row, records in zip(asked, self._pool.map(self._children, asked), strict=True):
                if records is None:
                    self.gone.add(str(row["id"]))
                    continue
                if isinstance(records, AhaStatusError):
                    self.troubled[str(row["id"])] = records
                    continue
                self.answered += 1
                answers.append((told.get(str(row["id"]), NOTHING), records))
                yield Unit(row, records)
            if self.counts and cursor:
                self.counts.compare(answers, cursor)

        def shows_parts(self, row: Row) -> bool:
            """Whether a row stands for parts, and holds them."""
            return self._plan.table.part is not None and self._plan.table.part in row

        def _parts(self, rows: list[Row]) -> list[Row]:
            """Rows, or the rows that are their parts."""
            name = self._plan.table.part
            return [part for row in rows for part in self._parts_of(row, name)] if name else rows

        def finish(self, records: Records, read_at: str) -> Records:
            """Records with the columns that the connector adds. `read_at`: server time, whole seconds."""
            table = self._plan.table
            if table.source.parents and table.source.parents.shared:
                records = [record for record in records if self._is_first(str(record["id"]))]
            if table.cursor_field == CHANGED_AT:
                # As Aha! writes times, so that texts compare as times do.
                moment = read_at.removesuffix("Z") + ".000Z"
                records = [
                    record | {CHANGED_AT: readable(record.get("updated_at")) or moment} for record in records
                ]
            for column, field in table.flags:
                records = [record | {column: bool(record.get(field))} for record in records]
            return records

        def _is_first(self, identity: str) -> bool:
            """Whether this read brings a record for the first time."""
            if identity in self._given:
                return False
            self._given.add(identity)
            return True

        def _completed(self, rows: list[Row], since: str | None) -> list[Row]:
            """Rows with all that the table needs: as the list tells them, or each asked for by itself."""
            plan, detail = self._plan, self._plan.table.detail
            if detail is None or not rows:
                return rows
            lacking = [name for name in plan.needs if not any(name in row for row in rows)]
            if not (lacking or plan.table.always_detailed):
                return rows
            if lacking and not self._warned:
                self._warned = True
                warn(
                    "GET %s does not tell `%s`, which table `%s` needs: each row that it returns is asked for by "
                    "itself, a call each.",
                    plan.listing.path,
                    lacking[0],
                    plan.table.name,
                )
            if plan.table.part and since:
                # Without the parts, only the whole's own time says which of them may have changed.
                rows = [row for row in rows if not changed_before(row, since)]
            found = self._pool.map(lambda row: self._detailed(row, detail), rows)
            return [row for row in found if row is not None]

        def _detailed(self, row: Row, detail: Detail) -> Row | None:
            """A row with all that its own route tells; None if it is gone."""
            path = detail.path.format(id=row["id"])
            params = dict(param for param in self._plan.listing.params if param[0] == "fields")
            try:
                answer = self._client.get(path, params)
            except AhaNotFoundError as error:
                if error.own:
                    return None
                raise
            found = answer.body.get(detail.root)
            if not isinstance(found, dict) or not is_row(found):
                raise _unexpected(path, f"an object with an `id` under `{detail.root}`", answer.shown)
            return row | found

        def _parts_of(self, row: Row, name: str) -> list[Row]:
            parts = row.get(name) or []
            if not isinstance(parts, list) or not all(map(is_row, parts)):
                path = self._plan.listing.path
                raise _unexpected(
                    path, f"a list of objects with an `id` as `{name}` of each row", f"row {row['id']}"
                )
            return parts

        def _is_inside(self, row: Row) -> bool:
            where = self._plan.table.workspace
            named: Any = row if where == "self" else row.get(where or "")
            return isinstance(named, dict) and is_among(named, self._plan.workspaces)

        def _children(self, row: Row) -> Records | AhaStatusError | None:
            """All records below one row; None if it was deleted, merged or hidden after the list named it; an
        error that may be this row's own."""
            below, parent = self._plan.below, str(row["id"])
            if below is None:
                raise ValueError(f"nothing hangs below a row of table `{self._plan.table.name}`")
            listing = replace(below.listing.below(parent), size=self._size)
            came_in = ("created_at", "updated_at")
            try:
                walk = Walk(
                    lambda number: listing.fetch(self._client, number),
                    listing.size,
                    self._lookback,
                    came_in=came_in,
                )
                return [_with_parent(record, below.column, parent) for page in walk for record in page]
            except AhaNotFoundError as error:
                return None if error.own and self._is_gone(parent) else error
            except (AhaAuthError, AhaRateLimitError):
                raise
            except AhaStatusError as error:
                return error

        def _is_gone(self, parent: str) -> bool:
            """Whether Aha! knows no such record any more: its list alone may be missing for another reason."""
            below = self._plan.below
            if below is None or below.detail is None:
                return True
            try:
                self._client.get(below.detail.path.format(id=parent), {"fields": "id"})
            except AhaNotFoundError as error:
                return error.own
            return False


    def is_empty(row: Row, count: str | None) -> bool:
        """Whether a row says itself that nothing hangs below it: by a number, or by a list."""
        said = row.get(count or "")
        return said == [] or (type(said) is int and said == 0)


    def _with_parent(row: Row, column: str, parent: str) -> Row:
        return {column: parent} | row if column else row


    def _unexpected(path: str, wanted: str, shown: str) -> AhaResponseError:
        return AhaResponseError(
            f"GET {path} answered without {wanted}. Received: {shown}. Nothing was lost; if it stays so, Aha!'s "
            "API has changed and this connector needs an update."
        )


    # -------------------- connector/held.py --------------------
    # What a read holds back until it is known which of it is news.

    @dataclass
    class FeedIds:
        """Ids of a feed, and up to which of them nothing can come any more: what is made late may become visible
    after a row with a larger id."""

        old: list[int] = field(default_factory=list)
        young: list[int] = field(default_factory=list)
        known: bool = True

        def add(self, rows: Iterable[tuple[str, bool]]) -> None:
            """Note ids, each with whether its row is old."""
            for identity, is_old in rows:
                if identity.isdecimal():
                    (self.old if is_old else self.young).append(int(identity))
                else:
                    self.known = False

        @property
        def settled(self) -> str | None:
            """The last id of what is old, if nothing younger came before it; else None."""
            last = max(self.old, default=None)
            if not self.known or last is None or last > min(self.young, default=last):
                return None
            return str(last)


    @dataclass
    class Held:
        """Pages of records kept until it is known which of them are news; compressed, since few are.

    Attributes:
        contents: unit's name → digest of its records, as last met.
        sizes: unit's name → how many records it stands for.
        characters: how long they are as JSON text.
        recent: names of units that the next read will meet again.
        feed: ids of a feed.
    """

        contents: dict[str, int] = field(default_factory=dict)
        sizes: dict[str, int] = field(default_factory=dict)
        characters: int = 0
        recent: set[str] = field(default_factory=set)
        feed: FeedIds = field(default_factory=FeedIds)
        _pages: list[bytes] = field(default_factory=list)
        _rest: list[tuple[Place, bytes]] = field(default_factory=list)

        def add(self, units: list[Unit]) -> None:
            kept = []
            for unit in units:
                self.contents[unit.name] = content = digest(unit.records)
                self.sizes[unit.name] = len(unit.records)
                kept.append((unit.name, content, unit.records))
            text = json.dumps(kept)
            self.characters += len(text)
            self._pages.append(zlib.compress(text.encode()))

        def keep(self, place: Place, rows: list[Row]) -> None:
            """Keep rows that are not due, as far as is known now."""
            if rows:
                self._rest.append((place, zlib.compress(json.dumps(rows).encode())))

        def rest(self) -> Iterator[tuple[Place, list[Row]]]:
            """The rows that were kept so, a page at a time."""
            for place, page in self._rest:
                yield place, json.loads(zlib.decompress(page))

        def count(self, names: set[str]) -> int:
            """How many records some units stand for."""
            return sum(self.sizes[name] for name in names)

        def records(self, news: set[str]) -> Iterator[Records]:
            """The records of the units in `news`, each as it was last met, a page at a time."""
            for page in self._pages:
                out: Records = []
                for name, content, records in json.loads(zlib.decompress(page)):
                    if name in news and self.contents[name] == content:
                        out += records
                if out:
                    yield out


    # -------------------- connector/lists.py --------------------
    # The lists of a plan: which there are now, narrowed to what is new or whole, and the walk over them.

    SINCE_MARGIN = timedelta(seconds=1)


    @dataclass
    class Lists:
        """The lists of a plan.

    Args:
        asked: the table that they are read for, where that is another than the plan's.
        late: how late a change may become visible.
        pool: where calls for different lists overlap.

    Attributes:
        ahead: the first page of the plan's own list, where it was asked for already.
    """

        client: AhaClient
        settings: Settings
        plan: Plan
        asked: Table
        late: timedelta
        pool: Pool
        ahead: Page | None = None
        _looked: set[str] | None = None

        def open(self, start: Offset, counts: Counts | None) -> tuple[Course, Census | None]:
            """The lists, from where `start` stands; and a count of their rows, where they are read whole."""
            plan, names, started = self.plan, None, ""
            if plan.parents:
                rows, started = self._parents(plan.parents)
                census = self._begin_census(start, counts, started)
                places, names = self._places_below(rows, plan.parents, start, whole=census is not None)
            else:
                census = self._begin_census(start, counts, self._look(start))
                listing = plan.listing if census else self._since(plan.listing, start)
                places = [Place(listing, whole=listing is plan.listing)]
            if census and counts and not start.taking:
                counts.doubt()
            first, self.ahead = self.ahead, None
            course = Course(
                places,
                self._walk,
                lambda place: first or self._first_page(place),
                self.pool,
                started=start.position.started if start.position else started,
                position=start.position,
                ahead=not plan.limit,
                names=names,
            )
            return course, census

        def _look(self, start: Offset) -> str:
            """What time it is, where that decides whether a reconciliation is due: the answer's page is used if
        it is not."""
            if not (self._may_reconcile(start) and self.settings.reconcile_hours and start.reconciled):
                return ""
            self.ahead = self.fetch(self._since(self.plan.listing, start), 1)
            now = format_time(self.ahead.date) if self.ahead.date else ""
            if self._is_late(start, now):
                self.ahead = None
            return now

        def _may_reconcile(self, start: Offset) -> bool:
            """Whether the time decides: not at the beginning, and not within a walk or between two."""
            return bool(
                self.plan.can_be_whole
                and not self.plan.is_whole
                and start.cursor
                and not (start.position or start.strange)
            )

        def _is_late(self, start: Offset, now: str) -> bool:
            hours = timedelta(hours=self.settings.reconcile_hours)
            return start.reconciled is None or self.cursor_after(now) >= shift(start.reconciled, hours)

        def _begin_census(self, start: Offset, counts: Counts | None, now: str) -> Census | None:
            """A count of all rows, where the lists are read whole; by `now` that may be due."""
            plan = self.plan
            if not plan.can_be_whole:
                return None
            whole = plan.is_whole or start.cursor is None or bool(start.strange)
            if start.position and start.cursor and not plan.is_whole:
                whole = start.taking is not None
            elif not whole:
                whole = bool(self.settings.reconcile_hours) and self._is_late(start, now)
            return Census(start, counts) if whole else None

        def _parents(self, parents: Parents) -> tuple[list[Row], str]:
            """All records that lists stand below, and when they were asked for."""
            plan = plan_parents(parents, self.settings)
            lists = Lists(self.client, self.settings, plan, self.asked, self.late, self.pool)
            units = Units(self.client, plan, self.late, self.settings.page_size, self.pool)
            kept = ("id", "reference_prefix", parents.count, parents.stubs)
            named = {name for name in (*kept, *(parents.where or ())[:1]) if name}
            course, _ = lists.open(Offset(""), None)
            found = [
                {name: row[name] for name in named if name in row}
                for place, rows in lists.pages(course)
                for row in units.due(course.once(place, rows), None)
            ]
            if plan.table is WORKSPACES and self.settings.workspaces:
                found = self._chosen(found)
            if parents.where:
                name, text = parents.where
                found = [row for row in found if text in str(row.get(name))]
            return sorted(found, key=lambda row: order_of(str(row["id"]))), course.started

        def _chosen(self, found: list[Row]) -> list[Row]:
            """The workspaces that the option names.

        Raises:
            AhaOptionError: there is none of a name.
        """
            for name in sorted(self.settings.workspaces):
                if not any(is_among(row, frozenset({name})) for row in found):
                    there = ", ".join(sorted(str(row.get("reference_prefix")) for row in found)) or "none"
                    raise AhaOptionError(
                        f"Option `workspaces` names {name!r}, and the key sees no such workspace, but {there}."
                    )
            return [row for row in found if is_among(row, self.settings.workspaces)]

        def _places_below(
            self, rows: list[Row], declared: Parents, start: Offset, *, whole: bool
        ) -> tuple[list[Place], list[str]]:
            """A list for each parent that may have something to read, and the names of all lists there are."""
            places = []
            named = [
                (row, key, f"{row['id']}/{key}" if key else str(row["id"]))
                for row in rows
                for key in self.plan.keys
            ]
            names = [name for _, _, name in named]
            changed = (start.parents or Roll()).changed(Roll.of(names)) if start.cursor else frozenset()
            trusting = self.settings.trust_counts and not self.plan.snapshot
            for row, key, name in named:
                new = bucket_of(name) in changed
                if trusting and is_empty(row, declared.count):
                    continue
                if (
                    declared.stubs
                    and start.cursor
                    and not (new or whole)
                    and not has_moved(row, declared.stubs, start.cursor)
                ):
                    continue
                listing = self.plan.listing.below(str(row["id"]), key)
                narrowed = listing if new or whole else self._since(listing, start)
                places.append(
                    Place(
                        narrowed, str(row["id"]), declared.column, fresh=new, key=key, whole=narrowed is listing
                    )
                )
            return places, names

        def _since(self, listing: Listing, start: Offset) -> Listing:
            """A list, narrowed to what is new where it can be."""
            if self.plan.is_feed:
                return listing.with_params(("after_id", start.after_id)) if start.after_id else listing
            if not (self.plan.since and start.cursor):
                return listing
            # Whether the filter includes its own moment, or looks at milliseconds, is not documented: a second
            # earlier is right in every case, and what is too old is dropped.
            return listing.with_params((self.plan.since, shift(start.cursor, -SINCE_MARGIN)))

        def _walk(self, place: Place, first: Page | None, position: Position | None) -> Walk:
            fetched = [first] if first else []
            changed = (self.plan.time or "updated_at",)
            made = ("created_at", *changed)
            return Walk(
                lambda number: fetched.pop() if fetched else self.fetch(place.listing, number),
                place.listing.size,
                self.late,
                came_in=made if self.plan.is_feed or (place.whole and not self.plan.filtered) else changed,
                position=position,
            )

        def _first_page(self, place: Place) -> Page | None:
            """A list's first page; None if the record that it stood below is gone, or has no such list: then the
        next read asks again. A snapshot would let its rows go, so there it must be gone."""
            try:
                return self.fetch(place.listing, 1)
            except AhaNotFoundError as error:
                if not (place.parent and error.own):
                    raise
                if self.plan.snapshot and not place.key and place.parent in self._fresh_parents():
                    raise
                return None

        def _fresh_parents(self) -> set[str]:
            """The records that lists stand below, looked at once more."""
            if self._looked is None and self.plan.parents:
                self._looked = {str(row["id"]) for row in self._parents(self.plan.parents)[0]}
            return self._looked or set()

        def fetch(self, listing: Listing, number: int) -> Page:
            """A page of a list; an error says which table cannot be read."""
            try:
                return listing.fetch(self.client, number)
            except (AhaPermissionError, AhaNotFoundError) as error:
                raise refusal_of(self.asked.name, self.plan.table.requires, error) from None

        def cursor_after(self, started: str) -> str:
            """Up to when all is delivered by a read that began at `started`."""
            return shift(require_clock(started, self.plan.listing.path), -self.late)

        def pages(self, course: Course) -> Iterator[tuple[Place, list[Row]]]:
            """The pages of a course.

        Raises:
            AhaNotFoundError: none of its lists is there.
        """
            yield from course
            if course.gone and len(course.gone) == len(course.places):
                path = self.plan.listing.below(":id", ":key").path
                refused = AhaNotFoundError(
                    f"GET {path} answered 404 for each of {len(course.gone)} records.", 404
                )
                raise refusal_of(self.asked.name, self.plan.table.requires, refused)


    def has_moved(row: Row, stubs: str, cursor: str) -> bool:
        """Whether one of the stubs in a row says that it changed since; also where there are none to look at."""
        found = row.get(stubs)
        if not isinstance(found, list):
            return True
        return any(not (isinstance(stub, dict) and changed_before(stub, cursor)) for stub in found)


    # -------------------- connector/reading.py --------------------
    # One read of one table: lists are walked, what is due is held until it is known to be news.

    # A micro-batch is at most so many rows, or characters of them, or calls for what hangs below them, and up to
    # a page more: what is lost with it is less than a minute, and memory is bounded.
    MOST_ROWS = 6000
    MOST_CHARACTERS = 64 * 2**20
    MOST_ASKED = 50
    # Of rows below which is asked, so many are delivered again without another walk.
    MOST_AGAIN = 1000
    # So many records may refuse to show what hangs below them, and it is their own fault; not if they are all.
    MOST_TROUBLED, ALL = 20, 3
    # Calls for different records that overlap: four cover the budget of 5 a second up to 0.8 s of latency.
    THREADS = 4
    # Records that are handed on together, at least.
    CHUNK = 1000


    class Reading:
        """One read, as a plan says.

    Args:
        asked: the table that it is for, where that is another than the plan's.

    Attributes:
        until: where a batch ended that is read again; None to read as the plan says.
    """

        def __init__(self, client: AhaClient, settings: Settings, plan: Plan, asked: Table | None = None) -> None:
            self.plan = plan
            self._client, self._settings, self._asked = client, settings, asked or plan.table
            self.until: Position | None = None
            self._pool = Pool(THREADS)
            self._late = timedelta(seconds=max(settings.lookback_seconds, plan.table.late)) + CLOCK_MARGIN
            self._lists = Lists(client, settings, plan, self._asked, self._late, self._pool)
            self._units = Units(client, plan, self._late, settings.page_size, self._pool)
            # The count of all rows, where the lists are read whole; and what is said to hang below rows.
            self._census: Census | None = None
            self._told: dict[str, Told] = {}
            self._is_first = False
            self._heard = Heard(None, "")

        def windows(self) -> list[Window]:
            """Windows that hold all rows; a single one where there are few, or where Aha! cannot narrow them."""
            if not self.plan.created:
                return [Window()]
            self._lists.ahead = self._lists.fetch(self.plan.listing, 1)
            single = replace(self.plan.listing, size=1)

            def created_at(position: int) -> str | None:
                rows = single.fetch(self._client, position).rows
                made = made_at(rows[0]) if rows else None
                return made.isoformat(timespec="milliseconds") if made else None

            return make_windows(self._lists.ahead.total, self._settings.partition_rows, created_at)

        def bound(self, start: dict[str, Any] | None, end: dict[str, Any] | None) -> Position | None:
            """Where to stop when a batch is read again; see `connector.offsets.end_of_batch`."""
            # Of a feed, ids say what was read, and not pages.
            if not end or self.plan.snapshot or self.plan.is_feed:
                return None
            found = end_of_batch(*(Offset.from_json(offset, self.plan.scope) for offset in (start, end)))
            return found if found and found.size == self.plan.listing.size else None

        def end_of_windows(self) -> dict[str, Any]:
            """The offset that stands after all windows."""
            if self.plan.snapshot:
                return {}
            date = self._lists.ahead.date if self._lists.ahead else None
            cursor = self._lists.cursor_after(format_time(date) if date else "")
            # Nobody counted the rows of the windows: the first reconciliation delivers them all.
            return Offset(self.plan.scope, cursor, reconciled=cursor).to_json()

        def stream(self, window: Window | None = None) -> Iterator[Records]:
            """All records, or those of a window, page by page."""
            start = Offset(self.plan.scope)
            self._units.counts = self._count(start)
            course, _ = self._lists.open(start, self._units.counts)
            yield from self._rest(course, window)

        def read(self, start: dict[str, Any] | None) -> tuple[Iterator[Records], dict[str, Any]]:
            """As `Sync.read`."""
            if self.plan.snapshot:
                return self.stream(), {}
            offset = self._in_the_past(Offset.from_json(start, self.plan.scope))
            try:
                return self._read(offset)
            except CountsRefutedError:
                # Rows were left out for it, nobody knows which.
                again = Reading(self._client, self._settings, self.plan, self._asked)
                return again._read(Offset(self.plan.scope, counts=REFUTED))

        def _in_the_past(self, start: Offset) -> Offset:
            """An offset; the beginning, where its cursor lies in the future: nobody knows what it skipped."""
            if start.cursor is None or parse_time(start.cursor) <= self._client.latest:
                return start
            warn(
                "Table %s was read up to %s, which is in the future by this machine's clock: it is read from the "
                "beginning. If this machine's clock is late, set it.",
                self._asked.name,
                start.cursor,
            )
            return Offset(self.plan.scope)

        def _read(self, start: Offset) -> tuple[Iterator[Records], dict[str, Any]]:
            self._is_first = start.cursor is None
            self._heard = follow_audits(self._client, self._settings, self.plan, start)
            if start.again and not start.position:
                # Whether they change meanwhile or not.
                ideas = dict.fromkeys(start.again, False) | self._heard.ideas
                self._heard = replace(self._heard, ideas=ideas)
            with self._pool:
                self._units.counts = self._count(start)
                course, self._census = self._lists.open(start, self._units.counts)
                held = self._hold(course, start)
                strange = self._find_strangers(course, start, held)
                self._judge_troubles(start)
            end = self._end(course, start, held, strange)
            pages = held.records(start.seen.news(held.contents))
            return self._finished(course, pages), end.to_json()

        def _count(self, start: Offset) -> Counts | None:
            """What is said to hang below rows, where something says so."""
            below = self.plan.below
            if below and below.digest:
                digests = Digests(self._client, *below.digest)
                return Counts(digests, start.counts, f"GraphQL's `{below.digest[0]}`")
            if below and below.count:
                return Counts(tell_by_field(below.count), start.counts, f"`{below.count}` of ideas")
            return None

        def _hold(self, course: Course, start: Offset) -> Held:
            """What is due, up to the end of the course, of a micro-batch, or of what can be held."""
            plan, held, census = self.plan, Held(), self._census
            heard = self._heard
            self._add_heard(held, heard)
            for place, rows in self._lists.pages(course):
                fresh = [row for row in course.once(place, rows) if str(row["id"]) not in heard.ideas]
                due = self._due(place, fresh, start)
                if heard.is_all and not census and self._settings.reconcile_hours:
                    # No comment changed below those of which no audit tells: they moved for something else.
                    held.add([Unit(row, []) for row in due if made_before(row, start.cursor or "")])
                    due = [row for row in due if not made_before(row, start.cursor or "")]
                told = self._tell(rows if census else due)
                if census:
                    due = _distinct([*due, *self._counted(held, course, place, fresh, told)])
                self._add(held, course, place, due, told)
                if census:
                    if course.anew:
                        census.begin_anew()
                    census.meet(self._residents(place, rows, told), self._lists.cursor_after(course.started))
                if plan.is_feed:
                    cursor = self._lists.cursor_after(course.started)
                    held.feed.add((str(row["id"]), self._is_before(row, cursor)) for row in rows)
                if self._is_enough(held, start, course):
                    break
            return held

        def _counted(
            self, held: Held, course: Course, place: Place, rows: list[Row], told: dict[str, Told]
        ) -> list[Row]:
            """Rows of a list that is read whole, or their parts, that are due however old they are; the others
        are kept until all are counted."""
            census = self._census
            if census is None:
                return []
            # The ideas of the sample are all asked for.
            all_of_them = self._is_sample(course)
            due = [row for row in rows if all_of_them or census.is_due(self._units.residents(place, row, told))]
            ids = {str(row["id"]) for row in due}
            held.keep(place, [row for row in rows if str(row["id"]) not in ids])
            # Of a row's parts, where it shows them, only those that are due themselves.
            parts = self._units.due([row for row in due if self._units.shows_parts(row)], None)
            others = self._units.due([row for row in due if not self._units.shows_parts(row)], None)
            return [part for part in parts if census.is_due(self._units.residents(place, part, told))] + others

        def _add_heard(self, held: Held, heard: Heard) -> None:
            """Add what hangs below the ideas that audits name."""
            rows: list[Row] = [{"id": idea} for idea in heard.ideas]
            units = list(self._units.make(Place(self.plan.listing), rows, {}))
            held.add(units)
            held.recent |= {unit.name for unit in units if heard.ideas[unit.name]}

        def _judge_troubles(self, start: Offset) -> None:
            """Go on without the rows below which Aha! did not let look, where they are few and others are not.

        Raises:
            AhaStatusError: nothing can be read, or too much cannot.
        """
            troubles, answered = self._units.troubled, self._units.answered
            if not troubles:
                return
            first, error = next(iter(troubles.items()))
            remembered = len(troubles) + (len(start.again) if start.position else 0)
            all_of_them = not answered and (self._is_first or len(troubles) >= ALL)
            if remembered > MOST_TROUBLED or all_of_them:
                raise refusal_of(self._asked.name, self.plan.table.requires, error)
            warn(
                "Table %s: what hangs below %d records could not be read, %s the first of them (%s). The others "
                "are read; these are asked for again next time, and nothing of theirs counts as deleted.",
                self._asked.name,
                len(troubles),
                first,
                error,
            )

        def _is_enough(self, held: Held, start: Offset, course: Course) -> bool:
            """Whether a micro-batch is full, or is read again up to its end."""
            if self.until and course.position:
                return course.position.is_beyond(self.until)
            # Where the rows of the overlap are not told apart, only all of it can be compared: no cut then.
            if not start.seen.exact:
                return False
            limit = self.plan.limit
            if limit and held.count(start.seen.news(held.contents)) + self.plan.listing.size > limit:
                return True
            full = len(held.contents) >= MOST_ROWS or held.characters >= MOST_CHARACTERS
            return self.plan.cut and (full or self._units.asked >= MOST_ASKED)

        def _due(self, place: Place, rows: list[Row], start: Offset) -> list[Row]:
            return self._units.due(rows, None if place.fresh else start.cursor)

        def _tell(self, rows: list[Row]) -> dict[str, Told]:
            told = self._units.counts.tell(rows) if self._units.counts else {}
            self._told |= told
            return told

        def _residents(self, place: Place, rows: list[Row], told: dict[str, Told]) -> list[Resident]:
            """Those on a page that are there; not those that were gone when they were asked for."""
            absent = self._units.gone | self._units.troubled.keys()
            there = [row for row in rows if str(row["id"]) not in absent]
            return [resident for row in there for resident in self._units.residents(place, row, told)]

        def _add(self, held: Held, course: Course, place: Place, due: list[Row], told: dict[str, Told]) -> None:
            cursor = self._lists.cursor_after(course.started)
            sampled = self._is_sampled(course)
            units = list(self._units.make(place, due, told, sampled=sampled, cursor=cursor))
            held.add(units)
            # Where rows do not tell when they changed, a first read cannot know which it will meet again.
            if self.plan.time or not self._is_first:
                held.recent |= {unit.name for unit in units if not self._is_before(unit.row, cursor)}

        def _is_sample(self, course: Course) -> bool:
            """Whether a page is to prove counts that are in doubt."""
            counts = self._units.counts
            return counts is not None and counts.is_doubted and self._is_sampled(course)

        def _is_sampled(self, course: Course) -> bool:
            """Whether a page is of those by which counts are proven anew: another one at each reconciliation."""
            at, since = course.position, self._census.since if self._census else ""
            if at is None or not since:
                return True
            pages = max(1, -(-at.total // at.size))
            return at.page - 1 >= 1 + digest(since) % pages or course.whole

        def _find_strangers(self, course: Course, start: Offset, held: Held) -> frozenset[int]:
            """Add the old rows that were not there, or say in which buckets the next reads find them."""
            census = self._census
            if census is None or not course.whole:
                return frozenset()
            strange = census.strange()
            if start.position and strange:
                # What this walk met before it was cut is no longer held.
                return strange
            found = []
            for place, rows in held.rest() if strange else ():
                chosen = [row for row in rows if self._is_strange(place, row, strange)]
                found += [(place, chosen)] if chosen else []
            number = sum(len(rows) for _, rows in found)
            if self.plan.cut and number > self._room(start, held):
                return strange
            for place, rows in found:
                self._add(held, course, place, self._units.due(rows, None), self._told)
                absent = self._units.gone | self._units.troubled.keys()
                gone = [row for row in rows if str(row["id"]) in absent]
                census.forget(
                    resident.name for row in gone for resident in self._units.residents(place, row, self._told)
                )
            if number:
                logging.getLogger("aha_lakeflow").info(
                    "Table %s: %d rows are delivered again, because one of them at least was not there at the "
                    "last reconciliation.",
                    self._asked.name,
                    number,
                )
            return frozenset()

        def _is_strange(self, place: Place, row: Row, strange: frozenset[int]) -> bool:
            residents = self._units.residents(place, row, self._told)
            return any(bucket_of(resident.name) in strange for resident in residents)

        def _room(self, start: Offset, held: Held) -> int:
            """How many rows a micro-batch takes on."""
            if self.plan.limit is None:
                return MOST_AGAIN if self.plan.below else MOST_ROWS
            if self.plan.below:
                return 0
            return self.plan.limit - held.count(start.seen.news(held.contents))

        def _end(self, course: Course, start: Offset, held: Held, strange: frozenset[int]) -> Offset:
            """The offset after what was held."""
            census, counts = self._census, self._units.counts
            delivered = {name: content for name, content in held.contents.items() if name in held.recent}
            coming = start.coming.and_also(delivered)
            state = counts.state if counts else start.counts
            again = self._to_be_asked_again(start)
            parents = None
            if course.names is not None:
                parents = (start.coming_parents or Roll()).and_also(Roll.of(course.done))
            if not course.whole:
                return replace(
                    start,
                    position=course.position,
                    coming=coming,
                    coming_parents=parents,
                    taking=census.taking if census else None,
                    counts=state,
                    after_audit=self._heard.after,
                    audits=self._heard.state,
                    again=again,
                )
            cursor = self._lists.cursor_after(course.started)
            tally = census.taking.now if census else start.tally
            end = Offset(
                start.scope,
                cursor,
                coming,
                parents=parents,
                reconciled=cursor if census else start.reconciled,
                tally=tally,
                strange=strange,
                counts=state,
                after_id=held.feed.settled or start.after_id,
                after_audit=self._heard.after,
                audits=self._heard.state,
                again=again,
            )
            quiet = start.cursor and not (start.position or start.strange or strange)
            if quiet and not start.seen.news(held.contents) and (held.recent or not held.contents):
                # Nothing came, and nothing is known that was not.
                known = replace(
                    start,
                    parents=parents,
                    counts=state,
                    after_audit=end.after_audit,
                    audits=end.audits,
                    again=again,
                )
                if known == start and (census is None or (self.plan.is_whole and tally == start.tally)):
                    return start
            return end

        def _to_be_asked_again(self, start: Offset) -> tuple[str, ...]:
            """The records that the next read asks for, whether they change or not: those in trouble, and those
        that are gone for the first time, since a 404 may pass like any other answer."""
            asked = set() if start.position else set(start.again)
            gone = sorted(self._units.gone - asked)[:MOST_TROUBLED]
            return tuple(sorted({*(start.again if start.position else ()), *self._units.troubled, *gone}))

        def _rest(self, course: Course, window: Window | None = None) -> Iterator[Records]:
            """The records of all pages that are left."""
            with self._pool:
                for place, rows in self._lists.pages(course):
                    chunk: Records = []
                    inside = [row for row in rows if window is None or window.holds(row)]
                    due = self._units.due(course.once(place, inside), None)
                    cursor = self._lists.cursor_after(course.started)
                    for unit in self._units.make(place, due, self._tell(due), cursor=cursor):
                        chunk += unit.records
                        if self.plan.below and len(chunk) >= CHUNK:
                            yield self._units.finish(chunk, course.started)
                            chunk = []
                    # What is handed on at once must be everything.
                    for error in self._units.troubled.values():
                        raise refusal_of(self._asked.name, self.plan.table.requires, error)
                    if chunk:
                        yield self._units.finish(chunk, course.started)

        def _finished(self, course: Course, pages: Iterator[Records]) -> Iterator[Records]:
            return (self._units.finish(page, course.started) for page in pages)

        def _is_before(self, row: Row, cursor: str) -> bool:
            return bool(self.plan.time) and changed_before(row, cursor, str(self.plan.time))


    def _distinct(rows: list[Row]) -> list[Row]:
        """Each row once."""
        return list({str(row["id"]): row for row in rows}.values())


    # -------------------- connector/sync.py --------------------
    # The sync engine: from an offset to rows and the next offset.
    #
    # One algorithm for every table. Lists are walked (a table's own, one below each workspace, that of the ideas
    # that have comments), each of their rows stands for records (itself, its parts, what hangs below it), and the
    # offset says up to which moment, by Aha!'s clock, all rows were delivered. Each sync reads again what changed
    # since that moment; rows of that overlap that were delivered already are known by their digests and not
    # delivered twice.

    class Sync:
        """Reads tables of one account through one client."""

        def __init__(self, client: AhaClient, settings: Settings) -> None:
            self._client = client
            self._settings = settings

        def read(self, table: Table, start: dict[str, Any] | None) -> tuple[Iterator[Records], dict[str, Any]]:
            """What changed since `start`, and the offset that stands after it.

        Returns pages of records as Aha! sent them, and a JSON object. The same offset with no records
        means that there was nothing new. A snapshot is everything each time, and its offset is `{}`.

        Raises:
            AhaError: the offset cannot be used, or a request failed; `start` stays valid.
        """
            return Reading(self._client, self._settings, plan_table(table, self._settings)).read(start)

        def reread(
            self, table: Table, start: dict[str, Any] | None, end: dict[str, Any] | None = None
        ) -> Iterator[Records]:
            """All that a micro-batch from `start` to `end` held, and that is still there; all that changed since
        `start`, where no `end` is given, or none that bounds it.

        Spark asks again for a batch that it had planned and may not have written.
        """
            reading = self._unlimited(table)
            reading.until = reading.bound(start, end)
            return reading.read(start)[0]

        def split(self, table: Table) -> list[Window]:
            """Windows that hold all rows of a table between them: a single one where the table is small."""
            return self._unlimited(table).windows()

        def begin(self, table: Table) -> tuple[list[Window], Iterator[Records], dict[str, Any]]:
            """A first read: the windows that it is split into, or, if it is not split, the records; and the
        offset that stands after it. A table that is read in micro-batches is not split.
        """
            reading = Reading(self._client, self._settings, plan_table(table, self._settings))
            windows = [] if reading.plan.limit else reading.windows()
            if len(windows) < 2:
                return [], *reading.read(None)
            return windows, iter(()), reading.end_of_windows()

        def read_window(self, table: Table, window: Window) -> Iterator[Records]:
            """The records of one window, page by page."""
            plan = replace(plan_table(table, self._settings), limit=None, cut=False)
            plan = replace(plan, listing=plan.listing.with_params(*window.params))
            return Reading(self._client.sharing(window.share), self._settings, plan).stream(window)

        def _unlimited(self, table: Table) -> "Reading":
            plan = replace(plan_table(table, self._settings), limit=None, cut=False)
            return Reading(self._client, self._settings, plan)


    # -------------------- connector/aha.py --------------------
    # The connector: Aha! behind the Lakeflow contract.

    class AhaLakeflowConnect(LakeflowConnect):
        """Reads an Aha! account.

    Args:
        options: the connection's options, all strings; see `connector.options`.
        clock: where waits go; tests give one that does not sleep.

    Raises:
        AhaOptionError: from the constructor, if an option is missing or malformed.
    """

        def __init__(self, options: Mapping[str, str], *, clock: Clock | None = None) -> None:
            self._options = dict(options)
            self._client = AhaClient(parse_options(options), clock=clock)

        def __repr__(self) -> str:
            return f"AhaLakeflowConnect({self._client.origin!r})"

        def list_tables(self) -> list[str]:
            return list(TABLES)

        def get_table_schema(self, table_name: str, table_options: Mapping[str, str]) -> StructType:
            return self._table(table_name, table_options).schema

        def read_table_metadata(self, table_name: str, table_options: Mapping[str, str]) -> dict[str, Any]:
            table = self._table(table_name, table_options)
            settings = parse_options(self._options, table_options)
            return {
                "primary_keys": list(table.primary_keys),
                "cursor_field": None if table.is_snapshot else table.cursor_field,
                "ingestion_type": ingestion_type(table, settings),
                "description": table.note,
            }

        def read_table(
            self, table_name: str, start_offset: StoredOffset | None, table_options: Mapping[str, str]
        ) -> tuple[Iterator[dict[str, Any]], StoredOffset]:
            table = self._table(table_name, table_options)
            pages, end = self._sync(table_options).read(table, start_offset)
            return to_rows(table, pages, rescuing=self._is_rescuing(table_options)), end

        def read_batches(
            self, table_name: str, start_offset: StoredOffset | None, table_options: Mapping[str, str]
        ) -> tuple[Iterator[pa.RecordBatch], StoredOffset]:
            """As `read_table`, with the rows as Arrow batches of the table's schema."""
            table = self._table(table_name, table_options)
            pages, end = self._sync(table_options).read(table, start_offset)
            return to_batches(table, pages, rescuing=self._is_rescuing(table_options)), end

        def read_table_deletes(
            self, table_name: str, start_offset: StoredOffset | None, table_options: Mapping[str, str]
        ) -> tuple[Iterator[dict[str, Any]], StoredOffset]:
            table = self._table(table_name, table_options)
            pages, end = self._deletions(table, start_offset, table_options)
            return to_rows(table, pages, rescuing=self._is_rescuing(table_options)), end

        def read_delete_batches(
            self, table_name: str, start_offset: StoredOffset | None, table_options: Mapping[str, str]
        ) -> tuple[Iterator[pa.RecordBatch], StoredOffset]:
            """As `read_table_deletes`, with the tombstones as Arrow batches of the table's schema."""
            table = self._table(table_name, table_options)
            pages, end = self._deletions(table, start_offset, table_options)
            return to_batches(table, pages, rescuing=self._is_rescuing(table_options)), end

        def get_partitions(
            self,
            table_name: str,
            table_options: Mapping[str, str],
            start_offset: StoredOffset | None = None,
            end_offset: StoredOffset | None = None,
        ) -> list[dict[str, Any]]:
            table = self._table(table_name, table_options)
            if start_offset or is_unfinished(end_offset or {}):
                return [{"since": start_offset or {}, "until": end_offset or {}}]
            return [window.to_json() for window in self._sync(table_options).split(table)]

        def read_partition(
            self, table_name: str, partition: Mapping[str, Any], table_options: Mapping[str, str]
        ) -> Iterator[dict[str, Any]]:
            table = self._table(table_name, table_options)
            pages = self._partition(table, partition, table_options)
            return to_rows(table, pages, rescuing=self._is_rescuing(table_options))

        def read_partition_batches(
            self, table_name: str, partition: Mapping[str, Any], table_options: Mapping[str, str]
        ) -> Iterator[pa.RecordBatch]:
            """As `read_partition`, with the rows as Arrow batches of the table's schema."""
            table = self._table(table_name, table_options)
            pages = self._partition(table, partition, table_options)
            return to_batches(table, pages, rescuing=self._is_rescuing(table_options))

        def begin(
            self, table_name: str, table_options: Mapping[str, str]
        ) -> tuple[list[dict[str, Any]], Iterator[pa.RecordBatch], StoredOffset]:
            """A first read: its partitions where it is split, else its rows; and the offset after it."""
            table = self._table(table_name, table_options)
            windows, pages, end = self._sync(table_options).begin(table)
            batches = to_batches(table, pages, rescuing=self._is_rescuing(table_options))
            return [window.to_json() for window in windows], batches, end

        def _partition(
            self, table: Table, partition: Mapping[str, Any], table_options: Mapping[str, str]
        ) -> Iterator[Records]:
            sync = self._sync(table_options)
            if isinstance(partition["since"], Mapping):
                return sync.reread(table, dict(partition["since"]), dict(partition.get("until") or {}))
            window = Window(**partition)
            return sync.reread(table, None) if window == Window() else sync.read_window(table, window)

        def _deletions(
            self, table: Table, start_offset: StoredOffset | None, table_options: Mapping[str, str]
        ) -> tuple[Iterator[Records], StoredOffset]:
            settings = parse_options(self._options, table_options)
            if not settings.track_deletes:
                raise AhaOptionError(
                    f"Table `{table.name}` has ingestion type `{ingestion_type(table, settings)}`: it has no "
                    "delete flow. Set its option `track_deletes` to true."
                )
            return read_deletions(self._client, settings, table, start_offset)

        def _sync(self, table_options: Mapping[str, str]) -> Sync:
            return Sync(self._client, parse_options(self._options, table_options))

        def _is_rescuing(self, table_options: Mapping[str, str]) -> bool:
            return parse_options(self._options, table_options).on_bad_value == "rescue"

        def _table(self, name: str, table_options: Mapping[str, str]) -> Table:
            settings = parse_options(self._options, table_options)
            if name in TABLES:
                table = TABLES[name]
                if fault := find_mode_fault(table, settings):
                    raise AhaOptionError(fault)
                native = settings.timestamps == "native"
                return replace(table, schema=with_native_times(table.schema)) if native else table
            near = difflib.get_close_matches(name, TABLES, n=1)
            meant = f" Did you mean `{near[0]}`?" if near else ""
            raise AhaOptionError(f"There is no table `{name}`.{meant} Tables: {', '.join(TABLES)}.")


    # -------------------- connector/datasource.py --------------------
    # The Spark Python Data Source `lakeflow_connect`, for both generations of pipelines.
    #
    # Spark runs these methods in worker processes: one that plans, one that drives a stream, others that read. So
    # nothing here opens a connection before it is asked for rows, and only a stream's reader keeps anything.

    NAMES = ArrayType(StringType())
    METADATA_SCHEMA = StructType(
        [
            StructField("tableName", StringType(), False),
            StructField("primary_keys", NAMES),
            StructField("cursor_field", StringType()),
            StructField("ingestion_type", StringType()),
        ]
    )
    # Tables about the tables; the first two are the same for two generations of pipelines.
    VIRTUAL_TABLES = {
        "_lakeflow_metadata": METADATA_SCHEMA,
        "_community_table_metadata": METADATA_SCHEMA,
        "_community_tables": StructType(
            [StructField("namespace", NAMES, False), StructField("tableName", StringType(), False)]
        ),
        "_community_namespaces": StructType([StructField("namespace", NAMES, False)]),
    }
    MOST_PARTITIONS = 8
    # In a stream's offset, how many snapshots it has read.
    SNAPSHOTS = "snapshots"


    class LakeflowSource(DataSource):
        """`spark.read.format("lakeflow_connect")`, batch and streaming."""

        connector_class = AhaLakeflowConnect

        def __init__(self, options: dict[str, str]) -> None:
            super().__init__(options)
            # A plain dict with lower-case keys: Spark passes a case-insensitive one in batch only.
            self.settings = {key.lower(): value for key, value in options.items()}
            self.lakeflow_connect = self.connector_class(self.settings)

        @classmethod
        def name(cls) -> str:
            return "lakeflow_connect"

        def schema(self) -> StructType:
            if self.table.startswith(("_community_", "_lakeflow_")):
                if self.table not in VIRTUAL_TABLES:
                    raise AhaOptionError(
                        f"There is no table `{self.table}`. Tables about tables: {', '.join(VIRTUAL_TABLES)}."
                    )
                return VIRTUAL_TABLES[self.table]
            # Read here so that a flag nobody understands is refused before a query runs.
            _ = self.deletes
            return self.lakeflow_connect.get_table_schema(self.table, self.settings)

        def reader(self, schema: StructType) -> DataSourceReader:  # noqa: ARG002
            if self.table in VIRTUAL_TABLES:
                return VirtualTableReader(self.lakeflow_connect, self.table, self.settings)
            if self.deletes:
                raise AhaOptionError("A delete flow is a stream: use `readStream`, or leave out `isDeleteFlow`.")
            return TableReader(self.lakeflow_connect, self.table, self.settings)

        def streamReader(self, schema: StructType) -> DataSourceStreamReader:
            if admission is None:
                # Spark then asks for the simple reader.
                return super().streamReader(schema)
            return make_stream_reader(self.flow)

        def simpleStreamReader(self, schema: StructType) -> SimpleDataSourceStreamReader:  # noqa: ARG002
            return SimpleFlowReader(self.flow)

        @property
        def table(self) -> str:
            """The option `tableName`."""
            name = self.settings.get("tablename")
            if not name:
                raise AhaOptionError("Option `tableName` is missing. It names the table to read.")
            return name

        @property
        def flow(self) -> "Flow":
            """What a stream reads: a table's rows, or its deletions."""
            return Flow(self.lakeflow_connect, self.table, self.settings, deletes=self.deletes)

        @property
        def deletes(self) -> bool:
            """The option `isDeleteFlow`."""
            given = self.settings.get("isdeleteflow") or "false"
            try:
                return parse_flag(given)
            except ValueError as error:
                raise AhaOptionError(f"Option `isDeleteFlow` is {given!r}: {error}.") from None


    class TableReader(DataSourceReader):
        """All rows of a table; of a large one, in parts."""

        def __init__(self, connector: AhaLakeflowConnect, table: str, settings: Mapping[str, str]) -> None:
            self._connector, self._table, self._settings = connector, table, settings

        def partitions(self) -> Sequence[InputPartition]:
            parts = self._connector.get_partitions(self._table, self._settings)
            return [InputPartition(json.dumps(part)) for part in parts]

        def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
            # A batch read is asked once and its offset is dropped: it must hold everything.
            part = json.loads(partition.value)
            return self._connector.read_partition_batches(self._table, part, self._settings)


    class VirtualTableReader(DataSourceReader):
        """What a pipeline must know before it reads: which tables there are, and how they are keyed."""

        def __init__(self, connector: AhaLakeflowConnect, table: str, settings: Mapping[str, str]) -> None:
            self._connector, self._table, self._settings = connector, table, settings

        def read(self, partition: InputPartition) -> Iterator[tuple[Any, ...]]:  # noqa: ARG002
            if self._table == "_community_namespaces":
                return iter(())
            if self._table == "_community_tables":
                return iter([([], name) for name in sorted(self._connector.list_tables())])
            return iter([self._metadata(name) for name in self._names() or self._connector.list_tables()])

        def _metadata(self, name: str) -> tuple[Any, ...]:
            configs = self._json("tableconfigs", dict)
            metadata = self._connector.read_table_metadata(name, configs.get(name, {}))
            return (name, metadata["primary_keys"], metadata["cursor_field"], metadata["ingestion_type"])

        def _names(self) -> list[str]:
            """`tableNameList`: JSON in the newer generation, separated by commas in the older."""
            given = self._settings.get("tablenamelist", "").strip()
            if given.startswith("["):
                return [str(name) for name in self._json("tablenamelist", list)]
            return [name.strip() for name in given.split(",") if name.strip()]

        def _json(self, option: str, kind: type) -> Any:
            given = self._settings.get(option) or json.dumps(kind())
            try:
                found = json.loads(given)
            except ValueError:
                found = None
            if not isinstance(found, kind):
                wanted = "object of options by table" if kind is dict else "list of names"
                raise AhaOptionError(f"Option `{option}` is {given!r}: expected a JSON {wanted}.")
            return found


    class Flow:
        """What a stream reads of one table: changed rows, or tombstones."""

        def __init__(
            self, connector: AhaLakeflowConnect, table: str, settings: Mapping[str, str], *, deletes: bool
        ) -> None:
            self._connector, self._table, self._settings = connector, table, settings
            self._deletes = deletes

        def read(self, start: StoredOffset) -> tuple[Iterator[pa.RecordBatch], StoredOffset]:
            """What changed since `start`, and the offset after it."""
            read = self._connector.read_delete_batches if self._deletes else self._connector.read_batches
            batches, end = read(self._table, start, self._settings)
            return batches, end or count_snapshot(start)

        def read_all(self, start: StoredOffset) -> tuple[Iterator[pa.RecordBatch], StoredOffset]:
            """As `read`, past the ends of micro-batches."""
            found, end = self.read(start)
            parts = [found]
            # The end of a walk that an earlier run began does not hold what changed since it began.
            again = is_unfinished(start)
            while is_unfinished(end) or again:
                again = again and is_unfinished(end)
                found, end = self.read(end)
                parts.append(found)
            return itertools.chain.from_iterable(parts), end

        def begin(self) -> tuple[list[dict[str, Any]], Iterator[pa.RecordBatch], StoredOffset]:
            """A first read: its parts where it is split, else its rows; and the offset after it."""
            if self._deletes:
                return [], *self.read({})
            parts, batches, end = self._connector.begin(self._table, self._settings)
            return parts, batches, end or count_snapshot({})

        def parts_between(self, start: StoredOffset, end: StoredOffset) -> list[dict[str, Any]]:
            """Parts that hold at least what a batch planned from `start` to `end` held."""
            if self._deletes:
                return [{"since": start}]
            return self._connector.get_partitions(self._table, self._settings, start, end)

        def read_part(self, part: Mapping[str, Any]) -> Iterator[pa.RecordBatch]:
            if self._deletes:
                # A deletion told twice is harmless.
                return self.read(part["since"])[0]
            return self._connector.read_partition_batches(self._table, part, self._settings)


    def count_snapshot(start: StoredOffset) -> StoredOffset:
        """The offset after one more snapshot: a stream stands still where offsets do."""
        return {SNAPSHOTS: int(start.get(SNAPSHOTS, 0)) + 1}


    class SimpleFlowReader(SimpleDataSourceStreamReader):
        """A flow, read where the stream is driven: for Spark before 4.2."""

        def __init__(self, flow: Flow) -> None:
            self._flow = flow

        def initialOffset(self) -> StoredOffset:
            return {}

        def read(self, start: StoredOffset) -> tuple[Iterator[pa.RecordBatch], StoredOffset]:
            # A run that is to read all that is there asks once.
            batches, end = self._flow.read_all(start)
            return PackedBatches(batches), end

        def readBetweenOffsets(self, start: StoredOffset, end: StoredOffset) -> Iterator[pa.RecordBatch]:
            parts = self._flow.parts_between(start, end)
            return (batch for part in parts for batch in self._flow.read_part(part))


    class FlowReader(DataSourceStreamReader):
        """A flow whose first read of a large table is split among executors.

    What changed since an offset is read where the stream is driven, because only reading it tells the next
    offset, and travels to the executors as compressed Arrow. After a restart Spark asks for a batch that it
    had planned: that is read again, in the executors.
    """

        def __init__(self, flow: Flow) -> None:
            self._flow = flow
            self._planned: tuple[StoredOffset, StoredOffset, list[InputPartition]] | None = None
            self._once = False
            self._reached = False
            self._begun = False

        def initialOffset(self) -> StoredOffset:
            return {}

        def getDefaultReadLimit(self) -> Any:
            return admission.ReadAllAvailable()

        def prepareForTriggerAvailableNow(self) -> None:
            self._once, self._reached, self._begun = True, False, False

        def latestOffset(self, start: StoredOffset, limit: Any) -> StoredOffset:  # noqa: ARG002
            if self._once and self._reached:
                return start
            parts, batches, end = ([], *self._flow.read(start)) if start else self._flow.begin()
            self._planned = (start, end, [InputPartition(json.dumps(part)) for part in parts] or share(batches))
            # What is unfinished goes on; the rest is all that was there when this run began, but for a walk that
            # an earlier run had begun.
            self._begun = self._begun or not is_unfinished(start)
            self._reached = self._begun and not is_unfinished(end)
            return end

        def partitions(self, start: StoredOffset, end: StoredOffset) -> Sequence[InputPartition]:
            if self._planned and self._planned[:2] == (start, end):
                return self._planned[2]
            return [InputPartition(json.dumps(part)) for part in self._flow.parts_between(start, end)]

        def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
            if isinstance(partition.value, list):
                return map(unpack, partition.value)
            return self._flow.read_part(json.loads(partition.value))

        def commit(self, end: StoredOffset) -> None:
            # After a restart Spark commits the last run's batch when the next one is planned already.
            if self._planned and self._planned[1] == end:
                self._planned = None


    def make_stream_reader(flow: Flow) -> DataSourceStreamReader:
        """A `FlowReader` that stops when everything is read, where this Spark has a word for that."""
        kind = type("AvailableFlowReader", (FlowReader, admission.SupportsTriggerAvailableNow), {})
        reader: DataSourceStreamReader = kind(flow)
        return reader


    class PackedBatches(Iterator[pa.RecordBatch]):
        """Batches kept as compressed Arrow, each unpacked when it is asked for.

    Spark keeps a simple reader's iterator and reads copies of it, so a copy must go on by itself, as a
    generator and a `map` do not.
    """

        def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
            self._parts = [pack(batch) for batch in batches]
            self._position = 0

        def __next__(self) -> pa.RecordBatch:
            if self._position == len(self._parts):
                raise StopIteration
            self._position += 1
            return unpack(self._parts[self._position - 1])


    def share(batches: Iterator[pa.RecordBatch]) -> list[InputPartition]:
        """Batches as partitions of packed batches; none for no rows."""
        groups: list[list[bytes]] = [[] for _ in range(MOST_PARTITIONS)]
        for number, batch in enumerate(batches):
            groups[number % MOST_PARTITIONS].append(pack(batch))
        return [InputPartition(group) for group in groups if group]


    def pack(batch: pa.RecordBatch) -> bytes:
        """A batch as a compressed Arrow stream."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as out:
            out.write_batch(batch)
        packed: bytes = sink.getvalue().to_pybytes()
        return packed


    def unpack(packed: bytes) -> pa.RecordBatch:
        with pa.ipc.open_stream(packed) as stream:
            return stream.read_next_batch()


    def register_lakeflow_source(spark: SparkSession) -> None:
        """Make the source known to a Spark session."""
        spark.dataSource.register(LakeflowSource)


    # -------------------- connector/spec.py --------------------
    # The pipeline spec: which tables go where, and how. Checked whole before anything is created.

    SCD_TYPES = ("SCD_TYPE_1", "SCD_TYPE_2", "APPEND_ONLY")
    SPEC_KEYS = ("connection_name", "objects")
    TABLE_KEYS = (
        "source_table",
        "destination_catalog",
        "destination_schema",
        "destination_table",
        "table_configuration",
    )
    # What of a table's configuration is the pipeline's, and never reaches the source.
    PIPELINE_KEYS = ("scd_type", "primary_keys", "sequence_by", "cluster_by")
    # Columns by which versions can be ordered, beside a table's own.
    NEVER_NULL = ("id", "created_at", "updated_at")
    # What views and flows are named after, beside their table.
    LABELS = ("changes", "changes_and_deletes", "changes_and_deletes_flow", "flow", "snapshot")
    # What Unity Catalog takes as a name; it also keeps a table from naming another directory.
    OBJECT_NAME = re.compile(r"[^./\\\s\x00-\x1f\x7f]{1,255}")


    @dataclass(frozen=True)
    class TableSpec:
        """One table of a pipeline.

    Attributes:
        source: the connector's table.
        destination: the table's name there; `catalog` and `schema` are None for the pipeline's own.
        scd_type: one of `SCD_TYPES`.
        primary_keys, sequence_by, cluster_by: what the user said, or nothing.
        options: the source's table options, as texts.
    """

        source: str
        destination: str
        catalog: str | None = None
        schema: str | None = None
        scd_type: str = SCD_TYPES[0]
        primary_keys: tuple[str, ...] = ()
        sequence_by: str | None = None
        cluster_by: tuple[str, ...] = ()
        options: dict[str, str] = field(default_factory=dict)

        @property
        def parts(self) -> tuple[str, ...]:
            """The destination's name, from the outermost part that was given."""
            return tuple(part for part in (self.catalog, self.schema, self.destination) if part)

        @property
        def name(self) -> str:
            return ".".join(self.parts)

        def label(self, kind: str) -> str:
            """The name of one of its views or flows. Checkpoints hang on it, so it never changes."""
            plain = re.sub(r"[^A-Za-z0-9_]", "_", self.name)
            # Two names that differ only in what was replaced must not share a label.
            return (
                f"{plain}_{kind}"
                if plain == self.name
                else f"{plain}_{zlib.crc32(self.name.encode()):08x}_{kind}"
            )

        @property
        def keys(self) -> tuple[str, ...]:
            return self.primary_keys or TABLES[self.source].primary_keys

        @property
        def sequence(self) -> str:
            """The column that tells which of two versions of a row is newer; "" where a read is everything."""
            table = TABLES[self.source]
            return self.sequence_by or ("" if table.is_snapshot else table.cursor_field)

        @property
        def ingestion_type(self) -> str:
            """How it is read: as the source says, unless the user wants every version appended."""
            if self.scd_type == "APPEND_ONLY":
                return "append"
            return ingestion_type(TABLES[self.source], parse_table_options(self.options))


    @dataclass(frozen=True)
    class PipelineSpec:
        """A whole pipeline."""

        connection_name: str
        tables: tuple[TableSpec, ...]


    class SpecFaults:
        """The faults found so far, each with its path in the spec."""

        def __init__(self) -> None:
            self.found: list[str] = []

        def add(self, path: str, what: str) -> None:
            self.found.append(f"{path}: {what}")

        def close(self, path: str, what: str, name: str, known: Iterable[str]) -> None:
            """Note that there is no `name`, and which of the `known` may be meant."""
            near = difflib.get_close_matches(name, list(known), n=1)
            self.add(
                path, f"{what}. " + (f"Did you mean `{near[0]}`?" if near else f"There are {', '.join(known)}.")
            )

        def unknown(self, path: str, given: Mapping[str, Any], known: Iterable[str]) -> None:
            """Note every key of `given` that is not among `known`."""
            for key in given:
                if key not in known:
                    self.close(f"{path}.{key}" if path else key, "no such key", key, known)

        def text(self, path: str, value: Any) -> str | None:
            """`value` if it is a text that says something; a fault else, but for None."""
            if value is None or (isinstance(value, str) and value.strip()):
                return value
            self.add(path, f"expected a text, not {json.dumps(value, default=str)}.")
            return None

        def object_name(self, path: str, value: Any) -> str | None:
            name = self.text(path, value)
            if name and not OBJECT_NAME.fullmatch(name):
                self.add(path, f"{name!r} is no name of a table, schema or catalog: no spaces, dots or slashes.")
                return None
            return name

        def columns(self, path: str, value: Any, table: Table | None) -> tuple[str, ...]:
            """Names of columns of `table`, which is None where nobody knows it."""
            if value is None:
                return ()
            if not (isinstance(value, list) and value and all(isinstance(item, str) for item in value)):
                self.add(path, f"expected a list of columns, not {json.dumps(value, default=str)}.")
                return ()
            for name in value:
                if table and name not in table.schema.names:
                    self.close(path, f"`{table.name}` has no column `{name}`", name, table.schema.names)
                elif table and isinstance(table.schema[name].dataType, ArrayType | StructType):
                    self.add(path, f"`{name}` holds lists or objects, which have no order.")
            if len(set(value)) < len(value):
                self.add(path, "names a column twice.")
            return tuple(value)


    def parse_pipeline_spec(given: Any) -> PipelineSpec:
        """Check a whole spec, a JSON object or its text.

    Raises:
        AhaOptionError: with every fault, each with its path in the spec.
    """
        if isinstance(given, str):
            try:
                given = json.loads(given, object_pairs_hook=_unique)
            except (ValueError, RecursionError) as error:
                raise AhaOptionError(f"The pipeline spec is no JSON: {error}.") from None
        if not isinstance(given, Mapping):
            raise AhaOptionError("The pipeline spec is no JSON object.")
        faults = SpecFaults()
        faults.unknown("", given, SPEC_KEYS)
        if given.get("connection_name") is None:
            faults.add("connection_name", "is missing.")
        name = faults.text("connection_name", given.get("connection_name"))
        tables = _table_specs(faults, given.get("objects"))
        if faults.found:
            raise AhaOptionError("\n  ".join(["The pipeline spec cannot be used:", *faults.found]))
        return PipelineSpec(name or "", tables)


    def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"`{name}` stands there twice")
        return dict(pairs)


    def _table_specs(faults: SpecFaults, objects: Any) -> tuple[TableSpec, ...]:
        if not isinstance(objects, list) or not objects:
            faults.add("objects", "expected a list with at least one table.")
            return ()
        found: list[TableSpec] = []
        for number, entry in enumerate(objects):
            table = _table_spec(faults, f"objects[{number}]", entry)
            if table and table.name.lower() in (other.name.lower() for other in found):
                faults.add(
                    f"objects[{number}].table",
                    f"`{table.name}` is the destination of another table too. Set its destination_table.",
                )
            found += [table] if table else []
        labels = {table.label(kind).lower() for table in found for kind in LABELS}
        for table in found:
            if table.name.lower() in labels:
                faults.add(
                    "objects", f"`{table.name}` is the pipeline's own name of a view or flow: rename that table."
                )
        return tuple(found)


    def _table_spec(faults: SpecFaults, path: str, entry: Any) -> TableSpec | None:
        if not isinstance(entry, Mapping) or set(entry) != {"table"} or not isinstance(entry["table"], Mapping):
            faults.add(path, "expected an object `{table: {...}}`.")
            return None
        path, given = f"{path}.table", entry["table"]
        faults.unknown(path, given, TABLE_KEYS)
        if given.get("source_table") is None:
            faults.add(f"{path}.source_table", "is missing.")
        source = faults.text(f"{path}.source_table", given.get("source_table"))
        if source is None:
            return None
        table = TABLES.get(source)
        if table is None:
            faults.close(f"{path}.source_table", f"there is no table `{source}`", source, TABLES)
        catalog, schema, destination = (
            faults.object_name(f"{path}.destination_{part}", given.get(f"destination_{part}"))
            for part in ("catalog", "schema", "table")
        )
        if catalog and not schema:
            faults.add(f"{path}.destination_catalog", "needs a destination_schema beside it.")
        here, config = f"{path}.table_configuration", given.get("table_configuration")
        config = {} if config is None else config
        if not isinstance(config, Mapping):
            faults.add(here, "expected an object.")
            return None
        if not isinstance(config.get("sequence_by", ""), str):
            faults.add(f"{here}.sequence_by", "expected one column.")
            return None
        sequence, cluster = (
            [config[key]] if isinstance(config.get(key), str) else config.get(key)
            for key in ("sequence_by", "cluster_by")
        )
        return TableSpec(
            source,
            destination or source,
            catalog,
            schema,
            _scd_type(faults, here, config),
            faults.columns(f"{here}.primary_keys", config.get("primary_keys"), table),
            _sequence(faults, f"{here}.sequence_by", sequence, table),
            faults.columns(f"{here}.cluster_by", cluster, table),
            _options(faults, here, config, table),
        )


    def _sequence(faults: SpecFaults, path: str, given: Any, table: Table | None) -> str | None:
        """The column that versions are ordered by: one that is in every row."""
        name = next(iter(faults.columns(path, given, table)), None)
        if table and name in table.schema.names and name not in (table.cursor_field, *NEVER_NULL):
            faults.add(
                path,
                f"`{name}` may be null, and a row whose sequence value is null is merged once and never again. "
                f"Leave it out, for `{table.cursor_field}`.",
            )
        return name


    def _scd_type(faults: SpecFaults, path: str, config: Mapping[str, Any]) -> str:
        scd_type = config.get("scd_type", SCD_TYPES[0])
        if scd_type not in SCD_TYPES:
            faults.add(f"{path}.scd_type", f"{scd_type!r} is none of {', '.join(SCD_TYPES)}.")
        return str(scd_type)


    def _options(faults: SpecFaults, path: str, config: Mapping[str, Any], table: Table | None) -> dict[str, str]:
        """The source's options, as texts, as Spark passes them on."""
        known = [option.name for option in OPTIONS if option.table]
        faults.unknown(path, config, (*PIPELINE_KEYS, *known))
        before = len(faults.found)
        for key in known:
            if not isinstance(config.get(key, ""), str | int | float):
                faults.add(f"{path}.{key}", "expected a text, a number, true or false.")
        options = {
            key: json.dumps(value) if isinstance(value, bool) else str(value)
            for key, value in config.items()
            if key in known
        }
        for key, text in options.items():
            try:
                parse_table_options({key: text})
            except AhaOptionError as error:
                faults.add(f"{path}.{key}", str(error))
        if len(faults.found) == before:
            try:
                settings = parse_table_options(options)
            except AhaOptionError as error:
                faults.add(path, str(error))
                return options
            if table and (fault := find_mode_fault(table, settings)):
                faults.add(path, fault)
            order = table.cursor_field if table else "updated_at"
            told = (config.get("primary_keys", ["id"]), config.get("sequence_by", order))
            if settings.track_deletes and told != (["id"], order):
                faults.add(
                    f"{path}.track_deletes",
                    f"a deletion tells `id` and `{order}` alone: no other `primary_keys` or `sequence_by`.",
                )
            snapshot = settings.sync_mode == "snapshot" or (table is not None and table.is_snapshot)
            if config.get("scd_type") == "APPEND_ONLY" and (settings.track_deletes or snapshot):
                faults.add(
                    f"{path}.scd_type",
                    "APPEND_ONLY keeps every version of a row: not of a snapshot, and without `track_deletes`.",
                )
        return options


    # -------------------- connector/pipeline.py --------------------
    # The pipeline: a spec's tables as datasets and flows of Spark Declarative Pipelines.
    #
    # Runs where the pipeline is planned, and only declares: nothing is read, and no request is sent.

    FORMAT = "lakeflow_connect"
    PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
    # Tells tombstones from rows within one flow, and is in no table.
    DELETED = "_deleted"
    # Newest name first; Databricks documents the same signatures for all names of a thing.
    CDC_FLOW = ("create_auto_cdc_flow", "apply_changes")
    SNAPSHOT_FLOW = ("create_auto_cdc_from_snapshot_flow", "apply_changes_from_snapshot")
    VIEW = ("temporary_view", "view")


    @dataclass(frozen=True)
    class Dataset:
        """One table of the pipeline, ready to be declared.

    Attributes:
        spark: the pipeline's session.
        table: what the spec says of it.
        connection: the options that reach the source beside the table's own.
    """

        spark: SparkSession
        table: TableSpec
        connection: Mapping[str, str]

        @property
        def target(self) -> str:
            """The destination as SQL writes it."""
            return ".".join(
                part if PLAIN_NAME.fullmatch(part) else "`" + part.replace("`", "``") + "`"
                for part in self.table.parts
            )

        @property
        def options(self) -> dict[str, str]:
            return {**self.connection, **self.table.options, "tableName": self.table.source}

        def rows(self) -> DataFrame:
            return self.spark.read.format(FORMAT).options(**self.options).load()

        def changes(self) -> DataFrame:
            return self.spark.readStream.format(FORMAT).options(**self.options).load()

        def tombstones(self) -> DataFrame:
            return (
                self.spark.readStream.format(FORMAT).options(**self.options).option("isDeleteFlow", "true").load()
            )

        def changes_and_tombstones(self) -> DataFrame:
            """Both in one flow: open-source Spark takes a single AUTO CDC flow into a table."""
            changes = self.changes().withColumn(DELETED, F.lit(False))
            return changes.unionByName(self.tombstones().withColumn(DELETED, F.lit(True)))

        def create(self) -> None:
            """Declare the streaming table that flows write to."""
            sdp.create_streaming_table(name=self.target, **self.layout)

        @property
        def layout(self) -> dict[str, Any]:
            return {"cluster_by": list(self.table.cluster_by)} if self.table.cluster_by else {}

        @property
        def merging(self) -> dict[str, Any]:
            """How AUTO CDC keeps the table."""
            scd_type = "2" if self.table.scd_type == "SCD_TYPE_2" else "1"
            return {"target": self.target, "keys": list(self.table.keys), "stored_as_scd_type": scd_type}


    def declare_changes(data: Dataset) -> None:
        """A table into which changed rows are merged."""
        view = data.table.label("changes")
        _find(VIEW)(name=view)(data.changes)
        data.create()
        _find(CDC_FLOW)(source=view, sequence_by=data.table.sequence, **data.merging)


    def declare_changes_with_deletes(data: Dataset) -> None:
        """A table into which changed rows are merged and from which deleted ones are taken."""
        view = data.table.label("changes_and_deletes")
        _find(VIEW)(name=view)(data.changes_and_tombstones)
        data.create()
        _find(CDC_FLOW)(
            name=f"{view}_flow",
            source=view,
            sequence_by=data.table.sequence,
            apply_as_deletes=DELETED,
            except_column_list=[DELETED],
            **data.merging,
        )


    def declare_appends(data: Dataset) -> None:
        """A table that keeps every version of a row as it was read."""
        data.create()
        sdp.append_flow(name=data.table.label("flow"), target=data.target)(data.changes)


    def declare_snapshot(data: Dataset) -> None:
        """A table that is what the source holds now, or that keeps a history of it."""
        if _find(SNAPSHOT_FLOW) is None:
            sdp.materialized_view(name=data.target, **data.layout)(data.rows)
            return
        view = data.table.label("snapshot")
        _find(VIEW)(name=view)(data.rows)
        data.create()
        _find(SNAPSHOT_FLOW)(source=view, **data.merging)


    DECLARATIONS: dict[str, Callable[[Dataset], None]] = {
        "cdc": declare_changes,
        "cdc_with_deletes": declare_changes_with_deletes,
        "append": declare_appends,
        "snapshot": declare_snapshot,
    }


    def ingest(spark: SparkSession, pipeline_spec: Any, connection: Mapping[str, str] | None = None) -> None:
        """Declare all tables of a pipeline spec, to be read by the data source of `register_lakeflow_source`.

    Args:
        spark: the session of the pipeline that is being planned.
        pipeline_spec: a JSON object or its text; README, "Deploy", describes it.
        connection: connection options, where no Unity Catalog connection brings them.

    Raises:
        AhaOptionError: the spec, or this Spark, cannot do it; nothing was declared then.
    """
        spec = parse_pipeline_spec(pipeline_spec)
        if sdp is None:
            raise AhaOptionError("This Spark has no declarative pipelines: Spark 4.1 or Databricks is needed.")
        for table in spec.tables:
            if connection is not None:
                parse_options(connection, table.options)
            _require_flow(table)
        given = {"databricks.connection": spec.connection_name} if connection is None else connection
        datasets = [Dataset(spark, table, given) for table in spec.tables]
        for data in datasets:
            DECLARATIONS[data.table.ingestion_type](data)


    def _require_flow(table: TableSpec) -> None:
        """Refuse what this engine has no flow for."""
        if table.ingestion_type.startswith("cdc"):
            missing = _find(CDC_FLOW) is None
        else:
            history = table.ingestion_type == "snapshot" and table.scd_type == "SCD_TYPE_2"
            missing = history and _find(SNAPSHOT_FLOW) is None
        if missing:
            raise AhaOptionError(
                f"Table `{table.name}` is `{table.ingestion_type}` with {table.scd_type}, and this Spark has no "
                "flow for that: AUTO CDC needs Spark 4.2, its history of snapshots Databricks."
            )


    def _find(names: tuple[str, ...]) -> Any:
        """The first of the `names` that this engine has, or None."""
        return next((getattr(sdp, name) for name in names if hasattr(sdp, name)), None)

    register_lakeflow_source(spark)
    return ingest


def ingest(spark, pipeline_spec, connection=None):
    """Declare all tables of a pipeline spec, to be read by the data source of `register_lakeflow_source`.

    Args:
        spark: the session of the pipeline that is being planned.
        pipeline_spec: a JSON object or its text; README, "Deploy", describes it.
        connection: connection options, where no Unity Catalog connection brings them.

    Raises:
        AhaOptionError: the spec, or this Spark, cannot do it; nothing was declared then.
    """
    return register_lakeflow_source(spark)(spark, pipeline_spec, connection)
