"""Batches on their way to Spark: packed, copied, shared, and none lost."""

import copy
import itertools
import pickle
from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.datasource import MOST_PARTITIONS, PackedBatches, share, unpack

SCHEMA = pa.schema([pa.field("id", pa.int64(), nullable=False), pa.field("name", pa.string())])
SIZES = st.lists(st.integers(0, 3), max_size=3 * MOST_PARTITIONS)


def batches(sizes: list[int]) -> Iterator[pa.RecordBatch]:
    for number, size in enumerate(sizes):
        rows = [{"id": 10 * number + row, "name": f"row {row}"} for row in range(size)]
        yield pa.RecordBatch.from_pylist(rows, schema=SCHEMA)


def ids(found: Iterator[pa.RecordBatch]) -> list[int]:
    return [row["id"] for batch in found for row in batch.to_pylist()]


@given(SIZES)
def test_shared_batches_hold_every_row_once_in_few_partitions(sizes: list[int]) -> None:
    partitions = share(batches(sizes))
    found = sorted(ids(unpack(part) for partition in partitions for part in partition.value))
    assert found == ids(batches(sizes))
    assert len(partitions) == min(len(sizes), MOST_PARTITIONS)


@given(SIZES, st.integers(0, 3 * MOST_PARTITIONS))
def test_a_copy_of_packed_batches_goes_on_by_itself(sizes: list[int], read: int) -> None:
    packed = PackedBatches(batches(sizes))
    before = ids(itertools.islice(packed, read))
    copies = (copy.copy(packed), pickle.loads(pickle.dumps(packed)), packed)  # noqa: S301
    assert [before + ids(copied) for copied in copies] == [ids(batches(sizes))] * 3


def test_packed_batches_end() -> None:
    packed = PackedBatches(batches([1]))
    assert ids(packed) == [0]
    with pytest.raises(StopIteration):
        next(packed)
