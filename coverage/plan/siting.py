"""Where a mast could stand: generators and filters over terrain, places and layers. No files, no radio.

Generators look for spots (high ground near unserved people, shelters, town points, masts of other operators, a
planner's own list); filters leave out what cannot be built on. What each candidate reaches comes from the radio engine.

All coordinates are metres in the plane of the terrain's grid.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from shapely import STRtree
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from coverage.domain.terrain import Terrain
from coverage.errors import InputError

FloatArray = NDArray[np.float64]
Source = Literal["high-point", "shelter", "settlement", "existing-mast", "list"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A spot for a mast. ``ground_m`` is the terrain height there, NaN until :func:`on_terrain` looked it up."""

    candidate_id: str
    x_m: float
    y_m: float
    source: Source
    name: str = ""
    municipality_code: str = ""
    cost_yen: int | None = None
    ground_m: float = float("nan")
    slope_deg: float = float("nan")
    mast_id: str = ""
    """Site id of the standing mast that is joined; "" for a new one."""
    antenna_m: float | None = None
    """Height of a standing mast's antennas above ground, where the ledger knows it."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a candidate was left out: a stable kebab-case reason, a figure in the reason's unit, and a name where one bars."""

    candidate: Candidate
    reason: str
    figure: float
    detail: str = ""


Filtered = tuple[list[Candidate], list[Rejection]]


def _xy(candidates: Sequence[Candidate]) -> FloatArray:
    return np.array([(c.x_m, c.y_m) for c in candidates], dtype=np.float64).reshape(-1, 2)


# ---- terrain --------------------------------------------------------------------------------------------------------


def slope_deg(terrain: Terrain) -> FloatArray:
    """Steepest slope of the ground in degrees, float64 (rows, cols); NaN where a neighbour has no data.

    Third-order finite differences over the 3 × 3 neighbourhood (Horn 1981), the border pixels repeated outward.
    """
    z = np.pad(terrain.height_m.astype(np.float64), 1, mode="edge")
    nw, n, ne = z[:-2, :-2], z[:-2, 1:-1], z[:-2, 2:]
    w, e = z[1:-1, :-2], z[1:-1, 2:]
    sw, s, se = z[2:, :-2], z[2:, 1:-1], z[2:, 2:]
    step = 8.0 * terrain.grid.cell_m
    east = ((ne + 2 * e + se) - (nw + 2 * w + sw)) / step
    north = ((nw + 2 * n + ne) - (sw + 2 * s + se)) / step
    steepness: FloatArray = np.degrees(np.arctan(np.hypot(east, north)))
    return steepness


def on_terrain(candidates: Iterable[Candidate], terrain: Terrain) -> Filtered:
    """Candidates with ground height and slope of their pixel; rejects those outside, at sea or on a hole."""
    kept: list[Candidate] = []
    out: list[Rejection] = []
    slopes = slope_deg(terrain)
    for candidate in candidates:
        if not terrain.grid.contains(candidate.x_m, candidate.y_m):
            out.append(Rejection(candidate, "outside-terrain", float("nan")))
            continue
        pixel = terrain.grid.row_col(candidate.x_m, candidate.y_m)
        if bool(terrain.sea[pixel]):
            out.append(Rejection(candidate, "sea", 0.0))
        elif not np.isfinite(terrain.height_m[pixel]):
            out.append(Rejection(candidate, "no-terrain-data", float("nan")))
        else:
            kept.append(replace(candidate, ground_m=float(terrain.height_m[pixel]), slope_deg=float(slopes[pixel])))
    return kept, out


def high_points(
    terrain: Terrain,
    demand_xy: FloatArray,
    demand_weight: NDArray[Any],
    *,
    within_m: float = 5_000.0,
    window_m: float = 500.0,
    spacing_m: float = 500.0,
    limit: int = 500,
    prefix: str = "HP",
) -> list[Candidate]:
    """High ground near unserved people: local maxima of the terrain, best first, at least ``spacing_m`` apart.

    A pixel is a local maximum when nothing within ``window_m`` is higher. Every pixel of a plateau is one; of those,
    ``spacing_m`` leaves the northernmost, westernmost and others that far from it, so that a wide plateau yields several
    points and a narrow summit one. Points are
    ranked by people within ``within_m`` times height above the mean ground within that distance of those people: a
    hill that stands out over many people comes first. Points with nobody in reach are left out. ``demand_xy`` float64
    (k, 2), ``demand_weight`` (k,): unserved people only.
    """
    from scipy import ndimage
    from scipy.spatial import cKDTree

    _positive(within_m=within_m, window_m=window_m, spacing_m=spacing_m)
    weight = np.asarray(demand_weight, dtype=np.float64)
    people = np.asarray(demand_xy, dtype=np.float64).reshape(-1, 2)[weight > 0]
    weight = weight[weight > 0]
    if not len(people) or limit <= 0:
        return []
    height = np.where(terrain.sea | ~np.isfinite(terrain.height_m), -np.inf, terrain.height_m)
    reach = max(1, round(window_m / terrain.grid.cell_m))
    span = np.arange(-reach, reach + 1)
    disc = span[:, None] ** 2 + span[None, :] ** 2 <= reach * reach
    top = ndimage.maximum_filter(height, footprint=disc, mode="constant", cval=-np.inf)
    rows, cols = np.nonzero((height == top) & np.isfinite(height))
    if not len(rows):
        return []
    x, y = terrain.grid.xy(rows.astype(np.int64), cols.astype(np.int64))
    spots = np.column_stack((x, y))
    tree = cKDTree(people)
    near = tree.query_ball_point(spots, within_m)
    pixel = [terrain.grid.row_col(px, py) for px, py in people]
    ground = np.array(
        [terrain.height_m[p] if 0 <= p[0] < terrain.grid.rows and 0 <= p[1] < terrain.grid.cols else np.nan for p in pixel]
    )
    score = np.zeros(len(spots))
    for k, members in enumerate(near):
        if members:
            below = ground[members]
            level = float(np.nanmean(below)) if bool(np.isfinite(below).any()) else 0.0
            score[k] = float(weight[members].sum()) * max(1.0, float(height[rows[k], cols[k]]) - level)
    # Equal scores (plateaus) are settled by position, north to south, west to east.
    order = [int(k) for k in np.lexsort((cols, rows, -score)) if score[k] > 0]
    chosen: list[int] = []
    for k in order:
        if all((spots[k, 0] - spots[c, 0]) ** 2 + (spots[k, 1] - spots[c, 1]) ** 2 >= spacing_m**2 for c in chosen):
            chosen.append(k)
            if len(chosen) == limit:
                break
    return [
        Candidate(
            f"{prefix}-{number + 1:04d}", float(spots[k, 0]), float(spots[k, 1]), "high-point",
            ground_m=float(height[rows[k], cols[k]]),
        )
        for number, k in enumerate(chosen)
    ]  # fmt: skip


def _positive(**lengths: float) -> None:
    for name, value in lengths.items():
        if not value > 0:
            raise InputError(
                "candidate-length-not-positive",
                f"{name} は正の長さ（m）にしてください（値: {value}）。",
                f"{name} must be a positive length in metres (got {value}).",
            )


# ---- places ---------------------------------------------------------------------------------------------------------


def at_places(
    places: Iterable[tuple[str, str, float, float]], source: Source, *, municipality: Mapping[str, str] | None = None
) -> list[Candidate]:
    """One candidate per place (id, name, x_m, y_m): shelters, town points, existing masts or a planner's own list.

    ``municipality`` maps ids to codes. Raises InputError for an id that occurs twice or a position that is no number.
    """
    out: list[Candidate] = []
    seen: set[str] = set()
    for place_id, name, x, y in places:
        if place_id in seen:
            raise InputError(
                "plan-duplicate-id",
                f"候補地の識別子「{place_id}」が重複しています。1つにしてください。",
                f"The candidate id '{place_id}' occurs more than once; ids must be distinct.",
            )
        if not (np.isfinite(x) and np.isfinite(y)):
            raise InputError(
                "candidate-position",
                f"候補地「{place_id}」の位置が数値ではありません。",
                f"The position of the candidate '{place_id}' is not a number.",
            )
        seen.add(place_id)
        code = municipality.get(place_id, "") if municipality else ""
        out.append(Candidate(place_id, float(x), float(y), source, name, code))
    return out


def masts_of_others(
    masts: Iterable[tuple[str, str, float, float, str]],
    *,
    operator: str,
    antenna_m: Mapping[str, float | None] | None = None,
) -> list[Candidate]:
    """Existing masts (id, name, x_m, y_m, operator on it) where ``operator`` is not yet: one candidate per mast.

    ``antenna_m``: height of a mast's antennas above ground by its id, None where nobody knows.
    """
    rows = list(masts)
    taken = {mast_id for mast_id, _, _, _, on_it in rows if on_it == operator}
    first: dict[str, tuple[str, str, float, float]] = {}
    for mast_id, name, x, y, _ in rows:
        if mast_id not in taken:
            first.setdefault(mast_id, (mast_id, name, x, y))
    heights = antenna_m or {}
    return [
        replace(c, mast_id=c.candidate_id, antenna_m=heights.get(c.candidate_id))
        for c in at_places(first.values(), "existing-mast")
    ]


# ---- filters --------------------------------------------------------------------------------------------------------


def _split(candidates: Sequence[Candidate], figures: FloatArray, keep: NDArray[np.bool_], reason: str) -> Filtered:
    kept = [c for c, k in zip(candidates, keep, strict=True) if k]
    out = [Rejection(c, reason, float(f)) for c, f, k in zip(candidates, figures, keep, strict=True) if not k]
    return kept, out


def not_steeper_than(candidates: Sequence[Candidate], max_deg: float) -> Filtered:
    """Slope at most ``max_deg`` degrees; an unknown slope (NaN) is rejected, because nobody can build on a guess."""
    slopes = np.array([c.slope_deg for c in candidates], dtype=np.float64)
    return _split(candidates, slopes, slopes <= max_deg, "too-steep")


def outside_of(
    candidates: Sequence[Candidate],
    polygons: Sequence[BaseGeometry],
    *,
    names: Sequence[str] = (),
    reason: str = "excluded-area",
) -> Filtered:
    """Not inside or on the edge of any polygon (nature parks, landslide areas); the rejection names the first that bars.

    ``names``: one per polygon, or none.
    """
    barred: dict[int, int] = {}
    if polygons and candidates:
        pairs = STRtree(list(polygons)).query([Point(c.x_m, c.y_m) for c in candidates], predicate="intersects")
        for candidate, polygon in sorted(zip(pairs[0].tolist(), pairs[1].tolist(), strict=True)):
            barred.setdefault(candidate, polygon)
    kept = [c for k, c in enumerate(candidates) if k not in barred]
    out = [Rejection(candidates[k], reason, 0.0, names[p] if names else "") for k, p in sorted(barred.items())]
    return kept, out


def thinned(candidates: Sequence[Candidate], spacing_m: float) -> Filtered:
    """Earlier candidates stand; a later one closer than ``spacing_m`` to one that stands is left out."""
    _positive(spacing_m=spacing_m)
    xy = _xy(candidates)
    keep = np.zeros(len(candidates), dtype=np.bool_)
    nearest = np.full(len(candidates), np.inf)
    for k in range(len(candidates)):
        standing = xy[:k][keep[:k]]
        if len(standing):
            nearest[k] = float(np.sqrt(((standing - xy[k]) ** 2).sum(axis=1).min()))
        keep[k] = nearest[k] >= spacing_m
    return _split(candidates, nearest, keep, "too-close")
