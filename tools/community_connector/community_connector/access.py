"""The way into a workspace: whose it is, and whether it can be reached, said at once and with the cause."""

import configparser
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from community_connector.errors import InputError, ServiceError

NO_WAY = (
    "No way into a Databricks workspace was found. Set DATABRICKS_HOST and DATABRICKS_TOKEN, or run "
    "`databricks auth login` and name its --profile."
)
RETRY_SECONDS, CONNECT_SECONDS, READ_SECONDS = 60, 10, 15
LOOPBACK = ("localhost", "127.0.0.1", "::1")
VARIABLES = {"DATABRICKS_HOST", "DATABRICKS_TOKEN"}
# How a profile may say who it is, beside a token.
WAYS = (
    "token",
    "client_id",
    "client_secret",
    "auth_type",
    "azure_client_id",
    "username",
    "google_credentials",
)


def open_client(profile: str | None) -> Any:
    """The SDK's client, for a workspace that answers.

    Raises:
        InputError: nothing says which workspace, or as whom.
        ServiceError: it cannot be reached; says why.
    """
    if profile and VARIABLES & set(os.environ):
        raise InputError("--profile and DATABRICKS_HOST or _TOKEN are both given: unset those.")
    if profile:
        host = _require_profile(profile)
        _require_plain(host, "The profile's host")
    else:
        host = os.environ.get("DATABRICKS_HOST", "")
        _require_plain(host, "DATABRICKS_HOST")
    # Before the SDK: it asks the host for its configuration, and again and again.
    if host:
        reach(_with_scheme(host))
    # The SDK takes longer to import than all else together, and --help should not wait for it.
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.config import Config

    try:
        config = Config(profile=profile, retry_timeout_seconds=RETRY_SECONDS)
        client = WorkspaceClient(config=config)
    except (ValueError, configparser.Error) as error:
        raise InputError(_cause_of_no_way(str(error))) from None
    if re.search(r"[^\x21-\x7e]", config.token or ""):
        where = "The profile's token" if profile else "DATABRICKS_TOKEN"
        raise InputError(f"{where} holds a character that no header can: a line end?")
    if not host:
        reach(_with_scheme(config.host or ""))
    # A redirect would carry the connection's options to another host.
    client.api_client._api_client._session.max_redirects = 0
    return client


def _require_profile(name: str) -> str:
    """A profile's host; raises InputError if the profile is not there, or says too little."""
    path = Path(os.environ.get("DATABRICKS_CONFIG_FILE", "~/.databrickscfg")).expanduser()
    parser = configparser.ConfigParser(interpolation=None, default_section="")
    try:
        if not parser.read(path, encoding="utf-8"):
            raise InputError(f"--profile {name}: there is no {path.name}. Make it: databricks auth login.")
    except (configparser.Error, UnicodeDecodeError) as error:
        line = getattr(error, "lineno", None)
        at = f", line {line}" if line else ""
        raise InputError(f"--profile {name}: {path.name} is no configuration file{at}.") from None
    if name not in parser:
        known = ", ".join(parser.sections()) or "none"
        raise InputError(f"--profile {name}: {path.name} has no such profile. There are: {known}.")
    if not parser[name].get("host"):
        raise InputError(f"--profile {name}: it has no `host` in {path.name}.")
    if not any(parser[name].get(way) for way in WAYS):
        raise InputError(
            f"--profile {name}: it has no `token` in {path.name}. Log in: databricks auth login."
        )
    return parser[name]["host"]


def _cause_of_no_way(said: str) -> str:
    """Why the SDK finds no way in; its own words where something is set that it cannot use."""
    given = [name for name in sorted(VARIABLES) if os.environ.get(name)]
    if len(given) == 1:
        [missing] = VARIABLES - set(given)
        return f"{given[0]} is set, and {missing} is not. Set both, or name a --profile."
    reason = re.sub(r"\s+", " ", said.partition(" Config:")[0]).strip()
    token = os.environ.get("DATABRICKS_TOKEN")
    plain = (
        reason and not (token and token in reason) and "cannot configure default credentials" not in reason
    )
    return f"{NO_WAY} What is set cannot be used: {reason[:300]}" if plain else NO_WAY


def _with_scheme(host: str) -> str:
    return host if "://" in host else f"https://{host}"


def _require_plain(host: str, what: str) -> None:
    """Raises InputError for an address that is more than a workspace's."""
    try:
        parts = urlsplit(_with_scheme(host))
        known = bool(parts.hostname or not host) and (parts.port is None or parts.port > 0)
    except ValueError:
        known = False
    if not known:
        raise InputError(f"{what} is no address: give the workspace's, https://HOST.")
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username:
        raise InputError(f"{what} is the workspace's address alone, https://HOST: leave out what follows it.")
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise InputError(f"{what}: the token would travel in clear: give the address with https://.")


def reach(host: str) -> None:
    """One quick request, because the SDK would try for minutes and then tell only that.

    Raises:
        ServiceError: with the cause: the name, the certificate, the proxy, or nobody there.
    """
    name = urlsplit(host).hostname or host
    try:
        requests.get(
            f"{host}/.well-known/databricks-config",
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            allow_redirects=False,
            stream=True,
        ).close()
    except requests.exceptions.ProxyError:
        proxy = requests.utils.get_environ_proxies(host)
        shown = urlsplit(next(iter(proxy.values()), "")).hostname or "the proxy"
        raise ServiceError(
            f"{shown}, the proxy to {name}, does not answer: look at HTTPS_PROXY and NO_PROXY."
        ) from None
    except requests.exceptions.SSLError as error:
        reason = re.search(r"certificate verify failed: ([a-zA-Z -]+)", str(error))
        raise ServiceError(
            f"The certificate of {name} is not trusted ({reason[1].strip() if reason else 'TLS failed'}). If "
            "your network has an authority of its own, name its file in REQUESTS_CA_BUNDLE."
        ) from None
    except requests.exceptions.Timeout:
        raise ServiceError(
            f"{name} does not answer within {CONNECT_SECONDS} s: is it the workspace's address?"
        ) from None
    except (requests.exceptions.RequestException, HTTPError, ValueError) as error:
        text = str(error)
        known = {
            "Name or service not known": "no such name",
            "getaddrinfo": "no such name",
            "refused": "Connection refused",
        }
        reason_text = next((said for part, said in known.items() if part in text), type(error).__name__)
        raise ServiceError(f"{name} cannot be reached: {reason_text}.") from None
