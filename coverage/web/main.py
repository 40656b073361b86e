"""The script that Streamlit runs for every page: language, frame, navigation. Pages themselves are in ``views/``."""

from __future__ import annotations

from functools import partial

import streamlit as st

from coverage.web import frame
from coverage.web.views import data, indicators, map_view, progress

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
    st.Page(
        partial(frame.render, view, map_view.show), title=texts["page.map"], url_path="map", default=True
    ),
    st.Page(partial(frame.render, view, progress.show), title=texts["page.progress"], url_path="progress"),
    st.Page(
        partial(frame.render, view, indicators.show), title=texts["page.indicators"], url_path="indicators"
    ),
    st.Page(partial(frame.render, view, data.show), title=texts["page.data"], url_path="data"),
]
st.navigation(pages, position="top").run()
