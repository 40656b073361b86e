"""Cells, and the RSRP that one cell lays over the terrain.

A *cell* is one carrier on one antenna of a site. Its *footprint* is a window of the run's grid with the RSRP at the
receiver's height: EIRP − 10·log10(12·N_RB) + pattern − loss + offset, and, where ``radio.reception`` is not outdoors, less
what walls or a car take at the cell's frequency. Where a list leaves a value open it is taken
from the operator's table in region.toml, and every such use is recorded (既定値).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from coverage.domain.grid import Window
from coverage.domain.ledger import Site, SiteOperator
from coverage.domain.projection import lonlat_to_plane
from coverage.domain.region import BandDefaults, OperatorConfig, RadioConfig
from coverage.domain.terrain import Terrain
from coverage.errors import InputError, OutsideTerrainError
from coverage.radio.antenna import MACRO_SECTOR, Pattern, gain_db
from coverage.radio.linkbudget import entry_loss_db, preset_frequency_mhz, resource_blocks, rsrp_reduction_db

OUT_OF_RANGE_DBM: Final = -200.0
"""Level of a pixel that no cell reaches within the model's range, and the floor of all levels."""

EARTH_RADIUS_M: Final = 6_371_000.0
EFFECTIVE_EARTH: Final = 4.0 / 3.0


@dataclass(frozen=True, slots=True)
class Cell:
    """One carrier on one antenna. Raises InputError for values that no mast has; the model's own limits come later."""

    site_id: str
    operator: str
    x_m: float
    y_m: float
    antenna_height_m: float
    """Above ground, rooftops included."""
    frequency_mhz: float
    eirp_dbm: float
    """Per carrier, total over ports, in the direction of maximum gain."""
    rsrp_reduction_db: float
    """10·log10(12·N_RB)."""
    band: str = ""
    azimuth_deg: float | None = None
    """None = omnidirectional; then tilts and pattern play no part."""
    electrical_tilt_deg: float = 0.0
    mechanical_tilt_deg: float = 0.0
    pattern: Pattern = MACRO_SECTOR

    def __post_init__(self) -> None:
        where = f"{self.site_id}/{self.operator}"
        _within(
            where,
            "antenna-height-out-of-range",
            "アンテナ高",
            "antenna height",
            self.antenna_height_m,
            1,
            3000,
            "m",
        )
        _within(where, "frequency-out-of-range", "周波数", "frequency", self.frequency_mhz, 30, 6000, "MHz")
        _within(where, "eirp-out-of-range", "EIRP", "EIRP", self.eirp_dbm, -30, 100, "dBm")
        _within(where, "position-not-finite", "位置", "position", self.x_m + self.y_m, -1e9, 1e9, "m")
        for tilt in (self.electrical_tilt_deg, self.mechanical_tilt_deg):
            _within(where, "tilt-out-of-range", "チルト角", "tilt", tilt, -90, 90, "°")
        if self.azimuth_deg is not None:
            _within(where, "azimuth-out-of-range", "方位角", "azimuth", self.azimuth_deg, -360, 360, "°")

    def digest(self) -> str:
        """SHA-256 over everything that shapes the footprint; the names of site and operator do not."""
        values: dict[str, Any] = {
            "x_m": self.x_m,
            "y_m": self.y_m,
            "antenna_height_m": self.antenna_height_m,
            "frequency_mhz": self.frequency_mhz,
            "eirp_dbm": self.eirp_dbm,
            "rsrp_reduction_db": self.rsrp_reduction_db,
        }
        if self.azimuth_deg is not None:
            values |= {
                "azimuth_deg": self.azimuth_deg % 360.0,
                "electrical_tilt_deg": self.electrical_tilt_deg,
                "mechanical_tilt_deg": self.mechanical_tilt_deg,
                "pattern": self.pattern.describe(),
            }
        return hashlib.sha256(json.dumps(values, sort_keys=True, allow_nan=False).encode("utf-8")).hexdigest()


@dataclass(frozen=True, slots=True)
class DefaultUsed:
    """A value that the list left open. ``origin``: "band" or "operator" (region.toml), "preset" (bands.toml)."""

    site_id: str
    operator: str
    field: str
    value: float
    origin: str


@dataclass(frozen=True)
class Footprint:
    """``level_dbm``: float32, shape of ``window``; NaN = NO DATA on the way, −200 = beyond the model's range."""

    window: Window
    level_dbm: NDArray[np.float32]


def cells_of(
    sites: Iterable[Site],
    site_operators: Iterable[SiteOperator],
    operators: Mapping[str, OperatorConfig],
    *,
    epsg: int,
    patterns: Mapping[str, Pattern] | None = None,
) -> tuple[list[Cell], list[DefaultUsed]]:
    """A cell for every row of ``site_operators``, sorted by site, operator, frequency and azimuth.

    Whether a row is on the air is the caller's question. Missing frequency, bandwidth, EIRP and height come from the
    operator's table of the band, then (frequency only) from the packaged bands, then from the operator's defaults.
    ``patterns``: by name in ``[antennas]``, for cells with an azimuth whose table (band, else operator) names one; the
    others get the 3GPP macro sector.

    Raises InputError: "operator-unknown", "site-unknown", or a value out of range (with site and operator).
    """
    by_id = {site.site_id: site for site in sites}
    rows = list(site_operators)
    for row in rows:
        if row.site_id not in by_id:
            raise InputError(
                "site-unknown",
                f"事業者「{row.operator}」の行が、一覧にない基地局「{row.site_id}」を指しています。",
                f"a row of operator {row.operator!r} names site {row.site_id!r}, which is not in the list.",
            )
        if row.operator not in operators:
            raise InputError(
                "operator-unknown",
                f"基地局「{row.site_id}」の事業者「{row.operator}」が region.toml の operators にありません。",
                f"operator {row.operator!r} of site {row.site_id!r} is not among the operators of region.toml.",
            )
    used: list[DefaultUsed] = []
    x, y = lonlat_to_plane(
        [by_id[row.site_id].lon for row in rows], [by_id[row.site_id].lat for row in rows], epsg
    )
    cells = [
        _cell(
            by_id[row.site_id], row, operators[row.operator], float(x[i]), float(y[i]), used, patterns or {}
        )
        for i, row in enumerate(rows)
    ]
    cells.sort(key=_cell_order)
    used.sort(key=lambda use: (use.site_id, use.operator, use.field, use.value, use.origin))
    return cells, used


def _cell_order(cell: Cell) -> tuple[str, str, float, float, float, float]:
    azimuth = -1.0 if cell.azimuth_deg is None else cell.azimuth_deg % 360.0
    return cell.site_id, cell.operator, cell.frequency_mhz, azimuth, cell.antenna_height_m, cell.eirp_dbm


def _cell(
    site: Site,
    row: SiteOperator,
    operator: OperatorConfig,
    x_m: float,
    y_m: float,
    used: list[DefaultUsed],
    patterns: Mapping[str, Pattern],
) -> Cell:
    table = operator.bands.get(row.band) if row.band else None
    defaults: BandDefaults = table or operator.defaults
    origin = "band" if table else "operator"

    def value(field: str, given: float | None, fallback: float, source: str = origin) -> float:
        if given is not None:
            return given
        used.append(DefaultUsed(row.site_id, row.operator, field, fallback, source))
        return fallback

    preset = preset_frequency_mhz(row.operator, row.band) if row.band and table is None else None
    frequency = value(
        "frequency_mhz",
        row.frequency_mhz,
        defaults.frequency_mhz if preset is None else preset,
        origin if preset is None else "preset",
    )
    bandwidth = value("bandwidth_mhz", row.bandwidth_mhz, defaults.bandwidth_mhz)
    antenna = defaults.antenna or operator.defaults.antenna
    n_rb = resource_blocks(defaults.technology, bandwidth, defaults.subcarrier_khz)
    return Cell(
        site_id=row.site_id,
        operator=row.operator,
        x_m=x_m,
        y_m=y_m,
        antenna_height_m=value("height_m", site.height_m, defaults.height_m),
        frequency_mhz=frequency,
        eirp_dbm=value("eirp_dbm", row.eirp_dbm, defaults.eirp_dbm),
        rsrp_reduction_db=rsrp_reduction_db(n_rb),
        band=row.band or "",
        azimuth_deg=row.azimuth_deg,
        electrical_tilt_deg=row.tilt_deg or 0.0,
        pattern=MACRO_SECTOR if antenna is None or row.azimuth_deg is None else patterns[antenna],
    )


def defaults_summary(used: Sequence[DefaultUsed]) -> list[dict[str, Any]]:
    """For the model card: how often which default stood in, sorted."""
    counts: dict[tuple[str, str, float, str], int] = {}
    for use in used:
        key = (use.operator, use.field, use.value, use.origin)
        counts[key] = counts.get(key, 0) + 1
    return [
        {"operator": operator, "field": field, "value": value, "origin": origin, "cells": count}
        for (operator, field, value, origin), count in sorted(counts.items())
    ]


def footprint(
    terrain: Terrain, cell: Cell, radio: RadioConfig, *, zones: NDArray[np.uint8] | None = None
) -> Footprint:
    """RSRP of one cell on the terrain's grid, up to ``radio.max_range_m`` from the mast.

    ``zones``: radio-climatic zones of this terrain (:mod:`coverage.radio.zones`); None is inland everywhere.

    Raises OutsideTerrainError, naming the site, if the mast stands off the terrain ("site-off-terrain") or on a hole in
    it ("site-on-hole").
    """
    from coverage.radio.sweep import area_loss_db  # numba: late

    mast_m = check_on_terrain(terrain, cell) + cell.antenna_height_m
    area = area_loss_db(
        terrain,
        x_m=cell.x_m,
        y_m=cell.y_m,
        antenna_height_m=cell.antenna_height_m,
        frequency_mhz=cell.frequency_mhz,
        radius_m=radio.max_range_m,
        radio=radio,
        zones=zones,
    )
    sent = cell.eirp_dbm - cell.rsrp_reduction_db + radio.offset_db - reception_loss_db(cell, radio)
    level = sent - area.loss_db.astype(np.float64)
    if cell.azimuth_deg is not None:
        level += _pattern_gain_db(terrain, cell, radio, area.window, mast_m)
    # The loss is infinite beyond the range and NaN on NO DATA: only the second is doubt.
    return Footprint(area.window, np.maximum(level, OUT_OF_RANGE_DBM).astype(np.float32))


def reception_loss_db(cell: Cell, radio: RadioConfig) -> float:
    """What the level outdoors at 1.5 m loses on its way to the phone, dB; 0 outdoors (docs/link-budget.md).

    Raises InputError "frequency-out-of-range", naming the site, below the 80 MHz that ITU-R P.2109 begins at.
    """
    try:
        return entry_loss_db(radio.reception, cell.frequency_mhz, radio.building)
    except InputError as error:
        raise InputError(
            error.code,
            f"基地局「{cell.site_id}」（事業者 {cell.operator}）の屋内の電波は計算できません。{error.ja}",
            f"site {cell.site_id!r} (operator {cell.operator}) cannot be computed indoors: {error.en}",
        ) from error


def check_on_terrain(terrain: Terrain, cell: Cell) -> float:
    """Ground under the mast, m above sea level. Raises OutsideTerrainError as :func:`footprint` does."""
    from coverage.radio.sweep import mast_ground_m  # numba: late

    try:
        return mast_ground_m(terrain, cell.x_m, cell.y_m)
    except OutsideTerrainError as error:
        raise OutsideTerrainError(
            error.code,
            f"基地局「{cell.site_id}」（事業者 {cell.operator}）: {error.ja}",
            f"site {cell.site_id!r} (operator {cell.operator}): {error.en}",
        ) from error


def _pattern_gain_db(
    terrain: Terrain, cell: Cell, radio: RadioConfig, window: Window, mast_m: float
) -> NDArray[np.float64]:
    """Pattern towards each pixel along the straight line over the effective earth (ray bending of 4/3)."""
    assert cell.azimuth_deg is not None
    rows, cols = np.mgrid[window.slices]
    x, y = terrain.grid.xy(rows, cols)
    dx, dy = x - cell.x_m, y - cell.y_m
    distance = np.hypot(dx, dy)
    drop = distance**2 / (2.0 * EFFECTIVE_EARTH * EARTH_RADIUS_M)
    rise = terrain.height_m[window.slices] + radio.receiver_height_m - mast_m - drop
    return gain_db(
        cell.pattern,
        bearing_deg=np.degrees(np.arctan2(dx, dy)),
        elevation_deg=np.degrees(np.arctan2(rise, np.maximum(distance, 1e-6))),
        azimuth_deg=cell.azimuth_deg,
        electrical_tilt_deg=cell.electrical_tilt_deg,
        mechanical_tilt_deg=cell.mechanical_tilt_deg,
    )


def _within(
    where: str, code: str, ja: str, en: str, value: float, low: float, high: float, unit: str
) -> None:
    if not low <= value <= high:  # also catches NaN
        raise InputError(
            code,
            f"基地局「{where}」の{ja}が{value:g} {unit}です。{low:g}〜{high:g} {unit} の値にしてください。",
            f"the {en} of {where!r} is {value:g} {unit}; give a value from {low:g} to {high:g} {unit}.",
        )
