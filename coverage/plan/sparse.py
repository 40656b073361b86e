"""Coverage lists (CSR): transposing, summing, and merging rows that no plan can tell apart.

Small instances use NumPy alone, so that a plan of 500 sites does not pay for starting the compiler; large ones use the
compiled loops of :mod:`coverage.plan.kernels`. Both give the same arrays, which a test compares.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Pointers = NDArray[np.int64]
Numbers = NDArray[np.int32]
FloatArray = NDArray[np.float64]

COMPILED_FROM = 1_500_000
"""Entries from which the compiled loops pay for their start."""


def use_compiled(entries: int) -> bool:
    """Whether lists with so many entries are worth the compiled loops."""
    return entries >= COMPILED_FROM


def transpose(ptr: Pointers, idx: Numbers, n_rows: int) -> tuple[Pointers, Numbers]:
    """Lists by row from lists by column, column numbers ascending."""
    if use_compiled(len(idx)):
        from coverage.plan.kernels import transpose_lists

        out_ptr, out_idx = transpose_lists(ptr, idx, n_rows)
        return out_ptr, out_idx
    columns = np.repeat(np.arange(len(ptr) - 1, dtype=np.int32), np.diff(ptr))
    order = np.argsort(idx, kind="stable")
    sizes = np.bincount(idx, minlength=n_rows)
    return np.concatenate(([0], np.cumsum(sizes))).astype(np.int64), columns[order]


def sums(ptr: Pointers, idx: Numbers, values: FloatArray) -> FloatArray:
    """Sum of ``values`` over each list, float64."""
    if use_compiled(len(idx)):
        from coverage.plan.kernels import list_sums

        result: FloatArray = list_sums(ptr, idx, values)
        return result
    out = np.zeros(len(ptr) - 1, dtype=np.float64)
    filled = ptr[1:] > ptr[:-1]
    if len(idx):
        out[filled] = np.add.reduceat(values[idx], ptr[:-1][filled])
    return out


def entries_of(ptr: Pointers, idx: Numbers, columns: NDArray[Any]) -> Numbers:
    """The lists of ``columns`` one after the other."""
    if len(columns) == 0:
        return np.zeros(0, dtype=np.int32)
    return np.concatenate([idx[ptr[c] : ptr[c + 1]] for c in columns])


def counts(ptr: Pointers, idx: Numbers, columns: NDArray[Any], n_rows: int) -> NDArray[np.int64]:
    """How many of ``columns`` hold each row."""
    return np.bincount(entries_of(ptr, idx, columns), minlength=n_rows)


def _refine(ptr: Pointers, idx: Numbers, n_rows: int) -> Numbers:
    """NumPy twin of :func:`coverage.plan.kernels.refine_rows`."""
    cls = np.zeros(n_rows, dtype=np.int32)
    size = np.zeros(n_rows + 1, dtype=np.int64)
    size[0], n_classes = n_rows, 1
    for column in range(len(ptr) - 1):
        rows = idx[ptr[column] : ptr[column + 1]]
        found, place, hits = np.unique(cls[rows], return_inverse=True, return_counts=True)
        parted = hits < size[found]
        fresh = found.copy()
        fresh[parted] = n_classes + np.arange(int(parted.sum()), dtype=np.int32)
        size[found[parted]] -= hits[parted]
        size[fresh[parted]] = hits[parted]
        n_classes += int(parted.sum())
        cls[rows] = fresh[place]
    return cls


def classes_of_rows(ptr: Pointers, idx: Numbers, n_rows: int) -> tuple[Numbers, Numbers]:
    """Rows that are in exactly the same lists share a class: (class of each row, first row of each class).

    Exact, by partition refinement: no hashing. Classes are numbered by their first row.
    """
    if use_compiled(len(idx)):
        from coverage.plan.kernels import refine_rows

        cls = refine_rows(ptr, idx, n_rows)
    else:
        cls = _refine(ptr, idx, n_rows)
    _, first, inverse = np.unique(cls, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return rank[inverse], first[order].astype(np.int32)


def keep_rows(ptr: Pointers, idx: Numbers, new_number: Numbers) -> tuple[Pointers, Numbers]:
    """Lists with rows renumbered: ``new_number[row]`` is the new number, -1 drops the row. Order is kept."""
    renamed = new_number[idx]
    kept = renamed >= 0
    running = np.concatenate(([0], np.cumsum(kept, dtype=np.int64)))
    return running[ptr], renamed[kept]


def take_columns(ptr: Pointers, idx: Numbers, columns: NDArray[Any]) -> tuple[Pointers, Numbers]:
    """Only the lists of ``columns``, in that order."""
    sizes = (ptr[1:] - ptr[:-1])[columns]
    return np.concatenate(([0], np.cumsum(sizes))).astype(np.int64), entries_of(ptr, idx, columns)
