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

import importlib.util
import sys

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

{name} = {spec}

spark = globals().get("spark") or SparkSession.active()
try:
    # Off by default in a workspace: without it, the source gets no option of the connection.
    spark.conf.set("spark.databricks.unityCatalog.connectionDfOptionInjection.enabled", "true")
except PySparkException as error:
    # Open-source Spark lets no pipeline set anything, and has no connections that it could inject.
    if "SESSION_MUTATION" not in str(error):
        raise

# Loaded by its path: on `sys.path`, its folder would hide modules of the same names as its own.
found = importlib.util.spec_from_file_location({module!r}, {artifact!r})
source = importlib.util.module_from_spec(found)
sys.modules[found.name] = source
found.loader.exec_module(source)

# Registers the data source, then declares the tables.
source.ingest(spark, {name})
'''


def write_ingest(artifact: str, spec: dict[str, Any]) -> str:
    """The file's text. The spec is a Python literal in it: `true` and `null` mean what they should."""
    module, literal = PurePosixPath(artifact).stem, pprint.pformat(spec, sort_dicts=False, width=100)
    return TEMPLATE.format(artifact=artifact, module=module, name=NAME, spec=literal)


def read_spec(text: str) -> dict[str, Any]:
    """The pipeline spec in a file of `write_ingest`; raises ServiceError if somebody changed it."""
    try:
        nodes = [node for node in ast.parse(text).body if isinstance(node, ast.Assign)]
        values = {ast.unparse(node.targets[0]): node.value for node in nodes}
        found = ast.literal_eval(values[NAME])
    except (KeyError, SyntaxError, TypeError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ServiceError(f"ingest.py holds no {NAME}: delete the pipeline and make it anew.")
    return found
