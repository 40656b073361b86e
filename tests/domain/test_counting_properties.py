"""What must hold for every ledger: properties of the count, against an independent reading of the rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings
from shapely import Point

from coverage.domain.counting import Verdict, count
from coverage.domain.fiscal import last_possible_day
from coverage.domain.ledger import (
    Allocation,
    DatePrecision,
    DistinctAnswer,
    District,
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

YEARS = tuple(range(2014, 2022))
RULE = CountingConfig()
DAYS = st.dates(date(2015, 1, 1), date(2021, 12, 31))
MOMENTS = st.none() | st.datetimes(datetime(2016, 1, 1), datetime(2021, 12, 31), timezones=st.just(UTC))
DISTRICTS = ("D-1", "D-2", "D-3")


def mostly(usual: Any, *others: Any) -> Any:
    """The usual value three times in four: sites that count are rare among rows drawn evenly."""
    return st.sampled_from([usual] * 3 * len(others) + list(others))


common = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def districts(draw: st.DrawFn) -> list[District]:
    rows = []
    for name in DISTRICTS:
        designated = draw(DAYS) if draw(mostly(False, True)) else None
        resolved = draw(DAYS) if draw(st.booleans()) else None
        if designated is not None and resolved is not None and resolved <= designated:
            resolved = None
        rows.append(
            District(
                name,
                "99201",
                name,
                Point(136.5, 33.6),
                None,
                10,
                designated,
                resolved,
                recorded_at=draw(MOMENTS),
            )
        )
    return rows


@st.composite
def sites(draw: st.DrawFn, number: int) -> list[Any]:
    """One site with its rows. Some lie on one spot, so that the limit of 50 m matters."""
    site_id = f"A-{number}"
    recorded = draw(MOMENTS)
    spot = draw(st.integers(0, 5))
    rows: list[Any] = [
        Site(
            site_id, site_id, draw(st.sampled_from(["99201", "99202"])), 33.4 + 0.01 * spot, 136.5,
            draw(mostly(Status.IN_SERVICE, Status.CLOSED, Status.UNDER_CONSTRUCTION)),
            funding=draw(mostly(Funding.NATIONAL_SUBSIDY, Funding.PREFECTURE_ONLY, Funding.OPERATOR, None)),
            purpose=draw(mostly(Purpose.RESIDENTIAL, Purpose.ROAD, None)),
            project_id=draw(mostly(None, "P-1")),
            replaces=draw(mostly(None, "A-0")),
            planned_fy=draw(st.sampled_from([None, 2018, 2020])),
            recorded_at=recorded,
        )
    ]  # fmt: skip
    for operator in draw(st.lists(st.sampled_from(["op-a", "op-b"]), unique=True, min_size=1, max_size=2)):
        day, precision = draw(DAYS), draw(mostly(DatePrecision.DAY, *DatePrecision))
        rows.append(
            SiteOperator(
                site_id, operator, last_possible_day(day, precision), precision, recorded_at=recorded
            )
        )
    for name in draw(
        st.lists(st.sampled_from(DISTRICTS), unique=True, min_size=draw(mostly(1, 0)), max_size=2)
    ):
        rows.append(SiteDistrict(site_id, name, recorded_at=recorded))
    return rows


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    rows: list[Any] = [*draw(districts())]
    size = draw(st.sampled_from([7, 5, 3, 1, 0]))
    for number in range(size):
        rows.extend(draw(sites(number)))
    if draw(mostly(True, False)):
        rows.append(OpeningBalance(2014, 70, "見本"))
        rows.extend(Allocation(f"A-{n}") for n in draw(st.sets(st.integers(0, 6), max_size=1)))
    for fy, amount in draw(st.lists(st.tuples(st.sampled_from(YEARS), st.integers(-2, 2)), max_size=2)):
        rows.append(Restatement(fy, amount, "yamada", "訂正", recorded_at=draw(MOMENTS)))
    for fy in draw(st.sets(st.sampled_from([2016, 2017, 2018]), max_size=2)):
        rows.append(FrozenYear(fy, draw(st.integers(68, 75)), date(fy + 1, 6, 30)))
    for one, other, same in draw(
        st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.booleans()), max_size=2)
    ):
        if one != other:
            rows.append(DistinctAnswer(f"A-{one}", f"A-{other}", same))
    return pack(rows)


def pack(rows: list[Any]) -> Ledger:
    def of(kind: type) -> tuple[Any, ...]:
        return tuple(row for row in rows if isinstance(row, kind))

    return Ledger(
        of(Site), of(SiteOperator), of(SiteDistrict), of(District), of(OpeningBalance), of(Allocation),
        of(Restatement), of(FrozenYear), of(DistinctAnswer),
    )  # fmt: skip


def unpack(ledger: Ledger) -> list[Any]:
    return [
        *ledger.sites, *ledger.site_operators, *ledger.site_districts, *ledger.districts, *ledger.opening_balances,
        *ledger.allocations, *ledger.restatements, *ledger.frozen_years, *ledger.distinct_answers,
    ]  # fmt: skip


def answer(ledger: Ledger, **options: Any) -> dict[str, Any]:
    return count(ledger, rule=RULE, fiscal_years=YEARS, **options).as_dict()


@common
@given(ledgers(), st.randoms(use_true_random=False), st.none() | DAYS)
def test_the_order_of_rows_never_matters(ledger: Ledger, random: Any, valid_on: date | None) -> None:
    rows = unpack(ledger)
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert answer(pack(shuffled), valid_on=valid_on) == answer(ledger, valid_on=valid_on)


@common
@given(ledgers())
def test_the_same_file_twice_changes_nothing(ledger: Ledger) -> None:
    rows = unpack(ledger)
    assert answer(pack(rows + rows)) == answer(ledger)


@common
@given(ledgers(), st.none() | DAYS)
def test_the_recomputed_series_is_opening_plus_sites_plus_restatements(
    ledger: Ledger, valid_on: date | None
) -> None:
    result = count(ledger, rule=RULE, fiscal_years=YEARS, valid_on=valid_on)
    counted = [v for v in result.verdicts.values() if v.counted]
    entries = set(ledger.restatements)
    for year in result.years:
        if year.state == "not-begun":
            assert year.total is None
            continue
        own = sum(v.fiscal_year is not None and v.fiscal_year <= year.fiscal_year for v in counted)
        restated = sum(r.amount for r in entries if r.effective_fy <= year.fiscal_year)
        if result.opening is not None and year.fiscal_year >= result.opening.fiscal_year:
            assert year.recomputed == result.opening.value + own + restated
        if year.state == "open":
            assert year.total == year.recomputed
        assert sum(year.by_municipality.values()) == own
        assert year.in_operation <= own + len(ledger.allocations)


@common
@given(ledgers())
def test_everything_counted_is_reported_once_and_never_in_a_frozen_year_it_missed(ledger: Ledger) -> None:
    result = count(ledger, rule=RULE, fiscal_years=range(2000, 2040))
    reported = [site_id for y in result.years for site_id in (*y.new_site_ids, *y.late_site_ids)]
    assert sorted(reported) == sorted(v.site_id for v in result.verdicts.values() if v.counted)
    for year in result.years:
        if year.late_site_ids:
            assert year.state != "frozen"
    assert result.years[-1].cumulative_increase == len(reported) + sum(
        r.amount for r in set(ledger.restatements)
    )


@common
@given(ledgers(), st.none() | DAYS)
def test_what_counts_meets_every_condition_of_the_rule(ledger: Ledger, valid_on: date | None) -> None:
    """An independent, slower reading of rules 2, 3, 4, 8 and 10 for sites that stand alone."""
    result = count(ledger, rule=RULE, fiscal_years=YEARS, valid_on=valid_on)
    stays = {d.district_id: d for d in ledger.districts}
    tied = {i for a in ledger.distinct_answers if a.same for i in (a.site_id_a, a.site_id_b)}
    for site in ledger.sites:
        verdict = result.verdicts[site.site_id]
        if site.site_id in tied or site.project_id is not None:
            continue
        rows = [
            o for o in ledger.site_operators if o.site_id == site.site_id and o.in_service_date is not None
        ]
        exact = [o.in_service_date for o in rows if o.date_precision is not DatePrecision.YEAR]
        start = min((day for day in exact if day is not None), default=None)
        eve = start - timedelta(days=1) if start is not None else None
        named = {link.district_id for link in ledger.site_districts if link.site_id == site.site_id}
        on_register = eve is not None and any(
            (stays[n].designated_on or date.min) <= eve < (stays[n].resolved_on or date.max) for n in named
        )
        possible = (
            start is not None
            and (valid_on is None or start <= valid_on)
            and site.status is not Status.UNDER_CONSTRUCTION
            and on_register
            and site.replaces is None
            and site.funding in RULE.funding
            and site.purpose in RULE.purpose
            and Allocation(site.site_id) not in ledger.allocations
        )
        if verdict.counted or verdict.code is Verdict.NEAR_OTHER_SITE:
            assert possible
        elif possible and len(exact) == len(rows):
            assert verdict.code is Verdict.BEFORE_OPENING


@common
@given(ledgers(), st.sampled_from(["out-of-scope", "no-district", "planned", "replacement"]))
def test_adding_a_site_that_does_not_qualify_changes_no_number(ledger: Ledger, why: str) -> None:
    site = Site(
        "Z-9", "追加", "99201", 35.0, 136.5, Status.IN_SERVICE,
        funding=Funding.NATIONAL_SUBSIDY, purpose=Purpose.RESIDENTIAL,
    )  # fmt: skip
    rows: list[Any] = [SiteOperator("Z-9", "op-a", date(2016, 9, 1))]
    if why != "no-district":
        rows.append(SiteDistrict("Z-9", "D-1"))
    changed = {
        "out-of-scope": replace(site, funding=Funding.OPERATOR),
        "no-district": site,
        "planned": replace(site, status=Status.PLANNED),
        "replacement": replace(site, replaces="Z-1"),
    }[why]
    before, after = answer(ledger), answer(pack([*unpack(ledger), *rows, changed]))
    assert after["years"] == before["years"]
    assert [v for v in after["verdicts"] if v["site_id"] != "Z-9"] == before["verdicts"]


@common
@given(ledgers())
def test_allocating_a_historical_site_keeps_every_total(ledger: Ledger) -> None:
    base = pack(
        [*(r for r in unpack(ledger) if not isinstance(r, OpeningBalance)), OpeningBalance(2014, 70, "見本")]
    )
    historical = Site("Z-9", "過去の局", "99201", 35.0, 136.5, Status.IN_SERVICE)
    after = pack(
        [*unpack(base), historical, SiteOperator("Z-9", "op-a", date(2011, 5, 1)), Allocation("Z-9")]
    )
    assert [y["total"] for y in answer(after)["years"]] == [y["total"] for y in answer(base)["years"]]
    assert answer(after)["in_ledger"] == answer(base)["in_ledger"] + 1


@common
@given(ledgers(), MOMENTS)
def test_as_of_equals_a_ledger_without_the_later_rows(ledger: Ledger, as_of: datetime | None) -> None:
    moment = as_of or datetime(2018, 1, 1, tzinfo=UTC)
    rows = [r for r in unpack(ledger) if getattr(r, "recorded_at", None) is None or r.recorded_at <= moment]
    rows = [r for r in rows if not isinstance(r, FrozenYear) or r.published_on <= moment.date()]
    earlier = answer(pack(rows))
    then = answer(ledger, as_of=moment)
    for key in ("years", "verdicts", "in_operation_now", "opening"):
        assert then[key] == earlier[key]


@common
@given(ledgers())
def test_a_further_operator_or_band_on_a_site_adds_nothing(ledger: Ledger) -> None:
    before = count(ledger, rule=RULE, fiscal_years=YEARS)
    more = [SiteOperator(site.site_id, "op-z", date(2021, 12, 31), band="n77") for site in ledger.sites]
    after = count(pack([*unpack(ledger), *more]), rule=RULE, fiscal_years=YEARS)
    dated = {o.site_id for o in ledger.site_operators if o.in_service_date is not None}
    for site_id in dated:
        assert after.verdicts[site_id].fiscal_year in (before.verdicts[site_id].fiscal_year, None)
        assert after.verdicts[site_id].counted == before.verdicts[site_id].counted


@common
@given(ledgers())
def test_closing_every_site_changes_no_total(ledger: Ledger) -> None:
    closed = [
        replace(site, status=Status.CLOSED, closed_on=date(2021, 4, 1))
        if site.status is Status.IN_SERVICE
        else site
        for site in ledger.sites
    ]
    before, after = answer(ledger), answer(replace(ledger, sites=tuple(closed)))
    assert [y["total"] for y in after["years"]] == [y["total"] for y in before["years"]]
    assert after["in_operation_now"] == 0
