"""A plan made by a process of its own, watched from outside: start, look, cancel.

The process is the same command that a person would type (``coverage-gap plan make``), so that a page never computes and
a crash of the solver takes nothing else with it. Its answer, or its error, is the last line of its standard output
(:mod:`coverage.services.jobs`).
"""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from coverage.errors import ConflictError, NotFoundError
from coverage.services import jobs
from coverage.services.access import Action, Object, Principal, Resource, Role, authorise
from coverage.services.context import AppContext
from coverage.services.jobs import State
from coverage.services.plan_documents import PLANS
from coverage.services.plan_options import request_words
from coverage.services.plan_request import PlanRequest

KIND = "plan"
AT_ONCE = 2
"""Plans that one server computes at the same time; each uses every core for the reach of its candidates."""
_KEPT_S = 3600.0
"""How long an ended job waits for somebody to look at it."""


@dataclass(frozen=True)
class JobState:
    """``fraction`` 0–1; ``value``, ``bound`` and ``gap`` None until the solver has them. ``plan_id`` when done; ``ja``
    and ``en`` say why where it failed."""

    state: State
    fraction: float = 0.0
    text: str = ""
    value: float | None = None
    bound: float | None = None
    gap: float | None = None
    plan_id: str = ""
    ja: str = ""
    en: str = ""


_lock = threading.Lock()


def start_plan(context: AppContext, request: PlanRequest, *, principal: Principal) -> str:
    """Start a process that makes the plan; returns the job's id.

    Raises PermissionDeniedError, InputError for a request that cannot be meant, ConflictError while as many plans are
    being made as this server makes at once.
    """
    authorise(principal, Action.COMPUTE, Resource(Object.SCENARIO))
    request.check()
    root = _root(context)
    with _lock:
        # What a crash left, and what nobody asked for.
        jobs.sweep(root, keep_s=_KEPT_S)
        if sum(job.state == "running" for job in jobs.listing(root, KIND)) >= AT_ONCE:
            raise ConflictError(
                "plan-jobs-busy",
                f"いま {AT_ONCE} 件の計画を計算中です。終わってからもう一度始めてください。",
                f"{AT_ONCE} plans are being made right now; start again when one has ended.",
            )
        return jobs.start(
            KIND,
            lambda folder: _command(context, request, folder),
            root=root,
            owner=principal.user_id,
            environment=_environment(context),
        )


def own_plans(context: AppContext, *, principal: Principal) -> list[str]:
    """Ids of the jobs that ``principal`` started and nobody has dropped yet, newest first: for a page loaded anew."""
    authorise(principal, Action.COMPUTE, Resource(Object.SCENARIO))
    return [job.job_id for job in jobs.listing(_root(context), KIND) if job.owner == principal.user_id]


def job_state(job_id: str, context: AppContext | None = None) -> JobState:
    """Where a job stands. Raises NotFoundError for one that this server did not start, and with ``context`` only for
    one that no server on the same runs folder did."""
    job = _found(job_id, context)[1]
    said = job.said
    value, bound, gap = (_number(said.get(name)) for name in ("value", "bound", "gap"))
    state = JobState(job.state, job.fraction, job.text, value, bound, gap)
    if job.state in ("running", "cancelled"):
        return state
    if job.state == "done" and "plan_id" in job.answer:
        return JobState("done", 1.0, job.text, value, bound, gap, plan_id=str(job.answer["plan_id"]))
    ended = f"（終了コード {job.returncode}）" if job.returncode is not None else ""
    code = f" (exit code {job.returncode})" if job.returncode is not None else ""
    return JobState(
        "failed", job.fraction, job.text, value, bound, gap,
        ja=str(job.error.get("ja") or f"計画の計算が途中で終わりました{ended}。管理者に知らせてください。"),
        en=str(job.error.get("en") or f"The planning process ended early{code}; tell an administrator."),
    )  # fmt: skip


def cancel_plan(job_id: str, *, principal: Principal, context: AppContext | None = None) -> None:
    """End a job's process with all that it started. Its starter may, and an administrator."""
    root, job = _found(job_id, context)
    authorise(principal, Action.COMPUTE, Resource(Object.SCENARIO))
    if principal.user_id != job.owner and principal.role is not Role.ADMIN:
        raise _unknown()
    jobs.cancel(root, job_id)


def forget_plan(job_id: str, context: AppContext | None = None) -> None:
    """Drop an ended job with its files."""
    try:
        root, _ = _found(job_id, context)
    except NotFoundError:
        return
    jobs.forget(root, job_id)


def _root(context: AppContext) -> Path:
    return context.runs_folder.resolve() / PLANS


def _found(job_id: str, context: AppContext | None) -> tuple[Path, jobs.Job]:
    found = jobs.find(job_id)
    if found is None and context is not None:
        job = jobs.look(_root(context), job_id)
        found = None if job is None else (_root(context), job)
    if found is None or found[1].kind != KIND:
        raise _unknown()
    return found


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _command(context: AppContext, request: PlanRequest, folder: Path) -> list[str]:
    words = [
        sys.executable, "-m", "coverage.cli.job", str(folder), "plan", "make", "--json",
        f"--region={context.region_folder.resolve()}", f"--runs={context.runs_folder.resolve()}",
        f"--progress-file={folder / 'progress.json'}", *request_words(request, folder),
    ]  # fmt: skip
    if context.layers_root is not None:
        words.append(f"--layers={context.layers_root.resolve()}")
    return words


def _environment(context: AppContext) -> dict[str, str]:
    return jobs.environment_of(context)


def _unknown() -> NotFoundError:
    return NotFoundError(
        "plan-job-not-found",
        "その計画の計算は見つかりません。もう一度始めてください。",
        "This planning job is not known; start it again.",
    )
