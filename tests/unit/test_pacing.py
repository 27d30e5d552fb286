"""The request budget."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from connector.pacing import Budget, SystemClock, shared_budget
from scripts.lakehouse.relay import turns_of
from tests.conftest import FakeClock


@given(st.integers(1, 400), st.lists(st.floats(0, 5), max_size=60))
def test_no_minute_and_no_second_ever_holds_more_requests_than_allowed(
    per_minute: int, pauses: list[float]
) -> None:
    clock, sent = FakeClock(), []
    budget = Budget(per_minute, clock)
    for pause in [*pauses, *[0.0] * 100]:
        clock.now += pause
        budget.take()
        sent.append(clock.now)
    for moment in sent:
        assert sum(moment - 60 < other <= moment for other in sent) <= per_minute
        assert sum(moment - 1 < other <= moment for other in sent) <= 20


def test_a_long_sync_uses_at_least_95_percent_of_its_budget() -> None:
    clock, sent = FakeClock(), 0
    budget = Budget(300, clock)
    while clock.now < 600:
        budget.take()
        sent += 1
    assert sent >= 0.95 * 300 * 10


@given(st.integers(1, 2000))
def test_what_is_spread_over_a_minute_is_within_its_limit_uses_most_of_it_and_waits_for_no_whole_one(
    per_minute: int,
) -> None:
    clock = FakeClock()
    sent: list[float] = []
    budget = Budget(per_minute, clock, parts=turns_of(per_minute))
    while clock.now < 240 and len(sent) < 1000:
        budget.take()
        sent.append(clock.now)
    assert max(sum(moment - 60 < other <= moment for other in sent) for moment in sent) <= per_minute
    gaps = [later - earlier for earlier, later in itertools.pairwise(sent)]
    assert max(gaps, default=0) <= max(2, 60 / per_minute) * 1.05
    assert len(sent) >= 0.93 * min(per_minute, 20 * 60) * clock.now / 60


def test_all_that_read_an_account_in_a_process_share_one_budget() -> None:
    budget = shared_budget("https://company.aha.io", 300, SystemClock())
    assert shared_budget("https://company.aha.io", 300, SystemClock()) is budget
    assert shared_budget("https://other.aha.io", 300, SystemClock()) is not budget
    assert shared_budget("https://company.aha.io", 300, FakeClock()) is not budget
