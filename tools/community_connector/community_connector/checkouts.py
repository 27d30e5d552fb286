"""Pipelines over a checkout: the folder that one needs in the workspace, and what it holds.

/Users/YOU/community-connectors/NAME/ is the pipeline's root. It holds `ingest.py`, which is written here, and
`source/`, the connector's repository (only the folder of its merged file).
"""

import base64
from collections.abc import Callable
from typing import Any

import click

from community_connector.errors import InputError, NotThereError, ServiceError
from community_connector.ingest_file import read_spec, write_ingest
from community_connector.pipelines import (
    WORKSPACE,
    Place,
    created,
    exists,
    make,
    require_pipeline,
    root_of,
    say_rights,
)
from community_connector.repository import Checkout, is_public
from community_connector.service import Json, Service, mapping, objects, text_at
from community_connector.service import field as at
from community_connector.steps import Steps

REPOS = "/api/2.0/repos"


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
        asked: Json = {"url": checkout.url, "provider": checkout.provider, "path": f"{root}/source"}
        # At the top of a repository, all of it is that folder.
        sparse = checkout.folder != "."
        asked |= {"sparse_checkout": {"patterns": [checkout.folder]}} if sparse else {}
        made = steps.make(
            f"checkout {root}/source",
            lambda: service.send("POST", REPOS, asked, stand_in={"id": "REPO_ID"}),
            lambda: service.send("DELETE", f"{REPOS}/{at(require_checkout(service, root), 'id')}"),
            inside=1,
        )
        repo = f"{REPOS}/{at(made, 'id')}"
        service.send("PATCH", repo, {checkout.kind: checkout.reference})
        _write(service, root, write_ingest(f"/Workspace{root}/source/{checkout.artifact}", spec))
        body = place.body | {
            "root_path": f"/Workspace{root}",
            "libraries": [{"file": {"path": f"/Workspace{root}/ingest.py"}}],
        }
        number = make(service, steps, body)
    return created(service, place.name, number, spec)


def require_checkout(service: Service, root: str) -> Json:
    """The checkout below a pipeline's root; raises NotThereError if there is none."""
    place = f"{root}/source"
    stand_in = {"repos": [{"id": "REPO_ID", "path": place, "branch": "BRANCH"}]}
    # A prefix is that of others too.
    for repo in service.pages(REPOS, {"path_prefix": place}, "repos", stand_in):
        if root and repo.get("path") in (place, f"/Workspace{place}"):
            return repo
    raise NotThereError(f"There is no checkout {place}: it was not made by this command.")


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
    service: Service,
    name: str,
    find_checkout: Callable[[Json], Checkout],
    change: Callable[[Json, tuple[str, str] | None], Json],
) -> Json:
    """Give a pipeline a changed spec, and its checkout, as the workspace knows it, the newest commit.

    Args:
        change: the spec, and the pipeline's catalog and schema where they are known → the new one; it
            raises InputError for one that would not run.
    """
    stand_in: Json = {"spec": {"root_path": "/Workspace/ROOT"}}
    shown = service.send("GET", require_pipeline(service, name), stand_in=stand_in)
    if mapping(shown.get("spec")).get("ingestion_definition"):
        raise InputError(f"Pipeline `{name}` is managed ingestion: give --managed.")
    root = str(mapping(shown.get("spec")).get("root_path") or "").removeprefix("/Workspace")
    there = require_checkout(service, root)
    checkout, repo = find_checkout(there), f"{REPOS}/{at(there, 'id')}"
    query = {"path": f"{root}/ingest.py", "format": "AUTO"}
    file = service.send("GET", f"{WORKSPACE}/export", query=query, stand_in={"content": ""})
    before = _text_of(file)
    path, known = f"/Workspace{root}/source/{checkout.artifact}", mapping(shown.get("spec"))
    catalog, schema = text_at(known, "catalog"), text_at(known, "schema")
    where = (catalog, schema) if catalog and schema else None
    if service.dry_run:
        made: Json = {"connection_name": "AS BEFORE", "objects": []}
    else:
        old = read_spec(before)
        made = change(old, where)
        if before != write_ingest(path, old):
            _keep_aside(service, root, before)
    steps = Steps(service, keep=False)
    with steps.undone_on_failure():
        steps.add(f"change of {root}/ingest.py", lambda: _write(service, root, before), "put back")
        _write(service, root, write_ingest(path, made))
        was = {kind: there[kind] for kind in ("branch", "tag") if there.get(kind)}
        if was:
            steps.add(f"checkout of {root}/source", lambda: service.send("PATCH", repo, was), "put back")
        service.send("PATCH", repo, {checkout.kind: checkout.reference})
    return {"status": "updated", "name": name, checkout.kind: checkout.reference}


def _keep_aside(service: Service, root: str, text: str) -> None:
    """Keep an ingest.py that this command would not write: somebody changed it, or an older one made it."""
    _write(service, root, text, "ingest.py.before")
    click.echo(f"{root}/ingest.py was changed by hand or is an older one: kept as ingest.py.before", err=True)


def _write(service: Service, root: str, text: str, name: str = "ingest.py") -> None:
    """A file: with a `language`, it would be a notebook, which no pipeline runs as a file."""
    content = base64.b64encode(text.encode()).decode()
    form: dict[str, Any] = {"path": f"{root}/{name}", "format": "AUTO", "overwrite": True}
    service.send("POST", f"{WORKSPACE}/import", form | {"content": content})


def _text_of(file: Json) -> str:
    try:
        return base64.b64decode(str(at(file, "content"))).decode()
    except ValueError:
        raise ServiceError("The pipeline's ingest.py is no text: it was not made by this command.") from None
