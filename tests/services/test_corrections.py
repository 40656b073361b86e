"""Rows of an upload that are put right on the screen."""

from __future__ import annotations

from pathlib import Path

import pytest

from coverage.services.access import Principal, Role
from coverage.services.corrections import line_of, told_by_line, with_corrections
from coverage.services.imports import check_upload
from coverage.uploads.describe import LINE_STEPS
from coverage.uploads.report import Report

PLANNER = Principal("keikaku", Role.PLANNER)
LIST = """局番,局名,緯度,経度,事業者,状態,担当者
MH-1,新谷局,33.65,136.55,A,供用中,山田
MH-2,北浜局,136.5,33.6,B,計画,
,南局,33.6,136.6,B,計画,
MH-4,西局,0,0,A,計画,
"""


@pytest.fixture
def report(tmp_path: Path) -> Report:
    path = tmp_path / "list.csv"
    path.write_text(LIST, encoding="utf-8")
    found = check_upload(path, kind="sites", principal=PLANNER)
    assert (len(found.rows), found.rows_bad) == (1, 3)
    return found


def _edits(report: Report) -> dict[int, dict[str, str]]:
    return {int(bad["row"]): dict(bad["cells"]) for bad in report.bad_rows}


def test_bad_rows_come_back_as_they_stand_and_without_personal_columns(report: Report) -> None:
    assert [bad["row"] for bad in report.bad_rows] == [1, 2, 3]
    assert report.bad_rows[0]["cells"]["緯度"] == "136.5"
    assert all("担当者" not in bad["cells"] for bad in report.bad_rows)


def test_rows_put_right_join_the_others_in_file_order(report: Report) -> None:
    edits = _edits(report)
    edits[1] |= {"緯度": "33.6", "経度": "136.5"}
    edits[2] |= {"局番": "MH-3"}
    edits[3] |= {"緯度": "33°36'00\"", "経度": "136°30'00\""}
    fixed = with_corrections(report, edits, kind="sites", principal=PLANNER)
    assert fixed.rows_bad == 0
    assert [row["site_id"] for row in fixed.rows] == ["MH-1", "MH-2", "MH-3", "MH-4"]
    assert [row["row"] for row in fixed.rows] == [0, 1, 2, 3]
    assert fixed.rows[3]["lat"] == pytest.approx(33.6)
    assert fixed.bad_rows == []
    assert fixed.verdict == "accept-with-warning"


def test_a_row_that_still_is_wrong_keeps_its_own_number(report: Report) -> None:
    edits = _edits(report)
    edits[1] |= {"緯度": "33.6", "経度": "136.5"}
    fixed = with_corrections(report, edits, kind="sites", principal=PLANNER)
    assert {e.row: e.ja[:4] for e in fixed.errors} == {2: "3 件目", 3: "4 件目"}
    assert [e.en[:6] for e in fixed.errors] == ["Row 3:", "Row 4:"]
    assert [bad["row"] for bad in fixed.bad_rows] == [2, 3]


def test_a_row_that_was_emptied_is_out_and_shifts_no_other_row(report: Report) -> None:
    edits = _edits(report)
    edits[1] = dict.fromkeys(edits[1], " \u3000")
    edits[3] |= {"緯度": "33.6", "経度": "136.5"}
    fixed = with_corrections(report, edits, kind="sites", principal=PLANNER)
    assert [(row["row"], row["site_id"]) for row in fixed.rows] == [(0, "MH-1"), (3, "MH-4")]
    assert {e.row: e.ja[:4] for e in fixed.errors} == {2: "3 件目"}
    assert [bad["row"] for bad in fixed.bad_rows] == [2]
    emptied = {number: dict.fromkeys(cells, "") for number, cells in edits.items()}
    nothing = with_corrections(report, emptied, kind="sites", principal=PLANNER)
    assert ([row["site_id"] for row in nothing.rows], nothing.errors) == (["MH-1"], [])


def test_only_the_rows_that_were_edited_are_read_again(report: Report) -> None:
    edits = {1: _edits(report)[1] | {"緯度": "33.6", "経度": "136.5"}}
    fixed = with_corrections(report, edits, kind="sites", principal=PLANNER)
    assert [row["site_id"] for row in fixed.rows] == ["MH-1", "MH-2"]
    assert fixed.rows_bad == 2
    assert with_corrections(report, {}, kind="sites", principal=PLANNER) is report


def test_a_row_that_takes_another_rows_number_is_a_duplicate(report: Report) -> None:
    edits = {2: _edits(report)[2] | {"局番": "MH-1", "事業者": "A"}}
    fixed = with_corrections(report, edits, kind="sites", principal=PLANNER)
    assert [e.code for e in fixed.errors if e.row == 2] == ["duplicate"]
    assert [row["site_id"] for row in fixed.rows] == ["MH-1"]


def test_corrections_can_be_corrected(report: Report) -> None:
    first = with_corrections(report, {1: _edits(report)[1] | {"緯度": "95"}}, kind="sites", principal=PLANNER)
    assert first.bad_rows[0]["cells"]["緯度"] == "95"
    edits = _edits(first)
    edits[1] |= {"緯度": "33.6", "経度": "136.5"}
    assert "MH-2" in {
        r["site_id"] for r in with_corrections(first, edits, kind="sites", principal=PLANNER).rows
    }


def test_a_row_is_told_by_its_line_in_the_spreadsheet(report: Report) -> None:
    bad = report.bad_rows[1]
    error = next(e for e in report.errors if e.row == bad["row"])
    assert (bad["row"], bad["line"], line_of(report.understood, bad["row"])) == (2, 4, 4)
    assert error.ja.startswith("3 件目: ")
    assert told_by_line(error.ja, report.understood, error.row).startswith("4 行目: ")
    assert told_by_line(error.en, report.understood, error.row).startswith("Row 4: ")


def test_a_row_put_right_is_still_told_by_its_line(report: Report) -> None:
    fixed = with_corrections(report, _edits(report), kind="sites", principal=PLANNER)
    assert {told_by_line(e.ja, fixed.understood, e.row)[:4] for e in fixed.errors} == {
        f"{bad['line']} 行目" for bad in fixed.bad_rows
    }


def test_titles_above_and_empty_lines_between_are_counted_with_the_lines(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    head, first, *others = LIST.splitlines()
    lines = ["基地局の一覧", "", head, first, "", "", *others]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    report = check_upload(path, kind="sites", principal=PLANNER)
    told = {told_by_line(e.ja, report.understood, e.row).split(":")[0] for e in report.errors}
    assert told == {f"{lines.index(line) + 1} 行目" for line in others}


def test_a_file_without_lines_counts_its_features() -> None:
    assert told_by_line("3 件目: 位置がありません。", {}, 2) == "3 件目: 位置がありません。"
    assert (
        told_by_line("3 件目: 位置がありません。", {"lines": [[0, None]]}, 2) == "3 件目: 位置がありません。"
    )
    assert told_by_line("ファイルが空です。", {"lines": [[0, 2]]}, None) == "ファイルが空です。"


def test_a_list_with_a_gap_after_every_row_tells_lines_as_far_as_they_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    rows = [f"MH-{i},局{i},33.6,136.5,A,計画\n" for i in range(LINE_STEPS + 5)]
    path.write_text("局番,局名,緯度,経度,事業者,状態\n" + "\n".join(rows), encoding="utf-8")
    read = check_upload(path, kind="sites", principal=PLANNER).understood
    assert len(read["lines"]) == LINE_STEPS + 1
    assert line_of(read, LINE_STEPS - 1) == 2 * LINE_STEPS
    assert line_of(read, LINE_STEPS) is None
