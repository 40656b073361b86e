"""Radio-climatic zones from coastline and terrain (ITU-R P.1812-8 §3.3).

Sea is where the terrain's own source says sea. Coastal land is land within 50 km of the sea and not above 100 m; all
other land is inland. Ducts form over the sea and reach over the coast: the zones set how often.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from coverage.domain.terrain import Terrain
from coverage.radio.path_geometry import COASTAL_LAND, INLAND, SEA

COASTAL_HEIGHT_M: Final = 100.0
COASTAL_REACH_M: Final = 50_000.0
_MOST_CELLS: Final = 4_000_000


def climatic_zones(terrain: Terrain) -> NDArray[np.uint8] | None:
    """Zone of every pixel: 1 sea, 3 coastal land, 4 inland; shape of the terrain. None where there is no sea at all.

    NO DATA pixels are inland (no path crosses them). The distance to the sea is exact on grids up to 4 million
    pixels; beyond, the sea is looked up in blocks of pixels, which moves the 50 km limit by at most one block.
    The sea beyond the terrain's edge is not known: give terrain that reaches past the coast.
    Source: ITU-R P.1812-8 §3.3.
    """
    if not terrain.sea.any():
        return None
    near = _within_reach(terrain.sea, COASTAL_REACH_M / terrain.grid.cell_m)
    low = terrain.height_m <= COASTAL_HEIGHT_M
    zones = np.full(terrain.grid.shape, INLAND, dtype=np.uint8)
    zones[near & low] = COASTAL_LAND
    zones[terrain.sea] = SEA
    return zones


def _within_reach(sea: NDArray[np.bool_], reach_cells: float) -> NDArray[np.bool_]:
    """Pixels within ``reach_cells`` of the sea."""
    from scipy.ndimage import distance_transform_edt  # late: heavy

    rows, cols = sea.shape
    if math.hypot(rows, cols) <= reach_cells:
        return np.ones(sea.shape, dtype=np.bool_)
    block = max(1, math.ceil(math.sqrt(sea.size / _MOST_CELLS)))
    coarse = sea
    if block > 1:
        padded = np.zeros((-(-rows // block) * block, -(-cols // block) * block), dtype=np.bool_)
        padded[:rows, :cols] = sea
        blocks = padded.reshape(padded.shape[0] // block, block, padded.shape[1] // block, block)
        coarse = np.asarray(blocks.any(axis=(1, 3)), dtype=np.bool_)
    distance: NDArray[np.float64] = np.asarray(distance_transform_edt(~coarse))
    near = distance <= reach_cells / block
    if block > 1:
        near = near.repeat(block, axis=0).repeat(block, axis=1)[:rows, :cols]
    return near
