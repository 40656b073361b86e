"""The solver equals trying everything on thousands of tiny instances, and behaves under limits, seeds and cancel."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plan_cases import VARIANTS, best_by_trying, random_instance

from coverage.plan.feasibility import InfeasibleError, broken_constraint
from coverage.plan.instance import Instance, make_instance
from coverage.plan.solve import Progress, solve
from coverage.plan.verify import verify


def circles(n: int, m: int, seed: int, **fields: Any) -> Instance:
    """Sites and people uniform on a square, a circle reached by each site."""
    rng = np.random.default_rng(seed)
    sites, people = rng.random((n, 2)), rng.random((m, 2))
    near = ((sites[:, None] - people[None]) ** 2).sum(axis=2) < 0.12**2
    return make_instance(
        weights=rng.integers(1, 50, m), indptr=np.concatenate(([0], np.cumsum(near.sum(axis=1)))),
        indices=np.flatnonzero(near.ravel()) % m, costs=rng.integers(5, 40, n) * 1_000_000, **fields,
    )  # fmt: skip


def solved_as_by_trying(instance: Instance) -> bool:
    """Compare; True when the instance has a plan at all."""
    want = best_by_trying(instance)
    try:
        result = solve(instance, time_limit=20)
    except InfeasibleError:
        assert want is None, f"a plan worth {want} exists, but the solver says there is none"
        return False
    assert want is not None, "the solver found a plan where none is allowed"
    assert result.value == want
    assert result.status == "optimal"
    assert result.bound == want
    assert broken_constraint(instance, list(result.plan)) is None
    verify(result.certificate, instance)
    if instance.target is None:
        assert result.certified_bound >= want
    else:
        assert result.certified_bound <= want
    return True


@pytest.mark.parametrize("variant", VARIANTS)
def test_solver_equals_trying_everything(variant: str) -> None:
    feasible = sum(
        solved_as_by_trying(random_instance(np.random.default_rng([seed, VARIANTS.index(variant)]), variant))
        for seed in range(180)
    )
    assert feasible >= 60


@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), n=st.integers(1, 5), m=st.integers(1, 8))
def test_solver_equals_trying_everything_on_shapes_that_hypothesis_thinks_up(data: st.DataObject, n: int, m: int) -> None:
    lists = data.draw(st.lists(st.sets(st.integers(0, m - 1)), min_size=n, max_size=n).filter(any))
    weights = data.draw(st.lists(st.integers(0, 10**9), min_size=m, max_size=m).filter(any))
    costs = data.draw(st.lists(st.integers(0, 10**10), min_size=n, max_size=n))
    budget = data.draw(st.none() | st.integers(0, sum(costs)))
    p = data.draw(st.integers(0, n) if budget is None else st.none() | st.integers(0, n))
    instance = make_instance(
        weights=weights, indptr=np.concatenate(([0], np.cumsum([len(rows) for rows in lists]))),
        indices=np.array([row for rows in lists for row in sorted(rows)], dtype=np.int64), costs=costs, budget=budget, p=p,
    )  # fmt: skip
    assert solved_as_by_trying(instance)


def test_same_seed_same_plan_and_same_certificate() -> None:
    instance = circles(60, 1_500, 2, budget=160_000_000)
    first, second = solve(instance, time_limit=60, seed=3), solve(instance, time_limit=60, seed=3)
    assert first.status == "optimal"
    assert first.certificate == second.certificate


def test_another_seed_proves_the_same_value() -> None:
    instance = circles(60, 1_500, 2, budget=160_000_000)
    assert len({solve(instance, time_limit=60, seed=seed).value for seed in (1, 2, 3)}) == 1


def test_cancel_keeps_the_best_plan_so_far_with_a_certificate() -> None:
    instance = circles(150, 4_000, 3, p=20)
    seen: list[Progress] = []

    def stop() -> bool:
        return any(state.phase == "bound" for state in seen)

    result = solve(instance, time_limit=60, progress=seen.append, cancelled=stop)
    best_seen = max(state.value for state in seen if state.value is not None)
    assert result.status in ("cancelled", "optimal")
    assert result.value >= best_seen
    assert broken_constraint(instance, list(result.plan)) is None
    verify(result.certificate, instance)


def test_progress_never_goes_back() -> None:
    seen: list[Progress] = []
    result = solve(circles(100, 3_000, 4, budget=250_000_000), time_limit=30, progress=seen.append)
    values = [state.value for state in seen if state.value is not None]
    bounds = [state.bound for state in seen if state.bound is not None]
    times = [state.seconds for state in seen]
    assert values == sorted(values)
    assert bounds == sorted(bounds, reverse=True)
    assert times == sorted(times)
    assert {"start", "greedy", "bound", "done"} <= {state.phase for state in seen}
    assert seen[-1].value == result.value
    assert all(state.gap is None or state.gap >= 0 for state in seen)


def test_a_wanted_gap_ends_the_work_early() -> None:
    instance = circles(150, 4_000, 5, p=20)
    result = solve(instance, time_limit=60, gap=0.2)
    assert result.gap <= 0.2
    assert result.status in ("gap-reached", "optimal")
    assert result.seconds < 30


def test_large_instances_go_through_the_compiled_loops_and_annealing(monkeypatch: pytest.MonkeyPatch) -> None:
    from coverage.plan import solve as solve_module
    from coverage.plan import sparse

    monkeypatch.setattr(sparse, "COMPILED_FROM", 0)
    monkeypatch.setattr(solve_module, "SMALL_LINEAR", 0)
    monkeypatch.setattr(solve_module, "SMALL_EXACT", 0)
    monkeypatch.setattr(solve_module, "SMALL_KERNEL", 0)
    instance = circles(80, 2_000, 6, budget=200_000_000)
    phases: set[str] = set()
    # What annealing and multipliers reach without any branch and bound.
    result = solve(instance, time_limit=5, progress=lambda state: phases.add(state.phase))
    assert "annealing" in phases
    assert "branch-and-bound" not in phases
    assert result.gap <= 0.02
    verify(result.certificate, instance)


def test_annealing_finds_cheaper_plans_in_the_min_cost_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    from coverage.plan import solve as solve_module

    instance = circles(60, 800, 7, goal="min-cost", target={"percent": 70})
    exact = solve(instance, time_limit=60)
    assert exact.status == "optimal"
    monkeypatch.setattr(solve_module, "SMALL_LINEAR", 0)
    monkeypatch.setattr(solve_module, "SMALL_EXACT", 0)
    monkeypatch.setattr(solve_module, "SMALL_KERNEL", 0)
    searched = solve(instance, time_limit=4)
    assert broken_constraint(instance, list(searched.plan)) is None
    assert exact.value <= searched.value <= exact.value * 1.1
    assert searched.certified_bound <= exact.value


def test_demand_that_forced_sites_serve_counts_and_costs() -> None:
    instance = make_instance(
        weights=[10, 20, 30], indptr=[0, 1, 2, 3], indices=[0, 1, 2], costs=[4, 5, 6], budget=10, forced=[0]
    )
    result = solve(instance)
    assert (result.value, result.cost, result.sites) == (40, 10, [0, 2])


def test_years_build_what_serves_most_first() -> None:
    instance = make_instance(
        weights=[10, 90], indptr=[0, 1, 2], indices=[0, 1], costs=[5, 5], year_budgets=[5, 5], fiscal_years=[2017, 2018]
    )
    result = solve(instance)
    # 90 people for two years and 10 for one.
    assert (result.value, result.plan) == (190, ((0, 1), (1, 0)))


def test_everything_affordable_is_a_plan_with_no_gap() -> None:
    instance = make_instance(weights=[1, 2], indptr=[0, 1, 2], indices=[0, 1], p=5)
    result = solve(instance)
    assert (result.value, result.certified_bound, result.gap) == (3, 3, 0.0)


def test_nothing_affordable_is_the_empty_plan() -> None:
    result = solve(make_instance(weights=[5], indptr=[0, 1], indices=[0], costs=[7], budget=6))
    assert (result.plan, result.value, result.bound, result.status) == ((), 0, 0, "optimal")


def test_bounds_hold_for_every_plan_of_an_instance() -> None:
    instance = random_instance(np.random.default_rng([5, 5]), "both")
    result = solve(instance)
    for size in range(instance.n_sites + 1):
        for sites in itertools.combinations(range(instance.n_sites), size):
            if broken_constraint(instance, [(site, 0) for site in sites]) is None:
                assert int(instance.w[instance.served(sites)].sum()) <= result.certified_bound
