"""Cells from the ledger, their defaults on record, and the RSRP they lay over the terrain."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from coverage.domain.grid import Grid
from coverage.domain.ledger import Inventory, Site, SiteOperator, Status
from coverage.domain.projection import plane_to_lonlat
from coverage.domain.region import BandDefaults, OperatorConfig, RadioConfig
from coverage.domain.terrain import Terrain
from coverage.errors import InputError, OutsideTerrainError
from coverage.radio.antenna import ELEMENT, MACRO_SECTOR, Pattern, SectorPattern, TabledPattern
from coverage.radio.footprint import OUT_OF_RANGE_DBM, Cell, cells_of, defaults_summary, footprint

GRID = Grid(6674, 0.0, -150_000.0, 100.0, 120, 120)
FREE = RadioConfig(model="free-space", max_range_m=4_000.0)
P1812 = RadioConfig(max_range_m=4_000.0)


def flat(height_m: float = 50.0) -> Terrain:
    return Terrain(
        GRID, np.full(GRID.shape, height_m, dtype=np.float32), np.zeros(GRID.shape, dtype=np.bool_)
    )


def mast(**change: object) -> Cell:
    """In the middle of pixel (60, 60)."""
    x, y = GRID.xy(np.array(60), np.array(60))
    base = Cell("24-0001", "docomo", float(x), float(y), 30.0, 800.0, 57.0, 27.78)
    return replace(base, **change)  # type: ignore[arg-type]


# --- Levels ----------------------------------------------------------------------------------------------------------


def test_rsrp_in_free_space_is_the_link_budget() -> None:
    found = footprint(flat(), mast(), FREE)
    level = found.level_dbm[60 - found.window.row0, 80 - found.window.col0]
    slant_km = math.hypot(2.0, 0.0285)
    loss = 92.4 + 20 * math.log10(0.8) + 20 * math.log10(slant_km)
    assert level == pytest.approx(57.0 - 27.78 - loss, abs=1e-3)


def test_the_calibration_offset_and_eirp_shift_every_level_alike() -> None:
    plain = footprint(flat(), mast(), P1812).level_dbm
    shifted = footprint(flat(), mast(eirp_dbm=59.0), P1812.model_copy(update={"offset_db": -1.5})).level_dbm
    reached = plain > OUT_OF_RANGE_DBM
    assert np.abs(shifted[reached] - plain[reached] - 0.5).max() < 1e-3
    assert np.array_equal(reached, shifted > OUT_OF_RANGE_DBM)


def test_beyond_the_range_is_out_of_range_and_not_no_data() -> None:
    for radio in (FREE, P1812):
        found = footprint(flat(), mast(), radio)
        rows, cols = np.mgrid[found.window.slices]
        distance = np.hypot(rows - 60, cols - 60) * 100.0
        assert np.array_equal(found.level_dbm == OUT_OF_RANGE_DBM, distance > 4_000.0)
        assert not np.isnan(found.level_dbm).any()
        assert found.level_dbm.dtype == np.float32


def test_a_hole_is_no_data_and_so_is_what_lies_behind_it() -> None:
    terrain = flat()
    terrain.height_m[55:66, 75:77] = np.nan
    level = footprint(terrain, mast(), P1812).level_dbm
    window = footprint(terrain, mast(), P1812).window
    assert np.isnan(level[60 - window.row0, 76 - window.col0])
    assert np.isnan(level[60 - window.row0, 90 - window.col0]), "behind the hole"
    assert np.isfinite(level[60 - window.row0, 30 - window.col0]), "on the other side"


def test_a_ridge_shadows_what_lies_behind_it() -> None:
    terrain = flat()
    terrain.height_m[:, 75] = 250.0
    clear, shadowed = footprint(flat(), mast(), P1812), footprint(terrain, mast(), P1812)
    at = (60 - clear.window.row0, 85 - clear.window.col0)
    assert clear.level_dbm[at] - shadowed.level_dbm[at] > 20.0


def test_the_window_is_clipped_at_the_edge_of_the_terrain() -> None:
    x, y = GRID.xy(np.array(5), np.array(110))
    found = footprint(flat(), mast(x_m=float(x), y_m=float(y)), P1812)
    assert found.window.row0 == 0
    assert found.window.col0 + found.window.cols == 120
    assert found.level_dbm.shape == (found.window.rows, found.window.cols)


def test_a_sector_serves_its_front() -> None:
    omni = footprint(flat(), mast(), FREE).level_dbm
    east = footprint(flat(), mast(azimuth_deg=90.0), FREE)
    lost = omni - east.level_dbm
    row, col = 60 - east.window.row0, 60 - east.window.col0
    assert lost[row, col + 30] == pytest.approx(0.0, abs=0.1)
    assert lost[row, col - 30] == pytest.approx(25.0, abs=0.1)
    assert lost[row - 30, col] == pytest.approx(12 * (90 / 70) ** 2, abs=0.3)


def test_downtilt_moves_the_beam_towards_the_mast() -> None:
    level = footprint(flat(), mast(azimuth_deg=90.0, antenna_height_m=80.0), FREE)
    tilted = footprint(flat(), mast(azimuth_deg=90.0, antenna_height_m=80.0, electrical_tilt_deg=8.0), FREE)
    row, col = 60 - level.window.row0, 60 - level.window.col0
    near, far = (row, col + 5), (row, col + 38)
    assert tilted.level_dbm[near] > level.level_dbm[near] + 3
    assert tilted.level_dbm[far] < level.level_dbm[far] - 3


def test_a_receiver_above_the_mast_is_seen_under_its_elevation() -> None:
    terrain = flat()
    terrain.height_m[60, 80] = 50.0 + 30.0 + 2_000.0 * math.tan(math.radians(5.0))
    on_hill = footprint(terrain, mast(azimuth_deg=90.0), FREE)
    below = footprint(terrain, mast(azimuth_deg=90.0, electrical_tilt_deg=-5.0), FREE)
    at = (60 - on_hill.window.row0, 80 - on_hill.window.col0)
    assert below.level_dbm[at] - on_hill.level_dbm[at] == pytest.approx(3.0, abs=0.2), "uptilt by 5° meets it"


# --- Where no mast can stand -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("radio", [FREE, P1812])
def test_a_mast_off_the_terrain_or_on_a_hole_is_an_error_that_names_it(radio: RadioConfig) -> None:
    terrain = flat()
    terrain.height_m[60, 60] = np.nan
    for cell, code in ((mast(x_m=-500.0), "site-off-terrain"), (mast(), "site-on-hole")):
        with pytest.raises(OutsideTerrainError) as caught:
            footprint(terrain, cell, radio)
        assert caught.value.code == code
        assert "24-0001" in caught.value.ja
        assert "24-0001" in caught.value.en


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"antenna_height_m": -3.0}, "antenna-height-out-of-range"),
        ({"antenna_height_m": 0.5}, "antenna-height-out-of-range"),
        ({"antenna_height_m": 3_001.0}, "antenna-height-out-of-range"),
        ({"antenna_height_m": math.nan}, "antenna-height-out-of-range"),
        ({"frequency_mhz": 0.0}, "frequency-out-of-range"),
        ({"frequency_mhz": 28_000.0}, "frequency-out-of-range"),
        ({"eirp_dbm": 500.0}, "eirp-out-of-range"),
        ({"x_m": math.inf}, "position-not-finite"),
        ({"azimuth_deg": 1_000.0}, "azimuth-out-of-range"),
        ({"electrical_tilt_deg": 120.0}, "tilt-out-of-range"),
    ],
)
def test_values_that_no_mast_has_are_refused(change: dict[str, float], code: str) -> None:
    with pytest.raises(InputError) as caught:
        mast(**change)
    assert caught.value.code == code
    assert "24-0001/docomo" in caught.value.ja


# --- Cells from the ledger -------------------------------------------------------------------------------------------


def operator(**change: object) -> OperatorConfig:
    values: dict[str, object] = {
        "name_ja": "ドコモ", "name_en": "docomo", "colour": "#cc0033", "inventory": Inventory.COMPLETE,
        "defaults": BandDefaults(frequency_mhz=800.0, bandwidth_mhz=10.0, eirp_dbm=57.0, height_m=20.0),
        "bands": {"B3": BandDefaults(frequency_mhz=1870.0, bandwidth_mhz=20.0, eirp_dbm=60.0, height_m=25.0)},
    }  # fmt: skip
    return OperatorConfig.model_validate(values | change)


SITE = Site("24-0001", "尾鷲", "24209", 34.07, 136.19, Status.IN_SERVICE, height_m=35.0)
OPERATORS = {"docomo": operator(), "kddi": operator(bands={})}


def test_a_complete_row_uses_no_default() -> None:
    row = SiteOperator(
        "24-0001",
        "docomo",
        band="B19",
        frequency_mhz=882.5,
        bandwidth_mhz=15.0,
        eirp_dbm=61.0,
        azimuth_deg=120.0,
        tilt_deg=4.0,
    )
    (cell,), used = cells_of([SITE], [row], OPERATORS, epsg=6674)
    assert used == []
    assert (cell.frequency_mhz, cell.eirp_dbm, cell.antenna_height_m) == (882.5, 61.0, 35.0)
    assert (cell.azimuth_deg, cell.electrical_tilt_deg, cell.band) == (120.0, 4.0, "B19")
    assert cell.rsrp_reduction_db == pytest.approx(10 * math.log10(12 * 75))
    lon, lat = plane_to_lonlat(cell.x_m, cell.y_m, 6674)
    assert (float(lon), float(lat)) == pytest.approx((136.19, 34.07), abs=1e-9)


def test_missing_values_come_from_the_band_then_the_preset_then_the_operator_and_are_on_record() -> None:
    low = replace(SITE, site_id="24-0002", height_m=None)
    rows = [
        SiteOperator("24-0002", "docomo", band="B3"),
        SiteOperator("24-0001", "kddi", band="B18", eirp_dbm=55.0),
        SiteOperator("24-0001", "docomo"),
    ]
    cells, used = cells_of([low, SITE], rows, OPERATORS, epsg=6674)
    assert [(c.site_id, c.operator) for c in cells] == [
        ("24-0001", "docomo"), ("24-0001", "kddi"), ("24-0002", "docomo"),
    ]  # fmt: skip
    assert [c.frequency_mhz for c in cells] == [800.0, 867.5, 1870.0]
    assert [c.antenna_height_m for c in cells] == [35.0, 35.0, 25.0]
    assert [c.eirp_dbm for c in cells] == [57.0, 55.0, 60.0]
    assert {(u.site_id, u.operator, u.field, u.origin) for u in used} == {
        ("24-0001", "docomo", "frequency_mhz", "operator"),
        ("24-0001", "docomo", "bandwidth_mhz", "operator"),
        ("24-0001", "docomo", "eirp_dbm", "operator"),
        ("24-0001", "kddi", "frequency_mhz", "preset"),
        ("24-0001", "kddi", "bandwidth_mhz", "operator"),
        ("24-0002", "docomo", "frequency_mhz", "band"),
        ("24-0002", "docomo", "bandwidth_mhz", "band"),
        ("24-0002", "docomo", "eirp_dbm", "band"),
        ("24-0002", "docomo", "height_m", "band"),
    }


def test_the_model_card_says_how_often_a_default_stood_in() -> None:
    sites = [replace(SITE, site_id=f"24-{i:04d}", height_m=None) for i in range(3)]
    _, used = cells_of(
        sites, [SiteOperator(s.site_id, "kddi", eirp_dbm=57.0) for s in sites], OPERATORS, epsg=6674
    )
    card = defaults_summary(used)
    assert {"operator": "kddi", "field": "height_m", "value": 20.0, "origin": "operator", "cells": 3} in card
    assert sum(entry["cells"] for entry in card) == len(used) == 9


def test_nr_cells_count_their_own_resource_blocks() -> None:
    nr = operator(
        bands={
            "n78": BandDefaults(frequency_mhz=3650.0, bandwidth_mhz=100.0, technology="nr", subcarrier_khz=30)
        }
    )
    (cell,), _ = cells_of([SITE], [SiteOperator("24-0001", "docomo", band="n78")], {"docomo": nr}, epsg=6674)
    assert cell.rsrp_reduction_db == pytest.approx(10 * math.log10(12 * 273))


def test_sectors_of_a_mast_are_cells_in_a_fixed_order() -> None:
    rows = [SiteOperator("24-0001", "docomo", azimuth_deg=a) for a in (240.0, 0.0, 120.0)]
    cells, _ = cells_of([SITE], rows, OPERATORS, epsg=6674)
    again, _ = cells_of([SITE], rows[::-1], OPERATORS, epsg=6674)
    assert [c.azimuth_deg for c in cells] == [0.0, 120.0, 240.0]
    assert cells == again


def _aimed(operator: OperatorConfig, band: str | None, patterns: dict[str, Pattern]) -> Cell:
    row = SiteOperator("24-0001", "docomo", azimuth_deg=0.0, band=band)
    (cell,), _ = cells_of([SITE], [row], {"docomo": operator}, epsg=6674, patterns=patterns)
    return cell


def test_the_antenna_is_that_of_the_band_then_that_of_the_operator_then_the_macro_sector() -> None:
    table = TabledPattern("panel", ((0.0, 0.0), (180.0, 30.0)), ((0.0, 0.0), (180.0, 30.0)))
    narrow = SectorPattern(33.0, 7.0)
    plain = OPERATORS["docomo"]
    named = plain.model_copy(
        update={
            "defaults": plain.defaults.model_copy(update={"antenna": "narrow"}),
            "bands": {"B1": BandDefaults(antenna="measured"), "B3": BandDefaults()},
        }
    )
    patterns: dict[str, Pattern] = {"measured": table, "narrow": narrow}
    assert _aimed(named, "B1", patterns).pattern is table
    assert _aimed(named, "B3", patterns).pattern is narrow
    assert _aimed(named, None, patterns).pattern is narrow
    assert _aimed(plain, None, patterns).pattern == MACRO_SECTOR
    cell = _aimed(named, "B1", patterns)
    assert cell.digest() != replace(cell, pattern=replace(table, name="other")).digest()


def test_an_omnidirectional_cell_has_no_pattern_whatever_its_operator_names() -> None:
    plain = OPERATORS["docomo"]
    named = plain.model_copy(update={"defaults": plain.defaults.model_copy(update={"antenna": "narrow"})})
    row = SiteOperator("24-0001", "docomo")
    (cell,), _ = cells_of([SITE], [row], {"docomo": named}, epsg=6674, patterns={"narrow": ELEMENT})
    assert cell.pattern == MACRO_SECTOR


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (SiteOperator("24-0404", "docomo"), "site-unknown"),
        (SiteOperator("24-0001", "nobody"), "operator-unknown"),
        (SiteOperator("24-0001", "docomo", frequency_mhz=0.0), "frequency-out-of-range"),
        (SiteOperator("24-0001", "docomo", bandwidth_mhz=7.0), "bandwidth-not-in-standard"),
    ],
)
def test_a_row_that_fits_nothing_is_refused(row: SiteOperator, code: str) -> None:
    with pytest.raises(InputError) as caught:
        cells_of([SITE], [row], OPERATORS, epsg=6674)
    assert caught.value.code == code


def test_a_mast_of_minus_3_m_is_refused_by_name() -> None:
    with pytest.raises(InputError) as caught:
        cells_of([replace(SITE, height_m=-3.0)], [SiteOperator("24-0001", "docomo")], OPERATORS, epsg=6674)
    assert caught.value.code == "antenna-height-out-of-range"
    assert "24-0001" in caught.value.ja


def test_an_empty_list_has_no_cells() -> None:
    assert cells_of([], [], OPERATORS, epsg=6674) == ([], [])
