"""Rows from one adapter to the other, unchanged: a backup of either is one SQLite file, and the chain stays valid."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

from coverage.errors import StorageError
from coverage.store.canonical import instant_text
from coverage.store.clock import utc_now
from coverage.store.columns import Kind, Table
from coverage.store.migrate import migrations, statements
from coverage.store.session import AUDIT_COLUMNS, ENVELOPE, Session, columns_sql
from coverage.store.sqlite import APPLICATION_ID, MIGRATIONS, SqliteSession, SqliteStore
from coverage.store.tables import LEDGER_KINDS, TABLES, UPLOAD_KINDS

_CHUNK = 2_000


def copy_ledger(store: Any, target: Path, *, uploads: bool = False) -> None:
    """Put what ``store`` (either adapter) says of the ledger into a new SQLite file, on which changes can be tried.

    It is one short read: nobody waits for what is done with the copy, and no transaction stays open. Of a database
    server the ledger's kinds and the chain come along, with ``uploads`` also what is known of these (their reports are
    long), never their files. Raises StorageError.
    """
    try:
        if isinstance(store, SqliteStore):
            address = f"{store.path.as_uri()}?mode=ro"
            with (
                closing(sqlite3.connect(address, uri=True)) as source,
                closing(sqlite3.connect(target)) as copy,
            ):
                source.backup(copy)
        else:
            kinds = (*LEDGER_KINDS, *UPLOAD_KINDS, *([Kind.IMPORT] if uploads else []))
            with store._read() as session:
                copy_to_sqlite(session, target, version=store.schema_version, kinds=kinds)
    except sqlite3.Error as problem:
        raise StorageError(
            "ledger-not-copied",
            f"台帳の写しを作れません（{problem}）。台帳は変わっていません。一時フォルダーの空き容量を確かめてやり直してください。",
            f"The ledger cannot be copied ({problem}). It is as it was; check the room in the temporary folder and try again.",
        ) from problem


def copy_to_sqlite(
    source: Session, target: Path, *, version: int, kinds: Sequence[Kind] | None = None
) -> None:
    """Write everything that ``source`` (of schema ``version``) holds into a new SQLite file; with ``kinds`` only their
    tables and the chain.

    Raises sqlite3.Error; the caller removes what was begun.
    """
    connection = sqlite3.connect(target, isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        for migration in migrations(MIGRATIONS)[:version]:
            for statement in statements(migration.sql):
                connection.execute(statement)
            connection.execute(
                "INSERT INTO schema_migration (number, name, sha256, applied_at) VALUES (?, ?, ?, ?)",
                (migration.number, migration.name, migration.sha256, instant_text(utc_now())),
            )
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {version}")
        copy_rows(source, SqliteSession(connection), version=version, kinds=kinds)
        connection.execute("COMMIT")
    finally:
        connection.close()
    target.chmod(0o600)


def copy_from_sqlite(source: Path, target: Session, *, version: int) -> None:
    """Append everything that a SQLite ledger (of schema ``version``) holds to empty tables."""
    connection = sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        copy_rows(SqliteSession(connection), target, version=version)
    finally:
        connection.close()


def copy_rows(source: Session, target: Session, *, version: int, kinds: Sequence[Kind] | None = None) -> None:
    """Every row of every table (or of the chain and of ``kinds``), in an order that the guards of the target accept."""
    _copy(source, target, "audit", AUDIT_COLUMNS, "e.seq")
    # One by one: stored files may be large.
    for (digest,) in () if kinds is not None else source.all("SELECT sha256 FROM content ORDER BY sha256"):
        rows = source.all("SELECT sha256, bytes FROM content WHERE sha256 = :sha256", {"sha256": digest})
        target.insert("content", ("sha256", "bytes"), rows)
    for table in tables_of(version):
        if kinds is not None and table.kind not in kinds:
            continue
        _copy(source, target, table.name, (*ENVELOPE, *table.column_names), "e.key, e.version")


def tables_of(version: int) -> list[Table]:
    return [table for table in TABLES.values() if table.since <= version]


def _copy(source: Session, target: Session, table: str, columns: Sequence[str], order: str) -> None:
    rows = source.iterate(f"SELECT {columns_sql(columns)} FROM {table} e ORDER BY {order}")
    while part := list(islice(rows, _CHUNK)):
        target.insert(table, columns, part)
