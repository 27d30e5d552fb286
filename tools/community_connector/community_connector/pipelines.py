"""Pipelines over a checkout: the folder that one needs in the workspace, and the pipeline itself.

/Users/YOU/community-connectors/NAME/ is the pipeline's root. It holds `ingest.py`, which is written here, and
`source/`, the connector's repository (only the folder of its merged file).
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import click

from community_connector.errors import InputError, NotThereError, ServiceError
from community_connector.ingest_file import read_spec, write_ingest
from community_connector.repository import Checkout, is_public
from community_connector.rights import rights_of_pipeline
from community_connector.service import Json, Service, mapping, objects
from community_connector.service import field as at
from community_connector.steps import Steps

PIPELINES, REPOS, WORKSPACE = "/api/2.0/pipelines", "/api/2.0/repos", "/api/2.0/workspace"


@dataclass(frozen=True)
class Place:
    """A pipeline's name, where its tables go, and how it runs (`channel`, `serverless`, ...)."""

    name: str
    catalog: str
    schema: str
    how: Json = field(default_factory=dict)

    @property
    def body(self) -> Json:
        """What every pipeline is made with. `schema`, not `target`: tables may then go elsewhere too."""
        return {"name": self.name, "catalog": self.catalog, "schema": self.schema, **self.how}


def find_pipeline(service: Service, name: str) -> Json | None:
    """The pipeline of exactly this name; raises ServiceError if there are several."""
    found: list[Json] = []
    query = {"filter": f"name LIKE '{name}'"}
    while True:
        page = service.send("GET", PIPELINES, query=query)
        # LIKE takes `_` for any letter.
        found += [entry for entry in objects(page.get("statuses")) if entry.get("name") == name]
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
    return f"{PIPELINES}/{at(found, 'pipeline_id') if found else 'PIPELINE_ID'}"


def exists(service: Service, name: str) -> Json | None:
    """What to tell of a pipeline that is there already; None if it is not."""
    there = find_pipeline(service, name)
    if there is None:
        return None
    note = "nothing was changed; update_pipeline changes it"
    number = str(at(there, "pipeline_id"))
    return {
        "status": "exists",
        "name": name,
        "pipeline_id": number,
        "url": url_of(service, number),
        "note": note,
    }


def create_pipeline(service: Service, place: Place, spec: Json, checkout: Checkout, *, keep: bool) -> Json:
    """Make a pipeline and what it needs; one of that name stays as it is."""
    if there := exists(service, place.name):
        return there
    say_rights(service, place, spec)
    require_git_credential(service, checkout)
    root = root_of(service, place.name)
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
        repo = f"{REPOS}/{at(made, 'id')}"
        steps.add(f"checkout {root}/source", lambda: service.send("DELETE", repo))
        service.send("PATCH", repo, {checkout.kind: checkout.reference})
        _write(service, root, write_ingest(f"/Workspace{root}/source/{checkout.artifact}", spec))
        body = place.body | {
            "root_path": f"/Workspace{root}",
            "libraries": [{"file": {"path": f"/Workspace{root}/ingest.py"}}],
        }
        number = make(service, steps, body)
    return created(service, place.name, number, spec)


def make(service: Service, steps: Steps, body: Json) -> str:
    """Make a pipeline, and note what removes it: looked up by name, for an answer may be lost."""
    name = body["name"]
    steps.add(f"pipeline {name}", lambda: service.send("DELETE", require_pipeline(service, name)))
    made = service.send("POST", PIPELINES, body, stand_in={"pipeline_id": "PIPELINE_ID"})
    return str(at(made, "pipeline_id"))


def created(service: Service, name: str, number: str, spec: Json) -> Json:
    tables = [entry["table"]["source_table"] for entry in spec["objects"]]
    url = url_of(service, number)
    return {"status": "created", "name": name, "pipeline_id": number, "url": url, "tables": tables}


def url_of(service: Service, number: str) -> str:
    """Where a person sees the pipeline."""
    return f"{service.host}/pipelines/{number}"


def say_rights(service: Service, place: Place, spec: Json, *, managed: bool = False) -> None:
    """Say before anything is made which rights it takes."""
    if service.dry_run:
        return
    tables = [entry["table"] for entry in spec["objects"]]
    into = {
        (table.get("destination_catalog") or place.catalog, table.get("destination_schema") or place.schema)
        for table in tables
    }
    click.echo(rights_of_pipeline(spec["connection_name"], sorted(into), managed=managed), err=True)


def require_git_credential(service: Service, checkout: Checkout) -> None:
    """Raises InputError if Databricks could not read a private repository."""
    if service.dry_run or is_public(checkout):
        return
    known = objects(service.send("GET", "/api/2.0/git-credentials").get("credentials"))
    if not any(str(entry.get("git_provider")).lower() == checkout.provider.lower() for entry in known):
        raise InputError(
            f"{checkout.url} is private, and the workspace has no Git credential of yours for "
            f"{checkout.provider}. Add one under Settings, Linked accounts, or: databricks git-credentials "
            f"create {checkout.provider} --git-username YOU --personal-access-token TOKEN"
        )


def update_pipeline(
    service: Service, name: str, find_checkout: Callable[[Json], Checkout], change: Callable[[Json], Json]
) -> Json:
    """Give a pipeline a changed spec, and its checkout, as the workspace knows it, the newest commit."""
    there: Json = {"spec": {"root_path": "/Workspace/ROOT"}}
    shown = service.send("GET", require_pipeline(service, name), stand_in=there)
    if mapping(shown.get("spec")).get("ingestion_definition"):
        raise InputError(f"Pipeline `{name}` is managed ingestion: give --managed.")
    root = str(mapping(shown.get("spec")).get("root_path") or "").removeprefix("/Workspace")
    query = {"path_prefix": f"{root}/source"}
    stand_in = {"repos": [{"id": "REPO_ID", "path": f"{root}/source", "branch": "BRANCH"}]}
    found = objects(service.send("GET", REPOS, query=query, stand_in=stand_in).get("repos"))
    # A prefix is that of others too.
    repos = [repo for repo in found if repo.get("path") == f"{root}/source"]
    if not root or not repos:
        raise ServiceError(f"Pipeline `{name}` has no checkout at its root: it was not made by this command.")
    checkout, repo = find_checkout(repos[0]), f"{REPOS}/{at(repos[0], 'id')}"
    query = {"path": f"{root}/ingest.py", "format": "AUTO"}
    file = service.send("GET", f"{WORKSPACE}/export", query=query, stand_in={"content": ""})
    before = _text_of(file)
    old = {"connection_name": "AS BEFORE", "objects": []} if service.dry_run else read_spec(before)
    steps = Steps(service, keep=False)
    with steps.undone_on_failure():
        steps.add(f"change of {root}/ingest.py", lambda: _write(service, root, before), "put back")
        _write(service, root, write_ingest(f"/Workspace{root}/source/{checkout.artifact}", change(old)))
        was = {kind: repos[0][kind] for kind in ("branch", "tag") if repos[0].get(kind)}
        if was:
            steps.add(f"checkout of {root}/source", lambda: service.send("PATCH", repo, was), "put back")
        service.send("PATCH", repo, {checkout.kind: checkout.reference})
    return {"status": "updated", "name": name, checkout.kind: checkout.reference}


def _write(service: Service, root: str, text: str) -> None:
    """A file: with a `language`, it would be a notebook, which no pipeline runs as a file."""
    content = base64.b64encode(text.encode()).decode()
    form: dict[str, Any] = {"path": f"{root}/ingest.py", "format": "AUTO", "overwrite": True}
    service.send("POST", f"{WORKSPACE}/import", form | {"content": content})


def show_pipeline(service: Service, name: str) -> Json:
    """What the workspace knows of a pipeline."""
    found = service.send("GET", require_pipeline(service, name))
    known = mapping(found.get("spec"))
    spec: Json = {
        key: known.get(key) for key in ("catalog", "schema", "channel", "root_path") if key in known
    }
    newest = objects(found.get("latest_updates"))
    updates = [f"{entry.get('update_id')} {entry.get('state')}" for entry in newest]
    number = at(found, "pipeline_id")
    shown: Json = {"pipeline_id": number, "url": url_of(service, str(number)), "state": found.get("state")}
    return {"name": name, **shown, **spec, "updates": updates}


def delete_pipeline(service: Service, name: str) -> Json:
    """Remove a pipeline, and its folder if this command made it. Databricks removes its tables with it."""
    path, own = require_pipeline(service, name), root_of(service, name)
    stand_in: Json = {"spec": {"root_path": f"/Workspace{own}"}}
    root = mapping(service.send("GET", path, stand_in=stand_in).get("spec")).get("root_path")
    service.send("DELETE", path)
    if root != f"/Workspace{own}":
        return {"status": "deleted", "name": name, "folder": "left alone: not of this command"}
    service.send("POST", f"{WORKSPACE}/delete", {"path": own, "recursive": True})
    return {"status": "deleted", "name": name, "folder": root}


def root_of(service: Service, name: str) -> str:
    """The folder of a pipeline of yours."""
    me = service.send("GET", "/api/2.0/preview/scim/v2/Me", stand_in={"userName": "YOU"})
    return f"/Users/{at(me, 'userName')}/community-connectors/{name}"


def _text_of(file: Json) -> str:
    try:
        return base64.b64decode(str(at(file, "content"))).decode()
    except ValueError:
        raise ServiceError("The pipeline's ingest.py is no text: it was not made by this command.") from None
