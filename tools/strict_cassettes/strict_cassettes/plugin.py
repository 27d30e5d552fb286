"""The pytest plugin: recorded scenarios as a fixture, strict replay on top of pytest-recording, no network.

It does nothing in a project without a matrix.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import vcr

from strict_cassettes import fixtures
from strict_cassettes.fixtures import matrix_of
from strict_cassettes.network import ReplayError, no_network
from strict_cassettes.sets import Recorded, recorded_in
from strict_cassettes.tape import register

OFFLINE = "strict_cassettes_offline"
# What reached for the network outside of a replay: in a fixture of a class, a module or the session.
ATTEMPTS: list[str] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cassettes", help="Another directory of sets to replay than the project's cassettes/.")
    parser.addini(OFFLINE, "Directories whose tests reach for nothing, fixtures included.", "paths")


def pytest_configure(config: pytest.Config) -> None:
    # Of fixtures with one name, those of the plugin that was registered last count: after pytest-recording's.
    config.pluginmanager.register(fixtures, "strict_cassettes_fixtures")
    config.addinivalue_line(
        "markers", "recorded: which recorded scenarios a test takes (step, title, table, titles, tables)"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `recorded` runs over every recorded scenario of every set that is there.

    `@pytest.mark.recorded(step=..., title=..., table=..., tables=[...], titles=[...])` picks.
    """
    matrix = matrix_of(metafunc.config) if "recorded" in metafunc.fixturenames else None
    if matrix is None:
        return
    marker = metafunc.definition.get_closest_marker("recorded")
    wanted = marker.kwargs if marker else {}
    root = Path(metafunc.config.getoption("--cassettes") or matrix.root / "cassettes")
    found = [one for one in recorded_in(matrix, root) if _fits(one, wanted)]
    metafunc.parametrize("recorded", found, ids=[one.name for one in found])


def _fits(found: Recorded, wanted: Mapping[str, Any]) -> bool:
    scenario = found.scenario
    one_of = {"step": scenario.steps, "title": (scenario.title,), "table": (scenario.table,)}
    several = {"tables": scenario.table, "titles": scenario.title}
    return all(
        several[name] in value if name in several else value in one_of[name] for name, value in wanted.items()
    )


def pytest_recording_configure(config: pytest.Config, vcr: vcr.VCR) -> None:
    if matrix_of(config) is None:
        return
    if config.getoption("--record-mode") not in (None, "none"):
        raise pytest.UsageError("These tests only replay. To record: strict-cassettes record")
    register(vcr)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """All of a test that is to be offline, fixtures that it shares with others too, reaches for nothing."""
    if not any(item.path.is_relative_to(place) for place in item.config.getini(OFFLINE)):
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
