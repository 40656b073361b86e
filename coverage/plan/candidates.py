"""Candidate sites of a region, from all generators together, as the planning use case asks for them.

The generators and filters themselves are in :mod:`coverage.plan.siting`; here they are joined: a planner's own list
first, then places people know (shelters, town points, masts that stand already), then high ground; whatever stands too
close to an earlier one is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from coverage.domain.ledger import Site
from coverage.domain.places import Settlement, Shelter
from coverage.domain.projection import lonlat_to_plane, plane_to_lonlat
from coverage.domain.terrain import Terrain
from coverage.errors import InputError
from coverage.plan import siting
from coverage.plan.demand import Demand


@dataclass(frozen=True, slots=True)
class Candidate:
    """A spot for a mast, in degrees (JGD2011). ``source``: list, existing-mast, shelter, settlement or high-point."""

    candidate_id: str
    name: str
    source: siting.Source
    lat: float
    lon: float
    ground_m: float = float("nan")


@dataclass(frozen=True, slots=True)
class CandidateOptions:
    """``within_m``: candidates stand at most so far from people without signal; slope in degrees, distances in metres."""

    max_candidates: int = 400
    spacing_m: float = 400.0
    within_m: float = 5_000.0
    max_slope_deg: float = 45.0
    own_hill_m: float = 300.0
    """Shelters and town points move to the highest ground within this distance; 0 leaves them where they are."""


def generate_candidates(
    terrain: Terrain,
    inside: NDArray[np.bool_],
    demand: Demand,
    *,
    settlements: Sequence[Settlement] = (),
    shelters: Sequence[Shelter] = (),
    sites: Sequence[Site] = (),
    own: Sequence[tuple[str, float, float]] = (),
    options: CandidateOptions | None = None,
) -> list[Candidate]:
    """Candidates on land inside the region near ``demand``, at most ``options.max_candidates``.

    ``inside`` bool (rows, cols) marks the region; ``sites`` are masts that stand (another operator could join them);
    ``own`` is (name, lat, lon). A planner's own places are kept wherever they have terrain, slope and distance
    notwithstanding. Raises InputError for options that are not positive.
    """
    chosen = options or CandidateOptions()
    if chosen.max_candidates < 1:
        raise InputError(
            "candidate-count-not-positive",
            "候補地の最大件数は1以上にしてください。",
            "The largest number of candidates must be at least 1.",
        )
    if not len(demand):
        return []
    grid = terrain.grid
    row, col = np.divmod(demand.pixel, grid.cols)
    demand_xy = np.column_stack(grid.xy(row, col))
    # A pixel with a shelter but without residents still is demand.
    weight = demand.people + demand.shelters

    def placed(rows: list[tuple[str, str, float, float]], source: siting.Source) -> list[siting.Candidate]:
        """(id, name, lat, lon) as candidates in the plane."""
        if not rows:
            return []
        x, y = lonlat_to_plane(np.array([r[3] for r in rows]), np.array([r[2] for r in rows]), grid.epsg)
        return siting.at_places(
            [(r[0], r[1], float(a), float(b)) for r, a, b in zip(rows, x, y, strict=True)], source
        )

    wanted = placed([(f"OWN-{k + 1:04d}", name, lat, lon) for k, (name, lat, lon) in enumerate(own)], "list")
    wanted, _ = siting.on_terrain(wanted, terrain)
    masts = placed([(f"MAST-{s.site_id}", s.name, s.lat, s.lon) for s in sites], "existing-mast")
    places = placed([(f"SHELTER-{s.shelter_id}", s.name, s.lat, s.lon) for s in shelters], "shelter")
    places += placed(
        [(f"TOWN-{s.municipality_code}-{k + 1:05d}", s.name, s.lat, s.lon) for k, s in enumerate(settlements)], "settlement"
    )
    if chosen.own_hill_m > 0:
        places = siting.on_high_ground_nearby(places, terrain, within_m=chosen.own_hill_m)
    hills = siting.high_points(
        terrain, demand_xy, weight, within_m=chosen.within_m, spacing_m=chosen.spacing_m, limit=2 * chosen.max_candidates
    )
    hills = [replace(c, name=f"高地 {c.ground_m:.0f} m") for c in hills]
    found, _ = siting.on_terrain(masts + places + hills, terrain)
    found = [c for c in found if bool(inside[grid.row_col(c.x_m, c.y_m)])]
    found = [c for c in found if c.source == "existing-mast" or c.slope_deg <= chosen.max_slope_deg]
    kept, _ = siting.thinned(wanted + _by_people(found, demand_xy, weight, chosen.within_m), chosen.spacing_m)
    kept = kept[: max(len(wanted), chosen.max_candidates)]
    if not kept:
        return []
    lon, lat = plane_to_lonlat(np.array([c.x_m for c in kept]), np.array([c.y_m for c in kept]), grid.epsg)
    return [
        Candidate(c.candidate_id, c.name, c.source, float(b), float(a), c.ground_m)
        for c, a, b in zip(kept, lon, lat, strict=True)
    ]


def _by_people(
    candidates: Sequence[siting.Candidate], demand_xy: NDArray[np.float64], weight: NDArray[np.float64], within_m: float
) -> list[siting.Candidate]:
    """Those with demand within ``within_m``, most demand first."""
    from scipy.spatial import cKDTree

    if not candidates:
        return []
    near = cKDTree(demand_xy).query_ball_point([(c.x_m, c.y_m) for c in candidates], within_m)
    people = np.array([weight[members].sum() for members in near])
    order = np.argsort(-people, kind="stable")
    return [candidates[int(k)] for k in order if people[k] > 0]
