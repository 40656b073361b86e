"""What the map is given: classes of people, areas over years, sites and who may see them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import ModuleType

from coverage.report.map_data import map_data, nice_breaks
from coverage.report.map_sites import site_records
from coverage.runs.result import RunResult
from coverage.services.access import ANONYMOUS
from coverage.services.context import AppContext
from coverage.services.place_search import find_places


def test_class_edges_are_round_numbers_that_rise() -> None:
    for values in (
        [],
        [0.0],
        [1.0],
        [37.0, 37.0],
        [480.0, 12.0, 3.0],
        [float(n) for n in range(0, 25_000, 90)],
        [1.8e6],
    ):
        edges = nice_breaks(values, 5)
        assert edges == sorted(set(edges))
        assert len(edges) == 5
        assert edges[0] == 1


def test_class_edges_part_the_municipalities_about_evenly() -> None:
    people = [0, 4, 12, 25, 60, 80, 140, 210, 330, 480, 610, 900, 1300, 2100, 5200]
    edges = nice_breaks([float(n) for n in people], 5)
    classes = [sum(n >= edge for edge in edges) for n in people]
    assert all(classes.count(c) >= 2 for c in range(1, 6))


def test_an_area_that_did_not_change_is_one_feature_with_its_years(run: RunResult) -> None:
    areas = map_data(run, "ja", plans=True).areas
    years = [tuple(p["years"]) for p in areas.properties]
    assert len(areas.shapes) == len(areas.properties) == 9
    assert years.count((2016, 2017, 2018)) == 6
    assert years.count((2016, 2017)) == 3


def test_a_site_is_on_the_air_in_the_years_that_the_run_says(run: RunResult) -> None:
    sites = {s["id"]: s for s in map_data(run, "ja", plans=True).page["sites"]}
    assert sites["S001"]["operators"][0]["on"] == 0b111
    assert sites["S003"]["operators"][0]["on"] == 0b110
    assert sites["S007"]["operators"][0]["on"] == 0b100
    assert sites["S006"]["operators"][0]["on"] == 0b001
    assert len(sites["S001"]["operators"]) == 2


def test_operators_with_areas_of_their_own_are_marked(tmp_path: Path, synthetic: ModuleType) -> None:
    run = RunResult.open(synthetic.write_synthetic_run(tmp_path))
    assert [o["published"] for o in map_data(run, "ja", plans=False).page["operators"]] == [False, False]
    run.meta["operators"][1]["published_coverage"] = True
    assert [o["published"] for o in map_data(run, "ja", plans=False).page["operators"]] == [False, True]


def test_sites_not_yet_in_service_are_left_out_for_the_public(run: RunResult) -> None:
    public, staff = map_data(run, "ja", plans=False), map_data(run, "ja", plans=True)
    assert {s["id"] for s in staff.page["sites"]} - {s["id"] for s in public.page["sites"]} == {
        "S004",
        "S005",
    }
    assert "S004" not in json.dumps(public.page)


def test_a_district_stands_in_the_years_in_which_it_is_on_the_register(run: RunResult) -> None:
    districts = {p["name"]: p["years"] for p in map_data(run, "ja", plans=False).districts.properties}
    assert districts["奥谷1"] == [2016]
    assert districts["奥谷2"] == [2016, 2017, 2018]


def test_what_folium_is_given_carries_numbers_and_no_text(run: RunResult) -> None:
    data = map_data(run, "ja", plans=True)
    for layer in (data.municipalities, data.areas, data.districts):
        for i, feature in enumerate(layer.numbered()["features"]):
            assert feature["properties"] == {"i": i}
            assert set(feature) == {"type", "properties", "geometry"}


def test_places_carry_a_value_for_every_year_and_operator(run: RunResult) -> None:
    places = map_data(run, "en", plans=False).page["places"]
    assert places["99"]["name"] == "Test Prefecture"
    for place in places.values():
        assert {operator: len(values) for operator, values in place["by"].items()} == {
            "any": 3,
            "alpha": 3,
            "beta": 3,
        }
    south, west, north, east = 33.4, 136.3, 33.9, 137.0
    lat, lon = places["99201"]["at"]
    assert south < lat < north
    assert west < lon < east


def test_the_not_computable_state_reaches_the_page(tmp_path: Path, synthetic: ModuleType) -> None:
    run = RunResult.open(synthetic.write_synthetic_run(tmp_path, computable=False))
    page = map_data(run, "ja", plans=False).page
    assert page["computable"] == {"any": False, "alpha": False, "beta": True}
    assert page["reason"].startswith("算定不可（基地局データ不足）")


def test_a_plan_that_was_given_up_stays_with_those_who_may_see_plans(run: RunResult, tmp_path: Path) -> None:
    """候補 → 廃止 without a day of service: an operator's plan to the end, while a mast that served stays public."""
    folder = tmp_path / run.run_id
    shutil.copytree(run.folder, folder)
    table = folder / "tables" / "sites.csv"
    text = table.read_text(encoding="utf-8-sig")
    assert "2005-10-01" in text, "S006 was in service and is closed"
    before = {s["id"]: s["phase"] for s in site_records(RunResult.open(folder), "ja", plans=False)}
    assert before["S006"] == "ended"
    table.write_text(text.replace("2005-10-01", ""), encoding="utf-8-sig")
    given_up = RunResult.open(folder)
    assert "S006" not in {s["id"] for s in site_records(given_up, "ja", plans=False)}
    assert {s["id"]: s["phase"] for s in site_records(given_up, "ja", plans=True)}["S006"] == "planned"
    found = find_places(AppContext(tmp_path, tmp_path), given_up, "S006", principal=ANONYMOUS, plans=True)
    assert found["results"] == []


def test_each_reader_gets_the_sites_of_its_own_role_from_one_reading(run: RunResult) -> None:
    def seen(plans: bool | frozenset[str]) -> dict[str, tuple[str, ...]]:
        return {s["id"]: tuple(o["id"] for o in s["operators"]) for s in site_records(run, "ja", plans=plans)}

    everything, public = seen(True), seen(False)
    planned = {s["id"]: s["code"] for s in site_records(run, "ja", plans=True) if s["phase"] == "planned"}
    assert planned
    assert set(everything) - set(public) == set(planned)
    for code in set(planned.values()):
        own = seen(frozenset({code}))
        assert set(own) - set(public) == {site for site, of in planned.items() if of == code}
    # What one reader does to its answer is nobody else's.
    site_records(run, "ja", plans=True)[0]["name"] = "changed"
    assert site_records(run, "ja", plans=True)[0]["name"] != "changed"
    assert all(len(set(operators)) == len(operators) for operators in everything.values())
