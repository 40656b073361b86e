from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coverage.domain.population import PopulationMesh
from coverage.errors import RegionError
from coverage.gaps.overlay import build_overlay, largest_remainder


def test_every_populated_cell_owns_about_a_hundred_pixels_of_25_metres(overlay):
    # 250 m cells are about 232 m × 290 m here: 9.3 × 11.6 pixels.
    assert overlay.pixels_of_cell.min() > 90
    assert overlay.pixels_of_cell.max() < 130
    assert (overlay.extra_pixel == -1).all()


def test_people_spread_over_pixels_sum_to_all_residents(overlay):
    assert overlay.people_of_pixel().sum() == pytest.approx(140.0, abs=1e-9)


def test_cell_without_a_municipality_is_shared_by_area_in_whole_people(grid, municipalities, cells):
    # Shift the border so that the cell west of it lies half in each municipality.
    west, east = municipalities
    half = (east.geometry.bounds[2] - east.geometry.bounds[0]) / 8
    from shapely.geometry import box

    w, s, e, n = west.geometry.bounds
    west = dataclasses.replace(west, geometry=box(w, s, e - half, n))
    w, s, e, n = east.geometry.bounds
    east = dataclasses.replace(east, geometry=box(w - half, s, e, n))
    mesh = PopulationMesh(cells[1, 3:4], np.array([""]), np.array([11.0]), np.array([np.nan]))
    shared = build_overlay(grid, (west, east), mesh).population
    assert sorted(shared.municipality_code) == ["99201", "99301"]
    assert shared.population.sum() == 11.0
    assert set(shared.population) == {5.0, 6.0}
    assert np.isnan(shared.households).all()


def test_cell_finer_than_the_grid_is_stood_for_by_the_pixel_under_its_centre(grid, municipalities, population):
    coarse = dataclasses.replace(grid, cell_m=500.0, rows=grid.rows // 20 + 1, cols=grid.cols // 20 + 1)
    overlay = build_overlay(coarse, municipalities, population)
    assert (overlay.pixels_of_cell >= 1).all()
    assert overlay.people_of_pixel().sum() == pytest.approx(140.0)
    everything = np.ones(coarse.shape, dtype=bool)
    assert overlay.share(everything).tolist() == [1.0] * 5


def test_population_of_a_municipality_that_the_boundaries_lack_is_refused(grid, municipalities, population):
    stray = dataclasses.replace(population, municipality_code=np.array(["99201"] * 4 + ["99999"]))
    with pytest.raises(RegionError) as caught:
        build_overlay(grid, municipalities, stray)
    assert caught.value.code == "population-municipality-unknown"
    assert "99999" in caught.value.ja


def test_cell_given_twice_for_one_municipality_is_refused(grid, municipalities, cells):
    twice = PopulationMesh(
        np.array([cells[0, 0], cells[0, 0]]), np.array(["99201", "99201"]), np.ones(2), np.full(2, np.nan)
    )
    with pytest.raises(RegionError) as caught:
        build_overlay(grid, municipalities, twice)
    assert caught.value.code == "population-cell-twice"


def test_population_of_another_prefecture_is_refused(grid, municipalities):
    far = PopulationMesh(np.array([5339452411]), np.array(["99201"]), np.ones(1), np.full(1, np.nan))
    with pytest.raises(RegionError) as caught:
        build_overlay(grid, municipalities, far)
    assert caught.value.code == "population-outside-grid"


def test_empty_population_is_refused(grid, municipalities):
    nobody = PopulationMesh(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.str_), np.zeros(0), np.zeros(0))
    with pytest.raises(RegionError) as caught:
        build_overlay(grid, municipalities, nobody)
    assert caught.value.code == "population-empty"


@given(
    total=st.integers(0, 10_000),
    weights=st.lists(st.integers(1, 1000), min_size=1, max_size=12),
)
def test_largest_remainder_keeps_whole_people_and_their_sum(total, weights):
    shares = np.array(weights) / sum(weights)
    parts = largest_remainder(float(total), shares)
    assert parts.sum() == total
    assert (parts == np.floor(parts)).all()
    assert (np.abs(parts - total * shares) < 1.0 + 1e-9).all()


def test_an_estimate_with_a_fraction_is_split_in_proportion():
    assert largest_remainder(1.5, np.array([0.5, 0.5])).tolist() == [0.75, 0.75]
