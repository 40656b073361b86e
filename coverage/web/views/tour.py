"""使い方: a tour through the pages that this visitor may use, five minutes for everybody, with this region's figures, and the words."""

from __future__ import annotations

from typing import Final

import streamlit as st

from coverage.report.escape import esc
from coverage.runs.result import RunResult
from coverage.services import home
from coverage.services.access import Action, Object
from coverage.web import frame
from coverage.web.frame import Column, Html, View
from coverage.web.views.map_view import whole

STEPS: Final[tuple[tuple[str, int, tuple[Action, Object] | None], ...]] = (
    ("home", 1, None),
    ("map", 1, None),
    ("progress", 1, None),
    ("data", 1, None),
    ("challenges", 1, (Action.FILE, Object.CHALLENGE)),
    ("upload", 2, (Action.UPLOAD, Object.IMPORT)),
    ("planning", 2, (Action.COMPUTE, Object.SCENARIO)),
    ("approvals", 1, (Action.ACCEPT, Object.IMPORT)),
    ("manage", 1, (Action.MANAGE, Object.USER)),
)
"""Page, minutes, and the right that offers it. The first five are the tour of everybody."""
WORDS: Final = ("gap", "count", "year", "rsrp", "coverage", "uncomputable", "estimate", "forecast", "p1812")


def show(view: View, run: RunResult) -> None:
    """The page."""
    texts = view.texts
    steps = [(name, minutes) for name, minutes, right in STEPS if right is None or view.may(*right)]
    frame.head(view.text("tour.title", minutes=sum(minutes for _, minutes in steps)), texts["tour.lede"])
    rows: list[list[str]] = []
    for name, minutes in steps:
        seen = _first_figures(view, run) if name == "home" else texts[f"tour.{name}_see"]
        rows.append(
            [
                str(len(rows) + 1),
                _link(view, name),
                texts[f"tour.{name}_try"],
                seen,
                view.text("tour.minutes", n=minutes),
            ]
        )
    frame.sheet(
        [
            Column(texts["tour.column_step"], number=True),
            Column(texts["tour.column_page"]),
            Column(texts["tour.column_try"], wrap=True),
            Column(texts["tour.column_see"], wrap=True),
            Column(texts["tour.column_minutes"], number=True),
        ],
        rows,
    )
    st.subheader(texts["tour.words"], anchor=False)
    items = "".join(
        f"<dt>{esc(texts[f'tour.word_{word}'])}</dt><dd>{esc(texts[f'tour.meaning_{word}'])}</dd>"
        for word in WORDS
    )
    st.html(f'<dl class="words">{items}</dl>')


def _first_figures(view: View, run: RunResult) -> str:
    """What the first page says of this region, so that a reader can check that it is the same."""
    texts = view.texts
    counted = home.count_now(run)
    if counted.total is None or counted.target is None:
        return texts["tour.home_see_plain"]
    people = home.people_now(run, counted.fiscal_year)
    return view.text(
        "tour.home_see",
        year=frame.year_label(view, counted.fiscal_year),
        count=whole(counted.total),
        target=whole(counted.target),
        people=whole(people.now) if people.computable else texts["value.not_computable"],
    )


def _link(view: View, name: str) -> Html:
    address = "/" if name == "home" else f"/{name}"
    lang = "" if view.lang == "ja" else f"?lang={view.lang}"
    return Html(f'<a href="{address}{lang}" target="_self">{esc(view.texts[f"page.{name}"])}</a>')
