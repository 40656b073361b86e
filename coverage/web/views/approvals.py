"""承認: what waits for an administrator, what it would change, and what was decided before."""

from __future__ import annotations

from typing import Any

import streamlit as st

from coverage.domain.fiscal import TOKYO
from coverage.errors import ConflictError
from coverage.report.escape import esc
from coverage.runs.result import RunResult
from coverage.services import imports
from coverage.services.access import Action, Object, allowed, import_resource
from coverage.services.context import AppContext
from coverage.services.imports import ImportRecord, ImportState, Store
from coverage.web import frame
from coverage.web.app_context import has_ledger, open_ledger, web_context
from coverage.web.frame import Column, View
from coverage.web.views.upload import show_difference

SHOWN = 30


def show(view: View, run: RunResult) -> None:
    """The page."""
    frame.head(view.texts["approvals.title"], view.texts["approvals.lede"])
    context = web_context()
    if not view.may(Action.VIEW, Object.IMPORT):
        st.html(frame.notice(view.texts["approvals.not_allowed"], kind="plain"))
        return
    if not has_ledger(context):
        st.html(frame.notice(view.texts["upload.no_ledger"], kind="plain"))
        return
    said = st.session_state.pop("approval-said", None)
    if said:
        st.html(frame.notice(said, kind="plain"))
    with open_ledger(context) as store:
        records = sorted(
            store.imports(), key=lambda r: r.recorded_at.timestamp() if r.recorded_at else 0.0, reverse=True
        )
        waiting = [r for r in records if r.state is ImportState.STAGED]
        st.subheader(view.text("approvals.waiting", n=len(waiting)), anchor=False)
        if not waiting:
            st.caption(view.texts["approvals.none"])
        for record in waiting:
            _waiting(view, context, store, record)
        _decided(view, store, [r for r in records if r.state is not ImportState.STAGED])


def _facts(view: View, record: ImportRecord) -> list[Any]:
    when = (
        record.recorded_at.astimezone(TOKYO).strftime("%Y-%m-%d %H:%M")
        if record.recorded_at
        else view.texts["value.none"]
    )
    return [record.file_name, view.texts[f"upload.kind_{record.table_name}"], record.submitted_by, when]


def _waiting(view: View, context: AppContext, store: Store, record: ImportRecord) -> None:
    with st.container(border=True, key=f"waiting-{record.import_id}"):
        titles = ("column.file_name", "column.what", "column.by", "column.when")
        frame.sheet([Column(view.texts[t]) for t in titles], [_facts(view, record)])
        show_difference(view, imports.preview(context, store, store.import_changes(record.import_id)))
        remarks = [*record.report.get("errors", []), *record.report.get("warnings", [])]
        if remarks:
            with st.expander(view.text("approvals.remarks", n=len(remarks))):
                words = "".join(
                    f"<li>{esc(r['message_en'] if view.lang == 'en' else r['message'])}</li>"
                    for r in remarks[:200]
                )
                st.html(f'<ul class="remarks">{words}</ul>')
        if view.may(Action.ACCEPT, Object.IMPORT):
            _decide(view, store, record)


def _decide(view: View, store: Store, record: ImportRecord) -> None:
    own = record.import_id
    overwrite = False
    conflict = st.session_state.get(f"conflict-{own}")
    if conflict:
        st.html(frame.notice(conflict, kind="grave"))
        overwrite = st.checkbox(view.texts["approvals.overwrite"], key=f"overwrite-{own}")
    reason = st.text_input(view.texts["approvals.reason"], key=f"reason-{own}", max_chars=500)
    with st.container(horizontal=True):
        if st.button(view.texts["approvals.accept"], type="primary", key=f"accept-{own}"):
            try:
                imports.accept_import(store, own, principal=view.principal, overwrite=overwrite)
            except ConflictError as error:
                st.session_state[f"conflict-{own}"] = error.text(view.lang)
                st.rerun()
            _said(view, "approvals.accepted", record)
        if st.button(view.texts["approvals.return"], key=f"return-{own}", disabled=not reason.strip()):
            imports.return_import(store, own, principal=view.principal, reason=reason.strip())
            _said(view, "approvals.returned", record)
    st.caption(view.texts["approvals.return_note"])


def _said(view: View, name: str, record: ImportRecord) -> None:
    st.session_state["approval-said"] = view.text(name, file=record.file_name)
    st.rerun()


def _decided(view: View, store: Store, records: list[ImportRecord]) -> None:
    if not records:
        return
    st.subheader(view.texts["approvals.decided"], anchor=False)
    titles = (
        "column.file_name",
        "column.what",
        "column.by",
        "column.when",
        "column.state",
        "column.decided_by",
    )
    rows = [
        [
            *_facts(view, r),
            view.texts[f"import.{r.state.value}"],
            r.decided_by or view.texts["value.none"],
            r.reason,
        ]
        for r in records[:SHOWN]
    ]
    frame.sheet(
        [*(Column(view.texts[t]) for t in titles), Column(view.texts["column.reason"], wrap=True)], rows
    )
    undoable = [
        r
        for r in records
        if r.state is ImportState.ACCEPTED and allowed(view.principal, Action.UNDO, import_resource(r))
    ]
    if not undoable:
        return
    with st.expander(view.texts["approvals.undo_head"]):
        record = st.selectbox(
            view.texts["approvals.undo_which"],
            undoable,
            format_func=lambda r: f"{r.file_name}（{r.submitted_by}、{r.import_id[:8]}）",
            key="undo-which",
        )
        reason = st.text_input(view.texts["approvals.reason"], key="undo-reason", max_chars=500)
        if (
            st.button(view.texts["approvals.undo"], key="undo", disabled=not reason.strip())
            and record is not None
        ):
            imports.undo_import(store, record.import_id, principal=view.principal, reason=reason.strip())
            _said(view, "approvals.undone", record)
