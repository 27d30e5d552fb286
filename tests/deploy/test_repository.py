"""The clone, and what Databricks can check out: refused before anything is sent, or told."""

import os
import shutil
from pathlib import Path

import pytest
from community_connector.repository import https_address

from tests.deploy.conftest import MERGED, ROOT, SSH_URL, URL, Run, git
from tests.deploy.pipelines import CREATE
from tests.deploy.workspace import Workspace

pytestmark = pytest.mark.usefixtures("connection")


def test_a_branch_that_holds_another_file_is_refused(run: Run, workspace: Workspace, clone: Path) -> None:
    with (clone / MERGED).open("a") as file:
        file.write("# not pushed\n")
    told = run(*CREATE, status=2).stderr
    assert f"Branch `main` of {URL} holds another {MERGED} than this clone: push what you tested." in told
    assert workspace.log == []
    run(*CREATE, "--skip-checks")


def test_a_branch_that_is_not_pushed_is_refused(run: Run, clone: Path) -> None:
    git(clone, "checkout", "--quiet", "-b", "mine")
    assert f"Branch `mine` of {URL} cannot be read. Push it" in run(*CREATE, status=2).stderr


def test_a_stale_merged_file_is_refused(run: Run, clone: Path) -> None:
    shutil.copytree(ROOT / "scripts", clone / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(
        ROOT / "connector",
        clone / "connector",
        ignore=shutil.ignore_patterns("__pycache__"),
        dirs_exist_ok=True,
    )
    run(*CREATE)
    with (clone / "connector" / "errors.py").open("a") as file:
        file.write("# changed\n")
    told = run("update_pipeline", "aha", "my_pipeline", status=2).stderr
    assert f"{MERGED} is stale. Run: nox -s build_artifact" in told


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://github.com/a/b", "expected https://HOST/OWNER/REPOSITORY"),
        ("https://user:word@github.com/a/b", "without credentials"),
        ("https://git.example.com/a/b", "git.example.com is none of github.com"),
    ],
)
def test_a_repository_that_databricks_could_not_read_is_refused(url: str, says: str, run: Run) -> None:
    told = run(*CREATE, "--repo-url", url, status=2).stderr
    assert says in told
    assert "word" not in told


def test_a_source_whose_merged_file_is_not_here_is_refused(run: Run, clone: Path) -> None:
    git(clone, "rm", "--quiet", "--cached", MERGED)
    assert "must hold one committed _generated_aha_python_source.py" in run(*CREATE, status=2).stderr


def test_outside_a_clone_it_says_so(run: Run, clone: Path) -> None:
    shutil.rmtree(clone / ".git")
    assert "Run this in a clone of the connector." in run(*CREATE, status=2).stderr


def test_a_private_repository_needs_a_git_credential_and_that_is_told_before_anything_is_made(
    run: Run, workspace: Workspace, clone: Path
) -> None:
    # Only over ssh can anybody read it.
    private = {"GIT_CONFIG_KEY_0": f"url.{clone.parent / 'nothing.git'}.insteadOf"}
    told = run(*CREATE, status=2, **private).stderr
    assert f"{URL} is private, and the workspace has no Git credential of yours for gitHub" in told
    assert "databricks git-credentials create gitHub" in told
    assert workspace.files == {}
    workspace.credentials = [{"git_provider": "gitHub"}]
    assert "status: created" in run(*CREATE, **private).stdout


def test_a_tag_can_be_deployed(run: Run, workspace: Workspace, clone: Path) -> None:
    assert "Tag `v1` of" in run(*CREATE, "--tag", "v1", status=2).stderr
    git(clone, "tag", "v1")
    git(clone, "push", "--quiet", str(clone.parent / "origin.git"), "v1")
    run(*CREATE, "--tag", "v1")
    assert workspace.repos[1]["tag"] == "v1"


ADDRESSES = [
    ("git@github.com:o/r.git", "https://github.com/o/r.git"),
    ("ssh://git@github.com:22/o/r", "https://github.com/o/r"),
    ("ssh://git@github.com/o/r", "https://github.com/o/r"),
    ("https://org@dev.azure.com/org/project/_git/r", "https://dev.azure.com/org/project/_git/r"),
    ("git@ssh.dev.azure.com:v3/org/project/r", "https://dev.azure.com/org/project/_git/r"),
    ("ssh://git@ssh.dev.azure.com:22/v3/org/project/r", "https://dev.azure.com/org/project/_git/r"),
    ("org@vs-ssh.visualstudio.com:v3/org/project/r", "https://dev.azure.com/org/project/_git/r"),
    ("https://team@bitbucket.org/team/r.git", "https://bitbucket.org/team/r.git"),
    ("https://token@github.com/o/r", "https://token@github.com/o/r"),
    ("https://gitlab.com/o/sub/r", "https://gitlab.com/o/sub/r"),
]


def test_a_repository_that_cannot_be_reached_from_here_is_left_to_databricks(
    run: Run, clone: Path, workspace: Workspace
) -> None:
    # A company's network often lets git through to none but its own hosts.
    elsewhere = {"GIT_CONFIG_KEY_0": "url.https://127.0.0.1:9/.insteadOf", "GIT_CONFIG_VALUE_0": URL}
    run(*CREATE, "--skip-checks", **elsewhere)
    assert not [request for request in workspace.asked if "git-credentials" in request]


def test_a_provider_that_the_host_is_not_is_refused(run: Run) -> None:
    told = run(*CREATE, "--provider", "gitLab", status=2).stderr
    assert "--provider: github.com is gitHub, and not gitLab." in told


@pytest.mark.parametrize(("url", "address"), ADDRESSES)
def test_a_clones_address_becomes_the_one_that_databricks_takes(url: str, address: str) -> None:
    assert https_address(url) == address


def test_a_provider_that_is_none_is_refused_and_an_origin_is_not_called_an_option(
    run: Run, clone: Path
) -> None:
    assert "is not one of 'gitHub'" in run(*CREATE, "--provider", "notAProvider", status=2).stderr
    git(clone, "remote", "set-url", "origin", "https://user:word@github.com/a/b")
    told = run(*CREATE, status=2).stderr
    assert "This clone's origin: expected https://HOST/OWNER/REPOSITORY, without credentials" in told
    assert "--repo-url" not in told


def test_in_a_repository_of_several_connectors_the_one_of_this_folder_is_meant_and_checked(
    run: Run, workspace: Workspace, clone: Path
) -> None:
    inner = clone / "connectors" / "ähä"
    inner.mkdir(parents=True)
    shutil.copytree(ROOT / "scripts", inner / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "connector", inner / "connector", ignore=shutil.ignore_patterns("__pycache__"))
    git(clone, "rm", "--quiet", "-r", "connector")
    git(clone, "add", ".")
    git(clone, "commit", "--quiet", "-m", "moved")
    git(clone, "push", "--quiet", str(clone.parent / "origin.git"), "main")
    run(*CREATE)
    assert workspace.repos[1]["sparse_checkout"] == {"patterns": ["connectors/ähä/connector"]}
    with (inner / "connector" / "errors.py").open("a") as file:
        file.write("# changed\n")
    told = run("update_pipeline", "aha", "my_pipeline", status=2).stderr
    assert "is stale" in told


def test_a_merged_file_at_the_top_of_a_repository_is_checked_out_with_all_of_it(
    run: Run, workspace: Workspace, clone: Path
) -> None:
    git(clone, "mv", MERGED, ".")
    git(clone, "commit", "--quiet", "-m", "moved")
    git(clone, "push", "--quiet", str(clone.parent / "origin.git"), "main")
    run(*CREATE)
    assert "sparse_checkout" not in workspace.repos[1]


def test_a_clone_is_looked_at_as_its_own_configuration_says(run: Run, clone: Path) -> None:
    git(clone, "config", f"url.{clone.parent / 'origin.git'}.insteadOf", SSH_URL)
    run(*CREATE, "--dry-run", GIT_CONFIG_COUNT="0")


def test_no_user_of_an_address_stands_among_the_arguments_of_git(run: Run, clone: Path) -> None:
    trace = clone.parent / "trace"
    address = "https://secretname@dev.azure.com/org/project/_git/r"
    git(clone, "remote", "set-url", "origin", address)
    where = {"GIT_CONFIG_VALUE_0": "https://dev.azure.com/org/project/_git/r"}
    run(*CREATE, **where, GIT_TRACE=str(trace))
    assert "fetch" in trace.read_text()
    assert "secretname" not in trace.read_text()


def test_a_folder_whose_name_is_no_utf_8_is_refused(run: Run, workspace: Workspace, clone: Path) -> None:
    folder = os.fsdecode(os.fsencode(clone) + b"/con\xe9")
    try:
        Path(folder).mkdir()
    except OSError:
        pytest.skip("this file system takes no such name")
    git(clone, "mv", MERGED, folder)
    assert "the name of its folder is no UTF-8" in run(*CREATE, status=2).stderr
    assert workspace.log == []
