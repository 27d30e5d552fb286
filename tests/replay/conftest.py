"""Strict replay: scenario cassettes, no socket, nothing unmatched, nothing left unplayed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import vcr

from harness.network import ReplayError, no_network
from harness.scenarios import load_matrix
from harness.scrub import Scrubber
from harness.sets import Recorded
from harness.tape import configuration, register, strictly

MATRIX = load_matrix()
HERE = Path(__file__).parent
# What reached for the network outside of a replay: in a fixture of a class, a module or the session.
ATTEMPTS: list[str] = []


def pytest_recording_configure(config: pytest.Config, vcr: vcr.VCR) -> None:
    if config.getoption("--record-mode") not in (None, "none"):
        raise pytest.UsageError("These tests only replay. To record: nox -s record -- --sandbox")
    register(vcr)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """All of a test here, with the fixtures that it shares with others, reaches for nothing."""
    # pytest asks every conftest, whosever test it is.
    if not item.path.is_relative_to(HERE):
        return (yield)
    with no_network(ATTEMPTS):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    result = yield
    told, ATTEMPTS[:] = list(ATTEMPTS), []
    if told:
        raise ReplayError(f"It reached for the network outside of the replay: {', '.join(told)}")
    return result


@pytest.fixture(scope="module")
def vcr_config() -> dict[str, Any]:
    # What is replayed was scrubbed: the key is not used.
    return configuration(Scrubber(MATRIX.rules, "replay"))


@pytest.fixture
def vcr_cassette_dir(recorded: Recorded) -> str:
    return str(recorded.path.parent)


@pytest.fixture
def default_cassette_name(recorded: Recorded) -> str:
    return recorded.path.name


@pytest.fixture(autouse=True)
def strict(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every test here that has a cassette replays it strictly."""
    if request.node.get_closest_marker("vcr") is None:
        yield
        return
    with strictly(request.getfixturevalue("vcr")):
        yield
