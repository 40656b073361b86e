"""Signal level → class of the ladder (product rule §3)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from coverage.domain.region import LadderConfig

NO_DATA_CLASS = 255
OUTSIDE_CLASS = 254


def classify(level_dbm: NDArray[np.floating[Any]], ladder: LadderConfig) -> NDArray[np.uint8]:
    """Index into ``ladder.classes`` for RSRP levels of any shape; NaN (NO DATA) → 255.

    A level exactly on an edge belongs to the better class.
    """
    edges = np.array([c.min_dbm for c in ladder.classes[:-1]], dtype=np.float64)
    # searchsorted wants ascending values: count how many edges lie strictly above the level.
    ascending = edges[::-1]
    reached = np.searchsorted(ascending, level_dbm, side="right")
    index = (len(edges) - reached).astype(np.uint8)
    index[np.isnan(level_dbm)] = NO_DATA_CLASS
    return index
