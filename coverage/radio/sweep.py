"""Basic transmission loss around one mast, for a whole disc: the radial sweep's public face.

Method and error budget: docs/radial-sweep.md. The reference for one path is :mod:`coverage.radio.p1812`; both agree
on the same ray to 1e-9 dB.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coverage.domain.grid import Grid, Window
from coverage.domain.region import RadioConfig
from coverage.domain.terrain import Terrain
from coverage.errors import InputError, OutsideTerrainError
from coverage.radio import freespace
from coverage.radio.diffraction import Polarisation
from coverage.radio.link import pixel_location_sigma_db
from coverage.radio.p1812 import MIN_RANGE_KM, check_clutter_gap, check_radio_inputs
from coverage.radio.path_geometry import INLAND, Profile
from coverage.radio.position import grid_latitude
from coverage.radio.sweep_area import Fan, Layers, read_back, sweep_rays
from coverage.radio.sweep_formulas import make_constants, make_tables
from coverage.radio.sweep_hull import new_workspace
from coverage.radio.sweep_kernels import sweep_profile

MAX_STEP_M: Final = 100.0
"""No ray is sampled coarser than this: the shortest path needs points between its ends."""
_RINGS: Final = 6
"""Rays are thinned to every 2^5-th at the most."""


class AreaLoss(NamedTuple):
    """Loss around one mast. NaN is NO DATA (hole, or behind one); +inf lies beyond the radius."""

    window: Window
    loss_db: NDArray[np.float32]


def area_loss_db(
    terrain: Terrain,
    *,
    x_m: float,
    y_m: float,
    antenna_height_m: float,
    frequency_mhz: float,
    radius_m: float,
    radio: RadioConfig,
    zones: NDArray[np.uint8] | None = None,
    step_m: float | None = None,
    workers: int = 1,
) -> AreaLoss:
    """Basic transmission loss, float32 dB, of every pixel within ``radius_m`` (plane distance) of a mast.

    ``x_m``, ``y_m`` on the terrain's grid; ``antenna_height_m`` above ground. ``zones`` as
    :func:`coverage.radio.zones.climatic_zones` gives them for this terrain (make them once for many masts); None is
    inland everywhere. Clutter is ``terrain.clutter_m``. ``step_m`` is the spacing of the samples along a ray and of
    the rays at the rim; by default the grid's cell, or the source's own spacing where that is coarser (what lies
    between its samples is interpolation, not terrain), never above 100 m. Location variability refers to squares of the grid's cell
    (50–1000 m). Pixels nearer than 0.25 km are free space with a transition (docs/radio.md). ``workers`` threads
    share the rays; their number does not change a bit of the result.

    Returns the window of the terrain's grid and the losses on it: NaN where the pixel or the way to it has no data,
    +inf beyond the radius. A loss never stands for missing terrain.

    Raises OutsideTerrainError for a mast off the terrain or on a hole, InputError for a value out of range.
    Source: ITU-R P.1812-8 §4; sweep: docs/radial-sweep.md.
    """
    grid = terrain.grid
    check_radio_inputs(
        frequency_ghz=frequency_mhz / 1000.0,
        time_percent=radio.time_percent,
        location_percent=radio.location_percent,
        tx_height_m=antenna_height_m,
        rx_height_m=radio.receiver_height_m,
        polarisation=radio.polarisation,
        delta_n=radio.delta_n,
        n0=radio.n0,
    )
    if not (math.isfinite(radius_m) and radius_m > 0.0):
        raise InputError(
            "radius-out-of-range",
            f"計算半径が {radius_m:g} m です。0 より大きい値にしてください。",
            f"the radius is {radius_m:g} m; give a value above 0.",
        )
    if zones is not None and zones.shape != grid.shape:
        raise ValueError(f"zones {zones.shape} and terrain {grid.shape} differ in shape")
    ground = mast_ground_m(terrain, x_m, y_m)
    window = grid.window_around(x_m, y_m, radius_m)
    if radio.model == "free-space":
        return AreaLoss(
            window,
            _free_space(terrain, window, x_m, y_m, ground + antenna_height_m, frequency_mhz, radius_m, radio),
        )
    step_m = _ray_step_m(terrain, step_m)
    fan = _fan(grid, x_m, y_m, radius_m, step_m)
    constants = make_constants(
        frequency_ghz=frequency_mhz / 1000.0,
        time_percent=radio.time_percent,
        tx_height_m=antenna_height_m,
        rx_height_m=radio.receiver_height_m,
        polarisation=radio.polarisation,
        delta_n=radio.delta_n,
        location_percent=radio.location_percent,
        location_sigma_db=pixel_location_sigma_db(grid.cell_m, frequency_mhz, radio),
        clutter_gap_km=radio.receiver_clutter_distance_m / 1000.0,
    )
    reach = math.hypot(fan.latitude_north, fan.latitude_east) * fan.steps * fan.step_km
    distance: NDArray[np.float64] = np.arange(fan.steps + 1, dtype=np.float64) * fan.step_km
    tables = make_tables(
        constants, distance, n0=radio.n0, latitude_deg=fan.latitude, latitude_reach_deg=0.5 * reach
    )
    layers = _layers(terrain, zones)
    polar = np.empty((fan.rays, fan.steps + 1), dtype=np.float32)
    loss = np.empty((window.rows, window.cols), dtype=np.float32)

    def rays(part: tuple[int, int]) -> None:
        sweep_rays(part[0], part[1], layers, fan, constants, tables, polar)

    def rows(part: tuple[int, int]) -> None:
        read_back(
            part[0], part[1], window.row0, window.col0, radius_m / grid.cell_m, layers, fan, constants,
            ground + antenna_height_m, polar, loss,
        )  # fmt: skip

    if workers <= 1:
        rays((0, fan.rays))
        rows((0, window.rows))
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(rays, _parts(fan.rays, 4 * workers)))
            list(pool.map(rows, _parts(window.rows, 4 * workers)))
    return AreaLoss(window, loss)


def ray_loss_db(
    profile: Profile,
    *,
    frequency_ghz: float,
    time_percent: float,
    tx_height_m: float,
    rx_height_m: float,
    latitude_deg: float,
    latitude_slope: float = 0.0,
    polarisation: Polarisation = "vertical",
    location_percent: float = 50.0,
    location_sigma_db: float = 0.0,
    delta_n: float = 45.0,
    n0: float = 325.0,
    d_ct_km: float | None = None,
    d_cr_km: float | None = None,
    clutter_gap_km: float = 0.0,
) -> NDArray[np.float64]:
    """Loss, dB, of a receiver at every point of ``profile``, by the sweep's own kernel.

    ``latitude_deg`` is the mast's, ``latitude_slope`` its change in degrees per km along the ray. The first two values
    are NaN: no ground lies between the antennas. Otherwise as
    :func:`coverage.radio.p1812.basic_transmission_loss`, whose result for the path to point k is element k.
    """
    check_radio_inputs(
        frequency_ghz=frequency_ghz,
        time_percent=time_percent,
        location_percent=location_percent,
        tx_height_m=tx_height_m,
        rx_height_m=rx_height_m,
        polarisation=polarisation,
        delta_n=delta_n,
        n0=n0,
    )
    check_clutter_gap(clutter_gap_km)
    constants = make_constants(
        frequency_ghz=frequency_ghz,
        time_percent=time_percent,
        tx_height_m=tx_height_m,
        rx_height_m=rx_height_m,
        polarisation=polarisation,
        delta_n=delta_n,
        location_percent=location_percent,
        location_sigma_db=location_sigma_db,
        clutter_gap_km=clutter_gap_km,
    )
    n = profile.distance_km.size - 1
    reach = abs(latitude_slope) * profile.length_km
    tables = make_tables(
        constants, profile.distance_km, n0=n0, latitude_deg=latitude_deg, latitude_reach_deg=reach
    )
    work = new_workspace(n + 1)
    work.height[:] = profile.height_m
    work.clutter[:] = profile.clutter_m
    work.zone[:] = profile.zone
    loss, free = np.full(n + 1, np.nan), np.empty(n + 1)
    sweep_profile(
        n, bool(profile.clutter_m.any()), bool(np.any(profile.zone != INLAND)),
        math.nan if d_ct_km is None else float(d_ct_km), math.nan if d_cr_km is None else float(d_cr_km),
        float(latitude_deg), float(latitude_slope), 2, constants, tables, work, loss, free,
    )  # fmt: skip
    return loss


def mast_ground_m(terrain: Terrain, x_m: float, y_m: float) -> float:
    """Ground height under a mast, m above sea level, bilinear.

    Raises OutsideTerrainError off the terrain or on a hole in it.
    """
    grid = terrain.grid
    where = f"x={x_m:.0f} m, y={y_m:.0f} m (EPSG:{grid.epsg})"
    if not (math.isfinite(x_m) and math.isfinite(y_m)) or not grid.contains(x_m, y_m):
        raise OutsideTerrainError(
            "site-off-terrain",
            f"基地局の位置（{where}）は地形データの範囲外です。位置か地形データの範囲を確かめてください。",
            f"the site at {where} lies outside the terrain; check its position or the terrain's extent.",
        )
    row, col = _pixel(grid, x_m, y_m)
    row, col = min(max(row, 0.0), grid.rows - 1.0), min(max(col, 0.0), grid.cols - 1.0)
    r0, c0 = int(row), int(col)
    r1, c1 = min(r0 + 1, grid.rows - 1), min(c0 + 1, grid.cols - 1)
    fr, fc = row - r0, col - c0
    h = terrain.height_m
    corners = (
        (r0, c0, (1 - fr) * (1 - fc)),
        (r0, c1, (1 - fr) * fc),
        (r1, c0, fr * (1 - fc)),
        (r1, c1, fr * fc),
    )
    ground = sum(float(h[r, c]) * weight for r, c, weight in corners if weight > 0.0)
    if math.isnan(ground):
        raise OutsideTerrainError(
            "site-on-hole",
            f"基地局の位置（{where}）には標高データがありません（欠損）。欠損のない地形データを使ってください。",
            f"the terrain has no data at the site at {where}; use terrain without the hole.",
        )
    return ground


def _pixel(grid: Grid, x_m: float, y_m: float) -> tuple[float, float]:
    """Row and column counted from the centre of pixel (0, 0)."""
    return (grid.y0_m - y_m) / grid.cell_m - 0.5, (x_m - grid.x0_m) / grid.cell_m - 0.5


def _fan(grid: Grid, x_m: float, y_m: float, radius_m: float, step_m: float) -> Fan:
    row, col = _pixel(grid, x_m, y_m)
    steps = max(math.ceil(radius_m / step_m), math.ceil(1000.0 * MIN_RANGE_KM / step_m)) + 1
    coarsest = 1 << (_RINGS - 1)
    rays = coarsest * max(1, math.ceil(8.0 * radius_m / max(step_m, grid.cell_m) / coarsest))
    # Every 2^(j+1)-th ray is enough up to the step where those are a cell apart; from there on the odd multiples of 2^j
    # are evaluated too. The coarsest are from the start.
    cells_apart = 2.0 * math.pi / rays * step_m / max(step_m, grid.cell_m)
    first_ring = np.array(
        [max(2, int(1.0 / (2.0 ** (j + 1) * cells_apart))) for j in range(_RINGS)], dtype=np.int64
    )
    first_ring[-1] = 0
    latitude = grid_latitude(grid.epsg, x_m, y_m)
    return Fan(
        row=row,
        col=col,
        step_km=step_m / 1000.0,
        cells_a_step=step_m / grid.cell_m,
        rays=rays,
        steps=steps,
        near_km=MIN_RANGE_KM,
        first_ring=first_ring,
        latitude=latitude.degrees,
        latitude_north=latitude.north_per_km,
        latitude_east=latitude.east_per_km,
    )


def _ray_step_m(terrain: Terrain, step_m: float | None) -> float:
    """The step given, or else the coarser of the grid's cell and the source's own spacing, but at most 100 m."""
    if step_m is None:
        cell = terrain.grid.cell_m
        own = max(cell, terrain.source_step_m) if math.isfinite(terrain.source_step_m) else cell
        return own / math.ceil(own / MAX_STEP_M)
    if not 1.0 <= step_m <= MAX_STEP_M:
        raise InputError(
            "step-out-of-range",
            f"断面の刻みが {step_m:g} m です。1～{MAX_STEP_M:g} m の値にしてください。",
            f"the profile step is {step_m:g} m; give a value from 1 to {MAX_STEP_M:g} m.",
        )
    return float(step_m)


def _layers(terrain: Terrain, zones: NDArray[np.uint8] | None) -> Layers:
    absent_clutter = np.zeros((1, 1), dtype=np.float32)
    absent_zones = np.zeros((1, 1), dtype=np.uint8)
    return Layers(
        height=np.ascontiguousarray(terrain.height_m),
        clutter=absent_clutter if terrain.clutter_m is None else np.ascontiguousarray(terrain.clutter_m),
        zone=absent_zones if zones is None else np.ascontiguousarray(zones),
        has_clutter=terrain.clutter_m is not None,
        has_zones=zones is not None,
    )


def _parts(total: int, count: int) -> list[tuple[int, int]]:
    """``total`` split into at most ``count`` neighbouring ranges."""
    edges = np.linspace(0, total, min(count, total) + 1).astype(int)
    return [(int(a), int(b)) for a, b in pairwise(edges)]


def _free_space(
    terrain: Terrain, window: Window, x_m: float, y_m: float, mast_amsl: float, frequency_mhz: float, radius_m: float,
    radio: RadioConfig,
) -> NDArray[np.float32]:  # fmt: skip
    """Free-space loss on a window: no terrain on the way matters, but a pixel without data stays NO DATA."""
    rows = np.arange(window.row0, window.row0 + window.rows)
    cols = np.arange(window.col0, window.col0 + window.cols)
    x, y = terrain.grid.xy(rows, cols)
    ground_km = np.hypot(x[np.newaxis, :] - x_m, y[:, np.newaxis] - y_m) / 1000.0
    receiver = terrain.height_m[window.slices].astype(np.float64) + radio.receiver_height_m
    slant_squared = np.maximum(ground_km**2 + ((mast_amsl - receiver) / 1000.0) ** 2, 1e-6)
    loss = freespace.free_space_loss_db(1.0, 0.0, frequency_mhz / 1000.0) + 10.0 * np.log10(slant_squared)
    loss[ground_km > radius_m / 1000.0] = np.inf
    return loss.astype(np.float32)
