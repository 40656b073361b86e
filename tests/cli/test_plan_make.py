"""From a run to a plan on the tiny region: the eleven people behind the ridge."""

from __future__ import annotations

import json

import pytest


def test_plan_reaches_the_last_people_with_a_proof(published, command, place):
    done = command("plan", "make", "--budget", "10000000", "--candidates", "20", "--time", "10", "--back-test", "--json")
    plan = json.loads(done.out.splitlines()[-1])
    assert plan["demand"]["people"] == pytest.approx(11.0)
    assert plan["value"] == pytest.approx(11.0, abs=1e-3)
    assert plan["bound"] >= plan["value"]
    assert plan["gap"] == pytest.approx(0.0, abs=1e-3)
    site = plan["sites"][0]
    assert [d["district_id"] for d in site["districts"]] == ["D2"]
    assert plan["indicator"] == [
        {"fiscal_year": 2018, "base": 71, "added": 1, "forecast": 72, "candidate_ids": [site["candidate_id"]]}
    ]
    cost = plan["cost"]
    assert cost["total_yen"] == 30_000_000 * len(plan["sites"])
    assert cost["total_yen"] == sum(cost[k] for k in ("state_yen", "prefecture_yen", "municipality_yen", "operators_yen"))
    assert cost["prefecture_yen"] <= 10_000_000
    folder = place.runs / "plans" / plan["plan_id"]
    assert "Verified" in command("plan", "verify", folder / "certificate.json", "--instance", folder / "instance.npz").out
    document = json.loads((folder / "sites.geojson").read_text(encoding="utf-8"))
    assert len(document["features"]) == len(plan["sites"])
    again = json.loads(command("plan", "make", "--budget", "10000000", "--candidates", "20", "--time", "10", "--back-test", "--json").out.splitlines()[-1])
    assert again["plan_id"] == plan["plan_id"], "the same request gives the same plan"
    assert plan["plan_id"] in command("plan", "list").out
    shown = command("plan", "show", plan["plan_id"]).out
    assert "電波が届きます" in shown
    assert "見本・架空" in shown


def test_budgets_by_year_date_the_sites(published, command):
    done = command("plan", "make", "--years", "30=0,31=10000000", "--candidates", "20", "--time", "10", "--back-test", "--json")
    plan = json.loads(done.out.splitlines()[-1])
    assert {s["fiscal_year"] for s in plan["sites"]} == {2019}


def test_bad_requests_are_one_sentence_each(published, command):
    assert "予算" in command("plan", "make", "--budget", "-1", code=2).err
    assert "--years" not in command("plan", "make", "--years", "2020", code=2).out
    assert "operator" in command("plan", "make", "--budget", "1", "--operator", "zz", code=2).err
    assert "予算" in command("plan", "make", code=2).err
    command("plan", "show", "nothere", code=3)
    command("plan", "show", "../x", code=3)


def test_plan_without_a_published_run_says_so(command, tmp_path):
    assert "coverage-gap run --publish" in command("plan", "make", "--budget", "1", "--runs", tmp_path, code=3).err
