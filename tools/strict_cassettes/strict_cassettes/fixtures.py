"""The plugin's fixtures: a recorded scenario's cassette, scrubbed already, and strict replay."""

from collections.abc import Iterator
from typing import Any

import pytest

from strict_cassettes.scenarios import Matrix, MatrixError, find_matrix, load_matrix
from strict_cassettes.scrub import Scrubber
from strict_cassettes.tape import configuration, strictly

MATRIX = pytest.StashKey[Matrix | None]()


def matrix_of(config: pytest.Config) -> Matrix | None:
    """The project's matrix, read once; None where there is none."""
    if MATRIX not in config.stash:
        try:
            config.stash[MATRIX] = load_matrix(find_matrix(config.rootpath))
        except MatrixError:
            config.stash[MATRIX] = None
    return config.stash[MATRIX]


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
