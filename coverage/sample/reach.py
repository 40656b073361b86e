"""A planner's rule of thumb for where a mast is heard: free space plus Bullington diffraction over the terrain.

Good enough to place the sample's sites as people place them. The product's own figures come from ITU-R P.1812 and are
never computed here. Source of the rule: ITU-R P.526, Bullington construction with its correction term.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coverage.sample.relief import GRID, Relief

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

RECEIVER_M = 1.5
_SAMPLES = 72
_BEND = 1.0 / (2.0 * 4.0 / 3.0 * 6_371_000.0)
"""Half the curvature of the Earth as radio waves see it, 1/m."""
_CHUNK = 40_000


def rsrp_dbm(
    relief: Relief,
    mast: tuple[IntArray, IntArray, FloatArray],
    spot: tuple[IntArray, IntArray],
    *,
    frequency_mhz: FloatArray,
    eirp_dbm: FloatArray,
    bandwidth_mhz: FloatArray,
) -> FloatArray:
    """RSRP 1.5 m above ground at each pair of mast (row, col, height m) and spot (row, col).

    All arrays of equal length. A resource element has 1/(12·N_RB) of the carrier's power, and LTE has five resource
    blocks a megahertz. dBm, rounded to 0.01 so that a decision does not hang on a last bit.
    """
    count = len(mast[0])
    loss = np.empty(count)
    for start in range(0, count, _CHUNK):
        part = slice(start, min(count, start + _CHUNK))
        loss[part] = _chunk(
            relief.height_m,
            (mast[0][part], mast[1][part], mast[2][part]),
            (spot[0][part], spot[1][part]),
            frequency_mhz[part],
        )
    return np.round(eirp_dbm - 10.0 * np.log10(60.0 * bandwidth_mhz) - loss, 2)


def _chunk(
    height: FloatArray,
    mast: tuple[IntArray, IntArray, FloatArray],
    spot: tuple[IntArray, IntArray],
    frequency_mhz: FloatArray,
) -> FloatArray:
    rows, cols = mast[0].astype(np.float64), mast[1].astype(np.float64)
    d_row, d_col = spot[0] - rows, spot[1] - cols
    length = np.maximum(np.sqrt(d_row * d_row + d_col * d_col) * GRID.cell_m, 60.0)
    share = (np.arange(1, _SAMPLES) / _SAMPLES)[:, None]
    ground = height[
        np.round(rows + share * d_row).astype(np.int64), np.round(cols + share * d_col).astype(np.int64)
    ]
    here, there = share * length, (1.0 - share) * length
    bulge = ground + here * there * _BEND
    top = height[mast[0], mast[1]] + mast[2]
    low = height[spot[0], spot[1]] + RECEIVER_M
    up = ((bulge - top) / here).max(axis=0)
    down = ((bulge - low) / there).max(axis=0)
    straight = (low - top) / length
    wave_m = 299.792458 / frequency_mhz
    clear = up < straight
    # In sight: the sample that comes closest to the ray. Behind a ridge: the point where both horizons meet.
    ray = top + (low - top) * share
    knife = ((bulge - ray) * np.sqrt(2.0 * length / (wave_m * here * there))).max(axis=0)
    meet = np.clip((low - top + down * length) / np.where(clear, 1.0, up + down), 1.0, length - 1.0)
    hidden = (top + up * meet - (top + (low - top) * meet / length)) * np.sqrt(
        2.0 * length / (wave_m * meet * (length - meet))
    )
    nu = np.where(clear, knife, hidden)
    loss = np.where(nu > -0.78, 6.9 + 20.0 * np.log10(np.sqrt((nu - 0.1) * (nu - 0.1) + 1.0) + nu - 0.1), 0.0)
    loss = np.maximum(loss, 0.0)
    loss = loss + (1.0 - np.exp(-loss / 6.0)) * (10.0 + 0.02 * length / 1000.0)
    free = 32.45 + 20.0 * np.log10(frequency_mhz) + 20.0 * np.log10(length / 1000.0)
    result: FloatArray = free + loss
    return result
