"""People with and without signal under the three definitions that are printed side by side (product rule §3).

They differ, and people argue about which is right; so none is hidden:

(a) area-weighted: residents of a mesh cell × share of the cell with signal;
(b) the ministry's rule: a half mesh (500 m) more than 50 % covered by area counts whole;
(c) raw cells: the level at the centre of the mesh cell decides for all of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coverage.gaps.overlay import Overlay

SERVED, UNSERVED, UNKNOWN = np.uint8(1), np.uint8(0), np.uint8(2)


def signal_state(level_dbm: NDArray[np.float32], edge_dbm: float) -> NDArray[np.uint8]:
    """SERVED at or above ``edge_dbm`` (RSRP, dBm), UNSERVED below, UNKNOWN where the level is NaN (NO DATA)."""
    state = np.where(level_dbm >= edge_dbm, SERVED, UNSERVED).astype(np.uint8)
    state[np.isnan(level_dbm)] = UNKNOWN
    return state


@dataclass(frozen=True)
class Share:
    """Served and unknown share (0–1) of each population row; the rest is unserved."""

    served: NDArray[np.float64]
    unknown: NDArray[np.float64]

    @property
    def unserved(self) -> NDArray[np.float64]:
        return np.clip(1.0 - self.served - self.unknown, 0.0, 1.0)


@dataclass(frozen=True)
class PopulationCoverage:
    """One array per column, shape (municipalities,), in the order of ``overlay.codes``."""

    population: NDArray[np.float64]
    households: NDArray[np.float64]
    unserved_people_area: NDArray[np.float64]
    unknown_people_area: NDArray[np.float64]
    unserved_people_half_mesh: NDArray[np.float64]
    unknown_people_half_mesh: NDArray[np.float64]
    unserved_people_cell: NDArray[np.float64]
    unknown_people_cell: NDArray[np.float64]
    unserved_households: NDArray[np.float64]
    unserved_area_km2: NDArray[np.float64]
    unknown_area_km2: NDArray[np.float64]


def share_by_area(overlay: Overlay, state: NDArray[np.uint8]) -> Share:
    """Definition (a)."""
    return Share(overlay.share(state == SERVED), overlay.share(state == UNKNOWN))


def share_by_half_mesh(overlay: Overlay, state: NDArray[np.uint8]) -> Share:
    """Definition (b). A half mesh is unknown when so much of it is NO DATA that either answer is still possible.

    Population on a coarser mesh (1 km) follows the half mesh that each of its pixels lies in.
    """
    half = overlay.half_mesh_of_pixel.ravel()
    inside = half >= 0
    count = int(half.max()) + 1
    total = np.bincount(half[inside], minlength=count)
    flat = state.ravel()
    served = np.bincount(half[inside & (flat == SERVED)], minlength=count)
    unknown = np.bincount(half[inside & (flat == UNKNOWN)], minlength=count)
    covered = served * 2 > total
    open_question = ~covered & ((served + unknown) * 2 > total)
    covered_pixel = np.zeros(len(half), dtype=np.bool_)
    unknown_pixel = np.zeros(len(half), dtype=np.bool_)
    covered_pixel[inside] = covered[half[inside]]
    unknown_pixel[inside] = open_question[half[inside]]
    shape = overlay.grid.shape
    return Share(overlay.share(covered_pixel.reshape(shape)), overlay.share(unknown_pixel.reshape(shape)))


def share_by_cell(overlay: Overlay, state: NDArray[np.uint8]) -> Share:
    """Definition (c)."""
    centre = state.ravel()[overlay.centre_pixel]
    return Share((centre == SERVED).astype(np.float64), (centre == UNKNOWN).astype(np.float64))


def population_coverage(overlay: Overlay, state: NDArray[np.uint8]) -> PopulationCoverage:
    """Sums by municipality of ``state`` (uint8 of :func:`signal_state`, shape of the grid).

    Households unknown in every cell of a municipality give NaN, not 0.
    """
    people = overlay.population.population
    homes = overlay.population.households
    area, half, cell = (
        share_by_area(overlay, state),
        share_by_half_mesh(overlay, state),
        share_by_cell(overlay, state),
    )

    def by_municipality(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        sums: NDArray[np.float64] = np.bincount(
            overlay.population_municipality, weights=weights, minlength=len(overlay.codes)
        ).astype(np.float64)
        return sums

    known_homes = ~np.isnan(homes)
    has_homes = np.bincount(
        overlay.population_municipality, weights=known_homes.astype(np.float64), minlength=len(overlay.codes)
    )
    filled = np.where(known_homes, homes, 0.0)
    households = np.where(has_homes > 0, by_municipality(filled), np.nan)
    unserved_homes = np.where(has_homes > 0, by_municipality(filled * area.unserved), np.nan)
    return PopulationCoverage(
        population=by_municipality(people),
        households=households,
        unserved_people_area=by_municipality(people * area.unserved),
        unknown_people_area=by_municipality(people * area.unknown),
        unserved_people_half_mesh=by_municipality(people * half.unserved),
        unknown_people_half_mesh=by_municipality(people * half.unknown),
        unserved_people_cell=by_municipality(people * cell.unserved),
        unknown_people_cell=by_municipality(people * cell.unknown),
        unserved_households=unserved_homes,
        unserved_area_km2=_area_km2(overlay, state == UNSERVED),
        unknown_area_km2=_area_km2(overlay, state == UNKNOWN),
    )


def _area_km2(overlay: Overlay, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    owner = overlay.municipality_index[mask & overlay.inside]
    pixels = np.bincount(owner, minlength=len(overlay.codes))
    return pixels.astype(np.float64) * (overlay.grid.cell_m / 1000.0) ** 2
