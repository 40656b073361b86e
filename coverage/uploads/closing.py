"""The day from which a site is off the air (停波日), held against the site's status and its service start.

The ledger keeps one day and no precision: what is known to a month or a fiscal year stands for its last day, and is named;
a bare calendar year straddles two fiscal years and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from coverage.domain.fiscal import first_day, fiscal_year
from coverage.domain.ledger import DatePrecision, Status
from coverage.uploads.report import Remark
from coverage.uploads.values import Add, is_blank, read_service_date

OFF_AIR: Final = frozenset({Status.SUSPENDED.value, Status.CLOSED.value})
NO_STATUS: Final = "closing-day-without-status"
"""The warning that a ledger can answer."""


def first_possible_day(day: date, precision: DatePrecision) -> date:
    """The first day that ``day`` can stand for: itself, its month's or fiscal year's first day, 1 January."""
    if precision is DatePrecision.MONTH:
        return day.replace(day=1)
    if precision is DatePrecision.FISCAL_YEAR:
        return first_day(fiscal_year(day))
    if precision is DatePrecision.YEAR:
        return date(day.year, 1, 1)
    return day


def read_closing_day(text: str, status: str | None, row: int, answers: Mapping[str, Any] | None, warn: Add) -> str | None:
    """ISO date of the first day off the air, None (with a warning) where it cannot be read or contradicts ``status``.

    Only a site that is 停止 or 廃止 has such a day. Where the row states no status the day is kept and the warning says that
    the ledger's status will decide.
    """
    if is_blank(text):
        return None
    told: list[Remark] = []
    day, precision = read_service_date(text, "", row, "closed_on", told.append, fiscal_year_column=False, answers=answers)
    if day is None or precision is not DatePrecision.YEAR:
        for remark in told:
            warn(remark)
    if day is None:
        return None
    shown = text.strip()[:40]
    if precision is DatePrecision.YEAR:
        warn(
            Remark(
                "closing-day-year-only",
                f"{row + 1} 件目: 停波日「{shown}」は暦年だけで年度が決まらないため空欄にしました。月か年度まで書いてください。",
                f"Row {row + 1}: the closing day '{shown}' is a bare calendar year, which straddles two fiscal years, and was left out; "
                "give the month or the fiscal year.",
                row,
                "closed_on",
            )
        )
        return None
    if status is None:
        warn(
            Remark(
                "closing-day-without-status",
                f"{row + 1} 件目: 停波日がありますが状態が空欄です。台帳で停止・廃止の局でなければ停波日は使いません。",
                f"Row {row + 1}: a closing day without a status; it is used only where the ledger has the site as 停止 or 廃止.",
                row,
                "closed_on",
            )
        )
    elif status not in OFF_AIR:
        warn(
            Remark(
                "closing-day-contradicts",
                f"{row + 1} 件目: 状態が「{status}」なのに停波日（{shown}）があるため、停波日を空欄にしました。状態か停波日を直してください。",
                f"Row {row + 1}: the status is {status}, yet there is a closing day ({shown}), which was left out; correct one of the two.",
                row,
                "closed_on",
            )
        )
        return None
    return day.isoformat()


def closes_before_service(closed_on: str | None, in_service_date: str | None, precision: str | None) -> bool:
    """Was the site off the air before the first day that its service start can stand for?"""
    if closed_on is None or in_service_date is None:
        return False
    known = DatePrecision(precision) if precision else DatePrecision.DAY
    return date.fromisoformat(closed_on) < first_possible_day(date.fromisoformat(in_service_date), known)


def before_service(row: int, closed_on: str, in_service: str) -> Remark:
    """The error of a row whose site would have closed before it opened."""
    return Remark(
        "closed-before-service",
        f"{row + 1} 件目: 停波日 {closed_on} が供用開始日 {in_service} より前です。日付を確かめてください。",
        f"Row {row + 1}: the closing day {closed_on} lies before the service start {in_service}; check the dates.",
        row,
        "closed_on",
    )


def missing_days(sites: int) -> Remark:
    """Sites that are off the air without saying since when: no reason for doubt about the rows, but worth knowing."""
    return Remark(
        "closing-day-missing",
        f"停止・廃止の局のうち {sites} 局に停波日がありません。新しい局はどの年度にも電波を出していない扱い、台帳で供用中だった局は取込の日からの停波になります。",
        f"{sites} sites that are 停止 or 廃止 have no closing day: new ones are on the air in no year, those in service by the ledger "
        "go off the air on the day of the import.",
    )
