"""The merged file: complete, reproducible, and refusing what it could not keep."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts.merge_python_source import ENTRY, OUTPUT, MergeError, build, merge, order, read_sources
from tests.conftest import Registrar

ROOT = Path(__file__).parents[2]
MERGED = [module.name for module in order(read_sources(ROOT / "connector"), ENTRY)]
SOURCE = "class TinySource:\n    pass\n"


def run(sources: dict[str, str]) -> Any:
    """Merge and execute; returns what `TinySource.seen` holds."""
    text = merge({f"connector.{name}": text for name, text in sources.items()}, "connector.main")
    names: dict[str, Any] = {}
    exec(compile(text, "merged", "exec"), names)  # noqa: S102
    registrar = Registrar()
    names["register_lakeflow_source"](registrar)
    return registrar.found[0].seen


def test_the_committed_file_is_what_the_sources_make() -> None:
    assert OUTPUT.read_text(encoding="utf-8") == build() == build()


def test_the_merged_file_runs_with_nothing_of_this_repository_on_the_path(tmp_path: Path) -> None:
    script = (
        "import sys, importlib.util as util\n"
        f"spec = util.spec_from_file_location('merged', {str(OUTPUT)!r})\n"
        "module = util.module_from_spec(spec); spec.loader.exec_module(module)\n"
        "class Session:\n"
        "    @property\n    def dataSource(self): return self\n"
        "    def register(self, source): print(source.name(), sorted("
        "set(m.split('.')[0] for m in sys.modules) & {'connector', 'harness', 'sandbox', 'scripts'}))\n"
        "module.register_lakeflow_source(Session())\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("lakeflow_connect []\n", "")


def test_the_merged_file_imports_only_what_databricks_brings() -> None:
    tree = ast.parse(OUTPUT.read_text(encoding="utf-8"))
    modules = {
        name.split(".")[0]
        for node in ast.walk(tree)
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
    header = OUTPUT.read_text(encoding="utf-8").split('"""')[1]
    assert all(f"{name.replace('.', '/')}.py" in header for name in MERGED)
    assert str(ROOT) not in OUTPUT.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "value",
    [
        "'''one\ntwo\n  three'''",
        'f"""a{1}\nb{2}"""',
        "'back\\\nslash'",
        "('one'\n 'two')",
        "'tab\\t日本語'",
        "r'''raw\\n\n'''",
    ],
    ids=["lines", "f-string", "backslash", "implicit", "unicode", "raw"],
)
def test_no_string_changes_its_value(value: str) -> None:
    sources = {"main": f"VALUE = {value}\n\n\nclass TinySource:\n    seen = VALUE\n"}
    assert run(sources) == eval(value)  # noqa: S307


@pytest.mark.parametrize(("module", "seen"), [("json", True), ("no_such_module", False)])
def test_an_import_that_a_machine_may_lack_stays_guarded(module: str, seen: bool) -> None:
    guarded = f"try:\n    import {module} as found\nexcept ImportError:\n    found = None\n"
    source = "\n\nclass TinySource:\n    seen = found is not None\n"
    assert run({"main": guarded + source}) is seen


def test_imports_between_modules_are_resolved_with_their_aliases() -> None:
    seen = run(
        {
            "low": "import json as j\n\ndef f(x):\n    return j.dumps(x)\n",
            "main": "from connector.low import f as dump\n\n\nclass TinySource:\n    seen = dump([1])\n",
        }
    )
    assert seen == "[1]"


@pytest.mark.parametrize(
    ("sources", "reason"),
    [
        ({"a": "X = 1\n", "main": f"from connector.a import X\n\nX = 2\n{SOURCE}"}, "also defined in"),
        ({"a": "import json\n", "main": f"from connector.a import y\njson = 1\n{SOURCE}"}, "shadows"),
        ({"main": f"def f():\n    global X\n{SOURCE}"}, "`global`"),
        ({"main": f"X = __file__\n{SOURCE}"}, "__file__"),
        ({"main": f"from json import *\n{SOURCE}"}, "star import"),
        ({"main": f"from . import other\n{SOURCE}"}, "cannot merge an import"),
        ({"main": f"from connector.missing import x\n{SOURCE}"}, "cannot merge an import"),
        ({"main": f"import connector.other\n{SOURCE}"}, "instead"),
        ({"a": "", "main": f"def f():\n    from connector.a import x\n{SOURCE}"}, "top level"),
        ({"a": "from connector.main import x\n", "main": f"from connector.a import y\n{SOURCE}"}, "cycle"),
        ({"main": f"try:\n    import json\nexcept ValueError:\n    json = None\n{SOURCE}"}, "conditional"),
        ({"main": f"if 1 > 0:\n    import json\n{SOURCE}"}, "conditional"),
        (
            {"a": "from json import loads as x\n", "main": f"from connector.a import q\nimport x\n{SOURCE}"},
            "elsewhere",
        ),
    ],
)
def test_what_cannot_be_merged_is_refused_with_its_place_and_reason(
    sources: dict[str, str], reason: str
) -> None:
    with pytest.raises(MergeError) as caught:
        run(sources)
    assert reason in str(caught.value)
    assert "connector" in str(caught.value)
