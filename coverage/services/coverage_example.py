"""The three definitions of population coverage, worked out for one municipality with the run's own figures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from coverage.runs.result import RunResult

DEFINITIONS: Final = ("area", "half_mesh", "cell")


@dataclass(frozen=True, slots=True)
class Worked:
    """One definition: ``known`` = population − unknown; coverage = (known − unserved) ÷ known, persons."""

    definition: str
    population: float
    unknown: float
    unserved: float

    @property
    def known(self) -> float:
        return self.population - self.unknown

    @property
    def served(self) -> float:
        return self.known - self.unserved

    @property
    def coverage(self) -> float:
        """0–1; NaN where nobody's signal is known."""
        return self.served / self.known if self.known > 0 else math.nan


@dataclass(frozen=True)
class CoverageExample:
    code: str
    name: str
    fiscal_year: int
    worked: tuple[Worked, ...]


def coverage_example(run: RunResult, fiscal_year: int | None = None) -> CoverageExample | None:
    """The municipality in which the definitions lie furthest apart, so that one sees why they differ.

    None where computed gaps are no statement (the run is not computable) or nobody lives in the region. Ties go to the
    larger share without signal, then to the smaller code.
    """
    if not run.is_computable():
        return None
    fy = run.check_fy(fiscal_year)
    table = run.municipalities
    rows = table[(table["fiscal_year"] == fy) & (table["municipality_code"] != run.region_code)].to_dict(
        "records"
    )
    best: tuple[tuple[float, float], dict[str, Any]] | None = None
    for row in rows:
        shares = [one.coverage for one in _worked(row)]
        if any(math.isnan(share) for share in shares):
            continue
        # Rounded, so that the last bit of a float decides nothing; rows stand in the order of their codes.
        rank = (round(max(shares) - min(shares), 9), round(1.0 - min(shares), 9))
        if best is None or rank > best[0]:
            best = (rank, row)
    if best is None:
        return None
    row = best[1]
    return CoverageExample(str(row["municipality_code"]), str(row["name"]), fy, _worked(row))


def _worked(row: dict[str, Any]) -> tuple[Worked, ...]:
    return tuple(
        Worked(
            name,
            float(row["population"]),
            float(row[f"unknown_people_{name}"]),
            float(row[f"unserved_people_{name}"]),
        )
        for name in DEFINITIONS
    )
