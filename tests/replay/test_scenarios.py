"""Every recorded scenario of every set, replayed over the package and over the merged file."""

from typing import Any

import pytest

from connector.servertime import changed_before
from connector.tables import TABLES
from harness.cassettes import load_interactions
from harness.drift import route_of
from harness.scenarios import Scenario, load_matrix, play
from harness.sets import Recorded
from harness.taking import find_fault
from tests.conftest import Source

MATRIX = load_matrix()


def recorded_ids(interactions: list[dict[str, Any]], scenario: Scenario) -> set[str]:
    """Ids of all records of the scenario's table, straight from the recorded bodies."""
    table = TABLES[scenario.table]
    bodies = [entry["response"]["body"] for entry in interactions]
    if "deletions" in scenario.steps:
        audits = [row for body in bodies for row in body["audits"]]
        return {str(row["auditable_id"]) for row in audits if row["auditable_type"] in table.audited_as}
    rows = [row for body in bodies if isinstance(body, dict) for row in body.get(table.root, [])]
    # What changed before the cursor was asked for, for nobody knows how Aha! compares, and was dropped.
    cursor = scenario.start.get("cursor")
    listed = not table.fan_out or not any(
        "/:id" in route_of(entry, MATRIX.rules.words) for entry in interactions
    )
    return {str(row["id"]) for row in rows if not (cursor and listed and changed_before(row, cursor))}


@pytest.mark.vcr
def test_a_recorded_scenario_replays_to_exactly_the_rows_it_recorded(
    recorded: Recorded, source: Source, vcr: Any
) -> None:
    interactions = load_interactions(recorded.path)

    played = play(recorded.scenario, source, MATRIX.replay)

    assert find_fault(recorded.scenario, played, interactions) is None
    rows = [row for read in played.reads for row in read]
    assert {row["id"] for row in rows} == recorded_ids(interactions, recorded.scenario)
    assert len(rows) == len({row["id"] for row in rows})
    assert vcr.play_count == len(interactions)


@pytest.mark.vcr
@pytest.mark.recorded(step="next")
def test_a_second_sync_returns_the_same_offset_and_no_rows_or_goes_on_where_a_micro_batch_ended(
    recorded: Recorded, source: Source
) -> None:
    played = play(recorded.scenario, source, MATRIX.replay)

    if "max_ideas" in recorded.scenario.options:
        first, second = ({row["id"] for row in read} for read in played.reads)
        assert not first & second
        assert played.offsets[-1] != played.offsets[-2]
    else:
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
