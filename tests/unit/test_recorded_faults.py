"""Every recorded scenario on every bad day: the same rows, or a clear error, on a virtual clock."""

from typing import Any

import pytest
from strict_cassettes.cassettes import load_interactions
from strict_cassettes.faults import Faulty, FaultyReplayError, failing
from strict_cassettes.scenarios import load_matrix, play
from strict_cassettes.sets import Recorded, recorded_as

from connector.datasource import LakeflowSource
from connector.errors import AhaError
from tests.places import CASSETTES
from tests.plans import PLANS

MATRIX = load_matrix()
NEVER = 10**9


def run(recorded: Recorded, fault: dict[str, Any], at: int, times: int = 1) -> tuple[Any, Faulty]:
    """The rows of a scenario, or the error it ended in; and what was sent."""
    faulty = Faulty(load_interactions(recorded.path), fault, at, times)
    with failing(faulty):
        try:
            return play(recorded.scenario, LakeflowSource, MATRIX.replay).reads, faulty
        except AhaError as error:
            return error, faulty
        except FaultyReplayError:
            # Without GraphQL all ideas are asked for, and a recording with it has some of them.
            if faulty.struck != "POST /api/v2/graphql":
                raise
            return None, faulty


@pytest.mark.recorded(tables=PLANS, titles=("first_sync", "several_pages", "keyed"))
@pytest.mark.parametrize("fault", MATRIX.faults)
def test_a_fault_anywhere_in_a_scenario_is_survived_or_told(recorded: Recorded, fault: str) -> None:
    wanted, quiet = run(recorded, {}, NEVER)
    assert quiet.hit == 0
    # The first page, one on the way, the last.
    for at in sorted({0, quiet.sent // 2, quiet.sent - 1}):
        found, faulty = run(recorded, MATRIX.faults[fault], at)
        assert faulty.hit == 1
        if found is None:
            assert fault in ("truncated", "html_instead_of_json")
        elif isinstance(found, AhaError):
            assert "GET /" in str(found)
            assert fault in ("truncated", "html_instead_of_json")
        else:
            assert found == wanted


@pytest.mark.parametrize("fault", [name for name, what in MATRIX.faults.items() if what.get("status")])
def test_a_fault_that_stays_ends_in_an_error_and_not_in_a_hang(fault: str) -> None:
    found, faulty = run(recorded_as(MATRIX, "ideas/one_page", CASSETTES), MATRIX.faults[fault], 0, NEVER)
    assert isinstance(found, AhaError)
    assert 1 < faulty.sent < 20


def test_a_fault_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(ValueError, match="a fault has no `staus`; there are status, headers"):
        Faulty([], {"staus": 500})
