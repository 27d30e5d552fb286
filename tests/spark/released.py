"""Tables and checkpoints as a released version wrote them: the next version goes on with them.

`python -m tests.spark.released tests/released/<version>.tar.gz` keeps those of the version that is checked
out, made from the local sandbox; once for each release, before anything of it changes.
"""

import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pyspark.sql import SparkSession

from connector.spec import TableSpec
from sandbox.clock import SandboxClock
from sandbox.server import Sandbox, open_world, running
from sandbox.store import Condition, Record
from scripts.lakehouse.spark import load_merged_file, start_session
from scripts.lakehouse.streams import Run

START = datetime(2025, 11, 1, 12, 0, tzinfo=UTC)
DAY = 86_400
TABLES = (
    TableSpec("ideas", "history", scd_type="SCD_TYPE_2", options={"track_deletes": "true"}),
    TableSpec("ideas", "appended", scd_type="APPEND_ONLY"),
    TableSpec("idea_comments", "comments"),
    TableSpec("idea_portals", "portals"),
)


@contextmanager
def account() -> Iterator[Sandbox]:
    """The account that they were read from, each time from its beginning."""
    world = open_world(ideas=6, seed_number=11, clock=SandboxClock(START))
    with closing(world), running(world) as box:
        yield box


def live_on(box: Sandbox) -> None:
    """What happens there between the two syncs: a change and a deletion."""
    box.clock.advance(DAY)
    first, second, *_ = (record.id for record in shown(box))
    box.world.change("idea", first, name="changed")
    box.world.delete("idea", second)
    box.clock.advance(3600)


def shown(box: Sandbox) -> list[Record]:
    return box.world.store.page([Condition("kind = 'idea' AND hidden = 0")])


def sync(spark: SparkSession, box: Sandbox, place: Path) -> None:
    """Bring all of them up to date."""
    connection = {"api_key": box.api_key, "subdomain": "company", "base_url": box.url}
    for table in TABLES:
        Run(spark, connection | {"requests_per_minute": "600000"}, place).ingest(table)


def main(archive: Path) -> None:
    spark = start_session("released")
    load_merged_file()(spark)
    with tempfile.TemporaryDirectory() as place:
        with account() as box:
            sync(spark, box, Path(place))
            live_on(box)
            sync(spark, box, Path(place))
        with tarfile.open(archive, "w:gz") as packed:
            packed.add(place, ".")
    spark.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
