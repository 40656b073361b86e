"""GeoPackage (OGC 12-128) through SQLite itself, read-only: feature tables, never views or extensions."""

from __future__ import annotations

import sqlite3
import struct
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from coverage.errors import FileFormatError
from coverage.readers.crs import to_lonlat
from coverage.readers.features import Feature, FeatureTable
from coverage.readers.text import read_bytes

_APPLICATION_IDS = (b"GPKG", b"GP10", b"GP11")
_ENVELOPE_BYTES = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}


def read_geopackage(path: Path, *, layer: str | None = None, judge: bool = True) -> FeatureTable:
    """All features of one feature table (the only one, or ``layer``), geometry in longitude, latitude.

    Raises FileFormatError: "geopackage-not", "geopackage-broken", "layer-choose", and what
    :func:`coverage.readers.crs.to_lonlat` raises.
    """
    if not path.is_file():
        read_bytes(path)  # raises the sentence about a missing file
    with path.open("rb") as handle:
        head = handle.read(72)
    if head[:16] != b"SQLite format 3\x00" or head[68:72] not in _APPLICATION_IDS:
        raise FileFormatError(
            "geopackage-not",
            f"「{path.name}」は GeoPackage ではありません。種類の違うファイルでないかを確かめてください。",
            f"'{path.name}' is not a GeoPackage; check that it is the right file.",
        )
    try:
        # immutable: no journal is looked for and nothing is written beside the file.
        database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            return _read(database, path.name, layer, judge)
        finally:
            database.close()
    except (
        sqlite3.Error,
        struct.error,
        shapely.errors.ShapelyError,
        UnicodeDecodeError,
        KeyError,
    ) as problem:
        raise FileFormatError(
            "geopackage-broken",
            f"「{path.name}」は GeoPackage として読めません（{problem}）。途中で切れていないかを確かめ、入手し直してください。",
            f"'{path.name}' cannot be read as a GeoPackage ({problem}); check that it is complete and get it again.",
        ) from None


def _read(database: sqlite3.Connection, name: str, layer: str | None, judge: bool) -> FeatureTable:
    layers = {
        row[0]: (row[1], row[2])
        for row in database.execute(
            "SELECT c.table_name, g.column_name, g.srs_id FROM gpkg_contents c "
            "JOIN gpkg_geometry_columns g ON g.table_name = c.table_name "
            "JOIN sqlite_master m ON m.name = c.table_name AND m.type = 'table' "
            "WHERE c.data_type = 'features' ORDER BY c.table_name"
        )
    }
    chosen = layer if layer is not None else next(iter(layers)) if len(layers) == 1 else None
    if chosen is None or chosen not in layers:
        shown = "、".join(layers) or "なし"
        raise FileFormatError(
            "layer-choose",
            f"「{name}」の層は {shown} です。options の layer で、その中の一つを選んでください。",
            f"'{name}' has the layers {', '.join(layers) or 'none'}; choose one of them with the option 'layer'.",
        )
    column, srs_id = layers[chosen]
    crs = _crs(database, srs_id)
    quoted = chosen.replace('"', '""')
    cursor = database.execute(f'SELECT * FROM "{quoted}" ORDER BY rowid')
    columns = [entry[0] for entry in cursor.description]
    blobs: list[bytes | None] = []
    properties: list[dict[str, Any]] = []
    for row in cursor:
        record = dict(zip(columns, row, strict=True))
        blobs.append(record.pop(column))
        properties.append(record)
    geometries = np.empty(len(blobs), dtype=object)
    geometries[:] = [None if blob is None else _geometry(blob) for blob in blobs]
    placed = to_lonlat(geometries, crs, name=name, judge=judge)
    return FeatureTable(
        name,
        tuple(
            Feature(number, geometry, own)
            for number, (geometry, own) in enumerate(zip(placed, properties, strict=True), start=1)
        ),
    )


def _crs(database: sqlite3.Connection, srs_id: int) -> int | str | None:
    row = database.execute(
        "SELECT organization, organization_coordsys_id, definition FROM gpkg_spatial_ref_sys WHERE srs_id = ?",
        (srs_id,),
    ).fetchone()
    if row is None:
        return None
    organization, code, definition = row
    if is_undefined(srs_id, organization, definition):
        return None
    return int(code) if str(organization).upper() == "EPSG" else str(definition)


def is_undefined(srs_id: int, organization: object, definition: object) -> bool:
    """Whether a row of gpkg_spatial_ref_sys stands for "no system": -1 and 0 by OGC 12-128 (requirement 11), and the row
    that GDAL writes under a number of its own for a layer without one."""
    own = str(organization).upper() in ("GDAL", "NONE") and "undefined" in str(definition).lower()
    return srs_id in (-1, 0) or own


def _geometry(blob: bytes) -> BaseGeometry | None:
    """GeoPackageBinary: magic GP, version, flags, srs id, envelope, then well-known binary."""
    if blob[:2] != b"GP":
        raise struct.error("a geometry does not begin with GP")
    flags = blob[3]
    start = 8 + _ENVELOPE_BYTES[flags >> 1 & 0b111]
    geometry = shapely.force_2d(shapely.from_wkb(blob[start:]))
    return None if geometry is None or geometry.is_empty else geometry
