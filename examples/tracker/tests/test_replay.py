import pytest
from strict_cassettes.scenarios import load_matrix, load_source, play

MATRIX = load_matrix()


@pytest.mark.vcr
def test_every_scenario_is_replayed(recorded):
    rows = play(recorded.scenario, load_source(MATRIX), MATRIX.replay).reads[0]
    assert rows and len({row["id"] for row in rows}) == len(rows)
