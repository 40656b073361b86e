"""The GeoJSON files of a run: one of each municipality and two of the region, for every fiscal year."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shapely.geometry import Point

from coverage.domain import fiscal
from coverage.domain.ledger import District, Site
from coverage.domain.region import RegionData
from coverage.gaps.areas import NoSignalArea
from coverage.runs.geojson import collection, feature, write_geojson
from coverage.runs.reception import notice_of
from coverage.runs.signal import on_air_rows
from coverage.runs.tables import rounded_row

if TYPE_CHECKING:
    from coverage.runs.counting import CountTables
    from coverage.runs.pipeline import YearResult

Features = list[dict[str, Any]]


def write_geojson_files(
    folder: Path,
    data: RegionData,
    meta: Mapping[str, Any],
    years: Sequence[YearResult],
    counted: CountTables,
) -> None:
    """``geojson/<fy>/{municipalities,region,<code>}.geojson`` (docs/run-format.md)."""
    for year in years:
        out = folder / "geojson" / str(year.fiscal_year)
        members = _members(meta, year.fiscal_year)
        boundaries = _boundaries(data, year)
        areas: dict[str, Features] = {}
        for a in year.areas:
            areas.setdefault(a.municipality_code, []).append(
                _area_feature(a, computable=meta["computable"]["any"])
            )
        districts: dict[str, Features] = {}
        for d in counted.registered(year.fiscal_year):
            districts.setdefault(d.municipality_code, []).append(_district_feature(d, year))
        sites = _site_features(data, year.fiscal_year)
        everything: Features = []
        for code, boundary in boundaries.items():
            own = [boundary, *areas.get(code, []), *districts.get(code, []), *sites.get(code, [])]
            everything += own
            write_geojson(out / f"{code}.geojson", collection(own, {**members, "municipality_code": code}))
        write_geojson(out / "municipalities.geojson", collection(boundaries.values(), members))
        write_geojson(out / "region.geojson", collection(everything, members))


def _members(meta: Mapping[str, Any], fy: int) -> dict[str, Any]:
    """What stands beside the features: where the numbers come from and on which terms they may be used."""
    return {
        "name": meta["region"]["name_ja"],
        "fiscal_year": fy,
        "fiscal_year_label": fiscal.label_ja(fy),
        "run_id": meta["run_id"],
        "notice": notice_of(meta, "ja"),
        "fictional": meta["region"]["fictional"],
        "estimated": meta["estimated"],
        "computable": meta["computable"]["any"],
        "computable_reason": meta["computable_reason"]["ja"],
        "ladder": meta["ladder"]["id"],
        "model": meta["model_card"]["model"],
        "credits": sorted({layer["credit"] for layer in meta["layers"] if layer["credit"]}),
        "licences": sorted({layer["licence"] for layer in meta["layers"] if layer["licence"]}),
    }


def _boundaries(data: RegionData, year: YearResult) -> dict[str, dict[str, Any]]:
    rows = {row["municipality_code"]: row for row in year.rows}
    out: dict[str, dict[str, Any]] = {}
    for m in data.municipalities:
        properties = {"kind": "municipality", **rounded_row(rows[m.code])}
        out[m.code] = feature(m.geometry, properties, m.code)
    return out


def _area_feature(area: NoSignalArea, *, computable: bool) -> dict[str, Any]:
    properties = {
        "kind": "no_signal_area",
        # Each feature says it, because people cut files up: without complete site lists this is no statement.
        "computable": computable,
        "area_id": area.area_id,
        "municipality_code": area.municipality_code,
        "people": area.people,
        "households": area.households,
        "area_km2": area.area_km2,
        "nearest_settlement": area.nearest_settlement,
        "district_ids": list(area.district_ids),
    }
    return feature(area.geometry, rounded_row(properties), f"area-{area.area_id}")


def _district_feature(district: District, year: YearResult) -> dict[str, Any]:
    prediction = year.predictions[district.district_id]
    properties = {
        "kind": "district",
        "district_id": district.district_id,
        "municipality_code": district.municipality_code,
        "name": district.name,
        "households": district.households,
        "population": district.population,
        "designated_on": district.designated_on.isoformat() if district.designated_on else None,
        "declined": district.declined,
        "predicted_resolved": prediction.resolved,
        "served_share": prediction.served_share,
    }
    return feature(district.geometry, rounded_row(properties), f"district-{district.district_id}")


def _site_features(data: RegionData, fy: int) -> dict[str, Features]:
    """Sites in service on the last day of the year. Sites not yet in service are not public (operators' plans)."""
    operators: dict[str, set[str]] = {}
    since: dict[str, str] = {}
    sites: dict[str, Site] = {}
    for site, row in on_air_rows(data.ledger, fiscal.last_day(fy)):
        sites[site.site_id] = site
        operators.setdefault(site.site_id, set()).add(row.operator)
        if row.in_service_date:
            day = row.in_service_date.isoformat()
            since[site.site_id] = min(since.get(site.site_id, day), day)
    out: dict[str, Features] = {}
    for site_id, site in sorted(sites.items()):
        properties = {
            "kind": "site",
            "site_id": site_id,
            "name": site.name,
            "municipality_code": site.municipality_code,
            "status": site.status.value,
            "operators": sorted(operators[site_id]),
            "in_service_since": since.get(site_id),
            "funding": site.funding.value if site.funding else None,
            "purpose": site.purpose.value if site.purpose else None,
        }
        out.setdefault(site.municipality_code, []).append(
            feature(Point(site.lon, site.lat), properties, f"site-{site_id}")
        )
    return out
