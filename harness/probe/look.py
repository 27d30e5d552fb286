"""What a probe sees of an account: every answer as it came, each asked for once, within a bound."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import requests

from connector.client import AhaClient, Asked, RetryPolicy, parse_date, parse_json, rate_limit_told
from connector.deadline import SlowAnswerError
from connector.digests import PASSING
from connector.errors import AhaConnectionError, AhaError, AhaRateLimitError
from connector.listing import Row
from connector.options import Settings
from connector.pacing import Clock, SystemClock
from harness.probe.words import (
    KEY_REFUSED,
    LIMITED,
    ODD,
    REFUSED,
    SPENT,
    UNANSWERED,
    UNREADABLE,
    UnshownError,
)

# Requests of a whole probe, those that are tried again included.
MOST_REQUESTS = 120
# Of a list; a larger number is none.
MOST_ROWS = 10**9
# A waiting time that is told.
LONG_WAIT = 5.0
POLICY = RetryPolicy(attempts=3)
# Seconds of all waits together, and answers in a row that did not come, after which nothing more is asked.
MOST_WAITED, MOST_MISSED = 600.0, 3


@dataclass(frozen=True)
class Reply:
    """One answer.

    Attributes:
        status: of HTTP.
        headers: names, lower-case, and values.
        body: its JSON object; None where it is something else.
        form: what it is: `json`, `html`, `empty` or `other`.
        seconds: from the request to the answer's first byte.
        told: of a 429, what it tells about when to come back; see `connector.client.rate_limit_told`.
    """

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any] | None
    form: str
    seconds: float
    told: str = ""

    @property
    def date(self) -> datetime | None:
        """When Aha! sent it, by its own clock."""
        return parse_date(self.headers.get("date"))

    def rows(self, root: str) -> list[Row]:
        """The objects under `root`.

        Raises:
            UnshownError: the key may not read it, no answer came, or it holds no list of them.
        """
        if self.status in (401, 403, 404):
            raise UnshownError(REFUSED)
        if self.status == 429:
            raise UnshownError(LIMITED)
        if self.status >= 500:
            raise UnshownError(UNANSWERED)
        rows = self.body.get(root) if self.body else None
        if self.status != 200 or not isinstance(rows, list):
            raise UnshownError(UNREADABLE)
        return [row for row in rows if isinstance(row, dict)]

    def total(self, root: str) -> int:
        """How many rows the whole list has.

        Raises:
            UnshownError: as `rows`, or `pagination` does not say.
        """
        self.rows(root)
        found = (self.body or {}).get("pagination")
        total = found.get("total_records") if isinstance(found, dict) else None
        if type(total) is not int or not 0 <= total <= MOST_ROWS:
            raise UnshownError(UNREADABLE)
        return total


class WatchingClock:
    """The clock of a probe: tells whoever waits of a long wait."""

    def __init__(self, clock: Clock, tell: Callable[[str], None]) -> None:
        self._clock, self._tell = clock, tell
        self._waited = 0.0
        self.monotonic, self.wall_time = clock.monotonic, clock.wall_time

    def sleep(self, seconds: float) -> None:
        self._waited += seconds
        if self._waited > MOST_WAITED:
            raise UnshownError(LIMITED)
        if seconds >= LONG_WAIT:
            self._tell(f"waiting {seconds:.0f} s, as Aha! or the limit per minute asks")
        self._clock.sleep(seconds)


class WatchedClient(AhaClient):
    """The connector's client, which keeps every answer that it gets, refusals and retries included."""

    def __init__(
        self, settings: Settings, clock: Clock, replies: list[Reply], count: Callable[[], None]
    ) -> None:
        super().__init__(settings, clock=clock, policy=POLICY)
        self._replies, self._count = replies, count

    def share_budget(self, other: "WatchedClient") -> None:
        """Be paced together with another client."""
        self._budget = other._budget

    def ask_at(self, path: str) -> None:
        """GET a path from the root of the host, once.

        Raises:
            AhaConnectionError: no answer came.
        """
        try:
            self._send(Asked("GET", path, f"GET {path}", {}))
        except (requests.RequestException, SlowAnswerError):
            raise AhaConnectionError("no answer") from None

    def _send(self, asked: Asked) -> tuple[requests.Response, bytes]:
        self._count()
        response, content = super()._send(asked)
        self._replies.append(reply_of(response, content))
        return response, content


class NamelessClient(WatchedClient):
    """Asks without a key."""

    def _open_session(self) -> requests.Session:
        session = super()._open_session()
        session.auth = unchanged
        return session


def unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """No authorization; not None, for which requests would look into `~/.netrc`."""
    return request


@dataclass
class Look:
    """Questions to one account, and their answers.

    Args:
        settings: of the connection.
        clock: where waits go.
        tell: is told of long waits.

    Attributes:
        replies: all answers, in their order.
        sent: requests so far.
        shut: why nothing more is asked; "" while it is.
    """

    settings: Settings
    clock: Clock = field(default_factory=SystemClock)
    tell: Callable[[str], None] = lambda _: None
    replies: list[Reply] = field(default_factory=list)
    sent: int = 0
    shut: str = ""
    _known: dict[Any, Any] = field(default_factory=dict)
    _missed: int = 0

    def __post_init__(self) -> None:
        clock = WatchingClock(self.clock, self.tell)
        self._client = WatchedClient(self.settings, clock, self.replies, self._count)
        self._nameless = NamelessClient(self.settings, clock, self.replies, self._count)
        self._nameless.share_budget(self._client)

    def open(self) -> None:
        """Ask who the key is; where that goes wrong, nothing else is asked."""
        try:
            reply = self._try(lambda: self._client.get("/me", {}))
        except UnshownError as error:
            self.shut = error.why
            return
        if reply.status == 401:
            self.shut = KEY_REFUSED
        elif reply.form != "json":
            self.shut = UNREADABLE

    def get(self, path: str, **params: str) -> Reply:
        """The answer to a GET below /api/v1, whatever its status.

        Raises:
            UnshownError: none came, or none may be asked for any more.
        """
        return self._once((path, *sorted(params.items())), lambda: self._client.get(path, params))

    def get_outside(self, path: str) -> Reply:
        """As `get`, of a path from the root of the host, and without another attempt."""
        return self._once(("outside", path), lambda: self._client.ask_at(path))

    def query(self, query: str, variables: Mapping[str, Any]) -> Reply:
        """The answer to a GraphQL query that only reads; asked twice where the first one holds errors."""
        key = ("graphql", query, repr(sorted(variables.items())))

        def ask() -> None:
            for _ in range(2):
                self._client.query(query, variables, passing=PASSING)
                if not (self.replies[-1].body or {}).get("errors"):
                    return

        return self._once(key, ask)

    def ask_nameless(self) -> Reply:
        """The answer to who sends no key."""
        return self._try(lambda: self._nameless.get("/me", {}))

    def _once(self, key: Any, ask: Callable[[], object]) -> Reply:
        if key not in self._known:
            try:
                self._known[key] = self._ask(ask)
            except UnshownError as error:
                self._known[key] = error
        found: Reply | UnshownError = self._known[key]
        if isinstance(found, UnshownError):
            raise found
        return found

    def _ask(self, ask: Callable[[], object]) -> Reply:
        if self.shut:
            raise UnshownError(self.shut)
        try:
            reply = self._try(ask)
        except UnshownError as error:
            self._missed += error.why == UNANSWERED
            if error.why == LIMITED or self._missed >= MOST_MISSED:
                self.shut = error.why
            raise
        self._missed = 0
        if reply.status == 401:
            # One route's way of refusing, or the end of the key.
            self.open()
            if self.shut:
                raise UnshownError(self.shut)
        return reply

    def _try(self, ask: Callable[[], object]) -> Reply:
        before = len(self.replies)
        try:
            ask()
        except AhaRateLimitError:
            self.shut = LIMITED
            raise UnshownError(LIMITED) from None
        except AhaConnectionError:
            raise UnshownError(UNANSWERED) from None
        except AhaError:
            # What it says may quote the account; the reply itself is judged instead.
            pass
        except ODD:
            raise UnshownError(UNREADABLE) from None
        if len(self.replies) == before:
            raise UnshownError(UNANSWERED)
        return self.replies[-1]

    def _count(self) -> None:
        if self.sent >= MOST_REQUESTS:
            raise UnshownError(SPENT)
        self.sent += 1


def reply_of(response: requests.Response, content: bytes) -> Reply:
    body = parse_json(content)
    text = content.lstrip()
    kind = response.headers.get("Content-Type", "")
    form = "json" if isinstance(body, dict) else "other"
    if not text:
        form = "empty"
    elif "html" in kind or text.startswith(b"<"):
        form = "html"
    told = rate_limit_told(response.headers, content)[0] if response.status_code == 429 else ""
    headers = {name.lower(): value for name, value in response.headers.items()}
    seconds = response.elapsed.total_seconds()
    return Reply(response.status_code, headers, body if isinstance(body, dict) else None, form, seconds, told)
