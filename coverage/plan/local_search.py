"""Simulated annealing over plans: move a site to a neighbouring place, or drop one and fill the room anywhere.

Compiled; the state lives in arrays. Only allowed plans are visited, so the best one can be taken at any time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coverage.plan.model import CoverModel


class Annealing:
    """One search from a feasible start. The same seed and number of steps give the same plans."""

    def __init__(
        self,
        model: CoverModel,
        start: NDArray[np.int64],
        *,
        seed: int,
        allowed: NDArray[np.bool_] | None = None,
        capacity: NDArray[np.int64] | None = None,
        p: int | None = None,
        heat: float = 0.05,
        cycle: int = 1_000_000,
        refill: int = 300,
    ) -> None:
        """``allowed`` bars columns from being added; ``capacity`` and ``p`` replace the model's (min-cost search)."""
        self.model = model
        self._allowed = np.ones(model.n_columns, dtype=np.bool_) if allowed is None else allowed
        self._capacity = model.capacity if capacity is None else capacity
        self._p = model.p if p is None else p
        self._w = model.w.astype(np.int64)
        self._state = np.array([(seed * 0x9E3779B97F4A7C15 + 0x2545F4914F6CDD1D) % 2**64 or 1], dtype=np.uint64)
        self._cycle, self._refill = cycle, refill
        self._load(start)
        self.best = self._chosen.copy()
        self.best_value = int(self._numbers[0])
        self._numbers[1] = self.best_value
        self._heat = heat * max(1.0, (self.best_value - model.base_value) / max(1, len(start)))

    def _load(self, columns: NDArray[np.int64]) -> None:
        from coverage.plan.kernels import add_column

        model = self.model
        n = model.n_columns
        self._chosen = np.zeros(n, dtype=np.bool_)
        self._listed = np.zeros(n, dtype=np.int64)
        self._place = np.zeros(n, dtype=np.int64)
        self._count = np.zeros(model.n_rows, dtype=np.int32)
        self._owner = np.zeros(model.n_rows, dtype=np.int32)
        running = np.concatenate(([0], np.cumsum(self._w[model.idx]))) if len(model.idx) < 50_000_000 else None
        if running is not None:
            self._gain = running[model.ptr[1:]] - running[model.ptr[:-1]]
        else:
            self._gain = np.array(
                [self._w[model.idx[model.ptr[c] : model.ptr[c + 1]]].sum() for c in range(n)], dtype=np.int64
            )
        self._gain = self._gain.astype(np.int64)
        self._unit_col = np.full(model.n_units, -1, dtype=np.int32)
        self._used = np.zeros(model.years, dtype=np.int64)
        self._in_group = np.zeros(max(1, len(model.minimum)), dtype=np.int64)
        self._children = np.zeros(model.n_units, dtype=np.int32)
        value = model.base_value
        for place, column in enumerate(columns):
            c = int(column)
            value += int(self._gain[c])
            add_column(c, model.ptr, model.idx, model.rptr, model.rcols, self._w, self._count, self._owner, self._gain)
            self._chosen[c] = True
            self._listed[place], self._place[c] = c, place
            unit = int(model.unit[c])
            self._unit_col[unit] = c
            self._used[model.year[c]] += model.cost[c]
            if model.group[unit] >= 0:
                self._in_group[model.group[unit]] += 1
            if model.parent[unit] >= 0:
                self._children[model.parent[unit]] += 1
        self._numbers = np.array([value, value, 0, len(columns)], dtype=np.int64)

    def step(self, steps: int) -> bool:
        """Search on for ``steps`` moves; True when a better plan was found."""
        from coverage.plan.kernels import anneal_steps

        model = self.model
        minimum = model.minimum if len(model.minimum) else np.zeros(1, dtype=np.int64)
        before = self.best_value
        net = (
            model.ptr, model.idx, model.rptr, model.rcols, self._w,
            model.unit, model.year, model.cost, model.group, model.parent,
        )  # fmt: skip
        books = (
            self._chosen, self._count, self._owner, self._gain, self._unit_col, self._used, self._in_group,
            self._children, self._listed, self._place, self._numbers,
        )  # fmt: skip
        anneal_steps(
            net, self._allowed, model.fixed, self._capacity, self._p, minimum,
            books, self.best, self._state, steps, self._heat, self._cycle, self._refill,
        )  # fmt: skip
        self.best_value = int(self._numbers[1])
        return self.best_value > before

    @property
    def steps_done(self) -> int:
        """Proposals made so far."""
        return int(self._numbers[2])

    @property
    def value(self) -> int:
        """Value of the choice that the search stands at, which may be below the best."""
        return int(self._numbers[0])

    @property
    def chosen_columns(self) -> NDArray[np.int64]:
        """The choice that the search stands at."""
        return np.flatnonzero(self._chosen)

    @property
    def best_columns(self) -> NDArray[np.int64]:
        return np.flatnonzero(self.best)
