"""The merged file in open-source Spark Declarative Pipelines, as the command `spark-pipelines` runs it.

Spark 4.3 ends a run that read from Python workers with exit code 1, after "Run is COMPLETED" (SPARK-59135).
So what a run did is read from its tables, and its exit code says nothing.
"""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sandbox.clock import SandboxClock
from sandbox.server import Sandbox, open_world, running
from tests.conftest import SPARK_4_2
from tests.spark.declarative import Project

pytestmark = [
    pytest.mark.spark,
    pytest.mark.skipif(not SPARK_4_2, reason="AUTO CDC came with Spark 4.2"),
]

INGEST = """\
from pyspark.sql import SparkSession

from _generated_aha_python_source import ingest

ingest(SparkSession.active(), {spec!r}, {connection!r})
"""


def project(place: Path, box: Sandbox, tables: list[dict[str, Any]]) -> Project:
    connection = {"api_key": box.api_key, "subdomain": "company", "base_url": box.url}
    spec = {"connection_name": "aha", "objects": [{"table": table} for table in tables]}
    return Project(place, INGEST.format(spec=spec, connection=connection))


def with_config(source: str, destination: str, **config: Any) -> dict[str, Any]:
    return {"source_table": source, "destination_table": destination, "table_configuration": config}


@pytest.fixture
def box() -> Any:
    with (
        closing(open_world(ideas=30, clock=SandboxClock(datetime(2025, 11, 1, 12, 0, tzinfo=UTC)))) as world,
        running(world) as sandbox,
    ):
        yield sandbox


def test_open_source_spark_accepts_a_pipeline_of_every_kind_of_table_and_sends_no_request(
    tmp_path: Path, box: Sandbox
) -> None:
    tables = [
        {"source_table": "ideas"},
        with_config("ideas", "ideas_history", scd_type="SCD_TYPE_2", timestamps="native"),
        with_config("ideas", "ideas_now", sync_mode="snapshot"),
        with_config("ideas", "ideas_log", scd_type="APPEND_ONLY", cluster_by="id"),
        with_config("idea_proxy_votes", "votes", track_deletes=True),
        with_config("idea_comments", "comments", track_deletes=True, scd_type="SCD_TYPE_2"),
        {"source_table": "idea_portal_comments"},
    ]
    assert project(tmp_path, box, tables).run("dry-run").returncode == 0
    assert box.traffic.log == []


@pytest.mark.soak
def test_a_second_run_of_a_pipeline_appends_only_what_changed(tmp_path: Path, box: Sandbox) -> None:
    tables = [
        with_config("ideas", "ideas_log", scd_type="APPEND_ONLY"),
        with_config("ideas", "ideas_now", sync_mode="snapshot"),
    ]
    pipeline = project(tmp_path, box, tables)
    pipeline.run("run")
    logged = {row["id"]: row["name"] for row in pipeline.rows("ideas_log")}
    assert logged == {row["id"]: row["name"] for row in pipeline.rows("ideas_now")}
    box.clock.advance(3600)
    changed, deleted, *_ = sorted(logged)
    box.world.change("idea", int(changed), name="changed")
    box.world.delete("idea", int(deleted))
    box.clock.advance(3600)
    box.traffic.log.clear()
    pipeline.run("run")
    assert len(pipeline.rows("ideas_log")) == len(logged) + 1
    assert ("changed", changed) in {(row["name"], row["id"]) for row in pipeline.rows("ideas_log")}
    assert {row["id"] for row in pipeline.rows("ideas_now")} == set(logged) - {deleted}
    asked = [entry["query"] for entry in box.traffic.log if "updated_since" in str(entry)]
    assert len(asked) == 1, asked
