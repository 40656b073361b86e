"""計画: a budget in; the next sites out, with the bound, the money by payer and what each site resolves in words.

The computing is done by a process of its own (:mod:`coverage.services.plan_jobs`); this page asks it how far it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import streamlit as st

from coverage.errors import CoverageGapError, NotFoundError
from coverage.runs.result import RunResult
from coverage.services import plan_jobs, planning, scenarios
from coverage.services.access import Action, Object
from coverage.services.context import AppContext
from coverage.services.plan_adoption import adopt_plan
from coverage.services.planning import PlanRequest
from coverage.web import frame
from coverage.web.app_context import has_ledger, open_ledger, web_context
from coverage.web.frame import Column, View
from coverage.web.plan_map import plan_map

YEARS_AHEAD: Final = 3
OBJECTIVES: Final = {
    "people": "planning.people",
    "households": "planning.households",
    "shelters": "planning.shelters",
}
PAYERS: Final = {
    "state_yen": "planning.state",
    "prefecture_yen": "planning.prefecture",
    "municipality_yen": "planning.municipality",
    "operators_yen": "planning.operators",
    "total_yen": "value.total",
}
_FILES: Final = {
    "sites.geojson": ("planning.sites_file", "application/geo+json"),
    "certificate.json": ("planning.certificate_file", "application/json"),
    "instance.npz": ("planning.instance_file", "application/octet-stream"),
}


def show(view: View, run: RunResult) -> None:
    """The page."""
    frame.head(view.texts["planning.title"], view.texts["planning.lede"])
    if not view.may(Action.COMPUTE, Object.SCENARIO):
        st.html(frame.notice(view.texts["planning.not_allowed"], kind="plain"))
        return
    context = web_context()
    said = st.session_state.pop("plan-said", None)
    if said:
        st.html(frame.notice(said, kind="plain"))
    wrong = st.session_state.pop("plan-wrong", None)
    if wrong:
        st.html(frame.notice(wrong, kind="grave"))
    if st.session_state.get("plan-job"):
        _watch(view)
    else:
        _ask(view, context, run)
    _result(view, context, run)
    _compare(view, context)


def _ask(view: View, context: AppContext, run: RunResult) -> None:
    """The form. Money is asked for in thousands of yen, as the policy sheet prints it."""
    texts = view.texts
    by_year = st.toggle(texts["planning.by_year"], key="plan-by-year")
    with st.form("plan-form"):
        left, right = st.columns(2, gap="large")
        with left:
            budget, years = None, []
            if by_year:
                for fy in range(run.latest_fy + 1, run.latest_fy + 1 + YEARS_AHEAD):
                    label = view.text("planning.budget_of", year=frame.year_label(view, fy))
                    years.append((fy, st.number_input(label, min_value=0, value=25_000, step=1_000, key=f"plan-budget-{fy}")))
            else:
                budget = st.number_input(texts["planning.budget"], min_value=0, value=74_515, step=1_000, key="plan-budget")
            sites = st.number_input(texts["planning.max_sites"], min_value=0, value=0, key="plan-sites")
            objective = st.selectbox(
                texts["planning.objective"], list(OBJECTIVES), format_func=lambda o: texts[OBJECTIVES[o]], key="plan-objective"
            )
        with right:
            operators = context.config.operators
            operator = st.selectbox(
                texts["planning.operator"],
                list(operators),
                format_func=lambda o: operators[o].name_en if view.lang == "en" else operators[o].name_ja,
                key="plan-operator",
            )
            cost = st.number_input(texts["planning.site_cost"], min_value=1, value=30_000, step=1_000, key="plan-cost")
            seconds = st.number_input(texts["planning.time"], min_value=5, max_value=600, value=60, key="plan-time")
            draws = st.number_input(texts["planning.draws"], min_value=0, max_value=200, value=0, key="plan-draws")
        if not st.form_submit_button(texts["planning.start"], type="primary"):
            return
    request = PlanRequest(
        budget_yen=None if budget is None else int(budget) * 1000,
        year_budgets=tuple((fy, int(yen) * 1000) for fy, yen in years),
        sites=int(sites) or None,
        objective=str(objective),
        operator=str(operator),
        site_cost_yen=int(cost) * 1000,
        time_limit_s=float(seconds),
        draws=int(draws),
    )
    try:
        st.session_state["plan-job"] = plan_jobs.start_plan(context, request, principal=view.principal)
    except CoverageGapError as error:
        st.session_state["plan-wrong"] = error.text(view.lang)
    st.rerun()


@st.fragment(run_every=1.0)
def _watch(view: View) -> None:
    """How far the process is; only this part of the page is drawn again every second."""
    job_id = str(st.session_state.get("plan-job", ""))
    try:
        state = plan_jobs.job_state(job_id)
    except NotFoundError as error:
        _end(error.text(view.lang), wrong=True)
        return
    if state.state == "done":
        st.session_state["plan-chosen"] = state.plan_id
        _end(view.texts["planning.done"], job_id=job_id)
    elif state.state == "failed":
        _end(state.en if view.lang == "en" else state.ja, job_id=job_id, wrong=True)
    elif state.state == "cancelled":
        _end(view.texts["planning.cancelled"], job_id=job_id)
    step = state.text.partition(" / ")[2 if view.lang == "en" else 0]
    st.progress(min(1.0, max(0.0, state.fraction)), text=step or view.texts["planning.starting"])
    if state.value is not None and state.bound is not None:
        gap = view.texts["value.none"] if state.gap is None else f"{100 * state.gap:.2f}"
        st.caption(view.text("planning.so_far", value=f"{state.value:,.0f}", bound=f"{state.bound:,.0f}", gap=gap))
    if st.button(view.texts["planning.cancel"], key="plan-cancel"):
        plan_jobs.cancel_plan(job_id, principal=view.principal)


def _end(sentence: str, *, job_id: str = "", wrong: bool = False) -> None:
    if job_id:
        plan_jobs.forget_plan(job_id)
    st.session_state.pop("plan-job", None)
    st.session_state["plan-wrong" if wrong else "plan-said"] = sentence
    st.rerun()


def _result(view: View, context: AppContext, run: RunResult) -> None:
    plans = {p["plan_id"]: p for p in planning.list_plans(context) if p["run_id"] == run.run_id}
    if not plans:
        return
    st.subheader(view.texts["planning.result"], anchor=False)
    # Drawn anew with the chosen plan on top: a widget's key keeps an earlier choice otherwise.
    chosen = st.session_state.get("plan-chosen")
    order = sorted(plans, key=lambda i: (i != chosen, i))
    plan_id = st.selectbox(
        view.texts["planning.which"], order, format_func=lambda i: _brief(view, plans[i]), key=f"plan-shown-{chosen}"
    )
    plan = plans[str(plan_id)]
    st.html(frame.notice(plan["statement"][view.lang], kind="plain"))
    served, cost = plan["served"], plan["cost"]
    frame.figures(
        [
            (view.texts["planning.people"], f"{served['people']:,.0f}", "", _of(view, plan["demand"]["people"])),
            (view.texts["planning.households"], f"{served['households']:,.0f}", "", _of(view, plan["demand"]["households"])),
            (view.texts["planning.shelters"], f"{served['shelters']:,}", "", _of(view, plan["demand"]["shelters"])),
            (view.texts["planning.districts"], f"{plan['districts_resolved']:,}", "", view.texts["planning.predicted"]),
        ]
    )
    _sites(view, plan)
    if plan["sites"]:
        words = {"name": view.texts["column.name"], "people": view.texts["planning.people"]}
        st.altair_chart(plan_map(run, plan["sites"], **words), width="content", theme=None)
        st.caption(view.texts["planning.map_caption"])
    names = [view.texts[name] for name in PAYERS.values()]
    frame.sheet(
        [Column(n, number=True) for n in names],
        [[f"{cost[payer]:,}" for payer in PAYERS]],
        caption=view.texts["planning.cost_caption"],
    )
    if plan["indicator"]:
        titles = ("column.fiscal_year", "planning.added", "column.forecast")
        frame.sheet(
            [Column(view.texts[t], number=i > 0) for i, t in enumerate(titles)],
            [
                [
                    frame.year_label(view, r["fiscal_year"]),
                    f"+{r['added']}",
                    view.texts["value.none"] if r["forecast"] is None else f"{r['forecast']:,}",
                ]
                for r in plan["indicator"]
            ],
            caption=view.texts["planning.indicator_caption"],
        )
    _beside(view, plan)
    _files(view, context, plan)
    _keep(view, context, plan)


def _brief(view: View, plan: dict[str, Any]) -> str:
    return view.text(
        "planning.brief",
        n=len(plan["sites"]),
        people=f"{plan['served']['people']:,.0f}",
        yen=f"{plan['cost']['prefecture_yen']:,}",
        id=plan["plan_id"][:8],
    )


def _of(view: View, total: float) -> str:
    return view.text("planning.of", total=f"{total:,.0f}")


def _sites(view: View, plan: dict[str, Any]) -> None:
    if not plan["sites"]:
        st.html(frame.notice(view.texts["planning.no_site"], kind="plain"))
        return
    titles = ("column.name", "column.municipality", "column.fiscal_year", "planning.people", "planning.resolves")
    frame.sheet(
        [Column(view.texts[t], number=t == "planning.people", wrap=t == "planning.resolves") for t in titles],
        [
            [
                s["name"],
                s["municipality"],
                frame.year_label(view, s["fiscal_year"]),
                f"{s['people']:,.0f}",
                s[view.lang],
            ]
            for s in plan["sites"]
        ],
        caption=view.texts["planning.sites_caption"],
    )


def _beside(view: View, plan: dict[str, Any]) -> None:
    """Further plans and the draws: never a bare ranked list."""
    others = plan.get("alternatives", {}).get("plans", [])
    if others:
        with st.expander(view.text("planning.alternatives", n=len(others))):
            frame.sheet(
                [Column(view.texts["planning.trade"], wrap=True), Column(view.texts["planning.below"], number=True)],
                [[o[view.lang], f"{100 * o['below_bound']:.2f} %"] for o in others],
            )
    doubt = plan.get("uncertainty")
    if doubt:
        own = {k: f"{v:,.0f}" for k, v in doubt["plan"].items()}
        robust = view.texts["value.comma"].join(s["name"] for s in doubt["robust"]) or view.texts["value.none"]
        st.caption(view.text("planning.uncertainty", draws=doubt["draws"], **own, robust=robust))


def _files(view: View, context: AppContext, plan: dict[str, Any]) -> None:
    folder = Path(plan["folder"])
    with st.container(horizontal=True):
        for name, (label, kind) in _FILES.items():
            st.download_button(
                view.texts[label],
                (folder / name).read_bytes(),
                f"plan-{plan['plan_id']}-{name}",
                kind,
                key=f"plan-file-{name}",
                on_click="ignore",
            )
        checked = st.button(view.texts["planning.verify"], key="plan-verify")
    if checked:
        planning.verify_plan(context, plan["plan_id"])
        sentence = view.text("planning.verified", bound=f"{plan['certified_bound']:,.0f}")
        st.html(frame.notice(sentence, kind="plain"))


def _keep(view: View, context: AppContext, plan: dict[str, Any]) -> None:
    """Save as a scenario, and hand the sites in to the ledger."""
    if not has_ledger(context):
        st.caption(view.texts["planning.no_ledger"])
        return
    left, right = st.columns(2, gap="large")
    with left, st.form("plan-save"):
        name = st.text_input(view.texts["planning.scenario_name"], max_chars=100, key="plan-name")
        if st.form_submit_button(view.texts["planning.save"]):
            with open_ledger(context) as store:
                saved = scenarios.save_scenario(context, store, name, plan["plan_id"], principal=view.principal)
            _said(view.text("planning.saved", name=saved.name, version=saved.version))
    with right, st.form("plan-adopt"):
        accept = view.may(Action.ACCEPT, Object.IMPORT) and st.checkbox(view.texts["planning.accept"], key="plan-accept")
        st.caption(view.texts["planning.adopt_note"])
        if st.form_submit_button(view.texts["planning.adopt"]) and view.may(Action.SUBMIT, Object.IMPORT):
            with open_ledger(context) as store:
                done = adopt_plan(
                    store, plan, principal=view.principal, accept=accept, near_m=context.config.counting.distinct_within_m
                )
            said = "planning.adopted_before" if done.import_id is None else "planning.adopted"
            _said(view.texts[said] if done.import_id is None else view.text(said, n=len(done.new_sites), id=done.import_id))


def _said(sentence: str) -> None:
    st.session_state["plan-said"] = sentence
    st.rerun()


def _compare(view: View, context: AppContext) -> None:
    """Scenarios side by side; differences are against the first."""
    if not has_ledger(context):
        return
    with open_ledger(context) as store:
        rows = scenarios.list_scenarios(store, principal=view.principal)
        if len(rows) < 2:
            return
        st.subheader(view.texts["planning.compare"], anchor=False)
        names = st.multiselect(view.texts["planning.compare_which"], [r["name"] for r in rows], key="plan-compare")
        if len(names) < 2:
            return
        told = scenarios.compare_scenarios(context, store, names, principal=view.principal)
    kinds = {**OBJECTIVES, "area_km2": "planning.area", "districts_resolved": "planning.districts", **PAYERS}
    body = [
        [
            view.texts[label],
            *(f"{p[key]:,}" + (f" ({p['change'][key]:+,})" if i else "") for i, p in enumerate(told["plans"])),
        ]
        for key, label in kinds.items()
    ]
    frame.sheet([Column(view.texts["column.item"]), *(Column(p["label"], number=True) for p in told["plans"])], body)
