"""Pipelines of a workspace, whatever they run: found by name, made, shown, deleted."""

from dataclasses import dataclass, field
from typing import Any

import click

from community_connector.errors import NotThereError, ServiceError
from community_connector.rights import rights_of_pipeline
from community_connector.service import Json, Service, mapping, objects
from community_connector.service import field as at
from community_connector.steps import Steps

PIPELINES, WORKSPACE = "/api/2.0/pipelines", "/api/2.0/workspace"
ME = "/api/2.0/preview/scim/v2/Me"


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
    # LIKE takes `_` for any letter.
    listed = service.pages(PIPELINES, {"filter": f"name LIKE '{name}'"}, "statuses")
    found = [entry for entry in listed if entry.get("name") == name]
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


def make(service: Service, steps: Steps, body: Json) -> str:
    """Make a pipeline, and note what removes it: looked up by name, for an answer may be lost."""
    steps.add(f"pipeline {body['name']}", lambda: _remove(service, body))
    made = service.send("POST", PIPELINES, body, stand_in={"pipeline_id": "PIPELINE_ID"})
    return str(at(made, "pipeline_id"))


def _remove(service: Service, body: Json) -> None:
    """Delete the pipeline that was made of `body`; raises NotThereError for another's."""
    path = require_pipeline(service, body["name"])
    shown = service.send("GET", path)
    me = at(service.send("GET", ME), "userName")
    if shown.get("creator_user_name", me) != me or not _holds(mapping(shown.get("spec")), body):
        raise NotThereError("It is somebody else's.")
    service.send("DELETE", path)


def _holds(whole: Any, part: Any) -> bool:
    """Whether all of `part` stands in `whole`, which may have more."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(_holds(whole.get(key), value) for key, value in part.items())
    return bool(whole == part) or isinstance(part, list)


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
    click.echo(f"pipeline {name}: deleted", err=True)
    if root != f"/Workspace{own}":
        return {"status": "deleted", "name": name, "folder": "left alone: not of this command"}
    try:
        service.send("POST", f"{WORKSPACE}/delete", {"path": own, "recursive": True})
    except ServiceError as error:
        raise ServiceError(
            f"The pipeline is deleted; its folder {own} is still there, delete it by hand. {error.message}"
        ) from None
    return {"status": "deleted", "name": name, "folder": root}


def root_of(service: Service, name: str) -> str:
    """The folder of a pipeline of yours."""
    me = service.send("GET", ME, stand_in={"userName": "YOU"})
    return f"/Users/{at(me, 'userName')}/community-connectors/{name}"
