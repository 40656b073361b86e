"""The script that Streamlit runs for every page: language, frame, navigation. Pages themselves are in ``views/``."""

from __future__ import annotations

from functools import partial
from typing import Literal

import streamlit as st

from coverage.services.access import Action, Object
from coverage.web import frame
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
    upload,
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
pages = [
    st.Page(partial(frame.render, view, home.show), title=texts["page.home"], url_path="home", default=True),
    st.Page(partial(frame.render, view, map_view.show), title=texts["page.map"], url_path="map"),
    st.Page(partial(frame.render, view, progress.show), title=texts["page.progress"], url_path="progress"),
    st.Page(
        partial(frame.render, view, indicators.show), title=texts["page.indicators"], url_path="indicators"
    ),
    st.Page(partial(frame.render, view, data.show), title=texts["page.data"], url_path="data"),
    st.Page(
        partial(frame.render, view, challenges.show), title=texts["challenges.nav"], url_path="challenges"
    ),
]
# Pages for staff are offered to those who may use them, and say why not to those who type their address.
visibility: Literal["visible", "hidden"] = "visible" if view.may(Action.UPLOAD, Object.IMPORT) else "hidden"
for show, name in ((upload.show, "upload"), (approvals.show, "approvals")):
    page = partial(frame.render, view, show)
    pages.append(st.Page(page, title=texts[f"page.{name}"], url_path=name, visibility=visibility))
pages.append(
    st.Page(
        partial(frame.render, view, planning.show),
        title=texts["page.planning"],
        url_path="planning",
        visibility="visible" if view.may(Action.COMPUTE, Object.SCENARIO) else "hidden",
    )
)
pages.append(
    st.Page(
        partial(frame.render, view, manage.show, without_run=manage.show_without_run),
        title=texts["page.manage"],
        url_path="manage",
        visibility="visible" if view.may(Action.COMPUTE, Object.RUN) else "hidden",
    )
)
st.navigation(pages, position="top").run()
