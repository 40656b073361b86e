"""GeoJSON as RFC 7946 wants it: lon/lat in WGS 84, no crs member, no NaN, exterior rings counter-clockwise."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

DECIMALS = 6
"""About 0.1 m; RFC 7946 §11.2 advises against more."""


def feature(geometry: BaseGeometry | None, properties: Mapping[str, Any], feature_id: str) -> dict[str, Any]:
    """One Feature. NaN among the properties becomes null; geometry is rounded, repaired and oriented (§3.1.6)."""
    return {
        "type": "Feature",
        "id": feature_id,
        "geometry": None if geometry is None else _geometry(geometry),
        "properties": {key: _plain(value) for key, value in properties.items()},
    }


def collection(features: Iterable[dict[str, Any]], members: Mapping[str, Any]) -> dict[str, Any]:
    """A FeatureCollection with foreign members (§6.1) such as the run id, the licence and the credits."""
    return {"type": "FeatureCollection", **members, "features": list(features)}


def write_geojson(path: Path, document: Mapping[str, Any]) -> None:
    """UTF-8 without BOM, one feature a line so that two editions can be compared with diff."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = {k: v for k, v in document.items() if k != "features"}
    lines = [
        json.dumps(f, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        for f in document["features"]
    ]
    text = json.dumps(head, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    body = text[:-1] + ',"features":[\n' + ",\n".join(lines) + "\n]}\n"
    path.write_text(body, encoding="utf-8", newline="\n")


def _geometry(geometry: BaseGeometry) -> dict[str, Any]:
    snapped = shapely.set_precision(geometry, 10.0**-DECIMALS)
    if snapped.is_empty:
        # Smaller than the rounding: keep the place rather than lose the feature.
        snapped = shapely.set_precision(geometry.representative_point(), 10.0**-DECIMALS)
    oriented = shapely.orient_polygons(snapped, exterior_cw=False)
    plain: dict[str, Any] = _round(mapping(oriented))
    return plain


def _round(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DECIMALS)
    if isinstance(value, (list, tuple)):
        return [_round(v) for v in value]
    if isinstance(value, dict):
        return {k: _round(v) for k, v in value.items()}
    return value


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
