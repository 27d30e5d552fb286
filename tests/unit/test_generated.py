"""The artifact gate, tested by planting what it must catch, in a copy of the repository."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.merge.merging import SCRIPTS

ROOT = Path(__file__).parents[2]
MERGED = "connector/_generated_aha_python_source.py"
SPEC = "connector_spec.yaml"
MAKERS = {MERGED: "scripts.merge_python_source", SPEC: "scripts.generate_connector_spec"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small git checkout with the generated files, their sources and their makers."""
    for part in ("connector", "scripts"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / SPEC, tmp_path)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    return tmp_path


def git(directory: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=directory, check=True, capture_output=True)


def check(directory: Path, name: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", MAKERS[name], "--check"]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True)


@pytest.mark.parametrize("name", MAKERS)
def test_a_fresh_file_passes_the_check(name: str, checkout: Path) -> None:
    done = check(checkout, name)
    assert (done.returncode, done.stdout) == (0, f"{name}: fresh\n")


@pytest.mark.parametrize(
    ("name", "touched"),
    [
        (MERGED, "connector/client.py"),
        (MERGED, "connector/errors.py"),
        *((MERGED, f"scripts/merge/{path.name}") for path in SCRIPTS),
        (MERGED, MERGED),
        (SPEC, SPEC),
    ],
)
def test_a_touched_input_script_or_output_fails_the_check_with_a_diff(
    name: str, touched: str, checkout: Path
) -> None:
    with (checkout / touched).open("a") as file:
        file.write("# touched\n")
    before = (checkout / name).read_bytes()
    done = check(checkout, name)
    assert done.returncode == 1
    assert "is stale" in done.stdout
    assert "+++ " in done.stdout
    assert (checkout / name).read_bytes() == before


def test_a_changed_option_makes_the_spec_stale(checkout: Path) -> None:
    options = checkout / "connector/options.py"
    options.write_text(options.read_text().replace("API key of an Aha! user", "The key of an Aha! user"))
    done = check(checkout, SPEC)
    assert done.returncode == 1
    assert "+    description: The key of an Aha! user" in done.stdout


@pytest.mark.parametrize("name", MAKERS)
def test_a_missing_file_fails_the_check(name: str, checkout: Path) -> None:
    (checkout / name).unlink()
    done = check(checkout, name)
    assert (done.returncode, f"{name} is missing" in done.stdout) == (1, True)
    assert not (checkout / name).exists()


@pytest.mark.parametrize("name", MAKERS)
def test_an_untracked_file_fails_the_check(name: str, checkout: Path) -> None:
    git(checkout, "rm", "--cached", "--quiet", name)
    done = check(checkout, name)
    assert (done.returncode, "not tracked" in done.stdout) == (1, True)


def test_a_clone_of_another_user_is_said_to_be_one_and_not_untracked(checkout: Path) -> None:
    # What git does by itself where the owner of `.git` is another.
    other = {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}
    command = [sys.executable, "-m", MAKERS[MERGED], "--check"]
    done = subprocess.run(command, cwd=checkout, env=os.environ | other, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout.startswith("git does not trust this clone")
    assert f"git config --global --add safe.directory {checkout}" in done.stdout


def test_a_clone_with_windows_line_ends_is_fresh(tmp_path: Path) -> None:
    source, clone = tmp_path / "source", tmp_path / "clone"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if name.startswith(("connector", "scripts", "cassettes/sandbox/ideas", ".gitattributes")):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    git(source, "init", "--quiet")
    git(source, "add", ".")
    git(source, "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "--quiet", "-m", "all")
    git(tmp_path, "clone", "--quiet", "-c", "core.autocrlf=true", str(source), str(clone))
    assert check(clone, MERGED).stdout == f"{MERGED}: fresh\n"
    cassette = "cassettes/sandbox/ideas/one_page.json"
    assert (clone / cassette).read_bytes() == (ROOT / cassette).read_bytes()


def test_a_wrong_argument_is_a_usage_error(checkout: Path) -> None:
    command = [sys.executable, "-m", MAKERS[MERGED], "--chek"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
    assert (done.returncode, "usage:" in done.stderr) == (2, True)
