"""帳簿 on the page 進捗: opening balance, allocation, restatement, and publishing a year, each shown before it is recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

import streamlit as st

from coverage.domain import fiscal
from coverage.errors import CoverageGapError
from coverage.services import books, journal
from coverage.services.access import Action, Object
from coverage.services.books import SeriesMove, Store
from coverage.services.context import AppContext
from coverage.web import frame
from coverage.web.app_context import has_ledger, open_ledger, web_context
from coverage.web.frame import Column, View
from coverage.web.recording import Recording
from coverage.web.views.edit_footnotes import footnote_forms

_ENTRIES: Final = Recording("books")
_SHOWN: Final = 50
_KINDS: Final = {
    "opening_balance": "books.kind_opening_balance",
    "allocation": "books.kind_allocation",
    "restatement": "books.kind_restatement",
    "frozen_year": "books.kind_frozen_year",
}
_SUBJECTS: Final = {
    "count": "books.subject_count",
    "run": "books.subject_run",
    "indicators": "books.subject_indicators",
}


def show_books_editor(view: View) -> None:
    """For administrators; others see nothing."""
    if not view.may(Action.EDIT, Object.JOURNAL):
        return
    context = web_context()
    with st.expander(view.texts["books.head"], expanded=_ENTRIES.times > 0):
        if not has_ledger(context):
            st.html(frame.notice(view.texts["upload.no_ledger"], kind="plain"))
            return
        with open_ledger(context) as store:
            _ENTRIES.outcome(view, lambda back: _undo(view, store, *back))
            tasks: dict[str, Callable[[], None]] = {
                "books.task_freeze": lambda: _freeze(view, context, store),
                "books.task_restate": lambda: _restate(view, context, store),
                "books.task_opening": lambda: _opening(view, context, store),
                "books.task_allocate": lambda: _allocate(view, context, store),
                "books.task_footnote": lambda: footnote_forms(
                    view, context, store, context.config.counting.indicator
                ),
                "books.task_journal": lambda: _journal(view, store),
            }
            task = st.radio(
                view.texts["books.task"],
                list(tasks),
                format_func=lambda name: view.texts[name],
                horizontal=True,
                key="books-task",
            )
            try:
                tasks[str(task)]()
            except CoverageGapError as error:
                # What the entry would be refused with, said before anybody tries.
                st.html(frame.notice(error.text(view.lang), kind="grave"))


def _undo(view: View, store: Store, kind: str, key: str) -> Any:
    """The ledger takes nothing out: each undo is an entry of its own."""
    if kind == "opening":
        return books.undo_opening(store, int(key), principal=view.principal)
    reason = view.texts["books.undo_reason"]
    if kind == "restatement":
        return books.undo_restatement(store, key, reason=reason, principal=view.principal)
    held = next(h for h in books.allocated_sites(store) if h.key == key)
    return books.undo_allocation(store, held, reason=reason, principal=view.principal)


def _year(view: View, years: Sequence[int], name: str, *, index: int = 0) -> int:
    chosen = st.selectbox(
        view.texts["column.fiscal_year"],
        list(years),
        index=min(index, len(years) - 1),
        format_func=lambda fy: frame.year_label(view, fy),
        key=_ENTRIES.slot(name),
    )
    return int(chosen)


def _series(view: View, moves: Sequence[SeriesMove]) -> None:
    """The cumulative count before and after, year by year; what moves is marked in words, too."""
    texts = view.texts

    def shown(value: int | None) -> str:
        return texts["value.none"] if value is None else f"{value:,}"

    frame.sheet(
        [
            Column(texts["column.fiscal_year"]),
            Column(texts["books.before"], number=True),
            Column(texts["books.after"], number=True),
            Column(texts["column.change"]),
        ],
        [
            [
                frame.year_label(view, m.fiscal_year),
                shown(m.before),
                shown(m.after),
                texts["books.moves" if m.moves else "books.stays"],
            ]
            for m in moves
        ],
        caption=texts["books.series"],
    )


def _freeze(view: View, context: AppContext, store: Store) -> None:
    """Publish the count up to a year as bytes, and fix that year's value for good."""
    texts = view.texts
    st.caption(texts["books.freeze_note"])
    fy = _year(view, context.config.fiscal_years, "freeze-year", index=len(context.config.fiscal_years) - 1)
    shown = books.preview_freeze(context, store, fy)
    frame.sheet(
        [
            Column(texts["column.fiscal_year"]),
            Column(texts["column.total"], number=True),
            Column(texts["books.what"]),
        ],
        [
            [
                frame.year_label(view, year),
                texts["value.none"] if value is None else f"{value:,}",
                texts[
                    "books.fixed_before"
                    if year in shown.frozen
                    else "books.fixed_now"
                    if year == fy
                    else "books.printed"
                ],
            ]
            for year, value in shown.series
        ],
        caption=texts["books.freeze_caption"],
    )
    sites = texts["value.comma"].join(shown.site_ids) or texts["value.none"]
    st.caption(
        view.text("books.freeze_sites", year=frame.year_label(view, fy), sites=sites, n=shown.questions)
    )
    if shown.already:
        st.html(
            frame.notice(view.text("books.freeze_already", year=frame.year_label(view, fy)), kind="plain")
        )
        return
    if shown.value is None:
        st.html(
            frame.notice(view.text("books.freeze_no_value", year=frame.year_label(view, fy)), kind="plain")
        )
        return
    if shown.unfinished:
        st.html(
            frame.notice(
                view.text(
                    "books.freeze_unfinished",
                    year=frame.year_label(view, fy),
                    day=fiscal.last_day(fy).isoformat(),
                ),
                kind="grave",
            )
        )
    day = st.date_input(
        texts["books.published_on"],
        value=fiscal.tokyo_date(datetime.now(UTC)),
        format="YYYY-MM-DD",
        key=_ENTRIES.slot("freeze-day"),
    )
    sure = st.checkbox(
        view.text("books.freeze_sure", year=frame.year_label(view, fy), value=f"{shown.value:,}"),
        key=_ENTRIES.slot("freeze-sure"),
    )
    if st.button(texts["books.freeze"], type="primary", key="books-freeze", disabled=not sure) and isinstance(
        day, date
    ):
        _ENTRIES.record(
            view,
            lambda: _Published(
                journal.publish_count(context, store, last_fy=fy, published_on=day, principal=view.principal),
                store,
            ),
            "books.frozen",
            year=frame.year_label(view, fy),
            value=f"{shown.value:,}",
        )


class _Published:
    """A publication as a receipt: the head of the chain after it."""

    def __init__(self, done: journal.PublishedCount, store: Store) -> None:
        self.events, self.head = (done,), store.head()


def _restate(view: View, context: AppContext, store: Store) -> None:
    texts = view.texts
    st.caption(texts["books.restate_note"])
    left, right = st.columns(2, gap="large")
    with left:
        fy = _year(view, context.config.fiscal_years, "restate-year")
        amount = int(
            st.number_input(
                texts["books.amount"],
                value=0,
                step=1,
                min_value=-9999,
                max_value=9999,
                key=_ENTRIES.slot("restate-amount"),
            )
        )
    with right:
        reason = st.text_input(texts["books.reason"], max_chars=500, key=_ENTRIES.slot("restate-reason"))
    if amount == 0:
        st.caption(texts["books.restate_empty"])
        return
    _series(
        view, books.preview_restatement(context, store, fy, amount, reason=reason, principal=view.principal)
    )
    if st.button(texts["books.record"], type="primary", key="books-restate", disabled=not reason.strip()):
        _ENTRIES.record(
            view,
            lambda: journal.restate(store, fy, amount, reason=reason.strip(), principal=view.principal),
            "books.restated",
            back=lambda receipt: ("restatement", receipt.key),
            year=frame.year_label(view, fy),
            amount=f"{amount:+d}",
        )


def _opening(view: View, context: AppContext, store: Store) -> None:
    texts = view.texts
    st.caption(texts["books.opening_note"])
    held = books.opening_of(store)
    first = min(context.config.fiscal_years)
    # A balance that stands is corrected in its own year: two years would be two statements about the same sites.
    years = list(range(first - 3, first + 1)) if held is None else [held.fiscal_year]
    left, right = st.columns(2, gap="large")
    with left:
        fy = _year(view, years, "opening-year", index=len(years) - 1)
        value = st.number_input(
            texts["books.opening_value"],
            min_value=0,
            value=None if held is None else held.value,
            step=1,
            key=_ENTRIES.slot("opening-value"),
        )
    with right:
        source = st.text_input(
            texts["books.source"],
            value="" if held is None else held.source,
            max_chars=300,
            key=_ENTRIES.slot("opening-source"),
        )
        decided = st.date_input(
            texts["books.decided_on"],
            value=None if held is None else held.decided_on,
            min_value=date(1989, 1, 8),
            format="YYYY-MM-DD",
            key=_ENTRIES.slot("opening-day"),
        )
    if value is None:
        return
    day = decided if isinstance(decided, date) else None
    _series(view, books.preview_opening(context, store, fy, int(value), source=source, decided_on=day))
    if st.button(texts["books.record"], type="primary", key="books-opening", disabled=not source.strip()):
        _ENTRIES.record(
            view,
            lambda: journal.set_opening(
                store, fy, int(value), source=source.strip(), decided_on=day, principal=view.principal
            ),
            "books.opened",
            back=lambda receipt: ("opening", str(fy)) if held is not None else None,
            year=frame.year_label(view, fy),
            value=f"{int(value):,}",
        )


def _allocate(view: View, context: AppContext, store: Store) -> None:
    texts = view.texts
    st.caption(texts["books.allocate_note"])
    candidates = dict(books.allocatable_sites(context, store))
    if not candidates:
        st.html(frame.notice(texts["books.allocate_none"], kind="plain"))
        return
    site_id = str(
        st.selectbox(
            texts["column.site"],
            list(candidates),
            format_func=lambda s: f"{s} {candidates[s]}",
            key=_ENTRIES.slot("allocate-site"),
        )
    )
    reason = st.text_input(texts["books.reason"], max_chars=500, key=_ENTRIES.slot("allocate-reason"))
    _series(view, books.preview_allocation(context, store, site_id))
    if st.button(texts["books.record"], type="primary", key="books-allocate"):
        _ENTRIES.record(
            view,
            lambda: journal.allocate(store, site_id, reason=reason.strip(), principal=view.principal),
            "books.allocated",
            back=lambda receipt: ("allocation", receipt.key),
            site=site_id,
        )


def _journal(view: View, store: Store) -> None:
    """Everything that was entered, newest first; and publications, which can be verified."""
    texts = view.texts
    rows = books.entries(store, principal=view.principal)
    if not rows:
        st.html(frame.notice(texts["books.journal_none"], kind="plain"))
    else:
        titles = ("column.when", "column.what", "column.change", "books.recorded_by", "books.reason")
        frame.sheet(
            [Column(texts[t], wrap=i in (2, 4)) for i, t in enumerate(titles)],
            [
                [
                    entry["at"].astimezone(fiscal.TOKYO).strftime("%Y-%m-%d %H:%M"),
                    texts[_KINDS[entry["kind"]]],
                    _said(view, entry),
                    entry["by"],
                    entry["reason"]
                    or getattr(entry["record"], "reason", "")
                    or getattr(entry["record"], "source", ""),
                ]
                for entry in rows[:_SHOWN]
            ],
        )
    published = store.publications()
    if not published:
        return
    st.caption(texts["books.publications"])
    chosen = str(
        st.selectbox(
            texts["books.publication"],
            [p.publication_id for p in published],
            format_func=lambda i: next(
                f"{p.published_on} {texts.get(_SUBJECTS.get(p.subject, ''), p.subject)}（{p.publication_id}）"
                for p in published
                if p.publication_id == i
            ),
            key="books-publication",
        )
    )
    if st.button(texts["books.verify"], key="books-verify"):
        check = journal.verify_publication(store, chosen, principal=view.principal)
        if check.ok:
            st.html(frame.notice(view.text("books.verified", id=chosen), kind="plain"))
        else:
            names = texts["value.comma"].join(d.name for d in check.differences) or texts["books.bytes"]
            st.html(frame.notice(view.text("books.differs", id=chosen, names=names), kind="grave"))


def _said(view: View, entry: dict[str, Any]) -> str:
    record, kind = entry["record"], entry["kind"]
    if kind == "allocation":
        return str(record.site_id)
    if kind == "restatement":
        return f"{frame.year_label(view, record.effective_fy)} {record.amount:+d}"
    return f"{frame.year_label(view, record.fiscal_year)} {record.value:,}"
