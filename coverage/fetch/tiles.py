"""Which meshes and tiles a prefecture needs, computed from its boundary (lon/lat degrees)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from coverage.domain import mesh

_METRES_PER_DEGREE = 111_195.0

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class MapTile(NamedTuple):
    """An XYZ tile; ``inside``: it lies wholly in the land, so that it must exist."""

    zoom: int
    x: int
    y: int
    inside: bool


def first_level_meshes(land: BaseGeometry) -> dict[str, float]:
    """First-level mesh codes (four digits) that the land touches → share of its area (0–1), by code.

    The share is taken in degrees weighted by the cosine of the latitude, exact enough to tell slivers.
    """
    west, south, east, north = land.bounds
    codes = _mesh_range(west, south, east, north)
    lat, lon = mesh.south_west(codes)
    boxes = shapely.box(lon, lat, lon + 1.0, lat + 2.0 / 3.0)
    shapely.prepare(land)
    touched = shapely.intersects(boxes, land)
    areas = shapely.area(shapely.intersection(boxes[touched], land)) * np.cos(np.radians(lat[touched] + 1 / 3))
    total = float(areas.sum())
    return {str(int(code)): float(area / total) for code, area in zip(codes[touched], areas, strict=True)}


def _mesh_range(west: float, south: float, east: float, north: float) -> np.ndarray:
    rows = range(math.floor(south * 1.5), math.floor(north * 1.5) + 1)
    cols = range(math.floor(west) - 100, math.floor(east) - 100 + 1)
    return np.array([row * 100 + col for row in rows for col in cols], dtype=np.int64)


def map_tiles(
    land: BaseGeometry, zoom: int, *, margin_m: float, surveyed: BaseGeometry | None = None
) -> list[MapTile]:
    """Web Mercator tiles that the land or a margin around it touches, by x then y.

    ``surveyed``: the part of the land in which every tile must exist (default: all of it).
    """
    reach = _margin_deg(land, margin_m)
    west, south, east, north = land.bounds
    n = 2**zoom
    columns = np.arange(_column(west - reach, n), _column(east + reach, n) + 1)
    rows = np.arange(_row(north + reach, n), _row(south - reach, n) + 1)
    xs, ys = (a.ravel() for a in np.meshgrid(columns, rows, indexing="ij"))
    edges = (_lon(xs, n), _lat(ys + 1, n), _lon(xs + 1, n), _lat(ys, n))
    touched, _ = _near(land, edges, reach)
    _, inside = _near(land if surveyed is None else surveyed, edges, 0.0)
    return [MapTile(zoom, int(x), int(y), bool(w)) for x, y, w in zip(xs[touched], ys[touched], inside[touched], strict=True)]


def _near(land: BaseGeometry, edges: tuple[Floats, Floats, Floats, Floats], reach: float) -> tuple[Flags, Flags]:
    """(box within ``reach`` degrees of the land, box wholly in it), part by part.

    A prefecture's full outline has half a million vertices in thousands of parts; a buffer around it takes minutes, a
    prepared question about each box near a part takes milliseconds.
    """
    west, south, east, north = edges
    boxes = shapely.box(west, south, east, north)
    near, inside = np.zeros(len(boxes), dtype=np.bool_), np.zeros(len(boxes), dtype=np.bool_)
    for part in shapely.get_parts(land):
        a, b, c, d = part.bounds
        at = np.flatnonzero((west <= c + reach) & (east >= a - reach) & (south <= d + reach) & (north >= b - reach))
        if not len(at):
            continue
        shapely.prepare(part)
        near[at] |= shapely.dwithin(part, boxes[at], reach)
        inside[at] |= shapely.contains_properly(part, boxes[at])
    return near, inside


def degree_tiles(land: BaseGeometry, *, margin_m: float) -> list[tuple[str, bool]]:
    """SRTM names (N34E136) of the one-degree tiles that the land or its margin touches → whether land is in it."""
    reach = _margin_deg(land, margin_m)
    west, south, east, north = land.bounds
    lats = np.arange(math.floor(south - reach), math.floor(north + reach) + 1)
    lons = np.arange(math.floor(west - reach), math.floor(east + reach) + 1)
    lat, lon = (a.ravel().astype(np.float64) for a in np.meshgrid(lats, lons, indexing="ij"))
    edges = (lon, lat, lon + 1, lat + 1)
    near, _ = _near(land, edges, reach)
    on_land, _ = _near(land, edges, 0.0)
    return [
        (f"{'N' if y >= 0 else 'S'}{abs(y):02.0f}{'E' if x >= 0 else 'W'}{abs(x):03.0f}", bool(own))
        for y, x, own in zip(lat[near], lon[near], on_land[near], strict=True)
    ]


def _margin_deg(land: BaseGeometry, margin_m: float) -> float:
    """The margin in degrees of longitude, the longer of the two on the ground: rather a tile too many."""
    latitude = max(abs(land.bounds[1]), abs(land.bounds[3]))
    return margin_m / _METRES_PER_DEGREE / math.cos(math.radians(latitude))


def _column(lon: float, n: int) -> int:
    return math.floor((lon + 180.0) / 360.0 * n)


def _row(lat: float, n: int) -> int:
    return math.floor((1.0 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2.0 * n)


def _lon(x: np.ndarray, n: int) -> np.ndarray:
    return np.asarray(x / n * 360.0 - 180.0)


def _lat(y: np.ndarray, n: int) -> np.ndarray:
    return np.asarray(np.degrees(np.arctan(np.sinh(np.pi * (1.0 - 2.0 * y / n)))))
