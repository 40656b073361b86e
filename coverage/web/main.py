"""The script that Streamlit runs for every page: language, frame, navigation. Pages themselves are in ``views/``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import streamlit as st

from coverage.runs.result import RunResult
from coverage.services.access import Action, Object
from coverage.web import frame
from coverage.web.frame import View
from coverage.web.views import (
    approvals,
    challenges,
    data,
    home,
    indicators,
    manage,
    map_view,
    planning,
    progress,
    tour,
    upload,
)

# Address, page, and the right that offers it. Pages for staff say why not to those who type their address. (A comment:
# Streamlit shows a string that stands alone in this script on every page.)
PAGES: Final[tuple[tuple[str, Callable[[View, RunResult], None], tuple[Action, Object] | None], ...]] = (
    ("home", home.show, None),
    ("map", map_view.show, None),
    ("progress", progress.show, None),
    ("indicators", indicators.show, None),
    ("data", data.show, None),
    ("challenges", challenges.show, None),
    ("upload", upload.show, (Action.UPLOAD, Object.IMPORT)),
    ("approvals", approvals.show, (Action.UPLOAD, Object.IMPORT)),
    ("planning", planning.show, (Action.COMPUTE, Object.SCENARIO)),
    ("manage", manage.show, (Action.COMPUTE, Object.RUN)),
    ("tour", tour.show, None),
)

view = frame.open_view()
texts = view.texts
st.set_page_config(
    page_title=texts["app.title"],
    page_icon=frame.ICON,
    layout="wide",
    initial_sidebar_state="collapsed",
    menu_items={"Get Help": None, "Report a bug": None, "About": texts("app.about", version=view.version)},
)
# Administration works before the first run: that is where the first run is started.
without_run = {"manage": manage.show_without_run}
st.navigation(
    [
        st.Page(
            partial(frame.render, view, show, without_run=without_run.get(name)),
            title=texts[f"page.{name}"],
            url_path=name,
            default=name == "home",
            visibility="visible" if right is None or view.may(*right) else "hidden",
        )
        for name, show, right in PAGES
    ],
    position="top",
).run()
