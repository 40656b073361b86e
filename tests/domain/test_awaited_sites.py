"""A site that is entered as 供用中 ahead of its day is a plan until that day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from coverage.domain.counting import count
from coverage.domain.ledger import (
    DatePrecision,
    District,
    Funding,
    Ledger,
    OpeningBalance,
    Purpose,
    Site,
    SiteDistrict,
    SiteOperator,
    Status,
)
from coverage.domain.region import CountingConfig
from coverage.domain.service_start import awaited, is_public, joining, until_joining, until_service

TODAY = date(2026, 11, 23)


def _ledger(
    *rows: tuple[date | None, DatePrecision],
    status: Status = Status.IN_SERVICE,
    planned_fy: int | None = None,
) -> Ledger:
    site = Site(
        "S-1", "九鬼", "24209", 34.0, 136.2, status,
        funding=Funding.NATIONAL_SUBSIDY, purpose=Purpose.RESIDENTIAL, planned_fy=planned_fy,
    )  # fmt: skip
    operators = tuple(
        SiteOperator("S-1", f"op{i}", day, precision) for i, (day, precision) in enumerate(rows)
    )
    return Ledger(
        sites=(site,), site_operators=operators, opening_balances=(OpeningBalance(2015, 70, "見本"),)
    )


@pytest.mark.parametrize(
    ("day", "precision", "first"),
    [
        (TODAY, DatePrecision.DAY, None),
        (date(2026, 11, 24), DatePrecision.DAY, date(2026, 11, 24)),
        # A month, fiscal year or year that has begun may have brought the day already.
        (date(2026, 11, 30), DatePrecision.MONTH, None),
        (date(2026, 12, 31), DatePrecision.MONTH, date(2026, 12, 1)),
        (date(2027, 3, 31), DatePrecision.FISCAL_YEAR, None),
        (date(2028, 3, 31), DatePrecision.FISCAL_YEAR, date(2027, 4, 1)),
        (date(2026, 12, 31), DatePrecision.YEAR, None),
        (date(2027, 12, 31), DatePrecision.YEAR, date(2027, 1, 1)),
    ],
)
def test_a_site_is_awaited_when_its_first_possible_day_lies_ahead(
    day: date, precision: DatePrecision, first: date | None
) -> None:
    assert awaited(_ledger((day, precision)), TODAY) == ({} if first is None else {"S-1": first})


def test_the_first_operator_decides_and_a_site_without_a_date_is_believed() -> None:
    ahead, past = (date(2027, 1, 1), DatePrecision.DAY), (date(2020, 1, 1), DatePrecision.DAY)
    assert awaited(_ledger(ahead, past), TODAY) == {}
    assert awaited(_ledger(ahead, (None, DatePrecision.DAY)), TODAY) == {"S-1": date(2027, 1, 1)}
    assert awaited(_ledger((None, DatePrecision.DAY)), TODAY) == {}
    assert awaited(_ledger(), TODAY) == {}
    assert awaited(_ledger(ahead, status=Status.PLANNED), TODAY) == {}


@pytest.mark.parametrize(("planned_fy", "expected"), [(None, 2026), (2027, 2027)])
def test_until_then_it_is_under_construction_and_counted_nowhere(
    planned_fy: int | None, expected: int
) -> None:
    ledger = _ledger((date(2027, 1, 1), DatePrecision.DAY), planned_fy=planned_fy)
    today = until_service(ledger, awaited(ledger, TODAY))
    assert (today.sites[0].status, today.sites[0].planned_fy) == (Status.UNDER_CONSTRUCTION, expected)
    assert today.site_operators == ledger.site_operators
    assert not is_public(today.sites[0].status, dated=True)
    result = count(today, rule=CountingConfig(), fiscal_years=[2026])
    assert result.year(2026).total == 70
    assert "status-went-back" not in {f.code for f in result.findings}
    later = awaited(ledger, date(2027, 1, 1))
    assert until_service(ledger, later) is ledger


@pytest.mark.parametrize("status", [Status.SUSPENDED, Status.CLOSED])
def test_a_site_that_ended_before_it_began_was_given_up(status: Status) -> None:
    ledger = _ledger((date(2027, 1, 1), DatePrecision.DAY), status=status)
    today = until_service(ledger, awaited(ledger, TODAY))
    assert today.sites == ledger.sites
    assert [row.in_service_date for row in today.site_operators] == [None]
    assert not is_public(status, dated=False)


@pytest.mark.parametrize("status", list(Status))
def test_everybody_may_see_what_is_in_service_or_was(status: Status) -> None:
    ever = status in (Status.IN_SERVICE, Status.SUSPENDED, Status.CLOSED)
    assert is_public(status, dated=True) is ever
    assert is_public(status, dated=False) is (status is Status.IN_SERVICE)


def test_an_operator_dated_to_join_a_mast_in_service_has_no_date_until_then() -> None:
    past, ahead = (date(2020, 1, 1), DatePrecision.DAY), (date(2027, 2, 1), DatePrecision.DAY)
    ledger = _ledger(past, ahead, (date(2027, 3, 31), DatePrecision.FISCAL_YEAR))
    assert joining(ledger, TODAY) == {"S-1": date(2027, 2, 1)}
    today = until_joining(ledger, joining(ledger, TODAY))
    # A fiscal year that has begun may have brought the day already.
    assert [row.in_service_date for row in today.site_operators] == [past[0], None, date(2027, 3, 31)]
    assert joining(ledger, ahead[0]) == {}
    # An awaited site is a plan as a whole, and a plan that does not call itself in service keeps its dates.
    assert joining(_ledger(ahead), TODAY) == {}
    assert joining(_ledger(past, ahead, status=Status.PLANNED), TODAY) == {}


def test_who_joins_later_moves_no_count() -> None:
    ledger = _ledger((date(2027, 3, 31), DatePrecision.FISCAL_YEAR), (date(2027, 2, 1), DatePrecision.DAY))
    then = until_joining(ledger, joining(ledger, TODAY))
    assert then != ledger
    counts = [
        [y.total for y in count(one, rule=CountingConfig(), fiscal_years=[2025, 2026]).years]
        for one in (ledger, then)
    ]
    assert counts[0] == counts[1]


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize(
    ("at_first", "corrected", "began"),
    [(date(2018, 1, 1), date(2016, 10, 1), False), (date(2016, 10, 1), date(2018, 1, 1), True)],
)
def test_the_closing_day_that_holds_is_the_one_recorded_last_whatever_the_order_of_the_rows(
    at_first: date, corrected: date, began: bool, newest_first: bool
) -> None:
    ledger = _ledger((date(2017, 3, 1), DatePrecision.DAY), status=Status.CLOSED)
    versions = [
        replace(ledger.sites[0], closed_on=day, recorded_at=datetime(year, 4, 1, tzinfo=UTC))
        for year, day in ((2019, at_first), (2020, corrected))
    ]
    then = until_service(
        replace(ledger, sites=tuple(versions[::-1] if newest_first else versions)), awaited(ledger, TODAY)
    )
    assert [row.in_service_date is not None for row in then.site_operators] == [began]


def test_a_site_that_closed_before_its_service_date_never_began_also_after_that_date() -> None:
    day = date(2017, 3, 1)
    for closed_on, total in ((date(2016, 10, 1), 70), (date(2018, 10, 1), 71)):
        ledger = _ledger((day, DatePrecision.DAY), status=Status.CLOSED)
        ledger = replace(
            ledger,
            sites=(replace(ledger.sites[0], closed_on=closed_on),),
            site_districts=(SiteDistrict("S-1", "D-1"),),
            districts=(District("D-1", "24209", "九鬼", None, 5, 11, date(2010, 4, 1)),),
        )
        for today in (date(2016, 11, 1), TODAY) if total == 70 else (TODAY,):
            assert awaited(ledger, today) == joining(ledger, today) == {}
            then = until_service(ledger, {})
            dated = [row.in_service_date for row in then.site_operators]
            assert dated == ([None] if total == 70 else [day])
            assert count(then, rule=CountingConfig(), fiscal_years=[2016]).year(2016).total == total
