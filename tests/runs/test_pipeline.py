"""One run from layers to files, on the tiny region."""

from __future__ import annotations

import dataclasses
import json
import shutil
from datetime import date

import numpy as np
import pyogrio
import pytest

from coverage.domain.ledger import SiteOperator, Status
from coverage.errors import InputError, OutsideTerrainError, RegionError
from coverage.readers.region import load_region
from coverage.runs.pipeline import execute
from coverage.runs.radio import radio_engine
from coverage.runs.rasters import read_raster
from coverage.runs.result import RunResult


def _run(folder, runs, *, workers=1, finishers=(), force=False):
    seen: list[float] = []
    result = execute(
        load_region(folder),
        runs,
        radio=radio_engine(work_folder=runs / ".cache", workers=workers),
        progress=lambda fraction, text: seen.append(fraction),
        finishers=finishers,
        force=force,
    )
    assert seen == sorted(seen), "progress never goes back"
    return result


@pytest.fixture(scope="module")
def folder(tiny, tmp_path_factory):
    return tiny.write_tiny_region(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory) -> RunResult:
    return _run(folder, tmp_path_factory.mktemp("runs"))


def _row(run, fy, code):
    table = run.municipalities
    return table[(table["fiscal_year"] == fy) & (table["municipality_code"] == code)].iloc[0]


def test_ridge_hides_the_eastern_town_until_its_own_site_is_built(run):
    before, after = _row(run, 2015, "99301"), _row(run, 2016, "99301")
    assert before["unserved_people_area"] == 41
    assert after["unserved_people_area"] == 11, "30 people in the valley got signal on 31 March 2017"
    assert _row(run, 2016, "99")["unserved_people_area"] == 11
    assert _row(run, 2016, "99")["population"] == 1041


def test_count_of_the_run_is_opening_balance_plus_the_qualifying_site(run):
    totals = {year["fiscal_year"]: year["total"] for year in run.count["years"]}
    assert (totals[2015], totals[2016], totals[2017]) == (70, 71, 71)
    assert [y["forecast_total"] for y in run.count["years"] if y["fiscal_year"] == 2018] == [72]
    assert _row(run, 2016, "99301")["sites_counted"] == 1
    t2 = run.sites[run.sites["site_id"] == "T2"].iloc[0]
    assert (t2["verdict_code"], t2["counted_fy"]) == ("counted", 2016)


def test_site_table_says_what_each_site_gives(run):
    sites = run.sites.drop_duplicates("site_id").set_index("site_id")
    assert sites.loc["T1", "sole_people"] == 1000
    assert sites.loc["T2", "sole_people"] == 30
    assert sites.loc["T3", "gain_people"] == 11
    assert np.isnan(sites.loc["T3", "sole_people"])


def test_confirmed_and_predicted_resolution_are_never_mixed(run):
    row = _row(run, 2016, "99301")
    assert (row["districts_resolved_confirmed"], row["districts_resolved_predicted"]) == (0, 1)
    row = _row(run, 2017, "99301")
    assert (row["districts_resolved_confirmed"], row["districts_registered"]) == (1, 1)


def test_csv_geojson_and_geopackage_hold_the_same_numbers(run):
    layer = pyogrio.read_dataframe(run.folder / "result.gpkg", layer="municipalities")
    for fy in run.fiscal_years:
        features = run.geojson("municipalities", fy)["features"]
        assert len(features) == 2
        for feature in features:
            properties = feature["properties"]
            row = _row(run, fy, properties["municipality_code"])
            packed = layer[(layer["fiscal_year"] == fy) & (layer["municipality_code"] == row["municipality_code"])].iloc[0]
            for column in ("population", "unserved_people_area", "coverage_half_mesh", "unserved_area_km2", "area_km2"):
                assert properties[column] == row[column] == packed[column]


def test_geojson_is_rfc_7946_and_opens_as_qgis_opens_it(run):
    for path in sorted((run.folder / "geojson").rglob("*.geojson")):
        document = json.loads(path.read_text(encoding="utf-8"), parse_constant=lambda token: pytest.fail(token))
        assert "crs" not in document
        assert document["credits"] == ["見本（架空）"]
        frame = pyogrio.read_dataframe(path)
        assert len(frame) == len(document["features"])
        assert frame.crs.to_epsg() == 4326
        west, south, east, north = frame.total_bounds
        assert 136.4 < west < east < 136.6
        assert 33.4 < south < north < 33.6


def test_plans_of_operators_are_not_in_the_public_files(run):
    for path in (run.folder / "geojson").rglob("*.geojson"):
        assert "計画局" not in path.read_text(encoding="utf-8")
    assert "計画局" not in set(pyogrio.read_dataframe(run.folder / "result.gpkg", layer="sites")["name"])


def test_a_plan_that_was_given_up_is_not_in_the_geopackage_either(tiny, tmp_path):
    every = tiny.tiny_ledger()
    plan = next(s for s in every.sites if s.name == "計画局")
    gone = dataclasses.replace(plan, site_id="T9", name="断念局", status=Status.CLOSED)
    folder = tiny.write_tiny_region(tmp_path, dataclasses.replace(every, sites=(*every.sites, gone)))
    run = _run(folder, tmp_path / "runs")
    names = set(pyogrio.read_dataframe(run.folder / "result.gpkg", layer="sites")["name"])
    assert names == {"西局", "谷局"}


def test_rasters_agree_with_the_tables(run):
    grid = run.meta["grid"]
    level = read_raster(run.raster("level", 2016))
    classes = read_raster(run.raster("class", 2016))
    server = read_raster(run.raster("best_server", 2016))
    assert level.shape == classes.shape == (grid["rows"], grid["cols"])
    inside = classes != 254
    edge = -115.0
    assert (classes[inside & (level >= edge)] <= 2).all()
    assert (classes[inside & (level < edge)] == 3).all()
    assert set(np.unique(server[level >= edge])) <= {run.meta["servers"].index("T1"), run.meta["servers"].index("T2")}
    unserved = (classes == 3).sum() * (grid["cell_m"] / 1000) ** 2
    assert _row(run, 2016, "99")["unserved_area_km2"] == pytest.approx(unserved, abs=0.001)


def test_defaults_that_stood_in_are_on_the_model_card(run):
    used = run.meta["model_card"]["defaults_used"]
    assert {"operator": "m1", "field": "height_m", "value": 20.0, "origin": "operator", "cells": 1} in used
    assert run.meta["model_card"]["model"] == "ITU-R P.1812-8"


def test_same_inputs_give_the_same_bytes_serial_or_in_processes(folder, run, tmp_path):
    again = _run(folder, tmp_path, workers=2)
    assert again.run_id == run.run_id
    assert (again.folder / "SHA256SUMS").read_bytes() == (run.folder / "SHA256SUMS").read_bytes()


def test_finished_run_is_found_again_and_a_damaged_one_computed_anew(folder, tmp_path):
    first = _run(folder, tmp_path)
    stamp = (first.folder / "run.json").stat().st_mtime_ns
    assert _run(folder, tmp_path).run_id == first.run_id
    assert (first.folder / "run.json").stat().st_mtime_ns == stamp
    (first.folder / "tables" / "sites.csv").write_text("broken", encoding="utf-8")
    repaired = _run(folder, tmp_path)
    assert "broken" not in (repaired.folder / "tables" / "sites.csv").read_text(encoding="utf-8-sig")


def test_every_input_moves_the_digest(tiny, folder, run, tmp_path):
    from coverage.runs.digest import run_digest

    base = load_region(folder)
    digests = {run_digest(base)}
    config = base.config
    digests.add(run_digest(dataclasses.replace(base, config=config.model_copy(update={"name_ja": "別"}))))
    radio = config.radio.model_copy(update={"receiver_height_m": 2.0})
    digests.add(run_digest(dataclasses.replace(base, config=config.model_copy(update={"radio": radio}))))
    layers = (dataclasses.replace(base.layers[0], files=(("x", "0" * 64),)), *base.layers[1:])
    digests.add(run_digest(dataclasses.replace(base, layers=layers)))
    digests.add(run_digest(base, extra={"ledger": "head"}))
    assert len(digests) == 5
    renamed = (dataclasses.replace(base.layers[0], files=(("renamed", base.layers[0].files[0][1]),)), *base.layers[1:])
    assert run_digest(dataclasses.replace(base, layers=renamed)) in digests, "a renamed download is the same layer"


def test_incomplete_site_list_makes_the_headline_not_computable(tiny, tmp_path):
    toml = tiny.REGION_TOML.replace('colour = "#d55e00"\ninventory = "complete"', 'colour = "#d55e00"\ninventory = "partial"')
    run = _run(tiny.write_tiny_region(tmp_path / "region", toml=toml), tmp_path / "runs")
    assert run.is_computable() is False
    assert run.is_computable("m1") is True
    assert "算定不可（基地局データ不足）" in run.meta["computable_reason"]["ja"]
    row = _row(run, 2016, "99")
    assert np.isnan(row["headline_people"])
    assert row["register_people"] == 41
    assert row["register_unserved_people"] == 11, "the register less those whom computed signal reaches"
    document = run.geojson("region", 2016)
    assert document["computable"] is False
    assert all(
        f["properties"]["computable"] is False
        for f in document["features"]
        if f["properties"]["kind"] == "no_signal_area"
    )


def test_published_polygons_replace_computed_reach(tiny, tmp_path):
    from shapely.geometry import box, mapping

    toml = tiny.REGION_TOML + (
        "\n[operators.m2.published_coverage]\nformat = \"polygons\"\npath = \"m2.geojson\"\nedition = \"2016\"\nlicence = \"x\"\ncredit = \"y\"\n"
    )
    region = tiny.write_tiny_region(tmp_path / "region", toml=toml)
    shape = mapping(box(136.556, 33.536, 136.57, 33.546))
    (region / "m2.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry": shape}]}),
        encoding="utf-8",
    )
    run = _run(region, tmp_path / "runs")
    assert _row(run, 2016, "99301")["unserved_people_area"] == 0, "the polygon covers the last eleven people"
    table = run.operators
    m2 = table[(table["operator"] == "m2") & (table["fiscal_year"] == 2017) & (table["municipality_code"] == "99301")]
    assert m2.iloc[0]["unserved_people_area"] == 30, "outside its polygon the operator's computed reach does not count"


def test_hole_in_the_terrain_is_no_data_to_the_population_table(tiny, tmp_path):
    import rasterio

    region = tiny.write_tiny_region(tmp_path / "region")
    with rasterio.open(region / "terrain" / "height.tif", "r+") as target:
        height = target.read(1)
        height[:, 70:] = -9999.0
        target.write(height, 1)
    with pytest.raises(OutsideTerrainError):
        _run(region, tmp_path / "runs")
    assert not (tmp_path / "runs").exists() or not [p for p in (tmp_path / "runs").iterdir() if not p.name.startswith(".c")]
    tiny_module_ledger = tiny.without(tiny.tiny_ledger(), "T2", "T3")
    shutil.rmtree(region / "towers")
    (region / "towers").mkdir()
    from coverage.readers.table_writer import write_ledger

    write_ledger(region / "towers", tiny_module_ledger)
    run = _run(region, tmp_path / "runs")
    row = _row(run, 2017, "99301")
    assert row["unknown_people_area"] == 30
    assert row["unserved_people_area"] == 11
    assert (read_raster(run.raster("class", 2017)) == 255).any()


def test_failure_of_a_finisher_leaves_nothing_behind(folder, tmp_path):
    def fail(run):
        raise RuntimeError("map")

    with pytest.raises(RuntimeError, match="map"):
        _run(folder, tmp_path, finishers=[fail])
    assert [p.name for p in tmp_path.iterdir() if p.name != ".cache"] == []


def test_terrain_that_misses_a_municipality_names_it(tiny, tmp_path):
    region = tiny.write_tiny_region(tmp_path / "region")
    data = load_region(region)
    grid = data.terrain.grid
    half = dataclasses.replace(grid, cols=grid.cols * 5 // 8)
    terrain = dataclasses.replace(
        data.terrain, grid=half, height_m=data.terrain.height_m[:, : half.cols], sea=data.terrain.sea[:, : half.cols]
    )
    with pytest.raises(RegionError) as caught:
        execute(
            dataclasses.replace(data, terrain=terrain), tmp_path / "runs",
            radio=radio_engine(work_folder=tmp_path / "w", workers=1), progress=lambda f, t: None,
        )  # fmt: skip
    assert caught.value.code == "terrain-does-not-cover"
    assert "東町" in caught.value.ja


def test_terrain_of_another_place_is_refused(tiny, tmp_path):
    data = load_region(tiny.write_tiny_region(tmp_path / "region"))
    empty = dataclasses.replace(data.terrain, height_m=np.full(data.terrain.grid.shape, np.nan, dtype=np.float32))
    with pytest.raises(RegionError) as caught:
        execute(
            dataclasses.replace(data, terrain=empty), tmp_path / "runs",
            radio=radio_engine(work_folder=tmp_path / "w", workers=1), progress=lambda f, t: None,
        )  # fmt: skip
    assert caught.value.code == "terrain-empty"


def test_operator_that_region_toml_lacks_is_named(tiny, tmp_path):
    data = load_region(tiny.write_tiny_region(tmp_path / "region"))
    stray = (*data.ledger.site_operators, SiteOperator("T1", "m9", date(2010, 1, 1)))
    ledger = dataclasses.replace(data.ledger, site_operators=stray)
    with pytest.raises((RegionError, InputError)) as caught:
        execute(
            dataclasses.replace(data, ledger=ledger), tmp_path / "runs",
            radio=radio_engine(work_folder=tmp_path / "w", workers=1), progress=lambda f, t: None,
        )  # fmt: skip
    assert caught.value.code == "operator-unknown"
    assert "m9" in caught.value.ja


def test_plans_of_operators_are_in_no_public_table_or_map(run, tiny, folder, tmp_path):
    """T3 is planned; a second operator's future row on T2 would be a plan as well."""
    import dataclasses as dc

    from coverage.readers.table_writer import write_ledger
    from coverage.report.map_data import map_data

    assert "T3" not in (run.folder / "tables" / "districts.csv").read_text(encoding="utf-8-sig")
    ledger = tiny.tiny_ledger()
    future = SiteOperator("T1", "m2", date(2030, 4, 1), frequency_mhz=800.0)
    region = tiny.write_tiny_region(tmp_path / "region")
    shutil.rmtree(region / "towers")
    (region / "towers").mkdir()
    write_ledger(region / "towers", dc.replace(ledger, site_operators=(*ledger.site_operators, future)))
    planned = _run(region, tmp_path / "runs")

    def operators_of(plans):
        sites = {s["id"]: s for s in map_data(planned, "ja", plans=plans).page["sites"]}
        return set(sites), {o["id"] for o in sites["T1"]["operators"]}

    assert operators_of(plans=False) == ({"T1", "T2"}, {"m1"})
    assert operators_of(plans=True) == ({"T1", "T2", "T3"}, {"m1", "m2"})
