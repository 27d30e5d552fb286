"""The deploy command as a process, in a clone, against a stand-in workspace."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from community_connector.cli import main

from tests.deploy.serving import running_workspace
from tests.deploy.vocabulary import COMMUNITY
from tests.deploy.workspace import TOKEN, Workspace

ROOT = Path(__file__).parents[2]
URL = "https://github.com/example/aha-lakeflow-connector"
SSH_URL = "git@github.com:example/aha-lakeflow-connector"
NAME = "community-connector"
MERGED = "connector/_generated_aha_python_source.py"
KEY = "aha-api-key-0123456789abcdef"
OPTIONS = {"api_key": KEY, "subdomain": "very-secret-company"}

# What ran, or with `wait=False` what runs.
Run = Callable[..., Any]


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    with running_workspace() as found:
        yield found


@pytest.fixture
def connection(workspace: Workspace) -> None:
    """A connection for pipelines to read through."""
    workspace.connections["my_aha"] = {"name": "my_aha", "options": {}, "connection_type": COMMUNITY}


def git(place: Path, *arguments: str) -> None:
    who = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    subprocess.run(["git", *who, *arguments], cwd=place, check=True, capture_output=True)


@pytest.fixture(scope="session")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of a small repository with the merged file, and beside it the `origin.git` it is pushed to."""
    place = tmp_path_factory.mktemp("deploy")
    clone = place / "clone"
    (clone / "connector").mkdir(parents=True)
    shutil.copy(ROOT / MERGED, clone / MERGED)
    shutil.copy(ROOT / "connector_spec.yaml", clone)
    git(place, "init", "--quiet", "--bare", "origin.git")
    git(clone, "init", "--quiet", "--initial-branch=main")
    git(clone, "add", ".")
    git(clone, "commit", "--quiet", "-m", "all")
    git(clone, "remote", "add", "origin", SSH_URL)
    git(clone, "push", "--quiet", str(place / "origin.git"), "main", "main:refs/heads/release")
    return clone


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Options that name the connector's wheel, built here, and a stand-in for the framework's."""
    place = tmp_path_factory.mktemp("wheels")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)]
    subprocess.run(build, cwd=ROOT / "tools" / "connector_wheel", check=True, capture_output=True)
    [made] = place.glob("lakeflow_community_connectors_aha-*.whl")
    framework = place / "lakeflow_community_connectors-0.0.0-py3-none-any.whl"
    with zipfile.ZipFile(framework, "w") as archive:
        archive.writestr("databricks/labs/community_connector/sparkpds/__init__.py", "")
    return ("--wheel", str(made), "--framework-wheel", str(framework))


@pytest.fixture
def clone(pushed: Path, tmp_path: Path) -> Path:
    """A clone that a test may change."""
    shutil.copytree(pushed.parent, tmp_path / "deploy")
    return tmp_path / "deploy" / "clone"


@pytest.fixture
def run(workspace: Workspace, clone: Path) -> Run:
    """Run `community-connector` with arguments; `status` is what it must exit with.

    Within this process, which takes a tenth of the time; as a process of its own where it is not waited for,
    or where `apart` says so.
    """

    def run_command(
        *arguments: Any,
        status: int = 0,
        stdin: str | None = None,
        wait: bool = True,
        apart: bool = False,
        **variables: str | None,
    ) -> Any:
        environment: dict[str, str | None] = {
            "PATH": os.environ["PATH"],
            "HOME": str(clone.parent),
            "DATABRICKS_HOST": workspace.url,
            "DATABRICKS_TOKEN": TOKEN,
            "AHA_OPTIONS": json.dumps(OPTIONS),
            # Where git looks instead of the network.
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": f"url.{clone.parent / 'origin.git'}.insteadOf",
            "GIT_CONFIG_VALUE_0": URL,
            "GIT_CONFIG_KEY_1": f"url.{clone.parent / 'origin.git'}.insteadOf",
            "GIT_CONFIG_VALUE_1": SSH_URL,
            **variables,
        }
        given = {key: value for key, value in environment.items() if value is not None}
        words = [*map(str, arguments)]
        command = [str(Path(sys.executable).parent / "community-connector"), *words]
        if not wait:
            pipe = subprocess.PIPE
            return subprocess.Popen(command, cwd=clone, env=given, text=True, stdout=pipe, stderr=pipe)
        done: Any
        if apart:
            done = subprocess.run(
                command, cwd=clone, env=given, input=stdin, capture_output=True, text=True, timeout=60
            )
            code = done.returncode
        else:
            with contextlib.chdir(clone):
                done = CliRunner().invoke(
                    main, words, env={**dict.fromkeys(os.environ), **given}, input=stdin, prog_name=NAME
                )
            code = done.exit_code
            assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        told = done.stdout + done.stderr
        assert code == status, told
        assert "Traceback" not in told
        assert KEY not in told
        assert TOKEN not in told
        return done

    return run_command
