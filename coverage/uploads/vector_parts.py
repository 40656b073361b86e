"""What the four vector formats of uploads share: cells as text, and the sentences about them."""

from __future__ import annotations

import json
import math
from typing import Any

from coverage.errors import FileFormatError
from coverage.uploads.limits import Limits
from coverage.uploads.report import Remark


def multipoint_single(count: int) -> Remark:
    return Remark("multipoint-single", f"点が一つだけの複合点を点として読みました（{count} 件）。", f"Multipoints of one point were read as points ({count} rows).")


AREAS = {"Polygon", "MultiPolygon"}


def cell_text(value: Any, label: str, limits: Limits) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and math.isfinite(value) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, list) and all(isinstance(v, (str, int)) for v in value):
        value = ";".join(str(v) for v in value)
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else str(value)
    if len(text) > limits.cell_characters:
        raise refused(
            "cell-too-long", label, f"に {limits.cell_characters:,} 文字を超える値があります", f"has a value of more than {limits.cell_characters:,} characters"
        )
    return text


def crs_transformed() -> Remark:
    return Remark("crs-transformed", "平面直角座標などから緯度経度に変換しました。", "Transformed from a projected CRS to degrees.")


def datum_transformed() -> Remark:
    return Remark(
        "datum-transformed", "日本測地系（Tokyo Datum）から世界測地系に変換しました（精度 約9 m）。", "Transformed from the Tokyo datum (accuracy about 9 m)."
    )


def too_many_rows(label: str, limits: Limits) -> FileFormatError:
    return refused("too-many-rows", label, f"の行数が上限 {limits.rows:,} を超えています", f"has more than {limits.rows:,} rows")


def too_many_columns(label: str, limits: Limits) -> FileFormatError:
    return refused("too-many-columns", label, f"の列数が上限 {limits.columns} を超えています", f"has more than {limits.columns} columns")


def refused(code: str, label: str, ja: str, en: str) -> FileFormatError:
    return FileFormatError(code, f"「{label}」{ja}。", f"'{label}' {en}.")
