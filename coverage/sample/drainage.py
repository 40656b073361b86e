"""Where water goes, and what it carves: priority flood, steepest descent, stream power.

Plain Python floats in the ordered loops: each operation is rounded once, on every platform the same.
Sources: Barnes, Lehman, Mulla (2014), priority-flood; Braun and Willett (2013), implicit stream power of O(n).
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

_RISE = 0.01
"""Metres that a flooded flat rises from cell to cell, so that every cell of it drains."""
_SQRT2 = 1.4142135623730951


@dataclass(frozen=True)
class Drainage:
    """``filled``: heights without pits (metres, shape of the grid). ``receiver``: flat index of the neighbour that a
    land cell drains to; its own index at sea. ``distance``: to the receiver, cells. ``order``: land cells, the
    receiver always before its givers. ``area``: cells upstream, itself included; 0 at sea."""

    filled: FloatArray
    receiver: IntArray
    distance: FloatArray
    order: IntArray
    area: FloatArray


def fill_pits(height: FloatArray, sea: BoolArray) -> FloatArray:
    """Heights raised to the lowest pass towards the sea, plus a hair, so that no land cell is a pit.

    Cells that already run down to the sea keep their height, so the flood starts at them and visits only the rest.
    """
    rows, cols = height.shape
    wide = cols + 2
    padded = np.zeros((rows + 2, wide))
    padded[1:-1, 1:-1] = height
    done = np.ones((rows + 2, wide), dtype=bool)
    done[1:-1, 1:-1] = _reaches_sea(_downhill(height, sea)[0], sea)
    trapped = ~done
    if not trapped.any():
        return height
    near = np.zeros_like(trapped)
    steps = [-wide - 1, -wide, -wide + 1, -1, 1, wide - 1, wide, wide + 1]
    for dr in (-1, 0, 1):
        for dc in (-1, 0, 1):
            near |= np.roll(trapped, (dr, dc), axis=(0, 1))
    # The frame around the grid is no way out: only real cells start the flood.
    near[[0, -1], :] = False
    near[:, [0, -1]] = False
    level: list[float] = padded.ravel().tolist()
    closed = bytearray(done.ravel().tobytes())
    queue = [(level[i], int(i)) for i in np.flatnonzero((near & done).ravel())]
    heapq.heapify(queue)
    push, pop = heapq.heappush, heapq.heappop
    while queue:
        here, at = pop(queue)
        least = here + _RISE
        for step in steps:
            beside = at + step
            if closed[beside]:
                continue
            closed[beside] = 1
            if level[beside] < least:
                level[beside] = least
            push(queue, (level[beside], beside))
    return np.array(level).reshape(rows + 2, wide)[1:-1, 1:-1]


def drain(height: FloatArray, sea: BoolArray, *, chance: np.random.Generator | None = None) -> Drainage:
    """Fill, find the steepest way down for every land cell, and count what drains through it.

    With ``chance`` the eight slopes of a cell are weighed by 0.5–1.5 at random: always downhill, but without the
    long straight lines along the grid's axes and diagonals that the pure rule draws.
    """
    filled = fill_pits(height, sea)
    receiver, distance = _downhill(filled, sea, chance)
    land = np.flatnonzero(~sea.ravel())
    order = land[np.argsort(filled.ravel()[land], kind="stable")]
    flow: list[float] = np.where(sea.ravel(), 0.0, 1.0).tolist()
    down: list[int] = receiver.tolist()
    is_sea = bytearray(sea.ravel().tobytes())
    for at in reversed(order.tolist()):
        to = down[at]
        if not is_sea[to]:
            flow[to] += flow[at]
    return Drainage(filled, receiver, distance, order, np.array(flow))


def _downhill(
    height: FloatArray, sea: BoolArray, chance: np.random.Generator | None = None
) -> tuple[IntArray, FloatArray]:
    """Flat index of the neighbour that each cell drains to (itself at sea and in a pit), and how far that is, cells."""
    rows, cols = height.shape
    index = np.arange(rows * cols, dtype=np.int64).reshape(rows, cols)
    best = np.zeros_like(height)
    receiver = index.copy()
    distance = np.ones_like(height)
    for dr in (-1, 0, 1):
        for dc in (-1, 0, 1):
            if dr == 0 and dc == 0:
                continue
            here = (slice(max(0, -dr), rows - max(0, dr)), slice(max(0, -dc), cols - max(0, dc)))
            there = (slice(max(0, dr), rows + min(0, dr)), slice(max(0, dc), cols + min(0, dc)))
            length = _SQRT2 if dr and dc else 1.0
            slope = (height[here] - height[there]) / length
            if chance is not None:
                slope = slope * (0.5 + chance.random(slope.shape))
            better = slope > best[here]
            best[here] = np.where(better, slope, best[here])
            receiver[here] = np.where(better, index[there], receiver[here])
            distance[here] = np.where(better, length, distance[here])
    receiver[sea] = index[sea]
    return receiver.ravel(), distance.ravel()


def _reaches_sea(receiver: IntArray, sea: BoolArray) -> BoolArray:
    """Which cells end in the sea when water follows ``receiver`` to the end (each pass doubles the stride)."""
    end = receiver
    while True:
        further = end[end]
        if np.array_equal(further, end):
            return sea.ravel()[end].reshape(sea.shape)
        end = further


def carve(
    height: FloatArray,
    sea: BoolArray,
    *,
    uplift: FloatArray,
    cell_m: float,
    time: float,
    steepest: float,
    rounds: int,
    chance: np.random.Generator,
) -> tuple[FloatArray, Drainage]:
    """Heights after ``rounds`` (1 or more) implicit steps of dz/dt = U − √A · S (n = 1, m = ½, erodibility taken into the units of time).

    ``uplift``: U, shape of ``height``, any unit of height per time. ``time``: length of one step.
    The drainage that comes back is the last step's: the ways along which it carved.
    ``steepest``: tangent of the slope at which hillsides fail; nothing stands steeper.
    Source: Braun and Willett (2013), equation 22 (implicit), with a threshold slope.
    """
    z = np.where(sea, 0.0, height)
    for _ in range(rounds):
        way = drain(z, sea, chance=chance)
        level: list[float] = (way.filled + np.where(sea, 0.0, uplift * time)).ravel().tolist()
        factor = np.sqrt(way.area) * time / way.distance
        pull: list[float] = factor.tolist()
        fall: list[float] = (way.distance * (cell_m * steepest)).tolist()
        down: list[int] = way.receiver.tolist()
        for at in way.order.tolist():
            base = level[down[at]]
            new = (level[at] + pull[at] * base) / (1.0 + pull[at])
            top = base + fall[at]
            level[at] = new if new < top else top
        z = np.array(level).reshape(z.shape)
    return z, way


def smooth(height: FloatArray, sea: BoolArray, *, share: float) -> FloatArray:
    """One step of diffusion: ``share`` (0–0.2) of the difference to the four neighbours; the sea stays."""
    padded = np.pad(height, 1, mode="edge")
    change = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:] - 4.0 * height
    return np.where(sea, height, height + share * change)
