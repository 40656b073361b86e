"""Single links explain what the area raster shows."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from coverage.domain.grid import Grid
from coverage.domain.region import RadioConfig
from coverage.domain.terrain import Terrain
from coverage.errors import OutsideTerrainError
from coverage.radio.freespace import free_space_loss_db
from coverage.radio.link import Link, link, near_mast_share
from coverage.radio.sweep import area_loss_db


def _terrain() -> Terrain:
    rows, cols = np.mgrid[0:121, 0:121]
    height = 200.0 + 90.0 * np.sin(cols / 9.0) + 60.0 * np.cos(rows / 7.0)
    grid = Grid(6674, 20_000.0, -220_000.0, 50.0, 121, 121)
    return Terrain(grid, height.astype(np.float32), np.zeros((121, 121), dtype=np.bool_))


MAST = (23_025.0, -223_025.0)


def _link(terrain: Terrain, east_m: float, north_m: float = 0.0, **radio: object) -> Link:
    return link(
        terrain, tx_x_m=MAST[0], tx_y_m=MAST[1], tx_height_m=30.0, rx_x_m=MAST[0] + east_m, rx_y_m=MAST[1] + north_m,
        frequency_mhz=800.0, radio=RadioConfig(**radio),  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize(
    "radio", [{}, {"location_percent": 90.0, "time_percent": 10.0}, {"model": "free-space"}]
)
def test_a_link_along_an_axis_is_the_pixel_of_the_area_raster(radio: dict[str, object]) -> None:
    terrain = _terrain()
    area = area_loss_db(
        terrain, x_m=MAST[0], y_m=MAST[1], antenna_height_m=30.0, frequency_mhz=800.0, radius_m=2_500.0,
        radio=RadioConfig(**radio),  # type: ignore[arg-type]
    )  # fmt: skip
    row, col = terrain.grid.row_col(*MAST)
    for k in range(3, 50):
        pixel = area.loss_db[row - area.window.row0, col + k - area.window.col0]
        assert _link(terrain, 50.0 * k, **radio).loss_db == pytest.approx(pixel, abs=2e-4)


def test_next_to_the_mast_a_link_is_free_space_and_says_so() -> None:
    near = _link(_terrain(), 100.0)
    assert near.near_mast
    assert near.loss_db == pytest.approx(near.free_space_db)
    assert not _link(_terrain(), 300.0).near_mast
    assert [near_mast_share(km) for km in (0.0, 0.125, 0.1875, 0.25, 9.0)] == pytest.approx(
        [0.0, 0.0, 0.5, 1.0, 1.0]
    )


def test_free_space_is_slant() -> None:
    found = _link(_terrain(), 0.0, 2_000.0, model="free-space")
    rise = found.result.geometry.h_ts_m - found.result.geometry.h_rs_m
    assert found.loss_db == pytest.approx(free_space_loss_db(2.0, rise, 0.8), abs=1e-9)
    assert found.model == "ITU-R P.525 free space"


def test_a_link_names_its_model_and_shows_its_obstacles() -> None:
    hidden = _link(_terrain(), 2_700.0)
    assert hidden.model == "ITU-R P.1812-8"
    assert hidden.view.edges
    assert hidden.view.clearance < 0.0
    assert hidden.loss_db > hidden.free_space_db + 6.0


def test_a_link_over_a_hole_is_refused() -> None:
    terrain = _terrain()
    height = terrain.height_m.copy()
    height[60, 80] = np.nan
    with pytest.raises(OutsideTerrainError):
        _link(dataclasses.replace(terrain, height_m=height), 2_000.0)
