"""Exact reductions: smaller problems with the same best plan.

Merging rows with identical N(i), settling forced sites and dropping what nobody reaches happen on the way into
:class:`coverage.plan.model.CoverModel`. Here: columns that another column makes pointless, columns that the bound
decides, and the smaller model that is left. The reduced optimum equals the full optimum; tests prove it by brute force.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coverage.plan import sparse
from coverage.plan.lagrangian import Dual
from coverage.plan.model import CoverModel

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Restricted:
    """A smaller model and the way back: ``columns[c]`` is the column of the larger model, ``taken`` are settled in."""

    model: CoverModel
    columns: NDArray[np.int64]
    taken: NDArray[np.int64]

    def widen(self, chosen: NDArray[Any]) -> NDArray[np.int64]:
        """Columns of the larger model for a choice in the smaller one."""
        return np.sort(np.concatenate((self.columns[np.asarray(chosen, dtype=np.int64)], self.taken)))

    def narrow(self, chosen: NDArray[Any]) -> NDArray[np.int64] | None:
        """The same choice in the smaller model, or None where it uses a column that is not there any more."""
        number = np.full(int(self.columns.max(initial=-1)) + 1, -1, dtype=np.int64)
        number[self.columns] = np.arange(len(self.columns))
        rest = np.setdiff1d(np.asarray(chosen, dtype=np.int64), self.taken)
        if len(rest) + len(self.taken) != len(chosen) or (len(rest) and int(rest.max()) >= len(number)):
            return None
        found = number[rest]
        return None if bool((found < 0).any()) else np.sort(found)


def dominated(model: CoverModel) -> BoolArray:
    """Columns that can be left out: another one covers all they do for no more money (ties keep the lower number).

    A column stays where its being counted matters beyond what it covers: units with a group minimum, in a backhaul
    relation, or that must be built. With years, only columns of the same year are compared.
    """
    related = (model.parent >= 0).copy()
    related[model.parent[model.parent >= 0]] = True
    if model.minimum.any():
        related |= np.append(model.minimum, 0)[model.group] > 0
    related |= model.fixed
    free = ~related[model.unit]
    cost = model.cost if (model.capacity >= 0).any() or model.target is not None else np.zeros_like(model.cost)
    replace_ok = ~(model.parent >= 0)[model.unit]
    gone = np.zeros(model.n_columns, dtype=np.bool_)
    # A column that covers nothing is pointless wherever it is not counted for anything else.
    gone[free & (model.ptr[1:] == model.ptr[:-1])] = True
    if sparse.use_compiled(len(model.idx)):
        from coverage.plan.kernels import dominators

        found = dominators(model.ptr, model.idx, model.rptr, model.rcols, cost, model.year, free, replace_ok)
        gone |= found >= 0
        return gone
    return gone | _dominated(model, cost, free, replace_ok)


def _dominated(model: CoverModel, cost: NDArray[np.int64], free: BoolArray, replace_ok: BoolArray) -> BoolArray:
    """NumPy form of :func:`coverage.plan.kernels.dominators`."""
    gone = np.zeros(model.n_columns, dtype=np.bool_)
    sizes = np.diff(model.ptr)
    degrees = np.diff(model.rptr)
    for j in np.flatnonzero(free & (sizes > 0)):
        rows = model.idx[model.ptr[j] : model.ptr[j + 1]]
        rows = rows[np.argsort(degrees[rows], kind="stable")]
        alive = model.rcols[model.rptr[rows[0]] : model.rptr[rows[0] + 1]]
        equal = (sizes[alive] == sizes[j]) & (cost[alive] == cost[j])
        alive = alive[
            (alive != j)
            & replace_ok[alive]
            & ~gone[alive]
            & (sizes[alive] >= sizes[j])
            & (cost[alive] <= cost[j])
            & (model.year[alive] == model.year[j])
            & ~(equal & (alive > j))
        ]
        for row in rows[1:]:
            if not len(alive):
                break
            alive = np.intersect1d(alive, model.rcols[model.rptr[row] : model.rptr[row + 1]], assume_unique=True)
        gone[j] = len(alive) > 0
    return gone


def decided_by(model: CoverModel, dual: Dual, incumbent: int, step: int = 1) -> tuple[BoolArray, BoolArray]:
    """Columns that every strictly better plan must hold, and columns that none can: (take, drop), bool (columns,).

    With the prices fixed, forcing a column in or out moves the bound by at least its |profit|. ``step`` is the
    smallest possible improvement (the greatest common divisor of what values are made of). A hundred-thousandth is
    left as room for rounding.
    """
    if model.target is None:
        slack = dual.bound - (incumbent + step)
    else:
        slack = (incumbent - step - dual.bound) * float(dual.mu[0])
    slack += 1e-5 * max(1.0, abs(slack)) + 1e-9 * float(model.w.sum())
    if model.years > 1:
        best = np.full(model.n_units, -np.inf)
        np.maximum.at(best, model.unit, dual.profit)
        floor = np.where(model.fixed, best, np.maximum(best, 0.0))
        return np.zeros(model.n_columns, dtype=np.bool_), floor[model.unit] - dual.profit > slack
    # What needs another site is never settled in by itself: that site would have to be settled in with it.
    return (dual.profit > slack) & (model.parent[model.unit] < 0), -dual.profit > slack


def restrict(model: CoverModel, *, take: BoolArray, drop: BoolArray) -> Restricted:
    """The model that is left when ``take`` columns are built and ``drop`` columns are not; rows are merged again."""
    taken = np.flatnonzero(take)
    stay = ~(take | drop)
    if model.years == 1 and (model.parent >= 0).any():
        # What needs a column that is out is out itself; what needs a taken one needs nothing any more.
        outside = np.flatnonzero(drop)
        for _ in range(model.n_units):
            orphan = stay & np.isin(model.parent[model.unit], outside)
            if not orphan.any():
                break
            stay &= ~orphan
            outside = np.flatnonzero(~stay & ~take)
    columns = np.flatnonzero(stay)
    served = np.zeros(model.n_rows, dtype=np.bool_)
    served[sparse.entries_of(model.ptr, model.idx, taken)] = True
    ptr, idx = sparse.take_columns(model.ptr, model.idx, columns)
    ptr, idx = sparse.keep_rows(ptr, idx, np.where(served, -1, np.arange(model.n_rows)).astype(np.int32))
    cls, first = sparse.classes_of_rows(ptr, idx, model.n_rows)
    reached = np.zeros(model.n_rows, dtype=np.bool_)
    reached[idx] = True
    live = reached[first]
    rename = np.where(live, np.cumsum(live) - 1, -1).astype(np.int32)
    number = np.full(model.n_rows, -1, dtype=np.int32)
    number[first[live]] = rename[live]
    ptr, idx = sparse.keep_rows(ptr, idx, number)
    w = np.zeros(int(live.sum()), dtype=np.int64)
    np.add.at(w, rename[cls[reached]], model.w[reached])
    rptr, rcols = sparse.transpose(ptr, idx, len(w))
    base_value = int(model.w[served].sum())
    base_cost = int(model.cost[taken].sum())
    kept_units = model.unit[columns] if model.years == 1 else np.arange(model.n_units)
    minimum = model.minimum.copy()
    for unit in model.unit[taken]:
        if model.group[unit] >= 0:
            minimum[model.group[unit]] = max(0, minimum[model.group[unit]] - 1)
    position = np.full(model.n_units + 1, -1, dtype=np.int32)
    position[kept_units] = np.arange(len(kept_units), dtype=np.int32)
    capacity = model.capacity.copy()
    if capacity[0] >= 0 and taken.size:
        capacity[0] -= base_cost
    smaller = replace(
        model, ptr=ptr, idx=idx, rptr=rptr, rcols=rcols, w=w, unit=position[model.unit[columns]],
        year=model.year[columns], cost=model.cost[columns], site=model.site[kept_units], fixed=model.fixed[kept_units],
        capacity=capacity, p=model.p - len(taken) if model.p >= 0 else -1, group=model.group[kept_units],
        minimum=minimum, parent=position[model.parent[kept_units]], base_value=model.base_value + base_value,
        base_cost=model.base_cost + base_cost,
        base_sites=tuple(sorted(model.base_sites + tuple(int(model.site[u]) for u in model.unit[taken]))),
        target=None if model.target is None else max(0, model.target - base_value),
        row_of_demand=np.zeros(0, dtype=np.int32), rows_per_year=len(w),
    )  # fmt: skip
    return Restricted(smaller, columns, taken)
