"""What a run finds when it goes on: tables of earlier versions, set back, moved, damaged or interrupted."""

import random
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from connector.spec import TableSpec
from sandbox.clock import SandboxClock
from sandbox.faults import Scheduled
from sandbox.server import Sandbox, open_world, running
from scripts.lakehouse.delta import END, LakehouseError
from scripts.lakehouse.streams import Run
from tests.spark.released import DAY, START, account, live_on, shown, sync

pytestmark = pytest.mark.spark

RELEASES = sorted((Path(__file__).parent.parent / "released").glob("*.tar.gz"))
IDEAS = TableSpec("ideas", "ideas")


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with account() as found:
        yield found


def run_on(spark: SparkSession, box: Sandbox, place: Path, **options: str) -> Run:
    connection = {"api_key": box.api_key, "subdomain": "company", "base_url": box.url}
    return Run(spark, connection | {"requests_per_minute": "600000"} | options, place)


def rows(place: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = DeltaTable(str(place)).to_pyarrow_table().to_pylist()
    return found


def names(place: Path) -> dict[str, str]:
    return {row["id"]: row["name"] for row in rows(place)}


def truth(box: Sandbox) -> dict[str, str]:
    return {str(record.id): record.body["name"] for record in shown(box)}


def change(box: Sandbox, name: str, position: int = 0) -> None:
    box.clock.advance(3600)
    box.world.change("idea", shown(box)[position].id, name=name)
    box.clock.advance(3600)


def test_a_table_that_was_deleted_beside_its_checkpoint_is_read_whole_wherever_it_stands(
    spark: SparkSession, box: Sandbox, tmp_path: Path
) -> None:
    place = tmp_path / "Größe, 大きさ & (more)"
    run_on(spark, box, place).ingest(IDEAS)
    shutil.rmtree(place / "ideas")
    assert (place / ".checkpoints" / "ideas").exists()
    run_on(spark, box, place).ingest(IDEAS)
    assert names(place / "ideas") == truth(box)


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name.removesuffix(".tar.gz"))
def test_tables_and_checkpoints_of_each_released_version_are_gone_on_with(
    release: Path, spark: SparkSession, box: Sandbox, tmp_path: Path
) -> None:
    with tarfile.open(release) as packed:
        packed.extractall(tmp_path, filter="data")
    before = rows(tmp_path / "history")
    assert "_rescued_data" not in before[0]
    live_on(box)
    change(box, "changed again", 2)
    box.traffic.log.clear()
    sync(spark, box, tmp_path)
    assert len(box.traffic.log) < 12
    now = rows(tmp_path / "history")
    assert "_rescued_data" in now[0]
    assert {row["id"]: row["name"] for row in now if row[END] is None} == truth(box)
    assert len(now) == len(before) + 1
    appended = rows(tmp_path / "appended")
    assert {"changed", "changed again"} <= {row["name"] for row in appended}
    assert len(appended) == 8


@pytest.mark.parametrize("scd_type", ["SCD_TYPE_1", pytest.param("APPEND_ONLY", marks=pytest.mark.alike)])
def test_a_table_that_was_set_back_is_brought_up_to_date_again(
    scd_type: str, spark: SparkSession, box: Sandbox, tmp_path: Path
) -> None:
    table = TableSpec("ideas", "ideas", scd_type=scd_type)
    run_on(spark, box, tmp_path).ingest(table)
    first = DeltaTable(str(tmp_path / "ideas")).version()
    for name in ("second", "third"):
        change(box, name)
        run_on(spark, box, tmp_path).ingest(table)
    wanted = sorted(row["name"] for row in rows(tmp_path / "ideas"))
    DeltaTable(str(tmp_path / "ideas")).restore(first)
    again = run_on(spark, box, tmp_path)
    again.ingest(table)
    assert "was set back, or lost a commit" in " ".join(again.notices)
    # What was changed twice meanwhile is there as it is now.
    found = sorted(row["name"] for row in rows(tmp_path / "ideas"))
    assert found == [name for name in wanted if name != "second"]
    quiet = run_on(spark, box, tmp_path)
    quiet.ingest(table)
    assert (quiet.notices, quiet.changed) == ([], {"ideas": 0})


ALIKE = [pytest.param(f"rows/{name}", marks=pytest.mark.alike) for name in ("commits/1", "metadata")]


@pytest.mark.parametrize("file", [pytest.param("rows/offsets/1", marks=pytest.mark.soak), *ALIKE])
def test_a_damaged_checkpoint_is_named_and_nothing_is_lost(
    file: str, spark: SparkSession, box: Sandbox, tmp_path: Path
) -> None:
    run_on(spark, box, tmp_path).ingest(IDEAS)
    change(box, "second")
    run_on(spark, box, tmp_path).ingest(IDEAS)
    change(box, "third", 1)
    (tmp_path / ".checkpoints" / "ideas" / file).write_text("")
    again = run_on(spark, box, tmp_path)
    again.ingest(IDEAS)
    assert f"({file.partition('/')[2]} in " in again.notices[0]
    assert names(tmp_path / "ideas") == truth(box)


def test_a_table_behind_a_link_is_refreshed_where_it_is(
    spark: SparkSession, box: Sandbox, tmp_path: Path
) -> None:
    lake, elsewhere = tmp_path / "lake", tmp_path / "another disk"
    run_on(spark, box, lake).ingest(IDEAS)
    elsewhere.mkdir()
    shutil.move(lake / "ideas", elsewhere / "ideas")
    (lake / "ideas").symlink_to(elsewhere / "ideas")
    for full_refresh in (True, False):
        change(box, f"changed {full_refresh}")
        run_on(spark, box, lake).ingest(IDEAS, full_refresh=full_refresh)
        assert (lake / "ideas").is_symlink()
        assert names(elsewhere / "ideas") == truth(box)
    assert [path.name for path in elsewhere.iterdir()] == ["ideas"]


def test_another_filter_is_another_table_wherever_it_is_given(
    spark: SparkSession, box: Sandbox, tmp_path: Path
) -> None:
    status = shown(box)[0].body["workflow_status"]["name"]
    run_on(spark, box, tmp_path).ingest(IDEAS)
    with pytest.raises(LakehouseError, match="ideas_workflow_status"):
        run_on(spark, box, tmp_path, ideas_workflow_status=status).ingest(IDEAS)


def test_a_run_after_one_that_failed_within_a_walk_also_reads_what_changed_meanwhile(
    spark: SparkSession, box: Sandbox, tmp_path: Path
) -> None:
    table = TableSpec("ideas", "ideas", options={"max_ideas": "2"})
    box.traffic.faults[:] = [Scheduled("403", times=1, after=2)]
    with pytest.raises(Exception, match="403"):
        run_on(spark, box, tmp_path, page_size="2").ingest(table)
    assert 0 < len(names(tmp_path / "ideas")) < 6
    box.clock.advance(DAY)
    change(box, "meanwhile")
    run_on(spark, box, tmp_path, page_size="2").ingest(table)
    assert names(tmp_path / "ideas") == truth(box)


@pytest.mark.soak
def test_ideas_of_five_megabytes_each_reach_their_table(spark: SparkSession, tmp_path: Path) -> None:
    world = open_world(ideas=40, clock=SandboxClock(START))
    with closing(world), running(world) as box:
        texts = random.Random(1)
        for record in shown(box):
            body = texts.randbytes(2_500_000).hex()
            world.change("idea", record.id, description=record.body["description"] | {"body": body})
        box.clock.advance(DAY)
        for scd_type in ("SCD_TYPE_1", "APPEND_ONLY"):
            target = run_on(spark, box, tmp_path).ingest(
                TableSpec("ideas", scd_type.lower(), scd_type=scd_type)
            )
            assert target.count() == len(shown(box)) > 30
