"""Where masts could stand: high ground near people, places, filters, and the instance made of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from shapely.geometry import box

from coverage.domain.grid import Grid
from coverage.domain.terrain import Terrain
from coverage.errors import InputError
from coverage.plan import siting
from coverage.plan.siting import Candidate


def land(height: np.ndarray, *, cell_m: float = 100.0, sea: np.ndarray | None = None) -> Terrain:
    """Terrain whose south-west corner is the origin of the plane."""
    rows, cols = height.shape
    grid = Grid(6674, 0.0, rows * cell_m, cell_m, rows, cols)
    return Terrain(grid, height.astype(np.float32), np.zeros(height.shape, bool) if sea is None else sea)


def two_hills() -> Terrain:
    """A hill of 300 m in the west and one of 200 m in the east, over flat ground at 10 m; 40 × 80 pixels of 100 m."""
    rows, cols = np.mgrid[0:40, 0:80]
    height = np.full((40, 80), 10.0)
    for row, col, top in ((20, 15, 290.0), (20, 60, 190.0)):
        height += top * np.exp(-((rows - row) ** 2 + (cols - col) ** 2) / 30.0)
    return land(height)


def at(x: float, y: float, number: int = 0, **fields: object) -> Candidate:
    return Candidate(f"C{number}", x, y, "list", **fields)  # type: ignore[arg-type]


def test_a_plane_that_rises_one_in_one_has_a_slope_of_45_degrees() -> None:
    _, cols = np.mgrid[0:6, 0:6]
    slopes = siting.slope_deg(land(cols * 100.0))
    assert slopes[3, 3] == pytest.approx(45.0)
    diagonal = siting.slope_deg(land(np.add.outer(np.arange(6), np.arange(6)) * 100.0))
    assert diagonal[3, 3] == pytest.approx(math.degrees(math.atan(math.sqrt(2))))


def test_slope_beside_a_hole_is_unknown() -> None:
    height = np.zeros((5, 5))
    height[2, 2] = np.nan
    slopes = siting.slope_deg(land(height))
    assert np.isnan(slopes[1, 1])
    assert slopes[0, 0] == 0.0


def test_high_points_are_the_hilltops_near_people_and_the_busier_hill_comes_first() -> None:
    terrain = two_hills()
    west, east = (1550.0, 1950.0), (6050.0, 1950.0)
    homes = np.array([(1500.0, 800.0), (6000.0, 800.0), (6100.0, 900.0)])
    few_west = siting.high_points(terrain, homes, np.array([10.0, 400.0, 400.0]), within_m=2_000.0, window_m=500.0)
    assert [(c.x_m, c.y_m) for c in few_west] == [east, west]
    many_west = siting.high_points(terrain, homes, np.array([900.0, 1.0, 1.0]), within_m=2_000.0, window_m=500.0)
    assert [(c.x_m, c.y_m) for c in many_west] == [west, east]
    assert many_west[0].ground_m == pytest.approx(300.0, abs=1.0)
    assert [c.candidate_id for c in many_west] == ["HP-0001", "HP-0002"]


def test_a_hill_without_people_near_is_no_candidate() -> None:
    found = siting.high_points(two_hills(), np.array([(1500.0, 800.0)]), np.array([5.0]), within_m=2_000.0)
    assert {c.x_m for c in found} == {1550.0}
    assert siting.high_points(two_hills(), np.array([(1500.0, 800.0)]), np.array([0.0])) == []


def test_high_points_keep_their_spacing_and_limit() -> None:
    rng = np.random.default_rng(1)
    terrain = land(rng.random((60, 60)) * 100)
    homes = rng.random((30, 2)) * 6_000
    found = siting.high_points(terrain, homes, np.ones(30), window_m=150.0, spacing_m=900.0, within_m=3_000.0, limit=12)
    assert len(found) == 12
    for a in found:
        assert all(a is b or math.hypot(a.x_m - b.x_m, a.y_m - b.y_m) >= 900.0 for b in found)


def test_neither_sea_nor_holes_are_high_points() -> None:
    height = np.full((20, 20), 5.0)
    height[5, 5], height[10, 10], height[15, 15] = 900.0, np.nan, 50.0
    sea = np.zeros((20, 20), dtype=bool)
    sea[5, 5] = True
    found = siting.high_points(land(height, sea=sea), np.array([(1000.0, 1000.0)]), np.ones(1), window_m=300.0)
    assert (found[0].x_m, found[0].y_m) == (1550.0, 450.0)


def test_terrain_is_looked_up_and_what_has_none_is_named() -> None:
    height = np.full((10, 10), 7.0)
    height[0, 0] = np.nan
    sea = np.zeros((10, 10), dtype=bool)
    sea[9, 9] = True
    spots = [at(550, 550, 1), at(50, 950, 2), at(950, 50, 3), at(5_000, 5_000, 4)]
    kept, out = siting.on_terrain(spots, land(height, sea=sea))
    assert [(c.candidate_id, c.ground_m, c.slope_deg) for c in kept] == [("C1", 7.0, 0.0)]
    assert [(r.candidate.candidate_id, r.reason) for r in out] == [
        ("C2", "no-terrain-data"), ("C3", "sea"), ("C4", "outside-terrain")
    ]  # fmt: skip


def test_places_keep_their_names_and_codes() -> None:
    found = siting.at_places([("S1", "大杉小学校", 1.0, 2.0)], "shelter", municipality={"S1": "24443"})
    assert found == [Candidate("S1", 1.0, 2.0, "shelter", "大杉小学校", "24443")]


def test_a_place_given_twice_or_without_position_is_refused() -> None:
    with pytest.raises(InputError, match="S1"):
        siting.at_places([("S1", "", 0, 0), ("S1", "", 1, 1)], "shelter")
    with pytest.raises(InputError, match="S2"):
        siting.at_places([("S2", "", float("nan"), 0)], "shelter")


def test_another_operators_mast_is_a_candidate_only_where_the_operator_is_not_yet() -> None:
    rows = [("M1", "a", 0.0, 0.0, "docomo"), ("M1", "a", 0.0, 0.0, "kddi"), ("M2", "b", 1.0, 1.0, "kddi"), ("M2", "b", 1.0, 1.0, "rakuten")]
    assert [c.candidate_id for c in siting.masts_of_others(rows, operator="docomo")] == ["M2"]
    assert [c.candidate_id for c in siting.masts_of_others(rows, operator="softbank")] == ["M1", "M2"]


@pytest.mark.parametrize("value", [0.0, -5.0, float("nan")])
def test_lengths_must_be_positive(value: float) -> None:
    with pytest.raises(InputError):
        siting.thinned([at(0, 0)], value)


def test_an_area_bars_what_lies_in_it_or_on_its_edge_and_is_named() -> None:
    spots = [at(500, 10, 1), at(400, 0, 2), at(900, 0, 3)]
    park, slope = box(400, -50, 600, 50), box(450, -50, 700, 50)
    kept, out = siting.outside_of(spots, [park, slope], names=["公園", "地すべり"])
    assert [c.candidate_id for c in kept] == ["C3"]
    assert [(r.candidate.candidate_id, r.reason, r.detail) for r in out] == [
        ("C1", "excluded-area", "公園"), ("C2", "excluded-area", "公園")
    ]  # fmt: skip
    assert [r.detail for r in siting.outside_of(spots, [park])[1]] == ["", ""]
    assert siting.outside_of(spots, []) == (spots, [])


def test_ground_too_steep_or_of_unknown_slope_is_left_out() -> None:
    spots = [at(0, 0, 1, slope_deg=5.0), at(0, 0, 2, slope_deg=50.0), at(0, 0, 3)]
    kept, out = siting.not_steeper_than(spots, 30.0)
    assert [c.candidate_id for c in kept] == ["C1"]
    assert [(r.candidate.candidate_id, r.reason) for r in out] == [("C2", "too-steep"), ("C3", "too-steep")]


def test_of_two_places_too_close_the_earlier_stands() -> None:
    kept, out = siting.thinned([at(0, 0, 1), at(30, 0, 2), at(100, 0, 3)], 50.0)
    assert [c.candidate_id for c in kept] == ["C1", "C3"]
    assert (out[0].reason, out[0].figure) == ("too-close", 30.0)


def test_a_wide_plateau_yields_points_by_spacing_and_a_narrow_summit_one() -> None:
    height = np.full((30, 30), 10.0)
    height[4:6, 4:6] = 200.0
    homes = np.array([(500.0, 2_500.0)])
    summit = siting.high_points(land(height), homes, np.ones(1), within_m=900.0, window_m=300.0, spacing_m=300.0)
    assert [c.ground_m for c in summit].count(200.0) == 1
    height[4:6, 4:20] = 200.0
    plateau = siting.high_points(land(height), homes, np.ones(1), within_m=1_600.0, window_m=300.0, spacing_m=300.0)
    assert [c.ground_m for c in plateau].count(200.0) > 1


def test_a_standing_mast_keeps_its_id_and_the_height_that_is_known() -> None:
    rows = [("M1", "a", 0.0, 0.0, "kddi"), ("M2", "b", 1.0, 1.0, "kddi")]
    found = siting.masts_of_others(rows, operator="docomo", antenna_m={"M1": 40.0, "M2": None})
    assert [(c.mast_id, c.antenna_m) for c in found] == [("M1", 40.0), ("M2", None)]
