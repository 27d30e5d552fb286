"""Unity Catalog connections: where a source's options are kept."""

from community_connector.errors import ServiceError
from community_connector.service import Json, Service

PATH = "/api/2.1/unity-catalog/connections"
TYPES = ("GENERIC_LAKEFLOW_CONNECT", "COMMUNITY")


def create_connection(service: Service, body: Json, shown: Json) -> Json:
    """Make a connection; one of that name stays as it is. `shown` is the body without its secrets."""
    name = body["name"]
    if service.find(f"{PATH}/{name}") is not None:
        return {"status": "exists", "name": name, "note": "nothing was changed; update_connection changes it"}
    service.send("POST", PATH, body, shown=shown)
    return {"status": "created", "name": name, "connection_type": body["connection_type"]}


def update_connection(service: Service, name: str, body: Json, shown: Json) -> Json:
    """Replace a connection's options; raises as `require_connection`."""
    require_connection(service, name)
    service.send("PATCH", f"{PATH}/{name}", body, shown=shown)
    return {"status": "updated", "name": name}


def require_connection(service: Service, name: str) -> None:
    """Raises ServiceError if there is no such connection."""
    if service.find(f"{PATH}/{name}") is None and not service.dry_run:
        raise ServiceError(
            f"There is no connection `{name}`. Make it: community-connector create_connection."
        )
