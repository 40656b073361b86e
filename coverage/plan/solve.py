"""From an instance to a plan with a certificate: greedy, bound, fixing, annealing and branch and bound in turn.

Steps are counted, not timed, wherever they can be, so that one seed gives one plan as long as the time limit is not
what ends the work. Whatever ends it (gap reached, time, cancel), the best plan and the best bound so far are kept.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from coverage.plan import sparse
from coverage.plan.certificate import make_certificate, multipliers, value_step
from coverage.plan.exact import solve_exact, solve_linear
from coverage.plan.feasibility import Choice, InfeasibleError, broken_constraint, check_feasible
from coverage.plan.greedy import greedy_cost, greedy_coverage, prune
from coverage.plan.instance import Instance
from coverage.plan.lagrangian import Dual, Relaxation
from coverage.plan.model import CoverModel, build_model
from coverage.plan.reductions import Restricted, decided_by, dominated, restrict

SolveStatus = Literal["optimal", "gap-reached", "time-limit", "cancelled"]

SMALL_LINEAR = 60_000
"""Entries up to which the linear relaxation is solved outright; its duals are the sharpest multipliers there are."""
SMALL_EXACT = 400_000
"""Entries of a reduced model up to which branch and bound is worth starting."""


@dataclass(frozen=True)
class Progress:
    """Where a running solve stands. ``value`` None until there is a plan; ``gap`` relative, None likewise."""

    phase: str
    value: int | None
    bound: int | None
    gap: float | None
    seconds: float


@dataclass(frozen=True)
class PlanResult:
    """A plan and what is known about it. Values and bounds are in scaled weight units (yen in the min-cost problem)."""

    instance: Instance
    plan: tuple[Choice, ...]
    value: int
    cost: int
    certified_bound: int
    """Follows from the certificate's multipliers; anyone can check it."""
    solver_bound: int | None
    """What branch and bound says it has proven; None where it did not end."""
    status: SolveStatus
    seed: int
    seconds: float
    certificate: dict[str, Any] = field(repr=False)

    @property
    def sites(self) -> list[int]:
        return [site for site, _ in self.plan]

    @property
    def bound(self) -> int:
        """The sharper of the two bounds."""
        if self.solver_bound is None:
            return self.certified_bound
        pick = min if self.instance.target is None else max
        return pick(self.solver_bound, self.certified_bound)

    @property
    def gap(self) -> float:
        """|bound - value| ÷ the larger of the two, 0 when proven optimal."""
        return abs(self.bound - self.value) / max(1, self.value, self.bound)


class _Run:
    """One solve in progress: the best columns, the best multipliers and the best solver bound of one model."""

    def __init__(
        self,
        instance: Instance,
        *,
        time_limit: float,
        gap: float,
        seed: int,
        progress: Callable[[Progress], None] | None,
        cancelled: Callable[[], bool],
    ) -> None:
        self.instance, self.seed, self.gap_wanted = instance, seed, gap
        self.started = time.monotonic()
        self.deadline = self.started + time_limit
        self._progress, self._cancelled = progress, cancelled
        self.was_cancelled = False
        self.step = value_step(instance)
        self.minimise = instance.target is not None
        self.model = build_model(instance)
        self.columns: NDArray[np.int64] | None = None
        self.value = 0
        self.dual: Dual | None = None
        self.solver_bound: int | None = None
        self.relaxation = Relaxation(self.model)
        self._told = -math.inf

    # ---- book-keeping ------------------------------------------------------------------------------------------

    def left(self) -> float:
        return self.deadline - time.monotonic()

    def over(self) -> bool:
        if self._cancelled():
            self.was_cancelled = True
        return self.was_cancelled or self.left() <= 0

    def offer(self, columns: NDArray[Any] | None) -> bool:
        """Keep ``columns`` if they are allowed and better than the best so far."""
        if columns is None:
            return False
        columns = np.asarray(columns, dtype=np.int64)
        value = self.model.cost_of(columns) if self.minimise else self.model.value_of(columns)
        better = self.columns is None or (value < self.value if self.minimise else value > self.value)
        if not better or broken_constraint(self.instance, self.model.plan_of(columns)) is not None:
            return False
        self.columns, self.value = columns, value
        return True

    def bound_of(self, raw: float) -> int:
        """A whole bound from a float one, rounded to what values can be, on the safe side of rounding errors."""
        slip = 1e-6 + 1e-9 * abs(raw)
        if self.minimise:
            return math.ceil((raw - slip) / self.step) * self.step
        return math.floor((raw + slip) / self.step) * self.step

    def bound(self) -> int | None:
        known = [] if self.dual is None else [self.bound_of(self.dual.bound)]
        if self.solver_bound is not None:
            known.append(self.solver_bound)
        if not known:
            return None
        return max(known) if self.minimise else min(known)

    def gap(self) -> float | None:
        bound = self.bound()
        if bound is None or self.columns is None:
            return None
        return max(0, (self.value - bound) if self.minimise else (bound - self.value)) / max(1, self.value, bound)

    def good_enough(self) -> bool:
        gap = self.gap()
        return gap is not None and gap <= self.gap_wanted

    def done(self) -> bool:
        return self.good_enough() or self.over()

    def tell(self, phase: str, *, always: bool = False) -> None:
        now = time.monotonic()
        if self._progress is None or (not always and now - self._told < 0.2):
            return
        self._told = now
        value = self.value if self.columns is not None else None
        self._progress(Progress(phase, value, self.bound(), self.gap(), now - self.started))

    # ---- phases ------------------------------------------------------------------------------------------------

    def greedy(self) -> None:
        self.offer(greedy_cost(self.model) if self.minimise else greedy_coverage(self.model))
        self.tell("greedy", always=True)

    def keep(self, dual: Dual | None) -> None:
        if dual is not None and (
            self.dual is None or (dual.bound > self.dual.bound if self.minimise else dual.bound < self.dual.bound)
        ):
            self.dual = dual

    def lagrangian(self, iterations: int) -> None:
        """Sharpen the multipliers, from the best so far; then round the averaged primal solution to a plan."""
        first = self.relaxation.w * 0.5 if self.columns is None else self.relaxation.start(self.columns)
        start = first if self.dual is None else self.dual.lam

        def stop(dual: Dual | None) -> bool:
            self.keep(dual)
            self.tell("bound")
            return self.done()

        def incumbent() -> float:
            if self.columns is not None:
                return float(self.value)
            return 0.0 if not self.minimise else float(self.model.cost.sum() + self.model.base_cost)

        self.keep(self.relaxation.improve(start, incumbent, iterations=iterations, stop=stop))
        self.tell("bound", always=True)

    def round_average(self) -> None:
        """A plan from what the relaxation wants: greedy among those columns first, then among all."""
        if self.dual is None or self.minimise:
            return
        wanted = np.flatnonzero(self.dual.average > 0.3)
        take = np.zeros(self.model.n_columns, dtype=np.bool_)
        take[wanted] = True
        if not len(wanted) or not self.model.simple:
            return
        smaller = restrict(self.model, take=np.zeros_like(take), drop=self.dual.average < 0.02)
        inside = greedy_coverage(smaller.model)
        if inside is not None:
            self.offer(smaller.widen(inside))

    def linear(self) -> None:
        """The linear relaxation outright, where it is small: its duals are the best multipliers possible."""
        if len(self.model.idx) > SMALL_LINEAR or self.done():
            return
        found = solve_linear(self.model, time_limit=min(5.0, max(0.05, self.left())), seed=self.seed)
        if found is not None:
            self.keep(self.relaxation.dual(found[1]))
            self.tell("linear", always=True)

    def reduced(self) -> Restricted:
        """The model without dominated columns and without what the bound decides."""
        model = self.model
        take = np.zeros(model.n_columns, dtype=np.bool_)
        drop = take.copy()
        if self.dual is not None and self.columns is not None:
            take, drop = decided_by(model, self.dual, self.value, self.step)
        drop |= ~model.possible
        first = restrict(model, take=take & ~drop, drop=drop)
        second = restrict(first.model, take=np.zeros(first.model.n_columns, dtype=np.bool_), drop=dominated(first.model))
        return Restricted(second.model, first.columns[second.columns], first.taken)

    def exact(self, seconds: float) -> bool:
        """Branch and bound on what is left; True when it was worth starting."""
        smaller = self.reduced()
        model = smaller.model
        if len(model.idx) > SMALL_EXACT and self.columns is not None:
            return False
        if (model.capacity[0] < 0 <= self.model.capacity[0] or model.p < 0 <= self.model.p) and self.columns is not None:
            # Settling what every better plan must hold has used up the limit: there is no better plan.
            self.solver_bound = self.value
            return True
        start = None if self.columns is None else smaller.narrow(self.columns)

        def heard(columns: NDArray[np.int64] | None, bound: float) -> None:
            if columns is not None:
                self.offer(smaller.widen(columns))
            self.tell("branch-and-bound")

        def stop() -> bool:
            if self._cancelled():
                self.was_cancelled = True
            return self.was_cancelled

        result = solve_exact(
            model, start=start, time_limit=min(seconds, max(0.05, self.left())), gap=self.gap_wanted, step=self.step,
            seed=self.seed, progress=heard, cancelled=stop,
        )  # fmt: skip
        if result.status == "infeasible":
            if self.columns is None:
                raise InfeasibleError(
                    "plan-infeasible-together",
                    "各条件は単独では満たせますが、予算・箇所数・年度別予算・最低箇所数・必須・前提（requires）を同時に満たす計画はありません。",
                    "Each condition can be met alone, but no plan meets budget, count, year budgets, minima, forced sites "
                    "and requires together.",
                )
            # Everything strictly better has been ruled out.
            self.solver_bound = self.value
            return True
        if result.columns is not None:
            self.offer(smaller.widen(result.columns))
        if math.isfinite(result.bound) and self.columns is not None:
            proven = self.bound_of(result.bound)
            # The reduced model holds every strictly better plan; the plan in hand is the other possibility.
            proven = min(proven, self.value) if self.minimise else max(proven, self.value)
            old = self.solver_bound
            self.solver_bound = proven if old is None else (max(old, proven) if self.minimise else min(old, proven))
        self.tell("branch-and-bound", always=True)
        return True

    def anneal(self, proposals: int, *, cycle: int, round_number: int) -> None:
        """Simulated annealing; in the min-cost problem for a plan one step cheaper that still serves the target."""
        if self.columns is None or not len(self.columns) or self.model.n_columns <= 1:
            return
        from coverage.plan.local_search import Annealing

        model, seed = self.model, self.seed * 1_000_003 + round_number
        capacity, p = model.capacity, model.p
        start = self.columns
        if self.minimise:
            limit = self.value - model.base_cost - self.step
            capacity = np.array([limit if model.capacity[0] < 0 else min(limit, int(model.capacity[0]))], dtype=np.int64)
            start = self._cheaper_start(limit)
            if start is None:
                return
        search = Annealing(model, start, seed=seed, capacity=capacity, p=p, cycle=cycle)
        chunk = max(1_000, min(cycle // 20, 50_000))
        for _ in range(0, proposals, chunk):
            better = search.step(chunk)
            if self.minimise:
                assert model.target is not None
                if search.best_value - model.base_value >= model.target and self.offer(prune(model, search.best_columns)):
                    return
            elif better:
                self.offer(search.best_columns)
            self.tell("annealing")
            if self.done():
                break

    def _cheaper_start(self, limit: int) -> NDArray[np.int64] | None:
        """The best plan less the columns that are missed least, until it costs no more than ``limit``."""
        assert self.columns is not None
        model, kept = self.model, list(self.columns)
        while kept and int(model.cost[kept].sum()) > limit:
            counts = sparse.counts(model.ptr, model.idx, np.array(kept), model.n_rows)
            best, best_key = None, math.inf
            for c in kept:
                rows = model.idx[model.ptr[c] : model.ptr[c + 1]]
                unit, g = model.unit[c], int(model.group[model.unit[c]])
                held = g >= 0 and sum(int(model.group[model.unit[k]]) == g for k in kept) <= int(model.minimum[g])
                needed = any(int(model.parent[model.unit[k]]) == unit for k in kept)
                key = float(model.w[rows[counts[rows] == 1]].sum()) / max(1, int(model.cost[c]))
                if key < best_key and not held and not needed and model.cost[c] > 0:
                    best, best_key = c, key
            if best is None:
                return None
            kept.remove(best)
        return np.array(sorted(kept), dtype=np.int64)

    def run(self, time_limit: float) -> None:
        self.tell("start", always=True)
        self.greedy()
        self.lagrangian(300)
        if self.columns is not None:
            self.round_average()
        self.linear()
        if self.columns is None or not self.done():
            # A first, short try: most small instances end here, before anything has to be compiled.
            self.exact(max(2.0, 0.1 * time_limit) if self.columns is not None else math.inf)
        round_number, cycle = 0, 1_000_000
        searched = sparse.use_compiled(len(self.model.idx))
        while not self.done() and self.columns is not None:
            self.anneal(cycle, cycle=cycle, round_number=round_number)
            if self.done():
                break
            if round_number in (0, 2, 5):
                self.lagrangian(600 if not searched else 400)
                if not self.done():
                    self.exact((0.25 if round_number == 0 else 0.5) * max(0.0, self.left()))
            round_number += 1
            cycle = min(16_000_000, cycle * 2 if round_number % 2 == 0 else cycle)

    def status(self) -> SolveStatus:
        if self.gap() == 0:
            return "optimal"
        if self.was_cancelled:
            return "cancelled"
        return "gap-reached" if self.good_enough() else "time-limit"


def solve(
    instance: Instance,
    *,
    time_limit: float = 60.0,
    gap: float = 0.0,
    seed: int = 1,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> PlanResult:
    """The best plan found within ``time_limit`` seconds, with a checkable bound.

    Stops early when the relative gap is at most ``gap``. ``progress`` hears of phases, values and bounds; when
    ``cancelled`` returns true the best plan so far is returned. Raises InfeasibleError naming the constraint that
    cannot be met, and InputError where time ends before any plan was found.
    """
    check_feasible(instance)
    run = _Run(instance, time_limit=time_limit, gap=gap, seed=seed, progress=progress, cancelled=cancelled)
    run.run(time_limit)
    if run.columns is None:
        raise InfeasibleError(
            "plan-none-found",
            "時間内に条件を満たす計画が見つかりませんでした。時間を延ばすか条件を緩めてください。",
            "No plan that meets the conditions was found in time; allow more time or relax a condition.",
        )
    plan = run.model.plan_of(run.columns)
    if run.dual is None:
        run.keep(run.relaxation.dual(run.relaxation.w * 0.5))
    assert run.dual is not None
    proof = multipliers(run.model, run.dual)
    certificate = make_certificate(
        instance, plan, proof, seed=seed, status=run.status(), solver_bound=run.solver_bound, solver=_engine()
    )
    run.tell("done", always=True)
    return PlanResult(
        instance=instance,
        plan=tuple(plan),
        value=certificate["value"],
        cost=certificate["cost"],
        certified_bound=certificate["certified_bound"],
        solver_bound=run.solver_bound,
        status=run.status(),
        seed=seed,
        seconds=time.monotonic() - run.started,
        certificate=certificate,
    )


def _engine() -> str:
    from importlib import metadata

    return f"volume algorithm, simulated annealing, HiGHS {metadata.version('highspy')}"
