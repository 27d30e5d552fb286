"""The stand-in refuses what a workspace refuses: each rule is broken once, in what the command sends."""

import json
import re
from typing import Any

import pytest

from tests.deploy.conftest import Run
from tests.deploy.rules import MANAGED_RULES, RULES, judge
from tests.deploy.vocabulary import Refusal, Rule
from tests.deploy.workspace import Workspace

Json = dict[str, Any]


def names(rule: Rule) -> str:
    return re.sub(r"[^a-zA-Z]+", "_", f"{rule.request.split('/')[-1]} {rule.says}")[:70]


@pytest.fixture
def sent(run: Run, workspace: Workspace, wheels: tuple[str, ...]) -> list[tuple[str, Json]]:
    """What the command sends where all goes well: a connection, a pipeline, and one of managed ingestion."""
    run("create_connection", "aha", "my_aha", "-o", "env:AHA_OPTIONS")
    run("create_pipeline", "aha", "one", "-n", "my_aha")
    run("create_pipeline", "aha", "two", "-n", "my_aha", "--managed", *wheels)
    run("update_pipeline", "aha", "two", "-ps", json.dumps(TABLES), "--managed")
    return [(f"{method} {path}", body) for method, path, body in workspace.log if isinstance(body, dict)]


TABLES = {"objects": [{"table": {"source_table": "ideas"}}]}


def test_each_rule_refuses_a_payload_that_breaks_it_with_its_own_words(
    sent: list[tuple[str, Json]], workspace: Workspace
) -> None:
    for rule in (*RULES, *MANAGED_RULES):
        wanted = [
            (request, body)
            for request, body in sent
            if re.fullmatch(rule.request, request)
            and (rule not in MANAGED_RULES or "ingestion_definition" in body)
        ]
        assert wanted, rule.says
        request, body = wanted[-1 if rule in MANAGED_RULES else 0]
        judge(request, body, workspace)
        assert rule.holds(body, workspace), rule.says
        broken = rule.breaks(body)
        assert not rule.holds(broken, workspace), rule.says
        with pytest.raises(Refusal, match="Invalid request"):
            judge(request, broken, workspace)


@pytest.mark.parametrize("rule", [*RULES, *MANAGED_RULES], ids=names)
def test_each_rule_says_where_it_is_documented(rule: Rule) -> None:
    assert re.match(r"(D|S): .+", rule.source)
