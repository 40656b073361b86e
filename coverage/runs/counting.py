"""The count and the indicators of a run: the ledger's tables judged once, asked for by every fiscal year."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from coverage.domain import fiscal
from coverage.domain.achievement import AchievementRule
from coverage.domain.count_result import CountResult
from coverage.domain.counting import count
from coverage.domain.district_register import on_register
from coverage.domain.indicators import (
    CSV_COLUMNS,
    IndicatorSet,
    IndicatorTable,
    indicator_table,
    parse_indicator_set,
)
from coverage.domain.known_ledger import KnownLedger, known_ledger
from coverage.domain.ledger import District, Ledger, Site
from coverage.domain.region import RegionConfig, RegionData
from coverage.domain.service_start import is_public
from coverage.gaps.districts import DistrictPrediction, district_pixels
from coverage.gaps.overlay import Overlay
from coverage.runs.cellset import CellSet
from coverage.runs.signal import on_air

Row = dict[str, Any]


def current_ledger(ledger: Ledger) -> Ledger:
    """One row per key, the newest: what the radio, the map and the site table work on."""
    known = known_ledger(ledger)
    return Ledger(
        sites=tuple(known.sites.values()),
        site_operators=tuple(
            row for rows in known.operators.values() for row in rows if row.site_id in known.sites
        ),
        site_districts=tuple(row for rows in known.links.values() for row in rows),
        districts=tuple(row for rows in known.districts.values() for row in rows),
        opening_balances=ledger.opening_balances,
        allocations=ledger.allocations,
        restatements=ledger.restatements,
        frozen_years=ledger.frozen_years,
        distinct_answers=ledger.distinct_answers,
        actuals=ledger.actuals,
        footnotes=ledger.footnotes,
        municipality_mergers=ledger.municipality_mergers,
    )


def predicted_people(data: RegionData, overlay: Overlay, cells: CellSet) -> dict[tuple[str, str], float]:
    """Residents of each district that each of its sites is predicted to serve by itself, by (site_id, district_id).

    Pairs whose site has no cell are left out: nothing is predicted for them.
    """
    people = overlay.people_of_pixel().ravel()
    edge = data.config.ladder.edge_dbm
    stays = {d.district_id: d for d in data.ledger.districts}
    pixels = {key: district_pixels(overlay, d) for key, d in stays.items()}
    grid = overlay.grid
    found: dict[tuple[str, str], float] = {}
    for link in data.ledger.site_districts:
        numbers = cells.by_site.get(link.site_id)
        if numbers is None or link.district_id not in pixels:
            continue
        own = pixels[link.district_id]
        row, col = own // grid.cols, own % grid.cols
        served = np.zeros(len(own), dtype=np.bool_)
        for number in numbers:
            footprint = cells.footprint(number)
            r, c = row - footprint.window.row0, col - footprint.window.col0
            inside = (r >= 0) & (r < footprint.window.rows) & (c >= 0) & (c < footprint.window.cols)
            served[inside] |= footprint.level_dbm[r[inside], c[inside]] >= edge
        found[link.site_id, link.district_id] = float(people[own[served]].sum())
    return found


class CountTables:
    """What the tables of a run ask the ledger for."""

    def __init__(self, data: RegionData, predicted: Mapping[tuple[str, str], float] | None = None) -> None:
        self._config: RegionConfig = data.config
        self._ledger = data.ledger
        self._known: KnownLedger = known_ledger(data.ledger)
        self._sheet: IndicatorSet | None = (
            parse_indicator_set(data.indicators_toml, readings=data.config.counting.readings)
            if data.indicators_toml
            else None
        )
        planned = [s.planned_fy for s in self._known.sites.values() if s.planned_fy is not None]
        last = max([*data.config.fiscal_years, *planned])
        self._years = list(range(self.fiscal_years[0], last + 1))
        self.result: CountResult = count(
            data.ledger, rule=data.config.counting, fiscal_years=self._years, predicted_people=predicted
        )

    @cached_property
    def fiscal_years(self) -> list[int]:
        """Years of the run and of the policy sheet, ascending without gaps."""
        sheet = list(self._sheet.fiscal_years) if self._sheet is not None else []
        years = [*self._config.fiscal_years, *sheet]
        return list(range(min(years), max(years) + 1))

    @property
    def count(self) -> dict[str, Any]:
        """``count.json``: the result for the run's and the sheet's years, and the forecast beyond them apart."""
        whole = self.result.as_dict()
        last = self.fiscal_years[-1]
        series = [year for year in whole["years"] if year["fiscal_year"] <= last]
        beyond = [
            {key: year[key] for key in ("fiscal_year", "forecast_total", "forecast_site_ids")}
            for year in whole["years"]
            if year["fiscal_year"] > last
        ]
        return {**whole, "years": series, "forecast_years": beyond}

    @property
    def indicator_table(self) -> IndicatorTable | None:
        """The policy sheet with actuals and achievement; None without a sheet."""
        if self._sheet is None:
            return None
        return indicator_table(
            self._sheet,
            self._ledger.actuals,
            counted=self.result.for_indicators(),
            counted_indicator=self._config.counting.indicator,
            rule=AchievementRule.from_config(self._config.counting),
            footnotes=self._ledger.footnotes,
        )

    @property
    def indicators(self) -> dict[str, Any]:
        """``indicators.json``: the sheet as it is, and its table of targets, actuals and achievement."""
        table = self.indicator_table
        if self._sheet is None or table is None:
            return {"sheet": None, "table": None}
        return {"sheet": self._sheet.model_dump(mode="json"), "table": table.as_dict()}

    def indicator_csv(self) -> tuple[Sequence[str], list[Row]]:
        """Columns and rows of ``indicators.csv``; only the header without a sheet."""
        table = self.indicator_table
        return CSV_COLUMNS, [] if table is None else table.csv_rows()

    def registered(self, fy: int) -> list[District]:
        """Districts on the register on the last day of the year: the stay that stands then, by id."""
        day = fiscal.last_day(fy)
        return [
            stay
            for _, stays in sorted(self._known.districts.items())
            for stay in stays
            if on_register([stay], day)
        ]

    def confirmed(self, fy: int) -> list[District]:
        """Districts off the register by the end of the year because the municipality confirmed their resolution."""
        day = fiscal.last_day(fy)
        out: list[District] = []
        for _, stays in sorted(self._known.districts.items()):
            resolved = [s for s in stays if s.resolved_on is not None and s.resolved_on <= day]
            if resolved and not on_register(stays, day):
                out.append(resolved[-1])
        return out

    def sites_counted(self, fy: int) -> Mapping[str, int]:
        """Counted masts up to the year by municipality, without the opening balance."""
        return self.result.year(fy).by_municipality

    def site_rows(self, sole: Mapping[str, float | None], gain: Mapping[str, float], fy: int) -> list[Row]:
        """Rows of ``sites.csv``; ``sole`` and ``gain``: residents by site id (docs/run-format.md)."""
        day = fiscal.last_day(fy)
        rows: list[Row] = []
        for site_id, site in sorted(self._known.sites.items()):
            verdict = self.result.verdicts.get(site_id)
            links = sorted({link.district_id for link in self._known.links.get(site_id, ())})
            common = {
                **_site_columns(site),
                "counted_fy": verdict.reported_fy if verdict is not None and verdict.counted else None,
                "verdict_code": verdict.code.value if verdict is not None else "",
                "verdict_ja": verdict.ja if verdict is not None else "",
                "verdict_en": verdict.en if verdict is not None else "",
                "sole_people": sole.get(site_id),
                "gain_people": gain.get(site_id),
                "district_ids": ";".join(links),
            }
            operators = sorted(
                self._known.operators.get(site_id, ()),
                key=lambda r: (r.operator, r.band or "", r.azimuth_deg or 0.0),
            )
            for row in operators:
                rows.append(
                    {
                        **common,
                        "operator": row.operator,
                        "in_service_date": row.in_service_date.isoformat() if row.in_service_date else None,
                        "date_precision": row.date_precision.value,
                        "band": row.band,
                        "frequency_mhz": row.frequency_mhz,
                        "bandwidth_mhz": row.bandwidth_mhz,
                        "eirp_dbm": row.eirp_dbm,
                        "azimuth_deg": row.azimuth_deg,
                        "tilt_deg": row.tilt_deg,
                        "on_air": on_air(site, row, day),
                    }
                )
            if not operators:
                rows.append({**common, **dict.fromkeys(_OPERATOR_COLUMNS), "on_air": False})
        return rows

    def district_rows(
        self, districts: Sequence[District], predictions: Mapping[str, DistrictPrediction], fy: int
    ) -> list[Row]:
        """Rows of ``districts.csv``; ``districts``: the latest stay of each."""
        registered = {d.district_id for d in self.registered(fy)}
        confirmed = {d.district_id for d in self.confirmed(fy)}
        serving: dict[str, set[str]] = {}
        for site_id, links in self._known.links.items():
            site = self._known.sites.get(site_id)
            dated = any(row.in_service_date is not None for row in self._known.operators.get(site_id, ()))
            if site is None or not is_public(site.status, dated=dated):
                # This table is public, operators' plans are not.
                continue
            for link in links:
                serving.setdefault(link.district_id, set()).add(site_id)
        rows: list[Row] = []
        for d in districts:
            point = d.geometry.representative_point()
            prediction = predictions[d.district_id]
            rows.append(
                {
                    "district_id": d.district_id,
                    "municipality_code": d.municipality_code,
                    "name": d.name,
                    "lat": point.y,
                    "lon": point.x,
                    "households": d.households,
                    "population": d.population,
                    "designated_on": d.designated_on.isoformat() if d.designated_on else None,
                    "resolved_on": d.resolved_on.isoformat() if d.resolved_on else None,
                    "declined": d.declined,
                    "source": d.source,
                    "registered_now": d.district_id in registered,
                    "confirmed": d.district_id in confirmed,
                    "predicted": prediction.resolved,
                    "served_share": prediction.served_share,
                    "served_people": prediction.served_people,
                    "site_ids": ";".join(sorted(serving.get(d.district_id, set()))),
                }
            )
        return rows


_OPERATOR_COLUMNS = (
    "operator", "in_service_date", "date_precision", "band", "frequency_mhz", "bandwidth_mhz", "eirp_dbm",
    "azimuth_deg", "tilt_deg",
)  # fmt: skip


def _site_columns(site: Site) -> Row:
    return {
        "site_id": site.site_id,
        "name": site.name,
        "municipality_code": site.municipality_code,
        "lat": site.lat,
        "lon": site.lon,
        "height_m": site.height_m,
        "status": site.status.value,
        "funding": site.funding.value if site.funding else None,
        "purpose": site.purpose.value if site.purpose else None,
        "project_id": site.project_id,
        "replaces": site.replaces,
        "planned_fy": site.planned_fy,
    }
