"""HiGHS on the reduced model: the linear relaxation, and branch and bound with a start, limits, progress and cancel."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from coverage.plan import sparse
from coverage.plan.model import CoverModel

Status = Literal["optimal", "infeasible", "time-limit", "cancelled", "not-run"]


@dataclass(frozen=True)
class ExactResult:
    """``columns`` the best choice found (None if none), ``bound`` HiGHS' own bound on value or cost, in float64."""

    status: Status
    columns: NDArray[np.int64] | None
    bound: float
    nodes: int
    rows: int
    entries: int


@dataclass(frozen=True)
class ExtraRow:
    """low ≤ Σ y·``columns`` + Σ z·``weights`` ≤ high: distance to earlier plans, a floor on a second objective."""

    low: float
    high: float
    columns: NDArray[np.float64] | None = None
    weights: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class _Program:
    """min/max cost·x, row bounds, rows as CSR. x = y (columns), then z of the rows that need a variable."""

    cost: NDArray[np.float64]
    offset: float
    maximise: bool
    row_low: NDArray[np.float64]
    row_high: NDArray[np.float64]
    start: NDArray[np.int64]
    index: NDArray[np.int32]
    value: NDArray[np.float64]
    z_rows: NDArray[np.int64]
    cover_rows: int


def _program(model: CoverModel, extra: tuple[ExtraRow, ...] = ()) -> _Program:
    """The covering model: z_i ≤ Σ y over N(i). A row that one column alone covers needs no variable: its z is that y."""
    n = model.n_columns
    inf = math.inf
    degrees = np.diff(model.rptr)
    keep_all = any(row.weights is not None for row in extra)
    z_rows = np.flatnonzero(degrees >= (1 if keep_all else 2))
    single = np.flatnonzero(degrees == 1) if not keep_all else np.zeros(0, dtype=np.int64)
    own = np.zeros(n)
    if single.size:
        np.add.at(own, model.rcols[model.rptr[single]], model.w[single].astype(np.float64))
    z_weight = model.w[z_rows].astype(np.float64)
    sizes = degrees[z_rows] + 1
    cover = np.empty(int(sizes.sum()), dtype=np.int32)
    coefficient = np.full(len(cover), -1.0)
    starts = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    cover[starts[:-1]] = n + np.arange(len(z_rows))
    coefficient[starts[:-1]] = 1.0
    rest = np.ones(len(cover), dtype=np.bool_)
    rest[starts[:-1]] = False
    cover[rest] = sparse.entries_of(model.rptr, model.rcols, z_rows) if len(z_rows) < model.n_rows else model.rcols
    rows: list[tuple[NDArray[Any], NDArray[Any], float, float]] = []

    def add(columns: NDArray[Any], values: NDArray[Any], low: float, high: float) -> None:
        rows.append((columns, np.asarray(values, dtype=np.float64), low, high))

    for t in range(model.years):
        if int(model.capacity[t]) >= 0:
            here = np.flatnonzero(model.year == t)
            add(here, model.cost[here], -inf, float(model.capacity[t]))
    if model.p >= 0:
        add(np.arange(n), np.ones(n), -inf, float(model.p))
    for g in np.flatnonzero(model.minimum > 0):
        here = np.flatnonzero(model.group[model.unit] == g)
        add(here, np.ones(len(here)), float(model.minimum[g]), inf)
    if model.years > 1:
        for unit in range(model.n_units):
            here = np.flatnonzero(model.unit == unit)
            if len(here):
                add(here, np.ones(len(here)), 1.0 if model.fixed[unit] else -inf, 1.0)
    for child in np.flatnonzero(model.parent[model.unit] >= 0):
        above = np.flatnonzero((model.unit == model.parent[model.unit[child]]) & (model.year <= model.year[child]))
        add(np.append(above, child), np.append(-np.ones(len(above)), 1.0), -inf, 0.0)
    if model.target is not None:
        add(
            np.concatenate((np.flatnonzero(own > 0), n + np.arange(len(z_rows)))),
            np.concatenate((own[own > 0], z_weight)), float(model.target), inf,
        )  # fmt: skip
    for row in extra:
        parts = [] if row.columns is None else [(np.flatnonzero(row.columns), row.columns[row.columns != 0])]
        if row.weights is not None:
            parts.append((n + np.arange(len(z_rows)), row.weights[z_rows]))
        add(np.concatenate([a for a, _ in parts]), np.concatenate([b for _, b in parts]), row.low, row.high)
    start = np.concatenate((starts, starts[-1] + np.cumsum([len(r[0]) for r in rows]))) if rows else starts
    if model.target is None:
        cost, offset = np.concatenate((own, z_weight)), float(model.base_value)
    else:
        cost, offset = np.concatenate((model.cost.astype(np.float64), np.zeros(len(z_rows)))), float(model.base_cost)
    return _Program(
        cost=cost,
        offset=offset,
        maximise=model.target is None,
        row_low=np.concatenate((np.full(len(z_rows), -inf), [r[2] for r in rows])),
        row_high=np.concatenate((np.zeros(len(z_rows)), [r[3] for r in rows])),
        start=start.astype(np.int64),
        index=np.concatenate([cover, *[r[0].astype(np.int32) for r in rows]]),
        value=np.concatenate([coefficient, *[r[1] for r in rows]]),
        z_rows=z_rows,
        cover_rows=len(z_rows),
    )


def _pass(program: _Program, n: int, *, integer: bool, seed: int, time_limit: float) -> Any:
    import highspy

    highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("threads", 1)
    highs.setOptionValue("random_seed", int(seed) % (2**31 - 1))
    highs.setOptionValue("time_limit", max(0.01, float(time_limit)))
    total = len(program.cost)
    kinds = np.zeros(total, dtype=np.int32)
    if integer:
        kinds[:n] = 1
    sense = highspy.ObjSense.kMaximize if program.maximise else highspy.ObjSense.kMinimize
    highs.passModel(
        total, len(program.row_low), len(program.index), int(highspy.MatrixFormat.kRowwise), int(sense),
        program.offset, program.cost, np.zeros(total), np.ones(total), program.row_low, program.row_high,
        program.start[:-1].astype(np.int32), program.index, program.value, kinds,
    )  # fmt: skip
    return highs


def solve_linear(model: CoverModel, *, time_limit: float, seed: int = 1) -> tuple[float, NDArray[np.float64]] | None:
    """The linear relaxation: (its value, λ per row). None where the time ran out or it has no solution."""
    import highspy

    program = _program(model)
    highs = _pass(program, model.n_columns, integer=False, seed=seed, time_limit=time_limit)
    highs.run()
    if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    duals = np.abs(np.array(highs.getSolution().row_dual[: program.cover_rows]))
    lam = model.w.astype(np.float64)
    if model.target is None:
        lam[program.z_rows] = duals
    else:
        price = abs(float(highs.getSolution().row_dual[len(program.row_low) - 1]))
        lam[program.z_rows] = duals / price if price > 0 else 0.0
    return float(highs.getObjectiveValue()), np.clip(lam, 0.0, model.w)


def solve_exact(
    model: CoverModel,
    *,
    start: NDArray[Any] | None = None,
    time_limit: float = 60.0,
    gap: float = 0.0,
    step: int = 1,
    seed: int = 1,
    extra: tuple[ExtraRow, ...] = (),
    progress: Callable[[NDArray[np.int64] | None, float], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> ExactResult:
    """Branch and bound. ``start``: columns of a feasible choice; ``step``: smallest difference between two values.

    ``progress(columns or None, bound)`` is called on better choices and bounds. On time-out or cancel the best choice
    so far is returned with the bound that holds for it.
    """
    import highspy

    n = model.n_columns
    sense = 1.0 if model.target is None else -1.0
    if n == 0:
        return _nothing_left(model, extra)
    program = _program(model, extra)
    highs = _pass(program, n, integer=True, seed=seed, time_limit=time_limit)
    highs.setOptionValue("mip_rel_gap", float(gap))
    highs.setOptionValue("mip_abs_gap", 0.99 * step if float(np.abs(program.cost).sum()) < 1e9 else 0.5 * step)
    highs.setOptionValue("mip_feasibility_tolerance", 1e-7)
    if start is not None:
        x = np.zeros(len(program.cost))
        x[np.asarray(start, dtype=np.int64)] = 1.0
        cover = sparse.counts(model.ptr, model.idx, np.asarray(start, dtype=np.int64), model.n_rows)
        x[n:] = cover[program.z_rows] > 0
        highs.setSolution(len(x), np.arange(len(x), dtype=np.int32), x)
    stopped = False

    def interrupt(event: Any) -> None:
        nonlocal stopped
        if cancelled():
            stopped = True
            event.interrupt()
        elif progress is not None:
            progress(None, float(event.data_out.mip_dual_bound))

    def improved(event: Any) -> None:
        if progress is not None:
            progress(np.flatnonzero(np.array(event.data_out.mip_solution[:n]) > 0.5), float(event.data_out.mip_dual_bound))

    highs.cbMipInterrupt.subscribe(interrupt)
    highs.cbMipImprovingSolution.subscribe(improved)
    highs.run()
    status = highs.getModelStatus()
    info = highs.getInfo()
    size = (int(info.mip_node_count), len(program.row_low), len(program.index))
    if status in (highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible):
        return ExactResult("infeasible", None, -sense * math.inf, *size)
    solution = highs.getSolution()
    columns = None
    if solution.value_valid:
        columns = np.flatnonzero(np.array(solution.col_value[:n]) > 0.5)
    outcome: Status = "optimal" if status == highspy.HighsModelStatus.kOptimal else "time-limit"
    if stopped:
        outcome = "cancelled"
    bound = float(info.mip_dual_bound) if info.valid else sense * math.inf
    if outcome == "optimal" and gap * abs(float(info.objective_function_value)) < step:
        # Nodes within the absolute gap, less than one step, were not looked into: the value itself is the bound.
        bound = float(info.objective_function_value)
    return ExactResult(outcome, columns, bound, *size)


def _nothing_left(model: CoverModel, extra: tuple[ExtraRow, ...]) -> ExactResult:
    met = not model.minimum.any() and (model.target is None or model.target <= 0) and all(r.low <= 0 <= r.high for r in extra)
    met = met and bool((model.capacity[model.capacity >= 0] >= 0).all())
    value = float(model.base_value if model.target is None else model.base_cost)
    if not met:
        return ExactResult("infeasible", None, -math.inf if model.target is None else math.inf, 0, 0, 0)
    return ExactResult("optimal", np.zeros(0, dtype=np.int64), value, 0, 0, 0)
