"""Where a grid lies on the Earth: the latitude that the incidence of ducting depends on."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple


class Latitude(NamedTuple):
    """Latitude of a point, degrees, and its change per km northward and eastward on the grid."""

    degrees: float
    north_per_km: float
    east_per_km: float


def grid_latitude(epsg: int, x_m: float, y_m: float) -> Latitude:
    """Latitude at easting ``x_m``, northing ``y_m`` of a projected CRS."""
    _, found = _to_degrees(epsg).transform(
        [x_m, x_m, x_m, x_m - 1000.0, x_m + 1000.0], [y_m, y_m - 1000.0, y_m + 1000.0, y_m, y_m]
    )
    return Latitude(float(found[0]), float(found[2] - found[1]) / 2.0, float(found[4] - found[3]) / 2.0)


@cache
def _to_degrees(epsg: int) -> Any:
    from pyproj import Transformer  # late: heavy

    return Transformer.from_crs(epsg, 4326, always_xy=True)
