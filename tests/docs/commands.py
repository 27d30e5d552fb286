"""Stands where `nox` and `pip` would be on a reader's PATH: runs what they run, but installs nothing."""

import os
import subprocess
import sys
from pathlib import Path

MAKERS = ("merge_python_source", "generate_connector_spec", "generate_tables_doc", "generate_assumptions_doc")
MODULES = {
    "ingest": [["scripts.ingest"]],
    "record": [["harness", "record"]],
    "cassettes": [["harness", "cassettes"]],
    "drift": [["harness", "drift"]],
    "probe": [["harness.probe"]],
    "build_artifact": [[f"scripts.{maker}"] for maker in MAKERS],
    "check_artifact": [[f"scripts.{maker}", "--check"] for maker in MAKERS],
}
# These run until they are stopped: so long as the test.
SERVERS = {"sandbox": ["sandbox"], "serve": ["harness", "serve"]}
# Not run within the suite, of which they run much; that they are there, tests/unit/test_noxfile.py sees.
LONG = {"test", "bench", "soak", "compat", "lint", "typing", "build_wheel", "example"}
STARTED = "started"


def nox(arguments: list[str]) -> int:
    own, given = arguments, []
    if "--" in arguments:
        at = arguments.index("--")
        own, given = arguments[:at], arguments[at + 1 :]
    assert own[0] == "-s"
    for name in own[1:]:
        if name in SERVERS:
            serve(SERVERS[name] + given)
        elif name.partition("(")[0] in LONG:
            print(f"nox > Session {name} was successful in 16 minutes.")
        else:
            for module in MODULES[name]:
                code = subprocess.run([sys.executable, "-m", *module, *given]).returncode
                if code:
                    return code
    return 0


def serve(module: list[str]) -> None:
    """Start a server, and print what it says when it is ready."""
    # With no hand on the terminal, whose end the test waits for.
    process = subprocess.Popen(
        [sys.executable, "-m", *module], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    print(process.stdout.readline(), end="")
    with Path(os.environ["DOCS_HOME"], STARTED).open("a") as started:
        started.write(f"{process.pid}\n")


def pip(arguments: list[str]) -> int:
    """Whether what is to be installed is there. What lies elsewhere is a stand-in that the test gives."""
    local = [word.split("[")[0] for word in arguments if word.startswith(("./", "tools/"))]
    missing = [word for word in local if not Path(word, "pyproject.toml").exists()]
    assert not missing, missing
    if arguments[0] == "wheel":
        place = Path(arguments[arguments.index("--wheel-dir") + 1])
        place.mkdir(parents=True, exist_ok=True)
        framework = Path(os.environ["DOCS_FRAMEWORK"])
        (place / framework.name).write_bytes(framework.read_bytes())
    return 0


if __name__ == "__main__":
    sys.exit({"nox": nox, "pip": pip}[Path(sys.argv[1]).name](sys.argv[2:]))
