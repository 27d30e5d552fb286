"""The tables, declared as data: where their rows come from, and what a row looks like.

One module a domain; `types` has what rows are made of, and `declaration` what a declaration may say.
"""

from connector.errors import AhaOptionError
from connector.options import Settings
from connector.tables.account import ACCOUNT
from connector.tables.declaration import Table
from connector.tables.delivery import DELIVERY
from connector.tables.feedback import FEEDBACK
from connector.tables.people import PEOPLE
from connector.tables.strategy import STRATEGY

TABLES: dict[str, Table] = {
    table.name: table
    for opt_in in (False, True)
    for domain in (FEEDBACK, DELIVERY, STRATEGY, PEOPLE, ACCOUNT)
    for table in domain
    if table.opt_in is opt_in
}


def knows_workspace(table: Table) -> bool:
    """Whether the option `workspaces` narrows a table."""
    parents = table.source.parents
    if parents and parents.table == "products":
        return True
    listed = table.workspace or table.source.route.workspace or table.narrowed
    return bool(listed) or (parents is not None and knows_workspace(TABLES[parents.table]))


def ingestion_type(table: Table, settings: Settings) -> str:
    """What a pipeline is told: the table's own type, unless an option says otherwise.

    Raises:
        AhaOptionError: see `find_mode_fault`.
    """
    if fault := find_mode_fault(table, settings):
        raise AhaOptionError(fault)
    if settings.sync_mode == "snapshot":
        return "snapshot"
    return "cdc_with_deletes" if settings.track_deletes else table.ingestion_type


def find_mode_fault(table: Table, settings: Settings) -> str | None:
    """Why a table cannot be read as options ask, or None."""
    if settings.sync_mode == "snapshot" and table.append:
        return (
            f"Option `sync_mode` is `snapshot`, and rows of `{table.name}` are only ever added. Leave it out."
        )
    if settings.track_deletes and not table.tracks_deletes:
        return (
            f"Option `track_deletes` is true, and nothing tells deletions of `{table.name}` (it is read as "
            f"{table.ingestion_type}). Leave it out; `sync_mode=snapshot` shows them where rows change."
        )
    return None
