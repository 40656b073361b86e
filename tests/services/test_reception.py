"""Signal outdoors, in cars and indoors: one loss for classes, point queries and plans, and nobody takes one for another."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import openpyxl
import pytest
from streamlit.testing.v1 import AppTest

from coverage.domain.region import RadioConfig
from coverage.domain.terrain import Terrain
from coverage.errors import InputError, RegionError
from coverage.radio.footprint import Cell, footprint
from coverage.radio.p2109 import median_horizontal_loss_db
from coverage.readers.region import load_region
from coverage.readers.region_toml import load_config
from coverage.report.escape import esc
from coverage.report.map_data import map_data
from coverage.report.pdf import report_content
from coverage.report.place import Place
from coverage.report.wording import report_texts
from coverage.report.xlsx import report_xlsx
from coverage.runs.digest import run_digest
from coverage.runs.executors import SerialExecutor
from coverage.runs.footprints import compute_footprints
from coverage.runs.rasters import read_raster
from coverage.runs.reception import notice_of, reception_card, reception_said
from coverage.runs.result import OUT_OF_RANGE_DBM, RunResult
from coverage.services import path_section
from coverage.services.access import Principal, Role
from coverage.services.compute import compute_run, publish_run
from coverage.services.context import AppContext
from coverage.services.plan_ground import prepare
from coverage.services.plan_reach import reach_of
from coverage.services.plan_request import PlanRequest
from coverage.services.point import point_facts

ADMIN = Principal("admin", Role.ADMIN)
INDOORS = 'reception = "indoors"'
TOWN = (33.526, 136.515)
Made = Callable[[str], tuple[AppContext, RunResult]]


@pytest.fixture(scope="module")
def made(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The tiny region with a line more in its radio table, computed once."""
    known: dict[str, tuple[AppContext, RunResult]] = {}

    def of(line: str) -> tuple[AppContext, RunResult]:
        if line not in known:
            root = tmp_path_factory.mktemp("reception")
            toml = tiny.REGION_TOML.replace("[radio]\n", f"[radio]\n{line}\n")
            context = AppContext(tiny.write_tiny_region(root / "region", toml=toml), root / "runs")
            known[line] = context, compute_run(context, workers=1)
        return known[line]

    return of


def _level(run: RunResult, operator: str) -> np.ndarray:
    return read_raster(run.raster("level", 2017, operator)).astype(float)


def test_outdoors_is_the_default_and_leaves_no_trace_in_runs_of_old(made: Made) -> None:
    _, plain = made("")
    _, named = made('reception = "outdoors"\nbuilding = "traditional"')
    assert plain.run_id == named.run_id
    paths = sorted(p.relative_to(plain.folder) for p in plain.folder.rglob("*") if p.is_file())
    assert paths == sorted(p.relative_to(named.folder) for p in named.folder.rglob("*") if p.is_file())
    for path in paths:
        if path.name not in ("region.toml",):
            assert (plain.folder / path).read_bytes() == (named.folder / path).read_bytes(), path
    # What digests were made of before there was a choice.
    assert set(RadioConfig().model_dump(mode="json")) == {
        "model", "time_percent", "location_percent", "polarisation", "delta_n", "n0", "receiver_height_m",
        "receiver_clutter_m", "max_range_m", "offset_db", "model_error_db", "receiver_clutter_distance_m",
    }  # fmt: skip
    assert "reception" not in plain.meta["model_card"]
    assert notice_of(plain.meta, "ja") == plain.meta["region"]["notice_ja"]
    assert "屋外 1.5 m" in map_data(plain, "ja", plans=False).page["texts"]["legend.signal"]


@pytest.mark.parametrize(
    ("line", "loss"),
    [
        ('reception = "vehicle"', lambda mhz: 8.0),
        (INDOORS, lambda mhz: median_horizontal_loss_db(mhz / 1000)),
        (
            INDOORS + '\nbuilding = "thermally-efficient"',
            lambda mhz: median_horizontal_loss_db(mhz / 1000, "thermally-efficient"),
        ),
    ],
)
def test_every_level_is_less_by_the_loss_at_its_own_frequency(
    made: Made, line: str, loss: Callable[[float], float]
) -> None:
    (_, outdoors), (_, run) = made(""), made(line)
    assert run.run_id != outdoors.run_id
    for operator, mhz in (("m1", 800.0), ("m2", 2100.0)):
        before, after = _level(outdoors, operator), _level(run, operator)
        reached = before > OUT_OF_RANGE_DBM + 40
        assert reached.sum() > 500
        # Rasters hold tenths of a dB.
        np.testing.assert_allclose(after[reached], before[reached] - loss(mhz), atol=0.11)
        assert (np.isnan(before) == np.isnan(after)).all()
    kinds = [read_raster(r.raster("class", 2017)) for r in (outdoors, run)]
    assert (kinds[1] >= kinds[0]).all(), "no pixel is of a better class behind a wall"
    assert (kinds[1] > kinds[0]).any()
    row = [
        r.municipalities.query("fiscal_year == 2017 and municipality_code == '99'").iloc[0]
        for r in (outdoors, run)
    ]
    assert row[1]["unserved_area_km2"] > row[0]["unserved_area_km2"]


def test_the_edge_of_signal_stays_and_the_level_moves(made: Made) -> None:
    (_, outdoors), (_, run) = made(""), made(INDOORS)
    assert run.meta["ladder"] == outdoors.meta["ladder"]
    before, after = _level(outdoors, "m1"), read_raster(run.raster("class", 2017, "m1"))
    edge = -115.0 + median_horizontal_loss_db(0.8)
    inside = after < 4
    near = np.abs(before - edge) < 0.2
    assert ((before[inside & ~near] >= edge) == (after[inside & ~near] < 3)).all()


def test_point_query_section_and_plan_reach_agree_with_the_rasters(made: Made) -> None:
    (context, run), (plain_context, plain) = made(INDOORS), made("")
    found, before = (
        point_facts(c, r, lat=TOWN[0], lon=TOWN[1], operator="m1", principal=ADMIN)
        for c, r in ((context, run), (plain_context, plain))
    )
    loss = median_horizontal_loss_db(0.8)
    assert found["server"]["site_id"] == "T1"
    assert found["section"]["level_dbm"] == pytest.approx(before["section"]["level_dbm"] - loss, abs=0.11)
    assert found["section"]["level_dbm"] == pytest.approx(found["signal"]["level_dbm"], abs=3.0)
    budget = {b["key"]: b["db"] for b in found["section"]["budget"]}
    assert budget["entry_indoors"] == pytest.approx(-loss, abs=0.06)
    assert sum(budget.values()) == pytest.approx(found["section"]["level_dbm"], abs=0.3)
    assert not [b for b in before["section"]["budget"] if b["key"].startswith("entry")]
    others = {(o["site_id"], o["operator"]): o for o in before["others"]}
    assert found["others"]
    for other in found["others"]:
        lost = others[other["site_id"], other["operator"]]["level_dbm"] - other["level_dbm"]
        assert lost == pytest.approx(median_horizontal_loss_db(other["frequency_mhz"] / 1000), abs=0.11)

    data = load_region(context.region_folder)
    row = [r for r in data.ledger.site_operators if r.site_id == "T1"]
    site = [s for s in data.ledger.sites if s.site_id == "T1"]
    reach = reach_of(context, data, site, row, workers=1, progress=lambda *_: None)
    pixels, _ = reach.above(0, data.config.ladder.edge_dbm)
    t2_is_far = _level(run, "m1").ravel()
    assert len(pixels) > 100
    assert (t2_is_far[pixels] >= data.config.ladder.edge_dbm - 0.06).all(), (
        "what a plan calls reached, the run calls signal"
    )


def test_a_plan_is_refused_where_the_region_means_another_place_than_the_run(
    made: Made, tiny: ModuleType, tmp_path: Path
) -> None:
    context, run = made("")
    now = tiny.write_tiny_region(
        tmp_path / "region", toml=tiny.REGION_TOML.replace("[radio]\n", f"[radio]\n{INDOORS}\n")
    )
    with pytest.raises(InputError) as caught:
        prepare(
            AppContext(now, context.runs_folder),
            run,
            PlanRequest(budget_yen=10),
            workers=1,
            progress=lambda *_: None,
        )
    assert caught.value.code == "run-of-another-reception"
    assert run.run_id in caught.value.ja
    assert "radio.reception" in caught.value.en


def test_map_report_and_files_say_that_they_are_not_of_outdoors(made: Made) -> None:
    _, run = made(INDOORS)
    card = run.meta["model_card"]["reception"]
    assert card["place"] == "indoors"
    assert card["building"] == "traditional"
    assert card["loss_db"] == [
        {"frequency_mhz": 800.0, "loss_db": 12.29},
        {"frequency_mhz": 2100.0, "loss_db": 13.94},
    ]
    assert run.meta["parameters"]["radio"]["reception"] == "indoors"
    for lang, word, wrong in (("ja", "屋内", "屋外 1.5 m）"), ("en", "indoors", "outdoors at 1.5 m)")):
        said = reception_said(run.meta, lang)
        assert word in said
        assert "12.3" in said
        assert "13.9" in said
        texts = report_texts(lang)
        page = map_data(run, lang, plans=False).page
        assert said in page["model"]
        for name in ("legend.signal", "surface.signal"):
            assert word in page["texts"][name]
            assert wrong not in page["texts"][name]
        assert said in report_content(run, 2017, texts, breaks=page["breaks"])["notices"]
        assert said in Place(run, "99201", 2017).notices(lang)
        assert notice_of(run.meta, lang).endswith(said)
    for lang in ("ja", "en"):
        html = (run.folder / "map" / f"map-{lang}.html").read_text(encoding="utf-8")
        assert f'role="status">{esc(card[lang])}' in html
    municipality = json.loads(
        (run.folder / "geojson" / "2017" / "municipalities.geojson").read_text(encoding="utf-8")
    )
    assert card["ja"] in municipality["notice"]
    book = openpyxl.load_workbook(BytesIO(report_xlsx(run, lang="ja")))
    assert any(card["ja"] in str(cell.value) for sheet in book for line in sheet.iter_rows() for cell in line)


@pytest.mark.parametrize(
    ("line", "lang", "shown"), [(INDOORS, "ja", True), (INDOORS, "en", True), ("", "ja", False)]
)
def test_every_page_says_it_before_its_figures(
    made: Made, monkeypatch: pytest.MonkeyPatch, line: str, lang: str, shown: bool
) -> None:
    context, run = made(line)
    # The page becomes __main__, which pools of later tests would run again in their workers.
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    publish_run(context, run.run_id, by="test")
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(context.runs_folder))
    monkeypatch.setenv("COVERAGE_GAP_REGION", str(context.region_folder))
    monkeypatch.chdir(context.runs_folder.parent)
    page = AppTest.from_function(_page, default_timeout=30)
    page.query_params["lang"] = lang
    notices = [e.proto.body for e in page.run().get("html") if 'class="notice' in e.proto.body]
    assert not page.exception
    head = {"ja": "屋外ではありません", "en": "Not outdoors"}[lang]
    assert any(head in body for body in notices) is shown
    assert (
        any(esc(made(INDOORS)[1].meta["model_card"]["reception"][lang]) in body for body in notices) is shown
    )


def _page() -> None:
    from coverage.web import frame
    from coverage.web.views import home

    frame.render(frame.open_view(), home.show)


def test_another_building_or_place_is_another_run() -> None:
    def digest_part(**values: Any) -> str:
        return json.dumps(RadioConfig(**values).model_dump(mode="json"), sort_keys=True)

    parts = [
        digest_part(),
        digest_part(reception="vehicle"),
        digest_part(reception="indoors"),
        digest_part(reception="indoors", building="thermally-efficient"),
    ]
    assert len(set(parts)) == 4
    for part in parts:
        assert (
            json.dumps(RadioConfig.model_validate(json.loads(part)).model_dump(mode="json"), sort_keys=True)
            == part
        )


def test_the_sentence_with_many_frequencies_gives_the_range_and_without_a_cell_no_number() -> None:
    radio = RadioConfig(reception="indoors")
    cells = [_cell(mhz) for mhz in (700.0, 800.0, 900.0, 1500.0, 1800.0, 2100.0, 3500.0)]
    card = reception_card(radio, cells)
    assert card is not None
    assert "12.1〜14.9 dB" in card["ja"]
    assert "12.1 to 14.9 dB" in card["en"]
    nothing = reception_card(radio, [])
    assert nothing is not None
    assert nothing["loss_db"] == []
    assert "その損失" in nothing["ja"]
    assert reception_card(RadioConfig(), cells) is None


@pytest.mark.parametrize("many", [2, 7])
def test_a_car_takes_the_same_of_every_frequency_and_the_sentence_says_it_once(many: int) -> None:
    cells = [_cell(mhz) for mhz in (700.0, 800.0, 900.0, 1500.0, 1800.0, 2100.0, 3500.0)[:many]]
    card = reception_card(RadioConfig(reception="vehicle"), cells)
    assert card is not None
    assert "強さから 8.0 dB を引いて" in card["ja"]
    assert "less 8.0 dB, decides" in card["en"]
    assert len(card["loss_db"]) == many


def _cell(mhz: float) -> Cell:
    return Cell("S9", "m1", 0.0, 0.0, 30.0, mhz, 60.0, 27.8)


def test_a_frequency_that_has_no_loss_into_buildings_names_the_site_before_anything_is_computed(
    tiny: ModuleType, tmp_path: Path
) -> None:
    terrain: Terrain = load_region(tiny.write_tiny_region(tmp_path / "region"), only=["terrain"]).terrain
    x, y = (float(v) for v in terrain.grid.xy(np.array(40), np.array(40)))
    cell = Cell("S9", "m1", x, y, 30.0, 70.0, 60.0, 27.8)
    with pytest.raises(InputError) as caught:
        compute_footprints(
            terrain,
            [cell],
            RadioConfig(reception="indoors"),
            work=tmp_path / "work",
            executor=SerialExecutor(),
        )
    assert caught.value.code == "frequency-out-of-range"
    assert "S9" in caught.value.ja
    assert "S9" in caught.value.en
    assert not (tmp_path / "work").exists()
    assert np.isfinite(
        footprint(terrain, cell, RadioConfig(reception="vehicle", max_range_m=500)).level_dbm
    ).any()


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        (
            'reception = "cellar"',
            "region-key",
            ("radio.reception", "outdoors", "vehicle", "indoors", "cellar"),
        ),
        (
            INDOORS + '\nbuilding = "tent"',
            "region-key",
            ("radio.building", "traditional", "thermally-efficient"),
        ),
        ('building = "thermally-efficient"', "region-key", ("building", "indoors")),
        ("reception = 1", "region-key", ("radio.reception",)),
    ],
)
def test_a_wrong_place_or_building_is_one_sentence(
    tiny: ModuleType, tmp_path: Path, line: str, code: str, words: tuple[str, ...]
) -> None:
    folder = tiny.write_tiny_region(
        tmp_path / "region", toml=tiny.REGION_TOML.replace("[radio]\n", f"[radio]\n{line}\n")
    )
    with pytest.raises(RegionError) as caught:
        load_config(folder)
    assert caught.value.code == code
    for word in words:
        assert word in caught.value.ja
        assert word in caught.value.en


def test_published_polygons_are_of_outdoors_and_are_refused_with_another_place(
    tiny: ModuleType, tmp_path: Path
) -> None:
    published = (
        '\n[operators.m2.published_coverage]\nformat = "polygons"\npath = "published.geojson"\nedition = "2019-01-01"\n'
        'licence = "CC0-1.0"\ncredit = "見本（架空）"\n'
    )
    tiny.write_tiny_region(tmp_path / "region", toml=tiny.REGION_TOML + published)
    load_config(tmp_path / "region")
    (tmp_path / "region" / "region.toml").write_text(
        tiny.REGION_TOML.replace("[radio]\n", f"[radio]\n{INDOORS}\n") + published, encoding="utf-8"
    )
    with pytest.raises(RegionError) as caught:
        load_config(tmp_path / "region")
    assert caught.value.code == "region-contradicts"
    assert "operators.m2" in caught.value.ja
    assert "published_coverage" in caught.value.en


def test_the_digest_of_a_region_moves_with_the_place(made: Made) -> None:
    digests = {
        run_digest(load_region(made(line)[0].region_folder))
        for line in ("", INDOORS, 'reception = "vehicle"')
    }
    assert len(digests) == 3
    assert path_section.radio_of_run(made(INDOORS)[1]).reception == "indoors"
