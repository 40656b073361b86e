"""実績値の入力 on the page 指標: what is entered now, what the cell will print, record, and take back.

The version that the editor saw travels with the form: who comes second is told who was faster, and sees the new value.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import streamlit as st

from coverage.domain.indicators import Indicator, IndicatorCell, IndicatorSet
from coverage.errors import CoverageGapError
from coverage.services import books
from coverage.services.access import Action, Object
from coverage.services.books import ActualEntry, ActualState, Store
from coverage.services.context import AppContext
from coverage.services.ledger import today
from coverage.web import frame
from coverage.web.app_context import has_ledger, open_ledger, web_context
from coverage.web.frame import Column, View
from coverage.web.recording import Recording

_ENTRIES: Final = Recording("actual")
_EARLIEST: Final = date(1989, 1, 8)


def show_actual_editor(view: View) -> None:
    """For those who may edit actuals; planners are told their way, others see nothing."""
    if not view.may(Action.EDIT, Object.ACTUAL):
        if view.may(Action.UPLOAD, Object.IMPORT):
            st.caption(view.texts["books.actual_upload"])
        return
    context = web_context()
    with st.expander(view.texts["books.actual_head"], expanded=_ENTRIES.times > 0):
        if not has_ledger(context):
            st.html(frame.notice(view.texts["upload.no_ledger"], kind="plain"))
            return
        sheet = books.sheet_of(context)
        if sheet is None:
            st.html(frame.notice(view.texts["indicators.none"], kind="plain"))
            return
        with open_ledger(context) as store:
            _ENTRIES.outcome(
                view,
                lambda back: books.undo_actual(
                    store, back[0], back[1], expected_version=back[2], principal=view.principal
                ),
            )
            _form(view, context, store, sheet)


def _form(view: View, context: AppContext, store: Store, sheet: IndicatorSet) -> None:
    texts = view.texts
    rows = {indicator.code: indicator for indicator in sheet.indicators}
    left, right = st.columns(2, gap="large")
    with left:
        code = str(
            st.selectbox(
                texts["column.indicator"],
                list(rows),
                format_func=lambda c: f"{c} {rows[c].name.text(view.lang)}",
                key="actual-indicator",
            )
        )
    with right:
        years = list(sheet.fiscal_years)
        fy = int(
            st.selectbox(
                texts["column.fiscal_year"],
                years,
                index=frame.latest_year(years, today()),
                format_func=lambda y: frame.year_label(view, y),
                key="actual-year",
            )
        )
    slot = f"{code}-{fy}-{_ENTRIES.times}"
    state = books.actual_state(context, store, sheet, code, fy)
    if f"actual-value-{slot}" not in st.session_state:
        # The form begins with what is entered now; that version is what it will be recorded against.
        st.session_state[f"actual-seen-{slot}"] = state.version
    entry, note = _fields(view, rows[code], fy, state, slot)
    if entry is None:
        st.caption(texts["books.actual_empty"])
        return
    try:
        before, after = books.preview_actual(context, store, sheet, entry)
    except CoverageGapError as error:
        st.html(frame.notice(error.text(view.lang), kind="grave"))
        return
    _difference(view, rows[code], before, after)
    if rows[code].code == context.config.counting.indicator:
        st.caption(texts["books.actual_counted"])
    seen = int(st.session_state.get(f"actual-seen-{slot}", state.version))
    if st.button(
        texts["books.record"], type="primary", key="actual-record", disabled=not entry.source.strip()
    ):
        _ENTRIES.record(
            view,
            lambda: books.enter_actual(
                store, sheet, entry, expected_version=seen, note=note, principal=view.principal
            ),
            "books.actual_recorded",
            back=lambda receipt: (code, fy, receipt.events[0].version),
            code=code,
            year=frame.year_label(view, fy),
            value=rows[code].format(entry.value, view.lang),
        )


def _fields(
    view: View, indicator: Indicator, fy: int, state: ActualState, slot: str
) -> tuple[ActualEntry | None, str]:
    texts, held = view.texts, state.entered
    step = 10.0**-indicator.decimals
    left, right = st.columns(2, gap="large")
    with left:
        value = st.number_input(
            view.text("books.value", unit=indicator.unit.text(view.lang)),
            min_value=0.0,
            value=None if held is None else float(held.value),
            step=step,
            format=f"%.{indicator.decimals}f",
            key=f"actual-value-{slot}",
        )
        decided = st.date_input(
            texts["books.decided_on"],
            value=None if held is None else held.decided_on,
            min_value=_EARLIEST,
            format="YYYY-MM-DD",
            key=f"actual-decided-{slot}",
        )
    with right:
        source = st.text_input(
            texts["books.source"],
            value="" if held is None else held.source,
            max_chars=300,
            key=f"actual-source-{slot}",
        )
        note = st.text_input(texts["books.note"], max_chars=500, key=f"actual-note-{slot}")
    if value is None:
        return None, note
    day = decided if isinstance(decided, date) else None
    return ActualEntry(indicator.code, fy, float(value), source, day), note


def _difference(view: View, indicator: Indicator, before: IndicatorCell, after: IndicatorCell) -> None:
    texts = view.texts

    def line(label: str, cell: IndicatorCell) -> list[Any]:
        source = texts[f"source.{cell.source}"] if cell.source else texts["value.none"]
        values = (indicator.format(cell.target, view.lang), indicator.format(cell.actual, view.lang))
        return [label, *values, cell.achievement_text, source, cell.note(view.lang)]

    titles = ("column.target", "column.actual", "column.achievement", "books.kind", "books.remark")
    frame.sheet(
        [Column(""), *(Column(texts[t], number=i < 3, wrap=i == 4) for i, t in enumerate(titles))],
        [line(texts["books.before"], before), line(texts["books.after"], after)],
        caption=texts["books.difference"],
    )
