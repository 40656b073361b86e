"""What the sections of 管理 share: a sentence after a change, attempts that may fail, a second step before danger."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import streamlit as st

from coverage.domain.fiscal import TOKYO
from coverage.errors import CoverageGapError
from coverage.services.access import Role
from coverage.services.audit_trail import FieldChange, HistoryEntry, shown
from coverage.web import frame
from coverage.web.frame import Column, View

_SAID, _WRONG = "manage-said", "manage-wrong"


def flash() -> None:
    """What the last change came to, said once."""
    for key, kind in ((_SAID, "plain"), (_WRONG, "grave")):
        said = st.session_state.pop(key, None)
        if said:
            st.html(frame.notice(said, kind=kind))


def attempt(view: View, work: Callable[[], object], said: str) -> None:
    """Do ``work`` and draw the page anew with ``said``, or with the error's sentence where it was refused."""
    try:
        work()
    except CoverageGapError as error:
        st.session_state[_WRONG] = error.text(view.lang)
    else:
        st.session_state[_SAID] = said
    st.rerun()


def confirmed(view: View, key: str, label: str, warning: str, *, disabled: bool = False) -> bool:
    """A button that asks once more: True in the run in which the second button was pressed."""
    asking = f"{key}-asking"
    if not st.session_state.get(asking):
        if st.button(label, key=key, disabled=disabled):
            st.session_state[asking] = True
            st.rerun()
        return False
    st.html(frame.notice(warning))
    with st.container(horizontal=True):
        yes = st.button(view.text("manage.sure", what=label), type="primary", key=f"{key}-yes")
        no = st.button(view.texts["manage.never_mind"], key=f"{key}-no")
    if yes or no:
        st.session_state.pop(asking, None)
        if no:
            st.rerun()
    return yes


def when(moment: datetime | None, none: str) -> str:
    """A moment in Japan, to the minute."""
    return none if moment is None else moment.astimezone(TOKYO).strftime("%Y-%m-%d %H:%M")


def change_words(view: View, fields: tuple[FieldChange, ...]) -> list[str]:
    """「状態 計画 → 供用中」, a line a column; of a new record, what it was entered with."""
    if fields and all(f.before is None for f in fields):
        entered = [f for f in fields if f.after not in (None, "", [], {}, ())]
        return [
            view.texts["manage.entered"],
            *(f"{_column(view, f)} {_words(view, f, f.after)}" for f in entered),
        ]
    return [f"{_column(view, f)} {_words(view, f, f.before)} → {_words(view, f, f.after)}" for f in fields]


def _column(view: View, field: FieldChange) -> str:
    return field.field if view.lang == "en" else field.ja


_CODED: Final = {
    "state": "import",
    "table_name": "upload.kind",
    "date_precision": "manage.precision",
    "role": "role",
}
"""Columns that hold a code of ours, and where its word stands."""
_DOCUMENT_CHARACTERS: Final = 80


def _words(view: View, field: FieldChange, value: Any) -> str:
    words = _CODED.get(field.field)
    if words is not None and isinstance(value, str):
        join = "_" if words == "upload.kind" else "."
        return view.texts.get(f"{words}{join}{value}", value)
    if isinstance(value, dict):
        # A document, as a plan or the settings are: its beginning tells which; the CSV has more of it.
        return shown(json.dumps(value, ensure_ascii=False, default=str), limit=_DOCUMENT_CHARACTERS)
    if isinstance(value, bool):
        return view.texts["manage.yes" if value else "manage.no"]
    if isinstance(value, list | tuple):
        return view.texts["value.comma"].join(shown(v) for v in value) or view.texts["value.none"]
    return shown(value) or view.texts["value.none"]


def history_sheet(view: View, entries: tuple[HistoryEntry, ...]) -> None:
    """Who changed a record when and what, newest first."""
    frame.sheet(
        [
            Column(view.texts["column.when"]),
            Column(view.texts["manage.who"]),
            Column(view.texts["manage.change"], wrap=True),
            Column(view.texts["manage.reason"], wrap=True),
        ],
        [
            [
                when(entry.at, view.texts["value.none"]),
                entry.actor,
                view.texts["manage.removed"]
                if entry.deleted
                else view.texts["value.semicolon"].join(change_words(view, entry.changes))
                or view.texts["value.none"],
                entry.reason or view.texts["value.none"],
            ]
            for entry in entries
        ],
    )


def role_words(view: View, role: str) -> str:
    """The role in the page's language."""
    return view.texts[f"role.{role}"] if role in {r.value for r in Role} else role
