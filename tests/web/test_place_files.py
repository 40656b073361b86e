"""Files of one place as Excel, GIS programs and printers meet them: CSV, workbook, GeoPackage and the A4 sheet."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import sqlite3
import subprocess
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import ModuleType

import openpyxl
import pyogrio
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from coverage.domain.municipality_code import six_digits
from coverage.report.place import Place
from coverage.report.place_csv import place_csv
from coverage.report.place_gpkg import place_gpkg
from coverage.report.place_pdf import place_pdf, sheet_content
from coverage.report.place_xlsx import place_xlsx
from coverage.report.wording import report_texts
from coverage.runs.result import RunResult
from coverage.services import kept_files
from coverage.services.place_files import FORMATS
from coverage.web.routes import EXCEPTION_HANDLERS, MIDDLEWARE, ROUTES

PLACES = ("region", "municipalities/99201", "municipalities/99202", "municipalities/99301")
ALL = frozenset({"99201", "99202", "99301"})
HOSTILE = '=HYPERLINK("http://x","y")#[a]$x$*_\''


@pytest.fixture
def client(runs_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(runs_folder))
    app = Starlette(routes=ROUTES, middleware=MIDDLEWARE, exception_handlers=EXCEPTION_HANDLERS)
    with TestClient(app, base_url="http://127.0.0.1:8501", follow_redirects=False) as test_client:
        yield test_client


def _rows(content: bytes) -> list[dict[str, str]]:
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("place", PLACES)
def test_every_format_of_every_place_has_an_address(client: TestClient, place: str, ending: str) -> None:
    answer = client.get(f"/api/v1/{place}.{ending}?fy=2017&download=1")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert "2017" in answer.headers["content-disposition"]
    head = client.head(f"/api/v1/{place}.{ending}?fy=2017")
    assert head.status_code == 200
    assert head.headers["etag"] == answer.headers["etag"]
    assert head.content == b""


@pytest.mark.parametrize("ending", FORMATS)
def test_six_digits_redirect_in_every_format(client: TestClient, ending: str) -> None:
    answer = client.get(f"/api/v1/municipalities/{six_digits('99201')}.{ending}?fy=2016")
    assert answer.status_code == 308
    assert answer.headers["location"] == f"/api/v1/municipalities/99201.{ending}?fy=2016"
    assert client.get(f"/api/v1/municipalities/99999.{ending}").status_code == 404
    assert client.get(f"/api/v1/municipalities/津市.{ending}").status_code == 404


def test_the_csv_holds_the_figures_of_every_year_and_what_the_geojson_holds(client: TestClient) -> None:
    rows = _rows(client.get("/api/v1/municipalities/99201.csv?fy=2017").content)
    document = client.get("/api/v1/municipalities/99201.geojson?fy=2017").json()
    figures = [r for r in rows if r["kind"] == "municipality"]
    assert [(r["fiscal_year"], r["unserved_people_area"]) for r in figures] == [
        ("2016", "40"),
        ("2017", "10"),
    ]
    others = [r for r in rows if r["kind"] != "municipality"]
    assert [r["kind"] for r in others] == [f["properties"]["kind"] for f in document["features"][1:]]
    site = next(r for r in rows if r["kind"] == "site")
    assert site["site_id"] == "S001"
    assert site["operators"] == "alpha;beta"
    assert 33 < float(site["lat"]) < 35
    assert all(r["lat"] for r in rows)


def test_the_regions_csv_has_every_municipality_and_the_region_itself(client: TestClient) -> None:
    rows = _rows(client.get("/api/v1/region.csv?fy=2016").content)
    codes = [r["municipality_code"] for r in rows if r["kind"] == "municipality"]
    assert codes == ["99201", "99202", "99301", "99"]


def test_the_csv_is_described_by_a_document_beside_it(client: TestClient) -> None:
    answer = client.get("/api/v1/municipalities/99201.csv")
    link = answer.headers["link"]
    assert link.startswith('</api/v1/municipalities/99201.csv-metadata.json>; rel="describedby"')
    described = client.get("/api/v1/municipalities/99201.csv-metadata.json").json()
    columns = [c["name"] for c in described["tableSchema"]["columns"]]
    assert columns == next(csv.reader([answer.content.decode("utf-8-sig").split("\r\n")[0]]))
    assert described["dc:license"] == ["CC BY 4.0"]
    assert described["dc:source"] == ["見本の人口", "見本の境界"]
    for name in ("indicators", "municipalities", "operators", "districts"):
        head = client.get(f"/api/v1/{name}.csv").content.decode("utf-8-sig").split("\r\n")[0]
        table = client.get(f"/api/v1/{name}.csv-metadata.json").json()["tableSchema"]["columns"]
        assert [c["name"] for c in table] == head.split(",")


def test_the_workbook_has_numbers_as_numbers_and_its_sources(client: TestClient) -> None:
    content = client.get("/api/v1/municipalities/99201.xlsx").content
    book = openpyxl.load_workbook(io.BytesIO(content))
    assert book.sheetnames == [
        "年度別の集計",
        "不感地域（計算）",
        "不感地域（台帳）",
        "供用中の基地局",
        "出典",
    ]
    figures = list(book["年度別の集計"].values)
    assert [row[0] for row in figures[1:4]] == ["平成28年度", "平成29年度", "平成30年度"]
    assert 66 not in figures[1]
    assert all(not isinstance(v, str) or not v.startswith("=") for row in figures for v in row)
    sources = list(book["出典"].values)
    assert sources[1][:4] == ("行政区域", "見本の境界", "2019-01-01", "CC BY 4.0")
    assert book.properties.created == book.properties.modified == datetime(2019, 3, 31)
    assert "CC BY 4.0" in str(book.properties.description)
    english = client.get("/api/v1/municipalities/99201.xlsx?lang=en").content
    assert openpyxl.load_workbook(io.BytesIO(english)).sheetnames[0] == "Figures by year"


def test_the_geopackage_opens_with_a_layer_a_kind_and_its_licence(client: TestClient, tmp_path: Path) -> None:
    path = tmp_path / "99201.gpkg"
    path.write_bytes(client.get("/api/v1/municipalities/99201.gpkg").content)
    layers = {str(name): kind for name, kind in pyogrio.list_layers(path)}
    assert layers == {
        "municipalities": "MultiPolygon", "no_signal_areas": "MultiPolygon", "districts": "Unknown", "sites": "Point",
        "figures_by_year": None,
    }  # fmt: skip
    places = pyogrio.read_dataframe(path, layer="municipalities")
    assert places.crs.to_epsg() == 4326
    assert places.iloc[0]["name"] == "潮見市"
    assert list(pyogrio.read_dataframe(path, layer="figures_by_year")["fiscal_year"]) == [2016, 2017, 2018]
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        said = connection.execute("SELECT mime_type, metadata FROM gpkg_metadata").fetchall()
        dates = connection.execute("SELECT last_change FROM gpkg_contents").fetchall()
        described = connection.execute("SELECT description FROM gpkg_contents").fetchall()
    connection.close()
    assert said[0][0] == "application/json"
    assert {s["licence"] for s in json.loads(said[0][1])["sources"]} == {"CC BY 4.0"}
    assert set(dates) == {("2019-03-31T00:00:00.000Z",)}
    assert all("見本の境界（CC BY 4.0）" in d[0] for d in described)


def test_layers_stay_when_there_is_nothing_in_them(run: RunResult, tmp_path: Path) -> None:
    class Resolved(Place):
        """The same place after its last no-signal area was closed."""

        def features(self, kind: str) -> list[dict[str, object]]:
            return [] if kind in {"no_signal_area", "district"} else super().features(kind)

    path = tmp_path / "empty.gpkg"
    path.write_bytes(place_gpkg(Resolved(run, "99202", 2018)))
    areas = pyogrio.read_dataframe(path, layer="no_signal_areas")
    assert len(areas) == 0
    assert {"area_id", "people", "district_ids"} <= set(areas.columns)
    assert pyogrio.read_info(path, layer="districts")["features"] == 0


def _streams(pdf: bytes) -> bytes:
    out = b""
    for part in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            out += zlib.decompress(part)
        except zlib.error:
            continue
    return out


def _pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf + _streams(pdf)))


@pytest.mark.parametrize("code", ["99201", "region"])
@pytest.mark.parametrize("lang", ["ja", "en"])
def test_the_sheet_is_one_a4_page(run: RunResult, code: str, lang: str) -> None:
    pdf = place_pdf(Place(run, code, 2018, ALL), lang=lang)
    assert pdf.startswith(b"%PDF-")
    plain = pdf + _streams(pdf)
    assert _pages(pdf) == 1
    assert re.search(rb"/MediaBox\s*\[0 0 595\.\d+ 841\.\d+\]", plain)


def test_a_sheet_with_very_much_on_it_is_still_one_page(run: RunResult) -> None:
    class Crowded(Place):
        """A place with long names and more of everything than a page holds."""

        @property
        def credits(self) -> list[dict[str, str]]:
            return [
                {
                    "layer": "x",
                    "credit": f"とても長い出典の名称{i}" * 4,
                    "edition": "",
                    "licence": "CC BY 4.0",
                }
                for i in range(12)
            ]

        def features(self, kind: str) -> list[dict[str, object]]:
            found = super().features(kind)
            if kind not in {"district", "planned_site"}:
                return found
            item = found[0]
            return [
                {**item, "properties": {**item["properties"], "name": "とても長い名前の地区" * 9}}
                for _ in range(60)
            ]

    place = Crowded(run, "99201", 2018, ALL)
    assert _pages(place_pdf(place)) == 1
    content = sheet_content(place, report_texts("ja"))
    assert "ほか 46 地区" in content["sections"][1]["note"]
    assert "ほか 52 局" in content["sections"][2]["note"]


def test_the_sheet_says_where_its_numbers_come_from(run: RunResult) -> None:
    content = sheet_content(Place(run, "99201", 2017), report_texts("ja"))
    assert content["title"] == "潮見市 携帯電話不感地域の集計"
    assert content["stamp"] == "平成29年度末時点"
    assert "見本の境界（CC BY 4.0）" in content["credits"]
    assert run.run_id in content["run"]
    assert [row[2] for row in content["sections"][0]["rows"]] == ["40", "10"]
    assert content["warnings"] == []


def test_where_gaps_are_no_statement_no_format_states_them(tmp_path: Path, synthetic: ModuleType) -> None:
    run = RunResult.open(synthetic.write_synthetic_run(tmp_path, computable=False))
    content = sheet_content(Place(run, "99201", 2018), report_texts("ja"))
    assert content["figures"][0]["value"] == "算定不可"
    assert [k["sign"] for k in content["legend"]] == ["district", "site"]
    assert any("算定不可" in n for n in content["notices"])
    book = openpyxl.load_workbook(io.BytesIO(place_xlsx(Place(run, "99201", 2018))))
    head, first = list(book["年度別の集計"].values)[:2]
    figures = dict(zip(head, first, strict=True))
    assert figures["公表できる不感人口"] == "算定不可"
    assert figures["不感人口（面積按分）"] == "算定不可"
    rows = _rows(place_csv(Place(run, "99201", 2018)))
    assert {r["computable"] for r in rows if r["kind"] in {"municipality", "no_signal_area"}} == {"false"}


def test_hostile_names_run_nowhere(tmp_path: Path, synthetic: ModuleType) -> None:
    run = RunResult.open(synthetic.write_synthetic_run(tmp_path, name=HOSTILE))
    place = Place(run, "99201", 2018, ALL)
    for row in _rows(place_csv(place)):
        assert all(not value.startswith(("=", "+", "@")) for value in row.values()), row
    book = openpyxl.load_workbook(io.BytesIO(place_xlsx(place)))
    for sheet in book.worksheets:
        assert all(c.data_type != "f" for line in sheet.iter_rows() for c in line)
    assert _pages(place_pdf(place)) == 1
    assert place_gpkg(place).startswith(b"SQLite format 3\x00")


BUILT_ELSEWHERE = """
import hashlib, sys
from pathlib import Path
from coverage.report.place import Place
from coverage.runs.result import RunResult
from coverage.services.place_files import FORMATS, _make
run = RunResult.open(Path(sys.argv[1]))
for code in ("99201", "region"):
    for ending in FORMATS:
        print(code, ending, hashlib.sha256(_make(Place(run, code, 2018), ending, "ja")).hexdigest())
"""


def test_made_again_in_another_process_on_another_day_every_file_is_the_same(
    client: TestClient, run: RunResult, python_on: list[str]
) -> None:
    done = subprocess.run(
        [*python_on, "-c", BUILT_ELSEWHERE, str(run.folder)], capture_output=True, text=True, check=True
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    assert len(lines) == 2 * len(FORMATS)
    for code, ending, digest in lines:
        path = "region" if code == "region" else f"municipalities/{code}"
        content = client.get(f"/api/v1/{path}.{ending}").content
        assert hashlib.sha256(content).hexdigest() == digest, (code, ending)


@pytest.fixture
def python_on() -> list[str]:
    """A Python that believes it is another day, where the system has faketime; else one that starts two seconds later."""
    import shutil
    import sys
    import time

    faketime = shutil.which("faketime")
    if faketime is None:
        time.sleep(2.1)
        return [sys.executable]
    return [faketime, "2031-02-03 04:05:06", sys.executable]


def test_a_kept_file_that_was_damaged_is_made_again(
    tmp_path: Path, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunResult.open(synthetic.write_synthetic_run(tmp_path))
    made = kept_files.kept_on_disk(run, "x/y.bin", lambda: b"good")
    (kept,) = (tmp_path / ".downloads").rglob("y.bin")
    for damage in (b"", b"go", kept.read_bytes()[:-1], b"evil" + kept.read_bytes()[4:]):
        kept.write_bytes(damage)
        assert kept_files.kept_on_disk(run, "x/y.bin", lambda: b"good") == made
    assert kept_files.kept_on_disk(run, "x/y.bin", lambda: b"never asked") == b"good"


def test_a_folder_that_cannot_be_written_costs_time_and_not_the_answer(
    tmp_path: Path, synthetic: ModuleType
) -> None:
    run = RunResult.open(synthetic.write_synthetic_run(tmp_path))
    (tmp_path / ".downloads").write_text("a file in the folder's place", encoding="utf-8")
    assert kept_files.kept_on_disk(run, "x.bin", lambda: b"good") == b"good"
    assert kept_files.kept_on_disk(run, "x.bin", lambda: b"never asked") == b"good"


def test_a_run_written_again_is_not_answered_from_what_was_kept(
    tmp_path: Path, synthetic: ModuleType
) -> None:
    import shutil

    folder = synthetic.write_synthetic_run(tmp_path)
    first = kept_files.kept_on_disk(RunResult.open(folder), "x.bin", lambda: b"first")
    shutil.rmtree(folder)
    synthetic.write_synthetic_run(tmp_path, site_count=5, publish=False)
    assert kept_files.kept_on_disk(RunResult.open(folder), "x.bin", lambda: b"second") != first
    assert len(list((tmp_path / ".downloads").iterdir())) == 1
