"""GeoJSON (RFC 7946, and its forerunner with a ``crs`` member) and TopoJSON, by json and shapely only.

GDAL is kept away from text formats on purpose: it opens a virtual dataset under any extension and follows links.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import shapely
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry
from shapely.geometry.polygon import orient

from coverage.errors import FileFormatError
from coverage.readers.crs import geojson_crs, to_lonlat
from coverage.readers.features import Feature, FeatureTable
from coverage.readers.text import decode


def load_json(data: bytes, *, name: str) -> Any:
    """JSON by the book: NaN and Infinity are refused, and so is what nests too deep.

    Raises FileFormatError "json-broken" (also for a file that ends early).
    """
    text = decode(data, name=name).text

    def refuse(constant: str) -> float:
        raise ValueError(f"{constant} is not JSON")

    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as problem:
        reason = "nested too deeply" if isinstance(problem, RecursionError) else str(problem)
        raise FileFormatError(
            "json-broken",
            f"「{name}」は JSON として読めません（{reason}）。途中で切れていないかを確かめ、入手し直してください。",
            f"'{name}' cannot be read as JSON ({reason}); check that it is complete and get it again.",
        ) from None


def parse_geojson(data: bytes, *, name: str) -> FeatureTable:
    """All features of a FeatureCollection or one Feature, in longitude, latitude.

    Raises FileFormatError: "json-broken", "geojson-not" (other JSON, TopoJSON included), "geometry-broken", and what
    :func:`coverage.readers.crs.geojson_crs` and :func:`~coverage.readers.crs.to_lonlat` raise.
    """
    document = load_json(data, name=name)
    kind = document.get("type") if isinstance(document, dict) else None
    found = (
        document.get("features") if kind == "FeatureCollection" else [document] if kind == "Feature" else None
    )
    if not isinstance(found, list):
        raise FileFormatError(
            "geojson-not",
            f"「{name}」は GeoJSON の FeatureCollection ではありません（type は {kind or 'なし'}）。"
            "種類の違うファイルでないかを確かめてください。",
            f"'{name}' is not a GeoJSON FeatureCollection (its type is {kind or 'missing'}); "
            "check that it is the right file.",
        )
    crs = geojson_crs(document.get("crs"), name=name)
    geometries = np.empty(len(found), dtype=object)
    properties: list[dict[str, Any]] = []
    for position, item in enumerate(found):
        if not isinstance(item, dict) or item.get("type") != "Feature":
            raise _broken_geometry(name, position + 1, "not a Feature")
        geometries[position] = _geometry(item.get("geometry"), name, position + 1)
        own = item.get("properties")
        properties.append(own if isinstance(own, dict) else {})
    return _table(name, to_lonlat(geometries, crs, name=name), properties)


def parse_topojson(data: bytes, *, name: str, layer: str | None = None) -> FeatureTable:
    """All features of a TopoJSON file (its only object, or the one named ``layer``).

    Delta-coded arcs are decoded with the file's transform; an arc index ~i runs arc i backwards. Raises
    FileFormatError "json-broken", "topojson-not", "layer-choose" (several objects) or "geometry-broken".
    """
    document = load_json(data, name=name)
    if not isinstance(document, dict) or document.get("type") != "Topology":
        raise FileFormatError(
            "topojson-not",
            f"「{name}」は TopoJSON ではありません。種類の違うファイルでないかを確かめてください。",
            f"'{name}' is not TopoJSON; check that it is the right file.",
        )
    objects = document.get("objects")
    if not isinstance(objects, dict) or not objects:
        raise _broken_geometry(name, 0, "no objects")
    chosen = layer if layer is not None else next(iter(objects)) if len(objects) == 1 else None
    if chosen not in objects:
        raise FileFormatError(
            "layer-choose",
            f"「{name}」には複数の層（{'、'.join(objects)}）があります。options の layer で一つを選んでください。",
            f"'{name}' holds several layers ({', '.join(objects)}); choose one with the option 'layer'.",
        )
    try:
        arcs = _arcs(document)
        top = objects[chosen]
        items = top["geometries"] if top.get("type") == "GeometryCollection" else [top]
        geometries = np.empty(len(items), dtype=object)
        for position, item in enumerate(items):
            geometries[position] = _topo_geometry(item, arcs)
    except (KeyError, IndexError, TypeError, ValueError, shapely.errors.GEOSException) as problem:
        raise _broken_geometry(name, 0, f"{type(problem).__name__}: {problem}") from None
    properties = [item.get("properties") or {} for item in items]
    return _table(name, to_lonlat(geometries, None, name=name), properties)


def dump_geojson(features: Iterable[tuple[Mapping[str, Any], BaseGeometry | None]]) -> bytes:
    """An RFC 7946 FeatureCollection: UTF-8 without BOM, one feature a line, exteriors counter-clockwise, no NaN.

    Deterministic: the same features give the same bytes. Raises ValueError for a number that JSON does not have.
    """
    lines = []
    for properties, geometry in features:
        item = {
            "type": "Feature",
            "properties": dict(properties),
            "geometry": None if geometry is None else mapping(_right_hand(geometry)),
        }
        lines.append(json.dumps(item, ensure_ascii=False, allow_nan=False, separators=(",", ":")))
    body = ",\n".join(lines)
    return ('{"type":"FeatureCollection","features":[\n' + body + "\n]}\n").encode()


def _right_hand(geometry: BaseGeometry) -> BaseGeometry:
    if geometry.geom_type == "Polygon":
        return orient(geometry, 1.0)
    if geometry.geom_type == "MultiPolygon":
        return shapely.multipolygons([orient(part, 1.0) for part in geometry.geoms])
    return geometry


def _table(name: str, geometries: Any, properties: list[dict[str, Any]]) -> FeatureTable:
    return FeatureTable(
        name,
        tuple(
            Feature(number, geometry, own)
            for number, (geometry, own) in enumerate(zip(geometries, properties, strict=True), start=1)
        ),
    )


def _geometry(raw: Any, name: str, number: int) -> BaseGeometry | None:
    if raw is None:
        return None
    try:
        geometry = shapely.force_2d(shape(raw))
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        shapely.errors.ShapelyError,
    ) as problem:
        raise _broken_geometry(name, number, str(problem)) from None
    if not isinstance(geometry, BaseGeometry):
        raise _broken_geometry(name, number, "no geometry")
    coordinates = shapely.get_coordinates(geometry)
    if not np.isfinite(coordinates).all():
        raise _broken_geometry(name, number, "a coordinate is not a finite number")
    return None if geometry.is_empty else geometry


def _arcs(document: dict[str, Any]) -> list[np.ndarray[Any, np.dtype[np.float64]]]:
    transform = document.get("transform")
    arcs = []
    for raw in document["arcs"]:
        points = np.asarray([position[:2] for position in raw], dtype=np.float64)
        if transform is not None:
            points = np.cumsum(points, axis=0) * transform["scale"] + transform["translate"]
        if not np.isfinite(points).all():
            raise ValueError("a coordinate is not a finite number")
        arcs.append(points)
    return arcs


def _topo_geometry(item: dict[str, Any], arcs: list[Any]) -> BaseGeometry | None:
    def line(indices: list[int]) -> Any:
        # Neighbouring arcs share their end point, so each but the first drops its own first one.
        pieces = [arcs[i] if i >= 0 else arcs[~i][::-1] for i in indices]
        return np.concatenate([pieces[0], *(piece[1:] for piece in pieces[1:])])

    def polygon(rings: list[list[int]]) -> BaseGeometry:
        shell, *holes = [line(ring) for ring in rings]
        return shapely.Polygon(shell, holes)

    kind = item.get("type")
    if kind == "Polygon":
        return polygon(item["arcs"])
    if kind == "MultiPolygon":
        parts: BaseGeometry = shapely.multipolygons([polygon(rings) for rings in item["arcs"]])
        return parts
    if kind is None:
        return None
    raise ValueError(f"geometry type {kind}")


def _broken_geometry(name: str, number: int, reason: str) -> FileFormatError:
    where_ja = f" の {number} 番目の地物" if number else ""
    where_en = f"Feature {number} of " if number else ""
    return FileFormatError(
        "geometry-broken",
        f"「{name}」{where_ja}の図形が読めません（{reason}）。入手元から取り直してください。",
        f"{where_en}'{name}' has a geometry that cannot be read ({reason}); get the file again.",
    )
