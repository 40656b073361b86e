"""計画: a budget in; the next sites out, with the bound, the money by payer and what each site resolves in words.

The computing is done by a process of its own (:mod:`coverage.services.plan_jobs`); this page asks it how far it is. The
form is in :mod:`.planning_form`, a plan in :mod:`.planning_result`, two plans beside each other in :mod:`.planning_compare`.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from coverage.errors import CoverageGapError, NotFoundError
from coverage.runs.result import RunResult
from coverage.services import plan_jobs, planning, scenarios
from coverage.services.access import Action, Object
from coverage.services.context import AppContext
from coverage.services.plan_adoption import adopt_plan
from coverage.web import frame
from coverage.web.app_context import has_ledger, open_ledger, web_context
from coverage.web.frame import View
from coverage.web.views import planning_compare, planning_form, planning_result


def show(view: View, run: RunResult) -> None:
    """The page."""
    frame.head(view.texts["planning.title"], view.texts["planning.lede"])
    if not view.may(Action.COMPUTE, Object.SCENARIO):
        st.html(frame.notice(view.texts["planning.not_allowed"], kind="plain"))
        return
    context = web_context()
    for key, kind in (("plan-said", "plain"), ("plan-own-said", ""), ("plan-wrong", "grave")):
        sentence = st.session_state.pop(key, None)
        if sentence:
            st.html(frame.notice(sentence, kind=kind))
    plans = {p["plan_id"]: p for p in planning.list_plans(context) if p["run_id"] == run.run_id}
    newest = st.session_state.get("plan-chosen") or next(iter(plans), "")
    _take_up(view, context)
    if st.session_state.get("plan-job"):
        _watch(view)
    # Drawn while a plan is being made as well: a form that goes takes what was filled in with it.
    planning_form.ask(view, context, run, newest if newest in plans else "")
    if plans:
        _result(view, context, run, plans)
    planning_compare.compare(view, context, run, plans)


def _take_up(view: View, context: AppContext) -> None:
    """A page that is loaded anew goes on watching the visitor's own job."""
    if "plan-job" not in st.session_state:
        for job_id in plan_jobs.own_plans(context, principal=view.principal):
            st.session_state["plan-job"] = job_id
            return


@st.fragment(run_every=1.0)
def _watch(view: View) -> None:
    """How far the process is; only this part of the page is drawn again every second."""
    job_id, context = str(st.session_state.get("plan-job", "")), web_context()
    try:
        state = plan_jobs.job_state(job_id, context)
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
        plan_jobs.cancel_plan(job_id, principal=view.principal, context=context)


def _end(sentence: str, *, job_id: str = "", wrong: bool = False) -> None:
    if job_id:
        plan_jobs.forget_plan(job_id, web_context())
    st.session_state.pop("plan-job", None)
    st.session_state["plan-wrong" if wrong else "plan-said"] = sentence
    st.rerun()


def _result(view: View, context: AppContext, run: RunResult, plans: dict[str, dict[str, Any]]) -> None:
    st.subheader(view.texts["planning.result"], anchor=False)
    # Drawn anew with the chosen plan on top: a widget's key keeps an earlier choice otherwise.
    chosen = st.session_state.get("plan-chosen")
    order = sorted(plans, key=lambda i: i != chosen)
    plan_id = st.selectbox(
        view.texts["planning.which"], order, format_func=lambda i: planning_result.brief(view, plans[i]), key=f"plan-shown-{chosen}"
    )
    plan = planning.open_plan(context, str(plan_id))
    planning_result.plan(view, context, run, plan)
    _keep(view, context, plan)


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
            try:
                with open_ledger(context) as store:
                    done = adopt_plan(
                        store, plan, principal=view.principal, accept=accept, near_m=context.config.counting.distinct_within_m
                    )
            except CoverageGapError as error:
                st.session_state["plan-wrong"] = error.text(view.lang)
                st.rerun()
            said = "planning.adopted_before" if done.import_id is None else "planning.adopted"
            _said(view.texts[said] if done.import_id is None else view.text(said, n=len(done.new_sites), id=done.import_id))


def _said(sentence: str) -> None:
    st.session_state["plan-said"] = sentence
    st.rerun()
