"""Every console block of the documents is typed here, in a copy of the repository, and shows what it says."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from community_connector.cli import main as community_connector
from strict_cassettes.credentials import ONLY

from sandbox.server import Sandbox, running
from tests.deploy.serving import running_workspace
from tests.deploy.workspace import TOKEN
from tests.docs.blocks import DOCUMENTS, Block, find_blocks, find_missing, is_open
from tests.docs.commands import LONG, MODULES, SERVERS, STARTED
from tests.places import ROOT

BLOCKS = {block.place: block for path in DOCUMENTS for block in find_blocks(path)}
URL = "https://github.com/example/aha-lakeflow-connector"
COMMANDS = Path(__file__).with_name("commands.py")
# Not typed here, and why.
APART = {
    r"--auth oauth": "somebody agrees in a browser: tests/deploy/test_oauth.py plays it",
    r"community-connector publish .*\.\.\.": "its paths are what another command printed",
    r"strict-cassettes": "another project's: `nox -s example` runs it",
}
SPARK = re.compile(r"nox -s ingest")
CASSETTES = "Reading the recorded cassettes"
# These read at the rate of an account, or build wheels, as other tests do.
LONG_ONES = re.compile(r"nox -s ingest -- --(live|spec)|nox -s record\b(?!.*--plan)|--framework-wheel")


def marks_of(block: Block) -> list[pytest.MarkDecorator]:
    text = "\n".join(typed.command for typed in block.typed)
    return [pytest.mark.alike] if LONG_ONES.search(text) else [pytest.mark.soak] if SPARK.search(text) else []


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone whose branch is pushed."""
    place = tmp_path_factory.mktemp("docs")
    clone = place / "clone"
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, clone / name)
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    for arguments in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "."],
        [*who, "commit", "--quiet", "-m", "all"],
        ["init", "--quiet", "--bare", str(place / "origin.git")],
        ["remote", "add", "origin", URL],
        ["push", "--quiet", str(place / "origin.git"), "main"],
    ):
        subprocess.run(["git", *arguments], cwd=clone, check=True, capture_output=True)
    return clone


@pytest.fixture(scope="session")
def terminal(copy: Path) -> dict[str, str]:
    """A reader's environment."""
    home = copy.parent
    shims = home / "bin"
    shims.mkdir()
    for name in ("nox", "pip"):
        shim = shims / name
        shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{COMMANDS}" {name} "$@"\n')
        shim.chmod(0o755)
    (shims / "community-connector").symlink_to(Path(sys.executable).parent / "community-connector")
    framework = home / "lakeflow_community_connectors-0.0.0-py3-none-any.whl"
    with zipfile.ZipFile(framework, "w") as archive:
        archive.writestr("databricks/labs/community_connector/sparkpds/__init__.py", "")
    return os.environ | {
        "PATH": f"{shims}:{os.environ['PATH']}",
        "HOME": str(home),
        "COLUMNS": "120",
        "DOCS_HOME": str(home),
        "DOCS_FRAMEWORK": str(framework),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{home / 'origin.git'}.insteadOf",
        "GIT_CONFIG_VALUE_0": URL,
        "http_proxy": "",
    }


@pytest.fixture(scope="module")
def workspace(terminal: dict[str, str]) -> Iterator[dict[str, str]]:
    """A stand-in workspace, in which each document's commands find what those before them made."""
    with running_workspace() as found:
        yield {"DATABRICKS_HOST": found.url, "DATABRICKS_TOKEN": TOKEN}


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with running(ideas=30) as found:
        yield found


@pytest.fixture
def account(copy: Path, box: Sandbox) -> None:
    """A reader has put what the documents ask for into `configs/dev_config.json`: here, a local Aha!."""
    text = f'{{"api_key": "{box.api_key}", "subdomain": "company", "base_url": "{box.url}"}}'
    (copy / "configs" / "dev_config.json").write_text(text)


@pytest.fixture
def port(terminal: dict[str, str]) -> Iterator[str]:
    """A free port, for the one that the documents name; whatever listens there ends with the test."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        number = str(found.getsockname()[1])
    yield number
    started = Path(terminal["DOCS_HOME"], STARTED)
    for process in started.read_text().split() if started.exists() else []:
        with suppress(ProcessLookupError):
            os.kill(int(process), signal.SIGKILL)
    started.unlink(missing_ok=True)


@pytest.mark.parametrize(
    "place", [pytest.param(name, marks=marks_of(block)) for name, block in BLOCKS.items()]
)
def test_a_console_block_does_what_it_shows(
    place: str, copy: Path, terminal: dict[str, str], workspace: dict[str, str], account: None, port: str
) -> None:
    block = BLOCKS[place]
    typed = [entry for entry in block.typed if not any(re.search(part, entry.command) for part in APART)]
    # A document's later blocks go on with what its earlier ones began, but for servers, which end here.
    script = "".join(
        f"{entry.command}\ncode=$?\n{again(workspace)}printf '\\n@@@ %s\\n' $code\n" for entry in typed
    ).replace("8080", port)
    for other in earlier_servers(block):
        script = f"{other.replace('8080', port)}\nprintf '\\n@@@ 0\\n'\n{script}"
    # A reader who sees the cassettes has not filled in any credentials yet.
    without = any(CASSETTES in line for entry in typed for line in entry.shown)
    environment = terminal | workspace | {ONLY: str(copy / ("no-credentials" if without else "configs"))}
    prepare(copy)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=copy,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = re.split(r"\n@@@ (\d+)\n", done.stdout.replace(port, "8080"))
    outputs, codes = said[0::2], said[1::2]
    skipped = len(earlier_servers(block))
    for entry, output, code in zip(typed, outputs[skipped:], codes[skipped:], strict=False):
        assert code == "0", f"{entry.command}\n{output}"
        missing = find_missing(entry.shown, output)
        assert missing is None, f"{entry.command} did not show {missing!r}:\n{output}"
    assert len(codes) == len(typed) + skipped


def again(workspace: dict[str, str]) -> str:
    """What a document has its reader export names nothing that is there."""
    return "".join(f"export {name}={value}\n" for name, value in workspace.items())


def earlier_servers(block: Block) -> list[str]:
    """Servers that a reader started in another terminal, in an earlier block of the same document."""
    path, _, line = block.place.rpartition(":")
    found = [
        entry.command
        for other in BLOCKS.values()
        if other.place.rpartition(":")[0] == path and int(other.place.rpartition(":")[2]) < int(line)
        for entry in other.typed
        if re.search(r"nox -s (sandbox|serve)", entry.command)
    ]
    return found if any("8080" in entry.command for entry in block.typed) else []


def prepare(copy: Path) -> None:
    """Files that a document shows beside its commands; what a block adopted is not for the next one."""
    (copy / "configs" / "behaviour.json").unlink(missing_ok=True)
    operations = (copy / "docs" / "operations.md").read_text()
    spec = re.search(r"^```json\n(.*?)^```$", operations, re.MULTILINE | re.DOTALL)
    assert spec is not None
    (copy / "pipeline.json").write_text(spec[1])


def test_every_command_of_a_block_is_known() -> None:
    for block in BLOCKS.values():
        for entry in block.typed:
            for name in re.findall(r"\bnox -s ([a-z_]+)", entry.command):
                assert name in MODULES.keys() | SERVERS.keys() | LONG, block.place
            for command, words in re.findall(r"community-connector (\w+)((?:[^|&#]|\\\n)*)", entry.command):
                known = {
                    option for found in community_connector.commands[command].params for option in found.opts
                }
                assert set(re.findall(r"(?<= )--?[a-z][a-z-]*", words)) <= known | {"-h", "--help"}, (
                    block.place
                )


def test_what_is_not_typed_here_is_still_in_the_documents() -> None:
    commands = [entry.command for block in BLOCKS.values() for entry in block.typed]
    gone = [part for part in APART if not any(re.search(part, command) for command in commands)]
    assert gone in ([], ["strict-cassettes"])


@pytest.mark.parametrize(
    ("shown", "said", "missing"),
    [
        (("a 12.5 b",), "x\na 3 b\n", None),
        (("one", "...", "three"), "one\ntwo\nthree", None),
        (("three", "one"), "one\nthree", "one"),
        (("│ ideas │ 24 │",), "│ ideas    │    7 │", None),
        (("gone",), "one", "gone"),
    ],
)
def test_a_block_fails_when_its_output_has_no_longer_the_shape_shown(
    shown: tuple[str, ...], said: str, missing: str | None
) -> None:
    assert find_missing(shown, said) == missing


def test_a_command_that_goes_over_lines_is_one_command() -> None:
    assert is_open("curl -d '{")
    assert is_open("pip wheel \\")
    assert not is_open("curl -d '{}'")
