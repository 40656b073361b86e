"""Where masts could stand: high ground near people, places, filters, and the instance made of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from shapely.geometry import LineString, Point, box

from coverage.domain.grid import Grid
from coverage.domain.terrain import Terrain
from coverage.errors import InputError
from coverage.plan import siting
from coverage.plan.siting import Candidate
from coverage.plan.solve import solve


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


def test_a_shelter_moves_to_its_own_hill_but_not_farther() -> None:
    moved = siting.on_high_ground_nearby([at(1250.0, 1950.0)], two_hills(), within_m=500.0)[0]
    assert (moved.x_m, moved.y_m) == (1550.0, 1950.0)
    nearer = siting.on_high_ground_nearby([at(1250.0, 1950.0)], two_hills(), within_m=150.0)[0]
    assert math.hypot(nearer.x_m - 1250.0, nearer.y_m - 1950.0) <= 150.0
    off_grid = at(99_000.0, 0.0)
    assert siting.on_high_ground_nearby([off_grid], two_hills(), within_m=150.0) == [off_grid]


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


def test_filters_leave_out_and_say_why() -> None:
    road = LineString([(0, 0), (1000, 0)])
    park = box(400, -50, 600, 50)
    spots = [at(100, 30, 1, slope_deg=5.0), at(500, 10, 2, slope_deg=5.0), at(900, 300, 3, slope_deg=5.0), at(800, 20, 4, slope_deg=50.0), at(150, 30, 5)]
    kept, out = siting.apply_filters(
        spots,
        [
            lambda c: siting.not_steeper_than(c, 30.0),
            lambda c: siting.near_to(c, [road], 100.0, reason="far-from-road"),
            lambda c: siting.outside_of(c, [park]),
        ],
    )
    assert [c.candidate_id for c in kept] == ["C1"]
    assert {(r.candidate.candidate_id, r.reason) for r in out} == {
        ("C4", "too-steep"), ("C5", "too-steep"), ("C3", "far-from-road"), ("C2", "excluded-area")
    }  # fmt: skip
    assert next(r.figure for r in out if r.reason == "far-from-road") == pytest.approx(300.0)


def test_far_from_inside_of_and_thinning() -> None:
    spots = [at(0, 0, 1), at(30, 0, 2), at(100, 0, 3)]
    assert [c.candidate_id for c in siting.far_from(spots, [Point(0, 0)], 50.0, reason="near-site")[0]] == ["C3"]
    assert [c.candidate_id for c in siting.inside_of(spots, [box(-1, -1, 50, 1)])[0]] == ["C1", "C2"]
    kept, out = siting.thinned(spots, 50.0)
    assert [c.candidate_id for c in kept] == ["C1", "C3"]
    assert (out[0].reason, out[0].figure) == ("too-close", 30.0)


def test_an_absent_road_layer_rejects_everything_instead_of_guessing() -> None:
    kept, out = siting.near_to([at(0, 0)], [], 100.0, reason="far-from-road")
    assert kept == []
    assert len(out) == 1
    assert siting.inside_of([], []) == ([], [])


@pytest.mark.parametrize("value", [0.0, -5.0, float("nan")])
def test_lengths_must_be_positive(value: float) -> None:
    with pytest.raises(InputError):
        siting.thinned([at(0, 0)], value)


def test_the_instance_holds_only_demand_that_nobody_serves_yet() -> None:
    spots = [at(0, 0, 1, municipality_code="24201", cost_yen=5_000_000), at(1, 1, 2, municipality_code="24202"), at(2, 2, 3)]
    instance, idle, rows = siting.candidate_instance(
        spots, [np.array([2, 0]), np.array([1]), np.array([3])], {"people": np.array([5.0, 7.0, 11.0, 2.0])},
        default_cost_yen=20_000_000, served=np.array([False, True, False, False]), budget=25_000_000,
        demand_ids=["a", "b", "c", "d"], group_minimum={"24201": 1},
    )  # fmt: skip
    assert rows.tolist() == [0, 2, 3]
    assert [(r.candidate.candidate_id, r.reason) for r in idle] == [("C2", "reaches-nobody-unserved")]
    assert instance.site_ids == ("C1", "C3")
    assert instance.demand_ids == ("a", "c", "d")
    assert instance.costs.tolist() == [5_000_000, 20_000_000]
    result = solve(instance)
    assert (result.value, result.sites) == (18, [0, 1])


def test_candidates_that_reach_nobody_at_all_are_refused_with_a_sentence() -> None:
    with pytest.raises(InputError) as caught:
        siting.candidate_instance([at(0, 0)], [np.array([], dtype=np.int64)], {"people": np.array([1.0])}, default_cost_yen=1, p=1)
    assert caught.value.code == "plan-no-candidates"
    with pytest.raises(InputError) as caught:
        siting.candidate_instance([at(0, 0)], [], {"people": np.array([1.0])}, default_cost_yen=1, p=1)
    assert caught.value.code == "candidate-reach-shape"
