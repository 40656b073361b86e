"""One disc as one process: read a terrain GeoTIFF, sweep, write the losses. Run by ``benchmarks.radio``."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import rasterio

from benchmarks.radio_case import MAST_HEIGHT_M, MHZ, PLANE_EPSG
from coverage.domain.grid import Grid
from coverage.domain.region import RadioConfig
from coverage.domain.terrain import Terrain
from coverage.radio.sweep import area_loss_db


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("terrain", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--radius-m", type=float, required=True)
    arguments = parser.parse_args()
    with rasterio.open(arguments.terrain) as file:
        height, transform, crs = file.read(1), file.transform, file.crs
    grid = Grid(PLANE_EPSG, transform.c, transform.f, transform.a, *height.shape)
    terrain = Terrain(grid, height, np.zeros(height.shape, dtype=np.bool_))
    west, south, east, north = grid.bounds
    start = time.process_time()
    area = area_loss_db(
        terrain, x_m=(west + east) / 2.0, y_m=(south + north) / 2.0, antenna_height_m=MAST_HEIGHT_M, frequency_mhz=MHZ,
        radius_m=arguments.radius_m, radio=RadioConfig(),
    )  # fmt: skip
    swept = time.process_time() - start
    rows, cols = area.loss_db.shape
    placed = transform * rasterio.Affine.translation(area.window.col0, area.window.row0)
    with rasterio.open(
        arguments.result, "w", driver="GTiff", width=cols, height=rows, count=1, dtype="float32", crs=crs,
        transform=placed, nodata=np.nan,
    ) as file:  # fmt: skip
        file.write(area.loss_db, 1)
    print(json.dumps({"pixels": int(np.isfinite(area.loss_db).sum()), "swept_s": swept}))


if __name__ == "__main__":
    main()
