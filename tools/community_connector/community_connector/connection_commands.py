"""Commands for connections, and for the connector's tile."""

from typing import Any

import click

from community_connector import connections, managed
from community_connector import params as p
from community_connector.connector_spec import ConnectorSpec, load_connector_spec
from community_connector.errors import InputError
from community_connector.frame import command, service_for, tell
from community_connector.inputs import is_inline, read_json_object
from community_connector.oauth import APP, endpoints, grant, require_application
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
    spec, oauth = load_connector_spec(source, given["spec"]), given["auth"] == OAUTH
    if oauth and connection_type != connections.TYPES[0]:
        raise InputError(f"--auth oauth needs a connection of type {connections.TYPES[0]}.")
    found = read_options(given)
    if oauth:
        require_application(spec.oauth, found)
    own = {option: value for option, value in found.items() if not (oauth and option in APP)}
    options = spec.complete(source, own, oauth=oauth)
    service, form = service_for(given), {"name": name, "connection_type": connection_type}
    form |= {"comment": comment} if comment else {}

    def body() -> tuple[Json, Json]:
        more: dict[str, str] = {}
        if oauth and spec.oauth and service.dry_run:
            more = endpoints(spec.oauth, found) | {"authorization_code": "OF THE BROWSER"}
        elif oauth and spec.oauth:
            more = grant(spec.oauth, found, given["redirect_port"], given["oauth_timeout"])
        return form | {"options": options | more}, form | {"options": masked(spec, options | more)}

    tell(service, connections.create_connection(service, name, connection_type, body), given)


@command(p.SOURCE, p.CONNECTION_NAME, p.OPTIONS, p.SPEC)
def update_connection(source: str, name: str, **given: Any) -> None:
    """Replace the options of the connection NAME.

    \b
    Example:
      community-connector update_connection aha my_aha -o env:AHA_OPTIONS
    """
    spec = load_connector_spec(source, given["spec"])
    options = spec.complete(source, read_options(given))
    service, shown = service_for(given), {"options": masked(spec, options)}
    tell(service, connections.update_connection(service, name, {"options": options}, shown), given)


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


def read_options(given: dict[str, Any]) -> Json:
    """What --options says, with a note where others can read it too."""
    found = read_json_object("--options", given["options"])
    if is_inline(given["options"]):
        click.echo("note: what is typed stays in the shell's history; -o @FILE does not.", err=True)
    return found


def masked(spec: ConnectorSpec, options: dict[str, str]) -> dict[str, str]:
    """Options with no secret among them, for a person to see."""
    hidden = spec.secrets(options)
    return {name: "***" if name in hidden else value for name, value in options.items()}
