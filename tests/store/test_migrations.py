"""A database from every released schema opens, with a backup before, and holds what it held."""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from coverage.domain import ledger as books
from coverage.errors import FileFormatError, NotFoundError, StorageError
from coverage.store.audit import Head
from coverage.store.backup import backup, check_backup, restore
from coverage.store.columns import Table
from coverage.store.events import TABLES, Kind
from coverage.store.locate import open_store
from coverage.store.migrate import Migration, latest_version, migrations, pending, statements
from coverage.store.protocol import Actor
from coverage.store.session import ENVELOPE
from coverage.store.sqlite import MIGRATIONS, SqliteStore

RELEASED = Path(__file__).resolve().parent.parent / "data" / "schema"
ADMIN = Actor("sato", "admin")


def _load(number: int, folder: Path) -> Path:
    path = folder / "ledger.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript((RELEASED / f"schema-{number:04d}.sql").read_text(encoding="utf-8"))
    return path


def _head(path: Path) -> Head:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return Head(*connection.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone())


def _numbers() -> list[int]:
    return [m.number for m in migrations(MIGRATIONS)]


def test_there_is_a_database_of_every_schema() -> None:
    assert sorted(p.name for p in RELEASED.glob("*.sql")) == [f"schema-{n:04d}.sql" for n in _numbers()]


def test_both_stores_have_the_same_numbers() -> None:
    assert [m.name for m in migrations("postgis_migrations")] == [m.name for m in migrations(MIGRATIONS)]


@pytest.mark.parametrize("number", _numbers())
def test_a_database_of_a_released_schema_opens(tmp_path: Path, number: int) -> None:
    path = _load(number, tmp_path)
    before = _head(path)
    with SqliteStore(path, backup_dir=tmp_path / "saved") as store:
        assert store.schema_version == latest_version(MIGRATIONS)
        assert store.head() == before
        assert store.verify_audit([before]).ok
        ledger = store.ledger()
        assert [(s.site_id, s.status.value) for s in ledger.sites] == [
            ("T-000", "供用中"),
            ("T-000b", "供用中"),
            ("T-001", "供用中"),
            ("T-002", "計画"),
        ]
        assert [(f.fiscal_year, f.value) for f in ledger.frozen_years] == [(2016, 70)]
        assert ledger.districts[0].geometry.area == pytest.approx(0.01)
        assert store.imports()[-1].state.value == "accepted"
        assert store.content(store.imports()[-1].file_sha256) == b"site_id\nT-002\n"
        assert store.publications()[0].values == {"40604:2016": 70}
        stated = store.import_changes(store.imports()[-1].import_id)
        assert [(c.kind, c.values["site_id"]) for c in stated] == [(Kind.SITE, "T-002")]
        assert [n.ja for n in ledger.footnotes] == ([] if number < 3 else ["統合により1基減（九鬼）"])
        store.restate(2017, 1, reason="続き", by=ADMIN)
        store.add_footnote("40604", 2017, ja="続き", by=ADMIN)
        assert store.ledger().footnotes[-1].fiscal_year == 2017
        assert store.verify_audit().ok
    saved = sorted((tmp_path / "saved").glob("*.sqlite"))
    if number == latest_version(MIGRATIONS):
        assert saved == []
    else:
        assert saved[0].name.startswith(f"ledger.schema-{number:04d}.")
        assert check_backup(saved[0])[0] == before


def test_a_backup_of_an_older_schema_is_restored_and_brought_up_to_date(tmp_path: Path) -> None:
    old = _load(1, tmp_path)
    head = _head(old)
    with SqliteStore(old, up_to=1, read_only=True) as store:
        receipt = backup(store, tmp_path / "old-backup.sqlite")
    target = tmp_path / "restored.sqlite"
    assert restore(receipt.path, str(target)).head == head
    with open_store(str(target)) as restored:
        assert restored.schema_version == latest_version(MIGRATIONS)
        restored.file_challenge(
            by=ADMIN,
            municipality_code="24209",
            observed_on=restored.publications()[0].published_on,
            note="峠",
            lat=34.0,
            lon=136.2,
        )


def test_an_old_schema_is_not_written_to_without_a_migration(tmp_path: Path) -> None:
    path = _load(1, tmp_path)
    with pytest.raises(StorageError) as caught:
        SqliteStore(path, migrate=False)
    assert caught.value.code == "schema-old"


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = _load(2, tmp_path)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO schema_migration VALUES (99, '0099_future.sql', 'x', 'y')")
    with pytest.raises(StorageError) as caught:
        SqliteStore(path)
    assert caught.value.code == "schema-too-new"


def test_a_schema_made_by_other_migrations_is_refused() -> None:
    with pytest.raises(StorageError) as caught:
        pending(MIGRATIONS, {1: "0" * 64}, label="ledger.sqlite")
    assert caught.value.code == "schema-differs"


def test_a_migration_that_fails_leaves_the_database_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = latest_version(MIGRATIONS)
    path = _load(newest, tmp_path)
    broken = Migration(
        newest + 1,
        f"{newest + 1:04d}_broken.sql",
        "CREATE TABLE half (a INTEGER);\nCREATE TABLE half (a INTEGER);\n",
    )
    known = (*migrations(MIGRATIONS), broken)
    monkeypatch.setattr("coverage.store.migrate.migrations", lambda _: known)
    with pytest.raises(sqlite3.OperationalError):
        SqliteStore(path, backup_dir=tmp_path)
    monkeypatch.undo()
    with SqliteStore(path) as store:
        assert store.schema_version == newest
        assert store.verify_audit().ok
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'half'").fetchall() == []


def test_a_statement_with_semicolons_inside_is_one_statement() -> None:
    sql = "-- a; b\nCREATE TABLE t (a);\nCREATE TRIGGER g BEFORE UPDATE ON t BEGIN\n  SELECT 1;\n  SELECT 2;\nEND;\n"
    assert [s.count(";") for s in statements(sql)] == [2, 3]
    with pytest.raises(RuntimeError, match="inside a statement"):
        list(statements("CREATE TABLE t (a"))


@pytest.mark.parametrize(
    ("content", "code"), [(b"site_id,name\n" * 500, "not-a-ledger"), (b"", "not-a-ledger")]
)
def test_a_file_that_is_no_ledger_is_refused_and_left_alone(
    tmp_path: Path, content: bytes, code: str
) -> None:
    path = tmp_path / "x.sqlite"
    path.write_bytes(content)
    with pytest.raises(FileFormatError) as caught:
        SqliteStore(path, migrate=False)
    assert caught.value.code == code
    assert path.read_bytes() == content


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    with pytest.raises(FileFormatError):
        SqliteStore(path)


def test_a_missing_ledger_is_said_so_unless_it_may_be_made(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        SqliteStore(tmp_path / "none.sqlite", create=False)
    assert caught.value.code == "store-not-found"
    with SqliteStore(tmp_path / "new" / "ledger.sqlite") as store:
        assert store.counts()["audit"] == 0


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "ledger.sqlite")
    store.close()
    with pytest.raises(StorageError) as caught:
        store.ledger()
    assert caught.value.code == "store-closed"


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda t: t.kind.value)
def test_columns_fields_and_tables_agree(tmp_path: Path, table: Table) -> None:
    fields = [f.name for f in dataclasses.fields(table.record)]
    assert [*(c.name for c in table.visible), "recorded_at"] == fields
    with (
        SqliteStore(tmp_path / "ledger.sqlite"),
        contextlib.closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as db,
    ):
        held = {row[1]: row for row in db.execute(f"PRAGMA table_info({table.name})")}
        assert list(held) == [*ENVELOPE, *table.column_names]
        for column in table.columns:
            assert bool(held[column.name][3]) == column.required, column.name
        view = [row[1] for row in db.execute(f"PRAGMA table_info({table.kind.value}_current)")]
        assert view == [*ENVELOPE, *table.column_names, "recorded_at", "recorded_by"]


def test_every_table_of_the_ledger_is_a_kind() -> None:
    kept: set[Any] = {table.record for table in TABLES.values()}
    records = {v for v in vars(books).values() if dataclasses.is_dataclass(v)} - {books.Ledger}
    assert records <= kept
    assert set(TABLES) == set(Kind)
