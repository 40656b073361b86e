"""Small ledgers for the tests of the count."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from shapely import Point

from coverage.domain.counting import CountResult, count
from coverage.domain.ledger import (
    Actual,
    Allocation,
    DatePrecision,
    DistinctAnswer,
    District,
    Footnote,
    FrozenYear,
    Funding,
    Ledger,
    OpeningBalance,
    Purpose,
    Restatement,
    Site,
    SiteDistrict,
    SiteOperator,
    Status,
)
from coverage.domain.region import CountingConfig

_FIELD_OF = {
    Site: "sites",
    SiteOperator: "site_operators",
    SiteDistrict: "site_districts",
    District: "districts",
    OpeningBalance: "opening_balances",
    Allocation: "allocations",
    Restatement: "restatements",
    FrozenYear: "frozen_years",
    DistinctAnswer: "distinct_answers",
    Actual: "actuals",
    Footnote: "footnotes",
}


class Make:
    """Rows with the usual values filled in, ledgers of them, and their count."""

    rule = CountingConfig()

    @staticmethod
    def district(district_id: str = "D-1", **fields: Any) -> District:
        values = {
            "municipality_code": "99201",
            "name": f"{district_id}地区",
            "geometry": Point(136.5, 33.6),
            "population": 40,
            "households": 18,
            "designated_on": date(2010, 4, 1),
        }
        return District(district_id=district_id, **(values | fields))

    @staticmethod
    def built(
        site_id: str = "A-1",
        on: date | None = date(2016, 9, 1),
        *,
        precision: DatePrecision = DatePrecision.DAY,
        districts: tuple[str, ...] = ("D-1",),
        operator: str = "op-a",
        recorded_at: datetime | None = None,
        **fields: Any,
    ) -> list[Any]:
        """A site with one operator and its districts. Sites lie 1.1 km apart by the number that ends their id."""
        values = {
            "name": f"{site_id}基地局",
            "municipality_code": "99201",
            "lat": 33.4 + 0.01 * int(site_id.rpartition("-")[2]),
            "lon": 136.5,
            "status": Status.IN_SERVICE,
            "funding": Funding.NATIONAL_SUBSIDY,
            "purpose": Purpose.RESIDENTIAL,
        }
        return [
            Site(site_id=site_id, recorded_at=recorded_at, **(values | fields)),
            SiteOperator(site_id, operator, on, precision, recorded_at=recorded_at),
            *(SiteDistrict(site_id, name, recorded_at=recorded_at) for name in districts),
        ]

    @staticmethod
    def opening(value: int = 70, fy: int = 2015, **fields: Any) -> OpeningBalance:
        return OpeningBalance(fy, value, "議会資料", **fields)

    @staticmethod
    def ledger(*parts: Any, mergers: dict[str, str] | None = None) -> Ledger:
        rows: dict[str, list[Any]] = {}
        for part in parts:
            for row in part if isinstance(part, list) else [part]:
                rows.setdefault(_FIELD_OF[type(row)], []).append(row)
        return Ledger(
            **{name: tuple(group) for name, group in rows.items()}, municipality_mergers=mergers or {}
        )

    def count(
        self, *parts: Any, years: tuple[int, ...] = (2015, 2016, 2017, 2018, 2019), **options: Any
    ) -> CountResult:
        mergers = options.pop("mergers", None)
        rule = options.pop("rule", self.rule)
        return count(self.ledger(*parts, mergers=mergers), rule=rule, fiscal_years=years, **options)

    def totals(self, *parts: Any, **options: Any) -> list[int | None]:
        """Printed totals of the years 2015 to 2019."""
        return [year.total for year in self.count(*parts, **options).years]

    def increase(self, *parts: Any, **options: Any) -> int:
        """What is added to an opening balance of 70 by the end of 2019."""
        total = self.totals(self.opening(), *parts, **options)[-1]
        assert total is not None
        return total - 70

    @staticmethod
    def codes(result: CountResult) -> list[str]:
        return [finding.code for finding in result.findings]


@pytest.fixture(scope="session")
def make() -> Make:
    return Make()
