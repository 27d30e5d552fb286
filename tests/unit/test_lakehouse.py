"""Delta tables: what a batch does to them, once or twice."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.lakehouse import END, START, LakehouseError, Target

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        ("updated_at", pa.string()),
        ("name", pa.struct([("text", pa.string())])),
        ("tags", pa.list_(pa.string())),
    ]
)
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
            table.apply(rows, number, "run")
    assert versions(table) == [("1", "v3"), ("2", "v1")]
    for _ in range(times):
        table.delete(batch((2, 5)))
    assert versions(table) == [("1", "v3")]


@pytest.mark.parametrize("times", [1, 2])
def test_type_2_keeps_every_version_with_its_time(times: int, tmp_path: Path) -> None:
    table = target(tmp_path, "SCD_TYPE_2")
    for number, rows in enumerate((batch((1, 1), (2, 1)), batch((1, 3)))):
        for _ in range(times):
            table.apply(rows, number, "run")
    for _ in range(times):
        table.delete(batch((2, 5)))
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
    table.apply(batch((1, 1)), 0, "run")
    merging, calls = Target._merging, []

    def dies_at_the_second(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return merging(*arguments)

    monkeypatch.setattr(Target, "_merging", dies_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        table.apply(batch((1, 3)), 1, "run")
    assert "v3" in [row["name"]["text"] for row in rows_of(table) if row[END] is None]
    monkeypatch.setattr(Target, "_merging", merging)
    table.apply(batch((1, 3)), 1, "run")
    assert [(row[START], row[END]) for row in rows_of(table)] == [
        ("2025-01-01", "2025-01-03"),
        ("2025-01-03", None),
    ]


def test_type_2_takes_no_version_that_is_older_than_the_current_one(tmp_path: Path) -> None:
    table = target(tmp_path, "SCD_TYPE_2")
    for number, version in enumerate((3, 2)):
        table.apply(batch((1, version)), number, "run")
    assert [(row[START], row[END]) for row in rows_of(table)] == [("2025-01-03", None)]


def test_appended_rows_are_appended_once_though_their_batch_comes_twice(tmp_path: Path) -> None:
    table = target(tmp_path, "APPEND_ONLY")
    for number in (0, 0, 1, 1, 0):
        table.apply(batch((1, number + 1)), number, "run")
    assert versions(table) == [("1", "v1"), ("1", "v2")]


def test_a_tombstone_older_than_a_row_does_not_take_it_out(tmp_path: Path) -> None:
    table = target(tmp_path, "SCD_TYPE_1")
    table.apply(batch((1, 4)), 0, "run")
    table.delete(batch((1, 3)))
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
    table.apply(batch((1, 0), (2, 3)), 0, "run")
    table.apply(renamed(batch((1, 0), (2, 0)), "later"), 1, "run")
    assert versions(table) == [("1", "later"), ("2", "later")]
    table.apply(batch((1, 4)), 2, "run")
    assert versions(table) == [("1", "v4"), ("2", "later")]
    table.delete(batch((2, 1)))
    assert versions(table) == [("1", "v4")]


@pytest.mark.parametrize("times", [1, 2])
def test_a_history_has_one_current_version_of_a_row_that_does_not_say_when_it_changed(
    times: int, tmp_path: Path
) -> None:
    table = target(tmp_path, "SCD_TYPE_2")
    for number, rows in enumerate((batch((1, 0)), renamed(batch((1, 0)), "later"), batch((1, 4)))):
        for _ in range(times):
            table.apply(rows, number, "run")
    assert named(table) == [("1", "later", False), ("1", "v4", True)]
    for _ in range(times):
        table.apply(renamed(batch((1, 0)), "last"), 3, "run")
    assert [current for _, name, current in named(table) if name == "last"] == [True]
    table.delete(batch((1, 9)))
    assert [current for *_, current in named(table)] == [False, False]


@pytest.mark.parametrize("times", [1, 2])
def test_what_comes_back_in_the_version_that_a_tombstone_ended_is_current_again(
    times: int, tmp_path: Path
) -> None:
    table = target(tmp_path, "SCD_TYPE_2")
    table.apply(batch((1, 1), (2, 1)), 0, "run")
    table.apply(batch((1, 3)), 1, "run")
    table.delete(batch((1, 5), (2, 5)))
    for _ in range(times):
        table.apply(batch((1, 3), (2, 1)), 2, "run")
    assert named(table) == [("1", "v1", False), ("1", "v3", True), ("2", "v1", True)]
    # An older version that is told again is no return.
    table.apply(batch((1, 1)), 3, "run")
    assert named(table) == [("1", "v1", False), ("1", "v3", True), ("2", "v1", True)]


def test_appended_is_what_is_new_or_changed(tmp_path: Path) -> None:
    table = target(tmp_path, "APPEND_ONLY")
    table.apply(batch((1, 1), (2, 1), (3, 0)), 0, "run")
    for number in (1, 2):
        table.apply(batch((1, 1), (2, 1), (3, 0)), number, "run")
    assert len(rows_of(table)) == 3
    table.apply(renamed(batch((1, 1)), "other"), 3, "run")
    table.apply(batch((1, 2), (2, 1), (4, 1)), 4, "run")
    wanted = [("1", "other"), ("1", "v1"), ("1", "v2"), ("2", "v1"), ("3", "v0"), ("4", "v1")]
    assert sorted(versions(table)) == wanted


def test_a_snapshot_is_the_table(tmp_path: Path) -> None:
    table = target(tmp_path, "SCD_TYPE_1")
    table.apply(batch((1, 1), (2, 1)), 0, "run")
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
        ({}, SCHEMA.append(pa.field("new", pa.string()))),
        ({}, SCHEMA.set(1, pa.field("updated_at", pa.timestamp("us", tz="UTC")))),
    ],
    ids=["history", "appended", "keys", "sequence", "account", "columns", "times"],
)
def test_a_table_that_was_kept_another_way_is_not_gone_on_with(
    change: dict[str, Any], schema: pa.Schema, tmp_path: Path
) -> None:
    table = target(tmp_path, "SCD_TYPE_1")
    table.require(SCHEMA)
    with pytest.raises(LakehouseError, match="Run with --full-refresh"):
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
@settings(max_examples=15, deadline=None)
def test_whatever_comes_in_whatever_order_the_newest_version_stays(
    tmp_path_factory: pytest.TempPathFactory, batches: Sequence[Sequence[Version]]
) -> None:
    table = target(tmp_path_factory.mktemp("delta"), "SCD_TYPE_1")
    newest: dict[str, int] = {}
    for number, found in enumerate(batches):
        table.apply(batch(*found), number, "run")
        newest |= {str(key): max(version, newest.get(str(key), 0)) for key, version in found}
    assert versions(table) == sorted((key, f"v{version}") for key, version in newest.items())
