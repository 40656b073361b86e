"""Plans under a name, beside each other, and into the ledger as 計画 sites that the count shows as forecasts only."""

from __future__ import annotations

import json

import pytest

from coverage.services import scenarios


@pytest.fixture
def command(command, monkeypatch, tmp_path):
    """Commands of the administrator with a ledger of the test's own."""
    monkeypatch.setenv("COVERAGE_GAP_AUTH", "local")
    monkeypatch.setenv("COVERAGE_GAP_STORE", f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    return command


@pytest.fixture
def plans(command, place):
    """A plan that reaches the eleven people, and one without money."""
    command("ledger", "load")
    if not place.plans:
        command("run", "--workers", "1", "--publish", "--json")
        small = ("--candidates", "12", "--time", "10", "--alternatives", "0", "--back-test", "--json")
        for name, budget in (("full", "10000000"), ("none", "0")):
            place.plans[name] = json.loads(command("plan", "make", "--budget", budget, *small).out.splitlines()[-1])
    return place.plans


def _last(out):
    return json.loads(out.out.splitlines()[-1])


def _count(command):
    return {y["fiscal_year"]: y for y in _last(command("count", "--fy", "2017..2019", "--json"))["years"]}


def test_saving_again_is_a_further_version_and_the_earlier_one_stays(plans, command):
    full, none = plans["full"]["plan_id"], plans["none"]["plan_id"]
    assert command("plan", "save", "南部案", none).out.startswith("南部案@1")
    assert _last(command("plan", "save", "南部案", full, "--note", "増額", "--json")) == {
        "name": "南部案", "version": 2, "plan_id": full, "changed": True,
    }  # fmt: skip
    assert _last(command("plan", "save", "南部案", full, "--note", "増額", "--json"))["changed"] is False
    (row,) = _last(command("plan", "scenarios", "--json"))["scenarios"]
    assert (row["name"], row["version"], row["plan_id"], row["note"]) == ("南部案", 2, full, "増額")
    assert [v["version"] for v in row["versions"]] == [1, 2]
    assert "増額" in command("plan", "scenarios").out
    versions = _last(command("plan", "compare", "南部案@1", "南部案", "--json"))["plans"]
    assert [p["plan_id"] for p in versions] == [none, full]


def test_comparison_counts_people_money_area_districts_and_sites_against_the_first(plans, command, tmp_path):
    command("plan", "save", "無し", plans["none"]["plan_id"])
    command("plan", "save", "全員", plans["full"]["plan_id"])
    told = _last(command("plan", "compare", "無し", "全員", "--map", tmp_path / "difference.geojson", "--json"))
    nothing, everyone = told["plans"]
    assert (nothing["people"], everyone["people"], everyone["change"]["people"]) == (0, 11.0, 11.0)
    assert everyone["change"]["prefecture_yen"] == plans["full"]["cost"]["prefecture_yen"]
    assert everyone["change"]["area_km2"] == plans["full"]["area_km2"] > 0
    assert everyone["districts"] == ["D2"]
    # A plan without sites leaves the ledger's own forecast.
    assert nothing["indicator"] == [{"fiscal_year": 2018, "added": 0, "forecast": 71}]
    assert everyone["indicator"] == [{"fiscal_year": 2018, "added": 1, "forecast": 72}]
    assert len(everyone["sites"]["added"]) == len(plans["full"]["sites"])
    assert everyone["sites"]["dropped"] == []
    features = json.loads((tmp_path / "difference.geojson").read_text(encoding="utf-8"))["features"]
    assert [f["properties"]["kind"] for f in features] == ["only_second"]
    assert features[0]["properties"]["area_km2"] == pytest.approx(everyone["area_km2"], abs=0.002)
    shown = command("plan", "compare", "無し", "全員").out
    assert "見本・架空" in shown
    assert "72 基" in shown
    assert "新たに電波が届く人: 0  11（+11）" in shown
    same = _last(command("plan", "compare", "全員", "全員", "--json"))["plans"][1]
    assert not any(same["change"].values())
    assert same["sites"]["added"] == same["sites"]["dropped"] == []


@pytest.mark.parametrize(
    ("key", "first", "second", "shown"),
    [
        ("people", 2649.4, 2700.6, ("2,649", "2,701", "+52")),
        ("people", 2649.4, 2649.2, ("2,649", "2,649", "±0")),
        ("area_km2", 12.34, 9.96, ("12.3", "10.0", "-2.3")),
        ("state_yen", 1_250_000, 1_250_000, ("1,250,000", "1,250,000", "±0")),
    ],
)
def test_a_row_of_a_comparison_adds_up_as_it_is_shown(key, first, second, shown):
    assert (scenarios.figure(key, first), scenarios.figure(key, second), scenarios.change(key, first, second)) == shown


def test_adopted_plan_is_a_forecast_and_never_a_count(plans, command):
    before = _count(command)
    done = _last(command("plan", "adopt", plans["full"]["plan_id"], "--accept", "--json"))
    assert done["state"] == "accepted"
    after = _count(command)
    for fy in (2017, 2018, 2019):
        assert after[fy]["total"] == before[fy]["total"]
    # T3 was planned before: it stays a forecast of its own beside the plan's.
    assert before[2018]["forecast_site_ids"] == ["T3"]
    fresh = set(after[2018]["forecast_site_ids"]) - {"T3"}
    assert fresh
    assert fresh <= set(done["new_sites"])
    assert len(fresh) == plans["full"]["indicator"][0]["added"]
    assert after[2018]["forecast_total"] == before[2018]["forecast_total"] + len(fresh)


def test_adopting_twice_changes_nothing_and_never_sets_a_site_back(plans, command):
    plan_id = plans["full"]["plan_id"]
    done = _last(command("plan", "adopt", plan_id, "--accept", "--json"))
    again = _last(command("plan", "adopt", plan_id, "--accept", "--json"))
    assert again["import_id"] is None
    assert again["repeated"] is True
    assert again["known_sites"] == done["new_sites"]
    assert "何も変えていません" in command("plan", "adopt", plan_id).out


def test_planner_hands_in_and_the_administrator_accepts_later(plans, command):
    done = _last(command("plan", "adopt", plans["full"]["plan_id"], "--json"))
    assert done["state"] == "staged"
    assert _count(command)[2018]["forecast_site_ids"] == ["T3"]
    waiting = _last(command("plan", "adopt", plans["full"]["plan_id"], "--json"))
    assert (waiting["import_id"], waiting["repeated"]) == (done["import_id"], True)
    accepted = _last(command("plan", "adopt", plans["full"]["plan_id"], "--accept", "--json"))
    assert (accepted["import_id"], accepted["state"]) == (done["import_id"], "accepted")
    assert set(_count(command)[2018]["forecast_site_ids"]) > {"T3"}


def test_what_cannot_be_is_said_in_a_sentence(plans, command):
    plan_id = plans["full"]["plan_id"]
    assert "@" in command("plan", "save", "名前@2", plan_id, code=2).err
    command("plan", "save", "名前", "nothere", code=3)
    command("plan", "save", " ", plan_id, code=2)
    assert "二つ以上" in command("plan", "compare", plan_id, code=2).err
    assert "ありません" in command("plan", "compare", plan_id, "知らない", code=3).err
    assert "ありません" in command("plan", "compare", plan_id, "知らない@3", code=3).err
    assert "登録するものがありません" in command("plan", "adopt", plans["none"]["plan_id"], code=2).err
    command("plan", "adopt", "../x", code=3)


def test_a_plan_kept_before_forecasts_were_known_is_still_shown_and_compared(plans, command, place):
    """Its workbook has to be made again; nothing else of it is lost."""
    old = {k: v for k, v in plans["full"].items() if k not in ("ledger_forecast", "baseline", "left_out", "inputs", "fiscal_years", "folder")}
    folder = place.runs / "plans" / "0123456789abcdef"
    folder.mkdir()
    (folder / "plan.json").write_text(json.dumps(old, ensure_ascii=False), encoding="utf-8")
    assert "電波が届きます" in command("plan", "show", "0123456789abcdef").out
    told = _last(command("plan", "compare", "0123456789abcdef", plans["full"]["plan_id"], "--json"))
    assert [p["indicator"][0]["forecast"] for p in told["plans"]] == [None, 72]
    command("plan", "export", "0123456789abcdef", code=3)


def test_plans_are_compared_without_a_store_too(plans, command, place):
    from pathlib import Path

    from coverage.errors import InputError, PermissionDeniedError
    from coverage.services.access import Principal, Role
    from coverage.services.context import AppContext
    from coverage.services.scenarios import compare_plans

    context = AppContext(region_folder=Path(place.region), runs_folder=Path(place.runs))
    ids = [plans["none"]["plan_id"], plans["full"]["plan_id"]]
    told = compare_plans(context, ids, principal=Principal("plan", Role.PLANNER))
    assert told["plans"][1]["change"]["people"] == 11.0
    with pytest.raises(InputError):
        compare_plans(context, ids[:1], principal=Principal("plan", Role.PLANNER))
    with pytest.raises(PermissionDeniedError):
        compare_plans(context, ids, principal=Principal("guest", Role.VIEWER))
