"""Each fault that the sandbox can be told to make, as a client sees it."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta

import pytest
import requests

from sandbox.clock import SandboxClock, http_date
from sandbox.faults import FAULTS, FaultError, Scheduled
from sandbox.server import Sandbox, open_world, running
from tests.unit.test_world import START

Seen = Callable[[requests.Response], bool]

LOOKS: dict[str, Seen] = {
    "403": lambda answer: answer.status_code == 403,
    "404": lambda answer: (answer.status_code, answer.json()) == (404, {"error": "Record not found."}),
    "404_html": lambda answer: answer.status_code == 404 and answer.text.startswith("<html>"),
    "408": lambda answer: answer.status_code == 408,
    "410": lambda answer: answer.status_code == 410,
    "422": lambda answer: answer.status_code == 422,
    "522": lambda answer: answer.status_code == 522,
    "429_at_once": lambda answer: (answer.status_code, answer.headers["Retry-After"]) == (429, "0"),
    "dated_ahead": lambda answer: answer.headers["Date"] == http_date(START + timedelta(days=1)),
    "broken_json": lambda answer: answer.text.startswith('{"ideas":[{') and not answer.text.endswith("}"),
    "graphql_timeout": lambda answer: "Timeout on validation" in answer.json()["errors"][0]["message"],
    "graphql_errors": lambda answer: answer.status_code == 200 and "errors" in answer.json(),
    "500": lambda answer: answer.status_code == 500,
    "502_html": lambda answer: answer.status_code == 502 and answer.text.startswith("<html>"),
    "503": lambda answer: answer.status_code == 503,
    "429_retry_after": lambda answer: answer.status_code == 429 and answer.headers["Retry-After"] == "7",
    "429_reset": lambda answer: int(answer.headers["X-Ratelimit-Reset"]) == int(START.timestamp()) + 7,
    "429_message": lambda answer: "in 7 seconds" in answer.json()["errors"][0]["message"],
    "wrong_shape": lambda answer: isinstance(answer.json()["ideas"], dict),
    "no_root": lambda answer: list(answer.json()) == ["pagination"],
    "not_an_object": lambda answer: isinstance(answer.json(), list),
    "login_page": lambda answer: answer.status_code == 200 and "Log in" in answer.text,
    "empty_body": lambda answer: answer.status_code == 200 and answer.text == "",
    "slow_drip": lambda answer: len(answer.json()["ideas"]) == 1,
    "redirect": lambda answer: answer.status_code == 302 and "example.com" in answer.headers["Location"],
    "duplicated_rows": lambda answer: (
        [row["id"] for row in answer.json()["ideas"]][3:] == [last_of(answer)] * 2
    ),
    "shrinking_pages": lambda answer: answer.json()["pagination"]["total_pages"] == 2,
}


def last_of(answer: requests.Response) -> str:
    identity: str = answer.json()["ideas"][-1]["id"]
    return identity


BREAK_OFF = {"reset", "truncated"}


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with closing(open_world(ideas=12, clock=SandboxClock(START))) as world, running(world) as sandbox:
        yield sandbox


def get(box: Sandbox, path: str = "/ideas?per_page=4") -> requests.Response:
    headers = {"Authorization": f"Bearer {box.api_key}"}
    return requests.get(f"{box.url}/api/v1{path}", headers=headers, timeout=10, allow_redirects=False)


@pytest.mark.parametrize("fault", LOOKS)
def test_a_scheduled_fault_hits_one_request_and_looks_as_it_should(fault: str, box: Sandbox) -> None:
    box.traffic.faults[:] = [Scheduled(fault)]
    # A drip of a whole page would take long: one idea in its smallest form.
    path = "/ideas?per_page=1&fields=id" if fault == "slow_drip" else "/ideas?per_page=4"
    assert LOOKS[fault](get(box, path))
    assert get(box).json()["pagination"]["total_pages"] == 3


@pytest.mark.parametrize("fault", sorted(BREAK_OFF))
def test_a_connection_that_breaks_off_is_no_answer(fault: str, box: Sandbox) -> None:
    box.traffic.faults[:] = [Scheduled(fault)]
    with pytest.raises(requests.RequestException):
        get(box).json()
    assert get(box).status_code == 200


def test_a_page_with_duplicated_rows_repeats_the_row_before_it_and_lacks_none(box: Sandbox) -> None:
    first, second = (get(box, f"/ideas?per_page=4&page={page}").json()["ideas"] for page in (1, 2))
    box.traffic.faults[:] = [Scheduled("duplicated_rows")]
    assert get(box, "/ideas?per_page=4&page=2").json()["ideas"] == [first[-1], *second]


def test_a_drip_carries_the_sandboxs_time_and_the_true_status(box: Sandbox) -> None:
    box.traffic.faults[:] = [Scheduled("slow_drip", route="^/nothing$|^/ideas/1$", times=2)]
    answers = [get(box, path) for path in ("/ideas/1", "/nothing")]
    assert [(answer.status_code, answer.headers["Date"]) for answer in answers] == [
        (404, http_date(START))
    ] * 2
    assert answers[1].headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    "path", ["/nothing", "/ideas/1", "/me", "/bookmarks/custom_pivots/1", "/ideas?q=none"]
)
@pytest.mark.parametrize("fault", sorted(set(FAULTS) - BREAK_OFF - {"slow_drip"}))
def test_a_fault_on_any_route_is_no_error_of_the_sandbox(fault: str, path: str, box: Sandbox) -> None:
    expected = {"500": 500, "502_html": 502, "503": 503, "522": 522}.get(fault)
    box.traffic.faults[:] = [Scheduled(fault)]
    others = (200, 302, 403, 404, 408, 410, 422, 429)
    assert get(box, path).status_code in ((expected,) if expected else others)


def test_every_fault_is_looked_at() -> None:
    assert set(FAULTS) == set(LOOKS) | BREAK_OFF


def test_an_answer_can_be_written_in_full_and_a_field_given_a_value_of_another_type(box: Sandbox) -> None:
    details = {"status": 451, "headers": {"Retry-After": "soon"}, "body": {"error": "no"}}
    box.traffic.faults[:] = [
        Scheduled("answer", details=details),
        Scheduled("odd_value", details={"field": "score", "value": ""}),
        Scheduled("odd_value", details={"field": "workflow_status.position", "value": ["odd"]}),
    ]
    written = get(box)
    assert (written.status_code, written.headers["Retry-After"], written.json()) == (
        451,
        "soon",
        {"error": "no"},
    )
    assert {row["score"] for row in get(box).json()["ideas"]} == {""}
    assert all(row["workflow_status"]["position"] == ["odd"] for row in get(box).json()["ideas"])


def test_a_fault_waits_for_its_route_and_its_turn(box: Sandbox) -> None:
    box.traffic.faults[:] = [Scheduled("503", route="endorsements", times=2, after=1)]
    statuses = [get(box, path).status_code for path in ("/ideas", *["/ideas/endorsements"] * 4)]
    assert statuses == [200, 200, 503, 503, 200]


@pytest.mark.parametrize(
    "wrong",
    [
        {"fault": "answer", "details": {"status": 99}},
        {"fault": "answer", "details": {"text": ""}},
        {"fault": "503", "details": {"status": 200}},
        {"fault": "418"},
        {"fault": "503", "route": "("},
        {"fault": "503", "times": 0},
    ],
)
def test_a_fault_that_does_not_exist_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(FaultError):
        Scheduled(**wrong)  # type: ignore[arg-type]
