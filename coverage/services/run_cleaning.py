"""Making room: runs that nobody needs any more, footprints above a bound, and what crashed processes left."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from coverage.errors import ConflictError
from coverage.runs import folder, lock
from coverage.services import jobs
from coverage.services.access import Action, Object, Principal, Resource, authorise
from coverage.services.compute import CACHE_LIMIT_BYTES, COMPUTING, run_in_progress
from coverage.services.compute_jobs import FILES
from coverage.services.context import AppContext
from coverage.services.plan_documents import PLANS

KEEP_RUNS = 5
UNUSED_DAYS = 30.0


@dataclass(frozen=True)
class Cleaning:
    """What goes, or went: ids of runs, how many other files and folders, and the bytes before and after."""

    run_ids: tuple[str, ...]
    others: int
    before_bytes: int
    after_bytes: int

    @property
    def freed_bytes(self) -> int:
        return max(0, self.before_bytes - self.after_bytes)


def removable_runs(context: AppContext, *, keep: int = KEEP_RUNS) -> list[str]:
    """Ids of the runs that cleaning would remove, oldest first.

    What stays: every run that was ever published (``?as_of=`` is answered from them), every run that a plan was made on,
    and of the others the ``keep`` that were computed last.
    """
    runs = context.runs_folder
    needed = _needed(context)
    others = [run.run_id for run in folder.list_runs(runs) if run.run_id not in needed]
    others.sort(key=lambda run_id: ((runs / run_id / "run.json").stat().st_mtime_ns, run_id))
    return others[: max(0, len(others) - keep)]


def clean_runs(
    context: AppContext,
    principal: Principal,
    *,
    keep: int = KEEP_RUNS,
    cache_bytes: int = CACHE_LIMIT_BYTES,
    unused_days: float = UNUSED_DAYS,
) -> Cleaning:
    """Remove what :func:`removable_runs` names, terrains unused for ``unused_days``, the oldest footprints above
    ``cache_bytes`` and what killed processes left. Nothing that is needed for a published figure goes.

    Raises PermissionDeniedError, ConflictError "run-in-progress" or "plans-in-progress" while something is computed.
    """
    from coverage.runs.footprints import clean_work

    authorise(principal, Action.MANAGE, Resource(Object.DATASET))
    runs = context.runs_folder
    before = size_of(runs)
    if not runs.is_dir():
        return Cleaning((), 0, 0, 0)
    about = {"by": principal.user_id, "since": datetime.now(UTC).isoformat()}
    try:
        held = lock.Lock(runs / COMPUTING, about)
    except lock.HeldError as error:
        raise run_in_progress(error.holder) from None
    try:
        # Files are made of a published run only, and that stays.
        computing = [job for job in (*jobs.listing(runs / PLANS), *jobs.listing(runs)) if job.kind != FILES]
        if any(job.state == "running" for job in computing):
            raise ConflictError(
                "plans-in-progress",
                "計画などの計算が動いています。終わってから整理してください。",
                "A plan or a run is being computed; clean up when it has ended.",
            )
        with folder.publishing(runs, by=principal.user_id):
            # Nobody publishes a run between the choice and its going.
            gone = removable_runs(context, keep=keep)
            for run_id in gone:
                # Renamed first: nobody finds half a run.
                os.replace(runs / run_id, _leaving(runs, run_id))
        for run_id in gone:
            shutil.rmtree(_leaving(runs, run_id), ignore_errors=True)
        others = folder.mend(runs) + jobs.sweep(runs / PLANS) + jobs.sweep(runs)
        others += clean_work(
            runs / ".cache", keep=None, limit_bytes=cache_bytes, unused_s=unused_days * 24 * 3600.0
        )
    finally:
        held.release()
    return Cleaning(tuple(gone), others, before, size_of(runs))


def _leaving(runs: Path, run_id: str) -> Path:
    return runs / f".{run_id}.{os.getpid()}.part"


def size_of(place: Path) -> int:
    """Bytes of every file below a folder."""
    total = 0
    for base, _, names in os.walk(place):
        for name in names:
            try:
                total += os.lstat(os.path.join(base, name)).st_size
            except OSError:
                # Removed while we were counting.
                continue
    return total


def _needed(context: AppContext) -> set[str]:
    # The pointer forgets its oldest entries, and all of them when it was damaged; the history beside it forgets none.
    pointed = {entry["run_id"] for entry in folder.publications(context.runs_folder)}
    published = {publication.run_id for publication in folder.published_when(context.runs_folder)}
    return pointed | published | _planned_on(context.runs_folder / PLANS)


def _planned_on(plans: Path) -> set[str]:
    """Runs that a kept plan was made on, whatever release wrote the plan."""
    found: set[str] = set()
    for path in plans.glob("*/plan.json"):
        try:
            found.add(str(json.loads(path.read_text(encoding="utf-8"))["run_id"]))
        except (OSError, ValueError, KeyError, TypeError):
            # A damaged plan cannot be opened, with or without its run.
            continue
    return found
