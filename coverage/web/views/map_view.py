"""地図: the run's map page in a frame of its own origin, and the same facts as a table below it."""

from __future__ import annotations

import math
from typing import Any

import streamlit as st

from coverage.domain import fiscal
from coverage.runs.result import RunResult
from coverage.services.access import Action, Object
from coverage.web import frame
from coverage.web.frame import Column, View

MAP_HEIGHT_PX = 660


def show(view: View, run: RunResult) -> None:
    """The page."""
    region = str(run.meta["region"][f"name_{view.lang}"])
    frame.head(view.text("map.title", region=region), view.texts["map.lede"])
    plans = "&plans=1" if view.may(Action.VIEW, Object.PLANNED_SITE) else ""
    address = f"/map/{run.run_id}.html?lang={view.lang}{plans}"
    st.iframe(address, height=MAP_HEIGHT_PX, alt=view.text("map.alt", region=region))
    st.markdown(f"[{view.texts['map.open']}]({address})")
    st.subheader(view.texts["map.table"], anchor=False)
    st.caption(view.texts["map.table_note"])
    labels = {fy: fiscal.label(fy, view.lang) for fy in run.fiscal_years}
    fy = st.selectbox(
        view.texts["map.year"],
        options=list(reversed(run.fiscal_years)),
        format_func=lambda year: labels[year],
        key="map-table-year",
        width=260,
    )
    _table(view, run, int(fy))


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
