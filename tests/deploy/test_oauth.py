"""A connection with OAuth: one person agrees in the browser, and nobody sees a token."""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import yaml

from tests.deploy.conftest import KEY, Run
from tests.deploy.workspace import Workspace

CREATE = ("create_connection", "aha", "my_aha", "-o", "env:APP", "--auth", "oauth")
SECRET, CODE = "client-secret-0123456789", "authorization-code-0123456789"
APP = {"client_id": "client-1", "client_secret": SECRET, "subdomain": "acme"}
# Stands for a browser: goes where it is told, and follows.
BROWSER = """
import sys, urllib.request
urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1], timeout=10).read()
"""


@contextmanager
def authorization_server(answer: dict[str, str]) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Aha!'s side: notes what it is asked, and sends the browser back with `answer`."""
    asked: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
            asked.append(query | {"path": urlsplit(self.path).path})
            back = {"state": query["state"]} | answer
            self.send_response(302)
            self.send_header("Location", f"{query['redirect_uri']}/?{urlencode(back)}")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing to say."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def browser(clone: Path) -> str:
    script = clone.parent / "browser.py"
    script.write_text(BROWSER)
    return f"{sys.executable} {script} %s"


def point_to(url: str, clone: Path) -> None:
    """Let the connector's spec name the stand-in in the place of Aha!."""
    spec = clone / "connector_spec.yaml"
    spec.write_text(spec.read_text().replace("https://{subdomain}.aha.io", f"{url}/{{subdomain}}"))


def test_a_person_agrees_in_the_browser_and_the_connection_gets_the_grant(
    run: Run, workspace: Workspace, clone: Path, browser: str
) -> None:
    with authorization_server({"code": CODE}) as (url, asked):
        point_to(url, clone)
        done = run(*CREATE, APP=json.dumps(APP), BROWSER=browser, apart=True)
    [question] = asked
    assert question["path"] == "/acme/oauth/authorize"
    assert (question["response_type"], question["client_id"]) == ("code", "client-1")
    # Aha! has no scopes.
    assert "scope" not in question
    options = workspace.connections["my_aha"]["options"]
    assert {
        name: options[name] for name in options if name not in ("externalOptionsAllowList", "sourceName")
    } == {
        "subdomain": "acme",
        "community_oauth_flow": "u2m",
        "client_id": "client-1",
        "client_secret": SECRET,
        "authorization_endpoint": f"{url}/acme/oauth/authorize",
        "token_endpoint": f"{url}/acme/oauth/token",
        "authorization_code": CODE,
        "oauth_redirect_uri": question["redirect_uri"],
    }
    assert workspace.connections["my_aha"]["connection_type"] == "COMMUNITY"
    assert SECRET not in done.stdout + done.stderr
    assert CODE not in done.stdout + done.stderr


ANSWERS = [
    ({"error": "access_denied"}, (), "Nothing was granted (access_denied)"),
    ({"state": "another", "code": CODE}, ("--oauth-timeout", "1"), "Nobody agreed within 1 s"),
]


@pytest.mark.parametrize(("answer", "more", "says"), ANSWERS)
def test_a_refusal_or_an_answer_that_is_not_ours_makes_no_connection(
    answer: dict[str, str],
    more: tuple[str, ...],
    says: str,
    run: Run,
    workspace: Workspace,
    clone: Path,
    browser: str,
) -> None:
    with authorization_server(answer) as (url, _):
        point_to(url, clone)
        told = run(*CREATE, *more, status=1, APP=json.dumps(APP), BROWSER=browser, apart=True).stderr
    assert says in told
    assert CODE not in told
    assert workspace.connections == {}


WRONG = [
    ({"subdomain": "acme"}, "`client_id` and `client_secret` missing. Register an application"),
    ({**APP, "api_key": KEY}, "`api_key` goes with a connection without OAuth"),
    ({"client_id": "x", "client_secret": SECRET}, "`subdomain` missing"),
]


@pytest.mark.parametrize(("given", "says"), WRONG)
def test_what_an_application_lacks_is_told_before_the_browser_opens(
    given: dict[str, str], says: str, run: Run, workspace: Workspace
) -> None:
    assert says in run(*CREATE, status=2, APP=json.dumps(given)).stderr
    assert workspace.log == []


def test_without_oauth_a_key_is_needed_and_the_other_way_is_named(run: Run) -> None:
    told = run("create_connection", "aha", "x", "-o", '{"subdomain": "acme"}', status=2).stderr
    assert "`api_key` is missing (or --auth oauth)" in told


def test_a_port_that_is_taken_is_told(run: Run, workspace: Workspace) -> None:
    port = workspace.url.rpartition(":")[2]
    told = run(*CREATE, "--redirect-port", port, status=2, APP=json.dumps(APP)).stderr
    assert f"--redirect-port {port} cannot be used: Address already in use" in told


def test_who_connects_and_says_nothing_does_not_keep_the_answer_away(
    run: Run, workspace: Workspace, clone: Path
) -> None:
    # Browsers open a second connection in advance, and leave it idle.
    script = clone.parent / "browser.py"
    idle = "import socket; s = urllib.parse.urlsplit(query['redirect_uri'][0]); "
    idle += "keep = socket.create_connection((s.hostname, s.port))"
    before = "import sys, urllib.parse\nquery = urllib.parse.parse_qs(sys.argv[1].partition('?')[2])\n"
    script.write_text(f"{before}{idle}\n{BROWSER}")
    browser = f"{sys.executable} {script} %s"
    with authorization_server({"code": CODE}) as (url, _):
        point_to(url, clone)
        run(*CREATE, "--oauth-timeout", 20, APP=json.dumps(APP), BROWSER=browser, apart=True)
    assert workspace.connections["my_aha"]["options"]["authorization_code"] == CODE


def test_nobody_is_asked_to_agree_where_the_connection_is_there_already(
    run: Run, workspace: Workspace
) -> None:
    workspace.connections["my_aha"] = {"name": "my_aha", "options": {}}
    done = run(*CREATE, APP=json.dumps(APP))
    assert "status: exists" in done.stdout
    assert "Agree in the browser" not in done.stderr


def test_a_connection_with_oauth_is_updated_after_somebody_agreed_anew(
    run: Run, workspace: Workspace, clone: Path, browser: str
) -> None:
    workspace.connections["my_aha"] = {"name": "my_aha", "options": {}}
    with authorization_server({"code": CODE}) as (url, _):
        point_to(url, clone)
        again = ("update_connection", *CREATE[1:])
        assert CODE not in run(*again, APP=json.dumps(APP), BROWSER=browser, apart=True).stderr
    options = workspace.connections["my_aha"]["options"]
    assert (options["authorization_code"], options["sourceName"]) == (CODE, "aha")
    assert "track_deletes" in options["externalOptionsAllowList"]


ADDRESSES = [
    ("https://{subdomain}.aha.io/{client_secret}", "puts `client_secret` into an address"),
    ("https://{subdomain}.aha.io/}", "is no https address with names in braces"),
    ("https://{subdomain.__class__}.aha.io/", "is no https address with names in braces"),
    ("http://{subdomain}.aha.io/", "is no https address with names in braces"),
    ("file:///etc/hosts#{subdomain}", "is no https address with names in braces"),
]


@pytest.mark.parametrize("which", ["authorization_url", "token_url"])
@pytest.mark.parametrize(("address", "says"), ADDRESSES)
def test_an_address_of_somebody_elses_spec_takes_no_secret_anywhere(
    which: str, address: str, says: str, run: Run, workspace: Workspace, clone: Path
) -> None:
    spec = yaml.safe_load((clone / "connector_spec.yaml").read_text())
    spec["connection"]["oauth"][which] = address
    (clone / "connector_spec.yaml").write_text(yaml.safe_dump(spec))
    assert says in run(*CREATE, status=2, APP=json.dumps(APP)).stderr
    assert workspace.log == []


@pytest.mark.parametrize("subdomain", ["acme.example.com/", "a/b", "{client_secret}", "a b"])
def test_what_stands_in_an_address_is_a_name_alone(subdomain: str, run: Run, workspace: Workspace) -> None:
    told = run(*CREATE, status=2, APP=json.dumps(APP | {"subdomain": subdomain})).stderr
    assert "`subdomain` stands in an address: give its first part alone" in told
    assert workspace.log == []
