"""The merged file: the same program as its modules, reproducible, and refusing what it could not keep."""

import ast
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyspark.cloudpickle as cloudpickle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.merge.mergeable import MergeError
from scripts.merge.merging import EXPORTS, OUTPUT, PACKAGE, SCRIPTS, build, merge, order, read_sources
from tests.conftest import merged_source
from tests.effort import times_the_work

ROOT = Path(__file__).parents[2]
MODULES = order(read_sources(ROOT / "connector"), [export.partition(":")[0] for export in EXPORTS])
TEXT = OUTPUT.read_text(encoding="utf-8")
REGISTER = "\n\ndef register(spark):\n    spark.append(seen())\n"


def run(sources: dict[str, str]) -> Any:
    """Merge, execute, register; returns what `seen()` of the last module gives."""
    text = merge({f"package.{name}": text for name, text in sources.items()}, ["package.main:register"])
    names: dict[str, Any] = {}
    exec(compile(text, "merged", "exec"), names)  # noqa: S102
    found: list[Any] = []
    names["register"](found)
    return found[0]


def main(text: str) -> dict[str, str]:
    return {"main": text + REGISTER}


# The proof that it is the same program.


def test_the_committed_file_is_what_the_sources_make() -> None:
    assert TEXT == build() == build()


def definitions(tree: ast.Module | ast.FunctionDef) -> list[str]:
    """Functions, classes and constants, as trees without places."""
    kinds = (ast.ClassDef, ast.FunctionDef, ast.Assign, ast.AnnAssign)
    return [ast.dump(node) for node in tree.body if isinstance(node, kinds)]


def test_every_function_class_and_constant_is_the_same_tree_as_in_its_module() -> None:
    functions = [node for node in ast.parse(TEXT).body if isinstance(node, ast.FunctionDef)]
    merged = definitions(functions[0])
    made = [found for module in MODULES for found in definitions(module.tree)]
    assert merged == made
    assert len(made) > 150


def travel(thing: Any) -> Any:
    """What arrives in another process."""
    return pickle.loads(cloudpickle.dumps(thing))  # type: ignore[no-untyped-call]  # noqa: S301


def test_the_registered_data_source_survives_cloudpickle_with_its_connector() -> None:
    options = {"api_key": "k", "subdomain": "company", "tableName": "ideas"}
    source = travel(merged_source()(options))
    assert source.name() == "lakeflow_connect"
    assert source.lakeflow_connect.list_tables()[0] == "ideas"
    assert type(travel(source.reader(source.schema()))).__name__ == "TableReader"


def test_the_merged_file_runs_with_nothing_of_this_repository_on_the_path(tmp_path: Path) -> None:
    script = (
        "import sys, importlib.util as util\n"
        f"spec = util.spec_from_file_location('merged', {str(OUTPUT)!r})\n"
        "module = util.module_from_spec(spec); spec.loader.exec_module(module)\n"
        "class Session:\n"
        "    @property\n    def dataSource(self): return self\n"
        "    def register(self, source): print(source.name(), sorted("
        "set(m.split('.')[0] for m in sys.modules) & "
        "{'connector', 'strict_cassettes', 'sandbox', 'scripts'}))\n"
        "module.register_lakeflow_source(Session())\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("lakeflow_connect []\n", "")


def test_the_merged_file_imports_only_what_databricks_brings() -> None:
    modules = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(TEXT))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert modules - set(sys.stdlib_module_names) == {"pyarrow", "pyspark", "requests"}


def test_the_header_names_every_input_and_no_date_or_path_of_a_machine() -> None:
    header = TEXT.split('"""')[1]
    assert all(module.path in header for module in MODULES)
    assert str(ROOT) not in TEXT


def test_building_takes_at_most_twenty_times_what_parsing_its_sources_takes() -> None:
    sources = read_sources(PACKAGE).values()
    assert times_the_work(build, lambda: [ast.parse(text) for text in sources]) < 20


def test_the_merge_script_stays_small() -> None:
    assert max(len(path.read_text().splitlines()) for path in SCRIPTS) < 250


# What is kept, construct by construct.

CONSTRUCTS: dict[str, tuple[str, Any]] = {
    "a plain import": ("import json\ndef seen(): return json.dumps([1])", "[1]"),
    "an aliased import": ("import json as j\ndef seen(): return j.dumps([1])", "[1]"),
    "a dotted import": ("import os.path\nimport os\ndef seen(): return os.path.basename('a/b')", "b"),
    "a from import": ("from json import dumps, loads\ndef seen(): return loads(dumps([1]))", [1]),
    "an aliased from import": ("from json import dumps as d\ndef seen(): return d([1])", "[1]"),
    "a parenthesised import with comments": (
        "from json import (  # why\n    dumps,  # one\n    # two\n    loads,\n)\n"
        "def seen(): return loads(dumps([1]))",
        [1],
    ),
    "a backslash import": (
        "from json import dumps, \\\n    loads\ndef seen(): return loads(dumps([1]))",
        [1],
    ),
    "an import with a trailing comment": ("import json  # noqa: F401\ndef seen(): return json.dumps(1)", "1"),
    "two imports on a line": (
        "import json; import math\ndef seen(): return json.dumps(math.floor(1.5))",
        "1",
    ),
    "an import for type checkers": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from no_such import Thing\n"
        "def seen(it: 'Thing' = 1): return it",
        1,
    ),
    "an import for type checkers, dotted": (
        "import typing\nif typing.TYPE_CHECKING:\n    import no_such\n"
        "def seen(it: 'no_such.X' = 1): return it",
        1,
    ),
    "a guarded import that is there": (
        "try:\n    import json as found\nexcept ImportError:\n    found = None\n"
        "def seen(): return found is None",
        False,
    ),
    "a guarded import that is missing": (
        "try:\n    # why\n    from no_such import x as found\nexcept ModuleNotFoundError:\n    found = None\n"
        "def seen(): return found is None",
        True,
    ),
    "annotations from the future": (
        "from __future__ import annotations\ndef seen(it: NoSuch = 1): return seen.__annotations__['it']",
        "NoSuch",
    ),
    "a string of several lines": ("V = '''one\ntwo\n  three'''\ndef seen(): return V", "one\ntwo\n  three"),
    "a docstring of several lines": (
        "def seen():\n    '''One.\n\n    Two.'''\n    return seen.__doc__",
        None,
    ),
    "an f-string with newlines": ('X = 1\nV = f"""a{X}\n  b{X}"""\ndef seen(): return V', "a1\n  b1"),
    "a nested f-string with newlines": (
        "X = 1\nV = f'''{f\"\"\"x\n{X}\"\"\"}\n'''\ndef seen(): return V",
        "x\n1\n",
    ),
    "a backslash in a string": ("V = 'back\\\nslash'\ndef seen(): return V", "backslash"),
    "implicit concatenation": ("V = ('one'\n     'two')\ndef seen(): return V", "onetwo"),
    "a raw string": ("V = r'''raw\\n\n'''\ndef seen(): return V", "raw\\n\n"),
    "bytes of several lines": ("V = b'''a\nb'''\ndef seen(): return V", b"a\nb"),
    "unicode": ("ключ = 'tab\\t日本語'\ndef seen(): return ключ", "tab\t日本語"),
    "tabs": ("def seen():\n\tif True:\n\t\treturn 'tab'", "tab"),
    "CRLF": ("V = '''a\r\nb'''\r\ndef seen():\r\n    return V\r\n", "a\nb"),
    "a byte order mark": ("\ufeffV = 1\ndef seen(): return V", 1),
    "decorators": (
        "import functools\ndef twice(f):\n    @functools.wraps(f)\n    def g(): return 2 * f()\n"
        "    return g\n"
        "@twice  # why\n@twice\ndef seen(): return 1",
        4,
    ),
    "nested functions and nonlocal": (
        "def seen():\n    n = 1\n    def up():\n        nonlocal n\n        n += 1\n    up()\n    return n",
        2,
    ),
    "a class with a base": ("class A:\n    x = 1\nclass B(A):\n    pass\ndef seen(): return B().x", 1),
    "a dataclass": (
        "from dataclasses import dataclass, field\n@dataclass(frozen=True)\nclass A:\n"
        "    x: list = field(default_factory=list)\n"
        "def seen(): return A().x",
        [],
    ),
    "a name that is bound twice": ("X = 1\nX = X + 1\ndef seen(): return X", 2),
    "an if __name__": ("def seen(): return 1\nif __name__ == '__main__':\n    raise SystemExit(seen())", 1),
    "an __all__": ("__all__ = ['seen']\ndef seen(): return 1", 1),
}


@pytest.mark.parametrize(("text", "value"), CONSTRUCTS.values(), ids=CONSTRUCTS)
def test_a_construct_means_the_same_in_the_merged_file(text: str, value: Any) -> None:
    sources = main(text)
    alone: dict[str, Any] = {"__name__": "package.main"}
    exec(compile(sources["main"].removeprefix("\ufeff"), "alone", "exec"), alone)  # noqa: S102
    expected = alone["seen"]()
    assert run(sources) == expected
    assert value is None or expected == value


def test_comments_formatting_and_docstrings_are_kept() -> None:
    text = merge(
        {
            "package.main": '"""What it is.\n\nMore."""\n\n# one\nX   =  1  # two\n\n\n'
            "def register(spark):\n    pass\n"
        },
        ["package.main:register"],
    )
    assert (
        "    # What it is.\n    #\n    # More.\n\n    # one\n    X   =  1  # two\n\n\n    def register"
        in text
    )


def test_an_unused_definition_is_kept() -> None:
    assert "def unused" in merge(main("def unused(): pass\ndef seen(): pass"), ["main:register"])


@pytest.mark.parametrize("end", ["", "\n", "\n\n\n", "  # last"])
def test_a_module_may_end_as_it_likes(end: str) -> None:
    assert (
        run({"low": f"X = 1{end}", "main": "from package.low import X\ndef seen(): return X" + REGISTER}) == 1
    )


@pytest.mark.parametrize("empty", ["", "\n", '"""Only this."""', "# only this\n"])
def test_a_module_may_be_empty(empty: str) -> None:
    sources = {"low": empty, "main": "import json\nfrom package.low import x\n" + REGISTER}
    text = merge({f"package.{name}": source for name, source in sources.items()}, ["package.main:register"])
    ast.parse(text)
    assert "package/low.py" in text


@pytest.mark.parametrize(
    "line",
    [
        "from package.low import f as dump",
        "from .low import f as dump",
        "from package.low import (f as dump)",
    ],
)
def test_imports_between_modules_are_resolved_with_their_aliases(line: str) -> None:
    low = "import json as j\n\ndef f(x):\n    return j.dumps(x)\n"
    assert run({"low": low, "main": f"{line}\ndef seen(): return dump([1])" + REGISTER}) == "[1]"


def test_modules_stand_after_those_they_import_whatever_their_names() -> None:
    sources = {
        "a": "from package.z import Z\nA = Z + 1\n",
        "z": "Z = 1\n",
        "main": "from package.a import A\ndef seen(): return A" + REGISTER,
    }
    assert run(sources) == 2


def test_an_import_for_type_checkers_may_go_round_in_a_circle() -> None:
    circle = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from package.main import seen\n"
    low = f"{circle}X: 'seen' = 1\n"
    assert run({"low": low, "main": "from package.low import X\ndef seen(): return X" + REGISTER}) == 1


def test_the_same_constant_and_the_same_function_may_stand_in_two_modules() -> None:
    same = "LIMIT = 5\ndef half(x): return x / 2\n"
    sources = {
        "low": same,
        "main": f"from package.low import LIMIT as L\n{same}def seen(): return half(L)" + REGISTER,
    }
    assert run(sources) == 2.5


# What is refused.

LOW = "from package.low import low\n"
REFUSALS: dict[str, tuple[dict[str, str], str]] = {
    "two modules define a name differently": (
        {"low": "low = X = 1\n", "main": f"{LOW}X = 2"},
        "also defined in package/low.py",
    ),
    "two modules define a class": (
        {"low": "low = 1\nclass X: pass\n", "main": f"{LOW}class X: pass"},
        "also defined in package/low.py",
    ),
    "two modules hold state of one name": (
        {"low": "low = 1\nX = []\n", "main": f"{LOW}X = []"},
        "also defined in",
    ),
    "an alias replaces another module's name": (
        {
            "low": "low = 1\ndef f(): pass\n",
            "other": "def g(): pass\n",
            "main": f"{LOW}from package.other import g as f\n",
        },
        "also defined in",
    ),
    "a name shadows an import": (
        {"low": "import json\nlow = 1\n", "main": f"{LOW}json = 1"},
        "`json` shadows an import",
    ),
    "a guarded name is shadowed": (
        {
            "low": "try:\n    import x as y\nexcept ImportError:\n    y = None\nlow = 1\n",
            "main": f"{LOW}y = 1",
        },
        "`y` shadows an import",
    ),
    "an import is another elsewhere": (
        {"low": "from json import loads as x\nlow = 1\n", "main": f"{LOW}from math import floor as x"},
        "`x` is something else in another module",
    ),
    "a name hides Python's own": ({"main": "def print(): pass"}, "`print` would hide Python's own"),
    "global": ({"main": "def f():\n    global X"}, "`global`"),
    "__file__": ({"main": "X = __file__"}, "`__file__`"),
    "__name__": ({"main": "import logging\nX = logging.getLogger(__name__)"}, "`__name__`"),
    "globals()": ({"main": "def f(): return globals()"}, "`globals`"),
    "eval": ({"main": "def f(): return eval('1')"}, "`eval`"),
    "a star import": ({"main": "from json import *"}, "star import"),
    "a relative import to outside the package": (
        {"main": "from ..other import x"},
        "reaches outside the package",
    ),
    "an import of the package itself": (
        {"main": "from . import low", "low": ""},
        "no module that can be merged",
    ),
    "a missing module": ({"main": "from package.missing import x"}, "no module that can be merged"),
    "a dotted import of the package": (
        {"main": "import package.low"},
        "write `from package.low import ...` instead",
    ),
    "a dynamic import": (
        {"main": "import importlib\ndef f(): return importlib.import_module('x')"},
        "dynamic import",
    ),
    "a dynamic import by name": ({"main": "from importlib import import_module"}, "dynamic import"),
    "__import__": ({"main": "X = __import__('json')"}, "`__import__`"),
    "an internal import in a function": (
        {"low": "", "main": "def f():\n    from package.low import x"},
        "top level",
    ),
    "an import cycle": (
        {"low": "from package.main import x\nlow = 1\n", "main": LOW},
        "import cycle: package.main -> package.low -> package.main",
    ),
    "a condition": ({"main": "if 1 > 0:\n    X = 1"}, "`if` at the top level"),
    "a try that guards no import": (
        {"main": "try:\n    import json\nexcept ValueError:\n    json = None"},
        "`try` at the",
    ),
    "a guarded internal import": (
        {"low": "", "main": "try:\n    from package.low import x\nexcept ImportError:\n    x = None"},
        "`try` at the top level",
    ),
    "a loop": ({"main": "for x in []:\n    pass"}, "`for` at the top level"),
    "an import beside a statement": ({"main": "import json; X = 1"}, "share a line"),
    "a lock": ({"main": "import threading\nLOCK = threading.Lock()"}, "`threading.Lock` makes state"),
    "an aliased lock in a class": (
        {"main": "from threading import RLock as L\nclass A:\n    lock = L()"},
        "`L` makes state that cannot be pickled",
    ),
    "a cached function": (
        {"main": "import functools\n@functools.lru_cache(maxsize=1)\ndef f(): pass"},
        "cannot be pickled",
    ),
    "an open file": ({"main": "F = open('x')"}, "cannot be pickled"),
    "a generator": ({"main": "G = (x for x in [])"}, "cannot be pickled"),
    "a class attribute named like what it uses": (
        {"main": "name = 1\nclass A:\n    name = name"},
        "class `A` both uses `name` and has an attribute of that name",
    ),
    "annotations of two kinds": (
        {"low": "from __future__ import annotations\nlow = 1\n", "main": f"{LOW}def f(x: int): pass"},
        "annotations would become texts",
    ),
    "a hoisted import hides Python's own": (
        {"main": "from math import pow"},
        "`pow` would hide Python's own",
    ),
    "a guarded import hides Python's own": (
        {"main": "try:\n    from x import open\nexcept ImportError:\n    open = None"},
        "`open` would hide Python's own",
    ),
    "the merged file's own parameter": (
        {"main": "spark = None"},
        "`spark` is a name of the merged file's own",
    ),
    "a constant that changes in one of two modules": (
        {"low": "X = 1\nX += 1\nlow = 1\n", "main": f"{LOW}X = 1"},
        "also defined in",
    ),
    "equal functions that keep state": (
        {"low": "def f(c=[]): pass\nlow = 1\n", "main": f"{LOW}def f(c=[]): pass"},
        "also defined in",
    ),
    **{
        f"a class that uses {what} it rebinds": (
            {"main": f"x = 1\nclass A:\n    {body}"},
            "class `A` both uses `x` and has an attribute of that name",
        )
        for what, body in {
            "a base": "class x(x): pass",
            "a decorator": "@x\n    def x(self): pass",
            "a default": "def x(self, n=x): pass",
            "a keyword default": "def x(self, *, n=x): pass",
            "an annotation": "def x(self) -> x: pass",
            "a lambda's default": "f = lambda n=x: n\n    x = 2",
        }.items()
    },
    "__doc__": ({"main": "X = __doc__"}, "`__doc__`"),
    "locals()": ({"main": "def f(): return locals()"}, "`locals`"),
    "__globals__": ({"main": "def f(): return f.__globals__"}, "`__globals__`"),
    "a use of __all__": ({"main": "__all__ = []\ndef f(): return __all__"}, "`__all__`: it is dropped"),
    "a walrus in a default": ({"main": "def f(x=(Y := 1)): pass"}, "`:=` outside a function"),
    "more than imports for type checkers": (
        {"main": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    X = int"},
        "`if` at the top level",
    ),
    "a form feed": ({"main": "X = 1\n\x0c"}, "a control character"),
    "a control character in the docstring": ({"main": '"""a \\r b"""'}, "a control character"),
    "a lock as a default": (
        {"main": "import threading\ndef f(lock=threading.Lock()): pass"},
        "`threading.Lock` makes state",
    ),
    "a lock's class under another name": ({"main": "import threading\nL = threading.Lock"}, "makes state"),
    "a cached property": (
        {"main": "import functools\nclass A:\n    @functools.cached_property\n    def x(self): pass"},
        "`functools.cached_property` makes state",
    ),
    "a type of a dataclass as text": (
        {"main": "from dataclasses import dataclass\n@dataclass\nclass A:\n    other: 'A'"},
        "class `A` writes a field's type as text",
    ),
    "a generator in a class": ({"main": "class A:\n    g = (x for x in [])"}, "cannot be pickled"),
    "a syntax error": ({"main": "def f(:"}, "package/main.py:1: "),
}


@pytest.mark.parametrize(("sources", "reason"), REFUSALS.values(), ids=REFUSALS)
def test_what_cannot_be_merged_is_refused_with_its_place_and_reason(
    sources: dict[str, str], reason: str
) -> None:
    sources = sources | {"main": f"{sources['main']}\ndef seen(): return 1" + REGISTER}
    with pytest.raises(MergeError) as caught:
        run(sources)
    assert reason in str(caught.value)
    if not reason.startswith("import cycle"):
        assert str(caught.value).startswith(("package/main.py:", "package/low.py:"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def other(): pass", "there is no function `ingest` to offer"),
        ("def ingest(spark, *, limit=1): pass", "its parameters must be plain"),
        ("def ingest(spark, *rest): pass", "its parameters must be plain"),
        ("L = 1\ndef ingest(spark, limit=L): pass", "its parameters must be plain"),
        ("def ingest(): pass", "its parameters must be plain"),
    ],
)
def test_what_the_merged_file_offers_must_be_a_plain_function(text: str, reason: str) -> None:
    with pytest.raises(MergeError, match=reason):
        merge({"package.main": text + REGISTER}, ["package.main:register", "package.main:ingest"])


# Whatever is merged behaves as before.

NUMBERS = st.integers(-9, 9).map(str)
TEXTS = st.text(alphabet="a\n\t '\"\\{}é#", max_size=8).map(repr)
LONG_TEXTS = st.text(alphabet="a\n\t #é", max_size=8).map(lambda text: f'"""{text}"""')
STYLES = st.sampled_from(["    ", "  ", "\t"])


@st.composite
def packages(draw: st.DrawFn) -> dict[str, str]:
    """Modules `m0`, `m1`, ...: each imports from those before it, and has a constant, a function, a class."""
    sources: dict[str, str] = {}
    for number in range(draw(st.integers(1, 4))):
        tab, ending = draw(STYLES), draw(st.sampled_from(["\n", "\r\n"]))
        lines = [
            draw(
                st.sampled_from(
                    ['"""A module.\n\nOf tests."""', "# a comment", "import json", "import json as j"]
                )
            )
        ]
        used = []
        for other in draw(st.lists(st.integers(0, number - 1), unique=True)) if number else []:
            alias = draw(st.sampled_from(["", f" as alias_{number}_{other}"]))
            form = draw(st.sampled_from([f"from package.m{other}", f"from .m{other}"]))
            lines.append(f"{form} import f{other}{alias}")
            used.append(f"alias_{number}_{other}()" if alias else f"f{other}()")
        value = draw(NUMBERS | TEXTS | LONG_TEXTS)
        lines += [
            f"C{number} = {value}",
            f"class K{number}:",
            f"{tab}'''About\n{tab}{tab}it.'''",
            f"{tab}attribute = C{number}",
            f"def f{number}(x={draw(NUMBERS)}):",
            f"{tab}y = [K{number}.attribute, C{number}, x, f'{{x}}', K{number}.__doc__]",
            f"{tab}return [*y, {', '.join(used)}]",
        ]
        sources[f"m{number}"] = ending.join(lines) + draw(st.sampled_from(["", ending]))
    return sources


@given(packages())
def test_a_generated_package_behaves_as_it_did_before_it_was_merged(
    tmp_path_factory: pytest.TempPathFactory, sources: dict[str, str]
) -> None:
    names = [name.replace("m", "f") for name in sources]
    imports = "".join(f"from package.m{number} import f{number}\n" for number in range(len(sources)))
    whole = sources | {
        "main": f"{imports}def seen(): return [{', '.join(f'{name}()' for name in names)}]" + REGISTER
    }
    place = tmp_path_factory.mktemp("merge")
    (place / "package").mkdir()
    for name, text in whole.items():
        (place / "package" / f"{name}.py").write_bytes(text.encode())
    before = load_package(place)
    assert run(whole) == before


def load_package(place: Path) -> Any:
    """What the package's own `seen()` gives, imported the ordinary way."""
    sys.path.insert(0, str(place))
    try:
        module = __import__("package.main", fromlist=["seen"])
        return module.seen()
    finally:
        sys.path.remove(str(place))
        for name in [name for name in sys.modules if name.partition(".")[0] == "package"]:
            del sys.modules[name]
