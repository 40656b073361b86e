"""``coverage-gap db user`` and ``db token``: roles and read tokens, for administrators only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from coverage.cli import main
from coverage.store.locate import open_store
from coverage.store.protocol import Actor


@pytest.fixture(autouse=True)
def _ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("STORE_FILE", "BACKUPS", "AUTH"):
        monkeypatch.delenv(f"COVERAGE_GAP_{name}", raising=False)
    monkeypatch.setenv("COVERAGE_GAP_STORE", str(tmp_path / "ledger.sqlite"))
    open_store(str(tmp_path / "ledger.sqlite")).close()


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = 0
    try:
        main(["db", *arguments, "--json"])
    except SystemExit as left:
        code = int(left.code or 0)
    value: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return code, value


def test_a_role_is_given_changed_and_taken_away(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(capsys, "user", "kanri", "--role", "admin")[0] == 0
    assert _run(capsys, "user", "owase", "--role", "planner")[1]["users"][0]["role"] == "planner"
    code, shown = _run(
        capsys, "user", "owase", "--role", "municipality", "--code", "24209", "--code", "24543"
    )
    assert (code, shown["users"]) == (
        0,
        [{"user": "owase", "role": "municipality", "codes": ["24209", "24543"], "active": True}],
    )
    assert _run(capsys, "user", "owase", "--off")[1]["users"][0] == {
        "user": "owase",
        "role": "municipality",
        "codes": ["24209", "24543"],
        "active": False,
    }
    assert [u["user"] for u in _run(capsys, "user")[1]["users"]] == ["kanri", "owase"]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "code"),
    [
        (("user", "owase"), 2, "role-missing"),
        (("user", "owase", "--off"), 3, "user-not-found"),
        (("user", "owase", "--role", "king"), 2, "role-unknown"),
        (("user", "owase", "--role", "municipality"), 2, "municipality-codes-invalid"),
        (("token", "QGIS", "--role", "admin"), 2, "role-unknown"),
        (("token", "QGIS", "--revoke", "T000001"), 2, "token-issue-or-revoke"),
    ],
)
def test_what_cannot_be_is_said(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], exit_code: int, code: str
) -> None:
    left, value = _run(capsys, *arguments)
    assert (left, value["error"]["code"]) == (exit_code, code)


def test_a_token_is_shown_once_and_opens_until_it_is_revoked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _, issued = _run(
        capsys, "token", "QGIS 尾鷲市", "--role", "municipality", "--code", "24209", "--expires", "2199-03-31"
    )
    secret, token_id = issued["secret"], issued["tokens"][0]["id"]
    _, listed = _run(capsys, "token")
    assert listed["tokens"] == issued["tokens"]
    assert listed["tokens"][0]["expires"] == "2199-03-31"
    assert secret not in json.dumps(listed)
    with open_store(str(tmp_path / "ledger.sqlite")) as store:
        assert store.token(secret) is not None
    assert _run(capsys, "token", "--revoke", token_id)[1]["tokens"][0]["revoked"] is True
    with open_store(str(tmp_path / "ledger.sqlite")) as store:
        assert store.token(secret) is None


def test_only_an_administrator_gives_roles_and_tokens(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by = Actor("kanri", "admin")
    monkeypatch.setenv("COVERAGE_GAP_AUTH", "proxy-header")
    monkeypatch.setattr("coverage.services.stores.own_login", lambda: "keikaku")
    assert _run(capsys, "user", "keikaku", "--role", "admin")[1]["error"]["code"] == "user-unknown"
    with open_store(str(tmp_path / "ledger.sqlite")) as store:
        store.set_user("keikaku", role="planner", by=by, expected_version=0)
    for arguments in (("user", "keikaku", "--role", "admin"), ("user",), ("token", "QGIS"), ("token",)):
        code, value = _run(capsys, *arguments)
        assert (code, value["error"]["code"]) == (5, "permission-denied")
    with open_store(str(tmp_path / "ledger.sqlite")) as store:
        store.set_user("keikaku", role="admin", by=by, expected_version=1)
    assert _run(capsys, "token", "QGIS")[0] == 0
