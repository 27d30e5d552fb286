"""The shapes that declarations of tables have, and one table of each: what holds of a plan holds of it."""

from connector.tables import TABLES
from connector.tables.declaration import Table


def shape_of(table: Table) -> tuple[object, ...]:
    """What of a declaration decides how it is read."""
    route, parents = table.source.route, table.source.parents
    below = (parents.changed, parents.count, parents.stubs, parents.where, parents.table) if parents else None
    own = (table.time, bool(table.part), table.always_detailed, table.append, bool(table.late))
    return (route.since, route.paged, "{key}" in route.path, bool(table.narrowed), below, own)


# One table a shape, the first of it.
SHAPES: dict[tuple[object, ...], str] = {}
for _table in TABLES.values():
    SHAPES.setdefault(shape_of(_table), _table.name)
PLANS = tuple(SHAPES.values())
INCREMENTAL = tuple(name for name, table in TABLES.items() if not table.is_snapshot)
# What a table needs to be read at all.
NEEDED = {"custom_object_records": {"custom_object_keys": "accounts"}}
