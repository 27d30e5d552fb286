"""The console blocks of the documentation: what is typed there, and what is shown."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.places import ROOT

FENCE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])


@dataclass(frozen=True)
class Typed:
    """A command, with the lines that it goes over, and the output that is shown below it."""

    command: str
    shown: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """One block: where it stands, and what is typed."""

    place: str
    typed: tuple[Typed, ...]


def find_blocks(path: Path) -> Iterator[Block]:
    text = path.read_text()
    for found in FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(f"{path.relative_to(ROOT)}:{line}", tuple(_typed(found[1].splitlines())))


def _typed(lines: list[str]) -> Iterator[Typed]:
    command: list[str] = []
    shown: list[str] = []
    for line in lines:
        if line.startswith("$ "):
            if command:
                yield Typed("\n".join(command), tuple(shown))
            command, shown = [line[2:]], []
        elif command and not shown and is_open("\n".join(command)):
            command.append(line)
        else:
            shown.append(line)
    if command:
        yield Typed("\n".join(command), tuple(shown))


def is_open(command: str) -> bool:
    """Whether a shell would ask for another line."""
    return command.endswith("\\") or command.count("'") % 2 == 1


def shape(line: str) -> str:
    """A line without what differs from run to run: numbers, and how wide a table is."""
    return re.sub(r"\s+", " ", re.sub(r"[━─┳┴┼╇┏┓┡┩└┘]+", "-", re.sub(r"\d[\d.,]*", "0", line))).strip()


def find_missing(shown: tuple[str, ...], said: str) -> str | None:
    """The first shown line that was not said after those before it; `...` stands for any lines."""
    lines = iter([shape(line) for line in said.splitlines()])
    for wanted in shown:
        if wanted.strip() != "..." and shape(wanted) not in lines:
            return wanted
    return None
