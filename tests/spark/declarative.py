"""A project for the command `spark-pipelines`: a directory with the merged file and nothing else of ours."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds

from scripts.lakehouse.spark import MERGED_FILE

PROJECT = """\
name: aha
storage: {storage}
libraries:
  - glob:
      include: transformations/**
"""


class Project:
    """A pipeline project whose one file is `text`."""

    def __init__(self, place: Path, text: str) -> None:
        self.place = place
        (place / "transformations").mkdir()
        (place / "spark-pipeline.yml").write_text(PROJECT.format(storage=(place / "storage").as_uri()))
        (place / MERGED_FILE.name).write_bytes(MERGED_FILE.read_bytes())
        (place / "transformations" / "ingest.py").write_text(text)

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        tools = Path(sys.executable).parent
        environment = {
            **os.environ,
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "PYSPARK_PYTHON": sys.executable,
            "SPARK_LOCAL_IP": "127.0.0.1",
            "PYTHONPATH": str(self.place),
        }
        # The catalog on disk: a second process must find the tables of the first.
        conf = ("--conf", "spark.sql.catalogImplementation=hive")
        done = subprocess.run(
            [str(tools / "spark-pipelines"), command, *conf],
            cwd=self.place,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert "Run is COMPLETED." in done.stderr + done.stdout, (done.stdout + done.stderr)[-3000:]
        return done

    def rows(self, table: str) -> list[dict[str, Any]]:
        found = ds.dataset(str(self.place / "spark-warehouse" / table), format="parquet").to_table()
        rows: list[dict[str, Any]] = found.to_pylist()
        return rows
