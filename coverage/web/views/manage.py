"""管理: who may do what, the rules in force, computing and publishing, layers, the audit trail, backups. A section at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import streamlit as st

from coverage.runs.result import RunResult
from coverage.services.access import Action, Object
from coverage.web import frame
from coverage.web.app_context import has_ledger, web_context
from coverage.web.frame import View
from coverage.web.manage_parts import flash
from coverage.web.views import manage_audit, manage_backup, manage_layers, manage_settings, manage_users

NEEDED: Final = {
    "users": (Action.MANAGE, Object.USER),
    "settings": (Action.MANAGE, Object.SETTING),
    "runs": (Action.COMPUTE, Object.RUN),
    "layers": (Action.MANAGE, Object.DATASET),
    "audit": (Action.VIEW, Object.AUDIT),
    "backup": (Action.MANAGE, Object.BACKUP),
}
"""Sections in their order, and what one must be allowed to see each. A planner computes, and sees that section only."""
_IN_LEDGER: Final = frozenset({"users", "settings", "audit", "backup"})


def show(view: View, run: RunResult) -> None:
    """The page."""
    _sections(view, run)


def show_without_run(view: View) -> None:
    """The page before the first run is published: that is where it is computed."""
    _sections(view, None)


def _sections(view: View, run: RunResult | None) -> None:
    offered = [name for name, needed in NEEDED.items() if view.may(*needed)]
    sections = view.texts["value.comma"].join(view.texts[f"manage.section_{name}"] for name in offered)
    frame.head(view.texts["manage.title"], view.text("manage.lede", sections=sections) if offered else "")
    if not offered:
        st.html(frame.notice(view.texts["manage.not_allowed"], kind="plain"))
        return
    section = _chosen(view, offered)
    flash()
    if section in _IN_LEDGER and not has_ledger(web_context()):
        st.html(frame.notice(view.texts["manage.no_ledger"], kind="plain"))
        return
    if section == "layers":
        manage_layers.show(view, run)
    else:
        _shows(section)(view)


def _shows(section: str) -> Callable[[View], None]:
    if section == "runs":
        from coverage.web.views import manage_runs

        return manage_runs.show
    return {
        "users": manage_users.show,
        "settings": manage_settings.show,
        "audit": manage_audit.show,
        "backup": manage_backup.show,
    }[section]


def _chosen(view: View, offered: list[str]) -> str:
    """The section that the address names, else the one chosen before; the address follows the choice."""
    asked = st.query_params.get("section")
    if asked in offered and st.session_state.get("manage-asked") != asked:
        st.session_state["manage-section"] = asked
    chosen = st.segmented_control(
        view.texts["manage.section"],
        offered,
        default=None if "manage-section" in st.session_state else offered[0],
        format_func=lambda name: view.texts[f"manage.section_{name}"],
        key="manage-section",
        label_visibility="collapsed",
        required=True,
    )
    section = str(chosen) if chosen in offered else offered[0]
    st.session_state["manage-asked"] = section
    if asked != section:
        st.query_params["section"] = section
    return section
