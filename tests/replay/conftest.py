"""Strict replay: scenario cassettes, no socket, nothing unmatched, nothing left unplayed."""

from collections.abc import Iterator
from typing import Any

import pytest
import vcr

from harness.scenarios import CASSETTES, Scenario, load_matrix
from harness.scrub import Scrubber
from harness.tape import configuration, no_sockets, register, strictly

MATRIX = load_matrix()


def pytest_recording_configure(config: pytest.Config, vcr: vcr.VCR) -> None:
    if config.getoption("--record-mode") not in (None, "none"):
        raise pytest.UsageError("These tests only replay. To record: nox -s record -- --sandbox")
    register(vcr)


@pytest.fixture(scope="module")
def vcr_config() -> dict[str, Any]:
    # What is replayed was scrubbed: the key is not used.
    return configuration(Scrubber(MATRIX.rules, "replay"))


@pytest.fixture(scope="module")
def vcr_cassette_dir() -> str:
    return str(CASSETTES)


@pytest.fixture
def default_cassette_name(scenario: Scenario) -> str:
    return scenario.cassette


@pytest.fixture(autouse=True)
def strict(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every test here replays strictly, or reaches for nothing at all."""
    if request.node.get_closest_marker("vcr") is None:
        attempts: list[str] = []
        with no_sockets(attempts):
            yield
        assert attempts == []
        return
    with strictly(request.getfixturevalue("vcr")):
        yield
