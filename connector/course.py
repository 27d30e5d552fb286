"""A course: the walk over one list, or over one list below each of some records, as if it were one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from connector.listing import Listing, Page, Row
from connector.offsets import Position, digest, order_of
from connector.parallel import Pool
from connector.walk import Walk


@dataclass(frozen=True)
class Place:
    """One of the lists.

    Attributes:
        listing: the list.
        parent: the id of the record that it stands below; "" for none.
        column: of its rows that holds that id; "" for none.
        fresh: whether the record was not there before, so that all of its rows are news.
        key: what tells lists below the same record apart.
        whole: whether it is asked for all that it has, and not for what is new.
    """

    listing: Listing
    parent: str = ""
    column: str = ""
    fresh: bool = False
    key: str = ""
    whole: bool = True

    @property
    def name(self) -> str:
        return f"{self.parent}/{self.key}" if self.key else self.parent

    @property
    def order(self) -> tuple[int, str, str]:
        """Ids in the order of their numbers."""
        return order_of(self.name)


@dataclass
class Course:
    """Walks over lists, one after the other.

    A list that is gone by the time it is asked for has no rows.

    Args:
        places: the lists, in their order.
        open_walk: list, its first page if it was fetched already, where to begin → the walk over it.
        first_page: list → its first page; None if it is gone.
        started: server time of the beginning, where that is known already.
        position: where an earlier course stopped.
        ahead: whether first pages are fetched ahead, a few at a time.
        names: of all lists there are, those without anything to read included; None of a single one.

    Attributes:
        gone: names of those that were gone.
        anew: whether a single list was begun again, from its first page.
    """

    places: Sequence[Place]
    open_walk: Callable[[Place, Page | None, Position | None], Walk]
    first_page: Callable[[Place], Page | None]
    pool: Pool
    started: str = ""
    position: Position | None = None
    ahead: bool = True
    names: Sequence[str] | None = None
    gone: list[str] = field(default_factory=list)
    anew: bool = False
    _walk: Walk | None = None
    _place: Place = field(default_factory=lambda: Place(Listing("", "", (), 1)))
    _met: dict[int, str] = field(default_factory=dict)
    _coming: Iterator[tuple[Place, Page | None]] | None = None
    _left: int = 0

    def __post_init__(self) -> None:
        if self.position and self.position.parent:
            begin = order_of(self.position.parent)
            self.places = [place for place in self.places if place.order >= begin]
            self.names = [name for name in self.names or () if order_of(name) >= begin]
        self._left = len(self.places)
        self.anew = bool(len(self.places) == 1 and self.position and self.position.page == 1)

    @property
    def done(self) -> list[str]:
        """Names of the lists that nothing is left to read of."""
        end = None if self.whole or self.position is None else order_of(self.position.parent)
        passed = [name for name in self.names or () if end is None or order_of(name) < end]
        return [name for name in passed if name not in self.gone]

    @property
    def whole(self) -> bool:
        """Whether all lists were walked."""
        return not self._left and (self._walk is None or self._walk.whole)

    def __iter__(self) -> Iterator[tuple[Place, list[Row]]]:
        """Pages, each with its list."""
        while (found := self.next_page()) is not None:
            yield found

    def next_page(self) -> tuple[Place, list[Row]] | None:
        """The next page's rows and their list; None if there is none any more. See `once`.

        Raises:
            AhaError: as `Walk.next_page`.
        """
        while self._walk is None or self._walk.whole:
            if not self._left:
                return None
            self._open_next()
        rows = self._walk.next_page()
        if len(self.places) == 1 and self._walk.position.page == 1:
            self.anew = True
        told = self._walk.position.started
        self.started = min(self.started, told) if self.started and told else self.started or told
        self.position = replace(self._walk.position, parent=self._place.name, started=self.started)
        if self._walk.whole and self._left:
            # Where another course would go on: at the beginning of the next list.
            following = self.places[len(self.places) - self._left]
            self.position = Position(self.position.size, started=self.started, parent=following.name)
        return self._place, rows

    def _open_next(self) -> None:
        if self._coming is None:
            self._coming = self._fetch_ahead()
        place, page = next(self._coming)
        self._left -= 1
        begun = self._is_begun(place)
        if page is None and not (begun and self._is_within(place)):
            self.gone.append(place.name)
            self._walk = None
            return
        start = Position(place.listing.size, started=self.started, parent=place.name)
        self._walk, self._place = self.open_walk(place, page, self.position if begun else start), place

    def _fetch_ahead(self) -> Iterator[tuple[Place, Page | None]]:
        """Each list with its first page; without, where the course goes on within it."""
        rest = list(self.places)
        if rest and self._is_within(rest[0]):
            yield rest.pop(0), None
        fetch = self.pool.map if self.ahead and len(rest) > 1 else map
        yield from zip(rest, fetch(self.first_page, rest), strict=True)

    def _is_begun(self, place: Place) -> bool:
        """Whether the course goes on in this list, at the beginning of a pass or within one."""
        at = self.position
        return bool(at and at.parent == place.name and at.size == place.listing.size)

    def _is_within(self, place: Place) -> bool:
        return self._is_begun(place) and self.position is not None and self.position.page > 1

    def once(self, place: Place, rows: list[Row]) -> list[Row]:
        """Rows but for those that another list has shown."""
        if len(self.places) == 1:
            return rows
        return [row for row in rows if self._met.setdefault(digest(str(row["id"])), place.name) == place.name]
