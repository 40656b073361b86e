"""How the cost of the sweep grows: with its options, with the radius, with the number of sites. In one process."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.radio_case import MAST_HEIGHT_M, MHZ, PLANE_EPSG
from benchmarks.radio_terrain import fractal_heights
from coverage.domain.grid import Grid
from coverage.domain.region import RadioConfig
from coverage.domain.terrain import Terrain
from coverage.radio.sweep import area_loss_db
from coverage.radio.zones import climatic_zones


def plane_terrain(cells: int, cell_m: float, *, coast: bool = False) -> Terrain:
    """Fractal mountains; with ``coast`` everything below the first quartile is sea, and half the land has trees."""
    height = fractal_heights(cells, seed=7)
    grid = Grid(PLANE_EPSG, 0.0, -150_000.0, cell_m, cells, cells)
    sea = np.zeros(grid.shape, dtype=np.bool_)
    clutter = None
    if coast:
        level = np.quantile(height, 0.25)
        sea = height <= level
        height = np.maximum(height - level, 0.0).astype(np.float32)
        trees = np.random.default_rng(5).random(grid.shape) < 0.5
        clutter = np.where(trees & ~sea, 12.0, 0.0).astype(np.float32)
    return Terrain(grid, height, sea, clutter_m=clutter)


def sweep_seconds(terrain: Terrain, radius_m: float, radio: RadioConfig, **more: Any) -> float:
    """CPU seconds of one disc in this process; the best of three."""
    west, south, east, north = terrain.grid.bounds
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        area_loss_db(
            terrain, x_m=(west + east) / 2.0, y_m=(south + north) / 2.0, antenna_height_m=MAST_HEIGHT_M,
            frequency_mhz=MHZ, radius_m=radius_m, radio=radio, **more,
        )  # fmt: skip
        best = min(best, time.process_time() - start)
    return best


def exponent(sizes: list[float], seconds: list[float]) -> float:
    """Slope of log time over log size."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def options_ratio() -> tuple[float, dict[str, float]]:
    """(worst ratio to the plain case, seconds by case) on one terrain with coast and trees, 20 km at 30 m."""
    coast = plane_terrain(1401, 30.0, coast=True)
    bare = Terrain(coast.grid, coast.height_m, coast.sea)
    zones = climatic_zones(coast)
    seconds = {"plain": sweep_seconds(bare, 20_000.0, RadioConfig())}
    for percent in (1.0, 10.0, 30.0):
        radio = RadioConfig(
            time_percent=percent, location_percent=90.0, receiver_clutter_m=12.0, polarisation="horizontal"
        )
        seconds[f"all options, p = {percent:g} %"] = sweep_seconds(coast, 20_000.0, radio, zones=zones)
    worst = max(value for name, value in seconds.items() if name != "plain") / seconds["plain"]
    return worst, seconds


def radius_growth() -> tuple[float, list[tuple[float, float]]]:
    """(exponent, [(km, seconds)]) at 30 m."""
    terrain = plane_terrain(2801, 30.0)
    radii = [5.0, 10.0, 20.0, 40.0]
    seconds = [sweep_seconds(terrain, 1000.0 * km, RadioConfig()) for km in radii]
    return exponent(radii, seconds), list(zip(radii, seconds, strict=True))


def site_growth() -> tuple[float, list[tuple[float, float]]]:
    """(exponent, [(sites, seconds)]) for discs of 10 km at 90 m on one terrain, one after the other."""
    terrain = plane_terrain(1201, 90.0)
    west, _, _, north = terrain.grid.bounds
    rng = np.random.default_rng(9)
    counts = [4, 8, 16, 32]
    seconds = []
    for count in counts:
        masts = rng.uniform(15_000.0, 90_000.0, (count, 2))
        start = time.process_time()
        for x, y in masts:
            area_loss_db(
                terrain, x_m=west + x, y_m=north - y, antenna_height_m=MAST_HEIGHT_M, frequency_mhz=MHZ,
                radius_m=10_000.0, radio=RadioConfig(),
            )  # fmt: skip
        seconds.append(time.process_time() - start)
    return exponent([float(c) for c in counts], seconds), [
        (float(c), s) for c, s in zip(counts, seconds, strict=True)
    ]
