"""The report on paper and the workbook: what they say, in which bytes, and what a hostile name can do to them."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from pathlib import Path
from types import ModuleType

import openpyxl
import pytest
from PIL import Image

from coverage.errors import NotFoundError
from coverage.report.line_chart import ChartYear, line_chart
from coverage.report.map_data import map_data
from coverage.report.pdf import report_content, report_pages, report_pdf
from coverage.report.place import Place
from coverage.report.place_xlsx import place_xlsx
from coverage.report.wording import report_texts
from coverage.report.xlsx import report_xlsx
from coverage.runs.result import RunResult


def _content(run: RunResult, fy: int = 2018, lang: str = "ja") -> dict[str, object]:
    return report_content(run, fy, report_texts(lang), breaks=[1, 10, 50, 200, 1000])


def test_the_pdf_is_a4_in_the_readers_language_with_its_font_inside(run: RunResult) -> None:
    pdf = report_pdf(run)
    assert pdf.startswith(b"%PDF-")
    plain = pdf + b"".join(_streams(pdf))
    sizes = {
        tuple(round(float(v)) for v in box.split()) for box in re.findall(rb"/MediaBox\s*\[([^\]]+)\]", plain)
    }
    assert sizes == {(0, 0, 595, 842)}
    assert b"BIZUDPGothic" in plain
    assert b"http" not in re.sub(rb"http://(www\.w3\.org|ns\.adobe\.com|purl\.org)", b"", plain)
    assert len(pdf) < 1_500_000


def _streams(pdf: bytes) -> list[bytes]:
    out = []
    for part in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            out.append(zlib.decompress(part))
        except zlib.error:
            continue
    return out


def test_pages_of_the_report_are_pictures_of_a4(run: RunResult) -> None:
    pages = report_pages(run, ppi=36)
    assert len(pages) == len(
        re.findall(rb"/Type\s*/Page\b", b"".join([report_pdf(run), *_streams(report_pdf(run))]))
    )
    with Image.open(io.BytesIO(pages[0])) as first:
        assert (first.format, first.size) == ("PNG", (298, 421))


def test_the_same_run_gives_the_same_bytes_and_another_year_others(run: RunResult) -> None:
    assert report_pdf(run) == report_pdf(run, fiscal_year=2018)
    assert report_pdf(run, fiscal_year=2016) != report_pdf(run)
    assert report_xlsx(run) == report_xlsx(run)


def test_a_year_that_the_run_does_not_hold_is_refused(run: RunResult) -> None:
    with pytest.raises(NotFoundError):
        report_pdf(run, fiscal_year=1999)


def test_the_report_says_count_target_people_rule_and_sources(run: RunResult) -> None:
    content = _content(run)
    figures = {f["label"]: f for f in content["figures"]}  # type: ignore[attr-defined,index]
    assert figures["整備数（累計）"]["value"] == "72"
    assert figures["不感人口"]["value"] == "1,760"
    assert figures["人口カバー率"]["value"] == "97.07 %"
    assert any("69 基" in line for half in content["rule"] for line in half)  # type: ignore[attr-defined]
    assert content["places"]["rows"][-1][0] == "試験県"  # type: ignore[index]
    assert content["sources"]["rows"][0] == ["行政区域", "見本の境界", "2019-01-01", "CC BY 4.0"]  # type: ignore[index]
    assert content["notices"] == [
        "架空の県です。",
        "人口は国勢調査の合計を町丁の位置へ割り振った推計値です。",
    ]


@pytest.mark.parametrize(
    ("lang", "said"), [("ja", "台帳（監査番号 214 まで）"), ("en", "ledger, up to audit row 214")]
)
def test_the_edition_of_the_ledger_says_what_its_number_is(
    tmp_path: Path, synthetic: ModuleType, lang: str, said: str
) -> None:
    run = RunResult.open(synthetic.write_synthetic_run(tmp_path))
    run.meta["layers"].append(run.meta["layers"][0] | {"layer": "sites", "format": "store", "edition": "214"})
    assert _content(run, lang=lang)["sources"]["rows"][-1][2] == said  # type: ignore[index]
    book = openpyxl.load_workbook(io.BytesIO(report_xlsx(run, lang=lang)))
    assert [row[2].value for row in book.worksheets[-1].iter_rows()][3] == said
    place = openpyxl.load_workbook(io.BytesIO(place_xlsx(Place(run, "99201", 2018), lang=lang)))
    assert [row[2].value for row in place.worksheets[-1].iter_rows()][3] == said


def test_an_edition_of_an_operators_areas_is_named_by_the_operators_name(
    tmp_path: Path, synthetic: ModuleType
) -> None:
    run = RunResult.open(synthetic.write_synthetic_run(tmp_path))
    own, name = (str(run.meta["operators"][0][key]) for key in ("id", "name_ja"))
    layer = {"layer": f"published_coverage:{own}:2019-03-31", "format": "polygons", "edition": "2019-03-31"}
    run.meta["layers"].append(run.meta["layers"][0] | layer)
    said = f"事業者のエリア図（{name} 2019-03-31）"
    assert _content(run)["sources"]["rows"][-1][0] == said  # type: ignore[index]
    book = openpyxl.load_workbook(io.BytesIO(report_xlsx(run)))
    assert [row[0].value for row in book.worksheets[-1].iter_rows()][3] == said
    assert any(said in line for line in map_data(run, "ja", plans=False).page["credits"])


def test_it_is_said_that_sites_in_operation_are_those_of_the_ledger(run: RunResult) -> None:
    for lang, said in (("ja", "開始値に割り当てた局を含む"), ("en", "allocated to the opening balance")):
        assert any(said in line for half in _content(run, lang=lang)["rule"] for line in half)  # type: ignore[attr-defined]
        book = openpyxl.load_workbook(io.BytesIO(report_xlsx(run, lang=lang)))
        assert any(said in str(row[0].value) for row in book.worksheets[0].iter_rows())


def test_a_thin_site_list_is_said_instead_of_figures(tmp_path: Path, synthetic: ModuleType) -> None:
    run = RunResult.open(synthetic.write_synthetic_run(tmp_path, computable=False))
    content = _content(run)
    words = str(content)
    assert "算定不可" in words
    assert "97.07 %" not in words
    assert "1,760" not in words
    assert report_pdf(run).startswith(b"%PDF-")
    book = openpyxl.load_workbook(io.BytesIO(report_xlsx(run)))
    assert book["市町別"]["E2"].value == "算定不可"


def test_a_region_without_sheet_or_opening_balance_still_prints(
    tmp_path: Path, synthetic: ModuleType
) -> None:
    run = RunResult.open(synthetic.write_synthetic_run(tmp_path, sheet=False, opening=False))
    content = _content(run)
    assert content["figures"][0]["value"] == "+3"  # type: ignore[index]
    assert "開始値未登録" in content["figures"][0]["more"]  # type: ignore[index]
    assert report_pdf(run).startswith(b"%PDF-")
    assert openpyxl.load_workbook(io.BytesIO(report_xlsx(run)))["指標"].max_row >= 1


HOSTILE = '#read("/etc/passwd") #panic("x") $x$ *b* =cmd|"/c calc"!A1 ${y} </text><script>alert(1)</script>'


def test_names_are_text_for_typst_and_for_the_spreadsheet(tmp_path: Path, synthetic: ModuleType) -> None:
    run = RunResult.open(synthetic.write_synthetic_run(tmp_path, name=HOSTILE, meta_text=HOSTILE))
    assert report_pdf(run).startswith(b"%PDF-")
    for start in ("=1+1", "+1+1", "-1+1", "@SUM(A1)", "＝1", "\tx"):
        folder = tmp_path / start.strip().replace("/", "")[:3]
        folder.mkdir()
        other = RunResult.open(synthetic.write_synthetic_run(folder, name=start))
        book = openpyxl.load_workbook(io.BytesIO(report_xlsx(other)))
        for sheet in book:
            for row in sheet.iter_rows():
                for cell in row:
                    assert cell.data_type != "f", cell.coordinate
                    assert not (isinstance(cell.value, str) and cell.value.startswith(start)), cell.coordinate


def test_numbers_are_numbers_in_the_workbook(run: RunResult) -> None:
    book = openpyxl.load_workbook(io.BytesIO(report_xlsx(run)))
    assert book.sheetnames == ["整備数", "市町別", "指標", "不感地域台帳", "出典"]
    row = [cell.value for cell in book["市町別"][2]]
    assert row[:4] == ["平成28年度", "99201", "潮見市", 10_000]
    assert isinstance(row[5], float)
    assert book["市町別"]["F2"].number_format == "0.00%"
    english = openpyxl.load_workbook(io.BytesIO(report_xlsx(run, lang="en")))
    assert english.sheetnames == ["Count", "Municipalities", "Indicators", "Register", "Sources"]


def test_the_workbook_carries_no_clock(run: RunResult) -> None:
    with zipfile.ZipFile(io.BytesIO(report_xlsx(run))) as book:
        assert {member.date_time for member in book.infolist()} == {(2019, 3, 31, 0, 0, 0)}
        assert "2019-03-31" in book.read("docProps/core.xml").decode()


def test_the_chart_marks_actuals_targets_and_forecasts_by_shape() -> None:
    svg = line_chart(
        [
            ChartYear("平成28年度", 71, 71, None),
            ChartYear("平成29年度", 72, 73, None),
            ChartYear("<b>", None, None, 75),
        ],
        font="BIZ UDPGothic",
    )
    assert svg.count('fill="#0b5a83"') == 2
    assert svg.count("l9 9-9 9-9-9z") == 2
    assert svg.count('stroke-dasharray="2 4"') == 1
    assert "<b>" not in svg
    assert line_chart([ChartYear("", None, None, None)], font="x").endswith("</svg>")


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_the_first_page_is_filled_and_holds_all_of_the_count(run: RunResult, lang: str) -> None:
    pages = report_pages(run, ppi=48, lang=lang)
    assert len(pages) == 3
    page = Image.open(io.BytesIO(pages[0])).convert("L")
    # The foot line stands below 94 %; above it the last ink of the first page's text.
    body = page.crop((0, 0, page.width, int(page.height * 0.94)))
    ink = body.point(lambda shade: 255 if shade < 160 else 0).getbbox()
    assert ink is not None
    assert ink[3] > 0.68 * page.height, "the first page is half empty"
