"""What of a record fits no column: set aside as JSON text, so that it costs no other value or row."""

import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from pyspark.sql.types import ArrayType, DataType, StructType

from connector.errors import AhaDataError
from connector.listing import Row
from connector.log import warn
from connector.tables.declaration import Table
from connector.tables.types import RESCUED

# (value, type, path): raises AhaDataError if a column of that type does not take the value.
Require = Callable[[Any, DataType, str], None]

HALF_CHARACTER = re.compile("[\ud800-\udfff]")
REPLACEMENT = "\ufffd"
SHOWN_PATHS = 5


class Rescue:
    """Sets aside what fits no column, and counts it by path.

    A value is kept as it came, in the column `_rescued_data`: a JSON object, path → value, as Databricks' own
    readers keep it. Half of a surrogate pair is no character: it becomes U+FFFD.

    Args:
        texts: paths that are kept as JSON text, whatever they hold.
        require_fit: refuses what a column does not take.
    """

    def __init__(self, table: Table, texts: frozenset[str], require_fit: Require) -> None:
        self._table, self._texts, self._require_fit = table, texts, require_fit
        self.counts: Counter[str] = Counter()
        self.mended: Counter[str] = Counter()

    def mend(self, record: Row) -> Row:
        """A record whose values all fit, but for those that a row cannot be without; with the others that
        did not beside them."""
        aside: dict[str, Any] = {}
        fitting: Row = {}
        for field in self._table.schema:
            value = record.get(field.name)
            if field.nullable:
                value = self._fit(value, field.dataType, field.name, field.name, aside)
            elif isinstance(value, str):
                value = self._mended(value, field.name)
            fitting[field.name] = value
        fitting[RESCUED] = None
        if aside:
            fitting[RESCUED] = whole_characters(json.dumps(aside, ensure_ascii=False))
        return fitting

    def tell(self) -> None:
        """Say in the log what was set aside since this was last told, by path."""
        if self.counts:
            warn(
                "Table %s: %d values are of a type that their columns do not take, and were kept in `%s` "
                "instead: %s. No other value was touched.",
                self._table.name,
                self.counts.total(),
                RESCUED,
                shown(self.counts),
            )
        if self.mended:
            warn(
                "Table %s: %d texts hold half of a character, which was replaced by U+FFFD: %s.",
                self._table.name,
                self.mended.total(),
                shown(self.mended),
            )
        self.counts.clear()
        self.mended.clear()

    def _fit(self, value: Any, kind: DataType, path: str, place: str, aside: dict[str, Any]) -> Any:
        """A value as its column takes it, or null. `place` is its path with positions in lists."""
        if value is None:
            return None
        if path in self._texts:
            return self._mended(value, path)
        if isinstance(kind, StructType) and isinstance(value, dict):
            return {
                field.name: self._fit(
                    value.get(field.name),
                    field.dataType,
                    f"{path}.{field.name}",
                    f"{place}.{field.name}",
                    aside,
                )
                for field in kind
            }
        if isinstance(kind, ArrayType) and isinstance(value, list):
            return [
                self._fit(item, kind.elementType, path, f"{place}[{number}]", aside)
                for number, item in enumerate(value)
            ]
        if isinstance(value, str):
            value = self._mended(value, path)
        try:
            self._require_fit(value, kind, path)
        except AhaDataError:
            aside[place] = value
            self.counts[path] += 1
            return None
        return value

    def _mended(self, value: Any, path: str) -> Any:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if not HALF_CHARACTER.search(text):
            return value
        self.mended[path] += 1
        whole = whole_characters(text)
        return whole if isinstance(value, str) else json.loads(whole)


def whole_characters(text: str) -> str:
    return HALF_CHARACTER.sub(REPLACEMENT, text)


def shown(counts: Counter[str]) -> str:
    """The most frequent paths, each with its count."""
    told = ", ".join(f"`{path}` {count}" for path, count in counts.most_common(SHOWN_PATHS))
    return told if len(counts) <= SHOWN_PATHS else f"{told} and {len(counts) - SHOWN_PATHS} more paths"
