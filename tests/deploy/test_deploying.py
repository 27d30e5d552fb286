"""`create_pipeline`, `update_pipeline`, `run_pipeline` and `show_pipeline`, and the file they write."""

import base64
import json
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from community_connector.ingest_file import read_spec
from community_connector.repository import https_address

from tests.conftest import SPARK_4_2
from tests.deploy.conftest import MERGED, OPTIONS, ROOT, SSH_URL, URL, Run, git
from tests.deploy.rules import INJECTION
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
    return read_spec(workspace.files[f"{FOLDER}/ingest.py"])


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
        "schema": "aha",
        "channel": "PREVIEW",
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
        "url": f"{workspace.url}/pipelines/pipeline-2",
        "tables": TABLES,
    }
    assert workspace.kinds[f"{FOLDER}/ingest.py"] == "FILE"
    rights = "USE CONNECTION on `my_aha`; USE CATALOG on `main`; USE SCHEMA and CREATE TABLE on `main.aha`"
    assert done.stderr.index(rights) < done.stderr.index("making folder")


@pytest.mark.parametrize(
    ("flags", "made"),
    [
        (("--channel", "CURRENT"), {"channel": "CURRENT"}),
        (("--no-serverless",), {"serverless": False}),
        (("--development",), {"development": True}),
        (("--continuous",), {"continuous": True}),
    ],
)
def test_how_a_pipeline_runs_can_be_chosen(
    flags: tuple[str, ...], made: dict[str, Any], run: Run, workspace: Workspace
) -> None:
    run(*CREATE, *flags)
    (pipeline,) = workspace.pipelines.values()
    plain = {"channel": "PREVIEW", "serverless": True, "development": False, "continuous": False}
    assert {name: pipeline["spec"][name] for name in plain} == plain | made


def test_a_pipeline_spec_may_be_yaml_and_name_the_connection(
    run: Run, workspace: Workspace, clone: Path
) -> None:
    (clone / "pipeline.yaml").write_text(
        "connection_name: my_aha\nobjects:\n- table:\n    source_table: ideas\n"
        "    destination_catalog: dev\n    destination_schema: raw\n"
        "    table_configuration: {max_records_per_batch: 500, track_deletes: true}\n"
    )
    run("create_pipeline", "aha", "my_pipeline", "-ps", "pipeline.yaml")
    [entry] = spec_in(workspace)["objects"]
    assert entry["table"]["table_configuration"] == {"max_records_per_batch": 500, "track_deletes": True}
    assert entry["table"]["destination_schema"] == "raw"
    assert "Which connection?" in run("create_pipeline", "aha", "other", status=2).stderr
    (clone / "pipeline.yaml").write_text("objects: []\nobjects: []\n")
    told = run("create_pipeline", "aha", "other", "-ps", "pipeline.yaml", status=2).stderr
    assert "no YAML or JSON that can be used" in told


def test_a_pipeline_spec_becomes_a_python_literal(run: Run, workspace: Workspace, clone: Path) -> None:
    config = {"scd_type": "SCD_TYPE_2", "track_deletes": True, "cluster_by": ["id"]}
    table = {"source_table": "ideas", "destination_table": "t", "table_configuration": config}
    (clone / "pipeline.json").write_text(json.dumps({"objects": [{"table": table}]}))
    run(*CREATE, "-ps", "pipeline.json")
    assert spec_in(workspace) == {"connection_name": "my_aha", "objects": [{"table": table}]}
    assert "'track_deletes': True" in workspace.files[f"{FOLDER}/ingest.py"]


def test_a_config_file_gives_what_the_command_line_does_not(
    run: Run, workspace: Workspace, clone: Path
) -> None:
    (clone / "deploy.yaml").write_text("catalog: dev\nschema: feedback\nbranch: release\n")
    run(*CREATE, "--config", "deploy.yaml", "--schema", "mine")
    (pipeline,) = workspace.pipelines.values()
    assert (pipeline["spec"]["catalog"], pipeline["spec"]["schema"]) == ("dev", "mine")
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
    assert b"source.ingest(spark, PIPELINE_SPEC)" in base64.b64decode(written)
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
    assert started.returncode == 130
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


def test_a_pipeline_is_shown_with_its_last_updates(run: Run, workspace: Workspace) -> None:
    run(*CREATE, "--catalog", "dev")
    run("run_pipeline", "my_pipeline")
    shown = json.loads(run("show_pipeline", "my_pipeline", "--output", "json").stdout)
    assert shown == {
        "name": "my_pipeline",
        "pipeline_id": "pipeline-2",
        "url": f"{workspace.url}/pipelines/pipeline-2",
        "state": "IDLE",
        "catalog": "dev",
        "schema": "aha",
        "channel": "PREVIEW",
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


def test_no_module_of_the_command_grows_beyond_250_lines() -> None:
    modules = list((ROOT / "tools/community_connector/community_connector").glob("*.py"))
    assert len(modules) > 10
    assert max(len(path.read_text().splitlines()) for path in modules) <= 250


def test_a_run_of_a_pipeline_that_does_not_ask_for_the_connections_options_fails_as_it_would_there(
    run: Run, workspace: Workspace
) -> None:
    run(*CREATE)
    place = f"{FOLDER}/ingest.py"
    workspace.files[place] = workspace.files[place].replace("optioninjection", "").replace("Injection", "")
    told = run("run_pipeline", "my_pipeline", "--wait", "--poll-seconds", 0, status=1).stderr
    assert "AhaOptionError: Option `api_key` is missing" in told


def test_a_look_that_fails_for_a_moment_does_not_end_the_waiting(run: Run, workspace: Workspace) -> None:
    run(*CREATE)
    workspace.faults[f"GET {PIPELINES}/pipeline-2/updates"] = [500, 500]
    done = run("run_pipeline", "my_pipeline", "--wait", "--poll-seconds", 0)
    assert "status: COMPLETED" in done.stdout


def test_ctrl_c_ends_the_waiting_and_not_the_update_and_says_how_to_stop_it(
    run: Run, workspace: Workspace
) -> None:
    run(*CREATE)
    workspace.states = ["RUNNING"]
    workspace.slow = f"GET {PIPELINES}/pipeline-2/updates/update-3"
    started = run("run_pipeline", "my_pipeline", "--wait", "--poll-seconds", 1, wait=False)
    workspace.reached.wait(30)
    started.send_signal(signal.SIGTERM)
    workspace.go_on.set()
    told = started.communicate(timeout=30)[1]
    assert started.returncode == 130
    assert "Stop it: community-connector stop_pipeline my_pipeline" in told
    workspace.slow = ""
    assert "status: stopping" in run("stop_pipeline", "my_pipeline").stdout
    assert workspace.updates["update-3"] == ["CANCELED"]


def test_a_pipeline_is_deleted_with_its_folder_after_a_question(run: Run, workspace: Workspace) -> None:
    run(*CREATE)
    run("delete_pipeline", "my_pipeline", status=130, stdin="n\n")
    assert workspace.pipelines
    assert "status: deleted" in run("delete_pipeline", "my_pipeline", "--yes").stdout
    assert (workspace.pipelines, workspace.files) == ({}, {})


def test_a_right_that_is_missing_is_named_with_its_object(run: Run, workspace: Workspace) -> None:
    for step, right in (
        (f"GET {CONNECTIONS}", "USE CONNECTION on the connection `my_aha`"),
        ("POST /api/2.0/repos", "to make Git folders"),
        (f"POST {PIPELINES}", "to make pipelines"),
    ):
        workspace.faults[step] = [403]
        assert f"The right that is missing: {right}" in run(*CREATE, status=1).stderr


def test_a_private_repository_needs_a_git_credential_and_that_is_told_before_anything_is_made(
    run: Run, workspace: Workspace
) -> None:
    # Only over ssh can anybody read it.
    private = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_VALUE_0": SSH_URL}
    told = run(*CREATE, status=2, **private).stderr
    assert f"{URL} is private, and the workspace has no Git credential of yours for gitHub" in told
    assert "databricks git-credentials create gitHub" in told
    assert workspace.files == {}
    workspace.credentials = [{"git_provider": "gitHub"}]
    assert "status: created" in run(*CREATE, **private).stdout


def test_a_tag_can_be_deployed(run: Run, workspace: Workspace, clone: Path) -> None:
    assert "Tag `v1` of" in run(*CREATE, "--tag", "v1", status=2).stderr
    git(clone, "tag", "v1")
    git(clone, "push", "--quiet", str(clone.parent / "origin.git"), "v1")
    run(*CREATE, "--tag", "v1")
    assert workspace.repos[1]["tag"] == "v1"


ADDRESSES = [
    ("git@github.com:o/r.git", "https://github.com/o/r.git"),
    ("ssh://git@github.com:22/o/r", "https://github.com/o/r"),
    ("ssh://git@github.com/o/r", "https://github.com/o/r"),
    ("https://org@dev.azure.com/org/project/_git/r", "https://dev.azure.com/org/project/_git/r"),
    ("git@ssh.dev.azure.com:v3/org/project/r", "https://dev.azure.com/org/project/_git/r"),
    ("ssh://git@ssh.dev.azure.com:22/v3/org/project/r", "https://dev.azure.com/org/project/_git/r"),
    ("https://gitlab.com/o/sub/r", "https://gitlab.com/o/sub/r"),
]


@pytest.mark.parametrize(("url", "address"), ADDRESSES)
def test_a_clones_address_becomes_the_one_that_databricks_takes(url: str, address: str) -> None:
    assert https_address(url) == address


def test_a_provider_that_is_none_is_refused_and_an_origin_is_not_called_an_option(
    run: Run, clone: Path
) -> None:
    assert "is not one of 'gitHub'" in run(*CREATE, "--provider", "notAProvider", status=2).stderr
    git(clone, "remote", "set-url", "origin", "https://user:word@github.com/a/b")
    told = run(*CREATE, status=2).stderr
    assert "This clone's origin: expected https://HOST/OWNER/REPOSITORY, without credentials" in told
    assert "--repo-url" not in told


def test_in_a_repository_of_several_connectors_the_one_of_this_folder_is_meant_and_checked(
    run: Run, workspace: Workspace, clone: Path
) -> None:
    inner = clone / "connectors" / "ähä"
    inner.mkdir(parents=True)
    shutil.copytree(ROOT / "scripts", inner / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "connector", inner / "connector", ignore=shutil.ignore_patterns("__pycache__"))
    git(clone, "rm", "--quiet", "-r", "connector")
    git(clone, "add", ".")
    git(clone, "commit", "--quiet", "-m", "moved")
    git(clone, "push", "--quiet", str(clone.parent / "origin.git"), "main")
    run(*CREATE)
    assert workspace.repos[1]["sparse_checkout"] == {"patterns": ["connectors/ähä/connector"]}
    with (inner / "connector" / "errors.py").open("a") as file:
        file.write("# changed\n")
    told = run("update_pipeline", "aha", "my_pipeline", status=2).stderr
    assert "is stale" in told
