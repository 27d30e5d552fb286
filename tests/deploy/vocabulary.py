"""How a rule of the stand-in is written: what it refuses, and how a payload is made that it refuses."""

import dataclasses
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from databricks.sdk.service import catalog, pipelines, workspace

Json = dict[str, Any]
# A whole payload (path, query and body together), and the workspace it goes to → whether it is taken.
Holds = Callable[[Json, Any], object]
Break = Callable[[Json], Json]

COMMUNITY, GENERIC = "COMMUNITY", "GENERIC_LAKEFLOW_CONNECT"
REGISTERS = "pipelines.managedIngestion.registerPythonDataSource"
INJECTION = "spark.databricks.unityCatalog.connectionDfOptionInjection.enabled"
OBJECT_NAME = re.compile(r"[^./ \x00-\x1f\x7f]{1,255}")


class Refusal(Exception):
    """An error answer: a status and a message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Rule:
    """One thing that a workspace refuses.

    Attributes:
        request: `METHOD path`, a regular expression.
        says: the message of the refusal.
        holds: whether a payload is taken.
        breaks: makes a payload that is taken into one that is not.
        source: where it is documented; D: Databricks' documentation, S: upstream's code.
        status: of the refusal.
    """

    request: str
    says: str
    holds: Holds
    breaks: Break
    source: str
    status: int = 400


def fields_of(thing: Any) -> frozenset[str]:
    """The fields of a request, as the SDK knows them: a dataclass's, or a method's arguments."""
    if dataclasses.is_dataclass(thing):
        return frozenset(found.name for found in dataclasses.fields(thing))
    return frozenset(inspect.signature(thing).parameters) - {"self"}


CONNECTION = fields_of(catalog.ConnectionsAPI.create)
IMPORT = fields_of(workspace.WorkspaceAPI.import_)
SCHEMA = fields_of(catalog.SchemasAPI.create)
VOLUME = fields_of(catalog.VolumesAPI.create)
REPO = fields_of(workspace.ReposAPI.create)
PIPELINE = fields_of(pipelines.PipelinesAPI.create)
REPLACED_PIPELINE = fields_of(pipelines.PipelinesAPI.update)
TABLE = fields_of(pipelines.TableSpec)
TABLE_CONFIGURATION = fields_of(pipelines.TableSpecificConfig)
FORMATS = {found.value for found in workspace.ImportFormat}
PROVIDERS = {
    *("gitHub", "bitbucketCloud", "gitLab", "azureDevOpsServices", "gitHubEnterprise"),
    *("bitbucketServer", "gitLabEnterpriseEdition", "awsCodeCommit"),
}


def plus(**more: Any) -> Break:
    return lambda payload: payload | more


def without(name: str) -> Break:
    return lambda payload: {key: value for key, value in payload.items() if key != name}


def inside(name: str, change: Break) -> Break:
    return lambda payload: payload | {name: change(payload[name])}


def inside_tables(change: Break) -> Break:
    def changed(definition: Json) -> Json:
        objects = [entry | {"table": change(entry["table"])} for entry in definition["objects"]]
        return definition | {"objects": objects}

    return inside("ingestion_definition", changed)


def tables_of(payload: Json) -> list[Json]:
    return [entry["table"] for entry in payload["ingestion_definition"]["objects"]]


def are_files(payload: Json, place: Any) -> bool:
    """Whether each library is a file, and there: a notebook is none."""
    return all(
        place.kinds.get(library["file"]["path"].removeprefix("/Workspace")) == "FILE"
        for library in payload["libraries"]
    )
