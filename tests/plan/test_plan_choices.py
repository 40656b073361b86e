"""Alternatives, marginal values, fronts and uncertainty, each against what trying everything says."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from plan_cases import random_instance

from coverage.errors import InputError
from coverage.plan import alternatives as alternatives_module
from coverage.plan.alternatives import find_alternatives, marginal_values, plan_distance
from coverage.plan.feasibility import Choice, broken_constraint
from coverage.plan.instance import Instance, make_instance
from coverage.plan.pareto import budget_front, pareto_front
from coverage.plan.solve import solve
from coverage.plan.uncertainty import (
    Reach,
    draw_reach,
    expected_instance,
    percentiles,
    plan_on_average,
    plan_over_draws,
)
from coverage.plan.verify import served_value, verify


def two_weights(seed: int, **fields: Any) -> Instance:
    """Seven sites over twelve demand points with residents and shelters."""
    rng = np.random.default_rng([seed, 41])
    lists = [np.flatnonzero(rng.random(12) < 0.3) for _ in range(7)]
    return make_instance(
        weights={"people": rng.integers(0, 30, 12) + (np.arange(12) == 0), "shelters": rng.integers(0, 3, 12)},
        indptr=np.concatenate(([0], np.cumsum([len(rows) for rows in lists]))), indices=np.concatenate(lists),
        costs=rng.integers(1, 9, 7) * 1_000_000, **fields,
    )  # fmt: skip


def all_plans(instance: Instance) -> list[tuple[int, ...]]:
    """Every allowed plan of an instance without years."""
    return [
        sites
        for size in range(instance.n_sites + 1)
        for sites in itertools.combinations(range(instance.n_sites), size)
        if broken_constraint(instance, [(site, 0) for site in sites]) is None
    ]


@pytest.mark.parametrize("distance", [1, 2])
def test_alternatives_are_the_best_plans_that_are_far_enough(distance: int) -> None:
    for seed in range(12):
        instance = two_weights(seed, p=3)
        best = solve(instance)
        found = find_alternatives(best, count=2, epsilon=0.4, distance=distance, time_limit=20)
        plans = [best.plan]
        for alternative in found.plans:
            far = [
                plan
                for plan in all_plans(instance)
                if all(len({s for s, _ in other} - set(plan)) >= distance for other in plans)
            ]
            top = max(int(instance.w[instance.served(plan)].sum()) for plan in far)
            assert alternative.value == top
            assert alternative.value >= best.bound * 0.6 - 1e-9
            assert all(plan_distance(alternative.plan, other) >= distance for other in plans)
            assert alternative.below_bound == pytest.approx((best.bound - top) / best.bound)
            plans.append(alternative.plan)


def test_alternatives_say_what_they_trade() -> None:
    instance = make_instance(
        weights={"people": [10, 9, 4], "shelters": [0, 1, 1]}, indptr=[0, 1, 2, 3], indices=[0, 1, 2],
        costs=[7, 5, 5], p=1, groups=["24201", "24202", "24202"],
    )  # fmt: skip
    found = find_alternatives(solve(instance), count=3, epsilon=0.15, distance=1)
    assert [a.plan for a in found.plans] == [((1, 0),)]
    trade = found.plans[0]
    assert (trade.served_change, trade.cost_change) == ({"people": -1, "shelters": 1}, -2)
    assert (trade.gained_sites, trade.given_up_sites) == ((1,), (0,))
    assert trade.group_change == {"24201": -1, "24202": 1}
    # The third site serves only 4 of 10 people, far outside 15 %: nothing else is near-optimal, and that is proven.
    assert found.complete


def test_cheap_alternatives_of_a_min_cost_plan_stay_within_epsilon_of_the_cost() -> None:
    instance = make_instance(
        weights=[1, 1], indptr=[0, 2, 4, 5], indices=[0, 1, 0, 1, 0], costs=[10, 11, 1], goal="min-cost", target="all"
    )
    found = find_alternatives(solve(instance), count=2, epsilon=0.2, distance=1)
    assert [(a.plan, a.cost_change) for a in found.plans] == [(((1, 0),), 1)]


def test_large_models_get_alternatives_by_annealing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alternatives_module, "SMALL_EXACT", 0)
    instance = two_weights(3, p=3)
    best = solve(instance)
    found = find_alternatives(best, count=2, epsilon=0.6, distance=1, time_limit=4)
    assert found.plans
    assert not found.complete
    for alternative in found.plans:
        assert broken_constraint(instance, list(alternative.plan)) is None
        assert plan_distance(alternative.plan, best.plan) >= 1


@pytest.mark.parametrize("options", [{"distance": 0}, {"epsilon": 1.5}, {"epsilon": -0.1}, {"count": -1}])
def test_alternatives_refuse_what_cannot_be_meant(options: dict[str, Any]) -> None:
    best = solve(two_weights(1, p=2))
    with pytest.raises(InputError) as caught:
        find_alternatives(best, **options)
    assert caught.value.code == "plan-alternatives-range"


def test_marginal_values_are_what_taking_one_site_in_or_out_changes() -> None:
    for seed in range(10):
        instance = random_instance(np.random.default_rng([seed, 42]), "budget")
        plan = solve(instance).plan
        sites = [site for site, _ in plan]
        base = int(instance.w[instance.served(sites)].sum())
        values = marginal_values(instance, plan)
        assert {v.site for v in values} == set(range(instance.n_sites)) - set(instance.excluded.tolist())
        for value in values:
            other = [s for s in sites if s != value.site] if value.chosen else [*sites, value.site]
            assert value.marginal == abs(base - int(instance.w[instance.served(other)].sum()))
            assert value.chosen == (value.site in sites)
            if value.cost:
                assert value.per_million_yen == pytest.approx(value.marginal * 1e6 / value.cost)
            else:
                assert value.per_million_yen is None


def front_by_trying(instance: Instance) -> list[tuple[int, int]]:
    values = set()
    for plan in all_plans(instance):
        served = instance.served_by_objective(plan)
        values.add((served["people"], served["shelters"]))
    return sorted(
        (v for v in values if not any(o != v and o[0] >= v[0] and o[1] >= v[1] for o in values)), key=lambda v: -v[0]
    )


@pytest.mark.parametrize("fields", [{"p": 2}, {"budget": 12_000_000}, {"p": 3, "forced": [2]}], ids=["p", "budget", "forced"])
def test_the_whole_front_is_found(fields: dict[str, Any]) -> None:
    longest = 0
    for seed in range(12):
        instance = two_weights(seed, **fields)
        if not all_plans(instance):
            continue
        front = pareto_front(instance, "people", "shelters", points=None, time_limit=30)
        assert front.complete
        assert [(point.first, point.second) for point in front.points] == front_by_trying(instance)
        for point in front.points:
            assert broken_constraint(instance, list(point.plan)) is None
            served = instance.served_by_objective([site for site, _ in point.plan])
            assert (served["people"], served["shelters"]) == (point.first, point.second)
        longest = max(longest, len(front.points))
    assert longest >= 2


def test_a_coarse_front_holds_both_ends_and_only_points_of_the_front() -> None:
    instance = two_weights(4, p=3)
    whole = front_by_trying(instance)
    front = pareto_front(instance, "people", "shelters", points=2, time_limit=30)
    found = [(point.first, point.second) for point in front.points]
    assert found[0] == whole[0]
    assert found[-1] == whole[-1]
    assert set(found) <= set(whole)


@pytest.mark.parametrize(
    ("fields", "objectives", "options", "code"),
    [
        ({"p": 2}, ("people", "people"), {}, "plan-pareto-objectives"),
        ({"p": 2}, ("people", "km"), {}, "plan-pareto-objectives"),
        ({"year_budgets": [1, 2]}, ("people", "shelters"), {}, "plan-pareto-variant"),
        ({"goal": "min-cost", "target": 1}, ("people", "shelters"), {}, "plan-pareto-variant"),
        ({"p": 2}, ("people", "shelters"), {"points": 1}, "plan-pareto-points"),
    ],
)
def test_fronts_refuse_what_cannot_be_meant(
    fields: dict[str, Any], objectives: tuple[str, str], options: dict[str, Any], code: str
) -> None:
    with pytest.raises(InputError) as caught:
        pareto_front(two_weights(1, **fields), *objectives, **options)
    assert caught.value.code == code


def test_more_money_never_serves_fewer_people_and_every_point_is_certified() -> None:
    instance = two_weights(5, budget=0)
    results = budget_front(instance, [20_000_000, 0, 6_000_000, 12_000_000])
    assert [r.instance.budget for r in results] == [0, 6_000_000, 12_000_000, 20_000_000]
    assert [r.value for r in results] == sorted(r.value for r in results)
    for result in results:
        verify(result.certificate, result.instance)
    with pytest.raises(InputError, match="negative"):
        budget_front(instance, [-1])
    with pytest.raises(InputError):
        budget_front(two_weights(5, year_budgets=[1, 2]), [1])


def test_percentiles_are_draws_that_happened() -> None:
    found = percentiles(range(1, 11))
    assert (found.p10, found.p50, found.p90) == (1, 5, 9)
    with pytest.raises(InputError, match="no draws"):
        percentiles([])


def margins(instance: Instance, seed: int) -> np.ndarray:
    return np.random.default_rng([seed, 43]).normal(2.0, 4.0, len(instance.indices))


def test_draws_without_any_error_are_the_median_reach() -> None:
    instance = two_weights(6, p=2)
    margin = margins(instance, 1)
    for indptr, indices in draw_reach(instance.indptr, instance.indices, margin, draws=3, seed=1):
        for site in range(instance.n_sites):
            part = slice(int(instance.indptr[site]), int(instance.indptr[site + 1]))
            expected = instance.indices[part][margin[part] >= 0]
            assert indices[indptr[site] : indptr[site + 1]].tolist() == expected.tolist()


def test_each_draw_depends_on_the_seed_and_its_number_only() -> None:
    instance = two_weights(6, p=2)
    sigmas = {"site_sigma_db": 3.0, "link_sigma_db": 5.0, "threshold_sigma_db": 1.0}
    four = list(draw_reach(instance.indptr, instance.indices, margins(instance, 1), draws=4, seed=9, **sigmas))
    two = list(draw_reach(instance.indptr, instance.indices, margins(instance, 1), draws=2, seed=9, **sigmas))
    other = list(draw_reach(instance.indptr, instance.indices, margins(instance, 1), draws=2, seed=8, **sigmas))
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(four, two, strict=False))
    assert any(not np.array_equal(a[1], b[1]) for a, b in zip(two, other, strict=True))


def test_a_site_error_moves_all_links_of_a_site_together() -> None:
    instance = make_instance(weights=[1] * 6, indptr=[0, 3, 6], indices=[0, 1, 2, 3, 4, 5], p=1)
    sizes = set()
    for indptr, _ in draw_reach(instance.indptr, instance.indices, np.zeros(6), draws=40, seed=2, site_sigma_db=1.0):
        sizes |= set(np.diff(indptr).tolist())
    assert sizes == {0, 3}


def test_a_plan_is_judged_in_every_draw_and_robust_sites_are_in_nine_of_ten() -> None:
    instance = two_weights(7, p=2)
    plan: list[Choice] = list(solve(instance).plan)
    reaches = list(
        draw_reach(instance.indptr, instance.indices, margins(instance, 2), draws=20, seed=3, link_sigma_db=4.0)
    )
    found = plan_over_draws(instance, plan, reaches)
    kept, best, chosen = [], [], np.zeros(instance.n_sites)
    for indptr, indices in reaches:
        world = make_instance(weights=instance.w, indptr=indptr, indices=indices, costs=instance.costs, p=2)
        kept.append(served_value(world, plan))
        best.append(max(int(world.w[world.served(s)].sum()) for s in itertools.combinations(range(7), 2)))
        chosen[solve(world).sites] += 1
    assert (found.plan, found.best) == (percentiles(kept), percentiles(best))
    assert found.regret == percentiles(b - k for b, k in zip(best, kept, strict=True))
    assert found.frequency.tolist() == pytest.approx((chosen / 20).tolist())
    assert found.robust_sites == tuple(np.flatnonzero(chosen / 20 >= 0.9))
    assert found.largest_gap == 0


def test_cancelled_uncertainty_keeps_the_draws_that_are_done() -> None:
    instance = two_weights(7, p=2)
    reaches = [(instance.indptr, instance.indices)] * 5
    done: list[int] = []
    found = plan_over_draws(instance, [(0, 0)], reaches, progress=done.append, cancelled=lambda: len(done) >= 2)
    assert found.draws == 2
    with pytest.raises(InputError, match="no draws"):
        plan_over_draws(instance, [(0, 0)], [])


def test_the_expected_plan_serves_most_on_average() -> None:
    instance = two_weights(8, p=2)
    reaches = list(
        draw_reach(instance.indptr, instance.indices, margins(instance, 4), draws=8, seed=5, link_sigma_db=5.0)
    )
    result = solve(expected_instance(instance, reaches))
    totals = {}
    for sites in itertools.combinations(range(7), 2):
        total = 0
        for indptr, indices in reaches:
            rows = np.concatenate([indices[indptr[s] : indptr[s + 1]] for s in sites])
            total += int(instance.w[np.unique(rows)].sum())
        totals[sites] = total
    assert result.value == max(totals.values())
    with pytest.raises(InputError, match="no draws"):
        expected_instance(instance, [])


def _means(instance: Instance, reaches: list[Reach], number: int) -> dict[tuple[int, ...], float]:
    """Mean served over draws of every set of ``number`` sites, by counting."""
    out = {}
    for sites in itertools.combinations(range(instance.n_sites), number):
        served = [
            int(instance.w[np.unique(np.concatenate([idx[ptr[s] : ptr[s + 1]] for s in sites]))].sum()) for ptr, idx in reaches
        ]
        out[sites] = sum(served) / len(served)
    return out


def test_a_sure_small_village_is_served_more_on_average_than_a_doubtful_large_one() -> None:
    # Site 0 reaches 10 people on the very edge (one draw in two), site 1 reaches 9 far above it.
    instance = make_instance(weights=[10, 9], indptr=[0, 1, 2], indices=[0, 1], p=1)
    margin = np.array([0.0, 60.0])

    def reaches() -> Iterator[Reach]:
        return draw_reach(instance.indptr, instance.indices, margin, draws=100, seed=4, site_sigma_db=8.0)

    plan = list(solve(instance).plan)
    assert [site for site, _ in plan] == [0], "without error the larger village is the better choice"
    found = plan_on_average(instance, plan, reaches)
    assert [site for site, _ in found.plan] == [1]
    assert found.values.tolist() == [9] * 100
    assert set(found.given.tolist()) == {0, 10}
    assert 3.5 < found.given.mean() < 6.5
    assert (found.sought, found.bound, found.gap) == (100, 9.0, 0.0)


def test_the_plan_on_average_is_the_best_mean_of_all_and_is_judged_in_every_draw() -> None:
    instance = two_weights(8, p=2)
    reaches = list(
        draw_reach(instance.indptr, instance.indices, margins(instance, 4), draws=12, seed=5, link_sigma_db=5.0)
    )
    plan: list[Choice] = list(solve(instance).plan)
    found = plan_on_average(instance, plan, lambda: iter(reaches))
    means = _means(instance, reaches, 2)
    assert found.values.mean() == pytest.approx(max(means.values()))
    assert found.given.mean() == pytest.approx(means[tuple(sorted(s for s, _ in plan))])
    assert found.bound == pytest.approx(max(means.values())), "the bound is proven on instances of this size"
    for number, (indptr, indices) in enumerate(reaches):
        world = make_instance(weights=instance.w, indptr=indptr, indices=indices, costs=instance.costs, p=2)
        assert found.values[number] == served_value(world, list(found.plan))
    judged = plan_over_draws(instance, plan, reaches)
    assert percentiles(found.given.tolist()) == judged.plan


def test_with_too_many_links_it_is_sought_over_the_first_draws_and_judged_in_all() -> None:
    instance = two_weights(8, p=2)
    reaches = list(
        draw_reach(instance.indptr, instance.indices, margins(instance, 4), draws=12, seed=5, link_sigma_db=5.0)
    )
    few = sum(len(indices) for _, indices in reaches[:3])
    found = plan_on_average(instance, [(0, 0), (1, 0)], lambda: iter(reaches), most_links=few)
    assert found.sought == 3
    assert len(found.values) == 12
    assert found.bound == pytest.approx(max(_means(instance, reaches[:3], 2).values()))
    assert plan_on_average(instance, [(0, 0)], lambda: iter(reaches), most_links=0).sought == 1


def test_where_nothing_serves_more_on_average_the_given_plan_stays() -> None:
    instance = two_weights(8, p=2)
    reaches = [(instance.indptr, instance.indices)] * 3
    plan: list[Choice] = list(solve(instance).plan)
    found = plan_on_average(instance, plan, lambda: iter(reaches))
    assert list(found.plan) == plan
    assert found.values.tolist() == found.given.tolist() == [served_value(instance, plan)] * 3
    with pytest.raises(InputError, match="no draws"):
        plan_on_average(instance, plan, lambda: iter([]))
    with pytest.raises(InputError) as caught:
        plan_on_average(two_weights(1, goal="min-cost", target=1), [], lambda: iter([]))
    assert caught.value.code == "plan-uncertainty-variant"


@pytest.mark.parametrize(
    ("sigmas", "margin", "code"),
    [
        ({"site_sigma_db": -1.0}, [0.0, 0.0], "plan-sigma-negative"),
        ({}, [0.0], "plan-margin-shape"),
        ({}, [0.0, float("nan")], "plan-margin-shape"),
    ],
)
def test_draws_refuse_what_cannot_be_meant(sigmas: dict[str, float], margin: list[float], code: str) -> None:
    with pytest.raises(InputError) as caught:
        list(draw_reach(np.array([0, 2]), np.array([0, 1], dtype=np.int32), np.array(margin), draws=1, seed=1, **sigmas))
    assert caught.value.code == code


def test_uncertainty_is_for_coverage_plans() -> None:
    with pytest.raises(InputError) as caught:
        plan_over_draws(two_weights(1, goal="min-cost", target=1), [], [])
    assert caught.value.code == "plan-uncertainty-variant"
