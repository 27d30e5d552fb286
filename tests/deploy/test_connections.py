"""`create_connection` and `update_connection`."""

import json
from pathlib import Path
from typing import Any

import pytest
from community_connector.connector_spec import FILE
from community_connector.fetching import spec_url

from tests.deploy.conftest import KEY, OPTIONS, ROOT, Run
from tests.deploy.workspace import Workspace

CREATE = ("create_connection", "aha", "my_aha")


ALLOWED = (
    "custom_object_keys,ideas_q,ideas_workflow_status,isDeleteFlow,max_ideas,max_records_per_batch,on_bad_value,"
    "partition_rows,q,reconcile_hours,sync_mode,tableConfigs,tableName,tableNameList,timestamps,"
    "track_deletes,trust_counts,workspaces"
)


def test_a_connection_is_made_with_its_options_the_allow_list_and_the_source(
    run: Run, workspace: Workspace
) -> None:
    done = run(*CREATE, "-o", "env:AHA_OPTIONS", "--comment", "Product feedback")
    assert workspace.connections["my_aha"] == {
        "name": "my_aha",
        "connection_type": "COMMUNITY",
        "options": {**OPTIONS, "externalOptionsAllowList": ALLOWED, "sourceName": "aha"},
        "comment": "Product feedback",
    }
    assert done.stdout == "status: created\nname: my_aha\nconnection_type: COMMUNITY\n"


def test_the_older_connection_type_and_numbers_in_json_are_taken(run: Run, workspace: Workspace) -> None:
    given = json.dumps({**OPTIONS, "page_size": 100, "externalOptionsAllowList": "tableName"})
    run(*CREATE, "-o", "env:GIVEN", "--connection-type", "GENERIC_LAKEFLOW_CONNECT", GIVEN=given)
    made = workspace.connections["my_aha"]
    assert made["connection_type"] == "GENERIC_LAKEFLOW_CONNECT"
    assert made["options"]["page_size"] == "100"
    assert made["options"]["externalOptionsAllowList"] == "tableName"


@pytest.mark.parametrize("form", ["@options.json", "-", "env:AHA_OPTIONS"])
def test_options_come_from_a_file_standard_input_or_a_variable_without_a_note(
    form: str, run: Run, workspace: Workspace, clone: Path
) -> None:
    (clone / "options.json").write_text(json.dumps(OPTIONS))
    done = run(*CREATE, "-o", form, stdin=json.dumps(OPTIONS))
    assert workspace.connections["my_aha"]["options"]["api_key"] == KEY
    assert done.stderr == ""


def test_options_on_the_command_line_are_taken_with_a_note(run: Run, workspace: Workspace) -> None:
    done = run(*CREATE, "-o", json.dumps(OPTIONS))
    assert "stays in the shell's history" in done.stderr
    assert "my_aha" in workspace.connections


def test_a_connection_that_exists_is_told_and_stays_as_it_is(run: Run, workspace: Workspace) -> None:
    run(*CREATE, "-o", "env:AHA_OPTIONS")
    before = json.dumps(workspace.connections)
    done = run(
        *CREATE, "-o", "env:OTHER", "--output", "json", OTHER=json.dumps({**OPTIONS, "subdomain": "x"})
    )
    assert json.loads(done.stdout)["status"] == "exists"
    assert json.dumps(workspace.connections) == before


def test_an_update_replaces_the_options(run: Run, workspace: Workspace) -> None:
    run(*CREATE, "-o", "env:AHA_OPTIONS")
    run(
        "update_connection",
        "aha",
        "my_aha",
        "-o",
        "env:OTHER",
        OTHER=json.dumps({**OPTIONS, "subdomain": "x"}),
    )
    assert workspace.connections["my_aha"]["options"]["subdomain"] == "x"


def test_an_update_of_what_is_not_there_says_so(run: Run) -> None:
    done = run("update_connection", "aha", "my_aha", "-o", "env:AHA_OPTIONS", status=1)
    assert "There is no connection `my_aha`" in done.stderr


def test_a_dry_run_prints_the_requests_with_secrets_masked_and_sends_none(
    run: Run, workspace: Workspace
) -> None:
    done = run(*CREATE, "-o", "env:AHA_OPTIONS", "--dry-run")
    get, post = done.stdout.splitlines()
    assert get == "GET /api/2.1/unity-catalog/connections/my_aha"
    method, path, body = post.split(" ", 2)
    assert (method, path) == ("POST", "/api/2.1/unity-catalog/connections")
    assert json.loads(body)["options"] == {
        "api_key": "***",
        "subdomain": "***",
        "externalOptionsAllowList": ALLOWED,
        "sourceName": "aha",
    }
    assert done.stderr == "Nothing was sent.\n"
    assert workspace.log == []


@pytest.mark.parametrize(
    "arguments",
    [
        (*CREATE, "-o", f'env:{{"api_key": "{KEY}"}}'),
        (*CREATE, "-o", f'@{{"api_key": "{KEY}"}}'),
        (*CREATE, "-o", '{"api_key":', f"{KEY}}}"),
        (*CREATE, "-o", json.dumps({f"{KEY}-as-a-name": "api_key"})),
        (*CREATE, "-o", "{}", "--spec", f"https://user:{KEY}@example.com/spec.yaml"),
    ],
)
def test_a_key_in_the_wrong_place_is_not_repeated(arguments: tuple[str, ...], run: Run) -> None:
    assert KEY not in run(*arguments, status=2).stderr


def test_a_key_of_digits_is_masked_and_a_number_is_not(run: Run) -> None:
    given = json.dumps({"api_key": "1234567890123456", "subdomain": "x", "page_size": 50})
    done = run(*CREATE, "-o", "env:GIVEN", "--dry-run", "--output", "json", GIVEN=given)
    (_, post) = json.loads(done.stdout)["requests"]
    assert (post["body"]["options"]["api_key"], post["body"]["options"]["page_size"]) == ("***", "50")


def test_a_spec_is_fetched_from_an_address(run: Run, workspace: Workspace) -> None:
    workspace.raw = "connection: {parameters: [{name: token, required: true}]}\n"
    done = run(*CREATE, "-o", "{}", "--spec", f"{workspace.url}/x/spec.yaml", status=2)
    assert "`token` is missing" in done.stderr


def test_a_repository_stands_for_the_spec_at_its_root() -> None:
    root = "https://raw.githubusercontent.com/a/b/HEAD/connector_spec.yaml"
    assert {spec_url(f"https://github.com/a/b{end}", FILE) for end in ("", "/", ".git")} == {root}
    assert spec_url("https://gitlab.com/a/b", FILE) == "https://gitlab.com/a/b/-/raw/HEAD/connector_spec.yaml"


WRONG: list[tuple[str, dict[str, Any] | str, str]] = [
    ("a missing option", {"subdomain": "x"}, "`api_key` is missing"),
    ("an empty option", {"api_key": " ", "subdomain": "x"}, "`api_key` is missing"),
    (
        "a misspelt option",
        {**OPTIONS, "page_sise": 3},
        "There is no option `page_sise`. Did you mean `page_size`?",
    ),
    ("an unknown option", {**OPTIONS, "zzz": 3}, "There is no option `zzz`. Options: api_key, subdomain"),
    ("a wrong type", {**OPTIONS, "page_size": "many"}, "`page_size` is not of type integer."),
    ("too many rows", {**OPTIONS, "page_size": 100000}, "`page_size` is a whole number from 1 to 200."),
    (
        "a negative pace",
        {**OPTIONS, "requests_per_minute": -5},
        "`requests_per_minute` is a whole number from 1 to",
    ),
    (
        "the example's key",
        {**OPTIONS, "api_key": "put-your-aha-api-key-here"},
        "`api_key` is an example's placeholder",
    ),
    (
        "no JSON",
        "{'api_key': 1}",
        "no JSON that can be used at line 1, column 2. Give JSON, @FILE, - (standard input) or env:NAME",
    ),
    ("no object", "[1]", "expected a JSON object"),
]


@pytest.mark.parametrize(
    ("given", "says"), [(given, says) for _, given, says in WRONG], ids=[w[0] for w in WRONG]
)
def test_wrong_options_are_refused_before_the_first_request(
    given: dict[str, Any] | str, says: str, run: Run, workspace: Workspace
) -> None:
    text = given if isinstance(given, str) else json.dumps(given)
    done = run(*CREATE, "-o", "env:GIVEN", status=2, GIVEN=text)
    assert says in done.stderr
    assert workspace.log == []


def test_all_faults_of_the_options_are_told_at_once(run: Run) -> None:
    done = run(*CREATE, "-o", "env:GIVEN", status=2, GIVEN='{"zzz": 1, "page_size": "x"}')
    assert all(name in done.stderr for name in ("api_key", "subdomain", "zzz", "page_size"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("create_connection", "aha", "a/b", "-o", "{}"), "no spaces, dots or slashes"),
        (("create_connection", "aha", "my conn", "-o", "{}"), "no spaces, dots or slashes"),
        (("create_connection", "aha", "a.b", "-o", "{}"), "no spaces, dots or slashes"),
        ((*CREATE, "-o", "@missing.json"), "`missing.json` cannot be read: No such file or directory"),
        ((*CREATE, "-o", "env:NO_SUCH"), "there is no environment variable `NO_SUCH`"),
        ((*CREATE, "-o", "{}", "--spec", "missing.yaml"), "`missing.yaml` cannot be read"),
        (
            (*CREATE, "-o", "{}", "--spec", "ftp://x/y.yaml"),
            "expected a repository at github.com or gitlab.com",
        ),
        ((*CREATE, "-o", "{}", "--spec", "http://127.0.0.1:9/s.yaml"), "does not answer"),
        (("create_connection", "jira", "x", "-o", "{}"), "describes the source `aha`, not `jira`"),
        (CREATE, "Missing option '--options'"),
        ((*CREATE, "-o", "{}", "--connection-type", "OTHER"), "is not one of"),
    ],
)
def test_bad_input_is_one_clear_sentence_and_exit_code_2(
    arguments: tuple[str, ...], says: str, run: Run, workspace: Workspace
) -> None:
    assert says in run(*arguments, status=2).stderr
    assert [path for _, path, _ in workspace.log] == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is no YAML"),
        ("connection: 2024-13-45", "is no YAML"),
        ("display_name: x", "spec: 'connection' is a required property."),
        ("connection: {parameters: [3]}", "connection.parameters[0]: 3 is not of type 'object'."),
        ("connection: {auth_methods: 5}", "connection.auth_methods: 5 is not of type 'array'."),
        ("connection: {}\ntables: ideas", "tables: 'ideas' is not of type 'array'."),
    ],
)
def test_a_spec_that_cannot_be_loaded_is_an_error(text: str, says: str, run: Run, clone: Path) -> None:
    (clone / "other.yaml").write_text(text)
    assert says in run(*CREATE, "-o", "{}", "--spec", "other.yaml", status=2).stderr


def test_a_spec_that_is_named_beats_the_one_that_lies_here(
    run: Run, clone: Path, workspace: Workspace
) -> None:
    (clone / "other.yaml").write_text("connection:\n  parameters:\n  - {name: token, required: true}\n")
    run(*CREATE, "-o", '{"token": "abcdefgh"}', "--spec", "other.yaml")
    assert set(workspace.connections["my_aha"]["options"]) == {
        "token",
        "externalOptionsAllowList",
        "sourceName",
    }


def test_of_several_ways_to_authenticate_the_fitting_one_is_meant(
    run: Run, clone: Path, workspace: Workspace
) -> None:
    (clone / "other.yaml").write_text(
        "connection:\n  parameters:\n  - {name: host, required: true}\n  auth_methods:\n"
        "  - {name: key, parameters: [{name: key, required: true}]}\n"
        "  - {name: login, parameters: [{name: user, required: true}, {name: word, required: true}]}\n"
    )
    run(*CREATE, "-o", '{"host": "h", "user": "u", "word": "w"}', "--spec", "other.yaml")
    assert workspace.connections["my_aha"]["options"]["user"] == "u"
    done = run("create_connection", "aha", "other", "-o", '{"host": "h"}', "--spec", "other.yaml", status=2)
    assert "`key` is missing" in done.stderr


def test_without_a_spec_and_outside_a_clone_it_says_what_to_do(run: Run, clone: Path) -> None:
    (clone / "connector_spec.yaml").unlink()
    done = run(*CREATE, "-o", "{}", status=2)
    assert "Run this in a clone of the connector, or give --spec" in done.stderr


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "Check DATABRICKS_TOKEN"),
        (403, "The right that is missing: CREATE CONNECTION on the metastore."),
        (409, "was refused (RESOURCE_ALREADY_EXISTS)"),
        (500, "was refused (INTERNAL_ERROR)"),
    ],
)
def test_a_refusal_of_the_service_is_told_with_advice_and_exit_code_1(
    status: int, says: str, run: Run, workspace: Workspace
) -> None:
    workspace.faults["POST /api/2.1/unity-catalog/connections"] = [status]
    assert says in run(*CREATE, "-o", "env:AHA_OPTIONS", status=1).stderr


@pytest.mark.parametrize(
    "command",
    [
        "create_connection",
        "update_connection",
        "create_pipeline",
        "update_pipeline",
        "run_pipeline",
        "show_pipeline",
    ],
)
def test_every_command_explains_itself_with_an_example(command: str, run: Run) -> None:
    told = run(command, "--help").stdout
    assert "Example:\n    community-connector " + command in told


def test_a_name_that_unity_catalog_takes_is_taken(run: Run, workspace: Workspace) -> None:
    run("create_connection", "aha", "ü_aha", "-o", "env:AHA_OPTIONS")
    assert "ü_aha" in workspace.connections


def test_a_workspace_that_does_not_know_the_type_is_told_which_flag_to_try(
    run: Run, workspace: Workspace
) -> None:
    workspace.connection_types = ("GENERIC_LAKEFLOW_CONNECT",)
    told = run(*CREATE, "-o", "env:AHA_OPTIONS", status=1).stderr
    assert "try: --connection-type GENERIC_LAKEFLOW_CONNECT" in told
    run(*CREATE, "-o", "env:AHA_OPTIONS", "--connection-type", "GENERIC_LAKEFLOW_CONNECT")


def test_the_guide_names_the_allow_list_that_a_connection_gets() -> None:
    assert f"externalOptionsAllowList '{ALLOWED}'" in (ROOT / "docs" / "deploy.md").read_text()


def test_the_spec_is_found_where_upstreams_repository_has_it(
    run: Run, workspace: Workspace, clone: Path
) -> None:
    there = clone / "src/databricks/labs/community_connector/sources/aha/connector_spec.yaml"
    there.parent.mkdir(parents=True)
    (clone / "connector_spec.yaml").rename(there)
    run(*CREATE, "-o", "env:AHA_OPTIONS")
    assert "my_aha" in workspace.connections
