"""Use cases of who may do what: users and their roles, read tokens. The page, the commands and the tests share them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from coverage.errors import InputError, NotFoundError
from coverage.services.access import Action, Object, Principal, Resource, authorise
from coverage.store.canonical import one_line
from coverage.store.events import TABLES, Kind, join_key
from coverage.store.people import ROLES, TOKEN_ROLES
from coverage.store.protocol import HistoryEntry, Receipt, Store
from coverage.store.records import ReadToken, User

__all__ = [
    "ROLES",
    "TOKEN_ROLES",
    "Account",
    "HistoryEntry",
    "ReadToken",
    "User",
    "account_history",
    "accounts",
    "issue_token",
    "revoke_token",
    "set_account",
    "tokens",
    "undo_account_change",
]

_USER = Resource(Object.USER)
_TOKEN = Resource(Object.TOKEN)


@dataclass(frozen=True, slots=True)
class Account:
    """A user with the version that an editor hands back; ``recorded_at``: when the present version was written."""

    user: User
    version: int
    recorded_at: datetime


def accounts(store: Store, *, principal: Principal) -> tuple[Account, ...]:
    """Every user that the ledger knows, also those whose role was taken away."""
    authorise(principal, Action.VIEW, _USER)
    return tuple(Account(v.record, v.version, v.recorded_at) for v in store.versioned(Kind.USER))


def set_account(
    store: Store,
    user_id: str,
    *,
    role: str | None = None,
    municipality_codes: Sequence[str] | None = None,
    active: bool = True,
    note: str | None = None,
    expected_version: int | None = None,
    principal: Principal,
) -> User:
    """Give a user a role, change it, or take it away (``active`` false). What is None stays as it is.

    Codes go with the role: a new role without codes has none. ``expected_version``: the version that was seen, 0 for a
    user who is to be new; None = whatever it is now, for commands that read and write in one breath.

    Raises NotFoundError "user-not-found", InputError "role-missing", EditConflictError where somebody was faster (it
    says who, when and what), ConflictError "last-admin".
    """
    authorise(principal, Action.MANAGE, _USER)
    held = store.get(Kind.USER, _user_key(user_id))
    known: User | None = None if held is None else held.record
    if known is None and not active:
        raise NotFoundError(
            "user-not-found",
            f"利用者「{one_line(user_id, limit=40)}」は台帳にいません。",
            f'The user "{one_line(user_id, limit=40)}" is not in the ledger.',
        )
    wanted = role or (known.role if known is not None else None)
    if wanted is None:
        raise InputError(
            "role-missing",
            "役割を指定してください（コマンドでは --role）。取り上げるときは --off です。",
            "Give a role (--role in the command), or take it away (--off).",
        )
    if municipality_codes is None:
        municipality_codes = (
            known.municipality_codes if known is not None and role in (None, known.role) else ()
        )
    store.set_user(
        user_id,
        role=wanted,
        municipality_codes=tuple(municipality_codes),
        active=active,
        note=(known.note if known is not None else "") if note is None else note,
        by=principal.actor,
        expected_version=(held.version if held is not None else 0)
        if expected_version is None
        else expected_version,
    )
    changed = store.user(user_id)
    assert changed is not None
    return changed


def account_history(store: Store, user_id: str, *, principal: Principal) -> tuple[HistoryEntry, ...]:
    """Who changed what of a user and when, newest first."""
    authorise(principal, Action.VIEW, _USER)
    return tuple(reversed(store.history(Kind.USER, _user_key(user_id))))


def undo_account_change(store: Store, user_id: str, *, expected_version: int, principal: Principal) -> User:
    """Put a user back to what it was before its last change, as a change of its own.

    A user that was new is deactivated, because the ledger forgets nobody. Raises NotFoundError, EditConflictError where
    somebody changed it since, ConflictError "last-admin".
    """
    authorise(principal, Action.MANAGE, _USER)
    key = _user_key(user_id)
    history = store.history(Kind.USER, key)
    now = store.get(Kind.USER, key)
    if now is None:
        raise NotFoundError(
            "user-not-found",
            f"利用者「{one_line(user_id, limit=40)}」は台帳にいません。",
            f'The user "{one_line(user_id, limit=40)}" is not in the ledger.',
        )
    before = store.get(Kind.USER, key, as_of=history[-1].tx - 1)
    own: User = now.record if before is None else before.record
    return set_account(
        store,
        user_id,
        role=own.role,
        municipality_codes=own.municipality_codes,
        active=own.active and before is not None,
        note=own.note,
        expected_version=expected_version,
        principal=principal,
    )


def tokens(store: Store, *, principal: Principal) -> tuple[ReadToken, ...]:
    """Every read token that was issued, newest first; the secrets are kept nowhere."""
    authorise(principal, Action.VIEW, _TOKEN)
    return tuple(sorted(store.records(Kind.READ_TOKEN), key=lambda t: t.token_id, reverse=True))


def issue_token(
    store: Store,
    label: str,
    *,
    role: str,
    municipality_codes: Sequence[str] = (),
    expires_on: date | None = None,
    today: date | None = None,
    principal: Principal,
) -> tuple[str, ReadToken]:
    """A read token for curl and QGIS: (the secret, given this once; the record).

    ``today``: where it is given, an ``expires_on`` before it is refused (InputError "token-expired-already").
    """
    authorise(principal, Action.MANAGE, _TOKEN)
    if today is not None and expires_on is not None and expires_on < today:
        raise InputError(
            "token-expired-already",
            f"期限 {expires_on} は過ぎています。きょう以降の日付にしてください。",
            f"The last day {expires_on} has passed; give today or a later day.",
        )
    return store.issue_token(
        label,
        role=role,
        by=principal.actor,
        municipality_codes=tuple(municipality_codes),
        expires_on=expires_on,
    )


def revoke_token(store: Store, token_id: str, *, reason: str = "", principal: Principal) -> Receipt:
    """From now on the token opens nothing. There is no way back: issue another one."""
    authorise(principal, Action.MANAGE, _TOKEN)
    return store.revoke_token(token_id, by=principal.actor, reason=reason)


def _user_key(user_id: str) -> str:
    return join_key([TABLES[Kind.USER].plain({"user_id": user_id})["user_id"]])
