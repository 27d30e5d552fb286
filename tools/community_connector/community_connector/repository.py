"""The clone that this command runs in, and whether its branch holds the artifact that was tested."""

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from community_connector.errors import InputError

PROVIDERS = {
    "github.com": "gitHub",
    "gitlab.com": "gitLab",
    "bitbucket.org": "bitbucketCloud",
    "dev.azure.com": "azureDevOpsServices",
}
TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class Checkout:
    """What Databricks checks out: the merged file's path in this clone, and the repository in its words."""

    root: str
    artifact: str
    url: str
    provider: str
    branch: str

    @property
    def folder(self) -> str:
        return str(Path(self.artifact).parent)


def find_checkout(source: str, url: str | None, branch: str | None, provider: str | None) -> Checkout:
    """The merged file of a source, and where Databricks finds it; by default as the clone does."""
    root = _git(".", "rev-parse", "--show-toplevel", fault="Run this in a clone of the connector")
    name = f"_generated_{source}_python_source.py"
    found = _git(root, "ls-files", f"*{name}").split("\n")
    if len(found) != 1 or not found[0]:
        raise InputError(f"{root} must hold one committed {name}. Is `{source}` the connector's source name?")
    url = url or _git(root, "remote", "get-url", "origin", fault="This clone has no origin: give --repo-url")
    if ssh := re.fullmatch(r"(?:ssh://)?git@([^:/]+)[:/](.+)", url):
        url = f"https://{ssh[1]}/{ssh[2]}"
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.username or parts.query:
        raise InputError("--repo-url: expected https://HOST/OWNER/REPOSITORY, without credentials.")
    provider = provider or PROVIDERS.get(parts.hostname)
    if not provider:
        raise InputError(f"--repo-url: {parts.hostname} is none of {', '.join(PROVIDERS)}: give --provider.")
    fault = "No branch is checked out: give --branch"
    branch = branch or _git(root, "symbolic-ref", "--short", "HEAD", fault=fault)
    _git(root, "check-ref-format", "--branch", branch, fault="--branch: no name of a branch")
    return Checkout(root, found[0], url, provider, branch)


def require_deployable(checkout: Checkout) -> None:
    """Raises InputError if the merged file is stale, or if the branch holds another one."""
    if (Path(checkout.root) / "scripts" / "merge_python_source.py").exists():
        command = [sys.executable, "-m", "scripts.merge_python_source", "--check"]
        done = subprocess.run(command, cwd=checkout.root, capture_output=True, text=True, check=False)
        if done.returncode:
            fault = done.stdout.strip().split("\n")[0] or done.stderr.strip().split("\n")[-1]
            raise InputError(f"The merged file cannot be checked. {fault}" if not done.stdout else fault)
    what, branch = f"Branch `{checkout.branch}` of {checkout.url}", f"refs/heads/{checkout.branch}"
    here = _git(checkout.root, "hash-object", checkout.artifact)
    with tempfile.TemporaryDirectory() as place:
        _git(place, "init", "--quiet", "--bare")
        fault = f"{what} cannot be read. Push it, or go on without a look: --skip-checks"
        _git(place, "fetch", "--quiet", "--depth=1", checkout.url, branch, fault=fault)
        fault = f"{what} has no {checkout.artifact}: commit and push it"
        there = _git(place, "rev-parse", f"FETCH_HEAD:{checkout.artifact}", fault=fault)
    if here != there:
        raise InputError(f"{what} holds another {checkout.artifact} than this clone: push what you tested.")


def _git(place: str, *arguments: str, fault: str = "git failed") -> str:
    how: dict[str, Any] = {"capture_output": True, "text": True, "check": True, "timeout": TIMEOUT_SECONDS}
    try:
        quiet = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
        done = subprocess.run(["git", "-C", place, *arguments], env=quiet, **how)
    except (FileNotFoundError, subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        reason = str(getattr(error, "stderr", "") or error).strip().split("\n")[-1]
        raise InputError(f"{fault}. ({reason})") from None
    return str(done.stdout).strip()
