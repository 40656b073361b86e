"""The terrain between two points: for point queries, profile plots, and checks of single links."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coverage.domain.terrain import Terrain
from coverage.errors import InputError, OutsideTerrainError
from coverage.radio.p1812 import P1812Result
from coverage.radio.path_geometry import INLAND, Profile, wavelength_m

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class PathView:
    """One link in the vertical plane, for drawing: all columns along the path, metres unless said.

    ``line_m`` is the straight ray between the antennas and ``ground_m``/``surface_m`` (with clutter) stand on the
    median effective Earth, so that the ray is straight in the picture. ``fresnel_m`` is the radius of the first Fresnel
    zone. ``edges`` are the indices of the points over which a taut string from antenna to antenna bends (ascending;
    empty on a clear path); ``clearance`` is the smallest height of the ray above the surface in units of the Fresnel
    radius (negative when obstructed).
    """

    distance_km: FloatArray
    ground_m: FloatArray
    surface_m: FloatArray
    line_m: FloatArray
    fresnel_m: FloatArray
    edges: tuple[int, ...]
    clearance: float


def terrain_profile(
    terrain: Terrain,
    x0_m: float,
    y0_m: float,
    x1_m: float,
    y1_m: float,
    *,
    step_m: float | None = None,
    zones: NDArray[np.uint8] | None = None,
) -> Profile:
    """Ground, clutter and zones from one point of the grid to another, at equal steps.

    Heights are bilinear between pixel centres, clutter and zone are the pixel's, as on the rays of the sweep.
    ``step_m`` is at most the spacing of the points; default the grid's cell, at least three intervals. ``zones`` as
    :func:`coverage.radio.zones.climatic_zones`; None is inland.

    Raises OutsideTerrainError where the path leaves the terrain or crosses a hole, InputError for two equal points.
    """
    grid = terrain.grid
    length_m = math.hypot(x1_m - x0_m, y1_m - y0_m)
    if not length_m > 0.0:
        raise InputError(
            "path-has-no-length",
            "断面の両端が同じ地点です。異なる2地点を指定してください。",
            "both ends of the profile are the same point; give two different points.",
        )
    for x, y in ((x0_m, y0_m), (x1_m, y1_m)):
        if not grid.contains(x, y):
            raise OutsideTerrainError(
                "path-off-terrain",
                f"断面の端（x={x:.0f} m, y={y:.0f} m, EPSG:{grid.epsg}）は地形データの範囲外です。",
                f"an end of the profile (x={x:.0f} m, y={y:.0f} m, EPSG:{grid.epsg}) lies outside the terrain.",
            )
    intervals = max(3, math.ceil(length_m / (step_m or grid.cell_m) - 1e-9))
    along = np.arange(intervals + 1) / intervals
    # Seen from the centre of pixel (0, 0); the outer half of a border pixel takes the border's value.
    row = np.clip((grid.y0_m - (y0_m + (y1_m - y0_m) * along)) / grid.cell_m - 0.5, 0.0, grid.rows - 1.0)
    col = np.clip(((x0_m + (x1_m - x0_m) * along) - grid.x0_m) / grid.cell_m - 0.5, 0.0, grid.cols - 1.0)
    pixel = (np.rint(row).astype(np.int64), np.rint(col).astype(np.int64))
    return Profile(
        along * (length_m / 1000.0),
        _bilinear(terrain.height_m, row, col),
        clutter_m=None if terrain.clutter_m is None else terrain.clutter_m[pixel],
        zone=np.full(along.size, INLAND) if zones is None else zones[pixel],
    )


def _bilinear(values: NDArray[np.float32], row: FloatArray, col: FloatArray) -> FloatArray:
    """Values between pixel centres; a neighbour of no weight may be NO DATA."""
    r0, c0 = np.floor(row).astype(np.int64), np.floor(col).astype(np.int64)
    fr, fc = row - r0, col - c0
    r1, c1 = np.where(fr > 0.0, r0 + 1, r0), np.where(fc > 0.0, c0 + 1, c0)
    upper = values[r0, c0] * (1.0 - fc) + values[r0, c1] * fc
    lower = values[r1, c0] * (1.0 - fc) + values[r1, c1] * fc
    between: FloatArray = upper * (1.0 - fr) + lower * fr
    return between


def path_view(profile: Profile, result: P1812Result, *, frequency_ghz: float) -> PathView:
    """The picture of a link whose loss is ``result``: ray, Fresnel zone, diffracting edges."""
    d, length = profile.distance_km, profile.length_km
    remaining = length - d
    bulge = 500.0 / result.a_e_km * d * remaining
    h_ts, h_rs = result.geometry.h_ts_m, result.geometry.h_rs_m
    line = (h_ts * remaining + h_rs * d) / length
    surface = profile.surface_m() + bulge
    fresnel = np.sqrt(1000.0 * wavelength_m(frequency_ghz) * d * remaining / length)
    inner = slice(1, -1)
    return PathView(
        distance_km=d,
        ground_m=profile.height_m + bulge,
        surface_m=surface,
        line_m=line,
        fresnel_m=fresnel,
        edges=_taut_string(d, surface, h_ts, h_rs),
        clearance=float(np.min((line[inner] - surface[inner]) / fresnel[inner])),
    )


def _taut_string(d: FloatArray, surface: FloatArray, h_ts: float, h_rs: float) -> tuple[int, ...]:
    """Inner vertices of the upper hull of both antennas and the surface between them."""
    heights = surface.copy()
    heights[0], heights[-1] = h_ts, h_rs
    chain: list[int] = []
    for i in range(d.size):
        while len(chain) >= 2:
            a, b = chain[-2], chain[-1]
            if (heights[b] - heights[a]) * (d[i] - d[b]) > (heights[i] - heights[b]) * (d[b] - d[a]):
                break
            chain.pop()
        chain.append(i)
    return tuple(chain[1:-1])
