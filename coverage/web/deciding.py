"""What a page shows while an upload is handed in, accepted or taken back beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import streamlit as st

from coverage.services.decisions import Decision, decide
from coverage.services.imports import ImportReceipt
from coverage.web import frame
from coverage.web.frame import View

PATIENCE_S: Final = 1.5
"""How long a page waits itself: most lists are in the ledger by then, and nobody sees an intermediate state."""


def begin(
    view: View, phase: str, work: Callable[[], ImportReceipt], remember: Callable[[Decision], None]
) -> None:
    """Start it and wait a moment; ``phase`` names what is being done.

    ``remember`` puts it into the visitor's session before the wait: whoever goes to another page meanwhile ends this
    run of the page there and then, and finds the outcome on coming back all the same.
    """
    decision = decide(work)
    remember(decision)
    with st.spinner(view.texts[f"phase.{phase}"]):
        decision.wait(PATIENCE_S)


@st.fragment(run_every=1.0)
def watch(view: View, phase: str, decision: Decision) -> None:
    """How long it has taken so far; only this part is drawn again, until it has ended."""
    if decision.ended:
        st.rerun()
    words = view.text("phase.elapsed", phase=view.texts[f"phase.{phase}"], s=f"{decision.elapsed_s:.0f}")
    st.html(frame.notice(words, kind="plain"))
