"""The workspace's REST API: requests sent, or in a dry run printed, and no secret shown either way."""

import json
import re
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import click
import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.config import Config
from databricks.sdk.errors import NotFound, PermissionDenied, Unauthenticated
from databricks.sdk.errors.base import DatabricksError

from community_connector.errors import InputError, NotThereError, ServiceError

Json = dict[str, Any]
ADVICE = {
    Unauthenticated: "Check DATABRICKS_TOKEN, or log in again: databricks auth login.",
    PermissionDenied: "Ask an administrator of the workspace for the right to do this.",
}
RETRY_SECONDS, SHORTEST = 120, 6


class Service:
    """A workspace.

    Args:
        profile: of ~/.databrickscfg; None for the SDK's own search.
        dry_run: print requests instead of sending them.
        debug: tell each request and its status on standard error.
        secrets: values that must appear in no output.
    """

    def __init__(
        self, profile: str | None, *, dry_run: bool = False, debug: bool = False, secrets: Iterable[str] = ()
    ) -> None:
        self.dry_run, self._debug, self._profile = dry_run, debug, profile
        # A value of a few letters would blot out words that have nothing to do with it.
        self._secrets = sorted({value for value in secrets if len(value) >= SHORTEST}, key=len, reverse=True)
        self._client: WorkspaceClient | None = None

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
        """The answer to one request; in a dry run `stand_in`, and `shown` or `body` is printed.

        Raises:
            NotThereError, ServiceError: it was refused, or no answer came.
        """
        if self.dry_run:
            asked = f"?{'&'.join(f'{key}={value}' for key, value in query.items())}" if query else ""
            sent = json.dumps(shown or body, ensure_ascii=False) if body else ""
            click.echo(self.mask(f"{method} {path}{asked} {sent}".rstrip()))
            return stand_in or {}
        started = time.monotonic()
        status = "failed"
        try:
            answer = self.client.api_client.do(method, path, query=query, body=body)
            status = "ok"
        except DatabricksError as error:
            status = error.error_code or type(error).__name__
            raise self._refused(method, path, error) from None
        except (requests.RequestException, TimeoutError, OSError) as error:
            reason = self.mask(str(error)) or type(error).__name__
            raise ServiceError(f"{method} {path} got no usable answer: {reason}") from None
        finally:
            if self._debug:
                took = time.monotonic() - started
                click.echo(f"debug: {method} {path} {status} after {took:.1f} s", err=True)
        return answer if isinstance(answer, dict) else {}

    def find(self, path: str, query: Json | None = None) -> Json | None:
        """The answer to a GET, or None where nothing is; in a dry run nothing is anywhere."""
        try:
            return self.send("GET", path, query=query) or None
        except NotThereError:
            return None

    @property
    def client(self) -> WorkspaceClient:
        if self._client is None:
            try:
                config = Config(profile=self._profile, retry_timeout_seconds=RETRY_SECONDS)
                self._client = WorkspaceClient(config=config)
            except ValueError as error:
                reason = self.mask(str(error).splitlines()[0])
                raise InputError(
                    f"No way into a Databricks workspace was found ({reason}). Set DATABRICKS_HOST and "
                    "DATABRICKS_TOKEN, or run `databricks auth login` and name its --profile."
                ) from None
        return self._client

    def mask(self, text: str) -> str:
        for secret in self._secrets:
            for form in (secret, json.dumps(secret)[1:-1], quote(secret, safe="")):
                text = text.replace(form, "***")
        return text

    def _refused(self, method: str, path: str, error: DatabricksError) -> ServiceError:
        kind = NotThereError if isinstance(error, NotFound) else ServiceError
        advice = next((text for cls, text in ADVICE.items() if isinstance(error, cls)), "")
        reason = re.sub(r"\s+", " ", self.mask(str(error))).strip().rstrip(".") or type(error).__name__
        return kind(
            f"{method} {path} was refused ({error.error_code or 'no code'}): {reason}. {advice}".rstrip()
        )
