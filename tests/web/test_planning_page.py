"""The page 計画 on the tiny region: a plan made by its own process, checked, kept, handed in; and who may not."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from streamlit.testing.v1 import AppTest

from coverage.cli import main as command
from coverage.errors import ConflictError, InputError, PermissionDeniedError
from coverage.runs.result import RunResult
from coverage.services import plan_jobs
from coverage.services.access import Principal, Role
from coverage.services.plan_own_places import places_of_file
from coverage.services.plan_request import PlanRequest, this_fiscal_year
from coverage.web.plan_map import plan_map

from .page_words import words_of


def _script() -> None:
    from coverage.web import frame
    from coverage.web.views import planning

    frame.render(frame.open_view(), planning.show)


def _run(*arguments: str) -> None:
    try:
        command(list(arguments))
    except SystemExit as end:
        assert not end.code


@pytest.fixture(scope="module")
def place(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A published run of the tiny region with its ledger in a store."""
    root = tmp_path_factory.mktemp("planning-page")
    tiny.write_tiny_region(root / "region")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COVERAGE_GAP_AUTH", "local")
        patch.setenv("COVERAGE_GAP_REGION", str(root / "region"))
        patch.setenv("COVERAGE_GAP_RUNS", str(root / "runs"))
        patch.setenv("COVERAGE_GAP_STORE", f"sqlite:///{root / 'ledger.sqlite'}")
        patch.delenv("COVERAGE_GAP_LAYERS", raising=False)
        _run("ledger", "load")
        _run("run", "--workers", "1", "--publish", "--json")
        yield root


def _open() -> AppTest:
    test = AppTest.from_function(_script, default_timeout=60).run()
    assert not test.exception
    return test


def _waited(test: AppTest) -> AppTest:
    """Look once a second, as the page does, until the process has ended."""
    for _ in range(90):
        if "plan-job" not in test.session_state:
            return test
        time.sleep(1.0)
        test.run()
        assert not test.exception
    raise AssertionError("the plan was not made in 90 seconds")


def test_from_a_budget_to_planned_sites_in_the_ledger(place: Path) -> None:
    test = _open()
    test.toggle(key="plan-back-test").set_value(True).run()
    test.number_input(key="plan-budget").set_value(10_000)
    test.number_input(key="plan-time").set_value(5)
    test.number_input(key="plan-max_candidates").set_value(8)
    test.button(key="FormSubmitter:plan-form-計画をつくる").click().run()
    assert "plan-job" in test.session_state
    assert test.button(key="plan-cancel")
    test = _waited(test)
    words = words_of(test)
    assert "計画ができました" in words
    assert test.number_input(key="plan-budget").value == 10_000, "what was filled in stays"
    assert "どの計画でも 11 を超えられません" in words
    assert "による補助率（" in words, "the subsidy rule by its name"
    assert "不感地域" in words
    assert "平成30年度" in words
    assert len(test.get("vega_lite_chart") or test.get("arrow_vega_lite_chart")) == 2, "the map and the front of cost"
    test.button(key="plan-verify").click().run()
    assert "検算が合いました" in words_of(test)
    for name in ("北案", "南案"):
        test.text_input(key="plan-name").set_value(name)
        test.button(key="FormSubmitter:plan-save-計画案として保存").click().run()
        assert f"計画案「{name}」第 1 版を保存しました" in words_of(test)
    test.selectbox(key="plan-compare-first").set_value("北案").run()
    test.selectbox(key="plan-compare-second").set_value("南案").run()
    words = words_of(test)
    assert "北案@1" in words
    assert "どちらにもある箇所" in words
    assert "「北案@1」だけで届く" in words
    assert "±0" in words, "both are the same plan"
    # Draws and further plans are there to open; the front of cost has a point to choose and to plan with.
    assert "台帳の見込み" in words
    front = next(s for s in test.selectbox if str(s.key).startswith("plan-front-point"))
    front.set_value(len(front.options) - 1).run()
    test.button(key="plan-front-use").click().run()
    test = _waited(test)
    assert "計画ができました" in words_of(test)
    test.checkbox(key="plan-accept").check()
    test.button(key="FormSubmitter:plan-adopt-計画中の基地局として提出").click().run()
    assert "局を提出しました" in words_of(test)
    test.button(key="FormSubmitter:plan-adopt-計画中の基地局として提出").click().run()
    assert "何も変えていません" in words_of(test)
    test.text_input(key="plan-name").set_value("a@b")
    test.button(key="FormSubmitter:plan-save-計画案として保存").click().run()
    assert "「@」" in words_of(test)


def _request(monkeypatch: pytest.MonkeyPatch) -> list[PlanRequest]:
    """What the page asks for, instead of computing it."""
    asked: list[PlanRequest] = []

    def take(context: object, request: PlanRequest, *, principal: object) -> str:
        request.check()
        asked.append(request)
        raise ConflictError("plan-jobs-busy", "試験です。", "A test.")

    monkeypatch.setattr(plan_jobs, "start_plan", take)
    return asked


def test_the_form_asks_for_everything_that_the_command_takes(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _request(monkeypatch)
    test = _open()
    test.selectbox(key="plan-operator").set_value("m2").run()
    test.text_area(key="plan-own").set_value("役場の裏山,33.54,136.56")
    test.multiselect(key="plan-forced").set_value(["33.54,136.56"])
    test.selectbox(key="plan-objective").set_value("households")
    test.selectbox(key="plan-baseline").set_value("planned")
    for name, value in {
        "site_cost": 20_000, "joint_cost": 9_000, "joining": 2, "height": 35.0, "margin": 3.0, "max_candidates": 50, "spacing": 250.0,
        "gap_limit": 1.0, "seed": 7, "n_alternatives": 5, "epsilon": 4.0, "distance": 2, "draws": 10, "threshold_error": 1.5,
    }.items():  # fmt: skip
        test.number_input(key=f"plan-{name}").set_value(value)
    test.selectbox(key="plan-pareto").set_value("people")
    test.button(key="FormSubmitter:plan-form-計画をつくる").click().run()
    assert "試験です" in words_of(test)
    (request,) = asked
    assert request == PlanRequest(
        budget_yen=74_515_000, objective="households", operator="m2", baseline="planned", site_cost_yen=20_000_000,
        joint_cost_yen=9_000_000, operators_joining=2, height_m=35.0, margin_db=3.0, max_candidates=50, spacing_m=250.0, gap=0.01,
        seed=7, alternatives=5, epsilon=0.04, distance=2, draws=10, threshold_error_db=1.5, pareto="people",
        forced=("33.54,136.56",), own=(("役場の裏山", 33.54, 136.56),), time_limit_s=60.0,
    )  # fmt: skip


def test_untouched_fields_leave_costs_and_band_to_the_region(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _request(monkeypatch)
    test = _open()
    test.toggle(key="plan-by-year").set_value(True).run()
    test.button(key="FormSubmitter:plan-form-計画をつくる").click().run()
    (request,) = asked
    first = this_fiscal_year()
    assert request == PlanRequest(year_budgets=tuple((fy, 25_000_000) for fy in range(first, first + 3)), operator="m1")


def test_a_typed_place_that_is_none_is_said_and_nothing_starts(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _request(monkeypatch)
    test = _open()
    test.text_area(key="plan-own").set_value("役場の裏山,北緯,136.56")
    test.button(key="FormSubmitter:plan-form-計画をつくる").click().run()
    assert "1 行目" in words_of(test)
    assert asked == []


def test_a_file_of_own_places_goes_through_the_upload_reader(place: Path) -> None:
    planner = Principal("plan", Role.PLANNER)
    rows = "局番,局名,緯度,経度\nA1,役場の裏山,33.5405,136.5625\n,番号なし,33.5,136.5\n"
    read = places_of_file(rows.encode(), name="候補.csv", principal=planner)
    assert read.places == (("役場の裏山", 33.5405, 136.5625),)
    assert "局番がありません" in read.left_out[0].ja
    with pytest.raises(InputError) as caught:
        places_of_file("局番,局名,緯度,経度\n,x,33.5,136.5\n".encode(), name="候補.csv", principal=planner)
    assert caught.value.code == "plan-own-file"
    with pytest.raises(PermissionDeniedError):
        places_of_file(rows.encode(), name="候補.csv", principal=Principal("guest", Role.VIEWER))


def test_a_list_of_plans_reads_each_file_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from coverage.services import plan_documents
    from coverage.web.app_context import web_context

    context = web_context()
    plans = plan_documents.list_plans(context)
    assert plans
    assert [p["made_ns"] for p in plans] == sorted((p["made_ns"] for p in plans), reverse=True)

    def read_again(*_: object) -> dict[str, object]:
        raise AssertionError("an unchanged plan was read again")

    monkeypatch.setattr(plan_documents, "open_plan", read_again)
    assert plan_documents.list_plans(context) == plans
    file = context.runs_folder / "plans" / plans[0]["plan_id"] / "plan.json"
    os.utime(file, ns=(1, 1))
    with pytest.raises(AssertionError, match="read again"):
        plan_documents.list_plans(context)


def test_a_plan_can_be_cancelled_and_its_failure_is_said(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    sleeping = [sys.executable, "-c", "import time; time.sleep(120)"]
    monkeypatch.setattr(plan_jobs, "_command", lambda *_: sleeping)
    test = _open()
    test.button(key="FormSubmitter:plan-form-計画をつくる").click().run()
    test.button(key="plan-cancel").click().run()
    assert "計画の計算を中止しました" in words_of(_waited(test))
    broken = [sys.executable, "-c", "raise SystemExit(7)"]
    monkeypatch.setattr(plan_jobs, "_command", lambda *_: broken)
    test.button(key="FormSubmitter:plan-form-計画をつくる").click().run()
    assert "終了コード 7" in words_of(_waited(test))


@pytest.mark.parametrize("role", ["viewer", "municipality"])
def test_who_may_not_compute_is_told_and_sees_no_plan(place: Path, role: str) -> None:
    test = AppTest.from_function(_script, default_timeout=30)
    test.session_state["role"] = role
    words = words_of(test.run())
    assert "計画担当と管理者が使えます" in words
    assert not test.number_input


def test_the_page_speaks_english(place: Path) -> None:
    test = AppTest.from_function(_script, default_timeout=30)
    test.query_params["lang"] = "en"
    test.run()
    assert not test.exception
    assert "no plan can exceed" in words_of(test)


def test_the_picture_numbers_sites_on_every_municipality(run: RunResult) -> None:
    sites = [{"name": n, "lat": 33.5, "lon": 136.6, "people": p} for n, p in (("谷", 30.2), ("浦", 4.0))]
    drawn = plan_map(run, sites, name="名称", people="人").to_dict()
    rows = [layer["data"]["values"] for layer in drawn["layer"] if "values" in layer.get("data", {})]
    rows += list(drawn.get("datasets", {}).values())
    points = [row for part in rows for row in part]
    assert len({p["ring"] for p in points if "ring" in p}) == len(run.municipality_codes())
    assert {(p["number"], p["name"], p["people"]) for p in points if "number" in p} == {("1", "谷", 30), ("2", "浦", 4)}
