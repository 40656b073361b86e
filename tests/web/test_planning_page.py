"""The page 計画 on the tiny region: a plan made by its own process, checked, kept, handed in; and who may not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from streamlit.testing.v1 import AppTest

from coverage.cli import main as command
from coverage.runs.result import RunResult
from coverage.services import plan_jobs
from coverage.web.plan_map import plan_map


def _script() -> None:
    from coverage.web import frame
    from coverage.web.views import planning

    frame.render(frame.open_view(), planning.show)


def _words(test: AppTest) -> str:
    parts = [element.proto.body for element in test.get("html")]
    parts += [str(e.value) for kind in ("caption", "subheader", "markdown") for e in test.get(kind)]
    return "\n".join(parts)


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
    test.number_input(key="plan-budget").set_value(10_000)
    test.number_input(key="plan-time").set_value(5)
    test.button(key="FormSubmitter:plan-form-計画をつくる").click().run()
    assert "plan-job" in test.session_state
    assert test.button(key="plan-cancel")
    test = _waited(test)
    words = _words(test)
    assert "計画ができました" in words
    assert "どの計画でも 11 を超えられません" in words
    assert "不感地域" in words
    assert "平成30年度" in words
    assert len(test.get("vega_lite_chart") or test.get("arrow_vega_lite_chart")) == 1
    test.button(key="plan-verify").click().run()
    assert "検算が合いました" in _words(test)
    for name in ("北案", "南案"):
        test.text_input(key="plan-name").set_value(name)
        test.button(key="FormSubmitter:plan-save-計画案として保存").click().run()
        assert f"計画案「{name}」第 1 版を保存しました" in _words(test)
    test.multiselect(key="plan-compare").set_value(["北案", "南案"]).run()
    assert "北案@1" in _words(test)
    test.checkbox(key="plan-accept").check()
    test.button(key="FormSubmitter:plan-adopt-計画中の基地局として提出").click().run()
    assert "局を提出しました" in _words(test)
    test.button(key="FormSubmitter:plan-adopt-計画中の基地局として提出").click().run()
    assert "何も変えていません" in _words(test)
    test.text_input(key="plan-name").set_value("a@b")
    test.button(key="FormSubmitter:plan-save-計画案として保存").click().run()
    assert "「@」" in _words(test)


def test_a_plan_can_be_cancelled_and_its_failure_is_said(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    sleeping = [sys.executable, "-c", "import time; time.sleep(120)"]
    monkeypatch.setattr(plan_jobs, "_command", lambda *_: sleeping)
    test = _open()
    test.button(key="FormSubmitter:plan-form-計画をつくる").click().run()
    test.button(key="plan-cancel").click().run()
    assert "計画の計算を中止しました" in _words(_waited(test))
    broken = [sys.executable, "-c", "raise SystemExit(7)"]
    monkeypatch.setattr(plan_jobs, "_command", lambda *_: broken)
    test.button(key="FormSubmitter:plan-form-計画をつくる").click().run()
    assert "終了コード 7" in _words(_waited(test))


@pytest.mark.parametrize("role", ["viewer", "municipality"])
def test_who_may_not_compute_is_told_and_sees_no_plan(place: Path, role: str) -> None:
    test = AppTest.from_function(_script, default_timeout=30)
    test.session_state["role"] = role
    words = _words(test.run())
    assert "計画担当と管理者が使えます" in words
    assert not test.number_input


def test_the_page_speaks_english(place: Path) -> None:
    test = AppTest.from_function(_script, default_timeout=30)
    test.query_params["lang"] = "en"
    test.run()
    assert not test.exception
    assert "no plan can exceed" in _words(test)


def test_the_picture_numbers_sites_on_every_municipality(run: RunResult) -> None:
    sites = [{"name": n, "lat": 33.5, "lon": 136.6, "people": p} for n, p in (("谷", 30.2), ("浦", 4.0))]
    drawn = plan_map(run, sites, name="名称", people="人").to_dict()
    rows = [layer["data"]["values"] for layer in drawn["layer"] if "values" in layer.get("data", {})]
    rows += list(drawn.get("datasets", {}).values())
    points = [row for part in rows for row in part]
    assert len({p["ring"] for p in points if "ring" in p}) == len(run.municipality_codes())
    assert {(p["number"], p["name"], p["people"]) for p in points if "number" in p} == {("1", "谷", 30), ("2", "浦", 4)}
