"""Radio-climatic zones from coastline and terrain."""

from __future__ import annotations

import numpy as np
import pytest

from coverage.domain.grid import Grid
from coverage.domain.terrain import Terrain
from coverage.radio.path_geometry import COASTAL_LAND, INLAND, SEA
from coverage.radio.zones import climatic_zones


def _coast(cell_m: float, cols: int, rows: int = 5) -> Terrain:
    """Sea in the western fifth, then land that rises 1 m a column."""
    height = np.broadcast_to(np.arange(cols, dtype=np.float32), (rows, cols)).copy()
    sea = np.zeros((rows, cols), dtype=np.bool_)
    sea[:, : cols // 5] = True
    height[sea] = 0.0
    return Terrain(Grid(6674, 0.0, 0.0, cell_m, rows, cols), height, sea)


def test_land_without_any_sea_has_no_zones() -> None:
    terrain = _coast(100.0, 50)
    inland = Terrain(terrain.grid, terrain.height_m, np.zeros_like(terrain.sea))
    assert climatic_zones(inland) is None


def test_low_land_near_the_sea_is_coastal_and_high_land_is_not() -> None:
    zones = climatic_zones(_coast(100.0, 200))
    assert zones is not None
    assert zones.dtype == np.uint8
    row = zones[2]
    assert (row[:40] == SEA).all()
    assert (row[40:101] == COASTAL_LAND).all()
    assert (row[101:] == INLAND).all()


def test_coastal_land_ends_fifty_kilometres_from_the_sea() -> None:
    terrain = _coast(1_000.0, 100)
    low = Terrain(terrain.grid, np.minimum(terrain.height_m, 5.0), terrain.sea)
    zones = climatic_zones(low)
    assert zones is not None
    row = zones[2]
    assert (row[20:70] == COASTAL_LAND).all()
    assert (row[70:] == INLAND).all()


def test_no_data_is_not_coast() -> None:
    terrain = _coast(100.0, 50)
    height = terrain.height_m.copy()
    height[:, 30] = np.nan
    zones = climatic_zones(Terrain(terrain.grid, height, terrain.sea))
    assert zones is not None
    assert (zones[:, 30] == INLAND).all()


def test_large_grids_find_the_sea_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    terrain = _coast(250.0, 600, rows=37)
    low = Terrain(terrain.grid, np.minimum(terrain.height_m, 5.0), terrain.sea)
    exact = climatic_zones(low)
    monkeypatch.setattr("coverage.radio.zones._MOST_CELLS", 2_000)
    coarse = climatic_zones(low)
    assert exact is not None
    assert coarse is not None
    assert coarse.shape == exact.shape
    limit = 120 + 200  # sea ends at column 120; 50 km are 200 columns
    far_from_limit = np.abs(np.arange(600) - limit) > 5
    assert np.array_equal(coarse[:, far_from_limit], exact[:, far_from_limit])
