"""Coordinates as files carry them → longitude, latitude in degrees (JGD2011, which is WGS 84 here).

JGD2000, JGD2011 and WGS 84 differ by nothing that matters on a coverage map and pass unchanged. The Tokyo datum lies
about 450 m off (north-west) and is transformed; so are projected systems that a file *declares*. Undeclared metres
are refused: nobody can tell one plane rectangular zone from another by its numbers.
"""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from coverage.errors import FileFormatError

JAPAN_WEST, JAPAN_SOUTH, JAPAN_EAST, JAPAN_NORTH = 122.0, 20.0, 154.0, 46.0
"""Japan with the sea around it, degrees."""

TOKYO_DATUM: Final = 4301
_SAME_AS_JGD2011: Final = frozenset({4326, 6668, 4612, 84})

_EPSG_NAME = re.compile(r"(?:EPSG|OGC)[:/](?:[\d.]*[:/])?(?:CRS)?(\d+)$", re.IGNORECASE)


def in_japan(lat: float, lon: float) -> bool:
    """Whether a position lies in the box of Japan and its seas. False for NaN."""
    return JAPAN_SOUTH <= lat <= JAPAN_NORTH and JAPAN_WEST <= lon <= JAPAN_EAST


def geojson_crs(member: Any, *, name: str) -> int | None:
    """EPSG code of a GeoJSON ``crs`` member (abolished by RFC 7946, still written by many), None where there is none.

    Only named geographic systems are taken. Raises FileFormatError "crs-projected" for a projected one and
    "crs-unknown" for links and everything else: a link is never followed.
    """
    if member is None:
        return None
    text = ""
    if (
        isinstance(member, dict)
        and member.get("type") == "name"
        and isinstance(member.get("properties"), dict)
    ):
        text = str(member["properties"].get("name", ""))
    match = _EPSG_NAME.search(text)
    code = int(match[1]) if match else 0
    if code in _SAME_AS_JGD2011 or code == TOKYO_DATUM:
        return code
    if code:
        raise FileFormatError(
            "crs-projected",
            f"「{name}」の crs は {text} で、緯度経度（JGD2011・WGS 84）ではありません。"
            "緯度経度に変換した GeoJSON を置いてください。",
            f"The crs of '{name}' is {text}, which is not longitude and latitude (JGD2011, WGS 84); "
            "convert the file to longitude and latitude.",
        )
    raise FileFormatError(
        "crs-unknown",
        f"「{name}」の crs「{text or member}」が分かりません。緯度経度（JGD2011・WGS 84）の GeoJSON を置いてください。",
        f"The crs of '{name}' ({text or member}) is unknown; use GeoJSON in longitude and latitude.",
    )


def to_lonlat(
    geometries: NDArray[Any], crs: int | str | None, *, name: str, judge: bool = True
) -> NDArray[Any]:
    """Geometries (array of shapely objects, None allowed) in longitude, latitude.

    ``crs`` is an EPSG code, the WKT of a .prj or GeoPackage, or None where the file says nothing: degrees are then
    taken as JGD2011. Raises FileFormatError "crs-missing" (metres without a CRS), "crs-unknown", "crs-contradicts"
    (a geographic CRS with numbers that are no degrees) or "outside-japan". With ``judge`` false single positions are the
    caller's question: the two last are not raised, and metres are refused only where no position could be degrees.
    """
    if crs is None or (isinstance(crs, int) and crs in _SAME_AS_JGD2011):
        checked = geometries
    else:
        checked = _transformed(geometries, crs, name)
    bounds = shapely.total_bounds(checked) if len(checked) else np.full(4, np.nan)
    if not judge:
        largest = np.abs(shapely.bounds(checked)).max(axis=1) if len(checked) else np.zeros(0)
        if crs is None and np.isfinite(largest).any() and (largest[np.isfinite(largest)] > 360.0).all():
            _check_degrees(bounds, declared=False, name=name)
        return checked
    if not np.isfinite(bounds).all():
        if all(g is None or g.is_empty for g in checked):
            return checked
        raise _contradiction(name, bounds)
    _check_degrees(bounds, declared=crs is not None, name=name)
    return checked


def lonlat_point(lon: float, lat: float, crs: int) -> tuple[float, float]:
    """One position of EPSG ``crs`` (4326, 6668, 4612 or the Tokyo datum 4301) as (lon, lat)."""
    if crs in _SAME_AS_JGD2011:
        return lon, lat
    from pyproj import Transformer

    x, y = Transformer.from_crs(crs, 4326, always_xy=True).transform(lon, lat)
    return float(x), float(y)


def _transformed(geometries: NDArray[Any], crs: int | str, name: str) -> NDArray[Any]:
    from pyproj import CRS, Transformer
    from pyproj.exceptions import CRSError

    try:
        source = CRS.from_user_input(crs)
    except CRSError:
        raise _unknown(name, str(crs)[:80]) from None
    if source.is_geographic:
        datum = f"{source.name} {source.datum.name if source.datum else ''}"
        if re.search(
            r"JGD|Japanese[ _]Geodetic|WGS[ _]?(19)?84|World[ _]Geodetic[ _]System[ _]1984",
            datum,
            re.IGNORECASE,
        ):
            return geometries
        if not re.search("Tokyo", datum, re.IGNORECASE):
            raise _unknown(name, source.name)
        bounds = shapely.total_bounds(geometries)
        if np.isfinite(bounds).all():
            _check_degrees(bounds, declared=True, name=name)
        source = CRS.from_epsg(TOKYO_DATUM)
    elif not source.is_projected:
        raise _unknown(name, source.name)
    transformer = Transformer.from_crs(source, 4326, always_xy=True)
    moved = shapely.transform(
        geometries, lambda xy: np.column_stack(transformer.transform(xy[:, 0], xy[:, 1]))
    )
    return np.asarray(moved, dtype=object)


def _check_degrees(bounds: NDArray[np.float64], *, declared: bool, name: str) -> None:
    west, south, east, north = (float(v) for v in bounds)
    if not (west >= -180.0 and east <= 180.0 and south >= -180.0 and north <= 180.0):
        if declared:
            raise _contradiction(name, bounds)
        raise FileFormatError(
            "crs-missing",
            f"「{name}」の座標（{west:.1f}, {south:.1f} など）は度ではなく、座標系も書かれていません。"
            ".prj を添えるか、緯度経度に変換してください。",
            f"The coordinates of '{name}' ({west:.1f}, {south:.1f}, …) are not degrees and no coordinate system is "
            "given; add its .prj or convert it to longitude and latitude.",
        )
    if in_japan(south, west) and in_japan(north, east):
        return
    swapped = in_japan(west, south) and in_japan(east, north)
    hint_ja = "緯度と経度の順が逆のようです。" if swapped else ""
    hint_en = " latitude and longitude seem to be swapped;" if swapped else ""
    raise FileFormatError(
        "outside-japan",
        f"「{name}」の範囲（経度 {west:.4f}〜{east:.4f}、緯度 {south:.4f}〜{north:.4f}）は日本の外に出ています。"
        f"{hint_ja}座標を確かめてください。",
        f"'{name}' reaches outside Japan (longitude {west:.4f} to {east:.4f}, latitude {south:.4f} to {north:.4f});"
        f"{hint_en} check its coordinates.",
    )


def _contradiction(name: str, bounds: NDArray[np.float64]) -> FileFormatError:
    shown = ", ".join(f"{v:.4f}" for v in bounds)
    return FileFormatError(
        "crs-contradicts",
        f"「{name}」の座標（{shown}）が、書かれている座標系と合いません。正しい座標系で書き出し直してください。",
        f"The coordinates of '{name}' ({shown}) contradict its stated coordinate system; export it again.",
    )


def _unknown(name: str, shown: str) -> FileFormatError:
    return FileFormatError(
        "crs-unknown",
        f"「{name}」の座標系「{shown}」が分かりません。緯度経度（JGD2011）に変換してください。",
        f"The coordinate system of '{name}' ({shown}) is unknown; convert it to longitude and latitude (JGD2011).",
    )
