"""Backup under writes and restoring, from either store into either (goal R10)."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import shapely

from coverage.domain.ledger import District, Ledger, OpeningBalance, Site, SiteOperator, Status
from coverage.errors import (
    ConflictError,
    EnvironmentProblemError,
    FileFormatError,
    NotFoundError,
    StorageError,
)
from coverage.store.audit import read_anchors
from coverage.store.backup import anchor_log, backup, check_backup, put_down_head, restore, verify
from coverage.store.events import Kind, change_of
from coverage.store.locate import Location, open_store
from coverage.store.protocol import Actor

ADMIN = Actor("sato", "admin")


@pytest.fixture
def books(store: Any) -> Any:
    """A store with sites, a district, an opening balance, an upload and a token."""
    store.load_ledger(
        Ledger(
            sites=tuple(Site(f"T-{n}", f"局{n}", "24209", 34.0, 136.2, Status.IN_SERVICE) for n in range(30)),
            site_operators=(SiteOperator("T-1", "docomo", None),),
            districts=(
                District("D-1", "24209", "九鬼", shapely.Point(136.2, 34.0).buffer(0.01), declined=True),
            ),
            opening_balances=(OpeningBalance(2015, 68, "政策シート"),),
        ),
        by=ADMIN,
        source="見本",
    )
    site = change_of(Site("T-99", "九鬼", "24209", 34.0, 136.2, Status.PLANNED))
    store.stage_import([site], by=ADMIN, table_name="sites", file_name="a.csv", content=b"abc", accept=True)
    store.issue_token("QGIS", role="viewer", by=ADMIN)
    return store


def test_a_restored_backup_has_equal_counts_and_a_valid_chain(books: Any, tmp_path: Path) -> None:
    receipt = backup(books, tmp_path / "out" / "b.sqlite")
    assert receipt.head == books.head()
    assert receipt.counts == books.counts()
    assert check_backup(receipt.path) == (receipt.head, receipt.counts)
    target = tmp_path / "restored.sqlite"
    restored = restore(receipt.path, str(target))
    assert (restored.head, restored.counts) == (receipt.head, receipt.counts)
    with open_store(str(target)) as again:
        assert again.ledger() == books.ledger()
        assert again.verify_audit([receipt.head]).ok
        again.restate(2016, 1, reason="続き", by=ADMIN)
        assert again.head().seq == books.head().seq + 1


@pytest.mark.postgis
def test_a_backup_of_either_store_is_restored_into_a_database_server(
    books: Any, tmp_path: Path, postgis_url: str
) -> None:
    receipt = backup(books, tmp_path / "b.sqlite")
    restored = restore(receipt.path, postgis_url, log=tmp_path / "heads.log")
    assert (restored.head, restored.counts) == (receipt.head, receipt.counts)
    with open_store(postgis_url) as server:
        assert server.ledger() == books.ledger()
        assert server.verify_audit([receipt.head]).ok
        server.restate(2016, 1, reason="続き", by=ADMIN)
    with pytest.raises(ConflictError) as caught:
        restore(receipt.path, postgis_url, log=tmp_path / "heads.log")
    assert caught.value.code == "target-exists"
    restore(receipt.path, postgis_url, force=True, log=tmp_path / "heads.log")
    with open_store(postgis_url) as server:
        assert server.head() == receipt.head
        assert server.ledger() == books.ledger()
    saved = [p for p in tmp_path.glob("*.sqlite") if p.name not in ("b.sqlite", "ledger.sqlite")]
    assert [check_backup(p)[0].seq for p in saved] == [receipt.head.seq + 1]
    assert verify(postgis_url, log=tmp_path / "heads.log").ok


def test_a_backup_is_whole_while_others_write(books: Any, tmp_path: Path) -> None:
    stop = threading.Event()
    failures: list[BaseException] = []

    def write_on(name: str) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            try:
                books.restate(2016, number, reason=f"{name} {number}", by=Actor(name, "admin"))
            except BaseException as problem:
                failures.append(problem)
                return

    writers = [threading.Thread(target=write_on, args=(name,)) for name in ("kato", "mori")]
    for writer in writers:
        writer.start()
    try:
        receipts = [backup(books, tmp_path / f"b{n}.sqlite") for n in range(3)]
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert failures == []
    assert books.verify_audit([r.head for r in receipts]).ok
    for receipt in receipts:
        restored = restore(receipt.path, str(tmp_path / f"restored-{receipt.path.name}"))
        assert restored.counts == receipt.counts
        assert restored.counts["restatement_event"] == receipt.head.seq - 3


def test_a_file_that_is_there_is_not_overwritten(books: Any, tmp_path: Path) -> None:
    target = tmp_path / "b.sqlite"
    receipt = backup(books, target)
    for attempt in (lambda: backup(books, target), lambda: restore(target, str(target))):
        with pytest.raises(ConflictError) as caught:
            attempt()
        assert caught.value.code == "target-exists"
    books.restate(2016, 1, reason="新", by=ADMIN)
    assert backup(books, target, force=True).head.seq == receipt.head.seq + 1
    assert sorted(p.name for p in tmp_path.iterdir() if "partial" in p.name) == []


def test_a_folder_gets_a_file_named_by_time_and_head(books: Any, tmp_path: Path, clock: Any) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    receipt = backup(books, folder, clock=clock)
    assert receipt.path.name.endswith(f"-20170410T000000Z-{receipt.head.seq:06d}.sqlite")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_a_backup_is_for_its_owner_only(books: Any, tmp_path: Path) -> None:
    assert backup(books, tmp_path / "b.sqlite").path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", ["cut", "noise", "edited", "empty", "text", "other"])
def test_a_damaged_backup_is_refused_and_nothing_is_touched(books: Any, tmp_path: Path, damage: str) -> None:
    path = backup(books, tmp_path / "b.sqlite").path
    content = path.read_bytes()
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "noise":
        middle = len(content) // 2
        path.write_bytes(content[:middle] + os.urandom(8192) + content[middle + 8192 :])
    elif damage == "edited":
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("DROP TRIGGER site_event_no_update")
            connection.execute("UPDATE site_event SET name = '別の名前' WHERE key = 'T-1'")
    elif damage == "other":
        path.unlink()
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("CREATE TABLE schema_migration (number INTEGER)")
    else:
        path.write_bytes(b"" if damage == "empty" else b"site_id,name\n")
    target = tmp_path / "restored.sqlite"
    with pytest.raises(FileFormatError) as caught:
        restore(path, str(target))
    assert caught.value.code in ("backup-damaged", "not-a-ledger")
    assert not target.exists()


def test_a_missing_backup_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        restore(tmp_path / "none.sqlite", str(tmp_path / "restored.sqlite"))
    assert caught.value.code == "backup-not-found"


def test_restoring_over_a_ledger_in_use_replaces_it_for_everybody(tmp_path: Path) -> None:
    url = str(tmp_path / "ledger.sqlite")
    with open_store(url) as store:
        store.restate(2016, 1, reason="一", by=ADMIN)
        saved = backup(store, tmp_path / "b.sqlite", log=tmp_path / "heads.log")
        store.restate(2016, 2, reason="二", by=ADMIN)
        later = store.head()
        restore(saved.path, url, force=True, log=tmp_path / "heads.log")
        assert store.head() == saved.head
        assert [r.amount for r in store.ledger().restatements] == [1]
        store.restate(2016, 3, reason="三", by=ADMIN)
        assert store.verify_audit(read_anchors(tmp_path / "heads.log")).ok
    kept = next(tmp_path.glob("ledger.before-restore.*.sqlite"))
    assert check_backup(kept)[0] == later


def test_a_broken_ledger_is_moved_aside_by_a_restore(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with open_store(str(path)) as store:
        store.restate(2016, 1, reason="一", by=ADMIN)
        saved = backup(store, tmp_path / "b.sqlite")
    path.write_bytes(b"\x00" * 100 + path.read_bytes()[100:])
    with pytest.raises((FileFormatError, StorageError)):
        open_store(str(path))
    restore(saved.path, str(path), force=True)
    with open_store(str(path)) as store:
        assert store.head() == saved.head
    assert next(tmp_path.glob("ledger.before-restore.*.sqlite")).read_bytes()[:100] == b"\x00" * 100


def test_heads_are_put_down_and_verified_from_the_log(books: Any, store_url: str, tmp_path: Path) -> None:
    log = tmp_path / "heads.log"
    backup(books, tmp_path / "b.sqlite", log=log)
    assert [a.seq for a in read_anchors(log)] == [3]
    assert verify(store_url, log=log).anchors == 1
    location = Location.parse(str(tmp_path / "ledger.sqlite"))
    assert anchor_log(location) == tmp_path / "ledger.heads.log"
    assert anchor_log(location, tmp_path / "x") == tmp_path / "x" / "ledger.sqlite.heads.log"


def test_the_trail_of_records_survives_the_way_through_a_backup(books: Any, tmp_path: Path) -> None:
    books.put(
        Kind.SITE, {"site_id": "T-1", "height_m": 41.5}, by=Actor("kato", "planner"), expected_version=1
    )
    path = backup(books, tmp_path / "b.sqlite").path
    with open_store(str(path), create=False) as saved:
        assert saved.history(Kind.SITE, "T-1") == books.history(Kind.SITE, "T-1")


def test_the_head_is_put_down_every_day(books: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="coverage.store.backup"):
        head = books.head()
        put_down_head(head, tmp_path / "heads.log", name=books.label)
    assert read_anchors(tmp_path / "heads.log") == (head,)
    assert head.hash in caplog.text
    assert caplog.text.count("\n") == 1


def test_postgis_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(EnvironmentProblemError) as caught:
        open_store("postgresql://app@db/mie")
    assert caught.value.code == "extra-missing"
    assert "[postgis]" in caught.value.en
