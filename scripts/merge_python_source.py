"""Merges the connector's modules into the one file that Databricks runs.

Source texts in, one text out. Every definition goes inside `register_lakeflow_source(spark)`, because
classes and functions made there travel to Spark's worker processes by value; a module-level class would
have to be importable there. Imports from outside go on top. What cannot be merged safely is refused with
file, line and reason.
"""

import ast
import hashlib
import io
import sys
import tokenize
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.generated import ROOT, main

PACKAGE = "connector"
ENTRY = "connector.datasource"
OUTPUT = ROOT / "connector" / "_generated_aha_python_source.py"
COMMAND = "nox -s build_artifact"
INDENT = "    "
BANNED_NAMES = {"__file__": "the merged file stands elsewhere", "__import__": "imports must be visible"}

HEADER = '''\
"""The Aha! connector as one file, generated: do not edit.

Made by scripts/merge_python_source.py from
{inputs}
Change those and run: {command}

SHA-256 of these files and of the script: {digest}
"""
'''


class MergeError(Exception):
    """A module that cannot be merged; says file, line and reason."""


@dataclass(frozen=True)
class Module:
    """A parsed module: its dotted name, its text with `\\n` line ends, and its top-level statements."""

    name: str
    text: str
    tree: ast.Module

    @property
    def path(self) -> str:
        return self.name.replace(".", "/") + ".py"

    def refuse(self, node: ast.AST, reason: str) -> MergeError:
        return MergeError(f"{self.path}:{getattr(node, 'lineno', 1)}: {reason}")


def merge(sources: Mapping[str, str], entry: str, script: str = "") -> str:
    """The merged file's text.

    Args:
        sources: dotted module name → source text; only what `entry` imports is used.
        entry: the module whose last class is registered with Spark.
        script: text that belongs to the fingerprint beside the sources.

    Raises:
        MergeError: a construct that cannot be merged without changing its meaning.
    """
    modules = order(sources, entry)
    for module in modules:
        check(module)
    imports = collect_imports(modules)
    for name, module in collect_definitions(modules).items():
        if name in imports:
            raise MergeError(f"{module.path}: `{name}` shadows `{imports[name]}` of the merged file")
    sections = [section(module) for module in modules]
    last = [node.name for node in modules[-1].tree.body if isinstance(node, ast.ClassDef)]
    source_class = next(name for name in last if name.endswith("Source"))
    digest = hashlib.sha256("\0".join([*(module.text for module in modules), script]).encode()).hexdigest()
    return "\n".join(
        [
            HEADER.format(
                inputs="\n".join(f"    {module.path}" for module in modules), command=COMMAND, digest=digest
            ),
            *import_block(imports.values()),
            *guarded_imports(modules),
            "\n",
            "def register_lakeflow_source(spark):",
            f'{INDENT}"""Make the data source `lakeflow_connect` known to a Spark session."""',
            *sections,
            f"{INDENT}spark.dataSource.register({source_class})",
            "",
        ]
    )


def order(sources: Mapping[str, str], entry: str) -> list[Module]:
    """The modules that `entry` needs, each after those it imports."""
    done: dict[str, Module] = {}

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            raise MergeError(f"import cycle: {' -> '.join([*trail[trail.index(name) :], name])}")
        if name in done:
            return
        text = sources[name].replace("\r\n", "\n")
        try:
            module = Module(name, text, ast.parse(text, filename=name))
        except SyntaxError as error:
            raise MergeError(f"{name.replace('.', '/')}.py:{error.lineno}: {error.msg}") from None
        for needed in internal_imports(module, sources):
            visit(needed, (*trail, name))
        done[name] = module

    visit(entry, ())
    return list(done.values())


def internal_imports(module: Module, sources: Mapping[str, str]) -> list[str]:
    found = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and is_internal(node):
            if node.level or node.module not in sources:
                raise module.refuse(
                    node, f"cannot merge an import from `{'.' * node.level}{node.module or ''}`"
                )
            if node not in module.tree.body:
                raise module.refuse(node, "an import within the package must stand at the top level")
            found.append(node.module or "")
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == PACKAGE:
                    raise module.refuse(node, f"write `from {alias.name} import ...` instead")
    return found


def is_internal(node: ast.ImportFrom) -> bool:
    return bool(node.level) or (node.module or "").split(".")[0] == PACKAGE


def check(module: Module) -> None:
    """Refuse what would mean something else inside a function."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Global):
            raise module.refuse(node, "`global` would no longer mean this module's name")
        if isinstance(node, ast.Name) and node.id in BANNED_NAMES:
            raise module.refuse(node, f"`{node.id}`: {BANNED_NAMES[node.id]}")
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            raise module.refuse(node, "a star import hides which names it brings")
    for node in module.tree.body:
        if isinstance(node, ast.If | ast.Try) and not is_guarded_import(node):
            raise module.refuse(node, "a conditional at the top level is not merged")


def is_guarded_import(node: ast.stmt) -> bool:
    """`try: import ... except ImportError: name = None`: what this machine may not have."""
    if not isinstance(node, ast.Try) or node.orelse or node.finalbody:
        return False
    caught = [getattr(handler.type, "id", "") for handler in node.handlers]
    plain = (ast.Import, ast.ImportFrom, ast.Assign)
    return all(name in ("ImportError", "ModuleNotFoundError") for name in caught) and all(
        isinstance(part, plain) and not (isinstance(part, ast.ImportFrom) and is_internal(part))
        for part in [*node.body, *(part for handler in node.handlers for part in handler.body)]
    )


def guarded_imports(modules: Iterable[Module]) -> list[str]:
    """The text of all guarded imports, each once."""
    found = {
        "\n".join(module.text.split("\n")[node.lineno - 1 : node.end_lineno]): None
        for module in modules
        for node in module.tree.body
        if is_guarded_import(node)
    }
    return [line for text in found for line in ("", text)]


@dataclass(frozen=True)
class Import:
    """One imported name: `import module` (no `name`), or `from module import name`, maybe `as alias`."""

    module: str
    name: str = ""
    alias: str = ""

    def __str__(self) -> str:
        return f"from {self.module} import {self.item}" if self.name else f"import {self.item}"

    @property
    def item(self) -> str:
        return (self.name or self.module) + (f" as {self.alias}" if self.alias else "")

    @property
    def bound(self) -> str:
        return self.alias or self.name or self.module.split(".")[0]

    @property
    def group(self) -> int:
        """Futures, the standard library, the rest."""
        package = self.module.split(".")[0]
        return 0 if package == "__future__" else 1 if package in sys.stdlib_module_names else 2


def collect_imports(modules: Iterable[Module]) -> dict[str, Import]:
    """Bound name → its import, for all imports from outside the package."""
    found: dict[str, Import] = {}
    for module in modules:
        for node in module.tree.body:
            for entry in outside_imports(node):
                if found.setdefault(entry.bound, entry) != entry:
                    raise module.refuse(node, f"`{entry.bound}` is `{found[entry.bound]}` elsewhere")
    return found


def outside_imports(node: ast.stmt) -> list[Import]:
    if isinstance(node, ast.Import):
        return [Import(alias.name, "", alias.asname or "") for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not is_internal(node):
        return [Import(node.module or "", alias.name, alias.asname or "") for alias in node.names]
    return []


def import_block(imports: Iterable[Import]) -> list[str]:
    """Lines that import everything: plain imports first in each group, names of one module together."""
    lines: list[str] = []
    for group in range(3):
        found = sorted(
            {entry for entry in imports if entry.group == group}, key=lambda entry: (entry.module, entry.item)
        )
        plain = [str(entry) for entry in found if not entry.name]
        modules = dict.fromkeys(entry.module for entry in found if entry.name)
        named = [
            from_line(module, [e.item for e in found if e.name and e.module == module]) for module in modules
        ]
        if plain or named:
            lines += ["", *plain, *named]
    return lines[1:]


def from_line(module: str, items: list[str]) -> str:
    line = f"from {module} import {', '.join(items)}"
    return line if len(line) <= 100 else f"from {module} import (\n    " + ",\n    ".join(items) + ",\n)"


def collect_definitions(modules: Iterable[Module]) -> dict[str, Module]:
    found: dict[str, Module] = {}
    for module in modules:
        for node in module.tree.body:
            for name in defined_names(node):
                if found.setdefault(name, module) is not module:
                    raise module.refuse(node, f"`{name}` is also defined in {found[name].path}")
    return found


def defined_names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [
        part.id for target in targets if target for part in ast.walk(target) if isinstance(part, ast.Name)
    ]


def section(module: Module) -> str:
    """A module's text without imports and docstring, indented, under a heading."""
    lines = module.text.split("\n")
    for node in module.tree.body:
        outside = isinstance(node, ast.Import | ast.ImportFrom) or is_guarded_import(node)
        if outside or is_docstring(node, module):
            first, last = node.lineno, node.end_lineno or node.lineno
            lines[first - 1 : last] = [aliases(node), *[""] * (last - first)]
    kept = string_lines(module.text)
    indented = [
        line if number in kept or not line.strip() else INDENT + line for number, line in enumerate(lines, 1)
    ]
    body = squeeze(indented)
    heading = [f"{INDENT}# {'-' * 20} {module.path} {'-' * 20}"]
    docstring = ast.get_docstring(module.tree) or ""
    heading += [f"{INDENT}# {line}".rstrip() for line in docstring.split("\n") if docstring]
    return "\n".join(["", *heading, "", *body, ""])


def is_docstring(node: ast.stmt, module: Module) -> bool:
    return node is module.tree.body[0] and ast.get_docstring(module.tree) is not None


def aliases(node: ast.stmt) -> str:
    """What stands for `from connector.x import a as b`: one line of assignments."""
    if not isinstance(node, ast.ImportFrom) or not is_internal(node):
        return ""
    return "; ".join(f"{alias.asname} = {alias.name}" for alias in node.names if alias.asname)


def string_lines(text: str) -> set[int]:
    """Lines that begin inside a string: indenting them would change its value."""
    inside: set[int] = set()
    starts: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        kind = tokenize.tok_name[token.type]
        if kind == "STRING":
            inside.update(range(token.start[0] + 1, token.end[0] + 1))
        elif kind.endswith("STRING_START"):
            starts.append(token.start[0])
        elif kind.endswith("STRING_END"):
            inside.update(range(starts.pop() + 1, token.end[0] + 1))
    return inside


def squeeze(lines: list[str]) -> list[str]:
    """Drop blank lines at both ends."""
    filled = [number for number, line in enumerate(lines) if line.strip()]
    return lines[filled[0] : filled[-1] + 1] if filled else []


def read_sources(package: Path) -> dict[str, str]:
    return {
        f"{package.name}.{path.stem}": path.read_bytes().decode()
        for path in sorted(package.glob("*.py"))
        if not path.name.startswith("_")
    }


def build() -> str:
    """The merged file of this repository."""
    return merge(read_sources(ROOT / PACKAGE), ENTRY, Path(__file__).read_bytes().decode())


def run(command: Callable[[], int]) -> int:
    try:
        return command()
    except MergeError as error:
        print(f"Cannot merge. {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(run(lambda: main(OUTPUT, build(), COMMAND, sys.argv[1:])))
