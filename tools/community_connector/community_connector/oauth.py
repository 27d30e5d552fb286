"""OAuth, user to machine: one person agrees in the browser, and the connection gets the grant.

The workspace exchanges the code for tokens and renews them: here, none is ever seen.
"""

import re
import secrets
import threading
import webbrowser
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode

import click

from community_connector.errors import InputError, ServiceError

APP = ("client_id", "client_secret")
PAGE = "<!DOCTYPE html><title>community-connector</title><p>{said} You can close this window.</p>"
FLOW = "u2m"
NAMED = r"\{([A-Za-z_]\w*)\}"


def require_application(oauth: Mapping[str, Any] | None, given: Mapping[str, Any]) -> None:
    """Raises InputError if the connector has no OAuth, or the application's identity cannot be used."""
    if not oauth or oauth.get("flow") != FLOW:
        raise InputError("This connector has no OAuth for one user: leave out --auth oauth.")
    texts = {name: value for name, value in given.items() if isinstance(value, str) and value.strip()}
    missing = [name for name in (*APP, *_names_in(oauth)) if name not in texts]
    if missing:
        raise InputError(
            f"--options: {' and '.join(f'`{name}`' for name in missing)} missing. Register an application "
            "with the source, and for it the redirect address http://127.0.0.1:PORT (see --redirect-port)."
        )
    if oauth.get("pkce"):
        raise InputError("This connector's OAuth asks for PKCE, which this command does not have.")
    for url in ("authorization_url", "token_url"):
        text = re.sub(NAMED, "x", str(oauth[url]))
        if re.search(r"[{}\s#]", text) or not re.match(r"https://|http://127\.0\.0\.1[:/]", text):
            raise InputError(f"The connector spec's {url} is no https address with names in braces.")
    if hidden := sorted({*APP} & {*_names_in(oauth)}):
        raise InputError(f"The connector spec puts `{hidden[0]}` into an address: that would show it.")
    for name in _names_in(oauth):
        if not re.fullmatch(r"[A-Za-z0-9-]+", texts[name]):
            raise InputError(f"--options: `{name}` stands in an address: give its first part alone.")


def endpoints(oauth: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, str]:
    """What a connection with OAuth says of the source's side."""
    authorize, token = (
        re.sub(NAMED, lambda found: str(given[found[1]]), str(oauth[name]))
        for name in ("authorization_url", "token_url")
    )
    return {
        "community_oauth_flow": FLOW,
        "authorization_endpoint": authorize,
        "token_endpoint": token,
        **{name: str(given[name]) for name in APP},
    }


def grant(oauth: Mapping[str, Any], given: Mapping[str, Any], port: int, seconds: float) -> dict[str, str]:
    """The options of a connection with OAuth, after somebody agreed in the browser.

    Raises:
        ServiceError: nobody agreed in time, or nothing was granted.
    """
    made, scopes = endpoints(oauth, given), str(oauth.get("scopes") or "")
    with Redirect(port) as redirect:
        authorize = made["authorization_endpoint"]
        code = redirect.wait_for_code(authorize, str(given["client_id"]), scopes, seconds)
    made |= {"authorization_code": code, "oauth_redirect_uri": redirect.address}
    return made | ({"oauth_scope": scopes} if scopes else {})


def _names_in(oauth: Mapping[str, Any]) -> list[str]:
    """Options that stand in the endpoints as `{name}`."""
    return sorted(set(re.findall(NAMED, f"{oauth['authorization_url']} {oauth['token_url']}")))


class Redirect:
    """A server on loopback that waits for the browser to come back.

    Args:
        port: 0 takes a free one.
    """

    def __init__(self, port: int) -> None:
        self._state, self._came = secrets.token_urlsafe(24), threading.Event()
        self._answer: dict[str, str] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            # Who connects and says nothing, as browsers do, holds nobody up.
            timeout = 10

            def do_GET(self) -> None:
                content = PAGE.format(said=outer.take(self.path)).encode()
                try:
                    self.send_response(200)
                    self.send_header("Content-Type", "text/html; charset=utf-8")
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                finally:
                    # After the page, which would break off where the command ends; but also without it.
                    outer.end()

            def log_message(self, *_: Any) -> None:
                """A request's line holds the code."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                """Whoever else connects here may break off."""

        try:
            self._server = Server(("127.0.0.1", port), Handler)
        except OSError as error:
            raise InputError(f"--redirect-port {port} cannot be used: {error.strerror}.") from None
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Redirect":
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take(self, path: str) -> str:
        """Keep an answer to our question; others, from whatever page, count for nothing."""
        answer = {key: values[0] for key, values in parse_qs(path.partition("?")[2]).items()}
        if not secrets.compare_digest(answer.get("state", "").encode(), self._state.encode()):
            return "This is no answer to community-connector's question."
        self._answer = answer
        return "Thank you." if "code" in answer else "Nothing was granted."

    def end(self) -> None:
        """End the waiting, if our question was answered."""
        if self._answer:
            self._came.set()

    def wait_for_code(self, authorize: str, client_id: str, scopes: str, seconds: float) -> str:
        """Open the browser, and wait until somebody agreed; raises ServiceError."""
        asked = {"response_type": "code", "client_id": client_id, "redirect_uri": self.address}
        asked |= {"state": self._state} | ({"scope": scopes} if scopes else {})
        address = f"{authorize}{'&' if '?' in authorize else '?'}{urlencode(asked)}"
        click.echo(f"Agree in the browser; if none opens, go to:\n{address}", err=True)
        # Some browsers are waited for until they end.
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        if not self._came.wait(seconds):
            raise ServiceError(
                f"Nobody agreed within {seconds:.0f} s. Run it again; --oauth-timeout waits longer."
            )
        if "code" not in self._answer:
            code = self._answer.get("error", "no code")
            told = code if code.isascii() and code.replace("_", "").isalpha() else "refused"
            raise ServiceError(f"Nothing was granted ({told}).")
        return self._answer["code"]
