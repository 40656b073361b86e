"""Rasters of a run as Cloud-Optimized GeoTIFF, byte-identical when written again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine

from coverage.domain.grid import Grid, Window
from coverage.runs.result import NO_DATA_CLASS, NO_SERVER

_NODATA: dict[str, float] = {"float32": float("nan"), "uint8": NO_DATA_CLASS, "uint16": NO_SERVER}


def write_cog(path: Path, grid: Grid, values: NDArray[Any], *, overviews: str = "NEAREST") -> None:
    """Write ``values`` (rows, cols; float32, uint8 or uint16) of ``grid``.

    Levels are rounded to 0.01 dB before they come here, which halves the file and hides nothing: the model's own
    error is several dB.
    """
    kind = values.dtype.name
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path,
        "w",
        driver="COG",
        height=grid.rows,
        width=grid.cols,
        count=1,
        dtype=kind,
        crs=f"EPSG:{grid.epsg}",
        transform=Affine(*grid.transform),
        nodata=_NODATA[kind],
        compress="DEFLATE",
        level=6,
        predictor="YES",
        overview_resampling=overviews,
        num_threads=1,
    ) as target:
        target.write(values, 1)


def read_raster(path: Path, window: Window | None = None) -> NDArray[Any]:
    """The pixels of a run's raster, all or one window."""
    with rasterio.open(path, driver="GTiff") as source:
        if window is None:
            whole: NDArray[Any] = source.read(1)
            return whole
        part: NDArray[Any] = source.read(
            1, window=rasterio.windows.Window(window.col0, window.row0, window.cols, window.rows)
        )
        return part


def rounded_level(level_dbm: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Levels to 0.01 dB; NaN stays NaN."""
    return (np.round(level_dbm.astype(np.float64) * 100.0) / 100.0).astype(np.float32)
