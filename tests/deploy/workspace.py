"""A stand-in for a Databricks workspace: real HTTP on loopback, with faults. `rules` says what it refuses.

It answers the routes that Databricks' published reference names for connections, Git folders, files, volumes
and pipelines, and keeps what it is given in dictionaries.
"""

import base64
import itertools
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.deploy.rules import judge
from tests.deploy.vocabulary import COMMUNITY, GENERIC, INJECTION, Refusal

Json = dict[str, Any]
TOKEN, USER = "workspace-token-0123456789", "deployer@example.com"
CODES = {400: "INVALID_PARAMETER_VALUE", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED"}
CODES |= {404: "RESOURCE_DOES_NOT_EXIST", 409: "RESOURCE_ALREADY_EXISTS", 429: "REQUEST_LIMIT_EXCEEDED"}


@dataclass
class Workspace:
    """What is in the workspace, what was asked, and what goes wrong next.

    Attributes:
        faults: `METHOD path-prefix` → statuses that are answered first, one a request.
        meanwhile: `METHOD path` → what somebody else does just before it.
        lost: `METHOD path` → the status of a gateway that answers in the place of what was carried out, once.
        slow: `METHOD path` that says `reached` and answers when told to `go_on`.
        answers_without: a key that an answer lacks → the `METHOD path` of the answer.
        redirect: where every request is sent on to. raw: what every request is answered.
        refusal: with which it is refused.
        states: what an update's state is at each look; the last one stays.
        connection_types: those that it knows.
        kinds: path → FILE, NOTEBOOK or DIRECTORY.
        schemas: `catalog.schema`. volumes: what was put into volumes. credentials: for Git.
    """

    url: str = ""
    log: list[tuple[str, str, Any]] = field(default_factory=list)
    faults: dict[str, list[int]] = field(default_factory=dict)
    states: list[str] = field(default_factory=lambda: ["INITIALIZING", "RUNNING", "COMPLETED"])
    page_size: int = 100
    meanwhile: dict[str, Callable[[], Any]] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    redirect: str = ""
    slow: str = ""
    reached: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    answers_without: dict[str, str] = field(default_factory=dict)
    raw: str = ""
    refusal: str = ""
    connection_types: tuple[str, ...] = (COMMUNITY, GENERIC)
    connections: dict[str, Json] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    schemas: set[str] = field(default_factory=set)
    volumes: dict[str, bytes] = field(default_factory=dict)
    credentials: list[Json] = field(default_factory=list)
    repos: dict[int, Json] = field(default_factory=dict)
    pipelines: dict[str, Json] = field(default_factory=dict)
    updates: dict[str, list[str]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def asked(self) -> list[str]:
        """`METHOD path` of all requests but the SDK's own question about the host."""
        return [f"{method} {path}" for method, path, _ in self.log if "well-known" not in path]

    def answer(self, method: str, path: str, query: Json, body: Any) -> Json:
        for pattern, verb, handler in ROUTES:
            found = re.fullmatch(pattern, path)
            if found and verb == method:
                judge(f"{method} {path}", query | (body or {}), self)
                return handler(self, *map(unquote, found.groups()), query | (body or {}))
        raise Refusal(404, f"No API found for {method} {path}")

    def require_taken(self, path: str) -> None:
        if self.refusal and "well-known" not in path:
            raise Refusal(400, self.refusal)

    def lose(self, request: str) -> None:
        if status := self.lost.pop(request, None):
            raise Refusal(status, "The gateway had no answer in time.")

    def find_connection(self, name: str, _: Json) -> Json:
        if name not in self.connections:
            raise Refusal(404, f"Connection '{name}' does not exist.")
        # Options that are secrets do not come back (D: connections.get).
        options = {
            key: value for key, value in self.connections[name]["options"].items() if key in SHOWN_OPTIONS
        }
        return self.connections[name] | {"options": options}

    def create_connection(self, body: Json) -> Json:
        require_new(body["name"] not in self.connections, f"Connection '{body['name']}' already exists")
        self.connections[body["name"]] = body
        return body

    def update_connection(self, name: str, body: Json) -> Json:
        self.find_connection(name, {})
        require(set(body) == {"options"}, "only options")
        self.connections[name]["options"] = body["options"]
        return {"name": name}

    def me(self, _: Json) -> Json:
        return {"userName": USER, "active": True}

    def mkdirs(self, body: Json) -> Json:
        self.files[body["path"]], self.kinds[body["path"]] = "", "DIRECTORY"
        return {}

    def status(self, query: Json) -> Json:
        if query["path"] not in self.files:
            raise Refusal(404, f"Path ({query['path']}) doesn't exist.")
        return {"path": query["path"], "object_type": "DIRECTORY"}

    def delete(self, body: Json) -> Json:
        place = body["path"]
        self.status({"path": place})
        directory = self.kinds.get(place) == "DIRECTORY"
        require(body["recursive"] is True or not directory, "the directory is not empty")
        self.files = {
            path: text
            for path, text in self.files.items()
            if path != place and not path.startswith(f"{place}/")
        }
        # A Git folder below it goes with it.
        self.repos = {
            key: repo for key, repo in self.repos.items() if not repo["path"].startswith(f"{place}/")
        }
        return {}

    def write(self, body: Json) -> Json:
        require(body.get("overwrite") or body["path"] not in self.files, "it is there already")
        self.files[body["path"]] = base64.b64decode(body["content"], validate=True).decode()
        notebook = body["format"] == "SOURCE" or body["format"] == "JUPYTER"
        self.kinds[body["path"]] = "NOTEBOOK" if notebook else "FILE"
        return {}

    def read(self, query: Json) -> Json:
        self.status(query)
        return {"content": base64.b64encode(self.files[query["path"]].encode()).decode()}

    def create_repo(self, body: Json) -> Json:
        require(body["path"].rpartition("/")[0] in self.files, "the parent folder does not exist")
        taken = any(repo["path"] == body["path"] for repo in self.repos.values())
        require_new(not taken, f"{body['path']} already exists")
        repo = {"id": next(self.ids), "branch": "main", **body}
        self.repos[repo["id"]] = repo
        return repo

    def update_repo(self, number: str, body: Json) -> Json:
        require(set(body) in ({"branch"}, {"tag"}), "a branch or a tag")
        # A checkout of a tag is on no branch (D: Git folders, detached HEAD).
        was = {key: value for key, value in self.repos[int(number)].items() if key not in ("branch", "tag")}
        self.repos[int(number)] = was | body
        return {}

    def delete_repo(self, number: str, _: Json) -> Json:
        del self.repos[int(number)]
        return {}

    def list_repos(self, query: Json) -> Json:
        prefix = query["path_prefix"]
        found = [
            repo for repo in self.repos.values() if repo["path"].startswith((prefix, f"/Workspace{prefix}"))
        ]
        return {"repos": found}

    def list_pipelines(self, query: Json) -> Json:
        found = re.fullmatch(r"name LIKE '([^']*)'", query["filter"])
        require(found is not None, "filter")
        pattern = re.escape(found[1] if found else "").replace("_", ".")
        names = [p for p in self.pipelines.values() if re.fullmatch(pattern, p["spec"]["name"])]
        first = int(query.get("page_token", 0))
        page = [{"pipeline_id": p["pipeline_id"], "name": p["spec"]["name"]} for p in names]
        more = {"next_page_token": str(first + self.page_size)} if first + self.page_size < len(page) else {}
        return {"statuses": page[first : first + self.page_size]} | more

    def create_pipeline(self, body: Json) -> Json:
        names = [pipeline["spec"]["name"] for pipeline in self.pipelines.values()]
        require_new(body["name"] not in names, f"The pipeline name '{body['name']}' is already used")
        number = f"pipeline-{next(self.ids)}"
        self.pipelines[number] = {"pipeline_id": number, "state": "IDLE", "spec": body, "latest_updates": []}
        self.pipelines[number] |= {"creator_user_name": USER, "last_modified": 1}
        return {"pipeline_id": number}

    def delete_pipeline(self, number: str, _: Json) -> Json:
        del self.pipelines[number]
        return {}

    def show_pipeline(self, number: str, _: Json) -> Json:
        if number not in self.pipelines:
            raise Refusal(404, f"The specified pipeline {number} was not found.")
        return self.pipelines[number]

    def replace_pipeline(self, number: str, body: Json) -> Json:
        found = self.show_pipeline(number, {})
        sent = dict(body)
        # Who a pipeline runs as is no part of its spec; without it, its creator (D: update, run_as).
        as_whom, seen = sent.pop("run_as", None), sent.pop("expected_last_modified", found["last_modified"])
        require_new(seen == found["last_modified"], "The pipeline was modified meanwhile")
        self.pipelines[number] = {key: value for key, value in found.items() if key != "run_as"} | {
            "spec": sent,
            "last_modified": found["last_modified"] + 1,
        }
        self.pipelines[number] |= {"run_as": as_whom} if as_whom else {}
        return {}

    def start(self, number: str, body: Json) -> Json:
        require(set(body) == {"full_refresh"}, "full_refresh")
        update = f"update-{next(self.ids)}"
        fault = self._fault_of_run(self.pipelines[number]["spec"])
        self.errors[update] = fault or "AhaAuthError: GET /ideas answered 401"
        self.updates[update] = ["INITIALIZING", "FAILED"] if fault else list(self.states)
        state = self.updates[update][-1]
        self.pipelines[number]["latest_updates"].insert(0, {"update_id": update, "state": state})
        return {"update_id": update}

    def _fault_of_run(self, spec: Json) -> str | None:
        """Unity Catalog gives the source no option unless the pipeline asks for it (S: upstream's #89)."""
        for library in spec.get("libraries", ()):
            text = self.files[library["file"]["path"].removeprefix("/Workspace")]
            if not re.search(
                rf"spark\.conf\.set\(\s*['\"]{re.escape(INJECTION)}['\"],\s*['\"]true['\"]\)", text
            ):
                return "AhaOptionError: Option `api_key` is missing."
        return None

    def stop(self, number: str, _: Json) -> Json:
        self.show_pipeline(number, {})
        for states in self.updates.values():
            states[:] = ["CANCELED"]
        return {}

    def look(self, _: str, update: str, __: Json) -> Json:
        states = self.updates[update]
        return {"update": {"state": states.pop(0) if len(states) > 1 else states[0]}}

    def events(self, _: str, query: Json) -> Json:
        def event(update: str, message: str) -> Json:
            return {"origin": {"update_id": update}, "error": {"exceptions": [{"message": message}]}}

        newest = list(self.updates)[-1]
        if "page_token" not in query:
            return {"events": [event("another", "not this")], "next_page_token": "older"}
        return {"events": [event(newest, self.errors[newest])]}

    def git_credentials(self, _: Json) -> Json:
        return {"credentials": self.credentials}

    def create_schema(self, body: Json) -> Json:
        name = f"{body['catalog_name']}.{body['name']}"
        require_new(name not in self.schemas, f"Schema '{name}' already exists")
        self.schemas.add(f"{body['catalog_name']}.{body['name']}")
        return {"name": body["name"]}

    def delete_schema(self, name: str, _: Json) -> Json:
        if name not in self.schemas:
            raise Refusal(404, f"Schema '{name}' does not exist.")
        inside = f"/Volumes/{name.replace('.', '/')}/"
        require(not any(path.startswith(inside) for path in self.volumes), "the schema is not empty")
        self.schemas.remove(name)
        return {}

    def read_volume(self, name: str, _: Json) -> Json:
        if f"/Volumes/{name.replace('.', '/')}" not in self.volumes:
            raise Refusal(404, f"Volume '{name}' does not exist.")
        return {"full_name": name, "volume_type": "MANAGED"}

    def create_volume(self, body: Json) -> Json:
        require(body["volume_type"] == "MANAGED", "volume_type")
        path = f"/Volumes/{body['catalog_name']}/{body['schema_name']}/{body['name']}"
        require_new(path not in self.volumes, f"Volume '{path}' already exists")
        self.volumes[path] = b""
        return {"full_name": path}

    def delete_volume(self, name: str, _: Json) -> Json:
        self.read_volume(name, {})
        path = f"/Volumes/{name.replace('.', '/')}"
        self.volumes = {key: value for key, value in self.volumes.items() if not key.startswith(path)}
        return {}

    def make_directory(self, path: str, _: Json) -> Json:
        require("/".join(f"/{path}".split("/")[:5]) in self.volumes, "the volume does not exist")
        self.volumes[f"/{path}"] = b""
        return {}

    def put_file(self, path: str, body: Json) -> Json:
        require(f"/{path}".rpartition("/")[0] in self.volumes, "the folder does not exist")
        self.volumes[f"/{path}"] = body["bytes"]
        return {}


def require(condition: object, reason: str) -> None:
    if not condition:
        raise Refusal(400, f"Invalid request: {reason}")


def require_new(condition: object, reason: str) -> None:
    if not condition:
        raise Refusal(409, reason)


# What a connection shows of its options: all but secrets.
SHOWN_OPTIONS = ("sourceName", "externalOptionsAllowList", "subdomain", "community_oauth_flow")
CONNECTIONS, PIPELINES = "/api/2.1/unity-catalog/connections", "/api/2.0/pipelines"
ROUTES: list[tuple[str, str, Callable[..., Json]]] = [
    (CONNECTIONS, "POST", Workspace.create_connection),
    (f"{CONNECTIONS}/([^/]+)", "GET", Workspace.find_connection),
    (f"{CONNECTIONS}/([^/]+)", "PATCH", Workspace.update_connection),
    ("/api/2.0/preview/scim/v2/Me", "GET", Workspace.me),
    ("/api/2.0/workspace/mkdirs", "POST", Workspace.mkdirs),
    ("/api/2.0/workspace/get-status", "GET", Workspace.status),
    ("/api/2.0/workspace/delete", "POST", Workspace.delete),
    ("/api/2.0/workspace/import", "POST", Workspace.write),
    ("/api/2.0/workspace/export", "GET", Workspace.read),
    ("/api/2.0/repos", "POST", Workspace.create_repo),
    ("/api/2.0/repos", "GET", Workspace.list_repos),
    (r"/api/2.0/repos/(\d+)", "PATCH", Workspace.update_repo),
    (r"/api/2.0/repos/(\d+)", "DELETE", Workspace.delete_repo),
    (PIPELINES, "GET", Workspace.list_pipelines),
    (PIPELINES, "POST", Workspace.create_pipeline),
    (f"{PIPELINES}/([^/]+)", "GET", Workspace.show_pipeline),
    (f"{PIPELINES}/([^/]+)", "PUT", Workspace.replace_pipeline),
    (f"{PIPELINES}/([^/]+)", "DELETE", Workspace.delete_pipeline),
    (f"{PIPELINES}/([^/]+)/stop", "POST", Workspace.stop),
    ("/api/2.0/git-credentials", "GET", Workspace.git_credentials),
    ("/api/2.1/unity-catalog/schemas/([^/]+)", "DELETE", Workspace.delete_schema),
    ("/api/2.1/unity-catalog/schemas", "POST", Workspace.create_schema),
    ("/api/2.1/unity-catalog/volumes/([^/]+)", "GET", Workspace.read_volume),
    ("/api/2.1/unity-catalog/volumes/([^/]+)", "DELETE", Workspace.delete_volume),
    ("/api/2.1/unity-catalog/volumes", "POST", Workspace.create_volume),
    ("/api/2.0/fs/directories/(.+)", "PUT", Workspace.make_directory),
    ("/api/2.0/fs/files/(.+)", "PUT", Workspace.put_file),
    (f"{PIPELINES}/([^/]+)/updates", "POST", Workspace.start),
    (f"{PIPELINES}/([^/]+)/updates/([^/]+)", "GET", Workspace.look),
    (f"{PIPELINES}/([^/]+)/events", "GET", Workspace.events),
]
