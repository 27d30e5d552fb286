"""Pipelines: the folder that one needs in the workspace, the pipeline itself, and its runs.

/Users/YOU/community-connectors/NAME/ is the pipeline's root. It holds `ingest.py`, which is written here, and
`source/`, the connector's repository (only the folder of its merged file).
"""

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import click

from community_connector.errors import ServiceError
from community_connector.ingest_file import read_spec, write_ingest
from community_connector.repository import Checkout
from community_connector.service import Json, Service

PIPELINES, REPOS, WORKSPACE = "/api/2.0/pipelines", "/api/2.0/repos", "/api/2.0/workspace"
ENDED = ("COMPLETED", "FAILED", "CANCELED")


@dataclass(frozen=True)
class Place:
    """A pipeline's name, and where its tables go."""

    name: str
    catalog: str
    schema: str


@dataclass
class Steps:
    """What a command has made so far, and the request that removes each thing again."""

    service: Service
    keep: bool
    made: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)

    def add(self, what: str, *removal: Any) -> None:
        self.made.append((what, removal))
        if not self.service.dry_run:
            click.echo(f"made {what}", err=True)

    @contextmanager
    def undone_on_failure(self) -> Iterator[None]:
        """Take back what was made if a later step fails, or say that it stays."""
        try:
            yield
        except (ServiceError, KeyboardInterrupt):
            for what, removal in reversed(self.made):
                click.echo(f"{what}: {'stays (--keep)' if self.keep else self._remove(removal)}", err=True)
            raise

    def _remove(self, removal: tuple[Any, ...]) -> str:
        try:
            self.service.send(*removal)
        except ServiceError as error:
            return f"is still there, remove it by hand ({error.message})"
        return "removed again"


def find_pipeline(service: Service, name: str) -> Json | None:
    """The pipeline of exactly this name.

    Raises:
        ServiceError: there are several.
    """
    found: list[Json] = []
    query = {"filter": f"name LIKE '{name}'"}
    while True:
        page = service.send("GET", PIPELINES, query=query)
        # LIKE takes `_` for any letter.
        found += [entry for entry in page.get("statuses", []) if entry["name"] == name]
        if not page.get("next_page_token"):
            break
        query["page_token"] = page["next_page_token"]
    if len(found) > 1:
        ids = ", ".join(entry["pipeline_id"] for entry in found)
        raise ServiceError(f"There are {len(found)} pipelines named `{name}`: {ids}. Rename all but one.")
    return found[0] if found else None


def require_pipeline(service: Service, name: str) -> str:
    """The path of a pipeline that must be there."""
    found = find_pipeline(service, name)
    if found is None and not service.dry_run:
        raise ServiceError(f"There is no pipeline `{name}`. Make it: community-connector create_pipeline.")
    return f"{PIPELINES}/{found['pipeline_id'] if found else 'PIPELINE_ID'}"


def create_pipeline(service: Service, place: Place, spec: Json, checkout: Checkout, *, keep: bool) -> Json:
    """Make a pipeline and what it needs; one of that name stays as it is."""
    there = find_pipeline(service, place.name)
    if there is not None:
        note = "nothing was changed; update_pipeline changes it"
        return {"status": "exists", "name": place.name, "pipeline_id": there["pipeline_id"], "note": note}
    me = service.send("GET", "/api/2.0/preview/scim/v2/Me", stand_in={"userName": "YOU"})
    root = f"/Users/{me['userName']}/community-connectors/{place.name}"
    if service.find(f"{WORKSPACE}/get-status", {"path": root}) is not None:
        raise ServiceError(
            f"The workspace folder {root} is there already: delete it, or choose another name."
        )
    steps = Steps(service, keep)
    with steps.undone_on_failure():
        service.send("POST", f"{WORKSPACE}/mkdirs", {"path": root})
        steps.add(f"folder {root}", "POST", f"{WORKSPACE}/delete", {"path": root, "recursive": True})
        asked = {"url": checkout.url, "provider": checkout.provider, "path": f"{root}/source"}
        patterns = {"sparse_checkout": {"patterns": [checkout.folder]}}
        repo = service.send("POST", REPOS, asked | patterns, stand_in={"id": "REPO_ID"})
        steps.add(f"checkout {root}/source", "DELETE", f"{REPOS}/{repo['id']}")
        service.send("PATCH", f"{REPOS}/{repo['id']}", {"branch": checkout.branch})
        _write(service, root, checkout, spec)
        body = {
            "name": place.name,
            "catalog": place.catalog,
            "target": place.schema,
            "channel": "CURRENT",
            "continuous": False,
            "development": False,
            "serverless": True,
            "root_path": f"/Workspace{root}",
            "libraries": [{"file": {"path": f"/Workspace{root}/ingest.py"}}],
        }
        made = service.send("POST", PIPELINES, body, stand_in={"pipeline_id": "PIPELINE_ID"})
    tables = [entry["table"]["source_table"] for entry in spec["objects"]]
    return {"status": "created", "name": place.name, "pipeline_id": made["pipeline_id"], "tables": tables}


def update_pipeline(service: Service, name: str, checkout: Checkout, change: Callable[[Json], Json]) -> Json:
    """Give a pipeline a changed spec, and its checkout the newest commit of the branch."""
    stand_in = {"spec": {"root_path": "/Workspace/ROOT"}}
    shown = service.send("GET", require_pipeline(service, name), stand_in=stand_in)
    root = str(shown.get("spec", {}).get("root_path", "")).removeprefix("/Workspace")
    repos = service.send(
        "GET", REPOS, query={"path_prefix": f"{root}/source"}, stand_in={"repos": [{"id": "REPO_ID"}]}
    )
    if not root or not repos.get("repos"):
        raise ServiceError(f"Pipeline `{name}` has no checkout at its root: it was not made by this command.")
    file = service.send("GET", f"{WORKSPACE}/export", query={"path": f"{root}/ingest.py", "format": "SOURCE"})
    old = {"connection_name": "AS BEFORE", "objects": []} if service.dry_run else read_spec(file["content"])
    service.send("PATCH", f"{REPOS}/{repos['repos'][0]['id']}", {"branch": checkout.branch})
    _write(service, root, checkout, change(old))
    return {"status": "updated", "name": name, "branch": checkout.branch}


def _write(service: Service, root: str, checkout: Checkout, spec: Json) -> None:
    text = write_ingest(f"/Workspace{root}/source/{checkout.artifact}", spec)
    form = {"format": "SOURCE", "language": "PYTHON", "overwrite": True}
    content = base64.b64encode(text.encode()).decode()
    body = {"path": f"{root}/ingest.py", "content": content, **form}
    service.send("POST", f"{WORKSPACE}/import", body, shown=body | {"content": text})


def show_pipeline(service: Service, name: str) -> Json:
    """What the workspace knows of a pipeline."""
    found = service.send("GET", require_pipeline(service, name))
    spec = {key: found.get("spec", {}).get(key) for key in ("catalog", "target", "root_path")}
    updates = [f"{entry['update_id']} {entry['state']}" for entry in found.get("latest_updates", [])]
    return {
        "name": name,
        "pipeline_id": found.get("pipeline_id"),
        "state": found.get("state"),
        **spec,
        "updates": updates,
    }


def run_pipeline(service: Service, name: str, *, full_refresh: bool) -> Json:
    """Start an update of a pipeline."""
    path = f"{require_pipeline(service, name)}/updates"
    started = service.send("POST", path, {"full_refresh": full_refresh}, stand_in={"update_id": "UPDATE_ID"})
    return {"status": "started", "name": name, "update_id": started["update_id"]}


def wait_for_update(service: Service, update: Json, poll_seconds: float, timeout_seconds: float) -> Json:
    """Follow an update to its end, with a line for each change of its state.

    Raises:
        ServiceError: it failed, with its error; or it has not ended in time.
    """
    path, started, told = require_pipeline(service, update["name"]), time.monotonic(), ""
    while told not in ENDED:
        answer = service.send("GET", f"{path}/updates/{update['update_id']}")
        state, passed = answer["update"]["state"], time.monotonic() - started
        if state != told:
            click.echo(f"{update['name']}: {state} after {passed:.0f} s", err=True)
        if state not in ENDED and passed > timeout_seconds:
            raise ServiceError(
                f"The update has not ended after {passed:.0f} s; it goes on. See: show_pipeline."
            )
        told = state
        time.sleep(0 if told in ENDED else poll_seconds)
    if told != "COMPLETED":
        raise ServiceError(
            f"The update of `{update['name']}` ended as {told}. {_reason(service, path, update)}"
        )
    return update | {"status": told}


def _reason(service: Service, path: str, update: Json) -> str:
    """What the pipeline's events say of a failed update."""
    query = {"filter": "level='ERROR'", "order_by": "timestamp desc"}
    for event in service.send("GET", f"{path}/events", query=query).get("events", []):
        if event.get("origin", {}).get("update_id") == update["update_id"]:
            exceptions = event.get("error", {}).get("exceptions", [])
            return " ".join(str(entry.get("message", "")) for entry in exceptions) or str(
                event.get("message")
            )
    return "Its event log names no error."
