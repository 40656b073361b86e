"""A run computed in the background: started from a page, watched after a reload, cancelled, and published if wanted.

One at a time in one runs folder: a second is told who computes there. The process is
:mod:`coverage.services.compute_task`; what the job's folder says survives the page and the server
(:mod:`coverage.services.jobs`).
"""

from __future__ import annotations

import logging
import sys
import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from coverage.errors import NotFoundError, StorageError
from coverage.runs import lock
from coverage.runs.result import RunResult
from coverage.services import compute, jobs
from coverage.services.access import Action, Object, Principal, Resource, Role, authorise
from coverage.services.compute import COMPUTING, run_in_progress
from coverage.services.context import AppContext
from coverage.services.jobs import State

KIND = "run"
FILES = "files"
"""The kind of a job that makes the public files of a published run; nobody watches it."""
_KEPT_S = 24 * 3600.0
"""How long an ended job may be looked at."""


@dataclass(frozen=True)
class RunJob:
    """``fraction`` 0–1; ``text`` "日本語 / English". ``run_id`` when done; ``ja`` and ``en`` say why where it failed."""

    job_id: str
    owner: str
    started_at: datetime
    state: State
    publish: bool
    fraction: float = 0.0
    text: str = ""
    run_id: str = ""
    published: bool = False
    ja: str = ""
    en: str = ""


_lock = threading.Lock()
_log = logging.getLogger(__name__)


def start_run(
    context: AppContext, principal: Principal, *, publish: bool = False, force: bool = False
) -> str:
    """Start a process that computes the region; returns the job's id. ``publish``: also publish what it computes.

    Raises PermissionDeniedError, ConflictError "run-in-progress" while another is computed in the same runs folder (by a
    page or by the command), StorageError where the folder cannot be written.
    """
    authorise(principal, Action.COMPUTE, Resource(Object.RUN))
    if publish:
        authorise(principal, Action.PUBLISH, Resource(Object.RUN))
    root = _root(context)
    with _lock:
        for job in jobs.listing(root, KIND):
            if job.state == "running":
                raise run_in_progress({"by": job.owner, "since": job.started_at.isoformat()})
        holder = lock.holder(root / COMPUTING)
        if holder is not None:
            raise run_in_progress(holder)
        # The last one's outcome has been seen, or is overtaken now; and what a crash left goes with it.
        jobs.sweep(root)
        return _start(context, principal, KIND, publish=publish, force=force)


def publish_run(context: AppContext, principal: Principal, run_id: str) -> RunResult:
    """Make a run that is there public at once; the files that ``/api/v1`` offers are made behind, by the same process
    that makes them after ``start_run(publish=True)``.

    Raises what :func:`coverage.services.compute.publish_run` does.
    """
    run = compute.publish_run(context, run_id, principal=principal)
    # Nobody comes back to such a job: what earlier publications left goes with the next.
    jobs.sweep(_root(context), keep_s=_KEPT_S)
    try:
        _start(context, principal, FILES, run_id=run_id)
    except StorageError as error:
        # It is public; only the first reader of each file will wait for it.
        _log.warning("files of run %s are not made ahead: %s", run_id, error.en)
    return run


def _start(context: AppContext, principal: Principal, kind: str, **request: object) -> str:
    root = _root(context)
    return jobs.start(
        kind,
        _command,
        root=root,
        owner=principal.user_id,
        environment=jobs.environment_of(context),
        request={
            "region_folder": str(context.region_folder.resolve()),
            "runs_folder": str(root),
            "layers_root": None if context.layers_root is None else str(context.layers_root.resolve()),
            "role": principal.role.value,
            **request,
        },
    )


def current(context: AppContext, principal: Principal) -> RunJob | None:
    """The job that runs, or the last one that ended and nobody has dropped; None where there is none."""
    authorise(principal, Action.COMPUTE, Resource(Object.RUN))
    root = _root(context)
    found = jobs.listing(root, KIND)
    if found and all(job.state != "running" for job in found):
        # Ended jobs that nobody came back to.
        jobs.sweep(root, keep_s=_KEPT_S)
        found = jobs.listing(root, KIND)
    return _seen(root, found[0]) if found else None


def state(context: AppContext, job_id: str) -> RunJob:
    """Where a job stands. Raises NotFoundError for one that is not known in the context's runs folder."""
    root = _root(context)
    job = jobs.look(root, job_id)
    if job is None or job.kind != KIND:
        raise _unknown()
    return _seen(root, job)


def cancel(context: AppContext, job_id: str, principal: Principal) -> None:
    """End a job with every process that it started. Its starter may, and an administrator."""
    authorise(principal, Action.COMPUTE, Resource(Object.RUN))
    job = state(context, job_id)
    if principal.user_id != job.owner and principal.role is not Role.ADMIN:
        raise _unknown()
    jobs.cancel(_root(context), job_id)


def forget(context: AppContext, job_id: str, principal: Principal) -> None:
    """Drop an ended job with its files: its outcome has been read."""
    authorise(principal, Action.COMPUTE, Resource(Object.RUN))
    jobs.forget(_root(context), job_id)


def elsewhere(context: AppContext) -> str:
    """Who computes in this runs folder without being a job (somebody at the command line); "" for nobody."""
    root = _root(context)
    if any(job.state == "running" for job in jobs.listing(root, KIND)):
        return ""
    return str((lock.holder(root / COMPUTING) or {}).get("by") or "")


def _root(context: AppContext) -> Path:
    return context.runs_folder.resolve()


def _command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "coverage.services.compute_task", str(folder)]


def _seen(root: Path, job: jobs.Job) -> RunJob:
    request = jobs.request_of(root / f"{jobs.PREFIX}{job.job_id}")
    ja = en = ""
    if job.state == "failed":
        ja = str(
            job.error.get("ja")
            or "計算が途中で終わりました。もう一度始め、続くときは管理者に知らせてください。"
        )
        en = str(
            job.error.get("en")
            or "The computation ended early; start it again, and tell an administrator if it persists."
        )
    return RunJob(
        job_id=job.job_id,
        owner=job.owner,
        started_at=job.started_at,
        state=job.state,
        publish=bool(request.get("publish")),
        fraction=job.fraction,
        text=job.text,
        run_id=str(job.answer.get("run_id") or ""),
        published=bool(job.answer.get("published")),
        ja=ja,
        en=en,
    )


def _unknown() -> NotFoundError:
    return NotFoundError(
        "run-job-not-found",
        "その計算は見つかりません。画面を開き直し、必要ならもう一度始めてください。",
        "This computation is not known; open the page again and start it anew if needed.",
    )
