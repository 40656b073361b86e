"""Gridded population (GeoTIFF, for example WorldPop) → JIS mesh: each pixel counts whole in the cell of its centre."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coverage.domain import mesh
from coverage.domain.population import PopulationMesh
from coverage.errors import FileFormatError
from coverage.readers.text import read_bytes

MAX_PIXELS = 400_000_000
"""Largest raster that is read at once: Japan at 100 m is 60 million pixels."""

Floats = NDArray[np.float64]

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
    cells: list[NDArray[np.int64]] = []
    people: list[NDArray[np.float64]] = []
    west, south, east, north = bounds if bounds is not None else (-math.inf, -math.inf, math.inf, math.inf)
    for path in paths:
        lon, lat, values = _residents(path, bounds, nodata)
        keep = (lon >= west) & (lon < east) & (lat >= south) & (lat < north)
        cells.append(mesh.encode(lat[keep], lon[keep], digits))
        people.append(values[keep])
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


def _residents(
    path: Path, bounds: tuple[float, float, float, float] | None, nodata: float | None
) -> tuple[Floats, Floats, Floats]:
    """Longitude, latitude and persons of every populated pixel of one file; pixels around ``bounds`` may be among them."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError
    from rasterio.windows import Window

    if _magic(path) not in _TIFF_MAGIC:
        raise FileFormatError(
            "raster-not-geotiff",
            f"「{path.name}」は GeoTIFF ではありません。種類の違うファイルでないかを確かめてください。",
            f"'{path.name}' is not a GeoTIFF; check that it is the right file.",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            # The driver is pinned: GDAL would open a virtual dataset under any name.
            with rasterio.open(path, driver="GTiff") as source:
                a, b, c, d, e, f = source.transform[:6]
                to_lonlat = _lonlat_of(source.crs, (a, e), path.name)
                window = Window(0, 0, source.width, source.height)
                if bounds is not None and source.crs.is_geographic:
                    window = _window(source, *bounds)
                if window.width * window.height > MAX_PIXELS:
                    raise _broken(path.name, f"{source.width:,} x {source.height:,}")
                if np.dtype(source.dtypes[0]).kind not in "fiu":
                    raise _broken(path.name, source.dtypes[0])
                with np.errstate(invalid="ignore"):  # a signalling NaN is a NaN all the same
                    values = source.read(1, window=window).astype(np.float64)
                empty = source.nodata if nodata is None else nodata
    except RasterioError as problem:
        raise _broken(path.name, str(problem)) from None
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
    lon, lat = to_lonlat(a * col + b * row + c, d * col + e * row + f)
    return lon, lat, values[rows, cols]


def _broken(name: str, reason: str) -> FileFormatError:
    return FileFormatError(
        "raster-broken",
        f"「{name}」を GeoTIFF として読めません（{reason}）。途中で切れていないかを確かめ、入手し直してください。",
        f"'{name}' cannot be read as a GeoTIFF ({reason}); check that it is complete and get it again.",
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


def _lonlat_of(crs: Any, steps: tuple[float, float], name: str) -> Callable[[Any, Any], tuple[Any, Any]]:
    """Function from the raster's coordinates to (lon, lat)."""
    if crs is None or steps == (1.0, 1.0):  # GDAL's stand-in for a missing position
        raise FileFormatError(
            "raster-crs",
            f"「{name}」に座標系または位置が書かれていません。座標の付いた GeoTIFF を置いてください。",
            f"'{name}' states no coordinate system or no position; use a GeoTIFF that has both.",
        )
    if crs.to_epsg() in (4326, 6668, 4612):
        return lambda x, y: (x, y)
    from pyproj import CRS, Transformer

    transformer = Transformer.from_crs(CRS.from_wkt(crs.to_wkt()), 4326, always_xy=True)
    return lambda x, y: transformer.transform(x, y)
