"""What stands already when a plan begins: sites that are decided but not on the air in the run.

A plan that took only the run's own sites as given would propose places that are being built. Each of these sites serves
with its own antennas as the ledger states them; a value that it leaves open takes the region's default, and the site is
then marked 推計.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from coverage.domain import fiscal
from coverage.domain.ledger import District, Ledger, Site, SiteOperator, Status
from coverage.domain.region import RegionData
from coverage.domain.service_start import lies_ahead
from coverage.runs.counting import CountTables
from coverage.runs.signal import on_air
from coverage.services.context import AppContext
from coverage.services.ledger import today
from coverage.services.plan_reach import Progress, reach_of

DECIDED: Final = (Status.GRANT_DECIDED, Status.UNDER_CONSTRUCTION)
STATUSES: Final[Mapping[str, tuple[Status, ...]]] = {
    "in-service": (),
    "decided": DECIDED,
    "planned": (*DECIDED, Status.PLANNED),
}
"""Statuses that each baseline takes as standing, beside what is in service."""


@dataclass(frozen=True)
class DecidedSite:
    """``pixels``: flat, at or above the signal edge by any of its operators; None where it stands off the terrain.
    ``assumed``: names of values that the ledger leaves open."""

    site: Site
    operators: tuple[str, ...]
    assumed: tuple[str, ...]
    pixels: NDArray[np.int64] | None
    districts: tuple[str, ...]

    @property
    def estimated(self) -> bool:
        return bool(self.assumed)


def decided_rows(
    ledger: Ledger,
    baseline: str,
    *,
    latest_fy: int,
    operator: str,
    today: date,
    ahead: Mapping[str, date] | None = None,
) -> list[tuple[Site, list[SiteOperator]]]:
    """Sites that ``baseline`` adds to those on the air at the end of ``latest_fy``, with the operators that come.

    Beside the sites of the baseline's statuses: sites that go on the air after the run's last year or after ``today``, in
    every baseline, or have begun since the run, which had them ``ahead`` (:attr:`RunResult.ahead`); and with "planned",
    operators without a date on a mast in service (an adopted joining). A site without any operator is taken as one of
    ``operator``. ``ledger``: one row per key.
    """
    statuses = STATUSES[baseline]
    day = fiscal.last_day(latest_fy)
    rows: dict[str, list[SiteOperator]] = {}
    for row in ledger.site_operators:
        rows.setdefault(row.site_id, []).append(row)
    found: list[tuple[Site, list[SiteOperator]]] = []
    for site in ledger.sites:
        own = rows.get(site.site_id, [])
        if site.status in statuses:
            found.append((site, own or [SiteOperator(site.site_id, operator)]))
        elif site.status is Status.IN_SERVICE:
            # A run shows nobody on the air before the day has come, also within its last year.
            known = (ahead or {}).get(site.site_id)
            shown = today if known is None else min(today, known - timedelta(days=1))
            later = [r for r in own if not on_air(site, r, day) or lies_ahead(r, shown)]
            coming = [r for r in later if r.in_service_date is not None or Status.PLANNED in statuses]
            if coming:
                found.append((site, coming))
    return sorted(found, key=lambda pair: (pair[0].planned_fy or 0, pair[0].site_id))


def decided_sites(
    context: AppContext,
    data: RegionData,
    ledger: Ledger,
    *,
    baseline: str,
    latest_fy: int,
    operator: str,
    ahead: Mapping[str, date],
    workers: int,
    progress: Progress,
) -> list[DecidedSite]:
    """The sites of :func:`decided_rows` with what they serve, by planned year and id."""
    found = decided_rows(ledger, baseline, latest_fy=latest_fy, operator=operator, today=today(), ahead=ahead)
    if not found:
        return []
    named = {r.site_id for r in ledger.site_operators}
    reach = reach_of(
        context, data, [site for site, _ in found], [row for _, rows in found for row in rows],
        workers=workers, progress=progress, skip_off_terrain=True,
    )  # fmt: skip
    links: dict[str, set[str]] = {}
    for link in ledger.site_districts:
        links.setdefault(link.site_id, set()).add(link.district_id)
    out: list[DecidedSite] = []
    for site, rows in found:
        assumed = {use.field for use in reach.assumed if use.site_id == site.site_id}
        if site.site_id not in named:
            assumed.add("operator")
        pixels: NDArray[np.int64] | None = None
        if site.site_id not in reach.off_terrain:
            parts = [reach.above(n, data.config.ladder.edge_dbm)[0] for n in reach.numbers_of(site.site_id)]
            pixels = np.unique(np.concatenate(parts))
        out.append(
            DecidedSite(
                site, tuple(sorted({r.operator for r in rows})), tuple(sorted(assumed)), pixels,
                tuple(sorted(links.get(site.site_id, set()))),
            )
        )  # fmt: skip
    return out


def ledger_forecast(
    counted: CountTables, ledger: Ledger, baseline: str, years: Sequence[int]
) -> list[dict[str, Any]]:
    """The ledger's own forecast of the count in ``years``, without any plan.

    ``base``: what is counted and those expected sites that the baseline takes as standing; ``whole``: with every
    expected site of the ledger (``forecast_total``). None without an opening balance. Years after the ledger's last
    keep its value; nothing more is known of them.
    """
    status = {site.site_id: site.status for site in ledger.sites}
    known = {year.fiscal_year: year for year in counted.result.years}
    expected = {s: v.forecast_fy for s, v in counted.result.verdicts.items() if v.forecast_fy is not None}
    out: list[dict[str, Any]] = []
    for fy in years:
        year = known.get(min(max(fy, min(known)), max(known)))
        whole = None if year is None else year.forecast_total
        left_out = [s for s, when in expected.items() if when <= fy and status.get(s) not in _standing(baseline)]
        out.append(
            {
                "fiscal_year": fy,
                "base": None if whole is None else whole - len(left_out),
                "whole": whole,
                "not_in_base": sorted(left_out),
            }
        )
    return out


def _standing(baseline: str) -> frozenset[Status]:
    """Statuses whose expected sites are part of the baseline; a site in service always is."""
    return frozenset({*STATUSES[baseline], Status.IN_SERVICE, Status.SUSPENDED, Status.CLOSED})


def baseline_rows(
    decided: Sequence[DecidedSite],
    municipality_names: Mapping[str, str],
    districts: Sequence[District],
    gains: Sequence[tuple[float, float, int]],
) -> list[dict[str, Any]]:
    """The decided sites as JSON values; ``gains``: (people, households, shelters) that each adds to those before it."""
    named = {d.district_id: d.name for d in districts}
    return [
        {
            "site_id": d.site.site_id,
            "name": d.site.name,
            "status": d.site.status.value,
            "municipality_code": d.site.municipality_code,
            "municipality": municipality_names.get(d.site.municipality_code, ""),
            "lat": d.site.lat,
            "lon": d.site.lon,
            "planned_fy": d.site.planned_fy,
            "operators": list(d.operators),
            "assumed": list(d.assumed),
            "estimated": d.estimated,
            "reach_known": d.pixels is not None,
            "people": round(people, 1),
            "households": round(households, 1),
            "shelters": shelters,
            "districts": [{"district_id": i, "name": named.get(i, i)} for i in d.districts],
        }
        for d, (people, households, shelters) in zip(decided, gains, strict=True)
    ]
