"""From quarantined bytes to a report, inside the child: the right parser, then the checks of the table's kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import shapely

from coverage.errors import FileFormatError
from coverage.uploads import parse_csv, parse_gis, parse_vector, parse_xlsx
from coverage.uploads.describe import describe
from coverage.uploads.limits import Limits
from coverage.uploads.other_tables import OTHER_TABLES, read_other
from coverage.uploads.report import Report, rejection
from coverage.uploads.sites import SiteContext, read_sites
from coverage.uploads.tables import RawTable

KINDS = ("sites", *OTHER_TABLES)


def read_upload(job: dict[str, Any]) -> Report:
    """``job``: path, label, format, kind, limits, answers, operators, region (hexadecimal WKB or None)."""
    limits = Limits(**job["limits"])
    table = _parse(Path(job["path"]), job["label"], job["format"], limits, job["answers"])
    try:
        if job["kind"] == "sites":
            region = None if job["region"] is None else shapely.from_wkb(job["region"])
            context = SiteContext(answers=job["answers"], operators=job["operators"], region=region)
            report = read_sites(table, job["label"], context)
        else:
            report = read_other(job["kind"], table, job["label"], job["answers"])
    except FileFormatError as problem:
        # A file that cannot be read as it is may be read once a person has said what its columns are.
        report = rejection(problem.code, problem.ja, problem.en)
    describe(table, job["kind"], job["label"], job["answers"], report)
    return report


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
    return parse_gis.parse_shapefile_rows(path, label, limits, answers)
