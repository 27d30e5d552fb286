"""HTTP to Aha!: one GET at a time, retried within bounds, checked before anybody reads it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from connector.errors import (
    RETRIED_STATUSES,
    AhaConnectionError,
    AhaResponseError,
    AhaStatusError,
    status_error,
)
from connector.options import LOOPBACK_HOSTS, Settings
from connector.pacing import Budget, Clock, SystemClock

API = "/api/v1"
USER_AGENT = "aha-lakeflow-connector (https://www.databricks.com; Lakeflow community connector)"
SHOWN_CHARACTERS = 200


@dataclass(frozen=True)
class RetryPolicy:
    """How long to try. Seconds throughout.

    Attributes:
        attempts: requests sent for one answer, at most.
        connect_timeout, read_timeout: of one request.
        first_wait: before the second attempt; doubled each time, up to `longest_wait`.
        longest_wait: also the most that one `Retry-After` is obeyed.
        total_wait: of all waits for one answer together.
    """

    attempts: int = 6
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    first_wait: float = 1.0
    longest_wait: float = 120.0
    total_wait: float = 300.0


class BearerAuth(requests.auth.AuthBase):
    """Puts the key on a request, and keeps it out of reprs.

    Given as `auth`, because requests would otherwise prefer a `~/.netrc` entry to our header.
    """

    def __init__(self, api_key: str) -> None:
        self._api_key = api_key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._api_key}"
        return request

    def __repr__(self) -> str:
        return "BearerAuth(...)"


@dataclass(frozen=True)
class Answer:
    """A JSON object and when Aha! sent it.

    Attributes:
        body: the parsed JSON object.
        date: the answer's `Date`, whole seconds, UTC; None where it is missing or unreadable.
    """

    body: dict[str, Any]
    date: datetime | None


class AhaClient:
    """GET requests to one Aha! account.

    Nothing is opened before the first request, and an unused client can be pickled.
    """

    def __init__(
        self, settings: Settings, *, clock: Clock | None = None, policy: RetryPolicy | None = None
    ) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._policy = policy or RetryPolicy()
        self._session: requests.Session | None = None
        self._budget: Budget | None = None

    @property
    def origin(self) -> str:
        """`scheme://host[:port]` of the account."""
        return self._settings.origin

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_session": None, "_budget": None}

    def get(self, path: str, params: Mapping[str, str]) -> Answer:
        """GET `path` (below /api/v1) and return its JSON object.

        Retried: connection faults, 429 and 5xx, with a back-off that doubles and is bounded.

        Raises:
            AhaConnectionError: no complete answer after all attempts.
            AhaStatusError: an error status, by status (see `connector.errors`).
            AhaResponseError: the answer is not a JSON object, or is a redirect.
        """
        route = f"GET {path}"
        waited = 0.0
        for attempt in range(1, self._policy.attempts + 1):
            try:
                response = self._send(path, params)
            except requests.RequestException as error:
                # `from None`: the library's exception holds the request, and with it the key.
                failure: Exception = AhaConnectionError(
                    f"{route} got no answer from {self._settings.origin} ({type(error).__name__}: "
                    f"{self._describe(error)}). Check the network and `subdomain`, then run again; "
                    "nothing was lost."
                )
                wait = self._back_off(attempt)
            else:
                if response.status_code == 200:
                    return self._parse(route, response)
                failure = self._refusal(route, response)
                if response.status_code not in RETRIED_STATUSES:
                    raise failure
                wait = self._back_off(attempt)
                if response.status_code == 429:
                    wait = rate_limit_wait(response)
            wait = min(wait, self._policy.longest_wait)
            if attempt == self._policy.attempts or waited + wait > self._policy.total_wait:
                raise failure from None
            waited += wait
            self._clock.sleep(wait)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _send(self, path: str, params: Mapping[str, str]) -> requests.Response:
        if self._session is None:
            self._session = self._open_session()
        if self._budget is None:
            self._budget = Budget(self._settings.requests_per_minute, self._clock)
        self._budget.take()
        return self._session.get(
            f"{self._settings.origin}{API}{path}",
            params=params,
            timeout=(self._policy.connect_timeout, self._policy.read_timeout),
            # A redirect could carry the key to another host.
            allow_redirects=False,
        )

    def _open_session(self) -> requests.Session:
        session = requests.Session()
        session.auth = BearerAuth(self._settings.api_key)
        session.headers.update(
            {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": USER_AGENT}
        )
        # An environment's proxy must not see what is meant for this machine.
        session.trust_env = not any(host in self._settings.origin for host in LOOPBACK_HOSTS)
        return session

    def _back_off(self, attempt: int) -> float:
        return self._policy.first_wait * float(2 ** (attempt - 1))

    def _refusal(self, route: str, response: requests.Response) -> Exception:
        if 300 <= response.status_code < 400:
            return AhaResponseError(
                f"{route} was redirected ({response.status_code}), which is not followed, so that the key "
                "stays with one host. Check `subdomain` and `base_url`."
            )
        said = error_text(response.text)
        said = f" ({self._redact(said)})" if said else ""
        reason = f" {response.reason}" if response.reason else ""
        error: AhaStatusError = status_error(
            response.status_code, f"{route} answered {response.status_code}{reason}{said}."
        )
        return error

    def _parse(self, route: str, response: requests.Response) -> Answer:
        try:
            body = response.json()
        except requests.JSONDecodeError:
            body = None
        if not isinstance(body, dict):
            raise AhaResponseError(
                f"{route} answered 200 with something else than a JSON object "
                f"({response.headers.get('Content-Type', 'no content type')}). "
                f"Received: {self._redact(response.text[:SHOWN_CHARACTERS])!r}. "
                "Check `subdomain`: a login page looks like this."
            )
        return Answer(body, parse_date(response.headers.get("Date")))

    def _describe(self, error: requests.RequestException) -> str:
        return self._redact(re.sub(r"0x[0-9a-f]+", "0x", str(error)))[:SHOWN_CHARACTERS]

    def _redact(self, text: str) -> str:
        return text.replace(self._settings.api_key, "[api key]")


def parse_date(value: str | None) -> datetime | None:
    """An HTTP `Date` in UTC, or None."""
    try:
        return parsedate_to_datetime(value or "").astimezone(UTC)
    except ValueError:
        return None


def rate_limit_wait(response: requests.Response) -> float:
    """Seconds to wait after a 429.

    `Retry-After`, else until `X-Ratelimit-Reset` by Aha!'s own clock, else the seconds that the
    message names, else 60. Which of these Aha! sends is not confirmed, so all are read.
    """
    after = response.headers.get("Retry-After", response.headers.get("retry_after", ""))
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", after):
        return float(after)
    date = parse_date(response.headers.get("Date"))
    until = parse_date(after)
    reset = response.headers.get("X-Ratelimit-Reset", "")
    if until is None and re.fullmatch(r"[0-9]+", reset):
        until = datetime.fromtimestamp(int(reset), UTC)
    if until is not None and date is not None:
        # `Date` is cut to whole seconds, so the moment itself may be up to a second later.
        return max((until - date).total_seconds(), 0.0) + 1.0
    named = re.search(r"(\d+)\s*seconds?", error_text(response.text))
    return float(named.group(1)) if named else 60.0


def error_text(text: str) -> str:
    """What an error body says, in at most 200 characters: Aha! uses several shapes, HTML among them."""
    try:
        body = json.loads(text)
    except ValueError:
        return "" if text.lstrip().startswith("<") else text[:SHOWN_CHARACTERS].strip()
    if not isinstance(body, dict):
        return ""
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else errors
    message = first.get("message") if isinstance(first, dict) else first
    for candidate in (message, body.get("error"), body.get("message")):
        if isinstance(candidate, str) and candidate:
            return candidate[:SHOWN_CHARACTERS]
    return ""
