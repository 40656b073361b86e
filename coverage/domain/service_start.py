"""When a site first went into service: the first operator's date, as exactly as it is known (product rules 2 and 3)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from coverage.domain.fiscal import fiscal_year, last_possible_day
from coverage.domain.known_ledger import EVER_IN_SERVICE, KnownLedger, known_ledger
from coverage.domain.ledger import DatePrecision, Ledger, Site, SiteOperator, Status


class StartState(StrEnum):
    """Whether a site has a service start that the count can use."""

    STARTED = "started"
    NOT_IN_SERVICE = "not-in-service"
    """Its status has not reached 供用中."""
    NO_DATE = "no-service-date"
    AFTER_VALID_ON = "after-valid-on"
    YEAR_ONLY = "year-only"
    """Only a calendar year is known, and it straddles two fiscal years."""


@dataclass(frozen=True, slots=True)
class ServiceStart:
    """``day`` is the last day that the precision allows; None unless started (or after ``valid_on``)."""

    state: StartState
    day: date | None = None
    precision: DatePrecision = DatePrecision.DAY

    @property
    def fiscal_year(self) -> int | None:
        return fiscal_year(self.day) if self.day is not None else None

    @property
    def first_possible_day(self) -> date | None:
        """The first day that the precision allows."""
        return None if self.day is None else _first_possible_day(self.day, self.precision)


def has_been_in_service(site: Site) -> bool:
    """Whether the life-cycle has reached 供用中 (停止 and 廃止 come after it)."""
    return site.status in EVER_IN_SERVICE


def is_public(status: Status, *, dated: bool) -> bool:
    """Whether everybody may see a site: one that is in service or was. ``dated``: it has a service date.

    An ended one without any service date is an operator's plan that was given up. Sites of a ledger that went through
    :func:`until_service` only: there 供用中 means that the day has come.
    """
    return status is Status.IN_SERVICE or (status in EVER_IN_SERVICE and dated)


def awaited(ledger: Ledger, today: date) -> dict[str, date]:
    """Sites entered as 供用中 (or ended) ahead of their time: every service date lies after ``today``; id → first date.

    A date known to the month or the year lies ahead when its first day does. A site without any date is believed.
    """
    if all(row.in_service_date is None or row.in_service_date <= today for row in ledger.site_operators):
        return {}
    known, never = known_ledger(ledger), _never_began(ledger)
    found: dict[str, date] = {}
    for site_id, site in known.sites.items():
        first = _first_day_of(known, site_id)
        if has_been_in_service(site) and first is not None and first > today and site_id not in never:
            found[site_id] = first
    return found


def _first_day_of(known: KnownLedger, site_id: str) -> date | None:
    return min(
        (
            _first_possible_day(row.in_service_date, row.date_precision)
            for row in known.operators.get(site_id, ())
            if row.in_service_date is not None
        ),
        default=None,
    )


def _never_began(ledger: Ledger) -> set[str]:
    """Sites that ended on a day before the first that their service dates allow, whatever day it is today."""
    # Of all versions the earliest: the order of the rows decides nothing, the known one is asked below.
    closed: dict[str, date] = {}
    for site in ledger.sites:
        if site.closed_on is not None:
            closed[site.site_id] = min(site.closed_on, closed.get(site.site_id, site.closed_on))
    late = {
        row.site_id
        for row in ledger.site_operators
        if row.site_id in closed and lies_ahead(row, closed[row.site_id])
    }
    if not late:
        return set()
    known = known_ledger(ledger)
    found = set()
    for site_id in late & set(known.sites):
        site, first = known.sites[site_id], _first_day_of(known, site_id)
        ended = has_been_in_service(site) and site.status is not Status.IN_SERVICE
        if ended and site.closed_on is not None and first is not None and first > site.closed_on:
            found.add(site_id)
    return found


def until_service(ledger: Ledger, site_ids: Collection[str]) -> Ledger:
    """The ledger with the :func:`awaited` sites as what they are today: under construction, to start in their year.

    One that ended before it began was given up: it loses the date, for good where the day on which it ended says so. So
    neither is on the air, counted or public.
    """
    never = _never_began(ledger)
    if not site_ids and not never:
        return ledger
    dates: dict[str, date] = {}
    for row in ledger.site_operators:
        if row.site_id in site_ids and row.in_service_date is not None:
            dates[row.site_id] = min(dates.get(row.site_id, row.in_service_date), row.in_service_date)

    def today_of(site: Site) -> Site:
        if site.site_id not in site_ids or site.status is not Status.IN_SERVICE:
            return site
        year = fiscal_year(dates[site.site_id]) if site.planned_fy is None else site.planned_fy
        return replace(site, status=Status.UNDER_CONSTRUCTION, planned_fy=year)

    ended = {
        s.site_id
        for s in ledger.sites
        if s.site_id in site_ids and has_been_in_service(s) and s.status is not Status.IN_SERVICE
    } | never
    return replace(
        ledger,
        sites=tuple(today_of(site) for site in ledger.sites),
        site_operators=tuple(
            replace(row, in_service_date=None) if row.site_id in ended else row
            for row in ledger.site_operators
        ),
    )


def joining(ledger: Ledger, today: date) -> dict[str, date]:
    """Sites in service (or ended) that an operator, or a band of one, is dated to join after ``today``; id → first such date.

    Those of :func:`awaited` are none of them. On a mast that everybody may see, what is still to come is a plan as well.
    """
    if not any(lies_ahead(row, today) for row in ledger.site_operators):
        return {}
    known, plans = known_ledger(ledger), {*awaited(ledger, today), *_never_began(ledger)}
    found: dict[str, date] = {}
    for site_id, site in known.sites.items():
        days = [
            _first_possible_day(row.in_service_date, row.date_precision)
            for row in known.operators.get(site_id, ())
            if row.in_service_date is not None and lies_ahead(row, today)
        ]
        if days and site_id not in plans and has_been_in_service(site):
            found[site_id] = min(days)
    return found


def until_joining(ledger: Ledger, days: Mapping[str, date]) -> Ledger:
    """The ledger with what joins the :func:`joining` sites from ``days`` on as an operator who has no date yet.

    The count stays as it was: a site's first operator dates it, and that one has begun.
    """
    if not days:
        return ledger

    def today_of(row: SiteOperator) -> SiteOperator:
        first = days.get(row.site_id)
        if first is None or row.in_service_date is None:
            return row
        if _first_possible_day(row.in_service_date, row.date_precision) < first:
            return row
        return replace(row, in_service_date=None)

    return replace(ledger, site_operators=tuple(today_of(row) for row in ledger.site_operators))


def lies_ahead(row: SiteOperator, today: date) -> bool:
    """Whether the first day that a service date allows is after ``today``."""
    return (
        row.in_service_date is not None
        and _first_possible_day(row.in_service_date, row.date_precision) > today
    )


def _first_possible_day(day: date, precision: DatePrecision) -> date:
    if precision is DatePrecision.MONTH:
        return day.replace(day=1)
    if precision is DatePrecision.FISCAL_YEAR:
        return date(fiscal_year(day), 4, 1)
    if precision is DatePrecision.YEAR:
        return date(day.year, 1, 1)
    return day


def service_start(
    members: Iterable[Site], rows: Iterable[SiteOperator], *, valid_on: date | None
) -> ServiceStart:
    """Service start of one physical site.

    ``members`` are its ledger rows (one, unless a person said that two are one mast), ``rows`` their operators. A
    grant decision or a completion never dates a site; only operators' service dates do. A row with a bare calendar
    year leaves the start open if it could lie in an earlier fiscal year than every better date.
    """
    served = {site.site_id for site in members if has_been_in_service(site)}
    if not served:
        return ServiceStart(StartState.NOT_IN_SERVICE)
    dated = [(row.in_service_date, row.date_precision) for row in rows if row.site_id in served]
    best: tuple[date, DatePrecision] | None = None
    years: list[int] = []
    for day, precision in dated:
        if day is None:
            continue
        if precision is DatePrecision.YEAR:
            years.append(day.year)
            continue
        known = (last_possible_day(day, precision), precision)
        # Of two equal days the more exact one is kept, whatever the order of the rows.
        if best is None or (known[0], _EXACTNESS[precision]) < (best[0], _EXACTNESS[best[1]]):
            best = known
    if years and (best is None or fiscal_year(date(min(years), 1, 1)) < fiscal_year(best[0])):
        return ServiceStart(StartState.YEAR_ONLY, date(min(years), 12, 31), DatePrecision.YEAR)
    if best is None:
        return ServiceStart(StartState.NO_DATE)
    if valid_on is not None and best[0] > valid_on:
        return ServiceStart(StartState.AFTER_VALID_ON, *best)
    return ServiceStart(StartState.STARTED, *best)


def in_operation(site: Site, start: ServiceStart, day: date | None) -> bool:
    """Whether the site is on the air on ``day`` (None = now). 停止 and 廃止 without a date count as off the air."""
    if start.day is None or start.state is StartState.NOT_IN_SERVICE or (day is not None and start.day > day):
        return False
    if site.status is Status.IN_SERVICE:
        return True
    return day is not None and site.closed_on is not None and day < site.closed_on


_EXACTNESS = {
    DatePrecision.DAY: 0,
    DatePrecision.MONTH: 1,
    DatePrecision.FISCAL_YEAR: 2,
    DatePrecision.YEAR: 3,
}
