"""OAuth, user to machine: one person agrees in the browser, and the connection gets the grant.

The workspace exchanges the code for tokens and renews them: here, none is ever seen.
"""

import secrets
import threading
import time
import webbrowser
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import click

from community_connector.errors import InputError, ServiceError

APP = ("client_id", "client_secret")
PAGE = "<!DOCTYPE html><title>community-connector</title><p>{said} You can close this window.</p>"
FLOW = "u2m"


def oauth_options(
    oauth: Mapping[str, Any] | None, given: Mapping[str, Any], port: int, seconds: float
) -> dict[str, str]:
    """The options of a connection with OAuth, after somebody agreed in the browser.

    Raises:
        InputError: the connector has no OAuth, or the application's identity is missing.
        ServiceError: nobody agreed in time, or the answer is not of our question.
    """
    if not oauth or oauth.get("flow") != FLOW:
        raise InputError("This connector has no OAuth for one user: leave out --auth oauth.")
    missing = [name for name in (*APP, *_names_in(oauth)) if not str(given.get(name, "")).strip()]
    if missing:
        raise InputError(
            f"--options: {' and '.join(f'`{name}`' for name in missing)} missing. Register an application "
            "with the source, and for it the redirect address http://127.0.0.1:PORT (see --redirect-port)."
        )
    authorize, token = (str(oauth[name]).format(**given) for name in ("authorization_url", "token_url"))
    scopes = str(oauth.get("scopes") or "")
    with Redirect(port) as redirect:
        code = redirect.wait_for_code(authorize, str(given["client_id"]), scopes, seconds)
    made = {
        "community_oauth_flow": FLOW,
        "authorization_endpoint": authorize,
        "token_endpoint": token,
        "authorization_code": code,
        "oauth_redirect_uri": redirect.address,
        **{name: str(given[name]) for name in APP},
    }
    return made | ({"oauth_scope": scopes} if scopes else {})


def _names_in(oauth: Mapping[str, Any]) -> list[str]:
    """Options that stand in the endpoints as `{name}`."""
    text = f"{oauth['authorization_url']} {oauth['token_url']}"
    return sorted({part.partition("}")[0] for part in text.split("{")[1:]})


class Redirect:
    """A server on loopback that waits for the browser to come back.

    Args:
        port: 0 takes a free one.
    """

    def __init__(self, port: int) -> None:
        self._state = secrets.token_urlsafe(24)
        self._answer: dict[str, str] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                said = outer._take(
                    {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
                )
                content = PAGE.format(said=said).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """A request's line holds the code."""

        try:
            self._server = HTTPServer(("127.0.0.1", port), Handler)
        except OSError as error:
            raise InputError(f"--redirect-port {port} cannot be used: {error.strerror}.") from None
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Redirect":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.server_close()

    def _take(self, answer: dict[str, str]) -> str:
        """Keep an answer to our question; others, from whatever page, count for nothing."""
        if not secrets.compare_digest(answer.get("state", ""), self._state):
            return "This is no answer to community-connector's question."
        self._answer = answer
        return "Thank you." if "code" in answer else "Nothing was granted."

    def wait_for_code(self, authorize: str, client_id: str, scopes: str, seconds: float) -> str:
        """Open the browser, and wait until somebody agreed; raises ServiceError."""
        asked = {"response_type": "code", "client_id": client_id, "redirect_uri": self.address}
        asked |= {"state": self._state} | ({"scope": scopes} if scopes else {})
        address = f"{authorize}?{urlencode(asked)}"
        click.echo(f"Agree in the browser; if none opens, go to:\n{address}", err=True)
        # Some browsers are waited for until they end.
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        deadline = time.monotonic() + seconds
        while not self._answer and (left := deadline - time.monotonic()) > 0:
            self._server.timeout = min(left, 1.0)
            self._server.handle_request()
        if not self._answer:
            raise ServiceError(
                f"Nobody agreed within {seconds:.0f} s. Run it again; --oauth-timeout waits longer."
            )
        if "code" not in self._answer:
            code = self._answer.get("error", "no code")
            raise ServiceError(
                f"Nothing was granted ({code if code.replace('_', '').isalpha() else 'refused'})."
            )
        return self._answer["code"]
