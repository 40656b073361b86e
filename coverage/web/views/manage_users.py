"""管理 → 利用者: users with their roles, and read tokens for curl and QGIS."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Final

import streamlit as st

from coverage.domain.fiscal import tokyo_date
from coverage.errors import CoverageGapError
from coverage.services import accounts
from coverage.services.accounts import Account, ReadToken
from coverage.services.imports import Store
from coverage.web import frame
from coverage.web.app_context import open_ledger, web_context
from coverage.web.frame import Column, View
from coverage.web.manage_parts import attempt, confirmed, history_sheet, role_words, when

_NEW: Final = ""
_SEEN: Final = "account-seen"
_SECRET: Final = "token-secret"


def show(view: View) -> None:
    """The section."""
    with open_ledger(web_context()) as store:
        held = accounts.accounts(store, principal=view.principal)
        st.subheader(view.text("manage.users", n=len(held)), anchor=False)
        _table(view, held)
        _edit(view, store, held)
        st.subheader(view.texts["manage.tokens"], anchor=False)
        _tokens(view, store)


def _table(view: View, held: tuple[Account, ...]) -> None:
    if not held:
        st.caption(view.texts["manage.users_none"])
        return
    titles = (
        "manage.user_id",
        "app.role",
        "manage.codes",
        "column.state",
        "manage.note",
        "manage.changed_at",
    )
    frame.sheet(
        [Column(view.texts[t], wrap=t == "manage.note") for t in titles],
        [
            [
                a.user.user_id,
                role_words(view, a.user.role),
                _codes(view, a.user.municipality_codes),
                view.texts["manage.active" if a.user.active else "manage.inactive"],
                a.user.note or view.texts["value.none"],
                when(a.recorded_at, view.texts["value.none"]),
            ]
            for a in held
        ],
    )


def _codes(view: View, codes: tuple[str, ...]) -> str:
    names = municipalities()
    return view.texts["value.comma"].join(f"{names.get(c, '')}{c}" for c in codes) or view.texts["value.none"]


@st.cache_data(show_spinner=False, ttl=60)
def municipalities() -> Mapping[str, str]:
    """Municipalities by code, from the published run; {} before there is one."""
    try:
        run = frame.shared_run()
    except CoverageGapError:
        return {}
    table = run.municipalities
    rows = table[(table["fiscal_year"] == run.latest_fy) & (table["municipality_code"] != run.region_code)]
    return {str(r["municipality_code"]): str(r["name"]) for r in rows.to_dict("records")}


def _edit(view: View, store: Store, held: tuple[Account, ...]) -> None:
    """Add or change. What is edited keeps the version that was seen when it was chosen, whoever writes meanwhile."""
    known = {a.user.user_id: a for a in held}
    chosen = st.selectbox(
        view.texts["manage.which_user"],
        [_NEW, *known],
        format_func=lambda user_id: user_id or view.texts["manage.new_user"],
        key="account-which",
    )
    own = known.get(str(chosen or _NEW))
    seen = st.session_state.get(_SEEN)
    if own is not None and (seen is None or seen[0] != own.user.user_id):
        seen = st.session_state[_SEEN] = (own.user.user_id, own.version)
    version = 0 if own is None or seen is None else int(seen[1])
    names = municipalities()
    roles = list(accounts.ROLES)
    tag = f"{own.user.user_id if own else ''}-{version}"
    with st.form(f"account-{tag}"):
        user_id = (
            own.user.user_id if own else st.text_input(view.texts["manage.user_id"], key=f"account-id-{tag}")
        )
        left, right = st.columns(2)
        with left:
            role = st.selectbox(
                view.texts["app.role"],
                roles,
                index=roles.index(own.user.role) if own and own.user.role in roles else 0,
                format_func=lambda r: role_words(view, r),
                key=f"account-role-{tag}",
            )
            note = st.text_input(
                view.texts["manage.note"],
                value=own.user.note if own else "",
                key=f"account-note-{tag}",
                max_chars=200,
            )
        with right:
            before = list(own.user.municipality_codes) if own else []
            codes = st.multiselect(
                view.texts["manage.codes"],
                list(dict.fromkeys([*names, *before])),
                default=before,
                format_func=lambda c: f"{names.get(c, '')} {c}",
                help=view.texts["manage.codes_help"],
                placeholder=view.texts["manage.choose"],
                key=f"account-codes-{tag}",
            )
        label = "manage.add" if own is None else "manage.save" if own.user.active else "manage.save_active"
        pressed = st.form_submit_button(view.texts[label], type="primary")
    if pressed:
        # The next choice is read anew, also after a conflict: then the page shows what the other one wrote.
        st.session_state.pop(_SEEN, None)
        attempt(
            view,
            lambda: accounts.set_account(
                store, str(user_id).strip(), role=str(role), municipality_codes=codes, note=note.strip(),
                expected_version=version, principal=view.principal,
            ),
            view.text("manage.saved_user", user=str(user_id).strip(), role=role_words(view, str(role))),
        )  # fmt: skip
    if own is not None:
        _beside(view, store, own, version)


def _beside(view: View, store: Store, own: Account, version: int) -> None:
    """Taking the role away, taking the last change back, and who changed what."""
    user_id = own.user.user_id
    if own.user.active and confirmed(
        view, f"account-off-{user_id}", view.texts["manage.off"], view.text("manage.off_sure", user=user_id)
    ):
        st.session_state.pop(_SEEN, None)
        attempt(
            view,
            lambda: accounts.set_account(
                store, user_id, active=False, expected_version=version, principal=view.principal
            ),
            view.text("manage.off_done", user=user_id),
        )
    history = accounts.account_history(store, user_id, principal=view.principal)
    with st.expander(view.text("manage.history", n=len(history))):
        history_sheet(view, history)
        if st.button(view.texts["manage.undo"], key=f"account-undo-{user_id}"):
            st.session_state.pop(_SEEN, None)
            attempt(
                view,
                lambda: accounts.undo_account_change(
                    store, user_id, expected_version=version, principal=view.principal
                ),
                view.text("manage.undone", what=user_id),
            )


def _tokens(view: View, store: Store) -> None:
    st.caption(view.texts["manage.tokens_lede"])
    _secret(view)
    held = accounts.tokens(store, principal=view.principal)
    if held:
        titles = (
            "column.key",
            "manage.label",
            "app.role",
            "manage.codes",
            "manage.expires",
            "column.state",
            "column.when",
        )
        frame.sheet([Column(view.texts[t]) for t in titles], [_token_row(view, t) for t in held])
    else:
        st.caption(view.texts["manage.tokens_none"])
    with st.expander(view.texts["manage.issue"]):
        _issue(view, store)
    usable = [t for t in held if not t.revoked]
    if usable:
        with st.expander(view.texts["manage.revoke"]):
            _revoke(view, store, usable)


def _token_row(view: View, token: ReadToken) -> list[str]:
    none = view.texts["value.none"]
    over = token.expires_on is not None and token.expires_on < _today()
    state = "manage.revoked" if token.revoked else "manage.expired" if over else "manage.usable"
    return [
        token.token_id,
        token.label,
        role_words(view, token.role),
        _codes(view, token.municipality_codes),
        str(token.expires_on or none),
        view.texts[state],
        when(token.recorded_at, none),
    ]


def _issue(view: View, store: Store) -> None:
    names = municipalities()
    with st.form("token-issue", clear_on_submit=True):
        left, right = st.columns(2)
        with left:
            label = st.text_input(
                view.texts["manage.label"],
                help=view.texts["manage.label_help"],
                key="token-label",
                max_chars=100,
            )
            role = st.selectbox(
                view.texts["app.role"],
                accounts.TOKEN_ROLES,
                format_func=lambda r: role_words(view, r),
                key="token-role",
            )
        with right:
            codes = st.multiselect(
                view.texts["manage.codes"], list(names), format_func=lambda c: f"{names[c]} {c}", key="token-codes", placeholder=view.texts["manage.choose"],
                help=view.texts["manage.codes_help"],
            )  # fmt: skip
            expires = st.date_input(view.texts["manage.expires"], value=None, key="token-expires")
        pressed = st.form_submit_button(view.texts["manage.issue"], type="primary")
    if pressed:

        def issue() -> None:
            secret, token = accounts.issue_token(
                store, label, role=str(role), municipality_codes=codes, expires_on=expires, today=_today(),
                principal=view.principal,
            )  # fmt: skip
            st.session_state[_SECRET] = (secret, token.token_id)

        attempt(view, issue, view.text("manage.issued", label=label.strip()))


def _secret(view: View) -> None:
    """The new token, until the administrator says that it is written down; nothing keeps it after that."""
    held = st.session_state.get(_SECRET)
    if held is None:
        return
    with st.container(border=True, key="token-once"):
        st.html(frame.notice(view.text("manage.secret_once", id=held[1])))
        st.code(held[0], language=None)
        if st.button(view.texts["manage.secret_kept"], type="primary", key="token-kept"):
            st.session_state.pop(_SECRET, None)
            st.rerun()


def _revoke(view: View, store: Store, usable: list[ReadToken]) -> None:
    token = st.selectbox(
        view.texts["manage.which_token"],
        usable,
        format_func=lambda t: f"{t.token_id} {t.label}",
        key="token-which",
    )
    reason = st.text_input(view.texts["manage.reason"], key="token-reason", max_chars=200)
    if token is not None and confirmed(
        view,
        f"token-revoke-{token.token_id}",
        view.texts["manage.revoke"],
        view.text("manage.revoke_sure", label=token.label),
    ):
        attempt(
            view,
            lambda: accounts.revoke_token(
                store, token.token_id, reason=reason.strip(), principal=view.principal
            ),
            view.text("manage.revoke_done", label=token.label),
        )


def _today() -> date:
    return tokyo_date(datetime.now(UTC))
