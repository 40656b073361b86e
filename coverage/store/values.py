"""Column types: what a value looks like in memory, in the database and in canonical JSON.

=========  ======================  ==========================  ====================
type       plain value             SQLite / PostGIS            JSON
=========  ======================  ==========================  ====================
text       str                     TEXT / text                 string
int        int (64 bit)            INTEGER / bigint            number
real       float, finite           REAL / double precision     number
latitude   float, −90 … 90         REAL / double precision     number
longitude  float, −180 … 180       REAL / double precision     number
bool       bool                    INTEGER 0/1 / boolean       true, false
date       datetime.date           TEXT ISO / date             string
geometry   bytes, 2-D little WKB   BLOB / bytea (+ geometry)   hexadecimal string
json       any JSON value          TEXT / text                 the value
list       list of JSON values     TEXT / text                 array
=========  ======================  ==========================  ====================
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Literal

from coverage.errors import InputError
from coverage.store.canonical import plain_json, stored_text

ColumnType = Literal[
    "text", "int", "real", "latitude", "longitude", "bool", "date", "geometry", "json", "list"
]

_MAX_INT = 2**63 - 1
_REALS = frozenset({"real", "latitude", "longitude"})
_LIMITS = {"latitude": 90.0, "longitude": 180.0}


def to_plain(type_: ColumnType, value: Any, enum: type[StrEnum] | None, *, where: str) -> Any:
    """``value`` as the plain value of its column. Raises InputError naming ``where``."""
    if enum is not None:
        if value in enum._value2member_map_:
            return str(value)
        try:
            return str(enum(value).value)
        except ValueError:
            allowed = "・".join(member.value for member in enum)
            raise InputError(
                "value-not-allowed",
                f"{where} に「{value}」は使えません。{allowed} のいずれかにしてください。",
                f'{where} cannot be "{value}"; use one of {allowed}.',
            ) from None
    if type_ == "text":
        if not isinstance(value, str):
            raise _wrong(where, value, "文字", "text")
        return stored_text(str(value), where=where)
    if type_ in _REALS:
        return _real(type_, value, where)
    if type_ == "int":
        return _int(value, where)
    if type_ == "bool":
        if isinstance(value, bool):
            return value
        raise _wrong(where, value, "真偽", "true or false")
    if type_ == "date":
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        raise _wrong(where, value, "日付", "a date")
    if type_ == "geometry":
        return _wkb(value, where)
    plain = plain_json(value, where=where)
    if type_ == "list" and not isinstance(plain, list):
        raise _wrong(where, value, "一覧", "a list")
    return plain


def _real(type_: str, value: Any, where: str) -> float:
    if type(value) is not float and (isinstance(value, bool | str) or not hasattr(value, "__float__")):
        raise _wrong(where, value, "数", "a number")
    number = float(value)
    limit = _LIMITS.get(type_)
    if not math.isfinite(number) or (limit is not None and abs(number) > limit):
        raise _wrong(where, value, "有効な範囲の数", "a number within its range")
    # -0.0 equals 0.0 but is written differently; the digest must not depend on it.
    return number + 0.0


def _int(value: Any, where: str) -> int:
    if type(value) is not int and (isinstance(value, bool) or not hasattr(value, "__index__")):
        raise _wrong(where, value, "整数", "a whole number")
    number = int(value)
    if abs(number) > _MAX_INT:
        raise _wrong(where, value, "64 ビットに収まる整数", "a whole number of 64 bits")
    return number


def _wkb(value: Any, where: str) -> bytes:
    import shapely
    from shapely.geometry.base import BaseGeometry

    geometry = value
    if isinstance(value, bytes):
        try:
            geometry = shapely.from_wkb(value)
        except shapely.errors.GEOSException:
            geometry = None
    if not isinstance(geometry, BaseGeometry) or geometry.is_empty:
        raise _wrong(where, "", "点または面", "a point or polygon")
    coordinates = shapely.get_coordinates(geometry)
    west, south, east, north = shapely.total_bounds(geometry)
    if not math.isfinite(float(coordinates.sum())) or west < -180 or east > 180 or south < -90 or north > 90:
        raise _wrong(where, "", "経度・緯度の点または面", "a point or polygon in degrees")
    return bytes(shapely.to_wkb(geometry, byte_order=1, output_dimension=2, include_srid=False))


def _wrong(where: str, value: Any, ja: str, en: str) -> InputError:
    shown = f"「{str(value)[:60]}」" if str(value) else "値"
    return InputError(
        "value-invalid",
        f"{where} の{shown}は使えません。{ja}にしてください。",
        f"{where} cannot be {str(value)[:60]!r}; give {en}.",
    )


def from_json(type_: ColumnType, value: Any) -> Any:
    """The plain value of a column from its JSON form."""
    if value is None:
        return None
    if type_ == "date":
        return date.fromisoformat(value)
    if type_ == "geometry":
        return bytes.fromhex(value)
    return value


def from_database(type_: ColumnType) -> Callable[[Any], Any] | None:
    """How a non-null database value becomes the plain one; None where it already is that."""
    return _FROM_DATABASE.get(type_)


def read_date(value: Any) -> date:
    return date.fromisoformat(value) if isinstance(value, str) else value


def read_instant(value: Any) -> datetime:
    """A stored instant: text in SQLite, aware datetime in PostGIS."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value.astimezone(UTC)


_FROM_DATABASE: dict[str, Callable[[Any], Any]] = {
    "bool": bool,
    "date": read_date,
    "geometry": bytes,
    "json": json.loads,
    "list": json.loads,
}
