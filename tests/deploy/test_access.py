"""The way into a workspace: what cannot be used or reached is told at once, with its cause."""

import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.deploy.conftest import OPTIONS, Run
from tests.deploy.serving import running_workspace
from tests.deploy.workspace import TOKEN, Workspace

CREATE = ("create_connection", "aha", "my_aha")


def test_debug_tells_requests_and_no_secret(run: Run) -> None:
    done = run(*CREATE, "-o", "env:AHA_OPTIONS", "--debug")
    assert "debug: POST /api/2.1/unity-catalog/connections ok" in done.stderr


def test_a_service_that_quotes_the_key_does_not_get_it_printed(run: Run, workspace: Workspace) -> None:
    workspace.faults["POST /api/2.1/unity-catalog/connections"] = [400]
    done = run(*CREATE, "-o", "env:AHA_OPTIONS", "--debug", status=1)
    assert "was refused (INVALID_PARAMETER_VALUE): its message is withheld" in done.stderr
    assert OPTIONS["subdomain"] not in done.stderr


def test_a_service_that_quotes_a_header_does_not_get_it_printed(run: Run, workspace: Workspace) -> None:
    workspace.refusal = "Your header was Bearer issued-to-a-principal-0123."
    told = run("show_pipeline", "x", "--debug", status=1).stderr
    assert "its message is withheld" in told
    assert "issued-to-a-principal" not in told


def test_a_redirect_takes_no_option_to_another_host(run: Run, workspace: Workspace) -> None:
    with running_workspace() as other:
        workspace.redirect = other.url
        done = run(*CREATE, "-o", "env:AHA_OPTIONS", status=1)
        assert "is DATABRICKS_HOST the workspace's own address?" in done.stderr
        assert [path for _, path, _ in other.log if "connections" in path] == []


def test_a_token_that_no_header_can_hold_is_refused_and_not_shown(run: Run) -> None:
    done = run(*CREATE, "-o", "env:AHA_OPTIONS", status=2, DATABRICKS_TOKEN=f"{TOKEN}\r")
    assert "DATABRICKS_TOKEN holds a character that no header can" in done.stderr


def test_a_profile_does_not_lose_silently_to_variables(run: Run, workspace: Workspace) -> None:
    done = run(*CREATE, "-o", "env:AHA_OPTIONS", "--profile", "prod", status=2)
    assert "are both given: unset those" in done.stderr
    assert workspace.log == []


def test_a_profile_is_used_where_no_variable_is_set(run: Run, workspace: Workspace, clone: Path) -> None:
    (clone.parent / ".databrickscfg").write_text(f"[prod]\nhost = {workspace.url}\ntoken = {TOKEN}\n")
    none = {"DATABRICKS_HOST": None, "DATABRICKS_TOKEN": None}
    run(*CREATE, "-o", "env:AHA_OPTIONS", "--profile", "prod", **none)
    assert "my_aha" in workspace.connections
    told = run(*CREATE, "-o", "env:AHA_OPTIONS", "--profile", "other", status=2, **none).stderr
    assert "--profile other: .databrickscfg has no such profile. There are: prod." in told


PROFILES = [
    (None, "there is no .databrickscfg"),
    ("host = x", ".databrickscfg is no configuration file, line 1"),
    ("[prod]\ntoken = t\n", "it has no `host`"),
    ("[prod]\nhost = https://x.example.com\n", "it has no `token`"),
    ("[prod]\nhost = https://x.example.com/path?o=123\ntoken = t\n", "leave out what follows it"),
    ("[dev]\nhost = https://x.example.com\ntoken = t\n", "has no such profile. There are: dev"),
]


@pytest.mark.parametrize(("text", "says"), PROFILES)
def test_a_profile_that_cannot_be_used_is_told_with_the_cause(
    text: str | None, says: str, run: Run, clone: Path
) -> None:
    if text is not None:
        (clone.parent / ".databrickscfg").write_text(text)
    none = {"DATABRICKS_HOST": None, "DATABRICKS_TOKEN": None}
    told = run(*CREATE, "-o", "env:AHA_OPTIONS", "--profile", "prod", status=2, **none).stderr
    assert told.startswith("Error: --profile prod: ") or told.startswith("Error: The profile's host")
    assert says in told


def test_half_of_the_variables_is_told(run: Run) -> None:
    told = run(*CREATE, "-o", "env:AHA_OPTIONS", status=2, DATABRICKS_TOKEN=None).stderr
    assert "DATABRICKS_HOST is set, and DATABRICKS_TOKEN is not" in told


@pytest.mark.parametrize("more", ["/some/path", "?o=123", "/?o=123", "#x"])
def test_an_address_that_is_more_than_a_workspaces_is_refused(
    more: str, run: Run, workspace: Workspace
) -> None:
    told = run(*CREATE, "-o", "env:AHA_OPTIONS", status=2, DATABRICKS_HOST=workspace.url + more).stderr
    assert "DATABRICKS_HOST is the workspace's address alone, https://HOST" in told
    assert workspace.log == []


ADDRESSES = [
    ("http://dbc.example.com", "the token would travel in clear"),
    ("https://", "is no address"),
    ("https://dbc.example.com:port", "is no address"),
    ("https://[::1", "is no address"),
    ("https://user@dbc.example.com", "the workspace's address alone"),
]


@pytest.mark.parametrize(("host", "says"), ADDRESSES)
def test_an_address_that_is_none_or_is_not_safe_is_refused(host: str, says: str, run: Run) -> None:
    told = run(*CREATE, "-o", "env:AHA_OPTIONS", status=2, DATABRICKS_HOST=host).stderr
    assert says in told


def test_a_certificate_that_nobody_trusts_a_dead_proxy_and_a_missing_name_are_told_at_once(
    run: Run, clone: Path
) -> None:
    with untrusted(clone.parent) as host:
        told = run(*CREATE, "-o", "env:AHA_OPTIONS", status=1, DATABRICKS_HOST=host).stderr
        assert "The certificate of localhost is not trusted (self-signed certificate" in told
        assert "REQUESTS_CA_BUNDLE" in told
    proxied = {"DATABRICKS_HOST": "https://x.example.com", "HTTPS_PROXY": "http://127.0.0.1:9"}
    told = run(*CREATE, "-o", "env:AHA_OPTIONS", status=1, **proxied).stderr
    assert "127.0.0.1, the proxy to x.example.com, does not answer" in told


@contextmanager
def untrusted(place: Path) -> Iterator[str]:
    """A server whose certificate it signed itself."""
    files = ("-keyout", str(place / "key.pem"), "-out", str(place / "cert.pem"))
    form = ("-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost")
    subprocess.run(["openssl", "req", *form, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place / "cert.pem", place / "key.pem")
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"https://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_host_that_is_not_there_is_told_at_once(run: Run) -> None:
    done = run(*CREATE, "-o", "env:AHA_OPTIONS", status=1, DATABRICKS_HOST="http://127.0.0.1:9")
    assert "127.0.0.1 cannot be reached: Connection refused" in done.stderr


@pytest.mark.parametrize("text", ['"x"', "[1]", "<html>"])
def test_an_answer_that_is_no_object_is_an_error(text: str, run: Run, workspace: Workspace) -> None:
    workspace.raw = text
    told = run(*CREATE, "-o", "env:AHA_OPTIONS", status=1).stderr
    assert "was refused" in told or "answered no JSON object" in told


def test_a_rate_limit_is_waited_out(run: Run, workspace: Workspace) -> None:
    workspace.faults["POST /api/2.1/unity-catalog/connections"] = [429]
    run(*CREATE, "-o", "env:AHA_OPTIONS")
    assert workspace.asked.count("POST /api/2.1/unity-catalog/connections") == 2


def test_without_credentials_it_says_how_to_give_them(run: Run) -> None:
    done = run(*CREATE, "-o", "env:AHA_OPTIONS", status=2, DATABRICKS_TOKEN="", DATABRICKS_HOST="")
    assert "Set DATABRICKS_HOST and DATABRICKS_TOKEN" in done.stderr
