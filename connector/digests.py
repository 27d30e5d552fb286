"""Counts that only Aha!'s GraphQL endpoint tells: for 200 ideas in one call.

Nothing is read here but counts: rows come from REST. Whatever is wrong with the endpoint (refused, another
schema, no answer), nothing is told, and every idea is asked for.
"""

from typing import Any

from connector.client import AhaClient
from connector.counts import Told, told_of
from connector.errors import AhaError, AhaRateLimitError, AhaServerError
from connector.listing import Row
from connector.log import warn

# Lists were seen to give 200 at most, and no limit of the ids that are asked for.
PER_CALL = 200
# In the error that comes with 200, now and then, from a server that did not find the time.
PASSING = "Timeout on validation"
QUERY = """query($ids: [ID!], $page: Int) {
  ideas(filters: {id: $ids}, page: $page, per: 200) {
    nodes { id FIELDS }
    isLastPage
  }
}"""


class DigestError(Exception):
    """The endpoint's answer is not as documented; the message quotes nothing of it but error texts."""


class Digests:
    """What GraphQL says of ideas; nothing, from the first refusal on.

    Args:
        count: the field that counts.
        latest: the field that says when the last one came.
    """

    def __init__(self, client: AhaClient, count: str, latest: str) -> None:
        self._client, self._count, self._latest = client, count, latest
        self._query = QUERY.replace("FIELDS", f"{count} {latest}")
        self.is_off = False

    def __call__(self, rows: list[Row]) -> dict[str, Told]:
        """What is said of some ideas, by their ids."""
        ids = [str(row["id"]) for row in rows]
        told: dict[str, Told] = {}
        for start in range(0, len(ids), PER_CALL):
            if not self.is_off:
                told |= self._try(ids[start : start + PER_CALL])
        return {} if self.is_off else told

    def _try(self, ids: list[str]) -> dict[str, Told]:
        try:
            try:
                return self._tell(ids)
            except AhaServerError:
                half = len(ids) // 2
                if not half:
                    raise
                return self._tell(ids[:half]) | self._tell(ids[half:])
        except AhaRateLimitError:
            raise
        except (AhaError, DigestError) as error:
            self.is_off = True
            warn("GraphQL does not tell which ideas have comments, so each idea is asked for: %s", error)
            return {}

    def _tell(self, ids: list[str]) -> dict[str, Told]:
        told, number = {}, 1
        while True:
            nodes, last = self._read_page({"ids": ids, "page": number})
            for node in nodes:
                told[node["id"]] = told_of(node.get(self._count), node.get(self._latest))
            # More pages than ids: the server gives fewer to a page than asked for.
            if last or number >= len(ids):
                return told
            number += 1

    def _read_page(self, variables: dict[str, Any]) -> tuple[list[Any], bool]:
        """One page; asked for twice where the first answer holds errors."""
        for attempt in (1, 2):
            body = self._client.query(self._query, variables, passing=PASSING).body
            if not body.get("errors"):
                return parse_digests(body)
            if attempt == 2:
                break
        raise DigestError("POST /graphql answered errors, twice.")


def parse_digests(body: dict[str, Any]) -> tuple[list[Any], bool]:
    """The ideas of a page, and whether it is the last.

    Raises:
        DigestError: it is no page of ideas.
    """
    data = body.get("data")
    page = data.get("ideas") if isinstance(data, dict) else None
    nodes = page.get("nodes") if isinstance(page, dict) else None
    last = page.get("isLastPage") if isinstance(page, dict) else None
    whole = isinstance(nodes, list) and all(
        isinstance(node, dict) and isinstance(node.get("id"), str) for node in nodes
    )
    if not (whole and isinstance(nodes, list) and isinstance(last, bool)):
        raise DigestError("POST /graphql answered without a page of ideas, each with its id.")
    return nodes, last
