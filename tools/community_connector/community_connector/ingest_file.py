"""`ingest.py`: the pipeline's own file, which loads the merged file and hands it the pipeline spec."""

import ast
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


def read_spec(text: str) -> dict[str, Any]:
    """The pipeline spec in a file of `write_ingest`; raises ServiceError if somebody changed it."""
    try:
        nodes = [node for node in ast.parse(text).body if isinstance(node, ast.Assign)]
        values = {ast.unparse(node.targets[0]): node.value for node in nodes}
        found: dict[str, Any] = ast.literal_eval(values[NAME])
    except (KeyError, SyntaxError, ValueError):
        raise ServiceError(f"ingest.py holds no {NAME}: delete the pipeline and make it anew.") from None
    return found
