"""Java, which Spark needs and pip cannot bring."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

OLDEST = 17
ADVICE = (
    f"Install Java {OLDEST} or newer (Debian and Ubuntu: apt install openjdk-17-jre-headless; "
    "macOS: brew install openjdk@17) and, if it is not on the PATH, set JAVA_HOME."
)


def find_java_fault(environment: Mapping[str, str] = os.environ) -> str | None:
    """One sentence about why Spark could not start here, or None."""
    home = environment.get("JAVA_HOME")
    java = (
        str(Path(home) / "bin" / "java") if home else shutil.which("java", path=environment.get("PATH", ""))
    )
    if not java:
        return f"Java was not found, and Spark needs it. {ADVICE}"
    try:
        done = subprocess.run([java, "-version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return f"Java does not run ({java}), and Spark needs it. {ADVICE}"
    version = re.search(r'version "(?:1\.)?(\d+)', done.stderr + done.stdout)
    if not version or int(version.group(1)) < OLDEST:
        found = version.group(1) if version else "unknown"
        return f"Java {found} is too old for Spark ({java}). {ADVICE}"
    return None
