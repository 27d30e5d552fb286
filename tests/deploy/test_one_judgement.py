"""The command and the connector judge a pipeline spec alike: what is deployed is what runs."""

from typing import Any

from community_connector.connector_spec import load_connector_spec
from community_connector.errors import InputError
from community_connector.pipeline_spec import make_pipeline_spec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.errors import AhaOptionError
from connector.options import OPTIONS
from connector.spec import parse_pipeline_spec
from connector.tables import TABLES
from tests.deploy.conftest import ROOT

SPEC = load_connector_spec("aha", str(ROOT / "connector_spec.yaml"))
COLUMNS = st.sampled_from(
    [*("id", "updated_at", "name", "nope", "tags", "idea_id", ""), "id ", "updated_at\n", None]
)
SEVERAL = st.lists(COLUMNS, max_size=3) | COLUMNS | st.just(["id"])
VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [
        *("true", "false", "yes", " true ", "tRue", "true\n", True, False, None),
        *("cdc", "snapshot", "snap", " snapshot", "Snapshot", "iso", "native", "native\n", "", " ", "x"),
        *(0, 1, 500, 5.0, 1e3, 10**9, "0", "12", "-1", " 12", "1_0", "5.0", "\u0665", [], {}),
    ]
)
CONFIGURATIONS = st.fixed_dictionaries(
    {},
    optional={
        "scd_type": st.sampled_from(["SCD_TYPE_1", "SCD_TYPE_2", "APPEND_ONLY", "SCD_TYPE_3", "x", None]),
        "primary_keys": SEVERAL,
        "sequence_by": COLUMNS,
        "cluster_by": SEVERAL,
        "no_such_option": VALUES,
        **{option.name: VALUES for option in OPTIONS if option.table},
    },
)
NAMES = st.sampled_from(["t", "T", "u", "a b", "a.b", "", "ü", "a\n", "ideas_changes", "ideas", None])
ENTRIES = st.fixed_dictionaries(
    {"source_table": st.sampled_from([*TABLES, "idea"])},
    optional={
        "destination_catalog": NAMES,
        "destination_schema": NAMES,
        "destination_table": NAMES,
        "table_configuration": CONFIGURATIONS | st.none(),
    },
)
SPECS = st.lists(ENTRIES.map(lambda table: {"table": table}), max_size=2)


def takes(judge: Any) -> bool:
    try:
        judge()
    except (InputError, AhaOptionError):
        return False
    return True


@given(SPECS)
@settings(max_examples=600, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_a_spec_is_refused_by_the_command_exactly_where_the_pipeline_would_refuse_it(
    objects: list[dict[str, Any]],
) -> None:
    spec = {"connection_name": "aha", "objects": objects}
    told = takes(lambda: make_pipeline_spec(SPEC, None, spec)), takes(lambda: parse_pipeline_spec(spec))
    assert told[0] == told[1]
