"""From quarantined bytes to a report, inside the child: the right parser, then the checks of the table's kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import shapely

from coverage.uploads import parse_csv, parse_gis, parse_vector, parse_xlsx
from coverage.uploads.limits import Limits
from coverage.uploads.other_tables import OTHER_TABLES, read_other
from coverage.uploads.report import MAX_BAD_ROWS, Report
from coverage.uploads.sites import SiteContext, read_sites
from coverage.uploads.tables import RawTable

KINDS = ("sites", *OTHER_TABLES)


def read_upload(job: dict[str, Any]) -> Report:
    """``job``: path, label, format, kind, limits, answers, operators, region (hexadecimal WKB or None)."""
    limits = Limits(**job["limits"])
    table = _parse(Path(job["path"]), job["label"], job["format"], limits, job["answers"])
    if job["kind"] == "sites":
        region = None if job["region"] is None else shapely.from_wkb(job["region"])
        context = SiteContext(answers=job["answers"], operators=job["operators"], region=region)
        report = read_sites(table, job["label"], context)
    else:
        report = read_other(job["kind"], table, job["label"], job["answers"])
    report.bad_rows = _bad_rows(table, report)
    return report


def _bad_rows(table: RawTable, report: Report) -> list[dict[str, Any]]:
    """Rows with errors as they stand in the file; only columns that are used, so nothing dropped comes back."""
    used = report.understood.get("columns") or {}
    at = [table.columns.index(place) if isinstance(place, str) else int(place) for place in used.values()]
    wanted = {e.row for e in report.errors if e.row is not None}
    rows: list[dict[str, Any]] = []
    for row in table.rows:
        if row.number not in wanted:
            continue
        cells = {table.columns[i]: row.cells[i] if i < len(row.cells) else "" for i in at}
        if table.spatial and not {"lat", "lon"} & set(used):
            lon, lat = row.lonlat or ("", "")
            cells |= {"lat": str(lat), "lon": str(lon)}
        rows.append({"row": row.number, "cells": cells})
        if len(rows) == MAX_BAD_ROWS:
            break
    return rows


def _parse(path: Path, label: str, form: str, limits: Limits, answers: dict[str, Any]) -> RawTable:
    if form == "csv":
        return parse_csv.parse_csv(path.read_bytes(), label, limits)
    if form == "xlsx":
        return parse_xlsx.parse_xlsx(path, label, limits, answers.get("sheet"))
    if form == "geojson":
        return parse_vector.parse_geojson_rows(path.read_bytes(), label, limits)
    if form == "kml":
        return parse_vector.parse_kml_rows(path.read_bytes(), label, limits)
    if form == "gpkg":
        return parse_gis.parse_gpkg_rows(path, label, limits, answers.get("layer"))
    return parse_gis.parse_shapefile_rows(path, label, limits)
