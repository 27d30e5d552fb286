"""More records like those of `account.json`: copies with ids, references and times of their own."""

import copy
import re
from datetime import UTC, datetime, timedelta

from sandbox.clock import timestamp
from sandbox.store import Document

# How many an account has, where that is more than `account.json` holds.
COPIES = {
    "product": 6,
    "feature": 7,
    "epic": 4,
    "initiative": 4,
    "release": 5,
    "goal": 4,
    "key_result": 5,
    "requirement": 6,
    "task": 5,
    "idea_portal": 3,
    "idea_category": 4,
    "release_phase": 4,
    "record_link": 4,
    "custom_field_definition": 4,
    "custom_field_option": 5,
    "workflow": 3,
    "deletion": 4,
    "team": 4,
    "team_member": 5,
    "strategy_model": 3,
    "strategy_position": 3,
    "strategy_vision": 4,
    "persona": 4,
    "competitor": 3,
    "integration": 3,
    "idea_theme": 3,
    "custom_object_record": 4,
    "page": 3,
}
STEP = 100


def make_copy(body: Document, identity: str, number: int, moment: datetime | None = None) -> Document:
    """A record like `body` with another id, the `number`th of its kind.

    Its times are `moment`, or a few days after those of `body`.
    """
    made = copy.deepcopy(body)
    made["id"] = identity
    for name in ("reference_num", "reference_prefix"):
        if isinstance(made.get(name), str):
            made[name] = f"{re.sub(r'[0-9]+$', '', made[name])}{STEP + number}"
    for name in ("created_at", "updated_at", "deleted_at"):
        if isinstance(made.get(name), str):
            then = moment or datetime.fromisoformat(made[name]).astimezone(UTC) + timedelta(days=number)
            made[name] = timestamp(then)
    for name in ("url", "resource"):
        if isinstance(made.get(name), str):
            made[name] = re.sub(r"[^/]+$", str(made.get("reference_num") or identity), made[name])
    return made
