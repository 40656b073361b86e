"""Antennas named in region.toml: what they change in a run, that they count among its inputs, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from coverage.domain.ledger import Ledger
from coverage.domain.projection import lonlat_to_plane
from coverage.errors import FileFormatError, RegionError
from coverage.readers.region import load_region
from coverage.runs.cellset import CellSet
from coverage.runs.digest import run_digest
from coverage.runs.radio import radio_engine

PANEL = """
[antennas.panel]
horizontal_beamwidth_deg = 20
"""
MEASURED = """
[antennas.panel.table]
format = "pattern-table"
path = "antennas/panel.csv"
edition = "2019-01-01"
licence = "CC0-1.0"
credit = "見本（架空）"
"""
# 40° wide and 30 dB down elsewhere. The vertical cut has the same front and rear, as the interpolation between cuts needs.
AHEAD = {"H": (0, 10, 20, 340, 350), "V": (*range(0, 90, 10), *range(280, 360, 10))}
CUTS = "plane,angle_deg,attenuation_db\n" + "".join(
    f"{plane},{angle},{0 if angle in AHEAD[plane] else 30}\n" for plane in "HV" for angle in range(0, 360, 10)
)
Write = Callable[..., Path]


@pytest.fixture
def write(tiny: ModuleType, tmp_path: Path) -> Write:
    """The tiny region with site T1 as a sector towards the east; ``antenna``: what region.toml says of it."""

    def written(antenna: str = "", *, named: bool = True, cuts: str = CUTS) -> Path:
        ledger: Ledger = tiny.tiny_ledger()
        rows = tuple(replace(r, azimuth_deg=90.0) if r.site_id == "T1" else r for r in ledger.site_operators)
        toml = tiny.REGION_TOML
        if named:
            toml = toml.replace(
                'inventory = "complete"', 'inventory = "complete"\ndefaults = { antenna = "panel" }', 1
            )
        folder: Path = tiny.write_tiny_region(
            tmp_path / "region", replace(ledger, site_operators=rows), toml=toml + antenna
        )
        (folder / "antennas").mkdir(exist_ok=True)
        (folder / "antennas" / "panel.csv").write_text(cuts, encoding="utf-8")
        return folder

    return written


def _levels(folder: Path, work: Path) -> CellSet:
    return radio_engine(work_folder=work, workers=1)(load_region(folder), lambda *_: None)


def _towards(cells: CellSet, folder: Path, east_m: float, north_m: float) -> float:
    """Level of site T1 at an offset from its mast."""
    index = next(i for i, key in enumerate(cells.keys) if key[0] == "T1")
    found = cells.footprint(index)
    grid = load_region(folder, only=["terrain"]).terrain.grid
    x, y = lonlat_to_plane(136.515, 33.525, grid.epsg)
    row, col = grid.row_col(float(x) + east_m, float(y) + north_m)
    row, col = row - found.window.row0, col - found.window.col0
    return float(found.level_dbm[row, col])


def test_a_named_antenna_narrows_the_sector_and_a_measured_one_shapes_it(
    write: Write, tmp_path: Path
) -> None:
    plain = write(named=False)
    macro = _levels(plain, tmp_path / "work")
    ahead, aside = _towards(macro, plain, 1500, 0), _towards(macro, plain, 1000, 800)
    parabola = _levels(write(PANEL), tmp_path / "work")
    assert _towards(parabola, plain, 1500, 0) == pytest.approx(ahead, abs=0.5)
    assert _towards(parabola, plain, 1000, 800) < aside - 10
    measured = _levels(write(MEASURED), tmp_path / "work")
    assert _towards(measured, plain, 1000, 800) < aside - 15
    assert _towards(measured, plain, -1500, 0) == pytest.approx(
        _towards(macro, plain, -1500, 0) - 5, abs=1.0
    ), "30 dB to the rear against 25 of the macro sector"


def test_the_pattern_file_is_a_layer_of_the_run(write: Write) -> None:
    folder = write(MEASURED)
    data = load_region(folder)
    (record,) = [r for r in data.layers if r.layer.startswith("antennas:")]
    assert (record.layer, record.files[0][0], record.credit) == (
        "antennas:panel",
        "antennas/panel.csv",
        "見本（架空）",
    )
    before = run_digest(data)
    (folder / "antennas" / "panel.csv").write_text(CUTS.replace("H,180,30", "H,180,35"), encoding="utf-8")
    assert run_digest(load_region(folder)) != before
    assert run_digest(load_region(write(PANEL))) not in (before, run_digest(load_region(write(named=False))))


def test_a_name_without_its_antenna_is_refused(write: Write) -> None:
    with pytest.raises(RegionError, match="panel"):
        load_region(write())


@pytest.mark.parametrize(
    "antenna", ["\n[antennas.panel]\n", MEASURED + "\n[antennas.panel]\nside_lobe_db = 20\n"]
)
def test_an_antenna_is_either_a_table_or_a_parabola(write: Write, antenna: str) -> None:
    if "side_lobe_db" in antenna:
        antenna = "\n[antennas.panel]\nside_lobe_db = 20\n" + MEASURED
    with pytest.raises(RegionError, match="not both"):
        load_region(write(antenna))


@pytest.mark.parametrize(
    ("antenna", "code"),
    [
        (MEASURED.replace("pattern-table", "picture"), "layer-format-unknown"),
        (MEASURED.replace("panel.csv", "absent.csv"), "layer-file-missing"),
    ],
)
def test_a_pattern_layer_that_cannot_be_found_or_understood(write: Write, antenna: str, code: str) -> None:
    with pytest.raises(RegionError) as caught:
        load_region(write(antenna))
    assert caught.value.code == code


def test_a_pattern_with_gaps_stops_the_run_and_names_the_file(write: Write, tmp_path: Path) -> None:
    folder = write(MEASURED, cuts="plane,angle_deg,attenuation_db\nH,0,0\nV,0,0\n")
    with pytest.raises(FileFormatError, match=r"panel\.csv"):
        _levels(folder, tmp_path / "work")
