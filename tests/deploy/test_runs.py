"""`run_pipeline` and `stop_pipeline`."""

import signal

import pytest

from tests.deploy.conftest import Run
from tests.deploy.pipelines import CREATE, PIPELINES
from tests.deploy.workspace import Workspace

pytestmark = pytest.mark.usefixtures("connection")


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


def test_a_look_that_fails_for_a_moment_does_not_end_the_waiting(run: Run, workspace: Workspace) -> None:
    run(*CREATE)
    workspace.faults[f"GET {PIPELINES}/pipeline-2/updates"] = [500, 500]
    done = run("run_pipeline", "my_pipeline", "--wait", "--poll-seconds", 0)
    assert "status: COMPLETED" in done.stdout


def test_a_state_that_nobody_knows_ends_the_waiting_with_its_name(run: Run, workspace: Workspace) -> None:
    run(*CREATE)
    workspace.states = ["RUNNING", "PONDERING"]
    told = run("run_pipeline", "my_pipeline", "--wait", "--poll-seconds", 0, status=1).stderr
    assert "The update is PONDERING, which nobody here knows" in told


def test_a_failed_update_is_told_where_its_events_cannot_be_read(run: Run, workspace: Workspace) -> None:
    run(*CREATE)
    workspace.states = ["FAILED"]
    workspace.faults[f"GET {PIPELINES}/pipeline-2/events"] = [403]
    told = run("run_pipeline", "my_pipeline", "--wait", "--poll-seconds", 0, status=1).stderr
    assert "ended as FAILED. Its events cannot be read." in told


def test_ctrl_c_while_it_starts_says_how_to_stop_what_may_have_started(
    run: Run, workspace: Workspace
) -> None:
    run(*CREATE)
    workspace.slow = f"POST {PIPELINES}/pipeline-2/updates"
    started = run("run_pipeline", "my_pipeline", wait=False)
    workspace.reached.wait(30)
    started.send_signal(signal.SIGTERM)
    told = started.communicate(timeout=30)[1]
    workspace.go_on.set()
    assert started.returncode == 130
    assert "It may have started. Stop it: community-connector stop_pipeline my_pipeline" in told


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
