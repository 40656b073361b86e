"""GeoJSON and KML uploads → :class:`~coverage.uploads.tables.RawTable`, by json and defusedxml. Child only."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import numpy as np
import shapely
import shapely.geometry
from shapely.geometry.base import BaseGeometry

from coverage.readers.crs import TOKYO_DATUM, geojson_crs
from coverage.readers.kml import parse_xml
from coverage.uploads.headers import field_of
from coverage.uploads.limits import Limits
from coverage.uploads.positions import tokyo_to_lonlat
from coverage.uploads.report import Remark
from coverage.uploads.tables import RawRow, RawTable
from coverage.uploads.text import decode_upload
from coverage.uploads.vector_parts import (
    AREAS,
    cell_text,
    datum_transformed,
    multipoint_single,
    refused,
    too_many_columns,
    too_many_rows,
)


def parse_geojson_rows(data: bytes, label: str, limits: Limits) -> RawTable:
    """Features one by one, so that one bad feature spoils one row. Raises FileFormatError "json-broken", "geojson-not",
    "json-too-deep", "json-key-twice", "crs-projected", "crs-unknown" (a linked CRS is never followed), "too-many-…"."""
    loaded, guesses = _load_json(data, label)
    document: dict[str, Any] = loaded if isinstance(loaded, dict) else {}
    kind = document.get("type")
    features = document.get("features") if kind == "FeatureCollection" else [document] if kind == "Feature" else None
    if not isinstance(features, list):
        raise refused(
            "geojson-not", label, "は GeoJSON の FeatureCollection ではありません", "is not a GeoJSON FeatureCollection"
        )
    _check_depth(document, label, limits)
    epsg = geojson_crs(document.get("crs"), name=label)
    if epsg == TOKYO_DATUM:
        guesses.append(datum_transformed())
    if len(features) > limits.rows:
        raise too_many_rows(label, limits)
    columns: dict[str, None] = {}
    for item in features:
        if isinstance(item, dict) and isinstance(item.get("properties"), dict):
            columns |= dict.fromkeys(item["properties"])
    names = list(columns)
    if len(names) > limits.columns:
        raise too_many_columns(label, limits)
    rows: list[RawRow] = []
    multi = 0
    for number, item in enumerate(features):
        if not isinstance(item, dict) or item.get("type") != "Feature":
            spoilt = Remark("feature-broken", "地物ではありません。", "Not a Feature.", row=number)
            rows.append(RawRow(number, [""] * len(names), spoilt=spoilt))
            continue
        own = item.get("properties")
        properties: dict[str, Any] = own if isinstance(own, dict) else {}
        cells = [cell_text(properties.get(name), label, limits) for name in names]
        geometry = item.get("geometry")
        where, kind_ = _point(geometry)
        multi += isinstance(geometry, dict) and geometry.get("type") == "MultiPoint" and kind_ == "Point"
        if where is not None and epsg == TOKYO_DATUM and all(map(math.isfinite, where)):
            where = tokyo_to_lonlat(*where)
        rows.append(RawRow(number, cells, lonlat=where, geometry=kind_, shape=_area(geometry, kind_, epsg)))
    if multi:
        guesses.append(multipoint_single(multi))
    datum = None if epsg is None else "tokyo" if epsg == TOKYO_DATUM else "jgd2011"
    understood = {"format": "GeoJSON", "crs": f"EPSG:{epsg or 4326}"}
    return RawTable(names, rows, spatial=True, guesses=guesses, understood=understood, datum=datum)


def parse_kml_rows(data: bytes, label: str, limits: Limits) -> RawTable:
    """Placemarks one by one, so that one bad placemark spoils one row.

    Raises FileFormatError "xml-broken", "xml-doctype", "xml-too-deep", "kml-not", "kml-network-link".
    """
    root = parse_xml(_as_utf8_xml(data, label), name=label)
    stack = [(root, 1)]
    while stack:
        element, depth = stack.pop()
        if depth > limits.depth:
            raise refused("xml-too-deep", label, f"の入れ子が {limits.depth} 段を超えています", f"is nested deeper than {limits.depth}")
        stack += [(child, depth + 1) for child in element]
    if _local(root) != "kml":
        raise refused("kml-not", label, "は KML ではありません", f"is not KML (its root element is {_local(root)[:60]})")
    if any(_local(e) == "NetworkLink" for e in root.iter()):
        raise refused(
            "kml-network-link", label,
            "は別の場所のデータを参照するだけの KML（NetworkLink）です。実データを保存した KML にしてください",
            "only points to data elsewhere (NetworkLink); save a KML that holds the data itself",
        )  # fmt: skip
    placemarks = [e for e in root.iter() if _local(e) == "Placemark"]
    if len(placemarks) > limits.rows:
        raise too_many_rows(label, limits)
    own = [_kml_values(p) for p in placemarks]
    clashing = [_clashing_key(p) for p in placemarks]
    names = list(dict.fromkeys(key for values in own for key in values))
    if len(names) > limits.columns:
        raise too_many_columns(label, limits)
    rows: list[RawRow] = []
    for number, (placemark, values) in enumerate(zip(placemarks, own, strict=True)):
        where, kind = _kml_point(placemark)
        key, spoilt = clashing[number], None
        if key is not None:
            spoilt = Remark("feature-broken", f"項目「{key[:60]}」に値が二つあります。", f"It has two values of '{key[:60]}'.", row=number)
        cells = [cell_text(values.get(n), label, limits) for n in names]
        rows.append(RawRow(number, cells, lonlat=where, geometry=kind, spoilt=spoilt))
    return RawTable(names, rows, spatial=True, understood={"format": "KML", "crs": "EPSG:4326"})


def _as_utf8_xml(data: bytes, label: str) -> bytes:
    """XML that declares itself Shift_JIS, which expat does not know, in UTF-8; everything else as it is."""
    declared = re.match(rb"""\s*<\?xml[^>]*encoding=["'](shift_jis|sjis|windows-31j|cp932|ms932|x-sjis)["'][^>]*\?>""", data, re.IGNORECASE)
    if declared is None:
        return data
    try:
        return data[declared.end() :].decode("cp932").encode("utf-8")
    except UnicodeDecodeError:
        raise refused("xml-broken", label, "は書かれている文字コード（Shift_JIS）で読めません", "does not decode as the Shift_JIS it declares") from None


def _local(element: Any) -> str:
    return str(element.tag).rsplit("}", 1)[-1]


def _clashing_key(placemark: Any) -> str | None:
    """A column that one placemark gives two values; nobody can tell which one is meant."""
    seen: dict[str, str] = {}
    for element in placemark.iter():
        if _local(element) in ("Data", "SimpleData"):
            name = element.get("name", "")
            text = element.text if _local(element) == "SimpleData" else next((c.text for c in element if _local(c) == "value"), None)
            if seen.setdefault(name, (text or "").strip()) != (text or "").strip():
                return str(name)
    return None


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
        raise refused(
            "json-key-twice", label, "に同じ名前の項目が二度あるものがあります", "has an object with one key twice"
        ) from None
    except (ValueError, RecursionError) as problem:
        reason = "nested too deeply" if isinstance(problem, RecursionError) else str(problem)[:120]
        raise refused(
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
            raise refused("json-too-deep", label, f"の入れ子が {limits.depth} 段を超えています", f"is nested deeper than {limits.depth}")
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


def _area(geometry: Any, kind: str, epsg: int | None) -> BaseGeometry | None:
    """A GeoJSON area in degrees of JGD2011, None for everything else and for what is no valid area."""
    if kind not in AREAS:
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


