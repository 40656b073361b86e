"""Between lon/lat (JGD2011 = WGS 84 here) and the metric plane of a region.

Every transformer is made with ``always_xy``: EPSG declares the Japanese plane rectangular zones north first, and a
forgotten axis order moves a mast by hundreds of kilometres.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

LONLAT_EPSG = 6668
FloatArray = NDArray[np.float64]


@lru_cache(maxsize=32)
def _transformer(source: int, target: int) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)


def lonlat_to_plane(lon: ArrayLike, lat: ArrayLike, epsg: int) -> tuple[FloatArray, FloatArray]:
    """Easting and northing in metres of points in degrees."""
    x, y = _transformer(LONLAT_EPSG, epsg).transform(lon, lat)
    return np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)


def plane_to_lonlat(x_m: ArrayLike, y_m: ArrayLike, epsg: int) -> tuple[FloatArray, FloatArray]:
    """Longitude and latitude in degrees of points in metres."""
    lon, lat = _transformer(epsg, LONLAT_EPSG).transform(x_m, y_m)
    return np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)


def geometry_to_plane(geometry: BaseGeometry, epsg: int) -> BaseGeometry:
    """A lon/lat geometry in metres; only the vertices move."""
    return _moved(geometry, LONLAT_EPSG, epsg)


def geometry_to_lonlat(geometry: BaseGeometry, epsg: int) -> BaseGeometry:
    """A plane geometry in degrees; only the vertices move."""
    return _moved(geometry, epsg, LONLAT_EPSG)


def _moved(geometry: BaseGeometry, source: int, target: int) -> BaseGeometry:
    transformer = _transformer(source, target)

    def move(xy: NDArray[Any]) -> NDArray[Any]:
        x, y = transformer.transform(xy[:, 0], xy[:, 1])
        return np.column_stack([x, y])

    moved: BaseGeometry = shapely.transform(geometry, move)
    return moved
