"""Users, roles and read tokens: who may change them, and what happens when two do at once."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from coverage.errors import ConflictError, InputError, NotFoundError, PermissionDeniedError
from coverage.services import accounts
from coverage.services.access import ANONYMOUS, Principal, Role
from coverage.store.locate import open_store
from coverage.store.protocol import EditConflictError

ADMIN = Principal("sato", Role.ADMIN)
OTHER = Principal("kato", Role.ADMIN)
OTHERS = [
    Principal("a", Role.PLANNER),
    Principal("b", Role.MUNICIPALITY, frozenset({"24201"})),
    Principal("c", Role.VIEWER),
    ANONYMOUS,
]


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with open_store(str(tmp_path / "ledger.sqlite")) as opened:
        accounts.set_account(opened, "sato", role="admin", principal=ADMIN)
        yield opened


@pytest.mark.parametrize("principal", OTHERS, ids=lambda p: p.role.value)
def test_nobody_but_an_administrator_sees_or_changes_users_and_tokens(
    store: Any, principal: Principal
) -> None:
    tries = [
        lambda: accounts.accounts(store, principal=principal),
        lambda: accounts.account_history(store, "sato", principal=principal),
        lambda: accounts.set_account(store, "x", role="viewer", principal=principal),
        lambda: accounts.undo_account_change(store, "sato", expected_version=1, principal=principal),
        lambda: accounts.tokens(store, principal=principal),
        lambda: accounts.issue_token(store, "x", role="viewer", principal=principal),
        lambda: accounts.revoke_token(store, "T000001", principal=principal),
    ]
    before = store.head()
    for attempt in tries:
        with pytest.raises(PermissionDeniedError):
            attempt()
    assert store.head() == before


def test_what_is_not_stated_stays_and_a_new_role_has_no_codes_of_the_old(store: Any) -> None:
    accounts.set_account(
        store, "shima", role="municipality", municipality_codes=["24201"], note="防災", principal=ADMIN
    )
    kept = accounts.set_account(store, "shima", note="危機管理", principal=ADMIN)
    assert (kept.role, kept.municipality_codes, kept.note) == ("municipality", ("24201",), "危機管理")
    moved = accounts.set_account(store, "shima", role="viewer", principal=ADMIN)
    assert (moved.role, moved.municipality_codes, moved.note) == ("viewer", (), "危機管理")


def test_the_second_of_two_administrators_is_told_who_changed_what(store: Any) -> None:
    accounts.set_account(store, "suzuki", role="viewer", expected_version=0, principal=ADMIN)
    seen = next(a for a in accounts.accounts(store, principal=OTHER) if a.user.user_id == "suzuki")
    accounts.set_account(store, "suzuki", role="planner", expected_version=seen.version, principal=ADMIN)
    with pytest.raises(EditConflictError) as caught:
        accounts.set_account(store, "suzuki", role="admin", expected_version=seen.version, principal=OTHER)
    assert caught.value.actor == "sato"
    assert "viewer→planner" in caught.value.ja
    assert store.user("suzuki").role == "planner"


def test_the_last_administrator_stays_one(store: Any) -> None:
    for change in ({"active": False}, {"role": "viewer"}):
        with pytest.raises(ConflictError) as caught:
            accounts.set_account(store, "sato", principal=ADMIN, **change)
        assert caught.value.code == "last-admin"
    accounts.set_account(store, "kato", role="admin", principal=ADMIN)
    assert not accounts.set_account(store, "sato", active=False, principal=OTHER).active


def test_an_unknown_user_cannot_be_taken_away_and_a_new_one_needs_a_role(store: Any) -> None:
    with pytest.raises(NotFoundError, match="台帳にいません"):
        accounts.set_account(store, "nobody", active=False, principal=ADMIN)
    with pytest.raises(InputError) as caught:
        accounts.set_account(store, "nobody", principal=ADMIN)
    assert caught.value.code == "role-missing"
    with pytest.raises(NotFoundError):
        accounts.undo_account_change(store, "nobody", expected_version=0, principal=ADMIN)


def test_taking_the_last_change_back_restores_role_codes_note_and_whether_active(store: Any) -> None:
    accounts.set_account(
        store, "shima", role="municipality", municipality_codes=["24201"], note="防災", principal=ADMIN
    )
    accounts.set_account(store, "shima", role="planner", note="異動", principal=ADMIN)
    held = {a.user.user_id: a.version for a in accounts.accounts(store, principal=ADMIN)}
    back = accounts.undo_account_change(store, "shima", expected_version=held["shima"], principal=ADMIN)
    assert (back.role, back.municipality_codes, back.note, back.active) == (
        "municipality",
        ("24201",),
        "防災",
        True,
    )
    assert len(accounts.account_history(store, "shima", principal=ADMIN)) == 3
    with pytest.raises(EditConflictError):
        accounts.undo_account_change(store, "shima", expected_version=held["shima"], principal=ADMIN)


def test_taking_a_new_user_back_leaves_it_without_a_role(store: Any) -> None:
    accounts.set_account(store, "suzuki", role="planner", principal=ADMIN)
    assert not accounts.undo_account_change(store, "suzuki", expected_version=1, principal=ADMIN).active


def test_a_token_opens_until_it_is_revoked_and_its_secret_is_kept_nowhere(store: Any) -> None:
    secret, token = accounts.issue_token(
        store,
        "帆影市 QGIS",
        role="municipality",
        municipality_codes=["24201"],
        expires_on=date(2099, 3, 31),
        principal=ADMIN,
    )
    assert store.token(secret).token_id == token.token_id
    assert secret not in repr(accounts.tokens(store, principal=ADMIN))
    accounts.revoke_token(store, token.token_id, reason="異動", principal=ADMIN)
    assert store.token(secret) is None
    assert accounts.tokens(store, principal=ADMIN)[0].revoked


def test_a_token_that_is_over_before_it_begins_is_refused(store: Any) -> None:
    with pytest.raises(InputError) as caught:
        accounts.issue_token(
            store, "x", role="viewer", expires_on=date(2026, 3, 31), today=date(2026, 4, 1), principal=ADMIN
        )
    assert caught.value.code == "token-expired-already"
    assert accounts.tokens(store, principal=ADMIN) == ()
