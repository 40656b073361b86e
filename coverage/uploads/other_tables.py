"""Uploads of the other tables of product rule §2: each row by the same reader as the region's own files.

Unlike a site list, these are tables that an office keeps by our column names; a wrong cell spoils its row.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any, Final

import shapely

from coverage.errors import FileFormatError, InputError
from coverage.readers import table_records as records
from coverage.readers.table_cells import Cells
from coverage.uploads.headers import plain_header
from coverage.uploads.positions import judge_position, read_angle
from coverage.uploads.report import Remark, Report
from coverage.uploads.tables import RawRow, RawTable

_JAPANESE: Final[Mapping[str, str]] = {
    "地区id": "district_id", "不感地域id": "district_id", "地区番号": "district_id", "市町コード": "municipality_code",
    "市町村コード": "municipality_code", "団体コード": "municipality_code", "地区名": "name", "名称": "name",
    "緯度": "lat", "経度": "lon", "世帯数": "households", "人口": "population", "指定日": "designated_on",
    "登録日": "designated_on", "解消日": "resolved_on", "出典": "source", "辞退": "declined", "局番": "site_id",
    "基地局id": "site_id", "局id": "site_id", "供用開始": "serves_from", "確認者": "confirmed_by", "確認日": "confirmed_on",
    "指標": "indicator", "指標番号": "indicator", "年度": "fiscal_year", "実績値": "value", "値": "value", "決定日": "decided_on",
    "測定日時": "measured_on", "測定日": "measured_on", "measured_at": "measured_on", "周波数": "frequency_mhz", "機器": "device", "事業者": "operator", "rsrp": "rsrp_dbm", "rsrp(dbm)": "rsrp_dbm", "受信電力": "rsrp_dbm", "備考": "note",
}  # fmt: skip

MEASUREMENT_COLUMNS: Final = ("lat", "lon", "rsrp_dbm", "measured_on", "operator")


def _measurement(cells: Cells) -> dict[str, Any]:
    lat, lon = cells.position()
    cells.text("rsrp_dbm")
    level = cells.number_in("rsrp_dbm", -160.0, -20.0)
    cells.text("measured_on")
    day = cells.day("measured_on")
    operator = cells.text("operator")
    # A list of measurements has no numbers of its own: the same measurement always gets the same one.
    own = hashlib.sha256(f"{lat!r}|{lon!r}|{level!r}|{day}|{operator}".encode()).hexdigest()[:16]
    return {
        "measurement_id": cells.optional("measurement_id") or own,
        "lat": lat,
        "lon": lon,
        "rsrp_dbm": level,
        "measured_on": day,
        "operator": operator,
        "frequency_mhz": cells.number_in("frequency_mhz", 30, 100_000),
        "height_m": cells.number_in("height_m", 0, 3000),
        "device": cells.optional("device") or "",
        "source": cells.optional("source") or "",
    }


_READ: Final[dict[str, tuple[tuple[str, ...], Callable[[Cells, shapely.Geometry | None], Any]]]] = {
    "districts": (records.NEEDED["districts"], lambda c, g: records.district(c, g, 6668)),
    "site_districts": (records.NEEDED["site_districts"], lambda c, g: records.site_district(c)),
    "actuals": (records.NEEDED["actuals"], lambda c, g: records.actual(c)),
    "measurements": (MEASUREMENT_COLUMNS, lambda c, g: _measurement(c)),
}
OTHER_TABLES: Final = tuple(_READ)
_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "districts": ("district_id", "designated_on"),
    "site_districts": ("site_id", "district_id"),
    "actuals": ("indicator", "fiscal_year"),
    "measurements": ("measurement_id",),
}


def read_other(kind: str, table: RawTable, label: str, answers: Mapping[str, Any]) -> Report:
    """The report on a table that is no site list; ``kind`` is one of :data:`OTHER_TABLES`.

    Raises FileFormatError "column-missing" or "header-twice" for the file as a whole.
    """
    needed, read = _READ[kind]
    names = _columns(table, answers, label)
    spatial = table.spatial and kind == "districts"
    missing = [c for c in needed if c not in names and not (spatial and c in ("lat", "lon"))]
    if missing:
        raise FileFormatError(
            "column-missing",
            f"「{label}」に列「{'、'.join(missing)}」がありません（ある列: {'、'.join(table.columns[:20])}）。",
            f"'{label}' lacks the column {', '.join(missing)} (it has: {', '.join(table.columns[:20])}).",
        )
    report = Report(warnings=list(table.guesses), understood={**table.understood, "columns": names})
    seen: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in table.rows:
        _one(kind, row, names, table, label, read, seen, report)
    if not report.rows:
        if not table.rows:
            report.errors.append(Remark("no-rows", "データの行がありません。", "There are no data rows."))
        report.rejected = True
    return report


def _one(
    kind: str,
    row: RawRow,
    names: Mapping[str, int],
    table: RawTable,
    label: str,
    read: Callable[[Cells, shapely.Geometry | None], Any],
    seen: dict[tuple[Any, ...], dict[str, Any]],
    report: Report,
) -> None:
    if row.spoilt is not None:
        report.errors.append(row.spoilt)
        return
    values = {name: unicodedata.normalize("NFKC", row.cells[at]).strip() for name, at in names.items()}
    shape = row.shape if row.lonlat is None else shapely.Point(row.lonlat)
    if kind != "districts" and row.lonlat is None:
        shape = None
    corners = [] if shape is None else [shape.bounds[:2], shape.bounds[2:]]
    if any(judge_position(y, x) is not None for x, y in corners):
        report.errors.append(
            Remark("outside-japan", f"{row.number + 1} 件目: 位置が日本の外です。", f"Row {row.number + 1}: outside Japan.", row.number, "lat")
        )
        return
    for axis in ("lat", "lon"):
        angle = read_angle(values[axis]) if values.get(axis) else None
        if angle is not None and angle.was_dms:
            values[axis] = repr(angle.degrees)
            report.warnings.append(
                Remark("dms-converted", f"{row.number + 1} 件目: 度分秒を10進の度に直しました。", f"Row {row.number + 1}: converted from degrees, minutes and seconds.", row.number, axis)
            )
    cells = Cells(label, row.number, values, is_feature=shape is not None)
    try:
        record = read(cells, shape)
    except InputError as problem:
        column = re.search(r"列「([^」]+)」", problem.ja)
        report.errors.append(Remark(problem.code, problem.ja, problem.en, row.number, column[1] if column else None))
        return
    plain = _plain(record)
    key = tuple(plain.get(name) for name in _KEYS[kind])
    if key in seen:
        if seen[key] != {**plain, "row": seen[key]["row"]}:
            report.errors.append(
                Remark("duplicate", f"{row.number + 1} 件目: 同じ行が前にあります。", f"Row {row.number + 1}: stands in an earlier row already.", row.number, _KEYS[kind][0])
            )
        else:
            report.warnings.append(
                Remark("exact-repeat", f"{row.number + 1} 件目: まったく同じ行を省きました。", f"Row {row.number + 1}: an exact repeat was dropped.", row.number)
            )
        return
    record_row = {"row": row.number, **plain}
    seen[key] = record_row
    report.rows.append(record_row)


def _columns(table: RawTable, answers: Mapping[str, Any], label: str) -> dict[str, int]:
    found: dict[str, int] = {}
    wanted = {plain_header(header): name for name, header in (answers.get("columns") or {}).items()}
    for i, header in enumerate(table.columns):
        plain = plain_header(header)
        name = wanted.get(plain) or _JAPANESE.get(plain, plain)
        if name in found:
            raise FileFormatError(
                "header-twice",
                f"「{label}」に同じ意味の見出し「{table.columns[found[name]]}」と「{header}」があります。どちらか一方にしてください。",
                f"'{label}' has two headers that mean the same ('{table.columns[found[name]]}', '{header}'); keep one.",
            )
        if name:
            found[name] = i
    return found


def _plain(record: Any) -> dict[str, Any]:
    """A record as JSON has it: dates ISO, geometry as hexadecimal WKB."""
    values = dict(record) if isinstance(record, dict) else {k: getattr(record, k) for k in record.__dataclass_fields__}
    out: dict[str, Any] = {}
    for name, value in values.items():
        if name == "recorded_at":
            continue
        if isinstance(value, shapely.Geometry):
            out["geometry"] = shapely.to_wkb(value, hex=True)
        elif isinstance(value, (date, datetime)):
            out[name] = value.isoformat()
        elif isinstance(value, Enum):
            out[name] = value.value
        else:
            out[name] = value
    return out
