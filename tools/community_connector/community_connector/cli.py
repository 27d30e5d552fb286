"""The command `community-connector`: parses, checks and delegates."""

import json
import signal
from collections.abc import Callable
from typing import Any

import click

from community_connector import connections, pipelines, repository
from community_connector import params as p
from community_connector.connector_spec import load_connector_spec
from community_connector.inputs import is_inline, read_json_object
from community_connector.pipeline_spec import make_pipeline_spec
from community_connector.service import Json, Service


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="community-connector")
def main() -> None:
    """Bring a community connector into a Databricks workspace: connection, pipeline, run.

    \b
    Example:
      community-connector create_connection aha my_aha -o @options.json
      community-connector create_pipeline aha my_pipeline -n my_aha --catalog main --schema aha
      community-connector run_pipeline my_pipeline --wait
    """
    # What stops a job elsewhere undoes half-done work too, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def command(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A command named like its function, with its options and those of every command."""

    def decorate(function: Any) -> Any:
        for option in reversed((*options, *p.COMMON)):
            function = option(function)
        return main.command(function.__name__, cls=p.Command)(function)

    return decorate


@command(p.SOURCE, p.NAME, p.OPTIONS, p.SPEC, p.TYPE, p.COMMENT)
def create_connection(
    source: str, name: str, connection_type: str, comment: str | None, **given: Any
) -> None:
    """Make the Unity Catalog connection NAME for SOURCE. One that exists stays as it is.

    \b
    Example:
      community-connector create_connection aha my_aha -o @options.json
    """
    options, masked = checked_options(source, given)
    service, form = service_for(given), {"name": name, "connection_type": connection_type}
    form |= {"comment": comment} if comment else {}
    tell(service, connections.create_connection(service, form | options, form | masked), given)


@command(p.SOURCE, p.NAME, p.OPTIONS, p.SPEC)
def update_connection(source: str, name: str, **given: Any) -> None:
    """Replace the options of the connection NAME.

    \b
    Example:
      community-connector update_connection aha my_aha -o env:AHA_OPTIONS
    """
    options, masked = checked_options(source, given)
    service = service_for(given)
    tell(service, connections.update_connection(service, name, options, masked), given)


@command(
    p.SOURCE,
    p.NAME,
    p.CONNECTION,
    p.PIPELINE_SPEC,
    p.SPEC,
    p.CATALOG,
    p.SCHEMA,
    p.REPO_URL,
    p.PROVIDER,
    p.BRANCH,
    p.SKIP_CHECKS,
    p.CONFIG,
    p.KEEP,
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
    tell(service, pipelines.create_pipeline(service, place, spec, checkout, keep=given["keep"]), given)


@command(p.SOURCE, p.NAME, p.OTHER_CONNECTION, p.PIPELINE_SPEC, p.SPEC, p.BRANCH, p.SKIP_CHECKS)
def update_pipeline(source: str, name: str, connection_name: str | None, **given: Any) -> None:
    """Give the pipeline NAME another spec, and the newest merged file of a branch.

    \b
    Example:
      community-connector update_pipeline aha my_pipeline -ps pipeline.json
    """
    wanted, service = read_pipeline_spec(given), service_for(given)
    if wanted is not None:
        kept = connection_name or wanted.get("connection_name", "as before")
        make_pipeline_spec(load_connector_spec(source, given["spec"]), kept, wanted)
    moved = connection_name or (wanted or {}).get("connection_name")
    if moved:
        connections.require_connection(service, moved)

    def find_checkout(repo: Json) -> repository.Checkout:
        branch = given["branch"] or repo.get("branch")
        found = repository.find_checkout(source, repo.get("url"), branch, repo.get("provider"))
        if not given["skip_checks"] and not service.dry_run:
            repository.require_deployable(found)
        return found

    def change(old: Json) -> Json:
        return old | (wanted or {}) | ({"connection_name": moved} if moved else {})

    tell(service, pipelines.update_pipeline(service, name, find_checkout, change), given)


@command(p.NAME, p.FULL, p.WAIT, p.POLL, p.TIMEOUT)
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
    tell(service, update, given)


@command(p.NAME)
def show_pipeline(name: str, **given: Any) -> None:
    """Tell what the workspace knows of the pipeline NAME.

    \b
    Example:
      community-connector show_pipeline my_pipeline --output json
    """
    service = service_for(given)
    tell(service, pipelines.show_pipeline(service, name), given)


def checked_options(source: str, given: dict[str, Any]) -> tuple[Json, Json]:
    """The options as a request's body, and the same with no secret in it."""
    spec = load_connector_spec(source, given["spec"])
    options = spec.complete(source, read_json_object("--options", given["options"]))
    if is_inline(given["options"]):
        click.echo("note: what is typed stays in the shell's history; -o @FILE does not.", err=True)
    hidden = spec.secrets(options)
    masked = {name: "***" if name in hidden else value for name, value in options.items()}
    return {"options": options}, {"options": masked}


def read_pipeline_spec(given: dict[str, Any]) -> Json | None:
    value = given["pipeline_spec"]
    if value and is_inline(value) and not value.lstrip().startswith("{"):
        value = f"@{value}"
    return None if value is None else read_json_object("--pipeline-spec", value)


def service_for(given: dict[str, Any]) -> Service:
    return Service(given["profile"], dry_run=given["dry_run"], debug=given["debug"])


def tell(service: Service, result: Json, given: dict[str, Any]) -> None:
    """Print what came of a command, or what a dry run would have sent."""
    if given["output"] == "json":
        click.echo(json.dumps({"requests": service.noted} if given["dry_run"] else result))
    elif given["dry_run"]:
        for noted in service.noted:
            query = "&".join(f"{key}={value}" for key, value in noted.get("query", {}).items())
            body = json.dumps(noted["body"], ensure_ascii=False) if "body" in noted else ""
            click.echo(f"{noted['method']} {noted['path']}{'?' * bool(query)}{query} {body}".rstrip())
        click.echo("Nothing was sent.", err=True)
    else:
        for key, value in result.items():
            click.echo(f"{key}: {', '.join(map(str, value)) if isinstance(value, list) else value}")
