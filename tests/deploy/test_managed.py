"""Managed ingestion: wheels, pipelines over them, and the tile."""

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import pytest
from strict_cassettes.server import serving

from connector.tables import TABLES as DECLARED
from tests.deploy.conftest import MERGED, ROOT, Run
from tests.deploy.vocabulary import COMMUNITY, REGISTERS
from tests.deploy.workspace import USER, Workspace
from tests.places import SANDBOX_SET

FOLDER = "/Volumes/main/aha/community_connector/packages"
PACKAGE = "databricks/labs/community_connector/sources/aha"
CREATE = ("create_pipeline", "aha", "my_pipeline", "-n", "my_aha", "--managed")


pytestmark = pytest.mark.usefixtures("connection")


def spec_of(workspace: Workspace) -> dict[str, Any]:
    (pipeline,) = workspace.pipelines.values()
    spec: dict[str, Any] = pipeline["spec"]
    return spec


def test_a_managed_pipeline_is_made_over_wheels_in_a_volume_and_without_a_checkout(
    run: Run, workspace: Workspace, wheels: tuple[str, ...]
) -> None:
    done = run(*CREATE, *wheels, "--output", "json")
    assert spec_of(workspace)["configuration"] == {REGISTERS: "true"}
    definition = spec_of(workspace)["ingestion_definition"]
    assert (definition["source_type"], definition["connection_name"]) == (COMMUNITY, "my_aha")
    assert definition["objects"][0]["table"] == {
        "source_schema": "default",
        "source_table": "ideas",
        "destination_catalog": "main",
        "destination_schema": "aha",
    }
    dependencies = spec_of(workspace)["environment"]["dependencies"]
    assert dependencies == json.loads(done.stdout)["wheels"]
    assert [Path(path).parents[1] for path in dependencies] == [Path(FOLDER)] * 2
    assert all(workspace.volumes[path] for path in dependencies)
    assert workspace.repos == {}
    assert "libraries" not in spec_of(workspace)


def test_options_of_the_source_are_translated_and_not_dropped(
    run: Run, workspace: Workspace, wheels: tuple[str, ...]
) -> None:
    config = {
        "scd_type": "SCD_TYPE_2",
        "primary_keys": ["id"],
        "sequence_by": "updated_at",
        "cluster_by": "id",
        "track_deletes": True,
        "max_records_per_batch": 500,
    }
    table = {"source_table": "ideas", "destination_table": "t", "table_configuration": config}
    run(*CREATE, *wheels, "-ps", json.dumps({"objects": [{"table": table}]}))
    [entry] = spec_of(workspace)["ingestion_definition"]["objects"]
    assert entry["table"]["table_configuration"] == {
        "scd_type": "SCD_TYPE_2",
        "primary_keys": ["id"],
        "sequence_by": ["updated_at"],
        "clustering_columns": ["id"],
    }
    assert entry["table"]["connector_options"] == {
        "community_connector_options": {"options": {"track_deletes": "true", "max_records_per_batch": "500"}}
    }


def test_an_update_replaces_what_it_manages_and_keeps_the_rest(
    run: Run, workspace: Workspace, wheels: tuple[str, ...]
) -> None:
    run(*CREATE, *wheels)
    spec = spec_of(workspace)
    spec |= {"notifications": [{"email_recipients": [USER]}], "tags": {"team": "feedback"}}
    spec["configuration"]["mine"] = "kept"
    before = json.loads(json.dumps(spec))
    tables = {"objects": [{"table": {"source_table": "idea_comments"}}]}
    run("update_pipeline", "aha", "my_pipeline", "--managed", "-ps", json.dumps(tables))
    after = spec_of(workspace)
    changed = {"ingestion_definition"}
    assert {key for key in before if before[key] != after[key]} == changed
    assert [entry["table"]["source_table"] for entry in after["ingestion_definition"]["objects"]] == [
        "idea_comments"
    ]


def test_an_update_changes_the_wheels_that_are_given_and_no_other_dependency(
    run: Run, workspace: Workspace, wheels: tuple[str, ...]
) -> None:
    run(*CREATE, *wheels)
    spec = spec_of(workspace)
    spec["environment"] = {"dependencies": ["pandas", *spec["environment"]["dependencies"]], "version": "3"}
    run("update_pipeline", "aha", "my_pipeline", "--managed", *wheels)
    after = spec_of(workspace)["environment"]
    assert after["version"] == "3"
    assert (after["dependencies"][0], len(after["dependencies"])) == ("pandas", 3)


def test_a_pipeline_over_another_kind_of_source_is_not_touched(
    run: Run, workspace: Workspace, wheels: tuple[str, ...]
) -> None:
    run(*CREATE, *wheels)
    spec_of(workspace)["ingestion_definition"]["source_type"] = "SALESFORCE"
    told = run("update_pipeline", "aha", "my_pipeline", "--managed", status=2).stderr
    assert "ingests from SALESFORCE, and not by a community connector" in told
    assert not [request for request in workspace.asked if request.startswith("PUT /api/2.0/pipelines")]


def test_half_done_managed_work_is_undone_with_the_volume_it_made_and_no_other(
    run: Run, workspace: Workspace, wheels: tuple[str, ...]
) -> None:
    workspace.faults["POST /api/2.0/pipelines"] = [500]
    told = run(*CREATE, *wheels, status=1).stderr
    assert "volume main.aha.community_connector: removed again" in told
    assert (workspace.schemas, workspace.volumes, workspace.pipelines) == (set(), {}, {})
    run("upload", "aha", *wheels)
    before = dict(workspace.volumes)
    workspace.faults["POST /api/2.0/pipelines"] = [500]
    run(*CREATE, *wheels, status=1)
    assert workspace.volumes == before


@pytest.mark.parametrize("option", ["--wheel", "--framework-wheel"])
def test_a_file_that_is_no_wheel_is_refused_before_the_first_request(
    option: str, run: Run, workspace: Workspace, wheels: tuple[str, ...], clone: Path
) -> None:
    (clone / "x-1-py3-none-any.whl").write_text("no archive")
    told = run(*CREATE, *wheels, option, "x-1-py3-none-any.whl", status=2).stderr
    assert f"{option}: x-1-py3-none-any.whl is no wheel" in told
    assert workspace.log == []


def test_wheels_that_were_swapped_are_refused_before_the_first_request(
    run: Run, workspace: Workspace, wheels: tuple[str, ...]
) -> None:
    connector, framework = wheels[1], wheels[3]
    told = run(*CREATE, "--wheel", framework, "--framework-wheel", framework, status=2).stderr
    assert "does not hold the source `aha`" in told
    told = run(*CREATE, "--wheel", connector, "--framework-wheel", connector, status=2).stderr
    assert "is a connector's. The framework's:" in told
    assert workspace.log == []


def test_a_wheel_that_would_bring_its_own_pyspark_is_refused(
    run: Run, workspace: Workspace, wheels: tuple[str, ...], clone: Path
) -> None:
    heavy = clone / Path(wheels[1]).name
    with zipfile.ZipFile(wheels[1]) as made, zipfile.ZipFile(heavy, "w") as other:
        for name in made.namelist():
            more = b"\nRequires-Dist: pyspark>=4\n" if name.endswith("METADATA") else b""
            other.writestr(name, made.read(name).rstrip() + more)
    told = run(*CREATE, "--wheel", heavy, *wheels[2:], status=2).stderr
    assert "depends on pyspark, which would break the cluster's own" in told
    assert workspace.log == []


@pytest.mark.parametrize(
    "old",
    [
        "lakeflow_community_connectors_aha==0.0.1",
        "/Volumes/main/aha/x/lakeflow_community_connectors_aha-0.0.1-py3-none-any.whl",
    ],
)
def test_an_update_leaves_no_older_version_beside_the_new_one(
    old: str, run: Run, workspace: Workspace, wheels: tuple[str, ...]
) -> None:
    run(*CREATE, *wheels)
    workspace.volumes[old] = b"old"
    spec_of(workspace)["environment"] = {"dependencies": [old, "pandas"]}
    run("update_pipeline", "aha", "my_pipeline", "--managed", *wheels)
    after = spec_of(workspace)["environment"]["dependencies"]
    assert old not in after
    assert (after[0], len(after)) == ("pandas", 3)


def test_each_kind_of_update_is_refused_for_the_other_kind_of_pipeline(
    run: Run, workspace: Workspace, wheels: tuple[str, ...]
) -> None:
    run(*CREATE, *wheels)
    assert (
        "is managed ingestion: give --managed"
        in run("update_pipeline", "aha", "my_pipeline", status=2).stderr
    )
    run("create_pipeline", "aha", "other", "-n", "my_aha")
    told = run("update_pipeline", "aha", "other", "--managed", status=2).stderr
    assert "is no managed ingestion: leave out --managed" in told


def test_without_the_frameworks_wheel_it_says_how_to_build_one(run: Run, workspace: Workspace) -> None:
    told = run(*CREATE, status=2).stderr
    assert "--framework-wheel is missing; it is in no registry. Build it once: pip wheel" in told
    assert workspace.log == []


def test_an_older_connection_is_refused_before_anything_is_uploaded(
    run: Run, workspace: Workspace, wheels: tuple[str, ...]
) -> None:
    workspace.connections["my_aha"]["connection_type"] = "GENERIC_LAKEFLOW_CONNECT"
    told = run(*CREATE, *wheels, status=1).stderr
    assert "managed ingestion needs COMMUNITY" in told
    assert workspace.volumes == {}


def test_upload_publish_and_unpublish(run: Run, workspace: Workspace, wheels: tuple[str, ...]) -> None:
    done = run("upload", "aha", *wheels, "--output", "json")
    uploaded = json.loads(done.stdout)["wheels"]
    dependencies = [part for path in uploaded for part in ("--dependency", path)]
    run("publish", "aha", *dependencies)
    path = f"/Users/{USER}/.community-connectors/Aha.connector.json"
    manifest = json.loads(workspace.files[path])
    assert (manifest["id"], manifest["sourceName"], manifest["displayName"]) == ("AHA", "aha", "Aha")
    assert manifest["dependencies"] == uploaded
    secrets = [
        found["name"]
        for found in manifest["connectionSpec"]["connection"]["parameters"]
        if found.get("secret")
    ]
    assert secrets == ["api_key"]
    run("unpublish", "aha")
    assert path not in workspace.files
    assert "was not published" in run("unpublish", "aha", status=1).stderr


def test_a_display_name_that_a_workspace_refuses_is_refused_here(run: Run, clone: Path) -> None:
    spec = clone / "connector_spec.yaml"
    spec.write_text(spec.read_text().replace("display_name: Aha", "display_name: Aha!"))
    assert "may have letters, digits, spaces, `_` and `-` only" in run("publish", "aha", status=2).stderr


READ = """
import sys
from pyspark.sql import SparkSession
from databricks.labs.community_connector.sources.aha import AhaDataSource

assert not [name for name in sys.modules if name.split(".")[0] == "connector"]
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
spark.sparkContext.setLogLevel("OFF")
spark.dataSource.register(AhaDataSource)
options = {"tableName": "ideas", "api_key": "k", "subdomain": "company", "base_url": sys.argv[1]}
rows = spark.read.format("lakeflow_connect").options(**options).load().collect()
print("rows:", len(rows), AhaDataSource.__mro__[1].__name__, AhaDataSource._lakeflow_connect_cls.__name__)
"""


@pytest.mark.spark
def test_the_wheel_alone_reads_a_recorded_table_in_spark(wheels: tuple[str, ...], tmp_path: Path) -> None:
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    subprocess.run([*install, "--target", str(site), wheels[1]], check=True, capture_output=True)
    names = zipfile.ZipFile(wheels[1]).namelist()
    assert (site / PACKAGE / Path(MERGED).name).read_bytes() == (ROOT / MERGED).read_bytes()
    # It brings no module of a package that the framework has: both lie in one place.
    assert [name for name in names if name.endswith("__init__.py")] == [f"{PACKAGE}/__init__.py"]
    [metadata] = [name for name in names if name.endswith("METADATA")]
    assert "pyspark" not in (site / metadata).read_text()
    (tmp_path / "read.py").write_text(READ)
    # Nothing but the wheel and what it depends on: no checkout, no current directory.
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{site}{os.pathsep}{sysconfig.get_path('purelib')}",
        "PYTHONSAFEPATH": "1",
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    with serving([SANDBOX_SET / "ideas" / "one_page.json"]) as replay:
        command = [sys.executable, "-S", "read.py", replay.url]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == "rows: 24 LakeflowSource AhaLakeflowConnect\n"


FRAMEWORK = """
from pyspark.sql.datasource import DataSource

class LakeflowSource(DataSource):
    def __init__(self, options):
        super().__init__(options)
        self.framework = type(self)._lakeflow_connect_cls(options)
"""
UNDER_FRAMEWORK = """
from databricks.labs.community_connector.sources.aha import AhaDataSource
from databricks.labs.community_connector.sparkpds import LakeflowSource

source = AhaDataSource({"tableName": "ideas", "api_key": "k", "subdomain": "company"})
print(issubclass(AhaDataSource, LakeflowSource), type(source.framework).__name__, source.name())
print(len(source.lakeflow_connect.list_tables()))
"""


def test_with_the_framework_the_class_is_one_of_its_sources(wheels: tuple[str, ...], tmp_path: Path) -> None:
    with zipfile.ZipFile(wheels[1]) as wheel:
        wheel.extractall(tmp_path)
    framework = tmp_path / "databricks" / "labs" / "community_connector" / "sparkpds"
    framework.mkdir()
    (framework / "__init__.py").write_text(FRAMEWORK)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{sysconfig.get_path('purelib')}",
    }
    command = [sys.executable, "-S", "-c", UNDER_FRAMEWORK]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout == f"True AhaLakeflowConnect lakeflow_connect\n{len(DECLARED)}\n", done.stderr[-2000:]
