"""What a person sees of a run: before it, while it goes on, and after it."""

import io
import json
import threading
from collections import Counter

import pytest
from rich.console import Console
from strict_cassettes.progress import heartbeat

from scripts.lakehouse.estimate import Estimate
from scripts.lakehouse.progress import (
    DONE,
    FAILED,
    QUIET_SECONDS,
    READING,
    Board,
    Display,
    Progress,
    plan_table,
    result_json,
    result_table,
    traffic_warnings,
)
from scripts.lakehouse.relay import Traffic
from tests.conftest import FakeClock


def board(*tables: Progress) -> Board:
    return Board(tables, 300)


def printed(shown: object) -> str:
    out = io.StringIO()
    Console(file=out, width=100).print(shown)
    return out.getvalue()


COMMENTS = Progress("idea_comments", Estimate(9_780, most=9_800), Traffic(sent=180), READING, rows=1_200)


def test_while_a_table_is_read_its_rows_calls_and_what_is_to_go_are_said() -> None:
    assert str(COMMENTS) == "idea_comments 1,200 rows, 180 calls, about 9,600 to go"


def test_pages_that_are_known_to_come_count_where_nothing_was_estimated() -> None:
    table = Progress("ideas", traffic=Traffic(sent=2, pages={"/ideas": 7}), state=READING)
    assert str(table) == "ideas 0 rows, 2 calls, about 7 to go"


def test_of_a_first_sync_that_goes_on_the_pages_that_are_left_count() -> None:
    traffic = Traffic(sent=40, paged=2, pages={"/ideas": 3})
    assert Progress("comments", Estimate(900, most=950), traffic, READING).to_go == 60
    assert Progress("comments", Estimate(41), traffic, READING).to_go == 3


def test_what_hangs_below_rows_counts_as_it_did_on_the_pages_before() -> None:
    table = Progress("votes", traffic=Traffic(sent=90, paged=3, pages={"/ideas": 7}), state=READING)
    assert str(table) == "votes 0 rows, 90 calls, about 210 to go"


def test_the_whole_run_says_how_long_it_will_take_and_that_it_waits_for_the_limit() -> None:
    done = Progress("ideas", Estimate(3), Traffic(sent=3), DONE)
    waiting = Progress("goals", Estimate(400))
    COMMENTS.traffic.waiting = 2
    told = board(done, COMMENTS, waiting).summary()
    COMMENTS.traffic.waiting = 0
    assert (
        told == "1 of 3 tables, 183 calls, about 34 minutes left; waiting for the limit of 300 calls a minute"
    )


def test_what_is_done_or_failed_has_nothing_to_go() -> None:
    left = [Progress("a", Estimate(9), state=DONE), Progress("b", Estimate(9), state=FAILED)]
    assert board(*left).summary() == "2 of 2 tables, 0 calls"


def test_the_plan_names_each_tables_calls_and_the_minutes_of_all() -> None:
    told = printed(plan_table(board(COMMENTS, Progress("teams", Estimate(None)), Progress("users"))))
    assert "│ idea_comments │ about 9,780, at most 9,800 │" in told
    assert "│ teams         │                          ? │" in told
    assert "About 9,780 calls: 33 minutes at 300 a minute." in " ".join(told.split())
    assert "1 table will go on from a checkpoint" in " ".join(told.split())


def test_a_run_without_first_syncs_says_that_it_goes_on() -> None:
    assert "2 tables will go on from a checkpoint" in printed(plan_table(board(Progress("a"), Progress("b"))))


def test_where_there_is_no_terminal_a_line_is_said_every_half_minute() -> None:
    out, clock = io.StringIO(), FakeClock()
    with Display(Console(file=out, width=40), board(COMMENTS), clock) as display:
        for _ in range(120):
            clock.now += 1
            display.update()
    lines = out.getvalue().splitlines()
    assert len(lines) == 4
    assert set(lines) == {"; ".join(board(COMMENTS).lines())}


def test_on_a_terminal_the_board_is_redrawn_and_leaves_nothing_behind() -> None:
    out = io.StringIO()
    console = Console(file=out, width=100, force_terminal=True, highlight=False)
    with Display(console, board(COMMENTS), FakeClock()) as display:
        display.update()
    assert "about 9,600 to go" in out.getvalue()
    assert out.getvalue().rstrip("\r\n").endswith("\x1b[2K")


def test_the_result_holds_only_tables_that_did_not_fail() -> None:
    told = printed(result_table(board(Progress("ok", state=DONE, total=5), Progress("bad", state=FAILED))))
    assert "│ ok " in told
    assert "bad" not in told


def test_the_result_for_scripts_has_every_table_with_its_error() -> None:
    failed = Progress("votes", state=FAILED, fault="Table `idea_votes` cannot be read.")
    found = json.loads(json.dumps(result_json(board(COMMENTS, failed), "build/lakehouse", ["\x1b[2J"])))
    assert found["tables"][1]["error"] == "Table `idea_votes` cannot be read."
    assert found["tables"][0] | {"requests": 180, "changed": 1200, "error": None} == found["tables"][0]
    assert found["warnings"] == ["\\x1b[2J"]


@pytest.mark.parametrize(
    ("failed", "said"), [({429: 3}, "3 calls were answered 429"), ({503: 2}, "5xx"), ({0: 1}, "no answer")]
)
def test_what_the_account_refused_is_said_at_the_end(failed: dict[int, int], said: str) -> None:
    (told,) = traffic_warnings(board(Progress("ideas", traffic=Traffic(failed=Counter(failed)), state=DONE)))
    assert said in told


def test_a_silence_is_broken_so_long_as_it_lasts() -> None:
    told: list[str] = []
    over = threading.Event()
    waits = iter([False, False, True])

    def wait(seconds: float) -> bool:
        assert seconds == QUIET_SECONDS
        ended = next(waits)
        if ended:
            over.set()
        return ended

    with heartbeat(lambda: told.append("Spark is starting"), QUIET_SECONDS, wait):
        assert over.wait(10)
    assert told == ["Spark is starting"] * 2
