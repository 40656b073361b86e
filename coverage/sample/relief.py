"""The land of 見本県: mountains lifted and carved, then half drowned, so that the coast is a ria.

Made from coarse to fine (400 m, 200 m, 100 m, 50 m). Each stage lets rain carve what the stage before left, which
gives real catchments, real divides and one river mouth per valley. Then the sea rises, and rivers fill bays and
valley floors with gravel. Nothing of it is a copy of a real place.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from coverage.domain.grid import Grid
from coverage.sample.drainage import Drainage, carve, drain, smooth
from coverage.sample.noise import fractal_noise, ridged_noise

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

GRID = Grid(epsg=6674, x0_m=32_800.0, y0_m=-235_600.0, cell_m=50.0, rows=992, cols=1088)
"""Inside 136.35–136.95 E, 33.42–33.88 N: open sea off Kumano. Sides are multiples of 400 m."""

_HIGHEST_M = 1_186.0
_SPINE_KM = ((15.5, 33.5), (21.5, 27.5), (27.5, 30.0), (33.0, 26.5), (39.0, 30.5), (44.0, 30.0))
"""The main ridge: km east and north of the grid's south-west corner."""
_SPUR_KM = ((27.5, 30.0), (26.5, 20.5), (31.0, 14.5))
_PLAINS_KM = ((9.5, 23.5, 6.5), (23.5, 41.0, 5.0), (45.0, 35.5, 3.6), (16.5, 13.0, 3.4))
"""Coastal plains: east, north, reach (km)."""
_BODIES_KM = (
    # east, north, half axes, and the slope of the long axis (rational stand-ins for cosine and sine)
    (26.5, 27.0, 19.5, 13.0, 0.96, 0.28),
    (13.0, 27.5, 8.5, 10.5, 1.0, 0.0),
    (33.0, 14.5, 8.0, 9.0, 0.8, -0.6),
    (42.5, 21.5, 8.5, 6.5, 0.8, 0.6),
    (20.0, 13.5, 8.5, 6.0, 1.0, 0.0),
)
_ISLETS_KM = (
    (47.6, 12.6, 2.1, 1.3),
    (24.5, 4.6, 1.9, 1.2),
    (39.6, 7.4, 1.2, 0.9),
    (43.2, 9.4, 0.9, 0.7),
    (5.0, 11.2, 2.3, 1.5),
    (50.0, 28.4, 1.0, 1.3),
    (35.0, 45.2, 1.3, 0.8),
)


@dataclass(frozen=True)
class Relief:
    """``height_m``: metres to 0.1 m, shape of :data:`GRID`, 0 at sea and at least 0.3 on land. ``sea``: where the sea
    is. ``water``: drainage of the finished land, areas in cells of 50 m."""

    height_m: FloatArray
    sea: BoolArray
    water: Drainage


def make_relief(seed: int, chance: np.random.Generator) -> Relief:
    """The landscape of one seed; ``chance`` decides between equal ways down."""
    east, north = _kilometres(8)
    height = 160.0 * (1.0 + fractal_noise(east / 5.0, north / 5.0, seed=seed + 11, octaves=5, gain=0.6))
    steps = ((8, 0.5, 34, 0.55), (4, 0.35, 8, 0.62), (2, 0.25, 3, 0.68))
    for shrink, time, rounds, steepest in steps:
        east, north = _kilometres(shrink)
        body = _body(east, north, seed)
        sea = body <= 0.0
        if shrink < 8:
            bend = 0.10 * GRID.cell_m * shrink / 1000.0 * 8.0
            height = _bent(_finer(height), east, north, bend_km=bend, seed=seed + 40 + shrink)
        rough = fractal_noise(east / 0.9, north / 0.9, seed=seed + 7, octaves=3)
        height = np.where(sea, 0.0, np.maximum(height, 0.5) + (shrink / 2.0) * (1.0 + rough))
        height, _ = carve(
            height,
            sea,
            uplift=_uplift(east, north, body, seed),
            cell_m=GRID.cell_m * shrink,
            time=time,
            steepest=steepest,
            rounds=rounds,
            chance=chance,
        )
        height = smooth(height, sea, share=0.08)
    east, north = _kilometres(1)
    height = _bent(_finer(height), east, north, bend_km=0.06, seed=seed + 41)
    # The shore of the finest stage is the one of the stage before, rounded.
    sea = _finer(body) <= 0.0
    plain = _plain(east, north, seed)
    detail = fractal_noise(east / 0.42, north / 0.42, seed=seed + 31, octaves=3)
    height = np.where(sea, 0.0, height + np.minimum(height, 140.0) / 140.0 * 9.0 * detail)
    height *= _HIGHEST_M / float(height.max())
    height, sea = _drown(height, sea, east, north, plain, seed)
    height, water = carve(
        height,
        sea,
        uplift=np.zeros_like(height),
        cell_m=GRID.cell_m,
        time=0.04,
        steepest=0.8,
        rounds=1,
        chance=chance,
    )
    height, sea = _silt(height, sea, water, plain)
    height = np.where(sea, 0.0, np.maximum(np.round(height * 10.0) / 10.0, 0.3))
    return Relief(height, sea, drain(height, sea))


def _kilometres(shrink: int) -> tuple[FloatArray, FloatArray]:
    """Centres of the cells of the grid made ``shrink`` times coarser: km east and north of the south-west corner."""
    rows, cols = GRID.rows // shrink, GRID.cols // shrink
    step = GRID.cell_m * shrink / 1000.0
    col, row = np.meshgrid(np.arange(cols, dtype=np.float64), np.arange(rows, dtype=np.float64))
    return (col + 0.5) * step, (rows - row - 0.5) * step


def _finer(height: FloatArray) -> FloatArray:
    """Twice the resolution, bilinear between cell centres."""
    padded = np.pad(height, 1, mode="edge")
    rows, cols = height.shape
    fine = np.empty((rows * 2, cols * 2))
    centre = padded[1:-1, 1:-1]
    for row_side, row_shift in ((0, -1), (1, 1)):
        for col_side, col_shift in ((0, -1), (1, 1)):
            up = padded[1 + row_shift : rows + 1 + row_shift, 1:-1]
            left = padded[1:-1, 1 + col_shift : cols + 1 + col_shift]
            corner = padded[1 + row_shift : rows + 1 + row_shift, 1 + col_shift : cols + 1 + col_shift]
            fine[row_side::2, col_side::2] = (9.0 * centre + 3.0 * up + 3.0 * left + corner) / 16.0
    return fine


def _bent(
    height: FloatArray, east: FloatArray, north: FloatArray, *, bend_km: float, seed: int
) -> FloatArray:
    """Heights moved sideways by up to about ``bend_km``: valleys cut along the grid's axes begin to wind."""
    wave = bend_km * 7.0
    shift_x = fractal_noise(east / wave, north / wave, seed=seed, octaves=2)
    shift_y = fractal_noise(east / wave, north / wave, seed=seed + 1, octaves=2)
    per_cell = float(east[0, 1] - east[0, 0])
    rows, cols = height.shape
    row, col = np.mgrid[0:rows, 0:cols].astype(np.float64)
    row = np.clip(row + shift_y * (bend_km / per_cell), 0.0, rows - 1.001)
    col = np.clip(col + shift_x * (bend_km / per_cell), 0.0, cols - 1.001)
    r0, c0 = row.astype(np.int64), col.astype(np.int64)
    fr, fc = row - r0, col - c0
    north_side = height[r0, c0] + fc * (height[r0, c0 + 1] - height[r0, c0])
    south_side = height[r0 + 1, c0] + fc * (height[r0 + 1, c0 + 1] - height[r0 + 1, c0])
    moved: FloatArray = north_side + fr * (south_side - north_side)
    return moved


def _to_line(east: FloatArray, north: FloatArray, line: tuple[tuple[float, float], ...]) -> FloatArray:
    """Distance to a polyline, km."""
    nearest = np.full_like(east, 1e9)
    for (ax, ay), (bx, by) in pairwise(line):
        dx, dy = bx - ax, by - ay
        along = np.clip(((east - ax) * dx + (north - ay) * dy) / (dx * dx + dy * dy), 0.0, 1.0)
        off_x, off_y = east - ax - along * dx, north - ay - along * dy
        nearest = np.minimum(nearest, off_x * off_x + off_y * off_y)
    return np.sqrt(nearest)


def _body(east: FloatArray, north: FloatArray, seed: int) -> FloatArray:
    """Above 0 on land before the sea rose; about 1 in the middle of the island."""
    warp_x = east + 2.6 * fractal_noise(east / 9.0, north / 9.0, seed=seed + 1, octaves=4)
    warp_y = north + 2.6 * fractal_noise(east / 9.0, north / 9.0, seed=seed + 2, octaves=4)
    body = np.full_like(east, -1.0)
    for cx, cy, half_a, half_b, cos, sin in _BODIES_KM:
        u = ((warp_x - cx) * cos + (warp_y - cy) * sin) / half_a
        v = ((warp_y - cy) * cos - (warp_x - cx) * sin) / half_b
        body = np.maximum(body, 1.0 - u * u - v * v)
    body = np.maximum(body, 0.25 * _islets(0.4 * warp_x + 0.6 * east, 0.4 * warp_y + 0.6 * north))
    # Open water all along the edge of the box, whatever the noise says.
    edge = np.minimum(
        np.minimum(east, GRID.cols * GRID.cell_m / 1000.0 - east),
        np.minimum(north, GRID.rows * GRID.cell_m / 1000.0 - north),
    )
    return np.where(edge < 2.6, -1.0, body)


def _islets(east: FloatArray, north: FloatArray) -> FloatArray:
    """1 in the middle of an islet, 0 on its shore before the sea rose, negative outside."""
    islets = np.full_like(east, -1.0)
    for cx, cy, half_a, half_b in _ISLETS_KM:
        u, v = (east - cx) / half_a, (north - cy) / half_b
        islets = np.maximum(islets, 1.0 - u * u - v * v)
    return islets


def _plain(east: FloatArray, north: FloatArray, seed: int) -> FloatArray:
    """1 in the middle of a coastal plain, 0 outside."""
    wobble = 1.0 + 0.35 * fractal_noise(east / 4.0, north / 4.0, seed=seed + 5, octaves=3)
    plain = np.zeros_like(east)
    for cx, cy, reach in _PLAINS_KM:
        square = ((east - cx) * (east - cx) + (north - cy) * (north - cy)) / (reach * reach) * wobble
        plain = np.maximum(plain, np.clip(1.35 - square, 0.0, 1.0))
    return plain


def _uplift(east: FloatArray, north: FloatArray, body: FloatArray, seed: int) -> FloatArray:
    ridge = _to_line(east, north, _SPINE_KM)
    spur = _to_line(east, north, _SPUR_KM)
    spine = 1.0 / (1.0 + (ridge / 5.5) * (ridge / 5.5)) + 0.45 / (1.0 + (spur / 4.0) * (spur / 4.0))
    blocks = ridged_noise(east / 8.0, north / 8.0, seed=seed + 3, octaves=3)
    inland = np.clip(body * 2.0, 0.0, 1.0)
    low = 1.0 - 0.93 * _plain(east, north, seed)
    fine = 1.0 + 0.5 * fractal_noise(east / 1.7, north / 1.7, seed=seed + 4, octaves=3)
    return np.maximum(150.0 * (0.14 + spine) * (0.35 + blocks) * (0.2 + 0.8 * inland) * low * fine, 3.0)


def _drown(
    height: FloatArray, sea: BoolArray, east: FloatArray, north: FloatArray, plain: FloatArray, seed: int
) -> tuple[FloatArray, BoolArray]:
    """Raise the sea: by 80 m in the south and east, by little where the plains are."""
    ria = np.clip(0.35 + (east - 20.0) / 22.0 - (north - 24.0) / 20.0, 0.0, 1.0)
    rise = (24.0 + 62.0 * ria) * (1.0 - 0.9 * np.sqrt(plain))
    # Islets stand on a rise of their own: drowned like the coast they would all be gone.
    rise = np.where(_islets(east, north) > -0.6, np.minimum(rise, 9.0), rise)
    left = np.where(sea, -20.0, height - rise)
    # Rivers lay down plains: low ground there is levelled to a gentle slope, and hills keep standing out of it.
    shore_km = ndimage.distance_transform_edt(~sea) * (GRID.cell_m / 1000.0)
    for _ in range(2):
        shore_km = ndimage.uniform_filter(shore_km, size=25)
    gravel = 1.0 + 2.4 * shore_km + 0.5 * fractal_noise(east / 1.5, north / 1.5, seed=seed + 9, octaves=3)
    share = np.clip(plain * 5.0, 0.0, 1.0) * np.clip((gravel + 26.0 - left) / 18.0, 0.0, 1.0)
    level = np.maximum(gravel, gravel + (left - gravel) * 0.12)
    left = np.where(sea, left, left + share * (level - left))
    return _settle(left)


def _settle(height: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Sea is what is below 0 and joined to the open sea; specks of land under 4 ha go."""
    low = height <= 0.0
    parts, _ = ndimage.label(low)
    sea = parts == parts[0, 0]
    height = np.where(~sea & low, 0.5, height)
    islands, count = ndimage.label(~sea, structure=np.ones((3, 3), dtype=int))
    sizes = ndimage.sum_labels(np.ones_like(height), islands, np.arange(count + 1))
    sea |= np.isin(islands, np.flatnonzero(sizes < 16))
    return np.where(sea, 0.0, height), sea


def _silt(
    height: FloatArray, sea: BoolArray, water: Drainage, plain: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """Gravel in the valleys: flat floors along streams, and a small delta where a stream meets the sea."""
    area = water.area.reshape(height.shape)
    square_km = area * (GRID.cell_m / 1000.0) * (GRID.cell_m / 1000.0)
    height = height.copy()
    mouths = np.flatnonzero((square_km.ravel() > 0.6) & sea.ravel()[water.receiver])
    delta = np.zeros_like(sea)
    for at in mouths[np.argsort(-square_km.ravel()[mouths], kind="stable")]:
        row, col = divmod(int(at), GRID.cols)
        reach = min(1.9, 0.16 + 0.12 * float(np.sqrt(square_km[row, col])))
        cells = int(reach * 1000.0 / GRID.cell_m)
        r0, r1 = max(0, row - cells), min(GRID.rows, row + cells + 1)
        c0, c1 = max(0, col - cells), min(GRID.cols, col + cells + 1)
        rr, cc = np.mgrid[r0:r1, c0:c1]
        far = (rr - row) * (rr - row) + (cc - col) * (cc - col)
        # Only the head of the bay fills up: water with land close by on more than one side.
        delta[r0:r1, c0:c1] |= (far <= cells * cells) & sea[r0:r1, c0:c1]
    land_near = ndimage.uniform_filter((~sea).astype(np.float64), size=13)
    fill = delta & (land_near > 0.42)
    height[fill] = 0.9
    sea = sea & ~fill
    channel = square_km > 0.5
    thickness = np.where(channel & (plain <= 0.0), np.minimum(3.0 + 2.6 * np.sqrt(square_km), 24.0), 0.0)
    away, nearest = ndimage.distance_transform_edt(~channel, return_indices=True)
    bed = (height + thickness)[nearest[0], nearest[1]] + 0.02 * away * GRID.cell_m
    reach = (2.0 + 2.2 * np.sqrt(square_km))[nearest[0], nearest[1]]
    floor = np.where(away <= reach, bed, -1.0)
    # Near the sea the gravel cannot stand higher than the sea lets it.
    shore = ndimage.distance_transform_edt(~sea) * GRID.cell_m
    floor = np.minimum(floor, 1.0 + 0.012 * shore + height * 0.9)
    height = np.where(sea, 0.0, np.maximum(height, floor))
    height = smooth(smooth(height, sea, share=0.1), sea, share=0.1)
    # Flat ground is flat: the flood's own steps and the terraces' edges are worn away, steep ground stays.
    for _ in range(24):
        soft = smooth(height, sea, share=0.2)
        height = np.where((plain > 0.0) & (np.abs(soft - height) < 0.8) & (height < 90.0), soft, height)
    return _settle(np.where(sea, -1.0, height))
