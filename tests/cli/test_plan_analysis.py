"""Beside the best plan: further plans, the worth of each site, a second objective and draws of the model's error."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def make(command, published):
    small = ("--candidates", "12", "--time", "10", "--back-test", "--json")

    def call(*more):
        return json.loads(command("plan", "make", *more, *small).out.splitlines()[-1])

    return call


def test_further_plans_are_near_optimal_and_say_what_they_trade(make, command):
    plan = make("--sites", "1", "--budget", "10000000", "--alternatives", "2", "--epsilon", "0.5")
    others = plan["alternatives"]["plans"]
    assert 1 <= len(others) <= 2
    best = {s["candidate_id"] for s in plan["sites"]}
    for other in others:
        assert other["value"] >= plan["bound"] * 0.5 - 1e-6
        assert {s["candidate_id"] for s in other["gained"]}.isdisjoint(best)
        assert {s["candidate_id"] for s in other["given_up"]} <= best
        assert other["served_change"]["people"] == pytest.approx(other["served"]["people"] - plan["served"]["people"], abs=0.1)
        assert other["cost_change"]["total_yen"] == other["cost"]["total_yen"] - plan["cost"]["total_yen"]
    assert "代替案 1" in command("plan", "show", plan["plan_id"]).out


def test_a_site_is_worth_what_is_lost_without_it(make):
    plan = make("--sites", "1", "--budget", "10000000")
    (only,) = plan["marginal"]["chosen"]
    assert only["worth"]["people"] == pytest.approx(plan["value"], abs=0.01)
    assert only["per_million_yen"] == pytest.approx(only["worth"]["people"] * 1e6 / only["prefecture_yen"], rel=0.01)
    taken = {s["candidate_id"] for s in plan["sites"]}
    assert taken.isdisjoint(s["candidate_id"] for s in plan["marginal"]["next"])
    assert plan["pareto"] is None
    assert plan["uncertainty"] is None


def test_draws_give_a_range_around_the_plan_and_the_same_seed_the_same_range(make):
    request = ("--sites", "1", "--budget", "10000000", "--draws", "10", "--seed", "5", "--alternatives", "0")
    plan = make(*request)
    doubt = plan["uncertainty"]
    assert doubt["draws"] == 10
    assert doubt["plan"]["p10"] <= doubt["plan"]["p50"] <= doubt["plan"]["p90"] <= plan["demand"]["people"] + 0.01
    assert doubt["plan"]["p50"] <= doubt["best"]["p50"]
    # Half of the variance of 8 dB belongs to the site, half to each link.
    assert doubt["sigma_db"] == {"site": pytest.approx(5.657), "link": pytest.approx(5.657), "threshold": 2.0}
    assert {s["candidate_id"] for s in doubt["robust"]} == {
        s["candidate_id"] for s in doubt["frequency"] if s["share"] >= 0.9
    }
    assert make(*request)["uncertainty"] == doubt
    strict = make(*request, "--margin", "65")["uncertainty"]
    assert strict["plan"]["p10"] < strict["plan"]["p90"], "near the edge the model's error decides who is served"


def test_the_plan_that_serves_most_on_average_stands_beside_the_plan(make, command):
    # 65 dB above the edge: nearly every link hangs by the model's error.
    request = ("--sites", "1", "--budget", "10000000", "--draws", "20", "--seed", "5", "--alternatives", "0", "--margin", "65")
    plan = make(*request)
    doubt = plan["uncertainty"]
    other = doubt["on_average"]
    assert other["mean"] >= doubt["mean"]
    assert other["p10"] <= other["p50"] <= other["p90"]
    assert other["bound"] == pytest.approx(other["mean"], abs=0.01)
    assert other["gap"] == pytest.approx(0, abs=1e-6)
    assert other["draws_sought"] == 20
    assert other["median_world"] <= plan["value"] + 0.01
    own, theirs = ({s["candidate_id"] for s in p["sites"]} for p in (plan, other))
    assert {s["candidate_id"] for s in other["gained"]} == theirs - own
    assert {s["candidate_id"] for s in other["given_up"]} == own - theirs
    assert other["same"] == (own == theirs)
    assert other["cost"]["prefecture_yen"] <= 10_000_000
    said = command("plan", "show", plan["plan_id"]).out
    assert f"平均 {doubt['mean']:,.1f}" in said
    if other["same"]:
        assert "この計画と同じ" in said
    else:
        assert f"平均 {other['mean']:,.1f}（この計画 {doubt['mean']:,.1f}）" in said
        assert other["sites"][0]["name"] in said
    calm = make("--sites", "1", "--budget", "10000000", "--draws", "3", "--alternatives", "0", "--threshold-error", "0")["uncertainty"]
    assert calm["on_average"]["mean"] >= calm["mean"]


def test_a_front_of_two_objectives_has_no_dominated_point(make):
    front = make("--sites", "1", "--budget", "10000000", "--pareto", "households")["pareto"]
    assert (front["first"], front["second"]) == ("people", "households")
    firsts, seconds = ([p[k] for p in front["points"]] for k in ("first", "second"))
    assert firsts == sorted(firsts, reverse=True)
    assert seconds == sorted(seconds)
    assert all(p["proven"] for p in front["points"])


def test_wrong_analysis_requests_are_one_sentence(make, command):
    assert "目的" in command("plan", "make", "--budget", "1", "--pareto", "people", code=2).err
    assert "目的" in command("plan", "make", "--budget", "1", "--objective", "cars", code=2).err
    assert "年度別" in command("plan", "make", "--years", "30=1", "--pareto", "households", code=2).err


def test_progress_is_written_for_a_program_that_watches(make, tmp_path):
    plan = make("--sites", "1", "--budget", "10000000", "--alternatives", "0", "--progress-file", tmp_path / "said.json")
    said = json.loads((tmp_path / "said.json").read_text(encoding="utf-8"))
    assert said["fraction"] > 0.8
    assert said["value"] == pytest.approx(plan["value"])
    assert said["bound"] >= said["value"]


def test_years_sum_people_over_years_and_say_so(make):
    plan = make("--years", "30=10000000,31=10000000")
    assert "延べ" in plan["statement"]["ja"]
    assert plan["value"] == pytest.approx(2 * plan["served"]["people"], abs=0.1)


def test_a_planners_own_place_is_never_thinned_and_can_be_forced(make, command, tmp_path):
    first = make("--sites", "1", "--budget", "10000000", "--alternatives", "0")
    spot = first["sites"][0]
    own = tmp_path / "own.csv"
    own.write_text(f"name,lat,lon\n役場の裏山,{spot['lat']},{spot['lon']}\n", encoding="utf-8")
    plan = make("--sites", "1", "--budget", "10000000", "--own", own, "--force", "C0001", "--height", "25", "--alternatives", "0")
    assert [s["name"] for s in plan["sites"]] == ["役場の裏山"]
    assert plan["sites"][0]["source"] == "list"
    assert plan["request"]["height_m"] == 25
    other = make("--sites", "1", "--budget", "10000000", "--own", own, "--exclude", "C0001", "--alternatives", "0")
    assert "役場の裏山" not in [s["name"] for s in other["sites"]]
    own.write_text("name,lat,lon\n谷,北緯,136.5\n", encoding="utf-8")
    assert "1 行目" in command("plan", "make", "--budget", "1", "--own", own, code=2).err
    assert "own.csv" in command("plan", "make", "--budget", "1", "--own", tmp_path / "no" / "own.csv", code=2).err


def test_own_places_may_come_from_a_list_of_sites_and_say_which_rows_cannot_be_used(make, command, tmp_path):
    spot = make("--sites", "1", "--budget", "10000000", "--alternatives", "0")["sites"][0]
    own = tmp_path / "候補.csv"
    own.write_text(f"局番,局名,緯度,経度\nA1,役場の裏山,{spot['lat']},{spot['lon']}\n,番号なし,33.5,136.5\n", encoding="utf-8")
    out = command(
        "plan", "make", "--sites", "1", "--budget", "10000000", "--own", own, "--force", "役場の裏山", "--candidates", "12",
        "--time", "10", "--alternatives", "0", "--back-test", "--json",
    )  # fmt: skip
    assert [s["name"] for s in json.loads(out.out.splitlines()[-1])["sites"]] == ["役場の裏山"]
    assert "局番がありません" in out.err


def test_a_plan_is_carried_away_as_a_workbook_and_as_files(make, command, tmp_path):
    import openpyxl

    plan = make("--sites", "1", "--budget", "10000000")
    book = tmp_path / "計画.xlsx"
    command("plan", "export", plan["plan_id"], "--to", book)
    sheets = openpyxl.load_workbook(book)
    assert sheets.sheetnames == ["要点", "整備箇所", "決まっている局", "整備数の見込み", "代替案", "条件と出典"]
    assert sheets["整備箇所"]["B2"].value == plan["sites"][0]["name"]
    summary = {row[0].value: row[1].value for row in sheets["要点"].iter_rows()}
    assert summary["県（円）"] == plan["cost"]["prefecture_yen"]
    assert summary["新たに電波が届く人"] == plan["served"]["people"]
    forecast = [c.value for c in sheets["整備数の見込み"][2]]
    assert forecast[1:5] == [2018, 71, 1, 72]
    inputs = {row[0].value: row[1].value for row in sheets["条件と出典"].iter_rows()}
    assert inputs["計画の番号"] == plan["plan_id"]
    assert {"世帯数による補助率", "参画事業者数による補助率"} & set(inputs.values()), "a rule has its name, not its id"
    assert inputs["補助の規則の表 packaged"] == plan["inputs"]["subsidy_rules"]["sha256"]
    again = tmp_path / "again.xlsx"
    command("plan", "export", plan["plan_id"], "--to", again)
    assert again.read_bytes() == book.read_bytes()
    english = tmp_path / "plan.xlsx"
    command("plan", "export", plan["plan_id"], "--to", english, "--lang", "en")
    assert openpyxl.load_workbook(english).sheetnames[0] == "Summary"
    places = tmp_path / "candidates.geojson"
    command("plan", "export", plan["plan_id"], "--kind", "candidates", "--to", places)
    features = json.loads(places.read_text(encoding="utf-8"))["features"]
    assert len(features) == plan["candidates"]
    assert [f["properties"]["candidate_id"] for f in features if f["properties"]["chosen"]] == [plan["sites"][0]["candidate_id"]]
    assert "kind" not in command("plan", "export", plan["plan_id"], "--kind", "pdf", code=2).out
    command("plan", "export", "nothere", code=3)


def test_the_ground_before_and_after_is_told_apart_by_pixel(make, place):
    from pathlib import Path

    import numpy as np

    from coverage.errors import InputError, NotFoundError
    from coverage.report.plan_picture import BEFORE_AFTER, ground_picture
    from coverage.services import plan_exports
    from coverage.services.context import AppContext

    plan = make("--sites", "1", "--budget", "10000000", "--alternatives", "0")
    context = AppContext(region_folder=Path(place.region), runs_folder=Path(place.runs))
    pixels = plan_exports.plan_pixels(context, plan["plan_id"])
    lacking, decided, reached = plan_exports.before_after(pixels)
    assert np.isin(reached, pixels.lacking).all(), "a plan reaches ground that had no signal"
    assert len(lacking) == len(pixels.lacking) - len(reached), "and leaves the rest"
    assert len(decided) == 0
    assert plan_exports.areas_km2(pixels.grid, [reached])[0] == pytest.approx(plan["area_km2"], abs=1e-3)
    same = plan_exports.side_by_side(pixels, pixels)
    assert [len(layer) for layer in same] == [len(lacking), 0, 0, len(reached)]
    picture = ground_picture(pixels.grid, [lacking, decided, reached], BEFORE_AFTER, box=(136.5, 33.5, 136.58, 33.55), size=(80, 60))
    assert picture.startswith("data:image/png;base64,")
    other = plan_exports.PlanPixels(pixels.grid.__class__(6674, 0, 0, 50.0, 3, 3), lacking, decided, reached)
    with pytest.raises(InputError):
        plan_exports.side_by_side(pixels, other)
    with pytest.raises(NotFoundError):
        plan_exports.plan_pixels(context, "../x")
