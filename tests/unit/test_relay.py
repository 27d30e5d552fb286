"""The relay: what a reader is told through it is what the account says, and nothing passes uncounted."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from connector.client import AhaClient
from connector.errors import AhaConnectionError, AhaServerError
from connector.options import Settings, parse_options
from sandbox.server import API_KEY, Sandbox
from scripts.lakehouse.relay import Relay, Traffic, relaying
from tests.conftest import FakeClock
from tests.scripted import scripted

FAST = 600_000


@pytest.fixture
def relay() -> Iterator[Relay]:
    with relaying(FAST) as found:
        yield found


def account_at(url: str) -> Settings:
    return parse_options({"api_key": API_KEY, "subdomain": "company", "base_url": url})


def get(url: str, **headers: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, headers=headers, allow_redirects=False, timeout=10)


@pytest.mark.parametrize(
    "path", ["/api/v1/ideas?per_page=2&page=3", "/api/v1/ideas?q=a%20b%2Fc%26d", "/api/v1/nothing"]
)
def test_an_answer_is_the_accounts_own_in_status_headers_and_body(
    path: str, sandbox: Sandbox, relay: Relay
) -> None:
    through = relay.open(account_at(sandbox.url), Traffic())
    mine = {"Authorization": f"Bearer {sandbox.api_key}"}
    direct, relayed = get(sandbox.url + path, **mine), get(through + path, **mine)
    assert (relayed.status_code, relayed.content) == (direct.status_code, direct.content)
    assert relayed.headers["Content-Type"] == direct.headers["Content-Type"]


def test_a_date_a_redirect_and_a_rate_limit_pass_as_they_came(relay: Relay) -> None:
    date = "Mon, 06 Oct 2025 09:00:00 GMT"
    answers = [
        (302, {"Location": "https://example.com", "Date": date}, ""),
        (429, {"Retry-After": "7"}, "{}"),
    ]
    with scripted(*answers) as script:
        traffic = Traffic()
        through = relay.open(account_at(script.url), traffic)
        moved, limited = get(through + "/api/v1/ideas"), get(through + "/api/v1/ideas")
    assert (moved.status_code, moved.headers["Location"]) == (302, "https://example.com")
    assert moved.headers["Date"] == date
    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "7")
    assert traffic.failed == {429: 1}


def test_a_netrc_entry_does_not_take_the_place_of_the_readers_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox, relay: Relay
) -> None:
    (tmp_path / "netrc").write_text("default login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    through = relay.open(account_at(sandbox.url), Traffic())
    assert get(f"{through}/api/v1/ideas", Authorization=f"Bearer {sandbox.api_key}").status_code == 200


def test_a_reader_without_a_key_gets_nothing(sandbox: Sandbox, relay: Relay) -> None:
    assert get(f"{relay.open(account_at(sandbox.url), Traffic())}/api/v1/ideas").status_code == 401


def test_the_connector_reads_through_it_lists_and_graphql(
    sandbox: Sandbox, relay: Relay, clock: FakeClock
) -> None:
    traffic = Traffic()
    client = AhaClient(account_at(relay.open(account_at(sandbox.url), traffic)), clock=clock)
    page = client.get("/ideas", {"per_page": "10"}).body
    assert traffic.sent == 1
    assert traffic.to_come == page["pagination"]["total_pages"] - 1
    ids = [row["id"] for row in page["ideas"]]
    query = "query($ids: [ID!]) { ideas(filters: {id: $ids}) { nodes { id } } }"
    assert "data" in client.query(query, {"ids": ids}, passing="").body or traffic.sent == 2
    assert traffic.sent == 2


def test_the_last_page_of_a_list_leaves_nothing_to_come(sandbox: Sandbox, relay: Relay) -> None:
    traffic = Traffic()
    client = AhaClient(account_at(relay.open(account_at(sandbox.url), traffic)))
    pages = client.get("/ideas", {"per_page": "50"}).body["pagination"]["total_pages"]
    for page in range(2, pages + 1):
        client.get("/ideas", {"per_page": "50", "page": str(page)})
        assert traffic.to_come == pages - page


def test_an_account_that_does_not_answer_is_named_and_asked_for_again(relay: Relay, clock: FakeClock) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        traffic = Traffic()
        client = AhaClient(account_at(relay.open(account_at(nobody), traffic)), clock=clock)
        with pytest.raises(AhaServerError, match=rf"{nobody} gave no answer \(ConnectionError: .*refused"):
            client.get("/ideas", {})
    assert traffic.failed == {0: 6}
    assert len(clock.waits) == 5


def test_nothing_passes_once_it_is_closed(sandbox: Sandbox, clock: FakeClock) -> None:
    traffic = Traffic()
    with relaying(FAST) as relay:
        client = AhaClient(account_at(relay.open(account_at(sandbox.url), traffic)), clock=clock)
        client.get("/ideas", {})
        relay.close()
        with pytest.raises(AhaServerError, match="The run has ended"):
            client.get("/ideas", {})
    with pytest.raises(AhaConnectionError):
        client.get("/ideas", {})
    assert traffic.sent == 1
