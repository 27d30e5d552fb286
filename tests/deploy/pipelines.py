"""What tests of pipelines share: the command, and where things are in the stand-in."""

from typing import Any

from community_connector.ingest_file import read_spec

from connector.tables import TABLES as DECLARED
from tests.deploy.workspace import USER, Workspace

CREATE = ("create_pipeline", "aha", "my_pipeline", "-n", "my_aha")
FOLDER = f"/Users/{USER}/community-connectors/my_pipeline"
# What a pipeline has that names no table: all but those that cost a call a record.
TABLES = [name for name, table in DECLARED.items() if not table.opt_in]
CONNECTIONS, PIPELINES = "/api/2.1/unity-catalog/connections", "/api/2.0/pipelines"


def spec_in(workspace: Workspace) -> dict[str, Any]:
    """What the written file would ingest: a literal, read without running it."""
    return read_spec(workspace.files[f"{FOLDER}/ingest.py"])
