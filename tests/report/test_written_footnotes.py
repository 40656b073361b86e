"""脚注 that people wrote: printed on paper and in the workbook after the computed notes, and never run as code there."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import ModuleType

import openpyxl
import pytest

from coverage.report.count_notes import cell_footnotes, cell_remarks, count_notes
from coverage.report.pdf import report_content, report_pdf
from coverage.report.wording import report_texts
from coverage.report.xlsx import report_xlsx
from coverage.runs.result import RunResult

HOSTILE = '=HYPERLINK("http://x") #read("/etc/passwd") #panic("x") $x$ *b* </text><script>alert(1)</script>'
SAID = {"ja": "統合により1基減（2019年5月1日記録）", "en": "one fewer (recorded 1 May 2019)"}
COMPUTED = {"ja": "訂正 -1（平成29年度から）：二重計上", "en": "Restatement -1: counted twice"}


def _noted(synthetic: ModuleType, folder: Path, said: dict[str, str]) -> RunResult:
    """A run with one written footnote to the count of 2017 and one to another indicator."""
    path = synthetic.write_synthetic_run(folder)
    for name in ("count", "indicators"):
        file = path / "tables" / f"{name}.json"
        content = json.loads(file.read_text(encoding="utf-8"))
        if name == "count":
            year = next(y for y in content["years"] if y["fiscal_year"] == 2017)
            year["footnotes"] = [*year["footnotes"], {"code": "written", **said}, COMPUTED]
        else:
            for code in ("40604", "40602"):
                row = next(r for r in content["table"]["rows"] if r["code"] == code)
                next(c for c in row["cells"] if c["fiscal_year"] == 2017)["footnotes"] = [said]
        file.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return RunResult.open(path)


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_they_stand_after_the_computed_notes_on_paper_and_in_the_workbook(
    synthetic: ModuleType, tmp_path: Path, lang: str
) -> None:
    run = _noted(synthetic, tmp_path, SAID)
    notes = count_notes(run, report_texts(lang)).notes
    assert notes.index(SAID[lang]) > notes.index(COMPUTED[lang])
    content = report_content(run, 2018, report_texts(lang), breaks=[1, 10, 50, 200, 1000])
    assert SAID[lang] in content["count"]["notes"]
    rows = run.indicators["table"]["rows"]
    assert content["indicators"]["notes"][-2:] == cell_footnotes(rows, lang)
    label = "平成29年度：" if lang == "ja" else "FY2017: "
    assert cell_footnotes(rows, lang)[0].startswith("40602 ")
    assert label in cell_footnotes(rows, lang)[1]
    book = openpyxl.load_workbook(io.BytesIO(report_xlsx(run, lang=lang)))
    cells = [str(c.value) for sheet in book for row in sheet.iter_rows() for c in row if c.value is not None]
    assert sum(SAID[lang] in text for text in cells) == 3


def test_hostile_words_are_text_for_typst_and_for_the_spreadsheet(
    synthetic: ModuleType, tmp_path: Path
) -> None:
    run = _noted(synthetic, tmp_path, {"ja": HOSTILE, "en": HOSTILE})
    assert report_pdf(run).startswith(b"%PDF-")
    book = openpyxl.load_workbook(io.BytesIO(report_xlsx(run)))
    held = [
        cell for sheet in book for row in sheet.iter_rows() for cell in row if "HYPERLINK" in str(cell.value)
    ]
    assert len(held) == 3
    for cell in held:
        assert cell.data_type != "f", cell.coordinate
        assert not str(cell.value).startswith("="), cell.coordinate


def test_a_run_of_an_earlier_release_has_none_and_prints_as_before(run: RunResult) -> None:
    rows = run.indicators["table"]["rows"]
    assert cell_footnotes(rows, "ja") == []
    for row in rows:
        for cell in row["cells"]:
            assert cell_remarks(cell, "ja") == cell["note"]["ja"]
