"""HTTP handlers: every declared resource, Aha!'s envelope, and its ways of saying no."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from sandbox.clock import SandboxClock, http_date
from sandbox.forms import Document, show
from sandbox.resources import IDEA_STUB, RESOURCES, Resource
from sandbox.store import Condition, Store

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

API = "/api/v1"
PER_PAGE, MOST_PER_PAGE = 30, 200
UNKNOWN_ROUTE = "<!DOCTYPE html><html><head><title>Page not found</title></head><body>404</body></html>"


class Api:
    """Answers for one store."""

    def __init__(self, store: Store, clock: SandboxClock) -> None:
        self._store = store
        self._clock = clock

    def routes(self) -> list[web.RouteDef]:
        """Fixed paths before those with placeholders, because aiohttp takes the first match."""
        found = [
            (path, self._handler(resource, path, listed))
            for resource in RESOURCES
            for paths, listed in ((resource.lists, True), (resource.details, False))
            for path in paths
        ]
        found.sort(key=lambda item: item[0].count("{"))
        return [web.get(API + path, handler) for path, handler in found]

    def _handler(self, resource: Resource, path: str, listed: bool) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            scope = [Condition("kind = ?", (resource.kind,))]
            if "{parent}" in path:
                parent = self._store.find(resource.parent_kind, request.match_info["parent"])
                if parent is None:
                    return not_found()
                scope.append(Condition("parent = ?", (int(parent["id"]),)))
            return self._list(resource, scope, request) if listed else self._detail(resource, request)

        return handle

    def _list(self, resource: Resource, scope: list[Condition], request: web.Request) -> web.Response:
        query = resource.defaults | dict(request.query)
        conditions = scope + [make(query[name]) for name, make in resource.filters.items() if name in query]
        page = max(1, _number(query.get("page"), 1))
        per_page = min(max(1, _number(query.get("per_page"), PER_PAGE)), MOST_PER_PAGE)
        total = self._store.count(conditions)
        documents = self._store.page(conditions, per_page, (page - 1) * per_page)
        self._complete(resource, documents)
        rows = [show(doc, resource.form, query.get("fields"), listed=True) for doc in documents]
        pagination = {
            "total_records": total,
            "total_pages": -(-total // per_page),
            "current_page": page,
        }
        return web.json_response({resource.root: rows, "pagination": pagination})

    def _detail(self, resource: Resource, request: web.Request) -> web.Response:
        document = self._store.find(resource.kind, request.match_info["id"])
        if document is None:
            return not_found()
        self._complete(resource, [document])
        shown = show(document, resource.form, request.query.get("fields"), listed=False)
        return web.json_response({resource.singular: shown})

    def _complete(self, resource: Resource, documents: list[Document]) -> None:
        """Add what follows from other records."""
        if resource.kind == "idea":
            ids = [int(document["id"]) for document in documents]
            votes = self._store.counts_by_parent("vote", ids)
            comments = self._store.counts_by_parent("comment", ids)
            for identity, document in zip(ids, documents, strict=True):
                document["endorsements_count"] = votes.get(identity, 0)
                document["votes"] = document["initial_votes"] + votes.get(identity, 0)
                document["comments_count"] = comments.get(identity, 0)
        elif resource.kind in ("vote", "idea_comment"):
            for document in documents:
                idea = self._store.find("idea", document["idea_id"]) or {}
                document["idea"] = {name: idea[name] for name in IDEA_STUB if name in idea}

    @web.middleware
    async def stamp(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Put the sandbox's time on every answer, and answer unknown routes as Aha! does."""
        try:
            response = await handler(request)
        except web.HTTPNotFound:
            response = web.Response(status=404, text=UNKNOWN_ROUTE, content_type="text/html")
        response.headers["Date"] = http_date(self._clock.now())
        return response


def not_found() -> web.Response:
    return web.json_response({"error": "Record not found."}, status=404)


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() else default
