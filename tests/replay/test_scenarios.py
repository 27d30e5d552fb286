"""Every recorded scenario of every set, replayed over the package and over the merged file."""

from typing import Any

import pytest
from strict_cassettes.cassettes import load_interactions
from strict_cassettes.drift import route_of
from strict_cassettes.scenarios import Scenario, load_matrix, play
from strict_cassettes.sets import Recorded
from strict_cassettes.taking import find_fault

from connector.servertime import changed_before
from connector.tables import TABLES
from tests.conftest import Source
from tests.plans import NEEDED

MATRIX = load_matrix()


def recorded_ids(interactions: list[dict[str, Any]], scenario: Scenario) -> set[str]:
    """Ids of all records of the scenario's table, straight from the recorded bodies."""
    table = TABLES[scenario.table]
    bodies = [entry["response"]["body"] for entry in interactions]
    if "deletions" in scenario.steps:
        audits = [row for body in bodies for row in body.get("audits", [])]
        return {str(row["auditable_id"]) for row in audits if row["auditable_type"] in table.audited_as}
    root = table.source.route.root
    rows = [row for body in bodies if isinstance(body, dict) for row in body.get(root, [])]
    if table.part:
        rows = [part for row in rows for part in row[table.part]]
    # What changed before the cursor was asked for, for nobody knows how Aha! compares, and was dropped; but
    # below a record that changed, all is read.
    cursor, time = scenario.start.get("cursor"), str(table.time)
    # A cursor alone does not say which rows, or which parents, there were: all are new.
    route, parents = table.source.route, table.source.parents
    whole_each_time = not (route.since or parents or table.append)
    if whole_each_time or (parents and not parents.changed):
        return {str(row["id"]) for row in rows}
    sources = (table.source, table.narrowed)
    whole = [source.route.path for source in sources if source and source.parents and source.parents.changed]
    asked = {route_of(entry, MATRIX.rules.words) for entry in interactions}
    below = any(f"/api/v1{path.format(parent=':id')}" in asked for path in whole)
    return {
        str(row["id"]) for row in rows if not (cursor and not below and changed_before(row, cursor, time))
    }


@pytest.mark.vcr
def test_a_recorded_scenario_replays_to_exactly_the_rows_it_recorded(
    recorded: Recorded, source: Source, vcr: Any
) -> None:
    interactions = load_interactions(recorded.path)

    played = play(recorded.scenario, source, MATRIX.replay)

    assert find_fault(recorded.scenario, played, interactions) is None
    # A snapshot is everything each time.
    reads = played.reads[:1] if TABLES[recorded.scenario.table].is_snapshot else played.reads
    rows = [row for read in reads for row in read]
    assert {row["id"] for row in rows} == recorded_ids(interactions, recorded.scenario)
    assert len(rows) == len({row["id"] for row in rows})
    assert vcr.play_count == len(interactions)


@pytest.mark.vcr
@pytest.mark.recorded(step="next")
def test_a_second_sync_brings_nothing_or_goes_on_where_a_micro_batch_ended_and_a_snapshot_is_itself(
    recorded: Recorded, source: Source
) -> None:
    played = play(recorded.scenario, source, MATRIX.replay)

    if {"max_ideas", "max_records_per_batch"} & set(recorded.scenario.options):
        first, second = ({row["id"] for row in read} for read in played.reads)
        assert not first & second
        assert played.offsets[-1] != played.offsets[-2]
    elif TABLES[recorded.scenario.table].is_snapshot:
        assert played.reads[-1] == played.reads[-2]
        assert played.offsets == [{}, {}]
    else:
        assert played.reads[-1] == []
        assert played.offsets[-1] == played.offsets[-2]


def test_every_table_of_the_connector_is_in_the_record_matrix(source: Source) -> None:
    connector = source(MATRIX.replay).lakeflow_connect
    scenarios = {
        table: {found.title for found in MATRIX.scenarios.values() if found.table == table}
        for table in connector.list_tables()
    }
    for name, titles in scenarios.items():
        table = TABLES[name]
        wanted = {"first_sync"} if name not in NEEDED else {"keyed"}
        wanted |= {"incremental"} if not (table.is_snapshot or name in NEEDED) else set()
        wanted |= {"several_pages"} if table.source.route.paged and not table.opt_in else set()
        if table.of_ideas and not table.opt_in:
            wanted |= {"one_page", "empty", "filtered", "wrong_key"}
        assert not wanted - titles, name
