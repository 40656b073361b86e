"""The parts that make the land: noise that is exact, water that always finds the sea, a rule of thumb for masts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import rasterio

from coverage.radio.linkbudget import rsrp_reduction_db
from coverage.radio.p1812 import basic_transmission_loss
from coverage.radio.path_geometry import COASTAL_LAND, INLAND, SEA, Profile
from coverage.sample.drainage import carve, drain, fill_pits, smooth
from coverage.sample.noise import fractal_noise, gradient_noise, ridged_noise
from coverage.sample.reach import rsrp_dbm
from coverage.sample.relief import GRID, Relief


def _slope_into_sea(rows: int = 30, cols: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Ground that rises from a sea in the west, rough and full of pits."""
    col = np.arange(cols, dtype=float)
    height = np.tile(np.maximum(0.0, 12.0 * (col - 3)), (rows, 1))
    sea = np.tile(col < 4, (rows, 1))
    chance = np.random.Generator(np.random.PCG64(7))
    return np.where(sea, 0.0, height + 60.0 * chance.random((rows, cols))), sea


NOISE_GOLDEN = [0.2578125, -0.2828218275681138, 0.1781471277354285]
"""Exact, to the last bit: a noise that differs in it makes another river."""


def test_noise_is_zero_on_its_lattice_and_the_same_however_it_is_asked_for() -> None:
    x, y = np.meshgrid(np.arange(-4.0, 5.0), np.arange(-4.0, 5.0))
    assert np.abs(gradient_noise(x, y, seed=3)).max() == 0.0
    x, y = np.meshgrid(np.linspace(-3.3, 8.1, 40), np.linspace(2.2, 9.9, 30))
    whole = gradient_noise(x, y, seed=11)
    part = gradient_noise(x[7:9, 21:24], y[7:9, 21:24], seed=11)
    assert (whole[7:9, 21:24] == part).all()
    assert (gradient_noise(x, y, seed=12) != whole).any()


def test_noise_has_these_exact_values_on_every_platform() -> None:
    x, y = np.array([0.5, 1.25, -3.75]), np.array([0.5, 2.125, 7.0625])
    assert fractal_noise(x, y, seed=20161, octaves=4).tolist() == NOISE_GOLDEN
    ridged = ridged_noise(x, y, seed=20161, octaves=3)
    assert ((ridged >= 0.0) & (ridged <= 1.0)).all()


def test_water_finds_the_sea_from_every_cell_and_none_is_lost() -> None:
    height, sea = _slope_into_sea()
    way = drain(height, sea)
    land = ~sea.ravel()
    end = way.receiver
    for _ in range(12):
        end = end[end]
    assert sea.ravel()[end].all()
    outlets = land & sea.ravel()[way.receiver]
    assert way.area[outlets].sum() == land.sum()
    assert (way.filled.ravel()[land] > way.filled.ravel()[way.receiver[land]]).all()


def test_filling_raises_a_bowl_to_its_rim_and_leaves_slopes_alone() -> None:
    height, sea = _slope_into_sea()
    height = np.where(sea, 0.0, np.tile(np.arange(40.0) * 10.0, (30, 1)))
    height[15, 20] = 5.0
    filled = fill_pits(height, sea)
    assert filled[15, 20] == pytest.approx(190.01)
    height[15, 20] = filled[15, 20]
    assert (fill_pits(height, sea) == height).all()


def test_carving_never_leaves_a_slope_that_would_fail() -> None:
    height, sea = _slope_into_sea()
    chance = np.random.Generator(np.random.PCG64(1))
    carved, way = carve(
        height,
        sea,
        uplift=np.full_like(height, 90.0),
        cell_m=100.0,
        time=0.4,
        steepest=0.6,
        rounds=8,
        chance=chance,
    )
    land = np.flatnonzero(~sea.ravel())
    flat = carved.ravel()
    fall = (flat[land] - flat[way.receiver[land]]) / (way.distance[land] * 100.0)
    assert (fall <= 0.6 + 1e-9).all()
    assert (fall > 0).all()
    # Where more water runs the bed is gentler: the law that makes valleys.
    big, small = way.area[land] > 40, way.area[land] < 3
    assert np.median(fall[big]) < 0.3 * np.median(fall[small])


def test_smoothing_keeps_the_sea_and_lowers_no_mean() -> None:
    height, sea = _slope_into_sea()
    soft = smooth(height, sea, share=0.2)
    assert (soft[sea] == 0.0).all()
    inner = np.s_[5:-5, 10:-5]
    assert soft[inner].std() < height[inner].std()


def test_the_planners_rule_of_thumb_is_close_to_p1812(sample_dir: Path) -> None:
    with rasterio.open(sample_dir / "terrain" / "sample_dem_50m.tif") as source:
        height = np.round(source.read(1) * 0.1, 1)
    assert height.shape == GRID.shape
    sea = height == 0.0
    chance = np.random.Generator(np.random.PCG64(5))
    land = np.argwhere(~sea)
    masts = land[chance.integers(0, len(land), 150)]
    spots = masts + chance.integers(-120, 121, masts.shape)
    inside = ((spots >= 0) & (spots < np.array(GRID.shape))).all(axis=1)
    good = inside & (((spots - masts) ** 2).sum(axis=1) > 100)
    masts, spots = masts[good], spots[good]
    good = ~sea[spots[:, 0], spots[:, 1]]
    masts, spots = masts[good], spots[good]
    count = len(masts)
    assert count > 60
    rule = rsrp_dbm(
        cast(Relief, SimpleNamespace(height_m=height)),
        (masts[:, 0], masts[:, 1], np.full(count, 20.0)),
        (spots[:, 0], spots[:, 1]),
        frequency_mhz=np.full(count, 880.0),
        eirp_dbm=np.full(count, 53.0),
        bandwidth_mhz=np.full(count, 10.0),
    )
    differences = []
    for (row, col), (to_row, to_col), level in zip(masts, spots, rule, strict=True):
        steps = int(np.hypot(to_row - row, to_col - col)) + 1
        rr = np.round(np.linspace(row, to_row, steps)).astype(int)
        cc = np.round(np.linspace(col, to_col, steps)).astype(int)
        ground = height[rr, cc]
        zone = np.where(sea[rr, cc], SEA, np.where(ground < 100.0, COASTAL_LAND, INLAND))
        loss = basic_transmission_loss(
            Profile(
                np.linspace(0.0, float(np.hypot(to_row - row, to_col - col)) * 0.05, steps), ground, zone=zone
            ),
            frequency_ghz=0.88,
            time_percent=50.0,
            tx_height_m=20.0,
            rx_height_m=1.5,
            latitude_deg=33.65,
        ).loss_db
        differences.append(level - (53.0 - rsrp_reduction_db(50) - loss))
    off = np.abs(differences)
    assert float(np.median(off)) <= 1.0
    assert float(np.percentile(off, 90)) <= 6.0
