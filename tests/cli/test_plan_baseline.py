"""A plan begins from what is decided: sites being built serve already, and the forecast counts each of them once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import pytest
from shapely.geometry import Point

from coverage.domain.ledger import (
    DatePrecision,
    District,
    Funding,
    Purpose,
    Site,
    SiteDistrict,
    SiteOperator,
    Status,
)
from coverage.readers.table_writer import write_ledger

SMALL = ("--candidates", "6", "--time", "10", "--alternatives", "0", "--back-test", "--json")
BUDGET = ("--budget", "10000000")


@pytest.fixture
def plan(tiny, place, command):
    """``plan.make(ledger, *arguments)``: the document of a plan on the tiny region with that ledger."""

    def made(ledger, *arguments, code=0, toml=None):
        if not (place.runs / "published.json").exists():
            write_ledger(place.region / "towers", tiny.tiny_ledger())
            command("run", "--workers", "1", "--publish", "--json")
        if ledger is not None:
            write_ledger(place.region / "towers", ledger)
            (place.region / "region.toml").write_text(toml or tiny.REGION_TOML, encoding="utf-8")
        out = command("plan", "make", *arguments, *SMALL, code=code)
        return json.loads(out.out.splitlines()[-1])["error"] if code else json.loads(out.out.splitlines()[-1])

    return SimpleNamespace(make=made, call=command)


def _decided(tiny, status=Status.UNDER_CONSTRUCTION, **changes):
    """The tiny ledger with its planned site T3, beside the district D2, at a further step; and a second such district."""
    ledger = tiny.tiny_ledger()
    sites = tuple(replace(s, status=status, **changes) if s.site_id == "T3" else s for s in ledger.sites)
    return replace(ledger, sites=sites)


def test_a_site_that_is_being_built_leaves_nobody_behind_for_the_plan(tiny, plan):
    error = plan.make(_decided(tiny), *BUDGET, code=2)
    assert error["code"] == "plan-nobody-left"
    assert "決定済みの局 1 局" in error["ja"]
    found = plan.make(None, *BUDGET, "--baseline", "in-service")
    assert found["served"]["people"] == pytest.approx(11.0)
    assert found["baseline"]["sites"] == []


def test_only_a_planned_site_stands_in_nobodys_way_unless_asked_for(tiny, plan):
    found = plan.make(tiny.tiny_ledger(), *BUDGET)
    assert (found["baseline"]["kind"], found["baseline"]["sites"]) == ("decided", [])
    assert found["served"]["people"] == pytest.approx(11.0)
    assert plan.make(None, *BUDGET, "--baseline", "planned", code=2)["code"] == "plan-nobody-left"
    assert plan.make(None, *BUDGET, "--baseline", "all", code=2)["code"] == "plan-baseline-unknown"


def _weak(tiny, **changes):
    """A decided mast that reaches only its own foot, entered for D2, with a second district that nobody serves."""
    ledger = _decided(tiny, Status.GRANT_DECIDED, **changes)
    far = District("D3", "99301", "尾根裏", Point(136.548, 33.507), 4, 9, date(2012, 4, 1), None, "見本")
    rows = tuple(replace(r, eirp_dbm=-20.0) if r.site_id == "T3" else r for r in ledger.site_operators)
    return replace(ledger, site_operators=rows, districts=(*ledger.districts, far))


def test_the_forecast_counts_the_decided_site_once_and_its_district_not_again(tiny, plan):
    found = plan.make(_weak(tiny), *BUDGET)
    (decided,) = found["baseline"]["sites"]
    assert (decided["site_id"], decided["status"], decided["operators"]) == ("T3", "交付決定", ["m1"])
    assert decided["assumed"] == ["bandwidth_mhz", "height_m"]
    assert decided["estimated"] is True
    assert decided["people"] < 11.0
    # The people whom the weak mast leaves out are still the plan's, but D2 is the decided site's to resolve.
    assert found["served"]["people"] == pytest.approx(11.0 - decided["people"], abs=0.1)
    assert all(d["district_id"] != "D2" for s in found["sites"] for d in s["districts"])
    (row,) = found["indicator"]
    assert (row["fiscal_year"], row["base"]) == (2018, 72), "71 in service and the decided one that the ledger expects"
    assert row["forecast"] == 72 + row["added"]
    assert found["ledger_forecast"][0] == {"fiscal_year": 2018, "base": 72, "whole": 72, "not_in_base": []}
    assert "うち推計 1 局" in found["statement"]["ja"]
    shown = plan.call("plan", "show", found["plan_id"]).out
    assert "決まっている局 計画局（交付決定、推計）" in shown
    assert "台帳の見込み 72" in shown


def test_a_planned_site_outside_the_baseline_is_named_but_not_in_the_forecast(tiny, plan):
    found = plan.make(tiny.tiny_ledger(), *BUDGET)
    assert found["ledger_forecast"][0] == {"fiscal_year": 2018, "base": 71, "whole": 72, "not_in_base": ["T3"]}
    assert found["indicator"][0]["forecast"] == 71 + found["indicator"][0]["added"]


def test_a_decided_site_off_the_terrain_is_named_with_its_reach_unknown(tiny, plan):
    found = plan.make(_decided(tiny, lat=35.0), *BUDGET)
    (decided,) = found["baseline"]["sites"]
    assert (decided["reach_known"], decided["people"]) == (False, 0.0)
    assert found["served"]["people"] == pytest.approx(11.0)
    assert "到達は不明" in plan.call("plan", "show", found["plan_id"]).out


def test_a_site_in_service_since_the_runs_last_year_stands_in_every_baseline(tiny, plan):
    ledger = _decided(tiny, Status.IN_SERVICE)
    rows = tuple(
        replace(r, in_service_date=date(2018, 6, 1), date_precision=DatePrecision.DAY) if r.site_id == "T3" else r
        for r in ledger.site_operators
    )
    error = plan.make(replace(ledger, site_operators=rows), *BUDGET, "--baseline", "in-service", code=2)
    assert error["code"] == "plan-nobody-left"


# --- Joining a standing mast -----------------------------------------------------------------------------------------


def _with_mast(tiny, height_m):
    """A mast of the second operator right beside the people without signal, off the air of the first by its low power."""
    ledger = tiny.tiny_ledger()
    mast = Site("T9", "奥既設局", "99301", 33.5405, 136.5605, Status.IN_SERVICE, height_m, Funding.OPERATOR, Purpose.RESIDENTIAL)
    row = SiteOperator("T9", "m2", date(2010, 5, 1), DatePrecision.DAY, frequency_mhz=2100.0, bandwidth_mhz=20.0, eirp_dbm=-25.0)
    return replace(ledger, sites=(*ledger.sites, mast), site_operators=(*ledger.site_operators, row))


def test_joining_a_mast_costs_what_joining_costs_and_hangs_where_the_mast_carries(tiny, plan):
    found = plan.make(_with_mast(tiny, 41.0), *BUDGET, "--force", "奥既設局（既設）", "--height", "15", "--sites", "1")
    (site,) = found["sites"]
    assert (site["source"], site["mast_id"]) == ("existing-mast", "T9")
    assert (site["antenna_height_m"], site["height_of_mast"]) == (41.0, True)
    assert site["cost"]["total_yen"] == 13_000_000
    assert site["counts"] is False
    assert plan.make(None, *BUDGET, "--force", "奥既設局（既設）", "--sites", "1", "--joint-cost", "9000000")["cost"]["total_yen"] == 9_000_000


def test_a_mast_of_unknown_height_takes_the_planners_and_the_region_states_the_costs(tiny, plan):
    toml = tiny.REGION_TOML + "\n[planning]\nsite_cost_yen = 25000000\njoint_cost_yen = 8000000\n"
    found = plan.make(
        _with_mast(tiny, None), "--budget", "20000000", "--force", "奥既設局（既設）", "--height", "15", "--sites", "2", toml=toml
    )
    joined = next(s for s in found["sites"] if s["source"] == "existing-mast")
    assert (joined["antenna_height_m"], joined["height_of_mast"], joined["cost"]["total_yen"]) == (15.0, False, 8_000_000)
    assert (found["request"]["site_cost_yen"], found["request"]["joint_cost_yen"]) == (25_000_000, 8_000_000)
    alone = plan.make(None, "--budget", "20000000", "--exclude", "奥既設局（既設）", "--sites", "1")
    assert alone["cost"]["total_yen"] == 25_000_000


def test_a_district_link_of_a_site_in_service_says_nothing_of_the_plan(tiny, plan):
    ledger = tiny.tiny_ledger()
    found = plan.make(replace(ledger, site_districts=(*ledger.site_districts, SiteDistrict("T1", "D2"))), *BUDGET)
    assert [d["district_id"] for s in found["sites"] for d in s["districts"]] == ["D2"]
