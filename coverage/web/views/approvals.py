"""承認: what waits for an administrator, what it would change, what was decided before and by whom."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import streamlit as st

from coverage.domain.fiscal import TOKYO
from coverage.errors import ConflictError, CoverageGapError
from coverage.report.escape import esc
from coverage.runs.result import RunResult
from coverage.services import imports
from coverage.services.access import Action, Object, allowed, import_resource
from coverage.services.context import AppContext
from coverage.services.corrections import told_by_line
from coverage.services.decisions import Decision
from coverage.services.import_preview import Preview
from coverage.services.imports import ImportRecord, ImportState, Store, import_steps
from coverage.services.ledger import today
from coverage.services.upload_jobs import (
    StagedDifference,
    accept_staged,
    start_difference,
    start_undo_difference,
    undo_accepted,
)
from coverage.web import frame
from coverage.web.app_context import has_ledger, open_ledger, web_context
from coverage.web.deciding import begin, watch
from coverage.web.frame import Column, Html, View
from coverage.web.views.home import link
from coverage.web.views.upload_difference import show_difference, show_undo
from coverage.web.views.upload_reading import REMARKS_SHOWN

Differences = dict[tuple[str, str, str, date], StagedDifference]
"""By import, what is done with it, head of the audit chain and day."""
SHOWN = 30
_KEPT = 20
"""Differences that a session remembers, so that a click does not count the ledger anew."""


def show(view: View, run: RunResult) -> None:
    """The page."""
    frame.head(view.texts["approvals.title"], view.texts["approvals.lede"])
    context = web_context()
    if not view.may(Action.VIEW, Object.IMPORT):
        st.html(frame.notice(view.texts["approvals.not_allowed"], kind="plain"))
        return
    if not has_ledger(context):
        begins = view.may(Action.MANAGE, Object.DATASET)
        words = view.texts["approvals.no_ledger_admin" if begins else "approvals.no_ledger"]
        st.html(frame.notice(words, kind="plain"))
        if begins:
            link(view, "upload", view.texts["approvals.to_upload"])
        return
    with open_ledger(context) as store:
        records = list(store.imports())
        _settle(view, records)
        said = st.session_state.pop("approval-said", None)
        if said:
            st.html(frame.notice(said[0], kind="plain"))
            if said[1]:
                st.markdown(view.text("receipt.unpublished", lang=view.lang))
        waiting = [r for r in records if r.state is ImportState.STAGED]
        st.subheader(view.text("approvals.waiting", n=len(waiting)), anchor=False)
        if not waiting:
            st.caption(view.texts["approvals.none"])
        for i, record in enumerate(waiting):
            _waiting(view, run, context, store, record, opened=i == 0)
        _decided(view, run, context, store, [r for r in records if r.state is not ImportState.STAGED])


def _facts(view: View, store: Store, record: ImportRecord) -> list[Any]:
    steps = import_steps(store, record.import_id)
    sent = _when(steps[0].at) if steps else view.texts["value.none"]
    kind = view.texts[f"upload.kind_{record.table_name}"]
    return [record.file_name, record.import_id, kind, record.submitted_by, sent]


def _when(at: Any) -> str:
    return str(at.astimezone(TOKYO).strftime("%Y-%m-%d %H:%M"))


def _waiting(
    view: View, run: RunResult, context: AppContext, store: Store, record: ImportRecord, *, opened: bool
) -> None:
    own = record.import_id
    with st.container(border=True, key=f"waiting-{own}"):
        titles = ("column.file_name", "column.receipt", "column.what", "column.by", "column.when")
        frame.sheet([Column(view.texts[t]) for t in titles], [_facts(view, store, record)])
        if own in _running():
            _watch(view, own)
            return
        if record.mapping.get("revises"):
            st.caption(view.text("approvals.revises", id=record.mapping["revises"]))
        # The count of every list that waits would be made anew for all of them: the others on demand.
        if opened or st.toggle(view.texts["approvals.open"], key=f"open-{own}"):
            try:
                show_difference(
                    view,
                    run,
                    _difference(
                        view,
                        store,
                        record,
                        "accept",
                        lambda: start_difference(context, record, principal=view.principal),
                    ),
                )
            except CoverageGapError as error:
                st.html(frame.notice(error.text(view.lang), kind="grave"))
            _as_sent(view, record)
        if view.may(Action.ACCEPT, Object.IMPORT):
            _decide(view, store, record)
        if allowed(view.principal, Action.WITHDRAW, import_resource(record)):
            _withdraw(view, store, record)


def _difference(
    view: View, store: Store, record: ImportRecord, deed: str, start: Callable[[], StagedDifference]
) -> Preview:
    """The difference against the ledger as it is now, made beside the page and remembered until the ledger moves or the
    day is over, on which a site may begin. ``deed``: what is to be done with the import."""
    kept: Differences = st.session_state.setdefault("approval-differences", {})
    key = (record.import_id, deed, store.head().hash, today())
    if key not in kept or kept[key].problem is not None:
        make_room(kept, record.import_id)
        kept[key] = start()
    made = kept[key]
    with st.spinner(view.texts["phase.comparing"]):
        pause = st.empty()
        while not made.wait(0.5):
            # Each look at the page is a place at which Streamlit may leave for another one.
            pause.empty()
    return made.result()


def make_room(kept: Differences, import_id: str) -> None:
    """Drop what was begun for this import and is overtaken, and the oldest beyond :data:`_KEPT`. One that still runs is
    ended: it holds one of the two turns that uploads have on a server."""
    for key in [key for key in kept if key[0] == import_id]:
        kept.pop(key).cancel()
    while len(kept) >= _KEPT:
        kept.pop(next(iter(kept))).cancel()


def _as_sent(view: View, record: ImportRecord) -> None:
    """What the reader said, what was answered and corrected by hand, and the file itself."""
    remarks = [*record.report.get("errors", []), *record.report.get("warnings", [])]
    if remarks:
        with st.expander(view.text("approvals.remarks", n=len(remarks))):
            read = record.report.get("understood") or {}
            sentences = (
                told_by_line(r["message_en" if view.lang == "en" else "message"], read, r["row"])
                for r in remarks[:REMARKS_SHOWN]
            )
            words = "".join(f"<li>{esc(sentence)}</li>" for sentence in sentences)
            st.html(f'<ul class="remarks">{words}</ul>')
    told = []
    answers = [name for name in record.mapping if name not in ("corrected_rows", "revises")]
    if answers:
        # A mapping may hold more than the page asks for; what has no word is left to the file of answers.
        named = [word for word in (view.texts.get(f"question.{name}_label") for name in answers) if word]
        told.append(view.text("approvals.answered", names=view.texts["value.comma"].join(named or answers)))
    if record.mapping.get("corrected_rows"):
        told.append(view.text("approvals.corrected", n=len(record.mapping["corrected_rows"])))
    if told:
        st.caption(" ".join(told))
    st.download_button(
        view.texts["approvals.file"], lambda: store_content(record), record.file_name, key=f"file-{record.import_id}",
        on_click="ignore",
    )  # fmt: skip


def store_content(record: ImportRecord) -> bytes:
    """The file as it was sent; asked for when it is wanted, after the page's own store was closed."""
    with open_ledger(web_context()) as store:
        return store.content(record.file_sha256)


def _decide(view: View, store: Store, record: ImportRecord) -> None:
    own = record.import_id
    overwrite = False
    conflict = st.session_state.get(f"conflict-{own}")
    if conflict:
        st.html(frame.notice(conflict, kind="grave"))
        overwrite = st.checkbox(view.texts["approvals.overwrite"], key=f"overwrite-{own}")
    if st.button(view.texts["approvals.accept"], type="primary", key=f"accept-{own}"):
        context = web_context()
        begin(
            view,
            "accepting",
            lambda: accept_staged(context, record, principal=view.principal, overwrite=overwrite),
            lambda decision: _remember(record, decision),
        )
        st.rerun()
    # Only a list that is sent back needs a reason: the field stands with that button, after accepting.
    st.caption(view.texts["approvals.return_note"])
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"send-back-{own}"):
        reason = st.text_input(view.texts["approvals.reason"], key=f"reason-{own}", max_chars=500, width=460)
        if st.button(view.texts["approvals.return"], key=f"return-{own}", disabled=not reason.strip()):
            imports.return_import(store, own, principal=view.principal, reason=reason.strip())
            _said(view, "approvals.returned", record)


def _withdraw(view: View, store: Store, record: ImportRecord) -> None:
    if st.button(view.texts["approvals.withdraw"], key=f"withdraw-{record.import_id}"):
        imports.withdraw_import(store, record.import_id, principal=view.principal)
        _said(view, "approvals.withdrawn", record)


def _running() -> dict[str, tuple[ImportRecord, Decision]]:
    """What this session accepts or takes back beside the page, by import; a list is staged or accepted, never both."""
    found: dict[str, tuple[ImportRecord, Decision]] = st.session_state.setdefault("approval-decisions", {})
    return found


def _remember(record: ImportRecord, decision: Decision) -> None:
    _running()[record.import_id] = (record, decision)


def _watch(view: View, own: str) -> None:
    record, decision = _running()[own]
    watch(view, "accepting" if record.state is ImportState.STAGED else "undoing", decision)


def _settle(view: View, records: list[ImportRecord]) -> None:
    """Say what came of decisions that have ended, also while the page was left.

    Where the list is as it was and the ledger has moved, its form shows the conflict and offers to overwrite.
    """
    states = {r.import_id: r.state for r in records}
    for own, (record, decision) in list(_running().items()):
        if not decision.ended:
            continue
        del _running()[own]
        accepting = record.state is ImportState.STAGED
        conflict = f"conflict-{own}"
        st.session_state.pop(conflict, None)
        try:
            decision.result()
        except CoverageGapError as error:
            if isinstance(error, ConflictError) and states.get(own) is record.state:
                st.session_state[conflict] = error.text(view.lang)
            else:
                st.html(frame.notice(error.text(view.lang), kind="grave"))
            continue
        name = "approvals.accepted" if accepting else "approvals.undone"
        st.session_state["approval-said"] = (view.text(name, file=record.file_name), True)


def _said(view: View, name: str, record: ImportRecord) -> None:
    """Say it after the page was run anew; the ledger's figures are as they were."""
    st.session_state["approval-said"] = (view.text(name, file=record.file_name), False)
    st.rerun()


def _decided(
    view: View, run: RunResult, context: AppContext, store: Store, records: list[ImportRecord]
) -> None:
    if not records:
        return
    st.subheader(view.texts["approvals.decided"], anchor=False)
    titles = ("column.file_name", "column.receipt", "column.what", "column.state")
    rows: list[list[Any]] = []
    for record in records[:SHOWN]:
        steps = "<br>".join(esc(line) for line in _steps(view, store, record))
        kind = view.texts[f"upload.kind_{record.table_name}"]
        state = view.texts[f"import.{record.state.value}"]
        rows.append([record.file_name, record.import_id, kind, state, Html(steps)])
    frame.sheet(
        [*(Column(view.texts[t]) for t in titles), Column(view.texts["approvals.steps"], wrap=True)], rows
    )
    if len(records) > SHOWN:
        st.caption(view.text("upload.more", n=len(records) - SHOWN))
    _undo(view, run, context, store, records)


def _steps(view: View, store: Store, record: ImportRecord) -> list[str]:
    """「2024-05-01 10:12 提出　keikaku」 and so on: who did what when, and why."""
    lines = []
    for step in import_steps(store, record.import_id):
        state = view.texts[
            "approvals.sent" if step.state is ImportState.STAGED else f"import.{step.state.value}"
        ]
        line = view.text("approvals.step", when=_when(step.at), what=state, who=step.actor)
        lines.append(line + (view.text("approvals.because", reason=step.reason) if step.reason else ""))
    return lines


def _foresee(
    view: View, run: RunResult, context: AppContext, store: Store, record: ImportRecord, *, overwrite: bool
) -> None:
    """What taking an upload back changes; where later entries stand in its way, the form asks about them at once."""

    def start() -> StagedDifference:
        return start_undo_difference(context, record, principal=view.principal, overwrite=overwrite)

    try:
        show_undo(view, run, _difference(view, store, record, "undo-all" if overwrite else "undo", start))
    except ConflictError as error:
        st.session_state[f"conflict-{record.import_id}"] = error.text(view.lang)
        st.rerun()
    except CoverageGapError as error:
        st.html(frame.notice(error.text(view.lang), kind="grave"))


def _undo(view: View, run: RunResult, context: AppContext, store: Store, records: list[ImportRecord]) -> None:
    undoable = [
        r
        for r in records
        if r.state is ImportState.ACCEPTED and allowed(view.principal, Action.UNDO, import_resource(r))
    ]
    if not undoable:
        return
    running = any(r.import_id in _running() for r in undoable)
    with st.expander(view.texts["approvals.undo_head"], expanded=running):
        record = st.selectbox(
            view.texts["approvals.undo_which"],
            undoable,
            format_func=lambda r: view.text(
                "approvals.undo_option", file=r.file_name, id=r.import_id, who=r.submitted_by
            ),
            key="undo-which",
        )
        if record is None:
            return
        own = record.import_id
        if own in _running():
            _watch(view, own)
            return
        reason = st.text_input(view.texts["approvals.reason"], key="undo-reason", max_chars=500)
        conflict = st.session_state.get(f"conflict-{own}")
        overwrite = False
        if conflict:
            st.html(frame.notice(conflict, kind="grave"))
            overwrite = st.checkbox(view.texts["approvals.undo_overwrite"], key=f"undo-overwrite-{own}")
        if st.toggle(view.texts["approvals.undo_show"], key=f"undo-show-{own}") and (overwrite or not conflict):
            _foresee(view, run, context, store, record, overwrite=overwrite)
        if st.button(view.texts["approvals.undo"], key="undo", disabled=not reason.strip()):
            why = reason.strip()
            begin(
                view,
                "undoing",
                lambda: undo_accepted(
                    context, record, principal=view.principal, reason=why, overwrite=overwrite
                ),
                lambda decision: _remember(record, decision),
            )
            st.rerun()
