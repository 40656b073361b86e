"""What a plan changes on the ground, as one small picture: who lacked signal, whom decided sites reach, whom the plan."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from coverage.domain.grid import Grid
from coverage.domain.projection import lonlat_to_plane
from coverage.report.pictures import data_uri, rgb

BEFORE_AFTER: Final = ("#f2c48d", "#7fb5d8", "#0b5a83")
"""Without signal still; reached by decided sites; reached by the plan."""
TWO_PLANS: Final = ("#f2c48d", "#c2571a", "#0b5a83", "#5b4a8a")
"""Without signal in both; reached by the first only, by the second only, by both."""


def ground_picture(
    grid: Grid, layers: Sequence[NDArray[np.int64]], colours: Sequence[str], *, box: tuple[float, float, float, float], size: tuple[int, int]
) -> str:
    """A PNG as a ``data:`` address over ``box`` (west, south, east, north in degrees), ``size`` (width, height) pixels.

    ``layers``: flat pixels of the grid, a later one over an earlier; each in its colour, the rest transparent. The
    picture's pixels lie evenly in longitude and latitude and each takes the grid's pixel below its middle.
    """
    width, height = size
    west, south, east, north = box
    lon, lat = np.meshgrid(west + (np.arange(width) + 0.5) / width * (east - west), north - (np.arange(height) + 0.5) / height * (north - south))
    x, y = (np.asarray(v).reshape(height, width) for v in lonlat_to_plane(lon.ravel(), lat.ravel(), grid.epsg))
    col = np.floor((x - grid.x0_m) / grid.cell_m).astype(np.int64)
    row = np.floor((grid.y0_m - y) / grid.cell_m).astype(np.int64)
    inside = (row >= 0) & (row < grid.rows) & (col >= 0) & (col < grid.cols)
    kind = np.zeros(grid.rows * grid.cols, dtype=np.uint8)
    for number, pixels in enumerate(layers, 1):
        kind[pixels] = number
    shown = np.zeros((height, width), dtype=np.uint8)
    shown[inside] = kind[row[inside] * grid.cols + col[inside]]
    palette = np.zeros((len(layers) + 1, 4), dtype=np.uint8)
    for number, colour in enumerate(colours, 1):
        palette[number] = (*rgb(colour), 255)
    out = io.BytesIO()
    Image.fromarray(palette[shown], mode="RGBA").save(out, format="PNG", optimize=True)
    return data_uri(out.getvalue(), "image/png")
