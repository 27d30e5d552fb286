"""The control surface, over HTTP."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import requests

from sandbox.clock import SandboxClock
from sandbox.server import Sandbox, open_world, running
from tests.unit.test_world import START


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with (
        closing(open_world(ideas=3, clock=SandboxClock(START))) as world,
        running(world, control=True) as sandbox,
    ):
        yield sandbox


def call(box: Sandbox, method: str, path: str, body: Any = None) -> Any:
    answer = requests.request(method, f"{box.url}/control{path}", json=body, timeout=5)
    assert answer.status_code == 200, answer.text
    return answer.json()


def get(box: Sandbox, path: str) -> Any:
    headers = {"Authorization": f"Bearer {box.api_key}"}
    return requests.get(f"{box.url}/api/v1{path}", headers=headers, timeout=5).json()


def test_an_idea_can_be_made_changed_moved_hidden_merged_and_deleted(box: Sandbox) -> None:
    made = call(box, "POST", "/idea", {"fields": {"name": "A new idea"}})
    path = f"/idea/{made['id']}"
    assert get(box, f"/ideas/{made['id']}")["idea"]["name"] == "A new idea"
    call(box, "PATCH", path, {"fields": {"name": "Another name"}})
    call(box, "POST", f"{path}/status", {"name": "Planned"})
    found = get(box, f"/ideas/{made['id']}")["idea"]
    assert (found["name"], found["workflow_status"]["name"]) == ("Another name", "Planned")
    call(box, "POST", f"{path}/spam")
    assert made["id"] not in {row["id"] for row in get(box, "/ideas")["ideas"]}
    call(box, "POST", f"{path}/spam", {"spam": False})
    other = get(box, "/ideas")["ideas"][0]["id"]
    call(box, "POST", f"{path}/merge", {"into": other})
    assert get(box, f"/ideas/{made['id']}")["idea"]["duplicate_of"]["id"] == other
    call(box, "DELETE", path)
    assert get(box, f"/ideas/{made['id']}") == {"error": "Record not found."}


@pytest.mark.parametrize("kind", ["vote", "comment", "idea_comment"])
def test_what_stands_under_an_idea_can_be_made_changed_and_deleted(kind: str, box: Sandbox) -> None:
    idea = int(get(box, "/ideas")["ideas"][0]["id"])
    made = call(box, "POST", f"/{kind}", {"parent": idea})
    call(box, "PATCH", f"/{kind}/{made['id']}", {"fields": {"created_at": "2025-01-01T00:00:00.000Z"}})
    call(box, "DELETE", f"/{kind}/{made['id']}")


def test_all_times_come_from_the_clock(box: Sandbox) -> None:
    call(box, "PUT", "/clock", {"set": "2026-01-02T03:04:05Z"})
    assert call(box, "PUT", "/clock", {"advance": 1.5})["now"] == "2026-01-02T03:04:06.500Z"
    assert call(box, "POST", "/idea")["created_at"] == "2026-01-02T03:04:06.500Z"
    headers = {"Authorization": f"Bearer {box.api_key}"}
    answer = requests.get(f"{box.url}/api/v1/ideas", headers=headers, timeout=5)
    assert answer.headers["Date"] == "Fri, 02 Jan 2026 03:04:06 GMT"


def test_switches_and_faults_can_be_set(box: Sandbox) -> None:
    assert call(box, "PUT", "/behaviour", {"updated_since": "inclusive"})["updated_since"] == "inclusive"
    assert call(box, "GET", "/behaviour")["updated_since"] == "inclusive"
    assert call(box, "PUT", "/faults", {"faults": [{"fault": "503", "times": 2}]}) == {"scheduled": 1}
    headers = {"Authorization": f"Bearer {box.api_key}"}
    assert requests.get(f"{box.url}/api/v1/ideas", headers=headers, timeout=5).status_code == 503


def test_the_log_tells_every_request_and_counts_them_per_route(box: Sandbox) -> None:
    idea = get(box, "/ideas?page=1")["ideas"][0]["id"]
    get(box, f"/ideas/{idea}/comments")
    log = call(box, "GET", "/log")
    assert log["counts"] == {"/ideas": 1, "/ideas/{parent}/comments": 1}
    assert log["requests"][0] | {"status": 200} == {
        "route": "/ideas",
        "path": "/ideas",
        "query": {"page": "1"},
        "fault": None,
        "status": 200,
    }
    call(box, "DELETE", "/log")
    assert call(box, "GET", "/log")["counts"] == {}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/fixture", {}),
        ("PATCH", "/idea/1", {}),
        ("POST", "/idea/1/merge", {}),
        ("PUT", "/clock", {"set": "yesterday"}),
        ("PUT", "/behaviour", {"lag": 3}),
        ("PUT", "/faults", {"faults": [{"fault": "none"}]}),
        ("PUT", "/faults", {"faults": [{"unknown": 1}]}),
        ("DELETE", "/idea/x", {}),
        ("DELETE", "/feature/1", {}),
        ("PUT", "/clock", {"advance": 1e20}),
        ("PUT", "/behaviour", {"comments_counted": "all"}),
        ("POST", "/idea", {"fields": {"nmae": "x"}}),
        ("POST", "/idea", ["no", "object"]),
        ("POST", "/idea", {"name": "x"}),
        ("POST", "/idea", {"fields": []}),
        ("POST", "/idea", {"fields": {"kind": "x"}}),
        ("POST", "/idea", {"fields": {"initial_votes": "x"}}),
        ("POST", "/idea", {"fields": {"description": {"body": None}}}),
        ("POST", "/idea", {"fields": {"score": 10**30}}),
        ("POST", "/vote", {"parent": "DEMO-I-1"}),
        ("POST", "/vote", {"parent": 7310000000000000001, "proxy": "false"}),
        ("POST", "/idea/7310000000000000001/spam", {"spam": "false"}),
        ("POST", "/product/7300000000000001002/spam", {}),
        ("PATCH", "/counters/0", {"fields": {"idea": 5}}),
        ("PUT", "/behaviour", {"workspace_comments": "false"}),
        ("PUT", "/behaviour", {"latency": True}),
        ("PUT", "/behaviour", {"latency": "x"}),
        ("PUT", "/faults", {"fault": "503"}),
        ("PUT", "/faults", {"faults": {"fault": "503"}}),
        ("PUT", "/faults", {"faults": [{"fault": "503", "times": 1.5}]}),
        ("PUT", "/clock", {"sett": "2026-01-02T03:04:05Z"}),
        ("PUT", "/clock", {"set": "0001-01-01T00:00:00+14:00"}),
        ("PUT", "/clock", {"set": "9999-12-31T23:59:59-14:00"}),
    ],
)
def test_a_change_that_cannot_be_made_says_why(method: str, path: str, body: Any, box: Sandbox) -> None:
    answer = requests.request(method, f"{box.url}/control{path}", json=body, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert get(box, "/ideas?fields=*")["ideas"]


def test_a_body_that_is_no_json_is_told_as_such(box: Sandbox) -> None:
    answer = requests.post(f"{box.url}/control/idea", data="name=x", timeout=5)
    assert (answer.status_code, answer.json()["error"][:19]) == (400, "the body is no JSON")


def test_refused_requests_are_in_the_log_too(box: Sandbox) -> None:
    requests.get(f"{box.url}/api/v1/ideas", timeout=5)
    assert call(box, "GET", "/log")["requests"][0]["status"] == 401


def test_without_control_there_is_no_control_surface() -> None:
    with running(ideas=1) as box:
        assert requests.get(f"{box.url}/control/log", timeout=5).status_code == 404
