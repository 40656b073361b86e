"""Backups of the ledger: where they lie, which there are, taking one. Restoring is a command, typed on the server."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from coverage.errors import NotFoundError
from coverage.services.access import Action, Object, Principal, Resource, authorise
from coverage.services.context import AppContext
from coverage.services.stores import open_context_store, store_url
from coverage.settings import Settings
from coverage.store import backup as store_backup
from coverage.store.audit import read_anchors
from coverage.store.locate import Location, folder_of_server
from coverage.store.protocol import BackupReceipt

_BACKUP: Final = Resource(Object.BACKUP)
_NAME: Final = re.compile(r"^(?P<stem>.+)-(?P<at>\d{8}T\d{6}Z)-(?P<seq>\d{6,})\.sqlite$")
OVERDUE_DAYS: Final = 7
"""After that many days without a backup the page warns."""


@dataclass(frozen=True, slots=True)
class BackupFile:
    """One backup as its name tells: when it was taken (UTC) and up to which row of the chain it reaches."""

    name: str
    at: datetime
    seq: int
    bytes: int


@dataclass(frozen=True, slots=True)
class BackupPlace:
    """Where backups of this ledger go and where the heads of its chain are put down."""

    folder: Path
    anchor_log: Path
    store: str
    """What messages call the ledger; never a password."""
    anchors: int
    """Heads that were put down so far."""

    @property
    def told(self) -> Path:
        """The folder as a page names it: below the folder that server and commands work in without the way there."""
        here = Path.cwd().resolve()
        return self.folder.relative_to(here) if self.folder.is_relative_to(here) else self.folder


def place_of(context: AppContext) -> BackupPlace:
    """Where a backup of the context's ledger goes (:func:`folder_of`), and the heads of its chain."""
    settings, location = Settings.from_environment(), Location.parse(store_url(context))
    log = settings.anchor_log or store_backup.anchor_log(location, settings.backups_folder)
    return BackupPlace(folder_of(location), log, location.name, len(read_anchors(log)))


def folder_of(location: Location) -> Path:
    """The folder of a ledger's backups, for page and command alike: COVERAGE_GAP_BACKUPS, else beside the ledger file; a
    database server's in ``backups`` beside the runs folder. Never where somebody happens to stand."""
    settings = Settings.from_environment()
    if settings.backups_folder is not None:
        return settings.backups_folder.resolve()
    return location.path.resolve().parent if location.path is not None else folder_of_server()


def backups(context: AppContext, *, principal: Principal) -> tuple[BackupFile, ...]:
    """The backups of this ledger in its folder, newest first. Other files there are passed over."""
    authorise(principal, Action.MANAGE, _BACKUP)
    place = place_of(context)
    if not place.folder.is_dir():
        return ()
    found = []
    for path in place.folder.iterdir():
        match = _NAME.match(path.name)
        if match is None or match["stem"] != Path(place.store).stem or not path.is_file():
            continue
        at = datetime.strptime(match["at"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        found.append(BackupFile(path.name, at, int(match["seq"]), path.stat().st_size))
    return tuple(sorted(found, key=lambda b: (b.at, b.seq), reverse=True))


def take_backup(context: AppContext, *, principal: Principal) -> BackupReceipt:
    """Back the ledger up while it is in use, read the backup back, and put its head down. Seconds to minutes."""
    authorise(principal, Action.MANAGE, _BACKUP)
    place = place_of(context)
    with open_context_store(context) as store:
        return store_backup.backup(store, place.folder, into_folder=True, log=place.anchor_log)


def read_backup(context: AppContext, name: str, *, principal: Principal) -> bytes:
    """The bytes of one of :func:`backups`. Raises NotFoundError for every other name, whatever it looks like."""
    authorise(principal, Action.DOWNLOAD, _BACKUP)
    if name not in {b.name for b in backups(context, principal=principal)}:
        raise NotFoundError(
            "backup-not-found",
            "そのバックアップはありません。一覧から選び直してください。",
            "There is no such backup; choose one of the list.",
        )
    return (place_of(context).folder / name).read_bytes()
