"""Gridded population (GeoTIFF, for example WorldPop) → JIS mesh: each pixel counts whole in the cell of its centre."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coverage.domain import mesh
from coverage.domain.population import PopulationMesh
from coverage.errors import FileFormatError
from coverage.readers.text import read_bytes

_TIFF_MAGIC = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")


def read_population_raster(
    paths: Sequence[Path],
    *,
    digits: int,
    bounds: tuple[float, float, float, float] | None = None,
    nodata: float | None = None,
    census_year: int | None = None,
) -> PopulationMesh:
    """Persons per mesh cell of ``digits`` digits, marked 推計; ``municipality_code`` is "".

    ``bounds`` (west, south, east, north in degrees) limits what is read; let it run along cell edges, or the cells that
    it cuts lose people. No data (the file's, or ``nodata``) and NaN
    are nobody; any other negative value is an error. Raises FileFormatError "raster-not-geotiff", "raster-broken",
    "raster-crs", "raster-value" or "raster-elsewhere".
    """
    import rasterio
    from rasterio.errors import RasterioError
    from rasterio.windows import Window

    cells: list[NDArray[np.int64]] = []
    people: list[NDArray[np.float64]] = []
    west, south, east, north = bounds if bounds is not None else (-math.inf, -math.inf, math.inf, math.inf)
    for path in paths:
        if _magic(path) not in _TIFF_MAGIC:
            raise FileFormatError(
                "raster-not-geotiff",
                f"「{path.name}」は GeoTIFF ではありません。種類の違うファイルでないかを確かめてください。",
                f"'{path.name}' is not a GeoTIFF; check that it is the right file.",
            )
        try:
            # The driver is pinned: GDAL would open a virtual dataset under any name.
            with rasterio.open(path, driver="GTiff") as source:
                to_lonlat = _lonlat_of(source.crs, path.name)
                window = Window(0, 0, source.width, source.height)
                if bounds is not None and source.crs.is_geographic:
                    window = _window(source, west, south, east, north)
                if window.width < 1 or window.height < 1:
                    continue
                values = source.read(1, window=window).astype(np.float64)
                a, b, c, d, e, f = source.transform[:6]
                empty = source.nodata if nodata is None else nodata
        except RasterioError as problem:
            raise FileFormatError(
                "raster-broken",
                f"「{path.name}」を GeoTIFF として読めません（{problem}）。途中で切れていないかを確かめ、入手し直してください。",
                f"'{path.name}' cannot be read as a GeoTIFF ({problem}); check that it is complete and get it again.",
            ) from None
        void = ~np.isfinite(values)
        if empty is not None:
            void |= np.isclose(values, empty, rtol=1e-6, atol=0.0)
        if (values[~void] < 0).any():
            low = float(values[~void].min())
            raise FileFormatError(
                "raster-value",
                f"「{path.name}」に負の人口（{low}）があります。layers.population.options の nodata に欠測値を書いてください。",
                f"'{path.name}' holds a negative population ({low}); set the option 'nodata' of layers.population.",
            )
        rows, cols = np.nonzero(~void & (values > 0))
        col, row = cols + window.col_off + 0.5, rows + window.row_off + 0.5
        x, y = a * col + b * row + c, d * col + e * row + f
        lon, lat = to_lonlat(x, y)
        keep = (lon >= west) & (lon < east) & (lat >= south) & (lat < north)
        cells.append(mesh.encode(lat[keep], lon[keep], digits))
        people.append(values[rows, cols][keep])
    if not cells or not sum(len(c) for c in cells):
        raise FileFormatError(
            "raster-elsewhere",
            f"「{'、'.join(p.name for p in paths)}」は地域と重ならないか、人口がありません。ファイルを確かめてください。",
            f"'{', '.join(p.name for p in paths)}' does not overlap the region or holds nobody; check the file.",
        )
    unique, inverse = np.unique(np.concatenate(cells), return_inverse=True)
    return PopulationMesh(
        mesh_code=unique,
        municipality_code=np.full(len(unique), "", dtype="<U5"),
        population=np.asarray(np.bincount(inverse, np.concatenate(people), len(unique)), dtype=np.float64),
        households=np.full(len(unique), np.nan),
        estimated=True,
        census_year=census_year,
    )


def _magic(path: Path) -> bytes:
    if not path.is_file():
        read_bytes(path)  # raises the sentence about a missing file
    with path.open("rb") as handle:
        return handle.read(4)


def _window(source: Any, west: float, south: float, east: float, north: float) -> Any:
    """Rows and columns whose centres can lie in the box, one more on each side against rounding."""
    from rasterio.windows import Window

    a, b, c, d, e, f = source.transform[:6]
    if b or d or a <= 0 or e >= 0:  # turned or south-up: read it all
        return Window(0, 0, source.width, source.height)
    first_col = max(0, math.floor((west - c) / a) - 1)
    last_col = min(source.width, math.ceil((east - c) / a) + 1)
    first_row = max(0, math.floor((north - f) / e) - 1)
    last_row = min(source.height, math.ceil((south - f) / e) + 1)
    return Window(first_col, first_row, max(0, last_col - first_col), max(0, last_row - first_row))


def _lonlat_of(crs: Any, name: str) -> Callable[[Any, Any], tuple[Any, Any]]:
    """Function from the raster's coordinates to (lon, lat)."""
    if crs is None:
        raise FileFormatError(
            "raster-crs",
            f"「{name}」に座標系が書かれていません。座標系の付いた GeoTIFF を置いてください。",
            f"'{name}' states no coordinate system; use a GeoTIFF that has one.",
        )
    if crs.to_epsg() in (4326, 6668, 4612):
        return lambda x, y: (x, y)
    from pyproj import CRS, Transformer

    transformer = Transformer.from_crs(CRS.from_wkt(crs.to_wkt()), 4326, always_xy=True)
    return lambda x, y: transformer.transform(x, y)
