"""Query parameters as conditions on the store."""

from collections.abc import Callable
from datetime import UTC, datetime

from sandbox.behaviour import Behaviour
from sandbox.clock import timestamp
from sandbox.store import Condition

Filter = Callable[[str, Behaviour], Condition]


def at_json(path: str, operator: str = "=") -> Filter:
    """A comparison with the text, number or flag at a JSON path."""

    def make(value: str, _: Behaviour) -> Condition:
        value = {"true": "1", "false": "0"}.get(value, value)
        return Condition(f"CAST(json_extract(body, '{path}') AS TEXT) {operator} ?", (value,))

    return make


def at_time(path: str, operator: str) -> Filter:
    """A comparison with the time at a JSON path, in whatever form the request gives it."""

    def make(value: str, _: Behaviour) -> Condition:
        moment = parse_time(value)
        if moment is None:
            return Condition("1")
        return Condition(f"json_extract(body, '{path}') {operator} ?", (timestamp(moment),))

    return make


def list_has(path: str) -> Filter:
    """A list of texts holds the value."""
    sql = f"EXISTS (SELECT 1 FROM json_each(body, '{path}') WHERE value = ?)"
    return lambda value, _: Condition(sql, (value,))


def name_matches(value: str, _: Behaviour) -> Condition:
    pattern = "".join(f"\\{char}" if char in "\\%_" else char for char in value)
    return Condition("json_extract(body, '$.name') LIKE ? ESCAPE '\\'", (f"%{pattern}%",))


def status_is(value: str, _: Behaviour) -> Condition:
    path = "json_extract(body, '$.workflow_status.{}') = ?"
    return Condition(f"({path.format('id')} OR {path.format('name')})", (value, value))


def type_is(value: str, _: Behaviour) -> Condition:
    """Requests name classes (`Ideas::Idea`), records hold paths (`ideas/idea`)."""
    path = "LOWER(COALESCE(json_extract(body, '$.auditable_type'), json_extract(body, '$.type'), 'task')) = ?"
    words = "".join(f"_{char.lower()}" if char.isupper() else char for char in value.replace("::", "/"))
    return Condition(path, (words.replace("/_", "/").removeprefix("_"),))


def after_id(value: str, _: Behaviour) -> Condition:
    return Condition("id > ?", (min(int(value), 2**63 - 1) if value.isdecimal() else 0,))


def updated_after(value: str, behaviour: Behaviour) -> Condition:
    """`updated_since`: documented as later than the value; how exactly is a switch."""
    moment = parse_time(value)
    if moment is None:
        return Condition("1")
    if behaviour.updated_since == "inclusive":
        return Condition("updated >= ?", (timestamp(moment),))
    if behaviour.updated_since == "seconds":
        # Both sides cut to whole seconds.
        return Condition("substr(updated, 1, 19) > ?", (timestamp(moment)[:19],))
    return Condition("updated > ?", (timestamp(moment),))


def only_proxy(value: str, _: Behaviour) -> Condition:
    return Condition("proxy = 1") if value == "true" else Condition("1")


def with_spam(value: str, _: Behaviour) -> Condition:
    return Condition("hidden = 1") if value == "true" else Condition("hidden = 0")


def parse_time(value: str) -> datetime | None:
    """A request's time. Aha! takes microseconds and a lower-case `z` as well; what it does with nonsense
    is not known, here the filter is then left out."""
    try:
        moment = datetime.fromisoformat(value.upper().replace(" ", "T"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
