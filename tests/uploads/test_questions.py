"""What a file leaves open is asked with what a person needs to answer it; an answer is used where it is needed only."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from coverage.domain.projection import lonlat_to_plane
from coverage.uploads.child import work
from coverage.uploads.limits import DEFAULT_LIMITS
from coverage.uploads.quarantine import FORMATS
from coverage.uploads.report import Report
from coverage.uploads.sandbox import check_file

LAT, LON = 34.12345, 136.23456


def read(
    tmp_path: Path, content: bytes | str, name: str = "list.csv", kind: str = "sites", **answers: Any
) -> Report:
    """The report as the child makes it, made here: a process for every case would only take time."""
    path = tmp_path / "file"
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    job = {
        "path": str(path), "label": name, "format": FORMATS[Path(name).suffix], "kind": kind, "answers": answers,
        "limits": dataclasses.asdict(DEFAULT_LIMITS), "operators": None, "region": None,
    }  # fmt: skip
    return Report.from_dict(work(job))


def workbook(**sheets: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)  # type: ignore[arg-type]
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_sheets_are_offered_with_their_rows_and_headers_and_the_layout_outlives_the_answer(
    tmp_path: Path,
) -> None:
    head = ["局番", "緯度", "経度"]
    content = workbook(
        R5=[head, ["A-1", LAT, LON]], R6=[["一覧"], head, ["B-1", LAT, LON], ["B-2", LAT, LON]]
    )
    asked = read(tmp_path, content, "a.xlsx")
    assert [e.code for e in asked.errors] == ["sheet-choose"]
    assert [(s["name"], s["rows"]) for s in asked.understood["sheets"]] == [("R5", 1), ("R6", 2)]
    chosen = read(tmp_path, content, "a.xlsx", sheet="R6")
    assert [r["site_id"] for r in chosen.rows] == ["B-1", "B-2"]
    assert chosen.understood["layout"] == asked.understood["layout"]
    assert chosen.understood["header_row"] == 2


def test_columns_that_nobody_can_name_come_back_with_samples_but_never_those_of_people(
    tmp_path: Path,
) -> None:
    asked = read(tmp_path, f"コード,北,東,電話\nA-1,{LAT},{LON},059-000-0000\n")
    assert [e.code for e in asked.errors] == ["column-missing"]
    heads = {h["header"]: h for h in asked.understood["heads"]}
    assert heads["コード"]["samples"] == ["A-1"]
    assert heads["電話"] == {"header": "電話", "field": "", "guess": "", "personal": True, "samples": []}
    told = read(
        tmp_path,
        f"コード,北,東,電話\nA-1,{LAT},{LON},x\n",
        columns={"site_id": "コード", "lat": "北", "lon": "東"},
    )
    assert told.verdict == "accept-with-warning"
    assert told.rows[0]["lat"] == LAT


def test_a_field_can_be_taken_from_no_column(tmp_path: Path) -> None:
    text = f"局番,緯度,経度,目的\nA-1,{LAT},{LON},居住\n"
    assert read(tmp_path, text).rows[0]["purpose"] == "居住"
    assert read(tmp_path, text, columns={"purpose": ""}).rows[0]["purpose"] is None


@pytest.mark.parametrize(
    ("text", "answer", "day", "precision"),
    [
        ("5年度", {"two_digit_year": "heisei"}, "1994-03-31", "fiscal_year"),
        ("5年度", {"two_digit_year": "reiwa"}, "2024-03-31", "fiscal_year"),
        ("29.3.31", {"two_digit_year": "heisei"}, "2017-03-31", "day"),
        ("17/3/31", {"two_digit_year": "western"}, "2017-03-31", "day"),
        ("42825", {"serial": 1900}, "2017-03-31", "day"),
        ("41363", {"serial": 1904}, "2017-03-31", "day"),
        ("2017", {"bare_year": "fiscal"}, "2018-03-31", "fiscal_year"),
        ("2017", {"bare_year": "calendar"}, "2017-12-31", "year"),
        ("H29.3.31", {"two_digit_year": "western"}, "2017-03-31", "day"),
    ],
)
def test_a_date_that_cannot_be_read_alone_is_read_as_answered(
    tmp_path: Path, text: str, answer: dict[str, Any], day: str, precision: str
) -> None:
    report = read(tmp_path, f"局番,緯度,経度,供用開始日\nA-1,{LAT},{LON},{text}\n", dates=answer)
    assert (report.rows[0]["in_service_date"], report.rows[0]["date_precision"]) == (day, precision)


def test_metres_in_columns_of_degrees_and_in_points_are_read_in_the_answered_system(tmp_path: Path) -> None:
    east, north = (float(v) for v in lonlat_to_plane(LON, LAT, 6674))
    asked = read(tmp_path, f"局番,緯度,経度\nA-1,{north:.3f},{east:.3f}\n")
    assert [e.code for e in asked.errors] == ["position-metres"]
    told = read(tmp_path, f"局番,緯度,経度\nA-1,{north:.3f},{east:.3f}\n", crs=6)
    assert (told.rows[0]["lat"], told.rows[0]["lon"]) == (
        pytest.approx(LAT, abs=1e-6),
        pytest.approx(LON, abs=1e-6),
    )
    feature = '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"局番":"A-1"},"geometry":{"type":"Point","coordinates":[%f,%f]}}]}'
    points = read(tmp_path, feature % (east, north), "a.geojson", crs=6)
    assert points.rows[0]["lat"] == pytest.approx(LAT, abs=1e-6)


@pytest.mark.parametrize("kind", ["districts", "measurements"])
def test_positions_of_other_tables_take_the_same_answers(tmp_path: Path, kind: str) -> None:
    header, rest = {
        "districts": ("地区ID,市町コード,地区名", "D-1,24201,谷"),
        "measurements": ("RSRP(dBm),測定日,事業者", "-100,2024-05-01,A"),
    }[kind]

    def answered(lat: object, lon: object, **answers: Any) -> Report:
        return read(tmp_path, f"{header},緯度,経度\n{rest},{lat},{lon}\n", kind=kind, **answers)

    def place(report: Report) -> tuple[float, float]:
        import shapely

        row = report.rows[0]
        if kind == "measurements":
            return row["lat"], row["lon"]
        point = shapely.from_wkb(row["geometry"])
        return float(point.y), float(point.x)

    assert [e.code for e in answered(LON, LAT).errors] == ["axes-swapped"]
    assert place(answered(LON, LAT, axes="swap")) == (LAT, LON)
    east, north = (float(v) for v in lonlat_to_plane(LON, LAT, 6674))
    assert [e.code for e in answered(f"{north:.3f}", f"{east:.3f}").errors] == ["position-metres"]
    assert place(answered(f"{north:.3f}", f"{east:.3f}", crs=6674))[0] == pytest.approx(LAT, abs=1e-6)
    moved = place(answered(LAT, LON, datum="tokyo"))
    assert 0.002 < moved[0] - LAT < 0.005
    assert place(answered("34°07'24.42\"", "136°14'04.416\""))[0] == pytest.approx(LAT, abs=1e-6)


def test_errors_of_other_tables_name_the_row_as_the_page_counts_it(tmp_path: Path) -> None:
    report = read(tmp_path, "指標番号,年度,実績値\n40601,2016,6\n40601,2017,六\n", kind="actuals")
    assert (report.errors[0].row, report.errors[0].column) == (1, "value")
    assert report.errors[0].ja.startswith("2 件目: 列「value」: ")
    assert report.bad_rows == [
        {"row": 1, "line": 3, "cells": {"指標番号": "40601", "年度": "2017", "実績値": "六"}}
    ]


def test_how_dates_and_positions_are_written_is_counted(tmp_path: Path) -> None:
    text = f"局番,緯度,経度,供用開始日\nA-1,{LAT},{LON},H29.3.31\nA-2,34.12,136.2,平成30年3月\nA-3,{LAT},{LON},2018\nA-4,{LAT},{LON},いつか\n"
    told = read(tmp_path, text).understood
    assert told["decimals"] == {"5": 6, "2": 1, "1": 1}
    assert told["dates"]["in_service_date"] == {
        "era": 2,
        "day": 1,
        "month": 1,
        "western": 2,
        "year": 1,
        "unread": 1,
    }
    assert told["rows"] == 4


def test_the_report_comes_in_parts_and_whole(tmp_path: Path) -> None:
    lines = "".join(f"A-{i},{LAT},{LON}\n" for i in range(1203))
    path = tmp_path / "file"
    path.write_text("局番,緯度,経度\n" + lines, encoding="utf-8")
    report = check_file(path, client_name="a.csv")
    assert [r["row"] for r in report.rows] == list(range(1203))
    assert len(report.other_rows) == 100


def test_a_reading_that_is_cancelled_ends_at_once(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text(
        "局番,緯度,経度\n" + "".join(f"A-{i},{LAT},{LON}\n" for i in range(100_000)), encoding="utf-8"
    )
    report = check_file(path, client_name="a.csv", cancelled=lambda: True)
    assert [e.code for e in report.errors] == ["reading-cancelled"]
