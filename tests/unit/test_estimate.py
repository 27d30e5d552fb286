"""What a first sync is said to cost, beside what it costs."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from connector.aha import AhaLakeflowConnect
from connector.client import AhaClient
from connector.errors import AhaAuthError
from connector.offsets import is_unfinished
from connector.options import parse_options
from connector.tables import TABLES
from sandbox.faults import Scheduled
from sandbox.server import Sandbox, open_world, running
from scripts.lakehouse.estimate import Estimate, Estimator
from tests.conftest import FakeClock

FORBIDDEN = {"status": 403, "body": "{}"}
KEYS = {"custom_object_records": {"custom_object_keys": "accounts"}}


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with closing(open_world(ideas=450)) as world, running(world) as found:
        yield found


def connection_to(box: Sandbox, **options: str) -> dict[str, str]:
    connection = {"api_key": box.api_key, "subdomain": "company", "base_url": box.url}
    return connection | {"requests_per_minute": "600000"} | options


def cost(box: Sandbox, table: str) -> int:
    connector, end, more = AhaLakeflowConnect(connection_to(box)), None, True
    box.traffic.log.clear()
    while more:
        rows, end = connector.read_table(table, end, KEYS.get(table, {}))
        for _ in rows:
            pass
        more = is_unfinished(end)
    return len(box.traffic.log)


@pytest.mark.parametrize("table", TABLES)
def test_a_first_sync_costs_what_was_said_or_less_where_that_was_said(table: str, box: Sandbox) -> None:
    estimator = Estimator(AhaClient(parse_options(connection_to(box))))
    said = estimator.estimate(table, parse_options(connection_to(box), KEYS.get(table, {})))
    spent = cost(box, table)
    if said.calls is None:
        assert table == "custom_field_options"
    elif said.most:
        assert spent <= said.most * 1.02 + 2
        assert abs(spent - said.calls) <= 0.1 * said.calls + 4
    else:
        # What has more than a page below one record, and what a plan looks up besides.
        assert abs(spent - said.calls) <= 0.1 * said.calls + 4


def test_all_estimates_together_ask_each_list_once(box: Sandbox) -> None:
    estimator = Estimator(AhaClient(parse_options(connection_to(box))))
    box.traffic.log.clear()
    for table in TABLES:
        estimator.estimate(table, parse_options(connection_to(box), KEYS.get(table, {})))
    asked = [(entry["path"], str(entry.get("query"))) for entry in box.traffic.log]
    # But for the first page of ideas, once for each kind of comment and its count.
    assert len(set(asked)) < len(asked) + 3 < 36


def test_a_list_that_the_key_may_not_see_leaves_its_tables_unknown_and_no_other() -> None:
    with running(ideas=20) as box:
        box.traffic.faults.append(Scheduled("answer", route="/ideas", times=9, details=FORBIDDEN))
        estimator = Estimator(AhaClient(parse_options(connection_to(box)), clock=FakeClock()))
        settings = parse_options(connection_to(box))
        assert estimator.estimate("ideas", settings) == Estimate(None)
        assert estimator.estimate("idea_comments", settings) == Estimate(None)
        assert estimator.estimate("features", settings) == Estimate(1)


def test_a_wrong_key_ends_it_at_the_first_call(box: Sandbox) -> None:
    client = AhaClient(parse_options(connection_to(box, api_key="wrong")))
    box.traffic.log.clear()
    with pytest.raises(AhaAuthError):
        Estimator(client).require_account()
    assert len(box.traffic.log) == 1
