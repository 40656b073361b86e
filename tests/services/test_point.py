"""One point of the tiny region: what the run's rasters hold there, who serves, and the section with its terms."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from coverage.domain import mesh
from coverage.domain.projection import lonlat_to_plane
from coverage.errors import InputError, NotFoundError
from coverage.radio.freespace import free_space_loss_db
from coverage.radio.link import link
from coverage.runs.rasters import read_raster
from coverage.runs.result import RunResult
from coverage.services import path_section
from coverage.services.access import ANONYMOUS, Principal, Role
from coverage.services.compute import compute_run, publish_run
from coverage.services.context import AppContext
from coverage.services.point import point_facts
from coverage.services.run_layers import _people

ADMIN = Principal("admin", Role.ADMIN)
TOWN = (33.526, 136.515)
"""Beside the western mast, 800 people."""
BEHIND = (33.541, 136.562)
"""East of the ridge: the district 奥地区, and the place of a planned mast."""


@pytest.fixture(scope="module")
def context(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> AppContext:
    root = tmp_path_factory.mktemp("point")
    return AppContext(tiny.write_tiny_region(root / "region"), root / "runs")


@pytest.fixture(scope="module")
def run(context: AppContext) -> RunResult:
    made = compute_run(context, workers=1)
    return publish_run(context, made.run_id, by="test")


def _ask(context: AppContext, run: RunResult, at: tuple[float, float], **more: Any) -> dict[str, Any]:
    return point_facts(context, run, lat=at[0], lon=at[1], **{"principal": ADMIN, **more})


def _pixel(run: RunResult, at: tuple[float, float]) -> tuple[int, int]:
    grid = path_section.grid_of_run(run)
    return grid.row_col(*(float(v) for v in lonlat_to_plane(at[1], at[0], grid.epsg)))


@pytest.mark.parametrize("at", [TOWN, BEHIND, (33.512, 136.57), (33.545, 136.505)])
@pytest.mark.parametrize("operator", ["any", "m1", "m2"])
def test_level_class_and_server_are_those_of_the_rasters(
    context: AppContext, run: RunResult, at: tuple[float, float], operator: str
) -> None:
    found = _ask(context, run, at, operator=operator)["signal"]
    pixel = _pixel(run, at)
    level = float(read_raster(run.raster("level", 2017, operator))[pixel])
    kind = int(read_raster(run.raster("class", 2017, operator))[pixel])
    server = int(read_raster(run.raster("best_server", 2017, operator))[pixel])
    assert found["class"] == kind
    if level > -200:
        assert found["level_dbm"] == pytest.approx(level, abs=0.05)
        assert found["site_id"] == run.meta["servers"][server]
    else:
        assert found["state"] == "out-of-range"
        assert found["level_dbm"] is None


def test_people_municipality_and_mesh_codes_of_a_town(context: AppContext, run: RunResult) -> None:
    found = _ask(context, run, TOWN)
    assert found["municipality"] == {"code": "99201", "name": "西市"}
    assert found["people"]["known"]
    assert found["people"]["digits"] == 10
    assert (found["people"]["people"], found["people"]["households"]) == (800.0, 400.0)
    assert found["people"]["mesh"] == str(mesh.encode_point(*TOWN, 10))
    assert found["mesh"]["8"] == str(mesh.encode_point(*TOWN, 8))
    assert found["server"]["site_id"] == "T1"
    assert found["server"]["operator"] == "m1"
    nobody = _ask(context, run, (33.545, 136.505))
    assert nobody["people"]["people"] == 0.0


@pytest.mark.parametrize("at", [TOWN, (33.545, 136.53)])
def test_the_section_is_the_link_of_the_reference_model_to_the_pixels_centre(
    context: AppContext, run: RunResult, at: tuple[float, float]
) -> None:
    found = _ask(context, run, at)
    ground = path_section.ground_of(run, Path(context.runs_folder) / ".cache")
    assert ground.whole
    assert found["ground_whole"]
    grid = path_section.grid_of_run(run)
    row, col = _pixel(run, at)
    x, y = (float(v) for v in grid.xy(np.array(row), np.array(col)))
    mast_x, mast_y = (float(v) for v in lonlat_to_plane(136.515, 33.525, grid.epsg))
    radio = path_section.radio_of_run(run)
    direct = link(
        ground.terrain, tx_x_m=mast_x, tx_y_m=mast_y, tx_height_m=30.0, rx_x_m=x, rx_y_m=y, frequency_mhz=800.0,
        radio=radio, zones=ground.zones,
    )  # fmt: skip
    section = found["section"]
    terms = {t["key"]: t["db"] for t in section["terms"]}
    assert terms["taken"] == pytest.approx(direct.loss_db, abs=0.05)
    assert terms["l_b"] == pytest.approx(direct.result.loss_db, abs=0.05)
    assert terms["l_bfs"] == pytest.approx(direct.result.l_bfs_db, abs=0.05)
    assert terms["l_dp"] == pytest.approx(direct.result.l_dp_db, abs=0.05)
    assert sum(b["db"] for b in section["budget"]) == pytest.approx(section["level_dbm"], abs=0.2)
    # EIRP 30 dBm, 10 MHz of LTE: 27.8 dB to one resource element.
    assert section["level_dbm"] == pytest.approx(30.0 - 27.78 - direct.loss_db, abs=0.1)
    assert section["clearance"] == pytest.approx(direct.view.clearance, abs=0.01)
    assert [e["d"] for e in section["edges"]] == [
        pytest.approx(direct.view.distance_km[i], abs=1e-3) for i in direct.view.edges
    ]
    # The raster reads the same pixel between rays: a few dB at most on this smooth ground.
    assert section["level_dbm"] == pytest.approx(found["signal"]["level_dbm"], abs=3.0)


def test_the_picture_and_its_table_say_the_same(context: AppContext, run: RunResult) -> None:
    section = _ask(context, run, (33.545, 136.53))["section"]
    path = section["path"]
    assert len({len(column) for column in path.values()}) == 1
    assert path["d"][0] == 0.0
    assert path["d"][-1] == pytest.approx(section["distance_km"], abs=1e-3)
    assert path["fresnel"][0] == path["fresnel"][-1] == 0.0
    assert path["bulge"][0] == path["bulge"][-1] == 0.0
    rows = section["table"]
    assert [rows[0]["kind"], rows[-1]["kind"]] == ["mast", "point"]
    assert rows[0]["clearance"] is None
    tightest = min(r["clearance"] for r in rows if r["clearance"] is not None)
    assert tightest == pytest.approx(section["clearance"], abs=0.01)
    for row in rows:
        at = int(np.argmin(np.abs(np.array(path["d"]) - row["d"])))
        assert row["height"] + row["bulge"] == pytest.approx(path["ground"][at], abs=15.0)


def test_behind_the_ridge_the_path_bends_over_edges(context: AppContext, run: RunResult) -> None:
    found = _ask(context, run, (33.525, 136.556), fiscal_year=2015)
    section = found["section"]
    assert found["server"]["site_id"] == "T1"
    assert not section["line_of_sight"]
    assert section["edges"]
    assert section["clearance"] < 0
    terms = {t["key"]: t["db"] for t in section["terms"]}
    assert terms["l_dp"] > 10.0
    assert terms["l_bd"] == pytest.approx(terms["l_b0p"] + terms["l_dp"], abs=0.15)


def test_only_who_may_see_plans_is_told_what_a_planned_mast_would_give(
    context: AppContext, run: RunResult
) -> None:
    def planned(principal: Principal) -> list[str]:
        return [
            o["site_id"] for o in _ask(context, run, BEHIND, principal=principal)["others"] if o["planned"]
        ]

    assert planned(ADMIN) == ["T3"]
    assert planned(Principal("town", Role.MUNICIPALITY, frozenset({"99301"}))) == ["T3"]
    assert planned(Principal("other", Role.MUNICIPALITY, frozenset({"99201"}))) == []
    assert planned(ANONYMOUS) == []
    mine = next(o for o in _ask(context, run, BEHIND)["others"] if o["planned"])
    assert mine["serves"]
    assert mine["level_dbm"] >= -115.0


def test_others_stand_in_the_order_of_what_they_give(context: AppContext, run: RunResult) -> None:
    found = _ask(context, run, (33.516, 136.570))
    levels = [o["level_dbm"] for o in found["others"]]
    assert levels == sorted(levels, reverse=True)
    for other in found["others"]:
        assert other["serves"] == (other["level_dbm"] >= -115.0)
        best = (
            other["eirp_dbm"]
            - 27.0
            - free_space_loss_db(max(other["distance_km"], 0.01), 0.0, other["frequency_mhz"] / 1000)
        )
        assert other["level_dbm"] <= best + 3.0


def test_an_operator_that_came_a_year_later_serves_only_from_then_on(
    context: AppContext, run: RunResult
) -> None:
    at = (33.516, 136.572)
    assert _ask(context, run, at, fiscal_year=2016, operator="m1")["server"]["site_id"] == "T2"
    before = _ask(context, run, at, fiscal_year=2016, operator="m2")
    assert before["server"] is None
    assert before["section"] is None
    assert _ask(context, run, at, fiscal_year=2017, operator="m2")["server"]["site_id"] == "T2"


def test_a_district_is_named_while_it_stands_on_the_register(context: AppContext, run: RunResult) -> None:
    valley = (33.516, 136.572)
    assert [d["name"] for d in _ask(context, run, valley, fiscal_year=2016)["districts"]] == ["谷地区"]
    assert _ask(context, run, valley, fiscal_year=2017)["districts"] == []
    assert [d["name"] for d in _ask(context, run, BEHIND)["districts"]] == ["奥地区"]


def test_a_no_signal_area_is_named_where_people_live_without_signal(
    context: AppContext, run: RunResult
) -> None:
    shown = _ask(context, run, BEHIND, fiscal_year=2015)
    areas = [
        f["properties"]
        for f in run.geojson("region", 2015)["features"]
        if f["properties"].get("kind") == "no_signal_area"
    ]
    assert areas, "the tiny region has people without signal before its second mast"
    assert {a["area_id"] for a in shown["areas"]} <= {a["area_id"] for a in areas}
    assert shown["areas"], "the district behind the ridge lies in one of them"


def test_outside_everything_is_said_as_such(context: AppContext, run: RunResult) -> None:
    far = _ask(context, run, (35.0, 140.0))
    assert far["signal"]["state"] == "outside-grid"
    assert far["municipality"] is None
    assert far["section"] is None
    margin = _ask(context, run, (33.525, 136.4985))
    assert margin["signal"]["state"] == "outside-region"
    assert margin["municipality"] is None
    beyond_mesh = _ask(context, run, (-10.0, 20.0))
    assert beyond_mesh["mesh"] == {}
    assert not beyond_mesh["people"]["known"]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"at": (float("nan"), 136.5)}, "position-invalid"),
        ({"at": (91.0, 136.5)}, "position-invalid"),
        ({"operator": "m9"}, "operator-unknown"),
    ],
)
def test_what_is_no_question_is_refused(
    context: AppContext, run: RunResult, more: dict[str, Any], code: str
) -> None:
    at = more.pop("at", TOWN)
    with pytest.raises(InputError) as told:
        _ask(context, run, at, **more)
    assert told.value.code == code


def test_a_year_that_the_run_lacks_is_not_found(context: AppContext, run: RunResult) -> None:
    with pytest.raises(NotFoundError, match="2030"):
        _ask(context, run, TOWN, fiscal_year=2030)


def test_people_of_another_edition_are_never_given_as_the_runs(
    context: AppContext, run: RunResult, tmp_path: Path
) -> None:
    other = tmp_path / "region"
    shutil.copytree(context.region_folder, other)
    table = other / "population" / "mesh.csv"
    table.write_text(table.read_text(encoding="utf-8").replace(",800,", ",900,"), encoding="utf-8")
    found = _ask(AppContext(other, context.runs_folder), run, TOWN)
    assert found["people"]["known"] is False
    assert "計算に使った人口データ" in found["people"]["problem"]["ja"]
    assert found["signal"]["state"] == "value"
    _people.cache_clear()


def test_without_the_regions_folder_the_rasters_still_answer_and_the_reason_is_said(
    context: AppContext, run: RunResult, tmp_path: Path
) -> None:
    found = _ask(AppContext(tmp_path, context.runs_folder), run, TOWN)
    assert found["signal"]["level_dbm"] is not None
    assert found["server"]["name"] == "西局"
    assert found["section"] is None
    assert "region.toml" in found["section_problem"]["ja"]


def test_without_the_work_folder_the_section_says_that_it_has_heights_alone(
    context: AppContext, run: RunResult, tmp_path: Path
) -> None:
    shutil.copytree(run.folder, tmp_path / run.run_id)
    moved = RunResult.open(tmp_path / run.run_id)
    found = _ask(AppContext(context.region_folder, tmp_path), moved, TOWN)
    assert found["ground_whole"] is False
    assert found["section"]["level_dbm"] == pytest.approx(
        _ask(context, run, TOWN)["section"]["level_dbm"], abs=1.0
    )


@pytest.mark.usefixtures("run")
def test_no_data_and_not_computable_are_said_as_such(tmp_path: Path, context: AppContext) -> None:
    import importlib.util

    from coverage.domain.grid import Grid

    path = Path(__file__).resolve().parents[1] / "fixtures" / "synthetic_run.py"
    spec = importlib.util.spec_from_file_location("synthetic_for_points", path)
    assert spec is not None
    assert spec.loader is not None
    synthetic = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(synthetic)
    hole = RunResult.open(synthetic.write_synthetic_run(tmp_path, computable=False))
    grid: Grid = synthetic.GRID
    x, y = grid.xy(np.array(grid.rows - 7), np.array(grid.cols - 2))
    from coverage.domain.projection import plane_to_lonlat

    lon, lat = (float(v) for v in plane_to_lonlat(x, y, grid.epsg))
    found = point_facts(AppContext(tmp_path, tmp_path), hole, lat=lat, lon=lon, principal=ANONYMOUS)
    assert found["signal"]["state"] == "no-data"
    assert found["signal"]["level_dbm"] is None
    assert found["computable"] is False
    assert "算定不可" in found["reason"]["ja"]
    assert found["people"]["known"] is False


def test_the_section_uses_the_antennas_that_the_run_was_computed_with(
    tiny: ModuleType, tmp_path: Path
) -> None:
    """A sector to the east with a measured antenna of 30 dB aside: the section must not be that of a wide panel."""
    ledger = tiny.tiny_ledger()
    rows = tuple(replace(r, azimuth_deg=90.0) if r.site_id == "T1" else r for r in ledger.site_operators)
    toml = tiny.REGION_TOML.replace(
        'inventory = "complete"', 'inventory = "complete"\ndefaults = { antenna = "panel" }', 1
    )
    table = '{ format = "pattern-table", path = "panel.csv", edition = "2019-01-01", licence = "CC0-1.0", credit = "見本" }'
    folder = tiny.write_tiny_region(
        tmp_path / "region",
        replace(ledger, site_operators=rows),
        toml=f"{toml}\n[antennas.panel]\ntable = {table}\n",
    )
    pattern = folder / "panel.csv"
    ahead = {"H": (0, 10, 350), "V": (*range(0, 90, 10), *range(280, 360, 10))}
    cuts = [f"{p},{a},{0 if a in ahead[p] else 30}" for p in "HV" for a in range(0, 360, 10)]
    pattern.write_text("\n".join(["plane,angle_deg,attenuation_db", *cuts]), encoding="utf-8")
    context = AppContext(folder, tmp_path / "runs")
    run = compute_run(context, workers=1)
    north_east = (33.533, 136.522)
    found = _ask(context, run, north_east, operator="m1")
    gain = next(b["db"] for b in found["section"]["budget"] if b["key"] == "gain")
    assert gain == pytest.approx(-30.0, abs=0.5)
    assert found["section"]["level_dbm"] == pytest.approx(found["signal"]["level_dbm"], abs=3.0)
    pattern.write_text(
        "\n".join(["plane,angle_deg,attenuation_db", *cuts]).replace(",30", ",12"), encoding="utf-8"
    )
    other = _ask(context, run, north_east, operator="m1")
    assert other["section"] is None, "another antenna's section is no section of this run"
    assert "アンテナ" in other["section_problem"]["ja"]
    assert other["signal"] == found["signal"]
