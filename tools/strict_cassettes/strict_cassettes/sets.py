"""Sets of cassettes: what was recorded from the sandbox, and from a live account. They never mix."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from strict_cassettes.provenance import read_provenance
from strict_cassettes.scenarios import Matrix, Scenario

SANDBOX, LIVE = "sandbox", "live"
ORIGINS = (SANDBOX, LIVE)


@dataclass(frozen=True)
class Recorded:
    """One recorded scenario.

    Attributes:
        origin: the set it belongs to.
        scenario: as its account shows it, scrubbed.
        path: its cassette.
    """

    origin: str
    scenario: Scenario
    path: Path

    @property
    def name(self) -> str:
        """`sandbox/ideas/one_page`."""
        return f"{self.origin}/{self.scenario.name}"


def sets_in(root: Path) -> list[str]:
    """The sets that are there."""
    return [origin for origin in ORIGINS if (root / origin).is_dir()]


def recorded_in(matrix: Matrix, root: Path, origins: tuple[str, ...] = ORIGINS) -> Iterator[Recorded]:
    """Every recorded scenario of the sets that are there.

    Raises:
        CassetteError: a provenance is damaged.
    """
    for origin in (origin for origin in origins if (root / origin).is_dir()):
        known = read_provenance(root / origin).cassettes
        for name, scenario in matrix.scenarios.items():
            if name in known:
                entry = known[name]
                fitted = scenario.fitted(entry.get("options", {}), entry.get("start", {}))
                yield Recorded(origin, fitted, root / origin / scenario.cassette)


def recorded_as(matrix: Matrix, name: str, root: Path, origin: str = SANDBOX) -> Recorded:
    """One recorded scenario by its name; its cassette may be missing."""
    scenario = matrix.scenarios[name]
    entry = read_provenance(root / origin).cassettes.get(name, {})
    fitted = scenario.fitted(entry.get("options", {}), entry.get("start", {}))
    return Recorded(origin, fitted, root / origin / scenario.cassette)
