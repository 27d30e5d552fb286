"""Whatever answers: the right rows, or a clear error from which the next run makes them right.

Families of answers: statuses, bodies and headers, once, thrice and for ever, on a list, below its rows, on
the audits and on GraphQL, while a table is first read and while it is brought up to date.
"""

import os
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connector.aha import AhaLakeflowConnect
from connector.offsets import is_unfinished
from sandbox.clock import SandboxClock
from sandbox.faults import Scheduled
from sandbox.server import Sandbox, open_world, running
from tests.conftest import SOURCES, FakeClock
from tests.unit.test_reconciliation import shown

START = datetime(2025, 11, 1, 12, 0, tzinfo=UTC)
FAMILIES = int(os.environ.get("FAMILIES", "80"))
ALWAYS, DAY = 10**6, 100_000
KINDS = {"ideas": "idea", "idea_comments": "comment", "idea_portal_comments": "idea_comment"}
PLACES = {
    "list": "^/ideas$",
    "below": "^/ideas/[0-9]+/(idea_)?comments$",
    "below one": "^/ideas/[0-9]*[02468]/(idea_)?comments$",
    "record": "^/ideas/[0-9]+$",
    "audits": "^/audits",
    "graphql": "graphql",
    "anywhere": "",
}
STATUSES = (
    *(
        200,
        200,
        200,
        201,
        202,
        204,
        206,
        301,
        302,
        304,
        307,
        400,
        401,
        402,
        403,
        404,
        404,
        405,
        406,
        408,
        409,
    ),
    *(
        410,
        413,
        414,
        418,
        421,
        422,
        423,
        425,
        426,
        429,
        429,
        431,
        451,
        499,
        500,
        501,
        502,
        503,
        504,
        505,
        507,
    ),
    *(508, 511, 520, 521, 522, 523, 524, 525, 527, 529, 530, 598, 599),
)
BODIES: tuple[Any, ...] = (
    "",
    " \n",
    "<html><body>504 Gateway Time-out</body></html>",
    "<!DOCTYPE html><form action='/session'>Log in to Aha!</form>",
    "Bad gateway",
    "null",
    "true",
    "0",
    "[]",
    "{}",
    '{"ideas": [',
    '{"ideas": [{"id": "1"',
    '{"data": null}',
    {"error": "Record not found."},
    {"error": {"message": 5}},
    {"errors": [{"message": "Timeout on validation of query"}]},
    {"errors": "plain"},
    {"data": {"ideas": None}, "errors": [{"message": "no such field"}]},
    {"ideas": [], "comments": [], "idea_comments": [], "audits": []},
    {"ideas": [None], "comments": ["x"], "idea_comments": [5], "audits": [[]], "pagination": {}},
    {"ideas": {}, "pagination": {"total_records": 0, "total_pages": 0, "current_page": 7}},
    "\ufeff{}",
    "\x00\x1b[2J",
    "x" * 100_000,
    "[" * 10_000,
)
HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"Retry-After": "0"},
    {"Retry-After": "-1"},
    {"Retry-After": "0.1"},
    {"Retry-After": "soon"},
    {"Retry-After": "9" * 30},
    {"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"},
    {"X-Ratelimit-Reset": "5"},
    {"X-Ratelimit-Reset": "1"},
    {"X-Ratelimit-Reset": "9" * 11},
    {"Date": "yesterday"},
    {"Date": "Mon, 01 Jan 0001 00:00:00 GMT"},
    {"Date": "Fri, 31 Dec 9999 23:59:59 GMT"},
    {"Content-Type": "text/plain; charset=utf-16"},
    {"Content-Encoding": "gzip"},
    {"Location": "https://example.com/elsewhere"},
)


class Table:
    """A table kept by syncs: rows are upserted, tombstones take them out."""

    def __init__(self, box: Sandbox, name: str, connector: type[AhaLakeflowConnect]) -> None:
        connection = {"api_key": box.api_key, "subdomain": "company", "base_url": box.url}
        connection |= {"requests_per_minute": "600000", "page_size": "5"}
        self._connector, self._name = connector(connection, clock=FakeClock()), name
        self.rows: dict[str, dict[str, Any]] = {}
        self._offset: dict[str, Any] = {}
        self._deletions: dict[str, Any] = {}

    def sync(self) -> None:
        """Bring it up to date; offsets move with what they stand after."""
        options = {"track_deletes": "true"}
        while True:
            rows, end = self._connector.read_table(self._name, self._offset, options)
            self.rows |= {row["id"]: row for row in rows}
            self._offset = end
            if not is_unfinished(end):
                break
        tombstones, end = self._connector.read_table_deletes(self._name, self._deletions, options)
        for row in tombstones:
            held = self.rows.get(row["id"])
            if held and not (held["updated_at"] or "") > row["updated_at"]:
                del self.rows[row["id"]]
        self._deletions = end


def change(box: Sandbox) -> None:
    """Something of each kind: a change, an addition, a deletion."""
    box.clock.advance(3600)
    first, second, third, *_ = (record.id for record in shown(box, "idea"))
    box.world.change("idea", first, name="changed")
    box.world.create("comment", second)
    box.world.create("idea_comment", second)
    box.world.delete("idea", third)
    box.clock.advance(3600)


def is_own(error: Exception) -> bool:
    """Whether it is one of the connector's own errors: the merged file has its own `AhaError`."""
    return "AhaError" in {kind.__name__ for kind in type(error).__mro__}


def truth(box: Sandbox, kind: str) -> dict[str, str]:
    return {str(record.id): record.body["updated_at"] for record in shown(box, kind)}


@settings(max_examples=FAMILIES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    form=st.sampled_from(sorted(SOURCES)),
    table=st.sampled_from(sorted(KINDS)),
    place=st.sampled_from(sorted(PLACES)),
    status=st.sampled_from(STATUSES),
    body=st.sampled_from(BODIES),
    headers=st.sampled_from(HEADERS),
    times=st.sampled_from([1, 3, ALWAYS]),
    after=st.integers(0, 4),
    first=st.booleans(),
)
# A 404 that passes, in Aha!'s own form, for what hangs below an idea and for the idea itself.
@example(
    form="merged",
    table="idea_comments",
    place="anywhere",
    status=404,
    body={"error": "Record not found."},
    headers={},
    times=3,
    after=2,
    first=False,
)
def test_whatever_answers_a_run_ends_with_the_right_rows_or_with_an_error_that_the_next_run_mends(
    sources: dict[str, type[AhaLakeflowConnect]],
    form: str,
    table: str,
    place: str,
    status: int,
    body: Any,
    headers: dict[str, str],
    times: int,
    after: int,
    first: bool,
) -> None:
    connector = sources[form]
    details = {"status": status, "headers": headers, "body": body}
    with closing(open_world(ideas=12, clock=SandboxClock(START))) as world, running(world) as box:
        mirror = Table(box, table, connector)
        if not first:
            mirror.sync()
            change(box)
        box.traffic.faults[:] = [Scheduled("answer", PLACES[place], times, after, details)]
        try:
            mirror.sync()
        except Exception as error:
            if not is_own(error):
                raise
            told = str(error)
            assert any(route in told for route in ("GET /", "POST /graphql"))
            assert box.api_key not in told
            assert "\x1b" not in told
            assert len(told) < 1500
        box.traffic.faults.clear()
        if first:
            change(box)
        box.clock.advance(3600)
        mirror.sync()
        assert {key: row["updated_at"] for key, row in mirror.rows.items()} == truth(box, KINDS[table])


@pytest.fixture(scope="module")
def sources() -> dict[str, type[AhaLakeflowConnect]]:
    """The connector's class, of the package and of the merged file."""
    loaded: dict[str, Any] = {name: load() for name, load in SOURCES.items()}
    return {name: source.connector_class for name, source in loaded.items()}


ODD: tuple[Any, ...] = ("", "odd", 7, True, ["a"], {"a": 1}, None, "\ud800")
# What a sync itself looks at; tests/unit/test_records.py tries every column.
READ = ("updated_at", "created_at", "comments_count", "name")


@pytest.mark.parametrize("value", ODD, ids=ascii)
@pytest.mark.parametrize("field", READ)
def test_a_value_of_any_type_freezes_no_table_and_hides_no_change(
    field: str, value: Any, sources: dict[str, type[AhaLakeflowConnect]]
) -> None:
    table = "idea_comments" if field == "comments_count" else "ideas"
    form = sorted(SOURCES)[ODD.index(value) % 2]
    with closing(open_world(ideas=6, clock=SandboxClock(START))) as world, running(world) as box:
        mirror = Table(box, table, sources[form])
        details = {"field": field, "value": value}
        box.traffic.faults[:] = [Scheduled("odd_value", times=ALWAYS, details=details)]
        mirror.sync()
        assert set(mirror.rows) == set(truth(box, KINDS[table]))
        change(box)
        box.clock.advance(DAY)
        mirror.sync()
        assert set(mirror.rows) >= set(truth(box, KINDS[table]))
        box.traffic.faults.clear()
        box.clock.advance(DAY)
        mirror.sync()
        assert set(mirror.rows) >= set(truth(box, KINDS[table]))
