"""`create_pipeline`, `update_pipeline`, `show_pipeline` and `delete_pipeline`, over a checkout."""

import base64
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.conftest import ROOT, URL, Run, git
from tests.deploy.pipelines import CONNECTIONS, CREATE, FOLDER, PIPELINES, TABLES, spec_in
from tests.deploy.workspace import Workspace

pytestmark = pytest.mark.usefixtures("connection")


def requests_with(repo: str) -> list[str]:
    """What makes a pipeline, request by request."""
    return [
        f"GET {CONNECTIONS}/my_aha",
        f"GET {PIPELINES}",
        "GET /api/2.0/preview/scim/v2/Me",
        "GET /api/2.0/workspace/get-status",
        "POST /api/2.0/workspace/mkdirs",
        "POST /api/2.0/repos",
        f"PATCH /api/2.0/repos/{repo}",
        "POST /api/2.0/workspace/import",
        f"POST {PIPELINES}",
    ]


def test_a_pipeline_is_made_with_all_tables_in_this_order_of_requests(run: Run, workspace: Workspace) -> None:
    done = run(*CREATE, "--catalog", "main", "--schema", "aha", "--output", "json")
    assert workspace.asked == requests_with("1")
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
    assert [" ".join(line.split()[:2]).partition("?")[0] for line in lines] == requests_with("REPO_ID")
    written = json.loads(lines[7].split(" ", 2)[2])["content"]
    assert b"source.ingest(spark, PIPELINE_SPEC)" in base64.b64decode(written)
    assert workspace.log == []


STEPS = [
    ("POST /api/2.0/workspace/mkdirs", 0),
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
    assert f"change of {FOLDER}/ingest.py: put back" in told
    assert f"checkout of {FOLDER}/source: put back" in told
    assert "Config:" not in told
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


def test_no_module_of_the_command_grows_beyond_250_lines() -> None:
    modules = list((ROOT / "tools/community_connector/community_connector").glob("*.py"))
    assert len(modules) > 10
    assert max(len(path.read_text().splitlines()) for path in modules) <= 250


def test_a_pipeline_is_deleted_with_its_folder_after_a_question(run: Run, workspace: Workspace) -> None:
    run(*CREATE)
    run("delete_pipeline", "my_pipeline", status=130, stdin="n\n")
    assert workspace.pipelines
    assert "status: deleted" in run("delete_pipeline", "my_pipeline", "--yes").stdout
    assert (workspace.pipelines, workspace.files) == ({}, {})


@pytest.mark.parametrize(
    "root",
    [
        None,
        "/Workspace",
        "/Workspace/Users/somebody@example.com/community-connectors/my_pipeline",
        f"/Workspace{FOLDER}_2",
        f"/Workspace{FOLDER}/..",
    ],
)
def test_a_pipeline_is_deleted_without_a_folder_that_is_not_its_own(
    root: str | None, run: Run, workspace: Workspace
) -> None:
    run(*CREATE)
    workspace.pipelines["pipeline-2"]["spec"]["root_path"] = root
    before = dict(workspace.files)
    assert "left alone: not of this command" in run("delete_pipeline", "my_pipeline", "--yes").stdout
    assert (workspace.pipelines, workspace.files) == ({}, before)


def test_a_checkout_of_a_tag_is_not_moved_to_a_branch_by_itself(
    run: Run, workspace: Workspace, clone: Path
) -> None:
    git(clone, "tag", "v1")
    git(clone, "push", "--quiet", str(clone.parent / "origin.git"), "v1")
    run(*CREATE, "--tag", "v1")
    told = run("update_pipeline", "aha", "my_pipeline", status=2).stderr
    assert "The pipeline's checkout is of a tag: give --tag, or --branch." in told
    run("update_pipeline", "aha", "my_pipeline", "--tag", "v1")
    assert ("branch" in workspace.repos[1], workspace.repos[1]["tag"]) == (False, "v1")
    run("update_pipeline", "aha", "my_pipeline", "--branch", "main")
    assert workspace.repos[1]["branch"] == "main"


OPTIONS_OF_NO_USE = [
    ("--managed", "--branch", "main"),
    ("--managed", "--tag", "v1"),
    ("--managed", "--skip-checks"),
    ("--wheel", "x.whl"),
    ("--framework-wheel", "x.whl"),
    ("--tag", "v1", "--branch", "main"),
]


@pytest.mark.parametrize("options", OPTIONS_OF_NO_USE)
def test_an_option_that_would_be_ignored_is_refused(
    options: tuple[str, ...], run: Run, workspace: Workspace
) -> None:
    told = run(*CREATE, *options, status=2).stderr
    assert "of no use with" in told or "Give --branch or --tag, not both." in told
    assert workspace.log == []


YAML_FAULTS = ["max_records_per_batch: .nan", "max_records_per_batch: 2026-01-01", "? [1]\n        : x"]


@pytest.mark.parametrize("line", YAML_FAULTS)
def test_what_yaml_knows_and_json_does_not_is_refused_before_the_first_request(
    line: str, run: Run, workspace: Workspace, clone: Path
) -> None:
    text = f"objects:\n- table:\n    source_table: ideas\n    table_configuration:\n      {line}\n"
    (clone / "pipeline.yaml").write_text(text)
    told = run(*CREATE, "-ps", "pipeline.yaml", status=2).stderr
    assert told.startswith("Error: ")
    assert workspace.log == []


def test_two_names_of_one_place_are_one_place(run: Run, workspace: Workspace) -> None:
    here = {"source_table": "ideas", "destination_catalog": "main", "destination_schema": "aha"}
    tables = [{"source_table": "ideas"}, here, here | {"destination_table": "Ideas"}]
    for other in tables[1:]:
        spec = json.dumps({"objects": [{"table": tables[0]}, {"table": other}]})
        told = run(*CREATE, "-c", "main", "-t", "aha", "-ps", spec, status=2).stderr
        assert "objects[1].table: it is where objects[0] goes. Set its destination_table." in told
    assert workspace.log == []


ODD_ANSWERS = [
    {"statuses": "x"},
    {"statuses": [1, None]},
    {"statuses": [{"name": "my_pipeline"}]},
    {"statuses": None},
]


@pytest.mark.parametrize("answer", ODD_ANSWERS)
@pytest.mark.parametrize("command", ["show_pipeline", "run_pipeline", "stop_pipeline"])
def test_an_answer_of_another_form_is_an_error_and_no_traceback(
    answer: Any, command: str, run: Run, workspace: Workspace
) -> None:
    workspace.raw = json.dumps(answer)
    told = run(command, "my_pipeline", status=1).stderr
    assert "There is no pipeline" in told or "answer has no `pipeline_id`" in told


def test_a_right_that_is_missing_is_named_with_its_object(run: Run, workspace: Workspace) -> None:
    for step, right in (
        (f"GET {CONNECTIONS}", "USE CONNECTION on the connection `my_aha`"),
        ("POST /api/2.0/repos", "to make Git folders"),
        (f"POST {PIPELINES}", "to make pipelines"),
    ):
        workspace.faults[step] = [403]
        assert f"The right that is missing: {right}" in run(*CREATE, status=1).stderr
