"""The connector's wheel: built from the clone, of the merged file that was tested."""

import subprocess
import sys
import zipfile
from pathlib import Path

from community_connector.errors import InputError
from community_connector.repository import Checkout, require_fresh

PROJECT = Path("tools") / "connector_wheel"


def build_wheel(checkout: Checkout, into: Path) -> Path:
    """Build the wheel of a clone's merged file.

    Raises:
        InputError: the clone has no project for one, the merged file is stale, or the build failed.
    """
    require_fresh(checkout)
    folder = Path(checkout.root) / checkout.folder
    homes = [place for place in (folder, *folder.parents) if (place / PROJECT / "pyproject.toml").exists()]
    if not homes:
        raise InputError(f"There is no {PROJECT}/ in {checkout.root}: give --wheel.")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(into)]
    done = subprocess.run([*command, str(homes[0] / PROJECT)], capture_output=True, text=True, check=False)
    made = sorted(into.glob("*.whl"))
    if done.returncode or len(made) != 1:
        reason = done.stderr.strip().split("\n")[-1]
        raise InputError(f"The wheel cannot be built ({reason}). Give one that was: --wheel.")
    return made[0]


def wheel_of(given: str | None, checkout: Checkout, into: Path) -> Path:
    """The wheel that a user gave, or one that is built into a directory."""
    if given is None:
        return build_wheel(checkout, into)
    if not is_wheel(Path(given)):
        raise InputError(f"--wheel: {given} is no wheel.")
    return Path(given)


def is_wheel(path: Path) -> bool:
    return path.suffix == ".whl" and path.is_file() and zipfile.is_zipfile(path)
