"""The app as an ASGI application: pages by Streamlit, routes and headers by us, in one process.

``coverage-gap serve`` runs this; ``app.py`` at the root of the repository is the same for ``streamlit run app.py``.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from coverage.web.routes import EXCEPTION_HANDLERS, MIDDLEWARE, ROUTES

app = st.App(
    Path(__file__).resolve().parent / "main.py",
    routes=ROUTES,
    middleware=MIDDLEWARE,
    exception_handlers=EXCEPTION_HANDLERS,
)
