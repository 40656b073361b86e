"""No-signal areas as polygons: populated places where nobody serves, with their people and nearest names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.features import shapes
from rasterio.transform import Affine
from scipy import ndimage
from scipy.spatial import cKDTree
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from coverage.domain.grid import Grid
from coverage.domain.ledger import District
from coverage.domain.places import Settlement
from coverage.domain.projection import geometry_to_lonlat
from coverage.gaps.overlay import Overlay
from coverage.gaps.population_coverage import UNSERVED

_EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=np.int8)


@dataclass(frozen=True)
class NoSignalArea:
    """One connected populated area without signal inside one municipality. Geometry is lon/lat."""

    area_id: str
    municipality_code: str
    geometry: BaseGeometry
    people: float
    households: float
    area_km2: float
    district_ids: tuple[str, ...]
    nearest_settlement: str


def no_signal_areas(
    overlay: Overlay,
    state: NDArray[np.uint8],
    *,
    districts: Sequence[District] = (),
    settlements: Sequence[Settlement] = (),
    min_people: float = 0.5,
) -> list[NoSignalArea]:
    """Connected (8-neighbour) unserved pixels of populated mesh cells, split at municipal boundaries.

    ``min_people`` leaves out areas with fewer residents (persons): half a person by default, since shares of cells
    are spread evenly over their pixels. The order is by municipality, then most people first; ids follow it.
    ``households`` is NaN where the population layer has none.
    """
    people_raster = overlay.people_of_pixel()
    homes_raster = overlay.spread(np.nan_to_num(overlay.population.households))
    mask = (state == UNSERVED) & overlay.inside & (people_raster > 0)
    joined, _ = ndimage.label(mask, structure=_EIGHT_NEIGHBOURS)
    # One number per (component, municipality): an area never crosses a boundary, so municipal sums are exact.
    key = np.where(mask, joined.astype(np.int64) * len(overlay.codes) + overlay.municipality_index, -1)
    keys, label = np.unique(key, return_inverse=True)
    numbered: NDArray[np.int32] = label.reshape(mask.shape).astype(np.int32)
    count = len(keys)
    where = numbered[mask]
    people = np.bincount(where, weights=people_raster[mask], minlength=count)
    households = np.bincount(where, weights=homes_raster[mask], minlength=count)
    if np.all(np.isnan(overlay.population.households)):
        households[:] = np.nan
    pixels = np.bincount(where, minlength=count)
    owner = np.full(count, -1, dtype=np.int64)
    owner[where] = overlay.municipality_index[mask]
    keep = np.flatnonzero((people >= min_people) & (owner >= 0))
    wanted = np.zeros(count, dtype=np.bool_)
    wanted[keep] = True
    polygons = _polygons(overlay.grid, numbered, wanted[numbered] & mask)
    order = sorted(keep.tolist(), key=lambda k: (overlay.codes[int(owner[k])], -people[k], int(keys[k])))
    name_of = _NearestName(settlements)
    areas: list[NoSignalArea] = []
    number: dict[str, int] = {}
    for k in order:
        code = overlay.codes[int(owner[k])]
        number[code] = number.get(code, 0) + 1
        geometry = polygons[k]
        touched = sorted(
            {d.district_id for d in districts if d.municipality_code == code and geometry.intersects(d.geometry)}
        )
        areas.append(
            NoSignalArea(
                area_id=f"{code}-{number[code]:03d}",
                municipality_code=code,
                geometry=geometry,
                people=float(people[k]),
                households=float(households[k]),
                area_km2=float(pixels[k]) * (overlay.grid.cell_m / 1000.0) ** 2,
                district_ids=tuple(touched),
                nearest_settlement=name_of(geometry),
            )
        )
    return areas


def _polygons(
    grid: Grid, label: NDArray[np.int32], mask: NDArray[np.bool_]
) -> dict[int, BaseGeometry]:
    """Outlines of the labelled pixels, lon/lat."""
    parts: dict[int, list[BaseGeometry]] = {}
    for outline, value in shapes(label, mask=mask, connectivity=4, transform=Affine(*grid.transform)):
        parts.setdefault(int(value), []).append(shape(outline))
    return {k: geometry_to_lonlat(unary_union(pieces), grid.epsg) for k, pieces in parts.items()}


class _NearestName:
    """Name of the settlement nearest to an area, "" without settlements. Degrees are scaled to local kilometres."""

    def __init__(self, settlements: Sequence[Settlement]) -> None:
        self._names = [s.name for s in settlements]
        self._tree = None
        if settlements:
            lat = np.array([s.lat for s in settlements])
            lon = np.array([s.lon for s in settlements])
            self._scale = float(np.cos(np.deg2rad(lat.mean())))
            self._tree = cKDTree(np.column_stack([lon * self._scale, lat]))

    def __call__(self, geometry: BaseGeometry) -> str:
        if self._tree is None:
            return ""
        point = geometry.representative_point()
        _, index = self._tree.query([point.x * self._scale, point.y])
        return self._names[int(index)]
