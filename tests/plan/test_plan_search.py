"""Greedy, Lagrangian bound, annealing and branch and bound, each against what it promises."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from plan_cases import VARIANTS, best_by_trying, random_instance

from coverage.plan.exact import ExtraRow, solve_exact, solve_linear
from coverage.plan.feasibility import broken_constraint
from coverage.plan.greedy import greedy_cost, greedy_coverage, prune
from coverage.plan.instance import Instance, make_instance
from coverage.plan.lagrangian import Relaxation
from coverage.plan.local_search import Annealing
from coverage.plan.model import build_model


def town(n: int, m: int, seed: int, **fields: Any) -> Instance:
    """Sites and people uniform on a square, each site reaching a circle."""
    rng = np.random.default_rng(seed)
    sites, people = rng.random((n, 2)), rng.random((m, 2))
    near = ((sites[:, None] - people[None]) ** 2).sum(axis=2) < 0.15**2
    return make_instance(
        weights=rng.integers(1, 50, m), indptr=np.concatenate(([0], np.cumsum(near.sum(axis=1)))),
        indices=np.flatnonzero(near.ravel()) % m, costs=rng.integers(5, 40, n) * 1_000_000, **fields,
    )  # fmt: skip


@pytest.mark.parametrize(("variant", "share"), [("count", 1 - 1 / math.e), ("budget", (1 - 1 / math.e) / 2)])
def test_greedy_keeps_its_guarantee(variant: str, share: float) -> None:
    for seed in range(60):
        instance = random_instance(np.random.default_rng([seed, 21]), variant)
        want = best_by_trying(instance)
        if want is None:
            continue
        model = build_model(instance)
        columns = greedy_coverage(model)
        assert columns is not None
        assert broken_constraint(instance, model.plan_of(columns)) is None
        assert model.value_of(columns) >= share * want - 1e-9


@pytest.mark.parametrize("variant", VARIANTS)
def test_greedy_plans_are_always_allowed(variant: str) -> None:
    found = 0
    for seed in range(40):
        instance = random_instance(np.random.default_rng([seed, 22]), variant)
        if best_by_trying(instance) is None:
            continue
        model = build_model(instance)
        columns = greedy_coverage(model) if instance.target is None else greedy_cost(model)
        if columns is not None:
            found += 1
            assert broken_constraint(instance, model.plan_of(columns)) is None
    assert found >= 5


def test_pruning_keeps_the_target_and_drops_what_is_superfluous() -> None:
    instance = make_instance(
        weights=[5, 5], indptr=[0, 2, 3, 4], indices=[0, 1, 0, 1], costs=[3, 9, 9], goal="min-cost", target="all"
    )
    model = build_model(instance)
    assert prune(model, np.array([0, 1, 2])).tolist() == [0]


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_multipliers_ever_give_a_bound_below_the_best_plan(variant: str) -> None:
    for seed in range(20):
        rng = np.random.default_rng([seed, 23])
        instance = random_instance(rng, variant)
        want = best_by_trying(instance)
        model = build_model(instance)
        if want is None or not model.n_columns:
            continue
        relaxation = Relaxation(model)
        for _ in range(5):
            bound = relaxation.inner(rng.random(model.n_rows) * model.w).bound
            assert bound >= want - 1e-6 if instance.target is None else bound <= want + 1e-6


@pytest.mark.parametrize("fields", [{"p": 8}, {"budget": 150_000_000}], ids=["count", "budget"])
def test_the_volume_algorithm_comes_close_to_the_linear_relaxation(fields: dict[str, Any]) -> None:
    model = build_model(town(60, 800, 3, **fields))
    columns = greedy_coverage(model)
    assert columns is not None
    linear = solve_linear(model, time_limit=20)
    assert linear is not None
    relaxation = Relaxation(model)
    dual = relaxation.improve(relaxation.start(columns), lambda: float(model.value_of(columns)), iterations=600)
    assert linear[0] - 1e-6 <= dual.bound <= linear[0] * 1.002
    # HiGHS' own duals, taken through our formula, give back HiGHS' value.
    assert relaxation.dual(linear[1]).bound == pytest.approx(linear[0], rel=1e-7)


def test_the_cost_bound_comes_close_to_the_linear_relaxation() -> None:
    model = build_model(town(60, 400, 4, goal="min-cost", target={"percent": 60}))
    columns = greedy_cost(model)
    assert columns is not None
    linear = solve_linear(model, time_limit=20)
    assert linear is not None
    relaxation = Relaxation(model)
    dual = relaxation.improve(relaxation.start(columns), lambda: float(model.cost_of(columns)), iterations=800)
    assert linear[0] * 0.99 <= dual.bound <= linear[0] * (1 + 1e-7)


@pytest.mark.parametrize(
    "fields",
    [
        {"p": 6},
        {"budget": 120_000_000},
        {"budget": 120_000_000, "p": 5},
        {"year_budgets": [60_000_000, 40_000_000], "year_weights": [1, 2]},
        {"p": 7, "groups": ["A", "B", "C", ""] * 10, "group_minimum": {"A": 2, "B": 1}},
        {"budget": 150_000_000, "requires": [None] * 30 + list(range(10))},
    ],
    ids=["count", "budget", "both", "years", "groups", "requires"],
)
def test_annealing_only_visits_allowed_plans_and_its_books_stay_right(fields: dict[str, Any]) -> None:
    instance = town(40, 300, 5, **fields)
    model = build_model(instance)
    start = greedy_coverage(model)
    assert start is not None
    search = Annealing(model, start, seed=7)
    values = [search.best_value]
    for _ in range(6):
        search.step(5_000)
        columns = search.best_columns
        assert broken_constraint(instance, model.plan_of(columns)) is None
        assert model.value_of(columns) == search.best_value
        values.append(search.best_value)
        now = search.chosen_columns
        assert broken_constraint(instance, model.plan_of(now)) is None
        assert model.value_of(now) == search.value
    assert values == sorted(values)
    again = Annealing(model, start, seed=7)
    again.step(30_000)
    assert again.best_columns.tolist() == search.best_columns.tolist()


def test_annealing_improves_on_greedy() -> None:
    model = build_model(town(120, 2_000, 6, p=10))
    start = greedy_coverage(model)
    assert start is not None
    search = Annealing(model, start, seed=1, cycle=50_000)
    search.step(50_000)
    assert search.best_value > model.value_of(start)


@pytest.mark.parametrize("variant", VARIANTS)
def test_branch_and_bound_equals_trying_everything(variant: str) -> None:
    for seed in range(20):
        instance = random_instance(np.random.default_rng([seed, 24]), variant)
        want = best_by_trying(instance)
        model = build_model(instance)
        if want is None and (not model.n_columns or min([*model.capacity[model.capacity >= 0], 0]) < 0):
            continue
        result = solve_exact(model, time_limit=10)
        if want is None:
            assert result.columns is None or broken_constraint(instance, model.plan_of(result.columns)) is not None
            continue
        assert result.status == "optimal"
        assert result.columns is not None
        got = model.value_of(result.columns) if instance.target is None else model.cost_of(result.columns)
        assert got == want
        assert result.bound == pytest.approx(want)


def test_branch_and_bound_can_be_cancelled_and_keeps_the_start() -> None:
    model = build_model(town(150, 3_000, 8, p=15))
    start = greedy_coverage(model)
    result = solve_exact(model, start=start, time_limit=30, cancelled=lambda: True)
    assert result.status == "cancelled"
    assert result.columns is not None
    assert start is not None
    assert model.value_of(result.columns) >= model.value_of(start)


def test_an_extra_row_keeps_a_plan_away_from_another() -> None:
    model = build_model(town(20, 100, 9, p=4))
    best = solve_exact(model, time_limit=10).columns
    assert best is not None
    far = np.isin(np.arange(model.n_columns), best).astype(float)
    other = solve_exact(model, time_limit=10, extra=(ExtraRow(-math.inf, 2.0, columns=far),)).columns
    assert other is not None
    assert len(np.intersect1d(best, other)) <= 2
