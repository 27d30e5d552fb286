"""What a reviewer would commit: each cassette that is not as it was, request by request."""

import difflib
import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strict_cassettes.cassettes import CassetteError, Entry, parse, uri_of
from strict_cassettes.rules import Rules

NEW, GONE, CHANGED, DAMAGED = "new", "deleted", "changed", "no cassette"
# Lines about a change that stay the same.
CONTEXT = 3
INTERACTION = ("interactions",)
# So deep, names are the cassette's own.
OUTER = 3


class GitError(Exception):
    """Nobody can tell what changed; says why."""


@dataclass(frozen=True)
class Part:
    """A piece of a line. `replaced`: whether it is a pseudonym, and no rule kept it as it was."""

    text: str
    replaced: bool = False


@dataclass(frozen=True)
class Line:
    """One line of an interaction. `sign`: `+` now, `-` before, a blank for both."""

    sign: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Exchange:
    """One request, and what it was answered, as lines."""

    title: str
    sign: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Change:
    """One file: its path in the repository, what became of it, and each interaction that differs."""

    path: str
    kind: str
    exchanges: tuple[Exchange, ...]


def find_changes(cassettes: Path, rules: Rules) -> list[Change]:
    """Each cassette below a directory that differs from the last commit, new and untracked ones as well.

    Raises:
        GitError: git is missing, or does not know the directory.
    """
    root = Path(_git(cassettes, "rev-parse", "--show-toplevel").strip())
    listed = _git(
        cassettes, "status", "--porcelain", "-z", "--untracked-files=all", "--no-renames", "--", "."
    )
    names = sorted(entry[3:] for entry in listed.split("\0") if entry)
    return [_change(root, name, rules) for name in names if name.endswith(".json")]


def _change(root: Path, name: str, rules: Rules) -> Change:
    path = root / name
    after = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    try:
        before = _git(root, "show", f"HEAD:{name}")
    except GitError:
        before = ""
    kind = NEW if not before else CHANGED if after else GONE
    try:
        was, now = (parse(text) if text else [] for text in (before, after))
        exchanges = tuple(_exchanges(was, now, rules))
    except (CassetteError, KeyError, TypeError, ValueError):
        # Provenance, or something that somebody else left there.
        return Change(name, DAMAGED if Path(name).parent.name else kind, ())
    return Change(name, kind, exchanges)


def _exchanges(before: list[Entry], after: list[Entry], rules: Rules) -> Iterator[Exchange]:
    titles = [[_title(entry) for entry in entries] for entries in (before, after)]
    matcher = difflib.SequenceMatcher(None, titles[0], titles[1], autojunk=False)
    for tag, first, last, start, end in matcher.get_opcodes():
        if tag == "equal":
            for old, new in zip(before[first:last], after[start:end], strict=True):
                if old != new:
                    yield Exchange(_title(new), " ", tuple(_difference(old, new, rules)))
            continue
        for sign, entries in (("-", before[first:last]), ("+", after[start:end])):
            for entry in entries:
                lines = tuple(Line(sign, tuple(parts)) for parts in _lines(entry, rules))
                yield Exchange(_title(entry), sign, lines)


def _difference(old: Entry, new: Entry, rules: Rules) -> Iterator[Line]:
    was, now = list(_lines(old, rules)), list(_lines(new, rules))
    texts = [["".join(part.text for part in parts) for parts in lines] for lines in (was, now)]
    matcher = difflib.SequenceMatcher(None, texts[0], texts[1], autojunk=False)
    for number, group in enumerate(matcher.get_grouped_opcodes(CONTEXT)):
        if number:
            yield Line(" ", (Part("…"),))
        for tag, first, last, start, end in group:
            if tag == "equal":
                yield from (Line(" ", tuple(parts)) for parts in now[start:end])
                continue
            yield from (Line("-", tuple(parts)) for parts in was[first:last])
            yield from (Line("+", tuple(parts)) for parts in now[start:end])


def _title(entry: Entry) -> str:
    return f"{entry['request']['method']} {uri_of(entry['request'])}"


def _lines(value: Any, rules: Rules) -> Iterator[list[Part]]:
    """A value as indented JSON."""
    yield from _render(value, rules, INTERACTION, [], "", "")


def _render(
    value: Any, rules: Rules, path: tuple[str, ...], begin: Sequence[Part], indent: str, end: str
) -> Iterator[list[Part]]:
    """The lines of a value; `begin` stands before it on its first line, and `end` behind it on its last."""
    if isinstance(value, dict | list) and value:
        signs = "{}" if isinstance(value, dict) else "[]"
        yield [Part(indent), *begin, Part(signs[0])]
        items = list(value.items()) if isinstance(value, dict) else [(None, item) for item in value]
        for number, (name, item) in enumerate(items):
            comma = "," if number + 1 < len(items) else ""
            known = name is None or not isinstance(name, str) or rules.keeps_key(name) or len(path) < 3
            head = (
                []
                if name is None
                else [Part(f"{json.dumps(name, ensure_ascii=False)}", not known), Part(": ")]
            )
            below = path if name is None else (*path, name)
            yield from _render(item, rules, below, head, f"{indent}  ", comma)
        yield [Part(f"{indent}{signs[1]}{end}")]
        return
    kept = value is None or isinstance(value, bool | dict | list) or rules.keeps_in_cassette(path, str(value))
    text = json.dumps(value, ensure_ascii=False)
    yield [Part(indent), *begin, Part(text, not kept), Part(end)]


def _git(place: Path, *arguments: str) -> str:
    command = ["git", "-C", str(place), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=True)
    except FileNotFoundError:
        raise GitError("git was not found, so nobody can tell what changed: install it.") from None
    except subprocess.CalledProcessError as error:
        said = str(error.stderr).strip().splitlines()
        raise GitError(f"git cannot tell what changed: {said[0] if said else 'it failed'}") from None
    return done.stdout
