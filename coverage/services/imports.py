"""Use cases around uploads: check a file, show what it would change, hand it in, accept it, undo it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import shapely

from coverage.domain.ledger import (
    Actual,
    DatePrecision,
    District,
    Funding,
    Ledger,
    Purpose,
    Site,
    SiteDistrict,
    SiteOperator,
    Status,
)
from coverage.errors import FileFormatError
from coverage.services.access import Action, Object, Principal, Resource, authorise
from coverage.services.context import AppContext
from coverage.services.import_answers import read_answers
from coverage.services.import_preview import Preview, preview
from coverage.services.long_work import collector_rests
from coverage.store.events import Change, Kind, change_of
from coverage.store.protocol import ImportReceipt, Store
from coverage.store.records import ImportRecord, ImportState, Measurement
from coverage.uploads.limits import DEFAULT_LIMITS, Limits
from coverage.uploads.report import Remark, Report, rejection
from coverage.uploads.sandbox import check_file

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

__all__ = [
    "KINDS",
    "ImportReceipt",
    "ImportRecord",
    "ImportState",
    "ImportStep",
    "Locate",
    "Preview",
    "RegionChecks",
    "Remark",
    "Report",
    "Store",
    "accept_import",
    "changes_of",
    "check_upload",
    "hand_in",
    "import_steps",
    "preview",
    "read_answers",
    "region_checks",
    "rejection",
    "remark_lines",
    "return_import",
    "undo_import",
    "withdraw_import",
]
"""Also the types of store and uploads that pages need for their signatures: pages know services only."""

KINDS = ("sites", "districts", "site_districts", "actuals", "measurements")
Locate = Callable[[float, float], str | None]


@dataclass(frozen=True)
class RegionChecks:
    """What a region adds to the checks of a file: names of operators, outline, municipality of a position."""

    operators: Mapping[str, str] | None = None
    outline: BaseGeometry | None = None
    locate: Locate | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    """Municipality code → name."""


class Locator:
    """The municipality of a position: of those that hold it, the first."""

    def __init__(self, municipalities: Sequence[Any]) -> None:
        self._codes = [str(m.code) for m in municipalities]
        self._tree = shapely.STRtree([m.geometry for m in municipalities])

    def __call__(self, lat: float, lon: float) -> str | None:
        """Its code; None outside all of them."""
        found = self._tree.query(shapely.Point(lon, lat), predicate="intersects")
        return self._codes[int(found.min())] if len(found) else None

    def many(self, places: Sequence[tuple[float, float]]) -> list[str | None]:
        """The same of many positions (lat, lon), in one question to the tree."""
        codes: list[str | None] = [None] * len(places)
        points = shapely.points([lon for _, lon in places], [lat for lat, _ in places])
        which, found = self._tree.query(points, predicate="intersects")
        # The last word of a place is said by its first municipality.
        for i, j in sorted(zip(which.tolist(), found.tolist(), strict=True), reverse=True):
            codes[i] = self._codes[j]
        return codes


def located(kind: str, report: Report, locate: Locate | None) -> Locate | None:
    """``locate``, with the positions of a site list that lack a municipality looked up all at once."""
    if kind != "sites" or not isinstance(locate, Locator):
        return locate
    places = list({(row["lat"], row["lon"]) for row in report.rows if not row["municipality_code"]})
    known = dict(zip(places, locate.many(places), strict=True)) if places else {}

    def looked_up(lat: float, lon: float) -> str | None:
        return known[lat, lon] if (lat, lon) in known else locate(lat, lon)

    return looked_up


def region_checks(context: AppContext | None, boundaries: Path | None = None) -> RegionChecks:
    """``context``: a region that was named on purpose, None for none; ``boundaries`` replaces its outline."""
    from coverage.readers.boundaries import read_boundaries
    from coverage.readers.region import load_region

    operators: dict[str, str] | None = None
    municipalities: Sequence[Any] = ()
    if context is not None:
        operators = {}
        for key, operator in context.config.operators.items():
            operators |= {key: key, operator.name_ja: key, operator.name_en: key}
        if boundaries is None:
            municipalities = load_region(
                context.region_folder, layers_root=context.layers_root, only=["boundaries"]
            ).municipalities
    if boundaries is not None:
        from coverage.domain.region import LayerConfig

        layer = LayerConfig(format="n03", path=boundaries.name, edition="", licence="", credit="")
        municipalities = read_boundaries(layer, boundaries.resolve().parent).municipalities
    if not municipalities:
        return RegionChecks(operators)
    outline = shapely.union_all([m.geometry for m in municipalities])
    return RegionChecks(operators, outline, Locator(municipalities), {str(m.code): m.full_name for m in municipalities})


def check_upload(
    path: Path,
    *,
    kind: str,
    principal: Principal,
    client_name: str | None = None,
    answers: Mapping[str, Any] | None = None,
    checks: RegionChecks | None = None,
    limits: Limits = DEFAULT_LIMITS,
    cancelled: Callable[[], bool] | None = None,
    rows_in_memory: int | None = None,
    keep: Callable[[], Path] | None = None,
) -> Report:
    """The report on a file; nothing is stored. ``cancelled`` ends the reading; ``rows_in_memory`` and ``keep`` as for
    :func:`coverage.uploads.sandbox.check_file`. Raises PermissionDeniedError for who may not upload."""
    authorise(principal, Action.UPLOAD, Resource(Object.IMPORT))
    given = checks or RegionChecks()
    wkb = None if given.outline is None else shapely.to_wkb(given.outline, hex=True)
    return check_file(
        path, kind=kind, client_name=client_name, answers=answers, operators=given.operators, region_wkb=wkb,
        limits=limits, cancelled=cancelled, rows_in_memory=rows_in_memory, keep=keep,
    )  # fmt: skip


def changes_of(kind: str, report: Report, *, locate: Locate | None = None, known: Ledger | None = None) -> list[Change]:
    """What the good rows of a report state about the ledger.

    A blank optional cell states nothing: it never empties what the ledger holds. A new site needs a municipality
    (its code, or a position inside the boundaries) and a name; a row that lacks them raises FileFormatError with its row.
    """
    if report.verdict == "reject":
        raise FileFormatError(
            "upload-rejected", "取り込める行のないファイルです。", "The file holds no row that can be stored."
        )
    if kind == "sites":
        return _site_changes(report, located(kind, report, locate), known or Ledger())
    make = _MAKERS[kind]
    return [change_of(record, fields=fields, row=row["row"]) for row in report.rows for record, fields in [make(row)]]


def _site_changes(report: Report, locate: Locate | None, known: Ledger) -> list[Change]:
    existing = {s.site_id for s in known.sites}
    changes: list[Change] = []
    stated: set[str] = set()
    for row in report.rows:
        site_id = row["site_id"]
        if site_id not in stated:
            changes.append(_site_change(row, locate, new=site_id not in existing))
            stated.add(site_id)
        if row["operator"]:
            given = [n for n in _OPERATOR_FIELDS if row.get(n) is not None]
            day = row["in_service_date"]
            record = SiteOperator(
                site_id=site_id,
                operator=row["operator"],
                in_service_date=date.fromisoformat(day) if day else None,
                date_precision=DatePrecision(row["date_precision"]) if row["date_precision"] else DatePrecision.DAY,
                band=row["band"],
                frequency_mhz=row["frequency_mhz"],
                bandwidth_mhz=row["bandwidth_mhz"],
                eirp_dbm=row["eirp_dbm"],
                azimuth_deg=row["azimuth_deg"],
                tilt_deg=row["tilt_deg"],
            )
            changes.append(change_of(record, fields=["site_id", "operator", *given], row=row["row"]))
        for district_id in row["districts_served"]:
            link = SiteDistrict(site_id, district_id)
            changes.append(change_of(link, fields=["site_id", "district_id"], row=row["row"]))
    return changes


_OPERATOR_FIELDS = (
    "in_service_date", "date_precision", "band", "frequency_mhz", "bandwidth_mhz", "eirp_dbm", "azimuth_deg", "tilt_deg",
)  # fmt: skip
_SITE_FIELDS = (
    "name", "municipality_code", "height_m", "status", "funding", "purpose", "project_id", "replaces", "planned_fy",
    "cost_yen", "closed_on",
)  # fmt: skip


def _site_change(row: Mapping[str, Any], locate: Locate | None, *, new: bool) -> Change:
    code = row["municipality_code"] or (locate(row["lat"], row["lon"]) if locate is not None else None)
    if new and code is None:
        raise FileFormatError(
            "municipality-unknown",
            f"{row['row'] + 1} 件目: 局「{row['site_id']}」の市町が分かりません。市町コードの列を加えるか、位置を確かめてください。",
            f"Row {row['row'] + 1}: the municipality of site '{row['site_id']}' is unknown; add its code or check the position.",
        )
    stated = {**row, "municipality_code": code, "closed_on": _day(row.get("closed_on"))}
    fields = ["site_id", "lat", "lon", *[n for n in _SITE_FIELDS if stated.get(n) is not None]]
    if new:
        fields += [n for n in ("name", "status") if n not in fields]
    record = Site(
        site_id=row["site_id"],
        name=row["name"] or row["site_id"],
        municipality_code=code or "00000",
        lat=row["lat"],
        lon=row["lon"],
        status=Status(row["status"]) if row["status"] else Status.CANDIDATE,
        height_m=row["height_m"],
        funding=Funding(row["funding"]) if row["funding"] else None,
        purpose=Purpose(row["purpose"]) if row["purpose"] else None,
        project_id=row["project_id"],
        replaces=row["replaces"],
        planned_fy=row["planned_fy"],
        cost_yen=None if row["cost_yen"] is None else round(row["cost_yen"]),
        closed_on=stated["closed_on"],
    )
    return change_of(record, fields=fields, row=row["row"])


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _district(row: Mapping[str, Any]) -> tuple[District, list[str]]:
    record = District(
        district_id=row["district_id"],
        municipality_code=row["municipality_code"],
        name=row["name"],
        geometry=shapely.from_wkb(row["geometry"]),
        households=row["households"],
        population=row["population"],
        designated_on=_day(row["designated_on"]),
        resolved_on=_day(row["resolved_on"]),
        source=row["source"],
        declined=row["declined"],
    )
    return record, _stated(row)


def _site_district(row: Mapping[str, Any]) -> tuple[SiteDistrict, list[str]]:
    record = SiteDistrict(
        row["site_id"], row["district_id"], _day(row["serves_from"]), row["confirmed_by"], _day(row["confirmed_on"])
    )
    return record, _stated(row)


def _actual(row: Mapping[str, Any]) -> tuple[Actual, list[str]]:
    record = Actual(row["indicator"], row["fiscal_year"], row["value"], row["source"], _day(row["decided_on"]))
    return record, _stated(row)


def _measurement(row: Mapping[str, Any]) -> tuple[Measurement, list[str]]:
    values = {k: v for k, v in row.items() if k != "row"}
    return Measurement(**{**values, "measured_on": date.fromisoformat(row["measured_on"])}), _stated(row)


def _stated(row: Mapping[str, Any]) -> list[str]:
    return [name for name, value in row.items() if name != "row" and value is not None]


_MAKERS: dict[str, Callable[[Mapping[str, Any]], tuple[Any, list[str]]]] = {
    "districts": _district,
    "site_districts": _site_district,
    "actuals": _actual,
    "measurements": _measurement,
}


def hand_in(
    store: Store,
    path: Path,
    report: Report,
    changes: Sequence[Change],
    *,
    kind: str,
    principal: Principal,
    answers: Mapping[str, Any] | None = None,
    accept: bool = False,
    key: str | None = None,
) -> ImportReceipt:
    """Stage an upload, or accept it at once where the principal may. Returns only after the commit is on disk."""
    authorise(principal, Action.SUBMIT, Resource(Object.IMPORT))
    if accept:
        authorise(principal, Action.ACCEPT, Resource(Object.IMPORT))
    # What was in the file is kept as the file; the record says what was understood, without samples of its cells.
    understood = {k: v for k, v in report.understood.items() if k not in ("heads", "sheets", "layers")}
    stored = {**report.as_dict(), "rows": [], "bad_rows": [], "other_rows": [], "understood": understood}
    with collector_rests(len(changes)):
        return store.stage_import(
            changes,
            by=principal.actor,
            table_name=kind,
            file_name=str(report.understood.get("file", path.name)),
            content=path.read_bytes(),
            report=stored,
            mapping=dict(answers or {}),
            idempotency_key=key,
            accept=accept,
        )


def accept_import(store: Store, import_id: str, *, principal: Principal, overwrite: bool = False) -> ImportReceipt:
    """Accept a staged upload."""
    authorise(principal, Action.ACCEPT, Resource(Object.IMPORT))
    return store.commit_import(import_id, by=principal.actor, overwrite=overwrite)


def return_import(store: Store, import_id: str, *, principal: Principal, reason: str) -> ImportReceipt:
    """Send a staged upload back with a reason."""
    authorise(principal, Action.RETURN, Resource(Object.IMPORT))
    return store.return_import(import_id, by=principal.actor, reason=reason)


def withdraw_import(store: Store, import_id: str, *, principal: Principal, reason: str = "") -> ImportReceipt:
    """Take an own upload back before it was decided."""
    record = next((r for r in store.imports() if r.import_id == import_id), None)
    owner = record.submitted_by if record is not None else None
    authorise(principal, Action.WITHDRAW, Resource(Object.IMPORT, owner=owner))
    return store.withdraw_import(import_id, by=principal.actor, reason=reason)


def undo_import(
    store: Store, import_id: str, *, principal: Principal, reason: str, overwrite: bool = False
) -> ImportReceipt:
    """Take an accepted upload back as a whole, as a new event."""
    record = next((r for r in store.imports() if r.import_id == import_id), None)
    owner = record.submitted_by if record is not None else None
    authorise(principal, Action.UNDO, Resource(Object.IMPORT, owner=owner))
    return store.undo_import(import_id, by=principal.actor, reason=reason, overwrite=overwrite)


@dataclass(frozen=True, slots=True)
class ImportStep:
    """Who brought an upload into which state, when, and why."""

    state: ImportState
    at: datetime
    actor: str
    reason: str = ""


def import_steps(store: Store, import_id: str) -> list[ImportStep]:
    """The life of an upload, oldest step first: handed in, accepted or sent back, withdrawn, undone."""
    steps = []
    for entry in store.history(Kind.IMPORT, import_id):
        stated = {change.field: change.after for change in entry.changes}
        if "state" in stated:
            steps.append(ImportStep(ImportState(stated["state"]), entry.at, entry.actor, str(stated.get("reason") or "")))
    return sorted(steps, key=lambda step: step.at)


def remark_lines(report: Report) -> list[str]:
    """The report as a person reads it in a terminal."""
    head = {"accept": "取り込めます / accept", "accept-with-warning": "注意つきで取り込めます / accept with warnings", "reject": "取り込めません / reject"}
    lines = [f"{head[report.verdict]}: {0 if report.rejected else len(report.rows)} 件 良 / ok, {report.rows_bad} 件 不可 / bad"]

    def shown(mark: str, remarks: Sequence[Remark]) -> None:
        lines.extend(f"  {mark} {r.ja}" for r in remarks[:50])
        if len(remarks) > 50:
            lines.append(f"  {mark} ほか {len(remarks) - 50} 件")

    shown("×", report.errors)
    shown("！", report.warnings)
    shown("・", report.notices)
    return lines
