"""What only the ledger can say about the rows of an upload: a new site without a municipality, names that it does not know,
and positions that look as if they were of the Tokyo datum."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, Final

from coverage.domain.ledger import Ledger
from coverage.uploads.positions import tokyo_to_lonlat
from coverage.uploads.report import Remark, Report

Locate = Callable[[float, float], str | None]
_METRES_A_DEGREE: Final = 111_320.0
_SHIFT_M: Final = (300.0, 700.0)
"""How far a position of the Tokyo datum, read as JGD2011, lies from its place in Japan."""


def with_ledger_checks(report: Report, kind: str, *, locate: Locate | None, known: Ledger) -> Report:
    """The report with the rows that the ledger cannot take quarantined, and references to unknown records named.

    A new site whose municipality is unknown is an error of its row, not of the file. Nothing is changed in place.
    """
    if report.verdict == "reject":
        return report
    if kind == "sites":
        return _sites(report, locate, known)
    if kind == "site_districts":
        return _links(report, known)
    return report


def looks_like_tokyo(report: Report, known: Ledger) -> int:
    """How many rows lie where the ledger's site would lie if its position had been of the Tokyo datum; 0 where that is
    not so of nearly all sites that both know (a list of new sites alone says nothing)."""
    held = {s.site_id: (s.lat, s.lon) for s in known.sites}
    compared = shifted = 0
    for row in report.rows:
        place = held.get(row.get("site_id", ""))
        if place is None:
            continue
        compared += 1
        off = _metres(row["lat"], row["lon"], *place)
        if _SHIFT_M[0] <= off <= _SHIFT_M[1]:
            lon, lat = tokyo_to_lonlat(row["lon"], row["lat"])
            shifted += _metres(lat, lon, *place) < 60
    return shifted if compared and shifted >= 0.8 * compared else 0


def _metres(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    east = (lon - other_lon) * math.cos(math.radians(lat))
    return _METRES_A_DEGREE * math.hypot(lat - other_lat, east)


def _sites(report: Report, locate: Locate | None, known: Ledger) -> Report:
    existing = {s.site_id for s in known.sites}
    districts = {d.district_id for d in known.districts}
    errors: list[Remark] = []
    warnings: list[Remark] = []
    homeless: set[str] = set()
    for row in report.rows:
        number, site_id = int(row["row"]), str(row["site_id"])
        if site_id in homeless or (
            site_id not in existing
            and not row["municipality_code"]
            and (locate is None or locate(row["lat"], row["lon"]) is None)
        ):
            homeless.add(site_id)
            errors.append(
                Remark(
                    "municipality-unknown",
                    f"{number + 1} 件目: 局「{site_id}」の市町が分かりません。市町コードを入れるか、位置を確かめてください。",
                    f"Row {number + 1}: the municipality of site '{site_id}' is unknown; add its code or check the position.",
                    number,
                    "municipality_code",
                )
            )
        strange = [d for d in row["districts_served"] if d not in districts]
        if strange and len(warnings) < 1000:
            warnings.append(_unknown("district", number, "、".join(strange)[:80], "districts_served"))
    shift = looks_like_tokyo(report, known)
    if shift:
        warnings.insert(
            0,
            Remark(
                "datum-doubtful",
                f"台帳にある局 {shift} 件の位置が、どれも日本測地系の値を世界測地系として読んだときのずれ（約450 m）と合います。測地系を確かめてください。",
                f"The positions of {shift} sites of the ledger differ by just what the Tokyo datum, read as JGD2011, differs (about 450 m); check the datum.",
            ),
        )
    return _with(report, errors, warnings)


def _links(report: Report, known: Ledger) -> Report:
    sites = {s.site_id for s in known.sites}
    districts = {d.district_id for d in known.districts}
    warnings: list[Remark] = []
    for row in report.rows:
        for kind, name, held in (("site", "site_id", sites), ("district", "district_id", districts)):
            if row[name] not in held and len(warnings) < 1000:
                warnings.append(_unknown(kind, int(row["row"]), str(row[name])[:80], name))
    return _with(report, [], warnings)


def _unknown(kind: str, number: int, shown: str, column: str) -> Remark:
    word = {"site": ("局", "site"), "district": ("不感地域", "district")}[kind]
    return Remark(
        f"{kind}-not-in-ledger",
        f"{number + 1} 件目: {word[0]}「{shown}」は台帳にありません。番号を確かめるか、先に登録してください。",
        f"Row {number + 1}: the {word[1]} '{shown}' is not in the ledger; check it or enter it first.",
        number,
        column,
    )


def _with(report: Report, errors: list[Remark], warnings: list[Remark]) -> Report:
    if not errors and not warnings:
        return report
    wrong = {e.row for e in errors}
    rows: list[dict[str, Any]] = [row for row in report.rows if row["row"] not in wrong]
    shown = [row for row in report.other_rows if row["row"] in wrong]
    return dataclasses.replace(
        report,
        rows=rows,
        errors=sorted([*report.errors, *errors], key=lambda e: -1 if e.row is None else e.row),
        warnings=[*report.warnings, *warnings],
        rejected=not rows,
        bad_rows=sorted([*report.bad_rows, *shown], key=lambda r: int(r["row"])),
        other_rows=[row for row in report.other_rows if row["row"] not in wrong],
    )
