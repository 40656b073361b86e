"""A raw table → rows of a site list: ids, positions, optional values, duplicates. Row by row, nothing guessed silently."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from coverage.domain.municipality_code import parse_municipality_code
from coverage.errors import FileFormatError, InputError
from coverage.readers.crs import in_japan
from coverage.uploads import closing
from coverage.uploads.datums import CONTRADICTS, Datums
from coverage.uploads.headers import OWN_UNITS, assign, plain_header, says_sexagesimal, unit_of
from coverage.uploads.other_tables import name_ignored
from coverage.uploads.positions import (
    POSITION_SENTENCES,
    judge_position,
    moved_remarks,
    outside_region,
    plane_epsg,
    read_angle,
    tokyo_plane_to_lonlat,
    tokyo_to_lonlat,
)
from coverage.uploads.report import Remark, Remarks, Report
from coverage.uploads.tables import RawRow, RawTable
from coverage.uploads.text import CONTROL, control_removed
from coverage.uploads.values import ENUMS, RANGES, is_blank, read_number, read_service_date, read_word

_ID_CHARACTERS = 200
_BETWEEN_IDS = re.compile(r"[;、,\s]+")
_EXCEL_ERROR = re.compile(r"#(N/A|REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!|UNCOMPUTED!|SPILL!|CALC!)")
_OPTIONAL_NUMBERS = ("height_m", "frequency_mhz", "eirp_dbm", "bandwidth_mhz", "azimuth_deg", "tilt_deg", "cost_yen")


@dataclass(frozen=True)
class SiteContext:
    """What a person or the region adds to the file. ``answers``: ``axes`` = "swap" | "keep", ``datum`` = "tokyo" |
    "jgd2011", ``crs`` = EPSG code of plane metres, ``columns`` = {field: header}, ``dates`` = what stands in
    :mod:`coverage.uploads.date_answers`. ``operators``: name → id, or None
    where any text is an operator. ``region``: lon/lat outline, or None where the check is skipped."""

    answers: Mapping[str, Any] = field(default_factory=dict)
    operators: Mapping[str, str] | None = None
    region: BaseGeometry | None = None


def read_sites(table: RawTable, label: str, context: SiteContext) -> Report:
    """The report on a site list. Raises FileFormatError where the file as a whole cannot be understood."""
    columns = context.answers.get("columns") or {}
    place = assign(table.columns, columns, label)
    report = Report(warnings=Remarks(table.guesses), understood={**table.understood})
    if "site_id" not in place:
        raise FileFormatError(
            "column-missing",
            f"「{label}」に局番（site_id）の列がありません（ある列: {'、'.join(table.columns[:20])}）。見出しを確かめてください。",
            f"'{label}' has no column for site_id (it has: {', '.join(table.columns[:20])}); check the header.",
        )
    plane = "x" in place and "y" in place and not ("lat" in place and "lon" in place)
    if not table.spatial and not plane and not ("lat" in place and "lon" in place):
        raise FileFormatError(
            "column-missing",
            f"「{label}」に緯度・経度の列がありません（ある列: {'、'.join(table.columns[:20])}）。見出しを確かめてください。",
            f"'{label}' has no columns for latitude and longitude (it has: {', '.join(table.columns[:20])}).",
        )
    report.understood["columns"] = {name: table.columns[i] for name, i in sorted(place.items(), key=lambda p: p[1])}
    name_ignored(table, place, report)
    reader = _Reader(table, place, label, context, report, plane)
    for row in table.rows:
        reader.row(row)
    reader.finish()
    return report


class _Reader:
    """State over the rows of one file."""

    def __init__(
        self, table: RawTable, place: Mapping[str, int], label: str, context: SiteContext, report: Report, plane: bool
    ) -> None:
        self.table, self.place, self.label = table, place, label
        self.context, self.report, self.plane = context, report, plane
        self.seen: dict[tuple[str, str], tuple[str, ...]] = {}
        self.sites: dict[str, dict[str, Any]] = {}
        self.repeats: list[int] = []
        self.dms: list[int] = []
        self.datums = Datums(table, place, label, context.answers)
        self.sexagesimal = any(says_sexagesimal(table.columns[i]) for name, i in place.items() if name in ("lat", "lon"))
        self.moved: dict[str, list[int]] = {}
        self.region = context.region
        if self.region is not None:
            shapely.prepare(self.region)
        self.controls = 0
        self.units = {
            name: unit
            for name, i in place.items()
            if (unit := unit_of(table.columns[i])) and plain_header(unit) != OWN_UNITS.get(name)
        }
        self.split = {axis for axis in ("lat", "lon") if f"{axis}_min" in place}
        self.weak_id = plain_header(table.columns[place["site_id"]]) in {"no", "no.", "番号", "id"}

    def cell(self, row: RawRow, name: str) -> str:
        at = self.place.get(name)
        if at is None:
            return ""
        text = row.cells[at]
        if not text.isprintable():  # every control and format character is not; this is the fast way to know
            text, removed = CONTROL.subn("", text)
            self.controls += removed
        if name in self.units and re.fullmatch(r"[+-]?[\d.,]+", unicodedata.normalize("NFKC", text).strip()):
            text = text.strip() + self.units[name]  # 「高さ（cm）」 over 1500: as if the cell said 1500cm
        return text.strip()

    def angle_text(self, row: RawRow, axis: str) -> str:
        """A coordinate, put together where degrees, minutes and seconds stand in columns of their own."""
        text = self.cell(row, axis)
        if axis not in self.split or is_blank(text):
            return text
        return f"{text}°{self.cell(row, f'{axis}_min') or 0}'{self.cell(row, f'{axis}_sec') or 0}\""

    def bad(self, code: str, ja: str, en: str, row: RawRow, column: str | None) -> None:
        self.report.errors.append(Remark(code, f"{row.number + 1} 件目: {ja}", f"Row {row.number + 1}: {en}", row.number, column))

    def row(self, row: RawRow) -> None:
        if row.spoilt is not None:
            self.report.errors.append(row.spoilt)
            return
        site_id = unicodedata.normalize("NFKC", self.cell(row, "site_id")).strip()
        if not site_id:
            self.bad("site-id-missing", "局番がありません。", "It has no site_id.", row, "site_id")
            return
        if len(site_id) > _ID_CHARACTERS or "\n" in site_id or _EXCEL_ERROR.fullmatch(site_id):
            self.bad("site-id-wrong", f"局番「{site_id[:40]}」は使えません。", f"The site_id '{site_id[:40]}' cannot be used.", row, "site_id")
            return
        position = self.position(row)
        if position is None:
            return
        record = self.values(row, site_id, *position)
        if closing.closes_before_service(record["closed_on"], record["in_service_date"], record["date_precision"]):
            self.report.errors.append(closing.before_service(row.number, record["closed_on"], record["in_service_date"]))
            return
        content = (*row.cells, *(str(v) for v in row.lonlat or ()))
        key = (site_id, str(record["operator"] or ""))
        if key in self.seen:
            if self.seen[key] == content:
                self.repeats.append(row.number)
            else:
                self.bad(
                    "duplicate", f"局番「{site_id}」と事業者の組が前の行と重複しています。", f"Site '{site_id}' with this operator stands in an earlier row already.", row, "site_id",
                )  # fmt: skip
            return
        self.seen[key] = content
        first = self.sites.setdefault(site_id, record)
        if first is not record:
            self.compare_rows(row, first, record)
        self.report.rows.append(record)

    def compare_rows(self, row: RawRow, first: Mapping[str, Any], record: dict[str, Any]) -> None:
        """What belongs to the mast, and not to an operator on it, is the earlier row's; a difference is named."""
        for column, ja, en in (("lat", "位置", "position"), ("closed_on", "停波日", "closing day")):
            far = math.hypot(first["lat"] - record["lat"], first["lon"] - record["lon"]) > 1e-4
            if not (far if column == "lat" else record[column] not in (None, first[column])):
                continue
            self.report.warnings.append(
                Remark(
                    "site-rows-differ",
                    f"{row.number + 1} 件目: 局番「{record['site_id']}」の{ja}が前の行と違います。前の行の{ja}を使います。",
                    f"Row {row.number + 1}: the {en} of site '{record['site_id']}' differs from an earlier row, which is kept.",
                    row.number,
                    column,
                )
            )
            record |= {name: first[name] for name in (("lat", "lon") if column == "lat" else (column,))}

    def position(self, row: RawRow) -> tuple[float, float] | None:
        """(lat, lon) in degrees JGD2011, or None after an error was noted."""
        if self.by_geometry(row):
            if row.lonlat is None:
                self.wrong("not-a-point" if row.geometry else "position-missing", row, row.geometry or "")
                return None
            lon, lat = row.lonlat
            shown = f"{lat:g}, {lon:g}"
            metres = self.answered_metres(repr(lat), repr(lon))
            if metres is not None:
                return self.from_metres(row, *metres, shown)
            self.compare_columns(row, lat, lon)
        elif self.plane:
            return self.plane_position(row)
        else:
            texts = self.angle_text(row, "lat"), self.angle_text(row, "lon")
            shown = ", ".join(texts)
            if is_blank(texts[0]) or is_blank(texts[1]):
                self.wrong("position-missing", row, shown)
                return None
            metres = self.answered_metres(*texts)
            if metres is not None:
                return self.from_metres(row, *metres, shown)
            angles = read_angle(texts[0]), read_angle(texts[1])
            if angles[0] is None or angles[1] is None or (self.sexagesimal and not (angles[0].was_dms and angles[1].was_dms)):
                self.wrong("position-unreadable", row, shown)
                return None
            lat, lon = angles[0].degrees, angles[1].degrees
            if angles[0].was_dms or angles[1].was_dms:
                self.dms.append(row.number)
        code: str | None = judge_position(lat, lon)
        if code == "axes-swapped" and self.context.answers.get("axes") == "swap":
            lat, lon, code = lon, lat, None
            self.moved.setdefault("swap", []).append(row.number)
        if code is not None:
            self.wrong(code, row, shown)
            return None
        return self.of_datum(row, lat, lon)

    def by_geometry(self, row: RawRow) -> bool:
        """Whether the row's position is its geometry; a spatial file may have columns for rows without one."""
        return self.table.spatial and not ("lat" in self.place and "lon" in self.place and row.geometry == "" and row.lonlat is None)

    def of_datum(self, row: RawRow, lat: float, lon: float) -> tuple[float, float] | None:
        """Degrees of the row's datum → degrees of JGD2011, or None after an error was noted."""
        tokyo = self.is_tokyo(row)
        if tokyo is None:
            return None
        if tokyo:
            lon, lat = tokyo_to_lonlat(lon, lat)
            self.moved.setdefault("tokyo", []).append(row.number)
        self.check_region(row, lat, lon)
        return lat, lon

    def answered_metres(self, northing: str, easting: str) -> tuple[float, float] | None:
        """(northing, easting) of a position that cannot be degrees, where a person named the plane system."""
        if plane_epsg(str(self.context.answers.get("crs") or "")) is None:
            return None
        silent: list[Remark] = []
        numbers = [read_number("plane_m", t, 0, "lat", silent.append) for t in (northing, easting)]
        if numbers[0] is None or numbers[1] is None or max(abs(numbers[0]), abs(numbers[1])) <= 360:
            return None
        return numbers[0], numbers[1]

    def from_metres(self, row: RawRow, northing: float, easting: float, shown: str) -> tuple[float, float] | None:
        """Plane metres of the answered system, exchanged first where a person said so."""
        epsg = plane_epsg(str(self.context.answers.get("crs")))
        assert epsg is not None
        if self.context.answers.get("axes") == "swap":
            northing, easting = easting, northing
        return self.to_degrees(row, northing, easting, epsg, shown)

    def to_degrees(self, row: RawRow, northing: float, easting: float, epsg: int, shown: str) -> tuple[float, float] | None:
        from coverage.domain.projection import plane_to_lonlat

        tokyo = self.is_tokyo(row)
        if tokyo is None:
            return None
        if tokyo:
            lon, lat = tokyo_plane_to_lonlat(easting, northing, epsg)
        else:
            lon, lat = (float(v) for v in plane_to_lonlat(easting, northing, epsg))
        code = judge_position(lat, lon)
        if code is not None:
            self.wrong(code, row, shown)
            return None
        self.moved.setdefault(f"plane:{epsg - 6668 + 30160 if tokyo else epsg}", []).append(row.number)
        if tokyo:
            self.moved.setdefault("tokyo", []).append(row.number)
        self.check_region(row, lat, lon)
        return lat, lon

    def plane_position(self, row: RawRow) -> tuple[float, float] | None:
        """Plane rectangular metres. X is the northing in Japanese tables, whatever the letters suggest."""
        zone = unicodedata.normalize("NFKC", self.cell(row, "zone")) or str(self.context.answers.get("crs") or "") or self.datums.zone
        epsg = plane_epsg(zone)
        texts = self.cell(row, "x"), self.cell(row, "y")
        shown = ", ".join(texts)
        angles = [read_angle(t) for t in texts]
        if all(angles) and in_japan(angles[1].degrees, angles[0].degrees):  # type: ignore[union-attr]
            if zone:
                self.wrong("crs-contradicts", row, shown)
                return None
            self.moved.setdefault("xy", []).append(row.number)
            return self.of_datum(row, angles[1].degrees, angles[0].degrees)  # type: ignore[union-attr]
        if epsg is None:
            self.wrong("position-metres", row, shown)
            return None
        silent: list[Remark] = []
        northing, easting = (read_number("plane_m", t, row.number, "x", silent.append) for t in texts)
        if northing is None or easting is None:
            self.wrong("position-unreadable", row, shown)
            return None
        return self.to_degrees(row, northing, easting, epsg, shown)

    def is_tokyo(self, row: RawRow) -> bool | None:
        """Whether the row's position has yet to be moved from the Tokyo datum; None after an error was noted."""
        stated = self.datums.stated(row, self.cell(row, "datum"), self.cell(row, "zone"))
        geometry = self.by_geometry(row)
        datum = self.datums.of(stated, geometry=geometry)
        if datum == "unknown":
            self.wrong("datum-unknown", row, stated)
        elif datum == "contradicts":
            self.bad("datum-unknown", *CONTRADICTS, row, "lat")
        if datum not in ("tokyo", "jgd2011"):
            return None
        if datum == "jgd2011" and (doubt := self.datums.doubt(row.number, stated)):
            self.report.warnings.append(doubt)
        return datum == "tokyo" and not (geometry and self.table.datum == "tokyo")

    def compare_columns(self, row: RawRow, lat: float, lon: float) -> None:
        """A geometry beside columns of latitude and longitude: the geometry counts, and a difference is named."""
        if not ("lat" in self.place and "lon" in self.place):
            return
        angles = read_angle(self.cell(row, "lat")), read_angle(self.cell(row, "lon"))
        if angles[0] and angles[1] and max(abs(angles[0].degrees - lat), abs(angles[1].degrees - lon)) > 1e-3:
            self.report.warnings.append(
                Remark(
                    "position-columns-differ",
                    f"{row.number + 1} 件目: 緯度・経度の列が図形の位置と違います。図形の位置を使います。",
                    f"Row {row.number + 1}: the columns of latitude and longitude differ from the geometry, which is used.",
                    row.number,
                    "lat",
                )
            )

    def check_region(self, row: RawRow, lat: float, lon: float) -> None:
        if self.region is not None and not shapely.intersects_xy(self.region, lon, lat):
            self.report.warnings.append(outside_region(row.number, lat, lon))

    def wrong(self, code: str, row: RawRow, shown: str) -> None:
        ja, en = POSITION_SENTENCES[code]
        self.bad(code, ja.format(shown=shown[:60]), en.format(shown=shown[:60]), row, "lat")

    def values(self, row: RawRow, site_id: str, lat: float, lon: float) -> dict[str, Any]:
        warn = self.report.warnings.append
        record: dict[str, Any] = {
            "row": row.number,
            "site_id": site_id,
            "name": self.name(row),
            "operator": self.operator(row),
            "lat": round(lat, 8),
            "lon": round(lon, 8),
        }
        for name in _OPTIONAL_NUMBERS:
            text = self.cell(row, name)
            record[name] = read_number(name, text, row.number, name, warn) if text else None
        if record["frequency_mhz"] is None and "frequency_ghz" in self.place:
            ghz = read_number("frequency_ghz", self.cell(row, "frequency_ghz"), row.number, "frequency_mhz", warn)
            record["frequency_mhz"] = self.converted("frequency_mhz", None if ghz is None else ghz * 1000, row)
        if record["eirp_dbm"] is None and "eirp_w" in self.place:
            watts = read_number("eirp_w", self.cell(row, "eirp_w"), row.number, "eirp_dbm", warn)
            dbm = None if watts is None or watts <= 0 else 10 * math.log10(watts * 1000)
            record["eirp_dbm"] = self.converted("eirp_dbm", dbm, row)
        for name, kind in ENUMS.items():
            text = self.cell(row, name)
            word = read_word(kind, text, row.number, name, warn) if text else None
            record[name] = None if word is None else word.value
        record |= self.dates(row)
        record["band"] = self.cell(row, "band") or None
        for name in ("project_id", "replaces"):  # ids, compared after NFKC as site_id is
            record[name] = unicodedata.normalize("NFKC", self.cell(row, name)).strip() or None
        served = self.cell(row, "districts_served")
        parts = _BETWEEN_IDS.split(unicodedata.normalize("NFKC", served)) if served else []
        record["districts_served"] = [d for d in parts if d]
        record["municipality_code"] = self.municipality(row)
        closed = self.cell(row, "closed_on")
        record["closed_on"] = closing.read_closing_day(closed, record["status"], row.number, self.context.answers.get("dates"), warn) if closed else None
        return record

    def converted(self, name: str, value: float | None, row: RawRow) -> float | None:
        """A value that was given in another unit (GHz, W): the conversion is named as a guess."""
        if value is None:
            return None
        low, high = RANGES[name]
        if not low <= value <= high:
            self.report.warnings.append(
                Remark("number-out-of-range", f"{row.number + 1} 件目: 換算した値 {value:g} が範囲の外のため空欄にしました。", f"Row {row.number + 1}: the converted value {value:g} is out of range and was left out.", row.number, name)
            )
            return None
        self.report.warnings.append(
            Remark("unit-converted", f"{row.number + 1} 件目: 単位を換算し {value:g} としました。", f"Row {row.number + 1}: converted to {value:g}.", row.number, name)
        )
        return round(value, 6)

    def name(self, row: RawRow) -> str | None:
        text = self.cell(row, "name")
        if not _EXCEL_ERROR.fullmatch(text):
            return text or None
        self.report.warnings.append(
            Remark(
                "cell-error",
                f"{row.number + 1} 件目: 局名の欄が計算できていない式（{text}）のため空欄にしました。",
                f"Row {row.number + 1}: the name is a formula without a result ({text}) and was left out.",
                row.number,
                "name",
            )
        )
        return None

    def operator(self, row: RawRow) -> str | None:
        text = unicodedata.normalize("NFKC", self.cell(row, "operator")).strip()
        if not text:
            return None
        known = self.context.operators
        if known is None:
            return text
        if text in known:
            return known[text]
        self.report.warnings.append(
            Remark(
                "operator-unknown",
                f"{row.number + 1} 件目: 事業者「{text[:40]}」は登録されていません（{'、'.join(sorted(set(known.values())))}）。",
                f"Row {row.number + 1}: the operator '{text[:40]}' is not registered.",
                row.number,
                "operator",
            )
        )
        return text

    def dates(self, row: RawRow) -> dict[str, Any]:
        warn = self.report.warnings.append
        text, column, by_year = self.cell(row, "in_service_date"), "in_service_date", False
        if is_blank(text) and "fiscal_year" in self.place:
            text, column, by_year = self.cell(row, "fiscal_year"), "in_service_date", True
        day: date | None
        day, precision = read_service_date(
            text, self.cell(row, "date_precision"), row.number, column, warn, fiscal_year_column=by_year,
            answers=self.context.answers.get("dates"),
        )
        planned = self.cell(row, "planned_fy")
        planned_fy = None
        if not is_blank(planned):
            from coverage.domain import fiscal

            try:
                planned_fy = fiscal.parse_fiscal_year(planned)
            except InputError as problem:
                warn(Remark(problem.code, f"{problem.ja}空欄にしました。", f"{problem.en} Left out.", row.number, "planned_fy"))
        return {
            "in_service_date": None if day is None else day.isoformat(),
            "date_precision": None if precision is None else precision.value,
            "planned_fy": planned_fy,
        }

    def municipality(self, row: RawRow) -> str | None:
        text = self.cell(row, "municipality_code")
        if not text:
            return None
        try:
            return parse_municipality_code(text)
        except InputError as problem:
            self.report.warnings.append(
                Remark(problem.code, f"{problem.ja}空欄にしました。", f"{problem.en} Left out.", row.number, "municipality_code")
            )
            return None

    def finish(self) -> None:
        """Guesses that hold for many rows are named once."""
        warn = self.report.warnings.append
        self.refuse_open_end()
        if self.controls:
            warn(control_removed(self.controls))
        if self.weak_id and self.report.rows:
            header = self.table.columns[self.place["site_id"]]
            warn(Remark("id-column-guessed", f"列「{header}」を局番として読みました。", f"The column '{header}' was read as the site_id."))
        if self.dms:
            warn(Remark("dms-converted", f"度分秒の位置を10進の度に直しました（{len(self.dms)} 件）。", f"Degrees, minutes and seconds were converted ({len(self.dms)} rows)."))
        if self.repeats:
            warn(Remark("exact-repeat", f"まったく同じ行を {len(self.repeats)} 件省きました。", f"{len(self.repeats)} exact repeats were dropped."))
        for remark in moved_remarks(self.moved):
            warn(remark)
        off_air = [r for r in self.sites.values() if r["status"] in closing.OFF_AIR and r["closed_on"] is None]
        if off_air and self.report.rows:
            self.report.notices.append(closing.missing_days(len(off_air)))
        if not self.report.rows:
            codes = {e.code for e in self.report.errors}
            if not self.table.rows:
                self.report.errors.append(Remark("no-rows", "データの行がありません。", "There are no data rows."))
            elif len(codes) > 1:
                self.report.errors.append(Remark("no-good-row", "登録できる行が一つもありません。", "Not one row can be stored."))
            self.report.rejected = True
        if isinstance(self.report.warnings, Remarks):
            self.report.warnings.close()

    def refuse_open_end(self) -> None:
        """A last line without a line end whose last cell is a coordinate that cannot be: the file was cut inside it."""
        if not (self.table.ends_open and self.table.rows and self.report.errors and len(self.table.rows) > 1):
            return
        last, error = self.table.rows[-1], self.report.errors[-1]
        ends_in = next((name for name, i in self.place.items() if i == len(self.table.columns) - 1), None)
        if error.row == last.number and ends_in in ("lat", "lon") and error.code in ("outside-japan", "position-missing", "position-unreadable"):
            raise FileFormatError(
                "truncated",
                f"「{self.label}」は最後の行の途中で終わっているようです。元のデータから作り直してください。",
                f"'{self.label}' seems to end in the middle of its last row; export it again.",
            )
