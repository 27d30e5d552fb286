"""The commands: all there, and a Python that does not fit is one sentence."""

import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import nox.project
import pytest

from tests.places import ROOT

# What others script against (the README's table, and CI).
COMMANDS = {
    *(
        "ingest",
        "test",
        "record",
        "cassettes",
        "drift",
        "serve",
        "sandbox",
        "bench",
        "soak",
        "compat",
        "probe",
    ),
    *("build_artifact", "check_artifact", "build_wheel", "example", "lint", "typing"),
}


def test_every_command_is_there_and_says_what_it_does() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nox", "--list"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    lines = [line[2:].partition(" -> ") for line in done.stdout.splitlines() if line[:2] in ("- ", "* ")]
    assert {name.partition("-")[0].partition("(")[0] for name, _, _ in lines} == COMMANDS
    assert all(said for name, _, said in lines if not name.startswith("compat"))


@pytest.mark.parametrize("version", [(3, 10), (3, 14)])
def test_a_python_that_does_not_fit_is_one_sentence(
    version: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What nox does by its Python's version was done when it was imported.
    assert nox.project
    monkeypatch.setattr(sys, "version_info", version)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "noxfile.py"))
    assert str(ended.value).startswith(
        f"Python 3.{version[1]} does not run this project; 3.11, 3.12, 3.13 do."
    )
    assert "\n" not in str(ended.value)


@pytest.mark.parametrize(("code", "ends"), [("sys.exit(2)", 2), ("os.kill(os.getpid(), 9)", 137)])
def test_what_a_command_says_to_scripts_and_its_exit_code_come_through_nox(
    code: str, ends: int, tmp_path: Path
) -> None:
    aside = "print('aside', file=sys.stderr, flush=True)"
    said = f"import os, sys; print('for scripts', flush=True); {aside}; {code}"
    text = f"""
import runpy, sys
import nox

ours = runpy.run_path({str(ROOT / "noxfile.py")!r})

@nox.session(python=False)
def spoken(session):
    ours["run_and_exit"](session, sys.executable, "-c", {said!r})
"""
    (tmp_path / "noxfile.py").write_text(text)
    shutil.copyfile(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    done = subprocess.run(
        [sys.executable, "-m", "nox", "-s", "spoken"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout == "for scripts\n"
    assert "aside" in done.stderr
    assert done.returncode == ends
