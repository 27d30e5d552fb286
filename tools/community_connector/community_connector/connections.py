"""Unity Catalog connections: where a source's options are kept."""

from typing import Any

from community_connector.connector_spec import ADDED, ConnectorSpec
from community_connector.errors import ServiceError
from community_connector.service import Json, Service

PATH = "/api/2.1/unity-catalog/connections"
TYPES = ("GENERIC_LAKEFLOW_CONNECT", "COMMUNITY")


def complete(spec: ConnectorSpec, source: str, given: dict[str, Any]) -> dict[str, str]:
    """Checked options, with what every connection of this source carries.

    Raises:
        InputError: they do not fit the spec.
    """
    return {"externalOptionsAllowList": spec.allow_list} | spec.check_options(given) | {"sourceName": source}


def secrets(options: dict[str, str]) -> list[str]:
    """What no output may show: whatever a user gave, but for what cannot be a key."""
    return [value for name, value in options.items() if name not in ADDED and not value.isdigit()]


def masked(body: Json) -> Json:
    hidden = secrets(body["options"])
    return body | {
        "options": {key: "***" if value in hidden else value for key, value in body["options"].items()}
    }


def create_connection(
    service: Service, name: str, kind: str, options: dict[str, str], comment: str | None
) -> Json:
    """Make a connection; one of that name stays as it is."""
    if service.find(f"{PATH}/{name}") is not None:
        return {"status": "exists", "name": name, "note": "nothing was changed; update_connection changes it"}
    body = {"name": name, "connection_type": kind, "options": options} | (
        {"comment": comment} if comment else {}
    )
    service.send("POST", PATH, body, shown=masked(body))
    return {"status": "created", "name": name, "connection_type": kind}


def update_connection(service: Service, name: str, options: dict[str, str]) -> Json:
    """Replace a connection's options; raises as `require_connection`."""
    require_connection(service, name)
    body = {"options": options}
    service.send("PATCH", f"{PATH}/{name}", body, shown=masked(body))
    return {"status": "updated", "name": name}


def require_connection(service: Service, name: str) -> None:
    """Raises:
    ServiceError: there is no such connection.
    """
    if service.find(f"{PATH}/{name}") is None and not service.dry_run:
        raise ServiceError(
            f"There is no connection `{name}`. Make it: community-connector create_connection."
        )
