"""Merges the connector's modules into the one file that Databricks runs.

Source texts in, one text out. Every definition goes inside `register_lakeflow_source(spark)`, because
classes and functions made there travel to Spark's worker processes by value; a module-level class would
have to be importable there. Imports from outside go on top. What cannot be merged safely is refused with
file, line and reason (`scripts.merge.mergeable`).
"""

import ast
import hashlib
import io
import textwrap
import tokenize
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from scripts.merge import generated
from scripts.merge.imports import INDENT, LAZY_ANNOTATIONS, bound_by_imports, import_lines, imported
from scripts.merge.mergeable import MergeError, Module, bound_names, parse
from scripts.merge.state import require_picklable

PACKAGE = generated.ROOT / "connector"
# Functions that the merged file offers, as module:function. The first registers the data source.
EXPORTS = ("connector.datasource:register_lakeflow_source", "connector.pipeline:ingest")
PACKAGE_FILE = "__init__"
OUTPUT = PACKAGE / "_generated_aha_python_source.py"
COMMAND = "nox -s build_artifact"
SCRIPTS = tuple(
    Path(__file__).with_name(f"{name}.py") for name in ("merging", "imports", "state", "mergeable")
)
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
    check_names(modules)
    digest = hashlib.sha256("\0".join([*(module.text for module in modules), script]).encode()).hexdigest()
    inputs = "\n".join(f"    {module.path}" for module in modules)
    register, *others = (export.partition(":")[2] for export in exports)
    exported(modules, register)
    text = "\n".join(
        [
            HEADER.format(inputs=inputs, command=COMMAND, digest=digest),
            *import_lines(modules),
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
    try:
        ast.parse(text)
    except SyntaxError as error:
        raise MergeError(f"line {error.lineno} of what was merged is no Python: {error.msg}") from None
    return text


def order(sources: Mapping[str, str], entries: Iterable[str]) -> list[Module]:
    """The modules that the entries need, each after those it imports."""
    done: dict[str, Module] = {}

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            raise MergeError(f"import cycle: {' -> '.join([*trail[trail.index(name) :], name])}")
        if name in done:
            return
        module = parse(name, sources[name])
        require_picklable(module)
        for node in module.parts("internal"):
            origin = module.origin(node)  # type: ignore[arg-type]
            if f"{origin}.{PACKAGE_FILE}" in sources:
                origin = f"{origin}.{PACKAGE_FILE}"
            if origin not in sources:
                raise module.refuse(node, f"`{origin}` is no module that can be merged")
            visit(origin, (*trail, name))
        done[name] = module

    for entry in entries:
        visit(entry, ())
    return list(done.values())


def check_names(modules: Sequence[Module]) -> None:
    """Refuse names that would replace each other, and annotations that would be read differently."""
    hoisted = bound_by_imports(modules)
    lazy = [module for module in modules if LAZY_ANNOTATIONS in imported(module, module.tree.body)]
    seen: dict[str, tuple[Module, ast.stmt]] = {}
    for module in modules:
        for name, node in bound_names(module):
            if name in hoisted:
                raise module.refuse(node, f"`{name}` shadows an import of the merged file")
            before, other = seen.setdefault(name, (module, node))
            if before is module:
                continue
            once = all(
                [name for name, _ in bound_names(owner)].count(name) == 1 for owner in (before, module)
            )
            if not (once and same(other, node)):
                raise module.refuse(node, f"`{name}` is also defined in {before.path}")
        for part in ast.walk(module.tree) if lazy and module not in lazy else ():
            if getattr(part, "annotation", None) or getattr(part, "returns", None):
                reason = f"annotations would become texts, as `{LAZY_ANNOTATIONS}` in {lazy[0].path} asks"
                raise module.refuse(part, reason)


def same(one: ast.stmt, other: ast.stmt) -> bool:
    """Whether two definitions of a name are one and the same: equal functions, constants or aliases."""
    plain = isinstance(one, ast.ImportFrom) or (
        isinstance(one, ast.Assign) and isinstance(one.value, ast.Constant)
    )
    if isinstance(one, ast.FunctionDef):
        # A default that can change, or what a decorator made, would be shared.
        plain = not one.decorator_list and all(isinstance(part, ast.Constant) for part in one.args.defaults)
    return plain and ast.dump(one) == ast.dump(other)


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


def exported(modules: Iterable[Module], name: str) -> ast.FunctionDef:
    """A function that the merged file offers: of plain parameters, with constants as defaults."""
    for module in modules:
        for node in module.tree.body:
            if isinstance(node, ast.FunctionDef) and node.name == name:
                arguments = node.args
                rare = (arguments.posonlyargs, arguments.kwonlyargs, arguments.vararg, arguments.kwarg)
                constant = all(isinstance(default, ast.Constant) for default in arguments.defaults)
                if any(rare) or not arguments.args or not constant:
                    raise module.refuse(node, f"`{name}` is offered, so its parameters must be plain")
                return node
    raise MergeError(f"{PACKAGE.name}: there is no function `{name}` to offer")


def wrapper(modules: Iterable[Module], name: str, register: str) -> str:
    """A function at the top level that registers the data source and hands on to the one inside."""
    node = exported(modules, name)
    names = [argument.arg for argument in node.args.args]
    defaults = [""] * (len(names) - len(node.args.defaults))
    defaults += [f"={ast.unparse(default)}" for default in node.args.defaults]
    given = ", ".join(name + default for name, default in zip(names, defaults, strict=True))
    note = textwrap.indent(ast.get_docstring(node) or "", INDENT).lstrip()
    call = f"{register}({names[0]})({', '.join(names)})"
    return f'\n\ndef {name}({given}):\n{INDENT}"""{note}\n{INDENT}"""\n{INDENT}return {call}'


def read_sources(package: Path) -> dict[str, str]:
    """Dotted name → text of every module of a package, and of the packages within it, with what each of these
    says itself."""
    return {
        ".".join([package.name, *path.relative_to(package).with_suffix("").parts]): path.read_bytes().decode()
        for path in sorted(package.rglob("*.py"))
        if not path.name.startswith("_") or (path.stem == PACKAGE_FILE and path.parent != package)
    }


def build() -> str:
    """The merged file of this repository."""
    script = "".join(path.read_bytes().decode() for path in SCRIPTS)
    return merge(read_sources(PACKAGE), script=script)
