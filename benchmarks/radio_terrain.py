"""The terrain that every engine of the radio benchmark runs on: fractal mountains, the same bytes for all."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.warp import Resampling, reproject

from benchmarks.radio_case import MAST_LAT, MAST_LON, PLANE_EPSG, RADIUS_KM, TILE


def fractal_heights(size: int, *, seed: int, amplitude_m: float = 1400.0) -> NDArray[np.float32]:
    """Mountains of about 1,400 m: ten octaves of bilinear noise, amplitude falling by 2^0.85 an octave."""
    rng = np.random.default_rng(seed)
    along = np.linspace(0.0, 1.0, size)
    height = np.zeros((size, size))
    for octave in range(3, 11):
        knots = np.linspace(0.0, 1.0, 2**octave + 1)
        values = rng.normal(size=(knots.size, knots.size)) * amplitude_m * 2.0 ** (-0.85 * octave)
        rows = np.array([np.interp(along, knots, row) for row in values])
        height += np.array([np.interp(along, knots, column) for column in rows.T]).T
    return (height - height.min()).astype(np.float32)


def write_hgt(folder: Path) -> Path:
    """One 1″ SRTM tile (3601 × 3601, whole metres) with the mast in its middle."""
    path = folder / f"{TILE}.hgt"
    fractal_heights(3601, seed=1812).round().astype(">i2").tofile(path)
    return path


def write_plane(hgt: Path, cell_m: float, reach_m: float) -> Path:
    """The same terrain as GeoTIFF on a metric grid round the mast, bilinear."""
    from pyproj import Transformer

    heights = np.fromfile(hgt, dtype=">i2").reshape(3601, 3601).astype(np.float32)
    x, y = Transformer.from_crs(4326, PLANE_EPSG, always_xy=True).transform(MAST_LON, MAST_LAT)
    size = 2 * int((reach_m + 500.0) / cell_m) + 1
    transform = rasterio.Affine(cell_m, 0.0, x - size * cell_m / 2.0, 0.0, -cell_m, y + size * cell_m / 2.0)
    plane = np.full((size, size), np.nan, dtype=np.float32)
    half = 0.5 / 3600.0
    reproject(
        heights, plane, src_transform=rasterio.Affine(1 / 3600, 0.0, 136.0 - half, 0.0, -1 / 3600, 35.0 + half),
        src_crs="EPSG:4326", dst_transform=transform, dst_crs=f"EPSG:{PLANE_EPSG}", dst_nodata=np.nan,
        resampling=Resampling.bilinear,
    )  # fmt: skip
    path = hgt.parent / f"plane_{cell_m:g}m.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=size, height=size, count=1, dtype="float32", crs=f"EPSG:{PLANE_EPSG}",
        transform=transform, nodata=np.nan, tiled=True,
    ) as file:  # fmt: skip
        file.write(plane, 1)
    return path


def main() -> None:
    """Write everything into the folder named on the command line."""
    folder = Path(sys.argv[1])
    hgt = write_hgt(folder)
    for cell_m in (30.0, 90.0):
        write_plane(hgt, cell_m, 1000.0 * RADIUS_KM)


if __name__ == "__main__":
    main()
