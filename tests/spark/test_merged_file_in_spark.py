"""The merged file in the real engine, over cassettes and the sandbox, with one session for all."""

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from strict_cassettes.scenarios import load_matrix
from strict_cassettes.server import Replay, serving, serving_strictly
from strict_cassettes.sets import Recorded

from connector.spec import TableSpec
from sandbox.clock import SandboxClock
from sandbox.server import Sandbox, open_world, running
from sandbox.store import Condition
from scripts.lakehouse.delta import LakehouseError
from scripts.lakehouse.streams import FORMAT, Run
from tests.conftest import SPARK_4_2, merged_source
from tests.places import SANDBOX_SET

MATRIX = load_matrix()

pytestmark = pytest.mark.spark


def connection_to(replay: Replay) -> dict[str, str]:
    return {**MATRIX.replay, "base_url": replay.url, "requests_per_minute": "600000"}


def load(spark: SparkSession, table: str, connection: dict[str, str], **options: str) -> DataFrame:
    return spark.read.format("lakeflow_connect").options(tableName=table, **connection, **options).load()


@pytest.mark.recorded(title="one_page")
def test_spark_reads_exactly_the_rows_that_the_connector_reads(
    recorded: Recorded, spark: SparkSession
) -> None:
    table, options = recorded.scenario.table, dict(recorded.scenario.options)
    if {"max_ideas", "max_records_per_batch"} & set(options):
        pytest.skip("it was recorded in a micro-batch of a large account, and a batch read is not cut")
    with serving_strictly([recorded.path]) as replay:
        frame = load(spark, table, connection_to(replay), **options)
        rows = [row.asDict(recursive=True) for row in frame.collect()]
    with serving_strictly([recorded.path]) as replay:
        connector = merged_source()(connection_to(replay) | options).lakeflow_connect
        assert rows == list(connector.read_table(table, None, options)[0])
    assert rows


def test_the_metadata_table_tells_a_pipeline_what_it_must_know(spark: SparkSession) -> None:
    connection = {**MATRIX.replay, "base_url": "http://127.0.0.1:9"}
    frame = load(spark, "_lakeflow_metadata", connection, tableNameList="ideas,idea_comments")
    assert [tuple(row) for row in frame.collect()] == [
        ("ideas", ["id"], "updated_at", "cdc"),
        ("idea_comments", ["id"], "updated_at", "cdc"),
    ]


def test_a_stream_reads_everything_once_and_stops(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("stream")
    with serving([SANDBOX_SET / "ideas" / "first_sync.json"]) as replay:
        for _ in range(2):
            stream = (
                spark.readStream.format("lakeflow_connect")
                .options(tableName="ideas", **connection_to(replay))
                .load()
                .writeStream.format("parquet")
                .option("checkpointLocation", str(place / "checkpoint"))
                .trigger(availableNow=True)
                .start(str(place / "rows"))
            )
            stream.awaitTermination(60)
            assert stream.exception() is None
        assert replay.unmatched == []
    ids = [row["id"] for row in spark.read.parquet(str(place / "rows")).collect()]
    assert len(ids) == len(set(ids)) == MATRIX.sandbox["ideas"]


def test_a_wrong_key_reaches_the_reader_as_the_connectors_own_message(spark: SparkSession) -> None:
    with (
        serving([SANDBOX_SET / "ideas" / "wrong_key.json"]) as replay,
        pytest.raises(PySparkException, match="AhaAuthError: GET /ideas answered 401"),
    ):
        load(spark, "ideas", connection_to(replay)).collect()


def test_a_misspelt_table_is_refused_before_any_request(spark: SparkSession) -> None:
    connection = {**MATRIX.replay, "base_url": "http://127.0.0.1:9"}
    with pytest.raises(PySparkException, match=r"There is no table `idea`\. Did you mean `ideas`"):
        load(spark, "idea", connection)


START = datetime(2025, 11, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with closing(open_world(ideas=40, clock=SandboxClock(START))) as world, running(world) as sandbox:
        yield sandbox


def run_on(spark: SparkSession, box: Sandbox, place: Path) -> Run:
    connection = {"api_key": box.api_key, "subdomain": "company", "base_url": box.url}
    return Run(spark, connection | {"requests_per_minute": "600000"}, place)


def rows(place: Path) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in DeltaTable(str(place)).to_pyarrow_table().to_pylist()}


def ideas(box: Sandbox) -> dict[str, str]:
    found = box.world.store.page([Condition("kind = 'idea' AND hidden = 0")])
    return {str(record.id): record.body["name"] for record in found}


def test_a_second_run_merges_what_changed_and_takes_out_what_was_deleted(
    spark: SparkSession, box: Sandbox, tmp_path: Path
) -> None:
    table = TableSpec("ideas", "ideas", options={"track_deletes": "true"})
    run_on(spark, box, tmp_path).ingest(table)
    box.clock.advance(3600)
    first, second, *_ = map(int, ideas(box))
    box.world.change("idea", first, name="changed")
    box.world.delete("idea", second)
    box.clock.advance(3600)
    box.traffic.log.clear()
    again = run_on(spark, box, tmp_path)
    again.ingest(table)
    assert {key: row["name"] for key, row in rows(tmp_path / "ideas").items()} == ideas(box)
    assert again.changed["ideas"] == 2
    # The deleted idea is asked for: it may be back.
    assert [entry["path"] for entry in box.traffic.log] == ["/ideas", "/audits", f"/ideas/{second}"]
    assert list(tmp_path.glob(".staging/*")) == []


def test_a_large_first_read_is_split_among_executors_in_batch_and_in_a_stream(
    spark: SparkSession, box: Sandbox, tmp_path: Path
) -> None:
    run = run_on(spark, box, tmp_path)
    options = {"tableName": "ideas", "partition_rows": "12", **run.connection}
    frame = spark.read.format(FORMAT).options(**options).load()
    assert frame.rdd.getNumPartitions() == 4
    assert {row["id"] for row in frame.collect()} == set(ideas(box))
    box.traffic.log.clear()
    run.ingest(TableSpec("ideas", "ideas", options={"partition_rows": "12"}))
    assert {key: row["name"] for key, row in rows(tmp_path / "ideas").items()} == ideas(box)
    parts = sum("created_since" in entry["query"] for entry in box.traffic.log)  # type: ignore[operator]
    # Before Spark 4.2 a stream is read where it is driven.
    assert parts == (3 if SPARK_4_2 else 0)


ALIKE = [pytest.param(scd_type, marks=pytest.mark.alike) for scd_type in ("SCD_TYPE_1", "APPEND_ONLY")]


@pytest.mark.parametrize("scd_type", ["SCD_TYPE_2", *ALIKE])
def test_native_timestamps_reach_delta_and_a_second_run_goes_on(
    scd_type: str, spark: SparkSession, box: Sandbox, tmp_path: Path
) -> None:
    table = TableSpec("ideas", "ideas", scd_type=scd_type, options={"timestamps": "native"})
    for _ in range(2):
        target = run_on(spark, box, tmp_path).ingest(table)
        assert target.count() == len(ideas(box))
    (row, *_) = target.head(1)
    assert row["created_at"].tzinfo is not None


def test_a_snapshot_is_what_there_is_also_when_nothing_is_left(
    spark: SparkSession, box: Sandbox, tmp_path: Path
) -> None:
    table = TableSpec("ideas", "now", options={"sync_mode": "snapshot"})
    for _ in range(2):
        run_on(spark, box, tmp_path).ingest(table)
        assert set(rows(tmp_path / "now")) == set(ideas(box))
        box.world.delete("idea", int(next(iter(ideas(box)))))
    for idea in ideas(box):
        box.world.delete("idea", int(idea))
    run_on(spark, box, tmp_path).ingest(table)
    assert rows(tmp_path / "now") == {}


def test_a_full_refresh_of_an_account_that_is_empty_empties_the_table(
    spark: SparkSession, box: Sandbox, tmp_path: Path
) -> None:
    table = TableSpec("ideas", "ideas")
    run_on(spark, box, tmp_path).ingest(table)
    for idea in ideas(box):
        box.world.delete("idea", int(idea))
    assert run_on(spark, box, tmp_path).ingest(table, full_refresh=True).count() == 0


def test_a_table_that_was_removed_is_read_whole_again(
    spark: SparkSession, box: Sandbox, tmp_path: Path
) -> None:
    table = TableSpec("ideas", "ideas")
    run_on(spark, box, tmp_path).ingest(table)
    shutil.rmtree(tmp_path / "ideas")
    assert run_on(spark, box, tmp_path).ingest(table).count() == len(ideas(box))


def test_a_table_takes_the_rows_of_one_account_and_one_filter(
    spark: SparkSession, box: Sandbox, tmp_path: Path
) -> None:
    table = TableSpec("ideas", "ideas")
    run_on(spark, box, tmp_path).ingest(table)
    other = run_on(spark, box, tmp_path)
    other.account = "https://acme.aha.io"
    with pytest.raises(LakehouseError, match="was ingested as: ideas of an account"):
        other.ingest(table)
    with pytest.raises(LakehouseError, match=r"where \{'ideas_q': 'zebra'\}"):
        run_on(spark, box, tmp_path).ingest(TableSpec("ideas", "ideas", options={"ideas_q": "zebra"}))


def test_a_delete_flow_is_refused_in_batch_where_its_rows_would_look_alive(
    spark: SparkSession, box: Sandbox, tmp_path: Path
) -> None:
    connection = dict(run_on(spark, box, tmp_path).connection)
    for flag, says in (("true", "A delete flow is a stream"), ("yes", "Option `isDeleteFlow` is 'yes'")):
        with pytest.raises(PySparkException, match=says):
            load(spark, "ideas", connection, track_deletes="true", isDeleteFlow=flag).collect()


def test_a_full_refresh_takes_the_tables_place_when_it_is_whole_and_a_failed_one_loses_nothing(
    spark: SparkSession, box: Sandbox, tmp_path: Path
) -> None:
    table = TableSpec("ideas", "ideas", scd_type="APPEND_ONLY")
    run_on(spark, box, tmp_path).ingest(table)
    before = rows(tmp_path / "ideas")
    box.world.delete("idea", int(next(iter(before))))
    wrong = run_on(spark, box, tmp_path)
    wrong.connection = {**wrong.connection, "api_key": "revoked"}
    with pytest.raises(PySparkException, match="AhaAuthError"):
        wrong.ingest(table, full_refresh=True)
    assert rows(tmp_path / "ideas") == before
    again = run_on(spark, box, tmp_path)
    # As if the run was killed before the refresh, which is whole, had taken the table's place.
    replace(again, lakehouse=tmp_path / ".refresh").ingest(table)
    (tmp_path / ".refresh" / ".whole").mkdir()
    (tmp_path / ".refresh" / ".whole" / "ideas").touch()
    again.ingest(table)
    found = DeltaTable(str(tmp_path / "ideas")).to_pyarrow_table().column("id").to_pylist()
    assert sorted(found) == sorted(ideas(box))
    again.ingest(table, full_refresh=True)
    assert len(rows(tmp_path / "ideas")) == len(ideas(box))


def test_an_appended_table_whose_checkpoint_was_lost_misses_no_row(
    spark: SparkSession, box: Sandbox, tmp_path: Path
) -> None:
    table = TableSpec("ideas", "ideas", scd_type="APPEND_ONLY")
    run_on(spark, box, tmp_path).ingest(table)
    shutil.rmtree(tmp_path / ".checkpoints")
    new = box.world.create("idea").id
    run_on(spark, box, tmp_path).ingest(table)
    assert str(new) in rows(tmp_path / "ideas")


def test_the_tables_about_tables_answer_both_generations(spark: SparkSession) -> None:
    connection = {**MATRIX.replay, "base_url": "http://127.0.0.1:9"}

    def read(table: str, **options: str) -> list[tuple[Any, ...]]:
        frame = spark.read.format(FORMAT).options(tableName=table, **connection, **options).load()
        return [tuple(row) for row in frame.collect()]

    configs = json.dumps({"ideas": {"track_deletes": "true"}})
    for table, names in (("_lakeflow_metadata", "ideas"), ("_community_table_metadata", '["ideas"]')):
        assert read(table, tableNameList=names, tableConfigs=configs) == [
            ("ideas", ["id"], "updated_at", "cdc_with_deletes")
        ]
    assert read("_community_tables") == [([], name) for name in sorted(MATRIX.tables)]
    assert read("_community_namespaces") == []
    with pytest.raises(Exception, match="There is no table `_community_tabels`"):
        read("_community_tabels")
