"""The day from which a site is off the air: read like a service date, and held against status and service start."""

from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from coverage.domain.ledger import DatePrecision
from coverage.services.import_answers import questions_of
from coverage.uploads.child import work
from coverage.uploads.closing import first_possible_day
from coverage.uploads.headers import field_of
from coverage.uploads.limits import DEFAULT_LIMITS
from coverage.uploads.report import Report

HEAD = "局番,緯度,経度,事業者,状態,供用開始日,停波日"


def read(tmp_path: Path, *rows: str, head: str = HEAD, **answers: Any) -> Report:
    path = tmp_path / "file"
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    job = {
        "path": str(path), "label": "list.csv", "format": "csv", "kind": "sites", "answers": answers,
        "limits": dataclasses.asdict(DEFAULT_LIMITS), "operators": None, "region": None,
    }  # fmt: skip
    return Report.from_dict(work(job))


def one(tmp_path: Path, closed: str, *, status: str = "廃止", begun: str = "2010-04-01", **answers: Any) -> Report:
    return read(tmp_path, f"A-1,34.12345,136.23456,m1,{status},{begun},{closed}", **answers)


def codes(report: Report) -> list[str]:
    return [r.code for r in (*report.errors, *report.warnings)]


@pytest.mark.parametrize(
    "header",
    ["停波日", "廃止日", "停止年月日", "停止・廃止日", "撤去日", "閉局日", "運用終了日", "closed_on", "Closing_Date", "廃止日（予定除く）"],
)
def test_the_column_is_known_by_the_words_of_offices(header: str) -> None:
    assert field_of(header) == "closed_on"


@pytest.mark.parametrize(
    ("text", "day", "warned"),
    [
        ("2018-10-01", "2018-10-01", []),
        ("２０１８／１０／１", "2018-10-01", []),
        ("H30.10.1", "2018-10-01", ["date-read"]),
        ("平成30年10月", "2018-10-31", ["date-read"]),
        ("平成30年度", "2019-03-31", ["date-read"]),
        ("2018", None, ["closing-day-year-only"]),
        ("30.10.1", None, ["date-two-digit-year"]),
        ("未定", None, ["date-unreadable"]),
        ("－", None, []),
    ],
)
def test_it_is_read_like_a_service_date_and_a_year_alone_is_left_out(
    tmp_path: Path, text: str, day: str | None, warned: list[str]
) -> None:
    report = one(tmp_path, text)
    assert report.rows[0]["closed_on"] == day
    assert codes(report) == warned
    assert list(report.rows[0])[-1] == "closed_on"


def test_what_its_dates_are_known_to_is_counted(tmp_path: Path) -> None:
    rows = [f"A-{i},34.1,136.2,m1,停止,2010-04-01,{text}" for i, text in enumerate(("2018-10-01", "H30年10月", "2018"))]
    assert read(tmp_path, *rows).understood["dates"]["closed_on"] == {"western": 2, "era": 1, "day": 1, "month": 1, "unread": 1}


def test_a_year_alone_is_asked_about_until_it_is_answered(tmp_path: Path) -> None:
    assert [q.topic for q in questions_of(one(tmp_path, "2018"), {})] == ["bare_year"]
    fiscal = one(tmp_path, "2018", dates={"bare_year": "fiscal"})
    assert fiscal.rows[0]["closed_on"] == "2019-03-31"
    calendar: dict[str, Any] = {"dates": {"bare_year": "calendar"}}
    kept = one(tmp_path, "2018", **calendar)
    assert kept.rows[0]["closed_on"] is None
    assert questions_of(kept, calendar) == []


@pytest.mark.parametrize("status", ["候補", "計画", "交付決定", "工事中", "供用中"])
def test_only_a_site_off_the_air_has_one(tmp_path: Path, status: str) -> None:
    report = one(tmp_path, "2018-10-01", status=status)
    assert (report.rows[0]["closed_on"], codes(report)) == (None, ["closing-day-contradicts"])
    assert status in report.warnings[0].ja


def test_without_a_status_the_day_waits_for_the_ledgers(tmp_path: Path) -> None:
    report = one(tmp_path, "2018-10-01", status="")
    assert (report.rows[0]["closed_on"], codes(report)) == ("2018-10-01", ["closing-day-without-status"])


@pytest.mark.parametrize(
    ("begun", "closed", "good"),
    [
        ("2018-10-01", "2018-10-01", True),
        ("2018-10-02", "2018-10-01", False),
        ("2018年10月", "2018-10-05", True),
        ("2018年10月", "2018-09-30", False),
        ("平成30年度", "2018-04-01", True),
        ("平成30年度", "2018-03-31", False),
        ("2018", "2018-01-02", True),
        ("2018", "2017-12-31", False),
        ("", "2001-01-01", True),
    ],
)
def test_a_site_that_closed_before_it_could_have_opened_spoils_its_row(
    tmp_path: Path, begun: str, closed: str, good: bool
) -> None:
    report = one(tmp_path, closed, begun=begun)
    assert [(e.code, e.row, e.column) for e in report.errors] == ([] if good else [("closed-before-service", 0, "closed_on")])
    assert len(report.rows) == good


def test_rows_of_one_mast_must_agree_and_the_first_is_kept(tmp_path: Path) -> None:
    report = read(
        tmp_path,
        "A-1,34.1,136.2,m1,廃止,2010-04-01,2018-10-01",
        "A-1,34.1,136.2,m2,廃止,2012-04-01,2018-10-02",
        "A-1,34.1,136.2,m3,廃止,2012-04-01,",
    )
    assert [(w.code, w.row, w.column) for w in report.warnings] == [("site-rows-differ", 1, "closed_on")]
    assert [r["closed_on"] for r in report.rows] == ["2018-10-01", "2018-10-01", None]


def test_sites_off_the_air_without_a_day_are_told_of_and_not_doubted(tmp_path: Path) -> None:
    report = read(tmp_path, "A-1,34.1,136.2,m1,廃止,2010-04-01,", "A-2,34.2,136.2,m1,供用中,2010-04-01,")
    assert report.verdict == "accept"
    assert [n.code for n in report.notices] == ["closing-day-missing"]
    assert "1 局" in report.notices[0].ja


def test_two_columns_for_the_one_day_are_asked_about(tmp_path: Path) -> None:
    head = HEAD + ",廃止日"
    row = "A-1,34.1,136.2,m1,廃止,2010-04-01,2018-10-01,2019-10-01"
    assert codes(read(tmp_path, row, head=head)) == ["header-ambiguous"]
    chosen = read(tmp_path, row, head=head, columns={"closed_on": "廃止日"})
    assert chosen.rows[0]["closed_on"] == "2019-10-01"


@pytest.mark.parametrize(
    ("precision", "first"),
    [("day", date(2019, 2, 28)), ("month", date(2019, 2, 1)), ("fiscal_year", date(2018, 4, 1)), ("year", date(2019, 1, 1))],
)
def test_the_first_day_that_a_date_can_stand_for(precision: str, first: date) -> None:
    assert first_possible_day(date(2019, 2, 28), DatePrecision(precision)) == first
