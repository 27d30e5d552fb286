"""What a Databricks workspace refuses, as a list: the stand-in refuses it too.

Each rule says what it refuses, with which status and message, and where that is documented. Which fields a
request may have is read from the SDK's own methods and dataclasses, where it has them.
"""

import re
from typing import Any

from tests.deploy.vocabulary import (
    COMMUNITY,
    CONNECTION,
    FORMATS,
    IMPORT,
    OBJECT_NAME,
    PIPELINE,
    PROVIDERS,
    REGISTERS,
    REPLACED_PIPELINE,
    REPO,
    SCHEMA,
    TABLE,
    TABLE_CONFIGURATION,
    VOLUME,
    Json,
    Refusal,
    Rule,
    are_files,
    inside,
    inside_tables,
    plus,
    tables_of,
    without,
)

CREATE_CONNECTION, IMPORT_FILE = "POST /api/2.1/unity-catalog/connections", "POST /api/2.0/workspace/import"
CREATE_SCHEMA, CREATE_VOLUME = "POST /api/2.1/unity-catalog/schemas", "POST /api/2.1/unity-catalog/volumes"
CREATE_REPO, CREATE_PIPELINE = "POST /api/2.0/repos", "POST /api/2.0/pipelines"
CHANGES = "expected_last_modified"
REPLACE_PIPELINE = r"PUT /api/2.0/pipelines/[^/]+"
RULES: tuple[Rule, ...] = (
    Rule(
        CREATE_CONNECTION,
        "unknown fields",
        lambda payload, _: set(payload) <= CONNECTION,
        plus(conection="x"),
        "D: SDK, connections.create",
    ),
    Rule(
        CREATE_CONNECTION,
        "the name of a connection has no dots, spaces or slashes",
        lambda payload, _: OBJECT_NAME.fullmatch(payload["name"]),
        plus(name="a.b"),
        "D: Unity Catalog, object names",
    ),
    Rule(
        CREATE_CONNECTION,
        "connection_type is not one that this workspace knows",
        lambda payload, place: payload["connection_type"] in place.connection_types,
        plus(connection_type="AHA"),
        "S: upstream makes COMMUNITY since 2026-05-26; older workspaces know GENERIC_LAKEFLOW_CONNECT alone",
    ),
    Rule(
        CREATE_CONNECTION,
        "options are texts",
        lambda payload, _: all(isinstance(value, str) for value in payload["options"].values()),
        inside("options", plus(page_size=100)),
        "D: SDK, ConnectionInfo.options is Dict[str, str]",
    ),
    Rule(
        CREATE_CONNECTION,
        "options lack externalOptionsAllowList or sourceName",
        lambda payload, _: {"externalOptionsAllowList", "sourceName"} <= set(payload["options"]),
        inside("options", without("sourceName")),
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
        inside("options", plus(community_oauth_flow="u2m")),
        "S: upstream's oauth.py",
    ),
    Rule(
        IMPORT_FILE,
        "unknown fields, or a format that is none",
        lambda payload, _: set(payload) <= IMPORT and payload["format"] in FORMATS,
        plus(format="PYTHON"),
        "D: SDK, workspace.import_ and ImportFormat",
    ),
    Rule(
        IMPORT_FILE,
        "language goes with SOURCE alone",
        lambda payload, _: "language" not in payload or payload["format"] == "SOURCE",
        plus(language="PYTHON"),
        "D: workspace import, language",
    ),
    Rule(
        IMPORT_FILE,
        "the parent folder does not exist",
        lambda payload, place: payload["path"].rpartition("/")[0] in place.files,
        plus(path="/Users/nobody/x.py"),
        "D: workspace import",
        404,
    ),
    Rule(
        CREATE_SCHEMA,
        "unknown fields",
        lambda payload, _: set(payload) <= SCHEMA,
        plus(catalog="main"),
        "D: SDK, schemas.create",
    ),
    Rule(
        CREATE_VOLUME,
        "unknown fields, or a kind of volume that is none",
        lambda payload, _: set(payload) <= VOLUME and payload["volume_type"] in ("MANAGED", "EXTERNAL"),
        plus(volume_type="INTERNAL"),
        "D: SDK, volumes.create and VolumeType",
    ),
    Rule(
        CREATE_VOLUME,
        "the schema does not exist",
        lambda payload, place: f"{payload['catalog_name']}.{payload['schema_name']}" in place.schemas,
        plus(schema_name="nothing"),
        "D: Unity Catalog, volumes lie in a schema",
        404,
    ),
    Rule(
        CREATE_REPO,
        "unknown fields",
        lambda payload, _: set(payload) <= REPO,
        plus(branch="main"),
        "D: SDK, repos.create",
    ),
    Rule(
        CREATE_REPO,
        "the provider is none that is supported",
        lambda payload, _: payload["provider"] in PROVIDERS,
        plus(provider="notAProvider"),
        "D: SDK, repos.create, provider",
    ),
    Rule(
        CREATE_REPO,
        "the url is no https address",
        lambda payload, _: payload["url"].startswith("https://"),
        plus(url="git@github.com:a/b"),
        "D: Git folders",
    ),
    Rule(
        f"{CREATE_PIPELINE}|{REPLACE_PIPELINE}",
        "unknown fields",
        lambda payload, _: set(payload) <= (REPLACED_PIPELINE if CHANGES in payload else PIPELINE),
        plus(schemas="x"),
        "D: SDK, pipelines.create",
    ),
    Rule(
        f"{CREATE_PIPELINE}|{REPLACE_PIPELINE}",
        "`target` is legacy: tables could not choose another schema. Send `schema`",
        lambda payload, _: "target" not in payload and "schema" in payload,
        lambda payload: without("schema")(payload) | {"target": payload["schema"]},
        "D: legacy LIVE schema",
    ),
    Rule(
        f"{CREATE_PIPELINE}|{REPLACE_PIPELINE}",
        "channel is CURRENT or PREVIEW",
        lambda payload, _: payload["channel"] in ("CURRENT", "PREVIEW"),
        plus(channel="STABLE"),
        "D: SDK, pipelines.create, channel",
    ),
    Rule(
        f"{CREATE_PIPELINE}|{REPLACE_PIPELINE}",
        "a library is a file that is there; a notebook is none",
        lambda payload, place: "libraries" not in payload or are_files(payload, place),
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
        inside("ingestion_definition", plus(source_type="AHA")),
        "S: upstream's managed_pipeline.py",
    ),
    Rule(
        f"{CREATE_PIPELINE}|{REPLACE_PIPELINE}",
        "a table has fields that are none, or lacks its schema of origin",
        lambda payload, _: all(
            set(table) <= TABLE and "source_schema" in table and "destination_schema" in table
            for table in tables_of(payload)
        ),
        inside_tables(without("source_schema")),
        "D: SDK, TableSpec; S: source_schema is `default`",
    ),
    Rule(
        f"{CREATE_PIPELINE}|{REPLACE_PIPELINE}",
        "table_configuration drops what it does not know without a word: options belong to connector_options",
        lambda payload, _: all(
            set(table.get("table_configuration", {})) <= TABLE_CONFIGURATION for table in tables_of(payload)
        ),
        inside_tables(plus(table_configuration={"track_deletes": "true"})),
        "S: upstream's #275; D: SDK, TableSpecificConfig",
    ),
    Rule(
        f"{CREATE_PIPELINE}|{REPLACE_PIPELINE}",
        "a dependency is not there",
        lambda payload, place: (
            payload["environment"]["dependencies"]
            and all(
                path in place.volumes
                for path in payload["environment"]["dependencies"]
                if path.startswith("/")
            )
        ),
        plus(environment={"dependencies": ["/Volumes/main/aha/none.whl"]}),
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
