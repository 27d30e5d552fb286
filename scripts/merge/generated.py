"""Generated files that are committed: write one, or tell whether the committed one is right."""

import difflib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def write(path: Path, text: str) -> None:
    """Replace `path` and say what happened."""
    made = text.encode()
    was = path.read_bytes() if path.exists() else None
    path.write_bytes(made)
    print(f"{path.relative_to(ROOT)}: {'unchanged' if was == made else 'written'}")


def find_fault(path: Path, text: str, command: str) -> str | None:
    """Why the committed `path` is not `text` (with a diff), or None. Changes nothing."""
    name = path.relative_to(ROOT).as_posix()
    if not path.exists():
        return f"{name} is missing. Run: {command}"
    # Bytes, not text: a changed line ending is a change.
    found = path.read_bytes().decode("utf-8", errors="replace")
    if found != text:
        diff = difflib.unified_diff(
            found.splitlines(keepends=True),
            text.splitlines(keepends=True),
            f"{name} (committed)",
            f"{name} (from its sources)",
        )
        return f"{name} is stale. Run: {command}\n{''.join(diff)}"
    return _find_untracked(path, name)


def _find_untracked(path: Path, name: str) -> str | None:
    """Why git does not know `path`, which `git diff` would not say; None outside a checkout."""
    if not (ROOT / ".git").exists():
        return None
    command = ["git", "-C", str(ROOT), "ls-files", "--error-unmatch", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if "dubious ownership" in done.stderr:
            return (
                "git does not trust this clone, because it belongs to another user (as in a container). Run: "
                f"git config --global --add safe.directory {ROOT}"
            )
        if done.returncode:
            return f"{name} is not tracked by git, so it would not be deployed. Run: git add {name}"
        return None
    except FileNotFoundError:
        sys.exit("git was not found, and without it nobody can tell whether generated files are committed.")


def main(path: Path, text: str, command: str, arguments: list[str]) -> int:
    """Write `path`, or with `--check` compare it. Returns the exit code."""
    if arguments not in ([], ["--check"]):
        print(f"usage: python {Path(sys.argv[0]).name} [--check]", file=sys.stderr)
        return 2
    if not arguments:
        write(path, text)
        return 0
    fault = find_fault(path, text, command)
    print(fault or f"{path.relative_to(ROOT)}: fresh")
    return 1 if fault else 0
