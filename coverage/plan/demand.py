"""Who is still without signal, as demand points: one per pixel with residents, shelters or both.

Demand that existing sites serve is removed, not constrained. Where site lists are incomplete the register of districts is
the demand (product rule §3): its residents, spread over the pixels of each district that computed signal does not reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Demand:
    """``pixel``: int64 (m,), flat index on the grid, ascending. ``people``, ``households``: float64 (m,);
    ``shelters``: int64 (m,). ``number_of_pixel``: int32 (rows·cols,), −1 where there is no demand."""

    pixel: NDArray[np.int64]
    people: FloatArray
    households: FloatArray
    shelters: NDArray[np.int64]
    number_of_pixel: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.pixel)


def demand_of(
    unserved: NDArray[np.bool_],
    people: FloatArray,
    households: FloatArray,
    shelter_pixels: NDArray[np.int64],
) -> Demand:
    """Demand on the pixels of ``unserved`` (rows, cols) that hold residents or shelters.

    ``people`` and ``households`` per pixel (rows, cols); ``shelter_pixels``: flat index of each shelter, −1 = off grid.
    """
    flat = unserved.ravel()
    shelters = np.zeros(flat.size, dtype=np.int64)
    on_grid = shelter_pixels[shelter_pixels >= 0]
    np.add.at(shelters, on_grid, 1)
    pixel = np.flatnonzero(flat & ((people.ravel() > 0) | (shelters > 0)))
    number = np.full(flat.size, -1, dtype=np.int32)
    number[pixel] = np.arange(len(pixel), dtype=np.int32)
    return Demand(pixel, people.ravel()[pixel], households.ravel()[pixel], shelters[pixel], number)


def register_people(
    shape: tuple[int, int],
    pixels: Sequence[NDArray[np.int64]],
    residents: Sequence[float],
    served: NDArray[np.bool_],
) -> FloatArray:
    """Residents per pixel (rows, cols) from the register: each district's, spread evenly over its own pixels.

    Those on pixels that computed signal reaches (``served``, rows × cols) are left out: they are served already.
    """
    spread = np.zeros(shape[0] * shape[1], dtype=np.float64)
    for own, count in zip(pixels, residents, strict=True):
        if len(own):
            np.add.at(spread, own, count / len(own))
    spread[served.ravel()] = 0.0
    return spread.reshape(shape)


def reach_lists(demand: Demand, reached: Sequence[NDArray[np.int64]]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """CSR lists (indptr, indices) of demand numbers from the pixels that each candidate reaches (flat indices)."""
    lists = []
    for pixels in reached:
        numbers = demand.number_of_pixel[pixels]
        lists.append(np.sort(numbers[numbers >= 0]))
    indptr = np.zeros(len(lists) + 1, dtype=np.int64)
    np.cumsum([len(part) for part in lists], out=indptr[1:])
    indices = np.concatenate(lists) if lists else np.zeros(0, dtype=np.int32)
    return indptr, indices.astype(np.int32)
