"""Pipelines: the folder that one needs in the workspace, the pipeline itself, and its runs.

/Users/YOU/community-connectors/NAME/ is the pipeline's root. It holds `ingest.py`, which is written here, and
`source/`, the connector's repository (only the folder of its merged file).
"""

import base64
import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from community_connector.errors import NotThereError, ServiceError
from community_connector.ingest_file import read_spec, write_ingest
from community_connector.repository import Checkout
from community_connector.service import Json, Service, field

PIPELINES, REPOS, WORKSPACE = "/api/2.0/pipelines", "/api/2.0/repos", "/api/2.0/workspace"
KIND = {"channel": "CURRENT", "continuous": False, "development": False, "serverless": True}
ENDED = ("COMPLETED", "FAILED", "CANCELED")


@dataclasses.dataclass(frozen=True)
class Place:
    """A pipeline's name, and where its tables go."""

    name: str
    catalog: str
    schema: str


@dataclasses.dataclass
class Steps:
    """What a command makes, each thing noted before it is made, with what removes it again."""

    service: Service
    keep: bool
    made: list[tuple[str, Callable[[], Any]]] = dataclasses.field(default_factory=list)

    def add(self, what: str, remove: Callable[[], Any]) -> None:
        self.made.append((what, remove))
        if not self.service.dry_run:
            click.echo(f"making {what}", err=True)

    @contextmanager
    def undone_on_failure(self) -> Iterator[None]:
        """Take back what was made if a later step fails, or is stopped, or say that it stays."""
        try:
            yield
        except BaseException:
            for what, remove in reversed(self.made):
                click.echo(f"{what}: {'stays (--keep)' if self.keep else self._removed(remove)}", err=True)
            raise

    def _removed(self, remove: Callable[[], Any]) -> str:
        try:
            remove()
        except NotThereError:
            return "was not made"
        except ServiceError as error:
            return f"may still be there, remove it by hand ({error.message})"
        return "removed again"


def find_pipeline(service: Service, name: str) -> Json | None:
    """The pipeline of exactly this name; raises ServiceError if there are several."""
    found: list[Json] = []
    query = {"filter": f"name LIKE '{name}'"}
    while True:
        page = service.send("GET", PIPELINES, query=query)
        # LIKE takes `_` for any letter.
        found += [entry for entry in page.get("statuses") or [] if entry.get("name") == name]
        if not page.get("next_page_token"):
            break
        query["page_token"] = page["next_page_token"]
    if len(found) > 1:
        ids = ", ".join(str(entry.get("pipeline_id")) for entry in found)
        raise ServiceError(f"There are {len(found)} pipelines named `{name}`: {ids}. Rename all but one.")
    return found[0] if found else None


def require_pipeline(service: Service, name: str) -> str:
    """The path of a pipeline; raises NotThereError if there is none of that name."""
    found = find_pipeline(service, name)
    if found is None and not service.dry_run:
        raise NotThereError(f"There is no pipeline `{name}`. Make it: community-connector create_pipeline.")
    return f"{PIPELINES}/{field(found, 'pipeline_id') if found else 'PIPELINE_ID'}"


def create_pipeline(service: Service, place: Place, spec: Json, checkout: Checkout, *, keep: bool) -> Json:
    """Make a pipeline and what it needs; one of that name stays as it is."""
    there = find_pipeline(service, place.name)
    if there is not None:
        note = "nothing was changed; update_pipeline changes it"
        return {"status": "exists", "name": place.name, "pipeline_id": there["pipeline_id"], "note": note}
    me = service.send("GET", "/api/2.0/preview/scim/v2/Me", stand_in={"userName": "YOU"})
    root = f"/Users/{field(me, 'userName')}/community-connectors/{place.name}"
    if service.find(f"{WORKSPACE}/get-status", {"path": root}) is not None:
        raise ServiceError(f"The workspace folder {root} is there already: delete it, or take another name.")
    steps = Steps(service, keep)
    with steps.undone_on_failure():
        whole = {"path": root, "recursive": True}
        steps.add(f"folder {root}", lambda: service.send("POST", f"{WORKSPACE}/delete", whole))
        service.send("POST", f"{WORKSPACE}/mkdirs", {"path": root})
        asked = {"url": checkout.url, "provider": checkout.provider, "path": f"{root}/source"}
        patterns = {"sparse_checkout": {"patterns": [checkout.folder]}}
        made = service.send("POST", REPOS, asked | patterns, stand_in={"id": "REPO_ID"})
        repo = f"{REPOS}/{field(made, 'id')}"
        steps.add(f"checkout {root}/source", lambda: service.send("DELETE", repo))
        service.send("PATCH", repo, {"branch": checkout.branch})
        _write(service, root, write_ingest(f"/Workspace{root}/source/{checkout.artifact}", spec))
        body = {
            "name": place.name,
            "catalog": place.catalog,
            "target": place.schema,
            "root_path": f"/Workspace{root}",
            "libraries": [{"file": {"path": f"/Workspace{root}/ingest.py"}}],
            **KIND,
        }
        # Looked up by name, because a request may be carried out though its answer is lost.
        name = place.name
        steps.add(f"pipeline {name}", lambda: service.send("DELETE", require_pipeline(service, name)))
        made = service.send("POST", PIPELINES, body, stand_in={"pipeline_id": "PIPELINE_ID"})
        number = field(made, "pipeline_id")
    tables = [entry["table"]["source_table"] for entry in spec["objects"]]
    return {"status": "created", "name": place.name, "pipeline_id": number, "tables": tables}


def update_pipeline(
    service: Service, name: str, find_checkout: Callable[[Json], Checkout], change: Callable[[Json], Json]
) -> Json:
    """Give a pipeline a changed spec, and its checkout, as the workspace knows it, the newest commit."""
    there: Json = {"spec": {"root_path": "/Workspace/ROOT"}}
    shown = service.send("GET", require_pipeline(service, name), stand_in=there)
    root = str((shown.get("spec") or {}).get("root_path", "")).removeprefix("/Workspace")
    query, stand_in = {"path_prefix": f"{root}/source"}, {"repos": [{"id": "REPO_ID"}]}
    repos = service.send("GET", REPOS, query=query, stand_in=stand_in).get("repos")
    if not root or not repos:
        raise ServiceError(f"Pipeline `{name}` has no checkout at its root: it was not made by this command.")
    checkout, repo = find_checkout(repos[0]), f"{REPOS}/{field(repos[0], 'id')}"
    query = {"path": f"{root}/ingest.py", "format": "SOURCE"}
    file = service.send("GET", f"{WORKSPACE}/export", query=query, stand_in={"content": ""})
    before = base64.b64decode(field(file, "content")).decode()
    old = {"connection_name": "AS BEFORE", "objects": []} if service.dry_run else read_spec(before)
    steps = Steps(service, keep=False)
    with steps.undone_on_failure():
        steps.add(f"change of {root}/ingest.py", lambda: _write(service, root, before))
        _write(service, root, write_ingest(f"/Workspace{root}/source/{checkout.artifact}", change(old)))
        service.send("PATCH", repo, {"branch": checkout.branch})
    return {"status": "updated", "name": name, "branch": checkout.branch}


def _write(service: Service, root: str, text: str) -> None:
    form = {"path": f"{root}/ingest.py", "format": "SOURCE", "language": "PYTHON", "overwrite": True}
    content = base64.b64encode(text.encode()).decode()
    service.send("POST", f"{WORKSPACE}/import", form | {"content": content})


def show_pipeline(service: Service, name: str) -> Json:
    """What the workspace knows of a pipeline."""
    found = service.send("GET", require_pipeline(service, name))
    spec = {key: (found.get("spec") or {}).get(key) for key in ("catalog", "target", "root_path")}
    newest = found.get("latest_updates") or []
    updates = [f"{entry.get('update_id')} {entry.get('state')}" for entry in newest]
    known = {"pipeline_id": found.get("pipeline_id"), "state": found.get("state")}
    return {"name": name, **known, **spec, "updates": updates}


def run_pipeline(service: Service, name: str, *, full_refresh: bool) -> Json:
    """Start an update of a pipeline."""
    path = f"{require_pipeline(service, name)}/updates"
    started = service.send("POST", path, {"full_refresh": full_refresh}, stand_in={"update_id": "UPDATE_ID"})
    return {"status": "started", "name": name, "update_id": field(started, "update_id")}


def wait_for_update(service: Service, update: Json, poll_seconds: float, timeout_seconds: float) -> Json:
    """Follow an update to its end, with a line for each change; raises ServiceError if it fails."""
    click.echo(f"{update['name']}: update {update['update_id']} started", err=True)
    path, started, told = require_pipeline(service, update["name"]), time.monotonic(), ""
    while told not in ENDED:
        passed = time.monotonic() - started
        try:
            state = field(service.send("GET", f"{path}/updates/{update['update_id']}"), "update", "state")
        except ServiceError:
            click.echo("The update goes on in the workspace, unseen.", err=True)
            raise
        if state != told:
            click.echo(f"{update['name']}: {state} after {passed:.0f} s", err=True)
        told = state
        if told not in ENDED and passed >= timeout_seconds:
            raise ServiceError(f"The update has not ended after {passed:.0f} s. It goes on: show_pipeline.")
        time.sleep(0 if told in ENDED else min(poll_seconds, timeout_seconds - passed))
    if told != "COMPLETED":
        reason = _reason(service, path, update)
        raise ServiceError(f"The update of `{update['name']}` ended as {told}. {reason}")
    return update | {"status": told}


def _reason(service: Service, path: str, update: Json) -> str:
    """What the pipeline's events say of a failed update."""
    query = {"filter": "level='ERROR'", "order_by": "timestamp desc"}
    for event in service.send("GET", f"{path}/events", query=query).get("events") or []:
        if (event.get("origin") or {}).get("update_id") == update["update_id"]:
            exceptions = (event.get("error") or {}).get("exceptions") or []
            return " ".join(str(entry.get("message")) for entry in exceptions or [event])
    return "Its event log names no error."
