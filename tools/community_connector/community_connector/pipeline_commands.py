"""Commands for pipelines and their runs."""

import tempfile
from pathlib import Path
from typing import Any

from community_connector import checkouts, connections, managed, pipelines, repository, runs
from community_connector import params as p
from community_connector.connector_spec import load_connector_spec
from community_connector.errors import InputError
from community_connector.frame import command, service_for, tell
from community_connector.inputs import is_inline, read_spec_object
from community_connector.pipeline_spec import make_pipeline_spec
from community_connector.service import Json, text_at
from community_connector.steps import Steps
from community_connector.wheel import wheel_of


@command(
    p.SOURCE,
    p.NAME,
    p.CONNECTION,
    p.PIPELINE_SPEC,
    p.SPEC,
    p.CATALOG,
    p.SCHEMA,
    *p.HOW,
    p.MANAGED,
    *p.WHEELS,
    p.REPO_URL,
    p.PROVIDER,
    p.BRANCH,
    p.TAG,
    p.SKIP_CHECKS,
    p.CONFIG,
    p.KEEP,
)
def create_pipeline(source: str, name: str, connection_name: str | None, **given: Any) -> None:
    """Make the pipeline NAME, of all tables of SOURCE or of a --pipeline-spec. One that exists stays.

    Over a checkout of this repository, or with --managed over wheels in a volume.

    \b
    Example:
      community-connector create_pipeline aha my_pipeline -n my_aha -c main -t aha
      community-connector create_pipeline aha my_pipeline -ps pipeline.yaml
      community-connector create_pipeline aha my_pipeline -n my_aha --managed --framework-wheel FILE.whl
    """
    loaded = load_connector_spec(source, given["spec"])
    require_sense(given)
    where = (given["catalog"], given["schema"] or source)
    spec = make_pipeline_spec(loaded, connection_name, read_pipeline_spec(given), where)
    checkout = find_checkout(source, given)
    place = pipelines.Place(name, given["catalog"], given["schema"] or source, how_to_run(given))
    if given["managed"]:
        framework = managed.require_framework(given["framework_wheel"])
        with tempfile.TemporaryDirectory() as keeper:
            wheels = [wheel_of(source, given["wheel"], checkout, Path(keeper)), framework]
            service = service_for(given)
            connections.require_community(service, spec["connection_name"])
            made = managed.create_managed(service, place, spec, wheels, keep=given["keep"])
        tell(service, made, given)
        return
    if not given["skip_checks"]:
        repository.require_deployable(checkout)
    service = service_for(given)
    connections.require_connection(service, spec["connection_name"])
    tell(service, checkouts.create_pipeline(service, place, spec, checkout, keep=given["keep"]), given)


@command(
    p.SOURCE,
    p.NAME,
    p.CONNECTION,
    p.PIPELINE_SPEC,
    p.SPEC,
    p.BRANCH,
    p.TAG,
    p.SKIP_CHECKS,
    p.MANAGED,
    *p.WHEELS,
)
def update_pipeline(source: str, name: str, connection_name: str | None, **given: Any) -> None:
    """Give the pipeline NAME another spec, and the newest merged file of a branch or tag.

    With --managed, the spec and the wheels that are given; all else of the pipeline stays.

    \b
    Example:
      community-connector update_pipeline aha my_pipeline -ps pipeline.json
    """
    require_sense(given)
    loaded, wanted = load_connector_spec(source, given["spec"]), read_pipeline_spec(given)
    if wanted is not None:
        kept = connection_name or wanted.get("connection_name", "THE_SAME")
        make_pipeline_spec(loaded, kept, wanted)
    moved = connection_name or (wanted or {}).get("connection_name")
    service = service_for(given)

    def change(old: Json, where: tuple[str, str] | None) -> Json:
        # Whole, and with the pipeline's own catalog and schema: what is written must run.
        whole = old | (wanted or {}) | ({"connection_name": moved} if moved else {})
        return make_pipeline_spec(loaded, None, whole, where)

    def change_managed(spec: Json, where: tuple[str, str]) -> Json | None:
        definition = spec["ingestion_definition"]
        if wanted is None:
            spec["ingestion_definition"] = definition | ({"connection_name": moved} if moved else {})
            return None
        named = {"connection_name": moved or definition.get("connection_name")}
        return make_pipeline_spec(loaded, None, wanted | named, where)

    if given["managed"]:
        if moved:
            connections.require_community(service, moved)
        tell(service, update_managed(source, name, given, service, change_managed), given)
        return
    if moved:
        connections.require_connection(service, moved)

    def find(repo: Json) -> repository.Checkout:
        tag, branch = given["tag"], given["branch"]
        if tag is None and not branch:
            branch = text_at(repo, "branch")
            if not branch:
                raise InputError("The pipeline's checkout is of a tag: give --tag, or --branch.")
        url, provider = text_at(repo, "url"), text_at(repo, "provider")
        found = repository.find_checkout(source, url, branch, provider, tag)
        if not given["skip_checks"] and not service.dry_run:
            repository.require_deployable(found)
        return found

    tell(service, checkouts.update_pipeline(service, name, find, change), given)


def update_managed(source: str, name: str, given: dict[str, Any], service: Any, change: Any) -> Json:
    """Update a managed pipeline with the wheels that are given, or with none."""
    with tempfile.TemporaryDirectory() as keeper:
        wheels = []
        if given["wheel"] or given["framework_wheel"]:
            wheels.append(wheel_of(source, given["wheel"], repository.find_artifact(source), Path(keeper)))
        if given["framework_wheel"]:
            wheels.append(managed.require_framework(given["framework_wheel"]))
        return managed.update_managed(service, name, change, wheels)


@command(p.SOURCE, p.CATALOG, p.SCHEMA, *p.WHEELS)
def upload(source: str, **given: Any) -> None:
    """Build the connector's wheel and put it, and the framework's, into a volume, for managed ingestion.

    \b
    Example:
      community-connector upload aha --catalog main --schema aha --framework-wheel FILE.whl
    """
    framework = managed.require_framework(given["framework_wheel"])
    place = pipelines.Place("", given["catalog"], given["schema"] or source)
    with tempfile.TemporaryDirectory() as keeper:
        wheels = [wheel_of(source, given["wheel"], repository.find_artifact(source), Path(keeper)), framework]
        service = service_for(given)
        steps = Steps(service, keep=True)
        with steps.undone_on_failure():
            made = {"status": "uploaded", "wheels": managed.upload(service, place, wheels, steps)}
    tell(service, made, given)


@command(p.NAME, p.FULL, p.WAIT, p.POLL, p.TIMEOUT)
def run_pipeline(name: str, full_refresh: bool, wait: bool, **given: Any) -> None:
    """Start an update of the pipeline NAME. Ctrl-C ends the waiting (exit code 130), not the update.

    \b
    Example:
      community-connector run_pipeline my_pipeline --wait
    """
    service = service_for(given)
    update = runs.run_pipeline(service, name, full_refresh=full_refresh)
    if wait and not service.dry_run:
        update = runs.wait_for_update(service, update, given["poll_seconds"], 60 * given["timeout_minutes"])
    tell(service, update, given)


@command(p.NAME)
def stop_pipeline(name: str, **given: Any) -> None:
    """Stop the update of the pipeline NAME that is under way.

    \b
    Example:
      community-connector stop_pipeline my_pipeline
    """
    service = service_for(given)
    tell(service, runs.stop_pipeline(service, name), given)


@command(p.NAME, p.YES)
def delete_pipeline(name: str, **given: Any) -> None:
    """Delete the pipeline NAME, its folder, and with it, as Databricks does it, its tables.

    \b
    Example:
      community-connector delete_pipeline my_pipeline --yes
    """
    service = service_for(given)
    tell(service, pipelines.delete_pipeline(service, name), given)


@command(p.NAME)
def show_pipeline(name: str, **given: Any) -> None:
    """Tell what the workspace knows of the pipeline NAME.

    \b
    Example:
      community-connector show_pipeline my_pipeline --output json
    """
    service = service_for(given)
    tell(service, pipelines.show_pipeline(service, name), given)


def require_sense(given: dict[str, Any]) -> None:
    """Raises InputError for options of which one would be ignored."""
    wheels, git = ("wheel", "framework_wheel"), ("branch", "tag", "repo_url", "provider", "skip_checks")
    others = git if given["managed"] else wheels
    set_ = [name for name in others if given.get(name) not in (None, False)]
    if set_:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in set_)
        raise InputError(f"{names}: of no use {'with' if given['managed'] else 'without'} --managed.")


def find_checkout(source: str, given: dict[str, Any]) -> repository.Checkout:
    if given["managed"]:
        return repository.find_artifact(source)
    url, provider = given["repo_url"], given["provider"]
    return repository.find_checkout(source, url, given["branch"], provider, given["tag"])


def how_to_run(given: dict[str, Any]) -> Json:
    names = ("channel", "continuous", "development", "serverless")
    return {name: given[name] for name in names}


def read_pipeline_spec(given: dict[str, Any]) -> Json | None:
    value = given["pipeline_spec"]
    if value and is_inline(value) and not value.lstrip().startswith("{"):
        value = f"@{value}"
    return None if value is None else read_spec_object("--pipeline-spec", value)
