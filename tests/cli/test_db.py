"""``coverage-gap db``: one line or one JSON object, a plain sentence and an exit code where it cannot be done."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from coverage.cli import main
from coverage.store.locate import open_store
from coverage.store.protocol import Actor


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("STORE", "STORE_FILE", "BACKUPS", "ANCHOR_LOG"):
        monkeypatch.delenv(f"COVERAGE_GAP_{name}", raising=False)


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    try:
        main(["db", *arguments])
        code: Any = 0
    except SystemExit as left:
        code = left.code or 0
    out, err = capsys.readouterr()
    return int(code), out, err


def _json(out: str) -> dict[str, Any]:
    value = json.loads(out.splitlines()[-1])
    assert isinstance(value, dict)
    return value


def test_a_ledger_is_made_backed_up_restored_and_verified(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out, _ = _run(capsys, "init", "--admin", "sato", "--json")
    assert (code, _json(out)["schema"], _json(out)["seq"]) == (0, 3, 1)
    code, out, _ = _run(capsys, "backup", "b.sqlite", "--json")
    saved = _json(out)
    assert (code, saved["seq"], saved["counts"]["user_event"]) == (0, 1, 1)
    with open_store("ledger.sqlite") as store:
        assert store.user("sato").role == "admin"  # type: ignore[union-attr]
        store.restate(2016, 1, reason="あと", by=Actor("sato", "admin"))
    code, _, err = _run(capsys, "restore", "b.sqlite")
    assert code == 4
    assert "--force" in err
    code, out, _ = _run(capsys, "restore", "b.sqlite", "--force", "--json")
    assert (code, _json(out)["head"]) == (0, saved["head"])
    code, out, _ = _run(capsys, "verify-audit", "--json", "--head", f"1:{saved['head']}")
    assert (code, _json(out)["ok"], _json(out)["anchors"]) == (0, True, 2)
    assert (tmp_path / "ledger.heads.log").read_text(encoding="utf-8").count(saved["head"]) == 2


def test_making_it_twice_is_making_it_once(capsys: pytest.CaptureFixture[str]) -> None:
    first = _json(_run(capsys, "init", "--admin", "sato", "--json")[1])
    assert _json(_run(capsys, "init", "--admin", "sato", "--json")[1]) == first


def test_the_head_is_printed_with_each_backup(capsys: pytest.CaptureFixture[str]) -> None:
    _run(capsys, "init", "--admin", "sato")
    _, out, _ = _run(capsys, "backup")
    assert "seq=1 head=" in out
    assert "書き込みました" in out


@pytest.mark.parametrize("configured", [True, False])
def test_a_backup_without_a_place_goes_to_the_configured_folder_or_beside_the_ledger(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, configured: bool
) -> None:
    monkeypatch.setenv("COVERAGE_GAP_STORE", str(tmp_path / "office" / "ledger.sqlite"))
    expected = tmp_path / "office"
    if configured:
        expected = tmp_path / "safe" / "backups"
        monkeypatch.setenv("COVERAGE_GAP_BACKUPS", str(expected))
    _run(capsys, "init", "--admin", "sato")
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    code, out, _ = _run(capsys, "backup")
    (written,) = expected.glob("ledger-*Z-000001.sqlite")
    assert code == 0
    assert f"written: {written}" in out
    assert Path(_json(_run(capsys, "backup", "own.sqlite", "--json")[1])["path"]) == here / "own.sqlite"
    assert [p.name for p in here.iterdir()] == ["own.sqlite"]


def test_a_folder_of_backups_that_cannot_be_made_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    _run(capsys, "init", "--admin", "sato")
    monkeypatch.setenv("COVERAGE_GAP_BACKUPS", str(tmp_path / "file" / "backups"))
    monkeypatch.setenv("COVERAGE_GAP_ANCHOR_LOG", str(tmp_path / "heads.log"))
    code, _, err = _run(capsys, "backup")
    assert code != 0
    assert "cannot be written" in err


def test_a_changed_ledger_is_found_and_the_exit_code_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    _run(capsys, "init", "--admin", "sato")
    with contextlib.closing(sqlite3.connect("ledger.sqlite")) as connection, connection:
        connection.execute("DROP TRIGGER user_event_no_update")
        connection.execute("UPDATE user_event SET user_id = 'mallory'")
    code, out, err = _run(capsys, "verify-audit", "--json")
    assert code == 6
    found = json.loads(out.splitlines()[0])
    assert (found["ok"], {f["code"] for f in found["findings"]}) == (
        False,
        {"events-differ", "guard-missing"},
    )
    assert "台帳を使うのを止め" in err
    assert "stop using the ledger" in err


def test_a_ledger_cut_off_at_its_end_is_found_by_the_log_of_the_backup(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _run(capsys, "init", "--admin", "sato")
    _run(capsys, "backup", "b.sqlite")
    Path("ledger.sqlite").unlink()
    _run(capsys, "init")
    code, out, _ = _run(capsys, "verify-audit", "--json")
    assert code == 6
    assert [f["code"] for f in json.loads(out.splitlines()[0])["findings"]] == ["truncated"]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["backup"], 3, "db init"),
        (["migrate"], 3, "db init"),
        (["restore", "none.sqlite"], 3, "none.sqlite"),
        (["verify-audit"], 3, "db init"),
        (["init", "--store", "mysql://db/x"], 2, "sqlite:///"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, sentence: str
) -> None:
    got, _, err = _run(capsys, *arguments)
    assert got == code
    assert sentence in err
    assert "Traceback" not in err
    assert not Path("ledger.sqlite").exists()


def test_a_head_that_is_not_understood_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    _run(capsys, "init")
    code, _, err = _run(capsys, "verify-audit", "--head", "1:abc")
    assert code == 2
    assert "SEQ:HASH" in err


def test_the_place_comes_from_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COVERAGE_GAP_STORE", "sqlite:///deep/books.sqlite")
    monkeypatch.setenv("COVERAGE_GAP_BACKUPS", str(tmp_path / "safe"))
    monkeypatch.setenv("COVERAGE_GAP_ANCHOR_LOG", str(tmp_path / "elsewhere" / "heads.log"))
    (tmp_path / "safe").mkdir()
    assert _run(capsys, "init", "--admin", "sato")[0] == 0
    assert _run(capsys, "backup")[0] == 0
    assert Path("deep/books.sqlite").exists()
    assert [p.name.split("-")[0] for p in (tmp_path / "safe").iterdir()] == ["books"]
    assert (tmp_path / "elsewhere" / "heads.log").exists()


def test_an_up_to_date_ledger_needs_no_migration(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    _run(capsys, "init", "--admin", "sato")
    assert _json(_run(capsys, "migrate", "--json")[1])["schema"] == 3
    assert sorted(p.name for p in tmp_path.glob("*.sqlite")) == ["ledger.sqlite"]


def test_a_daily_job_verifies_and_puts_the_head_down(capsys: pytest.CaptureFixture[str]) -> None:
    _run(capsys, "init", "--admin", "sato")
    log = Path("ledger.heads.log")
    assert _run(capsys, "verify-audit")[0] == 0
    assert not log.exists()
    assert _run(capsys, "verify-audit", "--put-down")[0] == 0
    assert "event=daily seq=1" in log.read_text(encoding="utf-8")
    with contextlib.closing(sqlite3.connect("ledger.sqlite")) as connection, connection:
        connection.execute("DROP TRIGGER audit_no_update")
    before = log.read_text(encoding="utf-8")
    assert _run(capsys, "verify-audit", "--put-down")[0] == 6
    assert log.read_text(encoding="utf-8") == before
