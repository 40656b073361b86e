"""Use cases around uploads: check a file, show what it would change, hand it in, accept it, undo it."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import shapely

from coverage.domain.count_result import CountResult
from coverage.domain.counting import count
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
from coverage.errors import FileFormatError, InputError
from coverage.services.access import Action, Object, Principal, Resource, authorise
from coverage.services.context import AppContext
from coverage.store.events import Change, change_of
from coverage.store.protocol import Comparison, ImportReceipt, Store
from coverage.store.records import ImportRecord, ImportState, Measurement
from coverage.uploads.limits import DEFAULT_LIMITS, Limits
from coverage.uploads.report import Remark, Report
from coverage.uploads.sandbox import check_file

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

__all__ = [
    "KINDS",
    "ImportReceipt",
    "ImportRecord",
    "ImportState",
    "Locate",
    "Preview",
    "RegionChecks",
    "Remark",
    "Report",
    "Store",
    "accept_import",
    "applied",
    "changes_of",
    "check_upload",
    "hand_in",
    "preview",
    "read_answers",
    "region_checks",
    "remark_lines",
    "return_import",
    "undo_import",
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
    tree = shapely.STRtree([m.geometry for m in municipalities])

    def locate(lat: float, lon: float) -> str | None:
        found = tree.query(shapely.Point(lon, lat), predicate="intersects")
        return str(municipalities[int(found.min())].code) if len(found) else None

    return RegionChecks(operators, outline, locate)


def read_answers(path: Path | None) -> dict[str, Any]:
    """The answers of a ``--mapping`` file (JSON or TOML). InputError where it cannot be read or names something new."""
    if path is None:
        return {}
    try:
        text = path.read_text(encoding="utf-8")
        answers = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except (OSError, ValueError) as problem:
        raise InputError(
            "mapping-unreadable",
            f"回答ファイル「{path.name}」を読めません（{type(problem).__name__}）。JSON か TOML で書いてください。",
            f"The mapping file '{path.name}' cannot be read ({type(problem).__name__}); write JSON or TOML.",
        ) from None
    known = {"axes", "datum", "crs", "sheet", "layer", "columns"}
    if not isinstance(answers, dict) or not set(answers) <= known:
        raise InputError(
            "mapping-unknown",
            f"回答ファイル「{path.name}」に使えるのは {'・'.join(sorted(known))} です。",
            f"The mapping file '{path.name}' may hold {', '.join(sorted(known))}.",
        )
    _check_answers(answers, path.name)
    return answers


def _check_answers(answers: Mapping[str, Any], name: str) -> None:
    """An answer that is none of those on offer would otherwise count as no answer. Raises "mapping-unknown"."""
    from coverage.uploads.headers import ALIASES

    columns = answers.get("columns", {})
    wrong = [key for key in ("sheet", "layer") if key in answers and not isinstance(answers[key], str)]
    wrong += [key for key, allowed in (("axes", ("swap", "keep")), ("datum", ("tokyo", "jgd2011"))) if key in answers and answers[key] not in allowed]
    if "crs" in answers and (isinstance(answers["crs"], bool) or not isinstance(answers["crs"], (int, str))):
        wrong.append("crs")
    if not isinstance(columns, dict) or not all(isinstance(header, str) for header in columns.values()):
        wrong.append("columns")
    elif not all(field.isidentifier() for field in columns):
        wrong.append(f"columns ({', '.join(sorted(ALIASES))})")
    if wrong:
        raise InputError(
            "mapping-unknown",
            f"回答ファイル「{name}」の {'・'.join(wrong)} の値は使えません。docs/uploads.md の例を見てください。",
            f"The values of {', '.join(wrong)} in the mapping file '{name}' cannot be used; see the example in docs/uploads.md.",
        )


def check_upload(
    path: Path,
    *,
    kind: str,
    principal: Principal,
    client_name: str | None = None,
    answers: Mapping[str, Any] | None = None,
    checks: RegionChecks | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Report:
    """The report on a file; nothing is stored. Raises PermissionDeniedError for who may not upload."""
    authorise(principal, Action.UPLOAD, Resource(Object.IMPORT))
    given = checks or RegionChecks()
    wkb = None if given.outline is None else shapely.to_wkb(given.outline, hex=True)
    return check_file(
        path, kind=kind, client_name=client_name, answers=answers, operators=given.operators, region_wkb=wkb,
        limits=limits,
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
        return _site_changes(report, locate, known or Ledger())
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
    "cost_yen",
)  # fmt: skip


def _site_change(row: Mapping[str, Any], locate: Locate | None, *, new: bool) -> Change:
    code = row["municipality_code"] or (locate(row["lat"], row["lon"]) if locate is not None else None)
    if new and code is None:
        raise FileFormatError(
            "municipality-unknown",
            f"{row['row'] + 1} 件目: 局「{row['site_id']}」の市町が分かりません。市町コードの列を加えるか、位置を確かめてください。",
            f"Row {row['row'] + 1}: the municipality of site '{row['site_id']}' is unknown; add its code or check the position.",
        )
    stated = {**row, "municipality_code": code}
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


@dataclass(frozen=True)
class Preview:
    """What an upload would do: to the records, and to the cumulative count."""

    comparison: Comparison
    before: CountResult
    after: CountResult

    def moved_years(self) -> list[tuple[int, int | None, int | None, tuple[str, ...]]]:
        """(fiscal year, count before, after, sites that newly count in it) for every year that moves."""
        moved = []
        for old, new in zip(self.before.years, self.after.years, strict=True):
            fresh = tuple(sorted({*new.new_site_ids, *new.late_site_ids} - {*old.new_site_ids, *old.late_site_ids}))
            if old.total != new.total or old.cumulative_increase != new.cumulative_increase or fresh:
                moved.append((old.fiscal_year, old.total, new.total, fresh))
        return moved


def preview(context: AppContext, store: Store, changes: Sequence[Change]) -> Preview:
    """The difference against the store, and the count with and without it. Nothing is stored."""
    comparison = store.compare(changes)
    ledger = store.ledger()
    rule, years = context.config.counting, list(context.config.fiscal_years)
    return Preview(
        comparison,
        count(ledger, rule=rule, fiscal_years=years),
        count(applied(ledger, changes), rule=rule, fiscal_years=years),
    )


def applied(ledger: Ledger, changes: Sequence[Change]) -> Ledger:
    """The ledger as it would be with ``changes`` accepted."""
    tables: dict[Any, tuple[str, tuple[str, ...]]] = {
        Site: ("sites", ("site_id",)),
        SiteOperator: ("site_operators", ("site_id", "operator", "band", "azimuth_deg")),
        SiteDistrict: ("site_districts", ("site_id", "district_id")),
        District: ("districts", ("district_id", "designated_on")),
        Actual: ("actuals", ("indicator", "fiscal_year")),
    }
    by_kind: dict[str, Any] = {"site": Site, "site_operator": SiteOperator, "site_district": SiteDistrict, "district": District, "actual": Actual}
    for change in changes:
        kind = by_kind.get(change.kind.value.replace("-", "_"))
        if kind is None:
            continue
        name, key = tables[kind]
        rows = {tuple(getattr(r, k) for k in key): r for r in getattr(ledger, name)}
        values = {k: v for k, v in change.values.items() if k in kind.__dataclass_fields__}
        own = tuple(values.get(k) for k in key)
        rows[own] = dataclasses.replace(rows[own], **values) if own in rows else kind(**values)
        merged: dict[str, Any] = {name: tuple(rows.values())}
        ledger = dataclasses.replace(ledger, **merged)
    return ledger


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
    stored = {**report.as_dict(), "rows": []}
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


def undo_import(store: Store, import_id: str, *, principal: Principal, reason: str) -> ImportReceipt:
    """Take an accepted upload back as a whole, as a new event."""
    record = next((r for r in store.imports() if r.import_id == import_id), None)
    owner = record.submitted_by if record is not None else None
    authorise(principal, Action.UNDO, Resource(Object.IMPORT, owner=owner))
    return store.undo_import(import_id, by=principal.actor, reason=reason)


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
