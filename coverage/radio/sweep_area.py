"""From a terrain grid to rays and back: the compiled part of :mod:`coverage.radio.sweep`.

Rays leave the mast at equal angles, one cell apart at the rim, and are sampled at equal steps. Near the mast only every
2nd, 4th … ray is evaluated, so that neighbours stay about a cell apart all the way in. Losses lie on a polar
grid (ray, step) until every pixel reads its value back from the four samples around it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coverage.radio.kernel import inner, kernel
from coverage.radio.sweep_formulas import Constants, Tables
from coverage.radio.sweep_hull import Workspace, new_workspace
from coverage.radio.sweep_kernels import sweep_profile

FloatArray = NDArray[np.float64]


class Layers(NamedTuple):
    """Rasters of the terrain's shape; those that are absent have the shape (1, 1) and are not read."""

    height: NDArray[np.float32]
    clutter: NDArray[np.float32]
    zone: NDArray[np.uint8]
    has_clutter: bool
    has_zones: bool


class Fan(NamedTuple):
    """The geometry of the rays: pixel (row, column) coordinates count from the centre of pixel (0, 0)."""

    row: float
    col: float
    """The mast."""
    step_km: float
    cells_a_step: float
    rays: int
    steps: int
    near_km: float
    """The stated range of the Recommendation."""
    first_ring: NDArray[np.int64]
    """``first_ring[j]``: first step at which rays are evaluated that are multiples of 2^j."""
    latitude: float
    latitude_north: float
    latitude_east: float
    """Latitude of the mast, and its change per km northward and eastward on the grid."""


@inner
def _read_ray(layers: Layers, fan: Fan, d_row: float, d_col: float, w: Workspace) -> int:
    """Sample the terrain outward into ``w``; returns the last step before the first NO DATA (−1: none at all).

    Heights are bilinear between pixel centres; zones and clutter are those of the pixel, because a half tree or a mean
    of sea and land does not exist.
    """
    rows, cols = layers.height.shape
    for k in range(fan.steps + 1):
        row = fan.row + k * d_row
        col = fan.col + k * d_col
        # A point on the outer half of a border pixel is inside the grid and takes the border's value.
        if not (-0.5 <= row <= rows - 0.5 and -0.5 <= col <= cols - 0.5):
            return k - 1
        r = min(max(row, 0.0), rows - 1.0)
        c = min(max(col, 0.0), cols - 1.0)
        r0, c0 = int(r), int(c)
        fr, fc = r - r0, c - c0
        # A neighbour of no weight is not read: its being NO DATA must not matter.
        r1 = r0 + 1 if fr > 0.0 else r0
        c1 = c0 + 1 if fc > 0.0 else c0
        upper = layers.height[r0, c0] * (1.0 - fc) + layers.height[r0, c1] * fc
        lower = layers.height[r1, c0] * (1.0 - fc) + layers.height[r1, c1] * fc
        height = upper * (1.0 - fr) + lower * fr
        if math.isnan(height):
            return k - 1
        w.height[k] = height
        if layers.has_clutter or layers.has_zones:
            r0 = r0 + 1 if fr > 0.5 else r0
            c0 = c0 + 1 if fc > 0.5 else c0
            if layers.has_clutter:
                clutter = layers.clutter[r0, c0]
                if math.isnan(clutter):
                    return k - 1
                w.clutter[k] = clutter
            if layers.has_zones:
                w.zone[k] = layers.zone[r0, c0]
    return fan.steps


@kernel
def sweep_rays(
    first_ray: int, last_ray: int, layers: Layers, fan: Fan, c: Constants, t: Tables, excess: NDArray[np.float32],
) -> None:  # fmt: skip
    """Loss above free space along rays ``first_ray`` ≤ j < ``last_ray`` into ``excess`` (rays, steps + 1), dB.

    NaN is NO DATA. A ray depends on nothing but itself, so that any split over threads gives the same numbers.
    """
    w = new_workspace(fan.steps + 1)
    out = np.empty(fan.steps + 1)
    free = np.empty(fan.steps + 1)
    for j in range(first_ray, last_ray):
        level = 0
        while level + 1 < fan.first_ring.size and (j >> level) & 1 == 0:
            level += 1
        first = fan.first_ring[level]
        angle = 2.0 * math.pi * j / fan.rays
        east, north = math.sin(angle), math.cos(angle)
        last = _read_ray(layers, fan, -north * fan.cells_a_step, east * fan.cells_a_step, w)
        if last >= 2:
            slope = fan.latitude_north * north + fan.latitude_east * east
            sweep_profile(
                last, layers.has_clutter, layers.has_zones, math.nan, math.nan, fan.latitude, slope, first, c, t, w, out,
                free,
            )  # fmt: skip
        for k in range(first, fan.steps + 1):
            excess[j, k] = out[k] - free[k] if 2 <= k <= last else np.nan


@inner
def _stride(fan: Fan, k: int) -> int:
    """Spacing of the rays that were evaluated at step ``k``."""
    stride = 1
    for level in range(1, fan.first_ring.size):
        if k < fan.first_ring[level - 1]:
            stride <<= 1
    return stride


@inner
def _around(fan: Fan, stride: int, turn: float) -> tuple[int, int, float]:
    """The two evaluated rays around ``turn`` (in rays), and the weight of the second."""
    position = turn / stride
    lower = int(position)
    weight = position - lower
    first = lower * stride
    if first >= fan.rays:
        first -= fan.rays
    second = first + stride
    if second >= fan.rays:
        second -= fan.rays
    return first, second, weight


@kernel
def read_back(
    first_row: int, last_row: int, row0: int, col0: int, radius_cells: float, layers: Layers, fan: Fan, c: Constants,
    mast_amsl: float, excess: NDArray[np.float32], out: NDArray[np.float32],
) -> None:  # fmt: skip
    """Pixels of rows ``first_row`` ≤ i < ``last_row`` of the window at (row0, col0) from the polar grid.

    Free space to this very pixel plus the excess between the four samples around it. +inf beyond the radius; NaN
    where the pixel is NO DATA, or where half or more of the samples' weight lies behind NO DATA. Nearer than
    ``fan.near_km`` a share of the excess counts, which falls to nothing at half that range.
    """
    steps_a_cell = 1.0 / fan.cells_a_step
    rays_a_radian = fan.rays / (2.0 * math.pi)
    height = layers.height
    for i in range(first_row, last_row):
        south = i + row0 - fan.row
        for m in range(out.shape[1]):
            east = m + col0 - fan.col
            cells = math.sqrt(south * south + east * east)
            if cells > radius_cells:
                out[i, m] = np.inf
                continue
            ground = height[i + row0, m + col0]
            if math.isnan(ground):
                out[i, m] = np.nan
                continue
            position = cells * steps_a_cell
            km = position * fan.step_km
            above = 0.0
            share = min(1.0, 2.0 * km / fan.near_km - 1.0)
            if share > 0.0:
                turn = math.atan2(east, -south) * rays_a_radian
                if turn < 0.0:
                    turn += fan.rays
                # A path has at least one point of ground between its ends.
                position = min(max(position, 2.0), float(fan.steps))
                k = min(int(position), fan.steps - 1)
                fk = position - k
                total = 0.0
                weights = 0.0
                stride = _stride(fan, k)
                j1, j2, fj = _around(fan, stride, turn)
                for e in range(2):
                    part = fk if e == 1 else 1.0 - fk
                    if e == 1 and _stride(fan, k + 1) != stride:
                        j1, j2, fj = _around(fan, _stride(fan, k + 1), turn)
                    value = excess[j1, k + e]
                    if not math.isnan(value):
                        total += part * (1.0 - fj) * value
                        weights += part * (1.0 - fj)
                    value = excess[j2, k + e]
                    if not math.isnan(value):
                        total += part * fj * value
                        weights += part * fj
                if weights < 0.5:
                    out[i, m] = np.nan
                    continue
                above = share * total / weights
            rise = 0.001 * (mast_amsl - ground - c.rx_height_m)
            # Nobody stands inside the antenna: a metre is the least distance.
            slant = max(km * km + rise * rise, 1e-6)
            out[i, m] = 92.4 + 20.0 * c.log_f + 10.0 * math.log10(slant) + above
