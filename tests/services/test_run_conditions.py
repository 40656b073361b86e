"""What a run says about itself wherever its figures stand: whose published areas it holds, and how many cells it computed."""

from __future__ import annotations

import dataclasses
import json
import sys
from datetime import date
from io import BytesIO
from pathlib import Path
from types import ModuleType

import openpyxl
import pytest
from shapely.geometry import box, mapping
from streamlit.testing.v1 import AppTest

from coverage.domain.ledger import Site, SiteOperator, Status
from coverage.report.escape import esc
from coverage.report.map_data import map_data
from coverage.report.pdf import report_content
from coverage.report.place import Place
from coverage.report.wording import report_texts
from coverage.report.xlsx import report_xlsx
from coverage.runs.published_areas import published_said
from coverage.runs.reception import conditions_said, notice_of
from coverage.runs.result import RunResult
from coverage.services.compute import compute_run, publish_run
from coverage.services.context import AppContext

AREAS = """
[operators.m2.published_coverage]
format = "polygons"
path = "m2.geojson"
edition = "2017-06-30"
licence = "x"
credit = "y"
"""


@pytest.fixture(scope="module")
def place(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> AppContext:
    """The tiny region with areas published by one operator, a mast that closed in 2016, and a band still to come."""
    root = tmp_path_factory.mktemp("conditions")
    ledger = tiny.tiny_ledger()
    old = Site("T0", "旧局", "99201", 33.52, 136.52, Status.CLOSED, 20.0, closed_on=date(2016, 10, 1))
    ledger = dataclasses.replace(
        ledger,
        sites=(*ledger.sites, old),
        site_operators=(
            *ledger.site_operators,
            SiteOperator("T0", "m1", date(2010, 5, 1), frequency_mhz=800.0),
            SiteOperator("T1", "m1", None, band="n28", frequency_mhz=700.0),
        ),
    )
    region = tiny.write_tiny_region(root / "region", ledger, toml=tiny.REGION_TOML + AREAS)
    shape = mapping(box(136.556, 33.536, 136.57, 33.546))
    feature = {"type": "Feature", "properties": {}, "geometry": shape}
    (region / "m2.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": [feature]}), encoding="utf-8"
    )
    return AppContext(region, root / "runs")


@pytest.fixture(scope="module")
def run(place: AppContext) -> RunResult:
    return publish_run(place, compute_run(place, workers=1).run_id, by="test")


def test_cells_on_the_air_are_counted_apart_from_those_that_were_and_those_to_come(run: RunResult) -> None:
    card = run.meta["model_card"]
    # On the air: T1 m1, T2 m1, T2 m2. Before: T0. To come: the planned T3, and T1's second band.
    assert (card["cells"], card["cells_earlier"], card["cells_planned"]) == (3, 1, 2)


def test_map_report_and_files_name_the_edition_of_the_published_areas(run: RunResult) -> None:
    card = run.meta["model_card"]["published_areas"]
    assert card["editions"] == {"m2": "2017-06-30"}
    operator = next(o for o in run.meta["operators"] if o["id"] == "m2")
    for lang in ("ja", "en"):
        said = published_said(run.meta, lang)
        assert said == card[lang]
        assert "2017-06-30" in said
        assert operator[f"name_{lang}"] in said
        page = map_data(run, lang, plans=False).page
        assert said in page["model"]
        assert said in report_content(run, 2015, report_texts(lang), breaks=page["breaks"])["notices"]
        assert said in Place(run, "99201", 2015).notices(lang)
        assert notice_of(run.meta, lang).endswith(said)
        html = (run.folder / "map" / f"map-{lang}.html").read_text(encoding="utf-8")
        assert f'role="status">{esc(said)}' in html
        book = openpyxl.load_workbook(BytesIO(report_xlsx(run, lang=lang)))
        held = [str(cell.value) for sheet in book for line in sheet.iter_rows() for cell in line]
        assert sum(said in text for text in held) == 2, "beside the figures and beside the sources"
    path: Path = run.geojson_path("99201", 2015)
    assert card["ja"] in json.loads(path.read_text(encoding="utf-8"))["notice"]


def test_a_run_without_published_areas_says_nothing(tiny: ModuleType, tmp_path: Path) -> None:
    run = compute_run(AppContext(tiny.write_tiny_region(tmp_path / "region"), tmp_path / "runs"), workers=1)
    assert "published_areas" not in run.meta["model_card"]
    assert conditions_said(run.meta, "ja") == []


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_every_page_says_it_before_its_figures(
    place: AppContext, run: RunResult, monkeypatch: pytest.MonkeyPatch, lang: str
) -> None:
    # The page becomes __main__, which pools of later tests would run again in their workers.
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(place.runs_folder))
    monkeypatch.setenv("COVERAGE_GAP_REGION", str(place.region_folder))
    monkeypatch.chdir(place.runs_folder.parent)
    page = AppTest.from_function(_page, default_timeout=30)
    page.query_params["lang"] = lang
    notices = [e.proto.body for e in page.run().get("html") if 'class="notice' in e.proto.body]
    assert not page.exception
    assert any(esc(published_said(run.meta, lang)) in body for body in notices)


def _page() -> None:
    from coverage.web import frame
    from coverage.web.views import home

    frame.render(frame.open_view(), home.show)
