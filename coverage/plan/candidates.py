"""The candidates of a region: the generators of :mod:`coverage.plan.siting` over its terrain and places, filtered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from shapely.geometry.base import BaseGeometry

from coverage.domain.ledger import Site
from coverage.domain.places import Settlement, Shelter
from coverage.domain.projection import lonlat_to_plane
from coverage.domain.terrain import Terrain
from coverage.errors import InputError
from coverage.plan import siting
from coverage.plan.demand import Demand

SOURCES: Final = ("list", "existing-mast", "shelter", "settlement", "high-point")
"""Kinds of candidates, in the order in which they win a place that several want."""


@dataclass(frozen=True, slots=True)
class CandidateOptions:
    """``sources``: which generators run. ``near_m``: how far people and shelters count for a candidate; one without any
    is dropped. ``high_point_m``: a high point is the highest pixel within this radius. ``max_slope_deg``: of the ground
    (masts that stand already and the planner's own list are not judged). ``spacing_m``: no two candidates closer than
    this, except on the planner's own list. ``max_candidates``: the own list, then those with most people near."""

    sources: tuple[str, ...] = SOURCES
    near_m: float = 4000.0
    high_point_m: float = 750.0
    max_slope_deg: float = 30.0
    spacing_m: float = 400.0
    max_candidates: int = 400


def region_candidates(
    terrain: Terrain,
    inside: NDArray[np.bool_],
    demand: Demand,
    *,
    settlements: Sequence[Settlement] = (),
    shelters: Sequence[Shelter] = (),
    masts: Sequence[tuple[Site, str]] = (),
    operator: str = "",
    own: Sequence[tuple[str, float, float]] = (),
    excluded: Sequence[tuple[str, BaseGeometry]] = (),
    options: CandidateOptions | None = None,
) -> tuple[list[siting.Candidate], list[siting.Rejection]]:
    """Candidates near ``demand`` and what was left out, with the reason.

    ``inside``: bool (rows, cols), the region's land. ``masts``: (site, operator on it); those without ``operator`` are
    candidates for it. ``own``: a planner's list of (name, lat, lon). ``excluded``: (name, polygon in the plane)
    where nothing may be built, nor put on a mast that stands there. Raises InputError "plan-unknown-source", and for a
    place of the own list "plan-candidate-off-terrain" (off the terrain, at sea or on a hole) or
    "plan-candidate-excluded-area".
    """
    chosen = options or CandidateOptions()
    unknown = [s for s in chosen.sources if s not in SOURCES]
    if unknown:
        raise InputError(
            "plan-unknown-source",
            f"候補地の種類「{unknown[0]}」はありません。{'・'.join(SOURCES)} から選んでください。",
            f"There is no kind of candidate '{unknown[0]}'; choose from {', '.join(SOURCES)}.",
        )
    if len(demand) == 0:
        return [], []
    grid = terrain.grid
    x, y = grid.xy(demand.pixel // grid.cols, demand.pixel % grid.cols)
    where = np.column_stack([x, y])
    found = _generated(terrain, demand, where, settlements, shelters, masts, operator, own, chosen)
    on_land, out = siting.on_terrain(found, terrain)
    for rejection in out:
        if rejection.candidate.source == "list":
            raise InputError(
                "plan-candidate-off-terrain",
                f"候補地「{rejection.candidate.name}」が標高データの範囲の外か、海か、欠けたところにあります。位置を確かめてください。",
                f"The candidate '{rejection.candidate.name}' lies off the terrain, at sea or on a hole; check its position.",
            )
    mine = [c for c in on_land if c.source == "list"]
    standing = [c for c in on_land if c.source == "existing-mast"]
    other = [c for c in on_land if c.source not in {"list", "existing-mast"}]
    flat, steep = siting.not_steeper_than(other, chosen.max_slope_deg)
    names, areas = [name for name, _ in excluded], [area for _, area in excluded]
    for rejection in siting.outside_of(mine, areas, names=names)[1]:
        raise InputError(
            "plan-candidate-excluded-area",
            f"候補地「{rejection.candidate.name}」は立地できない区域{f'「{rejection.detail}」' if rejection.detail else ''}の中です。"
            "一覧から外すか、区域の層を確かめてください。",
            f"The candidate '{rejection.candidate.name}' lies in an area where no mast may be built"
            f"{f' ({rejection.detail})' if rejection.detail else ''}; take it off the list or check that layer.",
        )
    allowed, barred = siting.outside_of([*standing, *flat], areas, names=names)
    here = [c for c in allowed if inside[grid.row_col(c.x_m, c.y_m)]]
    away = [siting.Rejection(c, "outside-region", 0.0) for c in allowed if not inside[grid.row_col(c.x_m, c.y_m)]]
    ranked, idle = _ranked(here, demand, where, chosen.near_m)
    spaced, close = siting.thinned([*mine, *ranked], chosen.spacing_m)
    # The planner's own list is never thinned, however close its places are.
    lost = [r.candidate for r in close if r.candidate.source == "list"]
    kept = [*mine, *[c for c in spaced if c.source != "list"]]
    close = [r for r in close if r.candidate not in lost]
    room = max(chosen.max_candidates, len(mine))
    over = [siting.Rejection(c, "beyond-limit", float(room)) for c in kept[room:]]
    numbered = [replace(c, candidate_id=f"C{i + 1:04d}") for i, c in enumerate(kept[:room])]
    return numbered, [*out, *steep, *barred, *away, *idle, *close, *over]


def _generated(
    terrain: Terrain,
    demand: Demand,
    where: NDArray[np.float64],
    settlements: Sequence[Settlement],
    shelters: Sequence[Shelter],
    masts: Sequence[tuple[Site, str]],
    operator: str,
    own: Sequence[tuple[str, float, float]],
    options: CandidateOptions,
) -> list[siting.Candidate]:
    epsg = terrain.grid.epsg

    def placed(rows: Sequence[tuple[str, float, float]]) -> list[tuple[str, str, float, float]]:
        if not rows:
            return []
        x, y = lonlat_to_plane([r[2] for r in rows], [r[1] for r in rows], epsg)
        return [(str(i), r[0], float(x[i]), float(y[i])) for i, r in enumerate(rows)]

    found: list[siting.Candidate] = []
    if "list" in options.sources:
        found += siting.at_places(placed(own), "list")
    if "existing-mast" in options.sources and masts:
        rows = placed([(f"{site.name}（既設）", site.lat, site.lon) for site, _ in masts])
        on_them = [(site.site_id, *row[1:], who) for (site, who), row in zip(masts, rows, strict=True)]
        heights = {site.site_id: site.height_m for site, _ in masts}
        found += siting.masts_of_others(on_them, operator=operator, antenna_m=heights)
    if "shelter" in options.sources:
        found += siting.at_places(placed([(s.name, s.lat, s.lon) for s in shelters]), "shelter")
    if "settlement" in options.sources:
        found += siting.at_places(placed([(s.name, s.lat, s.lon) for s in settlements]), "settlement")
    if "high-point" in options.sources:
        # Where only shelters lack signal they are what a hill is worth.
        weight = demand.people if demand.people.sum() > 0 else demand.shelters
        hills = siting.high_points(
            terrain, where, weight, within_m=options.near_m, window_m=options.high_point_m,
            spacing_m=max(options.spacing_m, 1.0), limit=options.max_candidates,
        )  # fmt: skip
        found += _named(hills, settlements, epsg)
    return found


def _named(
    hills: Sequence[siting.Candidate], settlements: Sequence[Settlement], epsg: int
) -> list[siting.Candidate]:
    """Hills have no names of their own: they take the nearest town's."""
    if not hills or not settlements:
        return [replace(c, name=f"標高 {c.ground_m:.0f} m の高台") for c in hills]
    x, y = lonlat_to_plane([s.lon for s in settlements], [s.lat for s in settlements], epsg)
    _, nearest = cKDTree(np.column_stack([x, y])).query([(c.x_m, c.y_m) for c in hills])
    return [
        replace(c, name=f"{settlements[int(i)].name}の高台（標高 {c.ground_m:.0f} m）")
        for c, i in zip(hills, nearest, strict=True)
    ]


def _ranked(
    candidates: Sequence[siting.Candidate], demand: Demand, where: NDArray[np.float64], near_m: float
) -> tuple[list[siting.Candidate], list[siting.Rejection]]:
    """Most people near first; between equals the better kind of place; those near nobody are left out."""
    tree = cKDTree(where)
    scored: list[tuple[float, int, siting.Candidate]] = []
    idle: list[siting.Rejection] = []
    for candidate in candidates:
        near = tree.query_ball_point([candidate.x_m, candidate.y_m], near_m)
        people = float(demand.people[near].sum())
        if people > 0 or int(demand.shelters[near].sum()) > 0:
            scored.append((people, SOURCES.index(candidate.source), candidate))
        else:
            idle.append(siting.Rejection(candidate, "nobody-near", near_m))
    scored.sort(key=lambda s: (-s[0], s[1], s[2].x_m, s[2].y_m))
    return [c for _, _, c in scored], idle
