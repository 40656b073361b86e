"""Footnotes and forecasts of the count: one number for one sentence, in pages, on paper and in the workbook alike."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import ModuleType

import openpyxl
import pytest

from coverage.report.count_notes import count_notes
from coverage.report.line_chart import ChartWords, ChartYear, line_chart
from coverage.report.pdf import report_content, report_pdf
from coverage.report.wording import report_texts
from coverage.report.xlsx import report_xlsx
from coverage.runs.result import RunResult

RESTATED = {
    "ja": "訂正 -1（平成29年度から、yamada、2018-05-01記録）：二重計上",
    "en": "Restatement -1 (…): counted twice",
}


@pytest.fixture
def noted(synthetic: ModuleType, tmp_path: Path) -> RunResult:
    """A run whose series was restated, whose actual was decided otherwise, and that expects a site after the sheet."""
    folder = synthetic.write_synthetic_run(tmp_path)
    count = json.loads((folder / "tables" / "count.json").read_text(encoding="utf-8"))
    years = {y["fiscal_year"]: y for y in count["years"]}
    for fy in (2017, 2018):
        years[fy]["footnotes"] = [*years[fy]["footnotes"], RESTATED]
    count["opening"]["fiscal_year"] = 2016
    count["verdicts"][0]["code"] = "in-opening-balance"
    count["forecast_years"] = [{"fiscal_year": 2020, "forecast_total": 76, "forecast_site_ids": ["S9"]}]
    (folder / "tables" / "count.json").write_text(json.dumps(count, ensure_ascii=False), encoding="utf-8")
    table = json.loads((folder / "tables" / "indicators.json").read_text(encoding="utf-8"))
    row = next(r for r in table["table"]["rows"] if r["code"] == "40604")
    cell = next(c for c in row["cells"] if c["fiscal_year"] == 2017)
    cell |= {
        "actual": 74,
        "actual_source": "decided",
        "counted": 72,
        "citation": "議会資料",
        "actual_text_ja": "74基",
    }
    (folder / "tables" / "indicators.json").write_text(
        json.dumps(table, ensure_ascii=False), encoding="utf-8"
    )
    return RunResult.open(folder)


def test_the_same_sentence_has_one_number_and_stands_at_each_of_its_years(noted: RunResult) -> None:
    found = count_notes(noted, report_texts("ja"))
    number = found.notes.index(RESTATED["ja"]) + 1
    assert number in found.marks[2017]
    assert number in found.marks[2018]
    assert f"*{number}" in found.signs(2018)


def test_allocated_sites_and_decided_actuals_have_their_notes(noted: RunResult) -> None:
    said = "\n".join(count_notes(noted, report_texts("ja")).notes)
    assert "開始値 69 基のうち 1 基は、後から台帳に登録した基地局に割り当て済み" in said
    assert "決定した実績値 74基（出典：議会資料）。台帳からの集計値は 72" in said
    english = "\n".join(count_notes(noted, report_texts("en")).notes)
    assert "the ledger counts 72" in english


def test_paper_prints_marks_notes_and_forecasts_in_brackets(noted: RunResult) -> None:
    table = report_content(noted, 2018, report_texts("ja"), breaks=[1, 10, 50, 200, 1000])["count"]
    assert table["head"][-1] == "見込み"
    assert len(table["aligns"]) == len(table["head"])
    assert all(len(row) == len(table["head"]) for row in table["rows"])
    assert table["rows"][-1][0] == "令和2年度"
    assert table["rows"][-1][-1] == "（76）"
    assert set(table["rows"][-1][1:-1]) == {"—"}
    assert RESTATED["ja"] in table["notes"]
    by_year = {row[0]: row[1] for row in table["rows"]}
    assert "*" in by_year["平成29年度"]
    assert report_pdf(noted, lang="en").startswith(b"%PDF-")


def test_a_decided_value_leads_on_paper_with_its_own_achievement(noted: RunResult) -> None:
    figures = report_content(noted, 2017, report_texts("ja"), breaks=[1, 10, 50, 200, 1000])["figures"]
    assert figures[0]["value"] == "74"
    assert "決定値。台帳からの集計 7" in figures[0]["more"]
    plain = report_content(noted, 2018, report_texts("ja"), breaks=[1, 10, 50, 200, 1000])["figures"]
    assert "決定値" not in plain[0]["more"]


def test_the_workbook_numbers_its_notes_and_keeps_forecasts_in_their_own_column(noted: RunResult) -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(report_xlsx(noted))).worksheets[0]
    rows = [[c.value for c in row] for row in sheet.iter_rows()]
    head = rows[0]
    ahead = next(row for row in rows if row[1] == 2020)
    assert ahead[head.index("見込み（累計）")] == 76
    assert ahead[head.index("整備数（累計）")] is None
    assert ahead[head.index("注")] == "見込みのみ"
    notes = [str(row[0]) for row in rows if str(row[0]).startswith("*")]
    assert any(RESTATED["ja"] in note for note in notes)


def test_years_that_hold_a_forecast_only_are_hatched_and_named() -> None:
    years = [ChartYear("29", 72, 72, None), ChartYear("30", None, 73, 75), ChartYear("31", None, None, None)]
    svg = line_chart(years, font="x", words=ChartWords("<見込み>"))
    assert svg.count("&lt;見込み&gt;") == 1
    assert svg.count('stroke-dasharray="7 3"') == 1
    plain = line_chart([ChartYear("29", 72, None, None)], font="x", words=ChartWords("見込み"))
    assert "見込み" not in plain
    assert len(plain) < len(svg)
