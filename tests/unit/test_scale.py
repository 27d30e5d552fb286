"""What a large sandbox costs, counted in ratios: a machine's speed is not a promise."""

import sqlite3
from collections.abc import Iterator

import pytest

from sandbox.server import open_world
from sandbox.world import World


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    world = open_world(ideas=2000)
    yield world
    world.close()


@pytest.mark.parametrize(
    "where",
    [
        "kind = 'idea' AND hidden = 0",
        "kind = 'vote' AND hidden = 0",
        "kind = 'vote' AND hidden = 0 AND proxy = 1",
        "kind = 'comment' AND hidden = 0 AND parent = 7310000000000000001",
    ],
)
def test_a_page_deep_in_a_list_is_found_in_an_index_and_not_by_reading_documents(
    where: str, world: World
) -> None:
    database: sqlite3.Connection = world.store._db
    plan = database.execute(
        f"EXPLAIN QUERY PLAN SELECT kind, id FROM records WHERE {where} ORDER BY id LIMIT 200 OFFSET 1000"
    ).fetchall()
    steps = " ".join(row[-1] for row in plan)
    assert "USING COVERING INDEX" in steps
    assert "TEMP B-TREE" not in steps
