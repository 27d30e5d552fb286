"""The sandbox's routes and filters, beyond the published examples."""

from collections.abc import Iterator

import pytest
import requests

from sandbox.behaviour import Behaviour
from sandbox.clock import SandboxClock
from sandbox.server import Sandbox, open_world, running
from sandbox.store import Condition
from tests.unit.test_world import START

FEATURE, GOAL, RELEASE = "DEMO-7", "DEMO-G-1", "DEMO-R-3"
ORGANIZATION = "7300000000000003001"


class Client:
    """GETs below /api/v1."""

    def __init__(self, box: Sandbox, session: requests.Session) -> None:
        self.box = box
        self._session = session

    def __call__(self, path: str, **params: str) -> requests.Response:
        return self._session.get(f"{self.box.url}/api/v1{path}", params=params, timeout=5)

    def rows(self, path: str, **params: str) -> list[dict[str, object]]:
        """The rows of a list's first 200."""
        body = self(path, per_page="200", **params).json()
        [rows] = [value for name, value in body.items() if name != "pagination"]
        return list(rows)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    world = open_world(ideas=60, seed_number=3, clock=SandboxClock(START))
    with running(world) as box, requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {box.api_key}"
        yield Client(box, session)
    world.close()


@pytest.fixture
def switched(client: Client) -> Iterator[Client]:
    """A client whose sandbox gets its switches back."""
    before = client.box.world.behaviour
    yield client
    client.box.world.behaviour = before


@pytest.mark.parametrize(
    "path",
    [
        f"/features/{FEATURE}/comments",
        f"/goals/{GOAL}/comments",
        f"/releases/{RELEASE}/comments",
        "/initiatives/DEMO-S-1/comments",
        "/epics/DEMO-E-2/comments",
        "/requirements/DEMO-7-1/comments",
        "/release_phases/7300000000000019501/comments",
        "/tasks/7300000000000022001/comments",
        "/idea_themes",
        f"/idea_organizations/{ORGANIZATION}/endorsements",
        "/idea_endorsements/fields/key/value/OPP-42",
        "/ideas/related",
        f"/features/{FEATURE}/tasks",
        "/users/7300000000000000101/tasks",
        f"/goals/{GOAL}/features",
    ],
)
def test_a_list_below_any_record_has_rows_and_pages(path: str, client: Client) -> None:
    body = client(path).json()
    assert set(body["pagination"]) == {"total_records", "total_pages", "current_page"}


@pytest.mark.parametrize(
    "path",
    ["/me/assigned", "/screen_definitions", "/identity_providers", "/paid_seat_groups", "/account_backups"],
)
def test_a_list_without_pages_says_nothing_of_pages(path: str, client: Client) -> None:
    assert list(client(path).json()) == [path.rpartition("/")[2]]


@pytest.mark.parametrize(
    "path",
    ["/pages/1/comments", "/features/1/comments", "/comments/1", "/idea_organizations/1/endorsements"],
)
def test_what_does_not_exist_on_a_known_route_is_told_in_json(path: str, client: Client) -> None:
    assert (client(path).status_code, client(path).json()) == (404, {"error": "Record not found."})


def test_a_nested_route_that_aha_does_not_support_answers_500(client: Client) -> None:
    assert client("/products/DEMO/release_phases").status_code == 500


def test_every_commented_record_has_its_comments_and_a_detail_route(client: Client) -> None:
    [comment] = client.rows(f"/features/{FEATURE}/comments")
    assert client(f"/comments/{comment['id']}").json()["comment"] == comment
    assert comment["id"] in {row["id"] for row in client.rows("/products/DEMO/comments")}


def test_a_workspaces_comments_are_not_in_id_order_and_may_leave_out_ideas(switched: Client) -> None:
    rows = switched.rows("/products/DEMO/comments")
    ids = [row["id"] for row in rows]
    assert ids != sorted(map(str, ids))
    switched.box.world.behaviour = Behaviour(workspace_comments=False)
    kinds = {row["commentable"]["type"] for row in switched.rows("/products/DEMO/comments")}  # type: ignore[index]
    assert {"Feature", "StrategicImperative", "Annotation", "Task"} <= kinds
    assert "Ideas::Idea" not in kinds


def test_a_vote_is_found_under_its_own_idea_only(client: Client) -> None:
    vote = client.rows("/ideas/endorsements")[0]
    assert client(f"/ideas/{vote['idea_id']}/endorsements/{vote['id']}").status_code == 200
    other = next(row["id"] for row in client.rows("/ideas") if row["id"] != vote["idea_id"])
    assert client(f"/ideas/{other}/endorsements/{vote['id']}").status_code == 404


def test_votes_of_one_idea_take_no_time_filter_and_votes_of_the_account_do(client: Client) -> None:
    vote = client.rows("/ideas/endorsements")[0]
    late = {"updated_since": "2030-01-01T00:00:00Z"}
    assert client.rows(f"/ideas/{vote['idea_id']}/endorsements", **late)
    assert client.rows("/ideas/endorsements", **late) == []


@pytest.mark.parametrize(
    ("path", "params", "fewer"),
    [
        ("/products/DEMO/releases", {"exclude_shipped": "true"}, 1),
        ("/products", {"with_idea_portals": "true"}, 1),
        ("/initiatives", {"only_active": "true"}, 2),
        ("/idea_organizations", {"segment": "Enterprise"}, 2),
        ("/idea_organizations", {"email_domain": "acme.example.com"}, 2),
        ("/idea_users", {"email": "person3@example.com"}, 1),
        ("/idea_users", {"updated_since": "2025-02-10T00:00:00Z"}, 5),
        ("/idea_users", {"idea_portal_id": "7300000000000015001"}, 40),
        ("/tasks", {"type": "Approval"}, 0),
        ("/audits", {"associated_type": "Release", "associated_id": "7300000000000019003"}, 1),
        ("/audits", {"auditable_type": "Ideas::Idea"}, 1),
    ],
)
def test_a_documented_filter_leaves_rows_out(
    path: str, params: dict[str, str], fewer: int, client: Client
) -> None:
    assert len(client.rows(path, **params)) == fewer


def test_a_filter_finer_than_a_millisecond_is_compared_exactly(switched: Client) -> None:
    row = switched.rows("/ideas")[0]
    moment = f"{str(row['created_at'])[:-1]}500Z"
    assert row["id"] in {found["id"] for found in switched.rows("/ideas", created_before=moment)}
    switched.box.world.behaviour = Behaviour("inclusive")
    changed = f"{str(row['updated_at'])[:-1]}500Z"
    assert row["id"] not in {found["id"] for found in switched.rows("/ideas", updated_since=changed)}


def test_a_page_above_200_may_be_refused(switched: Client) -> None:
    switched.box.world.behaviour = Behaviour(per_page_over_200="refuse")
    assert [switched("/ideas", per_page=size).status_code for size in ("200", "201")] == [200, 400]


def test_teams_are_workspaces_that_must_be_asked_for(client: Client) -> None:
    prefixes = [row["reference_prefix"] for row in client.rows("/products")]
    assert prefixes[:3] == ["OLD", "DEMO", "LINE"]
    assert len(client.rows("/products", include_teams="true")) == len(prefixes) + 1


@pytest.mark.parametrize(
    ("sort", "key"), [("recent", "created_at"), ("trending", "updated_at"), ("popular", "votes")]
)
def test_ideas_can_be_sorted_in_three_ways(sort: str, key: str, client: Client) -> None:
    values = [row[key] for row in client.rows("/ideas", sort=sort, fields=key)]
    assert values == sorted(values, reverse=True)  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("path", "extra"),
    [
        ("/ideas", "watchers"),
        ("/idea_users", "title"),
        ("/idea_users", "phone"),
        ("/idea_users", "portal_users"),
        ("/idea_organizations", "record_links"),
        ("/idea_organizations", "segments"),
    ],
)
def test_an_extra_is_shown_only_when_it_is_named(path: str, extra: str, client: Client) -> None:
    assert extra not in client.rows(path, fields="*")[0]
    assert extra in client.rows(path, fields=f"*,{extra}")[-1]


@pytest.mark.parametrize("counted", ["internal", "portal", "both"])
def test_which_comments_an_idea_counts_is_a_switch(counted: str, switched: Client) -> None:
    world = switched.box.world
    world.behaviour = Behaviour(comments_counted=counted)
    kinds = {"internal": ["comment"], "portal": ["idea_comment"], "both": ["comment", "idea_comment"]}
    for row in switched.rows("/ideas", fields="comments_count"):
        where = "kind = ? AND parent = ?"
        found = sum(world.store.count([Condition(where, (kind, row["id"]))]) for kind in kinds[counted])
        assert row["comments_count"] == found


def test_a_401_may_be_json(switched: Client) -> None:
    switched.box.world.behaviour = Behaviour(refusal="json")
    answer = requests.get(f"{switched.box.url}/api/v1/ideas", timeout=5)
    assert (answer.status_code, answer.json()) == (401, {"error": "Unauthorized"})


def test_a_method_that_a_route_does_not_know_is_refused_with_the_sandboxs_time(client: Client) -> None:
    headers = {"Authorization": f"Bearer {client.box.api_key}"}
    answer = requests.delete(f"{client.box.url}/api/v1/ideas", headers=headers, timeout=5)
    assert (answer.status_code, answer.headers["Date"][:16]) == (405, "Sat, 01 Nov 2025")
