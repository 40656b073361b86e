"""Uploads of the other tables of product rule §2: each row by the same reader as the region's own files.

Unlike a site list, these are tables that an office keeps by our column names; a wrong cell spoils its row.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from typing import Any, Final

import numpy as np
import shapely

from coverage.domain.projection import plane_to_lonlat
from coverage.errors import FileFormatError, InputError
from coverage.readers import table_records as records
from coverage.readers.table_cells import Cells
from coverage.uploads.date_answers import answered_text
from coverage.uploads.datums import CONTRADICTS, Datums
from coverage.uploads.headers import is_personal, plain_header
from coverage.uploads.positions import (
    POSITION_SENTENCES,
    judge_position,
    plane_epsg,
    read_angle,
    tokyo_plane_to_lonlat,
    tokyo_to_lonlat,
)
from coverage.uploads.report import Remark, Remarks, Report
from coverage.uploads.tables import RawRow, RawTable
from coverage.uploads.text import CONTROL, control_removed

_JAPANESE: Final[Mapping[str, str]] = {
    "地区id": "district_id", "不感地域id": "district_id", "地区番号": "district_id", "市町コード": "municipality_code",
    "市町村コード": "municipality_code", "団体コード": "municipality_code", "地区名": "name", "名称": "name",
    "緯度": "lat", "経度": "lon", "測地系": "datum", "x座標": "x", "y座標": "y", "世帯数": "households", "人口": "population", "指定日": "designated_on",
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
_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    **{kind: tuple(c for c in records.COLUMNS[kind] if c != "recorded_at") for kind in ("districts", "site_districts", "actuals")},
    "measurements": (*MEASUREMENT_COLUMNS, "measurement_id", "frequency_mhz", "height_m", "device", "source"),
}
_PLACED: Final = ("districts", "measurements")
"""Tables with positions: they may have plane metres (x, y) or a column that states the datum."""
_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "districts": ("district_id", "designated_on"),
    "site_districts": ("site_id", "district_id"),
    "actuals": ("indicator", "fiscal_year"),
    "measurements": ("measurement_id",),
}
_FREE_TEXT: Final = frozenset({"name", "source", "confirmed_by", "device"})
"""What people wrote for people to read: stored as given. Everything else is compared, counted or looked up."""
_DAYS: Final = ("designated_on", "resolved_on", "serves_from", "confirmed_on", "decided_on", "measured_on")


def fields_of(kind: str) -> tuple[str, ...]:
    """The columns that a table of ``kind`` may have."""
    return (*_FIELDS[kind], "x", "y", "datum") if kind in _PLACED else _FIELDS[kind]


def other_field_of(kind: str, header: str) -> str | None:
    """The column that a header means, None if it is none of the table's."""
    plain = plain_header(header)
    name = _JAPANESE.get(plain, plain)
    return name if name in fields_of(kind) else None


def assign_other(kind: str, columns: Sequence[str], answers: Mapping[str, str], label: str) -> dict[str, int]:
    """Position of each field; what the headers do not say in our words is left out. ``answers``: field → header, "" = from
    no column. Raises FileFormatError "header-twice" or "header-unknown"."""
    plain = [plain_header(c) for c in columns]
    found: dict[str, int] = {}
    for name, header in answers.items():
        if header and plain_header(header) not in plain:
            raise FileFormatError(
                "header-unknown",
                f"「{label}」に列「{header}」がありません（ある列: {'、'.join(columns[:20])}）。",
                f"'{label}' has no column '{header}' (it has: {', '.join(columns[:20])}).",
            )
        if header:
            found[name] = plain.index(plain_header(header))
    taken = set(found.values())
    for i, header in enumerate(columns):
        known = other_field_of(kind, header)
        if known is None or i in taken or known in answers:
            continue
        if known in found:
            raise FileFormatError(
                "header-twice",
                f"「{label}」に同じ意味の見出し「{columns[found[known]]}」と「{header}」があります。どちらか一方にしてください。",
                f"'{label}' has two headers that mean the same ('{columns[found[known]]}', '{header}'); keep one.",
            )
        found[known] = i
    return found


def read_other(kind: str, table: RawTable, label: str, answers: Mapping[str, Any]) -> Report:
    """The report on a table that is no site list; ``kind`` is one of :data:`OTHER_TABLES`.

    Raises FileFormatError "column-missing", "header-twice" or "header-unknown" for the file as a whole.
    """
    needed, read = _READ[kind]
    place = assign_other(kind, table.columns, answers.get("columns") or {}, label)
    without = (table.spatial and kind in _PLACED) or {"x", "y"} <= set(place)
    missing = [c for c in needed if c not in place and not (without and c in ("lat", "lon"))]
    if missing:
        raise FileFormatError(
            "column-missing",
            f"「{label}」に列「{'、'.join(missing)}」がありません（ある列: {'、'.join(table.columns[:20])}）。",
            f"'{label}' lacks the column {', '.join(missing)} (it has: {', '.join(table.columns[:20])}).",
        )
    report = Report(warnings=Remarks(table.guesses), understood={**table.understood})
    report.understood["columns"] = {name: table.columns[i] for name, i in sorted(place.items(), key=lambda p: p[1])}
    name_ignored(table, place, report)
    reader = _Reader(kind, table, place, label, answers, report, read)
    for row in table.rows:
        reader.row(row)
    reader.finish()
    return report


def name_ignored(table: RawTable, place: Mapping[str, int], report: Report) -> None:
    """Say which columns are not used; those that look personal were dropped unread."""
    used = set(place.values())
    personal = [c for i, c in enumerate(table.columns) if i not in used and is_personal(c)]
    ignored = [c for i, c in enumerate(table.columns) if i not in used and c and not is_personal(c)]
    unnamed = [i for i, c in enumerate(table.columns) if not c]
    if any(row.cells[i].strip() for row in table.rows for i in unnamed):
        ignored.append("（見出しのない列）")
    if personal:
        report.warnings.append(
            Remark(
                "personal-data-dropped",
                f"個人情報と思われる列（{'、'.join(personal)}）は読まずに捨てました。",
                f"Columns that look like personal data ({', '.join(personal)}) were dropped unread.",
            )
        )
    if ignored:
        report.notices.append(
            Remark("columns-ignored", f"使わない列: {'、'.join(ignored[:30])}", f"Columns not used: {', '.join(ignored[:30])}")
        )


class _Reader:
    """State over the rows of one file."""

    def __init__(
        self, kind: str, table: RawTable, place: Mapping[str, int], label: str, answers: Mapping[str, Any], report: Report,
        read: Callable[[Cells, shapely.Geometry | None], Any],
    ) -> None:  # fmt: skip
        self.kind, self.table, self.place, self.label = kind, table, place, label
        self.answers, self.report, self.read = answers, report, read
        self.epsg = plane_epsg(str(answers.get("crs") or ""))
        self.datums = Datums(table, place, label, answers)
        self.moved: Counter[str] = Counter()
        self.controls = 0
        self.seen: dict[tuple[Any, ...], dict[str, Any]] = {}

    def row(self, row: RawRow) -> None:
        if row.spoilt is not None:
            self.report.errors.append(row.spoilt)
            return
        values = {name: self.text(name, row.cells[at]) for name, at in self.place.items()}
        dates = self.answers.get("dates") or {}
        for name in (n for n in _DAYS if n in values):
            values[name] = answered_text(values[name], dates)
        if "fiscal_year" in values:
            values["fiscal_year"] = answered_text(values["fiscal_year"], dates, fiscal_year=True)
        shape = row.shape if row.lonlat is None else shapely.Point(row.lonlat)
        if self.kind != "districts" and row.lonlat is None:
            shape = None
        problem = self.place_row(row, values) if shape is None else None
        if shape is not None:
            shape, problem = self.place_shape(shape, values.get("datum", ""))
        if problem is not None:
            shown = f"{values.get('lat') or values.get('x', '')}, {values.get('lon') or values.get('y', '')}"
            ja, en = POSITION_SENTENCES[problem]
            if problem == "datum-unknown":
                shown = values.get("datum", "")
                if self.datums.of(shown, geometry=shape is not None) == "contradicts":
                    ja, en = CONTRADICTS
            self.bad(problem, ja.format(shown=shown[:60]), en.format(shown=shown[:60]), row, "lat")
            return
        if shape is not None and self.kind == "measurements":
            values |= {"lat": repr(shape.y), "lon": repr(shape.x)}
        cells = Cells(self.label, row.number, values, is_feature=shape is not None)
        try:
            record = self.read(cells, shape)
        except InputError as error:
            self.bad(error.code, *_without_place(error), row, _column_of(error))
            return
        self.keep(row, _plain(record))

    def text(self, name: str, cell: str) -> str:
        """A cell without control characters. What a person wrote stays as given; ids, codes, numbers, dates and what is
        looked up are compared after NFKC, so they take that form. (Cells are bounded where they are parsed.)"""
        text = cell
        if not text.isprintable():
            text, removed = CONTROL.subn("", text)
            self.controls += removed
        return (text if name in _FREE_TEXT else unicodedata.normalize("NFKC", text)).strip()

    def bad(self, code: str, ja: str, en: str, row: RawRow, column: str | None) -> None:
        self.report.errors.append(Remark(code, f"{row.number + 1} 件目: {ja}", f"Row {row.number + 1}: {en}", row.number, column))

    def place_row(self, row: RawRow, values: dict[str, str]) -> str | None:
        """Put the position of ``values`` into degrees of JGD2011 as the answers say; the code of what is wrong with it."""
        if self.kind not in _PLACED:
            return None
        metres = {"x", "y"} <= set(values) and not {"lat", "lon"} <= set(values)
        names = ("x", "y") if metres else ("lat", "lon")
        texts = [values.get(n, "") for n in names]
        if not all(texts):
            return None  # a blank cell has its own sentence
        numbers = [float(t.replace(",", "")) if re.fullmatch(r"[+-]?[\d,]+(\.\d*)?", t) else None for t in texts]
        if numbers[0] is not None and numbers[1] is not None and max(abs(numbers[0]), abs(numbers[1])) > 360:
            dms = [read_angle(t) for t in texts]
            packed = not metres and self.epsg is None and all(a is not None and a.was_dms for a in dms)
            if not packed:
                return self.place_metres(values, numbers[0], numbers[1])
        angles = [read_angle(t) for t in texts]
        if angles[0] is None or angles[1] is None:
            return "position-unreadable" if metres else None  # its column has its own sentence
        lat, lon = (angles[1].degrees, angles[0].degrees) if metres else (angles[0].degrees, angles[1].degrees)
        if angles[0].was_dms or angles[1].was_dms:
            self.moved["dms"] += 1
        if self.answers.get("axes") == "swap" and judge_position(lat, lon) == "axes-swapped":
            lat, lon = lon, lat
            self.moved["swap"] += 1
        code = judge_position(lat, lon)
        if code is not None:
            return code
        datum = self.datums.of(values.get("datum", ""), geometry=False)
        if datum not in ("tokyo", "jgd2011"):
            return "datum-unknown"
        if datum == "tokyo":
            lon, lat = tokyo_to_lonlat(lon, lat)
            self.moved["tokyo"] += 1
        values |= {"lat": repr(lat), "lon": repr(lon)}
        return None

    def place_metres(self, values: dict[str, str], northing: float, easting: float) -> str | None:
        if self.epsg is None:
            return "position-metres"
        if self.answers.get("axes") == "swap":
            northing, easting = easting, northing
        datum = self.datums.of(values.get("datum", ""), geometry=False)
        if datum not in ("tokyo", "jgd2011"):
            return "datum-unknown"
        if datum == "tokyo":
            lon, lat = tokyo_plane_to_lonlat(easting, northing, self.epsg)
        else:
            lon, lat = (float(v) for v in plane_to_lonlat(easting, northing, self.epsg))
        code = judge_position(lat, lon)
        if code is None:
            values |= {"lat": repr(lat), "lon": repr(lon)}
            self.moved["plane"] += 1
            if datum == "tokyo":
                self.moved["tokyo"] += 1
        return code

    def place_shape(self, shape: shapely.Geometry, stated: str) -> tuple[shapely.Geometry, str | None]:
        """A point or area of a GIS file as the answers say; and the code of what is wrong with it."""
        datum = self.datums.of(stated, geometry=True)
        if datum not in ("tokyo", "jgd2011"):
            return shape, "datum-unknown"
        corners = [shape.bounds[:2], shape.bounds[2:]]
        if self.epsg is not None and all(max(abs(x), abs(y)) > 360 for x, y in corners):
            epsg = self.epsg
            shape = shapely.transform(shape, lambda xy: np.column_stack(plane_to_lonlat(xy[:, 0], xy[:, 1], epsg)))
            self.moved["plane"] += 1
        elif self.answers.get("axes") == "swap" and all(judge_position(y, x) == "axes-swapped" for x, y in corners):
            shape = shapely.transform(shape, lambda xy: xy[:, ::-1])
            self.moved["swap"] += 1
        corners = [shape.bounds[:2], shape.bounds[2:]]
        code = next((found for x, y in corners if (found := judge_position(y, x)) is not None), None)
        if code is None and datum == "tokyo" and self.table.datum != "tokyo":
            shape = shapely.transform(shape, lambda xy: np.array([tokyo_to_lonlat(*p) for p in xy.tolist()]))
            self.moved["tokyo"] += 1
        return shape, code

    def keep(self, row: RawRow, plain: dict[str, Any]) -> None:
        key = tuple(plain.get(name) for name in _KEYS[self.kind])
        if key not in self.seen:
            record = {"row": row.number, **plain}
            self.seen[key] = record
            self.report.rows.append(record)
        elif self.seen[key] == {**plain, "row": self.seen[key]["row"]}:
            self.report.warnings.append(
                Remark("exact-repeat", f"{row.number + 1} 件目: まったく同じ行を省きました。", f"Row {row.number + 1}: an exact repeat was dropped.", row.number)
            )
        else:
            self.bad("duplicate", "同じ行が前にあります。", "stands in an earlier row already.", row, _KEYS[self.kind][0])

    def finish(self) -> None:
        """Guesses that hold for many rows are named once."""
        sentences = {
            "dms": ("dms-converted", "度分秒の位置を10進の度に直しました（{n} 件）。", "Degrees, minutes and seconds were converted ({n} rows)."),
            "swap": ("axes-exchanged", "緯度と経度を入れ替えました（{n} 件）。", "Latitude and longitude were exchanged ({n} rows)."),
            "tokyo": ("datum-transformed", "日本測地系から世界測地系に変換しました（{n} 件、精度 約9 m）。", "Transformed from the Tokyo datum ({n} rows, about 9 m)."),
            "plane": ("crs-transformed", "平面直角座標（EPSG:{epsg}）から緯度経度に変換しました（{n} 件）。", "Transformed from plane rectangular metres (EPSG:{epsg}, {n} rows)."),
        }  # fmt: skip
        for what, n in sorted(self.moved.items()):
            code, ja, en = sentences[what]
            self.report.warnings.append(Remark(code, ja.format(n=n, epsg=self.epsg), en.format(n=n, epsg=self.epsg)))
        if self.controls:
            self.report.warnings.append(control_removed(self.controls))
        if not self.report.rows:
            if not self.table.rows:
                self.report.errors.append(Remark("no-rows", "データの行がありません。", "There are no data rows."))
            elif len({e.code for e in self.report.errors}) > 1:
                self.report.errors.append(Remark("no-good-row", "登録できる行が一つもありません。", "Not one row can be stored."))
            self.report.rejected = True
        if isinstance(self.report.warnings, Remarks):
            self.report.warnings.close()


_PLACE_JA = re.compile(r"^「.*?」の \d+ (?:行目|番目の地物)・列「([^」]+)」: ", re.DOTALL)
_PLACE_EN = re.compile(r"^(?:Row|Feature) \d+, column '[^']*' of '.*?': ", re.DOTALL)


def _column_of(error: InputError) -> str | None:
    found = _PLACE_JA.match(error.ja)
    return found[1] if found else None


def _without_place(error: InputError) -> tuple[str, str]:
    """The sentences without file and row, which the reader of a whole file names better."""
    column = _column_of(error)
    return (
        (f"列「{column}」: " if column else "") + _PLACE_JA.sub("", error.ja),
        (f"column '{column}': " if column else "") + _PLACE_EN.sub("", error.en),
    )


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
