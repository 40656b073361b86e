"""The three definitions of population coverage side by side, worked out with the run's own figures."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from coverage.runs.result import RunResult
from coverage.services.coverage_example import Worked, coverage_example
from coverage.web import frame
from coverage.web.frame import Column, View
from coverage.web.views.map_view import percent

_WORDS: Final = {
    "area": ("definitions.area", "definitions.area_how"),
    "half_mesh": ("definitions.half_mesh", "definitions.half_mesh_how"),
    "cell": ("definitions.cell", "definitions.cell_how"),
}


def show_definitions(view: View, run: RunResult) -> None:
    """What each definition counts, then one municipality's arithmetic; only the words where gaps are no statement."""
    texts = view.texts
    st.subheader(texts["definitions.title"], anchor=False)
    example = coverage_example(run)
    titles = ["definitions.name", "definitions.how"]
    if example is None:
        rows: list[list[Any]] = [[texts[name], texts[how]] for name, how in _WORDS.values()]
        frame.sheet([Column(texts[t], wrap=True) for t in titles], rows)
        st.caption(texts["definitions.none"])
        return
    rows = [
        [
            texts[_WORDS[one.definition][0]],
            texts[_WORDS[one.definition][1]],
            _people(one.served),
            _arithmetic(one),
            percent(one.coverage),
        ]
        for one in example.worked
    ]
    titles += ["definitions.served", "definitions.arithmetic", "definitions.coverage"]
    frame.sheet(
        [Column(texts[t], number=i > 1, wrap=i == 1) for i, t in enumerate(titles)],
        rows,
        caption=view.text(
            "definitions.example",
            name=example.name,
            year=frame.year_label(view, example.fiscal_year),
            people=_people(example.worked[0].population),
        ),
    )
    st.caption(texts["definitions.note"])


def _arithmetic(one: Worked) -> str:
    """Population, unknown, unserved: "(1,030 − 0 − 12.5) ÷ (1,030 − 0)"."""
    people, unknown, unserved = (_people(n) for n in (one.population, one.unknown, one.unserved))
    return f"({people} − {unknown} − {unserved}) ÷ ({people} − {unknown})"


def _people(number: float) -> str:
    """Persons: a tenth where the share of a cell makes fractions."""
    return f"{number:,.0f}" if abs(number - round(number)) < 0.05 else f"{number:,.1f}"
