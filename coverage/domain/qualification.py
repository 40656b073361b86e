"""Which masts count and which do not: rules 1 to 5, 8 and 10 of product.md §2, applied to the ledger as known once.

The order of judgement is fixed, so that every mast has one reason: opening balance, service start, replacement,
district on the register, scope, year of the opening balance, nearness to another mast.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from coverage.domain.counting_findings import Verdict
from coverage.domain.distinct_sites import Masts, Near, NearIndex, masts
from coverage.domain.district_register import on_register
from coverage.domain.fiscal import fiscal_year
from coverage.domain.known_ledger import KnownLedger
from coverage.domain.ledger import Funding, Purpose, Site, SiteDistrict, SiteOperator, Status
from coverage.domain.municipality_code import present_code
from coverage.domain.region import CountingConfig
from coverage.domain.service_start import ServiceStart, StartState, in_operation, service_start

_PLANNED = (Status.PLANNED, Status.GRANT_DECIDED, Status.UNDER_CONSTRUCTION)
_START_VERDICTS = {
    StartState.NOT_IN_SERVICE: Verdict.NOT_IN_SERVICE,
    StartState.NO_DATE: Verdict.NO_SERVICE_DATE,
    StartState.AFTER_VALID_ON: Verdict.AFTER_VALID_ON,
    StartState.YEAR_ONLY: Verdict.YEAR_ONLY,
}


@dataclass(frozen=True, slots=True)
class Mast:
    """One physical site: one row of the ledger, or several that a person said are one.

    ``primary`` is the member that was in service first; its tags, project and ``replaces`` hold for the mast.
    """

    mast_id: str
    primary: Site
    members: tuple[Site, ...]
    operators: tuple[SiteOperator, ...]
    links: tuple[SiteDistrict, ...]
    start: ServiceStart
    municipality: str

    @property
    def site_ids(self) -> tuple[str, ...]:
        return tuple(site.site_id for site in self.members)

    def operates(self, day: date | None) -> bool:
        """Whether one of its members is on the air on ``day`` (None = now)."""
        if len(self.members) == 1:
            return in_operation(self.primary, self.start, day)
        return any(in_operation(site, self.start, day) for site in self.members)


@dataclass(frozen=True, slots=True)
class Judgement:
    """``district_ids`` make it qualify; ``reference`` is the day on whose eve they stood on the register."""

    mast: Mast
    code: Verdict
    district_ids: tuple[str, ...] = ()
    reference: ServiceStart | None = None
    near: Near | None = None
    missing: tuple[str, ...] = ()
    forecast: bool = False
    """Not in service yet, but it would count if it started."""

    @property
    def counted(self) -> bool:
        return self.code is Verdict.COUNTED

    @property
    def fiscal_year(self) -> int | None:
        """That of the service start, where it is known to a fiscal year."""
        return None if self.mast.start.state is StartState.YEAR_ONLY else self.mast.start.fiscal_year


@dataclass(frozen=True)
class Judged:
    """All masts by id, and the answers that made them."""

    judgements: dict[str, Judgement]
    masts: Masts
    near_uncounted: tuple[Near, ...] = ()
    """Masts that do not count but have been in service within the limit of one that does: the same question."""
    counted_sites: dict[str, int] = field(default_factory=dict)
    """Fiscal year of every site id on a mast that counts."""


def judge(
    known: KnownLedger, *, rule: CountingConfig, mergers: Mapping[str, str], valid_on: date | None
) -> Judged:
    """Judge every mast. Raises InputError "municipality-mergers-circular" for a circular table of mergers."""
    ties = masts(known.sites.keys(), known.answers)
    all_masts = [
        _mast(known, ties.members(site_id), mergers, valid_on)
        for site_id in known.sites
        if ties.mast_id(site_id) == site_id
    ]
    projects = _project_starts(all_masts)
    judgements = {mast.mast_id: _judge_mast(known, mast, projects, rule, valid_on) for mast in all_masts}
    near_uncounted = _apply_nearness(judgements, ties, rule)
    counted = {
        site_id: judgement.fiscal_year
        for judgement in judgements.values()
        if judgement.counted and judgement.fiscal_year is not None
        for site_id in judgement.mast.site_ids
    }
    return Judged(judgements, ties, near_uncounted, counted)


def _mast(
    known: KnownLedger, site_ids: tuple[str, ...], mergers: Mapping[str, str], valid_on: date | None
) -> Mast:
    members = tuple(known.sites[site_id] for site_id in site_ids)
    operators = tuple(row for site_id in site_ids for row in known.operators.get(site_id, ()))
    links = tuple(
        link
        for site_id in site_ids
        for link in known.links.get(site_id, ())
        if valid_on is None or link.serves_from is None or link.serves_from <= valid_on
    )
    start = service_start(members, operators, valid_on=valid_on)
    primary = members[0]
    if len(members) > 1:
        own = {
            site.site_id: service_start((site,), operators, valid_on=None).day or date.max for site in members
        }
        primary = min(members, key=lambda site: (own[site.site_id], site.site_id))
    return Mast(
        mast_id=site_ids[0],
        primary=primary,
        members=members,
        operators=operators,
        links=links,
        start=start,
        municipality=present_code(primary.municipality_code, mergers),
    )


def _project_starts(all_masts: list[Mast]) -> dict[str, ServiceStart]:
    """First service start of each project; the more exact of two equal days."""
    starts: dict[str, ServiceStart] = {}
    for mast in all_masts:
        project = mast.primary.project_id
        if project is None or mast.start.state is not StartState.STARTED:
            continue
        other = starts.get(project)
        if other is None or _order(mast.start) < _order(other):
            starts[project] = mast.start
    return starts


def _order(start: ServiceStart) -> tuple[date, int]:
    day, first = start.day, start.first_possible_day
    assert day is not None
    assert first is not None
    return day, (day - first).days


def _judge_mast(
    known: KnownLedger,
    mast: Mast,
    projects: Mapping[str, ServiceStart],
    rule: CountingConfig,
    valid_on: date | None,
) -> Judgement:
    if known.allocated and not known.allocated.isdisjoint(mast.site_ids):
        return Judgement(mast, Verdict.IN_OPENING_BALANCE)
    if mast.start.state is not StartState.STARTED:
        code = _START_VERDICTS[mast.start.state]
        return Judgement(mast, code, forecast=_is_forecast(known, mast, projects, rule, valid_on))
    if mast.primary.replaces is not None:
        return Judgement(mast, Verdict.REPLACEMENT)
    if not mast.links:
        return Judgement(mast, Verdict.NO_DISTRICT)
    reference = projects.get(mast.primary.project_id or "", mast.start)
    assert reference.day is not None
    qualifying = _on_register(known, mast, reference.day - timedelta(days=1))
    if not qualifying:
        return Judgement(mast, Verdict.NOT_ON_REGISTER, reference=reference)
    missing, out = _scope(mast.primary, rule)
    if missing or out:
        code = Verdict.UNCLASSIFIED if missing else Verdict.OUT_OF_SCOPE
        return Judgement(mast, code, qualifying, reference, missing=missing or out)
    opening = known.opening
    if opening is not None and fiscal_year(mast.start.day or reference.day) <= opening.fiscal_year:
        return Judgement(mast, Verdict.BEFORE_OPENING, qualifying, reference)
    return Judgement(mast, Verdict.COUNTED, qualifying, reference)


def _on_register(known: KnownLedger, mast: Mast, day: date) -> tuple[str, ...]:
    named = {link.district_id for link in mast.links}
    return tuple(sorted(name for name in named if on_register(known.districts.get(name, ()), day)))


def _scope(site: Site, rule: CountingConfig) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tags that are missing, and tags that lie outside the scope."""
    tags: dict[str, tuple[Funding | Purpose | None, bool]] = {
        "funding": (site.funding, site.funding in rule.funding),
        "purpose": (site.purpose, site.purpose in rule.purpose),
    }
    missing = tuple(name for name, (tag, _) in tags.items() if tag is None)
    return missing, tuple(name for name, (tag, inside) in tags.items() if tag is not None and not inside)


def _is_forecast(
    known: KnownLedger,
    mast: Mast,
    projects: Mapping[str, ServiceStart],
    rule: CountingConfig,
    valid_on: date | None,
) -> bool:
    """Whether a mast that is planned, or has a service date yet to come, would count if it started now."""
    planned = mast.primary.status in _PLANNED and mast.primary.planned_fy is not None
    if not planned and mast.start.state is not StartState.AFTER_VALID_ON:
        return False
    if mast.primary.replaces is not None or any(_scope(mast.primary, rule)):
        return False
    started = projects.get(mast.primary.project_id or "")
    if started is not None and started.day is not None:
        return bool(_on_register(known, mast, started.day - timedelta(days=1)))
    # Without valid_on "now" is after every event of the register.
    return bool(_on_register(known, mast, valid_on if valid_on is not None else date.max))


def _apply_nearness(judgements: dict[str, Judgement], ties: Masts, rule: CountingConfig) -> tuple[Near, ...]:
    """Let each mast within the limit of one that counts already wait for an answer, earliest service first.

    Masts of the opening balance come first: they are in the total already. Changes ``judgements``.
    """
    latitudes = [abs(site.lat) for j in judgements.values() for site in j.mast.members if abs(site.lat) <= 90]
    index = NearIndex(
        within_m=rule.distinct_within_m, apart=ties.apart, max_abs_lat=max(latitudes, default=0.0)
    )

    def nearest(mast: Mast) -> Near | None:
        found = (
            index.nearest(site, municipality=mast.municipality, mast_id=mast.mast_id) for site in mast.members
        )
        return min((near for near in found if near), key=lambda n: (n.distance_m, n.other), default=None)

    in_total = [j for j in judgements.values() if j.counted or j.code is Verdict.IN_OPENING_BALANCE]
    in_total.sort(key=lambda j: (j.counted, j.mast.start.day or date.min, j.mast.mast_id))
    for judgement in in_total:
        mast = judgement.mast
        near = nearest(mast) if judgement.counted else None
        if near is not None:
            judgements[mast.mast_id] = Judgement(
                mast, Verdict.NEAR_OTHER_SITE, judgement.district_ids, judgement.reference, near
            )
            continue
        for site in mast.members:
            index.add(site, municipality=mast.municipality, mast_id=mast.mast_id)
    uncounted = []
    for mast_id, judgement in judgements.items():
        if judgement.counted or judgement.code in (Verdict.IN_OPENING_BALANCE, Verdict.NEAR_OTHER_SITE):
            continue
        in_service = judgement.mast.start.state not in (StartState.NOT_IN_SERVICE, StartState.AFTER_VALID_ON)
        replacing = judgement.code is Verdict.REPLACEMENT
        if replacing or not (in_service or judgement.forecast):
            continue
        near = nearest(judgement.mast)
        if near is None:
            continue
        uncounted.append(near)
        if judgement.forecast:
            judgements[mast_id] = Judgement(judgement.mast, judgement.code, near=near)
    return tuple(uncounted)
