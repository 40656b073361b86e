"""Years published and reopened: rules 7, 8, 9 and 11, mergers, forecasts, and what was known or stood then."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from coverage.domain.counting import Verdict
from coverage.domain.ledger import (
    Allocation,
    DatePrecision,
    DistinctAnswer,
    Footnote,
    FrozenYear,
    Funding,
    Purpose,
    Restatement,
    Site,
    SiteDistrict,
    Status,
)
from coverage.domain.region import CountingConfig

JST = timezone(timedelta(hours=9))
PUBLISHED = date(2017, 6, 30)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=JST)


# --- rule 7 and 11: the register ------------------------------------------------------------------------------------


def test_resolved_districts_are_confirmed_by_the_municipality_and_never_by_prediction(make: Any) -> None:
    parts = [make.opening(), make.district("D-1", resolved_on=date(2017, 4, 1)), make.district("D-2")]
    result = make.count(*parts, make.built("A-1"), predicted_people={("A-1", "D-1"): 40.0})
    assert [y.register.resolved for y in result.years] == [0, 0, 1, 1, 1]
    assert [y.register.resolved_in_year for y in result.years] == [0, 0, 1, 0, 0]
    assert [y.register.registered for y in result.years] == [2, 2, 1, 1, 1]


def test_a_district_designated_again_is_on_the_register_and_no_longer_resolved(make: Any) -> None:
    first = make.district("D-1", resolved_on=date(2016, 10, 1))
    again = make.district("D-1", designated_on=date(2018, 10, 1))
    result = make.count(make.opening(), first, again, make.built("A-1"))
    assert [y.register.resolved for y in result.years] == [0, 1, 1, 0, 0]
    assert [y.register.registered for y in result.years] == [1, 0, 0, 1, 1]


def test_a_district_not_designated_yet_is_neither_registered_nor_resolved(make: Any) -> None:
    later = make.district(designated_on=date(2017, 4, 1), resolved_on=date(2018, 4, 1))
    result = make.count(make.opening(), later)
    assert [y.register.registered for y in result.years] == [0, 0, 1, 0, 0]
    assert [y.register.resolved for y in result.years] == [0, 0, 0, 1, 1]


def test_declined_districts_stay_in_the_population_in_a_column_of_their_own(make: Any) -> None:
    parts = [make.district("D-1", population=40), make.district("D-2", population=12, declined=True)]
    register = make.count(make.opening(), *parts).year(2016).register
    assert (register.registered, register.declined) == (2, 1)
    assert (register.registered_people, register.declined_people) == (52, 12)


def test_valid_on_hides_a_resolution_that_came_later(make: Any) -> None:
    parts = [make.opening(), make.district(resolved_on=date(2017, 1, 10))]
    assert make.count(*parts, valid_on=date(2017, 1, 9)).year(2016).register.resolved == 0
    assert make.count(*parts, valid_on=date(2017, 1, 10)).year(2016).register.resolved == 1


# --- rule 8: closing, replacing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [Status.SUSPENDED, Status.CLOSED])
def test_closing_a_site_does_not_reduce_the_count_and_shows_beside_it(make: Any, status: Status) -> None:
    closed = make.built("A-1", status=status, closed_on=date(2018, 5, 1))
    result = make.count(make.opening(), make.district(), closed, make.built("A-2"))
    assert [y.total for y in result.years] == [70, 72, 72, 72, 72]
    assert [y.in_operation for y in result.years] == [0, 2, 2, 1, 1]
    assert (result.in_operation_now, result.in_ledger) == (1, 2)
    assert not result.verdicts["A-1"].in_operation


@pytest.mark.parametrize(("closed_on", "on_air"), [(date(2017, 3, 31), 0), (date(2017, 4, 1), 1), (None, 0)])
def test_the_closing_day_itself_is_off_the_air(make: Any, closed_on: date | None, on_air: int) -> None:
    site = make.built("A-1", status=Status.CLOSED, closed_on=closed_on)
    assert make.count(make.opening(), make.district(), site).year(2016).in_operation == on_air


def test_an_allocated_site_without_a_date_is_on_the_air_until_it_closes(make: Any) -> None:
    old = make.built("A-1", None, status=Status.CLOSED, closed_on=date(2017, 5, 1))
    result = make.count(make.opening(), make.district(), old, Allocation("A-1"))
    assert [y.in_operation for y in result.years] == [1, 1, 0, 0, 0]
    assert result.in_operation_now == 0


def test_a_replacement_adds_nothing_even_after_redesignation(make: Any) -> None:
    districts = [make.district(resolved_on=date(2016, 10, 1)), make.district(designated_on=date(2018, 4, 1))]
    old = make.built("A-1", status=Status.CLOSED, closed_on=date(2018, 3, 1))
    replacement = make.built("A-2", date(2018, 9, 1), replaces="A-1", lat=33.41)
    result = make.count(make.opening(), *districts, old, replacement)
    assert [y.total for y in result.years] == [70, 71, 71, 71, 71]
    assert result.verdicts["A-2"].code is Verdict.REPLACEMENT
    assert "near-other-site" not in make.codes(result)
    fresh = make.built("A-2", date(2018, 9, 1))
    assert make.totals(make.opening(), *districts, old, fresh)[-1] == 72


def test_a_replacement_of_an_unknown_site_adds_nothing_and_is_warned_of(make: Any) -> None:
    result = make.count(make.opening(), make.district(), make.built("A-1", replaces="A-0"))
    assert result.year(2019).total == 70
    assert "replaces-unknown" in make.codes(result)


def test_a_district_that_reopens_is_warned_of(make: Any) -> None:
    resolved = make.district(resolved_on=date(2016, 10, 1))
    again = make.district(designated_on=date(2018, 4, 1))
    parts = [make.opening(), resolved, make.built("A-1")]
    assert "district-redesignated" not in make.codes(make.count(*parts))
    assert "district-redesignated" in make.codes(make.count(*parts, again))
    assert "district-redesignated" not in make.codes(make.count(*parts, again, valid_on=date(2018, 3, 31)))


def test_a_resolved_district_whose_only_site_closed_is_warned_of(make: Any) -> None:
    district = make.district(resolved_on=date(2016, 10, 1))
    closed = make.built("A-1", status=Status.CLOSED, closed_on=date(2018, 5, 1))
    assert "district-without-service" in make.codes(make.count(make.opening(), district, closed))
    before = make.count(make.opening(), district, closed, valid_on=date(2018, 4, 30))
    assert "district-without-service" not in make.codes(before)
    second = make.built("A-2", date(2016, 9, 15))
    assert "district-without-service" not in make.codes(make.count(make.opening(), district, closed, second))


# --- rule 9: frozen years, late entries, restatements ---------------------------------------------------------------


def test_a_late_entry_for_a_frozen_year_appears_in_the_first_open_year(make: Any) -> None:
    parts = [
        make.opening(),
        make.district(),
        make.built("A-1", date(2016, 9, 1), recorded_at=at(2016, 9, 5)),
        FrozenYear(2016, 71, PUBLISHED),
        make.built("A-2", date(2016, 11, 1), recorded_at=at(2017, 9, 1)),
        make.built("A-3", date(2017, 11, 1), recorded_at=at(2017, 11, 5)),
    ]
    result = make.count(*parts)
    assert [y.total for y in result.years] == [70, 71, 73, 73, 73]
    assert [y.recomputed for y in result.years] == [70, 72, 73, 73, 73]
    year = result.year(2017)
    assert (year.increase, year.new_site_ids, year.late_site_ids) == (2, ("A-3",), ("A-2",))
    assert (result.year(2016).state, result.year(2016).published_on) == ("frozen", PUBLISHED)
    assert [y.by_municipality.get("99201", 0) for y in result.years] == [0, 2, 3, 3, 3]
    late = result.verdicts["A-2"]
    assert (late.code, late.fiscal_year, late.reported_fy, late.rule) == (Verdict.COUNTED_LATE, 2016, 2017, 9)
    assert "追補" in late.ja
    assert [n.code for n in year.footnotes] == ["late-entries"]
    assert [n.code for n in result.year(2016).footnotes] == ["frozen"]
    assert "72" in result.year(2016).footnotes[0].ja


def test_a_late_entry_skips_every_frozen_year(make: Any) -> None:
    parts = [
        make.opening(),
        make.district(),
        FrozenYear(2016, 70, PUBLISHED),
        FrozenYear(2017, 70, date(2018, 6, 30)),
        make.built("A-2", date(2016, 11, 1), recorded_at=at(2019, 1, 1)),
    ]
    result = make.count(*parts)
    assert [y.total for y in result.years] == [70, 70, 70, 71, 71]
    assert result.verdicts["A-2"].reported_fy == 2018


def test_a_site_edited_after_publication_is_not_late(make: Any) -> None:
    first = make.built("A-1", date(2016, 9, 1), recorded_at=at(2016, 9, 5))
    edited = replace(first[0], name="新しい名前", recorded_at=at(2018, 1, 1))
    result = make.count(make.opening(), make.district(), first, edited, FrozenYear(2016, 71, PUBLISHED))
    assert result.verdicts["A-1"].code is Verdict.COUNTED
    assert not result.year(2017).late_site_ids


def test_the_moment_of_freezing_is_when_it_was_recorded_or_the_end_of_the_day(make: Any) -> None:
    same_day = make.built("A-1", date(2016, 9, 1), recorded_at=at(2017, 6, 30, 23, 59))
    by_day = make.count(make.opening(), make.district(), same_day, FrozenYear(2016, 71, PUBLISHED))
    assert by_day.verdicts["A-1"].code is Verdict.COUNTED
    noon = FrozenYear(2016, 70, PUBLISHED, recorded_at=at(2017, 6, 30, 12, 0))
    assert (
        make.count(make.opening(), make.district(), same_day, noon).verdicts["A-1"].code
        is Verdict.COUNTED_LATE
    )


def test_a_printed_value_that_the_ledger_of_its_day_does_not_give_is_warned_of(make: Any) -> None:
    parts = [make.opening(), make.district(), make.built("A-1")]
    assert "frozen-differs" not in make.codes(make.count(*parts, FrozenYear(2016, 71, PUBLISHED)))
    off = make.count(*parts, FrozenYear(2016, 75, PUBLISHED))
    assert off.year(2016).total == 75
    assert off.year(2017).total == 71
    assert "frozen-differs" in make.codes(off)


def test_a_year_published_twice_keeps_its_first_value(make: Any) -> None:
    first, second = FrozenYear(2016, 70, PUBLISHED), FrozenYear(2016, 71, date(2017, 9, 1))
    for order in ((first, second), (second, first)):
        result = make.count(make.opening(), *order)
        assert result.year(2016).total == 70
        assert "frozen-twice" in make.codes(result)
    assert "frozen-twice" not in make.codes(make.count(make.opening(), first, first))


@pytest.mark.parametrize("amount", [-1, 2])
def test_a_restatement_corrects_the_series_and_shows_as_a_footnote(make: Any, amount: int) -> None:
    entry = Restatement(2017, amount, "yamada", "二重計上の訂正", recorded_at=at(2018, 5, 10))
    result = make.count(make.opening(), make.district(), make.built("A-1"), entry)
    assert [y.total for y in result.years] == [70, 71, 71 + amount, 71 + amount, 71 + amount]
    assert result.year(2017).restated == amount
    note = result.year(2017).footnotes[0]
    assert f"{amount:+d}" in note.ja
    assert "二重計上の訂正" in note.ja
    assert "2018年5月10日" in note.ja
    assert not result.year(2018).footnotes


def test_what_a_person_wrote_comes_after_what_the_count_found(make: Any) -> None:
    entry = Restatement(2017, -1, "yamada", "二重計上の訂正", recorded_at=at(2018, 5, 10))
    said = Footnote("N1", "40604", 2017, "統合により{1}基減", "", "kaikei", recorded_at=at(2018, 6, 1))
    later = Footnote("N2", "40604", 2017, "再掲", "shown again", "kaikei", recorded_at=at(2018, 6, 2))
    elsewhere = Footnote("N3", "40602", 2017, "別の指標", recorded_at=at(2018, 6, 1))
    result = make.count(make.opening(), later, said, elsewhere, entry)
    notes = result.year(2017).footnotes
    assert [n.code for n in notes] == ["restatement", "written", "written"]
    assert notes[1].ja == "統合により{1}基減（2018年6月1日記録）"
    assert notes[1].en.startswith("統合により{1}基減 (recorded ")
    assert notes[2].en.startswith("shown again (recorded")
    assert not result.year(2018).footnotes
    assert [y.total for y in result.years] == [y.total for y in make.count(make.opening(), entry).years]


def test_a_footnote_shows_as_it_was_worded_then(make: Any) -> None:
    said = Footnote("N1", "40604", 2017, "統合により1基減", author="kaikei", recorded_at=at(2018, 6, 1))
    put_right = replace(said, ja="統合により2基減", recorded_at=at(2018, 7, 1))
    gone = replace(put_right, withdrawn=True, recorded_at=at(2018, 8, 1))
    shown = {
        month: [
            n.ja[:8]
            for n in make.count(make.opening(), gone, said, put_right, as_of=at(2018, month, 15))
            .year(2017)
            .footnotes
        ]
        for month in (5, 6, 7, 8)
    }
    assert shown == {5: [], 6: ["統合により1基減"], 7: ["統合により2基減"], 8: []}


def test_the_same_restatement_read_twice_is_one(make: Any) -> None:
    entry = Restatement(2017, -1, "yamada", "二重計上の訂正", recorded_at=at(2018, 5, 10))
    assert make.totals(make.opening(), entry, entry)[-1] == 69
    other = replace(entry, reason="別の訂正")
    assert make.totals(make.opening(), entry, other)[-1] == 68


def test_a_restatement_of_a_frozen_year_moves_to_the_first_open_year(make: Any) -> None:
    entry = Restatement(2016, -1, "yamada", "二重計上の訂正", recorded_at=at(2018, 5, 10))
    result = make.count(make.opening(), entry, FrozenYear(2016, 70, PUBLISHED))
    assert [y.total for y in result.years] == [70, 70, 69, 69, 69]
    assert result.year(2016).recomputed == 69
    assert result.year(2017).restated == -1
    assert {n.code for n in result.year(2016).footnotes} == {"frozen", "restatement"}
    assert [n.code for n in result.year(2017).footnotes] == ["restatement"]
    known_before = replace(entry, recorded_at=at(2017, 5, 1))
    in_print = make.count(make.opening(), known_before, FrozenYear(2016, 69, PUBLISHED))
    assert [y.restated for y in in_print.years] == [0, -1, 0, 0, 0]
    assert "frozen-differs" not in make.codes(in_print)


def test_a_frozen_year_without_an_opening_balance_still_prints_its_value(make: Any) -> None:
    result = make.count(make.district(), make.built("A-1"), FrozenYear(2016, 71, PUBLISHED))
    assert result.year(2016).total == 71
    assert result.year(2017).state == "opening-unregistered"


# --- as_of and valid_on ---------------------------------------------------------------------------------------------


def test_as_of_shows_what_was_known_then(make: Any) -> None:
    parts = [
        make.opening(70, recorded_at=at(2016, 4, 1)),
        make.district(recorded_at=at(2016, 4, 1)),
        make.built("A-1", date(2016, 9, 1), recorded_at=at(2016, 9, 5)),
        make.built("A-2", date(2016, 11, 1), recorded_at=at(2017, 9, 1)),
        Restatement(2016, -1, "yamada", "訂正", recorded_at=at(2018, 1, 1)),
        FrozenYear(2016, 71, PUBLISHED, recorded_at=at(2017, 6, 30, 10)),
    ]

    def total(as_of: datetime | date) -> tuple[str, int | None, int | None]:
        year = make.count(*parts, as_of=as_of).year(2016)
        return year.state, year.total, year.recomputed

    assert total(at(2016, 1, 1)) == ("opening-unregistered", None, None)
    assert total(at(2016, 9, 1)) == ("open", 70, 70)
    assert total(date(2016, 9, 5)) == ("open", 71, 71)
    assert total(at(2016, 9, 5)) == ("open", 71, 71)
    assert total(at(2017, 6, 30, 9)) == ("open", 71, 71)
    assert total(at(2017, 8, 1)) == ("frozen", 71, 71)
    assert total(at(2017, 10, 1)) == ("frozen", 71, 72)
    assert total(at(2018, 2, 1)) == ("frozen", 71, 71)


def test_as_of_on_the_day_of_publication_does_not_see_the_evening(make: Any) -> None:
    parts = [
        make.opening(),
        make.district(),
        make.built("A-1", date(2016, 9, 1), recorded_at=at(2017, 6, 30, 18)),
        make.built("A-2", date(2017, 9, 1), recorded_at=at(2017, 9, 2)),
        FrozenYear(2016, 70, PUBLISHED),
    ]
    noon = make.count(*parts, as_of=at(2017, 6, 30, 12))
    assert "frozen-differs" not in make.codes(noon)
    assert "frozen-differs" in make.codes(make.count(*parts))


def test_as_of_takes_back_a_correction_made_later(make: Any) -> None:
    first = make.built("A-1", date(2016, 9, 1), recorded_at=at(2016, 9, 5))
    corrected = replace(first[1], in_service_date=date(2017, 9, 1), recorded_at=at(2018, 1, 1))
    parts = [make.opening(), make.district(), first, corrected]
    assert make.count(*parts).year(2016).total == 70
    assert make.count(*parts, as_of=at(2017, 12, 31)).year(2016).total == 71


def test_as_of_takes_back_an_answer_and_an_allocation(make: Any) -> None:
    near = [make.built("A-1", date(2016, 9, 1)), make.built("A-2", date(2016, 10, 1), lat=33.41)]
    answer = DistinctAnswer("A-1", "A-2", same=False, recorded_at=at(2018, 1, 1))
    parts = [make.opening(), make.district(), *near, answer]
    assert make.count(*parts).year(2016).total == 72
    assert make.count(*parts, as_of=at(2017, 1, 1)).year(2016).total == 71


def test_valid_on_before_the_end_of_a_published_year_looks_behind_the_print(make: Any) -> None:
    parts = [make.opening(), make.district(), make.built("A-1"), FrozenYear(2016, 71, PUBLISHED)]
    assert make.count(*parts, valid_on=date(2016, 8, 1)).year(2016).total == 70
    assert make.count(*parts, valid_on=date(2017, 3, 31)).year(2016).state == "frozen"


# --- mergers, forecast ----------------------------------------------------------------------------------------------


def test_a_merger_puts_old_codes_under_the_present_one(make: Any) -> None:
    sites = [
        make.built("A-1", date(2016, 9, 1), municipality_code="99301"),
        make.built("A-2", date(2016, 10, 1), municipality_code="99201", lat=33.41),
    ]
    parts = [make.opening(), make.district(), *sites]
    apart = make.count(*parts)
    assert apart.year(2016).by_municipality == {"99301": 1, "99201": 1}
    merged = make.count(*parts, mergers={"99301": "99201"})
    # In one municipality the two are within 50 m, so one of them waits.
    assert merged.year(2016).by_municipality == {"99201": 1}
    assert merged.verdicts["A-2"].code is Verdict.NEAR_OTHER_SITE


def planned(make: Any, site_id: str = "A-5", *, fy: int = 2018, **fields: Any) -> list[Any]:
    return make.built(site_id, None, **({"status": Status.PLANNED, "planned_fy": fy} | fields))


def test_planned_sites_are_forecast_and_kept_apart_from_the_count(make: Any) -> None:
    result = make.count(make.opening(), make.district(), planned(make), valid_on=date(2017, 10, 1))
    assert [y.total for y in result.years] == [70, 70, 70, None, None]
    assert [y.forecast_total for y in result.years] == [70, 70, 70, 71, 71]
    assert result.year(2018).forecast_site_ids == ("A-5",)
    verdict = result.verdicts["A-5"]
    assert (verdict.code, verdict.forecast_fy, verdict.counted) == (Verdict.NOT_IN_SERVICE, 2018, False)


@pytest.mark.parametrize(
    "fields",
    [
        {"status": Status.CANDIDATE},
        {"planned_fy": None},
        {"funding": Funding.OPERATOR},
        {"purpose": None},
        {"replaces": "A-1"},
        {"districts": ()},
        {"districts": ("D-2",)},
    ],
)
def test_what_would_not_count_is_not_forecast(make: Any, fields: dict[str, Any]) -> None:
    gone = make.district("D-2", resolved_on=date(2016, 5, 1))
    result = make.count(make.opening(), make.district(), gone, planned(make, **fields))
    assert result.verdicts["A-5"].forecast_fy is None
    assert result.year(2019).forecast_total == 70


def test_a_plan_that_lies_behind_is_expected_now_and_asked_about(make: Any) -> None:
    result = make.count(make.opening(), make.district(), planned(make, fy=2016), valid_on=date(2018, 5, 1))
    assert result.verdicts["A-5"].forecast_fy == 2018
    assert "forecast-overdue" in [f.code for f in result.questions]


def test_a_plan_is_never_expected_in_a_published_year_nor_before_the_balance(make: Any) -> None:
    frozen = FrozenYear(2018, 70, date(2019, 6, 30))
    result = make.count(make.opening(), make.district(), planned(make), frozen)
    assert result.verdicts["A-5"].forecast_fy == 2019
    old = make.count(make.opening(), make.district(), planned(make, fy=2014))
    assert old.verdicts["A-5"].forecast_fy is None
    overdue = make.count(make.opening(), make.district(), planned(make, fy=2014), valid_on=date(2018, 5, 1))
    assert overdue.verdicts["A-5"].forecast_fy == 2018


def test_a_service_date_still_to_come_is_forecast_in_its_year(make: Any) -> None:
    parts = [make.opening(), make.district(), make.built("A-1", date(2018, 1, 10))]
    result = make.count(*parts, valid_on=date(2017, 12, 1))
    assert result.verdicts["A-1"].forecast_fy == 2017
    assert (result.year(2017).total, result.year(2017).forecast_total) == (70, 71)


def test_a_planned_site_of_a_started_project_is_judged_with_it(make: Any) -> None:
    district = make.district(resolved_on=date(2016, 10, 1))
    first = make.built("A-1", date(2016, 9, 1), project_id="P-1")
    assert make.count(make.opening(), district, first, planned(make)).verdicts["A-5"].forecast_fy is None
    joined = make.count(make.opening(), district, first, planned(make, project_id="P-1"))
    assert joined.verdicts["A-5"].forecast_fy == 2018


def test_a_planned_site_on_a_mast_that_counts_already_is_asked_about_and_not_forecast(make: Any) -> None:
    result = make.count(make.opening(), make.district(), make.built("A-1"), planned(make, lat=33.41))
    assert result.verdicts["A-5"].forecast_fy is None
    assert ("A-5", "A-1") in [f.site_ids for f in result.questions if f.code == "near-other-site"]


# --- outputs --------------------------------------------------------------------------------------------------------


def test_every_site_has_a_verdict_with_a_reason_in_both_languages(make: Any) -> None:
    sites = [
        make.built("A-1"),
        make.built("A-2", date(2012, 1, 1)),
        make.built("A-3", None),
        make.built("A-4", date(2017, 1, 1), precision=DatePrecision.YEAR),
        make.built("A-5", replaces="A-1"),
        make.built("A-6", districts=()),
        make.built("A-7", funding=None),
        make.built("A-8", purpose=Purpose.ROAD),
        make.built("A-9", lat=33.41),
        planned(make, "A-10"),
        make.built("A-11", date(2016, 3, 1)),
        Allocation("A-11"),
    ]
    result = make.count(make.opening(), make.district(), *sites)
    assert len({v.code for v in result.verdicts.values()}) == 11
    for verdict in result.verdicts.values():
        assert verdict.ja
        assert verdict.en
        assert "{" not in verdict.ja + verdict.en
        assert 1 <= verdict.rule <= 11
    for found in result.findings:
        assert "{" not in found.text("ja") + found.text("en")
        assert found.text("ja") != found.text("en")
    loaded = json.loads(json.dumps(result.as_dict(), ensure_ascii=False, allow_nan=False))
    assert [v["site_id"] for v in loaded["verdicts"]] == sorted(result.verdicts)
    assert loaded["years"][1]["total"] == 71
    assert loaded["opening"]["source"] == "議会資料"


def test_a_verdict_prints_its_date_as_exactly_as_it_is_known(make: Any) -> None:
    for precision, text in [
        (DatePrecision.DAY, "2017年3月31日"),
        (DatePrecision.MONTH, "供用開始 2017年3月）"),
        (DatePrecision.FISCAL_YEAR, "供用開始 平成28年度"),
    ]:
        site = make.built("A-1", date(2017, 3, 31), precision=precision)
        assert text in make.count(make.opening(), make.district(), site).verdicts["A-1"].ja


def test_the_store_may_hand_over_sites_without_a_position(make: Any) -> None:
    nowhere = Site("A-9", "位置不明", "99201", float("nan"), float("nan"), Status.IN_SERVICE)
    link = SiteDistrict("A-9", "D-1")
    result = make.count(make.opening(), make.district(), make.built("A-1"), nowhere, link)
    assert result.year(2016).total == 71


def test_the_limit_of_nearness_can_be_zero(make: Any) -> None:
    exact = CountingConfig(distinct_within_m=0)
    close = [make.built("A-1"), make.built("A-2", lat=33.41001)]
    assert make.increase(make.district(), *close, rule=exact) == 2
    assert make.increase(make.district(), make.built("A-1"), make.built("A-2", lat=33.41), rule=exact) == 1
