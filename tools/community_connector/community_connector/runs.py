"""Runs of a pipeline: started, followed, stopped."""

import time
from collections.abc import Iterator

import click

from community_connector.errors import PassingError, ServiceError
from community_connector.pipelines import require_pipeline
from community_connector.service import Json, Service, field, mapping, objects

ENDED = ("COMPLETED", "FAILED", "CANCELED")
# D: SDK, UpdateInfoState.
UNDER_WAY = (
    *("CREATED", "QUEUED", "WAITING_FOR_RESOURCES", "INITIALIZING", "RESETTING", "SETTING_UP_TABLES"),
    *("RUNNING", "STOPPING"),
)
# Looks in a row that may fail in a way that passes.
BLIND = 5


def run_pipeline(service: Service, name: str, *, full_refresh: bool) -> Json:
    """Start an update of a pipeline."""
    path, stand_in = f"{require_pipeline(service, name)}/updates", {"update_id": "UPDATE_ID"}
    try:
        started = service.send("POST", path, {"full_refresh": full_refresh}, stand_in=stand_in)
    except KeyboardInterrupt:
        click.echo(f"It may have started. Stop it: community-connector stop_pipeline {name}", err=True)
        raise
    return {"status": "started", "name": name, "update_id": field(started, "update_id")}


def stop_pipeline(service: Service, name: str) -> Json:
    """Stop whatever update of a pipeline is under way."""
    service.send("POST", f"{require_pipeline(service, name)}/stop")
    return {"status": "stopping", "name": name}


def wait_for_update(service: Service, update: Json, poll_seconds: float, timeout_seconds: float) -> Json:
    """Follow an update to its end, with a line for each change.

    Raises:
        ServiceError: it failed, or cannot be seen any more, or takes too long.
    """
    name = update["name"]
    click.echo(f"{name}: update {update['update_id']} started", err=True)
    try:
        told = _follow(service, update, poll_seconds, timeout_seconds)
    except (KeyboardInterrupt, ServiceError):
        click.echo(
            f"The update goes on in the workspace. Stop it: community-connector stop_pipeline {name}",
            err=True,
        )
        raise
    if told != "COMPLETED":
        try:
            reason = _reason(service, require_pipeline(service, name), update)
        except ServiceError as error:
            reason = f"Its events cannot be read. {error.message}"
        raise ServiceError(f"The update of `{name}` ended as {told}. {reason}")
    return update | {"status": told}


def _follow(service: Service, update: Json, poll_seconds: float, timeout_seconds: float) -> str:
    path, started, told, blind = require_pipeline(service, update["name"]), time.monotonic(), "", 0
    while told not in ENDED:
        passed = time.monotonic() - started
        try:
            state = field(service.send("GET", f"{path}/updates/{update['update_id']}"), "update", "state")
            blind = 0
        except PassingError as error:
            blind, state = blind + 1, told
            if blind == BLIND:
                raise
            click.echo(f"{update['name']}: a look failed, looking again ({error.message})", err=True)
        if state != told:
            click.echo(f"{update['name']}: {state} after {passed:.0f} s", err=True)
        told = state
        if told and told not in (*ENDED, *UNDER_WAY):
            raise ServiceError(f"The update is {told}, which nobody here knows. Look at it: show_pipeline.")
        if told not in ENDED and passed >= timeout_seconds:
            raise ServiceError(f"The update has not ended after {passed:.0f} s.")
        time.sleep(0 if told in ENDED else min(poll_seconds, timeout_seconds - passed))
    return told


def _reason(service: Service, path: str, update: Json) -> str:
    """What the pipeline's events say of a failed update."""
    for event in _events(service, path):
        if mapping(event.get("origin")).get("update_id") == update["update_id"]:
            exceptions = objects(mapping(event.get("error")).get("exceptions"))
            return " ".join(str(entry.get("message")) for entry in exceptions or [event])
    return "Its event log names no error."


def _events(service: Service, path: str) -> Iterator[Json]:
    """Errors, newest first, page by page."""
    query = {"filter": "level='ERROR'", "order_by": "timestamp desc"}
    return service.pages(f"{path}/events", query, "events")
