"""The connector's tile under "Add data": a file in the folder of whoever publishes it."""

import base64
import json
import re

from community_connector.connector_spec import ConnectorSpec
from community_connector.errors import InputError, NotThereError, ServiceError
from community_connector.pipelines import ME, WORKSPACE
from community_connector.service import Json, Service, field, mapping

DISPLAY_NAME = re.compile(r"[a-zA-Z0-9 _-]+")


def publish(service: Service, spec: ConnectorSpec, source: str, dependencies: list[str]) -> Json:
    """Make the connector a tile of the workspace's "Add data"; one that is there keeps what is not given."""
    display = display_name(spec)
    path = _tile(service, display)
    before = _read_tile(service, path, source)
    empty: Json = {"logo": None, "repositoryPath": "", "readmeUrl": "", "dependencies": []}
    manifest = empty | (before or {}) | {"id": source.upper(), "sourceName": source}
    manifest |= {"displayName": display, "connectionSpec": spec.text}
    manifest |= {"dependencies": dependencies} if dependencies else {}
    content = base64.b64encode(json.dumps(manifest, default=str).encode()).decode()
    service.send("POST", f"{WORKSPACE}/mkdirs", {"path": path.rpartition("/")[0]})
    form = {"path": path, "format": "AUTO", "overwrite": True}
    service.send("POST", f"{WORKSPACE}/import", form | {"content": content})
    return {"status": "published", "name": display, "path": path}


def unpublish(service: Service, spec: ConnectorSpec, source: str) -> Json:
    """Take the tile away again."""
    path = _tile(service, display_name(spec))
    if _read_tile(service, path, source) is None and not service.dry_run:
        raise NotThereError(f"There is no tile at {path}: it was not published, or by another user.")
    service.send("POST", f"{WORKSPACE}/delete", {"path": path, "recursive": False})
    return {"status": "unpublished", "path": path}


def _read_tile(service: Service, path: str, source: str) -> Json | None:
    """The tile that is there; raises ServiceError for one that is another connector's."""
    file = service.find(f"{WORKSPACE}/export", {"path": path, "format": "AUTO"})
    if file is None:
        return None
    try:
        found = json.loads(base64.b64decode(str(field(file, "content"))))
    except ValueError:
        found = None
    if mapping(found).get("sourceName") != source:
        raise ServiceError(f"{path} is the tile of another connector: give yours another display_name.")
    return mapping(found)


def display_name(spec: ConnectorSpec) -> str:
    """The tile's name; raises InputError for one that a workspace refuses."""
    name = str(spec.text.get("display_name", ""))
    if not DISPLAY_NAME.fullmatch(name):
        raise InputError(
            f"{spec.place}: display_name {name!r} may have letters, digits, spaces, `_` and `-` only."
        )
    return name


def _tile(service: Service, display: str) -> str:
    me = service.send("GET", ME, stand_in={"userName": "YOU"})
    return f"/Users/{field(me, 'userName')}/.community-connectors/{display}.connector.json"
