"""What a Databricks workspace refuses, as a list: the stand-in refuses it too.

Each rule says what it refuses, with which status and message, and where that is documented. Which fields a
request may have is read from the SDK's own methods and dataclasses, where it has them.
"""

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
REPO = fields_of(workspace.ReposAPI.create)
PIPELINE = fields_of(pipelines.PipelinesAPI.create)
TABLE = fields_of(pipelines.TableSpec)
TABLE_CONFIGURATION = fields_of(pipelines.TableSpecificConfig)
FORMATS = {found.value for found in workspace.ImportFormat}
PROVIDERS = {
    *("gitHub", "bitbucketCloud", "gitLab", "azureDevOpsServices", "gitHubEnterprise"),
    *("bitbucketServer", "gitLabEnterpriseEdition", "awsCodeCommit"),
}


def _plus(**more: Any) -> Break:
    return lambda payload: payload | more


def _without(name: str) -> Break:
    return lambda payload: {key: value for key, value in payload.items() if key != name}


def _in(name: str, change: Break) -> Break:
    return lambda payload: payload | {name: change(payload[name])}


def _in_tables(change: Break) -> Break:
    def changed(definition: Json) -> Json:
        objects = [entry | {"table": change(entry["table"])} for entry in definition["objects"]]
        return definition | {"objects": objects}

    return _in("ingestion_definition", changed)


def _tables(payload: Json) -> list[Json]:
    return [entry["table"] for entry in payload["ingestion_definition"]["objects"]]


def _is_file(payload: Json, place: Any) -> bool:
    """Whether each library is a file, and there: a notebook is none."""
    return all(
        place.kinds.get(library["file"]["path"].removeprefix("/Workspace")) == "FILE"
        for library in payload["libraries"]
    )


CREATE_CONNECTION, IMPORT_FILE = "POST /api/2.1/unity-catalog/connections", "POST /api/2.0/workspace/import"
CREATE_REPO, CREATE_PIPELINE = "POST /api/2.0/repos", "POST /api/2.0/pipelines"
REPLACE_PIPELINE = r"PUT /api/2.0/pipelines/[^/]+"
RULES: tuple[Rule, ...] = (
    Rule(
        CREATE_CONNECTION,
        "unknown fields",
        lambda payload, _: set(payload) <= CONNECTION,
        _plus(conection="x"),
        "D: SDK, connections.create",
    ),
    Rule(
        CREATE_CONNECTION,
        "the name of a connection has no dots, spaces or slashes",
        lambda payload, _: OBJECT_NAME.fullmatch(payload["name"]),
        _plus(name="a.b"),
        "D: Unity Catalog, object names",
    ),
    Rule(
        CREATE_CONNECTION,
        "connection_type is not one that this workspace knows",
        lambda payload, place: payload["connection_type"] in place.connection_types,
        _plus(connection_type="AHA"),
        "S: upstream makes COMMUNITY since 2026-05-26; older workspaces know GENERIC_LAKEFLOW_CONNECT alone",
    ),
    Rule(
        CREATE_CONNECTION,
        "options are texts",
        lambda payload, _: all(isinstance(value, str) for value in payload["options"].values()),
        _in("options", _plus(page_size=100)),
        "D: SDK, ConnectionInfo.options is Dict[str, str]",
    ),
    Rule(
        CREATE_CONNECTION,
        "options lack externalOptionsAllowList or sourceName",
        lambda payload, _: {"externalOptionsAllowList", "sourceName"} <= set(payload["options"]),
        _in("options", _without("sourceName")),
        "S: upstream's create_connection",
    ),
    Rule(
        CREATE_CONNECTION,
        "a connection with OAuth needs its grant",
        lambda payload, _: (
            payload["options"].get("community_oauth_flow") != "u2m"
            or {"client_id", "client_secret", "authorization_code", "oauth_redirect_uri", "token_endpoint"}
            <= set(payload["options"])
        ),
        _in("options", _plus(community_oauth_flow="u2m")),
        "S: upstream's oauth.py",
    ),
    Rule(
        IMPORT_FILE,
        "unknown fields, or a format that is none",
        lambda payload, _: set(payload) <= IMPORT and payload["format"] in FORMATS,
        _plus(format="PYTHON"),
        "D: SDK, workspace.import_ and ImportFormat",
    ),
    Rule(
        IMPORT_FILE,
        "language goes with SOURCE alone",
        lambda payload, _: "language" not in payload or payload["format"] == "SOURCE",
        _plus(language="PYTHON"),
        "D: workspace import, language",
    ),
    Rule(
        IMPORT_FILE,
        "the parent folder does not exist",
        lambda payload, place: payload["path"].rpartition("/")[0] in place.files,
        _plus(path="/Users/nobody/x.py"),
        "D: workspace import",
        404,
    ),
    Rule(
        CREATE_REPO,
        "unknown fields",
        lambda payload, _: set(payload) <= REPO,
        _plus(branch="main"),
        "D: SDK, repos.create",
    ),
    Rule(
        CREATE_REPO,
        "the provider is none that is supported",
        lambda payload, _: payload["provider"] in PROVIDERS,
        _plus(provider="notAProvider"),
        "D: SDK, repos.create, provider",
    ),
    Rule(
        CREATE_REPO,
        "the url is no https address",
        lambda payload, _: payload["url"].startswith("https://"),
        _plus(url="git@github.com:a/b"),
        "D: Git folders",
    ),
    Rule(
        f"{CREATE_PIPELINE}|{REPLACE_PIPELINE}",
        "unknown fields",
        lambda payload, _: set(payload) <= PIPELINE,
        _plus(schemas="x"),
        "D: SDK, pipelines.create",
    ),
    Rule(
        f"{CREATE_PIPELINE}|{REPLACE_PIPELINE}",
        "`target` is legacy: tables could not choose another schema. Send `schema`",
        lambda payload, _: "target" not in payload and "schema" in payload,
        lambda payload: _without("schema")(payload) | {"target": payload["schema"]},
        "D: legacy LIVE schema",
    ),
    Rule(
        f"{CREATE_PIPELINE}|{REPLACE_PIPELINE}",
        "channel is CURRENT or PREVIEW",
        lambda payload, _: payload["channel"] in ("CURRENT", "PREVIEW"),
        _plus(channel="STABLE"),
        "D: SDK, pipelines.create, channel",
    ),
    Rule(
        CREATE_PIPELINE,
        "a library is a file that is there; a notebook is none",
        lambda payload, place: "libraries" not in payload or _is_file(payload, place),
        lambda payload: {**payload, "libraries": [{"file": {"path": "/Workspace/Users/nobody/ingest.py"}}]},
        "D: SDK, PipelineLibrary.file; workspace import makes a NOTEBOOK of SOURCE with a language",
    ),
    Rule(
        f"{CREATE_PIPELINE}|{REPLACE_PIPELINE}",
        "managed ingestion does not register the source unless it is told to",
        lambda payload, _: (
            "ingestion_definition" not in payload or payload.get("configuration", {}).get(REGISTERS) == "true"
        ),
        lambda payload: (
            payload
            | {
                "ingestion_definition": payload.get("ingestion_definition", {"objects": []}),
                "configuration": {},
            }
        ),
        "S: upstream's managed_pipeline.py",
    ),
)
# Rules of managed ingestion alone: a payload without it has nothing that they could refuse.
MANAGED_RULES: tuple[Rule, ...] = (
    Rule(
        f"{CREATE_PIPELINE}|{REPLACE_PIPELINE}",
        "source_type is COMMUNITY, over a connection of that type",
        lambda payload, place: (
            payload["ingestion_definition"]["source_type"] == COMMUNITY
            and place.connections[payload["ingestion_definition"]["connection_name"]]["connection_type"]
            == COMMUNITY
        ),
        _in("ingestion_definition", _plus(source_type="AHA")),
        "S: upstream's managed_pipeline.py",
    ),
    Rule(
        f"{CREATE_PIPELINE}|{REPLACE_PIPELINE}",
        "a table has fields that are none, or lacks its schema of origin",
        lambda payload, _: all(
            set(table) <= TABLE and "source_schema" in table and "destination_schema" in table
            for table in _tables(payload)
        ),
        _in_tables(_without("source_schema")),
        "D: SDK, TableSpec; S: source_schema is `default`",
    ),
    Rule(
        f"{CREATE_PIPELINE}|{REPLACE_PIPELINE}",
        "table_configuration drops what it does not know without a word: options belong to connector_options",
        lambda payload, _: all(
            set(table.get("table_configuration", {})) <= TABLE_CONFIGURATION for table in _tables(payload)
        ),
        _in_tables(_plus(table_configuration={"track_deletes": "true"})),
        "S: upstream's #275; D: SDK, TableSpecificConfig",
    ),
    Rule(
        f"{CREATE_PIPELINE}|{REPLACE_PIPELINE}",
        "a dependency is not there",
        lambda payload, place: (
            payload["environment"]["dependencies"]
            and all(path in place.volumes for path in payload["environment"]["dependencies"])
        ),
        _plus(environment={"dependencies": ["/Volumes/main/aha/none.whl"]}),
        "D: SDK, PipelinesEnvironment.dependencies",
    ),
)


def judge(request: str, payload: Json, place: Any) -> None:
    """Refuse a payload that breaks a rule.

    Raises:
        Refusal: with the rule's own words.
    """
    rules = RULES + (MANAGED_RULES if "ingestion_definition" in payload else ())
    for rule in rules:
        if re.fullmatch(rule.request, request) and not rule.holds(payload, place):
            raise Refusal(rule.status, f"Invalid request: {rule.says}")
