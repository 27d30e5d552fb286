"""Words and numbers that made-up ideas are made of."""

from datetime import UTC, datetime
from typing import Any

# Everything happened before this moment, so that a sandbox can be run with its clock set here.
END = datetime(2025, 10, 6, 9, 0, tzinfo=UTC)
FIRST_IDS = {
    "idea": 7310000000000000000,
    "note": 7320000000000000000,
    "vote": 7330000000000000000,
    "comment": 7340000000000000000,
    "idea_comment": 7350000000000000000,
    "attachment": 7360000000000000000,
    "misc": 7370000000000000000,
    "audit": 7380000000000000000,
    "deletion": 7390000000000000000,
    "record": 7395000000000000000,
}
SUBJECTS = (
    "Dark theme",
    "Date filter",
    "Bulk export",
    "Single sign-on",
    "Slack digest",
    "Audit log",
    "API keys",
)
PLACES = ("in the portal", "for admins", "on mobile", "in reports", "per workspace", "für Teams", "日本語で")
SENTENCES = (
    "We lose an hour a week without this.",
    "Our customers ask for it in <b>every</b> review.",
    "Works today with a workaround &amp; a lot of patience.",
    "Blocked by the rollout in Q3 — naïve users give up.",
    'See <a href="https://example.com/spec">the draft</a> 🎉',
    "<ul><li>fast</li><li>simple</li></ul>",
)
STATUSES = ("New", "Under review", "Planned", "Shipped", "Will not implement")
COLORS = ("#dce7c6", "#ecdd8f", "#64b80b", "#b0d66e", "#c0c0c0")
VISIBLE, PRIVATE, HIDDEN = (
    "Visible to all ideas portal users",
    "Visible to creator and employees",
    "Not visible in portals",
)
CATEGORY_IDS = ("7300000000000006001", "7300000000000006002")
CUSTOM_FIELDS: tuple[tuple[str, str, Any], ...] = (
    ("priority", "string", "High"),
    ("components", "array", ["web", "mobile"]),
    ("target_date", "date", "2025-12-01"),
    ("arr_at_risk", "number", "300.0"),
    ("spec_link", "url", "https://example.com/spec"),
    ("background", "note", "<p>Why it was asked for.</p>"),
    ("custom_score", "scorecard", 11),
    ("roll_up", "equation_sheet", 6.0),
    ("evidence", "attachment", None),
)
EMPTY_NOTE: dict[str, Any] = {
    "id": "",
    "body": "",
    "editor_version": 2,
    "created_at": None,
    "updated_at": None,
    "attachments": [],
}
