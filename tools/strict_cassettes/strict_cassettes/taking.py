"""Taking a scenario from an account: played once, kept in memory as it came, within a budget of requests."""

import logging
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests

from strict_cassettes.cassettes import Entry, entry_of
from strict_cassettes.paging import longest_list
from strict_cassettes.scenarios import Fit, Played, Scenario, play
from strict_cassettes.scrub import Scrubber
from strict_cassettes.tape import Send, recording

OK, TOO_MANY, FAILING = 200, 429, 500

Source = Callable[[dict[str, str]], Any]


class TooMuchError(Exception):
    """A scenario took more requests than it may; the message says how many that are."""


class TakeError(Exception):
    """A scenario that could not be played. Says where it ended, and nothing that an account said.

    Attributes:
        details: the error's own words, which may quote an answer: for a file, not for a log.
    """

    def __init__(self, message: str, details: str) -> None:
        super().__init__(message)
        self.details = details


class Watcher(Protocol):
    """Who is told how a recording goes on."""

    def begin(self, name: str) -> None: ...

    def sent(self) -> None:
        """A request was answered."""

    def end(self, name: str, said: str) -> None: ...

    def planned(self, fits: Mapping[str, Fit], sent: int) -> None:
        """The first look is over; it took `sent` requests."""


class NoWatcher:
    """Nobody."""

    def begin(self, name: str) -> None: ...

    def sent(self) -> None: ...

    def end(self, name: str, said: str) -> None: ...

    def planned(self, fits: Mapping[str, Fit], sent: int) -> None: ...


@dataclass
class Spending:
    """Requests of a recording, counted over all of its scenarios.

    Attributes:
        most: of all; None is no limit.
        most_each: of one scenario.
        sent: so far.
    """

    most: int | None = None
    most_each: int | None = None
    sent: int = 0
    _begun: int | None = None

    def begin(self) -> None:
        """Begin a scenario; what is sent before the first one counts for all alone."""
        self._begun = self.sent

    def spend(self) -> None:
        """Count a request.

        Raises:
            TooMuchError: it would be one too many. Not an error of `requests`, which a connector may retry.
        """
        if self.most is not None and self.sent >= self.most:
            raise TooMuchError(f"the recording has sent the {self.most} requests that it may")
        begun = self.sent if self._begun is None else self._begun
        if self.most_each is not None and self.sent - begun >= self.most_each:
            raise TooMuchError(f"takes more than {self.most_each} requests on this account")
        self.sent += 1


@dataclass
class Take:
    """A scenario as it was played.

    Attributes:
        scenario: as this account shows it, with its own values.
        played: rows and offsets.
        taken: vcrpy's requests and responses, as they came.
    """

    scenario: Scenario
    played: Played
    taken: list[tuple[Any, dict[str, Any]]] = field(default_factory=list)

    def settled(self) -> list[tuple[Any, dict[str, Any]]]:
        """Without the answers that a client asked again for: their waits are nothing to replay."""
        kept, later = [], set()
        for request, response in reversed(self.taken):
            key = (request.method, request.uri, request.body)
            status = response["status"]["code"]
            if not (is_retried(status) and key in later):
                kept.append((request, response))
            later.add(key)
        return kept[::-1]

    def scrubbed(self, scrubber: Scrubber) -> list[Entry]:
        """The interactions that a cassette may show."""
        return [
            entry_of(scrubber.rewrite(request), scrubber.response(response))
            for request, response in self.settled()
        ]


def is_retried(status: int) -> bool:
    """Whether an answer says that the same request may succeed later."""
    return status == TOO_MANY or status >= FAILING


def watched(watcher: Watcher, spending: Spending, date: str | None) -> Callable[[Send], Send]:
    """What stands around every request: it is counted, and a good answer tells the cassette's time.

    An answer that is asked for again keeps its own `Date`, by which the wait until then is counted.
    """

    def around(send: Send) -> Send:
        def send_watched(request: requests.PreparedRequest) -> requests.Response:
            spending.spend()
            response = send(request)
            if date and response.status_code == OK:
                response.headers["Date"] = date
            watcher.sent()
            return response

        return send_watched

    return around


def take(
    scenario: Scenario,
    source: Source,
    connection: Mapping[str, str],
    around: Callable[[Send], Send],
    words: Container[str] = (),
) -> Take:
    """Play one scenario.

    Args:
        words: parts of paths that are published, and may stand in a message.

    Raises:
        TakeError: it ended in an error that it does not announce.
        TooMuchError: it takes too many requests.
    """
    try:
        with recording(around) as reel, quietly():
            played = play(scenario, source, connection)
    except TooMuchError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a connector raises, the scenario failed
        name = type(error).__name__
        raise TakeError(f"{name}{_where(reel.taken, words)}", f"{name}: {error}") from None
    return Take(scenario, played, reel.taken)


@contextmanager
def quietly() -> Iterator[None]:
    """Let nobody log: a connector's warning may quote what an account answered."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _where(taken: list[tuple[Any, dict[str, Any]]], words: Container[str]) -> str:
    """The route and status of the last answer; its words may be anybody's."""
    if not taken:
        return " before any answer"
    request, response = taken[-1]
    return f" after {route_shown(request, words)} answered {response['status']['code']}"


def route_shown(request: Any, words: Container[str]) -> str:
    """A request's method and route; what no word of the rules is may be anybody's."""
    parts = urlsplit(request.uri).path.split("/")
    route = "/".join(part if not part or part in words else ":id" for part in parts)
    return f"{request.method} {route}"


def find_fault(scenario: Scenario, played: Played, interactions: list[Entry]) -> str | None:
    """Why a recording does not show what its scenario announces, or None."""
    if not interactions:
        return "sent no request."
    if scenario.error and played.error is None:
        return f"was to end in {scenario.error}, and did not."
    rows = sum(len(read) for read in played.reads)
    if scenario.rows == "some" and not rows:
        return "was to read some rows, and read none."
    if scenario.rows == "none" and rows:
        return f"was to read no row, and read {rows}."
    pages = longest_list(interactions)
    if scenario.pages and pages < scenario.pages:
        return f"was to read a list of {scenario.pages} pages, and the longest has {pages}."
    return None
