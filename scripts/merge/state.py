"""What a module makes while it is loaded must reach Spark's workers: cloudpickle sends it by value."""

import ast
from collections.abc import Iterator

from scripts.merge.mergeable import Module, run_at_once

# What cannot be sent to Spark's workers, or not by every Python of the matrix.
UNPICKLABLE = frozenset(
    {"open", "socket.socket", "contextvars.ContextVar", "sqlite3.connect", "multiprocessing.Lock"}
    | {"concurrent.futures.ThreadPoolExecutor", "weakref.WeakValueDictionary", "weakref.WeakKeyDictionary"}
    | {f"functools.{name}" for name in ("lru_cache", "cache", "cached_property", "singledispatch")}
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


def require_picklable(module: Module) -> None:
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
        """What is called, decorates, or is a default or a value while the module is loaded."""
        for part in run_at_once(node):
            if isinstance(part, ast.Name | ast.Attribute):
                yield part
            elif isinstance(part, ast.NamedExpr):
                raise module.refuse(part, "`:=` outside a function binds a name that is easily overlooked")
            elif isinstance(part, ast.Assign | ast.AnnAssign):
                held = part.value.elts if isinstance(part.value, ast.Tuple) else [part.value]
                if any(isinstance(value, ast.GeneratorExp) for value in held):
                    raise module.refuse(part, "a generator is state that cannot be pickled")
            for child in ast.iter_child_nodes(part):
                yield from made(child)

    for statement in module.parts("definition"):
        for node in made(statement):
            if dotted(node) in UNPICKLABLE:
                raise module.refuse(node, f"`{ast.unparse(node)}` makes state that cannot be pickled")
