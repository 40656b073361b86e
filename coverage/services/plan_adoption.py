"""A chosen plan becomes 計画 sites in the ledger, in one import: staged for a planner, accepted at once by an administrator.

Adopted sites are forecasts: the count takes a site only once it is 供用中 (product rule §2, 2).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from coverage.domain.distinct_sites import distance_m
from coverage.domain.ledger import Funding, Ledger, Purpose, Site, SiteDistrict, SiteOperator, Status
from coverage.errors import InputError
from coverage.services.access import Action, Object, Principal, Resource, authorise
from coverage.services.plan_request import EXISTING
from coverage.store.events import Change, change_of
from coverage.store.protocol import Store
from coverage.store.records import ImportState

TABLE = "sites"
"""Which table of the ledger the import is read as: a plan adds sites, with their operators and districts."""


@dataclass(frozen=True)
class Adoption:
    """``state`` None where the ledger held everything already. ``near``: (new site, standing site) within 50 m."""

    import_id: str | None
    state: ImportState | None
    new_sites: tuple[str, ...]
    known_sites: tuple[str, ...]
    joined_sites: tuple[str, ...]
    """Standing masts that get the operator; they add nothing to the count."""
    near: tuple[tuple[str, str], ...]
    repeated: bool


def site_id_of(plan_id: str, candidate_id: str) -> str:
    """The id that a plan's site has in the ledger: always the same for the same plan."""
    return f"PLAN-{plan_id[:8]}-{candidate_id}"


def adopt_plan(
    store: Store, document: Mapping[str, Any], *, principal: Principal, accept: bool = False, near_m: float = 50.0
) -> Adoption:
    """Hand a plan's sites in as one import; with ``accept`` write them into the ledger in the same transaction.

    A site that the ledger holds already is left as it is, whatever became of it since: adopting twice changes nothing.
    Raises PermissionDeniedError, and InputError for a plan without sites, without a mast or a district that the ledger
    knows.
    """
    authorise(principal, Action.SUBMIT, Resource(Object.IMPORT))
    if accept:
        authorise(principal, Action.ACCEPT, Resource(Object.IMPORT))
    if not document["sites"]:
        raise InputError(
            "plan-without-sites",
            "この計画には整備箇所がないため、台帳に登録するものがありません。予算や候補地を見直してください。",
            "This plan holds no site, so there is nothing to enter; review the budget or the candidates.",
        )
    ledger = store.ledger()
    plan_id = str(document["plan_id"])
    known = {s.site_id for s in ledger.sites}
    changes, new, joined = _changes(document, ledger)
    held = tuple(
        site_id_of(plan_id, s["candidate_id"])
        for s in document["sites"]
        if s["source"] != EXISTING and site_id_of(plan_id, s["candidate_id"]) in known
    )
    near = _near(new, ledger, near_m)
    names = tuple(s.site_id for s in new)
    if not changes:
        return Adoption(None, None, (), held, (), (), repeated=True)
    content = json.dumps(
        {"plan_id": plan_id, "run_id": document["run_id"], "sites": document["sites"]},
        ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False,
    )  # fmt: skip
    receipt = store.stage_import(
        changes,
        by=principal.actor,
        table_name=TABLE,
        file_name=f"計画 {plan_id}.json",
        content=content.encode("utf-8"),
        report=_report(plan_id, names, joined, near),
        accept=accept,
    )
    return Adoption(receipt.import_id, receipt.state, names, held, joined, near, receipt.repeated)


def _changes(document: Mapping[str, Any], ledger: Ledger) -> tuple[list[Change], list[Site], tuple[str, ...]]:
    """What the ledger does not hold yet of the plan: changes, new sites, standing masts that are joined."""
    request = document["request"]
    operator, band = str(request["operator"]), request["band"]
    known = {s.site_id for s in ledger.sites}
    districts = {d.district_id for d in ledger.districts}
    on_air = {(r.site_id, r.operator) for r in ledger.site_operators}
    changes: list[Change] = []
    new: list[Site] = []
    joined: list[str] = []
    for row, planned in enumerate(document["sites"]):
        if planned["source"] == EXISTING:
            mast = _mast(planned, ledger)
            if (mast.site_id, operator) not in on_air:
                joined.append(mast.site_id)
                changes.append(_change(SiteOperator(mast.site_id, operator, band=band), row))
            continue
        site_id = site_id_of(str(document["plan_id"]), planned["candidate_id"])
        if site_id in known:
            continue
        if not planned["municipality_code"]:
            raise InputError(
                "plan-site-outside",
                f"「{planned['name']}」はどの市町の区域にも入っていません。候補地から外して計画し直してください。",
                f"'{planned['name']}' lies in no municipality; exclude it and plan again.",
            )
        site = Site(
            site_id, planned["name"] or site_id, planned["municipality_code"], planned["lat"], planned["lon"],
            Status.PLANNED, height_m=request["height_m"], funding=Funding.NATIONAL_SUBSIDY, purpose=Purpose.RESIDENTIAL,
            planned_fy=planned["fiscal_year"], cost_yen=planned["cost"]["total_yen"],
        )  # fmt: skip
        new.append(site)
        changes.append(_change(site, row))
        changes.append(_change(SiteOperator(site_id, operator, band=band), row))
        for district in planned["districts"]:
            if district["district_id"] not in districts:
                raise InputError(
                    "plan-district-unknown",
                    f"不感地域 {district['district_id']}（{district['name']}）が台帳にありません。台帳に登録するか、計画し直してください。",
                    f"District {district['district_id']} is not in the ledger; enter it or plan again.",
                )
            changes.append(_change(SiteDistrict(site_id, district["district_id"]), row))
    return changes, new, tuple(joined)


def _change(record: Site | SiteOperator | SiteDistrict, row: int) -> Change:
    """Only what the plan states: a column that it leaves open keeps what the ledger says."""
    stated = [name for name in record.__dataclass_fields__ if getattr(record, name) is not None]
    return change_of(record, fields=stated, row=row)


def _mast(planned: Mapping[str, Any], ledger: Ledger) -> Site:
    """The standing mast that a plan joins: the one that it names, or the nearest in service within a metre or two."""
    standing = [s for s in ledger.sites if s.status is Status.IN_SERVICE]
    named = next((s for s in standing if s.site_id == planned.get("mast_id")), None)
    if named is not None:
        return named
    found = min(standing, key=lambda s: _metres(s, planned["lat"], planned["lon"]), default=None)
    if found is None or _metres(found, planned["lat"], planned["lon"]) > 2.0:
        raise InputError(
            "plan-mast-gone",
            f"相乗りする既設局「{planned['name']}」が台帳に見つかりません。今の台帳で計画し直してください。",
            f"The standing mast '{planned['name']}' is not in the ledger; plan again with the present ledger.",
        )
    return found


def _near(new: list[Site], ledger: Ledger, near_m: float) -> tuple[tuple[str, str], ...]:
    """Pairs that a person will be asked about: one mast, or two? (product rule §2, 5)"""
    return tuple(
        (site.site_id, other.site_id)
        for site in new
        for other in ledger.sites
        if other.municipality_code == site.municipality_code and _metres(other, site.lat, site.lon) <= near_m
    )


def _metres(site: Site, lat: float, lon: float) -> float:
    return distance_m(site, replace(site, lat=lat, lon=lon))


def _report(
    plan_id: str, new: tuple[str, ...], joined: tuple[str, ...], near: tuple[tuple[str, str], ...]
) -> dict[str, Any]:
    warnings = [
        {
            "code": "site-near-another",
            "row": None,
            "column": None,
            "message": f"{a} は {b} の 50 m 以内にあります。同じ施設か確かめてください。",
            "message_en": f"{a} lies within 50 m of {b}; one mast, or two?",
        }
        for a, b in near
    ]
    return {
        "verdict": "accept-with-warning" if warnings else "accept",
        "rows_ok": len(new) + len(joined),
        "rows_bad": 0,
        "warnings": warnings,
        "errors": [],
        "notices": [],
        "understood": {"file": f"計画 {plan_id}.json", "format": "plan"},
        "rows": [],
        "bad_rows": [],
    }
