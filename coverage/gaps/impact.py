"""What one more site adds, or one site fewer takes away: people newly served, by municipality and district."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coverage.domain.grid import Window
from coverage.gaps.overlay import Overlay


@dataclass(frozen=True, slots=True)
class Impact:
    """Change when the site's own level is laid over what the others give. All gains are ≥ 0."""

    people: float
    area_km2: float
    people_by_municipality: dict[str, float]
    already_served_people: float
    """Residents in the site's own reach whom another site serves already."""


def impact_of_site(
    overlay: Overlay,
    others_dbm: NDArray[np.float32],
    window: Window,
    site_dbm: NDArray[np.float32],
    edge_dbm: float,
) -> Impact:
    """``others_dbm``: best level without the site, shape of the grid; ``site_dbm``: its own, shape of ``window``.

    A pixel where the others are NO DATA counts as new when the site itself reaches it.
    """
    rows, cols = window.slices
    own = site_dbm >= edge_dbm
    before = others_dbm[rows, cols] >= edge_dbm
    inside = overlay.municipality_index[rows, cols] >= 0
    people = overlay.people_of_pixel()[rows, cols]
    gained = own & ~before & inside
    owner = overlay.municipality_index[rows, cols][gained]
    by_code = np.bincount(owner, weights=people[gained], minlength=len(overlay.codes))
    return Impact(
        people=float(people[gained].sum()),
        area_km2=float(gained.sum()) * (overlay.grid.cell_m / 1000.0) ** 2,
        people_by_municipality={c: float(n) for c, n in zip(overlay.codes, by_code, strict=True) if n > 0},
        already_served_people=float(people[own & before & inside].sum()),
    )
