"""アップロード: a list from Excel becomes a proposal to the ledger, and nothing happens unseen on the way.

File → what was understood and what has to be said → rows to put right → what it changes, the count among it → hand in.
The file is read beside the page (services/upload_jobs.py), so that nobody waits for somebody else's list.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

import streamlit as st

from coverage.domain.fiscal import TOKYO
from coverage.errors import CoverageGapError
from coverage.runs.result import RunResult
from coverage.services.access import Action, Object, import_resource
from coverage.services.context import AppContext
from coverage.services.decisions import Decision
from coverage.services.import_answers import own_answers
from coverage.services.imports import ImportRecord, ImportState
from coverage.services.ledger import load_tables_into_store
from coverage.services.stores import open_context_store
from coverage.services.templates import TEMPLATES, template_csv, template_xlsx
from coverage.services.upload_jobs import Check, Request, hand_in_checked, start_check
from coverage.web import frame
from coverage.web.app_context import has_ledger, open_ledger, web_context
from coverage.web.deciding import begin, watch
from coverage.web.frame import Column, View
from coverage.web.views.upload_difference import moved_sentence, show_difference
from coverage.web.views.upload_reading import questions, remarks, understood
from coverage.web.views.upload_rows import rows_to_fix

TYPES = ["csv", "xlsx", "geojson", "json", "gpkg", "zip", "kml"]
PATIENCE_S = 1.5
"""How long the page waits for a file before it shows that it is being read: most lists are there by then."""


def show(view: View, run: RunResult) -> None:
    """The page."""
    frame.head(view.texts["upload.title"], view.texts["upload.lede"])
    if not view.may(Action.UPLOAD, Object.IMPORT):
        st.html(frame.notice(view.texts["upload.not_allowed"], kind="plain"))
        return
    context = web_context()
    if not has_ledger(context) or _is_empty(context):
        _begin(view, context)
        return
    running = _handing_in(view)
    if "upload-receipt" in st.session_state:
        _receipt(view)
        return
    kind = _choose(view, disabled=running is not None)
    _take_file(view, kind, disabled=running is not None)
    if running is not None:
        watch(view, "handing_in", running)
        return
    state: dict[str, Any] | None = st.session_state.get("upload-state")
    if state is None:
        _columns(view, kind)
        _returned(view, context)
        return
    if state.get("revises"):
        _revised(view, state)
    check = _check(view, context, state)
    if check is None:
        return
    if check.report is None:
        _failed(view, state, check)
        return
    report = check.report
    understood(view, state["kind"], report, state["answers"])
    if state.get("suggested_by"):
        st.html(frame.notice(view.text("question.suggested", file=state["suggested_by"]), kind="plain"))
    questions(view, state["kind"], report, state)
    remarks(view, report)
    rows_to_fix(view, state["kind"], report, state)
    if check.difference is not None:
        _propose(view, run, context, state, check)


def _begin(view: View, context: AppContext) -> None:
    """No ledger yet: the region's tables become its beginning, by an administrator's word."""
    st.html(frame.notice(view.texts["upload.no_ledger"], kind="plain"))
    if not view.may(Action.MANAGE, Object.DATASET):
        return
    if st.button(view.texts["upload.begin"], type="primary", key="begin-ledger"):
        # The same place as the commands use where no store is named: ledger.sqlite in the working folder.
        with open_context_store(context):
            pass
        load_tables_into_store(web_context(), view.principal)
        st.rerun()


def _is_empty(context: AppContext) -> bool:
    """A store that was named in the settings and that nobody has written to yet."""
    with open_ledger(context) as store:
        return store.head().seq == 0


def _choose(view: View, *, disabled: bool) -> str:
    kind = st.segmented_control(
        view.texts["upload.kind"],
        list(TEMPLATES),
        default="sites",
        format_func=lambda k: view.texts[f"upload.kind_{k}"],
        key="upload-kind",
        disabled=disabled,
    )
    kind = str(kind or "sites")
    name = view.texts[f"upload.kind_{kind}"]
    with st.container(horizontal=True, key="templates"):
        st.download_button(
            view.texts["upload.template_xlsx"], lambda: template_xlsx(kind), f"{name}.xlsx",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", key="template-xlsx", type="tertiary", on_click="ignore",
        )  # fmt: skip
        st.download_button(
            view.texts["upload.template"], template_csv(kind), f"{name}.csv", "text/csv", key="template", type="tertiary",
            on_click="ignore",
        )  # fmt: skip
    return kind


def _take_file(view: View, kind: str, *, disabled: bool) -> None:
    """The file in the uploader becomes the state of the page; another file or kind begins anew, none ends it."""
    # A new key empties the uploader after an import was handed in.
    own = f"file-{st.session_state.setdefault('upload-round', 0)}"
    file = st.file_uploader(view.texts["upload.file"], type=TYPES, key=own, disabled=disabled)
    state = st.session_state.get("upload-state")
    if file is None:
        if state is not None and not state.get("revises"):
            _leave()
        return
    if state is None or (state["file_id"], state["kind"]) != (file.file_id, kind):
        _leave()
        revises = state.get("revises", "") if state is not None and state["kind"] == kind else ""
        _open(kind, file.name, file.getvalue(), file_id=file.file_id, revises=revises)


def _open(
    kind: str, name: str, content: bytes, *, file_id: str = "", revises: str = "", answers: dict[str, Any] | None = None,
    edits: dict[int, dict[str, str]] | None = None,
) -> None:  # fmt: skip
    st.session_state["upload-state"] = {
        "file_id": file_id,
        "kind": kind,
        "name": name,
        "content": content,
        "answers": answers or {},
        "edits": edits or {},
        "draft": {},
        "key": uuid.uuid4().hex,
        "revises": revises,
        "check": None,
        "asked": "",
    }


def _leave() -> None:
    """Forget the file; a check that still runs is ended."""
    state = st.session_state.pop("upload-state", None)
    if state is not None and state["check"] is not None:
        state["check"].cancel()


def _columns(view: View, kind: str) -> None:
    """What the columns mean, before a file is chosen."""
    rows = [
        [
            column.header,
            view.texts["upload.needed"] if column.needed else "",
            column.en if view.lang == "en" else column.ja,
            column.example,
        ]
        for column in TEMPLATES[kind]
    ]
    with st.expander(view.texts["upload.columns"]):
        frame.sheet(
            [
                Column(view.texts["column.header"]),
                Column(view.texts["column.needed"]),
                Column(view.texts["column.meaning"], wrap=True),
                Column(view.texts["upload.example"]),
            ],
            rows,
        )


def _check(view: View, context: AppContext, state: dict[str, Any]) -> Check | None:
    """The ended check of the file with the answers and corrections given so far; None while it is being made."""
    asked = hashlib.sha256(repr((state["answers"], sorted(state["edits"].items()))).encode()).hexdigest()
    check: Check | None = state["check"]
    outdated = check is not None and check.phase == "done" and check.head and check.head != _head(context)
    if check is None or state["asked"] != asked or outdated:
        if check is not None:
            check.cancel()
        request = Request(
            state["kind"], state["name"], state["content"], dict(state["answers"]), dict(state["edits"])
        )
        check = start_check(context, request, principal=view.principal, earlier=check)
        state["check"], state["asked"] = check, asked
        with st.spinner(view.texts["upload.reading"]):
            check.wait(PATIENCE_S)
    if not check.ended:
        _progress(view, check)
        return None
    if check.suggested and not state["answers"] and not state.get("no_suggestion"):
        # Next month's list, with the same headers as last month's: it is read as that was.
        record = check.suggested_by
        state["answers"] = check.suggested
        state["suggested_by"] = "" if record is None else record.file_name
        st.rerun()
    return check


def _head(context: AppContext) -> str:
    with open_ledger(context) as store:
        return store.head().hash


@st.fragment(run_every=1.0)
def _progress(view: View, check: Check) -> None:
    """How far it is; the page is free meanwhile, and the reading can be ended."""
    if check.ended:
        st.rerun()
    words = view.text("phase.elapsed", phase=view.texts[f"phase.{check.phase}"], s=f"{check.elapsed_s:.0f}")
    st.html(frame.notice(words, kind="plain"))
    if check.fraction:
        st.progress(check.fraction)
    if st.button(view.texts["phase.cancel"], key="cancel-check"):
        check.cancel()
        check.wait(3.0)
        st.rerun()


def _failed(view: View, state: dict[str, Any], check: Check) -> None:
    words = view.texts["phase.cancelled"] if check.problem is None else check.problem.text(view.lang)
    st.html(frame.notice(words, kind="plain" if check.problem is None else "grave"))
    if st.button(view.texts["phase.again"], key="check-anew"):
        state["asked"] = ""
        st.rerun()


def _propose(view: View, run: RunResult, context: AppContext, state: dict[str, Any], check: Check) -> None:
    """What the good rows change, and the button that hands them in."""
    report, difference = check.report, check.difference
    assert report is not None
    assert difference is not None
    st.subheader(view.texts["upload.difference"], anchor=False)
    show_difference(view, run, difference)
    if difference.comparison.changes_nothing:
        return
    may_accept = view.may(Action.ACCEPT, Object.IMPORT)
    at_once = may_accept and st.checkbox(view.texts["upload.at_once"], key="accept-at-once")
    if report.rows_bad:
        st.caption(view.text("upload.without_bad", n=f"{report.rows_bad:,}"))
    if state["draft"]:
        st.caption(view.texts["rows.unchecked"])
    label = view.texts["upload.accept_now" if at_once else "upload.hand_in"]
    if not st.button(label, type="primary", key="hand-in"):
        return
    mapping = {
        **state["answers"],
        **(
            {"corrected_rows": {str(row): cells for row, cells in state["edits"].items()}}
            if state["edits"]
            else {}
        ),
        **({"revises": state["revises"]} if state["revises"] else {}),
    }
    key = state["key"]
    moved = [m for m in difference.movements() if m.own]

    def remember(decision: Decision) -> None:
        # Beside the file's own state: that is gone when the page is left, the receipt is wanted all the same.
        st.session_state["upload-decision"] = (decision, moved)

    begin(
        view,
        "handing_in",
        lambda: hand_in_checked(
            context, check, principal=view.principal, answers=mapping, accept=at_once, key=key
        ),
        remember,
    )
    st.rerun()


def _handing_in(view: View) -> Decision | None:
    """The hand-in that still runs; of one that has ended, the receipt or why not."""
    if "upload-decision" not in st.session_state:
        return None
    decision: Decision = st.session_state["upload-decision"][0]
    if not decision.ended:
        return decision
    _, moved = st.session_state.pop("upload-decision")
    try:
        receipt = decision.result()
    except CoverageGapError as error:
        st.html(frame.notice(error.text(view.lang), kind="grave"))
        return None
    st.session_state["upload-receipt"] = {
        "import_id": receipt.import_id,
        "state": receipt.state.value,
        "moved": moved,
    }
    _leave()
    st.session_state["upload-round"] = st.session_state.get("upload-round", 0) + 1
    return None


def _receipt(view: View) -> None:
    receipt = st.session_state["upload-receipt"]
    done = receipt["state"] == "accepted"
    words = view.text("receipt.accepted" if done else "receipt.staged", id=receipt["import_id"])
    st.html(frame.notice(words, head=view.texts["receipt.head"], kind="plain"))
    for movement in receipt["moved"]:
        st.html(frame.notice(moved_sentence(view, movement), kind="plain"))
    if done:
        st.markdown(view.text("receipt.unpublished", lang=view.lang))
    else:
        st.markdown(view.text("receipt.follow", lang=view.lang))
    if st.button(view.texts["receipt.more"], key="another-upload"):
        st.session_state.pop("upload-receipt")
        st.rerun()


def _returned(view: View, context: AppContext) -> None:
    """Own lists that were sent back, with the reason; each can be opened again as it was sent."""
    with open_ledger(context) as store:
        records = store.imports()
        answered = {str(r.mapping.get("revises")) for r in records}
        own = [
            r
            for r in records
            if r.state is ImportState.RETURNED
            and r.submitted_by == import_resource(r).owner == view.principal.user_id
            and r.import_id not in answered
        ]
    if not own:
        return
    st.subheader(view.text("returned.head", n=len(own)), anchor=False)
    for record in own[:10]:
        with st.container(border=True, key=f"returned-{record.import_id}"):
            when = (
                record.recorded_at.astimezone(TOKYO).strftime("%Y-%m-%d %H:%M") if record.recorded_at else ""
            )
            told = view.text("returned.told", file=record.file_name, by=record.decided_by or "", when=when)
            st.html(frame.notice(record.reason, head=told))
            st.button(
                view.texts["returned.open"],
                key=f"reopen-{record.import_id}",
                on_click=_reopen,
                args=(context, record),
            )


def _reopen(context: AppContext, record: ImportRecord) -> None:
    """The file as it was sent, with the answers and the corrected rows of that time."""
    with open_ledger(context) as store:
        content = store.content(record.file_sha256)
    edits = {int(row): dict(cells) for row, cells in (record.mapping.get("corrected_rows") or {}).items()}
    st.session_state["upload-kind"] = record.table_name
    st.session_state["upload-round"] += 1
    _open(
        record.table_name,
        record.file_name,
        content,
        revises=record.import_id,
        answers=own_answers(record.mapping),
        edits=edits,
    )


def _revised(view: View, state: dict[str, Any]) -> None:
    st.html(
        frame.notice(view.text("returned.revising", file=state["name"], id=state["revises"]), kind="plain")
    )
    if not state["file_id"] and st.button(
        view.texts["returned.leave"], type="tertiary", key="leave-revision"
    ):
        _leave()
        st.rerun()
