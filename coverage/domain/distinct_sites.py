"""One physical mast or rooftop is one site (rule 5): answers of people, and sites closer than 50 m to each other."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from coverage.domain.ledger import Site

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius of the GRS80 ellipsoid."""


def distance_m(one: Site, other: Site) -> float:
    """Great-circle distance (haversine); within 0.6 % of the ellipsoid, 0.3 m at 50 m."""
    lat1, lat2 = math.radians(one.lat), math.radians(other.lat)
    half_lat = math.sin((lat2 - lat1) / 2)
    half_lon = math.sin(math.radians(other.lon - one.lon) / 2)
    chord = half_lat**2 + math.cos(lat1) * math.cos(lat2) * half_lon**2
    return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(min(1.0, chord)))


@dataclass(frozen=True, slots=True)
class Masts:
    """Which site ids people said are one mast, and which they said are two."""

    groups: dict[str, tuple[str, ...]]
    """Members of a mast with more than one site id, by each member; ascending."""
    apart: frozenset[tuple[str, str]]
    """Pairs (ascending) of mast ids that were called two masts; a mast's id is its smallest site id."""
    contradictions: tuple[tuple[str, str], ...]
    """Pairs called two masts that other answers tie together; the tie holds."""

    def members(self, site_id: str) -> tuple[str, ...]:
        """All site ids of the mast that ``site_id`` stands on, itself included."""
        return self.groups.get(site_id, (site_id,))

    def mast_id(self, site_id: str) -> str:
        return self.members(site_id)[0]


def masts(site_ids: Collection[str], answers: Mapping[tuple[str, str], bool]) -> Masts:
    """Masts from the answers; ids that the ledger does not have are passed over. The order of answers is immaterial."""
    joined: dict[str, set[str]] = {}
    for (one, other), same in answers.items():
        if same and one in site_ids and other in site_ids:
            union = joined.get(one, {one}) | joined.get(other, {other})
            joined.update(dict.fromkeys(union, union))
    groups = {site_id: tuple(sorted(union)) for site_id, union in joined.items()}
    apart = set()
    contradictions = []
    for (one, other), same in sorted(answers.items()):
        if same:
            continue
        first, second = groups.get(one, (one,))[0], groups.get(other, (other,))[0]
        if first == second:
            contradictions.append((one, other))
        else:
            apart.add((min(first, second), max(first, second)))
    return Masts(groups, frozenset(apart), tuple(contradictions))


@dataclass(frozen=True, slots=True)
class Near:
    """``site_id`` lies ``distance_m`` metres from ``other``, which counts already."""

    site_id: str
    other: str
    distance_m: float


class NearIndex:
    """Sites hashed by position and municipality, so that the nearest within a limit is found without a search.

    Only sites that count are put in, and those lie apart by at least the limit unless people said that they are two
    masts: a cell holds few of them, and 100,000 sites take seconds.
    """

    def __init__(self, *, within_m: float, apart: Collection[tuple[str, str]], max_abs_lat: float) -> None:
        self._within_m = within_m
        self._apart = apart
        reach_deg = math.degrees(max(within_m, 0.01) / EARTH_RADIUS_M) * 1.001
        self._cell_lat = reach_deg
        self._cell_lon = reach_deg / math.cos(math.radians(min(max_abs_lat + 0.01, 89.0)))
        self._cells: dict[tuple[str, int, int], list[tuple[Site, str]]] = {}

    def add(self, site: Site, *, municipality: str, mast_id: str) -> None:
        """Let ``site`` be found from now on."""
        if _has_position(site):
            row, col = self._cell(site)
            self._cells.setdefault((municipality, row, col), []).append((site, mast_id))

    def nearest(self, site: Site, *, municipality: str, mast_id: str) -> Near | None:
        """The nearest site of another mast put in, within the limit and in the same municipality, on which nobody
        has answered yet."""
        if not _has_position(site):
            return None
        row, col = self._cell(site)
        best: tuple[float, str] | None = None
        for near_row in (row - 1, row, row + 1):
            for near_col in (col - 1, col, col + 1):
                for other, other_mast in self._cells.get((municipality, near_row, near_col), ()):
                    pair = (min(mast_id, other_mast), max(mast_id, other_mast))
                    if pair[0] == pair[1] or pair in self._apart:
                        continue
                    metres = distance_m(site, other)
                    if metres <= self._within_m and (best is None or (metres, other.site_id) < best):
                        best = (metres, other.site_id)
        return Near(site.site_id, best[1], best[0]) if best is not None else None

    def _cell(self, site: Site) -> tuple[int, int]:
        return math.floor(site.lat / self._cell_lat), math.floor(site.lon / self._cell_lon)


def _has_position(site: Site) -> bool:
    return math.isfinite(site.lat) and math.isfinite(site.lon)
