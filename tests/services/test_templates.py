"""Lists to fill in: what Excel offers, that the example is a good row, and that it is never read as data."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import openpyxl
import pytest

from coverage.services.access import Principal, Role
from coverage.services.corrections import corrected_csv, errors_csv
from coverage.services.imports import check_upload
from coverage.services.templates import (
    DATA_SHEET,
    EXAMPLE_SHEET,
    RULES_SHEET,
    TEMPLATES,
    template_csv,
    template_xlsx,
)
from coverage.uploads.report import Report

PLANNER = Principal("keikaku", Role.PLANNER)


def read(folder: Path, content: bytes, kind: str, name: str) -> Report:
    path = folder / "file"
    path.write_bytes(content)
    return check_upload(path, kind=kind, principal=PLANNER, client_name=name)


@pytest.mark.parametrize("kind", list(TEMPLATES))
def test_the_example_is_a_row_that_raises_no_error_and_the_columns_are_all_known(
    kind: str, tmp_path: Path
) -> None:
    columns = TEMPLATES[kind]
    text = io.StringIO()
    csv.writer(text).writerows([[c.header for c in columns], [c.example for c in columns]])
    report = read(tmp_path, ("\ufeff" + text.getvalue()).encode(), kind, "list.csv")
    assert report.errors == []
    assert set(report.understood["columns"]) == {c.field for c in columns}
    assert template_csv(kind).decode("utf-8-sig").strip() == ",".join(c.header for c in columns)


@pytest.mark.parametrize("kind", list(TEMPLATES))
def test_only_the_list_of_a_filled_workbook_is_read(kind: str, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(io.BytesIO(template_xlsx(kind)))
    assert book.sheetnames == [DATA_SHEET, EXAMPLE_SHEET, RULES_SHEET]
    book[DATA_SHEET].append([cell.value for cell in book[EXAMPLE_SHEET][2]])
    out = io.BytesIO()
    book.save(out)
    report = read(tmp_path, out.getvalue(), kind, "list.xlsx")
    assert (report.understood["sheet"], report.understood["rows"], len(report.rows)) == (DATA_SHEET, 1, 1)


def test_an_empty_template_holds_no_rows_and_says_so(tmp_path: Path) -> None:
    report = read(tmp_path, template_xlsx("sites"), "sites", "list.xlsx")
    assert [e.code for e in report.errors] == ["no-rows"]


def test_excel_offers_the_words_and_refuses_others() -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(template_xlsx("sites")))[DATA_SHEET]
    lists = {rule.promptTitle: rule for rule in sheet.data_validations.dataValidation if rule.type == "list"}
    assert lists["状態"].formula1 == '"候補,計画,交付決定,工事中,供用中,停止,廃止"'
    assert lists["状態"].errorStyle == "stop"
    assert set(lists) == {"状態", "日付精度", "整備主体", "目的"}
    bounds = {
        rule.promptTitle: rule for rule in sheet.data_validations.dataValidation if rule.type == "decimal"
    }
    assert (bounds["緯度"].formula1, bounds["緯度"].formula2, bounds["緯度"].errorStyle) == (
        "20",
        "46",
        "warning",
    )


def test_a_template_is_the_same_bytes_every_time_and_marked_as_an_example() -> None:
    assert template_xlsx("districts") == template_xlsx("districts")
    example = openpyxl.load_workbook(io.BytesIO(template_xlsx("districts")))[EXAMPLE_SHEET]
    assert str(example["A4"].value).startswith("例示")


LIST = "局番,局名,緯度,経度,事業者,供用開始日\nA-1,=1+1,34.1,136.2,A,H29.3.31\n,無番,34.1,136.2,A,\nA-3,南局,34.1,136.2,A,5年度\n"


def test_the_corrected_list_reads_back_as_what_was_understood(tmp_path: Path) -> None:
    report = read(tmp_path, LIST.encode(), "sites", "list.csv")
    again = read(tmp_path, corrected_csv("sites", report), "sites", "again.csv")
    assert again.warnings == []
    assert [e.row for e in again.errors] == [1]
    assert [{**r, "row": 0, "name": ""} for r in again.rows] == [
        {**r, "row": 0, "name": ""} for r in report.rows
    ]
    assert corrected_csv("sites", report).startswith(b"\xef\xbb\xbf")
    assert "'=1+1" in corrected_csv("sites", report).decode()


def test_the_list_of_errors_says_row_line_column_value_and_sentence(tmp_path: Path) -> None:
    report = read(tmp_path, LIST.encode(), "sites", "list.csv")
    lines = list(csv.reader(io.StringIO(errors_csv(report).decode("utf-8-sig"))))
    assert lines[0] == ["区分", "件目", "ファイルの行", "列", "値", "内容", "コード"]
    assert lines[1] == ["要修正", "2", "3", "局番", "", "3 行目: 局番がありません。", "site-id-missing"]
    doubtful = next(line for line in lines if line[6] == "fiscal-year-era-missing")
    assert doubtful[:5] == ["注意", "3", "4", "供用開始日", "5年度"]
    assert errors_csv(report, "en").decode("utf-8-sig").splitlines()[0].startswith("Kind,Row")
