"""Not one plan but several: near-optimal, at a stated distance from each other, with what they trade.

Every plan within ε of the bound is a candidate: sites that the Lagrangian shows to be in no such plan are left out
exactly, and each further plan must give up at least ``distance`` sites of every earlier one. Where the model stays too
large for branch and bound, annealing looks for such plans instead; the result says which.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coverage.errors import InputError
from coverage.plan.exact import ExtraRow, solve_exact
from coverage.plan.feasibility import Choice, broken_constraint
from coverage.plan.instance import Instance
from coverage.plan.lagrangian import Relaxation
from coverage.plan.model import CoverModel, build_model
from coverage.plan.reductions import Restricted, decided_by, restrict
from coverage.plan.solve import SMALL_EXACT, PlanResult
from coverage.plan.verify import served_value


@dataclass(frozen=True)
class Alternative:
    """A plan beside the best one. Changes are against the best plan: positive means more."""

    plan: tuple[Choice, ...]
    value: int
    cost: int
    served: dict[str, int]
    gained_sites: tuple[int, ...]
    given_up_sites: tuple[int, ...]
    served_change: dict[str, int]
    cost_change: int
    group_change: dict[str, int]
    """Sites per group (municipality) that differ in number."""
    below_bound: float
    """How far the value may be from the best possible: (bound - value) ÷ bound, or (cost - bound) ÷ cost."""
    nearest: int
    """Sites that the most similar of the other plans has and this one has not, or the other way round if more."""


@dataclass(frozen=True)
class Alternatives:
    """``complete`` is true when the search ended by itself: there is no further plan within ε at that distance."""

    plans: tuple[Alternative, ...]
    epsilon: float
    distance: int
    bound: int
    complete: bool


def plan_distance(a: tuple[Choice, ...], b: tuple[Choice, ...]) -> int:
    """Sites that one plan has and the other has not, the larger of the two counts. Years do not matter."""
    first, second = {site for site, _ in a}, {site for site, _ in b}
    return max(len(first - second), len(second - first))


def find_alternatives(
    best: PlanResult,
    *,
    count: int = 3,
    epsilon: float = 0.02,
    distance: int = 1,
    time_limit: float = 30.0,
    seed: int = 1,
    cancelled: Callable[[], bool] = lambda: False,
) -> Alternatives:
    """Up to ``count`` plans whose value is within ``epsilon`` of ``best.bound``, best first.

    Each gives up at least ``distance`` sites of the best plan and of every other one. Raises InputError for a distance
    below 1 or an epsilon outside 0–1.
    """
    if distance < 1 or not 0 <= epsilon <= 1 or count < 0:
        raise InputError(
            "plan-alternatives-range",
            "代替案は distance を1以上、epsilon を0〜1、count を0以上で指定してください。",
            "Alternatives need a distance of at least 1, an epsilon between 0 and 1, and a count of at least 0.",
        )
    instance, deadline = best.instance, time.monotonic() + time_limit
    model = build_model(instance)
    limit = _limit(best, epsilon)
    smaller = _near_optimal(model, best, limit)
    plans: list[tuple[Choice, ...]] = [best.plan]
    complete = True
    for number in range(count):
        left = deadline - time.monotonic()
        if left <= 0 or cancelled():
            complete = False
            break
        found, proven = _next(smaller, plans, distance, left / (count - number), seed + number, cancelled)
        if found is None or not _within(instance, found, limit):
            complete = proven
            break
        plans.append(found)
    else:
        complete = False
    return Alternatives(
        tuple(_describe(best, plan, plans) for plan in plans[1:]), epsilon, distance, best.bound, complete
    )


def _limit(best: PlanResult, epsilon: float) -> int:
    """Least value, or highest cost, that still counts as near-optimal."""
    if best.instance.target is None:
        return int(np.ceil(best.bound * (1 - epsilon) - 1e-9))
    return int(np.floor(best.bound * (1 + epsilon) + 1e-9))


def _objective(instance: Instance, plan: tuple[Choice, ...]) -> int:
    if instance.target is None:
        return served_value(instance, list(plan))
    return instance.cost([site for site, _ in plan])


def _within(instance: Instance, plan: tuple[Choice, ...], limit: int) -> bool:
    value = _objective(instance, plan)
    return value >= limit if instance.target is None else value <= limit


def _near_optimal(model: CoverModel, best: PlanResult, limit: int) -> Restricted:
    """The model without columns that no plan as good as ``limit`` can hold."""
    columns = model.columns_of(list(best.plan))
    relaxation = Relaxation(model)
    dual = relaxation.improve(relaxation.start(columns), lambda: float(best.value), iterations=300)
    worse = limit - 1 if best.instance.target is None else limit + 1
    drop = decided_by(model, dual, worse)[1] | ~model.possible
    drop[columns] = False
    return restrict(model, take=np.zeros(model.n_columns, dtype=np.bool_), drop=drop)


def _next(
    smaller: Restricted,
    plans: list[tuple[Choice, ...]],
    distance: int,
    seconds: float,
    seed: int,
    cancelled: Callable[[], bool],
) -> tuple[tuple[Choice, ...] | None, bool]:
    """The best plan far enough from all others, and whether its being the best (or there being none) is proven."""
    model = smaller.model
    sites = model.site[model.unit]
    rows = []
    for plan in plans:
        names = np.array([site for site, _ in plan if site not in model.base_sites], dtype=np.int64)
        if len(names) < distance:
            return None, True
        rows.append(ExtraRow(low=-np.inf, high=float(len(names) - distance), columns=np.isin(sites, names).astype(float)))
    if len(model.idx) > SMALL_EXACT:
        return _by_annealing(smaller, plans, distance, seconds, seed, cancelled), False
    result = solve_exact(model, time_limit=seconds, seed=seed, extra=tuple(rows), cancelled=cancelled)
    if result.columns is None:
        return None, result.status == "infeasible"
    return tuple(model.plan_of(result.columns)), result.status == "optimal"


def _by_annealing(
    smaller: Restricted,
    plans: list[tuple[Choice, ...]],
    distance: int,
    seconds: float,
    seed: int,
    cancelled: Callable[[], bool],
) -> tuple[Choice, ...] | None:
    """Bar ``distance`` sites of every earlier plan, drawn among those missed least, and search with the rest."""
    from coverage.plan.local_search import Annealing

    model = smaller.model
    rng = np.random.default_rng([seed, len(plans)])
    deadline = time.monotonic() + seconds
    start = model.columns_of(list(plans[0]))
    barred: set[int] = set()
    for plan in plans:
        names = [site for site, _ in plan if site not in model.base_sites]
        lost = {v.site: v.marginal for v in marginal_values(model.instance, plan) if v.chosen}
        order = sorted(names, key=lambda site: lost[site] * rng.uniform(0.7, 1.3))
        missing = distance - len(barred & set(names))
        barred |= set([site for site in order if site not in barred][: max(0, missing)])
    allowed = ~np.isin(model.site[model.unit], list(barred))
    kept = start[allowed[start]]
    if not len(kept) or broken_constraint(model.instance, model.plan_of(kept)) is not None:
        return None
    search = Annealing(model, kept, seed=seed, allowed=allowed)
    while time.monotonic() < deadline and not cancelled():
        search.step(50_000)
        if search.steps_done >= 2_000_000:
            break
    found = tuple(model.plan_of(search.best_columns))
    return found if broken_constraint(model.instance, list(found)) is None else None


def _describe(best: PlanResult, plan: tuple[Choice, ...], all_plans: list[tuple[Choice, ...]]) -> Alternative:
    instance = best.instance
    sites, base = [site for site, _ in plan], best.sites
    served, served_best = instance.served_by_objective(sites), instance.served_by_objective(base)
    value, cost = _objective(instance, plan), instance.plan_cost(plan)
    group_change: dict[str, int] = {}
    if instance.group is not None:
        for number, name in enumerate(instance.group_names):
            change = sum(int(instance.group[j]) == number for j in sites)
            change -= sum(int(instance.group[j]) == number for j in base)
            if change:
                group_change[name] = change
    return Alternative(
        plan=plan,
        value=value,
        cost=cost,
        served=served,
        gained_sites=tuple(sorted(set(sites) - set(base))),
        given_up_sites=tuple(sorted(set(base) - set(sites))),
        served_change={name: served[name] - served_best[name] for name in served},
        cost_change=cost - best.cost,
        group_change=group_change,
        below_bound=abs(best.bound - value) / max(1, best.bound, value),
        nearest=min(plan_distance(plan, other) for other in all_plans if other != plan),
    )


@dataclass(frozen=True)
class SiteValue:
    """What one site is worth beside a plan. ``marginal``: what would be lost without it (chosen), or what it would add."""

    site: int
    chosen: bool
    marginal: int
    by_objective: dict[str, int]
    reach: int
    """Scaled weight that the site reaches, whoever else does."""
    cost: int

    @property
    def per_million_yen(self) -> float | None:
        """Marginal weight per 1,000,000 yen; None for a site that costs nothing."""
        return self.marginal * 1e6 / self.cost if self.cost else None


def marginal_values(instance: Instance, plan: tuple[Choice, ...] | list[Choice]) -> list[SiteValue]:
    """The value of every site that is not excluded, most valuable first within chosen and not chosen.

    Counted when the whole plan stands (at the end of its years).
    """
    counts: NDArray[np.int64] = np.zeros(instance.n_demand, dtype=np.int64)
    chosen = dict(plan)
    for site in chosen:
        counts[instance.reach(site)] += 1
    barred = set(instance.excluded.tolist())
    out = []
    for site in range(instance.n_sites):
        if site in barred:
            continue
        rows = instance.reach(site)
        own = rows[counts[rows] == (1 if site in chosen else 0)]
        by_objective = {
            name: int(weights[own].sum()) for name, weights in zip(instance.objectives, instance.weights, strict=True)
        }
        marginal, reach = by_objective[instance.objective], int(instance.w[rows].sum())
        cost = instance.cost_in(site, chosen[site]) if site in chosen else int(instance.costs[site])
        out.append(SiteValue(site, site in chosen, marginal, by_objective, reach, cost))
    return sorted(out, key=lambda v: (not v.chosen, -v.marginal, v.site))
