"""Beside the best plan: further plans, the worth of each site, a second objective and draws of the model's error."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from coverage.cli import main


@pytest.fixture(scope="module")
def place(tiny, tmp_path_factory):
    root = tmp_path_factory.mktemp("plan-analysis")
    tiny.write_tiny_region(root / "region")
    return SimpleNamespace(region=root / "region", runs=root / "runs")


@pytest.fixture
def command(capsys, monkeypatch, place):
    for name in ("LAYERS", "STORE"):
        monkeypatch.delenv(f"COVERAGE_GAP_{name}", raising=False)
    monkeypatch.setenv("COVERAGE_GAP_REGION", str(place.region))
    monkeypatch.setenv("COVERAGE_GAP_RUNS", str(place.runs))

    def call(*arguments, code=0):
        got = 0
        try:
            main([str(a) for a in arguments])
        except SystemExit as end:
            got = int(end.code or 0)
        out = capsys.readouterr()
        assert got == code, out.err + out.out
        return out

    return call


@pytest.fixture
def make(command, place):
    if not (place.runs / "published.json").exists():
        command("run", "--workers", "1", "--publish", "--json")
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
