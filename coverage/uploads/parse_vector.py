"""GeoJSON, GeoPackage, zipped Shapefile and KML uploads → :class:`~coverage.uploads.tables.RawTable`. Child only.

None of them reaches GDAL: text formats by json and defusedxml, GeoPackage by SQLite, Shapefile by our own reader.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import shapely
import shapely.geometry
from shapely.geometry.base import BaseGeometry

from coverage.errors import FileFormatError
from coverage.readers.crs import TOKYO_DATUM, geojson_crs, in_japan
from coverage.readers.features import FeatureTable
from coverage.readers.geopackage import read_geopackage
from coverage.readers.kml import parse_xml
from coverage.readers.shapefile import parse_shapefile
from coverage.uploads.archive import is_litter, read_member
from coverage.uploads.headers import field_of
from coverage.uploads.limits import Limits
from coverage.uploads.positions import tokyo_to_lonlat
from coverage.uploads.report import Remark
from coverage.uploads.tables import RawRow, RawTable
from coverage.uploads.text import decode_upload

_PARTS = (".shp", ".dbf", ".prj", ".cpg")


def parse_geojson_rows(data: bytes, label: str, limits: Limits) -> RawTable:
    """Features one by one, so that one bad feature spoils one row. Raises FileFormatError "json-broken", "geojson-not",
    "json-too-deep", "json-key-twice", "crs-projected", "crs-unknown" (a linked CRS is never followed), "too-many-…"."""
    loaded, guesses = _load_json(data, label)
    document: dict[str, Any] = loaded if isinstance(loaded, dict) else {}
    kind = document.get("type")
    features = document.get("features") if kind == "FeatureCollection" else [document] if kind == "Feature" else None
    if not isinstance(features, list):
        raise _refused(
            "geojson-not", label, "は GeoJSON の FeatureCollection ではありません", "is not a GeoJSON FeatureCollection"
        )
    _check_depth(document, label, limits)
    epsg = geojson_crs(document.get("crs"), name=label)
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
    multi = 0
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
        multi += isinstance(geometry, dict) and geometry.get("type") == "MultiPoint" and kind_ == "Point"
        if where is not None and epsg == TOKYO_DATUM and all(map(math.isfinite, where)):
            where = tokyo_to_lonlat(*where)
        rows.append(RawRow(number, cells, lonlat=where, geometry=kind_, shape=_area(geometry, kind_, epsg)))
    if multi:
        guesses.append(_single(multi))
    return RawTable(names, rows, spatial=True, guesses=guesses, understood={"format": "GeoJSON", "crs": str(epsg or 4326)})


def parse_kml_rows(data: bytes, label: str, limits: Limits) -> RawTable:
    """Placemarks one by one, so that one bad placemark spoils one row.

    Raises FileFormatError "xml-broken", "xml-doctype", "xml-too-deep", "kml-not", "kml-network-link".
    """
    root = parse_xml(_as_utf8_xml(data, label), name=label)
    stack = [(root, 1)]
    while stack:
        element, depth = stack.pop()
        if depth > limits.depth:
            raise _refused("xml-too-deep", label, f"の入れ子が {limits.depth} 段を超えています", f"is nested deeper than {limits.depth}")
        stack += [(child, depth + 1) for child in element]
    if _local(root) != "kml":
        raise _refused("kml-not", label, "は KML ではありません", f"is not KML (its root element is {_local(root)[:60]})")
    if any(_local(e) == "NetworkLink" for e in root.iter()):
        raise _refused(
            "kml-network-link", label,
            "は別の場所のデータを参照するだけの KML（NetworkLink）です。実データを保存した KML にしてください",
            "only points to data elsewhere (NetworkLink); save a KML that holds the data itself",
        )  # fmt: skip
    placemarks = [e for e in root.iter() if _local(e) == "Placemark"]
    if len(placemarks) > limits.rows:
        raise _too_many(label, limits)
    own = [_kml_values(p) for p in placemarks]
    names = list(dict.fromkeys(key for values in own for key in values))
    if len(names) > limits.columns:
        raise _too_wide(label, limits)
    rows: list[RawRow] = []
    for number, (placemark, values) in enumerate(zip(placemarks, own, strict=True)):
        where, kind = _kml_point(placemark)
        rows.append(RawRow(number, [_text(values.get(n), label, limits) for n in names], lonlat=where, geometry=kind))
    return RawTable(names, rows, spatial=True, understood={"format": "KML", "crs": "4326"})


def _as_utf8_xml(data: bytes, label: str) -> bytes:
    """XML that declares itself Shift_JIS, which expat does not know, in UTF-8; everything else as it is."""
    declared = re.match(rb"""\s*<\?xml[^>]*encoding=["'](shift_jis|sjis|windows-31j|cp932|ms932|x-sjis)["'][^>]*\?>""", data, re.IGNORECASE)
    if declared is None:
        return data
    try:
        return data[declared.end() :].decode("cp932").encode("utf-8")
    except UnicodeDecodeError:
        raise _refused("xml-broken", label, "は書かれている文字コード（Shift_JIS）で読めません", "does not decode as the Shift_JIS it declares") from None


def _local(element: Any) -> str:
    return str(element.tag).rsplit("}", 1)[-1]


def _kml_values(placemark: Any) -> dict[str, str]:
    """Extended data, and the name; a description is a balloon's markup and no column of a site list."""
    values: dict[str, str] = {}
    for element in placemark.iter():
        if _local(element) == "Data":
            text = next((c.text for c in element if _local(c) == "value"), None)
            values.setdefault(element.get("name", ""), (text or "").strip())
        elif _local(element) == "SimpleData":
            values.setdefault(element.get("name", ""), (element.text or "").strip())
    name = next(((c.text or "").strip() for c in placemark if _local(c) == "name"), "")
    if name and not any(field_of(key) == "name" for key in values):
        values["name"] = name
    return values


def _kml_point(placemark: Any) -> tuple[tuple[float, float] | None, str]:
    """(lon, lat) and the type of geometry; a Point whose coordinates are none gives NaN, which is quarantined later."""
    shapes = [e for e in placemark.iter() if _local(e) in _KML_SHAPES]
    kinds = {_local(e) for e in shapes}
    if not shapes:
        return None, ""
    if kinds != {"Point"} or len(shapes) != 1:
        return None, "MultiGeometry" if len(shapes) > 1 else kinds.pop()
    text = next((c.text or "" for c in shapes[0] if _local(c) == "coordinates"), "")
    numbers = [part for part in re.split(r"[,\s]+", text.strip()) if part]
    if not 2 <= len(numbers) <= 3 or not all(_PLAIN_NUMBER.fullmatch(n) for n in numbers[:2]):
        return (math.nan, math.nan), "Point"
    return (float(numbers[0]), float(numbers[1])), "Point"


_KML_SHAPES = {"Point", "LineString", "LinearRing", "Polygon", "Model", "Track", "MultiTrack"}
_PLAIN_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


def parse_gpkg_rows(path: Path, label: str, limits: Limits, layer: str | None) -> RawTable:
    """One feature table. Raises FileFormatError "geopackage-broken", "layer-choose", "crs-contradicts", …"""
    guesses: list[Remark] = []
    crs = _gpkg_crs(path, label, layer)
    try:
        table = read_geopackage(path, layer=layer, judge=False)
    except FileFormatError as problem:
        # The reader names the file as it lies here; people know it by the name they gave it.
        raise FileFormatError(problem.code, problem.ja.replace(path.name, label), problem.en.replace(path.name, label)) from None
    if crs is None:
        guesses.append(
            Remark("crs-assumed", "座標系が書かれていないため、緯度経度（JGD2011）とみなしました。", "No CRS is given: taken as longitude and latitude (JGD2011).")
        )
    else:
        from pyproj import CRS
        from pyproj.exceptions import CRSError

        try:
            stated = CRS.from_user_input(crs)
        except CRSError:
            raise _refused("crs-unknown", label, "の座標系が分かりません", "has an unknown coordinate system") from None
        if stated.is_projected:
            _refuse_moved_degrees(_gpkg_numbers(path, layer), label)
            guesses.append(_projected())
        elif "tokyo" in stated.name.lower():
            guesses.append(_tokyo())
    return _from_features(table, label, limits, {"format": "GeoPackage", "crs": str(crs or "4326")[:200]}, guesses)


def _gpkg_tables(path: Path) -> Any:
    """The database, read-only; raises sqlite3.Error where its catalogue is not made of plain tables.

    A view or a virtual table in the place of gpkg_contents would run whatever its author wrote into it.
    """
    database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    database.execute("PRAGMA trusted_schema=OFF")
    kinds = {name: (kind, sql or "") for name, kind, sql in database.execute("SELECT name, type, sql FROM sqlite_master")}
    feature_tables = []
    for name in ("gpkg_contents", "gpkg_geometry_columns", "gpkg_spatial_ref_sys"):
        kind, sql = kinds.get(name, ("", ""))
        if kind != "table" or sql.upper().startswith("CREATE VIRTUAL"):
            database.close()
            raise sqlite3.DatabaseError(f"{name} is no table")
    for (name,) in database.execute("SELECT table_name FROM gpkg_contents WHERE data_type = 'features'"):
        kind, sql = kinds.get(name, ("", ""))
        if kind == "view" or sql.upper().startswith("CREATE VIRTUAL"):
            database.close()
            raise sqlite3.DatabaseError(f"{str(name)[:60]} is a view or a virtual table")
        if kind == "table":
            feature_tables.append(name)
    return database, feature_tables


def _gpkg_crs(path: Path, label: str, layer: str | None) -> int | str | None:
    """EPSG code or definition of the layer that will be read, None where it is undefined."""
    try:
        database, tables = _gpkg_tables(path)
        try:
            chosen = layer if layer in tables else tables[0] if len(tables) == 1 else None
            row = database.execute(
                "SELECT s.srs_id, s.organization, s.organization_coordsys_id, s.definition FROM gpkg_geometry_columns g "
                "JOIN gpkg_spatial_ref_sys s ON s.srs_id = g.srs_id WHERE g.table_name = ?", (chosen,),
            ).fetchone()  # fmt: skip
        finally:
            database.close()
    except sqlite3.Error as problem:
        raise _refused(
            "geopackage-broken", label,
            f"は GeoPackage として読めません（{problem}）。途中で切れていないかを確かめ、作り直してください",
            f"cannot be read as a GeoPackage ({problem}); check that it is complete and export it again",
        ) from None  # fmt: skip
    if row is None or row[0] in (-1, 0):
        return None
    return int(row[2]) if str(row[1]).upper() == "EPSG" and str(row[2]).isdigit() else str(row[3])


def _gpkg_numbers(path: Path, layer: str | None) -> list[tuple[float, float]]:
    """Stored coordinates of points, before any transformation; layers that the reader took, so nothing can fail."""
    database, tables = _gpkg_tables(path)
    try:
        chosen = str(layer if layer in tables else tables[0]).replace('"', '""')
        (column,) = database.execute("SELECT column_name FROM gpkg_geometry_columns WHERE table_name = ?", (chosen,)).fetchone()
        name = str(column).replace('"', '""')
        found = []
        for (blob,) in database.execute(f'SELECT "{name}" FROM "{chosen}" WHERE "{name}" IS NOT NULL LIMIT 1000'):
            geometry = shapely.from_wkb(blob[8 + {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}.get(blob[3] >> 1 & 7, 0) :])
            if geometry is not None and geometry.geom_type == "Point" and not geometry.is_empty:
                found.append((float(geometry.x), float(geometry.y)))
        return found
    finally:
        database.close()


def _refuse_moved_degrees(numbers: list[tuple[float, float]], label: str) -> None:
    """Degrees under a projected CRS would be taken for metres beside its origin, which lies in Japan."""
    if any(in_japan(y, x) or in_japan(x, y) for x, y in numbers):
        raise _refused(
            "crs-contradicts", label,
            "の座標は度の値で、書かれている座標系（平面直角座標系など）と合いません。正しい座標系で書き出し直してください",
            "has coordinates in degrees, which contradict its stated (projected) coordinate system; export it again",
        )  # fmt: skip


def parse_shapefile_rows(path: Path, label: str, limits: Limits) -> RawTable:
    """The only Shapefile of a zip. Raises FileFormatError "shapefile-choose", "shapefile-incomplete", …"""
    parts = _shapefile_parts(path, label)
    guesses: list[Remark] = []
    dbf = parts.get(".dbf", b"")
    stated = None
    if not parts.get(".cpg", b"").strip():
        if not dbf.isascii():
            guesses.append(
                Remark("encoding-guessed", "文字コード（.cpg）がないため、内容から判断しました。", "No .cpg: the encoding was judged by the content.")
            )
        # Language driver 0x13 is Shift_JIS.
        stated = "cp932" if dbf[29:30] == b"\x13" else None
    prj = parts.get(".prj", b"").decode("utf-8", "replace").strip("\ufeff \r\n\t\x00")
    lost = _drop_impossible(parts)
    if not prj:
        guesses.append(
            Remark("crs-assumed", "座標系（.prj）がないため、緯度経度（JGD2011）とみなしました。", "No .prj: taken as longitude and latitude (JGD2011).")
        )
    elif "PROJCS" in prj.upper() or "PROJCRS" in prj.upper():
        _refuse_moved_degrees(_shp_numbers(parts), label)
        guesses.append(_projected())
    else:
        numbers = _shp_numbers(parts)
        if numbers and all(max(abs(x), abs(y)) > 360 for x, y in numbers):
            raise _refused(
                "crs-contradicts", label,
                "の座標はメートルの値で、書かれている座標系（緯度経度）と合いません。正しい .prj を付けてください",
                "has coordinates in metres, which contradict its .prj (degrees); add the right .prj",
            )  # fmt: skip
        if "tokyo" in prj.lower():
            guesses.append(_tokyo())
    table = parse_shapefile(parts, name=label, encoding=stated, judge=False)
    raw = _from_features(table, label, limits, {"format": "Shapefile"}, guesses)
    numbers_of = [f.number - 1 for f in table.features]
    for row, at in zip(raw.rows, numbers_of, strict=True):
        if at in lost:
            row.lonlat, row.geometry = (math.nan, math.nan), "Point"
    return raw


def _shapefile_parts(path: Path, label: str) -> dict[str, bytes]:
    parts: dict[str, bytes] = {}
    with zipfile.ZipFile(path) as archive:
        members = {i.filename.replace("\\", "/"): i for i in archive.infolist() if not is_litter(i)}
        shapes = [n for n in members if n.lower().endswith(".shp")]
        if len(shapes) != 1:
            raise _refused(
                "shapefile-choose", label,
                f"の中の .shp は {len(shapes)} 個です。Shapefile を一つだけ入れてください",
                f"holds {len(shapes)} .shp files; put exactly one Shapefile into it",
            )  # fmt: skip
        stem = str(PurePosixPath(shapes[0]).with_suffix("")).lower()
        for name, info in members.items():
            content = read_member(archive, info, label)  # all of them: a false size anywhere is a false archive
            suffix = PurePosixPath(name).suffix.lower()
            if suffix in _PARTS and str(PurePosixPath(name).with_suffix("")).lower() == stem:
                parts[suffix] = content
    return parts


def _point_records(shp: bytes) -> Iterator[tuple[int, int, float, float]]:
    """(record from 0, offset of its content, x, y) of the point records of a .shp; ends quietly where it is broken."""
    at, number = 100, 0
    while at + 12 <= len(shp):
        length = struct.unpack_from(">i", shp, at + 4)[0] * 2
        if length < 4 or at + 8 + length > len(shp):
            return
        if struct.unpack_from("<i", shp, at + 8)[0] in (1, 11, 21) and length >= 20:
            yield (number, at + 8, *struct.unpack_from("<2d", shp, at + 12))
        at, number = at + 8 + length, number + 1


def _shp_numbers(parts: dict[str, bytes]) -> list[tuple[float, float]]:
    return [(x, y) for _, _, x, y in _point_records(parts.get(".shp", b""))]


def _drop_impossible(parts: dict[str, bytes]) -> set[int]:
    """Points that are no numbers become null shapes, so that they spoil their row and not the file; which they were."""
    shp = bytearray(parts.get(".shp", b""))
    lost = set()
    for number, at, x, y in list(_point_records(bytes(shp))):
        if not (abs(x) < 1e9 and abs(y) < 1e9):
            struct.pack_into("<i", shp, at, 0)
            lost.add(number)
    if lost:
        parts[".shp"] = bytes(shp)
    return lost


def _from_features(
    table: FeatureTable, label: str, limits: Limits, understood: dict[str, str], guesses: list[Remark]
) -> RawTable:
    if len(table.features) > limits.rows:
        raise _too_many(label, limits)
    names = list(table.columns)
    if len(names) > limits.columns:
        raise _too_wide(label, limits)
    rows: list[RawRow] = []
    multi = 0
    for number, feature in enumerate(table.features):
        geometry = feature.geometry
        kind = "" if geometry is None else geometry.geom_type
        if geometry is not None and kind == "MultiPoint" and len(geometry.geoms) == 1:
            geometry, kind = geometry.geoms[0], "Point"
            multi += 1
        where = (float(geometry.x), float(geometry.y)) if geometry is not None and kind == "Point" else None
        cells = [_text(feature.properties.get(name), label, limits) for name in names]
        area = geometry if kind in _AREAS else None
        rows.append(RawRow(number, cells, lonlat=where, geometry=kind, shape=area))
    if multi:
        guesses.append(_single(multi))
    return RawTable(names, rows, spatial=True, guesses=guesses, understood=understood)


def _single(count: int) -> Remark:
    return Remark("multipoint-single", f"点が一つだけの複合点を点として読みました（{count} 件）。", f"Multipoints of one point were read as points ({count} rows).")


def _load_json(data: bytes, label: str) -> tuple[Any, list[Remark]]:
    text, _, guesses = decode_upload(data, label)

    def refuse(constant: str) -> float:
        raise ValueError(f"{constant} is not JSON")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise _KeyTwiceError
        return found

    try:
        return json.loads(text, parse_constant=refuse, object_pairs_hook=once), guesses
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


_AREAS = {"Polygon", "MultiPolygon"}


def _area(geometry: Any, kind: str, epsg: int | None) -> BaseGeometry | None:
    """A GeoJSON area in degrees of JGD2011, None for everything else and for what is no valid area."""
    if kind not in _AREAS:
        return None
    try:
        area = shapely.force_2d(shapely.geometry.shape(geometry))
        if epsg == TOKYO_DATUM:
            area = shapely.transform(area, lambda xy: np.array([tokyo_to_lonlat(*p) for p in xy.tolist()]))
        return area if np.isfinite(shapely.get_coordinates(area)).all() else None
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, OverflowError, shapely.errors.ShapelyError):
        return None


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
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else str(value)
    if len(text) > limits.cell_characters:
        raise _refused(
            "cell-too-long", label, f"に {limits.cell_characters:,} 文字を超える値があります", f"has a value of more than {limits.cell_characters:,} characters"
        )
    return text


def _projected() -> Remark:
    return Remark("crs-transformed", "平面直角座標などから緯度経度に変換しました。", "Transformed from a projected CRS to degrees.")


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
