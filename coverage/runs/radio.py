"""From the ledger's sites to footprints: which cells a run needs, what stood in for missing values, and the work itself."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from pathlib import Path
from typing import Any

from coverage.domain import fiscal
from coverage.domain.ledger import SiteOperator, Status
from coverage.domain.region import RegionData
from coverage.radio.antenna import patterns_of
from coverage.radio.footprint import Cell, cells_of, defaults_summary
from coverage.runs.cellset import CellSet
from coverage.runs.executors import Executor, executor_named
from coverage.runs.footprints import clean_work, compute_footprints
from coverage.runs.reception import reception_card
from coverage.runs.signal import on_air_rows

Progress = Callable[[float, str], None]
UNUSED_S = 30 * 24 * 3600.0
"""A terrain that no run used for so long is of an earlier edition."""
_FUTURE = {Status.CANDIDATE, Status.PLANNED, Status.GRANT_DECIDED, Status.UNDER_CONSTRUCTION}


def radio_engine(
    *,
    work_folder: Path,
    workers: int = 0,
    executor: Callable[[], Executor] | None = None,
    cache_limit_bytes: int | None = None,
) -> Callable[[RegionData, Progress], CellSet]:
    """The radio of a run. ``workers``: processes, 0 = every core, 1 = serial.

    ``executor`` wins over it; it is called when the work begins, so that a run that is there already starts nothing.

    ``work_folder`` keeps footprints between runs: only changed sites are computed again. With ``cache_limit_bytes`` the
    oldest ones above it go, and terrains that were not used for :data:`UNUSED_S`; what this run needs stays.
    """

    def radio(data: RegionData, progress: Progress) -> CellSet:
        chosen = executor() if executor is not None else executor_named("processes", workers=workers)
        cells, card = _cells(data)

        def report(fraction: float, seconds_left: float | None) -> None:
            left = "" if seconds_left is None else f"（残り {seconds_left:.0f} 秒）"
            progress(fraction, f"電波 / signal{left}")

        with chosen as running:
            prints = compute_footprints(
                data.terrain, cells, data.config.radio, work=work_folder, executor=running, report=report
            )
        if cache_limit_bytes is not None:
            clean_work(work_folder, keep=prints, limit_bytes=cache_limit_bytes, unused_s=UNUSED_S)
        keys = tuple((cell.site_id, cell.operator, cell.band) for cell in cells)
        return CellSet(keys, prints.footprint, card)

    return radio


def _cells(data: RegionData) -> tuple[list[Cell], dict[str, Any]]:
    """Cells of every site that is on the air in some year of the run or may be one day, and the model card's part."""
    years = data.config.fiscal_years
    on_air = {
        fy: {
            id(row): (site.site_id, row.operator)
            for site, row in on_air_rows(data.ledger, fiscal.last_day(fy))
        }
        for fy in years
    }
    wanted = {key for of_year in on_air.values() for key in of_year.values()}
    future = {site.site_id for site in data.ledger.sites if site.status in _FUTURE}
    rows = [
        row
        for row in data.ledger.site_operators
        if (row.site_id, row.operator) in wanted or row.site_id in future
    ]
    cells, defaults = cells_of(
        data.ledger.sites,
        rows,
        data.config.operators,
        epsg=data.terrain.grid.epsg,
        patterns=patterns_of(data.config.antennas, data.antenna_tables),
    )
    card = {
        "model": _MODEL_NAMES[data.config.radio.model],
        "model_id": data.config.radio.model,
        **_counted(rows, on_air[years[-1]], {i for fy in years for i in on_air[fy]}),
        "defaults_used": defaults_summary(defaults),
    }
    said = reception_card(data.config.radio, cells)
    if said is not None:
        card["reception"] = said
    return cells, card


def _counted(rows: Iterable[SiteOperator], now: Container[int], ever: Container[int]) -> dict[str, int]:
    """How many cells were computed: on the air at the end of the last year, in earlier years only, and not yet."""
    counted = {"cells": 0, "cells_earlier": 0, "cells_planned": 0}
    for row in rows:
        counted["cells" if id(row) in now else "cells_earlier" if id(row) in ever else "cells_planned"] += 1
    return counted


_MODEL_NAMES = {
    "p1812": "ITU-R P.1812-8",
    "free-space": "自由空間 / free space (ITU-R P.525)",
}
