"""管理 → 監査: who changed what, when, from what to what; found by number, person and day, taken away as CSV; verified."""

from __future__ import annotations

from datetime import date
from typing import Final

import streamlit as st

from coverage.report.escape import esc
from coverage.services import audit_trail
from coverage.services.audit_trail import Change, Kind, Query
from coverage.services.imports import Store
from coverage.web import frame
from coverage.web.app_context import open_ledger, web_context
from coverage.web.frame import Column, Html, View
from coverage.web.manage_parts import change_words, role_words, when
from coverage.web.upkeep_part import upkeep

SHOWN: Final = 60
EXPORTED: Final = 5000


def show(view: View) -> None:
    """The section."""
    with open_ledger(web_context()) as store:
        st.subheader(view.texts["manage.audit"], anchor=False)
        query = _asked(view)
        # Without a number only what is shown is read: every row costs a look into its record's history.
        limit = EXPORTED if query.text else SHOWN
        found = audit_trail.search(store, query, principal=view.principal, limit=limit)
        changes = _narrowed(view, query, found.changes)
        _results(view, changes, more=found.more)
        _inside(view, store, changes)
        _export(view, query, changes)
        st.subheader(view.texts["manage.verify_title"], anchor=False)
        st.caption(view.text("manage.verify_lede", seq=store.head().seq))
    upkeep(view, "verify")


def _asked(view: View) -> Query:
    texts = view.texts
    with st.form("audit-search", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            texts["manage.find"], key="audit-text", placeholder=texts["manage.find_example"], max_chars=80
        )
        kind = st.selectbox(
            texts["manage.kind"],
            ["", *(k.value for k in audit_trail.KINDS)],
            format_func=lambda k: kind_words(view, Kind(k)) if k else texts["manage.any_kind"],
            key="audit-kind",
            width=170,
        )
        actor = st.text_input(texts["manage.who_id"], key="audit-actor", max_chars=200, width=150)
        since = st.date_input(
            texts["manage.since"], value=None, key="audit-since", width=140, format="YYYY-MM-DD"
        )
        until = st.date_input(
            texts["manage.until"], value=None, key="audit-until", width=140, format="YYYY-MM-DD"
        )
        st.form_submit_button(texts["manage.search"], type="primary")
    return Query(
        text.strip(),
        Kind(kind) if kind else None,
        actor.strip(),
        since if isinstance(since, date) else None,
        until if isinstance(until, date) else None,
    )


def kind_words(view: View, kind: Kind) -> str:
    """A kind of record in the page's language."""
    return kind.value.replace("_", " ") if view.lang == "en" else audit_trail.audit_kind_ja(kind)


def _narrowed(view: View, query: Query, changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """One click on a column shows its changes only."""
    names = audit_trail.field_names(changes) if query.text else {}
    if len(names) < 2:
        return changes
    field = st.pills(
        view.texts["manage.field"],
        list(names),
        format_func=lambda n: n if view.lang == "en" else names[n],
        key=f"audit-field-{query.text}",
    )
    return audit_trail.only_field(changes, str(field)) if field else changes


def _results(view: View, changes: tuple[Change, ...], *, more: bool) -> None:
    if not changes:
        st.html(frame.notice(view.texts["manage.nothing_found"], kind="plain"))
        return
    titles = ("column.when", "manage.who", "manage.what", "manage.action", "manage.change", "manage.reason")
    frame.sheet(
        [Column(view.texts[t], wrap=t in ("manage.change", "manage.reason", "manage.what")) for t in titles]
        + [Column(view.texts["manage.seq"], number=True)],
        [_row(view, c) for c in changes[:SHOWN]],
    )
    if more or len(changes) > SHOWN:
        st.caption(view.text("manage.more_changes", shown=SHOWN, n=f"{EXPORTED:,}"))


def _row(view: View, change: Change) -> list[str]:
    none = view.texts["value.none"]
    lines = change_words(view, change.fields)
    if change.removed:
        lines = [view.texts["manage.removed"]]
    elif change.valid_from not in (None, date.min) and change.fields:
        lines.append(view.text("manage.valid_from", day=change.valid_from))
    what = (
        view.texts["manage.whole_ledger"]
        if change.kind is None
        else f"{kind_words(view, change.kind)} {change.key}"
    )
    return [
        when(change.at, none),
        Html(f"{esc(change.actor)}<small>{esc(role_words(view, change.role))}</small>"),
        what,
        view.texts.get(f"audit_action.{change.action}", change.action),
        Html("<br>".join(esc(line) for line in lines)) if lines else none,
        change.reason or none,
        str(change.seq),
    ]


def _inside(view: View, store: Store, changes: tuple[Change, ...]) -> None:
    """What an upload wrote, record by record."""
    uploads = {
        c.seq: c
        for c in changes[:SHOWN]
        if c.kind is Kind.IMPORT and c.action in ("import.accept", "import.undo")
    }
    if not uploads:
        return
    with st.expander(view.texts["manage.inside"]):
        seq = st.selectbox(
            view.texts["manage.which_upload"],
            list(uploads),
            format_func=lambda s: f"{s}  {uploads[s].key}  {when(uploads[s].at, '')}",
            key="audit-upload",
        )
        found = audit_trail.of_entry(store, uploads[int(seq)], principal=view.principal)
        _results(view, found.changes, more=found.more)


def _export(view: View, query: Query, changes: tuple[Change, ...]) -> None:
    if not changes:
        return
    name = f"audit-{query.text}.csv" if query.text else "audit.csv"
    whole = bool(query.text) or len(changes) < SHOWN

    def content() -> bytes:
        if whole:
            return audit_trail.as_csv(changes, principal=view.principal)
        with open_ledger(web_context()) as store:
            found = audit_trail.search(store, query, principal=view.principal, limit=EXPORTED)
            return audit_trail.as_csv(found.changes, principal=view.principal)

    label = (
        view.text("manage.export", n=f"{len(changes):,}")
        if whole
        else view.text("manage.export_all", n=f"{EXPORTED:,}")
    )
    st.download_button(
        label,
        content,
        name.replace("/", "_"),
        "text/csv",
        key="audit-export",
        on_click="ignore",
    )
