"""``result.gpkg``: the run's tables as layers for QGIS, byte-identical when written again."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shapely.geometry import Point

from coverage.domain.region import RegionData
from coverage.domain.service_start import is_public
from coverage.runs.reception import notice_of
from coverage.runs.tables import MUNICIPALITY_COLUMNS, rounded_row

if TYPE_CHECKING:
    from coverage.runs.pipeline import YearResult

_CLOCK = "1970-01-01T00:00:00.000Z"
"""GeoPackage wants a time of last change; the run has none, its inputs have editions."""


def write_geopackage(
    folder: Path, data: RegionData, meta: Mapping[str, Any], years: Sequence[YearResult]
) -> None:
    """Layers ``municipalities`` and ``no_signal_areas`` (every year), ``districts``, ``sites`` and ``settlements``."""
    import geopandas as gpd
    import pyogrio

    path = folder / "result.gpkg"
    geometry = {m.code: m.geometry for m in data.municipalities}
    dated = {row.site_id for row in data.ledger.site_operators if row.in_service_date is not None}
    layers: list[tuple[str, list[dict[str, Any]]]] = [
        (
            "municipalities",
            [
                {
                    **{c: rounded_row(row)[c] for c in MUNICIPALITY_COLUMNS},
                    "geometry": geometry[row["municipality_code"]],
                }
                for year in years
                for row in year.rows
                if row["municipality_code"] in geometry
            ],
        ),
        (
            "no_signal_areas",
            [
                {
                    "fiscal_year": year.fiscal_year,
                    "area_id": a.area_id,
                    "municipality_code": a.municipality_code,
                    "people": round(a.people, 1),
                    "households": None if a.households != a.households else round(a.households, 1),
                    "area_km2": round(a.area_km2, 3),
                    "nearest_settlement": a.nearest_settlement,
                    "district_ids": ";".join(a.district_ids),
                    "geometry": a.geometry,
                }
                for year in years
                for a in year.areas
            ],
        ),
        (
            "districts",
            [
                {
                    "district_id": d.district_id,
                    "municipality_code": d.municipality_code,
                    "name": d.name,
                    "households": d.households,
                    "population": d.population,
                    "designated_on": d.designated_on.isoformat() if d.designated_on else None,
                    "resolved_on": d.resolved_on.isoformat() if d.resolved_on else None,
                    "declined": d.declined,
                    "source": d.source,
                    "geometry": d.geometry,
                }
                for d in data.ledger.districts
            ],
        ),
        (
            "sites",
            [
                {
                    "site_id": s.site_id,
                    "name": s.name,
                    "municipality_code": s.municipality_code,
                    "status": s.status.value,
                    "height_m": s.height_m,
                    "funding": s.funding.value if s.funding else None,
                    "purpose": s.purpose.value if s.purpose else None,
                    "geometry": Point(s.lon, s.lat),
                }
                for s in data.ledger.sites
                if is_public(s.status, dated=s.site_id in dated)
            ],
        ),
        (
            "settlements",
            [
                {"municipality_code": s.municipality_code, "name": s.name, "geometry": Point(s.lon, s.lat)}
                for s in data.settlements
            ],
        ),
    ]
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _CLOCK})
    try:
        for name, rows in layers:
            if not rows:
                continue
            frame = gpd.GeoDataFrame(rows, geometry="geometry", crs="EPSG:4326")
            pyogrio.write_dataframe(frame, path, layer=name, driver="GPKG", promote_to_multi=_many(frame))
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
    _describe(path, meta)


def _many(frame: Any) -> bool:
    """Polygons of one layer come single and multiple; points of sites stay single."""
    return not bool((frame.geometry.geom_type == "Point").all())


def _describe(path: Path, meta: Mapping[str, Any]) -> None:
    """Write credit and notice beside every layer, and shed what the SQLite file keeps of its own history."""
    credit = "；".join(sorted({layer["credit"] for layer in meta["layers"] if layer["credit"]}))
    text = f"{meta['region']['name_ja']} run {meta['run_id']} {notice_of(meta, 'ja')} {credit}".strip()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE gpkg_contents SET description = ?, last_change = ?", (text, _CLOCK))
        connection.commit()
        connection.execute("VACUUM")
