"""Exact reductions: the smaller problem has the same best plan, and both forms of each loop agree."""

from __future__ import annotations

import numpy as np
import pytest
from plan_cases import VARIANTS, best_by_trying, random_instance

from coverage.plan import sparse
from coverage.plan.exact import solve_exact
from coverage.plan.instance import make_instance
from coverage.plan.lagrangian import Relaxation
from coverage.plan.model import build_model
from coverage.plan.reductions import decided_by, dominated, restrict


def random_lists(seed: int, columns: int, rows: int, density: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    lists = [np.flatnonzero(rng.random(rows) < density).astype(np.int32) for _ in range(columns)]
    return np.concatenate(([0], np.cumsum([len(part) for part in lists]))).astype(np.int64), np.concatenate(lists)


def optimum(model: object) -> int | None:
    result = solve_exact(model, time_limit=10)  # type: ignore[arg-type]
    if result.columns is None:
        return None
    return model.value_of(result.columns) if model.target is None else model.cost_of(result.columns)  # type: ignore[attr-defined]


@pytest.mark.parametrize("seed", range(20))
def test_rows_are_merged_exactly_when_the_same_sites_reach_them(seed: int) -> None:
    ptr, idx = random_lists(seed, 6, 60, 0.4)
    cls, first = sparse.classes_of_rows(ptr, idx, 60)
    reaching = [tuple(c for c in range(6) if row in idx[ptr[c] : ptr[c + 1]]) for row in range(60)]
    by_hand: dict[tuple[int, ...], int] = {}
    expected = [by_hand.setdefault(sites, len(by_hand)) for sites in reaching]
    assert cls.tolist() == expected
    assert [reaching[row] for row in first] == list(by_hand)


@pytest.mark.parametrize("seed", range(6))
def test_compiled_loops_and_plain_numpy_give_the_same_arrays(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ptr, idx = random_lists(seed, 12, 80, 0.2)
    values = np.random.default_rng(seed).random(80)
    plain = (
        sparse.classes_of_rows(ptr, idx, 80), sparse.transpose(ptr, idx, 80), sparse.sums(ptr, idx, values)
    )  # fmt: skip
    monkeypatch.setattr(sparse, "COMPILED_FROM", 0)
    compiled = (
        sparse.classes_of_rows(ptr, idx, 80), sparse.transpose(ptr, idx, 80), sparse.sums(ptr, idx, values)
    )  # fmt: skip
    for (a, b), (c, d) in zip(plain[:2], compiled[:2], strict=True):
        assert np.array_equal(a, c)
        assert np.array_equal(b, d)
    assert np.allclose(plain[2], compiled[2], rtol=1e-12)


@pytest.mark.parametrize("seed", range(30))
def test_compiled_and_plain_dominance_leave_equally_good_plans(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng([seed, 5])
    ptr, idx = random_lists(seed, 9, 8, 0.35)
    instance = make_instance(
        weights=rng.integers(1, 9, 8), indptr=ptr, indices=idx, costs=rng.integers(1, 5, 9), budget=6
    )
    model = build_model(instance)
    plain = dominated(model)
    monkeypatch.setattr(sparse, "COMPILED_FROM", 0)
    compiled = dominated(model)
    want = optimum(model)
    for gone in (plain, compiled):
        assert optimum(restrict(model, take=np.zeros_like(gone), drop=gone).model) == want


@pytest.mark.parametrize("variant", ["years", "years-forced", "requires", "groups", "partial-groups"])
def test_compiled_dominance_respects_years_and_relations(variant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparse, "COMPILED_FROM", 0)
    for seed in range(20):
        instance = random_instance(np.random.default_rng([seed, 6, VARIANTS.index(variant)]), variant)
        want = best_by_trying(instance)
        if want is None:
            continue
        model = build_model(instance)
        smaller = restrict(model, take=np.zeros(model.n_columns, dtype=bool), drop=dominated(model))
        assert optimum(smaller.model) == want


def test_of_two_equal_sites_the_first_stays() -> None:
    instance = make_instance(weights=[1, 2], indptr=[0, 2, 4], indices=[0, 1, 0, 1], costs=[3, 3], budget=3)
    assert dominated(build_model(instance)).tolist() == [False, True]


def test_a_dearer_site_with_fewer_people_goes_but_not_under_a_group_minimum() -> None:
    fields = {"weights": [1, 2], "indptr": [0, 2, 3], "indices": [0, 1, 1], "costs": [3, 4], "budget": 9}
    assert dominated(build_model(make_instance(**fields))).tolist() == [False, True]
    grouped = make_instance(**fields, groups=["A", "B"], group_minimum={"B": 1})
    assert dominated(build_model(grouped)).tolist() == [False, False]


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_reduced_optimum_is_the_full_optimum(variant: str) -> None:
    checked = 0
    for seed in range(25):
        instance = random_instance(np.random.default_rng([seed, 3, VARIANTS.index(variant)]), variant)
        want = best_by_trying(instance)
        if want is None:
            continue
        checked += 1
        merged, plain = build_model(instance), build_model(instance, merge=False)
        assert merged.n_rows <= plain.n_rows
        assert optimum(merged) == optimum(plain) == want
        smaller = restrict(merged, take=np.zeros(merged.n_columns, dtype=bool), drop=dominated(merged))
        assert optimum(smaller.model) == want
    assert checked >= 5


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_the_bound_decides_is_so_in_every_strictly_better_plan(variant: str) -> None:
    for seed in range(25):
        instance = random_instance(np.random.default_rng([seed, 9, VARIANTS.index(variant)]), variant)
        want = best_by_trying(instance)
        if want is None:
            continue
        model = build_model(instance)
        if not model.n_columns:
            continue
        relaxation = Relaxation(model)
        dual = relaxation.improve(relaxation.w * 0.5, lambda want=want: float(want), iterations=60)
        # A poorer incumbent than the best: what is left must still hold the best plan.
        worse = want - 1 if instance.target is None else want + 1
        take, drop = decided_by(model, dual, worse)
        assert not (take & drop).any()
        assert optimum(restrict(model, take=take, drop=drop).model) == want


def test_restricting_and_widening_are_inverse() -> None:
    instance = make_instance(weights=[1, 2, 3], indptr=[0, 1, 2, 3], indices=[0, 1, 2], p=2)
    model = build_model(instance)
    take, drop = np.array([True, False, False]), np.array([False, True, False])
    smaller = restrict(model, take=take, drop=drop)
    assert smaller.widen(np.array([0])).tolist() == [0, 2]
    narrowed = smaller.narrow(np.array([0, 2]))
    assert narrowed is not None
    assert narrowed.tolist() == [0]
    assert smaller.narrow(np.array([0, 1])) is None
    assert smaller.narrow(np.array([2])) is None
