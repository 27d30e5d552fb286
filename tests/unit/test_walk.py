"""A walk over a list that changes between its pages."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.client import AhaClient, Answer
from connector.errors import AhaResponseError, AhaUnstableListError
from connector.listing import Listing, Page
from connector.servertime import format_time
from connector.walk import Walk

NOW = datetime(2025, 10, 6, 9, 0, tzinfo=UTC)
OLD = "2025-01-01T00:00:00.000Z"
SIZE = 3
LOOKBACK = timedelta(seconds=60)

Change = tuple[str, int]


class ListOnServer:
    """A list in id order that changes before some of its pages are read."""

    def __init__(self, rows: dict[int, str], changes: dict[int, list[Change]]) -> None:
        self.rows = dict(rows)
        self.changes = changes
        self.fetched = 0

    def fetch(self, number: int) -> Page:
        for kind, row_id in self.changes.get(self.fetched, []):
            if kind == "delete":
                self.rows.pop(row_id, None)
            else:
                self.rows[row_id] = NOW.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        self.fetched += 1
        ids = sorted(self.rows)[(number - 1) * SIZE : number * SIZE]
        rows: list[dict[str, Any]] = [{"id": str(row_id), "updated_at": self.rows[row_id]} for row_id in ids]
        return Page(rows, len(self.rows), number * SIZE >= len(self.rows), NOW)


def walk_over(server: ListOnServer) -> Walk:
    return Walk(server.fetch, SIZE, LOOKBACK)


def test_a_quiet_list_is_read_once_with_no_request_too_many() -> None:
    server = ListOnServer(dict.fromkeys(range(8), OLD), {})
    pages = list(walk_over(server))
    assert [len(page) for page in pages] == [3, 3, 2]
    assert server.fetched == 3


def test_a_row_that_slips_forward_because_another_is_deleted_is_read() -> None:
    server = ListOnServer(dict.fromkeys(range(8), OLD), {1: [("delete", 0)]})
    read = {row["id"] for page in walk_over(server) for row in page}
    assert "3" in read


def test_a_row_that_slips_forward_is_read_even_if_a_new_row_hides_the_deletion() -> None:
    server = ListOnServer(dict.fromkeys(range(8), OLD), {1: [("delete", 0), ("touch", 99)]})
    read = {row["id"] for page in walk_over(server) for row in page}
    assert "3" in read


def test_a_row_that_slips_forward_is_read_even_if_another_grows_on_a_page_already_read() -> None:
    changes = {1: [("delete", 1), ("touch", 20)], 2: [("touch", 0)]}
    server = ListOnServer(dict.fromkeys(range(1, 10), OLD), changes)
    read = {row["id"] for page in walk_over(server) for row in page}
    assert "4" in read


def test_edits_and_new_rows_alone_never_make_a_list_unreadable() -> None:
    """An account in use: in every pass a row is edited and a new one comes in."""
    changes = {number: [("touch", 7), ("touch", 100 + number)] for number in range(1, 400)}
    server = ListOnServer(dict.fromkeys(range(8), OLD), changes)
    assert {row["id"] for page in walk_over(server) for row in page} >= {str(row) for row in range(8)}


def test_new_rows_alone_cost_no_second_pass() -> None:
    server = ListOnServer(dict.fromkeys(range(8), OLD), {1: [("touch", 99)]})
    assert len([row for page in walk_over(server) for row in page]) == 9
    assert server.fetched == 3


def test_a_list_that_never_holds_still_is_a_clear_error() -> None:
    with pytest.raises(AhaUnstableListError, match="Nothing was lost"):
        list(Walk(shrinking, SIZE, LOOKBACK))


def shrinking(number: int) -> Page:
    """A list that is one row shorter on every page."""
    rows = [{"id": str(number * SIZE + index), "updated_at": OLD} for index in range(SIZE)]
    return Page(rows, 100 - number, number == 5, NOW)


CHANGES = st.dictionaries(
    st.integers(1, 12),
    st.lists(st.tuples(st.sampled_from(["delete", "touch"]), st.integers(0, 20)), max_size=3),
    max_size=4,
)


@given(st.sets(st.integers(0, 15), min_size=1), CHANGES, st.booleans())
def test_no_row_that_stood_in_the_list_throughout_is_ever_missed(
    ids: set[int], changes: dict[int, list[Change]], recent: bool
) -> None:
    start = format_time(NOW - timedelta(seconds=10 if recent else 1000))
    server = ListOnServer(dict.fromkeys(ids, start), changes)
    throughout = {str(row) for row in ids} - {
        str(row) for happened in changes.values() for kind, row in happened if kind == "delete"
    }
    read = {row["id"] for page in walk_over(server) for row in page}
    assert read >= throughout


class OneAnswer(AhaClient):
    """A client whose every answer is given."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body

    def get(self, path: str, params: Any) -> Answer:
        return Answer(self.body, NOW, str(self.body))


def paged(rows: int, total: Any, pages: Any, current: Any = 1) -> dict[str, Any]:
    pagination = {"total_records": total, "total_pages": pages, "current_page": current}
    return {"ideas": [{"id": str(number)} for number in range(rows)], "pagination": pagination}


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({}, "under `ideas`"),
        ({"ideas": {}}, "under `ideas`"),
        ({"ideas": ["x"]}, "under `ideas`"),
        ({"ideas": [{"name": "no id"}]}, "under `ideas`"),
        ({"ideas": []}, "`pagination` with the counts"),
        (paged(0, None, 0), "`pagination` with the counts"),
        (paged(0, True, 0), "`pagination` with the counts"),
        (paged(2, 2, 1, current=2), "page 1 and room for 2 rows"),
        (paged(3, 10, 1), "page 1 and room for 10 rows"),
        (paged(3, 1, 1), "page 1 and room for 1 rows"),
        (paged(1, 1, 2), "page 1 and room for 1 rows"),
        (paged(0, 5, 2), "rows on page 1 of 2"),
        (paged(2, 5, 2), "3 rows on page 1 of 2"),
        ({"ideas": [{"id": "1"}, {"id": 1}]}, "each row of page 1 once"),
        ({"ideas": [{"id": ["1"]}]}, "under `ideas`"),
    ],
)
def test_an_answer_that_contradicts_itself_is_an_error_that_shows_it(
    body: dict[str, Any], wanted: str
) -> None:
    listing = Listing("/ideas", "ideas", (), SIZE)
    with pytest.raises(AhaResponseError, match="GET /ideas answered without") as caught:
        listing.fetch(OneAnswer(body), 1)
    assert wanted in str(caught.value)
    assert str(body)[:50] in str(caught.value)


def test_an_empty_list_has_no_pages_and_ends() -> None:
    page = Listing("/ideas", "ideas", (), SIZE).fetch(OneAnswer(paged(0, 0, 0)), 1)
    assert (page.rows, page.last) == ([], True)
