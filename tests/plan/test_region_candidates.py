"""Candidates of a small synthetic region: 5 km × 5 km, one hill, a bay in the south-west corner."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from shapely.geometry import box

from coverage.domain.grid import Grid
from coverage.domain.ledger import Site, Status
from coverage.domain.places import Settlement, Shelter
from coverage.domain.projection import plane_to_lonlat
from coverage.domain.terrain import Terrain
from coverage.errors import InputError
from coverage.plan.candidates import CandidateOptions, region_candidates
from coverage.plan.demand import demand_of

GRID = Grid(6674, 50_000.0, -250_000.0, 50.0, 100, 100)
OPTIONS = CandidateOptions(near_m=2000.0, spacing_m=300.0, max_slope_deg=25.0)


def _terrain(steep: bool = False) -> Terrain:
    rows, cols = np.mgrid[0:100, 0:100]
    width = 4.0 if steep else 20.0
    height = (20 + 300 * np.exp(-((rows - 30) ** 2 + (cols - 60) ** 2) / (2 * width**2))).astype(np.float32)
    sea = (rows > 80) & (cols < 20)
    height[sea] = 0.0
    return Terrain(GRID, height, sea)


def _demand(rows=slice(35, 40), cols=slice(50, 55), people=1.0):
    weight = np.zeros(GRID.shape)
    weight[rows, cols] = people
    return demand_of(np.ones(GRID.shape, dtype=bool), weight, weight, np.zeros(0, dtype=np.int64))


def _lonlat(row, col):
    x, y = GRID.xy(np.array([row]), np.array([col]))
    lon, lat = plane_to_lonlat(x, y, GRID.epsg)
    return float(lon[0]), float(lat[0])


def _inside():
    return np.ones(GRID.shape, dtype=bool)


def _settlement(row, col, name):
    lon, lat = _lonlat(row, col)
    return Settlement("99201", name, lat, lon)


def test_every_kind_of_place_near_people_is_found_and_numbered():
    lon, lat = _lonlat(45, 45)
    own_lon, own_lat = _lonlat(50, 58)
    mast = Site("S1", "既設局", "99201", *_lonlat(28, 45)[::-1], Status.IN_SERVICE)
    found, _ = region_candidates(
        _terrain(), _inside(), _demand(), settlements=[_settlement(38, 40, "谷")],
        shelters=[Shelter("H1", "99201", "集会所", lat, lon, "evacuation")], masts=[(mast, "m2")], operator="m1",
        own=[("候補A", own_lat, own_lon)], options=OPTIONS,
    )  # fmt: skip
    assert {c.source for c in found} == {"list", "existing-mast", "shelter", "settlement", "high-point"}
    assert [c.candidate_id for c in found] == [f"C{i + 1:04d}" for i in range(len(found))]
    assert found[0].source == "list", "the planner's own list comes first"
    assert next(c for c in found if c.source == "high-point").name.startswith("谷の高台（標高 3")
    assert next(c for c in found if c.source == "existing-mast").name == "既設局（既設）"


def test_mast_that_carries_the_operator_already_is_no_candidate():
    mast = Site("S1", "既設局", "99201", *_lonlat(28, 45)[::-1], Status.IN_SERVICE)
    found, _ = region_candidates(
        _terrain(), _inside(), _demand(), masts=[(mast, "m1"), (mast, "m2")], operator="m1",
        options=replace(OPTIONS, sources=("existing-mast",)),
    )  # fmt: skip
    assert found == []


@pytest.mark.parametrize(
    ("place", "reason"),
    [((90, 5), "sea"), ((38, 98), "nobody-near"), ((38, 52), "outside-region"), ((38, 48), "excluded-area")],
)
def test_places_are_left_out_with_a_reason(place, reason):
    inside = _inside()
    inside[38, 52] = False
    x, y = GRID.xy(np.array([38]), np.array([48]))
    park = box(float(x[0]) - 60, float(y[0]) - 60, float(x[0]) + 60, float(y[0]) + 60)
    found, out = region_candidates(
        _terrain(), inside, _demand(), settlements=[_settlement(*place, "町")], excluded=[("公園", park)],
        options=replace(OPTIONS, sources=("settlement",)),
    )  # fmt: skip
    assert found == []
    assert [r.reason for r in out] == [reason]


def test_steep_ground_is_no_place_for_a_mast_but_the_planner_may_insist():
    lon, lat = _lonlat(33, 60)
    arguments = {"options": replace(OPTIONS, sources=("list", "settlement"))}
    found, out = region_candidates(_terrain(steep=True), _inside(), _demand(), settlements=[_settlement(33, 60, "崖")], **arguments)
    assert (found, [r.reason for r in out]) == ([], ["too-steep"])
    found, _ = region_candidates(_terrain(steep=True), _inside(), _demand(), own=[("崖上", lat, lon)], **arguments)
    assert [c.name for c in found] == ["崖上"]


def test_own_place_where_nothing_may_be_built_is_refused_with_the_name_of_the_area():
    lon, lat = _lonlat(38, 48)
    x, y = GRID.xy(np.array([38]), np.array([48]))
    park = box(float(x[0]) - 60, float(y[0]) - 60, float(x[0]) + 60, float(y[0]) + 60)
    with pytest.raises(InputError) as caught:
        region_candidates(_terrain(), _inside(), _demand(), own=[("展望台", lat, lon)], excluded=[("特別保護地区", park)])
    assert caught.value.code == "plan-candidate-excluded-area"
    assert "展望台" in caught.value.ja
    assert "特別保護地区" in caught.value.ja


def test_a_standing_mast_brings_its_id_and_height():
    mast = Site("S1", "既設局", "99201", *_lonlat(28, 45)[::-1], Status.IN_SERVICE, 42.0)
    found, _ = region_candidates(
        _terrain(), _inside(), _demand(), masts=[(mast, "m2")], operator="m1", options=replace(OPTIONS, sources=("existing-mast",)),
    )  # fmt: skip
    assert [(c.mast_id, c.antenna_m) for c in found] == [("S1", 42.0)]


def test_spacing_and_limit_keep_those_with_most_people_near():
    towns = [_settlement(38, 40, "甲"), _settlement(38, 42, "乙"), _settlement(20, 40, "丙")]
    options = replace(OPTIONS, sources=("settlement",))
    found, out = region_candidates(_terrain(), _inside(), _demand(), settlements=towns, options=options)
    assert len(found) == 2
    assert [r.reason for r in out] == ["too-close"]
    found, out = region_candidates(_terrain(), _inside(), _demand(), settlements=towns, options=replace(options, max_candidates=1))
    assert len(found) == 1
    assert sorted(r.reason for r in out) == ["beyond-limit", "too-close"]


def test_own_list_is_never_thinned_nor_cut():
    own = [(f"候補{i}", *_lonlat(38, 40 + i)[::-1]) for i in range(3)]
    options = replace(OPTIONS, sources=("list",), max_candidates=1)
    found, _ = region_candidates(_terrain(), _inside(), _demand(), own=own, options=options)
    assert [c.name for c in found] == ["候補0", "候補1", "候補2"]


def test_own_place_at_sea_or_off_the_terrain_is_refused_by_name():
    for row, col in ((95, 3), (300, 3)):
        lon, lat = _lonlat(row, col)
        with pytest.raises(InputError) as caught:
            region_candidates(_terrain(), _inside(), _demand(), own=[("沖", lat, lon)])
        assert caught.value.code == "plan-candidate-off-terrain"
        assert "沖" in caught.value.ja


def test_unknown_source_and_no_demand():
    with pytest.raises(InputError, match="balloon"):
        region_candidates(_terrain(), _inside(), _demand(), options=replace(OPTIONS, sources=("balloon",)))
    assert region_candidates(_terrain(), _inside(), _demand(people=0.0)) == ([], [])
