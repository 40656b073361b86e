"""Terrain between two points, and the picture of a link."""

from __future__ import annotations

import numpy as np
import pytest

from coverage.domain.grid import Grid
from coverage.domain.terrain import Terrain
from coverage.errors import InputError, OutsideTerrainError
from coverage.radio.p1812 import basic_transmission_loss
from coverage.radio.path_geometry import COASTAL_LAND, INLAND, Profile
from coverage.radio.profile import path_view, terrain_profile


def _slope() -> Terrain:
    """A plane that rises 1 m a column eastward and 2 m a row southward; bilinear reading of it is exact."""
    rows, cols = np.mgrid[0:40, 0:60]
    height = (cols + 2.0 * rows).astype(np.float32)
    return Terrain(Grid(6674, 1_000.0, 9_000.0, 50.0, 40, 60), height, np.zeros((40, 60), dtype=np.bool_))


def test_heights_lie_on_the_plane_at_equal_steps() -> None:
    profile = terrain_profile(_slope(), 1_100.0, 8_900.0, 2_600.0, 7_500.0)
    assert profile.distance_km[-1] == pytest.approx(np.hypot(1_500.0, 1_400.0) / 1000.0)
    assert np.ptp(np.diff(profile.distance_km)) < 1e-12
    assert np.diff(profile.distance_km).max() <= 0.05
    along = np.linspace(0.0, 1.0, profile.distance_km.size)
    east, south = 1_500.0 * along + 100.0, 1_400.0 * along + 100.0
    assert profile.height_m == pytest.approx(east / 50.0 - 0.5 + 2.0 * (south / 50.0 - 0.5), abs=1e-4)
    assert (profile.zone == INLAND).all()
    assert (profile.clutter_m == 0.0).all()


def test_clutter_and_zones_are_those_of_the_pixel() -> None:
    terrain = _slope()
    clutter = np.zeros(terrain.grid.shape, dtype=np.float32)
    clutter[:, 20:] = 12.0
    zones = np.full(terrain.grid.shape, INLAND, dtype=np.uint8)
    zones[:, 20:] = COASTAL_LAND
    with_clutter = Terrain(terrain.grid, terrain.height_m, terrain.sea, clutter_m=clutter)
    profile = terrain_profile(with_clutter, 1_025.0, 8_000.0, 3_025.0, 8_000.0, zones=zones)
    assert set(np.unique(profile.clutter_m)) == {0.0, 12.0}
    assert np.array_equal(profile.clutter_m == 12.0, profile.zone == COASTAL_LAND)


def test_a_short_path_still_has_points_between_its_ends() -> None:
    assert terrain_profile(_slope(), 2_000.0, 8_000.0, 2_010.0, 8_000.0).distance_km.size == 4


def test_the_step_can_be_given() -> None:
    assert terrain_profile(_slope(), 2_000.0, 8_000.0, 3_000.0, 8_000.0, step_m=100.0).distance_km.size == 11


def test_a_path_off_the_terrain_or_over_a_hole_is_refused() -> None:
    terrain = _slope()
    with pytest.raises(OutsideTerrainError) as off:
        terrain_profile(terrain, 0.0, 8_000.0, 3_000.0, 8_000.0)
    assert off.value.code == "path-off-terrain"
    height = terrain.height_m.copy()
    height[20, 30] = np.nan
    holed = Terrain(terrain.grid, height, terrain.sea)
    with pytest.raises(OutsideTerrainError) as hole:
        terrain_profile(holed, 1_100.0, 7_980.0, 3_900.0, 7_980.0)
    assert hole.value.code == "profile-no-data"
    with pytest.raises(InputError) as same:
        terrain_profile(terrain, 2_000.0, 8_000.0, 2_000.0, 8_000.0)
    assert same.value.code == "path-has-no-length"


def test_a_ridge_is_the_edge_and_a_clear_path_has_none() -> None:
    d = np.linspace(0.0, 8.0, 81)
    ridge = Profile(d, np.where(np.abs(d - 3.0) < 0.05, 300.0, 10.0))
    parameters = {
        "frequency_ghz": 0.8, "time_percent": 50.0, "tx_height_m": 30.0, "rx_height_m": 1.5, "latitude_deg": 34.5,
    }  # fmt: skip
    view = path_view(ridge, basic_transmission_loss(ridge, **parameters), frequency_ghz=0.8)
    assert view.edges == (30,)
    assert view.clearance < -10.0
    assert view.line_m[0] == 40.0
    assert view.line_m[-1] == 11.5
    assert view.fresnel_m[[0, -1]] == pytest.approx([0.0, 0.0])
    # F1 = sqrt(λ·d1·d2 / d): 3 km and 5 km at 800 MHz.
    assert view.fresnel_m[30] == pytest.approx(np.sqrt(0.37475 * 3000.0 * 5000.0 / 8000.0), rel=1e-6)
    high = Profile(d, np.where((d == 0.0) | (d == 8.0), 500.0, 10.0))
    clear = path_view(high, basic_transmission_loss(high, **parameters), frequency_ghz=0.8)
    assert clear.edges == ()
    assert clear.clearance > 1.0
