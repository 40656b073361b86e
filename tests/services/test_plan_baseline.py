"""Which sites stand already when a plan begins, and what the ledger itself expects of the count."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from shapely.geometry import Point

from coverage.domain.ledger import (
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
from coverage.errors import InputError
from coverage.services.plan_baseline import decided_rows, ledger_forecast
from coverage.services.plan_request import PlanRequest, request_of


def _site(site_id: str, status: Status, planned_fy: int | None = None) -> Site:
    return Site(
        site_id, site_id, "99201", 33.5, 136.5, status, 20.0, Funding.NATIONAL_SUBSIDY, Purpose.RESIDENTIAL, planned_fy=planned_fy
    )


LEDGER = Ledger(
    sites=(
        _site("OLD", Status.IN_SERVICE), _site("NEW", Status.IN_SERVICE), _site("GRANT", Status.GRANT_DECIDED, 2021),
        _site("BUILD", Status.UNDER_CONSTRUCTION, 2020), _site("PLAN", Status.PLANNED, 2021), _site("IDEA", Status.CANDIDATE, 2021),
        _site("GONE", Status.CLOSED),
    ),
    site_operators=(
        SiteOperator("OLD", "m1", date(2015, 5, 1)), SiteOperator("OLD", "m2"), SiteOperator("NEW", "m1", date(2020, 6, 1)),
        SiteOperator("GRANT", "m2"), SiteOperator("PLAN", "m1"), SiteOperator("GONE", "m1", date(2010, 4, 1)),
    ),
    site_districts=tuple(SiteDistrict(name, "D1") for name in ("GRANT", "BUILD", "PLAN")),
    districts=(District("D1", "99201", "谷", Point(136.5, 33.5), 5, 11, date(2010, 4, 1)),),
    opening_balances=(OpeningBalance(2015, 70, "見本"),),
)  # fmt: skip


@pytest.mark.parametrize(
    ("baseline", "names"),
    [("in-service", ["NEW"]), ("decided", ["NEW", "BUILD", "GRANT"]), ("planned", ["NEW", "OLD", "BUILD", "GRANT", "PLAN"])],
)
def test_what_stands_by_baseline(baseline: str, names: list[str]) -> None:
    found = decided_rows(LEDGER, baseline, latest_fy=2019, operator="m1", today=date(2026, 11, 23))
    assert [site.site_id for site, _ in found] == names


def test_a_site_without_operator_takes_the_plans_and_a_joining_brings_only_the_new_one() -> None:
    rows = decided_rows(LEDGER, "planned", latest_fy=2019, operator="m3", today=date(2026, 11, 23))
    found = {site.site_id: [r.operator for r in own] for site, own in rows}
    assert found["BUILD"] == ["m3"]
    assert found["GRANT"] == ["m2"]
    assert found["OLD"] == ["m2"], "m1 is on the air in the run already"


def test_who_joins_within_the_runs_last_year_but_after_today_comes_in_every_baseline() -> None:
    # The run shows nobody on the air before the day, so the plan must reckon with it.
    for today, expected in ((date(2020, 5, 31), [["m1"]]), (date(2020, 6, 1), [])):
        found = decided_rows(LEDGER, "in-service", latest_fy=2020, operator="m1", today=today)
        assert [[r.operator for r in own] for _, own in found] == expected


def test_who_began_since_the_run_comes_in_every_baseline() -> None:
    # The run had them ahead and shows none of them; two years later they are no news to the ledger.
    began = replace(LEDGER, site_operators=(*LEDGER.site_operators, SiteOperator("OLD", "m3", date(2020, 7, 1))))
    for ahead, expected in (
        ({"NEW": date(2020, 6, 1)}, {"NEW": ["m1"]}),
        ({"OLD": date(2020, 7, 1)}, {"OLD": ["m3"]}),
        ({}, {}),
    ):
        rows = decided_rows(
            began, "in-service", latest_fy=2020, operator="m1", today=date(2022, 4, 1), ahead=ahead
        )
        assert {site.site_id: [r.operator for r in own] for site, own in rows} == expected


class _Counted:
    def __init__(self, ledger: Ledger) -> None:
        from coverage.domain.counting import count

        self.result = count(ledger, rule=CountingConfig(), fiscal_years=[2019, 2020, 2021])


@pytest.mark.parametrize(("baseline", "base"), [("in-service", [70, 70, 70]), ("decided", [71, 72, 72]), ("planned", [71, 73, 73])])
def test_the_forecast_goes_as_far_as_the_baseline_and_no_expected_site_twice(baseline: str, base: list[int]) -> None:
    # Far enough from each other to be masts of their own.
    apart = replace(LEDGER, sites=tuple(replace(s, lat=33.5 + 0.1 * i) for i, s in enumerate(LEDGER.sites)))
    rows = ledger_forecast(_Counted(apart), apart, baseline, [2020, 2021, 2030])  # type: ignore[arg-type]
    assert [r["whole"] for r in rows] == [71, 73, 73]
    assert [r["base"] for r in rows] == base


def test_without_an_opening_balance_there_is_no_forecast() -> None:
    ledger = replace(LEDGER, opening_balances=())
    assert [r["base"] for r in ledger_forecast(_Counted(ledger), ledger, "decided", [2020])] == [None]  # type: ignore[arg-type]


def test_a_kept_request_can_be_asked_again() -> None:
    request = PlanRequest(year_budgets=((2026, 1),), own=(("谷", 33.5, 136.5),), forced=("C0001",), band="B1")
    import json
    from dataclasses import asdict

    assert request_of(json.loads(json.dumps({**asdict(request), "unknown": 3}))) == request


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"budget_yen": -1}, "plan-negative-budget"), ({"joint_cost_yen": -1, "budget_yen": 1}, "plan-negative-budget"),
        ({"budget_yen": 1, "year_budgets": ((2030, 1),)}, "plan-two-budgets"), ({"objective": "cars"}, "plan-objective-unknown"),
        ({"pareto": "people"}, "plan-pareto-request"), ({"pareto": "cost"}, "plan-pareto-request"),
        ({"baseline": "all"}, "plan-baseline-unknown"), ({"operators_joining": 0}, "plan-analysis-range"),
        ({"height_m": 0.2}, "plan-height-range"),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_meant_is_one_sentence(change: dict[str, object], code: str) -> None:
    with pytest.raises(InputError) as caught:
        PlanRequest(**change).check(this_fy=2026)  # type: ignore[arg-type]
    assert caught.value.code == code
