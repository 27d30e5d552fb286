"""A quiet local Spark session with the merged file registered, as Databricks would load it."""

import importlib.util
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from pyspark.accumulators import AccumulatorTCPServer
from pyspark.sql import SparkSession

from scripts.lakehouse.logs import errors_into, new_log
from scripts.merge.generated import ROOT

MERGED_FILE = ROOT / "connector" / "_generated_aha_python_source.py"
LOGGING = Path(__file__).with_name("log4j2.properties")


# A run takes a minute: what the JVM would gain by optimizing, it spends on optimizing.
QUICK = "-XX:TieredStopAtLevel=1"
# What Spark 4.3's PythonStreamingSourceRunner puts among a data source's variables (its class file says so).
OF_THE_RUNNERS = {
    "SPARK_LOCAL_DIRS": "",
    "SPARK_AUTH_SOCKET_TIMEOUT": "",
    "SPARK_BUFFER_SIZE": "",
    "SPARK_PYTHON_RUNTIME": "PYTHON_WORKER",
}
# Megabytes.
LEAST_HEAP, MOST_HEAP = 1024, 4096


def start_session(name: str, log: Path | None = None) -> SparkSession:
    """A session on two local cores. Its Python workers run this interpreter.

    What the JVM prints goes to `log`, or a new one: a reader of the terminal is told what matters.
    """
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    # It tells of a JVM that is gone at length, and each caller is told, too.
    logging.getLogger("py4j").setLevel(logging.CRITICAL)
    AccumulatorTCPServer.handle_error = _say_nothing  # type: ignore[assignment, method-assign]
    with errors_into(log or new_log()):
        session = _session(name)
    # All streams share one map of these, into which the runner of each writes them, at the same time and
    # without a lock: entries that are there already are replaced, and a map that does not grow stays whole.
    session.sparkContext.environment.update(OF_THE_RUNNERS)
    return session


def _say_nothing(server: object, request: object, client_address: object) -> None:
    """In the place of a traceback from the server to which a JVM that is gone reported its counts."""


def _session(name: str) -> SparkSession:
    return (
        SparkSession.builder.master("local[2]")
        .appName(name)
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.memory", f"{heap_megabytes()}m")
        .config(
            "spark.driver.extraJavaOptions",
            f"{QUICK} -Dlog4j2.configurationFile={LOGGING.as_uri()}",
        )
        .config("spark.sql.session.timeZone", "UTC")
        # Spark's own default is a form of nanoseconds that Delta has no type for.
        .config("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
        .config("spark.sql.warehouse.dir", (ROOT / "build" / "warehouse").as_uri())
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.ui.showConsoleProgress", "false")
        .getOrCreate()
    )


def heap_megabytes(memory: int | None = None) -> int:
    """The JVM's largest heap for a machine with `memory` bytes, this one by default: a quarter of it, within
    bounds. The JVM's own default is 1 GB whatever the machine has."""
    memory = memory or os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(MOST_HEAP, max(LEAST_HEAP, memory // 4 // 2**20))


def load_merged_file(path: Path = MERGED_FILE) -> Callable[[Any], Any]:
    """`register_lakeflow_source` of the merged file."""
    register: Callable[[Any], Any] = load_merged_module(path).register_lakeflow_source
    return register


def load_merged_module(path: Path = MERGED_FILE) -> ModuleType:
    """The merged file, loaded from its path alone."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
