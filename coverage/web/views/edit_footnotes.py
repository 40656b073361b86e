"""脚注の記入 on the pages 指標 and 進捗: what stands, write one, correct it, withdraw it, and take the last step back.

The version that the editor saw travels with the form, as with actuals: who comes second is told who was faster.
"""

from __future__ import annotations

from typing import Final

import streamlit as st

from coverage.domain import fiscal
from coverage.errors import CoverageGapError
from coverage.services import books, footnotes
from coverage.services.access import Action, Object
from coverage.services.books import Store
from coverage.services.context import AppContext
from coverage.services.footnotes import ListedFootnote, Receipt
from coverage.services.ledger import today
from coverage.web import frame
from coverage.web.app_context import has_ledger, open_ledger, web_context
from coverage.web.frame import Column, View
from coverage.web.recording import Recording

_ENTRIES: Final = Recording("footnote")
_TASKS: Final = ("footnotes.task_add", "footnotes.task_correct", "footnotes.task_withdraw")


def show_footnote_editor(view: View) -> None:
    """For those who may edit actuals, a part of its own; others see nothing."""
    if not view.may(Action.EDIT, Object.ACTUAL):
        return
    context = web_context()
    with st.expander(view.texts["footnotes.head"], expanded=_ENTRIES.times > 0):
        if not has_ledger(context):
            st.html(frame.notice(view.texts["upload.no_ledger"], kind="plain"))
            return
        with open_ledger(context) as store:
            footnote_forms(view, context, store)


def footnote_forms(view: View, context: AppContext, store: Store, indicator: str | None = None) -> None:
    """The list and the three forms; ``indicator``: of this one alone."""
    _ENTRIES.outcome(
        view,
        lambda back: footnotes.undo(store, back[0], expected_version=back[1], principal=view.principal),
    )
    st.caption(view.texts["footnotes.lede"])
    standing = footnotes.listed(store, principal=view.principal, indicator=indicator)
    _list(view, standing)
    task = st.radio(
        view.texts["footnotes.task"],
        list(_TASKS) if standing else list(_TASKS[:1]),
        format_func=lambda name: view.texts[name],
        horizontal=True,
        key="footnote-task",
    )
    try:
        if task == "footnotes.task_correct":
            _correct(view, store, standing)
        elif task == "footnotes.task_withdraw":
            _withdraw(view, store, standing)
        else:
            _add(view, context, store, indicator)
    except CoverageGapError as error:
        st.html(frame.notice(error.text(view.lang), kind="grave"))


def _list(view: View, standing: list[ListedFootnote]) -> None:
    texts = view.texts
    if not standing:
        st.html(frame.notice(texts["footnotes.none"], kind="plain"))
        return
    titles = (
        "footnotes.number",
        "column.indicator",
        "column.fiscal_year",
        "footnotes.words",
        "books.recorded_by",
        "column.when",
    )
    frame.sheet(
        [Column(texts[t], wrap=t == "footnotes.words") for t in titles],
        [
            [
                f.note.footnote_id,
                f.note.indicator,
                frame.year_label(view, f.note.fiscal_year),
                f"{f.note.ja} / {f.note.en}" if f.note.en else f.note.ja,
                f.note.author,
                f.changed_at.astimezone(fiscal.TOKYO).strftime("%Y-%m-%d %H:%M"),
            ]
            for f in standing
        ],
        caption=texts["footnotes.standing"],
    )


def _add(view: View, context: AppContext, store: Store, indicator: str | None) -> None:
    texts = view.texts
    sheet = books.sheet_of(context)
    names = {} if sheet is None else {i.code: i.name.text(view.lang) for i in sheet.indicators}
    left, right = st.columns(2, gap="large")
    with left:
        code = indicator or str(
            st.selectbox(
                texts["footnotes.indicator"],
                footnotes.indicators_of(context, sheet),
                format_func=lambda c: f"{c} {names.get(c, '')}".rstrip(),
                key="footnote-indicator",
            )
        )
    with right:
        years = footnotes.years_of(context, sheet, code)
        fy = int(
            st.selectbox(
                texts["footnotes.year"],
                years,
                index=frame.latest_year(years, today()),
                format_func=lambda y: frame.year_label(view, y),
                key=f"footnote-year-{code}",
            )
        )
    ja, en, reason = _fields(view, _ENTRIES.slot("add"), "", "", texts["footnotes.note"])
    if st.button(texts["footnotes.record"], type="primary", key="footnote-add", disabled=not ja.strip()):
        _ENTRIES.record(
            view,
            lambda: footnotes.add(
                context, store, sheet, code, fy, ja=ja, en=en, reason=reason, principal=view.principal
            ),
            "footnotes.added",
            back=_undo_of,
            code=code,
            year=frame.year_label(view, fy),
        )


def _correct(view: View, store: Store, standing: list[ListedFootnote]) -> None:
    chosen = _chosen(view, standing)
    number = chosen.note.footnote_id
    slot = _ENTRIES.slot(f"correct-{number}")
    seen = _seen(slot, chosen.version)
    ja, en, reason = _fields(view, slot, chosen.note.ja, chosen.note.en, view.texts["books.reason"])
    ready = bool(ja.strip() and reason.strip())
    if st.button(view.texts["footnotes.record"], type="primary", key="footnote-correct", disabled=not ready):
        _ENTRIES.record(
            view,
            lambda: footnotes.correct(
                store,
                number,
                ja=ja,
                en=en,
                reason=reason,
                expected_version=seen,
                principal=view.principal,
            ),
            "footnotes.corrected",
            back=_undo_of,
            number=number,
        )


def _withdraw(view: View, store: Store, standing: list[ListedFootnote]) -> None:
    chosen = _chosen(view, standing)
    number = chosen.note.footnote_id
    slot = _ENTRIES.slot(f"withdraw-{number}")
    seen = _seen(slot, chosen.version)
    reason = st.text_input(view.texts["books.reason"], max_chars=footnotes.MOST_REASON, key=f"{slot}-reason")
    if st.button(
        view.texts["footnotes.withdraw"], type="primary", key="footnote-withdraw", disabled=not reason.strip()
    ):
        _ENTRIES.record(
            view,
            lambda: footnotes.withdraw(
                store, number, reason=reason, expected_version=seen, principal=view.principal
            ),
            "footnotes.withdrawn",
            back=_undo_of,
            number=number,
        )


def _chosen(view: View, standing: list[ListedFootnote]) -> ListedFootnote:
    by_number = {f.note.footnote_id: f for f in standing}
    number = st.selectbox(
        view.texts["footnotes.which"],
        list(by_number),
        format_func=lambda n: (
            f"{by_number[n].note.indicator} {frame.year_label(view, by_number[n].note.fiscal_year)} "
            f"{by_number[n].note.ja}"
        ),
        key=_ENTRIES.slot("which"),
    )
    return by_number[str(number)]


def _fields(view: View, slot: str, ja: str, en: str, why: str) -> tuple[str, str, str]:
    texts, most = view.texts, footnotes.MOST_CHARACTERS
    said = st.text_input(texts["footnotes.ja"], value=ja, max_chars=most, key=f"{slot}-ja")
    left, right = st.columns(2, gap="large")
    with left:
        english = st.text_input(texts["footnotes.en"], value=en, max_chars=most, key=f"{slot}-en")
    with right:
        reason = st.text_input(why, max_chars=footnotes.MOST_REASON, key=f"{slot}-reason")
    return said, english, reason


def _seen(slot: str, version: int) -> int:
    """The version that the form began with, whatever came in meanwhile."""
    return int(st.session_state.setdefault(f"{slot}-seen", version))


def _undo_of(receipt: Receipt) -> tuple[str, int]:
    """Which footnote, and the version that the undo takes back."""
    return receipt.key, receipt.events[0].version
