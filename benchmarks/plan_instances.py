"""Instances for the planning benchmark: the published generators, and settlements like a prefecture's.

Nothing is downloaded. Points are matched by a bucket grid, so that a million demand points take seconds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coverage.plan.instance import Instance, make_instance

FloatArray = NDArray[np.float64]


def reach_within(
    sites: FloatArray, demand: FloatArray, radius: float | FloatArray
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Coverage lists (indptr, indices): demand points within ``radius`` (one, or one per site) of each site, plane metres."""
    radii = np.broadcast_to(np.asarray(radius, dtype=np.float64), (len(sites),))
    cell = float(radii.max()) / 2
    origin = demand.min(axis=0)
    place = np.floor((demand - origin) / cell).astype(np.int64)
    columns = int(place[:, 0].max()) + 1
    rows = int(place[:, 1].max()) + 1
    key = place[:, 1] * columns + place[:, 0]
    order = np.argsort(key, kind="stable")
    starts = np.searchsorted(key[order], np.arange(columns * rows + 1))
    lists: list[NDArray[np.int32]] = []
    for (x, y), r in zip(sites, radii, strict=True):
        low_x, high_x = (int(np.floor((v - origin[0]) / cell)) for v in (x - r, x + r))
        low_y, high_y = (int(np.floor((v - origin[1]) / cell)) for v in (y - r, y + r))
        low_x, high_x = max(low_x, 0), min(high_x, columns - 1)
        parts = [
            order[starts[row * columns + low_x] : starts[row * columns + high_x + 1]]
            for row in range(max(low_y, 0), min(high_y, rows - 1) + 1)
            if low_x <= high_x
        ]
        near = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
        inside = ((demand[near] - (x, y)) ** 2).sum(axis=1) <= r * r
        lists.append(np.sort(near[inside]).astype(np.int32))
    indptr = np.concatenate(([0], np.cumsum([len(rows_of) for rows_of in lists]))).astype(np.int64)
    return indptr, np.concatenate(lists)


def cordeau_furini_ljubic(
    n: int, m: int, *, radius: float, budget: int, seed: int, unit_costs: bool = True, size: float = 30.0
) -> Instance:
    """The generator of Cordeau, Furini and Ljubić (EJOR 275, 2019), with NumPy's random numbers instead of C's.

    Sites and customers uniform on a square, demand 1..100, costs 1 (or 10..100 where ``unit_costs`` is false),
    Euclidean radius.
    """
    rng = np.random.default_rng(seed)
    sites = rng.uniform(0.0, size, (n, 2))
    demand = rng.uniform(0.0, size, (m, 2))
    indptr, indices = reach_within(sites, demand, radius)
    costs = np.ones(n, dtype=np.int64) if unit_costs else rng.integers(10, 101, n)
    return make_instance(
        weights={"demand": rng.integers(1, 101, m)}, indptr=indptr, indices=indices, costs=costs, budget=budget
    )


def settlements(n: int, m: int, *, p: int | None, budget: int | None = None, seed: int, reach_m: float = 3_000.0) -> Instance:
    """A prefecture of 100 × 100 km: people in valleys of hamlets, masts of unequal reach, costs of 6 to 40 M¥.

    Demand points are drawn around hamlets whose sizes follow a heavy tail; two thirds of the candidates stand near
    hamlets, the rest anywhere. ``reach_m`` is the median reach; masts on ridges see up to three times as far.
    """
    rng = np.random.default_rng(seed)
    side = 100_000.0
    hamlets = max(20, m // 250)
    centre = rng.uniform(0.0, side, (hamlets, 2))
    size = rng.pareto(1.3, hamlets) + 0.2
    home = rng.choice(hamlets, size=m, p=size / size.sum())
    demand = np.clip(centre[home] + rng.normal(0.0, 900.0, (m, 2)), 0.0, side)
    near = 2 * n // 3
    sites = np.vstack(
        [centre[rng.integers(0, hamlets, near)] + rng.normal(0.0, 1_500.0, (near, 2)), rng.uniform(0.0, side, (n - near, 2))]
    )
    radii = np.clip(rng.lognormal(np.log(reach_m), 0.35, n), 800.0, 3 * reach_m)
    indptr, indices = reach_within(sites, demand, radii)
    people = 1 + rng.poisson(np.clip(rng.lognormal(0.8, 0.9, m), 0, 60))
    costs = (6_000 + rng.integers(0, 34_000, n)) * 1_000
    return make_instance(
        weights={"people": people}, indptr=indptr, indices=indices, costs=costs, budget=budget, p=p
    )


def streets(n: int, *, p: int, radius_m: float, seed: int) -> Instance:
    """A town of ``n`` street nodes that are customers and sites at once, as the New York and San Francisco sets are.

    A dozen quarters, each with its own direction and block size; people per node follow a lognormal law.
    """
    rng = np.random.default_rng(seed)
    side = 140.0 * np.sqrt(n)
    quarters = rng.uniform(0.0, side, (12, 2))
    points: list[FloatArray] = []
    for number, centre in enumerate(quarters):
        angle, block = rng.uniform(0, np.pi / 2), rng.uniform(80.0, 120.0)
        ticks = np.arange(-1.5 * side, 1.5 * side, block)
        grid = np.stack(np.meshgrid(ticks, ticks[:: 2] * 0.9), axis=-1).reshape(-1, 2)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        street = grid @ turn.T + centre + rng.normal(0.0, 6.0, grid.shape)
        street = street[((street >= 0) & (street <= side)).all(axis=1)]
        nearest = ((street[:, None, :] - quarters[None]) ** 2).sum(axis=2).argmin(axis=1)
        points.append(street[nearest == number])
    cloud = np.vstack(points)
    nodes = cloud[rng.permutation(len(cloud))[:n]]
    indptr, indices = reach_within(nodes, nodes, radius_m)
    people = np.clip(rng.lognormal(4.3, 1.0, len(nodes)), 0, 3_000).astype(np.int64)
    return make_instance(weights={"people": people}, indptr=indptr, indices=indices, p=p)


def clearings(n: int, m: int, *, p: int | None, budget: int | None = None, seed: int) -> Instance:
    """Like :func:`settlements`, but every mast misses a ragged part of its circle, as in mountains.

    Each demand point lies in one of 48 kinds of place (twelve exposures, four depths of clutter, drawn by its number),
    and each mast is blind to a random share of them. Few demand points then share exactly the same sites, so that
    merging rows helps less than among plain circles.
    """
    base = settlements(n, m, p=p, budget=budget, seed=seed)
    rng = np.random.default_rng(seed + 1)
    keep = np.zeros(len(base.indices), dtype=np.bool_)
    for site in range(n):
        part = slice(int(base.indptr[site]), int(base.indptr[site + 1]))
        rows = base.indices[part].astype(np.int64)
        exposure = (rows * 2_654_435_761 >> 12) % 12
        depth = (rows * 40_503 >> 6) % 4
        keep[part] = depth < rng.integers(2, 5, 12)[exposure]
    running = np.concatenate(([0], np.cumsum(keep)))
    return make_instance(
        weights={"people": base.w}, indptr=running[base.indptr], indices=base.indices[keep], costs=base.costs,
        budget=budget, p=p,
    )  # fmt: skip
