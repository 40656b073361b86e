"""Rows of an upload to put right, in a table that can be typed into; and the corrected list and the errors as files."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from coverage.services.corrections import corrected_csv, errors_csv
from coverage.services.imports import Report
from coverage.web import frame
from coverage.web.frame import View


def rows_to_fix(view: View, kind: str, report: Report, state: dict[str, Any]) -> None:
    """The rows with errors (and on demand others), to be typed over. The same reader judges them again.

    What was typed lives in ``state["draft"]`` from the moment it is typed: switching the view, answering a question or
    changing the language loses nothing. At most some hundred rows are in the table, however long the file is.
    """
    if not report.bad_rows and not report.other_rows:
        return
    if report.bad_rows:
        st.subheader(view.texts["upload.fix"], anchor=False)
        _table(view, report, state)
        _files(view, kind, report)
        return
    with st.expander(view.texts["rows.look"]):
        _table(view, report, state)
        _files(view, kind, report)


@st.fragment
def _table(view: View, report: Report, state: dict[str, Any]) -> None:
    choices = ["bad", "warned", "all"]
    which = st.segmented_control(
        view.texts["rows.which"],
        choices,
        default="bad" if report.bad_rows else "warned",
        format_func=lambda c: view.text(f"rows.{c}", n=_numbers(report)[c]),
        key="rows-which",
        label_visibility="collapsed",
    )
    rows = _rows(report, which or "bad")
    if not rows:
        st.caption(view.texts["rows.none"])
        return
    st.caption(view.texts["upload.fix_note"])
    if report.rows_bad > len(report.bad_rows):
        st.caption(view.text("rows.bounded", shown=len(report.bad_rows), all=f"{report.rows_bad:,}"))
    held = _held(view, report, state, which or "bad", rows)
    number, why = view.texts["column.row"], view.texts["column.why"]
    st.data_editor(
        held["table"],
        hide_index=True,
        disabled=[number, why],
        column_config={
            number: st.column_config.TextColumn(number, pinned=True, width="small"),
            why: st.column_config.TextColumn(why, width="large"),
        },
        key=held["key"],
        width="stretch",
        height=min(38 + 35 * len(rows), 460),
        num_rows="fixed",
    )
    _keep_typed(state, held)
    n = len(state["draft"])
    if st.button(
        view.text("rows.check_again", n=n) if n else view.texts["upload.check_again"],
        type="primary",
        key="check-again",
        disabled=not n,
    ):
        state["edits"] = {**state["edits"], **state["draft"]}
        state["draft"], state["fix"] = {}, None
        st.rerun()


def _rows(report: Report, which: str) -> list[dict[str, Any]]:
    if which == "bad":
        return report.bad_rows
    warned = {w.row for w in report.warnings if w.row is not None}
    others = [r for r in report.other_rows if which == "all" or r["row"] in warned]
    return sorted([*report.bad_rows, *others], key=lambda r: int(r["row"]))


def _numbers(report: Report) -> dict[str, int]:
    return {which: len(_rows(report, which)) for which in ("bad", "warned", "all")}


def _held(
    view: View, report: Report, state: dict[str, Any], which: str, rows: list[dict[str, Any]]
) -> dict[str, Any]:
    """The table that is shown: made once for what it shows, so that Streamlit keeps what is typed into it."""
    shown = (state["asked"], which, view.lang)
    held: dict[str, Any] | None = state.get("fix")
    if held is not None and held["shown"] == shown:
        return held
    number, why = view.texts["column.row"], view.texts["column.why"]
    reasons = _reasons(view, report)
    table = pd.DataFrame(
        [
            {
                number: str(row.get("line") or row["row"] + 1),
                why: reasons.get(int(row["row"]), ""),
                **row["cells"],
                **state["draft"].get(int(row["row"]), {}),
            }
            for row in rows
        ],
        dtype=str,
    )
    state["tables"] = state.get("tables", 0) + 1
    held = {"shown": shown, "table": table, "rows": rows, "key": f"rows-{state['tables']}"}
    state["fix"] = held
    return held


def _keep_typed(state: dict[str, Any], held: dict[str, Any]) -> None:
    typed = st.session_state.get(held["key"], {}).get("edited_rows", {})
    for index, cells in typed.items():
        row = held["rows"][int(index)]
        shown = held["table"].iloc[int(index)]
        state["draft"][int(row["row"])] = {header: str(shown[header]) for header in row["cells"]} | {
            header: "" if value is None else str(value)
            for header, value in cells.items()
            if header in row["cells"]
        }


def _reasons(view: View, report: Report) -> dict[int, str]:
    """Row → what is wrong with it, each sentence led by the header of its cell."""
    headers = report.understood.get("columns") or {}
    found: dict[int, list[str]] = {}
    for remark in (*report.errors, *report.warnings):
        if remark.row is None:
            continue
        sentence = (remark.en if view.lang == "en" else remark.ja).split(": ", 1)[-1]
        header = headers.get(remark.column or "")
        told = sentence if not header or header in sentence[: len(header) + 8] else f"{header}：{sentence}"
        held = found.setdefault(remark.row, [])
        if told not in held:
            held.append(told)
    return {row: " ／ ".join(held) for row, held in found.items()}


def _files(view: View, kind: str, report: Report) -> None:
    """Both are made when they are asked for: a list of 200,000 rows is not written on every look at the page."""
    name = str(report.understood.get("file", "upload")).rsplit(".", 1)[0]
    with st.container(horizontal=True):
        st.download_button(
            view.texts["rows.corrected"], lambda: corrected_csv(kind, report), f"{name}_{view.texts['rows.corrected_name']}.csv",
            "text/csv", key="save-corrected", on_click="ignore",
        )  # fmt: skip
        if report.errors or report.warnings:
            st.download_button(
                view.texts["rows.errors"], lambda: errors_csv(report, view.lang), f"{name}_{view.texts['rows.errors_name']}.csv",
                "text/csv", key="save-errors", on_click="ignore",
            )  # fmt: skip
    if report.bad_rows:
        st.caption(view.texts["rows.corrected_note"])
    if any(w.code == "more-of-the-same" for w in report.warnings):
        st.html(frame.notice(view.texts["rows.more"], kind="plain"))
