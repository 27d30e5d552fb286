"""The connector's wheel: built from the clone, of the merged file that was tested."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

from community_connector.errors import InputError
from community_connector.repository import Checkout, require_fresh

BUILD_SECONDS = 300
SOURCES = "databricks/labs/community_connector/sources"
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
    command.append(str(homes[0] / PROJECT))
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS)
    except subprocess.TimeoutExpired:
        raise InputError(
            f"The wheel was not built within {BUILD_SECONDS} s. Give one that was: --wheel."
        ) from None
    made = sorted(into.glob("*.whl"))
    if done.returncode or len(made) != 1:
        reason = done.stderr.strip().split("\n")[-1]
        raise InputError(f"The wheel cannot be built ({reason}). Give one that was: --wheel.")
    return made[0]


def wheel_of(source: str, given: str | None, checkout: Checkout, into: Path) -> Path:
    """The wheel that a user gave, or one that is built into a directory."""
    wheel = build_wheel(checkout, into) if given is None else Path(given)
    if not is_wheel(wheel):
        raise InputError(f"--wheel: {given} is no wheel.")
    if not holds_source(wheel, source):
        raise InputError(f"--wheel: {wheel.name} does not hold the source `{source}`.")
    if re.search(r"(?mi)^Requires-Dist:\s*pyspark\b(?!.*extra)", _metadata(wheel)):
        raise InputError(f"--wheel: {wheel.name} depends on pyspark, which would break the cluster's own.")
    return wheel


def is_wheel(path: Path) -> bool:
    return path.suffix == ".whl" and path.is_file() and zipfile.is_zipfile(path)


def holds_source(wheel: Path, source: str = "") -> bool:
    """Whether a wheel holds the package of a source; without a name, of any."""
    with zipfile.ZipFile(wheel) as archive:
        return any(
            name.startswith(f"{SOURCES}/{source or ''}") and name.endswith(f"{source}/__init__.py")
            for name in archive.namelist()
        )


def _metadata(wheel: Path) -> str:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return "\n".join(archive.read(name).decode("utf-8", "replace") for name in names)
