"""The tables behind the count: sites, operators on them, districts, who serves whom, openings and restatements.

Plain records, as read from the region's CSV files or from the store. What they *mean* for the published number is in
:mod:`coverage.domain.counting`; the words are those of the ministry's subsidy for no-signal areas.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from shapely.geometry.base import BaseGeometry


class Status(StrEnum):
    """Life-cycle of a site. Only 供用中 (and what can follow it: 停止, 廃止) has been in service."""

    CANDIDATE = "候補"
    PLANNED = "計画"
    GRANT_DECIDED = "交付決定"
    UNDER_CONSTRUCTION = "工事中"
    IN_SERVICE = "供用中"
    SUSPENDED = "停止"
    CLOSED = "廃止"


class Funding(StrEnum):
    NATIONAL_SUBSIDY = "国補助"
    PREFECTURE_ONLY = "県単独"
    OPERATOR = "事業者自主"
    INFRA_SHARING = "インフラシェア"


class Purpose(StrEnum):
    RESIDENTIAL = "居住"
    ROAD = "道路"
    TRAIL_TOURISM = "登山道・観光"
    SHELTER = "避難所"
    TUNNEL = "トンネル"


class DatePrecision(StrEnum):
    """What a service date is known to: a day, a month, a fiscal year (April–March) or a bare calendar year."""

    DAY = "day"
    MONTH = "month"
    FISCAL_YEAR = "fiscal_year"
    YEAR = "year"


class Inventory(StrEnum):
    """How complete an operator's site list is. Only ``complete`` lets computed gaps be a statement."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Site:
    """One physical mast or rooftop. ``height_m`` is the antenna above **ground**; None where unknown."""

    site_id: str
    name: str
    municipality_code: str
    lat: float
    lon: float
    status: Status
    height_m: float | None = None
    funding: Funding | None = None
    purpose: Purpose | None = None
    project_id: str | None = None
    replaces: str | None = None
    planned_fy: int | None = None
    """Fiscal year (western) in which a site not yet in service is expected to start; for forecasts only."""
    cost_yen: int | None = None
    closed_on: date | None = None
    """First day off the air of a site that is 停止 or 廃止; None = unknown: then it is on the air in no year."""
    recorded_at: datetime | None = None
    """When the row became known (UTC, aware); None = from the beginning."""


@dataclass(frozen=True, slots=True)
class SiteOperator:
    """One operator on a site, on one band. ``eirp_dbm`` is per carrier, total over antenna ports.

    ``in_service_date`` is the last day that the stated precision allows to be checked against (31 March for a fiscal
    year, month end for a month) or the day itself; None while not in service.
    """

    site_id: str
    operator: str
    in_service_date: date | None = None
    date_precision: DatePrecision = DatePrecision.DAY
    band: str | None = None
    frequency_mhz: float | None = None
    bandwidth_mhz: float | None = None
    eirp_dbm: float | None = None
    azimuth_deg: float | None = None
    """Boresight of a sector antenna, degrees clockwise from north; None = omnidirectional."""
    tilt_deg: float | None = None
    """Total downtilt (electrical + mechanical), degrees; None = 0."""
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SiteDistrict:
    """A site serves a district from a day on; ``confirmed_by``/``confirmed_on`` are the municipality's confirmation."""

    site_id: str
    district_id: str
    serves_from: date | None = None
    confirmed_by: str | None = None
    confirmed_on: date | None = None
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class District:
    """A no-signal district (不感地域) on the register. Geometry: a lon/lat point or polygon.

    It stands on the register from ``designated_on`` up to, not including, ``resolved_on``. A district that was
    designated again after it was resolved is a second row with the same id and a later ``designated_on``.
    ``declined``: the residents declined; it stays in the population figures, in a column of its own.
    """

    district_id: str
    municipality_code: str
    name: str
    geometry: BaseGeometry
    households: int | None = None
    population: int | None = None
    designated_on: date | None = None
    resolved_on: date | None = None
    source: str = ""
    declined: bool = False
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OpeningBalance:
    """Sites built before the ledger began, up to and including ``fiscal_year``: one number with its source."""

    fiscal_year: int
    value: int
    source: str
    decided_on: date | None = None
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Allocation:
    """A historical site entered later that is part of an opening balance: the total stays as it is."""

    site_id: str
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Restatement:
    """A journal entry that corrects a published series from ``effective_fy`` on; ``amount`` may be negative."""

    effective_fy: int
    amount: int
    author: str
    reason: str
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FrozenYear:
    """A published fiscal year: its printed value stands whatever is entered later."""

    fiscal_year: int
    value: int
    published_on: date
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DistinctAnswer:
    """A person's answer on two sites within 50 m of each other in one municipality: one mast, or two."""

    site_id_a: str
    site_id_b: str
    same: bool
    answered_by: str = ""
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Actual:
    """実績値 of an indicator in a fiscal year."""

    indicator: str
    fiscal_year: int
    value: float
    source: str = ""
    decided_on: date | None = None
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Footnote:
    """脚注 that a person wrote to the value of an indicator in a fiscal year.

    ``en`` is "" where nobody wrote it in English: then the Japanese words stand. ``author`` worded it last. A footnote
    that was ``withdrawn`` is printed no more; its row stays, so that a look back finds it.
    """

    footnote_id: str
    indicator: str
    fiscal_year: int
    ja: str
    en: str = ""
    author: str = ""
    withdrawn: bool = False
    recorded_at: datetime | None = None


@dataclass(frozen=True)
class Ledger:
    """Everything the count, the indicators and the site map read. Never changed in place."""

    sites: tuple[Site, ...] = ()
    site_operators: tuple[SiteOperator, ...] = ()
    site_districts: tuple[SiteDistrict, ...] = ()
    districts: tuple[District, ...] = ()
    opening_balances: tuple[OpeningBalance, ...] = ()
    allocations: tuple[Allocation, ...] = ()
    restatements: tuple[Restatement, ...] = ()
    frozen_years: tuple[FrozenYear, ...] = ()
    distinct_answers: tuple[DistinctAnswer, ...] = ()
    actuals: tuple[Actual, ...] = ()
    footnotes: tuple[Footnote, ...] = ()
    municipality_mergers: dict[str, str] = field(default_factory=dict)
    """Old five-digit code → present code."""
