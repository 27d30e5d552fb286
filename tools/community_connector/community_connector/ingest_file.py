"""`ingest.py`: the pipeline's own file, which loads the merged file and hands it the pipeline spec."""

import ast
import base64
import pprint
from pathlib import PurePosixPath
from typing import Any

from community_connector.errors import ServiceError

NAME = "PIPELINE_SPEC"
# `spark` is a global in Databricks' pipelines; open-source Spark knows the active session.
TEMPLATE = '''\
"""Written by community-connector. Change the pipeline with: community-connector update_pipeline"""

import sys

from pyspark.sql import SparkSession

sys.path.insert(0, {folder!r})

from {module} import ingest

{name} = {spec}

# Registers the data source, then declares the tables.
ingest(globals().get("spark") or SparkSession.active(), {name})
'''


def write_ingest(artifact: str, spec: dict[str, Any]) -> str:
    """The file's text. The spec is a Python literal in it: `true` and `null` mean what they should."""
    path, literal = PurePosixPath(artifact), pprint.pformat(spec, sort_dicts=False, width=100)
    return TEMPLATE.format(folder=str(path.parent), module=path.stem, name=NAME, spec=literal)


def read_spec(content: str) -> dict[str, Any]:
    """The pipeline spec in a file that `write_ingest` wrote, given in base64.

    Raises:
        ServiceError: it holds none; somebody changed it.
    """
    try:
        tree = ast.parse(base64.b64decode(content))
        made = {
            ast.unparse(node.targets[0]): node.value for node in tree.body if isinstance(node, ast.Assign)
        }
        found: dict[str, Any] = ast.literal_eval(made[NAME])
    except (KeyError, SyntaxError, ValueError):
        raise ServiceError(f"ingest.py holds no {NAME}: delete the pipeline and make it anew.") from None
    return found
