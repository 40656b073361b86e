"""The store in PostgreSQL with PostGIS: for offices that run a database server, and for QGIS beside the app.

The same tables under the same numbers of migrations as in SQLite, in the schema ``coverage_gap``; sites, districts,
challenges and measurements have a geometry column (EPSG:4326) beside, which the database computes. Writers take one
advisory lock, so that the audit chain has one order; readers see one snapshot. UPDATE, DELETE and TRUNCATE are
revoked, and refused by triggers where rights do not hold (superusers).

Needs the extra ``[postgis]``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coverage.errors import CoverageGapError, EnvironmentProblemError, NotFoundError, StorageError
from coverage.store.canonical import instant_text
from coverage.store.clock import Clock, utc_now
from coverage.store.columns import Kind
from coverage.store.imports import Imports
from coverage.store.journal import Journal
from coverage.store.locate import folder_of_server
from coverage.store.migrate import guards, latest_version, migrations, pending
from coverage.store.people import People
from coverage.store.protocol import Bounds
from coverage.store.session import BATCH, Row, Session, read_head

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

MIGRATIONS = "postgis_migrations"
SCHEMA = "coverage_gap"

_LOCK = 0x43475031
"""Key of the advisory lock that writers take."""
_PARAMETER = re.compile(r"(?<!:):([a-z_][a-z0-9_]*)")


@lru_cache(maxsize=512)
def _pyformat(sql: str) -> str:
    return _PARAMETER.sub(r"%(\1)s", sql)


class PostgisSession:
    """One transaction on one PostgreSQL connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def driver(self) -> Any:
        """The psycopg connection beneath."""
        return self._connection.connection.driver_connection

    def all(self, sql: str, params: Mapping[str, Any] | None = None) -> list[Row]:
        with self.driver.cursor() as cursor:
            cursor.execute(_pyformat(sql), dict(params or {}))
            return list(cursor.fetchall())

    def iterate(self, sql: str, params: Mapping[str, Any] | None = None) -> Iterator[Row]:
        return iter(self.all(sql, params))

    def batches(self, sql: str, params: Mapping[str, Any] | None = None) -> Iterator[list[Row]]:
        with self.driver.cursor() as cursor:
            cursor.execute(_pyformat(sql), dict(params or {}))
            while rows := cursor.fetchmany(BATCH):
                yield rows

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        names = ", ".join(f'"{c}"' for c in columns)
        with self.driver.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def latest(self, table: str, conditions: str) -> str:
        return (
            f"FROM (SELECT DISTINCT ON (x.key) x.* FROM {table} x WHERE {conditions or 'TRUE'} "
            "ORDER BY x.key, x.version DESC) e WHERE TRUE"
        )

    def latest_of_all(self, table: str, conditions: str) -> str:
        return self.latest(table, conditions)

    def run(self, sql: str) -> None:
        """Statements without parameters or result."""
        with self.driver.cursor() as cursor:
            cursor.execute(sql)


class PostgisStore(Imports, Journal, People):
    """The store in a PostgreSQL database. See :class:`coverage.store.protocol.Store`."""

    def __init__(
        self,
        url: str,
        *,
        create: bool = True,
        migrate: bool = True,
        backup_dir: Path | None = None,
        clock: Clock = utc_now,
        busy_seconds: float = 60.0,
        up_to: int | None = None,
    ) -> None:
        """Connect to ``postgresql://user@host/database`` (the password from PGPASSFILE or the URL).

        ``create`` makes the schema where the database has none, ``migrate`` brings it up to date; before that a backup
        goes to ``backup_dir`` (None = :func:`coverage.store.locate.folder_of_server`) as a SQLite file.

        Raises EnvironmentProblemError without the extra, StorageError when the server cannot be reached or refuses.
        """
        try:
            from sqlalchemy import URL, create_engine, make_url
            from sqlalchemy.exc import ArgumentError
        except ImportError:
            raise _extra_missing() from None
        try:
            parsed: URL = make_url(url).set(drivername="postgresql+psycopg")
        except ArgumentError:
            raise _unreachable("PostgreSQL", "URL") from None
        self._label = parsed.database or "PostgreSQL"
        self._clock = clock
        self._busy_seconds = busy_seconds
        self._backup_dir = backup_dir
        self._times = None
        self._current = {}
        self._closed = False
        self._engine: Engine = create_engine(
            parsed,
            pool_size=8,
            max_overflow=16,
            pool_pre_ping=True,
            connect_args={
                "options": f"-csearch_path={SCHEMA},public -ctimezone=UTC -cbytea_output=hex",
                "connect_timeout": 10,
                "application_name": "coverage-gap",
            },
        )
        try:
            self._version = self._open(create=create, migrate=migrate, up_to=up_to)
        except BaseException:
            self.close()
            raise

    @property
    def label(self) -> str:
        """What to call the store in messages: the database's name, never its address or user."""
        return self._label

    @property
    def schema_version(self) -> int:
        return self._version

    def close(self) -> None:
        """Close every connection of the pool."""
        self._closed = True
        self._engine.dispose()

    def __enter__(self) -> PostgisStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # schema --------------------------------------------------------------------------------------------------
    def _open(self, *, create: bool, migrate: bool, up_to: int | None) -> int:
        with self._read() as session:
            applied = _applied(session)
        todo = pending(MIGRATIONS, applied, label=self.label)
        if not todo or not migrate:
            if todo and applied:
                raise StorageError(
                    "schema-old",
                    f"台帳 {self.label} のスキーマが古いままです。「coverage-gap db migrate」を実行してください。",
                    f'The schema of the ledger {self.label} is old; run "coverage-gap db migrate".',
                )
            if applied:
                return max(applied)
        if not applied and not create:
            raise NotFoundError(
                "store-not-found",
                f"データベース {self.label} に台帳がありません。「coverage-gap db init」で作ってください。",
                f'The database {self.label} holds no ledger; make it with "coverage-gap db init".',
            )
        last = up_to or latest_version(MIGRATIONS)
        version = max(applied, default=0)
        while version < last:
            saved = self._save_before_migration(version) if version else None
            with self._write() as session:
                applied = _applied(session)
                stale = saved is not None and read_head(session) != saved
                if max(applied, default=0) == version and not stale:
                    apply_migration(session, version + 1, instant_text(self._clock()))
                version = max(_applied(session), default=0)
        return version

    def _save_before_migration(self, version: int) -> Any:
        from coverage.store.copying import copy_to_sqlite

        stamp = instant_text(self._clock()).translate({ord(c): None for c in "-:."})
        with self._read() as session:
            head = read_head(session)
            if head.seq > 0:
                # An empty ledger, as between two migrations of a new one, has nothing to save.
                folder = self._backup_dir or folder_of_server()
                folder.mkdir(parents=True, exist_ok=True)
                target = folder / f"{self.label}.schema-{version:04d}.{stamp}.sqlite"
                copy_to_sqlite(session, target, version=version)
        return head

    # transactions --------------------------------------------------------------------------------------------
    @contextmanager
    def _read(self) -> Iterator[Session]:
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self._mapped(), self._connection() as connection:
            connection = connection.execution_options(**options)
            with connection.begin():
                yield PostgisSession(connection)

    @contextmanager
    def _write(self) -> Iterator[PostgisSession]:
        with self._mapped(), self._connection() as connection:
            # READ COMMITTED: after the lock is got, every statement sees what the writer before committed.
            connection = connection.execution_options(isolation_level="READ COMMITTED")
            with connection.begin():
                session = PostgisSession(connection)
                wait_ms = max(1, int(self._busy_seconds * 1000))
                session.run(f"SET LOCAL lock_timeout = {wait_ms}; SET LOCAL synchronous_commit = on")
                session.all("SELECT pg_advisory_xact_lock(:key)", {"key": _LOCK})
                yield session

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        if self._closed:
            raise StorageError(
                "store-closed",
                f"台帳 {self.label} はもう閉じられています。開き直してください。",
                f"The ledger {self.label} is closed; open it again.",
            )
        with self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        """Turn PostgreSQL's errors into ours; the server's own text may name hosts and users, so it stays out."""
        import psycopg
        from sqlalchemy.exc import DBAPIError
        from sqlalchemy.exc import TimeoutError as PoolTimeout

        try:
            yield
        except (DBAPIError, psycopg.Error) as problem:
            original = problem.orig if isinstance(problem, DBAPIError) else problem
            ours = _storage_error(self.label, original)
            if ours is None:
                raise
            raise ours from problem
        except PoolTimeout:
            raise _busy(self.label) from None

    def _within(self, kind: Kind, bounds: Bounds) -> tuple[str, dict[str, Any]]:
        west, south, east, north = bounds
        return (
            "ST_Intersects(e.geom, ST_MakeEnvelope(:west, :south, :east, :north, 4326))",
            {"west": west, "south": south, "east": east, "north": north},
        )

    def _missing_guards(self, session: Session) -> list[str]:
        rows = session.all(
            "SELECT t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            "JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = :schema AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')",
            {"schema": SCHEMA},
        )
        present = {str(row[0]) for row in rows}
        return [name for name in guards(MIGRATIONS, self._version) if name not in present]

    def replace_content(self, source: Path, *, version: int) -> None:
        """Take the whole content of a SQLite backup of schema ``version``, in one transaction."""
        from coverage.store.copying import copy_from_sqlite

        with self._write() as session:
            session.run(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
            for number in range(1, version + 1):
                apply_migration(session, number, instant_text(self._clock()))
            copy_from_sqlite(source, session, version=version)
        self._times = None
        self._current = {}
        self._version = self._open(create=False, migrate=True, up_to=None)


def apply_migration(session: PostgisSession, number: int, now: str) -> None:
    """Run one migration inside the present transaction."""
    migration = migrations(MIGRATIONS)[number - 1]
    session.run(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    session.run(migration.sql)
    session.insert(
        "schema_migration",
        ("number", "name", "sha256", "applied_at"),
        [(migration.number, migration.name, migration.sha256, now)],
    )


def _applied(session: Session) -> dict[int, str]:
    if session.all("SELECT to_regclass(:name)", {"name": f"{SCHEMA}.schema_migration"})[0][0] is None:
        return {}
    return {int(n): str(d) for n, d in session.all("SELECT number, sha256 FROM schema_migration")}


def _storage_error(label: str, problem: BaseException | None) -> CoverageGapError | None:
    """Our error for the server's SQLSTATE; None for one that is a mistake of this program."""
    state = getattr(problem, "sqlstate", None)
    if state is None or state[:2] in ("08", "28", "57") or state == "3D000":
        return _unreachable(label, state or "")
    if state in ("55P03", "40001", "40P01"):
        return _busy(label)
    if state[:2] == "53":
        return StorageError(
            "disk-full",
            f"データベース {label} の空き容量か接続数が足りません（{state}）。変更は保存していません。管理者に知らせてください。",
            f"The database {label} is out of space or connections ({state}). Nothing was saved; tell its administrator.",
        )
    if state in ("25006", "42501"):
        return StorageError(
            "store-read-only",
            f"データベース {label} に書き込む権利がありません（{state}）。変更は保存していません。管理者に知らせてください。",
            f"There is no right to write to the database {label} ({state}). Nothing was saved; tell its administrator.",
        )
    if state == "58P01" or state == "0A000":
        return EnvironmentProblemError(
            "postgis-missing",
            f"データベース {label} のサーバに PostGIS がありません。PostGIS を入れてください。",
            f"The server of the database {label} lacks PostGIS; install it there.",
        )
    return None


def _busy(label: str) -> StorageError:
    return StorageError(
        "store-busy",
        f"台帳 {label} が他の処理で使われ続けています。変更は保存していません。少し待ってからやり直してください。",
        f"The ledger {label} is in use by something else for too long. Nothing was saved; wait and try again.",
    )


def _unreachable(label: str, state: str) -> StorageError:
    return StorageError(
        "store-cannot-open",
        f"データベース {label} に接続できません{f'（{state}）' if state else ''}。アドレス・利用者・パスワードと、"
        "サーバが動いていることを確かめてください。",
        f"The database {label} cannot be reached{f' ({state})' if state else ''}; check address, user, password, and "
        "that the server runs.",
    )


def _extra_missing() -> EnvironmentProblemError:
    return EnvironmentProblemError(
        "extra-missing",
        "PostGIS を使うには追加部品 [postgis] が必要です。「pip install coverage-gap-planner[postgis]」で入れてください。",
        'PostGIS needs the extra [postgis]; install it with "pip install coverage-gap-planner[postgis]".',
    )
