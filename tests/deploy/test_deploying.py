"""`create_pipeline`, `update_pipeline`, `run_pipeline` and `show_pipeline`, and the file they write."""

import ast
import base64
import json
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SPARK_4_2
from tests.deploy.conftest import MERGED, OPTIONS, ROOT, URL, Run, git
from tests.deploy.workspace import USER, Workspace
from tests.spark.declarative import Project
from tests.unit.test_pipeline import Engine, Reads

CREATE = ("create_pipeline", "aha", "my_pipeline", "-n", "my_aha")
FOLDER = f"/Users/{USER}/community-connectors/my_pipeline"
TABLES = ["ideas", "idea_proxy_votes", "idea_comments", "idea_portal_comments"]
CONNECTIONS, PIPELINES = "/api/2.1/unity-catalog/connections", "/api/2.0/pipelines"


@pytest.fixture(autouse=True)
def connection(workspace: Workspace) -> None:
    workspace.connections["my_aha"] = {"name": "my_aha", "options": {}}


def spec_in(workspace: Workspace) -> dict[str, Any]:
    """What the written file would ingest: a literal, read without running it."""
    tree = ast.parse(workspace.files[f"{FOLDER}/ingest.py"])
    (value,) = (node.value for node in tree.body if isinstance(node, ast.Assign))
    found: dict[str, Any] = ast.literal_eval(value)
    return found


def test_a_pipeline_is_made_with_all_tables_in_this_order_of_requests(run: Run, workspace: Workspace) -> None:
    done = run(*CREATE, "--catalog", "main", "--schema", "aha", "--output", "json")
    assert workspace.asked == [
        f"GET {CONNECTIONS}/my_aha",
        f"GET {PIPELINES}",
        "GET /api/2.0/preview/scim/v2/Me",
        "GET /api/2.0/workspace/get-status",
        "POST /api/2.0/workspace/mkdirs",
        "POST /api/2.0/repos",
        "PATCH /api/2.0/repos/1",
        "POST /api/2.0/workspace/import",
        f"POST {PIPELINES}",
    ]
    (repo,) = workspace.repos.values()
    assert (repo["url"], repo["provider"], repo["branch"]) == (URL, "gitHub", "main")
    assert (repo["path"], repo["sparse_checkout"]) == (f"{FOLDER}/source", {"patterns": ["connector"]})
    (pipeline,) = workspace.pipelines.values()
    assert pipeline["spec"] == {
        "name": "my_pipeline",
        "catalog": "main",
        "target": "aha",
        "channel": "CURRENT",
        "continuous": False,
        "development": False,
        "serverless": True,
        "root_path": f"/Workspace{FOLDER}",
        "libraries": [{"file": {"path": f"/Workspace{FOLDER}/ingest.py"}}],
    }
    assert spec_in(workspace) == {
        "connection_name": "my_aha",
        "objects": [{"table": {"source_table": table}} for table in TABLES],
    }
    assert json.loads(done.stdout) == {
        "status": "created",
        "name": "my_pipeline",
        "pipeline_id": "pipeline-2",
        "tables": TABLES,
    }


def test_a_pipeline_spec_becomes_a_python_literal(run: Run, workspace: Workspace, clone: Path) -> None:
    config = {"scd_type": "SCD_TYPE_2", "track_deletes": True, "cluster_by": ["id"]}
    table = {"source_table": "ideas", "destination_table": "t", "table_configuration": config}
    (clone / "pipeline.json").write_text(json.dumps({"objects": [{"table": table}]}))
    run(*CREATE, "-ps", "pipeline.json")
    assert spec_in(workspace) == {"connection_name": "my_aha", "objects": [{"table": table}]}
    assert "true" not in workspace.files[f"{FOLDER}/ingest.py"]


def test_a_config_file_gives_what_the_command_line_does_not(
    run: Run, workspace: Workspace, clone: Path
) -> None:
    (clone / "deploy.yaml").write_text("catalog: dev\nschema: feedback\nbranch: release\n")
    run(*CREATE, "--config", "deploy.yaml", "--schema", "mine")
    (pipeline,) = workspace.pipelines.values()
    assert (pipeline["spec"]["catalog"], pipeline["spec"]["target"]) == ("dev", "mine")
    assert workspace.repos[1]["branch"] == "release"
    (clone / "deploy.yaml").write_text("catalogue: dev\n")
    done = run(*CREATE, "--config", "deploy.yaml", status=2)
    assert "('catalogue' was unexpected)" in done.stderr


def test_running_it_twice_says_that_the_pipeline_exists_and_changes_nothing(
    run: Run, workspace: Workspace
) -> None:
    run(*CREATE)
    before = json.dumps([workspace.files, workspace.pipelines, workspace.repos])
    done = run(*CREATE, "--schema", "other")
    assert "status: exists" in done.stdout
    assert json.dumps([workspace.files, workspace.pipelines, workspace.repos]) == before


def test_a_name_that_only_looks_like_it_is_another_pipeline(run: Run, workspace: Workspace) -> None:
    workspace.page_size = 1
    for name in ("myXpipeline", "my-pipeline"):
        workspace.pipelines[name] = {"pipeline_id": name, "spec": {"name": name}}
    assert "status: created" in run(*CREATE).stdout
    # The second page holds it.
    assert "status: exists" in run(*CREATE).stdout


def test_a_dry_run_prints_every_request_and_sends_none(run: Run, workspace: Workspace) -> None:
    done = run(*CREATE, "--dry-run")
    lines = done.stdout.splitlines()
    assert done.stderr == "Nothing was sent.\n"
    assert [" ".join(line.split()[:2]).partition("?")[0] for line in lines] == [
        f"GET {CONNECTIONS}/my_aha",
        f"GET {PIPELINES}",
        "GET /api/2.0/preview/scim/v2/Me",
        "GET /api/2.0/workspace/get-status",
        "POST /api/2.0/workspace/mkdirs",
        "POST /api/2.0/repos",
        "PATCH /api/2.0/repos/REPO_ID",
        "POST /api/2.0/workspace/import",
        f"POST {PIPELINES}",
    ]
    written = json.loads(lines[7].split(" ", 2)[2])["content"]
    assert b"from _generated_aha_python_source import ingest" in base64.b64decode(written)
    assert workspace.log == []


STEPS = [
    ("POST /api/2.0/workspace/mkdirs", 1),
    ("POST /api/2.0/repos", 1),
    ("PATCH /api/2.0/repos", 2),
    ("POST /api/2.0/workspace/import", 2),
    (f"POST {PIPELINES}", 2),
]


@pytest.mark.parametrize(
    ("step", "made", "status"),
    [*((step, made, 403) for step, made in STEPS), (*STEPS[-1], 409), (*STEPS[-1], 500)],
)
def test_half_done_work_is_told_and_undone(
    step: str, made: int, status: int, run: Run, workspace: Workspace
) -> None:
    workspace.faults[step] = [status]
    told = run(*CREATE, status=1).stderr
    assert told.count("removed again") == made
    assert step in told
    assert (workspace.files, workspace.repos, workspace.pipelines) == ({}, {}, {})


def test_a_pipeline_whose_answer_was_lost_is_found_and_removed(run: Run, workspace: Workspace) -> None:
    workspace.answers_without["pipeline_id"] = f"POST {PIPELINES}"
    told = run(*CREATE, status=1).stderr
    assert "The workspace's answer has no `pipeline_id`" in told
    assert "pipeline my_pipeline: removed again" in told
    assert (workspace.files, workspace.repos, workspace.pipelines) == ({}, {}, {})


def test_a_command_that_is_stopped_undoes_its_work(run: Run, workspace: Workspace) -> None:
    workspace.slow = "POST /api/2.0/workspace/import"
    started = run(*CREATE, wait=False)
    workspace.reached.wait(30)
    # Ctrl-C takes the same way; but whoever runs the suite in the background has it ignored.
    started.send_signal(signal.SIGTERM)
    workspace.go_on.set()
    told = started.communicate(timeout=30)[1]
    assert started.returncode == 1
    assert told.count("removed again") == 2
    assert (workspace.files, workspace.repos, workspace.pipelines) == ({}, {}, {})


def test_half_done_work_stays_where_that_is_asked_for(run: Run, workspace: Workspace) -> None:
    workspace.faults[f"POST {PIPELINES}"] = [500]
    told = run(*CREATE, "--keep", status=1).stderr
    assert told.count("stays (--keep)") == 3
    assert len(workspace.repos) == 1
    again = run(*CREATE, status=1).stderr
    assert f"The workspace folder {FOLDER} is there already" in again


def test_what_cannot_be_removed_again_is_named(run: Run, workspace: Workspace) -> None:
    workspace.faults[f"POST {PIPELINES}"] = [500]
    workspace.faults["DELETE /api/2.0/repos"] = [403]
    told = run(*CREATE, status=1).stderr
    assert f"checkout {FOLDER}/source: may still be there, remove it by hand" in told
    assert f"folder {FOLDER}: removed again" in told


WRONG_SPECS: list[tuple[dict[str, Any], str]] = [
    ({"objects": []}, "objects: [] should be non-empty."),
    (
        {"objects": [{"table": {"source_table": "idea"}}]},
        "objects[0].table.source_table: 'idea' is not one of ['ideas'",
    ),
    ({"objects": [{"table": {}}]}, "objects[0].table: 'source_table' is a required property."),
    ({"objects": [{"tabel": {}}]}, "'tabel' was unexpected"),
    (
        {"objects": [{"table": {"source_table": "ideas"}}], "x": 1},
        "spec: Additional properties are not allowed ('x'",
    ),
    (
        {"objects": [{"table": {"source_table": "ideas", "table_configuration": {"scd_type": "TYPE_3"}}}]},
        "objects[0].table.table_configuration.scd_type: 'TYPE_3' is not one of",
    ),
    (
        {"objects": [{"table": {"source_table": "ideas", "table_configuration": {"max_idea": 1}}}]},
        "objects[0].table.table_configuration: Additional properties are not allowed ('max_idea'",
    ),
    (
        {"objects": [{"table": {"source_table": "ideas", "destination_table": "a.b"}}]},
        "objects[0].table.destination_table: 'a.b' does not match",
    ),
    (
        {"connection_name": "other", "objects": [{"table": {"source_table": "ideas"}}]},
        "--connection-name is `my_aha`; the spec says `other`.",
    ),
]


@pytest.mark.parametrize(("spec", "says"), WRONG_SPECS)
def test_a_wrong_pipeline_spec_is_refused_before_the_first_request(
    spec: dict[str, Any], says: str, run: Run, workspace: Workspace
) -> None:
    assert says in run(*CREATE, "-ps", json.dumps(spec), status=2).stderr
    assert workspace.log == []


def test_a_connection_that_is_not_there_is_told_before_anything_is_made(
    run: Run, workspace: Workspace
) -> None:
    workspace.connections.clear()
    assert "There is no connection `my_aha`" in run(*CREATE, status=1).stderr
    assert workspace.asked == [f"GET {CONNECTIONS}/my_aha"]


def test_a_branch_that_holds_another_file_is_refused(run: Run, workspace: Workspace, clone: Path) -> None:
    with (clone / MERGED).open("a") as file:
        file.write("# not pushed\n")
    told = run(*CREATE, status=2).stderr
    assert f"Branch `main` of {URL} holds another {MERGED} than this clone: push what you tested." in told
    assert workspace.log == []
    run(*CREATE, "--skip-checks")


def test_a_branch_that_is_not_pushed_is_refused(run: Run, clone: Path) -> None:
    git(clone, "checkout", "--quiet", "-b", "mine")
    assert f"Branch `mine` of {URL} cannot be read. Push it" in run(*CREATE, status=2).stderr


def test_a_stale_merged_file_is_refused(run: Run, clone: Path) -> None:
    shutil.copytree(ROOT / "scripts", clone / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    for module in (ROOT / "connector").glob("[!_]*.py"):
        shutil.copy(module, clone / "connector")
    run(*CREATE)
    with (clone / "connector" / "errors.py").open("a") as file:
        file.write("# changed\n")
    told = run("update_pipeline", "aha", "my_pipeline", status=2).stderr
    assert f"{MERGED} is stale. Run: nox -s build_artifact" in told


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://github.com/a/b", "expected https://HOST/OWNER/REPOSITORY"),
        ("https://user:word@github.com/a/b", "without credentials"),
        ("https://git.example.com/a/b", "git.example.com is none of github.com"),
    ],
)
def test_a_repository_that_databricks_could_not_read_is_refused(url: str, says: str, run: Run) -> None:
    told = run(*CREATE, "--repo-url", url, status=2).stderr
    assert says in told
    assert "word" not in told


def test_a_source_whose_merged_file_is_not_here_is_refused(run: Run, clone: Path) -> None:
    git(clone, "rm", "--quiet", "--cached", MERGED)
    assert "must hold one committed _generated_aha_python_source.py" in run(*CREATE, status=2).stderr


def test_outside_a_clone_it_says_so(run: Run, clone: Path) -> None:
    shutil.rmtree(clone / ".git")
    assert "Run this in a clone of the connector." in run(*CREATE, status=2).stderr


def test_an_update_changes_spec_and_branch_and_keeps_the_rest(run: Run, workspace: Workspace) -> None:
    run(*CREATE)
    spec = {"objects": [{"table": {"source_table": "ideas"}}]}
    run("update_pipeline", "aha", "my_pipeline", "-ps", json.dumps(spec), "-n", "my_aha", "-b", "release")
    assert spec_in(workspace) == {"connection_name": "my_aha", **spec}
    assert workspace.repos[1]["branch"] == "release"
    assert (
        "There is no connection `other`"
        in run("update_pipeline", "aha", "my_pipeline", "-n", "other", status=1).stderr
    )
    workspace.connections["other"] = {"name": "other", "options": {}}
    run("update_pipeline", "aha", "my_pipeline", "-n", "other")
    assert spec_in(workspace) == {"connection_name": "other", **spec}


def test_an_update_that_fails_leaves_the_pipeline_as_it_was(run: Run, workspace: Workspace) -> None:
    run(*CREATE)
    before = workspace.files[f"{FOLDER}/ingest.py"]
    workspace.faults["PATCH /api/2.0/repos"] = [403]
    spec = json.dumps({"objects": [{"table": {"source_table": "ideas"}}]})
    told = run("update_pipeline", "aha", "my_pipeline", "-b", "release", "-ps", spec, status=1).stderr
    assert f"change of {FOLDER}/ingest.py: removed again" in told
    assert workspace.files[f"{FOLDER}/ingest.py"] == before
    assert workspace.repos[1]["branch"] == "main"


def test_an_update_keeps_the_connection_where_only_tables_change(run: Run, workspace: Workspace) -> None:
    run(*CREATE)
    spec = {"objects": [{"table": {"source_table": "ideas"}}]}
    run("update_pipeline", "aha", "my_pipeline", "-ps", json.dumps(spec))
    assert spec_in(workspace) == {"connection_name": "my_aha", **spec}


def test_an_update_of_a_pipeline_that_others_made_is_refused(run: Run, workspace: Workspace) -> None:
    workspace.pipelines["p"] = {"pipeline_id": "p", "spec": {"name": "my_pipeline"}}
    told = run("update_pipeline", "aha", "my_pipeline", status=1).stderr
    assert "it was not made by this command" in told


def test_a_changed_ingest_file_is_not_overwritten_with_a_guess(run: Run, workspace: Workspace) -> None:
    run(*CREATE)
    workspace.files[f"{FOLDER}/ingest.py"] = "print('mine')\n"
    told = run("update_pipeline", "aha", "my_pipeline", "-n", "my_aha", status=1).stderr
    assert "ingest.py holds no PIPELINE_SPEC" in told
    assert workspace.files[f"{FOLDER}/ingest.py"] == "print('mine')\n"


def test_a_run_is_started_and_not_waited_for(run: Run, workspace: Workspace) -> None:
    run(*CREATE)
    done = run("run_pipeline", "my_pipeline", "--full-refresh")
    assert "status: started" in done.stdout
    assert workspace.log[-1][2] == {"full_refresh": True}


def test_waiting_tells_each_state_until_the_update_has_ended(run: Run, workspace: Workspace) -> None:
    run(*CREATE)
    done = run("run_pipeline", "my_pipeline", "--wait", "--poll-seconds", 0)
    told = [line.split(" after ")[0] for line in done.stderr.splitlines()]
    assert told.pop(0) == "my_pipeline: update update-3 started"
    assert told == ["my_pipeline: INITIALIZING", "my_pipeline: RUNNING", "my_pipeline: COMPLETED"]
    assert "status: COMPLETED" in done.stdout


@pytest.mark.parametrize("end", ["FAILED", "CANCELED"])
def test_an_update_that_fails_is_told_with_its_own_error(end: str, run: Run, workspace: Workspace) -> None:
    run(*CREATE)
    workspace.states = ["RUNNING", end]
    told = run("run_pipeline", "my_pipeline", "--wait", "--poll-seconds", 0, status=1).stderr
    assert f"The update of `my_pipeline` ended as {end}. AhaAuthError: GET /ideas answered 401" in told


def test_waiting_ends_in_time(run: Run, workspace: Workspace) -> None:
    run(*CREATE)
    workspace.states = ["RUNNING"]
    arguments = ("--wait", "--poll-seconds", 0, "--timeout-minutes", 0)
    assert "has not ended" in run("run_pipeline", "my_pipeline", *arguments, status=1).stderr


@pytest.mark.parametrize("command", [("run_pipeline",), ("show_pipeline",), ("update_pipeline", "aha")])
def test_a_pipeline_that_is_not_there_is_told(command: tuple[str, ...], run: Run) -> None:
    assert "There is no pipeline `nothing`" in run(*command, "nothing", status=1).stderr


def test_two_pipelines_of_one_name_are_told(run: Run, workspace: Workspace) -> None:
    for number in ("a", "b"):
        workspace.pipelines[number] = {"pipeline_id": number, "spec": {"name": "my_pipeline"}}
    assert (
        "There are 2 pipelines named `my_pipeline`: a, b"
        in run("show_pipeline", "my_pipeline", status=1).stderr
    )


def test_a_pipeline_is_shown_with_its_last_updates(run: Run) -> None:
    run(*CREATE, "--catalog", "dev")
    run("run_pipeline", "my_pipeline")
    shown = json.loads(run("show_pipeline", "my_pipeline", "--output", "json").stdout)
    assert shown == {
        "name": "my_pipeline",
        "pipeline_id": "pipeline-2",
        "state": "IDLE",
        "catalog": "dev",
        "target": "aha",
        "root_path": f"/Workspace{FOLDER}",
        "updates": ["update-3 COMPLETED"],
    }


def test_a_broken_connection_is_an_error_with_its_place(run: Run, workspace: Workspace) -> None:
    workspace.faults["GET /api/2.0/preview/scim"] = [400]
    told = run(*CREATE, status=1).stderr
    assert "GET /api/2.0/preview/scim/v2/Me was refused" in told


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
    exec(compile(text, "ingest.py", "exec"), {"spark": Reads()})  # noqa: S102
    monkeypatch.delitem(sys.modules, "_generated_aha_python_source")
    assert [found["name"] for word, found in engine.declared if word == "create_streaming_table"] == TABLES
    assert engine.queries["ideas_changes"]().asked[2]["databricks.connection"] == "my_aha"


def test_the_command_stays_small() -> None:
    modules = list((ROOT / "tools/community_connector/community_connector").glob("*.py"))
    texts = [path.read_text().splitlines() for path in modules]
    assert max(map(len, texts)) < 250
    assert sum(bool(line.strip()) for text in texts for line in text) < 900
