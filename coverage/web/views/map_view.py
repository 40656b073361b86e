"""地図: the live map, two of them side by side, and the same facts as a table below."""

from __future__ import annotations

import math
from typing import Any, Final

import streamlit as st

from coverage.domain import fiscal
from coverage.runs.result import RunResult
from coverage.web import documents, frame
from coverage.web.frame import Column, View
from coverage.web.live_map.component import live_map
from coverage.web.live_map.data import may_see_plans

CHALLENGES: Final = "challenges"
"""Address of the page where anybody files that there is no signal."""


def show(view: View, run: RunResult) -> None:
    """The page."""
    region = str(run.meta["region"][f"name_{view.lang}"])
    frame.head(view.text("map.title", region=region), view.texts["map_view.lede"])
    plans = may_see_plans(run, view.principal)
    live_map(
        {
            "lang": view.lang,
            "plans": plans,
            "challenges": CHALLENGES in documents.PAGES,
            "problem": view.texts["map_view.problem"],
            "sides": [{"base": f"/map-data/{run.run_id}"}],
        },
        key="live-map",
    )
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
