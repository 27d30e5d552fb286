"""What a read holds back until it is known which of it is news."""

import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from connector.course import Place
from connector.listing import Row
from connector.offsets import digest
from connector.units import Records, Unit


@dataclass
class FeedIds:
    """Ids of a feed, and up to which of them nothing can come any more: what is made late may become visible
    after a row with a larger id."""

    old: list[int] = field(default_factory=list)
    young: list[int] = field(default_factory=list)
    known: bool = True

    def add(self, rows: Iterable[tuple[str, bool]]) -> None:
        """Note ids, each with whether its row is old."""
        for identity, is_old in rows:
            if identity.isdecimal():
                (self.old if is_old else self.young).append(int(identity))
            else:
                self.known = False

    @property
    def settled(self) -> str | None:
        """The last id of what is old, if nothing younger came before it; else None."""
        last = max(self.old, default=None)
        if not self.known or last is None or last > min(self.young, default=last):
            return None
        return str(last)


@dataclass
class Held:
    """Pages of records kept until it is known which of them are news; compressed, since few are.

    Attributes:
        contents: unit's name → digest of its records, as last met.
        sizes: unit's name → how many records it stands for.
        characters: how long they are as JSON text.
        recent: names of units that the next read will meet again.
        feed: ids of a feed.
    """

    contents: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    characters: int = 0
    recent: set[str] = field(default_factory=set)
    feed: FeedIds = field(default_factory=FeedIds)
    _pages: list[bytes] = field(default_factory=list)
    _rest: list[tuple[Place, bytes]] = field(default_factory=list)

    def add(self, units: list[Unit]) -> None:
        kept = []
        for unit in units:
            self.contents[unit.name] = content = digest(unit.records)
            self.sizes[unit.name] = len(unit.records)
            kept.append((unit.name, content, unit.records))
        text = json.dumps(kept)
        self.characters += len(text)
        self._pages.append(zlib.compress(text.encode()))

    def keep(self, place: Place, rows: list[Row]) -> None:
        """Keep rows that are not due, as far as is known now."""
        if rows:
            self._rest.append((place, zlib.compress(json.dumps(rows).encode())))

    def rest(self) -> Iterator[tuple[Place, list[Row]]]:
        """The rows that were kept so, a page at a time."""
        for place, page in self._rest:
            yield place, json.loads(zlib.decompress(page))

    def count(self, names: set[str]) -> int:
        """How many records some units stand for."""
        return sum(self.sizes[name] for name in names)

    def records(self, news: set[str]) -> Iterator[Records]:
        """The records of the units in `news`, each as it was last met, a page at a time."""
        for page in self._pages:
            out: Records = []
            for name, content, records in json.loads(zlib.decompress(page)):
                if name in news and self.contents[name] == content:
                    out += records
            if out:
                yield out
