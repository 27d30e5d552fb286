"""The command `community-connector`: parses, checks and delegates."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import yaml

from community_connector import connections, pipelines, repository
from community_connector.connector_spec import load_connector_spec
from community_connector.errors import InputError
from community_connector.inputs import FORMS, is_inline, read_json_object, read_text
from community_connector.pipeline_spec import make_pipeline_spec
from community_connector.service import Json, Service

Decorator = Callable[[Any], Any]
CONFIGURABLE = ("branch", "catalog", "profile", "provider", "repo_url", "schema")


class Name(click.ParamType[str]):
    """A name that the workspace takes, and that no SQL filter or path reads as something else."""

    name = "name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,254}", value):
            self.fail(f"{value!r}: letters, digits, spaces, `_`, `.` and `-` only.", param, ctx)
        return value


def read_config(ctx: click.Context, _: click.Parameter, path: str | None) -> None:
    """Let a file give options that the command line does not."""
    if path is None:
        return
    try:
        found = yaml.safe_load(read_text("--config", Path(path)))
    except yaml.YAMLError as error:
        raise InputError(f"--config: {path} is no YAML: {str(error).splitlines()[0]}.") from None
    unknown = sorted(set(found) - set(CONFIGURABLE)) if isinstance(found, dict) else ["no mapping"]
    if unknown:
        raise InputError(
            f"--config: {path} holds {', '.join(unknown)}; it may hold {', '.join(CONFIGURABLE)}."
        )
    ctx.default_map = {**(ctx.default_map or {}), **found}


SOURCE, NAME = click.argument("source"), click.argument("name", type=Name())
SPEC = click.option("--spec", "-s", help="connector_spec.yaml: a path, an https address, or a repository.")
OPTIONS = click.option("--options", "-o", required=True, help=f"The connection's options: {FORMS}.")
PIPELINE_SPEC = click.option("--pipeline-spec", "-ps", help="What to ingest: JSON, a FILE, - or env:NAME.")
BRANCH = click.option("--branch", "-b", help="The branch to check out; the current one if not given.")
SKIP_CHECKS = click.option("--skip-checks", is_flag=True, help="Do not compare the branch with this clone.")
EAGER: dict[str, Any] = {"is_eager": True, "expose_value": False, "callback": read_config}
CONFIG = click.option("--config", "-f", help=f"YAML that may give {', '.join(CONFIGURABLE)}.", **EAGER)
TYPE = click.option("--connection-type", type=click.Choice(connections.TYPES), default=connections.TYPES[0])
COMMENT = click.option("--comment", help="A comment that Unity Catalog shows.")
CONNECTION = click.option("--connection-name", "-n", type=Name(), required=True, help="To read through.")
OTHER_CONNECTION = click.option("--connection-name", "-n", type=Name(), help="Another one to read through.")
CATALOG = click.option("--catalog", "-c", default="main", help="Where tables go that name no catalog; main.")
SCHEMA = click.option("--schema", "-t", help="Where tables go that name no schema; the SOURCE if not given.")
REPO_URL = click.option(
    "--repo-url", "-r", help="The connector's repository; by default this clone's origin."
)
PROVIDER = click.option("--provider", help="Databricks' name for an unusual kind of repository.")
KEEP = click.option("--keep", is_flag=True, help="If a step fails, leave what was made.")
FULL = click.option("--full-refresh", is_flag=True, help="Begin again: empty the tables first.")
WAIT = click.option("--wait", is_flag=True, help="Stay until the update has ended; exit with 1 if it failed.")
POLL = click.option("--poll-seconds", type=click.FloatRange(0), default=5, help="How often to look; 5.")
TIMEOUT = click.option("--timeout-minutes", type=click.FloatRange(0), default=720, help="For --wait; 720.")
COMMON = (
    click.option("--profile", help="Profile of ~/.databrickscfg."),
    click.option("--dry-run", is_flag=True, help="Print the requests, secrets masked, and send none."),
    click.option("--debug", is_flag=True, help="Tell each request and its status; never a secret."),
    click.option("--output", type=click.Choice(["text", "json"]), default="text", help="text, or json."),
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="community-connector")
def main() -> None:
    """Bring a community connector into a Databricks workspace: connection, pipeline, run.

    \b
    Example:
      export AHA_OPTIONS='{"api_key": "...", "subdomain": "company"}'
      community-connector create_connection aha my_aha -o env:AHA_OPTIONS
      community-connector create_pipeline aha my_pipeline -n my_aha --catalog main --schema aha
      community-connector run_pipeline my_pipeline --wait
    """


def command(*options: Decorator) -> Decorator:
    """A command named like its function, with its options and those of every command."""

    def decorate(function: Any) -> Any:
        for option in reversed((*options, *COMMON)):
            function = option(function)
        return main.command(function.__name__)(function)

    return decorate


@command(SOURCE, NAME, OPTIONS, SPEC, TYPE, COMMENT)
def create_connection(
    source: str, name: str, connection_type: str, comment: str | None, **given: Any
) -> None:
    """Make the Unity Catalog connection NAME for SOURCE. One that exists stays as it is.

    \b
    Example:
      community-connector create_connection aha my_aha -o @options.json
    """
    service, options = checked_options(source, given)
    tell(connections.create_connection(service, name, connection_type, options, comment), given)


@command(SOURCE, NAME, OPTIONS, SPEC)
def update_connection(source: str, name: str, **given: Any) -> None:
    """Replace the options of the connection NAME.

    \b
    Example:
      community-connector update_connection aha my_aha -o env:AHA_OPTIONS
    """
    service, options = checked_options(source, given)
    tell(connections.update_connection(service, name, options), given)


@command(
    SOURCE,
    NAME,
    CONNECTION,
    PIPELINE_SPEC,
    SPEC,
    CATALOG,
    SCHEMA,
    REPO_URL,
    PROVIDER,
    BRANCH,
    SKIP_CHECKS,
    CONFIG,
    KEEP,
)
def create_pipeline(source: str, name: str, connection_name: str, **given: Any) -> None:
    """Make the pipeline NAME, of all tables of SOURCE or of a --pipeline-spec. One that exists stays.

    \b
    Example:
      community-connector create_pipeline aha my_pipeline -n my_aha -c main -t aha
    """
    loaded = load_connector_spec(source, given["spec"])
    spec = make_pipeline_spec(loaded, connection_name, read_pipeline_spec(given))
    checkout = repository.find_checkout(source, given["repo_url"], given["branch"], given["provider"])
    if not given["skip_checks"]:
        repository.require_deployable(checkout)
    service = service_for(given)
    connections.require_connection(service, connection_name)
    place = pipelines.Place(name, given["catalog"], given["schema"] or source)
    tell(pipelines.create_pipeline(service, place, spec, checkout, keep=given["keep"]), given)


@command(SOURCE, NAME, OTHER_CONNECTION, PIPELINE_SPEC, SPEC, BRANCH, SKIP_CHECKS)
def update_pipeline(source: str, name: str, connection_name: str | None, **given: Any) -> None:
    """Give the pipeline NAME another spec, and the newest merged file of a branch.

    \b
    Example:
      community-connector update_pipeline aha my_pipeline -ps pipeline.json
    """
    wanted = read_pipeline_spec(given) or {}
    if wanted:
        kept = connection_name or wanted.get("connection_name", "as before")
        make_pipeline_spec(load_connector_spec(source, given["spec"]), kept, wanted)
    checkout = repository.find_checkout(source, None, given["branch"], None)
    if not given["skip_checks"]:
        repository.require_deployable(checkout)

    def change(old: Json) -> Json:
        return old | wanted | ({"connection_name": connection_name} if connection_name else {})

    tell(pipelines.update_pipeline(service_for(given), name, checkout, change), given)


@command(NAME, FULL, WAIT, POLL, TIMEOUT)
def run_pipeline(name: str, full_refresh: bool, wait: bool, **given: Any) -> None:
    """Start an update of the pipeline NAME.

    \b
    Example:
      community-connector run_pipeline my_pipeline --wait
    """
    service = service_for(given)
    update = pipelines.run_pipeline(service, name, full_refresh=full_refresh)
    if wait and not service.dry_run:
        update = pipelines.wait_for_update(
            service, update, given["poll_seconds"], 60 * given["timeout_minutes"]
        )
    tell(update, given)


@command(NAME)
def show_pipeline(name: str, **given: Any) -> None:
    """Tell what the workspace knows of the pipeline NAME.

    \b
    Example:
      community-connector show_pipeline my_pipeline --output json
    """
    tell(pipelines.show_pipeline(service_for(given), name), given)


def checked_options(source: str, given: dict[str, Any]) -> tuple[Service, dict[str, str]]:
    """A service that shows none of the options, and the options."""
    loaded = load_connector_spec(source, given["spec"])
    options = connections.complete(loaded, source, read_json_object("--options", given["options"]))
    if is_inline(given["options"]):
        click.echo("note: what is typed stays in the shell's history; -o env:NAME does not.", err=True)
    return service_for(given, connections.secrets(options)), options


def read_pipeline_spec(given: dict[str, Any]) -> Json | None:
    value = given["pipeline_spec"]
    if value and not value.lstrip().startswith(("{", "@", "env:")) and value != "-":
        value = f"@{value}"
    return read_json_object("--pipeline-spec", value) if value else None


def service_for(given: dict[str, Any], secrets: list[str] | None = None) -> Service:
    return Service(given["profile"], dry_run=given["dry_run"], debug=given["debug"], secrets=secrets or [])


def tell(result: Json, given: dict[str, Any]) -> None:
    """Print what came of a command."""
    if given["dry_run"]:
        click.echo("Nothing was sent.", err=True)
    elif given["output"] == "json":
        click.echo(json.dumps(result))
    else:
        for key, value in result.items():
            click.echo(f"{key}: {', '.join(map(str, value)) if isinstance(value, list) else value}")
