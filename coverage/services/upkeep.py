"""Upkeep of the ledger in the background: verifying the audit trail, taking a backup. One of each at a time.

The process is :mod:`coverage.services.upkeep_task`; what became of it stays until somebody has read it, also across a
reload of the page (:mod:`coverage.services.jobs`).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any, Final, Literal

from coverage.errors import ConflictError
from coverage.services import backups, jobs
from coverage.services.access import Action, Object, Principal, Resource, Role, authorise
from coverage.services.context import AppContext
from coverage.services.jobs import State
from coverage.services.stores import store_url
from coverage.store import backup as store_backup
from coverage.store.canonical import sha256_hex
from coverage.store.locate import Location

Work = Literal["verify", "backup"]
_FOLDER: Final = ".upkeep"
_KEPT_S: Final = 24 * 3600.0
_RIGHTS: Final[Mapping[Work, tuple[Action, Resource]]] = {
    "verify": (Action.VERIFY, Resource(Object.AUDIT)),
    "backup": (Action.MANAGE, Resource(Object.BACKUP)),
}
_lock = Lock()


@dataclass(frozen=True)
class Upkeep:
    """Where the work stands. ``answer`` when done (see :func:`verify` and :func:`take`); ``ja``, ``en`` why it failed."""

    work: Work
    job_id: str
    owner: str
    started_at: datetime
    state: State
    answer: Mapping[str, Any]
    ja: str = ""
    en: str = ""


def start(context: AppContext, work: Work, *, principal: Principal) -> str:
    """Start the work; returns the job's id. Raises PermissionDeniedError, ConflictError "upkeep-running"."""
    authorise(principal, *_RIGHTS[work])
    root = _root(context)
    with _lock:
        running = next((job for job in jobs.listing(root, work) if job.state == "running"), None)
        if running is not None:
            raise ConflictError(
                "upkeep-running",
                f"{running.owner} さんが始めた同じ作業が動いています。終わるのを待ってください。",
                f"{running.owner} has started the same work; wait until it ends.",
            )
        for job in jobs.listing(root, work):
            jobs.forget(root, job.job_id)
        return jobs.start(
            work,
            lambda folder: [sys.executable, "-m", "coverage.services.upkeep_task", str(folder)],
            root=root,
            owner=principal.user_id,
            environment=jobs.environment_of(context),
            request={
                "work": work,
                "role": principal.role.value,
                "region_folder": str(context.region_folder.resolve()),
                "runs_folder": str(context.runs_folder.resolve()),
            },
        )


def current(context: AppContext, work: Work, *, principal: Principal) -> Upkeep | None:
    """The work that runs, or the last that ended within a day and nobody dismissed."""
    authorise(principal, *_RIGHTS[work])
    root = _root(context)
    found = jobs.listing(root, work)
    if found and found[0].state != "running":
        jobs.sweep(root, keep_s=_KEPT_S)
        found = jobs.listing(root, work)
    if not found:
        return None
    job = found[0]
    ja = (
        job.error.get("ja")
        or f"作業が途中で終わりました（終了コード {job.returncode}）。もう一度始めてください。"
    )
    en = job.error.get("en") or f"The work ended early (exit code {job.returncode}); start it again."
    failed = job.state == "failed"
    return Upkeep(
        work,
        job.job_id,
        job.owner,
        job.started_at,
        job.state,
        job.answer,
        ja if failed else "",
        en if failed else "",
    )


def dismiss(context: AppContext, job_id: str, work: Work, *, principal: Principal) -> None:
    """Drop what became of it: it has been read."""
    authorise(principal, *_RIGHTS[work])
    jobs.forget(_root(context), job_id)


def perform(context: AppContext, work: Work, *, principal: Principal) -> dict[str, Any]:
    """Do the work here and now; what the process answers."""
    return take(context, principal=principal) if work == "backup" else verify(context, principal=principal)


def verify(context: AppContext, *, principal: Principal) -> dict[str, Any]:
    """Verify the chain against the anchors, and put its head down where all is well.

    Returns ``ok``, ``seq``, ``head``, ``entries``, ``rows``, ``files``, ``anchors`` and ``findings`` (code, seq, ja, en).
    """
    authorise(principal, *_RIGHTS["verify"])
    place = backups.place_of(context)
    report = store_backup.verify(store_url(context), log=place.anchor_log)
    if report.ok:
        store_backup.put_down_head(report.head, place.anchor_log, name=place.store)
    return {
        "ok": report.ok,
        "seq": report.head.seq,
        "head": report.head.hash,
        "entries": report.entries,
        "rows": report.rows,
        "files": report.contents,
        "anchors": report.anchors,
        "findings": [{"code": f.code, "seq": f.seq, "ja": f.ja, "en": f.en} for f in report.findings],
    }


def take(context: AppContext, *, principal: Principal) -> dict[str, Any]:
    """Take a backup; returns ``name``, ``seq``, ``head`` and ``sha256``."""
    receipt = backups.take_backup(context, principal=principal)
    return {
        "name": receipt.path.name,
        "seq": receipt.head.seq,
        "head": receipt.head.hash,
        "sha256": receipt.sha256,
    }


def principal_of(folder: Path) -> Principal:
    """Who started the job of that folder, with the role it was started in."""
    return Principal(jobs.owner_of(folder), Role(jobs.request_of(folder)["role"]))


def _root(context: AppContext) -> Path:
    """A folder of its own for each ledger: a verdict is never shown beside another ledger. No password goes in."""
    location = Location.parse(store_url(context))
    known = location.name if location.path is None else str(location.path.resolve())
    return context.runs_folder.resolve() / _FOLDER / sha256_hex(known)[:12]
