"""What several rooms of the suite share: recorded scenarios, two forms of the connector, a clock that never
waits, a sandbox.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from connector.datasource import LakeflowSource
from sandbox.server import Sandbox, running
from scripts.lakehouse.spark import load_merged_file
from tests.offline import go_offline

go_offline()
# How fast examples are drawn says something of the machine, and nothing of the code.
SPEED = (HealthCheck.too_slow,)
settings.register_profile("any machine", deadline=None, suppress_health_check=SPEED)
settings.load_profile("any machine")

Source = Callable[[dict[str, str]], Any]
# Before 4.2, Spark's streams have no admission control, and its pipelines no AUTO CDC.
SPARK_4_2 = find_spec("pyspark.sql.streaming.datasource") is not None


class FakeClock(threading.local):
    """A clock that jumps where the real one would wait, and remembers the waits; one for each thread.

    Otherwise the wait of one thread would make the answer of another look slow.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def __reduce__(self) -> tuple[type["FakeClock"], tuple[()]]:
        return FakeClock, ()

    def monotonic(self) -> float:
        return self.now

    def wall_time(self) -> datetime:
        """Later than whatever a test plays."""
        return datetime(2100, 1, 1, tzinfo=UTC)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


class Registrar:
    """Stands where a Spark session would, to see which class the merged file registers."""

    def __init__(self) -> None:
        self.found: list[Any] = []

    @property
    def dataSource(self) -> "Registrar":
        return self

    def register(self, source: Any) -> None:
        self.found.append(source)


@cache
def merged_source() -> Source:
    """The class that the merged file registers; loaded once, as each load compiles it."""
    registrar = Registrar()
    load_merged_file()(registrar)
    source: Source = registrar.found[0]
    return source


SOURCES: dict[str, Callable[[], Source]] = {"package": lambda: LakeflowSource, "merged": merged_source}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts Spark first: these files take longest, and none of them should be left when all else is
    done."""
    items.sort(key=lambda item: item.get_closest_marker("spark") is None)


@pytest.fixture(scope="session", params=SOURCES)
def source(request: pytest.FixtureRequest) -> Source:
    """The data source's class: once from the package, once from the merged file."""
    return SOURCES[request.param]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the random histories amounted to, where they ran."""
    histories = sys.modules.get("tests.unit.test_histories")
    if histories and histories.FIGURES["histories"]:
        figures = ", ".join(f"{number:,} {name}" for name, number in histories.FIGURES.items())
        terminalreporter.write_line(f"Random histories: {figures}")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox whose data no test changes."""
    with running(ideas=120, seed_number=7) as box:
        yield box


@pytest.fixture
def connection(sandbox: Sandbox) -> dict[str, str]:
    """Connection options for the shared sandbox, with a budget that never waits."""
    return {
        "api_key": sandbox.api_key,
        "subdomain": "company",
        "base_url": sandbox.url,
        "requests_per_minute": "600000",
    }
