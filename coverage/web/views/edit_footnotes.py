"""脚注の記入 on the pages 指標 and 進捗: what stands, write one, correct it, withdraw it, and take the last step back.

The version that the editor saw travels with the form, as with actuals: who comes second is told who was faster.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import streamlit as st

from coverage.domain import fiscal
from coverage.errors import CoverageGapError
from coverage.services import books, footnotes
from coverage.services.access import Action, Object
from coverage.services.books import Store
from coverage.services.context import AppContext
from coverage.services.footnotes import ListedFootnote, Receipt
from coverage.web import frame
from coverage.web.app_context import has_ledger, open_ledger, web_context
from coverage.web.frame import Column, View

_SAID, _WRONG, _BACK, _TIMES = "footnote-said", "footnote-wrong", "footnote-undo", "footnote-times"
_TASKS: Final = ("footnotes.task_add", "footnotes.task_correct", "footnotes.task_withdraw")


def show_footnote_editor(view: View) -> None:
    """For those who may edit actuals, a part of its own; others see nothing."""
    if not view.may(Action.EDIT, Object.ACTUAL):
        return
    context = web_context()
    with st.expander(view.texts["footnotes.head"], expanded=_TIMES in st.session_state):
        if not has_ledger(context):
            st.html(frame.notice(view.texts["upload.no_ledger"], kind="plain"))
            return
        with open_ledger(context) as store:
            footnote_forms(view, context, store)


def footnote_forms(view: View, context: AppContext, store: Store, indicator: str | None = None) -> None:
    """The list and the three forms; ``indicator``: of this one alone."""
    _outcome(view, store)
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


def _outcome(view: View, store: Store) -> None:
    """The receipt of the last change with its undo, or why it was not made."""
    wrong = st.session_state.pop(_WRONG, None)
    if wrong:
        st.html(frame.notice(wrong, kind="grave"))
    said = st.session_state.get(_SAID)
    if not said:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="footnote-receipt"):
        st.html(frame.notice(said, head=view.texts["books.receipt"], kind="plain"))
        back = st.session_state.get(_BACK)
        if back and st.button(view.texts["books.undo"], key="footnote-undo-button"):
            number, version = back
            _record(
                view,
                lambda: footnotes.undo(store, number, expected_version=version, principal=view.principal),
                "books.undone",
                undoable=False,
            )


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
        fy = int(
            st.selectbox(
                texts["footnotes.year"],
                footnotes.years_of(context, sheet, code),
                format_func=lambda y: frame.year_label(view, y),
                key=f"footnote-year-{code}",
            )
        )
    ja, en, reason = _fields(view, _slot("add"), "", "", texts["footnotes.note"])
    if st.button(texts["footnotes.record"], type="primary", key="footnote-add", disabled=not ja.strip()):
        _record(
            view,
            lambda: footnotes.add(
                context, store, sheet, code, fy, ja=ja, en=en, reason=reason, principal=view.principal
            ),
            "footnotes.added",
            code=code,
            year=frame.year_label(view, fy),
        )


def _correct(view: View, store: Store, standing: list[ListedFootnote]) -> None:
    chosen = _chosen(view, standing)
    number = chosen.note.footnote_id
    slot = _slot(f"correct-{number}")
    seen = _seen(slot, chosen.version)
    ja, en, reason = _fields(view, slot, chosen.note.ja, chosen.note.en, view.texts["books.reason"])
    ready = bool(ja.strip() and reason.strip())
    if st.button(view.texts["footnotes.record"], type="primary", key="footnote-correct", disabled=not ready):
        _record(
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
            number=number,
        )


def _withdraw(view: View, store: Store, standing: list[ListedFootnote]) -> None:
    chosen = _chosen(view, standing)
    number = chosen.note.footnote_id
    slot = _slot(f"withdraw-{number}")
    seen = _seen(slot, chosen.version)
    reason = st.text_input(view.texts["books.reason"], max_chars=footnotes.MOST_REASON, key=f"{slot}-reason")
    if st.button(
        view.texts["footnotes.withdraw"], type="primary", key="footnote-withdraw", disabled=not reason.strip()
    ):
        _record(
            view,
            lambda: footnotes.withdraw(
                store, number, reason=reason, expected_version=seen, principal=view.principal
            ),
            "footnotes.withdrawn",
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
        key=_slot("which"),
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


def _slot(name: str) -> str:
    """Keys of a form that begins anew after each recording."""
    return f"footnote-{name}-{st.session_state.get(_TIMES, 0)}"


def _seen(slot: str, version: int) -> int:
    """The version that the form began with, whatever came in meanwhile."""
    return int(st.session_state.setdefault(f"{slot}-seen", version))


def _record(
    view: View, work: Callable[[], Receipt], words: str, *, undoable: bool = True, **values: object
) -> None:
    """Do it; the receipt, or why not, is shown when the page is drawn anew."""
    st.session_state.pop(_SAID, None)
    st.session_state.pop(_BACK, None)
    try:
        receipt = work()
        if receipt.events:
            st.session_state[_SAID] = view.text(words, seq=receipt.head.seq, **values)
            if undoable:
                number = str(values.get("number", receipt.key))
                st.session_state[_BACK] = (number, receipt.events[0].version)
        else:
            st.session_state[_SAID] = view.texts["books.nothing_changed"]
    except CoverageGapError as error:
        st.session_state[_WRONG] = error.text(view.lang)
    st.session_state[_TIMES] = int(st.session_state.get(_TIMES, 0)) + 1
    st.rerun()
