"""Text for people is stored as it was written; what is compared, counted or looked up takes one form."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from coverage.uploads.child import work
from coverage.uploads.limits import DEFAULT_LIMITS
from coverage.uploads.report import Report


def read(tmp_path: Path, kind: str, text: str) -> Report:
    path = tmp_path / "file"
    path.write_text(text, encoding="utf-8")
    job = {
        "path": str(path), "label": "list.csv", "format": "csv", "kind": kind, "answers": {},
        "limits": dataclasses.asdict(DEFAULT_LIMITS), "operators": None, "region": None,
    }  # fmt: skip
    return Report.from_dict(work(job))


def test_source_and_names_keep_their_width_and_ids_do_not(tmp_path: Path) -> None:
    report = read(
        tmp_path,
        "districts",
        "地区ID,市町コード,地区名,緯度,経度,人口,指定日,出典\nＤ－１,２４２０１,ｱｻﾏ①（北）,３４．１,136.2,１２,Ｈ27.4.1,見本（架空）\n",
    )
    row = report.rows[0]
    assert (row["name"], row["source"]) == ("ｱｻﾏ①（北）", "見本（架空）")
    assert (row["district_id"], row["municipality_code"], row["population"], row["designated_on"]) == (
        "D-1", "24201", 12, "2015-04-01",
    )  # fmt: skip


def test_who_confirmed_and_where_a_value_is_from_stay_as_given(tmp_path: Path) -> None:
    links = read(tmp_path, "site_districts", "局番,地区ID,確認者,確認日\nＡ-1,Ｄ-1,　総務課（第２）　,R1.5.1\n")
    assert links.rows[0]["confirmed_by"] == "総務課（第２）"
    assert (links.rows[0]["site_id"], links.rows[0]["district_id"]) == ("A-1", "D-1")
    actuals = read(tmp_path, "actuals", "指標番号,年度,実績値,出典\n４０６０１,２０１６,６,資料（Ａ）\n")
    assert (actuals.rows[0]["indicator"], actuals.rows[0]["value"], actuals.rows[0]["source"]) == ("40601", 6.0, "資料（Ａ）")


def test_a_measurement_keeps_its_number_however_wide_its_operator_is_written(tmp_path: Path) -> None:
    head = "緯度,経度,RSRP(dBm),測定日,事業者,機器\n"
    wide = read(tmp_path, "measurements", head + "34.1,136.2,-100,2024-05-01,Ａ社,端末（２）\n").rows[0]
    narrow = read(tmp_path, "measurements", head + "34.1,136.2,-100,2024-05-01,A社,端末（２）\n").rows[0]
    assert wide["measurement_id"] == narrow["measurement_id"]
    assert (wide["operator"], wide["device"]) == ("A社", "端末（２）")


def test_control_and_direction_marks_are_taken_out_of_every_table_and_counted(tmp_path: Path) -> None:
    report = read(tmp_path, "actuals", "指標番号,年度,実績値,出典\n406\u200b01,2016,6,表\u202e題\u2028\n")
    assert (report.rows[0]["indicator"], report.rows[0]["source"]) == ("40601", "表題")
    assert [w.code for w in report.warnings] == ["control-removed"]


def test_text_is_bounded(tmp_path: Path) -> None:
    report = read(tmp_path, "actuals", f"指標番号,年度,実績値,出典\n40601,2016,6,{'表' * 10_001}\n")
    assert [e.code for e in report.errors] == ["cell-too-long"]


def test_names_of_sites_stay_as_given_and_ids_that_name_sites_match_them(tmp_path: Path) -> None:
    row = read(tmp_path, "sites", "局番,局名,緯度,経度,更新元,事業ID\nＡ-２,ｱｻﾏ（北）,34.1,136.2,Ａ-１,Ｐ１\n").rows[0]
    assert row["name"] == "ｱｻﾏ（北）"
    assert (row["site_id"], row["replaces"], row["project_id"]) == ("A-2", "A-1", "P1")
