"""Answers of a stopped run: given again in the order of the calls, and never to a later batch."""

import itertools
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.client import AhaClient
from connector.options import parse_options
from sandbox.server import Sandbox
from scripts.lakehouse.answers import MOST_SECONDS, Answers, Kept
from scripts.lakehouse.relay import Traffic, relaying

CALLS = st.lists(st.sampled_from("abc"), max_size=8)


def answer(call: str, number: int) -> Kept:
    return Kept({"Date": f"{number}"}, f"{call}{number}".encode())


def shared(one: list[str], other: list[str]) -> int:
    """How many calls both begin with."""
    pairs = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return sum(1 for _ in pairs)


def run(place: Path, batch: int | None, calls: list[str], begin: int = 0) -> list[str]:
    """A run that asks some calls; what each was answered: its own number, where it was asked for anew."""
    answers, told = Answers(place, batch, together=1), []
    for number, call in enumerate(calls, begin):
        kept = answers.recall(call)
        if kept is None:
            kept = answer(call, number)
            answers.keep(call, kept)
        told.append(kept.body.decode())
    return told


@given(CALLS, CALLS, CALLS)
def test_a_run_is_given_what_the_stopped_one_was_told_up_to_the_first_call_that_it_did_not_make(
    tmp_path_factory: pytest.TempPathFactory, first: list[str], second: list[str], third: list[str]
) -> None:
    place = tmp_path_factory.mktemp("answers")
    was = run(place, 3, first)
    now = run(place, 3, second, 100)
    same = shared(first, second)
    assert now[:same] == was[:same]
    last = run(place, 3, third, 200)
    assert last[: shared(second, third)] == now[: shared(second, third)]
    # No answer is older than one that was given before it.
    for told in (now, last):
        moments = [int(text[1:]) for text in told]
        assert moments == sorted(moments)


def test_a_third_run_is_given_what_the_second_asked_behind_what_the_first_did(tmp_path: Path) -> None:
    run(tmp_path, 1, ["a", "b", "c", "d"])
    assert run(tmp_path, 1, ["a", "x", "b"], 100) == ["a0", "x101", "b102"]
    assert run(tmp_path, 1, ["a", "x", "b", "y"], 200) == ["a0", "x101", "b102", "y203"]


def test_calls_that_were_made_together_may_come_in_another_order(tmp_path: Path) -> None:
    run(tmp_path, 1, ["a", "b", "c"])
    answers = Answers(tmp_path, 1)
    found = [answers.recall(call) for call in ("c", "a", "b", "d")]
    assert [kept and kept.body for kept in found] == [b"c2", b"a0", b"b1", None]


def test_answers_are_of_one_batch_alone(tmp_path: Path) -> None:
    run(tmp_path, None, ["a"])
    assert run(tmp_path, 0, ["a"], 100) == ["a100"]
    assert run(tmp_path, None, ["a"], 200) == ["a200"]


def test_a_batch_that_is_in_its_table_leaves_no_answers(tmp_path: Path) -> None:
    answers = Answers(tmp_path / "ideas", 4)
    answers.keep("a", answer("a", 0))
    answers.forget(5)
    assert not (tmp_path / "ideas").exists()
    answers.keep("a", answer("a", 1))
    assert run(tmp_path / "ideas", 5, ["a"], 100) == ["a1"]


def test_answers_grow_old_together(tmp_path: Path) -> None:
    run(tmp_path, 1, ["a", "b"])
    oldest = min((tmp_path / "1").iterdir(), key=lambda path: path.stat().st_mtime)
    then = oldest.stat().st_mtime - MOST_SECONDS - 1
    os.utime(oldest, (then, then))
    assert run(tmp_path, 1, ["a", "b"], 100) == ["a100", "b101"]


def test_only_their_owner_reads_them(tmp_path: Path) -> None:
    run(tmp_path, 1, ["a"])
    assert (tmp_path / "1").stat().st_mode & 0o077 == 0


def test_a_damaged_answer_and_a_disk_without_room_hold_nothing_up(tmp_path: Path) -> None:
    run(tmp_path, 1, ["a", "b"])
    for path in (tmp_path / "1").iterdir():
        path.write_bytes(b"")
    assert run(tmp_path, 1, ["a"], 100) == ["a100"]
    (tmp_path / "file").touch()
    assert run(tmp_path / "file", 1, ["a", "a"]) == ["a0", "a1"]


def test_a_run_that_goes_on_makes_no_call_again_that_a_stopped_one_made(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    told = []
    for _ in range(2):
        with relaying(600_000) as relay:
            traffic = Traffic()
            account = parse_options(
                {"api_key": sandbox.api_key, "subdomain": "company", "base_url": sandbox.url}
            )
            address = relay.open(account, traffic, Answers(tmp_path, None))
            client = AhaClient(
                parse_options({"api_key": sandbox.api_key, "subdomain": "company", "base_url": address})
            )
            found = [client.get("/ideas", {"page": str(page), "per_page": "20"}) for page in (1, 2)]
            told.append((traffic.sent, traffic.to_come, [(page.body, page.date) for page in found]))
    assert [sent for sent, _, _ in told] == [2, 0]
    assert told[0][2] == told[1][2]
