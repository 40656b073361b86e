"""What a run's GeoJSON says about one year: boundaries, no-signal areas, districts, and who is on the air."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry import Point, shape
from shapely.geometry.base import BaseGeometry

from coverage.domain import mesh
from coverage.domain.fiscal import last_day
from coverage.errors import InputError
from coverage.runs.result import RunResult


def year_features(run: RunResult, fy: int) -> YearFeatures:
    """The features of one fiscal year, read once a run."""
    return _read(run.folder, (run.folder / "run.json").stat().st_mtime_ns, fy)


@dataclass(frozen=True)
class YearFeatures:
    """Boundaries, no-signal areas and districts of one year, and who is on the air in it."""

    places: list[tuple[BaseGeometry, dict[str, Any]]]
    areas: list[tuple[BaseGeometry, dict[str, Any]]]
    districts: list[tuple[BaseGeometry, dict[str, Any]]]
    on_air: frozenset[tuple[str, str]]

    def municipality(self, lon: float, lat: float) -> dict[str, Any] | None:
        point = Point(lon, lat)
        return next((found for geometry, found in self.places if geometry.covers(point)), None)

    @staticmethod
    def standing(
        parts: Sequence[tuple[BaseGeometry, dict[str, Any]]], lon: float, lat: float
    ) -> list[dict[str, Any]]:
        """Those that hold the point; a district known as a point only stands for its 500 m mesh cell."""
        point = Point(lon, lat)
        try:
            cell = mesh.encode_point(lat, lon, 9)
        except InputError:
            cell = None
        out = []
        for geometry, found in parts:
            if geometry.geom_type == "Point":
                if cell is not None and mesh.encode_point(geometry.y, geometry.x, 9) == cell:
                    out.append(found)
            elif geometry.covers(point):
                out.append(found)
        return out


@lru_cache(maxsize=12)
def _read(folder: Path, _changed: int, fy: int) -> YearFeatures:
    run = RunResult.open(folder)
    resolved = {
        str(r["district_id"]): str(r["resolved_on"])
        for r in run.districts.to_dict("records")
        if isinstance(r["resolved_on"], str)
    }
    found = YearFeatures([], [], [], frozenset())
    on_air = set()
    for item in run.geojson("region", fy)["features"]:
        p = item["properties"]
        kind = p.get("kind")
        if kind == "site":
            on_air |= {(str(p["site_id"]), str(o)) for o in p["operators"]}
        if item["geometry"] is None:
            continue
        geometry = shape(item["geometry"])
        if kind == "municipality":
            shapely.prepare(geometry)
            found.places.append((geometry, {"code": str(p["municipality_code"]), "name": str(p["name"])}))
        elif kind == "no_signal_area":
            keys = ("area_id", "people", "households", "area_km2", "nearest_settlement")
            found.areas.append((geometry, {key: p.get(key) for key in keys}))
        elif kind == "district":
            end = resolved.get(str(p["district_id"]))
            said = ("district_id", "name", "population", "households", "designated_on", "declined")
            if end is None or date.fromisoformat(end) > last_day(fy):
                found.districts.append((geometry, {key: p.get(key) for key in said}))
    return YearFeatures(found.places, found.areas, found.districts, frozenset(on_air))
