"""Strict replay: each way in which one can be lax is planted, and told."""

import _socket
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3
from strict_cassettes.cassettes import dump, load_interactions, request_of, uri_of
from strict_cassettes.network import ReplayError
from strict_cassettes.scenarios import load_matrix
from strict_cassettes.scrub import Scrubber
from strict_cassettes.server import serving_strictly
from strict_cassettes.tape import player, strictly

from tests.places import SANDBOX_SET

RULES = load_matrix().rules
ORIGIN = RULES.origin


@pytest.fixture
def cassette(tmp_path: Path) -> Path:
    """Eight interactions: /api/v1/ideas?page=1 to 8."""
    entries = [
        {
            "request": request_of("GET", f"{ORIGIN}/api/v1/ideas?page={page}"),
            "response": {"status": 200, "reason": "OK", "headers": {}, "body": {"page": page}},
        }
        for page in range(1, 9)
    ]
    path = tmp_path / "cassette.json"
    path.write_text(dump(entries))
    return path


@pytest.fixture
def replayed(cassette: Path) -> Iterator[Any]:
    with player(Scrubber(RULES, "replay")).use_cassette(str(cassette)) as tape:
        yield tape


def get(page: int, session: requests.Session | None = None) -> Any:
    return (session or requests).get(f"{ORIGIN}/api/v1/ideas?page={page}", timeout=5).json()["page"]


def play_all() -> None:
    for page in range(1, 9):
        assert get(page) == page


def test_a_whole_replay_passes_and_writes_no_file(replayed: Any, cassette: Path) -> None:
    before = cassette.read_bytes(), list(cassette.parent.iterdir())
    with strictly(replayed):
        play_all()
    assert (cassette.read_bytes(), list(cassette.parent.iterdir())) == before


def test_an_unmatched_request_fails_the_replay_even_if_its_error_is_swallowed(replayed: Any) -> None:
    def swallow() -> None:
        play_all()
        with suppress(Exception):
            get(77)

    with (
        pytest.raises(ReplayError, match=r"No recorded interaction answers GET .*page=77"),
        strictly(replayed),
    ):
        swallow()


OTHER_CLIENTS: dict[str, Callable[[str], object]] = {
    "urllib": lambda address: urllib.request.urlopen(address),  # noqa: S310
    "urllib3": lambda address: urllib3.PoolManager().request("GET", address),
}


@pytest.mark.parametrize("client", ["urllib", "urllib3"])
def test_a_swallowed_request_of_any_client_fails_the_replay(client: str, replayed: Any) -> None:
    def swallow() -> None:
        play_all()
        with suppress(Exception):
            OTHER_CLIENTS[client](f"{ORIGIN}/api/v1/ideas?page=77")

    with (
        pytest.raises(ReplayError, match=r"No recorded interaction answers GET .*page=77"),
        strictly(replayed),
    ):
        swallow()


def test_an_interaction_that_nobody_asked_for_fails_the_replay(replayed: Any) -> None:
    with pytest.raises(ReplayError, match=r"Nobody asked for GET .*page=8\.$"), strictly(replayed):
        list(map(get, range(1, 8)))


def test_a_replay_that_played_nothing_fails(replayed: Any) -> None:
    with pytest.raises(ReplayError, match="Nothing was played"), strictly(replayed):
        pass


def test_a_replay_of_no_cassette_at_all_fails(tmp_path: Path) -> None:
    with (
        player(Scrubber(RULES, "replay")).use_cassette(str(tmp_path / "none.json")) as tape,
        pytest.raises(ReplayError, match="Nothing was played"),
        strictly(tape),
        suppress(Exception),
    ):
        get(1)
    assert list(tmp_path.iterdir()) == []


REACHES: dict[str, Callable[[], object]] = {
    "a socket below Python's own class": lambda: _socket.socket().connect(("127.0.0.1", 9)),
    "another process": lambda: subprocess.run(["true"], check=True),
    "a host name": lambda: socket.create_connection(("example.com", 80), 1),
    "an address": lambda: socket.socket().connect(("93.184.216.34", 80)),
    "this machine": lambda: socket.socket().connect(("127.0.0.1", 9)),
    "without an exception": lambda: socket.socket().connect_ex(("127.0.0.1", 9)),
    "a datagram": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)),
    "a name look-up": lambda: socket.getaddrinfo("example.com", 80),
    "a look-up the other way": lambda: socket.gethostbyaddr("127.0.0.1"),
    "a host's full name": lambda: socket.getfqdn("example.com"),
    "an old name look-up": lambda: socket.gethostbyname("example.com"),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("reach", REACHES)
def test_whatever_reaches_for_the_network_fails_the_replay_even_if_swallowed(
    reach: str, replayed: Any
) -> None:
    def swallow() -> None:
        play_all()
        with suppress(BaseException):
            REACHES[reach]()

    with pytest.raises(ReplayError, match="It reached for the network"), strictly(replayed):
        swallow()


def test_three_thousand_interactions_are_replayed_by_key_and_not_by_comparing(tmp_path: Path) -> None:
    pages = range(1, 3001)
    entries = [
        {
            "request": request_of("GET", f"{ORIGIN}/api/v1/ideas?page={page}"),
            "response": {"status": 200, "reason": "OK", "headers": {}, "body": {"page": page}},
        }
        for page in pages
    ]
    path = tmp_path / "cassette.json"
    path.write_text(dump(entries))
    compared: list[int] = []
    with (
        player(Scrubber(RULES, "replay")).use_cassette(str(path)) as tape,
        pytest.MonkeyPatch.context() as patched,
        strictly(tape),
        requests.Session() as session,
    ):
        patched.setattr("vcr.cassette.requests_match", lambda *_: compared.append(1))
        assert [get(page, session) for page in pages] == list(pages)
    assert compared == []


def test_a_wait_that_a_recorded_answer_asks_for_takes_no_time(
    replayed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waited"))
    with strictly(replayed):
        time.sleep(3600)
        play_all()


def test_an_error_of_the_code_under_test_is_not_hidden_by_a_lax_replay(replayed: Any) -> None:
    with pytest.raises(ZeroDivisionError), strictly(replayed):
        raise ZeroDivisionError


def test_eight_threads_replay_a_hundred_times_without_a_live_hit_or_a_failure(cassette: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        for _ in range(100):
            with player(Scrubber(RULES, "replay")).use_cassette(str(cassette)) as tape, strictly(tape):
                assert list(pool.map(get, range(1, 9))) == list(range(1, 9))


def test_the_replay_server_is_as_strict_and_answers_threads_at_once() -> None:
    path = SANDBOX_SET / "idea_portal_comments" / "one_page.json"
    asked = [entry["request"] for entry in load_interactions(path)]
    with serving_strictly([path]) as replay, ThreadPoolExecutor(8) as pool:

        def send(request: dict[str, Any]) -> int:
            address = replay.url + uri_of(request | {"origin": ""})
            body = request.get("body")
            return requests.request(request["method"], address, json=body, timeout=5).status_code

        answers = list(pool.map(send, asked))
    assert answers == [200] * len(asked)
    with (
        pytest.raises(
            ReplayError, match=r"No recorded .*/api/v1/nothing.* Nobody asked for GET /api/v1/ideas"
        ),
        serving_strictly([path]) as replay,
    ):
        requests.get(f"{replay.url}/api/v1/nothing", timeout=5)
    with pytest.raises(ReplayError, match="Nothing was played"), serving_strictly([path]):
        pass


def test_the_replay_server_wants_each_copy_of_an_interaction_asked_for(cassette: Path) -> None:
    entries = load_interactions(cassette)
    cassette.write_text(dump([*entries[:1], *entries[:2]]))
    addresses = [uri_of(entry["request"] | {"origin": ""}) for entry in entries[:2]]
    with pytest.raises(ReplayError, match=r"^Nobody asked for GET /api/v1/ideas\?page=1\.$"):
        ask_all([cassette], addresses)


def ask_all(cassettes: list[Path], addresses: list[str]) -> None:
    with serving_strictly(cassettes) as replay:
        for address in addresses:
            requests.get(replay.url + address, timeout=5)
