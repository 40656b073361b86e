"""Ground heights on a metric grid, and what is known about them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from coverage.domain.grid import Grid


@dataclass(frozen=True)
class Terrain:
    """Heights above mean sea level.

    ``height_m`` is float32, shape (rows, cols) of ``grid``; NaN is NO DATA: a hole, a missing tile, or beyond the
    edge. NO DATA is never sea: ``sea`` (bool, same shape) is true only where the source itself says sea, and there
    ``height_m`` is 0. ``clutter_m`` is the height of trees and roofs above bare earth, or None; it must be None for a
    surface model, which holds them already. ``surface_model`` tells so (SRTM, AW3D, Copernicus: true).
    """

    grid: Grid
    height_m: NDArray[np.float32]
    sea: NDArray[np.bool_]
    surface_model: bool = False
    clutter_m: NDArray[np.float32] | None = None
    source: str = ""
    source_step_m: float = field(default=float("nan"))
    """Ground distance between the source's own samples, metres (north–south); coarser than the grid is possible."""

    def __post_init__(self) -> None:
        if self.height_m.shape != self.grid.shape or self.sea.shape != self.grid.shape:
            raise ValueError(
                f"heights {self.height_m.shape}, sea {self.sea.shape}, grid {self.grid.shape} differ"
            )
        if self.height_m.dtype != np.float32 or self.sea.dtype != np.bool_:
            raise TypeError("heights are float32 and sea is bool")
        if self.clutter_m is not None and self.surface_model:
            raise ValueError("a surface model already holds the clutter")
