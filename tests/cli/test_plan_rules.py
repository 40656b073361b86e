"""Which rule pays in which year, years that are over, a region's own rules, areas that bar a mast, and naming a place."""

from __future__ import annotations

import json

import pytest
from shapely.geometry import box, mapping

from coverage.domain.money import default_rules_text
from coverage.errors import InputError
from coverage.plan.siting import Candidate
from coverage.services.plan_options import places_from_text, read_places, request_words
from coverage.services.plan_places import places_of
from coverage.services.plan_request import PlanRequest, first_planned_year

SMALL = ("--candidates", "12", "--time", "10", "--alternatives", "0", "--json")


@pytest.fixture(autouse=True)
def _as_it_was(published, place, tiny):
    """Rules and settings that a test writes beside the region go with it."""
    yield
    (place.region / "subsidy-rules.toml").unlink(missing_ok=True)
    (place.region / "region.toml").write_text(tiny.REGION_TOML, encoding="utf-8")


def _made(command, *arguments, code=0):
    last = json.loads(command("plan", "make", *arguments, *SMALL, code=code).out.splitlines()[-1])
    return last["error"] if code else last


# --- Years and rules -------------------------------------------------------------------------------------------------


def test_each_year_is_paid_by_the_rule_in_force_on_its_first_day(command):
    # Until March 2020 the state pays 2/3 for few households and the prefecture 2/15; then 1/2 and 1/5.
    before = _made(command, "--years", "2019=4000000,2020=0", "--back-test")
    assert before["inputs"]["subsidy_rules"]["by_year"] == {"2019": "households", "2020": "operators"}
    (site,) = before["sites"]
    assert (site["fiscal_year"], site["cost"]["rule_id"], site["cost"]["prefecture_yen"]) == (2019, "households", 4_000_000)
    after = _made(command, "--years", "2019=0,2020=4000000", "--back-test")
    assert after["sites"] == [], "6,000,000 yen under the later rule are more than the year has"
    (later,) = _made(command, "--years", "2019=3999999,2020=6000000", "--back-test")["sites"]
    assert (later["fiscal_year"], later["cost"]["rule_id"], later["cost"]["prefecture_yen"]) == (2020, "operators", 6_000_000)


def test_a_certificate_with_costs_by_year_is_verified_from_the_kept_files(command, place):
    plan = _made(command, "--years", "2019=4000000,2020=6000000", "--back-test")
    folder = place.runs / "plans" / plan["plan_id"]
    assert "Verified" in command("plan", "verify", folder / "certificate.json", "--instance", folder / "instance.npz").out


def test_several_operators_that_join_earn_the_joint_rate(command):
    alone = _made(command, "--years", "2020=6000000", "--back-test")["sites"][0]["cost"]
    together = _made(command, "--years", "2020=6000000", "--back-test", "--operators-joining", "2")["sites"][0]["cost"]
    assert (alone["state"], together["state"]) == ("1/2", "2/3")
    assert (alone["prefecture_yen"], together["prefecture_yen"]) == (6_000_000, 4_000_000)


def test_years_that_are_over_are_refused_unless_it_is_a_trial(command):
    error = _made(command, "--years", "2019=4000000", code=2)
    assert error["code"] == "plan-year-past"
    assert "令和元年度は、今年度" in error["ja"]
    trial = _made(command, "--years", "2019=4000000", "--back-test")
    assert "過ぎた年度での試算" in trial["statement"]["ja"]


@pytest.mark.parametrize(("years", "said"), [(((2025, 1), (2026, 1)), "令和7年度"), (((2026, 1),), None), (((2027, 1),), None)])
def test_this_year_and_later_ones_can_be_planned(years, said):
    request = PlanRequest(year_budgets=years)
    if said is None:
        request.check(this_fy=2026)
        return
    with pytest.raises(InputError, match=said) as caught:
        request.check(this_fy=2026)
    assert caught.value.code == "plan-year-past"
    PlanRequest(year_budgets=years, back_test=True).check(this_fy=2026)


def test_a_plan_without_years_is_for_the_year_after_the_run_or_for_this_one():
    assert first_planned_year(2019, back_test=False, this_fy=2026) == 2026
    assert first_planned_year(2026, back_test=False, this_fy=2026) == 2027
    assert first_planned_year(2019, back_test=True, this_fy=2026) == 2020


def test_a_plan_of_today_reads_the_ledgers_forecast_of_its_year(command):
    from coverage.services.plan_request import this_fiscal_year

    plan = _made(command, "--budget", "10000000")
    (row,) = plan["indicator"]
    assert row["fiscal_year"] == plan["fiscal_years"][0] == this_fiscal_year()
    assert (row["base"], row["forecast"]) == (71, 71 + row["added"])
    assert [r["fiscal_year"] for r in plan["ledger_forecast"]] == list(range(2018, this_fiscal_year() + 1))


def test_a_regions_own_rules_win_and_their_bytes_are_an_input(command, place):
    shipped = _made(command, "--budget", "6000000", "--back-test")
    own = default_rules_text().replace('prefecture = "2/15"', 'prefecture = "1/15"', 1)
    (place.region / "subsidy-rules.toml").write_text(own, encoding="utf-8")
    plan = _made(command, "--budget", "6000000", "--back-test")
    assert plan["inputs"]["subsidy_rules"]["source"] == "subsidy-rules.toml"
    assert plan["inputs"]["subsidy_rules"]["sha256"] != shipped["inputs"]["subsidy_rules"]["sha256"]
    assert plan["plan_id"] != shipped["plan_id"]
    assert plan["sites"][0]["cost"]["prefecture_yen"] == 2_000_000
    assert 'prefecture = "1/15"' in command("plan", "rules").out
    assert 'prefecture = "2/15"' in command("plan", "rules", "--shipped").out
    (place.region / "subsidy-rules.toml").write_text("format = 3", encoding="utf-8")
    assert _made(command, "--budget", "1", "--back-test", code=2)["code"] == "subsidy-rules-invalid"


# --- Areas that bar a mast ---------------------------------------------------------------------------------------------


def test_candidates_where_nothing_may_be_built_are_left_out_and_counted(command, place, tiny):
    free = _made(command, "--budget", "10000000", "--back-test")
    layer = (
        '[layers.exclusions]\nformat = "polygons"\npath = "parks.geojson"\nedition = "2020"\nlicence = "CC0-1.0"\n'
        'credit = "見本"\noptions = { name = "name" }\n\n'
    )
    (place.region / "region.toml").write_text(tiny.REGION_TOML.replace("[operators.m1]", layer + "[operators.m1]", 1), encoding="utf-8")
    spot = free["sites"][0]
    area = box(spot["lon"] - 0.004, spot["lat"] - 0.004, spot["lon"] + 0.004, spot["lat"] + 0.004)
    park = {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"name": "岬の特別保護地区"}, "geometry": mapping(area)}]}
    (place.region / "parks.geojson").write_text(json.dumps(park, ensure_ascii=False), encoding="utf-8")
    barred = _made(command, "--budget", "10000000", "--back-test")
    number = barred["left_out"]["excluded-area"]
    assert number >= 1
    assert barred["excluded_areas"] == {"岬の特別保護地区": number}
    assert f"候補 {number} 件を除外" in barred["statement"]["ja"]
    assert list(barred["inputs"]["exclusions"]) == ["parks.geojson"]
    for site in barred["sites"]:
        assert not (abs(site["lat"] - spot["lat"]) < 0.0035 and abs(site["lon"] - spot["lon"]) < 0.0035)
    assert f"立地できない区域 {number}" in command("plan", "show", barred["plan_id"]).out


# --- Naming places -----------------------------------------------------------------------------------------------------


def _candidates():
    return [Candidate("C0001", 0, 0, "list", "谷"), Candidate("C0002", 1, 0, "list", "谷"), Candidate("C0003", 2, 0, "shelter", "浦")]


def _where(candidate):
    return 33.5, 136.5 + 0.01 * candidate.x_m


def test_a_place_is_named_by_number_name_or_position():
    wanted = ("C0002", "浦", "33.5001,136.5", "33.5, 136.51")
    assert places_of(_candidates(), wanted, _where, "forced") == ["C0002", "C0003", "C0001"]


@pytest.mark.parametrize("text", ["C0009", "谷", "山", "33.6,136.5"])
def test_a_forced_place_that_nobody_can_tell_is_refused(text):
    with pytest.raises(InputError) as caught:
        places_of(_candidates(), [text], _where, "forced")
    assert caught.value.code == "plan-place-unknown"
    assert text in caught.value.ja


def test_a_position_without_a_candidate_is_excluded_already():
    assert places_of(_candidates(), ["33.6,136.5"], _where, "excluded") == []


def test_typed_places_are_read_with_or_without_a_heading():
    want = (("役場の裏山", 33.5, 136.5), ("岬", 33.6, 136.6))
    assert places_from_text("役場の裏山,33.5,136.5\n\n岬, 33.6 ,136.6\n", name="x") == want
    assert places_from_text("lon,name,lat\n136.5,役場の裏山,33.5\n136.6,岬,33.6\n", name="x") == want
    assert places_from_text("", name="x") == ()


@pytest.mark.parametrize("row", ["岬,33.6", "岬,北,136.6", "岬,133.6,36.6", ",33.6,136.6", "岬,nan,136.6"])
def test_a_typed_place_that_is_none_is_refused_with_its_row(row):
    with pytest.raises(InputError, match="2 行目"):
        places_from_text(f"役場,33.5,136.5\n{row}\n", name="入力欄")


def test_a_request_is_the_words_that_a_person_would_type(tmp_path):
    request = PlanRequest(
        year_budgets=((2026, 1), (2027, 2)), sites=3, operator="m1", band="B1", height_m=25.0, site_cost_yen=2, joint_cost_yen=1,
        operators_joining=2, baseline="planned", forced=("33.5,136.5", "-x"), excluded=("谷",), own=(("岬, 北", 33.6, 136.6),),
        pareto="", back_test=True, spacing_m=250.0,
    )  # fmt: skip
    words = request_words(request, tmp_path)
    assert {
        "--years=2026=1,2027=2", "--sites=3", "--operator=m1", "--band=B1", "--height=25.0", "--site-cost=2", "--joint-cost=1",
        "--operators-joining=2", "--baseline=planned", "--force=33.5,136.5", "--force=-x", "--exclude=谷", "--back-test",
        "--spacing=250.0", f"--own={tmp_path / 'own.csv'}",
    } <= set(words)  # fmt: skip
    assert read_places(tmp_path / "own.csv") == (("岬, 北", 33.6, 136.6),)


# --- A front of cost -----------------------------------------------------------------------------------------------------


def test_a_front_of_cost_says_what_smaller_and_larger_budgets_buy(command):
    plan = _made(command, "--budget", "12000000", "--pareto", "cost", "--back-test")
    front = plan["pareto"]
    assert (front["first"], front["second"]) == ("people", "cost")
    people, yen = ([p[k] for p in front["points"]] for k in ("first", "second"))
    assert people == sorted(set(people))
    assert yen == sorted(yen)
    assert all(p["second"] <= p["budget_yen"] and p["proven"] for p in front["points"])
    best = max((p for p in front["points"] if p["budget_yen"] <= 12_000_000), key=lambda p: p["first"])
    assert best["first"] == pytest.approx(plan["value"], abs=1e-6)
    assert "--pareto" not in _made(command, "--budget", "0", "--pareto", "cost", "--back-test", code=2)["ja"]
