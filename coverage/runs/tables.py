"""Tables of a run: one list of dicts each, written as CSV with BOM so that Excel opens Japanese text as it is."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from coverage.domain.cell_guard import guard

# Decimals by column; a column that is not listed is written as it is.
_DECIMALS = {
    "area_km2": 3,
    "unserved_area_km2": 3,
    "unknown_area_km2": 3,
    "coverage_area": 5,
    "coverage_half_mesh": 5,
    "coverage_cell": 5,
    "served_share": 4,
    "lat": 6,
    "lon": 6,
}
_PEOPLE = ("people", "households", "population")


def rounded(column: str, value: Any) -> Any:
    """The value as it is printed: whole numbers without a point, people to 0.1, NaN as None."""
    if hasattr(value, "item"):
        value = value.item()
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None
    decimals = _DECIMALS.get(column)
    if decimals is None and any(word in column for word in _PEOPLE):
        decimals = 1
    if decimals is not None:
        value = round(value, decimals)
    return int(value) if value == int(value) and decimals in (None, 1) else value


def rounded_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {column: rounded(column, value) for column, value in row.items()}


def cell_text(value: Any) -> str:
    """Text of one CSV cell. Text that a spreadsheet would run as a formula gets a leading apostrophe."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    return guard(str(value))


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """UTF-8 with BOM, CRLF as RFC 4180 has it; every row has every column."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8-sig", newline="") as target:
        writer = csv.writer(target, lineterminator="\r\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([cell_text(rounded(column, row[column])) for column in columns])


MUNICIPALITY_COLUMNS = (
    "fiscal_year", "municipality_code", "name", "area_km2", "population", "households", "estimated", "computable",
    "unserved_people_area", "unknown_people_area", "unserved_people_half_mesh", "unknown_people_half_mesh",
    "unserved_people_cell", "unknown_people_cell", "coverage_area", "coverage_half_mesh", "coverage_cell",
    "unserved_households", "unserved_area_km2", "unknown_area_km2", "shelters", "unserved_shelters",
    "unknown_shelters", "sites_in_service", "sites_counted", "districts_registered",
    "districts_resolved_confirmed", "districts_resolved_predicted", "register_people", "register_unserved_people",
    "declined_people", "headline_people",
)  # fmt: skip
OPERATOR_COLUMNS = (
    "fiscal_year", "operator", "municipality_code", "name", "computable", "population",
    "unserved_people_area", "unknown_people_area", "unserved_people_half_mesh", "unknown_people_half_mesh",
    "unserved_people_cell", "unknown_people_cell", "coverage_area", "coverage_half_mesh", "coverage_cell",
    "unserved_households", "unserved_area_km2", "unknown_area_km2", "sites_in_service",
)  # fmt: skip
SITE_COLUMNS = (
    "site_id", "name", "municipality_code", "lat", "lon", "height_m", "status", "funding", "purpose", "project_id",
    "replaces", "planned_fy", "operator", "in_service_date", "date_precision", "band", "frequency_mhz",
    "bandwidth_mhz", "eirp_dbm", "azimuth_deg", "tilt_deg", "on_air", "counted_fy", "verdict_code", "verdict_ja",
    "verdict_en", "sole_people", "gain_people", "district_ids",
)  # fmt: skip
DISTRICT_COLUMNS = (
    "district_id", "municipality_code", "name", "lat", "lon", "households", "population", "designated_on",
    "resolved_on", "declined", "source", "registered_now", "confirmed", "predicted", "served_share", "served_people",
    "site_ids",
)  # fmt: skip
