"""Residents by JIS X 0410 mesh cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PopulationMesh:
    """One row per mesh cell and municipality; a cell on a border may occur once per municipality.

    ``mesh_code``: int64, all of one level (8 digits 1 km, 9 digits 500 m, 10 digits 250 m, 11 digits 125 m).
    ``municipality_code``: five-digit text, or "" where the source does not say (the run then shares the cell out by
    area, keeping whole people). ``population`` and ``households``: float64, persons and households; households is NaN
    where unknown. ``estimated`` marks 推計: then every output that uses it says so.
    """

    mesh_code: NDArray[np.int64]
    municipality_code: NDArray[np.str_]
    population: NDArray[np.float64]
    households: NDArray[np.float64]
    estimated: bool = False
    census_year: int | None = None

    def __post_init__(self) -> None:
        lengths = {
            len(self.mesh_code),
            len(self.municipality_code),
            len(self.population),
            len(self.households),
        }
        if len(lengths) != 1:
            raise ValueError(f"columns of different lengths: {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.mesh_code)

    @property
    def total(self) -> float:
        """All residents."""
        return float(self.population.sum())
