"""Changes on their way into the store: each operation shows whole, at one moment, now or later."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sandbox.clock import SandboxClock
from sandbox.store import Condition, Record, Store


@dataclass(frozen=True)
class Change:
    """A record as it became, or that it is gone."""

    record: Record
    gone: bool = False

    @property
    def key(self) -> tuple[str, int]:
        return self.record.kind, self.record.id


@dataclass(frozen=True)
class Late:
    """Changes that become visible together, and when."""

    visible: datetime
    changes: list[Change]


class Journal:
    """What was changed, and what of it can be seen.

    A late change shows when the clock has passed its moment, or when the journal is closed.
    """

    def __init__(self, store: Store, clock: SandboxClock) -> None:
        self._store = store
        self._clock = clock
        self._late: list[Late] = []
        self._open: list[Change] | None = None
        self._rng = random.Random(0)

    @contextmanager
    def operation(self, lag: float) -> Iterator[None]:
        """Let all that is noted inside become visible at one moment, up to `lag` seconds from now.

        Nothing becomes visible if the operation is refused. An operation inside another is part of it.
        """
        if self._open is not None:
            yield
            return
        self._open = []
        try:
            yield
            self._commit(self._open, lag)
        finally:
            self._open = None

    def note(self, record: Record, *, gone: bool = False) -> None:
        """Add a change to the operation that is under way."""
        if self._open is None:
            raise RuntimeError("records change within an operation only")
        # What cannot be written must be refused now, not when it becomes visible.
        record.as_row()
        self._open.append(Change(record, gone))

    def find(self, kind: str, identity: int) -> Record | None:
        """A record as its writers see it: late changes included."""
        late = next((change for change in reversed(self._unseen()) if change.key == (kind, identity)), None)
        if late is None:
            return self._store.find(kind, identity)
        return None if late.gone else late.record

    def below(self, kind: str, parent: int) -> list[Record]:
        """What stands under a record, as its writers see it."""
        found = self._store.page([Condition("kind = ? AND parent = ?", (kind, parent))])
        latest = {record.id: Change(record) for record in found}
        latest |= {change.record.id: change for change in self._unseen() if change.record.kind == kind}
        return [
            change.record for change in latest.values() if not change.gone and change.record.parent == parent
        ]

    def settle(self) -> None:
        """Make visible what has become visible by now."""
        self._show(self._clock.now())

    def close(self) -> None:
        """Make everything visible, and close the store."""
        self._show(None)
        self._store.close()

    def _unseen(self) -> list[Change]:
        return [change for late in self._late for change in late.changes] + (self._open or [])

    def _commit(self, changes: list[Change], lag: float) -> None:
        # Changes of one record become visible in the order in which they were made, and none before its idea.
        keys = {change.key for change in changes} | {("idea", change.record.parent) for change in changes}
        earlier = [late.visible for late in self._late if keys & {change.key for change in late.changes}]
        if not lag and not earlier:
            self._write(changes)
            return
        visible = self._clock.now() + timedelta(seconds=self._rng.uniform(0, lag) if lag else 0)
        self._late.append(Late(max([visible, *earlier]), changes))
        self._late.sort(key=lambda late: late.visible)

    def _show(self, until: datetime | None) -> None:
        while self._late and (until is None or self._late[0].visible <= until):
            self._write(self._late[0].changes)
            self._late.pop(0)

    def _write(self, changes: list[Change]) -> None:
        latest = {change.key: change for change in changes}.values()
        made = [change.record for change in latest if not change.gone]
        self._store.put(made, gone=[change.record for change in latest if change.gone])
