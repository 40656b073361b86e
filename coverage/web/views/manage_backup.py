"""管理 → バックアップ: take one now, see how old the last is, take one away; restoring is a command on the server."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Final

import streamlit as st

from coverage.services import backups
from coverage.services.access import Action, Object
from coverage.services.backups import OVERDUE_DAYS, BackupFile
from coverage.web import frame
from coverage.web.app_context import web_context
from coverage.web.frame import Column, View
from coverage.web.manage_parts import when
from coverage.web.upkeep_part import upkeep
from coverage.web.views.manage_layers import size

_LOG: Final = logging.getLogger(__name__)
MOST_BYTES: Final = 300 * 2**20
"""Larger backups are copied on the server: a browser's download of them would stand in the app's memory."""
SHOWN: Final = 30


def show(view: View) -> None:
    """The section."""
    context = web_context()
    st.subheader(view.texts["manage.backup"], anchor=False)
    held = backups.backups(context, principal=view.principal)
    _age(view, held)
    upkeep(view, "backup")
    place = backups.place_of(context)
    # Below the server's own folder the way there is left out; the folder itself has no name then.
    named = str(place.told) if place.told.parts else view.texts["manage.work_folder"]
    st.caption(view.text("manage.backup_place", folder=named, log=place.anchor_log, n=place.anchors))
    if not held:
        return
    titles = ("column.when", "column.file_name", "manage.seq", "manage.size")
    frame.sheet(
        [Column(view.texts[t], number=t in ("manage.seq", "manage.size")) for t in titles],
        [[when(b.at, ""), b.name, f"{b.seq:,}", size(b.bytes)] for b in held[:SHOWN]],
    )
    if view.may(Action.DOWNLOAD, Object.BACKUP):
        _download(view, held)
    st.subheader(view.texts["manage.restore"], anchor=False)
    st.caption(view.texts["manage.restore_note"])
    st.code(f"coverage-gap db restore {place.told / held[0].name} --force", language="shell")


def _age(view: View, held: tuple[BackupFile, ...]) -> None:
    if not held:
        st.html(frame.notice(view.texts["manage.no_backup"]))
        return
    days = (datetime.now(UTC) - held[0].at).days
    words = view.text("manage.last_backup", at=when(held[0].at, ""), days=days)
    if days > OVERDUE_DAYS:
        st.html(frame.notice(words + view.text("manage.backup_overdue", days=OVERDUE_DAYS)))
    else:
        st.html(frame.notice(words, kind="plain"))


def _download(view: View, held: tuple[BackupFile, ...]) -> None:
    offered = [b for b in held[:SHOWN] if b.bytes <= MOST_BYTES]
    if not offered:
        st.caption(view.texts["manage.too_large"])
        return
    with st.expander(view.texts["manage.download"]):
        st.html(frame.notice(view.texts["manage.download_note"], kind="plain"))
        chosen = st.selectbox(
            view.texts["column.file_name"],
            offered,
            format_func=lambda b: f"{b.name} ({size(b.bytes)})",
            key="backup-which",
        )

        def content() -> bytes:
            _LOG.info("backup %s downloaded by %s", chosen.name, view.principal.user_id)
            return backups.read_backup(web_context(), chosen.name, principal=view.principal)

        st.download_button(
            view.texts["manage.take"],
            content,
            chosen.name,
            "application/vnd.sqlite3",
            key="backup-take",
            on_click="ignore",
        )
