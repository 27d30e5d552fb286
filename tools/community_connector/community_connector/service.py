"""The workspace's REST API: requests sent, or in a dry run noted, and no secret shown either way."""

import logging
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import click

from community_connector.access import open_client
from community_connector.errors import ExistsError, NotThereError, PassingError, ServiceError, printable
from community_connector.rights import right_for

Json = dict[str, Any]
# The SDK's classes of errors, and what to do about each.
ADVICE = {
    "Unauthenticated": "Check DATABRICKS_TOKEN, or log in again: databricks auth login.",
    "TooManyRedirects": "It sends requests elsewhere: is DATABRICKS_HOST the workspace's own address?",
}
DENIED, EXISTS = "PermissionDenied", "ResourceConflict"
# What the SDK's configuration keeps that nobody may see.
SECRETS = ("token", "password", "client_secret", "azure_client_secret", "google_credentials")
PASSING = (
    "InternalError",
    "TemporarilyUnavailable",
    "TooManyRequests",
    "DeadlineExceeded",
    "ConnectionError",
)
# The SDK warns of workspaces that do not tell their configuration, and at lower levels shows bodies.
logging.getLogger("databricks.sdk").setLevel(logging.ERROR)


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
        content: bytes | None = None,
    ) -> Json:
        """The answer, in a dry run `stand_in`; raises ServiceError. `shown` is a body without its secrets,
        `content` a file in the place of a body.
        """
        if self.dry_run:
            size = {"bytes": len(content)} if content is not None else None
            noted = {"method": method, "path": path, "query": query, "body": shown or body or size}
            self.noted.append({key: value for key, value in noted.items() if value})
            return stand_in or {}
        started, status, client = time.monotonic(), "ok", self.client
        how: Mapping[str, Any] = {"body": body}
        if content is not None:
            how = {"data": content, "headers": {"Content-Type": "application/octet-stream"}}
        try:
            answer = client.api_client.do(method, path, query=query, **how)
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            # Errors of the SDK and of requests are OSErrors; an odd answer makes it raise the others.
            status = type(error).__name__
            raise self._refused(f"{method} {path}", error, secret=shown is not None) from None
        finally:
            if self._debug:
                click.echo(f"debug: {method} {path} {status}, {time.monotonic() - started:.1f} s", err=True)
        if content is not None:
            return {}
        if not isinstance(answer, dict):
            raise ServiceError(f"{method} {path} answered no JSON object. Is DATABRICKS_HOST a workspace?")
        return answer

    def find(self, path: str, query: Json | None = None) -> Json | None:
        """The answer to a GET, or None where nothing is; in a dry run nothing is anywhere."""
        try:
            found = self.send("GET", path, query=query)
        except NotThereError:
            return None
        # An answer that is empty says that something is there.
        return None if self.dry_run else found

    def pages(self, path: str, query: Json, key: str, stand_in: Json | None = None) -> Iterator[Json]:
        """The objects under `key` of a list, page by page; raises ServiceError for pages without end."""
        seen: set[str] = set()
        while True:
            page = self.send("GET", path, query=query, stand_in=stand_in)
            yield from objects(page.get(key))
            token = page.get("next_page_token")
            if not token:
                return
            if str(token) in seen:
                raise ServiceError(f"GET {path} answers the same page again and again.")
            seen.add(str(token))
            query = query | {"page_token": token}

    @property
    def client(self) -> Any:
        """The SDK's client; raises InputError or ServiceError if it cannot be made."""
        if self._client is None:
            self._client = open_client(self._profile)
        return self._client

    @property
    def host(self) -> str:
        """The workspace's address, for a person to click."""
        return "https://WORKSPACE" if self.dry_run else str(self.client.config.host).rstrip("/")

    def _refused(self, request: str, error: Exception, *, secret: bool) -> ServiceError:
        classes = [cls.__name__ for cls in type(error).__mro__]
        kind = NotThereError if "NotFound" in classes else ServiceError
        kind = ExistsError if EXISTS in classes else kind
        if kind is ServiceError and set(PASSING) & set(classes):
            kind = PassingError
        advice = next((ADVICE[name] for name in classes if name in ADVICE), "")
        if DENIED in classes:
            advice = right_for(request) or "Ask an administrator of the workspace for the right to do this."
        code = getattr(error, "error_code", None) or type(error).__name__
        # The SDK puts its own configuration behind what the service says.
        said = str(error).partition(" Config: host=")[0]
        reason = re.sub(r"\s+", " ", said).strip().rstrip(".") or "no reason was given"
        config = self._client.config
        known = [str(value) for name in SECRETS if (value := getattr(config, name, None))]
        if secret or re.search(r"\b(Bearer|Basic) ", reason) or any(value in reason for value in known):
            # A service may quote what it was sent, in any form of quoting.
            reason = "its message is withheld, for it may quote a secret"
        reason = printable(reason)
        return kind(f"{request} was refused ({code}): {reason}. {advice}".rstrip())


def text_at(thing: Json, name: str) -> str | None:
    """A text of an answer; None where there is none, or something else."""
    value = thing.get(name)
    return value if isinstance(value, str) and value else None


def quoted(name: str) -> str:
    """A name as one part of a path."""
    return quote(name, safe="")


def objects(value: Any) -> list[Json]:
    """The JSON objects of a list in an answer; whatever else stands there is none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def mapping(value: Any) -> Json:
    """A JSON object in an answer, or an empty one."""
    return value if isinstance(value, dict) else {}


def field(answer: Json, *path: str) -> Any:
    """What stands at a path of an answer; raises ServiceError if nothing does."""
    found: Any = answer
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    if found is None:
        raise ServiceError(f"The workspace's answer has no `{'.'.join(path)}`: nothing can be told from it.")
    return found
