"""Infeasible plans say which constraint cannot be met."""

from __future__ import annotations

from typing import Any

import pytest

from coverage.plan.feasibility import InfeasibleError, broken_constraint, check_feasible
from coverage.plan.instance import Instance, make_instance
from coverage.plan.solve import solve


def valley(**fields: Any) -> Instance:
    """Four sites of 5, 6, 7 and 8 M¥, each with a hamlet of its own and one in common."""
    base: dict[str, Any] = {
        "weights": [10, 20, 30, 40, 5],
        "indptr": [0, 2, 4, 6, 8],
        "indices": [0, 4, 1, 4, 2, 4, 3, 4],
        "costs": [5_000_000, 6_000_000, 7_000_000, 8_000_000],
        "site_ids": ["大杉", "宮川", "飯高", "紀和"],
    }
    return make_instance(**(base | fields))


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"budget": 7_000_000, "forced": ["紀和"]}, "plan-forced-exceed-budget", "紀和"),
        ({"p": 1, "forced": ["大杉", "宮川"]}, "plan-forced-exceed-p", "p = 1"),
        ({"p": 2, "forced": ["大杉"], "requires": [3, None, None, None], "excluded": ["紀和"]},
         "plan-required-site-excluded", "紀和"),
        ({"year_budgets": [6_000_000, 5_000_000], "forced": ["飯高"]}, "plan-forced-exceed-budget", "飯高"),
        ({"p": 3, "groups": ["A", "A", "B", "B"], "group_minimum": {"A": 3}}, "plan-group-too-few-candidates", "'A'"),
        ({"p": 3, "groups": ["A", "A", "B", "B"], "group_minimum": {"C": 1}}, "plan-group-too-few-candidates", "'C'"),
        ({"p": 2, "groups": ["A", "A", "B", "B"], "group_minimum": {"A": 2, "B": 1}},
         "plan-group-minima-exceed-p", "3 sites"),
        ({"budget": 11_000_000, "groups": ["A", "A", "B", "B"], "group_minimum": {"A": 1, "B": 1}},
         "plan-group-minima-exceed-budget", "12,000,000"),
        ({"goal": "min-cost", "target": "all", "excluded": ["紀和"]}, "plan-target-unreachable", "65"),
    ],
)  # fmt: skip
def test_the_constraint_that_cannot_be_met_is_named(fields: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(InfeasibleError) as caught:
        solve(valley(**fields), time_limit=5)
    assert caught.value.code == code
    assert words in caught.value.en


def test_conditions_that_only_clash_together_are_told_apart_from_single_ones() -> None:
    # Each forced site fits some year, but two of them do not fit two years of 8 and 5 M¥.
    instance = valley(year_budgets=[8_000_000, 5_000_000], forced=["宮川", "飯高"])
    check_feasible(instance)
    with pytest.raises(InfeasibleError) as caught:
        solve(instance, time_limit=5)
    assert caught.value.code == "plan-infeasible-together"


def test_min_cost_within_a_budget_that_is_too_small_is_infeasible() -> None:
    with pytest.raises(InfeasibleError):
        solve(valley(goal="min-cost", target="all", budget=20_000_000), time_limit=5)


@pytest.mark.parametrize(
    ("fields", "plan", "words"),
    [
        ({"p": 1}, [(0, 0), (1, 0)], "2 sites are more than"),
        ({"budget": 10_000_000}, [(0, 0), (1, 0)], "11,000,000"),
        ({"budget": 99_000_000, "forced": ["宮川"]}, [(0, 0)], "宮川"),
        ({"budget": 99_000_000, "excluded": ["大杉"]}, [(0, 0)], "大杉"),
        ({"p": 3}, [(0, 0), (0, 0)], "twice"),
        ({"p": 3}, [(9, 0)], "does not exist"),
        ({"p": 3}, [(0, 1)], "does not exist"),
        ({"year_budgets": [5_000_000, 6_000_000], "fiscal_years": [2017, 2018]}, [(1, 0)], "2017"),
        ({"p": 3, "groups": ["A", "A", "B", "B"], "group_minimum": {"B": 1}}, [(0, 0)], "'B' has 0"),
        ({"p": 3, "requires": [None, 0, None, None]}, [(1, 0)], "needs '大杉'"),
        ({"year_budgets": [9_000_000, 9_000_000], "requires": [None, 0, None, None]}, [(1, 0), (0, 1)], "needs '大杉'"),
        ({"goal": "min-cost", "target": 50}, [(0, 0)], "below the target"),
    ],
)  # fmt: skip
def test_a_plan_that_is_not_allowed_says_why(fields: dict[str, Any], plan: list[tuple[int, int]], words: str) -> None:
    broken = broken_constraint(valley(**fields), plan)
    assert broken is not None
    assert words in broken[1]


def test_an_allowed_plan_breaks_nothing() -> None:
    assert broken_constraint(valley(budget=11_000_000), [(0, 0), (1, 0)]) is None
