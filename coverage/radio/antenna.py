"""Antenna patterns: relative gain of a cell towards a direction, dB, 0 at its maximum.

EIRP in this product is stated in the direction of maximum gain, so a pattern only ever takes away. An omnidirectional
cell has no pattern at all. Angles: bearing in degrees clockwise from north, elevation in degrees above the horizon.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from coverage.domain.region import AntennaConfig
from coverage.errors import FileFormatError, InputError

Float64 = NDArray[np.float64]

MAX_TABLE_LINES: Final = 10_000


class Pattern(Protocol):
    """Attenuation against the maximum, dB ≥ 0, in the antenna's own frame.

    ``azimuth_deg`` −180…180 from boresight, clockwise; ``elevation_deg`` −90…90 above the antenna's horizontal plane.
    """

    def attenuation_db(self, azimuth_deg: Float64, elevation_deg: Float64) -> Float64: ...

    def describe(self) -> dict[str, object]:
        """What identifies the pattern, for digests and the model card."""
        ...


@dataclass(frozen=True, slots=True)
class SectorPattern:
    """The parabolic pattern of 3GPP.

    A_V = min(12·(θ/θ3dB)², SLA_V), A_H = min(12·(φ/φ3dB)², A_max), A = min(A_V + A_H, A_max): TR 38.901 V17,
    Table 7.3-1. That table's numbers (65°, 65°, 30 dB, 30 dB) are those of one element: :data:`ELEMENT`. A mast's panel is a
    column of elements and narrow in elevation: :data:`MACRO_SECTOR` has the numbers of TR 36.814 V9.2.0,
    Table A.2.1.1-2 (70°, 10°, 25 dB, 20 dB) and is what a cell with an azimuth and no table of its own gets.
    """

    horizontal_beamwidth_deg: float = 70.0
    vertical_beamwidth_deg: float = 10.0
    max_attenuation_db: float = 25.0
    side_lobe_db: float = 20.0

    def __post_init__(self) -> None:
        values = (
            self.horizontal_beamwidth_deg,
            self.vertical_beamwidth_deg,
            self.max_attenuation_db,
            self.side_lobe_db,
        )
        if not all(math.isfinite(v) and v > 0 for v in values) or max(values[:2]) > 360:
            raise InputError(
                "antenna-pattern-impossible",
                f"アンテナの半値幅・減衰量{values}が正しくありません。正の値（角度は360°以下）にしてください。",
                f"the antenna's beamwidths and attenuations {values} are impossible; give positive values (angles up to 360°).",
            )

    def attenuation_db(self, azimuth_deg: Float64, elevation_deg: Float64) -> Float64:
        horizontal = np.minimum(
            12.0 * (azimuth_deg / self.horizontal_beamwidth_deg) ** 2, self.max_attenuation_db
        )
        vertical = np.minimum(12.0 * (elevation_deg / self.vertical_beamwidth_deg) ** 2, self.side_lobe_db)
        total: Float64 = np.minimum(horizontal + vertical, self.max_attenuation_db)
        return total

    def describe(self) -> dict[str, object]:
        return {
            "kind": "sector",
            "horizontal_beamwidth_deg": self.horizontal_beamwidth_deg,
            "vertical_beamwidth_deg": self.vertical_beamwidth_deg,
            "max_attenuation_db": self.max_attenuation_db,
            "side_lobe_db": self.side_lobe_db,
        }


ELEMENT: Final = SectorPattern(65.0, 65.0, 30.0, 30.0)
MACRO_SECTOR: Final = SectorPattern()


@dataclass(frozen=True, slots=True)
class TabledPattern:
    """Measured cuts: attenuation at whole-circle angles in the horizontal and the vertical plane.

    ``horizontal`` and ``vertical``: pairs (angle in degrees 0 ≤ a < 360, attenuation in dB), ascending. Vertical angles
    grow **downwards** from the boresight, as in MSI files: 90 is straight down, 180 backwards. Between the cuts the
    attenuation follows the horizontal projection of both halves of the vertical cut:
    A = H(φ) + (1 − |φ|/180)·(V(θ) − H(0)) + |φ|/180·(V(180 − θ) − H(180)), never below 0.
    """

    name: str
    horizontal: tuple[tuple[float, float], ...]
    vertical: tuple[tuple[float, float], ...]

    def attenuation_db(self, azimuth_deg: Float64, elevation_deg: Float64) -> Float64:
        share = np.abs(azimuth_deg) / 180.0
        down = -np.asarray(elevation_deg, dtype=np.float64)
        front = _on_circle(self.vertical, down) - _on_circle(self.horizontal, np.zeros(1))[0]
        back = _on_circle(self.vertical, 180.0 - down) - _on_circle(self.horizontal, np.full(1, 180.0))[0]
        total: Float64 = _on_circle(self.horizontal, np.asarray(azimuth_deg, dtype=np.float64)) + (
            (1.0 - share) * front + share * back
        )
        return np.maximum(total, 0.0)

    def describe(self) -> dict[str, object]:
        return {
            "kind": "table",
            "name": self.name,
            "horizontal": [list(pair) for pair in self.horizontal],
            "vertical": [list(pair) for pair in self.vertical],
        }


def _on_circle(table: tuple[tuple[float, float], ...], angle_deg: Float64) -> Float64:
    angles = np.array([pair[0] for pair in table])
    values = np.array([pair[1] for pair in table])
    result: Float64 = np.interp(angle_deg, angles, values, period=360.0)
    return result


def gain_db(
    pattern: Pattern,
    *,
    bearing_deg: Float64,
    elevation_deg: Float64,
    azimuth_deg: float,
    electrical_tilt_deg: float = 0.0,
    mechanical_tilt_deg: float = 0.0,
) -> Float64:
    """Relative gain (dB, ≤ 0) of a mounted antenna towards directions given as bearing and elevation, any shape.

    Electrical downtilt lowers the beam alike in all directions; mechanical downtilt turns the whole antenna about its
    horizontal axis, so that it lowers the front, raises the back and rolls the sides.
    """
    phi = np.radians(np.asarray(bearing_deg, dtype=np.float64) - azimuth_deg)
    el = np.radians(np.asarray(elevation_deg, dtype=np.float64))
    tilt = math.radians(mechanical_tilt_deg)
    x, y, z = np.cos(el) * np.cos(phi), np.cos(el) * np.sin(phi), np.sin(el)
    forward = x * math.cos(tilt) - z * math.sin(tilt)
    upward = x * math.sin(tilt) + z * math.cos(tilt)
    own_azimuth = np.degrees(np.arctan2(y, forward))
    own_elevation = np.degrees(np.arcsin(np.clip(upward, -1.0, 1.0)))
    return -pattern.attenuation_db(own_azimuth, own_elevation + electrical_tilt_deg)


def patterns_of(
    antennas: Mapping[str, AntennaConfig], tables: Iterable[tuple[str, Path]]
) -> dict[str, Pattern]:
    """The patterns that region.toml names: ``tables`` are the files of those with a measured one.

    What a parabola leaves open is that of :data:`MACRO_SECTOR`. Raises FileFormatError as :func:`read_pattern` does.
    """
    files = dict(tables)
    return {
        name: read_pattern(files[name])
        if settings.table is not None
        else replace(MACRO_SECTOR, **settings.model_dump(exclude_none=True))
        for name, settings in antennas.items()
    }


def read_pattern(path: Path) -> TabledPattern:
    """Read a pattern table: ``.msi``/``.pln`` (MSI Planet) or ``.csv`` with the columns plane, angle_deg, attenuation_db.

    Raises FileFormatError for anything else, a missing plane, an angle twice, gaps above 15°, or more than 10,000 lines.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise _bad(path, f"テキストとして読めない: {error}", f"not readable as text: {error}") from error
    lines = text.splitlines()
    if len(lines) > MAX_TABLE_LINES:
        raise _bad(path, f"{len(lines):,}行あり多すぎる", f"{len(lines):,} lines are too many")
    if path.suffix.lower() in (".msi", ".pln"):
        name, cuts = _parse_msi(path, lines)
    elif path.suffix.lower() == ".csv":
        name, cuts = path.stem, _parse_csv(path, lines)
    else:
        raise _bad(
            path, "拡張子が .msi・.pln・.csv のどれでもない", "its name ends in none of .msi, .pln, .csv"
        )
    return TabledPattern(name, _checked(path, "horizontal", cuts["H"]), _checked(path, "vertical", cuts["V"]))


def _bad(path: Path, why_ja: str, why_en: str) -> FileFormatError:
    return FileFormatError(
        "antenna-pattern-unreadable",
        f"アンテナパターン「{path.name}」を使えません（{why_ja}）。MSI か、列 plane,angle_deg,attenuation_db の CSV にしてください。",
        f"antenna pattern {path.name!r} cannot be used ({why_en}); give MSI, or CSV with plane, angle_deg, attenuation_db.",
    )


def _parse_msi(path: Path, lines: list[str]) -> tuple[str, dict[str, list[tuple[float, float]]]]:
    cuts: dict[str, list[tuple[float, float]]] = {"H": [], "V": []}
    name, plane, left = path.stem, "", 0
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words:
            continue
        key = words[0].upper()
        try:
            if key in ("HORIZONTAL", "VERTICAL"):
                if left:
                    break
                plane, left = key[0], int(words[1])
            elif left:
                cuts[plane].append((float(words[0]), float(words[1])))
                left -= 1
            elif key == "NAME":
                name = line.strip()[4:].strip() or name
        except (ValueError, IndexError) as error:
            raise _bad(path, f"{number}行目: {error}", f"line {number}: {error}") from error
    if left:
        raise _bad(path, f"表が{left}行足りず途中で終わる", f"the table ends {left} lines early")
    return name, cuts


def _parse_csv(path: Path, lines: list[str]) -> dict[str, list[tuple[float, float]]]:
    cuts: dict[str, list[tuple[float, float]]] = {"H": [], "V": []}
    try:
        rows = list(csv.reader(lines))
    except csv.Error as error:
        raise _bad(path, f"CSV として読めない: {error}", f"no CSV: {error}") from error
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    if header != ["plane", "angle_deg", "attenuation_db"]:
        raise _bad(path, f"列が{header}", f"its columns are {header}")
    for number, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        try:
            plane, angle, attenuation = row
            cuts[plane.strip().upper()[:1]].append((float(angle), float(attenuation)))
        except (ValueError, KeyError) as error:
            raise _bad(path, f"{number}行目を読めない", f"line {number} is unreadable") from error
    return cuts


def _checked(path: Path, plane: str, cut: list[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    if not all(math.isfinite(a) and -360 <= a <= 360 and math.isfinite(v) and 0 <= v <= 200 for a, v in cut):
        raise _bad(path, f"{plane}に範囲外の値がある", f"the {plane} cut holds values out of range")
    turned = sorted((a % 360.0, v) for a, v in cut)
    # Files that close the circle write 0 and 360; the same value twice is one sample.
    table = tuple(dict.fromkeys(turned))
    angles = [a for a, _ in table]
    if len(set(angles)) != len(angles):
        raise _bad(path, f"{plane}の同じ角度に違う値がある", f"the {plane} cut has two values for one angle")
    gaps = (
        [b - a for a, b in zip(angles, [*angles[1:], angles[0] + 360.0], strict=True)] if angles else [360.0]
    )
    if max(gaps) > 15.0:
        raise _bad(
            path, f"{plane}が{max(gaps):g}°欠けている", f"the {plane} cut leaves a gap of {max(gaps):g}°"
        )
    return table
