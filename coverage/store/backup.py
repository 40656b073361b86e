"""Backup under writes, and restoring it: whole or not at all.

A backup of either adapter is one SQLite file with the same rows and the same audit chain, so it can be restored into
either. It is read back and its chain verified before it gets its name. The chain's head goes into the receipt and
into an anchor log, so that a ledger whose end was cut off shows.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from coverage import durable
from coverage.errors import ConflictError, FileFormatError, NotFoundError, StorageError
from coverage.store.audit import AuditReport, Head, read_anchors, write_anchor
from coverage.store.canonical import instant_text, one_line
from coverage.store.clock import Clock, utc_now
from coverage.store.copying import copy_to_sqlite
from coverage.store.locate import Location, folder_of_server, open_store
from coverage.store.postgis import PostgisStore
from coverage.store.protocol import BackupReceipt
from coverage.store.sqlite import SqliteStore

_LOG = logging.getLogger(__name__)


def anchor_log(location: Location, folder: Path | None = None) -> Path:
    """Where the heads of a store are put down: beside the file, or in ``folder`` for a database server.

    Without a folder a server's are in :func:`coverage.store.locate.folder_of_server`.
    """
    if location.path is not None and folder is None:
        return location.path.with_name(f"{location.path.stem}.heads.log")
    return (folder or folder_of_server()) / f"{location.name}.heads.log"


def backup(
    store: SqliteStore | PostgisStore,
    target: Path,
    *,
    into_folder: bool = False,
    log: Path | None = None,
    force: bool = False,
    clock: Clock = utc_now,
) -> BackupReceipt:
    """Write a backup of what is committed now; writers go on meanwhile.

    ``target``: a file, or a folder in which the file is named by time and head; with ``into_folder`` it is a folder
    also where there is none yet, which is made. ``log``: the anchor log to append the
    head to. ``force`` replaces a file of that name.

    Raises ConflictError when the file exists, StorageError when it cannot be written or the ledger is damaged; then
    nothing new is left behind.
    """
    now = clock()
    into_folder = into_folder or target.is_dir()
    folder = target if into_folder else target.parent
    if not into_folder and target.exists() and not force:
        raise _exists(target)
    with _writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f".{target.name if not into_folder else store.label}.{os.getpid()}.partial"
        try:
            _copy_out(store, partial)
            head, counts = check_backup(partial)
            if into_folder:
                stamp = now.strftime("%Y%m%dT%H%M%SZ")
                target = folder / f"{Path(store.label).stem}-{stamp}-{head.seq:06d}.sqlite"
                if target.exists() and not force:
                    raise _exists(target)
            durable.flush_file(partial)
            sha256 = _file_sha256(partial)
            os.replace(partial, target)
            durable.flush_folder(folder)
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
    if log is not None:
        write_anchor(log, head, at=now, event="backup")
    return BackupReceipt(target, head, counts, sha256)


def check_backup(path: Path) -> tuple[Head, dict[str, int]]:
    """(head, rows by table) of a backup. Raises FileFormatError when it is damaged or its chain does not hold."""
    if not path.is_file():
        raise NotFoundError(
            "backup-not-found",
            f"バックアップ {path.name} がありません。場所を確かめてください。",
            f"There is no backup {path.name}; check the place.",
        )
    try:
        with SqliteStore(path, create=False, migrate=False, read_only=True) as saved:
            problems = saved.integrity_problems()
            report = saved.verify_audit()
            counts = dict(saved.counts())
    except StorageError as problem:
        raise _damaged(path, problem.code) from problem
    if problems or not report.ok:
        raise _damaged(path, problems[0] if problems else report.findings[0].code)
    return report.head, counts


def restore(
    source: Path,
    url: str,
    *,
    force: bool = False,
    log: Path | None = None,
    clock: Clock = utc_now,
) -> BackupReceipt:
    """Put a backup in the place of a store, whole or not at all; the schema is then brought up to date.

    ``force`` replaces a ledger that is there; what was there is saved first, beside it (for a database server: in the
    folder of ``log``, else where :func:`anchor_log` puts its heads). Restoring an older state is written to the anchor log, so that
    ``verify-audit`` knows that the later part of the chain was given up on purpose.

    Raises NotFoundError, FileFormatError for a damaged backup, ConflictError when a ledger is there and ``force`` is
    not given, StorageError when the place cannot be written. In each case the place is as it was.
    """
    head, counts = check_backup(source)
    location = Location.parse(url)
    now = clock()
    if location.path is not None:
        _restore_file(source, location.path, force=force, now=now)
        with SqliteStore(location.path, create=False, clock=clock) as restored:
            restored_head, restored_counts = restored.head(), dict(restored.counts())
    else:
        folder = log.parent if log is not None else folder_of_server()
        _restore_server(source, location, force=force, folder=folder, clock=clock)
        with PostgisStore(url, create=False, clock=clock) as server:
            restored_head, restored_counts = server.head(), dict(server.counts())
    differing = [name for name, number in counts.items() if restored_counts.get(name) != number]
    if restored_head != head or differing:
        raise StorageError(
            "restore-differs",
            f"復元した台帳がバックアップと一致しません（{'・'.join(differing) or '監査記録'}）。使わずに、管理者に知らせてください。",
            f"The restored ledger differs from the backup ({', '.join(differing) or 'audit head'}); do not use it and "
            "tell the administrator.",
        )
    if log is not None:
        write_anchor(log, head, at=now, event="restore")
    return BackupReceipt(location.path or Path(location.name), head, restored_counts, _file_sha256(source))


def put_down_head(head: Head, log: Path, *, name: str, clock: Clock = utc_now) -> None:
    """Append a head to the anchor log and to the program's log; to be done once a day. ``name``: the store's."""
    write_anchor(log, head, at=clock(), event="daily")
    _LOG.info("audit head of %s: %s", one_line(name), head)


def verify(url: str, *, log: Path | None = None, extra: tuple[Head, ...] = ()) -> AuditReport:
    """Verify a store's chain against its anchor log and ``extra`` anchors."""
    anchors = read_anchors(log) if log is not None else ()
    with contextlib.closing(open_store(url, create=False, migrate=False)) as store:
        return store.verify_audit((*anchors, *extra))


def _copy_out(store: SqliteStore | PostgisStore, partial: Path) -> None:
    partial.unlink(missing_ok=True)
    if isinstance(store, SqliteStore):
        store.vacuum_into(partial)
        return
    with store._read() as session:
        try:
            copy_to_sqlite(session, partial, version=store.schema_version)
        except sqlite3.Error as problem:
            raise _cannot_write(partial.parent, str(problem)) from problem


def _restore_file(source: Path, target: Path, *, force: bool, now: datetime) -> None:
    present = target.exists() and target.stat().st_size > 0
    if present and not force:
        raise _exists(target)
    with _writing_to(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        if not present:
            partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
            try:
                shutil.copyfile(source, partial)
                os.chmod(partial, 0o600)
                durable.flush_file(partial)
                os.replace(partial, target)
                durable.flush_folder(target.parent)
            finally:
                with contextlib.suppress(OSError):
                    partial.unlink(missing_ok=True)
            return
        stamp = instant_text(now).translate({ord(c): None for c in "-:."})
        kept = target.with_name(f"{target.stem}.before-restore.{stamp}.sqlite")
        try:
            with SqliteStore(target, create=False) as present_store:
                present_store.vacuum_into(kept)
                durable.flush_file(kept)
                # Page by page inside one transaction of the target: others that have it open see the old ledger or
                # the new one, and a crash leaves the old one. Exchanging the file under them would do neither.
                present_store.replace_content(source)
        except (FileFormatError, StorageError) as problem:
            if problem.code not in ("store-damaged", "not-a-ledger"):
                raise
            _move_aside(target, kept)
            _restore_file(source, target, force=False, now=now)


def _move_aside(target: Path, kept: Path) -> None:
    """A file that SQLite cannot read is kept as it is, with the files that belong to it."""
    kept.unlink(missing_ok=True)
    for suffix in ("-wal", "-shm", ""):
        part = target.with_name(target.name + suffix)
        if part.exists():
            os.replace(part, kept.with_name(kept.name + suffix))


def _restore_server(source: Path, location: Location, *, force: bool, folder: Path, clock: Clock) -> None:
    with PostgisStore(location.url, clock=clock, backup_dir=folder) as server:
        if server.head().seq > 0:
            if not force:
                raise _exists(Path(location.name))
            backup(server, folder, clock=clock)
        with SqliteStore(source, create=False, migrate=False, read_only=True) as saved:
            version = saved.schema_version
        server.replace_content(source, version=version)


@contextmanager
def _writing_to(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise _cannot_write(folder, problem.strerror or str(problem)) from problem


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _exists(target: Path) -> ConflictError:
    return ConflictError(
        "target-exists",
        f"{target.name} はすでにあります。別の場所を指定するか、置き換えてよければ --force を付けてください。",
        f"{target.name} exists already; name another place, or add --force to replace it.",
    )


def _damaged(path: Path, why: str) -> FileFormatError:
    return FileFormatError(
        "backup-damaged",
        f"バックアップ {path.name} は壊れているか、書き換えられています（{one_line(why, limit=120)}）。別のバックアップを使ってください。",
        f"The backup {path.name} is damaged or was changed ({one_line(why, limit=120)}); use another one.",
    )


def _cannot_write(folder: Path, why: str) -> StorageError:
    return StorageError(
        "backup-not-written",
        f"{folder.name or folder} に書き込めません（{one_line(why, limit=120)}）。空きと書き込みの権利を確かめてください。"
        "これまでのファイルはそのままです。",
        f"{folder.name or folder} cannot be written ({one_line(why, limit=120)}); check space and rights. Existing "
        "files are as they were.",
    )
