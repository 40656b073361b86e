"""GeoJSON, GeoPackage, zipped Shapefile and KML uploads → :class:`~coverage.uploads.tables.RawTable`. Child only.

None of them reaches GDAL: text formats by json and defusedxml, GeoPackage by SQLite, Shapefile by our own reader.
"""

from __future__ import annotations

import math
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

from coverage.errors import FileFormatError
from coverage.readers.crs import TOKYO_DATUM, geojson_crs, lonlat_point
from coverage.readers.features import FeatureTable
from coverage.readers.geopackage import read_geopackage
from coverage.readers.kml import parse_kml, parse_xml
from coverage.readers.shapefile import parse_shapefile
from coverage.readers.text import decode
from coverage.uploads.archive import read_member
from coverage.uploads.limits import Limits
from coverage.uploads.report import Remark
from coverage.uploads.tables import RawRow, RawTable

_PARTS = (".shp", ".dbf", ".prj", ".cpg")


def parse_geojson_rows(data: bytes, label: str, limits: Limits) -> RawTable:
    """Features one by one, so that one bad feature spoils one row. Raises FileFormatError "json-broken", "geojson-not",
    "json-too-deep", "json-key-twice", "crs-projected", "crs-unknown" (a linked CRS is never followed), "too-many-…"."""
    loaded = _load_json(data, label)
    document: dict[str, Any] = loaded if isinstance(loaded, dict) else {}
    kind = document.get("type")
    features = document.get("features") if kind == "FeatureCollection" else [document] if kind == "Feature" else None
    if not isinstance(features, list):
        raise _refused(
            "geojson-not", label, "は GeoJSON の FeatureCollection ではありません", "is not a GeoJSON FeatureCollection"
        )
    _check_depth(document, label, limits)
    epsg = geojson_crs(document.get("crs"), name=label)
    guesses: list[Remark] = []
    if epsg == TOKYO_DATUM:
        guesses.append(_tokyo())
    if len(features) > limits.rows:
        raise _too_many(label, limits)
    columns: dict[str, None] = {}
    for item in features:
        if isinstance(item, dict) and isinstance(item.get("properties"), dict):
            columns |= dict.fromkeys(item["properties"])
    names = list(columns)
    if len(names) > limits.columns:
        raise _too_wide(label, limits)
    rows: list[RawRow] = []
    for number, item in enumerate(features):
        if not isinstance(item, dict) or item.get("type") != "Feature":
            spoilt = Remark("feature-broken", "地物ではありません。", "Not a Feature.", row=number)
            rows.append(RawRow(number, [""] * len(names), spoilt=spoilt))
            continue
        own = item.get("properties")
        properties: dict[str, Any] = own if isinstance(own, dict) else {}
        cells = [_text(properties.get(name), label, limits) for name in names]
        geometry = item.get("geometry")
        where, kind_ = _point(geometry)
        if where is not None and epsg == TOKYO_DATUM and all(map(math.isfinite, where)):
            where = lonlat_point(where[0], where[1], TOKYO_DATUM)
        rows.append(RawRow(number, cells, lonlat=where, geometry=kind_))
    return RawTable(names, rows, spatial=True, guesses=guesses, understood={"format": "GeoJSON", "crs": str(epsg or 4326)})


def parse_kml_rows(data: bytes, label: str, limits: Limits) -> RawTable:
    """Placemarks. Raises FileFormatError "xml-broken", "xml-doctype", "xml-too-deep", "kml-not", "kml-network-link"."""
    stack = [(parse_xml(data, name=label), 1)]
    while stack:
        element, depth = stack.pop()
        if depth > limits.depth:
            raise _refused("xml-too-deep", label, f"の入れ子が {limits.depth} 段を超えています", f"is nested deeper than {limits.depth}")
        stack += [(child, depth + 1) for child in element]
    raw = _from_features(parse_kml(data, name=label, judge=False), label, limits, {"format": "KML", "crs": "4326"}, [])
    # Every placemark has a description, mostly empty or markup for a balloon; it is no column of a site list.
    at = raw.columns.index("description") if "description" in raw.columns else -1
    if at >= 0:
        del raw.columns[at]
        for row in raw.rows:
            del row.cells[at]
    return raw


def parse_gpkg_rows(path: Path, label: str, limits: Limits, layer: str | None) -> RawTable:
    """One feature table. Raises FileFormatError "geopackage-broken", "layer-choose", …"""
    table = read_geopackage(path, layer=layer, judge=False)
    return _from_features(table, label, limits, {"format": "GeoPackage"}, [])


def parse_shapefile_rows(path: Path, label: str, limits: Limits) -> RawTable:
    """The only Shapefile of a zip. Raises FileFormatError "shapefile-choose", "shapefile-incomplete", …"""
    parts: dict[str, bytes] = {}
    with zipfile.ZipFile(path) as archive:
        members: dict[str, zipfile.ZipInfo] = {}
        for info in archive.infolist():
            name = info.filename.replace("\\", "/")
            if not name.startswith("__MACOSX/") and not info.is_dir():
                members[name] = info
        shapes = [n for n in members if n.lower().endswith(".shp")]
        if len(shapes) != 1:
            raise _refused(
                "shapefile-choose", label,
                f"の中の .shp は {len(shapes)} 個です。Shapefile を一つだけ入れてください",
                f"holds {len(shapes)} .shp files; put exactly one Shapefile into it",
            )  # fmt: skip
        stem = str(PurePosixPath(shapes[0]).with_suffix("")).lower()
        for name, info in members.items():
            suffix = PurePosixPath(name).suffix.lower()
            if suffix in _PARTS and str(PurePosixPath(name).with_suffix("")).lower() == stem:
                parts[suffix] = read_member(archive, info, label)
    guesses: list[Remark] = []
    dbf = parts.get(".dbf", b"")
    if ".cpg" not in parts and not dbf.isascii():
        guesses.append(
            Remark("encoding-guessed", "文字コード（.cpg）がないため、内容から判断しました。", "No .cpg: the encoding was judged by the content.")
        )
    prj = parts.get(".prj", b"").decode("utf-8", "replace")
    if not prj.strip():
        guesses.append(
            Remark("crs-assumed", "座標系（.prj）がないため、緯度経度（JGD2011）とみなしました。", "No .prj: taken as longitude and latitude (JGD2011).")
        )
    elif "tokyo" in prj.lower():
        guesses.append(_tokyo())
    elif "PROJCS" in prj or "PROJCRS" in prj:
        guesses.append(Remark("crs-transformed", "平面直角座標などから緯度経度に変換しました。", "Transformed from a projected CRS to degrees."))
    table = parse_shapefile(parts, name=label, judge=False)
    return _from_features(table, label, limits, {"format": "Shapefile"}, guesses)


def _from_features(
    table: FeatureTable, label: str, limits: Limits, understood: dict[str, str], guesses: list[Remark]
) -> RawTable:
    if len(table.features) > limits.rows:
        raise _too_many(label, limits)
    names = list(table.columns)
    if len(names) > limits.columns:
        raise _too_wide(label, limits)
    rows: list[RawRow] = []
    for number, feature in enumerate(table.features):
        geometry = feature.geometry
        kind = "" if geometry is None else geometry.geom_type
        if geometry is not None and kind == "MultiPoint" and len(geometry.geoms) == 1:
            geometry, kind = geometry.geoms[0], "Point"
        where = (float(geometry.x), float(geometry.y)) if geometry is not None and kind == "Point" else None
        cells = [_text(feature.properties.get(name), label, limits) for name in names]
        rows.append(RawRow(number, cells, lonlat=where, geometry=kind))
    return RawTable(names, rows, spatial=True, guesses=guesses, understood=understood)


def _load_json(data: bytes, label: str) -> Any:
    import json

    text = decode(data, name=label).text

    def refuse(constant: str) -> float:
        raise ValueError(f"{constant} is not JSON")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise _KeyTwiceError
        return found

    try:
        return json.loads(text, parse_constant=refuse, object_pairs_hook=once)
    except _KeyTwiceError:
        raise _refused(
            "json-key-twice", label, "に同じ名前の項目が二度あるものがあります", "has an object with one key twice"
        ) from None
    except (ValueError, RecursionError) as problem:
        reason = "nested too deeply" if isinstance(problem, RecursionError) else str(problem)[:120]
        raise _refused(
            "json-broken", label,
            f"は JSON として読めません（{reason}）。途中で切れていないかを確かめてください",
            f"cannot be read as JSON ({reason}); check that it is complete",
        ) from None  # fmt: skip


class _KeyTwiceError(Exception):
    """One object of a JSON document has a key twice."""


def _check_depth(document: Any, label: str, limits: Limits) -> None:
    stack: list[tuple[Any, int]] = [(document, 1)]
    while stack:
        value, depth = stack.pop()
        if depth > limits.depth:
            raise _refused("json-too-deep", label, f"の入れ子が {limits.depth} 段を超えています", f"is nested deeper than {limits.depth}")
        children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        stack += [(child, depth + 1) for child in children if isinstance(child, (dict, list))]


def _point(geometry: Any) -> tuple[tuple[float, float] | None, str]:
    """(lon, lat) and geometry type of a GeoJSON geometry; broken coordinates give NaN, which is quarantined later."""
    if not isinstance(geometry, dict):
        return None, ""
    kind = str(geometry.get("type", ""))
    coordinates = geometry.get("coordinates")
    if kind == "MultiPoint" and isinstance(coordinates, list) and len(coordinates) == 1:
        kind, coordinates = "Point", coordinates[0]
    if kind != "Point":
        return None, kind or "?"
    if isinstance(coordinates, list) and len(coordinates) >= 2:
        x, y = coordinates[:2]
        if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (x, y)):
            return (_float(x), _float(y)), "Point"
    return (math.nan, math.nan), "Point"


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _text(value: Any, label: str, limits: Limits) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and math.isfinite(value) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, list) and all(isinstance(v, (str, int)) for v in value):
        value = ";".join(str(v) for v in value)
    text = str(value)
    if len(text) > limits.cell_characters:
        raise _refused(
            "cell-too-long", label, f"に {limits.cell_characters:,} 文字を超える値があります", f"has a value of more than {limits.cell_characters:,} characters"
        )
    return text


def _tokyo() -> Remark:
    return Remark(
        "datum-transformed", "日本測地系（Tokyo Datum）から世界測地系に変換しました（精度 約9 m）。", "Transformed from the Tokyo datum (accuracy about 9 m)."
    )


def _too_many(label: str, limits: Limits) -> FileFormatError:
    return _refused("too-many-rows", label, f"の行数が上限 {limits.rows:,} を超えています", f"has more than {limits.rows:,} rows")


def _too_wide(label: str, limits: Limits) -> FileFormatError:
    return _refused("too-many-columns", label, f"の列数が上限 {limits.columns} を超えています", f"has more than {limits.columns} columns")


def _refused(code: str, label: str, ja: str, en: str) -> FileFormatError:
    return FileFormatError(code, f"「{label}」{ja}。", f"'{label}' {en}.")
