"""The solver's own form of an instance: merged rows, one column per (site, year), constraints as plain arrays.

Nothing here approximates: what is merged, served already or out of reach is accounted for exactly, and
:meth:`CoverModel.plan_of` and :meth:`CoverModel.demand_multipliers` lead back to the instance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coverage.plan import sparse
from coverage.plan.feasibility import Choice, closure
from coverage.plan.instance import Instance, IntArray

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class CoverModel:
    """Columns cover rows. ``ptr, idx`` lists rows by column, ``rptr, rcols`` columns by row; ``w`` int64 per row.

    Column c builds site ``site[unit[c]]`` in year ``year[c]`` at ``cost[c]``; at most one column per unit. ``capacity``
    int64 (years,), -1 = no limit; ``p`` -1 = no limit. ``fixed`` units must be built (only with years; without, forced
    sites are settled beforehand and what they serve is ``base_value``). ``target`` is what rows must still yield in
    the min-cost problem, None otherwise.
    """

    instance: Instance
    ptr: sparse.Pointers
    idx: sparse.Numbers
    rptr: sparse.Pointers
    rcols: sparse.Numbers
    w: IntArray
    unit: sparse.Numbers
    year: sparse.Numbers
    cost: IntArray
    site: sparse.Numbers
    fixed: BoolArray
    capacity: IntArray
    p: int
    group: sparse.Numbers
    minimum: IntArray
    parent: sparse.Numbers
    base_value: int
    base_cost: int
    base_sites: tuple[int, ...]
    target: int | None
    row_of_demand: sparse.Numbers
    """Merged row of each demand point in the first year; -1 served by forced sites, -2 out of reach."""
    rows_per_year: int

    @property
    def n_rows(self) -> int:
        return len(self.w)

    @property
    def n_columns(self) -> int:
        return len(self.unit)

    @property
    def n_units(self) -> int:
        return len(self.site)

    @property
    def years(self) -> int:
        return len(self.capacity)

    @property
    def possible(self) -> BoolArray:
        """Columns that their year's money can pay at all, bool (columns,)."""
        limit = self.capacity[self.year]
        return (limit < 0) | (self.cost <= limit)

    @property
    def simple(self) -> bool:
        """One limit (budget or count) and nothing else: the inner problem then has a closed form."""
        return (
            self.years == 1
            and (self.p < 0) != (int(self.capacity[0]) < 0)
            and not bool(self.minimum.any())
            and not bool((self.parent >= 0).any())
            and not bool(self.fixed.any())
        )

    def plan_of(self, columns: NDArray[Any]) -> list[Choice]:
        """The plan, forced sites included, as ascending (site, year)."""
        plan = [(int(self.site[self.unit[c]]), int(self.year[c])) for c in columns]
        return sorted(plan + [(site, 0) for site in self.base_sites])

    def columns_of(self, plan: list[Choice]) -> NDArray[np.int64]:
        """Columns of a plan (the sites that are settled beforehand are left out)."""
        number = {(int(self.site[self.unit[c]]), int(self.year[c])): c for c in range(self.n_columns)}
        settled = set(self.base_sites)
        return np.array(sorted(number[choice] for choice in plan if choice[0] not in settled), dtype=np.int64)

    def value_of(self, columns: NDArray[Any]) -> int:
        """Weight that ``columns`` serve, what was served before included."""
        rows = np.unique(sparse.entries_of(self.ptr, self.idx, columns))
        return self.base_value + int(self.w[rows].sum())

    def cost_of(self, columns: NDArray[Any]) -> int:
        """Cost of ``columns`` and of the sites that are settled beforehand."""
        return self.base_cost + int(self.cost[np.asarray(columns, dtype=np.int64)].sum())

    def demand_multipliers(self, lam: IntArray, scale: int) -> IntArray:
        """Multipliers per demand point and year, int64 (years, m), from those per merged row (units 1/``scale``).

        A merged row's multiplier (at most its weight) is handed to its members in order, each up to its own weight, so
        that the sum over any site's list stays exactly equal. What forced sites serve gets 0; what no open site
        reaches gets its full weight.
        """
        inst = self.instance
        order = np.argsort(self.row_of_demand, kind="stable")
        rows = self.row_of_demand[order]
        inside = rows >= 0
        start = np.searchsorted(rows, np.arange(self.rows_per_year, dtype=np.int32))
        out = np.zeros((self.years, inst.n_demand), dtype=np.int64)
        for t, factor in enumerate(inst.year_weights or (1,)):
            full = inst.w[order] * (factor * scale)
            before = np.cumsum(full) - full
            part = lam[t * self.rows_per_year : (t + 1) * self.rows_per_year]
            share = np.zeros(len(rows), dtype=np.int64)
            left = part[rows[inside]] - (before[inside] - before[start[rows[inside]]])
            share[inside] = np.clip(left, 0, full[inside])
            share[rows == -2] = full[rows == -2]
            out[t, order] = share
        return out


def build_model(instance: Instance, *, weights: IntArray | None = None, merge: bool = True) -> CoverModel:
    """Settle forced and excluded sites, merge rows with identical N(i) exactly, and lay out years.

    ``weights`` replaces the instance's own objective (same length). ``merge=False`` keeps every row, for tests.
    """
    w = instance.w if weights is None else weights
    years = instance.n_years
    m = instance.n_demand
    out = _barred(instance)
    must = closure(instance, instance.forced.tolist())
    row_state = np.zeros(m, dtype=np.int32)
    base_sites: tuple[int, ...] = ()
    if years == 1:
        base_sites = tuple(must)
        row_state[instance.served(must)] = -1
        out[must] = True
    open_sites = np.flatnonzero(~out)
    number = np.where((row_state == 0) & (w > 0), np.arange(m, dtype=np.int32), np.int32(-1)).astype(np.int32)
    if len(open_sites) == instance.n_sites and bool((number >= 0).all()):
        ptr, idx = instance.indptr, instance.indices
    else:
        ptr, idx = sparse.take_columns(instance.indptr, instance.indices, open_sites)
        ptr, idx = sparse.keep_rows(ptr, idx, number)
    reached = np.zeros(m, dtype=np.bool_)
    reached[idx] = True
    if merge:
        cls, first = sparse.classes_of_rows(ptr, idx, m)
    else:
        cls, first = np.arange(m, dtype=np.int32), np.arange(m, dtype=np.int32)
    live = reached[first]
    rename = np.where(live, np.cumsum(live) - 1, -1).astype(np.int32)
    row_of_demand = np.where(row_state == -1, np.int32(-1), np.where(reached, rename[cls], np.int32(-2))).astype(np.int32)
    new_number = np.full(m, -1, dtype=np.int32)
    new_number[first[live]] = rename[live]
    ptr, idx = sparse.keep_rows(ptr, idx, new_number)
    rows = int(live.sum())
    inside = row_of_demand >= 0
    merged = np.zeros(rows, dtype=np.int64)
    np.add.at(merged, row_of_demand[inside], w[inside])
    base_cost = instance.cost(base_sites)
    position = np.full(instance.n_sites, -1, dtype=np.int32)
    position[open_sites] = np.arange(len(open_sites), dtype=np.int32)
    group, minimum = _groups(instance, open_sites, base_sites)
    parent = np.full(len(open_sites), -1, dtype=np.int32)
    if instance.requires is not None:
        settled = set(base_sites)
        for number_of_unit, site in enumerate(open_sites):
            above = int(instance.requires[site])
            if above >= 0 and above not in settled:
                parent[number_of_unit] = position[above]
    n_units = len(open_sites)
    cost = instance.costs[open_sites]
    unit: sparse.Numbers = np.arange(n_units, dtype=np.int32)
    if years == 1:
        limit = instance.year_budgets[0] if instance.year_budgets else instance.budget
        capacity = np.array([-1 if limit is None else limit - base_cost], dtype=np.int64)
        year: sparse.Numbers = np.zeros(n_units, dtype=np.int32)
        fixed = np.zeros(n_units, dtype=np.bool_)
    else:
        capacity = np.array(instance.year_budgets, dtype=np.int64)
        fixed = np.isin(open_sites, must)
        ptr, idx, unit, year = _spread_over_years(ptr, idx, rows, years)
        cost = cost[unit] if instance.year_costs is None else instance.year_costs[year, open_sites[unit]]
    factors = instance.year_weights or (1,)
    merged = np.concatenate([merged * factor for factor in factors])
    rptr, rcols = sparse.transpose(ptr, idx, len(merged))
    base_value = int(w[row_state == -1].sum()) * factors[0]
    return CoverModel(
        instance=instance, ptr=ptr, idx=idx, rptr=rptr, rcols=rcols, w=merged, unit=unit, year=year,
        cost=cost.astype(np.int64), site=open_sites.astype(np.int32), fixed=fixed, capacity=capacity,
        p=-1 if instance.p is None else instance.p - len(base_sites), group=group, minimum=minimum, parent=parent,
        base_value=base_value, base_cost=base_cost, base_sites=base_sites,
        target=None if instance.target is None else max(0, instance.target - base_value),
        row_of_demand=row_of_demand, rows_per_year=rows,
    )  # fmt: skip


def room(instance: Instance) -> list[int | None]:
    """Per year, the most that one site which is not forced may cost; None without a limit."""
    if len(instance.year_budgets) > 1:
        return list(instance.year_budgets)
    limit = instance.year_budgets[0] if instance.year_budgets else instance.budget
    return [None if limit is None else limit - instance.cost(instance.forced)]


def _barred(instance: Instance) -> BoolArray:
    """Sites that no plan can hold: excluded, dearer than what forced sites leave, or in need of such a one."""
    out = np.zeros(instance.n_sites, dtype=np.bool_)
    out[instance.excluded] = True
    rooms = room(instance)
    if all(limit is not None for limit in rooms):
        out |= instance.costs > max(int(limit) for limit in rooms if limit is not None)
        out[instance.forced] = False
    if instance.requires is not None:
        for site in range(instance.n_sites):
            if any(out[above] for above in closure(instance, [site])):
                out[site] = True
    return out


def _groups(instance: Instance, open_sites: NDArray[Any], base: tuple[int, ...]) -> tuple[sparse.Numbers, IntArray]:
    if instance.group is None:
        return np.full(len(open_sites), -1, dtype=np.int32), np.zeros(0, dtype=np.int64)
    minimum = np.array(instance.group_minimum, dtype=np.int64)
    for site in base:
        if instance.group[site] >= 0:
            minimum[instance.group[site]] -= 1
    return instance.group[open_sites], np.maximum(minimum, 0)


def _spread_over_years(
    ptr: sparse.Pointers, idx: sparse.Numbers, rows: int, years: int
) -> tuple[sparse.Pointers, sparse.Numbers, sparse.Numbers, sparse.Numbers]:
    """One column per site and year: built in year t, it serves its rows in t and every later year."""
    n = len(ptr) - 1
    lists: list[sparse.Numbers] = []
    for site in range(n):
        own = idx[ptr[site] : ptr[site + 1]]
        for t in range(years):
            lists.extend(own + np.int32(s * rows) for s in range(t, years))
    sizes = np.repeat(np.diff(ptr), years) * np.tile(np.arange(years, 0, -1), n)
    flat = np.concatenate(lists).astype(np.int32) if lists else np.zeros(0, dtype=np.int32)
    pointers = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    unit = np.repeat(np.arange(n, dtype=np.int32), years)
    year = np.tile(np.arange(years, dtype=np.int32), n)
    return pointers, flat, unit, year
