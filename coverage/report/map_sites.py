"""Sites as the map, the search and the tables show them, and who sees which of those that are not in service yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from coverage.domain.fiscal import fiscal_year, label, last_day
from coverage.domain.ledger import Status
from coverage.domain.service_start import is_public
from coverage.report.table_cells import day, number, text
from coverage.report.wording import Texts, report_texts
from coverage.runs.result import RunResult

Plans = bool | frozenset[str]
"""Whose sites not yet in service are shown: nobody's (False), everybody's (True), or those of municipalities (codes)."""

_ENDED: Final = {Status.SUSPENDED, Status.CLOSED}


@dataclass(frozen=True)
class _Site:
    """A physical site; ``operators``: an entry a row of the table, and whether it is still to come."""

    shown: dict[str, Any]
    operators: tuple[tuple[dict[str, Any], bool], ...]


def site_records(run: RunResult, lang: str, *, plans: Plans) -> list[dict[str, Any]]:
    """One record a site as the map shows it; without ``plans`` only what is public.

    ``on`` of an operator is a bit mask over the run's years: bit 0 is the first year. Without ``plans`` an operator who
    has yet to start on a mast that stands already is left out: that, too, is an operator's plan.
    """
    stamp = (run.folder / "tables" / "sites.csv").stat().st_mtime_ns
    return list(_shown(_sites(run.folder, stamp, lang), plans))


def _shown(sites: tuple[_Site, ...], plans: Plans) -> Iterator[dict[str, Any]]:
    for site in sites:
        with_plans = plans if isinstance(plans, bool) else site.shown["code"] in plans
        if site.shown["phase"] == "planned" and not with_plans:
            continue
        operators: dict[str, dict[str, Any]] = {}
        for operator, to_come in site.operators:
            # Several bands or sectors of one operator are one entry.
            if with_plans or not to_come:
                operators.setdefault(operator["id"], operator)
        yield {**site.shown, "operators": list(operators.values())}


@lru_cache(maxsize=4)
def _sites(folder: Path, _changed: int, lang: str) -> tuple[_Site, ...]:
    """Every site of a run, once for all readers; what each may see of it is decided by :func:`_shown`."""
    run, texts = RunResult.open(folder), report_texts(lang)
    horizon = last_day(run.latest_fy)
    on_air = _on_air(run)
    public = public_site_ids(run)
    sites: dict[str, dict[str, Any]] = {}
    operators: dict[str, list[tuple[dict[str, Any], bool]]] = {}
    for record in run.sites.to_dict("records"):
        site_id = str(record["site_id"])
        if site_id not in sites:
            sites[site_id] = _site(record, texts, public=site_id in public)
            operators[site_id] = []
        operator = text(record["operator"])
        if not operator:
            continue
        since = day(record["in_service_date"])
        entry = {
            "id": operator,
            "since": text(record["in_service_date"]),
            "from": None if since is None else fiscal_year(since),
            "on": on_air.get((site_id, operator), 0),
        }
        operators[site_id].append((entry, since is None or since > horizon))
    return tuple(_Site(shown, tuple(operators[site_id])) for site_id, shown in sites.items())


def public_site_ids(run: RunResult) -> frozenset[str]:
    """Sites that everybody may see (:func:`coverage.domain.service_start.is_public`)."""
    return frozenset(
        str(record["site_id"])
        for record in run.sites.to_dict("records")
        if is_public(Status(str(record["status"])), dated=day(record["in_service_date"]) is not None)
    )


def _site(record: dict[str, Any], texts: Texts, *, public: bool) -> dict[str, Any]:
    status = Status(str(record["status"]))
    planned = number(record["planned_fy"])
    counted = number(record["counted_fy"])
    return {
        "at": [round(float(record["lat"]), 5), round(float(record["lon"]), 5)],
        "id": str(record["site_id"]),
        "name": text(record["name"]),
        "code": text(record["municipality_code"]),
        "status": texts["site_status." + status.name.lower()],
        "phase": "planned" if not public else "ended" if status in _ENDED else "on",
        "height": number(record["height_m"]),
        "planned": label(int(planned), texts.lang) if planned is not None else "",
        "counted": None if counted is None else int(counted),
        "countedLabel": "" if counted is None else label(int(counted), texts.lang),
        "verdict": text(record[f"verdict_{texts.lang}"]),
    }


def _on_air(run: RunResult) -> dict[tuple[str, str], int]:
    """Bit mask of years by (site_id, operator), from the sites that each year's GeoJSON holds."""
    masks: dict[tuple[str, str], int] = {}
    for bit, fy in enumerate(run.fiscal_years):
        for item in run.geojson("region", fy)["features"]:
            p = item["properties"]
            if p.get("kind") != "site":
                continue
            for operator in p["operators"]:
                key = (str(p["site_id"]), str(operator))
                masks[key] = masks.get(key, 0) | 1 << bit
    return masks
