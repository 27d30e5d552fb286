"""What a pipeline spec declares, in the words of each engine; `tests/spark/test_pipelines.py` runs it."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import connector.pipeline
from connector.errors import AhaOptionError
from scripts.lakehouse.spark import load_merged_module

CONNECTION = {"api_key": "k", "subdomain": "company"}
Ingest = Callable[..., None]
# The names that engines have beside `create_streaming_table` and `append_flow`.
ENGINES = {
    "Spark 4.1": ("temporary_view", "materialized_view"),
    "Spark 4.3": ("temporary_view", "materialized_view", "create_auto_cdc_flow"),
    "Databricks": (
        "temporary_view",
        "view",
        "materialized_view",
        "create_auto_cdc_flow",
        "apply_changes",
        "create_auto_cdc_from_snapshot_flow",
        "apply_changes_from_snapshot",
    ),
    "older Databricks": ("view", "apply_changes", "apply_changes_from_snapshot"),
}


class Engine(ModuleType):
    """Writes down what is declared. Decorators take the query, and do not run it."""

    def __init__(self, name: str) -> None:
        super().__init__("pipelines")
        self.declared: list[tuple[str, dict[str, Any]]] = []
        self.queries: dict[str, Callable[[], Any]] = {}
        for word in ("create_streaming_table", "append_flow", *ENGINES[name]):
            setattr(self, word, self._recorder(word))

    def _recorder(self, word: str) -> Callable[..., Any]:
        def declare(**arguments: Any) -> Any:
            self.declared.append((word, arguments))

            def take(query: Callable[[], Any]) -> None:
                self.queries[arguments["name"]] = query

            return take

        return declare


class Conf:
    """A session's configuration."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def set(self, name: str, value: str) -> None:
        self.known[name] = value


class Reads:
    """Stands for a session: a query becomes the list of what was asked of it."""

    def __init__(self, *asked: Any) -> None:
        self.asked = list(asked)
        self.conf = Conf()

    @property
    def read(self) -> "Reads":
        return Reads("read")

    @property
    def readStream(self) -> "Reads":
        return Reads("readStream")

    @property
    def dataSource(self) -> "Reads":
        return self

    def register(self, source: Any) -> None:
        self.asked.append(source.name())

    def format(self, name: str) -> "Reads":
        return Reads(*self.asked, name)

    def options(self, **options: str) -> "Reads":
        return Reads(*self.asked, options)

    def option(self, key: str, value: str) -> "Reads":
        return Reads(*self.asked, {key: value})

    def load(self) -> "Reads":
        return self


@pytest.fixture(params=["package", "merged"])
def ingest(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], tuple[Ingest, Engine]]:
    """`ingest` of the package and of the merged file, in an engine."""
    module = connector.pipeline if request.param == "package" else load_merged_module()

    def place(name: str) -> tuple[Ingest, Engine]:
        engine = Engine(name)
        monkeypatch.setattr(module, "sdp", engine)
        return module.ingest, engine

    return place


Placed = Callable[[str], tuple[Ingest, Engine]]


def spec(**config: Any) -> dict[str, Any]:
    return {
        "connection_name": "aha",
        "objects": [{"table": {"source_table": "ideas", "table_configuration": config}}],
    }


def test_changed_rows_are_merged_by_key_in_the_order_of_the_cursor(ingest: Placed) -> None:
    run, engine = ingest("Databricks")
    run(Reads(), spec(partition_rows=500))
    assert engine.declared == [
        ("temporary_view", {"name": "ideas_changes"}),
        ("create_streaming_table", {"name": "ideas"}),
        (
            "create_auto_cdc_flow",
            {
                "source": "ideas_changes",
                "target": "ideas",
                "keys": ["id"],
                "sequence_by": "updated_at",
                "stored_as_scd_type": "1",
            },
        ),
    ]
    assert engine.queries["ideas_changes"]().asked == [
        "readStream",
        "lakeflow_connect",
        {"databricks.connection": "aha", "partition_rows": "500", "tableName": "ideas"},
    ]


def test_older_databricks_is_asked_in_its_own_words(ingest: Placed) -> None:
    run, engine = ingest("older Databricks")
    run(Reads(), spec())
    assert [word for word, _ in engine.declared] == ["view", "create_streaming_table", "apply_changes"]
    run, engine = ingest("older Databricks")
    run(Reads(), spec(sync_mode="snapshot"))
    assert [word for word, _ in engine.declared] == [
        "view",
        "create_streaming_table",
        "apply_changes_from_snapshot",
    ]


def test_history_keys_order_and_clustering_are_as_the_spec_says(ingest: Placed) -> None:
    run, engine = ingest("Spark 4.3")
    run(Reads(), spec(scd_type="SCD_TYPE_2", primary_keys=["url"], sequence_by="created_at", cluster_by="id"))
    declared = dict(engine.declared)
    assert declared["create_streaming_table"] == {"name": "ideas", "cluster_by": ["id"]}
    flow = declared["create_auto_cdc_flow"]
    assert (flow["keys"], flow["sequence_by"], flow["stored_as_scd_type"]) == (["url"], "created_at", "2")


def test_appended_rows_go_straight_into_their_table(ingest: Placed) -> None:
    run, engine = ingest("Spark 4.1")
    run(Reads(), spec(scd_type="APPEND_ONLY"))
    assert engine.declared == [
        ("create_streaming_table", {"name": "ideas"}),
        ("append_flow", {"name": "ideas_flow", "target": "ideas"}),
    ]
    assert engine.queries["ideas_flow"]().asked[0] == "readStream"


@pytest.mark.parametrize(
    ("engine_name", "words"),
    [
        ("Spark 4.1", ["materialized_view"]),
        ("Databricks", ["temporary_view", "create_streaming_table", "create_auto_cdc_from_snapshot_flow"]),
    ],
)
def test_a_snapshot_is_read_whole_each_time(engine_name: str, words: list[str], ingest: Placed) -> None:
    run, engine = ingest(engine_name)
    run(Reads(), spec(sync_mode="snapshot"))
    assert [word for word, _ in engine.declared] == words
    (query,) = engine.queries.values()
    assert query().asked[0] == "read"


def test_names_with_odd_characters_are_quoted_and_two_tables_of_one_source_stay_apart(ingest: Placed) -> None:
    run, engine = ingest("Databricks")
    place = {"destination_catalog": "my-cat", "destination_schema": "aha", "destination_table": "open"}
    tables = [{"source_table": "ideas", **place}, {"source_table": "ideas"}]
    run(Reads(), {"connection_name": "aha", "objects": [{"table": table} for table in tables]})
    assert [found["name"] for word, found in engine.declared if word == "create_streaming_table"] == [
        "`my-cat`.aha.open",
        "ideas",
    ]
    assert list(engine.queries) == ["my_cat_aha_open_3efa6bd0_changes", "ideas_changes"]


def test_names_that_differ_only_in_odd_characters_have_views_of_their_own(ingest: Placed) -> None:
    run, engine = ingest("Databricks")
    names = [("a", "b"), ("a_b", None), ("ä", "b"), (None, "a-b")]
    tables = [
        {"source_table": "ideas", "destination_table": table or schema}
        | ({"destination_schema": schema} if schema and table else {})
        for schema, table in names
    ]
    run(Reads(), {"connection_name": "aha", "objects": [{"table": table} for table in tables]})
    assert len(engine.queries) == len(tables)
    assert all(name.isascii() and name.isidentifier() for name in engine.queries)


def test_without_unity_catalog_the_connections_options_are_given_and_checked(ingest: Placed) -> None:
    run, engine = ingest("Spark 4.3")
    run(Reads(), spec(), CONNECTION)
    assert engine.queries["ideas_changes"]().asked[2] == {**CONNECTION, "tableName": "ideas"}
    with pytest.raises(Exception, match="Option `api_key` is missing"):
        run(Reads(), spec(), {"subdomain": "company"})


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("Databricks", {"objects": []}, r"connection_name: is missing\.\n.*objects: expected a list"),
    ("Databricks", spec(scd_typ="SCD_TYPE_2"), "scd_typ: no such key. Did you mean `scd_type`"),
    ("Databricks", spec(scd_type="SCD_TYPE_3"), "'SCD_TYPE_3' is none of"),
    ("Spark 4.1", spec(), "`ideas` is `cdc` with SCD_TYPE_1, and this Spark has no flow for that"),
    ("Spark 4.3", spec(sync_mode="snapshot", scd_type="SCD_TYPE_2"), "`snapshot` with SCD_TYPE_2"),
]


@pytest.mark.parametrize(("engine_name", "given", "says"), WRONG)
def test_nothing_is_declared_where_something_is_wrong(
    engine_name: str, given: dict[str, Any], says: str, ingest: Placed
) -> None:
    run, engine = ingest(engine_name)
    with pytest.raises(Exception, match=says):
        run(Reads(), given)
    assert engine.declared == []


def test_a_spark_without_pipelines_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connector.pipeline, "sdp", None)
    with pytest.raises(AhaOptionError, match="This Spark has no declarative pipelines"):
        connector.pipeline.ingest(Reads(), spec())  # type: ignore[arg-type]
