"""The merged file in the real engine, reading cassettes over loopback from Spark's own processes."""

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from harness.scenarios import CASSETTES, load_matrix
from harness.server import Replay, serving, serving_strictly
from tests.conftest import merged_source

MATRIX = load_matrix()
TABLES = ("ideas", "idea_proxy_votes", "idea_comments", "idea_portal_comments")

# One session for all: under xdist they stay in one process.
pytestmark = [pytest.mark.spark, pytest.mark.xdist_group("spark")]


def connection_to(replay: Replay) -> dict[str, str]:
    return {**MATRIX.replay, "base_url": replay.url, "requests_per_minute": "600000"}


def load(spark: SparkSession, table: str, connection: dict[str, str], **options: str) -> DataFrame:
    return spark.read.format("lakeflow_connect").options(tableName=table, **connection, **options).load()


@pytest.mark.parametrize("table", TABLES)
def test_spark_reads_exactly_the_rows_that_the_connector_reads(table: str, spark: SparkSession) -> None:
    cassette = CASSETTES / table / "one_page.json"
    with serving_strictly([cassette]) as replay:
        frame = load(spark, table, connection_to(replay))
        rows = [row.asDict(recursive=True) for row in frame.collect()]
    with serving_strictly([cassette]) as replay:
        connector = merged_source()(connection_to(replay)).lakeflow_connect
        assert rows == list(connector.read_table(table, None, {})[0])
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
    with serving([CASSETTES / "ideas" / "first_sync.json"]) as replay:
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
        serving([CASSETTES / "ideas" / "wrong_key.json"]) as replay,
        pytest.raises(PySparkException, match="AhaAuthError: GET /ideas answered 401"),
    ):
        load(spark, "ideas", connection_to(replay)).collect()


def test_a_misspelt_table_is_refused_before_any_request(spark: SparkSession) -> None:
    connection = {**MATRIX.replay, "base_url": "http://127.0.0.1:9"}
    with pytest.raises(PySparkException, match=r"There is no table `idea`\. Did you mean `ideas`"):
        load(spark, "idea", connection)
