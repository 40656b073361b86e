"""The rules of product.md §2, one by one: each test fails when its rule is broken."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from coverage.domain.counting import Verdict, check_allocation, count
from coverage.domain.fiscal import fiscal_year, read_date
from coverage.domain.ledger import (
    Allocation,
    DatePrecision,
    DistinctAnswer,
    Funding,
    Ledger,
    Purpose,
    SiteDistrict,
    SiteOperator,
    Status,
)
from coverage.domain.region import CountingConfig
from coverage.errors import ConflictError, CoverageGapError, InputError

JST = timezone(timedelta(hours=9))
DAY, MONTH, FISCAL_YEAR, YEAR = DatePrecision


def test_the_story_of_the_sheet_71_72_73(make: Any) -> None:
    parts = [make.opening(70), make.district("D-1"), make.district("D-2"), make.district("D-3")]
    sites = [
        make.built("A-1", date(2017, 3, 31), districts=("D-1",)),
        make.built("A-2", date(2017, 4, 1), districts=("D-2",)),
        make.built("A-3", date(2019, 11, 1), districts=("D-3",)),
    ]
    assert make.totals(*parts, *sites) == [70, 71, 72, 72, 73]


# --- rule 1 ---------------------------------------------------------------------------------------------------------


def test_a_historical_site_entered_later_leaves_the_total_unchanged(make: Any) -> None:
    old = make.built("A-1", date(2012, 6, 1))
    before = make.totals(make.opening(), make.district())
    result = make.count(make.opening(), make.district(), old, Allocation("A-1"))
    assert [year.total for year in result.years] == before
    assert result.verdicts["A-1"].code is Verdict.IN_OPENING_BALANCE
    assert result.in_ledger == 1


def test_more_allocations_than_the_balance_are_refused(make: Any) -> None:
    allocated = [[*make.built(f"A-{n}", date(2012, 6, 1)), Allocation(f"A-{n}")] for n in range(3)]
    assert make.totals(make.opening(3), make.district(), *allocated)[0] == 3
    with pytest.raises(ConflictError) as caught:
        make.count(make.opening(2), make.district(), *allocated)
    assert caught.value.code == "allocations-exceed-opening"


def test_two_ids_of_one_mast_take_one_place_in_the_balance(make: Any) -> None:
    sites = [[*make.built(f"A-{n}", date(2012, 6, 1), lat=33.41), Allocation(f"A-{n}")] for n in (1, 2)]
    one = DistinctAnswer("A-1", "A-2", same=True)
    assert make.totals(make.opening(1), make.district(), *sites, one)[0] == 1
    with pytest.raises(ConflictError):
        make.count(make.opening(1), make.district(), *sites)


def test_an_allocated_site_that_began_later_is_warned_of(make: Any) -> None:
    result = make.count(
        make.opening(), make.district(), make.built("A-1"), Allocation("A-1"), Allocation("A-9")
    )
    assert result.year(2019).total == 70
    assert {"allocated-after-opening", "allocated-unknown-site"} <= set(make.codes(result))


def test_an_allocation_is_checked_before_it_is_recorded(make: Any) -> None:
    full = make.ledger(make.opening(1), Allocation("A-1"))
    check_allocation(full, "A-1")
    with pytest.raises(ConflictError) as caught:
        check_allocation(full, "A-2")
    assert caught.value.code == "allocations-exceed-opening"
    with pytest.raises(ConflictError) as caught:
        check_allocation(Ledger(), "A-1")
    assert caught.value.code == "allocation-without-opening"


def test_without_an_opening_balance_only_the_increase_is_stated(make: Any) -> None:
    result = make.count(make.district(), make.built("A-1"))
    year = result.year(2016)
    assert (year.state, year.total, year.increase, year.cumulative_increase) == (
        "opening-unregistered",
        None,
        1,
        1,
    )
    assert "opening-unregistered" in make.codes(result)
    assert "開始値未登録" in next(f for f in result.warnings if f.code == "opening-unregistered").ja
    assert result.for_indicators()[2016].total is None
    assert result.for_indicators()[2016].increase == 1


def test_sites_of_the_balances_own_years_are_not_added_to_it(make: Any) -> None:
    result = make.count(make.opening(), make.district(), make.built("A-1", date(2016, 3, 31)))
    assert [year.total for year in result.years] == [70] * 5
    assert result.verdicts["A-1"].code is Verdict.BEFORE_OPENING
    assert "before-opening" in make.codes(result)


def test_years_before_the_opening_balance_have_no_total(make: Any) -> None:
    result = make.count(make.opening(fy=2017), years=(2016, 2017))
    assert [(y.state, y.total) for y in result.years] == [("before-opening", None), ("open", 70)]
    assert list(result.for_indicators()) == [2017]


def test_two_contradicting_opening_balances_are_refused_and_a_newer_one_replaces(make: Any) -> None:
    with pytest.raises(ConflictError) as caught:
        make.count(make.opening(70), make.opening(71))
    assert caught.value.code == "opening-balance-ambiguous"
    newer = make.opening(71, recorded_at=datetime(2020, 1, 1, tzinfo=JST))
    assert make.totals(make.opening(70), newer)[0] == 71
    assert make.totals(make.opening(70), make.opening(70))[0] == 70


# --- rule 2 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", list(Status))
def test_only_a_site_that_has_reached_service_counts(make: Any, status: Status) -> None:
    served = status in (Status.IN_SERVICE, Status.SUSPENDED, Status.CLOSED)
    result = make.count(make.opening(), make.district(), make.built("A-1", status=status))
    assert result.year(2016).total == (71 if served else 70)
    assert result.verdicts["A-1"].code is (Verdict.COUNTED if served else Verdict.NOT_IN_SERVICE)
    assert ("date-before-status" in make.codes(result)) is not served


def test_a_status_going_back_to_suspended_keeps_the_count(make: Any) -> None:
    early, late = datetime(2016, 9, 2, tzinfo=JST), datetime(2018, 5, 1, tzinfo=JST)
    first = make.built("A-1", recorded_at=early)
    suspended = replace(first[0], status=Status.SUSPENDED, recorded_at=late)
    result = make.count(make.opening(), make.district(), first, suspended)
    assert [year.total for year in result.years] == [70, 71, 71, 71, 71]
    assert result.in_operation_now == 0


def test_a_site_that_falls_back_before_service_is_asked_about(make: Any) -> None:
    early, late = datetime(2016, 9, 2, tzinfo=JST), datetime(2018, 5, 1, tzinfo=JST)
    first = make.built("A-1", recorded_at=early)
    back = replace(first[0], status=Status.PLANNED, recorded_at=late)
    result = make.count(make.opening(), make.district(), first, back)
    assert result.year(2019).total == 70
    assert "status-went-back" in make.codes(result)


def test_a_site_in_service_without_a_date_waits_for_it(make: Any) -> None:
    result = make.count(make.opening(), make.district(), make.built("A-1", None))
    assert result.verdicts["A-1"].code is Verdict.NO_SERVICE_DATE
    assert "no-service-date" in [f.code for f in result.questions]


def test_valid_on_hides_service_that_starts_later(make: Any) -> None:
    parts = [make.opening(), make.district(), make.built("A-1", date(2016, 9, 1))]
    before = make.count(*parts, valid_on=date(2016, 8, 31))
    assert before.year(2016).total == 70
    assert before.verdicts["A-1"].code is Verdict.AFTER_VALID_ON
    assert make.count(*parts, valid_on=date(2016, 9, 1)).year(2016).total == 71


def test_a_year_that_has_not_ended_is_provisional_and_one_not_begun_has_no_value(make: Any) -> None:
    result = make.count(make.opening(), valid_on=date(2016, 9, 1))
    assert [(y.state, y.total, y.provisional) for y in result.years[:3]] == [
        ("open", 70, False),
        ("open", 70, True),
        ("not-begun", None, False),
    ]
    assert list(result.for_indicators()) == [2015, 2016]
    assert not make.count(make.opening(), valid_on=date(2017, 3, 31)).year(2016).provisional


# --- rule 3 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instant", "year"),
    [
        ("2017-03-31T23:59:00+09:00", 2016),
        ("2017-04-01T00:00:00+09:00", 2017),
        ("2017-03-31T14:59:00Z", 2016),
        ("2017-03-31T15:00:00Z", 2017),
    ],
)
def test_service_on_31_march_counts_in_the_closing_fiscal_year(make: Any, instant: str, year: int) -> None:
    day = read_date(instant).day
    assert fiscal_year(datetime.fromisoformat(instant)) == year
    result = make.count(make.opening(), make.district(), make.built("A-1", day))
    assert result.verdicts["A-1"].fiscal_year == year
    assert result.year(2016).total == (71 if year == 2016 else 70)


def test_two_operators_on_one_mast_in_different_years_count_once_by_the_first(make: Any) -> None:
    second = SiteOperator("A-1", "op-b", date(2018, 5, 1))
    for parts in ([make.built("A-1"), second], [second, make.built("A-1")]):
        assert make.totals(make.opening(), make.district(), *parts) == [70, 71, 71, 71, 71]


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("2017年3月", 2016), ("2017年4月", 2017), ("30年度", 2018), ("H29.3.31", 2016), ("平成29年3月31日", 2016),
        ("令和元年5月1日", 2019), ("平成28年度", 2016),
    ],
)  # fmt: skip
def test_dates_as_staff_write_them_count_in_their_fiscal_year(make: Any, text: str, year: int) -> None:
    read = read_date(text)
    result = make.count(make.opening(), make.district(), make.built("A-1", read.day, precision=read.precision))
    assert result.verdicts["A-1"].fiscal_year == year
    assert result.year(2019).total == 71


def test_a_month_precision_march_is_judged_by_its_last_day(make: Any) -> None:
    march = make.built("A-1", date(2017, 3, 1), precision=MONTH)
    parts = [make.opening(), make.district(), march]
    assert make.count(*parts).year(2016).total == 71
    assert make.count(*parts, valid_on=date(2017, 3, 30)).year(2016).total == 70
    assert make.count(*parts, valid_on=date(2017, 3, 31)).year(2016).total == 71


def test_a_bare_calendar_year_is_flagged_and_left_out(make: Any) -> None:
    result = make.count(make.opening(), make.district(), make.built("A-1", date(2017, 6, 1), precision=YEAR))
    assert result.year(2019).total == 70
    assert result.verdicts["A-1"].code is Verdict.YEAR_ONLY
    assert result.verdicts["A-1"].fiscal_year is None
    assert "year-only" in [f.code for f in result.questions]


def test_a_second_operators_bare_year_matters_only_if_it_could_be_earlier(make: Any) -> None:
    site = make.built("A-1", date(2017, 5, 1))
    parts = [make.opening(), make.district(), site]
    assert make.count(*parts, SiteOperator("A-1", "op-b", date(2018, 1, 1), YEAR)).year(2017).total == 71
    unclear = make.count(*parts, SiteOperator("A-1", "op-b", date(2017, 1, 1), YEAR))
    assert unclear.year(2019).total == 70
    assert unclear.verdicts["A-1"].code is Verdict.YEAR_ONLY


def test_a_coarse_date_over_a_change_of_the_register_is_asked_about(make: Any) -> None:
    march = make.built("A-1", date(2017, 3, 31), precision=MONTH)
    resolved = make.count(make.opening(), make.district(resolved_on=date(2017, 3, 20)), march)
    assert resolved.year(2016).total == 70
    assert "date-too-coarse" in [f.code for f in resolved.questions]
    steady = make.count(make.opening(), make.district(resolved_on=date(2017, 3, 31)), march)
    assert steady.year(2016).total == 71
    assert "date-too-coarse" not in make.codes(steady)
    for day, asked in ((date(2017, 3, 30), True), (date(2017, 3, 1), True), (date(2017, 2, 28), False)):
        result = make.count(make.opening(), make.district(resolved_on=day), march)
        assert ("date-too-coarse" in make.codes(result)) is asked


# --- rule 4 ---------------------------------------------------------------------------------------------------------


def test_a_site_without_a_district_does_not_count(make: Any) -> None:
    result = make.count(make.opening(), make.district(), make.built("A-1", districts=()))
    assert result.year(2016).total == 70
    assert result.verdicts["A-1"].code is Verdict.NO_DISTRICT


@pytest.mark.parametrize(
    ("designated", "resolved", "counts"),
    [
        (date(2016, 8, 31), None, True),
        (date(2016, 9, 1), None, False),
        (None, None, True),
        (date(2010, 4, 1), date(2016, 9, 1), True),
        (date(2010, 4, 1), date(2016, 8, 31), False),
        (date(2010, 4, 1), date(2017, 1, 1), True),
    ],
)
def test_the_district_stands_on_the_register_on_the_eve_of_service(
    make: Any, designated: date | None, resolved: date | None, counts: bool
) -> None:
    district = make.district(designated_on=designated, resolved_on=resolved)
    result = make.count(make.opening(), district, make.built("A-1", date(2016, 9, 1)))
    assert result.verdicts["A-1"].counted is counts
    assert result.year(2019).total == (71 if counts else 70)


def test_sites_of_one_project_are_judged_on_the_projects_first_service_day(make: Any) -> None:
    district = make.district(resolved_on=date(2016, 10, 1))
    first = make.built("A-1", date(2016, 9, 1), project_id="P-1")
    alone = make.built("A-2", date(2017, 5, 1))
    joined = make.built("A-2", date(2017, 5, 1), project_id="P-1")
    assert make.totals(make.opening(), district, first, alone) == [70, 71, 71, 71, 71]
    assert make.totals(make.opening(), district, first, joined) == [70, 71, 72, 72, 72]


def test_a_prediction_never_makes_a_site_count_and_zero_people_raise_a_warning(make: Any) -> None:
    undeclared = make.built("A-1", districts=())
    result = make.count(make.opening(), make.district(), undeclared, predicted_people={("A-1", "D-1"): 40.0})
    assert result.year(2019).total == 70
    parts = [make.opening(), make.district(), make.built("A-1")]
    empty = make.count(*parts, predicted_people={("A-1", "D-1"): 0.0})
    assert empty.year(2019).total == 71
    assert "predicted-zero" in [f.code for f in empty.warnings]
    assert "predicted-zero" not in make.codes(make.count(*parts, predicted_people={("A-1", "D-1"): 3.0}))
    assert "predicted-zero" not in make.codes(make.count(*parts, predicted_people={}))


def test_a_link_that_begins_after_service_is_asked_about(make: Any) -> None:
    site = make.built("A-1", date(2016, 9, 1), districts=())
    link = SiteDistrict("A-1", "D-1", serves_from=date(2018, 4, 1))
    result = make.count(make.opening(), make.district(), site, link)
    assert "serves-later" in [f.code for f in result.questions]
    same_day = make.count(make.opening(), make.district(), site, replace(link, serves_from=date(2016, 9, 1)))
    assert "serves-later" not in make.codes(same_day)
    hidden = make.count(make.opening(), make.district(), site, link, valid_on=date(2018, 3, 31))
    assert hidden.verdicts["A-1"].code is Verdict.NO_DISTRICT


def test_links_and_operators_that_name_nothing_are_warned_of(make: Any) -> None:
    result = make.count(
        make.opening(),
        make.built("A-1", districts=("D-9",)),
        SiteDistrict("A-8", "D-9"),
        SiteOperator("A-7", "op-a", date(2016, 5, 1)),
    )
    assert result.year(2019).total == 70
    expected = {"link-to-unknown-district", "link-to-unknown-site", "operator-of-unknown-site"}
    assert expected <= set(make.codes(result))


# --- rule 5 ---------------------------------------------------------------------------------------------------------


def test_bands_sectors_and_a_4g_to_5g_upgrade_add_nothing(make: Any) -> None:
    more = [
        SiteOperator("A-1", "op-a", date(2018, 4, 1), band="n77"),
        SiteOperator("A-1", "op-a", date(2017, 4, 1), band="B18", azimuth_deg=120.0),
        SiteOperator("A-1", "op-b", date(2019, 4, 1), band="B3"),
    ]
    assert make.totals(make.opening(), make.district(), make.built("A-1"), *more) == [70, 71, 71, 71, 71]


def near_pair(make: Any, *, metres: float, code: str = "99201") -> list[Any]:
    north = 33.41 + metres / 111_195.08
    return [
        make.built("A-1", date(2016, 9, 1)),
        make.built("A-2", date(2017, 9, 1), lat=north, municipality_code=code),
    ]


def test_two_sites_within_50_m_count_once_and_wait_for_an_answer(make: Any) -> None:
    result = make.count(make.opening(), make.district(), *near_pair(make, metres=49.9))
    assert [year.total for year in result.years] == [70, 71, 71, 71, 71]
    held = result.verdicts["A-2"]
    assert (held.code, held.other_site_id) == (Verdict.NEAR_OTHER_SITE, "A-1")
    assert held.distance_m == pytest.approx(49.9, abs=0.01)
    question = next(f for f in result.questions if f.code == "near-other-site")
    assert question.site_ids == ("A-2", "A-1")


def test_of_two_near_sites_the_one_in_service_first_counts(make: Any) -> None:
    pair = [make.built("A-1", date(2018, 9, 1)), make.built("A-2", date(2016, 9, 1), lat=33.41)]
    result = make.count(make.opening(), make.district(), *pair)
    assert [year.total for year in result.years] == [70, 71, 71, 71, 71]
    assert result.verdicts["A-1"].code is Verdict.NEAR_OTHER_SITE


def test_sites_further_apart_or_in_two_municipalities_are_two(make: Any) -> None:
    assert make.increase(make.district(), *near_pair(make, metres=50.1)) == 2
    assert make.increase(make.district(), *near_pair(make, metres=49.9, code="99202")) == 2
    wider = CountingConfig(distinct_within_m=100)
    assert make.increase(make.district(), *near_pair(make, metres=50.1), rule=wider) == 1


def test_an_answer_settles_whether_two_near_sites_are_one(make: Any) -> None:
    pair = near_pair(make, metres=20)
    two = make.count(make.opening(), make.district(), *pair, DistinctAnswer("A-2", "A-1", same=False))
    assert two.year(2019).total == 72
    assert "near-other-site" not in make.codes(two)
    one = make.count(make.opening(), make.district(), *pair, DistinctAnswer("A-1", "A-2", same=True))
    assert one.year(2019).total == 71
    assert one.verdicts["A-2"].code is Verdict.SAME_MAST
    assert "near-other-site" not in make.codes(one)


def test_one_mast_under_two_ids_dates_from_the_earlier_of_them(make: Any) -> None:
    pair = [make.built("A-1", date(2018, 9, 1)), make.built("A-2", date(2016, 9, 1), lat=33.41)]
    result = make.count(make.opening(), make.district(), *pair, DistinctAnswer("A-1", "A-2", same=True))
    assert [year.total for year in result.years] == [70, 71, 71, 71, 71]
    assert result.verdicts["A-2"].counted
    assert result.verdicts["A-1"].code is Verdict.SAME_MAST


def test_a_site_near_one_of_the_opening_balance_waits_too(make: Any) -> None:
    old = [make.built("A-1", date(2012, 9, 1)), Allocation("A-1")]
    new = make.built("A-2", date(2016, 9, 1), lat=33.41)
    result = make.count(make.opening(), make.district(), *old, new)
    assert result.year(2019).total == 70
    assert result.verdicts["A-2"].code is Verdict.NEAR_OTHER_SITE


def test_a_counted_site_near_one_that_does_not_count_stays_counted_and_is_asked_about(make: Any) -> None:
    other = make.built("B-9", date(2008, 9, 1), lat=33.41, districts=(), funding=None, purpose=None)
    result = make.count(make.opening(), make.district(), make.built("A-1"), other)
    assert result.year(2019).total == 71
    question = next(f for f in result.questions if f.code == "near-other-site")
    assert set(question.site_ids) == {"A-1", "B-9"}


def test_answers_that_contradict_each_other_are_warned_of(make: Any) -> None:
    sites = [make.built(f"A-{n}", lat=33.41) for n in (1, 2, 3)]
    answers = [
        DistinctAnswer("A-1", "A-2", same=True),
        DistinctAnswer("A-2", "A-3", same=True),
        DistinctAnswer("A-1", "A-3", same=False),
    ]
    result = make.count(make.opening(), make.district(), *sites, *answers)
    assert result.year(2019).total == 71
    assert "answers-contradict" in make.codes(result)


# --- rule 6 ---------------------------------------------------------------------------------------------------------


def test_one_site_for_many_districts_adds_one_site_and_many_resolved(make: Any) -> None:
    districts = [make.district(f"D-{n}", resolved_on=date(2016, 12, 1)) for n in (1, 2, 3)]
    result = make.count(make.opening(), *districts, make.built("A-1", districts=("D-1", "D-2", "D-3")))
    year = result.year(2016)
    assert year.total == 71
    assert (year.register.resolved_in_year, year.register.resolved) == (3, 3)


def test_many_sites_for_one_district_before_it_is_resolved_all_count(make: Any) -> None:
    district = make.district(resolved_on=date(2018, 4, 1))
    sites = [make.built(f"A-{n}", date(2016, 5 + n, 1)) for n in range(1, 4)]
    late = make.built("A-9", date(2018, 4, 2))
    assert make.totals(make.opening(), district, *sites, late) == [70, 73, 73, 73, 73]


# --- rule 10 --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"funding": Funding.PREFECTURE_ONLY}, Verdict.COUNTED),
        ({"funding": Funding.OPERATOR}, Verdict.OUT_OF_SCOPE),
        ({"funding": Funding.INFRA_SHARING}, Verdict.OUT_OF_SCOPE),
        ({"purpose": Purpose.ROAD}, Verdict.OUT_OF_SCOPE),
        ({"purpose": Purpose.TUNNEL}, Verdict.OUT_OF_SCOPE),
        ({"funding": None}, Verdict.UNCLASSIFIED),
        ({"purpose": None}, Verdict.UNCLASSIFIED),
        ({"funding": None, "purpose": Purpose.ROAD}, Verdict.UNCLASSIFIED),
    ],
)
def test_the_scope_decides_and_missing_tags_are_listed(
    make: Any, tags: dict[str, Any], code: Verdict
) -> None:
    result = make.count(make.opening(), make.district(), make.built("A-1", **tags))
    assert result.verdicts["A-1"].code is code
    assert result.year(2019).total == (71 if code is Verdict.COUNTED else 70)
    assert [v.site_id for v in result.unclassified] == (["A-1"] if code is Verdict.UNCLASSIFIED else [])
    assert ("unclassified" in make.codes(result)) == (code is Verdict.UNCLASSIFIED)


def test_the_scope_is_settable_and_printed_beside_the_number(make: Any) -> None:
    roads = CountingConfig(funding=[Funding.OPERATOR], purpose=[Purpose.ROAD, Purpose.TUNNEL])
    site = make.built("A-1", funding=Funding.OPERATOR, purpose=Purpose.TUNNEL)
    assert make.increase(make.district(), site, rule=roads) == 1
    assert make.increase(make.district(), site) == 0
    printed = make.count(make.opening(), rule=roads).as_dict()
    assert "事業者自主" in printed["scope"]["ja"]
    assert "トンネル" in printed["rule"]["ja"]
    assert "tunnel" in printed["rule"]["en"]


# --- the question itself --------------------------------------------------------------------------------------------


def test_a_count_without_years_or_with_a_naive_moment_is_refused(make: Any) -> None:
    for options, code in [
        ({"fiscal_years": ()}, "no-fiscal-years"),
        ({"fiscal_years": (2016,), "as_of": datetime(2017, 1, 1)}, "time-without-zone"),
    ]:
        with pytest.raises(InputError) as caught:
            count(Ledger(), rule=make.rule, **options)
        assert caught.value.code == code
    with pytest.raises(CoverageGapError) as circular:
        make.count(make.opening(), make.built("A-1"), mergers={"99201": "99202", "99202": "99201"})
    assert circular.value.code == "municipality-mergers-circular"


def test_a_year_that_was_not_asked_for_is_not_in_the_result(make: Any) -> None:
    with pytest.raises(KeyError):
        make.count(make.opening(), years=(2016,)).year(2017)
