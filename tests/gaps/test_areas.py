from __future__ import annotations

import numpy as np
import pytest
from shapely.geometry import Point, box

from coverage.domain.grid import Window
from coverage.domain.ledger import District, Inventory
from coverage.domain.places import Settlement
from coverage.domain.region import OperatorConfig
from coverage.gaps.areas import no_signal_areas
from coverage.gaps.districts import district_pixels, predict
from coverage.gaps.impact import impact_of_site
from coverage.gaps.population_coverage import SERVED, UNKNOWN, UNSERVED
from coverage.gaps.statement import statement


def _all(overlay, value):
    return np.full(overlay.grid.shape, value, dtype=np.uint8)


def test_areas_hold_every_unserved_resident_once(overlay):
    areas = no_signal_areas(overlay, _all(overlay, UNSERVED))
    assert [a.municipality_code for a in areas] == ["99201", "99301"]
    assert [a.area_id for a in areas] == ["99201-001", "99301-001"]
    assert sum(a.people for a in areas) == pytest.approx(140.0)
    assert sum(a.households for a in areas) == pytest.approx(56.0)


def test_areas_leave_out_unpopulated_land_and_no_data(overlay):
    state = _all(overlay, UNKNOWN)
    assert no_signal_areas(overlay, state) == []
    empty = (overlay.cell_of_pixel < 0) & overlay.inside
    state[empty] = UNSERVED
    assert no_signal_areas(overlay, state) == []


def test_area_polygon_covers_the_unserved_cells_and_is_named_by_its_neighbours(overlay, cells):
    from coverage.domain import mesh

    lat, lon = mesh.centre(cells[2, 6:7])
    district = District("D1", "99301", "東谷", Point(float(lon[0]), float(lat[0])), population=90)
    far = Settlement("99201", "西浦", 33.5, 136.5)
    near = Settlement("99301", "東谷", float(lat[0]), float(lon[0]))
    state = _all(overlay, SERVED)
    state[overlay.municipality_index == 1] = UNSERVED
    (area,) = no_signal_areas(overlay, state, districts=[district], settlements=[far, near])
    assert area.district_ids == ("D1",)
    assert area.nearest_settlement == "東谷"
    assert area.geometry.is_valid
    assert area.geometry.intersects(district.geometry)
    assert area.area_km2 == pytest.approx(0.232 * 0.29, rel=0.05)


def test_area_without_settlements_or_households_says_so(grid, municipalities, population):
    import dataclasses

    from coverage.gaps.overlay import build_overlay

    silent = dataclasses.replace(population, households=np.full(5, np.nan))
    overlay = build_overlay(grid, municipalities, silent)
    area = no_signal_areas(overlay, _all(overlay, UNSERVED))[0]
    assert np.isnan(area.households)
    assert area.nearest_settlement == ""


def test_district_is_predicted_resolved_at_half_of_its_populated_area(overlay, cells):
    from coverage.domain import mesh

    outline = mesh.bounds(int(cells[2, 6]))
    polygon = box(outline.west, outline.south, outline.east, outline.north)
    district = District("D1", "99301", "東谷", polygon)
    pixels = district_pixels(overlay, district)
    half = len(pixels) // 2 + len(pixels) % 2
    for served, resolved in ((half, True), (half - 1, False)):
        state = _all(overlay, UNSERVED).ravel()
        state[pixels[:served]] = SERVED
        (prediction,) = predict(overlay, state.reshape(overlay.grid.shape), [district], [pixels])
        assert prediction.resolved is resolved
    (unknown,) = predict(overlay, _all(overlay, UNKNOWN), [district], [pixels])
    assert np.isnan(unknown.served_share)
    assert not unknown.resolved


def test_point_district_stands_for_its_half_mesh(overlay, cells):
    from coverage.domain import mesh

    lat, lon = mesh.centre(cells[0, 0:1])
    district = District("D2", "99201", "西浦", Point(float(lon[0]), float(lat[0])))
    pixels = district_pixels(overlay, district)
    owners = set(overlay.cell_of_pixel.ravel()[pixels].tolist())
    assert owners == {0, 1}
    off_grid = District("D3", "99201", "彼方", Point(140.0, 40.0))
    assert len(district_pixels(overlay, off_grid)) == 0


def test_impact_counts_only_people_whom_nobody_else_serves(overlay):
    others = np.full(overlay.grid.shape, -150.0, dtype=np.float32)
    others[overlay.cell_of_pixel == 0] = -90.0
    whole = Window(0, 0, *overlay.grid.shape)
    site = np.full(overlay.grid.shape, -100.0, dtype=np.float32)
    site[overlay.municipality_index == 1] = np.nan
    impact = impact_of_site(overlay, others, whole, site, -115.0)
    assert impact.people == pytest.approx(30.0)
    assert impact.already_served_people == pytest.approx(10.0)
    assert impact.people_by_municipality == {"99201": pytest.approx(30.0)}


def _operator(inventory, published=()):
    return OperatorConfig(
        name_ja="見本", name_en="Sample", colour="#0072b2", inventory=inventory, published_coverage=published
    )


def test_one_incomplete_site_list_makes_the_whole_statement_impossible():
    operators = {"a": _operator(Inventory.COMPLETE), "b": _operator(Inventory.PARTIAL)}
    judged = statement(operators)
    assert judged.computable == {"a": True, "b": False, "any": False}
    assert judged.reason_ja.startswith("算定不可（基地局データ不足）")


def test_published_polygons_stand_in_for_an_incomplete_list():
    layer = {"format": "geojson", "path": "x", "edition": "2020", "licence": "", "credit": ""}
    published = OperatorConfig.model_validate(
        {"name_ja": "見本", "name_en": "S", "colour": "#0072b2", "inventory": "none", "published_coverage": layer}
    )
    judged = statement({"a": _operator(Inventory.COMPLETE), "b": published})
    assert judged.computable["any"] is True
    assert judged.reason_ja == ""
