"""The app of this repository, for ``streamlit run app.py`` (options in .streamlit/config.toml).

``make app`` and ``coverage-gap serve`` start the same app and compute the region first where there is no run yet.
"""

from pathlib import Path

import streamlit as st

from coverage.web.routes import EXCEPTION_HANDLERS, MIDDLEWARE, ROUTES

app = st.App(
    Path(__file__).resolve().parent / "coverage" / "web" / "main.py",
    routes=ROUTES,
    middleware=MIDDLEWARE,
    exception_handlers=EXCEPTION_HANDLERS,
)
