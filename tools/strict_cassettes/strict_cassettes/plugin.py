"""The pytest plugin: recorded scenarios as a fixture, strict replay on top of pytest-recording, no network.

It does nothing in a project without a matrix.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import vcr

from strict_cassettes.network import ReplayError, no_network
from strict_cassettes.scenarios import Matrix, MatrixError, find_matrix, load_matrix
from strict_cassettes.scrub import Scrubber
from strict_cassettes.sets import Recorded, recorded_in
from strict_cassettes.tape import configuration, register, strictly

OFFLINE = "strict_cassettes_offline"
MATRIX = pytest.StashKey[Matrix | None]()
# What reached for the network outside of a replay: in a fixture of a class, a module or the session.
ATTEMPTS: list[str] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cassettes", help="Another directory of sets to replay than the project's cassettes/.")
    parser.addini(OFFLINE, "Directories whose tests reach for nothing, fixtures included.", "paths")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "recorded: which recorded scenarios a test takes (step, title, table, titles, tables)"
    )


def matrix_of(config: pytest.Config) -> Matrix | None:
    """The project's matrix, read once; None where there is none."""
    if MATRIX not in config.stash:
        try:
            config.stash[MATRIX] = load_matrix(find_matrix(config.rootpath))
        except MatrixError:
            config.stash[MATRIX] = None
    return config.stash[MATRIX]


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


@pytest.fixture(scope="module")
def vcr_config(request: pytest.FixtureRequest) -> dict[str, Any]:
    """How pytest-recording sets up vcrpy."""
    matrix = matrix_of(request.config)
    # What is replayed was scrubbed: the key is not used.
    return configuration(Scrubber(matrix.rules, "replay")) if matrix else {}


@pytest.fixture
def vcr_cassette_dir(request: pytest.FixtureRequest) -> str:
    """Where pytest-recording looks for a cassette: in a recorded scenario's set, or where it always does."""
    if "recorded" in request.fixturenames:
        return str(request.getfixturevalue("recorded").path.parent)
    return str(request.node.path.parent / "cassettes" / request.node.path.stem)


@pytest.fixture
def default_cassette_name(request: pytest.FixtureRequest) -> str:
    """The file of a recorded scenario; of another test, its own name."""
    if "recorded" in request.fixturenames:
        return str(request.getfixturevalue("recorded").path.name)
    name: str = request.node.name
    return name


@pytest.fixture(autouse=True)
def strict(request: pytest.FixtureRequest) -> Iterator[None]:
    """A recorded scenario is replayed strictly."""
    if request.node.get_closest_marker("vcr") is None or "recorded" not in request.fixturenames:
        yield
        return
    with strictly(request.getfixturevalue("vcr")):
        yield
