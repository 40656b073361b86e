"""Which meshes and tiles a prefecture needs, computed from its boundary (lon/lat degrees)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from coverage.domain import mesh

_METRES_PER_DEGREE = 111_195.0


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
    lat, lon = mesh.south_west(_mesh_range(west, south, east, north))
    codes = _mesh_range(west, south, east, north)
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
    known = land if surveyed is None else surveyed
    outline = _with_margin(land, margin_m)
    west, south, east, north = outline.bounds
    n = 2**zoom
    x0, x1 = _column(west, n), _column(east, n)
    y0, y1 = _row(north, n), _row(south, n)
    xs, ys = (a.ravel() for a in np.meshgrid(np.arange(x0, x1 + 1), np.arange(y0, y1 + 1), indexing="ij"))
    boxes = shapely.box(_lon(xs, n), _lat(ys + 1, n), _lon(xs + 1, n), _lat(ys, n))
    shapely.prepare(outline)
    shapely.prepare(known)
    touched = shapely.intersects(outline, boxes)
    inside = shapely.contains_properly(known, boxes)
    return [MapTile(zoom, int(x), int(y), bool(w)) for x, y, w in zip(xs[touched], ys[touched], inside[touched], strict=True)]


def degree_tiles(land: BaseGeometry, *, margin_m: float) -> list[tuple[str, bool]]:
    """SRTM names (N34E136) of the one-degree tiles that the land or its margin touches → whether land is in it."""
    outline = _with_margin(land, margin_m)
    west, south, east, north = outline.bounds
    found = []
    for lat in range(math.floor(south), math.floor(north) + 1):
        for lon in range(math.floor(west), math.floor(east) + 1):
            box = shapely.box(lon, lat, lon + 1, lat + 1)
            if shapely.intersects(box, outline):
                name = f"{'N' if lat >= 0 else 'S'}{abs(lat):02d}{'E' if lon >= 0 else 'W'}{abs(lon):03d}"
                found.append((name, bool(shapely.intersects(box, land))))
    return found


def _with_margin(land: BaseGeometry, margin_m: float) -> BaseGeometry:
    if margin_m <= 0:
        return land
    # A coarse outline is enough for choosing tiles; the full one has a hundred thousand vertices.
    step = margin_m / _METRES_PER_DEGREE
    latitude = (land.bounds[1] + land.bounds[3]) / 2
    wide = step / math.cos(math.radians(latitude))
    return shapely.simplify(land, step / 10).buffer(wide * 1.1, quad_segs=4)


def _column(lon: float, n: int) -> int:
    return math.floor((lon + 180.0) / 360.0 * n)


def _row(lat: float, n: int) -> int:
    return math.floor((1.0 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2.0 * n)


def _lon(x: np.ndarray, n: int) -> np.ndarray:
    return np.asarray(x / n * 360.0 - 180.0)


def _lat(y: np.ndarray, n: int) -> np.ndarray:
    return np.asarray(np.degrees(np.arctan(np.sinh(np.pi * (1.0 - 2.0 * y / n)))))
