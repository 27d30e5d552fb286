"""The merged file in processes of its own: killed and run again, and without the repository."""

import json
import re
import signal
import subprocess
import sys
import zipfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pyspark
import pytest
from deltalake import DeltaTable
from strict_cassettes.scenarios import load_matrix
from strict_cassettes.server import serving

from sandbox.clock import SandboxClock
from sandbox.server import open_world, running
from sandbox.store import Condition
from scripts.lakehouse.spark import MERGED_FILE, OF_THE_RUNNERS
from tests.places import ROOT, SANDBOX_SET

pytestmark = pytest.mark.spark

MATRIX = load_matrix()


@pytest.mark.alike
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


def test_the_variables_that_streams_share_are_there_before_the_first_of_them_begins() -> None:
    # Else several runners add to one map at once, which breaks it for good: `OptionalDataException`.
    (jar,) = (Path(pyspark.__file__).parent / "jars").glob("spark-sql_2.13-*.jar")
    with zipfile.ZipFile(jar) as packed:
        name = "org/apache/spark/sql/execution/python/streaming/PythonStreamingSourceRunner.class"
        runner = packed.read(name)
    put = {found.decode() for found in re.findall(rb"\x01\x00.(SPARK_[A-Z_]+)", runner)}
    assert {"SPARK_LOCAL_DIRS"} <= put <= set(OF_THE_RUNNERS)


# What a process of its own does with the merged file: argv is the file, the address, and what it needs.
BEGIN = """
import importlib.util, os, sys
from pyspark.sql import SparkSession

spec = importlib.util.spec_from_file_location("_generated_aha_python_source", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
spark = SparkSession.builder.master("{master}").config("spark.ui.enabled", "false").getOrCreate()
module.register_lakeflow_source(spark)
options = {{"tableName": "ideas", "api_key": "sandbox-key", "subdomain": "company", "base_url": sys.argv[2]}}
"""
COUNT = """
print("rows:", spark.read.format("lakeflow_connect").options(**options).load().count())
ours = ("connector", "strict_cassettes", "scripts")
assert not [name for name in sys.modules if name.partition(".")[0] in ours]
"""
STREAM = """
stream = spark.readStream.format("lakeflow_connect").options(**options).load()
to = stream.writeStream.format("json").option("checkpointLocation", "checkpoint").trigger(availableNow=True)
to.start("rows").awaitTermination()
"""
# A task's Python worker is a child of its executor's daemon.
EXECUTORS = """
import pyarrow as pa

def of_executor(batches):
    for batch in batches:
        yield pa.RecordBatch.from_pydict({"id": batch["id"], "executor": [os.getppid()] * batch.num_rows})

frame = spark.read.format("lakeflow_connect").options(partition_rows="12", **options).load()
found = frame.select("id").mapInArrow(of_executor, "id string, executor long").collect()
print("rows:", len({row["id"] for row in found}), "executors:", len({row["executor"] for row in found}))
"""


def run_alone(
    place: Path, script: str, address: str, master: str = "local[1]"
) -> subprocess.CompletedProcess[str]:
    """Run a script in a directory that holds the merged file and nothing else of this repository."""
    (place / MERGED_FILE.name).write_bytes(MERGED_FILE.read_bytes())
    (place / "read.py").write_text(BEGIN.format(master=master) + script)
    environment = {
        "PYSPARK_PYTHON": sys.executable,
        "PATH": "/usr/bin:/bin",
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_HOME": str(Path(pyspark.__file__).parent),
    }
    command = [sys.executable, "-I", "read.py", MERGED_FILE.name, address]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done


def test_the_merged_file_alone_reads_from_another_directory_without_the_repository(tmp_path: Path) -> None:
    with serving([SANDBOX_SET / "ideas" / "one_page.json"]) as replay:
        assert run_alone(tmp_path, COUNT, replay.url).stdout == "rows: 24\n"


def test_a_second_process_goes_on_from_the_first_ones_checkpoint(tmp_path: Path) -> None:
    with (
        closing(open_world(ideas=30, clock=SandboxClock(datetime(2025, 11, 1, 12, 0, tzinfo=UTC)))) as world,
        running(world) as box,
    ):
        run_alone(tmp_path, STREAM, box.url)
        first = names(tmp_path / "rows")
        assert len(first) == len(set(first)) > 20
        box.clock.advance(3600)
        box.world.change("idea", int(first[0][0]), name="changed")
        box.clock.advance(3600)
        box.traffic.log.clear()
        run_alone(tmp_path, STREAM, box.url)
        assert sorted(names(tmp_path / "rows")) == sorted([*first, (first[0][0], "changed")])
        assert len(box.traffic.log) == 1


def names(rows: Path) -> list[tuple[str, str]]:
    found = [json.loads(line) for part in rows.glob("*.json") for line in part.read_text().splitlines()]
    return [(row["id"], row["name"]) for row in found]


@pytest.mark.alike
def test_a_first_read_is_shared_by_the_workers_of_two_executors(tmp_path: Path) -> None:
    with closing(open_world(ideas=60)) as world, running(world) as box:
        shown = len(box.world.store.page([Condition("kind = 'idea' AND hidden = 0")]))
        done = run_alone(tmp_path, EXECUTORS, box.url, master="local-cluster[2,1,1024]")
        assert done.stdout == f"rows: {shown} executors: 2\n"
