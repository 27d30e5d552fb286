"""Unity Catalog connections: where a source's options are kept."""

from collections.abc import Callable

from community_connector.errors import ExistsError, InputError, PassingError, ServiceError
from community_connector.service import Json, Service, mapping, quoted

PATH = "/api/2.1/unity-catalog/connections"
FLOW = "community_oauth_flow"
# Makes a request's body, and the same without its secrets.
Body = Callable[[], tuple[Json, Json]]
# Upstream makes the first alone since 2026-05-26; older workspaces know only the second.
TYPES = ("COMMUNITY", "GENERIC_LAKEFLOW_CONNECT")


def create_connection(service: Service, name: str, kind: str, body: Body) -> Json:
    """Make a connection; one of that name stays as it is.

    Args:
        body: called only where there is none yet, because somebody may have to agree in a browser.
    """
    if service.find(f"{PATH}/{quoted(name)}") is not None:
        return {"status": "exists", "name": name, "note": "nothing was changed; update_connection changes it"}
    made, shown = body()
    try:
        service.send("POST", PATH, made, shown=shown)
    except (ExistsError, PassingError) as error:
        if service.find(f"{PATH}/{quoted(name)}") is None:
            raise
        raise ServiceError(
            f"{error.message} The connection `{name}` is there now: by this request, whose answer was lost, "
            "or by somebody else. update_connection gives it your options."
        ) from None
    except ServiceError as error:
        if "INVALID_PARAMETER_VALUE" not in error.message and "BAD_REQUEST" not in error.message:
            raise
        other = next(known for known in TYPES if known != kind)
        raise ServiceError(
            f"{error.message} If this workspace does not know the connection type {kind}, try: "
            f"--connection-type {other}"
        ) from None
    return {"status": "created", "name": name, "connection_type": kind}


def update_connection(service: Service, name: str, body: Body) -> Json:
    """Replace a connection's options; raises as `require_connection`."""
    there = mapping(require_connection(service, name).get("options"))
    made, shown = body()
    if there.get(FLOW) and FLOW not in made["options"]:
        raise InputError(f"Connection `{name}` has OAuth: give --auth oauth, or its grant would be lost.")
    service.send("PATCH", f"{PATH}/{quoted(name)}", made, shown=shown)
    return {"status": "updated", "name": name}


def require_connection(service: Service, name: str) -> Json:
    """What the workspace knows of a connection; raises ServiceError if there is none of that name."""
    found = service.find(f"{PATH}/{quoted(name)}")
    if found is None and not service.dry_run:
        raise ServiceError(
            f"There is no connection `{name}`. Make it: community-connector create_connection."
        )
    return found or {}


def require_community(service: Service, name: str) -> None:
    """Raises ServiceError if a connection is not of the type that managed ingestion reads through."""
    kind = require_connection(service, name).get("connection_type", TYPES[0])
    if kind != TYPES[0]:
        raise ServiceError(
            f"Connection `{name}` is of type {kind}; managed ingestion needs {TYPES[0]}: make another with "
            f"--connection-type {TYPES[0]}, or leave out --managed."
        )
