"""What an operator should know of a read that went well."""

import logging


def warn(message: str, *told: object) -> None:
    """Write a warning, of one line, into the log of the process that reads.

    It begins with `aha_lakeflow: `, because a worker's log has lines of many and names nobody: so it is found
    in a driver's log, and by `nox -s ingest`, which shows it at the end.
    """
    logging.getLogger("aha_lakeflow").warning("aha_lakeflow: %s", " ".join((message % told).split()))
