"""What only the ledger can say about the rows of an upload: a new site without a municipality, names that it does not know,
positions that look as if they were of the Tokyo datum, closing days that its sites cannot have. Pages and commands alike."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from datetime import date
from typing import Any, Final

from coverage.domain.ledger import DatePrecision, Ledger
from coverage.services.imports import changes_of, located
from coverage.services.ledger import today
from coverage.store.events import Change
from coverage.store.protocol import Store
from coverage.uploads.closing import NO_STATUS, OFF_AIR, before_service, first_possible_day
from coverage.uploads.positions import tokyo_to_lonlat
from coverage.uploads.report import Remark, Remarks, Report

Locate = Callable[[float, float], str | None]
_METRES_A_DEGREE: Final = 111_320.0
_SHIFT_M: Final = (300.0, 700.0)
"""How far a position of the Tokyo datum, read as JGD2011, lies from its place in Japan."""


def against_ledger(
    store: Store, kind: str, report: Report, *, locate: Locate | None, judge_place: bool = True
) -> tuple[Report, tuple[Change, ...]]:
    """The report on a file as this ledger has it, and what its good rows state; nothing is stored.

    The one way from a file's own report to what can be handed in: the page and the commands give the same report for the
    same file. ``locate``: the municipality of a position. ``judge_place`` as for :func:`with_ledger_checks`; without it
    no changes are made.
    """
    known, locate = store.ledger(), located(kind, report, locate)
    judged = with_ledger_checks(report, kind, locate=locate, known=known, judge_place=judge_place)
    if judged.verdict == "reject" or not judge_place:
        return judged, ()
    return judged, tuple(changes_of(kind, judged, locate=locate, known=known))


def with_ledger_checks(
    report: Report, kind: str, *, locate: Locate | None, known: Ledger, judge_place: bool = True
) -> Report:
    """The report with the rows that the ledger cannot take quarantined, and references to unknown records named.

    A new site whose municipality is unknown is an error of its row, not of the file. ``judge_place`` False: there are no
    boundaries to ask and nothing is to be stored, so that a notice says it instead. Nothing is changed in place.
    """
    if report.verdict == "reject":
        return report
    if kind == "sites":
        now = today()
        return _ended_ahead(_closing_days(_sites(report, locate, known, judge_place), known, now), known, now)
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


def _sites(report: Report, locate: Locate | None, known: Ledger, judge_place: bool) -> Report:
    existing = {s.site_id for s in known.sites}
    districts = {d.district_id for d in known.districts}
    errors: list[Remark] = []
    warnings = Remarks()
    homeless: set[str] = set()
    for row in report.rows:
        number, site_id = int(row["row"]), str(row["site_id"])
        if site_id in homeless or (
            site_id not in existing
            and not row["municipality_code"]
            and (locate is None or locate(row["lat"], row["lon"]) is None)
        ):
            homeless.add(site_id)
            if judge_place:
                errors.append(_homeless(number, site_id))
        strange = [d for d in row["districts_served"] if d not in districts]
        if strange:
            warnings.append(_unknown("district", number, "、".join(strange)[:80], "districts_served"))
    warnings.close()
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
    judged = _with(report, errors, warnings)
    if homeless and not judge_place:
        notice = Remark(
            "municipality-not-judged",
            f"新しい局 {len(homeless)} 局に市町コードがなく、行政区域も指定されていないため、市町は確かめていません。取込には --region か --boundaries か市町コードが要ります。",
            f"{len(homeless)} new sites have no municipality code and no boundaries were named, so their municipality was not judged; "
            "to import them, name --region or --boundaries or add the codes.",
        )
        judged = dataclasses.replace(judged, notices=[*judged.notices, notice])
    return judged


def _homeless(number: int, site_id: str) -> Remark:
    return Remark(
        "municipality-unknown",
        f"{number + 1} 件目: 局「{site_id}」の市町が分かりません。市町コードを入れるか、位置を確かめてください。",
        f"Row {number + 1}: the municipality of site '{site_id}' is unknown; add its code or check the position.",
        number,
        "municipality_code",
    )


def _closing_days(report: Report, known: Ledger, day: date) -> Report:
    """Closing days of rows that leave status or service start to the ledger. A day that its status does not allow is left
    out (the reader warned of it); one before the site's own service start spoils its row, unless that start lies after
    ``day``: then it is the day on which a plan was given up."""
    if report.verdict == "reject" or not any(row.get("closed_on") for row in report.rows):
        return report
    off_air = {s.site_id for s in known.sites if s.status.value in OFF_AIR}
    begun = _begun(known)
    stated = {row["site_id"] for row in report.rows if row["in_service_date"]}
    answered: set[int] = set()
    errors: list[Remark] = []
    rows: list[dict[str, Any]] = []
    for row in report.rows:
        closed, site_id, number = row.get("closed_on"), row["site_id"], int(row["row"])
        if closed and row["status"] is None and site_id in off_air:
            answered.add(number)
        elif closed and row["status"] is None:
            row, closed = {**row, "closed_on": None}, None
        first = begun.get(site_id)
        if (
            closed
            and first is not None
            and site_id not in stated
            and date.fromisoformat(closed) < first <= day
        ):
            errors.append(before_service(number, closed, first.isoformat()))
        rows.append(row)
    kept = [w for w in report.warnings if w.code != NO_STATUS or w.row not in answered]
    return _with(dataclasses.replace(report, rows=rows, warnings=kept), errors, [])


def _ended_ahead(report: Report, known: Ledger, day: date) -> Report:
    """Rows of a site that ended, says its status, though its service start lies after ``day`` and no closing day says that
    it never began: once the date has come it would be public and counted. A site that ends by this very list is none of
    them, since the ledger puts down the day on which a status changes."""
    if report.verdict == "reject" or not any(row.get("status") in OFF_AIR for row in report.rows):
        return report
    begun = _begun(known)
    closed = {s.site_id for s in known.sites if s.closed_on is not None or s.status.value not in OFF_AIR}
    for row in report.rows:
        if row.get("in_service_date"):
            precision = DatePrecision(row["date_precision"]) if row["date_precision"] else DatePrecision.DAY
            first = first_possible_day(date.fromisoformat(row["in_service_date"]), precision)
            begun[row["site_id"]] = min(first, begun.get(row["site_id"], first))
        if row.get("closed_on"):
            closed.add(row["site_id"])
    errors = [
        Remark(
            "ended-before-service",
            f"{row['row'] + 1} 件目: 状態が「{row['status']}」なのに供用開始日 {begun[row['site_id']]} が先の日付です。"
            "供用しないまま取りやめた局なら、供用開始日を空欄にして停波日に取りやめた日を入れ、そうでなければ状態か日付を直してください。",
            f"Row {row['row'] + 1}: the status is {row['status']}, yet the service start {begun[row['site_id']]} is still to come; "
            "where it never began, leave the start empty and give the day on which it was given up as closing day, else correct status or date.",
            row["row"],
            "in_service_date" if row.get("in_service_date") else "status",
        )
        for row in report.rows
        if row.get("status") in OFF_AIR and row["site_id"] not in closed and begun.get(row["site_id"], day) > day
    ]
    return _with(report, errors, [])


def _begun(known: Ledger) -> dict[str, date]:
    """The first day that a service start of each site can stand for."""
    begun: dict[str, date] = {}
    for operator in known.site_operators:
        if operator.in_service_date is not None:
            day = first_possible_day(operator.in_service_date, operator.date_precision)
            begun[operator.site_id] = min(day, begun.get(operator.site_id, day))
    return begun


def _links(report: Report, known: Ledger) -> Report:
    sites = {s.site_id for s in known.sites}
    districts = {d.district_id for d in known.districts}
    warnings = Remarks()
    for row in report.rows:
        for kind, name, held in (("site", "site_id", sites), ("district", "district_id", districts)):
            if row[name] not in held:
                warnings.append(_unknown(kind, int(row["row"]), str(row[name])[:80], name))
    warnings.close()
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
