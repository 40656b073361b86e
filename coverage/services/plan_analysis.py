"""What stands beside the best plan: near-optimal others, the worth of each site, a second objective, bad radio weather.

Each function returns plain JSON values for the plan's document. Counted values are in people, households and shelters,
not in the solver's scaled units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coverage.plan.alternatives import Alternative, find_alternatives, marginal_values
from coverage.plan.feasibility import Choice
from coverage.plan.instance import Instance
from coverage.plan.pareto import budget_front, pareto_front
from coverage.plan.solve import PlanResult
from coverage.plan.uncertainty import (
    AveragePlan,
    Percentiles,
    Reach,
    draw_reach,
    percentiles,
    plan_on_average,
    plan_over_draws,
)
from coverage.plan.verify import served_value
from coverage.services.plan_ground import Ground, PlanRequest, error_sigmas_db

FURTHER_SITES = 10
"""Sites that are not in the plan but listed with what they would add."""
LONGEST_S = 30.0
"""Longest search for further plans, and for the front, in seconds; never longer than the solver's own limit."""
FRONT_POINTS = 12
COST = "cost"
FRONT_EIGHTHS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12)
"""Budgets of a front of cost, in eighths of the planner's."""


def analysis(
    ground: Ground,
    request: PlanRequest,
    result: PlanResult,
    *,
    progress: Callable[[float, str], None] = lambda fraction, text: None,
) -> dict[str, Any]:
    """``alternatives`` and ``marginal``, and what the request asked for of ``pareto`` and ``uncertainty``."""
    out: dict[str, Any] = {"marginal": _marginal(ground, result)}
    progress(0.0, "代替案 / alternatives")
    out["alternatives"] = _alternatives(ground, request, result)
    progress(0.4, "二つの目的 / two objectives")
    out["pareto"] = None
    if request.pareto:
        out["pareto"] = _cost_front(ground, request, result) if request.pareto == COST else _pareto(ground, request, result.instance)
    progress(0.6, "不確かさ / uncertainty")
    out["uncertainty"] = (
        _uncertainty(ground, request, result, lambda done: progress(0.6 + 0.4 * done / request.draws, "不確かさ / uncertainty"))
        if request.draws
        else None
    )
    return out


def _alternatives(ground: Ground, request: PlanRequest, result: PlanResult) -> dict[str, Any]:
    found = find_alternatives(
        result,
        count=request.alternatives,
        epsilon=request.epsilon,
        distance=request.distance,
        time_limit=min(LONGEST_S, request.time_limit_s),
        seed=request.seed,
    )
    scale = result.instance.weight_scale
    return {
        "epsilon": found.epsilon,
        "distance": found.distance,
        "bound": found.bound / scale,
        "complete": found.complete,
        "plans": [_alternative(ground, result, plan) for plan in found.plans],
    }


def _alternative(ground: Ground, result: PlanResult, other: Alternative) -> dict[str, Any]:
    scale = result.instance.weight_scale
    change = _counts(other.served_change, scale)
    cost, best_cost = ground.cost(other.plan), ground.cost(result.plan)
    cost_change = {payer: cost[payer] - best_cost[payer] for payer in cost}
    gained, given_up = ([_named(ground, j) for j in sites] for sites in (other.gained_sites, other.given_up_sites))
    return {
        "sites": [_named(ground, j) for j, _ in other.plan],
        "value": other.value / scale,
        "below_bound": other.below_bound,
        "nearest": other.nearest,
        "served": _counts(other.served, scale),
        "cost": cost,
        "gained": gained,
        "given_up": given_up,
        "served_change": change,
        "cost_change": cost_change,
        "municipality_change": other.group_change,
        **_trade(gained, given_up, change, cost_change["total_yen"]),
    }


def _trade(
    gained: Sequence[Mapping[str, str]], given_up: Sequence[Mapping[str, str]], change: Mapping[str, float], yen: int
) -> dict[str, str]:
    """What a further plan trades, in one sentence a language."""
    new, old = ("、".join(s["name"] for s in sites) or "—" for sites in (gained, given_up))
    figures = tuple(round(change[name]) for name in ("people", "households", "shelters"))
    ja = "人 {:+,}、世帯 {:+,}、避難所 {:+,}".format(*figures)
    en = "people {:+,}, households {:+,}, shelters {:+,}".format(*figures)
    return {
        "ja": f"{old} の代わりに {new}：最良の計画に比べて {ja}、総事業費 {yen:+,} 円。",
        "en": f"{new} instead of {old}: against the best plan {en}, total cost {yen:+,} yen.",
    }


def _marginal(ground: Ground, result: PlanResult) -> dict[str, Any]:
    """Worth of each site beside the plan: what is lost without it, or what it would add."""
    scale = result.instance.weight_scale
    values = marginal_values(result.instance, result.plan)
    rows: list[dict[str, Any]] = [
        {
            **_named(ground, v.site),
            "worth": _counts(v.by_objective, scale),
            "reach": v.reach / scale,
            "prefecture_yen": v.cost,
            "per_million_yen": None if v.per_million_yen is None else v.per_million_yen / scale,
        }
        for v in values
    ]
    chosen = sum(v.chosen for v in values)
    return {"chosen": rows[:chosen], "next": [r for r in rows[chosen:] if r["reach"] > 0][:FURTHER_SITES]}


def _pareto(ground: Ground, request: PlanRequest, instance: Instance) -> dict[str, Any]:
    front = pareto_front(
        instance,
        request.objective,
        request.pareto,
        points=FRONT_POINTS,
        time_limit=min(LONGEST_S, request.time_limit_s),
        seed=request.seed,
    )
    scale = instance.weight_scale
    return {
        "first": front.first_objective,
        "second": front.second_objective,
        "complete": front.complete,
        "points": [
            {
                "first": p.first / scale,
                "second": p.second / scale,
                "cost": ground.cost(p.plan),
                "proven": p.proven,
                "sites": [_named(ground, j) for j, _ in p.plan],
            }
            for p in front.points
        ],
    }


def _cost_front(ground: Ground, request: PlanRequest, result: PlanResult) -> dict[str, Any]:
    """What smaller and larger budgets buy: one certified plan each, those left out that buy no more than a smaller one."""
    assert request.budget_yen is not None
    instance, scale = result.instance, result.instance.weight_scale
    budgets = {request.budget_yen * part // 8 for part in FRONT_EIGHTHS}
    seconds = min(LONGEST_S, request.time_limit_s) / len(FRONT_EIGHTHS)
    # The plan itself is one of the points; it had more time than the others.
    others = budget_front(instance, sorted(budgets - {request.budget_yen}), time_limit=seconds, gap=request.gap, seed=request.seed)
    points: list[dict[str, Any]] = []
    for found in sorted([*others, result], key=lambda r: r.instance.budget or 0):
        cost = ground.cost(found.plan)
        if points and found.value / scale <= points[-1]["first"]:
            continue
        before = points[-1] if points else None
        more_yen = cost["prefecture_yen"] - (before["cost"]["prefecture_yen"] if before else 0)
        more = found.value / scale - (before["first"] if before else 0.0)
        points.append(
            {
                "budget_yen": found.instance.budget,
                "first": found.value / scale,
                "second": cost["prefecture_yen"],
                "bound": found.bound / scale,
                "gap": found.gap,
                "proven": found.gap <= 1e-9,
                "cost": cost,
                "more_per_million_yen": round(more * 1e6 / more_yen, 3) if more_yen > 0 else None,
                "sites": [_named(ground, j) for j, _ in found.plan],
            }
        )
    return {"first": request.objective, "second": COST, "complete": all(p["proven"] for p in points), "points": points}


def _uncertainty(
    ground: Ground, request: PlanRequest, result: PlanResult, done: Callable[[int], None]
) -> dict[str, Any]:
    site, link, threshold = error_sigmas_db(ground.data, request)
    indptr, indices, margin = _links_of_demand(ground)
    plan: Iterable[Choice] = result.plan

    def reaches() -> Iterator[Reach]:
        return draw_reach(
            indptr, indices, margin, draws=request.draws, seed=request.seed,
            site_sigma_db=site, link_sigma_db=link, threshold_sigma_db=threshold,
        )  # fmt: skip

    found = plan_over_draws(
        result.instance, plan, reaches(), time_limit=min(10.0, request.time_limit_s), seed=request.seed, progress=done
    )
    average = plan_on_average(
        result.instance, plan, reaches, time_limit=min(LONGEST_S, request.time_limit_s), gap=request.gap, seed=request.seed
    )
    scale = result.instance.weight_scale
    often = [j for j in np.argsort(-found.frequency, kind="stable").tolist() if found.frequency[j] >= 0.5]
    shown = sorted({*often[: 2 * FURTHER_SITES], *result.sites}, key=lambda j: (-found.frequency[j], j))
    return {
        "draws": found.draws,
        "seed": request.seed,
        "sigma_db": {"site": round(site, 3), "link": round(link, 3), "threshold": threshold},
        "objective": request.objective,
        "plan": _percentiles(found.plan, scale),
        "best": _percentiles(found.best, scale),
        "regret": _percentiles(found.regret, scale),
        "mean": round(float(average.given.mean()) / scale, 3),
        "on_average": _on_average(ground, result, average),
        "largest_gap": found.largest_gap,
        "robust": [_named(ground, j) for j in found.robust_sites],
        "frequency": [
            {**_named(ground, j), "share": round(float(found.frequency[j]), 4), "in_plan": j in result.sites} for j in shown
        ],
    }


def _on_average(ground: Ground, result: PlanResult, average: AveragePlan) -> dict[str, Any]:
    """The plan that serves most on average over the draws, beside the plan itself.

    ``median_world``: what it serves where the model has no error, in which nothing serves more than the plan itself.
    """
    scale, instance = result.instance.weight_scale, result.instance
    plan = list(average.plan)
    sites, own = {j for j, _ in plan}, set(result.sites)
    return {
        "same": sorted(plan) == sorted(result.plan),
        "mean": round(float(average.values.mean()) / scale, 3),
        **_percentiles(percentiles(average.values.tolist()), scale),
        "median_world": round(served_value(instance, plan) / scale, 3),
        "draws_sought": average.sought,
        "bound": round(average.bound / scale, 3),
        "gap": average.gap,
        "cost": ground.cost(plan),
        "sites": [_named(ground, j) | {"fiscal_year": ground.years[year or 0]} for j, year in plan],
        "gained": [_named(ground, j) for j in sorted(sites - own)],
        "given_up": [_named(ground, j) for j in sorted(own - sites)],
    }


def _links_of_demand(ground: Ground) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    """Coverage lists of demand numbers, ascending per candidate, each with its dB above the edge."""
    lists, margins = [], []
    for pixel, margin in ground.links:
        numbers = ground.demand.number_of_pixel[pixel]
        kept = np.flatnonzero(numbers >= 0)
        order = kept[np.argsort(numbers[kept], kind="stable")]
        lists.append(numbers[order])
        margins.append(margin[order])
    indptr = np.zeros(len(lists) + 1, dtype=np.int64)
    np.cumsum([len(part) for part in lists], out=indptr[1:])
    return indptr, np.concatenate(lists).astype(np.int32), np.concatenate(margins)


def _named(ground: Ground, site: int) -> dict[str, str]:
    candidate = ground.candidates[site]
    return {"candidate_id": candidate.candidate_id, "name": candidate.name}


def _counts(scaled: Mapping[str, int], scale: int) -> dict[str, float]:
    return {name: round(value / scale, 3) for name, value in scaled.items()}


def _percentiles(values: Percentiles, scale: int) -> dict[str, float]:
    return {name: round(value / scale, 3) for name, value in asdict(values).items()}
