"""Delta tables: what a batch does to them, once or twice."""

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from deltalake import DeltaTable, Field, write_deltalake
from deltalake.exceptions import CommitFailedError
from deltalake.schema import PrimitiveType
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.spec import TableSpec
from scripts.lakehouse.accounts import CASSETTES, Account
from scripts.lakehouse.delta import (
    ATTEMPTS,
    END,
    KEPT_BATCHES,
    MOST_FILES,
    START,
    Batch,
    LakehouseError,
    Target,
    weigh,
)
from scripts.lakehouse.ingest import find_recordings
from scripts.lakehouse.places import find_place
from scripts.lakehouse.streams import target_of

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        ("updated_at", pa.string()),
        ("name", pa.struct([("text", pa.string())])),
        ("tags", pa.list_(pa.string())),
    ]
)
# A batch of the delete flow.
TOLD = Batch("deletions", 0)
# (id, version); version 0 does not say when it was.
Version = tuple[int, int]


def batch(*versions: Version) -> ds.Dataset:
    """Rows (id, version)."""
    rows = [
        {
            "id": str(key),
            "updated_at": f"2025-01-{version:02}" if version else None,
            "name": {"text": f"v{version}"},
            "tags": ["[bug]", "[/ideas]"],
        }
        for key, version in versions
    ]
    return ds.dataset(pa.Table.from_pylist(rows, schema=SCHEMA))


def target(path: Path, scd_type: str) -> Target:
    made = Target(path / scd_type, ("id",), "updated_at", scd_type)
    made.create(SCHEMA)
    return made


def rows_of(table: Target) -> list[dict[str, Any]]:
    found = DeltaTable(str(table.path)).to_pyarrow_table().to_pylist()
    return sorted(found, key=lambda row: (row["id"], row["updated_at"] or ""))


def versions(table: Target) -> list[tuple[str, str]]:
    return [(row["id"], row["name"]["text"]) for row in rows_of(table)]


@pytest.mark.parametrize("times", [1, 2])
def test_type_1_keeps_the_newest_version_and_applying_twice_changes_nothing(
    times: int, tmp_path: Path
) -> None:
    table = target(tmp_path, "SCD_TYPE_1")
    for number, rows in enumerate((batch((1, 1), (2, 1)), batch((1, 3)), batch((1, 2)))):
        for _ in range(times):
            table.apply(rows, Batch("run", number))
    assert versions(table) == [("1", "v3"), ("2", "v1")]
    for _ in range(times):
        table.delete(batch((2, 5)), TOLD)
    assert versions(table) == [("1", "v3")]


@pytest.mark.parametrize("times", [1, 2])
def test_type_2_keeps_every_version_with_its_time(times: int, tmp_path: Path) -> None:
    table = target(tmp_path, "SCD_TYPE_2")
    for number, rows in enumerate((batch((1, 1), (2, 1)), batch((1, 3)))):
        for _ in range(times):
            table.apply(rows, Batch("run", number))
    for _ in range(times):
        table.delete(batch((2, 5)), TOLD)
    assert [(row["id"], row[START], row[END]) for row in rows_of(table)] == [
        ("1", "2025-01-01", "2025-01-03"),
        ("1", "2025-01-03", None),
        ("2", "2025-01-01", "2025-01-05"),
    ]
    assert table.count() == 1


def test_type_2_is_never_without_a_current_version_though_a_run_dies_between_its_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = target(tmp_path, "SCD_TYPE_2")
    table.apply(batch((1, 1)), Batch("run", 0))
    merging, calls = Target._merging, []

    def dies_at_the_second(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return merging(*arguments)

    monkeypatch.setattr(Target, "_merging", dies_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        table.apply(batch((1, 3)), Batch("run", 1))
    assert "v3" in [row["name"]["text"] for row in rows_of(table) if row[END] is None]
    monkeypatch.setattr(Target, "_merging", merging)
    table.apply(batch((1, 3)), Batch("run", 1))
    assert [(row[START], row[END]) for row in rows_of(table)] == [
        ("2025-01-01", "2025-01-03"),
        ("2025-01-03", None),
    ]


def test_type_2_takes_no_version_that_is_older_than_the_current_one(tmp_path: Path) -> None:
    table = target(tmp_path, "SCD_TYPE_2")
    for number, version in enumerate((3, 2)):
        table.apply(batch((1, version)), Batch("run", number))
    assert [(row[START], row[END]) for row in rows_of(table)] == [("2025-01-03", None)]


def test_appended_rows_are_appended_once_though_their_batch_comes_twice(tmp_path: Path) -> None:
    table = target(tmp_path, "APPEND_ONLY")
    for number in (0, 0, 1, 1, 0):
        table.apply(batch((1, number + 1)), Batch("run", number))
    assert versions(table) == [("1", "v1"), ("1", "v2")]


def test_a_tombstone_older_than_a_row_does_not_take_it_out(tmp_path: Path) -> None:
    table = target(tmp_path, "SCD_TYPE_1")
    table.apply(batch((1, 4)), Batch("run", 0))
    table.delete(batch((1, 3)), TOLD)
    assert versions(table) == [("1", "v4")]


def named(table: Target) -> list[tuple[str, str, bool]]:
    """(id, name, whether it is current), of a history."""
    return [(row["id"], row["name"]["text"], row[END] is None) for row in rows_of(table)]


def renamed(rows: ds.Dataset, name: str) -> ds.Dataset:
    return ds.dataset(
        pa.Table.from_pylist([row | {"name": {"text": name}} for row in rows.to_table().to_pylist()], SCHEMA)
    )


def test_a_row_that_does_not_say_when_it_changed_is_merged_again_and_again(tmp_path: Path) -> None:
    table = target(tmp_path, "SCD_TYPE_1")
    table.apply(batch((1, 0), (2, 3)), Batch("run", 0))
    table.apply(renamed(batch((1, 0), (2, 0)), "later"), Batch("run", 1))
    assert versions(table) == [("1", "later"), ("2", "later")]
    table.apply(batch((1, 4)), Batch("run", 2))
    assert versions(table) == [("1", "v4"), ("2", "later")]
    table.delete(batch((2, 1)), TOLD)
    assert versions(table) == [("1", "v4")]


@pytest.mark.parametrize("times", [1, 2])
def test_a_history_has_one_current_version_of_a_row_that_does_not_say_when_it_changed(
    times: int, tmp_path: Path
) -> None:
    table = target(tmp_path, "SCD_TYPE_2")
    for number, rows in enumerate((batch((1, 0)), renamed(batch((1, 0)), "later"), batch((1, 4)))):
        for _ in range(times):
            table.apply(rows, Batch("run", number))
    assert named(table) == [("1", "later", False), ("1", "v4", True)]
    for _ in range(times):
        table.apply(renamed(batch((1, 0)), "last"), Batch("run", 3))
    assert [current for _, name, current in named(table) if name == "last"] == [True]
    table.delete(batch((1, 9)), TOLD)
    assert [current for *_, current in named(table)] == [False, False]


@pytest.mark.parametrize("times", [1, 2])
def test_what_comes_back_in_the_version_that_a_tombstone_ended_is_current_again(
    times: int, tmp_path: Path
) -> None:
    table = target(tmp_path, "SCD_TYPE_2")
    table.apply(batch((1, 1), (2, 1)), Batch("run", 0))
    table.apply(batch((1, 3)), Batch("run", 1))
    table.delete(batch((1, 5), (2, 5)), TOLD)
    for _ in range(times):
        table.apply(batch((1, 3), (2, 1)), Batch("run", 2))
    assert named(table) == [("1", "v1", False), ("1", "v3", True), ("2", "v1", True)]
    # An older version that is told again is no return.
    table.apply(batch((1, 1)), Batch("run", 3))
    assert named(table) == [("1", "v1", False), ("1", "v3", True), ("2", "v1", True)]


def test_appended_is_what_is_new_or_changed(tmp_path: Path) -> None:
    table = target(tmp_path, "APPEND_ONLY")
    table.apply(batch((1, 1), (2, 1), (3, 0)), Batch("run", 0))
    for number in (1, 2):
        table.apply(batch((1, 1), (2, 1), (3, 0)), Batch("run", number))
    assert len(rows_of(table)) == 3
    table.apply(renamed(batch((1, 1)), "other"), Batch("run", 3))
    table.apply(batch((1, 2), (2, 1), (4, 1)), Batch("run", 4))
    wanted = [("1", "other"), ("1", "v1"), ("1", "v2"), ("2", "v1"), ("3", "v0"), ("4", "v1")]
    assert sorted(versions(table)) == wanted


def test_a_snapshot_is_the_table(tmp_path: Path) -> None:
    table = target(tmp_path, "SCD_TYPE_1")
    table.apply(batch((1, 1), (2, 1)), Batch("run", 0))
    table.replace(batch((2, 2), (3, 1)))
    assert versions(table) == [("2", "v2"), ("3", "v1")]


@pytest.mark.parametrize(
    ("change", "schema"),
    [
        ({"scd_type": "SCD_TYPE_2"}, SCHEMA),
        ({"scd_type": "APPEND_ONLY"}, SCHEMA),
        ({"keys": ("updated_at",)}, SCHEMA),
        ({"sequence": "id"}, SCHEMA),
        ({"origin": "ideas of another account"}, SCHEMA),
        ({}, SCHEMA.set(1, pa.field("updated_at", pa.timestamp("us", tz="UTC")))),
    ],
    ids=["history", "appended", "keys", "sequence", "account", "times"],
)
def test_a_table_that_was_kept_another_way_is_not_gone_on_with(
    change: dict[str, Any], schema: pa.Schema, tmp_path: Path
) -> None:
    table = target(tmp_path, "SCD_TYPE_1")
    table.apply(batch((1, 1)), Batch("run", 0))
    table.require(SCHEMA)
    with pytest.raises(LakehouseError, match="To keep it, ingest into another --destination"):
        replace(table, **change).require(schema)


@pytest.mark.parametrize("scd_type", ["SCD_TYPE_1", "SCD_TYPE_2", "APPEND_ONLY"])
def test_a_table_that_is_kept_as_before_is_gone_on_with(scd_type: str, tmp_path: Path) -> None:
    native = SCHEMA.set(1, pa.field("updated_at", pa.timestamp("us", tz="UTC")))
    for number, schema in enumerate((SCHEMA, native)):
        made = Target(tmp_path / f"{scd_type}{number}", ("id",), "updated_at", scd_type)
        made.require(schema)
        made.create(schema)
        made.require(schema)


BATCHES = st.lists(
    st.dictionaries(st.integers(1, 4), st.integers(1, 9), min_size=1).map(lambda found: list(found.items())),
    max_size=4,
)


@given(BATCHES)
@settings(max_examples=15)
def test_whatever_comes_in_whatever_order_the_newest_version_stays(
    tmp_path_factory: pytest.TempPathFactory, batches: Sequence[Sequence[Version]]
) -> None:
    table = target(tmp_path_factory.mktemp("delta"), "SCD_TYPE_1")
    newest: dict[str, int] = {}
    for number, found in enumerate(batches):
        table.apply(batch(*found), Batch("run", number))
        newest |= {str(key): max(version, newest.get(str(key), 0)) for key, version in found}
    assert versions(table) == sorted((key, f"v{version}") for key, version in newest.items())


GROWN = SCHEMA.set(2, pa.field("name", pa.struct([("text", pa.string()), ("color", pa.string())]))).append(
    pa.field("new", pa.list_(pa.struct([("id", pa.string())])))
)


@pytest.mark.parametrize("scd_type", ["SCD_TYPE_1", "SCD_TYPE_2", "APPEND_ONLY"])
def test_columns_that_a_new_version_has_are_added_at_any_depth_and_no_row_is_lost(
    scd_type: str, tmp_path: Path
) -> None:
    table = target(tmp_path, scd_type)
    table.apply(batch((1, 1), (2, 1)), Batch("run", 0))
    table.apply(batch((1, 2)), Batch("run", 1))
    before = rows_of(table)
    table.require(GROWN)
    table.create(GROWN)
    assert [{name: row[name] for name in SCHEMA.names} | {"new": row["new"]} for row in rows_of(table)] == [
        {name: row[name] for name in SCHEMA.names if name != "name"}
        | {"name": row["name"] | {"color": None}, "new": None}
        for row in before
    ]
    row = {
        "id": "2",
        "updated_at": "2025-01-05",
        "name": {"text": "v5", "color": "red"},
        "new": [{"id": "7"}],
    }
    table.apply(ds.dataset(pa.Table.from_pylist([row], GROWN)), Batch("run", 2))
    newest = [found for found in rows_of(table) if found["updated_at"] == "2025-01-05"]
    assert [(found["name"], found["new"]) for found in newest] == [(row["name"], row["new"])]
    assert len(rows_of(table)) == len(before) + (scd_type != "SCD_TYPE_1")


@pytest.mark.parametrize("scd_type", ["SCD_TYPE_1", "SCD_TYPE_2", "APPEND_ONLY"])
def test_what_the_owner_of_a_table_adds_to_it_stays(scd_type: str, tmp_path: Path) -> None:
    table = target(tmp_path, scd_type)
    table.apply(batch((1, 1), (2, 1)), Batch("run", 0))
    delta = DeltaTable(str(table.path))
    delta.alter.add_columns(Field("mine", PrimitiveType("string")))
    delta.alter.set_table_description("what we use it for")
    delta.update({"mine": "'kept'"})
    table.require(SCHEMA)
    table.create(SCHEMA)
    table.apply(batch((2, 2), (3, 1)), Batch("run", 1))
    held = {(row["id"], row["updated_at"]): row["mine"] for row in rows_of(table)}
    assert held["1", "2025-01-01"] == "kept"
    assert held["3", "2025-01-01"] is None
    if scd_type == "SCD_TYPE_1":
        assert held["2", "2025-01-02"] == "kept"
        table.replace(batch((1, 3), (4, 1)))
        assert {row["id"]: row["mine"] for row in rows_of(table)} == {"1": "kept", "4": None}
    assert DeltaTable(str(table.path)).metadata().description == "what we use it for"


@pytest.mark.parametrize("by_time", [False, True], ids=["by version", "by time"])
def test_a_table_that_was_set_back_knows_which_batch_it_holds(by_time: bool, tmp_path: Path) -> None:
    table = target(tmp_path, "SCD_TYPE_1")
    versions_after = []
    for number in range(4):
        table.apply(batch((1, number + 1)), Batch("run", number))
        versions_after.append(DeltaTable(str(table.path)).version())
    table.apply(batch((2, 1)), Batch("another", 0))
    assert (table.reached("run"), table.reached("another"), table.reached("none")) == (3, 0, None)
    delta = DeltaTable(str(table.path))
    # Delta goes by the times of its files, which a quick test makes within a millisecond: a minute each.
    began = datetime(2025, 1, 1, tzinfo=UTC)
    for version in range(delta.version() + 1):
        made = (began + timedelta(minutes=version)).timestamp()
        os.utime(table.path / "_delta_log" / f"{version:020}.json", (made, made))
    moment = began + timedelta(minutes=versions_after[1], seconds=30)
    delta.restore(moment if by_time else versions_after[1])
    table.tidy()
    assert (table.reached("run"), table.reached("another")) == (1, None)
    assert versions(table) == [("1", "v2")]
    table.apply(batch((1, 9)), Batch("run", 2))
    assert table.reached("run") == 2
    # A commit that a power cut took.
    log = table.path / "_delta_log" / f"{DeltaTable(str(table.path)).version():020}.json"
    log.unlink()
    assert table.reached("run") == 1


def test_a_table_keeps_few_times_its_weight_on_disk_however_often_it_changes(tmp_path: Path) -> None:
    table = target(tmp_path / "a place with spaces", "SCD_TYPE_2")
    table.apply(batch(*((key, 1) for key in range(500))), Batch("run", 0))
    for number in range(1, 20):
        changed = ds.dataset(
            pa.Table.from_pylist(
                [
                    {
                        "id": "1",
                        "updated_at": f"2025-02-{number:02}",
                        "name": {"text": str(number)},
                        "tags": [],
                    }
                ],
                SCHEMA,
            )
        )
        table.apply(changed, Batch("run", number))
        table.tidy()
    living = weigh([table.path / Path(uri).name for uri in DeltaTable(str(table.path)).file_uris()])
    held = weigh(list(table.path.glob("*.parquet")))
    assert held <= (2 * KEPT_BATCHES + 2) * living
    assert len(rows_of(table)) == 519


def test_many_small_files_are_put_together(tmp_path: Path) -> None:
    table = target(tmp_path, "APPEND_ONLY")
    for number in range(MOST_FILES + 4):
        table.apply(batch((number, 1)), Batch("run", number))
        table.tidy()
    assert len(DeltaTable(str(table.path)).file_uris()) <= MOST_FILES
    assert len(rows_of(table)) == MOST_FILES + 4


def test_a_table_that_was_made_for_an_account_that_could_not_be_read_locks_nobody_out(tmp_path: Path) -> None:
    mistyped = Target(tmp_path / "ideas", ("id",), "updated_at", origin="ideas of https://compny.aha.io")
    mistyped.create(SCHEMA)
    right = replace(mistyped, origin="ideas of https://company.aha.io")
    right.require(SCHEMA)
    mistyped.apply(batch((1, 1)), Batch("run", 0))
    with pytest.raises(LakehouseError, match=r"ingested as: ideas of https://compny"):
        right.require(SCHEMA)


def test_a_name_that_spark_would_write_otherwise_in_this_locale_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_place(str(tmp_path / "ü")) == tmp_path / "ü"
    for encoding in ("iso8859-1", "latin-1", "ascii"):
        monkeypatch.setattr(sys, "getfilesystemencoding", lambda encoding=encoding: encoding)
        with pytest.raises(LakehouseError, match=r"Set LC_ALL=C\.UTF-8"):
            find_place(str(tmp_path / "ü"))
        assert find_place(str(tmp_path / "u")) == tmp_path / "u"


def make_tables(place: Path, account: Account, *names: str) -> list[TableSpec]:
    """Tables that hold a row each."""
    specs = [TableSpec(name, name) for name in names]
    for spec in specs:
        made = target_of(spec, place, account.name, account.connection)
        made.create(SCHEMA)
        made.apply(batch((1, 1)), Batch("run", 0))
    return specs


def recordings_in(
    place: Path, specs: list[TableSpec], account: Account, *, full_refresh: bool = False
) -> list[str]:
    accounts = dict.fromkeys((spec.name for spec in specs), account)
    found = find_recordings(specs, accounts, place, full_refresh=full_refresh)
    return [target.path.name for target in found]


def test_who_tried_the_cassettes_first_needs_no_other_place_for_an_account(tmp_path: Path) -> None:
    specs = make_tables(tmp_path, Account(CASSETTES, {}), "ideas", "users")
    assert recordings_in(tmp_path, specs, Account(CASSETTES, {})) == []
    assert recordings_in(tmp_path, specs, Account("https://acme.aha.io", {})) == ["ideas", "users"]


def test_an_accounts_tables_never_make_room_and_a_wrong_destination_is_one_sentence(tmp_path: Path) -> None:
    live = Account("https://acme.aha.io", {})
    specs = make_tables(tmp_path, live, "ideas", "users")
    for other in (Account(CASSETTES, {}), Account("https://company.aha.io", {})):
        with pytest.raises(LakehouseError, match=r"All 2 tables in .*, ideas as: ideas of https://acme"):
            recordings_in(tmp_path, specs, other)
        assert recordings_in(tmp_path, specs, other, full_refresh=True) == []
    # Where a new table is among them, only those that differ fail.
    assert recordings_in(tmp_path, [*specs, TableSpec("teams", "teams")], Account(CASSETTES, {})) == []


@pytest.mark.parametrize("wins", [1, 3, ATTEMPTS])
@pytest.mark.parametrize("scd_type", ["SCD_TYPE_1", "SCD_TYPE_2"])
def test_another_writer_that_comes_first_is_waited_for_within_bounds(
    wins: int, scd_type: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = target(tmp_path, scd_type)
    table.apply(batch((1, 1), (2, 1)), Batch("run", 0))
    merging, left = Target._merging, [wins]

    def after_another(self: Target, delta: DeltaTable, *arguments: Any) -> Any:
        made = merging(self, delta, *arguments)
        if left[0]:
            left[0] -= 1
            rows = batch((100 + left[0], 1)).to_table()
            write_deltalake(str(self.path), rows, mode="append", schema_mode="merge")
        return made

    monkeypatch.setattr(Target, "_merging", after_another)

    if wins == ATTEMPTS:
        with pytest.raises(CommitFailedError):
            table.apply(batch((1, 2)), Batch("run", 1))
        assert table.reached("run") == 0
        return
    table.apply(batch((1, 2)), Batch("run", 1))
    assert ("1", "v2") in versions(table)
    assert len([row for row in rows_of(table) if int(row["id"]) >= 100]) == wins - left[0]
