"""Commands for connections, and for the connector's tile."""

from typing import Any

import click

from community_connector import connections, managed
from community_connector import params as p
from community_connector.connector_spec import load_connector_spec
from community_connector.errors import InputError
from community_connector.frame import command, service_for, tell
from community_connector.inputs import is_inline, read_json_object
from community_connector.oauth import APP, oauth_options
from community_connector.service import Json

OAUTH = "oauth"


@command(
    p.SOURCE,
    p.CONNECTION_NAME,
    p.OPTIONS,
    p.SPEC,
    p.TYPE,
    p.COMMENT,
    p.AUTH,
    p.REDIRECT_PORT,
    p.OAUTH_TIMEOUT,
)
def create_connection(
    source: str, name: str, connection_type: str, comment: str | None, **given: Any
) -> None:
    """Make the Unity Catalog connection NAME for SOURCE. One that exists stays as it is.

    With --auth oauth, you agree in the browser, and the workspace keeps and renews the token.

    \b
    Example:
      community-connector create_connection aha my_aha -o @options.json
      community-connector create_connection aha my_aha -o @app.json --auth oauth --redirect-port 8723
    """
    if given["auth"] == OAUTH and connection_type != connections.TYPES[0]:
        raise InputError(f"--auth oauth needs a connection of type {connections.TYPES[0]}.")
    options, masked = checked_options(source, given)
    service, form = service_for(given), {"name": name, "connection_type": connection_type}
    form |= {"comment": comment} if comment else {}
    tell(service, connections.create_connection(service, form | options, form | masked), given)


@command(p.SOURCE, p.CONNECTION_NAME, p.OPTIONS, p.SPEC)
def update_connection(source: str, name: str, **given: Any) -> None:
    """Replace the options of the connection NAME.

    \b
    Example:
      community-connector update_connection aha my_aha -o env:AHA_OPTIONS
    """
    options, masked = checked_options(source, given)
    service = service_for(given)
    tell(service, connections.update_connection(service, name, options, masked), given)


@command(p.SOURCE, p.SPEC, p.DEPENDENCIES)
def publish(source: str, dependencies: tuple[str, ...], **given: Any) -> None:
    """Make SOURCE a tile under "Add data" in your workspace.

    \b
    Example:
      community-connector publish aha --dependency /Volumes/main/aha/community_connector/packages/NAME.whl
    """
    spec, service = load_connector_spec(source, given["spec"]), service_for(given)
    tell(service, managed.publish(service, spec, source, list(dependencies)), given)


@command(p.SOURCE, p.SPEC)
def unpublish(source: str, **given: Any) -> None:
    """Take the tile of SOURCE away again.

    \b
    Example:
      community-connector unpublish aha
    """
    spec, service = load_connector_spec(source, given["spec"]), service_for(given)
    tell(service, managed.unpublish(service, spec), given)


def checked_options(source: str, given: dict[str, Any]) -> tuple[Json, Json]:
    """The options as a request's body, and the same with no secret in it."""
    spec, oauth = load_connector_spec(source, given["spec"]), given.get("auth") == OAUTH
    found = read_json_object("--options", given["options"])
    own = {name: value for name, value in found.items() if not (oauth and name in APP)}
    options = spec.complete(source, own, oauth=oauth)
    if is_inline(given["options"]):
        click.echo("note: what is typed stays in the shell's history; -o @FILE does not.", err=True)
    if oauth and given["dry_run"]:
        options |= {"community_oauth_flow": "u2m"}
    elif oauth:
        port, seconds = given["redirect_port"], given["oauth_timeout"]
        options |= oauth_options(spec.oauth, found, port, seconds)
    hidden = spec.secrets(options)
    masked = {name: "***" if name in hidden else value for name, value in options.items()}
    return {"options": options}, {"options": masked}
