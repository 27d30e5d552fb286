"""The replay server: the same cassettes for clients in other processes."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from strict_cassettes.cassettes import CassetteError, load_interactions, uri_of
from strict_cassettes.server import serving

from tests.places import ROOT, SANDBOX_SET

CASSETTE = SANDBOX_SET / "ideas" / "several_pages.json"


def test_a_recorded_request_gets_its_recorded_answer_whatever_the_order_of_parameters() -> None:
    entry = load_interactions(CASSETTE)[0]
    _, _, query = uri_of(entry["request"]).partition("?")
    path = entry["request"]["path"]
    with serving([CASSETTE]) as replay:
        answer = requests.get(f"{replay.url}{path}?{'&'.join(reversed(query.split('&')))}", timeout=5)
    assert answer.status_code == entry["response"]["status"]
    assert answer.json() == entry["response"]["body"]
    assert answer.headers["Date"] == entry["response"]["headers"]["date"]
    assert replay.requests == [f"GET {path}"]
    assert len(replay.unplayed) == len(load_interactions(CASSETTE)) - 1


def test_a_request_that_was_not_recorded_is_refused_and_counted() -> None:
    with serving([CASSETTE]) as replay:
        answer = requests.get(f"{replay.url}/api/v1/ideas?page=77", timeout=5)
    assert answer.status_code == 501
    assert "page=77" in answer.json()["error"]
    assert replay.unmatched == ["GET /api/v1/ideas?page=77"]


def test_a_missing_cassette_is_named_with_the_command_that_records_it() -> None:
    with (
        pytest.raises(CassetteError, match=r"ideas/none\. Record it again: nox -s record"),
        serving([SANDBOX_SET / "ideas" / "none.json"]),
    ):
        pass


def test_a_person_can_serve_a_scenario_and_stop_it() -> None:
    command = [sys.executable, "-m", "harness", "serve", "ideas/one_page"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            assert requests.get(f"{ready['url']}/api/v1/ideas", timeout=5).status_code == 501
            assert requests.get(ready["answers"][0], timeout=5).status_code == 200
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '"x"',
        "{}",
        '{"format": 99}',
        '{"format": 1, "interactions": null}',
        '{"format": 1, "interactions": [{}]}',
    ],
)
def test_a_damaged_cassette_is_named_with_the_command_that_records_it(text: str, tmp_path: Path) -> None:
    cassette = tmp_path / "ideas" / "empty.json"
    cassette.parent.mkdir()
    cassette.write_text(text)
    with pytest.raises(CassetteError, match=r"ideas/empty .*nox -s record -- --sandbox ideas/empty"):
        load_interactions(cassette)


def test_a_used_port_is_one_clear_sentence() -> None:
    with serving([CASSETTE]) as replay:
        port = replay.url.rpartition(":")[2]
        command = [sys.executable, "-m", "harness", "serve", "ideas/one_page", "--port", port]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith(f"Cannot listen on port {port}")
    assert "Traceback" not in done.stderr
