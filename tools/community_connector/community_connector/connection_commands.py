"""Commands for connections, and for the connector's tile."""

from dataclasses import dataclass
from typing import Any

import click

from community_connector import connections, tile
from community_connector import params as p
from community_connector.connector_spec import ConnectorSpec, load_connector_spec
from community_connector.errors import InputError
from community_connector.frame import command, service_for, tell
from community_connector.inputs import is_inline, read_json_object
from community_connector.oauth import APP, endpoints, grant, require_application
from community_connector.service import Json, Service

OAUTH = "oauth"


@command(
    p.SOURCE,
    p.CONNECTION_NAME,
    p.OPTIONS,
    p.SPEC,
    p.TYPE,
    p.COMMENT,
    *p.AUTH,
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
    form: Json = {"name": name, "connection_type": connection_type}
    options = read_options(source, given)
    service = service_for(given)
    body = body_of(service, options, given, form | ({"comment": comment} if comment else {}))
    tell(service, connections.create_connection(service, name, connection_type, body), given)


@command(p.SOURCE, p.CONNECTION_NAME, p.OPTIONS, p.SPEC, *p.AUTH)
def update_connection(source: str, name: str, **given: Any) -> None:
    """Replace all options of the connection NAME. One with OAuth is agreed to anew: --auth oauth.

    \b
    Example:
      community-connector update_connection aha my_aha -o env:AHA_OPTIONS
    """
    options = read_options(source, given)
    service = service_for(given)
    body = body_of(service, options, given, {})
    tell(service, connections.update_connection(service, name, body), given)


@command(p.SOURCE, p.SPEC, p.DEPENDENCIES)
def publish(source: str, dependencies: tuple[str, ...], **given: Any) -> None:
    """Make SOURCE a tile under "Add data", for you; over the wheels that `upload` put into a volume.

    \b
    Example:
      community-connector publish aha --dependency /Volumes/main/aha/.../CONNECTOR.whl \\
        --dependency /Volumes/main/aha/.../FRAMEWORK.whl
    """
    spec, service = load_connector_spec(source, given["spec"]), service_for(given)
    tell(service, tile.publish(service, spec, source, list(dependencies)), given)


@command(p.SOURCE, p.SPEC)
def unpublish(source: str, **given: Any) -> None:
    """Take the tile of SOURCE away again.

    \b
    Example:
      community-connector unpublish aha
    """
    spec, service = load_connector_spec(source, given["spec"]), service_for(given)
    tell(service, tile.unpublish(service, spec, source), given)


@dataclass(frozen=True)
class Options:
    """What --options says, checked.

    Attributes:
        spec: the connector's. found: as given, with an application's identity. complete: what is sent.
    """

    spec: ConnectorSpec
    found: Json
    complete: dict[str, str]


def read_options(source: str, given: dict[str, Any]) -> Options:
    """What --options says, with a note where others can read it too."""
    spec, oauth = load_connector_spec(source, given["spec"]), given["auth"] == OAUTH
    found = read_json_object("--options", given["options"])
    if oauth:
        require_application(spec.oauth, found)
    own = {option: value for option, value in found.items() if not (oauth and option in APP)}
    complete = spec.complete(source, own, oauth=oauth)
    if is_inline(given["options"]):
        click.echo("note: what is typed stays in the shell's history; -o @FILE does not.", err=True)
    return Options(spec, found, complete)


def body_of(service: Service, options: Options, given: dict[str, Any], form: Json) -> connections.Body:
    """What makes a request's body, and the same without its secrets; with OAuth, somebody agrees first."""
    oauth = options.spec.oauth if given["auth"] == OAUTH else None

    def body() -> tuple[Json, Json]:
        more: dict[str, str] = {}
        if oauth and service.dry_run:
            more = endpoints(oauth, options.found) | {"authorization_code": "OF THE BROWSER"}
        elif oauth:
            more = grant(oauth, options.found, given["redirect_port"], given["oauth_timeout"])
        whole = options.complete | more
        return form | {"options": whole}, form | {"options": masked(options.spec, whole)}

    return body


def masked(spec: ConnectorSpec, options: dict[str, str]) -> dict[str, str]:
    """Options with no secret among them, for a person to see."""
    hidden = spec.secrets(options)
    return {name: "***" if name in hidden else value for name, value in options.items()}
