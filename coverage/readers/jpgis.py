"""N03 boundaries in JPGIS 2.1 GML, as KSJ puts them beside its Shapefile: curves, surfaces and areas by reference.

``gml:posList`` runs latitude, longitude. A surface names its rings by ``xlink:href``, an area names its surface; an
area may also be the history of a municipality (行政区域の変遷, same element, with a date of disappearance), which is
another product and refused.
"""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from coverage.errors import FileFormatError
from coverage.readers.crs import to_lonlat
from coverage.readers.features import Feature, FeatureTable
from coverage.readers.kml import parse_xml

_GML = "{http://www.opengis.net/gml/3.2}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_ATTRIBUTES = {
    "prefectureName": "N03_001",
    "subPrefectureName": "N03_002",
    "countyName": "N03_003",
    "cityName": "N03_004",
    "wardName": "N03_005",
    "administrativeAreaCode": "N03_007",
}


def parse_n03_gml(data: bytes, *, name: str) -> FeatureTable:
    """Areas of an N03 GML file with the attribute names of its Shapefile, in longitude, latitude.

    Raises FileFormatError: "xml-broken", "gml-not-n03", "gml-history", "geometry-broken" (a reference that leads
    nowhere, a curve that is none, ends that do not meet), "crs-unknown".
    """
    root = parse_xml(data, name=name)
    areas = [e for e in root if _local(e.tag) == "AdministrativeBoundary"]
    if not areas:
        raise FileFormatError(
            "gml-not-n03",
            f"「{name}」に行政区域（AdministrativeBoundary）がありません。国土数値情報 N03 の GML を置いてください。",
            f"'{name}' has no AdministrativeBoundary; use the GML of KSJ N03.",
        )
    _check_crs(root, name)
    curves = {_id(e): e for e in root.iter(f"{_GML}Curve")}
    surfaces = {_id(e): e for e in root.iter(f"{_GML}Surface")}
    points: dict[str, NDArray[np.float64]] = {}
    geometries = np.empty(len(areas), dtype=object)
    properties: list[dict[str, Any]] = []
    for position, area in enumerate(areas):
        own = {_ATTRIBUTES.get(_local(c.tag), _local(c.tag)): (c.text or "").strip() or None for c in area}
        if own.get("disappearanceDate"):
            raise FileFormatError(
                "gml-history",
                f"「{name}」は行政区域の変遷（過去の区域）のデータです。現在の行政区域 N03 を置いてください。",
                f"'{name}' holds the history of municipalities; use the present boundaries N03.",
            )
        try:
            bounds = next(c for c in area if _local(c.tag) == "bounds")
            geometries[position] = _surface(surfaces[_target(bounds)], curves, points)
        except (KeyError, StopIteration, ValueError, shapely.errors.ShapelyError) as problem:
            raise FileFormatError(
                "geometry-broken",
                f"「{name}」の {position + 1} 番目の区域の図形が読めません（{problem}）。入手元から取り直してください。",
                f"Area {position + 1} of '{name}' has a geometry that cannot be read ({problem}); get it again.",
            ) from None
        own.pop("bounds", None)
        properties.append(own)
    placed = to_lonlat(geometries, None, name=name)
    return FeatureTable(
        name,
        tuple(
            Feature(number, geometry, own)
            for number, (geometry, own) in enumerate(zip(placed, properties, strict=True), start=1)
        ),
    )


def _check_crs(root: Element, name: str) -> None:
    """srsName occurs as JGD2011 / (B, L), JGD2000 / (B, L) or an EPSG URN; a plane or vertical one does not belong."""
    for element in root.iter():
        stated = element.get("srsName")
        if stated is None:
            continue
        if "JGD" not in stated.upper() and stated.rsplit(":", 1)[-1] not in ("6668", "4612", "6697"):
            raise FileFormatError(
                "crs-unknown",
                f"「{name}」の座標系「{stated}」は緯度経度（JGD2011・JGD2000）ではありません。N03 の GML を取り直してください。",
                f"The coordinate system of '{name}' ({stated}) is not latitude and longitude in JGD2011 or JGD2000; "
                "get the N03 GML again.",
            )
        return


def _surface(
    surface: Element, curves: dict[str, Element], points: dict[str, NDArray[np.float64]]
) -> BaseGeometry:
    patches = []
    for patch in surface.iter(f"{_GML}PolygonPatch"):
        exterior = patch.find(f"{_GML}exterior")
        if exterior is None:
            raise ValueError("a patch without exterior")
        holes = [_ring(e, curves, points) for e in patch.findall(f"{_GML}interior")]
        patches.append(shapely.Polygon(_ring(exterior, curves, points), holes))
    if not patches:
        raise ValueError("a surface without patches")
    joined: BaseGeometry = patches[0] if len(patches) == 1 else shapely.multipolygons(patches)
    return joined


def _ring(
    boundary: Element, curves: dict[str, Element], points: dict[str, NDArray[np.float64]]
) -> NDArray[np.float64]:
    direct = boundary.find(f"{_GML}LinearRing/{_GML}posList")
    if direct is not None:
        return _lonlat(direct)
    pieces = []
    for member in boundary.iter(f"{_GML}curveMember"):
        if member.get(_HREF) is None:
            pieces += [_lonlat(e) for e in member.iter(f"{_GML}posList")]
            continue
        target = _target(member)
        if target not in points:
            points[target] = np.concatenate([_lonlat(e) for e in curves[target].iter(f"{_GML}posList")])
        pieces.append(points[target])
    if not pieces:
        raise ValueError("a ring without curves")
    ring = pieces[0]
    for piece in pieces[1:]:
        if not np.array_equal(ring[-1], piece[0]):
            raise ValueError("the curves of a ring do not meet")
        ring = np.concatenate([ring, piece[1:]])
    if not np.array_equal(ring[0], ring[-1]):
        raise ValueError("a ring is not closed")
    return ring


def _lonlat(pos_list: Element) -> NDArray[np.float64]:
    numbers = np.array((pos_list.text or "").split(), dtype=np.float64)
    if numbers.size < 4 or numbers.size % 2 or not np.isfinite(numbers).all():
        raise ValueError("a posList is not pairs of latitude and longitude")
    return numbers.reshape(-1, 2)[:, ::-1]


def _target(element: Element) -> str:
    return element.get(_HREF, "").removeprefix("#")


def _id(element: Element) -> str:
    return element.get(f"{_GML}id", "")


def _local(tag: str) -> str:
    return tag.rsplit("}", 1)[-1]
