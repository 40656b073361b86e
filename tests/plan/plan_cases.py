"""Tiny planning instances of every variant, and their best plans by trying everything."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from coverage.plan.feasibility import Choice, broken_constraint
from coverage.plan.instance import Instance, make_instance
from coverage.plan.verify import served_value

VARIANTS = (
    "count", "budget", "both", "forced", "groups", "years", "requires", "set-cover", "partial", "partial-groups",
    "years-forced", "partial-requires", "years-costs",
)  # fmt: skip


def random_fields(rng: np.random.Generator, variant: str) -> dict[str, Any]:
    """Keyword arguments of ``make_instance`` for a hamlet-sized problem of the variant."""
    n, m = int(rng.integers(2, 7)), int(rng.integers(1, 11))
    if variant.startswith("years"):
        n = min(n, 4)
    density = rng.uniform(0.15, 0.7)
    lists = [np.flatnonzero(rng.random(m) < density) for _ in range(n)]
    if not any(len(rows) for rows in lists):
        lists[0] = np.array([0])
    fields: dict[str, Any] = {
        "weights": rng.integers(0, 20, m) + (np.arange(m) == 0),
        "indptr": np.concatenate(([0], np.cumsum([len(rows) for rows in lists]))),
        "indices": np.concatenate(lists),
        "costs": rng.integers(0, 10, n) * 1_000_000 if rng.random() < 0.8 else np.full(n, 5_000_000),
    }
    total = int(np.sum(fields["costs"]))
    budget = int(rng.integers(0, total + 1))
    if variant in ("count", "both", "groups", "forced"):
        fields["p"] = int(rng.integers(0, n + 1))
    if variant in ("budget", "both", "requires") or (variant in ("groups", "forced") and rng.random() < 0.5):
        fields["budget"] = budget
    if variant in ("forced", "years-forced") or rng.random() < 0.2:
        order = rng.permutation(n)
        fields["forced"] = order[: rng.integers(0, 2)]
        fields["excluded"] = order[n - rng.integers(0, 2) :]
    if variant in ("groups", "partial-groups"):
        fields["groups"] = rng.choice(["24201", "24202", ""], n).tolist()
        fields["group_minimum"] = {"24201": int(rng.integers(0, 3)), "24202": int(rng.integers(0, 2))}
    if variant.startswith("years"):
        count = int(rng.integers(1, 4))
        fields["year_budgets"] = rng.integers(0, max(2, total // count + 2), count).tolist()
        fields["fiscal_years"] = list(range(2017, 2017 + count))
        fields["year_weights"] = rng.integers(0, 3, count).tolist()
        fields["year_weights"][-1] += 1
        if variant == "years-costs":
            # A new subsidy rule: what the prefecture pays for the same mast changes with the year.
            rates = rng.integers(1, 4, (count, n))
            fields["costs"] = rates * np.asarray(fields["costs"])[None, :]
            fields["year_budgets"] = (np.asarray(fields["year_budgets"]) * 2).tolist()
    if variant in ("requires", "partial-requires") or (variant == "years" and rng.random() < 0.4):
        fields["requires"] = [int(rng.integers(0, j)) if j and rng.random() < 0.4 else None for j in range(n)]
    if variant in ("set-cover", "partial", "partial-groups", "partial-requires"):
        fields["goal"] = "min-cost"
        fields["target"] = "all" if rng.random() < 0.1 else "reachable"
        if variant != "set-cover":
            fields["target"] = int(rng.integers(0, int(np.sum(fields["weights"])) + 1))
    return fields


def random_instance(rng: np.random.Generator, variant: str) -> Instance:
    return make_instance(**random_fields(rng, variant))


def best_by_trying(instance: Instance) -> int | None:
    """Best value (least cost for min-cost) over every plan there is; None when no plan is allowed."""
    options = range(instance.n_years + 1)
    best: int | None = None
    for years in itertools.product(options, repeat=instance.n_sites):
        plan: list[Choice] = [(site, year - 1) for site, year in enumerate(years) if year]
        if broken_constraint(instance, plan) is not None:
            continue
        if instance.target is None:
            value = served_value(instance, plan)
            best = value if best is None else max(best, value)
        else:
            cost = instance.cost([site for site, _ in plan])
            best = cost if best is None else min(best, cost)
    return best
