"""Upper convex hull of the ground seen so far along a ray, and the questions a receiver asks of it.

The hull is a stack (monotone chain): the walk outward only ever pushes at its far end. Every question is a search for
the best vertex of a quantity that rises and then falls along the hull, so a binary search finds it. Why the quantities
have that shape is shown in docs/radial-sweep.md.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coverage._jit import njit

FloatArray = NDArray[np.float64]


class Hull(NamedTuple):
    """Distances km, heights m (flattened for the Earth's curvature or not), profile indices; ``size[0]`` are in use."""

    d: FloatArray
    y: FloatArray
    index: NDArray[np.int64]
    size: NDArray[np.int64]
    """(vertices in use, vertex where the last line-of-sight search ended)."""


@njit(cache=True, nogil=True)
def new_hull(capacity: int) -> Hull:
    """An empty hull for at most ``capacity`` points."""
    return Hull(
        np.empty(capacity), np.empty(capacity), np.empty(capacity, dtype=np.int64), np.zeros(2, dtype=np.int64)
    )


@njit(cache=True, nogil=True, error_model="numpy")
def push(hull: Hull, d: float, y: float, index: int) -> None:
    """Add a point beyond all others, dropping the vertices that it hides."""
    n = hull.size[0]
    while n >= 2:
        d1, y1 = hull.d[n - 1], hull.y[n - 1]
        if (y1 - hull.y[n - 2]) * (d - d1) > (y - y1) * (d1 - hull.d[n - 2]):
            break
        n -= 1
    hull.d[n] = d
    hull.y[n] = y
    hull.index[n] = index
    hull.size[0] = n + 1


@njit(cache=True, nogil=True, error_model="numpy")
def _nearer_is_steeper(hull: Hull, v: int, length: float, height: float) -> bool:
    """Does vertex v−1 stand higher than vertex v, seen from the receiver?"""
    return (hull.y[v - 1] - height) * (length - hull.d[v]) > (hull.y[v] - height) * (length - hull.d[v - 1])


@njit(cache=True, nogil=True, error_model="numpy")
def tangent_from_receiver(hull: Hull, length: float, height: float) -> int:
    """Vertex with the steepest slope seen from (length, height) beyond the hull; of equals the one nearest to it.

    Gallops from the receiver's end, because its horizon is most often close.
    """
    top = hull.size[0] - 1
    if top < 1 or not _nearer_is_steeper(hull, top, length, height):
        return top
    stride = 1
    low = 0
    while True:
        v = top - stride
        if v <= 0:
            break
        if _nearer_is_steeper(hull, v, length, height):
            top = v
            stride += stride
        else:
            low = v
            break
    while top - low > 1:
        middle = (top + low) >> 1
        if _nearer_is_steeper(hull, middle, length, height):
            top = middle
        else:
            low = middle
    return low


@njit(cache=True, nogil=True, error_model="numpy")
def extreme_along(hull: Hull, slope: float) -> int:
    """Vertex that stands highest above any line of ``slope``, m/km."""
    low, high = 0, hull.size[0] - 1
    while low < high:
        middle = (low + high) >> 1
        if hull.y[middle + 1] - hull.y[middle] > slope * (hull.d[middle + 1] - hull.d[middle]):
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True, error_model="numpy")
def _clearance(y: float, d: float, length: float, h_ts: float, h_rs: float, bulge: float) -> float:
    """Ground above the line between the antennas, m; ``y`` is flattened by bulge·d². Equation (15) without its root."""
    return y + bulge * d * length - (h_ts * (length - d) + h_rs * d) / length


@njit(cache=True, nogil=True, error_model="numpy")
def _farther_is_nearer_to_the_line(
    hull: Hull, v: int, length: float, h_ts: float, h_rs: float, bulge: float
) -> bool:
    """Is ν at vertex v+1 at least that of vertex v? Both are below the line, so that squares compare backwards."""
    d1, d2 = hull.d[v], hull.d[v + 1]
    n1 = _clearance(hull.y[v], d1, length, h_ts, h_rs, bulge)
    n2 = _clearance(hull.y[v + 1], d2, length, h_ts, h_rs, bulge)
    return n2 * n2 * (d1 * (length - d1)) <= n1 * n1 * (d2 * (length - d2))


@njit(cache=True, nogil=True, error_model="numpy")
def line_of_sight_peak(
    hull: Hull, flattened: FloatArray, step: float, length: float, h_ts: float, h_rs: float, bulge: float, floor: float
) -> tuple[float, int]:
    """(largest ν/nu_scale, its profile index) of an unobstructed path; equation (15).

    ν is quasi-concave along the hull, so that the best vertex is found by search, and only points below the two edges
    beside it can beat it. Those are walked through only where the bound of an edge exceeds the best vertex and
    ``floor``: below a value that makes no difference the answer may be that of a vertex instead.
    """
    last = hull.size[0] - 1
    v = min(hull.size[1], last)
    # Gallop from where the previous receiver's search ended: neighbours along a ray seldom differ by much.
    if v < last and _farther_is_nearer_to_the_line(hull, v, length, h_ts, h_rs, bulge):
        low, stride = v + 1, 1
        high = last
        while low + stride < last:
            if _farther_is_nearer_to_the_line(hull, low + stride - 1, length, h_ts, h_rs, bulge):
                low += stride
                stride += stride
            else:
                high = low + stride - 1
                break
    else:
        high, stride = v, 1
        low = 0
        while high - stride > 0:
            if _farther_is_nearer_to_the_line(hull, high - stride, length, h_ts, h_rs, bulge):
                low = high - stride + 1
                break
            high -= stride
            stride += stride
    while low < high:
        middle = (low + high) >> 1
        if _farther_is_nearer_to_the_line(hull, middle, length, h_ts, h_rs, bulge):
            low = middle + 1
        else:
            high = middle
    v = low
    hull.size[1] = v
    d = hull.d[v]
    best = _clearance(hull.y[v], d, length, h_ts, h_rs, bulge) * math.sqrt(length / (d * (length - d)))
    best_index = hull.index[v]
    for a in (v - 1, v):
        if a < 0 or a >= last or hull.index[a + 1] - hull.index[a] < 2:
            continue
        d1, d2 = hull.d[a], hull.d[a + 1]
        n1 = _clearance(hull.y[a], d1, length, h_ts, h_rs, bulge)
        n2 = _clearance(hull.y[a + 1], d2, length, h_ts, h_rs, bulge)
        rise = (n2 - n1) / (d2 - d1)
        at_tx = n1 - rise * d1
        peak = length * at_tx / (2.0 * at_tx + rise * length)
        if not d1 < peak < d2:
            continue
        bound = (at_tx + rise * peak) * math.sqrt(length / (peak * (length - peak)))
        if bound <= best or bound <= floor:
            continue
        for i in range(hull.index[a] + 1, hull.index[a + 1]):
            d = i * step
            nu = _clearance(flattened[i], d, length, h_ts, h_rs, bulge) * math.sqrt(length / (d * (length - d)))
            if nu >= best:
                best = nu
                best_index = i
    return best, best_index
