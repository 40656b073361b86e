"""地図: the live map, two of them side by side, and the same facts as a table below."""

from __future__ import annotations

import math
from typing import Any, Final

import streamlit as st

from coverage.domain import fiscal
from coverage.runs.result import RunResult
from coverage.services import side_by_side
from coverage.services.side_by_side import MapState
from coverage.web import documents, frame
from coverage.web.app_context import web_context
from coverage.web.frame import Column, View
from coverage.web.live_map.component import live_map
from coverage.web.live_map.data import may_see_plans

CHALLENGES: Final = "challenges"
"""Address of the page where anybody files that there is no signal."""
MOST_PLANNED: Final = 60
"""Sites of a plan that get their number on the map."""


def show(view: View, run: RunResult) -> None:
    """The page."""
    region = str(run.meta["region"][f"name_{view.lang}"])
    title, choice = st.columns([4, 1.15], vertical_alignment="bottom")
    with title:
        frame.head(view.text("map.title", region=region), view.texts["map_view.lede"])
    with choice:
        two = (
            st.segmented_control(
                view.texts["map_view.mode"],
                ["one", "two"],
                format_func=lambda mode: view.texts[
                    "map_view.mode_two" if mode == "two" else "map_view.mode_one"
                ],
                default="one",
                required=True,
                key="map-mode",
                label_visibility="collapsed",
            )
            == "two"
        )
    if two:
        _beside(view, run)
        return
    plans = may_see_plans(run, view.principal)
    live_map(_data(view, plans, [{"base": f"/map-data/{run.run_id}"}]), key="live-map")
    _figures(view, run, plans=plans)


@st.fragment
def _figures(view: View, run: RunResult, *, plans: bool) -> None:
    """The table of one year and what can be kept of it. Another year sends this part again and nothing else."""
    labels = {fy: fiscal.label(fy, view.lang) for fy in run.fiscal_years}
    st.subheader(view.texts["map.table"], anchor=False)
    st.caption(view.texts["map.table_note"])
    fy = int(
        st.selectbox(
            view.texts["map.year"],
            options=list(reversed(run.fiscal_years)),
            format_func=lambda year: labels[year],
            key="map-table-year",
            width=260,
        )
    )
    _table(view, run, fy)
    _keep(view, run, fy, plans=plans)


def _data(view: View, plans: bool, sides: list[dict[str, Any]]) -> dict[str, Any]:
    """What the map is told: the language, what may be shown, and where each side's data lie."""
    return {
        "lang": view.lang,
        "plans": plans,
        "challenges": CHALLENGES in documents.PAGES,
        "problem": view.texts["map_view.problem"],
        "sides": sides,
    }


def _beside(view: View, run: RunResult) -> None:
    """Two linked maps and the difference of people unserved by municipality."""
    context = web_context()
    states = side_by_side.offered_states(context, run, principal=view.principal)
    if len(states) < 2:
        st.html(frame.notice(view.texts["map_view.only_one"], kind="plain"))
        return
    names = {state: _state_name(view, run, state) for state in states}
    columns = st.columns(2)
    # The year before on the left, the latest on the right: what most people want to see.
    chosen = [
        column.selectbox(
            view.texts[f"map_view.{side}"],
            options=states,
            index=index,
            format_func=lambda state: names[state],
            key=f"map-{side}",
        )
        for column, side, index in zip(columns, ("left", "right"), (1, 0), strict=True)
    ]
    left, right = chosen
    if left == right:
        st.html(frame.notice(view.texts["map_view.same"], kind="plain"))
        return
    rows = side_by_side.difference(context, left, right, principal=view.principal)
    plans = may_see_plans(run, view.principal)
    live_map(_data(view, plans, [_side(view, state, names[state]) for state in chosen]), key="live-map-two")
    st.subheader(view.texts["map_view.difference"], anchor=False)
    st.caption(view.text("map_view.difference_note", left=names[left], right=names[right]))
    for state in (left, right):
        if state.plan_id:
            st.caption(view.text("map_view.plan_note", year=fiscal.label(state.fiscal_year, view.lang)))
            break
    unknown = view.texts["value.not_computable"]
    region = str(run.meta["region"][f"name_{view.lang}"])
    body = [
        [
            region if row["code"] == run.region_code else row["name"],
            *(unknown if row[key] is None else whole(row[key]) for key in ("left", "right")),
            unknown if row["change"] is None else signed(_rounded(row["right"]) - _rounded(row["left"])),
        ]
        for row in rows
    ]
    headings = ("column.municipality", "map_view.left", "map_view.right", "map_view.change")
    frame.sheet([Column(view.texts[name], number=i > 0) for i, name in enumerate(headings)], body, total=True)


def _state_name(view: View, run: RunResult, state: MapState) -> str:
    year = fiscal.label(state.fiscal_year, view.lang)
    if state.plan_id:
        return view.text("map_view.state_plan", plan=state.plan_id[:8], year=year)
    if state.run_id != run.run_id:
        return view.text("map_view.state_run", year=year, run=state.run_id[:8])
    return view.text("map_view.state", year=year)


def _side(view: View, state: MapState, title: str) -> dict[str, Any]:
    base = f"/map-data/{state.run_id}"
    side: dict[str, Any] = {"base": base, "year": state.fiscal_year, "title": title}
    if state.plan_id:
        sites = side_by_side.plan_sites(web_context(), state.plan_id, principal=view.principal)
        side["newly"] = f"{base}/plans/{state.plan_id}.png"
        side["planned"] = [{"lat": site["lat"], "lon": site["lon"]} for site in sites[:MOST_PLANNED]]
    return side


def _keep(view: View, run: RunResult, fy: int, *, plans: bool) -> None:
    """Links to what can be kept: the map as one file, and the year's picture."""
    more = "&plans=1" if plans else ""
    page = f"/map/{run.run_id}.html?lang={view.lang}{more}"
    picture = f"/map-data/{run.run_id}/still.png?fy={fy}&lang={view.lang}&download=1"
    label = view.text("map_view.picture", year=fiscal.label(fy, view.lang))
    st.markdown(f"[{view.texts['map_view.print']}]({page})  \n[{label}]({picture})")


def _table(view: View, run: RunResult, fy: int) -> None:
    texts = view.texts
    computable = run.is_computable()
    columns = [
        Column(texts["column.municipality"]),
        Column(texts["column.population"], number=True),
        Column(texts["column.unserved"], number=True),
        Column(texts["column.coverage_area"], number=True),
        Column(texts["column.coverage_half_mesh"], number=True),
        Column(texts["column.coverage_cell"], number=True),
        Column(texts["column.shelters"], number=True),
        Column(texts["column.sites"], number=True),
        Column(texts["column.districts"], number=True),
        Column(texts["column.register_people"], number=True),
    ]
    table = run.municipalities
    records = table[table["fiscal_year"] == fy].to_dict("records")
    rows = [_row(view, run, record, computable) for record in records]
    frame.sheet(columns, rows, total=True)


def _row(view: View, run: RunResult, record: dict[str, Any], computable: bool) -> list[Any]:
    unknown = view.texts["value.not_computable"]
    code = str(record["municipality_code"])
    name = str(run.meta["region"][f"name_{view.lang}"]) if code == run.region_code else str(record["name"])
    shelters = whole(record["shelters"])
    if computable:
        figures = [
            whole(record["unserved_people_area"]),
            percent(record["coverage_area"]),
            percent(record["coverage_half_mesh"]),
            percent(record["coverage_cell"]),
            f"{whole(record['unserved_shelters'])} / {shelters}",
        ]
    else:
        figures = [unknown, unknown, unknown, unknown, f"{unknown} / {shelters}"]
    return [
        name,
        whole(record["population"]),
        *figures,
        whole(record["sites_in_service"]),
        whole(record["districts_registered"]),
        whole(record["register_people"]),
    ]


def _rounded(value: float) -> int:
    """As :func:`whole` prints it: the difference in a row is that of the two numbers that stand there."""
    return math.floor(value + 0.5)


def signed(value: int) -> str:
    """-12 → "−12", 4 → "+4", 0 → "0"."""
    return "0" if value == 0 else f"{'+' if value > 0 else '−'}{abs(value):,}"


def whole(value: Any) -> str:
    """1234.5 → "1,235"; 「—」 for nothing."""
    return "—" if _missing(value) else f"{math.floor(float(value) + 0.5):,}"


def percent(share: Any) -> str:
    """0.98765 → "98.77 %". Only full coverage prints 100.00."""
    if _missing(share):
        return "—"
    hundredths = 10_000 if share >= 1.0 else min(9_999, math.floor(float(share) * 10_000 + 0.5))
    return f"{hundredths / 100:.2f} %"


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))
