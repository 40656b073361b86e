"""Municipalities of 見本県: invented names, codes that no real place has, borders along the divides.

Each hillside goes to the municipality that its stream reaches, as borders in the mountains of Japan do; the streams go
to the town that is nearest by foot. Codes follow JIS X 0402 (cities from 201, towns and villages from 301 in blocks of
20 a county) under prefecture number 99, which does not exist.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio.features
import shapely
from numpy.typing import NDArray
from rasterio.transform import Affine
from scipy import ndimage
from shapely.geometry.base import BaseGeometry

from coverage.domain.projection import geometry_to_lonlat
from coverage.sample.relief import GRID, Relief

PREFECTURE = "見本県"
PREFECTURE_CODE = "99"
_COARSE = 4
_SMOOTHING_M = 75.0
_STREAM_CELLS = 240
"""Streams draining more than this (0.6 km²) are given out one cell at a time; smaller ones follow their outlet."""


@dataclass(frozen=True, slots=True)
class Town:
    """A municipality before it has an outline. ``east_km``/``north_km``: where its office stands, from the grid's
    south-west corner. ``people``: what the census is to say. ``urban``: share of them in the main town. ``pull``: how
    far its land reaches, km of walking that it is ahead of its neighbours."""

    code: str
    county: str
    name: str
    kind: str
    east_km: float
    north_km: float
    people: int
    urban: float
    pull: float = 0.0


TOWNS = (
    Town("99201", "", "帆影市", "city", 8.2, 22.8, 66_200, 0.62, 3.0),
    Town("99202", "", "汐霞市", "city", 23.6, 38.4, 38_400, 0.58, 1.0),
    Town("99203", "", "灘渡市", "city", 15.2, 13.2, 34_700, 0.56, 1.0),
    Town("99204", "", "月凪市", "city", 43.7, 34.9, 24_900, 0.55, 0.0),
    Town("99301", "朧郡", "榧谷町", "town", 31.4, 24.4, 5_300, 0.24, 1.5),
    Town("99302", "朧郡", "椋瀬村", "village", 19.4, 28.2, 1_740, 0.20, 1.5),
    Town("99303", "朧郡", "霧瀬町", "town", 8.8, 34.9, 7_900, 0.38, 0.0),
    Town("99321", "渚郡", "舟隠町", "town", 26.4, 14.6, 10_800, 0.36, 0.0),
    Town("99322", "渚郡", "澪崎町", "town", 33.4, 10.2, 6_100, 0.33, 0.0),
    Town("99341", "鴎郡", "渦見町", "town", 36.6, 21.2, 8_700, 0.34, 0.0),
    Town("99342", "鴎郡", "貝寄町", "town", 45.4, 24.4, 7_300, 0.31, 0.0),
)
UNASSIGNED_KM = (35.0, 45.2)
"""An islet that no municipality has: 所属未定地, as the real boundary layer has some."""


@dataclass(frozen=True)
class Municipalities:
    """``label``: index into :data:`TOWNS` for every cell of the grid, −1 at sea, −2 on the unassigned islet.
    ``outlines``: one polygon per feature in lon/lat, with the index of its town (or −2)."""

    label: NDArray[np.int16]
    outlines: list[tuple[int, BaseGeometry]]

    def feature_collection(self) -> dict[str, Any]:
        """As KSJ N03 publishes it: one feature per polygon, several per municipality."""
        features = []
        for index, outline in self.outlines:
            town = TOWNS[index] if index >= 0 else None
            features.append(
                {
                    "type": "Feature",
                    "properties": {
                        "N03_001": PREFECTURE,
                        "N03_002": None,
                        "N03_003": (town.county or None) if town else None,
                        "N03_004": town.name if town else "所属未定地",
                        "N03_007": town.code if town else None,
                    },
                    "geometry": {"type": "Polygon", "coordinates": _rings(outline)},
                }
            )
        return {"type": "FeatureCollection", "features": features}


def office_cell(town: Town) -> tuple[int, int]:
    """Row and column of the cell where the municipality's office stands."""
    return GRID.rows - 1 - int(town.north_km * 1000.0 / GRID.cell_m), int(town.east_km * 1000.0 / GRID.cell_m)


def divide(relief: Relief) -> Municipalities:
    """Give every cell of land to a municipality, and draw the outlines."""
    smooth = _outlines(_labels(relief))
    # The outlines are the truth from here on: who lives outside them would live nowhere.
    label = rasterio.features.rasterize(
        [(outline, value) for value, outline in smooth],
        out_shape=GRID.shape,
        fill=-1,
        transform=Affine(*GRID.transform),
        dtype="int16",
    )
    outlines = []
    for value, outline in smooth:
        rounded = shapely.transform(geometry_to_lonlat(outline, GRID.epsg), lambda xy: np.round(xy, 6))
        outlines.append((value, shapely.orient_polygons(rounded, exterior_cw=False)))
    return Municipalities(label, outlines)


def _walk(relief: Relief) -> NDArray[np.int16]:
    """Nearest town on foot, on cells of 200 m; 255 m of climb count like a kilometre."""
    rows, cols = GRID.rows // _COARSE, GRID.cols // _COARSE
    blocks = relief.height_m.reshape(rows, _COARSE, cols, _COARSE)
    height = blocks.mean(axis=(1, 3))
    sea = relief.sea.reshape(rows, _COARSE, cols, _COARSE).mean(axis=(1, 3)) > 0.7
    step_km = GRID.cell_m * _COARSE / 1000.0
    level = height.tolist()
    water = sea.tolist()
    owner = np.full((rows, cols), -1, dtype=np.int16)
    queue: list[tuple[float, int, int, int]] = []
    for index, town in enumerate(TOWNS):
        row, col = office_cell(town)
        heapq.heappush(queue, (-town.pull, index, row // _COARSE, col // _COARSE))
    while queue:
        spent, index, row, col = heapq.heappop(queue)
        if owner[row, col] >= 0:
            continue
        owner[row, col] = index
        for dr, dc, length in (
            (-1, -1, 1.414), (-1, 0, 1.0), (-1, 1, 1.414), (0, -1, 1.0),
            (0, 1, 1.0), (1, -1, 1.414), (1, 0, 1.0), (1, 1, 1.414),
        ):  # fmt: skip
            r, c = row + dr, col + dc
            if 0 <= r < rows and 0 <= c < cols and owner[r, c] < 0:
                climb = abs(level[r][c] - level[row][col]) / 255.0
                # Boats reach the islands; nobody walks across a bay.
                cost = length * step_km * (9.0 if water[r][c] else 1.0) + climb
                heapq.heappush(queue, (spent + cost, index, r, c))
    return owner


def _labels(relief: Relief) -> NDArray[np.int16]:
    owner = np.repeat(np.repeat(_walk(relief), _COARSE, axis=0), _COARSE, axis=1).ravel()
    water = relief.water
    label: list[int] = owner.tolist()
    down: list[int] = water.receiver.tolist()
    at_sea = relief.sea.ravel()
    outlet = at_sea[water.receiver]
    own = (water.area >= _STREAM_CELLS) | outlet
    keeps = own.tolist()
    for at in water.order.tolist():
        if not keeps[at]:
            label[at] = label[down[at]]
    result = np.where(at_sea, -1, np.array(label)).reshape(GRID.shape).astype(np.int16)
    result = _without_fingers(_without_specks(result))
    islands, _ = ndimage.label(~relief.sea, structure=np.ones((3, 3), dtype=int))
    sizes = np.bincount(islands.ravel())
    for island in np.flatnonzero(sizes < 4_000):
        if island > 0:
            here = islands == island
            # An island is never cut in two.
            result[here] = np.bincount(result[here]).argmax()
    row = GRID.rows - 1 - int(UNASSIGNED_KM[1] * 1000.0 / GRID.cell_m)
    col = int(UNASSIGNED_KM[0] * 1000.0 / GRID.cell_m)
    near = islands[row - 25 : row + 25, col - 25 : col + 25]
    result[(islands == near.max()) & (near.max() > 0)] = -2
    return result


def _without_fingers(label: NDArray[np.int16]) -> NDArray[np.int16]:
    """On flat ground divides are hair-thin and meaningless: every cell goes with the most of the 450 m around it."""
    most = np.zeros(label.shape)
    result = label.copy()
    for index in range(len(TOWNS)):
        share = ndimage.uniform_filter((label == index).astype(np.float64), size=9)
        # Sixty-fourths, so that the last bit of a running mean decides nothing.
        share = np.round(share * 64.0)
        better = (share > most) & (label >= 0)
        most = np.where(better, share, most)
        result[better] = index
    return result


def _without_specks(label: NDArray[np.int16]) -> NDArray[np.int16]:
    """Pieces cut off from the rest of their municipality on the same island go to the neighbour around them."""
    result = label.copy()
    for _ in range(3):
        for index in range(len(TOWNS)):
            parts, count = ndimage.label(result == index)
            if count < 2:
                continue
            sizes = np.bincount(parts.ravel())
            sizes[0] = 0
            for part in np.flatnonzero((sizes > 0) & (sizes < 0.3 * sizes.max())):
                here = parts == part
                ring = ndimage.binary_dilation(here) & ~here
                around = result[ring]
                around = around[(around >= 0) & (around != index)]
                if len(around):
                    result[here] = np.bincount(around).argmax()
    return result


def _outlines(label: NDArray[np.int16]) -> list[tuple[int, BaseGeometry]]:
    """Outlines in the plane, smoothed together, so that neighbours keep the same border to the last digit."""
    found = [
        (int(value), shapely.geometry.shape(geometry))
        for geometry, value in rasterio.features.shapes(
            label, mask=label != -1, transform=Affine(*GRID.transform), connectivity=4
        )
    ]
    found = [(value, outline) for value, outline in found if outline.area >= 30_000.0]
    found.sort(key=lambda item: (item[0] if item[0] >= 0 else 99, -item[1].area, item[1].bounds))
    # The raster's outlines skip corners on straight edges; where three municipalities meet all three need the corner.
    noded = [
        shapely.transform(shapely.segmentize(outline, GRID.cell_m), lambda xy: np.round(xy / 50.0) * 50.0)
        for _, outline in found
    ]
    smooth = shapely.coverage_simplify(noded, _SMOOTHING_M)
    return [(value, outline) for (value, _), outline in zip(found, smooth, strict=True)]


def _rings(polygon: BaseGeometry) -> list[list[list[float]]]:
    return [[[float(x), float(y)] for x, y in ring.coords] for ring in [polygon.exterior, *polygon.interiors]]
