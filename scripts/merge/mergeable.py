"""A module that can be merged: its parts, and what is refused because it would mean something else.

The merge moves a module's text into a function that it shares with the other modules. So whatever depends
on a namespace of its own, on where the file stands, or on being importable by name has no place in it.
"""

import ast
import builtins
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

HERE = "it would tell of the merged file, not of this module"
UNSEEN = "what it would look up is not visible"
BANNED_NAMES = {
    **dict.fromkeys(("__file__", "__name__", "__doc__", "__package__", "__spec__", "__loader__"), HERE),
    **dict.fromkeys(("globals", "locals", "vars", "dir", "__annotations__"), HERE),
    **dict.fromkeys(("eval", "exec", "__import__"), UNSEEN),
    "__all__": "it is dropped",
}
BANNED_ATTRIBUTES = {"import_module": f"a dynamic import: {UNSEEN}", "__globals__": HERE}
# Parameters of the function that all modules share.
RESERVED = frozenset({"spark"})
SIMPLE = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.Assert, ast.Pass)
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


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

    def source(self, node: ast.stmt) -> str:
        """A statement's lines."""
        return "\n".join(self.text.split("\n")[node.lineno - 1 : node.end_lineno])

    def origin(self, node: ast.ImportFrom) -> str:
        """The dotted name of the module that an import takes from."""
        base = self.name.split(".")[: -node.level] if node.level else []
        if node.level and not base:
            raise self.refuse(node, "a relative import reaches outside the package")
        return ".".join([*base, *([node.module] if node.module else [])])

    def is_internal(self, node: ast.stmt) -> bool:
        """Whether it imports from this package."""
        package = self.name.split(".")[0]
        return isinstance(node, ast.ImportFrom) and self.origin(node).split(".")[0] == package

    def parts(self, kind: str) -> list[ast.stmt]:
        """The top-level statements of one kind."""
        return [node for node in self.tree.body if self.kind(node) == kind]

    def kind(self, node: ast.stmt) -> str:
        """What a top-level statement is to the merge.

        Raises:
            MergeError: nothing that can be merged.
        """
        if isinstance(node, ast.Import | ast.ImportFrom):
            return "internal" if self.is_internal(node) else "import"
        if node is self.tree.body[0] and ast.get_docstring(self.tree) is not None:
            return "docstring"
        if isinstance(node, ast.If) and not node.orelse:
            test = ast.unparse(node.test)
            imports = all(isinstance(part, ast.Import | ast.ImportFrom) for part in node.body)
            if test in ("TYPE_CHECKING", "typing.TYPE_CHECKING") and imports:
                return "typing"
            if test == "__name__ == '__main__'":
                return "dropped"
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if [ast.unparse(target) for target in targets] == ["__all__"]:
                return "dropped"
        if isinstance(node, ast.Try) and self._is_guarded(node):
            return "guarded"
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef, *SIMPLE)):
            return "definition"
        if type(node).__name__ == "TypeAlias":
            return "definition"
        raise self.refuse(node, f"`{type(node).__name__.lower()}` at the top level is not merged")

    def _is_guarded(self, node: ast.Try) -> bool:
        """`try: import ... except ImportError: name = None`: what a machine may not have."""
        handled = [ast.unparse(handler.type) if handler.type else "" for handler in node.handlers]
        inside = [*node.body, *(part for handler in node.handlers for part in handler.body)]
        return (
            not (node.orelse or node.finalbody)
            and all(name in ("ImportError", "ModuleNotFoundError") for name in handled)
            and all(isinstance(part, ast.Import | ast.ImportFrom | ast.Assign | ast.Pass) for part in inside)
            and not any(self.is_internal(part) for part in inside)
        )


def parse(name: str, text: str) -> Module:
    """A module from its text, checked.

    Raises:
        MergeError: with file, line and reason.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    try:
        module = Module(name, text, ast.parse(text))
    except (SyntaxError, ValueError) as error:
        line, reason = getattr(error, "lineno", None) or 1, getattr(error, "msg", None) or error
        raise MergeError(f"{name.replace('.', '/')}.py:{line}: {reason}") from None
    odd = re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text + (ast.get_docstring(module.tree) or ""))
    if odd:
        raise module.refuse(
            module.tree, f"a control character ({odd[0]!r}) at line {text[: odd.start()].count(chr(10)) + 1}"
        )
    kept = [node for node in module.tree.body if module.kind(node) != "dropped"]
    for node in (inner for statement in kept for inner in ast.walk(statement)):
        _check(module, node)
    for node, after in itertools.pairwise(module.tree.body):
        alike = {module.kind(node), module.kind(after)} in ({"definition"}, {"import"})
        if node.end_lineno == after.lineno and not alike:
            raise module.refuse(after, "an import and another statement share a line")
    for name, node in bound_names(module):
        require_free(module, node, name)
    return module


def require_free(module: Module, node: ast.AST, name: str) -> None:
    """Refuse a name that means something already wherever the modules are merged."""
    if hasattr(builtins, name):
        raise module.refuse(node, f"`{name}` would hide Python's own from the other modules")
    if name in RESERVED:
        raise module.refuse(node, f"`{name}` is a name of the merged file's own")


def bound_names(module: Module) -> Iterator[tuple[str, ast.stmt]]:
    """Names that a module's own statements bind at its top level, an aliased internal import's among them."""
    for node in module.parts("internal"):
        yield from ((alias.asname, node) for alias in getattr(node, "names", ()) if alias.asname)
    for node in module.parts("definition"):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node
        else:
            yield from ((name, node) for name in names_in(node, ast.Store))


def names_in(node: ast.AST, context: type[ast.expr_context]) -> Iterator[str]:
    """Names that are bound (`Store`) or used (`Load`) outside the functions within `node`."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, context):
        yield node.id
    for child in ast.iter_child_nodes(node):
        # What a comprehension counts with is its own.
        counter = isinstance(node, ast.comprehension) and child is node.target
        for part in run_at_once(child) if not counter else ():
            yield from names_in(part, context)


def _check(module: Module, node: ast.AST) -> None:
    """Refuse a node that would mean something else in the merged file."""
    if isinstance(node, ast.Global):
        raise module.refuse(node, "`global` would no longer mean this module's name")
    if isinstance(node, ast.Name) and node.id in BANNED_NAMES:
        raise module.refuse(node, f"`{node.id}`: {BANNED_NAMES[node.id]}")
    if isinstance(node, ast.Attribute) and node.attr in BANNED_ATTRIBUTES:
        raise module.refuse(node, f"`{node.attr}`: {BANNED_ATTRIBUTES[node.attr]}")
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name.split(".")[0] == module.name.split(".")[0]:
                raise module.refuse(node, f"write `from {alias.name} import ...` instead")
    if isinstance(node, ast.ImportFrom):
        if any(alias.name == "*" for alias in node.names):
            raise module.refuse(node, "a star import hides which names it brings")
        for alias in node.names:
            if alias.name in BANNED_ATTRIBUTES:
                raise module.refuse(node, f"`{alias.name}`: {BANNED_ATTRIBUTES[alias.name]}")
        blocks = [part.body for part in module.tree.body if isinstance(part, ast.If)]
        if module.is_internal(node) and not any(node in block for block in (module.tree.body, *blocks)):
            raise module.refuse(node, "an import within the package must stand at the top level")
    if isinstance(node, ast.ClassDef):
        for part in node.body:
            if isinstance(part, ast.AnnAssign) and isinstance(part.annotation, ast.Constant):
                # `dataclass` looks it up in the module's globals, where a merged class is not.
                raise module.refuse(part, f"class `{node.name}` writes a field's type as text")
        # Python looks such a name up among the globals, past the function that all modules share.
        both = set(_names_of_body(node, ast.Store)) & set(_names_of_body(node, ast.Load))
        shared = {name for name, _ in bound_names(module)} | {
            alias.name for part in module.parts("internal") for alias in getattr(part, "names", ())
        }
        for name in sorted(both & shared):
            raise module.refuse(
                node, f"class `{node.name}` both uses `{name}` and has an attribute of that name"
            )


def _names_of_body(node: ast.ClassDef, context: type[ast.expr_context]) -> Iterator[str]:
    """Names that a class body binds or uses while it runs, those of its methods' heads among them."""
    for part in node.body:
        named = isinstance(part, (ast.ClassDef, *SCOPES))
        if context is ast.Store and named:
            yield str(getattr(part, "name", ""))
        elif context is ast.Store and isinstance(part, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name).split(".")[0] for alias in part.names)
        if context is ast.Load or not named:
            for run in run_at_once(part):
                yield from names_in(run, context)


def run_at_once(node: ast.AST) -> Iterator[ast.AST]:
    """What of a node runs when it is met: all, or of a function decorators, defaults and annotations."""
    if not isinstance(node, SCOPES):
        yield node
        return
    yield from getattr(node, "decorator_list", ())
    arguments = node.args
    yield from (default for default in (*arguments.defaults, *arguments.kw_defaults) if default)
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        yield from (argument.annotation,) if argument.annotation else ()
    returns = getattr(node, "returns", None)
    yield from (returns,) if returns else ()
