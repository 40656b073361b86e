"""KML 2.2 and KMZ (OGC 12-007r2) through defusedxml: placemarks with their extended data.

Coordinates are longitude, latitude[, altitude] in WGS 84 by definition. A document that points elsewhere
(NetworkLink) is refused, because what it shows is not in the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import defusedxml
import numpy as np
import shapely
from defusedxml.ElementTree import fromstring
from shapely.geometry.base import BaseGeometry

from coverage.errors import FileFormatError
from coverage.readers.archives import open_archive
from coverage.readers.crs import to_lonlat
from coverage.readers.features import Feature, FeatureTable
from coverage.readers.text import read_bytes

_PARTS = ("Point", "LineString", "LinearRing", "Polygon", "MultiGeometry")


def read_kml(path: Path) -> FeatureTable:
    """All placemarks of a .kml or .kmz file. Errors as :func:`parse_kml`."""
    if path.suffix.lower() != ".kmz":
        return parse_kml(read_bytes(path), name=path.name)
    with open_archive(path) as archive:
        members = archive.with_suffix(".kml")
        # The specification lets the main file have any name, but it is doc.kml by custom.
        main = next((m for m in members if m.lower() == "doc.kml"), members[0] if len(members) == 1 else None)
        if main is None:
            raise FileFormatError(
                "kmz-without-kml",
                f"「{path.name}」の中に doc.kml がありません（{len(members)} 個の KML）。書き出し直してください。",
                f"'{path.name}' holds no doc.kml ({len(members)} KML files); export it again.",
            )
        return parse_kml(archive.read(main), name=path.name)


def parse_kml(data: bytes, *, name: str, judge: bool = True) -> FeatureTable:
    """All placemarks, in document order; ``name`` and ``description`` are properties beside the extended data.

    Raises FileFormatError: "xml-broken", "xml-doctype", "kml-not", "kml-network-link", "geometry-broken".
    """
    root = parse_xml(data, name=name)
    if _local(root) != "kml":
        raise FileFormatError(
            "kml-not",
            f"「{name}」は KML ではありません（最上位の要素は {_local(root)}）。種類の違うファイルでないかを確かめてください。",
            f"'{name}' is not KML (its root element is {_local(root)}); check that it is the right file.",
        )
    if any(_local(e) == "NetworkLink" for e in root.iter()):
        raise FileFormatError(
            "kml-network-link",
            f"「{name}」は別の場所のデータを参照するだけの KML（NetworkLink）です。実データを保存した KML を置いてください。",
            f"'{name}' only points to data elsewhere (NetworkLink); save a KML that holds the data itself.",
        )
    placemarks = [e for e in root.iter() if _local(e) == "Placemark"]
    geometries = np.empty(len(placemarks), dtype=object)
    properties = []
    for position, placemark in enumerate(placemarks):
        try:
            geometries[position] = _placemark_geometry(placemark)
        except (ValueError, shapely.errors.ShapelyError) as problem:
            raise FileFormatError(
                "geometry-broken",
                f"「{name}」の {position + 1} 番目の Placemark の座標が読めません（{problem}）。書き出し直してください。",
                f"Placemark {position + 1} of '{name}' has coordinates that cannot be read ({problem}); "
                "export it again.",
            ) from None
        properties.append(_properties(placemark))
    placed = to_lonlat(geometries, None, name=name, judge=judge)
    return FeatureTable(
        name,
        tuple(
            Feature(number, geometry, own)
            for number, (geometry, own) in enumerate(zip(placed, properties, strict=True), start=1)
        ),
    )


def parse_xml(data: bytes, *, name: str) -> Element:
    """The root of an XML document. Raises FileFormatError "xml-broken", or "xml-doctype" for any DOCTYPE."""
    try:
        root = fromstring(data, forbid_dtd=True)
    except defusedxml.DefusedXmlException:
        raise FileFormatError(
            "xml-doctype",
            f"「{name}」に DOCTYPE 宣言が含まれています。安全のため読めません。宣言のない形で書き出し直してください。",
            f"'{name}' has a DOCTYPE, which is not read for safety; export it without one.",
        ) from None
    except (ParseError, ValueError, LookupError, RecursionError) as problem:
        raise FileFormatError(
            "xml-broken",
            f"「{name}」は XML として読めません（{problem}）。途中で切れていないかを確かめ、入手し直してください。",
            f"'{name}' cannot be read as XML ({problem}); check that it is complete and get it again.",
        ) from None
    assert isinstance(root, Element)
    return root


def _local(element: Element) -> str:
    return str(element.tag).rsplit("}", 1)[-1]


def _children(element: Element, name: str) -> list[Element]:
    return [child for child in element if _local(child) == name]


def _text(element: Element, name: str) -> str:
    found = _children(element, name)
    return (found[0].text or "").strip() if found else ""


def _properties(placemark: Element) -> dict[str, Any]:
    own: dict[str, Any] = {"name": _text(placemark, "name"), "description": _text(placemark, "description")}
    for element in placemark.iter():
        if _local(element) == "Data":
            own[element.get("name", "")] = _text(element, "value")
        elif _local(element) == "SimpleData":
            own[element.get("name", "")] = (element.text or "").strip()
    return own


def _placemark_geometry(placemark: Element) -> BaseGeometry | None:
    parts = [child for child in placemark if _local(child) in _PARTS]
    if not parts:
        return None
    if len(parts) > 1:
        raise ValueError("more than one geometry")
    return _geometry(parts[0])


def _geometry(element: Element) -> BaseGeometry:
    kind = _local(element)
    if kind == "Point":
        points = _coordinates(element)
        if len(points) != 1:
            raise ValueError(f"a Point with {len(points)} positions")
        return shapely.Point(points[0])
    if kind in ("LineString", "LinearRing"):
        return shapely.LineString(_coordinates(element))
    if kind == "Polygon":
        outer = _children(element, "outerBoundaryIs")
        if len(outer) != 1:
            raise ValueError("a Polygon without one outer boundary")
        holes = [_ring(e) for e in _children(element, "innerBoundaryIs")]
        return shapely.Polygon(_ring(outer[0]), holes)
    return _collected([_geometry(child) for child in element if _local(child) in _PARTS])


def _ring(boundary: Element) -> Any:
    rings = _children(boundary, "LinearRing")
    if len(rings) != 1:
        raise ValueError("a boundary without one LinearRing")
    return _coordinates(rings[0])


def _coordinates(element: Element) -> Any:
    found = _children(element, "coordinates")
    positions = (found[0].text or "").split() if found else []
    if not positions:
        raise ValueError("no coordinates")
    points = np.array(
        [[float(v) for v in position.split(",")[:2]] for position in positions], dtype=np.float64
    )
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise ValueError("a position is not lon,lat")
    return points


def _collected(parts: list[BaseGeometry]) -> BaseGeometry:
    kinds = {part.geom_type for part in parts}
    makers = {
        "Point": shapely.multipoints,
        "LineString": shapely.multilinestrings,
        "Polygon": shapely.multipolygons,
    }
    maker = makers[kinds.pop()] if len(kinds) == 1 and kinds <= set(makers) else shapely.geometrycollections
    collected: BaseGeometry = maker(parts)
    return collected
