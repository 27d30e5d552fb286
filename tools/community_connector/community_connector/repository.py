"""The clone that this command runs in, and whether its branch or tag holds the artifact that was tested."""

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from community_connector.errors import InputError, printable

# Databricks' names for kinds of repositories, and where the well-known ones are.
PROVIDERS = (
    *("gitHub", "gitHubEnterprise", "gitLab", "gitLabEnterpriseEdition", "bitbucketCloud", "bitbucketServer"),
    *("azureDevOpsServices", "awsCodeCommit"),
)
HOSTS = {
    "github.com": "gitHub",
    "gitlab.com": "gitLab",
    "bitbucket.org": "bitbucketCloud",
    "dev.azure.com": "azureDevOpsServices",
}
TIMEOUT_SECONDS = 120
MERGER = Path("scripts") / "merge_python_source.py"

AZURE_OLD = ".visualstudio.com"
# D: git rev-parse --local-env-vars; without those that only give configuration.
LOCAL = {
    *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_CONFIG", "GIT_DIR", "GIT_GRAFT_FILE"),
    *("GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_NAMESPACE", "GIT_NO_REPLACE_OBJECTS"),
    *("GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_REPLACE_REF_BASE", "GIT_SHALLOW_FILE", "GIT_WORK_TREE"),
    *("GIT_QUARANTINE_PATH", "GIT_INTERNAL_SUPER_PREFIX"),
}


@dataclass(frozen=True)
class Checkout:
    """What Databricks checks out.

    Attributes:
        root: the clone. artifact: the merged file's path in it.
        url, provider: the repository in Databricks' words. remote: as this clone reaches it.
        reference: the name of a `branch` or a `tag`, which `kind` says.
    """

    root: str
    artifact: str
    url: str
    provider: str
    reference: str
    kind: str = "branch"
    remote: str = ""

    @property
    def folder(self) -> str:
        return str(Path(self.artifact).parent)

    @property
    def described(self) -> str:
        return f"{self.kind.title()} `{self.reference}` of {self.url}"


def find_checkout(
    source: str, url: str | None, branch: str | None, provider: str | None, tag: str | None = None
) -> Checkout:
    """The merged file of a source, and where Databricks finds it; by default as the clone does."""
    root = _git(".", "rev-parse", "--show-toplevel", fault="Run this in a clone of the connector")
    name = f"_generated_{source}_python_source.py"
    found = _find_artifact(root, name)
    given = "--repo-url" if url else "This clone's origin"
    remote = url or _origin(root)
    address = https_address(remote)
    found_address = re.fullmatch(r"https://([A-Za-z0-9.-]+)(/[^\s?#/]+){2,}/?", address)
    if not found_address:
        raise InputError(f"{given}: expected https://HOST/OWNER/REPOSITORY, without credentials.")
    host = found_address[1].lower()
    provider = provider or HOSTS.get(host) or ("azureDevOpsServices" if host.endswith(AZURE_OLD) else None)
    if not provider:
        raise InputError(f"{given}: {host} is none of {', '.join(HOSTS)}: give --provider.")
    if HOSTS.get(host, provider) != provider:
        raise InputError(f"--provider: {host} is {HOSTS[host]}, and not {provider}.")
    if tag is not None and branch:
        raise InputError("Give --branch or --tag, not both.")
    if tag is not None:
        _git(root, "check-ref-format", f"refs/tags/{tag}", fault="--tag: no name of a tag")
        return Checkout(root, found, address, provider, tag, "tag", remote)
    fault = "No branch is checked out: give --branch or --tag"
    branch = branch or _git(root, "symbolic-ref", "--short", "HEAD", fault=fault)
    _git(root, "check-ref-format", "--branch", branch, fault="--branch: no name of a branch")
    return Checkout(root, found, address, provider, branch, "branch", remote)


def _origin(root: str) -> str:
    """The clone's origin as it is written down; where that is a shorthand, as git reads it."""
    fault = "This clone has no origin: give --repo-url"
    written = _git(root, "config", "--get", "remote.origin.url", fault=fault)
    if https_address(written).startswith("https://"):
        return written
    return _git(root, "remote", "get-url", "origin", fault=fault)


def find_artifact(source: str) -> Checkout:
    """The merged file of a source in this clone, whose repository nobody reads."""
    root = _git(".", "rev-parse", "--show-toplevel", fault="Run this in a clone of the connector")
    return Checkout(root, _find_artifact(root, f"_generated_{source}_python_source.py"), "", "", "")


def _find_artifact(root: str, name: str) -> str:
    """The path of the one committed merged file; below this folder, where a repository holds several."""
    listed = [path for path in _git(root, "ls-files", "-z", f"*{name}").split("\0") if path]
    here = Path.cwd().resolve()
    below = [path for path in listed if (Path(root).resolve() / path).is_relative_to(here)]
    found = below if len(listed) > 1 else listed
    if len(found) != 1:
        raise InputError(f"{root} must hold one committed {name}. Is it the source's name?")
    if found[0] != printable(found[0]):
        raise InputError(f"{printable(found[0])}: the name of its folder is no UTF-8.")
    return found[0]


def https_address(url: str) -> str:
    """A clone's address as Databricks takes it: over https, and without a user."""
    azure_ssh = r"(?:ssh\.dev\.azure|vs-ssh\.visualstudio)\.com"
    if azure := re.fullmatch(rf"(?:ssh://)?[\w.-]+@{azure_ssh}(?::\d+)?[:/]v3/([^/]+)/([^/]+)/(.+)", url):
        return f"https://dev.azure.com/{azure[1]}/{azure[2]}/_git/{azure[3]}"
    if ssh := re.fullmatch(r"ssh://(?:[\w.-]+@)?([^:/]+)(?::\d+)?/(.+)", url):
        return f"https://{ssh[1]}/{ssh[2]}"
    if ssh := re.fullmatch(r"[\w.-]+@([^:/]+):(.+)", url):
        return f"https://{ssh[1]}/{ssh[2]}"
    # Both offer addresses with the user's name in it; elsewhere it may be a token.
    if user := re.fullmatch(r"https://[\w.%-]+@((?:dev\.azure\.com|bitbucket\.org)/.+)", url):
        return f"https://{user[1]}"
    return url


def require_deployable(checkout: Checkout) -> None:
    """Raises InputError if the merged file is stale, or if the branch or tag holds another one."""
    require_fresh(checkout)
    what, tags = checkout.described, checkout.kind == "tag"
    reference = f"refs/{'tags' if tags else 'heads'}/{checkout.reference}"
    here = _git(checkout.root, "hash-object", "--", checkout.artifact)
    with tempfile.TemporaryDirectory() as place:
        _git(place, "init", "--quiet", "--bare")
        fault = f"{what} cannot be read. Push it, or go on without a look: --skip-checks"
        # As this clone reaches it: a private repository may be open to its ssh key alone. Not with the user
        # that an https address may hold: everybody sees a command's arguments.
        remote = checkout.url if checkout.remote.startswith("https:") else checkout.remote or checkout.url
        own = _own_configuration(checkout.root)
        _git(place, "fetch", "--quiet", "--depth=1", remote, reference, fault=fault, **own)
        fault = f"{what} has no {checkout.artifact}: commit and push it"
        there = _git(place, "rev-parse", f"FETCH_HEAD:{checkout.artifact}", fault=fault)
    if here != there:
        raise InputError(f"{what} holds another {checkout.artifact} than this clone: push what you tested.")


def require_fresh(checkout: Checkout) -> None:
    """Raises InputError if what the merged file is made of makes another one by now."""
    top, folder = Path(checkout.root), Path(checkout.root) / checkout.folder
    # In a repository of several connectors, each has its own sources beside it.
    homes = [
        place
        for place in (folder, *folder.parents)
        if place.is_relative_to(top) and (place / MERGER).exists()
    ]
    if not homes:
        return
    command = [sys.executable, "-m", "scripts.merge_python_source", "--check"]
    try:
        done = subprocess.run(command, cwd=homes[0], capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        raise InputError(f"The merged file was not checked within {TIMEOUT_SECONDS} s.") from None
    if done.returncode:
        fault = done.stdout.strip().split("\n")[0] or done.stderr.strip().split("\n")[-1]
        raise InputError(f"The merged file cannot be checked. {fault}" if not done.stdout else fault)


def is_public(checkout: Checkout) -> bool:
    """Whether anybody can read the repository, so that Databricks needs no Git credential for it."""
    anonymous = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_ASKPASS": "true", "GIT_SSH_COMMAND": "false"}
    try:
        with tempfile.TemporaryDirectory() as home:
            # Neither the user's configuration nor .netrc: Databricks has neither.
            nobody = {"HOME": home, "XDG_CONFIG_HOME": home, "GIT_CONFIG_GLOBAL": os.devnull}
            _git(home, "ls-remote", "--quiet", checkout.url, **anonymous, **nobody)
    except InputError as error:
        # What cannot be reached from here says nothing of what Databricks can read.
        return bool(re.search(r"resolve host|connect to|timed out|unreachable", error.message))
    return True


def _own_configuration(root: str) -> dict[str, str]:
    """How this clone reaches its remotes, as variables: its values may be secrets, which no argument is."""
    known = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    keys = r"^(url\.|http\.|credential\.|core\.sshcommand$)"
    try:
        listed = _git(root, "config", "--local", "-z", "--get-regexp", keys)
    except InputError:
        return {}
    pairs = [entry.partition("\n")[::2] for entry in listed.split("\0") if entry]
    own = {"GIT_CONFIG_COUNT": str(known + len(pairs))}
    for number, (key, value) in enumerate(pairs, known):
        own |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return own


def _git(place: str, *arguments: str, fault: str = "git failed", **variables: str) -> str:
    how: dict[str, Any] = {"capture_output": True, "text": True, "check": True, "timeout": TIMEOUT_SECONDS}
    try:
        # Where git itself runs this command, its variables name the repository that it works on.
        plain = {name: value for name, value in os.environ.items() if name not in LOCAL}
        quiet = {**plain, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8", **variables}
        done = subprocess.run(
            ["git", "-C", place, *arguments], env=quiet, encoding="utf-8", errors="surrogateescape", **how
        )
    except (FileNotFoundError, subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = getattr(error, "stderr", None)
        reason = (
            (said if isinstance(said, str) else "" if said is not None else str(error))
            .strip()
            .split("\n")[-1]
        )
        raise InputError(f"{fault}. ({reason})" if reason else f"{fault}.") from None
    return str(done.stdout).strip()
