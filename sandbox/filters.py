"""Query parameters as conditions on the store."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

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
        return Condition(f"json_extract(body, '{path}') {operator} ?", (_limit(moment, operator),))

    return make


def list_has(path: str, part: str = "") -> Filter:
    """A list of texts, or of objects that have one at `part`, holds the value."""
    item = f"json_extract(value, '{part}')" if part else "value"
    sql = f"EXISTS (SELECT 1 FROM json_each(body, '{path}') WHERE {item} = ?)"
    return lambda value, _: Condition(sql, (value,))


def has_text(path: str) -> Filter:
    """One of the comma-separated texts is the value."""
    sql = f"',' || REPLACE(json_extract(body, '{path}'), ' ', '') || ',' LIKE ? ESCAPE '\\'"
    return lambda value, _: Condition(sql, (f"%,{_literal(value)},%",))


def left_out(path: str) -> Filter:
    """With `true`, rows whose flag is set are not listed."""
    sql = f"COALESCE(json_extract(body, '{path}'), 0) = 0"
    return lambda value, _: Condition(sql if value == "true" else "1")


def name_matches(value: str, _: Behaviour) -> Condition:
    return Condition("json_extract(body, '$.name') LIKE ? ESCAPE '\\'", (f"%{_literal(value)}%",))


def status_is(value: str, _: Behaviour) -> Condition:
    path = "json_extract(body, '$.workflow_status.{}') = ?"
    return Condition(f"({path.format('id')} OR {path.format('name')})", (value, value))


def class_is(path: str, default: str = "") -> Filter:
    """Requests name classes (`Ideas::Idea`), records hold paths (`ideas/idea`)."""
    sql = f"LOWER(COALESCE(json_extract(body, '{path}'), '{default}')) = ?"

    def make(value: str, _: Behaviour) -> Condition:
        words = "".join(f"_{char.lower()}" if char.isupper() else char for char in value.replace("::", "/"))
        return Condition(sql, (words.replace("/_", "/").removeprefix("_"),))

    return make


def number(text: str | None, default: int) -> int:
    """A whole number from a request, however long."""
    if not text or not (text.isascii() and text.isdecimal()):
        return default
    return min(int(text[:20]) if len(text) <= 20 else 2**63, 2**63 - 1)


def after_id(value: str, _: Behaviour) -> Condition:
    return Condition("id > ?", (number(value, 0),))


def updated_after(value: str, behaviour: Behaviour) -> Condition:
    """`updated_since`: documented as later than the value; how exactly is a switch."""
    moment = parse_time(value)
    if moment is None:
        return Condition("1")
    if behaviour.updated_since == "inclusive":
        return Condition("updated >= ?", (_limit(moment, ">="),))
    if behaviour.updated_since == "seconds":
        # Both sides cut to whole seconds.
        return Condition("substr(updated, 1, 19) > ?", (timestamp(moment)[:19],))
    return Condition("updated > ?", (timestamp(moment),))


def only_proxy(value: str, _: Behaviour) -> Condition:
    return Condition("proxy = 1") if value == "true" else Condition("1")


def with_spam(value: str, _: Behaviour) -> Condition:
    return Condition("hidden = 1") if value == "true" else Condition("hidden = 0")


def with_teams(value: str, _: Behaviour) -> Condition:
    """Teams are workspaces of their own type; what it is called is not published, here it is `team`."""
    return Condition("1" if value == "true" else "json_extract(body, '$.workspace_type') <> 'team'")


def with_portals(value: str, _: Behaviour) -> Condition:
    portals = "SELECT 1 FROM records portal WHERE portal.kind = 'idea_portal' AND portal.parent = records.id"
    return Condition(f"EXISTS ({portals})" if value == "true" else "1")


def integrated_as(name: str, value: str) -> Condition:
    """An integration field has this name and value."""
    field = "json_extract(value, '$.name') = ? AND json_extract(value, '$.value') = ?"
    return Condition(
        f"EXISTS (SELECT 1 FROM json_each(body, '$.integration_fields') WHERE {field})", (name, value)
    )


def below(identity: int, where: str | None) -> Condition:
    """Rows of one parent: their own, or the one that a JSON path leads to (`[]` for any of a list)."""
    if where is None:
        return Condition("parent = ?", (identity,))
    items, several, part = where.partition("[]")
    if several:
        sql = f"EXISTS (SELECT 1 FROM json_each(body, '{items}') WHERE json_extract(value, '${part}') = ?)"
    else:
        sql = f"CAST(COALESCE(json_extract(body, '{where}'), parent) AS TEXT) = ?"
    return Condition(sql, (str(identity),))


def _literal(value: str) -> str:
    """Without a meaning in LIKE."""
    return "".join(f"\\{char}" if char in "\\%_" else char for char in value)


def parse_time(value: str) -> datetime | None:
    """A request's time. Aha! takes microseconds and a lower-case `z` as well; what it does with nonsense
    is not known, here the filter is then left out."""
    try:
        moment = datetime.fromisoformat(value.upper().replace(" ", "T"))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _limit(moment: datetime, operator: str) -> str:
    """The time that rows, which have milliseconds, are compared with: cut, or for `<` and `>=` rounded up."""
    up = moment.microsecond % 1000 and operator in ("<", ">=")
    return timestamp(moment + timedelta(milliseconds=1) if up else moment)
