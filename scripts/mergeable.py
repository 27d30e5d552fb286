"""A module that can be merged: its parts, and what is refused because it would mean something else.

The merge moves a module's text into a function that it shares with the other modules. So whatever depends
on a namespace of its own, on where the file stands, or on being importable by name has no place in it.
"""

import ast
import builtins
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

BANNED_NAMES = {
    "__file__": "the merged file stands elsewhere",
    "__name__": "the merged file has another name",
    "__import__": "imports must be visible",
    "globals": "the names of this module are not the globals of the merged file",
    "eval": "what it would look up is not visible",
    "exec": "what it would look up is not visible",
}
# What Spark's workers could not be sent: cloudpickle takes none of these.
UNPICKLABLE = frozenset(
    {"open", "socket.socket", "contextvars.ContextVar", "functools.lru_cache", "functools.cache"}
    | {f"queue.{name}" for name in ("Queue", "LifoQueue", "PriorityQueue", "SimpleQueue")}
    | {
        f"threading.{name}"
        for name in (
            "Lock",
            "RLock",
            "Condition",
            "Event",
            "Semaphore",
            "BoundedSemaphore",
            "Barrier",
            "local",
        )
    }
)
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
            if test in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
                return "typing"
            if test == "__name__ == '__main__'":
                return "dropped"
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]:
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
    except SyntaxError as error:
        raise MergeError(f"{name.replace('.', '/')}.py:{error.lineno}: {error.msg}") from None
    kept = [node for node in module.tree.body if module.kind(node) != "dropped"]
    for node in (inner for statement in kept for inner in ast.walk(statement)):
        _check(module, node)
    for node, after in itertools.pairwise(module.tree.body):
        alike = {module.kind(node), module.kind(after)} in ({"definition"}, {"import"})
        if node.end_lineno == after.lineno and not alike:
            raise module.refuse(after, "an import and another statement share a line")
    for name, node in bound_names(module):
        if hasattr(builtins, name):
            raise module.refuse(node, f"`{name}` would hide Python's own from the other modules")
    _check_state(module, kept)
    return module


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
        if not isinstance(child, SCOPES) and not counter:
            yield from names_in(child, context)


def _check(module: Module, node: ast.AST) -> None:
    """Refuse a node that would mean something else in the merged file."""
    top = node in module.tree.body or any(
        isinstance(part, ast.If) and node in part.body for part in module.tree.body
    )
    if isinstance(node, ast.Global):
        raise module.refuse(node, "`global` would no longer mean this module's name")
    if isinstance(node, ast.Name) and node.id in BANNED_NAMES:
        raise module.refuse(node, f"`{node.id}`: {BANNED_NAMES[node.id]}")
    if isinstance(node, ast.Attribute) and node.attr == "import_module":
        raise module.refuse(node, f"a dynamic import: {BANNED_NAMES['__import__']}")
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name.split(".")[0] == module.name.split(".")[0]:
                raise module.refuse(node, f"write `from {alias.name} import ...` instead")
    if isinstance(node, ast.ImportFrom):
        if any(alias.name == "*" for alias in node.names):
            raise module.refuse(node, "a star import hides which names it brings")
        if any(alias.name == "import_module" for alias in node.names):
            raise module.refuse(node, f"a dynamic import: {BANNED_NAMES['__import__']}")
        if module.is_internal(node) and not top:
            raise module.refuse(node, "an import within the package must stand at the top level")
    if isinstance(node, ast.ClassDef):
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
    for part in node.body:
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from [part.name] if context is ast.Store else []
        else:
            yield from names_in(part, context)


def _check_state(module: Module, statements: list[ast.stmt]) -> None:
    """Refuse state that cannot be sent to another process."""
    known = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        if isinstance(node, ast.ImportFrom)
        else alias.name
        for node in module.parts("import")
        for alias in getattr(node, "names", ())
    }

    def dotted(node: ast.expr) -> str:
        first, _, rest = ast.unparse(node).partition(".")
        return known.get(first, first) + (f".{rest}" if rest else "")

    def made(node: ast.AST) -> Iterator[ast.expr]:
        """What is called, or decorates, while the module is loaded."""
        for decorator in getattr(node, "decorator_list", ()):
            yield decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(node, SCOPES):
            return
        if isinstance(node, ast.Call):
            yield node.func
        for child in ast.iter_child_nodes(node):
            yield from made(child)

    for statement in statements:
        for node in made(statement):
            if dotted(node) in UNPICKLABLE:
                raise module.refuse(node, f"`{ast.unparse(node)}` makes state that cannot be pickled")
        value = getattr(statement, "value", None)
        if isinstance(value, ast.GeneratorExp):
            raise module.refuse(statement, "a generator is state that cannot be pickled")
