"""Which right each request takes, in Databricks' words: said before a command begins, and where one lacks.

From Databricks' documentation of Unity Catalog privileges, Git folders and pipelines.
"""

import re

RIGHTS: tuple[tuple[str, str], ...] = (
    (r"POST .*/unity-catalog/connections", "CREATE CONNECTION on the metastore"),
    (r"GET .*/unity-catalog/connections/(?P<of>.+)", "USE CONNECTION on the connection `{of}`"),
    (r"PATCH .*/unity-catalog/connections/(?P<of>.+)", "ownership of, or MANAGE on, the connection `{of}`"),
    (r"GET .*/scim/v2/Me", "a token of a user or service principal of this workspace"),
    (r"\w+ .*/workspace/.*", "CAN EDIT on your own folder of the workspace, and files in it enabled"),
    (r"POST .*/repos", "to make Git folders; an administrator may have limited them to certain addresses"),
    (r"\w+ .*/repos.*", "CAN EDIT on the Git folder"),
    (r"GET .*/git-credentials", "to read your own Git credentials"),
    (r"POST .*/pipelines", "to make pipelines (workspace access), serverless compute where it is asked for"),
    (r"POST .*/pipelines/(?P<of>[^/]+)/updates", "CAN RUN on the pipeline `{of}`"),
    (r"POST .*/pipelines/(?P<of>[^/]+)/stop", "CAN RUN on the pipeline `{of}`"),
    (r"(PUT|DELETE) .*/pipelines/(?P<of>[^/]+)", "CAN MANAGE on the pipeline `{of}`"),
    (r"GET .*/pipelines.*", "CAN VIEW on the pipeline"),
    (r"POST .*/unity-catalog/schemas", "CREATE SCHEMA and USE CATALOG on the catalog"),
    (
        r"POST .*/unity-catalog/volumes",
        "CREATE VOLUME and USE SCHEMA on the schema, USE CATALOG on its catalog",
    ),
    (r"GET .*/unity-catalog/volumes/(?P<of>.+)", "READ VOLUME on `{of}`"),
    (r"PUT .*/fs/.*", "WRITE VOLUME on the volume"),
)


def right_for(request: str) -> str:
    """The right that a request takes: `missing right: ...`, or nothing where none is known."""
    for pattern, right in RIGHTS:
        if found := re.fullmatch(pattern, request):
            return f"The right that is missing: {right.format(**found.groupdict())}."
    return ""


def rights_of_pipeline(connection: str, into: list[tuple[str, str]], *, managed: bool) -> str:
    """What making and running a pipeline takes, in one sentence; `into` are catalogs and schemas."""
    catalogs = ", ".join(f"`{catalog}`" for catalog in sorted({catalog for catalog, _ in into}))
    schemas = ", ".join(f"`{catalog}.{schema}`" for catalog, schema in into)
    files = "CREATE VOLUME and WRITE VOLUME for the wheels" if managed else "to make Git folders"
    return (
        f"It takes USE CONNECTION on `{connection}`; USE CATALOG on {catalogs}; "
        f"USE SCHEMA and CREATE TABLE on {schemas} (or CREATE SCHEMA on the catalog); "
        f"to make pipelines in this workspace; {files}."
    )
