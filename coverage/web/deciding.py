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


def begin(view: View, phase: str, work: Callable[[], ImportReceipt]) -> Decision:
    """Start it and wait a moment; ``phase`` names what is being done."""
    decision = decide(work)
    with st.spinner(view.texts[f"phase.{phase}"]):
        decision.wait(PATIENCE_S)
    return decision


@st.fragment(run_every=1.0)
def watch(view: View, phase: str, decision: Decision) -> None:
    """How long it has taken so far; only this part is drawn again, until it has ended."""
    if decision.ended:
        st.rerun()
    words = view.text("phase.elapsed", phase=view.texts[f"phase.{phase}"], s=f"{decision.elapsed_s:.0f}")
    st.html(frame.notice(words, kind="plain"))
