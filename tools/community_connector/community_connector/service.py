"""The workspace's REST API: requests sent, or in a dry run printed, and no secret shown either way."""

import json
import logging
import re
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import click

from community_connector.errors import InputError, NotThereError, ServiceError

Json = dict[str, Any]
# The SDK's classes of errors, and what to do about each.
ADVICE = {
    "Unauthenticated": "Check DATABRICKS_TOKEN, or log in again: databricks auth login.",
    "PermissionDenied": "Ask an administrator of the workspace for the right to do this.",
}
# The SDK warns of workspaces that do not tell their configuration, and at lower levels shows bodies.
logging.getLogger("databricks.sdk").setLevel(logging.ERROR)
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
        except (OSError, TimeoutError) as error:
            # All errors of the SDK and of requests are OSErrors.
            status = type(error).__name__
            raise self._refused(method, path, error) from None
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
    def client(self) -> Any:
        """The SDK's client.

        Raises:
            InputError: there are no credentials for any workspace.
        """
        if self._client is None:
            # The SDK takes longer to import than all else together, and --help should not wait for it.
            from databricks.sdk import WorkspaceClient
            from databricks.sdk.config import Config

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

    def _refused(self, method: str, path: str, error: Exception) -> ServiceError:
        classes = [cls.__name__ for cls in type(error).__mro__]
        kind = NotThereError if "NotFound" in classes else ServiceError
        advice = next((ADVICE[name] for name in classes if name in ADVICE), "")
        code = getattr(error, "error_code", None) or type(error).__name__
        reason = re.sub(r"\s+", " ", self.mask(str(error))).strip().rstrip(".") or "no reason was given"
        return kind(f"{method} {path} was refused ({code}): {reason}. {advice}".rstrip())
