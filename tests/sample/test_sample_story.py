"""整備数（累計）of 見本県, worked out by hand from the rows of its ledger.

Opening balance: 68 at the end of FY2014 (平成26年度末, 見本). Scope: 国補助 or 県単独, 居住. A fiscal year runs from 1 April.
"Stood" = the district was on the register on the day before service (or before the project's first service day).

| site | service start | district, on the register | funding, purpose | counts in | why |
| --- | --- | --- | --- | --- | --- |
| MH-0201 | 2015-12-10 | 99321-01, 2006-04-01 to 2016-02-01: stood | 国補助 居住 | FY2015 | plain case |
| MH-0202 | 2016-03-31 | 99321-01, left on 2016-02-01 | 国補助 居住 | FY2015 | same project H27-01: judged on 2015-12-10, when it stood; 31 March still is FY2015 |
| MH-0203 | m1 2017-03-24, m2 2018-06-01 | 99341-02 and 99301-01, both stood | 国補助 居住 | FY2016 | first operator; one mast, two districts: +1; the second operator: +0 |
| MH-0204 | 2018年3月 (month) | 99342-02, 2010-04-01 to 2018-07-31: stood | 県単独 居住 | FY2017 | a month counts by its last day, 31 March 2018 |
| MH-0205 | 2019-04-01 | 99202-02, 2008-04-01 to 2020-01-31: stood | 国補助 居住 | FY2019 | 1 April 2019 opens FY2019: one day too late for FY2018 |
| MH-0206 | 2019-10-15 | 99202-02, stood | 国補助 居住 | – | 35 m from MH-0205: counts once, waits for an answer |
| MH-0207 | 2009-03-20 | 99302-01 | 国補助 居住 | – | allocated to the opening balance: the total stays |
| MH-0208 | 2018-12-20 | 99302-01, again from 2017-10-01: stood | 国補助 居住 | – | replaces MH-0207: adds 0, always |
| MH-0209 | 2018-10-05 | 99202-03, stood | no tags | – | 区分未確認 |
| MH-0210 | 2017-09-15 | 99303-02, stood | 事業者自主 | – | out of scope |
| MH-0211 | 2018-11-30 | 99303-02, left on 2018-03-31 | 国補助 居住 | – | the district had left the register |
| MH-0212 | 2016-12-01 | 99204-01, stood | 国補助 道路 | – | out of scope |
| MH-0213 | 2017 (calendar year) | 99301-02, stood | 国補助 居住 | – | straddles FY2016 and FY2017: left out until confirmed |
| MH-0214 | 2019-11-20 | 99203-02, stood | インフラシェア | – | out of scope |
| MH-0215 | 工事中, planned FY2020 | 99322-01, stands | 国補助 居住 | forecast FY2020 | not in service |
| MH-0216 | 交付決定, planned FY2020 | 99342-03, stands | 国補助 居住 | forecast FY2020 | not in service |
| MH-0217 | 計画, planned FY2021 | 99301-03, stands | 国補助 居住 | forecast FY2021 | not in service |
| MH-0218, 0219 | 候補 | – | no funding | – | not in service |
| seven older sites | before FY2015 | resolved long ago | 国補助 居住 | – | allocated to the opening balance |
| all others | – | name no district | 事業者自主 居住 | – | not built for a district |

    FY2014  68
    FY2015  68 + 2 (0201, 0202) = 70
    FY2016  70 + 1 (0203)       = 71   target 71: reached
    FY2017  71 + 1 (0204)       = 72   target 72: reached
    FY2018  72 + 0              = 72   (no target)
    FY2019  72 + 1 (0205)       = 73   target 73: reached
    forecast: FY2020 73 + 2 = 75, FY2021 76
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from coverage.domain.counting import count
from coverage.domain.indicators import parse_indicator_set
from coverage.domain.ledger import DatePrecision, DistinctAnswer, Funding, Ledger, Purpose, Status
from coverage.domain.region import RegionData

BY_HAND = {2014: 68, 2015: 70, 2016: 71, 2017: 72, 2018: 72, 2019: 73}
NEW_BY_HAND = {
    2015: {"MH-0201", "MH-0202"},
    2016: {"MH-0203"},
    2017: {"MH-0204"},
    2018: set(),
    2019: {"MH-0205"},
}
VERDICTS_BY_HAND = {
    "MH-0201": "counted",
    "MH-0202": "counted",
    "MH-0203": "counted",
    "MH-0204": "counted",
    "MH-0205": "counted",
    "MH-0206": "near-other-site",
    "MH-0207": "in-opening-balance",
    "MH-0208": "replacement",
    "MH-0209": "unclassified",
    "MH-0210": "out-of-scope",
    "MH-0211": "not-on-register",
    "MH-0212": "out-of-scope",
    "MH-0213": "year-only",
    "MH-0214": "out-of-scope",
    "MH-0215": "not-in-service",
    "MH-0216": "not-in-service",
    "MH-0217": "not-in-service",
    "MH-0218": "not-in-service",
    "MH-0219": "not-in-service",
}


def _series(sample: RegionData, ledger: Ledger) -> dict[int, int | None]:
    result = count(ledger, rule=sample.config.counting, fiscal_years=sorted(BY_HAND))
    return {year.fiscal_year: year.total for year in result.years}


def test_the_series_is_the_one_worked_out_by_hand(sample: RegionData, ledger: Ledger) -> None:
    assert _series(sample, ledger) == BY_HAND


def test_every_site_of_the_story_counts_or_not_for_the_reason_in_the_table(
    sample: RegionData, ledger: Ledger
) -> None:
    result = count(ledger, rule=sample.config.counting, fiscal_years=sorted(BY_HAND))
    assert {site: str(result.verdicts[site].code) for site in VERDICTS_BY_HAND} == VERDICTS_BY_HAND
    others = Counter(str(v.code) for s, v in result.verdicts.items() if s not in VERDICTS_BY_HAND)
    assert others == {"in-opening-balance": 7, "no-district": len(ledger.sites) - 19 - 7}
    assert {y.fiscal_year: set(y.new_site_ids) for y in result.years if y.fiscal_year > 2014} == NEW_BY_HAND


def test_the_table_above_says_what_the_rows_say(ledger: Ledger) -> None:
    sites = {site.site_id: site for site in ledger.sites}
    starts = {
        row.site_id: (row.in_service_date, row.date_precision)
        for row in sorted(ledger.site_operators, key=lambda r: r.in_service_date or date.max, reverse=True)
    }
    assert starts["MH-0202"] == (date(2016, 3, 31), DatePrecision.DAY)
    assert starts["MH-0204"] == (date(2018, 3, 31), DatePrecision.MONTH)
    assert starts["MH-0205"] == (date(2019, 4, 1), DatePrecision.DAY)
    assert starts["MH-0213"][1] is DatePrecision.YEAR
    assert sites["MH-0201"].project_id == sites["MH-0202"].project_id == "H27-01"
    assert sites["MH-0208"].replaces == "MH-0207"
    assert (sites["MH-0209"].funding, sites["MH-0209"].purpose) == (None, None)
    assert sites["MH-0210"].funding is Funding.OPERATOR
    assert sites["MH-0212"].purpose is Purpose.ROAD
    assert sites["MH-0214"].funding is Funding.INFRA_SHARING
    assert [sites[f"MH-02{n}"].status for n in (15, 16, 17, 18)] == [
        Status.UNDER_CONSTRUCTION,
        Status.GRANT_DECIDED,
        Status.PLANNED,
        Status.CANDIDATE,
    ]
    assert len([row for row in ledger.site_operators if row.site_id == "MH-0203"]) == 2


def test_the_districts_in_the_table_are_those_of_the_rows(ledger: Ledger) -> None:
    stays = {(d.district_id, d.designated_on): d.resolved_on for d in ledger.districts}
    named = {
        site: {x.district_id for x in ledger.site_districts if x.site_id == site} for site in VERDICTS_BY_HAND
    }
    assert named["MH-0201"] == named["MH-0202"] == {"99321-01"}
    assert stays["99321-01", date(2006, 4, 1)] == date(2016, 2, 1)
    assert named["MH-0203"] == {"99341-02", "99301-01"}
    assert named["MH-0204"] == {"99342-02"}
    assert stays["99342-02", date(2010, 4, 1)] == date(2018, 7, 31)
    assert named["MH-0205"] == named["MH-0206"] == {"99202-02"}
    assert stays["99202-02", date(2008, 4, 1)] == date(2020, 1, 31)
    assert named["MH-0207"] == named["MH-0208"] == {"99302-01"}
    assert stays["99302-01", date(2003, 4, 1)] == date(2009, 8, 1)
    assert stays["99302-01", date(2017, 10, 1)] == date(2019, 2, 15)
    assert named["MH-0210"] == named["MH-0211"] == {"99303-02"}
    assert stays["99303-02", date(2010, 4, 1)] == date(2018, 3, 31)


def test_planned_sites_make_a_forecast_apart_from_the_count(sample: RegionData, ledger: Ledger) -> None:
    result = count(
        ledger, rule=sample.config.counting, fiscal_years=range(2019, 2022), valid_on=date(2020, 3, 31)
    )
    assert [year.forecast_total for year in result.years] == [73, 75, 76]
    assert result.year(2019).total == 73


def test_the_two_sites_beside_each_other_are_a_question_and_the_answer_moves_the_count(
    sample: RegionData, ledger: Ledger
) -> None:
    result = count(ledger, rule=sample.config.counting, fiscal_years=[2019])
    asked = [finding for finding in result.findings if finding.code == "near-other-site"]
    assert [set(finding.site_ids) for finding in asked] == [{"MH-0205", "MH-0206"}]
    two = replace(ledger, distinct_answers=(DistinctAnswer("MH-0205", "MH-0206", same=False),))
    assert _series(sample, two)[2019] == 74
    one = replace(ledger, distinct_answers=(DistinctAnswer("MH-0205", "MH-0206", same=True),))
    assert _series(sample, one)[2019] == 73


@pytest.mark.parametrize(
    ("site_id", "precision", "expected"),
    [("MH-0213", DatePrecision.FISCAL_YEAR, {2017: 73, 2018: 73, 2019: 74})],
)
def test_a_bare_year_counts_once_its_fiscal_year_is_known(
    sample: RegionData, ledger: Ledger, site_id: str, precision: DatePrecision, expected: dict[int, int]
) -> None:
    rows = tuple(
        replace(row, date_precision=precision, in_service_date=date(2018, 3, 31))
        if row.site_id == site_id
        else row
        for row in ledger.site_operators
    )
    series = _series(sample, replace(ledger, site_operators=rows))
    assert {fy: series[fy] for fy in expected} == expected


def test_targets_71_72_73_are_reached(sample: RegionData, ledger: Ledger) -> None:
    targets = parse_indicator_set(sample.indicators_toml).indicator("40604").in_force().targets
    assert {fy: int(targets[fy]) for fy in (2016, 2017, 2019)} == {2016: 71, 2017: 72, 2019: 73}
    assert all(_series(sample, ledger)[fy] == target for fy, target in ((2016, 71), (2017, 72), (2019, 73)))


def test_the_register_holds_every_kind_of_history(ledger: Ledger) -> None:
    stays = Counter(district.district_id for district in ledger.districts)
    assert 28 <= len(stays) <= 34
    assert [d for d, n in stays.items() if n == 2] == ["99302-01"], "one district was designated twice"
    assert sum(district.declined for district in ledger.districts) == 1
    kinds = Counter(district.geometry.geom_type for district in ledger.districts)
    assert kinds["Point"] >= 5
    assert kinds["Polygon"] >= 15


def test_other_indicators_have_invented_actuals_that_say_so(sample_dir: Path, ledger: Ledger) -> None:
    assert {(a.indicator, a.fiscal_year) for a in ledger.actuals} == {
        (code, fy) for code in ("406", "40601", "40602", "40603") for fy in (2016, 2017, 2018, 2019)
    }
    assert all("見本" in actual.source for actual in ledger.actuals)
    assert all("見本" in opening.source for opening in ledger.opening_balances)
