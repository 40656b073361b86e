"""Columns of the ledger's tables (product rule §2), and one row of each → its record.

The names are the fields of :mod:`coverage.domain.ledger`; a value is checked for what it is, not for what it means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import shapely

from coverage.domain.ledger import (
    Actual,
    Allocation,
    DistinctAnswer,
    District,
    Footnote,
    FrozenYear,
    Funding,
    OpeningBalance,
    Purpose,
    Restatement,
    Site,
    SiteDistrict,
    SiteOperator,
    Status,
)
from coverage.errors import InputError
from coverage.readers.table_cells import Cells

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "sites": (
        "site_id", "name", "municipality_code", "lat", "lon", "height_m", "status", "funding", "purpose",
        "project_id", "replaces", "planned_fy", "cost_yen", "closed_on", "recorded_at",
    ),
    "site_operators": (
        "site_id", "operator", "in_service_date", "date_precision", "band", "frequency_mhz", "bandwidth_mhz",
        "eirp_dbm", "azimuth_deg", "tilt_deg", "recorded_at",
    ),
    "site_districts": ("site_id", "district_id", "serves_from", "confirmed_by", "confirmed_on", "recorded_at"),
    "districts": (
        "district_id", "municipality_code", "name", "lat", "lon", "households", "population", "designated_on",
        "resolved_on", "source", "declined", "recorded_at",
    ),
    "opening_balance": ("fiscal_year", "value", "source", "decided_on", "recorded_at"),
    "allocations": ("site_id", "recorded_at"),
    "restatements": ("effective_fy", "amount", "author", "reason", "recorded_at"),
    "frozen_years": ("fiscal_year", "value", "published_on", "recorded_at"),
    "distinct_answers": ("site_id_a", "site_id_b", "same", "answered_by", "recorded_at"),
    "actuals": ("indicator", "fiscal_year", "value", "source", "decided_on", "recorded_at"),
    "footnotes": (
        "footnote_id", "indicator", "fiscal_year", "ja", "en", "author", "withdrawn", "recorded_at",
    ),
}  # fmt: skip
"""Columns of each table, in the order in which they are written. Any table may have a column ``note`` beside them."""

NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "sites": ("site_id", "name", "municipality_code", "lat", "lon", "status"),
    "site_operators": ("site_id", "operator"),
    "site_districts": ("site_id", "district_id"),
    "districts": ("district_id", "municipality_code", "name"),
    "opening_balance": ("fiscal_year", "value", "source"),
    "allocations": ("site_id",),
    "restatements": ("effective_fy", "amount", "author", "reason"),
    "frozen_years": ("fiscal_year", "value", "published_on"),
    "distinct_answers": ("site_id_a", "site_id_b", "same"),
    "actuals": ("indicator", "fiscal_year", "value"),
    "footnotes": ("footnote_id", "indicator", "fiscal_year", "ja"),
}
"""Columns that a table must have."""

FLAT_COLUMNS: Final = (
    *COLUMNS["sites"][:-1],
    *[c for c in COLUMNS["site_operators"] if c not in ("site_id", "recorded_at")],
    "districts_served",
    "recorded_at",
)
"""Columns of the flat site list: one row per site and operator."""

Locate = Callable[[float, float], str]
"""(lat, lon) → municipality code; raises InputError for a position outside all of them."""


def site(cells: Cells, crs: int, locate: Locate | None) -> Site:
    lat, lon = cells.position(crs=crs)
    site_id = cells.text("site_id")
    status = cells.member("status", Status)
    if status is None:
        cells.text("status")
        raise AssertionError("unreachable: a blank status has raised")
    replaces = cells.optional("replaces")
    if replaces == site_id:
        raise cells.problem(
            "site-replaces-itself",
            "replaces",
            "自分自身を置き換えることはできません。",
            "a site cannot replace itself.",
        )
    if cells.optional("municipality_code") is None and locate is not None:
        try:
            code = locate(lat, lon)
        except InputError as problem:
            raise cells.problem(problem.code, "municipality_code", problem.ja, problem.en) from None
    else:
        code = cells.municipality()
    return Site(
        site_id=site_id,
        name=cells.text("name"),
        municipality_code=code,
        lat=lat,
        lon=lon,
        status=status,
        height_m=cells.number_in("height_m", 0.1, 3000),
        funding=cells.member("funding", Funding),
        purpose=cells.member("purpose", Purpose),
        project_id=cells.optional("project_id"),
        replaces=replaces,
        planned_fy=cells.fiscal_year("planned_fy", needed=False),
        cost_yen=cells.whole("cost_yen"),
        closed_on=cells.day("closed_on"),
        recorded_at=cells.instant("recorded_at"),
    )


def site_operator(cells: Cells, operators: Mapping[str, str] | None) -> SiteOperator:
    operator = cells.text("operator")
    if operators is not None:
        if operator not in operators:
            known = "、".join(sorted(set(operators.values())))
            raise cells.problem(
                "operator-unknown",
                "operator",
                f"事業者「{operator}」は region.toml にありません（ある事業者: {known}）。表か region.toml を直してください。",
                f"the operator '{operator}' is not in region.toml (it has: {known}); correct one of the two.",
            )
        operator = operators[operator]
    day, precision = cells.service_date("in_service_date", "date_precision")
    return SiteOperator(
        site_id=cells.text("site_id"),
        operator=operator,
        in_service_date=day,
        date_precision=precision,
        band=cells.optional("band"),
        frequency_mhz=cells.number_in("frequency_mhz", 30, 100_000),
        bandwidth_mhz=cells.number_in("bandwidth_mhz", 0.1, 2000),
        eirp_dbm=cells.number_in("eirp_dbm", -50, 100),
        azimuth_deg=cells.number_in("azimuth_deg", 0, 360),
        tilt_deg=cells.number_in("tilt_deg", -90, 90),
        recorded_at=cells.instant("recorded_at"),
    )


def site_district(cells: Cells) -> SiteDistrict:
    return SiteDistrict(
        site_id=cells.text("site_id"),
        district_id=cells.text("district_id"),
        serves_from=cells.day("serves_from"),
        confirmed_by=cells.optional("confirmed_by"),
        confirmed_on=cells.day("confirmed_on"),
        recorded_at=cells.instant("recorded_at"),
    )


def district(cells: Cells, geometry: shapely.Geometry | None, crs: int) -> District:
    if not cells.is_feature:
        lat, lon = cells.position(crs=crs)
        geometry = shapely.Point(lon, lat)
    elif geometry is None or geometry.geom_type not in ("Point", "Polygon", "MultiPolygon"):
        raise cells.problem(
            "district-geometry",
            "geometry",
            "地区の図形は点か面にしてください。",
            "a district must be a point or a polygon.",
        )
    designated, resolved = cells.day("designated_on"), cells.day("resolved_on")
    if designated is not None and resolved is not None and resolved < designated:
        raise cells.problem(
            "district-dates",
            "resolved_on",
            f"解消日 {resolved} が指定日 {designated} より前です。日付を確かめてください。",
            f"it was resolved on {resolved}, before its designation on {designated}; check the dates.",
        )
    return District(
        district_id=cells.text("district_id"),
        municipality_code=cells.municipality(),
        name=cells.text("name"),
        geometry=geometry,
        households=cells.whole("households"),
        population=cells.whole("population"),
        designated_on=designated,
        resolved_on=resolved,
        source=cells.optional("source") or "",
        declined=cells.flag("declined"),
        recorded_at=cells.instant("recorded_at"),
    )


def opening(cells: Cells) -> OpeningBalance:
    return OpeningBalance(
        fiscal_year=_year(cells, "fiscal_year"),
        value=cells.whole_needed("value"),
        source=cells.text("source"),
        decided_on=cells.day("decided_on"),
        recorded_at=cells.instant("recorded_at"),
    )


def allocation(cells: Cells) -> Allocation:
    return Allocation(site_id=cells.text("site_id"), recorded_at=cells.instant("recorded_at"))


def restatement(cells: Cells) -> Restatement:
    return Restatement(
        effective_fy=_year(cells, "effective_fy"),
        amount=cells.whole_needed("amount", low=None),
        author=cells.text("author"),
        reason=cells.text("reason"),
        recorded_at=cells.instant("recorded_at"),
    )


def frozen(cells: Cells) -> FrozenYear:
    cells.text("published_on")
    published = cells.day("published_on")
    assert published is not None
    return FrozenYear(
        fiscal_year=_year(cells, "fiscal_year"),
        value=cells.whole_needed("value"),
        published_on=published,
        recorded_at=cells.instant("recorded_at"),
    )


def answer(cells: Cells) -> DistinctAnswer:
    first, second = cells.text("site_id_a"), cells.text("site_id_b")
    if first == second:
        raise cells.problem(
            "answer-one-site", "site_id_b", "二つの局が同じ id です。", "both sites have the same id."
        )
    return DistinctAnswer(
        site_id_a=first,
        site_id_b=second,
        same=cells.flag("same", needed=True),
        answered_by=cells.optional("answered_by") or "",
        recorded_at=cells.instant("recorded_at"),
    )


def actual(cells: Cells) -> Actual:
    cells.text("value")
    value = cells.number_in("value", -1e15, 1e15)
    assert value is not None
    return Actual(
        indicator=cells.text("indicator"),
        fiscal_year=_year(cells, "fiscal_year"),
        value=value,
        source=cells.optional("source") or "",
        decided_on=cells.day("decided_on"),
        recorded_at=cells.instant("recorded_at"),
    )


def footnote(cells: Cells) -> Footnote:
    return Footnote(
        footnote_id=cells.text("footnote_id"),
        indicator=cells.text("indicator"),
        fiscal_year=_year(cells, "fiscal_year"),
        ja=cells.text("ja"),
        en=cells.optional("en") or "",
        author=cells.optional("author") or "",
        withdrawn=cells.flag("withdrawn"),
        recorded_at=cells.instant("recorded_at"),
    )


def _year(cells: Cells, column: str) -> int:
    year = cells.fiscal_year(column)
    assert year is not None
    return year
