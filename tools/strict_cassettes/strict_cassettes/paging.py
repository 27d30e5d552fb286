"""Where answers tell of more pages: in the body's `pagination`, in a `Link` header; with cursors, nowhere."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from strict_cassettes.bodies import listed
from strict_cassettes.cassettes import Entry

FIRST, MIDDLE, LAST = "first page", "middle page", "last page"
PAGES = (FIRST, MIDDLE, LAST)


def longest_list(entries: Iterable[Entry]) -> int:
    """How many pages the longest list has, as far as its answers say so."""
    entries = list(entries)
    told = [pages for entry in entries for _, pages in _told_by_body(entry)]
    followed = [number + 1 for number in _followed(entries).values()]
    if told or followed:
        return max(*told, *followed, 0)
    # Where no answer says so, as with cursors, a list has as many pages as were asked for.
    return max(Counter(entry["request"]["path"] for entry in entries).values(), default=0)


def pages_shown(entries: Iterable[Entry]) -> frozenset[str]:
    """Which of `PAGES` some lists show."""
    entries = list(entries)
    found = set()
    for entry in entries:
        for page, pages in _told_by_body(entry):
            found |= {FIRST} if page == 1 else set()
            found |= {LAST} if page == pages else set()
            found |= {MIDDLE} if 1 < page < pages else set()
    for path, number in _followed(entries).items():
        found |= {FIRST, *([MIDDLE] if number > 1 else [])}
        if any(entry["request"]["path"] == path and not _leads_on(entry) for entry in entries):
            found.add(LAST)
    return frozenset(found)


def _told_by_body(entry: Entry) -> list[tuple[int, int]]:
    """The page and how many there are."""
    body = entry["response"]["body"]
    pagination = body.get("pagination") if isinstance(body, dict) else None
    if not isinstance(pagination, dict):
        return []
    page, pages = pagination.get("current_page", 0), pagination.get("total_pages", 0)
    return [(page, pages)] if isinstance(page, int) and isinstance(pages, int) and pages else []


def _followed(entries: list[Entry]) -> dict[str, int]:
    """Path → how many of its answers lead on to a next page."""
    found: dict[str, int] = defaultdict(int)
    for entry in entries:
        if _leads_on(entry):
            found[entry["request"]["path"]] += 1
    return dict(found)


def _leads_on(entry: Entry) -> bool:
    return any('rel="next"' in link for link in listed(entry["response"]["headers"].get("link", [])))
