"""The metric grid that every raster of a run lies on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Window:
    """Rows ``row0 .. row0+rows`` and columns ``col0 .. col0+cols`` of a grid (half-open, never negative in size)."""

    row0: int
    col0: int
    rows: int
    cols: int

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.row0, self.row0 + self.rows), slice(self.col0, self.col0 + self.cols)


@dataclass(frozen=True, slots=True)
class Grid:
    """A north-up raster grid in a projected CRS.

    ``x0_m``/``y0_m`` is the outer corner of the north-west pixel: x = easting, y = northing, in metres, whatever
    axis order the CRS itself declares (the Japanese plane rectangular zones declare north first; every transformer
    in this project is made with ``always_xy``). Rows grow southward.
    """

    epsg: int
    x0_m: float
    y0_m: float
    cell_m: float
    rows: int
    cols: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows, self.cols

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) in metres."""
        return (
            self.x0_m,
            self.y0_m - self.rows * self.cell_m,
            self.x0_m + self.cols * self.cell_m,
            self.y0_m,
        )

    @property
    def transform(self) -> tuple[float, float, float, float, float, float]:
        """GDAL/affine coefficients (a, b, c, d, e, f): x = a·col + b·row + c, y = d·col + e·row + f."""
        return (self.cell_m, 0.0, self.x0_m, 0.0, -self.cell_m, self.y0_m)

    def xy(self, row: FloatArray | IntArray, col: FloatArray | IntArray) -> tuple[FloatArray, FloatArray]:
        """Centre coordinates in metres of pixels ``row``, ``col``."""
        return (
            self.x0_m + (np.asarray(col, dtype=np.float64) + 0.5) * self.cell_m,
            self.y0_m - (np.asarray(row, dtype=np.float64) + 0.5) * self.cell_m,
        )

    def row_col(self, x_m: float, y_m: float) -> tuple[int, int]:
        """The pixel that holds a point; may lie outside the grid (see :meth:`contains`)."""
        return math.floor((self.y0_m - y_m) / self.cell_m), math.floor((x_m - self.x0_m) / self.cell_m)

    def contains(self, x_m: float, y_m: float) -> bool:
        row, col = self.row_col(x_m, y_m)
        return 0 <= row < self.rows and 0 <= col < self.cols

    def window_around(self, x_m: float, y_m: float, radius_m: float) -> Window:
        """The smallest window that holds every pixel whose centre is within ``radius_m``, clipped to the grid."""
        row, col = self.row_col(x_m, y_m)
        reach = math.ceil(radius_m / self.cell_m) + 1
        row0, col0 = max(0, row - reach), max(0, col - reach)
        row1, col1 = min(self.rows, row + reach + 1), min(self.cols, col + reach + 1)
        return Window(row0, col0, max(0, row1 - row0), max(0, col1 - col0))
