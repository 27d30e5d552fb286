"""The workspace's REST API: requests sent, or in a dry run noted, and no secret shown either way."""

import configparser
import logging
import os
import re
import socket
import time
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import click

from community_connector.errors import InputError, NotThereError, ServiceError

Json = dict[str, Any]
# The SDK's classes of errors, and what to do about each.
ADVICE = {
    "Unauthenticated": "Check DATABRICKS_TOKEN, or log in again: databricks auth login.",
    "PermissionDenied": "Ask an administrator of the workspace for the right to do this.",
    "TooManyRedirects": "It sends requests elsewhere: is DATABRICKS_HOST the workspace's own address?",
}
# The SDK warns of workspaces that do not tell their configuration, and at lower levels shows bodies.
logging.getLogger("databricks.sdk").setLevel(logging.ERROR)
NO_WAY = (
    "No way into a Databricks workspace was found. Set DATABRICKS_HOST and DATABRICKS_TOKEN, or run "
    "`databricks auth login` and name its --profile."
)
RETRY_SECONDS, CONNECT_SECONDS = 60, 10


class Service:
    """A workspace, by a profile of ~/.databrickscfg or (None) as the SDK finds it.

    A dry run notes requests in `noted` and sends none; `debug` tells each on standard error.
    """

    def __init__(self, profile: str | None, *, dry_run: bool = False, debug: bool = False) -> None:
        self.dry_run, self._debug, self._profile = dry_run, debug, profile
        self.noted: list[Json] = []
        self._client: Any = None

    def send(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        query: Json | None = None,
        shown: Json | None = None,
        stand_in: Json | None = None,
    ) -> Json:
        """The answer, in a dry run `stand_in`; raises ServiceError. `shown` is a body without its secrets."""
        if self.dry_run:
            noted = {"method": method, "path": path, "query": query, "body": shown or body}
            self.noted.append({key: value for key, value in noted.items() if value})
            return stand_in or {}
        started, status, client = time.monotonic(), "ok", self.client
        try:
            answer = client.api_client.do(method, path, query=query, body=body)
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            # Errors of the SDK and of requests are OSErrors; an odd answer makes it raise the others.
            status = type(error).__name__
            raise self._refused(f"{method} {path}", error, secret=shown is not None) from None
        finally:
            if self._debug:
                click.echo(f"debug: {method} {path} {status}, {time.monotonic() - started:.1f} s", err=True)
        if not isinstance(answer, dict):
            raise ServiceError(f"{method} {path} answered no JSON object. Is DATABRICKS_HOST a workspace?")
        return answer

    def find(self, path: str, query: Json | None = None) -> Json | None:
        """The answer to a GET, or None where nothing is; in a dry run nothing is anywhere."""
        try:
            return self.send("GET", path, query=query) or None
        except NotThereError:
            return None

    @property
    def client(self) -> Any:
        """The SDK's client; raises InputError or ServiceError if it cannot be made."""
        if self._client is None:
            if self._profile and {"DATABRICKS_HOST", "DATABRICKS_TOKEN"} & set(os.environ):
                raise InputError("--profile and DATABRICKS_HOST or _TOKEN are both given: unset those.")
            # The SDK takes longer to import than all else together, and --help should not wait for it.
            from databricks.sdk import WorkspaceClient
            from databricks.sdk.config import Config

            try:
                _reach(os.environ.get("DATABRICKS_HOST", ""))
                config = Config(profile=self._profile, retry_timeout_seconds=RETRY_SECONDS)
                client = WorkspaceClient(config=config)
            except (ValueError, configparser.Error):
                raise InputError(NO_WAY) from None
            if re.search(r"[^\x21-\x7e]", config.token or ""):
                raise InputError("DATABRICKS_TOKEN holds a character that no header can: a line end?")
            _reach(config.host)
            # A redirect would carry the connection's options to another host.
            client.api_client._api_client._session.max_redirects = 0
            self._client = client
        return self._client

    def _refused(self, request: str, error: Exception, *, secret: bool) -> ServiceError:
        classes = [cls.__name__ for cls in type(error).__mro__]
        kind = NotThereError if "NotFound" in classes else ServiceError
        advice = next((ADVICE[name] for name in classes if name in ADVICE), "")
        code = getattr(error, "error_code", None) or type(error).__name__
        reason = re.sub(r"\s+", " ", str(error)).strip().rstrip(".") or "no reason was given"
        if secret or (self._client.config.token or "\n") in reason:
            # A service may quote what it was sent, in any form of quoting.
            reason = "its message is withheld, for it may quote a secret"
        return kind(f"{request} was refused ({code}): {reason}. {advice}".rstrip())


def field(answer: Json, *path: str) -> Any:
    """What stands at a path of an answer; raises ServiceError if nothing does."""
    found: Any = answer
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    if found is None:
        raise ServiceError(f"The workspace's answer has no `{'.'.join(path)}`: nothing can be told from it.")
    return found


def _reach(host: str) -> None:
    """Fail at once where the SDK would try for minutes; a proxy reaches what this machine cannot."""
    parts = urlsplit(host if "://" in host else f"https://{host}")
    if not parts.hostname or getproxies():
        return
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname, port), CONNECT_SECONDS).close()
    except OSError as error:
        raise ServiceError(f"{parts.hostname} cannot be reached: {error.strerror or error}.") from None
