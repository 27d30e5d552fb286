"""The merged file in processes of its own: killed and run again, and without the repository."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from deltalake import DeltaTable

from harness.scenarios import CASSETTES, ROOT, load_matrix
from harness.server import serving
from scripts.spark import MERGED_FILE

pytestmark = pytest.mark.spark

MATRIX = load_matrix()


@pytest.mark.soak
def test_a_run_that_was_killed_ends_in_the_same_table_when_it_is_run_again(tmp_path: Path) -> None:
    spec, place = tmp_path / "pipeline.json", tmp_path / "killed"
    spec.write_text(json.dumps({"connection_name": "aha", "objects": [{"table": {"source_table": "ideas"}}]}))
    command = [
        sys.executable,
        "-m",
        "scripts.ingest",
        "--cassettes",
        "--spec",
        str(spec),
        "--destination",
        str(place),
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        # The batch is in the table and the checkpoint does not know it yet.
        while process.poll() is None and not (place / "ideas" / "_delta_log").exists():
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
        process.send_signal(signal.SIGKILL)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert DeltaTable(str(place / "ideas")).to_pyarrow_table().num_rows == MATRIX.sandbox["ideas"]


STANDALONE = """
import importlib.util, sys
from pyspark.sql import SparkSession

spec = importlib.util.spec_from_file_location("_generated_aha_python_source", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
module.register_lakeflow_source(spark)
options = {"tableName": "ideas", "api_key": "k", "subdomain": "company", "base_url": sys.argv[2]}
print("rows:", spark.read.format("lakeflow_connect").options(**options).load().count())
assert not [name for name in sys.modules if name.partition(".")[0] in ("connector", "harness", "scripts")]
"""


def test_the_merged_file_alone_reads_from_another_directory_without_the_repository(tmp_path: Path) -> None:
    merged = tmp_path / MERGED_FILE.name
    merged.write_bytes(MERGED_FILE.read_bytes())
    (tmp_path / "read.py").write_text(STANDALONE)
    environment = {"PYSPARK_PYTHON": sys.executable, "PATH": "/usr/bin:/bin", "SPARK_LOCAL_IP": "127.0.0.1"}
    with serving([CASSETTES / "ideas" / "one_page.json"]) as replay:
        command = [sys.executable, "-I", "read.py", merged.name, replay.url]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == "rows: 24\n"
