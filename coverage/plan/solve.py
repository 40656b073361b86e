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
from coverage.plan.exact import ExactResult, solve_exact, solve_linear
from coverage.plan.feasibility import Choice, InfeasibleError, broken_constraint, check_feasible
from coverage.plan.greedy import greedy_cost, greedy_coverage, prune
from coverage.plan.instance import Instance
from coverage.plan.lagrangian import Dual, Relaxation
from coverage.plan.model import CoverModel, build_model
from coverage.plan.reductions import Restricted, decided_by, dominated, restrict
from coverage.plan.verify import proven_bound

SolveStatus = Literal["optimal", "gap-reached", "time-limit", "cancelled"]

SMALL_LINEAR = 60_000
"""Entries up to which the linear relaxation is solved outright; its duals are the sharpest multipliers there are."""
SMALL_EXACT = 120_000
"""Entries of a reduced model up to which branch and bound is worth starting; its linear relaxation grows steeply."""
SMALL_KERNEL = 40_000
"""The same for the kernel, which only has to yield plans."""


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
        self.certified: int | None = None
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
        if self.certified is not None:
            # What the written multipliers prove replaces what their unrounded form promised.
            known = [self.certified]
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
        spent_money = int(model.capacity[0]) < 0 <= int(self.model.capacity[0])
        if (spent_money or model.p < 0 <= self.model.p) and self.columns is not None:
            # Settling what every better plan must hold has used up the limit: there is no better plan.
            self.solver_bound = self.value
            return True
        result = self._branch(smaller, seconds)
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
        elif math.isfinite(result.bound) and self.columns is not None:
            proven = self.bound_of(result.bound)
            if result.status == "optimal" and result.columns is not None and self.gap_wanted == 0:
                # Ended within less than one step: its own plan, counted in whole numbers, is what it has proven best.
                columns = smaller.widen(result.columns)
                if broken_constraint(self.instance, self.model.plan_of(columns)) is None:
                    proven = self.model.cost_of(columns) if self.minimise else self.model.value_of(columns)
            # The reduced model holds every strictly better plan; the plan in hand is the other possibility.
            proven = min(proven, self.value) if self.minimise else max(proven, self.value)
            old = self.solver_bound
            self.solver_bound = proven if old is None else (max(old, proven) if self.minimise else min(old, proven))
        self.tell("branch-and-bound", always=True)
        return True

    def _branch(self, smaller: Restricted, seconds: float) -> ExactResult:
        """Branch and bound on a smaller model; better plans are kept as they are found."""

        def heard(columns: NDArray[np.int64] | None, _bound: float) -> None:
            if columns is not None:
                self.offer(smaller.widen(columns))
            self.tell("branch-and-bound")

        def stop() -> bool:
            if self._cancelled():
                self.was_cancelled = True
            return self.was_cancelled

        start = None if self.columns is None else smaller.narrow(self.columns)
        result = solve_exact(
            smaller.model, start=start, time_limit=min(seconds, max(0.05, self.left())), gap=self.gap_wanted,
            step=self.step, seed=self.seed, progress=heard, cancelled=stop,
        )  # fmt: skip
        if result.columns is not None:
            self.offer(smaller.widen(result.columns))
        return result

    def anneal(self, proposals: int, *, cycle: int, round_number: int) -> None:
        """Simulated annealing over all columns that the bound does not rule out."""
        model = self.model
        drop = ~model.possible
        if self.dual is not None and self.columns is not None and not self.minimise:
            drop |= decided_by(model, self.dual, self.value, self.step)[1]
            drop[self.columns] = False
        whole = restrict(model, take=np.zeros(model.n_columns, dtype=np.bool_), drop=drop)
        self._anneal_in(whole, proposals, cycle=cycle, round_number=round_number)

    def _anneal_in(self, smaller: Restricted, proposals: int, *, cycle: int, round_number: int) -> None:
        """Annealing in ``smaller``; in the min-cost problem for a plan one step cheaper that still serves the target."""
        model = smaller.model
        start = None if self.columns is None else smaller.narrow(self.columns)
        if start is None or not len(start) or model.n_columns <= 1:
            return
        from coverage.plan.local_search import Annealing

        capacity = model.capacity
        if self.minimise:
            limit = self.value - model.base_cost - self.step
            capacity = np.array([limit if model.capacity[0] < 0 else min(limit, int(model.capacity[0]))], dtype=np.int64)
            start = _cheaper_start(model, start, limit)
            if start is None:
                return
        seed = self.seed * 1_000_003 + round_number
        search = Annealing(model, start, seed=seed, capacity=capacity, cycle=cycle)
        chunk = max(1_000, min(cycle // 20, 50_000))
        for _ in range(0, proposals, chunk):
            better = search.step(chunk)
            if self.minimise:
                assert model.target is not None
                if search.best_value - model.base_value >= model.target:
                    self.offer(smaller.widen(prune(model, search.best_columns)))
                    return
            elif better:
                self.offer(smaller.widen(search.best_columns))
            self.tell("annealing")
            if self.done():
                break

    def kernel(self, threshold: float, *, proposals: int, seconds: float, round_number: int) -> None:
        """Search among the columns that the relaxation wants (and those of the best plan) only.

        The kernel is a few hundred columns even of thousands, so annealing is many times faster on it, and branch and
        bound often ends. What it finds is a plan, never a bound: the rest of the columns is out of sight.
        """
        if self.dual is None or self.columns is None:
            return
        model = self.model
        keep = (self.dual.average > threshold) & model.possible
        keep[self.columns] = True
        wanted_units = np.unique(model.unit[keep])
        for unit in wanted_units:
            above = int(model.parent[unit])
            while above >= 0:
                keep |= (model.unit == above) & model.possible
                above = int(model.parent[above])
        smaller = restrict(model, take=np.zeros(model.n_columns, dtype=np.bool_), drop=~keep)
        if proposals:
            self._anneal_in(smaller, proposals, cycle=proposals, round_number=round_number)
        if self.done() or len(smaller.model.idx) > SMALL_KERNEL:
            return
        self._branch(smaller, seconds)

    def run(self, time_limit: float) -> None:
        """Cheap steps first; annealing, which has to be compiled or loaded, only where they leave a gap."""
        self.tell("start", always=True)
        self.greedy()
        self.lagrangian(300)
        self.linear()
        if self.columns is None:
            self.exact(math.inf)
        if self.columns is None or self.done():
            return
        compiled = sparse.use_compiled(len(self.model.idx))
        self.kernel(0.01, proposals=1_000_000 if compiled else 0, seconds=max(1.0, 0.08 * time_limit), round_number=0)
        if self.done():
            return
        self.lagrangian(300)
        if not self.done():
            self.exact(max(2.0, 0.25 * time_limit))
        round_number, cycle = 1, 1_000_000
        thresholds = (0.01, 0.002, 0.03)
        while not self.done():
            before = self.value
            self.anneal(cycle, cycle=cycle, round_number=round_number)
            if not self.done():
                self.kernel(
                    thresholds[round_number % 3], proposals=cycle, seconds=0.15 * max(0.0, self.left()),
                    round_number=1_000 + round_number,
                )  # fmt: skip
            if not self.done() and (round_number <= 2 or self.value != before):
                self.lagrangian(400)
                if not self.done():
                    self.exact(0.4 * max(0.0, self.left()))
            round_number += 1
            cycle = min(16_000_000, cycle * 2)

    def status(self) -> SolveStatus:
        if self.gap() == 0:
            return "optimal"
        if self.was_cancelled:
            return "cancelled"
        return "gap-reached" if self.good_enough() else "time-limit"


def _cheaper_start(model: CoverModel, columns: NDArray[np.int64], limit: int) -> NDArray[np.int64] | None:
    """``columns`` less those that are missed least, until they cost no more than ``limit``; None where none may go."""
    kept = list(columns)
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
    return np.array(sorted(kept), dtype=np.int64) if kept else None


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
    if run.dual is None:
        run.keep(run.relaxation.dual(run.relaxation.w * 0.5))
    assert run.dual is not None
    proof = multipliers(run.model, run.dual)
    run.certified = proven_bound(instance, proof)
    if not run.done():
        # Rounding the multipliers cost the last step of the proof: branch and bound makes it.
        run.exact(run.left())
    plan = run.model.plan_of(run.columns)
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
