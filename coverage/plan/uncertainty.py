"""What a plan is worth when the radio model is wrong: plans over draws of the reach.

A draw is one possible world: every site's level shifted by its own error, every single link by its own shadowing, and
all together by an error of the threshold. In each draw other demand points are reached, and another plan may be best.
Sites chosen in at least 90 % of the draws are robust; P10, P50 and P90 say what a given plan serves in bad, middling
and good draws (P10: one draw in ten is at or below it). The best plan of the median world need not be the one that serves
most on average over the draws; :func:`plan_on_average` finds that one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coverage.errors import InputError
from coverage.plan.feasibility import Choice
from coverage.plan.instance import Instance
from coverage.plan.solve import PlanResult, solve
from coverage.plan.verify import served_value

Reach = tuple[NDArray[np.int64], NDArray[np.int32]]
"""(indptr, indices): coverage lists of one draw, ascending."""

ROBUST_SHARE = 0.9

MOST_LINKS = 20_000_000
"""Links over all draws together that the plan on average is sought with (80 MB of indices); draws beyond only judge it."""


@dataclass(frozen=True)
class Percentiles:
    """P10, P50, P90 over draws, each the value of an actual draw (scaled weight)."""

    p10: int
    p50: int
    p90: int


@dataclass(frozen=True)
class UncertainPlan:
    """``frequency`` share of draws in whose best plan each site is, float64 (n,). ``regret`` best of the draw less plan."""

    draws: int
    plan: Percentiles
    best: Percentiles
    regret: Percentiles
    frequency: NDArray[np.float64]
    robust_sites: tuple[int, ...]
    largest_gap: float
    """The widest relative gap among the draws' own plans: 0 when each was solved to optimality."""


@dataclass(frozen=True)
class AveragePlan:
    """The plan that serves most on average, and what it and the given plan serve in every draw (scaled weight)."""

    plan: tuple[Choice, ...]
    values: NDArray[np.int64]
    """int64 (draws,)."""
    given: NDArray[np.int64]
    """int64 (draws,): of the plan that it is compared with."""
    sought: int
    """Over how many of the draws, from the first on, it was sought."""
    bound: float
    """No plan serves more on average over the draws sought."""

    @property
    def gap(self) -> float:
        """How far below ``bound`` the plan may be, relative to it: 0 when nothing serves more on average."""
        mean = float(self.values[: self.sought].mean())
        return max(0.0, self.bound - mean) / max(1.0, self.bound)


def percentiles(values: Iterable[int]) -> Percentiles:
    """P10, P50 and P90 by nearest rank. Raises InputError for no values at all."""
    array = np.array(list(values), dtype=np.int64)
    if not array.size:
        raise InputError("plan-no-draws", "不確かさの試行が0回です。", "There are no draws.")
    found = np.percentile(array, [10, 50, 90], method="inverted_cdf")
    return Percentiles(*(int(value) for value in found))


def draw_reach(
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    margin_db: NDArray[Any],
    *,
    draws: int,
    seed: int,
    site_sigma_db: float = 0.0,
    link_sigma_db: float = 0.0,
    threshold_sigma_db: float = 0.0,
) -> Iterator[Reach]:
    """Coverage lists of ``draws`` possible worlds.

    ``margin_db`` (one per entry of ``indices``) is the median level less the class edge; entries below 0 are links that
    only a lucky draw makes. Give links down to about -2.5 sigma, or their luck is lost. Errors are Gaussian and
    independent: one per site, one per link, one for all. Draw k depends on ``seed`` and k only.
    """
    if min(site_sigma_db, link_sigma_db, threshold_sigma_db) < 0:
        raise InputError(
            "plan-sigma-negative", "標準偏差（dB）は0以上にしてください。", "Standard deviations (dB) must be 0 or more."
        )
    if len(margin_db) != len(indices) or not bool(np.isfinite(margin_db).all()):
        raise InputError(
            "plan-margin-shape",
            "margin_db は到達リストの要素ごとに1つの有限な値にしてください。",
            "margin_db must hold one finite number per entry of the coverage lists.",
        )
    sizes = np.diff(indptr)
    for number in range(draws):
        rng = np.random.default_rng([seed, number])
        shift = np.repeat(rng.normal(0.0, site_sigma_db, len(sizes)), sizes)
        shift += rng.normal(0.0, threshold_sigma_db)
        if link_sigma_db:
            shift += rng.normal(0.0, link_sigma_db, len(indices))
        kept = margin_db + shift >= 0
        running = np.concatenate(([0], np.cumsum(kept, dtype=np.int64)))
        yield running[indptr], indices[kept]


def plan_over_draws(
    instance: Instance,
    plan: Iterable[Choice],
    reaches: Iterable[Reach],
    *,
    time_limit: float = 10.0,
    gap: float = 0.0,
    seed: int = 1,
    progress: Callable[[int], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> UncertainPlan:
    """Judge ``plan`` in every draw and find each draw's own best plan (``time_limit`` seconds each).

    When cancelled, the draws done so far count. Raises InputError without any draw and for min-cost instances.
    """
    _refuse_min_cost(instance)
    fixed = list(plan)
    kept: list[int] = []
    best: list[int] = []
    frequency = np.zeros(instance.n_sites)
    widest = 0.0
    for number, (indptr, indices) in enumerate(reaches):
        if cancelled():
            break
        world = replace(instance, indptr=indptr, indices=indices)
        result: PlanResult = solve(world, time_limit=time_limit, gap=gap, seed=seed, cancelled=cancelled)
        kept.append(served_value(world, fixed))
        best.append(max(result.value, kept[-1]))
        frequency[result.sites if result.value >= kept[-1] else [site for site, _ in fixed]] += 1
        widest = max(widest, result.gap)
        if progress is not None:
            progress(number + 1)
    figures = percentiles(kept)
    frequency /= len(kept)
    robust = tuple(int(site) for site in np.flatnonzero(frequency >= ROBUST_SHARE - 1e-12))
    regret = percentiles(b - k for b, k in zip(best, kept, strict=True))
    return UncertainPlan(len(kept), figures, percentiles(best), regret, frequency, robust, widest)


def expected_instance(instance: Instance, reaches: Iterable[Reach]) -> Instance:
    """The instance whose best plan serves most on average over the draws (sample average approximation).

    Each draw's demand stands beside the others': k·m demand points. Its values and bounds are sums over the draws;
    divide by their number.
    """
    m, n = instance.n_demand, instance.n_sites
    lists: list[list[NDArray[np.int32]]] = [[] for _ in range(n)]
    draws = 0
    for number, (indptr, indices) in enumerate(reaches):
        for site in range(n):
            lists[site].append(indices[indptr[site] : indptr[site + 1]] + np.int32(number * m))
        draws = number + 1
    if not draws:
        raise InputError("plan-no-draws", "不確かさの試行が0回です。", "There are no draws.")
    rows = [np.concatenate(parts) for parts in lists]
    return replace(
        instance,
        weights=np.tile(instance.weights, (1, draws)),
        indptr=np.concatenate(([0], np.cumsum([len(r) for r in rows]))).astype(np.int64),
        indices=np.concatenate(rows).astype(np.int32),
        target=None if instance.target is None else instance.target * draws,
        demand_ids=None,
    )


def plan_on_average(
    instance: Instance,
    plan: Iterable[Choice],
    reaches: Callable[[], Iterable[Reach]],
    *,
    time_limit: float = 30.0,
    gap: float = 0.0,
    seed: int = 1,
    most_links: int = MOST_LINKS,
) -> AveragePlan:
    """The plan that serves most on average over the draws; ``plan`` itself where nothing better is found.

    ``reaches`` gives the same draws at each of its two calls. The plan is sought over as many draws as hold
    ``most_links`` links (one at least) and judged in all of them. Raises InputError without any draw and for min-cost.
    """
    _refuse_min_cost(instance)
    sought: list[Reach] = []
    links = 0
    for reach in reaches():
        links += len(reach[1])
        if sought and links > most_links:
            break
        sought.append(reach)
    result = solve(expected_instance(instance, sought), time_limit=time_limit, gap=gap, seed=seed)
    given, found = list(plan), [(site, year) for site, year in result.plan]
    rows = []
    for indptr, indices in reaches():
        world = replace(instance, indptr=indptr, indices=indices)
        rows.append((served_value(world, found), served_value(world, given)))
    values, kept = np.array(rows, dtype=np.int64).T
    if kept.sum() >= values.sum():
        found, values = given, kept
    return AveragePlan(tuple(found), values, kept, len(sought), result.bound / len(sought))


def _refuse_min_cost(instance: Instance) -> None:
    if instance.target is not None:
        raise InputError(
            "plan-uncertainty-variant",
            "不確かさの評価は最大化の計画で使えます。",
            "Uncertainty is judged for coverage plans.",
        )
