"""Aha!'s GraphQL endpoint, as far as a reader of ideas' comments needs it.

The schema is the part of Aha!'s that two published introspections agree in. Errors of arguments and
validation come with HTTP 200.
"""

import json
from typing import Any

from aiohttp import web
from graphql import GraphQLError, build_schema, graphql_sync

from sandbox.answers import json_answer, unknown_route
from sandbox.behaviour import Behaviour
from sandbox.store import Condition, Document, Record
from sandbox.world import World

PATH = "/api/v2/graphql"
DEFAULT_PER, LEAST_PER, MOST_PER = 20, 10, 200
SCHEMA = build_schema("""
    scalar ISO8601DateTime
    enum IdeaOrder { createdAt updatedAt popularity assignedToUser }
    enum OrderDirection { ASC DESC }
    enum PortalVisibilityTypeEnum { everyone employees creator aha }
    input IdeaOrderClause { name: IdeaOrder!  direction: OrderDirection! }
    input IdeaFilters {
      id: [ID!]  projectId: ID  assignedToUserId: [ID!]  promoted: Boolean  workflowStatusId: [ID!]
      categoryId: [ID!]  portalId: [ID!]  query: String
    }
    type User { id: ID!  name: String! }
    type Comment {
      id: ID!  body: String!  createdAt: ISO8601DateTime!  updatedAt: ISO8601DateTime!  user: User!
    }
    type Idea {
      id: ID!  referenceNum: String!  name: String!  projectId: ID!
      createdAt: ISO8601DateTime!  updatedAt: ISO8601DateTime!
      commentsCount: Int!  comments: [Comment!]!
      portalCommentsCount: Int  lastPortalCommentAt: ISO8601DateTime
      votes: Int!  numEndorsements: Int!  score: Float  visibility: PortalVisibilityTypeEnum!
    }
    type IdeaPage {
      nodes: [Idea!]!  currentPage: Int!  totalPages: Int!  totalCount: Int!  isLastPage: Boolean!
    }
    type Query { ideas(filters: IdeaFilters!, order: [IdeaOrderClause!], page: Int, per: Int): IdeaPage! }
""")
VISIBILITY = ("everyone", "employees", "creator", "aha")


class GraphQL:
    """Answers for one account."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        return [web.post(PATH, self._answer)]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        switch = self._world.behaviour.graphql
        if switch == "forbidden":
            return json_answer({"error": "Forbidden"}, status=403)
        if switch == "unknown":
            return unknown_route()
        if switch == "errors":
            return json_answer(failure("Something went wrong"))
        try:
            asked = json.loads(await request.read())
            query, variables = str(asked["query"]), asked.get("variables") or {}
        except (ValueError, KeyError, TypeError):
            return json_answer(failure("No query string was present"))
        found = graphql_sync(SCHEMA, query, {"ideas": self._ideas}, variable_values=variables)
        answer: Document = {"data": found.data}
        if found.errors:
            answer |= {"errors": [{"message": error.message} for error in found.errors]}
        return json_answer(answer)

    def _ideas(
        self, _: Any, filters: Document, order: object = None, page: int = 1, per: int = DEFAULT_PER
    ) -> Document:
        conditions = [Condition("kind = 'idea' AND hidden = 0")]
        if unknown := set(filters) - {"id", "projectId"}:
            raise GraphQLError(f"The sandbox does not filter by {', '.join(sorted(unknown))}")
        if order:
            raise GraphQLError("The sandbox does not order")
        if not filters:
            raise GraphQLError("Please supply a project id, or filter by id")
        if "id" in filters:
            ids = [int(one) for one in filters["id"] if one.isdecimal() and len(one) < 19 + (one < "9223")]
            conditions.append(Condition(f"id IN ({','.join('?' * len(ids))})", tuple(ids)))
        if "projectId" in filters:
            conditions.append(Condition("json_extract(body, '$.product_id') = ?", (filters["projectId"],)))
        page, per = max(1, page), min(max(LEAST_PER, per), self._world.behaviour.graphql_per)
        total = self._world.store.count(conditions)
        pages = -(-total // per)
        records = self._world.store.page(conditions, per, (page - 1) * per)
        return {
            "nodes": [self._node(record) for record in records],
            "currentPage": page,
            "totalPages": pages,
            "totalCount": total,
            "isLastPage": page >= pages,
        }

    def _node(self, record: Record) -> Document:
        store, body, behaviour = self._world.store, record.body, self._world.behaviour
        internal, portal = (
            store.page([Condition("kind = ? AND parent = ? AND hidden = 0", (kind, record.id))])
            for kind in ("comment", "idea_comment")
        )
        votes = store.counts_by_parent(("vote",), [record.id]).get(record.id, 0)
        return {
            "id": str(record.id),
            "referenceNum": body["reference_num"],
            "name": body["name"],
            "projectId": str(body["product_id"]),
            "createdAt": body["created_at"],
            "updatedAt": body["updated_at"],
            "commentsCount": len(internal),
            "comments": [_comment(comment.body) for comment in internal],
            "portalCommentsCount": counted(len(portal), record.id, behaviour),
            "lastPortalCommentAt": max((one.body["created_at"] for one in portal), default=None),
            "votes": body["initial_votes"] + votes,
            "numEndorsements": votes,
            "score": body["score"],
            "visibility": VISIBILITY[record.id % len(VISIBILITY)],
        }


def counted(number: int, idea: int, behaviour: Behaviour) -> int | None:
    """A count as the switch has it: as it is, unknown for all or for some, or a wrong 0 for all or some."""
    chosen = idea % 2 == 0 or not behaviour.portal_counts.startswith("some")
    kind = behaviour.portal_counts.removeprefix("some_")
    if chosen and kind == "null":
        return None
    return 0 if chosen and kind == "zero" else number


def failure(message: str) -> Document:
    """An error, as it comes with 200."""
    return {"data": None, "errors": [{"message": message}]}


def _comment(body: Document) -> Document:
    user = body["user"]
    return {
        "id": body["id"],
        "body": body["body"],
        "createdAt": body["created_at"],
        "updatedAt": body["updated_at"],
        "user": {"id": user["id"], "name": user["name"]},
    }
