"""アップロード: a list from Excel becomes a proposal to the ledger, and nothing happens unseen on the way.

File → what was understood → rows to put right → what it changes, the count among it → hand in.
"""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from coverage.domain import fiscal
from coverage.report.escape import esc
from coverage.runs.result import RunResult
from coverage.services import imports
from coverage.services.access import Action, Object
from coverage.services.context import AppContext
from coverage.services.corrections import with_corrections
from coverage.services.imports import Report
from coverage.services.ledger import load_tables_into_store
from coverage.services.stores import open_context_store
from coverage.services.templates import TEMPLATES, template_csv
from coverage.web import frame
from coverage.web.app_context import has_ledger, open_ledger, web_context
from coverage.web.frame import Column, Html, View

TYPES = ["csv", "xlsx", "geojson", "json", "gpkg", "zip", "kml"]
SHOWN = 200
"""Differences and remarks listed on the page; the rest is counted."""


def show(view: View, run: RunResult) -> None:
    """The page."""
    frame.head(view.texts["upload.title"], view.texts["upload.lede"])
    if not view.may(Action.UPLOAD, Object.IMPORT):
        st.html(frame.notice(view.texts["upload.not_allowed"], kind="plain"))
        return
    context = web_context()
    if not has_ledger(context):
        _begin(view, context)
        return
    if "upload-receipt" in st.session_state:
        _receipt(view)
        return
    kind, uploaded = _choose(view)
    if uploaded is None:
        _columns(view, kind)
        return
    name, content = uploaded
    checks = _checks(str(context.region_folder.resolve()), _stamp(context))
    report, answers, edits = _checked(view, kind, name, content, checks)
    _understood(view, report)
    _remarks(view, report)
    _questions(view, report)
    _rows_to_fix(view, report)
    if report.verdict == "reject":
        return
    _propose(
        view,
        context,
        kind,
        content,
        report,
        {**answers, **({"corrected_rows": edits} if edits else {})},
        checks,
    )


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


def _choose(view: View) -> tuple[str, tuple[str, bytes] | None]:
    kinds = list(TEMPLATES)
    kind = st.segmented_control(
        view.texts["upload.kind"],
        kinds,
        default="sites",
        format_func=lambda k: view.texts[f"upload.kind_{k}"],
        key="upload-kind",
    )
    kind = str(kind or "sites")
    st.download_button(
        view.texts["upload.template"],
        template_csv(kind),
        f"{view.texts[f'upload.kind_{kind}']}.csv",
        "text/csv",
        key="template",
        type="tertiary",
    )
    # A new key empties the uploader after an import was handed in.
    file = st.file_uploader(
        view.texts["upload.file"], type=TYPES, key=f"file-{st.session_state.setdefault('upload-round', 0)}"
    )
    return kind, None if file is None else (file.name, file.getvalue())


def _columns(view: View, kind: str) -> None:
    """What the columns mean, before a file is chosen."""
    rows = [
        [
            column.header,
            view.texts["upload.needed"] if column.needed else "",
            column.en if view.lang == "en" else column.ja,
        ]
        for column in TEMPLATES[kind]
    ]
    with st.expander(view.texts["upload.columns"]):
        frame.sheet(
            [
                Column(view.texts["column.header"]),
                Column(view.texts["column.needed"]),
                Column(view.texts["column.meaning"], wrap=True),
            ],
            rows,
        )


@st.cache_resource(show_spinner=False, max_entries=2)
def _checks(region_folder: str, _changed: int) -> imports.RegionChecks:
    return imports.region_checks(web_context())


def _stamp(context: AppContext) -> int:
    return (context.region_folder / "region.toml").stat().st_mtime_ns


def _checked(
    view: View, kind: str, name: str, content: bytes, checks: imports.RegionChecks
) -> tuple[Report, dict[str, Any], dict[int, dict[str, str]]]:
    """The report on the file with the answers and corrections given so far; read anew only where one of them changed."""
    digest = hashlib.sha256(content).hexdigest()
    state = st.session_state.get("upload-state")
    if state is None or (state["digest"], state["kind"]) != (digest, kind):
        state = {
            "digest": digest,
            "kind": kind,
            "answers": {},
            "edits": {},
            "key": uuid.uuid4().hex,
            "reports": {},
        }
        st.session_state["upload-state"] = state
    asked = repr((sorted(state["answers"].items()), sorted(state["edits"].items())))
    if asked not in state["reports"]:
        with (
            st.spinner(view.texts["upload.reading"]),
            tempfile.TemporaryDirectory(prefix="coverage-gap-upload-") as folder,
        ):
            path = Path(folder) / "upload"
            path.write_bytes(content)
            report = imports.check_upload(
                path,
                kind=kind,
                principal=view.principal,
                client_name=name,
                answers=state["answers"],
                checks=checks,
            )
            report = with_corrections(
                report,
                state["edits"],
                kind=kind,
                principal=view.principal,
                answers=state["answers"],
                checks=checks,
            )
        state["reports"] = {asked: report}
    return state["reports"][asked], dict(state["answers"]), dict(state["edits"])


def _understood(view: View, report: Report) -> None:
    st.subheader(view.texts["upload.understood"], anchor=False)
    good = 0 if report.verdict == "reject" else len(report.rows)
    kind = {"accept": "plain", "accept-with-warning": "", "reject": "grave"}[report.verdict]
    st.html(
        frame.notice(
            view.text("upload.rows", good=good, bad=report.rows_bad),
            head=view.texts[f"verdict.{report.verdict}"],
            kind=kind,
        )
    )
    facts = [
        [view.texts[f"understood.{key}"], str(report.understood[key])]
        for key in ("file", "format", "encoding", "sheet", "layer", "crs")
        if report.understood.get(key)
    ]
    columns = report.understood.get("columns") or {}
    if columns:
        shown = (
            "、".join(f"{header}" for header in columns.values())
            if all(isinstance(h, str) for h in columns.values())
            else "、".join(columns)
        )
        facts.append([view.texts["understood.columns"], shown])
    frame.sheet([Column(view.texts["column.item"]), Column(view.texts["column.as_read"], wrap=True)], facts)


def _remarks(view: View, report: Report) -> None:
    for which, remarks in (
        ("errors", report.errors),
        ("warnings", report.warnings),
        ("notices", report.notices),
    ):
        if not remarks:
            continue
        with st.expander(view.text(f"upload.{which}", n=len(remarks)), expanded=which == "errors"):
            items = "".join(f"<li>{esc(r.en if view.lang == 'en' else r.ja)}</li>" for r in remarks[:SHOWN])
            st.html(f'<ul class="remarks">{items}</ul>')
            if len(remarks) > SHOWN:
                st.caption(view.text("upload.more", n=len(remarks) - SHOWN))


def _questions(view: View, report: Report) -> None:
    """Questions that the reader put instead of guessing; an answer reads the file again."""
    answers = st.session_state["upload-state"]["answers"]
    codes = {r.code for r in (*report.errors, *report.warnings)}
    if "axes-swapped" in codes:
        st.html(frame.notice(view.texts["question.axes"], head=view.texts["question.head"]))
        if st.button(view.texts["question.axes_swap"], key="answer-axes"):
            answers["axes"] = "swap"
            st.rerun()
    if answers and st.button(view.texts["question.forget"], type="tertiary", key="forget-answers"):
        answers.clear()
        st.rerun()


def _rows_to_fix(view: View, report: Report) -> None:
    """The rows with errors in a table that can be typed into; the same reader judges them again."""
    if not report.bad_rows:
        return
    st.subheader(view.texts["upload.fix"], anchor=False)
    st.caption(view.texts["upload.fix_note"])
    number = view.texts["column.row"]
    why: dict[int, str] = {}
    for remark in report.errors:
        if remark.row is not None:
            why.setdefault(remark.row, (remark.en if view.lang == "en" else remark.ja).split(": ", 1)[-1])
    table = pd.DataFrame(
        [
            {number: bad["row"] + 1, view.texts["column.why"]: why.get(bad["row"], ""), **bad["cells"]}
            for bad in report.bad_rows
        ],
        dtype=str,
    )
    # In a form, so that the page is not run anew for every cell.
    state = st.session_state["upload-state"]
    with st.form(f"fix-{len(state['edits'])}-{len(report.bad_rows)}", border=False):
        edited = st.data_editor(
            table,
            hide_index=True,
            disabled=[number, view.texts["column.why"]],
            key=f"rows-{len(state['edits'])}-{len(report.bad_rows)}",
            width="stretch",
        )
        again = st.form_submit_button(view.texts["upload.check_again"], type="primary", key="check-again")
    if again:
        edits = state["edits"]
        for bad, row in zip(report.bad_rows, edited.to_dict("records"), strict=True):
            edits[int(bad["row"])] = {
                header: "" if row[header] is None else str(row[header]) for header in bad["cells"]
            }
        st.rerun()


def _propose(
    view: View,
    context: AppContext,
    kind: str,
    content: bytes,
    report: Report,
    answers: Mapping[str, Any],
    checks: imports.RegionChecks,
) -> None:
    """What the good rows change, and the button that hands them in."""
    st.subheader(view.texts["upload.difference"], anchor=False)
    with open_ledger(context) as store:
        changes = imports.changes_of(kind, report, locate=checks.locate, known=store.ledger())
        difference = imports.preview(context, store, changes)
        show_difference(view, difference)
        if difference.comparison.changes_nothing:
            return
        may_accept = view.may(Action.ACCEPT, Object.IMPORT)
        at_once = may_accept and st.checkbox(view.texts["upload.at_once"], key="accept-at-once")
        if report.rows_bad:
            st.caption(view.text("upload.without_bad", n=report.rows_bad))
        label = view.texts["upload.accept_now" if at_once else "upload.hand_in"]
        if not st.button(label, type="primary", key="hand-in"):
            return
        state = st.session_state["upload-state"]
        with tempfile.TemporaryDirectory(prefix="coverage-gap-upload-") as folder:
            path = Path(folder) / "upload"
            path.write_bytes(content)
            receipt = imports.hand_in(
                store,
                path,
                report,
                changes,
                kind=kind,
                principal=view.principal,
                answers=answers,
                accept=at_once,
                key=state["key"],
            )
    st.session_state["upload-receipt"] = {
        "import_id": receipt.import_id,
        "state": receipt.state.value,
        "moved": [(fy, old, new, list(sites)) for fy, old, new, sites in difference.moved_years()],
    }
    st.session_state.pop("upload-state")
    st.session_state["upload-round"] += 1
    st.rerun()


def show_difference(view: View, difference: imports.Preview) -> None:
    """The records that change and the years of the count that move, as sentences and a table."""
    counts = difference.comparison.counts
    if difference.comparison.changes_nothing:
        st.html(frame.notice(view.texts["difference.nothing"], kind="plain"))
        return
    parts = [
        view.text(
            "difference.count",
            kind=view.texts[f"record.{kind}"],
            new=n["new"],
            changed=n["changed"],
            same=n["unchanged"],
        )
        for kind, n in counts.items()
    ]
    st.html(frame.notice(view.texts["value.semicolon"].join(parts), kind="plain"))
    moved = difference.moved_years()
    if moved:
        items = "".join(f"<li>{esc(moved_sentence(view, *year))}</li>" for year in moved)
        st.html(f'<div class="rule"><h3>{esc(view.texts["difference.moved"])}</h3><ul>{items}</ul></div>')
    else:
        st.caption(view.texts["difference.not_moved"])
    rows: list[list[Any]] = []
    for d in [d for d in difference.comparison.differences if d.state != "unchanged"][:SHOWN]:
        changes = "<br>".join(esc(change.text(view.lang)) for change in d.changes)
        rows.append(
            [view.texts[f"record.{d.kind.value}"], d.key, view.texts[f"difference.{d.state}"], Html(changes)]
        )
    with st.expander(view.texts["difference.records"], expanded=len(rows) <= 12):
        titles = ("column.record", "column.key", "column.difference")
        frame.sheet(
            [*(Column(view.texts[t]) for t in titles), Column(view.texts["column.change"], wrap=True)], rows
        )


def moved_sentence(
    view: View, fy: int, old: int | None, new: int | None, sites: tuple[str, ...] | list[str]
) -> str:
    """「平成28年度の累計が 71 から 72 になります（新たに計上：…）」."""
    because = view.text("difference.because", sites=view.texts["value.comma"].join(sites)) if sites else ""
    year = fiscal.label(fy, view.lang)
    if old is None or new is None:
        return view.text("difference.increase", year=year) + because
    if old == new:
        return view.text("difference.same_total", year=year, new=new) + because
    return view.text("difference.total", year=year, old=old, new=new) + because


def _receipt(view: View) -> None:
    receipt = st.session_state["upload-receipt"]
    done = receipt["state"] == "accepted"
    st.html(
        frame.notice(
            view.text("receipt.accepted" if done else "receipt.staged", id=receipt["import_id"]),
            head=view.texts["receipt.head"],
            kind="plain",
        )
    )
    for year in receipt["moved"]:
        st.html(f'<div class="prose"><p>{esc(moved_sentence(view, *year))}</p></div>')
    if done:
        st.caption(view.texts["receipt.next"])
    if st.button(view.texts["receipt.more"], key="another-upload"):
        st.session_state.pop("upload-receipt")
        st.rerun()
