"""Fetching a connector's spec from a repository or an address."""

import re
import time

import requests
from urllib3.exceptions import HTTPError

from community_connector.errors import InputError

TIMEOUT_SECONDS, LARGEST = 15, 1_000_000


def spec_url(url: str, file: str) -> str:
    """The address of the spec's text: `url` itself, or the file at the root of a repository."""
    repository = re.fullmatch(r"https://(github\.com|gitlab\.com)/([\w.-]+/[\w.-]+?)(\.git)?/?", url)
    if repository and repository[1] == "github.com":
        return f"https://raw.githubusercontent.com/{repository[2]}/HEAD/{file}"
    if repository:
        return f"https://gitlab.com/{repository[2]}/-/raw/HEAD/{file}"
    if re.fullmatch(r"(https://[\w.-]+(:\d+)?|http://(127\.0\.0\.1|localhost)(:\d+)?)/[\w./~-]*\.ya?ml", url):
        return url
    raise InputError("--spec: expected a repository at github.com or gitlab.com, or a https address of YAML.")


def fetch(url: str) -> str:
    """What stands at an address, within bounds of size and time; raises InputError."""
    content, deadline = b"", time.monotonic() + TIMEOUT_SECONDS
    try:
        with requests.get(url, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True) as answer:
            for chunk in answer.iter_content(8192):
                content += chunk
                if len(content) > LARGEST or time.monotonic() > deadline:
                    raise InputError(f"--spec: {url} is too large, or too slow, to be a spec.")
    except (requests.RequestException, HTTPError, ValueError) as error:
        raise InputError(f"--spec: {url} does not answer ({type(error).__name__}).") from None
    if answer.status_code != 200:
        raise InputError(f"--spec: {url} answered {answer.status_code}, and no spec. Is it public?")
    return content.decode(errors="replace")
