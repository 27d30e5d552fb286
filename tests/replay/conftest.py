"""Strict replay: scenario cassettes, no socket, nothing unmatched, nothing left unplayed."""

import socket
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
import vcr

from harness.scenarios import CASSETTES, Scenario
from harness.tape import REPLAY_SCRUBBER, configuration, one_at_a_time, register


def pytest_recording_configure(config: pytest.Config, vcr: vcr.VCR) -> None:
    register(vcr)


@pytest.fixture(scope="module")
def vcr_config() -> dict[str, Any]:
    return configuration(REPLAY_SCRUBBER)


@pytest.fixture(scope="module")
def vcr_cassette_dir() -> str:
    return str(CASSETTES)


@pytest.fixture
def default_cassette_name(scenario: Scenario) -> str:
    return scenario.cassette


@pytest.fixture(autouse=True)
def threads_in_turn() -> Iterator[None]:
    with one_at_a_time():
        yield


@pytest.fixture(autouse=True)
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even loopback, and no name look-ups, which blocking connections alone would let through."""

    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise AssertionError(f"a replayed test opened a socket: {args!r}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
