"""Figures of one fiscal year by municipality, and their sum for the region: rows of the tables of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coverage.domain.ledger import District
from coverage.domain.places import Municipality, Shelter
from coverage.domain.projection import lonlat_to_plane
from coverage.gaps.districts import DistrictPrediction
from coverage.gaps.overlay import Overlay
from coverage.gaps.population_coverage import UNKNOWN, UNSERVED, PopulationCoverage, population_coverage

Row = dict[str, Any]
_SUMMED = tuple(f.name for f in fields(PopulationCoverage))


@dataclass(frozen=True)
class RegisterFigures:
    """The register of districts at the end of one fiscal year, by municipality."""

    registered: Counter[str]
    confirmed: Counter[str]
    predicted: Counter[str]
    people: Counter[str]
    unserved_people: Counter[str]
    declined_people: Counter[str]


def register_figures(
    standing: Sequence[District],
    confirmed: Sequence[District],
    prediction: Mapping[str, DistrictPrediction],
    *,
    count_predicted: Sequence[District],
) -> RegisterFigures:
    """``standing``: districts on the register at the year's end; ``confirmed``: those the municipality confirmed as
    resolved by then; ``count_predicted``: all districts ever designated by then, each judged by ``prediction``.

    Registered residents that computed signal reaches (by share of the populated area) are taken off in
    ``unserved_people``: the baseline where computed gaps are no statement (product rule §3).
    """
    out = RegisterFigures(Counter(), Counter(), Counter(), Counter(), Counter(), Counter())
    for district in standing:
        code, people = district.municipality_code, district.population or 0
        share = prediction[district.district_id].served_share
        out.registered[code] += 1
        out.people[code] += people
        out.unserved_people[code] += round(people * (1.0 - (share if share == share else 0.0)))
        if district.declined:
            out.declined_people[code] += people
    for district in confirmed:
        out.confirmed[district.municipality_code] += 1
    for district in count_predicted:
        if prediction[district.district_id].resolved:
            out.predicted[district.municipality_code] += 1
    return out


class ShelterCounter:
    """Counts shelters by signal state; positions are looked up once."""

    def __init__(self, overlay: Overlay, shelters: Sequence[Shelter]) -> None:
        grid = overlay.grid
        self._codes: list[str] = []
        pixels: list[int] = []
        for shelter in shelters:
            x, y = (float(v) for v in lonlat_to_plane(shelter.lon, shelter.lat, grid.epsg))
            row, col = grid.row_col(x, y)
            self._codes.append(shelter.municipality_code)
            pixels.append(row * grid.cols + col if grid.contains(x, y) else -1)
        self._pixels = np.array(pixels, dtype=np.int64)

    def count(self, state: NDArray[np.uint8]) -> tuple[Counter[str], Counter[str], Counter[str]]:
        """(all, unserved, unknown) by municipality. A shelter off the grid is unknown."""
        flat = state.ravel()
        found = np.full(len(self._pixels), UNKNOWN, dtype=np.uint8)
        on_grid = self._pixels >= 0
        found[on_grid] = flat[self._pixels[on_grid]]
        total: Counter[str] = Counter()
        unserved: Counter[str] = Counter()
        unknown: Counter[str] = Counter()
        for code, value in zip(self._codes, found, strict=True):
            total[code] += 1
            unserved[code] += int(value == UNSERVED)
            unknown[code] += int(value == UNKNOWN)
        return total, unserved, unknown


def coverage_columns(figures: Mapping[str, float]) -> dict[str, float]:
    """Coverage ratios 0–1 = served ÷ (served + unserved); NaN where everything is unknown or nobody lives."""
    out: dict[str, float] = {}
    for definition in ("area", "half_mesh", "cell"):
        known = figures["population"] - figures[f"unknown_people_{definition}"]
        unserved = figures[f"unserved_people_{definition}"]
        out[f"coverage_{definition}"] = 1.0 - unserved / known if known > 0 else float("nan")
    return out


def coverage_rows(
    overlay: Overlay,
    state: NDArray[np.uint8],
    municipalities: Sequence[Municipality],
    *,
    region_code: str,
    region_name: str,
) -> list[Row]:
    """One row per municipality in their order, then the region's sum; columns of :class:`PopulationCoverage`
    (persons, households, km²) and the three coverage ratios."""
    figures = population_coverage(overlay, state)
    rows: list[Row] = []
    for i, municipality in enumerate(municipalities):
        values = {name: float(getattr(figures, name)[i]) for name in _SUMMED}
        rows.append(
            {
                "municipality_code": municipality.code,
                "name": municipality.full_name,
                **values,
                **coverage_columns(values),
            }
        )
    total = {name: _sum_known(getattr(figures, name)) for name in _SUMMED}
    rows.append({"municipality_code": region_code, "name": region_name, **total, **coverage_columns(total)})
    return rows


def _sum_known(values: NDArray[np.float64]) -> float:
    """Sum over the municipalities that have the figure; NaN where none has."""
    known = values[~np.isnan(values)]
    return float(known.sum()) if len(known) else float("nan")


def add_counts(rows: Sequence[Row], column: str, counts: Mapping[str, int], *, region_code: str) -> None:
    """Write ``counts`` by municipality into ``column`` of each row, and their sum into the region's row."""
    for row in rows:
        code = row["municipality_code"]
        row[column] = sum(counts.values()) if code == region_code else counts.get(code, 0)
