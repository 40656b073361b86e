"""A plan made by a process of its own, watched from outside: start, look, cancel.

The process is the same command that a person would type (``coverage-gap plan make``), so that a page never computes and
a crash of the solver takes nothing else with it. Its answer, or its error, is the last line of its standard output.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from coverage.errors import ConflictError, NotFoundError
from coverage.services.access import Action, Object, Principal, Resource, Role, authorise
from coverage.services.context import AppContext
from coverage.services.plan_documents import PLANS
from coverage.services.plan_ground import PlanRequest

AT_ONCE = 2
"""Plans that one server computes at the same time; each uses every core for the reach of its candidates."""
State = Literal["running", "done", "failed", "cancelled"]


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


@dataclass
class _Job:
    process: subprocess.Popen[bytes]
    folder: Path
    owner: str
    cancelled: bool = False


_jobs: dict[str, _Job] = {}
_lock = threading.Lock()


def start_plan(context: AppContext, request: PlanRequest, *, principal: Principal) -> str:
    """Start a process that makes the plan; returns the job's id.

    Raises PermissionDeniedError, InputError for a request that cannot be meant, ConflictError while as many plans are
    being made as this server makes at once.
    """
    authorise(principal, Action.COMPUTE, Resource(Object.SCENARIO))
    request.check()
    with _lock:
        if sum(job.process.poll() is None for job in _jobs.values()) >= AT_ONCE:
            raise ConflictError(
                "plan-jobs-busy",
                f"いま {AT_ONCE} 件の計画を計算中です。終わってからもう一度始めてください。",
                f"{AT_ONCE} plans are being made right now; start again when one has ended.",
            )
        job_id = uuid.uuid4().hex
        folder = context.runs_folder.resolve() / PLANS / f".job-{job_id}"
        folder.mkdir(parents=True)
        with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
            process = subprocess.Popen(
                _command(context, request, folder), stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                env=_environment(context), start_new_session=os.name != "nt",
            )  # fmt: skip
        _jobs[job_id] = _Job(process, folder, principal.user_id)
    return job_id


def job_state(job_id: str) -> JobState:
    """Where a job stands. Raises NotFoundError for one that this server did not start."""
    job = _job(job_id)
    said = _progress(job.folder)
    if job.process.poll() is None:
        return JobState("running", **said)
    if job.cancelled:
        return JobState("cancelled", **said)
    answer = _answer(job.folder)
    if job.process.returncode == 0 and "plan_id" in answer:
        return JobState("done", **{**said, "fraction": 1.0}, plan_id=str(answer["plan_id"]))
    error = answer.get("error", {})
    return JobState(
        "failed",
        **said,
        ja=str(error.get("ja") or f"計画の計算が途中で終わりました（終了コード {job.process.returncode}）。管理者に知らせてください。"),
        en=str(error.get("en") or f"The planning process ended early (exit code {job.process.returncode}); tell an administrator."),
    )


def cancel_plan(job_id: str, *, principal: Principal) -> None:
    """End a job's process with all that it started. Its starter may, and an administrator."""
    job = _job(job_id)
    authorise(principal, Action.COMPUTE, Resource(Object.SCENARIO))
    if principal.user_id != job.owner and principal.role is not Role.ADMIN:
        raise _unknown()
    if job.process.poll() is not None:
        return
    job.cancelled = True
    _end(job)


def forget_plan(job_id: str) -> None:
    """Drop an ended job with its files."""
    with _lock:
        job = _jobs.get(job_id)
        if job is None or job.process.poll() is None:
            return
        del _jobs[job_id]
    shutil.rmtree(job.folder, ignore_errors=True)


def _command(context: AppContext, request: PlanRequest, folder: Path) -> list[str]:
    words = [
        sys.executable, "-m", "coverage", "plan", "make", "--json",
        f"--region={context.region_folder.resolve()}", f"--runs={context.runs_folder.resolve()}",
        f"--progress-file={folder / 'progress.json'}", f"--objective={request.objective}",
        f"--site-cost={request.site_cost_yen}", f"--margin={request.margin_db}", f"--candidates={request.max_candidates}",
        f"--time={request.time_limit_s}", f"--gap={request.gap}", f"--seed={request.seed}",
        f"--alternatives={request.alternatives}", f"--epsilon={request.epsilon}", f"--distance={request.distance}",
        f"--draws={request.draws}", f"--threshold-error={request.threshold_error_db}",
    ]  # fmt: skip
    if context.layers_root is not None:
        words.append(f"--layers={context.layers_root.resolve()}")
    if request.budget_yen is not None:
        words.append(f"--budget={request.budget_yen}")
    if request.year_budgets:
        words.append("--years=" + ",".join(f"{fy}={yen}" for fy, yen in request.year_budgets))
    if request.sites is not None:
        words.append(f"--sites={request.sites}")
    if request.operator:
        words.append(f"--operator={request.operator}")
    if request.pareto:
        words.append(f"--pareto={request.pareto}")
    return words


def _environment(context: AppContext) -> dict[str, str]:
    """The store's address may hold a password: it travels in the environment, never on the command line."""
    # A Windows console's own code page cannot say every name; the answer is read as UTF-8.
    own = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    if context.store_url is not None:
        own["COVERAGE_GAP_STORE"] = context.store_url
    return own


@atexit.register
def _end_all() -> None:
    """A server that stops leaves no process behind that works for nobody."""
    for job in _jobs.values():
        if job.process.poll() is None:
            _end(job)


def _end(job: _Job) -> None:
    if os.name == "nt":
        job.process.terminate()
    else:
        with suppress(ProcessLookupError):
            os.killpg(job.process.pid, signal.SIGTERM)
    try:
        job.process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        job.process.kill()
        job.process.wait()


def _job(job_id: str) -> _Job:
    with _lock:
        job = _jobs.get(job_id)
    if job is None:
        raise _unknown()
    return job


def _unknown() -> NotFoundError:
    return NotFoundError(
        "plan-job-not-found",
        "その計画の計算は見つかりません。もう一度始めてください。",
        "This planning job is not known; start it again.",
    )


def _progress(folder: Path) -> dict[str, Any]:
    try:
        said: dict[str, Any] = json.loads((folder / "progress.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # Not written yet, or just being replaced.
        return {}
    return {k: said.get(k) for k in ("fraction", "text", "value", "bound", "gap")}


def _answer(folder: Path) -> dict[str, Any]:
    lines = (folder / "out").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    try:
        answer = json.loads(lines[-1]) if lines else {}
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
