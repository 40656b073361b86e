"""The embedded store: one SQLite file in WAL mode.

Readers never wait. Writers queue: one at a time in this process by a lock, between processes by BEGIN IMMEDIATE with
waiting, so that "database is locked" reaches nobody before ``busy_seconds`` are over. ``synchronous=FULL``: a commit
has been flushed to the disk when it returns. The file must lie on a local disk (WAL needs shared memory).
"""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

from coverage.errors import CoverageGapError, FileFormatError, NotFoundError, StorageError
from coverage.store.canonical import instant_text
from coverage.store.clock import Clock, utc_now
from coverage.store.imports import Imports
from coverage.store.journal import Journal
from coverage.store.migrate import guards, latest_version, pending, statements
from coverage.store.people import People
from coverage.store.session import BATCH, Row, Session, read_head

MIGRATIONS = "migrations"
APPLICATION_ID = 0x43475031
"""Written into the file's header ("CGP1"), so that another program's database is not taken for a ledger."""

_BUSY_MS = 2_000


class SqliteSession:
    """One transaction on one SQLite connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def all(self, sql: str, params: Mapping[str, Any] | None = None) -> list[Row]:
        return self._connection.execute(sql, _bound(params)).fetchall()

    def iterate(self, sql: str, params: Mapping[str, Any] | None = None) -> Iterator[Row]:
        return iter(self._connection.execute(sql, _bound(params)))

    def batches(self, sql: str, params: Mapping[str, Any] | None = None) -> Iterator[list[Row]]:
        cursor = self._connection.execute(sql, _bound(params))
        while rows := cursor.fetchmany(BATCH):
            yield rows

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        names = ", ".join(f'"{c}"' for c in columns)
        marks = ", ".join("?" * len(columns))
        plain = ([_plain(value) for value in row] for row in rows)
        self._connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", plain)

    def latest(self, table: str, conditions: str) -> str:
        return (
            f"FROM {table} e WHERE e.version = (SELECT MAX(x.version) FROM {table} x "
            f"WHERE x.key = e.key AND {conditions or 'TRUE'})"
        )

    def latest_of_all(self, table: str, conditions: str) -> str:
        # A key that never had a second version needs no search for its last one; the keys that had are few, or are
        # all, and then this costs one look into a list more. The index on tx covers that list.
        alone = conditions.replace("x.", "e.") or "TRUE"
        changed = f"SELECT x.key FROM {table} x WHERE x.version > 1"
        return (
            f"FROM {table} e WHERE (e.version = 1 AND {alone} AND e.key NOT IN ({changed}) OR e.version = "
            f"(SELECT MAX(x.version) FROM {table} x WHERE x.key = e.key AND {conditions or 'TRUE'}))"
        )


_AS_THEY_ARE = frozenset({str, float, int, bytes, type(None)})


def _plain(value: Any) -> Any:
    if value.__class__ in _AS_THEY_ARE:
        return value
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool):
        return int(value)
    return value


def _bound(params: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: _plain(value) for name, value in (params or {}).items()}


class SqliteStore(Imports, Journal, People):
    """The store in one file. See :class:`coverage.store.protocol.Store`."""

    def __init__(
        self,
        path: Path,
        *,
        create: bool = True,
        migrate: bool = True,
        read_only: bool = False,
        backup_dir: Path | None = None,
        clock: Clock = utc_now,
        busy_seconds: float = 60.0,
        up_to: int | None = None,
    ) -> None:
        """Open the file, make it where it is missing (``create``), bring its schema up to date (``migrate``).

        ``read_only``: for backups; nothing is written, not even beside the file. ``backup_dir``: where the backup
        before a migration goes (None = beside the file). ``up_to``: stop at that schema version (for fixtures).

        Raises NotFoundError without a file and ``create``, FileFormatError for a file that is not a ledger,
        StorageError when it cannot be opened, is damaged, or has a schema that this software does not know.
        """
        self.path = path.resolve()
        self._read_only = read_only
        self._clock = clock
        self._busy_seconds = busy_seconds
        self._backup_dir = backup_dir or self.path.parent
        self._lock = threading.Lock()
        self._pool_lock = threading.Lock()
        self._pool: list[sqlite3.Connection] = []
        self._pid = os.getpid()
        self._closed = False
        self._times = None
        self._current = {}
        if not self.path.exists():
            if not create or read_only:
                raise NotFoundError(
                    "store-not-found",
                    f"台帳 {self.path.name} がありません。「coverage-gap db init」で作るか、場所を確かめてください。",
                    f'There is no ledger {self.path.name}; make it with "coverage-gap db init" or check the place.',
                )
            self._make_file()
        try:
            self._version = self._open(migrate=migrate and not read_only, up_to=up_to)
        except BaseException:
            self.close()
            raise

    # opening and closing -------------------------------------------------------------------------------------
    @property
    def label(self) -> str:
        """What to call the store in messages."""
        return self.path.name

    @property
    def schema_version(self) -> int:
        return self._version

    def close(self) -> None:
        """Close every idle connection; those in use are closed when their transaction ends."""
        with self._pool_lock:
            self._closed = True
            idle, self._pool = self._pool, []
        for connection in idle:
            connection.close()

    def __enter__(self) -> SqliteStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _make_file(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                # Others on the machine have no business in it; SQLite gives -wal and -shm the same mode.
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except OSError as problem:
            raise _cannot_open(self.path, problem.strerror or str(problem)) from None

    def _open(self, *, migrate: bool, up_to: int | None) -> int:
        connection = self._take()
        try:
            with self._mapped():
                applied = self._retry(lambda: _applied(connection, self.label))
                todo = pending(MIGRATIONS, applied, label=self.label)
                version = max(applied, default=0)
                if not applied and not migrate:
                    raise _empty(self.label)
                if not migrate or not todo:
                    # A backup of an older schema is read as it is; nothing that writes may work on one.
                    if todo and not self._read_only:
                        raise _schema_old(self.label, version)
                    return version
                if not applied:
                    mode = self._retry(lambda: connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
                    if mode != "wal":
                        raise _cannot_open(self.path, f"journal mode {mode}")
                return self._migrate(connection, up_to)
        finally:
            self._give(connection)

    def _migrate(self, connection: sqlite3.Connection, up_to: int | None) -> int:
        last = up_to or latest_version(MIGRATIONS)
        while True:
            version = max(_applied(connection, self.label), default=0)
            if version >= last:
                return version
            # An empty ledger, as between two migrations of a new one, has nothing to save.
            written = version > 0 and read_head(SqliteSession(connection)).seq > 0
            saved_head = self._save_before_migration(connection, version) if written else None
            self._begin(connection, "BEGIN IMMEDIATE")
            try:
                applied = _applied(connection, self.label)
                stale = saved_head is not None and read_head(SqliteSession(connection)) != saved_head
                if max(applied, default=0) == version and not stale:
                    migration = pending(MIGRATIONS, applied, label=self.label)[0]
                    for statement in statements(migration.sql):
                        connection.execute(statement)
                    now = instant_text(self._clock())
                    connection.execute(
                        "INSERT INTO schema_migration (number, name, sha256, applied_at) VALUES (?, ?, ?, ?)",
                        (migration.number, migration.name, migration.sha256, now),
                    )
                    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                    connection.execute(f"PRAGMA user_version = {migration.number}")
                connection.execute("COMMIT")
            except BaseException:
                _roll_back(connection)
                raise

    def _save_before_migration(self, connection: sqlite3.Connection, version: int) -> Any:
        stamp = instant_text(self._clock()).translate({ord(c): None for c in "-:."})
        target = self._backup_dir / f"{self.path.stem}.schema-{version:04d}.{stamp}.sqlite"
        target.parent.mkdir(parents=True, exist_ok=True)
        head = read_head(SqliteSession(connection))
        connection.execute("VACUUM INTO ?", (str(target),))
        target.chmod(0o600)
        return head

    # transactions --------------------------------------------------------------------------------------------
    @contextmanager
    def _read(self) -> Iterator[Session]:
        connection = self._take()
        try:
            with self._mapped():
                self._begin(connection, "BEGIN")
                try:
                    yield SqliteSession(connection)
                finally:
                    _roll_back(connection)
        finally:
            self._give(connection)

    @contextmanager
    def _write(self) -> Iterator[Session]:
        if not self._lock.acquire(timeout=self._busy_seconds):
            raise _busy(self.label)
        try:
            connection = self._take()
            try:
                with self._mapped():
                    self._begin(connection, "BEGIN IMMEDIATE")
                    try:
                        yield SqliteSession(connection)
                        self._retry(lambda: connection.execute("COMMIT"))
                    except BaseException:
                        _roll_back(connection)
                        raise
            finally:
                self._give(connection)
        finally:
            self._lock.release()

    def _begin(self, connection: sqlite3.Connection, how: str) -> None:
        def begin() -> None:
            connection.execute(how)
            try:
                # Takes the read lock: with BEGIN alone the wait for a recovery would come in the middle.
                connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
            except sqlite3.Error:
                _roll_back(connection)
                raise

        self._retry(begin)

    def _retry(self, attempt: Any) -> Any:
        """Try until it is not busy, for ``busy_seconds`` at most, with pauses that no two writers share."""
        deadline = time.monotonic() + self._busy_seconds
        while True:
            try:
                return attempt()
            except sqlite3.OperationalError as problem:
                if not _is_busy(problem):
                    raise
                if time.monotonic() > deadline:
                    raise _busy(self.label) from None
                time.sleep(random.uniform(0.005, 0.05))

    def _take(self) -> sqlite3.Connection:
        with self._pool_lock:
            if self._closed:
                raise StorageError(
                    "store-closed",
                    f"台帳 {self.label} はもう閉じられています。開き直してください。",
                    f"The ledger {self.label} is closed; open it again.",
                )
            if self._pid != os.getpid():
                # A forked child must not use, nor close, its parent's connections.
                self._pool, self._pid, self._lock = [], os.getpid(), threading.Lock()
            if self._pool:
                return self._pool.pop()
        with self._mapped():
            return self._connect()

    def _give(self, connection: sqlite3.Connection) -> None:
        with self._pool_lock:
            if not self._closed and len(self._pool) < 16 and not connection.in_transaction:
                self._pool.append(connection)
                return
        connection.close()

    def _connect(self) -> sqlite3.Connection:
        name = str(self.path)
        if self._read_only:
            name = f"{self.path.as_uri()}?mode=ro&immutable=1"
        connection = sqlite3.connect(
            name, timeout=_BUSY_MS / 1000, isolation_level=None, check_same_thread=False, uri=self._read_only
        )
        try:
            for pragma in (
                f"busy_timeout = {_BUSY_MS}",
                "synchronous = FULL",
                "foreign_keys = ON",
                "recursive_triggers = ON",
                "trusted_schema = OFF",
                "temp_store = MEMORY",
                "cache_size = -32000",
            ):
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        """Turn SQLite's errors into ours."""
        try:
            yield
        except sqlite3.DatabaseError as problem:
            ours = _storage_error(self.path, problem)
            if ours is None:
                raise
            raise ours from problem

    # for backup.py and verify_audit --------------------------------------------------------------------------
    def vacuum_into(self, target: Path) -> None:
        """A compact copy of what is committed now, under writes of others."""
        connection = self._take()
        try:
            with self._mapped():
                self._retry(lambda: connection.execute("VACUUM INTO ?", (str(target),)))
                target.chmod(0o600)
        finally:
            self._give(connection)

    def integrity_problems(self) -> list[str]:
        """What SQLite itself finds wrong with the file."""
        with self._read() as session:
            found = [str(row[0]) for row in session.all("PRAGMA integrity_check(10)")]
        return [] if found == ["ok"] else found

    def replace_content(self, source: Path) -> None:
        """Take the whole content of another SQLite file, in one transaction of this one."""
        with self._lock:
            connection = self._take()
            other = sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
            try:
                with self._mapped():
                    other.backup(connection)
            finally:
                other.close()
                connection.close()
        self._times = None
        self._current = {}
        self._version = self._open(migrate=True, up_to=None)

    def _missing_guards(self, session: Session) -> list[str]:
        rows = session.all("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        present = {str(row[0]) for row in rows}
        return [name for name in guards(MIGRATIONS, self._version) if name not in present]


def _applied(connection: sqlite3.Connection, label: str) -> dict[int, str]:
    tables = {str(r[0]) for r in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return {}
    own = connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    if "schema_migration" not in tables or not own:
        raise FileFormatError(
            "not-a-ledger",
            f"{label} は本製品の台帳ではありません。ファイルを確かめてください。",
            f"{label} is not a ledger of this product; check the file.",
        )
    return {int(n): str(d) for n, d in connection.execute("SELECT number, sha256 FROM schema_migration")}


def _roll_back(connection: sqlite3.Connection) -> None:
    with contextlib.suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _is_busy(problem: sqlite3.Error) -> bool:
    code = getattr(problem, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _busy(label: str) -> StorageError:
    return StorageError(
        "store-busy",
        f"台帳 {label} が他の処理で使われ続けています。変更は保存していません。少し待ってからやり直してください。",
        f"The ledger {label} is in use by something else for too long. Nothing was saved; wait and try again.",
    )


def _cannot_open(path: Path, why: str) -> StorageError:
    return StorageError(
        "store-cannot-open",
        f"台帳 {path.name} を開けません（{why}）。場所と書き込みの権利を確かめてください。",
        f"The ledger {path.name} cannot be opened ({why}); check the place and the right to write there.",
    )


def _storage_error(path: Path, problem: sqlite3.DatabaseError) -> CoverageGapError | None:
    """Our error for SQLite's; None for one that is a mistake of this program."""
    code = getattr(problem, "sqlite_errorcode", 0) & 0xFF
    name = path.name
    if code == sqlite3.SQLITE_FULL or code == sqlite3.SQLITE_IOERR:
        return StorageError(
            "disk-full",
            f"台帳 {name} に書き込めません（ディスクの空きがないか、ファイルの大きさの上限です）。"
            "変更は保存していません。空きを作ってからやり直してください。",
            f"The ledger {name} cannot be written (no space left, or a file-size limit). Nothing was saved; make room "
            "and try again.",
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return StorageError(
            "store-read-only",
            f"台帳 {name} は読み取り専用の場所にあります。変更は保存していません。書き込みの権利を確かめてください。",
            f"The ledger {name} lies in a read-only place. Nothing was saved; check the right to write there.",
        )
    if code == sqlite3.SQLITE_CANTOPEN:
        return _cannot_open(path, "unable to open")
    if code == sqlite3.SQLITE_NOTADB:
        return FileFormatError(
            "not-a-ledger",
            f"{name} は本製品の台帳ではありません。ファイルを確かめてください。",
            f"{name} is not a ledger of this product; check the file.",
        )
    if code == sqlite3.SQLITE_CORRUPT:
        return StorageError(
            "store-damaged",
            f"台帳 {name} が壊れています。使うのを止め、バックアップから復元してください。",
            f"The ledger {name} is damaged; stop using it and restore a backup.",
        )
    return _busy(name) if _is_busy(problem) else None


def _empty(label: str) -> FileFormatError:
    return FileFormatError(
        "not-a-ledger",
        f"{label} は空で、台帳ではありません。ファイルを確かめてください。",
        f"{label} is empty and not a ledger; check the file.",
    )


def _schema_old(label: str, version: int) -> StorageError:
    return StorageError(
        "schema-old",
        f"台帳 {label} のスキーマ（{version}）が古いままです。「coverage-gap db migrate」を実行してください。",
        f'The schema ({version}) of the ledger {label} is old; run "coverage-gap db migrate".',
    )
