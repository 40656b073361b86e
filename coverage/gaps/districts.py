"""Predicted resolution of registered districts: never mixed with the municipality's confirmation (product rule §2.7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.transform import Affine

from coverage.domain.ledger import District
from coverage.domain.projection import geometry_to_plane, lonlat_to_plane
from coverage.gaps.overlay import Overlay
from coverage.gaps.population_coverage import SERVED, UNKNOWN

RESOLVED_SHARE = 0.5
_HALF_MESH_M = 800.0
"""No half mesh in Japan is longer than this across its diagonal (22.5″ × 15″)."""


@dataclass(frozen=True, slots=True)
class DistrictPrediction:
    """``served_share``: share (0–1) of the district's populated area at or above the signal edge; NaN if NO DATA."""

    district_id: str
    served_share: float
    served_people: float

    @property
    def resolved(self) -> bool:
        """At least half of the populated area has signal outdoors. Unknown is not resolved."""
        return self.served_share >= RESOLVED_SHARE


def district_pixels(overlay: Overlay, district: District) -> NDArray[np.int64]:
    """Flat indices of the pixels that stand for a district.

    A polygon's pixels, cut to populated mesh cells where it has any. A point stands for its half mesh (500 m), the
    unit of the ministry's coverage rule. Empty where the district lies off the grid.
    """
    grid = overlay.grid
    if district.geometry.geom_type == "Point":
        x, y = (float(v) for v in lonlat_to_plane(district.geometry.x, district.geometry.y, grid.epsg))
        if not grid.contains(x, y):
            return np.zeros(0, dtype=np.int64)
        row, col = grid.row_col(x, y)
        half = overlay.half_mesh_of_pixel[row, col]
        if half < 0:
            return np.array([row * grid.cols + col], dtype=np.int64)
        reach = int(np.ceil(_HALF_MESH_M / grid.cell_m)) + 1
        r0, c0 = max(0, row - reach), max(0, col - reach)
        near = overlay.half_mesh_of_pixel[r0 : row + reach + 1, c0 : col + reach + 1]
        rr, cc = np.nonzero(near == half)
        pixels = (rr + r0) * grid.cols + (cc + c0)
    else:
        burnt = rasterize(
            [(geometry_to_plane(district.geometry, grid.epsg), 1)],
            out_shape=grid.shape,
            transform=Affine(*grid.transform),
            fill=0,
            dtype="uint8",
            all_touched=True,
        )
        pixels = np.flatnonzero(burnt.ravel())
    populated = pixels[overlay.cell_of_pixel.ravel()[pixels] >= 0]
    return (populated if len(populated) else pixels).astype(np.int64)


def served_share(state: NDArray[np.uint8], own: NDArray[np.int64]) -> float:
    """Share (0–1) of a district's pixels with signal, among those whose signal is known; NaN where none is.

    ``state``: flat; ``own``: flat pixels of the district. NO DATA is neither: nobody knows.
    """
    known = own[state[own] != UNKNOWN]
    return int((state[known] == SERVED).sum()) / len(known) if len(known) else float("nan")


def predict(
    overlay: Overlay, state: NDArray[np.uint8], districts: Sequence[District], pixels: Sequence[NDArray[np.int64]]
) -> list[DistrictPrediction]:
    """Prediction for each district from ``state`` (see :func:`~coverage.gaps.population_coverage.signal_state`).

    ``pixels`` as returned by :func:`district_pixels`, in the same order.
    """
    flat = state.ravel()
    people = overlay.people_of_pixel().ravel()
    out: list[DistrictPrediction] = []
    for district, own in zip(districts, pixels, strict=True):
        served = own[flat[own] == SERVED]
        out.append(DistrictPrediction(district.district_id, served_share(flat, own), float(people[served].sum())))
    return out
