from __future__ import annotations

from collections import Counter
from datetime import date

import numpy as np
import pytest
from shapely.geometry import Point, box

from coverage.domain.grid import Grid
from coverage.domain.ledger import District
from coverage.domain.places import Municipality, Shelter
from coverage.domain.population import PopulationMesh
from coverage.domain.projection import plane_to_lonlat
from coverage.gaps.districts import DistrictPrediction
from coverage.gaps.overlay import build_overlay
from coverage.gaps.population_coverage import SERVED, UNKNOWN, UNSERVED
from coverage.runs.summary import (
    ShelterCounter,
    add_counts,
    coverage_columns,
    coverage_rows,
    register_figures,
)

GRID = Grid(6674, 52_000.0, -250_000.0, 50.0, 40, 40)


def _lonlat(row, col):
    x, y = GRID.xy(np.array([row]), np.array([col]))
    lon, lat = plane_to_lonlat(x, y, GRID.epsg)
    return float(lon[0]), float(lat[0])


@pytest.fixture
def overlay_and_towns():
    from coverage.domain import mesh

    west, south = _lonlat(39, 0)
    east, north = _lonlat(0, 39)
    middle = (west + east) / 2
    towns = (
        Municipality("99201", "西市", "", box(west, south, middle, north)),
        Municipality("99301", "東町", "見本郡", box(middle, south, east, north)),
    )
    lon, lat = _lonlat(20, 10)
    code = mesh.encode(np.array([lat]), np.array([lon]), 10)
    people = PopulationMesh(code, np.array(["99201"]), np.array([30.0]), np.array([np.nan]))
    return build_overlay(GRID, towns, people), towns


def test_region_row_is_the_sum_of_the_municipalities(overlay_and_towns):
    overlay, towns = overlay_and_towns
    state = np.full(GRID.shape, UNSERVED, dtype=np.uint8)
    rows = coverage_rows(overlay, state, towns, region_code="99", region_name="見本県")
    assert [r["municipality_code"] for r in rows] == ["99201", "99301", "99"]
    assert rows[2]["name"] == "見本県"
    assert rows[1]["name"] == "見本郡東町"
    assert rows[2]["population"] == 30.0
    assert rows[2]["unserved_people_area"] == rows[0]["unserved_people_area"] == 30.0
    assert rows[2]["unserved_area_km2"] == pytest.approx(rows[0]["unserved_area_km2"] + rows[1]["unserved_area_km2"])
    assert np.isnan(rows[2]["households"])
    assert rows[0]["coverage_area"] == 0.0
    assert np.isnan(rows[1]["coverage_area"]), "nobody lives there: no ratio, not 100 %"


def test_coverage_leaves_unknown_people_out_of_both_sides():
    figures = {"population": 100.0}
    for definition in ("area", "half_mesh", "cell"):
        figures[f"unknown_people_{definition}"] = 20.0
        figures[f"unserved_people_{definition}"] = 20.0
    assert coverage_columns(figures) == {
        "coverage_area": 0.75,
        "coverage_half_mesh": 0.75,
        "coverage_cell": 0.75,
    }


def test_shelters_are_counted_by_the_state_of_their_pixel(overlay_and_towns):
    overlay, _ = overlay_and_towns
    state = np.full(GRID.shape, SERVED, dtype=np.uint8)
    state[5, 5], state[6, 6] = UNSERVED, UNKNOWN
    places = [_lonlat(5, 5), _lonlat(6, 6), _lonlat(7, 7), (140.0, 40.0)]
    shelters = [Shelter(str(i), "99201", "避難所", lat, lon, "evacuation") for i, (lon, lat) in enumerate(places)]
    total, unserved, unknown = ShelterCounter(overlay, shelters).count(state)
    assert total == Counter({"99201": 4})
    assert unserved == Counter({"99201": 1})
    assert unknown == Counter({"99201": 2}), "a hole and a shelter off the grid"


def test_register_takes_off_those_whom_signal_reaches_and_keeps_declined_apart():
    def district(key, people, **more):
        return District(key, "99201", key, Point(136.5, 33.5), population=people, designated_on=date(2010, 1, 1), **more)

    standing = [district("D1", 40), district("D2", 10, declined=True), district("D3", None)]
    confirmed = [district("D4", 5)]
    prediction = {
        "D1": DistrictPrediction("D1", 0.25, 10.0),
        "D2": DistrictPrediction("D2", float("nan"), 0.0),
        "D3": DistrictPrediction("D3", 0.5, 0.0),
        "D4": DistrictPrediction("D4", 1.0, 5.0),
    }
    figures = register_figures(standing, confirmed, prediction, count_predicted=[*standing, *confirmed])
    assert figures.registered["99201"] == 3
    assert figures.people["99201"] == 50
    assert figures.unserved_people["99201"] == 30 + 10
    assert figures.declined_people["99201"] == 10
    assert figures.confirmed["99201"] == 1
    assert figures.predicted["99201"] == 2


def test_counts_of_municipalities_sum_in_the_region_row():
    rows = [{"municipality_code": "99201"}, {"municipality_code": "99301"}, {"municipality_code": "99"}]
    add_counts(rows, "sites", {"99201": 2, "99301": 3}, region_code="99")
    assert [r["sites"] for r in rows] == [2, 3, 5]
