"""HTTP handlers: every declared resource in Aha!'s envelope."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from sandbox.answers import json_answer, not_found
from sandbox.behaviour import COMMENTS_COUNTED
from sandbox.delivery import DELIVERY, KEY_RESULT_STUB
from sandbox.feedback import FEEDBACK, IDEA_STUB, VOTES, WORKSPACE_COMMENTS
from sandbox.filters import below, integrated_as, number, parse_time
from sandbox.forms import Document, show
from sandbox.kinds import AUDIT_TYPES
from sandbox.people import HOST
from sandbox.resources import Resource, Route
from sandbox.store import REVOKED, Condition, Record
from sandbox.world import World

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

API, APIS = "/api/v1", "/api/"
PER_PAGE, MOST_PER_PAGE, REPORT_PER_PAGE = 30, 200, 100
# kind → the field that lists the records below it, their kind, and which of their fields (none means all).
PARTS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "feature": ("requirements", "requirement", ()),
    "goal": ("key_results", "key_result", KEY_RESULT_STUB),
}
ALL, MOST_PAGES = -1, 10**12
# A fault asks for a page that begins with the last row of the one before; and whether there was one.
REPEAT_ROW, ROW_REPEATED = web.RequestKey("repeat_row", bool), web.RequestKey("row_repeated", bool)


class Api:
    """Answers for one account."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._store = world.store

    def routes(self) -> list[web.RouteDef]:
        """Fixed paths before those with placeholders, because aiohttp takes the first match."""
        found: list[tuple[str, Handler]] = [
            ("/me", self._me),
            ("/idea_endorsements/fields/{name}/value/{value}", self._integrated_votes),
            ("/products/{parent}/release_phases", self._broken),
            ("/historical_audits/{search}", self._historical_audits),
            ("/bookmarks/custom_pivots/{report}", self._report),
        ]
        for resource in (*FEEDBACK, *DELIVERY):
            found += [(route.path, self._list_handler(resource, route)) for route in resource.lists]
            found += [(route.path, self._detail_handler(resource, route)) for route in resource.details]
        found.sort(key=lambda item: item[0].count("{"))
        routes = [web.get(API + path, handler) for path, handler in found]
        return [*routes, web.post(f"{API}/historical_audits", self._search_history)]

    def _list_handler(self, resource: Resource, route: Route) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            scope = []
            if route.parent_kind:
                parent = self._store.find(route.parent_kind, request.match_info["parent"])
                if parent is None or parent.hidden == REVOKED or (parent.hidden and parent.kind == "product"):
                    return not_found()
                scope.append(below(parent.id, route.where))
            if key := request.match_info.get("key"):
                scope.append(Condition("json_extract(body, '$.key') = ?", (key,)))
                if not self._store.count([Condition("kind = ?", (resource.kind,)), scope[-1]]):
                    return not_found()
            if route.path == WORKSPACE_COMMENTS and not self._world.behaviour.workspace_comments:
                scope.append(Condition("json_extract(body, '$.commentable.type') <> 'Ideas::Idea'"))
            return self._list(resource, route, scope, request)

        return handle

    def _detail_handler(self, resource: Resource, route: Route) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            record = self._store.find(resource.kind, request.match_info["id"])
            if record is None or record.hidden == REVOKED:
                return not_found()
            if route.parent_kind:
                parent = self._store.find(route.parent_kind, request.match_info["parent"])
                if parent is None or parent.id != record.parent:
                    return not_found()
            [document] = self._complete(resource.kind, [record])
            shown = show(document, resource.form, request.query.get("fields"), listed=False)
            return json_answer({resource.singular: shown})

        return handle

    def _list(
        self, resource: Resource, route: Route, scope: list[Condition], request: web.Request
    ) -> web.Response:
        query = resource.defaults | dict(request.query)
        if (
            self._world.behaviour.per_page_over_200 == "refuse"
            and number(query.get("per_page"), 1) > MOST_PER_PAGE
        ):
            return json_answer({"error": f"per_page is at most {MOST_PER_PAGE}"}, status=400)
        conditions = [Condition("kind = ?", (resource.kind,)), *scope]
        if "spam" not in resource.filters:
            conditions.append(Condition("hidden = 0"))
        for name, make in resource.filters.items():
            taken = route.filters is None or name in route.filters or name in resource.defaults
            if taken and name in query:
                conditions.append(make(query[name], self._world.behaviour))
        rank = resource.sorts.get(query.get("sort", ""), route.rank)
        fields = query.get("fields")
        page, per_page = _page_asked(request, PER_PAGE) if resource.paged else (1, ALL)
        repeated = int(bool(request.get(REPEAT_ROW)) and page > 1)
        request[ROW_REPEATED] = bool(repeated)
        records = self._store.page(
            conditions,
            per_page + repeated,
            (page - 1) * per_page - repeated,
            rank if resource.paged else None,
        )
        documents = self._complete(resource.kind, records)
        answer: Document = {
            resource.root: [show(document, resource.form, fields, listed=True) for document in documents]
        }
        if resource.paged:
            answer["pagination"] = _pagination(self._store.count(conditions), per_page, page)
        return json_answer(answer)

    def _complete(self, kind: str, records: list[Record]) -> list[Document]:
        """Documents with what follows from other records."""
        if kind == "idea":
            return self._complete_ideas(records)
        documents = [record.body for record in records]
        if kind == "audit":
            return [as_audited(document, self._world.behaviour.audits_name_ideas) for document in documents]
        if kind in PARTS:
            field, child, names = PARTS[kind]
            for record in records:
                shown = [Condition("kind = ? AND parent = ? AND hidden = 0", (child, record.id))]
                parts = [part.body for part in self._store.page(shown)]
                if "url" in names:
                    # A key result says where it stands in its goal only.
                    parts = [part | {"url": f"{HOST}/{child}s/{part['reference_num']}"} for part in parts]
                record.body[field] = [
                    {name: part[name] for name in names or part if name in part} for part in parts
                ]
        if kind in ("vote", "idea_comment"):
            for document in documents:
                idea = self._store.find("idea", document["idea_id"])
                document["idea"] = _stub(idea) if idea else {}
        return documents

    def _complete_ideas(self, records: list[Record]) -> list[Document]:
        ids = [record.id for record in records]
        counted = COMMENTS_COUNTED[self._world.behaviour.comments_counted]
        votes = self._store.counts_by_parent(("vote",), ids)
        comments = self._store.counts_by_parent(counted, ids)
        merged = self._store.merged_into(ids)
        for record in records:
            body = record.body
            body["endorsements_count"] = votes.get(record.id, 0)
            body["votes"] = body["initial_votes"] + votes.get(record.id, 0)
            body["comments_count"] = comments.get(record.id, 0)
            duplicates = [_stub(other) for other in merged if other.survivor == record.id]
            if duplicates:
                body["duplicates"] = duplicates
            survivor = self._store.find("idea", record.survivor) if record.survivor else None
            if survivor:
                body["duplicate_of"] = _stub(survivor)
        return [record.body for record in records]

    async def _me(self, _: web.Request) -> web.StreamResponse:
        return json_answer({"user": self._store.page([Condition("kind = 'me'")])[0].body})

    async def _integrated_votes(self, request: web.Request) -> web.StreamResponse:
        """Votes by the name and value of an integration field."""
        scope = [integrated_as(request.match_info["name"], request.match_info["value"])]
        return self._list(VOTES, Route(request.path, filters=frozenset()), scope, request)

    async def _broken(self, _: web.Request) -> web.StreamResponse:
        """Aha! was seen to answer 500 here."""
        return json_answer({"error": "Internal server error"}, status=500)

    async def _historical_audits(self, _: web.Request) -> web.StreamResponse:
        audits = [record.body for record in self._store.page([Condition("kind = 'historical_audit'")])]
        answer = {"audits": audits, "running": False, "next_token": None, "results_complete": True}
        return json_answer(answer, headers={"X-Historical-Tokens-Available": "100"})

    async def _search_history(self, _: web.Request) -> web.StreamResponse:
        return json_answer({"search_id": "7300000000000027001"})

    async def _report(self, request: web.Request) -> web.StreamResponse:
        """A saved report in list view: cells, 100 rows a page, pagination in an array of its own."""
        page, per_page = _page_asked(request, REPORT_PER_PAGE)
        scope = [Condition("kind = 'idea' AND hidden = 0")]
        ideas = self._complete_ideas(self._store.page(scope, per_page, (page - 1) * per_page))
        fields = (
            ("reference_num", "reference_num", "Idea reference"),
            ("num_endorsements", "votes", "Idea votes"),
            ("updated_at", "updated_at", "Idea last active date"),
        )
        columns = [{"table": "ideas", "field": name, "title": title} for name, _, title in fields]
        rows = [[_cell(idea["id"], idea[key]) for _, key, _ in fields] for idea in ideas]
        pagination = [_pagination(self._store.count(scope), per_page, page)]
        return json_answer({"pagination": pagination, "columns": columns, "rows": rows})


def as_audited(audit: Document, named: str) -> Document:
    """An audit as the switch has it: of a comment or a vote it names the idea, something else, or nothing."""
    if named == "as documented" or audit.get("associated_type") != AUDIT_TYPES["idea"]:
        return audit
    if named == "otherwise":
        return audit | {"associated_type": "ideas/idea_portal"}
    return {name: value for name, value in audit.items() if not name.startswith("associated_")}


def _stub(idea: Record) -> Document:
    return {name: idea.body[name] for name in IDEA_STUB if name in idea.body}


def _cell(identity: str, value: object) -> Document:
    shown = str(value)
    if isinstance(value, str) and (moment := parse_time(value)):
        value, shown = f"{value[:19]}Z", moment.strftime("%b %-d, %Y")
    return {"id": identity, "plain_value": value, "html_value": shown, "rich_value": shown}


def _page_asked(request: web.Request, default: int) -> tuple[int, int]:
    """(page, rows per page): from 1, and at most 200."""
    page = min(max(1, number(request.query.get("page"), 1)), MOST_PAGES)
    return page, min(max(1, number(request.query.get("per_page"), default)), MOST_PER_PAGE)


def _pagination(total: int, per_page: int, page: int) -> Document:
    return {"total_records": total, "total_pages": -(-total // per_page), "current_page": page}
