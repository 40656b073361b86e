"""One disc as one process: read a terrain GeoTIFF, sweep, write the losses. Run by ``benchmarks.radio``.

The garbage collector is off: numba leaves half a million objects that live as long as the process, and walking them
again and again, and once more at the end, costs four times as much as reading the terrain and writing the result.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from pathlib import Path

from benchmarks.radio_case import MAST_HEIGHT_M, MHZ, PLANE_EPSG


def one_disc(terrain_path: Path, result_path: Path, radius_m: float) -> dict[str, float]:
    """Pixels with a loss, and CPU seconds of the sweep alone."""
    import numpy as np
    import rasterio

    from coverage.domain.grid import Grid
    from coverage.domain.region import RadioConfig
    from coverage.domain.terrain import Terrain
    from coverage.radio.sweep import area_loss_db

    with rasterio.open(terrain_path) as file:
        height, transform, crs = file.read(1), file.transform, file.crs
    grid = Grid(PLANE_EPSG, transform.c, transform.f, transform.a, *height.shape)
    terrain = Terrain(grid, height, np.zeros(height.shape, dtype=np.bool_))
    west, south, east, north = grid.bounds
    start = time.process_time()
    area = area_loss_db(
        terrain, x_m=(west + east) / 2.0, y_m=(south + north) / 2.0, antenna_height_m=MAST_HEIGHT_M, frequency_mhz=MHZ,
        radius_m=radius_m, radio=RadioConfig(),
    )  # fmt: skip
    swept = time.process_time() - start
    rows, cols = area.loss_db.shape
    placed = transform * rasterio.Affine.translation(area.window.col0, area.window.row0)
    with rasterio.open(
        result_path, "w", driver="GTiff", width=cols, height=rows, count=1, dtype="float32", crs=crs, transform=placed,
        nodata=np.nan,
    ) as file:  # fmt: skip
        file.write(area.loss_db, 1)
    return {"pixels": int(np.isfinite(area.loss_db).sum()), "swept_s": swept}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("terrain", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--radius-m", type=float, required=True)
    arguments = parser.parse_args()
    gc.disable()
    print(json.dumps(one_disc(arguments.terrain, arguments.result, arguments.radius_m)))
    gc.freeze()


if __name__ == "__main__":
    main()
