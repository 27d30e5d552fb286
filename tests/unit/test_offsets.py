"""Offsets: small, readable later, and never wrong about what was delivered."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import AhaOptionError
from connector.offsets import Offset, Position, Seen, end_of_batch, scope_of

CONTENTS = st.dictionaries(st.text(min_size=1), st.integers(0, 2**64 - 1), max_size=8)
POSITIONS = st.builds(
    Position,
    size=st.integers(1, 200),
    page=st.integers(1, 10**6),
    total=st.integers(0, 10**6),
    ids=st.integers(0, 2**64 - 1),
    before=st.none() | st.integers(0, 2**64 - 1),
)


@given(CONTENTS, st.none() | POSITIONS, st.booleans())
def test_an_offset_survives_a_json_round_trip(
    rows: dict[str, int], position: Position | None, exact: bool
) -> None:
    offset = Offset("ideas:0", "2025-10-06T09:00:00Z", Seen.of(rows, exact=exact if rows else True), position)
    assert Offset.from_json(json.loads(json.dumps(offset.to_json())), "ideas:0") == offset


HERE = Position(3, page=5, turn=1)
MIDWAY = Offset("ideas:0", "2025-10-06T09:00:00Z", position=HERE, counts="agreed")


@pytest.mark.parametrize(
    ("start", "bounded"),
    [
        ({}, True),
        ({"position": None}, True),
        ({"position": replace(HERE, page=2)}, True),
        ({"counts": ""}, True),
        ({"cursor": None}, False),
        ({"cursor": "2025-10-06T10:00:00Z"}, False),
        ({"strange": frozenset({3})}, False),
    ],
)
def test_a_batch_is_read_again_up_to_its_end_where_it_lies_behind_its_start(
    start: dict[str, Any], bounded: bool
) -> None:
    assert end_of_batch(replace(MIDWAY, **start), MIDWAY) == (HERE if bounded else None)


def test_a_batch_without_an_end_of_an_unknown_pass_or_begun_again_is_read_to_the_last_row() -> None:
    assert end_of_batch(MIDWAY, replace(MIDWAY, position=None)) is None
    old = MIDWAY.to_json()
    del old["position"]["turn"]
    assert end_of_batch(MIDWAY, Offset.from_json(old, "ideas:0")) is None
    assert end_of_batch(MIDWAY, replace(MIDWAY, counts="refuted")) is None
    refuted = replace(MIDWAY, counts="refuted")
    assert end_of_batch(refuted, refuted) == HERE


@pytest.mark.parametrize(
    ("here", "beyond"),
    [
        (HERE, True),
        (replace(HERE, page=6), True),
        (replace(HERE, page=4), False),
        (replace(HERE, page=9, turn=0), False),
        (replace(HERE, page=1, turn=0, parent="10"), True),
    ],
)
def test_a_course_is_beyond_where_it_has_read_as_much_of_the_same_pass_or_is_in_a_later_list(
    here: Position, beyond: bool
) -> None:
    assert here.is_beyond(HERE) is beyond
    assert not replace(here, parent="9").is_beyond(replace(HERE, parent="10"))


@pytest.mark.parametrize("count", [0, 150, 151, 5000, 100_000])
def test_an_offset_stays_under_16_kib_however_many_rows_changed_at_once(count: int) -> None:
    rows = {str(7210000000000000000 + number): number for number in range(count)}
    when = "2025-10-06T09:00:00Z"
    position = Position(200, 10**6, when, when, ids=2**64 - 1, before=2**64 - 1, tail=[2**64 - 1] * 4)
    for coming in (Seen.of(rows), Seen().and_also(rows)):
        scope = scope_of("company", "idea_portal_comments", [])
        offset = Offset(scope, when, Seen.of(rows), position, coming)
        assert len(json.dumps(offset.to_json())) < 16 * 1024


@given(CONTENTS, CONTENTS, st.booleans())
def test_a_changed_or_new_row_is_never_taken_for_delivered(
    before: dict[str, int], now: dict[str, int], exact: bool
) -> None:
    news = Seen.of(before, exact=exact).news(before | now)
    assert news >= {row for row, content in now.items() if before.get(row) != content}


@given(CONTENTS, st.booleans())
def test_unchanged_rows_are_all_known_as_delivered(rows: dict[str, int], exact: bool) -> None:
    assert Seen.of(rows, exact=exact).news(rows) == set()


def test_one_change_among_5000_rows_delivers_a_few_again_and_not_all() -> None:
    rows = {str(number): number for number in range(5000)}
    assert len(Seen.of(rows).news(rows | {"77": -1})) < 100


def test_another_filters_or_accounts_cursor_is_not_reused() -> None:
    shipped = scope_of("company", "ideas", [("workflow_status", "Shipped"), ("q", None)])
    everything = scope_of("company", "ideas", [("workflow_status", None), ("q", None)])
    elsewhere = scope_of("other", "ideas", [("workflow_status", "Shipped")])
    offset = Offset(shipped, "2025-10-06T09:00:00Z").to_json()
    assert Offset.from_json(offset, everything) == Offset(everything)
    assert Offset.from_json(offset, elsewhere) == Offset(elsewhere)


@pytest.mark.parametrize("given_offset", [None, {}])
def test_no_offset_is_the_beginning(given_offset: dict[str, str] | None) -> None:
    assert Offset.from_json(given_offset, "ideas:0") == Offset("ideas:0")


def test_a_newer_versions_offset_is_refused_with_what_to_do() -> None:
    with pytest.raises(AhaOptionError, match=r"version 99.*full refresh"):
        Offset.from_json({"version": 99}, "ideas:0")


@pytest.mark.parametrize(
    "damage",
    [
        {},
        {"cursor": 5},
        {"cursor": "x"},
        {"cursor": None, "seen": 3},
        {"cursor": None, "seen": {"exact": True, "entries": {"not hex": "1"}}},
        {"cursor": None, "position": {"x": 1}},
        {"cursor": None, "position": {"size": "a"}},
    ],
)
def test_a_damaged_offset_is_refused_with_what_to_do(damage: dict[str, object]) -> None:
    with pytest.raises(AhaOptionError, match=r"damaged.*full refresh"):
        Offset.from_json({"version": 1, "scope": "ideas:0", **damage}, "ideas:0")


def test_an_offset_of_version_1_stays_readable() -> None:
    """As this version writes it: if this fails, deployed checkpoints break."""
    scope = "ideas:b28ba9358d620d2b"
    written = {
        "version": 1,
        "scope": scope,
        "cursor": "2025-10-06T08:59:00Z",
        "seen": {"exact": True, "entries": {"4b": "a3"}},
    }
    assert Offset.from_json(written, scope_of("company", "ideas", [])) == Offset(
        scope, "2025-10-06T08:59:00Z", Seen(True, {"4b": "a3"})
    )
