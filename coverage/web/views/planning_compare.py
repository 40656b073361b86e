"""Two plans beside each other: figures, forecasts, sites, and the ground that only one of them reaches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from coverage.report.plan_picture import TWO_PLANS
from coverage.runs.result import RunResult
from coverage.services import plan_exports, scenarios
from coverage.services.context import AppContext
from coverage.web import frame
from coverage.web.app_context import has_ledger, open_ledger
from coverage.web.frame import Column, View
from coverage.web.plan_map import Ground, plan_map
from coverage.web.views.planning_form import OBJECTIVE_WORDS
from coverage.web.views.planning_result import PAYERS, brief, legend

KINDS: Final = {**OBJECTIVE_WORDS, "area_km2": "planning.area", "districts_resolved": "planning.districts", **PAYERS}


def compare(view: View, context: AppContext, run: RunResult, plans: Mapping[str, Mapping[str, Any]]) -> None:
    """Choose two of the saved scenarios and of the plans of this run; differences are against the first."""
    names: dict[str, str] = {}
    if has_ledger(context):
        with open_ledger(context) as store:
            rows = scenarios.list_scenarios(store, principal=view.principal)
        names = {r["name"]: f"{r['name']}@{r['version']}" for r in rows if r["run_id"] == run.run_id}
    names |= {plan_id: brief(view, row) for plan_id, row in plans.items()}
    if len(names) < 2:
        return
    st.subheader(view.texts["planning.compare"], anchor=False)
    st.caption(view.texts["planning.compare_lede"])
    left, right = st.columns(2, gap="large")
    wanted = []
    for column, title, key in ((left, "planning.compare_first", "plan-compare-first"), (right, "planning.compare_second", "plan-compare-second")):
        with column:
            wanted.append(
                st.selectbox(
                    view.texts[title], ["", *names], key=key,
                    format_func=lambda n: names.get(n, view.texts["planning.compare_none"]),
                )
            )  # fmt: skip
    if not all(wanted):
        return
    told = _told(view, context, [str(w) for w in wanted])
    labels = [_label(view, p["label"], p["plan_id"]) for p in told["plans"]]
    _figures(view, told, labels)
    _ground(view, context, run, told, labels)
    _sites(view, told, labels)


def _told(view: View, context: AppContext, wanted: list[str]) -> dict[str, Any]:
    if not has_ledger(context):
        return scenarios.compare_plans(context, wanted, principal=view.principal)
    with open_ledger(context) as store:
        return scenarios.compare_scenarios(context, store, wanted, principal=view.principal)


def _label(view: View, label: str, plan_id: str) -> str:
    return view.text("planning.plan_label", id=plan_id[:8]) if label == plan_id else label


def _figures(view: View, told: Mapping[str, Any], labels: list[str]) -> None:
    first, second = told["plans"]
    body = [
        [view.texts[label], *(scenarios.figure(key, p[key]) for p in (first, second)), scenarios.change(key, first[key], second[key])]
        for key, label in KINDS.items()
    ]
    none = view.texts["value.none"]
    for i, fy in enumerate(told["fiscal_years"]):
        values = [p["indicator"][i]["forecast"] for p in (first, second)]
        shown = [none if v is None else f"{v:,}" for v in values]
        change = none if None in values else scenarios.change("forecast", *values)
        body.append([view.text("planning.forecast_of", year=frame.year_label(view, fy)), *shown, change])
    heads = [view.texts["column.item"], *labels, view.texts["column.difference"]]
    frame.sheet([Column(h, number=i > 0) for i, h in enumerate(heads)], body)


def _ground(view: View, context: AppContext, run: RunResult, told: Mapping[str, Any], labels: list[str]) -> None:
    pixels = [plan_exports.plan_pixels(context, p["plan_id"]) for p in told["plans"]]
    layers = plan_exports.side_by_side(*pixels)
    words = {"name": view.texts["column.name"], "people": view.texts["planning.people"]}
    with st.container(key="plan-difference"):
        st.altair_chart(plan_map(run, [], ground=Ground(pixels[0].grid, layers, TWO_PLANS), **words), width="content", theme=None)
    names = [
        view.texts["planning.legend_neither"],
        view.text("planning.legend_first", name=labels[0]),
        view.text("planning.legend_second", name=labels[1]),
        view.texts["planning.legend_both"],
    ]
    legend(view.texts["planning.compare_map"], names, TWO_PLANS, plan_exports.areas_km2(pixels[0].grid, layers))


def _sites(view: View, told: Mapping[str, Any], labels: list[str]) -> None:
    sites = told["plans"][1]["sites"]
    for kind, sentence, name in (
        ("dropped", "planning.only_in", labels[0]), ("added", "planning.only_in", labels[1]), ("kept", "planning.in_both", ""),
    ):  # fmt: skip
        if sites[kind]:
            names = view.texts["value.comma"].join(f"{s['name']} ({s['municipality']})" for s in sites[kind])
            st.caption(view.text(sentence, name=name, names=names) if name else view.text(sentence, names=names))
