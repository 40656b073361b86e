"""Two objectives at once: the plans of which neither can be improved without the other giving way.

The ε-constraint method (Haimes, Lasdon and Wismer 1971): maximise the first objective while the second must reach a
floor, then the second while the first keeps what it has, so that no point of the front is dominated. Raising the floor
from point to point gives the whole front; a coarser walk gives evenly spread points of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from coverage.errors import InputError
from coverage.plan.exact import ExactResult, ExtraRow, solve_exact
from coverage.plan.feasibility import Choice, check_feasible
from coverage.plan.instance import Instance
from coverage.plan.model import CoverModel, build_model
from coverage.plan.solve import PlanResult, solve


@dataclass(frozen=True)
class ParetoPoint:
    """``proven``: branch and bound ended, so no plan is at least as good in both objectives and better in one."""

    plan: tuple[Choice, ...]
    first: int
    second: int
    cost: int
    proven: bool


@dataclass(frozen=True)
class ParetoFront:
    """Points from the best in ``first_objective`` to the best in ``second_objective``.

    ``complete``: every point of the front is there, each proven; otherwise time or ``points`` ended the walk.
    """

    first_objective: str
    second_objective: str
    points: tuple[ParetoPoint, ...]
    complete: bool


class _Pair:
    """One merged model with two weights per row, and the exact solves on it."""

    def __init__(
        self, instance: Instance, first: str, second: str, deadline: float, seed: int, cancelled: Callable[[], bool]
    ) -> None:
        w = [instance.weights[instance.objectives.index(name)] for name in (first, second)]
        merged = build_model(instance, weights=w[0] + w[1])
        inside = merged.row_of_demand >= 0
        settled = merged.row_of_demand == -1
        self.models: list[CoverModel] = []
        for weights in w:
            rows = np.zeros(merged.n_rows, dtype=np.int64)
            np.add.at(rows, merged.row_of_demand[inside], weights[inside])
            self.models.append(replace(merged, w=rows, base_value=int(weights[settled].sum())))
        self._deadline, self._seed, self._cancelled = deadline, seed, cancelled

    def over(self) -> bool:
        return self._cancelled() or time.monotonic() >= self._deadline

    def values(self, columns: NDArray[np.int64]) -> tuple[int, int]:
        return self.models[0].value_of(columns), self.models[1].value_of(columns)

    def best(self, which: int, floor: int | None, start: NDArray[np.int64] | None = None) -> ExactResult:
        """Maximise objective ``which`` while the other one reaches ``floor``."""
        other = self.models[1 - which]
        extra: tuple[ExtraRow, ...] = ()
        if floor is not None:
            # Half a unit below, because HiGHS meets rows to a tolerance; values are whole numbers.
            low = float(floor - other.base_value) - 0.5
            extra = (ExtraRow(low=low, high=np.inf, weights=other.w.astype(np.float64)),)
        left = max(0.05, self._deadline - time.monotonic())
        return solve_exact(
            self.models[which], start=start, time_limit=left, seed=self._seed, extra=extra, cancelled=self._cancelled
        )

    def point(self, floor: int | None) -> ParetoPoint | None:
        """The point of the front with the most of the first objective where the second reaches ``floor``."""
        first = self.best(0, floor)
        if first.columns is None:
            return None
        value = self.values(first.columns)[0]
        second = self.best(1, value, start=first.columns)
        columns = first.columns if second.columns is None else second.columns
        model = self.models[0]
        a, b = self.values(columns)
        proven = first.status == "optimal" and second.status == "optimal"
        return ParetoPoint(tuple(model.plan_of(columns)), a, b, model.cost_of(columns), proven)


def pareto_front(
    instance: Instance,
    first: str,
    second: str,
    *,
    points: int | None = 20,
    time_limit: float = 120.0,
    seed: int = 1,
    progress: Callable[[ParetoPoint], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> ParetoFront:
    """The front of two objectives under the instance's own limits; ``points=None`` walks through every point.

    Raises InputError for unknown or equal objectives, for years and for min-cost instances.
    """
    if first == second or first not in instance.objectives or second not in instance.objectives:
        raise InputError(
            "plan-pareto-objectives",
            f"パレート図には異なる2つの目的を選んでください（ある目的: {'、'.join(instance.objectives)}）。",
            f"Choose two different objectives for the front (known: {', '.join(instance.objectives)}).",
        )
    if instance.n_years > 1 or instance.target is not None:
        raise InputError(
            "plan-pareto-variant",
            "パレート図は、年度別でない最大化の計画で使えます。",
            "The front is for coverage plans without years.",
        )
    if points is not None and points < 2:
        raise InputError(
            "plan-pareto-points", "パレート図の点数は2以上にしてください。", "The front needs at least 2 points."
        )
    check_feasible(instance)
    pair = _Pair(instance, first, second, time.monotonic() + time_limit, seed, cancelled)
    found: list[ParetoPoint] = []

    def add(point: ParetoPoint) -> None:
        found.append(point)
        if progress is not None:
            progress(point)

    start = pair.point(None)
    if start is None:
        raise InputError(
            "plan-none-found",
            "時間内に条件を満たす計画が見つかりませんでした。",
            "No plan that meets the conditions was found in time.",
        )
    add(start)
    most = pair.best(1, None)
    last = start.second if most.columns is None else pair.values(most.columns)[1]
    stride = 1 if points is None else max(1, -(-(last - start.second) // (points - 1)))
    complete = stride == 1 and most.status == "optimal"
    while found[-1].second < last and not pair.over():
        point = pair.point(min(last, found[-1].second + stride))
        if point is None:
            complete = False
            break
        add(point)
    complete = complete and found[-1].second >= last and all(point.proven for point in found)
    return ParetoFront(first, second, tuple(_undominated(found)), complete)


def _undominated(points: list[ParetoPoint]) -> list[ParetoPoint]:
    """Without points that another one equals or beats in both (possible only where a solve was cut short)."""
    kept: list[ParetoPoint] = []
    for point in sorted(points, key=lambda p: (-p.first, -p.second)):
        if not kept or point.second > kept[-1].second:
            kept.append(point)
    return kept


def budget_front(
    instance: Instance,
    budgets: Sequence[int],
    *,
    time_limit: float = 30.0,
    gap: float = 0.0,
    seed: int = 1,
    cancelled: Callable[[], bool] = lambda: False,
) -> list[PlanResult]:
    """What each budget buys: one certified plan per budget, ascending; ``time_limit`` is per budget."""
    if instance.target is not None or instance.year_budgets:
        raise InputError(
            "plan-budget-front-variant",
            "予算ごとの比較は、年度別でない最大化の計画で使えます。",
            "Budgets can be compared for coverage plans without years.",
        )
    if any(budget < 0 for budget in budgets):
        raise InputError("plan-budget-negative", "予算が負です。0以上にしてください。", "A budget is negative; it must be 0 or more.")
    out: list[PlanResult] = []
    for budget in sorted(set(budgets)):
        if cancelled():
            break
        out.append(
            solve(replace(instance, budget=int(budget)), time_limit=time_limit, gap=gap, seed=seed, cancelled=cancelled)
        )
    return out
