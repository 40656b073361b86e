"""Lagrangian bound: how much any plan can serve at most, from multipliers that a checker can re-add.

Dualise z_i ≤ Σ_{j∈N(i)} y_j with λ_i, every budget with μ_t, the count with π, group minima with ν_g and backhaul
with ρ. For any non-negative choice no plan serves more than

    φ + Σ_t μ_t B_t + π p - Σ_g ν_g k_g,    φ(λ, prices) = Σ_i max(0, w_i - λ_i) + Σ_j max(0, max_t profit_jt),
    profit_jt = Σ_{i∈N(j)} λ_i - μ_t c_j - π + ν_g(j) - ρ_jt + (ρ of those that need j),

and in the min-cost problem no plan that serves D costs less than (D - φ - π p + Σ ν_g k_g) / μ. The best λ is sought
by the volume algorithm (Barahona and Anbil 2000, Math. Programming 87): a subgradient method that also averages the
primal solutions, which is what the fixing of sites and the heuristics feed on. For fixed λ the prices have a closed
form (one sort); with several constraints each price is minimised exactly in turn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coverage.plan import sparse
from coverage.plan.model import CoverModel

FloatArray = NDArray[np.float64]


def _dot(a: FloatArray, b: FloatArray) -> float:
    """Inner product without BLAS, whose threads would spin on every core for vectors of this length."""
    return float(np.einsum("i,i->", a, b))


@dataclass
class Dual:
    """Multipliers and the bound they give (weight units; yen in the min-cost problem), base value included."""

    lam: FloatArray
    mu: FloatArray
    pi: float
    nu: FloatArray
    rho: FloatArray
    bound: float
    profit: FloatArray = field(repr=False)
    average: FloatArray = field(repr=False)
    """Averaged primal solution, one number in [0, 1] per column: how much the relaxation wants it."""


@dataclass
class _Inner:
    profit: FloatArray
    columns: NDArray[np.int64]
    shares: FloatArray
    bound: float
    merit_scale: float
    """Weight units per unit of the bound: 1, or the price of a yen in the min-cost problem."""


class Relaxation:
    """The Lagrangian of one model. Keeps its prices between calls, because neighbouring λ have neighbouring prices."""

    def __init__(self, model: CoverModel) -> None:
        self.model = model
        self.w = model.w.astype(np.float64)
        self.cost = model.cost.astype(np.float64)
        self.mu = np.zeros(model.years)
        self.pi = 0.0
        self.nu = np.zeros(len(model.minimum))
        self.rho = np.zeros(model.n_columns)
        self.minimise = model.target is not None
        self._column_of = np.full((model.n_units, model.years), -1, dtype=np.int64)
        self._column_of[model.unit, model.year] = np.arange(model.n_columns)
        self._children = np.flatnonzero(model.parent[model.unit] >= 0)
        self._groups = np.flatnonzero(model.minimum > 0)
        self._never = ~model.possible if model.years > 1 else np.zeros(0, dtype=np.bool_)

    # ---- the inner problem: best prices for given gains r -------------------------------------------------------

    def inner(self, lam: FloatArray) -> _Inner:
        """Prices, profits and the bound for multipliers ``lam``, float64 (rows,)."""
        model = self.model
        gains = sparse.sums(model.ptr, model.idx, lam)
        rest = float(np.maximum(self.w - lam, 0.0).sum())
        if self.minimise:
            return self._inner_min(gains, rest)
        if self._never.any():
            gains[self._never] = -1e18
        if model.simple:
            return self._inner_count(gains, rest) if model.p >= 0 else self._inner_budget(gains, rest)
        return self._inner_general(gains, rest)

    def _inner_count(self, gains: FloatArray, rest: float) -> _Inner:
        p, n = self.model.p, len(gains)
        self.pi = 0.0
        if p < n:
            chosen = np.argpartition(-gains, p)[:p] if p else np.zeros(0, dtype=np.int64)
            self.pi = max(0.0, float(np.delete(gains, chosen).max()))
        else:
            chosen = np.arange(n)
        chosen = np.sort(chosen[gains[chosen] > 0])
        profit = gains - self.pi
        value = self.model.base_value + rest + float(np.maximum(profit, 0.0).sum()) + self.pi * p
        return _Inner(profit, chosen, np.ones(len(chosen)), value, 1.0)

    def _ranked(self, gains: FloatArray) -> tuple[NDArray[np.int64], FloatArray]:
        """Columns with a gain, best gain per yen first, and those ratios."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(self.cost > 0, gains / self.cost, np.inf)
        useful = np.flatnonzero(gains > 0)
        order = useful[np.argsort(-ratio[useful], kind="stable")]
        return order, ratio[order]

    def _inner_budget(self, gains: FloatArray, rest: float) -> _Inner:
        limit = float(self.model.capacity[0])
        order, ratio = self._ranked(gains)
        spent = np.cumsum(self.cost[order])
        k = int(np.searchsorted(spent, limit, side="right"))
        self.mu[0] = 0.0
        columns, shares = order[:k], np.ones(k)
        if k < len(order):
            self.mu[0] = ratio[k]
            left = limit - (spent[k - 1] if k else 0.0)
            columns, shares = order[: k + 1], np.append(shares, left / self.cost[order[k]])
        profit = gains - self.mu[0] * self.cost
        value = self.model.base_value + rest + float(np.maximum(profit, 0.0).sum()) + self.mu[0] * limit
        return _Inner(profit, columns, shares, value, 1.0)

    def _inner_min(self, gains: FloatArray, rest: float) -> _Inner:
        model = self.model
        assert model.target is not None
        if self._groups.size or self._children.size or model.p >= 0:
            self._sweep(gains, years=False)
            gains = gains + self._side(np.zeros_like(gains))
        need = model.target - rest - self.pi * max(model.p, 0) + float(self.nu @ model.minimum)
        order, ratio = self._ranked(gains)
        got = np.cumsum(gains[order])
        k = int(np.searchsorted(got, need - 1e-9 * max(1.0, abs(need))))
        if need <= 0 or not len(order) or not np.isfinite(ratio[min(k, len(order) - 1)]):
            # Nothing needs to be bought at these multipliers: the bound is what is settled beforehand.
            price = float(ratio[np.isfinite(ratio)].max(initial=1e-6)) * 2.0
            self.mu[0] = price
            k = 0
            columns, shares = order[:0], np.zeros(0)
        else:
            k = min(k, len(order) - 1)
            self.mu[0] = ratio[k]
            before = got[k - 1] if k else 0.0
            columns, shares = order[: k + 1], np.append(np.ones(k), min(1.0, (need - before) / gains[order[k]]))
        profit = gains - self.mu[0] * self.cost
        least = (need - float(np.maximum(profit, 0.0).sum())) / self.mu[0]
        return _Inner(profit, columns, shares, model.base_cost + max(0.0, least), float(self.mu[0]))

    def _side(self, profit: FloatArray) -> FloatArray:
        """``profit`` with count, group and backhaul prices applied."""
        model = self.model
        out = profit - self.pi
        if self._groups.size:
            out += np.append(self.nu, 0.0)[model.group[model.unit]]
        for child in self._children[self.rho[self._children] > 0]:
            out[child] -= self.rho[child]
            out[self._parents(child)] += self.rho[child]
        return out

    def _parents(self, child: int | np.integer[Any]) -> NDArray[np.int64]:
        """Columns that build what ``child`` needs, in its own year or before."""
        model = self.model
        return self._column_of[model.parent[model.unit[child]], : model.year[child] + 1]

    def _unit_best(self, profit: FloatArray) -> FloatArray:
        table = np.full((self.model.n_units, self.model.years), -np.inf)
        table[self.model.unit, self.model.year] = profit
        return table.max(axis=1) if self.model.years else np.zeros(self.model.n_units)

    def _sweep(self, gains: FloatArray, *, years: bool = True) -> None:
        """Minimise the bound over each price in turn, the others fixed."""
        model = self.model
        priced = gains - self.mu[model.year] * self.cost
        if model.p >= 0:
            self.pi = 0.0
            best = self._unit_best(self._side(priced))
            best[model.fixed] = np.inf
            if model.p < len(best):
                self.pi = max(0.0, float(np.partition(best, len(best) - model.p - 1)[len(best) - model.p - 1]))
        for g in self._groups:
            self.nu[g] = 0.0
            members = np.flatnonzero(model.group == g)
            best = self._unit_best(self._side(priced))
            best[model.fixed] = np.inf
            k = int(model.minimum[g])
            if k <= len(members):
                self.nu[g] = max(0.0, -float(np.sort(best[members])[len(members) - k]))
        for child in self._children:
            self.rho[child] = 0.0
        if self._children.size:
            profit = self._side(priced)
            for child in self._children:
                parents = self._parents(child)
                above = float(profit[parents].max())
                if profit[child] > 0 > above:
                    self.rho[child] = min(float(profit[child]), -above)
                    profit[parents] += self.rho[child]
                    profit[child] -= self.rho[child]
        if not years:
            return
        for t in range(model.years):
            if int(model.capacity[t]) < 0:
                continue
            profit = self._side(gains - self.mu[model.year] * self.cost)
            table = np.full((model.n_units, model.years), -np.inf)
            table[model.unit, model.year] = profit
            own = self._side(gains)[self._column_of[:, t]]
            table[:, t] = np.where(model.fixed, -np.inf, 0.0)
            other = table.max(axis=1)
            gain = np.where(np.isfinite(other), own - other, np.inf)
            cost = self.cost[self._column_of[:, t]]
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = np.where(cost > 0, gain / cost, 0.0)
            useful = np.flatnonzero((gain > 0) & (cost > 0))
            order = useful[np.argsort(-ratio[useful], kind="stable")]
            spent = np.cumsum(cost[order])
            k = int(np.searchsorted(spent, float(model.capacity[t]), side="right"))
            self.mu[t] = 0.0
            if k < len(order):
                self.mu[t] = ratio[order[k]] if np.isfinite(ratio[order[k]]) else float(ratio[np.isfinite(ratio)].max(initial=0.0))

    def _inner_general(self, gains: FloatArray, rest: float) -> _Inner:
        model = self.model
        self._sweep(gains)
        profit = self._side(gains - self.mu[model.year] * self.cost)
        best = self._unit_best(profit)
        value = model.base_value + rest + float(np.where(model.fixed, best, np.maximum(best, 0.0)).sum())
        limits = np.maximum(model.capacity, 0).astype(np.float64)
        value += float(self.mu @ limits) + self.pi * max(model.p, 0) - float(self.nu @ model.minimum)
        wanted = profit >= np.where(model.fixed, -np.inf, 0.0)[model.unit]
        wanted &= profit >= best[model.unit]
        columns, shares = self._fill(np.flatnonzero(wanted), profit)
        return _Inner(profit, columns, shares, value, 1.0)

    def _fill(self, wanted: NDArray[np.int64], profit: FloatArray) -> tuple[NDArray[np.int64], FloatArray]:
        """Shares of the wanted columns, dearest profit first, until each year's money and the count are used up."""
        model = self.model
        order = wanted[np.argsort(-profit[wanted], kind="stable")]
        shares = np.ones(len(order))
        for t in range(model.years):
            if int(model.capacity[t]) >= 0 and self.mu[t] > 0:
                here = model.year[order] == t
                cost = self.cost[order[here]]
                before = np.cumsum(cost) - cost
                with np.errstate(divide="ignore", invalid="ignore"):
                    room = np.where(cost > 0, (float(model.capacity[t]) - before) / cost, 1.0)
                shares[here] = np.minimum(shares[here], np.clip(room, 0.0, 1.0))
        if model.p >= 0 and self.pi > 0:
            shares = np.minimum(shares, np.clip(model.p - (np.cumsum(shares) - shares), 0.0, 1.0))
        kept = shares > 0
        return order[kept], shares[kept]

    # ---- the outer problem: better multipliers ---------------------------------------------------------------------

    def start(self, columns: NDArray[Any]) -> FloatArray:
        """Multipliers to begin with: a row's weight, shared among the chosen columns that cover it."""
        cover = sparse.counts(self.model.ptr, self.model.idx, columns, self.model.n_rows)
        return self.w / np.maximum(cover, 1)

    def dual(self, lam: FloatArray, average: FloatArray | None = None) -> Dual:
        """The record of ``lam`` with the prices that fit it."""
        inner = self.inner(lam)
        if average is None:
            average = np.zeros(self.model.n_columns)
            average[inner.columns] = inner.shares
        return Dual(
            lam.copy(), self.mu.copy(), self.pi, self.nu.copy(), self.rho.copy(), inner.bound, inner.profit, average
        )

    def improve(
        self,
        lam: FloatArray,
        incumbent: Callable[[], float],
        *,
        iterations: int,
        stop: Callable[[Dual | None], bool] = lambda _: False,
        tolerance: float = 1e-7,
    ) -> Dual:
        """Volume algorithm from ``lam``; ``incumbent()`` is the value (or cost) of the best plan so far.

        Ends after ``iterations``, when ``stop`` says so (asked every 10th iteration with the best dual so far), or when
        steps no longer move the bound by ``tolerance`` of it in 100 iterations.
        """
        sign = -1.0 if self.minimise else 1.0
        model = self.model
        inner = self.inner(lam)
        best_lam, best = lam, inner.bound
        best_prices = (self.mu.copy(), self.pi, self.nu.copy(), self.rho.copy(), inner.profit)
        average = np.zeros(model.n_columns)
        average[inner.columns] = inner.shares
        cover = self._cover(inner)
        mean = best_cover = cover
        factor, alpha_max, red, mark, mark_at = 0.5, 0.1, 0, best, 0
        for iteration in range(1, iterations + 1):
            slack = mean - 1.0
            slack[(best_lam <= 0) & (slack > 0)] = 0.0
            slack[(best_lam >= self.w) & (slack < 0)] = 0.0
            norm = _dot(slack, slack)
            gap = sign * (best - incumbent()) * inner.merit_scale
            if norm < 1e-12 and mean is not best_cover:
                # The average points out of the box everywhere; only the point's own direction can tell the optimum.
                mean = best_cover
                continue
            if norm < 1e-12 or gap <= 0:
                break
            lam = np.clip(best_lam - (factor * 1.05 * gap / norm) * slack, 0.0, self.w)
            inner = self.inner(lam)
            cover = self._cover(inner)
            alpha = self._mixing(cover - 1.0, mean - 1.0, alpha_max)
            mean = (1.0 - alpha) * mean + alpha * cover
            average *= 1.0 - alpha
            average[inner.columns] += alpha * inner.shares
            if sign * (inner.bound - best) < 0:
                agree = _dot(slack, cover - 1.0)
                best_lam, best, best_cover = lam, inner.bound, cover
                best_prices = (self.mu.copy(), self.pi, self.nu.copy(), self.rho.copy(), inner.profit)
                red = 0
                if agree > 0:
                    factor = min(2.0, factor * 1.1)
            else:
                red += 1
                if red >= 10:
                    factor = max(1e-4, factor * 0.66)
                    red = 0
            if iteration - mark_at >= 100:
                if abs(mark - best) < tolerance * max(1.0, abs(best)):
                    break
                if abs(mark - best) < 1e-4 * max(1.0, abs(best)):
                    alpha_max = max(0.01, alpha_max / 2)
                mark, mark_at = best, iteration
            if iteration % 10 == 0 and stop(self._record(best_lam, best_prices, best, average)):
                break
        return self._record(best_lam, best_prices, best, average)

    @staticmethod
    def _record(lam: FloatArray, prices: Any, bound: float, average: FloatArray) -> Dual:
        mu, pi, nu, rho, profit = prices
        return Dual(lam, mu, pi, nu, rho, bound, profit, average)

    def _cover(self, inner: _Inner) -> FloatArray:
        model = self.model
        entries = sparse.entries_of(model.ptr, model.idx, inner.columns)
        sizes = (model.ptr[1:] - model.ptr[:-1])[inner.columns]
        return np.bincount(entries, weights=np.repeat(inner.shares, sizes), minlength=model.n_rows).astype(np.float64)

    @staticmethod
    def _mixing(new: FloatArray, old: FloatArray, alpha_max: float) -> float:
        """The share of the new solution in the average: the shortest combined direction, kept in a sane range."""
        change = new - old
        norm = _dot(change, change)
        if norm < 1e-12:
            return alpha_max
        return float(np.clip(-_dot(old, change) / norm, alpha_max / 10, alpha_max))
