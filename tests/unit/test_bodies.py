"""Requests with bodies: two different ones never answer for each other, and what they hold is scrubbed."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests
from strict_cassettes.cassettes import dump, request_of
from strict_cassettes.faults import Faulty, FaultyReplayError, failing
from strict_cassettes.leaks import Gate
from strict_cassettes.network import ReplayError
from strict_cassettes.scenarios import load_matrix
from strict_cassettes.scrub import Scrubber
from strict_cassettes.server import serving
from strict_cassettes.tape import player, strictly
from vcr.request import Request

RULES = load_matrix().rules
ORIGIN, PATH = RULES.origin, "/api/v2/graphql"


def asked(ids: list[str], page: int = 1) -> dict[str, Any]:
    return {"query": "query($ids: [ID!], $page: Int) { }", "variables": {"ids": ids, "page": page}}


def entries() -> list[dict[str, Any]]:
    return [
        {
            "request": request_of("POST", f"{ORIGIN}{PATH}", json.dumps(asked(ids))),
            "response": {"status": 200, "reason": "OK", "headers": {}, "body": {"told": ids}},
        }
        for ids in (["1"], ["2"], ["1", "2"])
    ]


@pytest.fixture
def cassette(tmp_path: Path) -> Path:
    path = tmp_path / "cassette.json"
    path.write_text(dump(entries()))
    return path


def post(ids: list[str], origin: str = ORIGIN, **named: Any) -> Any:
    named = named or {"json": asked(ids)}
    return requests.post(f"{origin}{PATH}", timeout=5, **named).json().get("told")


def test_each_body_gets_its_own_answer_whatever_the_order_of_its_keys(cassette: Path) -> None:
    turned = json.dumps(dict(reversed(asked(["1"]).items())))
    with player(Scrubber(RULES, "replay")).use_cassette(str(cassette)) as tape, strictly(tape):
        assert post(["1", "2"]) == ["1", "2"]
        assert post(["2"]) == ["2"]
        assert post([], data=turned) == ["1"]


def test_another_body_is_unmatched_in_process_over_loopback_and_under_faults(cassette: Path) -> None:
    with (
        pytest.raises(ReplayError, match="No recorded interaction answers POST"),
        player(Scrubber(RULES, "replay")).use_cassette(str(cassette)) as tape,
        strictly(tape),
        pytest.raises(Exception, match="no recorded interaction matches"),
    ):
        post(["3"])
    with serving([cassette]) as replay:
        assert post(["2"], replay.url) == ["2"]
        assert post(["3"], replay.url) is None
        assert len(replay.unmatched) == 1
    with failing(Faulty(entries(), {}, 0, 0)):
        assert post(["1"]) == ["1"]
        with pytest.raises(FaultyReplayError):
            post(["3"])


def test_a_request_without_a_body_is_not_answered_by_one_with_a_body(cassette: Path) -> None:
    with serving([cassette]) as replay:
        assert requests.post(f"{replay.url}{PATH}", timeout=5).status_code == 501


def test_what_stands_in_a_body_is_scrubbed_like_an_answer_and_searched_by_the_gate() -> None:
    scrubber = Scrubber(RULES, "key")
    body = json.dumps(asked(["7300000000000001234"]) | {"author": "Mallory Person"})
    request = Request("POST", f"https://real.aha.io{PATH}", body, {"Content-Type": "application/json"})
    made = json.loads(scrubber.rewrite(request).body)
    text = json.dumps(made)
    assert "Mallory" not in text
    assert "7300000000000001234" not in text
    # The same id is the same pseudonym wherever it stands.
    assert made["variables"]["ids"] == [scrubber.value({"id": "7300000000000001234"})["id"]]
    entry = {
        "request": request_of("POST", f"{ORIGIN}{PATH}", '{"ids": ["Mallory Person"]}'),
        "response": {"status": 200, "reason": "OK", "headers": {}, "body": None},
    }
    findings = Gate(RULES, scrubber.pseudonyms.issued).find(dump([entry]).encode())
    assert findings
    assert "Mallory" not in str(findings[0])
