"""Greedy plans: a feasible start with a known guarantee.

With a count limit, taking the largest gain again and again serves at least 1 - 1/e of the best (Nemhauser, Wolsey and
Fisher 1978). With a budget the better of "gain per yen" and "the best single site" serves at least half of that. The
lazy evaluation (Minoux 1978) re-reads a site's gain only when it comes to the top, because gains never grow.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coverage.plan import sparse
from coverage.plan.model import CoverModel


@dataclass
class _State:
    """What is built so far, and the room that is left."""

    model: CoverModel
    covered: NDArray[np.bool_]
    columns: list[int]
    built: NDArray[np.int64]
    """Year in which each unit stands; ``years`` while it does not."""
    left: NDArray[np.int64]
    count_left: int
    lacking: NDArray[np.int64]

    @classmethod
    def empty(cls, model: CoverModel) -> _State:
        left = np.where(model.capacity >= 0, model.capacity, np.iinfo(np.int64).max)
        built = np.full(model.n_units, model.years, dtype=np.int64)
        count = model.p if model.p >= 0 else model.n_units
        covered = np.zeros(model.n_rows, dtype=np.bool_)
        return cls(model, covered, [], built, left, count, model.minimum.copy())

    def chain(self, column: int) -> list[int]:
        """``column`` after the columns that it needs and that do not stand yet, in the same year."""
        model, year = self.model, int(self.model.year[column])
        out = [column]
        unit = int(model.parent[model.unit[column]])
        while unit >= 0 and int(self.built[unit]) > year:
            out.append(int(np.flatnonzero((model.unit == unit) & (model.year == year))[0]))
            unit = int(model.parent[unit])
        return out[::-1]

    def fits(self, column: int) -> bool:
        """Room for the column and what it needs, keeping enough of the count for group minima."""
        model = self.model
        if int(self.built[model.unit[column]]) < model.years:
            return False
        chain = self.chain(column)
        if any(int(self.built[model.unit[c]]) < model.years for c in chain):
            return False
        spent = sum(int(model.cost[c]) for c in chain)
        year = int(model.year[column])
        if spent > int(self.left[year]) or len(chain) > self.count_left:
            return False
        helps = np.zeros_like(self.lacking)
        for c in chain:
            g = int(model.group[model.unit[c]])
            if g >= 0:
                helps[g] += 1
        after = np.maximum(self.lacking - helps, 0)
        if self.count_left - len(chain) < int(after.sum()):
            return False
        if model.years == 1 and int(model.capacity[0]) >= 0 and after.any():
            return int(self.left[0]) - spent >= self._cheapest(after, {int(model.unit[c]) for c in chain})
        return True

    def _cheapest(self, lacking: NDArray[np.int64], besides: set[int]) -> int:
        """Least money that still has to go into group minima."""
        model = self.model
        total = 0
        for g in np.flatnonzero(lacking > 0):
            free = (model.group[model.unit] == g) & (self.built[model.unit] == model.years)
            free &= ~np.isin(model.unit, list(besides))
            total += int(np.sort(model.cost[free])[: int(lacking[g])].sum())
        return total

    def gain(self, column: int) -> int:
        """Weight that the column and what it needs would add."""
        model = self.model
        rows = np.unique(sparse.entries_of(model.ptr, model.idx, np.array(self.chain(column))))
        return int(model.w[rows[~self.covered[rows]]].sum())

    def price(self, column: int) -> int:
        return sum(int(self.model.cost[c]) for c in self.chain(column))

    def build(self, column: int) -> None:
        model = self.model
        for c in self.chain(column):
            self.covered[model.idx[model.ptr[c] : model.ptr[c + 1]]] = True
            self.columns.append(c)
            self.built[model.unit[c]] = model.year[c]
            if int(model.capacity[model.year[c]]) >= 0:
                self.left[model.year[c]] -= model.cost[c]
            self.count_left -= 1
            g = int(model.group[model.unit[c]])
            if g >= 0 and self.lacking[g] > 0:
                self.lacking[g] -= 1


def _climb(state: _State, *, per_yen: bool, among: NDArray[np.int64] | None = None, until_groups: bool = False) -> None:
    """Lazy greedy over ``among`` (all columns by default) until nothing that adds anything fits."""
    model = state.model
    candidates = np.arange(model.n_columns) if among is None else among
    if until_groups or (model.parent >= 0).any():
        gains = np.array([state.gain(int(c)) for c in candidates], dtype=np.float64)
    else:
        fresh = np.where(state.covered, 0, model.w).astype(np.float64)
        gains = sparse.sums(model.ptr, model.idx, fresh)[candidates]

    def key(column: int, gain: float) -> float:
        cost = state.price(column) if per_yen else 1
        return gain / cost if cost > 0 else gain * 1e12

    heap = [(-key(int(c), float(g)), int(c)) for c, g in zip(candidates, gains, strict=True) if g > 0 or until_groups]
    heapq.heapify(heap)
    while heap:
        old, column = heapq.heappop(heap)
        g = int(model.group[model.unit[column]])
        if until_groups and (g < 0 or state.lacking[g] <= 0):
            continue
        if not state.fits(column):
            continue
        now = -key(column, float(state.gain(column)))
        if now > old and heap and now > heap[0][0]:
            if now < 0 or until_groups:
                heapq.heappush(heap, (now, column))
            continue
        if now < 0 or until_groups:
            state.build(column)


def _must(state: _State) -> bool:
    """Build the units that have to be built: dearest first, each in the earliest year with room (needs before it)."""
    model = state.model
    order = sorted(np.flatnonzero(model.fixed), key=lambda u: -int(model.cost[np.flatnonzero(model.unit == u)[0]]))
    for unit in order:
        if int(state.built[unit]) < model.years:
            continue
        for column in np.flatnonzero(model.unit == unit):
            if state.fits(int(column)):
                state.build(int(column))
                break
        else:
            return False
    return True


def _meet_minima(state: _State, *, per_yen: bool) -> bool:
    _climb(state, per_yen=per_yen, until_groups=True)
    return not state.lacking.any()


def greedy_coverage(model: CoverModel) -> NDArray[np.int64] | None:
    """A plan for the coverage problem, or None where greedy does not find room for what must be built."""
    best: NDArray[np.int64] | None = None
    best_value = -1
    money = bool((model.capacity >= 0).any())
    for per_yen in (False, True) if money else (False,):
        for minima_first in (False, True) if model.minimum.any() else (False,):
            state = _State.empty(model)
            if not _must(state) or (minima_first and not _meet_minima(state, per_yen=True)):
                continue
            _climb(state, per_yen=per_yen)
            if not _meet_minima(state, per_yen=per_yen):
                continue
            columns = np.array(sorted(state.columns), dtype=np.int64)
            value = model.value_of(columns)
            if value > best_value:
                best, best_value = columns, value
    single = _best_single(model) if money and not model.minimum.any() and not model.fixed.any() else None
    if single is not None and model.value_of(single) > best_value:
        return single
    return best


def _best_single(model: CoverModel) -> NDArray[np.int64] | None:
    state = _State.empty(model)
    gains = sparse.sums(model.ptr, model.idx, model.w.astype(np.float64))
    for column in np.argsort(-gains, kind="stable"):
        if gains[column] > 0 and state.fits(int(column)):
            state.build(int(column))
            return np.array(sorted(state.columns), dtype=np.int64)
    return None


def greedy_cost(model: CoverModel) -> NDArray[np.int64] | None:
    """A cheap plan that serves the target (gain per yen, capped at what is still needed), pruned; None if none found."""
    assert model.target is not None
    best: NDArray[np.int64] | None = None
    best_cost = -1
    for capped in (True, False):
        state = _State.empty(model)
        if not _meet_minima(state, per_yen=True):
            return None
        while True:
            need = model.target - int(model.w[state.covered].sum())
            if need <= 0:
                break
            fresh = np.where(state.covered, 0, model.w).astype(np.float64)
            gains = sparse.sums(model.ptr, model.idx, fresh)
            if (model.parent >= 0).any():
                gains = np.array([state.gain(c) for c in range(model.n_columns)], dtype=np.float64)
                prices = np.array([state.price(c) for c in range(model.n_columns)], dtype=np.float64)
            else:
                prices = model.cost.astype(np.float64)
            useful = np.minimum(gains, need) if capped else gains
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = np.where(prices > 0, useful / prices, useful * 1e12)
            built = False
            for column in np.argsort(-ratio, kind="stable"):
                if useful[column] <= 0:
                    break
                if state.fits(int(column)):
                    state.build(int(column))
                    built = True
                    break
            if not built:
                break
        if int(model.w[state.covered].sum()) < model.target:
            continue
        columns = prune(model, np.array(sorted(state.columns), dtype=np.int64))
        cost = model.cost_of(columns)
        if best is None or cost < best_cost:
            best, best_cost = columns, cost
    return best


def prune(model: CoverModel, columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Leave out columns, dearest first, as long as the target and every minimum still hold."""
    kept = list(columns)
    counts = sparse.counts(model.ptr, model.idx, columns, model.n_rows)
    served = int(model.w[counts > 0].sum())
    target = model.target if model.target is not None else served
    for column in sorted(columns, key=lambda c: (-int(model.cost[c]), int(c))):
        unit = model.unit[column]
        if any(int(model.parent[model.unit[c]]) == unit for c in kept if c != column):
            continue
        g = int(model.group[unit])
        if g >= 0 and sum(int(model.group[model.unit[c]]) == g for c in kept) <= int(model.minimum[g]):
            continue
        rows = model.idx[model.ptr[column] : model.ptr[column + 1]]
        loss = int(model.w[rows[counts[rows] == 1]].sum())
        if served - loss >= target:
            kept.remove(column)
            counts[rows] -= 1
            served -= loss
    return np.array(sorted(kept), dtype=np.int64)
