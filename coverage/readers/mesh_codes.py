"""Columns of mesh codes: a million plain ones at once, the odd ones that a spreadsheet has touched one by one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from coverage.domain import mesh
from coverage.errors import InputError


class BadMeshCodeError(Exception):
    """The code at ``position`` (from 0) is none; ``problem`` says why, without a place."""

    def __init__(self, position: int, problem: InputError) -> None:
        super().__init__(str(problem))
        self.position = position
        self.problem = problem


def parse_mesh_codes(texts: Sequence[str], *, one_level: int | None = None) -> NDArray[np.int64]:
    """int64 codes as :func:`coverage.domain.mesh.parse_code` reads each, of any level.

    ``one_level`` asks for codes of that many digits only, 0 for codes of the same level as the first. Raises
    :class:`BadMeshCodeError`.
    """
    plain = [text.isascii() and text.isdigit() and len(text) <= 11 for text in texts]
    codes = np.array([int(t) if p else 0 for t, p in zip(texts, plain, strict=True)], dtype=np.int64)
    odd = (
        ~(np.array(plain, dtype=np.bool_) & mesh.is_valid(codes))
        if len(codes)
        else np.zeros(0, dtype=np.bool_)
    )
    for position in np.flatnonzero(odd).tolist():
        try:
            codes[position] = mesh.parse_code(texts[position])
        except InputError as problem:
            raise BadMeshCodeError(position, problem) from None
    if one_level is not None and len(codes):
        wanted = one_level or int(mesh.level_of(codes)[0])
        other = np.flatnonzero(mesh.level_of(codes) != wanted)
        if len(other):
            at = int(other[0])
            try:
                mesh.parse_code(texts[at], digits=wanted)
            except InputError as problem:
                raise BadMeshCodeError(at, problem) from None
    return codes


def first_repeat(codes: NDArray[np.int64]) -> int | None:
    """Position of the first code that came before, or None."""
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    repeats = np.flatnonzero(first[inverse] != np.arange(len(codes)))
    return int(repeats[0]) if len(repeats) else None
