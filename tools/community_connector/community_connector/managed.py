"""Managed ingestion: pipelines without a checkout, over wheels in a volume."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from community_connector.errors import InputError, NotThereError
from community_connector.inputs import text_of
from community_connector.pipelines import (
    Place,
    created,
    exists,
    make,
    require_pipeline,
    say_rights,
)
from community_connector.service import Json, Service, mapping, quoted
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
CONNECTORS = "lakeflow_community_connectors_"
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
    options = {key: text_of(value) for key, value in given.items() if key not in PIPELINE_KEYS}
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
    service: Service,
    name: str,
    change: Callable[[Json, tuple[str, str]], Json | None],
    wheels: list[Path],
) -> Json:
    """Replace what this command manages of a pipeline; all else of it is sent back as it is.

    Args:
        change: the workspace's spec, catalog and schema → the new pipeline spec, or None to keep it.
    """
    path = require_pipeline(service, name)
    before = {"ingestion_definition": {"connection_name": "AS_BEFORE"}}
    stand_in = {"spec": {"name": name, "catalog": "AS_BEFORE", "schema": "AS_BEFORE", **before}}
    shown = service.send("GET", path, stand_in=stand_in)
    spec = dict(mapping(shown.get("spec")))
    definition = mapping(spec.get("ingestion_definition"))
    if not definition:
        raise InputError(f"Pipeline `{name}` is no managed ingestion: leave out --managed.")
    kind = definition.get("source_type", SOURCE_TYPE)
    if kind != SOURCE_TYPE:
        raise InputError(f"Pipeline `{name}` ingests from {kind}, and not by a community connector.")
    catalog, schema = spec.get("catalog"), spec.get("schema") or spec.get("target")
    if not (catalog and schema):
        raise InputError(f"Pipeline `{name}` has no catalog and schema: it was not made by this command.")
    place, steps = Place(name, str(catalog), str(schema)), Steps(service, keep=False)
    spec["ingestion_definition"] = definition
    made = change(spec, (place.catalog, place.schema))
    if made is not None:
        spec["ingestion_definition"] = definition | definition_of(made, place)
    spec["configuration"] = mapping(spec.get("configuration")) | CONFIGURATION
    environment = mapping(spec.get("environment"))
    known = environment.get("dependencies")
    dependencies: list[Any] = known if isinstance(known, list) else []
    # A PUT replaces all: who it runs as stands beside the spec, and `id` is no field of it.
    spec.pop("id", None)
    spec |= {"run_as": shown["run_as"]} if mapping(shown.get("run_as")) else {}
    spec |= {"expected_last_modified": shown["last_modified"]} if shown.get("last_modified") else {}
    with steps.undone_on_failure():
        if wheels:
            paths = upload(service, place, wheels, steps)
            new = {_distribution(found) for found in paths}
            dependencies = [*(old for old in dependencies if _distribution(old) not in new), *paths]
            spec["environment"] = environment | {"dependencies": dependencies}
        service.send("PUT", path, spec)
    return {"status": "updated", "name": name, "wheels": dependencies}


def _distribution(dependency: Any) -> str:
    """What a dependency is: of a wheel's file or a requirement, the name as registries compare it."""
    name = Path(str(dependency)).name
    name = re.split(r"-\d" if name.endswith(".whl") else r"[\s=<>!~;\[@]", name)[0]
    return re.sub(r"[-_.]+", "_", name).lower()


def upload(service: Service, place: Place, wheels: list[Path], steps: Steps) -> list[str]:
    """Put wheels into the volume of the pipeline's schema; returns their paths."""
    schema, named = f"{place.catalog}.{place.schema}", {"catalog_name": place.catalog}
    volume = f"{schema}.{VOLUME}"
    body = named | {"schema_name": place.schema, "name": VOLUME, "volume_type": "MANAGED"}
    if service.find(f"{VOLUMES}/{quoted(volume)}") is None:
        try:
            _make(service, steps, VOLUMES, volume, body)
        except NotThereError:
            # The pipeline would make its schema, but the wheels come before the pipeline.
            _make(service, steps, SCHEMAS, schema, named | {"name": place.schema})
            _make(service, steps, VOLUMES, volume, body)
    paths, where = [], f"/Volumes/{place.catalog}/{place.schema}/{VOLUME}/{FOLDER}"
    for wheel in wheels:
        content = wheel.read_bytes()
        # By its content: no pipeline's wheel is ever changed under it.
        folder = f"{where}/{hashlib.sha256(content).hexdigest()[:12]}"
        paths.append(f"{folder}/{wheel.name}")
        steps.add(f"wheel {paths[-1]}", None, "stays in the volume")
        service.send("PUT", f"{FILES}/directories{quote(folder)}")
        path, query = f"{FILES}/files{quote(paths[-1])}", {"overwrite": "true"}
        service.send("PUT", path, query=query, content=content)
    return paths


def _make(service: Service, steps: Steps, kind: str, name: str, body: Json) -> None:
    """Make a schema or a volume."""
    what, path = f"{kind.rpartition('/')[2].removesuffix('s')} {name}", f"{kind}/{quoted(name)}"
    steps.make(what, lambda: service.send("POST", kind, body), lambda: service.send("DELETE", path))


def require_framework(path: str | None) -> Path:
    """The framework's wheel; raises InputError that says how to build one."""
    if path is None:
        raise InputError(f"--framework-wheel is missing; it is in no registry. Build it once: {FRAMEWORK}")
    if not is_wheel(Path(path)):
        raise InputError(f"--framework-wheel: {path} is no wheel. Build it: {FRAMEWORK}")
    if Path(path).name.startswith(CONNECTORS):
        raise InputError(f"--framework-wheel: {path} is a connector's. The framework's: {FRAMEWORK}")
    return Path(path)
