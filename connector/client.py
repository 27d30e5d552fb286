"""HTTP to Aha!: one request at a time, retried within bounds, checked before anybody reads it."""

import json
import os
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from connector.deadline import SlowAnswerError, call_within
from connector.errors import (
    RETRIED_STATUSES,
    AhaConnectionError,
    AhaError,
    AhaNotFoundError,
    AhaOrphanedError,
    AhaResponseError,
    AhaServerError,
    status_error,
)
from connector.log import warn
from connector.options import Settings
from connector.pacing import Clock, SystemClock, shared_budget

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
