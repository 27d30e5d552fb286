"""The file that the command writes: what it is, and that it runs."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.conftest import SPARK_4_2
from tests.deploy.conftest import MERGED, OPTIONS, ROOT, Run
from tests.deploy.pipelines import CREATE, FOLDER, TABLES
from tests.deploy.vocabulary import INJECTION
from tests.deploy.workspace import Workspace
from tests.spark.declarative import Project
from tests.unit.test_pipeline import Engine, Reads

pytestmark = pytest.mark.usefixtures("connection")


# Does what Unity Catalog does: adds a connection's options where `databricks.connection` names it.
CATALOG = """\
from pyspark.sql.connect.datasource import DataSourceRegistration

register = DataSourceRegistration.register
CONNECTIONS = {{"my_aha": {connection!r}}}


def register_with_catalog(self, source):
    class FromCatalog(source):
        def __init__(self, options):
            super().__init__({{**CONNECTIONS[options["databricks.connection"]], **options}})

    register(self, FromCatalog)


DataSourceRegistration.register = register_with_catalog
"""


@pytest.mark.spark
@pytest.mark.skipif(not SPARK_4_2, reason="AUTO CDC came with Spark 4.2")
def test_the_written_file_is_a_pipeline_that_open_source_spark_accepts(
    run: Run, workspace: Workspace, tmp_path: Path
) -> None:
    config = {"track_deletes": True, "scd_type": "SCD_TYPE_2"}
    tables = [{"source_table": "ideas"}, {"source_table": "idea_comments", "table_configuration": config}]
    run(*CREATE, "-ps", json.dumps({"objects": [{"table": table} for table in tables]}))
    text = CATALOG.format(connection=OPTIONS) + workspace.files[f"{FOLDER}/ingest.py"]
    text = text.replace(f"/Workspace{FOLDER}/source/{MERGED}", str(ROOT / MERGED))
    done = Project(tmp_path, text).run("dry-run")
    assert done.returncode == 0


def test_the_written_file_loads_the_checked_out_merged_file_and_declares_its_tables(
    run: Run, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(*CREATE)
    text = workspace.files[f"{FOLDER}/ingest.py"]
    # The checkout, as the workspace would lay it.
    checkout = tmp_path / "Workspace"
    folder = checkout.joinpath(*Path(FOLDER).parts[1:], "source", "connector")
    folder.mkdir(parents=True)
    shutil.copy(ROOT / MERGED, folder)
    text = text.replace("'/Workspace", f"'{checkout}")
    engine = Engine("Databricks")
    monkeypatch.setattr("pyspark.pipelines", engine, raising=False)
    monkeypatch.setitem(sys.modules, "pyspark.pipelines", engine)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "_generated_aha_python_source", None)
    before = list(sys.path)
    reads = Reads()
    exec(compile(text, "ingest.py", "exec"), {"spark": reads})  # noqa: S102
    # The checkout's folder has modules called `errors` and `options`: it may hide nobody's.
    assert sys.path == before
    assert reads.conf.known[INJECTION] == "true"
    assert [found["name"] for word, found in engine.declared if word == "create_streaming_table"] == TABLES
    assert engine.queries["ideas_changes"]().asked[2]["databricks.connection"] == "my_aha"


def test_a_run_of_a_pipeline_that_does_not_ask_for_the_connections_options_fails_as_it_would_there(
    run: Run, workspace: Workspace
) -> None:
    run(*CREATE)
    place = f"{FOLDER}/ingest.py"
    workspace.files[place] = workspace.files[place].replace("optioninjection", "").replace("Injection", "")
    told = run("run_pipeline", "my_pipeline", "--wait", "--poll-seconds", 0, status=1).stderr
    assert "AhaOptionError: Option `api_key` is missing" in told
