from __future__ import annotations

import numpy as np
import pytest

from coverage.domain.region import LadderConfig
from coverage.gaps.classes import classify
from coverage.gaps.population_coverage import (
    SERVED,
    UNKNOWN,
    UNSERVED,
    population_coverage,
    share_by_area,
    share_by_cell,
    share_by_half_mesh,
    signal_state,
)

LADDER = LadderConfig.model_validate(
    {
        "id": "test",
        "classes": [
            {"id": "good", "name_ja": "良好", "name_en": "Good", "min_dbm": -95, "colour": "#0072b2"},
            {"id": "moderate", "name_ja": "普通", "name_en": "Moderate", "min_dbm": -105, "colour": "#56b4e9"},
            {"id": "basic", "name_ja": "最低限", "name_en": "Basic", "min_dbm": -115, "colour": "#f0e442"},
            {"id": "none", "name_ja": "圏外", "name_en": "None", "colour": "#d55e00"},
        ],
    }
)


def test_a_level_on_an_edge_belongs_to_the_better_class():
    levels = np.array([-94.99, -95.0, -95.01, -105.0, -115.0, -115.01, -200.0, np.nan], dtype=np.float64)
    assert classify(levels, LADDER).tolist() == [0, 0, 1, 1, 2, 3, 3, 255]
    assert LADDER.edge_dbm == -115.0


def test_no_data_is_neither_served_nor_unserved():
    state = signal_state(np.array([-80, -114.9, -116, np.nan], dtype=np.float32), -115.0)
    assert state.tolist() == [SERVED, SERVED, UNSERVED, UNKNOWN]


def _columns_of(overlay, row):
    """Column range of the pixels that a population row owns."""
    _, cols = np.nonzero(overlay.cell_of_pixel == row)
    return cols.min(), cols.max() + 1


def test_area_definition_counts_the_served_share_of_each_cell(overlay):
    # Signal in the western half of the first cell only.
    first, last = _columns_of(overlay, 0)
    state = np.full(overlay.grid.shape, UNSERVED, dtype=np.uint8)
    state[:, : (first + last) // 2] = SERVED
    share = share_by_area(overlay, state).served
    assert share[0] == pytest.approx(0.5, abs=0.06)
    assert share[1:].tolist() == [0.0, 0.0, 0.0, 0.0]


def test_ministry_rule_counts_a_half_mesh_whole_once_more_than_half_of_it_is_covered(overlay):
    half = overlay.half_mesh_of_pixel
    number = half[overlay.cell_of_pixel == 0][0]
    pixels = np.flatnonzero(half.ravel() == number)
    for covered, expected in ((len(pixels) // 2 + 1, 1.0), (len(pixels) // 2, 0.0)):
        state = np.full(half.size, UNSERVED, dtype=np.uint8)
        state[pixels[:covered]] = SERVED
        shares = share_by_half_mesh(overlay, state.reshape(half.shape)).served
        # Cells 0 and 1 lie in the same half mesh, 2 and 3 in the next.
        assert shares.tolist() == [expected, expected, 0.0, 0.0, 0.0]


def test_half_mesh_is_unknown_only_while_either_answer_is_possible(overlay):
    half = overlay.half_mesh_of_pixel
    number = half[overlay.cell_of_pixel == 0][0]
    pixels = np.flatnonzero(half.ravel() == number)
    state = np.full(half.size, UNSERVED, dtype=np.uint8)
    state[pixels[: len(pixels) // 3]] = SERVED
    state[pixels[len(pixels) // 3 : len(pixels) * 2 // 3]] = UNKNOWN
    assert share_by_half_mesh(overlay, state.reshape(half.shape)).unknown[0] == 1.0
    state[pixels[len(pixels) // 3 : len(pixels) // 3 + 3]] = UNSERVED
    state[pixels[len(pixels) // 3 + 3 : len(pixels) * 2 // 3]] = UNSERVED
    assert share_by_half_mesh(overlay, state.reshape(half.shape)).unknown[0] == 0.0


def test_cell_definition_asks_the_level_at_the_centre_of_the_mesh_cell(overlay):
    state = np.full(overlay.grid.shape, UNSERVED, dtype=np.uint8)
    state.ravel()[overlay.centre_pixel[2]] = SERVED
    assert share_by_cell(overlay, state).served.tolist() == [0.0, 0.0, 1.0, 0.0, 0.0]


def test_sums_by_municipality_add_up_to_the_residents(overlay):
    state = np.full(overlay.grid.shape, UNSERVED, dtype=np.uint8)
    west = overlay.municipality_index == 0
    state[west] = SERVED
    figures = population_coverage(overlay, state)
    assert figures.population.tolist() == [40.0, 100.0]
    assert figures.unserved_people_area.tolist() == [0.0, 100.0]
    assert figures.unserved_people_half_mesh[1] == 100.0
    assert figures.unserved_people_cell.tolist() == [0.0, 100.0]
    assert figures.unserved_households.tolist() == [0.0, 40.0]
    expected_km2 = (overlay.municipality_index == 1).sum() * 0.025**2
    assert figures.unserved_area_km2[1] == pytest.approx(expected_km2)
    assert figures.unserved_area_km2[0] == 0.0


def test_no_data_people_stand_apart_from_the_unserved(overlay):
    state = np.full(overlay.grid.shape, UNKNOWN, dtype=np.uint8)
    figures = population_coverage(overlay, state)
    assert figures.unserved_people_area.tolist() == [0.0, 0.0]
    assert figures.unknown_people_area.tolist() == [40.0, 100.0]
    assert figures.unknown_people_half_mesh.tolist() == [40.0, 100.0]
    assert figures.unknown_people_cell.tolist() == [40.0, 100.0]


def test_households_unknown_everywhere_stay_unknown(grid, municipalities, population):
    import dataclasses

    from coverage.gaps.overlay import build_overlay

    silent = dataclasses.replace(population, households=np.full(5, np.nan))
    overlay = build_overlay(grid, municipalities, silent)
    state = np.full(grid.shape, UNSERVED, dtype=np.uint8)
    assert np.isnan(population_coverage(overlay, state).unserved_households).all()
