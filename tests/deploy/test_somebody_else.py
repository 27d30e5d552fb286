"""What is somebody else's stays as it is: also what came into being while a command ran."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.conftest import OPTIONS, Run, git
from tests.deploy.pipelines import CONNECTIONS, CREATE, FOLDER, PIPELINES
from tests.deploy.workspace import USER, Workspace

pytestmark = pytest.mark.usefixtures("connection")
MANAGED = (*CREATE, "--managed")
SCHEMAS, VOLUMES = "/api/2.1/unity-catalog/schemas", "/api/2.1/unity-catalog/volumes"
TILE = f"/Users/{USER}/.community-connectors/Aha.connector.json"


ALIKE = {
    **{"name": "my_pipeline", "catalog": "main", "schema": "aha", "channel": "PREVIEW", "serverless": True},
    **{"continuous": False, "development": False, "root_path": f"/Workspace{FOLDER}", "libraries": []},
}
THEIRS = [("somebody@example.com", {}), (USER, {"root_path": "/Workspace/Users/me/another"})]


@pytest.mark.parametrize(("creator", "other"), THEIRS)
def test_a_pipeline_that_somebody_made_meanwhile_is_not_removed(
    creator: str, other: dict[str, str], run: Run, workspace: Workspace
) -> None:
    theirs = {"pipeline_id": "theirs", "creator_user_name": creator, "spec": ALIKE | other}
    workspace.meanwhile[f"POST {PIPELINES}"] = lambda: workspace.pipelines.update(theirs=theirs)
    told = run(*CREATE, status=1).stderr
    assert "pipeline my_pipeline: was not made" in told
    assert list(workspace.pipelines) == ["theirs"]
    assert (workspace.files, workspace.repos) == ({}, {})


@pytest.mark.parametrize(
    ("lost", "made"),
    [(f"POST {PIPELINES}", "pipeline my_pipeline"), ("POST /api/2.0/repos", f"checkout {FOLDER}/source")],
)
def test_what_was_made_while_a_gateway_lost_the_answer_is_this_commands_own_and_removed(
    lost: str, made: str, run: Run, workspace: Workspace
) -> None:
    workspace.lost[lost] = 500
    told = run(*CREATE, status=1).stderr
    assert f"{made}: removed again" in told
    assert (workspace.pipelines, workspace.files, workspace.repos) == ({}, {}, {})


def test_a_checkout_that_somebody_made_meanwhile_stays_with_its_folder(
    run: Run, workspace: Workspace
) -> None:
    def somebody() -> None:
        workspace.repos[99] = {"id": 99, "path": f"{FOLDER}/source", "branch": "main"}
        workspace.files[f"{FOLDER}/ingest.py"] = "print('theirs')"

    workspace.meanwhile["POST /api/2.0/repos"] = somebody
    told = run(*CREATE, status=1).stderr
    assert told.count("left alone: somebody made it meanwhile") == 2
    assert workspace.files[f"{FOLDER}/ingest.py"] == "print('theirs')"
    assert 99 in workspace.repos


def test_a_schema_or_a_volume_that_somebody_made_meanwhile_stays_with_what_is_in_it(
    run: Run, workspace: Workspace, wheels: tuple[str, ...]
) -> None:
    workspace.meanwhile[f"POST {SCHEMAS}"] = lambda: workspace.schemas.add("main.aha")
    told = run(*MANAGED, *wheels, status=1).stderr
    assert "schema main.aha: left alone" in told
    volume = "/Volumes/main/aha/community_connector"
    theirs = {volume: b"", f"{volume}/other.whl": b"theirs"}
    workspace.meanwhile[f"POST {VOLUMES}"] = lambda: workspace.volumes.update(theirs)
    told = run(*MANAGED, *wheels, status=1).stderr
    assert "volume main.aha.community_connector: left alone" in told
    assert (workspace.schemas, workspace.volumes) == ({"main.aha"}, theirs)


@pytest.mark.parametrize("place", ["workspace/get-status", "unity-catalog/volumes"])
def test_an_empty_answer_says_that_something_is_there(
    place: str, run: Run, workspace: Workspace, wheels: tuple[str, ...]
) -> None:
    run("upload", "aha", *wheels)
    workspace.files[FOLDER] = workspace.files[f"{FOLDER}/precious.txt"] = "theirs"
    before = (dict(workspace.files), dict(workspace.volumes))
    status = "GET /api/2.0/workspace/get-status"
    volume = f"GET {VOLUMES}/main.aha.community_connector"
    workspace.answers_without = {"path": status, "object_type": status}
    workspace.answers_without |= {"full_name": volume, "volume_type": volume}
    workspace.faults[f"POST {PIPELINES}"] = [400]
    run(*(MANAGED if "volumes" in place else CREATE), *(wheels if "volumes" in place else ()), status=1)
    assert (workspace.files, workspace.volumes) == before


def test_wheels_of_a_pipeline_that_runs_are_never_changed_under_it(
    run: Run, workspace: Workspace, wheels: tuple[str, ...], clone: Path
) -> None:
    run(*MANAGED, *wheels)
    [pipeline] = workspace.pipelines.values()
    used = pipeline["spec"]["environment"]["dependencies"]
    before = {path: workspace.volumes[path] for path in used}
    newer = clone / Path(wheels[3]).name
    newer.write_bytes(Path(wheels[3]).read_bytes() + b"newer")
    workspace.faults["PUT /api/2.0/pipelines"] = [400]
    told = run("update_pipeline", "aha", "my_pipeline", "--managed", *wheels[:3], newer, status=1).stderr
    assert {path: workspace.volumes[path] for path in used} == before
    assert told.count("stays in the volume") == 2
    assert pipeline["spec"]["environment"]["dependencies"] == used


def test_a_tile_of_another_connector_is_neither_replaced_nor_removed(run: Run, workspace: Workspace) -> None:
    run("publish", "aha")
    other = json.dumps({"id": "OTHER", "sourceName": "other", "dependencies": ["x"]})
    workspace.files[TILE] = other
    for command in ("publish", "unpublish"):
        assert "is the tile of another connector" in run(command, "aha", status=1).stderr
    assert workspace.files[TILE] == other


def test_a_tile_that_is_published_again_keeps_what_is_not_given(run: Run, workspace: Workspace) -> None:
    wheel = "/Volumes/main/aha/community_connector/packages/x.whl"
    run("publish", "aha", "--dependency", wheel)
    workspace.files[TILE] = json.dumps(json.loads(workspace.files[TILE]) | {"logo": "mine"})
    run("publish", "aha")
    tile = json.loads(workspace.files[TILE])
    assert (tile["logo"], tile["dependencies"]) == ("mine", [wheel])


def test_a_managed_update_keeps_who_the_pipeline_runs_as_and_loses_no_change_of_others(
    run: Run, workspace: Workspace, wheels: tuple[str, ...]
) -> None:
    run(*MANAGED, *wheels)
    [number] = workspace.pipelines
    workspace.pipelines[number]["run_as"] = {"service_principal_name": "sp-1"}
    tables = json.dumps({"objects": [{"table": {"source_table": "ideas"}}]})
    update = ("update_pipeline", "aha", "my_pipeline", "--managed", "-ps", tables)
    run(*update)
    assert workspace.pipelines[number]["run_as"] == {"service_principal_name": "sp-1"}

    def somebody() -> None:
        workspace.pipelines[number]["last_modified"] += 1

    workspace.meanwhile[f"PUT {PIPELINES}/{number}"] = somebody
    assert "was modified meanwhile" in run(*update, status=1).stderr


def test_a_changed_ingest_file_is_kept_beside_the_new_one(run: Run, workspace: Workspace) -> None:
    run(*CREATE)
    run("update_pipeline", "aha", "my_pipeline")
    assert f"{FOLDER}/ingest.py.before" not in workspace.files
    mine = workspace.files[f"{FOLDER}/ingest.py"] + "\nprint('mine')\n"
    workspace.files[f"{FOLDER}/ingest.py"] = mine
    told = run("update_pipeline", "aha", "my_pipeline").stderr
    assert "kept as ingest.py.before" in told
    assert workspace.files[f"{FOLDER}/ingest.py.before"] == mine


def test_a_folder_that_cannot_be_deleted_is_told_after_its_pipeline(run: Run, workspace: Workspace) -> None:
    run(*CREATE)
    workspace.faults["POST /api/2.0/workspace/delete"] = [403]
    told = run("delete_pipeline", "my_pipeline", "--yes", status=1).stderr
    assert f"The pipeline is deleted; its folder {FOLDER} is still there, delete it by hand." in told


def test_a_connection_with_oauth_does_not_lose_its_grant_to_an_update_with_a_key(
    run: Run, workspace: Workspace
) -> None:
    options = {"community_oauth_flow": "u2m", "client_secret": "x"}
    workspace.connections["my_aha"]["options"] = options
    told = run("update_connection", "aha", "my_aha", "-o", "env:AHA_OPTIONS", status=2).stderr
    assert "Connection `my_aha` has OAuth: give --auth oauth, or its grant would be lost." in told
    assert workspace.connections["my_aha"]["options"] == options


def test_a_connection_whose_answer_was_lost_is_told_to_be_there(run: Run, workspace: Workspace) -> None:
    workspace.lost[f"POST {CONNECTIONS}"] = 500
    told = run("create_connection", "aha", "new", "-o", "env:AHA_OPTIONS", status=1).stderr
    assert "The connection `new` is there now" in told
    assert workspace.connections["new"]["options"]["subdomain"] == OPTIONS["subdomain"]


def test_a_hook_of_git_that_runs_the_command_finds_its_repository_as_it_was(run: Run, clone: Path) -> None:
    def state() -> tuple[Any, ...]:
        done = subprocess.run(
            ["git", "-C", str(clone), "status", "--porcelain"], check=True, capture_output=True, text=True
        )
        config = (clone / ".git" / "config").read_text()
        return config, sorted(path.name for path in (clone / ".git").iterdir()), done.stdout

    git(clone, "status")
    before = state()
    run(*CREATE, GIT_DIR=str(clone / ".git"), GIT_WORK_TREE=str(clone), GIT_INDEX_FILE=".git/index")
    assert state() == before


def test_what_is_written_is_judged_with_the_pipelines_own_catalog_and_schema(
    run: Run, workspace: Workspace
) -> None:
    run(*CREATE)
    before = dict(workspace.files)
    tables: list[dict[str, Any]] = [
        {"source_table": "ideas"},
        {"source_table": "ideas", "destination_catalog": "main", "destination_schema": "aha"},
    ]
    spec = json.dumps({"objects": [{"table": table} for table in tables]})
    told = run("update_pipeline", "aha", "my_pipeline", "-ps", spec, status=2).stderr
    assert "objects[1].table: it is where objects[0] goes" in told
    assert workspace.files == before


ODD_SPECS = ["None", "[]", "{[]: 1}", "{'a': 1}", "[" * 300 + "]" * 300]


@pytest.mark.parametrize("text", ODD_SPECS)
def test_an_ingest_file_that_holds_no_pipeline_spec_is_left_alone(
    text: str, run: Run, workspace: Workspace
) -> None:
    run(*CREATE)
    workspace.files[f"{FOLDER}/ingest.py"] = mine = f"PIPELINE_SPEC = {text}\n"
    done = run("update_pipeline", "aha", "my_pipeline", "-n", "my_aha", status=2 if "a" in text else 1)
    assert "PIPELINE_SPEC" in done.stderr or "cannot be used" in done.stderr
    assert workspace.files[f"{FOLDER}/ingest.py"] == mine


def test_halves_of_characters_in_an_answer_are_no_traceback(run: Run, workspace: Workspace) -> None:
    run(*CREATE)
    [pipeline] = workspace.pipelines.values()
    pipeline["state"] = "\ud800"
    assert "state: ?" in run("show_pipeline", "my_pipeline").stdout


def test_pages_without_end_are_an_error_and_no_hang(run: Run, workspace: Workspace) -> None:
    workspace.raw = json.dumps({"statuses": [], "next_page_token": "again"})
    assert "answers the same page again and again" in run("show_pipeline", "x", status=1).stderr


def test_a_checkout_that_the_workspace_shows_with_its_prefix_is_found(run: Run, workspace: Workspace) -> None:
    run(*CREATE)
    workspace.repos[1]["path"] = f"/Workspace{FOLDER}/source"
    assert "status: updated" in run("update_pipeline", "aha", "my_pipeline").stdout
