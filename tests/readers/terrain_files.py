"""Height rasters that the tests of terrain write, and how they read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.errors

from coverage.domain.grid import Grid
from coverage.domain.projection import plane_to_lonlat
from coverage.domain.region import LayerConfig
from coverage.readers.terrain import (
    TerrainReading,
    read_terrain,
    region_grid,
)

WEST, NORTH, STEP = 136.30, 34.60, 1 / 1800
"""North-west corner of the test rasters near Tsu, and 2 arc-seconds."""


def from_origin(west: float, north: float, dx: float, dy: float) -> rasterio.Affine:
    return rasterio.Affine(dx, 0.0, west, 0.0, -dy, north)


def write_tif(
    path: Path,
    values: np.ndarray,
    *,
    west: float = WEST,
    north: float = NORTH,
    crs: str | None = "EPSG:4326",
    **more: Any,
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {
        "driver": "GTiff", "height": values.shape[0], "width": values.shape[1], "count": 1, "dtype": values.dtype,
        "crs": crs, "transform": from_origin(west, north, STEP, STEP), **more,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as out:
        out.write(values, 1)
    return path


def layer(path: str | list[str] = "dem.tif", *, fmt: str = "geotiff", **options: Any) -> LayerConfig:
    return LayerConfig(
        format=fmt, path=path, edition="2024-04-01", licence="CC0", credit="試験", options=options
    )


def plane(rows: int, cols: int) -> np.ndarray:
    """Heights that grow linearly with longitude and latitude: bilinear sampling must reproduce them exactly."""
    row, col = np.mgrid[0:rows, 0:cols]
    return (100 + 2.0 * (col + 0.5) + 1.0 * (row + 0.5)).astype(np.float32)


def plane_at(grid: Grid) -> np.ndarray:
    rows, cols = np.mgrid[0 : grid.rows, 0 : grid.cols]
    lon, lat = plane_to_lonlat(*grid.xy(rows, cols), grid.epsg)
    return 100 + 2.0 * (lon - WEST) / STEP + 1.0 * (NORTH - lat) / STEP


def fine_grid() -> Grid:
    """50 m pixels well inside a raster of 200 × 200 samples."""
    return region_grid((136.33, 34.52, 136.38, 34.57), epsg=6674, cell_m=50.0, margin_m=0.0)


def read(root: Path, grid: Grid, config: LayerConfig | None = None, outline: Any = None) -> TerrainReading:
    return read_terrain(config or layer(), root, grid=grid, sea_outline=outline)


def tiles(root: Path, heights: np.ndarray, *, parts: int = 4, overlap: int = 0, **more: Any) -> None:
    side = heights.shape[0] // parts
    for r in range(parts):
        for c in range(parts):
            cut = heights[r * side : (r + 1) * side + overlap, c * side : (c + 1) * side + overlap]
            write_tif(
                root / "dem" / f"{r}{c}.tif",
                cut,
                west=WEST + c * side * STEP,
                north=NORTH - r * side * STEP,
                **more,
            )
