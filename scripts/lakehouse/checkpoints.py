"""A stream's checkpoint on disk, as Spark keeps it: up to which batch it is whole, and how it is set back."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

# Spark's own layout: one file for each batch that was planned, one for each that was done.
METADATA, PLANNED, DONE = "metadata", "offsets", "commits"


@dataclass(frozen=True)
class Checkpoint:
    """The checkpoint in a directory, which need not be there."""

    path: Path

    @property
    def run(self) -> str | None:
        """Its id: batches are counted anew in each checkpoint. None where it cannot be read."""
        try:
            found = json.loads((self.path / METADATA).read_text(encoding="utf-8"))["id"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if isinstance(found, str) else None

    @property
    def done(self) -> int | None:
        """The last batch that was planned and done, as whole files say."""
        return max(self._whole(PLANNED) & self._whole(DONE), default=None)

    @property
    def is_in_a_first_sync(self) -> bool:
        """Whether no batch that is done ended one: nothing that a later sync asks for was asked before."""
        if self.done is None:
            return True
        last = (self.path / PLANNED / str(self.done)).read_text(encoding="utf-8").splitlines()[-1]
        return json.loads(last).get("cursor") is None

    def mend(self) -> str | None:
        """Go back to where it is whole; returns what was damaged, None if nothing was.

        A power cut leaves files that are empty, a tidy-up leaves out some. Nothing is lost by going back:
        what came since is read again.
        """
        # Hidden are checksums, of which a damaged one stops Hadoop (what files hold is looked at here), and
        # files that a full disk left half written, beside which Spark does not begin.
        for hidden in self.path.glob("**/.*"):
            hidden.unlink()
        damaged = self._find_damage()
        if damaged:
            self.set_back(self.done if self.run else None)
        return damaged

    def set_back(self, batch: int | None) -> None:
        """Forget all batches after one that is done; all of them after None."""
        if batch is None or batch not in self._whole(PLANNED) & self._whole(DONE):
            shutil.rmtree(self.path, ignore_errors=True)
            return
        for part in (PLANNED, DONE):
            for number, file in self._files(part).items():
                if number > batch:
                    file.unlink()

    def _find_damage(self) -> str | None:
        planned, done = self._files(PLANNED), self._files(DONE)
        if self.run is None:
            return METADATA if any(self.path.glob("*")) else None
        if not (planned or done):
            return None
        last = max(planned, default=-1)
        for part, number in ((PLANNED, last), (PLANNED, last - 1), (DONE, max(done, default=-1))):
            # The last one planned may not be done; the one before it is.
            if number >= 0 and number not in self._whole(part):
                return f"{part}/{number}"
        behind = max(done, default=-1)
        if behind > last or behind < last - 1:
            return f"{PLANNED}/{behind}" if behind > last else f"{DONE}/{last - 1}"
        return None

    def _files(self, part: str) -> dict[int, Path]:
        return {int(file.name): file for file in (self.path / part).glob("[0-9]*") if file.name.isdigit()}

    def _whole(self, part: str) -> set[int]:
        return {number for number, file in self._files(part).items() if is_whole(file)}


def is_whole(file: Path) -> bool:
    """Whether a file of Spark's log can be read: a version, then lines of JSON."""
    try:
        version, *lines = file.read_text(encoding="utf-8").splitlines()
        for line in lines:
            json.loads(line)
    except (OSError, ValueError):
        return False
    return version.startswith("v") and bool(lines)
