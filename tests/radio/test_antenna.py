"""Antenna patterns: the 3GPP formulas, tilts, tables and the files they come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from coverage.errors import FileFormatError, InputError
from coverage.radio.antenna import ELEMENT, MACRO_SECTOR, SectorPattern, TabledPattern, gain_db, read_pattern


def towards(pattern: object, bearing: float, elevation: float, **mount: float) -> float:
    mount = {"azimuth_deg": 0.0, **mount}
    return float(
        gain_db(pattern, bearing_deg=np.array(bearing), elevation_deg=np.array(elevation), **mount)  # type: ignore[arg-type]
    )


def test_the_element_of_tr_38_901_table_7_3_1() -> None:
    assert towards(ELEMENT, 0, 0) == 0.0
    assert towards(ELEMENT, 32.5, 0) == pytest.approx(-3.0), "half of 65°: half power"
    assert towards(ELEMENT, 0, 32.5) == pytest.approx(-3.0)
    assert towards(ELEMENT, 32.5, -32.5) == pytest.approx(-6.0), "the cuts add up"
    assert towards(ELEMENT, 180, 0) == pytest.approx(-30.0), "never more than A_max"
    assert towards(ELEMENT, 180, 80) == pytest.approx(-30.0)


def test_a_panel_is_narrow_in_elevation() -> None:
    assert towards(MACRO_SECTOR, 35, 0) == pytest.approx(-3.0)
    assert towards(MACRO_SECTOR, 0, -5) == pytest.approx(-3.0)
    assert towards(MACRO_SECTOR, 0, -60) == pytest.approx(-20.0), "SLA_V"
    assert towards(MACRO_SECTOR, 120, -60) == pytest.approx(-25.0), "A_max"


def test_azimuth_is_clockwise_from_north() -> None:
    east = {"azimuth_deg": 90.0}
    assert towards(MACRO_SECTOR, 90, 0, **east) == pytest.approx(0.0)
    assert towards(MACRO_SECTOR, 55, 0, **east) == pytest.approx(-3.0)
    assert towards(MACRO_SECTOR, 350, 0, azimuth_deg=25.0) == pytest.approx(-3.0), "across north"
    assert towards(MACRO_SECTOR, 270, 0, **east) == pytest.approx(-25.0)


def test_electrical_tilt_lowers_the_beam_in_every_direction() -> None:
    for bearing in (0.0, 60.0, -60.0):
        down = towards(MACRO_SECTOR, bearing, -6, electrical_tilt_deg=6.0)
        level = towards(MACRO_SECTOR, bearing, 0)
        assert down == pytest.approx(level)
    assert towards(MACRO_SECTOR, 0, 0, electrical_tilt_deg=5.0) == pytest.approx(-3.0)


def test_mechanical_tilt_lowers_the_front_and_leaves_the_sides() -> None:
    tilted = {"mechanical_tilt_deg": 6.0}
    assert towards(MACRO_SECTOR, 0, -6, **tilted) == pytest.approx(0.0, abs=1e-9)
    assert towards(MACRO_SECTOR, 0, 0, **tilted) == pytest.approx(-12 * 0.36)
    assert towards(MACRO_SECTOR, 90, 0, **tilted) == pytest.approx(towards(MACRO_SECTOR, 90, 0), abs=0.05)
    wide = SectorPattern(360.0, 10.0, 25.0, 20.0)
    assert towards(wide, 180, 6, **tilted) == pytest.approx(towards(wide, 180, 0), abs=1e-6), (
        "the back looks up"
    )


def test_without_tilt_both_ways_of_tilting_agree_on_the_boresight() -> None:
    for tilt in (-3.0, 2.0, 8.0):
        mechanical = towards(MACRO_SECTOR, 0, -4.0, mechanical_tilt_deg=tilt)
        assert mechanical == pytest.approx(towards(MACRO_SECTOR, 0, -4.0, electrical_tilt_deg=tilt))


@pytest.mark.parametrize(
    "values", [(0, 10, 25, 20), (65, -1, 25, 20), (65, 10, float("nan"), 20), (400, 10, 25, 20)]
)
def test_an_impossible_pattern_is_refused(values: tuple[float, float, float, float]) -> None:
    with pytest.raises(InputError) as caught:
        SectorPattern(*values)
    assert caught.value.code == "antenna-pattern-impossible"


def _msi(**change: str) -> str:
    """A 65° panel with 6° of electrical tilt, in MSI Planet format."""
    horizontal = [f"{a} {min(12 * (min(a, 360 - a) / 65) ** 2, 30):.2f}" for a in range(360)]
    vertical = [f"{a} {min(12 * (((a - 6 + 180) % 360 - 180) / 8) ** 2, 30):.2f}" for a in range(360)]
    lines = [
        "NAME TEST-65-06", "FREQUENCY 800", "GAIN 15.50 dBd", "TILT ELECTRICAL", "COMMENT synthetic",
        "HORIZONTAL 360", *horizontal, "VERTICAL 360", *vertical,
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def test_an_msi_file(tmp_path: Path) -> None:
    path = tmp_path / "panel.msi"
    path.write_text(_msi(), encoding="utf-8", newline="\r\n")
    pattern = read_pattern(path)
    assert pattern.name == "TEST-65-06"
    assert towards(pattern, 0, -6) == pytest.approx(0.0, abs=0.01), "vertical angles grow downwards"
    assert towards(pattern, 0, 0) == pytest.approx(-12 * (6 / 8) ** 2, abs=0.01)
    assert towards(pattern, 32.5, -6) == pytest.approx(-3.0, abs=1.6)
    assert towards(pattern, 180, -6) < -25
    assert pattern.describe()["name"] == "TEST-65-06"


def test_a_table_agrees_with_its_own_cuts(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = [("H", a, v) for a, v in zip(range(0, 360, 5), rng.uniform(0, 30, 72), strict=True)]
    rows += [("V", a, v) for a, v in zip(range(0, 360, 5), rng.uniform(0, 30, 72), strict=True)]
    rows[0], rows[72] = ("H", 0, 0.0), ("V", 0, 0.0)
    rows[36], rows[72 + 36] = ("H", 180, 25.0), ("V", 180, 25.0)
    path = tmp_path / "measured.csv"
    path.write_text(
        "plane,angle_deg,attenuation_db\n" + "".join(f"{p},{a},{v:.4f}\n" for p, a, v in rows),
        encoding="utf-8",
    )
    pattern = read_pattern(path)
    for plane, angle, value in rows:
        if plane == "H":
            assert towards(pattern, angle, 0) == pytest.approx(-value, abs=1e-3)
        elif angle <= 90:
            assert towards(pattern, 0, -angle) == pytest.approx(-value, abs=1e-3)


def test_gain_is_never_above_the_maximum() -> None:
    pattern = TabledPattern(
        "x", ((0.0, 0.0), (90.0, 0.0), (180.0, 20.0), (270.0, 0.0)), ((0.0, 5.0), (180.0, 5.0))
    )
    bearing, elevation = np.meshgrid(np.linspace(-180, 180, 73), np.linspace(-90, 90, 37))
    assert float(gain_db(pattern, bearing_deg=bearing, elevation_deg=elevation, azimuth_deg=0.0).max()) <= 0.0


def _closed(tmp_path: Path) -> Path:
    table = "plane,angle_deg,attenuation_db\n"
    table += "".join(
        f"{plane},{angle},{abs(180 - angle) / 18:.3f}\n" for plane in "HV" for angle in range(0, 361, 10)
    )
    path = tmp_path / "closed.csv"
    path.write_text(table, encoding="utf-8-sig")
    return path


def test_a_circle_may_be_closed_by_360(tmp_path: Path) -> None:
    assert len(read_pattern(_closed(tmp_path)).horizontal) == 36


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("short.msi", "\n".join(_msi().splitlines()[:500])),
        ("words.msi", _msi().replace("10 0.28", "ten 0.28")),
        ("one-plane.msi", _msi().split("VERTICAL")[0]),
        ("gap.csv", "plane,angle_deg,attenuation_db\nH,0,0\nH,90,10\nV,0,0\n"),
        ("twice.csv", "plane,angle_deg,attenuation_db\n" + "".join(f"H,{a},1\nV,{a},1\n" for a in range(0, 360, 10)) + "H,0,2\n"),
        ("negative.csv", "plane,angle_deg,attenuation_db\n" + "".join(f"H,{a},-1\nV,{a},1\n" for a in range(0, 360, 10))),
        ("plane.csv", "plane,angle_deg,attenuation_db\nX,0,1\n"),
        ("header.csv", "angle,loss\n0,1\n"),
        ("empty.csv", ""),
        ("long.csv", "plane,angle_deg,attenuation_db\n" + "H,0,0\n" * 10_001),
        ("panel.doc", _msi()),
    ],
)  # fmt: skip
def test_a_pattern_file_that_cannot_be_used_is_refused(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileFormatError) as caught:
        read_pattern(path)
    assert caught.value.code == "antenna-pattern-unreadable"
    assert name in caught.value.ja


def test_a_pattern_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "panel.msi"
    path.write_bytes("NAME アンテナ\n".encode("cp932"))
    with pytest.raises(FileFormatError):
        read_pattern(path)
