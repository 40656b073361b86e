"""Use case of planning: from the published run and the ledger to a plan with a bound, its money and its words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from coverage.domain.money import default_rules_text
from coverage.errors import InputError
from coverage.plan.solve import Progress as SolveProgress
from coverage.plan.solve import solve
from coverage.readers.subsidy_rules import read_subsidy_rules
from coverage.runs.folder import open_run
from coverage.runs.result import RunResult
from coverage.services.compute import chosen_run
from coverage.services.context import AppContext
from coverage.services.plan_analysis import analysis
from coverage.services.plan_documents import (
    PLANS,
    candidates_of,
    keep_plan,
    list_plans,
    open_plan,
    plan_document,
)
from coverage.services.plan_ground import Progress, instance_of, prepare
from coverage.services.plan_request import PlanRequest

__all__ = [
    "PLANS", "PlanRequest", "candidates_of", "list_plans", "make_plan", "open_plan", "plan_run", "subsidy_rule_names", "subsidy_rules_text",
    "verify_plan",
]  # fmt: skip


def make_plan(
    context: AppContext,
    request: PlanRequest,
    *,
    run_id: str | None = None,
    progress: Progress = lambda fraction, text: None,
    solving: Callable[[SolveProgress, int], None] = lambda step, scale: None,
    workers: int = 0,
) -> dict[str, Any]:
    """Plan the next sites against a run (default: the published one); returns and keeps the plan's document.

    Kept under ``runs/plans/<id>``: plan.json, instance.npz, certificate.json, sites.geojson, candidates.geojson and
    served.npz. ``solving`` is
    told the solver's steps with the scale of its values. Raises InputError for a request that cannot be meant, and what
    the solver says of one that cannot be fulfilled.
    """
    request.check()
    run = chosen_run(context, run_id)
    progress(0.0, "レイヤーを読む / reading layers")
    ground = prepare(context, run, request, workers=workers, progress=lambda f, t: progress(0.6 * f, t))
    instance = instance_of(ground, request)
    progress(0.6, "最適化 / optimising")

    def step(now: SolveProgress) -> None:
        progress(0.6 + 0.25 * min(1.0, now.seconds / max(request.time_limit_s, 1e-9)), f"最適化 / {now.phase}")
        solving(now, instance.weight_scale)

    result = solve(instance, time_limit=request.time_limit_s, gap=request.gap, seed=request.seed, progress=step)
    further = analysis(ground, request, result, progress=lambda f, t: progress(0.85 + 0.14 * f, t))
    document = plan_document(ground, request, result, further)
    return keep_plan(context, document, result, ground)


def subsidy_rules_text(context: AppContext, *, shipped: bool = False) -> str:
    """The table of subsidy rules that plans of the region use, or the one that ships. InputError where it is broken."""
    return default_rules_text() if shipped else read_subsidy_rules(context.region_folder).text


def subsidy_rule_names(context: AppContext, lang: str) -> dict[str, str]:
    """The rules' names by their ids, as the region's table has them; none where the table cannot be read any more."""
    try:
        table = read_subsidy_rules(context.region_folder).rules
    except InputError:
        return {}
    return {rule.id: rule.name.en if lang == "en" else rule.name.ja for rule in table.rules}


def plan_run(context: AppContext, document: Mapping[str, Any]) -> RunResult:
    """The run that a plan was made against."""
    return open_run(context.runs_folder, str(document["run_id"]))


def verify_plan(context: AppContext, plan_id: str) -> int:
    """Check a kept plan's certificate without a solver; the bound that it proves, in scaled units.

    Raises InputError "plan-certificate-wrong" naming the claim that does not hold, NotFoundError without such a plan.
    """
    from coverage.plan.certificate import read_certificate
    from coverage.plan.instance_files import read_instance
    from coverage.plan.verify import verify

    folder = Path(open_plan(context, plan_id)["folder"])
    certificate = read_certificate(folder / "certificate.json")
    verify(certificate, read_instance(folder / "instance.npz"))
    return int(certificate["certified_bound"])
