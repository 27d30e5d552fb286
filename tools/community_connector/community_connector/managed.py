"""Managed ingestion: pipelines without a checkout, over wheels in a volume, and the connector's tile."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from community_connector.connector_spec import ConnectorSpec
from community_connector.errors import InputError, NotThereError
from community_connector.pipelines import (
    WORKSPACE,
    Place,
    created,
    exists,
    make,
    require_pipeline,
    say_rights,
)
from community_connector.service import Json, Service, field, mapping, quoted
from community_connector.steps import Steps
from community_connector.wheel import is_wheel

SCHEMAS, VOLUMES, FILES = "/api/2.1/unity-catalog/schemas", "/api/2.1/unity-catalog/volumes", "/api/2.0/fs"
VOLUME, FOLDER = "community_connector", "packages"
SOURCE_TYPE = "COMMUNITY"
# Without it, the pipeline does not know the source.
CONFIGURATION = {"pipelines.managedIngestion.registerPythonDataSource": "true"}
# The pipeline's own keys of a table, and what managed ingestion calls them; all else is the source's.
PIPELINE_KEYS = {
    "scd_type": "scd_type",
    "primary_keys": "primary_keys",
    "sequence_by": "sequence_by",
    "cluster_by": "clustering_columns",
}
DISPLAY_NAME = re.compile(r"[a-zA-Z0-9 _-]+")
FRAMEWORK = (
    "pip wheel --no-deps --wheel-dir build "
    '"lakeflow-community-connectors @ git+https://github.com/databrickslabs/lakeflow-community-connectors"'
)


def definition_of(spec: Json, place: Place) -> Json:
    """A pipeline spec as an ingestion definition."""
    objects = [{"table": _table(entry["table"], place)} for entry in spec["objects"]]
    return {"source_type": SOURCE_TYPE, "connection_name": spec["connection_name"], "objects": objects}


def _table(table: Json, place: Place) -> Json:
    given = table.get("table_configuration") or {}
    kept = {PIPELINE_KEYS[key]: value for key, value in given.items() if key in PIPELINE_KEYS}
    for key in ("sequence_by", "clustering_columns"):
        if isinstance(kept.get(key), str):
            kept[key] = [kept[key]]
    # In `table_configuration` they would be dropped without a word.
    options = {key: _text(value) for key, value in given.items() if key not in PIPELINE_KEYS}
    made = {
        "source_schema": "default",
        "source_table": table["source_table"],
        "destination_catalog": table.get("destination_catalog") or place.catalog,
        "destination_schema": table.get("destination_schema") or place.schema,
    }
    if table.get("destination_table"):
        made["destination_table"] = table["destination_table"]
    if kept:
        made["table_configuration"] = kept
    if options:
        made["connector_options"] = {"community_connector_options": {"options": options}}
    return made


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def create_managed(service: Service, place: Place, spec: Json, wheels: list[Path], *, keep: bool) -> Json:
    """Upload the wheels and make a pipeline over them; one of that name stays as it is."""
    if there := exists(service, place.name):
        return there
    say_rights(service, place, spec, managed=True)
    steps = Steps(service, keep)
    with steps.undone_on_failure():
        paths = upload(service, place, wheels, steps)
        number = make(service, steps, place.body | _managed(spec, place, paths))
    return created(service, place.name, number, spec) | {"wheels": paths}


def _managed(spec: Json, place: Place, paths: list[str]) -> Json:
    return {
        "configuration": CONFIGURATION,
        "environment": {"dependencies": paths},
        "ingestion_definition": definition_of(spec, place),
    }


def update_managed(
    service: Service, name: str, change: Callable[[Json], Json | None], wheels: list[Path]
) -> Json:
    """Replace what this command manages of a pipeline; all else of it is sent back as it is.

    Args:
        change: the pipeline's ingestion definition → the new one, or None to keep it.
    """
    path = require_pipeline(service, name)
    stand_in = {
        "spec": {"name": name, "catalog": "AS BEFORE", "schema": "AS BEFORE", "ingestion_definition": {}}
    }
    spec = dict(mapping(service.send("GET", path, stand_in=stand_in).get("spec")))
    if "ingestion_definition" not in spec:
        raise InputError(f"Pipeline `{name}` is no managed ingestion: leave out --managed.")
    kind = mapping(spec["ingestion_definition"]).get("source_type", SOURCE_TYPE)
    if kind != SOURCE_TYPE:
        raise InputError(f"Pipeline `{name}` ingests from {kind}, and not by a community connector.")
    catalog, schema = spec.get("catalog"), spec.get("schema") or spec.get("target")
    if not (catalog and schema):
        raise InputError(f"Pipeline `{name}` has no catalog and schema: it was not made by this command.")
    place, steps = Place(name, str(catalog), str(schema)), Steps(service, keep=False)
    with steps.undone_on_failure():
        return _replace(
            service, path, spec, place, change, upload(service, place, wheels, steps) if wheels else []
        )


def _replace(
    service: Service,
    path: str,
    spec: Json,
    place: Place,
    change: Callable[[Json], Json | None],
    paths: list[str],
) -> Json:
    """Send a pipeline back with what this command manages changed."""
    name = place.name
    if paths:
        environment = dict(mapping(spec.get("environment")))
        new = {Path(found).name.partition("-")[0] for found in paths}
        old = [found for found in environment.get("dependencies") or [] if _distribution(found) not in new]
        spec["environment"] = environment | {"dependencies": [*old, *paths]}
    made = change(spec)
    if made is not None:
        spec["ingestion_definition"] = dict(spec["ingestion_definition"]) | definition_of(made, place)
    spec["configuration"] = dict(mapping(spec.get("configuration"))) | CONFIGURATION
    # A PUT replaces all; what only the answer has is no field of it.
    spec.pop("id", None)
    service.send("PUT", path, spec)
    return {
        "status": "updated",
        "name": name,
        "wheels": (spec.get("environment") or {}).get("dependencies", []),
    }


def _distribution(dependency: Any) -> str:
    """What a wheel's file is the wheel of."""
    return Path(str(dependency)).name.partition("-")[0]


def upload(service: Service, place: Place, wheels: list[Path], steps: Steps) -> list[str]:
    """Put wheels into the volume of the pipeline's schema; returns their paths."""
    schema = quoted(f"{place.catalog}.{place.schema}")
    if service.find(f"{SCHEMAS}/{schema}") is None:
        # The pipeline would make it, but the wheels come before the pipeline.
        steps.add(f"schema {unquote(schema)}", lambda: service.send("DELETE", f"{SCHEMAS}/{schema}"))
        service.send("POST", SCHEMAS, {"catalog_name": place.catalog, "name": place.schema})
    volume = quoted(f"{place.catalog}.{place.schema}.{VOLUME}")
    if service.find(f"{VOLUMES}/{volume}") is None:
        steps.add(f"volume {unquote(volume)}", lambda: service.send("DELETE", f"{VOLUMES}/{volume}"))
        form = {"catalog_name": place.catalog, "schema_name": place.schema, "name": VOLUME}
        service.send("POST", VOLUMES, form | {"volume_type": "MANAGED"})
    folder = f"/Volumes/{place.catalog}/{place.schema}/{VOLUME}/{FOLDER}"
    service.send("PUT", f"{FILES}/directories{quote(folder)}")
    for wheel in wheels:
        path, query = f"{FILES}/files{quote(f'{folder}/{wheel.name}')}", {"overwrite": "true"}
        service.send("PUT", path, query=query, content=wheel.read_bytes())
    return [f"{folder}/{wheel.name}" for wheel in wheels]


def publish(service: Service, spec: ConnectorSpec, source: str, dependencies: list[str]) -> Json:
    """Make the connector a tile of the workspace's "Add data"."""
    display = display_name(spec)
    manifest = {
        "id": source.upper(),
        "sourceName": source,
        "displayName": display,
        "logo": None,
        "repositoryPath": "",
        "readmeUrl": "",
        "connectionSpec": spec.text,
        "dependencies": dependencies,
    }
    content = base64.b64encode(json.dumps(manifest, default=str).encode()).decode()
    path = _tile(service, display)
    service.send("POST", f"{WORKSPACE}/mkdirs", {"path": path.rpartition("/")[0]})
    form = {"path": path, "format": "AUTO", "overwrite": True}
    service.send("POST", f"{WORKSPACE}/import", form | {"content": content})
    return {"status": "published", "name": display, "path": path}


def unpublish(service: Service, spec: ConnectorSpec) -> Json:
    """Take the tile away again."""
    path = _tile(service, display_name(spec))
    if service.find(f"{WORKSPACE}/get-status", {"path": path}) is None and not service.dry_run:
        raise NotThereError(f"There is no tile at {path}: it was not published, or by another user.")
    service.send("POST", f"{WORKSPACE}/delete", {"path": path, "recursive": False})
    return {"status": "unpublished", "path": path}


def display_name(spec: ConnectorSpec) -> str:
    """The tile's name; raises InputError for one that a workspace refuses."""
    name = str(spec.text.get("display_name", ""))
    if not DISPLAY_NAME.fullmatch(name):
        raise InputError(
            f"{spec.place}: display_name {name!r} may have letters, digits, spaces, `_` and `-` only."
        )
    return name


def _tile(service: Service, display: str) -> str:
    me = service.send("GET", "/api/2.0/preview/scim/v2/Me", stand_in={"userName": "YOU"})
    return f"/Users/{field(me, 'userName')}/.community-connectors/{display}.connector.json"


def require_framework(path: str | None) -> Path:
    """The framework's wheel; raises InputError that says how to build one."""
    if path is None:
        raise InputError(f"--framework-wheel is missing; it is in no registry. Build it once: {FRAMEWORK}")
    if not is_wheel(Path(path)):
        raise InputError(f"--framework-wheel: {path} is no wheel. Build it: {FRAMEWORK}")
    return Path(path)
