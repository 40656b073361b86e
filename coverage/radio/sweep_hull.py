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

from coverage.radio.kernel import inner, kernel

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class Workspace(NamedTuple):
    """Arrays that one thread reuses from ray to ray, for profiles of up to ``height.size`` points.

    The hulls are columns of (distance km, height m, index of the point): of bare ground less c_e·d² (e), of ground with clutter less
    c_e·d² (g) and less c_β·d² (b), and of bare ground as it is, for the effective heights (v).
    """

    height: FloatArray
    clutter: FloatArray
    zone: NDArray[np.uint8]
    flat_e: FloatArray
    flat_g: FloatArray
    flat_b: FloatArray
    e_d: FloatArray
    e_y: FloatArray
    e_i: IntArray
    g_d: FloatArray
    g_y: FloatArray
    g_i: IntArray
    b_d: FloatArray
    b_y: FloatArray
    b_i: IntArray
    v_d: FloatArray
    v_y: FloatArray
    v_i: IntArray


@kernel
def new_workspace(points: int) -> Workspace:
    """Room for rays of ``points`` points, both ends included."""
    return Workspace(
        np.empty(points),
        np.zeros(points),
        np.empty(points, dtype=np.uint8),
        np.empty(points),
        np.empty(points),
        np.empty(points),
        np.empty(points),
        np.empty(points),
        np.empty(points, dtype=np.int64),
        np.empty(points),
        np.empty(points),
        np.empty(points, dtype=np.int64),
        np.empty(points),
        np.empty(points),
        np.empty(points, dtype=np.int64),
        np.empty(points),
        np.empty(points),
        np.empty(points, dtype=np.int64),
    )


@inner
def push(
    hull_d: FloatArray, hull_y: FloatArray, hull_i: IntArray, n: int, d: float, y: float, index: int
) -> int:
    """Add a point beyond all others to a hull of ``n`` vertices, dropping those that it hides; returns the new size."""
    while n >= 2:
        d1, y1 = hull_d[n - 1], hull_y[n - 1]
        if (y1 - hull_y[n - 2]) * (d - d1) > (y - y1) * (d1 - hull_d[n - 2]):
            break
        n -= 1
    hull_d[n] = d
    hull_y[n] = y
    hull_i[n] = index
    return n + 1


@inner
def _nearer_is_steeper(hull_d: FloatArray, hull_y: FloatArray, v: int, length: float, height: float) -> bool:
    """Does vertex v−1 stand higher than vertex v, seen from the receiver?"""
    before = (hull_y[v - 1] - height) * (length - hull_d[v])
    return bool(before > (hull_y[v] - height) * (length - hull_d[v - 1]))


@inner
def tangent_from_receiver(
    hull_d: FloatArray, hull_y: FloatArray, n: int, length: float, height: float
) -> int:
    """Vertex with the steepest slope seen from (length, height) beyond the hull; of equals the one nearest to it.

    Gallops from the receiver's end, because its horizon is most often close.
    """
    top = n - 1
    if top < 1 or not _nearer_is_steeper(hull_d, hull_y, top, length, height):
        return top
    stride = 1
    low = 0
    while True:
        v = top - stride
        if v <= 0:
            break
        if _nearer_is_steeper(hull_d, hull_y, v, length, height):
            top = v
            stride += stride
        else:
            low = v
            break
    while top - low > 1:
        middle = (top + low) >> 1
        if _nearer_is_steeper(hull_d, hull_y, middle, length, height):
            top = middle
        else:
            low = middle
    return low


@inner
def extreme_along(hull_d: FloatArray, hull_y: FloatArray, n: int, slope: float) -> int:
    """Vertex that stands highest above any line of ``slope``, m/km."""
    low, high = 0, n - 1
    while low < high:
        middle = (low + high) >> 1
        if hull_y[middle + 1] - hull_y[middle] > slope * (hull_d[middle + 1] - hull_d[middle]):
            low = middle + 1
        else:
            high = middle
    return low


@inner
def _clearance(y: float, d: float, length: float, h_ts: float, h_rs: float, bulge: float) -> float:
    """Ground above the line between the antennas, m; ``y`` is flattened by bulge·d². Equation (15) without its root."""
    return y + bulge * d * length - (h_ts * (length - d) + h_rs * d) / length


@inner
def line_of_sight_nu(y: float, d: float, length: float, h_ts: float, h_rs: float, bulge: float) -> float:
    """ν/nu_scale of one point. Equation (15)."""
    return _clearance(y, d, length, h_ts, h_rs, bulge) * math.sqrt(length / (d * (length - d)))


@inner
def _farther_is_nearer_to_the_line(
    hull_d: FloatArray, hull_y: FloatArray, v: int, length: float, h_ts: float, h_rs: float, bulge: float
) -> bool:
    """Is ν at vertex v+1 at least that of vertex v? Both are below the line, so that squares compare backwards."""
    d1, d2 = hull_d[v], hull_d[v + 1]
    n1 = _clearance(hull_y[v], d1, length, h_ts, h_rs, bulge)
    n2 = _clearance(hull_y[v + 1], d2, length, h_ts, h_rs, bulge)
    return bool(n2 * n2 * (d1 * (length - d1)) <= n1 * n1 * (d2 * (length - d2)))


@inner
def line_of_sight_peak(
    hull_d: FloatArray, hull_y: FloatArray, hull_i: IntArray, n: int, start: int, d: FloatArray, flattened: FloatArray,
    length: float, h_ts: float, h_rs: float, bulge: float, floor: float,
) -> tuple[float, int, int]:  # fmt: skip
    """(largest ν/nu_scale, its profile index, vertex to start the next search from) of an unobstructed path; equation (15).

    ν is quasi-concave along the hull, so that the best vertex is found by search, and only points below the two edges
    beside it can beat it. Those are walked through only where the bound of an edge exceeds the best vertex and
    ``floor``: below a value that makes no difference the answer may be that of a vertex instead.
    """
    last = n - 1
    v = min(start, last)
    # Gallop from where the previous receiver's search ended: neighbours along a ray seldom differ by much.
    if v < last and _farther_is_nearer_to_the_line(hull_d, hull_y, v, length, h_ts, h_rs, bulge):
        low, stride = v + 1, 1
        high = last
        while low + stride < last:
            if _farther_is_nearer_to_the_line(hull_d, hull_y, low + stride - 1, length, h_ts, h_rs, bulge):
                low += stride
                stride += stride
            else:
                high = low + stride - 1
                break
    else:
        high, stride = v, 1
        low = 0
        while high - stride > 0:
            if _farther_is_nearer_to_the_line(hull_d, hull_y, high - stride, length, h_ts, h_rs, bulge):
                low = high - stride + 1
                break
            high -= stride
            stride += stride
    while low < high:
        middle = (low + high) >> 1
        if _farther_is_nearer_to_the_line(hull_d, hull_y, middle, length, h_ts, h_rs, bulge):
            low = middle + 1
        else:
            high = middle
    v = low
    peak_vertex = v
    best = line_of_sight_nu(hull_y[v], hull_d[v], length, h_ts, h_rs, bulge)
    best_index = hull_i[v]
    for a in (v - 1, v):
        if a < 0 or a >= last or hull_i[a + 1] - hull_i[a] < 2:
            continue
        d1, d2 = hull_d[a], hull_d[a + 1]
        n1 = _clearance(hull_y[a], d1, length, h_ts, h_rs, bulge)
        n2 = _clearance(hull_y[a + 1], d2, length, h_ts, h_rs, bulge)
        rise = (n2 - n1) / (d2 - d1)
        at_tx = n1 - rise * d1
        peak = length * at_tx / (2.0 * at_tx + rise * length)
        if not d1 < peak < d2:
            continue
        bound = (at_tx + rise * peak) * math.sqrt(length / (peak * (length - peak)))
        if bound <= best or bound <= floor:
            continue
        for i in range(hull_i[a] + 1, hull_i[a + 1]):
            nu = line_of_sight_nu(flattened[i], d[i], length, h_ts, h_rs, bulge)
            if nu >= best:
                best = nu
                best_index = i
    return best, best_index, peak_vertex
