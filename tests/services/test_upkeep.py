"""Backups and the verification of the trail: in the background, one at a time, for administrators."""

from __future__ import annotations

import os
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from coverage.errors import ConflictError, NotFoundError, PermissionDeniedError
from coverage.services import accounts, backups, upkeep
from coverage.services.access import ANONYMOUS, Principal, Role
from coverage.services.context import AppContext
from coverage.services.stores import open_context_store
from coverage.services.upkeep import Upkeep, Work
from coverage.store.audit import read_anchors

ADMIN = Principal("sato", Role.ADMIN)
SAMPLE = Path(__file__).resolve().parents[2] / "data"


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppContext:
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith("COVERAGE_GAP_")]:
        monkeypatch.delenv(name)
    made = AppContext(SAMPLE, tmp_path / "runs", store_url=str(tmp_path / "ledger.sqlite"))
    with open_context_store(made) as store:
        accounts.set_account(store, "sato", role="admin", principal=ADMIN)
    return made


def _ended(context: AppContext, work: Work) -> Upkeep:
    deadline = time.monotonic() + 60
    while True:
        job = upkeep.current(context, work, principal=ADMIN)
        assert job is not None
        if job.state != "running":
            return job
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize(
    "principal",
    [Principal("a", Role.PLANNER), Principal("b", Role.VIEWER), ANONYMOUS],
    ids=lambda p: p.user_id,
)
def test_nobody_but_an_administrator_takes_lists_or_downloads_backups_or_verifies(
    context: AppContext, principal: Principal
) -> None:
    name = upkeep.take(context, principal=ADMIN)["name"]
    for attempt in (
        lambda: backups.backups(context, principal=principal),
        lambda: backups.take_backup(context, principal=principal),
        lambda: backups.read_backup(context, name, principal=principal),
        lambda: upkeep.verify(context, principal=principal),
        lambda: upkeep.start(context, "verify", principal=principal),
        lambda: upkeep.start(context, "backup", principal=principal),
        lambda: upkeep.current(context, "backup", principal=principal),
    ):
        with pytest.raises(PermissionDeniedError):
            attempt()


def test_a_backup_is_listed_with_its_moment_and_the_row_that_it_reaches(
    context: AppContext, tmp_path: Path
) -> None:
    answer = upkeep.take(context, principal=ADMIN)
    (tmp_path / "ledger-20260101T000000Z-000001.txt").touch()
    (tmp_path / "other-20260101T000000Z-000001.sqlite").touch()
    held = backups.backups(context, principal=ADMIN)
    assert [(b.name, b.seq) for b in held] == [(answer["name"], 1)]
    assert abs((datetime.now(UTC) - held[0].at).total_seconds()) < 60
    assert backups.read_backup(context, answer["name"], principal=ADMIN).startswith(b"SQLite format 3")
    place = backups.place_of(context)
    assert (place.anchors, place.store) == (1, "ledger.sqlite")
    assert read_anchors(place.anchor_log)[0].hash == answer["head"]


def test_a_page_names_the_folder_from_where_server_and_commands_work(
    context: AppContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COVERAGE_GAP_BACKUPS", str(tmp_path / "office" / "backups"))
    (tmp_path / "office").mkdir()
    monkeypatch.chdir(tmp_path / "office")
    assert backups.place_of(context).told == Path("backups")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert backups.place_of(context).told == tmp_path / "office" / "backups"


@pytest.mark.parametrize(
    "name", ["ledger.sqlite", "../ledger.sqlite", "", "ledger-20260101T000000Z-000009.sqlite"]
)
def test_nothing_but_a_listed_backup_can_be_downloaded(context: AppContext, name: str) -> None:
    upkeep.take(context, principal=ADMIN)
    with pytest.raises(NotFoundError) as caught:
        backups.read_backup(context, name, principal=ADMIN)
    assert caught.value.code == "backup-not-found"


def test_backups_go_where_the_setting_says(
    context: AppContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COVERAGE_GAP_BACKUPS", str(tmp_path / "safe"))
    assert backups.backups(context, principal=ADMIN) == ()
    name = upkeep.take(context, principal=ADMIN)["name"]
    assert (tmp_path / "safe" / name).is_file()


def test_a_verification_in_the_background_says_its_verdict_with_the_head_and_puts_it_down(
    context: AppContext,
) -> None:
    upkeep.start(context, "verify", principal=ADMIN)
    with pytest.raises(ConflictError) as caught:
        upkeep.start(context, "verify", principal=Principal("kato", Role.ADMIN))
    assert caught.value.code == "upkeep-running"
    assert "sato" in caught.value.ja
    job = _ended(context, "verify")
    assert (job.state, job.owner, job.answer["ok"]) == ("done", "sato", True)
    with open_context_store(context) as store:
        head = store.head()
    assert (job.answer["seq"], job.answer["head"]) == (head.seq, head.hash)
    assert backups.place_of(context).anchors == 1
    upkeep.dismiss(context, job.job_id, "verify", principal=ADMIN)
    assert upkeep.current(context, "verify", principal=ADMIN) is None


def test_the_verdict_on_one_ledger_is_not_shown_beside_another(context: AppContext, tmp_path: Path) -> None:
    upkeep.start(context, "verify", principal=ADMIN)
    other = AppContext(SAMPLE, context.runs_folder, store_url=str(tmp_path / "other.sqlite"))
    assert upkeep.current(other, "verify", principal=ADMIN) is None
    assert _ended(context, "verify").answer["ok"]
    assert upkeep.current(other, "verify", principal=ADMIN) is None


def test_a_backup_in_the_background_is_on_disk_when_it_is_done(context: AppContext) -> None:
    upkeep.start(context, "backup", principal=ADMIN)
    job = _ended(context, "backup")
    assert job.state == "done"
    assert [b.name for b in backups.backups(context, principal=ADMIN)] == [job.answer["name"]]


def test_a_ledger_that_somebody_worked_on_is_found_and_its_head_is_not_put_down(
    context: AppContext, tmp_path: Path
) -> None:
    with sqlite3.connect(tmp_path / "ledger.sqlite") as raw:
        raw.execute("DROP TRIGGER IF EXISTS audit_no_update")
        triggers = raw.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'"
        ).fetchall()
        for (name,) in triggers:
            raw.execute(f'DROP TRIGGER "{name}"')
        raw.execute("UPDATE audit SET actor = 'mallory'")
    raw.close()
    answer = upkeep.verify(context, principal=ADMIN)
    assert not answer["ok"]
    assert {"row-edited", "guard-missing"} <= {f["code"] for f in answer["findings"]}
    assert all(f["ja"] and f["en"] for f in answer["findings"])
    assert backups.place_of(context).anchors == 0
    upkeep.start(context, "backup", principal=ADMIN)
    job = _ended(context, "backup")
    assert job.state == "failed"
    assert "壊れている" in job.ja
    assert backups.backups(context, principal=ADMIN) == ()
