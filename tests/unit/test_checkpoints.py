"""Checkpoints: whatever a power cut or a tidy-up leaves, a run goes on from where they are whole."""

import json
from pathlib import Path

import pytest

from scripts.lakehouse.checkpoints import DONE, METADATA, PLANNED, Checkpoint


def write(path: Path, planned: int, done: int) -> Checkpoint:
    """A checkpoint as Spark writes it."""
    for part, last in ((PLANNED, planned), (DONE, done)):
        (path / part).mkdir(parents=True)
        for number in range(last + 1):
            (path / part / str(number)).write_text('v1\n{"a": 1}\n{"cursor": "2025"}')
            (path / part / f".{number}.crc").write_bytes(b"crc")
    (path / METADATA).write_text(json.dumps({"id": "run"}))
    return Checkpoint(path)


@pytest.mark.parametrize(("planned", "done"), [(0, -1), (3, 2), (3, 3), (-1, -1)])
def test_a_checkpoint_of_a_run_that_ended_anyhow_is_whole(planned: int, done: int, tmp_path: Path) -> None:
    checkpoint = write(tmp_path / "c", planned, done)
    assert checkpoint.mend() is None
    assert checkpoint.run == "run"
    assert checkpoint.done == (done if done >= 0 else None)
    assert not list(tmp_path.glob("**/.*.crc"))


BROKEN = ["", "v1", "v1\n{", "v1\n\x00\x00", "{}"]


@pytest.mark.parametrize("content", [*BROKEN, None], ids=repr)
@pytest.mark.parametrize(
    ("part", "number", "left"),
    [
        (PLANNED, 5, 4),
        (PLANNED, 4, 3),
        (DONE, 4, 3),
        (METADATA, None, None),
    ],
)
def test_a_damaged_file_is_named_and_the_run_goes_on_from_the_last_whole_batch(
    content: str | None, part: str, number: int | None, left: int | None, tmp_path: Path
) -> None:
    checkpoint = write(tmp_path / "c", 5, 4)
    name = part if number is None else f"{part}/{number}"
    file = checkpoint.path / name
    if content is None:
        file.unlink()
    else:
        file.write_text(content)
    told = checkpoint.mend()
    # Without its last plan, a checkpoint ends a batch earlier, and is whole.
    whole = content is None and (part, number) in ((PLANNED, 5),)
    assert told == (None if whole else f"{DONE}/{4}" if content is None and part == DONE else name)
    assert checkpoint.done == left
    assert checkpoint.mend() is None


@pytest.mark.parametrize("left", ["sources/0", "offsets", "commits", "metadata"])
def test_a_checkpoint_that_a_full_disk_left_unbegun_begins_again(left: str, tmp_path: Path) -> None:
    (tmp_path / "c" / left).mkdir(parents=True)
    assert Checkpoint(tmp_path / "c").mend() == METADATA
    assert not (tmp_path / "c").exists()


def test_what_was_left_half_written_is_cleared_away(tmp_path: Path) -> None:
    checkpoint = write(tmp_path / "c", -1, -1)
    (checkpoint.path / PLANNED / ".0.e92201d0.tmp").write_text("v1")
    assert checkpoint.mend() is None
    assert not list(tmp_path.glob("**/.*"))
    assert checkpoint.run == "run"


def test_a_checkpoint_whose_plans_are_gone_begins_again(tmp_path: Path) -> None:
    checkpoint = write(tmp_path / "c", 5, 4)
    for file in (checkpoint.path / PLANNED).iterdir():
        file.unlink()
    assert checkpoint.mend() == "offsets/4"
    assert not checkpoint.path.exists()
    assert checkpoint.mend() is None


@pytest.mark.parametrize(("batch", "left"), [(2, 2), (0, 0), (None, None), (9, None)])
def test_a_checkpoint_is_set_back_to_a_batch_or_to_the_beginning(
    batch: int | None, left: int | None, tmp_path: Path
) -> None:
    checkpoint = write(tmp_path / "c", 5, 4)
    checkpoint.set_back(batch)
    assert checkpoint.done == left
    assert checkpoint.path.exists() is (left is not None)
    assert checkpoint.mend() is None
