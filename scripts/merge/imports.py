"""The merged file's imports: what its modules take from outside the package, hoisted, merged and sorted."""

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scripts.merge.mergeable import Module, names_in, require_free

INDENT = "    "
LONGEST_LINE = 100


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
    def order(self) -> tuple[object, ...]:
        """Futures, the standard library, the rest; in each, plain imports first."""
        package = self.module.split(".")[0]
        group = 0 if package == "__future__" else 1 if package in sys.stdlib_module_names else 2
        return group, bool(self.name), self.module, self.item


LAZY_ANNOTATIONS = Import("__future__", "annotations")
TYPE_CHECKING = Import("typing", "TYPE_CHECKING")


def imported(module: Module, nodes: Iterable[ast.AST]) -> list[Import]:
    """What import statements among the nodes bring from outside the package."""
    return [
        Import(node.module or "", alias.name, alias.asname or "")
        if isinstance(node, ast.ImportFrom)
        else Import(alias.name, "", alias.asname or "")
        for node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom) and not module.is_internal(node)
        for alias in node.names
    ]


def bound_by_imports(modules: Iterable[Module]) -> set[str]:
    """Names that the merged file's imports bind.

    Raises:
        MergeError: one name is two things.
    """
    found: dict[str, str] = {}
    for module in modules:
        for node in module.tree.body:
            kind, meanings = module.kind(node), {}
            if kind == "import":
                # `import a.b` and `import a.c` both bind `a`, and mean the same by it.
                meanings = {
                    entry.bound: str(entry) if entry.name or entry.alias else entry.bound
                    for entry in imported(module, [node])
                }
            elif kind == "guarded":
                names = {*names_in(node, ast.Store), *(e.bound for e in imported(module, ast.walk(node)))}
                meanings = dict.fromkeys(names, module.source(node))
            for name, meaning in meanings.items():
                require_free(module, node, name)
                if found.setdefault(name, meaning) != meaning:
                    raise module.refuse(node, f"`{name}` is something else in another module")
    return set(found)


def import_lines(modules: Iterable[Module]) -> Iterator[str]:
    """All import lines: merged and sorted, those for type checkers, and the guarded ones as they are."""
    modules = list(modules)
    typing = sorted(
        {
            str(entry)
            for module in modules
            for node in module.parts("typing")
            for entry in imported(module, ast.walk(node))
        }
    )
    plain = {entry for module in modules for entry in imported(module, module.tree.body)}
    yield from _sorted(plain | {TYPE_CHECKING} if typing else plain)
    if typing:
        yield from ("", "if TYPE_CHECKING:", *(INDENT + entry for entry in typing))
    for text in dict.fromkeys(module.source(node) for module in modules for node in module.parts("guarded")):
        yield from ("", text)


def _sorted(imports: set[Import]) -> Iterator[str]:
    group: object = None
    done: set[Import] = set()
    for entry in sorted(imports, key=lambda entry: entry.order):
        if entry in done:
            continue
        if group is not None and entry.order[0] != group:
            yield ""
        group = entry.order[0]
        same = [other for other in imports if entry.name and other.name and other.module == entry.module]
        done.update(same)
        yield _from_line(entry.module, sorted(other.item for other in same)) if entry.name else str(entry)


def _from_line(module: str, items: list[str]) -> str:
    line = f"from {module} import {', '.join(items)}"
    wrapped = f"from {module} import (\n{INDENT}" + f",\n{INDENT}".join(items) + ",\n)"
    return line if len(line) <= LONGEST_LINE else wrapped
