"""Gradient noise that is the same on every platform: whole-number hashing, then only + − × on float64.

Sines, powers and FFTs differ in the last bit between maths libraries; a last bit is enough to move a river. So the
sample's landscape uses none of them (Perlin 2002 for the quintic blend, Musgrave for the ridged sum).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Twelve directions spread evenly enough, as exact literals; no cosine is taken.
_GRADIENT_X = np.array(
    [1.0, 0.875, 0.5, 0.0, -0.5, -0.875, -1.0, -0.875, -0.5, 0.0, 0.5, 0.875, 0.75, -0.75, -0.75, 0.75]
)
_GRADIENT_Y = np.array(
    [0.0, 0.5, 0.875, 1.0, 0.875, 0.5, 0.0, -0.5, -0.875, -1.0, -0.875, -0.5, 0.625, 0.625, -0.625, -0.625]
)


def _hash(ix: NDArray[np.int64], iy: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """0–15 for every lattice point (splitmix64 finaliser)."""
    mixed = (
        ix.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        + iy.astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)
        + np.uint64(seed % 2**32 * 0x165667B19E3779F9 % 2**64)
    )
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return (mixed & np.uint64(15)).astype(np.int64)


def gradient_noise(x: FloatArray, y: FloatArray, *, seed: int) -> FloatArray:
    """Perlin noise, about −1 … 1, with a lattice of one unit. ``x``, ``y`` of equal shape."""
    x0, y0 = np.floor(x), np.floor(y)
    fx, fy = x - x0, y - y0
    ix, iy = x0.astype(np.int64), y0.astype(np.int64)
    west, south_edge = int(ix.min()), int(iy.min())
    across, up = int(ix.max()) - west + 2, int(iy.max()) - south_edge + 2
    lattice_x, lattice_y = np.meshgrid(np.arange(west, west + across), np.arange(south_edge, south_edge + up))
    pick = _hash(lattice_x, lattice_y, seed).ravel()
    gradient_x, gradient_y = _GRADIENT_X[pick], _GRADIENT_Y[pick]
    at = (iy - south_edge) * across + (ix - west)
    blend_x = fx * fx * fx * (fx * (fx * 6.0 - 15.0) + 10.0)
    blend_y = fy * fy * fy * (fy * (fy * 6.0 - 15.0) + 10.0)

    def corner(dx: int, dy: int) -> FloatArray:
        there = at + (dy * across + dx)
        value: FloatArray = gradient_x[there] * (fx - dx) + gradient_y[there] * (fy - dy)
        return value

    south = corner(0, 0) + blend_x * (corner(1, 0) - corner(0, 0))
    north = corner(0, 1) + blend_x * (corner(1, 1) - corner(0, 1))
    return (south + blend_y * (north - south)) * 1.5


def fractal_noise(x: FloatArray, y: FloatArray, *, seed: int, octaves: int, gain: float = 0.5) -> FloatArray:
    """Sum of ``octaves`` of gradient noise, each of half the wavelength and ``gain`` times the height."""
    total = np.zeros_like(x)
    amplitude, scale = 1.0, 1.0
    for octave in range(octaves):
        total += amplitude * gradient_noise(x * scale, y * scale, seed=seed + 101 * octave)
        amplitude *= gain
        scale *= 2.0
    return total


def ridged_noise(x: FloatArray, y: FloatArray, *, seed: int, octaves: int) -> FloatArray:
    """Ridged multifractal, about 0 … 1: crests where the noise changes its sign."""
    total = np.zeros_like(x)
    weight = np.ones_like(x)
    amplitude, scale, sum_of_amplitudes = 1.0, 1.0, 0.0
    for octave in range(octaves):
        crest = 1.0 - np.abs(gradient_noise(x * scale, y * scale, seed=seed + 101 * octave))
        crest = crest * crest * weight
        total += amplitude * crest
        sum_of_amplitudes += amplitude
        weight = np.clip(crest * 2.0, 0.0, 1.0)
        amplitude *= 0.5
        scale *= 2.0
    return total / sum_of_amplitudes
