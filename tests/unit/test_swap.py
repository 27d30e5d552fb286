"""A directory takes another's place whole, or not at all."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import strict_cassettes.swap
from strict_cassettes.swap import recover, swap_directory


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """A finished directory, and the place of the one it is to replace."""
    made, place = tmp_path / "made", tmp_path / "place"
    for directory, text in ((made, "new"), (place, "old")):
        directory.mkdir()
        for name in ("one", "two"):
            (directory / name).write_text(text)
    return made, place


def texts(directory: Path) -> set[str]:
    return {path.read_text() for path in directory.iterdir()}


def test_the_new_stands_whole_in_its_place_before_anything_of_the_old_is_removed(
    places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, place = places
    remove = shutil.rmtree
    seen: list[set[str]] = []

    def removing(path: Path, *arguments: Any, **named: Any) -> None:
        seen.append(texts(place))
        remove(path, *arguments, **named)

    monkeypatch.setattr(shutil, "rmtree", removing)
    swap_directory(made, place)
    assert seen == [{"new"}]
    assert (texts(place), made.exists()) == ({"new"}, False)


def test_where_the_system_cannot_exchange_an_interrupted_swap_is_undone(
    places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, place = places
    monkeypatch.setattr(strict_cassettes.swap, "_exchange", lambda *_: False)
    rename = Path.rename

    def failing(path: Path, target: Path) -> Path:
        if path == made:
            raise KeyboardInterrupt
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", failing)
        with pytest.raises(KeyboardInterrupt):
            swap_directory(made, place)
    recover(place)
    assert texts(place) == {"old"}
    swap_directory(made, place)
    assert texts(place) == {"new"}


def test_a_place_where_nothing_stands_is_taken(places: tuple[Path, Path]) -> None:
    made, place = places
    shutil.rmtree(place)
    swap_directory(made, place)
    assert texts(place) == {"new"}
