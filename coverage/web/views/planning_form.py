"""The form of the page 計画: everything that ``coverage-gap plan make`` takes, the usual part first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from coverage.errors import CoverageGapError
from coverage.runs.result import RunResult
from coverage.services import plan_jobs, planning
from coverage.services.context import AppContext
from coverage.services.plan_options import places_from_text
from coverage.services.plan_own_places import places_of_file
from coverage.services.plan_request import BASELINES, OBJECTIVES, PlanRequest, first_planned_year
from coverage.web import frame
from coverage.web.frame import View

YEARS_AHEAD: Final = 3
OBJECTIVE_WORDS: Final = {
    "people": "planning.people",
    "households": "planning.households",
    "shelters": "planning.shelters",
}
PARETO_WORDS: Final = {"": "planning.pareto_none", "cost": "planning.pareto_cost", **OBJECTIVE_WORDS}
BUDGET: Final = 74_515
MOST_PLACES: Final = 50
FILES: Final = ["xlsx", "csv", "geojson", "gpkg", "kml", "kmz", "zip"]


def ask(view: View, context: AppContext, run: RunResult, shown: str) -> None:
    """The form; starts the computing. ``shown``: the plan whose candidates can be forced in or left out, or ""."""
    texts, operators = view.texts, context.config.operators
    with st.container(horizontal=True, vertical_alignment="bottom", key="plan-first"):
        operator = st.selectbox(
            texts["planning.operator"],
            list(operators),
            format_func=lambda o: operators[o].name_en if view.lang == "en" else operators[o].name_ja,
            key="plan-operator",
        )
        by_year = st.toggle(texts["planning.by_year"], key="plan-by-year")
        back_test = st.toggle(texts["planning.back_test"], key="plan-back-test")
    first = first_planned_year(run.latest_fy, back_test=back_test)
    with st.form("plan-form"):
        values: dict[str, Any] = {"operator": str(operator), "back_test": bool(back_test)}
        values |= _usual(view, by_year=bool(by_year), first=first)
        with st.expander(texts["planning.places"]):
            typed, file, forced, excluded = _places(view, context, run, shown)
        with st.expander(texts["planning.details"]):
            values |= _details(view, context, str(operator), by_year=bool(by_year))
        if not st.form_submit_button(texts["planning.start"], type="primary", disabled=bool(st.session_state.get("plan-job"))):
            return
    try:
        own = places_from_text(typed, name=texts["planning.own_typed"])
        if file is not None:
            read = places_of_file(file.getvalue(), name=file.name, principal=view.principal)
            own += read.places
            if read.left_out:
                said = view.text("planning.own_left_out", name=file.name, n=len(read.left_out), first=_sentence(view, read.left_out))
                st.session_state["plan-own-said"] = said
        request = PlanRequest(**values, own=own, forced=tuple(forced), excluded=tuple(excluded))
    except CoverageGapError as error:
        st.session_state["plan-wrong"] = error.text(view.lang)
        st.rerun()
    start(view, context, request)


def start(view: View, context: AppContext, request: PlanRequest) -> None:
    """Start the computing and draw the page anew."""
    try:
        st.session_state["plan-job"] = plan_jobs.start_plan(context, request, principal=view.principal)
    except CoverageGapError as error:
        st.session_state["plan-wrong"] = error.text(view.lang)
    st.rerun()


def _sentence(view: View, remarks: Sequence[Any]) -> str:
    return str(remarks[0].en if view.lang == "en" else remarks[0].ja)


def _usual(view: View, *, by_year: bool, first: int) -> dict[str, Any]:
    """Money, number, objective, what stands already. Money is asked for in thousands of yen, as the sheet prints it."""
    texts = view.texts
    left, right = st.columns(2, gap="large")
    values: dict[str, Any] = {}
    with left:
        if by_year:
            years = []
            for fy in range(first, first + YEARS_AHEAD):
                label = view.text("planning.budget_of", year=frame.year_label(view, fy))
                yen = st.number_input(label, min_value=0, value=25_000, step=1_000, key=f"plan-budget-{fy}")
                years.append((fy, int(yen) * 1000))
            values["year_budgets"] = tuple(years)
        else:
            yen = st.number_input(texts["planning.budget"], min_value=0, value=BUDGET, step=1_000, key="plan-budget")
            values["budget_yen"] = int(yen) * 1000
        values["sites"] = int(st.number_input(texts["planning.max_sites"], min_value=0, value=0, key="plan-sites")) or None
    with right:
        values["objective"] = st.selectbox(
            texts["planning.objective"], OBJECTIVES, format_func=lambda o: texts[OBJECTIVE_WORDS[o]], key="plan-objective"
        )
        values["baseline"] = st.selectbox(
            texts["planning.baseline"],
            BASELINES,
            index=BASELINES.index("decided"),
            format_func=lambda b: texts[f"planning.baseline_{b}"],
            key="plan-baseline",
        )
    return values


def _places(view: View, context: AppContext, run: RunResult, shown: str) -> tuple[str, Any, list[str], list[str]]:
    """The planner's own places, and candidates of the shown plan to force in or to leave out, named by position."""
    texts = view.texts
    left, right = st.columns(2, gap="large")
    with left:
        typed = st.text_area(texts["planning.own_typed"], key="plan-own", height=110)
        file = st.file_uploader(texts["planning.own_file"], type=FILES, key="plan-own-file")
    known = _candidates(view, context, run, shown)
    with right:
        st.caption(texts["planning.places_note"])
        chosen = [
            st.multiselect(
                texts[name], list(known), format_func=lambda k: known.get(k, k), accept_new_options=True, key=key,
                placeholder=texts["planning.choose_places"], max_selections=MOST_PLACES,
            )
            for name, key in (("planning.forced", "plan-forced"), ("planning.excluded", "plan-excluded"))
        ]  # fmt: skip
    return str(typed or ""), file, [str(v) for v in chosen[0]], [str(v) for v in chosen[1]]


def _candidates(view: View, context: AppContext, run: RunResult, shown: str) -> Mapping[str, str]:
    """"lat,lon" → what a person calls the place; most people first."""
    if not shown:
        return {}
    table = run.municipalities
    names = dict(zip(table["municipality_code"].astype(str), table["name"].astype(str), strict=True))
    rows = sorted(planning.candidates_of(context, shown), key=lambda c: -c["people_alone"])
    return {
        f"{c['lat']},{c['lon']}": view.text(
            "planning.candidate",
            name=c["name"] or c["candidate_id"],
            municipality=names.get(c["municipality_code"] or "", view.texts["value.none"]),
            people=f"{c['people_alone']:,.0f}",
        )
        for c in rows
    }


def _details(view: View, context: AppContext, operator: str, *, by_year: bool) -> dict[str, Any]:
    """Costs, antennas, candidates, the solver and what stands beside the plan."""
    texts, region = view.texts, context.config
    left, middle, right = st.columns(3, gap="medium")

    def number(name: str, value: float, **limits: Any) -> Any:
        return st.number_input(texts[name], value=value, key=f"plan-{name.partition('.')[2]}", **limits)

    values: dict[str, Any] = {}
    with left:
        for field, name, yen in (
            ("site_cost_yen", "planning.site_cost", region.planning.site_cost_yen),
            ("joint_cost_yen", "planning.joint_cost", region.planning.joint_cost_yen),
        ):
            asked = int(number(name, yen // 1000, min_value=0, step=1_000))
            # What nobody changed stays the region's own, to the yen.
            values[field] = None if asked == yen // 1000 else asked * 1000
        values["operators_joining"] = int(number("planning.joining", 1, min_value=1, max_value=9))
        bands = ["", *region.operators[operator].bands]
        band = st.selectbox(
            texts["planning.band"], bands, format_func=lambda b: b or texts["planning.band_default"], key=f"plan-band-{operator}"
        )
        values["band"] = str(band) or None
        values["height_m"] = float(number("planning.height", 0.0, min_value=0.0, max_value=300.0, step=5.0)) or None
        values["margin_db"] = float(number("planning.margin", 0.0, min_value=-20.0, max_value=40.0, step=1.0))
    with middle:
        values["max_candidates"] = int(number("planning.max_candidates", 400, min_value=1, max_value=5000, step=50))
        values["spacing_m"] = float(number("planning.spacing", 400.0, min_value=1.0, max_value=10_000.0, step=50.0))
        values["time_limit_s"] = float(number("planning.time", 60, min_value=5, max_value=600))
        values["gap"] = float(number("planning.gap_limit", 0.0, min_value=0.0, max_value=20.0, step=0.1)) / 100
        values["seed"] = int(number("planning.seed", 1, min_value=0))
    with right:
        kinds = [k for k in PARETO_WORDS if k != "cost" or not by_year]
        pareto = "" if by_year else st.selectbox(
            texts["planning.pareto"], kinds, index=1, format_func=lambda k: texts[PARETO_WORDS[k]], key="plan-pareto"
        )  # fmt: skip
        values["pareto"] = str(pareto)
        values["alternatives"] = int(number("planning.n_alternatives", 3, min_value=0, max_value=20))
        values["epsilon"] = float(number("planning.epsilon", 2.0, min_value=0.0, max_value=100.0, step=0.5)) / 100
        values["distance"] = int(number("planning.distance", 1, min_value=1, max_value=50))
        values["draws"] = int(number("planning.draws", 0, min_value=0, max_value=200))
        values["threshold_error_db"] = float(number("planning.threshold_error", 2.0, min_value=0.0, max_value=20.0, step=0.5))
    return values
