"""The pipeline spec: checked whole, every fault with its path."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import AhaOptionError
from connector.spec import SCD_TYPES, TableSpec, parse_pipeline_spec


def spec(*tables: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"connection_name": "aha", "objects": [{"table": table} for table in tables]} | more


def test_a_whole_spec_is_read() -> None:
    config = {
        "scd_type": "SCD_TYPE_2",
        "primary_keys": ["id"],
        "sequence_by": "updated_at",
        "cluster_by": "id",
        "track_deletes": True,
        "max_ideas": 500,
    }
    place = {"destination_catalog": "main", "destination_schema": "aha", "destination_table": "aha_ideas"}
    given = spec(
        {"source_table": "ideas", **place, "table_configuration": config}, {"source_table": "idea_comments"}
    )
    for form in (given, json.dumps(given)):
        found = parse_pipeline_spec(form)
        assert found.connection_name == "aha"
        assert found.tables == (
            TableSpec(
                "ideas",
                "aha_ideas",
                "main",
                "aha",
                "SCD_TYPE_2",
                ("id",),
                "updated_at",
                ("id",),
                {"track_deletes": "true", "max_ideas": "500"},
            ),
            TableSpec("idea_comments", "idea_comments"),
        )


WRONG: list[tuple[Any, str]] = [
    ("no JSON", "is no JSON"),
    ([], "is no JSON object"),
    (
        spec({"source_table": "ideas"}, conection_name="x"),
        "conection_name: no such key. Did you mean `connection_name`?",
    ),
    (spec({"source_table": "ideas"}, connection_name=""), 'connection_name: expected a text, not "".'),
    ({"objects": [{"table": {"source_table": "ideas"}}]}, "connection_name: is missing."),
    (spec(), "objects: expected a list with at least one table."),
    (spec(objects={"table": {}}), "objects: expected a list"),
    (spec(objects=["ideas"]), "objects[0]: expected an object `{table: {...}}`."),
    (spec({}), "objects[0].table.source_table: is missing."),
    (
        spec({"source_table": "idea"}),
        "objects[0].table.source_table: there is no table `idea`. Did you mean `ideas`?",
    ),
    (spec({"source_table": "ideas", "destination": "x"}), "objects[0].table.destination: no such key."),
    (
        spec({"source_table": "ideas", "destination_table": 7}),
        "objects[0].table.destination_table: expected a text, not 7.",
    ),
    (
        spec({"source_table": "ideas", "table_configuration": {"scd_type": "SCD_TYPE_3"}}),
        "objects[0].table.table_configuration.scd_type: 'SCD_TYPE_3' is none of SCD_TYPE_1",
    ),
    (
        spec({"source_table": "ideas", "table_configuration": {"primary_keys": "id"}}),
        'objects[0].table.table_configuration.primary_keys: expected a list of columns, not "id".',
    ),
    (
        spec({"source_table": "ideas", "table_configuration": {"max_idea": 5}}),
        "objects[0].table.table_configuration.max_idea: no such key. Did you mean `max_ideas`?",
    ),
    (
        spec({"source_table": "ideas", "table_configuration": {"max_ideas": "many"}}),
        "objects[0].table.table_configuration.max_ideas: Option `max_ideas` is 'many'",
    ),
    (
        spec({"source_table": "ideas", "table_configuration": ["x"]}),
        "objects[0].table.table_configuration: expected an object.",
    ),
    (
        spec({"source_table": "ideas"}, {"source_table": "idea_comments", "destination_table": "Ideas"}),
        "objects[1].table: `Ideas` is the destination of another",
    ),
    *(
        (
            spec({"source_table": "ideas", "destination_table": name}),
            "is no name of a table, schema or catalog",
        )
        for name in ("../ideas", ".checkpoints", "a b", "a/b", "a.b", "a\x00", "x" * 256)
    ),
    (
        spec({"source_table": "ideas", "destination_catalog": "main"}),
        "objects[0].table.destination_catalog: needs a destination_schema",
    ),
    (
        spec({"source_table": "ideas", "table_configuration": {"primary_keys": ["idd"]}}),
        "objects[0].table.table_configuration.primary_keys: `ideas` has no column `idd`. Did you mean `id`?",
    ),
    (
        spec({"source_table": "ideas", "table_configuration": {"sequence_by": "update_at"}}),
        "table_configuration.sequence_by: `ideas` has no column `update_at`. Did you mean `updated_at`?",
    ),
    (
        spec(
            {"source_table": "ideas", "table_configuration": {"track_deletes": True, "sync_mode": "snapshot"}}
        ),
        "objects[0].table.table_configuration: Option `track_deletes` is true and `sync_mode` is `snapshot`",
    ),
    *(
        (
            spec({"source_table": "ideas", "table_configuration": {"ideas_q": value}}),
            "ideas_q: expected a text",
        )
        for value in (None, ["a"], {"a": 1})
    ),
    (spec({"source_table": "ideas", "table_configuration": ""}), "table_configuration: expected an object."),
    *(
        (
            spec({"source_table": "ideas", "table_configuration": {"track_deletes": True} | other}),
            "a deletion tells `id`",
        )
        for other in ({"primary_keys": ["reference_num"]}, {"sequence_by": "created_at"})
    ),
    (
        spec({"source_table": "ideas", "table_configuration": {"sequence_by": ["name", "updated_at"]}}),
        "sequence_by: expected one column.",
    ),
    (
        spec({"source_table": "ideas", "table_configuration": {"sequence_by": "status_changed_at"}}),
        "sequence_by: `status_changed_at` may be null",
    ),
    (
        spec({"source_table": "ideas", "table_configuration": {"sequence_by": "workflow_status"}}),
        "sequence_by: `workflow_status` holds lists or objects",
    ),
    (
        spec({"source_table": "ideas", "table_configuration": {"primary_keys": ["id", "id"]}}),
        "primary_keys: names a column twice.",
    ),
    ('{"objects": [], "objects": []}', "`objects` stands there twice"),
    ("[" * 100_000, "is no JSON"),
    *(
        (
            spec({"source_table": "ideas", "table_configuration": {"scd_type": "APPEND_ONLY"} | option}),
            "objects[0].table.table_configuration.scd_type: APPEND_ONLY keeps every version",
        )
        for option in ({"track_deletes": True}, {"sync_mode": "snapshot"})
    ),
]


@pytest.mark.parametrize(("given_", "says"), WRONG)
def test_a_fault_is_told_with_its_path(given_: Any, says: str) -> None:
    with pytest.raises(AhaOptionError) as caught:
        parse_pipeline_spec(given_)
    assert says in str(caught.value)


def test_all_faults_are_told_at_once() -> None:
    wrong = spec(
        {"source_table": "idea", "table_configuration": {"scd_type": "x"}}, {"source_table": "vote"}, extra=1
    )
    with pytest.raises(AhaOptionError) as caught:
        parse_pipeline_spec(wrong)
    told = str(caught.value)
    for path in (
        "extra:",
        "objects[0].table.source_table:",
        "objects[0].table.table_configuration.scd_type:",
        "objects[1]",
    ):
        assert path in told


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                [
                    "connection_name",
                    "objects",
                    "table",
                    "source_table",
                    "table_configuration",
                    "scd_type",
                    "x",
                ]
            ),
            inner | st.sampled_from(["ideas", *SCD_TYPES]),
            max_size=3,
        )
    ),
    max_leaves=10,
)


@given(JSON)
def test_no_json_ends_in_another_error(given_: Any) -> None:
    with suppress(AhaOptionError):
        parse_pipeline_spec(given_)


def test_a_table_says_how_it_is_read_and_what_tells_its_versions_apart() -> None:
    given = spec(
        {"source_table": "ideas", "destination_schema": "aha"},
        {"source_table": "ideas", "table_configuration": {"sync_mode": "snapshot", "primary_keys": ["url"]}},
        {"source_table": "idea_comments", "table_configuration": {"track_deletes": "true"}},
        {
            "source_table": "idea_proxy_votes",
            "table_configuration": {"scd_type": "APPEND_ONLY", "sequence_by": "created_at"},
        },
    )
    found = parse_pipeline_spec(given).tables
    assert [(table.name, table.keys, table.sequence, table.ingestion_type) for table in found] == [
        ("aha.ideas", ("id",), "updated_at", "cdc"),
        ("ideas", ("url",), "updated_at", "snapshot"),
        ("idea_comments", ("id",), "updated_at", "cdc_with_deletes"),
        ("idea_proxy_votes", ("id",), "created_at", "append"),
    ]
