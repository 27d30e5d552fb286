"""Merges the connector's modules into the one file that Databricks runs.

Source texts in, one text out. Every definition goes inside `register_lakeflow_source(spark)`, because
classes and functions made there travel to Spark's worker processes by value; a module-level class would
have to be importable there. Imports from outside go on top. What cannot be merged safely is refused with
file, line and reason (`scripts.mergeable`).
"""

import ast
import hashlib
import io
import sys
import tokenize
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts import generated, mergeable
from scripts.mergeable import MergeError, Module, bound_names, parse

PACKAGE = generated.ROOT / "connector"
# Functions that the merged file offers, as module:function. The first registers the data source.
EXPORTS = ("connector.datasource:register_lakeflow_source", "connector.pipeline:ingest")
OUTPUT = PACKAGE / "_generated_aha_python_source.py"
COMMAND = "nox -s build_artifact"
INDENT = "    "
LONGEST_LINE = 100
HEADER = '''\
"""The Aha! connector as one file, generated: do not edit.

Made by scripts/merge_python_source.py from
{inputs}
Change those and run: {command}

SHA-256 of these files and of the script: {digest}
"""
'''


def merge(sources: Mapping[str, str], exports: Sequence[str] = EXPORTS, script: str = "") -> str:
    """The merged file's text.

    Args:
        sources: dotted module name → source text; only what the exports' modules import is used.
        exports: `module:function`; the first one registers the data source with a Spark session.
        script: text that belongs to the fingerprint beside the sources.

    Raises:
        MergeError: a construct that cannot be merged without changing its meaning.
    """
    modules = order(sources, [export.partition(":")[0] for export in exports])
    imports = collect_imports(modules)
    check_names(modules, imports)
    digest = hashlib.sha256("\0".join([*(module.text for module in modules), script]).encode()).hexdigest()
    inputs = "\n".join(f"    {module.path}" for module in modules)
    register, *others = (export.partition(":")[2] for export in exports)
    return "\n".join(
        [
            HEADER.format(inputs=inputs, command=COMMAND, digest=digest),
            *import_block(entry for entry in imports.values() if isinstance(entry, Import)),
            *typing_block(modules),
            *guarded_block(modules),
            "\n",
            f"def {register}(spark):",
            f'{INDENT}"""Make the data source known to a Spark session."""',
            *(section(module) for module in modules),
            f"{INDENT}{register}(spark)",
            *([f"{INDENT}return {', '.join(others)}"] if others else []),
            *(wrapper(modules, name, register) for name in others),
            "",
        ]
    )


def order(sources: Mapping[str, str], entries: Iterable[str]) -> list[Module]:
    """The modules that the entries need, each after those it imports."""
    done: dict[str, Module] = {}

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            raise MergeError(f"import cycle: {' -> '.join([*trail[trail.index(name) :], name])}")
        if name in done:
            return
        module = parse(name, sources[name])
        for node in module.parts("internal"):
            origin = module.origin(node) if isinstance(node, ast.ImportFrom) else ""
            if origin not in sources:
                raise module.refuse(node, f"`{origin}` is no module that can be merged")
            visit(origin, (*trail, name))
        done[name] = module

    for entry in entries:
        visit(entry, ())
    return list(done.values())


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


def imported(module: Module, nodes: Iterable[ast.AST]) -> list[Import]:
    """What import statements bring from outside the package."""
    return [
        Import(node.module or "", alias.name, alias.asname or "")
        if isinstance(node, ast.ImportFrom)
        else Import(alias.name, "", alias.asname or "")
        for node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom) and not module.is_internal(node)
        for alias in node.names
    ]


def collect_imports(modules: Iterable[Module]) -> dict[str, Import | str]:
    """Bound name → where it comes from, for all that is imported from outside the package.

    Dotted imports of one package bind the same name and stand beside each other under their full names.
    """
    found: dict[str, Import | str] = {}
    for module in modules:
        for node in module.tree.body:
            kind, entries = module.kind(node), imported(module, [node])
            if kind == "typing":
                entries = imported(module, ast.walk(node))
            names: dict[str, Import | str] = {
                entry.bound if entry.name or entry.alias else entry.module: entry for entry in entries
            }
            if kind == "guarded":
                names = dict.fromkeys(
                    (entry.bound for entry in imported(module, ast.walk(node))), ast.dump(node)
                )
            for name, entry in names.items():
                if found.setdefault(name, entry) != entry:
                    raise module.refuse(node, f"`{name}` is something else in another module")
    return found


def check_names(modules: Sequence[Module], imports: Mapping[str, object]) -> None:
    """Refuse names that would replace each other, and annotations that would be read differently."""
    hoisted = {name.split(".")[0] for name in imports}
    seen: dict[str, tuple[Module, ast.stmt]] = {}
    lazy = {
        module.name
        for module in modules
        if Import("__future__", "annotations") in imported(module, module.tree.body)
    }
    for module in modules:
        for name, node in bound_names(module):
            if name in hoisted:
                raise module.refuse(node, f"`{name}` shadows an import of the merged file")
            before, other = seen.setdefault(name, (module, node))
            if before is not module and not same(other, node):
                raise module.refuse(node, f"`{name}` is also defined in {before.path}")
        noted = [
            part
            for part in ast.walk(module.tree)
            if isinstance(part, ast.AnnAssign) or getattr(part, "returns", None)
        ]
        if lazy and module.name not in lazy and noted:
            raise module.refuse(
                noted[0], "annotations need `from __future__ import annotations`, as elsewhere"
            )


def same(one: ast.stmt, other: ast.stmt) -> bool:
    """Whether two definitions of a name are one and the same: equal functions, constants or aliases."""
    plain = isinstance(one, ast.FunctionDef | ast.ImportFrom) or (
        isinstance(one, ast.Assign) and isinstance(one.value, ast.Constant)
    )
    return plain and ast.dump(one) == ast.dump(other)


def import_block(imports: Iterable[Import]) -> Iterator[str]:
    """Lines that import everything: plain imports first in each group, names of one module together."""
    groups: dict[int, list[Import]] = {}
    for entry in sorted(
        set(imports), key=lambda entry: (entry.group, bool(entry.name), entry.module, entry.item)
    ):
        groups.setdefault(entry.group, []).append(entry)
    for number, entries in enumerate(groups.values()):
        yield from [""] if number else []
        yield from (str(entry) for entry in entries if not entry.name)
        for origin in dict.fromkeys(entry.module for entry in entries if entry.name):
            items = [entry.item for entry in entries if entry.name and entry.module == origin]
            line = f"from {origin} import {', '.join(items)}"
            wrapped = f"from {origin} import (\n{INDENT}" + f",\n{INDENT}".join(items) + ",\n)"
            yield line if len(line) <= LONGEST_LINE else wrapped


def typing_block(modules: Iterable[Module]) -> list[str]:
    """Imports that only a type checker follows."""
    found = {
        str(entry): None
        for module in modules
        for node in module.parts("typing")
        for entry in imported(module, ast.walk(node))
    }
    return ["", "if TYPE_CHECKING:", *(INDENT + entry for entry in sorted(found))] if found else []


def guarded_block(modules: Iterable[Module]) -> list[str]:
    """The text of all guarded imports, each once."""
    found = dict.fromkeys(module.source(node) for module in modules for node in module.parts("guarded"))
    return [line for text in found for line in ("", text)]


def section(module: Module) -> str:
    """A module's text without what is hoisted or dropped, indented, under a heading."""
    lines = module.text.split("\n")
    for node in module.tree.body:
        if module.kind(node) != "definition":
            first, last = node.lineno, node.end_lineno or node.lineno
            lines[first - 1 : last] = [aliases(module, node), *[""] * (last - first)]
    kept = string_lines(module.text)
    indented = [
        line if number in kept or not line.strip() else INDENT + line for number, line in enumerate(lines, 1)
    ]
    filled = [number for number, line in enumerate(lines) if line.strip()]
    body = indented[filled[0] : filled[-1] + 1] if filled else []
    docstring = ast.get_docstring(module.tree) or ""
    notes = [f"{INDENT}# {line}".rstrip() for line in docstring.split("\n") if docstring]
    return "\n".join(["", f"{INDENT}# {'-' * 20} {module.path} {'-' * 20}", *notes, "", *body, ""])


def aliases(module: Module, node: ast.stmt) -> str:
    """What stands for `from connector.x import a as b`: one line of assignments."""
    if not isinstance(node, ast.ImportFrom) or not module.is_internal(node):
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


def wrapper(modules: Iterable[Module], name: str, register: str) -> str:
    """A function at the top level that registers the data source and hands on to the one inside."""
    nodes = (node for module in modules for node in module.tree.body if isinstance(node, ast.FunctionDef))
    node = next(node for node in nodes if node.name == name)
    plain = ast.parse(ast.unparse(node)).body[0]
    assert isinstance(plain, ast.FunctionDef)
    for argument in plain.args.args:
        argument.annotation = None
    passed = ", ".join(argument.arg for argument in plain.args.args)
    note = (ast.get_docstring(node) or "").replace("\n", f"\n{INDENT}").replace(f"\n{INDENT}\n", "\n\n")
    call = f"{register}({plain.args.args[0].arg})({passed})"
    return (
        f'\n\ndef {name}({ast.unparse(plain.args)}):\n{INDENT}"""{note}\n{INDENT}"""\n{INDENT}return {call}'
    )


def read_sources(package: Path) -> dict[str, str]:
    return {
        f"{package.name}.{path.stem}": path.read_bytes().decode()
        for path in sorted(package.glob("*.py"))
        if not path.name.startswith("_")
    }


def build() -> str:
    """The merged file of this repository."""
    scripts = (__file__, mergeable.__file__)
    return merge(
        read_sources(PACKAGE), script="".join(Path(script).read_bytes().decode() for script in scripts)
    )


def run(command: Callable[[], int]) -> int:
    try:
        return command()
    except MergeError as error:
        print(f"Cannot merge. {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(run(lambda: generated.main(OUTPUT, build(), COMMAND, sys.argv[1:])))
