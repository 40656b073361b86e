"""A button that starts work of minutes on the ledger, how far it is, and what came of it until somebody has read it."""

from __future__ import annotations

from typing import Final

import streamlit as st

from coverage.errors import CoverageGapError
from coverage.report.escape import esc
from coverage.services import upkeep as use_case
from coverage.services.upkeep import Upkeep, Work
from coverage.web import frame
from coverage.web.app_context import web_context
from coverage.web.frame import View
from coverage.web.manage_parts import when

_START: Final[dict[Work, str]] = {"verify": "manage.verify", "backup": "manage.backup_now"}
_RUNNING: Final[dict[Work, str]] = {"verify": "manage.verifying", "backup": "manage.backing_up"}


def upkeep(view: View, work: Work) -> None:
    """The button and, above it, what became of the last time."""
    job = use_case.current(web_context(), work, principal=view.principal)
    if job is not None and job.state == "running":
        _watch(view, work, job.job_id)
        return
    if job is not None:
        _outcome(view, work, job)
    if st.button(view.texts[_START[work]], type="primary", key=f"upkeep-{work}"):
        try:
            use_case.start(web_context(), work, principal=view.principal)
        except CoverageGapError as error:
            st.session_state["manage-wrong"] = error.text(view.lang)
        st.rerun()


@st.fragment(run_every=1.0)
def _watch(view: View, work: Work, job_id: str) -> None:
    """Only this part of the page is drawn again every second."""
    job = use_case.current(web_context(), work, principal=view.principal)
    if job is None or job.state != "running":
        st.rerun()
    st.progress(0.5, text=view.text(_RUNNING[work], by=job.owner, at=when(job.started_at, "")))


def _outcome(view: View, work: Work, job: Upkeep) -> None:
    if job.state != "done":
        words = (job.en if view.lang == "en" else job.ja) or view.texts["manage.ended_early"]
        st.html(frame.notice(words, kind="grave"))
    elif work == "backup":
        words = view.text("manage.backed_up", name=job.answer["name"], seq=job.answer["seq"])
        st.html(frame.notice(words, kind="plain") + _digest(view, str(job.answer["head"])))
    else:
        _verdict(view, job)
    if st.button(view.texts["manage.dismiss"], key=f"upkeep-dismiss-{work}", type="tertiary"):
        use_case.dismiss(web_context(), job.job_id, work, principal=view.principal)
        st.rerun()


def _verdict(view: View, job: Upkeep) -> None:
    answer = job.answer
    if answer["ok"]:
        words = view.text(
            "manage.verified",
            entries=f"{answer['entries']:,}",
            rows=f"{answer['rows']:,}",
            anchors=answer["anchors"],
        )
        st.html(
            frame.notice(words, head=view.texts["manage.sound"], kind="plain")
            + _digest(view, f"{answer['seq']}:{answer['head']}")
        )
        return
    lines = "".join(
        f"<li>{esc(f['en'] if view.lang == 'en' else f['ja'])}</li>" for f in answer["findings"][:50]
    )
    sentence = view.text("manage.broken", n=len(answer["findings"]))
    st.html(
        frame.notice(sentence, head=view.texts["manage.unsound"], kind="grave")
        + f'<ul class="remarks">{lines}</ul>'
    )


def _digest(view: View, head: str) -> str:
    return f'<p class="manage-head">{esc(view.texts["manage.head"])} <code>{esc(head)}</code></p>'
