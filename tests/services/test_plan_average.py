"""The plan that serves most on average, where it is another than the plan: its figures, the command's lines, the page's table."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from coverage.cli.planning import _further
from coverage.plan.instance import make_instance
from coverage.plan.solve import solve
from coverage.plan.uncertainty import Reach, draw_reach, percentiles, plan_on_average
from coverage.services.plan_analysis import _on_average, _percentiles

COSTS = (4_000_000, 7_000_000)


def _village_on_the_edge_and_village_that_is_sure() -> dict[str, Any]:
    """Site 岬 reaches 1,000 people on the very edge of signal, site 谷 900 far above it; money for one of them."""
    instance = make_instance(weights=[1000, 900], indptr=[0, 1, 2], indices=[0, 1], costs=list(COSTS), p=1)
    result = solve(instance)

    def reaches() -> Iterator[Reach]:
        return draw_reach(
            instance.indptr, instance.indices, np.array([0.0, 60.0]), draws=100, seed=4, site_sigma_db=8.0
        )

    average = plan_on_average(instance, result.plan, reaches)
    ground: Any = SimpleNamespace(
        candidates=[
            SimpleNamespace(candidate_id="C0", name="岬"),
            SimpleNamespace(candidate_id="C1", name="谷"),
        ],
        years=[2018],
        cost=lambda plan: {k: sum(COSTS[j] for j, _ in plan) for k in ("prefecture_yen", "total_yen")},
    )
    scale = instance.weight_scale
    return {
        "draws": 100,
        "plan": _percentiles(percentiles(average.given.tolist()), scale),
        "best": {"p10": 900.0, "p50": 1000.0, "p90": 1000.0},
        "regret": {"p10": 0.0, "p50": 0.0, "p90": 900.0},
        "mean": average.given.mean() / scale,
        "on_average": _on_average(ground, result, average),
        "robust": [],
        "frequency": [],
    }


@pytest.fixture(scope="module")
def doubt() -> Mapping[str, Any]:
    return _village_on_the_edge_and_village_that_is_sure()


def test_the_sure_village_is_named_with_what_it_trades(doubt: Mapping[str, Any]) -> None:
    other = doubt["on_average"]
    assert not other["same"]
    assert [s["name"] for s in other["sites"]] == ["谷"]
    assert other["sites"][0]["fiscal_year"] == 2018
    assert ([s["name"] for s in other["gained"]], [s["name"] for s in other["given_up"]]) == (["谷"], ["岬"])
    assert (other["mean"], other["p10"], other["p50"], other["p90"]) == (900.0, 900.0, 900.0, 900.0)
    assert other["median_world"] == 900.0
    assert (other["bound"], other["gap"], other["draws_sought"]) == (900.0, 0.0, 100)
    assert other["cost"]["prefecture_yen"] == 7_000_000
    assert 350 < doubt["mean"] < 650
    assert (doubt["plan"]["p10"], doubt["plan"]["p90"]) == (0.0, 1000.0)


def test_the_command_prints_it_under_the_plan(doubt: Mapping[str, Any]) -> None:
    lines = _further({"uncertainty": doubt})
    assert f"不確かさ（100 回）: 平均 {doubt['mean']:,.1f}、P10 0" in lines[0]
    assert lines[1] == "平均で最も多くに届く計画: 谷（岬 の代わりに 谷）"
    assert (
        f"平均 900.0（この計画 {doubt['mean']:,.1f}）、P10 900、P50 900、P90 900、県 7,000,000 円" in lines[2]
    )
    same = {**doubt, "on_average": {**doubt["on_average"], "same": True}}
    assert _further({"uncertainty": same})[1] == "平均で最も多くに届く計画: この計画と同じ"
    old = {k: v for k, v in doubt.items() if k not in ("mean", "on_average")}
    assert _further({"uncertainty": old})[0].startswith("不確かさ（100 回）: P10 0"), (
        "plans of earlier versions"
    )


def _page(document):  # type: ignore[no-untyped-def]  # its text alone is run, without the names of this module
    from coverage.web import frame
    from coverage.web.views import planning_result

    planning_result._doubt(frame.open_view(), document)


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        (
            "ja",
            (
                "平均で最も多くに届く計画",
                "900.0",
                "谷",
                "岬 の代わりに 谷 を建てます（県の負担 7,000,000 円）",
            ),
        ),
        (
            "en",
            (
                "Serves most on average",
                "900.0",
                "builds 谷 instead of 岬 (the prefecture pays 7,000,000 yen)",
            ),
        ),
    ],
)
def test_the_page_shows_both_plans_beside_each_other(
    doubt: Mapping[str, Any], lang: str, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The page becomes __main__, which pools of later tests would run again in their workers.
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])

    def shown(document: Mapping[str, Any]) -> str:
        page = AppTest.from_function(_page, args=(document,), default_timeout=30)
        page.query_params["lang"] = lang
        page.run()
        assert not page.exception
        return "\n".join(
            [*(e.proto.body for e in page.get("html")), *(str(e.value) for e in page.get("caption"))]
        )

    text = shown({"uncertainty": doubt, "sites": [{"name": "岬の局"}]})
    assert "岬の局" in text, "the plan's own sites stand beside its figures"
    for word in (*words, f"{doubt['mean']:,.1f}"):
        assert word in text
    same = shown({"uncertainty": {**doubt, "on_average": {**doubt["on_average"], "same": True}}})
    assert {"ja": "この計画と同じです", "en": "is this one"}[lang] in same
    assert "7,000,000" not in same
    old = shown({"uncertainty": {k: v for k, v in doubt.items() if k not in ("mean", "on_average")}})
    assert words[0] not in old
