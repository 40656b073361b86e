"""Positions as lists carry them: decimals, degrees-minutes-seconds in five spellings, two datums, plane metres."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from coverage.readers.crs import TOKYO_DATUM, in_japan
from coverage.uploads.report import Remark

TOKYO_WORDS = re.compile(r"日本測地系(?!\s*20)|旧測地系|tokyo|東京|\b4301\b", re.IGNORECASE)
WORLD_WORDS = re.compile(r"jgd|世界測地系|新測地系|wgs|日本測地系\s*20|grs\s*80|\b(?:4326|6668|4612)\b", re.IGNORECASE)
"""What a column or an answer says of the datum."""
_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_SIMPLE = re.compile(r"-?\d{1,3}\.\d+", re.ASCII)
_HEMISPHERE = re.compile(r"^(北緯|南緯|東経|西経|[NSEW])|([NSEW])$", re.IGNORECASE)
_DMS = re.compile(
    r"(?P<d>\d{1,3})(?:°|度|d|:|-|\s)\s*(?P<m>\d{1,2}(?:\.\d+)?)(?:(?:′|'|’|分|m|:|-|\s)\s*(?:(?P<s>\d{1,2}(?:\.\d+)?)\s*(?:″|\"|”|''|′′|秒|s)?)?)?",
    re.IGNORECASE,
)
_DOTTED = re.compile(r"(?P<d>\d{1,3})\.(?P<m>\d{1,2})\.(?P<s>\d{1,2}(?:\.\d+)?)")
_PACKED = re.compile(r"(?P<d>\d{2,3})(?P<m>\d{2})(?P<s>\d{2}(?:\.\d+)?)")


_MARKS = str.maketrans({"º": "°", "˚": "°", "゜": "°", "ᵒ": "°", "´": "'", "ʹ": "'", "`": "'", "‘": "'", "ʺ": '"', "˝": '"', "“": '"'})


@lru_cache(maxsize=1)
def _from_tokyo() -> Any:
    from pyproj import Transformer

    return Transformer.from_crs(TOKYO_DATUM, 4326, always_xy=True)


def tokyo_to_lonlat(lon: float, lat: float) -> tuple[float, float]:
    """Degrees of the Tokyo datum (EPSG:4301) → (lon, lat) of JGD2011, to about 9 m."""
    x, y = _from_tokyo().transform(lon, lat)
    return float(x), float(y)


@lru_cache(maxsize=4)
def _from_tokyo_plane(zone: int) -> Any:
    from pyproj import Transformer

    return Transformer.from_crs(30160 + zone, 4326, always_xy=True)


def tokyo_plane_to_lonlat(easting: float, northing: float, epsg: int) -> tuple[float, float]:
    """Metres of the plane rectangular zone of EPSG ``epsg`` (6669–6687) as the Tokyo datum had it (EPSG:30161–30179) →
    (lon, lat) of JGD2011, to about 9 m."""
    x, y = _from_tokyo_plane(epsg - 6668).transform(easting, northing)
    return float(x), float(y)


@dataclass(frozen=True, slots=True)
class Angle:
    """Degrees, and whether they were written as degrees, minutes and seconds."""

    degrees: float
    was_dms: bool = False


def read_angle(text: str) -> Angle | None:
    """One coordinate; None where it is no angle at all. NaN and infinity come back as they are.

    34.6867 · N34.6867 · 34°41'12" · 34度41分12秒 · 34:41:12 · 34.41.12 · 344112 (packed; six or seven digits before the
    point). A packed number is never read as a decimal: no coordinate in degrees has six digits before its point.
    """
    if _SIMPLE.fullmatch(text):  # nearly every coordinate of nearly every list
        return Angle(float(text))
    # NFKC would take ´ and ˚ apart into a blank and an accent, and º into the letter o.
    plain = unicodedata.normalize("NFKC", text.translate(_MARKS)).strip()
    if plain.lower().lstrip("+-") in {"nan", "inf", "infinity"}:
        return Angle(math.nan)
    sign = 1.0
    hemisphere = _HEMISPHERE.search(plain)
    if hemisphere:
        mark = (hemisphere[1] or hemisphere[2]).upper()
        sign = -1.0 if mark in {"S", "W", "南緯", "西経"} else 1.0
        plain = _HEMISPHERE.sub("", plain, count=1).strip()
    if plain.endswith(("°", "度")):
        plain = plain[:-1]
    if _DECIMAL.fullmatch(plain):
        whole = plain.lstrip("+-").split(".", 1)[0]
        if len(whole) in (6, 7) and (packed := _PACKED.fullmatch(plain)):
            return _dms(packed, sign)
        return Angle(sign * float(plain))
    for pattern in (_DMS, _DOTTED):
        found = pattern.fullmatch(plain)
        if found:
            return _dms(found, sign)
    return None


def _dms(found: re.Match[str], sign: float) -> Angle | None:
    minutes, seconds = float(found["m"]), float(found["s"] or 0)
    if minutes >= 60 or seconds >= 60:
        return None
    return Angle(sign * (int(found["d"]) + minutes / 60 + seconds / 3600), was_dms=True)


def judge_position(lat: float, lon: float) -> str | None:
    """Code of what is wrong with a position in degrees, None if it lies in Japan's box."""
    if not (math.isfinite(lat) and math.isfinite(lon)):
        return "position-not-finite"
    if lat == 0 and lon == 0:
        return "position-zero"
    if in_japan(lat, lon):
        return None
    if in_japan(lon, lat):
        return "axes-swapped"
    if abs(lat) > 360 or abs(lon) > 360:
        return "position-metres"
    if abs(lat) > 90 or abs(lon) > 180:
        return "position-out-of-range"
    return "outside-japan"


POSITION_SENTENCES = {
    "position-missing": ("位置がありません。緯度・経度を入れてください。", "It has no position; enter latitude and longitude."),
    "position-unreadable": ("位置「{shown}」を読めません。10進の度（34.6867）で書いてください。", "The position '{shown}' cannot be read; write decimal degrees (34.6867)."),
    "position-not-finite": ("位置「{shown}」は数ではありません。", "The position '{shown}' is not a finite number."),
    "position-zero": ("位置が 0, 0 です。正しい位置を入れてください。", "The position is 0, 0; enter the real one."),
    "position-out-of-range": ("位置「{shown}」は緯度・経度の範囲の外です。", "The position '{shown}' is outside the range of degrees."),
    "position-metres": ("位置「{shown}」はメートルのようですが座標系が分かりません。座標系を選んでください（mapping の crs）。", "The position '{shown}' looks like metres of an unknown system; choose it (mapping: crs)."),
    "axes-swapped": ("緯度と経度が逆のようです（{shown}）。入れ替えるか確認してください（mapping の axes = \"swap\"）。", "Latitude and longitude seem to be swapped ({shown}); confirm to exchange them (mapping: axes = \"swap\")."),
    "outside-japan": ("位置「{shown}」は日本の外です。", "The position '{shown}' lies outside Japan."),
    "crs-contradicts": ("位置「{shown}」は度の値で、書かれている平面直角座標系と合いません。", "The position '{shown}' is in degrees, which contradicts the stated plane system."),
    "datum-unknown": ("測地系「{shown}」が分かりません。世界測地系か日本測地系かを書いてください。", "The datum '{shown}' is unknown; state JGD2011 or the Tokyo datum."),
    "not-a-point": ("図形が点ではありません（{shown}）。", "The geometry is no point ({shown})."),
}  # fmt: skip


def outside_region(row: int, lat: float, lon: float) -> Remark:
    """The warning on a position that is kept, but lies outside the prefecture's land."""
    return Remark(
        "outside-region",
        f"{row + 1} 件目: 位置（{lat:.5f}, {lon:.5f}）が県の陸地の外です。確かめてください。",
        f"Row {row + 1}: the position ({lat:.5f}, {lon:.5f}) lies outside the prefecture's land; check it.",
        row,
        "lat",
    )


def plane_epsg(text: str) -> int | None:
    """EPSG 6669–6687 from "6", "VI", "第6系", "JGD2011 第6系", "6674" or "EPSG:6674"; None for anything else."""
    numbers = [int(n) for n in re.findall(r"\d+", text)] or [_ROMAN.get(re.sub(r"[第系\s]", "", text).upper(), 0)]
    found = {
        6668 + n if 1 <= n <= 19 else n if 6669 <= n <= 6687 else n - 2443 + 6669  # JGD2000: the same for our purposes
        for n in numbers
        if 1 <= n <= 19 or 6669 <= n <= 6687 or 2443 <= n <= 2461
    }
    return found.pop() if len(found) == 1 else None


_ROMAN = {r: i for i, r in enumerate(["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV", "XV", "XVI", "XVII", "XVIII", "XIX"], 1)}


def moved_remarks(moved: Mapping[str, Sequence[int]]) -> Iterator[Remark]:
    """How positions were changed, once for all rows: "xy", "swap", "tokyo" or "plane:EPSG" → their row numbers."""
    for what, rows in sorted(moved.items()):
        if what == "xy":
            yield Remark("crs-assumed", f"X・Y の列を経度・緯度（JGD2011 の度）とみなしました（{len(rows)} 件）。", f"The columns X and Y were taken as longitude and latitude in degrees of JGD2011 ({len(rows)} rows).")
        elif what == "swap":
            yield Remark("axes-exchanged", f"緯度と経度を入れ替えました（{len(rows)} 件）。", f"Latitude and longitude were exchanged ({len(rows)} rows).")
        elif what == "tokyo":
            yield Remark("datum-transformed", f"日本測地系から世界測地系に変換しました（{len(rows)} 件、精度 約9 m）。", f"Transformed from the Tokyo datum ({len(rows)} rows, about 9 m).")
        else:
            epsg = what.split(":")[1]
            yield Remark("crs-transformed", f"平面直角座標（EPSG:{epsg}）から緯度経度に変換しました（{len(rows)} 件）。X は北方向として読みました。", f"Transformed from plane rectangular metres (EPSG:{epsg}, {len(rows)} rows); X was read as northing.")
