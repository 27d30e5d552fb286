"""Every recorded scenario, replayed over the package and over the merged file."""

from typing import Any

import pytest

from connector.tables import TABLES
from harness.cassettes import load_interactions
from harness.record import find_fault
from harness.scenarios import CASSETTES, Scenario, load_matrix, play
from tests.conftest import Source

MATRIX = load_matrix()


def recorded_ids(interactions: list[dict[str, Any]], scenario: Scenario) -> set[str]:
    """Ids of all records of the scenario's table, straight from the recorded bodies."""
    table = TABLES[scenario.table]
    bodies = [entry["response"]["body"] for entry in interactions]
    if "deletions" in scenario.steps:
        audits = [row for body in bodies for row in body["audits"]]
        return {str(row["auditable_id"]) for row in audits if row["auditable_type"] in table.audited_as}
    return {str(row["id"]) for body in bodies if isinstance(body, dict) for row in body.get(table.root, [])}


@pytest.mark.vcr
@pytest.mark.parametrize("scenario", MATRIX.scenarios.values(), ids=lambda scenario: scenario.name)
def test_a_recorded_scenario_replays_to_exactly_the_rows_it_recorded(
    scenario: Scenario, source: Source, vcr: Any
) -> None:
    interactions = load_interactions(CASSETTES / scenario.cassette)

    played = play(scenario, source, MATRIX.replay)

    assert find_fault(scenario, played, interactions) is None
    rows = [row for read in played.reads for row in read]
    # A row whose change lies before the cursor was asked for, because Aha!'s comparison is not
    # documented to the second, and dropped: no scenario here has one.
    assert {row["id"] for row in rows} == recorded_ids(interactions, scenario)
    assert len(rows) == len({row["id"] for row in rows})
    assert vcr.play_count == len(interactions)


@pytest.mark.vcr
@pytest.mark.parametrize(
    "scenario",
    [found for found in MATRIX.scenarios.values() if "next" in found.steps],
    ids=lambda scenario: scenario.name,
)
def test_a_second_sync_with_nothing_new_returns_the_same_offset_and_no_rows(
    scenario: Scenario, source: Source, vcr: Any
) -> None:
    played = play(scenario, source, MATRIX.replay)

    assert played.reads[-1] == []
    assert played.offsets[-1] == played.offsets[-2]


def test_every_table_of_the_connector_is_in_the_record_matrix(source: Source) -> None:
    connector = source(MATRIX.replay).lakeflow_connect
    scenarios = {
        table: {found.title for found in MATRIX.scenarios.values() if found.table == table}
        for table in connector.list_tables()
    }
    wanted = {"several_pages", "one_page", "empty", "incremental", "filtered", "wrong_key"}
    assert not {table: wanted - titles for table, titles in scenarios.items() if wanted - titles}
